/* assemble.c – see assemble.h.
 *
 * A piece is one channel of one view of one file. Pieces of the same experiment and channel, sorted by frame and z, fill one table of planes.
 * Frames run from the first to the last number met in any channel of the experiment, so that its channels keep a common time axis. */
#include "image/assemble.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/dtype.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include "image/layout.h"
#include "image/names.h"
#include "image/tiff.h"

#define SPAN_MAX (INT64_C(1) << 22) /* frames or z planes of one series */
#define HOLES_SHOWN 8

struct piece {
	char *experiment, *channel; /* owned */
	const c5_entry *entry;
	const c5_view *view;        /* NULL: the file cannot be used */
	const char *file_error;
	int error_code;
	uint32_t channel_number;
	int64_t frame, z;           /* where its first plane goes */
	uint32_t t, z_n;            /* how many it brings */
	bool by_number;             /* the frame is stated by a name */
	bool turned;                /* its pages, found as frames, are z planes */
};

struct pieces { struct piece *at; size_t n, cap; };

int c5_z_mode_of(const char *text, int64_t *mode)
{
	static const char *const words[] = { "all", "max", "mean", "min" };
	*mode = C5_Z_ALL;
	if (!text) return C5_OK;
	for (int i = 0; i < 4; i++)
		if (!strcmp(text, words[i])) {
			*mode = C5_Z_ALL - i;
			return C5_OK;
		}
	if (c5_text_to_int(mode, text) < 0 || *mode < 0)
		return c5_fail(C5_EUSAGE, "--z %s: all, max, mean, min or the number of a plane expected, counted from 0", text);
	return C5_OK;
}

static int no_memory(void) { return c5_fail(C5_ENOMEM, "out of memory"); }

/* The k-th name of a comma-separated list; caller frees. *out NULL: there is none. */
static int listed(const char *list, uint32_t k, char **out)
{
	*out = NULL;
	if (!list) return C5_OK;
	while (k--) {
		if (!(list = strchr(list, ','))) return C5_OK;
		list++;
	}
	size_t n = strcspn(list, ",");
	if (!n) return C5_OK;
	return (*out = c5_format("%.*s", (int)n, list)) ? C5_OK : no_memory();
}

static int name_channel(const c5_gather *g, struct piece *p)
{
	const char *stated = p->entry->field[C5_FIELD_CHANNEL], *known = p->view ? p->view->channels[p->channel_number].name : NULL;
	char *name = NULL;
	uint32_t k = p->channel_number;
	int err = C5_OK;
	if (stated) name = p->view && p->view->c > 1 ? c5_format("%s_%u", stated, k) : c5_strdup(stated);
	else if (known) name = c5_strdup(known);
	else if ((err = listed(g->params->channel, k, &name)) < 0) return err;
	else if (!name) name = c5_format("ch%u", k);
	if (!name) return no_memory();
	p->channel = c5_name_clean(name);
	free(name);
	if (!p->channel) return no_memory();
	for (uint32_t i = 0; known && !stated && i < k; i++) { /* the same name twice in one file */
		char *other = p->view->channels[i].name ? c5_name_clean(p->view->channels[i].name) : NULL;
		bool same = other && !strcmp(other, p->channel);
		free(other);
		if (!same) continue;
		char *apart = c5_format("%s_%u", p->channel, k);
		free(p->channel);
		return (p->channel = apart) ? C5_OK : no_memory();
	}
	return C5_OK;
}

static int name_experiment(struct piece *p)
{
	const c5_view *v = p->view;
	char *name = c5_entry_experiment(p->entry), *more = NULL;
	bool stated = false;
	if (!name) return no_memory();
	for (int f = 0; f <= C5_FIELD_POSITION; f++) stated = stated || p->entry->field[f];
	if (v && v->name) { /* one of several fields of the file; plate and well say it all */
		more = v->well && !stated ? c5_strdup(v->name) : c5_format("%s_%s", name, v->name);
		free(name);
		if (!more) return no_memory();
		name = c5_name_clean(more);
		free(more);
		if (!name) return no_memory();
	}
	p->experiment = name;
	return C5_OK;
}

