/* split.h – parts a mask into cells where it is pinched or crossed by a bright line. Not for other rooms. */
#ifndef C5_SEGMENT_SPLIT_H
#define C5_SEGMENT_SPLIT_H

#include <stddef.h>
#include <stdint.h>

typedef struct c5_split_rules {
	double pinch;  /* two basins stay apart when the pass between them is narrower than this share of the narrower one, 0..1 */
	double least;  /* px; a smaller basin is joined to the neighbour with the widest pass */
	double depth;  /* basins this shallow, in units of the relief, are joined whatever their shape */
	double ridge;  /* how much of the pinch a line of tone 1 above the bodies beside it counts for; 0: only shape counts */
} c5_split_rules;

/* mask: (H, W) of 0 and 1. relief: (H, W), low in the middle of cells. distance: (H, W) to the background. tone: (H, W), dark in cells;
 * NULL when ridge is 0. labels: (H, W), out, 1..n, not in raster order. *count gets n. scratch: c5_split_bytes. C5_ENOMEM only. */
size_t c5_split_bytes(size_t height, size_t width);
int c5_split_mask(uint32_t *labels, uint32_t *count, const uint8_t *mask, const float *relief, const float *distance, const float *tone,
	size_t height, size_t width, const c5_split_rules *rules, void *scratch);

#endif
