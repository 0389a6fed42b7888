/* step_import.c – masks and tracks that were corrected elsewhere come back as a revision: masks/rN, frames/rN, with tracks also tracks/rN,
 * and changes/rN, what differs from the newest revision before. See formats/curated.h for what is read.
 *
 * The file is read twice: by the plan, so that a bad one is refused before anything is written and the number of objects is known, and by
 * the one unit of work, in order of frames. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "container/run.h"
#include "formats/changes.h"
#include "formats/curated.h"
#include "pipeline/steps.h"

#define IMPORT_VERSION 1

const c5_step_kind c5_kind_import = { "import", "take in masks and tracks that were corrected elsewhere", c5_curated_opts, sizeof(c5_curated_params),
	IMPORT_VERSION, NULL };

enum { MASKS, FRAMES };
enum { LABELS, NARROW, PIXELS, BEFORE, BEFORE_NARROW };

#pragma pack(push, 1)
typedef struct frame_row { uint32_t frame, objects; double time_s, threshold, covered, mean, sd; } frame_row;
typedef struct track_row { uint32_t track, first, last, parent, generation, founder, daughters, seen, source_track; } track_row;
typedef struct link_row { uint64_t from, to; uint8_t kind; float score; } link_row;
#pragma pack(pop)

/* What every table of the revision says of itself. */
static int sign(c5_array_spec *s, const c5_step *step)
{
	const c5_curated_params *p = step->params;
	int err = c5_step_sign(s, step, NULL);
	if (err == C5_OK) err = c5_spec_attr_str(s, "origin", "curated");
	if (err == C5_OK) err = c5_spec_attr_str(s, "source", p->path);
	return err == C5_OK ? c5_spec_attr_str(s, "note", p->note) : err;
}

/* ---- plan ---- */

/* Reads all of it once. */
static int look_through(const c5_curated_params *p, const char *name, const c5_channel *c, uint64_t *nodes, uint32_t *most)
{
	c5_curated *in = NULL;
	uint32_t *labels = NULL, n;
	int err = c5_curated_open(&in, p);
	if (err < 0) return err;
	*nodes = 0, *most = 0;
	err = c5_masks_fit(in, name, c->name, c->frames, c->height, c->width);
	if (err == C5_OK) err = c5_alloc(&labels, in->height * in->width, sizeof *labels);
	for (uint64_t t = 0; err == C5_OK && t < in->frames; t++) {
		if ((err = c5_curated_next(in, labels, &n)) < 0) break;
		*nodes += n;
		if (n > *most) *most = n;
	}
	if (err == C5_OK) err = c5_curated_finish(in);
	free(labels);
	c5_curated_close(in);
	return err;
}

static int frames_table(c5_array_spec *s, const char *path, uint64_t t)
{
	static const char *const reals[] = { "time_s", "threshold", "covered", "mean", "sd" };
	int err = c5_spec_table(s, path, t, 1024);
	if (err == C5_OK) err = c5_spec_column(s, "frame", C5_U32);
	if (err == C5_OK) err = c5_spec_column(s, "objects", C5_U32);
	for (size_t i = 0; err == C5_OK && i < 5; i++) err = c5_spec_column(s, reals[i], C5_F64);
	return err == C5_OK ? c5_spec_attr_str(s, "units", "frame: 1, objects: 1, time_s: s, threshold: counts, covered: 1, mean: counts, sd: counts") : err;
}

/* job: input = path of the channel. */
static int plan_one(const c5_run_context *run, const c5_step *step, c5_plan *plan, c5_job *j, const char *name)
{
	const c5_curated_params *p = step->params;
	const c5_channel *c;
	c5_array_spec *s;
	uint64_t nodes;
	uint32_t most;
	char path[512];
	int err;
	if (run->n_names != 1) return c5_fail(C5_EUSAGE, "import: %zu experiments; the masks belong to one, name it", run->n_names);
	if ((err = c5_experiment_read(run->file, name, &j->experiment)) < 0 || (err = c5_experiment_channel(&j->experiment, p->channel, &c)) < 0) return err;
	if (!(j->input = c5_format("/experiments/%s/raw/%s", name, c->name))) return c5_fail(C5_ENOMEM, "out of memory");
	if ((err = look_through(p, name, c, &nodes, &most)) < 0) return err;
	snprintf(path, sizeof path, "/experiments/%s/masks/%s", name, c5_revision_name(run->run));
	if ((err = c5_job_add_output(j, &s)) < 0 || (err = c5_spec_stack(s, path, most > UINT16_MAX ? C5_U32 : C5_U16, c->frames, 0, c->height,
	    c->width)) < 0) return err;
	c5_step_axes(s, &j->experiment);
	if ((err = sign(s, step)) < 0) return err;
	snprintf(path, sizeof path, "/experiments/%s/frames/%s", name, c5_revision_name(run->run));
	if ((err = c5_job_add_output(j, &s)) < 0 || (err = frames_table(s, path, c->frames)) < 0 || (err = sign(s, step)) < 0) return err;
	return c5_plan_add_units(plan, 1, NULL, 1, (double)(c->frames * c->height * c->width));
}

