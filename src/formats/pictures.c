/* pictures.c – exports that are images: OME-TIFF of frames, masks, track ids or stain maps; 16-bit label PNGs; and PNG frames with the cells
 * outlined, in the colour and with the number of their track where there are tracks. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "formats/export.h"
#include "formats/movie.h"
#include "formats/out.h"
#include "image/overlay.h"
#include "image/pngout.h"
#include "image/tiffout.h"

/* ---- OME-TIFF ---- */

/* The channels to write: the named one, or all, which must be alike. */
static int pick_channels(const c5_experiment *e, const char *name, const c5_channel **first, size_t *n)
{
	int err = c5_experiment_channel(e, name, first);
	*n = 1;
	if (err < 0 || name) return err;
	*first = e->channels, *n = e->n_channels;
	for (size_t i = 1; i < *n; i++) {
		const c5_channel *a = *first, *b = a + i;
		if (a->dtype != b->dtype || a->frames != b->frames || a->planes != b->planes || a->height != b->height || a->width != b->width)
			return c5_fail(C5_EINPUT, "%s: channels %s and %s differ in size or type; write them apart with --channel", e->name, a->name, b->name);
	}
	return C5_OK;
}

static void describe(c5_ome_image *image, const c5_experiment *e, int dtype, uint64_t frames, uint64_t planes, uint64_t height, uint64_t width)
{
	*image = (c5_ome_image){ .name = e->name, .dtype = dtype, .frames = frames, .planes = planes ? planes : 1, .height = height, .width = width,
		.pixel_um = e->pixel_size_um, .z_step_um = e->z_step_um, .frame_interval_s = e->frame_interval_s };
}

static int open_ome(c5_tiffout **out, const char *path, const c5_ome_image *image)
{
	c5_buf b = { 0 };
	c5_ome_text(&b, image);
	char *text = c5_text_take(&b);
	if (!text) return C5_ENOMEM;
	c5_tiffout_style style = { .dtype = image->dtype, .height = (uint32_t)image->height, .width = (uint32_t)image->width,
		.pages = image->frames * image->planes * image->n_channels, .description = text, .pixel_um = image->pixel_um };
	int err = image->height > UINT32_MAX || image->width > UINT32_MAX ? c5_fail(C5_EINPUT, "%s: frames too large for TIFF",
		image->name) : c5_tiffout_open(out, path, &style);
	free(text);
	return err;
}

static int write_channels(c5_movie *m, const char *channel, const char *path)
{
	const c5_channel *c;
	c5_tiffout *out = NULL;
	c5_ome_image image;
	const char **names = NULL;
	double *waves = NULL;
	void *pixels = NULL;
	size_t n;
	int err = pick_channels(&m->experiment, channel, &c, &n);
	if (err < 0 || (err = c5_alloc(&names, n, sizeof *names)) < 0 || (err = c5_alloc(&waves, n, sizeof *waves)) < 0) goto done;
	for (size_t i = 0; i < n; i++) names[i] = c[i].name, waves[i] = c[i].wavelength_nm;
	describe(&image, &m->experiment, c->dtype, c->frames, c->planes, c->height, c->width);
	image.channels = names, image.wavelengths_nm = waves, image.n_channels = n;
	if ((err = c5_alloc(&pixels, c->height * c->width, c5_dtype_size(c->dtype))) < 0 || (err = open_ome(&out, path, &image)) < 0) goto done;
	for (uint64_t t = 0; err == C5_OK && t < c->frames; t++) {
		if ((err = c5_export_tick()) < 0) break;
		for (uint64_t z = 0; err == C5_OK && z < image.planes; z++)
			for (size_t i = 0; err == C5_OK && i < n; i++)
				if ((err = c5_movie_raw(m, &c[i], t, z, pixels)) == C5_OK) err = c5_tiffout_page(out, pixels);
	}
done:
	free(pixels);
	free(waves);
	free(names);
	int closed = c5_tiffout_close(out);
	return err < 0 ? err : closed;
}

