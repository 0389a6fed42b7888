/* cpu_units.c – the loops normalisations are made of, over one unit: up to 16 channels of one item. See cpu_units.h. */
#include "nn/cpu_units.h"

#include <string.h>

#include "nn/cpu_vec.h"

#define PIECE 256 /* positions whose numbers stay in the first cache between two readings */

c5_unit c5_unit_of(const c5_units *m, int64_t n, int64_t g)
{
	const c5_tiles *t = &m->tiles;
	int64_t parts = (t->block + C5_LANES - 1) / C5_LANES, b = g / parts, from = g % parts * C5_LANES;
	c5_unit u = { .at = (size_t)((n * t->blocks + b) * t->positions * t->block + from), .step = (size_t)t->block,
		.channel = (size_t)(b * t->block + from) };
	u.lanes = (int)(t->block - from < C5_LANES ? t->block - from : C5_LANES);
	return u;
}

bool c5_units_of(c5_units *m, c5_dn *d, const c5_desc *desc)
{
	if (!c5_dn_tiles(d, desc, &m->tiles)) return false;
	m->groups = m->tiles.blocks * ((m->tiles.block + C5_LANES - 1) / C5_LANES);
	m->flat = m->tiles.block == 1 && m->tiles.positions > 1;
	m->padded = m->tiles.blocks * m->tiles.block + C5_LANES;
	return true;
}

/* ---- kernels: `lanes` side by side, positions `step` apart ---- */

C5_INLINE void piece_body(int t, const void *x, size_t rows, size_t step, int lanes, float *mean, float *m2)
{
	float sum[C5_LANES] = { 0 };
	for (size_t r = 0; r < rows; r++) {
#pragma omp simd
		for (int l = 0; l < lanes; l++) sum[l] += c5_get(t, x, r * step + (size_t)l);
	}
	for (int l = 0; l < lanes; l++) mean[l] = sum[l] / (float)rows;
	for (int l = 0; l < lanes; l++) sum[l] = 0;
	for (size_t r = 0; r < rows; r++) {
#pragma omp simd
		for (int l = 0; l < lanes; l++) {
			float dev = c5_get(t, x, r * step + (size_t)l) - mean[l];
			sum[l] += dev * dev;
		}
	}
	for (int l = 0; l < lanes; l++) m2[l] = sum[l];
}

FOR_CPUS static void piece_run(int type, const void *x, size_t rows, size_t step, int lanes, float *mean, float *m2)
{
	if (lanes == C5_LANES && step == C5_LANES) {
		if (type == C5_TYPE_BF16) piece_body(C5_TYPE_BF16, x, rows, C5_LANES, C5_LANES, mean, m2);
		else piece_body(C5_TYPE_F32, x, rows, C5_LANES, C5_LANES, mean, m2);
	} else {
		if (type == C5_TYPE_BF16) piece_body(C5_TYPE_BF16, x, rows, step, lanes, mean, m2);
		else piece_body(C5_TYPE_F32, x, rows, step, lanes, mean, m2);
	}
}

void c5_spread_join(c5_spread *a, double n, double mean, double m2)
{
	double all = a->n + n, delta = mean - a->mean;
	if (n <= 0) return;
	a->m2 += m2 + delta * delta * a->n * n / all;
	a->mean += delta * n / all;
	a->n = all;
}

void c5_unit_spread(const c5_units *m, int type, const void *x, const c5_unit *u, c5_spread *out)
{
	size_t positions = (size_t)m->tiles.positions;
	int lanes = m->flat ? C5_LANES : u->lanes;
	size_t rows = m->flat ? positions / C5_LANES : positions, step = m->flat ? C5_LANES : u->step;
	float mean[C5_LANES], m2[C5_LANES];
	c5_spread s[C5_LANES] = { 0 };
	for (size_t r = 0; r < rows; r += PIECE) {
		size_t n = rows - r < PIECE ? rows - r : PIECE;
		piece_run(type, c5_at(type, x, u->at + r * step), n, step, lanes, mean, m2);
		for (int l = 0; l < lanes; l++) c5_spread_join(&s[l], (double)n, mean[l], m2[l]);
	}
	if (!m->flat) {
		memcpy(out, s, (size_t)lanes * sizeof *s);
		return;
	}
	*out = (c5_spread){ 0 };
	for (int l = 0; l < C5_LANES; l++) c5_spread_join(out, s[l].n, s[l].mean, s[l].m2);
	for (size_t i = rows * C5_LANES; i < positions; i++) c5_spread_join(out, 1, c5_get(type, x, u->at + i), 0);
}

