/* trainer.c – see trainer.h. The main line is c5_train_run, at the bottom; rank 0 alone touches the container for writing. */
#include "mpi/trainer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/threads.h"
#include "container/run.h"
#include "mpi/allreduce.h"
#include "mpi/post.h"
#include "mpi/record.h"
#include "pipeline/train_state.h"
#include "pipeline/trained.h"

#define READ_TRIES 6

enum { POST_CHECKPOINT, POST_EPOCH, POST_FINISHED, POST_FAILED, POST_OVER };

typedef struct trainer {
	c5_comm *world, *group;
	c5_trainer *t;
	c5_together together;
	c5_post *post;
	c5_device *device;
	int groups, mine;          /* how many, and this rank's */
	/* rank 0 */
	c5_file *file;
	c5_run_info info;
	int over;                  /* groups that are through, for better or worse */
	int failed;                /* code of the first that failed */
	char why[1024];
} trainer;

/* One training of this rank's group. */
typedef struct training { trainer *r; int k; c5_trainee it; c5_train_state state; c5_train_job job; c5_keeper keeper; bool done_before; } training;

static bool first_rank(const trainer *r) { return c5_comm_rank(r->world) == 0; }

/* ---- rank 0: the container ---- */

static int open_container(trainer *r)
{
	char purpose[64];
	if (access(r->t->container, F_OK) != 0) return c5_fail(C5_ENOTFOUND, "%s: no such container; make it with `cyto5 ingest`", r->t->container);
	snprintf(purpose, sizeof purpose, "cyto5 %s", r->t->command);
	return c5_file_open(&r->file, r->t->container, C5_WRITE, purpose);
}

/* Takes hosts when the run keeps them. */
static int begin_run(trainer *r, char **hosts)
{
	c5_trainer *t = r->t;
	c5_run_info *i = &r->info;
	uint32_t number;
	int err = c5_run_unfinished(r->file, &number);
	if (err < 0 && err != C5_ENOTFOUND) return err;
	if (err == C5_OK && t->resume) {
		if ((err = c5_run_read(r->file, number, i)) < 0) return err;
		if (!i->configuration || strcmp(i->configuration, t->configuration) != 0 || !i->command || strcmp(i->command, t->command) != 0)
			return c5_fail(C5_EUSAGE, "%s: the settings differ from those of the unfinished %s; go on with the same ones, or start a new run without --resume",
				t->container, c5_revision_name(number));
		t->resumed = true;
	} else if (err == C5_OK)
		c5_log(C5_LOG_WARN, "%s was interrupted and is left as it is; --resume would have gone on with it", c5_revision_name(number));
	free(i->hosts);
	free(i->devices);
	i->hosts = *hosts;
	*hosts = NULL;
	i->devices = c5_strdup(c5_device_name(r->device));
	i->ranks = c5_comm_size(r->world);
	i->threads = c5_threads();
	if (t->resumed) err = c5_run_resume(r->file, i);
	else {
		i->command = c5_strdup(t->command);
		i->command_line = c5_strdup(t->command_line);
		i->configuration = c5_strdup(t->configuration);
		i->inputs = c5_strdup(t->inputs);
		i->seed = t->seed;
		c5_record_describe(i);
		err = c5_run_begin(r->file, i);
	}
	t->run = i->number;
	return err < 0 ? err : c5_file_commit(r->file, true);
}

static int keep_checkpoint(trainer *r, int k, const c5_checkpoint *c)
{
	int err = c5_checkpoint_write(r->file, r->t->names[k], r->t->run, "last", c);
	return err < 0 ? err : c5_file_commit(r->file, true);
}

/* The best epoch's weights become the model; the checkpoint goes. `note`: why it ended before its time. */
static int keep_model(trainer *r, int k, const c5_train_state *s, const char *note)
{
	c5_stored_model m;
	c5_stored_model_init(&m);
	int err = r->t->describe(r->t, k, &m);
	if (err == C5_OK) err = c5_trained_pack(&m, r->t->model, s->best_weights ? s->best_weights : s->weights);
	if (err == C5_OK) err = c5_train_state_tell(&m, s);
	if (err == C5_OK && note) {
		free(m.note);
		if (!(m.note = c5_strdup(note))) err = c5_fail(C5_ENOMEM, "out of memory");
	}
	if (err == C5_OK) err = c5_stored_model_write(r->file, r->t->names[k], r->t->run, &m);
	if (err == C5_OK && !note) err = c5_checkpoint_drop(r->file, r->t->names[k], r->t->run);
	c5_stored_model_free(&m);
	return err < 0 ? err : c5_file_commit(r->file, true);
}

