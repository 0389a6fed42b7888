/* train_step.c – see train_step.h. */
#include "mpi/train_step.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "mpi/learning.h"
#include "pipeline/train_step.h"

typedef struct part { c5_learning learning; int64_t epochs; uint64_t done; } part; /* the trainer's ctx */

static void told(c5_trainer *t, int k, const c5_train_state *s, double items_per_s, bool better)
{
	part *p = t->ctx;
	const c5_epoch *e = &s->history[s->epoch - 1];
	(void)better;
	c5_progress_at(++p->done);
	c5_event("epoch", "siffff", "model", t->names[k], "epoch", (int64_t)e->epoch, "loss", e->loss, "validation_loss", e->validation_loss, "rate",
		e->rate, "items_per_s", items_per_s, (char *)NULL);
}

static int finished(c5_trainer *t, int k, const c5_train_state *s, const float *const *outputs, const size_t *counts, int n)
{
	const c5_epoch *e = s->best_epoch ? &s->history[s->best_epoch - 1] : NULL;
	c5_buf b = { 0 };
	(void)outputs, (void)counts, (void)n;
	if (e) c5_text_addf(&b, "; best was epoch %u: loss %.4f", s->best_epoch, e->loss);
	if (e && !isnan(e->validation_loss)) c5_text_addf(&b, ", validation %.4f", e->validation_loss);
	for (int i = 0; e && i < s->n_figures; i++) c5_text_addf(&b, ", %s %.4f", s->figures[i], e->figures[i]);
	char *best = c5_text_take(&b);
	c5_log(C5_LOG_INFO, "train: %s: %s%u epochs%s", t->names[k], s->epoch ? "" : "done before, ", s->epoch, best ? best : "");
	free(best);
	return C5_OK;
}

/* Rank 0: what is to be published when the run is complete. */
static int note_models(c5_train_place *at, const c5_trainer *t)
{
	int err = c5_grow(&at->models, &at->cap_models, at->n_models + (size_t)t->n, sizeof *at->models);
	for (int k = 0; k < t->n && err == C5_OK; k++)
		if (!(at->models[at->n_models++] = c5_strdup(t->names[k]))) err = c5_fail(C5_ENOMEM, "out of memory");
	return err;
}

static int run_part(c5_comm *comm, c5_train_place *at, const c5_train_step *p, c5_trainer *t, part *mine)
{
	bool first = c5_comm_rank(comm) == 0, same = false;
	int err = C5_OK;
	if (first && at->reuse) err = c5_train_step_reuse(at->file, mine->learning.what, t->names, mine->learning.settings, &same);
	if ((err = c5_comm_agree(comm, err)) < 0) return err;
	if (c5_comm_max(comm, same)) {
		if (first) c5_log(C5_LOG_INFO, "train: %s is there already, by the same settings from the same crops", t->names[0]);
		at->skipped++;
		return C5_OK;
	}
	c5_progress_begin("train", (uint64_t)(p->learn.train.epochs * t->n));
	err = c5_train_run(comm, t);
	c5_progress_end();
	if (err == C5_OK && first) err = note_models(at, t);
	return c5_comm_agree(comm, err);
}

int c5_train_step_run(c5_comm *comm, const c5_step *step, c5_train_place *at)
{
	const c5_train_step *p = step->params;
	c5_learn_settings set = p->learn;
	part mine = { .epochs = p->learn.train.epochs };
	c5_trainer t = { .command = "run", .container = at->container, .device = p->device, .seed = p->learn.train.seed, .within = true, .file = at->file,
		.run = at->run, .resumed = at->resumed, .ctx = &mine, .told = told, .finished = finished };
	set.labelled.run = at->run;
	int err = c5_learning_begin(&t, &mine.learning, at->container, &set, p->name);
	if (err == C5_OK && !(mine.learning.settings = c5_train_step_text(p))) err = c5_fail(C5_ENOMEM, "out of memory");
	if ((err = c5_comm_agree(comm, err)) == C5_OK) err = run_part(comm, at, p, &t, &mine);
	c5_learning_end(&t, &mine.learning);
	return err;
}

int c5_train_step_publish(const c5_train_place *at)
{
	int err = C5_OK;
	for (size_t i = 0; i < at->n_models && err == C5_OK; i++) err = c5_stored_model_publish(at->file, at->models[i], at->run);
	return err;
}

void c5_train_place_free(c5_train_place *at)
{
	for (size_t i = 0; i < at->n_models; i++) free(at->models[i]);
	free(at->models);
	at->models = NULL;
	at->n_models = at->cap_models = 0;
}
