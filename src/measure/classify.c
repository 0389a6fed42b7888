/* classify.c – see classify.h. Objects are sorted by score once; a resample is a number of times each is drawn, so that its figures cost one pass. */
#include "measure/classify.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/random.h"

enum { ACCURACY, BALANCED, PRECISION, RECALL, F1, SPECIFICITY, MCC, KAPPA, ROC_AUC, PR_AUC, AVERAGE_PRECISION, CALIBRATION, BRIER, LOG_LOSS,
	FIGURES };

#define SURE 0x1p-52 /* a score nearer to 0 or 1 is taken for this near, or one error would cost infinitely much */

static const struct { const char *name, *explain; } figures[FIGURES] = {
	[ACCURACY] = { "accuracy", "share of objects called right" },
	[BALANCED] = { "balanced_accuracy", "mean of recall and specificity: fair when one class is rare" },
	[PRECISION] = { "precision", "share of the objects called positive that are" },
	[RECALL] = { "recall", "share of the positive objects called so (sensitivity)" },
	[F1] = { "F1", "harmonic mean of precision and recall" },
	[SPECIFICITY] = { "specificity", "share of the negative objects called so" },
	[MCC] = { "MCC", "correlation of call and truth (Matthews): 1 perfect, 0 no better than chance; undefined when one class alone is called or true" },
	[KAPPA] = { "kappa", "agreement of call and truth beyond chance (Cohen)" },
	[ROC_AUC] = { "ROC_AUC", "chance that a positive object scores higher than a negative one, equal scores counting half" },
	[PR_AUC] = { "PR_AUC", "area below precision over recall, points joined by straight lines" },
	[AVERAGE_PRECISION] = { "average_precision", "the same in steps, without joining: mean precision at each positive found" },
	[CALIBRATION] = { "ECE",
		"expected calibration error: how far scores are from the share of positives among objects of like score; undefined for scores outside 0 to 1" },
	[BRIER] = { "Brier", "mean squared distance of score and truth; undefined for scores outside 0 to 1" },
	[LOG_LOSS] = { "log_loss", "mean negative logarithm of the probability given to the truth, in nats; undefined for scores outside 0 to 1" },
};

typedef struct sorted {
	size_t n;
	double *score;       /* descending */
	bool *truth;
	uint32_t *group;     /* or the object's own number */
	uint32_t groups;
	bool are_shares;     /* all scores in [0, 1] */
} sorted;

struct item { double score; size_t at; };

static int higher_first(const void *x, const void *y)
{
	const struct item *a = x, *b = y;
	if (a->score != b->score) return a->score < b->score ? 1 : -1;
	return (a->at > b->at) - (a->at < b->at);
}

static int sort_scores(sorted *o, const c5_scored *s)
{
	struct item *items = NULL;
	int err;
	o->n = s->n;
	o->groups = s->group ? s->groups : (uint32_t)s->n;
	o->are_shares = true;
	if ((err = c5_alloc(&items, s->n, sizeof *items)) < 0 || (err = c5_alloc(&o->score, s->n, sizeof *o->score)) < 0 ||
	    (err = c5_alloc(&o->truth, s->n, sizeof *o->truth)) < 0 || (err = c5_alloc(&o->group, s->n, sizeof *o->group)) < 0)
		goto done;
	for (size_t i = 0; i < s->n; i++) items[i] = (struct item){ s->score[i], i };
	qsort(items, s->n, sizeof *items, higher_first);
	for (size_t i = 0; i < s->n; i++) {
		o->score[i] = items[i].score;
		o->truth[i] = s->truth[items[i].at];
		o->group[i] = s->group ? s->group[items[i].at] : (uint32_t)items[i].at;
		o->are_shares = o->are_shares && o->score[i] >= 0 && o->score[i] <= 1;
	}
done:
	free(items);
	return err;
}

/* Sums of one bin of scores. */
typedef struct bin { double n, positive, score; } bin;

typedef struct confusion { double tp, fp, fn, tn; } confusion;

