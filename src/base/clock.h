/* clock.h – the time of day for records, and a clock that only goes forward for durations. */
#ifndef C5_BASE_CLOCK_H
#define C5_BASE_CLOCK_H

/* Now as ISO 8601 in UTC with milliseconds, "2024-05-17T09:30:00.125Z"; returns `to`. */
#define C5_UTC_TEXT 32
char *c5_clock_utc(char to[C5_UTC_TEXT]);

/* Seconds since some fixed moment of this machine's past. */
double c5_clock_s(void);

/* A duration for people: "4.2 s", "3:07", "2:15:09"; returns `to`. */
#define C5_SPAN_TEXT 32
char *c5_clock_span(char to[C5_SPAN_TEXT], double seconds);

#endif
