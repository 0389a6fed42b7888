/* spec.c – what a dataset will be, before it is; see array.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "container/array.h"

static int start(c5_array_spec *s, const char *path, int dtype, int rank)
{
	memset(s, 0, sizeof *s);
	s->dtype = dtype;
	s->rank = rank;
	return (s->path = c5_strdup(path)) ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
}

int c5_spec_stack(c5_array_spec *s, const char *path, int dtype, uint64_t t, uint64_t planes, uint64_t height, uint64_t width)
{
	int err = start(s, path, dtype, planes ? 4 : 3), i = 0;
	if (err < 0) return err;
	bool tiled = height * width > C5_TILE_PIXELS;
	s->dims[i] = t, s->chunk[i++] = 1;
	if (planes) s->dims[i] = planes, s->chunk[i++] = 1;
	s->dims[i] = height, s->chunk[i++] = tiled && height > C5_TILE ? C5_TILE : height;
	s->dims[i] = width, s->chunk[i] = tiled && width > C5_TILE ? C5_TILE : width;
	return C5_OK;
}

int c5_spec_crops(c5_array_spec *s, const char *path, int dtype, uint64_t n, uint64_t channels, uint64_t height, uint64_t width, uint64_t per_chunk)
{
	int err = start(s, path, dtype, 4);
	if (err < 0) return err;
	uint64_t dims[4] = { n, channels, height, width };
	for (int i = 0; i < 4; i++) s->dims[i] = dims[i], s->chunk[i] = dims[i];
	s->chunk[0] = n < per_chunk ? (n ? n : 1) : per_chunk;
	return C5_OK;
}

int c5_spec_table(c5_array_spec *s, const char *path, uint64_t n, uint64_t rows_per_chunk)
{
	int err = start(s, path, 0, 1);
	s->dims[0] = n;
	s->chunk[0] = n < rows_per_chunk ? (n ? n : 1) : rows_per_chunk;
	return err;
}

static int add_column(c5_array_spec *s, const char *name, int dtype, size_t text)
{
	size_t cap = s->n_columns;
	int err = c5_grow(&s->columns, &cap, s->n_columns + 1, sizeof *s->columns);
	if (err < 0) return err;
	c5_column *c = &s->columns[s->n_columns];
	memset(c, 0, sizeof *c);
	if (text > UINT16_MAX) return c5_fail(C5_EINPUT, "column '%s' has texts of %zu bytes, at most %d are expected", name, text, UINT16_MAX);
	if (strlen(name) >= sizeof c->name) return c5_fail(C5_EUSAGE, "column name '%s' is longer than %zu bytes", name, sizeof c->name - 1);
	strcpy(c->name, name);
	c->dtype = (uint16_t)dtype;
	c->text = (uint16_t)text;
	c->offset = (uint32_t)s->row_size;
	s->row_size += text ? text : c5_dtype_size(dtype);
	s->n_columns++;
	return C5_OK;
}

int c5_spec_column(c5_array_spec *s, const char *name, int dtype) { return add_column(s, name, dtype, 0); }
int c5_spec_text_column(c5_array_spec *s, const char *name, size_t bytes) { return add_column(s, name, 0, bytes); }

int c5_spec_find_column(const c5_array_spec *s, const char *name, const c5_column **column)
{
	for (size_t i = 0; i < s->n_columns; i++)
		if (strcmp(s->columns[i].name, name) == 0) {
			*column = &s->columns[i];
			return C5_OK;
		}
	return c5_fail(C5_ENOTFOUND, "%s: no column '%s'", s->path, name);
}

double c5_column_value(const c5_column *c, const void *row)
{
	const char *at = (const char *)row + c->offset;
	switch (c->dtype) {
#define CASE(type, of) case type: { of v; memcpy(&v, at, sizeof v); return (double)v; }
	CASE(C5_U8, uint8_t) CASE(C5_U16, uint16_t) CASE(C5_U32, uint32_t) CASE(C5_U64, uint64_t)
	CASE(C5_I8, int8_t) CASE(C5_I16, int16_t) CASE(C5_I32, int32_t) CASE(C5_I64, int64_t)
	CASE(C5_F32, float) CASE(C5_F64, double)
#undef CASE
	default: return NAN;
	}
}

static int add_attr(c5_array_spec *s, const char *name, const char *text, double number, bool is_number)
{
	int err = c5_grow(&s->attrs, &s->cap_attrs, s->n_attrs + 1, sizeof *s->attrs);
	if (err < 0) return err;
	struct c5_spec_attr *a = &s->attrs[s->n_attrs++];
	a->name = c5_strdup(name);
	a->text = c5_strdup(text);
	a->number = number;
	a->is_number = is_number;
	return a->name && (is_number || a->text) ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
}

int c5_spec_attr_str(c5_array_spec *s, const char *name, const char *text) { return text ? add_attr(s, name, text, 0, false) : C5_OK; }
const char *c5_spec_text(const c5_array_spec *s, const char *name)
{
	for (size_t i = 0; i < s->n_attrs; i++)
		if (!s->attrs[i].is_number && strcmp(s->attrs[i].name, name) == 0) return s->attrs[i].text;
	return NULL;
}

int c5_spec_attr_f64(c5_array_spec *s, const char *name, double value) { return isnan(value) ? C5_OK : add_attr(s, name, NULL, value, true); }

void c5_spec_free(c5_array_spec *s)
{
	for (size_t i = 0; i < s->n_attrs; i++) {
		free(s->attrs[i].name);
		free(s->attrs[i].text);
	}
	free(s->attrs);
	free(s->columns);
	free(s->path);
	memset(s, 0, sizeof *s);
}

void c5_spec_pack(const c5_array_spec *s, c5_buf *to)
{
	c5_buf_put_str(to, s->path);
	c5_buf_put(to, &s->rank, sizeof s->rank);
	c5_buf_put(to, s->dims, sizeof s->dims);
	c5_buf_put(to, s->chunk, sizeof s->chunk);
	c5_buf_put(to, &s->dtype, sizeof s->dtype);
	c5_buf_put(to, s->axes, sizeof s->axes);
	c5_buf_put_u64(to, s->row_size);
	c5_buf_put_u64(to, s->growing);
	c5_buf_put_u64(to, s->n_columns);
	c5_buf_put(to, s->columns, s->n_columns * sizeof *s->columns);
	c5_buf_put_u64(to, s->n_attrs);
	for (size_t i = 0; i < s->n_attrs; i++) {
		c5_buf_put_str(to, s->attrs[i].name);
		c5_buf_put_str(to, s->attrs[i].text);
		c5_buf_put_f64(to, s->attrs[i].number);
		c5_buf_put(to, &s->attrs[i].is_number, sizeof s->attrs[i].is_number);
	}
}

int c5_spec_unpack(c5_array_spec *s, c5_buf *from)
{
	uint64_t n, row, growing;
	int err;
	memset(s, 0, sizeof *s);
	if ((err = c5_buf_get_str(from, &s->path)) < 0 || (err = c5_buf_get(from, &s->rank, sizeof s->rank)) < 0 ||
	    (err = c5_buf_get(from, s->dims, sizeof s->dims)) < 0 || (err = c5_buf_get(from, s->chunk, sizeof s->chunk)) < 0 ||
	    (err = c5_buf_get(from, &s->dtype, sizeof s->dtype)) < 0 || (err = c5_buf_get(from, s->axes, sizeof s->axes)) < 0 ||
	    (err = c5_buf_get_u64(from, &row)) < 0 || (err = c5_buf_get_u64(from, &growing)) < 0 || (err = c5_buf_get_u64(from, &n)) < 0)
		return err;
	s->row_size = row;
	s->growing = growing != 0;
	if (n) {
		if ((err = c5_alloc(&s->columns, n, sizeof *s->columns)) < 0 || (err = c5_buf_get(from, s->columns, n * sizeof *s->columns)) < 0) return err;
		s->n_columns = n;
	}
	if ((err = c5_buf_get_u64(from, &n)) < 0) return err;
	for (uint64_t i = 0; i < n; i++) {
		char *name = NULL, *text = NULL;
		double number;
		bool is_number;
		if ((err = c5_buf_get_str(from, &name)) == C5_OK && (err = c5_buf_get_str(from, &text)) == C5_OK &&
		    (err = c5_buf_get_f64(from, &number)) == C5_OK && (err = c5_buf_get(from, &is_number, sizeof is_number)) == C5_OK)
			err = add_attr(s, name, text, number, is_number);
		free(name);
		free(text);
		if (err < 0) return err;
	}
	return C5_OK;
}

int c5_spec_copy(c5_array_spec *to, const c5_array_spec *from)
{
	c5_buf b = { 0 };
	c5_spec_pack(from, &b);
	int err = b.err < 0 ? b.err : c5_spec_unpack(to, &b);
	c5_buf_free(&b);
	return err;
}

uint64_t c5_spec_chunks(const c5_array_spec *s)
{
	uint64_t n = 1;
	for (int i = 0; i < s->rank; i++) n *= (s->dims[i] + s->chunk[i] - 1) / s->chunk[i];
	return n;
}

size_t c5_spec_element(const c5_array_spec *s) { return s->n_columns ? s->row_size : c5_dtype_size(s->dtype); }

size_t c5_spec_chunk_bytes(const c5_array_spec *s)
{
	size_t n = c5_spec_element(s);
	for (int i = 0; i < s->rank; i++) n *= s->chunk[i];
	return n;
}

uint64_t c5_spec_tiles(const c5_array_spec *s)
{
	int y = s->rank - 2, x = s->rank - 1;
	return (s->dims[y] + s->chunk[y] - 1) / s->chunk[y] * ((s->dims[x] + s->chunk[x] - 1) / s->chunk[x]);
}

int c5_spec_is_masks(const c5_array_spec *s)
{
	if (s->rank == 3 && (s->dtype == C5_U16 || s->dtype == C5_U32)) return C5_OK;
	return c5_fail(C5_ESCHEMA, "%s: %s of %d dimensions, masks (T, Y, X) of uint16 or uint32 are expected", s->path,
		s->dtype ? c5_dtype_name(s->dtype) : "a table", s->rank);
}

int c5_spec_is_crops(const c5_array_spec *s)
{
	if (s->rank == 4 && s->dtype) return C5_OK;
	return c5_fail(C5_ESCHEMA, "%s: %s of %d dimensions, crops (N, C, H, W) are expected", s->path,
		s->dtype ? c5_dtype_name(s->dtype) : "a table", s->rank);
}
