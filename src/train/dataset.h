/* dataset.h – what there is to learn from: crops with a class, a group and a weight, read through tables of functions by whoever knows the file.
 *
 * Items are numbered in the order they were added, which must not depend on ranks or threads. Crops are kept in memory in their stored type up to a
 * bound and read again beyond it. A class is a number from 0; an item without one (label -1) can be predicted but not learnt from. */
#ifndef C5_TRAIN_DATASET_H
#define C5_TRAIN_DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Crops of one experiment, all of one type and shape (N, C, H, W). One thread at a time reads. */
typedef struct c5_crops c5_crops;
struct c5_crops {
	char *experiment, *path;     /* where they are from, for messages and results; path: of the array of crops */
	char *plate, *well, *condition; /* of the experiment; NULL: not stated */
	char *channels;              /* "phase,srs" */
	int dtype;                   /* base/dtype.h */
	uint64_t n;
	int n_channels, height, width;
	double pixel_um;             /* NAN: not stated */
	int (*read)(c5_crops *c, uint64_t first, uint64_t n, void *out);
	void *ctx;                   /* the reader's own; `close` frees it, NULL: nothing to do */
	void (*close)(c5_crops *c);
};

typedef struct c5_item {
	uint32_t source;             /* which crops */
	uint32_t group;              /* what is never cut in two by a split */
	uint64_t row;                /* crop among them */
	int32_t label;               /* class, -1: none */
	float weight;                /* in the loss, 1 */
} c5_item;

/* Of an item's pixels as they are stored. */
typedef struct c5_item_digest { uint8_t sha256[32]; bool blank; } c5_item_digest; /* blank: all bytes are the same */

typedef struct c5_dataset {
	c5_crops *sources;
	size_t n_sources, cap_sources;
	c5_item *items;
	size_t n, cap;
	char **classes;              /* names, (n_classes) */
	int n_classes;
	char **groups;               /* names, (n_groups) */
	size_t n_groups, cap_groups;
	char *label, *group_by;      /* what they were taken from: "condition", "experiment" */
	size_t cache_bytes;          /* bound of what is kept in memory; 0: nothing */
	uint8_t **kept;              /* (n_sources) pixels of the crops kept, NULL: not */
	bool cached;
	c5_item_digest *digests;     /* (n), by c5_dataset_digests; NULL before */
} c5_dataset;

int c5_dataset_new(c5_dataset **out, size_t cache_bytes);
void c5_dataset_free(c5_dataset *d);   /* NULL is fine; closes the crops */
/* Adds crops (moved in, texts included, also on failure) and says their number. */
int c5_dataset_add_crops(c5_dataset *d, c5_crops *crops, uint32_t *source);
int c5_dataset_add_item(c5_dataset *d, const c5_item *item);
int c5_dataset_add_class(c5_dataset *d, const char *name);
/* The number of the group of that name, which is added if it is new. */
int c5_dataset_group(c5_dataset *d, const char *name, uint32_t *group);

/* Bytes of one item's crop as it is stored; and the crop itself, (C, H, W). One thread at a time. */
size_t c5_dataset_item_bytes(const c5_dataset *d, size_t item);
int c5_dataset_read(c5_dataset *d, size_t item, void *pixels);
/* Reads what is to be kept in memory, in the order of the sources, as far as the bound allows. */
int c5_dataset_cache(c5_dataset *d);

/* Reads every item for its digest, once. */
int c5_dataset_digests(c5_dataset *d);

/* Items of each class: counts (n_classes), may be NULL; returns how many have a class. part: NULL, or only items with part[i] == which. */
size_t c5_dataset_count(const c5_dataset *d, size_t *counts, const uint8_t *part, uint8_t which);
/* Refuses what cannot be learnt from: no item, one class only, a class without example (of the part, when given: "training", "validation"). */
int c5_dataset_check(const c5_dataset *d, const uint8_t *part, uint8_t which, const char *what);

#endif
