/* cmd_show.c – `cyto5 show FILE [PATH]`: what is in a container, at a glance; one experiment; or any one object.
 * Only what is printed is opened, so that a container of ten thousand experiments is told as fast as one of ten. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cli/cli.h"
#include "cli/print.h"
#include "container/experiment.h"
#include "container/lock.h"
#include "container/models.h"
#include "container/object.h"
#include "container/run.h"

#define MANY 20   /* experiments above this are summed up unless --all */
#define SAMPLE 12 /* names then shown */

struct show { bool json, all; };
static const c5_opt show_opts[] = {
	{ "all", C5_OPT_BOOL, offsetof(struct show, all), NULL, 0, 0, NULL, NULL, "every experiment, however many there are" },
	{ "json", C5_OPT_BOOL, offsetof(struct show, json), NULL, 0, 0, NULL, NULL, "answer in JSON" },
	{ 0 },
};

#define DIMS 18 /* columns for a shape */

/* "25 x 1040 x 1392", or "120x12x2160x2560" where that is too wide. */
static char *dims_text(char to[128], const c5_object *o)
{
	char count[C5_SIZE_TEXT];
	to[0] = '\0';
	if (o->kind == C5_KIND_TABLE) {
		snprintf(to, 128, "%s row%s", c5_count_text(count, o->dims[0]), o->dims[0] == 1 ? "" : "s");
		return to;
	}
	for (int wide = 1; wide >= 0; wide--) {
		size_t n = 0;
		for (int i = 0; i < o->rank && n < 100; i++)
			n += (size_t)snprintf(to + n, 128 - n, "%s%llu", i == 0 ? "" : wide ? " x " : "x", (unsigned long long)o->dims[i]);
		if (n <= DIMS) break;
	}
	return to;
}

static void json_object(c5_buf *b, const c5_object *o)
{
	c5_json_str(b, "kind", c5_kind_name(o->kind));
	if (o->target) c5_json_str(b, "target", o->target);
	if (o->kind == C5_KIND_GROUP || o->kind == C5_KIND_LINK) return;
	c5_json_key(b, "dims");
	c5_text_add(b, "[");
	for (int i = 0; i < o->rank; i++) c5_text_addf(b, "%s%llu", i ? ", " : "", (unsigned long long)o->dims[i]);
	c5_text_add(b, "]");
	c5_json_str(b, "dtype", o->type);
	c5_json_int(b, "bytes", (int64_t)o->raw);
	c5_json_int(b, "stored_bytes", (int64_t)o->stored);
}

/* One line of an experiment: product, name, shape, type, size unpacked -> packed and the ratio. */
static void print_line(const char *product, const char *name, const c5_object *o, const char *note)
{
	char dims[128], raw[C5_SIZE_TEXT], stored[C5_SIZE_TEXT];
	printf("  ");
	c5_put_cell(product, 12);
	printf(" ");
	c5_put_cell(name, 14);
	printf(" ");
	c5_put_cell(dims_text(dims, o), DIMS);
	printf(" ");
	c5_put_cell(o->kind == C5_KIND_TABLE ? "" : o->type, 7);
	printf(" %9s -> %9s", c5_size_text(raw, o->raw), c5_size_text(stored, o->stored));
	if (o->stored && o->raw) printf(" %5.1fx", (double)o->raw / (double)o->stored);
	if (note && *note) printf("  %s%s%s", c5_ink(C5_DIM), note, c5_ink(C5_PLAIN));
	putchar('\n');
}

/* A dataset, or the datasets of a group, as lines or JSON members. */
static int show_data(c5_file *f, const char *path, const char *product, const char *name, const char *note, c5_buf *json)
{
	c5_object o;
	char **names = NULL;
	size_t n = 0;
	int err = c5_object_look(&o, f, path);
	if (err < 0) return err;
	if (o.kind != C5_KIND_GROUP) {
		if (json) json_object(json, &o);
		else print_line(product, name, &o, note);
	} else if ((err = c5_list(f, path, &names, &n)) == C5_OK) {
		if (json) c5_json_str(json, "kind", "group");
		for (size_t i = 0; err == C5_OK && i < n; i++) {
			char *below = c5_format("%s/%s", path, names[i]), *label = c5_format("%s/%s", name, names[i]);
			c5_object part;
			if (!below || !label) err = c5_fail(C5_ENOMEM, "out of memory");
			else if ((err = c5_object_look(&part, f, below)) == C5_OK) {
				bool data = part.kind == C5_KIND_ARRAY || part.kind == C5_KIND_TABLE;
				if (data && json) {
					c5_json_key(json, names[i]);
					c5_text_add(json, "{");
					json_object(json, &part);
					c5_text_add(json, "}");
				} else if (data) print_line(product, label, &part, note);
				c5_object_free(&part);
			}
			free(label);
			free(below);
		}
		c5_names_free(names, n);
	}
	c5_object_free(&o);
	return err;
}

