/* store.c – a search written into a container; see store.h. */
#include "hyperopt/store.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/signal.h"
#include "base/text.h"
#include "container/lock.h"
#include "container/run.h"
#include "hyperopt/report.h"
#include "hyperopt/store_rows.h"
#include "hyperopt/waiting.h"
#include "mpi/record.h"

#define PATIENCE_S 600.0 /* for a container that another process holds, at the beginning and at the end */
#define LOOK_US 30000

struct c5_store {
	char *container, *folder;    /* FILE.h5, /searches/NAME/rNNNNNN */
	char *waiting;               /* file of trials that wait, beside the container */
	const c5_search_setup *setup;
	c5_run_info info;
	c5_lock *lock;               /* of the run */
	c5_array_spec trials;        /* for the layout of rows */
	c5_codec *codec;
	c5_buf rows, reports;        /* that wait for a commit */
	size_t n_rows, n_reports;
	double spent_s, before_s;
	bool resumed, continues;
	uint32_t best;
};

static int no_memory(void) { return c5_fail(C5_ENOMEM, "out of memory"); }

/* ---- the container, for a moment ---- */

/* Made if it is not there: two searches may begin at the same time. */
static int open_or_make(c5_file **f, const char *container, const char *title)
{
	int err = access(container, F_OK) == 0 ? C5_OK : c5_file_create(container, title);
	if (err == C5_EIO && access(container, F_OK) == 0) err = C5_OK; /* another one was faster */
	return err < 0 ? err : c5_file_open(f, container, C5_WRITE, "cyto5 search");
}

static int open_file(c5_file **f, const char *container, const char *title, double patience_s)
{
	double begun = c5_clock_s();
	for (bool told = false;;) {
		int err = open_or_make(f, container, title);
		if (err != C5_EBUSY || c5_clock_s() > begun + patience_s || c5_stop_wanted()) return err;
		if (!told && c5_clock_s() > begun + 2) {
			c5_log(C5_LOG_INFO, "waiting: %s", c5_error_last());
			told = true;
		}
		usleep(LOOK_US);
	}
}

static int commit_and_close(c5_file *f, int err)
{
	if (err == C5_OK) err = c5_file_commit(f, false);
	int closed = c5_file_close(f);
	return err < 0 ? err : closed;
}

/* ---- beginning ---- */

/* The bare text of a setup that was stored: what must be the same to go on. */
static int stored_setup(c5_file *f, const char *folder, char **bare)
{
	char *path = c5_format("%s/space", folder), *text = NULL;
	c5_search_setup setup;
	int err = path ? c5_text_get(f, path, &text) : no_memory();
	*bare = NULL;
	if (err == C5_OK && (err = c5_search_parse(&setup, path, text, NULL)) == C5_OK) {
		if (!(*bare = c5_search_text(&setup, true))) err = no_memory();
		c5_search_setup_free(&setup);
	}
	free(text);
	free(path);
	return err;
}

/* The newest run of the search in a state; 0: none. */
static int newest(c5_file *f, const char *name, const char *state, uint32_t *run)
{
	char *group = c5_format("/searches/%s", name), **names = NULL;
	size_t n = 0;
	*run = 0;
	if (!group) return no_memory();
	int err = c5_exists(f, group) ? c5_list(f, group, &names, &n) : C5_OK;
	for (size_t i = 0; err == C5_OK && i < n; i++) {
		uint32_t number = c5_revision_number(names[i]);
		char *path = c5_format("%s/%s", group, names[i]), *is = NULL;
		if (number > *run && path && c5_attr_get_str(f, path, "state", &is) == C5_OK && strcmp(is, state) == 0) *run = number;
		free(is);
		free(path);
	}
	c5_names_free(names, n);
	free(group);
	return err;
}

static int take_lock(c5_store *s)
{
	char *path = c5_run_lock_path(s->container, s->info.number);
	int err = path ? c5_lock_take(&s->lock, path, "cyto5 search") : no_memory();
	free(path);
	if (err == C5_EBUSY) err = c5_fail_in(err, "search %s goes on in another process", s->setup->params.name);
	return err;
}

static int set_folder(c5_store *s)
{
	char *trials = NULL;
	free(s->folder);
	free(s->waiting);
	s->waiting = c5_waiting_path(s->container, s->info.number);
	s->folder = c5_format("/searches/%s/%s", s->setup->params.name, c5_revision_name(s->info.number));
	trials = s->folder ? c5_format("%s/trials", s->folder) : NULL;
	int err = trials && s->waiting ? c5_trials_spec(&s->trials, trials, &s->setup->space) : no_memory();
	free(trials);
	return err;
}

