/* step_stain.c – label-free frames to maps of a marker: a stain model over an experiment. Writes, for each marker,
 *     stain/rN/maps/MARKER     (T, Y, X) probability, or grey values of a dense image model
 *     stain/rN/blocks/MARKER   (T, rows, columns) probability of each block (models that learnt blocks)
 *     stain/rN/frames/MARKER   table, one row a frame: efficiency */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "container/run.h"
#include "pipeline/identify_fit.h"
#include "pipeline/stain_fields.h"
#include "pipeline/stain_model.h"
#include "pipeline/steps.h"
#include "stain/stainer.h"

#define STEPS 4096 /* of a probability as stored: finer is noise, and noise does not pack */

typedef struct stain_params {
	char *model, *rescale;
	int64_t stride, tile, batch;
	double positive;
	char *precision, *device;
	bool mirrored;
	double scale; /* what `rescale` comes to, settled when the run is planned */
} stain_params;

#define F(member) offsetof(stain_params, member)
static const c5_opt stain_opts[] = {
	{ "model", C5_OPT_TEXT, F(model), NULL, 0, 0, NULL, "NAME", "stain model: NAME, NAME@r000003, or FILE.h5:NAME" },
	{ "stride", C5_OPT_INT, F(stride), "0", 0, 4096, "px", NULL, "from block to block; 0: as trained; smaller is smoother and slower" },
	{ "tile", C5_OPT_INT, F(tile), "0", 0, 65536, "px", NULL, "dense: side of the tiles an image is cut into; 0: a good one" },
	{ "batch", C5_OPT_INT, F(batch), "0", 0, 4096, NULL, "N", "blocks or tiles of one pass; 0: a good number" },
	{ "rescale", C5_OPT_TEXT, F(rescale), "1", 0, 0, NULL, "auto|X",
		"the network sees images X times as large; auto: as large as those it was trained on (cyto5 identify)" },
	{ "mirrored", C5_OPT_BOOL, F(mirrored), NULL, 0, 0, NULL, NULL,
		"dense: mean over the image and its three mirror images; surer, at four times the time" },
	{ "positive", C5_OPT_REAL, F(positive), NULL, 0, 1e9, NULL, NULL, "what of the map counts as marker is above this; unset: as the model says" },
	{ "precision", C5_OPT_CHOICE, F(precision), "fp32", 0, 0, NULL, "fp32|bf16", "arithmetic of the network" },
	{ "device", C5_OPT_TEXT, F(device), "auto", 0, 0, NULL, "auto|cpu|cuda[:N]", "where it runs" },
	{ 0 },
};
const c5_step_kind c5_kind_stain = { "stain", "predict markers from label-free frames: stain maps", stain_opts, sizeof(stain_params),
	C5_STAIN_VERSION, "ingest" };

enum { REVISION, HEIGHT, WIDTH, MARKERS, DENSE, SCALE, NUMBERS }; /* of a job */
#define SCALE_UNIT 1e6                                     /* factors of size are whole numbers of it */
enum { INPUT, MAPS, BLOCKS };                              /* scratch */

#pragma pack(push, 1)
typedef struct frame_row { uint32_t frame; double time_s, area, mean, blocks; } frame_row;
#pragma pack(pop)

/* Outputs stand marker by marker: frames, blocks (models of blocks), maps. */
static size_t per_marker(const c5_job *j) { return j->numbers[DENSE] ? 2 : 3; }
static size_t frames_of(const c5_job *j, int m) { return (size_t)m * per_marker(j); }
static size_t blocks_of(const c5_job *j, int m) { return (size_t)m * per_marker(j) + 1; }
static size_t maps_of(const c5_job *j, int m) { return (size_t)m * per_marker(j) + per_marker(j) - 1; }

static double scale_of(const c5_job *j) { return (double)j->numbers[SCALE] / SCALE_UNIT; }
static double positive_of(const stain_params *p, const c5_recipe *r, int m) { return p->positive > 0 ? p->positive : r->positive[m]; }

static int sign(c5_array_spec *s, const c5_step *step, const c5_job *j, const c5_stain_model *model, int m)
{
	const stain_params *p = step->params;
	char text[160];
	snprintf(text, sizeof text, "%.80s@%s", p->model, c5_revision_name(model->revision));
	int err = c5_step_sign(s, step, j->input);
	if (err == C5_OK) err = c5_spec_attr_str(s, "model", text);
	if (err == C5_OK) err = c5_spec_attr_str(s, "model_sha256", model->sha256);
	if (err == C5_OK) err = c5_spec_attr_str(s, "marker", model->recipe.marker[m]);
	if (err == C5_OK) err = c5_spec_attr_f64(s, "positive", positive_of(p, &model->recipe, m));
	if (err == C5_OK && scale_of(j) != 1) err = c5_spec_attr_f64(s, "rescaled", scale_of(j));
	return err;
}

