/* cpu_lstm.c – long short-term memory (Hochreiter and Schmidhuber 1997; forget gate, Gers et al. 2000) over (N, T, C), by the library's matrix
 * products: all steps' inputs at once, then step by step; backward through time likewise. Gates in order i f g o. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "nn/cpu_vec.h"
#include "nn/onednn.h"

typedef struct lstm {
	c5_dn_op base;
	int64_t items, steps, inputs, units;
} lstm;

/* Workspace, all (T, N, ...): gates after their functions (4U), cell (U), state (U). */
typedef struct kept { float *gates, *cell, *state; } kept;

static kept kept_at(const lstm *m, void *workspace)
{
	size_t n = (size_t)(m->items * m->steps * m->units);
	float *w = workspace;
	return (kept){ w, w + 4 * n, w + 5 * n };
}

static int gemm(bool ta, bool tb, int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c,
	int64_t ldc)
{
	return c5_dn_status(dnnl_sgemm(ta ? 'T' : 'N', tb ? 'T' : 'N', m, n, k, 1, a, lda, b, ldb, beta, c, ldc), "a matrix product");
}

C5_INLINE float sigmoid(float x) { return 1 / (1 + c5_exp(-x)); }
C5_INLINE float tanh_of(float x) { return x > 9.1f ? 1 : x < -9.1f ? -1 : 2 / (1 + c5_exp(-2 * x)) - 1; }

/* One item of one step: gates (4U) hold the sums on entry, their values after. */
FOR_CPUS static void cell_run(size_t units, float *gates, const float *bias, const float *before, float *cell, float *state)
{
	float *i = gates, *f = gates + units, *g = gates + 2 * units, *o = gates + 3 * units;
#pragma omp simd
	for (size_t u = 0; u < units; u++) {
		float vi = sigmoid(i[u] + bias[u]), vf = sigmoid(f[u] + bias[units + u]), vg = tanh_of(g[u] + bias[2 * units + u]),
			vo = sigmoid(o[u] + bias[3 * units + u]);
		float c = vf * (before ? before[u] : 0) + vi * vg;
		i[u] = vi;
		f[u] = vf;
		g[u] = vg;
		o[u] = vo;
		cell[u] = c;
		state[u] = vo * tanh_of(c);
	}
}

/* Backward of it: dh, dc come in (dc is replaced by that of the step before), gradients of the sums go out. */
FOR_CPUS static void cell_back(size_t units, const float *gates, const float *before, const float *cell, const float *dh, float *dc, float *out)
{
	const float *i = gates, *f = gates + units, *g = gates + 2 * units, *o = gates + 3 * units;
#pragma omp simd
	for (size_t u = 0; u < units; u++) {
		float t = tanh_of(cell[u]), d = dc[u] + dh[u] * o[u] * (1 - t * t), was = before ? before[u] : 0;
		out[u] = d * g[u] * i[u] * (1 - i[u]);
		out[units + u] = d * was * f[u] * (1 - f[u]);
		out[2 * units + u] = d * i[u] * (1 - g[u] * g[u]);
		out[3 * units + u] = dh[u] * t * o[u] * (1 - o[u]);
		dc[u] = d * f[u];
	}
}

static int forward(c5_dn *d, c5_dn_op *op, const c5_op_args *a)
{
	(void)d;
	const lstm *m = (lstm *)op;
	int64_t N = m->items, T = m->steps, C = m->inputs, U = m->units, err = C5_OK;
	kept k = kept_at(m, a->workspace);
	const float *x = a->in[0], *wx = a->param[0], *wh = a->param[1], *bias = a->param[2];
	float *out = a->out;
	for (int64_t t = 0; t < T && !err; t++) {
		float *gates = k.gates + t * N * 4 * U, *state = k.state + t * N * U, *cell = k.cell + t * N * U;
		err = gemm(false, true, N, 4 * U, C, x + t * C, T * C, wx, C, 0, gates, 4 * U);
		if (!err && t > 0) err = gemm(false, true, N, 4 * U, U, state - N * U, U, wh, U, 1, gates, 4 * U);
#pragma omp parallel for schedule(static)
		for (int64_t n = 0; n < N; n++) {
			cell_run((size_t)U, gates + n * 4 * U, bias, t ? cell - N * U + n * U : NULL, cell + n * U, state + n * U);
			if (op->op.spec.layer->sequences) memcpy(out + (n * T + t) * U, state + n * U, (size_t)U * sizeof *out);
			else if (t == T - 1) memcpy(out + n * U, state + n * U, (size_t)U * sizeof *out);
		}
	}
	return (int)err;
}

