/* cmd_diff.c – `cyto5 diff A B`: what differs in content between two containers. Exit status 0: nothing, 1: something. */
#include <stdio.h>

#include "base/error.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/print.h"
#include "container/diff.h"

struct diff { bool json; char *experiments; };
static const c5_opt diff_opts[] = {
	{ "experiments", C5_OPT_TEXT, offsetof(struct diff, experiments), NULL, 0, 0, NULL, "GLOB",
		"only experiments of these names, and nothing beside them" },
	{ "json", C5_OPT_BOOL, offsetof(struct diff, json), NULL, 0, 0, NULL, NULL, "answer in JSON" },
	{ 0 },
};

static void tell(void *to, const char *path, const char *text)
{
	c5_buf *json = to;
	if (json) {
		c5_json_key(json, NULL);
		c5_text_add(json, "{");
		c5_json_str(json, "path", path);
		c5_json_str(json, "text", text);
		c5_text_add(json, "}");
	} else printf("%s: %s\n", path, text);
}

static int run(int argc, char **argv)
{
	struct diff set = { 0 };
	const c5_opt_group groups[] = { { "Comparing", diff_opts, &set }, { NULL, NULL, NULL } };
	c5_file *a = NULL, *b = NULL;
	c5_buf json = { 0 };
	uint64_t n = 0;
	char count[C5_COUNTED_TEXT];
	c5_cli cli;
	int err = c5_cli_open(&cli, &c5_cmd_diff, groups, argc, argv, 2, 2);
	if (err < 0 || cli.helped) goto done;
	if ((err = c5_file_open(&a, cli.words[0], C5_READ, NULL)) < 0 || (err = c5_file_open(&b, cli.words[1], C5_READ, NULL)) < 0) goto done;
	if (set.json) c5_text_add(&json, "[");
	err = c5_diff(a, b, set.experiments, tell, set.json ? &json : NULL, &n);
	if (err == C5_OK && set.json) {
		c5_text_add(&json, "]");
		err = c5_json_print(&json);
	}
	if (err == C5_OK && n)
		err = c5_fail(C5_EFAIL, "%s and %s differ: %s", cli.words[0], cli.words[1], c5_counted(count, n, "difference", "differences"));
done:
	c5_buf_free(&json);
	c5_file_close(a);
	c5_file_close(b);
	c5_cli_close(&cli, groups);
	return err;
}

const c5_command c5_cmd_diff = {
	"diff", C5_LOOK, "compare the content of two containers (exit status 1: they differ)", "A B [--experiments GLOB] [--json]",
	"cyto5 diff one-rank.h5 four-ranks.h5\n"
	"cyto5 diff old.h5 new.h5 --experiments 'A0*'\n",
	run,
};
