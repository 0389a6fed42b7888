/* step_crop.c – objects to crops: crop/crop.h over an experiment. Writes crops/rN/images (N, C, H, W) and crops/rN/index, row i for crop i: its
 * object and the part of the frame it shows. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/dtype.h"
#include "base/error.h"
#include "container/run.h"
#include "crop/crop.h"
#include "pipeline/steps.h"

#define CHUNK_BYTES (256u << 10)
#define UNIT_FRAMES 8

enum { IMAGES, INDEX };
enum { PIXELS, LABELS, NARROW, ROWS, CHUNK, OUT }; /* scratch; one more PIXELS a channel is not needed: channels are cut one after another */

const c5_step_kind c5_kind_crop = { "crop", "cut a small image around every cell", c5_crop_opts, sizeof(c5_crop_params), C5_CROP_VERSION, "objects" };

#pragma pack(push, 1)
typedef struct index_row { uint64_t object; uint32_t frame, label; double centroid_y, centroid_x; int32_t y0, x0, y1, x1; } index_row;
#pragma pack(pop)

static const char *const window_names[] = { "window_y0", "window_x0", "window_y1", "window_x1" };

static int index_table(c5_array_spec *s, const char *path, uint64_t n, uint64_t per)
{
	int err = c5_spec_table(s, path, n, per);
	if (err == C5_OK) err = c5_spec_column(s, "object", C5_U64);
	if (err == C5_OK) err = c5_spec_column(s, "frame", C5_U32);
	if (err == C5_OK) err = c5_spec_column(s, "label", C5_U32);
	if (err == C5_OK) err = c5_spec_column(s, "centroid_y", C5_F64);
	if (err == C5_OK) err = c5_spec_column(s, "centroid_x", C5_F64);
	for (int i = 0; err == C5_OK && i < 4; i++) err = c5_spec_column(s, window_names[i], C5_I32);
	if (err == C5_OK)
		err = c5_spec_attr_str(s, "units",
			"object: 1, frame: 1, label: 1, centroid_y: px, centroid_x: px, window_y0: px, window_x0: px, window_y1: px, window_x1: px");
	return err;
}

/* The channels a crop holds, in the experiment's order: indices to `which` (n_channels entries). */
static int choose_channels(const c5_experiment *e, const c5_crop_params *p, uint64_t t, uint64_t *which, size_t *n)
{
	*n = 0;
	char *list = c5_strdup(p->channels), *save = NULL;
	int err = C5_OK;
	if (p->channels && !list) return c5_fail(C5_ENOMEM, "out of memory");
	for (char *word = list ? strtok_r(list, ", ", &save) : NULL; word && err == C5_OK; word = strtok_r(NULL, ", ", &save)) {
		const c5_channel *c;
		if ((err = c5_experiment_channel(e, word, &c)) < 0) break;
		if (p->z >= 0 && (uint64_t)p->z >= (c->planes ? c->planes : 1))
			err = c5_fail(C5_EINPUT, "%s: channel %s has %llu planes, no plane %lld (counted from 0)", e->name, word,
				(unsigned long long)(c->planes ? c->planes : 1), (long long)p->z);
		else if (c->frames != t)
			err = c5_fail(C5_EINPUT, "%s: channel %s has %llu frames, the masks %llu", e->name, word, (unsigned long long)c->frames, (unsigned long long)t);
		else if (*n < e->n_channels) which[(*n)++] = (uint64_t)(c - e->channels);
	}
	for (size_t i = 0; !list && i < e->n_channels; i++)
		if (e->channels[i].frames == t && (p->z < 0 || (uint64_t)p->z < (e->channels[i].planes ? e->channels[i].planes : 1))) which[(*n)++] = i;
	if (err == C5_OK && *n == 0 && p->z >= 0)
		err = c5_fail(C5_EINPUT, "%s: no channel has the %llu frames of the masks and a plane %lld (counted from 0)", e->name, (unsigned long long)t,
			(long long)p->z);
	if (err == C5_OK && *n == 0) err = c5_fail(C5_EINPUT, "%s: no channel has the %llu frames of the masks", e->name, (unsigned long long)t);
	free(list);
	return err;
}

