/* curated.c – see curated.h: what the kinds of files share. */
#include "formats/curated.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"

const c5_opt c5_curated_opts[] = {
	{ "path", C5_OPT_TEXT, offsetof(c5_curated_params, path), NULL, 0, 0, NULL, "PATH",
		"file or folder to take in; on the command line the operand PATH" },
	{ "as", C5_OPT_CHOICE, offsetof(c5_curated_params, as), "auto", 0, 0, NULL, "auto|ctc|trk|trks|label|tiff|png",
		"what it is; auto: by its name and content" },
	{ "channel", C5_OPT_TEXT, offsetof(c5_curated_params, channel), NULL, 0, 0, NULL, "NAME",
		"channel the masks belong to; unset: the first of transmitted light, else the first" },
	{ "batch", C5_OPT_INT, offsetof(c5_curated_params, batch), "-1", -1, 1e9, NULL, "N", "which movie of a .trks, counted from 0; -1: the only one" },
	{ "tracked", C5_OPT_BOOL, offsetof(c5_curated_params, tracked), NULL, 0, 0, NULL, NULL, "label images: a label is the same cell in all frames" },
	{ "note", C5_OPT_TEXT, offsetof(c5_curated_params, note), NULL, 0, 0, NULL, "TEXT",
		"what to remember of it: who corrected it, that it is the truth for measures" },
	{ 0 },
};

static bool ends(const char *s, const char *ending)
{
	size_t n = strlen(s), m = strlen(ending);
	return n >= m && strcasecmp(s + n - m, ending) == 0;
}

static bool has(const char *folder, const char *name)
{
	char *path = c5_format("%s/%s", folder, name);
	bool there = path && access(path, F_OK) == 0;
	free(path);
	return there;
}

static const char *kind_of(const char *path)
{
	if (ends(path, ".trks")) return "trks";
	if (ends(path, ".trk")) return "trk";
	if (ends(path, ".zip")) return "label";
	if (has(path, "res_track.txt") || has(path, "man_track.txt") || has(path, "TRA/man_track.txt")) return "ctc";
	return "images";
}

int c5_curated_open(c5_curated **out, const c5_curated_params *params)
{
	c5_curated *c = NULL;
	struct stat s;
	int err;
	if (!params->path || !*params->path) return c5_fail(C5_EUSAGE, "nothing to import: a file or folder is wanted");
	if (stat(params->path, &s) != 0) return c5_fail(C5_ENOTFOUND, "%s: no such file or folder", params->path);
	const char *kind = strcmp(params->as, "auto") == 0 ? kind_of(params->path) : params->as;
	if ((err = c5_alloc(&c, 1, sizeof *c)) < 0) return err;
	if (!(c->path = c5_strdup(params->path))) err = c5_fail(C5_ENOMEM, "out of memory");
	else if (strcmp(kind, "trk") == 0 || strcmp(kind, "trks") == 0) err = c5_curated_open_trk(c, params, strcmp(kind, "trks") == 0);
	else if (strcmp(kind, "label") == 0) err = c5_curated_open_label(c);
	else if (strcmp(kind, "ctc") == 0) err = c5_curated_open_ctc(c, params);
	else err = c5_curated_open_images(c, params);
	if (err == C5_OK && !c->name && !(c->name = c5_strdup(c->path))) err = c5_fail(C5_ENOMEM, "out of memory");
	if (err == C5_OK && (!c->height || !c->width || !c->frames || c->frames >= UINT32_MAX || c->height > UINT32_MAX / c->width))
		err = c5_fail(C5_EINPUT, "%s: %llu frames of %llu x %llu pixels cannot be masks", c->name, (unsigned long long)c->frames,
			(unsigned long long)c->height, (unsigned long long)c->width);
	if (err < 0) {
		c5_curated_close(c);
		return err;
	}
	*out = c;
	return C5_OK;
}

void c5_curated_close(c5_curated *c)
{
	if (!c) return;
	if (c->close) c->close(c);
	c5_lineage_free(&c->lineage);
	free(c->source);
	free(c->sums);
	free(c->ids);
	free(c->name);
	free(c->path);
	free(c);
}

static int by_value(const void *a, const void *b)
{
	uint32_t p = *(const uint32_t *)a, q = *(const uint32_t *)b;
	return p < q ? -1 : p > q;
}

/* The distinct labels of a frame, rising, into c->ids: the first of every run of pixels, sorted, once each. */
static int distinct(c5_curated *c, const uint32_t *labels, size_t *n)
{
	size_t pixels = c->height * c->width, found = 0;
	int err;
	for (size_t i = 0; i < pixels; i++) {
		if (!labels[i] || (i && labels[i] == labels[i - 1])) continue;
		if (found && c->ids[found - 1] == labels[i]) continue;
		if ((err = c5_grow(&c->ids, &c->cap_ids, found + 1, sizeof *c->ids)) < 0) return err;
		c->ids[found++] = labels[i];
	}
	*n = 0;
	if (!found) return C5_OK;
	qsort(c->ids, found, sizeof *c->ids, by_value);
	for (size_t i = 0; i < found; i++)
		if (*n == 0 || c->ids[*n - 1] != c->ids[i]) c->ids[(*n)++] = c->ids[i];
	return C5_OK;
}

static uint32_t rank_of(const uint32_t *ids, size_t n, uint32_t id)
{
	size_t low = 0, high = n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (ids[mid] < id) low = mid + 1;
		else high = mid;
	}
	return (uint32_t)low;
}