static void training_failed(trainer *r, int k, int code, const char *why)
{
	if (code == C5_ESTOP) {
		if (!r->failed) r->failed = code, snprintf(r->why, sizeof r->why, "%s", why);
		return;
	}
	if (r->t->n > 1) c5_log(C5_LOG_WARN, "%s: %s", r->t->names[k], why);
	if (r->failed && r->failed != C5_ESTOP) return;
	r->failed = code;
	snprintf(r->why, sizeof r->why, "%s%s%s", r->t->n > 1 ? r->t->names[k] : "", r->t->n > 1 ? ": " : "", why);
}

/* ---- what travels to rank 0 ---- */

static void put_state(c5_buf *b, int k, const c5_train_state *s, bool arrays)
{
	c5_checkpoint c = { 0 };
	float *history = NULL;
	b->err = b->err < 0 ? b->err : c5_train_state_to_checkpoint(&c, &history, s);
	c5_buf_put_u64(b, (uint64_t)k);
	c5_buf_put_u64(b, (uint64_t)c.epoch);
	c5_buf_put_u64(b, (uint64_t)c.step);
	c5_buf_put_str(b, c.state);
	int n = arrays ? c.n_arrays : 1; /* the history at least */
	c5_buf_put_u64(b, (uint64_t)n);
	for (int i = 0; i < n && i < c.n_arrays; i++) {
		c5_buf_put_str(b, c.arrays[i].name);
		c5_buf_put_u64(b, c.arrays[i].count);
		c5_buf_put(b, c.arrays[i].data, c.arrays[i].count * sizeof(float));
	}
	free(c.state);
	free(history);
}

/* c5_checkpoint_free is due. */
static int get_checkpoint(c5_buf *b, int *k, c5_checkpoint *c)
{
	uint64_t number, epoch, step, n, count;
	*c = (c5_checkpoint){ 0 };
	int err = c5_buf_get_u64(b, &number);
	if (err == C5_OK) err = c5_buf_get_u64(b, &epoch);
	if (err == C5_OK) err = c5_buf_get_u64(b, &step);
	if (err == C5_OK) err = c5_buf_get_str(b, &c->state);
	if (err == C5_OK) err = c5_buf_get_u64(b, &n);
	for (uint64_t i = 0; err == C5_OK && i < n && i < C5_CHECKPOINT_ARRAYS; i++) {
		char *name = NULL;
		if ((err = c5_buf_get_str(b, &name)) < 0) break;
		snprintf(c->arrays[i].name, sizeof c->arrays[i].name, "%s", name ? name : "");
		free(name);
		if ((err = c5_buf_get_u64(b, &count)) < 0 || (err = c5_alloc_aligned(&c->arrays[i].data, count + 1, sizeof(float))) < 0) break;
		c->n_arrays++;
		c->arrays[i].count = count;
		err = c5_buf_get(b, c->arrays[i].data, count * sizeof(float));
	}
	if (err < 0) {
		c5_checkpoint_free(c);
		return err;
	}
	*k = (int)number;
	c->epoch = (int64_t)epoch;
	c->step = (int64_t)step;
	return C5_OK;
}

static void put_outputs(c5_buf *b, const float *const *outputs, const size_t *counts, int n)
{
	c5_buf_put_u64(b, (uint64_t)n);
	for (int i = 0; i < n; i++) {
		c5_buf_put_u64(b, counts[i]);
		c5_buf_put(b, outputs[i], counts[i] * sizeof(float));
	}
}

static int get_outputs(c5_buf *b, float **outputs, size_t *counts, int *n)
{
	uint64_t count, many;
	int err = c5_buf_get_u64(b, &many);
	*n = 0;
	for (uint64_t i = 0; err == C5_OK && i < many && i < C5_FEED_PORTS; i++) {
		if ((err = c5_buf_get_u64(b, &count)) < 0 || (err = c5_alloc_aligned(&outputs[i], count + 1, sizeof(float))) < 0) break;
		counts[(*n)++] = count;
		err = c5_buf_get(b, outputs[i], count * sizeof(float));
	}
	return err;
}

