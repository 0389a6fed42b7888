/* plot_plates.c – plates as maps of wells; see plot.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/svg.h"
#include "base/text.h"
#include "classify/plot.h"

#define BAR 96.0   /* room for the colour scale */
#define HEAD 40.0
#define GAP 34.0   /* above each plate, for its name and column numbers */
#define LEFT 34.0

/* Formats plates come in; the smallest that holds the wells is drawn. */
static const struct { int rows, columns; double cell; } formats[] = { { 2, 3, 64 }, { 4, 6, 56 }, { 6, 8, 50 }, { 8, 12, 44 }, { 16, 24, 26 },
	{ 32, 48, 14 }, { 52, 999, 8 } };

/* Colour-blind safe: dark blue over green to yellow, and blue over white to red. */
static const double rising[][3] = { { 68, 1, 84 }, { 59, 82, 139 }, { 33, 145, 140 }, { 94, 201, 98 }, { 253, 231, 37 } };
static const double diverging[][3] = { { 33, 102, 172 }, { 146, 197, 222 }, { 247, 247, 247 }, { 244, 165, 130 }, { 178, 24, 43 } };

typedef struct map { const c5_screen *s; int what; double from, to; int rows, columns; double cell; bool placed; } map;

static double value_of(const map *m, const c5_screen_well *w) { return m->what == C5_MAP_NORMALISED ? w->normalised : w->value; }

static void colour_at(char text[8], const map *m, double v, bool *dark)
{
	const double(*stops)[3] = m->what == C5_MAP_NORMALISED ? diverging : rising;
	double at = 4 * fmin(1, fmax(0, (v - m->from) / (m->to - m->from))), rgb[3];
	int k = at >= 4 ? 3 : (int)at;
	for (int c = 0; c < 3; c++) rgb[c] = stops[k][c] + (at - k) * (stops[k + 1][c] - stops[k][c]);
	*dark = 0.3 * rgb[0] + 0.59 * rgb[1] + 0.11 * rgb[2] < 128;
	snprintf(text, 8, "#%02x%02x%02x", (unsigned)lround(rgb[0]) & 255, (unsigned)lround(rgb[1]) & 255, (unsigned)lround(rgb[2]) & 255);
}

/* The scale: all values, symmetric about 0 for normalised ones, which are cut at 6. */
static void find_scale(map *m)
{
	m->from = INFINITY, m->to = -INFINITY;
	for (size_t i = 0; i < m->s->n_wells; i++) {
		double v = value_of(m, &m->s->wells[i]);
		if (!isfinite(v)) continue;
		m->from = fmin(m->from, v);
		m->to = fmax(m->to, v);
	}
	if (m->from > m->to) m->from = 0, m->to = 1;
	if (m->what == C5_MAP_NORMALISED) {
		m->to = fmax(fmax(fabs(m->from), fabs(m->to)), 1e-9);
		m->from = -m->to;
	}
	if (m->to - m->from < 1e-9) m->to = m->from + 1e-9 + fabs(m->from) * 1e-6;
}

static void find_format(map *m)
{
	int rows = 0, columns = 0;
	size_t k = 0, most = 0, n = sizeof formats / sizeof *formats;
	m->placed = true;
	for (size_t i = 0; i < m->s->n_wells; i++) {
		const c5_screen_well *w = &m->s->wells[i];
		m->placed = m->placed && w->row >= 0;
		if (w->row >= rows) rows = w->row + 1;
		if (w->column >= columns) columns = w->column + 1;
	}
	if (!m->placed) {
		for (size_t i = 0; i < m->s->n_plates; i++)
			if (m->s->plates[i].wells > most) most = m->s->plates[i].wells;
		columns = most < 12 ? (int)most : 12;
		rows = (int)((most + 11) / 12);
		while (k + 1 < n && formats[k].columns < columns) k++;
	} else {
		while (k + 1 < n && (formats[k].rows < rows || formats[k].columns < columns)) k++;
		if (k + 1 < n) rows = formats[k].rows, columns = formats[k].columns;
	}
	m->rows = rows < 1 ? 1 : rows;
	m->columns = columns < 1 ? 1 : columns;
	m->cell = formats[k].cell;
}

static void row_name(char text[4], int row)
{
	if (row < 26) snprintf(text, 4, "%c", 'A' + row);
	else snprintf(text, 4, "%c%c", 'A' + row / 26 - 1, 'A' + row % 26);
}

static void draw_names(c5_buf *to, const map *m, double x, double y)
{
	char text[16];
	const char *class = m->cell < 18 ? "s" : "a";
	for (int r = 0; r < m->rows; r++) {
		row_name(text, r);
		c5_svg_text(to, x - 6, y + m->cell * (r + 0.5) + 4, "end", class, text);
	}
	for (int c = 0; c < m->columns; c++) {
		snprintf(text, sizeof text, "%d", c + 1);
		if (m->cell >= 18 || c % 4 == 0) c5_svg_text(to, x + m->cell * (c + 0.5), y - 5, "middle", class, text);
	}
	for (int r = 0; r < m->rows; r++)
		for (int c = 0; c < m->columns; c++)
			c5_text_addf(to, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" fill=\"#f4f4f4\"/>\n", x + c * m->cell + 0.5, y + r * m->cell + 0.5,
				m->cell - 1, m->cell - 1);
}

