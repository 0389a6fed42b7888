/* overlay.c – see overlay.h. */
#include "image/overlay.h"

#include <stdlib.h>
#include <string.h>

#include "base/dtype.h"
#include "base/error.h"
#include "base/mem.h"
#include "image/filter.h"
#include "image/threshold.h"

/* After Okabe and Ito, lightened for a grey ground, in an order that sets neighbours apart. */
static const uint8_t palette[][3] = {
	{ 86, 190, 240 }, { 240, 165, 20 }, { 60, 205, 150 }, { 245, 235, 80 }, { 235, 105, 35 }, { 225, 140, 195 }, { 95, 135, 250 }, { 190, 240, 255 }
};
#define COLOURS (sizeof palette / sizeof *palette)

#define TINT 0.13f      /* of the object's colour on its pixels */
#define SHADE 0.45f     /* darkness of the line around an outline */
#define GOOD_WIDTH 800  /* px, small frames are enlarged to about this */
#define ZOOM_MAX 8
#define PICTURE_MAX 30000 /* px each way */

const uint8_t *c5_picture_colour(uint32_t id) { return palette[(id + COLOURS - 1) % COLOURS]; }

/* ---- painting ---- */

static void mix(uint8_t *rgb, const uint8_t colour[3], float share)
{
	for (int c = 0; c < 3; c++) rgb[c] = (uint8_t)((float)rgb[c] + ((float)colour[c] - (float)rgb[c]) * share + 0.5f);
}

static uint8_t *at(const c5_picture *p, size_t y, size_t x) { return p->rgb + 3 * (y * p->width + x); }

/* Digits, 5 x 7, a row of bits each. */
#define GLYPH_W 5
#define GLYPH_H 7
static const uint8_t digits[10][GLYPH_H] = {
	{ 14, 17, 19, 21, 25, 17, 14 }, { 4, 12, 4, 4, 4, 4, 14 }, { 14, 17, 1, 6, 8, 16, 31 }, { 14, 17, 1, 6, 1, 17, 14 },
	{ 2, 6, 10, 18, 31, 2, 2 }, { 31, 16, 30, 1, 1, 17, 14 }, { 6, 8, 16, 30, 17, 17, 14 }, { 31, 1, 2, 4, 8, 8, 8 },
	{ 14, 17, 17, 14, 17, 17, 14 }, { 14, 17, 17, 15, 1, 2, 12 }
};

/* A number as text with its size in px at `scale`. */
typedef struct number { char text[12]; size_t n, height, width; } number;

static number number_of(uint32_t value, size_t scale)
{
	char reversed[12];
	number d = { .n = 0 };
	size_t n = 0;
	do reversed[n++] = (char)(value % 10);
	while (value /= 10);
	while (n) d.text[d.n++] = reversed[--n];
	d.height = GLYPH_H * scale;
	d.width = (d.n * (GLYPH_W + 1) - 1) * scale;
	return d;
}

static bool ink(const number *d, size_t scale, ptrdiff_t y, ptrdiff_t x)
{
	if (y < 0 || x < 0 || y >= (ptrdiff_t)d->height || x >= (ptrdiff_t)d->width) return false;
	const size_t row = (size_t)y / scale, column = (size_t)x / scale, digit = column / (GLYPH_W + 1), bit = column % (GLYPH_W + 1);
	return bit < GLYPH_W && digits[(int)d->text[digit]][row] >> (GLYPH_W - 1 - bit) & 1;
}

/* Writes a number with its top left corner at (y0, x0): light ink in a dark rim that keeps it readable on anything. */
static void write_number(c5_picture *p, const number *d, size_t scale, size_t y0, size_t x0, const uint8_t colour[3])
{
	static const uint8_t dark[3] = { 12, 14, 18 };
	const ptrdiff_t rim = (ptrdiff_t)scale;
	for (ptrdiff_t y = -rim; y < (ptrdiff_t)d->height + rim; y++)
		for (ptrdiff_t x = -rim; x < (ptrdiff_t)d->width + rim; x++) {
			const ptrdiff_t py = (ptrdiff_t)y0 + y, px = (ptrdiff_t)x0 + x;
			if (py < 0 || px < 0 || py >= (ptrdiff_t)p->height || px >= (ptrdiff_t)p->width) continue;
			if (ink(d, scale, y, x)) {
				memcpy(at(p, (size_t)py, (size_t)px), colour, 3);
				continue;
			}
			bool near = false;
			for (ptrdiff_t j = -rim; j <= rim && !near; j++)
				for (ptrdiff_t i = -rim; i <= rim && !near; i++) near = ink(d, scale, y + j, x + i);
			if (near) mix(at(p, (size_t)py, (size_t)px), dark, 0.8f);
		}
}

