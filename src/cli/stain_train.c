/* stain_train.c – `cyto5 stain train FILE.h5 --name NAME`: learns a marker from label-free frames that have its fluorescence beside them. */
#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/signal.h"
#include "base/text.h"
#include "base/yaml.h"
#include "cli/curve.h"
#include "cli/job.h"
#include "cli/shifted.h"
#include "cli/stain.h"
#include "mpi/comm.h"
#include "mpi/trainer.h"
#include "pipeline/identify_fit.h"
#include "stain/feeds.h"

typedef struct settings {
	char *name, *experiments, *validate, *split, *region, *loss, *device, *config;
	double share_kept, balance;
	int64_t gap, frames, memory, per_epoch;
	bool resume;
} settings;

#define F(member) offsetof(settings, member)
static const c5_opt learn_opts[] = {
	{ "name", C5_OPT_TEXT, F(name), NULL, 0, 0, NULL, "NAME", "of the model; unset: the first marker's" },
	{ "experiments", C5_OPT_TEXT, F(experiments), NULL, 0, 0, NULL, "GLOB", "learn from experiments of these names only" },
	{ "split", C5_OPT_CHOICE, F(split), "auto", 0, 0, NULL, "auto|field|region",
		"what is kept back to check with: whole experiments, or the right side of each; auto: region if there is one only" },
	{ "validate", C5_OPT_TEXT, F(validate), NULL, 0, 0, NULL, "GLOB", "check with experiments of these names" },
	{ "keep-back", C5_OPT_REAL, F(share_kept), "0.2", 0, 0.9, NULL, NULL, "share that is kept back" },
	{ "gap", C5_OPT_INT, F(gap), "32", 0, 4096, "px", NULL, "split by region: nothing is learnt this near to what is kept back" },
	{ "region", C5_OPT_TEXT, F(region), NULL, 0, 0, NULL, "X0:X1[,Y0:Y1]", "use only this part of each frame: columns, rows" },
	{ "frames", C5_OPT_INT, F(frames), "4", 0, 1e9, NULL, "N", "frames of each experiment, evenly spread; 0: all" },
	{ "per-epoch", C5_OPT_INT, F(per_epoch), "0", 0, 1e9, NULL, "N", "blocks or patches of an epoch; 0: a good number" },
	{ "balance", C5_OPT_REAL, F(balance), "0.5", 0, 0.99, NULL, NULL, "share of positive blocks among those drawn; 0: as they are" },
	{ "loss", C5_OPT_CHOICE, F(loss), "auto", 0, 0, NULL, "auto|mse|binary|dice",
		"what is made small; auto: mse for grey values, else binary; dice: what of a mask is missed and what is too much, for rare markers" },
	{ 0 },
};
/* How it runs: not what comes out. */
static const c5_opt run_opts[] = {
	{ "config", C5_OPT_TEXT, F(config), NULL, 0, 0, NULL, "FILE.yml", "settings, as KEY: VALUE lines; the command line goes before them" },
	{ "memory", C5_OPT_INT, F(memory), "4096", 64, 1e7, "MiB", NULL, "most that frames may take, a rank" },
	{ "device", C5_OPT_TEXT, F(device), "auto", 0, 0, NULL, "auto|cpu|cuda[:N]", "where it runs" },
	{ "resume", C5_OPT_BOOL, F(resume), NULL, 0, 0, NULL, NULL, "go on with an interrupted training of the same settings" },
	{ 0 },
};

#define MOST_BLOCKS 20000 /* of an epoch, unless asked for */

enum { T_LEARN, T_STAIN, T_TRAIN, T_RUN, TABLES };

typedef struct job {
	settings set;
	c5_stain_params stain;
	c5_train_params train;
	c5_stain_set fields;
	c5_model *model;
	c5_feed *feed;
	c5_loss loss;
	char *markers[C5_STAIN_MARKERS_MAX];
	c5_dense_feed dense;
	c5_trainer trainer;
	char *model_name, *inputs;
	c5_opt *tables[TABLES + 1];
	c5_opt_group groups[TABLES + 1];
	c5_yaml *config;
} job;

static const struct { const char *title; const c5_opt *table; size_t at; } tables[TABLES] = {
	{ "What is learnt", learn_opts, offsetof(job, set) }, { "Stain", c5_stain_opts, offsetof(job, stain) },
		{ "Training", c5_train_opts, offsetof(job, train) },
	{ "Run", run_opts, offsetof(job, set) },
};

/* ---- what is learnt from ---- */

