/* step_objects.c – masks to objects: one table row an object, in the order of frames and labels. Writes objects/rN.
 * The frames table tells how many objects each frame holds, so every row has its place before it is measured. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "container/run.h"
#include "image/regions.h"
#include "image/texture.h"
#include "image/threshold.h"
#include "pipeline/steps.h"

#define OBJECTS_VERSION 1
#define ROWS_MIN 64
#define ROWS_MAX 4096
#define UNIT_FRAMES 8

enum { PIXELS, LABELS, NARROW, REGIONS, VALUES, ROWS, CHUNK, TEXTURES }; /* scratch; NARROW belongs to the labels */

typedef struct objects_params { char *intensities; bool texture; int64_t texture_levels; } objects_params;
static const c5_opt objects_opts[] = {
	{ "intensities", C5_OPT_TEXT, offsetof(objects_params, intensities), NULL, 0, 0, NULL, "A,B",
		"channels to measure under each object; unset: all of the masks' size" },
	{ "texture", C5_OPT_BOOL, offsetof(objects_params, texture), "false", 0, 0, NULL, NULL,
		"measure the texture under each object, too: Haralick's contrast, homogeneity, entropy ..." },
	{ "texture-levels", C5_OPT_INT, offsetof(objects_params, texture_levels), "32", 2, C5_TEXTURE_LEVELS_MAX, NULL, NULL,
		"grey levels for the texture, between the frame's percentiles 0.5 and 99.5" },
	{ 0 }
};
const c5_step_kind c5_kind_objects = { "objects", "measure every outlined cell: a table", objects_opts, sizeof(objects_params), OBJECTS_VERSION,
	"segment" };

/* The columns that come from the shape alone; intensities follow, three a channel. */
static const struct { const char *name; int dtype; size_t field; const char *unit; } shape[] = {
	{ "label", C5_U32, offsetof(c5_region, label), "1" },
	{ "area", C5_U32, offsetof(c5_region, area), "px" },
	{ "centroid_y", C5_F64, offsetof(c5_region, centroid_y), "px" },
	{ "centroid_x", C5_F64, offsetof(c5_region, centroid_x), "px" },
	{ "bbox_y0", C5_U32, offsetof(c5_region, bbox_y0), "px" },
	{ "bbox_x0", C5_U32, offsetof(c5_region, bbox_x0), "px" },
	{ "bbox_y1", C5_U32, offsetof(c5_region, bbox_y1), "px" },
	{ "bbox_x1", C5_U32, offsetof(c5_region, bbox_x1), "px" },
	{ "perimeter", C5_F64, offsetof(c5_region, perimeter), "px" },
	{ "major_axis", C5_F64, offsetof(c5_region, major_axis), "px" },
	{ "minor_axis", C5_F64, offsetof(c5_region, minor_axis), "px" },
	{ "eccentricity", C5_F64, offsetof(c5_region, eccentricity), "1" },
	{ "orientation", C5_F64, offsetof(c5_region, orientation), "rad" },
	{ "solidity", C5_F64, offsetof(c5_region, solidity), "1" },
	{ "extent", C5_F64, offsetof(c5_region, extent), "1" },
	{ "equivalent_diameter", C5_F64, offsetof(c5_region, equivalent_diameter), "px" },
};
#define N_SHAPE (sizeof shape / sizeof *shape)
static const char *const intensity[] = { "mean", "min", "max" };
static const struct { const char *name; size_t field; const char *unit; } texture[] = {
	{ "contrast", offsetof(c5_texture, contrast), "1" },
	{ "dissimilarity", offsetof(c5_texture, dissimilarity), "1" },
	{ "homogeneity", offsetof(c5_texture, homogeneity), "1" },
	{ "second_moment", offsetof(c5_texture, second_moment), "1" },
	{ "energy", offsetof(c5_texture, energy), "1" },
	{ "correlation", offsetof(c5_texture, correlation), "1" },
	{ "entropy", offsetof(c5_texture, entropy), "bit" },
};
#define N_TEXTURE (sizeof texture / sizeof *texture)

