/* packers.h – threads that pack chunks while their rank goes on with its next frame. Chunks reach the sink in the order in which they were
 * given, and by the caller's thread alone, so that neither the file nor MPI sees more than one thread. With one thread a chunk is
 * packed and put at once. Memory: PACKERS_BYTES, or two chunks if they are larger. */
#ifndef C5_PIPELINE_PACKERS_H
#define C5_PIPELINE_PACKERS_H

#include <stdbool.h>

#include "container/sink.h"

#define C5_PACKERS_BYTES (UINT64_C(128) << 20)

typedef struct c5_packers c5_packers;

/* `threads`: with the caller's. C5_ENOMEM, C5_EFAIL when threads cannot be started. */
int c5_packers_open(c5_packers **out, c5_sink *sink, int threads);
/* Drops what was not handed over. */
void c5_packers_close(c5_packers *p);

/* A chunk of `bytes` bytes in elements of `element`; copied where it must wait. An error may be that of an earlier chunk. */
int c5_packers_put(c5_packers *p, uint32_t array, uint64_t chunk, const void *raw, size_t bytes, size_t element);
/* Hands over what is packed; `all`: what is not yet, too. */
int c5_packers_hand_over(c5_packers *p, bool all);

#endif
