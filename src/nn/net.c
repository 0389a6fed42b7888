/* net.c – makes a net of a model: graph, memory plan, all memory, weights in and out, arrays in and out. See net.h; passes are in
 * net_pass.c, updates in net_step.c. */
#include "nn/net.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "nn/netimpl.h"

static int take(c5_net *n, void *p, size_t bytes)
{
	n->bytes += bytes;
	return bytes ? n->device->b->alloc(n->device->dev, p, bytes) : C5_OK;
}

/* On the host, for what travels to and from the device in every step. */
static int host_take(c5_net *n, float **p, size_t bytes)
{
	const struct c5_backend *b = n->device->b;
	void *q = NULL;
	int err = b->host_alloc ? b->host_alloc(n->device->dev, &q, bytes) : c5_alloc_aligned(&q, bytes, 1);
	*p = q;
	return err;
}

/* Addresses for everything the plan gave places to. */
static void bind(c5_net *n)
{
	c5_graph *g = &n->graph;
	for (size_t i = 0; i < g->n_values; i++) {
		c5_value *v = &g->values[i], *r = v, *s = v;
		while (r->share >= 0) r = &g->values[r->share];
		while (s->grad_share >= 0) s = &g->values[s->grad_share];
		v->data = n->arena + r->at;
		v->grad = v->want_grad ? n->arena + s->grad_at : NULL;
	}
	for (size_t i = 0; i < g->n_nodes; i++) {
		c5_node *a = &g->nodes[i];
		c5_op_args *args = &a->args;
		args->pass = &n->pass;
		for (int k = 0; k < a->n_in; k++) {
			args->in[k] = g->values[a->in[k]].data;
			a->temporary[k] = a->adds[k] ? n->arena + a->temporary_at[k] : NULL;
		}
		args->out = g->values[a->out].data;
		args->grad_out = g->values[a->out].grad;
		for (int p = 0; p < a->op->n_params; p++) {
			args->param[p] = c5_net_param_at(n, a, p);
			args->grad_param[p] = a->param[p].trained ? n->g + a->param[p].at : NULL;
		}
		args->derived = n->derived + a->derived_at;
		args->workspace = n->arena + a->workspace_at;
		args->scratch = n->scratch;
		if (a->op->spec.kind == C5_LAYER_BATCH_NORM && g->how.training && !a->op->spec.running)
			args->statistics = n->statistics + a->statistics_at;
	}
}

/* The largest array that has to pass as plain float32. */
static size_t plain_floats(const c5_net *n)
{
	const c5_graph *g = &n->graph;
	size_t most = 1;
	for (size_t i = 0; i < g->n_nodes; i++)
		for (int p = 0; p < g->nodes[i].op->n_params; p++) {
			size_t count = c5_desc_count(&g->nodes[i].op->param[p]);
			if (count > most) most = count;
		}
	for (size_t v = 0; v < g->n_values; v++)
		if (g->values[v].tapped && c5_desc_count(&g->values[v].desc) > most) most = c5_desc_count(&g->values[v].desc);
	return most;
}

static int make_taps(c5_net *n)
{
	c5_graph *g = &n->graph;
	const struct c5_backend *b = n->device->b;
	int err = c5_alloc(&n->taps, (size_t)g->how.n_tap + 1, sizeof *n->taps);
	for (int i = 0; i < g->how.n_tap && !err; i++) {
		c5_tap *t = &n->taps[n->n_taps++];
		*t = (c5_tap){ .layer = g->how.tap[i], .value = g->of_layer[g->how.tap[i]] };
		const c5_desc *d = &g->values[t->value].desc;
		c5_op_spec s = { .kind = C5_OP_CONVERT, .n_in = 1, .in = { *d } };
		c5_desc_plain(&s.out, C5_TYPE_F32, d->rank, d->dims);
		if (c5_desc_same(&s.out, d)) continue;
		err = b->op_make(&t->op, n->device->dev, &s);
		if (!err && t->op->scratch > g->scratch) g->scratch = t->op->scratch;
	}
	return err;
}

