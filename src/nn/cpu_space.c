/* cpu_space.c – operations over positions and channels: global pooling, concatenation, up-sampling, softmax. All work on tiles (onednn.h). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "nn/cpu.h"
#include "nn/cpu_vec.h"
#include "nn/onednn.h"

static void plain_all(c5_op *op)
{
	for (int k = 0; k < op->spec.n_in; k++) c5_desc_plain(&op->in[k], op->out.type, op->spec.in[k].rank, op->spec.in[k].dims);
	c5_desc_plain(&op->out, op->out.type, op->spec.out.rank, op->spec.out.dims);
}

/* in[0] in its layout and the type of out; plain where own loops cannot. */
static int first_as_given(c5_dn *d, c5_op *op, c5_tiles *t)
{
	op->in[0].type = op->out.type;
	int err = c5_dn_like(d, &op->in[0], &op->spec.in[0]);
	if (!err && !c5_dn_tiles(d, &op->in[0], t)) {
		plain_all(op);
		c5_dn_tiles(d, &op->in[0], t);
	}
	return err;
}

/* ---- global pooling: (N, C, H, W) to the means (N, C) ---- */

typedef struct pool { c5_dn_op base; c5_tiles tiles; } pool;

/* Rows of 16 lanes, summed eight rows at a time: enough additions under way to wait for none. */
#define WIDE (8 * C5_LANES)

C5_INLINE void mean_body(int t, size_t rows, const void *x, float *sum)
{
	float wide[WIDE] = { 0 };
	size_t runs = rows / 8;
	for (size_t r = 0; r < runs; r++) {
#pragma omp simd
		for (size_t l = 0; l < WIDE; l++) wide[l] += c5_get(t, x, r * WIDE + l);
	}
	for (size_t i = runs * WIDE; i < rows * C5_LANES; i++) wide[i % WIDE] += c5_get(t, x, i);
	for (size_t l = 0; l < C5_LANES; l++) sum[l] = 0;
	for (size_t l = 0; l < WIDE; l++) sum[l % C5_LANES] += wide[l];
}

FOR_CPUS static void mean_run(int type, size_t rows, const void *x, float *sum)
{
	if (type == C5_TYPE_BF16) mean_body(C5_TYPE_BF16, rows, x, sum);
	else mean_body(C5_TYPE_F32, rows, x, sum);
}

/* Sums of up to 16 lanes, over positions `step` apart; a single plain channel is summed in 16 strands. */
static void tile_sum(int type, const void *x, size_t positions, size_t lanes, size_t step, float *sum)
{
	float rest = 0;
	if (step == C5_LANES && lanes == C5_LANES) {
		mean_run(type, positions, x, sum);
		return;
	}
	if (step == 1) {
		size_t rows = positions / C5_LANES;
		mean_run(type, rows, x, sum);
		for (size_t i = rows * C5_LANES; i < positions; i++) rest += c5_get(type, x, i);
		for (size_t l = 0; l < C5_LANES; l++) rest += sum[l];
		*sum = rest;
		return;
	}
	for (size_t l = 0; l < lanes; l++) sum[l] = 0;
	for (size_t r = 0; r < positions; r++)
		for (size_t l = 0; l < lanes; l++) sum[l] += c5_get(type, x, r * step + l);
}

/* ---- bias by itself ---- */

C5_INLINE void bias_body(int t, size_t rows, size_t lanes, const float *bias, void *y)
{
	for (size_t r = 0; r < rows; r++) {
#pragma omp simd
		for (size_t l = 0; l < lanes; l++) c5_put(t, y, r * lanes + l, c5_get(t, y, r * lanes + l) + bias[l]);
	}
}