/* What the run is in the container, all but its trials. */
static int write_head(c5_store *s, c5_file *f, uint32_t continues)
{
	const c5_search_params *p = &s->setup->params;
	char *space = c5_format("%s/space", s->folder), *reports = c5_format("%s/reports", s->folder), *text = c5_search_text(s->setup, false);
	c5_array_spec spec = { 0 };
	int err = space && reports && text ? C5_OK : no_memory();
	if (err < 0 || (err = c5_array_create(f, &s->trials)) < 0 || (err = c5_reports_spec(&spec, reports)) < 0 || (err = c5_array_create(f, &spec)) < 0)
		goto done;
	if ((err = c5_text_set(f, space, text)) < 0 || (err = c5_attr_set_str(f, s->folder, "state", "running")) < 0) goto done;
	if ((err = c5_attr_set_str(f, s->folder, "algorithm", p->algorithm)) < 0 || (err = c5_attr_set_str(f, s->folder, "goal", p->goal)) < 0) goto done;
	if ((err = c5_attr_set_i64(f, s->folder, "seed", p->seed)) < 0 || (err = c5_attr_set_f64(f, s->folder, "spent_s", s->before_s)) < 0) goto done;
	if (p->title && (err = c5_attr_set_str(f, s->folder, "title", p->title)) < 0) goto done;
	if (continues) err = c5_attr_set_str(f, s->folder, "continues", c5_revision_name(continues));
done:
	c5_spec_free(&spec);
	free(text);
	free(reports);
	free(space);
	return err;
}

static int describe(c5_store *s, const char *command_line, int ranks)
{
	c5_run_info *i = &s->info;
	c5_record_describe(i);
	i->command = c5_strdup(C5_RUN_SEARCH);
	i->command_line = c5_strdup(command_line);
	i->configuration = c5_search_text(s->setup, false);
	i->inputs = c5_format("search: %s\n%s%s%s", s->setup->params.name, s->setup->command.work ? "work: " : "",
		s->setup->command.work ? s->setup->command.work : "",
		s->setup->command.work ? "\n" : "");
	char host[128] = "?";
	gethostname(host, sizeof host - 1);
	i->hosts = c5_strdup(host);
	i->devices = c5_strdup("cpu");
	i->ranks = ranks;
	i->threads = 1;
	i->seed = s->setup->params.seed;
	return i->command && i->command_line && i->configuration && i->inputs && i->hosts && i->devices ? C5_OK : no_memory();
}

static int begin_run(c5_store *s, c5_file *f, uint32_t continues, const char *command_line, int ranks, const c5_history *h)
{
	int err;
	if ((err = describe(s, command_line, ranks)) < 0 || (err = c5_run_begin(f, &s->info)) < 0 || (err = set_folder(s)) < 0) return err;
	if ((err = take_lock(s)) < 0 || (err = write_head(s, f, continues)) < 0) return err;
	unlink(s->waiting); /* of another container that was here */
	for (size_t i = 0; i < h->n; i++) { /* of the run that it goes on with */
		if (h->trials[i].state == C5_TRIAL_NONE) continue;
		c5_trial_row(&s->rows, &s->trials, &s->setup->space, &h->trials[i]);
		c5_report_rows(&s->reports, &h->trials[i]);
		s->n_rows++;
		s->n_reports += h->trials[i].n_reports;
	}
	return C5_OK;
}

static int same_setup(c5_store *s, c5_file *f, const char *folder, bool *same)
{
	char *theirs = NULL, *ours = c5_search_text(s->setup, true);
	int err = ours ? stored_setup(f, folder, &theirs) : no_memory();
	if (err == C5_OK) *same = strcmp(ours, theirs) == 0;
	free(theirs);
	free(ours);
	return err;
}

static int load(c5_store *s, c5_file *f, const char *folder, c5_history *h)
{
	(void)c5_attr_get_f64(f, folder, "spent_s", &s->before_s);
	s->spent_s = s->before_s;
	return c5_trials_read(h, f, folder);
}

