/* cmd_validate.c – `cyto5 validate MODEL FILE.h5`: how well trained models tell the classes of crops they have not seen; and their temperature.
 * Nothing is written but a calibrated revision of the models, when asked for. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/model.h"
#include "cli/validate.h"
#include "container/run.h"
#include "image/names.h"
#include "measure/classes.h"
#include "pipeline/trained.h"

#define FOLDS 5 /* calibration is judged in so many parts, fewer where there are fewer groups */

typedef struct validate_set {
	bool json, explain, calibrate;
	char *out;
	double threshold;
	int64_t bins, resamples, seed;
	c5_checked_params ask;
	c5_labelled_params crops;
} validate_set;

static const c5_opt answer_opts[] = {
	{ "json", C5_OPT_BOOL, offsetof(validate_set, json), NULL, 0, 0, NULL, NULL, "answer in JSON; undefined figures are null" },
	{ "explain", C5_OPT_BOOL, offsetof(validate_set, explain), NULL, 0, 0, NULL, NULL, "say in plain words what each figure is" },
	{ "out", C5_OPT_TEXT, offsetof(validate_set, out), NULL, 0, 0, NULL, "FOLDER",
	    "write figures, confusion, reliability and predictions as CSV, and the reliability curve as SVG, there" },
	{ "threshold", C5_OPT_REAL, offsetof(validate_set, threshold), "0.5", 0, 1, NULL, NULL, "of two classes: called positive from this score on" },
	{ "bins", C5_OPT_INT, offsetof(validate_set, bins), "15", 1, 1000, NULL, NULL, "of the calibration error" },
	{ "resamples", C5_OPT_INT, offsetof(validate_set, resamples), "1000", 0, 1000000, NULL, NULL,
	    "resamples of whole groups (--group) behind the 95 % intervals; 0: Wilson's, of shares alone" },
	{ "seed", C5_OPT_INT, offsetof(validate_set, seed), "1", 0, 9e15, NULL, NULL, "of the resamples" },
	{ 0 },
};
static const c5_opt calibrate_opts[] = {
	{ "calibrate", C5_OPT_BOOL, offsetof(validate_set, calibrate), NULL, 0, 0, NULL, NULL,
	    "fit one temperature to these crops and store it with the models, as a new revision" },
	{ 0 },
};

/* ---- figures ---- */

/* Some of the crops, with their groups numbered anew. */
typedef struct part { size_t n; float *prob; uint32_t *truth, *group, groups; double *score; bool *positive; } part;

static void part_free(part *p)
{
	free(p->prob);
	free(p->truth);
	free(p->group);
	free(p->score);
	free(p->positive);
}

static int part_take(part *p, const c5_valid *v, const float *prob, const char *plate)
{
	const c5_checked *c = &v->checked;
	const size_t classes = (size_t)c->members.n_classes;
	uint32_t *number = NULL;
	int err;
	*p = (part){ 0 };
	if ((err = c5_alloc(&p->prob, c->n * classes + 1, sizeof *p->prob)) < 0 || (err = c5_alloc(&p->truth, c->n + 1, sizeof *p->truth)) < 0 ||
	    (err = c5_alloc(&p->group, c->n + 1, sizeof *p->group)) < 0 ||
	    (err = c5_alloc(&p->score, c->n + 1, sizeof *p->score)) < 0 || (err = c5_alloc(&p->positive, c->n + 1, sizeof *p->positive)) < 0 ||
	    (err = c5_alloc(&number, (size_t)v->groups + 1, sizeof *number)) < 0)
		goto done;
	for (size_t i = 0; i < c->n; i++) {
		const char *of = c->data->sources[c->data->items[c->item[i]].source].plate;
		if (plate && strcmp(plate, of ? of : "") != 0) continue;
		if (!number[v->group[i]]) number[v->group[i]] = ++p->groups;
		memcpy(p->prob + p->n * classes, prob + i * classes, classes * sizeof *prob);
		p->truth[p->n] = c->truth[i];
		p->score[p->n] = (double)prob[i * classes + (size_t)c->positive];
		p->positive[p->n] = c->truth[i] == (uint32_t)c->positive;
		p->group[p->n++] = number[v->group[i]] - 1;
	}
done:
	free(number);
	return err;
}

static int figures_of(c5_figures *to, const c5_valid *v, const part *p)
{
	const c5_members *m = &v->checked.members;
	const c5_classify_params params = { .threshold = v->threshold, .bins = v->bins, .resamples = v->resamples, .seed = (uint64_t)v->seed,
	    .wilson = true };
	if (m->n_classes == 2) {
		const c5_scored scored = { p->n, p->positive, p->score, p->group, p->groups };
		return c5_classify_figures(to, &scored, &params);
	}
	const c5_classed classed = { p->n, (size_t)m->n_classes, p->prob, p->truth, (const char *const *)m->classes, p->group, p->groups };
	return c5_classes_figures(to, &classed, &params);
}

