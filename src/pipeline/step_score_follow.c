/* step_score_follow.c – scores of objects summed up over frames and tracks. Second phase of the step; see score.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "classify/follow.h"
#include "container/run.h"
#include "pipeline/asked.h"
#include "pipeline/records.h"
#include "pipeline/rows.h"
#include "pipeline/score.h"

#define FOLLOW_VERSION 1

static const c5_step_kind followed = { "score", NULL, c5_followed_opts, sizeof(c5_score_params), FOLLOW_VERSION, NULL };

#define F(member) offsetof(c5_score_frame, member)
static const c5_record_field frame_fields[] = {
	{ "frame", C5_U32, F(frame), "1", NULL }, { "objects", C5_U32, F(objects), "1", NULL }, { "positive", C5_U32, F(positive), "1", NULL },
	{ "mean", C5_F64, F(mean), "1", NULL }, { "sd", C5_F64, F(sd), "1", NULL }, { "median", C5_F64, F(median), "1", NULL },
		{ "share", C5_F64, F(share), "1", NULL },
	{ 0 },
};
#undef F
#define F(member) offsetof(c5_score_track, member)
static const c5_record_field track_fields[] = {
	{ "track", C5_U32, F(track), "1", NULL }, { "objects", C5_U32, F(objects), "1", NULL }, { "first", C5_U32, F(first), "frame", NULL },
	{ "last", C5_U32, F(last), "frame", NULL }, { "mean", C5_F64, F(mean), "1", NULL }, { "sd", C5_F64, F(sd), "1", NULL },
	{ "median", C5_F64, F(median), "1", NULL }, { "least", C5_F64, F(least), "1", NULL }, { "most", C5_F64, F(most), "1", NULL },
	{ "at_first", C5_F64, F(at_first), "1", NULL }, { "at_last", C5_F64, F(at_last), "1", NULL }, { "slope", C5_F64, F(slope), "1/frame", NULL },
	{ "share", C5_F64, F(share), "1", NULL }, { "changes", C5_U32, F(changes), "1", NULL }, { "onset", C5_I32, F(onset), "frame", NULL },
	{ 0 },
};

int c5_score_product(const c5_run_context *run, const char *experiment, const char *product, char **path)
{
	uint32_t number;
	if (!(*path = c5_format("/experiments/%s/%s/%s", experiment, product, c5_revision_name(run->run)))) return c5_fail(C5_ENOMEM, "out of memory");
	if (c5_exists(run->file, *path)) return C5_OK;
	free(*path);
	*path = NULL;
	int err = c5_revision_latest(run->file, experiment, product, &number);
	if (err < 0 || !number) return err;
	*path = c5_format("/experiments/%s/%s/%s", experiment, product, c5_revision_name(number));
	return *path ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
}

/* Frames of the recording, from the masks behind the crops; where these cannot be told, from the last scored frame, when it is known. */
static int count_frames(c5_file *f, const char *scores, uint64_t *frames)
{
	c5_array *a;
	char *masks = c5_masks_behind(f, scores);
	int err = masks ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
	*frames = 0;
	if (err == C5_OK && *masks && c5_exists(f, masks) && (err = c5_array_open(&a, f, masks)) == C5_OK) {
		*frames = c5_array_spec_of(a)->dims[0];
		c5_array_close(a);
	}
	free(masks);
	return err;
}

static int last_frame(c5_file *f, const char *scores, uint64_t *frames)
{
	c5_array *a = NULL;
	c5_codec *codec = NULL;
	const c5_column *c;
	uint8_t *rows = NULL;
	int err;
	if ((err = c5_table_open(&a, f, scores)) < 0 || (err = c5_codec_open(&codec)) < 0) goto done;
	const c5_array_spec *s = c5_array_spec_of(a);
	uint64_t n = s->dims[0];
	size_t row = s->row_size;
	if ((err = c5_spec_find_column(s, "frame", &c)) < 0 || (err = c5_alloc(&rows, n + 1, row)) < 0) goto done;
	uint32_t offset = c->offset;
	if (n && (err = c5_array_read_rows(a, codec, 0, n, rows)) < 0) goto done;
	for (uint64_t i = 0; i < n; i++) {
		uint32_t t;
		memcpy(&t, rows + i * row + offset, sizeof t);
		if (t + UINT64_C(1) > *frames) *frames = t + UINT64_C(1);
	}
done:
	free(rows);
	c5_codec_close(codec);
	c5_array_close(a);
	return err;
}