/* Trials that had ended when the search was killed, and were not committed: into the history, and into the container with the next commit. */
static int take_waiting(c5_store *s, c5_history *h)
{
	c5_buf all = { 0 };
	c5_waiting w;
	int err = c5_waiting_read(&all, s->waiting);
	while (err == C5_OK && c5_waiting_next(&all, s->trials.row_size, &w)) {
		if (c5_history_get(h, c5_trial_number(&s->trials, w.row))) continue; /* it was */
		if ((err = c5_trial_take(h, &s->trials, w.row, w.reports, w.reports_size)) < 0) break;
		const c5_trial *t = c5_history_get(h, c5_trial_number(&s->trials, w.row));
		c5_buf_put(&s->rows, w.row, w.row_size);
		c5_report_rows(&s->reports, t);
		s->n_rows++;
		s->n_reports += t->n_reports;
		s->spent_s = s->before_s = fmax(s->before_s, w.spent_s);
	}
	if (err == C5_OK && s->n_rows == 0) unlink(s->waiting);
	c5_buf_free(&all);
	return err;
}

static int resume_run(c5_store *s, c5_file *f, uint32_t run, int ranks, c5_history *h)
{
	bool same = false;
	int err;
	s->info.number = run;
	if ((err = set_folder(s)) < 0 || (err = take_lock(s)) < 0 || (err = same_setup(s, f, s->folder, &same)) < 0) return err;
	if (!same)
		return c5_fail(C5_EUSAGE,
			"%s: search %s %s was begun with another space, objective or seed; go on with the same ones, or begin anew without --resume", s->container,
			s->setup->params.name, c5_revision_name(run));
	if ((err = c5_run_read(f, run, &s->info)) < 0 || (err = load(s, f, s->folder, h)) < 0 || (err = take_waiting(s, h)) < 0) return err;
	s->info.ranks = ranks;
	s->resumed = s->continues = true;
	return c5_run_resume(f, &s->info);
}

/* A finished search of the same setup with fewer trials than are wanted now: a new run begins with its trials. */
static int extend_run(c5_store *s, c5_file *f, uint32_t done, const char *command_line, int ranks, c5_history *h)
{
	char *folder = c5_format("/searches/%s/%s", s->setup->params.name, c5_revision_name(done));
	bool same = false;
	int err = folder ? same_setup(s, f, folder, &same) : no_memory();
	if (err == C5_OK && same) err = load(s, f, folder, h);
	free(folder);
	if (err < 0) return err;
	if (same && h->n >= (uint64_t)s->setup->params.trials)
		return c5_fail(C5_EUSAGE, "%s: search %s %s is complete with %zu trials; ask for more with --trials, or begin anew without --resume",
			s->container, s->setup->params.name, c5_revision_name(done), h->n);
	s->resumed = same;
	return begin_run(s, f, same ? done : 0, command_line, ranks, h);
}

int c5_store_open(c5_store **out, const char *container, const c5_search_setup *setup, bool resume, const char *command_line, int ranks,
	c5_history *h)
{
	c5_store *s;
	c5_file *f = NULL;
	uint32_t open = 0, done = 0;
	int err = c5_alloc(&s, 1, sizeof *s);
	if (err < 0) return err;
	s->setup = setup;
	if (!(s->container = c5_strdup(container))) { err = no_memory(); goto fail; }
	if ((err = c5_codec_open(&s->codec)) < 0) goto fail;
	if ((err = open_file(&f, container, setup->params.title, PATIENCE_S)) < 0) goto fail;
	if ((err = newest(f, setup->params.name, "running", &open)) < 0 || (err = newest(f, setup->params.name, "complete", &done)) < 0) goto fail;
	if (open && resume) err = resume_run(s, f, open, ranks, h);
	else if (done && resume) err = extend_run(s, f, done, command_line, ranks, h);
	else err = begin_run(s, f, 0, command_line, ranks, h);
	if (err < 0) goto fail;
	if (open && !resume && !c5_run_alive(container, open))
		c5_log(C5_LOG_WARN, "search %s %s was interrupted and is left as it is; --resume would have gone on with it", setup->params.name,
			c5_revision_name(open));
	err = commit_and_close(f, C5_OK);
	f = NULL;
	if (err < 0 || (err = c5_store_flush(s)) < 0) goto fail;
	*out = s;
	return C5_OK;
fail:
	if (f) c5_file_close(f);
	c5_store_close(s);
	return err;
}

void c5_store_close(c5_store *s)
{
	if (!s) return;
	c5_lock_release(s->lock);
	c5_run_info_free(&s->info);
	c5_spec_free(&s->trials);
	c5_codec_close(s->codec);
	c5_buf_free(&s->rows);
	c5_buf_free(&s->reports);
	free(s->container);
	free(s->waiting);
	free(s->folder);
	free(s);
}

uint32_t c5_store_run(const c5_store *s) { return s->info.number; }
bool c5_store_resumed(const c5_store *s) { return s->resumed; }
bool c5_store_continues(const c5_store *s) { return s->continues; }
double c5_store_spent_s(const c5_store *s) { return s->before_s; }
size_t c5_store_waiting(const c5_store *s) { return s->n_rows; }

