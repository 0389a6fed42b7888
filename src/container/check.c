/* check.c – the walk over all objects: each against its rule of the schema, each chunk decoded; see check.h.
 * A damaged object is a finding, and the walk goes on with the next. */
#include "container/check.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "container/checking.h"
#include "container/run.h"

#define EACH 5 /* damaged chunks named for one array; the rest are counted */

void c5_finding(c5_checking *c, int severity, const char *path, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (severity == C5_ERROR) c->sum->errors++;
	else c->sum->warnings++;
	c->report(c->to, severity, path, text);
}

void c5_finding_error(c5_checking *c, const char *path)
{
	const char *text = c5_error_last(), *file = c5_file_path(c->file);
	size_t n = strlen(file), m = strlen(path);
	if (strncmp(text, file, n) == 0 && text[n] == ':') text += n + 1;
	if (strncmp(text, path, m) == 0 && strncmp(text + m, ": ", 2) == 0) text += m + 2;
	char copy[1024];
	snprintf(copy, sizeof copy, "%s", text);
	c5_finding(c, C5_ERROR, path, "%s", copy);
}

bool c5_is_ours(int err) { return err == C5_ENOMEM; }

/* ---- attributes ---- */

static int check_attr(c5_checking *c, const char *path, const c5_schema_field *want)
{
	const char *type;
	char *value;
	int err = c5_attr_look(c->file, path, want->name, &type, &value);
	if (err == C5_ENOTFOUND) {
		if (want->required) c5_finding(c, C5_ERROR, path, "attribute %s is missing: %s", want->name, want->doc);
		return C5_OK;
	}
	if (err < 0) {
		if (c5_is_ours(err)) return err;
		c5_finding_error(c, path);
		return C5_OK;
	}
	if (!c5_schema_allows(want->types, type) && !(strcmp(type, "whole") == 0 && c5_schema_allows(want->types, "real")))
		c5_finding(c, C5_ERROR, path, "attribute %s is %s, expected %s", want->name, type, want->types[0]);
	else if (want->value && strcmp(value, want->value) != 0)
		c5_finding(c, C5_ERROR, path, "attribute %s is '%.100s', expected '%s'", want->name, value, want->value);
	free(value);
	return C5_OK;
}

/* All attributes can be read, those that the schema names are as it says. */
static int check_attrs(c5_checking *c, const char *path, const c5_rule *rule)
{
	char **names = NULL;
	size_t n = 0;
	int err = c5_attr_list(c->file, path, &names, &n);
	if (err < 0) {
		if (c5_is_ours(err)) return err;
		c5_finding_error(c, path);
		return C5_OK;
	}
	for (size_t i = 0; err == C5_OK && i < n; i++) {
		const char *type;
		char *value;
		bool named = false;
		for (size_t k = 0; rule && k < rule->n_attrs; k++) named = named || strcmp(rule->attrs[k].name, names[i]) == 0;
		if (named) continue; /* below */
		if ((err = c5_attr_look(c->file, path, names[i], &type, &value)) == C5_OK) free(value);
		else if (!c5_is_ours(err)) c5_finding_error(c, path), err = C5_OK;
	}
	c5_names_free(names, n);
	for (size_t k = 0; err == C5_OK && rule && k < rule->n_attrs; k++) err = check_attr(c, path, &rule->attrs[k]);
	return err;
}

/* ---- rules ---- */

static void add_words(char *to, size_t cap, const char *const *words)
{
	for (size_t i = 0; words[i]; i++) snprintf(to + strlen(to), cap - strlen(to), "%s%s", i ? ", " : "", words[i]);
}

static void check_columns(c5_checking *c, const char *path, const c5_object *o, const c5_rule *rule)
{
	for (size_t k = 0; k < rule->n_columns; k++) {
		const c5_schema_field *want = &rule->columns[k];
		const c5_column *have = NULL;
		for (size_t i = 0; i < o->n_columns && !have; i++)
			if (strcmp(o->columns[i].name, want->name) == 0) have = &o->columns[i];
		if (!have) {
			if (want->required) c5_finding(c, C5_ERROR, path, "column %s is missing: %s", want->name, want->doc);
			continue;
		}
		const char *type = have->text ? "text" : have->dtype ? c5_dtype_name(have->dtype) : "of a foreign type";
		char all[256] = "";
		add_words(all, sizeof all, want->types);
		if (!c5_schema_allows(want->types, type)) c5_finding(c, C5_ERROR, path, "column %s is %s, expected %s", want->name, type, all);
	}
}