FOR_CPUS static void bias_run(int type, size_t rows, size_t lanes, const float *bias, void *y)
{
	if (lanes == C5_LANES) {
		if (type == C5_TYPE_BF16) bias_body(C5_TYPE_BF16, rows, C5_LANES, bias, y);
		else bias_body(C5_TYPE_F32, rows, C5_LANES, bias, y);
	} else {
		if (type == C5_TYPE_BF16) bias_body(C5_TYPE_BF16, rows, lanes, bias, y);
		else bias_body(C5_TYPE_F32, rows, lanes, bias, y);
	}
}

void c5_cpu_add_bias(const c5_tiles *t, int type, const float *bias, void *y)
{
	size_t block = (size_t)t->block, tile = (size_t)t->positions * block;
#pragma omp parallel for collapse(2) schedule(static)
	for (int64_t n = 0; n < t->items; n++)
		for (int64_t b = 0; b < t->blocks; b++) {
			void *to = c5_at(type, y, (size_t)(n * t->blocks + b) * tile);
			size_t left = (size_t)(t->channels - b * t->block);
			float lanes[C5_LANES] = { 0 };
			if (left >= block) { /* all lanes are channels */
				bias_run(type, (size_t)t->positions, block, bias + b * t->block, to);
				continue;
			}
			memcpy(lanes, bias + b * t->block, left * sizeof *lanes);
			bias_run(type, (size_t)t->positions, block, lanes, to);
		}
}

size_t c5_cpu_bias_scratch(const c5_tiles *t)
{
	return (size_t)(t->items * t->blocks * ((t->block + C5_LANES - 1) / C5_LANES)) * C5_LANES * sizeof(double);
}

#define BIAS_PIECE 512 /* positions summed in single precision */

void c5_cpu_bias_gradient(const c5_tiles *t, int type, const void *gy, float *grad, void *scratch)
{
	int64_t parts = (t->block + C5_LANES - 1) / C5_LANES;
	size_t block = (size_t)t->block, tile = (size_t)t->positions * block, positions = (size_t)t->positions;
	double *sums = scratch; /* [blocks][parts][items][16] */
#pragma omp parallel for collapse(3) schedule(static)
	for (int64_t b = 0; b < t->blocks; b++)
		for (int64_t p = 0; p < parts; p++)
			for (int64_t n = 0; n < t->items; n++) {
				double *to = sums + (size_t)((b * parts + p) * t->items + n) * C5_LANES;
				size_t from = (size_t)p * C5_LANES, lanes = block - from < C5_LANES ? block - from : C5_LANES;
				size_t at = (size_t)(n * t->blocks + b) * tile + from;
				memset(to, 0, C5_LANES * sizeof *to);
				for (size_t r = 0; r < positions; r += BIAS_PIECE) {
					float sum[C5_LANES];
					tile_sum(type, c5_at(type, gy, at + r * block), positions - r < BIAS_PIECE ? positions - r : BIAS_PIECE, lanes, block, sum);
					for (size_t l = 0; l < lanes; l++) to[l] += sum[l];
				}
			}
	for (int64_t c = 0; c < t->channels; c++) {
		double all = 0;
		int64_t unit = c / t->block * parts + c % t->block / C5_LANES;
		for (int64_t n = 0; n < t->items; n++) all += sums[(size_t)(unit * t->items + n) * C5_LANES + (size_t)(c % t->block % C5_LANES)];
		grad[c] = (float)all;
	}
}

static int pool_forward(c5_dn *d, c5_dn_op *o, const c5_op_args *a)
{
	(void)d;
	const c5_tiles *t = &((pool *)o)->tiles;
	int type = o->op.out.type;
	float share = 1.0f / (float)t->positions;
	size_t block = (size_t)t->block, tile = (size_t)t->positions * block;
#pragma omp parallel for collapse(2) schedule(static)
	for (int64_t n = 0; n < t->items; n++)
		for (int64_t b = 0; b < t->blocks; b++)
			for (size_t from = 0; from < block; from += C5_LANES) {
				float sum[C5_LANES];
				size_t channel = (size_t)b * block + from, left = (size_t)t->channels - channel, lanes = block - from < C5_LANES ? block - from : C5_LANES;
				tile_sum(type, c5_at(type, a->in[0], (size_t)(n * t->blocks + b) * tile + from), (size_t)t->positions, lanes, block, sum);
				for (size_t l = 0; l < lanes && l < left; l++) c5_put(type, a->out, (size_t)(n * t->channels) + channel + l, sum[l] * share);
			}
	return C5_OK;
}

