/* structs.c – see structs.h. */
#include "container/structs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "container/whole.h"

#define WIDEST 60000 /* bytes of a text column */

/* ---- out ---- */

static size_t widest(const c5_record_field *field, const void *rows, size_t n, size_t size)
{
	size_t width = 1;
	for (size_t i = 0; i < n; i++) {
		const char *text = *(char *const *)((const char *)rows + i * size + field->offset);
		if (text && strlen(text) > width) width = strlen(text);
	}
	return width < WIDEST ? width : WIDEST;
}

static void put_row(uint8_t *to, const c5_array_spec *s, const c5_record_field *fields, const char *row)
{
	for (size_t c = 0; c < s->n_columns; c++) {
		const c5_column *column = &s->columns[c];
		const char *from = row + fields[c].offset;
		if (fields[c].type != C5_RECORD_TEXT) memcpy(to + column->offset, from, 8);
		else if (*(char *const *)from) strncpy((char *)to + column->offset, *(char *const *)from, column->text);
	}
}

int c5_structs_write(c5_file *f, const char *path, const c5_record_field *fields, const void *rows, size_t n, size_t size)
{
	c5_array_spec s = { 0 };
	uint8_t *content = NULL;
	int err = c5_spec_table(&s, path, n, 65536);
	for (size_t c = 0; err == C5_OK && fields[c].name; c++)
		err = fields[c].type == C5_RECORD_TEXT ? c5_spec_text_column(&s, fields[c].name, widest(&fields[c], rows, n, size))
		                                    : c5_spec_column(&s, fields[c].name, fields[c].type);
	if (err == C5_OK && (err = c5_alloc(&content, n, s.row_size)) == C5_OK) {
		for (size_t i = 0; i < n; i++) put_row(content + i * s.row_size, &s, fields, (const char *)rows + i * size);
		err = c5_whole_write(f, &s, content);
	}
	free(content);
	c5_spec_free(&s);
	return err;
}

/* ---- in ---- */

static int take_value(char *to, const c5_record_field *field, const c5_column *column, const uint8_t *row)
{
	const uint8_t *from = column ? row + column->offset : NULL;
	if (field->type == C5_RECORD_TEXT) {
		if (!column || !column->text || !*from) return C5_OK;
		char *text = strndup((const char *)from, column->text);
		memcpy(to, &text, sizeof text);
		return text ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
	}
	double v = column ? c5_column_value(column, row) : NAN;
	int64_t whole = v > -9.2e18 && v < 9.2e18 ? (int64_t)v : -1;
	if (column && column->dtype == C5_I64) memcpy(&whole, from, sizeof whole); /* all 64 bits of it */
	if (field->type == C5_I64) memcpy(to, &whole, sizeof whole);
	else memcpy(to, &v, sizeof v);
	return C5_OK;
}

int c5_structs_read(c5_file *f, const char *path, const c5_record_field *fields, void *out, size_t *n, size_t size)
{
	c5_array_spec s;
	void *content = NULL;
	char *rows = NULL;
	*n = 0;
	int err = c5_whole_read(f, path, &s, &content);
	if (err < 0) return err;
	if (!s.n_columns) err = c5_fail(C5_EINPUT, "%s:%s: no table", c5_file_path(f), path);
	else if ((err = c5_alloc(&rows, s.dims[0], size)) == C5_OK) *n = s.dims[0];
	for (size_t c = 0; err == C5_OK && fields[c].name; c++) {
		const c5_column *column = NULL;
		for (size_t k = 0; k < s.n_columns && !column; k++)
			if (strcmp(s.columns[k].name, fields[c].name) == 0) column = &s.columns[k];
		for (size_t i = 0; err == C5_OK && i < *n; i++)
			err = take_value(rows + i * size + fields[c].offset, &fields[c], column, (const uint8_t *)content + i * s.row_size);
	}
	free(content);
	c5_spec_free(&s);
	if (err < 0) {
		c5_structs_free(fields, rows, *n, size);
		rows = NULL;
		*n = 0;
	}
	memcpy(out, &rows, sizeof rows);
	return err;
}

void c5_structs_free(const c5_record_field *fields, void *rows, size_t n, size_t size)
{
	for (size_t i = 0; rows && i < n; i++)
		for (size_t c = 0; fields[c].name; c++)
			if (fields[c].type == C5_RECORD_TEXT) free(*(char **)((char *)rows + i * size + fields[c].offset));
	free(rows);
}
