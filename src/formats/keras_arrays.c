/* keras_arrays.c – how arrays of Keras lie, and moving numbers between them and ours; see keras_parts.h.
 *
 * Keras: convolutions (y, x, in, out); depthwise (y, x, in, multiplier); transposed (y, x, out, in); dense (in, out); LSTM (in, 4 units) with
 * gates i f c o, which are our i f g o. Ours: model.h. A tensor flattened with the channels last counts (y, x, channel), ours (channel, y, x). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "formats/keras_parts.h"

int c5_keras_plan_add(c5_keras_plan *p, const c5_keras_bound *b)
{
	int err = c5_grow(&p->bound, &p->cap, p->n + 1, sizeof *p->bound);
	if (err == C5_OK) p->bound[p->n++] = *b;
	return err;
}

void c5_keras_key(char key[64], const char *class_name, int n)
{
	static const struct { const char *class_name, *key; } keys[] = {
		{ "Conv2D", "conv2d" }, { "DepthwiseConv2D", "depthwise_conv2d" }, { "SeparableConv2D", "separable_conv2d" },
		{ "Conv2DTranspose", "conv2d_transpose" }, { "Dense", "dense" }, { "BatchNormalization", "batch_normalization" }, 
		{ "GroupNormalization", "group_normalization" }, { "LSTM", "lstm" },
	};
	const char *base = "";
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (strcmp(keys[i].class_name, class_name) == 0) base = keys[i].key;
	if (n) snprintf(key, 64, "%s_%d", base, n);
	else snprintf(key, 64, "%s", base);
}

/* ---- the order of Keras ---- */

bool c5_keras_inline(const c5_layer *l)
{
	bool takes = l->kind == C5_LAYER_CONV || l->kind == C5_LAYER_CONV_TRANSPOSE || l->kind == C5_LAYER_DENSE;
	return takes && (l->activation == C5_ACT_RELU || l->activation == C5_ACT_SIGMOID || l->activation == C5_ACT_TANH ||
	                 (l->activation == C5_ACT_ELU && l->slope == 1));
}

/* Layers of Keras before ours (zeros around an image, a flattening), and behind it (its activation). */
static int before(const c5_model *m, const c5_layer *l)
{
	if (l->kind == C5_LAYER_DENSE) return m->layers[l->inputs[0]].rank == 3;
	return l->kind != C5_LAYER_CONV_TRANSPOSE && l->padding == C5_PAD_EXPLICIT && (l->pad[0] || l->pad[1] || l->pad[2] || l->pad[3]);
}

static int behind(const c5_layer *l) { return l->kind != C5_LAYER_ACTIVATION && l->activation != C5_ACT_NONE && !c5_keras_inline(l); }

struct place { int layer, depth, visit; };

static void visit(struct place *places, const c5_model *m, int layer, int *next)
{
	if (places[layer].visit >= 0) return;
	places[layer].visit = (*next)++;
	for (int i = 0; i < m->layers[layer].n_inputs; i++) visit(places, m, m->layers[layer].inputs[i], next);
}

static int by_place(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	return x->depth != y->depth ? (x->depth < y->depth) - (x->depth > y->depth) : (x->visit > y->visit) - (x->visit < y->visit);
}

int c5_keras_order(int *order, const c5_model *m)
{
	struct place *places = NULL;
	int *last = NULL, next = 0, err = c5_alloc(&places, (size_t)m->n_layers, sizeof *places);
	if (err == C5_OK && (err = c5_alloc(&last, (size_t)m->n_layers, sizeof *last)) == C5_OK) {
		for (int i = m->n_layers - 1; i >= 0; i--) {
			const c5_layer *l = &m->layers[i];
			places[i] = (struct place){ i, last[i] + behind(l), -1 };
			for (int k = 0; k < l->n_inputs; k++) {
				int depth = places[i].depth + before(m, l) + 1;
				if (last[l->inputs[k]] < depth) last[l->inputs[k]] = depth;
			}
		}
		for (int i = 0; i < m->n_outputs; i++) visit(places, m, m->outputs[i], &next);
		qsort(places, (size_t)m->n_layers, sizeof *places, by_place);
		for (int i = 0; i < m->n_layers; i++) order[i] = places[i].layer;
	}
	free(last);
	free(places);
	return err;
}