static void well_title(c5_buf *to, const c5_screen_well *w, double v)
{
	char text[512], number[C5_REAL_TEXT] = "no value";
	if (isfinite(v)) snprintf(number, sizeof number, "%.4g", v);
	snprintf(text, sizeof text, "%.60s %.60s %.60s %.60s: %s, %llu objects", w->well, w->condition, w->compound, w->dose, number,
		(unsigned long long)w->objects);
	c5_text_add(to, "<title>");
	for (const char *p = text; *p; p++)
		if (*p == '<' || *p == '&') c5_text_addf(to, "&#%d;", *p);
		else c5_buf_put(to, p, 1);
	c5_text_add(to, "</title>");
}

static void draw_well(c5_buf *to, const map *m, const c5_screen_well *w, double x, double y)
{
	char fill[8] = "#bbbbbb", text[32];
	bool dark = false;
	double v = value_of(m, w), line = w->role == C5_ROLE_SAMPLE ? 0 : m->cell < 18 ? 1 : 2;
	if (isfinite(v)) colour_at(fill, m, v, &dark);
	c5_text_addf(to, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" fill=\"%s\"", x + 0.5 + line / 2, y + 0.5 + line / 2,
		m->cell - 1 - line, m->cell - 1 - line, fill);
	if (line > 0) c5_text_addf(to, " stroke=\"#111\" stroke-width=\"%.0f\"%s", line, w->role == C5_ROLE_POSITIVE ? " stroke-dasharray=\"4 2\"" : "");
	c5_text_add(to, ">");
	well_title(to, w, v);
	c5_text_add(to, "</rect>\n");
	if (m->cell < 40 || !isfinite(v)) return;
	snprintf(text, sizeof text, fabs(v) < 10 ? "%.2f" : "%.0f", v);
	c5_text_addf(to, "<text x=\"%.2f\" y=\"%.2f\" text-anchor=\"middle\" style=\"font-size:11px;fill:%s\">%s</text>\n", x + m->cell / 2,
		y + m->cell / 2 + 4, dark ? "#fff" : "#222", text);
}

static void draw_bar(c5_buf *to, const map *m, double x, double y)
{
	const double h = 160, w = 14;
	double step = c5_svg_step(m->to - m->from, 5);
	for (int k = 0; k < 64; k++) {
		char fill[8];
		bool dark;
		colour_at(fill, m, m->to - (k + 0.5) / 64 * (m->to - m->from), &dark);
		c5_text_addf(to, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" fill=\"%s\"/>\n", x, y + k * h / 64, w, h / 64 + 0.3, fill);
	}
	for (double k = ceil(m->from / step - 1e-9); k * step <= m->to + 1e-9 * step; k++) {
		char text[C5_REAL_TEXT];
		snprintf(text, sizeof text, "%.4g", fabs(k * step) < 1e-12 ? 0 : k * step);
		c5_svg_text(to, x + w + 6, y + h * (m->to - k * step) / (m->to - m->from) + 4, "start", "a", text);
	}
	static const char *const legend[][2] = { { "", "negative" }, { " stroke-dasharray=\"4 2\"", "positive" } };
	for (int k = 0; k < 2; k++) {
		double at = y + h + 22 + 20 * k;
		c5_text_addf(to, "<rect x=\"%.2f\" y=\"%.2f\" width=\"13\" height=\"13\" fill=\"#fff\" stroke=\"#111\" stroke-width=\"2\"%s/>\n", x, at - 11,
			legend[k][0]);
		c5_svg_text(to, x + 20, at, "start", "a", legend[k][1]);
	}
}

int c5_plot_plates(c5_buf *to, const c5_screen *s, int what, const char *title)
{
	map m = { .s = s, .what = what };
	find_scale(&m);
	find_format(&m);
	double wide = LEFT + m.columns * m.cell + 24, high = GAP + m.rows * m.cell + 16;
	size_t across = s->n_plates < 2 ? 1 : (size_t)fmax(1, floor(1500 / wide)), down;
	if (across > s->n_plates && s->n_plates) across = s->n_plates;
	down = s->n_plates ? (s->n_plates + across - 1) / across : 1;
	double width = fmax(14 + wide * (double)across + BAR, 420), height = fmax(HEAD + high * (double)down + 8, HEAD + 260);
	c5_svg_begin(to, width, height, title);
	for (size_t p = 0, i = 0; p < s->n_plates; p++) {
		double x = 14 + LEFT + wide * (double)(p % across), y = HEAD + high * (double)(p / across) + GAP;
		c5_svg_text(to, x, y - 20, "start", "b", *s->plates[p].plate ? s->plates[p].plate : "all wells");
		if (m.placed) draw_names(to, &m, x, y);
		for (int k = 0; i < s->n_wells && s->wells[i].plate_index == p; i++, k++) {
			const c5_screen_well *w = &s->wells[i];
			int row = m.placed ? w->row : k / m.columns, column = m.placed ? w->column : k % m.columns;
			draw_well(to, &m, w, x + column * m.cell, y + row * m.cell);
		}
	}
	draw_bar(to, &m, width - BAR + 12, HEAD + GAP);
	c5_svg_end(to);
	return to->err;
}
