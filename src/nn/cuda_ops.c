/* cuda_ops.c – operations of our own kernels on the GPU: conversions, activations, sums, dropout, pooling, concatenation, up-sampling, softmax, LSTM.
 * Images are channels last; softmax and sigmoid are plain float32, as losses want them. */
#include <string.h>

#include "base/error.h"
#include "nn/cuda.h"

/* Every input as the output: its type, channels last. */
static void all_alike(c5_op *op, int layout)
{
	c5_cu_desc(&op->out, op->spec.out.type, op->spec.out.rank, op->spec.out.dims, layout);
	for (int k = 0; k < op->spec.n_in; k++) c5_cu_desc(&op->in[k], op->out.type, op->spec.in[k].rank, op->spec.in[k].dims, layout);
}

/* ---- conversion ---- */

static int convert_forward(c5_cu *d, c5_cu_op *o, const c5_op_args *a)
{
	const c5_op *op = &o->op;
	if (op->in[0].rank == op->out.rank) return c5_cu_move(d, &op->in[0], a->in[0], &op->out, a->out);
	return c5_cu_move(d, &op->out, a->in[0], &op->out, a->out); /* a flatten: both plain, the same bytes */
}

static int convert_backward(c5_cu *d, c5_cu_op *o, const c5_op_args *a)
{
	const c5_op *op = &o->op;
	if (!a->grad_in[0]) return C5_OK;
	if (op->in[0].rank == op->out.rank) return c5_cu_move(d, &op->out, a->grad_out, &op->in[0], a->grad_in[0]);
	return c5_cu_move(d, &op->out, a->grad_out, &op->out, a->grad_in[0]);
}

int c5_cu_make_convert(c5_cu *d, c5_cu_op **out, const c5_op_spec *spec)
{
	(void)d;
	c5_cu_op *o;
	int err = c5_cu_op_new(&o, sizeof *o, spec);
	if (err) return err;
	*out = o;
	o->forward = convert_forward;
	o->backward = convert_backward;
	o->op.out = spec->out;
	if (spec->in[0].rank == spec->out.rank) return C5_OK;
	o->op.out_over = C5_OVER_MAY;
	o->op.grad_over = 0;
	return C5_OK;
}

/* ---- activation ---- */

static int act_forward(c5_cu *d, c5_cu_op *o, const c5_op_args *a)
{
	const c5_op *op = &o->op;
	return c5_k_act_forward(d->stream, op->spec.activation, op->spec.slope, op->out.type, c5_desc_count(&op->out), a->in[0], a->out);
}

static int act_backward(c5_cu *d, c5_cu_op *o, const c5_op_args *a)
{
	const c5_op *op = &o->op;
	if (!a->grad_in[0]) return C5_OK;
	return c5_k_act_backward(d->stream, op->spec.activation, op->spec.slope, op->out.type, c5_desc_count(&op->out), a->out, a->grad_out, a->grad_in[0]);
}

int c5_cu_make_activation(c5_cu *d, c5_cu_op **out, const c5_op_spec *spec)
{
	(void)d;
	c5_cu_op *o;
	int err = c5_cu_op_new(&o, sizeof *o, spec);
	if (err) return err;
	*out = o;
	o->forward = act_forward;
	o->backward = act_backward;
	all_alike(&o->op, spec->activation == C5_ACT_SIGMOID ? C5_CU_PLAIN : C5_CU_LAST);
	return c5_op_by_number(&o->op);
}

/* ---- addition ---- */

static int add_forward(c5_cu *d, c5_cu_op *o, const c5_op_args *a)
{
	const c5_op_spec *s = &o->op.spec;
	size_t n = c5_desc_count(&o->op.out);
	int type = o->op.out.type, err = C5_OK;
	if (s->n_in == 1) return c5_k_act_forward(d->stream, s->activation, s->slope, type, n, a->in[0], a->out);
	for (int k = 1; k < s->n_in && !err; k++)
		err = c5_k_add(d->stream, k + 1 == s->n_in ? s->activation : C5_ACT_NONE, s->slope, type, n, k == 1 ? a->in[0] : a->out, a->in[k], a->out);
	return err;
}

