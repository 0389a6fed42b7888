/* validate.h – between the parts of `cyto5 validate`: what was found, and how people and programs get to see it. */
#ifndef C5_CLI_VALIDATE_H
#define C5_CLI_VALIDATE_H

#include "classify/calibrate.h"
#include "measure/figures.h"
#include "pipeline/checked.h"

/* One plate: its crops and its figures. */
typedef struct c5_valid_plate { const char *name; uint64_t crops, positive, groups; c5_figures figures; } c5_valid_plate;

typedef struct c5_valid {
	const char *container;
	c5_checked checked;
	double threshold;
	int64_t resamples, seed, bins;
	/* all of (n) crops */
	float *mean, *after;          /* (n, classes): the ensemble's; and calibrated, each crop by what was fitted to other groups; NULL: not */
	uint32_t *group, groups;      /* (n); what the intervals draw */
	c5_figures figures, calibrated;
	c5_valid_plate *plates; size_t n_plates; /* natural order; none when no experiment states one */
	uint64_t *confusion;          /* (classes, classes): row the truth */
	c5_reliability *before_bins, *after_bins; /* (bins) of the positive class */
	/* calibration */
	double temperature;           /* NAN: not asked for */
	double loss_before, loss_after; /* log loss of the crops it was fitted to */
	uint32_t folds;               /* 0: too few groups to judge it */
	char *stored;                 /* "FILE.h5:/models/NAME/r000007, ..." */
} c5_valid;

int c5_valid_page(const c5_valid *v, bool explain);
int c5_valid_json(const c5_valid *v);
/* figures.csv, confusion.csv, reliability.csv, predictions.csv and reliability.svg into a folder, which is made. */
int c5_valid_files(const c5_valid *v, const char *folder);

#endif
