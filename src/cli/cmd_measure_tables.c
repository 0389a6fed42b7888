/* cmd_measure_tables.c – `cyto5 measure classification` and `plates`: figures from tables. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/measure.h"
#include "measure/classify.h"
#include "measure/plates.h"
#include "measure/table.h"

/* ---- classification ---- */

static int read_truth(bool *truth, const c5_table *t, size_t column, const char *positive)
{
	bool any = false;
	for (size_t i = 0; i < t->rows; i++) {
		const char *cell = c5_table_cell(t, i, column);
		if (positive) {
			truth[i] = !strcmp(cell, positive);
			any = any || truth[i];
		} else if (!strcmp(cell, "1") || !strcmp(cell, "0")) {
			truth[i] = *cell == '1';
		} else if (c5_text_to_bool(&truth[i], cell) < 0) {
			return c5_fail(C5_EINPUT, "%s:%llu: column %s: '%.40s' is neither 1 nor 0; name the positive class with --positive", t->path, t->lines[i],
				t->names[column], cell);
		}
	}
	return positive && !any ? c5_fail(C5_EINPUT, "%s: no row's %s is '%s', which --positive names", t->path, t->names[column], positive) : C5_OK;
}

struct cell { const char *text; size_t row; };

static int by_text(const void *x, const void *y) { return strcmp(((const struct cell *)x)->text, ((const struct cell *)y)->text); }

/* Numbers equal cells alike, in order of their text. */
static int number_groups(uint32_t *group, uint32_t *groups, const c5_table *t, size_t column)
{
	struct cell *cells;
	int err = c5_alloc(&cells, t->rows, sizeof *cells);
	if (err < 0) return err;
	for (size_t i = 0; i < t->rows; i++) cells[i] = (struct cell){ c5_table_cell(t, i, column), i };
	qsort(cells, t->rows, sizeof *cells, by_text);
	*groups = 0;
	for (size_t i = 0; i < t->rows; i++) {
		if (!i || strcmp(cells[i].text, cells[i - 1].text)) ++*groups;
		group[cells[i].row] = *groups - 1;
	}
	free(cells);
	return C5_OK;
}

int c5_measure_classification_kind(c5_figures *to, c5_buf *notes, const c5_measure_set *set, const char *file)
{
	c5_table t = { 0 };
	bool *truth = NULL;
	double *score = NULL;
	uint32_t *group = NULL, groups = 0;
	size_t truth_at, score_at, group_at = 0;
	int err;
	if (file) return c5_fail(C5_EUSAGE, "classification: %s: one operand is expected, the table goes to --table (see --help)", file);
	if ((err = c5_measure_need("classification", "table", set->table, "a CSV file with columns truth and score")) < 0 ||
	    (err = c5_table_read(&t, set->table)) < 0 || (err = c5_table_column(&t, set->truth, &truth_at)) < 0 ||
	    (err = c5_table_column(&t, set->score, &score_at)) < 0)
		goto done;
	bool grouped = set->group != NULL;
	for (size_t i = 0; !grouped && i < t.columns; i++) grouped = !strcmp(t.names[i], "group");
	if (grouped && (err = c5_table_column(&t, set->group ? set->group : "group", &group_at)) < 0) goto done;
	if ((err = c5_alloc(&truth, t.rows, sizeof *truth)) < 0 || (err = c5_alloc(&score, t.rows, sizeof *score)) < 0 ||
	    (err = c5_alloc(&group, t.rows, sizeof *group)) < 0 || (err = read_truth(truth, &t, truth_at, set->positive)) < 0)
		goto done;
	for (size_t i = 0; i < t.rows; i++)
		if ((err = c5_table_real(&t, i, score_at, &score[i])) < 0) goto done;
	if (grouped && (err = number_groups(group, &groups, &t, group_at)) < 0) goto done;
	const c5_scored scored = { t.rows, truth, score, grouped ? group : NULL, groups };
	const c5_classify_params params = { .threshold = set->threshold, .bins = set->bins, .resamples = set->resamples, .seed = (uint64_t)set->seed };
	err = c5_classify_figures(to, &scored, &params);
	c5_text_addf(notes, "\"seed\":%lld,\"resamples\":%lld,\"grouped\":%s,", (long long)set->seed, (long long)set->resamples, grouped ? "true" : "false");
done:
	c5_table_free(&t);
	free(truth);
	free(score);
	free(group);
	return err;
}

/* ---- plates ---- */

