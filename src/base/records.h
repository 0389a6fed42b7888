/* records.h – arrays of structs described once, for all who write them out: tables of a container, CSV, the terminal. */
#ifndef C5_BASE_RECORDS_H
#define C5_BASE_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"

/* Types beside those of base/dtype.h: a borrowed text (NULL: ""), a bool, and an int as one of a row of words. */
enum c5_record_type { C5_RECORD_TEXT = 100, C5_RECORD_BOOL, C5_RECORD_WORD, C5_RECORD_SIZE };

typedef struct c5_record_field {
	const char *name;         /* column; NULL ends a table */
	int type;                 /* enum c5_dtype or c5_record_type */
	size_t offset;
	const char *unit;         /* "px", "1" ...; NULL: none told */
	const char *(*word)(int); /* C5_RECORD_WORD */
} c5_record_field;

/* A cell as text, for CSV: numbers read back the same, NAN is empty. Caller frees; NULL out of memory. */
char *c5_record_cell(const c5_record_field *f, const void *record);
/* Appends header and rows, RFC 4180; records: `n`, each `size` bytes. order: (n) or NULL. */
int c5_records_csv(c5_buf *to, const c5_record_field *fields, const void *records, size_t n, size_t size, const size_t *order);

#endif