static int add_frames(const c5_run_context *run, const c5_step *step, c5_job *j, const c5_stain_model *model, int m, uint64_t t)
{
	static const char *const reals[] = { "time_s", "area", "mean", "blocks" };
	c5_array_spec *s;
	char path[512];
	int err = c5_job_add_output(j, &s);
	if (err < 0) return err;
	snprintf(path, sizeof path, "/experiments/%s/stain/%s/frames/%s", j->experiment.name, c5_revision_name(run->run), model->recipe.marker[m]);
	if ((err = c5_spec_table(s, path, t, 1024)) < 0 || (err = c5_spec_column(s, "frame", C5_U32)) < 0) return err;
	for (size_t i = 0; i < 4 && err == C5_OK; i++) err = c5_spec_column(s, reals[i], C5_F64);
	if (err == C5_OK) err = c5_spec_attr_str(s, "units", "frame: 1, time_s: s, area: 1, mean: 1, blocks: 1");
	return err < 0 ? err : sign(s, step, j, model, m);
}

static int add_stack(const c5_run_context *run, const c5_step *step, c5_job *j, const c5_stain_model *model, int m, const char *what, uint64_t t,
	uint64_t h, uint64_t w, c5_array_spec **out)
{
	char path[512];
	int err = c5_job_add_output(j, out);
	if (err < 0) return err;
	snprintf(path, sizeof path, "/experiments/%s/stain/%s/%s/%s", j->experiment.name, c5_revision_name(run->run), what, model->recipe.marker[m]);
	if ((err = c5_spec_stack(*out, path, C5_F32, t, 0, h, w)) < 0) return err;
	c5_step_axes(*out, &j->experiment);
	return sign(*out, step, j, model, m);
}

/* Blocks are shown on axes of their own: pixels times the stride, which the network has on the rescaled frame. */
static int add_blocks(const c5_run_context *run, const c5_step *step, c5_job *j, const c5_stain_model *model, int m, uint64_t t,
	const c5_block_grid *g)
{
	c5_array_spec *s;
	int err = add_stack(run, step, j, model, m, "blocks", t, g->rows, g->columns, &s);
	if (err < 0) return err;
	for (int a = 1; a < 3; a++) s->axes[a].step *= (double)g->stride / scale_of(j);
	if ((err = c5_spec_attr_f64(s, "side_px", (double)g->side / scale_of(j))) < 0 ||
	    (err = c5_spec_attr_f64(s, "stride_px", (double)g->stride / scale_of(j))) < 0) return err;
	return c5_spec_attr_f64(s, "share", model->recipe.share);
}

/* Made before by the same model? */
static bool same_model(const c5_run_context *run, const char *experiment, const c5_stain_model *model, const char *latest)
{
	char *path = c5_format("/experiments/%s/%s", experiment, latest), *sha = NULL;
	bool same = path && c5_exists(run->file, path) && c5_attr_get_str(run->file, path, "model_sha256", &sha) == C5_OK && sha &&
		!strcmp(sha, model->sha256);
	c5_error_clear();
	free(sha);
	free(path);
	return same;
}

