/* tracking.c – see tracking.h: walks the frames once, remembers who matches whom, and has the parts count. */
#include "measure/tracking.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "measure/matches.h"
#include "measure/overlap.h"

/* The tracks of one side as the frames go by. All lists are in order of label. */
typedef struct roll {
	const c5_lives *lives;
	uint32_t *born;          /* tracks by first frame: born[born_start[t] .. born_start[t + 1] - 1] */
	uint64_t *born_start;    /* (frames + 1) */
	uint32_t *alive, *spare; /* in the present frame */
	size_t n;
	uint32_t *who;           /* of each label in the present frame: its track */
	size_t cap_who;
} roll;

typedef struct walk {
	const c5_tracking_input *in;
	c5_matches m;
	c5_overlap overlap;
	roll gt, res;
	uint32_t *a, *b, *c;     /* label frames of truth, result, segmentation truth */
	uint32_t *match;         /* of the present pair of frames */
	size_t cap_match, next_part;
	double iou_sum;
	uint64_t seg_objects;
} walk;

static int roll_make(roll *r, const c5_lives *lives, uint32_t frames)
{
	int err;
	r->lives = lives;
	if ((err = c5_alloc(&r->born, lives->n, sizeof *r->born)) < 0 || (err = c5_alloc(&r->born_start, (size_t)frames + 1, sizeof *r->born_start)) < 0 ||
	    (err = c5_alloc(&r->alive, lives->n, sizeof *r->alive)) < 0 || (err = c5_alloc(&r->spare, lives->n, sizeof *r->spare)) < 0)
		return err;
	for (size_t i = 0; i < lives->n; i++) r->born_start[lives->at[i].begin]++;
	for (uint32_t t = 0; t < frames; t++) r->born_start[t + 1] += r->born_start[t];
	for (size_t i = lives->n; i-- > 0;) r->born[--r->born_start[lives->at[i].begin]] = (uint32_t)i;
	return C5_OK;
}

static void roll_free(roll *r)
{
	free(r->born);
	free(r->born_start);
	free(r->alive);
	free(r->spare);
	free(r->who);
}

/* Takes out who ended before frame t, merges in who begins there. */
static void roll_turn(roll *r, uint32_t t)
{
	const uint32_t *fresh = r->born + r->born_start[t], *stop = r->born + r->born_start[t + 1];
	size_t n = 0;
	for (size_t k = 0; k < r->n; k++) {
		if (r->lives->at[r->alive[k]].end < t) continue;
		while (fresh < stop && *fresh < r->alive[k]) r->spare[n++] = *fresh++;
		r->spare[n++] = r->alive[k];
	}
	while (fresh < stop) r->spare[n++] = *fresh++;
	uint32_t *swap = r->alive;
	r->alive = r->spare;
	r->spare = swap;
	r->n = n;
}

/* The labels of a frame must be those of the tracks alive in it. Fills who[]; of strangers with C5_NO_LIFE. */
static int roll_call(roll *r, const char *name, unsigned long long frame, const uint32_t *labels, size_t n, c5_breaches *breaches)
{
	size_t k = 0;
	int err = c5_grow(&r->who, &r->cap_who, n, sizeof *r->who);
	if (err < 0) return err;
	for (size_t i = 0; i < n || k < r->n;) {
		uint32_t want = k < r->n ? r->lives->at[r->alive[k]].label : 0;
		if (k == r->n || (i < n && labels[i] < want)) {
			c5_breach(breaches, "%s: frame %llu: label %u is in the mask, but no track of that label lives then", name, frame, labels[i]);
			r->who[i++] = C5_NO_LIFE;
		} else if (i == n || want < labels[i]) {
			c5_breach(breaches, "%s: frame %llu: track %u should live then, but its label is not in the mask", name, frame, want);
			k++;
		} else {
			r->who[i++] = r->alive[k++];
		}
	}
	return C5_OK;
}

/* ---- one frame ---- */

static int match_overlap(walk *w)
{
	int err = c5_grow(&w->match, &w->cap_match, w->overlap.n_a, sizeof *w->match);
	if (err == C5_OK) c5_overlap_match(&w->overlap, w->match);
	return err;
}

