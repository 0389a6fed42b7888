/* gather.c – folders and lists of files taken apart into entries; see gather.h.
 *
 * Rules for files that no pattern or sheet describes, by folder:
 *   names ending in _zNN            files with the same name before it are the planes of one field; the others of the folder stand alone
 *   all of one page, names in tNN   frames by number; one experiment for each name before the number; the others of the folder stand alone
 *   all of one page, named by well  each file an experiment, where rows differ: A01 A02 B01
 *   all of one page                 frames of one experiment, in natural order; told of where names are no numbered series
 *   else                            each file an experiment
 * Planes of an OME set belong to the file that lists them, whichever of the set are named. */
#include "image/gather.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/options.h"
#include "image/folder.h"
#include "image/layout.h"
#include "image/names.h"

const char *const c5_field_names[C5_FIELD_N + 1] = { "experiment", "plate", "well", "position", "condition", "compound", "dose", "replicate",
	"channel", "modality", "frame", "z", NULL };

const char *const c5_modality_names[] = { "phase", "brightfield", "dic", "fluorescence", "srs", "tpef", "transmission", NULL };

int c5_modality_check(const char *text)
{
	size_t k = 0;
	while (c5_modality_names[k] && strcmp(c5_modality_names[k], text)) k++;
	if (c5_modality_names[k]) return C5_OK;
	const char *near = c5_nearest(text, c5_modality_names);
	if (near) return c5_fail(C5_EINPUT, "modality '%s'; did you mean '%s'?", text, near);
	return c5_fail(C5_EINPUT, "modality '%s', expected phase, brightfield, dic, fluorescence, srs, tpef or transmission", text);
}

static void clear_entry(c5_entry *e)
{
	for (int i = 0; i < C5_FIELD_N; i++) free(e->field[i]);
	free(e->name);
	free(e->error);
}

void c5_gather_cut(c5_gather *g, size_t from)
{
	while (g->n > from) clear_entry(&g->entries[--g->n]);
}

void c5_gather_free(c5_gather *g)
{
	c5_gather_cut(g, 0);
	free(g->entries);
	c5_files_free(&g->files);
	memset(g, 0, sizeof *g);
}

int c5_gather_add(c5_gather *g, const char *path, c5_entry **out)
{
	int err;
	if ((err = c5_grow(&g->entries, &g->cap, g->n + 1, sizeof *g->entries)) < 0) return err;
	c5_entry *e = &g->entries[g->n];
	memset(e, 0, sizeof *e);
	e->file = UINT32_MAX;
	e->frame = e->z = -1;
	e->pixel_um = e->dt_s = NAN;
	if (path && (err = c5_files_add(&g->files, path, &e->file)) < 0) return err;
	g->n++;
	*out = e;
	return C5_OK;
}

char *c5_entry_experiment(const c5_entry *entry)
{
	char *joined = NULL;
	if (entry->field[C5_FIELD_EXPERIMENT]) return c5_name_clean(entry->field[C5_FIELD_EXPERIMENT]);
	for (int f = C5_FIELD_PLATE; f <= C5_FIELD_POSITION; f++) {
		if (!entry->field[f]) continue;
		char *more = joined ? c5_format("%s_%s", joined, entry->field[f]) : c5_strdup(entry->field[f]);
		free(joined);
		if (!(joined = more)) return NULL;
	}
	char *clean = c5_name_clean(joined ? joined : entry->name ? entry->name : "experiment");
	free(joined);
	return clean;
}

/* One file of a set, while it is decided what the set is. */
struct item {
	uint32_t file;
	char *key;            /* name before the frame and z numbers */
	int64_t frame, z;     /* -1: none */
};

static int by_path(const void *a, const void *b) { return c5_name_compare(*(char *const *)a, *(char *const *)b); }

static int by_key(const void *a, const void *b)
{
	const struct item *p = a, *q = b;
	int order = (p->z < 0) - (q->z < 0);
	if (!order) order = c5_name_compare(p->key, q->key);
	return order ? order : p->file < q->file ? -1 : p->file > q->file;
}

