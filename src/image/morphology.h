/* morphology.h – masks grown and shrunk by discs, and the largest and smallest of a window. Pure functions; the caller gives the scratch.
 * A disc of radius r holds the pixels with dy^2 + dx^2 <= r^2, as skimage.morphology.disk. Beyond the frame lies what changes nothing:
 * background for dilation, object for erosion. Masks hold 0 and 1. */
#ifndef C5_IMAGE_MORPHOLOGY_H
#define C5_IMAGE_MORPHOLOGY_H

#include <stddef.h>
#include <stdint.h>

#define C5_MORPHOLOGY_RADIUS_MAX 500

/* In place. scratch: c5_morphology_bytes. Radius 0 changes nothing. */
size_t c5_morphology_bytes(size_t height, size_t width, size_t radius);
void c5_morphology_dilate(uint8_t *mask, size_t height, size_t width, size_t radius, void *scratch);
void c5_morphology_erode(uint8_t *mask, size_t height, size_t width, size_t radius, void *scratch);
void c5_morphology_open(uint8_t *mask, size_t height, size_t width, size_t radius, void *scratch);  /* eroded, then dilated */
void c5_morphology_close(uint8_t *mask, size_t height, size_t width, size_t radius, void *scratch); /* dilated, then eroded */

/* Largest (or smallest) value of the (2 radius + 1)^2 window around each pixel, the frame's part of it. out, in: (H, W), the same or
 * disjoint. scratch: c5_morphology_window_bytes. */
size_t c5_morphology_window_bytes(size_t height, size_t width, size_t radius);
void c5_morphology_max(float *out, const float *in, size_t height, size_t width, size_t radius, void *scratch);
void c5_morphology_min(float *out, const float *in, size_t height, size_t width, size_t radius, void *scratch);

#endif
