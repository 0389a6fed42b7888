/* blocks.c – see blocks.h. */
#include "stain/blocks.h"

#include <math.h>
#include <string.h>

#include "base/error.h"

int c5_blocks_grid(c5_block_grid *out, size_t height, size_t width, size_t side, size_t stride)
{
	memset(out, 0, sizeof *out);
	if (stride == 0 || stride > side)
		return c5_fail(C5_EUSAGE, "blocks every %zu px of %zu px, expected a stride of 1 to the block's side", stride, side);
	if (side > height || side > width)
		return c5_fail(C5_EINPUT, "blocks of %zu px do not fit into an image of %zu x %zu; make them smaller", side, height, width);
	*out = (c5_block_grid){ height, width, side, stride, (height - side + stride - 1) / stride + 1, (width - side + stride - 1) / stride + 1 };
	return C5_OK;
}

/* The last one stands against the far edge. */
static size_t start(size_t k, size_t stride, size_t side, size_t length) { return k * stride + side > length ? length - side : k * stride; }

void c5_blocks_at(const c5_block_grid *g, size_t i, size_t *y, size_t *x)
{
	*y = start(i / g->columns, g->stride, g->side, g->height);
	*x = start(i % g->columns, g->stride, g->side, g->width);
}

void c5_blocks_shares(float *share, const c5_block_grid *g, const uint8_t *mask, uint32_t *scratch)
{
	size_t row = g->width + 1;
	memset(scratch, 0, row * sizeof *scratch);
	for (size_t y = 0; y < g->height; y++) {
		uint32_t sum = 0, *at = scratch + (y + 1) * row;
		at[0] = 0;
		for (size_t x = 0; x < g->width; x++) {
			sum += mask[y * g->width + x] != 0;
			at[x + 1] = at[x + 1 - row] + sum;
		}
	}
	for (size_t i = 0; i < c5_blocks_count(g); i++) {
		size_t y, x;
		c5_blocks_at(g, i, &y, &x);
		const uint32_t *top = scratch + y * row + x, *bottom = top + g->side * row;
		share[i] = (float)((double)(bottom[g->side] - bottom[0] - top[g->side] + top[0]) / (double)(g->side * g->side));
	}
}

/* A raised cosine that stays above 0, so that a pixel under one block only has that block's value. */
static void window(float *w, size_t side)
{
	for (size_t i = 0; i < side; i++) w[i] = (float)(0.5 - 0.5 * cos(2 * M_PI * ((double)i + 0.5) / (double)side)) + 1e-3f;
}

/* Blocks over row or column p: first and one past last. */
static void over(size_t p, size_t n, size_t stride, size_t side, size_t length, size_t *from, size_t *to)
{
	*from = p < side ? 0 : (p - side) / stride + 1;
	*to = p / stride + 1 < n ? p / stride + 1 : n;
	if (*from >= n) *from = n - 1;
	/* The last block is set back: it may cover pixels before its place on the grid. */
	if (*to < n && start(n - 1, stride, side, length) <= p) *to = n;
}

void c5_blocks_assemble(float *map, const c5_block_grid *g, const float *probability, float *scratch)
{
	float *wy = scratch, *wx = scratch + g->side;
	window(wy, g->side);
	memcpy(wx, wy, g->side * sizeof *wx);
#pragma omp parallel for schedule(static)
	for (size_t y = 0; y < g->height; y++) {
		size_t r0, r1;
		over(y, g->rows, g->stride, g->side, g->height, &r0, &r1);
		for (size_t x = 0; x < g->width; x++) {
			size_t c0, c1;
			double sum = 0, weight = 0;
			over(x, g->columns, g->stride, g->side, g->width, &c0, &c1);
			for (size_t r = r0; r < r1; r++) {
				size_t dy = y - start(r, g->stride, g->side, g->height);
				if (dy >= g->side) continue; /* below 0 wraps above it */
				for (size_t c = c0; c < c1; c++) {
					size_t dx = x - start(c, g->stride, g->side, g->width);
					if (dx >= g->side) continue;
					double w = (double)wy[dy] * (double)wx[dx];
					sum += w * (double)probability[r * g->columns + c];
					weight += w;
				}
			}
			map[y * g->width + x] = (float)(sum / weight);
		}
	}
}
