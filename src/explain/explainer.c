/* explainer.c – see explainer.h. */
#include "explain/explainer.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "explain/gradcam.h"

/* A member's network that keeps what gradients need. */
typedef struct looker { c5_model *model; c5_net *net; int layer; size_t channels, height, width; } looker;

struct c5_explainer {
	c5_scorer *scorer;          /* borrowed */
	size_t n, batch, classes;
	looker *lookers;            /* (n) */
	int height, width;          /* of maps */
	float *inputs, *split;      /* (batch, largest member's crop) */
	float *activation, *gradient; /* (batch, largest layer) */
	float *seed, *answers, *probs;
	float *coarse, *rows, *member_map;
	size_t input_most;
};

/* The same network without dropout. */
static int quiet_model(c5_model **out, const c5_model *m)
{
	int err = c5_model_copy(out, m);
	if (err == C5_OK) c5_model_dropout(*out, 0);
	return err;
}

int c5_explainer_layer(int *at, const c5_member *m, const char *layer)
{
	*at = layer ? c5_model_find(m->model, layer) : c5_gradcam_layer(m->model);
	if (*at < 0 && layer) return c5_fail(C5_ENOTFOUND, "%s: no layer %s; `cyto5 model show` lists them", m->name, layer);
	if (*at < 0) return c5_fail(C5_EINPUT, "%s: no layer with rows and columns to look at", m->name);
	if (m->model->layers[*at].rank == 3) return C5_OK;
	return c5_fail(C5_EINPUT, "%s: layer %s has no rows and columns; name a convolution with --layer", m->name, layer);
}

static int open_looker(looker *l, c5_device *device, const c5_member *m, size_t batch, const char *layer, int precision)
{
	int err = quiet_model(&l->model, m->model);
	if (err < 0) return err;
	if ((err = c5_explainer_layer(&l->layer, m, layer)) < 0) return err;
	const c5_layer *at = &l->model->layers[l->layer];
	l->channels = (size_t)at->shape[0], l->height = (size_t)at->shape[1], l->width = (size_t)at->shape[2];
	const c5_net_how how = { .batch = (int)batch, .training = true, .precision = precision, .freeze_upto = l->model->n_layers, .tap = &l->layer,
		.n_tap = 1 };
	return c5_net_make(&l->net, device, l->model, m->weights, &how);
}

static void close_lookers(c5_explainer *e)
{
	for (size_t k = 0; e->lookers && k < e->n; k++) {
		c5_net_free(e->lookers[k].net);
		c5_model_free(e->lookers[k].model);
		e->lookers[k] = (looker){ 0 };
	}
}

/* With half the crops at a time where memory is short. */
static int open_lookers(c5_explainer *e, c5_device *device, const char *layer, int precision)
{
	for (;;) {
		int err = C5_OK;
		for (size_t k = 0; k < e->n && err == C5_OK; k++)
			err = open_looker(&e->lookers[k], device, c5_scorer_member(e->scorer, k), e->batch, layer, precision);
		if (err != C5_ENOMEM || e->batch < 2) return err;
		c5_log(C5_LOG_WARN, "%s: not enough memory for batches of %zu, trying %zu", c5_device_name(device), e->batch, e->batch / 2);
		close_lookers(e);
		e->batch /= 2;
	}
}

int c5_explainer_open(c5_explainer **out, c5_device *device, c5_scorer *scorer, const char *layer, int precision)
{
	c5_explainer *e;
	size_t most = 0, coarse = 0, rows = 0;
	int err = c5_alloc(&e, 1, sizeof *e);
	*out = NULL;
	if (err < 0) return err;
	e->scorer = scorer;
	e->n = c5_scorer_members(scorer);
	e->batch = (size_t)c5_scorer_batch(scorer);
	e->classes = (size_t)c5_scorer_classes(scorer);
	if ((err = c5_alloc(&e->lookers, e->n, sizeof *e->lookers)) < 0 || (err = open_lookers(e, device, layer, precision)) < 0) goto done;
	for (size_t k = 0; k < e->n; k++) {
		const c5_member *m = c5_scorer_member(scorer, k);
		looker *l = &e->lookers[k];
		size_t input = (size_t)m->prepare.channels * (size_t)m->prepare.height * (size_t)m->prepare.width, plane = l->height * l->width;
		if (input > e->input_most) e->input_most = input;
		if (l->channels * plane > most) most = l->channels * plane;
		if (plane > coarse) coarse = plane;
		if (m->prepare.height > e->height) e->height = m->prepare.height;
		if (m->prepare.width > e->width) e->width = m->prepare.width;
		if (l->height > rows) rows = l->height;
	}
	size_t plane = (size_t)e->height * (size_t)e->width;
	if (plane > coarse) coarse = plane;
	if ((size_t)e->height > rows) rows = (size_t)e->height;
	if ((err = c5_alloc(&e->inputs, e->batch * e->input_most, sizeof *e->inputs)) < 0 ||
	    (err = c5_alloc(&e->split, e->batch * e->input_most, sizeof *e->split)) < 0 ||
	    (err = c5_alloc(&e->activation, e->batch * most, sizeof *e->activation)) < 0 ||
	    (err = c5_alloc(&e->gradient, e->batch * most, sizeof *e->gradient)) < 0 ||
	    (err = c5_alloc(&e->seed, e->batch * e->classes, sizeof *e->seed)) < 0 ||
	    (err = c5_alloc(&e->answers, e->batch * e->classes, sizeof *e->answers)) < 0 ||
	    (err = c5_alloc(&e->probs, e->batch * e->classes, sizeof *e->probs)) < 0 || (err = c5_alloc(&e->coarse, coarse, sizeof *e->coarse)) < 0 ||
	    (err = c5_alloc(&e->rows, rows * (size_t)e->width, sizeof *e->rows)) < 0 || (err = c5_alloc(&e->member_map, plane, sizeof *e->member_map)) < 0)
		goto done;
done:
	if (err < 0) c5_explainer_close(e);
	else *out = e;
	return err;
}

