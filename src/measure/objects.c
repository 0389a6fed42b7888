/* objects.c – see objects.h. */
#include "measure/objects.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

static void add(c5_mean *m, double v)
{
	if (isnan(v)) return;
	m->sum += v;
	m->n++;
}

static double mean(const c5_mean *m) { return c5_ratio(m->sum, (double)m->n); }

/* A pair is a hit at overlap (50 + 5 step) % when its intersection over union is greater: above one half no object has two. */
static void count_hits(c5_objects *o)
{
	const c5_overlap *v = &o->overlap;
	uint64_t hits[C5_AP_STEPS] = { 0 };
	for (size_t k = 0; k < v->n_pairs; k++) {
		const c5_shared *p = &v->pairs[k];
		uint64_t whole = v->area_a[p->a] + v->area_b[p->b] - p->pixels;
		for (unsigned s = 0; s < C5_AP_STEPS && 100 * p->pixels > (50 + 5 * s) * whole; s++) hits[s]++;
		if (2 * p->pixels > whole) o->iou_tp += c5_overlap_iou(v, p);
	}
	for (unsigned s = 0; s < C5_AP_STEPS; s++) {
		uint64_t fp = v->n_b - hits[s], fn = v->n_a - hits[s];
		o->tp[s] += hits[s];
		o->fp[s] += fp;
		o->fn[s] += fn;
		add(&o->ap[s], c5_ratio((double)hits[s], (double)(hits[s] + fp + fn)));
	}
}

/* Best Dice of every object with any of the other side. */
static int best_dice(c5_objects *o)
{
	const c5_overlap *v = &o->overlap;
	int err = c5_grow(&o->best, &o->cap_best, v->n_a + v->n_b, sizeof *o->best);
	if (err < 0) return err;
	for (size_t i = 0; i < v->n_a + v->n_b; i++) o->best[i] = 0;
	for (size_t k = 0; k < v->n_pairs; k++) {
		const c5_shared *p = &v->pairs[k];
		double dice = 2 * (double)p->pixels / (double)(v->area_a[p->a] + v->area_b[p->b]);
		if (dice > o->best[p->a]) o->best[p->a] = dice;
		if (dice > o->best[v->n_a + p->b]) o->best[v->n_a + p->b] = dice;
	}
	for (size_t i = 0; i < v->n_a; i++) add(&o->best_truth, o->best[i]);
	for (size_t j = 0; j < v->n_b; j++) add(&o->best_result, o->best[v->n_a + j]);
	return 0;
}

/* Every true object takes the object of greatest overlap (of equal ones the lowest label); what nobody took joins the union whole. */
static int aggregated_jaccard(c5_objects *o)
{
	const c5_overlap *v = &o->overlap;
	uint64_t shared = 0, whole = 0;
	bool *taken;
	int err = c5_alloc(&taken, v->n_b, sizeof *taken);
	if (err < 0) return err;
	for (size_t i = 0, k = 0; i < v->n_a; i++) {
		const c5_shared *best = NULL;
		for (; k < v->n_pairs && v->pairs[k].a == i; k++)
			if (!best || c5_overlap_iou(v, &v->pairs[k]) > c5_overlap_iou(v, best)) best = &v->pairs[k];
		whole += v->area_a[i];
		if (!best) continue;
		shared += best->pixels;
		whole += v->area_b[best->b] - best->pixels;
		taken[best->b] = true;
	}
	for (size_t j = 0; j < v->n_b; j++)
		if (!taken[j]) whole += v->area_b[j];
	free(taken);
	add(&o->aji, c5_ratio((double)shared, (double)whole));
	return 0;
}

