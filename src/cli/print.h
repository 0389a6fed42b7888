/* print.h – how results look on standard output: colour only on a terminal, sizes, counts and times for people, and JSON. */
#ifndef C5_CLI_PRINT_H
#define C5_CLI_PRINT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

/* Escape sequences, or "" where standard output is no terminal or NO_COLOR is set. */
enum c5_ink { C5_PLAIN, C5_BOLD, C5_DIM, C5_RED, C5_GREEN, C5_YELLOW };
const char *c5_ink(int ink);

/* "812 B", "3.1 KiB", "1.25 GiB"; returns `to`. */
#define C5_SIZE_TEXT 32
char *c5_size_text(char to[C5_SIZE_TEXT], uint64_t bytes);
/* "12,345"; returns `to`. */
char *c5_count_text(char to[C5_SIZE_TEXT], uint64_t n);
/* "1 run", "12,345 runs"; returns `to`. */
#define C5_COUNTED_TEXT 80
char *c5_counted(char to[C5_COUNTED_TEXT], uint64_t n, const char *one, const char *many);
/* Seconds between two ISO 8601 times in UTC; NAN when one of them is none. */
double c5_iso_seconds(const char *from, const char *to);
/* "2024-05-17T09:30:00.125Z" as "2024-05-17 09:30:00"; returns `to`. */
char *c5_iso_text(char to[C5_SIZE_TEXT], const char *iso);
/* Columns that a UTF-8 text takes. */
int c5_width(const char *s);
/* Prints `s` cut to `width` columns, with an ellipsis, and filled up to them. Control characters become '?'. */
void c5_put_cell(const char *s, int width);

/* Members of a JSON object in `b`: "key": value, with the comma before all but the first. */
void c5_json_key(c5_buf *b, const char *key);
void c5_json_str(c5_buf *b, const char *key, const char *value);
void c5_json_int(c5_buf *b, const char *key, int64_t value);
void c5_json_bool(c5_buf *b, const char *key, bool value);
void c5_json_real(c5_buf *b, const char *key, double value); /* not finite: null */
/* Prints the buffer with a newline and empties it. */
int c5_json_print(c5_buf *b);

#endif
