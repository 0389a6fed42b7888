/* picture.c – see picture.h. */
#include "measure/picture.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/dtype.h"
#include "base/error.h"
#include "base/mem.h"
#include "image/jpegin.h"
#include "image/names.h"
#include "image/pngin.h"
#include "image/tiff.h"

int c5_picfile_open(c5_picfile *out, const char *path)
{
	memset(out, 0, sizeof *out);
	if (!(out->path = c5_strdup(path))) return c5_fail(C5_ENOMEM, "out of memory");
	int err = c5_probe_file(&out->probe, path);
	if (err < 0) return err;
	if (out->probe.kind != C5_FILE_TIFF && out->probe.kind != C5_FILE_PNG && out->probe.kind != C5_FILE_JPEG)
		return c5_fail(C5_EINPUT, "%s: a TIFF, PNG or JPEG image is expected", path);
	for (uint32_t i = 0; i < out->probe.n_pages; i++) {
		const c5_page *p = &out->probe.pages[i];
		if (p->error) return c5_fail(C5_EINPUT, "%s", p->error);
		if (p->reduced) continue;
		if (p->rgb || p->samples != 1) return c5_fail(C5_EINPUT, "%s: %u channels a pixel, one is expected", path, p->samples);
		if (!out->planes++) {
			out->height = p->height;
			out->width = p->width;
			out->dtype = p->dtype;
		} else if (p->height != out->height || p->width != out->width || p->dtype != out->dtype)
			return c5_fail(C5_EINPUT, "%s: page %u differs in size or type from the first; pages alike are expected", path, i);
	}
	return out->planes ? C5_OK : c5_fail(C5_EINPUT, "%s: no image in the file", path);
}

void c5_picfile_close(c5_picfile *p)
{
	free(p->path);
	c5_probe_free(&p->probe);
	memset(p, 0, sizeof *p);
}

/* Decodes all planes; plane z goes to out + z * stride, in the file's type. */
static int read_planes(const c5_picfile *p, void *out, size_t stride)
{
	const c5_want want = { .width = p->width, .height = p->height, .dtype = p->dtype };
	c5_tiff *tiff = NULL;
	int err;
	if (p->probe.kind == C5_FILE_JPEG) return c5_jpeg_read(p->path, &want, out);
	if (p->probe.kind == C5_FILE_PNG) return c5_png_read(p->path, &want, out);
	err = c5_tiff_open(&tiff, p->path);
	for (uint32_t i = 0, z = 0; err == C5_OK && i < p->probe.n_pages; i++) {
		const c5_page *page = &p->probe.pages[i];
		if (!page->reduced) err = c5_tiff_read(tiff, page->offset, page->data_offset, &want, (char *)out + z++ * stride);
	}
	c5_tiff_close(tiff);
	return err;
}

/* Widens n values at the end of the memory of `out` to its type, from the first to the last: what is written never overtakes what is read. */
#define WIDEN(name, type, to, good) \
	static int name(to *out, const void *from, size_t n) \
	{ \
		for (size_t i = 0; i < n; i++) { \
			type v; \
			memcpy(&v, (const char *)from + i * sizeof v, sizeof v); \
			if (!(good)) return -1; \
			out[i] = (to)v; \
		} \
		return 0; \
	}
WIDEN(label_u8, uint8_t, uint32_t, true)
WIDEN(label_u16, uint16_t, uint32_t, true)
WIDEN(label_i8, int8_t, uint32_t, v >= 0)
WIDEN(label_i16, int16_t, uint32_t, v >= 0)
WIDEN(label_i32, int32_t, uint32_t, v >= 0)
WIDEN(real_u8, uint8_t, double, true)
WIDEN(real_u16, uint16_t, double, true)
WIDEN(real_u32, uint32_t, double, true)
WIDEN(real_i8, int8_t, double, true)
WIDEN(real_i16, int16_t, double, true)
WIDEN(real_i32, int32_t, double, true)
WIDEN(real_f32, float, double, isfinite(v))
WIDEN(real_f64, double, double, isfinite(v))

static int widen_labels(uint32_t *out, int dtype, const void *from, size_t n)
{
	switch (dtype) {
	case C5_U8: return label_u8(out, from, n);
	case C5_U16: return label_u16(out, from, n);
	case C5_I8: return label_i8(out, from, n);
	case C5_I16: return label_i16(out, from, n);
	case C5_I32: return label_i32(out, from, n);
	case C5_U32: return 0;
	default: return -1;
	}
}

