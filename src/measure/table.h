/* table.h – a CSV file as columns by name: comma, semicolon or tab between cells, quotes as in RFC 4180, first line the names. Lines that are
 * blank or begin with '#' are passed over. Whole in memory; up to 256 MiB. */
#ifndef C5_MEASURE_TABLE_H
#define C5_MEASURE_TABLE_H

#include <stddef.h>

typedef struct c5_table {
	char *path, *text;    /* cells point into text */
	size_t rows, columns; /* names not counted */
	char **names;         /* (columns) */
	char **cells;         /* (rows, columns), blanks at the ends cut */
	unsigned long long *lines; /* (rows) line in the file */
	size_t cap_cells, cap_names, cap_lines;
} c5_table;

/* C5_EINPUT with the line for rows of another length or quotes left open. c5_table_free is due in any case. */
int c5_table_read(c5_table *t, const char *path);
void c5_table_free(c5_table *t);
/* Index of a column; C5_EINPUT with those there are. */
int c5_table_column(const c5_table *t, const char *name, size_t *column);
static inline const char *c5_table_cell(const c5_table *t, size_t row, size_t column) { return t->cells[row * t->columns + column]; }
/* A finite number; C5_EINPUT names file, line and column. */
int c5_table_real(const c5_table *t, size_t row, size_t column, double *value);

#endif
