/* amend.h – what is known of an experiment, put right afterwards: a condition, a pixel size, a modality that nobody stated when it was taken in. */
#ifndef C5_CONTAINER_AMEND_H
#define C5_CONTAINER_AMEND_H

#include <stdbool.h>

#include "base/mem.h"
#include "container/experiment.h"

/* Stores the texts and numbers of `now` (unset: NULL, NAN) that the experiment of its name does not state yet, and, if `replace`, those that differ
 * from what it states; likewise the modality (NULL: none) of raw/`channel`. The scales of all its arrays (time, z, y, x) follow the numbers. `told`
 * gets what changed, "condition 'drug', was 'control'; pixel_size_um 0.65", nothing if all was as stated. Errors: C5_ENOTFOUND, C5_EIO, C5_ENOMEM. */
int c5_experiment_amend(c5_file *f, const c5_experiment *now, const char *channel, const char *modality, bool replace, c5_buf *told);

#endif