static int pool_backward(c5_dn *d, c5_dn_op *o, const c5_op_args *a)
{
	(void)d;
	const c5_tiles *t = &((pool *)o)->tiles;
	int type = o->op.out.type;
	float share = 1.0f / (float)t->positions;
	size_t block = (size_t)t->block, tile = (size_t)t->positions * block;
	if (!a->grad_in[0]) return C5_OK;
#pragma omp parallel for collapse(2) schedule(static)
	for (int64_t n = 0; n < t->items; n++)
		for (int64_t b = 0; b < t->blocks; b++)
			for (size_t p = 0; p < (size_t)t->positions; p++)
				for (size_t l = 0; l < block; l++) {
					size_t channel = (size_t)b * block + l;
					float g = channel < (size_t)t->channels ? c5_get(type, a->grad_out, (size_t)(n * t->channels) + channel) * share : 0;
					c5_put(type, a->grad_in[0], (size_t)(n * t->blocks + b) * tile + p * block + l, g);
				}
	return C5_OK;
}

int c5_dn_make_global_pool(c5_dn *d, c5_dn_op **out, const c5_op_spec *spec)
{
	pool *p;
	int err = c5_dn_op_new(&p, sizeof *p, spec);
	if (err) return err;
	*out = &p->base;
	p->base.forward = pool_forward;
	p->base.backward = pool_backward;
	err = first_as_given(d, &p->base.op, &p->tiles);
	c5_desc_plain(&p->base.op.out, spec->out.type, spec->out.rank, spec->out.dims);
	return err;
}

/* ---- concatenation over channels ---- */

static int concat_copy(c5_dn_op *o, const c5_op_args *a, bool back)
{
	const c5_op *op = &o->op;
	size_t items = (size_t)(op->out.dims[0] * (op->out.rank == 3 ? op->out.dims[1] : 1)), whole = op->out.bytes / items, at = 0;
	for (int k = 0; k < op->spec.n_in; k++) {
		size_t part = op->in[k].bytes / items;
		uint8_t *mine = back ? a->grad_in[k] : (uint8_t *)a->in[k], *all = (uint8_t *)(back ? a->grad_out : a->out) + at;
		if (mine) {
#pragma omp parallel for schedule(static)
			for (size_t n = 0; n < items; n++) {
				if (back) memcpy(mine + n * part, all + n * whole, part);
				else memcpy(all + n * whole, mine + n * part, part);
			}
		}
		at += part;
	}
	return C5_OK;
}

static int concat_forward(c5_dn *d, c5_dn_op *o, const c5_op_args *a)
{
	(void)d;
	return concat_copy(o, a, false);
}

static int concat_backward(c5_dn *d, c5_dn_op *o, const c5_op_args *a)
{
	(void)d;
	return concat_copy(o, a, true);
}

