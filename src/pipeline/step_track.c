/* step_track.c – objects to tracks and lineages: track/track.h over an experiment. Writes tracks/rN/{nodes, tracks, links, candidates}; node i
 * is row i of the objects table.
 *
 * First phase: frames are linked to the ones before, in blocks, by all ranks; each frame's pair is kept as bytes in tracks/rN/pairs (T, B),
 * which is taken out again when the step is done. Second phase: one rank an experiment joins the pieces. A pair that
 * does not fit into B bytes is linked anew there; the result is the same. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "container/run.h"
#include "pipeline/steps.h"
#include "track/stats.h"
#include "track/track.h"

const c5_step_kind c5_kind_track = { "track", "follow cells through time and find their divisions", c5_track_opts, sizeof(c5_track_params),
	C5_TRACK_VERSION, "objects" };

enum { LABELS, NARROW, LABELS_BEFORE, NARROW_BEFORE, ROWS, OBJECTS, BYTES };
#define TRACKS_PER_CHUNK 1024
#define PAIR_FIXED 528
#define PAIR_PER_OBJECT 192 /* node 36, link 16, and room for three births and two alternatives */

/* job: input = objects table; numbers = objects before each frame (T + 1); reals = where each frame's picture lies, y and x (2 T), or none. The
 * masks are the objects' own input. */

static int plan_base(const c5_run_context *run, c5_job *j, const char *name, char **masks, uint64_t *t, uint64_t *h, uint64_t *w)
{
	c5_array *a = NULL;
	int err;
	*masks = NULL;
	if ((err = c5_experiment_read(run->file, name, &j->experiment)) < 0 || (err = c5_step_input(run, name, "objects", "objects", &j->input)) < 0 ||
	    (err = c5_attr_get_str(run->file, j->input, "input", masks)) < 0 || (err = c5_array_open(&a, run->file, *masks)) < 0)
		return err;
	if ((err = c5_spec_is_masks(c5_array_spec_of(a))) < 0) {
		c5_array_close(a);
		return err;
	}
	*t = c5_array_spec_of(a)->dims[0], *h = c5_array_spec_of(a)->dims[1], *w = c5_array_spec_of(a)->dims[2];
	c5_array_close(a);
	if ((err = c5_step_counts(run->file, *masks, *t, *h * *w, &j->numbers)) < 0) return err;
	j->n_numbers = *t + 1;
	return C5_OK;
}

/* The drift to be taken off: path (caller frees) NULL when there is none, or it is not wanted. */
static int find_drift(const c5_run_context *run, const c5_step *step, const char *name, char **path)
{
	const c5_track_params *p = step->params;
	int err;
	*path = NULL;
	if (!p->drift) return C5_OK;
	if ((err = c5_step_input(run, name, "drift", "drift", path)) == C5_ENOTFOUND) {
		c5_error_clear();
		return C5_OK;
	}
	return err;
}

/* Whether the newest tracks were made with another drift than there is now. */
static bool drift_changed(const c5_run_context *run, const char *name, const char *drift)
{
	char path[512], *before = NULL;
	snprintf(path, sizeof path, "/experiments/%s/tracks/latest/nodes", name);
	if (!c5_exists(run->file, path)) return false;
	const bool had = c5_attr_get_str(run->file, path, "drift", &before) == C5_OK;
	const bool changed = had ? !drift || strcmp(before, drift) != 0 : drift != NULL;
	c5_error_clear();
	free(before);
	return changed;
}

static int take_drift(const c5_run_context *run, c5_job *j, const char *drift)
{
	const uint64_t frames = j->n_numbers - 1;
	int err;
	if (!drift || !frames) return C5_OK;
	if ((err = c5_step_read_drift(run->file, drift, frames, &j->reals)) < 0) return err;
	j->n_reals = 2 * frames;
	return C5_OK;
}

static uint64_t most_objects(const c5_job *j)
{
	uint64_t most = 0;
	for (size_t i = 0; i + 1 < j->n_numbers; i++)
		if (j->numbers[i + 1] - j->numbers[i] > most) most = j->numbers[i + 1] - j->numbers[i];
	return most;
}

static int product_path(char path[512], const c5_run_context *run, const char *experiment, const char *part)
{
	snprintf(path, 512, "/experiments/%s/tracks/%s/%s", experiment, c5_revision_name(run->run), part);
	return C5_OK;
}

