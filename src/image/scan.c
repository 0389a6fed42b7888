/* scan.c – settings and order of a scan: inputs to entries (gather.h), entries to series (assemble.h), names made unique; see source.h. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/mem.h"
#include "image/assemble.h"
#include "image/gather.h"
#include "image/names.h"
#include "image/source.h"

#define FIELD(name) offsetof(c5_scan_params, name)

const c5_opt c5_scan_opts[] = {
	{ "pattern", C5_OPT_TEXT, FIELD(pattern), NULL, 0, 0, NULL, "PATTERN", "how files are named beneath INPUT, "
		"e.g. '{plate}/{well}_{channel}_t{frame}.tif'; fields: experiment plate well position condition compound dose replicate channel modality frame z" },
	{ "sheet", C5_OPT_TEXT, FIELD(sheet), NULL, 0, 0, NULL, "FILE.csv", "sample sheet: a row for each file, folder or pattern" },
	{ "channel", C5_OPT_TEXT, FIELD(channel), NULL, 0, 0, NULL, "NAME[,NAME]", "names of the channels that the files do not name" },
	{ "modality", C5_OPT_TEXT, FIELD(modality), NULL, 0, 0, NULL, "NAME[,NAME]",
		"their modalities: phase, brightfield, dic, fluorescence, srs, tpef, transmission" },
	{ "experiment", C5_OPT_TEXT, FIELD(experiment), NULL, 0, 0, NULL, "NAME", "name of the experiment, when the input is one" },
	{ "z", C5_OPT_TEXT, FIELD(z), "all", 0, 0, NULL, "all|max|mean|min|N", "planes of depth: keep all, project them, or take plane N (from 0)" },
	{ "plane", C5_OPT_CHOICE, FIELD(plane), NULL, 0, 0, NULL, "red|green|blue|luminance", "what to read of RGB images; unset, they are refused" },
	{ "missing", C5_OPT_CHOICE, FIELD(missing), "refuse", 0, 0, NULL, "refuse|blank",
		"missing frames between the first and the last: refuse, or fill with zeros" },
	{ "pixel-size", C5_OPT_REAL, FIELD(pixel_size_um), "0", 0, 1e6, "um", NULL, "side of a pixel; 0: as the files say" },
	{ "interval", C5_OPT_REAL, FIELD(frame_interval_s), "0", 0, 1e9, "s", NULL, "time between frames; 0: as the files say" },
	{ 0 }
};

static int no_memory(void) { return c5_fail(C5_ENOMEM, "out of memory"); }

/* --modality must be made of known words, before anything is read. */
static int check_modalities(const char *list)
{
	for (const char *p = list; p; p = strchr(p, ','), p = p ? p + 1 : NULL) {
		size_t n = strcspn(p, ",");
		if (!n) continue;
		char *word = c5_format("%.*s", (int)n, p);
		int err = word ? c5_modality_check(word) : no_memory();
		free(word);
		if (err < 0) return err == C5_ENOMEM ? err : c5_fail_in(C5_EUSAGE, "--modality %s", list);
	}
	return C5_OK;
}

static int gather_inputs(c5_gather *g, size_t n, const char *const *inputs)
{
	char **files = NULL, **others = NULL; /* others: folders, which are gathered on the spot, but once */
	size_t n_files = 0, n_others = 0;
	int err = c5_alloc(&files, n, sizeof *files);
	if (!err) err = c5_alloc(&others, n, sizeof *others);
	for (size_t i = 0; i < n && !err; i++) {
		struct stat st;
		char *path = NULL;
		if (stat(inputs[i], &st) < 0) {
			err = c5_fail(errno == EACCES ? C5_EIO : C5_EINPUT, "%s: %s; a file or folder expected", inputs[i], strerror(errno));
			break;
		}
		if ((err = c5_name_absolute(&path, inputs[i])) < 0) break;
		if (!g->params->pattern && !S_ISDIR(st.st_mode)) {
			files[n_files++] = path;
			continue;
		}
		bool again = false;
		for (size_t k = 0; k < n_others && !again; k++) again = !strcmp(others[k], path);
		others[n_others++] = path;
		if (!again) err = g->params->pattern ? c5_gather_pattern(g, g->params->pattern, path) : c5_gather_folder(g, path);
	}
	if (!err && n_files) err = c5_gather_list(g, n_files, files);
	for (size_t i = 0; i < n_files; i++) free(files[i]);
	for (size_t i = 0; i < n_others; i++) free(others[i]);
	free(files);
	free(others);
	return err;
}

static int by_name(const void *a, const void *b)
{
	const c5_entry *p = *(c5_entry *const *)a, *q = *(c5_entry *const *)b;
	int order = strcmp(p->name ? p->name : "", q->name ? q->name : "");
	return order ? order : p < q ? -1 : p > q;
}

/* Puts the nearest folder above the file before the entry's name that is not in the name yet. */
static int name_from_above(const c5_gather *g, c5_entry *e)
{
	char *folder = c5_name_folder(g->files.at[e->file].path), *above;
	while (folder && *c5_name_base(folder) && strstr(e->name, c5_name_base(folder))) {
		above = c5_name_folder(folder);
		free(folder);
		folder = above;
	}
	char *name = folder ? c5_format("%s_%s", c5_name_base(folder), e->name) : NULL;
	free(folder);
	if (!name) return no_memory();
	free(e->name);
	e->name = name;
	return C5_OK;
}

