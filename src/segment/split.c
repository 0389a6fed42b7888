/* split.c – see split.h. A watershed of the relief cuts the mask into too many basins; neighbours are then joined, the surest pair first, as
 * long as the pass between them is wide for their size. Shape alone tells two rods in a row from one long rod with uneven contents, where a
 * watershed with one depth for all cannot. All ties are broken by number, so the order of joining is fixed. */
#include "segment/split.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpus.h"
#include "base/error.h"
#include "base/mem.h"
#include "image/filter.h"
#include "image/watershed.h"

typedef struct basin { float low, wide; double tone, area; uint32_t links; } basin; /* deepest relief, largest distance, sum of tone */
typedef struct link { /* between two basins that touch; in a list of each (0 ends it: link 0 is none) */
	uint32_t a, b, next_a, next_b, length, turn; /* turn: grows whenever the entries in the heap are out of date */
	float low, wide; /* the pass: lowest relief to cross, largest distance on it */
	double tone;     /* sum along the border */
} link;
typedef struct entry { double score; uint32_t link, turn; } entry;

typedef struct graph {
	basin *basins;
	uint32_t *seen; /* of basins: the link to the one at hand, while lists are merged */
	uint32_t *parent;
	link *links;
	size_t n_links, cap_links;
	entry *heap;
	size_t n_heap, cap_heap;
	uint32_t *table; /* links by their pair of basins, open addressing */
	size_t slots;
} graph;

size_t c5_split_bytes(size_t height, size_t width) { return c5_watershed_bytes(height, width) + height * width * sizeof(uint16_t) + 8; }

/* ---- the graph ---- */

static size_t slot_of(const graph *g, uint32_t a, uint32_t b)
{
	uint64_t h = ((uint64_t)a << 32 | b) * 0x9e3779b97f4a7c15u;
	size_t i = (size_t)(h >> 20) & (g->slots - 1);
	while (g->table[i] && (g->links[g->table[i]].a != a || g->links[g->table[i]].b != b)) i = (i + 1) & (g->slots - 1);
	return i;
}

static int rehash(graph *g)
{
	uint32_t *old = g->table;
	size_t slots = g->slots ? 2 * g->slots : 1024;
	int err = c5_alloc(&g->table, slots, sizeof *g->table);
	if (err < 0) {
		g->table = old;
		return err;
	}
	free(old);
	g->slots = slots;
	for (uint32_t i = 1; i < g->n_links; i++) g->table[slot_of(g, g->links[i].a, g->links[i].b)] = i;
	return C5_OK;
}

static int link_of(graph *g, uint32_t a, uint32_t b, link **out)
{
	int err;
	if (a > b) { uint32_t t = a; a = b, b = t; }
	if (2 * g->n_links >= g->slots && (err = rehash(g)) < 0) return err;
	size_t i = slot_of(g, a, b);
	if (!g->table[i]) {
		if ((err = c5_grow(&g->links, &g->cap_links, g->n_links + 1, sizeof *g->links)) < 0) return err;
		g->table[i] = (uint32_t)g->n_links++;
		g->links[g->table[i]] = (link){ .a = a, .b = b, .low = C5_FILTER_LIMIT };
	}
	*out = &g->links[g->table[i]];
	return C5_OK;
}

static int touch(graph *g, const uint32_t *labels, size_t i, size_t j, const float *relief, const float *distance, const float *tone)
{
	link *l;
	int err = link_of(g, labels[i], labels[j], &l);
	if (err < 0) return err;
	const float low = relief[i] > relief[j] ? relief[i] : relief[j], wide = distance[i] < distance[j] ? distance[i] : distance[j];
	if (low < l->low) l->low = low;
	if (wide > l->wide) l->wide = wide;
	if (tone) l->tone += ((double)tone[i] + (double)tone[j]) / 2;
	l->length++;
	return C5_OK;
}

/* ---- the heap: highest score first, then the lowest number ---- */

static bool before(entry a, entry b) { return a.score > b.score || (!(a.score < b.score) && a.link < b.link); }