static int nodes_table(c5_array_spec *s, const char *path, uint64_t n)
{
	int err = c5_spec_table(s, path, n, 4096);
	static const char *const whole[] = { "frame", "label", "track" }, *const real[] = { "y", "x", "area" };
	for (int i = 0; err == C5_OK && i < 3; i++) err = c5_spec_column(s, whole[i], C5_U32);
	for (int i = 0; err == C5_OK && i < 3; i++) err = c5_spec_column(s, real[i], C5_F32);
	return err == C5_OK ? c5_spec_attr_str(s, "units", "frame: 1, label: 1, track: 1, y: px, x: px, area: px") : err;
}

/* Whether an earlier part of this run already finished the experiment: its last nodes are there. */
static int finished(const c5_run_context *run, const char *nodes, bool *done)
{
	c5_array *a;
	*done = false;
	if (!c5_exists(run->file, nodes)) return C5_OK;
	int err = c5_array_open(&a, run->file, nodes);
	if (err < 0) return err;
	*done = c5_array_spec_of(a)->dims[0] > 0 && c5_array_has_chunk(a, c5_spec_chunks(c5_array_spec_of(a)) - 1);
	c5_array_close(a);
	return C5_OK;
}

/* ---- first phase: pairs of frames ---- */

static int plan_pairs_one(const c5_run_context *run, const c5_step *step, c5_plan *plan, c5_job *j, const char *name)
{
	char *masks, *drift = NULL, path[512], nodes[512];
	uint8_t *missing = NULL;
	uint64_t t = 0, h = 0, w = 0;
	c5_array_spec *pairs;
	bool done, reused = false;
	int err = plan_base(run, j, name, &masks, &t, &h, &w);
	if (err < 0 || (err = find_drift(run, step, name, &drift)) < 0) goto done;
	if (run->reuse && drift_changed(run, name, drift))
		c5_log(C5_LOG_INFO, "%s: track again: %s", name, drift ? "the drift was measured" : "without the drift");
	else if ((err = c5_step_reuse(run, step, plan, j, "tracks/latest/nodes", &reused)) < 0 || reused) goto done;
	product_path(nodes, run, name, "nodes");
	if ((err = finished(run, nodes, &done)) < 0 || done || (err = take_drift(run, j, drift)) < 0) goto done;
	product_path(path, run, name, "pairs");
	uint64_t bytes = PAIR_FIXED + PAIR_PER_OBJECT * most_objects(j);
	if ((err = c5_job_add_output(j, &pairs)) < 0 || (err = c5_spec_stack(pairs, path, C5_U8, t, 0, 1, bytes)) < 0) goto done;
	pairs->chunk[1] = 1, pairs->chunk[2] = bytes;
	if ((err = c5_step_missing(run->file, pairs, t, 1, &missing)) < 0) goto done;
	err = c5_plan_add_units(plan, t, missing, c5_frames_per_unit(h, w) * 4, (double)(h * w));
done:
	free(missing);
	free(masks);
	free(drift);
	return err;
}

static int plan_pairs(const c5_run_context *run, const c5_step *step, c5_plan *plan) { return c5_step_plan_each(run, step, plan, plan_pairs_one); }

/* The columns of an objects table that tracking reads; mean may be absent. */
typedef struct columns { const c5_column *label, *area, *y, *x, *y0, *x0, *y1, *x1, *major, *minor, *orientation, *mean; size_t row; } columns;

static int find_columns(const c5_array_spec *s, columns *c)
{
	const struct { const char *name; const c5_column **at; } want[] = {
		{ "label", &c->label }, { "area", &c->area }, { "centroid_y", &c->y }, { "centroid_x", &c->x }, { "bbox_y0", &c->y0 }, { "bbox_x0", &c->x0 },
		{ "bbox_y1", &c->y1 }, { "bbox_x1", &c->x1 }, { "major_axis", &c->major }, { "minor_axis", &c->minor }, { "orientation", &c->orientation },
	};
	c->mean = NULL;
	c->row = s->row_size;
	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		int err = c5_spec_find_column(s, want[i].name, want[i].at);
		if (err < 0) return err;
	}
	for (size_t i = 0; i < s->n_columns && !c->mean; i++)
		if (strncmp(s->columns[i].name, "mean_", 5) == 0) c->mean = &s->columns[i];
	return C5_OK;
}

