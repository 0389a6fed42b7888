/* filter.c – see filter.h.
 * Loops run along rows and touch a few rows at a time, so that they stay in the first cache and vectorise. The hot ones are compiled for
 * wider vectors too (FOR_CPUS) and picked at start; they hold no sum across lanes and no fused multiply-add, so every variant
 * gives the same bits. */
#include "image/filter.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/dtype.h"
#include "base/error.h"
#include "base/cpus.h"

#define LANES 16          /* independent minima and maxima, so that the compiler may use vectors */
#define TAPS 4            /* pairs of Gaussian weights applied in one sweep */

/* ---- raw pixels to float ---- */

typedef struct sums { double min, max, sum, sum2; } sums;

/* Whole numbers: sums are exact in 64 bits over a block and joined as doubles, block by block. Squares of 32-bit values use doubles. */
#define BLOCK 65536
#define SMALL_INTEGER(name, type, wide) \
	FOR_CPUS static void name(float *restrict out, const type *restrict in, size_t n, sums *s) \
	{ \
		type lo = in[0], hi = in[0]; \
		for (size_t at = 0; at < n; at += BLOCK) { \
			size_t m = n - at < BLOCK ? n - at : BLOCK; \
			wide sum = 0; \
			uint64_t sum2 = 0; \
			for (size_t i = at; i < at + m; i++) { \
				type v = in[i]; \
				out[i] = (float)v; \
				lo = v < lo ? v : lo; \
				hi = v > hi ? v : hi; \
				sum += v; \
				sum2 += (uint32_t)((wide)v * (wide)v); \
			} \
			s->sum += (double)sum; \
			s->sum2 += (double)sum2; \
		} \
		s->min = lo; \
		s->max = hi; \
	}

SMALL_INTEGER(from_u8, uint8_t, uint32_t)
SMALL_INTEGER(from_i8, int8_t, int32_t)
SMALL_INTEGER(from_u16, uint16_t, uint32_t)
SMALL_INTEGER(from_i16, int16_t, int32_t)

#define LARGE_NUMBER(name, type, finite) \
	static void name(float *restrict out, const type *restrict in, size_t n, sums *s) \
	{ \
		double lo = INFINITY, hi = -INFINITY; \
		for (size_t i = 0; i < n; i++) { \
			double v = (double)in[i]; \
			if (!(finite)) continue; \
			lo = v < lo ? v : lo; \
			hi = v > hi ? v : hi; \
		} \
		if (!(lo <= hi)) lo = hi = 0; \
		for (size_t i = 0; i < n; i++) { \
			double v = (double)in[i]; \
			if (!(finite)) v = lo; \
			s->sum += v - lo; \
			s->sum2 += (v - lo) * (v - lo); \
			out[i] = (float)(v > C5_FILTER_LIMIT ? C5_FILTER_LIMIT : v < -C5_FILTER_LIMIT ? -C5_FILTER_LIMIT : v); \
		} \
		s->min = lo; \
		s->max = hi; \
	}

LARGE_NUMBER(from_u32, uint32_t, 1)
LARGE_NUMBER(from_i32, int32_t, 1)
LARGE_NUMBER(from_f32, float, isfinite(v))
LARGE_NUMBER(from_f64, double, isfinite(v))

int c5_filter_to_float(float *out, int dtype, const void *pixels, size_t n, c5_filter_stats *stats)
{
	sums s = { 0 };
	double shift = 0; /* of the large types' sums */
	if (!c5_dtype_size(dtype)) return c5_fail(C5_EFAIL, "pixel type %d is none of those known", dtype);
	if (n)
		switch (dtype) {
		case C5_U8: from_u8(out, pixels, n, &s); break;
		case C5_I8: from_i8(out, pixels, n, &s); break;
		case C5_U16: from_u16(out, pixels, n, &s); break;
		case C5_I16: from_i16(out, pixels, n, &s); break;
		case C5_U32: from_u32(out, pixels, n, &s), shift = s.min; break;
		case C5_I32: from_i32(out, pixels, n, &s), shift = s.min; break;
		case C5_F32: from_f32(out, pixels, n, &s), shift = s.min; break;
		case C5_F64: from_f64(out, pixels, n, &s), shift = s.min; break;
		}
	if (stats) {
		double mean = n ? s.sum / (double)n : 0, var = n ? s.sum2 / (double)n - mean * mean : 0;
		*stats = (c5_filter_stats){ s.min, s.max, mean + shift, var > 0 ? sqrt(var) : 0 };
	}
	return C5_OK;
}

FOR_CPUS void c5_filter_range(const float *in, size_t n, float *min, float *max)
{
	float lo[LANES], hi[LANES];
	size_t i = 0;
	*min = *max = n ? in[0] : 0;
	for (size_t k = 0; k < LANES; k++) lo[k] = hi[k] = *min;
	for (; i + LANES <= n; i += LANES)
		for (size_t k = 0; k < LANES; k++) {
			float v = in[i + k];
			lo[k] = v < lo[k] ? v : lo[k];
			hi[k] = v > hi[k] ? v : hi[k];
		}
	for (; i < n; i++) {
		lo[0] = in[i] < lo[0] ? in[i] : lo[0];
		hi[0] = in[i] > hi[0] ? in[i] : hi[0];
	}
	for (size_t k = 0; k < LANES; k++) {
		*min = lo[k] < *min ? lo[k] : *min;
		*max = hi[k] > *max ? hi[k] : *max;
	}
}