void c5_explainer_close(c5_explainer *e)
{
	if (!e) return;
	close_lookers(e);
	free(e->lookers);
	free(e->inputs);
	free(e->split);
	free(e->activation);
	free(e->gradient);
	free(e->seed);
	free(e->answers);
	free(e->probs);
	free(e->coarse);
	free(e->rows);
	free(e->member_map);
	free(e);
}

void c5_explainer_size(const c5_explainer *e, int *height, int *width)
{
	*height = e->height;
	*width = e->width;
}

/* Mean over members of their answers, and the likeliest class where none was named. */
static int all_answers(c5_explainer *e, const void *pixels, size_t n, int *of, float *prob)
{
	int err = C5_OK;
	memset(prob, 0, n * e->classes * sizeof *prob);
	for (size_t k = 0; err == C5_OK && k < e->n; k++) {
		if ((err = c5_scorer_prepare(e->scorer, k, pixels, n, e->inputs)) < 0 || (err = c5_scorer_answer(e->scorer, k, e->inputs, n, e->answers)) < 0)
			break;
		for (size_t i = 0; i < n * e->classes; i++) prob[i] += e->answers[i] / (float)e->n;
	}
	for (size_t i = 0; err == C5_OK && i < n; i++) {
		if (of[i] >= (int)e->classes) return c5_fail(C5_EFAIL, "class %d of %zu", of[i], e->classes);
		if (of[i] >= 0) continue;
		of[i] = 0;
		for (size_t c = 1; c < e->classes; c++)
			if (prob[i * e->classes + c] > prob[i * e->classes + (size_t)of[i]]) of[i] = (int)c;
	}
	return err;
}

/* The gradient at the logits: 1 for the class explained. A single sigmoid speaks for class 1, and against it for class 0. */
static int seed_classes(c5_explainer *e, looker *l, size_t n, const int *of)
{
	size_t outputs = (size_t)l->model->layers[l->model->outputs[0]].shape[0];
	memset(e->seed, 0, n * outputs * sizeof *e->seed);
	for (size_t i = 0; i < n; i++) {
		if (outputs == 1) e->seed[i] = of[i] == 1 ? 1 : -1;
		else e->seed[i * outputs + (size_t)of[i]] = 1;
	}
	return c5_net_seed(l->net, 0, e->seed, (int)n, true);
}

static int look(c5_explainer *e, size_t k, const void *pixels, size_t n, const int *of)
{
	looker *l = &e->lookers[k];
	int err = c5_scorer_prepare(e->scorer, k, pixels, n, e->inputs);
	if (err < 0 || (err = c5_member_input(c5_scorer_member(e->scorer, k), l->net, e->inputs, n, e->split)) < 0 ||
	    (err = c5_net_forward(l->net, 0, 0)) < 0 || (err = c5_net_read(l->net, l->layer, false, e->activation, (int)n)) < 0 ||
	    (err = seed_classes(e, l, n, of)) < 0 || (err = c5_net_backward(l->net, NULL, NULL)) < 0)
		return err;
	return c5_net_read(l->net, l->layer, true, e->gradient, (int)n);
}

size_t c5_explainer_batch(const c5_explainer *e) { return e->batch; }

