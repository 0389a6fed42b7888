/* lineage.c – see lineage.h. */
#include "formats/lineage.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

void c5_lineage_free(c5_lineage *l)
{
	free(l->nodes);
	free(l->tracks);
	free(l->start);
	memset(l, 0, sizeof *l);
}

int c5_lineage_add_node(c5_lineage *l, const c5_lin_node *node)
{
	int err = c5_grow(&l->nodes, &l->cap_nodes, l->n_nodes + 1, sizeof *l->nodes);
	if (err == C5_OK) l->nodes[l->n_nodes++] = *node;
	return err;
}

int c5_lineage_add_track(c5_lineage *l, uint32_t id, uint32_t first, uint32_t last, uint32_t parent)
{
	int err = c5_grow(&l->tracks, &l->cap_tracks, l->n_tracks + 1, sizeof *l->tracks);
	if (err == C5_OK) l->tracks[l->n_tracks++] = (c5_lin_track){ .id = id, .first = first, .last = last, .parent = parent };
	return err;
}

static int by_place(const void *a, const void *b)
{
	const c5_lin_node *p = a, *q = b;
	if (p->frame != q->frame) return p->frame < q->frame ? -1 : 1;
	return p->label < q->label ? -1 : p->label > q->label;
}

static int by_id(const void *a, const void *b)
{
	const c5_lin_track *p = a, *q = b;
	return p->id < q->id ? -1 : p->id > q->id;
}

uint32_t c5_lineage_find(const c5_lineage *l, uint32_t id)
{
	size_t low = 0, high = l->n_tracks;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (l->tracks[mid].id < id) low = mid + 1;
		else high = mid;
	}
	return low < l->n_tracks && l->tracks[low].id == id ? (uint32_t)low : C5_UNKNOWN;
}

void c5_lineage_ids(const c5_lineage *l, uint32_t frame, uint32_t n, uint32_t *ids)
{
	memset(ids, 0, ((size_t)n + 1) * sizeof *ids);
	for (uint64_t i = l->start[frame]; i < l->start[frame + 1]; i++)
		if (l->nodes[i].label <= n) ids[l->nodes[i].label] = l->nodes[i].track;
}

/* Where the nodes of each frame begin; frames in range, labels of a frame given once. */
static int index_frames(c5_lineage *l, uint32_t frames, const char *name, uint64_t first)
{
	free(l->start);
	l->start = NULL;
	l->frames = frames;
	int err = c5_alloc(&l->start, (size_t)frames + 1, sizeof *l->start);
	if (err < 0) return err;
	for (size_t i = 0; i < l->n_nodes; i++) {
		const c5_lin_node *n = &l->nodes[i];
		if (n->frame >= frames)
			return c5_fail(C5_EINPUT, "%s: track %u has an object in frame %llu, the movie ends before", name, n->track,
				(unsigned long long)(n->frame + first));
		if (n->label == 0)
			return c5_fail(C5_EINPUT, "%s: track %u has label 0 in frame %llu, which is background", name, n->track, (unsigned long long)(n->frame + first));
		if (i && n[-1].frame == n->frame && n[-1].label == n->label)
			return c5_fail(C5_EINPUT, "%s: object %u of frame %llu is in two tracks, %u and %u", name, n->label, (unsigned long long)(n->frame + first),
				n[-1].track, n->track);
		l->start[n->frame + 1]++;
	}
	for (uint32_t t = 0; t < frames; t++) l->start[t + 1] += l->start[t];
	return C5_OK;
}

/* Whether going up from `from` leads to `id`. */
static bool descends(const c5_lineage *l, uint32_t from, uint32_t id)
{
	for (size_t steps = 0; from != C5_UNKNOWN && steps <= l->n_tracks; steps++) {
		if (l->tracks[from].id == id) return true;
		from = l->tracks[from].parent ? c5_lineage_find(l, l->tracks[from].parent) : C5_UNKNOWN;
	}
	return false;
}

