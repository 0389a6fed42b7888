/* feed.h – who fills a batch. The trainer's loop (steps, sums over micro-batches and ranks, schedule, checkpoints) knows only numbers of items;
 * a feed turns them into inputs and targets. Crops with classes are one feed; blocks and patches of virtual stains are others.
 *
 * Items of the training part are 0 .. n_train - 1, those of validation n_train .. n_train + n_validate - 1. What a feed gives for an item depends
 * on (item, seed, draw) alone: never on rank, thread, batch or what was asked before. Draws are counted through all epochs, so an item drawn twice
 * in an epoch (rare classes are) is augmented anew each time. */
#ifndef C5_TRAIN_FEED_H
#define C5_TRAIN_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define C5_FEED_PORTS 8

typedef struct c5_feed c5_feed;
struct c5_feed {
	size_t n_train, n_validate;
	int n_inputs, n_targets;                 /* as the model's inputs, and one target a loss */
	size_t input_count[C5_FEED_PORTS];       /* numbers of one item */
	size_t target_count[C5_FEED_PORTS];
	/* Fills `n` places: inputs[i] (n, input_count[i]), targets[t] (n, target_count[t]), weight (n). `draws` (n): augmented as (seed, item, draw) say;
	 * NULL: as it is. Called by one thread at a time (it may be another than the trainer's); uses threads inside. */
	int (*fill)(c5_feed *f, const size_t *items, const uint64_t *draws, size_t n, uint64_t seed, float *const *inputs, float *const *targets,
		float *weight);
	/* The order of training items in an epoch: `order` (per_epoch) item numbers, with balanced drawing where the feed has classes. per_epoch: 0 means
	 * n_train, every item once in an order drawn by (seed, epoch); then `draw` may be NULL. */
	size_t per_epoch;
	int (*draw)(c5_feed *f, uint64_t seed, uint64_t epoch, size_t *order);
	/* Figures of the validation part from its outputs, in item order, added to the epoch's history: outputs[t] (n_validate, target_count[t]), targets
	 * alike. NULL: the loss alone. names[] and values[] have room for 8; returns how many. */
	int (*judge)(c5_feed *f, const float *const *outputs, const float *const *targets, const char *names[8], double values[8]);
	void *ctx;
};

#endif
