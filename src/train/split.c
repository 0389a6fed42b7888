/* split.c – see split.h. */
#include "train/split.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/text.h"

#define ORDER_KEY UINT64_C(0x73706c6974) /* keeps the draws apart from others of the same seed */

typedef struct groups {
	size_t n, n_classes;
	uint64_t *order;   /* (n) */
	double *counts;    /* (n, n_classes) items */
	double *total;     /* (n_classes) */
	size_t *size;      /* (n) items with a class */
} groups;

static void groups_free(groups *g)
{
	free(g->order);
	free(g->counts);
	free(g->total);
	free(g->size);
}

static int groups_of(groups *g, const c5_dataset *d, uint64_t seed)
{
	c5_random r;
	int err;
	memset(g, 0, sizeof *g);
	g->n = d->n_groups;
	g->n_classes = (size_t)d->n_classes;
	if ((err = c5_alloc(&g->order, g->n, sizeof *g->order)) < 0 || (err = c5_alloc(&g->counts, g->n * g->n_classes + 1, sizeof *g->counts)) < 0 ||
	    (err = c5_alloc(&g->total, g->n_classes + 1, sizeof *g->total)) < 0 || (err = c5_alloc(&g->size, g->n + 1, sizeof *g->size)) < 0)
		return err;
	for (size_t i = 0; i < d->n; i++) {
		const c5_item *it = &d->items[i];
		if (it->label < 0 || it->label >= d->n_classes) continue;
		g->counts[it->group * g->n_classes + (size_t)it->label]++;
		g->total[it->label]++;
		g->size[it->group]++;
	}
	c5_random_start(&r, seed, ORDER_KEY);
	c5_random_order(&r, g->order, g->n);
	/* The largest first, equal ones in the order drawn: small ones then even out what is left. */
	for (size_t i = 1; i < g->n; i++)
		for (size_t k = i; k > 0 && g->size[g->order[k]] > g->size[g->order[k - 1]]; k--) {
			uint64_t t = g->order[k];
			g->order[k] = g->order[k - 1];
			g->order[k - 1] = t;
		}
	return C5_OK;
}

/* How far a part's classes are from what they should be, relative to each class's total. */
static double distance(const groups *g, const double *have, double share, size_t with)
{
	double sum = 0;
	for (size_t k = 0; k < g->n_classes; k++) {
		if (g->total[k] <= 0) continue;
		double off = (have[k] + (with < g->n ? g->counts[with * g->n_classes + k] : 0)) / g->total[k] - share;
		sum += off * off;
	}
	return sum;
}

/* Groups with class k that are not among the chosen; what is left for training. */
static size_t left_with(const groups *g, const uint8_t *side, size_t k)
{
	size_t n = 0;
	for (size_t i = 0; i < g->n; i++) n += !side[i] && g->counts[i * g->n_classes + k] > 0;
	return n;
}

static bool leaves_all(const groups *g, const uint8_t *side, size_t group)
{
	for (size_t k = 0; k < g->n_classes; k++)
		if (g->counts[group * g->n_classes + k] > 0 && left_with(g, side, k) < 2) return false;
	return true;
}

static void apply(uint8_t *part, const c5_dataset *d, const uint8_t *side)
{
	for (size_t i = 0; i < d->n; i++) {
		const c5_item *it = &d->items[i];
		part[i] = it->label < 0 || it->label >= d->n_classes ? C5_PART_NONE : side[it->group] ? C5_PART_VALIDATE : C5_PART_TRAIN;
	}
}

/* Takes group after group into validation while that brings every class nearer to its share. */
int c5_split_share(uint8_t *part, const c5_dataset *d, double share, uint64_t seed)
{
	groups g;
	uint8_t *side = NULL;
	double *have = NULL;
	int err = groups_of(&g, d, seed);
	if (err < 0 || (err = c5_alloc(&side, g.n + 1, 1)) < 0 || (err = c5_alloc(&have, g.n_classes + 1, sizeof *have)) < 0) goto done;
	for (int pass = 0; pass < 1 + (share > 0); pass++)
		for (size_t i = 0; i < g.n; i++) {
			size_t k = g.order[i];
			bool nearer = distance(&g, have, share, k) < distance(&g, have, share, g.n), wanted = false;
			for (size_t c = 0; pass == 1 && c < g.n_classes; c++) wanted |= have[c] == 0 && g.counts[k * g.n_classes + c] > 0; /* a class without any yet */
			if (side[k] || !g.size[k] || !(pass ? wanted : nearer) || !leaves_all(&g, side, k)) continue;
			side[k] = 1;
			for (size_t c = 0; c < g.n_classes; c++) have[c] += g.counts[k * g.n_classes + c];
		}
	apply(part, d, side);
done:
	free(have);
	free(side);
	groups_free(&g);
	return err;
}

