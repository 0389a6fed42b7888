/* pattern.c – see pattern.h. */
#include "image/pattern.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/options.h"
#include "image/folder.h"
#include "image/names.h"

#define STEPS_MAX 200000 /* of one match: more means a pattern that fits anything */

static int no_memory(void) { return c5_fail(C5_ENOMEM, "out of memory"); }

static int field_named(const char *name, size_t n)
{
	for (int i = 0; i < C5_FIELD_N; i++)
		if (strlen(c5_field_names[i]) == n && !strncmp(c5_field_names[i], name, n)) return i;
	return -1;
}

static int unknown_field(const char *text, const char *name, size_t n)
{
	char *word = c5_format("%.*s", (int)n, name);
	if (!word) return no_memory();
	const char *near = c5_nearest(word, c5_field_names);
	int err = near ? c5_fail(C5_EUSAGE, "pattern '%s': no field {%s}; did you mean {%s}?", text, word, near)
		: c5_fail(C5_EUSAGE, "pattern '%s': no field {%s}; there are experiment, plate, well, position, condition, compound, dose, replicate, channel, "
			"modality, frame and z", text, word);
	free(word);
	return err;
}

int c5_pattern_parse(c5_pattern *out, const char *text)
{
	int fields = 0, err = C5_OK;
	memset(out, 0, sizeof *out);
	while (text[0] == '.' && text[1] == '/') text += 2;
	if (!(out->text = c5_strdup(text))) return no_memory();
	char *to = out->text; /* literals lose their doubled braces, so they fit */
	for (const char *p = text; *p && !err;) {
		if (out->n == C5_PATTERN_PARTS) {
			err = c5_fail(C5_EUSAGE, "pattern '%s': more than %d parts", text, C5_PATTERN_PARTS);
		} else if (*p == '{' && p[1] != '{') {
			const char *end = strchr(p, '}');
			int field = end ? field_named(p + 1, (size_t)(end - p - 1)) : -1;
			if (!end) err = c5_fail(C5_EUSAGE, "pattern '%s': a '{' without its '}'", text);
			else if (field < 0) err = unknown_field(text, p + 1, (size_t)(end - p - 1));
			else if (out->n && out->part[out->n - 1].field >= 0)
				err = c5_fail(C5_EUSAGE, "pattern '%s': {%s} and {%s} side by side cannot be told apart; put a separator between them", text,
					c5_field_names[out->part[out->n - 1].field], c5_field_names[field]);
			if (err < 0) break;
			out->part[out->n++].field = field;
			out->has[field] = true;
			fields++;
			p = end + 1;
		} else {
			char *from = to;
			while (*p && !(*p == '{' && p[1] != '{')) {
				if ((*p == '{' || *p == '}') && p[1] == *p) p++;
				out->depth += *p == '/';
				*to++ = *p++;
			}
			out->part[out->n].field = -1;
			out->part[out->n].literal = from;
			out->part[out->n++].n = (size_t)(to - from);
		}
	}
	if (!err && !fields) err = c5_fail(C5_EUSAGE, "pattern '%s' has no field; e.g. '{well}_{channel}_t{frame}.tif'", text);
	if (!err && *text == '/') err = c5_fail(C5_EUSAGE, "pattern '%s' begins with '/'; write it as seen from the INPUT folder", text);
	if (err < 0) c5_pattern_free(out);
	return err;
}

void c5_pattern_free(c5_pattern *pattern)
{
	free(pattern->text);
	memset(pattern, 0, sizeof *pattern);
}

struct match {
	const c5_pattern *pattern;
	const char *path;
	c5_span now[C5_FIELD_N], first[C5_FIELD_N], second[C5_FIELD_N];
	int found;
	unsigned steps;
	bool plain_wells; /* wells as c5_name_is_well has them */
};

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static void try(struct match *m, size_t k, size_t at)
{
	const char *s = m->path + at;
	if (m->found > 1 || ++m->steps > STEPS_MAX) return;
	if (k == m->pattern->n) {
		if (*s) return;
		memcpy(m->found++ ? m->second : m->first, m->now, sizeof m->now);
		return;
	}
	int field = m->pattern->part[k].field;
	if (field < 0) {
		size_t n = m->pattern->part[k].n;
		if (!strncmp(s, m->pattern->part[k].literal, n)) try(m, k + 1, at + n);
		return;
	}
	c5_span before = m->now[field];
	bool number = field == C5_FIELD_FRAME || field == C5_FIELD_Z;
	for (size_t n = 1; s[n - 1] && s[n - 1] != '/' && (!number || (is_digit(s[n - 1]) && n <= 15)); n++) {
		if (before.n && (before.n != n || memcmp(m->path + before.at, s, n))) continue;
		if (field == C5_FIELD_WELL && m->plain_wells && !c5_name_is_well(s, n)) continue;
		m->now[field] = (c5_span){ at, n };
		try(m, k + 1, at + n);
	}
	m->now[field] = before;
}