static int choose(char ***names, size_t *n, const char *container, const char *glob, c5_file **file)
{
	char **all = NULL;
	size_t n_all = 0;
	int err = c5_file_open(file, container, C5_READ, "cyto5 stain train");
	if (err < 0 || (err = c5_list(*file, "/experiments", &all, &n_all)) < 0 || (err = c5_alloc(names, n_all + 1, sizeof **names)) < 0) goto done;
	for (size_t i = 0; i < n_all && err == C5_OK; i++)
		if (!glob || !fnmatch(glob, all[i], 0)) {
			if (!((*names)[*n] = c5_strdup(all[i]))) err = c5_fail(C5_ENOMEM, "out of memory");
			else ++*n;
		}
	if (err == C5_OK && !*n) err = c5_fail(C5_ENOTFOUND, "%s: no experiment%s%s", container, glob ? " is called " : "", glob ? glob : "");
done:
	c5_names_free(all, n_all);
	return err;
}

/* Evenly through the list of experiments: the i-th is kept back when the share passes a whole number there. */
static bool kept_back(const settings *s, const char *name, size_t i)
{
	if (s->validate) return fnmatch(s->validate, name, 0) == 0;
	return floor(((double)i + 0.5) * s->share_kept + 0.5) > floor(((double)i - 0.5) * s->share_kept + 0.5);
}

static int split(job *j, size_t n_names)
{
	const settings *s = &j->set;
	bool region = !strcmp(s->split, "region") || (!strcmp(s->split, "auto") && n_names == 1 && !s->validate);
	size_t experiment = 0, trained = 0;
	for (size_t i = 0; i < j->fields.n; i++) {
		c5_field *f = &j->fields.fields[i];
		c5_rect whole;
		int err = c5_stain_region(&whole, s->region, f->height, f->width);
		if (err < 0) return err;
		whole = c5_rect_common(whole, f->seen);
		if (i && strcmp(f->name, f[-1].name)) experiment++;
		memset(&f->train, 0, sizeof f->train);
		memset(&f->validate, 0, sizeof f->validate);
		if (region) c5_field_split(f, whole, s->share_kept, (size_t)s->gap);
		else if (kept_back(s, f->name, experiment)) f->validate = whole;
		else f->train = whole;
		trained += f->train.y1 > 0;
	}
	if (!trained) return c5_fail(C5_EUSAGE, "everything is kept back to check with; nothing is left to learn from");
	return C5_OK;
}

static int open_feed(job *j)
{
	c5_recipe *r = &j->fields.recipe;
	int err;
	for (int m = 0; m < r->markers; m++) j->markers[m] = r->marker[m];
	if (!r->dense) {
		c5_block_feed how = { .side = (size_t)r->block, .stride = (size_t)r->stride, .context = (size_t)r->context, .share = r->share,
			.balance = j->set.balance, .per_epoch = j->set.per_epoch ? (size_t)j->set.per_epoch : MOST_BLOCKS, .still = c5_stain_still(&j->stain) };
		return c5_feed_blocks(&j->feed, &how, j->fields.fields, j->fields.n, j->markers);
	}
	j->dense = (c5_dense_feed){ .patch = (size_t)j->stain.patch, .mask = r->mask, 
		.per_epoch = (size_t)j->set.per_epoch, .warp = j->stain.warp, .still = c5_stain_still(&j->stain) };
	if (!r->mask && (err = c5_dense_scale(&j->dense, j->fields.fields, j->fields.n, j->markers)) < 0) return err;
	memcpy(r->mean, j->dense.mean, sizeof r->mean);
	memcpy(r->sd, j->dense.sd, sizeof r->sd);
	for (int m = 0; m < r->markers; m++) r->positive[m] = r->mask ? 0.5 : r->threshold[m];
	return c5_feed_dense(&j->feed, &j->dense, j->fields.fields, j->fields.n, j->markers);
}

/* Grey values have no yes and no, and a block is one yes or no without neighbours to overlap with. */
static int choose_loss(job *j)
{
	const c5_recipe *r = &j->fields.recipe;
	const char *word = j->set.loss;
	bool grey = r->dense && !r->mask, dice = strcmp(word, "dice") == 0;
	j->loss = (c5_loss){ .kind = grey || strcmp(word, "mse") == 0 ? C5_LOSS_MSE : dice ? C5_LOSS_DICE : C5_LOSS_BINARY, .share = 1 };
	if (grey && (dice || strcmp(word, "binary") == 0))
		return c5_fail(C5_EUSAGE, "--loss %s: the marker's grey values are learnt, take mse; or learn where it is positive, with --target mask", word);
	if (dice && !r->dense) return c5_fail(C5_EUSAGE, "--loss dice: is of masks, with --method dense --target mask; blocks take binary");
	return C5_OK;
}

