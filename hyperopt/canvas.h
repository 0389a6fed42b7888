/* canvas.h – for plot*.c alone: SVG with axes, in pixels from the upper left corner. */
#ifndef C5_HYPEROPT_CANVAS_H
#define C5_HYPEROPT_CANVAS_H

#include <stdbool.h>

#include "base/text.h"
#include "hyperopt/history.h"

/* A rectangle with a scale along each side. Values between lo and hi; log: both above 0. */
typedef struct c5_scale { double lo, hi; bool log; } c5_scale;
typedef struct c5_panel { double x, y, width, height; c5_scale across, up; } c5_panel;

void c5_canvas_begin(c5_buf *to, double width, double height, const char *title);
void c5_canvas_end(c5_buf *to);
/* Text at a place; anchor: start | middle | end; class: t (title) | a (axis) | s (small). */
void c5_canvas_text(c5_buf *to, double x, double y, const char *anchor, const char *class, const char *text);
void c5_canvas_escape(c5_buf *to, const char *text);

/* A scale that holds the values with some room; equal ones get room too. Values may be NAN. */
c5_scale c5_scale_of(const double *values, size_t n, bool log);
/* Of a parameter, whole. */
c5_scale c5_scale_of_param(const c5_param *p);
/* 0 at lo, 1 at hi. */
double c5_scale_part(const c5_scale *s, double value);
double c5_panel_x(const c5_panel *p, double value);
double c5_panel_y(const c5_panel *p, double value);

/* Frame, lines at round numbers, numbers, names of the axes (NULL: none). choices: words in place of numbers across. */
void c5_panel_frame(c5_buf *to, const c5_panel *p, const char *across, const char *up, const c5_param *choices);

/* From bad to good over 0..1: "rgb(r,g,b)", of the colours of viridis, which grey-scale and colour-blind readers can tell apart. */
#define C5_COLOUR_TEXT 24
const char *c5_colour(char to[C5_COLOUR_TEXT], double part);

/* A number as short as its neighbours on an axis allow. */
const char *c5_number_text(char to[32], double v);

#endif
