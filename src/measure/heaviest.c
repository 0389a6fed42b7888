/* heaviest.c – see heaviest.h. Successive shortest paths: rows enter one at a time, each along the cheapest alternating path, found by
 * Dijkstra's method on costs kept non-negative by potentials. A row may also stay alone, which is a column of its own (number cols + row).
 * The cost of a pair is the row's greatest weight less the pair's. */
#include "measure/heaviest.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

#define NONE UINT32_MAX
#define FAR INT64_MAX

typedef struct reach { int64_t far; uint32_t col; } reach;

typedef struct solver {
	const c5_weighted *pairs;
	size_t *start;           /* (rows + 1) */
	size_t rows, cols;
	int64_t *top;            /* (rows) greatest weight */
	int64_t *u, *v;          /* potentials of rows, and of columns with those for staying alone */
	uint32_t *row_of, *from; /* (cols + rows) row a column is given to; row the path came from */
	uint32_t *col_of;        /* (rows) */
	int64_t *far;            /* (cols + rows) */
	bool *settled;
	uint32_t *seen;          /* columns to put back */
	size_t n_seen;
	reach *heap;
	size_t n_heap, cap_heap;
} solver;

static int push(solver *s, int64_t far, uint32_t col)
{
	int err = c5_grow(&s->heap, &s->cap_heap, s->n_heap + 1, sizeof *s->heap);
	if (err < 0) return err;
	size_t i = s->n_heap++;
	for (; i && s->heap[(i - 1) / 2].far > far; i = (i - 1) / 2) s->heap[i] = s->heap[(i - 1) / 2];
	s->heap[i] = (reach){ far, col };
	return 0;
}

static reach pop(solver *s)
{
	reach top = s->heap[0], last = s->heap[--s->n_heap];
	size_t i = 0;
	for (size_t k; (k = 2 * i + 1) < s->n_heap; i = k) {
		if (k + 1 < s->n_heap && s->heap[k + 1].far < s->heap[k].far) k++;
		if (s->heap[k].far >= last.far) break;
		s->heap[i] = s->heap[k];
	}
	s->heap[i] = last;
	return top;
}

/* A path of length `base` has come to `row`: go on to the column by an edge of this cost. */
static int relax(solver *s, uint32_t row, uint32_t col, int64_t cost, int64_t base)
{
	int64_t far = base + cost - s->u[row] - s->v[col];
	if (s->settled[col] || far >= s->far[col]) return 0;
	if (s->far[col] == FAR) s->seen[s->n_seen++] = col;
	s->far[col] = far;
	s->from[col] = row;
	return push(s, far, col);
}

static int add_row(solver *s, uint32_t first)
{
	uint32_t row = first, end = NONE;
	int64_t base = 0;
	int err = 0;
	s->n_seen = s->n_heap = 0;
	while (end == NONE) {
		for (size_t k = s->start[row]; k < s->start[row + 1]; k++)
			if ((err = relax(s, row, s->pairs[k].col, s->top[row] - (int64_t)s->pairs[k].weight, base)) < 0) return err;
		if ((err = relax(s, row, (uint32_t)s->cols + row, s->top[row], base)) < 0) return err;
		reach next = pop(s); /* there always is one: a row that holds a column can still stay alone */
		while (s->settled[next.col]) next = pop(s);
		s->settled[next.col] = true;
		base = next.far;
		if (s->row_of[next.col] == NONE) end = next.col;
		else row = s->row_of[next.col];
	}
	s->u[first] += base;
	for (size_t k = 0; k < s->n_seen; k++) {
		uint32_t col = s->seen[k];
		if (s->settled[col] && col != end) {
			s->u[s->row_of[col]] += base - s->far[col];
			s->v[col] -= base - s->far[col];
		}
		s->far[col] = FAR;
		s->settled[col] = false;
	}
	for (uint32_t col = end, r = NONE; r != first;) { /* hand the columns on along the path */
		r = s->from[col];
		uint32_t given_up = s->col_of[r];
		s->col_of[r] = col;
		s->row_of[col] = r;
		col = given_up;
	}
	return 0;
}

int c5_heaviest_pairs(uint64_t *weight, const c5_weighted *pairs, size_t n, size_t rows, size_t cols)
{
	solver s = { .pairs = pairs, .rows = rows, .cols = cols };
	const size_t all = rows + cols;
	int err;
	*weight = 0;
	if ((err = c5_alloc(&s.start, rows + 1, sizeof *s.start)) < 0 || (err = c5_alloc(&s.top, rows, sizeof *s.top)) < 0 ||
	    (err = c5_alloc(&s.u, rows, sizeof *s.u)) < 0 || (err = c5_alloc(&s.v, all, sizeof *s.v)) < 0 ||
	    (err = c5_alloc(&s.row_of, all, sizeof *s.row_of)) < 0 || (err = c5_alloc(&s.from, all, sizeof *s.from)) < 0 ||
	    (err = c5_alloc(&s.col_of, rows, sizeof *s.col_of)) < 0 || (err = c5_alloc(&s.far, all, sizeof *s.far)) < 0 ||
	    (err = c5_alloc(&s.settled, all, sizeof *s.settled)) < 0 || (err = c5_alloc(&s.seen, all, sizeof *s.seen)) < 0)
		goto done;
	for (size_t i = 0; i < all; i++) {
		s.row_of[i] = NONE;
		s.far[i] = FAR;
	}
	for (size_t i = 0; i < rows; i++) s.col_of[i] = NONE;
	for (size_t k = 0; k < n; k++) {
		s.start[pairs[k].row + 1]++;
		if ((int64_t)pairs[k].weight > s.top[pairs[k].row]) s.top[pairs[k].row] = (int64_t)pairs[k].weight;
	}
	for (size_t i = 0; i < rows; i++) s.start[i + 1] += s.start[i];
	for (uint32_t i = 0; i < rows; i++)
		if (s.start[i] < s.start[i + 1] && (err = add_row(&s, i)) < 0) goto done;
	for (size_t i = 0; i < rows; i++)
		for (size_t k = s.start[i]; k < s.start[i + 1]; k++)
			if (pairs[k].col == s.col_of[i]) *weight += pairs[k].weight;
done:
	free(s.start);
	free(s.top);
	free(s.u);
	free(s.v);
	free(s.row_of);
	free(s.from);
	free(s.col_of);
	free(s.far);
	free(s.settled);
	free(s.seen);
	free(s.heap);
	return err;
}
