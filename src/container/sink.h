/* sink.h – where results go. A step packs chunks and rows and puts them here; it never knows whether they travel over MPI to the
 * container's owner or are written on the spot. Array ids are those of the plan (the order in which its specs were declared). */
#ifndef C5_CONTAINER_SINK_H
#define C5_CONTAINER_SINK_H

#include <stddef.h>
#include <stdint.h>

#include "container/array.h"

typedef struct c5_sink c5_sink;
struct c5_sink {
	/* `packed` is the caller's again on return. The chunk is in the file after the next commit. */
	int (*put_chunk)(c5_sink *s, uint32_t array, uint64_t chunk, const void *packed, size_t size);
	/* One row of a small table that the owner keeps together (one row a frame). */
	int (*put_row)(c5_sink *s, uint32_t array, uint64_t row, const void *bytes, size_t size);
	/* Makes an array whose size only the unit's own work could tell (how many tracks there are); its id is good until the step ends. */
	int (*declare)(c5_sink *s, const c5_array_spec *spec, uint32_t *array);
	/* Gives the sink a chance to work; called between frames. C5_ESTOP: leave off, the run is asked to stop. */
	int (*poll)(c5_sink *s);
};

#endif
