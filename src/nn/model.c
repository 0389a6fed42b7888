/* model.c – a network as a list of layers: making, copying, finding, counting what it costs; see model.h. Shapes are model_check.c's, text is
 * model_yaml.c's, and the models that ship are in named.c. */
#include "nn/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "nn/model_parts.h"

static const char *const kind_names[C5_LAYER_END] = {
	[C5_LAYER_INPUT] = "input", [C5_LAYER_CONV] = "conv", [C5_LAYER_CONV_TRANSPOSE] = "conv_transpose", [C5_LAYER_DENSE] = "dense",
	[C5_LAYER_MAX_POOL] = "max_pool", [C5_LAYER_AVERAGE_POOL] = "average_pool", [C5_LAYER_GLOBAL_POOL] = "global_pool",
	[C5_LAYER_BATCH_NORM] = "batch_norm", [C5_LAYER_GROUP_NORM] = "group_norm", [C5_LAYER_ACTIVATION] = "activation",
	[C5_LAYER_SOFTMAX] = "softmax", [C5_LAYER_DROPOUT] = "dropout", [C5_LAYER_ADD] = "add", [C5_LAYER_CONCAT] = "concat",
	[C5_LAYER_FLATTEN] = "flatten", [C5_LAYER_UPSAMPLE] = "upsample", [C5_LAYER_LSTM] = "lstm",
};

static const char *const activation_names[] = {
	[C5_ACT_NONE] = "none", [C5_ACT_RELU] = "relu", [C5_ACT_RELU6] = "relu6", [C5_ACT_LEAKY_RELU] = "leaky_relu", [C5_ACT_ELU] = "elu",
	[C5_ACT_SIGMOID] = "sigmoid", [C5_ACT_TANH] = "tanh",
};

const char *c5_layer_kind_name(int kind) { return kind >= 0 && kind < C5_LAYER_END ? kind_names[kind] : "?"; }
const char *c5_activation_name(int act) { return act >= 0 && act <= C5_ACT_TANH ? activation_names[act] : "?"; }

/* ---- made and unmade ---- */

int c5_model_new(c5_model **out, const char *name)
{
	int err = c5_alloc(out, 1, sizeof **out);
	if (err < 0) return err;
	snprintf((*out)->name, sizeof (*out)->name, "%.*s", (int)sizeof (*out)->name - 1, name && *name ? name : "model");
	return C5_OK;
}

void c5_model_free(c5_model *m)
{
	if (!m) return;
	free(m->layers);
	free(m);
}

int c5_model_copy(c5_model **out, const c5_model *m)
{
	int err = c5_model_new(out, m->name);
	if (err < 0) return err;
	c5_layer *layers = NULL;
	if ((err = c5_alloc(&layers, (size_t)m->n_layers, sizeof *layers)) < 0) {
		c5_model_free(*out);
		*out = NULL;
		return err;
	}
	if (m->n_layers) memcpy(layers, m->layers, (size_t)m->n_layers * sizeof *layers);
	**out = *m;
	(*out)->layers = layers;
	(*out)->cap_layers = m->n_layers;
	return C5_OK;
}

int c5_model_dropout(c5_model *m, double rate)
{
	int found = 0;
	for (int i = 0; i < m->n_layers; i++)
		if (m->layers[i].kind == C5_LAYER_DROPOUT) m->layers[i].rate = (float)rate, found++;
	return found;
}

int c5_model_add(c5_model *m, const c5_layer *layer)
{
	size_t cap = (size_t)m->cap_layers;
	if (m->n_layers >= C5_MODEL_LAYERS_MAX) return c5_fail(C5_EINPUT, "%s: more than %d layers", m->name, C5_MODEL_LAYERS_MAX);
	int err = c5_grow(&m->layers, &cap, (size_t)m->n_layers + 1, sizeof *m->layers);
	if (err < 0) return err;
	m->cap_layers = (int)cap;
	m->layers[m->n_layers] = *layer;
	return m->n_layers++;
}

int c5_model_find(const c5_model *m, const char *layer)
{
	for (int i = 0; i < m->n_layers; i++)
		if (strcmp(m->layers[i].name, layer) == 0) return i;
	return -1;
}

/* ---- another size ---- */

/* The first layer whose parameters are not of the same shapes; -1 if all agree. */
static int first_changed(const c5_model *a, const c5_model *b)
{
	for (int i = 0; i < a->n_layers; i++)
		for (int p = 0; p < a->layers[i].n_params; p++)
			if (memcmp(a->layers[i].params[p].shape, b->layers[i].params[p].shape, sizeof a->layers[i].params[p].shape) != 0) return i;
	return -1;
}

