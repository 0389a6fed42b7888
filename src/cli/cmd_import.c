/* cmd_import.c – `cyto5 import FILE.h5 EXPERIMENT PATH`: the steps import and objects of the pipeline for one experiment, and what changed. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/job.h"
#include "container/experiment.h"
#include "container/run.h"
#include "formats/curated.h"
#include "pipeline/steps.h"

typedef struct import { bool objects; } import;

static const c5_opt import_opts[] = {
	{ "objects", C5_OPT_BOOL, offsetof(import, objects), "true", 0, 0, NULL, NULL, "measure the new masks as well" },
	{ 0 },
};

/* The name as a pattern that matches nothing else. */
static char *as_pattern(const char *name)
{
	c5_buf b = { 0 };
	for (; *name; name++) {
		if (strchr("*?[]\\", *name)) c5_text_add(&b, "\\");
		c5_buf_put(&b, name, 1);
	}
	return c5_text_take(&b);
}

static int tell_changes(const char *container, const char *experiment)
{
	c5_file *f = NULL;
	char *path = NULL, *summary = NULL;
	uint32_t number = 0;
	int err = c5_file_open(&f, container, C5_READ, NULL);
	if (err == C5_OK) err = c5_revision_latest(f, experiment, "changes", &number);
	if (err == C5_OK && !(path = c5_format("/experiments/%s/changes/%s", experiment, c5_revision_name(number))))
		err = c5_fail(C5_ENOMEM, "out of memory");
	if (err == C5_OK) err = c5_attr_get_str(f, path, "summary", &summary);
	if (err == C5_OK) printf("%s %s: %s\n", experiment, c5_revision_name(number), summary);
	free(summary);
	free(path);
	c5_file_close(f);
	return err;
}

static int run(int argc, char **argv)
{
	import set = { 0 };
	c5_job_settings job = { 0 };
	c5_pipeline pipeline;
	c5_step *added = NULL, *objects = NULL;
	c5_cli cli = { 0 };
	c5_opt_group groups[] = { { "Settings", c5_curated_opts, NULL }, { "Run", import_opts, &set }, { NULL, NULL, NULL } };
	if (argc > 1 && strcmp(argv[1], "crops") == 0) return c5_cmd_import_crops.run(argc - 1, argv + 1); /* a container has an ending */
	int err = c5_pipeline_init(&pipeline);
	if (err < 0 || (err = c5_pipeline_add(&pipeline, c5_step_import.kind, &added)) < 0) goto done;
	groups[0].settings = added->params;
	c5_opt_clear(c5_curated_opts, added->params); /* the parser sets the defaults anew */
	err = c5_cli_open(&cli, &c5_cmd_import, groups, argc, argv, 3, 3);
	if (err == C5_OK && !cli.helped) {
		c5_curated_params *p = added->params;
		const char *inputs[] = { cli.words[2], NULL };
		free(p->path);
		p->path = realpath(cli.words[2], NULL);
		if (!p->path) err = c5_fail(C5_ENOTFOUND, "%s: no such file or folder", cli.words[2]);
		if (err == C5_OK && !(job.experiments = as_pattern(cli.words[1]))) err = C5_ENOMEM;
		if (err == C5_OK && set.objects) err = c5_pipeline_add(&pipeline, c5_step_objects.kind, &objects);
		if (err == C5_OK) err = c5_cli_job(&cli, &c5_cmd_import, argc, argv, &pipeline, &job, cli.words[0], inputs);
		if (err == C5_OK && c5_cli_launch_rank() == 0) err = tell_changes(cli.words[0], cli.words[1]);
	}
	free(job.experiments);
	c5_cli_close(&cli, groups);
done:
	c5_pipeline_free(&pipeline);
	return err;
}

const c5_command c5_cmd_import = {
	"import", C5_TAKE_IN, "take back masks and tracks that were corrected elsewhere", "FILE.h5 EXPERIMENT PATH",
	"cyto5 import out.h5 plate1_A01 a01-corrected.trk\n"
	"cyto5 import out.h5 plate1_A01 01_RES --note 'corrected by hand, 3 May'\n"
	"cyto5 import out.h5 plate1_A01 masks.tif\n"
	"cyto5 import crops cells.h5 training/\n",
	run,
};
