/* cpu_winograd.c – see cpu_winograd.h. Written with the processor's own instructions (AVX-512 with bfloat16 products), as no compiler finds them by
 * itself; on others c5_winograd_can says no, and nothing here is called. */
#include "nn/cpu_winograd.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "nn/model.h"

#define BLOCK 16
#define TALL 2                            /* outputs of a tile, */
#define LONG 4
#define HIGH (TALL + 2)                   /* and its inputs, which are as many as points */
#define WIDTH (LONG + 2)
#define POINTS (HIGH * WIDTH)
#define ROWS 12                           /* groups are multiples of it: both kernels' rows divide it */
#define GROUP_MAX 96
#define GROUP_BYTES ((int64_t)384 << 10)  /* of a group's inputs at the points, and of the sums of a piece of outputs: most of a second cache */
#define PIECE 64                          /* outputs computed together */
#define AWAY 64                           /* numbers between points, so that they do not all fall on the same lines of the first cache */

/* Points down: 0, +-1, infinity; across: 0, +-A, +-B, infinity. With 1 and 2 instead, as usual, bfloat16 loses twice as much. */
#define A 0.75
#define B 1.5

static int64_t up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }
static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

void c5_winograd_plan(c5_winograd *g, int threads)
{
	g->tiles_y = (g->out_height + TALL - 1) / TALL;
	g->tiles_x = (g->out_width + LONG - 1) / LONG;
	g->tiles = g->items * g->tiles_y * g->tiles_x;
	int64_t most = least(GROUP_BYTES / (POINTS * g->in_channels * 2), GROUP_BYTES / (POINTS * least(PIECE, g->out_channels) * 4)) / ROWS * ROWS;
	most = most < ROWS ? ROWS : least(most, GROUP_MAX);
	int64_t groups = up((g->tiles + most - 1) / most, threads);
	g->group = up((g->tiles + groups - 1) / groups, ROWS);
	g->groups = (g->tiles + g->group - 1) / g->group;
	g->in_step = (size_t)(g->group * g->in_channels) + AWAY;
	g->out_step = (size_t)(g->group * PIECE) + AWAY;
	g->scratch = POINTS * (g->in_step * sizeof(uint16_t) + g->out_step * sizeof(float));
}

size_t c5_winograd_weights_bytes(const c5_winograd *g)
{
	return POINTS * (size_t)(g->in_channels * g->out_channels) * sizeof(uint16_t);
}

/* Output channels go in pieces of 64, what is left in pieces of 32 and 16. */
static int64_t piece(const c5_winograd *g, int64_t from)
{
	int64_t left = g->out_channels - from;
	return left >= PIECE ? PIECE : left >= 32 ? 32 : 16;
}

/* Three weights of a column (step 3) or row to their values at the points. */
static void column_of_weights(const double *w, double *to, size_t step)
{
	double even = w[0] + w[6];
	to[0] = w[0];
	to[step] = (even + w[3]) / 2;
	to[2 * step] = (even - w[3]) / 2;
	to[3 * step] = w[6];
}

static void row_of_weights(const double *w, double *to)
{
	const double fa = 2 * A * A * (A * A - B * B), fb = 2 * B * B * (B * B - A * A);
	to[0] = w[0] / (A * A * B * B);
	to[1] = (w[0] + A * w[1] + A * A * w[2]) / fa;
	to[2] = (w[0] - A * w[1] + A * A * w[2]) / fa;
	to[3] = (w[0] + B * w[1] + B * B * w[2]) / fb;
	to[4] = (w[0] - B * w[1] + B * B * w[2]) / fb;
	to[5] = w[2];
}

static uint16_t narrow(float x)
{
	union { float f; uint32_t u; } v = { .f = x };
	if ((v.u & 0x7fffffff) > 0x7f800000) return (uint16_t)(v.u >> 16 | 0x40);
	return (uint16_t)((v.u + 0x7fff + (v.u >> 16 & 1)) >> 16);
}

