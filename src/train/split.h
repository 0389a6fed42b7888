/* split.h – which items are learnt from and which are kept back to check with. Groups (experiments, wells, plates) stay whole: crops of one well
 * are alike, and a split by crop tells how well a net remembers the well (the published systems' commonest flaw). Deterministic by seed. */
#ifndef C5_TRAIN_SPLIT_H
#define C5_TRAIN_SPLIT_H

#include "train/dataset.h"

enum c5_part { C5_PART_NONE, C5_PART_TRAIN, C5_PART_VALIDATE }; /* none: items without a class */

/* part: (d->n), set. Groups are drawn so that every class has about its `share` of items in validation; a class in two groups or more is on both
 * sides. */
int c5_split_share(uint8_t *part, const c5_dataset *d, double share, uint64_t seed);
/* Fold `fold` (from 0) of `folds` by group is validation; classes are spread evenly over folds. C5_EINPUT when there are fewer groups than folds. */
int c5_split_fold(uint8_t *part, const c5_dataset *d, int folds, int fold, uint64_t seed);
/* Validation are the items whose group's name matches one of the comma-separated globs. C5_ENOTFOUND lists the groups when none does. */
int c5_split_named(uint8_t *part, const c5_dataset *d, const char *globs);
/* Every item by itself, whatever its group: only for who insists on it. */
int c5_split_crops(uint8_t *part, const c5_dataset *d, double share, uint64_t seed);

/* Looks for what is on both sides: the same experiment, the same well of a plate, or crops with the same pixels. C5_EINPUT names the first found. */
int c5_split_leaks(const uint8_t *part, c5_dataset *d);

#endif
