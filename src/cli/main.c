/* main.c – finds the command, runs it, prints its error and turns it into the exit status. Nothing else in the program prints
 * errors or exits. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/cli.h"
#include "mpi/comm.h"

enum { LAST_WORD_S = 10 }; /* what rank 0 has to tell its line, on a machine that is busy */

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

static volatile sig_atomic_t status_now;

static void leave(int signal)
{
	(void)signal;
	_exit(status_now);
}

/* Ranks agree on what went wrong, or fail alike before they meet: rank 0 tells it. The first rank to leave with an error has the launcher
 * end all others, so the others let rank 0 go first, and go when the launcher says so. A launcher that waits for each rank gets them a
 * little later. A rank that fails alone before they meet, on a host that lacks a file, tells that itself once rank 0 has not. */
static void tell(const c5_command *command, int rank, int err)
{
	if (rank == 0) {
		fprintf(stderr, "cyto5%s%s: %s\n", command ? " " : "", command ? command->name : "", c5_error_last());
		return;
	}
	struct timespec left = { .tv_sec = LAST_WORD_S };
	status_now = c5_exit_status(err);
	signal(SIGTERM, leave);
	while (nanosleep(&left, &left) != 0 && errno == EINTR) continue;
	if (!c5_comm_met() && err != C5_EUSAGE)
		fprintf(stderr, "cyto5 rank %d: %s%s%s\n", rank, command ? command->name : "", command ? ": " : "", c5_error_last());
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		c5_cli_contents(stdout);
		return C5_EXIT_USAGE;
	}
	signal(SIGXFSZ, SIG_IGN); /* a limit on the size of files is an error of writing, told like a full disk */
	const c5_command *command = command_for(argv[1]);
	int err = command ? command->run(argc - 1, argv + 1) : unknown_word(argv[1]);
	err = flush_results(err);
	if (err < 0) tell(command, c5_cli_launch_rank(), err);
	return c5_exit_status(err);
}
