/* filter.h – from raw pixels to smooth float maps: conversion, Gaussian, local mean and deviation.
 * Pure functions; the caller gives the scratch memory, 64-byte aligned is best. Borders are mirrored with the edge pixel
 * repeated (d c b a | a b c d), which scipy.ndimage calls `reflect`, whatever the size of image and window. */
#ifndef C5_IMAGE_FILTER_H
#define C5_IMAGE_FILTER_H

#include <stddef.h>
#include <stdint.h>

/* Of the raw frame, with non-finite pixels counted as the smallest finite one; sd is the population's. */
typedef struct c5_filter_stats { double min, max, mean, sd; } c5_filter_stats;

/* Values beyond this are clipped, so that sums of floats stay finite. */
#define C5_FILTER_LIMIT 8e37f

/* pixels: (n) of `dtype` -> out (n). Non-finite pixels become the frame's minimum, a frame without a finite pixel becomes 0.
 * stats may be NULL. C5_EFAIL for a value that is no dtype. */
int c5_filter_to_float(float *out, int dtype, const void *pixels, size_t n, c5_filter_stats *stats);

/* Index of the mirrored pixel for any i, 0..n-1. */
size_t c5_filter_reflect(ptrdiff_t i, size_t n);

/* Gaussian of scipy.ndimage.gaussian_filter (truncate 4, mode reflect). in, out: (H, W), the same array or disjoint.
 * sigma <= 0 copies. scratch: c5_filter_gaussian_bytes. */
size_t c5_filter_gaussian_bytes(size_t height, size_t width, double sigma);
void c5_filter_gaussian(float *out, const float *in, size_t height, size_t width, double sigma, void *scratch);

/* Mean and standard deviation of the (2 radius + 1)^2 window around each pixel; mean or sd may be NULL, both disjoint from `in`.
 * Values are rounded to steps between the smallest and the largest of `in`, 2^20 of them up to radius 31, 2^15 at radius 1000:
 * sums are whole numbers, exact in any order, and running sums do not drift. scratch: c5_filter_local_bytes. */
#define C5_FILTER_RADIUS_MAX 1000
size_t c5_filter_local_bytes(size_t width, size_t radius);
void c5_filter_local(float *mean, float *sd, const float *in, size_t height, size_t width, size_t radius, void *scratch);

/* Smallest and largest of n finite floats; 0, 0 for n = 0. */
void c5_filter_range(const float *in, size_t n, float *min, float *max);

#endif