size_t c5_filter_reflect(ptrdiff_t i, size_t n)
{
	ptrdiff_t size = (ptrdiff_t)n;
	if (i >= 0 && i < size) return (size_t)i;
	i %= 2 * size;
	if (i < 0) i += 2 * size;
	return (size_t)(i < size ? i : 2 * size - 1 - i);
}

/* Fills the margins of row[-margin .. width + margin) from its inside. */
static void mirror_f(float *row, size_t width, size_t margin)
{
	for (ptrdiff_t i = 1; i <= (ptrdiff_t)margin; i++) {
		row[-i] = row[c5_filter_reflect(-i, width)];
		row[(ptrdiff_t)width - 1 + i] = row[c5_filter_reflect((ptrdiff_t)width - 1 + i, width)];
	}
}

/* ---- Gaussian ---- */

/* Weights one side of the centre, padded with zeros to whole sweeps of TAPS. */
static size_t gaussian_radius(double sigma) { return (size_t)(4 * sigma + 0.5); }
static size_t sweeps(double sigma) { return (gaussian_radius(sigma) + TAPS - 1) / TAPS; }
static size_t padded(size_t n) { return (n + 15) / 16 * 16; }

/* The ring of smoothed rows: as many as one window of the vertical pass touches. */
static size_t ring_rows(size_t height, double sigma)
{
	size_t rows = 2 * sweeps(sigma) * TAPS + 1;
	return rows < height ? rows : height;
}

size_t c5_filter_gaussian_bytes(size_t height, size_t width, double sigma)
{
	if (!(sigma > 0)) return 0;
	size_t margin = sweeps(sigma) * TAPS;
	return sizeof(float) * (padded(margin + 1) + padded(width + 2 * margin + 32) + ring_rows(height, sigma) * padded(width));
}

/* One sweep: out = base + sum of w[k] (a[k] + b[k]), where base is w0 * centre in the first sweep and out itself afterwards. */
FOR_CPUS static void sweep(float *restrict out, const float *centre, float w0, const float *const a[TAPS], const float *const b[TAPS],
	const float w[TAPS], size_t n)
{
	const float *a0 = a[0], *a1 = a[1], *a2 = a[2], *a3 = a[3], *b0 = b[0], *b1 = b[1], *b2 = b[2], *b3 = b[3];
	float u0 = w[0], u1 = w[1], u2 = w[2], u3 = w[3];
	if (centre)
		for (size_t x = 0; x < n; x++)
			out[x] = w0 * centre[x] + u0 * (a0[x] + b0[x]) + u1 * (a1[x] + b1[x]) + u2 * (a2[x] + b2[x]) + u3 * (a3[x] + b3[x]);
	else
		for (size_t x = 0; x < n; x++)
			out[x] = out[x] + u0 * (a0[x] + b0[x]) + u1 * (a1[x] + b1[x]) + u2 * (a2[x] + b2[x]) + u3 * (a3[x] + b3[x]);
}

void c5_filter_gaussian(float *out, const float *in, size_t height, size_t width, double sigma, void *scratch)
{
	if (!(sigma > 0) || !gaussian_radius(sigma)) {
		if (out != in && height && width) memcpy(out, in, height * width * sizeof *out);
		return;
	}
	const size_t margin = sweeps(sigma) * TAPS, radius = gaussian_radius(sigma), rows = ring_rows(height, sigma), stride = padded(width);
	float *w = scratch, *line = w + padded(margin + 1) + padded(margin), *ring = w + padded(margin + 1) + padded(width + 2 * margin + 32);
	const float *a[TAPS], *b[TAPS]; /* of the line, which has room of `margin` on both sides, or of the ring */
	double sum = 0;
	for (size_t k = 0; k <= radius; k++) sum += (k ? 2 : 1) * exp(-0.5 * (double)(k * k) / (sigma * sigma));
	for (size_t k = 0; k <= margin; k++) w[k] = k <= radius ? (float)(exp(-0.5 * (double)(k * k) / (sigma * sigma)) / sum) : 0;

	size_t ready = 0; /* rows smoothed along x so far */
	for (size_t y = 0; y < height; y++) {
		for (; ready < height && ready <= y + margin; ready++) {
			float *to = ring + ready % rows * stride;
			memcpy(line, in + ready * width, width * sizeof *line);
			mirror_f(line, width, margin);
			for (size_t k = 1; k <= margin; k += TAPS) {
				for (size_t j = 0; j < TAPS; j++) a[j] = line - (k + j), b[j] = line + (k + j);
				sweep(to, k == 1 ? line : NULL, w[0], a, b, w + k, width);
			}
		}
		for (size_t k = 1; k <= margin; k += TAPS) {
			for (size_t j = 0; j < TAPS; j++) {
				a[j] = ring + c5_filter_reflect((ptrdiff_t)y - (ptrdiff_t)(k + j), height) % rows * stride;
				b[j] = ring + c5_filter_reflect((ptrdiff_t)(y + k + j), height) % rows * stride;
			}
			sweep(out + y * width, k == 1 ? ring + y % rows * stride : NULL, w[0], a, b, w + k, width);
		}
	}
}