void c5_picture_number(c5_picture *p, uint32_t value, size_t scale, size_t y, size_t x, const uint8_t colour[3])
{
	number d = number_of(value, scale);
	write_number(p, &d, scale, y, x, colour);
}

/* a to z, then µ - _ . */
static const uint8_t letters[30][GLYPH_H] = {
	{ 0, 0, 14, 1, 15, 17, 15 }, { 16, 16, 30, 17, 17, 17, 30 }, { 0, 0, 14, 16, 16, 17, 14 }, { 1, 1, 15, 17, 17, 17, 15 },
		{ 0, 0, 14, 17, 31, 16, 14 },
	{ 6, 9, 8, 28, 8, 8, 8 }, { 0, 15, 17, 17, 15, 1, 14 }, { 16, 16, 22, 25, 17, 17, 17 }, { 4, 0, 12, 4, 4, 4, 14 }, { 2, 0, 6, 2, 2, 18, 12 },
	{ 16, 16, 18, 20, 24, 20, 18 }, { 12, 4, 4, 4, 4, 4, 14 }, { 0, 0, 26, 21, 21, 17, 17 }, { 0, 0, 22, 25, 17, 17, 17 }, { 0, 0, 14, 17, 17, 17, 14 },
	{ 0, 0, 30, 17, 30, 16, 16 }, { 0, 0, 13, 19, 15, 1, 1 }, { 0, 0, 22, 25, 16, 16, 16 }, { 0, 0, 14, 16, 14, 1, 30 }, { 8, 8, 28, 8, 8, 9, 6 },
	{ 0, 0, 17, 17, 17, 19, 13 }, { 0, 0, 17, 17, 17, 10, 4 }, { 0, 0, 17, 17, 21, 21, 10 }, { 0, 0, 17, 10, 4, 10, 17 }, { 0, 0, 17, 17, 15, 1, 14 },
	{ 0, 0, 31, 2, 4, 8, 31 }, { 0, 0, 17, 17, 19, 29, 16 }, { 0, 0, 0, 31, 0, 0, 0 }, { 0, 0, 0, 0, 0, 0, 31 }, { 0, 0, 0, 0, 0, 12, 12 }
};

static const uint8_t *glyph_of(unsigned char c)
{
	if (c >= '0' && c <= '9') return digits[c - '0'];
	if (c >= 'A' && c <= 'Z') c = (unsigned char)(c - 'A' + 'a');
	if (c >= 'a' && c <= 'z') return letters[c - 'a'];
	return c == 0xb5 ? letters[26] : c == '-' ? letters[27] : c == '_' ? letters[28] : c == '.' ? letters[29] : NULL;
}

size_t c5_picture_text(c5_picture *p, const char *text, size_t scale, size_t y, size_t x, const uint8_t colour[3])
{
	size_t n = 0;
	for (const char *c = text; *c; c++) {
		if ((unsigned char)*c == 0xc2) continue; /* the first half of "µ" */
		const uint8_t *g = glyph_of((unsigned char)*c);
		const size_t left = x + n++ * (GLYPH_W + 1) * scale;
		for (size_t row = 0; p && g && row < GLYPH_H * scale; row++)
			for (size_t column = 0; column < GLYPH_W * scale; column++)
				if (g[row / scale] >> (GLYPH_W - 1 - column / scale) & 1 && y + row < p->height && left + column < p->width)
					memcpy(at(p, y + row, left + column), colour, 3);
	}
	return n ? (n * (GLYPH_W + 1) - 1) * scale : 0;
}

/* ---- grey values ---- */

/* Grey 0..255 as floats: contrast from the 0.5th to the 99.5th percentile. */
static int stretch(float *grey, int dtype, const void *pixels, size_t n)
{
	uint32_t *scratch = NULL;
	double lo, hi;
	int err;
	if ((err = c5_alloc(&scratch, C5_THRESHOLD_BYTES, 1)) < 0) return err;
	if ((err = c5_filter_to_float(grey, dtype, pixels, n, NULL)) < 0) goto done;
	if ((err = c5_threshold_percentile(C5_F32, grey, n, 0.5, scratch, &lo)) < 0) goto done;
	if ((err = c5_threshold_percentile(C5_F32, grey, n, 99.5, scratch, &hi)) < 0) goto done;
	for (size_t i = 0; i < n; i++) {
		double v = hi > lo ? ((double)grey[i] - lo) / (hi - lo) * 255 : 110;
		grey[i] = (float)(v < 0 ? 0 : v > 255 ? 255 : v);
	}
done:
	free(scratch);
	return err;
}

