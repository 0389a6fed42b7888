/* lineage.c – the measures of the Cell Tracking Challenge that compare two lineages: the operations that turn one graph into the other (AOGM)
 * and what is made of them, complete tracks, track fractions, cell cycles, and divisions. Definitions and sources: docs/measures.md. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "measure/matches.h"

/* ---- operations on nodes and edges ---- */

enum { NO_EDGE, TRACK_EDGE, PARENT_EDGE };

/* What joins track a in frame s with track b in the later frame t. */
static int edge_between(const c5_lives *l, uint32_t a, uint32_t s, uint32_t b, uint32_t t)
{
	if (a == b) return t == s + 1 ? TRACK_EDGE : NO_EDGE;
	return l->parent[b] == a && l->at[a].end == s && l->at[b].begin == t ? PARENT_EDGE : NO_EDGE;
}

/* An edge of the result counts when both its ends match exactly one object; then it should be one of the truth, of the same kind. */
static void judge_result_edge(c5_tracking *out, const c5_matches *m, int kind, uint32_t a, uint32_t s, uint32_t b, uint32_t t)
{
	uint64_t p = c5_res_place(m, a, s), q = c5_res_place(m, b, t);
	out->res_edges++;
	if (m->claims[p] != 1 || m->claims[q] != 1) return;
	int found = edge_between(&m->gt, m->claimed[p], s, m->claimed[q], t);
	if (found == NO_EDGE) out->ed++;
	else if (found != kind) out->ec++;
}

/* An edge of the truth is there when both ends are matched, alone, by objects with an edge between them; else it must be added. */
static void judge_truth_edge(c5_tracking *out, const c5_matches *m, uint32_t a, uint32_t s, uint32_t b, uint32_t t)
{
	uint32_t x = c5_match_unique(m, a, s), y = c5_match_unique(m, b, t);
	out->gt_edges++;
	if (x == C5_UNMATCHED || y == C5_UNMATCHED || edge_between(&m->res, x, s, y, t) == NO_EDGE) out->ea++;
}

static double score(double cost, double cost_of_nothing)
{
	return c5_ratio(cost_of_nothing - (cost < cost_of_nothing ? cost : cost_of_nothing), cost_of_nothing);
}

void c5_count_operations(c5_tracking *out, const c5_matches *m)
{
	for (uint64_t p = 0; p < out->gt_objects; p++) out->fn += m->match[p] == C5_UNMATCHED;
	for (uint64_t p = 0; p < out->res_objects; p++) {
		out->fp += m->claims[p] == 0;
		out->ns += m->claims[p] > 1 ? m->claims[p] - 1 : 0;
	}
	for (uint32_t i = 0; i < m->gt.n; i++) {
		const c5_life *a = &m->gt.at[i];
		uint32_t p = m->gt.parent[i];
		for (uint32_t t = a->begin; t < a->end; t++) judge_truth_edge(out, m, i, t, i, t + 1);
		if (p != C5_NO_LIFE) judge_truth_edge(out, m, p, m->gt.at[p].end, i, a->begin);
	}
	for (uint32_t j = 0; j < m->res.n; j++) {
		const c5_life *a = &m->res.at[j];
		uint32_t p = m->res.parent[j];
		for (uint32_t t = a->begin; t < a->end; t++) judge_result_edge(out, m, TRACK_EDGE, j, t, j, t + 1);
		if (p != C5_NO_LIFE) judge_result_edge(out, m, PARENT_EDGE, p, m->res.at[p].end, j, a->begin);
	}
	double nodes = 5.0 * (double)out->ns + 10.0 * (double)out->fn + (double)out->fp;
	double edges = (double)out->ed + 1.5 * (double)out->ea + (double)out->ec;
	double nodes_0 = 10.0 * (double)out->gt_objects, edges_0 = 1.5 * (double)out->gt_edges;
	out->aogm = nodes + edges;
	out->aogm_0 = nodes_0 + edges_0;
	out->det = score(nodes, nodes_0);
	out->lnk = score(edges, edges_0);
	out->tra = score(out->aogm, out->aogm_0);
}

/* ---- complete tracks, fractions, cell cycles ---- */

static bool is_complete(const c5_matches *m, uint32_t i)
{
	const c5_life *a = &m->gt.at[i];
	uint32_t j = c5_match_unique(m, i, a->begin);
	if (j == C5_UNMATCHED || m->res.at[j].begin != a->begin || m->res.at[j].end != a->end) return false;
	for (uint32_t t = a->begin; t <= a->end; t++)
		if (c5_match_unique(m, i, t) != j) return false;
	return true;
}

