/* step_explain.c – crops to maps of what a trained model looks at (explain/explainer.h). Writes explain/rN/maps (n, 1, H, W) and explain/rN/index,
 * row i for map i. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "container/run.h"
#include "explain/explainer.h"
#include "pipeline/asked.h"
#include "pipeline/score.h"

#define EXPLAIN_VERSION 1
#define PER_CHUNK 16 /* maps; also the batch */

enum { MAPS, INDEX };
enum { PIXELS, ROWS, FLOATS, PEAKS, PROBS, CHUNK, RESIZED }; /* scratch */

typedef struct explain_params {
	char *model, *class_name, *layer, *device;
	int64_t most, randoms, seed;
	bool check;
} explain_params;

#define F(member) offsetof(explain_params, member)
static const c5_opt explain_opts[] = {
	{ "model", C5_OPT_TEXT, F(model), NULL, 0, 0, NULL, "NAME",
		"trained model: NAME, NAME@rNNNNNN, FILE.h5:NAME; several by commas, or a glob, are an ensemble" },
	{ "class", C5_OPT_TEXT, F(class_name), NULL, 0, 0, NULL, "NAME", "what speaks for this class; unset: for the likeliest of each crop" },
	{ "layer", C5_OPT_TEXT, F(layer), NULL, 0, 0, NULL, "NAME", "layer to look at; unset: the last convolution" },
	{ "most", C5_OPT_INT, F(most), "64", 0, 1e9, NULL, "N", "crops of each experiment, taken evenly; 0: all" },
	{ "check", C5_OPT_BOOL, F(check), "true", 0, 0, NULL, NULL, "blot out and bring back what the maps point at, against random maps" },
	{ "randoms", C5_OPT_INT, F(randoms), "2", 1, 100, NULL, "N", "random maps each is compared with" },
	{ "seed", C5_OPT_INT, F(seed), "1", 0, 1e15, NULL, NULL, "of the random maps" },
	{ "device", C5_OPT_TEXT, F(device), "auto", 0, 0, NULL, "NAME", "auto, cpu, cuda or cuda:N" },
	{ 0 },
};
const c5_step_kind c5_kind_explain = { "explain", "show what a trained model looks at in the crops", explain_opts, sizeof(explain_params),
	EXPLAIN_VERSION, "crop" };

#pragma pack(push, 1)
typedef struct index_row {
	uint64_t crop, object;
	uint32_t frame, label;
	uint16_t of;
	float probability, peak;
	double areas[4];
} index_row;
#pragma pack(pop)

static const char *layer_of(const explain_params *p) { return p->layer && *p->layer ? p->layer : NULL; }

static int check_layer(const explain_params *p, const c5_members *m)
{
	int layer, err = C5_OK;
	for (size_t k = 0; err == C5_OK && k < m->n; k++) err = c5_explainer_layer(&layer, &m->at[k], layer_of(p));
	return err;
}

int c5_explain_ready(const c5_step *step, const char *container)
{
	const explain_params *p = step->params;
	c5_members m;
	int k = 0, err = c5_device_check(p->device);
	if (err < 0 || (err = c5_members_open(&m, container, p->model, false)) < 0) return err;
	err = check_layer(p, &m);
	if (err == C5_OK && p->class_name) err = c5_members_class(&m, p->class_name, &k);
	c5_members_close(&m);
	return err;
}

/* ---- plan ---- */

static int index_table(c5_array_spec *s, const char *path, uint64_t n)
{
	static const struct { const char *name; int dtype; } columns[] = { { "crop", C5_U64 }, { "object", C5_U64 }, { "frame", C5_U32 },
		{ "label", C5_U32 }, { "class", C5_U16 },
		{ "probability", C5_F32 }, { "peak", C5_F32 }, { "deletion", C5_F64 }, { "insertion", C5_F64 }, { "random_deletion", C5_F64 },
			{ "random_insertion", C5_F64 } };
	int err = c5_spec_table(s, path, n, PER_CHUNK);
	for (size_t i = 0; err == C5_OK && i < sizeof columns / sizeof *columns; i++) err = c5_spec_column(s, columns[i].name, columns[i].dtype);
	return err;
}

