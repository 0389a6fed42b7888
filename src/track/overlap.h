/* overlap.h – how many pixels an object, moved to where it is expected, shares with those of another frame. The room's own. */
#ifndef C5_TRACK_OVERLAP_H
#define C5_TRACK_OVERLAP_H

#include "track/model.h"

typedef struct c5_overlap {
	const uint32_t *from, *to;   /* (height, width) label images, borrowed */
	size_t height, width;
	const c5_cell *cells;        /* (n) objects of `to`, by label */
	uint32_t n;
	uint32_t *count;             /* (n) px shared with the last object asked for; 0 for the rest */
	uint32_t *hit, n_hit;        /* objects with a count */
} c5_overlap;

int c5_overlap_open(c5_overlap *o, const uint32_t *from, const uint32_t *to, size_t height, size_t width, const c5_cell *cells, uint32_t n);
void c5_overlap_close(c5_overlap *o);
/* Counts for one object of `from`, moved by whole pixels. */
void c5_overlap_ask(c5_overlap *o, const c5_cell *cell, double dy, double dx);

#endif
