/* cpu_elements.c – number by number: activations, addition (with ReLU), dropout. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/random.h"
#include "nn/cpu.h"
#include "nn/cpu_vec.h"
#include "nn/onednn.h"

#define PIECE ((size_t)1 << 14) /* numbers a thread takes at a time */

/* ---- kernels ---- */

C5_INLINE void accumulate_body(int t, size_t n, void *to, const void *from)
{
#pragma omp simd
	for (size_t i = 0; i < n; i++) c5_put(t, to, i, c5_get(t, to, i) + c5_get(t, from, i));
}

FOR_CPUS static void accumulate_run(int type, size_t n, void *to, const void *from)
{
	if (type == C5_TYPE_BF16) accumulate_body(C5_TYPE_BF16, n, to, from);
	else accumulate_body(C5_TYPE_F32, n, to, from);
}

C5_INLINE float act_of(int act, float slope, float x)
{
	switch (act) {
	case C5_ACT_RELU: return x > 0 ? x : 0;
	case C5_ACT_RELU6: return x > 0 ? (x < 6 ? x : 6) : 0;
	case C5_ACT_LEAKY_RELU: return x > 0 ? x : slope * x;
	case C5_ACT_ELU: return x > 0 ? x : slope * (c5_exp(x) - 1);
	case C5_ACT_SIGMOID: return 1 / (1 + c5_exp(-x));
	case C5_ACT_TANH: return x > 9.1f ? 1 : x < -9.1f ? -1 : 2 / (1 + c5_exp(-2 * x)) - 1;
	default: return x;
	}
}

C5_INLINE float slope_of(int act, float slope, float y)
{
	switch (act) {
	case C5_ACT_RELU: return y > 0 ? 1 : 0;
	case C5_ACT_RELU6: return y > 0 && y < 6 ? 1 : 0;
	case C5_ACT_LEAKY_RELU: return y > 0 ? 1 : slope;
	case C5_ACT_ELU: return y > 0 ? 1 : y + slope;
	case C5_ACT_SIGMOID: return y * (1 - y);
	case C5_ACT_TANH: return 1 - y * y;
	default: return 1;
	}
}

C5_INLINE void act_body(int t, int act, float slope, size_t n, const void *x, void *y)
{
#pragma omp simd
	for (size_t i = 0; i < n; i++) c5_put(t, y, i, act_of(act, slope, c5_get(t, x, i)));
}

C5_INLINE void back_body(int t, int act, float slope, size_t n, const void *y, const void *gy, void *gx)
{
#pragma omp simd
	for (size_t i = 0; i < n; i++) c5_put(t, gx, i, c5_get(t, gy, i) * slope_of(act, slope, c5_get(t, y, i)));
}

#define EACH_ACT(CALL) \
	switch (act) { \
	case C5_ACT_RELU: CALL(C5_ACT_RELU); break; \
	case C5_ACT_RELU6: CALL(C5_ACT_RELU6); break; \
	case C5_ACT_LEAKY_RELU: CALL(C5_ACT_LEAKY_RELU); break; \
	case C5_ACT_ELU: CALL(C5_ACT_ELU); break; \
	case C5_ACT_SIGMOID: CALL(C5_ACT_SIGMOID); break; \
	case C5_ACT_TANH: CALL(C5_ACT_TANH); break; \
	default: CALL(C5_ACT_NONE); break; \
	}

FOR_CPUS static void act_run(int type, int act, float slope, size_t n, const void *x, void *y)
{
#define F32(A) act_body(C5_TYPE_F32, A, slope, n, x, y)
#define BF16(A) act_body(C5_TYPE_BF16, A, slope, n, x, y)
	if (type == C5_TYPE_BF16) EACH_ACT(BF16) else EACH_ACT(F32)
#undef F32
#undef BF16
}

FOR_CPUS static void back_run(int type, int act, float slope, size_t n, const void *y, const void *gy, void *gx)
{
#define F32(A) back_body(C5_TYPE_F32, A, slope, n, y, gy, gx)
#define BF16(A) back_body(C5_TYPE_BF16, A, slope, n, y, gy, gx)
	if (type == C5_TYPE_BF16) EACH_ACT(BF16) else EACH_ACT(F32)
#undef F32
#undef BF16
}

C5_INLINE void add_body(int t, int act, size_t n, const void *x, const void *z, void *y)
{
#pragma omp simd
	for (size_t i = 0; i < n; i++) c5_put(t, y, i, act_of(act, 0, c5_get(t, x, i) + c5_get(t, z, i)));
}

