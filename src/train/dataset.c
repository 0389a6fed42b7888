/* dataset.c – see dataset.h. */
#include "train/dataset.h"

#include <stdlib.h>
#include <string.h>

#include "base/dtype.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/sha256.h"

#define READ_AT_ONCE (4u << 20) /* bytes asked of a reader in one go while the memory is filled */

int c5_dataset_new(c5_dataset **out, size_t cache_bytes)
{
	int err = c5_alloc(out, 1, sizeof **out);
	if (err == C5_OK) (*out)->cache_bytes = cache_bytes;
	return err;
}

static void close_crops(c5_crops *c)
{
	if (c->close) c->close(c);
	free(c->experiment);
	free(c->path);
	free(c->plate);
	free(c->well);
	free(c->condition);
	free(c->channels);
}

static void free_texts(char **texts, size_t n)
{
	for (size_t i = 0; i < n; i++) free(texts[i]);
	free(texts);
}

void c5_dataset_free(c5_dataset *d)
{
	if (!d) return;
	for (size_t i = 0; i < d->n_sources; i++) {
		close_crops(&d->sources[i]);
		if (d->kept) free(d->kept[i]);
	}
	free(d->kept);
	free(d->sources);
	free(d->items);
	free(d->digests);
	free_texts(d->classes, (size_t)d->n_classes);
	free_texts(d->groups, d->n_groups);
	free(d->label);
	free(d->group_by);
	free(d);
}

int c5_dataset_add_crops(c5_dataset *d, c5_crops *crops, uint32_t *source)
{
	int err = c5_grow(&d->sources, &d->cap_sources, d->n_sources + 1, sizeof *d->sources);
	if (err == C5_OK && (crops->n_channels < 1 || crops->height < 1 || crops->width < 1 || !c5_dtype_size(crops->dtype)))
		err = c5_fail(C5_EINPUT, "%s: crops of %d x %d x %d pixels of type %d cannot be used", crops->path, crops->n_channels, crops->height, crops->width,
			crops->dtype);
	if (err < 0) {
		close_crops(crops);
		return err;
	}
	*source = (uint32_t)d->n_sources;
	d->sources[d->n_sources++] = *crops;
	return C5_OK;
}

int c5_dataset_add_item(c5_dataset *d, const c5_item *item)
{
	int err = c5_grow(&d->items, &d->cap, d->n + 1, sizeof *d->items);
	if (err < 0) return err;
	if (item->source >= d->n_sources || item->row >= d->sources[item->source].n) return c5_fail(C5_EFAIL, "item %zu is of no crop", d->n);
	d->items[d->n++] = *item;
	return C5_OK;
}

int c5_dataset_add_class(c5_dataset *d, const char *name)
{
	size_t cap = (size_t)d->n_classes;
	int err = c5_grow(&d->classes, &cap, cap + 1, sizeof *d->classes);
	if (err < 0) return err;
	if (!(d->classes[d->n_classes] = c5_strdup(name))) return c5_fail(C5_ENOMEM, "out of memory");
	d->n_classes++;
	return C5_OK;
}

int c5_dataset_group(c5_dataset *d, const char *name, uint32_t *group)
{
	int err;
	for (size_t i = d->n_groups; i-- > 0;) /* mostly the one added last */
		if (strcmp(d->groups[i], name) == 0) {
			*group = (uint32_t)i;
			return C5_OK;
		}
	if ((err = c5_grow(&d->groups, &d->cap_groups, d->n_groups + 1, sizeof *d->groups)) < 0) return err;
	if (!(d->groups[d->n_groups] = c5_strdup(name))) return c5_fail(C5_ENOMEM, "out of memory");
	*group = (uint32_t)d->n_groups++;
	return C5_OK;
}

static size_t crop_bytes(const c5_crops *c) { return (size_t)c->n_channels * (size_t)c->height * (size_t)c->width * c5_dtype_size(c->dtype); }

size_t c5_dataset_item_bytes(const c5_dataset *d, size_t item) { return crop_bytes(&d->sources[d->items[item].source]); }

