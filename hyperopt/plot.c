/* plot.c – see plot.h. */
#include "hyperopt/plot.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/disk.h"
#include "base/error.h"
#include "base/svg.h"
#include "base/text.h"

#define LEFT 78.0
#define TOP 44.0
#define BOTTOM 52.0
#define RIGHT 24.0

/* Of a parameter, whole. */
static c5_svg_scale scale_of_param(const c5_param *p)
{
	double half = p->step / 2;
	bool whole = p->kind == C5_PARAM_WHOLE;
	if (p->kind == C5_PARAM_CHOICE) return c5_svg_linear(-0.5, p->max + 0.5);
	if (p->log) return (c5_svg_scale){ p->min, p->max > p->min ? p->max : p->min * 2, true, whole };
	return (c5_svg_scale){ p->min - half, p->max + half, false, whole };
}

static bool is_done(const c5_trial *t) { return t->state == C5_TRIAL_COMPLETE; }
static bool is_drawn(const c5_trial *t) { return isfinite(t->value) && (t->state == C5_TRIAL_COMPLETE || t->state == C5_TRIAL_PRUNED); }

/* How good a value is: 0 the worst, 1 the best of the drawn ones, by rank, so that one outlier leaves colours to the rest. */
static double goodness(const c5_history *h, double value)
{
	size_t worse = 0, all = 0;
	for (size_t i = 0; i < h->n; i++) {
		if (!is_drawn(&h->trials[i])) continue;
		all++;
		worse += c5_history_cost(h, h->trials[i].value) > c5_history_cost(h, value);
	}
	return all > 1 ? (double)worse / (double)(all - 1) : 1;
}

/* Values drawn; the worst tenth may lie beyond the scale when it would squeeze the rest. */
static int value_scale(c5_svg_scale *s, const c5_history *h)
{
	double *values;
	size_t n = 0;
	int err = c5_alloc(&values, h->n + 1, sizeof *values);
	if (err < 0) return err;
	for (size_t i = 0; i < h->n; i++)
		if (is_drawn(&h->trials[i])) values[n++] = h->trials[i].value;
	*s = c5_svg_scale_of(values, n, false);
	size_t kept = 0;
	for (size_t i = 0; i < n; i++)
		if (goodness(h, values[i]) >= 0.1) values[kept++] = values[i];
	c5_svg_scale inner = c5_svg_scale_of(values, kept, false);
	if (n > 10 && s->hi - s->lo > 4 * (inner.hi - inner.lo)) *s = inner;
	free(values);
	return C5_OK;
}

static void dot(c5_buf *to, const c5_svg_plot *p, double x, double y, const c5_trial *t, const char *fill)
{
	bool beyond = y < p->up.lo || y > p->up.hi;
	double cy = c5_svg_y(p, fmin(fmax(y, p->up.lo), p->up.hi));
	if (is_done(t))
		c5_text_addf(to, "<circle cx=\"%.2f\" cy=\"%.2f\" r=\"%s\" fill=\"%s\" fill-opacity=\"%s\">", c5_svg_x(p, x), cy, beyond ? "2" : "3.5", fill,
			beyond ? "0.3" : "0.8");
	else c5_text_addf(to, "<circle cx=\"%.2f\" cy=\"%.2f\" r=\"2.5\" fill=\"none\" stroke=\"%s\">", c5_svg_x(p, x), cy, fill);
	c5_text_addf(to, "<title>trial %u: %.6g%s</title></circle>\n", t->number, t->value, is_done(t) ? "" : ", stopped early");
}

/* ---- course ---- */

