/* crop.h – cuts the small image around an object out of a frame: a window of one size about its centre, or its bounding box with some context,
 * resized. */
#ifndef C5_CROP_CROP_H
#define C5_CROP_CROP_H

#include <stddef.h>
#include <stdint.h>

#include "base/options.h"

#define C5_CROP_VERSION 2

typedef struct c5_crop_params {
	char *window;          /* fixed: crops are cut 1:1 about the centroid; box: the bounding box with its context, resized */
	int64_t size;          /* crops are size x size px, unless ... */
	int64_t height, width; /* ... these say otherwise; 0: size */
	double context;        /* box: px on all sides of the bounding box */
	double context_share;  /* box: further px, as a share of the longer side of the bounding box */
	char *aspect;          /* box: keep: the window is widened to the shape of the crop | stretch: the box is resized as it is */
	char *channels;        /* "a,b"; unset: every channel of the experiment */
	int64_t z;             /* plane of a z stack; -1: the middle one */
	char *edge;            /* beyond the frame's edge: reflect | zero | nearest */
	bool masked;           /* pixels of other objects and background become 0 */
} c5_crop_params;
extern const c5_opt c5_crop_opts[];

/* Height and width of the crops. C5_EUSAGE for settings out of range. */
int c5_crop_size(const c5_crop_params *params, size_t *height, size_t *width);

/* The part of a frame that a crop shows: rows y0 .. y1-1, columns x0 .. x1-1. It may reach beyond the frame. */
typedef struct c5_crop_window { int32_t y0, x0, y1, x1; } c5_crop_window;

/* Where the object of this centroid and bounding box (y0, x0, y1, x1; the last two excluded) has its window. C5_EINPUT when that is no place. */
int c5_crop_place(c5_crop_window *window, const c5_crop_params *params, double cy, double cx, const uint32_t box[4]);

/* Cuts a window of (frame_height, frame_width) pixels of `dtype` to the crop's size. out: pixels of `to`, which is `dtype` or C5_F32. Windows of the
 * crop's size are moved bit for bit; others are resized as image/resize.h has it, after masking, non-finite pixels counting as the least of the
 * window, and rounded where `to` is a whole number. labels may be NULL unless params->masked. */
int c5_crop_cut(const c5_crop_params *params, int dtype, const void *pixels, const uint32_t *labels, size_t frame_height, size_t frame_width,
	const c5_crop_window *window, uint32_t label, int to, void *out);

#endif
