/* curated_label.c – reads the zip that DeepCell Label hands out: y.ome.tiff (label values, one plane a frame), cells.json (which cell a value is in
 * which frame), divisions.json (who divided into whom). Where cells overlap a value stands for several of them; masks hold one cell a pixel, which is
 * the one of the lowest number then. The images are unpacked into a folder of their own for as long as they are read. */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/dtype.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "formats/bundle.h"
#include "formats/curated.h"
#include "formats/npy.h"
#include "image/source.h"

#define JSON_MOST (UINT64_C(1) << 28)
#define PIECE (1u << 20)
#define IMAGES "y.ome.tiff"

typedef struct label_cell { uint32_t t, value, cell; } label_cell;
typedef struct label_birth { uint32_t daughter, parent; } label_birth;

typedef struct label_state {
	char *folder, *file;     /* of the unpacked images */
	c5_scan *scan;
	c5_scan_params params;
	c5_frame_reader *reader;
	void *stored;
	label_cell *cells;       /* by (t, value, cell); none: values are cells */
	label_birth *births;
	size_t n_cells, cap_cells, n_births, cap_births;
	bool overlap;
} label_state;

static void close_label(c5_curated *c)
{
	label_state *s = c->state;
	c5_frame_reader_close(s->reader);
	c5_scan_free(s->scan);
	c5_opt_clear(c5_scan_opts, &s->params);
	if (s->file) unlink(s->file);
	if (s->folder) rmdir(s->folder);
	free(s->folder);
	free(s->file);
	free(s->stored);
	free(s->cells);
	free(s->births);
	free(s);
}

/* ---- lists ---- */

static int take_number(const char *name, struct json_object *item, const char *key, int64_t least, int64_t *out)
{
	struct json_object *v = json_object_is_type(item, json_type_object) ? json_object_object_get(item, key) : NULL;
	if (!v || !json_object_is_type(v, json_type_int) || json_object_get_int64(v) < least || json_object_get_int64(v) >= UINT32_MAX)
		return c5_fail(C5_EINPUT, "%s: %.80s: \"%s\" of %lld or more expected", name, json_object_to_json_string(item), key, (long long)least);
	*out = json_object_get_int64(v);
	return C5_OK;
}

static int take_cells(label_state *s, const char *name, struct json_object *list)
{
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *item = json_object_array_get_idx(list, i);
		int64_t t, value, cell, feature = 0;
		int err;
		if ((err = take_number(name, item, "t", 0, &t)) < 0 || (err = take_number(name, item, "value", 0, &value)) < 0 ||
		    (err = take_number(name, item, "cell", 0, &cell)) < 0)
			return err;
		if (json_object_object_get(item, "c") && (err = take_number(name, item, "c", 0, &feature)) < 0) return err;
		if (feature || !value || !cell) continue; /* another kind of label; nothing */
		if ((err = c5_grow(&s->cells, &s->cap_cells, s->n_cells + 1, sizeof *s->cells)) < 0) return err;
		s->cells[s->n_cells++] = (label_cell){ (uint32_t)t, (uint32_t)value, (uint32_t)cell };
	}
	return C5_OK;
}

static int take_births(label_state *s, const char *name, struct json_object *list)
{
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *item = json_object_array_get_idx(list, i);
		int64_t parent;
		int err = take_number(name, item, "parent", 1, &parent);
		if (err < 0) return err;
		struct json_object *daughters = json_object_object_get(item, "daughters");
		if (!daughters || !json_object_is_type(daughters, json_type_array))
			return c5_fail(C5_EINPUT, "%s: %.80s: a list of \"daughters\" expected", name, json_object_to_json_string(item));
		for (size_t k = 0; k < json_object_array_length(daughters); k++) {
			struct json_object *v = json_object_array_get_idx(daughters, k);
			const int64_t id = json_object_is_type(v, json_type_int) ? json_object_get_int64(v) : 0;
			if (id < 1 || id >= UINT32_MAX) return c5_fail(C5_EINPUT, "%s: %.80s: daughters are numbers of cells", name, json_object_to_json_string(item));
			if ((err = c5_grow(&s->births, &s->cap_births, s->n_births + 1, sizeof *s->births)) < 0) return err;
			s->births[s->n_births++] = (label_birth){ (uint32_t)id, (uint32_t)parent };
		}
	}
	return C5_OK;
}

