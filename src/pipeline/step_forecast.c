/* step_forecast.c – the last frame's efficiency foretold from earlier frames. For each frame looked at, and each fold of the experiments, a small
 * network learns from that frame's label-free images what the marker's blocks are like in the end, at the same places, and says it of the experiments
 * left out. Writes for each experiment
 *     forecast/rN/MARKER   table, one row a frame looked at
 * A job is a fold, a unit a frame of it: one training, by one rank. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "container/run.h"
#include "measure/classify.h"
#include "pipeline/stain_fields.h"
#include "pipeline/stain_model.h"
#include "pipeline/steps.h"
#include "stain/feeds.h"
#include "stain/forecast.h"
#include "stain/stainer.h"
#include "train/train.h"

#define FORECAST_VERSION 2

typedef struct forecast_params {
	c5_stain_params stain;
	int64_t looks, folds, epochs, batch, per_epoch, seed, memory;
	double rate;
	char *precision, *device;
} forecast_params;

#define F(member) offsetof(forecast_params, member)
static const c5_opt forecast_opts[] = {
	{ "input", C5_OPT_TEXT, F(stain.input), NULL, 0, 0, NULL, "A,B", "label-free channels; unset: all of them" },
	{ "planes", C5_OPT_TEXT, F(stain.planes), "all", 0, 0, NULL, "all|middle|N,N", "z planes seen, as channels" },
	{ "marker", C5_OPT_TEXT, F(stain.marker), NULL, 0, 0, NULL, "NAME",
		"fluorescence of the last frame; unset: the channel named marker, or the only fluorescence" },
	{ "looks", C5_OPT_INT, F(looks), "6", 1, 1e6, NULL, "N", "frames to foretell from, evenly spread from the first to the last" },
	{ "folds", C5_OPT_INT, F(folds), "4", 2, 1e6, NULL, "N", "parts of the experiments; each is foretold by networks that learnt from the others" },
	{ "register", C5_OPT_CHOICE, F(stain.registration), "auto", 0, 0, NULL, "auto|check|off",
		"whether the marker lies where the label-free image has it: moved when surely not, or told only" },
	{ "ground", C5_OPT_REAL, F(stain.ground), "40", 0, 1000, "px", NULL, "large-scale light taken away from label-free planes; 0: left" },
	{ "threshold", C5_OPT_CHOICE, F(stain.threshold), "otsu", 0, 0, NULL, "otsu|percentile|hand", "how the marker is made yes or no" },
	{ "value", C5_OPT_REAL, F(stain.value), "90", 0, 1e9, NULL, NULL, "the percentile, or the grey value by hand" },
	{ "per", C5_OPT_CHOICE, F(stain.per), "plate", 0, 0, NULL, "plate|experiment|all", "what shares one threshold" },
	{ "despeckle", C5_OPT_INT, F(stain.despeckle), "4", 0, 1e6, "px", NULL, "smaller positive spots are dust" },
	{ "block", C5_OPT_INT, F(stain.block), "16", 4, 512, "px", NULL, "side of a block" },
	{ "stride", C5_OPT_INT, F(stain.stride), "0", 0, 512, "px", NULL, "from block to block; 0: half a block" },
	{ "context", C5_OPT_INT, F(stain.context), "16", 0, 512, "px", NULL, "what the network sees around a block, on each side" },
	{ "share", C5_OPT_REAL, F(stain.share), "0.3", 0, 1, NULL, NULL, "of a block's area that must be positive" },
	{ "width", C5_OPT_REAL, F(stain.width), "0.25", 0.125, 8, NULL, NULL, "filters of the networks, 1: 32 at the first level" },
	{ "epochs", C5_OPT_INT, F(epochs), "6", 1, 1e6, NULL, "N", "of each training" },
	{ "batch", C5_OPT_INT, F(batch), "32", 4, 1e6, NULL, "N", "blocks a step" },
	{ "per-epoch", C5_OPT_INT, F(per_epoch), "4000", 1, 1e9, NULL, "N", "blocks of an epoch" },
	{ "rate", C5_OPT_REAL, F(rate), "0.003", 0, 100, NULL, NULL, "learning rate, at its highest; ends as a cosine" },
	{ "precision", C5_OPT_CHOICE, F(precision), "fp32", 0, 0, NULL, "fp32|bf16", "arithmetic of the networks" },
	{ "seed", C5_OPT_INT, F(seed), "1", 0, 9e15, NULL, "N", "another seed, another training" },
	{ "memory", C5_OPT_INT, F(memory), "4096", 64, 1e7, "MiB", NULL, "most that frames may take, a rank" },
	{ "device", C5_OPT_TEXT, F(device), "auto", 0, 0, NULL, "auto|cpu|cuda[:N]", "where it runs" },
	{ 0 },
};
const c5_step_kind c5_kind_forecast = { "forecast", "foretell the last frame's stain from earlier frames", forecast_opts, sizeof(forecast_params),
	FORECAST_VERSION, "ingest" };

/* Numbers of a job: then, for each experiment, its place in the sorted list of all; its fold; and the frames looked at. */
enum { FOLD, FIELDS, LOOKS, LAST, NUMBERS };
static uint64_t place_of(const c5_job *j, size_t i) { return j->numbers[NUMBERS + i]; }
static uint64_t fold_of(const c5_job *j, size_t i) { return j->numbers[NUMBERS + j->numbers[FIELDS] + i]; }
static uint64_t look_of(const c5_job *j, size_t i) { return j->numbers[NUMBERS + 2 * j->numbers[FIELDS] + i]; }

