/* setup.h – a search as its YAML file says it: the space, the objective, how points are chosen, when to stop. docs/search.md shows the file. */
#ifndef C5_HYPEROPT_SETUP_H
#define C5_HYPEROPT_SETUP_H

#include "hyperopt/command.h"
#include "hyperopt/sampler.h"
#include "hyperopt/space.h"
#include "hyperopt/stopping.h"

typedef struct c5_search_params {
	char *name;            /* in the container; unset: the file's */
	char *title, *goal, *algorithm;
	int64_t trials, repeats, seed, startup, give_up, ranks_per_trial, jobs;
	bool exact;
	double time_s;
} c5_search_params;
extern const c5_opt c5_search_opts[];

typedef struct c5_search_setup {
	c5_search_params params;
	c5_space space;
	c5_command_params command;
	c5_stopping stopping;
	size_t n_starts;
	double *starts;        /* (n_starts, space n) values */
} c5_search_setup;

/* Reads SPACE.yml. C5_EUSAGE with line and column for what is wrong in it. `overrides` (NULL: none) is NAME, VALUE, NAME, VALUE ..., NULL: settings
 * of c5_search_opts that stand above the file's. */
int c5_search_read(c5_search_setup *s, const char *path, const char *const *overrides);
/* From text that errors call `name`. */
int c5_search_parse(c5_search_setup *s, const char *name, const char *text, const char *const *overrides);
void c5_search_setup_free(c5_search_setup *s);

/* The setup as YAML, which reads back to the same. bare: without what may differ when a search goes on (budgets, ranks, folders). Caller frees. */
char *c5_search_text(const c5_search_setup *s, bool bare);

bool c5_search_maximises(const c5_search_setup *s);
/* Borrows from the setup. */
c5_sampler c5_search_sampler(const c5_search_setup *s);

#endif