int c5_plot_history(c5_buf *to, const c5_search_plot *p)
{
	const c5_history *h = p->history;
	c5_svg_plot panel = { LEFT, TOP, 640, 320, { 0.5, (double)h->n + 0.5, false, true }, c5_svg_linear(0, 1) };
	int err = value_scale(&panel.up, h);
	if (err < 0) return err;
	c5_svg_begin(to, LEFT + 640 + RIGHT, TOP + 320 + BOTTOM, p->title);
	c5_svg_axes(to, &panel, "trial", p->value);
	double best = INFINITY;
	c5_text_add(to, "<path class=\"l\" stroke=\"#d6604d\" stroke-width=\"1.8\" d=\"");
	for (size_t i = 0; i < h->n; i++) {
		const c5_trial *t = &h->trials[i];
		if (!is_done(t) || c5_history_cost(h, t->value) >= best) continue;
		double y = c5_svg_y(&panel, fmin(fmax(t->value, panel.up.lo), panel.up.hi));
		c5_text_addf(to, isinf(best) ? "M%.2f %.2f" : "H%.2fV%.2f", c5_svg_x(&panel, t->number), y);
		best = c5_history_cost(h, t->value);
	}
	if (isfinite(best)) c5_text_addf(to, "H%.2f", panel.x + panel.w); /* the last step runs on to the edge */
	c5_text_add(to, "\"/>\n");
	for (size_t i = 0; i < h->n; i++) {
		const c5_trial *t = &h->trials[i];
		if (is_drawn(t)) dot(to, &panel, t->number, t->value, t, "#4393c3");
		else if (t->state == C5_TRIAL_FAILED) {
			double x = c5_svg_x(&panel, t->number), y = panel.y + panel.h - 6;
			c5_text_addf(to, "<path d=\"M%.2f %.2fl6 6m0 -6l-6 6\" stroke=\"#b2182b\"><title>trial %u: ", x - 3, y - 3, t->number);
			c5_svg_escape(to, t->note);
			c5_text_add(to, "</title></path>\n");
		}
	}
	c5_svg_text(to, panel.x + panel.w, 24, "end", "n", "filled: complete; open: stopped early; crosses: failed; line: best so far");
	c5_svg_end(to);
	return to->err;
}

/* ---- parallel coordinates ---- */

#define BETWEEN 110.0

static double param_height(const c5_param *p, double value)
{
	c5_svg_scale s = scale_of_param(p);
	return isnan(value) ? -0.06 : c5_svg_part(&s, value);
}

static void axis_of(c5_buf *to, double x, double y, double height, const c5_param *p)
{
	char text[C5_VALUE_TEXT];
	c5_text_addf(to, "<path class=\"f\" d=\"M%.2f %.2fV%.2f\"/>\n", x, y, y + height);
	c5_svg_text(to, x, y - 10, "middle", "a", p->name);
	if (p->kind == C5_PARAM_CHOICE) {
		for (size_t i = 0; i < p->n_choices && i < 24; i++)
			c5_svg_text(to, x + 5, y + height * (1 - param_height(p, (double)i)) + 3, "start", "n", p->choices[i]);
		return;
	}
	c5_svg_text(to, x + 5, y + 8, "start", "n", c5_param_text(text, p, p->max));
	c5_svg_text(to, x + 5, y + height - 1, "start", "n", c5_param_text(text, p, p->min));
}

static const char *short_number(char to[32], double v)
{
	snprintf(to, 32, "%.3g", v);
	return to;
}

static void parallel_line(c5_buf *to, const c5_search_plot *p, const c5_trial *t, double y0, double height, const c5_svg_scale *values)
{
	const c5_space *space = p->history->space;
	char colour[C5_SVG_SHADE];
	double part = goodness(p->history, t->value);
	bool best = t->number == p->best;
	double v = c5_svg_part(values, t->value);
	c5_text_addf(to, "<path class=\"l\" stroke=\"%s\" stroke-width=\"%s\" stroke-opacity=\"%s\" d=\"", c5_svg_shade(colour, part), best ? "3" : "1.2",
		best ? "1" : part > 0.8 ? "0.8" : "0.35");
	for (size_t i = 0; i < space->n; i++)
		c5_text_addf(to, "%s%.2f %.2f", i ? "L" : "M", LEFT + BETWEEN * (double)i, y0 + height * (1 - param_height(&space->params[i], t->values[i])));
	c5_text_addf(to, "L%.2f %.2f\"><title>trial %u: %.6g</title></path>\n", LEFT + BETWEEN * (double)space->n,
		y0 + height * (1 - fmin(fmax(v, 0), 1)), t->number, t->value);
}

/* To the values there are: the ends of an axis that say numbers say those. */
static void trim(c5_svg_scale *s, const c5_history *h)
{
	double lo = INFINITY, hi = -INFINITY;
	for (size_t i = 0; i < h->n; i++) {
		double v = h->trials[i].value;
		if (!is_drawn(&h->trials[i]) || v < s->lo || v > s->hi) continue;
		lo = fmin(lo, v);
		hi = fmax(hi, v);
	}
	if (hi > lo) s->lo = lo, s->hi = hi;
}

