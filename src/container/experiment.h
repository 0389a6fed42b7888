/* experiment.h – /experiments/NAME: where a field of view came from, its channels, and the revisions of its products. */
#ifndef C5_CONTAINER_EXPERIMENT_H
#define C5_CONTAINER_EXPERIMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "container/file.h"

typedef struct c5_channel {
	char *name, *modality;      /* modality NULL: not stated */
	double wavelength_nm;       /* NAN: not stated */
	int dtype;
	uint64_t frames, planes, height, width; /* planes 0: no z axis */
} c5_channel;

/* The texts and numbers of an experiment's group, by name: plate, well, position, condition, compound, dose, replicate. */
#define C5_EXPERIMENT_TEXTS 7
extern const char *const c5_experiment_texts[C5_EXPERIMENT_TEXTS];

typedef struct c5_experiment {
	char *name;
	char *texts[C5_EXPERIMENT_TEXTS]; /* NULL: not stated */
	double pixel_size_um, z_step_um, frame_interval_s; /* NAN: not stated */
	c5_channel *channels;
	size_t n_channels;
} c5_experiment;

int c5_experiment_read(c5_file *f, const char *name, c5_experiment *e);
/* Makes the group and its attributes; channels are arrays made apart. */
int c5_experiment_make(c5_file *f, const c5_experiment *e);
void c5_experiment_free(c5_experiment *e);
void c5_experiment_pack(const c5_experiment *e, c5_buf *to);
int c5_experiment_unpack(c5_experiment *e, c5_buf *from);
/* The named channel; NULL name: the first of transmitted light (phase, brightfield, DIC, transmission), else
 * the first. C5_ENOTFOUND lists what there is. */
int c5_experiment_channel(const c5_experiment *e, const char *name, const c5_channel **channel);

/* Newest revision of a product ("masks", "objects" ...) that `latest` points at; 0 when there is none yet. */
int c5_revision_latest(c5_file *f, const char *experiment, const char *product, uint32_t *number);
/* Points `latest` at a revision. Called when its run is complete. */
int c5_revision_publish(c5_file *f, const char *experiment, const char *product, uint32_t number);

#endif