/* The tracks that the scored objects are on, "" when there are none of them. */
static int find_tracks(const c5_run_context *run, const char *experiment, const char *scores, char **tracks)
{
	char *path = NULL, *of_scores = NULL, *of_nodes = NULL, *truth = NULL, *nodes = NULL;
	int err = c5_score_product(run, experiment, "tracks", &path);
	*tracks = NULL;
	if (err < 0) return err;
	if (path) {
		nodes = c5_format("%s/nodes", path);
		of_scores = c5_masks_behind(run->file, scores);
		if (nodes && c5_attr_get_str(run->file, nodes, "truth", &truth) == C5_OK)
			of_nodes = c5_format("/experiments/%s/masks/%s", experiment, strrchr(path, '/') + 1);
		else if (nodes) of_nodes = c5_masks_behind(run->file, nodes);
		c5_error_clear();
		if (!nodes || !of_scores || !of_nodes) err = c5_fail(C5_ENOMEM, "out of memory");
		else if (*of_scores && *of_nodes && strcmp(of_scores, of_nodes) != 0) {
			c5_log(C5_LOG_INFO, "%s: scored without tracks: %s are of %s, the crops of %s", experiment, path, of_nodes, of_scores);
			path[0] = '\0';
		}
	}
	free(truth);
	free(nodes);
	free(of_scores);
	free(of_nodes);
	if (err == C5_OK && !path && !(path = c5_strdup(""))) err = c5_fail(C5_ENOMEM, "out of memory");
	*tracks = path;
	return err;
}

/* Whether the latest sums are of these scores and tracks. */
static int reuse(const c5_run_context *run, const c5_step *step, c5_plan *plan, const c5_job *j, const char *tracks, bool *reused)
{
	const c5_step by = { &followed, step->params, 0 };
	char *path = c5_format("/experiments/%s/score_frames/latest", j->experiment.name), *before = NULL;
	int err = path ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
	*reused = false;
	if (err == C5_OK && c5_exists(run->file, path) && c5_attr_get_str(run->file, path, "tracks", &before) == C5_OK && strcmp(before, tracks) == 0)
		err = c5_step_reuse(run, &by, plan, j, "score_frames/latest", reused);
	c5_error_clear();
	free(before);
	free(path);
	return err;
}

static int plan_one(const c5_run_context *run, const c5_step *step, c5_plan *plan, c5_job *j, const char *name)
{
	const c5_step by = { &followed, step->params, 0 };
	char path[512], *tracks = NULL, *models = NULL, *positive = NULL;
	c5_array_spec *s;
	uint8_t *missing = NULL;
	uint64_t frames;
	bool reused;
	int err;
	if ((err = c5_experiment_read(run->file, name, &j->experiment)) < 0 || (err = c5_score_product(run, name, "scores", &j->input)) < 0) return err;
	if (!j->input) return c5_fail(C5_EFAIL, "%s: no scores to sum up", name);
	if ((err = find_tracks(run, name, j->input, &tracks)) < 0 || (err = reuse(run, step, plan, j, tracks, &reused)) < 0 || reused) goto done;
	if ((err = count_frames(run->file, j->input, &frames)) < 0 || (frames == 0 && (err = last_frame(run->file, j->input, &frames)) < 0)) goto done;
	if ((err = c5_attr_get_str(run->file, j->input, "models", &models)) < 0 || (err = c5_attr_get_str(run->file, j->input, "positive", &positive)) < 0)
		goto done;
	snprintf(path, sizeof path, "/experiments/%s/score_frames/%s", name, c5_revision_name(run->run));
	if ((err = c5_job_add_output(j, &s)) < 0 || (err = c5_records_spec(s, path, frame_fields, NULL, 0, 0)) < 0) goto done;
	s->dims[0] = frames;
	s->chunk[0] = frames ? frames : 1;
	if ((err = c5_step_sign(s, &by, j->input)) < 0 || (err = c5_spec_attr_str(s, "tracks", tracks)) < 0 ||
	    (err = c5_spec_attr_str(s, "models", models)) < 0 || (err = c5_spec_attr_str(s, "positive", positive)) < 0 ||
	    (err = c5_spec_attr_f64(s, "threshold", ((const c5_score_params *)step->params)->threshold)) < 0 ||
	    (err = c5_step_missing(run->file, s, frames ? 1 : 0, 1, &missing)) < 0)
		goto done;
	err = c5_plan_add_units(plan, frames ? 1 : 0, missing, 1, (double)frames);
done:
	free(missing);
	free(models);
	free(positive);
	free(tracks);
	return err;
}