static int make_losses(c5_net *n)
{
	c5_graph *g = &n->graph;
	const struct c5_backend *b = n->device->b;
	size_t scratch = 0;
	int err = C5_OK;
	for (int i = 0; i < g->model->n_outputs && !err; i++) {
		const c5_desc *d = &g->values[g->output[i].value].desc;
		size_t bytes = b->loss_scratch(n->device->dev, d);
		if (bytes > scratch) scratch = bytes;
		if (b->host_memory) continue;
		err = take(n, &n->targets[i], d->bytes);
		if (!err) err = take(n, &n->class_weight[i], (size_t)(d->rank > 1 ? d->dims[1] : 1) * sizeof(float));
	}
	if (!err && !b->host_memory) err = take(n, &n->item_weight, (size_t)g->how.batch * sizeof(float));
	size_t norm = b->norm_scratch(n->device->dev, g->flat);
	return err ? err : take(n, &n->loss_scratch, norm > scratch ? norm : scratch);
}

static int make(c5_net *n, const c5_model *m, const c5_weights *w, const c5_net_how *how)
{
	const struct c5_backend *b = n->device->b;
	int err = c5_model_copy(&n->model, m);
	if (!err) err = c5_graph_build(&n->graph, n->device, n->model, how);
	if (err) return err;
	c5_graph *g = &n->graph;
	if ((err = make_taps(n))) return err;
	n->plain_floats = plain_floats(n);
	if (!err) err = c5_alloc(&n->written, g->n_values, sizeof *n->written);
	if (!err) err = c5_alloc(&n->written_before, g->n_values, sizeof *n->written_before);
	if (!err) err = take(n, &n->arena, g->arena);
	if (!err) err = take(n, &n->kept, g->kept);
	if (!err) err = take(n, &n->derived, g->derived);
	if (!err) err = take(n, &n->scratch, g->scratch);
	if (!err) err = take(n, &n->w, g->flat * sizeof(float));
	if (!err) err = take(n, &n->g, g->flat * sizeof(float));
	if (!err) err = take(n, &n->statistics, g->statistics * sizeof(float));
	if (!err) err = take(n, &n->plain, n->plain_floats * sizeof(float));
	if (!err && how->training) err = make_losses(n);
	if (err) return err;
	if (b->host_memory) n->host_g = n->g;
	else if ((err = host_take(n, &n->host_g, (g->flat + 1) * sizeof(float)))) return err;
	bind(n);
	return c5_net_load(n, w);
}

int c5_net_make(c5_net **out, c5_device *d, const c5_model *m, const c5_weights *w, const c5_net_how *how)
{
	*out = NULL;
	if (w->n_layers != m->n_layers) return c5_fail(C5_EINPUT, "model %s has %d layers, its weights %d", m->name, m->n_layers, w->n_layers);
	c5_net *n;
	int err = c5_alloc(&n, 1, sizeof *n);
	if (err) return err;
	n->device = d;
	err = make(n, m, w, how);
	if (err) {
		c5_net_free(n);
		return c5_fail_in(err, "model %s", m->name);
	}
	n->graph.how.tap = NULL; /* the caller's */
	*out = n;
	return C5_OK;
}

void c5_net_free(c5_net *n)
{
	if (!n) return;
	const struct c5_backend *b = n->device->b;
	void *dev = n->device->dev;
	if (b->slot_free) {
		b->slot_free(dev, &n->forward_slot);
		b->slot_free(dev, &n->backward_slot);
	}
	for (int i = 0; i < n->n_taps; i++)
		if (n->taps[i].op) b->op_free(dev, n->taps[i].op);
	free(n->taps);
	if (b->host_release) b->host_release(dev, n->host_g);
	else if (!b->host_memory) free(n->host_g);
	void *held[] = { n->arena, n->kept, n->derived, n->scratch, n->w, n->g, n->statistics, n->m, n->v, n->average, n->plain, n->item_weight,
		n->loss_scratch };
	for (size_t i = 0; i < sizeof held / sizeof *held; i++) b->release(dev, held[i]);
	for (int i = 0; i < C5_LAYER_INPUTS_MAX; i++) {
		b->release(dev, n->targets[i]);
		b->release(dev, n->class_weight[i]);
	}
	free(n->written);
	free(n->written_before);
	if (n->graph.device) c5_graph_free(&n->graph);
	c5_model_free(n->model);
	free(n);
}

