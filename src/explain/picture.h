/* picture.h – crops and what a model looked at in them, side by side: a sheet for people. */
#ifndef C5_EXPLAIN_PICTURE_H
#define C5_EXPLAIN_PICTURE_H

#include <stddef.h>
#include <stdint.h>

#include "image/overlay.h"

typedef struct c5_explained {
	size_t n, height, width;
	int dtype;                  /* of the crops */
	const void *crops;          /* (n, height, width) */
	const uint8_t *maps;        /* (n, height, width) */
	const uint16_t *of;         /* (n) class explained: it picks the colour of the frame */
	const float *probability;   /* (n) of it; told in percent */
} c5_explained;

/* Each crop in grey, contrast of its own, and beside it the same under its map, from nothing over violet and red to yellow. zoom 0: as needed;
 * columns 0: nearly square. */
int c5_explain_sheet(c5_picture *out, const c5_explained *e, int zoom, size_t columns);

#endif
