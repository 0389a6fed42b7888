/* commands.c – the table of subcommands, in the order of `cyto5 --help`; see cli.h for how to add one. */
#include <string.h>

#include "base/error.h"
#include "cli/cli.h"

const c5_command *const c5_commands[] = {
	/* take in */
	&c5_cmd_ingest,
	&c5_cmd_simulate,
	&c5_cmd_import,
	/* make */
	&c5_cmd_run,
	&c5_cmd_drift,
	&c5_cmd_segment,
	&c5_cmd_objects,
	&c5_cmd_crop,
	&c5_cmd_track, &c5_cmd_stain,
	/* learn */
	&c5_cmd_train,
	&c5_cmd_model,
	&c5_cmd_search,
	&c5_cmd_validate,
	&c5_cmd_score,
	&c5_cmd_explain,
	/* look */
	&c5_cmd_show,
	&c5_cmd_log,
	&c5_cmd_diff,
	&c5_cmd_digest,
	&c5_cmd_schema,
	&c5_cmd_preview,
	&c5_cmd_identify,
	&c5_cmd_export,
	&c5_cmd_measure,
	&c5_cmd_lineage,
	&c5_cmd_screen,
	&c5_cmd_compare,
	/* look after */
	&c5_cmd_check,
	&c5_cmd_recover,
	&c5_cmd_compact,
	&c5_cmd_migrate,
	/* about */
	&c5_cmd_help,
	&c5_cmd_version,
	NULL,
};

#define COMMANDS ((int)(sizeof c5_commands / sizeof *c5_commands))

const c5_command *c5_command_find(const char *name)
{
	for (int i = 0; c5_commands[i]; i++)
		if (strcmp(c5_commands[i]->name, name) == 0) return c5_commands[i];
	return NULL;
}

int c5_command_unknown(const char *name)
{
	const char *names[COMMANDS] = { NULL };
	for (int i = 0; c5_commands[i]; i++) names[i] = c5_commands[i]->name;
	const char *near = c5_nearest(name, names);
	return c5_fail(C5_EUSAGE, "%.200s: unknown command%s%s%s (see cyto5 --help)", name, near ? "; did you mean " : "", near ? near : "",
		near ? "?" : "");
}