int c5_plot_parallel(c5_buf *to, const c5_search_plot *p)
{
	const c5_history *h = p->history;
	const double y0 = TOP + 30, height = 300;
	c5_svg_scale values;
	char text[32];
	int err = value_scale(&values, h);
	if (err < 0) return err;
	trim(&values, h);
	double last = LEFT + BETWEEN * (double)h->space->n;
	c5_svg_begin(to, last + 90, y0 + height + 40, p->title);
	/* Good ones over bad ones, the best on top. */
	for (int pass = 0; pass < 11; pass++)
		for (size_t i = 0; i < h->n; i++) {
			const c5_trial *t = &h->trials[i];
			if (!is_drawn(t) || (pass == 10) != (t->number == p->best)) continue;
			int level = (int)fmin(9, floor(10 * goodness(h, t->value)));
			if (pass == 10 || level == pass) parallel_line(to, p, t, y0, height, &values);
		}
	c5_text_add(to, "<g paint-order=\"stroke\" stroke=\"#fff\" stroke-width=\"3\" stroke-linejoin=\"round\">\n"); /* words stand out from lines */
	for (size_t i = 0; i < h->space->n; i++) axis_of(to, LEFT + BETWEEN * (double)i, y0, height, &h->space->params[i]);
	c5_text_addf(to, "<path class=\"f\" d=\"M%.2f %.2fV%.2f\"/>\n", last, y0, y0 + height);
	c5_svg_text(to, last, y0 - 10, "middle", "a", p->value);
	c5_svg_text(to, last + 5, y0 + 8, "start", "n", short_number(text, values.hi));
	c5_svg_text(to, last + 5, y0 + height - 1, "start", "n", short_number(text, values.lo));
	c5_text_add(to, "</g>\n");
	c5_svg_text(to, LEFT, y0 + height + 30, "start", "n", "dark: good; thick: the best; below an axis: left out by a condition");
	c5_svg_end(to);
	return to->err;
}

/* ---- slices ---- */

int c5_plot_slices(c5_buf *to, const c5_search_plot *p)
{
	const c5_history *h = p->history;
	const size_t across = h->space->n < 4 ? h->space->n : 4, down = (h->space->n + across - 1) / across;
	const double width = 200, height = 170, gap_x = 44, gap_y = 66;
	c5_svg_scale values;
	char colour[C5_SVG_SHADE];
	int err = value_scale(&values, h);
	if (err < 0) return err;
	double whole = LEFT + (double)across * (width + gap_x);
	c5_svg_begin(to, whole < 520 ? 520 : whole, TOP + (double)down * (height + gap_y), p->title);
	for (size_t i = 0; i < h->space->n; i++) {
		const c5_param *param = &h->space->params[i];
		c5_svg_plot panel = { LEFT + (double)(i % across) * (width + gap_x), TOP + (double)(i / across) * (height + gap_y), width, height,
			scale_of_param(param), values };
		if (i % across) c5_svg_grid(to, &panel);
		if (param->kind == C5_PARAM_CHOICE) c5_svg_words(to, &panel, param->name, param->choices, param->n_choices < 40 ? param->n_choices : 40);
		c5_svg_axes(to, &panel, param->kind == C5_PARAM_CHOICE ? NULL : param->name, i % across ? NULL : p->value);
		for (size_t k = 0; k < h->n; k++) {
			const c5_trial *t = &h->trials[k];
			if (is_drawn(t) && !isnan(t->values[i]))
				dot(to, &panel, t->values[i], t->value, t, c5_svg_shade(colour, 0.1 + 0.9 * (double)k / (double)h->n));
		}
	}
	c5_svg_text(to, (whole < 520 ? 520 : whole) - 12, 24, "end", "n", "light: early; dark: late");
	c5_svg_end(to);
	return to->err;
}

/* ---- importance ---- */

static void order_by_total(const c5_importance *im, size_t *order)
{
	for (size_t i = 0; i < im->n; i++) {
		size_t k = i;
		for (; k > 0 && im->total[order[k - 1]] < im->total[i]; k--) order[k] = order[k - 1];
		order[k] = i;
	}
}

int c5_plot_importance(c5_buf *to, const c5_search_plot *p)
{
	const c5_importance *im = p->importance;
	const double left = 170, width = 420, each = 30;
	size_t order[C5_SPACE_MOST];
	char text[32];
	if (!im || im->n == 0) return c5_fail(C5_ENOTFOUND, "too few trials to say what matters");
	order_by_total(im, order);
	c5_svg_begin(to, left + width + 90, TOP + each * (double)im->n + 50, p->title);
	for (size_t k = 0; k < im->n; k++) {
		size_t i = order[k];
		double y = TOP + each * (double)k;
		c5_svg_text(to, left - 8, y + 16, "end", "a", p->history->space->params[i].name);
		c5_text_addf(to, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"20\" fill=\"#b3cde3\"/>\n", left, y + 2, width * im->total[i]);
		c5_text_addf(to, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"20\" fill=\"#4a7fb0\"/>\n", left, y + 2, width * im->alone[i]);
		snprintf(text, sizeof text, "%.0f %%", 100 * im->total[i]);
		c5_svg_text(to, left + width * im->total[i] + 6, y + 16, "start", "a", text);
	}
	c5_svg_text(to, left, TOP + each * (double)im->n + 26, "start", "n",
		"share of the objective's variance over the space: dark alone, light together with others");
	c5_svg_end(to);
	return to->err;
}