static bool listed(const char *list, const char *name)
{
	size_t n = strlen(name);
	for (const char *p = list; p; p = strchr(p, ','), p = p ? p + 1 : NULL) {
		while (*p == ' ') p++;
		if (strncmp(p, name, n) == 0 && (p[n] == ',' || p[n] == '\0' || p[n] == ' ')) return true;
	}
	return false;
}

static bool measurable(const c5_channel *c, const objects_params *p, uint64_t t, uint64_t h, uint64_t w)
{
	return c->frames == t && c->height == h && c->width == w && (!p->intensities || listed(p->intensities, c->name));
}

static int add_columns(c5_array_spec *s, const c5_experiment *e, const objects_params *p, uint64_t t, uint64_t h, uint64_t w)
{
	char units[8192] = "frame: 1", name[80];
	int err = c5_spec_column(s, "frame", C5_U32);
	for (size_t i = 0; err == C5_OK && i < N_SHAPE; i++) {
		err = c5_spec_column(s, shape[i].name, shape[i].dtype);
		snprintf(units + strlen(units), sizeof units - strlen(units), ", %s: %s", shape[i].name, shape[i].unit);
	}
	for (size_t c = 0; err == C5_OK && c < e->n_channels; c++)
		for (int k = 0; err == C5_OK && k < 3 && measurable(&e->channels[c], p, t, h, w); k++) {
			snprintf(name, sizeof name, "%s_%.40s", intensity[k], e->channels[c].name);
			err = c5_spec_column(s, name, C5_F64);
			snprintf(units + strlen(units), sizeof units - strlen(units), ", %s: counts", name);
		}
	for (size_t c = 0; err == C5_OK && p->texture && c < e->n_channels; c++)
		for (size_t k = 0; err == C5_OK && k < N_TEXTURE && measurable(&e->channels[c], p, t, h, w); k++) {
			snprintf(name, sizeof name, "texture_%s_%.40s", texture[k].name, e->channels[c].name);
			err = c5_spec_column(s, name, C5_F64);
			snprintf(units + strlen(units), sizeof units - strlen(units), ", %s: %s", name, texture[k].unit);
		}
	if (err == C5_OK) err = c5_spec_attr_str(s, "units", units);
	if (err == C5_OK) err = c5_spec_attr_f64(s, "pixel_size_um", e->pixel_size_um);
	return err;
}

/* numbers[t] = objects before frame t; numbers[T] = all. */
static int plan_one(const c5_run_context *run, const c5_step *step, c5_plan *plan, c5_job *j, const char *name)
{
	c5_array *masks = NULL;
	c5_array_spec *s;
	uint8_t *missing = NULL;
	char path[512];
	int err;
	if ((err = c5_experiment_read(run->file, name, &j->experiment)) < 0 || (err = c5_step_input(run, name, "masks", "segment", &j->input)) < 0)
		return err;
	bool reused;
	if ((err = c5_step_reuse(run, step, plan, j, "objects/latest", &reused)) < 0 || reused) goto done;
	if ((err = c5_array_open(&masks, run->file, j->input)) < 0 || (err = c5_spec_is_masks(c5_array_spec_of(masks))) < 0) goto done;
	uint64_t t = c5_array_spec_of(masks)->dims[0], h = c5_array_spec_of(masks)->dims[1], w = c5_array_spec_of(masks)->dims[2];
	if ((err = c5_step_counts(run->file, j->input, t, h * w, &j->numbers)) < 0) goto done;
	j->n_numbers = t + 1;
	uint64_t n = j->numbers[t], rows = t ? n * UNIT_FRAMES / t : 0;
	rows = rows < ROWS_MIN ? ROWS_MIN : rows > ROWS_MAX ? ROWS_MAX : rows;
	snprintf(path, sizeof path, "/experiments/%s/objects/%s", name, c5_revision_name(run->run));
	if ((err = c5_job_add_output(j, &s)) < 0 || (err = c5_spec_table(s, path, n, rows)) < 0) goto done;
	if ((err = add_columns(s, &j->experiment, step->params, t, h, w)) < 0 || (err = c5_step_sign(s, step, j->input)) < 0) goto done;
	uint64_t chunks = c5_spec_chunks(s);
	if (n == 0) chunks = 0;
	if ((err = c5_step_missing(run->file, s, chunks, 1, &missing)) < 0) goto done;
	err = c5_plan_add_units(plan, chunks, missing, rows >= ROWS_MAX && t ? 1 + n * UNIT_FRAMES / t / rows : 1, (double)(h * w) * UNIT_FRAMES);
done:
	free(missing);
	c5_array_close(masks);
	return err;
}