static int check_parents(c5_lineage *l, const char *name, uint64_t first)
{
	for (size_t i = 0; i < l->n_tracks; i++) {
		const c5_lin_track *t = &l->tracks[i];
		if (!t->parent) continue;
		uint32_t k = c5_lineage_find(l, t->parent);
		if (k == C5_UNKNOWN) return c5_fail(C5_EINPUT, "%s: track %u has parent %u, which is no track", name, t->id, t->parent);
		c5_lin_track *p = &l->tracks[k];
		if (descends(l, k, t->id)) return c5_fail(C5_EINPUT, "%s: track %u descends from itself, by way of parent %u", name, t->id, t->parent);
		if (p->last >= t->first)
			return c5_fail(C5_EINPUT, "%s: track %u begins in frame %llu, its parent %u ends in frame %llu; a parent ends before", name, t->id,
				(unsigned long long)(t->first + first), p->id, (unsigned long long)(p->last + first));
		p->daughters++;
	}
	return C5_OK;
}

int c5_lineage_settle(c5_lineage *l, uint32_t frames, const char *name, uint64_t first)
{
	uint32_t *seen = NULL; /* (n_tracks, 2): first and last frame of the nodes */
	int err;
	if (l->n_nodes) qsort(l->nodes, l->n_nodes, sizeof *l->nodes, by_place);
	if (l->n_tracks) qsort(l->tracks, l->n_tracks, sizeof *l->tracks, by_id);
	if ((err = index_frames(l, frames, name, first)) < 0 || (err = c5_alloc(&seen, l->n_tracks, 2 * sizeof *seen)) < 0) goto done;
	for (size_t i = 0; i < l->n_tracks; i++) {
		l->tracks[i].n_nodes = l->tracks[i].daughters = 0;
		if (l->tracks[i].id == 0) { err = c5_fail(C5_EINPUT, "%s: a track has id 0, which is background", name); goto done; }
		if (i && l->tracks[i].id == l->tracks[i - 1].id) { err = c5_fail(C5_EINPUT, "%s: track %u is listed twice", name, l->tracks[i].id); goto done; }
	}
	for (size_t i = 0; i < l->n_nodes; i++) {
		const c5_lin_node *n = &l->nodes[i];
		uint32_t k = c5_lineage_find(l, n->track);
		if (k == C5_UNKNOWN) {
			err = c5_fail(C5_EINPUT, "%s: object %u of frame %llu is of track %u, which is not listed", name, n->label, (unsigned long long)(n->frame + first),
				n->track);
			goto done;
		}
		c5_lin_track *t = &l->tracks[k];
		if (t->n_nodes && seen[2 * k + 1] == n->frame) {
			err = c5_fail(C5_EINPUT, "%s: track %u has two objects in frame %llu", name, t->id, (unsigned long long)(n->frame + first));
			goto done;
		}
		if (!t->n_nodes++) seen[2 * k] = n->frame;
		seen[2 * k + 1] = n->frame;
	}
	for (size_t i = 0; i < l->n_tracks; i++) {
		c5_lin_track *t = &l->tracks[i];
		if (!t->n_nodes) { err = c5_fail(C5_EINPUT, "%s: track %u is listed, but no frame shows it", name, t->id); goto done; }
		if ((t->first != C5_UNKNOWN && t->first != seen[2 * i]) || (t->last != C5_UNKNOWN && t->last != seen[2 * i + 1])) {
			err = c5_fail(C5_EINPUT, "%s: track %u is listed from frame %llu to %llu, the frames show it from %llu to %llu", name, t->id,
				(unsigned long long)(t->first + first), (unsigned long long)(t->last + first), (unsigned long long)(seen[2 * i] + first),
				(unsigned long long)(seen[2 * i + 1] + first));
			goto done;
		}
		t->first = seen[2 * i], t->last = seen[2 * i + 1];
	}
	err = check_parents(l, name, first);
done:
	free(seen);
	return err;
}

