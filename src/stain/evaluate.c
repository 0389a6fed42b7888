/* evaluate.c – see evaluate.h. */
#include "stain/evaluate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "measure/classify.h"
#include "measure/maps.h"

static int add_block(c5_stain_agreement *a, double score, bool truth, bool called, uint32_t group)
{
	int err;
	if ((err = c5_grow(&a->score, &a->cap_score, a->n + 1, sizeof *a->score)) < 0 ||
	    (err = c5_grow(&a->truth, &a->cap_truth, a->n + 1, sizeof *a->truth)) < 0 ||
	    (err = c5_grow(&a->called, &a->cap_called, a->n + 1, sizeof *a->called)) < 0 ||
	    (err = c5_grow(&a->group, &a->cap_group, a->n + 1, sizeof *a->group)) < 0)
		return err;
	a->score[a->n] = score, a->truth[a->n] = truth, a->called[a->n] = called, a->group[a->n] = group;
	a->n++;
	return C5_OK;
}

/* Blocks wholly within the part; counts[0] recorded, counts[1] called, counts[2] all. */
static int add_blocks(c5_stain_agreement *a, const c5_stain_pair *p, size_t counts[3])
{
	const c5_block_grid *g = p->grid;
	int err = C5_OK;
	for (size_t i = 0; i < c5_blocks_count(g) && err == C5_OK; i++) {
		size_t y, x, positive = 0, above = 0;
		double sum = 0;
		c5_blocks_at(g, i, &y, &x);
		if (y < p->part.y0 || x < p->part.x0 || y + g->side > p->part.y1 || x + g->side > p->part.x1) continue;
		for (size_t r = y; r < y + g->side; r++)
			for (size_t c = x; c < x + g->side; c++) {
				double v = (double)p->map[r * p->width + c];
				positive += p->mask[r * p->width + c], above += v > p->threshold, sum += v;
			}
		double area = (double)(g->side * g->side);
		bool truth = positive > 0 && (double)positive >= p->share * area;
		bool called = p->blocks ? (double)p->blocks[i] > p->threshold : above > 0 && (double)above >= p->share * area;
		err = add_block(a, p->blocks ? (double)p->blocks[i] : sum / area, truth, called, p->group);
		counts[0] += truth, counts[1] += called, counts[2]++;
	}
	return err;
}

static int add_pixels(c5_stain_agreement *a, const c5_stain_pair *p)
{
	size_t h = p->part.y1 - p->part.y0, w = p->part.x1 - p->part.x0;
	double *real = NULL, *made = NULL, low = INFINITY, high = -INFINITY;
	c5_map_agreement m;
	int err;
	if ((err = c5_alloc(&real, h * w, sizeof *real)) < 0 || (err = c5_alloc(&made, h * w, sizeof *made)) < 0) goto done;
	for (size_t y = 0; y < h; y++)
		for (size_t x = 0; x < w; x++) {
			double v = (double)p->level[(p->part.y0 + y) * p->width + p->part.x0 + x];
			real[y * w + x] = v, made[y * w + x] = (double)p->map[(p->part.y0 + y) * p->width + p->part.x0 + x];
			low = v < low ? v : low, high = v > high ? v : high;
		}
	if ((err = c5_map_compare(&m, real, made, h, w, high - low)) < 0) goto done;
	if (isfinite(m.pearson)) a->pearson += m.pearson, a->n_pearson++;
	if (isfinite(m.ssim)) a->ssim += m.ssim, a->n_ssim++;
done:
	free(made);
	free(real);
	return err;
}

static int add_efficiency(c5_stain_agreement *a, const c5_stain_pair *p)
{
	size_t count[2] = { 0 }, n = (p->part.y1 - p->part.y0) * (p->part.x1 - p->part.x0);
	int err;
	for (size_t y = p->part.y0; y < p->part.y1; y++)
		for (size_t x = p->part.x0; x < p->part.x1; x++) count[0] += p->mask[y * p->width + x], count[1] += (double)p->map[y * p->width + x] > p->threshold;
	for (int k = 0; k < 2; k++) {
		if ((err = c5_grow(&a->efficiency[k], &a->cap_efficiency[k], a->frames + 1, sizeof(double))) < 0) return err;
		a->efficiency[k][a->frames] = (double)count[k] / (double)n;
	}
	a->frames++;
	return C5_OK;
}

int c5_stain_agreement_add(c5_stain_agreement *a, const c5_stain_pair *p)
{
	size_t counts[3] = { 0 };
	int err;
	if (p->part.y1 > p->height || p->part.x1 > p->width || p->part.y0 >= p->part.y1 || p->part.x0 >= p->part.x1)
		return c5_fail(C5_EUSAGE, "the part to compare is not within a frame of %zu x %zu", p->height, p->width);
	if ((err = add_blocks(a, p, counts)) < 0 || (err = add_pixels(a, p)) < 0 || (err = add_efficiency(a, p)) < 0) return err;
	for (int k = 0; k < 2; k++) a->block_efficiency[k] += counts[2] ? (double)counts[k] / (double)counts[2] : 0;
	if (p->group + 1 > a->groups) a->groups = p->group + 1;
	return C5_OK;
}

void c5_stain_agreement_free(c5_stain_agreement *a)
{
	free(a->score);
	free(a->truth);
	free(a->called);
	free(a->group);
	free(a->efficiency[0]);
	free(a->efficiency[1]);
	memset(a, 0, sizeof *a);
}