static int sign(c5_array_spec *s, const c5_step *step, const char *input, const c5_members *m)
{
	const explain_params *p = step->params;
	int err = c5_step_sign(s, step, input);
	if (err == C5_OK) err = c5_members_sign(s, m);
	return err < 0 ? err : c5_spec_attr_str(s, "layer", p->layer ? p->layer : "");
}

static int plan_one(const c5_run_context *run, const c5_step *step, c5_plan *plan, c5_job *j, const char *name, const c5_members *m)
{
	const explain_params *p = step->params;
	c5_array *images = NULL;
	c5_array_spec *maps, *index;
	uint8_t *missing = NULL;
	char *crops = NULL, path[512];
	bool reused;
	int err;
	if ((err = c5_experiment_read(run->file, name, &j->experiment)) < 0 || (err = c5_step_input(run, name, "crops", "crop", &crops)) < 0) return err;
	j->input = c5_format("%s/images", crops);
	free(crops);
	if (!j->input) return c5_fail(C5_ENOMEM, "out of memory");
	if ((err = c5_members_reuse(run, step, plan, j, "explain/latest/maps", m, &reused)) < 0 || reused) return err;
	if ((err = c5_array_open(&images, run->file, j->input)) < 0) return err;
	uint64_t n = c5_array_spec_of(images)->dims[0], height = c5_array_spec_of(images)->dims[2], width = c5_array_spec_of(images)->dims[3];
	err = c5_members_check(m, run->file, name, j->input, c5_array_spec_of(images));
	uint64_t some = p->most && (uint64_t)p->most < n ? (uint64_t)p->most : n;
	if (err < 0 || (err = c5_alloc(&j->numbers, 1, sizeof *j->numbers)) < 0) goto done;
	j->n_numbers = 1;
	j->numbers[0] = n;
	snprintf(path, sizeof path, "/experiments/%s/explain/%s/maps", name, c5_revision_name(run->run));
	if ((err = c5_job_add_output(j, &maps)) < 0 || (err = c5_spec_crops(maps, path, C5_U8, some, 1, height, width, PER_CHUNK)) < 0 ||
	    (err = sign(maps, step, j->input, m)) < 0)
		goto done;
	uint64_t chunks = some ? c5_spec_chunks(maps) : 0;
	if ((err = c5_step_missing(run->file, maps, chunks, 1, &missing)) < 0 || (err = c5_plan_add_units(plan, chunks, missing, 1, PER_CHUNK)) < 0)
		goto done;
	snprintf(path, sizeof path, "/experiments/%s/explain/%s/index", name, c5_revision_name(run->run));
	if ((err = c5_job_add_output(j, &index)) < 0 || (err = index_table(index, path, some)) < 0) goto done;
	err = c5_step_sign(index, step, j->input);
done:
	free(missing);
	c5_array_close(images);
	return err;
}

static int plan_explain(const c5_run_context *run, const c5_step *step, c5_plan *plan)
{
	const explain_params *p = step->params;
	c5_members m;
	int err = c5_device_check(p->device);
	if (err < 0 || (err = c5_members_open_in(&m, c5_file_path(run->file), run->run, p->model, false)) < 0) return err;
	err = check_layer(p, &m);
	for (size_t i = 0; err == C5_OK && i < run->n_names; i++) {
		c5_job *j;
		if ((err = c5_plan_add_job(plan, &j)) < 0) break;
		if ((err = plan_one(run, step, plan, j, run->names[i], &m)) < 0 && err != C5_ENOMEM) err = c5_job_fail(j);
		if (j->error && !j->experiment.name && !(j->experiment.name = c5_strdup(run->names[i]))) err = c5_fail(C5_ENOMEM, "out of memory");
	}
	c5_members_close(&m);
	return err;
}

/* ---- work ---- */

