/* overlap.c – see overlap.h. */
#include "track/overlap.h"

#include <math.h>
#include <stdlib.h>

int c5_overlap_open(c5_overlap *o, const uint32_t *from, const uint32_t *to, size_t height, size_t width, const c5_cell *cells, uint32_t n)
{
	int err;
	*o = (c5_overlap){ .from = from, .to = to, .height = height, .width = width, .cells = cells, .n = n };
	if ((err = c5_alloc(&o->count, (size_t)n + 1, sizeof *o->count)) < 0 || (err = c5_alloc(&o->hit, (size_t)n + 1, sizeof *o->hit)) < 0)
		c5_overlap_close(o);
	return err;
}

void c5_overlap_close(c5_overlap *o)
{
	free(o->count);
	free(o->hit);
	*o = (c5_overlap){ 0 };
}

/* Number of the object of that label; n for none. */
static uint32_t find(const c5_overlap *o, uint32_t label)
{
	uint32_t lo = 0, hi = o->n;
	if (label && label <= o->n && o->cells[label - 1].label == label) return label - 1; /* labels 1..n */
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (o->cells[mid].label < label) lo = mid + 1;
		else hi = mid;
	}
	return lo < o->n && o->cells[lo].label == label ? lo : o->n;
}

void c5_overlap_ask(c5_overlap *o, const c5_cell *cell, double dy, double dx)
{
	for (uint32_t k = 0; k < o->n_hit; k++) o->count[o->hit[k]] = 0;
	o->n_hit = 0;
	ptrdiff_t sy = (ptrdiff_t)floor(dy + 0.5), sx = (ptrdiff_t)floor(dx + 0.5), h = (ptrdiff_t)o->height, w = (ptrdiff_t)o->width;
	uint32_t last_label = 0, last = o->n;
	for (ptrdiff_t y = cell->y0; y < (ptrdiff_t)cell->y1; y++) {
		if (y + sy < 0 || y + sy >= h) continue;
		const uint32_t *a = o->from + y * w, *b = o->to + (y + sy) * w;
		ptrdiff_t x0 = cell->x0, x1 = cell->x1;
		if (x0 + sx < 0) x0 = -sx;
		if (x1 + sx > w) x1 = w - sx;
		for (ptrdiff_t x = x0; x < x1; x++) {
			if (a[x] != cell->label || !b[x + sx]) continue;
			if (b[x + sx] != last_label) last_label = b[x + sx], last = find(o, last_label);
			if (last == o->n) continue;
			if (!o->count[last]++) o->hit[o->n_hit++] = last;
		}
	}
}
