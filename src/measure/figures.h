/* figures.h – a list of named results, and how people (an aligned table) and programs (JSON) get to see them.
 * A figure that has no meaning for the data at hand is NAN inside, "undefined" in the table and null in JSON; it is never 0 or 1 by accident. */
#ifndef C5_MEASURE_FIGURES_H
#define C5_MEASURE_FIGURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"

typedef struct c5_figure {
	char name[96];        /* unique in its list: the key in JSON */
	const char *chapter;  /* heading it stands under; not copied */
	const char *explain;  /* one sentence in plain words; not copied, NULL: none */
	double value;         /* NAN: undefined */
	double low, high;     /* 95 % interval; NAN: none */
	bool count;           /* a whole number */
} c5_figure;

typedef struct c5_figures { c5_figure *at; size_t n, cap; bool failed; } c5_figures;

/* Each adds one figure and returns it (NULL when out of memory: `failed` is set, and c5_figures_text tells). */
c5_figure *c5_figures_add(c5_figures *f, const char *chapter, const char *name, double value, const char *explain);
c5_figure *c5_figures_count(c5_figures *f, const char *chapter, const char *name, uint64_t value, const char *explain);
/* NULL if there is none of that name. */
const c5_figure *c5_figures_find(const c5_figures *f, const char *name);
void c5_figures_free(c5_figures *f);

/* Appends the table; `explain`: with the plain words behind each figure, at most 100 columns wide. */
int c5_figures_text(c5_buf *to, const c5_figures *f, bool explain);
/* Appends `"name":value,...` without braces, and `"name":[low,high],...` of those that have an interval. */
int c5_figures_json(c5_buf *to, const c5_figures *f);
int c5_figures_json_intervals(c5_buf *to, const c5_figures *f);

/* 95 % interval of a share seen in n items that are independent: Wilson 1927. NAN for n = 0. */
void c5_wilson(double *low, double *high, double share, double n);

/* Puts v[0..n) in ascending order; and of v so ordered, n > 0, the value below which `share` of it lies, by straight line between neighbours. */
void c5_sort_values(double *v, size_t n);
double c5_sorted_quantile(const double *v, size_t n, double share);
/* The middle of values in order, or the mean of the two in the middle; NAN of none. */
double c5_sorted_median(const double *v, size_t n);

/* Mean (NAN of none) and standard deviation of a sample, by n - 1 (NAN of fewer than two). */
void c5_moments(double *mean, double *sd, const double *v, size_t n);

/* a / b, NAN when b is 0. */
static inline double c5_ratio(double a, double b) { return b != 0 ? a / b : __builtin_nan(""); }

#endif
