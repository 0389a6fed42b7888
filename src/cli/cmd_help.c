/* cmd_help.c – `cyto5 help [COMMAND [VERB]]`: the contents, or a command's own --help. */
#include "base/error.h"
#include "cli/cli.h"

static int run(int argc, char **argv)
{
	c5_cli cli;
	int err = c5_cli_open(&cli, &c5_cmd_help, NULL, argc, argv, 0, 2);
	if (err < 0 || cli.helped) goto done;
	if (cli.n == 0) {
		c5_cli_contents(stdout);
	} else {
		const c5_command *command = c5_command_find(cli.words[0]);
		char *line[] = { cli.words[0], cli.n > 1 ? cli.words[1] : "--help", "--help", NULL };
		err = command ? command->run(cli.n + 1, line) : c5_command_unknown(cli.words[0]);
	}
done:
	c5_cli_close(&cli, NULL);
	return err;
}

const c5_command c5_cmd_help = {
	"help", C5_ABOUT, "tell a command's options and show examples", "[COMMAND [VERB]]",
	"cyto5 help\n"
	"cyto5 help version\n"
	"cyto5 help stain predict\n",
	run,
};
