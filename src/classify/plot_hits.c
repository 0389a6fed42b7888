/* plot_hits.c – treatments as a volcano and in rank order, and how far probabilities can be believed; see plot.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/svg.h"
#include "base/text.h"
#include "classify/plot.h"

#define NAMED_MOST 24  /* hits with their names; more would hide each other */

static const char *colour_of(const c5_screen_treatment *t)
{
	if (t->role == C5_ROLE_NEGATIVE) return "#666666";
	if (t->role == C5_ROLE_POSITIVE) return c5_svg_colour(4);
	return !t->hit ? "#b8c4cc" : t->normalised < 0 ? c5_svg_colour(0) : c5_svg_colour(1);
}

static void name_of(char *to, size_t room, const c5_screen_treatment *t)
{
	const char *what = *t->compound ? t->compound : *t->condition ? t->condition : "(not named)";
	snprintf(to, room, "%.60s%s%.30s", what, *t->dose ? " " : "", t->dose);
}

static void dot(c5_buf *to, double x, double y, double r, const c5_screen_treatment *t)
{
	c5_text_addf(to, "<circle cx=\"%.2f\" cy=\"%.2f\" r=\"%.2f\" fill=\"%s\" stroke=\"#fff\" stroke-width=\"0.7\"/>\n", x, y, r, colour_of(t));
}

static void legend(c5_buf *to, double x, double y)
{
	static const struct { int role; bool hit; double normalised; const char *text; } keys[] = {
		{ C5_ROLE_SAMPLE, true, 1, "hit, raises the score" }, { C5_ROLE_SAMPLE, true, -1, "hit, lowers the score" }, { C5_ROLE_SAMPLE, false, 0, "no hit" },
		{ C5_ROLE_NEGATIVE, false, 0, "negative control" }, { C5_ROLE_POSITIVE, false, 0, "positive control" },
	};
	for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
		const c5_screen_treatment t = { .condition = "", .compound = "", .dose = "", .role = keys[k].role, .hit = keys[k].hit,
			.normalised = keys[k].normalised };
		dot(to, x, y + 20 * (double)k - 4, 5, &t);
		c5_svg_text(to, x + 12, y + 20 * (double)k, "start", "a", keys[k].text);
	}
}

int c5_plot_volcano(c5_buf *to, const c5_screen *s, const c5_screen_params *p, const char *title)
{
	static const char *const names[][2] = { { "z", "z of the wells, by their plate's negative controls" },
		{ "robust-z", "robust z of the wells, by their plate's negative controls" },
		{ "percent", "percent of the way from negative to positive controls" }, { "difference", "difference from the plate's negative controls" } };
	double most = 0, high = 1.5, at_fdr = NAN;
	const char *x_name = "normalised";
	for (size_t k = 0; k < 4; k++)
		if (!strcmp(p->normalise, names[k][0])) x_name = names[k][1];
	for (size_t i = 0; i < s->n_treatments; i++) {
		const c5_screen_treatment *t = &s->treatments[i];
		if (isnan(t->p) || isnan(t->normalised)) continue;
		most = fmax(most, fabs(t->normalised));
		high = fmax(high, -log10(fmax(t->p, 1e-300)));
		if (t->q <= p->fdr) at_fdr = isnan(at_fdr) ? t->p : fmax(at_fdr, t->p);
	}
	if (most == 0) most = 1;
	c5_svg_plot frame = { 70, 50, 560, 420, c5_svg_linear(-1.1 * most, 1.1 * most), c5_svg_linear(0, 1.08 * high) };
	c5_svg_begin(to, 850, 530, title);
	c5_svg_axes(to, &frame, x_name, "-log10 p");
	c5_svg_line(to, c5_svg_x(&frame, 0), frame.y, c5_svg_x(&frame, 0), frame.y + frame.h, "f");
	if (!isnan(at_fdr)) {
		char text[64];
		double y = c5_svg_y(&frame, -log10(fmax(at_fdr, 1e-300))) + 4.5;
		snprintf(text, sizeof text, "hits above: false-discovery rate %.3g", p->fdr);
		c5_text_addf(to, "<path d=\"M%.2f %.2fH%.2f\" stroke=\"#d1495b\" stroke-width=\"1\" stroke-dasharray=\"5 4\"/>\n", frame.x, y, frame.x + frame.w);
		c5_svg_text(to, frame.x + 8, y - 6, "start", "a", text);
	}
	size_t named = 0;
	for (size_t k = s->n_treatments; k-- > 0;) { /* the best on top */
		const c5_screen_treatment *t = &s->treatments[s->ranked[k]];
		if (isnan(t->p) || isnan(t->normalised)) continue;
		dot(to, c5_svg_x(&frame, t->normalised), c5_svg_y(&frame, -log10(fmax(t->p, 1e-300))), 4.5, t);
	}
	double last_y = -100;
	for (size_t k = 0; k < s->n_treatments && named < NAMED_MOST; k++) {
		const c5_screen_treatment *t = &s->treatments[s->ranked[k]];
		char name[96];
		if (!t->hit && t->role != C5_ROLE_POSITIVE) continue;
		if (isnan(t->p) || isnan(t->normalised)) continue;
		double x = c5_svg_x(&frame, t->normalised), y = c5_svg_y(&frame, -log10(fmax(t->p, 1e-300))) + 4;
		if (fabs(y - last_y) < 11) y = last_y + 11;
		last_y = y;
		name_of(name, sizeof name, t);
		bool right = t->normalised < 0 ? x < frame.x + 0.25 * frame.w : x < frame.x + 0.75 * frame.w; /* away from the middle, if there is room */
		c5_svg_text(to, x + (right ? 8 : -8), y, right ? "start" : "end", "a", name);
		named++;
	}
	legend(to, 650, 70);
	c5_svg_end(to);
	return to->err;
}

