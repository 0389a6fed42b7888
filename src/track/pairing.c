/* pairing.c – see pairing.h. An object that looks like dividing takes part in the assignment twice, the second time at no cost when it
 * finds nobody: so a second daughter need not push another cell's link away. */
#include "track/pairing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "track/assign.h"

#define NONE C5_TRACK_NONE
#define HALVES 6            /* cheapest candidates that are tried as daughters */
#define ALIKE 0.3           /* log ratio of areas of objects that may be the same */
#define CROWD 64            /* nearest objects looked at, however far the reach: keeps memory and time in bounds */
#define FIRST_HALF 0.75     /* the most of a division's cost that its first link may bear */
#define STEP_SIZE 0.25      /* guess at the typical step about the expected place, as a share of the mean diameter */
#define REACH_SIZE 1.5      /* typical reach in lengths of objects ... */
#define REACH_SPACING 0.6   /* ... or in distances between them, whichever is more ... */
#define REACH_MOST 8.0      /* ... but not more lengths than this */

static double estimate_reach(const c5_side *a, const c5_side *b)
{
	double size = fmax(a->size, b->size), spacing = a->n < 2 ? b->spacing : b->n < 2 ? a->spacing : fmin(a->spacing, b->spacing);
	return fmin(fmax(REACH_SIZE * size, REACH_SPACING * spacing), REACH_MOST * size);
}

int c5_pairing_open(c5_pairing *p, const c5_track_params *params, const c5_side *a, const c5_side *b)
{
	int err;
	*p = (c5_pairing){ .params = params, .a = a, .b = b, .dt = b->frame - a->frame, .drift_y = b->drift_y - a->drift_y,
		.drift_x = b->drift_x - a->drift_x };
	p->reach = (params->max_distance > 0 ? params->max_distance : estimate_reach(a, b)) * (1 + 0.5 * (p->dt - 1));
	c5_model_guess(&p->model, params, p->reach, a->cells, a->n);
	for (uint32_t i = 0; i < a->n; i++) p->across += 2 * sqrt(a->cells[i].area / M_PI) / a->n;
	if ((err = c5_alloc(&p->py, (size_t)a->n + 1, sizeof *p->py)) < 0 || (err = c5_alloc(&p->px, (size_t)a->n + 1, sizeof *p->px)) < 0 ||
	    (err = c5_alloc(&p->start, (size_t)a->n + 1, sizeof *p->start)) < 0 || (err = c5_alloc(&p->half, 2 * (size_t)a->n + 1, sizeof *p->half)) < 0 ||
	    (err = c5_alloc(&p->half_cost, (size_t)a->n + 1, sizeof *p->half_cost)) < 0 ||
	    (err = c5_alloc(&p->match, 2 * (size_t)a->n + 1, sizeof *p->match)) < 0 ||
	    (err = c5_alloc(&p->distance2, 2 * (size_t)b->n + 1, sizeof *p->distance2)) < 0 ||
	    (err = c5_near_open(&p->near, b->n, b->y, b->x, p->reach)) < 0)
		goto failed;
	if (a->labels && b->labels && a->height == b->height && a->width == b->width &&
	    (err = c5_overlap_open(&p->overlap, a->labels, b->labels, a->height, a->width, b->cells, b->n)) < 0)
		goto failed;
	return 0;
failed:
	c5_pairing_close(p);
	return err;
}

void c5_pairing_close(c5_pairing *p)
{
	free(p->py);
	free(p->px);
	free(p->start);
	free(p->col);
	free(p->share);
	free(p->cost);
	free(p->half);
	free(p->half_cost);
	free(p->match);
	free(p->distance2);
	c5_near_close(&p->near);
	c5_overlap_close(&p->overlap);
	*p = (c5_pairing){ 0 };
}

static int grow(c5_pairing *p, size_t need)
{
	size_t cap = p->cap, again = p->cap, third = p->cap;
	int err;
	if (need <= cap) return 0;
	if ((err = c5_grow(&p->col, &cap, need, sizeof *p->col)) < 0 || (err = c5_grow(&p->share, &again, need, sizeof *p->share)) < 0 ||
	    (err = c5_grow(&p->cost, &third, need, sizeof *p->cost)) < 0)
		return err;
	p->cap = cap < again ? cap : again;
	if (third < p->cap) p->cap = third;
	return 0;
}

