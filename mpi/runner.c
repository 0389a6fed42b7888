/* runner.c – see runner.h. The main line is c5_run_pipeline, at the bottom. */
#include "mpi/runner.h"

#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/signal.h"
#include "base/threads.h"
#include "base/version.h"
#include "container/owner.h"
#include "container/run.h"
#include "mpi/exchange.h"
#include "mpi/record.h"
#include "mpi/train_step.h"
#include "pipeline/steps.h"

typedef struct failed_name { char *name, *why; } failed_name;

typedef struct runner {
	c5_comm *comm;
	const c5_pipeline *pipeline;
	const c5_run_request *request;
	c5_run_summary *summary;
	c5_run_context context;
	c5_worker worker;
	c5_exchange *exchange;
	c5_plan plan;
	double commit_every_s;
	c5_train_place training; /* of steps that train */
	/* rank 0 */
	c5_owner *owner;
	c5_run_info info;
	char *hosts;
	bool created;       /* the container is new */
	char **names;       /* the experiments of this run, failed ones included */
	size_t n_names, cap_names;
	failed_name *failed;
	size_t n_failed, cap_failed;
} runner;

static bool first_rank(const runner *r) { return c5_comm_rank(r->comm) == 0; }

/* ---- experiments ---- */

static const char *failure_of(const runner *r, const char *name)
{
	for (size_t i = 0; i < r->n_failed; i++)
		if (strcmp(r->failed[i].name, name) == 0) return r->failed[i].why;
	return NULL;
}

static int add_failure(runner *r, const char *name, const char *why)
{
	if (failure_of(r, name)) return C5_OK;
	int err = c5_grow(&r->failed, &r->cap_failed, r->n_failed + 1, sizeof *r->failed);
	if (err < 0) return err;
	failed_name *f = &r->failed[r->n_failed++];
	f->name = c5_strdup(name);
	f->why = c5_strdup(why);
	size_t n = strlen(name);
	bool named = strncmp(why, name, n) == 0 && (why[n] == ':' || why[n] == '/');
	if (r->n_names > 1) c5_log(C5_LOG_WARN, "%s%sleft out: %s", named ? "" : name, named ? "" : ": ", why); /* of one alone, the run's own error tells */
	c5_event("experiment-failed", "ss", "experiment", name, "why", why, (char *)NULL);
	return f->name && f->why ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
}

static int add_name(runner *r, const char *name)
{
	if (r->request->experiments && fnmatch(r->request->experiments, name, 0) != 0) return C5_OK;
	/* both lists are sorted: channels of one experiment follow each other */
	if (r->n_names && strcmp(r->names[r->n_names - 1], name) == 0) return C5_OK;
	int err = c5_grow(&r->names, &r->cap_names, r->n_names + 1, sizeof *r->names);
	if (err < 0) return err;
	return (r->names[r->n_names++] = c5_strdup(name)) ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
}

/* A run that goes on finds what it simulated before in the container. */
static bool has_name(const runner *r, const char *name)
{
	for (size_t i = 0; i < r->n_names; i++)
		if (strcmp(r->names[i], name) == 0) return true;
	return false;
}

/* With an ingest step, the run is about what is taken in; else about what the container holds. */
static int find_names(runner *r)
{
	char **all = NULL;
	size_t n = 0;
	int err = C5_OK;
	if (r->context.scan) {
		for (size_t i = 0; err == C5_OK && i < r->context.scan->n_series; i++) err = add_name(r, r->context.scan->series[i].experiment);
	} else if ((err = c5_list(r->context.file, "/experiments", &all, &n)) == C5_OK) {
		for (size_t i = 0; err == C5_OK && i < n; i++) err = add_name(r, all[i]);
		c5_names_free(all, n);
	}
	/* A simulation names its experiments itself, when it has made them. */
	if (err == C5_OK && r->n_names == 0 && !c5_pipeline_find(r->pipeline, "simulate", 0))
		err = r->request->experiments ? c5_fail(C5_ENOTFOUND, "%s: no experiment matches '%s'", r->request->container, r->request->experiments)
		                              : c5_fail(C5_ENOTFOUND, "%s: no experiments; take some in with `cyto5 ingest`", r->request->container);
	return err;
}