/* numbers: [0] frames of the masks, then the chosen channels. */
static int plan_one(const c5_run_context *run, const c5_step *step, c5_plan *plan, c5_job *j, const char *name)
{
	const c5_crop_params *p = step->params;
	c5_array *objects = NULL, *masks = NULL;
	c5_array_spec *images, *index;
	char *masks_path = NULL, path[512];
	uint8_t *missing = NULL;
	size_t n_channels = 0;
	int err, dtype = 0;
	if ((err = c5_experiment_read(run->file, name, &j->experiment)) < 0 || (err = c5_step_input(run, name, "objects", "objects", &j->input)) < 0)
		return err;
	const c5_experiment *e = &j->experiment;
	bool reused;
	if ((err = c5_step_reuse(run, step, plan, j, "crops/latest/images", &reused)) < 0 || reused) return err;
	if ((err = c5_array_open(&objects, run->file, j->input)) < 0 || (err = c5_attr_get_str(run->file, j->input, "input", &masks_path)) < 0 ||
	    (err = c5_array_open(&masks, run->file, masks_path)) < 0)
		goto done;
	uint64_t n = c5_array_spec_of(objects)->dims[0], t = c5_array_spec_of(masks)->dims[0];
	if ((err = c5_alloc(&j->numbers, e->n_channels + 1, sizeof *j->numbers)) < 0) goto done;
	j->numbers[0] = t;
	if ((err = choose_channels(e, p, t, j->numbers + 1, &n_channels)) < 0) goto done;
	j->n_numbers = 1 + n_channels;
	const c5_array_spec *m = c5_array_spec_of(masks);
	for (size_t i = 0; p->masked && err == C5_OK && i < n_channels; i++) {
		const c5_channel *c = &e->channels[j->numbers[1 + i]];
		if (m->rank != 3 || c->height != m->dims[1] || c->width != m->dims[2])
			err = c5_fail(C5_EINPUT, "%s: channel %s is of %llu x %llu pixels, the masks are not; name others with --channels", name, c->name,
				(unsigned long long)c->height, (unsigned long long)c->width);
	}
	if (err < 0) goto done;
	for (size_t i = 0; i < n_channels; i++) {
		int d = e->channels[j->numbers[1 + i]].dtype;
		dtype = i == 0 || dtype == d ? d : C5_F32; /* channels of several types meet in float */
	}
	size_t height, width;
	if ((err = c5_crop_size(p, &height, &width)) < 0) goto done;
	uint64_t bytes = height * width * n_channels * c5_dtype_size(dtype), per = bytes ? CHUNK_BYTES / bytes : 1;
	per = per < 1 ? 1 : per > 256 ? 256 : per;
	if ((err = c5_job_add_output(j, &images)) < 0) goto done;
	snprintf(path, sizeof path, "/experiments/%s/crops/%s/images", name, c5_revision_name(run->run));
	if ((err = c5_spec_crops(images, path, dtype, n, n_channels, height, width, per)) < 0 || (err = c5_step_sign(images, step, j->input)) < 0) goto done;
	const bool fixed = !strcmp(p->window, "fixed"); /* windows of different size have no one pixel size */
	char channels[512] = "";
	for (size_t i = 0; i < n_channels; i++)
		snprintf(channels + strlen(channels), sizeof channels - strlen(channels), "%s%s", i ? "," : "", e->channels[j->numbers[1 + i]].name);
	if ((err = c5_spec_attr_str(images, "channels", channels)) < 0 || (err = c5_spec_attr_f64(images, "pixel_size_um",
	    fixed ? e->pixel_size_um : NAN)) < 0) goto done;
	uint64_t chunks = n ? c5_spec_chunks(images) : 0;
	if ((err = c5_step_missing(run->file, images, chunks, 1, &missing)) < 0) goto done;
	uint64_t per_unit = t && n ? (n * UNIT_FRAMES / t + per - 1) / per : 1;
	if ((err = c5_plan_add_units(plan, chunks, missing, per_unit, (double)(bytes * per))) < 0) goto done;
	if ((err = c5_job_add_output(j, &index)) < 0) goto done;
	snprintf(path, sizeof path, "/experiments/%s/crops/%s/index", name, c5_revision_name(run->run));
	if ((err = index_table(index, path, n, per)) < 0) goto done;
	err = c5_step_sign(index, step, j->input);
done:
	free(missing);
	free(masks_path);
	c5_array_close(masks);
	c5_array_close(objects);
	return err;
}

static int plan_crop(const c5_run_context *run, const c5_step *step, c5_plan *plan) { return c5_step_plan_each(run, step, plan, plan_one); }

/* Cuts the crops `rows` (all of frame t) of one channel into out, one every `stride` bytes. */
static int cut_channel(c5_worker *w, const c5_crop_params *p, const c5_job *job, size_t channel, const uint32_t *labels, const index_row *rows,
	size_t n, uint8_t *out, size_t stride)
{
	const c5_channel *c = &job->experiment.channels[channel];
	const uint64_t z = p->z < 0 ? c->planes / 2 : (uint64_t)p->z;
	void *pixels;
	char path[512];
	int err;
	snprintf(path, sizeof path, "/experiments/%s/raw/%s", job->experiment.name, c->name);
	if ((err = c5_worker_scratch(w, PIXELS, c->height * c->width * c5_dtype_size(c->dtype), &pixels)) < 0 ||
	    (err = c5_worker_read_frame(w, path, rows->frame, z, pixels)) < 0)
		return err;
	for (size_t i = 0; i < n && err == C5_OK; i++) {
		const c5_crop_window window = { rows[i].y0, rows[i].x0, rows[i].y1, rows[i].x1 };
		err = c5_crop_cut(p, c->dtype, pixels, labels, c->height, c->width, &window, rows[i].label, job->outputs[IMAGES].dtype, out + i * stride);
	}
	return err;
}

