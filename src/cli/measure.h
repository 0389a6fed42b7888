/* measure.h – between the parts of `cyto5 measure`: its settings, and one function a kind of measure that fills in the figures. */
#ifndef C5_CLI_MEASURE_H
#define C5_CLI_MEASURE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"
#include "measure/figures.h"
#include "measure/tracking.h"

typedef struct c5_measure_set {
	bool json, explain;
	char *gt, *res;                 /* folders, files, or revisions of masks in a container */
	char *experiment;
	bool seg_from_tra;
	double range;
	char *table;
	char *truth, *score, *group, *positive;
	double threshold;
	int64_t bins, resamples, seed;
	char *value, *control, *high, *low, *plate;
} c5_measure_set;

/* file: the container, or NULL. notes: `"key":value,` pairs for the JSON object, beyond the figures. */
typedef int c5_measure_kind(c5_figures *to, c5_buf *notes, const c5_measure_set *set, const char *file);
c5_measure_kind c5_measure_tracking_kind, c5_measure_segmentation_kind, c5_measure_maps_kind, c5_measure_classification_kind, c5_measure_plates_kind;

/* Two revisions of tracks of an experiment in a container; set->gt and set->res name them. */
int c5_measure_tracks_in(c5_tracking *out, const char *file, const c5_measure_set *set, c5_breaches *breaches);

/* C5_EUSAGE "KIND: --NAME is expected ..." when `value` is NULL. */
int c5_measure_need(const char *kind, const char *name, const char *value, const char *what);

/* Two image files, or the images of two folders, paired by the number at the end of their names or else by name. */
typedef struct c5_image_pairs { char **a, **b; size_t n; } c5_image_pairs;
int c5_image_pairs_find(c5_image_pairs *out, const char *a, const char *b);
void c5_image_pairs_free(c5_image_pairs *p);

#endif
