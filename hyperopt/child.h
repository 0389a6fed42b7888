/* child.h – a shell script run beside the search, looked at without waiting: its lines as they come, its end, the last it said on standard error.
 *
 * A child is no rank: what an MPI launcher left in the environment is taken out, so that it may start ranks of its own. It leads a process
 * group, which is killed as a whole. Between the search and the script is a keeper (keeper.h): when the search is killed, the script and all that it
 * started end as well, and one that had come to its end by then is told of. */
#ifndef C5_HYPEROPT_CHILD_H
#define C5_HYPEROPT_CHILD_H

#include <stdbool.h>

typedef struct c5_child c5_child;

typedef struct c5_child_setup {
	const char *script;
	const char *const *extra;      /* NULL-ended NAME=VALUE settings put into the environment */
	bool widen;                    /* free of the cores that this process is bound to */
	int (*before)(const void *to); /* done in the child before the script; an error is its complaint, and exit status 3. NULL: nothing */
	const void *to;
	bool here;                     /* ranks it starts are to be on this host: the job of a scheduler is hidden from its launcher */
	const char *dir;               /* what it says is kept in nameless files there; NULL: TMPDIR or /tmp */
	/* All in the keeper; NULL: nothing. Before the script starts; when it has ended and the search is gone, killed: by us; at last, in any case. */
	void (*begun)(void *keep);
	void (*left)(void *keep, c5_child *c, bool killed);
	void (*clear)(void *keep, bool gone);
	void *keep;
} c5_child_setup;

int c5_child_start(c5_child **out, const c5_child_setup *setup);
/* The next line of standard output, without its end, valid until the next call; false: none yet, or none any more. */
bool c5_child_line(c5_child *c, const char **line);
/* Whether it has ended and all it said was read; status as of waitpid. */
bool c5_child_ended(c5_child *c, int *status);
/* SIGTERM now, SIGKILL `grace_s` later when it is looked at again. */
void c5_child_stop(c5_child *c, double grace_s);
/* The last line of standard error that says something; "" if none. */
const char *c5_child_complaint(c5_child *c);
/* Kills what is left of it. */
void c5_child_free(c5_child *c);

#endif