static int plan_job(const c5_run_context *run, const c5_step *step, c5_plan *plan, c5_job *j, const c5_stain_model *model)
{
	const stain_params *p = step->params;
	const c5_recipe *r = &model->recipe;
	c5_block_grid grid = { 0 };
	c5_array_spec *maps;
	uint64_t h, w, t;
	uint8_t *missing = NULL;
	char latest[128];
	bool reused = false;
	int err;
	if ((err = c5_stain_input_size(r, &j->experiment, &h, &w, &t)) < 0) return err;
	if (!(j->input = c5_format("/experiments/%s/raw/%s", j->experiment.name, r->channel[0]))) return c5_fail(C5_ENOMEM, "out of memory");
	snprintf(latest, sizeof latest, "stain/latest/maps/%s", r->marker[0]);
	if (same_model(run, j->experiment.name, model, latest) && ((err = c5_step_reuse(run, step, plan, j, latest, &reused)) < 0 || reused)) return err;
	if (!r->dense && (err = c5_blocks_grid(&grid, c5_stainer_side(h, p->scale), c5_stainer_side(w, p->scale), (size_t)r->block,
	    p->stride ? (size_t)p->stride : (size_t)r->stride)) < 0) return err;
	if ((err = c5_alloc(&j->numbers, NUMBERS, sizeof *j->numbers)) < 0) return err;
	j->n_numbers = NUMBERS;
	j->numbers[REVISION] = model->revision, j->numbers[HEIGHT] = h, j->numbers[WIDTH] = w, j->numbers[MARKERS] = (uint64_t)r->markers,
		j->numbers[DENSE] = r->dense;
	j->numbers[SCALE] = (uint64_t)llround(p->scale * SCALE_UNIT);
	for (int m = 0; m < r->markers; m++) {
		if ((err = add_frames(run, step, j, model, m, t)) < 0) return err;
		if (!r->dense && (err = add_blocks(run, step, j, model, m, t, &grid)) < 0) return err;
		if ((err = add_stack(run, step, j, model, m, "maps", t, h, w, &maps)) < 0) return err;
	}
	/* The last map of a frame is put last: where it is, all is. */
	if ((err = c5_step_missing(run->file, maps, t, c5_spec_tiles(maps), &missing)) < 0) return err;
	err = c5_plan_add_units(plan, t, missing, 1, (double)(h * w));
	free(missing);
	return err;
}

static int plan_one(const c5_run_context *run, const c5_step *step, c5_plan *plan, c5_job *j, const char *name)
{
	const stain_params *p = step->params;
	c5_stain_model model = { 0 };
	int err = c5_experiment_read(run->file, name, &j->experiment);
	if (err == C5_OK) err = c5_stain_model_read(&model, run->file, p->model, 0, false);
	if (err == C5_OK) err = plan_job(run, step, plan, j, &model);
	c5_stain_model_clear(&model);
	return err;
}

int c5_stain_ready(const c5_step *step, const char *container)
{
	const stain_params *p = step->params;
	c5_stain_model model = { 0 };
	c5_file *f = NULL;
	int err = c5_device_check(p->device);
	if (err == C5_OK && !p->model) err = c5_fail(C5_EUSAGE, "stain: which model is not stated; --model NAME, made by cyto5 stain train");
	if (err == C5_OK && !strchr(p->model, ':')) err = c5_file_open(&f, container, C5_READ, "working");
	if (err == C5_OK) err = c5_stain_model_read(&model, f, p->model, 0, false);
	c5_stain_model_clear(&model);
	c5_file_close(f);
	return err;
}

static int plan_stain(const c5_run_context *run, const c5_step *step, c5_plan *plan)
{
	stain_params *p = step->params;
	c5_stain_model model = { 0 };
	int err = c5_stain_model_read(&model, run->file, p->model, 0, false); /* once for all: without it nothing can be done */
	if (err == C5_OK) err = c5_fit_rescale(&p->scale, p->rescale, &model.stored, p->model, run->file, run->names, run->n_names);
	p->scale = round(p->scale * SCALE_UNIT) / SCALE_UNIT;
	c5_stain_model_clear(&model);
	return err < 0 ? err : c5_step_plan_each(run, step, plan, plan_one);
}

/* ---- work ---- */

typedef struct stain_state { c5_device *device; c5_stain_model model; c5_stainer *stainer; uint64_t height, width; double scale; } stain_state;

static void free_state(void *state)
{
	stain_state *s = state;
	c5_stainer_close(s->stainer);
	c5_stain_model_clear(&s->model);
	c5_device_close(s->device);
	free(s);
}

static int want_stainer(c5_worker *w, const c5_step *step, const c5_job *job, stain_state **out)
{
	const stain_params *p = step->params;
	const double scale = scale_of(job);
	stain_state *s = w->state;
	int err;
	if (!s) {
		if ((err = c5_alloc(&s, 1, sizeof *s)) < 0) return err;
		w->state = s, w->free_state = free_state;
	}
	if (!s->device && (err = c5_device_open(&s->device, p->device)) < 0) return err;
	if (!s->model.model && (err = c5_stain_model_read(&s->model, w->file, p->model, (uint32_t)job->numbers[REVISION], true)) < 0) return err;
	if (s->stainer && (s->height != job->numbers[HEIGHT] || s->width != job->numbers[WIDTH] || s->scale < scale || s->scale > scale)) {
		c5_stainer_close(s->stainer);
		s->stainer = NULL;
	}
	s->height = job->numbers[HEIGHT], s->width = job->numbers[WIDTH], s->scale = scale;
	c5_stainer_how how = { .rescale = scale, .stride = (size_t)p->stride, .tile = (size_t)p->tile, .batch = (int)p->batch, .mirrored = p->mirrored,
		.precision = strcmp(p->precision, "bf16") ? C5_FP32 : C5_BF16 };
	if (!s->stainer && (err = c5_stainer_open(&s->stainer, s->device, s->model.model, s->model.weights, &s->model.recipe, s->height, s->width,
	    &how)) < 0) return err;
	*out = s;
	return C5_OK;
}

