/* cpu_norm.c – batch and group normalisation over the units of cpu_units.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/threads.h"
#include "nn/cpu_units.h"

typedef struct norm {
	c5_dn_op base;
	c5_units units;
	int64_t per;             /* group norm: channels of a group */
} norm;

/* What forward leaves for backward, by channel: factor and offset, mean, 1 / deviation. */
typedef struct kept { float *a, *b, *mean, *inv; } kept;

static kept kept_at(const norm *m, void *workspace, int64_t item)
{
	size_t c = (size_t)m->units.padded;
	float *w = (float *)workspace + (size_t)item * 4 * c;
	return (kept){ w, w + c, w + 2 * c, w + 3 * c };
}

static c5_lane_set lanes_at(const kept *k, size_t channel)
{
	return (c5_lane_set){ k->a + channel, k->b + channel, k->mean + channel, k->inv + channel };
}

/* ---- batch norm ---- */

/* Channel group g: factor and offset from the statistics of its units over all items. */
static void batch_settle(const norm *m, const c5_op_args *a, const c5_spread *parts, int64_t g)
{
	const c5_units *u = &m->units;
	c5_unit first = c5_unit_of(u, 0, g);
	kept k = kept_at(m, a->workspace, 0);
	const float *scale = a->param[0], *shift = a->param[1];
	size_t channels = (size_t)u->tiles.channels;
	for (size_t l = 0; l < (size_t)first.lanes; l++) {
		size_t c = first.channel + l;
		c5_spread s = { 0 };
		for (int64_t n = 0; n < u->tiles.items; n++) {
			const c5_spread *p = &parts[(size_t)(g * u->tiles.items + n) * 16 + l];
			c5_spread_join(&s, p->n, p->mean, p->m2);
		}
		double variance = s.n > 0 ? s.m2 / s.n : 0, inv = 1 / sqrt(variance + m->base.op.spec.layer->epsilon);
		bool real = c < channels;
		k.mean[c] = (float)s.mean;
		k.inv[c] = real ? (float)inv : 0;
		k.a[c] = real ? (float)(scale[c] * inv) : 0;
		k.b[c] = real ? (float)(shift[c] - s.mean * scale[c] * inv) : 0;
		if (!real || !a->statistics) continue;
		a->statistics[c] = (float)s.mean;
		a->statistics[channels + c] = (float)variance;
	}
}

static void batch_spread(const norm *m, const c5_op_args *a, c5_spread *parts, int64_t g, int64_t n)
{
	c5_unit u = c5_unit_of(&m->units, n, g);
	c5_unit_spread(&m->units, m->base.op.out.type, a->in[0], &u, &parts[(size_t)(g * m->units.tiles.items + n) * 16]);
}

static void batch_scale(const norm *m, const c5_op_args *a, const kept *k, int64_t g, int64_t n)
{
	const c5_op_spec *s = &m->base.op.spec;
	c5_unit u = c5_unit_of(&m->units, n, g);
	c5_unit_scale(&m->units, m->base.op.out.type, s->activation, &u, a->in[0], s->sum ? a->in[1] : NULL, a->out, k->a + u.channel, k->b + u.channel);
}

/* With enough groups of channels a thread does one from beginning to end, while its numbers are in cache; else all threads share each pass. */
static bool by_group(const norm *m)
{
	int64_t threads = c5_threads();
	return m->units.groups % threads == 0 || m->units.groups >= 4 * threads;
}

static int batch_forward(c5_dn *d, c5_dn_op *o, const c5_op_args *a)
{
	(void)d;
	const norm *m = (norm *)o;
	int64_t items = m->units.tiles.items, groups = m->units.groups;
	c5_spread *parts = a->scratch;
	kept k = kept_at(m, a->workspace, 0);
	if (by_group(m)) {
#pragma omp parallel for schedule(static)
		for (int64_t g = 0; g < groups; g++) {
			for (int64_t n = 0; n < items; n++) batch_spread(m, a, parts, g, n);
			batch_settle(m, a, parts, g);
			for (int64_t n = 0; n < items; n++) batch_scale(m, a, &k, g, n);
		}
		return C5_OK;
	}
#pragma omp parallel
	{
#pragma omp for collapse(2) schedule(static)
		for (int64_t g = 0; g < groups; g++)
			for (int64_t n = 0; n < items; n++) batch_spread(m, a, parts, g, n);
#pragma omp for schedule(static)
		for (int64_t g = 0; g < groups; g++) batch_settle(m, a, parts, g);
#pragma omp for collapse(2) schedule(static)
		for (int64_t g = 0; g < groups; g++)
			for (int64_t n = 0; n < items; n++) batch_scale(m, a, &k, g, n);
	}
	return C5_OK;
}

