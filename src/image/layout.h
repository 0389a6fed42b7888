/* layout.h – how the pages of a file make channels, frames and planes, by what its metadata say: OME-XML (ome.c), ImageJ (imagej.c), or plainly one
 * page after the other in time. A file can hold several fields of view; an OME set can spread one over several files. */
#ifndef C5_IMAGE_LAYOUT_H
#define C5_IMAGE_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image/files.h"
#include "image/source.h"

typedef struct c5_view_channel {
	char *name;                /* NULL: not stated, as for the modality */
	const char *modality;      /* one of ours */
	double wavelength_nm;      /* NAN: not stated */
} c5_view_channel;

/* One field of view. */
typedef struct c5_view {
	char *name;                /* among the views of the file; NULL when there is one */
	char *plate, *well, *position;
	uint32_t c, t, z;
	double pixel_um, z_step_um, dt_s; /* NAN: not stated */
	c5_view_channel *channels; /* (C) */
	c5_plane *planes;          /* (C, T, Z), z fastest; file UINT32_MAX: not there */
	char *gap;                 /* why planes are not there, NULL: nobody knows */
} c5_view;

typedef struct c5_layout {
	char *name;                /* of the set, when it is not the file's; NULL otherwise */
	c5_view *views;
	size_t n_views;            /* 0 when another file owns the planes */
	int error_code;            /* not C5_OK: the file cannot be used, for `error` */
	char *error;
} c5_layout;

/* The layout of a probed file, made on the first call. May add files (of an OME set), so pointers into files->at do not last. C5_ENOMEM only. */
int c5_layout_of(c5_files *files, uint32_t file, c5_layout **out);
void c5_layout_free(c5_layout *layout);

/* One plane in one view: what may be a frame of a series of files. */
bool c5_layout_is_single(const c5_layout *layout);

/* Room for a view of c x t x z planes, all of them not there yet. C5_EINPUT when the counts are absurd. */
int c5_view_make(c5_view *view, const char *path, uint64_t c, uint64_t t, uint64_t z);
void c5_view_free(c5_view *view);

/* By metadata: OK and *mine false when the description is of another kind. The caller owns `out`, whole or in part, also after an error. */
int c5_layout_ome(c5_layout *out, c5_files *files, uint32_t file, bool *mine);
int c5_layout_imagej(c5_layout *out, const c5_files *files, uint32_t file, bool *mine);

/* Micrometres in one `unit`, seconds in one `unit`; NAN for a word that is no such unit. Takes UTF-8, Latin-1 and Java-escaped micro signs. */
double c5_unit_um(const char *unit);
double c5_unit_s(const char *unit);

#endif
