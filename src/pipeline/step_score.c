/* step_score.c – crops to scores: trained models over an experiment's crops (classify/scorer.h). First phase of the step; see score.h. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "classify/ensemble.h"
#include "classify/scorer.h"
#include "container/run.h"
#include "pipeline/identify_fit.h"
#include "pipeline/asked.h"
#include "pipeline/rows.h"
#include "pipeline/score.h"

#define SCORE_VERSION 1
#define ROWS_PER_CHUNK 1024
#define NEAR 0.05 /* stretches of the world this near are the same */

enum { INDEX, PROB, MEAN, SPREAD, ENTROPY, MUTUAL, ROWS }; /* scratch */

#define F(member) offsetof(c5_score_params, member)
#define WHICH \
	{ "model", C5_OPT_TEXT, F(model), NULL, 0, 0, NULL, "NAME", \
		"trained model: NAME, NAME@rNNNNNN, FILE.h5:NAME; several by commas, or a glob, are an ensemble" }, \
	{ "class", C5_OPT_TEXT, F(class_name), NULL, 0, 0, NULL, "NAME", \
		"the score is the probability of this class; default senescent or positive, else the last" }, \
	{ "calibrated", C5_OPT_BOOL, F(calibrated), "true", 0, 0, NULL, NULL, "divide logits by the temperature stored with the model" }, \
	{ "views", C5_OPT_INT, F(views), "1", 1, C5_VIEWS_MOST, NULL, "N", \
		"ways each crop is looked at, the mean counts: 2 or 4 mirrored, 8 turned as well" }, \
	{ "precision", C5_OPT_CHOICE, F(precision), "fp32", 0, 0, NULL, "fp32|bf16", "arithmetic of the network" }
#define SCALE { "rescale", C5_OPT_TEXT, F(rescale), NULL, 0, 0, NULL, "auto|X", \
	"show the network the middle of each crop, at the scale it learnt from: auto, by the pixel sizes of both, or X times as large as it was cut; " \
	"unset: the whole crop" }
#define CALL { "threshold", C5_OPT_REAL, F(threshold), "0.5", 0, 1, NULL, NULL, "an object is called positive from this score on" }

const c5_opt c5_scored_opts[] = { WHICH, SCALE, { 0 } };
const c5_opt c5_followed_opts[] = { CALL, { 0 } };
static const c5_opt score_opts[] = {
	WHICH,
	SCALE,
	{ "device", C5_OPT_TEXT, F(device), "auto", 0, 0, NULL, "NAME", "auto, cpu, cuda or cuda:N" },
	{ "batch", C5_OPT_INT, F(batch), "64", 1, 1024, NULL, NULL, "crops the device takes at a time; halved where memory is short" },
	CALL,
	{ "screen", C5_OPT_BOOL, F(screen), "true", 0, 0, NULL, NULL, "sum up wells, plates and conditions of all experiments, and find hits" },
	C5_SCREEN_OPTS(c5_score_params, with),
	{ 0 },
};
const c5_step_kind c5_kind_score = { "score", "give every cell the probabilities of a trained model", score_opts, sizeof(c5_score_params),
	SCORE_VERSION, "crop" };
static const c5_step_kind scored = { "score", NULL, c5_scored_opts, sizeof(c5_score_params), SCORE_VERSION, NULL };

/* ---- plan ---- */

/* A class' column: letters, digits and underscores, as attribute access in pandas wants it. */
static void column_name(char *to, size_t room, const char *class_name)
{
	snprintf(to, room, "p_%s", class_name);
	for (char *p = to; *p; p++)
		if (!isalnum((unsigned char)*p)) *p = '_';
}

