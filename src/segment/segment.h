/* segment.h – from one frame to its mask: smoothing, a threshold, labelling, size and border filters.
 * Knows neither files nor ranks: the caller hands in pixels and takes labels. Deterministic for any number of threads. */
#ifndef C5_SEGMENT_SEGMENT_H
#define C5_SEGMENT_SEGMENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/options.h"

#define C5_SEGMENT_VERSION 1 /* of the method: raise it whenever labels may differ for the same pixels and settings */

typedef struct c5_segment_params {
	char *channel;      /* channel to segment; unset: the experiment's first phase or brightfield channel, else its first */
	char *method;       /* otsu | percentile | deviation */
	double sigma;       /* Gaussian smoothing before the threshold, px; 0 none */
	int64_t radius;     /* half width of the window of `deviation`, px */
	double percentile;  /* for `percentile`: share of the darkest (foreground bright: brightest) pixels, 0..100 */
	char *foreground;   /* bright | dark; which side of the threshold is cell; `deviation` takes the rough side always */
	double scale;       /* factor on the threshold found */
	int64_t min_area, max_area; /* px; 0: no limit */
	int64_t border;     /* drop objects within this many px of the edge; -1: keep all */
	bool fill_holes;    /* `deviation`: holes up to (12 radius)^2 px, larger ones are medium between cells */
} c5_segment_params;
extern const c5_opt c5_segment_opts[];

/* What is worth knowing of one frame: a row of the container's frames table. */
typedef struct c5_segment_summary {
	uint32_t objects;
	double threshold;   /* on the smoothed image or its deviation map, in the units of that map */
	double covered;     /* share of pixels under objects, 0..1 */
	double mean, sd;    /* of the raw frame */
} c5_segment_summary;

typedef struct c5_segmenter c5_segmenter; /* settings and scratch memory for one frame size; one a thread */
int c5_segmenter_open(c5_segmenter **out, const c5_segment_params *params, size_t height, size_t width);
void c5_segmenter_close(c5_segmenter *s);
/* Bytes of scratch memory a segmenter of this size takes. */
size_t c5_segmenter_bytes(const c5_segment_params *params, size_t height, size_t width);

/* pixels: (H, W) of `dtype`. labels: (H, W), caller's; 0 background, 1..objects numbered in raster order of their first pixel.
 * Non-finite pixels count as the frame's minimum. */
int c5_segment_frame(c5_segmenter *s, int dtype, const void *pixels, uint32_t *labels, c5_segment_summary *summary);

#endif
