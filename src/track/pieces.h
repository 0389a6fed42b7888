/* pieces.h – what stage two works on: all objects of a movie, joined to pieces of tracks by stage one. The room's own. */
#ifndef C5_TRACK_PIECES_H
#define C5_TRACK_PIECES_H

#include "track/track.h"

/* An object; c5_pieces keeps them in order of (frame, label). */
typedef struct c5_piece_node {
	c5_pair_node at;
	uint32_t frame;
	uint32_t prev, next;        /* nodes of the same piece, or C5_TRACK_NONE */
	float cost, score;          /* of the link from prev */
	float drift_y, drift_x;     /* of its frame, px */
} c5_piece_node;

/* A newborn with one of its possible mothers, numbers of nodes; late: frames after the sibling's first. */
typedef struct c5_piece_birth { c5_pair_birth birth; uint32_t late; } c5_piece_birth;

typedef struct c5_pieces {
	c5_piece_node *nodes;
	size_t n_nodes, cap_nodes;
	c5_piece_birth *births;
	size_t n_births, cap_births;
	struct c5_piece_other { uint32_t from, to; float score; } *weighed; /* links that stage one weighed, taken or not; in order of `to`'s frame */
	size_t n_weighed, cap_weighed;
	uint32_t first_frame, last_frame; /* added, empty or not */
	double step, reach, weight;       /* sums over pairs, by their links */
} c5_pieces;

/* What was decided of one newborn or ended piece: `from` goes on as `to`. A division has two rows of the same `from`. */
typedef struct c5_joint { uint32_t from, to, kind; float score; } c5_joint;

/* Joins pieces over gaps and finds divisions: rows for all gaps, and for both daughters of all divisions, in order of `to`. joints: caller frees. */
int c5_pieces_join(c5_joint **joints, size_t *n, c5_pieces *p, const c5_track_params *params);

#endif