#pragma pack(push, 1)
typedef struct forecast_row { uint32_t frame; double time_s, predicted, recorded, guess, auc; uint32_t blocks, positive; } forecast_row;
#pragma pack(pop)

/* What the step leaves to itself: blocks, yes or no. */
static c5_stain_params stain_of(const forecast_params *p)
{
	static char blocks[] = "blocks", image[] = "image";
	c5_stain_params s = p->stain;
	s.method = blocks, s.target = image;
	return s;
}

/* ---- plan ---- */

typedef struct course { c5_recipe recipe; uint64_t frames; char **all; size_t n_all; char *fields; } course; /* fields: all names, for the record */

static void free_course(course *c)
{
	c5_names_free(c->all, c->n_all);
	free(c->fields);
}

/* All experiments must be of one kind and length. */
static int read_course(course *c, const c5_run_context *run, const forecast_params *p)
{
	const c5_stain_params s = stain_of(p);
	c5_buf names = { 0 };
	int err = c5_list(run->file, "/experiments", &c->all, &c->n_all);
	for (size_t i = 0; i < run->n_names && err == C5_OK; i++) {
		c5_experiment e = { 0 };
		const c5_channel *marker;
		uint64_t h, w, t;
		if ((err = c5_experiment_read(run->file, run->names[i], &e)) == C5_OK && i == 0) err = c5_stain_recipe_for(&c->recipe, &e, &s);
		if (err == C5_OK && c->recipe.markers > 1) err = c5_fail(C5_EUSAGE, "forecast: one marker at a time; name it with --marker");
		if (err == C5_OK) err = c5_stain_input_size(&c->recipe, &e, &h, &w, &t);
		if (err == C5_OK) err = c5_experiment_channel(&e, c->recipe.marker[0], &marker);
		if (err == C5_OK && i == 0) c->frames = t;
		if (err == C5_OK && t != c->frames)
			err = c5_fail(C5_EINPUT, "%s has %llu frames, %s %llu; a forecast wants experiments of one length (choose with --experiments)", run->names[i],
				(unsigned long long)t, run->names[0], (unsigned long long)c->frames);
		c5_buf_put(&names, run->names[i], strlen(run->names[i]));
		c5_buf_put(&names, ",", i + 1 < run->n_names);
		c5_experiment_free(&e);
	}
	c5_buf_put(&names, "", 1);
	if (err == C5_OK) err = names.err;
	c->fields = (char *)names.data;
	return err;
}