static int by_name(const void *a, const void *b) { return c5_natural_cmp(((const c5_valid_plate *)a)->name, ((const c5_valid_plate *)b)->name); }

static int find_plates(c5_valid *v)
{
	const c5_checked *c = &v->checked;
	bool stated = false;
	int err = c5_alloc(&v->plates, c->data->n_sources, sizeof *v->plates);
	for (size_t i = 0; err == C5_OK && i < c->n; i++) {
		const char *name = c->data->sources[c->data->items[c->item[i]].source].plate;
		size_t k = 0;
		stated |= name != NULL;
		while (k < v->n_plates && strcmp(v->plates[k].name, name ? name : "") != 0) k++;
		if (k == v->n_plates) v->plates[v->n_plates++].name = name ? name : "";
	}
	if (!stated) v->n_plates = 0;
	qsort(v->plates, v->n_plates, sizeof *v->plates, by_name);
	return err;
}

static int measure_plates(c5_valid *v)
{
	int err = find_plates(v);
	for (size_t k = 0; err == C5_OK && k < v->n_plates; k++) {
		c5_valid_plate *plate = &v->plates[k];
		part p;
		if ((err = part_take(&p, v, v->mean, plate->name)) == C5_OK) err = figures_of(&plate->figures, v, &p);
		plate->crops = p.n;
		plate->groups = p.groups;
		for (size_t i = 0; err == C5_OK && i < p.n; i++) plate->positive += p.positive[i];
		part_free(&p);
	}
	return err;
}

static int measure_total(c5_valid *v)
{
	const c5_checked *c = &v->checked;
	const size_t classes = (size_t)c->members.n_classes;
	part p;
	int err = part_take(&p, v, v->mean, NULL);
	if (err == C5_OK) err = figures_of(&v->figures, v, &p);
	if (err == C5_OK && (err = c5_alloc(&v->confusion, classes * classes, sizeof *v->confusion)) == C5_OK &&
	    (err = c5_alloc(&v->before_bins, (size_t)v->bins, sizeof *v->before_bins)) == C5_OK) {
		const c5_classed classed = { .n = p.n, .classes = classes, .prob = p.prob, .truth = p.truth };
		const uint32_t positive = (uint32_t)c->positive;
		if (classes > 2) c5_confusion(v->confusion, &classed);
		for (size_t i = 0; classes == 2 && i < p.n; i++) v->confusion[p.truth[i] * 2 + (p.score[i] >= v->threshold ? positive : 1 - positive)]++;
		c5_reliability_bins(v->before_bins, (size_t)v->bins, p.score, p.positive, p.n);
	}
	part_free(&p);
	return err;
}

/* Groups that have crops here, numbered from 0. */
static int number_groups(c5_valid *v)
{
	const c5_checked *c = &v->checked;
	uint32_t *number = NULL;
	int err = c5_alloc(&number, c->data->n_groups + 1, sizeof *number);
	if (err == C5_OK) err = c5_alloc(&v->group, c->n + 1, sizeof *v->group);
	for (size_t i = 0; err == C5_OK && i < c->n; i++) {
		uint32_t g = c->data->items[c->item[i]].group;
		if (!number[g]) number[g] = ++v->groups;
		v->group[i] = number[g] - 1;
	}
	free(number);
	return err;
}

static int judge(c5_valid *v)
{
	const c5_checked *c = &v->checked;
	const c5_answers a = c5_checked_answers(c);
	int err = number_groups(v);
	if (err == C5_OK) err = c5_alloc(&v->mean, a.n * a.classes + 1, sizeof *v->mean);
	for (size_t i = 0; err == C5_OK && i < a.n; i++) c5_answers_mean(v->mean + i * a.classes, &a, i, 1);
	if (err == C5_OK && (err = measure_total(v)) == C5_OK) err = measure_plates(v);
	if (err == C5_OK && v->groups < 2)
		c5_log(C5_LOG_INFO, "one %s only: intervals are Wilson's, as if its crops were independent, and too narrow", c->data->group_by);
	return err;
}

/* ---- calibration ---- */

