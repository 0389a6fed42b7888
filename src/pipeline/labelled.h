/* labelled.h – the crops of a container as a data set to learn from or to check against (train/dataset.h): which revision of which experiments,
 * what says their classes, and what is never cut in two by a split. */
#ifndef C5_PIPELINE_LABELLED_H
#define C5_PIPELINE_LABELLED_H

#include <stddef.h>
#include <stdint.h>

#include "base/options.h"
#include "pipeline/worker.h"
#include "train/dataset.h"

/* Settings of every command that learns from crops or compares with their classes. */
typedef struct c5_labelled_params {
	char *label;        /* NULL: found, when there is one only. condition, compound, plate ...: of the experiment; index.COLUMN: of the crops' index;
	                     * objects.COLUMN, tracks.COLUMN: of the object's row, or of its track's */
	char *classes;      /* "control,senescent", or "control=0,senescent=1" to name values; NULL: the values found, sorted */
	char *group;        /* auto, experiment, well, plate, position, condition ...; auto: the well where all have one, else the experiment */
	char *experiments;  /* glob over names; NULL all */
	char *revision;     /* rNNNNNN of the crops; NULL: the latest */
	int64_t per_class;  /* at most so many crops of each class, spread evenly; 0: all */
	int64_t cache_mib;  /* crops kept in memory, a rank */
	uint32_t run;       /* no option: crops of this run go before the latest, which are published at its end; 0: none */
} c5_labelled_params;
extern const c5_opt c5_labelled_opts[];

/* Opens the crops of a container. `unlabelled`: crops without a class (or all, when no label is asked for or found) are kept with label -1;
 * else they are left out. The data set reads the container by itself, while others may write. Same on every rank.
 * C5_ENOTFOUND: no experiments, no crops (and what makes them); C5_EUSAGE: two label sets and none chosen; C5_EINPUT: crops of different sizes are
 * told by the command that needs one size. */
int c5_labelled_open(c5_dataset **out, const char *container, const c5_labelled_params *p, bool unlabelled);

#endif