static int plan_import(const c5_run_context *run, const c5_step *step, c5_plan *plan) { return c5_step_plan_each(run, step, plan, plan_one); }

/* ---- tables ---- */

static int put_tracks(c5_worker *w, const c5_step *step, const char *group, const c5_curated *in)
{
	static const char *const wholes[] = { "track", "first", "last", "parent", "generation", "founder", "daughters", "seen", "source_track" };
	const c5_lineage *l = &in->lineage;
	c5_array_spec s = { 0 };
	track_row *rows = NULL;
	char path[520];
	snprintf(path, sizeof path, "%s/tracks", group);
	int err = c5_spec_table(&s, path, l->n_tracks, 1024);
	for (int i = 0; err == C5_OK && i < 9; i++) err = c5_spec_column(&s, wholes[i], C5_U32);
	if (err == C5_OK)
		err = c5_spec_attr_str(&s, "units",
			"track: 1, first: frame, last: frame, parent: 1, generation: 1, founder: 1, daughters: 1, seen: frame, source_track: 1");
	if (err == C5_OK) err = sign(&s, step);
	if (err == C5_OK) err = c5_alloc(&rows, l->n_tracks, sizeof *rows);
	for (size_t i = 0; err == C5_OK && i < l->n_tracks; i++) { /* numbered 1..n, parents first */
		const c5_lin_track *t = &l->tracks[i];
		const track_row *mother = t->parent ? &rows[t->parent - 1] : NULL;
		rows[i] = (track_row){ t->id, t->first, t->last, t->parent, mother ? mother->generation + 1 : 0, mother ? mother->founder : t->id, t->daughters,
			t->n_nodes, in->source[i] };
	}
	if (err == C5_OK) err = c5_worker_put_table(w, &s, rows);
	free(rows);
	c5_spec_free(&s);
	return err;
}

static int put_links(c5_worker *w, const c5_step *step, const char *group, const c5_lineage *l)
{
	c5_array_spec s = { 0 };
	link_row *rows = NULL;
	size_t *last = NULL, n = 0; /* last node of each track so far, from 1 */
	char path[520];
	int err;
	if ((err = c5_alloc(&rows, l->n_nodes, sizeof *rows)) < 0 || (err = c5_alloc(&last, l->n_tracks + 1, sizeof *last)) < 0) goto done;
	for (size_t i = 0; i < l->n_nodes; i++) {
		const c5_lin_node *to = &l->nodes[i];
		uint32_t parent = l->tracks[to->track - 1].parent;
		size_t from = last[to->track] ? last[to->track] : last[parent];
		last[to->track] = i + 1;
		if (!from) continue;
		const c5_lin_node *before = &l->nodes[from - 1];
		rows[n++] = (link_row){ from - 1, i, before->track != to->track ? 3 : to->frame > before->frame + 1 ? 2 : 1, 1 };
	}
	snprintf(path, sizeof path, "%s/links", group);
	if ((err = c5_spec_table(&s, path, n, 4096)) < 0 || (err = c5_spec_column(&s, "from", C5_U64)) < 0 || (err = c5_spec_column(&s, "to", C5_U64)) < 0 ||
	    (err = c5_spec_column(&s, "kind", C5_U8)) < 0 || (err = c5_spec_column(&s, "score", C5_F32)) < 0 ||
	    (err = c5_spec_attr_str(&s, "kinds", "1 step, 2 gap, 3 division")) < 0 ||
	    (err = c5_spec_attr_str(&s, "units", "from: row of nodes, to: row of nodes, kind: 1, score: 1")) < 0 || (err = sign(&s, step)) < 0)
		goto done;
	err = c5_worker_put_table(w, &s, rows);
done:
	free(last);
	free(rows);
	c5_spec_free(&s);
	return err;
}