/* The names the next step works on. */
static int active_names(runner *r)
{
	free(r->context.names);
	r->context.n_names = 0;
	int err = c5_alloc(&r->context.names, r->n_names, sizeof *r->context.names);
	if (err < 0) return err;
	for (size_t i = 0; i < r->n_names; i++)
		if (!failure_of(r, r->names[i])) r->context.names[r->context.n_names++] = r->names[i];
	return C5_OK;
}

/* ---- beginning and end of a run ---- */

static int scan_inputs(runner *r)
{
	const c5_step *ingest = c5_pipeline_find(r->pipeline, "ingest", 0);
	size_t n = 0;
	c5_buf packed = { 0 };
	int err = C5_OK;
	const char *const *inputs = r->request->inputs;
	if (!ingest) return C5_OK;
	while (inputs && inputs[n]) n++;
	if (first_rank(r)) {
		err = c5_scan_inputs(&r->context.scan, ingest->params, n, inputs);
		if (err == C5_OK && (err = c5_scan_pack(r->context.scan, &packed)) == C5_OK) err = packed.err;
	}
	if ((err = c5_comm_agree(r->comm, err)) == C5_OK) err = c5_comm_bcast(r->comm, &packed);
	if (err == C5_OK && !first_rank(r)) err = c5_scan_unpack(&r->context.scan, &packed);
	c5_buf_free(&packed);
	return c5_comm_agree(r->comm, err);
}

static int open_container(runner *r)
{
	const char *path = r->request->container;
	int err;
	if (access(path, F_OK) != 0) {
		if (!c5_pipeline_find(r->pipeline, "ingest", 0) && !c5_pipeline_find(r->pipeline, "simulate", 0))
			return c5_fail(C5_ENOTFOUND, "%s: no such container; make it with `cyto5 ingest`", path);
		if ((err = c5_file_create(path, r->pipeline->title)) < 0) return err;
		r->created = true;
	}
	char purpose[64];
	snprintf(purpose, sizeof purpose, "cyto5 %s", r->request->command);
	return c5_file_open(&r->context.file, path, C5_WRITE, purpose);
}

static char *describe_inputs(const runner *r)
{
	c5_buf b = { 0 };
	const char *const *in = r->request->inputs;
	for (size_t i = 0; in && in[i]; i++) {
		char *full = realpath(in[i], NULL);
		const char *shown = full ? full : in[i];
		if (i == 0) c5_buf_put(&b, "inputs:\n", 8);
		c5_buf_put(&b, "  - ", 4);
		c5_buf_put(&b, shown, strlen(shown));
		c5_buf_put(&b, "\n", 1);
		free(full);
	}
	if (r->request->experiments) {
		c5_buf_put(&b, "experiments: ", 13);
		c5_buf_put(&b, r->request->experiments, strlen(r->request->experiments));
		c5_buf_put(&b, "\n", 1);
	}
	c5_buf_put(&b, "", 1);
	return (char *)b.data;
}

/* The settings without the names of files: what must be the same for a run to be gone on with. */
static char *settings_text(const c5_pipeline *p)
{
	c5_pipeline bare = *p;
	bare.container = NULL;
	bare.inputs = NULL;
	bare.commit_every_s = 0;
	return c5_pipeline_text(&bare);
}

static int resume_run(runner *r, uint32_t number, char *settings)
{
	int err = c5_run_read(r->context.file, number, &r->info);
	if (err < 0) return err;
	if (!r->info.configuration || strcmp(r->info.configuration, settings) != 0)
		return c5_fail(C5_EUSAGE, "%s: the settings differ from those of the unfinished %s; go on with the same ones, or start a new run without --resume",
			r->request->container, c5_revision_name(number));
	r->summary->resumed = true;
	return C5_OK;
}

