/* cuda_norms.c – batch and group normalisation on the GPU: what the kernels of cuda_sums.cu are asked for. */
#include "base/error.h"
#include "nn/cuda.h"

typedef struct norm { c5_cu_op base; c5_k_norm how; } norm;

static int forward(c5_cu *d, c5_cu_op *o, const c5_op_args *a)
{
	const norm *m = (norm *)o;
	const c5_op_spec *s = &o->op.spec;
	bool batch = s->kind == C5_LAYER_BATCH_NORM, given = batch && (!s->training || s->running);
	int err = given ? c5_k_norm_settle_running(d->stream, &m->how, a->param[0], a->param[1], a->param[2], a->param[3], a->workspace)
		: c5_k_norm_settle(d->stream, &m->how, a->in[0], a->param[0], a->param[1], a->workspace, a->statistics, a->scratch);
	return err ? err : c5_k_norm_apply(d->stream, &m->how, a->in[0], s->sum ? a->in[1] : NULL, a->workspace, a->out);
}

static int backward(c5_cu *d, c5_cu_op *o, const c5_op_args *a)
{
	const norm *m = (norm *)o;
	const c5_op_spec *s = &o->op.spec;
	c5_k_norm_back b = { .x = a->in[0], .gy = a->grad_out, .gx = a->grad_in[0], .kept = a->workspace, .scale = a->param[0],
		.grad_scale = a->grad_param[0], .grad_shift = a->grad_param[1], .running = s->running, .scratch = a->scratch };
	if (s->sum) {
		b.y = s->activation != C5_ACT_NONE ? a->out : NULL;
		b.masked = a->grad_in[1];
	}
	return c5_k_norm_backward(d->stream, &m->how, &b);
}

static int make(norm **out, const c5_op_spec *spec, int n_params)
{
	int err = c5_cu_op_new(out, sizeof **out, spec);
	if (err) return err;
	norm *m = *out;
	c5_op *op = &m->base.op;
	size_t rows, channels;
	c5_cu_desc(&op->out, spec->out.type, spec->out.rank, spec->out.dims, C5_CU_LAST);
	for (int k = 0; k < spec->n_in; k++) op->in[k] = op->out;
	c5_cu_rows(&op->out, &rows, &channels);
	bool batch = spec->kind == C5_LAYER_BATCH_NORM;
	size_t segments = batch ? 1 : (size_t)op->out.dims[0];
	m->how = (c5_k_norm){ .type = op->out.type, .activation = spec->activation, .segments = segments, .rows = rows / segments, .channels = channels,
		.per = 1, .epsilon = spec->layer->epsilon };
	m->base.forward = forward;
	m->base.backward = backward;
	op->n_params = n_params;
	for (int p = 0; p < n_params; p++) c5_desc_plain(&op->param[p], C5_TYPE_F32, 1, (int64_t[]){ (int64_t)channels });
	op->workspace = c5_k_norm_kept(&m->how) * sizeof(float);
	op->scratch = c5_k_norm_scratch(&m->how);
	op->back_in = true;
	op->back_out = spec->sum && spec->activation != C5_ACT_NONE;
	op->grad_over = spec->sum ? 1 : 0;
	op->out_over = spec->training ? C5_OVER_NO : C5_OVER_MAY;
	return C5_OK;
}

int c5_cu_make_batch_norm(c5_cu *d, c5_cu_op **out, const c5_op_spec *spec)
{
	(void)d;
	norm *m = NULL;
	int err = make(&m, spec, 4);
	*out = m ? &m->base : NULL;
	return err;
}

int c5_cu_make_group_norm(c5_cu *d, c5_cu_op **out, const c5_op_spec *spec)
{
	(void)d;
	norm *m = NULL;
	int err = make(&m, spec, 2);
	*out = m ? &m->base : NULL;
	if (err) return err;
	size_t groups = spec->layer->norm_groups > 0 ? (size_t)spec->layer->norm_groups : 0;
	if (!groups || m->how.channels % groups)
		return c5_fail(C5_EINPUT, "group norm of %zu channels in %d groups", m->how.channels, spec->layer->norm_groups);
	m->how.per = m->how.channels / groups;
	m->base.op.out_over = C5_OVER_NO;
	return C5_OK;
}
