/* pack.c – a scan as bytes, for other ranks of the same run, and its release; see source.h. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "image/source.h"

#define MARK UINT64_C(0x6335736361303031) /* changes with the layout */

/* The texts of a series, said once for packing, unpacking and release. */
static const size_t texts[] = { offsetof(c5_series, experiment), offsetof(c5_series, plate), offsetof(c5_series, well), offsetof(c5_series, position),
	offsetof(c5_series, condition), offsetof(c5_series, compound), offsetof(c5_series, dose), offsetof(c5_series, replicate),
	offsetof(c5_series, channel), offsetof(c5_series, modality), offsetof(c5_series, error) };
#define N_TEXTS (sizeof texts / sizeof *texts)

static char **text_of(const c5_series *s, size_t i) { return (char **)((char *)(uintptr_t)s + texts[i]); }

void c5_scan_free(c5_scan *scan)
{
	if (!scan) return;
	for (size_t i = 0; scan->files && i < scan->n_files; i++) free(scan->files[i]);
	for (size_t i = 0; scan->series && i < scan->n_series; i++) {
		for (size_t k = 0; k < N_TEXTS; k++) free(*text_of(&scan->series[i], k));
		free(scan->series[i].planes);
	}
	free(scan->files);
	free(scan->file_size);
	free(scan->file_mtime_ns);
	free(scan->series);
	free(scan);
}

int c5_scan_pack(const c5_scan *scan, c5_buf *to)
{
	c5_buf_put_u64(to, MARK);
	c5_buf_put_u64(to, scan->n_files);
	for (size_t i = 0; i < scan->n_files; i++) {
		c5_buf_put_str(to, scan->files[i]);
		c5_buf_put_u64(to, scan->file_size[i]);
		c5_buf_put_u64(to, (uint64_t)scan->file_mtime_ns[i]);
	}
	c5_buf_put_u64(to, scan->n_series);
	for (size_t i = 0; i < scan->n_series; i++) {
		const c5_series *s = &scan->series[i];
		for (size_t k = 0; k < N_TEXTS; k++) c5_buf_put_str(to, *text_of(s, k));
		c5_buf_put_f64(to, s->wavelength_nm);
		c5_buf_put_f64(to, s->pixel_size_um);
		c5_buf_put_f64(to, s->z_step_um);
		c5_buf_put_f64(to, s->frame_interval_s);
		const uint64_t numbers[] = { (uint64_t)s->dtype, s->t, s->z, s->height, s->width, s->first_frame, (uint64_t)(int64_t)s->error_code };
		for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++) c5_buf_put_u64(to, numbers[k]);
		c5_buf_put(to, s->planes, (size_t)s->t * s->z * sizeof *s->planes);
	}
	return to->err < 0 ? to->err : C5_OK;
}

static int get_size(c5_buf *from, size_t *n, size_t least)
{
	uint64_t v;
	int err = c5_buf_get_u64(from, &v);
	*n = 0;
	if (err < 0) return err;
	if (v > (from->size - from->at) / least) return c5_fail(C5_EFAIL, "message lists %llu things past its end", (unsigned long long)v);
	*n = (size_t)v;
	return C5_OK;
}

static int unpack_series(c5_series *s, c5_buf *from, size_t n_files)
{
	double *reals[] = { &s->wavelength_nm, &s->pixel_size_um, &s->z_step_um, &s->frame_interval_s };
	uint64_t numbers[7], n;
	int err = C5_OK;
	for (size_t k = 0; k < N_TEXTS && !err; k++) err = c5_buf_get_str(from, text_of(s, k));
	for (size_t k = 0; k < 4 && !err; k++) err = c5_buf_get_f64(from, reals[k]);
	for (size_t k = 0; k < 7 && !err; k++) err = c5_buf_get_u64(from, &numbers[k]);
	if (err < 0) return err;
	s->dtype = (int)numbers[0];
	s->height = (uint32_t)numbers[3];
	s->width = (uint32_t)numbers[4];
	s->first_frame = numbers[5];
	s->error_code = (int)(int64_t)numbers[6];
	if (numbers[1] > UINT32_MAX || numbers[2] > UINT32_MAX || (n = numbers[1] * numbers[2]) > (from->size - from->at) / sizeof *s->planes)
		return c5_fail(C5_EFAIL, "message lists planes past its end");
	s->t = (uint32_t)numbers[1];
	s->z = (uint32_t)numbers[2];
	if (!n) return C5_OK;
	if ((err = c5_alloc(&s->planes, n, sizeof *s->planes)) < 0 || (err = c5_buf_get(from, s->planes, n * sizeof *s->planes)) < 0) return err;
	for (uint64_t i = 0; i < n; i++)
		if (s->planes[i].file != UINT32_MAX && s->planes[i].file >= n_files)
			return c5_fail(C5_EFAIL, "message names file %u of %zu", s->planes[i].file, n_files);
	return C5_OK;
}

int c5_scan_unpack(c5_scan **out, c5_buf *from)
{
	c5_scan *scan = NULL;
	uint64_t v;
	int err = c5_alloc(&scan, 1, sizeof *scan);
	*out = NULL;
	if (err < 0 || (err = c5_buf_get_u64(from, &v)) < 0) goto done;
	if (v != MARK) {
		err = c5_fail(C5_EFAIL, "message is no scan: the ranks run different programs");
		goto done;
	}
	size_t n;
	if ((err = get_size(from, &n, 3 * sizeof(uint64_t))) < 0 || (err = c5_alloc(&scan->files, n, sizeof *scan->files)) < 0) goto done;
	scan->n_files = n;
	if ((err = c5_alloc(&scan->file_size, n, sizeof *scan->file_size)) < 0 || (err = c5_alloc(&scan->file_mtime_ns, n, sizeof *scan->file_mtime_ns)) < 0)
		goto done;
	for (size_t i = 0; i < n; i++) {
		if ((err = c5_buf_get_str(from, &scan->files[i])) < 0 || (err = c5_buf_get_u64(from, &scan->file_size[i])) < 0
			|| (err = c5_buf_get_u64(from, &v)) < 0)
			goto done;
		scan->file_mtime_ns[i] = (int64_t)v;
	}
	if ((err = get_size(from, &n, N_TEXTS * sizeof(uint64_t))) < 0 || (err = c5_alloc(&scan->series, n, sizeof *scan->series)) < 0) goto done;
	scan->n_series = n;
	for (size_t i = 0; i < n && !err; i++) err = unpack_series(&scan->series[i], from, scan->n_files);
done:
	if (err < 0) c5_scan_free(scan);
	else *out = scan;
	return err;
}
