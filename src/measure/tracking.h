/* tracking.h – how well a tracking result agrees with the truth: the measures of the Cell Tracking Challenge as its reference program
 * defines them (SEG, DET, TRA, LNK and their parts, CT, TF, BC(i), CCA, BIO, OP), divisions found, missed and invented, and the measures of
 * multiple object tracking (MOTA, HOTA, IDF1, CHOTA). docs/measures.md has every definition with its source.
 *
 * Label frames come one by one from callbacks, so folders and containers feed it alike, and two (with separate segmentation truth three)
 * frames are in memory at a time; beyond that a number for each object and frame. */
#ifndef C5_MEASURE_TRACKING_H
#define C5_MEASURE_TRACKING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "measure/figures.h"
#include "measure/lives.h"

#define C5_BC_MOST 3 /* BC(0) .. BC(3) */

/* Frames of labels, 0 background. labels: (planes * height, width). Called in order of frames, each once. */
typedef struct c5_label_frames {
	const char *name;      /* for messages: "01_RES" */
	uint32_t frames, planes, height, width; /* planes 1: two dimensions */
	int (*read)(void *self, uint32_t frame, uint32_t *labels);
	void *self;
} c5_label_frames;

/* Segmentation truth made apart from the tracking truth, often for some frames or planes only; sorted by frame. */
typedef struct c5_label_parts {
	const char *name;
	size_t n;
	struct c5_label_part { uint32_t frame; int64_t plane; } *at; /* plane -1: all of them */
	int (*read)(void *self, size_t i, uint32_t *labels); /* as large as a frame, or as one plane */
	void *self;
} c5_label_parts;

typedef struct c5_tracking_input {
	c5_label_frames gt, res;
	const c5_life *gt_lives, *res_lives; /* frames counted from 0 */
	size_t n_gt_lives, n_res_lives;
	uint64_t first;              /* number of frame 0, for messages */
	const c5_label_parts *seg;   /* NULL: SEG is measured on the tracking truth */
	c5_breaches *breaches;       /* of the rules; may hold some already */
} c5_tracking_input;

/* Divisions at a tolerance of some frames. A division of the truth and one of the result are a pair when their parents match. */
typedef struct c5_divisions {
	uint64_t correct;            /* pairs whose daughters match as well */
	uint64_t mismatched;         /* pairs with other daughters */
	uint64_t missed;             /* divisions of the truth without a pair */
	uint64_t invented;           /* divisions of the result without a pair */
	double bc;                   /* BC(i) */
	double bio, op_clb;          /* with this BC(i) */
} c5_divisions;

typedef struct c5_tracking {
	uint64_t frames, gt_tracks, res_tracks, gt_objects, res_objects, gt_edges, res_edges, gt_divisions, res_divisions, seg_objects;
	uint64_t ns, fn, fp, ed, ea, ec;
	double aogm, aogm_0, seg, det, tra, lnk, op_csb, op_ctb;
	uint64_t complete_tracks, detected_tracks;
	double ct, tf, cca;
	c5_divisions divisions[C5_BC_MOST + 1];
	uint64_t mot_tp, mot_fp, mot_fn, switches, merges, id_tp, id_fp, id_fn;
	double mota, hota, chota, idf1, idp, idr;
} c5_tracking;

/* C5_EINPUT when the two sides differ in size, or when a rule is broken (each breach is told). */
int c5_tracking_measure(c5_tracking *out, const c5_tracking_input *in);
/* Adds all figures, with their explanations. */
void c5_tracking_figures(c5_figures *to, const c5_tracking *t);

#endif
