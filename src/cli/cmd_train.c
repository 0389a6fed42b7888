/* cmd_train.c – `cyto5 train FILE.h5`: a classifier, an ensemble of them, or one a fold, fitted to the crops of a container on all ranks. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/disk.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/signal.h"
#include "base/text.h"
#include "base/threads.h"
#include "cli/cli.h"
#include "cli/curve.h"
#include "cli/job.h"
#include "cli/shifted.h"
#include "cli/trained_summary.h"
#include "mpi/learning.h"
#include "pipeline/train_step.h"

typedef struct train_set { char *name, *config, *augment, *device, *predictions; bool resume; } train_set;

static const c5_opt set_opts[] = {
	{ "name", C5_OPT_TEXT, offsetof(train_set, name), NULL, 0, 0, NULL, "NAME", "of the model in the container; default: the network's" },
	{ "config", C5_OPT_TEXT, offsetof(train_set, config), NULL, 0, 0, NULL, "FILE.yml",
		"settings, as KEY: VALUE lines; the command line goes before them" },
	{ "device", C5_OPT_TEXT, offsetof(train_set, device), "auto", 0, 0, NULL, "auto|cpu|cuda[:N]",
		"what computes; each rank of a node takes a GPU of its own" },
	{ "resume", C5_OPT_BOOL, offsetof(train_set, resume), "false", 0, 0, NULL, NULL, "go on with the unfinished run if there is one, else start" },
	{ "predictions", C5_OPT_TEXT, offsetof(train_set, predictions), NULL, 0, 0, NULL, "FILE.tsv", "write what the validation crops were taken for" },
	{ 0 },
};
static const c5_opt augment_opts[] = {
	{ "augment", C5_OPT_TEXT, offsetof(train_set, augment), "standard", 0, 0, NULL, "PRESET",
		"none, published (Kusumoto et al. 2021), standard or strong: the defaults of what follows" },
	{ 0 },
};

/* All tables of the command; their defaults may be shifted. */
enum { T_SET, T_CROPS, T_SPLIT, T_MODEL, T_GOAL, T_TRAIN, T_PRESET, T_AUGMENT, TABLES };

typedef struct command {
	c5_learning learning;      /* first: the trainer knows this struct by it */
	train_set set;
	c5_learn_settings learn;
	c5_opt *tables[TABLES + 1];
	c5_opt_group groups[TABLES + 1];
	c5_yaml *config;
	c5_curve curve;
	c5_pooled pooled;
	const char *container;
} command;

static const struct { const char *title; const c5_opt *table; size_t at; } tables[TABLES] = {
	{ "Result", set_opts, offsetof(command, set) }, { "Crops and classes", c5_labelled_opts, offsetof(command, learn.labelled) },
	{ "Validation", c5_learn_split_opts, offsetof(command, learn.learn) }, { "Network", c5_learn_model_opts, offsetof(command, learn.learn) },
	{ "Goal", c5_learn_goal_opts, offsetof(command, learn.learn) }, { "Training", c5_train_opts, offsetof(command, learn.train) },
	{ "Augmentation", augment_opts, offsetof(command, set) }, { "Augmentation, each by itself", c5_augment_opts, offsetof(command, learn.augment) },
};

/* ---- settings ---- */

static int shift_defaults(command *c, int argc, char **argv)
{
	const char *config = c5_cli_peek(argc, argv, "config"), *preset = c5_cli_peek(argc, argv, "augment");
	c5_augment augment;
	int err = C5_OK;
	for (int i = 0; i < TABLES && err == C5_OK; i++) err = c5_shifted_new(&c->tables[i], tables[i].table);
	/* The preset may be named in the file; what the file says beside it goes before it. */
	if (err == C5_OK) err = c5_shifted_file(c->tables, &c->config, config);
	if (err == C5_OK && !preset && config) preset = c->tables[T_PRESET][0].value;
	if (err == C5_OK && preset && (err = c5_augment_preset(&augment, preset)) == C5_OK) err = c5_shifted_take(c->tables[T_AUGMENT], &augment);
	if (err == C5_OK && preset && config) err = c5_shifted_read(c->tables, c5_yaml_root(c->config));
	for (int i = 0; i < TABLES; i++) c->groups[i] = (c5_opt_group){ tables[i].title, c->tables[i], (char *)c + tables[i].at };
	return err;
}

/* All settings that say what comes out, as a file --config takes. */
static char *settings_text(const command *c)
{
	c5_buf b = { 0 };
	for (int i = 0; i < TABLES; i++) {
		if (i == T_SET) {
			c5_text_add(&b, "name: ");
			c5_yaml_add_text(&b, c->set.name);
			c5_text_add(&b, "\n");
		} else c5_yaml_add_options(&b, 0, tables[i].table, (const char *)c + tables[i].at);
	}
	return c5_text_take(&b);
}

/* Crops with their revisions; rank 0's business. */
static char *inputs_text(const c5_dataset *d)
{
	c5_buf b = { 0 };
	c5_text_add(&b, "crops:\n");
	for (size_t i = 0; i < d->n_sources; i++) {
		c5_text_add(&b, "  - ");
		c5_yaml_add_text(&b, d->sources[i].path);
		c5_text_add(&b, "\n");
	}
	return c5_text_take(&b);
}

/* ---- what the trainer asks ---- */

static const char *shown_name(const c5_trainer *t, int k) { return t->n > 1 ? t->names[k] : NULL; }