/* Training k is through, here or elsewhere. `again`: it was so before this run went on. */
static int finish(trainer *r, int k, const c5_train_state *s, bool again, const float *const *outputs, const size_t *counts, int n)
{
	int err = again ? C5_OK : keep_model(r, k, s, NULL);
	return err == C5_OK && r->t->finished ? r->t->finished(r->t, k, s, outputs, counts, n) : err;
}

static int take_finished(trainer *r, c5_buf *b)
{
	c5_checkpoint c = { 0 };
	c5_train_state s = { 0 };
	float *outputs[C5_FEED_PORTS] = { NULL };
	size_t counts[C5_FEED_PORTS];
	uint64_t again = 0;
	int k, n = 0, err = get_checkpoint(b, &k, &c);
	if (err == C5_OK) err = c5_train_state_from_checkpoint(&s, &c, r->t->model);
	if (err == C5_OK) err = c5_buf_get_u64(b, &again);
	if (err == C5_OK) err = get_outputs(b, outputs, counts, &n);
	if (err == C5_OK) err = finish(r, k, &s, again != 0, (const float *const *)outputs, counts, n);
	for (int i = 0; i < C5_FEED_PORTS; i++) free(outputs[i]);
	c5_train_state_free(&s);
	c5_checkpoint_free(&c);
	return err;
}

static int take_failed(trainer *r, c5_buf *b)
{
	uint64_t k, code, best;
	char *why = NULL;
	int err = c5_buf_get_u64(b, &k);
	if (err == C5_OK) err = c5_buf_get_u64(b, &code);
	if (err == C5_OK) err = c5_buf_get_str(b, &why);
	if (err == C5_OK) err = c5_buf_get_u64(b, &best);
	if (err == C5_OK && best) {
		c5_checkpoint c = { 0 };
		c5_train_state s = { 0 };
		int same;
		if ((err = get_checkpoint(b, &same, &c)) == C5_OK && (err = c5_train_state_from_checkpoint(&s, &c, r->t->model)) == C5_OK)
			err = keep_model(r, (int)k, &s, why);
		c5_train_state_free(&s);
		c5_checkpoint_free(&c);
	}
	if (err == C5_OK) training_failed(r, (int)k, -(int)code, why ? why : "");
	free(why);
	return err;
}

static int take_epoch(trainer *r, c5_buf *b)
{
	c5_checkpoint c = { 0 };
	c5_train_state s = { 0 };
	uint64_t better = 0;
	int k, err = get_checkpoint(b, &k, &c);
	/* without arrays, but with weights enough for the text to be read */
	c5_weights *none = NULL;
	if (err == C5_OK) err = c5_weights_new(&none, r->t->model);
	if (err == C5_OK) {
		int last = c.n_arrays++;
		snprintf(c.arrays[last].name, sizeof c.arrays[last].name, "weights");
		c.arrays[last].data = none->data, c.arrays[last].count = none->count;
		err = c5_train_state_from_checkpoint(&s, &c, r->t->model);
		c.arrays[last].data = NULL;
		c.n_arrays = last;
	}
	if (err == C5_OK) err = c5_buf_get_u64(b, &better);
	if (err == C5_OK && r->t->told) r->t->told(r->t, k, &s, 0, better != 0);
	c5_weights_free(none);
	c5_train_state_free(&s);
	c5_checkpoint_free(&c);
	return err;
}

static int take_checkpoint(trainer *r, c5_buf *b)
{
	c5_checkpoint c;
	int k, err = get_checkpoint(b, &k, &c);
	if (err < 0) return err;
	err = keep_checkpoint(r, k, &c);
	c5_checkpoint_free(&c);
	return err;
}

/* Rank 0 does what the others' messages ask for: those that are there, or, to the end, all there will be. After an error they are only taken, so that
 * nobody waits for ever. */
static int serve(trainer *r, bool to_the_end, int err)
{
	static int (*const take[])(trainer *, c5_buf *) = { take_checkpoint, take_epoch, take_finished, take_failed };
	char why[1024];
	c5_buf b;
	int kind, got;
	snprintf(why, sizeof why, "%s", c5_error_last());
	while (!to_the_end || r->over < r->groups - 1) {
		if ((got = c5_post_take(r->post, to_the_end, &kind, &b)) == 0) break;
		if (got < 0) c5_comm_abort(r->world, C5_EXIT_FAILURE); /* no memory even for a message */
		if (kind == POST_OVER) r->over++;
		else if (err == C5_OK && (err = take[kind](r, &b)) < 0) snprintf(why, sizeof why, "%s", c5_error_last());
		c5_buf_free(&b);
	}
	return err < 0 ? c5_fail(err, "%s", why) : C5_OK;
}