/* ---- a plan for a model of ours ---- */

/* The shape a flattened tensor had, seen through layers that keep the order of its numbers; false when it was not flattened. */
static bool was_flattened(int flat[3], const c5_model *m, int layer)
{
	for (;;) {
		const c5_layer *l = &m->layers[layer];
		if (l->kind == C5_LAYER_FLATTEN) {
			const c5_layer *in = &m->layers[l->inputs[0]];
			if (in->rank == 3) memcpy(flat, in->shape, 3 * sizeof *flat);
			return in->rank == 3 && in->shape[1] * in->shape[2] > 1;
		}
		bool keeps = l->kind == C5_LAYER_DROPOUT || l->kind == C5_LAYER_ACTIVATION || l->kind == C5_LAYER_BATCH_NORM;
		if (!keeps || l->rank != 1) return false;
		layer = l->inputs[0];
	}
}

static bool is_depthwise(const c5_model *m, const c5_layer *l) { return l->groups > 1 && l->groups == m->layers[l->inputs[0]].shape[0]; }

int c5_keras_plan_of(c5_keras_plan *p, const c5_model *m)
{
	static const char *const classes[] = { "Conv2D", "DepthwiseConv2D", "", "Conv2DTranspose", "Dense", "BatchNormalization", "LSTM",
		"GroupNormalization" };
	int seen[8] = { 0 }, *order = NULL, err = c5_alloc(&order, (size_t)m->n_layers, sizeof *order);
	if (err == C5_OK) err = c5_keras_order(order, m);
	for (int k = 0; k < m->n_layers && err == C5_OK; k++) {
		int i = order[k];
		const c5_layer *l = &m->layers[i];
		c5_keras_bound b = { .layer = i, .second = -1, .bias = l->bias, .scale = true, .center = true };
		if (!l->n_params) continue;
		switch (l->kind) {
		case C5_LAYER_CONV: b.what = is_depthwise(m, l) ? C5_KERAS_DEPTHWISE : C5_KERAS_CONV; break;
		case C5_LAYER_CONV_TRANSPOSE: b.what = C5_KERAS_TRANSPOSE; break;
		case C5_LAYER_DENSE: b.what = C5_KERAS_DENSE; break;
		case C5_LAYER_LSTM: b.what = C5_KERAS_LSTM, b.bias = true; break;
		default: b.what = C5_KERAS_NORM;
		}
		const c5_layer *in = &m->layers[l->inputs[0]];
		if (l->kind == C5_LAYER_DENSE && in->rank == 3) memcpy(b.flat, in->shape, sizeof b.flat);
		else if (l->rank == 1 && !was_flattened(b.flat, m, l->inputs[0])) memset(b.flat, 0, sizeof b.flat);
		int which = l->kind == C5_LAYER_GROUP_NORM ? 7 : b.what;
		c5_keras_key(b.key, classes[which], seen[which]++);
		snprintf(b.name, sizeof b.name, "%s", l->name);
		err = c5_keras_plan_add(p, &b);
	}
	free(order);
	return err;
}

/* ---- arrays ---- */

static c5_keras_array *start(c5_keras_array *a, const char *tail, int layer, int param)
{
	*a = (c5_keras_array){ .tail = tail, .layer = layer, .param = param, .n = { 1, 1, 1, 1 } };
	return a;
}

/* (out, in, y, x) of ours, which lie there as (y, x, in, out), or with `swapped` as (y, x, out, in). */
static void kernel(c5_keras_array *a, const c5_model *m, int layer, bool swapped)
{
	const int *s = m->layers[layer].params[0].shape;
	int64_t inner = (int64_t)s[0] * s[1];
	a->rank = 4;
	for (int i = 0; i < 4; i++) a->n[i] = s[i];
	a->dims[0] = (uint64_t)s[2], a->dims[1] = (uint64_t)s[3];
	a->dims[2] = (uint64_t)s[swapped ? 0 : 1], a->dims[3] = (uint64_t)s[swapped ? 1 : 0];
	a->stride[0] = swapped ? s[1] : 1;
	a->stride[1] = swapped ? 1 : s[0];
	a->stride[2] = inner * s[3];
	a->stride[3] = inner;
}

