/* foreign.h – HDF5 files of other programs: attributes, names and arrays by path, in and out. No lock, no transaction, no schema.
 *
 * Reading takes texts of fixed and of variable length, numbers of any type as float32, and knows bfloat16 as Keras stores it (opaque, two
 * bytes, attribute dtype). Damaged and truncated files are C5_EINPUT. */
#ifndef C5_CONTAINER_FOREIGN_H
#define C5_CONTAINER_FOREIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define C5_FOREIGN_RANK 8

typedef struct c5_foreign c5_foreign;

/* C5_ENOTFOUND when there is no such file, C5_EINPUT when it is no HDF5 file. */
int c5_foreign_open(c5_foreign **out, const char *path);
/* The same for a file that is in memory already: `bytes` stay the caller's and are kept until the close. */
int c5_foreign_open_image(c5_foreign **out, const char *path, void *bytes, size_t size);
/* Makes PATH.part; c5_foreign_finish gives it its name. An existing file is C5_EUSAGE unless `force`. */
int c5_foreign_create(c5_foreign **out, const char *path, bool force);
int c5_foreign_finish(c5_foreign *f);      /* and closes, also on failure */
void c5_foreign_close(c5_foreign *f);      /* NULL is fine; a file that is not finished goes */

bool c5_foreign_exists(c5_foreign *f, const char *path);
/* Names in a group in natural order, caller frees by c5_names_free (file.h). */
int c5_foreign_list(c5_foreign *f, const char *path, char ***names, size_t *n);
/* Attributes of the object at `path`. C5_ENOTFOUND when there is none of that name. Caller frees. */
int c5_foreign_text(c5_foreign *f, const char *path, const char *name, char **text);
int c5_foreign_texts(c5_foreign *f, const char *path, const char *name, char ***texts, size_t *n);
int c5_foreign_ints(c5_foreign *f, const char *path, const char *name, int64_t **values, size_t *n);
/* A dataset of numbers, whole, as float32. Caller frees. */
typedef struct c5_foreign_array { int rank; uint64_t dims[C5_FOREIGN_RANK], count; float *data; } c5_foreign_array;
int c5_foreign_read(c5_foreign *f, const char *path, c5_foreign_array *a);

/* Writing: groups are made with their parents. */
int c5_foreign_make_group(c5_foreign *f, const char *path);
int c5_foreign_put_text(c5_foreign *f, const char *path, const char *name, const char *text);   /* of variable length, UTF-8: any size */
int c5_foreign_put_texts(c5_foreign *f, const char *path, const char *name, size_t n, const char *const *texts); /* of fixed length */
int c5_foreign_write(c5_foreign *f, const char *path, const c5_foreign_array *a);

#endif
