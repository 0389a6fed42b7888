/* assign.c – see assign.h. Taking the price of both ends alone off an edge leaves what the pair saves; only edges that save are kept, and a
 * row may always be alone at 0. Then rows are added one by one along shortest augmenting paths (Jonker and Volgenant), found by Dijkstra's
 * search with a heap on costs that the columns' prices keep from being negative. A row that was left alone stays so: nothing that comes
 * later can make room for it. Parts of the graph that do not touch are split off first. */
#include "track/assign.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

#define SCALE 1048576.0 /* whole numbers a unit of cost */
#define NONE C5_ASSIGN_NONE

typedef struct edge { uint32_t col; int64_t saves; } edge; /* saves < 0: cost of the pair less that of both alone */
typedef struct reached { int64_t d; uint32_t col; } reached;

typedef struct solver {
	uint32_t n_rows, n_cols;
	uint64_t *start;        /* (n_rows + 1) */
	edge *edges;            /* sorted by column in each row */
	uint32_t *order;        /* rows with edges, by component and number */
	uint32_t *root;         /* (n_rows + n_cols) union-find; then the component of each row */
	int64_t *price;         /* (n_cols) */
	int64_t *d;             /* (n_cols) cost of the path to it; valid where seen */
	uint32_t *row_of;       /* (n_cols) */
	uint32_t *from;         /* (n_cols) row it was reached from */
	uint8_t *seen;          /* (n_cols) 1 reached, 2 looked at */
	uint32_t *touched;      /* columns with seen set */
	uint32_t n_touched;
	reached *heap;
	size_t n_heap, cap_heap;
} solver;

static void solver_free(solver *s)
{
	free(s->start);
	free(s->edges);
	free(s->order);
	free(s->root);
	free(s->price);
	free(s->d);
	free(s->row_of);
	free(s->from);
	free(s->seen);
	free(s->touched);
	free(s->heap);
}

static int64_t whole(double cost) { return (int64_t)llround(cost * SCALE); }

static bool good_cost(double cost) { return fabs(cost) <= C5_ASSIGN_COST_MAX; } /* false for NaN */

static int check_graph(const c5_assign_graph *g)
{
	if (g->n_rows >= NONE / 2 || g->n_cols >= NONE / 2) return c5_fail(C5_EFAIL, "assignment of %u rows and %u columns, too many", g->n_rows, g->n_cols);
	for (uint32_t i = 0; i < g->n_rows; i++) {
		if (!good_cost(g->row_alone[i]))
			return c5_fail(C5_EFAIL, "assignment row %u alone costs %g, expected at most %g", i, g->row_alone[i], C5_ASSIGN_COST_MAX);
		if (g->start[i + 1] < g->start[i]) return c5_fail(C5_EFAIL, "assignment row %u ends before it begins", i);
		for (uint64_t e = g->start[i]; e < g->start[i + 1]; e++)
			if (g->col[e] >= g->n_cols || !good_cost(g->cost[e]))
				return c5_fail(C5_EFAIL, "assignment row %u has an edge to column %u of %u that costs %g", i, g->col[e], g->n_cols, g->cost[e]);
	}
	for (uint32_t j = 0; j < g->n_cols; j++)
		if (!good_cost(g->col_alone[j]))
			return c5_fail(C5_EFAIL, "assignment column %u alone costs %g, expected at most %g", j, g->col_alone[j], C5_ASSIGN_COST_MAX);
	return C5_OK;
}

static int by_col(const void *a, const void *b)
{
	const edge *p = a, *q = b;
	if (p->col != q->col) return p->col < q->col ? -1 : 1;
	return (p->saves > q->saves) - (p->saves < q->saves);
}

/* Copies the edges that save something, sorted, of equals the cheapest. */
static void take_edges(solver *s, const c5_assign_graph *g)
{
	uint64_t n = 0;
	for (uint32_t i = 0; i < g->n_rows; i++) {
		s->start[i] = n;
		for (uint64_t e = g->start[i]; e < g->start[i + 1]; e++) {
			int64_t saves = whole(g->cost[e]) - whole(g->row_alone[i]) - whole(g->col_alone[g->col[e]]);
			if (saves < 0) s->edges[n++] = (edge){ g->col[e], saves };
		}
		edge *row = s->edges + s->start[i];
		size_t count = n - s->start[i], kept = 0;
		bool sorted = true;
		for (size_t k = 1; k < count; k++) sorted &= row[k - 1].col < row[k].col;
		if (sorted) continue;
		qsort(row, count, sizeof *row, by_col);
		for (size_t k = 0; k < count; k++)
			if (!k || row[k].col != row[k - 1].col) row[kept++] = row[k];
		n = s->start[i] + kept;
	}
	s->start[g->n_rows] = n;
}

