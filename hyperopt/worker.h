/* worker.h – runs of the objective on one group of ranks: begun, looked at, repeated, stopped. The search on rank 0 has one of its own and talks to
 * those of other groups by messages. */
#ifndef C5_HYPEROPT_WORKER_H
#define C5_HYPEROPT_WORKER_H

#include "hyperopt/objective.h"

/* What a worker tells. */
typedef struct c5_news {
	uint32_t trial;
	bool ended;              /* else a report */
	c5_report report;
	double value, spread;    /* of an ended one; NAN: it failed or was stopped */
	uint32_t repeats;
	double seconds;
	char note[C5_NOTE_TEXT];
} c5_news;
typedef int c5_news_fn(void *to, const c5_news *news);

typedef struct c5_search_worker c5_search_worker;

/* Borrows objective and group. jobs: trials at the same time. */
int c5_search_worker_open(c5_search_worker **out, c5_objective *objective, size_t n_params, const c5_group *group, size_t jobs, c5_news_fn *tell,
	void *to);
/* What goes on is thrown away. */
void c5_search_worker_close(c5_search_worker *w);

/* Begins a trial: `repeats` runs one after the other, with seeds seed, seed + 1 ... What goes wrong with it comes as news. */
int c5_search_worker_begin(c5_search_worker *w, uint32_t trial, uint32_t repeats, uint64_t seed, const double *values);
void c5_search_worker_stop(c5_search_worker *w, uint32_t trial); /* 0: all */
/* Looks at all that goes on. *moved: there was news. */
int c5_search_worker_poll(c5_search_worker *w, bool *moved);
size_t c5_search_worker_busy(const c5_search_worker *w);

/* News and orders as messages. */
void c5_news_pack(c5_buf *to, const c5_news *news);
int c5_news_unpack(c5_news *news, c5_buf *from);

/* The part of the other ranks of a group while its first works: they follow what it does with a `together` objective until it closes. */
int c5_search_worker_follow(c5_objective *objective, size_t n_params, const c5_group *group);

#endif