C5_INLINE float clip(int act, float y)
{
	y = act != C5_ACT_NONE && !(y > 0) ? 0 : y;
	return act == C5_ACT_RELU6 && y > 6 ? 6 : y;
}

C5_INLINE bool open_at(int act, float y)
{
	return act == C5_ACT_NONE || (y > 0 && (act != C5_ACT_RELU6 || y < 6));
}

/* y = act(x * a + b (+ z)); a flat unit has one a and b. */
C5_INLINE void scale_body(int t, int act, bool add, size_t rows, size_t step, int lanes, const void *x, const void *z, void *y, const float *a,
	const float *b)
{
	for (size_t r = 0; r < rows; r++) {
#pragma omp simd
		for (int l = 0; l < lanes; l++) {
			size_t i = r * step + (size_t)l;
			float v = c5_get(t, x, i) * a[l] + b[l];
			if (add) v += c5_get(t, z, i);
			c5_put(t, y, i, clip(act, v));
		}
	}
}

#define PER_ACT(BODY, ...) \
	switch (act) { \
	case C5_ACT_RELU: BODY(C5_ACT_RELU, __VA_ARGS__); break; \
	case C5_ACT_RELU6: BODY(C5_ACT_RELU6, __VA_ARGS__); break; \
	default: BODY(C5_ACT_NONE, __VA_ARGS__); break; \
	}
#define PER_SHAPE(BODY, T) \
	if (lanes == C5_LANES && step == C5_LANES) PER_ACT(BODY, T, C5_LANES, C5_LANES) else PER_ACT(BODY, T, step, lanes)

FOR_CPUS static void scale_run(int type, int act, size_t rows, size_t step, int lanes, const void *x, const void *z, void *y, const float *a,
	const float *b)
{
#define ADD(A, T, S, L) scale_body(T, A, true, rows, S, L, x, z, y, a, b)
#define NOT(A, T, S, L) scale_body(T, A, false, rows, S, L, x, NULL, y, a, b)
	if (type == C5_TYPE_BF16) {
		if (z) PER_SHAPE(ADD, C5_TYPE_BF16) else PER_SHAPE(NOT, C5_TYPE_BF16)
	} else {
		if (z) PER_SHAPE(ADD, C5_TYPE_F32) else PER_SHAPE(NOT, C5_TYPE_F32)
	}
#undef ADD
#undef NOT
}

/* Sums of gy and gy * (x - mean) * inv over rows, gy let through where the activation was open: judged by y if given, else by x * a + b. The gradient
 * that went through is left in `masked` if given. c: a, b, mean, inv of each lane. */
C5_INLINE void sums_body(int t, int act, bool by_y, bool keep, size_t rows, size_t step, int lanes, const void *x, const void *y, const void *gy,
	void *masked, const c5_lane_set *c, float *s1, float *s2)
{
	float t1[C5_LANES] = { 0 }, t2[C5_LANES] = { 0 };
	for (size_t r = 0; r < rows; r++) {
#pragma omp simd
		for (int l = 0; l < lanes; l++) {
			size_t i = r * step + (size_t)l;
			float g = c5_get(t, gy, i), v = c5_get(t, x, i);
			g = open_at(act, by_y ? c5_get(t, y, i) : v * c->a[l] + c->b[l]) ? g : 0;
			if (keep) c5_put(t, masked, i, g);
			t1[l] += g;
			t2[l] += g * ((v - c->mean[l]) * c->inv[l]);
		}
	}
	for (int l = 0; l < lanes; l++) {
		s1[l] = t1[l];
		s2[l] = t2[l];
	}
}

