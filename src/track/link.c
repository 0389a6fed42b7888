/* link.c – see link.h. A pair of frames is matched a few times: first where things were, then where the motion that neighbours share takes
 * them, with what was learned of typical changes, and last with what each object did on its own in the step before. That own motion is
 * always taken from a match that did not know of the step before it, so that no chain of frames reaches further back than two. */
#include "track/link.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "track/field.h"
#include "track/pairing.h"

#define NONE C5_TRACK_NONE
#define ROUNDS 3             /* of matching and learning the shared motion, at most */
#define SETTLED 0.25         /* they end when predictions change by less than this many typical displacements */
#define KEEP_GOING 0.5       /* share of its own motion an object keeps, before anything is known ... */
#define KEEP_PRIOR 8.0       /* ... which weighs as much as so many objects */
#define MOTHERS 4            /* a newborn's likeliest mothers that are handed on */

struct c5_linker {
	c5_track_params params;
	c5_side *last;           /* the last non-empty frame, NULL: none */
	bool any;
	uint32_t frame;          /* last number added */
};

static void side_free(c5_side *s)
{
	if (!s) return;
	free(s->cells);
	free(s->y);
	free(s->x);
	free(s->vy);
	free(s->vx);
	free(s->moving);
	free(s->labels);
	free(s);
}

int c5_linker_open(c5_linker **out, const c5_track_params *params)
{
	int err = c5_alloc(out, 1, sizeof **out);
	if (err == C5_OK) (*out)->params = *params;
	return err;
}

void c5_linker_close(c5_linker *linker)
{
	if (!linker) return;
	side_free(linker->last);
	free(linker);
}

static int by_label(const void *a, const void *b)
{
	const c5_cell *p = a, *q = b;
	return (p->label > q->label) - (p->label < q->label);
}

static int check_object(const c5_track_frame *f, const c5_object *o)
{
	const double most = 1e9;
	if (!o->label) return c5_fail(C5_EINPUT, "frame %u: an object has label 0", f->frame);
	if (!(fabs(o->y) < most && fabs(o->x) < most))
		return c5_fail(C5_EINPUT, "frame %u: object %u lies at (%g, %g), which is no place", f->frame, o->label, o->y, o->x);
	if (!(o->area > 0 && o->area < 1e15))
		return c5_fail(C5_EINPUT, "frame %u: object %u has area %g, expected more than 0", f->frame, o->label, o->area);
	if (!(o->major_axis >= 0 && o->major_axis < most && o->minor_axis >= 0 && o->minor_axis < most && fabs(o->orientation) < 100))
		return c5_fail(C5_EINPUT, "frame %u: object %u has axes %g and %g at %g rad", f->frame, o->label, o->major_axis, o->minor_axis, o->orientation);
	if (f->labels && (o->y0 > o->y1 || o->x0 > o->x1 || o->y1 > f->height || o->x1 > f->width))
		return c5_fail(C5_EINPUT, "frame %u: the box of object %u leaves the frame of %zu x %zu", f->frame, o->label, f->height, f->width);
	return C5_OK;
}

static int side_make(c5_side **out, const c5_track_frame *f)
{
	c5_side *s = NULL;
	double *axes = NULL;
	int err;
	*out = NULL;
	if (f->n >= NONE / 4) return c5_fail(C5_EINPUT, "frame %u: %zu objects, too many", f->frame, f->n);
	if ((err = c5_alloc(&s, 1, sizeof *s)) < 0) return err;
	s->frame = f->frame, s->n = (uint32_t)f->n, s->height = f->height, s->width = f->width, s->drift_y = f->drift_y, s->drift_x = f->drift_x;
	if ((err = c5_alloc(&s->cells, f->n + 1, sizeof *s->cells)) < 0 || (err = c5_alloc(&s->y, f->n + 1, sizeof *s->y)) < 0 ||
	    (err = c5_alloc(&s->x, f->n + 1, sizeof *s->x)) < 0 || (err = c5_alloc(&s->vy, f->n + 1, sizeof *s->vy)) < 0 ||
	    (err = c5_alloc(&s->vx, f->n + 1, sizeof *s->vx)) < 0 || (err = c5_alloc(&s->moving, f->n + 1, 1)) < 0 ||
	    (err = c5_alloc(&axes, f->n + 1, sizeof *axes)) < 0)
		goto done;
	for (size_t i = 0; i < f->n; i++) {
		if ((err = check_object(f, &f->objects[i])) < 0) goto done;
		c5_cell_of_object(&s->cells[i], &f->objects[i], f->height, f->width);
		s->cells[i].y -= f->drift_y, s->cells[i].x -= f->drift_x;
	}
	qsort(s->cells, f->n, sizeof *s->cells, by_label);
	for (uint32_t i = 0; i < s->n; i++) {
		if (i && s->cells[i].label == s->cells[i - 1].label) {
			err = c5_fail(C5_EINPUT, "frame %u: two objects have label %u", f->frame, s->cells[i].label);
			goto done;
		}
		s->y[i] = s->cells[i].y, s->x[i] = s->cells[i].x, axes[i] = s->cells[i].major;
	}
	s->size = c5_median(axes, s->n);
	if ((err = c5_near_spacing(&s->spacing, s->n, s->y, s->x)) < 0) goto done;
	if (f->labels && f->n) {
		if ((err = c5_alloc_aligned(&s->labels, f->height * f->width, sizeof *s->labels)) < 0) goto done;
		memcpy(s->labels, f->labels, f->height * f->width * sizeof *s->labels);
	}
	*out = s;
	s = NULL;
done:
	free(axes);
	side_free(s);
	return err;
}

