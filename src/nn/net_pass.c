/* net_pass.c – forward, losses and seeds, backward. What has no gradient in a pass (an output without a loss) is left out of it, and the gradients
 * of parameters only it would reach are zero. */
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "nn/netimpl.h"

/* Runs one operation, its time added to where it belongs if wanted. */
static int timed(c5_net *n, c5_op *op, const c5_op_args *a, bool back)
{
	const struct c5_backend *b = n->device->b;
	void *dev = n->device->dev;
	if (!n->timing) return back ? b->op_backward(dev, op, a) : b->op_forward(dev, op, a);
	double from = c5_clock_s();
	int err = back ? b->op_backward(dev, op, a) : b->op_forward(dev, op, a);
	if (!err) err = b->sync(dev);
	*(op->product ? &n->times.conv_s : &n->times.other_s) += c5_clock_s() - from;
	return err;
}

/* A pass that could not be recorded is done plainly. */
static bool once_more(int end)
{
	if (end == 1) c5_error_clear();
	return end == 1;
}

int c5_net_forward(c5_net *n, uint64_t seed, uint64_t item0)
{
	const struct c5_backend *b = n->device->b;
	c5_graph *g = &n->graph;
	n->pass = (c5_pass){ .seed = seed, .item0 = item0 };
	memset(n->written, 0, g->n_values * sizeof *n->written);
	n->times.passes++;
	int err = C5_OK, done = 0;
	bool slots = b->pass_begin && !n->timing;
	do {
		if (slots && (done = b->pass_begin(n->device->dev, &n->forward_slot, &n->pass)) < 0) return done;
		err = C5_OK;
		for (size_t i = 0; i < g->n_nodes && !err && !done; i++) err = timed(n, g->nodes[i].op, &g->nodes[i].args, false);
		if (slots && !done) err = b->pass_end(n->device->dev, &n->forward_slot, err);
	} while (once_more(err));
	if (err && slots) b->slot_free(n->device->dev, &n->forward_slot); /* what was recorded is not whole */
	return err;
}

static bool is_softmax(const c5_net *n, const c5_output *o)
{
	return o->head >= 0 && n->graph.nodes[o->head].op->spec.kind == C5_LAYER_SOFTMAX;
}

static int check_loss(const c5_net *n, const c5_loss *l)
{
	static const struct { const char *name; bool softmax, sigmoid, any; } kinds[] = {
		[C5_LOSS_CROSS_ENTROPY] = { "cross-entropy", true, false, false }, [C5_LOSS_BINARY] = { "binary loss", false, true, false },
		[C5_LOSS_FOCAL] = { "focal loss", true, false, false }, [C5_LOSS_MSE] = { "mean square loss", true, true, true },
		[C5_LOSS_DICE] = { "dice loss", true, true, false },
	};
	if (!n->graph.how.training) return c5_fail(C5_EFAIL, "model %s: this net was made without training", n->model->name);
	if (l->kind < 0 || l->kind > C5_LOSS_DICE) return c5_fail(C5_EUSAGE, "loss of kind %d: not known", l->kind);
	if (l->output < 0 || l->output >= n->model->n_outputs)
		return c5_fail(C5_EUSAGE, "%s at output %d: model %s has %d", kinds[l->kind].name, l->output, n->model->name, n->model->n_outputs);
	const c5_output *o = &n->graph.output[l->output];
	bool softmax = is_softmax(n, o), sigmoid = o->head >= 0 && !softmax;
	if (kinds[l->kind].any || (softmax && kinds[l->kind].softmax) || (sigmoid && kinds[l->kind].sigmoid)) return C5_OK;
	return c5_fail(C5_EUSAGE, "%s: output '%s' of model %s ends without %s", kinds[l->kind].name,
		n->model->layers[n->model->outputs[l->output]].name, n->model->name, kinds[l->kind].softmax ? "softmax" : "sigmoid");
}

