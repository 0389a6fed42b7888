/* pngout.h – writes PNG pictures. The file appears under its name only when it is complete: it is written to PATH.part first. */
#ifndef C5_IMAGE_PNGOUT_H
#define C5_IMAGE_PNGOUT_H

#include <stddef.h>

enum c5_pngout_kind { C5_PNG_GREY8 = 1, C5_PNG_GREY16, C5_PNG_RGB8 };

/* pixels: (H, W) uint8, (H, W) uint16 in native byte order, or (H, W, 3) uint8. C5_EIO names the file and the reason. */
int c5_pngout_write(const char *path, int kind, const void *pixels, size_t height, size_t width);

#endif
