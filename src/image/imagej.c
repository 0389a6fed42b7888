/* imagej.c – stacks and hyperstacks as ImageJ writes them: a description of key=value lines, planes in the order T, Z, C (channel fastest).
 *
 * Above 4 GB ImageJ writes one directory only, all planes one after the other from its first pixel on. Whenever one directory stands for several
 * images and its pixels are plain, the places are computed so. The text is Latin-1 with Java escapes. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "image/layout.h"

/* The value of `key` in the description, copied to `to`; false when it is not there. */
static bool value_of(const char *text, const char *key, char *to, size_t room)
{
	size_t n = strlen(key);
	for (const char *line = text; line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
		if (strncmp(line, key, n) || line[n] != '=') continue;
		size_t m = strcspn(line + n + 1, "\r\n");
		if (m >= room) m = room - 1;
		memcpy(to, line + n + 1, m);
		to[m] = '\0';
		return true;
	}
	return false;
}

static uint64_t count_of(const char *text, const char *key)
{
	char value[64], *end;
	if (!value_of(text, key, value, sizeof value)) return 1;
	double v = strtod(value, &end);
	return end != value && v >= 1 && v <= 4294967295.0 ? (uint64_t)v : 1;
}

static double real_of(const char *text, const char *key)
{
	char value[64], *end;
	if (!value_of(text, key, value, sizeof value)) return NAN;
	double v = strtod(value, &end);
	return end != value && isfinite(v) && v > 0 ? v : NAN;
}

static void scale(c5_view *view, const c5_probe *probe)
{
	const char *text = probe->description;
	char unit[64] = "";
	double um = NAN, seconds = 1;
	if (value_of(text, "unit", unit, sizeof unit)) um = c5_unit_um(unit);
	else if (probe->resolution_unit == 3) um = 1e4;
	if (isfinite(um)) {
		if (probe->x_resolution > 0) view->pixel_um = um / probe->x_resolution;
		view->z_step_um = real_of(text, "spacing") * um;
	}
	if (value_of(text, "tunit", unit, sizeof unit)) seconds = c5_unit_s(unit);
	view->dt_s = real_of(text, "finterval") * seconds;
	if (isnan(view->dt_s) && isfinite(real_of(text, "fps"))) view->dt_s = 1 / real_of(text, "fps");
}

int c5_layout_imagej(c5_layout *out, const c5_files *files, uint32_t file, bool *mine)
{
	const c5_file *f = &files->at[file];
	const c5_probe *probe = &f->probe;
	const c5_page *first = probe->pages;
	uint64_t c, z, t, images, n;
	bool contiguous = false;
	int err;
	*mine = false;
	if (probe->kind != C5_FILE_TIFF || !probe->description || strncmp(probe->description, "ImageJ=", 7)) return C5_OK;
	if (first->error || (first->samples > 1 && !first->rgb)) return C5_OK;
	*mine = true;
	images = count_of(probe->description, "images");
	c = count_of(probe->description, "channels");
	z = count_of(probe->description, "slices");
	t = count_of(probe->description, "frames");
	if (__builtin_mul_overflow(c, z, &n) || __builtin_mul_overflow(n, t, &n)) n = 0;
	if (images > 1 && probe->n_pages == 1) {
		contiguous = true;
		if (n != images) c = z = 1, t = n = images; /* an older stack without axes, or nonsense: one image after the other */
		uint64_t bytes = c5_page_bytes(first), total;
		if (!first->data_offset)
			return c5_fail(C5_EINPUT, "%s: its description tells of %llu images, but it has one, compressed; save it again", f->path,
				(unsigned long long)images);
		if (__builtin_mul_overflow(bytes, images, &total) || total > probe->size - first->data_offset)
			return c5_fail(C5_EINPUT, "%s: truncated: %llu images of %llu bytes expected from byte %llu on, the file has %llu; copy it again", f->path,
				(unsigned long long)images, (unsigned long long)bytes, (unsigned long long)first->data_offset, (unsigned long long)probe->size);
	} else if (n != probe->n_pages) {
		if (images > probe->n_pages)
			return c5_fail(C5_EINPUT, "%s: truncated: its description tells of %llu images, it has %u; copy it again", f->path, (unsigned long long)images,
				probe->n_pages);
		c = z = 1;
		t = probe->n_pages;
	}
	if ((err = c5_alloc(&out->views, 1, sizeof *out->views)) < 0) return err;
	out->n_views = 1;
	if ((err = c5_view_make(out->views, f->path, c, t, z)) < 0) return err;
	scale(out->views, probe);
	for (uint64_t i = 0, it = 0; it < t; it++)
		for (uint64_t iz = 0; iz < z; iz++)
			for (uint64_t ic = 0; ic < c; ic++, i++) {
				c5_plane *plane = &out->views->planes[(ic * t + it) * z + iz];
				plane->file = file;
				plane->ifd = contiguous ? 0 : (uint32_t)i;
				plane->ifd_offset = probe->pages[plane->ifd].offset;
				plane->data_offset = contiguous ? first->data_offset + i * c5_page_bytes(first) : 0;
			}
	return C5_OK;
}
