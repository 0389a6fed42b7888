/* space.c – see space.h. */
#include "hyperopt/space.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

/* ---- making ---- */

static void free_param(c5_param *p)
{
	for (size_t i = 0; i < p->n_choices; i++) free(p->choices[i]);
	for (size_t i = 0; i < p->n_when; i++) free(p->when[i].values);
	free(p->choices);
	free(p->when);
	free(p->name);
}

void c5_space_free(c5_space *s)
{
	for (size_t i = 0; i < s->n; i++) free_param(&s->params[i]);
	free(s->params);
	free(s->order);
	memset(s, 0, sizeof *s);
}

static int add_param(c5_space *s, const char *name, c5_param **out)
{
	size_t cap = s->n;
	if (s->n >= C5_SPACE_MOST) return c5_fail(C5_EUSAGE, "%.100s: one parameter too many; a space has at most %d", name, C5_SPACE_MOST);
	if (c5_space_find(s, name) != SIZE_MAX) return c5_fail(C5_EUSAGE, "%.100s: the space has a parameter of this name already", name);
	int err = c5_grow(&s->params, &cap, s->n + 1, sizeof *s->params);
	if (err < 0) return err;
	c5_param *p = &s->params[s->n];
	memset(p, 0, sizeof *p);
	if (!(p->name = c5_strdup(name))) return c5_fail(C5_ENOMEM, "out of memory");
	s->n++;
	*out = p;
	return C5_OK;
}

int c5_space_add(c5_space *s, const char *name, int kind, double min, double max, bool log, double step)
{
	c5_param *p;
	int err = add_param(s, name, &p);
	if (err < 0) return err;
	p->kind = kind;
	p->log = log;
	p->min = min;
	p->max = max;
	p->step = kind == C5_PARAM_WHOLE && step <= 0 ? 1 : step;
	return C5_OK;
}

int c5_space_add_choice(c5_space *s, const char *name, size_t n, const char *const *choices)
{
	c5_param *p;
	char text[24];
	int err = add_param(s, name, &p);
	if (err < 0) return err;
	p->kind = C5_PARAM_CHOICE;
	p->max = n ? (double)n - 1 : 0;
	p->step = 1;
	if (n > C5_CHOICES_MOST) return c5_fail(C5_EUSAGE, "%.100s: %zu choices, expected at most %d", name, n, C5_CHOICES_MOST);
	if ((err = c5_alloc(&p->choices, n + 1, sizeof *p->choices)) < 0) return err;
	for (size_t i = 0; i < n; i++) {
		snprintf(text, sizeof text, "%zu", i);
		if (!(p->choices[i] = c5_strdup(choices ? choices[i] : text))) return c5_fail(C5_ENOMEM, "out of memory");
		p->n_choices++;
		for (size_t k = 0; k < i; k++)
			if (strcmp(p->choices[k], p->choices[i]) == 0) return c5_fail(C5_EUSAGE, "%.100s: choice '%.100s' is there twice", name, p->choices[i]);
	}
	return C5_OK;
}

int c5_space_add_condition(c5_space *s, size_t param, size_t parent, size_t n, const double *values)
{
	c5_param *p = &s->params[param];
	size_t cap = p->n_when;
	int err = c5_grow(&p->when, &cap, p->n_when + 1, sizeof *p->when);
	if (err < 0) return err;
	c5_condition *c = &p->when[p->n_when];
	*c = (c5_condition){ parent, n, NULL };
	if ((err = c5_alloc(&c->values, n, sizeof *values)) < 0) return err;
	memcpy(c->values, values, n * sizeof *values);
	p->n_when++;
	return C5_OK;
}

