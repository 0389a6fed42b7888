/* canvas.c – see canvas.h. */
#include "hyperopt/canvas.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICKS_MOST 12

void c5_canvas_escape(c5_buf *to, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		if (c == '<') c5_text_add(to, "&lt;");
		else if (c == '>') c5_text_add(to, "&gt;");
		else if (c == '&') c5_text_add(to, "&amp;");
		else if (c == '"') c5_text_add(to, "&quot;");
		else if (c >= 32) {
			int n = c5_utf8_length(text);
			if (n) c5_buf_put(to, text, (size_t)n), text += n - 1;
			else c5_text_add(to, "?");
		}
	}
}

void c5_canvas_begin(c5_buf *to, double width, double height, const char *title)
{
	c5_text_addf(to, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\">\n", width, height, width, height);
	c5_text_add(to, "<style>text{font-family:sans-serif;fill:#333}.t{font-size:16px;font-weight:bold}.a{font-size:12px}.s{font-size:10px;fill:#666}"
		".f{fill:none;stroke:#999}.g{stroke:#e8e8e8}.l{fill:none;stroke-linejoin:round}</style>\n");
	c5_text_addf(to, "<rect width=\"%.0f\" height=\"%.0f\" fill=\"#fff\"/>\n", width, height);
	if (title) c5_canvas_text(to, 16, 24, "start", "t", title);
}

void c5_canvas_end(c5_buf *to) { c5_text_add(to, "</svg>\n"); }

void c5_canvas_text(c5_buf *to, double x, double y, const char *anchor, const char *class, const char *text)
{
	c5_text_addf(to, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", class, x, y, anchor);
	c5_canvas_escape(to, text);
	c5_text_add(to, "</text>\n");
}

/* ---- scales ---- */

c5_scale c5_scale_of(const double *values, size_t n, bool log)
{
	c5_scale s = { INFINITY, -INFINITY, log };
	for (size_t i = 0; i < n; i++) {
		if (!isfinite(values[i]) || (log && values[i] <= 0)) continue;
		s.lo = fmin(s.lo, values[i]);
		s.hi = fmax(s.hi, values[i]);
	}
	if (s.lo > s.hi) s.lo = log ? 0.1 : 0, s.hi = 1;
	double room = 0.04 * (s.hi - s.lo);
	if (log) {
		s.lo /= 1.05, s.hi *= 1.05;
	} else {
		if (!(room > 0)) room = s.lo ? 0.05 * fabs(s.lo) : 0.5;
		s.lo -= room, s.hi += room;
	}
	return s;
}

c5_scale c5_scale_of_param(const c5_param *p)
{
	double half = p->step / 2;
	if (p->kind == C5_PARAM_CHOICE) return (c5_scale){ -0.5, p->max + 0.5, false };
	if (p->log) return (c5_scale){ p->min, p->max > p->min ? p->max : p->min * 2, true };
	return (c5_scale){ p->min - half, p->max + half, false };
}

double c5_scale_part(const c5_scale *s, double value)
{
	if (s->log) return value > 0 ? (log(value) - log(s->lo)) / (log(s->hi) - log(s->lo)) : 0;
	return (value - s->lo) / (s->hi - s->lo);
}

double c5_panel_x(const c5_panel *p, double value) { return p->x + p->width * c5_scale_part(&p->across, value); }
double c5_panel_y(const c5_panel *p, double value) { return p->y + p->height * (1 - c5_scale_part(&p->up, value)); }

/* ---- ticks ---- */

const char *c5_number_text(char to[32], double v)
{
	if (fabs(v) < 1e-12) v = 0;
	snprintf(to, 32, "%.6g", v);
	return to;
}

/* Round numbers between the ends: 1, 2 or 5 times a power of ten apart; powers of ten on a logarithmic scale of two decades or more. */
static int ticks_of(const c5_scale *s, double ticks[TICKS_MOST])
{
	int n = 0;
	if (s->log && log10(s->hi / s->lo) >= 2) {
		double each = ceil(log10(s->hi / s->lo) / 6);
		for (double e = ceil(log10(s->lo) - 1e-9); e <= log10(s->hi) + 1e-9 && n < TICKS_MOST; e += each) ticks[n++] = pow(10, e);
		return n;
	}
	double raw = (s->hi - s->lo) / 5, power = pow(10, floor(log10(raw))), part = raw / power;
	double step = power * (part < 1.5 ? 1 : part < 3.5 ? 2 : part < 7.5 ? 5 : 10);
	for (double v = ceil(s->lo / step - 1e-9) * step; v <= s->hi + 1e-9 * step && n < TICKS_MOST; v += step) ticks[n++] = v;
	return n;
}

static void tick_across(c5_buf *to, const c5_panel *p, double v, const char *text)
{
	double x = c5_panel_x(p, v);
	c5_text_addf(to, "<path class=\"g\" d=\"M%.1f %.1fV%.1f\"/>\n", x, p->y, p->y + p->height);
	c5_canvas_text(to, x, p->y + p->height + 15, "middle", "s", text);
}

void c5_panel_frame(c5_buf *to, const c5_panel *p, const char *across, const char *up, const c5_param *choices)
{
	double ticks[TICKS_MOST];
	char text[32];
	int n = ticks_of(&p->up, ticks);
	for (int i = 0; i < n; i++) {
		double y = c5_panel_y(p, ticks[i]);
		c5_text_addf(to, "<path class=\"g\" d=\"M%.1f %.1fH%.1f\"/>\n", p->x, y, p->x + p->width);
		if (up) c5_canvas_text(to, p->x - 6, y + 3.5, "end", "s", c5_number_text(text, ticks[i]));
	}
	if (choices && choices->kind == C5_PARAM_CHOICE) {
		for (size_t i = 0; i < choices->n_choices && i < 40; i++) tick_across(to, p, (double)i, choices->choices[i]);
	} else {
		n = ticks_of(&p->across, ticks);
		for (int i = 0; i < n; i++) tick_across(to, p, ticks[i], c5_number_text(text, ticks[i]));
	}
	c5_text_addf(to, "<rect class=\"f\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n", p->x, p->y, p->width, p->height);
	if (across) c5_canvas_text(to, p->x + p->width / 2, p->y + p->height + 33, "middle", "a", across);
	if (up && *up) {
		c5_text_addf(to, "<text class=\"a\" transform=\"translate(%.1f %.1f) rotate(-90)\" text-anchor=\"middle\">", p->x - 48, p->y + p->height / 2);
		c5_canvas_escape(to, up);
		c5_text_add(to, "</text>\n");
	}
}

/* ---- colour ---- */

const char *c5_colour(char to[C5_COLOUR_TEXT], double part)
{
	static const double stops[][3] = { { 253, 231, 37 }, { 122, 209, 81 }, { 34, 168, 132 }, { 42, 120, 142 }, { 65, 68, 135 }, { 68, 1, 84 } };
	const int last = (int)(sizeof stops / sizeof *stops) - 1;
	double at = (part >= 0 ? part <= 1 ? part : 1 : 0) * last;
	int i = at >= last ? last - 1 : (int)at;
	double f = at - i, c[3];
	for (int k = 0; k < 3; k++) c[k] = stops[i][k] + f * (stops[i + 1][k] - stops[i][k]);
	snprintf(to, C5_COLOUR_TEXT, "rgb(%.0f,%.0f,%.0f)", c[0], c[1], c[2]);
	return to;
}