FOR_CPUS static void sums_run(int type, int act, size_t rows, size_t step, int lanes, const void *x, const void *y, const void *gy, void *masked,
	const c5_lane_set *set, float *s1, float *s2)
{
	c5_lane_set copy = *set;
	const c5_lane_set *c = &copy;
#define KEEP(A, T, S, L) sums_body(T, A, true, true, rows, S, L, x, y, gy, masked, c, s1, s2)
#define BY_Y(A, T, S, L) sums_body(T, A, true, false, rows, S, L, x, y, gy, NULL, c, s1, s2)
#define BY_X(A, T, S, L) sums_body(T, A, false, false, rows, S, L, x, NULL, gy, NULL, c, s1, s2)
	if (type == C5_TYPE_BF16) {
		if (masked) PER_SHAPE(KEEP, C5_TYPE_BF16) else if (y) PER_SHAPE(BY_Y, C5_TYPE_BF16) else PER_SHAPE(BY_X, C5_TYPE_BF16)
	} else {
		if (masked) PER_SHAPE(KEEP, C5_TYPE_F32) else if (y) PER_SHAPE(BY_Y, C5_TYPE_F32) else PER_SHAPE(BY_X, C5_TYPE_F32)
	}
#undef KEEP
#undef BY_Y
#undef BY_X
}

/* gx = p * gy - q - x * r, gy let through as above. */
C5_INLINE void grad_body(int t, int act, bool by_y, size_t rows, size_t step, int lanes, const void *x, const void *y, const void *gy, void *gx,
	const c5_lane_set *c, const c5_grad_set *k)
{
	for (size_t r = 0; r < rows; r++) {
#pragma omp simd
		for (int l = 0; l < lanes; l++) {
			size_t i = r * step + (size_t)l;
			float g = c5_get(t, gy, i), v = c5_get(t, x, i);
			g = open_at(act, by_y ? c5_get(t, y, i) : v * c->a[l] + c->b[l]) ? g : 0;
			c5_put(t, gx, i, k->p[l] * g - (k->q[l] + v * k->r[l]));
		}
	}
}

FOR_CPUS static void grad_run(int type, int act, size_t rows, size_t step, int lanes, const void *x, const void *y, const void *gy, void *gx,
	const c5_lane_set *set, const c5_grad_set *grads)
{
	c5_lane_set copy = *set;
	c5_grad_set copy2 = *grads;
	const c5_lane_set *c = &copy;
	const c5_grad_set *k = &copy2;
#define BY_Y(A, T, S, L) grad_body(T, A, true, rows, S, L, x, y, gy, gx, c, k)
#define BY_X(A, T, S, L) grad_body(T, A, false, rows, S, L, x, NULL, gy, gx, c, k)
	if (type == C5_TYPE_BF16) {
		if (y) PER_SHAPE(BY_Y, C5_TYPE_BF16) else PER_SHAPE(BY_X, C5_TYPE_BF16)
	} else {
		if (y) PER_SHAPE(BY_Y, C5_TYPE_F32) else PER_SHAPE(BY_X, C5_TYPE_F32)
	}
#undef BY_Y
#undef BY_X
}

/* The same kernels on a flat unit: rows of 16 positions of one channel, then what is left. */
static void spread_lanes(float *to, float v)
{
	for (int l = 0; l < C5_LANES; l++) to[l] = v;
}