/* Of more than CROWD found around a place, keeps those as near as the nearest CROWD. */
static void thin_out(c5_pairing *p, double y, double x)
{
	c5_near *g = &p->near;
	uint32_t kept = 0;
	for (uint32_t f = 0; f < g->n_found; f++) {
		double dy = p->b->y[g->found[f]] - y, dx = p->b->x[g->found[f]] - x;
		p->distance2[f] = dy * dy + dx * dx;
	}
	memcpy(p->distance2 + g->n_found, p->distance2, g->n_found * sizeof *p->distance2);
	double most = c5_quantile(p->distance2 + g->n_found, g->n_found, (CROWD - 0.5) / (g->n_found - 1.0));
	for (uint32_t f = 0; f < g->n_found; f++)
		if (p->distance2[f] <= most) g->found[kept++] = g->found[f];
	g->n_found = kept;
}

static int list_candidates(c5_pairing *p)
{
	size_t n = 0;
	for (uint32_t i = 0; i < p->a->n; i++) {
		const c5_cell *c = &p->a->cells[i];
		double y = c->y + p->py[i], x = c->x + p->px[i];
		int err;
		p->start[i] = n;
		c5_near_ask(&p->near, y, x, p->params->max_distance > 0 ? p->reach : fmax(p->reach, c->major));
		if (p->near.n_found > CROWD) thin_out(p, y, x);
		if ((err = grow(p, n + p->near.n_found)) < 0) return err;
		if (p->overlap.from && p->near.n_found) c5_overlap_ask(&p->overlap, c, p->py[i] + p->drift_y, p->px[i] + p->drift_x);
		for (uint32_t f = 0; f < p->near.n_found; f++, n++) {
			uint32_t j = p->near.found[f];
			const c5_cell *to = &p->b->cells[j];
			p->col[n] = j;
			p->share[n] = p->overlap.from ? p->overlap.count[j] : fmin(c->area, to->area) * c5_cell_overlap(c, to, to->y - y, to->x - x);
		}
	}
	p->start[p->a->n] = n;
	return 0;
}

static c5_change change_at(const c5_pairing *p, uint32_t i, uint64_t e)
{
	const c5_cell *from = &p->a->cells[i], *to = &p->b->cells[p->col[e]];
	double overlap = fmin(1, p->share[e] / fmin(from->area, to->area));
	return c5_change_of(from, to, to->y - from->y - p->py[i], to->x - from->x - p->px[i], overlap);
}

static void birth_at(const c5_pairing *p, uint32_t i, uint64_t e, uint64_t f, c5_pair_birth *b)
{
	const c5_cell *m = &p->a->cells[i];
	c5_birth_features(b, &p->model, m, m->y + p->py[i], m->x + p->px[i], &p->b->cells[p->col[e]], &p->b->cells[p->col[f]], p->share[e], p->share[f]);
	*b = (c5_pair_birth){ i, p->col[e], p->col[f], b->area, b->balance, b->middle, b->contact, b->overlap, b->least };
}

bool c5_pairing_birth(const c5_pairing *p, uint32_t i, uint32_t j, uint32_t k, c5_pair_birth *b)
{
	uint64_t e = UINT64_MAX, f = UINT64_MAX;
	for (uint64_t c = p->start[i]; c < p->start[i + 1]; c++) {
		if (p->col[c] == j) e = c;
		if (p->col[c] == k) f = c;
	}
	if (e == UINT64_MAX || f == UINT64_MAX) return false;
	birth_at(p, i, e, f, b);
	return true;
}