/* Rows first .. first+n of the objects table, with the window of each. */
static int read_index(c5_worker *w, const c5_crop_params *p, const c5_job *job, uint64_t first, uint64_t n, index_row *out)
{
	static const char *const names[] = { "frame", "label", "centroid_y", "centroid_x", "bbox_y0", "bbox_x0", "bbox_y1", "bbox_x1" };
	const c5_array_spec *s;
	const c5_column *c;
	uint8_t *rows;
	uint32_t at[8], box[4];
	int err = c5_worker_spec(w, job->input, &s);
	for (int i = 0; i < 8 && err == C5_OK; i++) {
		if ((err = c5_spec_find_column(s, names[i], &c)) < 0) break;
		if (c->dtype != (i == 2 || i == 3 ? C5_F64 : C5_U32))
			err = c5_fail(C5_ESCHEMA, "%s: column %s is of type %s", job->input, names[i], c5_dtype_name(c->dtype));
		at[i] = c->offset;
	}
	if (err < 0) return err;
	size_t row = s->row_size;
	if ((err = c5_worker_scratch(w, ROWS, n * row, &rows)) < 0 || (err = c5_worker_read_rows(w, job->input, first, n, rows)) < 0) return err;
	for (uint64_t i = 0; i < n && err == C5_OK; i++) {
		const uint8_t *r = rows + i * row;
		c5_crop_window window;
		out[i].object = first + i;
		memcpy(&out[i].frame, r + at[0], 4);
		memcpy(&out[i].label, r + at[1], 4);
		memcpy(&out[i].centroid_y, r + at[2], 8);
		memcpy(&out[i].centroid_x, r + at[3], 8);
		for (int k = 0; k < 4; k++) memcpy(&box[k], r + at[4 + k], 4);
		err = c5_crop_place(&window, p, out[i].centroid_y, out[i].centroid_x, box);
		out[i].y0 = window.y0, out[i].x0 = window.x0, out[i].y1 = window.y1, out[i].x1 = window.x1;
	}
	return err;
}

static int work_crop(c5_worker *w, const c5_run_context *run, const c5_step *step, const c5_job *job, const c5_unit *unit)
{
	const c5_array_spec *s = &job->outputs[IMAGES];
	const c5_crop_params *p = step->params;
	uint64_t per = s->chunk[0], first = unit->first * per, last = (unit->first + unit->count) * per;
	size_t bytes = c5_spec_chunk_bytes(s), crop = bytes / per, plane = crop / s->dims[1];
	char *masks = NULL;
	uint8_t *images;
	index_row *index;
	int err;
	(void)run;
	if (last > s->dims[0]) last = s->dims[0];
	uint64_t room = unit->count * per, n = last - first;
	if ((err = c5_worker_scratch(w, CHUNK, unit->count * bytes, &images)) < 0 || (err = c5_worker_scratch(w, OUT, room * sizeof *index, &index)) < 0)
		return err;
	memset(images, 0, unit->count * bytes);
	memset(index, 0, room * sizeof *index);
	if ((err = read_index(w, p, job, first, n, index)) < 0) return err;
	if (p->masked && (err = c5_attr_get_str(w->file, job->input, "input", &masks)) < 0) return err;
	for (uint64_t i = 0, k; i < n; i = k) {
		uint32_t *labels = NULL;
		for (k = i + 1; k < n && index[k].frame == index[i].frame;) k++;
		if ((err = c5_worker_poll(w)) < 0) goto done;
		if (masks && (err = c5_step_read_labels(w, masks, index[i].frame, LABELS, &labels)) < 0) goto done;
		for (uint64_t c = 0; c < s->dims[1]; c++)
			if ((err = cut_channel(w, p, job, job->numbers[1 + c], labels, index + i, k - i, images + i * crop + c * plane, crop)) < 0) goto done;
	}
	for (uint64_t c = 0; c < unit->count; c++) { /* the index first: a chunk of images that exists has its rows */
		if ((err = c5_worker_put_chunk(w, job, INDEX, unit->first + c, index + c * per)) < 0) goto done;
		if ((err = c5_worker_put_chunk(w, job, IMAGES, unit->first + c, images + c * bytes)) < 0) goto done;
	}
done:
	free(masks);
	return err;
}

static size_t bytes_crop(const c5_step *step, const c5_job *job)
{
	(void)step;
	uint64_t n = 0;
	for (size_t c = 0; c < job->experiment.n_channels; c++)
		if (job->experiment.channels[c].height * job->experiment.channels[c].width > n)
			n = job->experiment.channels[c].height * job->experiment.channels[c].width;
	return n * (8 + 4 + 2) + 16 * c5_spec_chunk_bytes(&job->outputs[IMAGES]); /* a window is smaller than a frame */
}

const c5_step_ops c5_step_crop = { &c5_kind_crop, { "crops", NULL }, plan_crop, work_crop, NULL, bytes_crop, NULL };
