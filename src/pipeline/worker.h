/* worker.h – a rank's tools: the committed container opened for reading, packing and sending of results, scratch memory kept between units.
 *
 * While a worker reads, the owner commits. A read that meets pages of two states fails (everything is checksummed) and is tried
 * again on a freshly opened file. */
#ifndef C5_PIPELINE_WORKER_H
#define C5_PIPELINE_WORKER_H

#include "container/array.h"
#include "container/sink.h"
#include "pipeline/job.h"
#include "pipeline/packers.h"

#define C5_WORKER_ARRAYS 8
#define C5_WORKER_SCRATCH 12 /* the last is the worker's own */

typedef struct c5_worker {
	const char *path;          /* of the container */
	c5_file *file;             /* NULL: not open */
	c5_codec *codec;
	c5_sink *sink;             /* borrowed */
	c5_packers *packers;       /* between the worker and the sink; NULL without a sink */
	struct { char *path; c5_array *array; uint64_t used; } arrays[C5_WORKER_ARRAYS];
	struct { void *data; size_t size; } scratch[C5_WORKER_SCRATCH];
	uint64_t clock;
	int sink_error;            /* < 0: results cannot be written any more: not this experiment's fault */
	void *state;               /* the step's own, see c5_step_ops */
	void (*free_state)(void *state);
} c5_worker;

int c5_worker_open(c5_worker *w, const char *path, c5_sink *sink);
void c5_worker_close(c5_worker *w);
/* Closes the container and forgets the step's state: the next read sees what was committed meanwhile. */
void c5_worker_refresh(c5_worker *w);

/* Scratch memory number k of at least n bytes, 64-byte aligned; kept until a larger one is wanted. */
int c5_worker_scratch(c5_worker *w, int k, size_t n, void *out);

int c5_worker_spec(c5_worker *w, const char *path, const c5_array_spec **spec);
int c5_worker_read_frame(c5_worker *w, const char *path, uint64_t t, uint64_t z, void *out);
int c5_worker_read_rows(c5_worker *w, const char *path, uint64_t first, uint64_t n, void *out);

/* Packs a frame (tiles where the spec has them) or one chunk, and puts it into the sink; with several threads a little later. */
int c5_worker_put_frame(c5_worker *w, const c5_job *j, size_t output, uint64_t t, uint64_t z, const void *pixels);
int c5_worker_put_chunk(c5_worker *w, const c5_job *j, size_t output, uint64_t chunk, const void *raw);
/* A whole table, of a size only this unit knows: made, packed and put. rows: (spec->dims[0], spec->row_size). */
int c5_worker_put_table(c5_worker *w, const c5_array_spec *spec, const void *rows);
int c5_worker_put_row(c5_worker *w, const c5_job *j, size_t output, uint64_t row, const void *bytes);
/* When the last unit is done: what is still being packed goes to the sink. */
int c5_worker_hand_over(c5_worker *w);
/* Between frames: C5_ESTOP when the run is asked to stop. */
int c5_worker_poll(c5_worker *w);

#endif