static int show_channels(c5_file *f, const char *group, c5_buf *json)
{
	char **names = NULL;
	size_t n = 0;
	int err = c5_list(f, group, &names, &n);
	if (json) c5_json_key(json, "channels"), c5_text_add(json, "{");
	for (size_t i = 0; err == C5_OK && i < n; i++) {
		char *path = c5_format("%s/%s", group, names[i]), *modality = NULL;
		c5_object o;
		if (!path) { err = c5_fail(C5_ENOMEM, "out of memory"); break; }
		if ((err = c5_object_look(&o, f, path)) == C5_OK && o.kind == C5_KIND_ARRAY) {
			(void)c5_attr_get_str(f, path, "modality", &modality);
			if (json) {
				c5_json_key(json, names[i]);
				c5_text_add(json, "{");
				json_object(json, &o);
				c5_json_str(json, "modality", modality);
				c5_text_add(json, "}");
			} else print_line("raw", names[i], &o, modality && strcmp(modality, names[i]) != 0 ? modality : NULL);
		}
		if (err == C5_OK) c5_object_free(&o);
		free(modality);
		free(path);
	}
	if (json) c5_text_add(json, "}");
	c5_names_free(names, n);
	return err == C5_ENOTFOUND ? C5_OK : err;
}

/* The revisions of one product: the latest in full, how many there are. */
static int show_product(c5_file *f, const char *experiment, const char *product, c5_buf *json)
{
	char *group = c5_format("/experiments/%s/%s", experiment, product), *path = NULL, **names = NULL, note[64] = "";
	size_t n = 0, revisions = 0;
	uint32_t latest = 0, newest = 0;
	int err = group ? c5_list(f, group, &names, &n) : c5_fail(C5_ENOMEM, "out of memory");
	if (err < 0) goto done;
	for (size_t i = 0; i < n; i++)
		if (c5_revision_number(names[i])) revisions++, newest = c5_revision_number(names[i]) > newest ? c5_revision_number(names[i]) : newest;
	if (revisions == 0 || (err = c5_revision_latest(f, experiment, product, &latest)) < 0) goto done;
	uint32_t shown = latest ? latest : newest;
	if (!latest) snprintf(note, sizeof note, "not yet complete");
	else if (revisions > 1) snprintf(note, sizeof note, "latest of %zu", revisions);
	if (!(path = c5_format("%s/%s", group, c5_revision_name(shown)))) { err = c5_fail(C5_ENOMEM, "out of memory"); goto done; }
	if (json) {
		c5_json_key(json, product);
		c5_text_add(json, "{");
		c5_json_str(json, "latest", latest ? c5_revision_name(latest) : NULL);
		c5_json_key(json, "revisions");
		c5_text_add(json, "[");
		for (size_t i = 0; i < n; i++)
			if (c5_revision_number(names[i])) c5_json_str(json, NULL, names[i]);
		c5_text_add(json, "]");
	}
	err = show_data(f, path, product, c5_revision_name(shown), note, json);
	if (json) c5_text_add(json, "}");
done:
	c5_names_free(names, n);
	free(path);
	free(group);
	return err == C5_ENOTFOUND ? C5_OK : err;
}

static void add_word(char *to, size_t cap, const char *format, const char *word)
{
	if (!word || !*word) return;
	if (*to) snprintf(to + strlen(to), cap - strlen(to), ", ");
	snprintf(to + strlen(to), cap - strlen(to), format, word);
}

