/* classes.c – see classes.h. As in classify.c a resample is a number of times each group is drawn, so that its figures cost one pass over objects
 * that were sorted once, by each class' probability. */
#include "measure/classes.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/random.h"

#define SURE 0x1p-52 /* as classify.c */

enum { ACCURACY, BALANCED, F1, MCC, KAPPA, ROC_AUC, BRIER, LOG_LOSS, CALIBRATION, OVERALL };
enum { RECALL, PRECISION, AUC, PER_CLASS };

static const struct { const char *name, *explain; } overall[OVERALL] = {
	[ACCURACY] = { "accuracy", "share of objects called right" },
	[BALANCED] = { "balanced_accuracy", "mean recall of the classes: fair when one is rare" },
	[F1] = { "F1", "mean over classes of the harmonic mean of precision and recall" },
	[MCC] = { "MCC", "correlation of call and truth (Matthews, for several classes Gorodkin): 1 perfect, 0 no better than chance" },
	[KAPPA] = { "kappa", "agreement of call and truth beyond chance (Cohen)" },
	[ROC_AUC] = { "ROC_AUC", "mean over classes of the chance that an object of the class scores higher for it than one of another" },
	[BRIER] = { "Brier", "squared distance of probabilities and truth, summed over classes, mean over objects" },
	[LOG_LOSS] = { "log_loss", "mean negative logarithm of the probability given to the truth, in nats" },
	[CALIBRATION] = { "ECE", "expected calibration error: how far the highest probability is from the share of objects called right" },
};

typedef struct work {
	const c5_classed *c;
	const c5_classify_params *p;
	size_t figures;              /* OVERALL + classes * PER_CLASS */
	uint32_t *order;             /* (classes, n): objects by falling probability of the class */
	uint32_t *called;            /* (n) */
	double *table, *sums;        /* (classes, classes); (bins, 2): probabilities, and right calls */
} work;

static uint32_t best_of(const float *p, size_t classes)
{
	uint32_t best = 0;
	for (uint32_t k = 1; k < classes; k++)
		if (p[k] > p[best]) best = k;
	return best;
}

void c5_confusion(uint64_t *table, const c5_classed *c)
{
	memset(table, 0, c->classes * c->classes * sizeof *table);
	for (size_t i = 0; i < c->n; i++) table[c->truth[i] * c->classes + best_of(c->prob + i * c->classes, c->classes)]++;
}

struct item { float prob; uint32_t at; };

static int higher_first(const void *x, const void *y)
{
	const struct item *a = x, *b = y;
	if (a->prob != b->prob) return a->prob < b->prob ? 1 : -1;
	return (a->at > b->at) - (a->at < b->at);
}

static int sort_all(work *w)
{
	const c5_classed *c = w->c;
	struct item *items;
	int err = c5_alloc(&items, c->n + 1, sizeof *items);
	for (size_t k = 0; err == C5_OK && k < c->classes; k++) {
		for (size_t i = 0; i < c->n; i++) items[i] = (struct item){ c->prob[i * c->classes + k], (uint32_t)i };
		qsort(items, c->n, sizeof *items, higher_first);
		for (size_t i = 0; i < c->n; i++) w->order[k * c->n + i] = items[i].at;
	}
	free(items);
	return err;
}

static double times_of(const work *w, const uint32_t *times, size_t i) { return times ? times[w->c->group ? w->c->group[i] : i] : 1; }

/* Area below the curve of class k against the rest. */
static double area_of(const work *w, const uint32_t *times, size_t k)
{
	const c5_classed *c = w->c;
	double area = 0, up = 0, right = 0;
	for (size_t i = 0; i < c->n;) {
		double more = 0, across = 0;
		float s = c->prob[w->order[k * c->n + i] * c->classes + k];
		for (; i < c->n && c->prob[w->order[k * c->n + i] * c->classes + k] == s; i++) {
			uint32_t at = w->order[k * c->n + i];
			if (c->truth[at] == k) more += times_of(w, times, at);
			else across += times_of(w, times, at);
		}
		area += across * (up + more / 2);
		up += more;
		right += across;
	}
	return c5_ratio(area, up * right);
}

