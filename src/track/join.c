/* join.c – stage two: which pieces of tracks go on as which others after a gap, and which begin with a division. All ends, mothers and
 * beginnings of the movie meet in one assignment: a beginning has one origin, and a gap that explains it better than a division wins. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "track/assign.h"
#include "track/model.h"
#include "track/near.h"
#include "track/pieces.h"

#define NONE C5_TRACK_NONE
#define SAMPLE 100000       /* links looked at to learn typical changes of the movie */
#define STEPS 4             /* steps that a mean velocity is taken over */
#define SHORT 3             /* frames a daughter is expected to live, where the movie goes on */
#define SHORT_COST 2.0      /* for each frame less */
#define DROP 0.75           /* a mother whose late daughter is looked for has shrunk to less than this */
#define PLAIN 0.75          /* divisions that cost less than this share of a birth teach what divisions look like ... */
#define PLAIN_HALVES 0.35   /* ... if the daughters' areas allow for it */

enum option_kind { GOES_ON, SECOND, BRANCHES };

/* A way to explain a beginning. */
typedef struct option { uint32_t to, from, kind; double cost; size_t birth; } option;

typedef struct joiner {
	c5_pieces *p;
	const c5_track_params *params;
	c5_model model;
	double reach;
	uint32_t *frames;        /* numbers of the non-empty frames */
	size_t *first;           /* (n_frames + 1) first node of each */
	size_t n_frames;
	uint32_t *length;        /* (n_nodes) nodes from this one to the end of its piece */
	option *options;
	size_t n, cap;
} joiner;

static void cell_of(c5_cell *c, const joiner *j, uint32_t node) { c5_cell_of_node(c, &j->p->nodes[node].at); }

static int index_frames(joiner *j)
{
	const c5_pieces *p = j->p;
	int err;
	if ((err = c5_alloc(&j->frames, p->n_nodes + 1, sizeof *j->frames)) < 0 || (err = c5_alloc(&j->first, p->n_nodes + 2, sizeof *j->first)) < 0 ||
	    (err = c5_alloc(&j->length, p->n_nodes + 1, sizeof *j->length)) < 0)
		return err;
	for (size_t i = 0; i < p->n_nodes; i++)
		if (!i || p->nodes[i].frame != p->nodes[i - 1].frame) j->frames[j->n_frames] = p->nodes[i].frame, j->first[j->n_frames++] = i;
	j->first[j->n_frames] = p->n_nodes;
	for (size_t i = p->n_nodes; i-- > 0;) j->length[i] = 1 + (p->nodes[i].next == NONE ? 0 : j->length[p->nodes[i].next]);
	return C5_OK;
}

/* Typical changes over the whole movie, from single steps. */
static int learn(joiner *j)
{
	const c5_pieces *p = j->p;
	size_t n = 0, every = p->n_nodes / SAMPLE + 1;
	c5_change *changes;
	int err = c5_alloc(&changes, p->n_nodes / every + 2, sizeof *changes);
	if (err < 0) return err;
	c5_cell a, b;
	j->reach = p->weight > 0 ? p->reach / p->weight : j->params->max_distance;
	c5_model_guess(&j->model, j->params, j->reach, NULL, 0);
	j->model.mean = 0;
	for (size_t i = 0; i < p->n_nodes; i += every) {
		const c5_piece_node *to = &p->nodes[i];
		if (to->prev == NONE || to->frame - p->nodes[to->prev].frame != 1) continue;
		cell_of(&a, j, to->prev), cell_of(&b, j, (uint32_t)i);
		changes[n++] = c5_change_of(&a, &b, b.y - a.y, b.x - a.x, c5_cell_overlap(&a, &b, b.y - a.y, b.x - a.x));
	}
	err = c5_model_learn(&j->model, changes, n, 0);
	if (p->weight > 0) j->model.step = fmax(0.3, p->step / p->weight); /* the steps beyond what was expected */
	j->model.mean = 0;                                                      /* intensities drift over gaps */
	free(changes);
	return err;
}

