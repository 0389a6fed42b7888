/* frame.c – reads the frames a scan has listed; the reading half of source.h. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/dtype.h"
#include "base/error.h"
#include "base/mem.h"
#include "image/assemble.h"
#include "image/jpegin.h"
#include "image/pngin.h"
#include "image/source.h"
#include "image/tiff.h"

#define CLOCKS_APART_NS INT64_C(2000000000) /* file times may differ by this between machines sharing a file system */

struct c5_frame_reader {
	const c5_scan *scan;
	int64_t z_mode;     /* enum c5_z_mode or a plane number */
	int colour;         /* enum c5_colour */
	uint32_t file;      /* the open one; UINT32_MAX none */
	c5_tiff *tiff;
	void *plane;        /* one decoded plane, for projections */
	double *sum;        /* (H, W), for means */
	uint64_t plane_size, sum_size;
};

int c5_frame_reader_open(c5_frame_reader **out, const c5_scan *scan, const c5_scan_params *params)
{
	c5_frame_reader *r = NULL;
	int err = c5_alloc(&r, 1, sizeof *r);
	*out = NULL;
	if (err < 0) return err;
	r->scan = scan;
	r->file = UINT32_MAX;
	r->colour = c5_colour_named(params->plane);
	if ((err = c5_z_mode_of(params->z, &r->z_mode)) < 0) {
		free(r);
		return err;
	}
	*out = r;
	return C5_OK;
}

void c5_frame_reader_close(c5_frame_reader *reader)
{
	if (!reader) return;
	c5_tiff_close(reader->tiff);
	free(reader->plane);
	free(reader->sum);
	free(reader);
}

uint32_t c5_frame_planes(const c5_series *series, const c5_scan_params *params)
{
	int64_t mode;
	return c5_z_mode_of(params->z, &mode) == C5_OK && mode == C5_Z_ALL ? series->z : 1;
}

/* Makes `file` the open one, if it is still what was scanned. PNG files are opened anew for each plane: they have one. */
static int turn_to(c5_frame_reader *r, uint32_t file, bool png)
{
	const c5_scan *scan = r->scan;
	struct stat st;
	if (file == r->file) return C5_OK;
	if (file >= scan->n_files) return c5_fail(C5_EFAIL, "file %u of a scan of %zu", file, scan->n_files);
	r->file = UINT32_MAX;
	const char *path = scan->files[file];
	if (stat(path, &st) < 0) return c5_fail(C5_EINPUT, "%s: gone since it was scanned; copy it there again", path);
	int64_t apart = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec - scan->file_mtime_ns[file];
	if ((uint64_t)st.st_size != scan->file_size[file] || apart > CLOCKS_APART_NS || apart < -CLOCKS_APART_NS)
		return c5_fail(C5_EINPUT, "%s: changed since it was scanned: %llu bytes now, %llu then; run again when nobody writes to it", path,
			(unsigned long long)st.st_size, (unsigned long long)scan->file_size[file]);
	int err = png ? C5_OK : c5_tiff_open(&r->tiff, path);
	if (!err) r->file = file;
	return err;
}

static int read_plane(c5_frame_reader *r, const c5_series *s, uint32_t t, uint32_t z, void *out)
{
	const c5_plane *plane = &s->planes[(size_t)t * s->z + z];
	c5_want want = { .width = s->width, .height = s->height, .dtype = s->dtype, .sample = plane->sample, .colour = r->colour };
	if (plane->file == UINT32_MAX) {
		memset(out, 0, (size_t)s->width * s->height * c5_dtype_size(s->dtype));
		return C5_OK;
	}
	bool png = !plane->ifd_offset; /* or JPEG; a TIFF directory is never at the file's beginning */
	int err = turn_to(r, plane->file, png);
	if (err < 0) return err;
	if (png && c5_jpeg_is(r->scan->files[plane->file])) return c5_jpeg_read(r->scan->files[plane->file], &want, out);
	return png ? c5_png_read(r->scan->files[plane->file], &want, out) : c5_tiff_read(r->tiff, plane->ifd_offset, plane->data_offset, &want, out);
}

/* Highest or lowest value of each pixel; the first plane is there already. A NaN among floats is passed over. */
#define EXTREME(T) do { \
		T *a = to; \
		const T *b = from; \
		if (highest) for (uint64_t i = 0; i < n; i++) a[i] = b[i] > a[i] || a[i] != a[i] ? b[i] : a[i]; \
		else for (uint64_t i = 0; i < n; i++) a[i] = b[i] < a[i] || a[i] != a[i] ? b[i] : a[i]; \
	} while (0)

