/* main.c – finds the command, runs it, prints its error and turns it into the exit status. Nothing else in the program prints
 * errors or exits. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cli/cli.h"

/* Output that never reached its file is a failure, whatever the command thought of it. */
static int flush_results(int err)
{
	if ((fflush(stdout) != 0 || ferror(stdout)) && err == C5_OK) return c5_fail(C5_EIO, "standard output: cannot be written: %s", strerror(errno));
	return err;
}

/* The command a first word stands for; NULL if none. */
static const c5_command *command_for(const char *word)
{
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) return &c5_cmd_help;
	if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) return &c5_cmd_version;
	return c5_command_find(word);
}

static int unknown_word(const char *word)
{
	static const char *const options[] = { "--help", "--version", NULL };
	if (word[0] != '-') return c5_command_unknown(word);
	const char *near = c5_nearest(word, options);
	if (near) return c5_fail(C5_EUSAGE, "%.200s: unknown option; did you mean %s? (see cyto5 --help)", word, near);
	return c5_fail(C5_EUSAGE, "%.200s: a command is expected first, its options behind it (see cyto5 --help)", word);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		c5_cli_contents(stdout);
		return C5_EXIT_USAGE;
	}
	const c5_command *command = command_for(argv[1]);
	int err = command ? command->run(argc - 1, argv + 1) : unknown_word(argv[1]);
	err = flush_results(err);
	/* Ranks agree on what went wrong, or fail alike before they meet: one of them tells it. */
	if (err < 0 && c5_cli_launch_rank() == 0) fprintf(stderr, "cyto5%s%s: %s\n", command ? " " : "", command ? command->name : "", c5_error_last());
	return c5_exit_status(err);
}
