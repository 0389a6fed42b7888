/* cmd_recover.c – `cyto5 recover FILE`: what a crash left, told and put in order. Opening for writing does the same on its way; this says it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/print.h"
#include "container/lock.h"
#include "container/overlay.h"
#include "container/run.h"

struct recover { bool check, abandon; };
static const c5_opt recover_opts[] = {
	{ "check", C5_OPT_BOOL, offsetof(struct recover, check), NULL, 0, 0, NULL, NULL, "only look and say" },
	{ "abandon", C5_OPT_BOOL, offsetof(struct recover, abandon), NULL, 0, 0, NULL, NULL,
		"end interrupted runs as failed: they are not resumed any more" },
	{ 0 },
};

static uint64_t bytes_of(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

/* Whether FILE.lock or FILE.part lies there, left by nobody who lives. */
static bool left(const char *path, const char *suffix)
{
	char *name = c5_format("%s%s", path, suffix);
	bool there = name && access(name, F_OK) == 0;
	free(name);
	return there;
}

static int tell_runs(c5_file *f, const char *path, bool abandon, bool *changed, int *found)
{
	uint32_t *numbers;
	size_t n_runs;
	int err = c5_run_numbers(f, &numbers, &n_runs);
	for (size_t i = 0; err == C5_OK && i < n_runs; i++) {
		const uint32_t n = numbers[i];
		c5_run_info r;
		if ((err = c5_run_read(f, n, &r)) < 0) break;
		if (strcmp(r.state, "running") == 0 && c5_run_alive(path, n)) printf("run %s (%s) goes on now\n", c5_revision_name(n), r.command ? r.command : "?");
		else if (strcmp(r.state, "running") == 0) {
			++*found;
			if (abandon) {
				free(r.failures);
				r.failures = c5_strdup("interrupted, and abandoned by cyto5 recover\n");
				err = c5_run_end(f, &r, "failed");
				*changed = true;
				printf("run %s was interrupted: ended as failed\n", c5_revision_name(n));
			} else printf("run %s (%s, begun %s) was interrupted; `--resume` goes on with it, `--abandon` ends it\n", c5_revision_name(n),
				r.command ? r.command : "?", r.start ? r.start : "?");
		}
		c5_run_info_free(&r);
	}
	free(numbers);
	return err;
}

static int look(const char *path, const struct recover *set)
{
	static const char *const found_text[] = { NULL, "a commit that was cut short behind its point of no return",
		"a transaction that was never committed" };
	char size[C5_SIZE_TEXT];
	bool changed = false, stale = left(path, ".lock"), part = left(path, ".part");
	int state = 0, found = 0;
	uint64_t before = bytes_of(path);
	c5_file *f = NULL;
	if (access(path, F_OK) != 0) return c5_fail(C5_ENOTFOUND, "%s: %s", path, strerror(errno));
	if (c5_lock_held(path) == 1 && set->check) {
		printf("%s: is being written now; nothing to recover\n", path);
		return C5_OK;
	}
	int err = c5_overlay_inspect(path, &state);
	if (err == C5_OK) err = c5_file_open(&f, path, set->check ? C5_READ : C5_WRITE, "recover");
	if (err < 0) return err;
	if (state) printf("%s%s\n", set->check ? "found " : state == 1 ? "completed " : "cut off ", found_text[state]), found++;
	if (stale) printf("%s the lock of a writer that is gone\n", set->check ? "found" : "removed"), found++;
	if (part) printf("%s %s.part, which a compaction or creation left\n", set->check ? "found" : "removed", path), found++;
	err = tell_runs(f, path, set->abandon && !set->check, &changed, &found);
	if (err == C5_OK && changed) err = c5_file_commit(f, false);
	if (err == C5_OK && part && !set->check) {
		static const char *const names[] = { ".part", ".part.journal", ".part.lock" };
		for (int i = 0; i < 3; i++) {
			char *name = c5_format("%s%s", path, names[i]);
			if (name) unlink(name);
			free(name);
		}
	}
	int closed = c5_file_close(f);
	if (err == C5_OK) err = closed;
	if (err < 0) return err;
	uint64_t after = bytes_of(path);
	if (after < before) printf("gave back %s behind the end\n", c5_size_text(size, before - after));
	printf("%s: %s\n", path, found == 0 ? "in order; nothing to recover" : set->check ? "nothing was changed (--check)" : "in order");
	return C5_OK;
}

static int run(int argc, char **argv)
{
	struct recover set = { 0 };
	const c5_opt_group groups[] = { { "Recovering", recover_opts, &set }, { NULL, NULL, NULL } };
	c5_cli cli;
	int err = c5_cli_open(&cli, &c5_cmd_recover, groups, argc, argv, 1, 1);
	if (err == C5_OK && !cli.helped) err = look(cli.words[0], &set);
	c5_cli_close(&cli, groups);
	return err;
}

const c5_command c5_cmd_recover = {
	"recover", C5_LOOK_AFTER, "put in order what a crash left, and say what it was", "FILE [--check] [--abandon]",
	"cyto5 recover plate.h5 --check\n"
	"cyto5 recover plate.h5\n",
	run,
};