static int add_option(joiner *j, uint32_t to, uint32_t from, int kind, double cost, size_t birth)
{
	int err = c5_grow(&j->options, &j->cap, j->n + 1, sizeof *j->options);
	if (err == C5_OK) j->options[j->n++] = (option){ to, from, (uint32_t)kind, cost, birth };
	return err;
}

/* Mean motion of the piece before (after) a node, px a frame. */
static void velocity(const joiner *j, uint32_t node, bool after, double *vy, double *vx)
{
	const c5_piece_node *nodes = j->p->nodes;
	uint32_t k = node;
	for (int s = 0; s < STEPS; s++) {
		uint32_t on = after ? nodes[k].next : nodes[k].prev;
		if (on == NONE) break;
		k = on;
	}
	double dt = (double)nodes[node].frame - nodes[k].frame;
	*vy = dt != 0 && j->params->motion ? (nodes[node].at.y - nodes[k].at.y) / dt : 0;
	*vx = dt != 0 && j->params->motion ? (nodes[node].at.x - nodes[k].at.x) / dt : 0;
}

/* Where an ended piece is expected dt frames on, less where it was. A single noisy step is not believed in full. */
static void expect(const joiner *j, uint32_t end, uint32_t begin, double dt, double *y, double *x)
{
	double ay, ax, by = 0, bx = 0;
	uint32_t before = 0, after = 0;
	for (uint32_t k = end; before < STEPS && j->p->nodes[k].prev != NONE; before++) k = j->p->nodes[k].prev;
	velocity(j, end, false, &ay, &ax);
	if (begin != NONE) {
		for (uint32_t k = begin; after < STEPS && j->p->nodes[k].next != NONE; after++) k = j->p->nodes[k].next;
		velocity(j, begin, true, &by, &bx);
	}
	double w = before + after + 1.0;
	*y = dt * (before * ay + after * by) / w, *x = dt * (before * ax + after * bx) / w;
}

static double gap_cost(const joiner *j, uint32_t end, uint32_t begin)
{
	const c5_piece_node *a = &j->p->nodes[end], *b = &j->p->nodes[begin];
	double dt = b->frame - a->frame, y, x;
	c5_model m = j->model;
	c5_cell from, to;
	expect(j, end, begin, dt, &y, &x);
	cell_of(&from, j, end), cell_of(&to, j, begin);
	double dy = to.y - from.y - y, dx = to.x - from.x - x;
	m.step *= sqrt(dt), m.area *= sqrt(dt), m.growth *= dt, m.apart = fmin(1, m.apart * sqrt(dt)), m.turn *= dt;
	c5_change c = c5_change_of(&from, &to, dy, dx, c5_cell_overlap(&from, &to, dy, dx));
	return c5_cost_link(&m, &c) + j->params->gap_cost * (dt - 1);
}

static double alone(const joiner *j, uint32_t node) { return c5_cost_alone(&j->model, j->p->nodes[node].at.edge); }

/* Two beginnings after one end, as daughters. */
static double split_cost(const joiner *j, uint32_t end, uint32_t one, uint32_t two)
{
	const c5_piece_node *nodes = j->p->nodes;
	double dt = 0.5 * ((double)nodes[one].frame + nodes[two].frame) - nodes[end].frame, y, x;
	c5_cell m, a, b;
	c5_pair_birth birth;
	c5_model wide = j->model;
	expect(j, end, NONE, dt, &y, &x);
	cell_of(&m, j, end), cell_of(&a, j, one), cell_of(&b, j, two);
	wide.step *= sqrt(dt), wide.area *= sqrt(dt), wide.apart = fmin(1, wide.apart * sqrt(dt));
	double share_a = fmin(m.area, a.area) * c5_cell_overlap(&m, &a, a.y - m.y - y, a.x - m.x - x);
	double share_b = fmin(m.area, b.area) * c5_cell_overlap(&m, &b, b.y - m.y - y, b.x - m.x - x);
	c5_birth_features(&birth, &wide, &m, m.y + y, m.x + x, &a, &b, share_a, share_b);
	return c5_cost_birth(&wide, &birth) + j->params->gap_cost * (dt - 1);
}

