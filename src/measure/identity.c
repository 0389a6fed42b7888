/* identity.c – the measures of multiple object tracking: MOTA, HOTA, CHOTA, IDF1. Tracks joined by a parent with a single child are one cell
 * behind a gap and count as one track ("chain") here. Definitions and sources: docs/measures.md. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "measure/heaviest.h"
#include "measure/matches.h"

/* The chains of one side as a forest. A chain goes by the index of its first track; only those entries hold anything. */
typedef struct chains {
	uint32_t *order;     /* all tracks by first frame */
	uint32_t *head;      /* chain of each track */
	uint32_t *parent;    /* chain above, or C5_NO_LIFE */
	uint32_t *place;     /* number in a walk from parents down: those below chain i have the numbers place .. place + size - 1 */
	uint32_t *size;
	uint64_t *objects;   /* (n) of each chain, as rows or columns of the table count them */
	uint64_t *before;    /* (n + 1) objects of the chains with a lower place */
	uint64_t *above;     /* objects of all chains above */
} chains;

/* Frames in which a chain of the truth is matched by one of the result. */
typedef struct shared { uint32_t i, j; uint64_t frames; } shared;

static void chains_free(chains *c)
{
	free(c->order);
	free(c->head);
	free(c->parent);
	free(c->place);
	free(c->size);
	free(c->objects);
	free(c->before);
	free(c->above);
}

static int by_key(const void *x, const void *y)
{
	uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;
	return (a > b) - (a < b);
}

static int chains_make(chains *c, const c5_lives *l, const uint64_t *objects_of_track)
{
	uint64_t *keys = NULL;
	uint32_t *next = NULL;
	const size_t n = l->n;
	uint32_t roots = 0;
	int err;
	if ((err = c5_alloc(&keys, n, sizeof *keys)) < 0 || (err = c5_alloc(&next, n, sizeof *next)) < 0 ||
	    (err = c5_alloc(&c->order, n, sizeof *c->order)) < 0 || (err = c5_alloc(&c->head, n, sizeof *c->head)) < 0 ||
	    (err = c5_alloc(&c->parent, n, sizeof *c->parent)) < 0 || (err = c5_alloc(&c->place, n, sizeof *c->place)) < 0 ||
	    (err = c5_alloc(&c->size, n, sizeof *c->size)) < 0 || (err = c5_alloc(&c->objects, n, sizeof *c->objects)) < 0 ||
	    (err = c5_alloc(&c->before, n + 1, sizeof *c->before)) < 0 || (err = c5_alloc(&c->above, n, sizeof *c->above)) < 0)
		goto done;
	for (size_t i = 0; i < n; i++) keys[i] = (uint64_t)l->at[i].begin << 32 | i;
	if (n) qsort(keys, n, sizeof *keys, by_key);
	for (size_t k = 0; k < n; k++) { /* parents begin before their children */
		uint32_t i = c->order[k] = (uint32_t)keys[k], p = l->parent[i];
		bool gap = p != C5_NO_LIFE && c5_lives_children(l, p) == 1;
		c->head[i] = gap ? c->head[p] : i;
		c->objects[c->head[i]] += objects_of_track[i];
		c->parent[i] = p == C5_NO_LIFE ? C5_NO_LIFE : c->head[p];
		c->size[i] = !gap;
	}
	for (size_t k = n; k-- > 0;) {
		uint32_t i = c->order[k];
		if (c->head[i] == i && c->parent[i] != C5_NO_LIFE) c->size[c->parent[i]] += c->size[i];
	}
	for (size_t k = 0; k < n; k++) {
		uint32_t i = c->order[k], p = c->parent[i];
		if (c->head[i] != i) continue;
		uint32_t *slot = p == C5_NO_LIFE ? &roots : &next[p];
		c->place[i] = *slot;
		*slot += c->size[i];
		next[i] = c->place[i] + 1;
		c->before[c->place[i] + 1] = c->objects[i];
		c->above[i] = p == C5_NO_LIFE ? 0 : c->above[p] + c->objects[p];
	}
	for (size_t k = 0; k < n; k++) c->before[k + 1] += c->before[k];
done:
	free(keys);
	free(next);
	return err;
}