/* "x_t03_z1", "x_z1_t03", "x_z1", "x_t03": key "x". */
static int read_name(struct item *item, const char *path)
{
	char *stem = c5_name_stem(path);
	if (!stem) return c5_fail(C5_ENOMEM, "out of memory");
	size_t n = strlen(stem), m;
	item->frame = item->z = -1;
	if ((m = c5_name_z(stem, n, &item->z)) != SIZE_MAX) {
		n = m;
		if ((m = c5_name_frame(stem, n, &item->frame)) != SIZE_MAX) n = m;
	} else if ((m = c5_name_frame(stem, n, &item->frame)) != SIZE_MAX) {
		n = m;
		if ((m = c5_name_z(stem, n, &item->z)) != SIZE_MAX) n = m;
	}
	stem[n] = '\0';
	item->key = stem;
	return C5_OK;
}

/* The name of a lone file: of the set it lists, or its own. */
static char *own_name(const c5_gather *g, uint32_t file)
{
	const c5_layout *layout = g->files.at[file].layout;
	return layout && layout->name ? c5_strdup(layout->name) : c5_name_stem(g->files.at[file].path);
}

static char *folder_name(const c5_gather *g, uint32_t file)
{
	char *folder = c5_name_folder(g->files.at[file].path);
	char *name = folder ? c5_strdup(c5_name_base(folder)) : NULL;
	free(folder);
	return name;
}

/* What the names of a series begin with, less numbers and separators at its end; the folder's name when that is nothing. */
static char *shared_name(const c5_gather *g, const struct item *items, size_t n)
{
	const char *first = items[0].key;
	size_t m = strlen(first);
	for (size_t i = 1; i < n; i++) {
		size_t k = 0;
		while (k < m && items[i].key[k] == first[k]) k++;
		m = k;
	}
	while (m && strchr("0123456789", first[m - 1])) m--;
	while (m && strchr("_-. ", first[m - 1])) m--;
	return m ? c5_format("%.*s", (int)m, first) : folder_name(g, items[0].file);
}

/* Adds items as one unit. name: taken over. */
static int add_unit(c5_gather *g, const struct item *items, size_t n, char *name, bool in_order)
{
	int err = name ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
	for (size_t i = 0; i < n && !err; i++) {
		c5_entry *e;
		if ((err = c5_gather_add(g, g->files.at[items[i].file].path, &e)) < 0) break;
		e->unit = g->units;
		e->frame = in_order ? (int64_t)i : items[i].frame;
		e->z = items[i].z;
		if (!(e->name = c5_strdup(name))) err = c5_fail(C5_ENOMEM, "out of memory");
	}
	g->units++;
	free(name);
	return err;
}

/* A file by itself: its frames are what is in it. */
static int add_alone(c5_gather *g, struct item *item, const char *hint)
{
	const c5_layout *layout = g->files.at[item->file].layout;
	if (!layout->error && !c5_layout_is_single(layout)) item->frame = item->z = -1;
	return add_unit(g, item, 1, hint ? c5_strdup(hint) : own_name(g, item->file), false);
}

static char *group_name(const c5_gather *g, const struct item *items, const char *hint, bool whole)
{
	if (whole && hint) return c5_strdup(hint);
	return *items[0].key ? c5_strdup(items[0].key) : folder_name(g, items[0].file);
}

/* Whether names differ in one number alone: its place in the first of them, and its first and last value. */
static bool numbered(const struct item *items, size_t n, size_t *from, size_t *to, int64_t *first, int64_t *last)
{
	static const char digits[] = "0123456789";
	const char *key = items[0].key;
	size_t length = strlen(key), head = length, tail = length;
	for (size_t i = 1; i < n; i++) {
		const char *other = items[i].key;
		size_t m = strlen(other), k = 0;
		while (k < head && other[k] == key[k]) k++;
		head = k;
		for (k = 0; k < tail && k < m && other[m - 1 - k] == key[length - 1 - k]; k++);
		tail = k;
	}
	while (head && strchr(digits, key[head - 1])) head--;
	while (tail && strchr(digits, key[length - tail])) tail--;
	for (size_t i = 0; i < n; i++) {
		size_t m = strlen(items[i].key);
		if (m <= head + tail || strspn(items[i].key + head, digits) != m - head - tail) return false;
	}
	*from = head;
	*to = length - tail;
	*first = strtoll(key + head, NULL, 10);
	*last = strtoll(items[n - 1].key + head, NULL, 10);
	return true;
}