size_t c5_net_bytes(const c5_net *n)
{
	return n->bytes;
}

size_t c5_net_param_count(const c5_node *n, int p)
{
	return c5_desc_count(&n->op->param[p]);
}

void *c5_net_param_at(const c5_net *net, const c5_node *n, int p)
{
	return n->param[p].trained ? (void *)(net->w + n->param[p].at) : (void *)(net->kept + n->param[p].at);
}

int c5_net_param_get(const c5_net *net, const c5_desc *d, const void *at, float *out)
{
	const struct c5_backend *b = net->device->b;
	int err = b->param_out(net->device->dev, d, b->host_memory ? out : net->plain, at);
	return err || b->host_memory ? err : b->download(net->device->dev, out, net->plain, c5_desc_count(d) * sizeof(float));
}

int c5_net_param_put(const c5_net *net, const c5_desc *d, void *at, const float *in)
{
	const struct c5_backend *b = net->device->b;
	if (b->host_memory) return b->param_in(net->device->dev, d, at, in);
	int err = b->upload(net->device->dev, net->plain, in, c5_desc_count(d) * sizeof(float));
	if (!err) err = b->param_in(net->device->dev, d, at, net->plain);
	return err ? err : b->sync(net->device->dev);
}

/* A folded batch norm: y = (x - mean) / sqrt(variance + epsilon) * scale + shift goes into weights and bias, output channel by channel. */
static int load_folded(c5_net *net, const c5_node *n, const c5_weights *w)
{
	const c5_layer *bn = &net->model->layers[n->fold], *a = &net->model->layers[n->layer];
	const float *scale = c5_weights_of(w, n->fold, 0), *shift = c5_weights_of(w, n->fold, 1), *mean = c5_weights_of(w, n->fold, 2),
		*variance = c5_weights_of(w, n->fold, 3), *from = c5_weights_of(w, n->layer, 0), *bias = a->bias ? c5_weights_of(w, n->layer, 1) : NULL;
	size_t channels = (size_t)bn->shape[0], each = a->params[0].count / channels;
	float *to;
	int err = c5_alloc(&to, a->params[0].count + channels, sizeof *to);
	if (err) return err;
	for (size_t c = 0; c < channels; c++) {
		double factor = scale[c] / sqrt((double)variance[c] + bn->epsilon);
		for (size_t i = 0; i < each; i++) to[c * each + i] = (float)(from[c * each + i] * factor);
		to[a->params[0].count + c] = (float)(((bias ? bias[c] : 0.0) - mean[c]) * factor + shift[c]);
	}
	err = c5_net_param_put(net, &n->op->param[0], n->args.param[0], to);
	if (!err) err = c5_net_param_put(net, &n->op->param[1], n->args.param[1], to + a->params[0].count);
	free(to);
	return err;
}

int c5_net_load(c5_net *net, const c5_weights *w)
{
	int err = C5_OK;
	for (size_t i = 0; i < net->graph.n_nodes && !err; i++) {
		c5_node *n = &net->graph.nodes[i];
		if (n->fold >= 0) {
			err = load_folded(net, n, w);
			continue;
		}
		for (int p = 0; p < n->op->n_params && !err; p++)
			if (n->param[p].param >= 0) err = c5_net_param_put(net, &n->op->param[p], n->args.param[p], c5_weights_of(w, n->layer, p));
	}
	return err ? err : c5_net_refresh(net, false);
}

