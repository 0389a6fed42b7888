/* keeper.h – for child.c alone: the process between a search and a script that it runs.
 *
 * A search that is killed can see to nothing any more. Its keepers can: each has the other end of a socket that closes when the search is gone, kills
 * the script and what it started, and calls `left`, so that a script that had ended in that very moment is not run again. */
#ifndef C5_HYPEROPT_KEEPER_H
#define C5_HYPEROPT_KEEPER_H

#include "hyperopt/child.h"

/* What a search tells a keeper, a byte each: end it in order; kill it; all it said is safe, and the keeper may go (kills it, too). */
enum { C5_KEEPER_STOP = 'S', C5_KEEPER_KILL = 'K', C5_KEEPER_GO = 'G' };

typedef struct c5_keeper {
	const c5_child_setup *setup;
	const char **env;
	c5_child *child;               /* the keeper's own copy, for `left` */
	int talk, out, err;            /* socket, and files for standard output and error */
	void (*over)(c5_child *c, int status); /* makes it an ended child */
} c5_keeper;

/* In a process of its own: starts the script, tells its wait status as an int through the socket, ends when it may. */
_Noreturn void c5_keeper_be(const c5_keeper *k);

#endif