/* What is no numbered series is only an order, and may be no movie at all; that, and numbers that skip, are told. */
static void warn_of_order(const c5_gather *g, const struct item *items, size_t n)
{
	const char *path = g->files.at[items[0].file].path, *name = c5_name_base(path), *ending = name + strlen(items[0].key);
	size_t from, to;
	int64_t first, last;
	if (!numbered(items, n, &from, &to, &first, &last))
		c5_log(C5_LOG_WARN, "%s: the names of %zu files, %s to %s, are no numbered series: taken as frames of one movie, one after the other; if each is a "
			"field of its own, say --pattern '{experiment}%s' or give a sample sheet", path, n, name,
			c5_name_base(g->files.at[items[n - 1].file].path), ending);
	else if (last - first >= (int64_t)n)
		c5_log(C5_LOG_WARN, "%s: names are numbered %lld to %lld, but there are %zu files: taken as frames one after the other; say --pattern "
			"'%.*s{frame}%s' to have missing ones noticed, or '{experiment}%s' if each is a field of its own", path, (long long)first, (long long)last,
			n, (int)from, name, name + to, ending);
}

/* All names are wells, in more than one row. */
static bool are_wells(const struct item *items, size_t n)
{
	bool rows = false;
	for (size_t i = 0; i < n; i++) {
		if (!c5_name_is_well(items[i].key, strlen(items[i].key))) return false;
		rows = rows || items[i].key[0] != items[0].key[0];
	}
	return rows;
}

/* Items of one folder with their layouts known: makes units of them by the rules on top. */
static int sort_out(c5_gather *g, struct item *items, size_t n, const char *hint)
{
	bool all_single = true;
	size_t with_z = 0, with_frame = 0;
	int err = C5_OK;
	for (size_t i = 0; i < n; i++) {
		const c5_layout *layout = g->files.at[items[i].file].layout;
		all_single = all_single && (layout->error || c5_layout_is_single(layout));
		with_frame += items[i].frame >= 0;
		with_z += items[i].z >= 0;
	}
	if (n == 1) return add_alone(g, items, all_single ? hint : NULL);
	if (with_z || (all_single && with_frame)) {
		qsort(items, n, sizeof *items, by_key); /* those with z first */
		for (size_t i = 0, k; i < n && !err; i = k) {
			bool marked = with_z ? items[i].z >= 0 : items[i].frame >= 0;
			for (k = i + 1; k < n && marked && (items[k].z >= 0) == (items[i].z >= 0) && (with_z || items[k].frame >= 0) &&
				!strcmp(items[k].key, items[i].key); k++);
			err = marked ? add_unit(g, items + i, k - i, group_name(g, items + i, hint, k - i == n), false) : add_alone(g, items + i, NULL);
		}
		return err;
	}
	if (all_single && !are_wells(items, n)) {
		warn_of_order(g, items, n);
		return add_unit(g, items, n, hint ? c5_strdup(hint) : shared_name(g, items, n), true);
	}
	for (size_t i = 0; i < n && !err; i++) err = add_alone(g, items + i, NULL);
	return err;
}

/* Images of one folder. hint: name for a single series of them, NULL: by their names. */
static int gather_set(c5_gather *g, size_t n, char *const *paths, const char *hint)
{
	struct item *items = NULL;
	size_t kept = 0;
	int err = c5_alloc(&items, n, sizeof *items);
	for (size_t i = 0; i < n && !err; i++) {
		items[i].key = NULL;
		err = c5_files_add(&g->files, paths[i], &items[i].file);
	}
	if (!err) err = c5_files_probe(&g->files);
	for (size_t i = 0; i < n && !err; i++) {
		c5_layout *layout;
		if ((err = c5_layout_of(&g->files, items[i].file, &layout)) == C5_OK && g->files.at[items[i].file].owner != items[i].file)
			err = c5_layout_of(&g->files, g->files.at[items[i].file].owner, &layout);
	}
	for (size_t i = 0; i < n && !err; i++) {
		bool seen = false;
		uint32_t file = g->files.at[items[i].file].owner;
		if (file != items[i].file) /* sets are few files; lone files cannot repeat, their paths are unique within a set */
			for (size_t k = 0; k < kept && !seen; k++) seen = items[k].file == file;
		if (seen) continue;
		items[kept].file = file;
		err = read_name(&items[kept], g->files.at[file].path);
		kept++;
	}
	if (!err) err = sort_out(g, items, kept, hint);
	for (size_t i = 0; items && i < kept; i++) free(items[i].key);
	free(items);
	return err;
}

