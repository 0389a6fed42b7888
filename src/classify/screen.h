/* screen.h – from the scores of experiments to wells, plates, conditions and hits.
 *
 * A well's value is the mean score of all its objects (Kusumoto et al. 2021 score a condition so), or the share of them called positive. Each plate
 * is measured by its own negative controls, as light, density and passage differ from plate to plate. A treatment (compound and dose, or condition)
 * is compared with the negative controls of the plates it is on, well against well: objects of one well are no independent evidence. */
#ifndef C5_CLASSIFY_SCREEN_H
#define C5_CLASSIFY_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/options.h"
#include "measure/plates.h"

typedef struct c5_screen_params {
	char *negative, *positive; /* names of controls, by commas: a condition or a compound */
	char *value;               /* mean | share */
	char *normalise;           /* z | robust-z | difference | percent: what the test compares */
	char *test;                /* rank | welch | permutation */
	char *direction;           /* both | up | down */
	double fdr, least_effect;  /* a hit has q <= fdr and |normalised mean| >= least_effect */
	int64_t resamples, seed;
} c5_screen_params;

/* Rows of an option table for a settings struct `type` that holds a c5_screen_params `member`. */
#define C5_SCREEN_OPTS(type, member) \
	{ "negative-controls", C5_OPT_TEXT, offsetof(type, member.negative), "control,DMSO,vehicle,untreated", 0, 0, NULL, "A,B", \
		"conditions or compounds that are negative controls" }, \
	{ "positive-controls", C5_OPT_TEXT, offsetof(type, member.positive), NULL, 0, 0, NULL, "A,B", \
		"conditions or compounds that are positive controls" }, \
	{ "value", C5_OPT_CHOICE, offsetof(type, member.value), "mean", 0, 0, NULL, "mean|share", \
		"a well's value: mean score of its objects, or share called positive" }, \
	{ "normalise", C5_OPT_CHOICE, offsetof(type, member.normalise), "z", 0, 0, NULL, "z|robust-z|difference|percent", \
	  "by each plate's negative controls: sd, MAD, difference, or percent of the way to the positive ones" }, \
	{ "test", C5_OPT_CHOICE, offsetof(type, member.test), "rank", 0, 0, NULL, "rank|welch|permutation", \
		"wells against negative controls: Mann-Whitney, Welch's t, permutation" }, \
	{ "direction", C5_OPT_CHOICE, offsetof(type, member.direction), "both", 0, 0, NULL, "both|up|down", "what a hit does to the score" }, \
	{ "fdr", C5_OPT_REAL, offsetof(type, member.fdr), "0.05", 0, 1, NULL, NULL, "false-discovery rate of the hits (Benjamini-Hochberg)" }, \
	{ "least-effect", C5_OPT_REAL, offsetof(type, member.least_effect), "0", 0, 1e9, NULL, NULL, "a hit's normalised mean is at least so far from 0" }, \
	{ "resamples", C5_OPT_INT, offsetof(type, member.resamples), "2000", 0, 10000000, NULL, NULL, \
		"bootstrap samples of intervals, and most permutations" }, \
	{ "seed", C5_OPT_INT, offsetof(type, member.seed), "1", 0, 1e15, NULL, NULL, "of the resamples" }

extern const c5_opt c5_screen_opts[];

enum c5_role { C5_ROLE_SAMPLE, C5_ROLE_NEGATIVE, C5_ROLE_POSITIVE };
const char *c5_role_name(int role); /* "sample", "negative", "positive" */

/* One experiment. Texts are borrowed for as long as the screen lives; NULL: not stated. */
typedef struct c5_screen_field {
	const char *experiment, *plate, *well, *condition, *compound, *dose;
	uint64_t objects, positive; /* scored; of them called positive */
	double sum;                 /* of the scores */
	double mean, share;         /* of them, for the table; not read */
} c5_screen_field;

/* One well of a plate with all its fields; an experiment without a well is one by itself. */
typedef struct c5_screen_well {
	const char *experiment;      /* its first */
	const char *plate, *well, *condition, *compound, *dose; /* never NULL */
	int role, row, column;       /* enum c5_role; from 0 ("A1"), -1: not told by the name */
	uint32_t plate_index, treatment, experiments;
	uint64_t objects, positive;
	double sum, mean, share, value;
	double z, robust_z, difference, percent_of_control, percent; /* NAN: undefined; percent: 0 negative, 100 positive controls */
	double normalised;           /* the one that is chosen */
} c5_screen_well;

typedef struct c5_screen_plate { const char *plate; uint32_t wells; uint64_t objects; c5_plate_quality quality; } c5_screen_plate;

typedef struct c5_screen_treatment {
	const char *condition, *compound, *dose;
	int role;
	uint32_t plates, wells, experiments, tested; /* tested: wells with a normalised value */
	uint64_t objects;
	double mean, share;          /* over all objects */
	double value, sd, low, high; /* over wells; 95 % interval of the mean by drawing wells; sd NAN for one well */
	double normalised;           /* mean over wells */
	double ssmd, effect;         /* against the negative controls; effect as the test says it (compare.h) */
	double p, q;                 /* NAN: not tested (negative controls, no wells or no controls); q also for positive controls */
	bool exact, hit;
} c5_screen_treatment;

typedef struct c5_screen {
	c5_screen_well *wells; size_t n_wells;             /* by plate, then row and column or name */
	c5_screen_plate *plates; size_t n_plates;          /* natural order */
	c5_screen_treatment *treatments; size_t n_treatments; /* in order of condition, compound, dose */
	size_t *ranked;              /* (n_treatments) by q, p, distance of the normalised mean; not tested last */
	size_t n_hits;
	uint32_t negatives, positives; /* wells */
} c5_screen;

/* Fields in any order; the result does not depend on it. c5_screen_free is due in any case. */
int c5_screen_make(c5_screen *out, const c5_screen_field *fields, size_t n, const c5_screen_params *params);
void c5_screen_free(c5_screen *s);

/* Row and column of a well's name ("B03", "AA12"): -1 when it is none. */
void c5_well_place(const char *well, int *row, int *column);

#endif
