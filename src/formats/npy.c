/* npy.c – see npy.h. The header is a Python literal; only the forms that NumPy writes are taken. */
#include "formats/npy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/dtype.h"
#include "base/error.h"
#include "base/text.h"

#define LONGEST 65536

static const struct { const char *code; int dtype; } codes[] = {
	{ "u1", C5_U8 }, { "u2", C5_U16 }, { "u4", C5_U32 }, { "u8", C5_U64 }, { "i1", C5_I8 }, { "i2", C5_I16 }, { "i4", C5_I32 }, { "i8", C5_I64 },
	{ "f4", C5_F32 }, { "f8", C5_F64 },
};
#define N_CODES (sizeof codes / sizeof *codes)

static bool little(void) { return *(const uint8_t *)&(uint16_t){ 1 }; }

void c5_npy_header(c5_buf *to, int dtype, int rank, const uint64_t *dims)
{
	c5_buf text = { 0 };
	const char *code = "?";
	for (size_t i = 0; i < N_CODES; i++)
		if (codes[i].dtype == dtype) code = codes[i].code;
	c5_text_addf(&text, "{'descr': '%c%s', 'fortran_order': False, 'shape': (", c5_dtype_size(dtype) == 1 ? '|' : little() ? '<' : '>', code);
	for (int i = 0; i < rank; i++) c5_text_addf(&text, "%llu%s", (unsigned long long)dims[i], rank == 1 ? "," : i + 1 < rank ? ", " : "");
	c5_text_add(&text, "), }");
	while ((10 + text.size + 1) % 64 && !text.err) c5_text_add(&text, " ");
	c5_text_add(&text, "\n");
	uint8_t start[10] = { 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (uint8_t)(text.size & 0xff), (uint8_t)(text.size >> 8) };
	c5_buf_put(to, start, sizeof start);
	c5_buf_put(to, text.data, text.size);
	if (text.err) to->err = text.err;
	c5_buf_free(&text);
}

int c5_npy_bytes(const c5_npy *npy, const char *name, uint64_t *bytes)
{
	*bytes = c5_dtype_size(npy->dtype);
	for (int i = 0; i < npy->rank; i++)
		if (__builtin_mul_overflow(*bytes, npy->dims[i], bytes) || *bytes > INT64_MAX)
			return c5_fail(C5_EINPUT, "%s: an array of more bytes than there are", name);
	return C5_OK;
}

int c5_npy_length(const uint8_t *start, const char *name, size_t *length)
{
	if (memcmp(start, "\x93NUMPY", 6) != 0) return c5_fail(C5_EINPUT, "%s: no .npy array", name);
	if (start[6] < 1 || start[6] > 3) return c5_fail(C5_EINPUT, "%s: .npy version %u.%u, expected 1.0 to 3.0", name, start[6], start[7]);
	*length = start[6] == 1 ? 10 + (size_t)(start[8] | start[9] << 8)
		: 12 + ((size_t)start[8] | (size_t)start[9] << 8 | (size_t)start[10] << 16 | (size_t)start[11] << 24);
	if (*length > LONGEST || *length < C5_NPY_PREAMBLE) return c5_fail(C5_EINPUT, "%s: a .npy header of %zu bytes", name, *length);
	return C5_OK;
}

/* What follows 'key': in the literal. */
static const char *value_of(const char *text, const char *key)
{
	char quoted[32];
	snprintf(quoted, sizeof quoted, "'%s':", key);
	const char *at = strstr(text, quoted);
	if (!at) return NULL;
	at += strlen(quoted);
	return at + strspn(at, " ");
}

static int parse_shape(c5_npy *out, const char *at, const char *name)
{
	if (!at || *at++ != '(') return c5_fail(C5_EINPUT, "%s: .npy header without a shape", name);
	for (out->rank = 0; ; ) {
		char *end;
		at += strspn(at, " ,");
		if (*at == ')') return C5_OK;
		if (out->rank == C5_NPY_RANK || *at < '0' || *at > '9')
			return c5_fail(C5_EINPUT, "%s: .npy shape with %s", name, out->rank == C5_NPY_RANK ? "too many dimensions" : "what is no number");
		out->dims[out->rank++] = strtoull(at, &end, 10);
		at = end + (*end == 'L');
	}
}

