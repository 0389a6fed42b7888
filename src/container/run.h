/* run.h – /runs/rNNNNNN: what one invocation did and how to repeat it, and the revisions it made.
 * A run is `running` until it ends `complete` or `failed`. One that is `running` while nobody holds the container's lock was interrupted. */
#ifndef C5_CONTAINER_RUN_H
#define C5_CONTAINER_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "container/file.h"

typedef struct c5_run_info {
	uint32_t number;            /* rNNNNNN */
	char *state;                /* running | complete | failed */
	char *command;              /* "run", "ingest" ... */
	char *command_line;
	char *configuration;        /* full, resolved, YAML */
	char *inputs;               /* YAML: inputs with their revisions or digests */
	char *libraries;            /* the text of `cyto5 --version` */
	char *software;             /* "cyto5 0.1.0 (commit)" */
	char *hosts;                /* comma-separated */
	char *user, *devices, *slurm_job;
	char *start, *end;          /* ISO 8601, UTC; end NULL while running */
	int64_t ranks, threads, seed, restarts;
	int64_t failed;             /* experiments that failed; their reasons are lines of `failures` */
	char *failures;             /* "NAME: reason" lines, or NULL */
} c5_run_info;

void c5_run_info_free(c5_run_info *r);

/* Name of a revision, "r000003": a static buffer of the thread. */
const char *c5_revision_name(uint32_t number);
/* 0 when `name` is no revision name. */
uint32_t c5_revision_number(const char *name);

/* Writes a new run record with the next free number (stored in r->number), state running. Not committed. */
int c5_run_begin(c5_file *f, c5_run_info *r);
/* Renews hosts, ranks, restarts of a run that goes on. */
int c5_run_resume(c5_file *f, c5_run_info *r);
/* Sets state and end time, failures when failed > 0. Not committed. */
int c5_run_end(c5_file *f, const c5_run_info *r, const char *state);
int c5_run_read(c5_file *f, uint32_t number, c5_run_info *r);
/* The newest run that is still `running`, searches left out: they stand open beside other runs. C5_ENOTFOUND when there is none. */
int c5_run_unfinished(c5_file *f, uint32_t *number);
/* The numbers of all runs, ascending: those of runs that were dropped are missing, so the last may be far above their count. Caller frees. */
int c5_run_numbers(c5_file *f, uint32_t **numbers, size_t *n);
int c5_run_last(c5_file *f, uint32_t *number); /* 0: none yet */

/* A search lets go of the container between its commits, so that others may write meanwhile. Its run holds a lock of its own: that of
 * container/lock.h for this path, FILE.rNNNNNN. Caller frees. */
#define C5_RUN_SEARCH "search" /* its command */
char *c5_run_lock_path(const char *container, uint32_t number);
/* Whether some process holds that lock. */
bool c5_run_alive(const char *container, uint32_t number);

#endif