/* Options from one end to the beginnings `near` it. */
static int options_of_end(joiner *j, uint32_t end, const uint32_t *begin, size_t n)
{
	double best = INFINITY, pair = INFINITY, *cost;
	size_t one = 0, two = 0;
	int err = c5_alloc(&cost, n + 1, sizeof *cost);
	if (err < 0) return err;
	for (size_t k = 0; k < n; k++) best = fmin(best, cost[k] = gap_cost(j, end, begin[k]));
	for (size_t s = 0; j->params->divisions && s < n && n <= 32; s++)
		for (size_t t = s + 1; t < n; t++) {
			double c = split_cost(j, end, begin[s], begin[t]);
			if (c < pair) pair = c, one = s, two = t;
		}
	bool splits = pair < fmin(best, 2 * j->params->birth) + j->params->birth;
	for (size_t k = 0; k < n && err == C5_OK; k++) {
		bool half = splits && (k == one || k == two);
		err = add_option(j, begin[k], end, GOES_ON, half ? fmin(cost[k], pair / 2) : cost[k], 0);
		if (half && err == C5_OK) err = add_option(j, begin[k], end, SECOND, pair / 2, 0);
	}
	free(cost);
	return err;
}

/* Ends meet the beginnings of the next `gap` + 1 frames. */
static int find_gaps(joiner *j)
{
	const c5_piece_node *nodes = j->p->nodes;
	uint32_t most = 0, *begin = NULL, *close = NULL;
	size_t n = 0, n_close;
	double *y = NULL, *x = NULL;
	c5_near near = { 0 };
	int err;
	if ((err = c5_alloc(&begin, j->p->n_nodes + 1, sizeof *begin)) < 0 || (err = c5_alloc(&close, j->p->n_nodes + 1, sizeof *close)) < 0 ||
	    (err = c5_alloc(&y, j->p->n_nodes + 1, sizeof *y)) < 0 || (err = c5_alloc(&x, j->p->n_nodes + 1, sizeof *x)) < 0)
		goto done;
	for (uint32_t i = 0; i < j->p->n_nodes; i++)
		if (nodes[i].prev == NONE && nodes[i].frame > j->frames[0]) begin[n] = i, y[n] = nodes[i].at.y, x[n] = nodes[i].at.x, n++;
	most = (uint32_t)fmin(j->params->gap + 1.0, 1e6);
	size_t lo = 0, hi = 0;
	/* a window of beginnings moves along with the frames of the ends */
	for (size_t f = 0; f < j->n_frames && n; f++) {
		size_t lo0 = lo, hi0 = hi;
		while (lo < n && nodes[begin[lo]].frame <= j->frames[f]) lo++;
		while (hi < n && nodes[begin[hi]].frame - (uint64_t)j->frames[f] <= most) hi++;
		if (hi <= lo) continue;
		if (lo != lo0 || hi != hi0 || !near.start) {
			c5_near_close(&near);
			if ((err = c5_near_open(&near, (uint32_t)(hi - lo), y + lo, x + lo, j->reach)) < 0) goto done;
		}
		for (size_t i = j->first[f]; i < j->first[f + 1]; i++) {
			double vy, vx;
			if (nodes[i].next != NONE) continue;
			expect(j, (uint32_t)i, NONE, 1, &vy, &vx);
			c5_near_ask(&near, nodes[i].at.y, nodes[i].at.x, j->reach * (1 + 0.5 * (most - 1)) + hypot(vy, vx) * most);
			n_close = 0;
			for (uint32_t k = 0; k < near.n_found; k++) {
				uint32_t to = begin[lo + near.found[k]];
				double dt = nodes[to].frame - nodes[i].frame, py, px;
				expect(j, (uint32_t)i, to, dt, &py, &px);
				if (hypot(nodes[to].at.y - nodes[i].at.y - py, nodes[to].at.x - nodes[i].at.x - px) <= j->reach * (1 + 0.5 * (dt - 1))) close[n_close++] = to;
			}
			if ((err = options_of_end(j, (uint32_t)i, close, n_close)) < 0) goto done;
		}
	}
done:
	free(begin);
	free(close);
	free(y);
	free(x);
	c5_near_close(&near);
	return err;
}

