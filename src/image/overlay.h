/* overlay.h – pictures for people: a frame with its objects outlined, and a sheet of crops. RGB, 8 bit, for pngout.h. */
#ifndef C5_IMAGE_OVERLAY_H
#define C5_IMAGE_OVERLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct c5_picture { uint8_t *rgb; size_t height, width; } c5_picture; /* rgb: (H, W, 3), free() */

typedef struct c5_picture_style {
	int zoom;               /* picture pixels a frame pixel, 1..8; 0: as needed to make small frames some 800 px wide */
	bool numbers;           /* write each object's number on it */
	const uint32_t *ids;    /* (n), the number that label k is known by is ids[k-1]: track ids, say; NULL: the labels. It picks the colour too */
} c5_picture_style;

/* One of eight colours that the colour-blind tell apart and that show on grey; the same number has the same colour everywhere. */
const uint8_t *c5_picture_colour(uint32_t id);

/* The frame in grey, contrast from its 0.5th to its 99.5th percentile, with labels 1..n outlined and tinted. labels NULL: the frame only. */
int c5_picture_frame(c5_picture *out, const c5_picture_style *style, int dtype, const void *pixels, const uint32_t *labels,
	size_t height, size_t width, uint32_t n);

/* crops: (channels, n, height, width) of `dtype` in rows of `columns` (0: nearly square), the channels of a crop side by side, all of a channel
 * with the same contrast, framed in their id's colour. style->ids: (n) or NULL for 1..n. */
int c5_picture_sheet(c5_picture *out, const c5_picture_style *style, int dtype, const void *crops, size_t channels, size_t n, size_t height,
	size_t width, size_t columns);

/* Writes a whole number with its top left at (y, x), dark-edged, digits of 7 * scale px. */
void c5_picture_number(c5_picture *p, uint32_t value, size_t scale, size_t y, size_t x, const uint8_t colour[3]);
/* Writes digits, letters (as small ones), spaces, "-", "_", "." and "µ" (UTF-8) the same way; anything else is left blank. Returns its width, px; p
 * NULL: only that. */
size_t c5_picture_text(c5_picture *p, const char *text, size_t scale, size_t y, size_t x, const uint8_t colour[3]);

#endif