/* Lie as [piece][point][pair of inputs][output of the piece][2]. */
void c5_winograd_weights(const c5_winograd *g, const float *w, uint16_t *u)
{
	size_t in = (size_t)g->in_channels;
#pragma omp parallel for schedule(static)
	for (int64_t o = 0; o < g->out_channels; o++) {
		int64_t from = o / PIECE * PIECE, wide = piece(g, from);
		while (o >= from + wide) {
			from += wide;
			wide = piece(g, from);
		}
		uint16_t *to = u + (size_t)from * POINTS * in + (size_t)(o - from) * 2;
		for (size_t i = 0; i < in; i++) {
			double given[9], half[3 * HIGH], all[POINTS];
			for (size_t k = 0; k < 9; k++) given[k] = (double)w[((size_t)o * in + i) * 9 + k];
			for (int x = 0; x < 3; x++) column_of_weights(given + x, half + x, 3);
			for (int y = 0; y < HIGH; y++) row_of_weights(half + 3 * y, all + WIDTH * y);
			for (size_t p = 0; p < POINTS; p++) to[(p * in + i / 2 * 2) * (size_t)wide + i % 2] = narrow((float)all[p]);
		}
	}
}

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

#define WIDE __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")))
#define INLINE static inline __attribute__((always_inline)) WIDE
#define UNROLL _Pragma("GCC unroll 16")

bool c5_winograd_can(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
		__builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bf16");
}

INLINE __m512 take(const uint16_t *p)
{
	return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p)), 16));
}

INLINE void put(uint16_t *p, __m512 x)
{
	_mm256_storeu_si256((__m256i *)p, (__m256i)_mm512_cvtneps_pbh(x));
}

INLINE __m512 all(double x) { return _mm512_set1_ps((float)x); }
INLINE __m512 plus(__m512 a, double x, __m512 b) { return _mm512_fmadd_ps(all(x), b, a); } /* a + x b */

/* A column of inputs to its values at the points, in the order of the weights. */
INLINE void column_in(const __m512 *d, __m512 *to)
{
	to[0] = _mm512_sub_ps(d[0], d[2]);
	to[1] = _mm512_add_ps(d[1], d[2]);
	to[2] = _mm512_sub_ps(d[2], d[1]);
	to[3] = _mm512_sub_ps(d[3], d[1]);
}

INLINE void row_in(const __m512 *d, __m512 *to)
{
	__m512 ea = plus(d[4], -B * B, d[2]), oa = plus(d[3], -B * B, d[1]), eb = plus(d[4], -A * A, d[2]), ob = plus(d[3], -A * A, d[1]);
	to[0] = plus(plus(d[4], -(A * A + B * B), d[2]), A * A * B * B, d[0]);
	to[1] = plus(ea, A, oa);
	to[2] = plus(ea, -A, oa);
	to[3] = plus(eb, B, ob);
	to[4] = plus(eb, -B, ob);
	to[5] = plus(plus(d[5], -(A * A + B * B), d[3]), A * A * B * B, d[1]);
}

/* And sums at the points to a column or row of outputs. */
INLINE void column_out(const __m512 *m, __m512 *to)
{
	to[0] = _mm512_add_ps(m[0], _mm512_add_ps(m[1], m[2]));
	to[1] = _mm512_add_ps(m[3], _mm512_sub_ps(m[1], m[2]));
}

INLINE void row_out(const __m512 *m, __m512 *to)
{
	__m512 ea = _mm512_add_ps(m[1], m[2]), oa = _mm512_sub_ps(m[1], m[2]), eb = _mm512_add_ps(m[3], m[4]), ob = _mm512_sub_ps(m[3], m[4]);
	to[0] = _mm512_add_ps(m[0], _mm512_add_ps(ea, eb));
	to[1] = plus(_mm512_mul_ps(all(A), oa), B, ob);
	to[2] = plus(_mm512_mul_ps(all(A * A), ea), B * B, eb);
	to[3] = plus(plus(m[5], A * A * A, oa), B * B * B, ob);
}

/* A patch of 16 channels, `row` numbers from line to line, to values at the points, `step` apart. */
INLINE void in_tile(const uint16_t *x, size_t row, uint16_t *v, size_t step)
{
	__m512 a[HIGH][WIDTH], d[HIGH], t[WIDTH];
	UNROLL
	for (int j = 0; j < WIDTH; j++) {
		UNROLL
		for (int i = 0; i < HIGH; i++) d[i] = take(x + (size_t)i * row + (size_t)j * BLOCK);
		column_in(d, t);
		UNROLL
		for (int i = 0; i < HIGH; i++) a[i][j] = t[i];
	}
	UNROLL
	for (int i = 0; i < HIGH; i++) {
		row_in(a[i], t);
		UNROLL
		for (int j = 0; j < WIDTH; j++) put(v + (size_t)(i * WIDTH + j) * step, t[j]);
	}
}