static int check_range(const c5_param *p)
{
	char min[C5_REAL_TEXT], max[C5_REAL_TEXT];
	if (p->kind == C5_PARAM_CHOICE)
		return p->n_choices ? C5_OK : c5_fail(C5_EUSAGE, "%.100s: no choices to choose from", p->name);
	if (!isfinite(p->min) || !isfinite(p->max) || !isfinite(p->step)) return c5_fail(C5_EUSAGE, "%.100s: the range is not finite", p->name);
	if (p->min > p->max)
		return c5_fail(C5_EUSAGE, "%.100s: the range is empty: min %s is above max %s", p->name, c5_text_real(min, p->min),
			c5_text_real(max, p->max));
	if (p->min == p->max && !(p->step > 0))
		return c5_fail(C5_EUSAGE, "%.100s: the range is empty: min and max are both %s; a value that stays the same belongs into the objective",
		p->name, c5_text_real(min, p->min));
	if (p->log && p->min <= 0)
		return c5_fail(C5_EUSAGE, "%.100s: a logarithmic scale begins above 0, found min %s", p->name, c5_text_real(min, p->min));
	if (p->step < 0 || (p->step > 0 && p->step > p->max - p->min && p->max > p->min))
		return c5_fail(C5_EUSAGE, "%.100s: the step does not fit into the range", p->name);
	if (p->kind == C5_PARAM_WHOLE && (p->min != rint(p->min) || p->max != rint(p->max) || p->step != rint(p->step)))
		return c5_fail(C5_EUSAGE, "%.100s: min, max and step of an integer are whole numbers", p->name);
	if (p->kind == C5_PARAM_WHOLE && (fabs(p->min) > 9e15 || fabs(p->max) > 9e15))
		return c5_fail(C5_EUSAGE, "%.100s: integers are held up to 9e15", p->name);
	return C5_OK;
}

int c5_space_settle(c5_space *s)
{
	bool placed[C5_SPACE_MOST] = { false };
	size_t n = 0, before;
	int err;
	if (s->n == 0) return c5_fail(C5_EUSAGE, "the space has no parameters");
	for (size_t i = 0; i < s->n; i++)
		if ((err = check_range(&s->params[i])) < 0) return err;
	free(s->order);
	if ((err = c5_alloc(&s->order, s->n, sizeof *s->order)) < 0) return err;
	do {
		before = n;
		for (size_t i = 0; i < s->n; i++) {
			bool ready = !placed[i];
			for (size_t k = 0; ready && k < s->params[i].n_when; k++) ready = placed[s->params[i].when[k].parent];
			if (!ready) continue;
			placed[i] = true;
			s->order[n++] = i;
		}
	} while (n > before && n < s->n);
	for (size_t i = 0; i < s->n; i++)
		if (!placed[i])
			return c5_fail(C5_EUSAGE, "%.100s: depends on itself, by its conditions and those of the parameters it depends on", s->params[i].name);
	return C5_OK;
}

/* ---- asking ---- */

static bool same_name(const char *a, const char *b)
{
	for (; *a && *b; a++, b++)
		if ((*a == '_' ? '-' : *a) != (*b == '_' ? '-' : *b)) return false;
	return *a == *b;
}

size_t c5_space_find(const c5_space *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (same_name(s->params[i].name, name)) return i;
	return SIZE_MAX;
}

uint64_t c5_param_levels(const c5_param *p)
{
	return p->step > 0 ? (uint64_t)floor((p->max - p->min) / p->step * (1 + 1e-12) + 1e-9) + 1 : 0;
}

uint64_t c5_space_points(const c5_space *s)
{
	uint64_t n = 1;
	for (size_t i = 0; i < s->n; i++) {
		uint64_t levels = c5_param_levels(&s->params[i]);
		if (levels == 0 || n > UINT64_MAX / levels) return 0;
		n *= levels;
	}
	return n;
}

/* Level k of a grid. The last one is not beyond max, whatever rounding does. */
static double level_value(const c5_param *p, double k)
{
	double v = p->min + k * p->step;
	return v > p->max ? p->max : v;
}

static double nearest_level(const c5_param *p, double value)
{
	double k = rint((value - p->min) / p->step), last = (double)c5_param_levels(p) - 1;
	return level_value(p, k < 0 ? 0 : k > last ? last : k);
}

/* The ends of the scale: half a step beyond the first and last level. A logarithmic grid may begin below its step. */
static void scale_ends(const c5_param *p, double *lo, double *hi)
{
	double last = p->step > 0 ? level_value(p, (double)c5_param_levels(p) - 1) : p->max;
	*lo = p->min - p->step / 2;
	*hi = last + p->step / 2;
	if (!p->log) return;
	if (*lo < p->min / 2) *lo = p->min / 2;
	*lo = log(*lo), *hi = log(*hi);
}

