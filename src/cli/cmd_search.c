/* cmd_search.c – `cyto5 search SPACE.yml FILE.h5`: hyper-parameters by trying them; `cyto5 search show NAME FILE.h5`: what was found. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/disk.h"
#include "base/error.h"
#include "base/log.h"
#include "base/signal.h"
#include "cli/cli.h"
#include "cli/job.h"
#include "cli/search_print.h"
#include "container/run.h"
#include "hyperopt/plot.h"
#include "hyperopt/report.h"
#include "hyperopt/search.h"

typedef struct search_set {
	char *name, *trials, *time, *algorithm, *seed, *repeats, *jobs, *ranks_per_trial; /* above the file's, as text: unset is told from set */
	bool resume, dry_run, json;
	char *best_config, *csv, *plots;
} search_set;

static const c5_opt search_opts[] = {
	{ "resume", C5_OPT_BOOL, offsetof(search_set, resume), NULL, 0, 0, NULL, NULL,
	  "go on with the unfinished search, or add trials to a finished one; else start" },
	{ "trials", C5_OPT_TEXT, offsetof(search_set, trials), NULL, 0, 0, NULL, "N", "points to try, with those that fail; unset: the file's, or 60" },
	{ "time", C5_OPT_TEXT, offsetof(search_set, time), NULL, 0, 0, "s", "N", "no new trial begins after it" },
	{ "algorithm", C5_OPT_TEXT, offsetof(search_set, algorithm), NULL, 0, 0, NULL, "NAME", "gp, sobol, random, or one of NLopt's, as GN_CRS2_LM" },
	{ "seed", C5_OPT_TEXT, offsetof(search_set, seed), NULL, 0, 0, NULL, "N", "of all that is drawn" },
	{ "repeats", C5_OPT_TEXT, offsetof(search_set, repeats), NULL, 0, 0, NULL, "N", "runs of a noisy objective that a trial is the mean of" },
	{ "ranks-per-trial", C5_OPT_TEXT, offsetof(search_set, ranks_per_trial), NULL, 0, 0, NULL, "N",
	  "MPI ranks that one trial takes; the others try other points meanwhile" },
	{ "jobs", C5_OPT_TEXT, offsetof(search_set, jobs), NULL, 0, 0, NULL, "N", "trials at the same time on each rank, or group of ranks" },
	{ "name", C5_OPT_TEXT, offsetof(search_set, name), NULL, 0, 0, NULL, "NAME", "of the search in the container; unset: the file's name" },
	{ "dry-run", C5_OPT_BOOL, offsetof(search_set, dry_run), NULL, 0, 0, NULL, NULL,
	  "show the space and what the first trial would run, and do nothing" },
	{ 0 },
};

static const c5_opt result_opts[] = {
	{ "best-config", C5_OPT_TEXT, offsetof(search_set, best_config), NULL, 0, 0, NULL, "FILE.yml",
	  "write the best parameters as a configuration, for --config of other commands" },
	{ "csv", C5_OPT_TEXT, offsetof(search_set, csv), NULL, 0, 0, NULL, "FILE.csv", "write all trials" },
	{ "plots", C5_OPT_TEXT, offsetof(search_set, plots), NULL, 0, 0, NULL, "FOLDER", "draw course, parameters and importance as SVG" },
	{ "json", C5_OPT_BOOL, offsetof(search_set, json), NULL, 0, 0, NULL, NULL, "answer in JSON" },
	{ 0 },
};

/* ---- results ---- */

static int write_best(const char *path, const c5_found *f)
{
	const c5_trial *best = f->best ? c5_history_get(&f->history, f->best) : c5_history_best(&f->history);
	if (!best) return c5_fail(C5_ENOTFOUND, "%s: no trial of search %s gave a value yet", path, f->name);
	char *text = c5_best_config(&f->setup, best, f->run);
	int err = text ? c5_disk_write(path, text, strlen(text)) : c5_fail(C5_ENOMEM, "out of memory");
	free(text);
	return err;
}

static int write_csv(const char *path, const c5_found *f)
{
	c5_buf b = { 0 };
	int err = c5_trials_csv(&b, &f->history);
	if (err == C5_OK) err = c5_disk_write(path, (const char *)b.data, b.size);
	c5_buf_free(&b);
	return err;
}

