/* cmd_ingest.c – `cyto5 ingest`: the step ingest of the pipeline, by itself. */
#include "cli/job.h"

static int run(int argc, char **argv) { return c5_cli_step(&c5_cmd_ingest, "ingest", argc, argv, true); }

const c5_command c5_cmd_ingest = {
	"ingest", C5_TAKE_IN, "take microscopy files into a container", "OUT.h5 [INPUT ...]",
	"cyto5 ingest out.h5 movie.ome.tif\n"
	"cyto5 ingest out.h5 scans/ --pattern '{well}_{position}_{channel}_t{frame}.tif' --pixel-size 0.65\n"
	"mpirun -n 4 cyto5 ingest plate.h5 --sheet samples.csv\n",
	run,
};