static int begin_run(runner *r)
{
	c5_run_info *i = &r->info;
	uint32_t number;
	char *settings = settings_text(r->pipeline);
	int err = settings ? c5_run_unfinished(r->context.file, &number) : C5_ENOMEM;
	if (err == C5_OK && r->request->resume) err = resume_run(r, number, settings);
	else if (err == C5_OK) {
		c5_log(C5_LOG_WARN, "%s was interrupted and is left as it is; --resume would have gone on with it", c5_revision_name(number));
		err = C5_OK;
	} else if (err == C5_ENOTFOUND) err = C5_OK;
	if (err < 0) {
		free(settings);
		return err;
	}
	free(i->hosts);
	i->hosts = c5_strdup(r->hosts);
	i->ranks = c5_comm_size(r->comm);
	i->threads = c5_threads();
	if (r->summary->resumed) {
		free(settings);
		err = c5_run_resume(r->context.file, i);
	} else {
		i->configuration = settings;
		i->command = c5_strdup(r->request->command);
		i->command_line = c5_strdup(r->request->command_line);
		i->inputs = describe_inputs(r);
		i->devices = c5_strdup("cpu");
		c5_record_describe(i);
		i->seed = r->pipeline->seed;
		err = c5_run_begin(r->context.file, i);
	}
	r->context.run = r->summary->run = i->number;
	return err < 0 ? err : c5_file_commit(r->context.file, true);
}

/* `latest` moves to what this run made; where it made nothing new, it stays. */
static int publish(runner *r, const char *name, const char *product)
{
	char path[512];
	snprintf(path, sizeof path, "/experiments/%s/%s/%s", name, product, c5_revision_name(r->context.run));
	return c5_exists(r->context.file, path) ? c5_revision_publish(r->context.file, name, product, r->context.run) : C5_OK;
}

/* The same for what is of all experiments together. */
static int publish_screen(runner *r)
{
	char path[64];
	snprintf(path, sizeof path, "/screens/%s", c5_revision_name(r->context.run));
	return c5_exists(r->context.file, path) ? c5_link_set(r->context.file, "/screens/latest", c5_revision_name(r->context.run)) : C5_OK;
}

/* `latest` moves, the record closes, all in one transaction. */
static int end_run(runner *r)
{
	c5_buf why = { 0 };
	int err = C5_OK;
	c5_file *f = r->context.file;
	for (size_t i = 0; err == C5_OK && i < r->n_names; i++) {
		if (failure_of(r, r->names[i])) continue;
		for (size_t s = 0; err == C5_OK && s < r->pipeline->n; s++) {
			const c5_step_ops *ops = c5_step_find(r->pipeline->steps[s].kind->name);
			for (int k = 0; err == C5_OK && ops->products[k]; k++) err = publish(r, r->names[i], ops->products[k]);
		}
	}
	if (err == C5_OK) err = publish_screen(r);
	if (err == C5_OK) err = c5_train_step_publish(&r->training);
	for (size_t i = 0; i < r->n_failed; i++) {
		c5_buf_put(&why, r->failed[i].name, strlen(r->failed[i].name));
		c5_buf_put(&why, ": ", 2);
		c5_buf_put(&why, r->failed[i].why, strlen(r->failed[i].why));
		c5_buf_put(&why, "\n", 1);
	}
	c5_buf_put(&why, "", 1);
	if (err == C5_OK) err = why.err;
	r->info.failed = (int64_t)r->n_failed;
	if (r->n_failed) {
		free(r->info.failures);
		r->info.failures = (char *)why.data;
		why.data = NULL;
	}
	c5_buf_free(&why);
	if (err == C5_OK) err = c5_run_end(f, &r->info, r->n_failed == r->n_names ? "failed" : "complete");
	return err < 0 ? err : c5_file_commit(f, false);
}

/* ---- one step ---- */