static int show_heading(c5_file *f, const char *path, const char *name, c5_buf *json)
{
	char *texts[C5_EXPERIMENT_TEXTS] = { NULL }, words[512] = "", number[C5_REAL_TEXT + 32], real[C5_REAL_TEXT];
	double pixel = NAN, interval = NAN;
	for (int i = 0; i < C5_EXPERIMENT_TEXTS; i++) (void)c5_attr_get_str(f, path, c5_experiment_texts[i], &texts[i]);
	(void)c5_attr_get_f64(f, path, "pixel_size_um", &pixel);
	(void)c5_attr_get_f64(f, path, "frame_interval_s", &interval);
	if (json) {
		c5_json_str(json, "name", name);
		for (int i = 0; i < C5_EXPERIMENT_TEXTS; i++)
			if (texts[i]) c5_json_str(json, c5_experiment_texts[i], texts[i]);
		c5_json_real(json, "pixel_size_um", pixel);
		c5_json_real(json, "frame_interval_s", interval);
	} else {
		static const char *const formats[C5_EXPERIMENT_TEXTS] = { "plate %s", "well %s", "position %s", "%s", "%s", "%s", "replicate %s" };
		for (int i = 0; i < C5_EXPERIMENT_TEXTS; i++) add_word(words, sizeof words, formats[i], texts[i]);
		snprintf(number, sizeof number, "%s um/px", c5_text_real(real, pixel));
		if (isfinite(pixel)) add_word(words, sizeof words, "%s", number);
		snprintf(number, sizeof number, "a frame every %s s", c5_text_real(real, interval));
		if (isfinite(interval)) add_word(words, sizeof words, "%s", number);
		printf("%s%s%s%s%s\n", c5_ink(C5_BOLD), name, c5_ink(C5_PLAIN), words[0] ? "  " : "", words);
	}
	for (int i = 0; i < C5_EXPERIMENT_TEXTS; i++) free(texts[i]);
	return C5_OK;
}

static int show_experiment(c5_file *f, const char *name, c5_buf *json)
{
	static const char *const order[] = { "masks", "frames", "objects", "crops", "tracks", "scores", "score_frames", "score_tracks", "explain", "stain" };
	char *path = c5_format("/experiments/%s", name), *raw = c5_format("/experiments/%s/raw", name);
	int err = path && raw ? show_heading(f, path, name, json) : c5_fail(C5_ENOMEM, "out of memory");
	if (err == C5_OK) err = show_channels(f, raw, json);
	for (size_t i = 0; err == C5_OK && i < sizeof order / sizeof *order; i++) err = show_product(f, name, order[i], json);
	free(raw);
	free(path);
	return err;
}

/* ---- the whole file ---- */

typedef struct top { char *title, *schema, *created, *uuid; c5_run_info last; size_t runs; bool held; } top;

static int read_top(c5_file *f, top *t)
{
	char **names;
	uint32_t number;
	memset(t, 0, sizeof *t);
	(void)c5_attr_get_str(f, "/", "title", &t->title);
	(void)c5_attr_get_str(f, "/", "created", &t->created);
	(void)c5_attr_get_str(f, "/", "uuid", &t->uuid);
	int err = c5_attr_get_str(f, "/", "schema_version", &t->schema);
	if (err < 0 || (err = c5_list(f, "/runs", &names, &t->runs)) < 0) return err;
	c5_names_free(names, t->runs);
	t->held = c5_lock_held(c5_file_path(f)) == 1;
	if ((err = c5_run_last(f, &number)) < 0 || number == 0) return err;
	t->held = t->held || c5_run_alive(c5_file_path(f), number);
	return c5_run_read(f, number, &t->last);
}

static void free_top(top *t)
{
	free(t->title);
	free(t->schema);
	free(t->created);
	free(t->uuid);
	c5_run_info_free(&t->last);
}