FOR_CPUS static void add_run(int type, int act, size_t n, const void *x, const void *z, void *y)
{
#define F32(A) add_body(C5_TYPE_F32, A, n, x, z, y)
#define BF16(A) add_body(C5_TYPE_BF16, A, n, x, z, y)
	if (type == C5_TYPE_BF16) EACH_ACT(BF16) else EACH_ACT(F32)
#undef F32
#undef BF16
}

/* ---- over all threads ---- */

#define PIECES(n) ((int64_t)(((n) + PIECE - 1) / PIECE))
#define PIECE_OF(n, i) ((n) - (size_t)(i) * PIECE < PIECE ? (n) - (size_t)(i) * PIECE : PIECE)

void c5_cpu_accumulate(int type, size_t n, void *to, const void *from)
{
#pragma omp parallel for schedule(static) if (n > PIECE)
	for (int64_t i = 0; i < PIECES(n); i++)
		accumulate_run(type, PIECE_OF(n, i), c5_at(type, to, (size_t)i * PIECE), c5_at(type, from, (size_t)i * PIECE));
}

void c5_cpu_act_forward(int act, float slope, int type, size_t n, const void *x, void *y)
{
#pragma omp parallel for schedule(static) if (n > PIECE)
	for (int64_t i = 0; i < PIECES(n); i++)
		act_run(type, act, slope, PIECE_OF(n, i), c5_at(type, x, (size_t)i * PIECE), c5_at(type, y, (size_t)i * PIECE));
}

void c5_cpu_act_backward(int act, float slope, int type, size_t n, const void *y, const void *gy, void *gx)
{
#pragma omp parallel for schedule(static) if (n > PIECE)
	for (int64_t i = 0; i < PIECES(n); i++)
		back_run(type, act, slope, PIECE_OF(n, i), c5_at(type, y, (size_t)i * PIECE), c5_at(type, gy, (size_t)i * PIECE),
			c5_at(type, gx, (size_t)i * PIECE));
}

static void add_two(int type, int act, size_t n, const void *x, const void *z, void *y)
{
#pragma omp parallel for schedule(static) if (n > PIECE)
	for (int64_t i = 0; i < PIECES(n); i++)
		add_run(type, act, PIECE_OF(n, i), c5_at(type, x, (size_t)i * PIECE), c5_at(type, z, (size_t)i * PIECE), c5_at(type, y, (size_t)i * PIECE));
}

static void copy_all(size_t bytes, const void *from, void *to)
{
	size_t n = bytes / 4;
	if (from == to) return;
#pragma omp parallel for schedule(static) if (n > PIECE)
	for (int64_t i = 0; i < PIECES(n); i++) memcpy((float *)to + (size_t)i * PIECE, (const float *)from + (size_t)i * PIECE, PIECE_OF(n, i) * 4);
	memcpy((uint8_t *)to + n * 4, (const uint8_t *)from + n * 4, bytes - n * 4);
}

static size_t numbers(const c5_desc *d) { return d->bytes / c5_bytes_of(d->type); }

/* Every input as the first one lies, in the type of the output. */
static int all_alike(c5_dn *d, c5_op *op)
{
	op->in[0].type = op->out.type;
	int err = c5_dn_like(d, &op->in[0], &op->spec.in[0]);
	for (int k = 1; k < op->spec.n_in && !err; k++) op->in[k] = op->in[0];
	op->out = op->in[0];
	return err;
}

/* ---- activation ---- */

static int act_forward(c5_dn *d, c5_dn_op *o, const c5_op_args *a)
{
	(void)d;
	c5_cpu_act_forward(o->op.spec.activation, o->op.spec.slope, o->op.out.type, numbers(&o->op.out), a->in[0], a->out);
	return C5_OK;
}

static int act_backward(c5_dn *d, c5_dn_op *o, const c5_op_args *a)
{
	(void)d;
	if (a->grad_in[0])
		c5_cpu_act_backward(o->op.spec.activation, o->op.spec.slope, o->op.out.type, numbers(&o->op.out), a->out, a->grad_out, a->grad_in[0]);
	return C5_OK;
}

int c5_dn_make_activation(c5_dn *d, c5_dn_op **out, const c5_op_spec *spec)
{
	c5_dn_op *o;
	int err = c5_dn_op_new(&o, sizeof *o, spec);
	if (err) return err;
	*out = o;
	o->forward = act_forward;
	o->backward = act_backward;
	if ((err = c5_op_by_number(&o->op))) return err;
	err = all_alike(d, &o->op);
	if (spec->activation == C5_ACT_SIGMOID) { /* of padding it would not be zero */
		c5_desc_plain(&o->op.in[0], spec->out.type, spec->in[0].rank, spec->in[0].dims);
		o->op.out = o->op.in[0];
	}
	return err;
}