static int draw(const char *folder, const c5_found *f)
{
	char *title = c5_format("%s %s", f->name, c5_revision_name(f->run));
	const c5_search_plot plot = { title, f->setup.command.key ? f->setup.command.key : "value", &f->history, &f->importance, f->best };
	size_t made = 0;
	int err = title ? c5_plot_all(folder, &plot, &made) : c5_fail(C5_ENOMEM, "out of memory");
	if (err == C5_OK) c5_log(C5_LOG_INFO, "%s: %zu pictures", folder, made);
	free(title);
	return err;
}

/* Reads a search back and answers with it: what a search that has ended and `show` do alike. */
static int answer(const char *container, const char *name, const search_set *set)
{
	c5_file *f;
	c5_found found;
	int err = c5_file_open(&f, container, C5_READ, NULL);
	if (err < 0) return err;
	if ((err = c5_found_read(&found, f, name)) < 0) {
		c5_file_close(f);
		return err;
	}
	bool alive = c5_run_alive(container, found.run);
	if (set->best_config) err = write_best(set->best_config, &found);
	if (err == C5_OK && set->csv) err = write_csv(set->csv, &found);
	if (err == C5_OK && set->plots) err = draw(set->plots, &found);
	if (err == C5_OK && set->json) err = c5_print_search_json(&found, alive);
	else if (err == C5_OK) c5_print_search(&found, alive);
	c5_found_free(&found);
	c5_file_close(f);
	return err;
}

/* ---- searching ---- */

static void told(void *to, const c5_history *h, const c5_trial *t, bool better)
{
	char line[400] = "", text[C5_VALUE_TEXT];
	const c5_space *space = h->space;
	const c5_search_setup *setup = to;
	for (size_t i = 0; i < space->n && strlen(line) < 300; i++)
		if (!isnan(t->values[i]))
			snprintf(line + strlen(line), sizeof line - strlen(line), "  %s %s", space->params[i].name,
				c5_param_short(text, &space->params[i], t->values[i]));
	if (t->state == C5_TRIAL_COMPLETE)
		c5_log(better ? C5_LOG_INFO : C5_LOG_DEBUG, "trial %u: %.6g%s%s", t->number, t->value, better ? " (best)" : "", line);
	else
		c5_log(t->state == C5_TRIAL_FAILED ? C5_LOG_INFO : C5_LOG_DEBUG, "trial %u %s: %s;%s", t->number, c5_trial_state_name(t->state), t->note, line);
	c5_event("trial", "isff", "trial", (int64_t)t->number, "state", c5_trial_state_name(t->state), "value", t->value, "seconds", t->seconds,
		(char *)NULL);
	size_t done = 0;
	for (size_t i = 0; i < h->n; i++) done += h->trials[i].state > C5_TRIAL_RUNNING;
	c5_progress_at(done < (size_t)setup->params.trials ? done : (size_t)setup->params.trials);
}

static int show_plan(const c5_search_setup *s, const char *program)
{
	c5_sampler sampler = c5_search_sampler(s);
	c5_history h;
	double values[C5_SPACE_MOST];
	char origin[C5_ORIGIN_TEXT];
	c5_history_init(&h, &s->space, c5_search_maximises(s));
	int err = c5_sampler_next(&sampler, &h, 1, values, origin);
	char *text = c5_search_text(s, false);
	const c5_order order = { .trial = 1, .seed = (uint64_t)s->params.seed, .values = values };
	char *script = err == C5_OK ? c5_command_script(&s->command, &s->space, &order, program, "DIR", (int)s->params.ranks_per_trial, "") : NULL;
	if (err == C5_OK && (!text || !script)) err = c5_fail(C5_ENOMEM, "out of memory");
	if (err == C5_OK) printf("%s\n# the first trial would run\n%s%s", text, script, *script && script[strlen(script) - 1] == '\n' ? "" : "\n");
	free(script);
	free(text);
	c5_history_free(&h);
	return err;
}

static char *own_path(void)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
	if (n <= 0) return c5_strdup("cyto5");
	path[n] = '\0';
	return c5_strdup(path);
}

static int read_setup(c5_search_setup *setup, const char *path, const search_set *set)
{
	const char *overrides[17];
	const struct { const char *name, *value; } all[] = { { "name", set->name }, { "trials", set->trials }, { "time", set->time },
		{ "algorithm", set->algorithm },
		{ "seed", set->seed }, { "repeats", set->repeats }, { "jobs", set->jobs }, { "ranks-per-trial", set->ranks_per_trial } };
	size_t n = 0;
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (all[i].value) overrides[n++] = all[i].name, overrides[n++] = all[i].value;
	overrides[n] = NULL;
	return c5_search_read(setup, path, overrides);
}

