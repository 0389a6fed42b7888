/* plot.h – a screen and a calibration as pictures one would look at: SVG text. */
#ifndef C5_CLASSIFY_PLOT_H
#define C5_CLASSIFY_PLOT_H

#include "base/mem.h"
#include "classify/calibrate.h"
#include "classify/screen.h"

/* Every plate as a map of its wells in the colour of their value (`what`: value, or normalised), controls marked; wells whose names tell no
 * place stand in rows. One scale for all plates. */
enum c5_map_what { C5_MAP_VALUE, C5_MAP_NORMALISED };
int c5_plot_plates(c5_buf *to, const c5_screen *s, int what, const char *title);
/* Treatments by their normalised mean (x) and -log10 p (y), hits in colour with their names. */
int c5_plot_volcano(c5_buf *to, const c5_screen *s, const c5_screen_params *p, const char *title);
/* Treatments from the lowest to the highest mean value, with their intervals and their wells. */
int c5_plot_ranks(c5_buf *to, const c5_screen *s, const c5_screen_params *p, const char *title);
/* Share of positives over score, before and (may be NULL) after calibration, with how many objects each point stands for. */
int c5_plot_reliability(c5_buf *to, const c5_reliability *before, const c5_reliability *after, size_t n_bins, const char *title,
	const char *positive);

#endif
