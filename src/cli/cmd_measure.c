/* cmd_measure.c – `cyto5 measure KIND`: how well results agree with the truth. Here: the settings, the choice of kind, the answer, and tracking. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/measure.h"
#include "measure/ctc.h"

static const c5_opt answer_opts[] = {
	{ "json", C5_OPT_BOOL, offsetof(c5_measure_set, json), NULL, 0, 0, NULL, NULL, "answer in JSON; undefined figures are null" },
	{ "explain", C5_OPT_BOOL, offsetof(c5_measure_set, explain), NULL, 0, 0, NULL, NULL, "say in plain words what each figure is" },
	{ 0 },
};

static const c5_opt image_opts[] = {
	{ "gt", C5_OPT_TEXT, offsetof(c5_measure_set, gt), NULL, 0, 0, NULL, "PATH",
		"the truth: a folder, a file, or with FILE.h5 a revision of masks or tracks" },
	{ "res", C5_OPT_TEXT, offsetof(c5_measure_set, res), NULL, 0, 0, NULL, "PATH", "the result, likewise" },
	{ "experiment", C5_OPT_TEXT, offsetof(c5_measure_set, experiment), NULL, 0, 0, NULL, "NAME",
		"of FILE.h5; unset: all that have both revisions, for tracking the only one" },
	{ "seg-from-tra", C5_OPT_BOOL, offsetof(c5_measure_set, seg_from_tra), NULL, 0, 0, NULL, NULL,
	  "tracking: measure SEG on the tracking truth although there is a SEG folder" },
	{ "range", C5_OPT_REAL, offsetof(c5_measure_set, range), "0", 0, 1e12, NULL, NULL,
	  "maps: greatest less least value of pixels; 0: of the type, and of the truth for floats" },
	{ 0 },
};

static const c5_opt table_opts[] = {
	{ "table", C5_OPT_TEXT, offsetof(c5_measure_set, table), NULL, 0, 0, NULL, "CSV", "classification, plates: the table" },
	{ "truth", C5_OPT_TEXT, offsetof(c5_measure_set, truth), "truth", 0, 0, NULL, "COLUMN", "classification: 1 or 0, true or false, or class names" },
	{ "positive", C5_OPT_TEXT, offsetof(c5_measure_set, positive), NULL, 0, 0, NULL, "CLASS",
	  "classification: the class name that is positive; all others are negative" },
	{ "score", C5_OPT_TEXT, offsetof(c5_measure_set, score), "score", 0, 0, NULL, "COLUMN", "classification: the higher, the more positive" },
	{ "group", C5_OPT_TEXT, offsetof(c5_measure_set, group), NULL, 0, 0, NULL, "COLUMN",
	  "classification: wells or movies to draw as wholes; unset: column group, if there is one" },
	{ "threshold", C5_OPT_REAL, offsetof(c5_measure_set, threshold), "0.5", -1e300, 1e300, NULL, NULL,
	  "classification: score from which an object is called positive" },
	{ "bins", C5_OPT_INT, offsetof(c5_measure_set, bins), "10", 1, 1000, NULL, NULL, "classification: bins of the calibration error" },
	{ "resamples", C5_OPT_INT, offsetof(c5_measure_set, resamples), "1000", 0, 1000000, NULL, NULL,
	  "classification: resamples behind the 95 % intervals; 0: none" },
	{ "seed", C5_OPT_INT, offsetof(c5_measure_set, seed), "1", 0, 9e15, NULL, NULL, "classification: of the resamples" },
	{ "value", C5_OPT_TEXT, offsetof(c5_measure_set, value), "value", 0, 0, NULL, "COLUMN", "plates: a number a well" },
	{ "control", C5_OPT_TEXT, offsetof(c5_measure_set, control), "control", 0, 0, NULL, "COLUMN", "plates: what a well is" },
	{ "positive-control", C5_OPT_TEXT, offsetof(c5_measure_set, high), "positive", 0, 0, NULL, "WORD",
		"plates: a positive control's word in that column" },
	{ "negative-control", C5_OPT_TEXT, offsetof(c5_measure_set, low), "negative", 0, 0, NULL, "WORD", "plates: a negative control's" },
	{ "plate", C5_OPT_TEXT, offsetof(c5_measure_set, plate), "plate", 0, 0, NULL, "COLUMN",
		"plates: name of the plate; without such a column all is one" },
	{ 0 },
};

static const struct kind { const char *name; c5_measure_kind *run; } kinds[] = {
	{ "tracking", c5_measure_tracking_kind },
	{ "segmentation", c5_measure_segmentation_kind },
	{ "classification", c5_measure_classification_kind },
	{ "maps", c5_measure_maps_kind },
	{ "plates", c5_measure_plates_kind },
};
#define KINDS (sizeof kinds / sizeof *kinds)

int c5_measure_need(const char *kind, const char *name, const char *value, const char *what)
{
	return value ? C5_OK : c5_fail(C5_EUSAGE, "%s: --%s is expected: %s (see --help)", kind, name, what);
}

/* ---- tracking ---- */

