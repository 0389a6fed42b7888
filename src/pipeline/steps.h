/* steps.h – the steps of the pipeline: how each is planned (rank 0, with the container open for writing), worked (any rank) and finished. */
#ifndef C5_PIPELINE_STEPS_H
#define C5_PIPELINE_STEPS_H

#include <stdbool.h>

#include "base/yaml.h"
#include "image/source.h"
#include "pipeline/job.h"
#include "pipeline/step.h"
#include "pipeline/worker.h"

/* What a step may know of the run it belongs to. Alike on all ranks, save `file` and the names, which are rank 0's. */
typedef struct c5_run_context {
	uint32_t run;               /* number of the run: its results are revisions of that name */
	c5_file *file;              /* rank 0: open for writing, committed */
	char **names;               /* rank 0: the experiments to work on, those that failed left out */
	size_t n_names;
	c5_scan *scan;              /* what is to be ingested; NULL when the pipeline takes nothing in */
	bool reuse;                 /* leave results as they are that the same method made from the same input with the same settings */
} c5_run_context;

typedef struct c5_step_ops c5_step_ops;
struct c5_step_ops {
	const c5_step_kind *kind;   /* a step without `plan` is done by all ranks together (mpi/train_step.h) */
	const char *products[5];    /* groups of an experiment whose `latest` moves when the run is complete; NULL-ended */
	/* Adds jobs, or jobs with an error for experiments that cannot be done. An error returned fails the whole run. */
	int (*plan)(const c5_run_context *run, const c5_step *step, c5_plan *plan);
	/* One unit. Errors are the experiment's; those of the sink are told by worker->sink_error. */
	int (*work)(c5_worker *w, const c5_run_context *run, const c5_step *step, const c5_job *job, const c5_unit *unit);
	/* Rank 0, after the units' commit, for each job that succeeded; NULL: nothing to do. */
	int (*finish)(const c5_run_context *run, const c5_step *step, const c5_job *job);
	/* Memory one worker needs, for the bound that is told before a long job. */
	size_t (*bytes)(const c5_step *step, const c5_job *job);
	const c5_step_ops *then;    /* second phase of the same step, after a commit; NULL: none */
};

extern const c5_step_ops c5_step_ingest, c5_step_simulate, c5_step_drift, c5_step_segment, c5_step_objects, c5_step_crop, c5_step_track,
	c5_step_stain, c5_step_forecast, c5_step_train, c5_step_score, c5_step_explain, c5_step_import;

/* All of them, in the order of a pipeline; NULL-ended. And their kinds alone, for c5_pipeline_read. */
extern const c5_step_ops *const c5_steps[];
extern const c5_step_kind *const c5_step_kinds[];
const c5_step_ops *c5_step_find(const char *name);
/* Whether what a step needs beside the experiments is there (the models it names), asked before a run begins, so that a slip of the pen leaves no run
 * behind. */
int c5_step_ready(const c5_step *step, const char *container);
/* Settings that others depend on, such as the preset they are to be read over: set before those of the file are. */
int c5_step_preset(const c5_step_kind *kind, void *params, const c5_yaml_node *settings);
/* Whether one of n steps makes the model that `word` names. */
bool c5_step_makes_model(const c5_step *earlier, size_t n, const char *word);

/* ---- for the steps themselves ---- */

/* Frames of (height, width) that make a unit: some 2 Mpixel. */
uint64_t c5_frames_per_unit(uint64_t height, uint64_t width);
/* Path of the product's revision this run should read: its own, or the latest. C5_ENOTFOUND says which step makes it. */
int c5_step_input(const c5_run_context *run, const char *experiment, const char *product, const char *made_by, char **path);
/* Objects before each frame of a masks revision, (frames + 1), from the frames table beside it: at most one for each of a frame's pixels. Caller
 * frees. */
int c5_step_counts(c5_file *f, const char *masks, uint64_t frames, uint64_t pixels, uint64_t **before);
/* Runs `one` for every experiment of the run, as a job of its own; what fails is the job's error. */
int c5_step_plan_each(const c5_run_context *run, const c5_step *step, c5_plan *plan,
	int (*one)(const c5_run_context *run, const c5_step *step, c5_plan *plan, c5_job *j, const char *name));
/* The labels of a frame widened to 32 bits; *labels is scratch number k of the worker (k + 1 is used too). */
int c5_step_read_labels(c5_worker *w, const char *masks, uint64_t t, int k, uint32_t **labels);
/* Whether the newest result at `latest` ("masks/latest", "tracks/latest/nodes") is what this step would make again, or was corrected by hand.
 * If so the job is left without outputs and counted as skipped; if not, and there is one, it is told what changed. */
int c5_step_reuse(const c5_run_context *run, const c5_step *step, c5_plan *plan, const c5_job *j, const char *latest, bool *reused);
/* A table of drift (track/drift.h), and where the picture of each frame lies against the first: (frames, 2), y and x, px. Caller frees. */
int c5_step_drift_table(c5_array_spec *s, const char *path, uint64_t frames);
int c5_step_read_drift(c5_file *f, const char *path, uint64_t frames, double **places);
/* Time and space axes of a stack of this experiment. */
void c5_step_axes(c5_array_spec *s, const c5_experiment *e);
/* Notes on an output what made it: step, method version, settings, input. */
int c5_step_sign(c5_array_spec *s, const c5_step *step, const char *input);
/* missing[i] = 1 for those of n items, `per_item` chunks each, that are not all in the container; *missing NULL when the array is new. Caller
 * frees. */
int c5_step_missing(c5_file *f, const c5_array_spec *s, uint64_t n, uint64_t per_item, uint8_t **missing);

#endif