void c5_unit_scale(const c5_units *m, int type, int act, const c5_unit *u, const void *x, const void *z, void *y, const float *a, const float *b)
{
	size_t positions = (size_t)m->tiles.positions, rows = positions / C5_LANES;
	const void *x0 = c5_at(type, x, u->at), *z0 = z ? c5_at(type, z, u->at) : NULL;
	void *y0 = c5_at(type, y, u->at);
	if (!m->flat) {
		scale_run(type, act, positions, u->step, u->lanes, x0, z0, y0, a, b);
		return;
	}
	float wa[C5_LANES], wb[C5_LANES];
	spread_lanes(wa, *a);
	spread_lanes(wb, *b);
	size_t done = rows * C5_LANES;
	scale_run(type, act, rows, C5_LANES, C5_LANES, x0, z0, y0, wa, wb);
	scale_run(type, act, 1, 1, (int)(positions - done), c5_at(type, x0, done), z ? c5_at(type, z0, done) : NULL, c5_at(type, y0, done), wa, wb);
}

void c5_unit_sums(const c5_units *m, int type, int act, const c5_unit *u, const void *x, const void *y, const void *gy, void *masked,
	const c5_lane_set *c, double *s1, double *s2)
{
	size_t positions = (size_t)m->tiles.positions, rows = m->flat ? positions / C5_LANES : positions, step = m->flat ? C5_LANES : u->step;
	int lanes = m->flat ? C5_LANES : u->lanes;
	float wide[4][C5_LANES], f1[C5_LANES], f2[C5_LANES];
	c5_lane_set w = *c;
	if (m->flat) {
		const float *from[4] = { c->a, c->b, c->mean, c->inv };
		for (int i = 0; i < 4; i++) spread_lanes(wide[i], *from[i]);
		w = (c5_lane_set){ wide[0], wide[1], wide[2], wide[3] };
	}
	for (int l = 0; l < C5_LANES; l++) s1[l] = s2[l] = 0;
	for (size_t r = 0; r < rows; r += PIECE) {
		size_t n = rows - r < PIECE ? rows - r : PIECE, at = u->at + r * step;
		sums_run(type, act, n, step, lanes, c5_at(type, x, at), y ? c5_at(type, y, at) : NULL, c5_at(type, gy, at), masked ? c5_at(type, masked, at) : NULL,
			&w, f1, f2);
		for (int l = 0; l < lanes; l++) {
			s1[l] += f1[l];
			s2[l] += f2[l];
		}
	}
	if (!m->flat) return;
	size_t done = rows * C5_LANES, at = u->at + done;
	int left = (int)(positions - done);
	sums_run(type, act, 1, 1, left, c5_at(type, x, at), y ? c5_at(type, y, at) : NULL, c5_at(type, gy, at), masked ? c5_at(type, masked, at) : NULL, &w,
		f1, f2);
	for (int l = 0; l < left; l++) {
		s1[l] += f1[l];
		s2[l] += f2[l];
	}
	for (int l = 1; l < C5_LANES; l++) {
		s1[0] += s1[l];
		s2[0] += s2[l];
	}
}

void c5_unit_grad(const c5_units *m, int type, int act, const c5_unit *u, const void *x, const void *y, const void *gy, void *gx,
	const c5_lane_set *c, const c5_grad_set *k)
{
	size_t positions = (size_t)m->tiles.positions, rows = positions / C5_LANES, done = rows * C5_LANES;
	const void *x0 = c5_at(type, x, u->at), *y0 = y ? c5_at(type, y, u->at) : NULL, *g0 = c5_at(type, gy, u->at);
	void *to = c5_at(type, gx, u->at);
	if (!m->flat) {
		grad_run(type, act, positions, u->step, u->lanes, x0, y0, g0, to, c, k);
		return;
	}
	float wide[7][C5_LANES];
	const float *from[7] = { c->a, c->b, c->mean, c->inv, k->p, k->q, k->r };
	for (int i = 0; i < 7; i++) spread_lanes(wide[i], *from[i]);
	c5_lane_set w = { wide[0], wide[1], wide[2], wide[3] };
	c5_grad_set v = { wide[4], wide[5], wide[6] };
	grad_run(type, act, rows, C5_LANES, C5_LANES, x0, y0, g0, to, &w, &v);
	grad_run(type, act, 1, 1, (int)(positions - done), c5_at(type, x0, done), y ? c5_at(type, y0, done) : NULL, c5_at(type, g0, done),
		c5_at(type, to, done), &w, &v);
}
