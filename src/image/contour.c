/* contour.c – see contour.h. Moore's walk: at each border pixel the neighbours are tried in turn, from the one after where the last was left. It
 * ends when it leaves the first pixel the way it did at first. */
#include "image/contour.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/mem.h"

/* Anticlockwise on the screen (y down), from the east. */
static const int8_t step_y[8] = { 0, -1, -1, -1, 0, 1, 1, 1 }, step_x[8] = { 1, 1, 0, -1, -1, -1, 0, 1 };

int c5_contour_trace(c5_contour_point **out, size_t *cap, size_t *n, const uint32_t *labels, size_t height, size_t width, size_t y, size_t x)
{
	const uint32_t label = labels[y * width + x];
	int32_t at_y = (int32_t)y, at_x = (int32_t)x;
	int from = 4, first = -1, err; /* the pixel to the west and all above are not the region's */
	*n = 0;
	for (;;) {
		int k = 0, to = 0;
		bool found = false;
		for (k = 1; k <= 8 && !found; k++) {
			to = (from + k) % 8;
			const int64_t v = at_y + step_y[to], u = at_x + step_x[to];
			found = v >= 0 && u >= 0 && v < (int64_t)height && u < (int64_t)width && labels[(size_t)v * width + (size_t)u] == label;
		}
		if (*n && at_y == (int32_t)y && at_x == (int32_t)x && to == first) return C5_OK;
		if ((err = c5_grow(out, cap, *n + 1, sizeof **out)) < 0) return err;
		(*out)[(*n)++] = (c5_contour_point){ at_y, at_x };
		if (!found) return C5_OK; /* one pixel */
		if (first < 0) first = to;
		at_y += step_y[to], at_x += step_x[to];
		from = (to + 4) % 8;
		/* the next search starts behind the background pixel that was tried last */
	}
}

double c5_contour_area(const c5_contour_point *points, size_t n)
{
	int64_t twice = 0;
	for (size_t i = 0; i < n; i++) {
		const c5_contour_point *a = &points[i], *b = &points[i + 1 < n ? i + 1 : 0];
		twice += (int64_t)a->x * b->y - (int64_t)b->x * a->y;
	}
	return (double)(twice < 0 ? -twice : twice) / 2;
}