static int plan_objects(const c5_run_context *run, const c5_step *step, c5_plan *plan) { return c5_step_plan_each(run, step, plan, plan_one); }

static void put_number(uint8_t *row, const c5_column *c, double value) { memcpy(row + c->offset, &value, sizeof value); }

/* One channel's texture of a frame, N_TEXTURE columns from `column` on. */
static int put_texture(c5_worker *w, const objects_params *p, const c5_array_spec *s, size_t column, const uint32_t *labels, uint64_t h, uint64_t wd,
	uint32_t count, int dtype, const void *pixels, uint8_t *rows)
{
	c5_texture *textures;
	void *scratch;
	double low, high;
	int err;
	if ((err = c5_worker_scratch(w, VALUES, C5_THRESHOLD_BYTES, &scratch)) < 0 ||
	    (err = c5_worker_scratch(w, TEXTURES, count * sizeof *textures, &textures)) < 0 ||
	    (err = c5_threshold_percentile(dtype, pixels, h * wd, 0.5, scratch, &low)) < 0 ||
	    (err = c5_threshold_percentile(dtype, pixels, h * wd, 99.5, scratch, &high)) < 0 ||
	    (err = c5_texture_measure(textures, labels, h, wd, count, dtype, pixels, low, high, (int)p->texture_levels)) < 0)
		return err;
	for (size_t i = 0; i < N_TEXTURE; i++)
		for (uint32_t k = 0; k < count; k++)
			memcpy(rows + k * s->row_size + s->columns[column + i].offset, (const char *)&textures[k] + texture[i].field, sizeof(double));
	return C5_OK;
}

/* All rows of one frame into `rows`, (count, row_size). */
static int measure_frame(c5_worker *w, const c5_step *step, const c5_job *job, const c5_array_spec *masks, uint64_t t, uint8_t *rows)
{
	const c5_array_spec *s = &job->outputs[0];
	const c5_experiment *e = &job->experiment;
	const objects_params *set = step->params;
	uint64_t h = masks->dims[1], wd = masks->dims[2], n = h * wd;
	uint32_t count = (uint32_t)(job->numbers[t + 1] - job->numbers[t]), *labels;
	c5_region *regions;
	double *values;
	int err;
	if (count == 0) return C5_OK;
	if ((err = c5_worker_scratch(w, REGIONS, count * sizeof *regions, &regions)) < 0 ||
	    (err = c5_step_read_labels(w, job->input, t, LABELS, &labels)) < 0)
		return err;
	for (uint64_t i = 0; i < n; i++)
		if (labels[i] > count)
			return c5_fail(C5_EINPUT, "%s: frame %llu holds label %u, the frames table says %u objects", job->input, (unsigned long long)t, labels[i], count);
	if ((err = c5_regions_measure(labels, h, wd, count, regions)) < 0) return err;
	for (uint32_t k = 0; k < count; k++) {
		uint8_t *row = rows + k * s->row_size;
		uint32_t frame = (uint32_t)t;
		memcpy(row, &frame, sizeof frame);
		for (size_t i = 0; i < N_SHAPE; i++)
			memcpy(row + s->columns[1 + i].offset, (const char *)&regions[k] + shape[i].field, c5_dtype_size(shape[i].dtype));
	}
	size_t column = 1 + N_SHAPE, textured = column;
	for (size_t c = 0; c < e->n_channels; c++) textured += 3 * measurable(&e->channels[c], set, masks->dims[0], h, wd);
	for (size_t c = 0; c < e->n_channels; c++) {
		const c5_channel *ch = &e->channels[c];
		void *pixels;
		char path[512];
		if (!measurable(ch, set, masks->dims[0], h, wd)) continue;
		snprintf(path, sizeof path, "/experiments/%s/raw/%s", e->name, ch->name);
		if ((err = c5_worker_scratch(w, VALUES, 3 * count * sizeof *values, &values)) < 0 ||
		    (err = c5_worker_scratch(w, PIXELS, n * c5_dtype_size(ch->dtype), &pixels)) < 0 ||
		    (err = c5_worker_read_frame(w, path, t, ch->planes / 2, pixels)) < 0)
			return err;
		if ((err = c5_regions_intensity(labels, h, wd, count, ch->dtype, pixels, values, values + count, values + 2 * count)) < 0) return err;
		for (int v = 0; v < 3; v++, column++)
			for (uint32_t k = 0; k < count; k++) put_number(rows + k * s->row_size, &s->columns[column], values[(size_t)v * count + k]);
		if (!set->texture) continue;
		if ((err = put_texture(w, set, s, textured, labels, h, wd, count, ch->dtype, pixels, rows)) < 0) return err;
		textured += N_TEXTURE;
	}
	return C5_OK;
}

