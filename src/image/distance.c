/* distance.c – see distance.h. Meijster's two passes: distances along columns, a row at a time so that they vectorise, then along each row
 * the lowest of the parabolas those distances stand for. A background pixel shields what lies behind it, so every stretch of object pixels
 * in a row is on its own; short ones are searched outwards, which for cells is a handful of steps, long ones get the lower envelope. */
#include "image/distance.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/cpus.h"

#define FAR 40000u /* a column without background: farther than any frame is high or wide */
#define SHORT 96   /* px; a search outwards visits at most half of this on each side */

typedef struct site { int32_t x, from; int64_t height; } site; /* a parabola and the first pixel it is lowest at */

size_t c5_distance_bytes(size_t height, size_t width) { return height * width * sizeof(uint16_t) + 64 + (width + 2) * sizeof(site); }

FOR_CPUS static void down(uint16_t *restrict row, const uint16_t *restrict before, const uint8_t *restrict mask, size_t width)
{
	for (size_t x = 0; x < width; x++) {
		uint16_t v = before[x] < FAR ? (uint16_t)(before[x] + 1) : (uint16_t)FAR;
		row[x] = mask[x] ? v : 0;
	}
}

FOR_CPUS static void up(uint16_t *restrict row, const uint16_t *restrict below, size_t width)
{
	for (size_t x = 0; x < width; x++) {
		uint16_t v = below[x] < FAR ? (uint16_t)(below[x] + 1) : (uint16_t)FAR;
		row[x] = row[x] < v ? row[x] : v;
	}
}

/* Pixels x0 .. x1 - 1 of a row; x0 - 1 and x1 are background unless beyond the frame. */
static void search(uint32_t *out, const uint16_t *g, ptrdiff_t x0, ptrdiff_t x1)
{
	for (ptrdiff_t x = x0; x < x1; x++) {
		const ptrdiff_t left = x - x0 + 1, right = x1 - x, near = left < right ? left : right;
		uint32_t best = (uint32_t)g[x] * g[x];
		if (best > (uint32_t)(near * near)) best = (uint32_t)(near * near);
		for (ptrdiff_t k = 1; k < near && (uint32_t)(k * k) < best; k++) {
			uint32_t low = g[x - k] < g[x + k] ? g[x - k] : g[x + k], d = low * low + (uint32_t)(k * k);
			if (d < best) best = d;
		}
		if (left != right) { /* the far side goes on where the near one ended */
			const ptrdiff_t far = left < right ? right : left, side = left < right ? 1 : -1;
			for (ptrdiff_t k = near; k < far && (uint32_t)(k * k) < best; k++) {
				uint32_t low = g[x + side * k], d = low * low + (uint32_t)(k * k);
				if (d < best) best = d;
			}
		}
		out[x] = best;
	}
}

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }

/* The same by the lower envelope of all parabolas from first to last, ends included. */
static void envelope(uint32_t *out, const uint16_t *g, ptrdiff_t first, ptrdiff_t last, site *sites)
{
	size_t n = 0;
	for (ptrdiff_t x = first; x <= last; x++) {
		if (g[x] >= FAR) continue;
		const int64_t height = (int64_t)g[x] * g[x] + (int64_t)x * x;
		int64_t from = first;
		while (n) {
			const site *s = &sites[n - 1];
			/* first whole pixel where the newcomer is strictly lower */
			from = floor_div(height - s->height, 2 * ((int64_t)x - s->x)) + 1;
			if (from > s->from) break;
			n--;
		}
		if (!n) from = first;
		if (from > last) continue;
		sites[n++] = (site){ (int32_t)x, (int32_t)from, height };
	}
	for (size_t i = 0; i < n; i++) {
		const ptrdiff_t end = i + 1 < n ? sites[i + 1].from : last + 1;
		for (ptrdiff_t x = sites[i].from; x < end; x++)
			out[x] = (uint32_t)(sites[i].height - 2 * (int64_t)x * sites[i].x + (int64_t)x * x);
	}
	if (!n)
		for (ptrdiff_t x = first; x <= last; x++) out[x] = C5_DISTANCE_NONE;
}

void c5_distance_squared(uint32_t *squared, const uint8_t *mask, size_t height, size_t width, void *scratch)
{
	if (!height || !width) return;
	site *sites = scratch;
	uint16_t *g = (uint16_t *)(sites + width + 2);
	for (size_t x = 0; x < width; x++) g[x] = mask[x] ? FAR : 0;
	for (size_t y = 1; y < height; y++) down(g + y * width, g + (y - 1) * width, mask + y * width, width);
	for (size_t y = height - 1; y-- > 0;) up(g + y * width, g + (y + 1) * width, width);
	for (size_t y = 0; y < height; y++) {
		const uint16_t *row = g + y * width;
		uint32_t *out = squared + y * width;
		memset(out, 0, width * sizeof *out);
		for (size_t x = 0; x < width;) {
			while (x + 4 <= width) { /* background, four pixels at a time */
				uint64_t four;
				memcpy(&four, row + x, sizeof four);
				if (four) break;
				x += 4;
			}
			if (x >= width || !row[x]) {
				x++;
				continue;
			}
			size_t end = x + 1;
			while (end < width && row[end]) end++;
			if (x > 0 && end < width && end - x <= SHORT) search(out, row, (ptrdiff_t)x, (ptrdiff_t)end);
			else envelope(out, row, x ? (ptrdiff_t)x - 1 : 0, end < width ? (ptrdiff_t)end : (ptrdiff_t)width - 1, sites);
			x = end;
		}
	}
}

FOR_CPUS void c5_distance_root(float *out, const uint32_t *squared, size_t height, size_t width)
{
	const float most = (float)((double)height * (double)height + (double)width * (double)width);
	for (size_t i = 0; i < height * width; i++) {
		float v = (float)squared[i];
		out[i] = sqrtf(v < most ? v : most);
	}
}
