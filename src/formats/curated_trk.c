/* curated_trk.c – reads .trk and .trks, gzipped or plain tar, members in any order. First all members are looked through, which finds a file
 * that was cut short; then tracked.npy is opened again and its frames are read as a stream. */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/dtype.h"
#include "base/error.h"
#include "base/mem.h"
#include "formats/bundle.h"
#include "formats/curated.h"
#include "formats/npy.h"

#define JSON_MOST (UINT64_C(1) << 28)

typedef struct trk_state { c5_bundle *bundle; c5_npy npy; uint64_t movie; void *stored; } trk_state;

/* ---- lineages ---- */

static int take_id(const char *name, const char *key, const char *what, struct json_object *v, uint32_t *id)
{
	int64_t n;
	if (!v || json_object_is_type(v, json_type_null)) {
		*id = 0;
		return C5_OK;
	}
	n = json_object_is_type(v, json_type_int) ? json_object_get_int64(v) : -1;
	if (n < 0 || n >= UINT32_MAX)
		return c5_fail(C5_EINPUT, "%s: cell %.40s: %s is %.40s, expected a label", name, key, what, json_object_to_json_string(v));
	*id = (uint32_t)n;
	return C5_OK;
}

/* Daughters that do not name their parent get it; those that name another contradict. */
static int adopt(c5_curated *c, struct json_object *cells)
{
	c5_lineage *l = &c->lineage;
	json_object_object_foreach(cells, key, cell) {
		struct json_object *list = json_object_object_get(cell, "daughters");
		uint32_t id = (uint32_t)strtoul(key, NULL, 10), daughter;
		int err;
		if (!list || json_object_is_type(list, json_type_null)) continue;
		if (!json_object_is_type(list, json_type_array)) return c5_fail(C5_EINPUT, "%s: cell %.40s: daughters are no list", c->name, key);
		for (size_t i = 0; i < json_object_array_length(list); i++) {
			if ((err = take_id(c->name, key, "a daughter", json_object_array_get_idx(list, i), &daughter)) < 0) return err;
			size_t k = 0;
			while (k < l->n_tracks && l->tracks[k].id != daughter) k++;
			if (k == l->n_tracks) return c5_fail(C5_EINPUT, "%s: cell %.40s has daughter %u, which is not listed", c->name, key, daughter);
			if (l->tracks[k].parent && l->tracks[k].parent != id)
				return c5_fail(C5_EINPUT, "%s: cell %u is a daughter of %u, and its parent is %u", c->name, daughter, id, l->tracks[k].parent);
			l->tracks[k].parent = id;
		}
	}
	return C5_OK;
}

static int take_cells(c5_curated *c, struct json_object *cells)
{
	if (!json_object_is_type(cells, json_type_object)) return c5_fail(C5_EINPUT, "%s: expected an object with a member for each cell", c->name);
	json_object_object_foreach(cells, key, cell) {
		uint32_t id, parent, label;
		char *end;
		unsigned long n = strtoul(key, &end, 10);
		int err;
		if (end == key || *end || n == 0 || n >= UINT32_MAX || key[0] == '-') return c5_fail(C5_EINPUT, "%s: cell '%.40s' is no label", c->name, key);
		if (!json_object_is_type(cell, json_type_object)) return c5_fail(C5_EINPUT, "%s: cell %.40s is no object", c->name, key);
		id = (uint32_t)n;
		if ((err = take_id(c->name, key, "its parent", json_object_object_get(cell, "parent"), &parent)) < 0 ||
		    (err = take_id(c->name, key, "its label", json_object_object_get(cell, "label"), &label)) < 0)
			return err;
		if (label && label != id) return c5_fail(C5_EINPUT, "%s: cell %.40s has label %u", c->name, key, label);
		if ((err = c5_lineage_add_track(&c->lineage, id, C5_UNKNOWN, C5_UNKNOWN, parent)) < 0) return err;
	}
	return adopt(c, cells);
}

