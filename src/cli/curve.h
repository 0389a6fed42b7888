/* curve.h – how a training goes, for people: a curve that is drawn anew on a terminal, lines elsewhere. Rank 0 only. */
#ifndef C5_CLI_CURVE_H
#define C5_CLI_CURVE_H

#include <stdbool.h>
#include <stdint.h>

#include "train/train.h"

typedef struct c5_curve {
	bool live;             /* standard error is a terminal, and nobody asked for quiet */
	bool colour;
	int lines;             /* of the last drawing, to go back over */
	char status[256];
	const char *name;      /* of the model, when there are several; NULL */
	int epochs;
} c5_curve;

void c5_curve_open(c5_curve *c, int epochs);
/* An epoch is over: the curve, or a line. items_per_s 0: not known. */
void c5_curve_epoch(c5_curve *c, const char *name, const c5_train_state *s, double items_per_s, bool better);
/* Within an epoch: the line under the curve; nothing without a terminal. */
void c5_curve_step(c5_curve *c, const char *name, const c5_train_state *s, uint32_t steps, double loss);
void c5_curve_close(c5_curve *c);

/* An epoch of a model as an event (--json), with all its figures: one that is over ("epoch", "epoch"), or the best of all ("trained",
 * "best_epoch"). */
void c5_epoch_event(const char *event, const char *number, const char *model, const c5_train_state *s, const c5_epoch *e, double items_per_s);

#endif
