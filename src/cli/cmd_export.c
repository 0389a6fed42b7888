/* cmd_export.c – `cyto5 export`: a container's frames, masks, tracks and tables as the files of other programs. */
#include "base/error.h"
#include "base/signal.h"
#include "cli/cli.h"
#include "container/file.h"
#include "formats/export.h"

static int run(int argc, char **argv)
{
	c5_export_params set = { 0 };
	const c5_opt_group groups[] = { { "Export", c5_export_opts, &set }, { NULL, NULL, NULL } };
	c5_cli cli;
	c5_file *f = NULL;
	int err = c5_cli_open(&cli, &c5_cmd_export, groups, argc, argv, 1, 1);
	if (err < 0 || cli.helped) goto done;
	if ((err = c5_stop_listen()) < 0 || (err = c5_file_open(&f, cli.words[0], C5_READ, NULL)) < 0) goto done;
	if ((err = c5_export_run(f, &set)) == C5_OK) printf("%s\n", set.out);
done:
	c5_file_close(f);
	c5_cli_close(&cli, groups);
	return err;
}

const c5_command c5_cmd_export = {
	"export", C5_LOOK, "write masks, tracks, frames and tables as the files of other programs, or notebooks", "FILE.h5 --as FORMAT --out PATH",
	"cyto5 export out.h5 --as ctc --out ctc/ --raw\n"
	"cyto5 export out.h5 --as trk --experiments plate1_A01 --out a01.trk\n"
	"cyto5 export out.h5 --as csv --table objects --units --out objects.csv\n"
	"cyto5 export out.h5 --as ome-tiff --what masks --out masks/\n"
	"cyto5 export out.h5 --as notebooks --out notebooks/\n",
	run,
};
