/* support_measure.h – movies of painted rectangles for the tests of tracking measures. */
#ifndef C5_TESTS_SUPPORT_MEASURE_H
#define C5_TESTS_SUPPORT_MEASURE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/error.h"
#include "measure/tracking.h"

typedef struct movie {
	uint32_t frames, height, width;
	const uint32_t *rects; /* (n, 6): frame, label, y0, y1, x0, x1 */
	size_t n_rects;
	const c5_life *lives;
	size_t n_lives;
	uint32_t (*relabel)(uint32_t label); /* NULL: as they are */
} movie;

static inline int paint_frame(void *self, uint32_t frame, uint32_t *labels)
{
	const movie *m = self;
	memset(labels, 0, (size_t)m->height * m->width * sizeof *labels);
	for (size_t i = 0; i < m->n_rects; i++) {
		const uint32_t *r = m->rects + 6 * i;
		if (r[0] != frame) continue;
		for (uint32_t y = r[2]; y < r[3]; y++)
			for (uint32_t x = r[4]; x < r[5]; x++) labels[(size_t)y * m->width + x] = m->relabel ? m->relabel(r[1]) : r[1];
	}
	return C5_OK;
}

static char told[8192]; /* lines of breaches of the last measurement */
static inline void keep_line(void *self, const char *line)
{
	size_t n = strlen(told);
	(void)self;
	snprintf(told + n, sizeof told - n, "%s\n", line);
}

static inline c5_label_frames frames_of(movie *m, const char *name)
{
	return (c5_label_frames){ name, m->frames, 1, m->height, m->width, paint_frame, m };
}

static inline c5_life *lives_of(const movie *m)
{
	c5_life *rows = malloc((m->n_lives + 1) * sizeof *rows);
	assert_non_null(rows);
	for (size_t i = 0; i < m->n_lives; i++) {
		rows[i] = m->lives[i];
		if (m->relabel) rows[i].label = m->relabel(rows[i].label);
		if (m->relabel && rows[i].parent) rows[i].parent = m->relabel(rows[i].parent);
	}
	return rows;
}

static inline int try_measure(c5_tracking *t, movie *gt, movie *res)
{
	c5_breaches breaches = { keep_line, NULL, 0 };
	c5_life *a = lives_of(gt), *b = lives_of(res);
	const c5_tracking_input in = { frames_of(gt, "GT"), frames_of(res, "RES"), a, b, gt->n_lives, res->n_lives, 0, NULL, &breaches };
	told[0] = '\0';
	c5_error_clear();
	int err = c5_tracking_measure(t, &in);
	free(a);
	free(b);
	return err;
}

static inline c5_tracking measure(movie *gt, movie *res)
{
	c5_tracking t;
	if (try_measure(&t, gt, res) < 0) fail_msg("%s\n%s", c5_error_last(), told);
	return t;
}

static inline void same_real(double got, double want, const char *name)
{
	if (isnan(want) ? !isnan(got) : !(fabs(got - want) <= 1e-12 * (1 + fabs(want)))) fail_msg("%s is %.17g, expected %.17g", name, got, want);
}
#define SAME(got, want) same_real(got, want, #got)

#endif
