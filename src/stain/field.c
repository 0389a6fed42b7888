/* field.c – see field.h. */
#include "stain/field.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "image/filter.h"
#include "image/register.h"

void c5_field_clear(c5_field *f)
{
	free(f->name);
	free(f->input);
	free(f->level);
	free(f->mask);
	memset(f, 0, sizeof *f);
}

size_t c5_field_bytes(const c5_field *f)
{
	size_t n = f->height * f->width;
	return n * (size_t)f->channels * sizeof(float) + (f->level ? n * (size_t)f->markers * (sizeof(float) + 1) : 0);
}

size_t c5_field_scratch(size_t height, size_t width, double ground)
{
	return (height * width * sizeof(float) + 63) / 64 * 64 + (ground > 0 ? c5_filter_gaussian_bytes(height, width, ground) : 0);
}

void c5_field_prepare(float *plane, size_t height, size_t width, double ground, void *scratch)
{
	size_t n = height * width;
	float *smooth = scratch;
	double sum = 0, squares = 0;
	if (ground > 0) {
		c5_filter_gaussian(smooth, plane, height, width, ground, (uint8_t *)scratch + (n * sizeof(float) + 63) / 64 * 64);
		for (size_t i = 0; i < n; i++) plane[i] -= smooth[i];
	}
	for (size_t i = 0; i < n; i++) sum += (double)plane[i];
	double mean = n ? sum / (double)n : 0;
	for (size_t i = 0; i < n; i++) squares += ((double)plane[i] - mean) * ((double)plane[i] - mean);
	double sd = n ? sqrt(squares / (double)n) : 0, by = sd > 1e-12 * (fabs(mean) + 1) ? 1 / sd : 0;
	for (size_t i = 0; i < n; i++) plane[i] = (float)(((double)plane[i] - mean) * by);
}

c5_rect c5_rect_common(c5_rect a, c5_rect b)
{
	c5_rect c = { a.y0 > b.y0 ? a.y0 : b.y0, a.x0 > b.x0 ? a.x0 : b.x0, a.y1 < b.y1 ? a.y1 : b.y1, a.x1 < b.x1 ? a.x1 : b.x1 };
	return c.y1 > c.y0 && c.x1 > c.x0 ? c : (c5_rect){ 0, 0, 0, 0 };
}

int c5_field_move(c5_field *f, int m, double y, double x)
{
	const size_t n = f->height * f->width, down = (size_t)ceil(fabs(y)), across = (size_t)ceil(fabs(x));
	float *level = f->level + (size_t)m * n, *before;
	int err = c5_alloc_aligned(&before, n, sizeof *before);
	if (err < 0) return err;
	memcpy(before, level, n * sizeof *before);
	c5_register_move(level, before, f->height, f->width, y, x);
	free(before);
	const c5_rect there = { y > 0 ? down : 0, x > 0 ? across : 0, y < 0 && down < f->height ? f->height - down : f->height, x < 0 &&
		across < f->width ? f->width - across : f->width };
	f->seen = c5_rect_common(f->seen, there);
	return C5_OK;
}

void c5_field_split(c5_field *f, c5_rect whole, double share, size_t gap)
{
	size_t width = whole.x1 - whole.x0, kept = (size_t)((double)width * (1 - share) + 0.5);
	f->train = f->validate = whole;
	f->train.x1 = whole.x0 + (kept > gap ? kept - gap : 0);
	f->validate.x0 = whole.x0 + kept;
	if (kept >= width) memset(&f->validate, 0, sizeof f->validate), f->train.x1 = whole.x1;
}

void c5_field_cut(float *out, const float *plane, size_t height, size_t width, ptrdiff_t y, ptrdiff_t x, size_t side, unsigned turn)
{
	bool inside = y >= 0 && x >= 0 && (size_t)y + side <= height && (size_t)x + side <= width;
	for (size_t i = 0; i < side; i++)
		for (size_t j = 0; j < side; j++) {
			size_t a = turn & 4 ? j : i, b = turn & 4 ? i : j;
			if (turn & 2) a = side - 1 - a;
			if (turn & 1) b = side - 1 - b;
			ptrdiff_t py = y + (ptrdiff_t)a, px = x + (ptrdiff_t)b;
			if (!inside) py = (ptrdiff_t)c5_filter_reflect(py, height), px = (ptrdiff_t)c5_filter_reflect(px, width);
			out[i * side + j] = plane[(size_t)py * width + (size_t)px];
		}
}

/* Where pixel (i, j) of a turned square is taken from, counted from the corner of the rectangle it keeps to. */
static void source_of(double *py, double *px, c5_rect within, size_t y, size_t x, size_t side, const c5_warp *w, size_t i, size_t j)
{
	const double middle = 0.5 * ((double)side - 1), c = cos(w->angle) / w->scale, s = sin(w->angle) / w->scale, dy = (double)i - middle,
		dx = (double)j - middle;
	*py = (double)y - (double)within.y0 + middle + c * dy - s * dx;
	*px = (double)x - (double)within.x0 + middle + s * dy + c * dx;
}

void c5_field_warp(float *out, const float *plane, size_t width, c5_rect within, size_t y, size_t x, size_t side, const c5_warp *w)
{
	const size_t h = within.y1 - within.y0, n = within.x1 - within.x0;
	const float *corner = plane + within.y0 * width + within.x0;
	const double step_y = -sin(w->angle) / w->scale, step_x = cos(w->angle) / w->scale;
	for (size_t i = 0; i < side; i++) {
		double py, px;
		source_of(&py, &px, within, y, x, side, w, i, 0);
		for (size_t j = 0; j < side; j++, py += step_y, px += step_x) {
			const ptrdiff_t y0 = (ptrdiff_t)floor(py), x0 = (ptrdiff_t)floor(px);
			const float v = (float)(py - (double)y0), u = (float)(px - (double)x0);
			const bool inside = y0 >= 0 && x0 >= 0 && (size_t)y0 + 1 < h && (size_t)x0 + 1 < n;
			const float *top = corner + (inside ? (size_t)y0 : c5_filter_reflect(y0, h)) * width,
				*bottom = inside ? top + width : corner + c5_filter_reflect(y0 + 1, h) * width;
			const size_t left = inside ? (size_t)x0 : c5_filter_reflect(x0, n), right = inside ? left + 1 : c5_filter_reflect(x0 + 1, n);
			const float one = top[left] + (top[right] - top[left]) * u, other = bottom[left] + (bottom[right] - bottom[left]) * u;
			out[i * side + j] = one + (other - one) * v;
		}
	}
}

void c5_field_warp_mask(float *out, const uint8_t *mask, size_t width, c5_rect within, size_t y, size_t x, size_t side, const c5_warp *w)
{
	const size_t h = within.y1 - within.y0, n = within.x1 - within.x0;
	for (size_t i = 0; i < side; i++)
		for (size_t j = 0; j < side; j++) {
			double py, px;
			source_of(&py, &px, within, y, x, side, w, i, j);
			out[i * side + j] = mask[(within.y0 + c5_filter_reflect((ptrdiff_t)floor(py + 0.5),
				h)) * width + within.x0 + c5_filter_reflect((ptrdiff_t)floor(px + 0.5), n)];
		}
}
