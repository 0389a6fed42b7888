/* changes.c – see changes.h. */
#include "formats/changes.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"

static const char *const words[C5_CHANGE_KINDS] = { "added", "removed", "changed", "linked", "unlinked", "relinked" };

typedef struct pair { uint32_t before, after, pixels; } pair;

void c5_changes_free(c5_changes *c)
{
	free(c->rows);
	free(c->match);
	free(c->pairs);
	free(c->areas);
	memset(c, 0, sizeof *c);
}

static int add(c5_changes *c, int kind, uint32_t frame, uint32_t before, uint32_t after, double overlap)
{
	int err = c5_grow(&c->rows, &c->cap, c->n + 1, sizeof *c->rows);
	if (err < 0) return err;
	c5_change *row = &c->rows[c->n++];
	*row = (c5_change){ .frame = frame, .before = before, .after = after, .overlap = (float)overlap };
	memcpy(row->what, words[kind], strlen(words[kind]));
	c->counts[kind]++;
	return C5_OK;
}

static int by_labels(const void *a, const void *b)
{
	const pair *p = a, *q = b;
	if (p->after != q->after) return p->after < q->after ? -1 : 1;
	return p->before < q->before ? -1 : p->before > q->before;
}

/* Pixels that each two labels share, one entry a pair; 0 for background stays in. */
static int count_pairs(c5_changes *c, const uint32_t *before, const uint32_t *after, size_t n, size_t *n_pairs)
{
	size_t found = 0, kept = 0;
	pair *p;
	for (size_t i = 0; i < n;) {
		size_t from = i;
		while (++i < n && before[i] == before[from] && after[i] == after[from]) {}
		if (!before[from] && !after[from]) continue;
		int err = c5_grow(&c->pairs, &c->cap_pairs, found + 1, sizeof(pair));
		if (err < 0) return err;
		((pair *)c->pairs)[found++] = (pair){ before[from], after[from], (uint32_t)(i - from) };
	}
	p = c->pairs;
	if (found) qsort(p, found, sizeof *p, by_labels);
	for (size_t i = 0; i < found; i++)
		if (kept && p[kept - 1].before == p[i].before && p[kept - 1].after == p[i].after) p[kept - 1].pixels += p[i].pixels;
		else p[kept++] = p[i];
	*n_pairs = kept;
	return C5_OK;
}

int c5_changes_frame(c5_changes *c, uint32_t frame, const uint32_t *before, const uint32_t *after, uint32_t n_after, size_t n)
{
	uint32_t most = 0;
	size_t n_pairs, rows = c->n;
	int err;
	for (size_t i = 0; i < n; i++)
		if (before[i] > most) most = before[i];
	size_t olds = (size_t)most + 1, room = 2 * olds + n_after + 1;
	if ((err = c5_grow(&c->areas, &c->cap_areas, room, sizeof *c->areas)) < 0 ||
	    (err = c5_grow(&c->match, &c->cap_match, c->n_match + n_after, sizeof *c->match)) < 0 || (err = count_pairs(c, before, after, n, &n_pairs)) < 0)
		return err;
	uint32_t *old = c->areas, *taken = old + olds, *fresh = taken + olds, *match = c->match + c->n_match;
	memset(c->areas, 0, room * sizeof *c->areas);
	if (n_after) memset(match, 0, n_after * sizeof *match);
	const pair *p = c->pairs;
	for (size_t i = 0; i < n_pairs; i++) old[p[i].before] += p[i].pixels, fresh[p[i].after] += p[i].pixels;
	for (size_t i = 0; i < n_pairs; i++) { /* more than half of the union: at most one partner each */
		if (!p[i].before || !p[i].after) continue;
		uint64_t all = (uint64_t)old[p[i].before] + fresh[p[i].after] - p[i].pixels;
		if (2 * (uint64_t)p[i].pixels <= all) continue;
		taken[p[i].before] = 1;
		match[p[i].after - 1] = p[i].before;
		if (p[i].pixels == all) c->same++;
		else if ((err = add(c, C5_OBJECT_CHANGED, frame, p[i].before, p[i].after, (double)p[i].pixels / (double)all)) < 0) return err;
	}
	for (uint32_t k = 1; k <= n_after; k++)
		if (!match[k - 1] && (err = add(c, C5_OBJECT_ADDED, frame, 0, k, 0)) < 0) return err;
	for (uint32_t k = 1; k <= most; k++)
		if (old[k] && !taken[k] && (err = add(c, C5_OBJECT_REMOVED, frame, k, 0, 0)) < 0) return err;
	c->n_match += n_after;
	c->frames_touched += c->n > rows;
	return C5_OK;
}