static int write_labels(c5_movie *m, bool tracks, const char *path)
{
	static const char *const names[] = { "masks", "tracks" };
	c5_tiffout *out = NULL;
	c5_ome_image image;
	size_t n = m->height * m->width;
	uint32_t *labels = NULL;
	uint16_t *narrow = NULL;
	int dtype = c5_array_spec_of(m->masks)->dtype == C5_U32 ? C5_U32 : C5_U16, err;
	if (tracks) dtype = m->lineage.n_tracks && m->lineage.tracks[m->lineage.n_tracks - 1].id > UINT16_MAX ? C5_U32 : C5_U16;
	describe(&image, &m->experiment, dtype, m->frames, 1, m->height, m->width);
	image.channels = &names[tracks], image.n_channels = 1, image.z_step_um = NAN;
	if ((err = c5_alloc(&labels, n, sizeof *labels)) < 0 || (err = c5_alloc(&narrow, n, sizeof *narrow)) < 0 || (err = open_ome(&out, path, &image)) < 0)
		goto done;
	for (uint64_t t = 0; err == C5_OK && t < m->frames; t++) {
		if ((err = c5_export_tick()) < 0 || (err = tracks ? c5_movie_track_ids(m, t, labels) : c5_movie_labels(m, t, labels)) < 0) break;
		for (size_t i = 0; dtype == C5_U16 && i < n; i++) narrow[i] = (uint16_t)labels[i];
		err = c5_tiffout_page(out, dtype == C5_U16 ? (void *)narrow : (void *)labels);
	}
done:
	free(narrow);
	free(labels);
	int closed = c5_tiffout_close(out);
	return err < 0 ? err : closed;
}

typedef struct stain_maps { char *group, **all; size_t n_all, n; const char **names; c5_array **maps; } stain_maps;

static void close_maps(stain_maps *s)
{
	for (size_t i = 0; i < s->n; i++) c5_array_close(s->maps[i]);
	c5_names_free(s->all, s->n_all);
	free(s->names);
	free(s->maps);
	free(s->group);
}

static bool is_axis(const char *name) { return !strcmp(name, "time") || !strcmp(name, "y") || !strcmp(name, "x"); }

/* The maps of all markers, or of the named one: alike in size, as one model made them. */
static int open_maps(stain_maps *s, c5_movie *m, const c5_export_params *p)
{
	char *revision = NULL;
	int err = c5_product_path(m->file, m->experiment.name, "stain", p->revision, &revision);
	if (err == C5_OK && !(s->group = c5_format("%s/maps", revision))) err = c5_fail(C5_ENOMEM, "out of memory");
	free(revision);
	if (err < 0 || (err = c5_list(m->file, s->group, &s->all, &s->n_all)) < 0 || (err = c5_alloc(&s->names, s->n_all + 1, sizeof *s->names)) < 0 ||
	    (err = c5_alloc(&s->maps, s->n_all + 1, sizeof *s->maps)) < 0)
		return err;
	for (size_t i = 0; i < s->n_all; i++) {
		if (is_axis(s->all[i]) || (p->channel && strcmp(p->channel, s->all[i]))) continue;
		char *path = c5_format("%s/%s", s->group, s->all[i]);
		err = path ? c5_array_open(&s->maps[s->n], m->file, path) : c5_fail(C5_ENOMEM, "out of memory");
		free(path);
		if (err < 0) return err;
		s->names[s->n++] = s->all[i];
		const c5_array_spec *one = c5_array_spec_of(s->maps[s->n - 1]), *first = c5_array_spec_of(s->maps[0]);
		if (one->rank != 3 || one->dtype != first->dtype || memcmp(one->dims, first->dims, 3 * sizeof *one->dims))
			return c5_fail(C5_ESCHEMA, "%s/%s: maps are (T, Y, X), those of all markers alike", s->group, s->all[i]);
	}
	return s->n ? C5_OK : c5_fail(C5_ENOTFOUND, "%s: no map%s%s", s->group, p->channel ? " of marker " : "", p->channel ? p->channel : "");
}

/* A marker is a channel. */
static int write_stain(c5_movie *m, const c5_export_params *p, const char *path)
{
	stain_maps maps = { 0 };
	c5_tiffout *out = NULL;
	c5_ome_image image;
	void *pixels = NULL;
	int err = open_maps(&maps, m, p);
	if (err < 0) goto done;
	const c5_array_spec *s = c5_array_spec_of(maps.maps[0]);
	describe(&image, &m->experiment, s->dtype, s->dims[0], 1, s->dims[1], s->dims[2]);
	image.channels = maps.names, image.n_channels = maps.n, image.z_step_um = NAN;
	if ((err = c5_alloc(&pixels, s->dims[1] * s->dims[2], c5_dtype_size(s->dtype))) < 0 || (err = open_ome(&out, path, &image)) < 0) goto done;
	for (uint64_t t = 0; err == C5_OK && t < s->dims[0]; t++)
		for (size_t i = 0; i < maps.n && err == C5_OK; i++)
			if ((err = c5_export_tick()) == C5_OK && (err = c5_array_read_frame(maps.maps[i], m->codec, t, 0, pixels)) == C5_OK)
				err = c5_tiffout_page(out, pixels);
done:
	free(pixels);
	close_maps(&maps);
	int closed = c5_tiffout_close(out);
	return err < 0 ? err : closed;
}