static void check_rule(c5_checking *c, const char *path, const c5_object *o, const c5_rule *rule)
{
	/* An empty axis has no scale made of it; a scale is a dataset of its kind only where it is marked as one. */
	if (o->kind != rule->kind) {
		c5_finding(c, C5_ERROR, path, "is %s, expected %s", c5_kind_name(o->kind), c5_kind_name(rule->kind));
		return;
	}
	if (rule->ranks && !(o->rank < 32 && rule->ranks & 1u << o->rank))
		c5_finding(c, C5_ERROR, path, "has %d dimensions, which are not those of %s", o->rank, rule->path);
	if (rule->dtypes[0] && !c5_schema_allows(rule->dtypes, o->type)) {
		char all[256] = "";
		add_words(all, sizeof all, rule->dtypes);
		c5_finding(c, C5_ERROR, path, "is of type %s, expected %s", o->type, all);
	}
	if (o->kind == C5_KIND_TABLE) check_columns(c, path, o, rule);
	if ((o->kind == C5_KIND_ARRAY || o->kind == C5_KIND_TABLE) && !o->native)
		c5_finding(c, C5_WARNING, path, "is not stored as cyto5 does it (chunks with shuffle, deflate, fletcher32): nothing guards its bytes");
}

/* The revision a path belongs to: the last rNNNNNN in it; 0 when there is none. */
static uint32_t revision_of(const char *path)
{
	uint32_t found = 0;
	char name[32];
	for (const char *p = path; (p = strchr(p, '/')); p++) {
		size_t n = strcspn(p + 1, "/");
		if (n >= sizeof name) continue;
		memcpy(name, p + 1, n);
		name[n] = '\0';
		if (c5_revision_number(name)) found = c5_revision_number(name);
	}
	return found;
}

/* Objects that must be in a group of this rule. A run makes them one after another, and may commit in between. */
static void check_required(c5_checking *c, const char *path, const c5_rule *rule)
{
	size_t n = strcmp(rule->path, "/") == 0 ? 0 : strlen(rule->path);
	bool complete;
	if (strncmp(path, "/runs/", 6) != 0 && c5_agree_revision(c, revision_of(path), &complete) && !complete) return;
	for (size_t i = 0; i < c->schema->n; i++) {
		const c5_rule *r = &c->schema->rules[i];
		const char *name = r->path + n + 1;
		if (!r->required || strncmp(r->path, rule->path, n) != 0 || r->path[n] != '/' || !*name || strchr(name, '/') || name[0] == '{') continue;
		char *child = c5_format("%s/%s", strcmp(path, "/") == 0 ? "" : path, name);
		if (child && !c5_exists(c->file, child)) c5_finding(c, C5_ERROR, child, "is missing: %s", r->doc);
		free(child);
	}
}

/* ---- data ---- */

/* A scale rises from one value to the next, all finite. */
static int check_scale(c5_checking *c, const char *path)
{
	c5_content *content;
	const void *bytes;
	size_t n;
	double last = -INFINITY;
	int err = c5_content_open(&content, c->file, path);
	while (err == C5_OK && (err = c5_content_next(content, &bytes, &n)) == C5_OK && n)
		for (size_t i = 0; i + sizeof last <= n; i += sizeof last) {
			double v;
			memcpy(&v, (const char *)bytes + i, sizeof v);
			if (!isfinite(v) || v <= last) {
				c5_finding(c, C5_ERROR, path, "does not rise at value %zu", i / sizeof v);
				goto done;
			}
			last = v;
		}
done:
	c5_content_close(content);
	if (err < 0 && !c5_is_ours(err)) c5_finding_error(c, path), err = C5_OK;
	return err;
}