/* A line a model; `cyto5 model show` has the rest. */
static int show_models(c5_file *f, c5_buf *json)
{
	char **names = NULL, count[C5_SIZE_TEXT];
	size_t n = 0;
	int err = c5_list(f, "/models", &names, &n);
	if (err < 0) return err == C5_ENOTFOUND ? C5_OK : err;
	if (json) c5_json_key(json, "models"), c5_text_add(json, "[");
	else if (n) printf("\n%smodels%s\n", c5_ink(C5_BOLD), c5_ink(C5_PLAIN));
	for (size_t i = 0; i < n; i++) {
		c5_stored_model s;
		bool whole = c5_stored_model_read(f, names[i], 0, false, &s) == C5_OK;
		if (json) {
			c5_json_key(json, NULL);
			c5_text_add(json, "{");
			c5_json_str(json, "name", names[i]);
			c5_json_str(json, "revision", whole ? c5_revision_name(s.revision) : NULL);
			c5_json_str(json, "kind", whole ? s.kind : NULL);
			c5_json_int(json, "parameters", whole ? (int64_t)s.count : 0);
			c5_text_add(json, "}");
		} else {
			printf("  ");
			c5_put_cell(names[i], 24);
			if (whole) printf(" %-8s %12s parameters  %s\n", c5_revision_name(s.revision), c5_count_text(count, s.count), s.kind ? s.kind : "");
			else printf(" %s(no complete revision)%s\n", c5_ink(C5_DIM), c5_ink(C5_PLAIN));
		}
		if (whole) c5_stored_model_free(&s);
	}
	if (json) c5_text_add(json, "]");
	c5_names_free(names, n);
	return C5_OK;
}

static const char *last_state(const top *t) { return strcmp(t->last.state, "running") == 0 && !t->held ? "interrupted" : t->last.state; }

static int show_file(c5_file *f, const struct show *set)
{
	char size[C5_SIZE_TEXT], when[C5_SIZE_TEXT], count[C5_COUNTED_TEXT], **names = NULL;
	size_t n = 0;
	top t;
	c5_buf b = { 0 }, *json = set->json ? &b : NULL;
	int err = read_top(f, &t);
	if (err < 0 || (err = c5_list(f, "/experiments", &names, &n)) < 0) goto done;
	size_t whole = n <= MANY || set->all ? n : 1;
	if (json) {
		c5_text_add(json, "{");
		c5_json_str(json, "file", c5_file_path(f));
		c5_json_str(json, "title", t.title);
		c5_json_str(json, "uuid", t.uuid);
		c5_json_str(json, "created", t.created);
		c5_json_str(json, "schema_version", t.schema);
		c5_json_int(json, "bytes", (int64_t)c5_file_end(f));
		c5_json_int(json, "runs", (int64_t)t.runs);
		c5_json_str(json, "last_run", t.last.state ? c5_revision_name(t.last.number) : NULL);
		c5_json_str(json, "last_state", t.last.state ? last_state(&t) : NULL);
		c5_json_int(json, "experiments_total", (int64_t)n);
		c5_json_key(json, "experiments");
		c5_text_add(json, "[");
		if (whole < n) whole = 0; /* names alone */
	} else {
		printf("%s%s%s%s%s\n", c5_ink(C5_BOLD), c5_file_path(f), c5_ink(C5_PLAIN), t.title && *t.title ? "  " : "", t.title ? t.title : "");
		printf("%s, schema %s, %s", c5_size_text(size, c5_file_end(f)), t.schema, c5_counted(count, n, "experiment", "experiments"));
		if (t.last.state) {
			printf("\n%s; ", c5_counted(count, t.runs, "run", "runs"));
			printf("the last, %s (%s), %s, %s", c5_revision_name(t.last.number), t.last.command ? t.last.command : "?", last_state(&t),
				c5_iso_text(when, t.last.start));
		} else printf(", no runs yet");
		printf("\n");
	}
	for (size_t i = 0; err == C5_OK && i < n; i++) {
		if (!json && i >= whole) break;
		if (json) {
			c5_json_key(json, NULL);
			c5_text_add(json, "{");
			if (i < whole) err = show_experiment(f, names[i], json);
			else c5_json_str(json, "name", names[i]);
			c5_text_add(json, "}");
			continue;
		}
		putchar('\n');
		err = show_experiment(f, names[i], NULL);
	}
	if (err == C5_OK && json) c5_text_add(json, "]");
	if (err == C5_OK) err = show_models(f, json);
	if (err == C5_OK && json) {
		c5_text_add(json, "}");
		err = c5_json_print(json);
	} else if (err == C5_OK && whole < n) {
		int column = 0;
		printf("\nThe first of %s. All begin:\n ", c5_counted(count, n, "experiment", "experiments"));
		for (size_t i = 0; i < SAMPLE; i++) {
			if ((column += c5_width(names[i]) + 1) > 96) printf("\n "), column = c5_width(names[i]) + 1;
			printf(" %s", names[i]);
		}
		printf(" ... %s\n`--all` shows every one; `cyto5 show %s NAME` shows one.\n", names[n - 1], c5_file_path(f));
	}
done:
	c5_buf_free(&b);
	c5_names_free(names, n);
	free_top(&t);
	return err;
}

