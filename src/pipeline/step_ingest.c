/* step_ingest.c – microscopy files into raw/CHANNEL (T, Y, X) or (T, Z, Y, X), pixels as recorded, and sources/CHANNEL, one row a plane: which
 * file, which directory in it, the SHA-256 of its pixels. A channel that has its `sha256` attribute is complete; taking the same files in
 * again does nothing but to fill in what is stated now and was not then (a condition, a pixel size); other pixels under the same name are refused. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/sha256.h"
#include "container/amend.h"
#include "pipeline/steps.h"

#define INGEST_VERSION 1
#define NAME_BYTES 128

enum { RAW, SOURCES };
enum { PIXELS };

const c5_step_kind c5_kind_ingest = { "ingest", "take microscopy files in", c5_scan_opts, sizeof(c5_scan_params), INGEST_VERSION, NULL };

#pragma pack(push, 1)
typedef struct source_row { uint32_t frame, z; char file[NAME_BYTES]; uint32_t ifd; uint64_t size; int64_t mtime_ns; char sha256[64]; } source_row;
#pragma pack(pop)

static int sources_table(c5_array_spec *s, const char *path, uint64_t n)
{
	int err = c5_spec_table(s, path, n, 512);
	if (err == C5_OK) err = c5_spec_column(s, "frame", C5_U32);
	if (err == C5_OK) err = c5_spec_column(s, "z", C5_U32);
	if (err == C5_OK) err = c5_spec_text_column(s, "file", NAME_BYTES);
	if (err == C5_OK) err = c5_spec_column(s, "ifd", C5_U32);
	if (err == C5_OK) err = c5_spec_column(s, "size", C5_U64);
	if (err == C5_OK) err = c5_spec_column(s, "mtime_ns", C5_I64);
	if (err == C5_OK) err = c5_spec_text_column(s, "sha256", 64);
	return err;
}

/* Where row t, z of a series came from; a projection is told by its first plane, a missing frame by an empty name. */
static void fill_source(const c5_scan *scan, const c5_series *series, uint32_t t, uint32_t z, source_row *row)
{
	const c5_plane *p = &series->planes[(size_t)t * series->z + z];
	memset(row, 0, sizeof *row);
	row->frame = t, row->z = z, row->ifd = p->ifd;
	if (p->file == UINT32_MAX) return;
	const char *name = strrchr(scan->files[p->file], '/');
	name = name ? name + 1 : scan->files[p->file];
	size_t n = strlen(name);
	if (n > NAME_BYTES) name += n - NAME_BYTES, n = NAME_BYTES; /* the end tells more than the start */
	memcpy(row->file, name, n);
	row->size = scan->file_size[p->file];
	row->mtime_ns = scan->file_mtime_ns[p->file];
}

static int experiment_of(const c5_series *s, c5_experiment *e)
{
	char *const texts[C5_EXPERIMENT_TEXTS] = { s->plate, s->well, s->position, s->condition, s->compound, s->dose, s->replicate };
	memset(e, 0, sizeof *e);
	e->name = c5_strdup(s->experiment);
	if (!e->name) return c5_fail(C5_ENOMEM, "out of memory");
	for (size_t i = 0; i < C5_EXPERIMENT_TEXTS; i++)
		if (texts[i] && !(e->texts[i] = c5_strdup(texts[i]))) return c5_fail(C5_ENOMEM, "out of memory");
	e->pixel_size_um = s->pixel_size_um, e->z_step_um = s->z_step_um, e->frame_interval_s = s->frame_interval_s;
	return C5_OK;
}

/* ---- taken in before? ---- */

static int read_sources(c5_file *f, const char *path, source_row **rows, uint64_t *n)
{
	c5_array *a = NULL;
	c5_codec *codec = NULL;
	int err = c5_table_open(&a, f, path);
	*rows = NULL;
	if (err < 0) return err;
	*n = c5_array_spec_of(a)->dims[0];
	if (c5_array_spec_of(a)->row_size != sizeof(source_row))
		err = c5_fail(C5_ESCHEMA, "%s:%s: rows of %zu bytes, expected %zu", c5_file_path(f), path, c5_array_spec_of(a)->row_size, sizeof(source_row));
	if (err == C5_OK && (err = c5_codec_open(&codec)) == C5_OK && (err = c5_alloc(rows, *n, sizeof **rows)) == C5_OK)
		err = c5_array_read_rows(a, codec, 0, *n, *rows);
	c5_codec_close(codec);
	c5_array_close(a);
	if (err < 0) {
		free(*rows);
		*rows = NULL;
	}
	return err;
}