static const c5_screen *ranking; /* qsort has no context; a picture is drawn by one thread */

static double height_of(const c5_screen_treatment *t) { return isnan(t->value) ? -INFINITY : t->value; }

static int by_value(const void *x, const void *y)
{
	size_t i = *(const size_t *)x, k = *(const size_t *)y;
	double a = height_of(&ranking->treatments[i]), b = height_of(&ranking->treatments[k]);
	return a != b ? (a < b ? -1 : 1) : (i > k) - (i < k);
}

int c5_plot_ranks(c5_buf *to, const c5_screen *s, const c5_screen_params *p, const char *title)
{
	size_t *order, n = s->n_treatments;
	int err = c5_alloc(&order, n, sizeof *order);
	if (err < 0) return err;
	double low = INFINITY, high = -INFINITY, step = n > 60 ? fmax(2, 1200 / (double)n) : n ? fmin(90, fmax(20, 800 / (double)n)) : 20;
	for (size_t i = 0; i < n; i++) order[i] = i;
	ranking = s;
	if (n) qsort(order, n, sizeof *order, by_value);
	for (size_t i = 0; i < s->n_wells; i++) {
		if (isnan(s->wells[i].value)) continue;
		low = fmin(low, s->wells[i].value);
		high = fmax(high, s->wells[i].value);
	}
	if (low > high) low = 0, high = 1;
	double pad = fmax(0.06 * (high - low), 1e-6), width = step * (double)(n ? n : 1), names = n > 60 ? 20 : 150;
	c5_svg_plot frame = { 70, 50, width, 340, c5_svg_linear(0, (double)(n ? n : 1)), c5_svg_linear(fmax(0, low - pad), fmin(1, high + pad)) };
	if (!(frame.up.hi > frame.up.lo)) frame.up.hi = frame.up.lo + 1;
	c5_svg_begin(to, fmax(70 + width + 200, 480), 50 + 340 + names + 20, title);
	c5_svg_axes(to, &frame, NULL, strcmp(p->value, "share") == 0 ? "share called positive" : "mean score");
	for (size_t k = 0; k < n; k++) {
		const c5_screen_treatment *t = &s->treatments[order[k]];
		double x = c5_svg_x(&frame, (double)k + 0.5);
		char name[96];
		if (isnan(t->value)) continue;
		if (!isnan(t->low)) c5_text_addf(to, "<path d=\"M%.2f %.2fV%.2f\" stroke=\"%s\" stroke-width=\"%.1f\" stroke-opacity=\"0.6\"/>\n", x,
			c5_svg_y(&frame, t->low), c5_svg_y(&frame, t->high), colour_of(t), step > 12 ? 3.0 : 1.0);
		for (size_t i = 0; i < s->n_wells && step > 12; i++)
			if (s->wells[i].treatment == order[k] && !isnan(s->wells[i].value))
				c5_text_addf(to, "<circle cx=\"%.2f\" cy=\"%.2f\" r=\"2\" fill=\"#555\" fill-opacity=\"0.55\"/>\n", x + step * 0.25,
					c5_svg_y(&frame, s->wells[i].value));
		dot(to, x, c5_svg_y(&frame, t->value), step > 12 ? 5 : 2.5, t);
		name_of(name, sizeof name, t);
		if (n <= 60) c5_svg_text_up(to, x + 4, frame.y + frame.h + 8, "end", "a", name);
	}
	legend(to, frame.x + width + 24, 70);
	c5_svg_end(to);
	free(order);
	return to->err;
}