static int add_piece(struct pieces *all, const c5_gather *g, const c5_entry *e, const c5_view *v, uint32_t channel, const char *file_error, int code)
{
	int err = c5_grow(&all->at, &all->cap, all->n + 1, sizeof *all->at);
	if (err < 0) return err;
	struct piece *p = &all->at[all->n++];
	memset(p, 0, sizeof *p);
	p->entry = e;
	p->view = v;
	p->channel_number = channel;
	p->file_error = file_error;
	p->error_code = code;
	p->t = v ? v->t : 1;
	p->z_n = v ? v->z : 1;
	p->by_number = e->frame >= 0;
	if (p->by_number && p->t > 1 && p->z_n == 1) {
		p->turned = true;
		p->z_n = p->t;
		p->t = 1;
	}
	p->frame = e->frame >= 0 ? e->frame : 0;
	p->z = e->z >= 0 ? e->z : 0;
	return (err = name_experiment(p)) < 0 ? err : name_channel(g, p);
}

static int make_pieces(c5_gather *g, struct pieces *all)
{
	int err = C5_OK;
	for (size_t i = 0; i < g->n; i++) { /* layouts first: they may add files */
		c5_layout *layout;
		uint32_t file = g->entries[i].file;
		if (file == UINT32_MAX) continue;
		if ((err = c5_layout_of(&g->files, file, &layout)) < 0) return err;
		if (g->files.at[file].owner != file && (err = c5_layout_of(&g->files, g->files.at[file].owner, &layout)) < 0) return err;
	}
	for (size_t i = 0; i < g->n && !err; i++) {
		const c5_entry *e = &g->entries[i];
		if (e->error) {
			err = add_piece(all, g, e, NULL, 0, e->error, e->error_code);
			continue;
		}
		uint32_t owner = g->files.at[e->file].owner;
		bool seen = false;
		if (owner != e->file) /* another file of a set: its planes come with the owner, once */
			for (size_t k = 0; k < g->n && !seen; k++) seen = g->entries[k].file != UINT32_MAX && k != i
				&& (g->entries[k].file == owner || (k < i && g->files.at[g->entries[k].file].owner == owner));
		if (seen) continue;
		const c5_layout *layout = g->files.at[owner].layout;
		if (layout->error) {
			err = add_piece(all, g, e, NULL, 0, layout->error, layout->error_code);
			continue;
		}
		for (size_t v = 0; v < layout->n_views && !err; v++)
			for (uint32_t c = 0; c < layout->views[v].c && !err; c++) err = add_piece(all, g, e, &layout->views[v], c, NULL, C5_OK);
	}
	return err;
}

static int by_place(const void *a, const void *b)
{
	const struct piece *p = a, *q = b;
	int order = c5_name_compare(p->experiment, q->experiment);
	if (!order) order = c5_name_compare(p->channel, q->channel);
	if (!order) order = (p->frame > q->frame) - (p->frame < q->frame);
	if (!order) order = (p->z > q->z) - (p->z < q->z);
	return order ? order : p->entry < q->entry ? -1 : p->entry > q->entry;
}

/* A series gets its error; the first one stays. */
static int blame(c5_series *s, int code, char *text)
{
	if (!text) return no_memory();
	if (s->error) {
		free(text);
		return C5_OK;
	}
	s->error = text;
	s->error_code = code;
	return C5_OK;
}

static const char *path_of(const c5_gather *g, const struct piece *p)
{
	return p->entry->file == UINT32_MAX ? "?" : g->files.at[p->entry->file].path;
}

static int copy_text(char **to, const char *from) { return !from || (*to = c5_strdup(from)) ? C5_OK : no_memory(); }

static double first_of(double a, double b, double c) { return a > 0 ? a : b > 0 ? b : c > 0 ? c : NAN; }

