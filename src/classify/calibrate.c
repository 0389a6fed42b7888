/* calibrate.c – see calibrate.h. */
#include "classify/calibrate.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/random.h"
#include "measure/figures.h"

#define TINY 1e-38f   /* a float that underflowed */

static double logit(float p) { return log((double)(p > TINY ? p : TINY)); }

/* Negative log-likelihood of one item at slope b = 1 / T, and its first two derivatives by b. */
static double item_nll(const float *p, uint32_t truth, size_t classes, double b, double *first, double *second)
{
	double most = -INFINITY, sum = 0, mean = 0, square = 0;
	for (size_t k = 0; k < classes; k++) most = fmax(most, b * logit(p[k]));
	for (size_t k = 0; k < classes; k++) {
		double z = logit(p[k]), e = exp(b * z - most);
		sum += e;
		mean += e * z;
		square += e * z * z;
	}
	mean /= sum;
	*first = mean - logit(p[truth]);
	*second = square / sum - mean * mean;
	return most + log(sum) - b * logit(p[truth]);
}

static double all_nll(const float *prob, const uint32_t *truth, size_t n, size_t classes, double b, double *first, double *second)
{
	double nll = 0;
	*first = *second = 0;
	for (size_t i = 0; i < n; i++) {
		double d, dd;
		nll += item_nll(prob + i * classes, truth[i], classes, b, &d, &dd);
		*first += d;
		*second += dd;
	}
	return nll / (double)n;
}

double c5_temperature_nll(const float *prob, const uint32_t *truth, size_t n, size_t classes, double t)
{
	double first, second;
	return n ? all_nll(prob, truth, n, classes, 1 / t, &first, &second) : NAN;
}

/* Newton's steps on the derivative, held between two slopes where it has either sign: a step that leaves them is a halving instead. */
int c5_temperature_fit(double *t, const float *prob, const uint32_t *truth, size_t n, size_t classes)
{
	double low = 1 / C5_TEMPERATURE_MOST, high = 1 / C5_TEMPERATURE_LEAST, b = 1, first, second;
	*t = 1;
	if (n == 0) return c5_fail(C5_EINPUT, "a temperature cannot be fitted to no objects");
	for (int k = 0; k < 200 && high - low > 1e-12 * b; k++) {
		all_nll(prob, truth, n, classes, b, &first, &second);
		if (first == 0) break;
		if (first > 0) high = b;
		else low = b;
		double next = second > 0 ? b - first / second : NAN;
		if (!(next > low && next < high)) next = sqrt(low * high);
		if (fabs(next - b) <= 1e-13 * b) break;
		b = next;
	}
	*t = 1 / b;
	return C5_OK;
}

void c5_temperature_apply(float *prob, size_t n, size_t classes, double t)
{
	if (t == 1) return;
	for (size_t i = 0; i < n; i++) {
		float *p = prob + i * classes;
		double most = -INFINITY, sum = 0;
		for (size_t k = 0; k < classes; k++) most = fmax(most, logit(p[k]) / t);
		for (size_t k = 0; k < classes; k++) sum += exp(logit(p[k]) / t - most);
		for (size_t k = 0; k < classes; k++) p[k] = (float)(exp(logit(p[k]) / t - most) / sum);
	}
}

/* Deals groups to folds in an order drawn by the seed. */
static int deal(uint32_t *fold, uint32_t groups, uint32_t folds, uint64_t seed)
{
	uint64_t *order;
	c5_random random;
	int err = c5_alloc(&order, groups, sizeof *order);
	if (err < 0) return err;
	c5_random_start(&random, seed, 0);
	c5_random_order(&random, order, groups);
	for (uint32_t i = 0; i < groups; i++) fold[order[i]] = i % folds;
	free(order);
	return C5_OK;
}

void c5_answers_mean(float *mean, const c5_answers *a, size_t i, double t)
{
	double heard = 0, sum[256] = { 0 };
	for (size_t m = 0; m < a->members; m++) {
		const float *p = a->prob + (m * a->n + i) * a->classes;
		double most = -INFINITY, all = 0;
		if (a->heard && !a->heard[m * a->n + i]) continue;
		heard++;
		for (size_t k = 0; k < a->classes; k++) most = fmax(most, logit(p[k]) / t);
		for (size_t k = 0; k < a->classes; k++) all += exp(logit(p[k]) / t - most);
		for (size_t k = 0; k < a->classes && k < 256; k++) sum[k] += t == 1 ? (double)p[k] : exp(logit(p[k]) / t - most) / all;
	}
	for (size_t k = 0; k < a->classes; k++) mean[k] = heard > 0 && k < 256 ? (float)(sum[k] / heard) : NAN;
}

static double mean_nll(const c5_answers *a, const uint32_t *truth, const uint8_t *keep, double log_t)
{
	double nll = 0;
	float mean[256];
	for (size_t i = 0; i < a->n; i++) {
		if (keep && !keep[i]) continue;
		c5_answers_mean(mean, a, i, exp(log_t));
		nll -= logit(mean[truth[i]]);
	}
	return nll;
}

