/* picture.c – see picture.h. */
#include "explain/picture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/dtype.h"
#include "base/error.h"
#include "base/mem.h"
#include "image/filter.h"

#define EDGE 3          /* frame, px */
#define GAP 8
#define GOOD_SIDE 120   /* small crops are enlarged to about this */
#define PICTURE_MAX 30000

static const uint8_t ground[3] = { 24, 24, 24 };
static const float heat[][3] = { { 40, 10, 120 }, { 130, 20, 150 }, { 220, 50, 70 }, { 250, 140, 20 }, { 255, 240, 90 } };

static int by_value(const void *x, const void *y)
{
	float a = *(const float *)x, b = *(const float *)y;
	return (a > b) - (a < b);
}

/* 0 .. 1 between the crop's 0.5th and 99.5th percentiles. */
static int stretch(float *grey, float *sorted, int dtype, const void *pixels, size_t n)
{
	int err = c5_filter_to_float(grey, dtype, pixels, n, NULL);
	if (err < 0) return err;
	memcpy(sorted, grey, n * sizeof *grey);
	qsort(sorted, n, sizeof *sorted, by_value);
	float low = sorted[n / 200], high = sorted[n - 1 - n / 200], span = high > low ? high - low : 1;
	for (size_t i = 0; i < n; i++) grey[i] = fminf(1, fmaxf(0, (grey[i] - low) / span));
	return C5_OK;
}

static void heat_at(float rgb[3], float v)
{
	float at = v * 4;
	size_t k = at >= 4 ? 3 : (size_t)at;
	for (int c = 0; c < 3; c++) rgb[c] = heat[k][c] + (at - (float)k) * (heat[k + 1][c] - heat[k][c]);
}

static void paint(c5_picture *p, const c5_explained *e, const float *grey, const uint8_t *map, size_t zoom, size_t y0, size_t x0)
{
	for (size_t y = 0; y < e->height * zoom; y++)
		for (size_t x = 0; x < e->width * zoom; x++) {
			size_t i = y / zoom * e->width + x / zoom;
			uint8_t *to = p->rgb + 3 * ((y0 + y) * p->width + x0 + x);
			float g = 255 * grey[i], v = map ? map[i] / 255.0f : 0, share = 0.65f * v, rgb[3];
			heat_at(rgb, v);
			for (int c = 0; c < 3; c++) to[c] = (uint8_t)lroundf(g + (rgb[c] - g) * share);
		}
}

static void fill(c5_picture *p, size_t y0, size_t x0, size_t h, size_t w, const uint8_t colour[3])
{
	for (size_t y = y0; y < y0 + h; y++)
		for (size_t x = x0; x < x0 + w; x++) memcpy(p->rgb + 3 * (y * p->width + x), colour, 3);
}

int c5_explain_sheet(c5_picture *out, const c5_explained *e, int wanted, size_t columns)
{
	size_t side = e->height > e->width ? e->height : e->width, zoom = wanted > 0 ? (size_t)wanted : side >= GOOD_SIDE ? 1 : GOOD_SIDE / side,
		plane = e->height * e->width;
	size_t wide = 2 * e->width * zoom + 3 * EDGE, high = e->height * zoom + 2 * EDGE;
	float *grey = NULL, *sorted = NULL;
	int err;
	memset(out, 0, sizeof *out);
	if (!e->n) return c5_fail(C5_ENOTFOUND, "no crop to draw");
	if (!columns) columns = (size_t)fmax(1, ceil(sqrt((double)(e->n * high) / (double)wide)));
	if (columns > e->n) columns = e->n;
	out->width = GAP + columns * (wide + GAP);
	out->height = GAP + (e->n + columns - 1) / columns * (high + GAP);
	if (out->width > PICTURE_MAX || out->height > PICTURE_MAX)
		return c5_fail(C5_EUSAGE, "a sheet of %zu x %zu px is too large; draw fewer crops", out->height, out->width);
	if ((err = c5_alloc(&out->rgb, out->height * out->width, 3)) < 0 || (err = c5_alloc(&grey, plane, sizeof *grey)) < 0 ||
	    (err = c5_alloc(&sorted, plane, sizeof *sorted)) < 0)
		goto done;
	fill(out, 0, 0, out->height, out->width, ground);
	for (size_t i = 0; err == C5_OK && i < e->n; i++) {
		size_t y = GAP + i / columns * (high + GAP), x = GAP + i % columns * (wide + GAP);
		const uint8_t *colour = c5_picture_colour(e->of[i] + 1u);
		if ((err = stretch(grey, sorted, e->dtype, (const char *)e->crops + i * plane * c5_dtype_size(e->dtype), plane)) < 0) break;
		fill(out, y, x, high, wide, colour);
		paint(out, e, grey, NULL, zoom, y + EDGE, x + EDGE);
		paint(out, e, grey, e->maps + i * plane, zoom, y + EDGE, x + 2 * EDGE + e->width * zoom);
		float p = e->probability[i];
		c5_picture_number(out, (uint32_t)lroundf(100 * fminf(1, fmaxf(0, p))), 1, y + EDGE + 3, x + EDGE + 3, colour);
	}
done:
	free(grey);
	free(sorted);
	if (err < 0) {
		free(out->rgb);
		memset(out, 0, sizeof *out);
	}
	return err;
}
