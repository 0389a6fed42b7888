/* tiles.c – see tiles.h. */
#include "stain/tiles.h"

#include <string.h>

#include "base/error.h"
#include "image/filter.h"

static size_t up(size_t n, size_t align) { return (n + align - 1) / align * align; }

static void plan_axis(c5_tiling *t, int k, size_t length, size_t side, size_t margin, size_t align)
{
	size_t padded = up(length, align), least = up(2 * margin, align) + align;
	side = up(side < least ? least : side, align);
	t->padded[k] = padded;
	t->size[k] = side < padded ? side : padded;
	t->step[k] = side < padded ? side - up(2 * margin, align) : padded;
	t->count[k] = side < padded ? (padded - side + t->step[k] - 1) / t->step[k] + 1 : 1;
}

int c5_tiles_plan(c5_tiling *out, size_t height, size_t width, size_t side, size_t margin, size_t align)
{
	memset(out, 0, sizeof *out);
	if (align == 0 || height == 0 || width == 0)
		return c5_fail(C5_EUSAGE, "tiles of an image of %zu x %zu on a grid of %zu px: all must be above 0", height, width, align);
	out->height = height, out->width = width;
	plan_axis(out, 0, height, side, margin, align);
	plan_axis(out, 1, width, side, margin, align);
	return C5_OK;
}

static size_t start(const c5_tiling *t, int k, size_t i)
{
	size_t at = i * t->step[k], last = t->padded[k] - t->size[k];
	return at < last ? at : last;
}

/* What of tile i along axis k is kept, in the image: from the middle of the overlap before it to that behind it. */
static void kept(const c5_tiling *t, int k, size_t i, size_t *from, size_t *to)
{
	size_t length = k ? t->width : t->height, here = start(t, k, i);
	*from = i == 0 ? 0 : (here + start(t, k, i - 1) + t->size[k]) / 2;
	*to = i + 1 == t->count[k] ? length : (start(t, k, i + 1) + here + t->size[k]) / 2;
	if (*to > length) *to = length;
}

void c5_tiles_cut(const c5_tiling *t, size_t i, const float *image, float *tile)
{
	size_t y0 = start(t, 0, i / t->count[1]), x0 = start(t, 1, i % t->count[1]), w = t->size[1];
	size_t inside = x0 + w <= t->width ? w : t->width - x0;
	for (size_t y = 0; y < t->size[0]; y++) {
		const float *row = image + c5_filter_reflect((ptrdiff_t)(y0 + y), t->height) * t->width;
		memcpy(tile + y * w, row + x0, inside * sizeof *tile);
		for (size_t x = inside; x < w; x++) tile[y * w + x] = row[c5_filter_reflect((ptrdiff_t)(x0 + x), t->width)];
	}
}

void c5_tiles_paste(const c5_tiling *t, size_t i, const float *tile, float *map)
{
	size_t iy = i / t->count[1], ix = i % t->count[1], y0 = start(t, 0, iy), x0 = start(t, 1, ix), top, bottom, left, right;
	kept(t, 0, iy, &top, &bottom);
	kept(t, 1, ix, &left, &right);
	for (size_t y = top; y < bottom && left < right; y++)
		memcpy(map + y * t->width + left, tile + (y - y0) * t->size[1] + (left - x0), (right - left) * sizeof *map);
}