static bool same_files(const source_row *rows, uint64_t n, const c5_scan *scan, const c5_series *s, uint32_t planes)
{
	source_row now;
	if (n != (uint64_t)s->t * planes) return false;
	for (uint64_t i = 0; i < n; i++) {
		fill_source(scan, s, (uint32_t)(i / planes), (uint32_t)(i % planes), &now);
		if (memcmp(now.file, rows[i].file, NAME_BYTES) != 0 || now.size != rows[i].size || now.mtime_ns != rows[i].mtime_ns || now.ifd != rows[i].ifd)
			return false;
	}
	return true;
}

/* 1: the pixels are those of the container; 0: they differ, *t says where. */
static int same_pixels(const source_row *rows, uint64_t n, const c5_run_context *run, const c5_step *step, const c5_series *s, uint32_t planes,
	uint64_t *t)
{
	c5_frame_reader *reader;
	size_t bytes = (size_t)s->height * s->width * c5_dtype_size(s->dtype);
	void *pixels = NULL;
	char sum[C5_SHA256_TEXT];
	int err, same = n == (uint64_t)s->t * planes;
	*t = n / planes;
	if (!same) return 0;
	if ((err = c5_frame_reader_open(&reader, run->scan, step->params)) < 0) return err;
	err = c5_alloc(&pixels, bytes, 1);
	for (uint64_t i = 0; err == C5_OK && same && i < n; i++) {
		*t = i / planes;
		if ((err = c5_frame_read(reader, s, (uint32_t)(i / planes), (uint32_t)(i % planes), pixels)) == C5_OK)
			same = memcmp(c5_sha256(sum, pixels, bytes), rows[i].sha256, 64) == 0;
	}
	free(pixels);
	c5_frame_reader_close(reader);
	return err < 0 ? err : same;
}

/* The channel is complete already: nothing to do, or a changed source. */
static int compare_old(const c5_run_context *run, const c5_step *step, const c5_series *s, uint32_t planes, const char *sources)
{
	source_row *rows;
	uint64_t n, t;
	int err = read_sources(run->file, sources, &rows, &n);
	if (err < 0) return err;
	if (same_files(rows, n, run->scan, s, planes)) {
		c5_log(C5_LOG_INFO, "%s/%s: already there, unchanged", s->experiment, s->channel);
		err = C5_OK;
	} else if ((err = same_pixels(rows, n, run, step, s, planes, &t)) == 1) {
		c5_log(C5_LOG_INFO, "%s/%s: already there; the files were touched or moved, the pixels are the same", s->experiment, s->channel);
		err = C5_OK;
	} else if (err == 0) {
		err = c5_fail(C5_EINPUT,
			"%s/%s: the source changed since it was taken in (frame %llu differs or is new); take it in under another name with --experiment, or into another "
			"container", s->experiment, s->channel, (unsigned long long)t);
	}
	free(rows);
	return err;
}

/* What is stated of a channel taken in before: what it lacked is filled in. What the command line or a sheet says differently now counts, too; what
 * only the files say does not, as somebody may have known better. */
static int amend_old(const c5_run_context *run, const c5_scan_params *p, const c5_series *s)
{
	c5_experiment e = { 0 };
	c5_buf told = { 0 };
	int err = experiment_of(s, &e);
	if (err == C5_OK) err = c5_experiment_amend(run->file, &e, s->channel, s->modality, p->sheet || p->pattern || p->modality || p->pixel_size_um > 0 ||
		p->frame_interval_s > 0, &told);
	if (err == C5_OK && told.size) c5_log(C5_LOG_INFO, "%s: now %.*s", s->experiment, (int)told.size, (const char *)told.data);
	c5_buf_free(&told);
	c5_experiment_free(&e);
	return err;
}

/* ---- plan ---- */

