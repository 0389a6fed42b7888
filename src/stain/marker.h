/* marker.h – where a fluorescence image says the marker is: its binarisation.
 *
 * Counts of grey values are gathered first, over one frame or over all frames of a plate, and one threshold is found from them; a field
 * without a single positive cell is then judged by its neighbours on the plate, which a threshold of its own could not do. */
#ifndef C5_STAIN_MARKER_H
#define C5_STAIN_MARKER_H

#include <stddef.h>
#include <stdint.h>

#define C5_MARKER_BINS 65536

enum c5_marker_method { C5_MARKER_OTSU, C5_MARKER_PERCENTILE, C5_MARKER_HAND };

/* Counts of values between lo and hi. Whole types of up to 16 bits have one bin a value (lo 0 and hi 65535, or as the type), others 65536
 * bins of equal width. */
typedef struct c5_marker_counts {
	double lo, hi, width;           /* of the values; of a bin */
	uint64_t n, saturated;          /* pixels counted; of them at the type's or the range's upper end */
	uint64_t bin[C5_MARKER_BINS];
} c5_marker_counts;

/* Empties the counts for pixels of `dtype`; range: smallest and largest value of types that have no bin a value (NULL else). */
void c5_marker_start(c5_marker_counts *c, int dtype, const double range[2]);
/* Adds a frame. Pixels that are not finite are left out. Integer sums: any order of frames gives the same counts. */
void c5_marker_count(c5_marker_counts *c, int dtype, const void *pixels, size_t n);

typedef struct c5_marker_found {
	double threshold;   /* pixels above it are positive */
	double separation;  /* of the two sides: variance between them over the whole, 0..1; one bell-shaped population has 0.64 */
	double positive;    /* share of pixels above it */
	double saturated;   /* share of pixels at the upper end */
} c5_marker_found;

/* value: for PERCENTILE the share of pixels below the threshold in percent, for HAND the threshold itself. C5_EINPUT when nothing was
 * counted. Otsu's threshold (Otsu 1979) of a constant image is its value: nothing is positive. */
int c5_marker_threshold(c5_marker_found *out, const c5_marker_counts *c, int method, double value);

/* mask[i] = 1 where the pixel is above the threshold. Not finite: 0. */
void c5_marker_binarise(uint8_t *mask, int dtype, const void *pixels, size_t n, double threshold);

/* Drops connected positive spots (8 neighbours) of fewer than `least` pixels from the mask, in place; dust and hot pixels. */
int c5_marker_despeckle(uint8_t *mask, size_t height, size_t width, int64_t least);

#endif
