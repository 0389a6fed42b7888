/* stats.c – see stats.h. One pass over the nodes, in their order. */
#include "track/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int c5_track_measure(const c5_tracks *tracks, c5_track_stats *stats)
{
	typedef struct ends { const c5_track_place *from, *last; } ends;
	ends *of;
	int err = c5_alloc(&of, tracks->n_tracks + 1, sizeof *of);
	if (err < 0) return err;
	for (size_t k = 0; k < tracks->n_tracks; k++) {
		const c5_track *t = &tracks->tracks[k];
		stats[k] = (c5_track_stats){ .id = t->id, .generation = t->generation, .daughters = t->daughters, .lifetime = t->last - t->first + 1,
			.seen = t->n_nodes, .complete = t->parent && t->daughters };
	}
	for (size_t i = 0; i < tracks->n_nodes; i++) {
		const c5_track_node *n = &tracks->nodes[i];
		ends *e = &of[n->track - 1];
		c5_track_stats *s = &stats[n->track - 1];
		const c5_track_place *at = &tracks->places[i];
		if (e->last) s->path += hypot((double)at->y - e->last->y, (double)at->x - e->last->x);
		else s->first_area = n->area, e->from = at;
		e->last = at;
		s->last_area = n->area;
		s->mean_area += n->area;
	}
	for (size_t k = 0; k < tracks->n_tracks; k++) {
		c5_track_stats *s = &stats[k];
		if (!of[k].from) continue;
		s->displacement = hypot((double)of[k].last->y - of[k].from->y, (double)of[k].last->x - of[k].from->x);
		s->speed = s->lifetime > 1 ? s->path / (s->lifetime - 1) : 0;
		s->mean_area /= s->seen;
	}
	free(of);
	return err;
}