static int calibrate(c5_valid *v)
{
	const c5_checked *c = &v->checked;
	const c5_answers a = c5_checked_answers(c);
	double temperatures[FOLDS], before = 0, after = 0;
	float *mean = NULL;
	part p = { 0 };
	int err = c5_temperature_fit_mean(&v->temperature, &a, c->truth, NULL);
	if (err < 0 || (err = c5_alloc(&mean, a.classes, sizeof *mean)) < 0) return err;
	for (size_t i = 0; i < a.n; i++) {
		before -= log(fmax((double)v->mean[i * a.classes + c->truth[i]], 1e-38));
		c5_answers_mean(mean, &a, i, v->temperature);
		after -= log(fmax((double)mean[c->truth[i]], 1e-38));
	}
	free(mean);
	v->loss_before = before / (double)a.n, v->loss_after = after / (double)a.n;
	v->folds = v->groups < 2 ? 0 : v->groups < FOLDS ? v->groups : FOLDS;
	if (!v->folds) {
		c5_log(C5_LOG_WARN, "one %s only: what the temperature is worth cannot be judged, as it was fitted to all crops there are",
		    c->data->group_by);
		return C5_OK;
	}
	if ((err = c5_alloc(&v->after, a.n * a.classes + 1, sizeof *v->after)) < 0 ||
	    (err = c5_alloc(&v->after_bins, (size_t)v->bins, sizeof *v->after_bins)) < 0 ||
	    (err = c5_temperature_cross(v->after, temperatures, &a, c->truth, v->group, v->groups, v->folds, (uint64_t)v->seed)) < 0 ||
	    (err = part_take(&p, v, v->after, NULL)) < 0)
		goto done;
	c5_reliability_bins(v->after_bins, (size_t)v->bins, p.score, p.positive, p.n);
	err = figures_of(&v->calibrated, v, &p);
done:
	part_free(&p);
	return err;
}

/* ---- storing it ---- */

static int add_metric(c5_stored_model *s, const char *name, const char *of, double value, double low, double high)
{
	for (size_t i = 0; i < s->n_metrics; i++) /* of an older calibration */
		if (s->metrics[i].name && strcmp(s->metrics[i].name, name) == 0) {
			free(s->metrics[i].name);
			free(s->metrics[i].of);
			memmove(&s->metrics[i], &s->metrics[i + 1], (s->n_metrics - i - 1) * sizeof *s->metrics);
			s->n_metrics--;
			break;
		}
	size_t cap = s->n_metrics;
	int err = c5_grow(&s->metrics, &cap, s->n_metrics + 1, sizeof *s->metrics);
	if (err < 0) return err;
	c5_stored_metric *m = &s->metrics[s->n_metrics++];
	*m = (c5_stored_metric){ c5_strdup(name), c5_strdup(of), value, low, high };
	return m->name && m->of ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
}

/* What the model will tell of its temperature. */
static int tell_calibration(c5_stored_model *s, const c5_valid *v)
{
	static const char *const names[][2] = { { "ECE", "calibrated_ECE" }, { "log_loss", "calibrated_log_loss" } };
	char *whole = realpath(v->container, NULL);
	int err = C5_OK;
	s->temperature = v->temperature;
	free(s->calibrated_on);
	s->calibrated_on = c5_format("%s, %zu crops by %s", whole ? whole : v->container, v->checked.n, v->checked.data->label);
	free(whole);
	if (!s->calibrated_on) return c5_fail(C5_ENOMEM, "out of memory");
	for (size_t k = 0; err == C5_OK && v->folds && k < 2; k++) {
		const c5_figure *f = c5_figures_find(&v->calibrated, names[k][0]);
		if (f) err = add_metric(s, names[k][1], c5_name_base(v->container), f->value, f->low, f->high);
	}
	return err;
}

/* File and name of a member: "FILE.h5:NAME@r000003", or "NAME@r000003" of the container. */
static int address_of(c5_model_address *a, const c5_valid *v, size_t m)
{
	const char *name = v->checked.members.at[m].name;
	char *text = strchr(name, ':') ? c5_strdup(name) : c5_format("%s:%s", v->container, name);
	int err = text ? c5_model_address_parse(a, text) : c5_fail(C5_ENOMEM, "out of memory");
	free(text);
	return err;
}