/* ---- trials ---- */

static int append(c5_store *s, c5_file *f, const char *name, const c5_buf *rows, size_t n)
{
	c5_array *a = NULL;
	char *path = n ? c5_format("%s/%s", s->folder, name) : NULL;
	if (n == 0) return C5_OK;
	int err = path ? c5_array_open(&a, f, path) : no_memory();
	if (err == C5_OK) err = c5_array_put_rows(a, s->codec, c5_array_spec_of(a)->dims[0], n, rows->data);
	c5_array_close(a);
	free(path);
	return err;
}

static int write_waiting(c5_store *s, c5_file *f)
{
	int err = append(s, f, "trials", &s->rows, s->n_rows);
	if (err == C5_OK) err = append(s, f, "reports", &s->reports, s->n_reports);
	if (err == C5_OK) err = c5_attr_set_f64(f, s->folder, "spent_s", s->spent_s);
	if (err == C5_OK && s->best) err = c5_attr_set_i64(f, s->folder, "best_trial", s->best);
	return err;
}

static void forget_waiting(c5_store *s)
{
	s->rows.size = s->reports.size = 0;
	s->n_rows = s->n_reports = 0;
	unlink(s->waiting);
}

int c5_store_flush(c5_store *s)
{
	c5_file *f;
	if (s->n_rows == 0) return C5_OK;
	if (s->rows.err < 0 || s->reports.err < 0) return no_memory();
	int err = c5_file_open(&f, s->container, C5_WRITE, "cyto5 search");
	if (err < 0) return err;
	if ((err = commit_and_close(f, write_waiting(s, f))) == C5_OK) forget_waiting(s);
	return err;
}

int c5_store_put(c5_store *s, const c5_trial *t, double spent_s)
{
	const size_t row = s->rows.size, reports = s->reports.size;
	c5_trial_row(&s->rows, &s->trials, &s->setup->space, t);
	c5_report_rows(&s->reports, t);
	s->n_rows++;
	s->n_reports += t->n_reports;
	s->spent_s = spent_s;
	if (!s->rows.err && !s->reports.err) {
		const uint8_t *told = t->n_reports ? s->reports.data + reports : NULL;
		const c5_waiting w = { s->rows.data + row, told, s->rows.size - row, s->reports.size - reports, spent_s };
		c5_waiting_put(s->waiting, &w);
	}
	int err = c5_store_flush(s);
	return err == C5_EBUSY ? C5_OK : err;
}

/* ---- the end ---- */

static int write_best(c5_store *s, c5_file *f, const c5_trial *best)
{
	if (!best) return C5_OK;
	char *path = c5_format("%s/best", s->folder), *text = c5_best_config(s->setup, best, s->info.number);
	int err = path && text ? c5_text_set(f, path, text) : no_memory();
	s->best = best->number;
	if (err == C5_OK) err = c5_attr_set_i64(f, s->folder, "best_trial", best->number);
	if (err == C5_OK) err = c5_attr_set_f64(f, s->folder, "best_value", best->value);
	free(text);
	free(path);
	return err;
}

int c5_store_end(c5_store *s, const c5_trial *best, const c5_importance *importance, const char *state, const char *why)
{
	c5_file *f = NULL;
	char *path = c5_format("%s/importance", s->folder), *latest = c5_format("/searches/%s/latest", s->setup->params.name);
	int err = path && latest ? open_file(&f, s->container, s->setup->params.title, PATIENCE_S) : no_memory();
	if (err < 0) goto done;
	if ((err = write_waiting(s, f)) < 0 || (err = write_best(s, f, best)) < 0) goto done;
	if (importance && !c5_exists(f, path) && (err = c5_importance_write(f, path, &s->setup->space, importance)) < 0) goto done;
	if ((err = c5_attr_set_str(f, s->folder, "state", state)) < 0) goto done;
	if (strcmp(state, "complete") == 0 && (err = c5_link_set(f, latest, c5_revision_name(s->info.number))) < 0) goto done;
	if (why) {
		free(s->info.failures);
		if (!(s->info.failures = c5_format("%s: %s\n", s->setup->params.name, why))) { err = no_memory(); goto done; }
	}
	if ((err = c5_run_end(f, &s->info, state)) < 0) goto done;
	err = commit_and_close(f, C5_OK);
	f = NULL;
	if (err == C5_OK) forget_waiting(s);
done:
	if (f) c5_file_close(f);
	free(latest);
	free(path);
	return err;
}
