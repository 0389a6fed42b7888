/* cli.c – what all subcommands share: the common options, the start and end of a command, and its help; see cli.h. */
#include "cli/cli.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/threads.h"

const c5_opt c5_cli_common_opts[] = {
	{ "json", C5_OPT_TEXT, offsetof(c5_cli_common, json), NULL, 0, 0, NULL, "FILE",
		"append every event to FILE, one JSON object a line; - is standard output" },
	{ "quiet", C5_OPT_BOOL, offsetof(c5_cli_common, quiet), NULL, 0, 0, NULL, NULL, "say nothing but warnings and errors" },
	{ "verbose", C5_OPT_BOOL, offsetof(c5_cli_common, verbose), NULL, 0, 0, NULL, NULL, "say more" },
	{ "threads", C5_OPT_INT, offsetof(c5_cli_common, threads), "0", 0, 4096, NULL, NULL,
		"threads of this process; 0 takes OMP_NUM_THREADS or its share of the cores" },
	{ 0 },
};

/* The command's groups and the common one behind them. Caller frees. */
static c5_opt_group *with_common(const c5_opt_group *groups, c5_cli_common *common)
{
	size_t n = 0;
	c5_opt_group *all = NULL;
	while (groups && groups[n].table) n++;
	if (c5_alloc(&all, n + 2, sizeof *all) < 0) return NULL;
	if (n) memcpy(all, groups, n * sizeof *all);
	/* A command that answers in JSON has a --json of its own, which is no file: the common one, first in its table, is left out. */
	bool own_json = false;
	for (size_t i = 0; i < n; i++) own_json = own_json || c5_opt_find(all[i].table, "json");
	all[n] = (c5_opt_group){ "Common options", c5_cli_common_opts + own_json, common };
	return all;
}

static int check_operands(const c5_command *command, int n, int least, int most)
{
	if (n >= least && (most < 0 || n <= most)) return C5_OK;
	char want[64];
	if (most < 0) snprintf(want, sizeof want, "%d or more operands are", least);
	else if (most == 0) snprintf(want, sizeof want, "no operand is");
	else if (least != most) snprintf(want, sizeof want, "%d to %d operands are", least, most);
	else snprintf(want, sizeof want, least == 1 ? "%d operand is" : "%d operands are", least);
	return c5_fail(C5_EUSAGE, "%s expected, found %d; usage: cyto5 %s%s%s (see --help)", want, n, command->name, command->usage[0] ? " " : "",
	               command->usage);
}

int c5_cli_open(c5_cli *cli, const c5_command *command, const c5_opt_group *groups, int argc, char **argv, int least, int most)
{
	int err = C5_OK;
	memset(cli, 0, sizeof *cli);
	c5_opt_group *all = with_common(groups, &cli->common);
	if (!all) return C5_ENOMEM;
	for (c5_opt_group *g = all; g->table; g++)
		if ((err = c5_opt_defaults(g->table, g->settings)) < 0) goto done;
	if ((err = c5_opt_parse(all, argc, argv, &cli->n, &cli->words, &cli->helped)) < 0) goto done;
	if (cli->helped) {
		if (c5_cli_launch_rank() == 0) c5_cli_manual(stdout, command, groups);
		goto done;
	}
	if (cli->common.quiet && cli->common.verbose) err = c5_fail(C5_EUSAGE, "--quiet: cannot go with --verbose; give one of them");
	if (err == C5_OK) err = check_operands(command, cli->n, least, most);
	if (err == C5_OK) err = c5_threads_set(cli->common.threads);
	if (err == C5_OK) err = c5_cli_log(cli, 0, 1);
done:
	free(all);
	return err;
}

#define VERBS_MOST 15