/* Where the device cannot read the host's memory: a copy. */
static int to_device(c5_net *n, float *there, const float **p, size_t count)
{
	if (!*p || n->device->b->host_memory) return C5_OK;
	int err = n->device->b->upload(n->device->dev, there, *p, count * sizeof(float));
	*p = there;
	return err;
}

int c5_net_loss(c5_net *n, const c5_loss *losses, int n_losses, const float *const *targets, const float *weight, int items, double scale,
	double *out)
{
	c5_graph *g = &n->graph;
	const struct c5_backend *b = n->device->b;
	if (items < 0 || items > g->how.batch) return c5_fail(C5_EINPUT, "loss of %d items: expected at most %d", items, g->how.batch);
	int err = to_device(n, n->item_weight, &weight, (size_t)items);
	double from = c5_clock_s();
	for (int i = 0; i < n_losses && !err; i++) {
		const c5_loss *l = &losses[i];
		if ((err = check_loss(n, l))) break;
		const c5_output *o = &g->output[l->output];
		const c5_value *v = &g->values[o->value];
		bool at_logits = l->kind != C5_LOSS_MSE && o->head >= 0;
		int at = at_logits ? o->logits : o->value;
		if (!g->values[at].want_grad) return c5_fail(C5_EFAIL, "model %s: nothing before output %d is trained", n->model->name, l->output);
		c5_loss_args a = { .loss = l, .desc = v->desc, .items = items, .output = v->data, .logits = at_logits ? g->values[at].data : NULL,
			.target = targets[i], .weight = weight, .class_weight = l->class_weight, .scale = scale, .grad = g->values[at].grad,
			.add = n->written[at],
			.softmax = is_softmax(n, o), .scratch = n->loss_scratch };
		err = to_device(n, n->targets[l->output], &a.target, c5_desc_count(&v->desc) / (size_t)g->how.batch * (size_t)items);
		if (!err) err = to_device(n, n->class_weight[l->output], &a.class_weight, (size_t)(v->desc.rank > 1 ? v->desc.dims[1] : 1));
		if (!err) err = b->loss(n->device->dev, &a, &out[i]);
		n->written[at] = true;
	}
	n->times.other_s += n->timing ? c5_clock_s() - from : 0;
	return err;
}

int c5_net_seed(c5_net *n, int i, const float *gradient, int items, bool logits)
{
	c5_graph *g = &n->graph;
	const struct c5_backend *b = n->device->b;
	if (i < 0 || i >= n->model->n_outputs) return c5_fail(C5_EINPUT, "model %s: output %d, but it has %d", n->model->name, i, n->model->n_outputs);
	if (items < 0 || items > g->how.batch) return c5_fail(C5_EINPUT, "gradient of %d items: expected at most %d", items, g->how.batch);
	const c5_output *o = &g->output[i];
	int at = logits && o->head >= 0 ? o->logits : o->value;
	const c5_value *v = &g->values[at];
	if (!v->want_grad) return c5_fail(C5_EFAIL, "model %s: this net was made without gradients", n->model->name);
	size_t bytes = v->desc.bytes / (size_t)g->how.batch * (size_t)items;
	int err = b->upload(n->device->dev, v->grad, gradient, bytes);
	if (!err && bytes < v->desc.bytes) err = b->zero(n->device->dev, (uint8_t *)v->grad + bytes, v->desc.bytes - bytes);
	n->written[at] = true;
	return err;
}

/* One node: gradients go straight to their places where they are first, else beside and are added. */
static int node_backward(c5_net *n, c5_node *a)
{
	const struct c5_backend *b = n->device->b;
	c5_graph *g = &n->graph;
	bool add[C5_LAYER_INPUTS_MAX];
	c5_op_args args = a->args;
	for (int k = 0; k < a->n_in; k++) {
		const c5_value *v = &g->values[a->in[k]];
		add[k] = a->adds[k] && n->written[a->in[k]];
		args.grad_in[k] = v->want_grad ? (add[k] ? a->temporary[k] : v->grad) : NULL;
		if (v->want_grad) n->written[a->in[k]] = true;
	}
	int err = timed(n, a->op, &args, true);
	for (int k = 0; k < a->n_in && !err; k++) {
		if (!add[k]) continue;
		const c5_value *v = &g->values[a->in[k]];
		double from = n->timing ? c5_clock_s() : 0;
		err = b->accumulate(n->device->dev, &v->desc, v->grad, a->temporary[k]);
		if (n->timing) n->times.other_s += c5_clock_s() - from;
	}
	return err;
}

