/* trained_summary.h – what trainings came to: the validation crops' probabilities gathered over folds and members, their figures, and a table of
 * them. */
#ifndef C5_CLI_TRAINED_SUMMARY_H
#define C5_CLI_TRAINED_SUMMARY_H

#include "mpi/trainer.h"
#include "pipeline/learn.h"

/* Probabilities of every member for every crop that was kept back in some fold. */
typedef struct c5_pooled {
	float *prob;        /* (members, items, classes) */
	uint8_t *have;      /* (members, items) */
	size_t n, classes, members;
} c5_pooled;

/* Those of training k, in the order of its validation part. */
int c5_pooled_add(c5_pooled *p, const c5_learn *l, int k, const float *prob, size_t count);
/* Prints the figures: of all together (the mean of the members' probabilities), and of each member; writes the table when a path is given. */
int c5_pooled_tell(const c5_pooled *p, const c5_learn *l, const c5_trainer *t, double seconds, const char *table);
void c5_pooled_free(c5_pooled *p);

#endif