typedef struct explain_state { c5_asked asked; c5_explainer *explainer; int of; } explain_state;

static void free_state(void *state)
{
	explain_state *s = state;
	c5_explainer_close(s->explainer);
	c5_asked_close(&s->asked);
	free(s);
}

static int want_explainer(c5_worker *w, const explain_params *p, const c5_job *job, explain_state **out)
{
	explain_state *s = w->state;
	int err = C5_OK;
	if (!s) {
		if ((err = c5_alloc(&s, 1, sizeof *s)) < 0) return err;
		w->state = s;
		w->free_state = free_state;
	}
	if (!s->explainer) {
		c5_asked_close(&s->asked);
		if ((err = c5_asked_open(&s->asked, w->path, c5_job_attr(job, MAPS, "models"), p->device, PER_CHUNK, C5_FP32, true)) < 0) return err;
		s->of = -1;
		if (p->class_name && (err = c5_members_class(&s->asked.members, p->class_name, &s->of)) < 0) return err;
	}
	if ((err = c5_asked_bind(&s->asked, w, job)) < 0) return err;
	if (!s->explainer && (err = c5_explainer_open(&s->explainer, s->asked.device, s->asked.scorer, layer_of(p), C5_FP32)) < 0) return err;
	*out = s;
	return C5_OK;
}

/* The crop that map i is of: n of them taken evenly. */
static uint64_t crop_of(const c5_job *job, uint64_t i) { return i * job->numbers[0] / job->outputs[MAPS].dims[0]; }

static int read_crops(c5_worker *w, const c5_job *job, uint64_t first, uint64_t n, size_t crop_bytes, uint8_t *pixels, index_row *rows)
{
	static const char *const names[3] = { "object", "frame", "label" };
	const size_t fields[3][2] = { { offsetof(index_row, object), 8 }, { offsetof(index_row, frame), 4 }, { offsetof(index_row, label), 4 } };
	char path[512];
	const c5_array_spec *s;
	c5_column columns[3];
	uint8_t *row;
	snprintf(path, sizeof path, "%.*s/index", (int)(strrchr(job->input, '/') - job->input), job->input);
	int err = c5_worker_spec(w, path, &s);
	for (int k = 0; err == C5_OK && k < 3; k++) {
		const c5_column *c;
		if ((err = c5_spec_find_column(s, names[k], &c)) < 0) break;
		columns[k] = *c;
		if (c5_dtype_size(c->dtype) != fields[k][1]) err = c5_fail(C5_ESCHEMA, "%s: column %s is of another type than crops have", path, names[k]);
	}
	if (err < 0 || (err = c5_worker_scratch(w, ROWS, s->row_size, &row)) < 0) return err;
	for (uint64_t i = 0; err == C5_OK && i < n; i++) {
		uint64_t crop = crop_of(job, first + i);
		rows[i].crop = crop;
		if ((err = c5_worker_read_rows(w, job->input, crop, 1, pixels + i * crop_bytes)) < 0 || (err = c5_worker_read_rows(w, path, crop, 1, row)) < 0)
			break;
		for (int k = 0; k < 3; k++) memcpy((char *)&rows[i] + fields[k][0], row + columns[k].offset, fields[k][1]);
	}
	return err;
}

