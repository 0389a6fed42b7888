/* cmd_crop.c – `cyto5 crop`: the step crop of the pipeline, by itself. */
#include "cli/job.h"

static int run(int argc, char **argv) { return c5_cli_step(&c5_cmd_crop, "crop", argc, argv, false); }

const c5_command c5_cmd_crop = {
	"crop", C5_MAKE, "cut a small image around every cell", "FILE.h5",
	"cyto5 crop out.h5 --size 64 --masked\n",
	run,
};