int c5_npy_parse(c5_npy *out, const uint8_t *header, size_t length, const char *name)
{
	size_t skip = header[6] == 1 ? 10 : 12;
	char *text = NULL;
	int err = c5_alloc(&text, length - skip + 1, 1);
	memset(out, 0, sizeof *out);
	if (err < 0) return err;
	memcpy(text, header + skip, length - skip);
	const char *descr = value_of(text, "descr"), *order = value_of(text, "fortran_order");
	for (size_t i = 0; descr && descr[0] == '\'' && descr[1] && i < N_CODES; i++)
		if (strncmp(descr + 2, codes[i].code, 2) == 0 && descr[4] == '\'') out->dtype = codes[i].dtype;
	if (!out->dtype) err = c5_fail(C5_EINPUT, "%s: elements of type %.24s, expected whole or real numbers", name, descr ? descr : "?");
	else if (!order || strncmp(order, "False", 5) != 0) err = c5_fail(C5_EINPUT, "%s: in Fortran order; save it with numpy.ascontiguousarray", name);
	else err = parse_shape(out, value_of(text, "shape"), name);
	if (err == C5_OK) out->swapped = c5_dtype_size(out->dtype) > 1 && descr[1] == (little() ? '>' : '<');
	free(text);
	return err;
}

void c5_swap_bytes(void *data, size_t n, size_t size)
{
	uint8_t *p = data;
	for (size_t i = 0; i < n; i++, p += size)
		for (size_t a = 0, b = size - 1; a < b; a++, b--) {
			uint8_t v = p[a];
			p[a] = p[b], p[b] = v;
		}
}

static int refuse(const char *name, uint64_t frame, double v)
{
	return c5_fail(C5_EINPUT, "%s: frame %llu holds %g, expected labels: whole numbers from 0 to %lu", name, (unsigned long long)frame, v,
		(unsigned long)UINT32_MAX - 1);
}

int c5_whole_labels(int dtype, const void *pixels, size_t n, uint32_t *out, const char *name, uint64_t frame)
{
	switch (dtype) {
#define UNSIGNED(code, of) case code: for (size_t i = 0; i < n; i++) out[i] = ((const of *)pixels)[i]; return C5_OK;
#define SIGNED(code, of) case code: for (size_t i = 0; i < n; i++) { \
		of v = ((const of *)pixels)[i]; \
		if (v < 0) return refuse(name, frame, (double)v); \
		out[i] = (uint32_t)v; } return C5_OK;
#define LARGE(code, of) case code: for (size_t i = 0; i < n; i++) { \
		of v = ((const of *)pixels)[i]; \
		if (v < 0 || v >= UINT32_MAX) return refuse(name, frame, (double)v); \
		out[i] = (uint32_t)v; } return C5_OK;
#define REAL(code, of) case code: for (size_t i = 0; i < n; i++) { \
		of v = ((const of *)pixels)[i]; \
		if (!(v >= 0 && (double)v < UINT32_MAX && v == (of)floor((double)v))) return refuse(name, frame, (double)v); \
		out[i] = (uint32_t)v; } return C5_OK;
	UNSIGNED(C5_U8, uint8_t) UNSIGNED(C5_U16, uint16_t)
	case C5_U32: for (size_t i = 0; i < n; i++) { uint32_t v = ((const uint32_t *)pixels)[i]; if (v == UINT32_MAX) return refuse(name, frame, v);
		out[i] = v; } return C5_OK;
	SIGNED(C5_I8, int8_t) SIGNED(C5_I16, int16_t) SIGNED(C5_I32, int32_t)
	LARGE(C5_I64, int64_t)
	case C5_U64: for (size_t i = 0; i < n; i++) { uint64_t v = ((const uint64_t *)pixels)[i]; if (v >= UINT32_MAX) return refuse(name, frame, (double)v);
		out[i] = (uint32_t)v; } return C5_OK;
	REAL(C5_F32, float) REAL(C5_F64, double)
	default: return c5_fail(C5_EINPUT, "%s: pixels of a type that labels cannot have", name);
	}
}