/* All figures with object i counted times[group[i]] times. */
static void all_figures(double out[FIGURES], confusion *c, const sorted *o, const uint32_t *times, const c5_classify_params *p, bin *bins)
{
	double positives = 0, negatives = 0, tp = 0, fp = 0, area = 0, pr = 0, steps = 0, last_recall = 0, last_precision = 1, brier = 0, surprise = 0;
	memset(c, 0, sizeof *c);
	memset(bins, 0, (size_t)p->bins * sizeof *bins);
	for (size_t i = 0; i < o->n; i++) {
		double w = times[o->group[i]];
		if (o->truth[i]) positives += w;
		else negatives += w;
	}
	for (size_t i = 0; i < o->n;) {
		double up = 0, right = 0, s = o->score[i];
		for (; i < o->n && o->score[i] == s; i++) {
			double w = times[o->group[i]];
			if (o->truth[i]) up += w;
			else right += w;
		}
		if (up + right == 0) continue;
		area += right * (tp + up / 2); /* pairs in which the positive scores higher */
		tp += up;
		fp += right;
		if (s >= p->threshold) {
			c->tp = tp;
			c->fp = fp;
		}
		if (positives > 0) {
			double recall = tp / positives, precision = tp / (tp + fp);
			pr += (recall - last_recall) * (precision + last_precision) / 2;
			steps += (recall - last_recall) * precision;
			last_recall = recall;
			last_precision = precision;
		}
		if (o->are_shares) {
			int64_t k = (int64_t)(s * (double)p->bins);
			bin *b = &bins[k < p->bins ? k : p->bins - 1];
			b->n += up + right;
			b->positive += up;
			b->score += (up + right) * s;
			brier += up * (1 - s) * (1 - s) + right * s * s;
			double held = fmin(fmax(s, SURE), 1 - SURE);
			surprise -= up * log(held) + right * log1p(-held);
		}
	}
	const double n = positives + negatives;
	c->fn = positives - c->tp;
	c->tn = negatives - c->fp;
	out[ACCURACY] = c5_ratio(c->tp + c->tn, n);
	out[RECALL] = c5_ratio(c->tp, positives);
	out[SPECIFICITY] = c5_ratio(c->tn, negatives);
	out[BALANCED] = (out[RECALL] + out[SPECIFICITY]) / 2;
	out[PRECISION] = c5_ratio(c->tp, c->tp + c->fp);
	out[F1] = c5_ratio(2 * c->tp, 2 * c->tp + c->fp + c->fn);
	const double called = c->tp + c->fp, left = n - called, chance = called * positives + left * negatives;
	out[MCC] = c5_ratio(c->tp * c->tn - c->fp * c->fn, sqrt(called * left * positives * negatives));
	out[KAPPA] = c5_ratio(n * (c->tp + c->tn) - chance, n * n - chance);
	out[ROC_AUC] = c5_ratio(area, positives * negatives);
	out[PR_AUC] = positives > 0 ? pr : NAN;
	out[AVERAGE_PRECISION] = positives > 0 ? steps : NAN;
	double error = 0;
	for (int64_t k = 0; k < p->bins; k++) error += fabs(bins[k].score - bins[k].positive);
	out[CALIBRATION] = o->are_shares ? c5_ratio(error, n) : NAN;
	out[BRIER] = o->are_shares ? c5_ratio(brier, n) : NAN;
	out[LOG_LOSS] = o->are_shares ? c5_ratio(surprise, n) : NAN;
}

/* Middle 95 % of what each figure is in the resamples where it is defined; undefined when it is not in half of them. */
static int intervals(double low[FIGURES], double high[FIGURES], const sorted *o, const c5_classify_params *p, bin *bins)
{
	const size_t n = (size_t)p->resamples;
	double *values = NULL;
	uint32_t *times = NULL;
	confusion c;
	int err;
	if ((err = c5_alloc(&values, n * FIGURES, sizeof *values)) < 0 || (err = c5_alloc(&times, o->groups, sizeof *times)) < 0) goto done;
	for (size_t r = 0; r < n; r++) {
		double one[FIGURES];
		c5_random random;
		c5_random_start(&random, p->seed, r);
		memset(times, 0, o->groups * sizeof *times);
		for (uint32_t k = 0; k < o->groups; k++) times[c5_random_below(&random, o->groups)]++;
		all_figures(one, &c, o, times, p, bins);
		for (int k = 0; k < FIGURES; k++) values[(size_t)k * n + r] = one[k];
	}
	for (int k = 0; k < FIGURES; k++) {
		double *v = values + (size_t)k * n;
		size_t m = 0;
		for (size_t r = 0; r < n; r++)
			if (!isnan(v[r])) v[m++] = v[r];
		c5_sort_values(v, m);
		low[k] = 2 * m >= n && m ? c5_sorted_quantile(v, m, 0.025) : NAN;
		high[k] = 2 * m >= n && m ? c5_sorted_quantile(v, m, 0.975) : NAN;
	}
done:
	free(values);
	free(times);
	return err;
}

