/* curated_images.c – label images: a TIFF stack, a folder of TIFF or PNG files, and the same with the list of tracks of a Cell Tracking
 * Challenge folder (res_track.txt of a result, man_track.txt of a truth) beside them. The images are found and read as `cyto5 ingest` does. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/dtype.h"
#include "base/error.h"
#include "base/mem.h"
#include "formats/curated.h"
#include "formats/npy.h"
#include "image/names.h"
#include "image/source.h"

typedef struct images_state { c5_scan *scan; c5_scan_params params; c5_frame_reader *reader; void *stored; } images_state;

static void close_images(c5_curated *c)
{
	images_state *s = c->state;
	c5_frame_reader_close(s->reader);
	c5_scan_free(s->scan);
	c5_opt_clear(c5_scan_opts, &s->params);
	free(s->stored);
	free(s);
}

static int read_images(c5_curated *c, uint64_t t, uint32_t *labels)
{
	images_state *s = c->state;
	const c5_series *q = &s->scan->series[0];
	int err = c5_frame_read(s->reader, q, (uint32_t)t, 0, s->stored);
	return err < 0 ? err : c5_whole_labels(q->dtype, s->stored, c->height * c->width, labels, c->name, t + c->first);
}

/* The number at the end of a file's name: the frames of man_track024.tif ... are those from 24 on. 0 where there is none. */
static int first_number(const char *path, uint64_t *first)
{
	char *stem = c5_name_stem(path);
	int64_t number = 0;
	if (!stem) return c5_fail(C5_ENOMEM, "out of memory");
	if (stem[c5_name_number(stem, &number)] && number > 0) *first = (uint64_t)number;
	free(stem);
	return C5_OK;
}

static int open_images(c5_curated *c, const char *path)
{
	images_state *s = NULL;
	int err = c5_alloc(&s, 1, sizeof *s);
	if (err < 0) return err;
	c->state = s, c->close = close_images, c->read = read_images;
	if ((err = c5_opt_defaults(c5_scan_opts, &s->params)) < 0 || (err = c5_opt_set(c5_scan_opts, &s->params, "channel", "labels")) < 0) return err;
	if ((err = c5_scan_inputs(&s->scan, &s->params, 1, &path)) < 0) return err;
	const c5_series *q = &s->scan->series[0];
	if (s->scan->n_series != 1)
		return c5_fail(C5_EINPUT, "%s: %zu series of images (%s %s, %s %s ...), expected the labels alone", path, s->scan->n_series, q[0].experiment,
			q[0].channel, q[1].experiment, q[1].channel);
	if (q->error) return c5_fail(q->error_code, "%s", q->error);
	if (q->z > 1) return c5_fail(C5_EINPUT, "%s: %u planes of depth, expected one label image a frame", path, q->z);
	c->frames = q->t, c->height = q->height, c->width = q->width, c->first = q->first_frame, c->dtype = q->dtype;
	if (!c->first && q->t == s->scan->n_files && (err = first_number(s->scan->files[q->planes[0].file], &c->first)) < 0) return err;
	if ((err = c5_alloc(&s->stored, c->height * c->width, c5_dtype_size(q->dtype))) < 0) return err;
	return c5_frame_reader_open(&s->reader, s->scan, &s->params);
}

int c5_curated_open_images(c5_curated *c, const c5_curated_params *params)
{
	c->tracked = params->tracked;
	return open_images(c, params->path);
}

/* Rows "L B E P"; frames as the files are numbered. */
static int read_rows(c5_curated *c, const char *path)
{
	FILE *f = fopen(path, "rb");
	char line[256];
	int err = C5_OK;
	if (!f) return c5_fail(C5_EIO, "%s: %s", path, strerror(errno));
	for (int number = 1; err == C5_OK && fgets(line, sizeof line, f); number++) {
		long long v[4];
		int end = 0;
		if (line[strspn(line, " \t\r\n")] == '\0') continue;
		if (sscanf(line, "%lld %lld %lld %lld %n", &v[0], &v[1], &v[2], &v[3], &end) != 4 || line[end])
			err = c5_fail(C5_EINPUT, "%s:%d: expected 'L B E P', four whole numbers", path, number);
		else if (v[0] < 1 || v[0] >= UINT32_MAX || v[3] < 0 || v[3] >= UINT32_MAX)
			err = c5_fail(C5_EINPUT, "%s:%d: label %lld, parent %lld", path, number, v[0], v[3]);
		else if (v[2] < v[1])
			err = c5_fail(C5_EINPUT, "%s:%d: track %lld ends in frame %lld, before it begins in frame %lld", path, number, v[0], v[2], v[1]);
		else if (v[1] < (long long)c->first || v[2] >= (long long)(c->first + c->frames))
			err = c5_fail(C5_EINPUT, "%s:%d: track %lld from frame %lld to %lld, the masks are of frames %llu to %llu", path, number, v[0], v[1], v[2],
				(unsigned long long)c->first, (unsigned long long)(c->first + c->frames - 1));
		else err = c5_lineage_add_track(&c->lineage, (uint32_t)v[0], (uint32_t)(v[1] - (long long)c->first), (uint32_t)(v[2] - (long long)c->first),
			(uint32_t)v[3]);
	}
	if (err == C5_OK && ferror(f)) err = c5_fail(C5_EIO, "%s: %s", path, strerror(errno));
	fclose(f);
	return err;
}