static int add_backward(c5_cu *d, c5_cu_op *o, const c5_op_args *a)
{
	const c5_op *op = &o->op;
	const c5_op_spec *s = &op->spec;
	size_t n = c5_desc_count(&op->out);
	const void *g = a->grad_out;
	bool masked = s->activation == C5_ACT_NONE;
	int err = C5_OK;
	for (int k = 0; k < s->n_in && !masked && !err; k++) { /* in place first: then it serves all */
		if (a->grad_in[k] != a->grad_out) continue;
		err = c5_k_act_backward(d->stream, s->activation, s->slope, op->out.type, n, a->out, g, a->grad_in[k]);
		masked = true;
	}
	for (int k = 0; k < s->n_in && !err; k++) {
		if (!a->grad_in[k] || a->grad_in[k] == g) continue;
		if (masked) {
			err = c5_cu_move(d, &op->out, g, &op->out, a->grad_in[k]);
			continue;
		}
		err = c5_k_act_backward(d->stream, s->activation, s->slope, op->out.type, n, a->out, g, a->grad_in[k]);
		g = a->grad_in[k];
		masked = true;
	}
	return err;
}

int c5_cu_make_add(c5_cu *d, c5_cu_op **out, const c5_op_spec *spec)
{
	(void)d;
	c5_cu_op *o;
	int err = c5_cu_op_new(&o, sizeof *o, spec);
	if (err) return err;
	*out = o;
	o->forward = add_forward;
	o->backward = add_backward;
	all_alike(&o->op, C5_CU_LAST);
	return c5_op_by_number(&o->op);
}

/* ---- dropout: backward draws again ---- */

static int drop_pass(c5_cu *d, const c5_op *op, const c5_op_args *a, const void *x, void *y)
{
	size_t items = (size_t)op->out.dims[0], each = items ? c5_desc_count(&op->out) / items : 0;
	int err = d->in_pass ? C5_OK : c5_k_set_pass(d->stream, d->pass, a->pass->seed, a->pass->item0);
	if (err) return err;
	return c5_k_dropout(d->stream, op->out.type, items, each, (uint32_t)op->spec.layer_index, c5_dropout_threshold(op->spec.layer->rate), d->pass, x, y);
}

static int dropout_forward(c5_cu *d, c5_cu_op *o, const c5_op_args *a) { return drop_pass(d, &o->op, a, a->in[0], a->out); }

static int dropout_backward(c5_cu *d, c5_cu_op *o, const c5_op_args *a)
{
	return a->grad_in[0] ? drop_pass(d, &o->op, a, a->grad_out, a->grad_in[0]) : C5_OK;
}

int c5_cu_make_dropout(c5_cu *d, c5_cu_op **out, const c5_op_spec *spec)
{
	(void)d;
	c5_cu_op *o;
	int err = c5_cu_op_new(&o, sizeof *o, spec);
	if (err) return err;
	*out = o;
	o->forward = dropout_forward;
	o->backward = dropout_backward;
	all_alike(&o->op, C5_CU_LAST);
	return c5_op_by_number(&o->op);
}

/* ---- pooling ---- */

typedef struct pool { c5_cu_op base; c5_k_window window; } pool;

static int pool_forward(c5_cu *d, c5_cu_op *o, const c5_op_args *a)
{
	const pool *p = (pool *)o;
	return c5_k_pool_forward(d->stream, &p->window, a->in[0], a->out, o->op.workspace ? a->workspace : NULL);
}

static int pool_backward(c5_cu *d, c5_cu_op *o, const c5_op_args *a)
{
	const pool *p = (pool *)o;
	return a->grad_in[0] ? c5_k_pool_backward(d->stream, &p->window, a->grad_out, a->workspace, a->grad_in[0]) : C5_OK;
}

