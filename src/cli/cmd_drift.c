/* cmd_drift.c – `cyto5 drift`: the step drift of the pipeline, by itself. */
#include "cli/job.h"

static int run(int argc, char **argv) { return c5_cli_step(&c5_cmd_drift, "drift", argc, argv, false); }

const c5_command c5_cmd_drift = {
	"drift", C5_MAKE, "measure how far the picture moves from frame to frame; track uses it", "FILE.h5",
	"cyto5 drift out.h5\n"
	"cyto5 drift out.h5 --channel phase --blur 3 && cyto5 track out.h5\n",
	run,
};