static void told(c5_trainer *t, int k, const c5_train_state *s, double items_per_s, bool better)
{
	command *c = t->ctx;
	c5_curve_epoch(&c->curve, shown_name(t, k), s, items_per_s, better);
	c5_epoch_event("epoch", "epoch", t->names[k], s, &s->history[s->epoch - 1], items_per_s);
}

static void step(c5_trainer *t, int k, const c5_train_state *s, uint32_t steps, double loss)
{
	c5_curve_step(&((command *)t->ctx)->curve, shown_name(t, k), s, steps, loss);
}

static int finished(c5_trainer *t, int k, const c5_train_state *s, const float *const *outputs, const size_t *counts, int n)
{
	command *c = t->ctx;
	if (t->n > 1 || t->resumed)
		c5_log(C5_LOG_INFO, "%s: done after %u epochs, best was epoch %u", t->names[k], s->epoch, s->best_epoch);
	return n ? c5_pooled_add(&c->pooled, c->learning.what, k, outputs[0], counts[0]) : C5_OK;
}

/* ---- the run ---- */

static void tell_begin(const command *c)
{
	const c5_learn *l = c->learning.what;
	c5_buf b = { 0 };
	size_t counts[1000];
	int shown = l->data->n_classes < 1000 ? l->data->n_classes : 0;
	if (shown) c5_dataset_count(l->data, counts, NULL, 0);
	for (int k = 0; k < shown; k++) c5_text_addf(&b, "%s%s %zu", k ? ", " : "", l->data->classes[k], counts[k]);
	char *classes = c5_text_take(&b);
	c5_log(C5_LOG_INFO, "%s for %d channel%s of %dx%d px; crops by %s: %s; %zu group%s by %s", l->model->name, l->prepare.channels,
		l->prepare.channels == 1 ? "" : "s", l->prepare.height, l->prepare.width, l->data->label, classes ? classes : "", l->data->n_groups,
			l->data->n_groups == 1 ? "" : "s", l->data->group_by);
	free(classes);
}

/* What is kept with each model, in the form the step of a pipeline gives it. */
static char *kept_text(command *c, const c5_trainer *t)
{
	c5_train_step all = { c->set.name ? c->set.name : (char *)(uintptr_t)t->model->name, c->set.device, c->set.augment, c->learn };
	return c5_train_step_text(&all);
}

static int run_trainings(command *c, c5_comm *comm, const char *line)
{
	bool first = c5_comm_rank(comm) == 0;
	double start = c5_clock_s();
	c5_trainer t = { .command = "train", .command_line = line, .container = c->container, .resume = c->set.resume, .device = c->set.device,
		.seed = c->learn.train.seed, .ctx = c, .told = told, .step = step, .finished = finished };
	char *settings = settings_text(c), *inputs = NULL;
	int err = settings ? c5_learning_begin(&t, &c->learning, c->container, &c->learn, c->set.name) : C5_ENOMEM;
	if (err == C5_OK && !(c->learning.settings = kept_text(c, &t))) err = C5_ENOMEM;
	if (err == C5_OK && !(inputs = inputs_text(c->learning.what->data))) err = C5_ENOMEM;
	if ((err = c5_comm_agree(comm, err)) < 0) goto done;
	t.configuration = settings;
	t.inputs = inputs;
	if (first) {
		tell_begin(c);
		c5_curve_open(&c->curve, (int)c->learn.train.epochs);
	}
	err = c5_train_run(comm, &t);
	c5_curve_close(&c->curve);
	if (err == C5_OK && first) err = c5_pooled_tell(&c->pooled, c->learning.what, &t, c5_clock_s() - start, c->set.predictions);
	err = c5_comm_agree(comm, err);
done:
	free(settings);
	free(inputs);
	c5_pooled_free(&c->pooled);
	c5_learning_end(&t, &c->learning);
	return err;
}

static int run(int argc, char **argv)
{
	command c = { 0 };
	c5_cli cli = { 0 };
	c5_comm *comm = NULL;
	char *line = c5_cli_line("train", argc, argv);
	int err = line ? shift_defaults(&c, argc, argv) : C5_ENOMEM;
	if (err < 0 || (err = c5_cli_open(&cli, &c5_cmd_train, c.groups, argc, argv, 1, 1)) < 0 || cli.helped) goto done;
	c.container = cli.words[0];
	if (c.set.predictions && (err = c5_disk_spare(c.set.predictions)) < 0) goto done;
	if ((err = c5_stop_listen()) < 0 || (err = c5_comm_open(&comm)) < 0) goto done;
	if (cli.common.threads == 0 && !getenv("OMP_NUM_THREADS")) c5_threads_share(c5_comm_sharing(comm));
	c5_cli_versions();
	if ((err = c5_comm_agree(comm, c5_cli_log(&cli, c5_comm_rank(comm), c5_comm_size(comm)))) == C5_OK) err = run_trainings(&c, comm, line);
done:
	if (comm) c5_comm_close(comm);
	c5_cli_close(&cli, c.groups);
	for (int i = 0; i < TABLES; i++) c5_shifted_free(c.tables[i]);
	c5_yaml_free(c.config);
	free(line);
	return err;
}

const c5_command c5_cmd_train = {
	"train", C5_LEARN, "fit a network to crops with classes, on all ranks", "FILE.h5",
	"cyto5 train plate.h5 --label condition --classes control,senescent --name senescence\n"
	"cyto5 train plate.h5 --label condition --model resnet18 --group plate --folds 5\n"
	"cyto5 train plate.h5 --from mobilenet.h5:mobilenet_v1 --resize --freeze conv6_pw_bn --members 5\n"
	"mpirun -n 4 cyto5 train plate.h5 --config train.yml --resume\n",
	run,
};
