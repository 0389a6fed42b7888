/* tiles.h – a large image through a network of a fixed input size, without seams.
 *
 * All tiles have one size and start at multiples of the network's stride; neighbours overlap by at least twice the margin, and the overlap is
 * cut in its middle. With a margin of half the receptive field, what is kept of a tile has seen nothing of the tile's inner edges: the result
 * is the one of the whole image, to rounding. At the image's own edges a tile ends where the image ends, as the whole image would. */
#ifndef C5_STAIN_TILES_H
#define C5_STAIN_TILES_H

#include <stddef.h>

typedef struct c5_tiling {
	size_t height, width;       /* of the image */
	size_t padded[2];           /* of the image with its lower right edges mirrored up to multiples of `align` */
	size_t size[2];             /* of a tile, y and x: multiples of `align` */
	size_t count[2];            /* of tiles */
	size_t step[2];             /* between starts; the last one stands against the far edge */
} c5_tiling;

/* `side`: wanted size of a tile; it is cut to the image's where that is smaller, and grown where it could not hold two margins and one
 * step. C5_EUSAGE for an align of 0. */
int c5_tiles_plan(c5_tiling *out, size_t height, size_t width, size_t side, size_t margin, size_t align);
static inline size_t c5_tiles_count(const c5_tiling *t) { return t->count[0] * t->count[1]; }
/* Copies tile i out of an image (H, W): (size[0], size[1]). */
void c5_tiles_cut(const c5_tiling *t, size_t i, const float *image, float *tile);
/* Puts the part of tile i that is to be kept into the image's map. Tiles do not write each other's pixels: any order will do. */
void c5_tiles_paste(const c5_tiling *t, size_t i, const float *tile, float *map);

#endif
