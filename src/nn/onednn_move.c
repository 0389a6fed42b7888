/* onednn_move.c – conversions of layout and type (reorders), and pooling, by oneDNN. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "nn/cpu.h"
#include "nn/onednn.h"

typedef struct move { c5_dn_op base; c5_prim forward, backward; bool same; } move;

static void drop_move(c5_dn_op *o)
{
	c5_prim_free(&((move *)o)->forward);
	c5_prim_free(&((move *)o)->backward);
}

static int run_move(c5_dn *d, move *m, c5_prim *p, const void *from, void *to, void *scratch)
{
	if (m->same) {
		if (from != to) memcpy(to, from, m->base.op.out.bytes);
		return C5_OK;
	}
	void *list[3] = { scratch }, **at = list + (p->scratch > 0);
	at[0] = (void *)from;
	at[1] = to;
	return c5_prim_run(d, p, list);
}

static int move_forward(c5_dn *d, c5_dn_op *o, const c5_op_args *a)
{
	return run_move(d, (move *)o, &((move *)o)->forward, a->in[0], a->out, a->scratch);
}

static int move_backward(c5_dn *d, c5_dn_op *o, const c5_op_args *a)
{
	return a->grad_in[0] ? run_move(d, (move *)o, &((move *)o)->backward, a->grad_out, a->grad_in[0], a->scratch) : C5_OK;
}

int c5_dn_make_convert(c5_dn *d, c5_dn_op **out, const c5_op_spec *spec)
{
	move *m;
	c5_md from, to;
	int err = c5_dn_op_new(&m, sizeof *m, spec);
	if (err) return err;
	*out = &m->base;
	m->base.forward = move_forward;
	m->base.backward = move_backward;
	m->base.drop = drop_move;
	c5_op *op = &m->base.op;
	if (spec->in[0].rank != spec->out.rank) { /* a flatten: both plain, the same bytes */
		m->same = true;
		op->out_over = C5_OVER_MAY;
		op->grad_over = 0;
		return C5_OK;
	}
	err = c5_dn_md(d, &spec->in[0], &from);
	if (!err) err = c5_dn_md(d, &spec->out, &to);
	if (!err) err = c5_prim_reorder(d, &m->forward, &from, &to);
	if (!err && spec->training) err = c5_prim_reorder(d, &m->backward, &to, &from);
	m->same = !err && !m->forward.p;
	op->scratch = m->forward.scratch > m->backward.scratch ? m->forward.scratch : m->backward.scratch;
	return err;
}

/* ---- pooling ---- */

typedef struct pool { c5_dn_op base; c5_prim forward, backward; bool workspace; } pool;

static void drop_pool(c5_dn_op *o)
{
	c5_prim_free(&((pool *)o)->forward);
	c5_prim_free(&((pool *)o)->backward);
}

static int pool_forward(c5_dn *d, c5_dn_op *o, const c5_op_args *a)
{
	pool *p = (pool *)o;
	void *list[4] = { a->scratch }, **at = list + (p->forward.scratch > 0);
	*at++ = (void *)a->in[0];
	*at++ = a->out;
	if (p->workspace) *at = a->workspace;
	return c5_prim_run(d, &p->forward, list);
}

static int pool_backward(c5_dn *d, c5_dn_op *o, const c5_op_args *a)
{
	pool *p = (pool *)o;
	if (!a->grad_in[0]) return C5_OK;
	void *list[4] = { a->scratch }, **at = list + (p->backward.scratch > 0);
	*at++ = a->grad_out;
	*at++ = a->grad_in[0];
	if (p->workspace) *at = a->workspace;
	return c5_prim_run(d, &p->backward, list);
}

typedef struct pooling { dnnl_dims_t stride, kernel, before, after; bool max; } pooling;

static int make_pool_prims(c5_dn *d, pool *p, const c5_op_spec *spec, const pooling *g, dnnl_primitive_attr_t attr)
{
	c5_op *op = &p->base.op;
	c5_md src, dst, work;
	dnnl_primitive_desc_t pd, back;
	int err = c5_dn_md(d, &op->in[0], &src);
	if (!err) err = c5_dn_md(d, &op->out, &dst);
	if (!err) err = c5_dn_status(c5_pool_pd(&pd, g->max, false, spec->training, &src, &dst, g->stride, g->kernel, g->before, g->after, attr, d->engine,
		NULL), "pooling");
	if (err) return err;
	c5_pd_arg(pd, DNNL_ARG_WORKSPACE, &work);
	op->workspace = c5_md_bytes(&work);
	p->workspace = op->workspace > 0;
	if (spec->training && spec->grad_in[0]) {
		err = c5_dn_status(c5_pool_pd(&back, g->max, true, true, &src, &dst, g->stride, g->kernel, g->before, g->after, attr, d->engine, pd), "pooling");
		if (!err) err = c5_prim_make(d, &p->backward, back);
		if (!err) err = c5_prim_arg(d, &p->backward, DNNL_ARG_DIFF_DST, &dst);
		if (!err) err = c5_prim_arg(d, &p->backward, DNNL_ARG_DIFF_SRC, &src);
		if (!err && p->workspace) err = c5_prim_arg(d, &p->backward, DNNL_ARG_WORKSPACE, &work);
	}
	if (err) {
		dnnl_primitive_desc_destroy(pd);
		return err;
	}
	err = c5_prim_make(d, &p->forward, pd);
	if (!err) err = c5_prim_arg(d, &p->forward, DNNL_ARG_SRC, &src);
	if (!err) err = c5_prim_arg(d, &p->forward, DNNL_ARG_DST, &dst);
	if (!err && p->workspace) err = c5_prim_arg(d, &p->forward, DNNL_ARG_WORKSPACE, &work);
	return err;
}

int c5_dn_make_pool(c5_dn *d, c5_dn_op **out, const c5_op_spec *spec)
{
	pool *p;
	int err = c5_dn_op_new(&p, sizeof *p, spec);
	if (err) return err;
	*out = &p->base;
	p->base.forward = pool_forward;
	p->base.backward = pool_backward;
	p->base.drop = drop_pool;
	c5_op *op = &p->base.op;
	const c5_layer *a = spec->layer;
	pooling g = { .max = spec->kind == C5_LAYER_MAX_POOL };
	for (int i = 0; i < 2; i++) {
		g.kernel[i] = a->kernel[i];
		g.stride[i] = a->stride[i] ? a->stride[i] : a->kernel[i];
		g.before[i] = a->pad[2 * i];
		g.after[i] = a->pad[2 * i + 1];
	}
	op->in[0].type = op->out.type;
	err = c5_dn_like(d, &op->in[0], &spec->in[0]);
	if (!err) err = c5_dn_like(d, &op->out, &op->in[0]);
	dnnl_primitive_attr_t attr;
	if (!err) err = c5_dn_status(dnnl_primitive_attr_create(&attr), "pooling");
	if (err) return err;
	dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user);
	err = make_pool_prims(d, p, spec, &g, attr);
	dnnl_primitive_attr_destroy(attr);
	op->scratch = p->forward.scratch > p->backward.scratch ? p->forward.scratch : p->backward.scratch;
	return err;
}
