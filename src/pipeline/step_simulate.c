/* step_simulate.c – simulated movies into a container, with their truth: raw/CHANNEL, masks/rN, frames/rN, and when the movie is drawn
 * tracks/rN (truth in the form tracking writes it, with each cell's state and marker). See simulate/simulate.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "container/run.h"
#include "pipeline/steps.h"
#include "simulate/simulate.h"
#include "track/drift.h"

const c5_step_kind c5_kind_simulate = { "simulate", "make movies of cells with everything known", c5_sim_opts, sizeof(c5_sim_params),
	C5_SIMULATE_VERSION, NULL };

enum { LABELS, NARROW, PIXELS };
enum { MASKS, FRAMES, RAW }; /* outputs of the first phase; one RAW a channel */

/* job: series = condition << 20 | field. */
#define FIELD(job) ((job)->series & 0xfffffu)
#define CONDITION(job) ((job)->series >> 20)

#pragma pack(push, 1)
typedef struct frame_row { uint32_t frame, objects; double time_s, threshold, covered, mean, sd; } frame_row;
typedef struct node_row { uint32_t frame, label, track; float y, x, area; } node_row;
typedef struct track_row { uint32_t track, first, last, parent, cell; uint8_t senescent, positive; } track_row;
#pragma pack(pop)

static int channels_of(const c5_sim_params *p, int which[C5_SIM_CHANNELS], size_t *n)
{
	char *list = c5_strdup(p->channels ? p->channels : "phase"), *save = NULL;
	int err = list ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
	*n = 0;
	for (char *word = list ? strtok_r(list, ", ", &save) : NULL; word && err == C5_OK; word = strtok_r(NULL, ", ", &save)) {
		int k = c5_sim_channel_find(word);
		if (k < 0) err = c5_fail(C5_EUSAGE, "--channels: '%s' is none of phase, fluorescence, marker, srs, tpef, transmission", word);
		else if (*n < C5_SIM_CHANNELS) which[(*n)++] = k;
	}
	free(list);
	return err;
}

static const char *modality_of(int channel)
{
	switch (channel) {
	case C5_SIM_FLUORESCENCE:
	case C5_SIM_MARKER: return "fluorescence";
	default: return c5_sim_channel_name(channel);
	}
}

static int describe(const c5_sim_params *p, uint32_t condition, uint32_t field, c5_experiment *e)
{
	char *name = NULL;
	double share;
	int err = c5_sim_condition(p, condition, &name, &share);
	if (err < 0) return err;
	e->name = c5_format("%s_%03u", name, field + 1);
	e->texts[0] = c5_format("plate%u", c5_sim_plate(p, field) + 1); /* plate */
	e->texts[2] = c5_format("%u", field + 1);                        /* position */
	e->texts[3] = name;                                              /* condition */
	e->pixel_size_um = p->pixel_size_um > 0 ? p->pixel_size_um : NAN;
	e->frame_interval_s = p->frame_interval_s > 0 ? p->frame_interval_s : NAN;
	e->z_step_um = NAN;
	return e->name && e->texts[0] && e->texts[2] ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
}

/* ---- first phase: frames ---- */

