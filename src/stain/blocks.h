/* blocks.h – an image cut into square blocks at the same places for every channel, and put together again.
 *
 * Blocks start at multiples of `stride` from the top left; a last row and column of blocks is set against the far edge, so that every pixel
 * is in a block whatever the image's size. Put together, each pixel is the mean of the blocks over it, weighted by a window that
 * falls off towards a block's edge, so that no seam shows; without overlap (stride = side) it is the block's own value. */
#ifndef C5_STAIN_BLOCKS_H
#define C5_STAIN_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

typedef struct c5_block_grid {
	size_t height, width;       /* of the image */
	size_t side, stride;        /* px; stride <= side */
	size_t rows, columns;       /* of blocks */
} c5_block_grid;

/* C5_EINPUT when a block does not fit into the image, C5_EUSAGE for a stride of 0 or above the side. */
int c5_blocks_grid(c5_block_grid *out, size_t height, size_t width, size_t side, size_t stride);
static inline size_t c5_blocks_count(const c5_block_grid *g) { return g->rows * g->columns; }
/* Top left pixel of block i, row by row. */
void c5_blocks_at(const c5_block_grid *g, size_t i, size_t *y, size_t *x);

/* Share of positive pixels of each block, (rows, columns), by a table of sums. scratch: (H + 1, W + 1) uint32. */
void c5_blocks_shares(float *share, const c5_block_grid *g, const uint8_t *mask, uint32_t *scratch);

/* The same over the probability of each block: its map (H, W). scratch: 2 * side floats. Any order of work gives the same map. */
void c5_blocks_assemble(float *map, const c5_block_grid *g, const float *probability, float *scratch);

#endif