/* Of one model, or of each item by one model (folds): convex, so Newton's steps find it. */
static int fit_single(double *t, const c5_answers *a, const uint32_t *truth, const uint8_t *keep)
{
	float *prob = NULL;
	uint32_t *which = NULL;
	size_t n = 0;
	int err = c5_alloc(&prob, a->n * a->classes + 1, sizeof *prob);
	if (err == C5_OK) err = c5_alloc(&which, a->n + 1, sizeof *which);
	for (size_t i = 0; err == C5_OK && i < a->n; i++) {
		if (keep && !keep[i]) continue;
		c5_answers_mean(prob + n * a->classes, a, i, 1);
		which[n++] = truth[i];
	}
	if (err == C5_OK) err = c5_temperature_fit(t, prob, which, n, a->classes);
	free(prob);
	free(which);
	return err;
}

static bool is_single(const c5_answers *a)
{
	for (size_t i = 0; i < a->n && a->members > 1; i++) {
		size_t heard = 0;
		for (size_t m = 0; m < a->members; m++) heard += !a->heard || a->heard[m * a->n + i];
		if (heard > 1) return false;
	}
	return true;
}

int c5_temperature_fit_mean(double *t, const c5_answers *a, const uint32_t *truth, const uint8_t *keep)
{
	enum { GRID = 48 };
	const double least = log(C5_TEMPERATURE_LEAST), step = (log(C5_TEMPERATURE_MOST) - least) / GRID, golden = 0.6180339887498949;
	double best = INFINITY;
	int at = 0, any = 0;
	*t = 1;
	if (a->classes > 256) return c5_fail(C5_EINPUT, "a temperature of %zu classes: up to 256 are taken", a->classes);
	for (size_t i = 0; i < a->n; i++) any |= !keep || keep[i];
	if (!any) return c5_fail(C5_EINPUT, "a temperature cannot be fitted to no objects");
	if (is_single(a)) return fit_single(t, a, truth, keep);
	for (int k = 0; k <= GRID; k++) {
		double nll = mean_nll(a, truth, keep, least + step * k);
		if (nll < best) best = nll, at = k;
	}
	double low = least + step * (at ? at - 1 : 0), high = least + step * (at < GRID ? at + 1 : GRID);
	double x = high - golden * (high - low), y = low + golden * (high - low), fx = mean_nll(a, truth, keep, x), fy = mean_nll(a, truth, keep, y);
	while (high - low > 1e-7) { /* the loss is flat to float32 closer by */
		if (fx <= fy) high = y, y = x, fy = fx, x = high - golden * (high - low), fx = mean_nll(a, truth, keep, x);
		else low = x, x = y, fx = fy, y = low + golden * (high - low), fy = mean_nll(a, truth, keep, y);
	}
	*t = exp(0.5 * (low + high));
	return C5_OK;
}

int c5_temperature_cross(float *mean, double *temperatures, const c5_answers *a, const uint32_t *truth, const uint32_t *group, uint32_t groups,
	uint32_t folds, uint64_t seed)
{
	uint32_t *fold = NULL;
	uint8_t *keep = NULL;
	int err;
	if (folds < 2 || groups < folds)
		return c5_fail(C5_EINPUT, "calibration cannot be judged: %u group%s, at least %u are expected, as it is fitted to some and judged on others",
			groups, groups == 1 ? "" : "s", folds < 2 ? 2 : folds);
	if ((err = c5_alloc(&fold, groups, sizeof *fold)) < 0 || (err = c5_alloc(&keep, a->n + 1, 1)) < 0 || (err = deal(fold, groups, folds, seed)) < 0)
		goto done;
	for (uint32_t f = 0; f < folds; f++) {
		for (size_t i = 0; i < a->n; i++) keep[i] = fold[group[i]] != f;
		if ((err = c5_temperature_fit_mean(&temperatures[f], a, truth, keep)) < 0) goto done;
	}
	for (size_t i = 0; i < a->n; i++) c5_answers_mean(mean + i * a->classes, a, i, temperatures[fold[group[i]]]);
done:
	free(fold);
	free(keep);
	return err;
}

void c5_reliability_bins(c5_reliability *bins, size_t n_bins, const double *score, const bool *truth, size_t n)
{
	memset(bins, 0, n_bins * sizeof *bins);
	for (size_t i = 0; i < n; i++) {
		size_t k = score[i] > 0 ? (size_t)(score[i] * (double)n_bins) : 0;
		c5_reliability *b = &bins[k < n_bins ? k : n_bins - 1];
		b->n++;
		b->score += score[i];
		b->share += truth[i];
	}
	for (size_t k = 0; k < n_bins; k++) {
		c5_reliability *b = &bins[k];
		double m = (double)b->n;
		if (!b->n) {
			b->score = b->share = b->low = b->high = NAN;
			continue;
		}
		b->score /= m;
		b->share /= m;
		c5_wilson(&b->low, &b->high, b->share, m);
	}
}

double c5_reliability_error(const c5_reliability *bins, size_t n_bins)
{
	double error = 0, n = 0;
	for (size_t k = 0; k < n_bins; k++) {
		if (!bins[k].n) continue;
		error += (double)bins[k].n * fabs(bins[k].score - bins[k].share);
		n += (double)bins[k].n;
	}
	return n > 0 ? error / n : NAN;
}
