/* structs.h – small tables as arrays of structs, both ways: which columns a table has is said once (base/records.h; fields are owned texts
 * (C5_RECORD_TEXT), int64_t (C5_I64) and double (C5_F64)). */
#ifndef C5_CONTAINER_STRUCTS_H
#define C5_CONTAINER_STRUCTS_H

#include "base/records.h"
#include "container/array.h"

/* Writes `n` structs of `size` bytes as a table, in place of what was there. NULL texts are stored as "". */
int c5_structs_write(c5_file *f, const char *path, const c5_record_field *fields, const void *rows, size_t n, size_t size);
/* Reads them: *rows is n zeroed structs, filled; free texts by c5_structs_free. Columns that are not there leave NULL, -1 or NAN; empty texts are
 * NULL. */
int c5_structs_read(c5_file *f, const char *path, const c5_record_field *fields, void *rows, size_t *n, size_t size);
void c5_structs_free(const c5_record_field *fields, void *rows, size_t n, size_t size);

#endif
