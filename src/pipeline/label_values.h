/* label_values.h – for labelled.c: the value a label has for every crop, as numbered texts. */
#ifndef C5_PIPELINE_LABEL_VALUES_H
#define C5_PIPELINE_LABEL_VALUES_H

#include "container/experiment.h"
#include "pipeline/worker.h"
#include "train/dataset.h"

#define C5_LABEL_NONE UINT32_MAX

typedef struct c5_labels {
	c5_file *file;
	c5_worker *worker;     /* borrowed */
	char *what;            /* "condition", "tracks.senescent"; NULL: none */
	char **values;         /* (n) in the order met */
	size_t n, cap;
} c5_labels;

/* Sets `what`: the one asked for, or the only label set with two values or more; C5_EUSAGE names them when there are several, or none
 * unless `may_lack`. */
int c5_labels_choose(c5_labels *l, const char *asked, const c5_dataset *d, const c5_experiment *experiments, bool may_lack);
/* The value of each of the crops: (crops->n), C5_LABEL_NONE where there is none. */
int c5_labels_of(c5_labels *l, const c5_crops *crops, const c5_experiment *e, uint32_t *values);
bool c5_labels_find(const c5_labels *l, const char *value, uint32_t *number);
void c5_labels_free(c5_labels *l);

#endif