static int plan_step(runner *r, const c5_step *step, const c5_step_ops *ops)
{
	c5_buf packed = { 0 };
	int err = C5_OK;
	if (first_rank(r)) {
		if ((err = active_names(r)) == C5_OK && (err = ops->plan(&r->context, step, &r->plan)) == C5_OK) {
			c5_plan_settle(&r->plan);
			c5_plan_pack(&r->plan, &packed);
			err = packed.err;
		}
	}
	if ((err = c5_comm_agree(r->comm, err)) == C5_OK) err = c5_comm_bcast(r->comm, &packed);
	if (err == C5_OK && !first_rank(r)) err = c5_plan_unpack(&r->plan, &packed);
	c5_buf_free(&packed);
	return c5_comm_agree(r->comm, err);
}

/* The owner gets its own copies of the specs; the ids follow the order, as settled in the plan. */
static int declare_outputs(runner *r)
{
	int err = c5_owner_clear(r->owner);
	for (size_t j = 0; err == C5_OK && j < r->plan.n_jobs; j++)
		for (size_t k = 0; err == C5_OK && k < r->plan.jobs[j].n_outputs; k++) {
			c5_array_spec copy;
			uint32_t id;
			if ((err = c5_spec_copy(&copy, &r->plan.jobs[j].outputs[k])) == C5_OK) err = c5_owner_declare(r->owner, &copy, &id);
		}
	return err;
}

static void tell_memory(const runner *r, const c5_step *step, const c5_step_ops *ops)
{
	size_t most = 0;
	for (size_t j = 0; j < r->plan.n_jobs; j++) {
		size_t n = r->plan.jobs[j].error || !r->plan.jobs[j].n_outputs ? 0 : ops->bytes(step, &r->plan.jobs[j]);
		if (n > most) most = n;
	}
	const bool ingest = strcmp(step->kind->name, "ingest") == 0;
	const char *what = ingest ? "channel" : "experiment";
	char of[64] = "";
	if (ingest) snprintf(of, sizeof of, " of %zu experiment%s", r->n_names, r->n_names == 1 ? "" : "s");
	size_t todo = 0;
	for (size_t j = 0; j < r->plan.n_jobs; j++) todo += r->plan.jobs[j].n_outputs > 0;
	if (r->plan.skipped)
		c5_log(C5_LOG_INFO, "%s: %llu %s%s as before", step->kind->name, (unsigned long long)r->plan.skipped, what, r->plan.skipped == 1 ? "" : "s");
	if (todo) c5_log(C5_LOG_INFO, "%s: %zu %s%s%s in %zu part%s, at most about %zu MiB of memory a rank", step->kind->name, todo, what,
		todo == 1 ? "" : "s", of, r->plan.n_units, r->plan.n_units == 1 ? "" : "s",
		(most + (c5_comm_size(r->comm) > 1 ? C5_OUTBOX_BYTES : 0) + (c5_threads() > 1 ? C5_PACKERS_BYTES : 0)) / (1u << 20) + 24);
	c5_event("step", "sii", "step", step->kind->name, "jobs", (int64_t)r->plan.n_jobs, "units", (int64_t)r->plan.n_units, (char *)NULL);
}

/* Takes units until there are none left. What goes wrong with an experiment is told to the owner; what goes wrong with the sink ends the run. */
static int work_units(runner *r, const c5_step *step, const c5_step_ops *ops)
{
	uint8_t *bad;
	int err = c5_alloc(&bad, r->plan.n_jobs, 1);
	if (err < 0) return err;
	for (;;) {
		if ((err = c5_worker_poll(&r->worker)) < 0) break;
		uint64_t i = c5_comm_counter_next(r->comm);
		if (i >= r->plan.n_units) break;
		const c5_unit *unit = &r->plan.units[i];
		const c5_job *job = &r->plan.jobs[unit->job];
		if (!bad[unit->job] && (err = ops->work(&r->worker, &r->context, step, job, unit)) < 0) {
			if (err == C5_ESTOP || r->worker.sink_error < 0) break;
			bad[unit->job] = 1;
			if ((err = c5_exchange_job_failed(r->exchange, unit->job, c5_error_last())) < 0) break;
		}
		if ((err = c5_exchange_unit_done(r->exchange, unit->job)) < 0) break;
	}
	free(bad);
	if (err == C5_OK || err == C5_ESTOP) {
		int last = c5_worker_hand_over(&r->worker);
		if (last < 0) err = last;
	}
	return err;
}