/* Objects of a chain, of those above it and of those below. */
static uint64_t family_objects(const chains *c, uint32_t i)
{
	return c->above[i] + c->before[c->place[i] + c->size[i]] - c->before[c->place[i]];
}

static bool is_below_or_same(const chains *c, uint32_t low, uint32_t high)
{
	return c->place[low] >= c->place[high] && c->place[low] < c->place[high] + c->size[high];
}

static bool same_family(const chains *c, uint32_t a, uint32_t b) { return is_below_or_same(c, a, b) || is_below_or_same(c, b, a); }

/* ---- the table of shared frames, rows in order of place ---- */

static int by_row(const void *x, const void *y)
{
	const shared *a = x, *b = y;
	if (a->i != b->i) return (a->i > b->i) - (a->i < b->i);
	return (a->j > b->j) - (a->j < b->j);
}

/* Rows by place of the chain of the truth, columns by the chain of the result. */
static int share(shared **list, size_t *n, const c5_matches *m, const chains *gt, const chains *res)
{
	size_t cap = 0, kept = 0;
	*n = 0;
	for (uint32_t i = 0; i < m->gt.n; i++) {
		const uint32_t row = gt->place[gt->head[i]];
		for (uint64_t p = m->gt_start[i]; p < m->gt_start[i + 1]; p++) {
			if (m->match[p] == C5_UNMATCHED) continue;
			uint32_t col = res->head[m->match[p]];
			if (*n && (*list)[*n - 1].i == row && (*list)[*n - 1].j == col) {
				(*list)[*n - 1].frames++;
				continue;
			}
			int err = c5_grow(list, &cap, *n + 1, sizeof **list);
			if (err < 0) return err;
			(*list)[(*n)++] = (shared){ row, col, 1 };
		}
	}
	if (*n) qsort(*list, *n, sizeof **list, by_row);
	for (size_t k = 0; k < *n; k++)
		if (kept && (*list)[kept - 1].i == (*list)[k].i && (*list)[kept - 1].j == (*list)[k].j) (*list)[kept - 1].frames += (*list)[k].frames;
		else (*list)[kept++] = (*list)[k];
	*n = kept;
	return 0;
}

/* Frames that rows a .. b - 1 share with the family of column j. */
static uint64_t frames_with(const shared *list, const size_t *start, uint32_t a, uint32_t b, const chains *res, uint32_t j)
{
	uint64_t sum = 0;
	for (size_t k = start[a]; k < start[b]; k++)
		if (same_family(res, list[k].j, j)) sum += list[k].frames;
	return sum;
}

/* ---- measures ---- */

static int switches(c5_tracking *out, const c5_matches *m, const chains *gt, const chains *res)
{
	uint32_t *last;
	int err = c5_alloc(&last, m->gt.n, sizeof *last);
	if (err < 0) return err;
	for (size_t i = 0; i < m->gt.n; i++) last[i] = C5_UNMATCHED;
	for (size_t k = 0; k < m->gt.n; k++) {
		uint32_t i = gt->order[k], head = gt->head[i];
		for (uint64_t p = m->gt_start[i]; p < m->gt_start[i + 1]; p++) {
			if (m->match[p] == C5_UNMATCHED) continue;
			uint32_t now = res->head[m->match[p]];
			out->switches += last[head] != C5_UNMATCHED && last[head] != now;
			last[head] = now;
		}
	}
	free(last);
	return 0;
}

