/* lineage.h – who is whom in a movie: the objects of each frame, the tracks they belong to, and the mothers of these. What a container's
 * tracks/rN holds, and what .trk and CTC files say; every format goes through it. */
#ifndef C5_FORMATS_LINEAGE_H
#define C5_FORMATS_LINEAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "container/array.h"

#define C5_UNKNOWN UINT32_MAX

/* An object of a frame. In order of (frame, label). y, x: centroid, px, NAN when the table does not say. As rows of tracks/rN/nodes. */
#pragma pack(push, 1)
typedef struct c5_lin_node { uint32_t frame, label, track; float y, x, area; } c5_lin_node;
#pragma pack(pop)

/* In order of id. Ids need not be dense. first, last: frames, both included. */
typedef struct c5_lin_track { uint32_t id, first, last, parent, n_nodes, daughters; } c5_lin_track;

typedef struct c5_lineage {
	c5_lin_node *nodes;
	c5_lin_track *tracks;
	size_t n_nodes, cap_nodes, n_tracks, cap_tracks;
	uint64_t *start;  /* (frames + 1): the nodes of frame t are start[t] .. start[t + 1] - 1; set by c5_lineage_settle */
	uint32_t frames;
} c5_lineage;

void c5_lineage_free(c5_lineage *l);
int c5_lineage_add_node(c5_lineage *l, const c5_lin_node *node);
/* first, last: as stated by a file, C5_UNKNOWN when it does not; parent 0: none. */
int c5_lineage_add_track(c5_lineage *l, uint32_t id, uint32_t first, uint32_t last, uint32_t parent);

/* Sorts, counts and checks: ids positive and unique, every node in a track and every track with nodes, frames as stated, parents that
 * exist and end before their daughters begin. C5_EINPUT names the file, the track and the breach. `first` is added to frames in texts. */
int c5_lineage_settle(c5_lineage *l, uint32_t frames, const char *name, uint64_t first);

/* Index of the track of this id, or C5_UNKNOWN. Of a settled lineage. */
uint32_t c5_lineage_find(const c5_lineage *l, uint32_t id);
/* Track ids of labels 1..n of a frame, 0 where a label has no node: ids has n + 1 entries, ids[0] is 0. */
void c5_lineage_ids(const c5_lineage *l, uint32_t frame, uint32_t n, uint32_t *ids);

/* Cuts tracks at the frames they were missed in: the part after a gap is a new track, its parent the part before, as CTC has it. New ids
 * follow the highest. And the reverse: an only daughter that begins after a gap goes on as its mother. Both settle anew. */
int c5_lineage_split(c5_lineage *l, const char *name);
int c5_lineage_join(c5_lineage *l, const char *name);

/* Reads nodes and tracks of the group tracks/rN at `path`, settled. Nodes of track 0 are left out. */
int c5_lineage_read(c5_lineage *out, c5_file *f, c5_codec *codec, const char *path, uint32_t frames);

#endif
