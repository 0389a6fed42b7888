/* cli.h – the subcommands, and what they share.
 *
 * To add one: write src/cli/cmd_NAME.c with its option table, its run function and
 *     const c5_command c5_cmd_NAME = { "name", C5_MAKE, "what it does in one line", "FILE [--option VALUE]", "examples", run };
 * declare it below, and name it in the table in src/cli/commands.c, which is also the order of --help. A run function reads
 *
 *     static int run(int argc, char **argv)
 *     {
 *         struct crop set = { 0 };
 *         const c5_opt_group groups[] = { { "Crops", crop_opts, &set }, { NULL, NULL, NULL } };
 *         c5_cli cli;
 *         int err = c5_cli_open(&cli, &c5_cmd_crop, groups, argc, argv, 1, 1);
 *         if (err < 0 || cli.helped) goto done;
 *         ...  cli.words[0] is the one operand ...
 *     done:
 *         c5_cli_close(&cli, groups);
 *         return err;
 *     }
 *
 * It returns a code with the text in c5_error_last(); main() alone prints the error and exits. Results go to stdout, all else
 * through base/log.h to stderr. */
#ifndef C5_CLI_CLI_H
#define C5_CLI_CLI_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/options.h"

/* The chapters of --help, in their order. */
enum c5_chapter { C5_TAKE_IN, C5_MAKE, C5_LEARN, C5_LOOK, C5_LOOK_AFTER, C5_ABOUT, C5_CHAPTERS };

typedef struct c5_command {
	const char *name;
	int chapter;          /* enum c5_chapter */
	const char *summary;  /* one line for `cyto5 --help`, lower case */
	const char *usage;    /* operands and options behind the name: "FILE.h5 [EXPERIMENT ...]" */
	const char *examples; /* "cyto5 ..." lines, each ended by a newline; NULL if none */
	int (*run)(int argc, char **argv); /* argv[0] is the command's name */
} c5_command;

extern const c5_command *const c5_commands[]; /* ends with NULL */
extern const c5_command c5_cmd_help;
extern const c5_command c5_cmd_version;
extern const c5_command c5_cmd_measure;
extern const c5_command c5_cmd_validate, c5_cmd_score, c5_cmd_screen, c5_cmd_explain;
extern const c5_command c5_cmd_ingest, c5_cmd_run, c5_cmd_segment, c5_cmd_objects, c5_cmd_crop, c5_cmd_preview, c5_cmd_simulate, c5_cmd_drift,
	c5_cmd_track, c5_cmd_lineage, c5_cmd_compare, c5_cmd_stain;
extern const c5_command c5_cmd_model;
extern const c5_command c5_cmd_export, c5_cmd_import;
extern const c5_command c5_cmd_train, c5_cmd_import_crops;
extern const c5_command c5_cmd_search;
extern const c5_command c5_cmd_identify;
extern const c5_command c5_cmd_show, c5_cmd_log, c5_cmd_schema, c5_cmd_check, c5_cmd_diff, c5_cmd_digest, c5_cmd_recover, c5_cmd_compact,
	c5_cmd_migrate;

const c5_command *c5_command_find(const char *name);
/* C5_EUSAGE with the nearest command's name. */
int c5_command_unknown(const char *name);

/* ---- what every command shares ---- */

typedef struct c5_cli_common { bool quiet, verbose; char *json; int64_t threads; } c5_cli_common;
extern const c5_opt c5_cli_common_opts[];

typedef struct c5_cli {
	c5_cli_common common;
	int n;               /* operands */
	char **words;
	bool helped;         /* --help was asked for and printed: nothing is left to do */
} c5_cli;

/* Sets the defaults of all groups (settings zeroed by the caller) and of the common options, parses the line, prints the help if asked
 * for, checks the number of operands (`most` < 0: any), starts the log and sets the threads. `groups` may be NULL.
 * c5_cli_close is due in any case. */
int c5_cli_open(c5_cli *cli, const c5_command *command, const c5_opt_group *groups, int argc, char **argv, int least, int most);
/* For a command that is a list of others ("model show"): does the one whose verb is argv[1]; else --help, or C5_EUSAGE, which names them (`listed`,
 * as they are read) and the nearest. verbs end with NULL. */
int c5_cli_verbs(const c5_command *command, const c5_command *const *verbs, const char *listed, int argc, char **argv);
/* Starts the log again when the rank is known. */
int c5_cli_log(const c5_cli *cli, int rank, int ranks);
/* Releases the settings of all groups and closes the log. */
void c5_cli_close(c5_cli *cli, const c5_opt_group *groups);

/* The rank the MPI launcher gave this process, before MPI is started; 0 without a launcher. So that a help text or a refused command
 * line is told once, not once a rank. */
int c5_cli_launch_rank(void);

/* `cyto5 --help`, and `cyto5 COMMAND --help`. */
void c5_cli_contents(FILE *to);
void c5_cli_manual(FILE *to, const c5_command *command, const c5_opt_group *groups);

/* Asks the libraries for the versions that are loaded, for `cyto5 --version` and the run record. */
void c5_cli_versions(void);

#endif
