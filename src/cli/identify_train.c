/* identify_train.c – `cyto5 identify train FILE.h5`: learns to tell images' kinds and the size of what they show, from simulated pictures and from
 * the recordings of a container, where they say their modality. */
#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/log.h"
#include "base/signal.h"
#include "base/text.h"
#include "base/yaml.h"
#include "cli/identify.h"
#include "cli/job.h"
#include "identify/feed.h"
#include "mpi/comm.h"
#include "mpi/trainer.h"
#include "pipeline/identify_frames.h"

typedef struct settings {
	char *name, *experiments, *without, *nuclei, *device, *licence, *note;
	int64_t tiles, check, frames;
	double real;
	bool resume;
} settings;

#define F(member) offsetof(settings, member)
static const c5_opt learn_opts[] = {
	{ "name", C5_OPT_TEXT, F(name), "identify", 0, 0, NULL, "NAME", "of the model" },
	{ "tiles", C5_OPT_INT, F(tiles), "6000", 10, 1e7, NULL, "N", "pictures an epoch" },
	{ "check", C5_OPT_INT, F(check), "500", 10, 1e6, NULL, "N", "simulated pictures to check with" },
	{ "real", C5_OPT_REAL, F(real), "0.5", 0, 1, NULL, NULL, "share of the pictures that is cut from recordings, if there are any" },
	{ "experiments", C5_OPT_TEXT, F(experiments), NULL, 0, 0, NULL, "GLOB", "learn from experiments of these names only" },
	{ "without", C5_OPT_TEXT, F(without), NULL, 0, 0, NULL, "PLATE,...", "nothing is learnt from these plates" },
	{ "frames", C5_OPT_INT, F(frames), "4", 1, 1000, NULL, "N", "frames of each channel, evenly spread" },
	{ "nuclei", C5_OPT_TEXT, F(nuclei), "nuclei,dapi,hoechst", 0, 0, NULL, "NAME,...",
		"fluorescence channels of these names show nuclei; others, structure" },
	{ "licence", C5_OPT_TEXT, F(licence), NULL, 0, 0, NULL, "TEXT", "of the model, to be kept with it" },
	{ "note", C5_OPT_TEXT, F(note), NULL, 0, 0, NULL, "TEXT", "what it was learnt from, to be kept with it" },
	{ "device", C5_OPT_TEXT, F(device), "auto", 0, 0, NULL, "auto|cpu|cuda[:N]", "where it runs" },
	{ "resume", C5_OPT_BOOL, F(resume), NULL, 0, 0, NULL, NULL, "go on with an interrupted training of the same settings" },
	{ 0 },
};

typedef struct job {
	settings set;
	c5_train_params train;
	c5_model *model;
	c5_feed *feed;
	c5_few_frames *held;        /* (n_held): pixels of the samples */
	size_t n_held, cap_held;
	c5_identify_sample *samples;
	size_t n_samples, cap_samples;
	char **sets;                /* names of sources: plates, or experiments without one */
	size_t n_sets, cap_sets;
	c5_trainer trainer;
} job;

/* ---- what is learnt from ---- */

