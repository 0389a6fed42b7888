/* step_segment.c – frames to masks: segment/segment.h over an experiment. Writes masks/rN (T, Y, X) and frames/rN, one row a frame.
 * With the method `labels` the masks come from label images; they are found and checked by the plan. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/dtype.h"
#include "base/log.h"
#include "container/run.h"
#include "formats/curated.h"
#include "pipeline/steps.h"
#include "segment/segment.h"

enum { MASKS, FRAMES };
enum { PIXELS, LABELS, NARROW };

const c5_step_kind c5_kind_segment = { "segment", "outline the cells of every frame: masks", c5_segment_opts, sizeof(c5_segment_params),
	C5_SEGMENT_VERSION, "ingest" };

/* One row a frame, as stored. */
#pragma pack(push, 1)
typedef struct frame_row { uint32_t frame, objects; double time_s, threshold, covered, mean, sd; } frame_row;
#pragma pack(pop)

static int frames_table(c5_array_spec *s, const char *path, uint64_t t)
{
	int err = c5_spec_table(s, path, t, 1024);
	if (err == C5_OK) err = c5_spec_column(s, "frame", C5_U32);
	if (err == C5_OK) err = c5_spec_column(s, "objects", C5_U32);
	static const char *const reals[] = { "time_s", "threshold", "covered", "mean", "sd" };
	for (size_t i = 0; err == C5_OK && i < 5; i++) err = c5_spec_column(s, reals[i], C5_F64);
	return err;
}

/* The label images of an experiment: they must be of the channel's size. *most: labels a frame can have. */
static int look_at_labels(const c5_run_context *run, const c5_segment_params *p, const c5_experiment *e, const c5_channel *c, char **path,
	uint64_t *most)
{
	c5_curated *masks = NULL;
	int err;
	if ((err = c5_masks_find(path, p->labels, e, run->n_names == 1)) < 0 || (err = c5_masks_open(&masks, *path)) < 0) return err;
	if ((err = c5_masks_fit(masks, e->name, c->name, c->frames, c->height, c->width)) == C5_OK && c5_dtype_size(masks->dtype) <= 2 && *most > UINT16_MAX)
		*most = UINT16_MAX;
	c5_curated_close(masks);
	return err;
}

static int plan_one(const c5_run_context *run, const c5_step *step, c5_plan *plan, c5_job *j, const char *name)
{
	const c5_segment_params *p = step->params;
	const c5_channel *c;
	c5_array_spec *masks, *frames;
	uint8_t *missing = NULL;
	char path[512], *files = NULL;
	int err;
	if ((err = c5_experiment_read(run->file, name, &j->experiment)) < 0 || (err = c5_experiment_channel(&j->experiment, p->channel, &c)) < 0) return err;
	if (!(j->input = c5_format("/experiments/%s/raw/%s", name, c->name))) return c5_fail(C5_ENOMEM, "out of memory");
	/* The smallest object a filter lets pass bounds the labels of a frame: 16 bits where that is enough, as viewers like it. */
	const int64_t smallest = c5_segment_min_area(p);
	uint64_t most = c->height * c->width / (smallest > 1 ? (uint64_t)smallest : 1);
	bool reused = false;
	if (c5_segment_from_files(p)) { /* what lies in files may have changed, so nothing is reused */
		if ((err = look_at_labels(run, p, &j->experiment, c, &files, &most)) < 0) goto done;
	} else if ((err = c5_step_reuse(run, step, plan, j, "masks/latest", &reused)) < 0 || reused) return err;
	if ((err = c5_job_add_output(j, &masks)) < 0) goto done;
	snprintf(path, sizeof path, "/experiments/%s/masks/%s", name, c5_revision_name(run->run));
	if ((err = c5_spec_stack(masks, path, most > UINT16_MAX ? C5_U32 : C5_U16, c->frames, 0, c->height, c->width)) < 0) goto done;
	c5_step_axes(masks, &j->experiment);
	if (files && (err = c5_spec_attr_str(masks, "source", files)) < 0) goto done;
	if ((err = c5_step_sign(masks, step, j->input)) < 0 || (err = c5_step_missing(run->file, masks, c->frames, c5_spec_tiles(masks), &missing)) < 0)
		goto done;
	uint64_t per_unit = c5_frames_per_unit(c->height, c->width);
	if ((err = c5_plan_add_units(plan, c->frames, missing, per_unit, (double)(c->height * c->width))) < 0) goto done;
	if ((err = c5_job_add_output(j, &frames)) < 0) goto done;
	snprintf(path, sizeof path, "/experiments/%s/frames/%s", name, c5_revision_name(run->run));
	if ((err = frames_table(frames, path, c->frames)) < 0 || (err = c5_step_sign(frames, step, j->input)) < 0) goto done;
	err = c5_spec_attr_str(frames, "units", "frame: 1, objects: 1, time_s: s, threshold: counts, covered: 1, mean: counts, sd: counts");
done:
	free(missing);
	free(files);
	return err;
}

/* Where nobody named the channel and there are several, the one taken is told. */
static void tell_channel(const c5_plan *plan)
{
	for (size_t i = 0; i < plan->n_jobs; i++) {
		const c5_job *j = &plan->jobs[i];
		if (!j->input || j->error || j->experiment.n_channels < 2) continue;
		c5_log(C5_LOG_INFO, "segment: channel %s of %s, for one; name another with --channel", strrchr(j->input, '/') + 1, j->experiment.name);
		return;
	}
}

