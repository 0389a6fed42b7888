/* prepare.h – how stored crops become what a net takes: channels picked by name, resized, scaled to float32. Recorded with the model, so that whoever
 * validates, scores or explains does exactly what training did. */
#ifndef C5_TRAIN_PREPARE_H
#define C5_TRAIN_PREPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/yaml.h"

#define C5_CHANNELS_MAX 16
#define C5_CHANNEL_TEXT 48

enum c5_scaling {
	C5_SCALE_CHANNEL,     /* (x - mean) / sd, both a channel's over the training crops */
	C5_SCALE_RANGE,       /* (x / full - 0.5) * 2; full is 255 for 8 bits, 65535 for 16 (Kusumoto et al. 2021 for 8) */
	C5_SCALE_PERCENTILE,  /* of each crop and channel: its percentiles low .. high to -1 .. 1, not clipped */
	C5_SCALE_CROP,        /* of each crop and channel: mean 0, deviation 1 */
	C5_SCALINGS
};
const char *c5_scaling_name(int scaling); /* "channel", "range", "percentile", "crop" */

typedef struct c5_prepare {
	int channels, height, width;                     /* what the net takes, all its inputs together */
	char names[C5_CHANNELS_MAX][C5_CHANNEL_TEXT];    /* the crops' channel each of them takes; the same name may come again (grey to three) */
	int scaling;                                     /* enum c5_scaling */
	double low, high;                                /* percentile: in percent */
	double full;                                     /* range */
	double mean[C5_CHANNELS_MAX], sd[C5_CHANNELS_MAX]; /* channel */
	bool missing;                                    /* trained with channels left out at times: what crops lack may be zeros, after scaling */
} c5_prepare;

/* Which of the crops' channels ("phase,srs" as crops store them) go where: from[c] for c < p->channels. A channel that nobody has named ("ch0") and
 * that is the only one stands for the only one asked for. C5_ENOTFOUND names what is missing and what there is. */
int c5_prepare_bind(int from[C5_CHANNELS_MAX], const c5_prepare *p, const char *channels);

/* The place of a name among such channels; -1: it is not there. */
int c5_prepare_find(const char *name, const char *channels);

/* One crop: pixels (of the crops' channels, height, width) of `dtype` to out (p->channels, p->height, p->width). scratch: c5_prepare_scratch floats.
 * Resizing is a triangle filter as wide as the shrinking asks for (bilinear when growing). Pixels that are no numbers count as the crop's least. */
size_t c5_prepare_scratch(const c5_prepare *p, int height, int width);
int c5_prepare_apply(const c5_prepare *p, const int *from, int dtype, const void *pixels, int height, int width, float *out, float *scratch);
/* The two halves of it: numbers and size; and scaling, which training does after augmentation. */
int c5_prepare_pixels(const c5_prepare *p, const int *from, int dtype, const void *pixels, int height, int width, float *out, float *scratch);
void c5_prepare_scale(const c5_prepare *p, float *crop, float *scratch);

/* in (height, width) to out (to_height, to_width); rows: (height, to_width) scratch. */
void c5_resize(float *out, int to_height, int to_width, const float *in, int height, int width, float *rows);

/* Text form, a YAML map; c5_prepare_from_yaml of it gives the same, C5_EUSAGE says what is wrong with it. */
void c5_prepare_add_yaml(c5_buf *b, int indent, const c5_prepare *p);
int c5_prepare_from_yaml(c5_prepare *p, const c5_yaml_node *map);
int c5_prepare_parse(c5_prepare *p, const char *name, const char *text);

#endif