static int plan_series(const c5_run_context *run, const c5_step *step, c5_plan *plan, size_t index)
{
	const c5_series *s = &run->scan->series[index];
	const c5_scan_params *p = step->params;
	c5_array_spec *raw, *sources;
	uint8_t *missing = NULL;
	char raw_path[512], sources_path[512], *done_before = NULL;
	c5_job *j = NULL;
	int err;
	snprintf(raw_path, sizeof raw_path, "/experiments/%s/raw/%s", s->experiment, s->channel);
	snprintf(sources_path, sizeof sources_path, "/experiments/%s/sources/%s", s->experiment, s->channel);
	uint32_t planes = s->error ? 1 : c5_frame_planes(s, p);
	if (!s->error && c5_attr_get_str(run->file, raw_path, "sha256", &done_before) == C5_OK) {
		free(done_before);
		if ((err = compare_old(run, step, s, planes, sources_path)) == C5_OK) {
			plan->skipped++;
			return amend_old(run, p, s);
		}
		char *why = c5_strdup(c5_error_last());
		int failed = c5_plan_add_job(plan, &j);
		if (failed < 0 || !why || (failed = experiment_of(s, &j->experiment)) < 0) {
			free(why);
			return failed < 0 ? failed : c5_fail(C5_ENOMEM, "out of memory");
		}
		j->error = why;
		return C5_OK;
	}
	if ((err = c5_plan_add_job(plan, &j)) < 0 || (err = experiment_of(s, &j->experiment)) < 0) return err;
	j->series = (uint32_t)index;
	if (s->error) {
		c5_fail(s->error_code, "%s", s->error);
		return c5_job_fail(j);
	}
	if ((err = c5_experiment_make(run->file, &j->experiment)) < 0) return err;
	if ((err = c5_job_add_output(j, &raw)) < 0 || (err = c5_spec_stack(raw, raw_path, s->dtype, s->t, planes > 1 ? planes : 0, s->height, s->width)) < 0)
		return err;
	c5_step_axes(raw, &j->experiment);
	if ((err = c5_spec_attr_str(raw, "modality", s->modality)) < 0 || (err = c5_spec_attr_f64(raw, "wavelength_nm", s->wavelength_nm)) < 0) return err;
	if (strcmp(s->channel, "time") == 0 || strcmp(s->channel, "x") == 0 || strcmp(s->channel, "y") == 0 || strcmp(s->channel, "z") == 0) {
		c5_fail(C5_EINPUT, "%s: channel '%s' has the name of an axis; rename it with --channel", s->experiment, s->channel);
		return c5_job_fail(j);
	}
	if ((err = c5_step_missing(run->file, raw, s->t, c5_spec_tiles(raw) * planes, &missing)) < 0) { err = c5_job_fail(j); goto done; }
	if ((err = c5_plan_add_units(plan, s->t, missing, c5_frames_per_unit((uint64_t)s->height * planes, s->width),
	    (double)s->height * s->width * planes)) < 0) goto done;
	if ((err = c5_job_add_output(j, &sources)) < 0 || (err = sources_table(sources, sources_path, (uint64_t)s->t * planes)) < 0) goto done;
	const char *first = s->planes[0].file == UINT32_MAX ? "" : run->scan->files[s->planes[0].file], *slash = strrchr(first, '/');
	char *folder = c5_format("%.*s", slash ? (int)(slash - first) : 0, first);
	err = folder ? c5_spec_attr_str(sources, "folder", folder) : c5_fail(C5_ENOMEM, "out of memory");
	free(folder);
done:
	free(missing);
	return err;
}

static int plan_ingest(const c5_run_context *run, const c5_step *step, c5_plan *plan)
{
	for (size_t i = 0; i < run->scan->n_series; i++) {
		int err = plan_series(run, step, plan, i);
		if (err < 0) return err;
	}
	return C5_OK;
}

/* ---- work ---- */

static void free_reader(void *reader) { c5_frame_reader_close(reader); }

