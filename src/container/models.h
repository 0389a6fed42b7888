/* models.h – /models/NAME/rNNNNNN: a network's text, its numbers, and what they came from. This room knows no networks: texts are texts, and
 * numbers are named arrays of float32. pipeline/trained.h puts models and weights of `nn` in and takes them out.
 *
 *     architecture       text: layers, as nn/model.h writes them
 *     preprocessing      text: how images become numbers (train/prepare.h), YAML
 *     settings           text: those of the training, one KEY: VALUE a line (may be absent)
 *     arrays             table, one row an array in the order of the model: layer, parameter, count, trained
 *     weights/LAYER/PARAMETER   float32
 *     classes            table: name, examples (learnt from)
 *     channels           table: name, modality
 *     history            table, one row an epoch: epoch, and columns of the trainer's choice
 *     metrics            table: name, value, low, high (of a 95 % interval), of (validation, test ...)
 *     sample/input, sample/output   float32, one item: what the network makes of it, so that any device can be tried (may be absent)
 *     profile            float32: how the images it was trained on look at every magnification (may be absent)
 *     data               table: what it was trained and validated on: path, sha256, items, part
 *     checkpoint/last, checkpoint/best   while a training goes on: see below
 *
 * Attributes of the group: sha256 (of all numbers, in the order of `arrays`), parameters, and the texts of the struct. */
#ifndef C5_CONTAINER_MODELS_H
#define C5_CONTAINER_MODELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "container/file.h"

#define C5_STORED_NAME 64
#define C5_STORED_RANK 4

typedef struct c5_stored_array {
	char layer[C5_STORED_NAME], parameter[16];
	int rank;
	uint64_t dims[C5_STORED_RANK], count;
	bool trained;               /* else kept, as running statistics */
	size_t at;                  /* where it begins in `numbers` */
} c5_stored_array;

typedef struct c5_stored_class { char *name; int64_t examples; } c5_stored_class; /* examples -1: not known */
typedef struct c5_stored_channel { char *name, *modality; } c5_stored_channel;    /* modality NULL: not stated */
typedef struct c5_stored_metric { char *name, *of; double value, low, high; } c5_stored_metric; /* low, high NAN: not known */
typedef struct c5_stored_data { char *path, *sha256, *part; int64_t items; } c5_stored_data; /* part: training, validation, test */

/* All of a revision; every pointer is owned, NULL or 0 where nothing is said. */
typedef struct c5_stored_model {
	char *architecture, *preprocessing, *settings;
	char *kind;                 /* what it is for: classify, stain, embed ...; NULL not stated */
	char *origin;               /* trained | imported | new */
	char *source;               /* file or container:/path the numbers were taken from */
	char *licence, *note;
	char *input;                /* path of what it was trained on, when there is one (compact keeps that) */
	double pixel_size_um;       /* of the images it expects; NAN not stated */
	double object_px;           /* of a typical object in the images it was trained on, as `identify` sees them; NAN not stated */
	float *profile; size_t n_profile; /* how those images look at every magnification, to tell scales by (identify/profile.h) */
	char *profile_by;           /* digest of the network it was made by: another's cannot be compared */
	double temperature;         /* logits are divided by it before the softmax; NAN: not calibrated */
	char *calibrated_on;        /* what it was fitted to: "/data/new.h5, 812 crops by condition" */
	c5_stored_array *arrays; size_t n_arrays;
	float *numbers; size_t count;
	c5_stored_class *classes; size_t n_classes;
	c5_stored_channel *channels; size_t n_channels;
	c5_stored_metric *metrics; size_t n_metrics;
	c5_stored_data *data; size_t n_data;
	float *sample_input, *sample_output; size_t n_sample_input, n_sample_output;
	char **history_names; double *history; size_t n_history, n_history_columns; /* history: (n_history, n_history_columns), the first column the epoch */
	char sha256[65];            /* of the numbers as little-endian float32; set by writing, checked by reading */
	uint32_t revision;          /* set by reading */
} c5_stored_model;

void c5_stored_model_init(c5_stored_model *s);  /* nothing said */
void c5_stored_model_free(c5_stored_model *s);

/* C5_EUSAGE when it is no name for a model: letters, digits and . _ - are taken. */
int c5_stored_model_name(const char *name);

/* Writes revision `number` of model `name`, replacing what of it is there (a resumed run). Checkpoints are left as they are.
 * Not committed; `latest` is moved by c5_stored_model_publish when the run is complete. */
int c5_stored_model_write(c5_file *f, const char *name, uint32_t number, c5_stored_model *s);
int c5_stored_model_publish(c5_file *f, const char *name, uint32_t number);

/* Reads a revision, 0: the latest. numbers false: all but weights. C5_ENOTFOUND lists the models there are; C5_EINPUT when the digest is wrong. */
int c5_stored_model_read(c5_file *f, const char *name, uint32_t number, bool numbers, c5_stored_model *s);
/* The revision `latest` points at; 0: none. */
int c5_stored_model_latest(c5_file *f, const char *name, uint32_t *number);

/* ---- checkpoints: what a training needs to go on to the same bits ----
 *
 * "last" and "best" under /models/NAME/rNNNNNN/checkpoint. Each holds arrays of float32 of fixed length and a text of the trainer's own
 * scalars. Writing one again puts the bytes where the old ones were, through the journal, so a checkpoint changes whole or not at all and the
 * file does not grow with the number of checkpoints. Readers beside may see one change under them: they are nobody's result. */
#define C5_CHECKPOINT_ARRAYS 8

typedef struct c5_checkpoint {
	int64_t epoch, step;        /* done so far: whole epochs, steps of the optimizer */
	char *state;                /* the trainer's scalars, YAML: rate, best value, patience left, draws ... */
	int n_arrays;
	struct { char name[16]; float *data; uint64_t count; } arrays[C5_CHECKPOINT_ARRAYS]; /* "weights", "optimizer" ...: the trainer's choice */
} c5_checkpoint;

/* Not committed. The arrays are borrowed for the call. */
int c5_checkpoint_write(c5_file *f, const char *name, uint32_t number, const char *which, const c5_checkpoint *c);
/* Everything read is owned by `c`: c5_checkpoint_free. C5_ENOTFOUND when there is none; C5_EINPUT when a checksum is wrong. */
int c5_checkpoint_read(c5_file *f, const char *name, uint32_t number, const char *which, c5_checkpoint *c);
void c5_checkpoint_free(c5_checkpoint *c);
/* Takes the checkpoints of a revision away, when its training has ended. */
int c5_checkpoint_drop(c5_file *f, const char *name, uint32_t number);

#endif