static int open_model(job *j)
{
	const c5_recipe *r = &j->fields.recipe;
	int inputs = c5_recipe_inputs(r);
	if (r->dense)
		return c5_stain_dense_net(&j->model, inputs, (int)j->stain.patch, (int)j->stain.patch, r->markers, r->mask, (int)j->stain.depth, j->stain.width);
	return c5_stain_block_net(&j->model, inputs, r->block, r->context, r->markers, j->stain.width);
}

static void tell_fields(const job *j)
{
	const c5_stain_set *s = &j->fields;
	size_t trained = 0, checked = 0;
	for (size_t i = 0; i < s->n; i++) trained += s->fields[i].train.y1 > 0, checked += s->fields[i].validate.y1 > 0;
	c5_log(C5_LOG_INFO, "%s from %d plane%s of %s: %zu frames to learn from (%zu %s an epoch), %zu to check with (%zu)", s->recipe.marker[0],
		c5_recipe_inputs(&s->recipe), c5_recipe_inputs(&s->recipe) == 1 ? "" : "s", s->recipe.channel[0], trained,
		j->feed->per_epoch ? j->feed->per_epoch : j->feed->n_train, s->recipe.dense ? "patches" : "blocks", checked, j->feed->n_validate);
	c5_stain_places_tell(s);
	for (size_t i = 0; i < s->n_thresholds; i++) {
		const c5_stain_threshold *t = &s->thresholds[i];
		c5_log(C5_LOG_INFO, "%s of %s: positive above %.4g, %.1f %% of the area%s", s->recipe.marker[t->marker], t->group, t->found.threshold,
			100 * t->found.positive, t->found.separation < 0.66 ? "; the two sides hardly differ: is there any marker?" : "");
	}
}

/* ---- the trainer's questions ---- */

static int open_trainee(c5_trainer *t, int k, c5_trainee *trainee)
{
	job *j = t->ctx;
	(void)k;
	memset(trainee, 0, sizeof *trainee);
	trainee->feed = j->feed;
	trainee->params = j->train;
	trainee->n_losses = 1;
	trainee->losses[0] = j->loss;
	int err = c5_weights_new(&trainee->weights, j->model);
	if (err == C5_OK) c5_weights_init(trainee->weights, j->model, (uint64_t)j->train.seed);
	return err;
}

static void close_trainee(c5_trainer *t, int k, c5_trainee *trainee)
{
	(void)t, (void)k, (void)trainee;
}

static int put_text(char **to, const c5_buf *b)
{
	*to = b->err ? NULL : c5_format("%.*s", (int)b->size, (const char *)b->data);
	return *to ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
}

/* Kind and size of what the label-free channel shows, from the experiments learnt from. */
static int note_fit(const job *j, c5_stored_model *s)
{
	char **names;
	size_t n = 0;
	int err = c5_alloc(&names, j->fields.n, sizeof *names);
	if (err < 0) return err;
	for (size_t i = 0; i < j->fields.n; i++)
		if (j->fields.fields[i].train.y1 > 0 && (!n || strcmp(names[n - 1], j->fields.fields[i].name))) names[n++] = j->fields.fields[i].name;
	c5_fit_note(s, j->trainer.container, names, n);
	free(names);
	return C5_OK;
}

static int describe(c5_trainer *t, int k, c5_stored_model *s)
{
	job *j = t->ctx;
	const c5_recipe *r = &j->fields.recipe;
	c5_buf recipe = { 0 };
	(void)k;
	c5_recipe_add_yaml(&recipe, 0, r);
	int err = put_text(&s->preprocessing, &recipe);
	c5_buf_free(&recipe);
	if (err < 0) return err;
	s->kind = c5_strdup("stain");
	s->origin = c5_strdup("trained");
	s->pixel_size_um = r->pixel_um;
	if (!s->kind || !s->origin) return c5_fail(C5_ENOMEM, "out of memory");
	if ((err = c5_alloc(&s->channels, (size_t)r->channels, sizeof *s->channels)) < 0 ||
	    (err = c5_alloc(&s->classes, (size_t)r->markers, sizeof *s->classes)) < 0) return err;
	for (int c = 0; c < r->channels; c++, s->n_channels++)
		if (!(s->channels[c].name = c5_strdup(r->channel[c]))) return c5_fail(C5_ENOMEM, "out of memory");
	for (int m = 0; m < r->markers; m++, s->n_classes++) {
		s->classes[m].examples = -1;
		if (!(s->classes[m].name = c5_strdup(r->marker[m]))) return c5_fail(C5_ENOMEM, "out of memory");
	}
	return note_fit(j, s);
}

