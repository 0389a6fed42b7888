/* jpegin.h – decodes JPEG, grey or colour, 8 bits, through libjpeg. What was lost when the file was made is lost: a scan says so. */
#ifndef C5_IMAGE_JPEGIN_H
#define C5_IMAGE_JPEGIN_H

#include <stdbool.h>

#include "image/tiff.h"

/* Whether the file begins as JPEG does. */
bool c5_jpeg_is(const char *path);
/* out: (want->height, want->width) bytes; want->dtype is C5_U8. */
int c5_jpeg_read(const char *path, const c5_want *want, void *out);

#endif