static int plan_segment(const c5_run_context *run, const c5_step *step, c5_plan *plan)
{
	const c5_segment_params *p = step->params;
	if (c5_segment_from_files(p) && (!p->labels || !*p->labels))
		return c5_fail(C5_EUSAGE,
			"method labels: where the label images are is not stated; --labels PATH, {experiment} in it stands for the experiment's name");
	int err = c5_step_plan_each(run, step, plan, plan_one);
	if (err == C5_OK && !p->channel) tell_channel(plan);
	return err;
}

typedef struct seg_state { c5_segmenter *segmenter; uint64_t height, width; c5_curated *files; } seg_state; /* files: of the last unit */

static void free_state(void *state)
{
	seg_state *s = state;
	c5_segmenter_close(s->segmenter);
	c5_curated_close(s->files);
	free(s);
}

static int want_segmenter(c5_worker *w, const c5_step *step, uint64_t height, uint64_t width, c5_segmenter **out)
{
	seg_state *s = w->state;
	int err;
	if (!s) {
		if ((err = c5_alloc(&s, 1, sizeof *s)) < 0) return err;
		w->state = s;
		w->free_state = free_state;
	}
	if (s->segmenter && (s->height != height || s->width != width)) {
		c5_segmenter_close(s->segmenter);
		s->segmenter = NULL;
	}
	if (!s->segmenter && (err = c5_segmenter_open(&s->segmenter, step->params, height, width)) < 0) return err;
	s->height = height, s->width = width;
	*out = s->segmenter;
	return C5_OK;
}

/* The label images at `path`, opened once for the units of an experiment; NULL path: none. */
static int want_files(c5_worker *w, const char *path, c5_curated **out)
{
	seg_state *s = w->state;
	*out = NULL;
	if (!path) return C5_OK;
	if (s->files && strcmp(s->files->path, path) != 0) {
		c5_curated_close(s->files);
		s->files = NULL;
	}
	int err = s->files ? C5_OK : c5_masks_open(&s->files, path);
	*out = s->files;
	return err;
}

static int segment_frame(c5_segmenter *s, c5_curated *files, uint64_t t, int dtype, const void *pixels, uint32_t *labels, c5_segment_summary *sum)
{
	uint32_t n;
	if (!files) return c5_segment_frame(s, dtype, pixels, labels, sum);
	int err = c5_masks_frame(files, t, labels, &n);
	return err < 0 ? err : c5_segment_given(s, dtype, pixels, labels, n, sum);
}

static int work_segment(c5_worker *w, const c5_run_context *run, const c5_step *step, const c5_job *job, const c5_unit *unit)
{
	(void)run;
	const c5_array_spec *raw, *masks = &job->outputs[MASKS];
	c5_segmenter *segmenter;
	c5_curated *files;
	void *pixels;
	uint32_t *labels;
	int err = c5_worker_spec(w, job->input, &raw);
	if (err < 0) return err;
	uint64_t height = masks->dims[1], width = masks->dims[2], n = height * width, planes = raw->rank == 4 ? raw->dims[1] : 1;
	int dtype = raw->dtype;
	uint16_t *narrow = NULL;
	if ((err = want_segmenter(w, step, height, width, &segmenter)) < 0 || (err = c5_worker_scratch(w, PIXELS, n * c5_dtype_size(dtype), &pixels)) < 0 ||
	    (err = c5_worker_scratch(w, LABELS, n * sizeof *labels, &labels)) < 0)
		return err;
	if (masks->dtype == C5_U16 && (err = c5_worker_scratch(w, NARROW, n * sizeof *narrow, &narrow)) < 0) return err;
	if ((err = want_files(w, c5_spec_text(masks, "source"), &files)) < 0) return err;
	for (uint64_t t = unit->first; t < unit->first + unit->count; t++) {
		c5_segment_summary sum;
		if ((err = c5_worker_poll(w)) < 0) return err;
		if ((err = c5_worker_read_frame(w, job->input, t, planes / 2, pixels)) < 0) return err; /* of a z stack, the middle plane */
		if ((err = segment_frame(segmenter, files, t, dtype, pixels, labels, &sum)) < 0) return err;
		double dt = job->experiment.frame_interval_s;
		frame_row row = { (uint32_t)t, sum.objects, (double)t * (isnan(dt) ? NAN : dt), sum.threshold, sum.covered, sum.mean, sum.sd };
		if ((err = c5_worker_put_row(w, job, FRAMES, t, &row)) < 0) return err; /* the row first: a mask that exists has its row */
		if (narrow)
			for (uint64_t i = 0; i < n; i++) narrow[i] = (uint16_t)labels[i];
		if ((err = c5_worker_put_frame(w, job, MASKS, t, 0, narrow ? (void *)narrow : (void *)labels)) < 0) return err;
	}
	return C5_OK;
}

static size_t bytes_segment(const c5_step *step, const c5_job *job)
{
	const c5_array_spec *m = &job->outputs[MASKS];
	uint64_t n = m->dims[1] * m->dims[2];
	return c5_segmenter_bytes(step->params, m->dims[1], m->dims[2]) + n * (8 + 4 + 2 + 4) + c5_chunk_bound(n * 4);
}

const c5_step_ops c5_step_segment = { &c5_kind_segment, { "masks", "frames", NULL }, plan_segment, work_segment, NULL, bytes_segment, NULL };