/* (channel * multiplier, 1, y, x) of ours: there (y, x, channel, multiplier), which counts alike. */
static void depthwise(c5_keras_array *a, const c5_model *m, int layer)
{
	const c5_layer *l = &m->layers[layer];
	const int *s = l->params[0].shape;
	kernel(a, m, layer, true);
	a->dims[2] = (uint64_t)l->groups;
	a->dims[3] = (uint64_t)(s[0] / l->groups);
}

/* (out, in) of ours: there (in, out). Also 1 x 1 convolutions that are dense layers there. */
static void matrix(c5_keras_array *a, const c5_model *m, int layer, int param, const int flat[3])
{
	const int *s = m->layers[layer].params[param].shape;
	a->rank = 2;
	a->dims[0] = (uint64_t)s[1], a->dims[1] = (uint64_t)s[0];
	a->n[0] = s[0];
	a->stride[0] = 1;
	if (flat && flat[0]) {
		a->n[1] = flat[0], a->n[2] = flat[1], a->n[3] = flat[2];
		a->stride[1] = s[0], a->stride[2] = (int64_t)s[0] * flat[0] * flat[2], a->stride[3] = (int64_t)s[0] * flat[0];
	} else {
		a->n[1] = s[1];
		a->stride[1] = s[0];
	}
}

static void vector(c5_keras_array *a, const c5_model *m, int layer, int param, const int flat[3])
{
	int n = m->layers[layer].params[param].shape[0];
	a->rank = 1;
	a->dims[0] = (uint64_t)n;
	if (flat && flat[0]) {
		a->n[0] = flat[0], a->n[1] = flat[1], a->n[2] = flat[2];
		a->stride[0] = 1, a->stride[1] = (int64_t)flat[0] * flat[2], a->stride[2] = flat[0];
	} else {
		a->n[0] = n;
		a->stride[0] = 1;
	}
}

int c5_keras_arrays(c5_keras_array out[C5_KERAS_ARRAYS], const c5_model *m, const c5_keras_bound *b)
{
	static const char *const tails[] = { "gamma", "beta", "moving_mean", "moving_variance" };
	int n = 0;
	switch (b->what) {
	case C5_KERAS_CONV: kernel(start(&out[n++], "kernel", b->layer, 0), m, b->layer, false); break;
	case C5_KERAS_TRANSPOSE: kernel(start(&out[n++], "kernel", b->layer, 0), m, b->layer, true); break;
	case C5_KERAS_DEPTHWISE: depthwise(start(&out[n++], "depthwise_kernel", b->layer, 0), m, b->layer); break;
	case C5_KERAS_SEPARABLE:
		depthwise(start(&out[n++], "depthwise_kernel", b->layer, 0), m, b->layer);
		kernel(start(&out[n++], "pointwise_kernel", b->second, 0), m, b->second, false);
		if (b->bias) vector(start(&out[n++], "bias", b->second, 1), m, b->second, 1, NULL);
		return n;
	case C5_KERAS_DENSE: matrix(start(&out[n++], "kernel", b->layer, 0), m, b->layer, 0, b->flat); break;
	case C5_KERAS_LSTM:
		matrix(start(&out[n++], "kernel", b->layer, 0), m, b->layer, 0, NULL);
		matrix(start(&out[n++], "recurrent_kernel", b->layer, 1), m, b->layer, 1, NULL);
		if (b->bias) vector(start(&out[n++], "bias", b->layer, 2), m, b->layer, 2, NULL);
		return n;
	default:
		for (int p = 0; p < m->layers[b->layer].n_params; p++)
			if (p > 1 || (p == 0 ? b->scale : b->center)) vector(start(&out[n++], tails[p], b->layer, p), m, b->layer, p, b->flat);
		return n;
	}
	if (b->bias) vector(start(&out[n++], "bias", b->layer, 1), m, b->layer, 1, NULL);
	return n;
}

void c5_keras_move(const c5_keras_array *a, float *ours, float *theirs, bool back)
{
	for (int64_t i = 0; i < a->n[0]; i++)
		for (int64_t j = 0; j < a->n[1]; j++)
			for (int64_t k = 0; k < a->n[2]; k++)
				for (int64_t l = 0; l < a->n[3]; l++, ours++) {
					float *there = &theirs[i * a->stride[0] + j * a->stride[1] + k * a->stride[2] + l * a->stride[3]];
					if (back) *there = *ours;
					else *ours = *there;
				}
}
