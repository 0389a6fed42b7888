/* step_score_screen.c – the scores of all experiments summed up by well, plate and condition, with hits: /screens/rN. Third phase of the step; see
 * score.h. It is little work (one row a frame is read), so rank 0 does it while it plans, and there are no units. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "classify/screen_tables.h"
#include "container/run.h"
#include "pipeline/records.h"
#include "pipeline/score.h"

#define SCREEN_VERSION 1

static const c5_opt screen_opts[] = { C5_SCREEN_OPTS(c5_score_params, with), { 0 } };
static const c5_step_kind screened = { "score", NULL, screen_opts, sizeof(c5_score_params), SCREEN_VERSION, NULL };

/* ---- sums ---- */

static double number_at(const uint8_t *row, const c5_column *c)
{
	uint32_t u;
	double d;
	if (c->dtype == C5_U32) return memcpy(&u, row + c->offset, sizeof u), u;
	return memcpy(&d, row + c->offset, sizeof d), d;
}

static int add_frames(c5_screen_field *to, c5_file *f, const char *path)
{
	static const char *const names[3] = { "objects", "positive", "mean" };
	c5_array *a = NULL;
	c5_codec *codec = NULL;
	uint8_t *rows = NULL;
	c5_column columns[3];
	int err;
	if ((err = c5_table_open(&a, f, path)) < 0 || (err = c5_codec_open(&codec)) < 0) goto done;
	const c5_array_spec *s = c5_array_spec_of(a);
	for (int i = 0; i < 3; i++) {
		const c5_column *c;
		if ((err = c5_spec_find_column(s, names[i], &c)) < 0) goto done;
		columns[i] = *c;
		if (c->dtype != C5_U32 && c->dtype != C5_F64) {
			err = c5_fail(C5_ESCHEMA, "%s: column %s is of another type than scores have", path, names[i]);
			goto done;
		}
	}
	uint64_t n = s->dims[0];
	size_t row = s->row_size;
	if ((err = c5_alloc(&rows, n + 1, row)) < 0 || (n && (err = c5_array_read_rows(a, codec, 0, n, rows)) < 0)) goto done;
	for (uint64_t i = 0; i < n; i++) {
		double objects = number_at(rows + i * row, &columns[0]);
		if (!(objects > 0)) continue;
		to->objects += (uint64_t)objects;
		to->positive += (uint64_t)number_at(rows + i * row, &columns[1]);
		to->sum += objects * number_at(rows + i * row, &columns[2]);
	}
	to->mean = to->objects ? to->sum / (double)to->objects : NAN;
	to->share = to->objects ? (double)to->positive / (double)to->objects : NAN;
done:
	free(rows);
	c5_codec_close(codec);
	c5_array_close(a);
	return err;
}

static const char *text_of(const c5_experiment *e, const char *name)
{
	for (int i = 0; i < C5_EXPERIMENT_TEXTS; i++)
		if (strcmp(c5_experiment_texts[i], name) == 0) return e->texts[i];
	return NULL;
}

static int add_experiment(c5_score_sums *s, c5_file *f, uint32_t run, const char *name)
{
	const c5_run_context as = { .run = run, .file = f };
	char *path = NULL, *models = NULL;
	int err = c5_score_product(&as, name, "score_frames", &path);
	if (err < 0 || !path) return err;
	if ((err = c5_grow(&s->e, &s->cap, s->n + 1, sizeof *s->e)) < 0 || (err = c5_grow(&s->fields, &s->cap_fields, s->n + 1, sizeof *s->fields)) < 0)
		goto done;
	c5_screen_field *to = &s->fields[s->n];
	memset(to, 0, sizeof *to);
	if ((err = c5_experiment_read(f, name, &s->e[s->n])) < 0) goto done;
	s->n++;
	if ((err = c5_attr_get_str(f, path, "models", &models)) < 0 || (err = add_frames(to, f, path)) < 0) goto done;
	if (s->n == 1 && (err = c5_attr_get_f64(f, path, "threshold", &s->threshold)) < 0) goto done;
	if (!s->models) {
		s->models = models;
		models = NULL;
	} else {
		s->mixed = s->mixed || strcmp(models, s->models) != 0;
	}
done:
	free(models);
	free(path);
	return err;
}

int c5_score_sums_read(c5_score_sums *out, c5_file *f, uint32_t run, char *const *names, size_t n)
{
	int err = C5_OK;
	memset(out, 0, sizeof *out);
	for (size_t i = 0; err == C5_OK && i < n; i++) err = add_experiment(out, f, run, names[i]);
	for (size_t i = 0; i < out->n; i++) { /* the experiments may have moved while they were added */
		const c5_experiment *e = &out->e[i];
		c5_screen_field *to = &out->fields[i];
		to->experiment = e->name;
		to->plate = text_of(e, "plate");
		to->well = text_of(e, "well");
		to->condition = text_of(e, "condition");
		to->compound = text_of(e, "compound");
		to->dose = text_of(e, "dose");
	}
	return err;
}