/* Room for the motions of one pair of frames. */
typedef struct motions { double *dy, *dx, *fy, *fx; uint8_t *moved; } motions;

static int motions_open(motions *m, size_t n)
{
	int err;
	*m = (motions){ 0 };
	if ((err = c5_alloc(&m->dy, n + 1, sizeof *m->dy)) < 0 || (err = c5_alloc(&m->dx, n + 1, sizeof *m->dx)) < 0 ||
	    (err = c5_alloc(&m->fy, n + 1, sizeof *m->fy)) < 0 || (err = c5_alloc(&m->fx, n + 1, sizeof *m->fx)) < 0 ||
	    (err = c5_alloc(&m->moved, n + 1, 1)) < 0)
		return err;
	return C5_OK;
}

static void motions_close(motions *m)
{
	free(m->dy);
	free(m->dx);
	free(m->fy);
	free(m->fx);
	free(m->moved);
}

/* Matches where things were, or after a shift of the whole frame where that is cheaper. */
static int match_first(c5_pairing *p)
{
	double dy = 0, dx = 0, total;
	int err;
	if ((err = c5_pairing_solve(p)) < 0 || !p->params->motion || (err = c5_pairing_vote(p, &dy, &dx)) < 0) return err;
	if (dy == 0 && dx == 0) return C5_OK;
	total = p->total;
	for (uint32_t i = 0; i < p->a->n; i++) p->py[i] = dy, p->px[i] = dx;
	if ((err = c5_pairing_solve(p)) < 0 || p->total < total) return err;
	memset(p->py, 0, p->a->n * sizeof *p->py);
	memset(p->px, 0, p->a->n * sizeof *p->px);
	return c5_pairing_solve(p);
}

/* Matches until the shared motion has settled. */
static int match_shared(c5_pairing *p, motions *m)
{
	for (int round = 0;; round++) {
		double most = 0;
		int err;
		if ((err = round ? c5_pairing_solve(p) : match_first(p)) < 0) return err;
		if (round == ROUNDS) return C5_OK;
		c5_pairing_moves(p, m->dy, m->dx, m->moved);
		if (p->params->motion && (err = c5_field_fit(m->fy, m->fx, p->a->n, p->a->y, p->a->x, m->dy, m->dx, m->moved, fmax(p->a->spacing, p->a->size))) < 0)
			return err;
		for (uint32_t i = 0; i < p->a->n; i++) {
			double cut = fmin(1, 2 * p->reach / (hypot(m->fy[i], m->fx[i]) + 1e-9));
			m->fy[i] *= cut, m->fx[i] *= cut;
			most = fmax(most, hypot(m->fy[i] - p->py[i], m->fx[i] - p->px[i]));
			p->py[i] = m->fy[i], p->px[i] = m->fx[i];
		}
		if ((err = c5_pairing_learn(p)) < 0) return err;
		if (round && most < SETTLED * p->model.step) return C5_OK;
	}
}

/* What each object did beyond its neighbours, a frame, for the pair that comes next. */
static void hand_on(const c5_pairing *p, motions *m, c5_side *b)
{
	c5_pairing_moves(p, m->dy, m->dx, m->moved);
	for (uint32_t i = 0; i < p->a->n; i++) {
		uint32_t j = p->match[2 * i];
		if (j == NONE || p->match[2 * i + 1] != NONE) continue;
		b->vy[j] = (m->dy[i] - p->py[i]) / p->dt, b->vx[j] = (m->dx[i] - p->px[i]) / p->dt;
		b->moving[j] = 1;
	}
}

