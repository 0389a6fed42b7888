/* net_step.c – the optimiser over the flat buffers, its state in canonical order, running statistics.
 *
 * SGD: v = mu v + g; w -= r v, or r (g + mu v) with Nesterov (Sutskever et al. 2013). Adam: Kingma and Ba 2015; AdamW: Loshchilov and Hutter 2019. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "nn/netimpl.h"

size_t c5_net_flat(const c5_net *n)
{
	return n->graph.flat;
}

float *c5_net_gradients(c5_net *n)
{
	const struct c5_backend *b = n->device->b;
	int err = C5_OK;
	if (b->host_memory) err = b->sync(n->device->dev);
	else if (!n->fetched) err = b->download(n->device->dev, n->host_g, n->g, n->graph.flat * sizeof(float));
	n->fetched = err == C5_OK;
	return err == C5_OK ? n->host_g : NULL;
}

size_t c5_net_statistics(const c5_net *n)
{
	return n->graph.statistics;
}

int c5_net_statistics_get(c5_net *n, float *out)
{
	return n->device->b->download(n->device->dev, out, n->statistics, n->graph.statistics * sizeof(float));
}

/* Updates on their way to the device, many at a time where it takes them so. */
#define PARTS 128
typedef struct parts { const struct c5_backend *b; void *dev; c5_update u; int n, err; c5_update_part part[PARTS]; } parts;

static int parts_send(parts *p)
{
	if (!p->err && p->n) p->err = p->b->update_parts(p->dev, &p->u, p->n, p->part);
	p->n = 0;
	return p->err;
}

static int parts_add(parts *p, const c5_update_part *part)
{
	c5_update u = p->u;
	if (p->err) return p->err;
	if (p->b->update_parts) {
		if (p->n == PARTS) parts_send(p);
		p->part[p->n++] = *part;
		return p->err;
	}
	u.rate = part->rate;
	u.decay = part->decay;
	u.scale = part->scale;
	return p->err = p->b->update(p->dev, &u, part->n, part->w, part->g, part->m, part->v, part->average);
}

/* On a device all goes over at once, and running = m running + (1 - m) batch is done there: as an update, w - ((1 - m) w - (1 - m) g). */
static int statistics_put_there(c5_net *net, const float *mean_of_batches)
{
	parts p = { .b = net->device->b, .dev = net->device->dev, .u = { .kind = C5_OPT_SGD } };
	p.err = p.b->upload(p.dev, net->statistics, mean_of_batches, net->graph.statistics * sizeof(float));
	for (size_t i = 0; i < net->graph.n_nodes; i++) {
		const c5_node *n = &net->graph.nodes[i];
		if (!n->args.statistics) continue;
		const c5_layer *a = &net->model->layers[n->layer];
		size_t channels = (size_t)a->shape[0];
		for (size_t k = 0; k < 2; k++)
			parts_add(&p, &(c5_update_part){ .w = n->args.param[2 + k], .g = n->args.statistics + k * channels, .n = channels, .rate = 1,
				.decay = 1 - a->momentum, .scale = a->momentum - 1 });
	}
	return parts_send(&p);
}

int c5_net_statistics_put(c5_net *net, const float *mean_of_batches)
{
	int err = C5_OK;
	if (!net->device->b->host_memory) return statistics_put_there(net, mean_of_batches);
	for (size_t i = 0; i < net->graph.n_nodes && !err; i++) {
		const c5_node *n = &net->graph.nodes[i];
		if (!n->args.statistics) continue;
		const c5_layer *a = &net->model->layers[n->layer];
		size_t channels = (size_t)a->shape[0];
		float *running;
		if ((err = c5_alloc(&running, channels, sizeof *running))) break;
		for (int k = 0; k < 2 && !err; k++) {
			const float *batch = mean_of_batches + n->statistics_at + (size_t)k * channels;
			err = c5_net_param_get(net, &n->op->param[2 + k], n->args.param[2 + k], running);
			for (size_t c = 0; c < channels; c++) running[c] = a->momentum * running[c] + (1 - a->momentum) * batch[c];
			if (!err) err = c5_net_param_put(net, &n->op->param[2 + k], n->args.param[2 + k], running);
		}
		free(running);
	}
	return err;
}

/* Which buffers an optimiser keeps. */
typedef struct keeps { bool m, v, average; } keeps;

static keeps keeps_of(const c5_optimizer *o)
{
	bool adam = o->kind != C5_OPT_SGD;
	return (keeps){ .m = adam || o->momentum > 0, .v = adam, .average = o->averaging > 0 };
}

static int take_state(c5_net *n, const c5_optimizer *o)
{
	const struct c5_backend *b = n->device->b;
	keeps k = keeps_of(o);
	size_t bytes = n->graph.flat * sizeof(float);
	struct { bool want; float **p; } rows[] = { { k.m, &n->m }, { k.v, &n->v }, { k.average, &n->average } };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (!rows[i].want || *rows[i].p) continue;
		void *p;
		int err = b->alloc(n->device->dev, &p, bytes);
		if (err) return err;
		*rows[i].p = p;
		n->bytes += bytes;
	}
	return C5_OK;
}

