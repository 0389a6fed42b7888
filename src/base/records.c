/* records.c – see records.h. */
#include "base/records.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/dtype.h"
#include "base/error.h"
#include "base/text.h"

static char *real_text(double v)
{
	char text[C5_REAL_TEXT];
	return c5_strdup(isnan(v) ? "" : c5_text_real(text, v));
}

char *c5_record_cell(const c5_record_field *f, const void *record)
{
	const char *at = (const char *)record + f->offset;
	union { const char *text; bool yes; int word; size_t size; uint8_t u8; uint16_t u16; uint32_t u32; uint64_t u64; int32_t i32; int64_t i64; float f32;
		double f64; } v;
	memset(&v, 0, sizeof v);
	switch (f->type) {
	case C5_RECORD_TEXT:
		memcpy(&v.text, at, sizeof v.text);
		return c5_strdup(v.text ? v.text : "");
	case C5_RECORD_BOOL:
		memcpy(&v.yes, at, sizeof v.yes);
		return c5_strdup(v.yes ? "1" : "0");
	case C5_RECORD_WORD:
		memcpy(&v.word, at, sizeof v.word);
		return c5_strdup(f->word(v.word));
	case C5_RECORD_SIZE:
		memcpy(&v.size, at, sizeof v.size);
		return c5_format("%zu", v.size);
	default: break;
	}
	memcpy(&v, at, c5_dtype_size(f->type));
	switch (f->type) {
	case C5_U8: return c5_format("%u", v.u8);
	case C5_U16: return c5_format("%u", v.u16);
	case C5_U32: return c5_format("%u", v.u32);
	case C5_U64: return c5_format("%llu", (unsigned long long)v.u64);
	case C5_I32: return c5_format("%d", v.i32);
	case C5_I64: return c5_format("%lld", (long long)v.i64);
	case C5_F32: return real_text((double)v.f32);
	default: return real_text(v.f64);
	}
}

static void put_quoted(c5_buf *to, const char *s)
{
	if (!strpbrk(s, "\",\r\n")) {
		c5_text_add(to, s);
		return;
	}
	c5_text_add(to, "\"");
	for (; *s; s++) {
		if (*s == '"') c5_text_add(to, "\"");
		c5_buf_put(to, s, 1);
	}
	c5_text_add(to, "\"");
}

int c5_records_csv(c5_buf *to, const c5_record_field *fields, const void *records, size_t n, size_t size, const size_t *order)
{
	for (const c5_record_field *f = fields; f->name; f++) c5_text_addf(to, "%s%s", f == fields ? "" : ",", f->name);
	c5_text_add(to, "\r\n");
	for (size_t i = 0; i < n; i++) {
		const char *record = (const char *)records + (order ? order[i] : i) * size;
		for (const c5_record_field *f = fields; f->name; f++) {
			char *cell = c5_record_cell(f, record);
			if (!cell) return c5_fail(C5_ENOMEM, "out of memory");
			if (f != fields) c5_text_add(to, ",");
			put_quoted(to, cell);
			free(cell);
		}
		c5_text_add(to, "\r\n");
	}
	return to->err;
}