/* Frame t with its labels made 1..n in the order of the file's, which are left in c->ids, their sums in c->sums. */
static int read_frame(c5_curated *c, uint64_t t, uint32_t *labels, size_t *n)
{
	int err;
	if ((err = c->read(c, t, labels)) < 0 || (err = distinct(c, labels, n)) < 0 ||
	    (err = c5_grow(&c->sums, &c->cap_sums, 3 * *n + 1, sizeof *c->sums)) < 0) return err;
	memset(c->sums, 0, 3 * *n * sizeof *c->sums);
	uint32_t last = 0, rank = 0;
	for (size_t y = 0, i = 0; y < c->height; y++)
		for (size_t x = 0; x < c->width; x++, i++) {
			if (!labels[i]) continue;
			if (labels[i] != last) last = labels[i], rank = rank_of(c->ids, *n, last);
			labels[i] = rank + 1;
			c->sums[3 * rank] += (double)y, c->sums[3 * rank + 1] += (double)x, c->sums[3 * rank + 2]++;
		}
	return C5_OK;
}

int c5_curated_next(c5_curated *c, uint32_t *labels, uint32_t *n)
{
	size_t count = 0;
	int err;
	*n = 0;
	if (c->at >= c->frames) return c5_fail(C5_EFAIL, "%s: no frame %llu", c->name, (unsigned long long)c->at);
	err = read_frame(c, c->at, labels, &count);
	for (size_t k = 0; err == C5_OK && k < count; k++) {
		const double *s = c->sums + 3 * k;
		c5_lin_node node = { (uint32_t)c->at, (uint32_t)k + 1, c->tracked ? c->ids[k] : 0, (float)(s[0] / s[2]), (float)(s[1] / s[2]), (float)s[2] };
		err = c5_lineage_add_node(&c->lineage, &node);
	}
	*n = (uint32_t)count;
	c->at++;
	return err;
}

int c5_masks_frame(c5_curated *masks, uint64_t t, uint32_t *labels, uint32_t *n)
{
	size_t count = 0;
	if (t >= masks->frames) return c5_fail(C5_EFAIL, "%s: no frame %llu", masks->name, (unsigned long long)t);
	int err = read_frame(masks, t, labels, &count);
	*n = (uint32_t)count;
	return err;
}

/* One track a label, for files that list none. */
static int list_tracks(c5_curated *c)
{
	uint32_t *ids = NULL;
	c5_lineage *l = &c->lineage;
	int err = c5_alloc(&ids, l->n_nodes, sizeof *ids);
	for (size_t i = 0; err == C5_OK && i < l->n_nodes; i++) ids[i] = l->nodes[i].track;
	if (err == C5_OK && l->n_nodes) qsort(ids, l->n_nodes, sizeof *ids, by_value);
	for (size_t i = 0; err == C5_OK && i < l->n_nodes; i++)
		if (i == 0 || ids[i] != ids[i - 1]) err = c5_lineage_add_track(l, ids[i], C5_UNKNOWN, C5_UNKNOWN, 0);
	free(ids);
	return err;
}

/* Numbers tracks 1..n with parents first, as the rest of the program has them: kept as they are when they are so, else in the order of
 * their first objects. */
static int number_tracks(c5_curated *c)
{
	c5_lineage *l = &c->lineage;
	uint32_t *order = NULL; /* new number of each track */
	size_t next = 0;
	bool fine = true;
	int err = c5_alloc(&c->source, l->n_tracks, sizeof *c->source);
	for (size_t i = 0; err == C5_OK && i < l->n_tracks; i++) {
		c->source[i] = l->tracks[i].id;
		fine &= l->tracks[i].id == i + 1 && l->tracks[i].parent <= i;
	}
	if (err < 0 || fine) return err;
	if ((err = c5_alloc(&order, l->n_tracks, sizeof *order)) < 0) return err;
	for (size_t i = 0; i < l->n_nodes; i++) {
		uint32_t k = c5_lineage_find(l, l->nodes[i].track);
		if (!order[k]) order[k] = (uint32_t)++next;
	}
	for (size_t i = 0; i < l->n_nodes; i++) l->nodes[i].track = order[c5_lineage_find(l, l->nodes[i].track)];
	for (size_t i = 0; i < l->n_tracks; i++)
		if (l->tracks[i].parent) l->tracks[i].parent = order[c5_lineage_find(l, l->tracks[i].parent)];
	for (size_t i = 0; i < l->n_tracks; i++) {
		c->source[order[i] - 1] = l->tracks[i].id;
		l->tracks[i].id = order[i];
	}
	free(order);
	return c5_lineage_settle(l, l->frames, c->name, c->first);
}

int c5_masks_fit(const c5_curated *c, const char *experiment, const char *channel, uint64_t t, uint64_t height, uint64_t width)
{
	if (c->frames == t && c->height == height && c->width == width) return C5_OK;
	return c5_fail(C5_EINPUT, "%s: %llu frames of %llu x %llu pixels, channel %s of %s has %llu of %llu x %llu", c->name, (unsigned long long)c->frames,
		(unsigned long long)c->height, (unsigned long long)c->width, channel, experiment, (unsigned long long)t, (unsigned long long)height,
		(unsigned long long)width);
}

int c5_curated_finish(c5_curated *c)
{
	int err = C5_OK;
	if (c->at != c->frames)
		return c5_fail(C5_EFAIL, "%s: %llu of %llu frames were read", c->name, (unsigned long long)c->at, (unsigned long long)c->frames);
	if (!c->tracked) return C5_OK;
	if (!c->listed) err = list_tracks(c);
	if (err == C5_OK && c->settle) err = c->settle(c);
	if (err == C5_OK) err = c5_lineage_settle(&c->lineage, (uint32_t)c->frames, c->name, c->first);
	if (err == C5_OK && c->gaps) err = c5_lineage_join(&c->lineage, c->name);
	return err < 0 ? err : number_tracks(c);
}
