/* search.h – a search on all ranks. Read this header first; space.h says what is searched, objective.h what for, sampler.h how, store.h where it is
 * kept.
 *
 * Rank 0 chooses points, hands them to groups of ranks (it leads the first one itself), hears of reports and ends, has bad trials stopped, and
 * commits each trial as it ends. A group that has ended a trial gets the next one at once, whatever the others do. Nobody waits in MPI: ranks look
 * for messages and sleep in between, so that the cores are the objective's. */
#ifndef C5_HYPEROPT_SEARCH_H
#define C5_HYPEROPT_SEARCH_H

#include "hyperopt/importance.h"
#include "hyperopt/setup.h"
#include "mpi/comm.h"

/* Rank 0 is told of every trial that ended. better: it is the best so far. */
typedef void c5_trial_fn(void *to, const c5_history *h, const c5_trial *t, bool better);

typedef struct c5_search_request {
	const char *container, *command_line;
	const char *program;         /* path of cyto5, for objectives that call it */
	bool resume;
	c5_objective *objective;     /* NULL: the setup's command or steps */
	c5_trial_fn *told;           /* may be NULL */
	void *to;
} c5_search_request;

typedef struct c5_search_summary {
	uint32_t run;
	bool resumed;
	size_t before;               /* trials that were there already */
	double seconds;              /* of this invocation */
	const char *ended;           /* why there are no more trials, for people */
} c5_search_summary;

/* Collective. Leaves the result in the container. C5_OK; C5_ESTOP when asked to stop by a signal, everything committed; C5_EINPUT when no trial ever
 * gave a value, with the last reason; C5_EUSAGE when there are fewer ranks than one trial takes; or what went wrong. */
int c5_search_run(c5_comm *comm, const c5_search_setup *setup, const c5_search_request *request, c5_search_summary *summary);

#endif