/* What derives from the weights is remade too. */
static int update_all(c5_net *net, const c5_optimizer *o, const float *g, double rate, float scale)
{
	double t = (double)net->steps + 1;
	parts p = { .b = net->device->b, .dev = net->device->dev, .u = { .kind = o->kind, .nesterov = o->nesterov, .momentum = o->momentum,
		.beta1 = o->beta1, .beta2 = o->beta2, .epsilon = o->epsilon, .averaging = o->averaging, .correct1 = (float)(1 / (1 - pow(o->beta1, t))),
		.correct2 = (float)(1 / (1 - pow(o->beta2, t))), .first = net->steps == 0 } };
	for (size_t i = net->graph.n_nodes; i-- > 0;) {
		const c5_node *n = &net->graph.nodes[i];
		for (int k = 0; k < n->op->n_params; k++) {
			const c5_node_param *q = &n->param[k];
			if (!q->trained) continue;
			const c5_layer *a = &net->model->layers[q->layer];
			bool copy = k == 0 && n->op->derived_copy;
			parts_add(&p, &(c5_update_part){ .w = net->w + q->at, .g = g + q->at, .m = net->m ? net->m + q->at : NULL,
				.v = net->v ? net->v + q->at : NULL, .average = net->average ? net->average + q->at : NULL, .n = q->floats,
				.rate = (float)(rate * (o->layer_rate ? o->layer_rate[q->layer] : 1.0f)), .decay = a->params[q->param].rank > 1 ? o->decay : 0,
				.scale = scale, .copy = copy ? n->args.derived : NULL, .copies = copy ? c5_net_param_count(n, 0) : 0 });
		}
	}
	int err = parts_send(&p);
	return err ? err : c5_net_refresh(net, p.b->update_parts != NULL);
}

int c5_net_prepare(c5_net *n, const c5_optimizer *o)
{
	return take_state(n, o);
}

int c5_net_step(c5_net *n, const c5_optimizer *o, const float *g, double rate, double *norm)
{
	const struct c5_backend *b = n->device->b;
	if (!n->graph.how.training) return c5_fail(C5_EFAIL, "model %s: this net was made without training", n->model->name);
	int err = take_state(n, o);
	if (err) return err;
	if (!g) {
		g = n->g;
	} else if (!b->host_memory) {
		if ((err = b->upload(n->device->dev, n->g, g, n->graph.flat * sizeof(float)))) return err;
		g = n->g;
	}
	double squares;
	if ((err = b->norm(n->device->dev, n->graph.flat, g, n->loss_scratch, &squares))) return err;
	double length = sqrt(squares);
	if (norm) *norm = length;
	if (!isfinite(length)) return c5_fail(C5_EINPUT, "model %s: the gradient is not finite at step %lld", n->model->name, (long long)n->steps + 1);
	err = update_all(n, o, g, rate, o->clip_norm > 0 && length > o->clip_norm ? (float)(o->clip_norm / length) : 1.0f);
	if (err) return err;
	n->steps++;
	return C5_OK;
}

static size_t trained_count(const c5_net *net)
{
	size_t count = 0;
	for (size_t i = 0; i < net->graph.n_nodes; i++)
		for (int p = 0; p < net->graph.nodes[i].op->n_params; p++)
			if (net->graph.nodes[i].param[p].trained) count += c5_net_param_count(&net->graph.nodes[i], p);
	return count;
}

/* The step count comes first, in two exact parts. */
#define STATE_HEAD 2
#define STATE_PART (1 << 20)

size_t c5_net_state(const c5_net *n, const c5_optimizer *o)
{
	keeps k = keeps_of(o);
	return STATE_HEAD + trained_count(n) * (size_t)(k.m + k.v + k.average);
}

/* One flat buffer to (out) or from (in) canonical order. */
static int buffer_pass(c5_net *net, float *flat, float **out, const float **in)
{
	int err = C5_OK;
	for (size_t i = 0; i < net->graph.n_nodes && !err; i++) {
		const c5_node *n = &net->graph.nodes[i];
		for (int p = 0; p < n->op->n_params && !err; p++) {
			if (!n->param[p].trained) continue;
			size_t count = c5_net_param_count(n, p);
			const c5_desc *d = &n->op->param[p];
			if (out) {
				err = c5_net_param_get(net, d, flat + n->param[p].at, *out);
				*out += count;
			} else {
				err = c5_net_param_put(net, d, flat + n->param[p].at, *in);
				*in += count;
			}
		}
	}
	return err;
}

int c5_net_state_get(c5_net *n, const c5_optimizer *o, float *out)
{
	keeps k = keeps_of(o);
	int err = take_state(n, o);
	out[0] = (float)(n->steps % STATE_PART);
	out[1] = (float)(n->steps / STATE_PART);
	out += STATE_HEAD;
	if (!err && k.m) err = buffer_pass(n, n->m, &out, NULL);
	if (!err && k.v) err = buffer_pass(n, n->v, &out, NULL);
	if (!err && k.average) err = buffer_pass(n, n->average, &out, NULL);
	return err;
}

int c5_net_state_put(c5_net *n, const c5_optimizer *o, const float *in)
{
	keeps k = keeps_of(o);
	int err = take_state(n, o);
	n->steps = (int64_t)in[0] + (int64_t)in[1] * STATE_PART;
	in += STATE_HEAD;
	if (!err && k.m) err = buffer_pass(n, n->m, NULL, &in);
	if (!err && k.v) err = buffer_pass(n, n->v, NULL, &in);
	if (!err && k.average) err = buffer_pass(n, n->average, NULL, &in);
	return err;
}

int c5_net_save_average(const c5_net *net, c5_weights *w)
{
	int err = c5_net_save(net, w);
	if (err || !net->average || net->steps == 0) return err;
	for (size_t i = 0; i < net->graph.n_nodes && !err; i++) {
		const c5_node *n = &net->graph.nodes[i];
		for (int p = 0; p < n->op->n_params && !err; p++)
			if (n->param[p].trained)
				err = c5_net_param_get(net, &n->op->param[p], net->average + n->param[p].at, c5_weights_of(w, n->layer, p));
	}
	return err;
}
