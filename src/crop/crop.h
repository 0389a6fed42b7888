/* crop.h – cuts the small image around an object out of a frame. */
#ifndef C5_CROP_CROP_H
#define C5_CROP_CROP_H

#include <stddef.h>
#include <stdint.h>

#include "base/options.h"

#define C5_CROP_VERSION 1

typedef struct c5_crop_params {
	int64_t size;       /* crops are size x size px */
	char *channels;     /* "a,b"; unset: every channel of the experiment */
	char *edge;         /* at the image's edge: reflect | zero | nearest */
	bool masked;        /* pixels of other objects and background become 0 */
} c5_crop_params;
extern const c5_opt c5_crop_opts[];

/* Cuts (size, size) pixels of `dtype` centred at the pixel nearest to (cy, cx). labels may be NULL unless params->masked. */
int c5_crop_cut(const c5_crop_params *params, int dtype, const void *pixels, const uint32_t *labels, size_t height, size_t width,
	double cy, double cx, uint32_t label, void *out);

#endif