static void tell_breach(void *self, const char *line)
{
	(void)self;
	c5_log(C5_LOG_ERROR, "%s", line);
}

int c5_measure_tracking_kind(c5_figures *to, c5_buf *notes, const c5_measure_set *set, const char *file)
{
	c5_breaches breaches = { tell_breach, NULL, 0 };
	c5_tracking t;
	bool used_tra = false;
	int err;
	if ((err = c5_measure_need("tracking", "gt", set->gt, "the folder, or with FILE.h5 the revision, of the truth")) < 0 ||
	    (err = c5_measure_need("tracking", "res", set->res, "the folder, or with FILE.h5 the revision, of the result")) < 0)
		return err;
	err = file ? c5_measure_tracks_in(&t, file, set, &breaches) : c5_ctc_measure(&t, set->gt, set->res, set->seg_from_tra, &breaches, &used_tra);
	if (breaches.n > C5_BREACHES_TOLD) c5_log(C5_LOG_ERROR, "... and %llu more breaches", (unsigned long long)(breaches.n - C5_BREACHES_TOLD));
	if (err < 0) return err;
	if (used_tra && !set->seg_from_tra) c5_log(C5_LOG_INFO, "%s: SEG is measured on the tracking truth: no segmentation truth applies", set->gt);
	c5_text_addf(notes, "\"seg_from_tra\":%s,", used_tra ? "true" : "false");
	c5_tracking_figures(to, &t);
	return C5_OK;
}

/* ---- the answer ---- */

static int answer(const struct kind *kind, const c5_measure_set *set, const c5_figures *figures, const c5_buf *notes)
{
	c5_buf out = { 0 };
	int err = C5_OK;
	if (set->json) {
		c5_text_add(&out, "{\"measure\":");
		c5_text_add_json(&out, kind->name);
		c5_text_add(&out, ",");
		c5_buf_put(&out, notes->data, notes->size);
		c5_text_add(&out, "\"figures\":{");
		err = c5_figures_json(&out, figures);
		c5_text_add(&out, "},\"intervals\":{");
		if (err == C5_OK) err = c5_figures_json_intervals(&out, figures);
		c5_text_add(&out, "}}\n");
	} else {
		err = c5_figures_text(&out, figures, set->explain);
	}
	if (err == C5_OK && (out.err || notes->err)) err = c5_fail(C5_ENOMEM, "out of memory");
	if (err == C5_OK) fwrite(out.data, 1, out.size, stdout);
	c5_buf_free(&out);
	return err;
}

static int unknown_kind(const char *word)
{
	const char *names[KINDS + 1] = { NULL };
	for (size_t i = 0; i < KINDS; i++) names[i] = kinds[i].name;
	const char *near = c5_nearest(word, names);
	return c5_fail(C5_EUSAGE, "%.200s: no kind of measure%s%s%s; there are tracking, segmentation, classification, maps and plates (see --help)", word,
		near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

static int run(int argc, char **argv)
{
	c5_measure_set set = { 0 };
	const c5_opt_group groups[] = { { "Answer", answer_opts, &set }, { "Tracking, segmentation, maps", image_opts, &set },
		{ "Classification, plates", table_opts, &set }, { NULL, NULL, NULL } };
	c5_cli cli;
	c5_figures figures = { 0 };
	c5_buf notes = { 0 };
	const struct kind *kind = NULL;
	int err = c5_cli_open(&cli, &c5_cmd_measure, groups, argc, argv, 1, 2);
	if (err < 0 || cli.helped) goto done;
	for (size_t i = 0; i < KINDS; i++)
		if (!strcmp(cli.words[0], kinds[i].name)) kind = &kinds[i];
	if (!kind) {
		err = unknown_kind(cli.words[0]);
		goto done;
	}
	if ((err = kind->run(&figures, &notes, &set, cli.n > 1 ? cli.words[1] : NULL)) < 0) goto done;
	err = answer(kind, &set, &figures, &notes);
done:
	c5_figures_free(&figures);
	c5_buf_free(&notes);
	c5_cli_close(&cli, groups);
	return err;
}

const c5_command c5_cmd_measure = {
	"measure", C5_LOOK, "tell how well results agree with the truth", "KIND [FILE.h5] [--gt TRUTH --res RESULT | --table CSV]",
	"cyto5 measure tracking --gt 01_GT --res 01_RES --explain\n"
	"cyto5 measure segmentation --gt truth_folder --res result_folder --json\n"
	"cyto5 measure segmentation out.h5 --gt r000001 --res r000002\n"
	"cyto5 measure tracking sim.h5 --gt r000001 --res latest\n"
	"cyto5 measure classification --table scores.csv --group well\n"
	"cyto5 measure maps --gt stain.tif --res predicted.tif\n"
	"cyto5 measure plates --table wells.csv --value score\n",
	run,
};
