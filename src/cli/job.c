/* job.c – see job.h. */
#include "cli/job.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/signal.h"
#include "base/text.h"
#include "base/threads.h"
#include "cli/shifted.h"
#include "container/run.h"
#include "mpi/comm.h"
#include "mpi/runner.h"
#include "pipeline/steps.h"

const c5_opt c5_job_opts[] = {
	{ "resume", C5_OPT_BOOL, offsetof(c5_job_settings, resume), NULL, 0, 0, NULL, NULL, "go on with the unfinished run if there is one, else start" },
	{ "recompute", C5_OPT_BOOL, offsetof(c5_job_settings, recompute), NULL, 0, 0, NULL, NULL, "make results anew even where nothing changed" },
	{ "experiments", C5_OPT_TEXT, offsetof(c5_job_settings, experiments), NULL, 0, 0, NULL, "GLOB", "work on experiments of these names only" },
	{ "commit-every", C5_OPT_REAL, offsetof(c5_job_settings, commit_every_s), "0", 0, 86400, "s", NULL,
		"longest time between commits; 0: as the pipeline says" },
	{ "dry-run", C5_OPT_BOOL, offsetof(c5_job_settings, dry_run), NULL, 0, 0, NULL, NULL, "say what would be done, how large it is, and do nothing" },
	{ 0 },
};

static const c5_opt config_opts[] = {
	{ "config", C5_OPT_TEXT, offsetof(c5_job_settings, config), NULL, 0, 0, NULL, "FILE.yml",
		"settings, as KEY: VALUE lines; the command line goes before them" },
	{ 0 },
};

char *c5_cli_line(const char *command, int argc, char **argv)
{
	c5_buf b = { 0 };
	c5_text_addf(&b, "cyto5 %s", command);
	for (int i = 1; i < argc; i++) {
		bool plain = argv[i][0] && strspn(argv[i], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=:,./@%") == strlen(argv[i]);
		c5_text_add(&b, plain ? " " : " '");
		for (const char *p = argv[i]; *p; p++) {
			if (*p == '\'') c5_text_add(&b, "'\\''"); /* as a shell has it: out, the sign itself, and in again */
			else c5_buf_put(&b, p, 1);
		}
		if (!plain) c5_text_add(&b, "'");
	}
	return c5_text_take(&b);
}

static void tell_summary(const c5_run_summary *s, const char *container)
{
	char span[C5_SPAN_TEXT];
	c5_log(C5_LOG_INFO, "%s: %s: %llu experiment%s%s%s in %s", container, c5_revision_name(s->run), (unsigned long long)(s->experiments - s->failed),
		s->experiments - s->failed == 1 ? "" : "s", s->resumed ? ", resumed" : "", s->skipped ? ", some there already" : "",
		c5_clock_span(span, s->seconds));
	c5_event("run-end", "siif", "run", c5_revision_name(s->run), "experiments", (int64_t)s->experiments, "failed", (int64_t)s->failed, "seconds",
		s->seconds, (char *)NULL);
}

/* told: whether this is the rank that speaks. */
static int do_job(const c5_cli *cli, const c5_command *command, int argc, char **argv, const c5_pipeline *pipeline, const c5_job_settings *set,
                  const char *container, const char *const *inputs, bool *told)
{
	c5_comm *comm = NULL;
	c5_run_summary summary = { 0 };
	char *line = c5_cli_line(command->name, argc, argv);
	int err;
	if (!line) return c5_fail(C5_ENOMEM, "out of memory");
	if ((err = c5_stop_listen()) < 0 || (err = c5_comm_open(&comm)) < 0) goto done;
	if (cli->common.threads == 0 && !getenv("OMP_NUM_THREADS")) c5_threads_share(c5_comm_sharing(comm));
	c5_cli_versions();
	if ((err = c5_comm_agree(comm, c5_cli_log(cli, c5_comm_rank(comm), c5_comm_size(comm)))) < 0) goto done;
	c5_run_request request = {
		.command = command->name, .command_line = line, .container = container, .inputs = inputs, .experiments = set->experiments,
		.resume = set->resume, .recompute = set->recompute, .dry_run = set->dry_run, .commit_every_s = set->commit_every_s, .threads = cli->common.threads,
	};
	err = c5_run_pipeline(comm, pipeline, &request, &summary);
	*told = c5_comm_rank(comm) == 0;
	if (*told && summary.run && (err == C5_OK || err == C5_EPARTIAL)) tell_summary(&summary, container);
done:
	c5_comm_close(comm);
	free(line);
	return err;
}

int c5_cli_job(const c5_cli *cli, const c5_command *command, int argc, char **argv, const c5_pipeline *pipeline, const c5_job_settings *set,
               const char *container, const char *const *inputs)
{
	bool told = false;
	return do_job(cli, command, argc, argv, pipeline, set, container, inputs, &told);
}

int c5_cli_step_then(const c5_command *command, const char *step, int argc, char **argv, bool takes_inputs, const c5_opt_group *more,
                     int (*then)(void *settings, const char *container, const c5_job_settings *job))
{
	const c5_step_ops *ops = c5_step_find(step);
	c5_job_settings set = { 0 };
	c5_pipeline pipeline;
	c5_step *added = NULL;
	c5_cli cli = { 0 };
	c5_opt *tables[2] = { NULL, NULL };
	c5_yaml *file = NULL;
	bool told = false;
	int err = c5_pipeline_init(&pipeline);
	if (err < 0 || (err = c5_pipeline_add(&pipeline, ops->kind, &added)) < 0 || (err = c5_shifted_new(&tables[0], ops->kind->opts)) < 0 ||
	    (err = c5_shifted_file(tables, &file, c5_cli_peek(argc, argv, "config"))) < 0)
		goto done;
	c5_opt_group groups[] = { { "Settings", tables[0], added->params }, { "Run", c5_job_opts, &set }, { "Settings of a file", config_opts, &set },
		{ NULL, NULL, NULL }, { NULL, NULL, NULL } };
	if (more) groups[3] = *more;
	c5_opt_clear(ops->kind->opts, added->params); /* the parser sets the defaults anew */
	err = c5_cli_open(&cli, command, groups, argc, argv, 1, takes_inputs ? -1 : 1);
	if (err == C5_OK && !cli.helped) {
		const char **inputs = NULL;
		if ((err = c5_alloc(&inputs, (size_t)cli.n, sizeof *inputs)) == C5_OK) {
			for (int i = 1; i < cli.n; i++) inputs[i - 1] = cli.words[i];
			err = do_job(&cli, command, argc, argv, &pipeline, &set, cli.words[0], inputs, &told);
		}
		free(inputs);
		if (err == C5_OK && told && then && !set.dry_run) err = then(more->settings, cli.words[0], &set);
	}
	c5_cli_close(&cli, groups);
done:
	c5_yaml_free(file);
	c5_shifted_free(tables[0]);
	c5_pipeline_free(&pipeline);
	return err;
}

int c5_cli_step(const c5_command *command, const char *step, int argc, char **argv, bool takes_inputs)
{
	return c5_cli_step_then(command, step, argc, argv, takes_inputs, NULL, NULL);
}
