/* plan.c – one memory plan: which values and gradients share a buffer, how long each buffer is needed, and its place in the arena.
 *
 * Sharing first (an activation over its input, the gradient of an addition as that of both its inputs), then the buffers are laid out largest
 * first, each at the lowest place free for its whole life: within a few percent of the lower bound for networks (Pisarchyk and Lee 2020).
 * See graph.h for the times. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "nn/graph.h"

#define ALIGN 256

typedef struct buffer { size_t bytes, order; int from, to; size_t *at; } buffer;

typedef struct planning {
	c5_graph *g;
	int n, end;              /* nodes; the time of reading */
	int *to, *grad_to;       /* per value: last time its numbers are needed */
	buffer *buffers;
	size_t n_buffers, cap_buffers;
	int err;
} planning;

static int back_time(const planning *p, int node) { return 2 * p->n - node; }
static int max_int(int a, int b) { return a > b ? a : b; }

static int root(const c5_graph *g, int v)
{
	while (g->values[v].share >= 0) v = g->values[v].share;
	return v;
}

static int grad_root(const c5_graph *g, int v)
{
	while (g->values[v].grad_share >= 0) v = g->values[v].grad_share;
	return v;
}

static int edges(const c5_node *n, int value)
{
	int count = 0;
	for (int k = 0; k < n->n_in; k++) count += n->in[k] == value;
	return count;
}

static void value_lives(planning *p)
{
	c5_graph *g = p->g;
	for (size_t v = 0; v < g->n_values; v++) {
		const c5_value *a = &g->values[v];
		p->to[v] = a->pinned || a->input ? p->end : max_int(a->maker, a->last_user);
	}
	for (int i = 0; i < p->n; i++) {
		const c5_node *n = &g->nodes[i];
		if (!n->backward) continue;
		for (int k = 0; k < n->n_in && n->op->back_in; k++) p->to[n->in[k]] = max_int(p->to[n->in[k]], back_time(p, i));
		if (n->op->back_out) p->to[n->out] = max_int(p->to[n->out], back_time(p, i));
	}
}

/* The output over an input that nobody reads later. */
static void share_values(planning *p)
{
	c5_graph *g = p->g;
	for (int i = 0; i < p->n; i++) {
		const c5_node *n = &g->nodes[i];
		if (n->op->out_over == C5_OVER_NO) continue;
		int a = n->in[n->op->out_over == C5_OVER_SUM ? n->n_in - 1 : 0], r = root(g, a);
		const c5_value *in = &g->values[a];
		bool can = !in->input && in->last_user == i && edges(n, a) == 1 && p->to[r] <= i && in->desc.bytes == g->values[n->out].desc.bytes;
		if (!can) {
			if (n->op->out_over == C5_OVER_SUM) p->err = c5_fail(C5_EFAIL, "memory plan: an addend is needed after it is added to");
			continue;
		}
		g->values[n->out].share = r;
		p->to[r] = max_int(p->to[r], p->to[n->out]);
	}
}

static bool grad_can_share(const planning *p, int node, int in, int out)
{
	const c5_value *a = &p->g->values[in], *o = &p->g->values[out];
	return a->want_grad && !a->seeded && !a->tapped && !a->input && a->last_user == node && edges(&p->g->nodes[node], in) == 1 &&
		!o->tapped && !o->input && !o->grad_guard && a->desc.bytes == o->desc.bytes;
}

static void share_grad(planning *p, int in, int out)
{
	p->g->values[in].grad_share = grad_root(p->g, out);
}

/* An addition hands its gradient on as it is. Both inputs may have it in one buffer if x is done with it (its maker's backward has run, without
 * writing to it) before anything is added to y's or y's maker runs. */
static bool share_sum(planning *p, int i)
{
	c5_graph *g = p->g;
	const c5_node *n = &g->nodes[i];
	if (!n->op->grad_same || n->n_in != 2 || n->in[0] == n->in[1]) return false;
	int swap = g->values[n->in[0]].maker < g->values[n->in[1]].maker, x = n->in[swap], y = n->in[!swap], mx = g->values[x].maker;
	if (!grad_can_share(p, i, x, n->out) || !grad_can_share(p, i, y, n->out)) return false;
	if (g->values[x].n_users != 1 || mx < 0 || g->nodes[mx].op->spoils || g->values[y].maker >= mx) return false;
	for (int u = mx; u < i; u++)
		if (edges(&g->nodes[u], y)) return false;
	g->values[x].grad_guard = true;
	share_grad(p, x, n->out);
	share_grad(p, y, n->out);
	return true;
}

static void share_grads(planning *p)
{
	c5_graph *g = p->g;
	for (int i = p->n - 1; i >= 0; i--) {
		const c5_node *n = &g->nodes[i];
		if (!n->backward || share_sum(p, i)) continue;
		int k = n->op->grad_over;
		if (k >= 0 && k < n->n_in && grad_can_share(p, i, n->in[k], n->out)) share_grad(p, n->in[k], n->out);
	}
}

static void need(planning *p, size_t bytes, int from, int to, size_t *at)
{
	*at = 0;
	if (p->err || !bytes) return;
	if ((p->err = c5_grow(&p->buffers, &p->cap_buffers, p->n_buffers + 1, sizeof *p->buffers))) return;
	p->buffers[p->n_buffers] = (buffer){ .bytes = (bytes + ALIGN - 1) / ALIGN * ALIGN, .order = p->n_buffers, .from = from, .to = to, .at = at };
	p->n_buffers++;
}

