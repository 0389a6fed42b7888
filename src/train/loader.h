/* loader.h – for src/train alone: one batch is filled while the last one is worked on, by a thread of its own where that pays. */
#ifndef C5_TRAIN_LOADER_H
#define C5_TRAIN_LOADER_H

#include "train/feed.h"

typedef struct c5_batch {
	size_t n;
	float *inputs[C5_FEED_PORTS], *targets[C5_FEED_PORTS], *weight;
} c5_batch;

typedef struct c5_loader c5_loader;

/* Batches of at most `places` items. `beside`: filled by a thread of its own. */
int c5_loader_open(c5_loader **out, c5_feed *feed, size_t places, bool beside);
void c5_loader_close(c5_loader *l);
/* Orders the next batch; at most one order stands beside the batch taken last. draws NULL: not augmented. */
int c5_loader_ask(c5_loader *l, const size_t *items, const uint64_t *draws, size_t n, uint64_t seed);
/* The batch ordered, good until the next but one is ordered. */
int c5_loader_take(c5_loader *l, const c5_batch **batch);
/* Waits until nothing is being filled: who reads the same file elsewhere may do so then. */
void c5_loader_rest(c5_loader *l);

#endif