static uint32_t whole(const uint8_t *row, const c5_column *c)
{
	uint32_t v;
	memcpy(&v, row + c->offset, sizeof v);
	return v;
}

static double real(const uint8_t *row, const c5_column *c)
{
	double v;
	memcpy(&v, row + c->offset, sizeof v);
	return v;
}

/* Frame t as the linker wants it. The memory is the worker's, good until the next call. */
static int load_frame(c5_worker *w, const c5_job *job, const char *masks, uint64_t t, c5_track_frame *frame)
{
	const c5_array_spec *s;
	columns c;
	uint8_t *rows;
	c5_object *objects;
	uint32_t *labels;
	uint64_t n = job->numbers[t + 1] - job->numbers[t];
	int err = c5_worker_spec(w, masks, &s);
	if (err < 0) return err;
	*frame = (c5_track_frame){ .frame = (uint32_t)t, .n = n, .height = s->dims[1], .width = s->dims[2] };
	if (job->n_reals) frame->drift_y = job->reals[2 * t], frame->drift_x = job->reals[2 * t + 1];
	if (n == 0) return C5_OK;
	if ((err = c5_worker_spec(w, job->input, &s)) < 0 || (err = find_columns(s, &c)) < 0) return err;
	if ((err = c5_worker_scratch(w, ROWS, n * c.row, &rows)) < 0 || (err = c5_worker_scratch(w, OBJECTS, n * sizeof *objects, &objects)) < 0) return err;
	for (uint64_t i = 0; i < n; i++) objects[i] = (c5_object){ 0 };
	/* the spec may be reopened by the read below, so its offsets are taken first */
	c5_column k[12];
	const c5_column *from[12] = { c.label, c.area, c.y, c.x, c.y0, c.x0, c.y1, c.x1, c.major, c.minor, c.orientation, c.mean };
	for (int i = 0; i < 12; i++)
		if (from[i]) k[i] = *from[i];
	bool has_mean = c.mean != NULL;
	if ((err = c5_worker_read_rows(w, job->input, job->numbers[t], n, rows)) < 0) return err;
	for (uint64_t i = 0; i < n; i++) {
		const uint8_t *r = rows + i * c.row;
		objects[i] = (c5_object){ whole(r, &k[0]), whole(r, &k[4]), whole(r, &k[5]), whole(r, &k[6]), whole(r, &k[7]), real(r, &k[2]), real(r, &k[3]),
			whole(r, &k[1]), real(r, &k[8]), real(r, &k[9]), real(r, &k[10]), has_mean ? real(r, &k[11]) : NAN };
	}
	if ((err = c5_step_read_labels(w, masks, t, LABELS, &labels)) < 0) return err;
	frame->objects = objects;
	frame->labels = labels;
	return C5_OK;
}

typedef int take_pair(void *to, uint64_t t, const c5_pair *pair);

/* Links frames first .. first+count-1 as a sequential pass over the movie would. */
static int link_block(c5_worker *w, const c5_step *step, const c5_job *job, const char *masks, uint64_t first, uint64_t count, take_pair *take,
	void *to)
{
	c5_linker *linker;
	uint64_t before[2];
	int n_before = 0, err = c5_linker_open(&linker, step->params);
	if (err < 0) return err;
	for (uint64_t t = first; t-- > 0 && n_before < 2;)
		if (job->numbers[t + 1] > job->numbers[t]) before[n_before++] = t;
	for (uint64_t i = 0; err == C5_OK && i < count + (uint64_t)n_before; i++) {
		uint64_t t = i < (uint64_t)n_before ? before[n_before - 1 - (int)i] : first + i - (uint64_t)n_before;
		c5_track_frame frame;
		c5_pair *pair = NULL;
		if ((err = c5_worker_poll(w)) < 0 || (err = load_frame(w, job, masks, t, &frame)) < 0 || (err = c5_linker_add(linker, &frame, &pair)) < 0) break;
		if (t >= first) err = take(to, t, pair);
		c5_pair_free(pair);
	}
	c5_linker_close(linker);
	return err;
}

typedef struct pair_out { c5_worker *w; const c5_job *job; } pair_out;