/* Whether every chunk of it must be there by now. */
static bool must_be_whole(const c5_checking *c, const char *path)
{
	bool complete = true, unfinished = false;
	uint32_t number = revision_of(path);
	if (number) return c5_agree_revision(c, number, &complete) && complete;
	for (size_t i = 0; i < c->n_runs; i++) unfinished = unfinished || !c->runs[i].complete; /* what was taken in belongs to no revision */
	return !unfinished;
}

static int check_native(c5_checking *c, const char *path)
{
	c5_array *a;
	uint8_t *raw = NULL;
	int err = c5_array_open(&a, c->file, path);
	if (err < 0) goto done;
	const c5_array_spec *s = c5_array_spec_of(a);
	uint64_t chunks = c5_spec_chunks(s), there, seen = 0, missing = 0, first = 0, damaged = 0;
	if ((err = c5_array_count_chunks(a, &there)) < 0) goto done;
	if (c->set->data && (err = c5_alloc_aligned(&raw, c5_spec_chunk_bytes(s), 1)) < 0) goto done;
	for (uint64_t k = 0; k < chunks; k++) {
		const void *packed;
		size_t size;
		uint32_t mask = 0;
		if (seen == there) { /* the rest is missing, however many chunks the dataset claims */
			if (missing == 0) first = k;
			missing += chunks - k;
			break;
		}
		if (!c5_array_has_chunk(a, k)) {
			if (missing++ == 0) first = k;
			continue;
		}
		seen++;
		if (!c->set->data) continue;
		int got = c5_array_read_packed(a, k, &packed, &size, &mask);
		if (got == C5_OK) got = c5_chunk_decode(c->codec, packed, size, mask, raw, c5_spec_chunk_bytes(s), c5_spec_element(s));
		if (got == C5_OK) c->sum->chunks++, c->sum->bytes += size;
		else if (c5_is_ours(got)) { err = got; goto done; }
		else if (damaged++ < EACH) {
			char text[600];
			snprintf(text, sizeof text, "chunk %llu", (unsigned long long)k);
			if (!strstr(c5_error_last(), text)) c5_fail_in(got, "%s", text);
			c5_finding_error(c, path);
		}
		if (c->set->progress) c5_progress_at(c->sum->bytes);
	}
	if (damaged > EACH) c5_finding(c, C5_ERROR, path, "%llu chunks of %llu are damaged", (unsigned long long)damaged, (unsigned long long)chunks);
	if (missing && must_be_whole(c, path))
		c5_finding(c, C5_ERROR, path, "%llu of %llu chunks are missing, the first is %llu", (unsigned long long)missing, (unsigned long long)chunks,
			(unsigned long long)first);
done:
	free(raw);
	c5_array_close(a);
	if (err < 0 && !c5_is_ours(err)) c5_finding_error(c, path), err = C5_OK;
	return err;
}

static int check_foreign(c5_checking *c, const char *path)
{
	c5_content *content = NULL;
	const void *bytes;
	size_t n;
	int err = c5_content_open(&content, c->file, path);
	if (err == C5_EINPUT && strstr(c5_error_last(), "does not read")) return C5_OK; /* of a type we leave alone */
	while (err == C5_OK && (err = c5_content_next(content, &bytes, &n)) == C5_OK && n) c->sum->bytes += n;
	c5_content_close(content);
	if (err < 0 && !c5_is_ours(err)) c5_finding_error(c, path), err = C5_OK;
	return err;
}

static int check_data(c5_checking *c, const char *path, const c5_object *o)
{
	if (o->native) return check_native(c, path);
	if (o->kind == C5_KIND_SCALE && o->dtype == C5_F64) return check_scale(c, path);
	return c->set->data ? check_foreign(c, path) : C5_OK;
}

/* ---- links ---- */