/* Shares of objects, with how many they are shares of. */
static void wilson(double low[FIGURES], double high[FIGURES], const double values[FIGURES], const confusion *c)
{
	const struct { int figure; double n; } shares[] = { { ACCURACY, c->tp + c->fp + c->fn + c->tn }, { PRECISION, c->tp + c->fp },
		{ RECALL, c->tp + c->fn },
		{ SPECIFICITY, c->tn + c->fp } };
	for (size_t k = 0; k < sizeof shares / sizeof *shares; k++)
		c5_wilson(&low[shares[k].figure], &high[shares[k].figure], values[shares[k].figure], shares[k].n);
}

int c5_classify_figures(c5_figures *to, const c5_scored *s, const c5_classify_params *p)
{
	sorted o = { 0 };
	bin *bins = NULL;
	uint32_t *once = NULL;
	double values[FIGURES], low[FIGURES], high[FIGURES];
	confusion c;
	int err;
	if (s->n >= UINT32_MAX) return c5_fail(C5_EINPUT, "%zu objects, fewer than 2^32 - 1 are expected", s->n);
	if ((err = sort_scores(&o, s)) < 0 || (err = c5_alloc(&bins, (size_t)p->bins, sizeof *bins)) < 0 ||
	    (err = c5_alloc(&once, o.groups, sizeof *once)) < 0)
		goto done;
	for (uint32_t k = 0; k < o.groups; k++) once[k] = 1;
	all_figures(values, &c, &o, once, p, bins);
	for (int k = 0; k < FIGURES; k++) low[k] = high[k] = NAN;
	if (p->resamples > 0 && o.groups > 1) err = intervals(low, high, &o, p, bins);
	else if (p->wilson) wilson(low, high, values, &c);
	if (err < 0) goto done;
	for (int k = 0; k < FIGURES; k++) {
		c5_figure *f = c5_figures_add(to, "Two classes", figures[k].name, values[k], figures[k].explain);
		if (!f || isnan(values[k])) continue;
		f->low = low[k];
		f->high = high[k];
	}
	const char *chapter = "Confusion";
	c5_figures_count(to, chapter, "true_positive", (uint64_t)c.tp, "positive objects called positive");
	c5_figures_count(to, chapter, "false_positive", (uint64_t)c.fp, "negative objects called positive");
	c5_figures_count(to, chapter, "false_negative", (uint64_t)c.fn, "positive objects called negative");
	c5_figures_count(to, chapter, "true_negative", (uint64_t)c.tn, "negative objects called negative");
	chapter = "What was compared";
	c5_figures_count(to, chapter, "objects", s->n, NULL);
	if (s->group) c5_figures_count(to, chapter, "groups", s->groups, "drawn as wholes for the intervals");
	c5_figures_add(to, chapter, "threshold", p->threshold, "score from which an object is called positive");
done:
	free(o.score);
	free(o.truth);
	free(o.group);
	free(bins);
	free(once);
	return err;
}

/* ---- one figure alone ---- */

typedef struct ranked { float score; bool truth; } ranked;

static int lower_first(const void *x, const void *y)
{
	const float a = ((const ranked *)x)->score, b = ((const ranked *)y)->score;
	return (a > b) - (a < b);
}

int c5_roc_area(double *out, const float *score, const bool *truth, size_t n)
{
	ranked *r;
	double negatives = 0, positives = 0, pairs = 0; /* pairs: in which the positive scores higher */
	*out = NAN;
	for (size_t i = 0; i < n; i++)
		if (isnan(score[i])) return C5_OK; /* it has no place in an order */
	int err = c5_alloc(&r, n, sizeof *r);
	if (err < 0) return err;
	for (size_t i = 0; i < n; i++) r[i] = (ranked){ score[i], truth[i] };
	qsort(r, n, sizeof *r, lower_first);
	for (size_t i = 0; i < n;) {
		double up = 0, right = 0;
		for (const float s = r[i].score; i < n && r[i].score == s; i++) {
			if (r[i].truth) up++;
			else right++;
		}
		pairs += up * (negatives + right / 2);
		positives += up;
		negatives += right;
	}
	free(r);
	*out = c5_ratio(pairs, positives * negatives);
	return C5_OK;
}
