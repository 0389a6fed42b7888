/* pairing.h – two frames side by side: who may be who, at which cost, and the cheapest answer. The room's own; link.c turns it into pairs. */
#ifndef C5_TRACK_PAIRING_H
#define C5_TRACK_PAIRING_H

#include "track/model.h"
#include "track/near.h"
#include "track/overlap.h"

/* One frame, kept. Places are those on the sample, boxes those in the picture. */
typedef struct c5_side {
	uint32_t frame, n;
	double drift_y, drift_x;    /* px; of the picture against the sample */
	c5_cell *cells;             /* (n), by label */
	double *y, *x;              /* (n) */
	double *vy, *vx;            /* (n) own motion beyond the neighbours' on the way here, px a frame */
	uint8_t *moving;            /* (n) vy, vx are known */
	uint32_t *labels;           /* (height, width) copy, or NULL */
	size_t height, width;
	double size, spacing;       /* medians of the major axis and of the distance to the nearest other, px */
} c5_side;

typedef struct c5_pairing {
	const c5_track_params *params;
	const c5_side *a, *b;
	double dt, reach;           /* frames between; farthest distance looked at, px */
	double drift_y, drift_x;    /* how far the picture moved from a to b, px */
	double across;              /* mean diameter of the objects of a, px */
	double total;               /* cost of the last answer */
	c5_model model;
	double *py, *px;            /* (a.n) where each object of a is expected, less where it was */
	uint64_t *start;            /* (a.n + 1) candidates of each object of a */
	uint32_t *col;              /* objects of b, ascending */
	double *share;              /* px in common */
	double *cost;
	size_t cap;
	uint32_t *half;             /* (a.n, 2) objects of b that may be its daughters, or C5_TRACK_NONE */
	double *half_cost;          /* (a.n) of both together */
	uint32_t *match;            /* (a.n, 2) the answer: continuation and second daughter, or C5_TRACK_NONE */
	double *distance2;          /* (b.n, 2) scratch */
	c5_near near;
	c5_overlap overlap;         /* open when both frames have label images of one size */
} c5_pairing;

int c5_pairing_open(c5_pairing *p, const c5_track_params *params, const c5_side *a, const c5_side *b);
void c5_pairing_close(c5_pairing *p);
/* Lists candidates around the expected places, prices them and matches. */
int c5_pairing_solve(c5_pairing *p);
/* The shift most objects seem to have made, told from the candidates of the last answer; 0, 0 unless it is plain. */
int c5_pairing_vote(const c5_pairing *p, double *dy, double *dx);
/* Learns typical changes from the last answer. */
int c5_pairing_learn(c5_pairing *p);
/* Displacements of the last answer; of dividing objects that of the daughters' middle. moved: (a.n). */
void c5_pairing_moves(const c5_pairing *p, double *dy, double *dx, uint8_t *moved);
/* Features of a division of object i into j and k, both among its candidates. False when one is not. */
bool c5_pairing_birth(const c5_pairing *p, uint32_t i, uint32_t j, uint32_t k, c5_pair_birth *b);

#endif
