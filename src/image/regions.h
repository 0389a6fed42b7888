/* regions.h – properties of the labelled regions of one frame, as scikit-image's regionprops defines them. */
#ifndef C5_IMAGE_REGIONS_H
#define C5_IMAGE_REGIONS_H

#include <stddef.h>
#include <stdint.h>

typedef struct c5_region {
	uint32_t label;
	uint32_t area;                       /* px */
	double centroid_y, centroid_x;       /* px, pixel centres at integers */
	uint32_t bbox_y0, bbox_x0, bbox_y1, bbox_x1; /* half open, as regionprops */
	double perimeter;                    /* px; Crofton-free "perimeter" of regionprops, neighbourhood 4 */
	double major_axis, minor_axis;       /* px */
	double eccentricity, orientation;    /* orientation in rad, regionprops' convention */
	double solidity, extent, equivalent_diameter;
} c5_region;

/* labels: (H, W), values 0..n. regions: n entries, caller's, entry k-1 is label k (area 0 when the label is absent). C5_ENOMEM only. */
int c5_regions_measure(const uint32_t *labels, size_t height, size_t width, uint32_t n, c5_region *regions);

/* Mean, minimum and maximum of `pixels` (H, W) of `dtype` under each label 1..n, each (n), any of them NULL. */
int c5_regions_intensity(const uint32_t *labels, size_t height, size_t width, uint32_t n, int dtype, const void *pixels,
	double *mean, double *minimum, double *maximum);

#endif
