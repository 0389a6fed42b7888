/* plot.c – see plot.h. */
#include "track/plot.h"

int c5_lineage_svg(c5_buf *to, const c5_tracks *tracks, const c5_lineage_plot *plot)
{
	(void)tracks, (void)plot;
	return to->err;
}