static int backward(c5_dn *d, c5_dn_op *op, const c5_op_args *a)
{
	(void)d;
	const lstm *m = (lstm *)op;
	bool sequences = op->op.spec.layer->sequences;
	int64_t N = m->items, T = m->steps, C = m->inputs, U = m->units;
	kept k = kept_at(m, a->workspace);
	const float *x = a->in[0], *wx = a->param[0], *wh = a->param[1], *gy = a->grad_out;
	float *dgates = a->scratch, *dh = dgates + N * 4 * U, *dc = dh + N * U, *gx = a->grad_in[0];
	int err = C5_OK;
	memset(dh, 0, (size_t)(2 * N * U) * sizeof *dh);
	for (int p = 0; p < 3; p++)
		if (a->grad_param[p]) memset(a->grad_param[p], 0, op->op.param[p].bytes);
	for (int64_t t = T - 1; t >= 0 && !err; t--) {
		const float *gates = k.gates + t * N * 4 * U, *cell = k.cell + t * N * U;
#pragma omp parallel for schedule(static)
		for (int64_t n = 0; n < N; n++) {
			const float *from = sequences ? gy + (n * T + t) * U : t == T - 1 ? gy + n * U : NULL;
			for (int64_t u = 0; u < U && from; u++) dh[n * U + u] += from[u];
			cell_back((size_t)U, gates + n * 4 * U, t ? cell - N * U + n * U : NULL, cell + n * U, dh + n * U, dc + n * U, dgates + n * 4 * U);
		}
		if (gx) err = gemm(false, false, N, C, 4 * U, dgates, 4 * U, wx, C, 0, gx + t * C, T * C);
		if (!err && t > 0) err = gemm(false, false, N, U, 4 * U, dgates, 4 * U, wh, U, 0, dh, U);
		if (a->grad_param[0] && !err) err = gemm(true, false, 4 * U, C, N, dgates, 4 * U, x + t * C, T * C, 1, a->grad_param[0], C);
		if (a->grad_param[1] && !err && t > 0)
			err = gemm(true, false, 4 * U, U, N, dgates, 4 * U, k.state + (t - 1) * N * U, U, 1, a->grad_param[1], U);
		for (int64_t n = 0; n < N && a->grad_param[2]; n++)
			for (int64_t u = 0; u < 4 * U; u++) a->grad_param[2][u] += dgates[n * 4 * U + u];
	}
	return err;
}

int c5_dn_make_lstm(c5_dn *d, c5_dn_op **out, const c5_op_spec *spec)
{
	(void)d;
	lstm *m;
	int err = c5_dn_op_new(&m, sizeof *m, spec);
	if (err) return err;
	*out = &m->base;
	c5_op *op = &m->base.op;
	m->base.forward = forward;
	m->base.backward = backward;
	m->items = spec->in[0].dims[0];
	m->steps = spec->in[0].dims[1];
	m->inputs = spec->in[0].dims[2];
	m->units = spec->layer->filters;
	c5_desc_plain(&op->in[0], C5_TYPE_F32, 3, spec->in[0].dims);
	c5_desc_plain(&op->out, C5_TYPE_F32, spec->out.rank, spec->out.dims);
	int64_t shapes[3][2] = { { 4 * m->units, m->inputs }, { 4 * m->units, m->units }, { 4 * m->units } };
	op->n_params = 3;
	for (int p = 0; p < 3; p++) c5_desc_plain(&op->param[p], C5_TYPE_F32, p < 2 ? 2 : 1, shapes[p]);
	op->workspace = (size_t)(m->items * m->steps * m->units) * 6 * sizeof(float);
	op->scratch = (size_t)(m->items * m->units) * 6 * sizeof(float);
	op->back_in = true;
	op->product = true;
	return C5_OK;
}