static int score_table(c5_array_spec *s, const char *path, uint64_t n, uint64_t per, const c5_members *m)
{
	char name[48], units[2048] = "object: 1, frame: 1, label: 1, score: 1, class: 1";
	int err = c5_spec_table(s, path, n, per);
	if (err == C5_OK) err = c5_spec_column(s, "object", C5_U64);
	if (err == C5_OK) err = c5_spec_column(s, "frame", C5_U32);
	if (err == C5_OK) err = c5_spec_column(s, "label", C5_U32);
	if (err == C5_OK) err = c5_spec_column(s, "score", C5_F32);
	if (err == C5_OK) err = c5_spec_column(s, "class", C5_U16);
	for (int k = 0; err == C5_OK && k < m->n_classes; k++) {
		const c5_column *twice;
		column_name(name, sizeof name, m->classes[k]);
		if (c5_spec_find_column(s, name, &twice) == C5_OK) snprintf(name, sizeof name, "p_%d", k);
		c5_error_clear();
		err = c5_spec_column(s, name, C5_F32);
		snprintf(units + strlen(units), sizeof units - strlen(units), ", %s: 1", name);
	}
	static const char *const doubts[][2] = { { "spread", "1" }, { "entropy", "bit" }, { "mutual_information", "bit" } };
	for (int k = 0; err == C5_OK && k < 3; k++) {
		err = c5_spec_column(s, doubts[k][0], C5_F32);
		snprintf(units + strlen(units), sizeof units - strlen(units), ", %s: %s", doubts[k][0], doubts[k][1]);
	}
	return err < 0 ? err : c5_spec_attr_str(s, "units", units);
}

static int sign(c5_array_spec *s, const c5_step *step, const char *input, const c5_members *m, int positive)
{
	const c5_score_params *p = step->params;
	const c5_step by = { &scored, step->params, 0 };
	c5_buf temperatures = { 0 };
	char real[C5_REAL_TEXT];
	for (size_t k = 0; k < m->n; k++) c5_text_addf(&temperatures, "%s%s", k ? "," : "", c5_text_real(real, p->calibrated ? m->at[k].temperature : 1));
	char *text = c5_text_take(&temperatures);
	int err = text ? c5_step_sign(s, &by, input) : c5_fail(C5_ENOMEM, "out of memory");
	if (err == C5_OK) err = c5_members_sign(s, m);
	if (err == C5_OK) err = c5_spec_attr_str(s, "positive", m->classes[positive]);
	if (err == C5_OK) err = c5_spec_attr_str(s, "temperatures", text);
	free(text);
	return err;
}

static int check_rescale(const char *rescale)
{
	char *end;
	if (!rescale || strcmp(rescale, "auto") == 0) return C5_OK;
	double factor = strtod(rescale, &end);
	if (end != rescale && !*end && factor >= 1 / C5_FIT_MOST && factor <= C5_FIT_MOST) return C5_OK;
	return c5_fail(C5_EUSAGE, "--rescale: %s; auto, or a factor from %g to %g is expected", rescale, 1 / C5_FIT_MOST, C5_FIT_MOST);
}

/* Pixels of the crops' middle that show member `k` what it learnt from, by height; 0: all of them. */
static int window_of(int *window, const c5_members *m, size_t k, const char *rescale, const c5_array_spec *crops, double pixel_um)
{
	const c5_prepare *p = &m->at[k].prepare;
	const double learnt_um = m->stored[k].pixel_size_um, height = (double)crops->dims[2], width = (double)crops->dims[3];
	const bool by_size = strcmp(rescale, "auto") == 0;
	double factor = by_size ? pixel_um / learnt_um : strtod(rescale, NULL);
	if (by_size && !isfinite(factor))
		return c5_fail(C5_EINPUT, "--rescale auto: the pixel size of %s is not known; %s", isfinite(pixel_um) ? "what the model learnt from" : "the crops",
			isfinite(pixel_um) ? "say --rescale X" : "cyto5 ingest --pixel-size with the same inputs fills it in, then cut crops again, or say --rescale X");
	double h = p->height / factor, w = p->width / factor;
	if (h > (1 + NEAR) * height || w > (1 + NEAR) * width)
		return c5_fail(C5_EINPUT, "crops of %gx%g px show less than %s learnt from; cut larger ones: cyto5 crop --size %.0f", height, width, m->at[k].name,
			ceil(fmax(h, w)));
	*window = fabs(h - height) <= NEAR * height && fabs(w - width) <= NEAR * width ? 0 : (int)fmax(1, fmin(round(h), height));
	return C5_OK;
}

