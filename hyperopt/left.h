/* left.h – what a trial came to when its search was killed: FILE.h5.rNNNNNN.trialN, beside the container.
 *
 * Between the end of a trial and its place in the container or among those that wait (waiting.h) the search has to hear of it, perhaps from another
 * host. A search that is killed meanwhile would run it again. So each run has a mark, made and locked by its keeper (keeper.h) before it begins, and
 * removed when the trial is safe. A keeper whose search is gone writes into the mark what a trial that has ended came to. Who resumes takes that
 * in. */
#ifndef C5_HYPEROPT_LEFT_H
#define C5_HYPEROPT_LEFT_H

#include "hyperopt/worker.h"

/* FILE.h5.rNNNNNN, and the mark of a trial; caller frees. */
char *c5_left_marks(const char *container, uint32_t run);
char *c5_left_path(const char *marks, uint32_t trial);

/* In the keeper. The mark, made and locked: a descriptor, or -1 where that cannot be done: then there is nothing to be left in. */
int c5_left_hold(const char *path);
/* What the trial came to, in one write. */
void c5_left_write(int fd, const c5_buf *about, const c5_news *news, const c5_report *reports, size_t n);

/* What is noted of a trial before it begins: its point, and how and where it began. */
void c5_left_about(c5_buf *to, const c5_trial *t, size_t n_params);

typedef struct c5_left {
	c5_buf about;
	c5_news news;
	c5_report *reports;
	size_t n_reports;
} c5_left;
/* A trial of the history as it was begun, with its reports. */
int c5_left_trial(c5_history *h, c5_left *l, c5_trial **out);
/* Gives every trial that was left to `take`, by number, and removes all marks of the run. Marks of keepers that still are at it are waited for. */
int c5_left_all(const char *marks, int (*take)(void *to, c5_left *l), void *to);
/* Removes all marks of a run. */
void c5_left_clear(const char *marks);

#endif
