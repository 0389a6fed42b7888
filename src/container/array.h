/* array.h – the datasets of a container: stacks (T, Y, X), crops (N, C, H, W) and tables (rows of a compound type), chunked and packed.
 *
 * A spec says all there is to say about a dataset before it exists; every rank can hold the same specs, the owner makes the dataset when
 * its first chunk comes. Chunks are numbered in row-major order of the chunk grid. Edge chunks are whole chunks, padded with zeros.
 * A chunk that exists is complete: that is how a run that was cut short knows what is left to do. */
#ifndef C5_CONTAINER_ARRAY_H
#define C5_CONTAINER_ARRAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/dtype.h"
#include "base/mem.h"
#include "container/chunk.h"
#include "container/file.h"

#define C5_MAX_RANK 5
#define C5_TILE_PIXELS (UINT64_C(4) << 20) /* frames above this many pixels are cut into tiles */
#define C5_TILE 1024

/* One column of a table. text > 0: a string of that many bytes, zero-padded, instead of dtype. */
typedef struct c5_column { char name[48]; uint16_t dtype; uint16_t text; uint32_t offset; } c5_column;

/* One dimension as viewers show it: a scale dataset `name` beside the data, value = index * step. step 0: no scale. */
typedef struct c5_axis { char name[16]; char unit[16]; double step; } c5_axis;

typedef struct c5_array_spec {
	char *path;
	int rank;
	uint64_t dims[C5_MAX_RANK], chunk[C5_MAX_RANK];
	int dtype;                  /* enum c5_dtype; 0 for tables */
	c5_column *columns;         /* tables: owned */
	size_t n_columns, row_size; /* tables: bytes of a row in memory and in the file (packed) */
	bool growing;               /* tables: rows may be added later, by c5_array_put_rows */
	c5_axis axes[C5_MAX_RANK];
	size_t n_attrs, cap_attrs;  /* attributes set when the dataset is made, owned */
	struct c5_spec_attr { char *name, *text; double number; bool is_number; } *attrs;
} c5_array_spec;

/* A stack of `t` frames of (height, width), with `planes` z planes a frame when > 0; chunk = one frame, or tiles. */
int c5_spec_stack(c5_array_spec *s, const char *path, int dtype, uint64_t t, uint64_t planes, uint64_t height, uint64_t width);
/* Crops (N, C, H, W), `per_chunk` crops a chunk. */
int c5_spec_crops(c5_array_spec *s, const char *path, int dtype, uint64_t n, uint64_t channels, uint64_t height, uint64_t width, uint64_t per_chunk);
/* A table of n rows; columns are added next, then rows_per_chunk is settled. */
int c5_spec_table(c5_array_spec *s, const char *path, uint64_t n, uint64_t rows_per_chunk);
int c5_spec_column(c5_array_spec *s, const char *name, int dtype);
int c5_spec_text_column(c5_array_spec *s, const char *name, size_t bytes);
int c5_spec_attr_str(c5_array_spec *s, const char *name, const char *text); /* NULL text: not set */
const char *c5_spec_text(const c5_array_spec *s, const char *name);         /* a text attribute; NULL: not set */
int c5_spec_attr_f64(c5_array_spec *s, const char *name, double value);     /* NAN: not set */
void c5_spec_free(c5_array_spec *s);
void c5_spec_pack(const c5_array_spec *s, c5_buf *to);
int c5_spec_unpack(c5_array_spec *s, c5_buf *from);
int c5_spec_copy(c5_array_spec *to, const c5_array_spec *from);

uint64_t c5_spec_chunks(const c5_array_spec *s);      /* chunks in the grid */
size_t c5_spec_chunk_bytes(const c5_array_spec *s);   /* raw bytes of a chunk */
size_t c5_spec_element(const c5_array_spec *s);       /* bytes of an element (a row, for tables) */
uint64_t c5_spec_tiles(const c5_array_spec *s);       /* chunks per frame of a stack: 1 unless tiled */

/* Makes the dataset with its parents, axes, attributes. Fine when one of the same shape and type is there (a resumed run). */
int c5_array_create(c5_file *f, const c5_array_spec *s);

/* A dataset opened for reading, or by the owner for handing out chunk addresses. Dead after a commit or close of its file. */
typedef struct c5_array c5_array;
int c5_array_open(c5_array **out, c5_file *f, const char *path);
int c5_table_open(c5_array **out, c5_file *f, const char *path); /* a whole one; C5_ESCHEMA where it is no table */
void c5_array_close(c5_array *a);
const c5_array_spec *c5_array_spec_of(const c5_array *a);

bool c5_array_has_chunk(c5_array *a, uint64_t chunk);
/* Chunks that are there, counted in one walk of their index. */
int c5_array_count_chunks(c5_array *a, uint64_t *there);
/* Decodes one chunk: c5_spec_chunk_bytes bytes to `out`. A chunk that was never written reads as zeros, and is C5_EINPUT once
 * c5_array_must_be_whole was called: results are made of whole arrays only, and a damaged file may claim any size. C5_EINPUT names object
 * and chunk. */
int c5_array_read_chunk(c5_array *a, c5_codec *codec, uint64_t chunk, void *out);
void c5_array_must_be_whole(c5_array *a);
/* Frame t, plane z of a stack, tiles put together: (height, width) elements. C5_EINPUT where it is no such stack. */
int c5_array_read_frame(c5_array *a, c5_codec *codec, uint64_t t, uint64_t z, void *out);
/* Rows first .. first+n of a table, or crops. Consecutive calls on one chunk decode it once. C5_EINPUT where rows are cut, or a table has columns of
 * rows. */
int c5_array_read_rows(c5_array *a, c5_codec *codec, uint64_t first, uint64_t n, void *out);
/* As stored, for copying: *data is valid until the next call. *size 0 when the chunk does not exist. */
int c5_array_read_packed(c5_array *a, uint64_t chunk, const void **data, size_t *size, uint32_t *filter_mask);

/* Writer's side. Registers a chunk of `size` packed bytes and tells where its bytes belong: whoever has them writes them there before the commit. */
int c5_array_place_chunk(c5_array *a, uint64_t chunk, size_t size, uint64_t *at);
/* Registers and writes at once. */
int c5_array_write_chunk(c5_array *a, uint64_t chunk, const void *packed, size_t size);

/* Puts rows first .. first+n into a table, growing it where they go beyond its end (a table made to grow). What its chunks held besides stays. For
 * tables that one process alone writes row by row; visible with the next commit. */
int c5_array_put_rows(c5_array *a, c5_codec *codec, uint64_t first, uint64_t n, const void *rows);

/* C5_ESCHEMA unless these are masks, (T, Y, X) of uint16 or uint32; crops, (N, C, H, W) of numbers. */
int c5_spec_is_masks(const c5_array_spec *s);
int c5_spec_is_crops(const c5_array_spec *s);

/* Sets the column's values apart: a named column's offset and type, or C5_ENOTFOUND. */
int c5_spec_find_column(const c5_array_spec *s, const char *name, const c5_column **column);
/* A column of a row as a number, whatever its type; NAN for a text. */
double c5_column_value(const c5_column *c, const void *row);

#endif