/* ---- one object ---- */

static int show_attributes(c5_file *f, const char *path, c5_buf *json)
{
	char **names = NULL;
	size_t n = 0;
	int err = c5_attr_list(f, path, &names, &n), width = 0;
	for (size_t i = 0; i < n; i++)
		if (c5_width(names[i]) > width) width = c5_width(names[i]);
	if (width > 30) width = 30;
	if (json) c5_json_key(json, "attributes"), c5_text_add(json, "{");
	for (size_t i = 0; err == C5_OK && i < n; i++) {
		const char *kind;
		char *value;
		if (c5_attr_look(f, path, names[i], &kind, &value) < 0) value = c5_strdup("(cannot be read)");
		if (json) c5_json_str(json, names[i], value);
		else {
			printf("  ");
			c5_put_cell(names[i], width);
			printf("  ");
			c5_put_cell(value ? value : "", value && c5_width(value) > 64 ? 64 : value ? c5_width(value) : 0);
			putchar('\n');
		}
		free(value);
	}
	if (json) c5_text_add(json, "}");
	c5_names_free(names, n);
	return err;
}

static int show_children(c5_file *f, const char *path, c5_buf *json)
{
	char **names = NULL, dims[128];
	size_t n = 0;
	int err = c5_list(f, path, &names, &n);
	bool opened = n <= 1000; /* more are named only */
	if (json) c5_json_key(json, "children"), c5_text_add(json, "[");
	for (size_t i = 0; err == C5_OK && i < n; i++) {
		char *below = c5_format("%s/%s", strcmp(path, "/") == 0 ? "" : path, names[i]);
		c5_object o = { 0 };
		if (!below) { err = c5_fail(C5_ENOMEM, "out of memory"); break; }
		bool known = opened && c5_object_look(&o, f, below) == C5_OK;
		if (json) {
			c5_json_key(json, NULL);
			c5_text_add(json, "{");
			c5_json_str(json, "name", names[i]);
			if (known) json_object(json, &o);
			c5_text_add(json, "}");
		} else if (!known) printf("  %s\n", names[i]);
		else if (o.kind == C5_KIND_ARRAY || o.kind == C5_KIND_TABLE) print_line(c5_kind_name(o.kind), names[i], &o, NULL);
		else {
			printf("  ");
			c5_put_cell(c5_kind_name(o.kind), 8);
			printf(" %s%s%s", names[i], o.target ? " -> " : "", o.target ? o.target : "");
			if (o.kind == C5_KIND_SCALE) printf("  %s", dims_text(dims, &o));
			putchar('\n');
		}
		if (known) c5_object_free(&o);
		free(below);
	}
	if (json) c5_text_add(json, "]");
	c5_names_free(names, n);
	return err;
}

static void show_columns(const c5_object *o, c5_buf *json)
{
	if (json) c5_json_key(json, "columns"), c5_text_add(json, "[");
	else printf("columns\n");
	for (size_t i = 0; i < o->n_columns; i++) {
		const c5_column *c = &o->columns[i];
		char type[32];
		if (c->text) snprintf(type, sizeof type, "text[%d]", c->text);
		else snprintf(type, sizeof type, "%s", c5_dtype_name(c->dtype));
		if (json) {
			c5_json_key(json, NULL);
			c5_text_add(json, "{");
			c5_json_str(json, "name", c->name);
			c5_json_str(json, "dtype", type);
			c5_text_add(json, "}");
		} else {
			printf("  ");
			c5_put_cell(c->name, 24);
			printf("  %s\n", type);
		}
	}
	if (json) c5_text_add(json, "]");
}

/* The path a link leads to, from where it stands. Caller frees. */
static char *followed(const char *path, const char *target)
{
	return target[0] == '/' ? c5_strdup(target) : c5_format("%.*s/%s", (int)(strrchr(path, '/') - path), path, target);
}