/* The longest stretch of frames over which track j of the result follows track i of the truth. */
typedef struct stretch { uint32_t i, j, frames; } stretch;

static int by_result_then_truth(const void *x, const void *y)
{
	const stretch *a = x, *b = y;
	if (a->j != b->j) return (a->j > b->j) - (a->j < b->j);
	if (a->i != b->i) return (a->i > b->i) - (a->i < b->i);
	return (a->frames < b->frames) - (a->frames > b->frames);
}

/* Tracks of the result in order of label, each with those of the truth it follows in order of label: it betters their fractions until it has
 * followed one from its first frame to its last; a track so recovered is not looked at again. */
static int track_fractions(c5_tracking *out, const c5_matches *m)
{
	stretch *list = NULL;
	double *best = NULL, sum = 0, followed = 0;
	size_t n = 0, cap = 0;
	int err = c5_alloc(&best, m->gt.n, sizeof *best);
	if (err < 0) return err;
	for (uint32_t i = 0; i < m->gt.n; i++) {
		const c5_life *a = &m->gt.at[i];
		uint32_t last = C5_UNMATCHED;
		for (uint32_t t = a->begin; t <= a->end; t++) {
			uint32_t j = c5_match_unique(m, i, t);
			if (j != C5_UNMATCHED && j == last) list[n - 1].frames++;
			else if (j != C5_UNMATCHED) {
				if ((err = c5_grow(&list, &cap, n + 1, sizeof *list)) < 0) goto done;
				out->detected_tracks += !n || list[n - 1].i != i;
				list[n++] = (stretch){ i, j, 1 };
			}
			last = j;
		}
	}
	if (n) qsort(list, n, sizeof *list, by_result_then_truth);
	for (size_t k = 0, done_with = 0; k < n; k++) { /* done_with: 1 + the track of the result that has recovered one */
		const stretch *s = &list[k];
		uint32_t whole = m->gt.at[s->i].end - m->gt.at[s->i].begin + 1;
		if (done_with == (size_t)s->j + 1 || best[s->i] == 1) continue;
		double part = (double)s->frames / whole;
		if (part > best[s->i]) best[s->i] = part;
		if (s->frames == whole) done_with = (size_t)s->j + 1;
	}
	for (size_t i = 0; i < m->gt.n; i++) {
		sum += best[i];
		followed += best[i] > 0;
	}
	out->tf = c5_ratio(sum, followed);
done:
	free(list);
	free(best);
	return err;
}

static int by_number(const void *x, const void *y)
{
	uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;
	return (a > b) - (a < b);
}

/* Lengths of the tracks that begin and end with a division, ascending. */
static int cycles(const c5_lives *l, uint32_t **lengths, size_t *n)
{
	int err = c5_alloc(lengths, l->n, sizeof **lengths);
	*n = 0;
	for (uint32_t i = 0; err == C5_OK && i < l->n; i++)
		if (l->parent[i] != C5_NO_LIFE && c5_divides(l, l->parent[i]) && c5_divides(l, i)) (*lengths)[(*n)++] = l->at[i].end - l->at[i].begin;
	if (err == C5_OK && *n) qsort(*lengths, *n, sizeof **lengths, by_number);
	return err;
}

/* 1 - the largest difference between the two distributions of cycle lengths. */
static int cell_cycle_accuracy(c5_tracking *out, const c5_matches *m)
{
	uint32_t *a = NULL, *b = NULL;
	size_t n, k, i = 0, j = 0;
	double most = 0;
	int err = cycles(&m->gt, &a, &n);
	if (err == C5_OK) err = cycles(&m->res, &b, &k);
	if (err < 0) goto done;
	out->cca = n ? 0 : NAN;
	if (!n || !k) goto done;
	while (i < n || j < k) {
		uint32_t length = j == k || (i < n && a[i] < b[j]) ? a[i] : b[j];
		while (i < n && a[i] == length) i++;
		while (j < k && b[j] == length) j++;
		double apart = fabs((double)i / (double)n - (double)j / (double)k);
		if (apart > most) most = apart;
	}
	out->cca = 1 - most;
done:
	free(a);
	free(b);
	return err;
}

int c5_follow_tracks(c5_tracking *out, const c5_matches *m)
{
	for (uint32_t i = 0; i < m->gt.n; i++) out->complete_tracks += is_complete(m, i);
	out->ct = m->gt.n ? 2.0 * (double)out->complete_tracks / (double)(m->gt.n + m->res.n) : NAN;
	int err = track_fractions(out, m);
	return err < 0 ? err : cell_cycle_accuracy(out, m);
}

/* ---- divisions ---- */

