/* layout.c – asks each kind of metadata in turn, and takes pages as frames when none speaks; see layout.h. */
#include "image/layout.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

#define PLANES_MAX (UINT64_C(1) << 24) /* of one view */

int c5_view_make(c5_view *view, const char *path, uint64_t c, uint64_t t, uint64_t z)
{
	uint64_t n;
	int err;
	memset(view, 0, sizeof *view);
	view->pixel_um = view->z_step_um = view->dt_s = NAN;
	if (!c || !t || !z || __builtin_mul_overflow(c, t, &n) || __builtin_mul_overflow(n, z, &n) || n > PLANES_MAX)
		return c5_fail(C5_EINPUT, "%s: metadata tell of %llu channels x %llu frames x %llu planes: the file is damaged", path, (unsigned long long)c,
			(unsigned long long)t, (unsigned long long)z);
	view->c = (uint32_t)c;
	view->t = (uint32_t)t;
	view->z = (uint32_t)z;
	if ((err = c5_alloc(&view->channels, c, sizeof *view->channels)) < 0 || (err = c5_alloc(&view->planes, n, sizeof *view->planes)) < 0) return err;
	for (uint64_t i = 0; i < c; i++) view->channels[i].wavelength_nm = NAN;
	for (uint64_t i = 0; i < n; i++) view->planes[i].file = UINT32_MAX;
	return C5_OK;
}

void c5_view_free(c5_view *view)
{
	for (uint32_t i = 0; view->channels && i < view->c; i++) free(view->channels[i].name);
	free(view->channels);
	free(view->planes);
	free(view->name);
	free(view->plate);
	free(view->well);
	free(view->position);
	free(view->gap);
	memset(view, 0, sizeof *view);
}

static void clear(c5_layout *layout)
{
	for (size_t i = 0; i < layout->n_views; i++) c5_view_free(&layout->views[i]);
	free(layout->views);
	free(layout->name);
	free(layout->error);
	memset(layout, 0, sizeof *layout);
}

void c5_layout_free(c5_layout *layout)
{
	if (!layout) return;
	clear(layout);
	free(layout);
}

bool c5_layout_is_single(const c5_layout *layout)
{
	const c5_view *v = layout->views;
	return layout->n_views == 1 && v->c == 1 && v->t == 1 && v->z == 1;
}

/* Pages in time; thumbnails and pyramid levels in between are passed over; interleaved samples are channels. */
static int layout_plain(c5_layout *out, const c5_files *files, uint32_t file)
{
	const c5_probe *probe = &files->at[file].probe;
	uint32_t t = 0, c = probe->pages[0].error || probe->pages[0].rgb ? 1 : probe->pages[0].samples;
	bool all = true;
	for (uint32_t i = 0; i < probe->n_pages; i++) t += !probe->pages[i].reduced;
	if (t) all = false;
	else t = probe->n_pages;
	int err = c5_alloc(&out->views, 1, sizeof *out->views);
	if (err < 0) return err;
	out->n_views = 1;
	if ((err = c5_view_make(out->views, files->at[file].path, c, t, 1)) < 0) return err;
	out->views->pixel_um = probe->nikon_um;
	for (uint32_t i = 0, k = 0; i < probe->n_pages; i++) {
		const c5_page *page = &probe->pages[i];
		if (page->reduced && !all) continue;
		for (uint32_t s = 0; s < c; s++)
			out->views->planes[(size_t)s * t + k] = (c5_plane){ .file = file, .ifd = i, .ifd_offset = page->offset, .sample = s };
		k++;
	}
	return C5_OK;
}

int c5_layout_of(c5_files *files, uint32_t file, c5_layout **out)
{
	bool mine = false;
	c5_layout *fresh = NULL;
	int err;
	*out = files->at[file].layout;
	if (*out) return C5_OK;
	if ((err = c5_alloc(&fresh, 1, sizeof *fresh)) < 0) return err;
	files->at[file].layout = *out = fresh;
	if (files->at[file].owner != file) return C5_OK;
	if (files->at[file].probed < 0) err = c5_fail(files->at[file].probed, "%s", files->at[file].error ? files->at[file].error : "out of memory");
	if (!err) err = c5_layout_ome(fresh, files, file, &mine);
	if (!err && !mine) err = c5_layout_imagej(fresh, files, file, &mine);
	if (!err && !mine) err = layout_plain(fresh, files, file);
	if (err < 0 && err != C5_ENOMEM) {
		clear(fresh);
		fresh->error_code = err;
		err = (fresh->error = c5_strdup(c5_error_last())) ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
	}
	return err;
}

struct unit { const char *word; double factor; };

static double factor_of(const struct unit *units, const char *word)
{
	for (; units->word; units++)
		if (!strcmp(units->word, word)) return units->factor;
	return NAN;
}

double c5_unit_um(const char *unit)
{
	static const struct unit units[] = {
		{ "um", 1 }, { "\xc2\xb5m", 1 }, { "\xce\xbcm", 1 }, { "\xb5m", 1 }, { "\\u00B5m", 1 }, { "\\u00b5m", 1 }, { "micron", 1 }, { "microns", 1 },
		{ "micrometer", 1 }, { "micrometers", 1 }, { "micrometre", 1 }, { "micrometres", 1 }, { "nm", 1e-3 }, { "nanometer", 1e-3 }, { "pm", 1e-6 },
		{ "mm", 1e3 }, { "millimeter", 1e3 }, { "cm", 1e4 }, { "dm", 1e5 }, { "m", 1e6 }, { "meter", 1e6 }, { "\xc3\x85", 1e-4 }, { "\xe2\x84\xab", 1e-4 },
		{ "inch", 25400 }, { "in", 25400 }, { "thou", 25.4 }, { NULL, 0 } };
	return factor_of(units, unit);
}

double c5_unit_s(const char *unit)
{
	static const struct unit units[] = {
		{ "s", 1 }, { "sec", 1 }, { "second", 1 }, { "seconds", 1 }, { "ms", 1e-3 }, { "msec", 1e-3 }, { "\xc2\xb5s", 1e-6 }, { "\xce\xbcs", 1e-6 },
		{ "us", 1e-6 }, { "ns", 1e-9 }, { "min", 60 }, { "minute", 60 }, { "minutes", 60 }, { "h", 3600 }, { "hour", 3600 }, { "hours", 3600 },
		{ "d", 86400 }, { NULL, 0 } };
	return factor_of(units, unit);
}
