/* owner.h – the one process that writes metadata: hands out addresses for chunks, keeps small tables together, commits.
 * It makes a dataset when its first chunk or row comes. Memory: 64 open datasets, and those chunks of row tables of
 * which some rows have come and others have not. */
#ifndef C5_CONTAINER_OWNER_H
#define C5_CONTAINER_OWNER_H

#include "container/array.h"
#include "container/sink.h"

typedef struct c5_owner c5_owner;

/* Borrows a file opened for writing. */
int c5_owner_open(c5_owner **out, c5_file *f);
void c5_owner_close(c5_owner *o);
/* Declares an array; ids count from 0. The spec's content is moved into the owner. */
int c5_owner_declare(c5_owner *o, c5_array_spec *spec, uint32_t *id);
/* A copy of the spec is declared and its array made at once. */
int c5_owner_make(c5_owner *o, const c5_array_spec *spec, uint32_t *id);
/* Forgets all declarations (before the next step). Row tables are written first. */
int c5_owner_clear(c5_owner *o);

/* Where the chunk's bytes belong; C5_PLACED_BEFORE: nowhere, the chunk is there already. */
#define C5_PLACED_BEFORE UINT64_MAX
int c5_owner_place(c5_owner *o, uint32_t id, uint64_t chunk, size_t size, uint64_t *at);
int c5_owner_write(c5_owner *o, uint32_t id, uint64_t chunk, const void *packed, size_t size); /* places and writes the bytes */
int c5_owner_row(c5_owner *o, uint32_t id, uint64_t row, const void *bytes, size_t size);
/* Makes the array even if nothing was put into it (an empty table is a result). */
int c5_owner_touch(c5_owner *o, uint32_t id);
/* Writes row tables, commits. Every placed chunk's bytes must be in the file. */
int c5_owner_commit(c5_owner *o, bool more);
uint64_t c5_owner_pending(const c5_owner *o); /* chunks and rows since the last commit */

#endif