/* What the names, the sheet and the files state of the experiment, which must not contradict itself. */
static int describe(c5_series *s, const c5_gather *g, const struct piece *run, size_t n)
{
	char **to[C5_FIELD_N] = { [C5_FIELD_PLATE] = &s->plate, [C5_FIELD_WELL] = &s->well, [C5_FIELD_POSITION] = &s->position,
		[C5_FIELD_CONDITION] = &s->condition, [C5_FIELD_COMPOUND] = &s->compound, [C5_FIELD_DOSE] = &s->dose, [C5_FIELD_REPLICATE] = &s->replicate,
		[C5_FIELD_MODALITY] = &s->modality };
	const c5_view *v = run->view;
	double z_step = NAN, pixel = NAN, dt = NAN;
	int err = C5_OK;
	if ((err = copy_text(&s->experiment, run->experiment)) < 0 || (err = copy_text(&s->channel, run->channel)) < 0) return err;
	for (int f = 0; f < C5_FIELD_N; f++) {
		for (size_t i = 0; to[f] && i < n && !err; i++) {
			const char *value = run[i].entry->field[f];
			if (!value) continue;
			if (!*to[f]) err = copy_text(to[f], value);
			else if (strcmp(*to[f], value))
				err = blame(s, C5_EINPUT, c5_format("%s: %s '%s', but '%s' for other files of experiment %s; one experiment has one", path_of(g, &run[i]),
					c5_field_names[f], value, *to[f], s->experiment));
		}
		if (err < 0) return err;
	}
	s->wavelength_nm = NAN;
	if (v) {
		const c5_view_channel *channel = &v->channels[run->channel_number];
		if (!s->plate && (err = copy_text(&s->plate, v->plate)) < 0) return err;
		if (!s->well && (err = copy_text(&s->well, v->well)) < 0) return err;
		if (!s->position && (err = copy_text(&s->position, v->position)) < 0) return err;
		if (!s->modality && (err = copy_text(&s->modality, channel->modality)) < 0) return err;
		s->wavelength_nm = channel->wavelength_nm;
		pixel = v->pixel_um;
		z_step = v->z_step_um;
		dt = v->dt_s;
	}
	if (!s->modality && (err = listed(g->params->modality, run->channel_number, &s->modality)) < 0) return err;
	for (size_t i = 0; c5_modality_names[i] && !s->modality; i++)
		if (!strcasecmp(s->channel, c5_modality_names[i]) && (err = copy_text(&s->modality, c5_modality_names[i])) < 0) return err;
	if (s->modality && c5_modality_check(s->modality) < 0 && (err = blame(s, C5_EINPUT, c5_format("%s: %s", path_of(g, run), c5_error_last()))) < 0)
		return err;
	s->pixel_size_um = first_of(g->params->pixel_size_um, run->entry->pixel_um, pixel);
	s->frame_interval_s = first_of(g->params->frame_interval_s, run->entry->dt_s, dt);
	s->z_step_um = first_of(z_step, NAN, NAN);
	return C5_OK;
}

/* Where plane (t, z) of a piece is. */
static const c5_plane *plane_of(const struct piece *p, uint32_t t, uint32_t z)
{
	const c5_view *v = p->view;
	size_t at = p->turned ? z : (size_t)t * v->z + z;
	return &v->planes[(size_t)p->channel_number * v->t * v->z + at];
}

static const c5_page *page_of(const c5_gather *g, const c5_plane *plane) { return &g->files.at[plane->file].probe.pages[plane->ifd]; }

/* Checks one plane against the first of its series. */
static int check_plane(c5_series *s, const c5_gather *g, const c5_plane *plane, const c5_plane **first)
{
	const c5_file *file = &g->files.at[plane->file];
	const c5_page *page = page_of(g, plane);
	if (page->error) return blame(s, C5_EINPUT, c5_strdup(page->error));
	if (page->rgb && !c5_colour_named(g->params->plane))
		return blame(s, C5_EINPUT, c5_format("%s: an RGB image, grey expected; name the plane to read with --plane red|green|blue|luminance", file->path));
	if (!*first) {
		*first = plane;
		s->width = page->width;
		s->height = page->height;
		s->dtype = page->dtype;
	} else if (page->width != s->width || page->height != s->height || page->dtype != s->dtype) {
		const c5_file *other = &g->files.at[(*first)->file];
		const char *dot = strrchr(c5_name_base(file->path), '.');
		bool same = other == file;
		return blame(s, C5_EINPUT, c5_format("%s: image %u is %u x %u %s, but %s%s%u x %u %s; a series has one size and type: "
			"take them apart with --pattern, e.g. '{experiment}%s', or --sheet", file->path, plane->ifd, page->width, page->height,
			c5_dtype_name(page->dtype), same ? "its first is " : other->path, same ? "" : " is ", s->width, s->height, c5_dtype_name(s->dtype),
			dot ? dot : ""));
	}
	return C5_OK;
}

/* "3, 7-9, 12 and 4 more" of the frames with a plane missing; caller frees. */
static char *list_holes(const c5_series *s, int64_t first, uint32_t *n_frames)
{
	c5_buf text = { 0 };
	uint32_t shown = 0, hidden = 0;
	*n_frames = 0;
	for (uint32_t t = 0, end; t < s->t; t = end) {
		for (end = t; end < s->t; end++) {
			bool hole = false;
			for (uint32_t z = 0; z < s->z && !hole; z++) hole = s->planes[(size_t)end * s->z + z].file == UINT32_MAX;
			if (!hole) break;
		}
		*n_frames += end - t;
		if (end == t) {
			end++;
		} else if (shown++ < HOLES_SHOWN) {
			c5_text_addf(&text, "%s%lld", shown > 1 ? ", " : "", (long long)first + t);
			if (end - t > 1) c5_text_addf(&text, "-%lld", (long long)first + end - 1);
		} else {
			hidden += end - t;
		}
	}
	if (hidden) c5_text_addf(&text, " and %u more", hidden);
	return c5_text_take(&text);
}