/* A pair as a chunk: its size first, 0 when it does not fit. */
static int store_pair(void *to, uint64_t t, const c5_pair *pair)
{
	const pair_out *o = to;
	uint64_t room = o->job->outputs[0].chunk[2], size;
	uint8_t *bytes;
	c5_buf b = { 0 };
	int err = c5_worker_scratch(o->w, BYTES, room, &bytes);
	if (err < 0) return err;
	c5_pair_pack(pair, &b);
	if ((err = b.err) == C5_OK) {
		memset(bytes, 0, room);
		size = b.size + sizeof size <= room ? b.size : 0;
		memcpy(bytes, &size, sizeof size);
		if (size) memcpy(bytes + sizeof size, b.data, b.size);
		err = c5_worker_put_chunk(o->w, o->job, 0, t, bytes);
	}
	c5_buf_free(&b);
	return err;
}

static int read_masks_path(c5_worker *w, const c5_job *job, char **masks)
{
	const c5_array_spec *s;
	int err = c5_worker_spec(w, job->input, &s); /* opens the file */
	return err < 0 ? err : c5_attr_get_str(w->file, job->input, "input", masks);
}

static int work_pairs(c5_worker *w, const c5_run_context *run, const c5_step *step, const c5_job *job, const c5_unit *unit)
{
	char *masks;
	pair_out o = { w, job };
	(void)run;
	int err = read_masks_path(w, job, &masks);
	if (err < 0) return err;
	err = link_block(w, step, job, masks, unit->first, unit->count, store_pair, &o);
	free(masks);
	return err;
}

static size_t bytes_pairs(const c5_step *step, const c5_job *job)
{
	(void)step;
	uint64_t n = 0;
	for (size_t c = 0; c < job->experiment.n_channels; c++)
		if (job->experiment.channels[c].height * job->experiment.channels[c].width > n)
			n = job->experiment.channels[c].height * job->experiment.channels[c].width;
	return n * (4 + 2) * 3 + most_objects(job) * 4096 + job->n_numbers * 8;
}

/* ---- second phase: tracks ---- */

static int plan_tracks_one(const c5_run_context *run, const c5_step *step, c5_plan *plan, c5_job *j, const char *name)
{
	char *masks, *drift = NULL, path[512];
	uint64_t t = 0, h = 0, w = 0;
	c5_array_spec *nodes;
	bool done;
	int err = plan_base(run, j, name, &masks, &t, &h, &w);
	free(masks);
	if (err < 0) return err;
	product_path(path, run, name, "pairs");
	if (!c5_exists(run->file, path) && t > 0) return C5_OK; /* as before: the first phase left it alone */
	product_path(path, run, name, "nodes");
	if ((err = finished(run, path, &done)) < 0 || (err = find_drift(run, step, name, &drift)) < 0 || (err = take_drift(run, j, drift)) < 0) goto done;
	uint64_t n = j->numbers[t];
	if ((err = c5_job_add_output(j, &nodes)) < 0 || (err = nodes_table(nodes, path, n)) < 0 || (err = c5_step_sign(nodes, step, j->input)) < 0)
		goto done;
	if (drift && (err = c5_spec_attr_str(nodes, "drift", drift)) < 0) goto done;
	err = done ? C5_OK : c5_plan_add_units(plan, 1, NULL, 1, (double)n + 1);
done:
	free(drift);
	return err;
}

static int plan_tracks(const c5_run_context *run, const c5_step *step, c5_plan *plan) { return c5_step_plan_each(run, step, plan, plan_tracks_one); }

#pragma pack(push, 1)
typedef struct track_row {
	uint32_t track, first, last, parent, generation, founder, daughters, seen, lifetime;
	uint8_t complete;
	double displacement, path, speed, mean_area, first_area, last_area;
} track_row;
typedef struct link_row { uint64_t from, to; uint8_t kind; float score; } link_row; /* a candidate too */
#pragma pack(pop)