/* Units that would have the same name get a folder they are in before it. */
static int tell_apart(c5_gather *g)
{
	c5_entry **sorted = NULL;
	int err = c5_alloc(&sorted, g->n, sizeof *sorted);
	for (size_t i = 0; i < g->n && !err; i++) sorted[i] = &g->entries[i];
	if (!err && g->n) qsort(sorted, g->n, sizeof *sorted, by_name);
	for (size_t i = 0, k; i < g->n && !err; i = k) {
		const char *name = sorted[i]->name;
		bool several = false;
		for (k = i + 1; k < g->n && name && sorted[k]->name && !strcmp(sorted[k]->name, name); k++)
			several = several || sorted[k]->unit != sorted[i]->unit;
		for (size_t j = i; several && j < k && !err; j++)
			if (sorted[j]->file != UINT32_MAX) err = name_from_above(g, sorted[j]);
	}
	free(sorted);
	return err;
}

static int rename_one(c5_gather *g)
{
	const char *first = NULL;
	size_t units = 0;
	int err = C5_OK;
	if (!g->params->experiment) return C5_OK;
	for (size_t i = 0; i < g->n; i++) {
		const c5_entry *e = &g->entries[i];
		for (int f = 0; f <= C5_FIELD_POSITION; f++)
			if (e->field[f]) return C5_OK; /* stated by pattern or sheet, which know better */
		if (!first || strcmp(first, e->name ? e->name : "")) units++;
		first = e->name ? e->name : "";
	}
	if (units > 1)
		return c5_fail(C5_EUSAGE, "--experiment %s names one experiment, but the inputs hold several (%s, %s ...); name them with --sheet or --pattern",
			g->params->experiment, g->entries[0].name ? g->entries[0].name : "?", first);
	for (size_t i = 0; i < g->n && !err; i++)
		if (!(g->entries[i].field[C5_FIELD_EXPERIMENT] = c5_strdup(g->params->experiment))) err = no_memory();
	return err;
}

static int by_place(const void *a, const void *b)
{
	const c5_series *p = a, *q = b;
	int order = c5_name_compare(p->experiment, q->experiment);
	return order ? order : c5_name_compare(p->channel, q->channel);
}

/* Takes the files over from the gathering. */
static int take_files(c5_scan *scan, c5_gather *g)
{
	size_t n = g->files.n;
	int err;
	if ((err = c5_alloc(&scan->files, n, sizeof *scan->files)) < 0 || (err = c5_alloc(&scan->file_size, n, sizeof *scan->file_size)) < 0
		|| (err = c5_alloc(&scan->file_mtime_ns, n, sizeof *scan->file_mtime_ns)) < 0) return err;
	scan->n_files = n;
	for (size_t i = 0; i < n; i++) {
		scan->files[i] = g->files.at[i].path;
		g->files.at[i].path = NULL;
		scan->file_size[i] = g->files.at[i].probe.size;
		scan->file_mtime_ns[i] = g->files.at[i].probe.mtime_ns;
	}
	return C5_OK;
}

static int check_any(const c5_scan *scan)
{
	for (size_t i = 0; i < scan->n_series; i++)
		if (!scan->series[i].error) return C5_OK;
	if (!scan->n_series) return c5_fail(C5_EINPUT, "no images in the inputs");
	if (scan->n_series == 1) return c5_fail(scan->series[0].error_code, "%s", scan->series[0].error);
	return c5_fail(C5_EINPUT, "none of %zu series can be read; the first: %s", scan->n_series, scan->series[0].error);
}

int c5_scan_inputs(c5_scan **out, const c5_scan_params *params, size_t n_inputs, const char *const *inputs)
{
	c5_gather g = { .params = params };
	c5_scan *scan = NULL;
	int64_t mode;
	int err;
	*out = NULL;
	if (!n_inputs && !params->sheet) return c5_fail(C5_EUSAGE, "no input: name image files or folders, or a sample sheet with --sheet");
	if ((err = c5_z_mode_of(params->z, &mode)) < 0 || (err = check_modalities(params->modality)) < 0 || (err = c5_alloc(&scan, 1, sizeof *scan)) < 0)
		goto done;
	if (params->sheet && (err = c5_gather_sheet(&g, params->sheet)) < 0) goto done;
	if (n_inputs && (err = gather_inputs(&g, n_inputs, inputs)) < 0) goto done;
	if ((err = c5_files_probe(&g.files)) < 0 || (err = tell_apart(&g)) < 0 || (err = rename_one(&g)) < 0) goto done;
	if ((err = c5_assemble(scan, &g)) < 0 || (err = take_files(scan, &g)) < 0) goto done;
	if (scan->n_series) qsort(scan->series, scan->n_series, sizeof *scan->series, by_place);
	err = check_any(scan);
done:
	c5_gather_free(&g);
	if (err < 0) c5_scan_free(scan);
	else *out = scan;
	return err;
}