static void take_extreme(int dtype, const void *from, uint64_t n, bool highest, void *to)
{
	switch (dtype) {
	case C5_U8: EXTREME(uint8_t); break;
	case C5_U16: EXTREME(uint16_t); break;
	case C5_U32: EXTREME(uint32_t); break;
	case C5_I8: EXTREME(int8_t); break;
	case C5_I16: EXTREME(int16_t); break;
	case C5_I32: EXTREME(int32_t); break;
	case C5_F32: EXTREME(float); break;
	default: EXTREME(double); break;
	}
}

#define ADD(T) do { const T *a = from; for (uint64_t i = 0; i < n; i++) sum[i] += (double)a[i]; } while (0)
#define DIVIDE(T, half) do { \
		T *a = to; \
		for (uint64_t i = 0; i < n; i++) a[i] = (T)(half ? floor(sum[i] / planes + 0.5) : sum[i] / planes); \
	} while (0)

static void add_to(double *sum, int dtype, const void *from, uint64_t n)
{
	switch (dtype) {
	case C5_U8: ADD(uint8_t); break;
	case C5_U16: ADD(uint16_t); break;
	case C5_U32: ADD(uint32_t); break;
	case C5_I8: ADD(int8_t); break;
	case C5_I16: ADD(int16_t); break;
	case C5_I32: ADD(int32_t); break;
	case C5_F32: ADD(float); break;
	default: ADD(double); break;
	}
}

/* Whole numbers are rounded half up. */
static void divide(const double *sum, int dtype, double planes, uint64_t n, void *to)
{
	switch (dtype) {
	case C5_U8: DIVIDE(uint8_t, true); break;
	case C5_U16: DIVIDE(uint16_t, true); break;
	case C5_U32: DIVIDE(uint32_t, true); break;
	case C5_I8: DIVIDE(int8_t, true); break;
	case C5_I16: DIVIDE(int16_t, true); break;
	case C5_I32: DIVIDE(int32_t, true); break;
	case C5_F32: DIVIDE(float, false); break;
	default: DIVIDE(double, false); break;
	}
}

static int widen(void *buffer, uint64_t *have, uint64_t need)
{
	void *old, *fresh = NULL;
	if (need <= *have) return C5_OK;
	memcpy(&old, buffer, sizeof old);
	free(old);
	*have = 0;
	int err = c5_alloc_aligned(&fresh, need, 1);
	memcpy(buffer, &fresh, sizeof fresh);
	if (!err) *have = need;
	return err;
}

static int project(c5_frame_reader *r, const c5_series *s, uint32_t t, void *out)
{
	uint64_t n = (uint64_t)s->width * s->height;
	bool mean = r->z_mode == C5_Z_MEAN;
	int err = s->z > 1 ? widen(&r->plane, &r->plane_size, n * c5_dtype_size(s->dtype)) : C5_OK;
	if (!err && mean && s->z > 1) err = widen(&r->sum, &r->sum_size, n * sizeof *r->sum);
	if (!err) err = read_plane(r, s, t, 0, out);
	if (err < 0 || s->z == 1) return err;
	if (mean) {
		memset(r->sum, 0, n * sizeof *r->sum);
		add_to(r->sum, s->dtype, out, n);
	}
	for (uint32_t z = 1; z < s->z; z++) {
		if ((err = read_plane(r, s, t, z, r->plane)) < 0) return err;
		if (mean) add_to(r->sum, s->dtype, r->plane, n);
		else take_extreme(s->dtype, r->plane, n, r->z_mode == C5_Z_MAX, out);
	}
	if (mean) divide(r->sum, s->dtype, s->z, n, out);
	return C5_OK;
}

int c5_frame_read(c5_frame_reader *reader, const c5_series *series, uint32_t t, uint32_t z, void *out)
{
	uint32_t planes = reader->z_mode == C5_Z_ALL ? series->z : 1;
	if (series->error) return c5_fail(series->error_code, "%s", series->error);
	if (t >= series->t || z >= planes)
		return c5_fail(C5_EFAIL, "frame %u, plane %u asked for of experiment %s, which has %u frames of %u", t, z, series->experiment, series->t, planes);
	if (reader->z_mode == C5_Z_ALL) return read_plane(reader, series, t, z, out);
	if (reader->z_mode >= 0) return read_plane(reader, series, t, (uint32_t)reader->z_mode, out);
	return project(reader, series, t, out);
}