static int check_holes(c5_series *s, const c5_gather *g, const struct piece *run, int64_t first)
{
	uint32_t n;
	const char *gap = run->view ? run->view->gap : NULL;
	int err = C5_OK;
	if (s->error || (g->params->missing && !strcmp(g->params->missing, "blank"))) return C5_OK;
	char *holes = list_holes(s, first, &n);
	if (!holes) return no_memory();
	if (n && gap)
		err = blame(s, C5_EINPUT, c5_format("%s: %s, so frames %s are missing; copy it there, or fill them with --missing blank", path_of(g, run), gap,
			holes));
	else if (n)
		err = blame(s, C5_EINPUT, c5_format("%s: %s %s missing of %u frames in channel %s of experiment %s, numbered %lld to %lld; copy what is missing, "
			"or fill it with --missing blank", path_of(g, run), s->z > 1 ? "z planes of frames" : n > 1 ? "frames" : "frame", holes, s->t, s->channel,
			s->experiment, (long long)first, (long long)first + s->t - 1));
	free(holes);
	return err;
}

/* Puts the pieces of one series into its table of planes. */
static int fill(c5_series *s, const c5_gather *g, const struct piece *run, size_t n, int64_t first, int64_t end)
{
	int64_t z0 = run->z, z1 = run->z + run->z_n;
	const c5_plane *model = NULL;
	int err;
	for (size_t i = 0; i < n; i++) {
		if (run[i].file_error) return blame(s, run[i].error_code, c5_strdup(run[i].file_error));
		if (run[i].by_number && run[i].t > 1)
			return blame(s, C5_EINPUT, c5_format("%s: holds %u frames, but its name states one; leave {frame} out of the pattern",
				path_of(g, &run[i]), run[i].t));
		if (run[i].z < z0) z0 = run[i].z;
		if (run[i].z + run[i].z_n > z1) z1 = run[i].z + run[i].z_n;
	}
	if (end - first > SPAN_MAX || z1 - z0 > SPAN_MAX || (end - first) * (z1 - z0) > SPAN_MAX * 4)
		return blame(s, C5_EINPUT, c5_format("%s: frame numbers of experiment %s run from %lld to %lld, z from %lld to %lld: they number something else; "
			"name them with --pattern", path_of(g, run), s->experiment, (long long)first, (long long)end - 1, (long long)z0, (long long)z1 - 1));
	s->t = (uint32_t)(end - first);
	s->z = (uint32_t)(z1 - z0);
	s->first_frame = (uint64_t)first;
	if ((err = c5_alloc(&s->planes, (size_t)s->t * s->z, sizeof *s->planes)) < 0) return err;
	for (size_t i = 0; i < (size_t)s->t * s->z; i++) s->planes[i].file = UINT32_MAX;
	for (size_t i = 0; i < n; i++) {
		for (uint32_t t = 0; t < run[i].t; t++) {
			for (uint32_t z = 0; z < run[i].z_n; z++) {
				const c5_plane *from = plane_of(&run[i], t, z);
				c5_plane *to = &s->planes[(size_t)(run[i].frame - first + t) * s->z + (size_t)(run[i].z - z0) + z];
				if (from->file == UINT32_MAX) continue;
				if (to->file != UINT32_MAX)
					return blame(s, C5_EINPUT, c5_format("%s and %s are both frame %lld, z %lld of channel %s of experiment %s; "
						"tell them apart with --pattern or --sheet", g->files.at[to->file].path, g->files.at[from->file].path, (long long)run[i].frame + t,
						(long long)run[i].z + z, s->channel, s->experiment));
				if ((err = check_plane(s, g, from, &model)) < 0 || s->error) return err;
				*to = *from;
			}
		}
	}
	if (!model) return blame(s, C5_EINPUT, c5_format("%s: channel %s of experiment %s has no image%s%s", path_of(g, run), s->channel, s->experiment,
		run->view && run->view->gap ? ": " : "", run->view && run->view->gap ? run->view->gap : ""));
	return check_holes(s, g, run, first);
}

static int check_z(c5_series *s, int64_t mode, const char *path)
{
	if (s->error || mode < 0 || mode < (int64_t)s->z) return C5_OK;
	return blame(s, C5_EINPUT, c5_format("%s: plane %lld asked for with --z, but experiment %s has %u, counted from 0", path,
		(long long)mode, s->experiment, s->z));
}