static int put_nodes(c5_worker *w, const c5_step *step, const char *group, const char *masks, const c5_lineage *l)
{
	static const char *const whole[] = { "frame", "label", "track" }, *const real[] = { "y", "x", "area" };
	c5_array_spec s = { 0 };
	char path[520];
	snprintf(path, sizeof path, "%s/nodes", group);
	int err = c5_spec_table(&s, path, l->n_nodes, 4096);
	for (int i = 0; err == C5_OK && i < 3; i++) err = c5_spec_column(&s, whole[i], C5_U32);
	for (int i = 0; err == C5_OK && i < 3; i++) err = c5_spec_column(&s, real[i], C5_F32);
	if (err == C5_OK) err = c5_spec_attr_str(&s, "units", "frame: 1, label: 1, track: 1, y: px, x: px, area: px");
	if (err == C5_OK) err = sign(&s, step);
	if (err == C5_OK) err = c5_spec_attr_str(&s, "input", masks);
	if (err == C5_OK) err = c5_worker_put_table(w, &s, l->nodes);
	c5_spec_free(&s);
	return err;
}

static int put_changes(c5_worker *w, const c5_run_context *run, const c5_step *step, const char *name, const char *before, const c5_changes *c)
{
	c5_array_spec s = { 0 };
	char path[512], *text = before ? c5_changes_text(c) : c5_strdup("nothing to compare with: no masks of this size before");
	if (!text) return c5_fail(C5_ENOMEM, "out of memory");
	snprintf(path, sizeof path, "/experiments/%s/changes/%s", name, c5_revision_name(run->run));
	int err = c5_spec_table(&s, path, c->n, 4096);
	if (err == C5_OK) err = c5_spec_column(&s, "frame", C5_U32);
	if (err == C5_OK) err = c5_spec_text_column(&s, "what", sizeof c->rows->what);
	if (err == C5_OK) err = c5_spec_column(&s, "before", C5_U32);
	if (err == C5_OK) err = c5_spec_column(&s, "after", C5_U32);
	if (err == C5_OK) err = c5_spec_column(&s, "overlap", C5_F32);
	if (err == C5_OK) err = sign(&s, step);
	if (err == C5_OK) err = c5_spec_attr_str(&s, "summary", text);
	if (err == C5_OK) err = c5_spec_attr_str(&s, "compared_with", before);
	if (err == C5_OK) err = c5_worker_put_table(w, &s, c->rows);
	c5_spec_free(&s);
	free(text);
	return err;
}

/* ---- work ---- */

/* The newest masks before this run, if they are of these frames; *path NULL otherwise. */
static int masks_before(c5_worker *w, const char *name, const c5_array_spec *masks, char **path)
{
	const c5_array_spec *old;
	uint32_t number;
	*path = NULL;
	int err = c5_revision_latest(w->file, name, "masks", &number);
	if (err < 0 || !number) return err;
	if (!(*path = c5_format("/experiments/%s/masks/%s", name, c5_revision_name(number)))) return c5_fail(C5_ENOMEM, "out of memory");
	if ((err = c5_worker_spec(w, *path, &old)) < 0) return err;
	if (old->rank == 3 && memcmp(old->dims, masks->dims, 3 * sizeof *old->dims) == 0 && (old->dtype == C5_U16 || old->dtype == C5_U32)) return C5_OK;
	free(*path);
	*path = NULL;
	return C5_OK;
}

/* Links against those of the newest tracks, when these belong to the masks compared with. */
static int compare_links(c5_worker *w, const char *name, const char *before, c5_changes *changes, const c5_lineage *now)
{
	c5_lineage old;
	char *group = NULL, *masks = NULL, at[512];
	uint32_t number;
	int err = c5_revision_latest(w->file, name, "tracks", &number);
	if (err < 0 || !number) return err;
	if (!(group = c5_format("/experiments/%s/tracks/%s", name, c5_revision_name(number)))) return c5_fail(C5_ENOMEM, "out of memory");
	snprintf(at, sizeof at, "%s/nodes", group);
	for (int k = 0; k < 3 && !(masks && strstr(masks, "/masks/")); k++) { /* nodes from objects from masks */
		char *input = NULL;
		if ((err = c5_attr_get_str(w->file, masks ? masks : at, "input", &input)) < 0) break;
		free(masks);
		masks = input;
	}
	if (err == C5_ENOTFOUND) { /* tracks that came with their masks */
		err = C5_OK;
		free(masks);
		masks = c5_format("/experiments/%s/masks/%s", name, c5_revision_name(number));
	}
	if (err == C5_OK && masks && strcmp(masks, before) == 0 && (err = c5_lineage_read(&old, w->file, w->codec, group, now->frames)) == C5_OK) {
		err = c5_changes_links(changes, &old, now);
		c5_lineage_free(&old);
	}
	free(masks);
	free(group);
	return err;
}

