/* label_values.c – see label_values.h. Tables are read whole: they are small beside the crops. */
#include "pipeline/label_values.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "container/run.h"

#define VALUE_TEXT 256

/* Label sets looked for when none is named: what was done to the cells, the class of imported crops, and a simulation's truth. */
static const char *const usual[] = { "condition", "compound", "dose", "index.class", "tracks.senescent", "tracks.positive", NULL };

void c5_labels_free(c5_labels *l)
{
	c5_names_free(l->values, l->n);
	free(l->what);
	l->values = NULL;
	l->what = NULL;
	l->n = l->cap = 0;
}

bool c5_labels_find(const c5_labels *l, const char *value, uint32_t *number)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->values[i], value) == 0) {
			*number = (uint32_t)i;
			return true;
		}
	return false;
}

static int intern(c5_labels *l, const char *value, uint32_t *number)
{
	if (c5_labels_find(l, value, number)) return C5_OK;
	int err = c5_grow(&l->values, &l->cap, l->n + 1, sizeof *l->values);
	if (err < 0) return err;
	if (l->n >= 100000) return c5_fail(C5_EINPUT, "%s: more than 100000 different values, these are no classes", l->what);
	if (!(l->values[l->n] = c5_strdup(value))) return c5_fail(C5_ENOMEM, "out of memory");
	*number = (uint32_t)l->n++;
	return C5_OK;
}

/* ---- tables ---- */

typedef struct table { const c5_array_spec *s; uint8_t *rows; uint64_t n; size_t row; c5_column *columns; size_t n_columns; } table;

static void table_free(table *t)
{
	free(t->rows);
	free(t->columns);
	memset(t, 0, sizeof *t);
}

static int table_read(table *t, c5_worker *w, const char *path)
{
	const c5_array_spec *s;
	int err = c5_worker_spec(w, path, &s);
	memset(t, 0, sizeof *t);
	if (err < 0) return err;
	if (!s->n_columns) return c5_fail(C5_ESCHEMA, "%s: is no table", path);
	t->n = s->dims[0], t->row = s->row_size, t->n_columns = s->n_columns;
	if ((err = c5_alloc(&t->columns, t->n_columns, sizeof *t->columns)) == C5_OK) memcpy(t->columns, s->columns, t->n_columns * sizeof *t->columns);
	if (err == C5_OK && (err = c5_alloc(&t->rows, t->n + 1, t->row)) == C5_OK && t->n) err = c5_worker_read_rows(w, path, 0, t->n, t->rows);
	if (err < 0) table_free(t);
	return err;
}

static const c5_column *column(const table *t, const char *name)
{
	for (size_t i = 0; i < t->n_columns; i++)
		if (strcmp(t->columns[i].name, name) == 0) return &t->columns[i];
	return NULL;
}

static double number_at(const table *t, const c5_column *c, uint64_t row)
{
	const uint8_t *p = t->rows + row * t->row + c->offset;
	union { uint8_t u8; uint16_t u16; uint32_t u32; uint64_t u64; int8_t i8; int16_t i16; int32_t i32; int64_t i64; float f32; double f64; } v = { .u64 = 0 };
	memcpy(&v, p, c5_dtype_size(c->dtype));
	switch (c->dtype) {
	case C5_U8: return v.u8;
	case C5_U16: return v.u16;
	case C5_U32: return v.u32;
	case C5_U64: return (double)v.u64;
	case C5_I8: return v.i8;
	case C5_I16: return v.i16;
	case C5_I32: return v.i32;
	case C5_I64: return (double)v.i64;
	case C5_F32: return v.f32;
	default: return v.f64;
	}
}

/* False for a number that is none (NaN) and an empty text. */
static bool text_at(char text[VALUE_TEXT], const table *t, const c5_column *c, uint64_t row)
{
	if (c->text) {
		size_t n = c->text < VALUE_TEXT ? c->text : VALUE_TEXT - 1;
		memcpy(text, t->rows + row * t->row + c->offset, n);
		text[n] = '\0';
		return text[0] != '\0';
	}
	double v = number_at(t, c, row);
	if (isnan(v)) return false;
	char real[C5_REAL_TEXT];
	snprintf(text, VALUE_TEXT, "%s", c5_text_real(real, v));
	return true;
}

