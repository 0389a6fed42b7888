/* feed_parts.h – for src/stain alone: what both feeds share. */
#ifndef C5_STAIN_FEED_PARTS_H
#define C5_STAIN_FEED_PARTS_H

#include "base/random.h"
#include "train/feed.h"

/* Stands behind the c5_feed in each of them. */
typedef struct c5_stain_feed_head { void (*release)(c5_feed *feed); } c5_stain_feed_head;

/* Numbers of an item drawn for the draw-th time. */
void c5_feed_random(c5_random *r, uint64_t seed, size_t item, uint64_t draw);
/* Brightness, contrast and noise of an item's planes (channels, area), drawn from r. */
void c5_feed_light(float *planes, int channels, size_t area, c5_random *r);
/* Puts numbers in an order drawn by (seed, epoch). */
int c5_feed_shuffle(size_t *order, size_t n, uint64_t seed, uint64_t epoch);

#endif
