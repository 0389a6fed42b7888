/* stats.h – what is counted and measured of each track. */
#ifndef C5_TRACK_STATS_H
#define C5_TRACK_STATS_H

#include "track/track.h"

typedef struct c5_track_stats {
	uint32_t id, generation, daughters;
	uint32_t lifetime;          /* frames from first to last, both included */
	uint32_t seen;              /* frames with an object */
	double displacement;        /* px from first to last centroid, on the sample: drift does not count */
	double path;                /* px along all of them */
	double speed;               /* px a frame: path over the frames between first and last; 0 for a track of one frame */
	double mean_area;           /* px, over the frames seen */
	double first_area, last_area;
	bool complete;              /* begins and ends with a division: its lifetime is a whole cell cycle */
} c5_track_stats;

/* stats: (n_tracks), caller's, in order of tracks. Needs some memory: C5_ENOMEM. */
int c5_track_measure(const c5_tracks *tracks, c5_track_stats *stats);

#endif