static int drop_outputs(runner *r, const c5_job *job)
{
	for (size_t k = 0; k < job->n_outputs; k++) {
		const char *path = job->outputs[k].path;
		int err = c5_exists(r->context.file, path) ? c5_unlink(r->context.file, path) : C5_OK;
		if (err < 0) return err;
	}
	return C5_OK;
}

static const char *failure_at(const runner *r, size_t j)
{
	return r->plan.jobs[j].error ? r->plan.jobs[j].error : c5_exchange_failure(r->exchange, (uint32_t)j);
}

/* Rank 0: arrays that nothing was put into are made, failures recorded and their unfinished results taken out again, when the owner has let go of
 * them. */
static int finish_step(runner *r, const c5_step *step, const c5_step_ops *ops)
{
	int err = C5_OK;
	for (size_t j = 0; err == C5_OK && j < r->plan.n_jobs; j++) {
		const c5_job *job = &r->plan.jobs[j];
		for (size_t k = 0; err == C5_OK && !failure_at(r, j) && k < job->n_outputs; k++) err = c5_owner_touch(r->owner, job->first_array + (uint32_t)k);
	}
	if (err == C5_OK) err = c5_owner_clear(r->owner);
	for (size_t j = 0; err == C5_OK && j < r->plan.n_jobs; j++) {
		const c5_job *job = &r->plan.jobs[j];
		if (failure_at(r, j) && (err = add_failure(r, job->experiment.name, failure_at(r, j))) == C5_OK) err = drop_outputs(r, job);
	}
	for (size_t j = 0; err == C5_OK && ops == &c5_step_simulate && j < r->plan.n_jobs; j++)
		if (!has_name(r, r->plan.jobs[j].experiment.name)) err = add_name(r, r->plan.jobs[j].experiment.name);
	for (size_t j = 0; err == C5_OK && ops->finish && j < r->plan.n_jobs; j++)
		if (r->plan.jobs[j].n_outputs && !failure_of(r, r->plan.jobs[j].experiment.name)) err = ops->finish(&r->context, step, &r->plan.jobs[j]);
	return err < 0 ? err : c5_owner_commit(r->owner, true);
}

static int run_phase(runner *r, const c5_step *step, const c5_step_ops *ops)
{
	double start = c5_clock_s();
	int err = plan_step(r, step, ops);
	if (err < 0) return err;
	if (first_rank(r)) {
		tell_memory(r, step, ops);
		/* What planning made (groups of new experiments) must be committed before others look. */
		if ((err = declare_outputs(r)) == C5_OK) err = c5_file_commit(r->context.file, true);
	}
	if ((err = c5_comm_agree(r->comm, err)) < 0 || (err = c5_exchange_begin(r->exchange, r->plan.n_units, r->plan.n_jobs)) < 0) return err;
	c5_progress_begin(step->kind->name, r->plan.n_units);
	err = work_units(r, step, ops);
	c5_worker_refresh(&r->worker);
	err = c5_exchange_end(r->exchange, err);
	c5_progress_end();
	if (err == C5_OK && first_rank(r)) err = finish_step(r, step, ops);
	err = c5_comm_agree(r->comm, err);
	r->summary->units += r->plan.n_units;
	r->summary->skipped += r->plan.skipped;
	if (first_rank(r)) c5_event("step-end", "sf", "step", step->kind->name, "seconds", c5_clock_s() - start, (char *)NULL);
	c5_plan_free(&r->plan);
	return err;
}