static void of_table(double *out, const work *w, double n)
{
	const size_t classes = w->c->classes;
	double right = 0, chance = 0, recall = 0, f1 = 0, rows = 0, columns = 0;
	int with_truth = 0;
	for (size_t k = 0; k < classes; k++) {
		double row = 0, column = 0, hit = w->table[k * classes + k];
		for (size_t j = 0; j < classes; j++) row += w->table[k * classes + j], column += w->table[j * classes + k];
		right += hit;
		chance += row * column;
		rows += row * row;
		columns += column * column;
		double *of = out + OVERALL + k * PER_CLASS;
		of[RECALL] = c5_ratio(hit, row);
		of[PRECISION] = c5_ratio(hit, column);
		if (row == 0) continue; /* no such object: it says nothing of the others */
		with_truth++;
		recall += of[RECALL];
		f1 += 2 * hit / (row + column);
	}
	out[ACCURACY] = c5_ratio(right, n);
	out[BALANCED] = c5_ratio(recall, with_truth);
	out[F1] = c5_ratio(f1, with_truth);
	out[MCC] = c5_ratio(right * n - chance, sqrt(n * n - rows) * sqrt(n * n - columns));
	out[KAPPA] = c5_ratio(n * right - chance, n * n - chance);
}

static void all_figures(double *out, const work *w, const uint32_t *times)
{
	const c5_classed *c = w->c;
	double *bins = w->sums, n = 0, brier = 0, surprise = 0, error = 0, area = 0;
	int areas = 0;
	memset(w->table, 0, c->classes * c->classes * sizeof *w->table);
	memset(bins, 0, (size_t)w->p->bins * 2 * sizeof *bins);
	for (size_t i = 0; i < c->n; i++) {
		const float *p = c->prob + i * c->classes;
		double t = times_of(w, times, i), most = (double)p[w->called[i]], square = 0;
		if (t == 0) continue;
		n += t;
		w->table[c->truth[i] * c->classes + w->called[i]] += t;
		for (size_t k = 0; k < c->classes; k++) square += ((double)p[k] - (k == c->truth[i])) * ((double)p[k] - (k == c->truth[i]));
		brier += t * square;
		surprise -= t * log(fmin(fmax((double)p[c->truth[i]], SURE), 1 - SURE));
		int64_t b = (int64_t)(most * (double)w->p->bins);
		if (b >= w->p->bins) b = w->p->bins - 1;
		bins[2 * b] += t * most;
		bins[2 * b + 1] += t * (w->called[i] == c->truth[i]);
	}
	of_table(out, w, n);
	for (int64_t b = 0; b < w->p->bins; b++) error += fabs(bins[2 * b] - bins[2 * b + 1]);
	out[BRIER] = c5_ratio(brier, n);
	out[LOG_LOSS] = c5_ratio(surprise, n);
	out[CALIBRATION] = c5_ratio(error, n);
	for (size_t k = 0; k < c->classes; k++) {
		double one = out[OVERALL + k * PER_CLASS + AUC] = area_of(w, times, k);
		if (isnan(one)) continue;
		area += one;
		areas++;
	}
	out[ROC_AUC] = c5_ratio(area, areas);
}

static int intervals(double *low, double *high, const work *w)
{
	const size_t n = (size_t)w->p->resamples, groups = w->c->group ? w->c->groups : w->c->n;
	double *values = NULL, *one = NULL;
	uint32_t *times = NULL;
	int err;
	if ((err = c5_alloc(&values, n * w->figures, sizeof *values)) < 0 || (err = c5_alloc(&one, w->figures, sizeof *one)) < 0 ||
	    (err = c5_alloc(&times, groups, sizeof *times)) < 0)
		goto done;
	for (size_t r = 0; r < n; r++) {
		c5_random random;
		c5_random_start(&random, w->p->seed, r);
		memset(times, 0, groups * sizeof *times);
		for (size_t k = 0; k < groups; k++) times[c5_random_below(&random, groups)]++;
		all_figures(one, w, times);
		for (size_t k = 0; k < w->figures; k++) values[k * n + r] = one[k];
	}
	for (size_t k = 0; k < w->figures; k++) {
		double *v = values + k * n;
		size_t m = 0;
		for (size_t r = 0; r < n; r++)
			if (!isnan(v[r])) v[m++] = v[r];
		if (m == 0 || 2 * m < n) continue;
		c5_sort_values(v, m);
		low[k] = c5_sorted_quantile(v, m, 0.025);
		high[k] = c5_sorted_quantile(v, m, 0.975);
	}
done:
	free(values);
	free(one);
	free(times);
	return err;
}