int c5_curated_open_ctc(c5_curated *c, const c5_curated_params *params)
{
	static const char *const lists[] = { "res_track.txt", "man_track.txt", "TRA/man_track.txt" };
	char *list = NULL, *folder = NULL;
	int err = C5_OK;
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		if (!(list = c5_format("%s/%s", params->path, lists[i]))) return c5_fail(C5_ENOMEM, "out of memory");
		if (access(list, F_OK) == 0) {
			folder = i == 2 ? c5_format("%s/TRA", params->path) : c5_strdup(params->path);
			break;
		}
		free(list);
		list = NULL;
	}
	if (!list) return c5_fail(C5_EINPUT, "%s: no res_track.txt or man_track.txt in it; without tracks, import it as tiff", params->path);
	c->tracked = c->listed = c->gaps = true;
	if (!folder) err = c5_fail(C5_ENOMEM, "out of memory");
	if (err == C5_OK) err = open_images(c, folder);
	if (err == C5_OK) err = read_rows(c, list);
	free(folder);
	free(list);
	return err;
}

/* ---- masks by themselves ---- */

static bool is_there(const char *path) { return access(path, F_OK) == 0; }

/* `where` with the words in braces put in. */
static int fill_in(char **path, const char *where, const c5_experiment *e)
{
	c5_buf b = { 0 };
	for (const char *p = where; *p;) {
		const char *end = *p == '{' ? strchr(p, '}') : NULL, *value = NULL;
		if (*p != '{') {
			const size_t n = strcspn(p, "{");
			c5_buf_put(&b, p, n);
			p += n;
			continue;
		}
		const size_t n = end ? (size_t)(end - p - 1) : 0;
		bool known = n == strlen("experiment") && !memcmp(p + 1, "experiment", n);
		if (known) value = e->name;
		for (size_t i = 0; i < C5_EXPERIMENT_TEXTS && !known; i++)
			if ((known = strlen(c5_experiment_texts[i]) == n && !memcmp(p + 1, c5_experiment_texts[i], n))) value = e->texts[i];
		if (!known || !value) {
			free(b.data);
			return known ? c5_fail(C5_EINPUT, "%s: experiment %s states no %.*s", where, e->name, (int)n, p + 1)
			             : c5_fail(C5_EUSAGE,
			             	"%s: {experiment}, {plate}, {well}, {position}, {condition}, {compound}, {dose} or {replicate} expected in braces", where);
		}
		c5_buf_put(&b, value, strlen(value));
		p = end + 1;
	}
	c5_buf_put(&b, "", 1);
	if (b.err < 0) {
		free(b.data);
		return b.err;
	}
	*path = (char *)b.data;
	return C5_OK;
}

/* The file or folder of the experiment's name in the folder `where`; *path NULL: none. */
static int by_name(char **path, const char *where, const char *name)
{
	static const char *const endings[] = { "", ".tif", ".tiff", ".ome.tif", ".ome.tiff", ".btf", ".png", "_RES", "_GT" };
	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
		if (!(*path = c5_format("%s/%s%s", where, name, endings[i]))) return c5_fail(C5_ENOMEM, "out of memory");
		if (is_there(*path)) return C5_OK;
		free(*path);
		*path = NULL;
	}
	return C5_OK;
}

int c5_masks_find(char **path, const char *where, const c5_experiment *e, bool only)
{
	static const char *const parts[] = { "TRA", "SEG" };
	int err;
	*path = NULL;
	if (!where || !*where) return c5_fail(C5_EUSAGE, "where the label images are is not stated");
	err = strchr(where, '{') ? fill_in(path, where, e) : by_name(path, where, e->name);
	if (err < 0) return err;
	if (!*path && !only && is_there(where))
		return c5_fail(C5_ENOTFOUND,
			"%s: no label images named after experiment %s in it (%s, %s.tif, %s_GT ...); {experiment} in the path stands for the name", where, e->name,
			e->name, e->name, e->name);
	if (!*path && !(*path = c5_strdup(where))) return c5_fail(C5_ENOMEM, "out of memory");
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		char *part = c5_format("%s/%s", *path, parts[i]);
		if (!part) return c5_fail(C5_ENOMEM, "out of memory");
		if (is_there(part)) {
			free(*path);
			*path = part;
			return C5_OK;
		}
		free(part);
	}
	return C5_OK;
}

int c5_masks_open(c5_curated **out, const char *path)
{
	const c5_curated_params params = { .path = (char *)(uintptr_t)path, .as = (char *)(uintptr_t)"tiff" };
	return c5_curated_open(out, &params);
}
