/* trk.c – writes DeepCell's .trk (one movie) and .trks (several of one size): a gzipped tar of lineage.json or lineages.json, raw.npy and
 * tracked.npy, in this order. raw: (t, y, x, 1) as recorded; tracked: (t, y, x, 1) int32, pixels are track ids; .trks have a batch axis
 * before these. The sizes are known beforehand, so frames stream into the tar one by one. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "formats/bundle.h"
#include "formats/export.h"
#include "formats/movie.h"
#include "formats/npy.h"

static void add_track(c5_buf *b, const c5_lin_track *t, const uint32_t *frames, const uint32_t *daughters, uint32_t divided)
{
	c5_text_addf(b, "\"%u\": {\"label\": %u, \"frames\": [", t->id, t->id);
	for (uint32_t i = 0; i < t->n_nodes; i++) c5_text_addf(b, "%s%u", i ? ", " : "", frames[i]);
	c5_text_add(b, "], \"daughters\": [");
	for (uint32_t i = 0; i < t->daughters; i++) c5_text_addf(b, "%s%u", i ? ", " : "", daughters[i]);
	c5_text_addf(b, "], \"capped\": %s, \"frame_div\": ", t->daughters ? "true" : "false");
	if (t->daughters) c5_text_addf(b, "%u", divided);
	else c5_text_add(b, "null");
	c5_text_add(b, ", \"parent\": ");
	if (t->parent) c5_text_addf(b, "%u}", t->parent);
	else c5_text_add(b, "null}");
}

/* One movie's lineage as a JSON object: a member a track. frame_div is the first frame of the daughters. */
static int add_lineage(c5_buf *b, const c5_lineage *l)
{
	uint32_t *frames = NULL, *daughters = NULL;
	size_t *frame_at = NULL, *daughter_at = NULL; /* where those of each track begin */
	int err;
	if ((err = c5_alloc(&frames, l->n_nodes, sizeof *frames)) < 0 || (err = c5_alloc(&daughters, l->n_tracks, sizeof *daughters)) < 0 ||
	    (err = c5_alloc(&frame_at, l->n_tracks + 1, sizeof *frame_at)) < 0 || (err = c5_alloc(&daughter_at, l->n_tracks + 1, sizeof *daughter_at)) < 0)
		goto done;
	size_t f = 0, d = 0;
	for (size_t i = 0; i < l->n_tracks; i++) {
		frame_at[i] = f, daughter_at[i] = d;
		f += l->tracks[i].n_nodes, d += l->tracks[i].daughters;
	}
	for (size_t i = 0; i < l->n_nodes; i++) frames[frame_at[c5_lineage_find(l, l->nodes[i].track)]++] = l->nodes[i].frame;
	for (size_t i = 0; i < l->n_tracks; i++)
		if (l->tracks[i].parent) daughters[daughter_at[c5_lineage_find(l, l->tracks[i].parent)]++] = l->tracks[i].id;
	c5_text_add(b, "{");
	for (size_t i = 0; i < l->n_tracks; i++) {
		const c5_lin_track *t = &l->tracks[i];
		const uint32_t *of = daughters + daughter_at[i] - t->daughters;
		uint32_t divided = UINT32_MAX;
		for (uint32_t k = 0; k < t->daughters; k++) {
			uint32_t first = l->tracks[c5_lineage_find(l, of[k])].first;
			if (first < divided) divided = first;
		}
		if (i) c5_text_add(b, ", ");
		add_track(b, t, frames + frame_at[i] - t->n_nodes, of, divided);
	}
	c5_text_add(b, "}");
	err = b->err;
done:
	free(daughter_at);
	free(frame_at);
	free(daughters);
	free(frames);
	return err;
}

static int check_ids(const c5_movie *m)
{
	const c5_lineage *l = &m->lineage;
	if (l->n_tracks && l->tracks[l->n_tracks - 1].id > INT32_MAX)
		return c5_fail(C5_EINPUT, "%s: track %u, the labels of .trk end at %d", m->tracks_path, l->tracks[l->n_tracks - 1].id, INT32_MAX);
	return C5_OK;
}

/* All frames of one movie into the present member: as recorded (channel given), or track ids. */
static int put_frames(c5_bundle *b, c5_movie *m, const c5_channel *channel)
{
	size_t n = m->height * m->width, size = channel ? c5_dtype_size(channel->dtype) : sizeof(int32_t);
	void *pixels = NULL;
	int err = c5_alloc(&pixels, n, size);
	for (uint64_t t = 0; err == C5_OK && t < m->frames; t++) {
		if ((err = c5_export_tick()) < 0) break;
		err = channel ? c5_movie_raw(m, channel, t, channel->planes / 2, pixels) : c5_movie_track_ids(m, t, pixels);
		if (err == C5_OK) err = c5_bundle_write(b, pixels, n * size);
	}
	free(pixels);
	return err;
}