static int associations(c5_tracking *out, const c5_matches *m, const chains *gt, const chains *res, const shared *list, size_t n)
{
	uint32_t *chain_at = NULL; /* by place */
	size_t *start = NULL;
	double hota = 0, chota = 0, all = (double)(out->mot_tp + out->mot_fp + out->mot_fn);
	int err;
	if ((err = c5_alloc(&chain_at, m->gt.n, sizeof *chain_at)) < 0 || (err = c5_alloc(&start, m->gt.n + 1, sizeof *start)) < 0) goto done;
	for (uint32_t i = 0; i < m->gt.n; i++)
		if (gt->head[i] == i) chain_at[gt->place[i]] = i;
	for (size_t k = 0; k < n; k++) start[list[k].i + 1]++;
	for (size_t i = 0; i < m->gt.n; i++) start[i + 1] += start[i];
	for (size_t k = 0; k < n; k++) {
		uint32_t i = chain_at[list[k].i], j = list[k].j;
		double frames = (double)list[k].frames;
		hota += frames * frames / (double)(gt->objects[i] + res->objects[j] - list[k].frames);
		uint64_t both = frames_with(list, start, gt->place[i], gt->place[i] + gt->size[i], res, j);
		for (uint32_t p = gt->parent[i]; p != C5_NO_LIFE; p = gt->parent[p]) both += frames_with(list, start, gt->place[p], gt->place[p] + 1, res, j);
		chota += frames * (double)both / (double)(family_objects(gt, i) + family_objects(res, j) - both);
	}
	out->hota = sqrt(c5_ratio(hota, all));
	out->chota = sqrt(c5_ratio(chota, all));
done:
	free(chain_at);
	free(start);
	return err;
}

static int identities(c5_tracking *out, const c5_matches *m, const chains *gt, const chains *res, const shared *list, size_t n)
{
	c5_weighted *pairs;
	uint64_t truth = 0, result = 0;
	int err = c5_alloc(&pairs, n, sizeof *pairs);
	if (err < 0) return err;
	for (size_t k = 0; k < n; k++) pairs[k] = (c5_weighted){ list[k].i, list[k].j, list[k].frames };
	err = c5_heaviest_pairs(&out->id_tp, pairs, n, m->gt.n, m->res.n);
	free(pairs);
	for (size_t i = 0; i < m->gt.n; i++) truth += gt->objects[i];
	for (size_t j = 0; j < m->res.n; j++) result += res->objects[j];
	out->id_fn = truth - out->id_tp;
	out->id_fp = result - out->id_tp;
	out->idp = c5_ratio((double)out->id_tp, (double)result);
	out->idr = c5_ratio((double)out->id_tp, (double)truth);
	out->idf1 = c5_ratio(2 * (double)out->id_tp, (double)(truth + result));
	return err;
}

int c5_compare_identities(c5_tracking *out, const c5_matches *m)
{
	chains gt = { 0 }, res = { 0 };
	shared *list = NULL;
	uint64_t *objects = NULL;
	size_t n = 0;
	int err = c5_alloc(&objects, m->gt.n > m->res.n ? m->gt.n : m->res.n, sizeof *objects);
	if (err < 0) return err;
	for (size_t i = 0; i < m->gt.n; i++) objects[i] = m->gt_start[i + 1] - m->gt_start[i];
	if ((err = chains_make(&gt, &m->gt, objects)) < 0) goto done;
	for (size_t j = 0; j < m->res.n; j++) { /* an object that matches several counts as often */
		objects[j] = 0;
		for (uint64_t p = m->res_start[j]; p < m->res_start[j + 1]; p++) objects[j] += m->claims[p] ? m->claims[p] : 1;
	}
	if ((err = chains_make(&res, &m->res, objects)) < 0) goto done;
	out->mot_fn = out->fn;
	out->mot_fp = out->fp;
	out->mot_tp = out->gt_objects - out->fn;
	out->merges = out->ns;
	if ((err = switches(out, m, &gt, &res)) < 0 || (err = share(&list, &n, m, &gt, &res)) < 0 ||
	    (err = associations(out, m, &gt, &res, list, n)) < 0 || (err = identities(out, m, &gt, &res, list, n)) < 0)
		goto done;
	out->mota = 1 - c5_ratio((double)(out->mot_fn + out->mot_fp + out->switches + out->merges), (double)out->gt_objects);
done:
	chains_free(&gt);
	chains_free(&res);
	free(list);
	free(objects);
	return err;
}
