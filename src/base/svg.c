/* svg.c – see svg.h. */
#include "base/svg.h"

#include <math.h>
#include <stdio.h>

#include "base/text.h"

static const char *const colours[] = { "#0b6fa4", "#d1495b", "#2e8b57", "#8e5ea2", "#c77800", "#00808a", "#9c3f1d", "#5b6abf", "#6b7a1e", "#b0428c" };

const char *c5_svg_colour(unsigned k) { return colours[k % (sizeof colours / sizeof *colours)]; }

const char *c5_svg_shade(char to[C5_SVG_SHADE], double part)
{
	static const double stops[][3] = { { 253, 231, 37 }, { 122, 209, 81 }, { 34, 168, 132 }, { 42, 120, 142 }, { 65, 68, 135 }, { 68, 1, 84 } };
	const int last = (int)(sizeof stops / sizeof *stops) - 1;
	double at = (part >= 0 ? part <= 1 ? part : 1 : 0) * last;
	int i = at >= last ? last - 1 : (int)at;
	double f = at - i, c[3];
	for (int k = 0; k < 3; k++) c[k] = stops[i][k] + f * (stops[i + 1][k] - stops[i][k]);
	snprintf(to, C5_SVG_SHADE, "rgb(%.0f,%.0f,%.0f)", c[0], c[1], c[2]);
	return to;
}

double c5_svg_step(double span, double marks)
{
	if (!(span > 0) || !isfinite(span)) return 1;
	double raw = span / marks, ten = pow(10, floor(log10(raw))), part = raw / ten;
	return (part < 1.5 ? 1 : part < 3.5 ? 2 : part < 7.5 ? 5 : 10) * ten;
}

void c5_svg_escape(c5_buf *to, const char *s)
{
	for (int n; *s; s += n) {
		n = c5_utf8_length(s);
		if (n == 0) {
			c5_text_add(to, "\xef\xbf\xbd");
			n = 1;
		} else if (*s == '<' || *s == '&' || *s == '>' || *s == '"') {
			c5_text_addf(to, "&#%d;", *s);
		} else if (n > 1 || (unsigned char)*s >= ' ') {
			c5_text_addf(to, "%.*s", n, s);
		}
	}
}

void c5_svg_begin(c5_buf *to, double width, double height, const char *title)
{
	c5_text_addf(to, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\">\n", width, height,
		width, height);
	c5_text_add(to, "<style>text{font-family:sans-serif;fill:#333;font-size:12px}.t{font-size:16px;font-weight:bold}"
		".n{font-size:10px;fill:#666}.s{font-size:8px}.b{font-weight:bold}"
		".g{stroke:#e6e6e6;stroke-width:1;fill:none}.f{stroke:#888;stroke-width:1;fill:none}.l{fill:none;stroke-linejoin:round}</style>\n");
	c5_text_addf(to, "<rect width=\"%.0f\" height=\"%.0f\" fill=\"#fff\"/>\n", width, height);
	if (title) c5_svg_text(to, 14, 24, "start", "t", title);
}

void c5_svg_end(c5_buf *to) { c5_text_add(to, "</svg>\n"); }

void c5_svg_text(c5_buf *to, double x, double y, const char *anchor, const char *class, const char *text)
{
	c5_text_addf(to, "<text class=\"%s\" x=\"%.2f\" y=\"%.2f\" text-anchor=\"%s\">", class, x, y, anchor);
	c5_svg_escape(to, text);
	c5_text_add(to, "</text>\n");
}

void c5_svg_text_up(c5_buf *to, double x, double y, const char *anchor, const char *class, const char *text)
{
	c5_text_addf(to, "<text class=\"%s\" x=\"%.2f\" y=\"%.2f\" text-anchor=\"%s\" transform=\"rotate(-90 %.2f %.2f)\">", class, x, y, anchor, x, y);
	c5_svg_escape(to, text);
	c5_text_add(to, "</text>\n");
}

void c5_svg_line(c5_buf *to, double x0, double y0, double x1, double y1, const char *class)
{
	c5_text_addf(to, "<path class=\"%s\" d=\"M%.2f %.2fL%.2f %.2f\"/>\n", class, x0, y0, x1, y1);
}

/* ---- scales ---- */

c5_svg_scale c5_svg_linear(double lo, double hi) { return (c5_svg_scale){ lo, hi, false, false }; }