int c5_lineage_split(c5_lineage *l, const char *name)
{
	size_t n = l->n_tracks;
	uint32_t *at = NULL, *last = NULL, next = n ? l->tracks[n - 1].id : 0; /* present part of each track, its last frame, highest id */
	int err;
	if ((err = c5_alloc(&at, n, sizeof *at)) < 0 || (err = c5_alloc(&last, n, sizeof *last)) < 0) goto done;
	for (size_t i = 0; i < n; i++) at[i] = l->tracks[i].id, last[i] = l->tracks[i].first;
	for (size_t i = 0; i < l->n_nodes; i++) {
		c5_lin_node *node = &l->nodes[i];
		uint32_t k = C5_UNKNOWN;
		size_t low = 0, high = n; /* the new tracks stand behind the old ones: still in order of id */
		while (low < high) {
			size_t mid = low + (high - low) / 2;
			if (l->tracks[mid].id < node->track) low = mid + 1;
			else high = mid;
		}
		k = (uint32_t)low;
		if (node->frame > last[k] + 1) {
			if (next == UINT32_MAX) { err = c5_fail(C5_EINPUT, "%s: track ids are used up", name); goto done; }
			if ((err = c5_lineage_add_track(l, ++next, C5_UNKNOWN, C5_UNKNOWN, at[k])) < 0) goto done;
			at[k] = next;
		}
		node->track = at[k];
		last[k] = node->frame;
	}
	for (size_t i = 0; i < n; i++) { /* daughters come from the last part */
		c5_lin_track *t = &l->tracks[i];
		if (t->parent) t->parent = at[c5_lineage_find(l, t->parent)];
	}
	for (size_t i = 0; i < l->n_tracks; i++) l->tracks[i].first = l->tracks[i].last = C5_UNKNOWN;
	err = c5_lineage_settle(l, l->frames, name, 0);
done:
	free(last);
	free(at);
	return err;
}

int c5_lineage_join(c5_lineage *l, const char *name)
{
	uint32_t *into = NULL; /* (n_tracks): index of the track this one goes on from, itself otherwise */
	int err = c5_alloc(&into, l->n_tracks, sizeof *into);
	size_t kept = 0;
	if (err < 0) return err;
	for (uint32_t i = 0; i < l->n_tracks; i++) {
		const c5_lin_track *t = &l->tracks[i];
		uint32_t p = t->parent ? c5_lineage_find(l, t->parent) : C5_UNKNOWN;
		into[i] = p != C5_UNKNOWN && l->tracks[p].daughters == 1 && t->first > l->tracks[p].last + 1 ? p : i;
	}
	for (uint32_t i = 0; i < l->n_tracks; i++)
		while (into[into[i]] != into[i]) into[i] = into[into[i]];
	for (size_t i = 0; i < l->n_nodes; i++) l->nodes[i].track = l->tracks[into[c5_lineage_find(l, l->nodes[i].track)]].id;
	for (uint32_t i = 0; i < l->n_tracks; i++)
		if (into[i] == i && l->tracks[i].parent) l->tracks[i].parent = l->tracks[into[c5_lineage_find(l, l->tracks[i].parent)]].id;
	for (uint32_t i = 0; i < l->n_tracks; i++) {
		if (into[i] != i) continue;
		l->tracks[kept] = l->tracks[i];
		l->tracks[kept].first = l->tracks[kept].last = C5_UNKNOWN;
		kept++;
	}
	l->n_tracks = kept;
	free(into);
	return c5_lineage_settle(l, l->frames, name, 0);
}

/* ---- out of a container ---- */

enum { FRAME, LABEL, TRACK, Y, X, AREA };
static const char *const node_columns[] = { "frame", "label", "track", "y", "x", "area" };
static const char *const track_columns[] = { "track", "first", "last", "parent" };