/* Each group goes to the fold that lacks most of what it has. */
int c5_split_fold(uint8_t *part, const c5_dataset *d, int folds, int fold, uint64_t seed)
{
	groups g;
	uint8_t *side = NULL;
	double *have = NULL;
	size_t used = 0;
	int err = groups_of(&g, d, seed);
	if (err < 0) goto done;
	for (size_t i = 0; i < g.n; i++) used += g.size[i] > 0;
	if (folds < 2 || fold < 0 || fold >= folds) err = c5_fail(C5_EUSAGE, "fold %d of %d: folds are numbered from 1, and at least two", fold + 1, folds);
	else if (used < (size_t)folds)
		err = c5_fail(C5_EINPUT, "%d folds of %zu groups (by %s): at most as many folds as groups", folds, used, d->group_by ? d->group_by : "group");
	if (err < 0 || (err = c5_alloc(&side, g.n + 1, 1)) < 0 || (err = c5_alloc(&have, (size_t)folds * (g.n_classes + 1), sizeof *have)) < 0) goto done;
	for (size_t i = 0; i < g.n; i++) {
		size_t k = g.order[i];
		int best = 0;
		double least = 0;
		for (int f = 0; f < folds; f++) {
			double *h = have + (size_t)f * g.n_classes, gain = distance(&g, h, 1.0 / folds, k) - distance(&g, h, 1.0 / folds, g.n);
			if (f == 0 || gain < least) best = f, least = gain;
		}
		for (size_t c = 0; c < g.n_classes; c++) have[(size_t)best * g.n_classes + c] += g.counts[k * g.n_classes + c];
		side[k] = best == fold;
	}
	apply(part, d, side);
done:
	free(have);
	free(side);
	groups_free(&g);
	return err;
}

static bool matches(const char *globs, const char *name)
{
	char one[256];
	while (*globs) {
		size_t n = strcspn(globs, ",");
		if (n && n < sizeof one) {
			memcpy(one, globs, n);
			one[n] = '\0';
			if (fnmatch(one, name, 0) == 0) return true;
		}
		globs += n + (globs[n] == ',');
	}
	return false;
}

int c5_split_named(uint8_t *part, const c5_dataset *d, const char *globs)
{
	uint8_t *side;
	size_t found = 0;
	c5_buf b = { 0 };
	int err = c5_alloc(&side, d->n_groups + 1, 1);
	if (err < 0) return err;
	for (size_t i = 0; i < d->n_groups; i++) found += side[i] = matches(globs, d->groups[i]);
	if (found) apply(part, d, side);
	for (size_t i = 0; !found && i < d->n_groups && i < 12; i++) c5_text_addf(&b, "%s%s", i ? ", " : "", d->groups[i]);
	if (!found) {
		char *list = c5_text_take(&b);
		err = c5_fail(C5_ENOTFOUND, "no group matches '%s'; groups by %s: %s%s", globs, d->group_by ? d->group_by : "group", list ? list : "",
			d->n_groups > 12 ? " ..." : "");
		free(list);
	}
	free(side);
	return err;
}

int c5_split_crops(uint8_t *part, const c5_dataset *d, double share, uint64_t seed)
{
	uint64_t *order;
	size_t *counts = NULL, *taken = NULL;
	c5_random r;
	int err = c5_alloc(&order, d->n, sizeof *order);
	if (err < 0 || (err = c5_alloc(&counts, (size_t)d->n_classes + 1, sizeof *counts)) < 0 ||
	    (err = c5_alloc(&taken, (size_t)d->n_classes + 1, sizeof *taken)) < 0) goto done;
	c5_dataset_count(d, counts, NULL, 0);
	c5_random_start(&r, seed, ORDER_KEY + 1);
	c5_random_order(&r, order, d->n);
	for (size_t i = 0; i < d->n; i++) {
		int32_t k = d->items[order[i]].label;
		if (k < 0 || k >= d->n_classes) part[order[i]] = C5_PART_NONE;
		else part[order[i]] = (double)taken[k]++ + 0.5 < share * (double)counts[k] ? C5_PART_VALIDATE : C5_PART_TRAIN;
	}
done:
	free(taken);
	free(counts);
	free(order);
	return err;
}

/* ---- leaks ---- */