static int heap_put(graph *g, entry e)
{
	int err = c5_grow(&g->heap, &g->cap_heap, g->n_heap + 1, sizeof *g->heap);
	if (err < 0) return err;
	size_t i = g->n_heap++;
	for (; i && before(e, g->heap[(i - 1) / 2]); i = (i - 1) / 2) g->heap[i] = g->heap[(i - 1) / 2];
	g->heap[i] = e;
	return C5_OK;
}

static entry heap_take(graph *g)
{
	entry first = g->heap[0], e = g->heap[--g->n_heap];
	size_t i = 0;
	for (size_t k; (k = 2 * i + 1) < g->n_heap; i = k) {
		if (k + 1 < g->n_heap && before(g->heap[k + 1], g->heap[k])) k++;
		if (!before(g->heap[k], e)) break;
		g->heap[i] = g->heap[k];
	}
	g->heap[i] = e;
	return first;
}

/* ---- joining ---- */

/* Above 0: the two belong together, the more the surer. Shallow basins come first, the shallowest before all, then small ones. */
static double score_of(const graph *g, const link *l, const c5_split_rules *rules)
{
	const basin *a = &g->basins[l->a], *b = &g->basins[l->b];
	const double depth = (double)l->low - (double)(a->low > b->low ? a->low : b->low), wide = (double)(a->wide < b->wide ? a->wide : b->wide);
	if (depth < rules->depth) return 20 - 10 * depth / rules->depth;
	const double open = wide > 0 ? (double)l->wide / wide : 1;
	if (a->area < rules->least || b->area < rules->least) return 5 + open;
	double score = open - rules->pinch;
	if (rules->ridge > 0) {
		const double ta = a->tone / a->area, tb = b->tone / b->area;
		score -= rules->ridge * (l->tone / l->length - (ta > tb ? ta : tb));
	}
	return score;
}

static int offer(graph *g, uint32_t i, const c5_split_rules *rules)
{
	link *l = &g->links[i];
	const double score = score_of(g, l, rules);
	l->turn++;
	return score > 0 ? heap_put(g, (entry){ score, i, l->turn }) : C5_OK;
}

static uint32_t *next_of(link *l, uint32_t of) { return l->a == of ? &l->next_a : &l->next_b; }

static void hang(graph *g, uint32_t i, uint32_t on)
{
	*next_of(&g->links[i], on) = g->basins[on].links;
	g->basins[on].links = i;
}

/* b's links go to a; two that lead to the same third basin become one. Dead links have a == b. */
static int absorb(graph *g, uint32_t a, uint32_t b, const c5_split_rules *rules)
{
	basin *to = &g->basins[a], *from = &g->basins[b];
	uint32_t kept = 0, next;
	int err;
	if (from->low < to->low) to->low = from->low;
	if (from->wide > to->wide) to->wide = from->wide;
	to->tone += from->tone, to->area += from->area;
	g->parent[b] = a;
	for (int side = 0; side < 2; side++)
		for (uint32_t i = side ? from->links : to->links; i; i = next) {
			const uint32_t at = side ? b : a;
			link *l = &g->links[i];
			next = *next_of(l, at);
			const uint32_t other = l->a == at ? l->b : l->a;
			if (l->a == l->b) continue;
			if (other == (side ? a : b)) { /* the one that was crossed */
				l->turn++;
				if (side) l->a = l->b;
				continue;
			}
			link *same = g->seen[other] ? &g->links[g->seen[other]] : NULL;
			if (same) {
				if (l->low < same->low) same->low = l->low;
				if (l->wide > same->wide) same->wide = l->wide;
				same->tone += l->tone, same->length += l->length;
				l->turn++;
				/* the other's list still holds it: taken out when that basin is visited */
				uint32_t *hook = &g->basins[other].links;
				while (*hook != i) hook = next_of(&g->links[*hook], other);
				*hook = *next_of(l, other);
				l->a = l->b;
				continue;
			}
			if (side) { /* the end that lies in b now lies in a */
				if (l->a == b) l->a = a;
				else l->b = a;
			}
			g->seen[other] = i;
			*next_of(l, a) = kept;
			kept = i;
		}
	to->links = kept, from->links = 0;
	for (uint32_t i = kept; i; i = *next_of(&g->links[i], a)) {
		link *l = &g->links[i];
		g->seen[l->a == a ? l->b : l->a] = 0;
		if ((err = offer(g, i, rules)) < 0) return err;
	}
	return C5_OK;
}

