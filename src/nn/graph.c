/* graph.c – lowers a model to operations: which layers are computed at all, which are folded or fused into the one before, in which type values
 * are kept, and where a conversion of layout or type has to stand between. See graph.h.
 *
 * A chain is a layer with what is merged into it: convolution, dense or batch norm; then, in inference, the batch norm that is folded into its
 * weights; then an addition whose other inputs are already there; then an activation. Only layers nobody else reads are merged away. */
#include "nn/graph.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

typedef struct lowering {
	c5_graph *g;
	int *users, *user;   /* per layer: number of edges to needed layers, and the last such layer */
	bool *needed, *out, *tap, *grad;
	bool *vanish;        /* flatten (and what follows) kept as (C, H, W) */
} lowering;

static bool pinned(const lowering *w, int l) { return w->out[l] || w->tap[l]; }
static bool is_product(int kind) { return kind == C5_LAYER_CONV || kind == C5_LAYER_CONV_TRANSPOSE || kind == C5_LAYER_DENSE; }
static const c5_layer *layer_of(const lowering *w, int l) { return &w->g->model->layers[l]; }

static int sole_user(const lowering *w, int l)
{
	return !pinned(w, l) && w->users[l] == 1 ? w->user[l] : -1;
}

/* Which layers have to be computed, who reads them, and through which a gradient has to pass. */
static void survey(lowering *w)
{
	const c5_graph *g = w->g;
	const c5_model *m = g->model;
	for (int i = 0; i < m->n_outputs; i++) w->out[m->outputs[i]] = w->needed[m->outputs[i]] = true;
	for (int i = 0; i < g->how.n_tap; i++) w->tap[g->how.tap[i]] = w->needed[g->how.tap[i]] = true;
	for (int l = m->n_layers - 1; l >= 0; l--) {
		if (m->layers[l].kind == C5_LAYER_INPUT) w->needed[l] = true;
		if (!w->needed[l]) continue;
		for (int k = 0; k < m->layers[l].n_inputs; k++) {
			int in = m->layers[l].inputs[k];
			w->needed[in] = true;
			if (!w->users[in]++) w->user[in] = l;
		}
	}
	for (int l = 0; l < m->n_layers && g->how.training; l++) {
		const c5_layer *a = &m->layers[l];
		w->grad[l] = w->tap[l] || (a->kind == C5_LAYER_INPUT && g->how.input_gradient);
		for (int p = 0; p < a->n_params; p++) w->grad[l] |= a->params[p].trained && l >= g->how.freeze_upto;
		for (int k = 0; k < a->n_inputs; k++) w->grad[l] |= w->grad[a->inputs[k]];
	}
}

/* A flatten needs no work where everything after it up to dense layers works number by number: dense takes (C, H, W) as it lies. */
static bool can_vanish(const lowering *w, int l)
{
	const c5_model *m = w->g->model;
	if (pinned(w, l)) return false;
	for (int u = l + 1; u < m->n_layers; u++) {
		if (!w->needed[u]) continue;
		for (int k = 0; k < m->layers[u].n_inputs; k++) {
			if (m->layers[u].inputs[k] != l) continue;
			int kind = m->layers[u].kind;
			if (kind == C5_LAYER_DENSE) continue;
			if ((kind != C5_LAYER_DROPOUT && kind != C5_LAYER_ACTIVATION) || !can_vanish(w, u)) return false;
		}
	}
	return true;
}

static int new_value(lowering *w, const c5_desc *d, int layer, int maker)
{
	c5_graph *g = w->g;
	int err = c5_grow(&g->values, &g->cap_values, g->n_values + 1, sizeof *g->values);
	if (err) return err;
	c5_value *v = &g->values[g->n_values];
	*v = (c5_value){ .desc = *d, .layer = layer, .maker = maker, .first_user = -1, .last_user = -1, .share = -1, .grad_share = -1 };
	return (int)g->n_values++;
}

static int convert(lowering *w, int value, const c5_desc *want, int layer);

