/* error.c – the per-thread error text; see error.h. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX 2048

static _Thread_local char text[TEXT_MAX];

/* Names and values from files end up in messages: a control character among them must neither break the line nor steer a terminal. */
static void one_line(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f) *s = *s == '\n' || *s == '\r' || *s == '\t' ? ' ' : '?';
}

int c5_fail(int code, const char *fmt, ...)
{
	char fresh[TEXT_MAX]; /* the arguments may point into the present text */
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(fresh, sizeof fresh, fmt, ap);
	va_end(ap);
	one_line(fresh);
	memcpy(text, fresh, sizeof text);
	return code;
}

int c5_fail_in(int code, const char *fmt, ...)
{
	char where[TEXT_MAX / 2], old[TEXT_MAX];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(where, sizeof where, fmt, ap);
	va_end(ap);
	memcpy(old, text, sizeof old);
	one_line(where);
	snprintf(text, sizeof text, "%s: %.*s", where, TEXT_MAX / 2 - 8, old);
	return code;
}

int c5_fail_stored(int code) { return code == C5_EUSAGE ? C5_ESCHEMA : code; }

const char *c5_error_last(void) { return text; }

void c5_error_clear(void) { text[0] = '\0'; }

int c5_exit_status(int code)
{
	switch (code) {
	case C5_OK: return C5_EXIT_OK;
	case C5_EUSAGE: return C5_EXIT_USAGE;
	case C5_EINPUT:
	case C5_ESCHEMA:
	case C5_ENOTFOUND: return C5_EXIT_INPUT;
	case C5_EPARTIAL: return C5_EXIT_PARTIAL;
	case C5_ESTOP: return C5_EXIT_RESUME;
	default: return C5_EXIT_FAILURE;
	}
}