/* Each item's parts must lie one after the other: plain, or blocked with whole blocks in all parts but the last. */
int c5_dn_make_concat(c5_dn *d, c5_dn_op **out, const c5_op_spec *spec)
{
	c5_dn_op *o;
	c5_tiles t;
	int err = c5_dn_op_new(&o, sizeof *o, spec);
	if (err) return err;
	*out = o;
	o->forward = concat_forward;
	o->backward = concat_backward;
	c5_op *op = &o->op;
	int best = 0;
	for (int k = 0; k < spec->n_in; k++)
		if (spec->in[k].layout > 0) best = k; /* a blocked one, if there is any */
	op->in[best].type = spec->out.type;
	err = c5_dn_like(d, &op->in[best], &spec->in[best]);
	bool blocked = !err && c5_dn_tiles(d, &op->in[best], &t) && t.block > 1 && spec->out.rank == 4;
	for (int k = 0; k < spec->n_in && blocked; k++)
		blocked = k + 1 == spec->n_in || spec->in[k].dims[1] % t.block == 0;
	if (err || !blocked) {
		plain_all(op);
		return err;
	}
	c5_desc like = op->in[best];
	for (int k = 0; k < spec->n_in && !err; k++) {
		op->in[k].type = spec->out.type;
		err = c5_dn_like(d, &op->in[k], &like);
	}
	if (!err) err = c5_dn_like(d, &op->out, &like);
	c5_tiles u;
	for (int k = 0; k <= spec->n_in && !err; k++)
		if (!c5_dn_tiles(d, k < spec->n_in ? &op->in[k] : &op->out, &u) || u.block != t.block) plain_all(op);
	return err;
}

/* ---- up-sampling by a whole factor ---- */

typedef struct upsample { c5_dn_op base; c5_tiles tiles; int factor; bool bilinear; } upsample;

/* Output position i reads inputs lo and lo + 1 (within bounds) with weights 1 - w and w: half-pixel centres. */
C5_INLINE void source(int64_t i, int factor, int64_t n, int64_t *lo, int64_t *hi, float *w)
{
	float x = ((float)i + 0.5f) / (float)factor - 0.5f;
	x = x < 0 ? 0 : x;
	*lo = (int64_t)x;
	*hi = *lo + 1 < n ? *lo + 1 : *lo;
	*w = x - (float)*lo;
}

C5_INLINE void line_body(int t, const upsample *u, const void *row0, const void *row1, float wy, void *out, bool bilinear)
{
	size_t block = (size_t)u->tiles.block;
	int64_t width = u->tiles.width;
	for (int64_t i = 0; i < width * u->factor; i++) {
		int64_t lo = i / u->factor, hi = lo;
		float wx = 0;
		if (bilinear) source(i, u->factor, width, &lo, &hi, &wx);
		size_t a = (size_t)lo * block, b = (size_t)hi * block, to = (size_t)i * block;
		if (!bilinear) {
#pragma omp simd
			for (size_t l = 0; l < block; l++) c5_put(t, out, to + l, c5_get(t, row0, a + l));
			continue;
		}
#pragma omp simd
		for (size_t l = 0; l < block; l++) {
			float top = c5_get(t, row0, a + l) * (1 - wx) + c5_get(t, row0, b + l) * wx;
			float low = c5_get(t, row1, a + l) * (1 - wx) + c5_get(t, row1, b + l) * wx;
			c5_put(t, out, to + l, top * (1 - wy) + low * wy);
		}
	}
}

FOR_CPUS static void line_run(int type, const upsample *u, const void *row0, const void *row1, float wy, void *out)
{
	if (type == C5_TYPE_BF16) {
		if (u->bilinear) line_body(C5_TYPE_BF16, u, row0, row1, wy, out, true);
		else line_body(C5_TYPE_BF16, u, row0, row1, wy, out, false);
	} else {
		if (u->bilinear) line_body(C5_TYPE_F32, u, row0, row1, wy, out, true);
		else line_body(C5_TYPE_F32, u, row0, row1, wy, out, false);
	}
}