static int put_tracks(c5_worker *w, const c5_run_context *run, const c5_step *step, const c5_job *job, const c5_tracks *tr)
{
	static const char *const wholes[] = { "track", "first", "last", "parent", "generation", "founder", "daughters", "seen", "lifetime" };
	static const char *const reals[] = { "displacement", "path", "speed", "mean_area", "first_area", "last_area" };
	c5_array_spec s = { 0 };
	c5_track_stats *stats = NULL;
	track_row *rows = NULL;
	char path[512];
	int err;
	product_path(path, run, job->experiment.name, "tracks");
	if ((err = c5_spec_table(&s, path, tr->n_tracks, TRACKS_PER_CHUNK)) < 0) return err;
	for (int i = 0; err == C5_OK && i < 9; i++) err = c5_spec_column(&s, wholes[i], C5_U32);
	if (err == C5_OK) err = c5_spec_column(&s, "complete", C5_U8);
	for (int i = 0; err == C5_OK && i < 6; i++) err = c5_spec_column(&s, reals[i], C5_F64);
	if (err == C5_OK) err = c5_spec_attr_str(&s, "units",
		"track: 1, first: frame, last: frame, parent: 1, generation: 1, founder: 1, daughters: 1, seen: frame, lifetime: frame, "
		"complete: 1, displacement: px, path: px, speed: px/frame, mean_area: px, first_area: px, last_area: px");
	if (err == C5_OK) err = c5_spec_attr_f64(&s, "pixel_size_um", job->experiment.pixel_size_um);
	if (err == C5_OK) err = c5_spec_attr_f64(&s, "frame_interval_s", job->experiment.frame_interval_s);
	if (err == C5_OK) err = c5_step_sign(&s, step, job->input);
	if (err < 0 || (err = c5_alloc(&stats, tr->n_tracks, sizeof *stats)) < 0 || (err = c5_alloc(&rows, tr->n_tracks, sizeof *rows)) < 0 ||
	    (err = c5_track_measure(tr, stats)) < 0) goto done;
	for (size_t i = 0; i < tr->n_tracks; i++) {
		const c5_track *t = &tr->tracks[i];
		const c5_track_stats *q = &stats[i];
		rows[i] = (track_row){ t->id, t->first, t->last, t->parent, t->generation, t->founder, t->daughters, t->n_nodes, q->lifetime, q->complete,
			q->displacement, q->path, q->speed, q->mean_area, q->first_area, q->last_area };
	}
	err = c5_worker_put_table(w, &s, rows);
done:
	free(rows);
	free(stats);
	c5_spec_free(&s);
	return err;
}

/* The table `links`, or `candidates`, whose column of numbers is called `score`. */
static int put_link_rows(c5_worker *w, const c5_run_context *run, const c5_step *step, const c5_job *job, const char *part, const char *score,
	size_t n, const link_row *rows)
{
	c5_array_spec s = { 0 };
	char path[512], units[128];
	product_path(path, run, job->experiment.name, part);
	int err = c5_spec_table(&s, path, n, 4096);
	if (err == C5_OK) err = c5_spec_column(&s, "from", C5_U64);
	if (err == C5_OK) err = c5_spec_column(&s, "to", C5_U64);
	if (err == C5_OK) err = c5_spec_column(&s, "kind", C5_U8);
	if (err == C5_OK) err = c5_spec_column(&s, score, C5_F32);
	if (err == C5_OK) err = c5_spec_attr_str(&s, "kinds", "0 not taken, 1 step, 2 gap, 3 division");
	snprintf(units, sizeof units, "from: row of nodes, to: row of nodes, kind: 1, %s: 1", score);
	if (err == C5_OK) err = c5_spec_attr_str(&s, "units", units);
	if (err == C5_OK) err = c5_step_sign(&s, step, job->input);
	if (err == C5_OK) err = c5_worker_put_table(w, &s, rows);
	c5_spec_free(&s);
	return err;
}

static int put_links(c5_worker *w, const c5_run_context *run, const c5_step *step, const c5_job *job, const c5_tracks *tr)
{
	link_row *rows = NULL;
	int err = c5_alloc(&rows, tr->n_links > tr->n_candidates ? tr->n_links : tr->n_candidates, sizeof *rows);
	if (err < 0) return err;
	for (size_t i = 0; i < tr->n_links; i++) rows[i] = (link_row){ tr->links[i].from, tr->links[i].to, (uint8_t)tr->links[i].kind, tr->links[i].score };
	if ((err = put_link_rows(w, run, step, job, "links", "score", tr->n_links, rows)) < 0) goto done;
	for (size_t i = 0; i < tr->n_candidates; i++) {
		const c5_track_candidate *c = &tr->candidates[i];
		rows[i] = (link_row){ c->from, c->to, (uint8_t)c->kind, c->probability };
	}
	err = put_link_rows(w, run, step, job, "candidates", "probability", tr->n_candidates, rows);
done:
	free(rows);
	return err;
}

