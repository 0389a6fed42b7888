/* identify.h – what kind of image is this, and how large is what it shows? Read this header first.
 *
 * A small network sees square tiles and says the kind of light, and the diameter of the objects in px, as a share of each of a row of steps of a
 * quarter octave. Objects are seen best when they are about C5_IDENTIFY_BEST px across: an image is looked at in many sizes at once to learn roughly
 * what that takes, then is brought to that size and looked at again, until the answer stays (as SizeModel of Stringer et al. 2021 does once). So the
 * same picture, twice as large, ends at the same tiles, and is found to be twice as large, whatever the network thinks of its kind: ratios of sizes
 * are far surer than the sizes themselves. DeepCell (Moen et al. 2019) tells both from a whole image at once.
 *
 * The words are the container's for modality; fluorescence comes as nuclei and as structure, which the network tells apart. */
#ifndef C5_IDENTIFY_IDENTIFY_H
#define C5_IDENTIFY_IDENTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "identify/profile.h"
#include "nn/net.h"

#define C5_IDENTIFY_VERSION 3 /* raised whenever answers may differ for the same model and pixels */
#define C5_IDENTIFY_SIDE 96   /* px of a tile */
#define C5_IDENTIFY_BINS 28
#define C5_IDENTIFY_FIRST 1.5 /* log2 px of the first step; each is a quarter octave: 2.8 to 304 px */
#define C5_IDENTIFY_STEP 0.25
#define C5_IDENTIFY_BEST 24.0 /* px */
#define C5_IDENTIFY_FEATURES "mean" /* the layer before the answers */
#define C5_IDENTIFY_LEAST 32  /* px: a smaller image shows too little */

/* In the order of the simulator's looks (simulate/still.h). */
enum c5_image_kind { C5_KIND_PHASE, C5_KIND_BRIGHTFIELD, C5_KIND_DIC, C5_KIND_NUCLEI, C5_KIND_STRUCTURE, C5_KINDS };
const char *c5_identify_kind(int kind);     /* "phase", "brightfield", "dic", "nuclei", "structure" */
const char *c5_identify_modality(int kind); /* the container's word: nuclei and structure are "fluorescence" */
/* Is the kind what a container calls `modality`? srs and tpef are bright matter on dark ground as structure is, and cannot be told from it;
 * transmission is any of the three ways of transmitted light. An unknown or missing word agrees with all. */
bool c5_identify_agrees(int kind, const char *modality);

/* One frame, a few of them of a recording. */
typedef struct c5_identify_frame { const float *pixels; size_t height, width; } c5_identify_frame;

typedef struct c5_identity {
	double kind[C5_KINDS];      /* probabilities */
	int best;                   /* the likeliest modality's likelier kind */
	double probability;         /* of the modality: of both kinds of fluorescence together */
	double diameter_px;         /* of a typical object; NAN: nothing was seen */
	double spread;              /* standard error of log2 diameter, from tile to tile */
	int tiles;                  /* looked at in the end */
	c5_profile profile;         /* to compare with others */
} c5_identity;

/* The network: one tile in, probabilities of kinds and of sizes out. */
int c5_identify_net(c5_model **out);
/* Is this model one of ours? C5_EINPUT says why not. */
int c5_identify_check(const c5_model *m, const char *name);

typedef struct c5_identifier c5_identifier;
/* Borrows the device. */
int c5_identifier_open(c5_identifier **out, c5_device *device, const c5_model *m, const c5_weights *w);
void c5_identifier_close(c5_identifier *id); /* NULL is fine */
/* All frames together are one answer; they may differ in size. C5_EINPUT when a frame is smaller than C5_IDENTIFY_LEAST, or all are constant. */
int c5_identify(c5_identifier *id, const c5_identify_frame *frames, size_t n, c5_identity *out);

#endif