static int work_ingest(c5_worker *w, const c5_run_context *run, const c5_step *step, const c5_job *job, const c5_unit *unit)
{
	const c5_series *s = &run->scan->series[job->series];
	const c5_array_spec *raw = &job->outputs[RAW];
	uint32_t planes = raw->rank == 4 ? (uint32_t)raw->dims[1] : 1;
	size_t bytes = (size_t)s->height * s->width * c5_dtype_size(s->dtype);
	char sum[C5_SHA256_TEXT];
	void *pixels;
	int err;
	if (!w->state) {
		c5_frame_reader *reader;
		if ((err = c5_frame_reader_open(&reader, run->scan, step->params)) < 0) return err;
		w->state = reader;
		w->free_state = free_reader;
	}
	if ((err = c5_worker_scratch(w, PIXELS, bytes, &pixels)) < 0) return err;
	for (uint64_t t = unit->first; t < unit->first + unit->count; t++)
		for (uint32_t z = 0; z < planes; z++) {
			source_row row;
			if ((err = c5_worker_poll(w)) < 0) return err;
			if ((err = c5_frame_read(w->state, s, (uint32_t)t, z, pixels)) < 0) return err;
			fill_source(run->scan, s, (uint32_t)t, z, &row);
			memcpy(row.sha256, c5_sha256(sum, pixels, bytes), sizeof row.sha256);
			if ((err = c5_worker_put_row(w, job, SOURCES, t * planes + z, &row)) < 0) return err; /* the row first: a frame that exists has its row */
			if ((err = c5_worker_put_frame(w, job, RAW, t, z, pixels)) < 0) return err;
		}
	return C5_OK;
}

/* The digests of all planes of a channel, one text behind the other; rows are read a few at a time, as there may be very many. */
static int plane_digests(c5_file *f, const char *path, char **all, uint64_t *n)
{
	enum { AT_ONCE = 512 };
	c5_array *a = NULL;
	c5_codec *codec = NULL;
	source_row *rows = NULL;
	int err = c5_array_open(&a, f, path);
	*all = NULL;
	if (err < 0) return err;
	*n = c5_array_spec_of(a)->dims[0];
	if (c5_array_spec_of(a)->row_size != sizeof *rows)
		err = c5_fail(C5_ESCHEMA, "%s:%s: rows of %zu bytes, expected %zu", c5_file_path(f), path, c5_array_spec_of(a)->row_size, sizeof *rows);
	if (err < 0 || (err = c5_codec_open(&codec)) < 0 || (err = c5_alloc(&rows, AT_ONCE, sizeof *rows)) < 0 || (err = c5_alloc(all, *n, 64)) < 0)
		goto done;
	for (uint64_t at = 0, part; err == C5_OK && at < *n; at += part) {
		part = *n - at < AT_ONCE ? *n - at : AT_ONCE;
		if ((err = c5_array_read_rows(a, codec, at, part, rows)) < 0) break;
		for (uint64_t i = 0; i < part; i++) memcpy(*all + 64 * (at + i), rows[i].sha256, 64);
	}
done:
	free(rows);
	c5_codec_close(codec);
	c5_array_close(a);
	return err;
}

/* The channel's digest, over the digests of its planes, is what says that it is complete. */
static int finish_ingest(const c5_run_context *run, const c5_step *step, const c5_job *job)
{
	(void)step;
	uint64_t n;
	char sum[C5_SHA256_TEXT], *all;
	int err = plane_digests(run->file, job->outputs[SOURCES].path, &all, &n);
	if (err == C5_OK) {
		c5_sha256(sum, all, 64 * n);
		err = c5_attr_set_str(run->file, job->outputs[SOURCES].path, "sha256", sum);
	}
	if (err == C5_OK) err = c5_attr_set_str(run->file, job->outputs[RAW].path, "sha256", sum);
	free(all);
	return err;
}

static size_t bytes_ingest(const c5_step *step, const c5_job *job)
{
	(void)step;
	const c5_array_spec *raw = &job->outputs[RAW];
	size_t frame = raw->dims[raw->rank - 1] * raw->dims[raw->rank - 2] * c5_dtype_size(raw->dtype);
	return 3 * frame + c5_chunk_bound(c5_spec_chunk_bytes(raw));
}

const c5_step_ops c5_step_ingest = { &c5_kind_ingest, { NULL }, plan_ingest, work_ingest, finish_ingest, bytes_ingest, NULL };
