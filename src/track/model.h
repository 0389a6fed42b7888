/* model.h – how likely two objects of different frames are the same one, or mother and daughters. The room's own; others use link.h and track.h.
 *
 * A cost is the negative log likelihood of a change, less that of no change at all, against the changes typical of these frames. All
 * changes have heavy tails (Student's t), since now and then cells do jump. */
#ifndef C5_TRACK_MODEL_H
#define C5_TRACK_MODEL_H

#include "track/link.h"

/* An object as the model sees it. */
typedef struct c5_cell {
	uint32_t label, y0, x0, y1, x1;
	double y, x, area;
	double yy, xx, yx;      /* covariance of the ellipse of the same moments, px^2 */
	double major, minor;    /* axes, px */
	double cos2, sin2, slim; /* of twice the orientation; slim: 0 disk .. 1 needle */
	double mean;
	double edge;            /* distance of the box from the frame's edge, px; large when unknown */
} c5_cell;

void c5_cell_of_object(c5_cell *c, const c5_object *o, size_t height, size_t width);
void c5_cell_of_node(c5_cell *c, const c5_pair_node *n);

/* Changes typical of a pair of frames. */
typedef struct c5_model {
	const c5_track_params *params;
	double step;            /* px: standard deviation of the position along each axis about the expected one */
	double growth, area;    /* median and spread of the log ratio of areas */
	double apart;           /* mean share of the smaller object that is not shared */
	double mean;            /* spread of the difference of intensities; 0: intensities are not known */
	double turn;            /* mean of 1 - cos(2 angle), of needles */
	double split_area, split_spread; /* the same as growth and area for daughters together over their mother */
	double split_apart, split_least; /* means of what daughters do not share with her: together, and of the one that shares less */
} c5_model;

/* What to expect before anything is known: of n cells that are at most `reach` px from where they are looked for. */
void c5_model_guess(c5_model *m, const c5_track_params *params, double reach, const c5_cell *cells, uint32_t n);

/* One link that is believed, for learning. */
typedef struct c5_change { double distance2, area, overlap, mean, turn, turn_weight; } c5_change;
/* (dy, dx): where `to` is less where it was expected */
c5_change c5_change_of(const c5_cell *from, const c5_cell *to, double dy, double dx, double overlap);
/* Replaces the guess by what the changes show, as far as they are many. Reorders them. C5_ENOMEM only. */
int c5_model_learn(c5_model *m, c5_change *changes, size_t n, double least_step);

/* -log of Student's t, 0 at z2 = 0; z2 is the squared deviation in units of the squared spread, in `dims` dimensions. */
double c5_cost_t(double z2, int dims);
double c5_cost_link(const c5_model *m, const c5_change *c);
double c5_cost_birth(const c5_model *m, const c5_pair_birth *b);
/* Cost of an object's beginning or end: little at the frame's edge, where objects come and go. */
double c5_cost_alone(const c5_model *m, double edge);

/* Share of the smaller that two ellipses have in common, when `b` lies at (dy, dx) from `a`. */
double c5_cell_overlap(const c5_cell *a, const c5_cell *b, double dy, double dx);
/* Fills the features of a division, save the numbers of the nodes. (y, x): where the mother was expected; shares: px of either daughter in the
 * mother. */
void c5_birth_features(c5_pair_birth *b, const c5_model *m, const c5_cell *mother, double y, double x, const c5_cell *one, const c5_cell *two,
	double share_one, double share_two);

#endif
