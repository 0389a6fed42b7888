/* label.h – connected components of a mask, their holes, and the removal of unwanted ones.
 * Works on runs: stretches of object pixels in a row, so that most of the work does not depend on the number of pixels. The caller
 * gives the scratch memory. Frames have fewer than 2^32 pixels. */
#ifndef C5_IMAGE_LABEL_H
#define C5_IMAGE_LABEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct c5_label_rules {
	int connectivity;           /* of objects: 8 or 4; 0 means 8 */
	bool fill_holes;            /* background that no path of edge-sharing pixels joins to the frame's border becomes object */
	int64_t max_hole;           /* px; larger holes stay open; 0: no limit */
	int64_t min_area, max_area; /* px, after filling; 0: no limit */
	int64_t border;             /* drop objects with a pixel this near to the frame's edge, 0: touching it; -1: keep all */
} c5_label_rules;

#define C5_LABEL_ALL ((c5_label_rules){ 8, false, 0, 0, 0, -1 })

/* Bytes of scratch for the functions that take a mask. */
size_t c5_label_bytes(size_t height, size_t width);

/* mask: (H, W), not 0 is object. labels: (H, W), 0 background, 1..n in raster order of the object's first pixel. Returns n. */
uint32_t c5_label_mask(uint32_t *labels, const uint8_t *mask, size_t height, size_t width, const c5_label_rules *rules, void *scratch);

/* Sets the holes of a mask up to max_hole px (0: all) to 1. */
void c5_label_fill_holes(uint8_t *mask, size_t height, size_t width, int64_t max_hole, void *scratch);

/* Takes `radius` px away from all sides of a mask of 0 and 1 (a square window); beyond the frame's edge all counts as object. */
size_t c5_label_erode_bytes(size_t height, size_t width, size_t radius);
void c5_label_erode(uint8_t *mask, size_t height, size_t width, size_t radius, void *scratch);

/* Drops labels 1..n by area and border and numbers those left in raster order; labels beyond n become 0. Objects need not be
 * connected; `connectivity` and `fill_holes` are not used. scratch: 8 (n + 1) bytes. Returns the new n. */
uint32_t c5_label_filter(uint32_t *labels, size_t height, size_t width, uint32_t n, const c5_label_rules *rules, void *scratch);

#endif