static void told(c5_trainer *t, int k, const c5_train_state *s, double items_per_s, bool better)
{
	const c5_epoch *e = &s->history[s->epoch - 1];
	char figures[256] = "";
	for (int i = 0; i < s->n_figures; i++)
		snprintf(figures + strlen(figures), sizeof figures - strlen(figures), ", %s %.4f", s->figures[i], e->figures[i]);
	c5_log(C5_LOG_INFO, "epoch %u: loss %.4f, checked %.4f%s%s, %.0f a second", e->epoch, e->loss, e->validation_loss, figures, better ? " *" : "",
		items_per_s);
	c5_epoch_event("epoch", "epoch", t->names[k], s, e, items_per_s);
}

typedef struct scored { float score; bool truth; } scored;

static int higher(const void *a, const void *b)
{
	const scored *p = a, *q = b;
	return p->score > q->score ? -1 : p->score < q->score;
}

/* The probability above which F1 is best on what was kept back: balanced drawing has moved it away from one half. */
static int best_threshold(double *out, const float *outputs, const float *targets, size_t n, size_t step)
{
	scored *s;
	double positive = 0, tp = 0, best = -1;
	int err = c5_alloc(&s, n, sizeof *s);
	if (err < 0) return err;
	for (size_t i = 0; i < n; i++) s[i] = (scored){ outputs[i * step], targets[i * step] > 0.5f }, positive += s[i].truth;
	qsort(s, n, sizeof *s, higher);
	for (size_t i = 0; i < n && positive > 0; i++) {
		tp += s[i].truth;
		double f1 = 2 * tp / ((double)(i + 1) + positive), next = i + 1 < n ? (double)s[i + 1].score : 0;
		if ((double)s[i].score > next && f1 > best) best = f1, *out = 0.5 * ((double)s[i].score + next);
	}
	free(s);
	return C5_OK;
}

static int finished(c5_trainer *t, int k, const c5_train_state *s, const float *const *outputs, const size_t *counts, int n_outputs)
{
	job *j = t->ctx;
	c5_recipe *r = &j->fields.recipe;
	size_t n = j->feed->n_validate, *items = NULL;
	float *inputs = NULL, *targets = NULL, weight;
	int err = C5_OK;
	if (s->epoch) c5_epoch_event("trained", "best_epoch", t->names[k], s, &s->history[(s->best_epoch ? s->best_epoch : s->epoch) - 1], NAN);
	if (r->dense || n == 0 || n_outputs < 1 || !outputs || counts[0] != (size_t)r->markers) return C5_OK;
	if ((err = c5_alloc(&inputs, j->feed->input_count[0], sizeof *inputs)) < 0 || (err = c5_alloc(&targets, n * counts[0], sizeof *targets)) < 0 ||
	    (err = c5_alloc(&items, 1, sizeof *items)) < 0) goto done;
	for (size_t i = 0; i < n && err == C5_OK; i++) {
		float *to = targets + i * counts[0];
		*items = j->feed->n_train + i;
		err = j->feed->fill(j->feed, items, NULL, 1, 0, &inputs, &to, &weight);
	}
	for (int m = 0; m < r->markers && err == C5_OK; m++) err = best_threshold(&r->positive[m], outputs[0] + m, targets + m, n, counts[0]);
done:
	free(items);
	free(targets);
	free(inputs);
	return err;
}

/* ---- the command ---- */

/* All settings that say what comes out, as a file --config takes. */
static char *configuration(const job *j)
{
	c5_buf b = { 0 };
	for (int i = 0; i < T_RUN; i++) c5_yaml_add_options(&b, 0, tables[i].table, (const char *)j + tables[i].at);
	return c5_text_take(&b);
}

/* The tables with a file's settings as defaults. */
static int shift_defaults(job *j, int argc, char **argv)
{
	int err = C5_OK;
	for (int i = 0; i < TABLES && err == C5_OK; i++) err = c5_shifted_new(&j->tables[i], tables[i].table);
	if (err == C5_OK) err = c5_shifted_file(j->tables, &j->config, c5_cli_peek(argc, argv, "config"));
	for (int i = 0; i < TABLES; i++) j->groups[i] = (c5_opt_group){ tables[i].title, j->tables[i], (char *)j + tables[i].at };
	return err;
}

