/* link.h – from one frame to the next: which object is which. The first stage of tracking.
 *
 * What it finds out about a frame depends on that frame and the two non-empty ones before it, and on nothing else, so blocks of a movie can be
 * linked apart and stitched: the pairs are the same. Everything is measured against the objects' own size, spacing and motion, estimated from
 * the same frames, so that bacteria of 10 px and adherent cells of 100 px want the same settings.
 *
 *     c5_linker *linker;                          a block begins at frame a:
 *     c5_linker_open(&linker, &params);
 *     c5_linker_add(linker, &frame, &pair);       the last two non-empty frames before a (none at the start): pairs thrown away
 *     c5_linker_add(linker, &frame, &pair);       a, a + 1 ...: hand each pair to the tracker, in order of frames (track.h) */
#ifndef C5_TRACK_LINK_H
#define C5_TRACK_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/options.h"
#include "image/regions.h"

#define C5_TRACK_VERSION 1 /* of the method: raise it whenever tracks may differ for the same masks and settings */
#define C5_TRACK_NONE UINT32_MAX

typedef struct c5_track_params {
	double max_distance;    /* px a frame; 0: from the objects' size and spacing */
	int64_t gap;            /* frames an object may be missed for and still be the same */
	bool divisions;         /* look for divisions */
	double distance, overlap, size, appearance, shape; /* weights of the parts of the cost, 1 each */
	bool motion;            /* predict positions from the motion before and around */
	bool drift;             /* take the picture's drift off, where frames have one: read by who makes the frames */
	double birth;           /* cost of a beginning or an end away from the frame's edge; higher: longer tracks, more gaps closed */
	double division_cost;   /* prior cost of a division */
	double gap_cost;        /* for each frame missed */
} c5_track_params;
extern const c5_opt c5_track_opts[];

typedef struct c5_object {
	uint32_t label;         /* > 0, once a frame */
	uint32_t y0, x0, y1, x1; /* bounding box, half open */
	double y, x;            /* centroid, px */
	double area;            /* px, > 0 */
	double major_axis, minor_axis, orientation; /* as regionprops; 0 when unknown: taken as a disk */
	double mean;            /* mean intensity; NAN when unknown */
} c5_object;

/* The object of a region (regions.h), with its mean intensity or NAN. */
c5_object c5_object_of_region(const c5_region *r, double mean);

/* One frame, all borrowed. */
typedef struct c5_track_frame {
	uint32_t frame;         /* number; rising from one added frame to the next, absent numbers are missed frames */
	size_t n;               /* 0: the frame was missed, too */
	const c5_object *objects; /* (n), any order */
	const uint32_t *labels; /* (height, width), or NULL: overlaps are then those of ellipses */
	size_t height, width;   /* 0 when unknown: then no object is at the frame's edge */
	double drift_y, drift_x; /* how far the picture has moved since the movie began, px; 0 when unknown */
} c5_track_frame;

/* What stage two needs to know of an object. Its place is that on the sample: less the picture's drift. */
typedef struct c5_pair_node {
	uint32_t label;
	float y, x, area, major_axis, minor_axis, orientation, mean;
	float edge;             /* distance of the bounding box from the frame's edge, px */
} c5_pair_node;

typedef struct c5_pair_link { uint32_t from, to; float cost, score; } c5_pair_link; /* indices of nodes; score 0..1 */

/* A newborn that a mother, which goes on as its sibling, may explain. Features as stage two weighs them. */
typedef struct c5_pair_birth {
	uint32_t mother;        /* node of the frame before */
	uint32_t sibling, newborn; /* nodes of this frame */
	float area;             /* log of both areas together over the mother's */
	float balance;          /* log of the larger over the smaller area */
	float middle;           /* distance of their common centroid from where the mother was expected, in typical displacements */
	float contact;          /* distance between them less their half extents towards each other, in radii */
	float overlap;          /* share of the mother, or of both if that is less, that they share, 0..1 */
	float least;            /* the lower of the shares of either daughter that lies within the mother */
} c5_pair_birth;

#define C5_PAIR_LEAST 0.01f /* score of the unlikeliest alternative that is handed on */

/* All that stage one says of a frame and its way there from the last non-empty frame. Nodes in order of labels, links and births of `to` and
 * `newborn`, others of `to` and `from`. */
typedef struct c5_pair {
	uint32_t frame;
	uint32_t before;        /* number of the frame linked from; C5_TRACK_NONE: nothing within reach */
	uint32_t n_before;      /* nodes there */
	uint32_t n_nodes, n_links, n_births, n_others;
	c5_pair_node *nodes;
	c5_pair_link *links;
	c5_pair_birth *births;
	c5_pair_link *others;   /* links that were weighed and not taken */
	double step;            /* typical unpredicted displacement of a frame, px, on each axis; 0 if unknown */
	double reach;           /* max-distance used, px a frame; 0 if unknown */
	double drift_y, drift_x; /* of the frame, px */
} c5_pair;
void c5_pair_free(c5_pair *pair);        /* NULL is fine */
void c5_pair_pack(const c5_pair *pair, c5_buf *to);
int c5_pair_unpack(c5_pair **out, c5_buf *from);

typedef struct c5_linker c5_linker;
int c5_linker_open(c5_linker **out, const c5_track_params *params);
void c5_linker_close(c5_linker *linker); /* NULL is fine */
/* Links the frame to the last non-empty one. pair: caller frees. C5_EINPUT for labels given twice, bad numbers and frames out of order. */
int c5_linker_add(c5_linker *linker, const c5_track_frame *frame, c5_pair **pair);

#endif