/* Whether anything named alike is on both sides: `name` gives an item's place, NULL: it has none. */
typedef const char *place_of(const c5_dataset *d, const c5_item *it, char text[512]);

static const char *experiment_of(const c5_dataset *d, const c5_item *it, char text[512])
{
	(void)text;
	return d->sources[it->source].experiment;
}

static const char *well_of(const c5_dataset *d, const c5_item *it, char text[512])
{
	const c5_crops *c = &d->sources[it->source];
	if (!c->well) return NULL;
	snprintf(text, 512, "%s%s%s", c->plate ? c->plate : "", c->plate ? " " : "", c->well);
	return text;
}

typedef struct place { char *name; uint8_t seen; } place; /* seen: bit 0 in training, bit 1 in validation */

static int by_name(const void *a, const void *b) { return strcmp(((const place *)a)->name, ((const place *)b)->name); }

static int places_apart(const uint8_t *part, const c5_dataset *d, const char *what, place_of *of)
{
	uint8_t *seen; /* of each source: what is asked is the same for all its items */
	place *all = NULL;
	size_t n = 0;
	int err = c5_alloc(&seen, d->n_sources + 1, 1);
	if (err < 0 || (err = c5_alloc(&all, d->n_sources + 1, sizeof *all)) < 0) goto done;
	for (size_t i = 0; i < d->n; i++)
		if (part[i] != C5_PART_NONE) seen[d->items[i].source] |= part[i] == C5_PART_VALIDATE ? 2 : 1;
	for (size_t s = 0; s < d->n_sources; s++) {
		char text[512];
		const char *name = seen[s] ? of(d, &(c5_item){ .source = (uint32_t)s }, text) : NULL;
		if (!name) continue;
		if (!(all[n].name = c5_strdup(name))) {
			err = c5_fail(C5_ENOMEM, "out of memory");
			goto done;
		}
		all[n++].seen = seen[s];
	}
	qsort(all, n, sizeof *all, by_name);
	for (size_t i = 0; i < n && err == C5_OK; i++) {
		if (i > 0 && strcmp(all[i].name, all[i - 1].name) == 0) all[i].seen |= all[i - 1].seen;
		if (all[i].seen == 3)
			err = c5_fail(C5_EINPUT, "the split leaks: %s %s is in training and in validation; split by %s, or insist with --force-leak", what, all[i].name,
				what);
	}
done:
	for (size_t i = 0; all && i < n; i++) free(all[i].name);
	free(all);
	free(seen);
	return err;
}

typedef struct pixels { const c5_item_digest *of; uint32_t item; } pixels;

static int by_sum(const void *a, const void *b)
{
	const pixels *x = a, *y = b;
	int c = memcmp(x->of->sha256, y->of->sha256, sizeof x->of->sha256);
	return c ? c : (x->item > y->item) - (x->item < y->item);
}

static int pixels_apart(const uint8_t *part, c5_dataset *d)
{
	pixels *all;
	size_t n = 0;
	int err = c5_dataset_digests(d);
	if (err < 0 || (err = c5_alloc(&all, d->n, sizeof *all)) < 0) return err;
	for (size_t i = 0; i < d->n; i++)
		if (part[i] != C5_PART_NONE && !d->digests[i].blank) all[n++] = (pixels){ &d->digests[i], (uint32_t)i }; /* an empty crop is like any other */
	qsort(all, n, sizeof *all, by_sum);
	for (size_t i = 1; i < n && err == C5_OK; i++) {
		uint32_t a = all[i - 1].item, b = all[i].item;
		if (memcmp(all[i].of->sha256, all[i - 1].of->sha256, sizeof all[i].of->sha256) != 0 || part[a] == part[b]) continue;
		const c5_crops *x = &d->sources[d->items[a].source], *y = &d->sources[d->items[b].source];
		err = c5_fail(C5_EINPUT, "the split leaks: crop %llu of %s (%s) and crop %llu of %s (%s) have the same pixels; "
			"take one out, or insist with --force-leak",
			(unsigned long long)d->items[a].row, x->experiment, part[a] == C5_PART_TRAIN ? "training" : "validation",
			(unsigned long long)d->items[b].row, y->experiment,
			part[b] == C5_PART_TRAIN ? "training" : "validation");
	}
	free(all);
	return err;
}

int c5_split_leaks(const uint8_t *part, c5_dataset *d)
{
	int err = places_apart(part, d, "experiment", experiment_of);
	if (err == C5_OK) err = places_apart(part, d, "well", well_of);
	return err < 0 ? err : pixels_apart(part, d);
}