static int note_places(job *j)
{
	c5_buf b = { 0 };
	c5_stain_places_text(&b, &j->fields);
	j->inputs = c5_text_take(&b);
	return j->inputs ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
}

static int prepare(job *j, const char *container)
{
	c5_file *f = NULL;
	char **names = NULL;
	size_t n = 0;
	c5_stain_choice choice = { .frames = (uint64_t)j->set.frames, .marker_frame = -1, .most_bytes = (size_t)j->set.memory << 20 };
	int err = choose(&names, &n, container, j->set.experiments, &f);
	if (err == C5_OK) err = c5_stain_load(&j->fields, f, names, n, NULL, &j->stain, &choice);
	if (err == C5_OK) err = split(j, n);
	for (int m = 0; err == C5_OK && m < j->fields.recipe.markers; m++) j->fields.recipe.positive[m] = 0.5;
	if (err == C5_OK) err = choose_loss(j);
	if (err == C5_OK) err = open_feed(j);
	if (err == C5_OK) err = open_model(j);
	if (err == C5_OK && !(j->model_name = c5_strdup(j->set.name ? j->set.name : j->fields.recipe.marker[0]))) err = c5_fail(C5_ENOMEM, "out of memory");
	if (err == C5_OK) err = note_places(j);
	c5_names_free(names, n);
	c5_file_close(f);
	return err;
}

static int train(job *j, c5_comm *comm, const char *container, const char *line, int64_t threads)
{
	char *config = configuration(j);
	if (!config) return c5_fail(C5_ENOMEM, "out of memory");
	j->trainer = (c5_trainer){ .command = "stain train", .command_line = line, .configuration = config, .inputs = *j->inputs ? j->inputs : NULL,
		.container = container, .resume = j->set.resume, .device = j->set.device, .seed = j->train.seed, .threads = threads, .n = 1,
		.names = &j->model_name, .model = j->model, .ctx = j, .open = open_trainee, .close = close_trainee, .describe = describe, .told = told,
		.finished = finished };
	int err = c5_train_run(comm, &j->trainer);
	if (err == C5_OK && c5_comm_rank(comm) == 0)
		c5_log(C5_LOG_INFO, "%s: model %s@r%06u; use it with: cyto5 stain predict FILE.h5 --model %s:%s", container, j->model_name, j->trainer.run,
			container, j->model_name);
	free(config);
	return err;
}

static int run(int argc, char **argv)
{
	job j = { 0 };
	c5_cli cli = { 0 };
	c5_comm *comm = NULL;
	char *line = NULL;
	int err = shift_defaults(&j, argc, argv);
	if (err < 0 || (err = c5_cli_open(&cli, &c5_cmd_stain_train, j.groups, argc, argv, 1, 1)) < 0 || cli.helped) goto done;
	if (!(line = c5_cli_line("stain", argc, argv))) { err = c5_fail(C5_ENOMEM, "out of memory"); goto done; }
	if ((err = c5_stop_listen()) < 0 || (err = c5_comm_open(&comm)) < 0) goto done;
	c5_cli_versions();
	if ((err = c5_comm_agree(comm, c5_cli_log(&cli, c5_comm_rank(comm), c5_comm_size(comm)))) < 0) goto done;
	if ((err = c5_comm_agree(comm, prepare(&j, cli.words[0]))) < 0) goto done;
	if (c5_comm_rank(comm) == 0) tell_fields(&j);
	err = train(&j, comm, cli.words[0], line, cli.common.threads);
done:
	c5_comm_close(comm);
	c5_stain_feed_free(j.feed);
	c5_model_free(j.model);
	c5_stain_set_clear(&j.fields);
	free(j.model_name);
	free(j.inputs);
	free(line);
	c5_cli_close(&cli, j.groups);
	for (int i = 0; i < TABLES; i++) c5_shifted_free(j.tables[i]);
	c5_yaml_free(j.config);
	return err;
}

const c5_command c5_cmd_stain_train = {
	"stain train", C5_LEARN, "learn a marker from frames that have its fluorescence beside them", "FILE.h5 --marker NAME [--name MODEL]",
	"cyto5 stain train out.h5 --marker dapi --block 16 --epochs 20\n"
	"mpirun -n 4 cyto5 stain train out.h5 --marker dapi,map2 --method dense --name neurons\n"
	"cyto5 stain train out.h5 --config best.yml     # what cyto5 search found\n",
	run,
};
