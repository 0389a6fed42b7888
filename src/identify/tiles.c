/* tiles.c – see tiles.h. */
#include "identify/tiles.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "image/filter.h"
#include "image/resize.h"

#define SIDE C5_IDENTIFY_SIDE
#define LAG 2 /* px between those compared: noise of single pixels counts less */
#define FARTHEST 6.0f

int view_make(view *v, const c5_identify_frame *f, double zoom)
{
	void *scratch = NULL;
	int err;
	*v = (view){ .pixels = f->pixels, .height = f->height, .width = f->width, .step = zoom < 1 ? zoom : 1 };
	if (zoom <= 1) return C5_OK;
	size_t h = (size_t)fmax(1, round((double)f->height / zoom)), w = (size_t)fmax(1, round((double)f->width / zoom));
	if ((err = c5_alloc_aligned(&v->own, h * w, sizeof *v->own)) < 0 || (err = c5_alloc_aligned(&scratch,
	    c5_image_resize_bytes(h, w, f->height, f->width), 1)) < 0) goto done;
	c5_image_resize(v->own, h, w, f->pixels, f->height, f->width, scratch);
	v->pixels = v->own, v->height = h, v->width = w;
done:
	free(scratch);
	if (err < 0) view_free(v);
	return err;
}

void view_free(view *v)
{
	free(v->own);
	v->own = NULL;
}

/* sums[(y + 1) * (w + 1) + x + 1]: of squared differences above and left of (y, x), it included. */
static void add_up(const view *v, double *sums)
{
	size_t w = v->width, row = w + 1;
	memset(sums, 0, row * sizeof *sums);
	for (size_t y = 0; y < v->height; y++) {
		double line = 0;
		sums[(y + 1) * row] = 0;
		for (size_t x = 0; x < w; x++) {
			const float *p = v->pixels + y * w + x;
			double dx = x + LAG < w ? (double)(p[LAG] - p[0]) : 0, dy = y + LAG < v->height ? (double)(p[LAG * w] - p[0]) : 0;
			line += dx * dx + dy * dy;
			sums[(y + 1) * row + x + 1] = sums[y * row + x + 1] + line;
		}
	}
}

static int by_energy(const void *a, const void *b)
{
	const spot *p = a, *q = b;
	if (p->energy != q->energy) return p->energy > q->energy ? -1 : 1;
	return p->y != q->y ? (p->y < q->y ? -1 : 1) : (p->x > q->x) - (p->x < q->x);
}

/* Places along one axis: half a tile apart, both ends touched; one in the middle where the view is smaller than a tile. */
static size_t along(double *at, size_t room, double have, double tile)
{
	if (have <= tile) {
		at[0] = 0.5 * (have - tile);
		return 1;
	}
	size_t n = (size_t)ceil((have - tile) / (0.5 * tile)) + 1;
	if (n > room) n = room;
	for (size_t i = 0; i < n; i++) at[i] = (have - tile) * (double)i / (double)(n - 1);
	return n;
}

#define ALONG 128

int view_spots(const view *v, spot *spots, int most, int *n)
{
	double ys[ALONG], xs[ALONG], tile = SIDE * v->step, *sums = NULL;
	size_t rows = along(ys, ALONG, (double)v->height, tile), columns = along(xs, ALONG, (double)v->width, tile), row = v->width + 1;
	spot *all = NULL;
	int err;
	*n = 0;
	if ((err = c5_alloc(&all, rows * columns, sizeof *all)) < 0 || (err = c5_alloc(&sums, (v->height + 1) * row, sizeof *sums)) < 0) goto done;
	add_up(v, sums);
	for (size_t i = 0; i < rows * columns; i++) {
		double y = ys[i / columns], x = xs[i % columns];
		size_t y0 = (size_t)fmax(0, y), y1 = (size_t)fmin((double)v->height, y + tile), x0 = (size_t)fmax(0, x),
			x1 = (size_t)fmin((double)v->width, x + tile);
		double sum = sums[y1 * row + x1] - sums[y0 * row + x1] - sums[y1 * row + x0] + sums[y0 * row + x0];
		all[i] = (spot){ y, x, fmax(0, sum) };
	}
	qsort(all, rows * columns, sizeof *all, by_energy);
	for (size_t i = 0; i < rows * columns && *n < most; i++) {
		bool clear = all[i].energy > 0;
		for (int k = 0; k < *n && clear; k++) {
			double oy = tile - fabs(all[i].y - spots[k].y), ox = tile - fabs(all[i].x - spots[k].x);
			clear = oy <= 0 || ox <= 0 || oy * ox <= 0.51 * tile * tile;
		}
		if (clear) spots[(*n)++] = all[i];
	}
done:
	free(sums);
	free(all);
	return err;
}

/* A lamp that shines from the side is no object: the plane that fits best is taken off. */
void tile_normalise(float *tile)
{
	const double half = 0.5 * (SIDE - 1), moment = (double)SIDE * SIDE * (SIDE * SIDE - 1) / 12;
	double sum = 0, along_y = 0, along_x = 0, squares = 0;
	const size_t n = (size_t)SIDE * SIDE;
	for (size_t i = 0; i < n; i++) {
		double v = (double)tile[i];
		sum += v, along_y += v * ((double)(i / SIDE) - half), along_x += v * ((double)(i % SIDE) - half);
	}
	double mean = sum / (double)n;
	along_y /= moment, along_x /= moment;
	for (size_t i = 0; i < n; i++) {
		double v = (double)tile[i] - mean - along_y * ((double)(i / SIDE) - half) - along_x * ((double)(i % SIDE) - half);
		tile[i] = (float)v, squares += v * v;
	}
	double sd = sqrt(squares / (double)n);
	float scale = sd > 1e-6 * fabs(mean) && sd > 0 ? (float)(1 / sd) : 0;
	for (size_t i = 0; i < n; i++) {
		float z = tile[i] * scale;
		tile[i] = z > FARTHEST ? FARTHEST : z < -FARTHEST ? -FARTHEST : z;
	}
}

void view_cut(const view *v, double y, double x, float *tile)
{
	for (int i = 0; i < SIDE; i++) {
		double py = y + (i + 0.5) * v->step - 0.5, fy = floor(py), ty = py - fy;
		const float *top = v->pixels + c5_filter_reflect((ptrdiff_t)fy, v->height) * v->width,
			*low = v->pixels + c5_filter_reflect((ptrdiff_t)fy + 1, v->height) * v->width;
		for (int k = 0; k < SIDE; k++) {
			double px = x + (k + 0.5) * v->step - 0.5, fx = floor(px), tx = px - fx;
			size_t a = c5_filter_reflect((ptrdiff_t)fx, v->width), b = c5_filter_reflect((ptrdiff_t)fx + 1, v->width);
			tile[i * SIDE + k] = (float)((1 - ty) * ((1 - tx) * (double)top[a] + tx * (double)top[b]) + ty *
				((1 - tx) * (double)low[a] + tx * (double)low[b]));
		}
	}
	tile_normalise(tile);
}
