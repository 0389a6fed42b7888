/* stain_fields.h – fields of a container made ready for virtual staining: which channels, planes and markers are meant, thresholds by plate, frames
 * read. */
#ifndef C5_PIPELINE_STAIN_FIELDS_H
#define C5_PIPELINE_STAIN_FIELDS_H

#include "container/array.h"
#include "container/experiment.h"
#include "stain/align.h"
#include "stain/field.h"
#include "stain/marker.h"
#include "stain/recipe.h"

/* Settles channels, planes and markers of a recipe for an experiment: as asked for, else every label-free channel and the marker's. C5_ENOTFOUND and
 * C5_EINPUT say what is missing and what there is. */
int c5_stain_recipe_for(c5_recipe *r, const c5_experiment *e, const c5_stain_params *p);
/* Whether an experiment has the recipe's label-free channels, all of one size and length: size and frames. */
int c5_stain_input_size(const c5_recipe *r, const c5_experiment *e, uint64_t *height, uint64_t *width, uint64_t *frames);

/* Frame t's prepared input (channels x planes, H, W) to `out`. */
int c5_stain_read_input(c5_file *f, c5_codec *codec, const c5_recipe *r, const c5_experiment *e, uint64_t t, float *out);
/* Frame t of a marker as (H, W) float32 grey values; z planes by their maximum. C5_EINPUT when it has another size than the label-free channels. */
int c5_stain_read_marker(c5_file *f, c5_codec *codec, const c5_recipe *r, const c5_experiment *e, int marker, uint64_t t, float *out);

/* A threshold of one marker for a group of experiments. */
typedef struct c5_stain_threshold { char *group; int marker; c5_marker_found found; } c5_stain_threshold;

/* Where a marker of an experiment was found. */
typedef struct c5_stain_place { char *experiment; int marker; bool moved; c5_align found; } c5_stain_place;

typedef struct c5_stain_set {
	c5_recipe recipe;
	c5_field *fields;
	size_t n, cap;
	c5_stain_threshold *thresholds; /* by group, then marker */
	size_t n_thresholds, cap_thresholds;
	c5_stain_place *places;         /* by experiment, then marker; none with --register off */
	size_t n_places, cap_places;
} c5_stain_set;

typedef struct c5_stain_choice {
	uint64_t frames;        /* of an experiment, spread evenly; 0: all */
	int64_t marker_frame;   /* marker read from this frame whatever the input's; -2: its last; -1: the same frame. A marker recorded once stands for
	                           the last label-free frame: fluorescence ends an experiment */
	const uint64_t *only;   /* exactly these frames (n_only) */
	size_t n_only;
	bool markers_only;      /* leave the label-free planes unread */
	size_t most_bytes;      /* more is refused, saying what to do */
} c5_stain_choice;

/* Reads the experiments' chosen frames with their markers. The recipe is found from the first experiment unless `recipe` is given; then its
 * thresholds stand where p->threshold is unset. Fields carry no split yet: their `train` is the whole. */
/* The marker of experiments whose fluorescence is surely off is moved onto the label-free image (p->registration auto); C5_EINPUT when it is too far
 * off. */
int c5_stain_load(c5_stain_set *out, c5_file *f, char *const *names, size_t n, const c5_recipe *recipe, const c5_stain_params *p,
	const c5_stain_choice *choice);
void c5_stain_set_clear(c5_stain_set *s);

/* Where markers were found, for the record: "registration:\n  - EXPERIMENT MARKER: ...". Nothing when none was looked for. */
void c5_stain_places_text(c5_buf *to, const c5_stain_set *s);
/* One line for people: how many are fine, moved, unsure. */
void c5_stain_places_tell(const c5_stain_set *s);

#endif