int c5_cu_make_pool(c5_cu *d, c5_cu_op **out, const c5_op_spec *spec)
{
	(void)d;
	pool *p;
	const c5_layer *a = spec->layer;
	int err = c5_cu_op_new(&p, sizeof *p, spec);
	if (err) return err;
	*out = &p->base;
	p->base.forward = pool_forward;
	p->base.backward = pool_backward;
	c5_op *op = &p->base.op;
	all_alike(op, C5_CU_LAST);
	const int64_t *in = op->in[0].dims, *to = op->out.dims;
	p->window = (c5_k_window){ .items = in[0], .height = in[2], .width = in[3], .channels = in[1], .out_height = to[2], .out_width = to[3],
		.max = spec->kind == C5_LAYER_MAX_POOL, .type = op->out.type };
	for (int i = 0; i < 2; i++) {
		p->window.kernel[i] = a->kernel[i];
		p->window.stride[i] = a->stride[i] ? a->stride[i] : a->kernel[i];
		p->window.before[i] = a->pad[2 * i];
	}
	if (spec->training && p->window.max && spec->grad_in[0]) op->workspace = c5_k_pool_best(&p->window);
	return C5_OK;
}

typedef struct mean { c5_cu_op base; size_t items, positions, channels; } mean;

static int mean_forward(c5_cu *d, c5_cu_op *o, const c5_op_args *a)
{
	const mean *m = (mean *)o;
	return c5_k_column_sums(d->stream, o->op.in[0].type, m->items, m->positions, m->channels, a->in[0], 1.0f / (float)m->positions, o->op.out.type,
		a->out, a->scratch);
}

static int mean_backward(c5_cu *d, c5_cu_op *o, const c5_op_args *a)
{
	const mean *m = (mean *)o;
	return a->grad_in[0] ? c5_k_mean_backward(d->stream, o->op.out.type, m->items, m->positions, m->channels, a->grad_out, a->grad_in[0]) : C5_OK;
}

int c5_cu_make_global_pool(c5_cu *d, c5_cu_op **out, const c5_op_spec *spec)
{
	(void)d;
	mean *m;
	int err = c5_cu_op_new(&m, sizeof *m, spec);
	if (err) return err;
	*out = &m->base;
	m->base.forward = mean_forward;
	m->base.backward = mean_backward;
	c5_op *op = &m->base.op;
	const int64_t *in = spec->in[0].dims;
	all_alike(op, C5_CU_LAST);
	m->items = (size_t)in[0];
	m->channels = (size_t)in[1];
	m->positions = (size_t)(in[2] * in[3]);
	op->scratch = c5_k_sums_scratch(m->items, m->positions, m->channels, 1);
	return C5_OK;
}

/* ---- concatenation ---- */

static int concat_pass(c5_cu *d, const c5_op *op, const c5_op_args *a, bool back)
{
	size_t rows, whole, at = 0;
	int err = C5_OK;
	c5_cu_rows(&op->out, &rows, &whole);
	whole *= c5_cu_bytes(op->out.type);
	for (int k = 0; k < op->spec.n_in && !err; k++) {
		size_t part = op->in[k].bytes / rows;
		if (!back) err = c5_k_columns(d->stream, rows, part, whole, at, a->in[k], a->out, false);
		else if (a->grad_in[k]) err = c5_k_columns(d->stream, rows, part, whole, at, a->grad_out, a->grad_in[k], true);
		at += part;
	}
	return err;
}

static int concat_forward(c5_cu *d, c5_cu_op *o, const c5_op_args *a) { return concat_pass(d, &o->op, a, false); }
static int concat_backward(c5_cu *d, c5_cu_op *o, const c5_op_args *a) { return concat_pass(d, &o->op, a, true); }

int c5_cu_make_concat(c5_cu *d, c5_cu_op **out, const c5_op_spec *spec)
{
	(void)d;
	c5_cu_op *o;
	int err = c5_cu_op_new(&o, sizeof *o, spec);
	if (err) return err;
	*out = o;
	o->forward = concat_forward;
	o->backward = concat_backward;
	all_alike(&o->op, C5_CU_LAST);
	return C5_OK;
}

/* ---- up-sampling ---- */

typedef struct upsample { c5_cu_op base; c5_k_scale scale; } upsample;

static int up_forward(c5_cu *d, c5_cu_op *o, const c5_op_args *a)
{
	return c5_k_upsample_forward(d->stream, &((upsample *)o)->scale, a->in[0], a->out);
}