/* Which gradients are there before the pass: a recorded pass is for one such set only. */
static uint64_t seeds_of(const c5_net *n)
{
	uint64_t bits = 1;
	for (int i = 0; i < n->model->n_outputs; i++) {
		const c5_output *o = &n->graph.output[i];
		bits = bits << 2 | (uint64_t)n->written[o->value] << 1 | (uint64_t)(o->logits >= 0 && n->written[o->logits]);
	}
	return bits;
}

static void mark(c5_net *n, const c5_node *a)
{
	for (int k = 0; k < a->n_in; k++)
		if (n->graph.values[a->in[k]].want_grad) n->written[a->in[k]] = true;
}

static int tell(c5_net *n, bool fetched, c5_net_ready ready, void *ctx, size_t from, size_t to)
{
	const struct c5_backend *b = n->device->b;
	int err = b->host_memory || fetched ? C5_OK : b->download(n->device->dev, n->host_g + from, n->g + from, (to - from) * sizeof(float));
	return err ? err : ready(ctx, from, to);
}

/* With `skip` the pass itself has been done already, and gradients that are told of are on the host: only what it left is noted and told. */
static int nodes_backward(c5_net *n, bool skip, c5_net_ready ready, void *ctx)
{
	const struct c5_backend *b = n->device->b;
	c5_graph *g = &n->graph;
	int err = C5_OK;
	for (size_t i = g->n_nodes; i-- > 0 && !err;) {
		c5_node *a = &g->nodes[i];
		size_t from = 0, to = 0;
		for (int p = 0; p < a->op->n_params; p++) {
			if (!a->param[p].trained) continue;
			if (to == 0) from = a->param[p].at;
			to = a->param[p].at + a->param[p].floats;
		}
		if (a->backward && n->written[a->out] && skip) mark(n, a);
		else if (a->backward && n->written[a->out]) err = node_backward(n, a);
		else if (to > from && !skip) err = b->zero(n->device->dev, n->g + from, (to - from) * sizeof(float));
		if (to > from && ready && !err) err = tell(n, skip, ready, ctx, from, to);
	}
	return err;
}

int c5_net_backward(c5_net *n, c5_net_ready ready, void *ctx)
{
	const struct c5_backend *b = n->device->b;
	int err, done = 0;
	if (!n->graph.how.training) return c5_fail(C5_EFAIL, "model %s: this net was made without training", n->model->name);
	bool slots = b->pass_begin && !n->timing;
	uint64_t seeds = seeds_of(n);
	if (slots && seeds != n->seeds) b->slot_free(n->device->dev, &n->backward_slot);
	n->seeds = seeds;
	n->fetched = ready && !slots; /* piece by piece */
	memcpy(n->written_before, n->written, n->graph.n_values * sizeof *n->written);
	do {
		if (slots && (done = b->pass_begin(n->device->dev, &n->backward_slot, &n->pass)) < 0) return done;
		memcpy(n->written, n->written_before, n->graph.n_values * sizeof *n->written);
		err = nodes_backward(n, done > 0, slots ? NULL : ready, ctx);
		if (slots && !done) err = b->pass_end(n->device->dev, &n->backward_slot, err);
	} while (once_more(err));
	if (err && slots) b->slot_free(n->device->dev, &n->backward_slot);
	if (slots && ready && !err) err = c5_net_gradients(n) ? C5_OK : C5_EFAIL; /* all at once: the pass is over */
	if (slots && ready && !err) err = nodes_backward(n, true, ready, ctx);
	return err;
}

void c5_net_timing(c5_net *n, bool on)
{
	n->timing = on;
}

void c5_net_spent(const c5_net *n, c5_net_times *out)
{
	*out = n->times;
}