/* Adds the intersection over union of every matched object of the truth; the others count with 0. */
static void add_ious(walk *w)
{
	const c5_overlap *o = &w->overlap;
	w->seg_objects += o->n_a;
	for (size_t i = 0; i < o->n_pairs; i++)
		if (w->match[o->pairs[i].a] == o->pairs[i].b) w->iou_sum += c5_overlap_iou(o, &o->pairs[i]);
}

static int walk_frame(walk *w, uint32_t t)
{
	const c5_tracking_input *in = w->in;
	const c5_label_frames *g = &in->gt, *r = &in->res;
	const size_t plane = (size_t)g->height * g->width, n = plane * g->planes;
	const unsigned long long frame = t + in->first;
	int err;
	if ((err = g->read(g->self, t, w->a)) < 0 || (err = r->read(r->self, t, w->b)) < 0 || (err = c5_overlap_count(&w->overlap, w->a, w->b, n)) < 0 ||
	    (err = match_overlap(w)) < 0)
		return err;
	roll_turn(&w->gt, t);
	roll_turn(&w->res, t);
	uint64_t before = in->breaches->n;
	if ((err = roll_call(&w->gt, g->name, frame, w->overlap.label_a, w->overlap.n_a, in->breaches)) < 0 ||
	    (err = roll_call(&w->res, r->name, frame, w->overlap.label_b, w->overlap.n_b, in->breaches)) < 0)
		return err;
	for (size_t i = 0; in->breaches->n == before && i < w->overlap.n_a; i++) {
		uint32_t track = w->gt.who[i], other = w->match[i] == UINT32_MAX ? C5_UNMATCHED : w->res.who[w->match[i]];
		w->m.match[c5_gt_place(&w->m, track, t)] = other;
		if (other == C5_UNMATCHED) continue;
		uint64_t place = c5_res_place(&w->m, other, t);
		w->m.claims[place]++;
		w->m.claimed[place] = track;
	}
	if (!in->seg) add_ious(w);
	for (; in->seg && w->next_part < in->seg->n && in->seg->at[w->next_part].frame == t; w->next_part++) {
		int64_t z = in->seg->at[w->next_part].plane;
		if (z >= (int64_t)g->planes)
			return c5_fail(C5_EINPUT, "%s: frame %llu: truth for plane %lld, but the frames have %u", in->seg->name, frame, (long long)z, g->planes);
		if ((err = in->seg->read(in->seg->self, w->next_part, w->c)) < 0 ||
		    (err = c5_overlap_count(&w->overlap, w->c, w->b + (z < 0 ? 0 : (size_t)z * plane), z < 0 ? n : plane)) < 0 || (err = match_overlap(w)) < 0)
			return err;
		add_ious(w);
	}
	return C5_OK;
}

/* ---- all ---- */

static int places(const c5_lives *l, uint64_t **start)
{
	int err = c5_alloc(start, l->n + 1, sizeof **start);
	for (size_t i = 0; err == C5_OK && i < l->n; i++) (*start)[i + 1] = (*start)[i] + l->at[i].end - l->at[i].begin + 1;
	return err;
}

