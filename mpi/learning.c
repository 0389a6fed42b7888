/* learning.c – see learning.h. */
#include "mpi/learning.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "pipeline/identify_fit.h"

static int open_training(c5_trainer *t, int k, c5_trainee *it)
{
	c5_learning *l = t->ctx;
	int err = c5_learn_begin(l->what, k, &l->now);
	*it = (c5_trainee){ .params = l->what->set->train };
	if (err < 0) return err;
	it->feed = l->now.feed;
	it->params.seed = (int64_t)l->now.seed;
	it->losses[0] = l->now.loss;
	it->n_losses = 1;
	it->weights = l->now.weights;
	l->now.weights = NULL;
	if (k == 0 && l->what->from)
		c5_log(C5_LOG_INFO, "%d layers taken from %s, %d begin%s anew", l->what->taken, l->what->source, l->what->left, l->what->left == 1 ? "s" : "");
	return C5_OK;
}

static void close_training(c5_trainer *t, int k, c5_trainee *it)
{
	c5_learning *l = t->ctx;
	(void)k, (void)it;
	c5_learn_end(&l->now);
}

static int describe(c5_trainer *t, int k, c5_stored_model *s)
{
	c5_learning *l = t->ctx;
	const c5_dataset *d = l->what->data;
	char **names;
	int err = c5_learn_describe(l->what, k, s);
	if (err < 0 || (err = c5_alloc(&names, d->n_sources, sizeof *names)) < 0) return err;
	for (size_t i = 0; i < d->n_sources; i++) names[i] = d->sources[i].experiment;
	c5_fit_note(s, l->container, names, d->n_sources);
	free(names);
	if (l->settings && !(s->settings = c5_strdup(l->settings))) err = c5_fail(C5_ENOMEM, "out of memory");
	return err;
}

int c5_learning_begin(c5_trainer *t, c5_learning *l, const char *container, const c5_learn_settings *set, const char *name)
{
	int err = c5_learn_open(&l->what, container, set);
	l->container = container;
	if (err < 0 || (err = c5_alloc(&t->names, (size_t)l->what->n + 1, sizeof *t->names)) < 0) return err;
	t->n = l->what->n;
	for (int k = 0; k < t->n && err == C5_OK; k++)
		if (!(t->names[k] = c5_learn_name(l->what, name ? name : l->what->model->name, k))) err = c5_fail(C5_ENOMEM, "out of memory");
	t->model = l->what->model;
	t->layer_rate = l->what->layer_rate;
	t->freeze_upto = l->what->freeze_upto;
	t->open = open_training;
	t->close = close_training;
	t->describe = describe;
	return err;
}

void c5_learning_end(c5_trainer *t, c5_learning *l)
{
	for (int k = 0; t->names && k < t->n; k++) free(t->names[k]);
	free(t->names);
	t->names = NULL;
	c5_learn_close(l->what);
	l->what = NULL;
	free(l->settings);
	l->settings = NULL;
}