/* Makes the op, puts conversions before its inputs where it wants them otherwise, and gives the index of its output. `value` as spec->in. */
static int emit(lowering *w, c5_op_spec *spec, const int *value, int layer, int of_layer)
{
	c5_graph *g = w->g;
	const struct c5_backend *b = g->device->b;
	c5_op *op;
	for (int k = 0; k < spec->n_in; k++) {
		spec->in[k] = g->values[value[k]].desc;
		spec->grad_in[k] = g->how.training && g->values[value[k]].want_grad;
	}
	int err = b->op_make(&op, g->device->dev, spec), in[C5_LAYER_INPUTS_MAX];
	if (err) return of_layer >= 0 ? c5_fail_in(err, "layer '%s'", layer_of(w, of_layer)->name) : err;
	for (int k = 0; k < spec->n_in; k++) {
		in[k] = c5_desc_same(&op->in[k], &spec->in[k]) ? value[k] : convert(w, value[k], &op->in[k], -1);
		if (in[k] < 0) {
			b->op_free(g->device->dev, op);
			return in[k];
		}
	}
	if ((err = c5_grow(&g->nodes, &g->cap_nodes, g->n_nodes + 1, sizeof *g->nodes))) {
		b->op_free(g->device->dev, op);
		return err;
	}
	int n = (int)g->n_nodes++;
	c5_node *node = &g->nodes[n];
	*node = (c5_node){ .op = op, .layer = layer, .fold = -1, .n_in = spec->n_in };
	int out = new_value(w, &op->out, of_layer, n);
	if (out < 0) return out;
	node->out = out;
	bool grad = spec->grad_params;
	for (int k = 0; k < spec->n_in; k++) {
		c5_value *v = &g->values[in[k]];
		node->in[k] = in[k];
		grad |= v->want_grad;
		if (!v->n_users++) v->first_user = n;
		v->last_user = n;
	}
	g->values[out].want_grad = node->backward = g->how.training && (grad || (of_layer >= 0 && w->tap[of_layer]));
	return out;
}

/* The value in another layout or type: an earlier conversion is used again. */
static int convert(lowering *w, int value, const c5_desc *want, int layer)
{
	c5_graph *g = w->g;
	for (size_t n = 0; n < g->n_nodes; n++)
		if (g->nodes[n].op->spec.kind == C5_OP_CONVERT && g->nodes[n].in[0] == value && c5_desc_same(&g->nodes[n].op->out, want))
			return g->nodes[n].out;
	c5_op_spec s = { .kind = C5_OP_CONVERT, .n_in = 1, .out = *want, .training = g->how.training };
	return emit(w, &s, &value, -1, layer);
}

/* The type a layer's values are kept in: in bf16 nets what goes straight out or into the last softmax or sigmoid stays float32. */
static int type_of(const lowering *w, int l)
{
	if (w->g->how.precision == C5_FP32) return C5_TYPE_F32;
	const c5_layer *a = layer_of(w, l);
	if (a->kind == C5_LAYER_SOFTMAX || a->kind == C5_LAYER_LSTM) return C5_TYPE_F32;
	if (!is_product(a->kind)) return C5_TYPE_BF16;
	if (w->out[l]) return C5_TYPE_F32;
	int u = sole_user(w, l);
	if (u < 0) return C5_TYPE_BF16;
	const c5_layer *next = layer_of(w, u);
	return next->kind == C5_LAYER_SOFTMAX || (next->kind == C5_LAYER_ACTIVATION && w->out[u]) ? C5_TYPE_F32 : C5_TYPE_BF16;
}

static void out_desc(const lowering *w, int l, int type, c5_desc *d)
{
	const c5_layer *a = layer_of(w, l);
	int64_t dims[4] = { w->g->how.batch };
	for (int i = 0; i < a->rank; i++) dims[i + 1] = a->shape[i];
	c5_desc_plain(d, type, a->rank + 1, dims);
}

/* An activation as an operation of its own. */
static int activate(lowering *w, int value, int activation, float slope, int of_layer)
{
	c5_op_spec s = { .kind = C5_LAYER_ACTIVATION, .n_in = 1, .out = w->g->values[value].desc, .activation = activation, .slope = slope,
		.training = w->g->how.training };
	s.out.layout = -1;
	return emit(w, &s, &value, -1, of_layer);
}

