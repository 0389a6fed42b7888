/* export.c – see export.h. */
#include "formats/export.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/signal.h"
#include "base/text.h"
#include "base/version.h"
#include "formats/out.h"
#include "image/names.h"

static const c5_export_format formats[] = {
	{ "ctc", "", true, false, c5_export_ctc, NULL },
	{ "trk", "trk", false, false, NULL, c5_export_trk },
	{ "trks", "trks", false, false, c5_export_trks, NULL },
	{ "napari", "", true, false, c5_export_napari, NULL },
	{ "ome-tiff", "ome.tif", false, false, NULL, c5_export_ome },
	{ "imagej-roi", "zip", false, false, NULL, c5_export_roi },
	{ "csv", "csv", false, false, c5_export_csv, NULL },
	{ "labels-png", "", true, false, c5_export_labels_png, NULL },
	{ "png", "", true, false, c5_export_png, NULL },
	{ "notebooks", "", true, true, c5_export_notebooks, NULL },
};
#define N_FORMATS (sizeof formats / sizeof *formats)

const c5_opt c5_export_opts[] = {
	{ "as", C5_OPT_CHOICE, offsetof(c5_export_params, as), NULL, 0, 0, NULL, "ctc|trk|trks|napari|ome-tiff|imagej-roi|csv|labels-png|png|notebooks",
		"what to write" },
	{ "out", C5_OPT_TEXT, offsetof(c5_export_params, out), NULL, 0, 0, NULL, "PATH", "file or folder to write" },
	{ "experiments", C5_OPT_TEXT, offsetof(c5_export_params, experiments), NULL, 0, 0, NULL, "GLOB", "experiments of these names only" },
	{ "revision", C5_OPT_TEXT, offsetof(c5_export_params, revision), "latest", 0, 0, NULL, "rNNNNNN", "which tracks, masks, or table" },
	{ "channel", C5_OPT_TEXT, offsetof(c5_export_params, channel), NULL, 0, 0, NULL, "NAME",
		"channel to write, or marker of a stain; unset: the first of transmitted light, else the first; ome-tiff: all" },
	{ "what", C5_OPT_CHOICE, offsetof(c5_export_params, what), "auto", 0, 0, NULL, "auto|raw|masks|tracks|stain",
		"pixels of ome-tiff (auto: raw), labels of labels-png and imagej-roi (auto: masks)" },
	{ "table", C5_OPT_TEXT, offsetof(c5_export_params, table), "objects", 0, 0, NULL, "NAME",
		"csv: objects, frames, tracks, nodes, links, candidates, crops, or PRODUCT/TABLE" },
	{ "raw", C5_OPT_BOOL, offsetof(c5_export_params, raw), NULL, 0, 0, NULL, NULL, "ctc: the frames as well" },
	{ "units", C5_OPT_BOOL, offsetof(c5_export_params, units), NULL, 0, 0, NULL, NULL, "csv: units in the header, as in area (px)" },
	{ "force", C5_OPT_BOOL, offsetof(c5_export_params, force), NULL, 0, 0, NULL, NULL, "replace what is there" },
	{ 0 },
};

int c5_export_tick(void) { return c5_stop_wanted() ? c5_fail(C5_ESTOP, "stopped by %s; nothing was written", c5_stop_reason()) : C5_OK; }

char *c5_export_name(const char *folder, const char *experiment, const char *ending)
{
	char *clean = c5_name_clean(experiment), *path = clean ? c5_format("%s/%s%s%s", folder, clean, *ending ? "." : "", ending) : NULL;
	free(clean);
	return path;
}

