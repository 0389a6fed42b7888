/* records.c – see records.h. */
#include "pipeline/records.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

#define ROWS_PER_CHUNK 1024

static bool is_text(const c5_record_field *f) { return f->type == C5_RECORD_TEXT || f->type == C5_RECORD_WORD; }

static int widest(size_t *width, const c5_record_field *f, const void *records, size_t n, size_t size)
{
	*width = 1;
	for (size_t i = 0; i < n; i++) {
		char *cell = c5_record_cell(f, (const char *)records + i * size);
		if (!cell) return c5_fail(C5_ENOMEM, "out of memory");
		if (strlen(cell) > *width) *width = strlen(cell);
		free(cell);
	}
	if (*width > UINT16_MAX) *width = UINT16_MAX;
	return C5_OK;
}

int c5_records_spec(c5_array_spec *s, const char *path, const c5_record_field *fields, const void *records, size_t n, size_t size)
{
	c5_buf units = { 0 };
	size_t width;
	int err = c5_spec_table(s, path, n, n < ROWS_PER_CHUNK ? n ? n : 1 : ROWS_PER_CHUNK);
	for (const c5_record_field *f = fields; err == C5_OK && f->name; f++) {
		if (is_text(f)) {
			if ((err = widest(&width, f, records, n, size)) == C5_OK) err = c5_spec_text_column(s, f->name, width);
		} else {
			err = c5_spec_column(s, f->name, f->type == C5_RECORD_BOOL ? C5_U8 : f->type == C5_RECORD_SIZE ? C5_U64 : f->type);
		}
		if (f->unit) c5_text_addf(&units, "%s%s: %s", units.size ? ", " : "", f->name, f->unit);
	}
	char *text = c5_text_take(&units);
	if (err == C5_OK) err = text ? c5_spec_attr_str(s, "units", *text ? text : NULL) : c5_fail(C5_ENOMEM, "out of memory");
	free(text);
	if (err < 0) c5_spec_free(s);
	return err;
}

int c5_records_rows(uint8_t **rows, const c5_array_spec *s, const c5_record_field *fields, const void *records, size_t n, size_t size,
	const size_t *order)
{
	int err = c5_alloc(rows, n ? n : 1, s->row_size);
	for (size_t i = 0; err == C5_OK && i < n; i++) {
		const char *record = (const char *)records + (order ? order[i] : i) * size;
		for (size_t k = 0; err == C5_OK && fields[k].name; k++) {
			const c5_column *c = &s->columns[k];
			uint8_t *to = *rows + i * s->row_size + c->offset;
			if (!is_text(&fields[k])) {
				memcpy(to, record + fields[k].offset, c5_dtype_size(c->dtype));
				continue;
			}
			char *cell = c5_record_cell(&fields[k], record);
			if (!cell) err = c5_fail(C5_ENOMEM, "out of memory");
			else memcpy(to, cell, strlen(cell) < c->text ? strlen(cell) : c->text);
			free(cell);
		}
	}
	return err;
}

int c5_records_write(c5_file *f, const c5_array_spec *s, const uint8_t *rows)
{
	c5_array *a = NULL;
	c5_codec *codec = NULL;
	uint8_t *raw = NULL, *packed = NULL;
	size_t bytes = c5_spec_chunk_bytes(s), size;
	int err;
	if ((err = c5_array_create(f, s)) < 0 || (err = c5_array_open(&a, f, s->path)) < 0 || (err = c5_codec_open(&codec)) < 0 ||
	    (err = c5_alloc(&raw, bytes, 1)) < 0 || (err = c5_alloc(&packed, c5_chunk_bound(bytes), 1)) < 0)
		goto done;
	for (uint64_t first = 0; err == C5_OK && first < s->dims[0]; first += s->chunk[0]) {
		uint64_t n = s->dims[0] - first < s->chunk[0] ? s->dims[0] - first : s->chunk[0];
		memset(raw, 0, bytes);
		memcpy(raw, rows + first * s->row_size, n * s->row_size);
		if ((err = c5_chunk_encode(codec, raw, bytes, c5_spec_element(s), packed, &size)) == C5_OK)
			err = c5_array_write_chunk(a, first / s->chunk[0], packed, size);
	}
done:
	free(raw);
	free(packed);
	c5_codec_close(codec);
	c5_array_close(a);
	return err;
}
