/* changes.h – what a curator changed: objects against those of an older revision, frame by frame, and then the links between them.
 *
 * An object is the same when its pixels are, changed when it shares more than half of the union with an old one, else added or removed.
 * A link is what comes before an object: the object of its track before it, or the last of its mother. */
#ifndef C5_FORMATS_CHANGES_H
#define C5_FORMATS_CHANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/lineage.h"

enum c5_change_kind { C5_OBJECT_ADDED, C5_OBJECT_REMOVED, C5_OBJECT_CHANGED, C5_LINK_ADDED, C5_LINK_REMOVED, C5_LINK_CHANGED, C5_CHANGE_KINDS };

/* before, after: labels in the old and the new masks, 0: none. overlap: intersection over union of the two. */
#pragma pack(push, 1)
typedef struct c5_change { uint32_t frame; char what[16]; uint32_t before, after; float overlap; } c5_change;
#pragma pack(pop)

typedef struct c5_changes {
	c5_change *rows;
	size_t n, cap;
	uint32_t *match;       /* old label of each new object, 0: none; in order of (frame, label) */
	size_t n_match, cap_match;
	uint64_t counts[C5_CHANGE_KINDS], same, frames_touched;
	bool links;            /* links were compared */
	void *pairs;           /* scratch */
	size_t cap_pairs;
	uint32_t *areas;
	size_t cap_areas;
} c5_changes;

void c5_changes_free(c5_changes *c);
/* Frames in order. Labels 1..n_after of `after`, any of `before`; n pixels. */
int c5_changes_frame(c5_changes *c, uint32_t frame, const uint32_t *before, const uint32_t *after, uint32_t n_after, size_t n);
/* Both settled, nodes of `after` as frames were given. */
int c5_changes_links(c5_changes *c, const c5_lineage *before, const c5_lineage *after);
/* "3 frames touched; objects: 1 added ..." Caller frees. */
char *c5_changes_text(const c5_changes *c);

#endif