static int up_backward(c5_cu *d, c5_cu_op *o, const c5_op_args *a)
{
	return a->grad_in[0] ? c5_k_upsample_backward(d->stream, &((upsample *)o)->scale, a->grad_out, a->grad_in[0]) : C5_OK;
}

int c5_cu_make_upsample(c5_cu *d, c5_cu_op **out, const c5_op_spec *spec)
{
	(void)d;
	upsample *u;
	int err = c5_cu_op_new(&u, sizeof *u, spec);
	if (err) return err;
	*out = &u->base;
	u->base.forward = up_forward;
	u->base.backward = up_backward;
	const int64_t *in = spec->in[0].dims;
	all_alike(&u->base.op, C5_CU_LAST);
	u->scale = (c5_k_scale){ .items = in[0], .height = in[2], .width = in[3], .channels = in[1], .factor = spec->layer->factor,
		.bilinear = spec->layer->bilinear, .type = u->base.op.out.type };
	return C5_OK;
}

/* ---- softmax: (N, T, C): positions are rows of C; else (N, C, positions) ---- */

typedef struct softmax { c5_cu_op base; size_t items, channels, positions; bool rows; } softmax;

static int softmax_forward(c5_cu *d, c5_cu_op *o, const c5_op_args *a)
{
	const softmax *m = (softmax *)o;
	return c5_k_softmax_forward(d->stream, m->items, m->channels, m->positions, m->rows, a->in[0], a->out);
}

static int softmax_backward(c5_cu *d, c5_cu_op *o, const c5_op_args *a)
{
	const softmax *m = (softmax *)o;
	return a->grad_in[0] ? c5_k_softmax_backward(d->stream, m->items, m->channels, m->positions, m->rows, a->out, a->grad_out, a->grad_in[0]) : C5_OK;
}

int c5_cu_make_softmax(c5_cu *d, c5_cu_op **out, const c5_op_spec *spec)
{
	(void)d;
	softmax *m;
	int err = c5_cu_op_new(&m, sizeof *m, spec);
	if (err) return err;
	*out = &m->base;
	m->base.forward = softmax_forward;
	m->base.backward = softmax_backward;
	c5_op *op = &m->base.op;
	op->back_out = true;
	op->grad_over = 0;
	op->spec.out.type = C5_TYPE_F32;
	all_alike(op, C5_CU_PLAIN);
	const int64_t *n = op->out.dims;
	m->rows = op->out.rank == 3;
	m->items = (size_t)n[0];
	m->channels = (size_t)n[m->rows ? 2 : 1];
	m->positions = m->rows ? (size_t)n[1] : op->out.rank == 4 ? (size_t)(n[2] * n[3]) : 1;
	return C5_OK;
}

/* ---- LSTM: all steps' inputs at once, then step by step; backward through time likewise ---- */

typedef struct lstm { c5_cu_op base; size_t items, steps, inputs, units; } lstm;

/* Workspace, all (N, T, ...): gates (4U), cell, state, the state before (U each). */
typedef struct lstm_kept { float *gates, *cell, *state, *before; } lstm_kept;

static lstm_kept lstm_kept_at(const lstm *m, void *workspace)
{
	size_t n = m->items * m->steps * m->units;
	float *w = workspace;
	return (lstm_kept){ w, w + 4 * n, w + 5 * n, w + 6 * n };
}

static int lstm_forward(c5_cu *d, c5_cu_op *o, const c5_op_args *a)
{
	const lstm *m = (lstm *)o;
	size_t N = m->items, T = m->steps, C = m->inputs, U = m->units;
	lstm_kept k = lstm_kept_at(m, a->workspace);
	const float *wx = a->param[0], *wh = a->param[1];
	int err = c5_k_gemm(d->stream, N * T, 4 * U, C, (c5_k_matrix){ a->in[0], C, false }, (c5_k_matrix){ wx, C, true }, false, k.gates, 4 * U);
	for (size_t t = 0; t < T && !err; t++) {
		if (t)
			err = c5_k_gemm(d->stream, N, 4 * U, U, (c5_k_matrix){ k.state + (t - 1) * U, T * U, false }, (c5_k_matrix){ wh, U, true }, true,
				k.gates + t * 4 * U, T * 4 * U);
		if (!err) err = c5_k_lstm_cell(d->stream, N, T, U, t, k.gates, a->param[2], k.cell, k.state, k.before);
	}
	if (err) return err;
	size_t row = U * sizeof(float);
	if (o->op.spec.layer->sequences) return c5_k_columns(d->stream, 1, N * T * row, N * T * row, 0, k.state, a->out, true);
	return c5_k_columns(d->stream, N, row, T * row, (T - 1) * row, k.state, a->out, true);
}