int c5_export_ome(c5_export *x, const char *experiment, const char *path)
{
	const c5_export_params *p = x->params;
	bool masks = strcmp(p->what, "masks") == 0, tracks = strcmp(p->what, "tracks") == 0, stain = strcmp(p->what, "stain") == 0;
	c5_movie m;
	int err = c5_movie_open(&m, x->file, experiment, p->revision, masks ? C5_WANT_MASKS : tracks ? C5_WANT_TRACKS : 0);
	if (err < 0) return err;
	err = masks || tracks ? write_labels(&m, tracks, path) : stain ? write_stain(&m, p, path) : write_channels(&m, p->channel, path);
	c5_movie_close(&m);
	return err;
}

/* ---- PNG ---- */

/* A folder for each experiment; `one` writes frame t there. */
static int each_frame(c5_export *x, const char *path, int want,
	int (*one)(c5_export *x, c5_movie *m, uint64_t t, uint32_t *labels, const char *folder))
{
	int err = C5_OK;
	for (size_t i = 0; err == C5_OK && i < x->n_names; i++) {
		c5_movie m = { 0 };
		uint32_t *labels = NULL;
		char *folder = c5_export_name(path, x->names[i], "");
		err = folder ? c5_movie_open(&m, x->file, x->names[i], x->params->revision, want) : c5_fail(C5_ENOMEM, "out of memory");
		if (err == C5_OK) err = c5_alloc(&labels, m.height * m.width, sizeof *labels);
		if (err == C5_OK) err = c5_out_folder(folder);
		for (uint64_t t = 0; err == C5_OK && t < m.frames; t++)
			if ((err = c5_export_tick()) == C5_OK) err = one(x, &m, t, labels, folder);
		free(labels);
		c5_movie_close(&m);
		free(folder);
	}
	return err;
}

static int put_labels(c5_export *x, c5_movie *m, uint64_t t, uint32_t *labels, const char *folder)
{
	size_t n = m->height * m->width;
	char *path = c5_format("%s/mask%03llu.png", folder, (unsigned long long)t);
	uint16_t *narrow = NULL;
	int err = path ? c5_alloc(&narrow, n, sizeof *narrow) : c5_fail(C5_ENOMEM, "out of memory");
	(void)x;
	if (err == C5_OK) err = m->tracks_path ? c5_movie_track_ids(m, t, labels) : c5_movie_labels(m, t, labels);
	for (size_t i = 0; err == C5_OK && i < n; i++) {
		if (labels[i] > UINT16_MAX)
			err = c5_fail(C5_EINPUT, "%s: label %u in frame %llu, a PNG holds up to 65535; export as ome-tiff", m->masks_path, labels[i],
				(unsigned long long)t);
		narrow[i] = (uint16_t)labels[i];
	}
	if (err == C5_OK) err = c5_pngout_write(path, C5_PNG_GREY16, narrow, m->height, m->width);
	free(narrow);
	free(path);
	return err;
}

int c5_export_labels_png(c5_export *x, const char *path)
{
	return each_frame(x, path, strcmp(x->params->what, "tracks") == 0 ? C5_WANT_TRACKS : C5_WANT_MASKS, put_labels);
}

static int put_picture(c5_export *x, c5_movie *m, uint64_t t, uint32_t *labels, const char *folder)
{
	const c5_channel *c;
	char *path = c5_format("%s/t%03llu.png", folder, (unsigned long long)t);
	void *pixels = NULL;
	uint32_t most = 0;
	c5_picture picture = { 0 };
	c5_picture_style style = { .zoom = 1, .numbers = m->tracks_path != NULL };
	int err = path ? c5_movie_channel(m, x->params->channel, &c) : c5_fail(C5_ENOMEM, "out of memory");
	if (err == C5_OK) err = c5_alloc(&pixels, m->height * m->width, c5_dtype_size(c->dtype));
	if (err == C5_OK) err = c5_movie_raw(m, c, t, c->planes / 2, pixels);
	if (err == C5_OK) err = c5_movie_labels(m, t, labels);
	for (size_t i = 0; err == C5_OK && i < m->height * m->width; i++)
		if (labels[i] > most) most = labels[i];
	if (err == C5_OK && m->tracks_path && (err = c5_grow(&m->ids, &m->cap_ids, (size_t)most + 1, sizeof *m->ids)) == C5_OK) {
		c5_lineage_ids(&m->lineage, (uint32_t)t, most, m->ids);
		style.ids = m->ids + 1;
	}
	if (err == C5_OK) err = c5_picture_frame(&picture, &style, c->dtype, pixels, labels, m->height, m->width, most);
	if (err == C5_OK) err = c5_pngout_write(path, C5_PNG_RGB8, picture.rgb, picture.height, picture.width);
	free(picture.rgb);
	free(pixels);
	free(path);
	return err;
}

int c5_export_png(c5_export *x, const char *path)
{
	const char *what = x->params->what;
	return each_frame(x, path, strcmp(what, "tracks") == 0 ? C5_WANT_TRACKS : C5_WANT_MASKS, put_picture);
}
