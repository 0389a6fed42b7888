/* support_train.h – data sets that lie in memory: crops of a few experiments whose pixels are drawn by (experiment, crop). */
#ifndef C5_TESTS_SUPPORT_TRAIN_H
#define C5_TESTS_SUPPORT_TRAIN_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/dtype.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/random.h"
#include "train/dataset.h"
#include "train/split.h"

/* Pixels of crop `row` of experiment number `seed`: uint8, (channels, side, side); crops of class k are brighter by 20 k. */
typedef struct held_crops { uint64_t seed; int label; int reads, fail_at; } held_crops;

static void held_pixels(uint8_t *to, const held_crops *h, uint64_t row, size_t count)
{
	c5_random r;
	c5_random_start(&r, h->seed, row);
	for (size_t i = 0; i < count; i++) to[i] = (uint8_t)(60 + 20 * h->label + 40 * c5_random_uniform(&r));
}

static int held_read(c5_crops *c, uint64_t first, uint64_t n, void *out)
{
	held_crops *h = c->ctx;
	size_t count = (size_t)c->n_channels * (size_t)c->height * (size_t)c->width;
	if (h->fail_at && ++h->reads >= h->fail_at) return c5_fail(C5_EIO, "%s: cannot be read", c->path);
	for (uint64_t i = 0; i < n; i++) held_pixels((uint8_t *)out + i * count, h, first + i, count);
	return C5_OK;
}

static void held_close(c5_crops *c) { free(c->ctx); }

/* An experiment of `n` crops of one class, in a group of its own unless one is named; its number among the sources. */
static uint32_t add_experiment(c5_dataset *d, const char *name, const char *group, uint64_t seed, int label, uint64_t n, int side,
	const char *channels)
{
	c5_crops c = { .dtype = C5_U8, .n = n, .n_channels = 1, .height = side, .width = side, .pixel_um = NAN, .read = held_read, .close = held_close };
	held_crops *h = calloc(1, sizeof *h);
	uint32_t source, g;
	*h = (held_crops){ .seed = seed, .label = label };
	c.ctx = h;
	c.experiment = strdup(name);
	c.path = c5_format("/experiments/%s/crops/r000001/images", name);
	c.channels = strdup(channels);
	for (const char *p = channels; (p = strchr(p, ',')); p++) c.n_channels++;
	if (c5_dataset_add_crops(d, &c, &source) < 0 || c5_dataset_group(d, group ? group : name, &g) < 0) return UINT32_MAX;
	for (uint64_t i = 0; i < n; i++)
		if (c5_dataset_add_item(d, &(c5_item){ .source = source, .group = g, .row = i, .label = label, .weight = 1 }) < 0) return UINT32_MAX;
	return source;
}

static c5_dataset *new_dataset(int classes)
{
	static const char *const names[] = { "control", "senescent", "third" };
	c5_dataset *d;
	if (c5_dataset_new(&d, 1 << 24) < 0) return NULL;
	for (int k = 0; k < classes; k++)
		if (c5_dataset_add_class(d, names[k]) < 0) return NULL;
	d->label = strdup("condition");
	d->group_by = strdup("experiment");
	return d;
}

#endif