static void need_values(planning *p)
{
	c5_graph *g = p->g;
	for (size_t v = 0; v < g->n_values; v++) {
		c5_value *a = &g->values[v];
		if (a->share < 0) need(p, a->desc.bytes, a->input ? -1 : a->maker, p->to[v], &a->at);
	}
}

/* A gradient lives from its first writer (a loss, or the last user) to its maker's backward. */
static void need_grads(planning *p)
{
	c5_graph *g = p->g;
	int *from = p->to; /* not needed any more */
	for (size_t v = 0; v < g->n_values; v++) {
		const c5_value *a = &g->values[v];
		if (!a->want_grad) continue;
		int r = grad_root(g, (int)v);
		int first = a->seeded || a->last_user < 0 ? p->n : back_time(p, a->last_user);
		int last = a->input || a->tapped || a->maker < 0 ? p->end : back_time(p, a->maker);
		if (p->grad_to[r] < 0) {
			from[r] = first;
			p->grad_to[r] = last;
		}
		if (first < from[r]) from[r] = first;
		p->grad_to[r] = max_int(p->grad_to[r], last);
	}
	for (size_t v = 0; v < g->n_values; v++) {
		c5_value *a = &g->values[v];
		if (a->want_grad && a->grad_share < 0) need(p, a->desc.bytes, from[v], p->grad_to[v], &a->grad_at);
	}
}

static void need_node(planning *p, int i)
{
	c5_graph *g = p->g;
	c5_node *n = &g->nodes[i];
	int back = back_time(p, i);
	need(p, n->op->workspace, i, n->backward ? back : i, &n->workspace_at);
	for (int k = 0; k < n->n_in && n->backward; k++) {
		const c5_value *a = &g->values[n->in[k]];
		n->adds[k] = a->want_grad && (a->seeded || a->last_user != i || edges(n, n->in[k]) > 1);
		if (n->adds[k]) need(p, a->desc.bytes, back, back, &n->temporary_at[k]);
	}
	if (n->op->scratch > g->scratch) g->scratch = n->op->scratch;
	n->derived_at = g->derived;
	g->derived += (n->op->derived + ALIGN - 1) / ALIGN * ALIGN;
	if (n->op->spec.kind == C5_LAYER_BATCH_NORM && g->how.training && !n->op->spec.running) {
		n->statistics_at = g->statistics;
		g->statistics += 2 * (size_t)g->model->layers[n->layer].shape[0];
	}
}

static int by_size(const void *a, const void *b)
{
	const buffer *x = a, *y = b;
	if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
	return (x->order > y->order) - (x->order < y->order);
}

static int by_place(const void *a, const void *b)
{
	size_t x = *(*(buffer *const *)a)->at, y = *(*(buffer *const *)b)->at;
	return (x > y) - (x < y);
}

/* Largest first, each at the lowest place where nothing placed so far lives at the same time. */
static int place(planning *p)
{
	buffer **live;
	int err = c5_alloc(&live, p->n_buffers + 1, sizeof *live);
	if (err) return err;
	qsort(p->buffers, p->n_buffers, sizeof *p->buffers, by_size);
	for (size_t i = 0; i < p->n_buffers; i++) {
		buffer *b = &p->buffers[i];
		size_t n = 0, at = 0;
		for (size_t k = 0; k < i; k++)
			if (p->buffers[k].from <= b->to && b->from <= p->buffers[k].to) live[n++] = &p->buffers[k];
		qsort(live, n, sizeof *live, by_place);
		for (size_t k = 0; k < n; k++) {
			if (at + b->bytes <= *live[k]->at) break;
			if (*live[k]->at + live[k]->bytes > at) at = *live[k]->at + live[k]->bytes;
		}
		*b->at = at;
		if (at + b->bytes > p->g->arena) p->g->arena = at + b->bytes;
	}
	free(live);
	return C5_OK;
}

/* Trained parameters in the flat buffers, later layers first; the others in `kept`. */
static void place_params(c5_graph *g)
{
	for (size_t i = g->n_nodes; i-- > 0;) {
		c5_node *n = &g->nodes[i];
		for (int p = 0; p < n->op->n_params; p++) {
			const c5_layer *a = &g->model->layers[n->layer];
			c5_node_param *q = &n->param[p];
			*q = (c5_node_param){ .layer = n->layer, .param = p < a->n_params ? p : -1 };
			q->trained = n->op->spec.training && q->param >= 0 && a->params[p].trained && n->op->spec.grad_params;
			q->floats = (n->op->param[p].bytes + 63) / 64 * 16;
			size_t *end = q->trained ? &g->flat : &g->kept;
			q->at = *end;
			*end += q->trained ? q->floats : (n->op->param[p].bytes + ALIGN - 1) / ALIGN * ALIGN;
		}
	}
}

int c5_graph_plan(c5_graph *g)
{
	planning p = { .g = g, .n = (int)g->n_nodes, .end = 2 * (int)g->n_nodes + 1 };
	p.err = c5_alloc(&p.to, g->n_values, sizeof *p.to);
	if (!p.err) p.err = c5_alloc(&p.grad_to, g->n_values, sizeof *p.grad_to);
	if (!p.err) {
		for (size_t v = 0; v < g->n_values; v++) p.grad_to[v] = -1;
		value_lives(&p);
		share_values(&p);
		need_values(&p);
		if (g->how.training) {
			share_grads(&p);
			need_grads(&p);
		}
		for (int i = 0; i < p.n; i++) need_node(&p, i);
	}
	if (!p.err) p.err = place(&p);
	if (!p.err) place_params(g);
	free(p.to);
	free(p.grad_to);
	free(p.buffers);
	return p.err;
}
