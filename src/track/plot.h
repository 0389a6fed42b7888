/* plot.h – the lineage of a movie as a picture: SVG text, one line a track, branches at divisions. */
#ifndef C5_TRACK_PLOT_H
#define C5_TRACK_PLOT_H

#include "track/track.h"

enum c5_lineage_colour { C5_LINEAGE_FOUNDER, C5_LINEAGE_GENERATION };

typedef struct c5_lineage_plot {
	const char *title;          /* NULL: none */
	double minutes;             /* of a frame; 0 or NAN: the axis counts frames */
	bool sideways;              /* time runs to the right instead of downwards */
	int colour;                 /* enum c5_lineage_colour */
	uint32_t least;             /* leave out families seen in fewer frames than this; 0: none */
} c5_lineage_plot;

/* Appends the SVG document. Families in order of their founder, daughters in order of id, left (top) first. C5_ENOMEM only. */
int c5_lineage_svg(c5_buf *to, const c5_tracks *tracks, const c5_lineage_plot *plot);

#endif
