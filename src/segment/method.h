/* method.h – what the segmentation methods share with segment.c. Not for other rooms. */
#ifndef C5_SEGMENT_METHOD_H
#define C5_SEGMENT_METHOD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image/filter.h"
#include "image/label.h"
#include "segment/segment.h"

/* Memory of one frame size. A method may use all of it; `maps` says how many float maps it wants. */
struct c5_segmenter {
	size_t height, width, n;
	const struct c5_method *method;
	c5_segment_params set;  /* numbers only: the texts belong to the caller and are read at opening */
	bool dark;
	int threshold;          /* of `fluorescence`: its row in the list of thresholds */
	c5_label_rules rules;
	float *smooth, *map[3]; /* (H, W); `smooth` holds the frame as floats when a method is called */
	uint8_t *mask, *spare;  /* (H, W) */
	uint32_t *basins;       /* (H, W); methods that part cells */
	void *scratch;          /* of one operation at a time */
};

typedef struct c5_method {
	const char *name;
	int maps;    /* beyond `smooth` */
	bool spare, basins;
	int64_t min_area; /* px, of the smallest object kept unless set otherwise */
	size_t (*scratch)(const c5_segment_params *set, size_t height, size_t width); /* bytes */
	/* From the frame to labels in raster order; stats->max > stats->min. NULL: they come from files. */
	int (*run)(c5_segmenter *s, int dtype, const void *pixels, const c5_filter_stats *stats, uint32_t *labels, uint32_t *objects, double *threshold);
} c5_method;

extern const c5_method c5_method_otsu, c5_method_percentile, c5_method_deviation, c5_method_phase, c5_method_rods, c5_method_fluorescence,
	c5_method_sesmo, c5_method_labels;

size_t c5_method_larger(size_t a, size_t b);
void c5_method_cut(uint8_t *mask, const float *map, size_t n, float threshold, bool dark);

/* s->mask, parted as the settings say, becomes labels. relief NULL: only the distance to the background counts; else slope times it is taken from
 * the relief, in place. Uses s->basins, s->map[1] for distances, s->map[0] if relief is NULL, and s->scratch. scratch: c5_method_part_bytes. */
size_t c5_method_part_bytes(size_t height, size_t width);
int c5_method_part(c5_segmenter *s, float *relief, const float *tone, double slope, double depth, double ridge, uint32_t *labels, uint32_t *objects);

#endif