/* ---- local mean and deviation ---- */

/* Bits a value is rounded to, so that the window's sum of squares stays below 2^52. */
static int local_bits(size_t radius)
{
	double n = (double)(2 * radius + 1) * (double)(2 * radius + 1);
	int bits = (int)((52 - ceil(log2(n))) / 2);
	return bits < 20 ? bits : 20;
}

size_t c5_filter_local_bytes(size_t width, size_t radius)
{
	return 4 * sizeof(double) * padded(width + 2 * radius + 1);
}

/* Adds the rounded row `fresh` to the columns' sums, takes `old` (NULL: nothing) away. Doubles that hold whole numbers. */
FOR_CPUS static void slide(double *restrict col, double *restrict col2, const float *fresh, const float *old, double min, double steps, size_t n)
{
	const double magic = 6755399441055744.0; /* 1.5 * 2^52: adding it rounds to a whole number */
	if (old)
		for (size_t x = 0; x < n; x++) {
			double p = (((double)fresh[x] - min) * steps + magic) - magic, q = (((double)old[x] - min) * steps + magic) - magic;
			col[x] += p - q;
			col2[x] += p * p - q * q;
		}
	else
		for (size_t x = 0; x < n; x++) {
			double p = (((double)fresh[x] - min) * steps + magic) - magic;
			col[x] += p;
			col2[x] += p * p;
		}
}

/* Whole numbers below 2^52 between double and integer, in a way every vector unit knows. Running sums along a row are integers:
 * they wrap without harm, and adding takes one cycle. */
static inline uint64_t as_integer(double d)
{
	uint64_t v;
	d += 4503599627370496.0;
	memcpy(&v, &d, sizeof v);
	return v & 0xfffffffffffff;
}

static inline double as_double(uint64_t v)
{
	double d;
	v |= 0x4330000000000000;
	memcpy(&d, &v, sizeof d);
	return d - 4503599627370496.0;
}

FOR_CPUS static void finish(float *restrict mean, float *restrict sd, const uint64_t *restrict pre, const uint64_t *restrict pre2, size_t window,
	double min, double step, size_t n)
{
	const double share = 1 / ((double)window * (double)window);
	if (sd)
		for (size_t x = 0; x < n; x++) {
			double m = as_double(pre[x + window] - pre[x]) * share, var = as_double(pre2[x + window] - pre2[x]) * share - m * m;
			sd[x] = sqrtf((float)(var > 0 ? var : 0)) * (float)step;
		}
	if (mean)
		for (size_t x = 0; x < n; x++) mean[x] = (float)(min + as_double(pre[x + window] - pre[x]) * share * step);
}

void c5_filter_local(float *mean, float *sd, const float *in, size_t height, size_t width, size_t radius, void *scratch)
{
	if (!height || !width) return;
	const size_t wide = padded(width + 2 * radius + 1), window = 2 * radius + 1;
	double *cols[2] = { scratch, (double *)scratch + wide };
	uint64_t *pre[2] = { (uint64_t *)scratch + 2 * wide, (uint64_t *)scratch + 3 * wide };
	float lo, hi;
	memset(scratch, 0, c5_filter_local_bytes(width, radius));
	c5_filter_range(in, height * width, &lo, &hi);
	const double range = (double)hi - (double)lo, top = (double)((1 << local_bits(radius)) - 1), steps = range > 0 ? top / range : 0,
		step = range / top;

	for (ptrdiff_t y = -(ptrdiff_t)radius; y < (ptrdiff_t)radius; y++)
		slide(cols[0], cols[1], in + c5_filter_reflect(y, height) * width, NULL, lo, steps, width);
	for (size_t y = 0; y < height; y++) {
		const float *fresh = in + c5_filter_reflect((ptrdiff_t)(y + radius), height) * width;
		const float *old = y ? in + c5_filter_reflect((ptrdiff_t)y - 1 - (ptrdiff_t)radius, height) * width : NULL;
		slide(cols[0], cols[1], fresh, old, lo, steps, width);
		for (int q = 0; q < 2; q++) { /* sums from the left end of the mirrored row */
			const double *col = cols[q];
			uint64_t *p = pre[q], sum = 0;
			for (size_t i = 0; i < radius; i++) p[i] = sum, sum += as_integer(col[c5_filter_reflect((ptrdiff_t)i - (ptrdiff_t)radius, width)]);
			p += radius;
			for (size_t x = 0; x < width; x++) p[x] = sum, sum += as_integer(col[x]);
			p += width;
			for (size_t i = 0; i < radius; i++) p[i] = sum, sum += as_integer(col[c5_filter_reflect((ptrdiff_t)(width + i), width)]);
			p[radius] = sum;
		}
		finish(mean ? mean + y * width : NULL, sd ? sd + y * width : NULL, pre[0], pre[1], window, lo, step, width);
	}
}
