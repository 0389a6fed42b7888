/* loader.c – see loader.h. */
#include "train/loader.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

struct c5_loader {
	c5_feed *feed;
	size_t places;
	bool beside, started;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* under the lock */
	bool ordered, filled, over;
	int code;
	char why[1024];
	/* the order; not touched by its giver until it is filled */
	size_t *items, n;
	uint64_t *draws, seed;
	bool augment;
	c5_batch batches[2];
	int at;                /* which is filled next */
};

static void fill(c5_loader *l)
{
	c5_batch *b = &l->batches[l->at];
	b->n = l->n;
	l->code = l->feed->fill(l->feed, l->items, l->augment ? l->draws : NULL, l->n, l->seed, b->inputs, b->targets, b->weight);
	if (l->code < 0) snprintf(l->why, sizeof l->why, "%s", c5_error_last()); /* errors are a thread's own */
}

static void *work(void *arg)
{
	c5_loader *l = arg;
	pthread_mutex_lock(&l->lock);
	while (!l->over) {
		if (!l->ordered || l->filled) {
			pthread_cond_wait(&l->changed, &l->lock);
			continue;
		}
		pthread_mutex_unlock(&l->lock);
		fill(l);
		pthread_mutex_lock(&l->lock);
		l->filled = true;
		pthread_cond_broadcast(&l->changed);
	}
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

int c5_loader_open(c5_loader **out, c5_feed *feed, size_t places, bool beside)
{
	c5_loader *l;
	int err = c5_alloc(&l, 1, sizeof *l);
	if (err < 0) return err;
	*l = (c5_loader){ .feed = feed, .places = places, .beside = beside };
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->changed, NULL);
	*out = l;
	if ((err = c5_alloc(&l->items, places, sizeof *l->items)) < 0 || (err = c5_alloc(&l->draws, places, sizeof *l->draws)) < 0) goto fail;
	for (int b = 0; b < 2; b++) {
		for (int i = 0; i < feed->n_inputs; i++)
			if ((err = c5_alloc_aligned(&l->batches[b].inputs[i], places * feed->input_count[i], sizeof(float))) < 0) goto fail;
		for (int i = 0; i < feed->n_targets; i++)
			if ((err = c5_alloc_aligned(&l->batches[b].targets[i], places * feed->target_count[i], sizeof(float))) < 0) goto fail;
		if ((err = c5_alloc_aligned(&l->batches[b].weight, places, sizeof(float))) < 0) goto fail;
	}
	if (beside && pthread_create(&l->thread, NULL, work, l) != 0) err = c5_fail(C5_EFAIL, "no thread to fill batches with");
	if (err == C5_OK) {
		l->started = beside;
		return C5_OK;
	}
fail:
	c5_loader_close(l);
	*out = NULL;
	return err;
}

void c5_loader_close(c5_loader *l)
{
	if (!l) return;
	if (l->started) {
		pthread_mutex_lock(&l->lock);
		l->over = true;
		pthread_cond_broadcast(&l->changed);
		pthread_mutex_unlock(&l->lock);
		pthread_join(l->thread, NULL);
	}
	pthread_cond_destroy(&l->changed);
	pthread_mutex_destroy(&l->lock);
	for (int b = 0; b < 2; b++) {
		for (int i = 0; i < C5_FEED_PORTS; i++) {
			free(l->batches[b].inputs[i]);
			free(l->batches[b].targets[i]);
		}
		free(l->batches[b].weight);
	}
	free(l->items);
	free(l->draws);
	free(l);
}

int c5_loader_ask(c5_loader *l, const size_t *items, const uint64_t *draws, size_t n, uint64_t seed)
{
	if (n > l->places || l->ordered) return c5_fail(C5_EFAIL, "a batch was ordered out of turn");
	memcpy(l->items, items, n * sizeof *items);
	if (draws) memcpy(l->draws, draws, n * sizeof *draws);
	l->augment = draws != NULL;
	l->n = n;
	l->seed = seed;
	pthread_mutex_lock(&l->lock);
	l->ordered = true;
	l->filled = false;
	pthread_cond_broadcast(&l->changed);
	pthread_mutex_unlock(&l->lock);
	return C5_OK;
}

void c5_loader_rest(c5_loader *l)
{
	if (!l->beside) return;
	pthread_mutex_lock(&l->lock);
	while (l->ordered && !l->filled) pthread_cond_wait(&l->changed, &l->lock);
	pthread_mutex_unlock(&l->lock);
}

int c5_loader_take(c5_loader *l, const c5_batch **batch)
{
	if (!l->ordered) return c5_fail(C5_EFAIL, "a batch was taken that nobody ordered");
	if (l->beside) c5_loader_rest(l);
	else fill(l);
	*batch = &l->batches[l->at];
	l->at ^= 1;
	pthread_mutex_lock(&l->lock); /* the thread may wake without being called, and looks at both */
	l->ordered = l->filled = false;
	pthread_mutex_unlock(&l->lock);
	return l->code < 0 ? c5_fail(l->code, "%s", l->why) : C5_OK;
}