INLINE void out_tile(const float *m, size_t step, __m512 bias, __m512 y[TALL][LONG])
{
	__m512 a[TALL][WIDTH], d[HIGH], t[LONG];
	UNROLL
	for (int j = 0; j < WIDTH; j++) {
		UNROLL
		for (int i = 0; i < HIGH; i++) d[i] = _mm512_load_ps(m + (size_t)(i * WIDTH + j) * step);
		column_out(d, t);
		UNROLL
		for (int i = 0; i < TALL; i++) a[i][j] = t[i];
	}
	UNROLL
	for (int i = 0; i < TALL; i++) {
		row_out(a[i], t);
		UNROLL
		for (int j = 0; j < LONG; j++) y[i][j] = _mm512_add_ps(t[j], bias);
	}
}

/* Sums over all inputs, two at a time, for `rows` tiles and 16 `wide` outputs. */
INLINE void product(int rows, int wide, size_t in, const uint16_t *v, const uint16_t *u, float *m)
{
	__m512 sum[12][4];
	UNROLL
	for (int r = 0; r < rows; r++) {
		UNROLL
		for (int j = 0; j < wide; j++) sum[r][j] = _mm512_setzero_ps();
	}
	for (size_t i = 0; i < in; i += 2) {
		__m512bh w[4];
		UNROLL
		for (int j = 0; j < wide; j++) w[j] = (__m512bh)_mm512_loadu_si512(u + (i * (size_t)wide + 2 * (size_t)j) * BLOCK);
		UNROLL
		for (int r = 0; r < rows; r++) {
			int32_t two;
			memcpy(&two, v + (size_t)r * in + i, sizeof two);
			__m512bh x = (__m512bh)_mm512_set1_epi32(two);
			UNROLL
			for (int j = 0; j < wide; j++) sum[r][j] = _mm512_dpbf16_ps(sum[r][j], x, w[j]);
		}
	}
	UNROLL
	for (int r = 0; r < rows; r++) {
		UNROLL
		for (int j = 0; j < wide; j++) _mm512_store_ps(m + (size_t)(r * wide + j) * BLOCK, sum[r][j]);
	}
}

WIDE static void products(int wide, size_t count, size_t in, const uint16_t *v, const uint16_t *u, float *m)
{
	for (size_t r = 0; r < count; r += wide == 4 ? 6 : 12) {
		const uint16_t *from = v + r * in;
		float *to = m + r * (size_t)wide * BLOCK;
		if (wide == 4) product(6, 4, in, from, u, to);
		else if (wide == 2) product(12, 2, in, from, u, to);
		else product(12, 1, in, from, u, to);
	}
}

typedef struct place { int64_t item, y, x; bool inside, whole; } place; /* of a tile: its first output; all inputs in the image; all outputs */

static void find_places(const c5_winograd *g, int64_t from, int64_t count, place *to)
{
	int64_t each = g->tiles_y * g->tiles_x;
	for (int64_t t = 0; t < count; t++) {
		int64_t at = from + t, y = at % each / g->tiles_x * TALL, x = at % g->tiles_x * LONG, top = y - g->top, left = x - g->left;
		to[t] = (place){ .item = at / each, .y = y, .x = x, .inside = top >= 0 && left >= 0 && top + HIGH <= g->in_height && left + WIDTH <= g->in_width,
			.whole = y + TALL <= g->out_height && x + LONG <= g->out_width };
	}
}

/* A patch that reaches over the edge, with zeros there. */
static void gather(const c5_winograd *g, const uint16_t *plane, int64_t top, int64_t left, uint16_t *patch)
{
	for (int64_t y = top; y < top + HIGH; y++)
		for (int64_t x = left; x < left + WIDTH; x++, patch += BLOCK) {
			if (y >= 0 && y < g->in_height && x >= 0 && x < g->in_width) memcpy(patch, plane + (y * g->in_width + x) * BLOCK, BLOCK * sizeof *patch);
			else memset(patch, 0, BLOCK * sizeof *patch);
		}
}

