/* text.c – see text.h. The program never calls setlocale, so printf and strtod speak the C locale everywhere. */
#include "base/text.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"

void c5_text_add(c5_buf *b, const char *s) { c5_buf_put(b, s, strlen(s)); }

void c5_text_addf(c5_buf *b, const char *fmt, ...)
{
	char near[512], *far = NULL;
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(near, sizeof near, fmt, ap);
	va_end(ap);
	if (n >= (int)sizeof near) {
		va_start(ap, fmt);
		if (!b->err && (b->err = c5_alloc(&far, (size_t)n + 1, 1)) == C5_OK) vsnprintf(far, (size_t)n + 1, fmt, ap);
		va_end(ap);
	}
	if (n > 0) c5_buf_put(b, far ? far : near, (size_t)n);
	free(far);
}

int c5_utf8_length(const char *s)
{
	const unsigned char *u = (const unsigned char *)s;
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	int n = u[0] < 0x80 ? 1 : u[0] < 0xc2 ? 0 : u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : u[0] < 0xf5 ? 4 : 0;
	if (n <= 1) return u[0] ? n : 0;
	uint32_t code = u[0] & (0xffu >> (n + 1));
	for (int i = 1; i < n; i++) {
		if ((u[i] & 0xc0) != 0x80) return 0;
		code = code << 6 | (u[i] & 0x3fu);
	}
	return code < least[n] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ? 0 : n;
}

void c5_text_add_json(c5_buf *b, const char *s)
{
	if (!s) {
		c5_text_add(b, "null");
		return;
	}
	c5_text_add(b, "\"");
	while (*s) {
		int n = c5_utf8_length(s);
		unsigned char c = (unsigned char)*s;
		if (n == 0) c5_text_add(b, "\\ufffd");
		else if (c == '"' || c == '\\') c5_text_addf(b, "\\%c", c);
		else if (c == '\n') c5_text_add(b, "\\n");
		else if (c == '\t') c5_text_add(b, "\\t");
		else if (c < 0x20 || c == 0x7f) c5_text_addf(b, "\\u%04x", c);
		else c5_buf_put(b, s, (size_t)n);
		s += n ? n : 1;
	}
	c5_text_add(b, "\"");
}

char *c5_text_take(c5_buf *b)
{
	c5_buf_put(b, "", 1);
	char *s = b->err ? NULL : (char *)b->data;
	if (!s) free(b->data);
	memset(b, 0, sizeof *b);
	return s;
}

char *c5_text_real(char to[C5_REAL_TEXT], double v)
{
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(to, C5_REAL_TEXT, "%.*g", digits, v);
		if (strtod(to, NULL) == v) break;
	}
	return to;
}

int c5_text_to_int(int64_t *out, const char *s)
{
	char *end;
	errno = 0;
	long long v = strtoll(s, &end, 10);
	if (end == s || *end || strchr(" \t\n\v\f\r", *s)) return c5_fail(C5_EUSAGE, "'%.200s' is no whole number", s);
	if (errno == ERANGE) return c5_fail(C5_EUSAGE, "%.200s does not fit in 64 bits", s);
	*out = v;
	return C5_OK;
}

int c5_text_to_real(double *out, const char *s)
{
	char *end;
	double v = strtod(s, &end);
	if (end == s || *end || strchr(" \t\n\v\f\r", *s)) return c5_fail(C5_EUSAGE, "'%.200s' is no number", s);
	if (!isfinite(v)) return c5_fail(C5_EUSAGE, "%.200s is no finite number", s);
	*out = v;
	return C5_OK;
}

int c5_text_to_bool(_Bool *out, const char *s)
{
	static const char *const words[] = { "false", "true", "no", "yes", "off", "on", "0", "1" };
	for (int i = 0; i < (int)(sizeof words / sizeof *words); i++)
		if (strcasecmp(s, words[i]) == 0) {
			*out = i % 2;
			return C5_OK;
		}
	return c5_fail(C5_EUSAGE, "'%.200s' is neither true nor false", s);
}