int c5_curated_parse_lineage(c5_curated *c, const char *text, size_t n, uint64_t movie, uint64_t movies)
{
	struct json_tokener *tok = json_tokener_new();
	struct json_object *all = NULL;
	int err = C5_OK;
	if (!tok) return c5_fail(C5_ENOMEM, "out of memory");
	if (n > INT32_MAX) err = c5_fail(C5_EINPUT, "%s: a lineage of %zu bytes", c->name, n);
	else if (!(all = json_tokener_parse_ex(tok, text, (int)n)))
		err = c5_fail(C5_EINPUT, "%s: bad JSON at byte %zu: %s", c->name, (size_t)json_tokener_get_parse_end(tok),
			json_tokener_error_desc(json_tokener_get_error(tok)));
	else if (!movies) err = take_cells(c, all);
	else if (!json_object_is_type(all, json_type_array) || json_object_array_length(all) != movies)
		err = c5_fail(C5_EINPUT, "%s: expected a list of %llu lineages, one a movie", c->name, (unsigned long long)movies);
	else err = take_cells(c, json_object_array_get_idx(all, movie));
	json_object_put(all);
	json_tokener_free(tok);
	return err;
}

/* ---- members ---- */

static int read_header(c5_bundle *b, uint64_t size, const char *name, c5_npy *npy)
{
	uint8_t start[C5_NPY_PREAMBLE], *header = NULL;
	size_t length;
	uint64_t bytes;
	int err;
	if (size < sizeof start) return c5_fail(C5_EINPUT, "%s: no .npy array", name);
	if ((err = c5_bundle_read(b, start, sizeof start)) < 0 || (err = c5_npy_length(start, name, &length)) < 0 ||
	    (err = c5_alloc(&header, length, 1)) < 0) return err;
	memcpy(header, start, sizeof start);
	if ((err = c5_bundle_read(b, header + sizeof start, length - sizeof start)) < 0 || (err = c5_npy_parse(npy, header, length, name)) < 0 ||
	    (err = c5_npy_bytes(npy, name, &bytes)) < 0) goto done;
	if (bytes != size - length)
		err = c5_fail(C5_EINPUT, "%s: %llu bytes of elements, its shape says %llu", name, (unsigned long long)(size - length), (unsigned long long)bytes);
done:
	free(header);
	return err;
}

/* (t, y, x, 1), or (batch, t, y, x, 1). */
static int check_shape(const c5_npy *npy, const char *name, bool batch, bool labels)
{
	if (npy->rank != 4 + batch)
		return c5_fail(C5_EINPUT, "%s: %d dimensions, expected %s", name, npy->rank, batch ? "(batch, t, y, x, c)" : "(t, y, x, c)");
	if (labels && npy->dims[3 + batch] != 1)
		return c5_fail(C5_EINPUT, "%s: %llu label channels, expected 1", name, (unsigned long long)npy->dims[3 + batch]);
	return C5_OK;
}

static void close_trk(c5_curated *c)
{
	trk_state *s = c->state;
	c5_bundle_close(s->bundle);
	free(s->stored);
	free(s);
}

static int read_trk(c5_curated *c, uint64_t t, uint32_t *labels)
{
	trk_state *s = c->state;
	size_t n = c->height * c->width, size = c5_dtype_size(s->npy.dtype);
	int err = c5_bundle_read(s->bundle, s->stored, n * size);
	if (err < 0) return err;
	if (s->npy.swapped) c5_swap_bytes(s->stored, n, size);
	return c5_whole_labels(s->npy.dtype, s->stored, n, labels, c->name, t);
}

/* Sets the stream to the first frame of the movie. */
static int seek_frames(c5_curated *c)
{
	trk_state *s = c->state;
	const char *member;
	uint64_t size;
	int err = c5_bundle_open(&s->bundle, c->path);
	while (err == C5_OK && (err = c5_bundle_next(s->bundle, &member, &size)) == C5_OK && strcmp(member, "tracked.npy") != 0) {}
	if (err < 0) return err;
	if ((err = read_header(s->bundle, size, c->name, &s->npy)) < 0) return err;
	uint64_t frame = c->height * c->width * c5_dtype_size(s->npy.dtype);
	return s->movie ? c5_bundle_skip(s->bundle, s->movie * c->frames * frame) : C5_OK;
}