/* A daughter that appears late: a neighbour that shrank a few frames ago may be its sibling. */
static int find_late(joiner *j)
{
	c5_pieces *p = j->p;
	double *y = NULL, *x = NULL;
	c5_near near = { 0 };
	int err = C5_OK;
	if (j->params->gap < 1) return C5_OK;
	if ((err = c5_alloc(&y, p->n_nodes + 1, sizeof *y)) < 0 || (err = c5_alloc(&x, p->n_nodes + 1, sizeof *x)) < 0) goto done;
	for (size_t i = 0; i < p->n_nodes; i++) y[i] = p->nodes[i].at.y, x[i] = p->nodes[i].at.x;
	for (size_t f = 1; f < j->n_frames; f++) {
		bool open = false;
		for (size_t i = j->first[f]; i < j->first[f + 1]; i++) {
			if (p->nodes[i].prev != NONE) continue;
			if (!open) {
				c5_near_close(&near);
				if ((err = c5_near_open(&near, (uint32_t)(j->first[f + 1] - j->first[f]), y + j->first[f], x + j->first[f], j->reach)) < 0) goto done;
				open = true;
			}
			c5_near_ask(&near, y[i], x[i], j->reach);
			for (uint32_t k = 0; k < near.n_found; k++) {
				uint32_t now = (uint32_t)j->first[f] + near.found[k], one = p->nodes[now].prev;
				for (; one != NONE && p->nodes[i].frame - (uint64_t)p->nodes[one].frame <= (uint64_t)j->params->gap; one = p->nodes[one].prev) {
					uint32_t mother = p->nodes[one].prev;
					if (mother == NONE) break;
					if (!(p->nodes[one].at.area < DROP * p->nodes[mother].at.area)) continue;
					c5_cell m, a, b;
					c5_pair_birth birth;
					cell_of(&m, j, mother), cell_of(&a, j, one), cell_of(&b, j, (uint32_t)i);
					b.y += a.y - y[now], b.x += a.x - x[now]; /* back to when the sibling was born, along with it */
					double share_a = fmin(m.area, a.area) * c5_cell_overlap(&m, &a, a.y - m.y, a.x - m.x);
					double share_b = fmin(m.area, b.area) * c5_cell_overlap(&m, &b, b.y - m.y, b.x - m.x);
					c5_birth_features(&birth, &j->model, &m, m.y, m.x, &a, &b, share_a, share_b);
					birth.mother = mother, birth.sibling = one, birth.newborn = (uint32_t)i;
					if ((err = c5_grow(&p->births, &p->cap_births, p->n_births + 1, sizeof *p->births)) < 0) goto done;
					p->births[p->n_births++] = (c5_piece_birth){ birth, p->nodes[i].frame - p->nodes[one].frame };
				}
			}
		}
	}
done:
	free(y);
	free(x);
	c5_near_close(&near);
	return err;
}