static bool has_trained(const lowering *w, int l)
{
	const c5_layer *a = layer_of(w, l);
	for (int p = 0; p < a->n_params; p++)
		if (a->params[p].trained && w->g->how.training && l >= w->g->how.freeze_upto) return true;
	return false;
}

/* May addition `u` be done by the operation that ends with layer `l`? Then *other is the value to add. */
static bool can_add(const lowering *w, int u, int l, int *other)
{
	const c5_layer *a = layer_of(w, u);
	if (a->kind != C5_LAYER_ADD || a->n_inputs != 2) return false;
	int o = a->inputs[a->inputs[0] == l];
	if (o == l || w->g->of_layer[o] < 0) return false;
	*other = w->g->of_layer[o];
	return true;
}

/* Is `value` read by nobody after now save one edge? (An op that adds in place destroys the addend.) */
static bool dies_now(const lowering *w, int value)
{
	const c5_value *v = &w->g->values[value];
	if (v->input || v->aliased || v->layer < 0 || pinned(w, v->layer)) return false;
	int left = w->users[v->layer];
	for (size_t n = 0; n < w->g->n_nodes; n++)
		for (int k = 0; k < w->g->nodes[n].n_in; k++) left -= w->g->nodes[n].in[k] == value;
	return left == 1;
}

/* Product or batch norm with what is merged into it. Sets *end to the last layer of the chain. */
static int lower_chain(lowering *w, int l, int *end)
{
	c5_graph *g = w->g;
	const struct c5_backend *b = g->device->b;
	const c5_layer *a = layer_of(w, l);
	bool product = is_product(a->kind), training = g->how.training;
	int cur = l, fold = -1, next, other = -1, value[2] = { g->of_layer[a->inputs[0]] };
	int act = a->activation;
	float slope = a->slope;
	if (product && !training && act == C5_ACT_NONE && (next = sole_user(w, cur)) >= 0 && layer_of(w, next)->kind == C5_LAYER_BATCH_NORM) {
		cur = fold = next;
		act = layer_of(w, cur)->activation;
		slope = layer_of(w, cur)->slope;
	}
	c5_op_spec s = { .kind = a->kind, .layer = a, .layer_index = l, .n_in = 1, .compute = w->g->how.precision == C5_BF16, .training = training,
		.bias = a->bias || fold >= 0, .grad_params = has_trained(w, l), .running = a->kind == C5_LAYER_BATCH_NORM && l < g->how.freeze_upto };
	s.in[0] = g->values[value[0]].desc;
	if (act == C5_ACT_NONE && (next = sole_user(w, cur)) >= 0 && can_add(w, next, cur, &other)) {
		c5_op_spec t = s;
		t.sum = true;
		t.n_in = 2;
		t.in[1] = g->values[other].desc;
		t.activation = layer_of(w, next)->activation;
		t.slope = layer_of(w, next)->slope;
		if (b->fuses(g->device->dev, &t) && (training || dies_now(w, other))) {
			s = t;
			value[1] = other;
			cur = next;
			act = t.activation;
			slope = t.slope;
		}
	}
	int fused_end = cur;
	if (act == C5_ACT_NONE && (next = sole_user(w, cur)) >= 0 && layer_of(w, next)->kind == C5_LAYER_ACTIVATION) {
		cur = next;
		act = layer_of(w, cur)->activation;
		slope = layer_of(w, cur)->slope;
	}
	bool head = training && act == C5_ACT_SIGMOID && w->out[cur]; /* its logits are wanted for the loss */
	c5_op_spec t = s;
	t.activation = act;
	t.slope = slope;
	bool fused = act == C5_ACT_NONE || (!head && b->fuses(g->device->dev, &t));
	if (fused) s = t;
	else s.activation = C5_ACT_NONE;
	int type = product && w->out[cur] && !s.sum ? C5_TYPE_F32 : type_of(w, fused ? cur : l);
	out_desc(w, fused ? cur : fused_end, type, &s.out);
	s.out.layout = -1;
	int out = emit(w, &s, value, l, fused ? cur : -1);
	if (out < 0) return out;
	g->nodes[g->n_nodes - 1].fold = fold;
	if (!fused) out = activate(w, out, act, slope, cur);
	*end = cur;
	return out;
}

