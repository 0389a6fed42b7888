/* figures.c – see figures.h. */
#include "measure/figures.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

#define WIDE 100 /* columns of the table with explanations */

c5_figure *c5_figures_add(c5_figures *f, const char *chapter, const char *name, double value, const char *explain)
{
	if (c5_grow(&f->at, &f->cap, f->n + 1, sizeof *f->at) < 0) {
		f->failed = true;
		return NULL;
	}
	c5_figure *figure = &f->at[f->n++];
	*figure = (c5_figure){ .chapter = chapter, .explain = explain, .value = value, .low = NAN, .high = NAN };
	snprintf(figure->name, sizeof figure->name, "%s", name);
	return figure;
}

c5_figure *c5_figures_count(c5_figures *f, const char *chapter, const char *name, uint64_t value, const char *explain)
{
	c5_figure *figure = c5_figures_add(f, chapter, name, (double)value, explain);
	if (figure) figure->count = true;
	return figure;
}

const c5_figure *c5_figures_find(const c5_figures *f, const char *name)
{
	for (size_t i = 0; i < f->n; i++)
		if (!strcmp(f->at[i].name, name)) return &f->at[i];
	return NULL;
}

static int by_value(const void *x, const void *y)
{
	double a = *(const double *)x, b = *(const double *)y;
	return (a > b) - (a < b);
}

void c5_sort_values(double *v, size_t n)
{
	if (n) qsort(v, n, sizeof *v, by_value);
}

double c5_sorted_quantile(const double *v, size_t n, double share)
{
	double at = share * (double)(n - 1);
	size_t i = (size_t)at;
	return i + 1 < n ? v[i] + (at - (double)i) * (v[i + 1] - v[i]) : v[n - 1];
}

double c5_sorted_median(const double *v, size_t n) { return n ? (v[(n - 1) / 2] + v[n / 2]) / 2 : NAN; }

void c5_moments(double *mean, double *sd, const double *v, size_t n)
{
	double sum = 0, square = 0;
	for (size_t i = 0; i < n; i++) sum += v[i];
	*mean = c5_ratio(sum, (double)n);
	for (size_t i = 0; i < n; i++) square += (v[i] - *mean) * (v[i] - *mean);
	*sd = n > 1 ? sqrt(square / (double)(n - 1)) : NAN;
}

void c5_wilson(double *low, double *high, double share, double n)
{
	const double z = 1.959963984540054; /* 97.5 % of the standard normal */
	*low = *high = NAN;
	if (!(n > 0)) return;
	double mid = (share + z * z / (2 * n)) / (1 + z * z / n), half = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n);
	*low = fmax(0, mid - half);
	*high = fmin(1, mid + half);
}

void c5_figures_free(c5_figures *f)
{
	free(f->at);
	memset(f, 0, sizeof *f);
}

static void value_text(char to[C5_REAL_TEXT], const c5_figure *f)
{
	if (isnan(f->value)) snprintf(to, C5_REAL_TEXT, "undefined");
	else if (f->count) snprintf(to, C5_REAL_TEXT, "%.0f", f->value);
	else snprintf(to, C5_REAL_TEXT, "%.10g", f->value);
}

static void interval_text(char to[80], const c5_figure *f)
{
	to[0] = '\0';
	if (!isnan(f->low) && !isnan(f->high)) snprintf(to, 80, "[%.6g, %.6g]", f->low, f->high);
}

/* Words of `s` in lines that begin in column `indent`; the first is begun already. */
static void wrapped(c5_buf *to, const char *s, int indent)
{
	int at = indent;
	while (*s) {
		int n = (int)strcspn(s, " ");
		if (at > indent && at + 1 + n > WIDE) {
			c5_text_addf(to, "\n%*s", indent, "");
			at = indent;
		} else if (at > indent) {
			c5_text_add(to, " ");
			at++;
		}
		c5_text_addf(to, "%.*s", n, s);
		at += n;
		s += n + (s[n] == ' ');
	}
}

int c5_figures_text(c5_buf *to, const c5_figures *f, bool explain)
{
	char value[C5_REAL_TEXT], interval[80];
	int names = 0, values = 0, intervals = 0;
	const char *chapter = NULL;
	if (f->failed) return c5_fail(C5_ENOMEM, "out of memory");
	for (size_t i = 0; i < f->n; i++) {
		value_text(value, &f->at[i]);
		interval_text(interval, &f->at[i]);
		if ((int)strlen(f->at[i].name) > names) names = (int)strlen(f->at[i].name);
		if ((int)strlen(value) > values) values = (int)strlen(value);
		if ((int)strlen(interval) > intervals) intervals = (int)strlen(interval);
	}
	for (size_t i = 0; i < f->n; i++) {
		const c5_figure *g = &f->at[i];
		if (!chapter || strcmp(chapter, g->chapter)) c5_text_addf(to, "%s%s\n", chapter ? "\n" : "", g->chapter);
		chapter = g->chapter;
		value_text(value, g);
		interval_text(interval, g);
		bool words = explain && g->explain;
		if (intervals && words) c5_text_addf(to, "  %-*s  %-*s  %-*s  ", names, g->name, values, value, intervals, interval);
		else if (words) c5_text_addf(to, "  %-*s  %-*s  ", names, g->name, values, value);
		else if (*interval) c5_text_addf(to, "  %-*s  %-*s  %s", names, g->name, values, value, interval);
		else c5_text_addf(to, "  %-*s  %s", names, g->name, value);
		if (words) wrapped(to, g->explain, 4 + names + 2 + values + (intervals ? 2 + intervals : 0));
		c5_text_add(to, "\n");
	}
	return to->err ? c5_fail(C5_ENOMEM, "out of memory") : C5_OK;
}

static void json_number(c5_buf *to, double v)
{
	char text[C5_REAL_TEXT];
	c5_text_add(to, isfinite(v) ? c5_text_real(text, v) : "null");
}

int c5_figures_json(c5_buf *to, const c5_figures *f)
{
	if (f->failed) return c5_fail(C5_ENOMEM, "out of memory");
	for (size_t i = 0; i < f->n; i++) {
		if (i) c5_text_add(to, ",");
		c5_text_add_json(to, f->at[i].name);
		c5_text_add(to, ":");
		json_number(to, f->at[i].value);
	}
	return to->err ? c5_fail(C5_ENOMEM, "out of memory") : C5_OK;
}

int c5_figures_json_intervals(c5_buf *to, const c5_figures *f)
{
	bool any = false;
	if (f->failed) return c5_fail(C5_ENOMEM, "out of memory");
	for (size_t i = 0; i < f->n; i++) {
		if (isnan(f->at[i].low)) continue;
		if (any) c5_text_add(to, ",");
		any = true;
		c5_text_add_json(to, f->at[i].name);
		c5_text_add(to, ":[");
		json_number(to, f->at[i].low);
		c5_text_add(to, ",");
		json_number(to, f->at[i].high);
		c5_text_add(to, "]");
	}
	return to->err ? c5_fail(C5_ENOMEM, "out of memory") : C5_OK;
}
