/* score.h – the step `score`: settings, and what its phases and the commands about scores share.
 *
 * It writes for each experiment, beside each other under the run's number:
 *     scores         one row a crop, in the order of the crops' index: object, frame, label, score, class, probabilities, doubts
 *     score_frames   one row a frame: objects, mean, sd, median, positive, share
 *     score_tracks   one row a track, where the objects are on tracks: mean, slope, onset ...
 * and, of all experiments together, /screens/rN: experiments, wells, plates, conditions, hits (classify/screen.h). */
#ifndef C5_PIPELINE_SCORE_H
#define C5_PIPELINE_SCORE_H

#include <stdbool.h>
#include <stdint.h>

#include "classify/screen.h"
#include "container/file.h"
#include "pipeline/steps.h"

typedef struct c5_score_params {
	char *model, *class_name;   /* members.h; the class that the score is the probability of */
	char *device, *precision, *rescale;
	int64_t batch, views;
	bool calibrated;
	double threshold;
	bool screen;
	c5_screen_params with;      /* of the screen */
} c5_score_params;

/* The settings that a phase's result depends on. */
extern const c5_opt c5_scored_opts[], c5_followed_opts[];

/* Path of the newest `product` of an experiment that this run may read: its own, or the latest; *path NULL when there is none. */
int c5_score_product(const c5_run_context *run, const char *experiment, const char *product, char **path);

/* All scored experiments' sums, with their texts; kept in `e` (n), which the fields borrow from. `paths` of the frames tables may be NULL: the
 * latest. Experiments without scores are left out. */
typedef struct c5_score_sums {
	c5_experiment *e;
	c5_screen_field *fields;
	size_t n, cap, cap_fields;
	char *models;               /* of the first, and whether all are the same */
	bool mixed;
	double threshold;           /* of the first */
} c5_score_sums;
int c5_score_sums_read(c5_score_sums *out, c5_file *f, uint32_t run, char *const *names, size_t n);
void c5_score_sums_free(c5_score_sums *s);

extern const c5_step_ops c5_score_follow, c5_score_screen; /* the later phases of c5_step_score */
extern const c5_step_kind c5_kind_score, c5_kind_explain;
int c5_score_ready(const c5_step *step, const char *container), c5_explain_ready(const c5_step *step, const char *container);

#endif