/* With the running statistics: inference, and frozen layers in training. */
static void running_settle(const norm *m, const c5_op_args *a, const kept *k)
{
	const float *scale = a->param[0], *shift = a->param[1], *mean = a->param[2], *variance = a->param[3];
	for (int64_t c = 0; c < m->units.padded; c++) {
		bool real = c < m->units.tiles.channels;
		double inv = real ? 1 / sqrt((double)variance[c] + m->base.op.spec.layer->epsilon) : 0;
		k->mean[c] = real ? mean[c] : 0;
		k->inv[c] = (float)inv;
		k->a[c] = real ? (float)(scale[c] * inv) : 0;
		k->b[c] = real ? (float)(shift[c] - mean[c] * scale[c] * inv) : 0;
	}
}

static int running_forward(c5_dn *d, c5_dn_op *o, const c5_op_args *a)
{
	(void)d;
	const norm *m = (norm *)o;
	kept k = kept_at(m, a->workspace, 0);
	running_settle(m, a, &k);
#pragma omp parallel for collapse(2) schedule(static)
	for (int64_t n = 0; n < m->units.tiles.items; n++)
		for (int64_t g = 0; g < m->units.groups; g++) batch_scale(m, a, &k, g, n);
	return C5_OK;
}

/* The backward's sums are kept where the forward's were: two doubles a lane. */
typedef struct back {
	const norm *m;
	const c5_op_args *a;
	double *sums;            /* [group][item][2][16] */
	float *p, *q, *r;        /* by channel, after the sums */
	const void *y;           /* judge of the activation; NULL: x is */
	void *masked;            /* gradient let through, for the addend */
} back;

static void back_sums(const back *b, int64_t g, int64_t n)
{
	const norm *m = b->m;
	c5_unit u = c5_unit_of(&m->units, n, g);
	kept k = kept_at(m, b->a->workspace, 0);
	c5_lane_set set = lanes_at(&k, u.channel);
	double *s = b->sums + (size_t)(g * m->units.tiles.items + n) * 32;
	c5_unit_sums(&m->units, m->base.op.out.type, m->base.op.spec.activation, &u, b->a->in[0], b->y, b->a->grad_out, b->masked, &set, s, s + 16);
}

static void back_settle(const back *b, int64_t g)
{
	const norm *m = b->m;
	const c5_tiles *t = &m->units.tiles;
	c5_unit u = c5_unit_of(&m->units, 0, g);
	kept k = kept_at(m, b->a->workspace, 0);
	double count = (double)(t->items * t->positions);
	for (size_t l = 0; l < (size_t)u.lanes; l++) {
		size_t c = u.channel + l;
		double s1 = 0, s2 = 0;
		for (int64_t n = 0; n < t->items; n++) {
			const double *s = b->sums + (size_t)(g * t->items + n) * 32;
			s1 += s[l];
			s2 += s[16 + l];
		}
		double p = k.a[c], r = m->base.op.spec.running ? 0 : p * k.inv[c] * s2 / count;
		b->p[c] = (float)p;
		b->r[c] = (float)r;
		b->q[c] = m->base.op.spec.running ? 0 : (float)(p * s1 / count - k.mean[c] * r);
		if ((int64_t)c >= t->channels) continue;
		if (b->a->grad_param[0]) b->a->grad_param[0][c] = (float)s2;
		if (b->a->grad_param[1]) b->a->grad_param[1][c] = (float)s1;
	}
}

static void back_grad(const back *b, int64_t g, int64_t n)
{
	const norm *m = b->m;
	if (!b->a->grad_in[0]) return;
	c5_unit u = c5_unit_of(&m->units, n, g);
	kept k = kept_at(m, b->a->workspace, 0);
	c5_lane_set set = lanes_at(&k, u.channel);
	c5_grad_set grads = { b->p + u.channel, b->q + u.channel, b->r + u.channel };
	int act = b->masked ? C5_ACT_NONE : m->base.op.spec.activation;
	c5_unit_grad(&m->units, m->base.op.out.type, act, &u, b->a->in[0], b->y, b->masked ? b->masked : b->a->grad_out, b->a->grad_in[0], &set, &grads);
}

