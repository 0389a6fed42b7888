/* matches.h – between c5_tracking_measure and its parts: which object of the truth is which of the result, for every track and frame. */
#ifndef C5_MEASURE_MATCHES_H
#define C5_MEASURE_MATCHES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "measure/lives.h"
#include "measure/tracking.h"

#define C5_UNMATCHED UINT32_MAX

/* Tracks are meant by index into gt, res. An object is a track and a frame; its place is start[track] + frame - begin. */
typedef struct c5_matches {
	c5_lives gt, res;
	uint64_t *gt_start, *res_start; /* (n + 1) */
	uint32_t *match;     /* of each object of the truth: track of the result that covers more than half of it, or C5_UNMATCHED */
	uint32_t *claims;    /* of each object of the result: how many objects of the truth it matches */
	uint32_t *claimed;   /* and the track of one of them; the only one when claims is 1 */
} c5_matches;

static inline uint64_t c5_gt_place(const c5_matches *m, uint32_t i, uint32_t t) { return m->gt_start[i] + t - m->gt.at[i].begin; }
static inline uint64_t c5_res_place(const c5_matches *m, uint32_t j, uint32_t t) { return m->res_start[j] + t - m->res.at[j].begin; }

/* The track of the result that matches track i in frame t and no other of the truth, or C5_UNMATCHED. */
static inline uint32_t c5_match_unique(const c5_matches *m, uint32_t i, uint32_t t)
{
	uint32_t j = t < m->gt.at[i].begin || t > m->gt.at[i].end ? C5_UNMATCHED : m->match[c5_gt_place(m, i, t)];
	return j != C5_UNMATCHED && m->claims[c5_res_place(m, j, t)] == 1 ? j : C5_UNMATCHED;
}

/* A track divides when it has two children or more; one child is the same cell behind a gap. */
static inline bool c5_divides(const c5_lives *l, uint32_t i) { return c5_lives_children(l, i) > 1; }

void c5_count_operations(c5_tracking *out, const c5_matches *m);   /* AOGM: ns .. ec, edges, DET, TRA, LNK */
int c5_follow_tracks(c5_tracking *out, const c5_matches *m);       /* CT, TF, CCA */
int c5_compare_divisions(c5_tracking *out, const c5_matches *m);   /* BC(i) and the divisions */
int c5_compare_identities(c5_tracking *out, const c5_matches *m);  /* MOTA, HOTA, CHOTA, IDF1 */

#endif
