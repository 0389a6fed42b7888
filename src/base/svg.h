/* svg.h – pictures of numbers as SVG text: a page, a frame with axes, marks in it. Two decimals everywhere, so that the text does not depend on
 * the machine. A failed allocation is kept in the buffer's `err`. */
#ifndef C5_BASE_SVG_H
#define C5_BASE_SVG_H

#include <stdbool.h>

#include "base/mem.h"

/* Ten colours that the colour-blind tell apart, dark enough for thin lines on white; any number has one. */
const char *c5_svg_colour(unsigned k);
/* From light (0) to dark (1): "rgb(r,g,b)", of the colours of viridis, which grey-scale and colour-blind readers can tell apart. */
#define C5_SVG_SHADE 24
const char *c5_svg_shade(char to[C5_SVG_SHADE], double part);

/* Begins a page on white with a title (NULL: none) in its first 36 px, and ends it. Classes for texts: t title, a axis, n notes (10 px, grey),
 * s small (8 px), b bold; of lines: g grid, f frame, l a line with round corners. */
void c5_svg_begin(c5_buf *to, double width, double height, const char *title);
void c5_svg_end(c5_buf *to);
/* Text as a page may hold it, without a place of its own: for titles of marks. */
void c5_svg_escape(c5_buf *to, const char *text);
/* Escaped text; anchor: start, middle or end; class as above. */
void c5_svg_text(c5_buf *to, double x, double y, const char *anchor, const char *class, const char *text);
/* The same, read upwards. */
void c5_svg_text_up(c5_buf *to, double x, double y, const char *anchor, const char *class, const char *text);
void c5_svg_line(c5_buf *to, double x0, double y0, double x1, double y1, const char *class);

/* What one side of a frame shows: values lo .. hi, on a logarithmic scale (both above 0) or not; whole: no numbers between 1 and 2. */
typedef struct c5_svg_scale { double lo, hi; bool log, whole; } c5_svg_scale;
c5_svg_scale c5_svg_linear(double lo, double hi);
/* One that holds the values with some room; equal ones get room too. Values that are no number, or on a logarithmic scale none above 0, are passed
 * over. */
c5_svg_scale c5_svg_scale_of(const double *values, size_t n, bool log);
/* 0 at lo, 1 at hi. */
double c5_svg_part(const c5_svg_scale *s, double value);

/* A frame at (x, y), w by h px, with a scale across and one upwards. */
typedef struct c5_svg_plot { double x, y, w, h; c5_svg_scale across, up; } c5_svg_plot;
double c5_svg_x(const c5_svg_plot *p, double value);
double c5_svg_y(const c5_svg_plot *p, double value);
/* Frame, and for each axis with a name (NULL: none) its grid, numbers and that name; "" has none, but numbers. */
void c5_svg_axes(c5_buf *to, const c5_svg_plot *p, const char *x_name, const char *y_name);
/* An axis across with words at 0, 1, 2 ... in place of numbers; and the lines of the axis upwards alone. */
void c5_svg_words(c5_buf *to, const c5_svg_plot *p, const char *x_name, char *const *words, size_t n);
void c5_svg_grid(c5_buf *to, const c5_svg_plot *p);

/* A step of 1, 2 or 5 times a power of ten that gives some `marks` marks over a span. */
double c5_svg_step(double span, double marks);

#endif