/* Two blocks of a tile at a time, which fill a line of the cache. */
WIDE static void inputs(const c5_winograd *g, const place *at, int64_t count, const uint16_t *x, uint16_t *v)
{
	int64_t blocks = g->in_channels / BLOCK, plane = g->in_height * g->in_width * BLOCK;
	for (int64_t first = 0; first < blocks; first += 2)
		for (int64_t t = 0; t < count; t++)
			for (int64_t b = first; b < first + 2 && b < blocks; b++) {
				const uint16_t *from = x + (at[t].item * blocks + b) * plane;
				int64_t top = at[t].y - g->top, left = at[t].x - g->left;
				uint16_t *to = v + t * g->in_channels + b * BLOCK, patch[POINTS * BLOCK];
				size_t row = (size_t)(at[t].inside ? g->in_width : WIDTH) * BLOCK;
				if (at[t].inside) from += (top * g->in_width + left) * BLOCK;
				else gather(g, from, top, left, patch);
				in_tile(at[t].inside ? from : patch, row, to, g->in_step);
			}
}

/* One block of outputs of the group. */
WIDE static void outputs(const c5_winograd *g, const place *at, int64_t count, int64_t block, size_t wide, const float *m, const float *bias,
	uint16_t *y)
{
	int64_t plane = g->out_height * g->out_width * BLOCK, blocks = g->out_channels / BLOCK;
	__m512 add = _mm512_loadu_ps(bias + block * BLOCK), low = all(g->activation == C5_ACT_NONE ? -INFINITY : 0),
		high = all(g->activation == C5_ACT_RELU6 ? 6 : INFINITY);
	for (int64_t t = 0; t < count; t++) {
		__m512 tile[TALL][LONG];
		out_tile(m + (size_t)t * wide * BLOCK, g->out_step, add, tile);
		uint16_t *to = y + (at[t].item * blocks + block) * plane + (at[t].y * g->out_width + at[t].x) * BLOCK;
		UNROLL
		for (int i = 0; i < TALL; i++) {
			UNROLL
			for (int j = 0; j < LONG; j++) {
				if (!at[t].whole && (at[t].y + i >= g->out_height || at[t].x + j >= g->out_width)) continue;
				uint16_t *one = to + (i * g->out_width + j) * BLOCK;
				__m512 value = g->sum ? _mm512_add_ps(tile[i][j], take(one)) : tile[i][j];
				put(one, _mm512_min_ps(high, _mm512_max_ps(low, value))); /* not a number comes through as such */
			}
		}
	}
}

static void one_group(const c5_winograd *g, int64_t index, const uint16_t *x, const uint16_t *u, const float *bias, uint16_t *y, uint16_t *v,
	float *m)
{
	place at[GROUP_MAX];
	int64_t from = index * g->group, count = least(g->group, g->tiles - from);
	size_t in = (size_t)g->in_channels, rows = (size_t)up(count, ROWS);
	find_places(g, from, count, at);
	inputs(g, at, count, x, v);
	for (int64_t o = 0; o < g->out_channels; o += piece(g, o)) {
		size_t wide = (size_t)piece(g, o) / BLOCK;
		const uint16_t *weights = u + (size_t)o * POINTS * in;
		for (size_t p = 0; p < POINTS; p++) products((int)wide, rows, in, v + p * g->in_step, weights + p * in * wide * BLOCK, m + p * g->out_step);
		for (size_t b = 0; b < wide; b++) outputs(g, at, count, o / BLOCK + (int64_t)b, wide, m + b * BLOCK, bias, y);
	}
}

void c5_winograd_run(const c5_winograd *g, int threads, const uint16_t *x, const uint16_t *u, const float *bias, uint16_t *y, void *scratch)
{
#pragma omp parallel num_threads(threads)
	{
		float *m = (float *)((uint8_t *)scratch + (size_t)omp_get_thread_num() * g->scratch);
		uint16_t *v = (uint16_t *)(m + POINTS * g->out_step);
#pragma omp for schedule(dynamic)
		for (int64_t i = 0; i < g->groups; i++) one_group(g, i, x, u, bias, y, v, m);
	}
}

#else
bool c5_winograd_can(void) { return false; }

void c5_winograd_run(const c5_winograd *g, int threads, const uint16_t *x, const uint16_t *u, const float *bias, uint16_t *y, void *scratch)
{
	(void)g, (void)threads, (void)x, (void)u, (void)bias, (void)y, (void)scratch;
}
#endif