/* What comes before each node: its index, or SIZE_MAX. */
static int befores(const c5_lineage *l, size_t **out)
{
	size_t *last = NULL, *at = NULL; /* last node of each track so far */
	int err;
	if ((err = c5_alloc(&last, l->n_tracks, sizeof *last)) < 0 || (err = c5_alloc(&at, l->n_nodes, sizeof *at)) < 0) {
		free(last);
		return err;
	}
	for (size_t i = 0; i < l->n_tracks; i++) last[i] = SIZE_MAX;
	for (size_t i = 0; i < l->n_nodes; i++) { /* parents end before: their last node is known by then */
		uint32_t k = c5_lineage_find(l, l->nodes[i].track), parent = l->tracks[k].parent;
		at[i] = last[k] != SIZE_MAX ? last[k] : parent ? last[c5_lineage_find(l, parent)] : SIZE_MAX;
		last[k] = i;
	}
	free(last);
	*out = at;
	return C5_OK;
}

/* Index of the node of a label, or SIZE_MAX. */
static size_t node_of(const c5_lineage *l, uint32_t frame, uint32_t label)
{
	uint64_t low = l->start[frame], high = l->start[frame + 1];
	while (low < high) {
		uint64_t mid = low + (high - low) / 2;
		if (l->nodes[mid].label < label) low = mid + 1;
		else high = mid;
	}
	return low < l->start[frame + 1] && l->nodes[low].label == label ? (size_t)low : SIZE_MAX;
}

int c5_changes_links(c5_changes *c, const c5_lineage *before, const c5_lineage *after)
{
	size_t *old = NULL, *fresh = NULL, *partner = NULL;
	uint8_t *met = NULL;
	int err;
	if (c->n_match != after->n_nodes || before->frames != after->frames)
		return c5_fail(C5_EFAIL, "%zu objects compared, %zu in tracks", c->n_match, after->n_nodes);
	if ((err = befores(before, &old)) < 0 || (err = befores(after, &fresh)) < 0 || (err = c5_alloc(&partner, after->n_nodes, sizeof *partner)) < 0 ||
	    (err = c5_alloc(&met, before->n_nodes, 1)) < 0) goto done;
	for (size_t i = 0; i < after->n_nodes; i++) {
		partner[i] = c->match[i] ? node_of(before, after->nodes[i].frame, c->match[i]) : SIZE_MAX;
		if (partner[i] != SIZE_MAX) met[partner[i]] = 1;
	}
	for (size_t i = 0; i < after->n_nodes; i++) {
		const c5_lin_node *node = &after->nodes[i];
		size_t was = partner[i] == SIZE_MAX ? SIZE_MAX : old[partner[i]], is = fresh[i];
		if (is == SIZE_MAX && was == SIZE_MAX) continue;
		if (is == SIZE_MAX) err = add(c, C5_LINK_REMOVED, node->frame, c->match[i], node->label, NAN);
		else if (was == SIZE_MAX) err = add(c, C5_LINK_ADDED, node->frame, c->match[i], node->label, NAN);
		else if (partner[is] != was) err = add(c, C5_LINK_CHANGED, node->frame, c->match[i], node->label, NAN);
		if (err < 0) goto done;
	}
	for (size_t i = 0; i < before->n_nodes; i++)
		if (!met[i] && old[i] != SIZE_MAX && (err = add(c, C5_LINK_REMOVED, before->nodes[i].frame, before->nodes[i].label, 0, NAN)) < 0) goto done;
	c->links = true;
done:
	free(met);
	free(partner);
	free(fresh);
	free(old);
	return err;
}

char *c5_changes_text(const c5_changes *c)
{
	c5_buf b = { 0 };
	const uint64_t *n = c->counts;
	c5_text_addf(&b, "%llu frame%s touched; objects: %llu same, %llu changed, %llu added, %llu removed", (unsigned long long)c->frames_touched,
		c->frames_touched == 1 ? "" : "s", (unsigned long long)c->same, (unsigned long long)n[C5_OBJECT_CHANGED], (unsigned long long)n[C5_OBJECT_ADDED],
		(unsigned long long)n[C5_OBJECT_REMOVED]);
	if (c->links)
		c5_text_addf(&b, "; links: %llu changed, %llu added, %llu removed", (unsigned long long)n[C5_LINK_CHANGED], (unsigned long long)n[C5_LINK_ADDED],
			(unsigned long long)n[C5_LINK_REMOVED]);
	return c5_text_take(&b);
}