/* ---- addition ---- */

static int add_forward(c5_dn *d, c5_dn_op *o, const c5_op_args *a)
{
	(void)d;
	const c5_op_spec *s = &o->op.spec;
	size_t n = numbers(&o->op.out);
	if (s->n_in == 1) c5_cpu_act_forward(s->activation, 0, o->op.out.type, n, a->in[0], a->out);
	for (int k = 1; k < s->n_in; k++)
		add_two(o->op.out.type, k + 1 == s->n_in ? s->activation : C5_ACT_NONE, n, k == 1 ? a->in[0] : a->out, a->in[k], a->out);
	return C5_OK;
}

static int add_backward(c5_dn *d, c5_dn_op *o, const c5_op_args *a)
{
	(void)d;
	const c5_op_spec *s = &o->op.spec;
	size_t n = numbers(&o->op.out);
	const void *g = a->grad_out;
	bool masked = s->activation == C5_ACT_NONE;
	for (int k = 0; k < s->n_in && !masked; k++) { /* in place first: then it serves all */
		if (a->grad_in[k] != a->grad_out) continue;
		c5_cpu_act_backward(s->activation, 0, o->op.out.type, n, a->out, g, a->grad_in[k]);
		masked = true;
	}
	for (int k = 0; k < s->n_in; k++) {
		if (!a->grad_in[k] || a->grad_in[k] == g) continue;
		if (masked) {
			copy_all(o->op.out.bytes, g, a->grad_in[k]);
			continue;
		}
		c5_cpu_act_backward(s->activation, 0, o->op.out.type, n, a->out, g, a->grad_in[k]);
		g = a->grad_in[k];
		masked = true;
	}
	return C5_OK;
}

int c5_dn_make_add(c5_dn *d, c5_dn_op **out, const c5_op_spec *spec)
{
	c5_dn_op *o;
	int err = c5_dn_op_new(&o, sizeof *o, spec);
	if (err) return err;
	*out = o;
	o->forward = add_forward;
	o->backward = add_backward;
	err = c5_op_by_number(&o->op);
	return err ? err : all_alike(d, &o->op);
}

/* ---- dropout ---- */

typedef struct dropout { c5_dn_op base; c5_tiles tiles; uint32_t threshold; float scale; } dropout;

#define WIDE 16 /* blocks of eight numbers at a time */

/* Ten Philox rounds of WIDE counters side by side. */
C5_INLINE void philox_wide(uint32_t c0[WIDE], uint32_t c1[WIDE], uint32_t c2[WIDE], uint32_t c3[WIDE], uint32_t k0, uint32_t k1)
{
	for (int round = 0; round < 10; round++) {
#pragma omp simd
		for (int i = 0; i < WIDE; i++) {
			uint64_t a = (uint64_t)c0[i] * 0xD2511F53u, b = (uint64_t)c2[i] * 0xCD9E8D57u;
			uint32_t n0 = (uint32_t)(b >> 32) ^ c1[i] ^ k0, n2 = (uint32_t)(a >> 32) ^ c3[i] ^ k1;
			c1[i] = (uint32_t)b;
			c3[i] = (uint32_t)a;
			c0[i] = n0;
			c2[i] = n2;
		}
		k0 += 0x9E3779B9u;
		k1 += 0xBB67AE85u;
	}
}

/* keep[0 .. 8 * WIDE): of blocks first .. first + WIDE - 1. */
FOR_CPUS static void keep_run(uint8_t *keep, uint32_t first, uint32_t layer, uint64_t item, uint64_t seed, uint32_t threshold)
{
	uint32_t c0[WIDE], c1[WIDE], c2[WIDE], c3[WIDE];
	for (uint32_t i = 0; i < WIDE; i++) {
		c0[i] = first + i;
		c1[i] = layer;
		c2[i] = (uint32_t)item;
		c3[i] = (uint32_t)(item >> 32);
	}
	philox_wide(c0, c1, c2, c3, (uint32_t)seed, (uint32_t)(seed >> 32));
	for (int i = 0; i < WIDE; i++) {
		uint32_t word[4] = { c0[i], c1[i], c2[i], c3[i] };
		for (int k = 0; k < 8; k++) keep[8 * i + k] = (word[k / 2] >> 16 * (k % 2) & 0xffff) >= threshold;
	}
}