static int add_table(const c5_run_context *run, const c5_step *step, c5_job *j, const course *c, const char *name, uint64_t fold)
{
	static const char *const reals[] = { "time_s", "predicted", "recorded", "guess", "auc" }, *const whole[] = { "blocks", "positive" };
	c5_array_spec *s;
	char path[512], input[512];
	int err = c5_job_add_output(j, &s);
	if (err < 0) return err;
	snprintf(path, sizeof path, "/experiments/%s/forecast/%s/%s", name, c5_revision_name(run->run), c->recipe.marker[0]);
	snprintf(input, sizeof input, "/experiments/%s/raw/%s", name, c->recipe.channel[0]);
	/* a row a chunk: each is kept as it comes */
	if ((err = c5_spec_table(s, path, j->numbers[LOOKS], 1)) < 0 || (err = c5_spec_column(s, "frame", C5_U32)) < 0) return err;
	for (size_t i = 0; i < sizeof reals / sizeof *reals && err == C5_OK; i++) err = c5_spec_column(s, reals[i], C5_F64);
	for (size_t i = 0; i < sizeof whole / sizeof *whole && err == C5_OK; i++) err = c5_spec_column(s, whole[i], C5_U32);
	if (err == C5_OK) err = c5_spec_attr_str(s, "units", "frame: 1, time_s: s, predicted: 1, recorded: 1, guess: 1, auc: 1, blocks: 1, positive: 1");
	if (err == C5_OK) err = c5_step_sign(s, step, input);
	if (err == C5_OK) err = c5_spec_attr_str(s, "marker", c->recipe.marker[0]);
	if (err == C5_OK) err = c5_spec_attr_f64(s, "fold", (double)fold + 1);
	return err == C5_OK ? c5_spec_attr_str(s, "fields", c->fields) : err;
}

/* The fields and their folds, and the frames: the same for every job. */
static int number_job(const c5_run_context *run, const forecast_params *p, c5_job *j, const course *c, uint64_t fold, uint64_t folds)
{
	uint64_t looks = (uint64_t)p->looks < c->frames ? (uint64_t)p->looks : c->frames;
	size_t n = run->n_names;
	int err = c5_alloc(&j->numbers, NUMBERS + 2 * n + looks, sizeof *j->numbers);
	if (err < 0) return err;
	j->n_numbers = NUMBERS + 2 * n + looks;
	j->numbers[FOLD] = fold, j->numbers[FIELDS] = n, j->numbers[LOOKS] = looks, j->numbers[LAST] = c->frames - 1;
	for (size_t i = 0, at = 0; i < n; i++) {
		while (at < c->n_all && strcmp(c->all[at], run->names[i])) at++; /* both are sorted */
		j->numbers[NUMBERS + i] = at;
		j->numbers[NUMBERS + n + i] = i % folds;
	}
	for (uint64_t i = 0; i < looks; i++) j->numbers[NUMBERS + 2 * n + i] = looks > 1 ? i * (c->frames - 1) / (looks - 1) : c->frames - 1;
	return C5_OK;
}

static bool same_fields(const c5_run_context *run, const char *experiment, const char *latest, const char *fields)
{
	char *path = c5_format("/experiments/%s/%s", experiment, latest), *before = NULL;
	bool same = path && c5_exists(run->file, path) && c5_attr_get_str(run->file, path, "fields", &before) == C5_OK && before && !strcmp(before, fields);
	c5_error_clear();
	free(before);
	free(path);
	return same;
}

static int plan_fold(const c5_run_context *run, const c5_step *step, c5_plan *plan, const course *c, uint64_t fold, uint64_t folds)
{
	const forecast_params *p = step->params;
	uint8_t *missing = NULL;
	char latest[128];
	bool reused = false;
	c5_job *j;
	int err = c5_plan_add_job(plan, &j);
	if (err < 0 || (err = c5_experiment_read(run->file, run->names[fold], &j->experiment)) < 0) return err;
	if (!(j->input = c5_format("/experiments/%s/raw/%s", run->names[fold], c->recipe.channel[0]))) return c5_fail(C5_ENOMEM, "out of memory");
	snprintf(latest, sizeof latest, "forecast/latest/%s", c->recipe.marker[0]);
	if (same_fields(run, run->names[fold], latest, c->fields) && ((err = c5_step_reuse(run, step, plan, j, latest, &reused)) < 0 || reused)) return err;
	if ((err = number_job(run, p, j, c, fold, folds)) < 0) return err;
	for (size_t i = fold; i < run->n_names && err == C5_OK; i += folds) err = add_table(run, step, j, c, run->names[i], fold);
	if (err < 0) return err;
	/* A frame's last row is put last: where it is, all are. */
	const uint64_t looks = j->numbers[LOOKS];
	if ((err = c5_step_missing(run->file, &j->outputs[j->n_outputs - 1], looks, 1, &missing)) < 0) return err;
	err = c5_plan_add_units(plan, looks, missing, 1, (double)p->epochs * (double)p->per_epoch);
	free(missing);
	return err;
}

