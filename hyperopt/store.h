/* store.h – /searches/NAME/rNNNNNN: the trials of a search in a container, each there from the moment it ended.
 *
 * The search holds the container only for the moment of a commit, and a lock of its own run all the time (container/run.h): others may write between
 * two trials, two searches can share a container, but no two processes one run of a search. When somebody else holds the container for long,
 * trials wait in memory and go in together. Rows are appended in the order in which trials ended, and never changed. */
#ifndef C5_HYPEROPT_STORE_H
#define C5_HYPEROPT_STORE_H

#include "container/file.h"
#include "hyperopt/history.h"
#include "hyperopt/importance.h"
#include "hyperopt/setup.h"

typedef struct c5_store c5_store;

/* Opens NAME in the container for a search of this setup; the container is made if it is not there. resume: goes on with the unfinished run of that
 * name, or with a finished one whose trials are fewer than those wanted now; C5_EUSAGE when its setup was another one. What was tried is put into the
 * history. C5_EBUSY when another process runs it. */
int c5_store_open(c5_store **out, const char *container, const c5_search_setup *setup, bool resume, const char *command_line, int ranks,
	c5_history *h);
/* Ends without ending the run: it can be resumed. */
void c5_store_close(c5_store *s);

uint32_t c5_store_run(const c5_store *s);
bool c5_store_resumed(const c5_store *s);   /* with trials of an earlier run, or of the same */
bool c5_store_continues(const c5_store *s); /* the same run, which was not ended */
double c5_store_spent_s(const c5_store *s); /* by the runs before this one that it goes on with */

/* A trial has ended: it is kept, and committed at once if the container is free. spent_s: all time of the search so far. */
int c5_store_put(c5_store *s, const c5_trial *t, double spent_s);
/* Commits what waits. C5_EBUSY: somebody else holds the container still. */
int c5_store_flush(c5_store *s);
size_t c5_store_waiting(const c5_store *s);
/* The end: best point, importance, run record, `latest`. state: complete | failed; why: NULL or what is said of the failure. */
int c5_store_end(c5_store *s, const c5_trial *best, const c5_importance *importance, const char *state, const char *why);

/* ---- reading ---- */

/* A search as it lies in a container. */
typedef struct c5_found {
	char *name, *state;        /* running | complete | failed */
	uint32_t run;
	c5_search_setup setup;
	c5_history history;
	c5_importance importance;  /* n 0: not there yet */
	uint32_t best;             /* its trial; 0: none */
	double spent_s;
	char *start;               /* of the run, ISO 8601 */
} c5_found;

/* The newest run of the search, or the one named rNNNNNN after a slash: "lr", "lr/r000004". C5_ENOTFOUND names the searches that there are. */
int c5_found_read(c5_found *f, c5_file *file, const char *name);
void c5_found_free(c5_found *f);

#endif