int c5_model_resize(c5_model *m, int height, int width)
{
	c5_model *other = NULL;
	int err = c5_model_copy(&other, m);
	if (err < 0) return err;
	for (int i = 0; i < other->n_layers; i++) {
		c5_layer *l = &other->layers[i];
		if (l->kind != C5_LAYER_INPUT || l->rank != 3) continue;
		l->shape[1] = height;
		l->shape[2] = width;
	}
	if ((err = c5_model_check(other)) < 0) goto done;
	int fixed = first_changed(m, other);
	if (fixed >= 0) {
		err = c5_fail(C5_EINPUT, "%s: made for one size of image: layer '%s' has weights for each pixel, so inputs of %d x %d do not fit; "
		              "resample the images, or train a model with global pooling", m->name, m->layers[fixed].name, height, width);
		goto done;
	}
	c5_layer *old = m->layers;
	*m = *other;
	other->layers = old;
done:
	c5_model_free(other);
	return err;
}

/* ---- costs ---- */

static int64_t elements(const c5_layer *l)
{
	int64_t n = 1;
	for (int d = 0; d < l->rank; d++) n *= l->shape[d];
	return n;
}

int64_t c5_layer_flops(const c5_model *m, int layer)
{
	const c5_layer *l = &m->layers[layer];
	int64_t weights = 0, places = 1;
	switch (l->kind) {
	case C5_LAYER_CONV: places = (int64_t)l->shape[1] * l->shape[2]; break;
	case C5_LAYER_CONV_TRANSPOSE: places = (int64_t)m->layers[l->inputs[0]].shape[1] * m->layers[l->inputs[0]].shape[2]; break;
	case C5_LAYER_LSTM: places = m->layers[l->inputs[0]].shape[0]; break;
	case C5_LAYER_DENSE: break;
	default: return 0;
	}
	for (int p = 0; p < l->n_params; p++)
		if (l->params[p].rank > 1) weights += (int64_t)l->params[p].count;
	return 2 * weights * places;
}

/* What one output pixel sees of one axis of the input of this layer: so many pixels, a step of so many. */
static void window(const c5_layer *l, int axis, double *size, double *step)
{
	int k = l->kernel[axis], s = l->stride[axis];
	*size = *step = 1;
	switch (l->kind) {
	case C5_LAYER_CONV: k = (k - 1) * l->dilation[axis] + 1; /* fall through */
	case C5_LAYER_MAX_POOL: case C5_LAYER_AVERAGE_POOL: *size = k; *step = s; break;
	case C5_LAYER_CONV_TRANSPOSE: *size = ((k - 1) * l->dilation[axis] + s) / s; *step = 1.0 / s; break;
	case C5_LAYER_UPSAMPLE: *size = l->bilinear ? 2 : 1; *step = 1.0 / l->factor; break;
	default: break;
	}
}

/* The larger of both axes. An output that has lost its pixels sees everything: 0. */
static void fields(double (*seen)[2], const c5_model *m)
{
	for (int i = 0; i < m->n_layers; i++) {
		const c5_layer *l = &m->layers[i];
		seen[i][0] = l->rank == 3 ? 1 : 0;
		seen[i][1] = 1;
		if (l->rank != 3 || !l->n_inputs) continue;
		double field = 0, stride = 0;
		for (int j = 0; j < l->n_inputs; j++) {
			for (int axis = 0; axis < 2; axis++) {
				double size, step, *in = seen[l->inputs[j]];
				window(l, axis, &size, &step);
				field = fmax(field, in[0] + (size - 1) * in[1]);
				stride = fmax(stride, in[1] * step);
			}
		}
		seen[i][0] = field;
		seen[i][1] = stride;
	}
}

int c5_model_fields(int *field, int *stride, const c5_model *m)
{
	double (*seen)[2] = NULL;
	int err = c5_alloc(&seen, (size_t)m->n_layers, sizeof *seen);
	if (err < 0) return err;
	fields(seen, m);
	for (int i = 0; i < m->n_layers; i++) {
		field[i] = (int)fmin(ceil(seen[i][0]), 1e9);
		stride[i] = (int)fmin(ceil(seen[i][1]), 1e9);
	}
	free(seen);
	return C5_OK;
}

static void last_field(c5_model_cost *out, const c5_model *m)
{
	int last = -1, *field = NULL;
	for (int i = 0; i < m->n_layers; i++)
		if (m->layers[i].rank == 3) last = i;
	if (last < 0 || c5_alloc(&field, (size_t)m->n_layers * 2, sizeof *field) < 0) return;
	if (c5_model_fields(field, field + m->n_layers, m) == C5_OK) {
		out->receptive_field = field[last];
		out->stride = field[m->n_layers + last];
	}
	free(field);
}

void c5_model_costs(c5_model_cost *out, const c5_model *m)
{
	*out = (c5_model_cost){ 0 };
	for (int i = 0; i < m->n_layers; i++) {
		const c5_layer *l = &m->layers[i];
		for (int p = 0; p < l->n_params; p++) {
			out->parameters += (int64_t)l->params[p].count;
			if (l->params[p].trained) out->trained += (int64_t)l->params[p].count;
		}
		out->flops += c5_layer_flops(m, i);
		out->activation_bytes += 4 * elements(l);
	}
	last_field(out, m);
}