static int plan_field(const c5_run_context *run, const c5_step *step, c5_plan *plan, uint32_t condition, uint32_t field, const int *channels,
	size_t n_channels)
{
	const c5_sim_params *p = step->params;
	uint64_t h = (uint64_t)p->height, w = (uint64_t)p->width, t = (uint64_t)p->frames;
	c5_array_spec *s;
	uint8_t *missing = NULL;
	char path[512];
	c5_job *j;
	int err = c5_plan_add_job(plan, &j);
	if (err < 0 || (err = describe(p, condition, field, &j->experiment)) < 0) return err;
	j->series = condition << 20 | field;
	const char *name = j->experiment.name;
	snprintf(path, sizeof path, "/experiments/%s/raw", name);
	bool there = c5_exists(run->file, path);
	snprintf(path, sizeof path, "/experiments/%s/masks/%s", name, c5_revision_name(run->run));
	if (there && !c5_exists(run->file, path)) {
		c5_fail(C5_EINPUT, "%s: is there already; simulate into a new container", name);
		return c5_job_fail(j);
	}
	if ((err = c5_experiment_make(run->file, &j->experiment)) < 0) return err;
	if ((err = c5_job_add_output(j, &s)) < 0 || (err = c5_spec_stack(s, path, p->cells * 4 > 60000 ? C5_U32 : C5_U16, t, 0, h, w)) < 0) return err;
	c5_step_axes(s, &j->experiment);
	if ((err = c5_step_sign(s, step, NULL)) < 0 || (err = c5_spec_attr_str(s, "truth", "simulated")) < 0) return err;
	if ((err = c5_step_missing(run->file, s, t, c5_spec_tiles(s), &missing)) < 0) return err;
	if ((err = c5_plan_add_units(plan, t, missing, t / 8 + 1 < c5_frames_per_unit(h, w) ? t / 8 + 1 : c5_frames_per_unit(h, w) * 4,
	    (double)(h * w))) < 0) goto done;
	if ((err = c5_job_add_output(j, &s)) < 0) goto done;
	snprintf(path, sizeof path, "/experiments/%s/frames/%s", name, c5_revision_name(run->run));
	if ((err = c5_spec_table(s, path, t, 1024)) < 0 || (err = c5_spec_column(s, "frame", C5_U32)) < 0 ||
	    (err = c5_spec_column(s, "objects", C5_U32)) < 0) goto done;
	static const char *const reals[] = { "time_s", "threshold", "covered", "mean", "sd" };
	for (size_t i = 0; i < 5; i++)
		if ((err = c5_spec_column(s, reals[i], C5_F64)) < 0) goto done;
	if ((err = c5_step_sign(s, step, NULL)) < 0) goto done;
	for (size_t c = 0; c < n_channels; c++) {
		if ((err = c5_job_add_output(j, &s)) < 0) goto done;
		snprintf(path, sizeof path, "/experiments/%s/raw/%s", name, c5_sim_channel_name(channels[c]));
		if ((err = c5_spec_stack(s, path, C5_U16, t, 0, h, w)) < 0) goto done;
		c5_step_axes(s, &j->experiment);
		if ((err = c5_spec_attr_str(s, "modality", modality_of(channels[c]))) < 0 || (err = c5_step_sign(s, step, NULL)) < 0) goto done;
	}
done:
	free(missing);
	return err;
}

static int plan_simulate(const c5_run_context *run, const c5_step *step, c5_plan *plan)
{
	const c5_sim_params *p = step->params;
	int channels[C5_SIM_CHANNELS];
	size_t n;
	double share;
	int err = channels_of(p, channels, &n);
	for (uint32_t c = 0; err == C5_OK && (c == 0 || c5_sim_condition(p, c, NULL, &share) == C5_OK); c++) {
		if ((err = c5_sim_condition(p, c, NULL, &share)) < 0) break;
		for (uint32_t f = 0; err == C5_OK && f < (uint32_t)p->fields; f++) err = plan_field(run, step, plan, c, f, channels, n);
	}
	return err;
}

typedef struct sim_state { c5_sim *sim; uint32_t series; } sim_state;

static void free_state(void *state)
{
	c5_sim_close(((sim_state *)state)->sim);
	free(state);
}

/* The field's world, kept from unit to unit while they are of the same field. */
static int want_sim(c5_worker *w, const c5_step *step, const c5_job *job, c5_sim **out)
{
	sim_state *s = w->state;
	int err;
	if (!s) {
		if ((err = c5_alloc(&s, 1, sizeof *s)) < 0) return err;
		w->state = s;
		w->free_state = free_state;
	}
	if (s->sim && s->series != job->series) {
		c5_sim_close(s->sim);
		s->sim = NULL;
	}
	if (!s->sim && (err = c5_sim_open(&s->sim, step->params, CONDITION(job), FIELD(job))) < 0) return err;
	s->series = job->series;
	*out = s->sim;
	return C5_OK;
}

static void summarise(frame_row *row, const uint32_t *labels, const uint16_t *pixels, size_t n)
{
	uint64_t sum = 0, inside = 0;
	double square = 0;
	for (size_t i = 0; i < n; i++) sum += pixels[i], inside += labels[i] != 0;
	row->mean = (double)sum / (double)n;
	for (size_t i = 0; i < n; i++) square += (pixels[i] - row->mean) * (pixels[i] - row->mean);
	row->sd = sqrt(square / (double)n);
	row->covered = (double)inside / (double)n;
}

