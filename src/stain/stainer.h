/* stainer.h – a trained stain model over whole frames: prepared label-free planes in, one map a marker out, without seams. */
#ifndef C5_STAIN_STAINER_H
#define C5_STAIN_STAINER_H

#include "nn/net.h"
#include "stain/blocks.h"
#include "stain/recipe.h"
#include "stain/tiles.h"

#define C5_STAIN_VERSION 1 /* of the prediction: raised whenever maps may differ for the same model and pixels */

typedef struct c5_stainer_how {
	size_t stride;      /* blocks: px from block to block; 0: as trained */
	size_t tile;        /* dense: side of a tile, px; 0: a good one; at or above the image's size: the image whole */
	int batch;          /* blocks or tiles of one pass; 0: a good number */
	int precision;      /* enum c5_precision */
	bool mirrored;      /* dense: the mean over the tile as it is and its three mirror images: surer, four times the time */
	double rescale;     /* the network sees frames so many times as large, and maps are brought back; 0 and 1: as they are */
} c5_stainer_how;

typedef struct c5_stainer c5_stainer;
/* Copies model, weights and recipe; the device is borrowed. C5_EINPUT when blocks do not fit into (height, width), C5_ENOMEM when the device is
 * full. */
int c5_stainer_open(c5_stainer **out, c5_device *device, const c5_model *m, const c5_weights *w, const c5_recipe *r, size_t height, size_t width,
	const c5_stainer_how *how);
void c5_stainer_close(c5_stainer *s); /* NULL is fine */
/* Pixels a side of `n` px has after rescaling. */
size_t c5_stainer_side(size_t n, double rescale);
/* The grid of blocks, on the rescaled frame; all zero for dense models. */
const c5_block_grid *c5_stainer_grid(const c5_stainer *s);

/* How a dense model's (rescaled) frame is cut. */
const c5_tiling *c5_stainer_tiling(const c5_stainer *s);

/* input: (C, H, W) as c5_stain_read_input gives it. maps: (K, H, W) probabilities, or grey values of a dense image model. blocks: (K, rows x columns)
 * probabilities, or NULL; not touched by dense models. The same for any batch, and for any tile to rounding. */
int c5_stainer_frame(c5_stainer *s, const float *input, float *maps, float *blocks);

#endif
