/* together.c – one rank's table: the tree joins what it has. */
#include "train/together.h"

#include <string.h>

#include "base/error.h"

typedef struct lone { float *out; float *part; size_t n; } lone;
static _Thread_local lone one; /* between begin and end of the sum of a batch */

static int sum_begin(c5_together *t, float *out, float *const *parts, int leaves, size_t n)
{
	(void)t, (void)leaves;
	one = (lone){ out, parts[0], n }; /* all leaves are here: the cover is the whole tree */
	return C5_OK;
}

static int sum_ready(c5_together *t, size_t upto)
{
	(void)t, (void)upto;
	return C5_OK;
}

static int sum_end(c5_together *t)
{
	(void)t;
	if (one.out != one.part) memcpy(one.out, one.part, one.n * sizeof(float));
	return C5_OK;
}

static int gather(c5_together *t, double *values, size_t n)
{
	(void)t, (void)values, (void)n;
	return C5_OK;
}

static int gather_floats(c5_together *t, float *values, size_t n)
{
	(void)t, (void)values, (void)n;
	return C5_OK;
}

static int share(c5_together *t, void *bytes, size_t n)
{
	(void)t, (void)bytes, (void)n;
	return C5_OK;
}

static int agree(c5_together *t, int code)
{
	(void)t;
	return code;
}

void c5_alone(c5_together *t)
{
	*t = (c5_together){ .size = 1, .sum_begin = sum_begin, .sum_ready = sum_ready, .sum_end = sum_end, .gather = gather, .gather_floats = gather_floats,
		.share = share, .agree = agree };
}