static int lstm_backward(c5_cu *d, c5_cu_op *o, const c5_op_args *a)
{
	const lstm *m = (lstm *)o;
	size_t N = m->items, T = m->steps, C = m->inputs, U = m->units;
	lstm_kept k = lstm_kept_at(m, a->workspace);
	float *dgates = a->scratch, *dh = dgates + N * T * 4 * U, *dc = dh + N * U;
	const float *wx = a->param[0], *wh = a->param[1];
	c5_k_matrix turned = { dgates, 4 * U, true };
	int err = C5_OK;
	for (size_t t = T; t-- > 0 && !err;) {
		err = c5_k_lstm_back(d->stream, N, T, U, t, o->op.spec.layer->sequences, k.gates, k.cell, a->grad_out, dh, dc, dgates);
		if (!err && t)
			err = c5_k_gemm(d->stream, N, U, 4 * U, (c5_k_matrix){ dgates + t * 4 * U, T * 4 * U, false }, (c5_k_matrix){ wh, U, false }, false, dh, U);
	}
	if (!err && a->grad_in[0])
		err = c5_k_gemm(d->stream, N * T, C, 4 * U, (c5_k_matrix){ dgates, 4 * U, false }, (c5_k_matrix){ wx, C, false }, false, a->grad_in[0], C);
	if (!err && a->grad_param[0]) err = c5_k_gemm(d->stream, 4 * U, C, N * T, turned, (c5_k_matrix){ a->in[0], C, false }, false, a->grad_param[0], C);
	if (!err && a->grad_param[1]) err = c5_k_gemm(d->stream, 4 * U, U, N * T, turned, (c5_k_matrix){ k.before, U, false }, false, a->grad_param[1], U);
	if (!err && a->grad_param[2]) /* the sums' scratch comes last */
		err = c5_k_column_sums(d->stream, C5_TYPE_F32, 1, N * T, 4 * U, dgates, 1, C5_TYPE_F32, a->grad_param[2], dc + N * U);
	return err;
}

int c5_cu_make_lstm(c5_cu *d, c5_cu_op **out, const c5_op_spec *spec)
{
	(void)d;
	lstm *m;
	int err = c5_cu_op_new(&m, sizeof *m, spec);
	if (err) return err;
	*out = &m->base;
	m->base.forward = lstm_forward;
	m->base.backward = lstm_backward;
	c5_op *op = &m->base.op;
	m->items = (size_t)spec->in[0].dims[0];
	m->steps = (size_t)spec->in[0].dims[1];
	m->inputs = (size_t)spec->in[0].dims[2];
	m->units = (size_t)spec->layer->filters;
	c5_desc_plain(&op->in[0], C5_TYPE_F32, 3, spec->in[0].dims);
	c5_desc_plain(&op->out, C5_TYPE_F32, spec->out.rank, spec->out.dims);
	int64_t units = spec->layer->filters, shapes[3][2] = { { 4 * units, spec->in[0].dims[2] }, { 4 * units, units }, { 4 * units } };
	op->n_params = 3;
	for (int p = 0; p < 3; p++) c5_desc_plain(&op->param[p], C5_TYPE_F32, p < 2 ? 2 : 1, shapes[p]);
	size_t rows = m->items * m->steps;
	op->workspace = rows * m->units * 7 * sizeof(float);
	op->scratch = (rows * 4 * m->units + 2 * m->items * m->units) * sizeof(float) + c5_k_sums_scratch(1, rows, 4 * m->units, 1);
	op->back_in = true;
	op->product = true;
	return C5_OK;
}