static uint32_t find_root(uint32_t *root, uint32_t i)
{
	while (root[i] != i) i = root[i] = root[root[i]];
	return i;
}

/* Orders the rows that have edges by component (that of the lowest row first) and number. */
static int split(solver *s, c5_assign_summary *sum)
{
	uint32_t *count, n = 0;
	int err = c5_alloc(&count, (size_t)s->n_rows + 1, sizeof *count);
	if (err < 0) return err;
	for (uint32_t i = 0; i < s->n_rows + s->n_cols; i++) s->root[i] = i;
	for (uint32_t i = 0; i < s->n_rows; i++)
		for (uint64_t e = s->start[i]; e < s->start[i + 1]; e++) {
			uint32_t a = find_root(s->root, i), b = find_root(s->root, s->n_rows + s->edges[e].col);
			if (a < b) s->root[b] = a;
			else s->root[a] = b;
		}
	/* the root of a component is its lowest row */
	for (uint32_t i = 0; i < s->n_rows; i++) {
		s->root[i] = find_root(s->root, i);
		if (s->start[i] == s->start[i + 1]) continue;
		uint32_t size = ++count[s->root[i]];
		sum->components += size == 1;
		if (size > sum->largest) sum->largest = size;
	}
	for (uint32_t i = 0; i < s->n_rows; i++) { /* counts to places */
		uint32_t c = count[i];
		count[i] = n;
		n += c;
	}
	memset(s->order, 0xff, sizeof *s->order * s->n_rows);
	for (uint32_t i = 0; i < s->n_rows; i++)
		if (s->start[i] < s->start[i + 1]) s->order[count[s->root[i]]++] = i;
	free(count);
	return C5_OK;
}

static bool sooner(const reached *a, const reached *b) { return a->d < b->d || (a->d == b->d && a->col < b->col); }

static int heap_put(solver *s, int64_t d, uint32_t col)
{
	int err = s->n_heap < s->cap_heap ? C5_OK : c5_grow(&s->heap, &s->cap_heap, s->n_heap + 1, sizeof *s->heap);
	if (err < 0) return err;
	reached put = { d, col };
	size_t i = s->n_heap++;
	for (; i && sooner(&put, &s->heap[(i - 1) / 2]); i = (i - 1) / 2) s->heap[i] = s->heap[(i - 1) / 2];
	s->heap[i] = put;
	return C5_OK;
}

static reached heap_take(solver *s)
{
	reached top = s->heap[0], last = s->heap[--s->n_heap];
	size_t i = 0;
	for (size_t child; (child = 2 * i + 1) < s->n_heap; i = child) {
		if (child + 1 < s->n_heap && sooner(&s->heap[child + 1], &s->heap[child])) child++;
		if (!sooner(&s->heap[child], &last)) break;
		s->heap[i] = s->heap[child];
	}
	s->heap[i] = last;
	return top;
}

/* Reaches on from row i, itself reached at cost `at` where a column of no cost would be at at - base. */
static int reach_from(solver *s, uint32_t i, int64_t base)
{
	for (uint64_t e = s->start[i]; e < s->start[i + 1]; e++) {
		uint32_t j = s->edges[e].col;
		int64_t d = s->edges[e].saves - s->price[j] + base;
		if (s->seen[j] == 2 || (s->seen[j] && s->d[j] <= d)) continue;
		if (!s->seen[j]) s->touched[s->n_touched++] = j;
		s->seen[j] = 1;
		s->d[j] = d;
		s->from[j] = i;
		int err = heap_put(s, d, j);
		if (err < 0) return err;
	}
	return C5_OK;
}