/* ---- figures ---- */

static void efficiency_figures(c5_figures *to, const c5_stain_agreement *a)
{
	static const char chapter[] = "Efficiency";
	double n = (double)a->frames, mean[2] = { 0 }, xx = 0, yy = 0, xy = 0, d = 0, dd = 0;
	for (size_t i = 0; i < a->frames; i++) mean[0] += a->efficiency[0][i] / n, mean[1] += a->efficiency[1][i] / n;
	for (size_t i = 0; i < a->frames; i++) {
		double x = a->efficiency[0][i] - mean[0], y = a->efficiency[1][i] - mean[1], apart = a->efficiency[1][i] - a->efficiency[0][i];
		xx += x * x, yy += y * y, xy += x * y, d += apart / n;
	}
	for (size_t i = 0; i < a->frames; i++) {
		double apart = a->efficiency[1][i] - a->efficiency[0][i] - d;
		dd += apart * apart;
	}
	double sd = a->frames > 1 ? sqrt(dd / (n - 1)) : (double)NAN;
	c5_figures_count(to, chapter, "frames", a->frames, "frames compared");
	c5_figures_add(to, chapter, "efficiency_recorded", n > 0 ? mean[0] : (double)NAN, "mean share of area that the recorded marker covers");
	c5_figures_add(to, chapter, "efficiency_predicted", n > 0 ? mean[1] : (double)NAN, "mean share of area that the predicted marker covers");
	c5_figures_add(to, chapter, "block_efficiency_recorded", c5_ratio(a->block_efficiency[0], n), "mean share of positive blocks, recorded");
	c5_figures_add(to, chapter, "block_efficiency_predicted", c5_ratio(a->block_efficiency[1], n), "mean share of positive blocks, predicted");
	c5_figures_add(to, chapter, "efficiency_pearson", xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : (double)NAN,
		"correlation over frames of predicted with recorded efficiency by area");
	c5_figure *f = c5_figures_add(to, chapter, "efficiency_bias", n > 0 ? d : (double)NAN,
		"predicted less recorded efficiency; interval: limits of agreement (Bland and Altman 1986)");
	if (f && isfinite(sd)) f->low = d - 1.96 * sd, f->high = d + 1.96 * sd;
}

/* Called by the model's own rule, which for dense models is a share of area and not a score. */
static void called_figures(c5_figures *to, const c5_stain_agreement *a)
{
	static const char chapter[] = "Blocks";
	double tp = 0, fp = 0, fn = 0, tn = 0;
	for (size_t i = 0; i < a->n; i++) {
		tp += a->truth[i] && a->called[i], fp += !a->truth[i] && a->called[i];
		fn += a->truth[i] && !a->called[i], tn += !a->truth[i] && !a->called[i];
	}
	c5_figures_count(to, chapter, "blocks", a->n, "blocks compared");
	c5_figures_count(to, chapter, "blocks_positive", (uint64_t)(tp + fn), "of them positive by the recorded marker");
	c5_figures_add(to, chapter, "block_accuracy", c5_ratio(tp + tn, (double)a->n), "share of blocks that are called right");
	c5_figures_add(to, chapter, "block_precision", c5_ratio(tp, tp + fp), "share of blocks called positive that are");
	c5_figures_add(to, chapter, "block_recall", c5_ratio(tp, tp + fn), "share of positive blocks that are called so");
	c5_figures_add(to, chapter, "block_f1", tp + fn > 0 ? c5_ratio(2 * tp, 2 * tp + fp + fn) : (double)NAN, "harmonic mean of precision and recall");
}

int c5_stain_agreement_figures(c5_figures *to, const c5_stain_agreement *a, uint64_t seed, int64_t resamples)
{
	static const struct { const char *from, *name, *explain; } ranked[] = {
		{ "ROC_AUC", "block_roc_auc", "chance that a positive block scores above a negative one" },
		{ "PR_AUC", "block_pr_auc", "mean precision over all thresholds" },
	};
	c5_figures all = { 0 };
	c5_scored s = { a->n, a->truth, a->score, a->group, a->groups };
	c5_classify_params params = { .threshold = 0.5, .bins = 15, .resamples = a->groups > 1 ? resamples : 0, .seed = seed };
	called_figures(to, a);
	int err = a->n ? c5_classify_figures(&all, &s, &params) : C5_OK;
	for (size_t i = 0; err == C5_OK && i < sizeof ranked / sizeof *ranked; i++) {
		const c5_figure *from = c5_figures_find(&all, ranked[i].from);
		c5_figure *f = c5_figures_add(to, "Blocks", ranked[i].name, from ? from->value : (double)NAN, ranked[i].explain);
		if (f && from) f->low = from->low, f->high = from->high;
	}
	efficiency_figures(to, a);
	c5_figures_add(to, "Pixels", "pixel_pearson", c5_ratio(a->pearson, (double)a->n_pearson),
		"correlation of predicted with recorded pixels, mean over frames");
	c5_figures_add(to, "Pixels", "pixel_ssim", c5_ratio(a->ssim, (double)a->n_ssim), "structural similarity (Wang et al. 2004), mean over frames");
	c5_figures_free(&all);
	return err < 0 ? err : to->failed ? c5_fail(C5_ENOMEM, "out of memory") : C5_OK;
}