/* A number that must be whole and fit 32 bits. */
static int take_whole(const c5_array_spec *s, const c5_column *c, const void *row, uint32_t *to)
{
	double v = c5_column_value(c, row);
	if (!(v >= 0 && v < UINT32_MAX && v == floor(v))) return c5_fail(C5_ESCHEMA, "%s: column %s holds %g, expected a whole number", s->path, c->name, v);
	*to = (uint32_t)v;
	return C5_OK;
}

/* Calls `one` for each row of a table with the columns of these names; the first `must` of them have to be there. */
static int each_row(c5_file *f, c5_codec *codec, const char *path, const char *const *names, size_t n, size_t must, c5_lineage *l,
	int (*one)(c5_lineage *l, const c5_array_spec *s, const c5_column *const *columns, const void *row))
{
	const c5_column *columns[8] = { NULL };
	c5_array *a = NULL;
	uint8_t *rows = NULL;
	int err = c5_table_open(&a, f, path);
	if (err < 0) return err;
	const c5_array_spec *s = c5_array_spec_of(a);
	for (size_t i = 0; i < n; i++)
		if (c5_spec_find_column(s, names[i], &columns[i]) < 0 && i < must) { err = C5_ESCHEMA; goto done; }
	c5_error_clear();
	if ((err = c5_alloc(&rows, s->chunk[0], s->row_size)) < 0) goto done;
	for (uint64_t first = 0; first < s->dims[0]; first += s->chunk[0]) {
		uint64_t count = s->dims[0] - first < s->chunk[0] ? s->dims[0] - first : s->chunk[0];
		if ((err = c5_array_read_rows(a, codec, first, count, rows)) < 0) goto done;
		for (uint64_t i = 0; i < count; i++)
			if ((err = one(l, s, columns, rows + i * s->row_size)) < 0) goto done;
	}
done:
	free(rows);
	c5_array_close(a);
	return err;
}

static int one_node(c5_lineage *l, const c5_array_spec *s, const c5_column *const *c, const void *row)
{
	c5_lin_node n = { .y = NAN, .x = NAN, .area = NAN };
	uint32_t frame, label, track;
	int err;
	if ((err = take_whole(s, c[FRAME], row, &frame)) < 0 || (err = take_whole(s, c[LABEL], row, &label)) < 0 ||
	    (err = take_whole(s, c[TRACK], row, &track)) < 0) return err;
	if (!track) return C5_OK;
	n.frame = frame, n.label = label, n.track = track;
	if (c[Y]) n.y = (float)c5_column_value(c[Y], row);
	if (c[X]) n.x = (float)c5_column_value(c[X], row);
	if (c[AREA]) n.area = (float)c5_column_value(c[AREA], row);
	return c5_lineage_add_node(l, &n);
}

static int one_track(c5_lineage *l, const c5_array_spec *s, const c5_column *const *c, const void *row)
{
	uint32_t v[4];
	int err = C5_OK;
	for (int i = 0; err == C5_OK && i < 4; i++) err = take_whole(s, c[i], row, &v[i]);
	return err < 0 ? err : c5_lineage_add_track(l, v[0], v[1], v[2], v[3]);
}

int c5_lineage_read(c5_lineage *out, c5_file *f, c5_codec *codec, const char *path, uint32_t frames)
{
	char *nodes = c5_format("%s/nodes", path), *tracks = c5_format("%s/tracks", path);
	int err = nodes && tracks ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
	memset(out, 0, sizeof *out);
	if (err == C5_OK) err = each_row(f, codec, nodes, node_columns, 6, 3, out, one_node);
	if (err == C5_OK) err = each_row(f, codec, tracks, track_columns, 4, 4, out, one_track);
	if (err == C5_OK) err = c5_lineage_settle(out, frames, path, 0);
	if (err < 0) c5_lineage_free(out);
	free(tracks);
	free(nodes);
	return err;
}
