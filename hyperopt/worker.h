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

typedef struct c5_worker_setup {
	c5_objective *objective; /* borrowed, as group and marks are */
	const c5_group *group;
	size_t n_params, jobs;   /* jobs: trials at the same time */
	const char *marks;       /* FILE.h5.rNNNNNN, of which marks of trials are named; NULL: none are made */
	bool far;                /* who is told is on another rank: what a trial left is held until c5_search_worker_kept says that it is safe */
	c5_news_fn *tell;        /* else it is safe when this returns */
	void *to;
} c5_worker_setup;
int c5_search_worker_open(c5_search_worker **out, const c5_worker_setup *setup);
/* What goes on is thrown away. */
void c5_search_worker_close(c5_search_worker *w);

/* Begins a trial: `repeats` runs one after the other, with seeds seed, seed + 1 ... What goes wrong with it comes as news. about: of the trial, for
 * its mark (left.h), copied. */
int c5_search_worker_begin(c5_search_worker *w, uint32_t trial, uint32_t repeats, uint64_t seed, const double *values, const c5_buf *about);
void c5_search_worker_kept(c5_search_worker *w, uint32_t trial);
void c5_search_worker_stop(c5_search_worker *w, uint32_t trial); /* 0: all */
/* Looks at all that goes on. *moved: there was news. */
int c5_search_worker_poll(c5_search_worker *w, bool *moved);

/* The news of an end: value is the mean of all repeats, or NAN with a note. */
void c5_news_end(c5_news *n, uint32_t trial, double value, const c5_mean *mean, double seconds, const char *note);
/* News as messages. */
void c5_news_pack(c5_buf *to, const c5_news *news);
int c5_news_unpack(c5_news *news, c5_buf *from);

/* The part of the other ranks of a group while its first works: they follow what it does with a `together` objective until it closes. */
int c5_search_worker_follow(c5_objective *objective, size_t n_params, const c5_group *group);

#endif
