/* clock.c – see clock.h. */
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

char *c5_clock_utc(char to[C5_UTC_TEXT])
{
	struct timespec now = { 0 };
	struct tm day = { 0 };
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &day);
	size_t n = strftime(to, C5_UTC_TEXT, "%Y-%m-%dT%H:%M:%S", &day);
	snprintf(to + n, C5_UTC_TEXT - n, ".%03dZ", (int)(now.tv_nsec / 1000000));
	return to;
}

double c5_clock_s(void)
{
	struct timespec now = { 0 };
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

char *c5_clock_span(char to[C5_SPAN_TEXT], double seconds)
{
	if (!(seconds >= 0)) seconds = 0;
	if (seconds > 1e9) seconds = 1e9; /* thirty years: nobody waits longer */
	if (seconds < 59.95) {
		snprintf(to, C5_SPAN_TEXT, "%.1f s", seconds);
	} else {
		long s = (long)(seconds + 0.5);
		if (s < 3600) snprintf(to, C5_SPAN_TEXT, "%ld:%02ld", s / 60, s % 60);
		else snprintf(to, C5_SPAN_TEXT, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
	}
	return to;
}