/* The picture of grey (H, W), enlarged bilinearly. */
static void paint_grey(c5_picture *p, const float *grey, size_t height, size_t width, size_t zoom, size_t y0, size_t x0)
{
	for (size_t y = 0; y < height * zoom; y++) {
		float fy = ((float)y + 0.5f) / (float)zoom - 0.5f;
		if (fy < 0) fy = 0;
		const size_t ya = (size_t)fy < height ? (size_t)fy : height - 1, yb = ya + 1 < height ? ya + 1 : ya;
		const float ty = fy - (float)ya;
		for (size_t x = 0; x < width * zoom; x++) {
			float fx = ((float)x + 0.5f) / (float)zoom - 0.5f;
			if (fx < 0) fx = 0;
			const size_t xa = (size_t)fx < width ? (size_t)fx : width - 1, xb = xa + 1 < width ? xa + 1 : xa;
			const float tx = fx - (float)xa;
			const float top = grey[ya * width + xa] * (1 - tx) + grey[ya * width + xb] * tx;
			const float low = grey[yb * width + xa] * (1 - tx) + grey[yb * width + xb] * tx;
			memset(at(p, y0 + y, x0 + x), (int)(top * (1 - ty) + low * ty + 0.5f), 3);
		}
	}
}

static int picture_open(c5_picture *p, size_t height, size_t width)
{
	p->rgb = NULL, p->height = height, p->width = width;
	if (height > PICTURE_MAX || width > PICTURE_MAX)
		return c5_fail(C5_EINPUT, "picture of %zu x %zu pixels, up to %d each way can be drawn", height, width, PICTURE_MAX);
	return c5_alloc(&p->rgb, height * width, 3);
}

static size_t zoom_for(const c5_picture_style *style, size_t width)
{
	if (style->zoom > 0) return style->zoom < ZOOM_MAX ? (size_t)style->zoom : ZOOM_MAX;
	size_t zoom = (GOOD_WIDTH + width / 2) / width;
	return zoom < 1 ? 1 : zoom < ZOOM_MAX ? zoom : ZOOM_MAX;
}

/* ---- frames ---- */

static uint32_t id_of(const c5_picture_style *style, uint32_t label) { return style->ids ? style->ids[label - 1] : label; }

/* Label of a picture pixel: the one with the largest bilinear share of the four frame pixels around it, which rounds the corners. */
static uint32_t vote(const uint32_t *labels, size_t height, size_t width, size_t zoom, size_t y, size_t x)
{
	if (zoom == 1) return labels[y * width + x];
	const ptrdiff_t twice_y = 2 * (ptrdiff_t)(y % zoom) + 1 - (ptrdiff_t)zoom, twice_x = 2 * (ptrdiff_t)(x % zoom) + 1 - (ptrdiff_t)zoom;
	const size_t share_y = (size_t)(twice_y < 0 ? -twice_y : twice_y), share_x = (size_t)(twice_x < 0 ? -twice_x : twice_x), unit = 2 * zoom;
	const size_t ya = y / zoom, xa = x / zoom;
	const size_t yb = twice_y < 0 ? (ya ? ya - 1 : ya) : ya + 1 < height ? ya + 1 : ya;
	const size_t xb = twice_x < 0 ? (xa ? xa - 1 : xa) : xa + 1 < width ? xa + 1 : xa;
	const uint32_t v[4] = { labels[ya * width + xa], labels[ya * width + xb], labels[yb * width + xa], labels[yb * width + xb] };
	const size_t share[4] = { (unit - share_y) * (unit - share_x), (unit - share_y) * share_x, share_y * (unit - share_x), share_y * share_x };
	size_t most = 0;
	uint32_t best = v[0];
	for (int i = 0; i < 4; i++) {
		size_t sum = 0;
		for (int j = 0; j < 4; j++) sum += v[j] == v[i] ? share[j] : 0;
		if (sum > most) most = sum, best = v[i];
	}
	return best;
}