static int find_names(c5_export *x, bool bare)
{
	char **all = NULL;
	size_t n = 0;
	int err = c5_list(x->file, "/experiments", &all, &n);
	if (err == C5_OK) err = c5_alloc(&x->names, n, sizeof *x->names);
	for (size_t i = 0; err == C5_OK && i < n; i++) {
		if (x->params->experiments && fnmatch(x->params->experiments, all[i], 0) != 0) continue;
		if (!(x->names[x->n_names++] = c5_strdup(all[i]))) err = c5_fail(C5_ENOMEM, "out of memory");
	}
	c5_names_free(all, n);
	if (err == C5_OK && x->n_names == 0 && !(bare && n == 0))
		err = x->params->experiments ? c5_fail(C5_ENOTFOUND, "%s: no experiment matches '%s'", c5_file_path(x->file), x->params->experiments)
		                             : c5_fail(C5_ENOTFOUND, "%s: no experiments", c5_file_path(x->file));
	return err;
}

/* What a folder says of itself. */
static char *note_text(const c5_export *x)
{
	c5_buf b = { 0 };
	c5_text_add(&b, "{\"software\": ");
	char *software = c5_format("cyto5 %s (%s)", c5_version(), c5_version_commit());
	c5_text_add_json(&b, software);
	c5_text_add(&b, ", \"container\": ");
	c5_text_add_json(&b, c5_name_base(c5_file_path(x->file)));
	c5_text_add(&b, ", \"revision\": ");
	c5_text_add_json(&b, x->params->revision);
	c5_text_add(&b, ", \"format\": ");
	c5_text_add_json(&b, x->params->as);
	c5_text_add(&b, ", \"experiments\": [");
	for (size_t i = 0; i < x->n_names; i++) {
		if (i) c5_text_add(&b, ", ");
		c5_text_add_json(&b, x->names[i]);
	}
	c5_text_add(&b, "]}\n");
	free(software);
	return c5_text_take(&b);
}

/* Two experiments whose names differ only in characters that files cannot have would write the same file. */
static int check_names(const c5_export *x)
{
	int err = C5_OK;
	for (size_t i = 0; err == C5_OK && i < x->n_names; i++)
		for (size_t k = i + 1; err == C5_OK && k < x->n_names; k++) {
			char *a = c5_name_clean(x->names[i]), *b = c5_name_clean(x->names[k]);
			if (!a || !b) err = c5_fail(C5_ENOMEM, "out of memory");
			else if (strcmp(a, b) == 0)
				err = c5_fail(C5_EUSAGE, "experiments '%s' and '%s' would both be written as %s; export them apart with --experiments", x->names[i], x->names[k],
					a);
			free(a);
			free(b);
		}
	return err;
}

int c5_export_run(c5_file *f, const c5_export_params *params)
{
	const c5_export_format *format = NULL;
	c5_export x = { .file = f, .params = params };
	c5_out out = { 0 };
	char *note = NULL;
	int err;
	for (size_t i = 0; params->as && i < N_FORMATS; i++)
		if (strcmp(formats[i].name, params->as) == 0) format = &formats[i];
	if (!format) return c5_fail(C5_EUSAGE, "--as is missing: one of %s", c5_export_opts[0].choices);
	if (!params->out || !*params->out) return c5_fail(C5_EUSAGE, "--out is missing: where to write");
	if ((err = find_names(&x, format->bare)) < 0 || (err = check_names(&x)) < 0) goto done;
	if (!(note = note_text(&x))) { err = C5_ENOMEM; goto done; }
	size_t n = strlen(params->out);
	bool folder = format->all ? format->folder : x.n_names > 1 || params->out[n - 1] == '/';
	if ((err = c5_out_begin(&out, params->out, folder, params->force, note)) < 0) goto done;
	if (format->all) err = format->all(&x, out.part);
	for (size_t i = 0; !format->all && err == C5_OK && i < x.n_names; i++) {
		char *path = folder ? c5_export_name(out.part, x.names[i], format->ending) : c5_strdup(out.part);
		err = path ? format->one(&x, x.names[i], path) : c5_fail(C5_ENOMEM, "out of memory");
		free(path);
	}
	err = c5_out_end(&out, err);
	if (err == C5_OK) c5_log(C5_LOG_INFO, "%s: %zu experiment%s as %s", params->out, x.n_names, x.n_names == 1 ? "" : "s", format->name);
done:
	free(note);
	c5_names_free(x.names, x.n_names);
	return err;
}
