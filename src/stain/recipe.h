/* recipe.h – the settings of virtual staining, and what a stain model must remember of its training so that others can use it: its recipe. */
#ifndef C5_STAIN_RECIPE_H
#define C5_STAIN_RECIPE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/options.h"
#include "nn/model.h"
#include "stain/field.h"

#define C5_STAIN_PLANES_MAX 64

/* What a user says: how the marker is made yes or no, and what the network looks at. */
typedef struct c5_stain_params {
	char *method;        /* blocks | dense */
	char *input;         /* "phase,srs"; unset: every label-free channel */
	char *planes;        /* z planes used as channels: "all", "middle", or numbers from 0 by commas */
	char *marker;        /* "dapi,map2": one head each */
	char *registration;  /* auto | check | off: whether the marker lies where the label-free image has it (align.h); unset: off */
	double ground;       /* large-scale ground taken away from label-free planes, px; 0: none */
	char *threshold;     /* otsu | percentile | hand */
	double value;        /* of percentile or hand */
	char *per;           /* what shares a threshold: plate | experiment | all */
	int64_t despeckle;   /* smaller positive spots are dropped, px */
	int64_t block, stride, context; /* px; stride 0: half a block */
	double share;        /* of a block's area from which it is positive */
	char *turns;         /* all | left-right | up-down | none */
	double warp;         /* dense: share of patches turned by any angle and scaled */
	int64_t patch;       /* dense: side of a training patch, px */
	char *target;        /* dense: image | mask */
	double width;        /* of the network: factor on its filters */
	int64_t depth;       /* dense: levels of the U-Net */
} c5_stain_params;
extern const c5_opt c5_stain_opts[];
unsigned c5_stain_still(const c5_stain_params *p); /* of a feed (feeds.h) */

/* Kept with the model. Numbers that training found are beside the settings. */
typedef struct c5_recipe {
	bool dense, mask;
	int channels, planes;           /* of the label-free image; inputs of the net are channels x planes, channel slowest */
	char channel[C5_STAIN_MARKERS_MAX][48];
	int plane[C5_STAIN_PLANES_MAX]; /* z numbers; -1: there is no z axis */
	int markers;
	char marker[C5_STAIN_MARKERS_MAX][48];
	double threshold[C5_STAIN_MARKERS_MAX]; /* grey value that made it positive in training: of the first group, where there were several */
	double positive[C5_STAIN_MARKERS_MAX];  /* of the map: what is above it counts as the marker: a probability, or a grey value */
	double mean[C5_STAIN_MARKERS_MAX], sd[C5_STAIN_MARKERS_MAX]; /* dense image: grey = mean + sd * output */
	double ground, share, pixel_um; /* pixel_um: side of the training images' pixels, NAN: not stated */
	int block, stride, context;
} c5_recipe;

static inline int c5_recipe_inputs(const c5_recipe *r) { return r->channels * r->planes; }

/* Text form, a YAML map; c5_recipe_parse of it gives the same. C5_EUSAGE says what is wrong. */
void c5_recipe_add_yaml(c5_buf *b, int indent, const c5_recipe *r);
int c5_recipe_parse(c5_recipe *r, const char *name, const char *text, size_t size);

/* The networks: blocks (channels, W, W), W = block + 2 context, to one probability a marker; patches (channels, H, W) to one map a marker, a
 * probability for masks. What is around a block is seen, but the answer is the mean over the block alone: the last convolutions keep to the inside
 * until as much is left as the block covers. `width` scales the filters (1: 32 at the first level). Heights and widths of dense models must be
 * multiples of 1 << depth. */
int c5_stain_block_net(c5_model **out, int channels, int block, int context, int markers, double width);
int c5_stain_dense_net(c5_model **out, int channels, int height, int width_px, int markers, bool mask, int depth, double width);

#endif
