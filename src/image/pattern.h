/* pattern.h – file-name patterns such as "{plate}/{well}_{channel}_t{frame}.tif": fields in braces, the rest as it stands ("{{" and "}}" for
 * braces). A field is one character or more, never a '/'; frame and z are digits. A pattern may go through folders. A field written twice must read
 * the same both times. A name that can be read in two ways is refused rather than guessed; only a {well} like A1 or AB12 is preferred over others. */
#ifndef C5_IMAGE_PATTERN_H
#define C5_IMAGE_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "image/gather.h"

#define C5_PATTERN_PARTS 64

typedef struct c5_pattern {
	char *text;                   /* with the literals cut out of it in place */
	struct { const char *literal; size_t n; int field; } part[C5_PATTERN_PARTS]; /* field: enum c5_field, -1 for a literal */
	size_t n;
	size_t depth;                 /* folders it goes through */
	bool has[C5_FIELD_N];
} c5_pattern;

typedef struct c5_span { size_t at, n; } c5_span; /* n = 0: not there */

/* C5_EUSAGE for a field nobody knows (with the nearest), two fields side by side, no field at all, an open brace. */
int c5_pattern_parse(c5_pattern *out, const char *text);
void c5_pattern_free(c5_pattern *pattern);

/* Whether `path` (relative, as many folders as the pattern) matches, and where its fields are. C5_EINPUT when it does in more than one way. */
int c5_pattern_match(const c5_pattern *pattern, const char *path, bool *matches, c5_span spans[C5_FIELD_N]);

#endif