/* Maps of a chunk's crops, in their size, and what the index says of them. */
static int explain_chunk(c5_worker *w, const explain_params *p, const c5_job *job, explain_state *s, const uint8_t *pixels, size_t crop_bytes,
	size_t n, uint8_t *out, index_row *rows)
{
	const c5_array_spec *spec = &job->outputs[MAPS];
	int height, width, of[PER_CHUNK], to_height = (int)spec->dims[2], to_width = (int)spec->dims[3], err;
	size_t classes = (size_t)s->asked.members.n_classes, batch = c5_explainer_batch(s->explainer);
	float *maps, *peaks, *probs, *resized;
	c5_explainer_size(s->explainer, &height, &width);
	size_t plane = (size_t)height * (size_t)width, to_plane = (size_t)to_height * (size_t)to_width;
	if ((err = c5_worker_scratch(w, FLOATS, n * plane * sizeof *maps, &maps)) < 0 ||
	    (err = c5_worker_scratch(w, PEAKS, n * sizeof *peaks, &peaks)) < 0 ||
	    (err = c5_worker_scratch(w, PROBS, n * classes * sizeof *probs, &probs)) < 0 ||
	    (err = c5_worker_scratch(w, RESIZED, (to_plane + (size_t)height * (size_t)to_width) * sizeof *resized, &resized)) < 0)
		return err;
	for (size_t i = 0; i < n; i++) of[i] = s->of;
	for (size_t at = 0; at < n; at += batch) {
		size_t here = n - at < batch ? n - at : batch;
		if ((err = c5_worker_poll(w)) < 0 ||
		    (err = c5_explainer_maps(s->explainer, pixels + at * crop_bytes, here, of + at, maps + at * plane, peaks + at, probs + at * classes)) < 0)
			return err;
	}
	for (size_t i = 0; i < n; i++) {
		c5_explain_curves curves;
		rows[i].of = (uint16_t)of[i];
		rows[i].probability = probs[i * classes + (size_t)of[i]];
		rows[i].peak = peaks[i];
		c5_resize(resized, to_height, to_width, maps + i * plane, height, width, resized + to_plane);
		for (size_t k = 0; k < to_plane; k++) out[i * to_plane + k] = (uint8_t)lroundf(255 * fminf(1, fmaxf(0, resized[k])));
		for (int k = 0; k < 4; k++) rows[i].areas[k] = NAN;
		if (!p->check) continue;
		if ((err = c5_worker_poll(w)) < 0 || (err = c5_explainer_check(s->explainer, pixels + i * crop_bytes, of[i], maps + i * plane, (uint64_t)p->seed,
			rows[i].crop, (int)p->randoms, &curves)) < 0)
			return err;
		memcpy(rows[i].areas, curves.areas, sizeof curves.areas);
	}
	return C5_OK;
}

static int work_explain(c5_worker *w, const c5_run_context *run, const c5_step *step, const c5_job *job, const c5_unit *unit)
{
	const explain_params *p = step->params;
	const c5_array_spec *spec = &job->outputs[MAPS], *there;
	explain_state *s;
	uint8_t *pixels, *maps;
	(void)run;
	int err = want_explainer(w, p, job, &s);
	if (err < 0 || (err = c5_worker_spec(w, job->input, &there)) < 0) return err;
	size_t crop_bytes = c5_spec_chunk_bytes(there) / there->chunk[0];
	for (uint64_t c = unit->first; err == C5_OK && c < unit->first + unit->count; c++) {
		uint64_t first = c * PER_CHUNK, n = spec->dims[0] - first < PER_CHUNK ? spec->dims[0] - first : PER_CHUNK;
		index_row rows[PER_CHUNK] = { 0 };
		if ((err = c5_worker_scratch(w, PIXELS, n * crop_bytes, &pixels)) < 0 || (err = c5_worker_scratch(w, CHUNK, c5_spec_chunk_bytes(spec), &maps)) < 0)
			break;
		memset(maps, 0, c5_spec_chunk_bytes(spec));
		if ((err = read_crops(w, job, first, n, crop_bytes, pixels, rows)) < 0 ||
		    (err = explain_chunk(w, p, job, s, pixels, crop_bytes, n, maps, rows)) < 0) break;
		if ((err = c5_worker_put_chunk(w, job, INDEX, c, rows)) < 0) break; /* the index first: maps that exist have their rows */
		err = c5_worker_put_chunk(w, job, MAPS, c, maps);
	}
	return err;
}

static size_t bytes_explain(const c5_step *step, const c5_job *job)
{
	(void)step, (void)job;
	return (size_t)PER_CHUNK * (2u << 20);
}

const c5_step_ops c5_step_explain = { &c5_kind_explain, { "explain", NULL }, plan_explain, work_explain, NULL, bytes_explain, NULL };