/* Windows of all members as text, by commas; without --rescale NULL, and a warning where crops show another stretch of the world. */
static int windows_of(char **text, const c5_members *m, const char *rescale, c5_file *f, const c5_job *j, const c5_array_spec *crops, bool *warned)
{
	c5_buf b = { 0 };
	double pixel_um = NAN;
	int err = c5_attr_get_f64(f, j->input, "pixel_size_um", &pixel_um);
	*text = NULL;
	if (err < 0) c5_error_clear();
	err = C5_OK;
	for (size_t k = 0; err == C5_OK && rescale && k < m->n; k++) {
		int window;
		if ((err = window_of(&window, m, k, rescale, crops, pixel_um)) == C5_OK) c5_text_addf(&b, "%s%d", k ? "," : "", window);
		else err = c5_fail_in(err, "%s", j->experiment.name);
	}
	if (err < 0) c5_buf_free(&b);
	else if (rescale && !(*text = c5_text_take(&b))) err = c5_fail(C5_ENOMEM, "out of memory");
	const double shown = pixel_um * (double)crops->dims[2], learnt = m->stored[0].pixel_size_um * m->at[0].prepare.height;
	if (err == C5_OK && !rescale && !*warned && isfinite(shown) && isfinite(learnt) && fabs(shown - learnt) > NEAR * learnt) {
		c5_log(C5_LOG_WARN, "%s: crops show %.3g um, model %s learnt from %.3g um: its answers may mean little; --rescale auto shows it as much",
			j->experiment.name, shown, m->at[0].name, learnt);
		*warned = true;
	}
	return err;
}

static int plan_one(const c5_run_context *run, const c5_step *step, c5_plan *plan, c5_job *j, const char *name, const c5_members *m, int positive,
	bool *warned)
{
	const c5_score_params *p = step->params;
	const c5_step by = { &scored, step->params, 0 };
	c5_array *images = NULL;
	c5_array_spec *s;
	char *crops = NULL, *windows = NULL, path[512];
	uint8_t *missing = NULL;
	bool reused;
	int err;
	if ((err = c5_experiment_read(run->file, name, &j->experiment)) < 0 || (err = c5_step_input(run, name, "crops", "crop", &crops)) < 0) return err;
	j->input = c5_format("%s/images", crops);
	free(crops);
	if (!j->input) return c5_fail(C5_ENOMEM, "out of memory");
	if ((err = c5_members_reuse(run, &by, plan, j, "scores/latest", m, &reused)) < 0 || reused) return err;
	if ((err = c5_array_open(&images, run->file, j->input)) < 0 || (err = c5_members_check(m, run->file, name, j->input, c5_array_spec_of(images))) < 0)
		goto done;
	if ((err = windows_of(&windows, m, p->rescale, run->file, j, c5_array_spec_of(images), warned)) < 0) goto done;
	uint64_t n = c5_array_spec_of(images)->dims[0], batch = (uint64_t)p->batch, per = batch * (batch < ROWS_PER_CHUNK ? ROWS_PER_CHUNK / batch : 1);
	snprintf(path, sizeof path, "/experiments/%s/scores/%s", name, c5_revision_name(run->run));
	if ((err = c5_job_add_output(j, &s)) < 0 || (err = score_table(s, path, n, per, m)) < 0 || (err = sign(s, step, j->input, m, positive)) < 0)
		goto done;
	if (windows && (err = c5_spec_attr_str(s, "windows", windows)) < 0) goto done;
	uint64_t chunks = n ? c5_spec_chunks(s) : 0;
	if ((err = c5_step_missing(run->file, s, chunks, 1, &missing)) < 0) goto done;
	err = c5_plan_add_units(plan, chunks, missing, 4, (double)per);
done:
	free(windows);
	free(missing);
	c5_array_close(images);
	return err;
}

int c5_score_ready(const c5_step *step, const char *container)
{
	const c5_score_params *p = step->params;
	c5_members m;
	int positive, err = c5_device_check(p->device);
	if (err < 0 || (err = c5_members_open(&m, container, p->model, false)) < 0) return err;
	err = c5_members_class(&m, p->class_name, &positive);
	c5_members_close(&m);
	return err;
}