static int up_forward(c5_dn *d, c5_dn_op *o, const c5_op_args *a)
{
	(void)d;
	const upsample *u = (upsample *)o;
	const c5_tiles *t = &u->tiles;
	int type = o->op.out.type;
	size_t row = (size_t)t->width * (size_t)t->block, tile = row * (size_t)t->height, f = (size_t)u->factor;
#pragma omp parallel for collapse(2) schedule(static)
	for (int64_t n = 0; n < t->items * t->blocks; n++)
		for (int64_t i = 0; i < t->height * u->factor; i++) {
			int64_t lo = i / u->factor, hi = lo;
			float wy = 0;
			if (u->bilinear) source(i, u->factor, t->height, &lo, &hi, &wy);
			line_run(type, u, c5_at(type, a->in[0], (size_t)n * tile + (size_t)lo * row), c5_at(type, a->in[0], (size_t)n * tile + (size_t)hi * row), wy,
				c5_at(type, a->out, (size_t)n * tile * f * f + (size_t)i * row * f));
		}
	return C5_OK;
}

/* Adds one line of the output's gradient, weighted wy, to one line of sums. */
C5_INLINE void gather_body(int t, const upsample *u, const void *grad, float wy, float *sum)
{
	size_t block = (size_t)u->tiles.block;
	int64_t width = u->tiles.width;
	for (int64_t i = 0; i < width * u->factor; i++) {
		int64_t lo = i / u->factor, hi = lo;
		float wx = 0;
		if (u->bilinear) source(i, u->factor, width, &lo, &hi, &wx);
		float *a = sum + (size_t)lo * block, *b = sum + (size_t)hi * block;
#pragma omp simd
		for (size_t l = 0; l < block; l++) a[l] += c5_get(t, grad, (size_t)i * block + l) * (wy * (1 - wx));
		if (wx <= 0) continue;
#pragma omp simd
		for (size_t l = 0; l < block; l++) b[l] += c5_get(t, grad, (size_t)i * block + l) * (wy * wx);
	}
}

FOR_CPUS static void gather_run(int type, const upsample *u, const void *grad, float wy, float *sum)
{
	if (type == C5_TYPE_BF16) gather_body(C5_TYPE_BF16, u, grad, wy, sum);
	else gather_body(C5_TYPE_F32, u, grad, wy, sum);
}

/* One input line: all output lines that read it, in order. */
static void up_line(const upsample *u, const void *grad, int64_t y, float *sum, void *out)
{
	const c5_tiles *t = &u->tiles;
	int type = u->base.op.out.type;
	size_t row = (size_t)t->width * (size_t)t->block, f = (size_t)u->factor;
	int64_t reach = u->bilinear ? u->factor : 0, from = y * u->factor - reach, to = (y + 1) * u->factor + reach;
	for (size_t i = 0; i < row; i++) sum[i] = 0;
	for (int64_t i = from < 0 ? 0 : from; i < to && i < t->height * u->factor; i++) {
		int64_t lo = i / u->factor, hi = lo;
		float wy = 0;
		if (u->bilinear) source(i, u->factor, t->height, &lo, &hi, &wy);
		float w = (lo == y ? 1 - wy : 0) + (hi == y ? wy : 0);
		if (w > 0) gather_run(type, u, c5_at(type, grad, (size_t)i * row * f), w, sum);
	}
	for (size_t i = 0; i < row; i++) c5_put(type, out, i, sum[i]);
}

static int up_backward(c5_dn *d, c5_dn_op *o, const c5_op_args *a)
{
	(void)d;
	const upsample *u = (upsample *)o;
	const c5_tiles *t = &u->tiles;
	int type = o->op.out.type;
	size_t row = (size_t)t->width * (size_t)t->block, tile = row * (size_t)t->height, f = (size_t)u->factor;
	if (!a->grad_in[0]) return C5_OK;
#pragma omp parallel for schedule(static)
	for (int64_t n = 0; n < t->items * t->blocks; n++) { /* each tile its own line of sums */
		float *sum = (float *)a->scratch + (size_t)n * row;
		for (int64_t y = 0; y < t->height; y++)
			up_line(u, c5_at(type, a->grad_out, (size_t)n * tile * f * f), y, sum, c5_at(type, a->grad_in[0], (size_t)n * tile + (size_t)y * row));
	}
	return C5_OK;
}