static int plan_follow(const c5_run_context *run, const c5_step *step, c5_plan *plan) { return c5_step_plan_each(run, step, plan, plan_one); }

static int put_tracks(c5_worker *w, const c5_run_context *run, const c5_step *step, const c5_job *job, const char *tracks, c5_scored_object *objects,
	const c5_rows *scores)
{
	const c5_step by = { &followed, step->params, 0 };
	c5_rows lives = { 0 };
	c5_score_track *sums = NULL;
	uint32_t *track = NULL, number = c5_revision_number(strrchr(tracks, '/') + 1);
	uint8_t *rows = NULL;
	c5_array_spec s = { 0 };
	char path[512];
	int err;
	snprintf(path, sizeof path, "%s/tracks", tracks);
	if ((err = c5_rows_read(&lives, w, path)) < 0 || (err = c5_alloc(&track, scores->n + 1, sizeof *track)) < 0 ||
	    (err = c5_rows_tracks(w, w->file, job->experiment.name, job->input, scores, number, track)) < 0 ||
	    (err = c5_alloc(&sums, lives.n + 1, sizeof *sums)) < 0)
		goto done;
	for (uint64_t i = 0; i < scores->n; i++) objects[i].track = track[i];
	if ((err = c5_score_tracks(sums, lives.n, objects, scores->n, ((const c5_score_params *)step->params)->threshold)) < 0) goto done;
	snprintf(path, sizeof path, "/experiments/%s/score_tracks/%s", job->experiment.name, c5_revision_name(run->run));
	if ((err = c5_records_spec(&s, path, track_fields, sums, lives.n, sizeof *sums)) < 0 || (err = c5_step_sign(&s, &by, job->input)) < 0 ||
	    (err = c5_spec_attr_str(&s, "tracks", tracks)) < 0 || (err = c5_records_rows(&rows, &s, track_fields, sums, lives.n, sizeof *sums, NULL)) < 0)
		goto done;
	err = c5_worker_put_table(w, &s, rows);
done:
	c5_spec_free(&s);
	c5_rows_free(&lives);
	free(track);
	free(sums);
	free(rows);
	return err;
}

static int work_follow(c5_worker *w, const c5_run_context *run, const c5_step *step, const c5_job *job, const c5_unit *unit)
{
	const c5_array_spec *s = &job->outputs[0];
	const char *tracks = c5_job_attr(job, 0, "tracks");
	const c5_column *frame, *score;
	c5_scored_object *objects = NULL;
	c5_score_frame *frames = NULL;
	c5_rows scores = { 0 };
	uint8_t *rows = NULL;
	int err;
	(void)unit;
	if ((err = c5_rows_read(&scores, w, job->input)) < 0 || (err = c5_rows_need(&frame, &scores, job->input, "frame")) < 0 ||
	    (err = c5_rows_need(&score, &scores, job->input, "score")) < 0 || (err = c5_alloc(&objects, scores.n + 1, sizeof *objects)) < 0 ||
	    (err = c5_alloc(&frames, s->dims[0] + 1, sizeof *frames)) < 0)
		goto done;
	for (uint64_t i = 0; i < scores.n; i++)
		objects[i] = (c5_scored_object){ (uint32_t)c5_rows_number(&scores, frame, i), 0, (float)c5_rows_number(&scores, score, i) };
	if ((err = c5_score_frames(frames, s->dims[0], objects, scores.n, ((const c5_score_params *)step->params)->threshold)) < 0 ||
	    (err = c5_records_rows(&rows, s, frame_fields, frames, s->dims[0], sizeof *frames, NULL)) < 0)
		goto done;
	if (tracks && *tracks && (err = put_tracks(w, run, step, job, tracks, objects, &scores)) < 0) goto done;
	err = c5_worker_put_chunk(w, job, 0, 0, rows); /* last: it says that the experiment is done */
done:
	c5_rows_free(&scores);
	free(objects);
	free(frames);
	free(rows);
	return err;
}

static size_t bytes_follow(const c5_step *step, const c5_job *job)
{
	(void)step;
	return job->outputs[0].dims[0] * 4096; /* some tens of objects a frame */
}

const c5_step_ops c5_score_follow = { &c5_kind_score, { NULL }, plan_follow, work_follow, NULL, bytes_follow, &c5_score_screen };
