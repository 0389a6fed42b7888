/* gather.h – the inputs of a scan taken apart into entries: one file each, with what its name, its folder or the sample sheet say of it. Which
 * entries make one series is decided when they are put together (assemble.h). */
#ifndef C5_IMAGE_GATHER_H
#define C5_IMAGE_GATHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image/files.h"
#include "image/source.h"

/* What a pattern or a sheet can state. The first four name an experiment, the next four describe it. */
enum c5_field {
	C5_FIELD_EXPERIMENT, C5_FIELD_PLATE, C5_FIELD_WELL, C5_FIELD_POSITION, C5_FIELD_CONDITION, C5_FIELD_COMPOUND, C5_FIELD_DOSE, C5_FIELD_REPLICATE,
	C5_FIELD_CHANNEL, C5_FIELD_MODALITY, C5_FIELD_FRAME, C5_FIELD_Z, C5_FIELD_N
};
extern const char *const c5_field_names[C5_FIELD_N + 1]; /* NULL-ended */

/* The modalities there are, NULL-ended. C5_EINPUT for text that is none of them, with the nearest. */
extern const char *const c5_modality_names[];
int c5_modality_check(const char *text);

typedef struct c5_entry {
	uint32_t file;             /* in c5_gather.files; UINT32_MAX: none, only an error */
	uint32_t unit;             /* entries found as one series or one file have one number */
	char *field[C5_FIELD_N];   /* NULL: not stated */
	char *name;                /* of the experiment when no field states it */
	int64_t frame, z;          /* -1: not stated */
	double pixel_um, dt_s;     /* NAN: not stated */
	bool plate_of_channels;    /* its pattern has {channel}: experiments are compared for channels that lack */
	int error_code;
	char *error;
} c5_entry;

typedef struct c5_gather {
	const c5_scan_params *params;
	c5_files files;
	c5_entry *entries;
	size_t n, cap;
	uint32_t units;
} c5_gather;

void c5_gather_free(c5_gather *g);

/* A new entry for `path` (absolute; NULL: none). The pointer lasts until the next one. */
int c5_gather_add(c5_gather *g, const char *path, c5_entry **out);
/* Drops the entries from `from` on. */
void c5_gather_cut(c5_gather *g, size_t from);
/* A folder: Cell Tracking Challenge sequences, else the images in it. */
int c5_gather_folder(c5_gather *g, const char *folder);
/* Image files given one by one, in any order; absolute paths. */
int c5_gather_list(c5_gather *g, size_t n, char *const *paths);
/* Files beneath `input` (a folder, or one file) whose names match the pattern (pattern.h). */
int c5_gather_pattern(c5_gather *g, const char *pattern, const char *input);
/* The rows of a sample sheet (sheet.c). */
int c5_gather_sheet(c5_gather *g, const char *path);

/* The experiment's name by its fields, or else `name`: fit for a container. Caller frees. */
char *c5_entry_experiment(const c5_entry *entry);

#endif