/* A movie of the batch is opened when it is its turn, so that one is in memory at a time. */
static int open_movie(c5_export *x, const char *name, c5_movie *m, const c5_channel **channel)
{
	int err = c5_movie_open(m, x->file, name, x->params->revision, C5_WANT_TRACKS);
	if (err == C5_OK && (err = c5_movie_channel(m, x->params->channel, channel)) == C5_OK) err = check_ids(m);
	if (err < 0) c5_movie_close(m);
	return err;
}

static int begin_array(c5_bundle *b, const char *member, int dtype, int rank, const uint64_t *dims)
{
	c5_npy npy = { .dtype = dtype, .rank = rank };
	c5_buf header = { 0 };
	uint64_t bytes;
	memcpy(npy.dims, dims, (size_t)rank * sizeof *dims);
	c5_npy_header(&header, dtype, rank, dims);
	int err = header.err;
	if (err == C5_OK && (err = c5_npy_bytes(&npy, member, &bytes)) == C5_OK) err = c5_bundle_member(b, member, header.size + bytes);
	if (err == C5_OK) err = c5_bundle_write(b, header.data, header.size);
	c5_buf_free(&header);
	return err;
}

static int write_all(c5_export *x, char *const *names, size_t n_names, const char *path, bool batch)
{
	uint64_t dims[5] = { n_names, 0, 0, 0, 1 };
	int dtype = 0, err = C5_OK;
	c5_buf json = { 0 };
	c5_bundle *b = NULL;
	c5_movie m = { 0 };
	const c5_channel *c;
	if (batch) c5_text_add(&json, "[");
	for (size_t i = 0; err == C5_OK && i < n_names; i++) {
		if ((err = open_movie(x, names[i], &m, &c)) < 0) break;
		uint64_t want[3] = { m.frames, m.height, m.width };
		if (i == 0) memcpy(dims + 1, want, sizeof want), dtype = c->dtype;
		else if (memcmp(dims + 1, want, sizeof want) != 0 || dtype != c->dtype)
			err = c5_fail(C5_EINPUT, "%s: (%llu, %llu, %llu) %s, %s is (%llu, %llu, %llu) %s; a .trks holds movies of one size, pick them with --experiments",
				names[i], (unsigned long long)want[0], (unsigned long long)want[1], (unsigned long long)want[2], c5_dtype_name(c->dtype), names[0],
				(unsigned long long)dims[1], (unsigned long long)dims[2], (unsigned long long)dims[3], c5_dtype_name(dtype));
		if (i) c5_text_add(&json, ", ");
		if (err == C5_OK) err = add_lineage(&json, &m.lineage);
		c5_movie_close(&m);
	}
	if (batch) c5_text_add(&json, "]");
	if (err == C5_OK) err = json.err;
	if (err == C5_OK) err = c5_bundle_create(&b, path, C5_BUNDLE_TAR_GZ);
	if (err == C5_OK) err = c5_bundle_member(b, batch ? "lineages.json" : "lineage.json", json.size);
	if (err == C5_OK) err = c5_bundle_write(b, json.data, json.size);
	for (int tracked = 0; tracked < 2; tracked++) {
		if (err == C5_OK) err = begin_array(b, tracked ? "tracked.npy" : "raw.npy", tracked ? C5_I32 : dtype, batch ? 5 : 4, batch ? dims : dims + 1);
		for (size_t i = 0; err == C5_OK && i < n_names; i++) {
			if ((err = open_movie(x, names[i], &m, &c)) < 0) break;
			err = put_frames(b, &m, tracked ? NULL : c);
			c5_movie_close(&m);
		}
	}
	if (err == C5_OK) err = c5_bundle_finish(b);
	else c5_bundle_close(b);
	c5_buf_free(&json);
	return err;
}

int c5_export_trks(c5_export *x, const char *path) { return write_all(x, x->names, x->n_names, path, true); }

int c5_export_trk(c5_export *x, const char *experiment, const char *path)
{
	char *name = c5_strdup(experiment);
	int err = name ? write_all(x, &name, 1, path, false) : c5_fail(C5_ENOMEM, "out of memory");
	free(name);
	return err;
}
