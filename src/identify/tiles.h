/* tiles.h – for src/identify alone: tiles of a frame, at any magnification, where there is something to see. */
#ifndef C5_IDENTIFY_TILES_H
#define C5_IDENTIFY_TILES_H

#include <stddef.h>

#include "identify/identify.h"

#define TILES_MOST 24

/* A frame brought to one magnification: `zoom` frame pixels make one of a tile. Below 1 the frame itself is kept and read between its pixels. */
typedef struct view {
	const float *pixels;
	float *own;                 /* NULL: the frame's */
	size_t height, width;
	double step;                /* of a tile's pixel, in pixels of this view; 1 or less */
} view;
int view_make(view *v, const c5_identify_frame *f, double zoom);
void view_free(view *v);

typedef struct spot { double y, x, energy; } spot; /* upper left corner in pixels of the view */
/* The best places for tiles, by how much goes on there, at most `most`, none overlapping another by more than half; in order. */
int view_spots(const view *v, spot *spots, int most, int *n);
/* Cuts a tile and normalises it. Outside of the view it is mirrored. */
void view_cut(const view *v, double y, double x, float *tile);
/* Mean and slope 0, deviation 1, no further than 6 from 0; a constant tile becomes 0. */
void tile_normalise(float *tile);

#endif