int c5_objects_add(c5_objects *o, const uint32_t *gt, const uint32_t *res, size_t n)
{
	c5_overlap *v = &o->overlap;
	uint64_t area_a = 0, area_b = 0, both = 0;
	int err;
	if ((err = c5_overlap_count(v, gt, res, n)) < 0 || (err = c5_grow(&o->match, &o->cap_match, v->n_a, sizeof *o->match)) < 0 ||
	    (err = best_dice(o)) < 0 || (err = aggregated_jaccard(o)) < 0)
		return err;
	o->frames++;
	o->truth += v->n_a;
	o->result += v->n_b;
	count_hits(o);
	c5_overlap_match(v, o->match);
	for (size_t k = 0; k < v->n_pairs; k++)
		if (o->match[v->pairs[k].a] == v->pairs[k].b) o->seg.sum += c5_overlap_iou(v, &v->pairs[k]);
	o->seg.n += v->n_a;
	for (size_t i = 0; i < v->n_a; i++) area_a += v->area_a[i];
	for (size_t j = 0; j < v->n_b; j++) area_b += v->area_b[j];
	for (size_t k = 0; k < v->n_pairs; k++) both += v->pairs[k].pixels;
	add(&o->dice, c5_ratio(2 * (double)both, (double)(area_a + area_b)));
	return 0;
}

void c5_objects_figures(c5_figures *to, const c5_objects *o)
{
	const char *c = "Objects, mean over frames";
	char name[48];
	double sum = 0;
	for (unsigned s = 0; s < C5_AP_STEPS; s++) {
		snprintf(name, sizeof name, "AP@0.%u", 50 + 5 * s);
		c5_figures_add(to, c, name, mean(&o->ap[s]),
			s ? NULL : "TP / (TP + FP + FN) when objects must overlap by more than this (intersection over union)");
		sum += mean(&o->ap[s]);
	}
	c5_figures_add(to, c, "AP_mean", sum / C5_AP_STEPS, "mean of the ten");
	c5_figures_add(to, c, "Dice", mean(&o->dice), "overlap of foreground with foreground, objects not told apart");
	c5_figures_add(to, c, "AJI", mean(&o->aji), "aggregated Jaccard index: shared pixels of objects and their best partners over all pixels of both");
	c = "Objects of all frames together";
	c5_figures_add(to, c, "SEG", mean(&o->seg),
		"mean overlap of true objects with the object that covers more than half of them, a missed object counting 0");
	c5_figures_add(to, c, "Dice_objects", mean(&o->best_truth), "mean over true objects of the Dice overlap with their best partner");
	double a = mean(&o->best_truth), b = mean(&o->best_result);
	c5_figures_add(to, c, "SBD", isnan(a) || isnan(b) ? NAN : a < b ? a : b,
		"symmetric best Dice: that, or the same seen from the result, whichever is worse");
	for (unsigned s = 0; s < C5_AP_STEPS; s++) {
		snprintf(name, sizeof name, "AP_all@0.%u", 50 + 5 * s);
		c5_figures_add(to, c, name, c5_ratio((double)o->tp[s], (double)(o->tp[s] + o->fp[s] + o->fn[s])),
			s ? NULL : "as AP, hits and misses of all frames counted together");
	}
	double tp = (double)o->tp[0], fp = (double)o->fp[0], fn = (double)o->fn[0];
	c5_figures_add(to, c, "precision@0.50", c5_ratio(tp, tp + fp), "share of the result's objects that are hits");
	c5_figures_add(to, c, "recall@0.50", c5_ratio(tp, tp + fn), "share of true objects that are hit");
	c5_figures_add(to, c, "F1@0.50", c5_ratio(2 * tp, 2 * tp + fp + fn), "harmonic mean of the two");
	c5_figures_add(to, c, "PQ", c5_ratio(o->iou_tp, tp + fp / 2 + fn / 2), "panoptic quality: F1@0.50 times the mean overlap of the hits");
	c5_figures_count(to, c, "TP@0.50", o->tp[0], "hits");
	c5_figures_count(to, c, "FP@0.50", o->fp[0], "objects that hit none");
	c5_figures_count(to, c, "FN@0.50", o->fn[0], "true objects not hit");
	c = "What was compared";
	c5_figures_count(to, c, "frames", o->frames, NULL);
	c5_figures_count(to, c, "objects_true", o->truth, NULL);
	c5_figures_count(to, c, "objects_result", o->result, NULL);
}

void c5_objects_free(c5_objects *o)
{
	c5_overlap_free(&o->overlap);
	free(o->match);
	free(o->best);
	memset(o, 0, sizeof *o);
}
