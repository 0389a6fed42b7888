/* cmd_version.c – `cyto5 version`, the same as `cyto5 --version`: program, commit and libraries, one a line. */
#include "base/error.h"
#include "base/version.h"
#include "cli/cli.h"
#include "container/version.h"
#include "formats/export.h"
#include "hyperopt/version.h"
#include "image/version.h"
#include "mpi/version.h"
#include "nn/version.h"

void c5_cli_versions(void)
{
	c5_container_versions();
	c5_mpi_versions();
	c5_image_versions();
	c5_formats_versions();
	c5_nn_versions();
	c5_hyperopt_versions();
}

static int run(int argc, char **argv)
{
	c5_cli cli;
	int err = c5_cli_open(&cli, &c5_cmd_version, NULL, argc, argv, 0, 0);
	if (err < 0 || cli.helped) goto done;
	c5_cli_versions();
	c5_version_print(stdout);
done:
	c5_cli_close(&cli, NULL);
	return err;
}

const c5_command c5_cmd_version = {
	"version", C5_ABOUT, "tell version, commit and libraries", "", "cyto5 --version\n", run,
};
