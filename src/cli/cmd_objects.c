/* cmd_objects.c – `cyto5 objects`: the step objects of the pipeline, by itself. */
#include "cli/job.h"

static int run(int argc, char **argv) { return c5_cli_step(&c5_cmd_objects, "objects", argc, argv, false); }

const c5_command c5_cmd_objects = {
	"objects", C5_MAKE, "measure every outlined cell: a table", "FILE.h5",
	"cyto5 objects out.h5\n",
	run,
};
