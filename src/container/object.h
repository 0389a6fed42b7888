/* object.h – looking at any object of a container without knowing what it is: kind, shape, type, size, attributes as text, and its
 * decoded content in logical order. The checker, diff, digest and `cyto5 show` are written over it. */
#ifndef C5_CONTAINER_OBJECT_H
#define C5_CONTAINER_OBJECT_H

#include "container/array.h"
#include "container/file.h"

enum c5_kind { C5_KIND_NONE, C5_KIND_GROUP, C5_KIND_ARRAY, C5_KIND_TABLE, C5_KIND_TEXT, C5_KIND_SCALE, C5_KIND_LINK, C5_KIND_OTHER, C5_KINDS };
const char *c5_kind_name(int kind); /* "group", "array" ... as the schema says them */

#define C5_LOOK_RANK 32 /* HDF5's limit */

typedef struct c5_object {
	int kind;
	int rank;
	uint64_t dims[C5_LOOK_RANK];
	int dtype;              /* enum c5_dtype; 0: a table, a text, or a type cyto5 does not write */
	char type[32];          /* for people: "uint16", "table", "text", "HDF5 class 5" */
	bool native;            /* chunked and packed as cyto5 does it: c5_array_open takes it */
	uint64_t element;       /* bytes of one element */
	uint64_t raw, stored;   /* bytes unpacked, and in the file */
	uint64_t chunks;        /* native: chunks in the grid */
	c5_column *columns;     /* tables: their columns, also of foreign ones; dtype 0 and text 0 for types cyto5 does not write */
	size_t n_columns;
	char *target;           /* links: where they point */
	uint64_t address;       /* the same for two names of one object */
} c5_object;

/* What is at `path`; a soft link itself, not what it points at. C5_ENOTFOUND when nothing is there; C5_EINPUT when it cannot be read. */
int c5_object_look(c5_object *o, c5_file *f, const char *path);
void c5_object_free(c5_object *o);

/* The class of an attribute ("text", "texts", "whole", "real", "whole[]", "other") and its value as one line of text; *value caller frees. */
int c5_attr_look(c5_file *f, const char *path, const char *name, const char **type, char **value);

/* The content of a dataset, decoded, in row-major order whatever its chunks, in blocks whose sizes depend on shape and type alone. */
typedef struct c5_content c5_content;
int c5_content_open(c5_content **out, c5_file *f, const char *path);
void c5_content_close(c5_content *c);
/* Bytes at..at+n-1 of every element are given out as zeros: what is no content, as times of files. Before the first block. */
void c5_content_blank(c5_content *c, size_t at, size_t n);
/* The next block, valid until the next call; *n 0 at the end. */
int c5_content_next(c5_content *c, const void **bytes, size_t *n);

#endif
