/* cmd_compact.c – `cyto5 compact FILE`: writes a container anew without old revisions, and says what that gained. */
#include <stdio.h>

#include "base/error.h"
#include "cli/cli.h"
#include "cli/print.h"
#include "container/compact.h"

struct compact { bool dry_run; };
static const c5_opt compact_opts[] = {
	{ "dry-run", C5_OPT_BOOL, offsetof(struct compact, dry_run), NULL, 0, 0, NULL, NULL, "only say what would go" },
	{ 0 },
};

static void tell(void *to, const char *path, uint64_t bytes)
{
	char size[C5_SIZE_TEXT];
	printf("%s  %s  %s\n", (const char *)to, path, c5_size_text(size, bytes));
}

static int run(int argc, char **argv)
{
	struct compact set = { 0 };
	const c5_opt_group groups[] = { { "Compacting", compact_opts, &set }, { NULL, NULL, NULL } };
	c5_compact_summary sum;
	char before[C5_SIZE_TEXT], after[C5_SIZE_TEXT], count[C5_COUNTED_TEXT];
	c5_cli cli;
	int err = c5_cli_open(&cli, &c5_cmd_compact, groups, argc, argv, 1, 1);
	if (err < 0 || cli.helped) goto done;
	const c5_compact_settings how = { set.dry_run, !set.dry_run };
	char word[] = "dropped", would[] = "would go";
	if ((err = c5_compact(cli.words[0], &how, tell, set.dry_run ? would : word, &sum)) < 0) goto done;
	c5_counted(count, sum.dropped, "revision", "revisions");
	if (set.dry_run)
		printf("%s: %s would go, %s of %s\n", cli.words[0], count, c5_size_text(after, sum.dropped_bytes), c5_size_text(before, sum.before));
	else printf("%s: %s dropped, %s before, %s after\n", cli.words[0], count, c5_size_text(before, sum.before), c5_size_text(after, sum.after));
done:
	c5_cli_close(&cli, groups);
	return err;
}

const c5_command c5_cmd_compact = {
	"compact", C5_LOOK_AFTER, "drop old revisions and give their space back", "FILE [--dry-run]",
	"cyto5 compact plate.h5 --dry-run\n"
	"cyto5 compact plate.h5\n",
	run,
};
