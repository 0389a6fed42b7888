/* cmd_digest.c – `cyto5 digest FILE [PATH]`: SHA-256 of what each dataset holds, one a line, as sha256sum prints it. */
#include <stdio.h>

#include "base/error.h"
#include "cli/cli.h"
#include "container/digest.h"

static int print(void *to, const char *path, const char *hex)
{
	(void)to;
	printf("%s  %s\n", hex, path);
	return C5_OK;
}

static int run(int argc, char **argv)
{
	c5_file *f = NULL;
	c5_cli cli;
	int err = c5_cli_open(&cli, &c5_cmd_digest, NULL, argc, argv, 1, 2);
	if (err < 0 || cli.helped) goto done;
	if ((err = c5_file_open(&f, cli.words[0], C5_READ, NULL)) < 0) goto done;
	err = c5_digest(f, cli.n > 1 ? cli.words[1] : NULL, print, NULL);
done:
	c5_file_close(f);
	c5_cli_close(&cli, NULL);
	return err;
}

const c5_command c5_cmd_digest = {
	"digest", C5_LOOK, "print the SHA-256 of what each dataset holds", "FILE [PATH]",
	"cyto5 digest plate.h5\n"
	"cyto5 digest plate.h5 /experiments/A01/masks\n",
	run,
};
