/* loop.h – for src/train alone: the parts of c5_train. */
#ifndef C5_TRAIN_LOOP_H
#define C5_TRAIN_LOOP_H

#include "train/loader.h"
#include "train/train.h"

typedef struct c5_loop {
	const c5_train_job *job;
	c5_train_state *s;
	c5_together *t;
	c5_optimizer optimizer;
	c5_schedule schedule;
	bool higher_is_better, last; /* last: the last epoch is what counts */
	int watched;                 /* figure of the feed, -1 the loss */
	int precision;

	int places;                  /* items of a micro-batch */
	size_t batch;                /* of a batch: places * s->micro */
	size_t per_epoch;            /* items drawn */
	uint32_t steps;              /* of an epoch */
	c5_net *net;
	size_t n_flat, n_statistics;
	c5_tree_sum sum;
	bool direct;                 /* nothing to sum: the gradient stays on the device */
	float *total;                /* (n_flat + n_statistics) of a batch; the sum's own when there is one rank */
	bool own_total, summing;     /* summing: between begin and end */
	double *told;                /* (micro + ranks + 1) what ranks tell each other after a batch */
	c5_loader *loader;
	size_t *order;               /* (per_epoch) of the epoch begun */
	size_t *items;               /* (places) */
	uint64_t *draws;
	size_t covered;              /* of the present gradient, summed already */

	float *outputs[C5_FEED_PORTS], *targets[C5_FEED_PORTS]; /* of the validation part */
	bool have_targets, lost;     /* lost: the weights at hand give no numbers */
	double saved_at, told_at, begun_at;
	size_t begun_items;          /* done in this process and epoch */
	uint32_t saved_epoch;
} c5_loop;

/* predict.c: outputs of items item0 .. on all ranks; targets too when not NULL. */
int c5_predict_run(const c5_train_job *job, const c5_weights *w, int precision, size_t item0, size_t n, int batch, float *const *outputs,
	float *const *targets);
/* The validation part's loss and figures. */
int c5_loop_validate(c5_loop *l, const c5_weights *w, c5_epoch *e);

#endif