/* What a division costs beyond the link from the mother to the one daughter that stands already. */
static double branch_cost(const joiner *j, const c5_piece_birth *b)
{
	const c5_piece_node *nodes = j->p->nodes;
	double cost = c5_cost_birth(&j->model, &b->birth) - fmin(nodes[b->birth.sibling].cost, j->params->birth) + j->params->gap_cost * b->late;
	const uint32_t young[] = { b->birth.newborn, b->birth.sibling };
	for (int k = 0; k < 2; k++) {
		uint32_t lives = j->length[young[k]];
		if (lives < SHORT && nodes[young[k]].frame + lives <= j->p->last_frame) cost += SHORT_COST * (SHORT - lives);
	}
	return cost;
}

/* How daughters compare with their mothers in this movie, from newborns whose best mother is plain. */
static int learn_splits(joiner *j)
{
	const c5_pieces *p = j->p;
	c5_model *m = &j->model;
	const double prior = 5, spread = m->split_spread, apart = m->split_apart;
	double *v, sum_apart = 0, sum_least = 0;
	size_t n = 0;
	int err = c5_alloc(&v, p->n_births + 1, sizeof *v);
	if (err < 0) return err;
	for (size_t k = 0; k < p->n_births; k++) {
		const c5_piece_birth *b = &p->births[k];
		if (k && b[-1].birth.newborn == b->birth.newborn) continue; /* the cheapest comes first */
		if (branch_cost(j, b) >= PLAIN * j->params->birth || b->birth.area - b->birth.balance / 2 > PLAIN_HALVES) continue;
		v[n++] = b->birth.area;
		sum_apart += 1 - b->birth.overlap, sum_least += 1 - b->birth.least;
	}
	double all = prior + (double)n;
	m->split_area = (prior * m->growth + (double)n * c5_median(v, n)) / all;
	for (size_t k = 0; k < n; k++) v[k] = fabs(v[k] - m->split_area);
	m->split_spread = fmax(0.08, (prior * spread + (double)n * 1.4826 * c5_median(v, n)) / all);
	m->split_apart = fmax(0.15, (prior * apart + sum_apart) / all);
	m->split_least = fmax(0.15, (prior * apart + sum_least) / all);
	free(v);
	return C5_OK;
}

static int find_births(joiner *j)
{
	int err;
	if (!j->params->divisions) return C5_OK;
	if ((err = learn_splits(j)) < 0 || (err = find_late(j)) < 0) return err;
	for (size_t k = 0; k < j->p->n_births; k++) {
		const c5_piece_birth *b = &j->p->births[k];
		double cost = branch_cost(j, b);
		if (cost < j->params->birth && (err = add_option(j, b->birth.newborn, b->birth.mother, BRANCHES, cost, k)) < 0) return err;
	}
	return C5_OK;
}

static int by_from(const void *a, const void *b)
{
	const option *p = a, *q = b;
	if (p->from != q->from) return p->from < q->from ? -1 : 1;
	if (p->kind != q->kind) return p->kind < q->kind ? -1 : 1;
	if (p->to != q->to) return p->to < q->to ? -1 : 1;
	if (p->cost < q->cost || p->cost > q->cost) return p->cost < q->cost ? -1 : 1;
	return (p->birth > q->birth) - (p->birth < q->birth);
}

static float score_of(double cost, double otherwise) { return (float)(1 / (1 + exp(fmin(700, cost - otherwise)))); }

/* Writes down what the assignment chose. */
static int take(joiner *j, const option *const *chosen, size_t n, c5_joint **joints, size_t *n_joints)
{
	c5_piece_node *nodes = j->p->nodes;
	size_t count = 0;
	int err = c5_alloc(joints, 2 * n + 1, sizeof **joints);
	if (err < 0) return err;
	for (size_t k = 0; k < n; k++) { /* in order of (from, kind): GOES_ON comes right before SECOND */
		const option *o = chosen[k];
		float score = score_of(o->cost, alone(j, o->to) + (o->kind == BRANCHES ? 0 : alone(j, o->from)));
		bool second = o->kind == GOES_ON && k + 1 < n && chosen[k + 1]->from == o->from && chosen[k + 1]->kind == SECOND;
		if (second) {
			(*joints)[count++] = (c5_joint){ o->from, o->to, C5_LINK_DIVISION, score };
			(*joints)[count++] = (c5_joint){ o->from, chosen[++k]->to, C5_LINK_DIVISION, score };
		} else if (o->kind == BRANCHES) {
			uint32_t sibling = j->p->births[o->birth].birth.sibling;
			nodes[o->from].next = NONE, nodes[sibling].prev = NONE;
			(*joints)[count++] = (c5_joint){ o->from, sibling, C5_LINK_DIVISION, score };
			(*joints)[count++] = (c5_joint){ o->from, o->to, C5_LINK_DIVISION, score };
		} else
			(*joints)[count++] = (c5_joint){ o->from, o->to, C5_LINK_GAP, score };
	}
	*n_joints = count;
	return C5_OK;
}

