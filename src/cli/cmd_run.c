/* cmd_run.c – `cyto5 run PIPELINE.yml OUT.h5 [INPUT ...]`: the main job. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "cli/job.h"
#include "pipeline/steps.h"

static int run(int argc, char **argv)
{
	c5_job_settings set = { 0 };
	c5_pipeline pipeline = { 0 };
	const c5_opt_group groups[] = { { "Run", c5_job_opts, &set }, { NULL, NULL, NULL } };
	const char **given = NULL;
	c5_cli cli;
	int err = c5_cli_open(&cli, &c5_cmd_run, groups, argc, argv, 1, -1);
	if (err < 0 || cli.helped) goto done;
	if ((err = c5_pipeline_read(&pipeline, cli.words[0], c5_step_kinds)) < 0) goto done;
	const char *container = cli.n > 1 ? cli.words[1] : pipeline.container;
	if (!container) {
		err = c5_fail(C5_EUSAGE, "no container: name it behind %s, or as `container:` in it", cli.words[0]);
		goto done;
	}
	if ((err = c5_alloc(&given, (size_t)cli.n + 1, sizeof *given)) < 0) goto done;
	for (int i = 2; i < cli.n; i++) given[i - 2] = cli.words[i];
	err = c5_cli_job(&cli, &c5_cmd_run, argc, argv, &pipeline, &set, container, cli.n > 2 ? given : (const char *const *)pipeline.inputs);
done:
	free(given);
	c5_pipeline_free(&pipeline);
	c5_cli_close(&cli, groups);
	return err;
}

const c5_command c5_cmd_run = {
	"run", C5_MAKE, "run a pipeline: take in, segment, measure, crop", "PIPELINE.yml [OUT.h5 [INPUT ...]]",
	"cyto5 run jobs/local/demo.yml out.h5 movies/\n"
	"mpirun -n 8 cyto5 run plate.yml plate.h5 --resume\n"
	"cyto5 run plate.yml plate.h5 --experiments 'A0*' --dry-run\n",
	run,
};
