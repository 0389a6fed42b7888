/* cmd_segment.c – `cyto5 segment`: the step segment of the pipeline, by itself. */
#include "cli/job.h"

static int run(int argc, char **argv) { return c5_cli_step(&c5_cmd_segment, "segment", argc, argv, false); }

const c5_command c5_cmd_segment = {
	"segment", C5_MAKE, "outline the cells of every frame: masks", "FILE.h5",
	"cyto5 segment out.h5 --method deviation --min-area 200\n",
	run,
};