/* Real values keep 7 digits, of the range or on a logarithmic scale of themselves: nobody wants to copy 17. */
static double few_digits(const c5_param *p, double value)
{
	double size = p->log ? fabs(value) : p->max - p->min;
	if (!(size > 0)) return value;
	int digits = 6 - (int)floor(log10(size));
	if (digits > 300 || digits < -300) return value;
	double power = pow(10, abs(digits)), rounded = digits > 0 ? rint(value * power) / power : rint(value / power) * power;
	return rounded < p->min ? p->min : rounded > p->max ? p->max : rounded;
}

double c5_param_value(const c5_param *p, double unit)
{
	double lo, hi;
	unit = unit >= 0 ? unit <= 1 ? unit : 1 : 0; /* also of NAN */
	scale_ends(p, &lo, &hi);
	double at = lo + unit * (hi - lo), value = p->log ? exp(at) : at;
	if (p->step > 0) return nearest_level(p, value);
	return few_digits(p, value);
}

double c5_param_unit(const c5_param *p, double value)
{
	double lo, hi;
	scale_ends(p, &lo, &hi);
	if (hi <= lo) return 0.5;
	double unit = ((p->log ? log(value) : value) - lo) / (hi - lo);
	return unit >= 0 ? unit <= 1 ? unit : 1 : 0;
}

static bool is_there(const c5_space *s, size_t i, const double *values)
{
	const c5_param *p = &s->params[i];
	for (size_t k = 0; k < p->n_when; k++) {
		const c5_condition *c = &p->when[k];
		bool holds = false;
		for (size_t j = 0; j < c->n && !holds; j++)
			holds = values[c->parent] == c->values[j]; /* a parent that is left out is NAN, and equals nothing */
		if (!holds) return false;
	}
	return true;
}

void c5_space_round(const c5_space *s, const double *unit, double *values)
{
	for (size_t k = 0; k < s->n; k++) {
		size_t i = s->order[k];
		values[i] = is_there(s, i, values) ? c5_param_value(&s->params[i], unit[i]) : NAN;
	}
}

void c5_space_unit(const c5_space *s, const double *values, double *unit)
{
	for (size_t i = 0; i < s->n; i++) unit[i] = isnan(values[i]) ? 0.5 : c5_param_unit(&s->params[i], values[i]);
}

static bool can_have(const c5_param *p, double *value)
{
	double slack = 1e-9 * (p->max - p->min);
	if (!isfinite(*value) || *value < p->min - slack || *value > p->max + slack) return false;
	if (p->kind == C5_PARAM_CHOICE) return *value == rint(*value);
	*value = p->step > 0 ? nearest_level(p, *value) : *value < p->min ? p->min : *value > p->max ? p->max : *value;
	return true;
}

bool c5_space_settle_values(const c5_space *s, double *values)
{
	for (size_t k = 0; k < s->n; k++) {
		size_t i = s->order[k];
		if (!is_there(s, i, values)) values[i] = NAN;
		else if (!can_have(&s->params[i], &values[i])) return false;
	}
	return true;
}

const char *c5_param_text(char *to, const c5_param *p, double value)
{
	to[0] = '\0';
	if (isnan(value)) return to;
	if (p->kind == C5_PARAM_CHOICE) return value >= 0 && value < (double)p->n_choices ? p->choices[(size_t)value] : to;
	if (p->kind == C5_PARAM_WHOLE) snprintf(to, C5_VALUE_TEXT, "%.0f", value);
	else c5_text_real(to, value);
	return to;
}

const char *c5_param_short(char *to, const c5_param *p, double value)
{
	if (isnan(value)) return "-";
	if (p->kind != C5_PARAM_REAL) return c5_param_text(to, p, value);
	snprintf(to, C5_VALUE_TEXT, "%.4g", value);
	return to;
}

bool c5_param_parse(const c5_param *p, const char *text, double *value)
{
	if (p->kind == C5_PARAM_CHOICE) {
		for (size_t i = 0; i < p->n_choices; i++)
			if (strcmp(p->choices[i], text) == 0) {
				*value = (double)i;
				return true;
			}
		return false;
	}
	return c5_text_to_real(value, text) == C5_OK && (p->kind != C5_PARAM_WHOLE || *value == rint(*value)) && can_have(p, value);
}