static int widen_reals(double *out, int dtype, const void *from, size_t n)
{
	switch (dtype) {
	case C5_U8: return real_u8(out, from, n);
	case C5_U16: return real_u16(out, from, n);
	case C5_U32: return real_u32(out, from, n);
	case C5_I8: return real_i8(out, from, n);
	case C5_I16: return real_i16(out, from, n);
	case C5_I32: return real_i32(out, from, n);
	case C5_F32: return real_f32(out, from, n);
	case C5_F64: return real_f64(out, from, n);
	default: return -1;
	}
}

int c5_picfile_labels(const c5_picfile *p, uint32_t *out)
{
	const size_t plane = (size_t)p->height * p->width, n = plane * p->planes, size = c5_dtype_size(p->dtype);
	if (p->dtype == C5_F32 || p->dtype == C5_F64)
		return c5_fail(C5_EINPUT, "%s: pixels are %s, whole numbers are expected of labels", p->path, c5_dtype_name(p->dtype));
	char *end = (char *)out + n * (sizeof *out - size);
	int err = read_planes(p, end, plane * size);
	if (err < 0) return err;
	return widen_labels(out, p->dtype, end, n) < 0 ? c5_fail(C5_EINPUT, "%s: a negative label, 0 (background) or more is expected", p->path) : C5_OK;
}

int c5_picfile_reals(const c5_picfile *p, double *out)
{
	const size_t plane = (size_t)p->height * p->width, n = plane * p->planes, size = c5_dtype_size(p->dtype);
	char *end = (char *)out + n * (sizeof *out - size);
	int err = read_planes(p, end, plane * size);
	if (err < 0) return err;
	return widen_reals(out, p->dtype, end, n) < 0 ? c5_fail(C5_EINPUT, "%s: a pixel is not finite; finite ones are expected", p->path) : C5_OK;
}

/* ---- folders ---- */

struct named { char *name; uint64_t number; };

static int by_name(const void *x, const void *y) { return c5_name_compare(((const struct named *)x)->name, ((const struct named *)y)->name); }
static int by_number(const void *x, const void *y)
{
	const struct named *a = x, *b = y;
	return a->number != b->number ? (a->number > b->number) - (a->number < b->number) : strcmp(a->name, b->name);
}

/* Whether `name` is prefix, digits, ending. */
static bool numbered(const char *name, const char *prefix, uint64_t *number)
{
	size_t n = strlen(prefix);
	if (strncmp(name, prefix, n) || !isdigit((unsigned char)name[n])) return false;
	char *end;
	errno = 0;
	*number = strtoull(name + n, &end, 10);
	return !errno && *end == '.' && !strchr(end + 1, '.') && *number < UINT32_MAX;
}

int c5_picfile_list(const char *folder, const char *prefix, char ***names, uint64_t **numbers, size_t *n)
{
	struct named *list = NULL;
	size_t cap = 0;
	int err = C5_OK;
	*names = NULL;
	*numbers = NULL;
	*n = 0;
	DIR *dir = opendir(folder);
	if (!dir) return c5_fail(errno == ENOENT ? C5_ENOTFOUND : errno == ENOTDIR ? C5_EINPUT : C5_EIO, "%s: %s", folder, strerror(errno));
	for (struct dirent *e; err == C5_OK && (e = readdir(dir));) {
		uint64_t number = 0;
		if (!c5_name_is_image(e->d_name) || (prefix && !numbered(e->d_name, prefix, &number))) continue;
		if ((err = c5_grow(&list, &cap, *n + 1, sizeof *list)) < 0) break;
		list[*n] = (struct named){ c5_strdup(e->d_name), number };
		if (!list[(*n)++].name) err = c5_fail(C5_ENOMEM, "out of memory");
	}
	closedir(dir);
	if (err == C5_OK && *n) qsort(list, *n, sizeof *list, prefix ? by_number : by_name);
	if (err == C5_OK) err = c5_alloc(names, *n, sizeof **names);
	if (err == C5_OK) err = c5_alloc(numbers, *n, sizeof **numbers);
	for (size_t i = 0; i < *n; i++) {
		if (err == C5_OK) {
			(*names)[i] = list[i].name;
			(*numbers)[i] = list[i].number;
		} else {
			free(list[i].name);
		}
	}
	free(list);
	if (err < 0) {
		free(*names);
		free(*numbers);
		*names = NULL;
		*numbers = NULL;
		*n = 0;
	}
	return err;
}

void c5_picfile_list_free(char **names, uint64_t *numbers, size_t n)
{
	for (size_t i = 0; i < n; i++) free(names[i]);
	free(names);
	free(numbers);
}
