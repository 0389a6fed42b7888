/* log.h – what the program says while it works. Messages go to stderr, one line each, "cyto5: " in front;
 * results go to stdout and never pass through here. With --json FILE every event is one JSON object a line.
 * On many ranks only the speaking rank (0) prints, save errors. */
#ifndef C5_BASE_LOG_H
#define C5_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum c5_log_level { C5_LOG_ERROR, C5_LOG_WARN, C5_LOG_INFO, C5_LOG_DEBUG };

typedef struct c5_log_setup {
	bool quiet;             /* errors and warnings only, no progress */
	bool verbose;           /* debug lines too */
	const char *json;       /* path of the event log, appended to; NULL none; "-" stdout */
	int rank, ranks;
} c5_log_setup;

int c5_log_init(const c5_log_setup *setup);
void c5_log_close(void);
bool c5_log_quiet(void);

void c5_log(int level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Event for the JSON log: name, then key/value pairs by a format of one letter each: s text, i int64_t, f double; ends with NULL key.
 *     c5_event("commit", "si", "run", "r000003", "chunks", (int64_t)n); */
void c5_event(const char *name, const char *types, ...);

/* Progress of a known number of work items; a bar on a terminal, else one line every `C5_PROGRESS_LINE_S` seconds. Rank 0 only. */
#define C5_PROGRESS_LINE_S 10
void c5_progress_begin(const char *what, uint64_t total);
void c5_progress_at(uint64_t done);
void c5_progress_end(void);

#endif