static int work_objects(c5_worker *w, const c5_run_context *run, const c5_step *step, const c5_job *job, const c5_unit *unit)
{
	(void)run;
	const c5_array_spec *s = &job->outputs[0], *masks_there;
	uint64_t per = s->chunk[0], from = unit->first * per, to = (unit->first + unit->count) * per, t = 0;
	int err = c5_worker_spec(w, job->input, &masks_there);
	if (err < 0) return err;
	c5_array_spec masks = *masks_there; /* dims and type only: the array may be reopened under us */
	uint8_t *chunk, *rows;
	if (to > s->dims[0]) to = s->dims[0];
	while (job->numbers[t + 1] <= from) t++;
	if ((err = c5_worker_scratch(w, ROWS, c5_spec_chunk_bytes(s), &chunk)) < 0) return err;
	memset(chunk, 0, c5_spec_chunk_bytes(s));
	for (uint64_t at = from; at < to; t++) {
		uint64_t first = job->numbers[t], count = job->numbers[t + 1] - first;
		if ((err = c5_worker_poll(w)) < 0) return err;
		if ((err = c5_worker_scratch(w, CHUNK, count * s->row_size, &rows)) < 0 || (err = measure_frame(w, step, job, &masks, t, rows)) < 0) return err;
		for (; at < to && at < first + count; at++) {
			memcpy(chunk + at % per * s->row_size, rows + (at - first) * s->row_size, s->row_size);
			if ((at + 1) % per != 0 && at + 1 != s->dims[0]) continue;
			if ((err = c5_worker_put_chunk(w, job, 0, at / per, chunk)) < 0) return err;
			memset(chunk, 0, c5_spec_chunk_bytes(s));
		}
	}
	return C5_OK;
}

static size_t bytes_objects(const c5_step *step, const c5_job *job)
{
	(void)step;
	uint64_t n = 0;
	for (size_t c = 0; c < job->experiment.n_channels; c++)
		if (job->experiment.channels[c].height * job->experiment.channels[c].width > n)
			n = job->experiment.channels[c].height * job->experiment.channels[c].width;
	return n * (8 + 4 + 2 + 4 + 1) + 2 * c5_spec_chunk_bytes(&job->outputs[0]) + job->n_numbers * sizeof *job->numbers;
}

const c5_step_ops c5_step_objects = { &c5_kind_objects, { "objects", NULL }, plan_objects, work_objects, NULL, bytes_objects, NULL };