int c5_forecast_ready(const c5_step *step, const char *container)
{
	(void)container;
	return c5_device_check(((const forecast_params *)step->params)->device);
}

static int plan_forecast(const c5_run_context *run, const c5_step *step, c5_plan *plan)
{
	const forecast_params *p = step->params;
	course c = { 0 };
	uint64_t folds = (uint64_t)p->folds < run->n_names ? (uint64_t)p->folds : run->n_names;
	if (run->n_names < 3)
		return c5_fail(C5_EINPUT, "a forecast wants 3 experiments at least: some to learn from, some to foretell; there %s %zu",
			run->n_names == 1 ? "is" : "are", run->n_names);
	int err = read_course(&c, run, p);
	for (uint64_t k = 0; k < folds && err == C5_OK; k++) err = plan_fold(run, step, plan, &c, k, folds);
	free_course(&c);
	return err;
}

/* ---- work ---- */

/* line: of c5_forecast_calibrate */
typedef struct unit_work { c5_stain_set set; c5_feed *feed; c5_model *model; c5_train_state trained; c5_device *device; double line[2]; } unit_work;

static void free_work(unit_work *u)
{
	c5_train_state_free(&u->trained);
	c5_stain_feed_free(u->feed);
	c5_model_free(u->model);
	c5_stain_set_clear(&u->set);
	c5_device_close(u->device);
}

/* All experiments at one frame, with the marker as it is in the end; those of the fold are kept from learning. */
static int load_fields(unit_work *u, c5_worker *w, const forecast_params *p, const c5_job *j, uint64_t frame)
{
	const c5_stain_params s = stain_of(p);
	const c5_stain_choice choice = { .marker_frame = -2, .only = &frame, .n_only = 1, .most_bytes = (size_t)p->memory << 20 };
	char **all = NULL, **names = NULL;
	size_t n_all = 0, n = j->numbers[FIELDS];
	int err = c5_list(w->file, "/experiments", &all, &n_all);
	if (err < 0 || (err = c5_alloc(&names, n, sizeof *names)) < 0) goto done;
	for (size_t i = 0; i < n && err == C5_OK; i++) {
		if (place_of(j, i) >= n_all) err = c5_fail(C5_EFAIL, "an experiment is gone since the run began");
		else names[i] = all[place_of(j, i)];
	}
	if (err == C5_OK) err = c5_stain_load(&u->set, w->file, names, n, NULL, &s, &choice);
	for (size_t i = 0; err == C5_OK && i < n; i++)
		if (fold_of(j, i) == j->numbers[FOLD]) memset(&u->set.fields[i].train, 0, sizeof u->set.fields[i].train);
done:
	free(names);
	c5_names_free(all, n_all);
	return err;
}

static int learn(unit_work *u, const forecast_params *p, uint64_t seed)
{
	c5_recipe *r = &u->set.recipe;
	char *marker = r->marker[0];
	const c5_block_feed how = { .side = (size_t)r->block, .stride = (size_t)r->stride, .context = (size_t)r->context, .share = r->share,
		.per_epoch = (size_t)p->per_epoch };
	c5_train_params params = { 0 };
	c5_together alone;
	int err = c5_opt_defaults(c5_train_opts, &params);
	if (err < 0) return err;
	params.epochs = p->epochs, params.batch = p->batch, params.rate = p->rate, params.seed = (int64_t)seed, params.save_every_s = 0;
	if ((err = c5_opt_set(c5_train_opts, &params, "precision", p->precision)) < 0 ||
	    (err = c5_feed_blocks(&u->feed, &how, u->set.fields, u->set.n, &marker)) < 0 ||
	    (err = c5_stain_block_net(&u->model, c5_recipe_inputs(r), r->block, r->context, 1, p->stain.width)) < 0 ||
	    (err = c5_device_open(&u->device, p->device)) < 0 || (err = c5_weights_new(&u->trained.weights, u->model)) < 0)
		goto done;
	c5_weights_init(u->trained.weights, u->model, seed);
	c5_alone(&alone);
	const c5_loss loss = { .kind = C5_LOSS_BINARY, .share = 1 };
	const c5_train_job job = { .model = u->model, .feed = u->feed, .losses = &loss, .n_losses = 1, .params = &params, .together = &alone,
		.device = u->device };
	err = c5_train(&job, &u->trained);
done:
	c5_opt_clear(c5_train_opts, &params);
	return err;
}

