/* label_values.c – see label_values.h. Tables are read whole: they are small beside the crops. */
#include "pipeline/label_values.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "container/run.h"
#include "pipeline/rows.h"

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

/* ---- from crop to row ---- */

/* rows[i]: the row of table `t` that says the value of crop i; UINT64_MAX none. */
static int values_of_rows(c5_labels *l, const c5_rows *t, const char *name, const char *where, const uint64_t *rows, uint64_t n, uint32_t *values)
{
	char text[C5_VALUE_TEXT];
	const c5_column *c = c5_rows_column(t, name);
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
		if (rows[i] < t->n && c5_rows_text(text, t, c, rows[i])) err = intern(l, text, &values[i]);
	}
	return err;
}

static int from_tracks(c5_labels *l, const c5_crops *crops, const c5_rows *index, const char *name, uint64_t *rows, uint32_t *values)
{
	c5_rows t = { 0 };
	uint32_t number = 0, *track = NULL;
	char *path = NULL;
	int err = c5_revision_latest(l->file, crops->experiment, "tracks", &number);
	if (err == C5_OK && !number) err = c5_fail(C5_ENOTFOUND, "%s: no tracks yet; make them with `cyto5 track`", crops->experiment);
	if (err < 0 || (err = c5_alloc(&track, index->n + 1, sizeof *track)) < 0 || (err = c5_rows_tracks(l->worker, l->file, crops->experiment, crops->path,
	    index, number, track)) < 0) goto done;
	if (!(path = c5_format("/experiments/%s/tracks/%s/tracks", crops->experiment, c5_revision_name(number)))) err = c5_fail(C5_ENOMEM, "out of memory");
	if (err < 0 || (err = c5_rows_read(&t, l->worker, path)) < 0) goto done;
	const c5_column *k = c5_rows_column(&t, "track");
	for (uint64_t i = 0; i < index->n; i++) {
		rows[i] = track[i] ? track[i] - 1 : UINT64_MAX; /* numbered from 1, in order */
		if (!k || rows[i] >= t.n || (uint32_t)c5_rows_number(&t, k, rows[i]) != track[i]) rows[i] = UINT64_MAX;
	}
	err = values_of_rows(l, &t, name, path, rows, index->n, values);
done:
	c5_rows_free(&t);
	free(track);
	free(path);
	return err;
}

static int from_objects(c5_labels *l, const c5_crops *crops, const c5_rows *index, const char *name, uint64_t *rows, uint32_t *values)
{
	c5_rows t = { 0 };
	char *path = NULL;
	const c5_column *o = c5_rows_column(index, "object");
	int err = c5_attr_get_str(l->file, crops->path, "input", &path);
	if (err < 0 || !o) {
		free(path);
		return c5_fail(C5_ENOTFOUND, "%s: these crops tell of no objects table", crops->path);
	}
	if ((err = c5_rows_read(&t, l->worker, path)) == C5_OK) {
		for (uint64_t i = 0; i < index->n; i++) rows[i] = (uint64_t)c5_rows_number(index, o, i);
		err = values_of_rows(l, &t, name, path, rows, index->n, values);
	}
	c5_rows_free(&t);
	free(path);
	return err;
}

static int from_tables(c5_labels *l, const c5_crops *crops, uint32_t *values)
{
	c5_rows index = { 0 };
	uint64_t *rows = NULL;
	const char *name = strchr(l->what, '.') + 1;
	size_t n = strlen(crops->path);
	char *path = c5_format("%.*sindex", (int)(n > 6 ? n - 6 : 0), crops->path); /* .../images */
	int err = path ? c5_rows_read(&index, l->worker, path) : c5_fail(C5_ENOMEM, "out of memory");
	if (err == C5_OK && index.n != crops->n)
		err = c5_fail(C5_ESCHEMA, "%s: %llu rows, there are %llu crops", path, (unsigned long long)index.n, (unsigned long long)crops->n);
	if (err == C5_OK) err = c5_alloc(&rows, index.n + 1, sizeof *rows);
	if (err == C5_OK && strncmp(l->what, "index.", 6) == 0) {
		for (uint64_t i = 0; i < index.n; i++) rows[i] = i;
		err = values_of_rows(l, &index, name, path, rows, index.n, values);
	} else if (err == C5_OK && strncmp(l->what, "objects.", 8) == 0) err = from_objects(l, crops, &index, name, rows, values);
	else if (err == C5_OK) err = from_tracks(l, crops, &index, name, rows, values);
	free(rows);
	free(path);
	c5_rows_free(&index);
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
		return c5_fail(C5_EUSAGE,
			"--label %s: expected plate, well, position, condition, compound, dose, replicate, index.COLUMN, objects.COLUMN or tracks.COLUMN", asked);
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
	if (err == C5_OK && !which && !may_lack)
		err = c5_fail(C5_EUSAGE, "nothing says the classes of the crops; name it with --label (condition, compound, objects.COLUMN ...)");
	if (err == C5_OK && which && !(found > 1 && !asked) && !(l->what = c5_strdup(which))) err = c5_fail(C5_ENOMEM, "out of memory");
	free(list);
	return err;
}
