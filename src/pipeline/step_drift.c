/* step_drift.c – how far the picture moves from frame to frame: track/drift.h over an experiment. Writes drift/rN, one row a frame.
 * A unit is a chunk of rows: whoever works it begins C5_DRIFT_MEMORY frames before, so that rows do not depend on who did those before. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "container/run.h"
#include "pipeline/steps.h"
#include "track/drift.h"

#define ROWS 32 /* a chunk */

enum { PIXELS, CHUNK };

const c5_step_kind c5_kind_drift = { "drift", "measure how far the picture moves from frame to frame", c5_drift_opts, sizeof(c5_drift_params),
	C5_DRIFT_VERSION, "ingest" };

int c5_step_drift_table(c5_array_spec *s, const char *path, uint64_t frames)
{
	int err = c5_spec_table(s, path, frames, ROWS);
	static const char *const whole[] = { "frame", "from" }, *const real[] = { "dy", "dx", "peak" };
	for (int i = 0; err == C5_OK && i < 2; i++) err = c5_spec_column(s, whole[i], C5_U32);
	for (int i = 0; err == C5_OK && i < 3; i++) err = c5_spec_column(s, real[i], C5_F64);
	return err == C5_OK ? c5_spec_attr_str(s, "units", "frame: 1, from: 1, dy: px, dx: px, peak: 1") : err;
}

static int plan_one(const c5_run_context *run, const c5_step *step, c5_plan *plan, c5_job *j, const char *name)
{
	const c5_drift_params *p = step->params;
	const c5_channel *c;
	c5_array_spec *s;
	uint8_t *missing = NULL;
	char path[512];
	bool reused;
	int err;
	if ((err = c5_experiment_read(run->file, name, &j->experiment)) < 0 || (err = c5_experiment_channel(&j->experiment, p->channel, &c)) < 0) return err;
	if (!(j->input = c5_format("/experiments/%s/raw/%s", name, c->name))) return c5_fail(C5_ENOMEM, "out of memory");
	if ((err = c5_step_reuse(run, step, plan, j, "drift/latest", &reused)) < 0 || reused) return err;
	snprintf(path, sizeof path, "/experiments/%s/drift/%s", name, c5_revision_name(run->run));
	if ((err = c5_job_add_output(j, &s)) < 0 || (err = c5_step_drift_table(s, path, c->frames)) < 0 || (err = c5_step_sign(s, step, j->input)) < 0)
		return err;
	const uint64_t chunks = c->frames ? c5_spec_chunks(s) : 0;
	if ((err = c5_step_missing(run->file, s, chunks, 1, &missing)) < 0) return err;
	err = c5_plan_add_units(plan, chunks, missing, 1, (double)(c->height * c->width) * ROWS);
	free(missing);
	return err;
}

static int plan_drift(const c5_run_context *run, const c5_step *step, c5_plan *plan) { return c5_step_plan_each(run, step, plan, plan_one); }

static int work_drift(c5_worker *w, const c5_run_context *run, const c5_step *step, const c5_job *job, const c5_unit *unit)
{
	(void)run;
	const c5_array_spec *s = &job->outputs[0], *raw;
	c5_drift_row *rows, row;
	c5_drift *d = NULL;
	void *pixels;
	int err = c5_worker_spec(w, job->input, &raw);
	if (err < 0) return err;
	const uint64_t planes = raw->rank == 4 ? raw->dims[1] : 1, height = raw->dims[raw->rank - 2], width = raw->dims[raw->rank - 1];
	const int dtype = raw->dtype;
	if ((err = c5_worker_scratch(w, PIXELS, height * width * c5_dtype_size(dtype), &pixels)) < 0 ||
	    (err = c5_worker_scratch(w, CHUNK, c5_spec_chunk_bytes(s), &rows)) < 0)
		return err;
	for (uint64_t k = unit->first; err == C5_OK && k < unit->first + unit->count; k++) {
		const uint64_t first = k * ROWS, end = first + ROWS < s->dims[0] ? first + ROWS : s->dims[0];
		if ((err = c5_drift_open(&d, step->params, height, width)) < 0) return err;
		memset(rows, 0, c5_spec_chunk_bytes(s));
		for (uint64_t t = first > C5_DRIFT_MEMORY ? first - C5_DRIFT_MEMORY : 0; err == C5_OK && t < end; t++) {
			if ((err = c5_worker_poll(w)) < 0 || (err = c5_worker_read_frame(w, job->input, t, planes / 2, pixels)) < 0) break; /* the middle plane */
			if ((err = c5_drift_add(d, (uint32_t)t, dtype, pixels, &row)) == C5_OK && t >= first) rows[t - first] = row;
		}
		if (err == C5_OK) err = c5_worker_put_chunk(w, job, 0, k, rows);
		c5_drift_close(d);
	}
	return err;
}

static size_t bytes_drift(const c5_step *step, const c5_job *job)
{
	(void)step;
	size_t most = 0;
	for (size_t c = 0; c < job->experiment.n_channels; c++) {
		const c5_channel *ch = &job->experiment.channels[c];
		const size_t n = c5_drift_bytes(ch->height, ch->width) + ch->height * ch->width * c5_dtype_size(ch->dtype);
		if (n > most) most = n;
	}
	return most;
}

/* ---- for other steps ---- */

int c5_step_read_drift(c5_file *f, const char *path, uint64_t frames, double **places)
{
	c5_array *a = NULL;
	c5_codec *codec = NULL;
	c5_drift_row *rows = NULL;
	int err;
	*places = NULL;
	if ((err = c5_table_open(&a, f, path)) < 0 || (err = c5_codec_open(&codec)) < 0) goto done;
	const c5_array_spec *s = c5_array_spec_of(a);
	if (s->dims[0] != frames || s->row_size != sizeof *rows) {
		err = c5_fail(C5_ESCHEMA, "%s: %llu rows of %zu bytes, expected %llu of %zu", path, (unsigned long long)s->dims[0], s->row_size,
			(unsigned long long)frames, sizeof *rows);
		goto done;
	}
	if ((err = c5_alloc(&rows, frames, sizeof *rows)) < 0 || (err = c5_alloc(places, 2 * frames, sizeof **places)) < 0) goto done;
	if ((err = c5_array_read_rows(a, codec, 0, frames, rows)) < 0 || (err = c5_drift_sum(*places, rows, frames)) < 0) {
		if (err == C5_EINPUT) err = c5_fail_in(err, "%s", path);
		goto done;
	}
done:
	if (err < 0) {
		free(*places);
		*places = NULL;
	}
	free(rows);
	c5_codec_close(codec);
	c5_array_close(a);
	return err;
}

const c5_step_ops c5_step_drift = { &c5_kind_drift, { "drift", NULL }, plan_drift, work_drift, NULL, bytes_drift, NULL };