static int show_object(c5_file *f, const char *path, const struct show *set, int links)
{
	char dims[128], raw[C5_SIZE_TEXT], stored[C5_SIZE_TEXT], *text = NULL;
	c5_buf b = { 0 }, *json = set->json ? &b : NULL;
	c5_object o;
	int err = c5_object_look(&o, f, path);
	if (err < 0) return err;
	if (o.kind == C5_KIND_LINK) {
		char *target = followed(path, o.target);
		if (!target) err = c5_fail(C5_ENOMEM, "out of memory");
		else if (!c5_exists(f, path) || links == 0) err = c5_fail(C5_EINPUT, "%s:%s: points at %s, which is not there", c5_file_path(f), path, o.target);
		else {
			if (!json) printf("%s -> %s\n", path, o.target);
			err = show_object(f, target, set, links - 1);
		}
		free(target);
		c5_object_free(&o);
		return err;
	}
	if (json) {
		c5_text_add(json, "{");
		c5_json_str(json, "path", path);
		json_object(json, &o);
	} else {
		printf("%s%s%s  %s", c5_ink(C5_BOLD), path, c5_ink(C5_PLAIN), c5_kind_name(o.kind));
		if (o.rank)
			printf(", %s%s%s, %s -> %s", dims_text(dims, &o), o.kind == C5_KIND_TABLE ? "" : " ", o.kind == C5_KIND_TABLE ? "" : o.type,
				c5_size_text(raw, o.raw), c5_size_text(stored, o.stored));
		putchar('\n');
	}
	err = show_attributes(f, path, json);
	if (err == C5_OK && o.n_columns) show_columns(&o, json);
	if (err == C5_OK && o.kind == C5_KIND_GROUP) err = show_children(f, path, json);
	if (err == C5_OK && o.kind == C5_KIND_TEXT && (err = c5_text_get(f, path, &text)) == C5_OK) {
		if (json) c5_json_str(json, "text", text);
		else printf("%s%s", text, *text && text[strlen(text) - 1] == '\n' ? "" : "\n");
	}
	if (err == C5_OK && json) {
		c5_text_add(json, "}");
		err = c5_json_print(json);
	}
	c5_buf_free(&b);
	free(text);
	c5_object_free(&o);
	return err;
}

/* A path, or the name of an experiment. */
static int show_path(c5_file *f, const char *word, const struct show *set)
{
	if (strcmp(word, "/") == 0) return show_object(f, word, set, 0);
	char *path = word[0] == '/' ? c5_strdup(word) : c5_format("/experiments/%s", word);
	if (!path) return c5_fail(C5_ENOMEM, "out of memory");
	while (strlen(path) > 1 && path[strlen(path) - 1] == '/') path[strlen(path) - 1] = '\0';
	int err;
	const char *name = strncmp(path, "/experiments/", 13) == 0 ? path + 13 : NULL;
	if (name && *name && !strchr(name, '/') && c5_exists(f, path)) {
		c5_buf b = { 0 };
		if (set->json) c5_text_add(&b, "{");
		err = show_experiment(f, name, set->json ? &b : NULL);
		if (set->json && err == C5_OK) {
			c5_text_add(&b, "}");
			err = c5_json_print(&b);
		}
		c5_buf_free(&b);
	} else if (word[0] != '/' && !c5_exists(f, path))
		err = c5_fail(C5_ENOTFOUND, "%s: no experiment '%s'; `cyto5 show %s /experiments` lists them", c5_file_path(f), word, c5_file_path(f));
	else err = show_object(f, path, set, 8);
	free(path);
	return err;
}

static int run(int argc, char **argv)
{
	struct show set = { 0 };
	const c5_opt_group groups[] = { { "Showing", show_opts, &set }, { NULL, NULL, NULL } };
	c5_file *f = NULL;
	c5_cli cli;
	int err = c5_cli_open(&cli, &c5_cmd_show, groups, argc, argv, 1, 2);
	if (err < 0 || cli.helped) goto done;
	if ((err = c5_file_open(&f, cli.words[0], C5_READ, NULL)) < 0) goto done;
	err = cli.n > 1 ? show_path(f, cli.words[1], &set) : show_file(f, &set);
done:
	c5_file_close(f);
	c5_cli_close(&cli, groups);
	return err;
}

const c5_command c5_cmd_show = {
	"show", C5_LOOK, "show what is in a container", "FILE [EXPERIMENT | PATH] [--all] [--json]",
	"cyto5 show plate.h5\n"
	"cyto5 show plate.h5 A01\n"
	"cyto5 show plate.h5 /experiments/A01/objects/latest\n",
	run,
};