static int gather_names(c5_gather *g, const char *folder, char *const *names, size_t n, bool ctc, const char *hint)
{
	char **paths = NULL;
	size_t kept = 0;
	int err = c5_alloc(&paths, n, sizeof *paths);
	for (size_t i = 0; i < n && !err; i++) {
		if (!(ctc ? c5_ctc_is_frame(names[i]) : c5_name_is_image(names[i]))) continue;
		if (!(paths[kept++] = c5_name_join(folder, names[i]))) err = c5_fail(C5_ENOMEM, "out of memory");
	}
	if (!err && !kept)
		err = c5_fail(C5_EINPUT, "%s: no TIFF, PNG or JPEG image among its %zu files; name the folder that holds them, or their place with --pattern",
			folder, n);
	if (!err && ctc) { /* frames by number; several pages are planes of depth */
		for (size_t i = 0; i < kept && !err; i++) {
			c5_entry *e;
			if ((err = c5_gather_add(g, paths[i], &e)) < 0) break;
			e->unit = g->units;
			c5_name_frame(c5_name_base(paths[i]), 1 + strspn(c5_name_base(paths[i]) + 1, "0123456789"), &e->frame);
			if (!(e->name = c5_strdup(hint))) err = c5_fail(C5_ENOMEM, "out of memory");
		}
		g->units++;
	} else if (!err) {
		err = gather_set(g, kept, paths, hint);
	}
	for (size_t i = 0; paths && i < kept; i++) free(paths[i]);
	free(paths);
	return err;
}

int c5_gather_folder(c5_gather *g, const char *folder)
{
	c5_folder listing, inside;
	c5_ctc *sequences = NULL;
	size_t n = 0;
	int err = c5_folder_read(&listing, folder);
	if (err < 0) return err;
	if ((err = c5_ctc_find(folder, &listing, &sequences, &n)) < 0) goto done;
	for (size_t i = 0; i < n && !err; i++) {
		if ((err = c5_folder_read(&inside, sequences[i].folder)) < 0) break;
		err = gather_names(g, sequences[i].folder, inside.files, inside.n_files, true, sequences[i].name);
		c5_folder_free(&inside);
	}
	if (!n) err = gather_names(g, folder, listing.files, listing.n_files, false, c5_name_base(folder));
done:
	c5_ctc_free(sequences, n);
	c5_folder_free(&listing);
	return err;
}

int c5_gather_list(c5_gather *g, size_t n, char *const *paths)
{
	char **sorted = NULL;
	int err = c5_alloc(&sorted, n, sizeof *sorted);
	if (err < 0 || !n) goto done;
	memcpy(sorted, paths, n * sizeof *sorted);
	qsort(sorted, n, sizeof *sorted, by_path);
	size_t kept = 0;
	for (size_t i = 0; i < n; i++) /* a file named twice counts once */
		if (!kept || strcmp(sorted[kept - 1], sorted[i])) sorted[kept++] = sorted[i];
	for (size_t i = 0, k; i < kept && !err; i = k) {
		size_t m = (size_t)(c5_name_base(sorted[i]) - sorted[i]);
		for (k = i + 1; k < kept && (size_t)(c5_name_base(sorted[k]) - sorted[k]) == m && !memcmp(sorted[k], sorted[i], m); k++);
		err = gather_set(g, k - i, sorted + i, NULL);
	}
done:
	free(sorted);
	return err;
}
