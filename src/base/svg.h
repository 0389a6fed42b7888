/* svg.h – pictures of numbers as SVG text: a page, a frame with axes, marks in it. Two decimals everywhere, so that the text does not depend on
 * the machine. A failed allocation is kept in the buffer's `err`. */
#ifndef C5_BASE_SVG_H
#define C5_BASE_SVG_H

#include "base/mem.h"

/* Ten colours that the colour-blind tell apart, dark enough for thin lines on white; any number has one. */
const char *c5_svg_colour(unsigned k);

/* Begins a page on white with a title (NULL: none) in its first 36 px, and ends it. Classes for texts: t title, a axis, s small (8 px), b bold; of lines:
 * g grid, f frame. */
void c5_svg_begin(c5_buf *to, double width, double height, const char *title);
void c5_svg_end(c5_buf *to);
/* Escaped text; anchor: start, middle or end; class as above. */
void c5_svg_text(c5_buf *to, double x, double y, const char *anchor, const char *class, const char *text);
/* The same, read upwards. */
void c5_svg_text_up(c5_buf *to, double x, double y, const char *anchor, const char *class, const char *text);
void c5_svg_line(c5_buf *to, double x0, double y0, double x1, double y1, const char *class);

/* A frame at (x, y), w by h px, that shows values x0 .. x1 and y0 .. y1, upwards. */
typedef struct c5_svg_plot { double x, y, w, h, x0, x1, y0, y1; } c5_svg_plot;
double c5_svg_x(const c5_svg_plot *p, double value);
double c5_svg_y(const c5_svg_plot *p, double value);
/* Grid, numbers and names of the axes (NULL: no numbers either). */
void c5_svg_axes(c5_buf *to, const c5_svg_plot *p, const char *x_name, const char *y_name);

/* A step of 1, 2 or 5 times a power of ten that gives some `marks` marks over a span. */
double c5_svg_step(double span, double marks);

#endif
