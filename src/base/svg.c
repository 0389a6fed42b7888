/* svg.c – see svg.h. */
#include "base/svg.h"

#include <math.h>
#include <stdio.h>

#include "base/text.h"

static const char *const colours[] = { "#0b6fa4", "#d1495b", "#2e8b57", "#8e5ea2", "#c77800", "#00808a", "#9c3f1d", "#5b6abf", "#6b7a1e", "#b0428c" };

const char *c5_svg_colour(unsigned k) { return colours[k % (sizeof colours / sizeof *colours)]; }

double c5_svg_step(double span, double marks)
{
	if (!(span > 0) || !isfinite(span)) return 1;
	double raw = span / marks, ten = pow(10, floor(log10(raw))), part = raw / ten;
	return (part < 1.5 ? 1 : part < 3.5 ? 2 : part < 7.5 ? 5 : 10) * ten;
}

static void put_escaped(c5_buf *to, const char *s)
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
	c5_text_addf(to, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\">\n", width, height, width, height);
	c5_text_add(to, "<style>text{font-family:sans-serif;fill:#333;font-size:12px}.t{font-size:16px;font-weight:bold}.s{font-size:8px}.b{font-weight:bold}"
		".g{stroke:#e6e6e6;stroke-width:1;fill:none}.f{stroke:#888;stroke-width:1;fill:none}</style>\n");
	c5_text_addf(to, "<rect width=\"%.0f\" height=\"%.0f\" fill=\"#fff\"/>\n", width, height);
	if (title) c5_svg_text(to, 14, 24, "start", "t", title);
}

void c5_svg_end(c5_buf *to) { c5_text_add(to, "</svg>\n"); }

void c5_svg_text(c5_buf *to, double x, double y, const char *anchor, const char *class, const char *text)
{
	c5_text_addf(to, "<text class=\"%s\" x=\"%.2f\" y=\"%.2f\" text-anchor=\"%s\">", class, x, y, anchor);
	put_escaped(to, text);
	c5_text_add(to, "</text>\n");
}

void c5_svg_text_up(c5_buf *to, double x, double y, const char *anchor, const char *class, const char *text)
{
	c5_text_addf(to, "<text class=\"%s\" x=\"%.2f\" y=\"%.2f\" text-anchor=\"%s\" transform=\"rotate(-90 %.2f %.2f)\">", class, x, y, anchor, x, y);
	put_escaped(to, text);
	c5_text_add(to, "</text>\n");
}

void c5_svg_line(c5_buf *to, double x0, double y0, double x1, double y1, const char *class)
{
	c5_text_addf(to, "<path class=\"%s\" d=\"M%.2f %.2fL%.2f %.2f\"/>\n", class, x0, y0, x1, y1);
}

double c5_svg_x(const c5_svg_plot *p, double value) { return p->x + p->w * (value - p->x0) / (p->x1 - p->x0); }
double c5_svg_y(const c5_svg_plot *p, double value) { return p->y + p->h - p->h * (value - p->y0) / (p->y1 - p->y0); }

static void axis(c5_buf *to, const c5_svg_plot *p, double from, double until, double marks, int upwards)
{
	double step = c5_svg_step(until - from, marks);
	for (double k = ceil(from / step - 1e-9); k * step <= until + 1e-9 * step; k++) {
		double v = k * step + 0.0, x = c5_svg_x(p, v), y = c5_svg_y(p, v);
		char text[C5_REAL_TEXT];
		snprintf(text, sizeof text, "%.6g", fabs(v) < 1e-12 * step ? 0 : v);
		if (upwards) {
			c5_svg_line(to, p->x, y, p->x + p->w, y, "g");
			c5_svg_text(to, p->x - 7, y + 4, "end", "a", text);
		} else {
			c5_svg_line(to, x, p->y, x, p->y + p->h, "g");
			c5_svg_text(to, x, p->y + p->h + 17, "middle", "a", text);
		}
	}
}

void c5_svg_axes(c5_buf *to, const c5_svg_plot *p, const char *x_name, const char *y_name)
{
	if (x_name) axis(to, p, p->x0, p->x1, p->w / 70, 0);
	if (y_name) axis(to, p, p->y0, p->y1, p->h / 45, 1);
	c5_text_addf(to, "<rect class=\"f\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\"/>\n", p->x, p->y, p->w, p->h);
	if (x_name) c5_svg_text(to, p->x + p->w / 2, p->y + p->h + 36, "middle", "a", x_name);
	if (y_name) c5_svg_text_up(to, p->x - 48, p->y + p->h / 2, "middle", "a", y_name);
}
