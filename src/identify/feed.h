/* feed.h – tiles to learn kinds and sizes from, as a feed (train/feed.h): stills drawn anew each time (simulate/still.h), and tiles of real frames at
 * any magnification. Kinds come alike often; within a kind every set of recordings does, however many frames it has. */
#ifndef C5_IDENTIFY_FEED_H
#define C5_IDENTIFY_FEED_H

#include "identify/identify.h"
#include "train/feed.h"

/* A real frame. */
typedef struct c5_identify_sample {
	c5_identify_frame frame;    /* borrowed while the feed is open */
	int kind;                   /* enum c5_image_kind */
	double diameter_px;         /* of its typical object; NAN: not known, kinds alone are learnt from it */
	int set;                    /* frames of one source have one number, from 0 */
} c5_identify_sample;

typedef struct c5_identify_feed_how {
	size_t per_epoch, n_validate; /* tiles; those to validate with are stills */
	double real;                /* share of tiles from real frames, 0..1; without frames all are stills */
} c5_identify_feed_how;

int c5_identify_feed(c5_feed **out, const c5_identify_feed_how *how, const c5_identify_sample *samples, size_t n);
void c5_identify_feed_free(c5_feed *f); /* NULL is fine */

#endif