static int put_frame(c5_worker *w, const c5_step *step, const c5_job *job, const stain_state *s, uint64_t t, float *maps, float *blocks)
{
	const c5_recipe *r = &s->model.recipe;
	const c5_block_grid *g = c5_stainer_grid(s->stainer);
	size_t pixels = s->height * s->width, n = r->dense ? 0 : c5_blocks_count(g);
	double dt = isfinite(job->experiment.frame_interval_s) ? job->experiment.frame_interval_s : 0;
	int err = C5_OK;
	for (int m = 0; m < r->markers && err == C5_OK; m++) {
		float *map = maps + (size_t)m * pixels, *block = blocks + (size_t)m * n;
		double limit = positive_of(step->params, r, m), sum = 0;
		size_t above = 0, yes = 0;
		bool probability = !r->dense || r->mask;
		for (size_t i = 0; i < pixels && probability; i++) map[i] = roundf(map[i] * STEPS) / STEPS;
		for (size_t i = 0; i < n; i++) block[i] = roundf(block[i] * STEPS) / STEPS, yes += (double)block[i] > limit;
		for (size_t i = 0; i < pixels; i++) sum += (double)map[i], above += (double)map[i] > limit;
		frame_row row = { (uint32_t)t, (double)t * dt, (double)above / (double)pixels, sum / (double)pixels, n ? (double)yes / (double)n : (double)NAN };
		err = c5_worker_put_row(w, job, frames_of(job, m), t, &row);
		if (err == C5_OK && n) err = c5_worker_put_frame(w, job, blocks_of(job, m), t, 0, block);
		if (err == C5_OK) err = c5_worker_put_frame(w, job, maps_of(job, m), t, 0, map);
	}
	return err;
}

static int work_stain(c5_worker *w, const c5_run_context *run, const c5_step *step, const c5_job *job, const c5_unit *unit)
{
	const c5_array_spec *raw;
	stain_state *s;
	float *input, *maps, *blocks;
	int err;
	(void)run;
	if ((err = c5_worker_spec(w, job->input, &raw)) < 0 || (err = want_stainer(w, step, job, &s)) < 0) return err; /* the spec opens the container */
	const c5_recipe *r = &s->model.recipe;
	size_t pixels = s->height * s->width, n = r->dense ? 1 : c5_blocks_count(c5_stainer_grid(s->stainer));
	if ((err = c5_worker_scratch(w, INPUT, (size_t)c5_recipe_inputs(r) * pixels * sizeof(float), &input)) < 0 ||
	    (err = c5_worker_scratch(w, MAPS, (size_t)r->markers * pixels * sizeof(float), &maps)) < 0 ||
	    (err = c5_worker_scratch(w, BLOCKS, (size_t)r->markers * n * sizeof(float), &blocks)) < 0)
		return err;
	for (uint64_t t = unit->first; t < unit->first + unit->count; t++) {
		if ((err = c5_worker_poll(w)) < 0 || (err = c5_stain_read_input(w->file, w->codec, r, &job->experiment, t, input)) < 0 ||
		    (err = c5_stainer_frame(s->stainer, input, maps, r->dense ? NULL : blocks)) < 0 || (err = put_frame(w, step, job, s, t, maps, blocks)) < 0)
			return err;
	}
	return C5_OK;
}

/* Planes, maps, and the net: some hundred bytes a pixel of a tile. */
static size_t bytes_stain(const c5_step *step, const c5_job *job)
{
	(void)step;
	size_t channels = job->experiment.n_channels, pixels = job->numbers[HEIGHT] * job->numbers[WIDTH];
	for (size_t i = 0; i < job->experiment.n_channels; i++) channels += job->experiment.channels[i].planes;
	size_t net = pixels < (size_t)512 * 512 ? pixels : (size_t)512 * 512;
	if (scale_of(job) != 1) pixels += (size_t)((double)pixels * scale_of(job) * scale_of(job));
	return pixels * (channels + job->numbers[MARKERS] + 6) * sizeof(float) + net * 1200 + (64u << 20);
}

const c5_step_ops c5_step_stain = { &c5_kind_stain, { "stain", NULL }, plan_stain, work_stain, NULL, bytes_stain, NULL };