static int work_simulate(c5_worker *w, const c5_run_context *run, const c5_step *step, const c5_job *job, const c5_unit *unit)
{
	const c5_sim_params *p = step->params;
	size_t n = (size_t)p->height * (size_t)p->width, n_channels;
	int channels[C5_SIM_CHANNELS], err;
	c5_sim *sim;
	uint32_t *labels;
	uint16_t *narrow, *pixels;
	(void)run;
	if ((err = channels_of(p, channels, &n_channels)) < 0 || (err = want_sim(w, step, job, &sim)) < 0 ||
	    (err = c5_worker_scratch(w, LABELS, n * sizeof *labels, &labels)) < 0 || (err = c5_worker_scratch(w, NARROW, n * sizeof *narrow, &narrow)) < 0 ||
	    (err = c5_worker_scratch(w, PIXELS, n * sizeof *pixels, &pixels)) < 0)
		return err;
	for (uint64_t t = unit->first; t < unit->first + unit->count; t++) {
		const c5_sim_cell *cells;
		frame_row row = { .frame = (uint32_t)t, .time_s = (double)t * p->frame_interval_s, .threshold = NAN };
		if ((err = c5_worker_poll(w)) < 0 || (err = c5_sim_seek(sim, t)) < 0 || (err = c5_sim_labels(sim, labels, &cells, &row.objects)) < 0) return err;
		for (size_t c = 0; c < n_channels; c++) {
			if ((err = c5_sim_render(sim, channels[c], pixels)) < 0) return err;
			if (c == 0) summarise(&row, labels, pixels, n);
			if ((err = c5_worker_put_frame(w, job, RAW + c, t, 0, pixels)) < 0) return err;
		}
		if ((err = c5_worker_put_row(w, job, FRAMES, t, &row)) < 0) return err;
		bool wide = job->outputs[MASKS].dtype == C5_U32;
		for (size_t i = 0; !wide && i < n; i++) narrow[i] = (uint16_t)labels[i];
		/* the mask last: it says the frame is done */
		if ((err = c5_worker_put_frame(w, job, MASKS, t, 0, wide ? (void *)labels : (void *)narrow)) < 0) return err;
	}
	return C5_OK;
}

static size_t bytes_simulate(const c5_step *step, const c5_job *job)
{
	(void)job;
	const c5_sim_params *p = step->params;
	return c5_sim_bytes(p) + (size_t)p->height * (size_t)p->width * (4 + 2 + 2 + 4);
}

/* ---- second phase: the truth ---- */

static int plan_truth(const c5_run_context *run, const c5_step *step, c5_plan *plan)
{
	const c5_sim_params *p = step->params;
	double share;
	int err = C5_OK;
	for (uint32_t c = 0; err == C5_OK && c5_sim_condition(p, c, NULL, &share) == C5_OK; c++)
		for (uint32_t f = 0; err == C5_OK && f < (uint32_t)p->fields; f++) {
			char path[512];
			uint64_t *before = NULL;
			c5_experiment e = { 0 };
			c5_array_spec *s;
			c5_job *j;
			if ((err = describe(p, c, f, &e)) < 0) return err;
			snprintf(path, sizeof path, "/experiments/%s/masks/%s", e.name, c5_revision_name(run->run));
			if (!c5_exists(run->file, path)) { /* failed in the first phase */
				c5_experiment_free(&e);
				continue;
			}
			if ((err = c5_plan_add_job(plan, &j)) < 0 ||
			    (err = c5_step_counts(run->file, path, (uint64_t)p->frames, (uint64_t)(p->height * p->width), &before)) < 0) {
				c5_experiment_free(&e);
				return err;
			}
			j->experiment = e;
			j->series = c << 20 | f;
			uint64_t n = before[p->frames];
			free(before);
			snprintf(path, sizeof path, "/experiments/%s/tracks/%s/nodes", e.name, c5_revision_name(run->run));
			if ((err = c5_job_add_output(j, &s)) < 0 || (err = c5_spec_table(s, path, n, 4096)) < 0) return err;
			static const char *const whole[] = { "frame", "label", "track" }, *const real[] = { "y", "x", "area" };
			for (int i = 0; err == C5_OK && i < 3; i++) err = c5_spec_column(s, whole[i], C5_U32);
			for (int i = 0; err == C5_OK && i < 3; i++) err = c5_spec_column(s, real[i], C5_F32);
			if (err == C5_OK) err = c5_spec_attr_str(s, "truth", "simulated");
			if (err == C5_OK) err = c5_step_sign(s, step, NULL);
			if (err == C5_OK) err = c5_plan_add_units(plan, 1, NULL, 1, (double)n + 1);
		}
	return err;
}