static void draw_curve(c5_buf *to, const c5_svg_plot *f, const c5_reliability *bins, size_t n, unsigned colour, double shift)
{
	bool begun = false;
	c5_text_add(to, "<path fill=\"none\" d=\"");
	for (size_t k = 0; k < n; k++) {
		if (!bins[k].n) continue;
		c5_text_addf(to, "%c%.2f %.2f", begun ? 'L' : 'M', c5_svg_x(f, bins[k].score), c5_svg_y(f, bins[k].share));
		begun = true;
	}
	c5_text_addf(to, "\" stroke=\"%s\" stroke-width=\"2\"/>\n", c5_svg_colour(colour));
	for (size_t k = 0; k < n; k++) {
		if (!bins[k].n) continue;
		double x = c5_svg_x(f, bins[k].score);
		c5_text_addf(to, "<path d=\"M%.2f %.2fV%.2f\" stroke=\"%s\" stroke-width=\"1.5\" stroke-opacity=\"0.6\"/>\n<circle cx=\"%.2f\" cy=\"%.2f\" r=\"4\" "
			"fill=\"%s\"/>\n", x + shift, c5_svg_y(f, bins[k].low), c5_svg_y(f, bins[k].high), c5_svg_colour(colour), x, c5_svg_y(f, bins[k].share),
			c5_svg_colour(colour));
	}
}

static void draw_counts(c5_buf *to, const c5_svg_plot *f, const c5_reliability *bins, size_t n, unsigned colour, int of, int parts, double most)
{
	double cell = f->w / (double)n, width = cell * 0.8 / parts;
	for (size_t k = 0; k < n; k++) {
		double h = most > 0 ? f->h * (double)bins[k].n / most : 0;
		c5_text_addf(to, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" fill=\"%s\" fill-opacity=\"0.75\"/>\n",
			f->x + cell * ((double)k + 0.1) + width * of, f->y + f->h - h, width, h, c5_svg_colour(colour));
	}
}

int c5_plot_reliability(c5_buf *to, const c5_reliability *before, const c5_reliability *after, size_t n, const char *title, const char *positive)
{
	const c5_svg_plot frame = { 74, 50, 400, 400, c5_svg_linear(0, 1), c5_svg_linear(0, 1) };
	const c5_reliability *const curves[2] = { before, after };
	static const char *const names[2] = { "as the model says", "after calibration" };
	double most = 1;
	char text[160];
	for (int c = 0; c < 2; c++)
		for (size_t k = 0; curves[c] && k < n; k++) most = fmax(most, (double)curves[c][k].n);
	const c5_svg_plot counts = { 74, 506, 400, 90, c5_svg_linear(0, 1), c5_svg_linear(0, most) };
	c5_svg_begin(to, 720, 650, title);
	c5_svg_axes(to, &frame, "", NULL);
	snprintf(text, sizeof text, "share that is %.100s", positive);
	c5_svg_axes(to, &frame, NULL, text);
	c5_text_addf(to, "<path d=\"M%.2f %.2fL%.2f %.2f\" stroke=\"#888\" stroke-dasharray=\"5 4\"/>\n", frame.x, frame.y + frame.h, frame.x + frame.w,
		frame.y);
	snprintf(text, sizeof text, "score: probability of %.100s", positive);
	c5_svg_axes(to, &counts, text, NULL);
	c5_svg_text_up(to, counts.x - 48, counts.y + counts.h / 2, "middle", "a", "objects");
	snprintf(text, sizeof text, "%.0f", most);
	c5_svg_text(to, counts.x - 7, counts.y + 9, "end", "a", text);
	for (int c = 0; c < 2; c++) {
		if (!curves[c]) continue;
		draw_curve(to, &frame, curves[c], n, c ? 0 : 1, c ? 1 : -1);
		draw_counts(to, &counts, curves[c], n, c ? 0 : 1, c, after ? 2 : 1, most);
		double y = 70 + 46 * c;
		c5_text_addf(to, "<circle cx=\"496\" cy=\"%.2f\" r=\"5\" fill=\"%s\"/>\n", y - 4, c5_svg_colour(c ? 0 : 1));
		c5_svg_text(to, 508, y, "start", "a", names[c]);
		snprintf(text, sizeof text, "calibration error %.4f", c5_reliability_error(curves[c], n));
		c5_svg_text(to, 508, y + 17, "start", "a", text);
	}
	c5_svg_end(to);
	return to->err;
}