/* ---- a training ---- */

static int keeper_save(c5_keeper *keeper, const c5_train_state *s)
{
	training *g = keeper->ctx;
	if (first_rank(g->r)) {
		c5_checkpoint c;
		float *history;
		int err = c5_train_state_to_checkpoint(&c, &history, s);
		if (err == C5_OK) err = keep_checkpoint(g->r, g->k, &c);
		free(c.state);
		free(history);
		return err < 0 ? err : serve(g->r, false, C5_OK);
	}
	c5_buf b = { 0 };
	put_state(&b, g->k, s, true);
	return c5_post_send(g->r->post, POST_CHECKPOINT, &b);
}

static void keeper_told(c5_keeper *keeper, const c5_train_state *s, double items_per_s, bool better)
{
	training *g = keeper->ctx;
	c5_trainer *t = g->r->t;
	if (first_rank(g->r)) {
		if (t->told) t->told(t, g->k, s, items_per_s, better);
		return;
	}
	c5_buf b = { 0 };
	put_state(&b, g->k, s, false);
	c5_buf_put_u64(&b, better);
	if (c5_post_send(g->r->post, POST_EPOCH, &b) < 0) c5_error_clear(); /* a line less is no loss */
}

static void keeper_step(c5_keeper *keeper, const c5_train_state *s, uint32_t steps, double loss)
{
	training *g = keeper->ctx;
	if (first_rank(g->r) && g->r->t->step) g->r->t->step(g->r->t, g->k, s, steps, loss);
}

/* Group's first rank: what the container has of training k. A reader beside the writer may meet a change and looks again. */
static int read_back(trainer *r, int k, c5_checkpoint *c, c5_weights **done)
{
	char path[160];
	c5_file *f = NULL;
	int err = C5_OK;
	snprintf(path, sizeof path, "/models/%s/%s/architecture", r->t->names[k], c5_revision_name(r->t->run));
	for (int tries = 0; tries < READ_TRIES; tries++) {
		c5_file *from = r->file;
		if (tries) usleep(5000);
		if (!from && (err = c5_file_open(&f, r->t->container, C5_READ, "working")) < 0) continue;
		if (!from) from = f;
		err = c5_checkpoint_read(from, r->t->names[k], r->t->run, "last", c);
		if (err == C5_ENOTFOUND && c5_exists(from, path)) {
			c5_stored_model m;
			c5_stored_model_init(&m);
			if ((err = c5_stored_model_read(from, r->t->names[k], r->t->run, true, &m)) == C5_OK) err = c5_trained_unpack(NULL, done, &m);
			c5_stored_model_free(&m);
		}
		c5_file_close(f);
		f = NULL;
		if (err == C5_OK || err == C5_ENOTFOUND || r->file) break;
	}
	return err;
}

static int share_buf(c5_together *t, c5_buf *b)
{
	uint64_t n = b->size;
	int err = t->agree(t, b->err);
	if (err < 0 || (err = t->share(t, &n, sizeof n)) < 0) return err;
	if (t->rank != 0) {
		b->size = b->at = 0;
		err = c5_grow(&b->data, &b->cap, n + 1, 1);
		b->size = n;
	}
	return (err = t->agree(t, err)) < 0 ? err : t->share(t, b->data, n);
}