/* The best pair of daughters of object i, if there is a thinkable one. */
static void find_halves(c5_pairing *p, uint32_t i)
{
	uint64_t best[HALVES];
	uint32_t n = 0;
	p->half[2 * i] = p->half[2 * i + 1] = NONE;
	for (uint64_t e = p->start[i]; e < p->start[i + 1]; e++) {
		if (n == HALVES && p->cost[e] >= p->cost[best[n - 1]]) continue;
		uint32_t at = n < HALVES ? n++ : n - 1;
		for (; at && p->cost[best[at - 1]] > p->cost[e]; at--) best[at] = best[at - 1];
		best[at] = e;
	}
	if (n < 2) return;
	double limit = p->cost[best[0]] + p->params->birth;
	for (uint32_t s = 0; s < n; s++)
		for (uint32_t t = s + 1; t < n; t++) {
			c5_pair_birth b;
			birth_at(p, i, best[s], best[t], &b);
			double cost = c5_cost_birth(&p->model, &b);
			if (cost >= limit) continue;
			limit = cost;
			p->half[2 * i] = b.sibling, p->half[2 * i + 1] = b.newborn;
			p->half_cost[i] = cost;
		}
}

static void price(c5_pairing *p)
{
	for (uint32_t i = 0; i < p->a->n; i++) {
		for (uint64_t e = p->start[i]; e < p->start[i + 1]; e++) {
			c5_change c = change_at(p, i, e);
			p->cost[e] = c5_cost_link(&p->model, &c);
		}
		if (p->params->divisions) find_halves(p, i);
		else p->half[2 * i] = p->half[2 * i + 1] = NONE;
	}
}

static double single_cost(const c5_pairing *p, uint32_t i, uint32_t j)
{
	for (uint64_t e = p->start[i]; e < p->start[i + 1]; e++)
		if (p->col[e] == j) return p->cost[e];
	return INFINITY;
}

/* What the continuation of a dividing object costs in the graph; the second daughter costs the rest. */
static double first_half(const c5_pairing *p, uint32_t i, uint32_t j) { return fmin(single_cost(p, i, j), FIRST_HALF * p->half_cost[i]); }

/* Rows 0..n-1 of the graph are the objects of a, n..2n-1 the same again for second daughters. */
static int match(c5_pairing *p)
{
	uint32_t n = p->a->n, *col = NULL, *answer = NULL;
	uint64_t *start = NULL, edges = p->start[n], at = 0;
	double *cost = NULL, *row_alone = NULL, *col_alone = NULL;
	c5_assign_summary sum;
	int err;
	if ((err = c5_alloc(&start, 2 * (size_t)n + 1, sizeof *start)) < 0 || (err = c5_alloc(&col, edges + 2 * (size_t)n + 1, sizeof *col)) < 0 ||
	    (err = c5_alloc(&cost, edges + 2 * (size_t)n + 1, sizeof *cost)) < 0 || (err = c5_alloc(&row_alone, 2 * (size_t)n + 1, sizeof *row_alone)) < 0 ||
	    (err = c5_alloc(&col_alone, (size_t)p->b->n + 1, sizeof *col_alone)) < 0 || (err = c5_alloc(&answer, 2 * (size_t)n + 1, sizeof *answer)) < 0)
		goto done;
	for (uint32_t i = 0; i < n; i++) {
		start[i] = at;
		row_alone[i] = c5_cost_alone(&p->model, p->a->cells[i].edge);
		for (uint64_t e = p->start[i]; e < p->start[i + 1]; e++, at++) {
			bool half = p->col[e] == p->half[2 * i] || p->col[e] == p->half[2 * i + 1];
			col[at] = p->col[e];
			cost[at] = half ? first_half(p, i, p->col[e]) : p->cost[e];
		}
	}
	for (uint32_t i = 0; i < n; i++) {
		start[n + i] = at;
		for (int s = 0; s < 2 && p->half[2 * i] != NONE; s++, at++)
			col[at] = p->half[2 * i + s], cost[at] = p->half_cost[i] - first_half(p, i, p->half[2 * i + 1 - s]);
	}
	start[2 * n] = at;
	for (uint32_t j = 0; j < p->b->n; j++) col_alone[j] = c5_cost_alone(&p->model, p->b->cells[j].edge);
	if ((err = c5_assign_solve(&(c5_assign_graph){ 2 * n, p->b->n, start, col, cost, row_alone, col_alone }, answer, &sum)) < 0) goto done;
	p->total = sum.cost;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t one = answer[i], two = answer[n + i];
		if (one == NONE || (two != NONE && single_cost(p, i, two) < single_cost(p, i, one))) one = two, two = answer[i];
		p->match[2 * i] = one, p->match[2 * i + 1] = two;
	}