static void plate_figures(c5_figures *to, const char *chapter, const char *suffix, const c5_plate_quality *q)
{
	const struct { const char *name; double value; const char *explain; } rows[] = {
		{ "Z_prime", q->z_prime, "1 - 3 (sd + sd) / |mean - mean| of the controls; 1 is perfect, above 0.5 a good assay, may be negative" },
		{ "SSMD", q->ssmd, "difference of the means in units of the sd of a difference of two wells" },
		{ "robust_Z_prime", q->robust_z_prime, "Z' with median and MAD: not led astray by single wells" },
		{ "robust_SSMD", q->robust_ssmd, "SSMD with median and MAD" },
		{ "signal_to_background", q->signal_to_background, "mean of the positive over mean of the negative controls" },
		{ "CV_positive", q->cv_positive, "sd over mean of the positive controls" },
		{ "CV_negative", q->cv_negative, "sd over mean of the negative controls" },
		{ "mean_positive", q->mean_positive, NULL }, { "mean_negative", q->mean_negative, NULL },
		{ "sd_positive", q->sd_positive, NULL }, { "sd_negative", q->sd_negative, NULL },
	};
	char name[96];
	for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
		snprintf(name, sizeof name, "%s%s", rows[k].name, suffix);
		c5_figures_add(to, chapter, name, rows[k].value, rows[k].explain);
	}
	snprintf(name, sizeof name, "wells_positive%s", suffix);
	c5_figures_count(to, chapter, name, q->n_positive, NULL);
	snprintf(name, sizeof name, "wells_negative%s", suffix);
	c5_figures_count(to, chapter, name, q->n_negative, NULL);
}

static int one_plate(c5_plate_quality *q, const c5_table *t, const c5_measure_set *set, size_t value, size_t control, const uint32_t *plate,
	uint32_t number)
{
	double *high = NULL, *low = NULL;
	size_t n_high = 0, n_low = 0;
	int err;
	if ((err = c5_alloc(&high, t->rows, sizeof *high)) < 0 || (err = c5_alloc(&low, t->rows, sizeof *low)) < 0) goto done;
	for (size_t i = 0; i < t->rows; i++) {
		const char *word = c5_table_cell(t, i, control);
		bool is_high = !strcmp(word, set->high), is_low = !strcmp(word, set->low);
		if (plate[i] != number || !(is_high || is_low)) continue;
		if ((err = c5_table_real(t, i, value, is_high ? &high[n_high] : &low[n_low])) < 0) goto done;
		n_high += is_high;
		n_low += !is_high;
	}
	c5_plate_measure(q, high, n_high, low, n_low);
done:
	free(high);
	free(low);
	return err;
}

int c5_measure_plates_kind(c5_figures *to, c5_buf *notes, const c5_measure_set *set, const char *file)
{
	c5_table t = { 0 };
	uint32_t *plate = NULL, plates = 1;
	size_t value, control, plate_at = SIZE_MAX, measured = 0;
	double z = 0;
	int err;
	if (file) return c5_fail(C5_EUSAGE, "plates: %s: one operand is expected, the table goes to --table (see --help)", file);
	if ((err = c5_measure_need("plates", "table", set->table, "a CSV file with a row a well")) < 0 || (err = c5_table_read(&t, set->table)) < 0 ||
	    (err = c5_table_column(&t, set->value, &value)) < 0 || (err = c5_table_column(&t, set->control, &control)) < 0 ||
	    (err = c5_alloc(&plate, t.rows, sizeof *plate)) < 0)
		goto done;
	for (size_t i = 0; i < t.columns; i++)
		if (!strcmp(t.names[i], set->plate)) plate_at = i;
	if (plate_at != SIZE_MAX && (err = number_groups(plate, &plates, &t, plate_at)) < 0) goto done;
	for (uint32_t k = 0; k < plates; k++) {
		c5_plate_quality q;
		char suffix[72] = "";
		for (size_t i = 0; plate_at != SIZE_MAX && i < t.rows && !*suffix; i++)
			if (plate[i] == k) snprintf(suffix, sizeof suffix, "(%.64s)", c5_table_cell(&t, i, plate_at));
		if ((err = one_plate(&q, &t, set, value, control, plate, k)) < 0) goto done;
		if (!isnan(q.z_prime)) {
			z += q.z_prime;
			measured++;
		}
		plate_figures(to, "Controls", suffix, &q);
	}
	c5_figures_count(to, "All plates", "plates", plates, NULL);
	c5_figures_add(to, "All plates", "Z_prime_mean", c5_ratio(z, (double)measured), "over the plates where it is defined");
	(void)notes;
done:
	c5_table_free(&t);
	free(plate);
	return err;
}