/* ---- reports ---- */

int c5_plot_reports(c5_buf *to, const c5_search_plot *p)
{
	const c5_history *h = p->history;
	double *steps = NULL, *values = NULL;
	size_t n = 0, all = 0;
	char colour[C5_SVG_SHADE];
	for (size_t i = 0; i < h->n; i++) all += h->trials[i].n_reports;
	if (all == 0) return c5_fail(C5_ENOTFOUND, "no trial reported on the way");
	int err = c5_alloc(&steps, all, sizeof *steps);
	if (err < 0 || (err = c5_alloc(&values, all, sizeof *values)) < 0) goto done;
	for (size_t i = 0; i < h->n; i++)
		for (size_t k = 0; k < h->trials[i].n_reports; k++) steps[n] = h->trials[i].reports[k].step, values[n++] = h->trials[i].reports[k].value;
	c5_svg_plot panel = { LEFT, TOP, 640, 320, c5_svg_scale_of(steps, n, false), c5_svg_scale_of(values, n, false) };
	c5_svg_begin(to, LEFT + 640 + RIGHT, TOP + 320 + BOTTOM, p->title);
	c5_svg_axes(to, &panel, "step", p->value);
	for (size_t i = 0; i < h->n; i++) {
		const c5_trial *t = &h->trials[i];
		bool begun = false, best = t->number == p->best;
		if (t->n_reports == 0) continue;
		c5_text_addf(to, "<path class=\"l\" stroke=\"%s\" stroke-width=\"%s\" d=\"",
			best ? "#d6604d" : isfinite(t->value) ? c5_svg_shade(colour, goodness(h, t->value)) : "#bbb",
			best ? "2.6" : "1.1");
		for (size_t k = 0; k < t->n_reports; k++) {
			if (!isfinite(t->reports[k].value)) continue;
			c5_text_addf(to, "%s%.2f %.2f", begun ? "L" : "M", c5_svg_x(&panel, t->reports[k].step), c5_svg_y(&panel, t->reports[k].value));
			begun = true;
		}
		c5_text_addf(to, "\"><title>trial %u, %s</title></path>\n", t->number, c5_trial_state_name(t->state));
	}
	c5_svg_text(to, panel.x + panel.w, 24, "end", "n", "dark: good; red: the best");
	c5_svg_end(to);
	err = to->err;
done:
	free(steps);
	free(values);
	return err;
}

/* ---- files ---- */

static const struct { const char *name, *what; int (*draw)(c5_buf *to, const c5_search_plot *p); } plots[] = {
	{ "history.svg", "course", c5_plot_history },       { "parallel.svg", "parameters together", c5_plot_parallel },
	{ "slices.svg", "parameters one by one", c5_plot_slices }, { "importance.svg", "what matters", c5_plot_importance },
	{ "reports.svg", "reports on the way", c5_plot_reports },
};

int c5_plot_all(const char *folder, const c5_search_plot *p, size_t *made)
{
	int err = C5_OK;
	*made = 0;
	if (mkdir(folder, 0777) < 0 && errno != EEXIST) return c5_fail(C5_EIO, "%s: cannot be made: %s", folder, strerror(errno));
	for (size_t i = 0; err == C5_OK && i < sizeof plots / sizeof *plots; i++) {
		c5_buf b = { 0 };
		char *title = c5_format("%s: %s", p->title, plots[i].what), *path = c5_format("%s/%s", folder, plots[i].name);
		c5_search_plot one = *p;
		one.title = title;
		err = title && path ? plots[i].draw(&b, &one) : c5_fail(C5_ENOMEM, "out of memory");
		if (err == C5_OK && (err = c5_disk_write(path, b.data, b.size)) == C5_OK) ++*made;
		if (err == C5_ENOTFOUND) err = C5_OK; /* nothing to draw */
		free(title);
		free(path);
		c5_buf_free(&b);
	}
	return err;
}
