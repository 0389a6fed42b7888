/* tiff.h – decodes pages of a TIFF file through libtiff. What the pages are is known beforehand from probe.h, and checked again here: the file
 * may have changed since. libtiff's warnings (private tags and the like) are dropped, its errors become the text of ours. */
#ifndef C5_IMAGE_TIFF_H
#define C5_IMAGE_TIFF_H

#include <stdint.h>

enum c5_colour { C5_COLOUR_NONE, C5_COLOUR_RED, C5_COLOUR_GREEN, C5_COLOUR_BLUE, C5_COLOUR_LUMINANCE };

/* red|green|blue|luminance; NULL and anything else: none. */
int c5_colour_named(const char *name);

/* The plane a caller expects: what the scan found. */
typedef struct c5_want {
	uint32_t width, height;
	int dtype;             /* enum c5_dtype */
	uint32_t sample;       /* channel of a pixel; not used for colours */
	int colour;            /* enum c5_colour, for RGB pages */
} c5_want;

typedef struct c5_tiff c5_tiff;
/* Opens `path`; *tiff is NULL, or one that turns to another file and keeps its buffers. c5_tiff_close is due also after a failure. C5_EINPUT. */
int c5_tiff_open(c5_tiff **tiff, const char *path);
void c5_tiff_close(c5_tiff *tiff);

/* Decodes the page whose directory is at byte `ifd`; data_offset not 0: its type, but the plain pixels lying there.
 * out: (height, width) of want->dtype, native byte order, min-is-white turned (integers complemented, floats negated). */
int c5_tiff_read(c5_tiff *tiff, uint64_t ifd, uint64_t data_offset, const c5_want *want, void *out);

/* Takes one channel, or the luminance 0.2125 R + 0.7154 G + 0.0721 B as scikit-image weighs it, out of `n` pixels of `samples` values each. */
void c5_pixels_take(int dtype, const void *from, uint32_t samples, const c5_want *want, uint64_t n, void *to);

#endif
