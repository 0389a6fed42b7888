/* text.h – text pieced together in a c5_buf (base/mem.h), numbers that read back to the same value, and the words behind
 * "did you mean". A failed allocation is kept in the buffer's `err`, as with the other c5_buf calls, and shows when the text is taken. */
#ifndef C5_BASE_TEXT_H
#define C5_BASE_TEXT_H

#include <stdint.h>

#include "base/mem.h"

void c5_text_add(c5_buf *b, const char *s);
void c5_text_addf(c5_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Appends `s` as a JSON string with quotes; bytes that are no UTF-8 become U+FFFD. NULL becomes null. */
void c5_text_add_json(c5_buf *b, const char *s);
/* The text with its final NUL; the buffer is emptied. NULL (and the error set) when out of memory. Caller frees. */
char *c5_text_take(c5_buf *b);

/* The shortest decimal text that strtod reads back as `v`; returns `to`. */
#define C5_REAL_TEXT 32
char *c5_text_real(char to[C5_REAL_TEXT], double v);

/* Whole-text readers: C5_EUSAGE with "'12x' is no whole number", "is no number" or "is neither true nor false". Reals must be finite. */
int c5_text_to_int(int64_t *out, const char *s);
int c5_text_to_real(double *out, const char *s);
int c5_text_to_bool(_Bool *out, const char *s);

/* Length of the valid UTF-8 sequence at `s` (1 to 4), 0 if there is none. Stops at a NUL. */
int c5_utf8_length(const char *s);

#endif