/* ---- from crop to row ---- */

typedef struct node { uint32_t frame, label, track; } node;

static int by_place(const void *a, const void *b)
{
	const node *x = a, *y = b;
	if (x->frame != y->frame) return x->frame < y->frame ? -1 : 1;
	return (x->label > y->label) - (x->label < y->label);
}

/* The masks that a product came from, through the `input` of each; "" when that cannot be told. Caller frees. */
static char *masks_behind(c5_file *f, const char *path)
{
	char *at = c5_strdup(path);
	for (int i = 0; at && i < 6 && !strstr(at, "/masks/"); i++) {
		char *next = NULL;
		if (c5_attr_get_str(f, at, "input", &next) < 0) {
			c5_error_clear();
			at[0] = '\0';
			break;
		}
		free(at);
		at = next;
	}
	return at;
}

/* Tracks say nothing of objects that other masks gave. */
static int same_masks(c5_labels *l, const c5_crops *crops, const char *nodes, uint32_t number)
{
	char *truth = NULL, *of_crops = masks_behind(l->file, crops->path), *of_nodes = NULL;
	if (c5_attr_get_str(l->file, nodes, "truth", &truth) == C5_OK) of_nodes = c5_format("/experiments/%s/masks/%s", crops->experiment, c5_revision_name(number));
	else of_nodes = masks_behind(l->file, nodes);
	int err = of_crops && of_nodes ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
	if (err == C5_OK && *of_crops && *of_nodes && strcmp(of_crops, of_nodes) != 0)
		err = c5_fail(C5_EINPUT, "%s: the tracks are of %s, the crops of %s; cut crops of the same masks, or track them", crops->experiment, of_nodes, of_crops);
	free(truth);
	free(of_crops);
	free(of_nodes);
	return err;
}

/* The track of every row of the index; 0 none. */
static int tracks_of(c5_labels *l, const c5_crops *crops, const table *index, uint32_t number, uint32_t *track)
{
	table t = { 0 };
	node *nodes = NULL;
	char *path = c5_format("/experiments/%s/tracks/%s/nodes", crops->experiment, c5_revision_name(number));
	int err = path ? same_masks(l, crops, path, number) : c5_fail(C5_ENOMEM, "out of memory");
	if (err < 0 || (err = table_read(&t, l->worker, path)) < 0 || (err = c5_alloc(&nodes, t.n + 1, sizeof *nodes)) < 0) goto done;
	const c5_column *f = column(&t, "frame"), *b = column(&t, "label"), *k = column(&t, "track"), *of = column(index, "frame"), *ob = column(index, "label");
	if (!f || !b || !k || !of || !ob) {
		err = c5_fail(C5_ESCHEMA, "%s: columns frame, label and track are expected", path);
		goto done;
	}
	for (uint64_t i = 0; i < t.n; i++) nodes[i] = (node){ (uint32_t)number_at(&t, f, i), (uint32_t)number_at(&t, b, i), (uint32_t)number_at(&t, k, i) };
	qsort(nodes, t.n, sizeof *nodes, by_place);
	for (uint64_t i = 0; i < index->n; i++) {
		node want = { (uint32_t)number_at(index, of, i), (uint32_t)number_at(index, ob, i), 0 };
		const node *found = bsearch(&want, nodes, t.n, sizeof *nodes, by_place);
		track[i] = found ? found->track : 0;
	}
done:
	free(nodes);
	free(path);
	table_free(&t);
	return err;
}

