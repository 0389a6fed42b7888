/* cmd_version.c – `cyto5 version`, the same as `cyto5 --version`: program, commit and libraries, one a line. */
#include "base/error.h"
#include "base/version.h"
#include "cli/cli.h"

void c5_cli_versions(void)
{
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