static int choose(joiner *j, c5_joint **joints, size_t *n_joints)
{
	uint32_t *column = NULL, *col = NULL, *answer = NULL, cols = 0, rows = 0;
	uint64_t *start = NULL;
	double *cost = NULL, *row_alone = NULL, *col_alone = NULL;
	const option **chosen = NULL;
	size_t n = j->n, n_chosen = 0;
	int err;
	if ((err = c5_alloc(&column, j->p->n_nodes + 1, sizeof *column)) < 0 || (err = c5_alloc(&col, n + 1, sizeof *col)) < 0 ||
	    (err = c5_alloc(&answer, n + 1, sizeof *answer)) < 0 || (err = c5_alloc(&start, n + 2, sizeof *start)) < 0 ||
	    (err = c5_alloc(&cost, n + 1, sizeof *cost)) < 0 || (err = c5_alloc(&row_alone, n + 1, sizeof *row_alone)) < 0 ||
	    (err = c5_alloc(&col_alone, n + 1, sizeof *col_alone)) < 0 || (err = c5_alloc(&chosen, n + 1, sizeof *chosen)) < 0)
		goto done;
	if (n) qsort(j->options, n, sizeof *j->options, by_from);
	for (size_t k = 0; k < n; k++) column[j->options[k].to] = 1;
	for (uint32_t i = 0; i < j->p->n_nodes; i++)
		if (column[i]) col_alone[cols] = alone(j, i), column[i] = cols++;
	for (size_t k = 0; k < n; k++) {
		const option *o = &j->options[k];
		if (!k || o->from != o[-1].from || o->kind != o[-1].kind) {
			start[rows] = k;
			row_alone[rows++] = o->kind == GOES_ON ? alone(j, o->from) : 0;
		}
		col[k] = column[o->to], cost[k] = o->cost;
	}
	start[rows] = n;
	if ((err = c5_assign_solve(&(c5_assign_graph){ rows, cols, start, col, cost, row_alone, col_alone }, answer, NULL)) < 0) goto done;
	for (uint32_t r = 0; r < rows; r++)
		for (uint64_t k = start[r]; k < start[r + 1]; k++)
			if (answer[r] == col[k]) {
				chosen[n_chosen++] = &j->options[k]; /* cheapest first, of the same pair */
				break;
			}
	err = take(j, chosen, n_chosen, joints, n_joints);
done:
	free(column);
	free(col);
	free(answer);
	free(start);
	free(cost);
	free(row_alone);
	free(col_alone);
	free(chosen);
	return err;
}

int c5_pieces_join(c5_joint **joints, size_t *n, c5_pieces *p, const c5_track_params *params)
{
	joiner j = { .p = p, .params = params };
	int err;
	*joints = NULL, *n = 0;
	if (!p->n_nodes) return C5_OK;
	if ((err = index_frames(&j)) < 0 || (err = learn(&j)) < 0 || (err = find_gaps(&j)) < 0 || (err = find_births(&j)) < 0) goto done;
	err = choose(&j, joints, n);
done:
	free(j.frames);
	free(j.first);
	free(j.length);
	free(j.options);
	return err;
}
