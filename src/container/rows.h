/* rows.h – small tables as arrays of structs, both ways: which columns a table has is said once. */
#ifndef C5_CONTAINER_ROWS_H
#define C5_CONTAINER_ROWS_H

#include "container/array.h"

enum c5_row_type { C5_ROW_TEXT, C5_ROW_INT, C5_ROW_REAL }; /* char * (owned), int64_t, double */

typedef struct c5_row_field { const char *name; int type; size_t at; } c5_row_field; /* a table of them ends with a NULL name */

/* Writes `n` structs of `size` bytes as a table, in place of what was there. NULL texts are stored as "". */
int c5_rows_write(c5_file *f, const char *path, const c5_row_field *fields, const void *rows, size_t n, size_t size);
/* Reads them: *rows is n zeroed structs, filled; free texts by c5_rows_free. Columns that are not there leave NULL, -1 or NAN; empty texts are NULL. */
int c5_rows_read(c5_file *f, const char *path, const c5_row_field *fields, void *rows, size_t *n, size_t size);
void c5_rows_free(const c5_row_field *fields, void *rows, size_t n, size_t size);

#endif