/* Twelve failures would say it, too. */
static int look_for_work(const c5_search_setup *s)
{
	if (!s->command.work || access(s->command.work, R_OK) == 0) return C5_OK;
	return c5_fail(C5_ENOTFOUND, "%s: %s: the container that is copied for each run (objective: work) cannot be read", s->command.work, strerror(errno));
}

static int search(c5_comm *comm, const c5_search_setup *setup, const char *container, const char *program, const char *line, bool resume)
{
	c5_search_request request = { .container = container, .command_line = line, .program = program, .resume = resume, .told = told,
		.to = (void *)(uintptr_t)setup };
	c5_search_summary summary;
	if (c5_comm_rank(comm) == 0) c5_progress_begin("trials", (uint64_t)setup->params.trials);
	int err = c5_search_run(comm, setup, &request, &summary);
	if (c5_comm_rank(comm) == 0) c5_progress_end();
	if (c5_comm_rank(comm) == 0 && err == C5_OK)
		c5_log(C5_LOG_INFO, "%s: search %s %s: %s%s", container, setup->params.name, c5_revision_name(summary.run), summary.ended,
			summary.resumed ? ", resumed" : "");
	return err;
}

static int run_search(c5_cli *cli, int argc, char **argv, const search_set *set)
{
	c5_comm *comm = NULL;
	c5_search_setup setup = { 0 };
	char *line = c5_cli_line("search", argc, argv), *program = own_path();
	int err = line && program ? c5_stop_listen() : c5_fail(C5_ENOMEM, "out of memory");
	if (err < 0 || (err = c5_comm_open(&comm)) < 0) goto done;
	c5_cli_versions();
	err = c5_cli_log(cli, c5_comm_rank(comm), c5_comm_size(comm));
	if (err == C5_OK) err = read_setup(&setup, cli->words[0], set);
	if ((err = c5_comm_agree(comm, err)) < 0) goto done;
	if (set->dry_run) {
		if (c5_comm_rank(comm) == 0) err = show_plan(&setup, program);
		goto done;
	}
	err = c5_comm_rank(comm) == 0 ? look_for_work(&setup) : C5_OK;
	if ((err = c5_comm_agree(comm, err)) < 0) goto done;
	err = search(comm, &setup, cli->words[1], program, line, set->resume);
	if (err == C5_OK && c5_comm_rank(comm) == 0) err = answer(cli->words[1], setup.params.name, set);
done:
	c5_search_setup_free(&setup);
	c5_comm_close(comm);
	free(program);
	free(line);
	return err;
}

static int run(int argc, char **argv)
{
	search_set set = { 0 };
	const c5_opt_group groups[] = { { "Search", search_opts, &set }, { "Results", result_opts, &set }, { NULL, NULL, NULL } };
	c5_cli cli;
	int err = c5_cli_open(&cli, &c5_cmd_search, groups, argc, argv, 1, 3);
	if (err < 0 || cli.helped) goto done;
	bool show = strcmp(cli.words[0], "show") == 0;
	if (show && cli.n != 3)
		err = c5_fail(C5_EUSAGE, "show: a search and its container are expected; usage: cyto5 search show NAME FILE.h5 (see --help)");
	else if (show) err = answer(cli.words[2], cli.words[1], &set);
	else if (cli.n != 2 && !(cli.n == 1 && set.dry_run))
		err = c5_fail(C5_EUSAGE, "a search file and a container are expected; usage: cyto5 search SPACE.yml FILE.h5 (see --help)");
	else err = run_search(&cli, argc, argv, &set);
done:
	c5_cli_close(&cli, groups);
	return err;
}

const c5_command c5_cmd_search = {
	"search", C5_LEARN, "find good parameters by trying them", "SPACE.yml FILE.h5 | show NAME FILE.h5",
	"cyto5 search thresholds.yml search.h5 --best-config best.yml\n"
	"cyto5 search thresholds.yml search.h5 --resume --trials 100\n"
	"mpirun -n 8 cyto5 search net.yml search.h5 --ranks-per-trial 2\n"
	"cyto5 search show thresholds search.h5 --plots pictures --csv trials.csv\n",
	run,
};
