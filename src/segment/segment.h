/* segment.h – from one frame to its mask: the methods, named for what they suit, and the size, shape and border filters.
 * Knows neither files nor ranks: the caller hands in pixels and takes labels. Deterministic for any number of threads. */
#ifndef C5_SEGMENT_SEGMENT_H
#define C5_SEGMENT_SEGMENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/options.h"

#define C5_SEGMENT_VERSION 2 /* of the methods: raise it whenever labels may differ for the same pixels and settings */

enum c5_segment_threshold { C5_SEGMENT_OTSU, C5_SEGMENT_LI, C5_SEGMENT_TRIANGLE, C5_SEGMENT_LOCAL };

typedef struct c5_segment_params {
	char *channel;      /* channel to segment; unset: the experiment's first channel of transmitted light, else its first */
	char *method;       /* deviation | phase | rods | fluorescence | sesmo | labels | otsu | percentile */
	char *labels;       /* labels: where the label images are; who runs the step reads them */
	double sigma;       /* Gaussian smoothing, px; 0 none; sesmo has its own */
	int64_t radius;     /* half width of the window of `deviation` and `phase`, px */
	double percentile;  /* for `percentile`, `sesmo`: share of the darkest (foreground bright: brightest) pixels, 0..100 */
	char *foreground;   /* bright | dark; which side of the threshold is cell: otsu, percentile, fluorescence */
	double scale;       /* factor on the threshold found; phase and sesmo have none */
	char *threshold;    /* fluorescence: otsu | li | triangle | local */
	int64_t background; /* fluorescence: half width of the window that finds the ground, px, larger than a cell; 0 leaves it */
	int64_t size;       /* rods: width of a rod; fluorescence: of a body, px */
	double low, high;   /* phase: deviation from which a pixel is cell, and that a cell has somewhere; in units of the medium's noise */
	int64_t closing;    /* phase: gaps bridged, px */
	int64_t halo;       /* phase: how deep the bright halo reaches into the rough area, px; 0 leaves it */
	int64_t max_hole;   /* phase, fluorescence: larger holes stay open, px; 0 no limit; deviation: (12 radius)^2 */
	double split;       /* phase, rods, fluorescence: pinched to less than this share of its width, an object is two; 0 never */
	int64_t min_area, max_area; /* px; 0: no limit; min_area -1: see c5_segment_min_area */
	double min_solidity, max_eccentricity; /* of regions.h; 0 and 1: no limit */
	int64_t border;     /* drop objects within this many px of the edge; -1: keep all */
	bool fill_holes;
} c5_segment_params;
extern const c5_opt c5_segment_opts[];

/* The smallest object that is kept, px: as set, or as it suits the method: 300 for phase, 0 for labels and sesmo, else 60. */
int64_t c5_segment_min_area(const c5_segment_params *params);
/* Whether the masks come from files (method labels): c5_segment_given, not c5_segment_frame. */
bool c5_segment_from_files(const c5_segment_params *params);

/* What is worth knowing of one frame: a row of the container's frames table. */
typedef struct c5_segment_summary {
	uint32_t objects;
	double threshold;   /* on the method's map (grey values, their deviation), in grey values */
	double covered;     /* share of pixels under objects, 0..1 */
	double mean, sd;    /* of the raw frame */
} c5_segment_summary;

typedef struct c5_segmenter c5_segmenter; /* settings and scratch memory for one frame size; one a thread */
int c5_segmenter_open(c5_segmenter **out, const c5_segment_params *params, size_t height, size_t width);
void c5_segmenter_close(c5_segmenter *s);
/* Bytes of scratch memory a segmenter of this size takes. */
size_t c5_segmenter_bytes(const c5_segment_params *params, size_t height, size_t width);

/* pixels: (H, W) of `dtype`. labels: (H, W), caller's; 0 background, 1..objects numbered in raster order of their first pixel.
 * Non-finite pixels count as the frame's median. */
int c5_segment_frame(c5_segmenter *s, int dtype, const void *pixels, uint32_t *labels, c5_segment_summary *summary);
/* The filters alone, on labels 1..n made elsewhere: those of unwanted objects become 0, the rest is numbered in raster order. */
int c5_segment_given(c5_segmenter *s, int dtype, const void *pixels, uint32_t *labels, uint32_t n, c5_segment_summary *summary);

#endif