static int read_list(c5_bundle *b, label_state *s, const char *path, const char *member, uint64_t size,
	int (*take)(label_state *, const char *, struct json_object *))
{
	struct json_tokener *tok = json_tokener_new();
	struct json_object *list = NULL;
	char *text = NULL, *name = c5_format("%s: %s", path, member);
	int err = tok && name ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
	if (err == C5_OK && size > JSON_MOST) err = c5_fail(C5_EINPUT, "%s: %llu bytes", name, (unsigned long long)size);
	if (err == C5_OK && (err = c5_alloc(&text, size + 1, 1)) == C5_OK && (err = c5_bundle_read(b, text, size)) == C5_OK) {
		list = json_tokener_parse_ex(tok, text, (int)size + 1);
		const enum json_tokener_error bad = json_tokener_get_error(tok);
		if (bad != json_tokener_success)
			err = c5_fail(C5_EINPUT, "%s: bad JSON at byte %zu: %s", name, (size_t)json_tokener_get_parse_end(tok), json_tokener_error_desc(bad));
		else if (list && !json_object_is_type(list, json_type_array)) err = c5_fail(C5_EINPUT, "%s: a list expected", name);
		else if (list) err = take(s, name, list); /* null: nothing was listed */
	}
	json_object_put(list);
	if (tok) json_tokener_free(tok);
	free(name);
	free(text);
	return err;
}

static int by_value(const void *a, const void *b)
{
	const label_cell *p = a, *q = b;
	return p->t != q->t ? (p->t > q->t) - (p->t < q->t) : p->value != q->value ? (p->value > q->value) - (p->value < q->value)
		: (p->cell > q->cell) - (p->cell < q->cell);
}

/* ---- frames ---- */

/* The cell of a value in frame t; 0: none. */
static uint32_t cell_of(label_state *s, uint32_t t, uint32_t value)
{
	size_t low = 0, high = s->n_cells;
	while (low < high) {
		const size_t mid = low + (high - low) / 2;
		const label_cell *c = &s->cells[mid];
		if (c->t < t || (c->t == t && c->value < value)) low = mid + 1;
		else high = mid;
	}
	if (low == s->n_cells || s->cells[low].t != t || s->cells[low].value != value) return 0;
	s->overlap |= low + 1 < s->n_cells && s->cells[low + 1].t == t && s->cells[low + 1].value == value && s->cells[low + 1].cell != s->cells[low].cell;
	return s->cells[low].cell;
}

static int read_label(c5_curated *c, uint64_t t, uint32_t *labels)
{
	label_state *s = c->state;
	const c5_series *q = &s->scan->series[0];
	const size_t n = c->height * c->width;
	uint32_t value = 0, cell = 0;
	int err = c5_frame_read(s->reader, q, q->t > 1 ? (uint32_t)t : 0, q->t > 1 ? 0 : (uint32_t)t, s->stored);
	if (err < 0 || (err = c5_whole_labels(q->dtype, s->stored, n, labels, c->name, t)) < 0 || !s->n_cells) return err;
	for (size_t i = 0; i < n; i++) {
		if (!labels[i]) continue;
		if (labels[i] != value) value = labels[i], cell = cell_of(s, (uint32_t)t, value);
		labels[i] = cell;
	}
	return C5_OK;
}

/* Daughters get their parents, when all cells are known. */
static int settle_label(c5_curated *c)
{
	label_state *s = c->state;
	c5_lineage *l = &c->lineage;
	if (s->overlap) c5_log(C5_LOG_WARN, "%s: cells overlap; a pixel of several cells is given to the one of the lowest number", c->path);
	for (size_t i = 0; i < s->n_births; i++) {
		const label_birth *b = &s->births[i];
		size_t daughter = 0, parent = 0;
		while (daughter < l->n_tracks && l->tracks[daughter].id != b->daughter) daughter++;
		while (parent < l->n_tracks && l->tracks[parent].id != b->parent) parent++;
		if (daughter == l->n_tracks || parent == l->n_tracks)
			return c5_fail(C5_EINPUT, "%s: divisions.json: cell %u divides into cell %u, but no frame shows cell %u", c->path, b->parent, b->daughter,
				daughter == l->n_tracks ? b->daughter : b->parent);
		if (l->tracks[daughter].parent && l->tracks[daughter].parent != b->parent)
			return c5_fail(C5_EINPUT, "%s: divisions.json: cell %u is a daughter of %u and of %u", c->path, b->daughter, l->tracks[daughter].parent,
				b->parent);
		l->tracks[daughter].parent = b->parent;
	}
	return C5_OK;
}

/* ---- opening ---- */

