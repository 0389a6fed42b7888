/* field.h – one frame of one field of view made ready for virtual staining: label-free planes as a network takes them, and the marker beside them. */
#ifndef C5_STAIN_FIELD_H
#define C5_STAIN_FIELD_H

#include <stddef.h>
#include <stdint.h>

#define C5_STAIN_MARKERS_MAX 8

/* A rectangle of pixels, [y0, y1) x [x0, x1). */
typedef struct c5_rect { size_t y0, x0, y1, x1; } c5_rect;

typedef struct c5_field {
	char *name;             /* experiment; owned */
	uint64_t frame;
	uint64_t beside;        /* the frame that was recorded with the marker */
	size_t height, width;
	int channels, markers;
	float *input;           /* (C, H, W), owned: prepared, see c5_field_prepare */
	float *level;           /* (K, H, W), owned: the markers in grey values; NULL: not recorded */
	uint8_t *mask;          /* (K, H, W), owned: where they are positive; NULL as level */
	c5_rect seen;           /* what both show: all of it, less what came in at the edges when the marker was moved (align.h) */
	c5_rect train, validate; /* what is learnt from and what is checked with; empty when y1 <= y0 */
} c5_field;

void c5_field_clear(c5_field *f);
size_t c5_field_bytes(const c5_field *f);

/* One plane, in place: less its large-scale ground (a Gaussian of `ground` px; 0 leaves it), then to mean 0 and deviation 1 over the plane. A flat
 * plane becomes 0. What the lamp, the exposure and the dish add is gone, whatever the plate. scratch: c5_field_scratch floats. */
size_t c5_field_scratch(size_t height, size_t width, double ground);
void c5_field_prepare(float *plane, size_t height, size_t width, double ground, void *scratch);

/* What is in both. */
c5_rect c5_rect_common(c5_rect a, c5_rect b);

/* Moves marker m (grey values) by (y, x) px and takes the edge that came in out of `seen`. The mask is made afterwards. C5_ENOMEM. */
int c5_field_move(c5_field *f, int m, double y, double x);

/* Splits a field from side to side: the right `share` of `whole` is for validation, the rest but `gap` px before it for training. */
void c5_field_split(c5_field *f, c5_rect whole, double share, size_t gap);

/* Cuts (side, side) pixels whose top left is (y, x), which may lie outside: the image is mirrored. `turn` is one of the eight symmetries of the
 * square: bit 0 mirrors left to right, bit 1 top to bottom, bit 2 swaps rows and columns. */
void c5_field_cut(float *out, const float *plane, size_t height, size_t width, ptrdiff_t y, ptrdiff_t x, size_t side, unsigned turn);
/* A square that is turned about its middle by `angle` and seen `scale` times as large. */
typedef struct c5_warp { double angle, scale; } c5_warp;
/* What lies in such a square, straight lines between pixels; nothing outside `within` is looked at: there it is mirrored. */
void c5_field_warp(float *out, const float *plane, size_t width, c5_rect within, size_t y, size_t x, size_t side, const c5_warp *w);
/* nearest pixels */
void c5_field_warp_mask(float *out, const uint8_t *mask, size_t width, c5_rect within, size_t y, size_t x, size_t side, const c5_warp *w);

#endif