static uint32_t root(uint32_t *parent, uint32_t i)
{
	while (parent[i] != i) i = parent[i] = parent[parent[i]];
	return i;
}

static int build(graph *g, const uint32_t *labels, uint32_t n, const float *relief, const float *distance, const float *tone,
	size_t height, size_t width)
{
	int err;
	if ((err = c5_alloc(&g->basins, (size_t)n + 1, sizeof *g->basins)) < 0) return err;
	if ((err = c5_alloc(&g->seen, (size_t)n + 1, sizeof *g->seen)) < 0) return err;
	if ((err = c5_alloc(&g->parent, (size_t)n + 1, sizeof *g->parent)) < 0) return err;
	if ((err = c5_grow(&g->links, &g->cap_links, 1, sizeof *g->links)) < 0) return err;
	g->n_links = 1;
	for (uint32_t k = 0; k <= n; k++) g->parent[k] = k, g->basins[k].low = C5_FILTER_LIMIT;
	for (size_t y = 0; y < height; y++)
		for (size_t x = 0; x < width; x++) {
			const size_t i = y * width + x;
			const uint32_t v = labels[i];
			if (!v) continue;
			basin *b = &g->basins[v];
			if (relief[i] < b->low) b->low = relief[i];
			if (distance[i] > b->wide) b->wide = distance[i];
			if (tone) b->tone += (double)tone[i];
			b->area++;
			const size_t down = i + width;
			const bool below = y + 1 < height, right = x + 1 < width;
			if (right && labels[i + 1] && labels[i + 1] != v && (err = touch(g, labels, i, i + 1, relief, distance, tone)) < 0) return err;
			if (below && x && labels[down - 1] && labels[down - 1] != v && (err = touch(g, labels, i, down - 1, relief, distance, tone)) < 0) return err;
			if (below && labels[down] && labels[down] != v && (err = touch(g, labels, i, down, relief, distance, tone)) < 0) return err;
			if (below && right && labels[down + 1] && labels[down + 1] != v && (err = touch(g, labels, i, down + 1, relief, distance, tone)) < 0) return err;
		}
	for (uint32_t i = 1; i < g->n_links; i++) {
		hang(g, i, g->links[i].a);
		hang(g, i, g->links[i].b);
	}
	return C5_OK;
}

int c5_split_mask(uint32_t *labels, uint32_t *count, const uint8_t *mask, const float *relief, const float *distance, const float *tone,
	size_t height, size_t width, const c5_split_rules *rules, void *scratch)
{
	uint16_t *levels = scratch;
	void *room = levels + (height * width + 3) / 4 * 4;
	graph g = { 0 };
	float least, most;
	int err;
	*count = 0;
	c5_filter_range(relief, height * width, &least, &most);
	c5_watershed_levels(levels, relief, height * width, least, most);
	const uint32_t n = c5_watershed_minima(labels, levels, mask, height, width, room);
	c5_watershed_flood(labels, levels, mask, height, width, room);
	if (!n) return C5_OK;
	if ((err = build(&g, labels, n, relief, distance, rules->ridge > 0 ? tone : NULL, height, width)) < 0) goto done;
	for (uint32_t i = 1; i < g.n_links; i++)
		if ((err = offer(&g, i, rules)) < 0) goto done;
	while (g.n_heap) {
		entry e = heap_take(&g);
		const link *l = &g.links[e.link];
		if (l->turn != e.turn || l->a == l->b) continue;
		const uint32_t a = l->a < l->b ? l->a : l->b, b = l->a < l->b ? l->b : l->a;
		if ((err = absorb(&g, a, b, rules)) < 0) goto done;
	}
	for (uint32_t k = 1; k <= n; k++) /* parents come first: their number is known */
		g.seen[k] = root(g.parent, k) == k ? ++*count : g.seen[root(g.parent, k)];
	for (size_t i = 0; i < height * width; i++)
		if (labels[i]) labels[i] = g.seen[labels[i]];
	err = C5_OK;
done:
	free(g.basins);
	free(g.seen);
	free(g.parent);
	free(g.links);
	free(g.heap);
	free(g.table);
	return err;
}