int c5_pattern_match(const c5_pattern *pattern, const char *path, bool *matches, c5_span spans[C5_FIELD_N])
{
	struct match m = { .pattern = pattern, .path = path, .plain_wells = pattern->has[C5_FIELD_WELL] };
	try(&m, 0, 0);
	if (!m.found && m.plain_wells && m.steps <= STEPS_MAX) {
		m.plain_wells = false;
		m.steps = 0;
		try(&m, 0, 0);
	}
	*matches = m.found == 1 && m.steps <= STEPS_MAX;
	if (m.steps > STEPS_MAX) return c5_fail(C5_EINPUT, "%s: fits the pattern in too many ways; put more fixed text into the pattern", path);
	for (int f = 0; f < C5_FIELD_N && m.found > 1; f++)
		if (memcmp(&m.first[f], &m.second[f], sizeof m.first[f]))
			return c5_fail(C5_EINPUT, "%s: fits the pattern in two ways, with %s '%.*s' or '%.*s'; put more fixed text into the pattern", path,
				c5_field_names[f], (int)m.first[f].n, path + m.first[f].at, (int)m.second[f].n, path + m.second[f].at);
	memcpy(spans, m.first, sizeof m.first);
	return C5_OK;
}

static int64_t number_of(const char *path, c5_span span)
{
	int64_t v = 0;
	for (size_t i = 0; i < span.n; i++) v = v * 10 + (path[span.at + i] - '0');
	return v;
}

/* The files of one gathering by pattern. */
struct hunt {
	c5_gather *g;
	c5_pattern pattern;
	const char *root, *name;  /* folder the pattern starts from, and its name */
	size_t seen, taken;
	char *sample;             /* a file that did not match */
};

static int consider(struct hunt *h, const char *relative)
{
	c5_span spans[C5_FIELD_N];
	c5_entry *e;
	bool matches;
	int err = c5_pattern_match(&h->pattern, relative, &matches, spans);
	if (err < 0) return err;
	h->seen++;
	if (!matches) return h->sample || (h->sample = c5_strdup(relative)) ? C5_OK : no_memory();
	char *path = c5_name_join(h->root, relative);
	if (!path) return no_memory();
	err = c5_gather_add(h->g, path, &e);
	free(path);
	if (err < 0) return err;
	h->taken++;
	e->unit = h->g->units;
	e->plate_of_channels = h->pattern.has[C5_FIELD_CHANNEL];
	for (int f = 0; f < C5_FIELD_N; f++) {
		if (!spans[f].n) continue;
		if (f == C5_FIELD_FRAME) e->frame = number_of(relative, spans[f]);
		else if (f == C5_FIELD_Z) e->z = number_of(relative, spans[f]);
		else if (!(e->field[f] = c5_format("%.*s", (int)spans[f].n, relative + spans[f].at))) return no_memory();
	}
	for (int f = C5_FIELD_CONDITION; f <= C5_FIELD_REPLICATE; f++) { /* names an experiment only where no plate, well or position does */
		if (!e->field[f]) continue;
		char *more = e->name ? c5_format("%s_%s", e->name, e->field[f]) : c5_strdup(e->field[f]);
		free(e->name);
		if (!(e->name = more)) return no_memory();
	}
	return e->name || (e->name = c5_strdup(h->name)) ? C5_OK : no_memory();
}

/* below: folder relative to the root, "" for itself. */
static int hunt_in(struct hunt *h, const char *below, size_t depth)
{
	c5_folder listing;
	char *path = *below ? c5_name_join(h->root, below) : c5_strdup(h->root);
	if (!path) return no_memory();
	int err = c5_folder_read(&listing, path);
	free(path);
	if (err < 0) return err;
	size_t n = depth ? listing.n_folders : listing.n_files;
	for (size_t i = 0; i < n && !err; i++) {
		const char *name = depth ? listing.folders[i] : listing.files[i];
		char *relative = *below ? c5_name_join(below, name) : c5_strdup(name);
		if (!relative) err = no_memory();
		else err = depth ? hunt_in(h, relative, depth - 1) : consider(h, relative);
		free(relative);
	}
	c5_folder_free(&listing);
	return err;
}

int c5_gather_pattern(c5_gather *g, const char *pattern, const char *input)
{
	struct hunt h = { .g = g };
	struct stat st;
	char *root = NULL, *above;
	int err = c5_pattern_parse(&h.pattern, pattern);
	if (err < 0) return err;
	bool file = !stat(input, &st) && !S_ISDIR(st.st_mode);
	if (!(root = c5_strdup(input))) err = no_memory();
	for (size_t i = 0; file && i <= h.pattern.depth && !err; i++) { /* one file: the pattern starts that many folders above it */
		if (!(above = c5_name_folder(root))) err = no_memory();
		free(root);
		root = above;
	}
	if (err < 0) goto done;
	h.root = root;
	h.name = c5_name_base(root);
	err = file ? consider(&h, input + strlen(root) + (strcmp(root, "/") ? 1 : 0)) : hunt_in(&h, "", h.pattern.depth);
	g->units++;
	if (!err && !h.taken) {
		if (h.sample)
			err = c5_fail(C5_EINPUT, "%s: none of %zu files matches the pattern '%s', e.g. not '%s'; fields: experiment plate well position "
				"condition compound dose replicate channel modality frame z", input, h.seen, pattern, h.sample);
		else err = c5_fail(C5_EINPUT, "%s: no file %zu folders below it, as the pattern '%s' wants", input, h.pattern.depth, pattern);
	}
done:
	free(root);
	free(h.sample);
	c5_pattern_free(&h.pattern);
	return err;
}
