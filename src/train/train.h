/* train.h – the loop that fits a model: batches from a feed, gradients summed over micro-batches and ranks in one fixed order, steps, validation,
 * early stopping, checkpoints. Read this header first; feed.h says what is learnt from, together.h how ranks talk, keeper below what is kept.
 *
 * A batch is cut into a fixed number of micro-batches; ranks share them. With the same threads a rank the weights after any number of steps are the
 * same bits for any number of ranks, and after any interruption. */
#ifndef C5_TRAIN_TRAIN_H
#define C5_TRAIN_TRAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/options.h"
#include "nn/net.h"
#include "train/feed.h"
#include "train/schedule.h"
#include "train/together.h"

#define C5_FIGURES_MAX 8

typedef struct c5_train_params {
	int64_t epochs, batch, micro;       /* micro-batches a batch */
	char *optimizer;                    /* sgd | adam | adamw | logistic: the last layer alone (head.h) */
	double rate, momentum, decay, clip;
	bool nesterov;
	char *schedule;                     /* schedule.h */
	double warm_up, factor, every, last;
	int64_t stop_after;                 /* epochs without a better figure; 0: never */
	char *watch;                        /* the figure that says which epoch is best: loss, or one of the feed's */
	double averaging;
	char *precision;                    /* fp32 | bf16 */
	int64_t seed;
	double save_every_s;                /* longest time between checkpoints */
	bool prefetch;                      /* batches are filled beside the device's work; always so on a GPU */
} c5_train_params;
extern const c5_opt c5_train_opts[];

/* One line of the training history. Nothing in it depends on how fast the machine is. */
typedef struct c5_epoch {
	uint32_t epoch;                     /* from 1 */
	double rate;                        /* at its end */
	double loss, validation_loss;       /* NAN: no validation part */
	double figures[C5_FIGURES_MAX];     /* the feed's, on the validation part; NAN beyond n_figures */
	double norm;                        /* of the last gradient, before clipping */
} c5_epoch;

/* All that is needed to go on to the same bits. */
typedef struct c5_train_state {
	uint32_t epoch, step;               /* whole epochs done, and steps in the one begun */
	int64_t micro;                      /* micro-batches a batch: more than asked for when memory was short */
	double loss_sum, norm;              /* of the epoch begun */
	double best;                        /* the watched figure at its best; NAN: none yet */
	uint32_t best_epoch, since_best, plateaus, since_plateau;
	c5_epoch *history;                  /* (epoch) */
	size_t cap_history;
	int n_figures;
	char figures[C5_FIGURES_MAX][32];   /* names */
	c5_weights *weights, *best_weights; /* as they are, and of the best epoch (NULL: none yet) */
	float *optimizer;                   /* (n_optimizer) moments and averages */
	size_t n_optimizer;
	bool finished;
} c5_train_state;
void c5_train_state_free(c5_train_state *s); /* what it owns, not itself */

/* Where progress goes. Rank 0 alone is asked. */
typedef struct c5_keeper c5_keeper;
struct c5_keeper {
	void *ctx;
	/* Commits a checkpoint. An error ends the training. */
	int (*save)(c5_keeper *k, const c5_train_state *s);
	/* An epoch is over; `s->history[s->epoch - 1]` tells. */
	void (*told)(c5_keeper *k, const c5_train_state *s, double items_per_s, bool better);
	/* Between steps, about ten times a second at most; may be NULL. */
	void (*step)(c5_keeper *k, const c5_train_state *s, uint32_t steps, double loss);
};

typedef struct c5_train_job {
	const c5_model *model;
	c5_feed *feed;
	const c5_loss *losses;              /* (n_losses): targets in the feed's order, outputs as they say */
	int n_losses;
	const c5_train_params *params;
	const float *layer_rate;            /* (layers) or NULL */
	int freeze_upto;                    /* layers before it stay as they are */
	c5_together *together;
	c5_device *device;
	c5_keeper *keeper;                  /* NULL: nothing is kept */
} c5_train_job;

/* Trains from `s`: new (epoch 0, weights set, all else zero) or taken from a checkpoint. Afterwards s->best_weights are the best epoch's.
 * C5_ESTOP when a signal asked for it (a checkpoint was saved); C5_EINPUT when the loss is not finite, which names epoch and batch and leaves the
 * last good checkpoint saved. */
int c5_train(const c5_train_job *job, c5_train_state *s);

/* Outputs of the first n of the feed's validation part, or of any feed: item0 .. item0 + n - 1, gathered on all ranks. outputs[t]: (n,
 * target_count[t]) of the losses' outputs. `batch` items a pass. */
int c5_train_predict(const c5_train_job *job, const c5_weights *w, size_t item0, size_t n, int batch, float *const *outputs);

/* Mean over items of one loss, without weights and smoothing: output and target (n, count), `classes` of them at each position. */
double c5_loss_value(const c5_loss *l, const float *output, const float *target, size_t n, size_t count, size_t classes);

#endif