/* Is `name` one of a list by commas? */
static bool listed(const char *list, const char *name)
{
	size_t n = strlen(name);
	for (const char *at = list; at && *at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
		if (!strncasecmp(at, name, n) && (at[n] == ',' || !at[n])) return true;
	return false;
}

/* The kind a recording says it is; -1: none of ours. */
static int kind_of(const settings *s, const c5_channel *c)
{
	for (int k = 0; c->modality && k < C5_KINDS; k++)
		if (!strcmp(c->modality, c5_identify_modality(k)))
			return strcmp(c->modality, "fluorescence") ? k : listed(s->nuclei, c->name) ? C5_KIND_NUCLEI : C5_KIND_STRUCTURE;
	return -1;
}

static int set_of(job *j, const c5_experiment *e, int *out)
{
	const char *name = e->texts[0] ? e->texts[0] : e->name;
	for (size_t i = 0; i < j->n_sets; i++)
		if (!strcmp(j->sets[i], name)) {
			*out = (int)i;
			return C5_OK;
		}
	int err = c5_grow(&j->sets, &j->cap_sets, j->n_sets + 1, sizeof *j->sets);
	if (err < 0) return err;
	if (!(j->sets[j->n_sets] = c5_strdup(name))) return c5_fail(C5_ENOMEM, "out of memory");
	*out = (int)j->n_sets++;
	return C5_OK;
}

static int take_channel(job *j, c5_file *f, c5_codec *codec, const c5_experiment *e, const c5_channel *c)
{
	int kind = kind_of(&j->set, c), set, err;
	double diameter;
	if (kind < 0 || c->frames == 0 || c->height < C5_IDENTIFY_LEAST || c->width < C5_IDENTIFY_LEAST) return C5_OK;
	if ((err = set_of(j, e, &set)) < 0 || (err = c5_grow(&j->held, &j->cap_held, j->n_held + 1, sizeof *j->held)) < 0) return err;
	c5_few_frames *few = &j->held[j->n_held];
	if ((err = c5_few_frames_read(few, f, codec, e->name, c, (size_t)j->set.frames)) < 0) return err;
	j->n_held++;
	if ((err = c5_grow(&j->samples, &j->cap_samples, j->n_samples + few->n, sizeof *j->samples)) < 0) return err;
	for (size_t i = 0; i < few->n; i++) {
		c5_few_frames one = { &few->frames[i], &few->at[i], 1 };
		if ((err = c5_masks_diameter(&diameter, f, codec, e->name, c, &one)) < 0) return err;
		j->samples[j->n_samples++] = (c5_identify_sample){ few->frames[i], kind, diameter, set };
	}
	return C5_OK;
}

static int gather(job *j, const char *container)
{
	c5_file *f = NULL;
	c5_codec *codec = NULL;
	char **names = NULL;
	size_t n = 0;
	int err = c5_file_open(&f, container, C5_READ, "cyto5 identify train");
	if (err < 0 || (err = c5_codec_open(&codec)) < 0 || (err = c5_list(f, "/experiments", &names, &n)) < 0) goto done;
	for (size_t i = 0; i < n && err == C5_OK; i++) {
		c5_experiment e = { 0 };
		if (j->set.experiments && fnmatch(j->set.experiments, names[i], 0)) continue;
		err = c5_experiment_read(f, names[i], &e);
		bool left_out = err == C5_OK && j->set.without && (listed(j->set.without, e.texts[0] ? e.texts[0] : e.name));
		for (size_t c = 0; err == C5_OK && !left_out && c < e.n_channels; c++) err = take_channel(j, f, codec, &e, &e.channels[c]);
		c5_experiment_free(&e);
	}
done:
	c5_names_free(names, n);
	c5_codec_close(codec);
	c5_file_close(f);
	return err;
}

static void tell(const job *j)
{
	size_t frames[C5_KINDS] = { 0 }, known = 0;
	for (size_t i = 0; i < j->n_samples; i++) frames[j->samples[i].kind]++, known += isfinite(j->samples[i].diameter_px);
	if (!j->n_samples) {
		c5_log(C5_LOG_INFO, "no recording that says its modality: all pictures are simulated");
		return;
	}
	c5_log(C5_LOG_INFO, "%zu frames of %zu sources, %zu with masks: %zu phase, %zu brightfield, %zu dic, %zu nuclei, %zu structure", j->n_samples,
		j->n_sets, known, frames[C5_KIND_PHASE], frames[C5_KIND_BRIGHTFIELD], frames[C5_KIND_DIC], frames[C5_KIND_NUCLEI], frames[C5_KIND_STRUCTURE]);
}

/* ---- the trainer's questions ---- */

static int open_trainee(c5_trainer *t, int k, c5_trainee *trainee)
{
	job *j = t->ctx;
	(void)k;
	memset(trainee, 0, sizeof *trainee);
	trainee->feed = j->feed;
	trainee->params = j->train;
	trainee->n_losses = 2;
	trainee->losses[0] = (c5_loss){ .kind = C5_LOSS_CROSS_ENTROPY, .output = 0, .share = 1, .smoothing = 0.02f };
	trainee->losses[1] = (c5_loss){ .kind = C5_LOSS_CROSS_ENTROPY, .output = 1, .share = 1 }; /* unsmoothed: a target of zeros stays one */
	int err = c5_weights_new(&trainee->weights, j->model);
	if (err == C5_OK) c5_weights_init(trainee->weights, j->model, (uint64_t)j->train.seed);
	return err;
}

static void close_trainee(c5_trainer *t, int k, c5_trainee *trainee) { (void)t, (void)k, (void)trainee; }

static int describe(c5_trainer *t, int k, c5_stored_model *s)
{
	const job *j = t->ctx;
	(void)k;
	s->preprocessing = c5_format("tile_px: %d\nnormalise: mean 0, deviation 1 of each tile, cut off at 6\nsizes: log2 px from %g, steps of %g\n",
		C5_IDENTIFY_SIDE, C5_IDENTIFY_FIRST, C5_IDENTIFY_STEP);
	s->kind = c5_strdup("identify"), s->origin = c5_strdup("trained"), s->licence = c5_strdup(j->set.licence), s->note = c5_strdup(j->set.note);
	if (!s->preprocessing || !s->kind || !s->origin) return c5_fail(C5_ENOMEM, "out of memory");
	int err = c5_alloc(&s->classes, C5_KINDS, sizeof *s->classes);
	for (int i = 0; i < C5_KINDS && err == C5_OK; i++, s->n_classes++) {
		s->classes[i].examples = -1;
		if (!(s->classes[i].name = c5_strdup(c5_identify_kind(i)))) err = c5_fail(C5_ENOMEM, "out of memory");
	}
	return err;
}

static void told(c5_trainer *t, int k, const c5_train_state *s, double items_per_s, bool better)
{
	const c5_epoch *e = &s->history[s->epoch - 1];
	(void)t, (void)k;
	c5_log(C5_LOG_INFO, "epoch %u: loss %.4f, checked %.4f, accuracy %.4f, %.3f octaves off%s, %.0f a second", e->epoch, e->loss, e->validation_loss,
		e->figures[0], e->figures[1], better ? " *" : "", items_per_s);
}

/* ---- the command ---- */

static char *configuration(const job *j)
{
	c5_buf b = { 0 };
	c5_text_add(&b, "learn:\n");
	c5_yaml_add_options(&b, 2, learn_opts, &j->set);
	c5_text_add(&b, "train:\n");
	c5_yaml_add_options(&b, 2, c5_train_opts, &j->train);
	char *text = b.err ? NULL : c5_format("%.*s", (int)b.size, (const char *)b.data);
	c5_buf_free(&b);
	return text;
}

static int prepare(job *j, const char *container)
{
	c5_identify_feed_how how = { .per_epoch = (size_t)j->set.tiles, .n_validate = (size_t)j->set.check, .real = j->set.real };
	int err = gather(j, container);
	if (err == C5_OK) err = c5_identify_feed(&j->feed, &how, j->samples, j->n_samples);
	return err < 0 ? err : c5_identify_net(&j->model);
}

static int train(job *j, c5_comm *comm, const char *container, const char *line, int64_t threads)
{
	char *config = configuration(j);
	if (!config) return c5_fail(C5_ENOMEM, "out of memory");
	j->trainer = (c5_trainer){ .command = "identify train", .command_line = line, .configuration = config, .container = container,
		.resume = j->set.resume, .device = j->set.device, .seed = j->train.seed, .threads = threads, .n = 1, .names = &j->set.name, .model = j->model,
		.ctx = j, .open = open_trainee, .close = close_trainee, .describe = describe, .told = told };
	int err = c5_train_run(comm, &j->trainer);
	if (err == C5_OK && c5_comm_rank(comm) == 0)
		c5_log(C5_LOG_INFO, "%s: model %s@r%06u; use it with: cyto5 identify FILE --model %s:%s", container, j->set.name, j->trainer.run, container,
			j->set.name);
	free(config);
	return err;
}

static void release(job *j)
{
	c5_identify_feed_free(j->feed);
	c5_model_free(j->model);
	for (size_t i = 0; i < j->n_held; i++) c5_few_frames_clear(&j->held[i]);
	for (size_t i = 0; i < j->n_sets; i++) free(j->sets[i]);
	free(j->held);
	free(j->samples);
	free(j->sets);
}

static int run(int argc, char **argv)
{
	job j = { 0 };
	const c5_opt_group groups[] = { { "What is learnt", learn_opts, &j.set }, { "Training", c5_train_opts, &j.train }, { NULL, NULL, NULL } };
	c5_cli cli;
	c5_comm *comm = NULL;
	char *line = NULL;
	int err = c5_cli_open(&cli, &c5_cmd_identify_train, groups, argc, argv, 1, 1);
	if (err < 0 || cli.helped) goto done;
	if (!(line = c5_cli_line("identify", argc, argv))) { err = c5_fail(C5_ENOMEM, "out of memory"); goto done; }
	if ((err = c5_stop_listen()) < 0 || (err = c5_comm_open(&comm)) < 0) goto done;
	c5_cli_versions();
	if ((err = c5_comm_agree(comm, c5_cli_log(&cli, c5_comm_rank(comm), c5_comm_size(comm)))) < 0) goto done;
	if ((err = c5_comm_agree(comm, prepare(&j, cli.words[0]))) < 0) goto done;
	if (c5_comm_rank(comm) == 0) tell(&j);
	err = train(&j, comm, cli.words[0], line, cli.common.threads);
done:
	c5_comm_close(comm);
	release(&j);
	free(line);
	c5_cli_close(&cli, groups);
	return err;
}

const c5_command c5_cmd_identify_train = {
	"identify train", C5_LEARN, "learn to tell images' kinds and scales, from simulated pictures and recordings", "FILE.h5 [--name MODEL]",
	"cyto5 identify train known.h5 --epochs 20\n"
	"cyto5 identify train known.h5 --without plate3,plate7 --name but37   # to try it on those\n",
	run,
};
