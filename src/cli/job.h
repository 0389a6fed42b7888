/* job.h – what the commands that make results share: one pipeline, run on all ranks. */
#ifndef C5_CLI_JOB_H
#define C5_CLI_JOB_H

#include "cli/cli.h"
#include "pipeline/pipeline.h"

/* Options of every command that makes results. */
typedef struct c5_job_settings { bool resume, recompute, dry_run; char *experiments, *config; double commit_every_s; } c5_job_settings;
extern const c5_opt c5_job_opts[];

/* Joins the ranks, runs the pipeline into `container`, says what came of it. `inputs` is NULL-ended, or NULL. */
int c5_cli_job(const c5_cli *cli, const c5_command *command, int argc, char **argv, const c5_pipeline *pipeline, const c5_job_settings *set,
               const char *container, const char *const *inputs);

/* The command line as typed, for the record: quoted where a shell would need it. Caller frees; NULL when out of memory. */
char *c5_cli_line(const char *command, int argc, char **argv);

/* A command that is one step with its option table: `cyto5 NAME CONTAINER [INPUT ...] [--config FILE] [--option VALUE]`; the file's settings take the
 * place of the table's defaults (shifted.h). */
int c5_cli_step(const c5_command *command, const char *step, int argc, char **argv, bool takes_inputs);
/* The same with one more group of options, and, on the rank that speaks, what is to be said of the results when they are there. */
int c5_cli_step_then(const c5_command *command, const char *step, int argc, char **argv, bool takes_inputs, const c5_opt_group *more,
                     int (*then)(void *settings, const char *container, const c5_job_settings *job));

#endif