static int add_series(c5_scan *scan, size_t *cap, c5_series **out)
{
	int err = c5_grow(&scan->series, cap, scan->n_series + 1, sizeof *scan->series);
	if (err < 0) return err;
	*out = &scan->series[scan->n_series++];
	memset(*out, 0, sizeof **out);
	(*out)->wavelength_nm = (*out)->pixel_size_um = (*out)->z_step_um = (*out)->frame_interval_s = NAN;
	return C5_OK;
}

/* All series of one experiment, its pieces being run[0..n). */
static int assemble_experiment(c5_scan *scan, size_t *cap, const c5_gather *g, const struct piece *run, size_t n, int64_t z_mode)
{
	int64_t first = INT64_MAX, end = 0;
	bool by_number = true;
	for (size_t i = 0; i < n; i++) {
		if (run[i].frame < first) first = run[i].frame;
		if (run[i].frame + run[i].t > end) end = run[i].frame + run[i].t;
		by_number = by_number && run[i].by_number;
	}
	for (size_t i = 0, k; i < n; i = k) {
		c5_series *s;
		int64_t from = first, to = end;
		int err = add_series(scan, cap, &s);
		if (err < 0) return err;
		for (k = i + 1; k < n && !strcmp(run[k].channel, run[i].channel); k++);
		for (size_t j = i; !by_number && j < k; j++) { /* stacks keep their own lengths */
			if (j == i || run[j].frame < from) from = run[j].frame;
			if (j == i || run[j].frame + run[j].t > to) to = run[j].frame + run[j].t;
		}
		if ((err = describe(s, g, run + i, k - i)) < 0) return err;
		if (!s->error && (err = fill(s, g, run + i, k - i, from, to)) < 0) return err;
		if ((err = check_z(s, z_mode, path_of(g, &run[i]))) < 0) return err;
		if (s->error) {
			free(s->planes);
			s->planes = NULL;
			s->t = s->z = 0;
		}
	}
	return C5_OK;
}

/* With {channel} in the pattern, an experiment without a channel that others have is said so. */
static int add_lacking(c5_scan *scan, size_t *cap, const c5_gather *g, const struct pieces *all)
{
	const char **channels = NULL;
	size_t n = 0, channels_cap = 0;
	int err = C5_OK;
	if (g->params->missing && !strcmp(g->params->missing, "blank")) return C5_OK;
	for (size_t i = 0; i < all->n && !err; i++) {
		bool known = !all->at[i].entry->plate_of_channels || all->at[i].file_error;
		for (size_t k = 0; k < n && !known; k++) known = !strcmp(channels[k], all->at[i].channel);
		if (!known && (err = c5_grow(&channels, &channels_cap, n + 1, sizeof *channels)) == C5_OK) channels[n++] = all->at[i].channel;
	}
	for (size_t i = 0, k; i < all->n && !err && n > 1; i = k) {
		const struct piece *run = &all->at[i];
		for (k = i + 1; k < all->n && !strcmp(all->at[k].experiment, run->experiment); k++);
		for (size_t c = 0; c < n && !err && run->entry->plate_of_channels && !run->file_error; c++) {
			bool there = false;
			c5_series *s;
			for (size_t j = i; j < k && !there; j++) there = !strcmp(all->at[j].channel, channels[c]);
			if (there || (err = add_series(scan, cap, &s)) < 0) continue;
			err = copy_text(&s->experiment, run->experiment);
			if (!err) err = copy_text(&s->channel, channels[c]);
			if (!err) err = blame(s, C5_EINPUT, c5_format("experiment %s has no channel %s, which others have; copy its files, "
				"or go on without with --missing blank", run->experiment, channels[c]));
		}
	}
	free(channels);
	return err;
}

int c5_assemble(c5_scan *scan, c5_gather *g)
{
	struct pieces all = { 0 };
	size_t cap = 0;
	int64_t z_mode;
	int err = c5_z_mode_of(g->params->z, &z_mode);
	if (!err) err = make_pieces(g, &all);
	if (!err && all.n) qsort(all.at, all.n, sizeof *all.at, by_place);
	for (size_t i = 0, k; i < all.n && !err; i = k) {
		for (k = i + 1; k < all.n && !strcmp(all.at[k].experiment, all.at[i].experiment); k++);
		err = assemble_experiment(scan, &cap, g, all.at + i, k - i, z_mode);
	}
	if (!err) err = add_lacking(scan, &cap, g, &all);
	for (size_t i = 0; i < all.n; i++) {
		free(all.at[i].experiment);
		free(all.at[i].channel);
	}
	free(all.at);
	return err;
}