/* rows[i]: the row of table `t` that says the value of crop i; UINT64_MAX none. */
static int values_of_rows(c5_labels *l, const table *t, const char *name, const char *where, const uint64_t *rows, uint64_t n, uint32_t *values)
{
	char text[VALUE_TEXT];
	const c5_column *c = column(t, name);
	int err = C5_OK;
	if (!c || (!c->text && !c5_dtype_size(c->dtype))) {
		c5_buf b = { 0 };
		for (size_t i = 0; i < t->n_columns; i++) c5_text_addf(&b, "%s%s", i ? ", " : "", t->columns[i].name);
		char *list = c5_text_take(&b);
		err = c5_fail(C5_ENOTFOUND, "%s: no column %s; there are %s", where, name, list ? list : "");
		free(list);
		return err;
	}
	for (uint64_t i = 0; i < n && err == C5_OK; i++) {
		values[i] = C5_LABEL_NONE;
		if (rows[i] < t->n && text_at(text, t, c, rows[i])) err = intern(l, text, &values[i]);
	}
	return err;
}

static int from_tracks(c5_labels *l, const c5_crops *crops, const table *index, const char *name, uint64_t *rows, uint32_t *values)
{
	table t = { 0 };
	uint32_t number = 0, *track = NULL;
	char *path = NULL;
	int err = c5_revision_latest(l->file, crops->experiment, "tracks", &number);
	if (err == C5_OK && !number) err = c5_fail(C5_ENOTFOUND, "%s: no tracks yet; make them with `cyto5 track`", crops->experiment);
	if (err < 0 || (err = c5_alloc(&track, index->n + 1, sizeof *track)) < 0 || (err = tracks_of(l, crops, index, number, track)) < 0) goto done;
	if (!(path = c5_format("/experiments/%s/tracks/%s/tracks", crops->experiment, c5_revision_name(number)))) err = c5_fail(C5_ENOMEM, "out of memory");
	if (err < 0 || (err = table_read(&t, l->worker, path)) < 0) goto done;
	const c5_column *k = column(&t, "track");
	for (uint64_t i = 0; i < index->n; i++) {
		rows[i] = track[i] ? track[i] - 1 : UINT64_MAX; /* numbered from 1, in order */
		if (!k || rows[i] >= t.n || (uint32_t)number_at(&t, k, rows[i]) != track[i]) rows[i] = UINT64_MAX;
	}
	err = values_of_rows(l, &t, name, path, rows, index->n, values);
done:
	table_free(&t);
	free(track);
	free(path);
	return err;
}

static int from_objects(c5_labels *l, const c5_crops *crops, const table *index, const char *name, uint64_t *rows, uint32_t *values)
{
	table t = { 0 };
	char *path = NULL;
	const c5_column *o = column(index, "object");
	int err = c5_attr_get_str(l->file, crops->path, "input", &path);
	if (err < 0 || !o) {
		free(path);
		return c5_fail(C5_ENOTFOUND, "%s: these crops tell of no objects table", crops->path);
	}
	if ((err = table_read(&t, l->worker, path)) == C5_OK) {
		for (uint64_t i = 0; i < index->n; i++) rows[i] = (uint64_t)number_at(index, o, i);
		err = values_of_rows(l, &t, name, path, rows, index->n, values);
	}
	table_free(&t);
	free(path);
	return err;
}

static int from_tables(c5_labels *l, const c5_crops *crops, uint32_t *values)
{
	table index = { 0 };
	uint64_t *rows = NULL;
	const char *name = strchr(l->what, '.') + 1;
	size_t n = strlen(crops->path);
	char *path = c5_format("%.*sindex", (int)(n > 6 ? n - 6 : 0), crops->path); /* .../images */
	int err = path ? table_read(&index, l->worker, path) : c5_fail(C5_ENOMEM, "out of memory");
	if (err == C5_OK && index.n != crops->n) err = c5_fail(C5_ESCHEMA, "%s: %llu rows, there are %llu crops", path, (unsigned long long)index.n, (unsigned long long)crops->n);
	if (err == C5_OK) err = c5_alloc(&rows, index.n + 1, sizeof *rows);
	if (err == C5_OK && strncmp(l->what, "index.", 6) == 0) {
		for (uint64_t i = 0; i < index.n; i++) rows[i] = i;
		err = values_of_rows(l, &index, name, path, rows, index.n, values);
	} else if (err == C5_OK && strncmp(l->what, "objects.", 8) == 0) err = from_objects(l, crops, &index, name, rows, values);
	else if (err == C5_OK) err = from_tracks(l, crops, &index, name, rows, values);
	free(rows);
	free(path);
	table_free(&index);
	return err;
}