static int batch_backward(c5_dn *d, c5_dn_op *o, const c5_op_args *a)
{
	(void)d;
	const norm *m = (norm *)o;
	int64_t items = m->units.tiles.items, groups = m->units.groups;
	back b = { .m = m, .a = a, .sums = a->scratch };
	b.p = (float *)(b.sums + (size_t)(items * groups) * 32);
	b.q = b.p + m->units.padded;
	b.r = b.q + m->units.padded;
	if (o->op.spec.sum) {
		b.y = a->out;
		b.masked = a->grad_in[1];
	}
	if (by_group(m)) {
#pragma omp parallel for schedule(static)
		for (int64_t g = 0; g < groups; g++) {
			for (int64_t n = 0; n < items; n++) back_sums(&b, g, n);
			back_settle(&b, g);
			for (int64_t n = 0; n < items; n++) back_grad(&b, g, n);
		}
		return C5_OK;
	}
#pragma omp parallel
	{
#pragma omp for collapse(2) schedule(static)
		for (int64_t g = 0; g < groups; g++)
			for (int64_t n = 0; n < items; n++) back_sums(&b, g, n);
#pragma omp for schedule(static)
		for (int64_t g = 0; g < groups; g++) back_settle(&b, g);
#pragma omp for collapse(2) schedule(static)
		for (int64_t g = 0; g < groups; g++)
			for (int64_t n = 0; n < items; n++) back_grad(&b, g, n);
	}
	return C5_OK;
}

/* The input as it lies if units know the layout, else plain; parameters by channel. */
static int norm_new(c5_dn *d, norm **out, const c5_op_spec *spec, int n_params)
{
	int err = c5_dn_op_new(out, sizeof **out, spec);
	if (err) return err;
	norm *m = *out;
	c5_op *op = &m->base.op;
	op->in[0].type = op->out.type;
	err = c5_dn_like(d, &op->in[0], &spec->in[0]);
	if (!err && !c5_units_of(&m->units, d, &op->in[0])) {
		c5_desc_plain(&op->in[0], op->out.type, op->out.rank, op->out.dims);
		c5_units_of(&m->units, d, &op->in[0]);
	}
	op->out = op->in[0];
	if (spec->sum) op->in[1] = op->in[0];
	op->n_params = n_params;
	for (int p = 0; p < n_params; p++) c5_desc_plain(&op->param[p], C5_TYPE_F32, 1, &m->units.tiles.channels);
	return err;
}

int c5_dn_make_batch_norm(c5_dn *d, c5_dn_op **out, const c5_op_spec *spec)
{
	norm *m = NULL;
	int err = norm_new(d, &m, spec, 4);
	*out = m ? &m->base : NULL;
	if (err) return err;
	c5_op *op = &m->base.op;
	c5_tiles *t = &m->units.tiles;
	if (t->positions == 1) { /* (N, C): items are positions */
		if (t->block == 1 && t->blocks > 1) { /* plain with H = W = 1 is the same */
			t->block = (int)t->blocks;
			t->blocks = 1;
		}
		if (t->blocks == 1) {
			t->positions = t->items;
			t->items = 1;
		}
		m->units.groups = t->blocks * ((t->block + 15) / 16);
		m->units.flat = t->block == 1 && t->positions > 1;
		m->units.padded = t->blocks * t->block + 16;
	}
	bool batch = spec->training && !spec->running;
	m->base.forward = batch ? batch_forward : running_forward;
	m->base.backward = batch_backward;
	op->workspace = (size_t)m->units.padded * 4 * sizeof(float);
	op->scratch = (size_t)(t->items * m->units.groups) * 16 * sizeof(c5_spread) + (size_t)m->units.padded * 3 * sizeof(float);
	op->back_in = true;
	op->back_out = spec->sum && spec->activation != C5_ACT_NONE;
	op->grad_over = spec->sum ? 1 : 0;
	op->out_over = batch || spec->training ? C5_OVER_NO : C5_OVER_MAY;
	return C5_OK;
}

/* ---- group norm: statistics of each item over a group of channels ---- */

static int group_forward(c5_dn *d, c5_dn_op *o, const c5_op_args *a)
{
	(void)d;
	const norm *m = (norm *)o;
	const c5_tiles *t = &m->units.tiles;
	const float *scale = a->param[0], *shift = a->param[1];
#pragma omp parallel for schedule(static)
	for (int64_t n = 0; n < t->items; n++) {
		c5_spread *parts = (c5_spread *)a->scratch + n * m->units.padded;
		kept k = kept_at(m, a->workspace, n);
		for (int64_t g = 0; g < m->units.groups; g++) {
			c5_unit u = c5_unit_of(&m->units, n, g);
			c5_unit_spread(&m->units, o->op.out.type, a->in[0], &u, parts + u.channel);
		}
		for (int64_t c = 0; c < m->units.padded; c++) k.a[c] = k.b[c] = k.mean[c] = k.inv[c] = 0;
		for (int64_t first = 0; first < t->channels; first += m->per) {
			c5_spread s = { 0 };
			for (int64_t c = first; c < first + m->per; c++) c5_spread_join(&s, parts[c].n, parts[c].mean, parts[c].m2);
			double inv = 1 / sqrt(s.m2 / s.n + o->op.spec.layer->epsilon);
			for (int64_t c = first; c < first + m->per; c++) {
				k.mean[c] = (float)s.mean;
				k.inv[c] = (float)inv;
				k.a[c] = (float)(scale[c] * inv);
				k.b[c] = (float)(shift[c] - s.mean * scale[c] * inv);
			}
		}
		for (int64_t g = 0; g < m->units.groups; g++) {
			c5_unit u = c5_unit_of(&m->units, n, g);
			c5_unit_scale(&m->units, o->op.out.type, o->op.spec.activation, &u, a->in[0], NULL, a->out, k.a + u.channel, k.b + u.channel);
		}
	}
	return C5_OK;
}

