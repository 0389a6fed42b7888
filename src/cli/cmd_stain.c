/* cmd_stain.c – `cyto5 stain VERB`: virtual staining. Here: the choice of verb, prediction (a step of the pipeline), and what verbs share. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cli/job.h"
#include "cli/stain.h"

static int predict(int argc, char **argv) { return c5_cli_step(&c5_cmd_stain_predict, "stain", argc, argv, false); }

const c5_command c5_cmd_stain_predict = {
	"stain predict", C5_MAKE, "predict markers from label-free frames: stain maps", "FILE.h5 --model NAME",
	"cyto5 stain predict out.h5 --model dapi\n"
	"mpirun -n 4 cyto5 stain predict new.h5 --model trained.h5:nkx25 --stride 4\n",
	predict,
};

static const c5_command *const verbs[] = { &c5_cmd_stain_train, &c5_cmd_stain_predict, &c5_cmd_stain_show, &c5_cmd_stain_evaluate,
	&c5_cmd_stain_forecast, NULL };

int c5_stain_region(c5_rect *out, const char *text, size_t height, size_t width)
{
	size_t *edges[2][2] = { { &out->x0, &out->x1 }, { &out->y0, &out->y1 } }, most[2] = { width, height };
	*out = (c5_rect){ 0, 0, height, width };
	for (int axis = 0; text && *text; axis++) {
		char *end;
		unsigned long long from = strtoull(text, &end, 10), to = *end == ':' ? strtoull(end + 1, &end, 10) : from;
		if (*end != ':' && to == from && end != text) from = 0; /* one number: up to there */
		if (axis == 2 || end == text || (*end && *end != ',') || from >= to || to > most[axis])
			return c5_fail(C5_EUSAGE, "region '%s': X0:X1 or X0:X1,Y0:Y1 within %zu x %zu px is expected", text, width, height);
		*edges[axis][0] = from, *edges[axis][1] = to;
		text = *end == ',' ? end + 1 : end;
	}
	return C5_OK;
}

static int run(int argc, char **argv) { return c5_cli_verbs(&c5_cmd_stain, verbs, "train, predict, show, evaluate or forecast", argc, argv); }

const c5_command c5_cmd_stain = {
	"stain", C5_MAKE, "fluorescence from label-free frames: train, predict, show, evaluate, forecast", "VERB FILE.h5 [--option VALUE]",
	"cyto5 stain train out.h5 --marker dapi        # each verb has a --help of its own\n"
	"cyto5 stain predict new.h5 --model out.h5:dapi\n"
	"cyto5 stain show new.h5 --out looks           # efficiency over time, pictures\n"
	"cyto5 stain evaluate out.h5 --json\n"
	"cyto5 stain forecast course.h5 --marker gfp --out forecast\n",
	run,
};