/* How much of its own motion of the step before an object keeps in this one, 0..1. */
static double persistence(const c5_pairing *p, const motions *m)
{
	double both = 0, before = 0, scale = p->model.step * p->model.step / p->dt;
	uint32_t n = 0;
	for (uint32_t i = 0; i < p->a->n; i++) {
		if (!m->moved[i] || !p->a->moving[i] || p->match[2 * i + 1] != NONE) continue;
		double vy = p->a->vy[i], vx = p->a->vx[i], uy = (m->dy[i] - p->py[i]) / p->dt, ux = (m->dx[i] - p->px[i]) / p->dt;
		double w = 1 / (1 + (vy * vy + vx * vx + uy * uy + ux * ux) / (32 * scale)); /* leaps say nothing about the rest */
		both += w * (vy * uy + vx * ux), before += w * (vy * vy + vx * vx);
		n++;
	}
	if (!n || !(before > 0)) return 0;
	double prior = KEEP_PRIOR * before / n;
	return fmin(1, fmax(0, (both + KEEP_GOING * prior) / (before + prior)));
}

static int match_frames(c5_pairing *p, c5_side *b)
{
	motions m;
	double keep = 0, most = 0;
	int err;
	if ((err = motions_open(&m, p->a->n)) < 0 || (err = match_shared(p, &m)) < 0) goto done;
	hand_on(p, &m, b);
	if (p->params->motion) keep = persistence(p, &m);
	for (uint32_t i = 0; i < p->a->n; i++) {
		double y = keep * p->a->vy[i] * p->dt, x = keep * p->a->vx[i] * p->dt;
		if (!p->a->moving[i]) continue;
		most = fmax(most, hypot(y, x));
		p->py[i] += y, p->px[i] += x;
	}
	if (most >= SETTLED * p->model.step) err = c5_pairing_solve(p);
done:
	motions_close(&m);
	return err;
}

/* What exp(-cost) comes to over all links at each end. */
static void sum_beliefs(const c5_pairing *p, double *of_from, double *of_to)
{
	for (uint32_t i = 0; i < p->a->n; i++)
		for (uint64_t e = p->start[i]; e < p->start[i + 1]; e++) {
			const double mine = exp(-p->cost[e]);
			of_from[i] += mine, of_to[p->col[e]] += mine;
		}
}

/* Share of belief of a link among the alternatives at either end: 0..1. A mother's other daughter is none. */
static float score_of(const c5_pairing *p, uint32_t from, uint32_t to, double cost, const double *of_from, const double *of_to)
{
	const double mine = exp(-cost), alone = c5_cost_alone(&p->model, p->a->cells[from].edge) + c5_cost_alone(&p->model, p->b->cells[to].edge);
	const uint32_t *match = p->match + 2 * (size_t)from;
	double rest = of_from[from] - mine + of_to[to] - mine;
	if (match[1] != NONE && (to == match[0] || to == match[1])) {
		const uint32_t twin = to == match[0] ? match[1] : match[0];
		for (uint64_t e = p->start[from]; e < p->start[from + 1]; e++)
			if (p->col[e] == twin) rest -= exp(-p->cost[e]);
	}
	const double odds = mine / (fmax(rest, 0) + exp(-alone) + 1e-300);
	return (float)(odds / (1 + odds));
}

static int by_to(const void *a, const void *b)
{
	const c5_pair_link *p = a, *q = b;
	return p->to != q->to ? (p->to > q->to) - (p->to < q->to) : (p->from > q->from) - (p->from < q->from);
}

static int take_links(const c5_pairing *p, c5_pair *pair)
{
	double *of_from = NULL, *of_to = NULL;
	size_t cap = 0;
	int err;
	if ((err = c5_alloc(&pair->links, (size_t)p->a->n + 1, sizeof *pair->links)) < 0 ||
	    (err = c5_alloc(&of_from, (size_t)p->a->n + 1, sizeof *of_from)) < 0 || (err = c5_alloc(&of_to, (size_t)p->b->n + 1, sizeof *of_to)) < 0)
		goto done;
	sum_beliefs(p, of_from, of_to);
	for (uint32_t i = 0; i < p->a->n; i++)
		for (uint64_t e = p->start[i]; e < p->start[i + 1]; e++) {
			const c5_pair_link link = { i, p->col[e], (float)p->cost[e], score_of(p, i, p->col[e], p->cost[e], of_from, of_to) };
			if (p->col[e] == p->match[2 * (size_t)i]) {
				pair->links[pair->n_links++] = link;
			} else if (link.score >= C5_PAIR_LEAST) {
				if ((err = c5_grow(&pair->others, &cap, (size_t)pair->n_others + 1, sizeof *pair->others)) < 0) goto done;
				pair->others[pair->n_others++] = link;
			}
		}
	if (pair->n_links) qsort(pair->links, pair->n_links, sizeof *pair->links, by_to);
	if (pair->n_others) qsort(pair->others, pair->n_others, sizeof *pair->others, by_to);
done:
	free(of_to);
	free(of_from);
	return err;
}