int c5_dn_make_upsample(c5_dn *d, c5_dn_op **out, const c5_op_spec *spec)
{
	upsample *u;
	int err = c5_dn_op_new(&u, sizeof *u, spec);
	if (err) return err;
	*out = &u->base;
	u->base.forward = up_forward;
	u->base.backward = up_backward;
	u->factor = spec->layer->factor;
	u->bilinear = spec->layer->bilinear;
	c5_op *op = &u->base.op;
	err = first_as_given(d, op, &u->tiles);
	if (!err) err = c5_dn_like(d, &op->out, &op->in[0]);
	op->scratch = (size_t)(u->tiles.items * u->tiles.blocks * u->tiles.width * u->tiles.block) * sizeof(float);
	return err;
}

/* ---- softmax over channels, at each position; plain ---- */

static void softmax_item(const float *x, float *y, size_t channels, size_t positions)
{
	for (size_t p = 0; p < positions; p++) {
		float top = x[p], sum = 0;
		for (size_t c = 1; c < channels; c++) top = x[c * positions + p] > top ? x[c * positions + p] : top;
		for (size_t c = 0; c < channels; c++) sum += y[c * positions + p] = expf(x[c * positions + p] - top);
		for (size_t c = 0; c < channels; c++) y[c * positions + p] /= sum;
	}
}

static void softmax_grad(const float *y, const float *gy, float *gx, size_t channels, size_t positions)
{
	for (size_t p = 0; p < positions; p++) {
		float dot = 0;
		for (size_t c = 0; c < channels; c++) dot += y[c * positions + p] * gy[c * positions + p];
		for (size_t c = 0; c < channels; c++) gx[c * positions + p] = y[c * positions + p] * (gy[c * positions + p] - dot);
	}
}

/* (N, T, C): positions are rows of C; else (N, C, positions). */
static void softmax_shape(const c5_desc *d, size_t *items, size_t *channels, size_t *positions)
{
	*items = (size_t)d->dims[0];
	*channels = (size_t)d->dims[1];
	*positions = d->rank == 4 ? (size_t)(d->dims[2] * d->dims[3]) : 1;
	if (d->rank == 3) {
		*items *= (size_t)d->dims[1];
		*channels = (size_t)d->dims[2];
	}
}

static int softmax_forward(c5_dn *d, c5_dn_op *o, const c5_op_args *a)
{
	(void)d;
	size_t items, channels, positions;
	softmax_shape(&o->op.out, &items, &channels, &positions);
#pragma omp parallel for schedule(static)
	for (size_t n = 0; n < items; n++)
		softmax_item((const float *)a->in[0] + n * channels * positions, (float *)a->out + n * channels * positions, channels, positions);
	return C5_OK;
}

static int softmax_backward(c5_dn *d, c5_dn_op *o, const c5_op_args *a)
{
	(void)d;
	size_t items, channels, positions;
	softmax_shape(&o->op.out, &items, &channels, &positions);
	if (!a->grad_in[0]) return C5_OK;
#pragma omp parallel for schedule(static)
	for (size_t n = 0; n < items; n++) {
		size_t at = n * channels * positions;
		softmax_grad((const float *)a->out + at, (const float *)a->grad_out + at, (float *)a->grad_in[0] + at, channels, positions);
	}
	return C5_OK;
}

int c5_dn_make_softmax(c5_dn *d, c5_dn_op **out, const c5_op_spec *spec)
{
	(void)d;
	c5_dn_op *o;
	int err = c5_dn_op_new(&o, sizeof *o, spec);
	if (err) return err;
	*out = o;
	o->forward = softmax_forward;
	o->backward = softmax_backward;
	o->op.back_out = true;
	o->op.grad_over = 0;
	o->op.out.type = C5_TYPE_F32;
	plain_all(&o->op);
	return C5_OK;
}