static int64_t saving(const solver *s, uint32_t i, uint32_t j)
{
	uint64_t lo = s->start[i], hi = s->start[i + 1];
	while (hi - lo > 1) {
		uint64_t mid = lo + (hi - lo) / 2;
		if (s->edges[mid].col <= j) lo = mid;
		else hi = mid;
	}
	return s->edges[lo].saves;
}

/* Brings one more row in. */
static int add_row(solver *s, uint32_t row, uint32_t *col_of_row)
{
	int64_t alone = 0, end = 0; /* cheapest way to end by leaving alone_row alone */
	uint32_t alone_row = row, last = NONE;
	s->n_heap = s->n_touched = 0;
	int err = reach_from(s, row, 0);
	while (err == C5_OK && s->n_heap) {
		reached top = heap_take(s);
		if (s->seen[top.col] == 2 || top.d != s->d[top.col]) continue;
		if (top.d > alone) break;
		uint32_t i = s->row_of[top.col];
		if (i == NONE) {
			last = top.col;
			break;
		}
		s->seen[top.col] = 2;
		int64_t base = top.d - (saving(s, i, top.col) - s->price[top.col]);
		if (base < alone) alone = base, alone_row = i;
		err = reach_from(s, i, base);
	}
	end = last != NONE ? s->d[last] : alone;
	for (uint32_t k = 0; k < s->n_touched; k++) {
		uint32_t j = s->touched[k];
		if (s->seen[j] == 2 && s->d[j] < end) s->price[j] += s->d[j] - end;
		s->seen[j] = 0;
	}
	if (err < 0) return err;
	if (last == NONE) {
		if (alone_row == row) return C5_OK;
		last = col_of_row[alone_row];
		col_of_row[alone_row] = NONE;
	}
	for (uint32_t i = NONE; i != row;) { /* back along the path */
		i = s->from[last];
		uint32_t next = col_of_row[i];
		s->row_of[last] = i;
		col_of_row[i] = last;
		last = next;
	}
	return C5_OK;
}

int c5_assign_solve(const c5_assign_graph *g, uint32_t *col_of_row, c5_assign_summary *summary)
{
	c5_assign_summary sum = { 0 };
	solver s = { .n_rows = g->n_rows, .n_cols = g->n_cols };
	size_t rows = g->n_rows, cols = g->n_cols, most = cols ? cols : 1;
	uint64_t edges = rows ? g->start[rows] : 0;
	int64_t cost = 0;
	int err = check_graph(g);
	if (err < 0) return err;
	if ((err = c5_alloc(&s.start, rows + 1, sizeof *s.start)) < 0 || (err = c5_alloc(&s.edges, edges + 1, sizeof *s.edges)) < 0 ||
	    (err = c5_alloc(&s.order, rows + 1, sizeof *s.order)) < 0 || (err = c5_alloc(&s.root, rows + cols + 1, sizeof *s.root)) < 0 ||
	    (err = c5_alloc(&s.price, most, sizeof *s.price)) < 0 || (err = c5_alloc(&s.d, most, sizeof *s.d)) < 0 ||
	    (err = c5_alloc(&s.row_of, most, sizeof *s.row_of)) < 0 || (err = c5_alloc(&s.from, most, sizeof *s.from)) < 0 ||
	    (err = c5_alloc(&s.seen, most, sizeof *s.seen)) < 0 || (err = c5_alloc(&s.touched, most, sizeof *s.touched)) < 0)
		goto done;
	take_edges(&s, g);
	if ((err = split(&s, &sum)) < 0) goto done;
	memset(s.row_of, 0xff, sizeof *s.row_of * cols);
	for (size_t i = 0; i < rows; i++) col_of_row[i] = NONE;
	for (size_t k = 0; k < rows && s.order[k] != NONE; k++)
		if ((err = add_row(&s, s.order[k], col_of_row)) < 0) goto done;
	for (uint32_t i = 0; i < rows; i++) {
		cost += whole(g->row_alone[i]);
		if (col_of_row[i] == NONE) continue;
		cost += saving(&s, i, col_of_row[i]);
		sum.pairs++;
	}
	for (uint32_t j = 0; j < cols; j++) cost += whole(g->col_alone[j]);
	sum.cost = (double)cost / SCALE;
	if (summary) *summary = sum;
done:
	solver_free(&s);
	return err;
}
