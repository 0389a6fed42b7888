/* picture.h – whole image files as labels or as numbers: TIFF (all pages of one size: planes) and PNG, one grey channel. */
#ifndef C5_MEASURE_PICTURE_H
#define C5_MEASURE_PICTURE_H

#include <stddef.h>
#include <stdint.h>

#include "image/probe.h"

typedef struct c5_picfile {
	char *path;
	uint32_t planes, height, width;
	int dtype;             /* enum c5_dtype */
	c5_probe probe;
} c5_picfile;

/* Reads headers. C5_EINPUT for colours, several channels, pages of different sizes. c5_picfile_close is due in any case. */
int c5_picfile_open(c5_picfile *out, const char *path);
void c5_picfile_close(c5_picfile *p);
/* (planes, height, width), caller's. Labels must be whole and not negative. */
int c5_picfile_labels(const c5_picfile *p, uint32_t *out);
int c5_picfile_reals(const c5_picfile *p, double *out);

/* Files of a folder whose names are `prefix`, digits, `.tif` or `.png`... (NULL prefix: all images), in natural order. Hidden ones are passed over.
 * numbers: the digits, with a prefix. Free the names one by one and both arrays. C5_ENOTFOUND without such a folder. */
int c5_picfile_list(const char *folder, const char *prefix, char ***names, uint64_t **numbers, size_t *n);
void c5_picfile_list_free(char **names, uint64_t *numbers, size_t n);

#endif
