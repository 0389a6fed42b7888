/* track.c – see track.h: collects what stage one says, and writes down the tracks that stage two (join.c) makes of it. */
#include "track/track.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "track/pieces.h"

#define NONE C5_TRACK_NONE

struct c5_tracker {
	c5_track_params params;
	c5_linker *linker;       /* made when frames are added */
	c5_pieces pieces;
	uint32_t base, n_base, frame; /* nodes of the last non-empty frame, and its number */
	bool any, full;          /* a frame was added; one that is not empty */
};

void c5_tracks_free(c5_tracks *tracks)
{
	if (!tracks) return;
	free(tracks->nodes);
	free(tracks->places);
	free(tracks->tracks);
	free(tracks->links);
	free(tracks->candidates);
	free(tracks);
}

int c5_tracker_open(c5_tracker **out, const c5_track_params *params)
{
	int err = c5_alloc(out, 1, sizeof **out);
	if (err == C5_OK) (*out)->params = *params;
	return err;
}

void c5_tracker_close(c5_tracker *t)
{
	if (!t) return;
	c5_linker_close(t->linker);
	free(t->pieces.nodes);
	free(t->pieces.births);
	free(t->pieces.weighed);
	free(t);
}

int c5_tracker_add_frame(c5_tracker *t, const c5_track_frame *frame)
{
	c5_pair *pair = NULL;
	int err;
	if (!t->linker && (err = c5_linker_open(&t->linker, &t->params)) < 0) return err;
	if ((err = c5_linker_add(t->linker, frame, &pair)) == C5_OK) err = c5_tracker_add_pair(t, pair);
	c5_pair_free(pair);
	return err;
}

static int check_pair(const c5_tracker *t, const c5_pair *p)
{
	if (t->any && p->frame <= t->pieces.last_frame)
		return c5_fail(C5_EINPUT, "frame %u comes after frame %u, expected a later one", p->frame, t->pieces.last_frame);
	if (p->n_nodes > NONE - 1 - t->pieces.n_nodes) return c5_fail(C5_EINPUT, "frame %u: more than %u objects in the movie", p->frame, NONE - 1);
	if (p->before == NONE && !p->n_links && !p->n_births && !p->n_others) return C5_OK;
	if (!t->full || p->before != t->frame || p->n_before != t->n_base)
		return c5_fail(C5_EINPUT, "frame %u is linked to frame %u with %u objects, expected the last frame with objects", p->frame, p->before, p->n_before);
	for (uint32_t k = 0; k < p->n_links; k++)
		if (p->links[k].from >= p->n_before || p->links[k].to >= p->n_nodes || (k && p->links[k].to <= p->links[k - 1].to))
			return c5_fail(C5_EINPUT, "frame %u: link %u goes nowhere", p->frame, k);
	for (uint32_t k = 0; k < p->n_others; k++)
		if (p->others[k].from >= p->n_before || p->others[k].to >= p->n_nodes)
			return c5_fail(C5_EINPUT, "frame %u: candidate %u goes nowhere", p->frame, k);
	for (uint32_t k = 0; k < p->n_births; k++)
		if (p->births[k].mother >= p->n_before || p->births[k].sibling >= p->n_nodes || p->births[k].newborn >= p->n_nodes)
			return c5_fail(C5_EINPUT, "frame %u: birth %u goes nowhere", p->frame, k);
	return C5_OK;
}

int c5_tracker_add_pair(c5_tracker *t, const c5_pair *p)
{
	c5_pieces *all = &t->pieces;
	uint32_t base = (uint32_t)all->n_nodes;
	int err = check_pair(t, p);
	if (err < 0 || (err = c5_grow(&all->nodes, &all->cap_nodes, all->n_nodes + p->n_nodes, sizeof *all->nodes)) < 0 ||
	    (err = c5_grow(&all->births, &all->cap_births, all->n_births + p->n_births, sizeof *all->births)) < 0 ||
	    (err = c5_grow(&all->weighed, &all->cap_weighed, all->n_weighed + p->n_links + p->n_others, sizeof *all->weighed)) < 0)
		return err;
	for (uint32_t i = 0; i < p->n_nodes; i++)
		all->nodes[base + i] = (c5_piece_node){ p->nodes[i], p->frame, NONE, NONE, 0, 1, (float)p->drift_y, (float)p->drift_x };
	for (uint32_t k = 0; k < p->n_links; k++) {
		uint32_t from = t->base + p->links[k].from, to = base + p->links[k].to;
		if (all->nodes[from].next != NONE) return c5_fail(C5_EINPUT, "frame %u: object %u goes on twice", p->frame, all->nodes[from].at.label);
		all->nodes[from].next = to, all->nodes[to].prev = from;
		all->nodes[to].cost = p->links[k].cost, all->nodes[to].score = p->links[k].score;
	}
	for (uint32_t k = 0; k < p->n_links + p->n_others; k++) {
		const c5_pair_link *l = k < p->n_links ? &p->links[k] : &p->others[k - p->n_links];
		if (l->score >= C5_PAIR_LEAST) all->weighed[all->n_weighed++] = (struct c5_piece_other){ t->base + l->from, base + l->to, l->score };
	}
	for (uint32_t k = 0; k < p->n_births; k++) {
		c5_pair_birth b = p->births[k];
		b.mother += t->base, b.sibling += base, b.newborn += base;
		all->births[all->n_births++] = (c5_piece_birth){ b, 0 };
	}
	all->n_nodes += p->n_nodes;
	if (!t->any) all->first_frame = p->frame;
	all->last_frame = p->frame, t->any = true;
	all->step += p->n_links * p->step, all->reach += p->n_links * p->reach, all->weight += p->n_links;
	if (p->n_nodes) t->full = true, t->base = base, t->n_base = p->n_nodes, t->frame = p->frame;
	return C5_OK;
}