/* Mean and standard deviation of the raw frame, and the share under objects. */
static void summarise(frame_row *row, int dtype, const void *pixels, const uint32_t *labels, size_t n)
{
	double sum = 0, square = 0;
	size_t inside = 0;
	c5_column c = { .dtype = (uint16_t)dtype };
	size_t size = c5_dtype_size(dtype);
	for (size_t i = 0; i < n; i++) {
		sum += c5_column_value(&c, (const char *)pixels + i * size);
		inside += labels[i] != 0;
	}
	row->mean = sum / (double)n;
	for (size_t i = 0; i < n; i++) {
		double d = c5_column_value(&c, (const char *)pixels + i * size) - row->mean;
		square += d * d;
	}
	row->sd = sqrt(square / (double)n);
	row->covered = (double)inside / (double)n;
}

static int take_frame(c5_worker *w, const c5_job *job, c5_curated *in, uint64_t t, const char *before, c5_changes *changes)
{
	const c5_array_spec *masks = &job->outputs[MASKS], *raw;
	size_t n = in->height * in->width;
	double dt = job->experiment.frame_interval_s;
	frame_row row = { .frame = (uint32_t)t, .time_s = (double)t * (isnan(dt) ? NAN : dt), .threshold = NAN };
	uint32_t *labels, *old;
	uint16_t *narrow;
	void *pixels;
	int err;
	if ((err = c5_worker_spec(w, job->input, &raw)) < 0) return err;
	int dtype = raw->dtype;
	uint64_t plane = raw->rank == 4 ? raw->dims[1] / 2 : 0;
	if ((err = c5_worker_scratch(w, LABELS, n * sizeof *labels, &labels)) < 0 ||
	    (err = c5_worker_scratch(w, PIXELS, n * c5_dtype_size(dtype), &pixels)) < 0 || (err = c5_curated_next(in, labels, &row.objects)) < 0 ||
	    (err = c5_worker_read_frame(w, job->input, t, plane, pixels)) < 0)
		return err;
	summarise(&row, dtype, pixels, labels, n);
	if (before && ((err = c5_step_read_labels(w, before, t, BEFORE, &old)) < 0 || (err = c5_changes_frame(changes, (uint32_t)t, old, labels, row.objects,
	    n)) < 0)) return err;
	if ((err = c5_worker_put_row(w, job, FRAMES, t, &row)) < 0) return err;
	if (masks->dtype == C5_U32) return c5_worker_put_frame(w, job, MASKS, t, 0, labels);
	if ((err = c5_worker_scratch(w, NARROW, n * sizeof *narrow, &narrow)) < 0) return err;
	for (size_t i = 0; i < n; i++) narrow[i] = (uint16_t)labels[i];
	return c5_worker_put_frame(w, job, MASKS, t, 0, narrow);
}

static int work_import(c5_worker *w, const c5_run_context *run, const c5_step *step, const c5_job *job, const c5_unit *unit)
{
	const c5_array_spec *masks = &job->outputs[MASKS], *raw;
	const char *name = job->experiment.name;
	c5_curated *in = NULL;
	c5_changes changes = { 0 };
	char *before = NULL, group[512];
	int err;
	(void)unit;
	if ((err = c5_worker_spec(w, job->input, &raw)) < 0 || (err = masks_before(w, name, masks, &before)) < 0 ||
	    (err = c5_curated_open(&in, step->params)) < 0) goto done;
	if (in->frames != masks->dims[0] || in->height != masks->dims[1] || in->width != masks->dims[2]) {
		err = c5_fail(C5_EINPUT, "%s: changed while it was read", in->name);
		goto done;
	}
	for (uint64_t t = 0; t < in->frames; t++)
		if ((err = c5_worker_poll(w)) < 0 || (err = take_frame(w, job, in, t, before, &changes)) < 0) goto done;
	if ((err = c5_curated_finish(in)) < 0) goto done;
	if (in->tracked) {
		if (before && (err = compare_links(w, name, before, &changes, &in->lineage)) < 0) goto done;
		snprintf(group, sizeof group, "/experiments/%s/tracks/%s", name, c5_revision_name(run->run));
		if ((err = put_tracks(w, step, group, in)) < 0 || (err = put_links(w, step, group, &in->lineage)) < 0 ||
		    (err = put_nodes(w, step, group, masks->path, &in->lineage)) < 0) goto done;
	}
	err = put_changes(w, run, step, name, before, &changes);
done:
	c5_changes_free(&changes);
	c5_curated_close(in);
	free(before);
	return err;
}

static size_t bytes_import(const c5_step *step, const c5_job *job)
{
	(void)step;
	const c5_array_spec *m = &job->outputs[MASKS];
	return m->dims[1] * m->dims[2] * (4 + 2 + 8 + 4 + 2 + 8 + 4);
}

const c5_step_ops c5_step_import = { &c5_kind_import, { "masks", "frames", "tracks", "changes", NULL }, plan_import, work_import, NULL, bytes_import,
	NULL };