/* A step of all ranks together. */
static int run_training(runner *r, const c5_step *step)
{
	double start = c5_clock_s();
	c5_train_place *at = &r->training;
	at->container = r->request->container;
	at->file = r->context.file;
	at->run = r->context.run;
	at->resumed = r->summary->resumed;
	at->reuse = r->context.reuse;
	if (first_rank(r)) c5_event("step", "sii", "step", step->kind->name, "jobs", (int64_t)0, "units", (int64_t)0, (char *)NULL);
	int err = c5_train_step_run(r->comm, step, at);
	c5_worker_refresh(&r->worker);
	r->summary->skipped += at->skipped;
	at->skipped = 0;
	if (first_rank(r)) c5_event("step-end", "sf", "step", step->kind->name, "seconds", c5_clock_s() - start, (char *)NULL);
	return err;
}

static int run_step(runner *r, const c5_step *step)
{
	int err = C5_OK;
	if (!c5_step_find(step->kind->name)->plan) return run_training(r, step);
	for (const c5_step_ops *ops = c5_step_find(step->kind->name); ops && err == C5_OK; ops = ops->then) err = run_phase(r, step, ops);
	return err;
}

/* ---- dry run ---- */

static int tell_plan(const runner *r)
{
	const c5_scan *s = r->context.scan;
	double bytes = 0;
	if (!first_rank(r)) return C5_OK;
	for (size_t i = 0; s && i < s->n_series; i++) {
		const c5_series *q = &s->series[i];
		double size = (double)q->t * q->z * q->height * q->width * (double)c5_dtype_size(q->dtype);
		if (q->error) {
			printf("%-32s %-12s cannot be read: %s\n", q->experiment, q->channel, q->error);
			continue;
		}
		bytes += size;
		printf("%-32s %-12s %6u frame%s", q->experiment, q->channel, q->t, q->t == 1 ? "" : "s");
		if (q->z > 1) printf(" of %u planes", q->z);
		printf(", %ux%u %s", q->height, q->width, c5_dtype_name(q->dtype));
		if (!isnan(q->pixel_size_um)) printf(", %g um/px", q->pixel_size_um);
		if (!isnan(q->frame_interval_s)) printf(", every %g s", q->frame_interval_s);
		printf(", %.1f MB\n", size / 1e6);
	}
	if (s)
		printf("%zu channel%s, %.1f MB of pixels from %zu file%s; about %zu MiB of memory a rank\n", s->n_series, s->n_series == 1 ? "" : "s",
			bytes / 1e6, s->n_files, s->n_files == 1 ? "" : "s",
			(size_t)64 + (size_t)C5_OUTBOX_BYTES / (1u << 20));
	for (size_t i = 0; i < r->pipeline->n; i++) printf("step %zu: %s\n", i + 1, r->pipeline->steps[i].kind->name);
	printf("nothing was written\n");
	return C5_OK;
}

/* ---- all of it ---- */

static void close_all(runner *r)
{
	c5_worker_close(&r->worker);
	c5_exchange_close(r->exchange);
	c5_owner_close(r->owner);
	c5_plan_free(&r->plan);
	c5_scan_free(r->context.scan);
	c5_run_info_free(&r->info);
	free(r->hosts);
	c5_train_place_free(&r->training);
	for (size_t i = 0; i < r->n_failed; i++) {
		free(r->failed[i].name);
		free(r->failed[i].why);
	}
	free(r->failed);
	c5_names_free(r->names, r->n_names);
	free(r->context.names);
}

/* Closing may fail too (a full disk), but never hides the first error. */
static int close_container(runner *r, int err)
{
	char why[1024];
	if (!r->context.file) return err;
	snprintf(why, sizeof why, "%s", c5_error_last());
	int closed = c5_file_close(r->context.file);
	r->context.file = NULL;
	bool nothing = r->created && err < 0 && err != C5_ESTOP && err != C5_EPARTIAL && r->n_failed == r->n_names && r->n_names > 0;
	if (nothing) unlink(r->request->container); /* made for this run, and nothing came of it */
	return err < 0 ? c5_fail(err, "%s", why) : closed;
}