int c5_explainer_maps(c5_explainer *e, const void *pixels, size_t n, int *of, float *maps, float *peak, float *prob)
{
	size_t plane = (size_t)e->height * (size_t)e->width;
	if (n > e->batch) return c5_fail(C5_EFAIL, "%zu crops are more than a batch of %zu", n, e->batch);
	int err = all_answers(e, pixels, n, of, prob);
	memset(maps, 0, n * plane * sizeof *maps);
	memset(peak, 0, n * sizeof *peak);
	for (size_t k = 0; err == C5_OK && k < e->n; k++) {
		const looker *l = &e->lookers[k];
		size_t count = l->channels * l->height * l->width;
		if ((err = look(e, k, pixels, n, of)) < 0) break;
		for (size_t i = 0; i < n; i++) {
			float most;
			c5_gradcam_map(e->coarse, &most, e->activation + i * count, e->gradient + i * count, l->channels, l->height, l->width);
			c5_resize(e->member_map, e->height, e->width, e->coarse, (int)l->height, (int)l->width, e->rows);
			for (size_t p = 0; p < plane; p++) maps[i * plane + p] += e->member_map[p] / (float)e->n;
			peak[i] += most / (float)e->n;
		}
	}
	return err;
}

/* ---- curves ---- */

/* Mean over members of the probability of class `of` of the crops in which pixels of rank below upto[i] are kept (or, deleting, not). Every member's
 * own preparation decides what it sees, so pixels are blotted out in its prepared crop, by the order's map resized to it. */
static int curve(c5_explainer *e, const void *pixels, int of, const float *map, bool insertion, double points[C5_EXPLAIN_STEPS + 1])
{
	int err = C5_OK;
	for (int s = 0; s <= C5_EXPLAIN_STEPS; s++) points[s] = 0;
	for (size_t k = 0; err == C5_OK && k < e->n; k++) {
		const c5_prepare *p = &c5_scorer_member(e->scorer, k)->prepare;
		size_t plane = (size_t)p->height * (size_t)p->width, count = plane * (size_t)p->channels, *order = NULL;
		float *whole = NULL, *here = NULL;
		if ((err = c5_alloc(&order, plane, sizeof *order)) < 0 || (err = c5_alloc(&whole, count, sizeof *whole)) < 0 ||
		    (err = c5_alloc(&here, plane, sizeof *here)) < 0) goto next;
		c5_resize(here, p->height, p->width, map, e->height, e->width, e->rows);
		if ((err = c5_scorer_prepare(e->scorer, k, pixels, 1, whole)) < 0 || (err = c5_gradcam_order(order, here, plane)) < 0) goto next;
		for (int first = 0; err == C5_OK && first <= C5_EXPLAIN_STEPS; first += (int)e->batch) {
			size_t n = 0;
			for (; n < e->batch && first + (int)n <= C5_EXPLAIN_STEPS; n++) {
				size_t upto = plane * ((size_t)first + n) / C5_EXPLAIN_STEPS;
				for (int c = 0; c < p->channels; c++) {
					const float *from = whole + (size_t)c * plane;
					float *to = e->inputs + n * count + (size_t)c * plane;
					double mean = 0;
					for (size_t q = 0; q < plane; q++) mean += (double)from[q];
					for (size_t q = 0; q < plane; q++) to[order[q]] = (q < upto) == insertion ? from[order[q]] : (float)(mean / (double)plane);
				}
			}
			if ((err = c5_scorer_answer(e->scorer, k, e->inputs, n, e->answers)) < 0) break;
			for (size_t i = 0; i < n; i++) points[(size_t)first + i] += (double)e->answers[i * e->classes + (size_t)of] / (double)e->n;
		}
next:
		free(order);
		free(whole);
		free(here);
	}
	return err;
}

/* Uniform numbers on the first member's layer, resized as its maps are. */
static void random_map(c5_explainer *e, uint64_t seed, uint64_t item, uint64_t number, float *map)
{
	const looker *l = &e->lookers[0];
	c5_random r;
	c5_random_start(&r, seed, item << 8 | number);
	for (size_t i = 0; i < l->height * l->width; i++) e->coarse[i] = (float)c5_random_uniform(&r);
	c5_resize(map, e->height, e->width, e->coarse, (int)l->height, (int)l->width, e->rows);
}

int c5_explainer_check(c5_explainer *e, const void *pixels, int of, const float *map, uint64_t seed, uint64_t item, int randoms,
	c5_explain_curves *out)
{
	double points[C5_EXPLAIN_STEPS + 1];
	int err;
	memset(out, 0, sizeof *out);
	if ((err = curve(e, pixels, of, map, false, out->deletion)) < 0 || (err = curve(e, pixels, of, map, true, out->insertion)) < 0) return err;
	for (int r = 0; r < randoms; r++)
		for (int insertion = 0; insertion < 2; insertion++) {
			random_map(e, seed, item, (uint64_t)r, e->member_map);
			if ((err = curve(e, pixels, of, e->member_map, insertion, points)) < 0) return err;
			for (int s = 0; s <= C5_EXPLAIN_STEPS; s++) (insertion ? out->random_insertion : out->random_deletion)[s] += points[s] / randoms;
		}
	const double *const curves[4] = { out->deletion, out->insertion, out->random_deletion, out->random_insertion };
	for (int k = 0; k < 4; k++) out->areas[k] = c5_gradcam_area(curves[k], C5_EXPLAIN_STEPS);
	return C5_OK;
}