/* All ranks of the group get where the training stood. */
static int take_up(training *g)
{
	trainer *r = g->r;
	c5_buf b = { 0 };
	c5_checkpoint c = { 0 };
	c5_weights *done = NULL;
	int err = C5_OK, k;
	if (r->together.rank == 0) {
		err = read_back(r, g->k, &c, &done);
		if (err == C5_ENOTFOUND) err = C5_OK; /* it had not come to a checkpoint */
		else if (err == C5_OK && !done) err = c5_train_state_from_checkpoint(&g->state, &c, r->t->model);
		c5_buf_put_u64(&b, done ? 2 : g->state.weights ? 1 : 0);
		if (done) g->state.weights = done, g->state.finished = true;
		if (done || g->state.weights) put_state(&b, g->k, &g->state, true);
		c5_checkpoint_free(&c);
	}
	err = r->together.agree(&r->together, err);
	if (err == C5_OK && (err = share_buf(&r->together, &b)) == C5_OK) {
		uint64_t what = 0;
		b.at = 0;
		err = c5_buf_get_u64(&b, &what);
		g->done_before = what == 2;
		if (err == C5_OK && what && r->together.rank != 0 && (err = get_checkpoint(&b, &k, &c)) == C5_OK) {
			err = c5_train_state_from_checkpoint(&g->state, &c, r->t->model);
			c5_checkpoint_free(&c);
		}
	}
	c5_buf_free(&b);
	return r->together.agree(&r->together, err);
}

/* Outputs of the validation part by the best weights, to rank 0 with the rest. */
static int tell_finished(training *g)
{
	trainer *r = g->r;
	c5_feed *f = g->it.feed;
	float *outputs[C5_FEED_PORTS] = { NULL };
	size_t counts[C5_FEED_PORTS];
	int err = C5_OK, n = f->n_validate ? g->job.n_losses : 0;
	for (int i = 0; i < n && err == C5_OK; i++) {
		counts[i] = f->n_validate * f->target_count[i];
		err = c5_alloc_aligned(&outputs[i], counts[i], sizeof(float));
	}
	const c5_weights *best = g->state.best_weights ? g->state.best_weights : g->state.weights;
	int batch = (int)((g->it.params.batch + g->it.params.micro - 1) / g->it.params.micro);
	err = r->together.agree(&r->together, err); /* predictions are made by all together */
	if (err == C5_OK && n) err = c5_train_predict(&g->job, best, f->n_train, f->n_validate, batch, outputs);
	if ((err = r->together.agree(&r->together, err)) == C5_OK && r->together.rank == 0) {
		if (first_rank(r)) err = finish(r, g->k, &g->state, g->done_before, (const float *const *)outputs, counts, n);
		else {
			c5_buf b = { 0 };
			put_state(&b, g->k, &g->state, true);
			c5_buf_put_u64(&b, g->done_before);
			put_outputs(&b, (const float *const *)outputs, counts, n);
			err = c5_post_send(r->post, POST_FINISHED, &b);
		}
	}
	for (int i = 0; i < C5_FEED_PORTS; i++) free(outputs[i]);
	return err;
}

/* What is left of a training whose loss went wrong: its best epoch, as a model nobody is pointed at. */
static int tell_failed(training *g, int code)
{
	trainer *r = g->r;
	char why[1024];
	bool keep = code == C5_EINPUT && g->state.best_weights && g->state.optimizer;
	snprintf(why, sizeof why, "%s", c5_error_last());
	if (r->together.rank != 0) return C5_OK;
	if (first_rank(r)) {
		int err = keep ? keep_model(r, g->k, &g->state, why) : C5_OK;
		training_failed(r, g->k, code, why);
		return err;
	}
	c5_buf b = { 0 };
	c5_buf_put_u64(&b, (uint64_t)g->k);
	c5_buf_put_u64(&b, (uint64_t)-code);
	c5_buf_put_str(&b, why);
	c5_buf_put_u64(&b, keep);
	if (keep) put_state(&b, g->k, &g->state, true);
	return c5_post_send(r->post, POST_FAILED, &b);
}

static int do_training(trainer *r, int k)
{
	training g = { .r = r, .k = k };
	int err = r->t->open(r->t, k, &g.it);
	g.keeper = (c5_keeper){ &g, keeper_save, keeper_told, keeper_step };
	g.job = (c5_train_job){ .model = r->t->model, .feed = g.it.feed, .losses = g.it.losses, .n_losses = g.it.n_losses, .params = &g.it.params,
		.layer_rate = r->t->layer_rate, .freeze_upto = r->t->freeze_upto, .together = &r->together, .device = r->device, .keeper = &g.keeper };
	err = r->together.agree(&r->together, err);
	if (err == C5_OK && r->t->resumed) err = take_up(&g);
	if (err == C5_OK && !g.state.weights) {
		g.state.weights = g.it.weights;
		g.it.weights = NULL;
	}
	if (err == C5_OK && !g.done_before) err = c5_train(&g.job, &g.state);
	int told = err == C5_OK ? tell_finished(&g) : tell_failed(&g, err);
	c5_weights_free(g.it.weights);
	g.it.weights = NULL;
	r->t->close(r->t, k, &g.it);
	c5_train_state_free(&g.state);
	return told < 0 ? told : err == C5_ESTOP ? err : C5_OK;
}

