/* tiffout.h – writes TIFF files of grey pages, deflated, one page after the other. The caller names the file as it likes (PATH.part). */
#ifndef C5_IMAGE_TIFFOUT_H
#define C5_IMAGE_TIFFOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"

typedef struct c5_tiffout_style {
	int dtype;               /* enum c5_dtype, 8 to 64 bits; no 64-bit integers */
	uint32_t height, width;
	uint64_t pages;          /* to come: above 4 GB of pixels the file becomes a BigTIFF */
	bool big;                /* a BigTIFF in any case */
	const char *description; /* of the first page, UTF-8; NULL: none. Copied by the first page */
	double pixel_um;         /* NAN: not known */
} c5_tiffout_style;

typedef struct c5_tiffout c5_tiffout;
int c5_tiffout_open(c5_tiffout **out, const char *path, const c5_tiffout_style *style);
/* pixels: (height, width), native byte order. */
int c5_tiffout_page(c5_tiffout *t, const void *pixels);
/* Errors of a full disk come here at the latest. Closed in any case; NULL is fine. */
int c5_tiffout_close(c5_tiffout *t);

/* OME-XML (2016-06) of one image of T frames, Z planes and C channels whose pages follow each other channel by channel, plane by plane, frame by
 * frame (XYCZT): what tifffile shows as TZCYX. NAN numbers are left out. */
typedef struct c5_ome_image {
	const char *name;
	int dtype;
	uint64_t frames, planes, height, width;
	double pixel_um, z_step_um, frame_interval_s;
	const char *const *channels; /* (n_channels) names */
	const double *wavelengths_nm; /* (n_channels) of emission, NAN: not stated; NULL: none is */
	uint64_t n_channels;
} c5_ome_image;
void c5_ome_text(c5_buf *to, const c5_ome_image *image);

#endif