/* All members of one file, from `first` on, in one run; `done` marks them. */
static int store_file(c5_valid *v, size_t first, bool *done, int argc, char **argv, c5_buf *told)
{
	const size_t n = v->checked.members.n;
	c5_model_address here = { 0 }, *a = NULL;
	c5_stored_model *s = NULL;
	const char **names = NULL;
	c5_file *f = NULL;
	size_t k = 0;
	int err;
	if ((err = c5_alloc(&a, n, sizeof *a)) < 0 || (err = c5_alloc(&s, n, sizeof *s)) < 0 || (err = c5_alloc(&names, n, sizeof *names)) < 0 ||
	    (err = address_of(&here, v, first)) < 0 ||
	    (err = c5_file_open(&f, here.file, C5_READ, NULL)) < 0)
		goto done;
	for (size_t m = first; err == C5_OK && m < n; m++) {
		if (done[m] || (err = address_of(&a[k], v, m)) < 0) continue;
		if (strcmp(a[k].file, here.file) != 0) {
			c5_model_address_free(&a[k]);
			continue;
		}
		done[m] = true;
		c5_stored_model_init(&s[k]);
		names[k] = a[k].name;
		if ((err = c5_stored_model_read(f, a[k].name, a[k].number, true, &s[k])) == C5_OK) err = tell_calibration(&s[k], v);
		k++;
	}
	c5_file_close(f);
	f = NULL;
	if (err == C5_OK) err = c5_models_store(here.file, names, s, k, "validate", argc, argv);
	for (size_t i = 0; err == C5_OK && i < k; i++)
		c5_text_addf(told, "%s%s:/models/%s/%s", told->size ? ", " : "", here.file, names[i], c5_revision_name(s[i].revision));
done:
	c5_file_close(f);
	for (size_t i = 0; i < k; i++) {
		c5_stored_model_free(&s[i]);
		c5_model_address_free(&a[i]);
	}
	c5_model_address_free(&here);
	free(a);
	free(s);
	free(names);
	return err;
}

static int store(c5_valid *v, int argc, char **argv)
{
	c5_buf told = { 0 };
	bool *done = NULL;
	int err = c5_alloc(&done, v->checked.members.n, sizeof *done);
	for (size_t m = 0; err == C5_OK && m < v->checked.members.n; m++)
		if (!done[m]) err = store_file(v, m, done, argc, argv, &told);
	free(done);
	if (!(v->stored = c5_text_take(&told)) && err == C5_OK) err = c5_fail(C5_ENOMEM, "out of memory");
	return err;
}

/* ---- all of it ---- */

static void valid_free(c5_valid *v)
{
	c5_checked_close(&v->checked);
	free(v->mean);
	free(v->after);
	free(v->group);
	c5_figures_free(&v->figures);
	c5_figures_free(&v->calibrated);
	for (size_t k = 0; k < v->n_plates; k++) c5_figures_free(&v->plates[k].figures);
	free(v->plates);
	free(v->confusion);
	free(v->before_bins);
	free(v->after_bins);
	free(v->stored);
}

static int run(int argc, char **argv)
{
	validate_set set = { 0 };
	const c5_opt_group groups[] = { { "Answer", answer_opts, &set }, { "Calibration", calibrate_opts, &set }, { "Model", c5_checked_opts, &set.ask },
		{ "Crops and classes", c5_labelled_opts, &set.crops }, { NULL, NULL, NULL } };
	c5_cli cli;
	c5_valid v = { .temperature = NAN };
	int err = c5_cli_open(&cli, &c5_cmd_validate, groups, argc, argv, 2, 2);
	if (err < 0 || cli.helped || c5_cli_launch_rank() > 0) goto done; /* one process judges; others would only repeat it */
	v.container = cli.words[1];
	v.threshold = set.threshold, v.resamples = set.resamples, v.seed = set.seed, v.bins = set.bins;
	if (set.calibrate) set.ask.calibrated = false; /* from the logits as they are */
	if ((err = c5_checked_open(&v.checked, cli.words[0], v.container, &set.crops, &set.ask)) < 0 || (err = judge(&v)) < 0) goto done;
	if (v.checked.left_out) c5_log(C5_LOG_INFO, "%zu crops are left out: every model learnt from them", v.checked.left_out);
	if (set.calibrate && ((err = calibrate(&v)) < 0 || (err = store(&v, argc, argv)) < 0)) goto done;
	if (set.out && (err = c5_valid_files(&v, set.out)) < 0) goto done;
	err = set.json ? c5_valid_json(&v) : c5_valid_page(&v, set.explain);
done:
	valid_free(&v);
	c5_cli_close(&cli, groups);
	return err;
}

const c5_command c5_cmd_validate = {
	"validate", C5_LEARN, "judge a trained model by newly acquired crops with classes, and calibrate it", "MODEL FILE.h5",
	"cyto5 validate trained.h5:senescence new.h5 --label condition\n"
	"cyto5 validate trained.h5:senescence new.h5 --group plate --out validation/\n"
	"cyto5 validate trained.h5:senescence new.h5 --calibrate\n"
	"cyto5 validate 'senescence-fold*' plate.h5 --kept-back --views 8 --json\n",
	run,
};