static int prepare(walk *w)
{
	const c5_tracking_input *in = w->in;
	const c5_label_frames *g = &in->gt, *r = &in->res;
	size_t n;
	int err;
	if (g->frames != r->frames)
		return c5_fail(C5_EINPUT, "%s has %u frames, %s has %u; the same number is expected", g->name, g->frames, r->name, r->frames);
	if (g->planes != r->planes || g->height != r->height || g->width != r->width)
		return c5_fail(C5_EINPUT, "%s has frames of %u x %u x %u (planes, height, width), %s of %u x %u x %u; the same size is expected", g->name,
			g->planes, g->height, g->width, r->name, r->planes, r->height, r->width);
	if (__builtin_mul_overflow((size_t)g->height, g->width, &n) || __builtin_mul_overflow(n, g->planes, &n))
		return c5_fail(C5_EINPUT, "%s: frames of %u x %u x %u pixels are too large", g->name, g->planes, g->height, g->width);
	if ((err = c5_lives_make(&w->m.gt, in->gt_lives, in->n_gt_lives, g->frames, in->first, g->name, in->breaches)) < 0 ||
	    (err = c5_lives_make(&w->m.res, in->res_lives, in->n_res_lives, g->frames, in->first, r->name, in->breaches)) < 0)
		return err;
	if (in->breaches->n) return C5_OK; /* told; the frames would only repeat it */
	if ((err = roll_make(&w->gt, &w->m.gt, g->frames)) < 0 || (err = roll_make(&w->res, &w->m.res, g->frames)) < 0 ||
	    (err = places(&w->m.gt, &w->m.gt_start)) < 0 || (err = places(&w->m.res, &w->m.res_start)) < 0 ||
	    (err = c5_alloc(&w->m.match, w->m.gt_start[w->m.gt.n], sizeof *w->m.match)) < 0 ||
	    (err = c5_alloc(&w->m.claims, w->m.res_start[w->m.res.n], sizeof *w->m.claims)) < 0 ||
	    (err = c5_alloc(&w->m.claimed, w->m.res_start[w->m.res.n], sizeof *w->m.claimed)) < 0 ||
	    (err = c5_alloc_aligned(&w->a, n, sizeof *w->a)) < 0 || (err = c5_alloc_aligned(&w->b, n, sizeof *w->b)) < 0)
		return err;
	return in->seg ? c5_alloc_aligned(&w->c, n, sizeof *w->c) : C5_OK;
}

static double mean_of_two(double a, double b) { return (a + b) / 2; } /* undefined if one is */

/* The mean of those that are defined. */
static double mean_defined(const double *v, size_t n)
{
	double sum = 0, count = 0;
	for (size_t i = 0; i < n; i++)
		if (!isnan(v[i])) {
			sum += v[i];
			count++;
		}
	return c5_ratio(sum, count);
}

int c5_tracking_measure(c5_tracking *out, const c5_tracking_input *in)
{
	walk w = { .in = in };
	int err = C5_OK;
	memset(out, 0, sizeof *out);
	if ((err = prepare(&w)) < 0) goto done;
	for (uint32_t t = 0; w.a && t < in->gt.frames; t++)
		if ((err = walk_frame(&w, t)) < 0) goto done;
	if (in->breaches->n) {
		err = c5_fail(C5_EINPUT, "%s, %s: %llu breaches of the rules of masks and tracks; mend them and measure again", in->gt.name, in->res.name,
			(unsigned long long)in->breaches->n);
		goto done;
	}
	out->frames = in->gt.frames;
	out->gt_tracks = w.m.gt.n;
	out->res_tracks = w.m.res.n;
	out->gt_objects = w.m.gt_start[w.m.gt.n];
	out->res_objects = w.m.res_start[w.m.res.n];
	out->seg_objects = w.seg_objects;
	out->seg = c5_ratio(w.iou_sum, (double)w.seg_objects);
	c5_count_operations(out, &w.m);
	if ((err = c5_follow_tracks(out, &w.m)) < 0 || (err = c5_compare_divisions(out, &w.m)) < 0 || (err = c5_compare_identities(out, &w.m)) < 0)
		goto done;
	out->op_csb = mean_of_two(out->seg, out->det);
	out->op_ctb = mean_of_two(out->seg, out->tra);
	for (int i = 0; i <= C5_BC_MOST; i++) {
		c5_divisions *d = &out->divisions[i];
		d->bio = mean_defined((const double[]){ out->ct, out->tf, d->bc, out->cca }, 4);
		d->op_clb = mean_of_two(out->lnk, d->bio);
	}
done:
	c5_lives_free(&w.m.gt);
	c5_lives_free(&w.m.res);
	free(w.m.gt_start);
	free(w.m.res_start);
	free(w.m.match);
	free(w.m.claims);
	free(w.m.claimed);
	roll_free(&w.gt);
	roll_free(&w.res);
	c5_overlap_free(&w.overlap);
	free(w.match);
	free(w.a);
	free(w.b);
	free(w.c);
	return err;
}