/* The nodes come last: they say that the experiment is done. */
static int put_nodes(c5_worker *w, const c5_job *job, const c5_tracks *tr)
{
	const c5_array_spec *s = &job->outputs[0];
	uint8_t *chunk;
	int err = c5_worker_scratch(w, BYTES, c5_spec_chunk_bytes(s), &chunk);
	if (err == C5_OK && (tr->n_nodes != s->dims[0] || s->row_size != sizeof(c5_track_node)))
		err = c5_fail(C5_EFAIL, "%s: %zu nodes tracked, %llu objects expected", s->path, tr->n_nodes, (unsigned long long)s->dims[0]);
	for (uint64_t first = 0; err == C5_OK && first < s->dims[0]; first += s->chunk[0]) {
		uint64_t n = s->dims[0] - first < s->chunk[0] ? s->dims[0] - first : s->chunk[0];
		memset(chunk, 0, c5_spec_chunk_bytes(s));
		memcpy(chunk, tr->nodes + first, n * sizeof *tr->nodes);
		err = c5_worker_put_chunk(w, job, 0, first / s->chunk[0], chunk);
	}
	return err;
}

static int add_pair(void *tracker, uint64_t t, const c5_pair *pair)
{
	(void)t;
	return c5_tracker_add_pair(tracker, pair);
}

static int take_pairs(c5_worker *w, const c5_run_context *run, const c5_step *step, const c5_job *job, c5_tracker *tracker)
{
	const c5_array_spec *s;
	uint8_t *bytes;
	char *masks = NULL, path[512];
	product_path(path, run, job->experiment.name, "pairs");
	int err = c5_worker_spec(w, path, &s);
	if (err < 0) return err;
	uint64_t room = s->chunk[2];
	if ((err = read_masks_path(w, job, &masks)) < 0 || (err = c5_worker_scratch(w, BYTES, room, &bytes)) < 0) goto done;
	for (uint64_t t = 0; err == C5_OK && t + 1 < job->n_numbers; t++) {
		uint64_t size;
		if ((err = c5_worker_poll(w)) < 0 || (err = c5_worker_read_frame(w, path, t, 0, bytes)) < 0) break;
		memcpy(&size, bytes, sizeof size);
		if (size == 0 || size > room - sizeof size) {
			err = link_block(w, step, job, masks, t, 1, add_pair, tracker);
			continue;
		}
		c5_buf b = { .data = bytes + sizeof size, .size = size };
		c5_pair *pair = NULL;
		if ((err = c5_pair_unpack(&pair, &b)) == C5_OK) err = c5_tracker_add_pair(tracker, pair);
		c5_pair_free(pair);
	}
done:
	free(masks);
	return err;
}

static int work_tracks(c5_worker *w, const c5_run_context *run, const c5_step *step, const c5_job *job, const c5_unit *unit)
{
	c5_tracker *tracker = NULL;
	c5_tracks *tracks = NULL;
	(void)unit;
	int err = c5_tracker_open(&tracker, step->params);
	if (err == C5_OK) err = take_pairs(w, run, step, job, tracker);
	if (err == C5_OK) err = c5_tracker_finish(tracker, &tracks);
	if (err == C5_OK) err = put_tracks(w, run, step, job, tracks);
	if (err == C5_OK) err = put_links(w, run, step, job, tracks);
	if (err == C5_OK) err = put_nodes(w, job, tracks);
	c5_tracks_free(tracks);
	c5_tracker_close(tracker);
	return err;
}

static int finish_tracks(const c5_run_context *run, const c5_step *step, const c5_job *job)
{
	char path[512];
	(void)step;
	product_path(path, run, job->experiment.name, "pairs");
	return c5_exists(run->file, path) ? c5_unlink(run->file, path) : C5_OK;
}

static size_t bytes_tracks(const c5_step *step, const c5_job *job)
{
	(void)step;
	return job->n_numbers * 8 + (job->n_numbers ? job->numbers[job->n_numbers - 1] : 0) * 200;
}

static const c5_step_ops second = { &c5_kind_track, { NULL }, plan_tracks, work_tracks, finish_tracks, bytes_tracks, NULL };
const c5_step_ops c5_step_track = { &c5_kind_track, { "tracks", NULL }, plan_pairs, work_pairs, NULL, bytes_pairs, &second };