/* ---- all of it ---- */

static int end_run(trainer *r)
{
	int err = C5_OK;
	if (r->t->within && r->failed) return c5_fail(r->failed, "%s", r->why);
	if (r->t->within) return C5_OK;
	if (r->failed == C5_ESTOP) return c5_fail(C5_ESTOP, "%s", r->why); /* it stays unfinished, to be gone on with */
	for (int k = 0; !r->failed && k < r->t->n && err == C5_OK; k++) err = c5_stored_model_publish(r->file, r->t->names[k], r->t->run);
	if (r->failed) {
		r->info.failed = 1;
		free(r->info.failures);
		r->info.failures = c5_format("%s: %s\n", r->t->names[0], r->why);
	}
	if (err == C5_OK) err = c5_run_end(r->file, &r->info, r->failed ? "failed" : "complete");
	if (err == C5_OK) err = c5_file_commit(r->file, false);
	return err < 0 ? err : r->failed ? c5_fail(r->failed, "%s", r->why) : C5_OK;
}

/* The last word of a group's first rank to rank 0. */
static int end_group(trainer *r, int err)
{
	char why[1024];
	c5_buf b = { 0 };
	if (first_rank(r) || r->together.rank != 0) return err;
	snprintf(why, sizeof why, "%s", c5_error_last());
	c5_buf_put_u64(&b, 0);
	if (c5_post_send(r->post, POST_OVER, &b) < 0) c5_comm_abort(r->world, C5_EXIT_FAILURE);
	return err < 0 ? c5_fail(err, "%s", why) : C5_OK;
}

static int open_device(trainer *r)
{
	int err = c5_device_open(&r->device, r->t->device && *r->t->device ? r->t->device : "auto");
	if (err == C5_OK) snprintf(r->t->device_name, sizeof r->t->device_name, "%s", c5_device_name(r->device));
	return err;
}

static int open_all(trainer *r)
{
	char *hosts = NULL;
	int ranks = c5_comm_size(r->world), err;
	r->groups = r->t->n < ranks ? r->t->n : ranks;
	r->mine = (int)((long long)c5_comm_rank(r->world) * r->groups / ranks);
	if ((err = c5_comm_agree(r->world, open_device(r))) < 0 || (err = c5_comm_hosts(r->world, &hosts)) < 0) return err;
	if (r->t->within) r->file = r->t->file;
	else if (first_rank(r) && (err = open_container(r)) == C5_OK) err = begin_run(r, &hosts);
	free(hosts);
	if ((err = c5_comm_agree(r->world, err)) < 0) return err;
	r->t->run = (uint32_t)c5_comm_max(r->world, r->t->run);
	r->t->resumed = c5_comm_max(r->world, r->t->resumed) > 0;
	if ((err = c5_comm_split(&r->group, r->world, r->mine)) < 0) return err;
	if ((err = c5_comm_agree(r->world, c5_allreduce_open(&r->together, r->group))) < 0) return err;
	return c5_post_open(&r->post, r->world);
}

int c5_train_run(c5_comm *comm, c5_trainer *t)
{
	trainer r = { .world = comm, .t = t };
	int err = open_all(&r);
	if (err < 0) goto done;
	for (int k = r.mine; k < t->n && err == C5_OK; k += r.groups) err = do_training(&r, k);
	err = end_group(&r, err);
	if (first_rank(&r)) {
		err = serve(&r, true, err == C5_ESTOP ? C5_OK : err);
		if (err == C5_OK) err = end_run(&r);
	}
	err = c5_comm_agree(comm, err);
done:
	if (r.together.ctx) c5_allreduce_close(&r.together);
	c5_post_close(r.post);
	if (r.group) c5_comm_close(r.group);
	c5_device_close(r.device);
	if (r.file && !t->within) {
		char why[1024];
		snprintf(why, sizeof why, "%s", c5_error_last());
		int closed = c5_file_close(r.file);
		err = err < 0 ? c5_fail(err, "%s", why) : closed;
	}
	err = c5_comm_agree(comm, err);
	c5_run_info_free(&r.info);
	return err;
}
