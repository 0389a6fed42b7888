/* picture.h – a virtual stain beside the frame it was made from and, where there is one, the recorded marker: the picture one looks at first. */
#ifndef C5_STAIN_PICTURE_H
#define C5_STAIN_PICTURE_H

#include "image/overlay.h"

/* pixel_um: NAN if not stated: no scale bar then */
typedef struct c5_stain_caption { const char *channel, *marker; double pixel_um; } c5_stain_caption;

/* Panels from left to right, a white line between: the label-free frame in grey with a scale bar; the same with the map over it in colour; and,
 * unless `level` is NULL, the same with the recorded marker. Above each is said what it shows. Frames of less than 400 px are shown twice as large,
 * or more. frame, level: (H, W), contrast from their 0.5th to 99.5th percentiles; map: (H, W), from map_low (no colour) to map_high (full colour).
 * out->rgb: free(). */
int c5_stain_picture(c5_picture *out, const float *frame, const float *map, double map_low, double map_high, const float *level, size_t height,
	size_t width, const c5_stain_caption *said);

#endif