/* The mean recorded share of the fields learnt from. */
static int shares_of(const c5_field *f, const c5_block_grid *g, float **share)
{
	uint32_t *sums = NULL;
	int err = c5_alloc(share, c5_blocks_count(g), sizeof **share);
	if (err == C5_OK) err = c5_alloc(&sums, (f->height + 1) * (f->width + 1), sizeof *sums);
	if (err == C5_OK) c5_blocks_shares(*share, g, f->mask, sums);
	free(sums);
	return err;
}

static bool is_positive(const c5_recipe *r, float share) { return share > 0 && (double)share >= r->share; }

/* Share of positive blocks, of blocks that do not overlap: each place counts once. */
static int recorded_of(const c5_field *f, const c5_recipe *r, c5_block_grid *g, bool **truth, uint32_t *positive)
{
	float *share = NULL;
	int err = c5_blocks_grid(g, f->height, f->width, (size_t)r->block, (size_t)r->block);
	if (err == C5_OK) err = shares_of(f, g, &share);
	if (err == C5_OK && truth) err = c5_alloc(truth, c5_blocks_count(g), sizeof **truth);
	*positive = 0;
	for (size_t i = 0; err == C5_OK && i < c5_blocks_count(g); i++) {
		const bool yes = is_positive(r, share[i]);
		*positive += yes;
		if (truth) (*truth)[i] = yes;
	}
	free(share);
	return err;
}

static int guess_of(const unit_work *u, double *guess)
{
	double sum = 0, n = 0;
	for (size_t i = 0; i < u->set.n; i++) {
		c5_block_grid g;
		uint32_t positive;
		if (u->set.fields[i].train.y1 == 0) continue;
		int err = recorded_of(&u->set.fields[i], &u->set.recipe, &g, NULL, &positive);
		if (err < 0) return err;
		sum += (double)positive / (double)c5_blocks_count(&g), n++;
	}
	*guess = n > 0 ? sum / n : (double)NAN;
	return C5_OK;
}

/* What a network says of the blocks of a field, and what they are. */
typedef struct judged { float *probability; bool *truth; size_t n; uint32_t positive; } judged;

static void free_judged(judged *j)
{
	free(j->probability);
	free(j->truth);
	memset(j, 0, sizeof *j);
}

static int judge(judged *to, unit_work *u, const forecast_params *p, const c5_field *f)
{
	const c5_recipe *r = &u->set.recipe;
	const c5_stainer_how how = { .stride = (size_t)r->block, .precision = strcmp(p->precision, "bf16") ? C5_FP32 : C5_BF16 };
	c5_stainer *s = NULL;
	c5_block_grid g;
	float *map = NULL;
	int err = recorded_of(f, r, &g, &to->truth, &to->positive);
	if (err < 0) return err;
	to->n = c5_blocks_count(&g);
	if ((err = c5_alloc(&to->probability, to->n, sizeof *to->probability)) == C5_OK &&
	    (err = c5_alloc(&map, f->height * f->width, sizeof *map)) == C5_OK && (err = c5_stainer_open(&s, u->device, u->model, u->trained.weights, r,
	    f->height, f->width, &how)) == C5_OK)
		err = c5_stainer_frame(s, f->input, map, to->probability);
	c5_stainer_close(s);
	free(map);
	return err;
}

/* Trainings of a few hundred steps end anywhere near the right share of positive blocks. What they say of what they learnt from, as it is in use
 * (nothing augmented, norms at rest), sets it right. */