C5_INLINE void drop_body(int t, size_t n, const uint8_t *restrict keep, float scale, const void *x, void *y)
{
#pragma omp simd
	for (size_t i = 0; i < n; i++) c5_put(t, y, i, keep[i] ? c5_get(t, x, i) * scale : 0);
}

FOR_CPUS static void drop_run(int type, size_t n, const uint8_t *keep, float scale, const void *x, void *y)
{
	if (type == C5_TYPE_BF16) drop_body(C5_TYPE_BF16, n, keep, scale, x, y);
	else drop_body(C5_TYPE_F32, n, keep, scale, x, y);
}

/* What is kept of one item, drawn with channels fastest and put where the item's numbers lie. */
static void draw_item(const dropout *p, const c5_op_args *a, int64_t n, uint8_t *keep)
{
	const c5_tiles *t = &p->tiles;
	size_t channels = (size_t)t->channels, all = channels * (size_t)t->positions, block = (size_t)t->block, tile = (size_t)t->positions * block;
	uint8_t drawn[8 * WIDE];
	if (channels % block) memset(keep, 0, tile * (size_t)t->blocks);
	for (size_t at = 0; at < all; at += sizeof drawn) {
		size_t many = all - at < sizeof drawn ? all - at : sizeof drawn;
		keep_run(drawn, (uint32_t)(at / 8), (uint32_t)p->base.op.spec.layer_index, a->pass->item0 + (uint64_t)n, a->pass->seed, p->threshold);
		size_t c = at % channels, position = at / channels;
		for (size_t i = 0; i < many;) { /* as far as a block or the channels reach */
			size_t lane = c % block, run = block - lane;
			run = run < channels - c ? run : channels - c;
			run = run < many - i ? run : many - i;
			uint8_t *to = keep + c / block * tile + position * block + lane;
			if (run == C5_LANES) memcpy(to, drawn + i, C5_LANES);
			else memcpy(to, drawn + i, run);
			i += run;
			if ((c += run) < channels) continue;
			c = 0;
			position++;
		}
	}
}

static void apply_item(const dropout *p, const uint8_t *keep, size_t at, size_t each, const void *x, void *y)
{
	int type = p->base.op.out.type;
	drop_run(type, each, keep + at, p->scale, c5_at(type, x, at), c5_at(type, y, at));
}

static int dropout_forward(c5_dn *d, c5_dn_op *o, const c5_op_args *a)
{
	(void)d;
	const dropout *p = (dropout *)o;
	size_t each = c5_tiles_count(&p->tiles) / (size_t)p->tiles.items;
	uint8_t *keep = a->workspace;
#pragma omp parallel for schedule(static)
	for (int64_t n = 0; n < p->tiles.items; n++) {
		draw_item(p, a, n, keep + (size_t)n * each);
		apply_item(p, keep, (size_t)n * each, each, a->in[0], a->out);
	}
	return C5_OK;
}

static int dropout_backward(c5_dn *d, c5_dn_op *o, const c5_op_args *a)
{
	(void)d;
	const dropout *p = (dropout *)o;
	size_t each = c5_tiles_count(&p->tiles) / (size_t)p->tiles.items;
	if (!a->grad_in[0]) return C5_OK;
#pragma omp parallel for schedule(static)
	for (int64_t n = 0; n < p->tiles.items; n++) apply_item(p, a->workspace, (size_t)n * each, each, a->grad_out, a->grad_in[0]);
	return C5_OK;
}

int c5_dn_make_dropout(c5_dn *d, c5_dn_op **out, const c5_op_spec *spec)
{
	dropout *p;
	int err = c5_dn_op_new(&p, sizeof *p, spec);
	if (err) return err;
	*out = &p->base;
	p->base.forward = dropout_forward;
	p->base.backward = dropout_backward;
	c5_op *op = &p->base.op;
	if ((err = c5_op_by_number(op))) return err;
	p->threshold = c5_dropout_threshold(spec->layer->rate);
	p->scale = 1.0f / (1.0f - (float)p->threshold / 65536.0f);
	err = all_alike(d, op);
	if (!err && !c5_dn_tiles(d, &op->in[0], &p->tiles)) {
		c5_desc_plain(&op->in[0], op->out.type, op->out.rank, op->out.dims);
		op->out = op->in[0];
		c5_dn_tiles(d, &op->in[0], &p->tiles);
	}
	op->workspace = c5_tiles_count(&p->tiles);
	return err;
}
