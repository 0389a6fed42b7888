/* augment.h – crops turned, moved, bent, lit and blurred anew each time they are learnt from. What is drawn for a crop depends on the seed and the
 * number of its draw alone (base/random.h), so the same batch comes out for any number of threads and ranks, and after a restart.
 *
 * All geometry is one affine map, resampled once: bilinear, with the crop mirrored at its borders. Light comes after scaling (prepare.h), so its
 * strengths are in the net's units. */
#ifndef C5_TRAIN_AUGMENT_H
#define C5_TRAIN_AUGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/options.h"
#include "base/random.h"

typedef struct c5_augment {
	double rotate;      /* degrees either way; 180: any */
	double shift;       /* share of the side, either way */
	bool flip;          /* left-right and up-down, each with even chance */
	bool quarters;      /* turned by 0, 90, 180 or 270 degrees, each with even chance; pixels of a square crop move and stay what they are */
	double scale;       /* up to 1 + scale larger or smaller, log-uniform */
	double shear;       /* degrees either way */
	double brightness;  /* added: uniform in +- */
	double contrast;    /* times 1 / (1 + c) .. 1 + c, log-uniform */
	double shading;     /* a ramp across the crop in a drawn direction, +- at its ends */
	double blur;        /* Gaussian, 0 .. sigma, px */
	double noise;       /* normal, deviation drawn from 0 .. noise */
	double cutout;      /* side of a square set to 0, share of the crop's side; half of the crops */
	double drop_channel;/* chance of each channel to be zeros when there are several; never all of them */
	double mixup;       /* two crops and their classes mixed, share drawn from Beta(a, a); 0: none */
} c5_augment;
extern const c5_opt c5_augment_opts[];

/* Presets for --augment: "none", "published" (Kusumoto et al. 2021: any rotation, shift 0.2, flips), "standard", "strong". C5_EUSAGE lists them. */
int c5_augment_preset(c5_augment *a, const char *name);

/* The map from places of the output to places of the input, as drawn: y_in = m[0] y + m[1] x + m[2], x_in = m[3] y + m[4] x + m[5]; places are pixel
 * centres. */
void c5_augment_map(double m[6], const c5_augment *a, c5_random *r, int height, int width);
/* in, out: (height, width), disjoint. */
void c5_augment_warp(float *out, const float *in, int height, int width, const double m[6]);

/* The first half, on pixels as they are; and the second, on scaled ones. crop: (channels, height, width), changed in place. The same draw gives both.
 * scratch: c5_augment_scratch floats. */
size_t c5_augment_scratch(const c5_augment *a, int channels, int height, int width);
void c5_augment_shape(const c5_augment *a, uint64_t seed, uint64_t draw, float *crop, int channels, int height, int width, float *scratch);
void c5_augment_light(const c5_augment *a, uint64_t seed, uint64_t draw, float *crop, int channels, int height, int width, float *scratch);
/* Mixup: the partner's place in a batch of n, and this crop's share (0.5 .. 1); false when nothing is mixed. */
bool c5_augment_mix(const c5_augment *a, uint64_t seed, uint64_t draw, size_t n, size_t *partner, float *share);

#endif
