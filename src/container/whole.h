/* whole.h – datasets small enough to be written and read in one piece by one process: weights, small tables, checkpoints.
 * They are chunked and guarded as all others (array.h), so that checking, copying and foreign readers know no difference. */
#ifndef C5_CONTAINER_WHOLE_H
#define C5_CONTAINER_WHOLE_H

#include <stdbool.h>

#include "container/array.h"

#define C5_WHOLE_CHUNK (UINT64_C(4) << 20) /* bytes of a chunk, about */

/* An array of any rank up to C5_MAX_RANK, cut along its first dimension alone. No dimension may be 0. */
int c5_spec_whole(c5_array_spec *s, const char *path, int dtype, int rank, const uint64_t *dims);

/* Writes all of a dataset, row-major, in place of what was there. */
int c5_whole_write(c5_file *f, const c5_array_spec *s, const void *content);
/* The same, not compressed: when one of the same shape is there, its bytes are replaced where they are, and the file does not grow. */
int c5_whole_rewrite(c5_file *f, const c5_array_spec *s, const void *content);
/* Reads a dataset that c5_array_open takes and of which every chunk is there. Free spec (c5_spec_free) and *content (free). Content has
 * the dims of the spec; for tables rows of row_size. C5_EINPUT when it is damaged or incomplete. */
int c5_whole_read(c5_file *f, const char *path, c5_array_spec *s, void **content);

#endif