static void wilson(double *low, double *high, const double *values, const work *w)
{
	const size_t classes = w->c->classes;
	c5_wilson(&low[ACCURACY], &high[ACCURACY], values[ACCURACY], (double)w->c->n);
	for (size_t k = 0; k < classes; k++) {
		const size_t at = OVERALL + k * PER_CLASS;
		double row = 0, column = 0;
		for (size_t j = 0; j < classes; j++) row += w->table[k * classes + j], column += w->table[j * classes + k];
		c5_wilson(&low[at + RECALL], &high[at + RECALL], values[at + RECALL], row);
		c5_wilson(&low[at + PRECISION], &high[at + PRECISION], values[at + PRECISION], column);
	}
}

static void tell(c5_figures *to, const work *w, const double *values, const double *low, const double *high)
{
	static const struct { const char *name, *explain; } parts[PER_CLASS] = { { "recall", "share of the class' objects called so" },
		{ "precision", "share of the objects called so that are" }, { "ROC_AUC", "of the class against the rest" } };
	for (size_t k = 0; k < w->figures; k++) {
		char name[96];
		size_t of = k < OVERALL ? 0 : (k - OVERALL) / PER_CLASS, part = k < OVERALL ? 0 : (k - OVERALL) % PER_CLASS;
		if (k < OVERALL) snprintf(name, sizeof name, "%s", overall[k].name);
		else snprintf(name, sizeof name, "%s(%.60s)", parts[part].name, w->c->names[of]);
		const char *explain = k < OVERALL ? overall[k].explain : of ? NULL : parts[part].explain;
		c5_figure *f = c5_figures_add(to, k < OVERALL ? "All classes" : "Each class", name, values[k], explain);
		if (!f || isnan(values[k])) continue;
		f->low = low[k];
		f->high = high[k];
	}
	c5_figures_count(to, "What was compared", "objects", w->c->n, NULL);
	if (w->c->group) c5_figures_count(to, "What was compared", "groups", w->c->groups, "drawn as wholes for the intervals");
}

int c5_classes_figures(c5_figures *to, const c5_classed *c, const c5_classify_params *p)
{
	work w = { .c = c, .p = p, .figures = OVERALL + c->classes * PER_CLASS };
	double *values = NULL;
	int err;
	if (c->n >= UINT32_MAX) return c5_fail(C5_EINPUT, "%zu objects, fewer than 2^32 - 1 are expected", c->n);
	if ((err = c5_alloc(&w.order, c->n * c->classes + 1, sizeof *w.order)) < 0 || (err = c5_alloc(&w.called, c->n + 1, sizeof *w.called)) < 0 ||
	    (err = c5_alloc(&w.table, c->classes * c->classes, sizeof *w.table)) < 0 || 
	    (err = c5_alloc(&w.sums, (size_t)p->bins * 2, sizeof *w.sums)) < 0 || (err = c5_alloc(&values, 3 * w.figures, sizeof *values)) < 0 ||
	    (err = sort_all(&w)) < 0)
		goto done;
	for (size_t i = 0; i < c->n; i++) w.called[i] = best_of(c->prob + i * c->classes, c->classes);
	double *low = values + w.figures, *high = low + w.figures;
	for (size_t k = 0; k < 2 * w.figures; k++) low[k] = NAN;
	if (p->resamples > 0 && (c->group ? c->groups : c->n) > 1) err = intervals(low, high, &w);
	all_figures(values, &w, NULL);
	if (!(p->resamples > 0 && (c->group ? c->groups : c->n) > 1) && p->wilson) wilson(low, high, values, &w);
	if (err == C5_OK) tell(to, &w, values, low, high);
done:
	free(w.order);
	free(w.called);
	free(w.table);
	free(w.sums);
	free(values);
	return err;
}