static int text_index(const char *what)
{
	for (int i = 0; i < C5_EXPERIMENT_TEXTS; i++)
		if (strcmp(c5_experiment_texts[i], what) == 0) return i;
	return -1;
}

int c5_labels_of(c5_labels *l, const c5_crops *crops, const c5_experiment *e, uint32_t *values)
{
	int k = text_index(l->what), err = C5_OK;
	uint32_t v = C5_LABEL_NONE;
	if (k < 0) return from_tables(l, crops, values);
	if (e->texts[k]) err = intern(l, e->texts[k], &v);
	for (uint64_t i = 0; i < crops->n; i++) values[i] = v;
	return err;
}

/* ---- which label ---- */

static bool sensible(const char *what)
{
	return text_index(what) >= 0 || strncmp(what, "index.", 6) == 0 || strncmp(what, "objects.", 8) == 0 || strncmp(what, "tracks.", 7) == 0;
}

/* How many different values a label has, two being as good as more; 0 when it is not there. */
static int try_label(c5_labels *l, const char *what, const c5_dataset *d, const c5_experiment *experiments, size_t *values)
{
	c5_labels one = { .file = l->file, .worker = l->worker, .what = c5_strdup(what) };
	uint32_t *v = NULL;
	size_t cap = 0;
	int err = one.what ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
	for (size_t s = 0; s < d->n_sources && err == C5_OK && one.n < 2; s++) {
		if ((err = c5_grow(&v, &cap, d->sources[s].n + 1, sizeof *v)) < 0) break;
		err = c5_labels_of(&one, &d->sources[s], &experiments[s], v);
	}
	if (err != C5_ENOMEM) {
		c5_error_clear();
		if (err < 0) one.n = one.n < 2 ? 0 : one.n; /* not there, or not of these crops */
		err = C5_OK;
	}
	*values = one.n;
	free(v);
	c5_labels_free(&one);
	return err;
}

int c5_labels_choose(c5_labels *l, const char *asked, const c5_dataset *d, const c5_experiment *experiments, bool may_lack)
{
	c5_buf b = { 0 };
	size_t found = 0, values;
	const char *which = asked, *single = NULL;
	int err = C5_OK;
	if (asked && !sensible(asked))
		return c5_fail(C5_EUSAGE, "--label %s: expected plate, well, position, condition, compound, dose, replicate, index.COLUMN, objects.COLUMN or tracks.COLUMN", asked);
	for (int i = 0; !asked && usual[i] && err == C5_OK; i++) {
		if ((err = try_label(l, usual[i], d, experiments, &values)) < 0) break;
		if (values == 1 && !single) single = usual[i];
		if (values < 2) continue;
		c5_text_addf(&b, "%s%s", found++ ? ", " : "", usual[i]);
		which = usual[i];
	}
	char *list = c5_text_take(&b);
	if (err == C5_OK && !list) err = c5_fail(C5_ENOMEM, "out of memory");
	if (err == C5_OK && found > 1 && !may_lack) err = c5_fail(C5_EUSAGE, "%zu label sets (%s); choose one with --label", found, list);
	if (err == C5_OK && !which) which = single; /* one class only: whoever learns from it says so */
	if (err == C5_OK && !which && !may_lack) err = c5_fail(C5_EUSAGE, "nothing says the classes of the crops; name it with --label (condition, compound, objects.COLUMN ...)");
	if (err == C5_OK && which && !(found > 1 && !asked) && !(l->what = c5_strdup(which))) err = c5_fail(C5_ENOMEM, "out of memory");
	free(list);
	return err;
}
