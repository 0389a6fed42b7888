/* pngin.h – decodes 8 and 16-bit PNG through libpng. Writing is pngout.h's. */
#ifndef C5_IMAGE_PNGIN_H
#define C5_IMAGE_PNGIN_H

#include "image/tiff.h"

/* out: (want->height, want->width) of want->dtype, native byte order. */
int c5_png_read(const char *path, const c5_want *want, void *out);

#endif