static int lower_plain(lowering *w, int l)
{
	c5_graph *g = w->g;
	const c5_layer *a = layer_of(w, l);
	int value[C5_LAYER_INPUTS_MAX];
	c5_op_spec s = { .kind = a->kind, .layer = a, .layer_index = l, .n_in = a->n_inputs, .compute = g->how.precision == C5_BF16,
		.training = g->how.training, .bias = a->bias, .grad_params = has_trained(w, l) };
	for (int k = 0; k < a->n_inputs; k++) value[k] = g->of_layer[a->inputs[k]];
	out_desc(w, l, type_of(w, l), &s.out);
	if (a->kind == C5_LAYER_DROPOUT || a->kind == C5_LAYER_ACTIVATION) { /* may work on what a flatten left as it was */
		int type = s.out.type;
		s.out = g->values[value[0]].desc;
		s.out.type = type;
	}
	s.out.layout = -1;
	if (a->kind == C5_LAYER_ACTIVATION)
		return activate(w, value[0], a->activation, a->slope, l);
	if (a->kind == C5_LAYER_DROPOUT && (!g->how.training || a->rate <= 0)) return value[0];
	int act = a->activation;
	bool can = a->kind == C5_LAYER_ADD || a->kind == C5_LAYER_GROUP_NORM;
	bool head = g->how.training && act == C5_ACT_SIGMOID && w->out[l];
	s.activation = act;
	s.slope = a->slope;
	for (int k = 0; k < a->n_inputs; k++) s.in[k] = g->values[value[k]].desc;
	bool fused = !can || act == C5_ACT_NONE || (!head && g->device->b->fuses(g->device->dev, &s));
	if (!fused || !can) s.activation = C5_ACT_NONE;
	int out = emit(w, &s, value, a->n_params ? l : -1, fused ? l : -1);
	return out < 0 || fused ? out : activate(w, out, act, a->slope, l);
}

static int lower_layer(lowering *w, int l, int *end)
{
	c5_graph *g = w->g;
	const c5_layer *a = layer_of(w, l);
	c5_desc d;
	*end = l;
	switch (a->kind) {
	case C5_LAYER_INPUT: {
		out_desc(w, l, C5_TYPE_F32, &d);
		int v = new_value(w, &d, l, -1);
		if (v < 0) return v;
		g->values[v].input = true;
		g->values[v].want_grad = w->grad[l];
		return v;
	}
	case C5_LAYER_FLATTEN: {
		int in = g->of_layer[a->inputs[0]];
		if (g->values[in].desc.rank == 2 || w->vanish[l]) return in;
		out_desc(w, l, g->values[in].desc.type, &d);
		c5_desc flat = g->values[in].desc; /* first to the canonical order, then to one dimension: the same bytes */
		c5_desc_plain(&flat, flat.type, flat.rank, g->values[in].desc.dims);
		if (!c5_desc_same(&flat, &g->values[in].desc) && (in = convert(w, in, &flat, -1)) < 0) return in;
		return convert(w, in, &d, l);
	}
	case C5_LAYER_CONV: case C5_LAYER_CONV_TRANSPOSE: case C5_LAYER_DENSE: case C5_LAYER_BATCH_NORM:
		return lower_chain(w, l, end);
	default:
		return lower_plain(w, l);
	}
}