int c5_cli_verbs(const c5_command *command, const c5_command *const *verbs, const char *listed, int argc, char **argv)
{
	const char *words[VERBS_MOST + 1] = { NULL };
	c5_cli cli;
	for (size_t i = 0; verbs[i] && i < VERBS_MOST; i++) {
		words[i] = strchr(verbs[i]->name, ' ') + 1;
		if (argc > 1 && !strcmp(argv[1], words[i])) return verbs[i]->run(argc - 1, argv + 1);
	}
	int err = c5_cli_open(&cli, command, NULL, argc, argv, 1, -1); /* --help, and what is no option of any verb */
	if (err == C5_OK && !cli.helped) {
		const char *near = c5_nearest(cli.words[0], words);
		err = c5_fail(C5_EUSAGE, "%.60s: no such verb%s%s%s; %s is expected first (see --help)", cli.words[0], near ? "; did you mean " : "",
			near ? near : "", near ? "?" : "", listed);
	}
	c5_cli_close(&cli, NULL);
	return err;
}

int c5_cli_log(const c5_cli *cli, int rank, int ranks)
{
	const c5_log_setup setup = { cli->common.quiet, cli->common.verbose, cli->common.json, rank, ranks };
	return c5_log_init(&setup);
}

void c5_cli_close(c5_cli *cli, const c5_opt_group *groups)
{
	for (; groups && groups->table; groups++) c5_opt_clear(groups->table, groups->settings);
	c5_opt_clear(c5_cli_common_opts, &cli->common);
	free(cli->words);
	cli->words = NULL;
	cli->n = 0;
	c5_log_close();
}

int c5_cli_launch_rank(void)
{
	static const char *const names[] = { "OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK" };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *rank = getenv(names[i]);
		if (rank && *rank) return atoi(rank);
	}
	return 0;
}

void c5_cli_contents(FILE *to)
{
	static const char *const titles[C5_CHAPTERS] = { "Take in", "Make", "Learn", "Look", "Look after", "About" };
	int width = 0;
	fputs("cyto5 takes label-free live-cell microscopy from TIFF to answers, all in one versioned HDF5 file.\n\n"
	      "usage: cyto5 COMMAND [OPERAND ...] [--option VALUE ...]\n", to);
	for (int i = 0; c5_commands[i]; i++)
		if ((int)strlen(c5_commands[i]->name) > width) width = (int)strlen(c5_commands[i]->name);
	for (int chapter = 0; chapter < C5_CHAPTERS; chapter++) {
		bool titled = false;
		for (int i = 0; c5_commands[i]; i++) {
			if (c5_commands[i]->chapter != chapter) continue;
			if (!titled) fprintf(to, "\n%s\n", titles[chapter]);
			titled = true;
			fprintf(to, "  %-*s  %s\n", width, c5_commands[i]->name, c5_commands[i]->summary);
		}
	}
	fputs("\n`cyto5 help COMMAND` tells a command's options and shows examples.\n"
	      "Results go to standard output; messages and progress go to standard error (NO_COLOR is respected).\n\n"
	      "Exit status\n"
	      "   0  all is done\n"
	      "   1  failure: of the machine, a library or the program\n"
	      "   2  the command line or a configuration is wrong\n"
	      "   3  an input is wrong: missing, damaged, or of an unknown kind\n"
	      "   4  partial: the work is done, but some experiments failed and are recorded as failed\n"
	      "  75  stopped by a signal with everything committed: go on with --resume\n", to);
}

void c5_cli_manual(FILE *to, const c5_command *command, const c5_opt_group *groups)
{
	c5_cli_common common = { 0 };
	fprintf(to, "cyto5 %s: %s\n\nusage: cyto5 %s%s%s\n\n", command->name, command->summary, command->name, command->usage[0] ? " " : "", command->usage);
	c5_opt_group *all = with_common(groups, &common);
	if (all) c5_opt_help(to, all);
	free(all);
	if (!command->examples) return;
	fputs("\nExamples:\n", to);
	for (const char *line = command->examples; *line;) {
		int n = (int)strcspn(line, "\n");
		fprintf(to, "  %.*s\n", n, line);
		line += n + (line[n] == '\n');
	}
}