/* The likeliest mothers of each newborn, cheapest first, among objects that go on. */
static int take_births(const c5_pairing *p, c5_pair *pair)
{
	struct mothers { uint32_t n; double cost[MOTHERS]; c5_pair_birth birth[MOTHERS]; } *of = NULL;
	uint32_t *place = NULL, newborn = 0;
	size_t cap = 0;
	int err;
	if ((err = c5_alloc(&place, (size_t)p->b->n + 1, sizeof *place)) < 0) return err;
	for (uint32_t k = 0; k < pair->n_links; k++) place[pair->links[k].to] = NONE;
	for (uint32_t j = 0; j < p->b->n; j++)
		if (place[j] != NONE) place[j] = newborn++;
	if ((err = c5_alloc(&of, (size_t)newborn + 1, sizeof *of)) < 0) goto done;
	for (uint32_t i = 0; i < p->a->n; i++) {
		uint32_t j = p->match[2 * i];
		for (uint64_t e = p->start[i]; j != NONE && e < p->start[i + 1]; e++) {
			c5_pair_birth b;
			if (place[p->col[e]] == NONE || !c5_pairing_birth(p, i, j, p->col[e], &b)) continue;
			struct mothers *m = &of[place[p->col[e]]];
			double cost = c5_cost_birth(&p->model, &b);
			if (cost > 4 * p->params->birth + p->params->division_cost || (m->n == MOTHERS && cost >= m->cost[MOTHERS - 1])) continue;
			uint32_t at = m->n < MOTHERS ? m->n++ : MOTHERS - 1;
			for (; at && m->cost[at - 1] > cost; at--) m->cost[at] = m->cost[at - 1], m->birth[at] = m->birth[at - 1];
			m->cost[at] = cost, m->birth[at] = b;
		}
	}
	for (uint32_t k = 0; k < newborn; k++) {
		if ((err = c5_grow(&pair->births, &cap, pair->n_births + MOTHERS, sizeof *pair->births)) < 0) goto done;
		for (uint32_t at = 0; at < of[k].n; at++) pair->births[pair->n_births++] = of[k].birth[at];
	}
done:
	free(of);
	free(place);
	return err;
}

static int take_nodes(const c5_side *s, c5_pair *pair)
{
	int err = c5_alloc(&pair->nodes, (size_t)s->n + 1, sizeof *pair->nodes);
	if (err < 0) return err;
	pair->n_nodes = s->n;
	for (uint32_t i = 0; i < s->n; i++) {
		const c5_cell *c = &s->cells[i];
		double turn = 0.5 * atan2(c->sin2, c->cos2);
		pair->nodes[i] = (c5_pair_node){ c->label, (float)c->y, (float)c->x, (float)c->area, (float)c->major, (float)c->minor, (float)turn, (float)c->mean,
			(float)c->edge };
	}
	return C5_OK;
}

int c5_linker_add(c5_linker *linker, const c5_track_frame *frame, c5_pair **out)
{
	c5_pairing p = { 0 };
	c5_pair *pair = NULL;
	c5_side *side = NULL;
	int err;
	*out = NULL;
	if (!(fabs(frame->drift_y) < 1e9 && fabs(frame->drift_x) < 1e9))
		return c5_fail(C5_EINPUT, "frame %u: drift %g, %g px is no place", frame->frame, frame->drift_y, frame->drift_x);
	if (linker->any && frame->frame <= linker->frame)
		return c5_fail(C5_EINPUT, "frame %u comes after frame %u, expected a later one", frame->frame, linker->frame);
	if ((err = side_make(&side, frame)) < 0 || (err = c5_alloc(&pair, 1, sizeof *pair)) < 0) goto done;
	pair->frame = frame->frame, pair->before = NONE, pair->drift_y = frame->drift_y, pair->drift_x = frame->drift_x;
	if ((err = take_nodes(side, pair)) < 0) goto done;
	if (side->n && linker->last && frame->frame - linker->last->frame <= linker->params.gap + 1) {
		pair->before = linker->last->frame, pair->n_before = linker->last->n;
		if ((err = c5_pairing_open(&p, &linker->params, linker->last, side)) < 0 || (err = match_frames(&p, side)) < 0 || (err = take_links(&p, pair)) < 0)
			goto done;
		if (linker->params.divisions && (err = take_births(&p, pair)) < 0) goto done;
		pair->step = p.model.step / sqrt(p.dt), pair->reach = p.reach / (1 + 0.5 * (p.dt - 1));
	}
	linker->any = true, linker->frame = frame->frame;
	if (side->n) {
		side_free(linker->last);
		linker->last = side;
		side = NULL;
	}
	*out = pair;
	pair = NULL;
done:
	c5_pairing_close(&p);
	c5_pair_free(pair);
	side_free(side);
	return err;
}
