/* rows.c – see rows.h. */
#include "pipeline/rows.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "container/run.h"

void c5_rows_free(c5_rows *t)
{
	free(t->rows);
	free(t->columns);
	memset(t, 0, sizeof *t);
}

int c5_rows_read(c5_rows *t, c5_worker *w, const char *path)
{
	const c5_array_spec *s;
	int err = c5_worker_spec(w, path, &s);
	memset(t, 0, sizeof *t);
	if (err < 0) return err;
	if (!s->n_columns) return c5_fail(C5_ESCHEMA, "%s: is no table", path);
	t->n = s->dims[0], t->row = s->row_size, t->n_columns = s->n_columns;
	if ((err = c5_alloc(&t->columns, t->n_columns, sizeof *t->columns)) == C5_OK) memcpy(t->columns, s->columns, t->n_columns * sizeof *t->columns);
	if (err == C5_OK && (err = c5_alloc(&t->rows, t->n + 1, t->row)) == C5_OK && t->n) err = c5_worker_read_rows(w, path, 0, t->n, t->rows);
	if (err < 0) c5_rows_free(t);
	return err;
}

const c5_column *c5_rows_column(const c5_rows *t, const char *name)
{
	for (size_t i = 0; i < t->n_columns; i++)
		if (strcmp(t->columns[i].name, name) == 0) return &t->columns[i];
	return NULL;
}

int c5_rows_need(const c5_column **out, const c5_rows *t, const char *path, const char *name)
{
	*out = c5_rows_column(t, name);
	return *out ? C5_OK : c5_fail(C5_ESCHEMA, "%s: a column %s is expected", path, name);
}

double c5_rows_number(const c5_rows *t, const c5_column *c, uint64_t row) { return c5_column_value(c, t->rows + row * t->row); }

bool c5_rows_text(char text[C5_VALUE_TEXT], const c5_rows *t, const c5_column *c, uint64_t row)
{
	if (c->text) {
		size_t n = c->text < C5_VALUE_TEXT ? c->text : C5_VALUE_TEXT - 1;
		memcpy(text, t->rows + row * t->row + c->offset, n);
		text[n] = '\0';
		return text[0] != '\0';
	}
	double v = c5_rows_number(t, c, row);
	if (isnan(v)) return false;
	char real[C5_REAL_TEXT];
	snprintf(text, C5_VALUE_TEXT, "%s", c5_text_real(real, v));
	return true;
}

/* ---- tracks ---- */

typedef struct node { uint32_t frame, label, track; } node;

static int by_place(const void *a, const void *b)
{
	const node *x = a, *y = b;
	if (x->frame != y->frame) return x->frame < y->frame ? -1 : 1;
	return (x->label > y->label) - (x->label < y->label);
}

char *c5_masks_behind(c5_file *f, const char *path)
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
static int same_masks(c5_file *f, const char *experiment, const char *of, const char *nodes, uint32_t number)
{
	char *truth = NULL, *of_crops = c5_masks_behind(f, of), *of_nodes = NULL;
	if (c5_attr_get_str(f, nodes, "truth", &truth) == C5_OK) of_nodes = c5_format("/experiments/%s/masks/%s", experiment, c5_revision_name(number));
	else of_nodes = c5_masks_behind(f, nodes);
	int err = of_crops && of_nodes ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
	if (err == C5_OK && *of_crops && *of_nodes && strcmp(of_crops, of_nodes) != 0)
		err = c5_fail(C5_EINPUT, "%s: the tracks are of %s, the crops of %s; cut crops of the same masks, or track them", experiment, of_nodes, of_crops);
	free(truth);
	free(of_crops);
	free(of_nodes);
	return err;
}

int c5_rows_tracks(c5_worker *w, c5_file *f, const char *experiment, const char *of, const c5_rows *index, uint32_t number, uint32_t *track)
{
	c5_rows t = { 0 };
	node *nodes = NULL;
	char *path = c5_format("/experiments/%s/tracks/%s/nodes", experiment, c5_revision_name(number));
	int err = path ? same_masks(f, experiment, of, path, number) : c5_fail(C5_ENOMEM, "out of memory");
	if (err < 0 || (err = c5_rows_read(&t, w, path)) < 0 || (err = c5_alloc(&nodes, t.n + 1, sizeof *nodes)) < 0) goto done;
	const char *const names[3] = { "frame", "label", "track" };
	const c5_column *c[3], *o[2];
	for (int i = 0; err == C5_OK && i < 3; i++) err = c5_rows_need(&c[i], &t, path, names[i]);
	for (int i = 0; err == C5_OK && i < 2; i++) err = c5_rows_need(&o[i], index, of, names[i]);
	if (err < 0) goto done;
	for (uint64_t i = 0; i < t.n; i++)
		nodes[i] = (node){ (uint32_t)c5_rows_number(&t, c[0], i), (uint32_t)c5_rows_number(&t, c[1], i), (uint32_t)c5_rows_number(&t, c[2], i) };
	qsort(nodes, t.n, sizeof *nodes, by_place);
	for (uint64_t i = 0; i < index->n; i++) {
		node want = { (uint32_t)c5_rows_number(index, o[0], i), (uint32_t)c5_rows_number(index, o[1], i), 0 };
		const node *found = bsearch(&want, nodes, t.n, sizeof *nodes, by_place);
		track[i] = found ? found->track : 0;
	}
done:
	free(nodes);
	free(path);
	c5_rows_free(&t);
	return err;
}