/* How many pixels (1 .. reach) it is from (y, x) to one of another label along rows, columns and, next to it, diagonals; 0: more than reach. */
static size_t depth(const uint32_t *labels, size_t height, size_t width, size_t y, size_t x, size_t reach)
{
	const uint32_t v = labels[y * width + x];
	for (size_t r = 1; r <= reach; r++)
		for (int dy = -1; dy <= 1; dy++)
			for (int dx = -1; dx <= 1; dx++) {
				if (r > 1 && dy && dx) continue;
				const ptrdiff_t py = (ptrdiff_t)y + dy * (ptrdiff_t)r, px = (ptrdiff_t)x + dx * (ptrdiff_t)r;
				if (py < 0 || px < 0 || py >= (ptrdiff_t)height || px >= (ptrdiff_t)width) continue;
				if (labels[(size_t)py * width + (size_t)px] != v) return r;
			}
	return 0;
}

static int paint_objects(c5_picture *p, const c5_picture_style *style, const uint32_t *labels, size_t height, size_t width, size_t zoom, uint32_t n)
{
	static const uint8_t black[3] = { 0, 0, 0 };
	const size_t thick = zoom > 1 || p->width + p->height >= 1200 ? 2 : 1;
	uint32_t *large = NULL;
	int err;
	if ((err = c5_alloc(&large, p->height * p->width, sizeof *large)) < 0) return err;
	for (size_t y = 0; y < p->height; y++)
		for (size_t x = 0; x < p->width; x++) large[y * p->width + x] = vote(labels, height, width, zoom, y, x);
	for (size_t y = 0; y < p->height; y++)
		for (size_t x = 0; x < p->width; x++) {
			const uint32_t v = large[y * p->width + x];
			const size_t near = depth(large, p->height, p->width, y, x, thick);
			uint8_t *rgb = at(p, y, x);
			if (v && v <= n) mix(rgb, c5_picture_colour(id_of(style, v)), near ? 1.0f : TINT);
			else if (near == 1) mix(rgb, black, SHADE);
		}
	free(large);
	return C5_OK;
}

/* Numbers at the centres of the objects, the larger ones first; one that would cover another is left out. */
typedef struct spot { uint64_t area, sum_y, sum_x; uint32_t label; } spot;

static int by_area(const void *a, const void *b)
{
	const spot *p = a, *q = b;
	if (p->area != q->area) return p->area < q->area ? 1 : -1;
	return p->label < q->label ? -1 : p->label > q->label;
}

static int paint_numbers(c5_picture *p, const c5_picture_style *style, const uint32_t *labels, size_t height, size_t width, size_t zoom, uint32_t n)
{
	static const uint8_t white[3] = { 255, 255, 255 };
	const size_t scale = p->width >= 1600 ? 2 : 1, cell = 4 * scale;
	const size_t rows = p->height / cell + 1, columns = p->width / cell + 1;
	spot *spots = NULL;
	uint8_t *taken = NULL;
	int err;
	if ((err = c5_alloc(&spots, n, sizeof *spots)) < 0) goto done;
	if ((err = c5_alloc(&taken, rows * columns, 1)) < 0) goto done;
	for (size_t y = 0; y < height; y++)
		for (size_t x = 0; x < width; x++) {
			const uint32_t v = labels[y * width + x];
			if (!v || v > n) continue;
			spots[v - 1].area++, spots[v - 1].sum_y += y, spots[v - 1].sum_x += x, spots[v - 1].label = v;
		}
	qsort(spots, n, sizeof *spots, by_area);
	for (uint32_t k = 0; k < n && spots[k].area; k++) {
		const number d = number_of(id_of(style, spots[k].label), scale);
		if (d.height + 2 > p->height || d.width + 2 > p->width) continue;
		ptrdiff_t y = (ptrdiff_t)(spots[k].sum_y * zoom / spots[k].area) - (ptrdiff_t)(d.height / 2);
		ptrdiff_t x = (ptrdiff_t)(spots[k].sum_x * zoom / spots[k].area) - (ptrdiff_t)(d.width / 2);
		y = y < 1 ? 1 : y > (ptrdiff_t)(p->height - d.height - 1) ? (ptrdiff_t)(p->height - d.height - 1) : y;
		x = x < 1 ? 1 : x > (ptrdiff_t)(p->width - d.width - 1) ? (ptrdiff_t)(p->width - d.width - 1) : x;
		bool free_place = true;
		for (size_t j = (size_t)y / cell; j <= ((size_t)y + d.height) / cell; j++)
			for (size_t i = (size_t)x / cell; i <= ((size_t)x + d.width) / cell; i++) free_place = free_place && !taken[j * columns + i];
		if (!free_place) continue;
		for (size_t j = (size_t)y / cell; j <= ((size_t)y + d.height) / cell; j++)
			memset(taken + j * columns + (size_t)x / cell, 1, ((size_t)x + d.width) / cell - (size_t)x / cell + 1);
		write_number(p, &d, scale, (size_t)y, (size_t)x, white);
	}
done:
	free(spots);
	free(taken);
	return err;
}

