/* classes.h – how well probabilities of several classes agree with the truth: the confusion of all with all, and figures over it, with the intervals
 * of classify.h. Two classes have more to say: classify.h. */
#ifndef C5_MEASURE_CLASSES_H
#define C5_MEASURE_CLASSES_H

#include <stddef.h>
#include <stdint.h>

#include "measure/classify.h"

typedef struct c5_classed {
	size_t n, classes;
	const float *prob;           /* (n, classes), rows that sum to 1 */
	const uint32_t *truth;       /* (n) classes from 0 */
	const char *const *names;    /* (classes) */
	const uint32_t *group;       /* as c5_scored */
	uint32_t groups;
} c5_classed;

/* table (classes, classes): row the truth, column the class with the highest probability, the first of equal ones. */
void c5_confusion(uint64_t *table, const c5_classed *c);

/* accuracy, balanced_accuracy (mean recall), F1 (mean over classes), MCC (Gorodkin 2004), kappa (Cohen 1960), ROC_AUC (mean of each class against the
 * rest), Brier (squared distances summed over classes), log_loss, ECE (of the highest probability, Guo et al. 2017); then recall, precision and
 * ROC_AUC of each class. `threshold` is not used. */
int c5_classes_figures(c5_figures *to, const c5_classed *c, const c5_classify_params *params);

#endif
