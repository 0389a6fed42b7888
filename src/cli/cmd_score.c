/* cmd_score.c – `cyto5 score`: the step score of the pipeline, by itself. */
#include "cli/job.h"

static int run(int argc, char **argv) { return c5_cli_step(&c5_cmd_score, "score", argc, argv, false); }

const c5_command c5_cmd_score = {
	"score", C5_LEARN, "give every cell, track, well and condition the score of a trained model", "FILE.h5 --model NAME",
	"cyto5 score plate.h5 --model senescence\n"
	"cyto5 score new.h5 --model trained.h5:senescence --negative-controls DMSO\n"
	"cyto5 score plate.h5 --model 'senescence-*'\n",
	run,
};
