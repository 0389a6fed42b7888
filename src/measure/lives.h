/* lives.h – the lineage of a movie as the Cell Tracking Challenge writes it: a row "L B E P" a track (label, first frame, last frame, parent
 * or 0), and the rules such rows keep. Every breach of a rule is told, one line each; none stops the search for others. */
#ifndef C5_MEASURE_LIVES_H
#define C5_MEASURE_LIVES_H

#include <stddef.h>
#include <stdint.h>

#define C5_NO_LIFE UINT32_MAX
#define C5_CTC_LABEL_MAX 65535 /* labels of a CTC folder: 16 bits */

typedef struct c5_life { uint32_t label, begin, end, parent; } c5_life; /* frames counted from 0, both ends included; parent 0: none */

/* Where breaches go. The first C5_BREACHES_TOLD are told, the rest counted. */
#define C5_BREACHES_TOLD 20
typedef struct c5_breaches {
	void (*tell)(void *self, const char *line); /* NULL: only counted */
	void *self;
	uint64_t n;
} c5_breaches;
void c5_breach(c5_breaches *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Rows sorted by label, with the links both ways. */
typedef struct c5_lives {
	c5_life *at;
	size_t n;
	uint32_t *parent;      /* (n) index, C5_NO_LIFE: none */
	uint32_t *child_start; /* (n + 1) */
	uint32_t *child;       /* children of i: child[child_start[i] .. child_start[i + 1] - 1], by label */
} c5_lives;

/* Copies the rows and checks: labels positive and unique, begin <= end < frames, parents exist and end before their children begin.
 * `name` stands before each told line, frames in them have `first` added. If a rule is broken `*out` is empty; C5_OK all the same. */
int c5_lives_make(c5_lives *out, const c5_life *rows, size_t n, uint32_t frames, uint64_t first, const char *name, c5_breaches *breaches);
void c5_lives_free(c5_lives *l);
uint32_t c5_lives_find(const c5_lives *l, uint32_t label); /* index or C5_NO_LIFE */
static inline uint32_t c5_lives_children(const c5_lives *l, uint32_t i) { return l->child_start[i + 1] - l->child_start[i]; }

/* Reads a text of rows; `first` is taken from the frame numbers. Rows that are none, labels above label_max and frames before
 * `first` are breaches. rows: caller frees. C5_ENOTFOUND, C5_EIO, C5_EINPUT (over 256 MiB). */
int c5_lives_read(c5_life **rows, size_t *n, const char *path, uint32_t label_max, uint64_t first, c5_breaches *breaches);

#endif