int c5_curated_open_trk(c5_curated *c, const c5_curated_params *params, bool batch)
{
	const char *list = batch ? "lineages.json" : "lineage.json", *member;
	char *text = NULL, *raw_name = c5_format("%s: raw.npy", c->path), *list_name = c5_format("%s: %s", c->path, list);
	trk_state *s = NULL;
	c5_bundle *b = NULL;
	c5_npy raw = { 0 };
	uint64_t size, text_size = 0;
	int err;
	if (!raw_name || !list_name || !(c->name = c5_format("%s: tracked.npy", c->path))) { err = c5_fail(C5_ENOMEM, "out of memory"); goto done; }
	if ((err = c5_alloc(&s, 1, sizeof *s)) < 0) goto done;
	c->state = s, c->close = close_trk, c->read = read_trk, c->tracked = c->listed = true;
	if ((err = c5_bundle_open(&b, c->path)) < 0) goto done;
	while ((err = c5_bundle_next(b, &member, &size)) == C5_OK) {
		if (strcmp(member, list) == 0 && !text) {
			if (size > JSON_MOST) err = c5_fail(C5_EINPUT, "%s: %llu bytes", list_name, (unsigned long long)size);
			else if ((err = c5_alloc(&text, size + 1, 1)) == C5_OK) err = c5_bundle_read(b, text, text_size = size);
		} else if (strcmp(member, "tracked.npy") == 0) {
			if ((err = read_header(b, size, c->name, &s->npy)) == C5_OK) err = check_shape(&s->npy, c->name, batch, true);
		} else if (strcmp(member, "raw.npy") == 0) {
			if ((err = read_header(b, size, raw_name, &raw)) == C5_OK) err = check_shape(&raw, raw_name, batch, false);
		}
		if (err < 0) goto done;
	}
	if (err != C5_ENOTFOUND) goto done;
	if (!text || !s->npy.dtype || !raw.dtype) {
		err = c5_fail(C5_EINPUT, "%s: no %s in it; a %s holds %s, raw.npy and tracked.npy", c->path, !text ? list : !raw.dtype ? "raw.npy" : "tracked.npy",
			batch ? ".trks" : ".trk", list);
		goto done;
	}
	const uint64_t *dims = s->npy.dims + batch;
	if (memcmp(dims, raw.dims + batch, 3 * sizeof *dims) != 0 || (batch && raw.dims[0] != s->npy.dims[0])) {
		err = c5_fail(C5_EINPUT, "%s: raw.npy and tracked.npy are of different shapes", c->path);
		goto done;
	}
	c->frames = dims[0], c->height = dims[1], c->width = dims[2];
	if (batch) {
		if (params->batch < 0 && s->npy.dims[0] != 1)
			err = c5_fail(C5_EUSAGE, "%s: %llu movies; pick one with --batch", c->path, (unsigned long long)s->npy.dims[0]);
		else if (params->batch >= 0 && (uint64_t)params->batch >= s->npy.dims[0])
			err = c5_fail(C5_EUSAGE, "%s: no movie %lld; there are %llu, counted from 0", c->path, (long long)params->batch,
				(unsigned long long)s->npy.dims[0]);
		else s->movie = params->batch < 0 ? 0 : (uint64_t)params->batch;
		if (err == C5_EUSAGE) goto done;
	}
	char *tracked_name = c->name;
	c->name = list_name; /* while the lineage is read, messages name it */
	err = c5_curated_parse_lineage(c, text, text_size, s->movie, batch ? s->npy.dims[0] : 0);
	c->name = tracked_name;
	if (err < 0 || c->height > UINT32_MAX || c->width > UINT32_MAX || c->height * c->width > UINT32_MAX) goto done; /* refused by the caller */
	if ((err = c5_alloc(&s->stored, c->height * c->width, c5_dtype_size(s->npy.dtype))) == C5_OK) err = seek_frames(c);
done:
	c5_bundle_close(b);
	free(list_name);
	free(raw_name);
	free(text);
	return err;
}