/* Whether all models that a step asks for are made by steps before it. */
static bool models_come(const runner *r, size_t s)
{
	const c5_step *step = &r->pipeline->steps[s];
	const c5_opt *row = c5_opt_find(step->kind->opts, "model");
	char *words = row ? c5_opt_get(row, step->params) : NULL, *save = NULL;
	bool all = words != NULL;
	for (char *word = words ? strtok_r(words, ", ", &save) : NULL; word && all; word = strtok_r(NULL, ", ", &save))
		all = c5_step_makes_model(r->pipeline->steps, s, word);
	free(words);
	return all;
}

static int steps_ready(const runner *r)
{
	int err = C5_OK;
	for (size_t s = 0; err == C5_OK && s < r->pipeline->n; s++)
		if (!models_come(r, s)) err = c5_step_ready(&r->pipeline->steps[s], r->request->container);
	return err;
}

int c5_run_pipeline(c5_comm *comm, const c5_pipeline *pipeline, const c5_run_request *request, c5_run_summary *summary)
{
	runner r = { .comm = comm, .pipeline = pipeline, .request = request, .summary = summary };
	double start = c5_clock_s();
	int err;
	memset(summary, 0, sizeof *summary);
	r.context.reuse = strcmp(request->command, "run") == 0 && !request->recompute; /* a step called by its name is wanted anew */
	r.commit_every_s = request->commit_every_s > 0 ? request->commit_every_s : pipeline->commit_every_s;
	if ((err = scan_inputs(&r)) < 0) goto done;
	if (request->dry_run) { err = tell_plan(&r); goto done; }
	if ((err = c5_comm_hosts(comm, &r.hosts)) < 0) goto done;
	if (first_rank(&r) && (err = steps_ready(&r)) == C5_OK && (err = open_container(&r)) == C5_OK && (err = find_names(&r)) == C5_OK &&
	    (err = begin_run(&r)) == C5_OK)
		err = c5_owner_open(&r.owner, r.context.file);
	if ((err = c5_comm_agree(comm, err)) < 0) goto done;
	r.context.run = (uint32_t)c5_comm_max(comm, r.context.run);
	if ((err = c5_exchange_open(&r.exchange, comm, r.owner, request->container, r.commit_every_s)) < 0) goto done;
	err = c5_worker_open(&r.worker, request->container, c5_exchange_sink(r.exchange));
	if ((err = c5_comm_agree(comm, err)) < 0) goto done;

	for (size_t s = 0; s < pipeline->n; s++)
		if ((err = run_step(&r, &pipeline->steps[s])) < 0) goto done;

	if (first_rank(&r)) {
		err = end_run(&r);
		if (err == C5_OK && r.n_failed) {
			if (r.n_failed == r.n_names)
				err = c5_fail(C5_EINPUT, "%s%s%s", r.failed[0].why, r.n_failed > 1 ? "; and so on: " : "", r.n_failed > 1 ? "no experiment could be done" : "");
			else err = c5_fail(C5_EPARTIAL, "%zu of %zu experiments failed and are left out; `cyto5 log %s %s` says why", r.n_failed, r.n_names,
				request->container, c5_revision_name(r.context.run));
		}
	}
	err = c5_comm_agree(comm, err);
done:
	if (r.exchange) summary->commits = c5_exchange_commits(r.exchange);
	summary->experiments = r.n_names;
	summary->failed = r.n_failed;
	c5_exchange_close(r.exchange);
	r.exchange = NULL;
	if (first_rank(&r)) {
		c5_owner_close(r.owner);
		r.owner = NULL;
		err = close_container(&r, err);
	}
	err = c5_comm_agree(comm, err);
	close_all(&r);
	summary->seconds = c5_clock_s() - start;
	return err;
}