static int plan_score(const c5_run_context *run, const c5_step *step, c5_plan *plan)
{
	const c5_score_params *p = step->params;
	c5_members m;
	bool warned = false;
	int positive, err = c5_device_check(p->device);
	if (err < 0 || (err = check_rescale(p->rescale)) < 0 ||
	    (err = c5_members_open_in(&m, c5_file_path(run->file), run->run, p->model, false)) < 0) return err;
	err = c5_members_class(&m, p->class_name, &positive);
	if (err == C5_OK) c5_fit_warn(&m.stored[0], m.at[0].name, run->file, run->names, run->n_names);
	for (size_t i = 0; err == C5_OK && i < run->n_names; i++) {
		c5_job *j;
		if ((err = c5_plan_add_job(plan, &j)) < 0) break;
		if ((err = plan_one(run, step, plan, j, run->names[i], &m, positive, &warned)) < 0 && err != C5_ENOMEM) err = c5_job_fail(j);
		if (j->error && !j->experiment.name && !(j->experiment.name = c5_strdup(run->names[i]))) err = c5_fail(C5_ENOMEM, "out of memory");
	}
	c5_members_close(&m);
	return err;
}

/* ---- work ---- */

typedef struct score_state { c5_asked asked; int positive; } score_state;

static void free_state(void *state)
{
	score_state *s = state;
	c5_asked_close(&s->asked);
	free(s);
}

/* The models, with the job's crops bound. */
static int want_scorer(c5_worker *w, const c5_score_params *p, const c5_job *job, score_state **out)
{
	score_state *s = w->state;
	int err = C5_OK;
	if (!s) {
		if ((err = c5_alloc(&s, 1, sizeof *s)) < 0) return err;
		w->state = s;
		w->free_state = free_state;
	}
	*out = s;
	if (!s->asked.scorer) {
		bool bf16 = p->precision && strcmp(p->precision, "bf16") == 0;
		if ((err = c5_asked_open(&s->asked, w->path, c5_job_attr(job, 0, "models"), p->device, (int)p->batch, bf16 ? C5_BF16 : C5_FP32,
		    p->calibrated)) < 0 || (err = c5_scorer_views(s->asked.scorer, (int)p->views)) < 0 ||
		    (err = c5_members_class(&s->asked.members, c5_job_attr(job, 0, "positive"), &s->positive)) < 0)
			return err;
	}
	if ((err = c5_asked_bind(&s->asked, w, job)) < 0) return err;
	const char *windows = c5_job_attr(job, 0, "windows");
	for (size_t k = 0; err == C5_OK && windows && k < s->asked.members.n; k++) {
		const c5_prepare *prepare = &s->asked.members.at[k].prepare;
		const int height = atoi(windows);
		err = c5_scorer_window(s->asked.scorer, k, height, (int)lround((double)height * prepare->width / prepare->height));
		if ((windows = strchr(windows, ','))) windows++;
	}
	return err;
}

/* Columns of the crops' index that the scores repeat. */
static int read_index(c5_worker *w, const c5_job *job, uint64_t first, uint64_t n, uint8_t **rows, c5_column columns[3], size_t *row)
{
	static const char *const names[3] = { "object", "frame", "label" };
	const c5_array_spec *s;
	const c5_column *c;
	char path[512];
	snprintf(path, sizeof path, "%.*s/index", (int)(strrchr(job->input, '/') - job->input), job->input);
	int err = c5_worker_spec(w, path, &s);
	for (int i = 0; err == C5_OK && i < 3; i++) {
		if ((err = c5_spec_find_column(s, names[i], &c)) == C5_OK) columns[i] = *c;
	}
	if (err < 0) return err;
	*row = s->row_size;
	if ((err = c5_worker_scratch(w, INDEX, n * *row, rows)) < 0) return err;
	return c5_worker_read_rows(w, path, first, n, *rows);
}

static uint64_t whole(const uint8_t *row, const c5_column *c)
{
	uint64_t v = 0; /* little-endian, as everything a container holds */
	size_t n = c5_dtype_size(c->dtype);
	memcpy(&v, row + c->offset, n < sizeof v ? n : sizeof v);
	return v;
}