/* Outputs as plain float32, and where losses may write. */
static int lower_outputs(lowering *w)
{
	c5_graph *g = w->g;
	for (int i = 0; i < g->model->n_outputs; i++) {
		int l = g->model->outputs[i], v = g->of_layer[l];
		c5_desc d;
		out_desc(w, l, C5_TYPE_F32, &d);
		if (g->values[v].desc.rank != d.rank) c5_desc_plain(&d, C5_TYPE_F32, g->values[v].desc.rank, g->values[v].desc.dims);
		int plain = c5_desc_same(&d, &g->values[v].desc) ? v : convert(w, v, &d, -1);
		if (plain < 0) return plain;
		g->values[plain].pinned = g->values[plain].seeded = true;
		g->output[i] = (c5_output){ .value = plain, .logits = -1, .head = -1 };
	}
	for (int i = 0; i < g->model->n_outputs; i++) { /* the operation whose inputs are the logits, if it works on plain float32 */
		c5_output *o = &g->output[i];
		int n = g->values[o->value].maker;
		if (n < 0) continue;
		const c5_op_spec *s = &g->nodes[n].op->spec;
		if (s->kind != C5_LAYER_SOFTMAX && !(s->kind == C5_LAYER_ACTIVATION && s->activation == C5_ACT_SIGMOID)) continue;
		c5_value *in = &g->values[g->nodes[n].in[0]];
		if (in->desc.type != C5_TYPE_F32 || in->desc.layout != 0) continue;
		o->logits = g->nodes[n].in[0];
		o->head = n;
		in->seeded = in->pinned = true;
	}
	return C5_OK;
}

static int lower(lowering *w)
{
	c5_graph *g = w->g;
	survey(w);
	for (int l = g->model->n_layers - 1; l >= 0; l--) {
		int kind = layer_of(w, l)->kind;
		if (kind == C5_LAYER_FLATTEN) w->vanish[l] = w->needed[l] && can_vanish(w, l);
	}
	for (int l = 0; l < g->model->n_layers; l++) {
		if (!w->needed[l] || g->of_layer[l] != -1) continue;
		int end, v = lower_layer(w, l, &end);
		if (v < 0) return v;
		g->of_layer[l] = end == l ? v : -2; /* -2: merged into a later layer's operation */
		g->of_layer[end] = v;
		if (end != l) /* what stands between is merged too */
			for (int u = sole_user(w, l); u >= 0 && u != end; u = sole_user(w, u)) g->of_layer[u] = -2;
		c5_value *value = &g->values[v];
		if (value->layer < 0) value->layer = end;
		value->aliased |= value->layer != end;
		if (w->tap[end]) value->pinned = value->tapped = true;
	}
	return lower_outputs(w);
}

int c5_graph_build(c5_graph *g, struct c5_device *d, const c5_model *m, const c5_net_how *how)
{
	*g = (c5_graph){ .device = d, .model = m, .how = *how };
	lowering w = { .g = g };
	size_t n = (size_t)m->n_layers;
	int err = C5_OK;
	if (how->batch < 1) err = c5_fail(C5_EUSAGE, "a net for %d items: expected at least 1", how->batch);
	for (int i = 0; i < how->n_tap && !err; i++)
		if (how->tap[i] < 0 || how->tap[i] >= m->n_layers) err = c5_fail(C5_EUSAGE, "tapped layer %d: the model has %d", how->tap[i], m->n_layers);
	if (!err) err = c5_alloc(&g->of_layer, n, sizeof *g->of_layer);
	if (!err) err = c5_alloc(&w.users, n, sizeof *w.users);
	if (!err) err = c5_alloc(&w.user, n, sizeof *w.user);
	if (!err) err = c5_alloc(&w.needed, 5 * n, sizeof *w.needed);
	if (!err) {
		w.out = w.needed + n;
		w.tap = w.out + n;
		w.grad = w.tap + n;
		w.vanish = w.grad + n;
		for (size_t l = 0; l < n; l++) g->of_layer[l] = -1;
		err = lower(&w);
	}
	if (!err) err = c5_graph_plan(g);
	free(w.users);
	free(w.user);
	free(w.needed);
	if (err) c5_graph_free(g);
	return err;
}

void c5_graph_free(c5_graph *g)
{
	for (size_t i = 0; i < g->n_nodes; i++) g->device->b->op_free(g->device->dev, g->nodes[i].op);
	free(g->nodes);
	free(g->values);
	free(g->of_layer);
	*g = (c5_graph){ 0 };
}