static int calibrate(unit_work *u, const forecast_params *p)
{
	judged all = { 0 };
	size_t cap = 0, cap_truth = 0;
	int err = C5_OK;
	for (size_t i = 0; i < u->set.n && err == C5_OK; i++) {
		judged one = { 0 };
		if (u->set.fields[i].train.y1 == 0) continue;
		if ((err = judge(&one, u, p, &u->set.fields[i])) == C5_OK &&
		    (err = c5_grow(&all.probability, &cap, all.n + one.n, sizeof *all.probability)) == C5_OK &&
		    (err = c5_grow(&all.truth, &cap_truth, all.n + one.n, sizeof *all.truth)) == C5_OK) {
			memcpy(all.probability + all.n, one.probability, one.n * sizeof *one.probability);
			memcpy(all.truth + all.n, one.truth, one.n * sizeof *one.truth);
			all.n += one.n;
		}
		free_judged(&one);
	}
	if (err == C5_OK) c5_forecast_calibrate(u->line, all.probability, all.truth, all.n);
	free_judged(&all);
	return err;
}

/* One field that was left out. Blocks are drawn as they come in learning, so that the mean of their probabilities is the share to expect. */
static int foretell(unit_work *u, const forecast_params *p, const c5_field *f, forecast_row *row)
{
	judged said = { 0 };
	double sum = 0, auc = NAN;
	int err = judge(&said, u, p, f);
	if (err == C5_OK) err = c5_roc_area(&auc, said.probability, said.truth, said.n);
	for (size_t i = 0; err == C5_OK && i < said.n; i++) sum += c5_forecast_calibrated(u->line, (double)said.probability[i]);
	if (err == C5_OK) {
		row->auc = auc, row->blocks = (uint32_t)said.n, row->positive = said.positive; /* the row is packed: nothing points into it */
		row->predicted = sum / (double)said.n, row->recorded = (double)said.positive / (double)said.n;
	}
	free_judged(&said);
	return err;
}

static int look(c5_worker *w, const c5_step *step, const c5_job *j, size_t k)
{
	const forecast_params *p = step->params;
	const uint64_t frame = look_of(j, k);
	const double dt = isfinite(j->experiment.frame_interval_s) ? j->experiment.frame_interval_s : 0;
	unit_work u = { 0 };
	double guess = NAN;
	size_t output = 0;
	int err = load_fields(&u, w, p, j, frame);
	if (err == C5_OK) err = learn(&u, p, (uint64_t)p->seed + j->numbers[FOLD]);
	if (err == C5_OK) err = calibrate(&u, p);
	if (err < 0) err = c5_fail_in(err, "frame %llu", (unsigned long long)frame);
	if (err == C5_OK) err = guess_of(&u, &guess);
	for (size_t i = 0; i < u.set.n && err == C5_OK; i++) {
		if (fold_of(j, i) != j->numbers[FOLD]) continue;
		forecast_row row = { .frame = (uint32_t)frame, .time_s = (double)frame * dt, .guess = guess };
		if ((err = foretell(&u, p, &u.set.fields[i], &row)) == C5_OK) err = c5_worker_put_row(w, j, output++, k, &row);
	}
	free_work(&u);
	return err;
}

static int work_forecast(c5_worker *w, const c5_run_context *run, const c5_step *step, const c5_job *job, const c5_unit *unit)
{
	const c5_array_spec *raw;
	(void)run;
	int err = c5_worker_spec(w, job->input, &raw); /* opens the container */
	for (uint64_t k = unit->first; k < unit->first + unit->count && err == C5_OK; k++)
		if ((err = c5_worker_poll(w)) == C5_OK) err = look(w, step, job, k);
	return err;
}

/* Frames of all fields, and the net. */
static size_t bytes_forecast(const c5_step *step, const c5_job *job)
{
	size_t pixels = 0, channels = 2;
	(void)step;
	for (size_t i = 0; i < job->experiment.n_channels; i++) {
		const c5_channel *c = &job->experiment.channels[i];
		channels += c->planes ? c->planes : 1;
		if (c->height * c->width > pixels) pixels = c->height * c->width;
	}
	return pixels * channels * sizeof(float) * job->numbers[FIELDS] + (128u << 20);
}

const c5_step_ops c5_step_forecast = { &c5_kind_forecast, { "forecast", NULL }, plan_forecast, work_forecast, NULL, bytes_forecast, NULL };