/* The ensemble's answers for n crops as rows of the scores table. */
static int fill_rows(c5_worker *w, const c5_job *job, const score_state *s, uint64_t first, uint64_t n, const float *prob, uint8_t *rows)
{
	const c5_array_spec *spec = &job->outputs[0];
	size_t classes = (size_t)s->asked.members.n_classes, row;
	float *mean, *spread, *entropy, *mutual;
	uint8_t *index;
	c5_column from[3];
	int err;
	if ((err = read_index(w, job, first, n, &index, from, &row)) < 0 || (err = c5_worker_scratch(w, MEAN, n * classes * sizeof *mean, &mean)) < 0 ||
	    (err = c5_worker_scratch(w, SPREAD, n * classes * sizeof *spread, &spread)) < 0 ||
	    (err = c5_worker_scratch(w, ENTROPY, n * sizeof *entropy, &entropy)) < 0 ||
	    (err = c5_worker_scratch(w, MUTUAL, n * sizeof *mutual, &mutual)) < 0)
		return err;
	c5_ensemble_join(prob, s->asked.members.n, n, classes, mean, spread, entropy, mutual);
	for (uint64_t i = 0; i < n; i++) {
		uint8_t *to = rows + i * spec->row_size;
		const float *p = mean + i * classes;
		uint64_t object = whole(index + i * row, &from[0]);
		uint32_t place[2] = { (uint32_t)whole(index + i * row, &from[1]), (uint32_t)whole(index + i * row, &from[2]) };
		uint16_t best = 0;
		for (size_t k = 1; k < classes; k++)
			if (p[k] > p[best]) best = (uint16_t)k;
		float doubts[3] = { spread[i * classes + (size_t)s->positive], entropy[i], mutual[i] };
		memcpy(to + spec->columns[0].offset, &object, sizeof object);
		memcpy(to + spec->columns[1].offset, &place[0], 4);
		memcpy(to + spec->columns[2].offset, &place[1], 4);
		memcpy(to + spec->columns[3].offset, &p[s->positive], 4);
		memcpy(to + spec->columns[4].offset, &best, 2);
		for (size_t k = 0; k < classes; k++) memcpy(to + spec->columns[5 + k].offset, &p[k], 4);
		for (size_t k = 0; k < 3; k++) memcpy(to + spec->columns[5 + classes + k].offset, &doubts[k], 4);
	}
	return C5_OK;
}

static int work_score(c5_worker *w, const c5_run_context *run, const c5_step *step, const c5_job *job, const c5_unit *unit)
{
	const c5_array_spec *spec = &job->outputs[0];
	uint64_t per = spec->chunk[0];
	c5_asked_source from = { w, job->input };
	score_state *s;
	float *prob;
	uint8_t *rows;
	(void)run;
	int err = want_scorer(w, step->params, job, &s);
	for (uint64_t c = unit->first; err == C5_OK && c < unit->first + unit->count; c++) {
		uint64_t first = c * per, n = spec->dims[0] - first < per ? spec->dims[0] - first : per;
		if ((err = c5_worker_scratch(w, PROB, s->asked.members.n * n * (size_t)s->asked.members.n_classes * sizeof *prob, &prob)) < 0 ||
		    (err = c5_worker_scratch(w, ROWS, c5_spec_chunk_bytes(spec), &rows)) < 0)
			break;
		memset(rows, 0, c5_spec_chunk_bytes(spec));
		if ((err = c5_scorer_run(s->asked.scorer, first, n, c5_asked_read, c5_asked_poll, &from, prob)) < 0 ||
		    (err = fill_rows(w, job, s, first, n, prob, rows)) < 0) break;
		err = c5_worker_put_chunk(w, job, 0, c, rows);
	}
	return err;
}

static size_t bytes_score(const c5_step *step, const c5_job *job)
{
	const c5_score_params *p = step->params;
	(void)job;
	return (size_t)p->batch * (1u << 20); /* some MiB a crop and layer: the network itself tells more closely */
}

const c5_step_ops c5_step_score = { &c5_kind_score, { "scores", "score_frames", "score_tracks", NULL }, plan_score, work_score, NULL, bytes_score,
	&c5_score_follow };
