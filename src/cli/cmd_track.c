/* cmd_track.c – `cyto5 track`: the step track of the pipeline, by itself. */
#include "cli/job.h"

static int run(int argc, char **argv) { return c5_cli_step(&c5_cmd_track, "track", argc, argv, false); }

const c5_command c5_cmd_track = {
	"track", C5_MAKE, "follow cells through time and find their divisions", "FILE.h5",
	"cyto5 track out.h5\n"
	"mpirun -n 4 cyto5 track plate.h5 --gap 2 --experiments 'plate1_*'\n",
	run,
};
