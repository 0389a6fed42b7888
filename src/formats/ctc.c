/* ctc.c – writes folders of the Cell Tracking Challenge: NN_RES/maskTTT.tif, whose pixels are track ids, and NN_RES/res_track.txt, a row
 * "L B E P" a track; with --raw the frames NN/tTTT.tif. Several experiments are numbered in their order, experiments.csv tells which is which.
 * A track with frames missed is cut there: the next part has the part before as its parent, and is its only daughter. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "formats/export.h"
#include "formats/movie.h"
#include "formats/out.h"
#include "image/tiffout.h"

#define LABEL_MAX 65535

static int check_tracks(const c5_movie *m)
{
	const c5_lineage *l = &m->lineage;
	if (l->n_tracks && l->tracks[l->n_tracks - 1].id > LABEL_MAX)
		return c5_fail(C5_EINPUT, "%s: %zu tracks up to number %u, CTC labels end at %d; export as trk", m->tracks_path, l->n_tracks,
			l->tracks[l->n_tracks - 1].id, LABEL_MAX);
	if (!l->n_tracks) return c5_fail(C5_EINPUT, "%s: no tracks, and a CTC result has at least one", m->tracks_path);
	return C5_OK;
}

static int write_page(const char *folder, const char *stem, int digits, uint64_t t, int dtype, const c5_movie *m, const void *pixels)
{
	c5_tiffout_style style = { .dtype = dtype, .height = (uint32_t)m->height, .width = (uint32_t)m->width, .pages = 1,
		.pixel_um = m->experiment.pixel_size_um };
	char *path = c5_format("%s/%s%0*llu.tif", folder, stem, digits, (unsigned long long)t);
	c5_tiffout *out = NULL;
	int err = path ? c5_tiffout_open(&out, path, &style) : c5_fail(C5_ENOMEM, "out of memory");
	if (err == C5_OK) {
		err = c5_tiffout_page(out, pixels);
		int closed = c5_tiffout_close(out);
		if (err == C5_OK) err = closed;
	}
	free(path);
	return err;
}

static int digits_of(uint64_t frames)
{
	int n = 3;
	for (uint64_t most = 1000; frames > most; most *= 10) n++;
	return n;
}

static int write_masks(c5_movie *m, const char *folder)
{
	size_t n = m->height * m->width;
	uint32_t *labels = NULL;
	uint16_t *narrow = NULL;
	int err = c5_alloc(&labels, n, sizeof *labels);
	if (err == C5_OK) err = c5_alloc(&narrow, n, sizeof *narrow);
	for (uint64_t t = 0; err == C5_OK && t < m->frames; t++) {
		if ((err = c5_export_tick()) < 0 || (err = c5_movie_track_ids(m, t, labels)) < 0) break;
		for (size_t i = 0; i < n; i++) narrow[i] = (uint16_t)labels[i];
		err = write_page(folder, "mask", digits_of(m->frames), t, C5_U16, m, narrow);
	}
	free(narrow);
	free(labels);
	return err;
}

static int write_tracks(const c5_movie *m, const char *folder)
{
	char *path = c5_format("%s/res_track.txt", folder);
	c5_buf b = { 0 };
	for (size_t i = 0; i < m->lineage.n_tracks; i++) {
		const c5_lin_track *t = &m->lineage.tracks[i];
		c5_text_addf(&b, "%u %u %u %u\n", t->id, t->first, t->last, t->parent);
	}
	char *text = c5_text_take(&b);
	int err = path && text ? c5_out_text(path, text) : c5_fail(C5_ENOMEM, "out of memory");
	free(text);
	free(path);
	return err;
}

static int write_raw(c5_movie *m, const char *channel, const char *folder)
{
	const c5_channel *c;
	void *pixels = NULL;
	int err = c5_movie_channel(m, channel, &c);
	if (err == C5_OK) err = c5_alloc(&pixels, m->height * m->width, c5_dtype_size(c->dtype));
	if (err == C5_OK) err = c5_out_folder(folder);
	for (uint64_t t = 0; err == C5_OK && t < m->frames; t++) {
		if ((err = c5_export_tick()) < 0 || (err = c5_movie_raw(m, c, t, c->planes / 2, pixels)) < 0) break;
		err = write_page(folder, "t", digits_of(m->frames), t, c->dtype, m, pixels);
	}
	free(pixels);
	return err;
}

static int write_one(c5_export *x, const char *name, const char *path, size_t number)
{
	c5_movie m = { 0 };
	char *results = c5_format("%s/%02zu_RES", path, number), *raw = c5_format("%s/%02zu", path, number);
	int err = results && raw ? c5_movie_open(&m, x->file, name, x->params->revision, C5_WANT_TRACKS) : c5_fail(C5_ENOMEM, "out of memory");
	if (err == C5_OK) err = c5_lineage_split(&m.lineage, m.tracks_path);
	if (err == C5_OK) err = check_tracks(&m);
	if (err == C5_OK) err = c5_out_folder(results);
	if (err == C5_OK) err = write_masks(&m, results);
	if (err == C5_OK) err = write_tracks(&m, results);
	if (err == C5_OK && x->params->raw) err = write_raw(&m, x->params->channel, raw);
	c5_movie_close(&m);
	free(raw);
	free(results);
	return err;
}

int c5_export_ctc(c5_export *x, const char *path)
{
	c5_buf list = { 0 };
	int err = C5_OK;
	c5_text_add(&list, "number,experiment\r\n");
	for (size_t i = 0; err == C5_OK && i < x->n_names; i++) {
		err = write_one(x, x->names[i], path, i + 1);
		c5_text_addf(&list, "%02zu,\"%s\"\r\n", i + 1, x->names[i]);
	}
	char *at = c5_format("%s/experiments.csv", path), *text = c5_text_take(&list);
	if (err == C5_OK) err = at && text ? c5_out_text(at, text) : c5_fail(C5_ENOMEM, "out of memory");
	free(text);
	free(at);
	return err;
}
