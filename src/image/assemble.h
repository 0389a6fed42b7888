/* assemble.h – entries put together into series: the second half of a scan. */
#ifndef C5_IMAGE_ASSEMBLE_H
#define C5_IMAGE_ASSEMBLE_H

#include "image/gather.h"
#include "image/source.h"

/* Fills scan->series (not sorted by anything but experiment and channel) from the entries. What is wrong with one series is kept in it. */
int c5_assemble(c5_scan *scan, c5_gather *g);

/* How --z is to be taken. N: a plane number, else one of the words. C5_EUSAGE for other text; NULL is all. */
enum c5_z_mode { C5_Z_ALL = -1, C5_Z_MAX = -2, C5_Z_MEAN = -3, C5_Z_MIN = -4 };
int c5_z_mode_of(const char *text, int64_t *mode);

#endif
