/* reconstruct.c – see reconstruct.h. After L. Vincent 1993, "Morphological grayscale reconstruction in image analysis": a pass down and a pass up
 * settle most pixels; those that still can lift a neighbour go through a queue. The end does not depend on the order. */
#include "image/reconstruct.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpus.h"
#include "base/dtype.h"
#include "base/error.h"
#include "base/mem.h"
#include "image/filter.h"
#include "image/keys.h"

/* Both maps with a wall of -infinity around: (height + 2, stride). */
typedef struct field {
	float *now, *roof;
	uint8_t *queued;
	uint32_t *queue;
	size_t height, width, stride, first, n_queue, cap;
	ptrdiff_t around[8]; /* half of them before the pixel in raster order, half behind */
	int n_around;
} field;

static void close_field(field *f)
{
	free(f->now);
	free(f->roof);
	free(f->queued);
	free(f->queue);
}

static int open_field(field *f, size_t height, size_t width, int connectivity)
{
	const ptrdiff_t s = (ptrdiff_t)width + 2;
	const ptrdiff_t four[] = { -s, -1, 1, s }, eight[] = { -s - 1, -s, -s + 1, -1, 1, s - 1, s, s + 1 };
	const size_t n = (height + 2) * (width + 2);
	int err;
	*f = (field){ .height = height, .width = width, .stride = width + 2, .cap = height * width, .n_around = connectivity == 4 ? 4 : 8 };
	memcpy(f->around, connectivity == 4 ? four : eight, (size_t)f->n_around * sizeof *four);
	if ((err = c5_alloc_aligned(&f->now, n, sizeof *f->now)) < 0 || (err = c5_alloc_aligned(&f->roof, n, sizeof *f->roof)) < 0 ||
	    (err = c5_alloc(&f->queued, n, 1)) < 0 || (err = c5_alloc_aligned(&f->queue, f->cap, sizeof *f->queue)) < 0)
		return err;
	for (size_t i = 0; i < n; i++) f->now[i] = f->roof[i] = -INFINITY;
	return C5_OK;
}

static inline void put(field *f, size_t i)
{
	if (f->queued[i]) return;
	size_t at = f->first + f->n_queue;
	if (at >= f->cap) at -= f->cap;
	f->queue[at] = (uint32_t)i;
	f->queued[i] = 1;
	f->n_queue++;
}

static inline size_t take(field *f)
{
	const size_t i = f->queue[f->first];
	if (++f->first == f->cap) f->first = 0;
	f->n_queue--;
	f->queued[i] = 0;
	return i;
}

/* From a corner to the opposite one, each pixel as high as its neighbours on the way and the roof let it. */
static void sweep(field *f, bool back)
{
	const ptrdiff_t *around = back ? f->around + f->n_around / 2 : f->around;
	const int half = f->n_around / 2;
	for (size_t k = 0; k < f->height; k++)
		for (size_t q = 0; q < f->width; q++) {
			const size_t y = back ? f->height - k : k + 1, x = back ? f->width - q : q + 1;
			float *p = f->now + y * f->stride + x, v = *p;
			for (int a = 0; a < half; a++) v = p[around[a]] > v ? p[around[a]] : v;
			const float roof = f->roof[y * f->stride + x];
			*p = v < roof ? v : roof;
		}
}

static void grow(field *f)
{
	const int half = f->n_around / 2;
	sweep(f, false);
	sweep(f, true);
	for (size_t y = f->height; y; y--)
		for (size_t x = f->width; x; x--) {
			const size_t i = y * f->stride + x;
			for (int a = half; a < f->n_around; a++) {
				const size_t j = i + (size_t)f->around[a];
				if (f->now[j] < f->now[i] && f->now[j] < f->roof[j]) {
					put(f, i);
					break;
				}
			}
		}
	while (f->n_queue) {
		const size_t i = take(f);
		const float v = f->now[i];
		for (int a = 0; a < f->n_around; a++) {
			const size_t j = i + (size_t)f->around[a];
			if (!(f->now[j] < v && f->now[j] < f->roof[j])) continue;
			f->now[j] = v < f->roof[j] ? v : f->roof[j];
			put(f, j);
		}
	}
}

int c5_reconstruct_map(float *marker, const float *map, size_t height, size_t width, int connectivity, bool erosion)
{
	const float sign = erosion ? -1 : 1;
	field f;
	int err;
	if (!height || !width) return C5_OK;
	if ((err = open_field(&f, height, width, connectivity)) < 0) goto done;
	for (size_t y = 0; y < height; y++)
		for (size_t x = 0; x < width; x++) {
			const float v = sign * marker[y * width + x], roof = sign * map[y * width + x];
			if (isnan(v) || isnan(roof)) continue;
			f.now[(y + 1) * f.stride + x + 1] = v < roof ? v : roof;
			f.roof[(y + 1) * f.stride + x + 1] = roof;
		}
	grow(&f);
	for (size_t y = 0; y < height; y++)
		for (size_t x = 0; x < width; x++) {
			float *to = &marker[y * width + x];
			*to = isnan(*to) || isnan(map[y * width + x]) ? NAN : sign * f.now[(y + 1) * f.stride + x + 1];
		}
done:
	close_field(&f);
	return err;
}

/* ---- tops ---- */

/* The lowest value of whole numbers; -infinity for floats. */
static float lowest(int dtype)
{
	switch (dtype) {
	case C5_U8: case C5_U16: case C5_U32: return 0;
	case C5_I8: return -128;
	case C5_I16: return -32768;
	case C5_I32: return -2147483648.0f;
	default: return -INFINITY;
	}
}

int c5_reconstruct_tops(uint8_t *mask, int dtype, const void *pixels, size_t height, size_t width, double depth, bool minima)
{
	const size_t n = height * width;
	const float least = minima ? -INFINITY : lowest(dtype), drop = (float)depth, sign = minima ? -1 : 1;
	const bool exact = dtype != C5_F32 && dtype != C5_F64 && floor(depth) >= depth;
	float lo = INFINITY, hi = -INFINITY;
	field f;
	int err;
	if (!c5_dtype_size(dtype) || dtype == C5_I64 || dtype == C5_U64) return c5_fail(C5_EFAIL, "pixel type %d is none of those known", dtype);
	if (!(depth > 0)) return c5_fail(C5_EUSAGE, "depth %g of tops: more than 0 expected", depth);
	if (!n) return C5_OK;
	memset(mask, 0, n);
	if ((err = open_field(&f, height, width, 8)) < 0) goto done;
	for (size_t y = 0; y < height; y++)
		for (size_t x = 0; x < width; x++) {
			float v = sign * (float)c5_key_value(dtype, c5_key_at(dtype, pixels, y * width + x));
			if (isnan(v)) continue;
			v = v > C5_FILTER_LIMIT ? C5_FILTER_LIMIT : v < -C5_FILTER_LIMIT ? -C5_FILTER_LIMIT : v; /* room above and below infinity */
			const float low = v - drop;
			const size_t i = (y + 1) * f.stride + x + 1;
			f.roof[i] = v;
			f.now[i] = exact ? low > least ? low : least : low - 2e-6f * fabsf(v);
			if (v < lo) lo = v;
			if (v > hi) hi = v;
		}
	if (!(hi - lo >= drop)) goto done;
	grow(&f);
	for (size_t y = 0; y < height; y++)
		for (size_t x = 0; x < width; x++) {
			const size_t i = (y + 1) * f.stride + x + 1;
			mask[y * width + x] = (double)f.roof[i] - (double)f.now[i] >= depth;
		}
done:
	close_field(&f);
	return err;
}
