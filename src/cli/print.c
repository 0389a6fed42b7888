/* print.c – see print.h. */
#include "cli/print.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"

const char *c5_ink(int ink)
{
	static const char *const codes[] = { "\033[0m", "\033[1m", "\033[2m", "\033[31m", "\033[32m", "\033[33m" };
	static int on = -1;
	if (on < 0) {
		const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
		/* Open MPI puts a terminal before the standard output of what it starts, wherever that goes in the end; it leaves the other as a pipe. */
		const bool real = isatty(STDOUT_FILENO) && (isatty(STDERR_FILENO) || !getenv("OMPI_COMM_WORLD_SIZE"));
		on = real && !(no && *no) && term && strcmp(term, "dumb") != 0;
	}
	return on ? codes[ink] : "";
}

char *c5_size_text(char to[C5_SIZE_TEXT], uint64_t bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double v = (double)bytes;
	int u = 0;
	for (; v >= 999.5 && u < 6; u++) v /= 1024;
	if (u == 0) snprintf(to, C5_SIZE_TEXT, "%d B", (int)bytes);
	else snprintf(to, C5_SIZE_TEXT, "%.*f %s", v < 9.995 ? 2 : v < 99.95 ? 1 : 0, v, units[u]);
	return to;
}

char *c5_count_text(char to[C5_SIZE_TEXT], uint64_t n)
{
	char plain[24];
	int digits = snprintf(plain, sizeof plain, "%llu", (unsigned long long)n), at = 0;
	for (int i = 0; i < digits; i++) {
		if (i && (digits - i) % 3 == 0) to[at++] = ',';
		to[at++] = plain[i];
	}
	to[at] = '\0';
	return to;
}

char *c5_counted(char to[C5_COUNTED_TEXT], uint64_t n, const char *one, const char *many)
{
	char count[C5_SIZE_TEXT];
	snprintf(to, C5_COUNTED_TEXT, "%s %.40s", c5_count_text(count, n), n == 1 ? one : many);
	return to;
}

static double seconds_of(const char *iso)
{
	struct tm t = { 0 };
	double s;
	if (!iso || sscanf(iso, "%d-%d-%dT%d:%d:%lfZ", &t.tm_year, &t.tm_mon, &t.tm_mday, &t.tm_hour, &t.tm_min, &s) != 6) return NAN;
	t.tm_year -= 1900;
	t.tm_mon -= 1;
	return (double)timegm(&t) + s;
}

double c5_iso_seconds(const char *from, const char *to) { return seconds_of(to) - seconds_of(from); }

char *c5_iso_text(char to[C5_SIZE_TEXT], const char *iso)
{
	snprintf(to, C5_SIZE_TEXT, "%.19s", iso ? iso : "?");
	if (strlen(to) > 10 && to[10] == 'T') to[10] = ' ';
	return to;
}

int c5_width(const char *s)
{
	int width = 0;
	while (*s) {
		int n = c5_utf8_length(s);
		s += n ? n : 1;
		width++;
	}
	return width;
}

void c5_put_cell(const char *s, int width)
{
	int have = c5_width(s), room = have > width ? width - 1 : width, at = 0;
	while (*s && at < room) {
		int n = c5_utf8_length(s);
		if (n <= 1 && ((unsigned char)*s < 0x20 || (unsigned char)*s >= 0x7f)) putchar('?');
		else fwrite(s, 1, (size_t)n, stdout);
		s += n ? n : 1;
		at++;
	}
	if (have > width) fputs("\xe2\x80\xa6", stdout), at++;
	for (; at < width; at++) putchar(' ');
}

void c5_json_key(c5_buf *b, const char *key)
{
	if (b->size && b->data[b->size - 1] != '{' && b->data[b->size - 1] != '[') c5_text_add(b, ", ");
	if (!key) return;
	c5_text_add_json(b, key);
	c5_text_add(b, ": ");
}

void c5_json_str(c5_buf *b, const char *key, const char *value)
{
	c5_json_key(b, key);
	c5_text_add_json(b, value);
}

void c5_json_int(c5_buf *b, const char *key, int64_t value)
{
	c5_json_key(b, key);
	c5_text_addf(b, "%lld", (long long)value);
}

void c5_json_bool(c5_buf *b, const char *key, bool value)
{
	c5_json_key(b, key);
	c5_text_add(b, value ? "true" : "false");
}

void c5_json_real(c5_buf *b, const char *key, double value)
{
	char text[C5_REAL_TEXT];
	c5_json_key(b, key);
	c5_text_add(b, isfinite(value) ? c5_text_real(text, value) : "null");
}

int c5_json_print(c5_buf *b)
{
	int err = b->err;
	if (err == C5_OK) {
		fwrite(b->data, 1, b->size, stdout);
		putchar('\n');
	}
	c5_buf_free(b);
	return err;
}