/* Tracks from cells: a cell that leaves the field and comes back begins a new track; frames missed by the camera do not. */
typedef struct truth {
	track_row *rows;
	size_t n, cap;
	uint32_t *track_of;
	size_t cap_cells;
	node_row *nodes;
	size_t n_nodes, cap_nodes;
	c5_drift_row *drift; /* (frames) */
} truth;

static int note_cell(truth *tr, const c5_sim_params *p, uint32_t t, const c5_sim_cell *c, uint32_t *track)
{
	int err = c5_grow(&tr->track_of, &tr->cap_cells, (size_t)c->cell + 1, sizeof *tr->track_of);
	if (err < 0) return err;
	uint32_t k = tr->track_of[c->cell], back = t && p->missed > 0 && (t - 1) % (uint64_t)p->missed == (uint64_t)p->missed - 1 ? 2 : 1;
	if (k && tr->rows[k - 1].last + back >= t) {
		tr->rows[k - 1].last = t;
	} else {
		if ((err = c5_grow(&tr->rows, &tr->cap, tr->n + 1, sizeof *tr->rows)) < 0) return err;
		uint32_t m = c->mother && c->mother < tr->cap_cells ? tr->track_of[c->mother] : 0;
		bool by_birth = !k && m && tr->rows[m - 1].last + back >= t && tr->rows[m - 1].last < t && c->born + back > t;
		k = tr->track_of[c->cell] = (uint32_t)tr->n + 1;
		tr->rows[tr->n++] = (track_row){ k, t, t, by_birth ? m : 0, c->cell, c->senescent, c->positive };
	}
	*track = k;
	return C5_OK;
}

/* A mother seen with one daughter only did not divide in the eyes of the field. */
static void drop_single_daughters(truth *tr)
{
	for (size_t i = 0; i < tr->n; i++) {
		size_t daughters = 0;
		if (!tr->rows[i].parent) continue;
		for (size_t k = i > 64 ? i - 64 : 0; k < tr->n && k <= i + 64; k++) daughters += tr->rows[k].parent == tr->rows[i].parent;
		if (daughters < 2) tr->rows[i].parent = 0;
	}
}

static int follow_cells(c5_worker *w, const c5_step *step, const c5_job *job, c5_sim *sim, truth *tr)
{
	const c5_sim_params *p = step->params;
	size_t n = (size_t)p->height * (size_t)p->width;
	uint32_t *labels, seen, *area;
	double before[2] = { 0, 0 };
	int err = c5_worker_scratch(w, LABELS, n * sizeof *labels, &labels);
	(void)job;
	if (err == C5_OK) err = c5_alloc(&tr->drift, (size_t)p->frames, sizeof *tr->drift);
	for (uint32_t t = 0; err == C5_OK && t < (uint32_t)p->frames; t++) {
		const c5_sim_cell *cells;
		double y, x;
		if ((err = c5_worker_poll(w)) < 0 || (err = c5_sim_seek(sim, t)) < 0 || (err = c5_sim_labels(sim, labels, &cells, &seen)) < 0) break;
		if ((err = c5_grow(&tr->nodes, &tr->cap_nodes, tr->n_nodes + seen, sizeof *tr->nodes)) < 0 ||
		    (err = c5_worker_scratch(w, NARROW, (seen + 1) * sizeof *area, &area)) < 0) break;
		c5_sim_drift(sim, &y, &x);
		tr->drift[t] = (c5_drift_row){ t, t ? t - 1 : 0, t ? y - before[0] : 0, t ? x - before[1] : 0, 1 };
		before[0] = y, before[1] = x;
		memset(area, 0, (seen + 1) * sizeof *area);
		for (size_t i = 0; i < n; i++) area[labels[i]]++;
		for (uint32_t k = 0; err == C5_OK && k < seen; k++) {
			node_row *row = &tr->nodes[tr->n_nodes++];
			*row = (node_row){ t, k + 1, 0, (float)cells[k].y, (float)cells[k].x, (float)area[k + 1] };
			err = note_cell(tr, p, t, &cells[k], &row->track);
		}
	}
	drop_single_daughters(tr);
	return err;
}

