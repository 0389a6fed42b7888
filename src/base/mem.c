/* mem.c – see mem.h. */
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define NO_STRING UINT64_MAX

int c5_alloc(void *out, size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size ? size : 1);
	if (!p) return c5_fail(C5_ENOMEM, "out of memory: %zu x %zu bytes wanted", n, size);
	memcpy(out, &p, sizeof p);
	return C5_OK;
}

int c5_alloc_aligned(void *out, size_t n, size_t size)
{
	void *p = NULL;
	size_t bytes;
	if (__builtin_mul_overflow(n, size, &bytes) || bytes > SIZE_MAX - 64 || posix_memalign(&p, 64, bytes ? (bytes + 63) / 64 * 64 : 64))
		return c5_fail(C5_ENOMEM, "out of memory: %zu x %zu bytes wanted", n, size);
	memcpy(out, &p, sizeof p);
	return C5_OK;
}

int c5_grow(void *p, size_t *cap, size_t need, size_t size)
{
	if (need <= *cap) return C5_OK;
	size_t want = *cap ? *cap : 16, bytes;
	while (want < need && want <= SIZE_MAX / 2) want += want / 2 + 1;
	if (want < need) want = need;
	void *old;
	memcpy(&old, p, sizeof old);
	void *fresh = __builtin_mul_overflow(want, size, &bytes) ? NULL : realloc(old, bytes);
	if (!fresh) return c5_fail(C5_ENOMEM, "out of memory: %zu x %zu bytes wanted", want, size);
	memset((char *)fresh + *cap * size, 0, (want - *cap) * size);
	memcpy(p, &fresh, sizeof fresh);
	*cap = want;
	return C5_OK;
}

char *c5_format(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	char *s = n < 0 ? NULL : malloc((size_t)n + 1);
	if (!s) return NULL;
	va_start(ap, fmt);
	vsnprintf(s, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return s;
}

char *c5_strdup(const char *s) { return s ? strdup(s) : NULL; }

void c5_buf_free(c5_buf *b)
{
	free(b->data);
	memset(b, 0, sizeof *b);
}

void c5_buf_put(c5_buf *b, const void *data, size_t n)
{
	if (b->err) return;
	if ((b->err = c5_grow(&b->data, &b->cap, b->size + n, 1)) < 0) return;
	if (n) memcpy(b->data + b->size, data, n);
	b->size += n;
}

void c5_buf_put_u64(c5_buf *b, uint64_t v) { c5_buf_put(b, &v, sizeof v); }
void c5_buf_put_f64(c5_buf *b, double v) { c5_buf_put(b, &v, sizeof v); }

void c5_buf_put_str(c5_buf *b, const char *s)
{
	c5_buf_put_u64(b, s ? strlen(s) : NO_STRING);
	if (s) c5_buf_put(b, s, strlen(s));
}

int c5_buf_get(c5_buf *b, void *data, size_t n)
{
	if (n > b->size - b->at) return c5_fail(C5_EFAIL, "message of %zu bytes ends at byte %zu, %zu more expected", b->size, b->at, n);
	if (n) memcpy(data, b->data + b->at, n);
	b->at += n;
	return C5_OK;
}

int c5_buf_get_u64(c5_buf *b, uint64_t *v) { return c5_buf_get(b, v, sizeof *v); }
int c5_buf_get_f64(c5_buf *b, double *v) { return c5_buf_get(b, v, sizeof *v); }

int c5_buf_get_str(c5_buf *b, char **s)
{
	uint64_t n = NO_STRING;
	int err = c5_buf_get_u64(b, &n);
	*s = NULL;
	if (err < 0 || n == NO_STRING) return err;
	if (n > b->size - b->at) return c5_fail(C5_EFAIL, "message holds a text of %llu bytes past its end", (unsigned long long)n);
	if ((err = c5_alloc(s, n + 1, 1)) < 0) return err;
	return c5_buf_get(b, *s, n);
}