/* Item n: its sums by channel (kept for the parameters), then the gradient. */
static void group_item(const norm *m, const c5_op_args *a, int64_t n, double *s1, double *s2, float *lanes)
{
	const c5_tiles *t = &m->units.tiles;
	const c5_op *op = &m->base.op;
	const float *scale = a->param[0];
	float *p = lanes, *q = p + m->units.padded, *r = q + m->units.padded;
	kept k = kept_at(m, a->workspace, n);
	for (int64_t g = 0; g < m->units.groups; g++) {
		c5_unit u = c5_unit_of(&m->units, n, g);
		c5_lane_set set = lanes_at(&k, u.channel);
		double t1[16], t2[16];
		c5_unit_sums(&m->units, op->out.type, op->spec.activation, &u, a->in[0], NULL, a->grad_out, NULL, &set, t1, t2);
		memcpy(s1 + u.channel, t1, (size_t)u.lanes * sizeof *t1);
		memcpy(s2 + u.channel, t2, (size_t)u.lanes * sizeof *t2);
	}
	if (!a->grad_in[0]) return;
	for (int64_t c = 0; c < m->units.padded; c++) p[c] = q[c] = r[c] = 0;
	double count = (double)(m->per * t->positions);
	for (int64_t first = 0; first < t->channels; first += m->per) {
		double all1 = 0, all2 = 0;
		for (int64_t c = first; c < first + m->per; c++) {
			all1 += scale[c] * s1[c];
			all2 += scale[c] * s2[c];
		}
		for (int64_t c = first; c < first + m->per; c++) {
			double inv = k.inv[c], slope = inv * inv * all2 / count;
			p[c] = (float)(inv * scale[c]);
			r[c] = (float)slope;
			q[c] = (float)(inv * all1 / count - k.mean[c] * slope);
		}
	}
	for (int64_t g = 0; g < m->units.groups; g++) {
		c5_unit u = c5_unit_of(&m->units, n, g);
		c5_lane_set set = lanes_at(&k, u.channel);
		c5_grad_set grads = { p + u.channel, q + u.channel, r + u.channel };
		c5_unit_grad(&m->units, op->out.type, op->spec.activation, &u, a->in[0], NULL, a->grad_out, a->grad_in[0], &set, &grads);
	}
}

static int group_backward(c5_dn *d, c5_dn_op *o, const c5_op_args *a)
{
	(void)d;
	const norm *m = (norm *)o;
	size_t items = (size_t)m->units.tiles.items, padded = (size_t)m->units.padded;
	double *sums = a->scratch;
	float *lanes = (float *)(sums + items * 2 * padded);
#pragma omp parallel for schedule(static)
	for (size_t n = 0; n < items; n++) group_item(m, a, (int64_t)n, sums + n * 2 * padded, sums + (n * 2 + 1) * padded, lanes + n * 3 * padded);
	for (int p = 0; p < 2; p++)
		for (size_t c = 0; c < (size_t)m->units.tiles.channels && a->grad_param[p]; c++) {
			double s = 0;
			for (size_t n = 0; n < items; n++) s += sums[(n * 2 + (p == 0)) * padded + c];
			a->grad_param[p][c] = (float)s;
		}
	return C5_OK;
}

int c5_dn_make_group_norm(c5_dn *d, c5_dn_op **out, const c5_op_spec *spec)
{
	norm *m = NULL;
	int err = norm_new(d, &m, spec, 2);
	*out = m ? &m->base : NULL;
	if (err) return err;
	c5_op *op = &m->base.op;
	int64_t channels = m->units.tiles.channels, groups = spec->layer->norm_groups;
	if (groups < 1 || channels % groups) return c5_fail(C5_EINPUT, "group norm of %lld channels in %lld groups", (long long)channels, (long long)groups);
	m->per = channels / groups;
	m->base.forward = group_forward;
	m->base.backward = group_backward;
	size_t items = (size_t)m->units.tiles.items, padded = (size_t)m->units.padded;
	op->workspace = items * padded * 4 * sizeof(float);
	op->scratch = items * padded * sizeof(c5_spread) + items * padded * 3 * sizeof(float);
	op->back_in = true;
	op->grad_over = 0;
	return C5_OK;
}
