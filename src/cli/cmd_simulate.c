/* cmd_simulate.c – `cyto5 simulate`: the step simulate of the pipeline, by itself. */
#include "cli/job.h"

static int run(int argc, char **argv) { return c5_cli_step(&c5_cmd_simulate, "simulate", argc, argv, false); }

const c5_command c5_cmd_simulate = {
	"simulate", C5_TAKE_IN, "make movies of cells with everything known about them", "OUT.h5",
	"cyto5 simulate sim.h5 --frames 60 --cells 80\n"
	"cyto5 simulate sim.h5 --fields 6 --plates 3 --conditions control=0,treated=0.6\n"
	"cyto5 simulate sim.h5 --channels phase,marker --fields 24 --efficiency-from 0 --efficiency-to 0.8\n",
	run,
};
