/* assign.h – who goes with whom, at the least total cost: sparse assignment of rows to columns where any of them may stay alone at a
 * price of its own. Only the edges given exist; nothing of size rows x columns is ever made.
 *
 * The answer is exact. Costs are rounded to 2^-20 first and all arithmetic is in whole numbers, so it is the same on every machine, for
 * any order of the edges and any number of threads. Ties: rows are settled in ascending order, each along a cheapest alternating path; the
 * search looks at columns in order of (cost so far, number), keeps the row a column was first reached from at that cost, and ends at the
 * first free column it looks at; leaving a row of the path alone instead wins only when that is strictly cheaper. An edge that costs as much
 * as both its ends alone is not used.
 * Callers number rows and columns by label, so ties go by label. */
#ifndef C5_TRACK_ASSIGN_H
#define C5_TRACK_ASSIGN_H

#include <stdint.h>

#define C5_ASSIGN_NONE UINT32_MAX
#define C5_ASSIGN_COST_MAX 1e6

typedef struct c5_assign_graph {
	uint32_t n_rows, n_cols;
	const uint64_t *start;       /* (n_rows + 1): edges of row i are start[i] .. start[i + 1] - 1 */
	const uint32_t *col;         /* (edges) any order within a row; of a pair given twice the cheaper one counts */
	const double *cost;          /* (edges) finite, at most C5_ASSIGN_COST_MAX in size */
	const double *row_alone;     /* (n_rows) cost of a row without a column */
	const double *col_alone;     /* (n_cols) cost of a column without a row */
} c5_assign_graph;

typedef struct c5_assign_summary {
	double cost;                 /* total, those alone included */
	uint32_t pairs;
	uint32_t components;         /* connected parts with at least one useful edge, each solved by itself */
	uint32_t largest;            /* rows of the largest */
} c5_assign_summary;

/* col_of_row: (n_rows), caller's; C5_ASSIGN_NONE for a row left alone. summary may be NULL. C5_EFAIL for a graph that breaks the rules above. */
int c5_assign_solve(const c5_assign_graph *g, uint32_t *col_of_row, c5_assign_summary *summary);

#endif