int c5_picture_frame(c5_picture *out, const c5_picture_style *style, int dtype, const void *pixels, const uint32_t *labels,
	size_t height, size_t width, uint32_t n)
{
	float *grey = NULL;
	int err;
	*out = (c5_picture){ 0 };
	if (!height || !width) return c5_fail(C5_EINPUT, "picture of a frame without pixels (%zu x %zu)", height, width);
	const size_t zoom = zoom_for(style, width > height ? width : height);
	if ((err = picture_open(out, height * zoom, width * zoom)) < 0) goto done;
	if ((err = c5_alloc(&grey, height * width, sizeof *grey)) < 0) goto done;
	if ((err = stretch(grey, dtype, pixels, height * width)) < 0) goto done;
	paint_grey(out, grey, height, width, zoom, 0, 0);
	if (labels && n) {
		if ((err = paint_objects(out, style, labels, height, width, zoom, n)) < 0) goto done;
		if (style->numbers) err = paint_numbers(out, style, labels, height, width, zoom, n);
	}
done:
	free(grey);
	if (err < 0) {
		free(out->rgb);
		*out = (c5_picture){ 0 };
	}
	return err;
}

/* ---- sheets ---- */

#define GUTTER 8
#define FRAME 2

int c5_picture_sheet(c5_picture *out, const c5_picture_style *style, int dtype, const void *crops, size_t channels, size_t n, size_t height,
	size_t width, size_t columns)
{
	static const uint8_t ground[3] = { 24, 26, 30 }, light[3] = { 235, 238, 242 };
	const size_t size = height > width ? height : width, pixels = height * width, most = (size_t)PICTURE_MAX * PICTURE_MAX;
	float *grey = NULL;
	int err;
	*out = (c5_picture){ 0 };
	if (!n || !height || !width || !channels || size > PICTURE_MAX || n > most || channels > most / n)
		return c5_fail(C5_EINPUT, "sheet of %zu crops of %zu x %zu px has nothing to show", n, height, width);
	if (!columns)
		for (columns = 1; columns * columns * channels * width < n * height;) columns++;
	if (columns > n) columns = n;
	const size_t zoom = style->zoom > 0 ? zoom_for(style, size) : size < 48 ? 3 : size < 100 ? 2 : 1;
	const size_t rows = (n + columns - 1) / columns, scale = width * zoom >= 200 ? 2 : 1, text = style->numbers ? (GLYPH_H + 5) * scale : 0;
	const size_t tile_h = height * zoom + 2 * FRAME, tile_w = channels * (width * zoom + FRAME) + FRAME;
	const size_t step_x = tile_w + GUTTER, step_y = tile_h + GUTTER + text;
	if ((err = picture_open(out, GUTTER + rows * step_y, GUTTER + columns * step_x)) < 0) goto done;
	for (size_t i = 0; i < out->height * out->width; i++) memcpy(out->rgb + 3 * i, ground, 3);
	if ((err = c5_alloc(&grey, channels * n, pixels * sizeof *grey)) < 0) goto done;
	for (size_t c = 0; c < channels; c++)
		if ((err = stretch(grey + c * n * pixels, dtype, (const char *)crops + c * n * pixels * c5_dtype_size(dtype), n * pixels)) < 0) goto done;
	for (size_t k = 0; k < n; k++) {
		const size_t y0 = GUTTER + k / columns * step_y, x0 = GUTTER + k % columns * step_x;
		const uint32_t id = style->ids ? style->ids[k] : (uint32_t)(k + 1);
		for (size_t y = 0; y < tile_h; y++)
			for (size_t x = 0; x < tile_w; x++) memcpy(at(out, y0 + y, x0 + x), c5_picture_colour(id), 3);
		for (size_t c = 0; c < channels; c++)
			paint_grey(out, grey + (c * n + k) * pixels, height, width, zoom, y0 + FRAME, x0 + FRAME + c * (width * zoom + FRAME));
		if (!style->numbers) continue;
		const number d = number_of(id, scale);
		if (d.width <= tile_w) write_number(out, &d, scale, y0 + tile_h + 3 * scale, x0 + (tile_w - d.width) / 2, light);
	}
done:
	free(grey);
	if (err < 0) {
		free(out->rgb);
		*out = (c5_picture){ 0 };
	}
	return err;
}
