/* plot.h – pictures of a search as SVG, each whole in itself: its course, the parameters against each other, each parameter against the
 * value, what matters, and the reports on the way. */
#ifndef C5_HYPEROPT_PLOT_H
#define C5_HYPEROPT_PLOT_H

#include "hyperopt/importance.h"
#include "hyperopt/setup.h"

typedef struct c5_search_plot {
	const char *title;
	const char *value;           /* what the value is called */
	const c5_history *history;
	const c5_importance *importance; /* n 0: not known */
	uint32_t best;               /* trial to be marked; 0: none */
} c5_search_plot;

int c5_plot_history(c5_buf *to, const c5_search_plot *p);    /* values in the order of trials, and the best so far */
int c5_plot_parallel(c5_buf *to, const c5_search_plot *p);   /* one axis a parameter, one line a trial, coloured by value */
int c5_plot_slices(c5_buf *to, const c5_search_plot *p);     /* one panel a parameter: value over parameter, coloured by number */
int c5_plot_importance(c5_buf *to, const c5_search_plot *p); /* one bar a parameter */
int c5_plot_reports(c5_buf *to, const c5_search_plot *p);    /* reports over steps, one line a trial; C5_ENOTFOUND when there are none */

/* All of them as files history.svg, parallel.svg ... in a folder, made if need be. */
int c5_plot_all(const char *folder, const c5_search_plot *p, size_t *made);

#endif