static uint32_t apart(uint32_t a, uint32_t b) { return a > b ? a - b : b - a; }

/* The parents end at most `most` frames apart and match, alone, in the last frame both live in. */
static bool parents_match(const c5_matches *m, uint32_t i, uint32_t j, uint32_t most)
{
	uint32_t s = m->gt.at[i].end, t = m->res.at[j].end;
	return apart(s, t) <= most && c5_match_unique(m, i, s < t ? s : t) == j;
}

/* As many daughters, and each of the truth's matches one of the result's that begins at most `most` frames apart, in the first frame both live in. */
static bool daughters_match(const c5_matches *m, uint32_t i, uint32_t j, uint32_t most)
{
	if (c5_lives_children(&m->gt, i) != c5_lives_children(&m->res, j)) return false;
	for (uint32_t k = m->gt.child_start[i]; k < m->gt.child_start[i + 1]; k++) {
		uint32_t a = m->gt.child[k], s = m->gt.at[a].begin;
		bool found = false;
		for (uint32_t l = m->res.child_start[j]; l < m->res.child_start[j + 1] && !found; l++) {
			uint32_t b = m->res.child[l], t = m->res.at[b].begin;
			found = apart(s, t) <= most && t <= m->gt.at[a].end && c5_match_unique(m, a, s > t ? s : t) == b;
		}
		if (!found) return false;
	}
	return true;
}

/* A division of each that could be the same one. */
typedef struct couple { uint32_t i, j, apart; bool correct; } couple;

static int best_first(const void *x, const void *y)
{
	const couple *a = x, *b = y;
	if (a->correct != b->correct) return a->correct ? -1 : 1;
	if (a->apart != b->apart) return (a->apart > b->apart) - (a->apart < b->apart);
	if (a->i != b->i) return (a->i > b->i) - (a->i < b->i);
	return (a->j > b->j) - (a->j < b->j);
}

static int add_couple(couple **list, size_t *n, size_t *cap, const c5_matches *m, uint32_t i, uint32_t j, uint32_t most)
{
	if (j == C5_UNMATCHED || !c5_divides(&m->res, j) || !parents_match(m, i, j, most)) return 0;
	for (size_t k = *n; k-- > 0 && (*list)[k].i == i;)
		if ((*list)[k].j == j) return 0;
	int err = c5_grow(list, cap, *n + 1, sizeof **list);
	if (err == 0) (*list)[(*n)++] = (couple){ i, j, apart(m->gt.at[i].end, m->res.at[j].end), daughters_match(m, i, j, most) };
	return err;
}

int c5_compare_divisions(c5_tracking *out, const c5_matches *m)
{
	couple *list = NULL;
	bool *used_i = NULL, *used_j = NULL;
	size_t cap = 0;
	int err;
	if ((err = c5_alloc(&used_i, m->gt.n, sizeof *used_i)) < 0 || (err = c5_alloc(&used_j, m->res.n, sizeof *used_j)) < 0) goto done;
	for (uint32_t i = 0; i < m->gt.n; i++) out->gt_divisions += c5_divides(&m->gt, i);
	for (uint32_t j = 0; j < m->res.n; j++) out->res_divisions += c5_divides(&m->res, j);
	for (uint32_t most = 0; most <= C5_BC_MOST; most++) {
		c5_divisions *d = &out->divisions[most];
		size_t n = 0;
		memset(used_i, 0, m->gt.n * sizeof *used_i);
		memset(used_j, 0, m->res.n * sizeof *used_j);
		for (uint32_t i = 0; i < m->gt.n; i++) {
			if (!c5_divides(&m->gt, i)) continue;
			uint32_t end = m->gt.at[i].end; /* a partner matches in the last frame or, if it ended before, in its own last */
			for (uint32_t back = 0; back <= most && back <= end; back++)
				if ((err = add_couple(&list, &n, &cap, m, i, c5_match_unique(m, i, end - back), most)) < 0) goto done;
		}
		if (n) qsort(list, n, sizeof *list, best_first);
		for (size_t k = 0; k < n; k++) {
			if (used_i[list[k].i] || used_j[list[k].j]) continue;
			used_i[list[k].i] = used_j[list[k].j] = true;
			if (list[k].correct) d->correct++;
			else d->mismatched++;
		}
		d->missed = out->gt_divisions - d->correct - d->mismatched;
		d->invented = out->res_divisions - d->correct - d->mismatched;
		d->bc = out->gt_divisions ? 2.0 * (double)d->correct / (double)(out->gt_divisions + out->res_divisions) : NAN;
	}
done:
	free(list);
	free(used_i);
	free(used_j);
	return err;
}
