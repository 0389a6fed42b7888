/* report.h – what a search found, for people and programs: the best point as a configuration, all trials as CSV. Pictures: plot.h. */
#ifndef C5_HYPEROPT_REPORT_H
#define C5_HYPEROPT_REPORT_H

#include "hyperopt/setup.h"

/* The point as YAML under a comment that says where it is from. Of a command: NAME: VALUE of the parameters that are there. Of one step that has
 * parameters: all its settings, as --config takes them. Of several steps: a pipeline of them. Caller frees. */
char *c5_best_config(const c5_search_setup *s, const c5_trial *best, uint32_t run);

/* One line a trial, in the order of their numbers, with a header. Texts are quoted as RFC 4180 has it. */
int c5_trials_csv(c5_buf *to, const c5_history *h);

#endif
