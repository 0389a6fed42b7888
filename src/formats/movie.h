/* movie.h – an experiment as exports see it: frames of one channel or all, masks, and labels turned into track ids. Frame by frame. */
#ifndef C5_FORMATS_MOVIE_H
#define C5_FORMATS_MOVIE_H

#include "container/array.h"
#include "container/experiment.h"
#include "formats/lineage.h"

enum c5_movie_want { C5_WANT_MASKS = 1, C5_WANT_TRACKS = 2 | C5_WANT_MASKS };

typedef struct c5_movie {
	c5_file *file;             /* borrowed */
	c5_codec *codec;
	c5_experiment experiment;
	uint64_t frames, height, width; /* of the masks, or of the channel when none are wanted */
	char *masks_path, *tracks_path; /* NULL: not wanted */
	c5_lineage lineage;        /* when tracks are wanted */
	c5_array *masks, **raw;    /* raw: one a channel, opened when first read */
	void *stored;              /* a frame as stored */
	uint32_t *ids;             /* of the labels of a frame */
	uint8_t *seen;
	size_t cap_ids, cap_seen;
} c5_movie;

/* revision: of the masks, or of the tracks when these are wanted (their masks are those they were made from). NULL or "latest": the newest. */
int c5_movie_open(c5_movie *m, c5_file *f, const char *experiment, const char *revision, int want);
void c5_movie_close(c5_movie *m);

/* labels: (height, width). */
int c5_movie_labels(c5_movie *m, uint64_t t, uint32_t *labels);
/* The same with every object's track id; C5_ESCHEMA when one is in no track, or a track has an object that is not there. */
int c5_movie_track_ids(c5_movie *m, uint64_t t, uint32_t *labels);
/* Plane z of a channel as stored. */
int c5_movie_raw(c5_movie *m, const c5_channel *channel, uint64_t t, uint64_t z, void *pixels);
/* The channel for formats that take one: the named one, or the first of transmitted light, else the first; of the masks' size. */
int c5_movie_channel(c5_movie *m, const char *name, const c5_channel **channel);

/* "/experiments/NAME/PRODUCT/REVISION" with `latest` resolved. C5_ENOTFOUND says which command makes the product. Caller frees. */
int c5_product_path(c5_file *f, const char *experiment, const char *product, const char *revision, char **path);

#endif