int c5_dataset_read(c5_dataset *d, size_t item, void *pixels)
{
	const c5_item *i = &d->items[item];
	c5_crops *c = &d->sources[i->source];
	size_t bytes = crop_bytes(c);
	if (d->kept && d->kept[i->source]) {
		memcpy(pixels, d->kept[i->source] + i->row * bytes, bytes);
		return C5_OK;
	}
	return c->read(c, i->row, 1, pixels);
}

int c5_dataset_cache(c5_dataset *d)
{
	size_t left = d->cache_bytes;
	int err;
	if (d->cached) return C5_OK;
	if ((err = c5_alloc(&d->kept, d->n_sources, sizeof *d->kept)) < 0) return err;
	for (size_t s = 0; s < d->n_sources; s++) {
		c5_crops *c = &d->sources[s];
		size_t bytes = crop_bytes(c), at_once = READ_AT_ONCE / bytes + 1;
		if (!c->n || c->n > left / bytes) continue; /* a smaller one may still fit */
		if (c5_alloc_aligned(&d->kept[s], c->n, bytes) < 0) break; /* then it is read as it is needed */
		left -= c->n * bytes;
		for (uint64_t i = 0; i < c->n; i += at_once)
			if ((err = c->read(c, i, c->n - i < at_once ? c->n - i : at_once, d->kept[s] + i * bytes)) < 0) {
				free(d->kept[s]);
				d->kept[s] = NULL;
				return err;
			}
	}
	d->cached = true;
	return C5_OK;
}

int c5_dataset_digests(c5_dataset *d)
{
	uint8_t *crop = NULL;
	size_t most = 1;
	int err;
	if (d->digests) return C5_OK;
	for (size_t i = 0; i < d->n; i++) {
		size_t bytes = c5_dataset_item_bytes(d, i);
		if (bytes > most) most = bytes;
	}
	if ((err = c5_alloc(&d->digests, d->n, sizeof *d->digests)) < 0 || (err = c5_alloc(&crop, most, 1)) < 0) goto done;
	for (size_t i = 0; i < d->n; i++) {
		size_t bytes = c5_dataset_item_bytes(d, i), same = 0;
		if ((err = c5_dataset_read(d, i, crop)) < 0) goto done;
		while (same < bytes && crop[same] == crop[0]) same++;
		d->digests[i].blank = same == bytes;
		c5_sha256_bytes(d->digests[i].sha256, crop, bytes);
	}
done:
	free(crop);
	if (err < 0) {
		free(d->digests);
		d->digests = NULL;
	}
	return err;
}

size_t c5_dataset_count(const c5_dataset *d, size_t *counts, const uint8_t *part, uint8_t which)
{
	size_t all = 0;
	if (counts) memset(counts, 0, (size_t)d->n_classes * sizeof *counts);
	for (size_t i = 0; i < d->n; i++) {
		if (d->items[i].label < 0 || d->items[i].label >= d->n_classes || (part && part[i] != which)) continue;
		if (counts) counts[d->items[i].label]++;
		all++;
	}
	return all;
}

int c5_dataset_check(const c5_dataset *d, const uint8_t *part, uint8_t which, const char *what)
{
	size_t *counts;
	int err;
	const char *of = d->label ? d->label : "label";
	if (!d->n_classes)
		return c5_fail(C5_EINPUT, "%s: no crop has a class by it; what experiments lack, a sample sheet fills in: cyto5 ingest FILE.h5 --sheet plate.csv",
			of);
	if (d->n_classes < 2)
		return c5_fail(C5_EINPUT, "%s: one class only, %s; at least two classes are needed to learn from", of, d->classes[0]);
	if ((err = c5_alloc(&counts, (size_t)d->n_classes, sizeof *counts)) < 0) return err;
	if (!c5_dataset_count(d, counts, part, which)) err = c5_fail(C5_EINPUT, "%s: no crop has a class%s%s", of, part ? " in " : "", part ? what : "");
	for (int k = 0; err == C5_OK && k < d->n_classes; k++)
		if (!counts[k])
			err = c5_fail(C5_EINPUT, "%s: class %s has no example%s%s; %s", of, d->classes[k], part ? " in " : "", part ? what : "",
				part ? "it needs crops in two groups or more, or another --split" : "leave it out of --classes or add experiments that show it");
	free(counts);
	return err;
}
