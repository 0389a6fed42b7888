/* track.h – tracks and lineages of a movie: the second stage. Pairs of frames (link.h) come in one by one; when all are in, the pieces of
 * tracks are joined over gaps and branched at divisions in one assignment over the whole movie, so that no choice depends on the order in time.
 *
 *     c5_tracker *tracker;
 *     c5_tracker_open(&tracker, &params);
 *     c5_tracker_add_frame(tracker, &frame);      for every frame, in order; or c5_tracker_add_pair with pairs linked elsewhere
 *     c5_tracker_finish(tracker, &tracks);
 *
 * Memory: the last frame, and some 80 bytes for each object seen. */
#ifndef C5_TRACK_TRACK_H
#define C5_TRACK_TRACK_H

#include "track/link.h"

enum c5_link_kind { C5_LINK_STEP = 1, C5_LINK_GAP, C5_LINK_DIVISION };

/* An object in its track. In order of (frame, label). */
typedef struct c5_track_node { uint32_t frame, label, track; float y, x, area; } c5_track_node;
typedef struct c5_track_place { float y, x; } c5_track_place;

/* A track: from its birth to its division, death or loss. In order of id, 1..n_tracks, which is the order of (first frame, label). */
typedef struct c5_track {
	uint32_t id, first, last;   /* frames, both included */
	uint32_t parent;            /* id, 0 none; a parent has two children, and they begin after its last frame */
	uint32_t generation;        /* 0 without a parent */
	uint32_t founder;           /* id of the ancestor of generation 0; its own id without parents */
	uint32_t daughters;         /* 0 or 2 */
	uint32_t n_nodes;           /* frames it was seen in */
	uint32_t first_label, last_label;
} c5_track;

/* From one node to the next of the same track, or to each daughter. In order of (to frame, to label). */
typedef struct c5_track_link {
	uint64_t from, to;          /* nodes */
	uint32_t kind;              /* enum c5_link_kind */
	float score;                /* 0..1: how sure, against the alternatives seen */
} c5_track_link;

/* A link between frames that was weighed, taken or not. In order of (to, from). */
typedef struct c5_track_candidate {
	uint64_t from, to;          /* nodes */
	float probability;          /* 0.01 or more: its share of belief among the alternatives at both ends, and that of beginning and ending there */
	uint32_t kind;              /* 0: not taken; else enum c5_link_kind */
} c5_track_candidate;

typedef struct c5_tracks {
	c5_track_node *nodes;       /* places in the picture */
	c5_track_place *places;     /* (n_nodes) places on the sample: less the drift */
	c5_track *tracks;
	c5_track_link *links;
	c5_track_candidate *candidates;
	size_t n_nodes, n_tracks, n_links, n_candidates;
	uint32_t first_frame, last_frame; /* added, empty or not */
	uint32_t divisions, gaps;
} c5_tracks;
void c5_tracks_free(c5_tracks *tracks); /* NULL is fine */

typedef struct c5_tracker c5_tracker;
int c5_tracker_open(c5_tracker **out, const c5_track_params *params);
void c5_tracker_close(c5_tracker *tracker); /* NULL is fine */
int c5_tracker_add_frame(c5_tracker *tracker, const c5_track_frame *frame);
/* Takes nothing over: the caller frees the pair. Frames must rise, and `before` be the last non-empty frame added. */
int c5_tracker_add_pair(c5_tracker *tracker, const c5_pair *pair);
/* tracks: caller frees. The tracker can only be closed then. */
int c5_tracker_finish(c5_tracker *tracker, c5_tracks **tracks);

#endif