static int by_to(const void *a, const void *b)
{
	const c5_track_link *p = a, *q = b;
	return (p->to > q->to) - (p->to < q->to);
}

/* Takes the links of pieces that are still whole, and all joints. */
static int take_links(c5_tracks *out, const c5_pieces *p, const c5_joint *joints, size_t n_joints)
{
	int err = c5_alloc(&out->links, p->n_nodes + n_joints + 1, sizeof *out->links);
	if (err < 0) return err;
	for (uint32_t i = 0; i < p->n_nodes; i++) {
		const c5_piece_node *n = &p->nodes[i];
		if (n->prev == NONE) continue;
		bool gap = n->frame - p->nodes[n->prev].frame > 1;
		out->links[out->n_links++] = (c5_track_link){ n->prev, i, gap ? C5_LINK_GAP : C5_LINK_STEP, n->score };
	}
	for (size_t k = 0; k < n_joints; k++) {
		uint32_t kind = joints[k].kind;
		if (kind == C5_LINK_GAP && p->nodes[joints[k].to].frame - p->nodes[joints[k].from].frame == 1) kind = C5_LINK_STEP;
		out->links[out->n_links++] = (c5_track_link){ joints[k].from, joints[k].to, kind, joints[k].score };
	}
	qsort(out->links, out->n_links, sizeof *out->links, by_to);
	for (size_t k = 0; k < out->n_links; k++) out->gaps += out->links[k].kind == C5_LINK_GAP;
	return C5_OK;
}

static int by_ends(const void *a, const void *b)
{
	const c5_track_candidate *p = a, *q = b;
	return p->to != q->to ? (p->to > q->to) - (p->to < q->to) : (p->from > q->from) - (p->from < q->from);
}

/* All that was weighed, with what became of it. */
static int take_candidates(c5_tracks *out, const c5_pieces *p)
{
	int err = c5_alloc(&out->candidates, p->n_weighed + 1, sizeof *out->candidates);
	if (err < 0) return err;
	out->n_candidates = p->n_weighed;
	for (size_t k = 0; k < p->n_weighed; k++) out->candidates[k] = (c5_track_candidate){ p->weighed[k].from, p->weighed[k].to, p->weighed[k].score, 0 };
	qsort(out->candidates, out->n_candidates, sizeof *out->candidates, by_ends);
	for (size_t k = 0, l = 0; k < out->n_candidates; k++) {
		c5_track_candidate *c = &out->candidates[k];
		while (l < out->n_links && out->links[l].to < c->to) l++;
		if (l < out->n_links && out->links[l].to == c->to && out->links[l].from == c->from) c->kind = out->links[l].kind;
	}
	return C5_OK;
}

/* Nodes and links are in order, so each track's first node is met before the others, and parents before their daughters. */
static int take_tracks(c5_tracks *out, const c5_pieces *p)
{
	size_t cap = 0, k = 0;
	int err;
	if ((err = c5_alloc(&out->nodes, p->n_nodes + 1, sizeof *out->nodes)) < 0 || (err = c5_alloc(&out->places, p->n_nodes + 1, sizeof *out->places)) < 0)
		return err;
	out->n_nodes = p->n_nodes;
	for (size_t i = 0; i < p->n_nodes; i++) {
		const c5_piece_node *n = &p->nodes[i];
		const c5_track_link *in = k < out->n_links && out->links[k].to == i ? &out->links[k++] : NULL;
		uint32_t track = in ? out->nodes[in->from].track : 0;
		if (!in || in->kind == C5_LINK_DIVISION) {
			if ((err = c5_grow(&out->tracks, &cap, out->n_tracks + 1, sizeof *out->tracks)) < 0) return err;
			c5_track *t = &out->tracks[out->n_tracks++];
			*t = (c5_track){ .id = (uint32_t)out->n_tracks, .first = n->frame, .parent = track, .founder = (uint32_t)out->n_tracks,
				.first_label = n->at.label };
			if (track) {
				c5_track *mother = &out->tracks[track - 1];
				mother->daughters++;
				t->generation = mother->generation + 1, t->founder = mother->founder;
				out->divisions += mother->daughters == 2;
			}
			track = t->id;
		}
		c5_track *t = &out->tracks[track - 1];
		t->last = n->frame, t->last_label = n->at.label, t->n_nodes++;
		out->nodes[i] = (c5_track_node){ n->frame, n->at.label, track, n->at.y + n->drift_y, n->at.x + n->drift_x, n->at.area };
		out->places[i] = (c5_track_place){ n->at.y, n->at.x };
	}
	return C5_OK;
}

int c5_tracker_finish(c5_tracker *t, c5_tracks **tracks)
{
	c5_joint *joints = NULL;
	c5_tracks *out = NULL;
	size_t n = 0;
	int err;
	*tracks = NULL;
	if ((err = c5_alloc(&out, 1, sizeof *out)) < 0 || (err = c5_pieces_join(&joints, &n, &t->pieces, &t->params)) < 0) goto done;
	out->first_frame = t->pieces.first_frame, out->last_frame = t->pieces.last_frame;
	if ((err = take_links(out, &t->pieces, joints, n)) < 0 || (err = take_candidates(out, &t->pieces)) < 0 || (err = take_tracks(out, &t->pieces)) < 0)
		goto done;
	*tracks = out;
	out = NULL;
done:
	free(joints);
	c5_tracks_free(out);
	return err;
}