done:
	free(start);
	free(col);
	free(cost);
	free(row_alone);
	free(col_alone);
	free(answer);
	return err;
}

int c5_pairing_solve(c5_pairing *p)
{
	int err = list_candidates(p);
	if (err < 0) return err;
	price(p);
	return match(p);
}

int c5_pairing_learn(c5_pairing *p)
{
	c5_change *changes;
	size_t n = 0;
	int err = c5_alloc(&changes, (size_t)p->a->n + 1, sizeof *changes);
	if (err < 0) return err;
	c5_model_guess(&p->model, p->params, p->reach, p->a->cells, p->a->n);
	for (uint32_t i = 0; i < p->a->n; i++) {
		if (p->match[2 * i] == NONE || p->match[2 * i + 1] != NONE) continue;
		for (uint64_t e = p->start[i]; e < p->start[i + 1]; e++)
			if (p->col[e] == p->match[2 * i]) changes[n++] = change_at(p, i, e);
	}
	p->model.step = fmin(p->model.step, STEP_SIZE * p->across); /* around expected places, other than in the first search */
	err = c5_model_learn(&p->model, changes, n, fmax(0.3, 0.03 * fmin(p->a->size, p->b->size)));
	free(changes);
	return err;
}

void c5_pairing_moves(const c5_pairing *p, double *dy, double *dx, uint8_t *moved)
{
	for (uint32_t i = 0; i < p->a->n; i++) {
		uint32_t j = p->match[2 * i], k = p->match[2 * i + 1];
		moved[i] = j != NONE;
		dy[i] = dx[i] = 0;
		if (j == NONE) continue;
		const c5_cell *m = &p->a->cells[i], *one = &p->b->cells[j], *two = &p->b->cells[k == NONE ? j : k];
		double w = k == NONE ? 1 : one->area / (one->area + two->area);
		dy[i] = w * one->y + (1 - w) * two->y - m->y, dx[i] = w * one->x + (1 - w) * two->x - m->x;
	}
}

/* Differences of places between objects of like size fall into bins; the fullest 3 x 3 of them is the shift. */
int c5_pairing_vote(const c5_pairing *p, double *dy, double *dx)
{
	const double bin = fmax(1, 0.25 * p->across);
	const uint32_t half = (uint32_t)fmin(ceil(p->reach / bin), 200), side = 2 * half + 3;
	uint32_t *votes, best = 0, at = 0, none = 0;
	int err = c5_alloc(&votes, (size_t)side * side, sizeof *votes);
	if (err < 0) return err;
	for (uint32_t i = 0; i < p->a->n; i++)
		for (uint64_t e = p->start[i]; e < p->start[i + 1]; e++) {
			const c5_cell *from = &p->a->cells[i], *to = &p->b->cells[p->col[e]];
			double y = floor((to->y - from->y) / bin + 0.5) + half + 1, x = floor((to->x - from->x) / bin + 0.5) + half + 1;
			if (!(fabs(log(to->area / from->area)) < ALIKE && y >= 1 && x >= 1 && y < side - 1 && x < side - 1)) continue;
			for (uint32_t k = 0; k < 9; k++) votes[((uint32_t)y + k / 3 - 1) * side + (uint32_t)x + k % 3 - 1]++;
		}
	none = votes[(half + 1) * side + half + 1];
	for (uint32_t k = 0; k < side * side; k++)
		if (votes[k] > best) best = votes[k], at = k;
	bool plain = best >= 3 && best > none + none / 4;
	*dy = plain ? ((double)(at / side) - half - 1) * bin : 0;
	*dx = plain ? ((double)(at % side) - half - 1) * bin : 0;
	free(votes);
	return C5_OK;
}