void c5_score_sums_free(c5_score_sums *s)
{
	for (size_t i = 0; i < s->n; i++) c5_experiment_free(&s->e[i]);
	free(s->e);
	free(s->fields);
	free(s->models);
	memset(s, 0, sizeof *s);
}

/* ---- tables ---- */

static int write_table(const c5_run_context *run, const c5_step *step, const c5_score_sums *sums, const c5_screen_table *t)
{
	const c5_step by = { &screened, step->params, 0 };
	c5_array_spec s = { 0 };
	uint8_t *rows = NULL;
	char path[128];
	snprintf(path, sizeof path, "/screens/%s/%s", c5_revision_name(run->run), t->name);
	int err = c5_records_spec(&s, path, t->fields, t->records, t->n, t->size);
	if (err == C5_OK) err = c5_step_sign(&s, &by, NULL);
	if (err == C5_OK) err = c5_spec_attr_str(&s, "models", sums->models);
	if (err == C5_OK) err = c5_spec_attr_f64(&s, "threshold", sums->threshold);
	if (err == C5_OK) err = c5_records_rows(&rows, &s, t->fields, t->records, t->n, t->size, t->order);
	if (err == C5_OK) err = c5_records_write(run->file, &s, rows);
	free(rows);
	c5_spec_free(&s);
	return err;
}

/* A screen is made when this run made scores, or none is there with these settings. */
static int wanted(const c5_run_context *run, const c5_step *step, bool *make)
{
	char *settings = NULL, *now = c5_opt_json(screen_opts, step->params), path[512];
	int err = now ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
	*make = !run->reuse || !c5_exists(run->file, "/screens/latest/hits");
	for (size_t i = 0; err == C5_OK && !*make && i < run->n_names; i++) {
		snprintf(path, sizeof path, "/experiments/%s/score_frames/%s", run->names[i], c5_revision_name(run->run));
		*make = c5_exists(run->file, path);
	}
	if (err == C5_OK && !*make) *make = c5_attr_get_str(run->file, "/screens/latest/hits", "settings", &settings) < 0 || strcmp(settings, now) != 0;
	c5_error_clear();
	free(settings);
	free(now);
	return err;
}

static int plan_screen(const c5_run_context *run, const c5_step *step, c5_plan *plan)
{
	const c5_score_params *p = step->params;
	c5_score_sums sums = { 0 };
	c5_screen screen = { 0 };
	c5_screen_table tables[C5_SCREEN_TABLES];
	char path[64];
	bool make;
	(void)plan;
	if (!p->screen) return C5_OK;
	int err = wanted(run, step, &make);
	if (err < 0 || !make) return err;
	snprintf(path, sizeof path, "/screens/%s", c5_revision_name(run->run));
	if (c5_exists(run->file, path) && (err = c5_unlink(run->file, path)) < 0) return err; /* of an interrupted run */
	if ((err = c5_score_sums_read(&sums, run->file, run->run, run->names, run->n_names)) < 0 ||
	    (err = c5_screen_make(&screen, sums.fields, sums.n, &p->with)) < 0) goto done;
	if (sums.mixed) c5_log(C5_LOG_WARN, "the experiments were scored by different models; wells and conditions are summed up all the same");
	c5_screen_tables(tables, &screen, sums.fields, sums.n);
	for (int i = 0; err == C5_OK && i < C5_SCREEN_TABLES; i++) err = write_table(run, step, &sums, &tables[i]);
	if (err == C5_OK && !screen.negatives)
		c5_log(C5_LOG_INFO, "no negative controls (%s) among the conditions: nothing is normalised or tested; name them with --negative-controls",
		p->with.negative ? p->with.negative : "none named");
done:
	c5_screen_free(&screen);
	c5_score_sums_free(&sums);
	return err;
}

static int no_work(c5_worker *w, const c5_run_context *run, const c5_step *step, const c5_job *job, const c5_unit *unit)
{
	(void)w, (void)run, (void)step, (void)job, (void)unit;
	return C5_OK;
}

static size_t no_bytes(const c5_step *step, const c5_job *job)
{
	(void)step, (void)job;
	return 0;
}

const c5_step_ops c5_score_screen = { &c5_kind_score, { NULL }, plan_screen, no_work, NULL, no_bytes, NULL };