static void check_link(c5_checking *c, const char *path, const c5_object *o, const c5_rule *rule)
{
	bool complete;
	uint32_t number = c5_revision_number(o->target);
	if (!c5_exists(c->file, path)) c5_finding(c, C5_ERROR, path, "points at %.100s, which is not there", o->target);
	if (!rule || !rule->target) return;
	if (!number) c5_finding(c, C5_ERROR, path, "points at %.100s, expected a revision rNNNNNN", o->target);
	else if (!c5_agree_revision(c, number, &complete)) c5_finding(c, C5_ERROR, path, "points at %s, which no run made", o->target);
	else if (!complete) c5_finding(c, C5_ERROR, path, "points at %s, whose run is not complete", o->target);
}

/* ---- the walk ---- */

static int walk(c5_checking *c, const char *path);

static int walk_group(c5_checking *c, const char *path, uint64_t address)
{
	char **names;
	size_t n;
	for (int i = 0; i < c->depth; i++)
		if (c->trail[i] == address && address) {
			c5_finding(c, C5_ERROR, path, "is a group inside itself");
			return C5_OK;
		}
	if (c->depth == (int)(sizeof c->trail / sizeof *c->trail)) {
		c5_finding(c, C5_ERROR, path, "lies deeper than %d groups", c->depth);
		return C5_OK;
	}
	int err = c5_list(c->file, path, &names, &n);
	if (err < 0) {
		if (c5_is_ours(err)) return err;
		c5_finding_error(c, path);
		return C5_OK;
	}
	c->trail[c->depth++] = address;
	for (size_t i = 0; err == C5_OK && i < n; i++) {
		char *child = c5_format("%s/%s", strcmp(path, "/") == 0 ? "" : path, names[i]);
		err = child ? walk(c, child) : c5_fail(C5_ENOMEM, "out of memory");
		free(child);
	}
	c->depth--;
	c5_names_free(names, n);
	return err;
}

/* Whether `path` is a name right below a room ("/experiments/"). */
static bool is_in(const char *path, const char *room)
{
	size_t n = strlen(room);
	return strncmp(path, room, n) == 0 && path[n] && !strchr(path + n, '/');
}

static int walk(c5_checking *c, const char *path)
{
	const c5_rule *rule = c5_schema_match(c->schema, path);
	c5_object o;
	bool complete;
	int err = c5_object_look(&o, c->file, path);
	if (err < 0) {
		if (c5_is_ours(err)) return err;
		c5_finding_error(c, path);
		return C5_OK;
	}
	c->sum->objects++;
	if (rule) check_rule(c, path, &o, rule);
	if (o.kind == C5_KIND_LINK) {
		check_link(c, path, &o, rule);
		goto done;
	}
	if (strcmp(o.type, "link to another file") == 0) {
		c5_finding(c, C5_WARNING, path, "leads to another file: it breaks when either moves");
		goto done;
	}
	const char *name = strrchr(path, '/') + 1;
	bool product = strncmp(path, "/experiments/", 13) == 0 || strncmp(path, "/models/", 8) == 0;
	if (rule && c5_revision_number(name) && product && !c5_agree_revision(c, c5_revision_number(name), &complete))
		c5_finding(c, C5_ERROR, path, "is of a run that is not in /runs");
	if ((err = check_attrs(c, path, rule)) < 0) goto done;
	if (o.kind == C5_KIND_GROUP) {
		if (rule) check_required(c, path, rule);
		if ((err = walk_group(c, path, o.address)) == C5_OK && is_in(path, "/experiments/")) err = c5_agree_experiment(c, path);
		if (err == C5_OK && is_in(path, "/models/")) err = c5_agree_model(c, path);
	} else err = check_data(c, path, &o);
done:
	c5_object_free(&o);
	return err;
}

int c5_check(c5_file *f, const c5_schema *schema, const c5_check_settings *set, c5_check_report *report, void *to, c5_check_summary *summary)
{
	c5_checking c = { .file = f, .schema = schema, .set = set, .report = report, .to = to, .sum = summary };
	memset(summary, 0, sizeof *summary);
	int err = c5_codec_open(&c.codec);
	if (err < 0) return err;
	if (set->progress) c5_progress_begin("checking", c5_file_end(f));
	if ((err = c5_agree_runs(&c)) == C5_OK) err = walk(&c, "/");
	if (set->progress) c5_progress_end();
	free(c.runs);
	c5_codec_close(c.codec);
	return err;
}