int c5_net_refresh(c5_net *net, bool copied)
{
	const struct c5_backend *b = net->device->b;
	int err = C5_OK;
	for (size_t i = 0; i < net->graph.n_nodes && !err && b->op_refresh; i++) {
		const c5_node *n = &net->graph.nodes[i];
		if (n->op->derived && !(copied && n->op->derived_copy)) err = b->op_refresh(net->device->dev, n->op, &n->args);
	}
	return err;
}

int c5_net_save(const c5_net *net, c5_weights *w)
{
	int err = C5_OK;
	if (!net->graph.how.training) return c5_fail(C5_EFAIL, "model %s: weights can be saved from a net that trains only", net->model->name);
	for (size_t i = 0; i < net->graph.n_nodes && !err; i++) {
		const c5_node *n = &net->graph.nodes[i];
		for (int p = 0; p < n->op->n_params && !err; p++)
			err = c5_net_param_get(net, &n->op->param[p], n->args.param[p], c5_weights_of(w, n->layer, p));
	}
	return err;
}

int c5_net_input(c5_net *n, int i, const float *data, int items)
{
	const struct c5_backend *b = n->device->b;
	int at = 0, batch = n->graph.how.batch;
	for (size_t v = 0; v < n->graph.n_values; v++) {
		const c5_value *a = &n->graph.values[v];
		if (!a->input || at++ != i) continue;
		if (items < 0 || items > batch) return c5_fail(C5_EINPUT, "model %s: %d items given, at most %d expected", n->model->name, items, batch);
		size_t bytes = a->desc.bytes / (size_t)batch * (size_t)items;
		int err = b->upload(n->device->dev, a->data, data, bytes);
		return err || bytes == a->desc.bytes ? err : b->zero(n->device->dev, (uint8_t *)a->data + bytes, a->desc.bytes - bytes);
	}
	return c5_fail(C5_EINPUT, "model %s: input %d, but it has %d", n->model->name, i, at);
}

int c5_net_output(c5_net *n, int i, float *data, int items)
{
	int batch = n->graph.how.batch;
	if (i < 0 || i >= n->model->n_outputs) return c5_fail(C5_EINPUT, "model %s: output %d, but it has %d", n->model->name, i, n->model->n_outputs);
	if (items < 0 || items > batch) return c5_fail(C5_EINPUT, "model %s: %d items wanted, at most %d expected", n->model->name, items, batch);
	const c5_value *v = &n->graph.values[n->graph.output[i].value];
	return n->device->b->download(n->device->dev, data, v->data, v->desc.bytes / (size_t)batch * (size_t)items);
}

int c5_net_read(c5_net *n, int layer, bool gradient, float *out, int items)
{
	const struct c5_backend *b = n->device->b;
	void *dev = n->device->dev;
	if (items < 0 || items > n->graph.how.batch)
		return c5_fail(C5_EINPUT, "model %s: %d items wanted, at most %d expected", n->model->name, items, n->graph.how.batch);
	for (int i = 0; i < n->n_taps; i++) {
		const c5_tap *t = &n->taps[i];
		if (t->layer != layer) continue;
		const c5_value *v = &n->graph.values[t->value];
		size_t count = c5_desc_count(&v->desc) / (size_t)n->graph.how.batch * (size_t)items;
		const void *from = gradient ? v->grad : v->data;
		if (gradient && (!v->grad || !n->written[t->value])) {
			memset(out, 0, count * sizeof(float));
			return C5_OK;
		}
		if (t->op) {
			c5_op_args args = { .pass = &n->pass, .in = { from }, .out = n->plain, .scratch = n->scratch };
			int err = b->op_forward(dev, t->op, &args);
			if (err) return err;
			from = n->plain;
		}
		return b->download(dev, out, from, count * sizeof(float));
	}
	return c5_fail(C5_EINPUT, "model %s: layer %d was not tapped when the net was made", n->model->name, layer);
}
