/* records.h – arrays of structs (base/records.h) as tables of a container. */
#ifndef C5_PIPELINE_RECORDS_H
#define C5_PIPELINE_RECORDS_H

#include "base/records.h"
#include "container/array.h"

/* The table's spec: one column a field, texts as wide as the widest; `units` and no other attribute. Caller frees it. */
int c5_records_spec(c5_array_spec *s, const char *path, const c5_record_field *fields, const void *records, size_t n, size_t size);
/* The rows as the spec lays them out, (n, row_size). order: (n) or NULL. Caller frees. */
int c5_records_rows(uint8_t **rows, const c5_array_spec *s, const c5_record_field *fields, const void *records, size_t n, size_t size,
	const size_t *order);
/* Makes the table in a file open for writing, at once. */
int c5_records_write(c5_file *f, const c5_array_spec *s, const uint8_t *rows);

#endif