static int unpack(c5_bundle *b, label_state *s, uint64_t size)
{
	const char *place = getenv("TMPDIR");
	uint8_t *piece = NULL;
	int fd = -1, err;
	if (!(s->folder = c5_format("%s/cyto5-label-XXXXXX", place && *place ? place : "/tmp"))) return c5_fail(C5_ENOMEM, "out of memory");
	if (!mkdtemp(s->folder)) {
		err = c5_fail(C5_EIO, "%s: no folder can be made there: %s", s->folder, strerror(errno));
		free(s->folder);
		s->folder = NULL;
		return err;
	}
	if (!(s->file = c5_format("%s/" IMAGES, s->folder))) return c5_fail(C5_ENOMEM, "out of memory");
	if ((err = c5_alloc(&piece, PIECE, 1)) < 0) return err;
	if ((fd = open(s->file, O_WRONLY | O_CREAT | O_EXCL, 0600)) < 0) err = c5_fail(C5_EIO, "%s: %s", s->file, strerror(errno));
	while (err == C5_OK && size) {
		const size_t n = size < PIECE ? (size_t)size : PIECE;
		if ((err = c5_bundle_read(b, piece, n)) < 0) break;
		for (size_t done = 0; done < n && err == C5_OK;) {
			const ssize_t got = write(fd, piece + done, n - done);
			if (got > 0) done += (size_t)got;
			else if (errno != EINTR) err = c5_fail(C5_EIO, "%s: %s", s->file, got < 0 ? strerror(errno) : "nothing is written");
		}
		size -= n;
	}
	if (fd >= 0 && close(fd) != 0 && err == C5_OK) err = c5_fail(C5_EIO, "%s: %s", s->file, strerror(errno));
	free(piece);
	return err;
}

static int open_pixels(c5_curated *c)
{
	label_state *s = c->state;
	const char *file = s->file;
	int err;
	if ((err = c5_opt_defaults(c5_scan_opts, &s->params)) < 0 || (err = c5_opt_set(c5_scan_opts, &s->params, "channel", "labels")) < 0 ||
	    (err = c5_scan_inputs(&s->scan, &s->params, 1, &file)) < 0)
		return err;
	const c5_series *q = &s->scan->series[0];
	if (s->scan->n_series != 1) return c5_fail(C5_EINPUT, "%s: %zu kinds of labels (features), expected one", c->name, s->scan->n_series);
	if (q->error) return c5_fail(q->error_code, "%s: %s", c->path, q->error);
	if (q->t > 1 && q->z > 1) return c5_fail(C5_EINPUT, "%s: %u frames of %u planes of depth, expected one plane a frame", c->name, q->t, q->z);
	c->frames = q->t > 1 ? q->t : q->z, c->height = q->height, c->width = q->width, c->dtype = q->dtype; /* Label calls time Z */
	if ((err = c5_alloc(&s->stored, c->height * c->width, c5_dtype_size(q->dtype))) < 0) return err;
	return c5_frame_reader_open(&s->reader, s->scan, &s->params);
}

/* What is said of the unpacked images is said of the zip's member: the other file is gone by the time it is read. */
static int say_member(const c5_curated *c, int err)
{
	const label_state *s = c->state;
	char *text = err < 0 ? c5_strdup(c5_error_last()) : NULL;
	char *at = text && s->file ? strstr(text, s->file) : NULL;
	if (at) c5_fail(err, "%.*s%s%s", (int)(at - text), text, c->name, at + strlen(s->file));
	free(text);
	return err;
}

int c5_curated_open_label(c5_curated *c)
{
	label_state *s = NULL;
	c5_bundle *b = NULL;
	const char *member;
	uint64_t size;
	int err;
	if ((err = c5_alloc(&s, 1, sizeof *s)) < 0) return err;
	c->state = s, c->close = close_label, c->read = read_label, c->settle = settle_label, c->tracked = true;
	if (!(c->name = c5_format("%s: " IMAGES, c->path))) return c5_fail(C5_ENOMEM, "out of memory");
	if ((err = c5_bundle_open(&b, c->path)) < 0) goto done;
	while ((err = c5_bundle_next(b, &member, &size)) == C5_OK) {
		if (strcmp(member, IMAGES) == 0 && !s->file) err = unpack(b, s, size);
		else if (strcmp(member, "cells.json") == 0) err = read_list(b, s, c->path, "cells.json", size, take_cells);
		else if (strcmp(member, "divisions.json") == 0) err = read_list(b, s, c->path, "divisions.json", size, take_births);
		if (err < 0) goto done;
	}
	if (err != C5_ENOTFOUND) goto done;
	if (!s->file) {
		err = c5_fail(C5_EINPUT, "%s: no " IMAGES " in it; a project of DeepCell Label holds X.ome.tiff, " IMAGES " and cells.json", c->path);
		goto done;
	}
	if (s->n_cells) qsort(s->cells, s->n_cells, sizeof *s->cells, by_value);
	err = say_member(c, open_pixels(c));
done:
	c5_bundle_close(b);
	return err;
}
