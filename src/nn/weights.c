/* weights.c – see weights.h. */
#include "nn/weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/random.h"

/* ---- made and unmade ---- */

static void fill(float *to, size_t n, float value)
{
	for (size_t i = 0; i < n; i++) to[i] = value;
}

/* Scales and variances. */
static bool starts_at_one(const c5_layer *l, int p)
{
	return (l->kind == C5_LAYER_BATCH_NORM && (p == 0 || p == 3)) || (l->kind == C5_LAYER_GROUP_NORM && p == 0);
}

int c5_weights_new(c5_weights **out, const c5_model *m)
{
	c5_weights *w = NULL;
	int err = c5_alloc(&w, 1, sizeof *w);
	if (err < 0) return err;
	w->n_layers = m->n_layers;
	if ((err = c5_alloc(&w->at, (size_t)m->n_layers, sizeof *w->at)) < 0) goto done;
	for (int l = 0; l < m->n_layers; l++) {
		for (int p = 0; p < m->layers[l].n_params; p++) {
			w->at[l][p] = w->count;
			w->count += m->layers[l].params[p].count;
		}
	}
	if ((err = c5_alloc(&w->data, w->count, sizeof *w->data)) < 0) goto done;
	for (int l = 0; l < m->n_layers; l++)
		for (int p = 0; p < m->layers[l].n_params; p++)
			if (starts_at_one(&m->layers[l], p)) fill(c5_weights_of(w, l, p), m->layers[l].params[p].count, 1);
done:
	if (err < 0) {
		c5_weights_free(w);
		w = NULL;
	}
	*out = w;
	return err;
}

void c5_weights_free(c5_weights *w)
{
	if (!w) return;
	free(w->data);
	free(w->at);
	free(w);
}

int c5_weights_copy(c5_weights **out, const c5_weights *from)
{
	c5_weights *w = NULL;
	int err = c5_alloc(&w, 1, sizeof *w);
	if (err < 0) return err;
	w->n_layers = from->n_layers;
	w->count = from->count;
	if ((err = c5_alloc(&w->at, (size_t)w->n_layers, sizeof *w->at)) == C5_OK && (err = c5_alloc(&w->data, w->count, sizeof *w->data)) == C5_OK) {
		if (w->n_layers) memcpy(w->at, from->at, (size_t)w->n_layers * sizeof *w->at);
		if (w->count) memcpy(w->data, from->data, w->count * sizeof *w->data);
	} else {
		c5_weights_free(w);
		w = NULL;
	}
	*out = w;
	return err;
}

/* ---- first values ---- */

static bool is_rectifier(int act) { return act == C5_ACT_RELU || act == C5_ACT_RELU6 || act == C5_ACT_LEAKY_RELU || act == C5_ACT_ELU; }

static bool passes_on(int kind)
{
	return kind == C5_LAYER_BATCH_NORM || kind == C5_LAYER_GROUP_NORM || kind == C5_LAYER_MAX_POOL || kind == C5_LAYER_AVERAGE_POOL ||
	       kind == C5_LAYER_DROPOUT || kind == C5_LAYER_ADD;
}

/* Whether what this layer gives is next bent by a ReLU kind: its own, or one behind norms, pools, dropout and sums. */
static bool feeds_rectifier(const c5_model *m, int layer)
{
	if (m->layers[layer].activation) return is_rectifier(m->layers[layer].activation);
	for (int next = layer + 1; next < m->n_layers; next++) {
		const c5_layer *l = &m->layers[next];
		for (int i = 0; i < l->n_inputs; i++) {
			if (l->inputs[i] != layer) continue;
			if (l->activation) return is_rectifier(l->activation);
			return passes_on(l->kind) && feeds_rectifier(m, next);
		}
	}
	return false;
}

/* Products summed into one output, and outputs one input goes to, of an array of weights. */
static void fans(double *in, double *out, const c5_layer *l, int p)
{
	const int *s = l->params[p].shape;
	double area = l->params[p].rank == 4 ? (double)s[2] * s[3] : 1;
	*in = s[1] * area;
	*out = s[0] * area;
	if (l->kind == C5_LAYER_CONV) *out /= l->groups;
	if (l->kind == C5_LAYER_CONV_TRANSPOSE) *in = fmax(1, *in / ((double)l->stride[0] * l->stride[1]));
	if (l->kind == C5_LAYER_LSTM) *out /= 4;
}

static void init_array(float *to, const c5_model *m, int layer, int p, c5_random *r)
{
	const c5_layer *l = &m->layers[layer];
	double in, out;
	fans(&in, &out, l, p);
	bool he = l->kind != C5_LAYER_LSTM && feeds_rectifier(m, layer);
	double scale = he ? sqrt(2 / in) : sqrt(6 / (in + out));
	for (size_t i = 0; i < l->params[p].count; i++) to[i] = (float)(he ? scale * c5_random_normal(r) : c5_random_range(r, -scale, scale));
}

void c5_weights_init(c5_weights *w, const c5_model *m, uint64_t seed)
{
	for (int i = 0; i < m->n_layers; i++) {
		const c5_layer *l = &m->layers[i];
		c5_random r;
		c5_random_start(&r, seed, (uint64_t)i);
		for (int p = 0; p < l->n_params; p++) {
			if (l->params[p].rank > 1) init_array(c5_weights_of(w, i, p), m, i, p, &r);
			else fill(c5_weights_of(w, i, p), l->params[p].count, starts_at_one(l, p));
		}
		if (l->kind == C5_LAYER_LSTM) fill(c5_weights_of(w, i, 2) + l->filters, (size_t)l->filters, 1); /* the forget gates */
	}
}

/* ---- from another model ---- */