static int put_track_table(c5_worker *w, const c5_run_context *run, const c5_step *step, const c5_job *job, const truth *tr)
{
	static const char *const whole[] = { "track", "first", "last", "parent", "cell" };
	c5_array_spec s = { 0 };
	char path[512];
	snprintf(path, sizeof path, "/experiments/%s/tracks/%s/tracks", job->experiment.name, c5_revision_name(run->run));
	int err = c5_spec_table(&s, path, tr->n, 1024);
	for (int i = 0; err == C5_OK && i < 5; i++) err = c5_spec_column(&s, whole[i], C5_U32);
	if (err == C5_OK) err = c5_spec_column(&s, "senescent", C5_U8);
	if (err == C5_OK) err = c5_spec_column(&s, "positive", C5_U8);
	if (err == C5_OK) err = c5_spec_attr_str(&s, "truth", "simulated");
	if (err == C5_OK) err = c5_spec_attr_f64(&s, "efficiency", c5_sim_efficiency(step->params, FIELD(job)));
	if (err == C5_OK) err = c5_step_sign(&s, step, NULL);
	if (err == C5_OK) err = c5_worker_put_table(w, &s, tr->rows);
	c5_spec_free(&s);
	return err;
}

static int put_drift(c5_worker *w, const c5_run_context *run, const c5_step *step, const c5_job *job, const truth *tr)
{
	const c5_sim_params *p = step->params;
	c5_array_spec s = { 0 };
	char path[512];
	snprintf(path, sizeof path, "/experiments/%s/tracks/%s/drift", job->experiment.name, c5_revision_name(run->run));
	int err = c5_step_drift_table(&s, path, (uint64_t)p->frames);
	if (err == C5_OK) err = c5_spec_attr_str(&s, "truth", "simulated");
	if (err == C5_OK) err = c5_step_sign(&s, step, NULL);
	if (err == C5_OK) err = c5_worker_put_table(w, &s, tr->drift);
	c5_spec_free(&s);
	return err;
}

static int work_truth(c5_worker *w, const c5_run_context *run, const c5_step *step, const c5_job *job, const c5_unit *unit)
{
	const c5_array_spec *s = &job->outputs[0];
	truth tr = { 0 };
	c5_sim *sim;
	uint8_t *chunk;
	(void)unit;
	int err = want_sim(w, step, job, &sim);
	if (err == C5_OK) err = follow_cells(w, step, job, sim, &tr);
	if (err == C5_OK && tr.n_nodes != s->dims[0])
		err = c5_fail(C5_EFAIL, "%s: %zu cells seen, %llu expected", s->path, tr.n_nodes, (unsigned long long)s->dims[0]);
	if (err == C5_OK) err = put_track_table(w, run, step, job, &tr);
	if (err == C5_OK) err = put_drift(w, run, step, job, &tr);
	if (err == C5_OK) err = c5_worker_scratch(w, PIXELS, c5_spec_chunk_bytes(s), &chunk);
	for (uint64_t first = 0; err == C5_OK && first < s->dims[0]; first += s->chunk[0]) {
		uint64_t n = s->dims[0] - first < s->chunk[0] ? s->dims[0] - first : s->chunk[0];
		memset(chunk, 0, c5_spec_chunk_bytes(s));
		memcpy(chunk, tr.nodes + first, n * sizeof *tr.nodes);
		err = c5_worker_put_chunk(w, job, 0, first / s->chunk[0], chunk);
	}
	free(tr.nodes);
	free(tr.rows);
	free(tr.track_of);
	free(tr.drift);
	return err;
}

static const c5_step_ops second = { &c5_kind_simulate, { NULL }, plan_truth, work_truth, NULL, bytes_simulate, NULL };
const c5_step_ops c5_step_simulate = { &c5_kind_simulate, { "masks", "frames", "tracks" }, plan_simulate, work_simulate, NULL, bytes_simulate,
	&second };