c5_svg_scale c5_svg_scale_of(const double *values, size_t n, bool log)
{
	c5_svg_scale s = { INFINITY, -INFINITY, log, false };
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

double c5_svg_part(const c5_svg_scale *s, double value)
{
	if (s->log) return value > 0 ? (log(value) - log(s->lo)) / (log(s->hi) - log(s->lo)) : 0;
	return (value - s->lo) / (s->hi - s->lo);
}

double c5_svg_x(const c5_svg_plot *p, double value) { return p->x + p->w * c5_svg_part(&p->across, value); }
double c5_svg_y(const c5_svg_plot *p, double value) { return p->y + p->h - p->h * c5_svg_part(&p->up, value); }

/* ---- axes ---- */

static void mark(c5_buf *to, const c5_svg_plot *p, double v, const char *text, bool upwards)
{
	double x = c5_svg_x(p, v), y = c5_svg_y(p, v);
	if (upwards) {
		c5_svg_line(to, p->x, y, p->x + p->w, y, "g");
		if (text) c5_svg_text(to, p->x - 7, y + 4, "end", "a", text);
	} else {
		c5_svg_line(to, x, p->y, x, p->y + p->h, "g");
		if (text) c5_svg_text(to, x, p->y + p->h + 17, "middle", "a", text);
	}
}

/* Round numbers; on a logarithmic scale powers of ten, or 1, 2 and 5 times those on one of less than two decades. */
static void marks(c5_buf *to, const c5_svg_plot *p, double most, bool upwards, bool numbers)
{
	const c5_svg_scale *s = upwards ? &p->up : &p->across;
	double decades = s->log ? log10(s->hi / s->lo) : 0, step = c5_svg_step(s->hi - s->lo, most);
	char text[C5_REAL_TEXT];
	if (decades >= 2) {
		double each = ceil(decades / fmax(1, most));
		for (double e = ceil(log10(s->lo) - 1e-9); e <= log10(s->hi) + 1e-9; e += each) {
			snprintf(text, sizeof text, "%.6g", pow(10, e));
			mark(to, p, pow(10, e), numbers ? text : NULL, upwards);
		}
		return;
	}
	if (decades > 0.7) {
		static const double parts[] = { 1, 2, 5 };
		for (double e = floor(log10(s->lo)); e <= log10(s->hi); e++)
			for (int k = 0; k < 3; k++) {
				double v = parts[k] * pow(10, e);
				if (v < s->lo * (1 - 1e-9) || v > s->hi * (1 + 1e-9)) continue;
				snprintf(text, sizeof text, "%.6g", v);
				mark(to, p, v, numbers ? text : NULL, upwards);
			}
		return;
	}
	if (s->whole) step = fmax(1, step);
	for (double k = ceil(s->lo / step - 1e-9); k * step <= s->hi + 1e-9 * step; k++) {
		double v = k * step + 0.0;
		snprintf(text, sizeof text, "%.6g", fabs(v) < 1e-12 * step ? 0 : v);
		mark(to, p, v, numbers ? text : NULL, upwards);
	}
}

static void name_across(c5_buf *to, const c5_svg_plot *p, const char *name)
{
	if (*name) c5_svg_text(to, p->x + p->w / 2, p->y + p->h + 36, "middle", "a", name);
}

void c5_svg_axes(c5_buf *to, const c5_svg_plot *p, const char *x_name, const char *y_name)
{
	if (x_name) marks(to, p, p->w / 70, false, true);
	if (y_name) marks(to, p, p->h / 45, true, true);
	c5_text_addf(to, "<rect class=\"f\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\"/>\n", p->x, p->y, p->w, p->h);
	if (x_name) name_across(to, p, x_name);
	if (y_name && *y_name) c5_svg_text_up(to, p->x - 48, p->y + p->h / 2, "middle", "a", y_name);
}

void c5_svg_words(c5_buf *to, const c5_svg_plot *p, const char *x_name, char *const *words, size_t n)
{
	for (size_t k = 0; k < n; k++) {
		mark(to, p, (double)k, NULL, false);
		c5_svg_text(to, c5_svg_x(p, (double)k), p->y + p->h + 15, "middle", "n", words[k]);
	}
	name_across(to, p, x_name);
}

void c5_svg_grid(c5_buf *to, const c5_svg_plot *p) { marks(to, p, p->h / 45, true, false); }
