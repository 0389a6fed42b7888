/* cmd_check.c – `cyto5 check FILE ...`: schema, runs, revisions and every byte's checksum; one line a finding. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/print.h"
#include "container/check.h"
#include "container/lock.h"

struct check { bool json, fast; };
static const c5_opt check_opts[] = {
	{ "fast", C5_OPT_BOOL, offsetof(struct check, fast), NULL, 0, 0, NULL, NULL, "structure only: do not decode the data" },
	{ "json", C5_OPT_BOOL, offsetof(struct check, json), NULL, 0, 0, NULL, NULL, "answer in JSON" },
	{ 0 },
};

typedef struct findings { const char *file; c5_buf *json, lines; uint64_t errors; } findings; /* lines: what is printed when it is certain */

/* Looks at a file that a run writes to meanwhile, before findings are believed. */
#define LOOKS 5

static void tell(void *to, int severity, const char *path, const char *text)
{
	findings *all = to;
	all->errors += severity == C5_ERROR;
	if (all->json) {
		c5_json_key(all->json, NULL);
		c5_text_add(all->json, "{");
		c5_json_str(all->json, "severity", severity == C5_ERROR ? "error" : "warning");
		c5_json_str(all->json, "path", path);
		c5_json_str(all->json, "text", text);
		c5_text_add(all->json, "}");
	} else c5_text_addf(&all->lines, "%s%s%s  %s: %s\n", c5_ink(severity == C5_ERROR ? C5_RED : C5_YELLOW), severity == C5_ERROR ? "error  " : "warning",
		c5_ink(C5_PLAIN), path, text);
}

/* The program's schema; that of the file when it is of a newer minor version, of which we know less than the file says. */
static int schema_for(c5_schema **schema, c5_file *f, findings *all)
{
	char *version = NULL, *text = NULL, *name = c5_format("%s:/schema", c5_file_path(f));
	int major = 0, minor = 0, err = name ? C5_OK : C5_ENOMEM;
	*schema = NULL;
	if (err == C5_OK && c5_attr_get_str(f, "/", "schema_version", &version) == C5_OK && sscanf(version, "%d.%d", &major, &minor) == 2 &&
	    minor > C5_SCHEMA_MINOR) {
		if (c5_text_get(f, "/schema", &text) < 0 || c5_schema_read(schema, name, text) < 0)
			tell(all, C5_WARNING, "/schema", "is of a newer version and cannot be read; held against the schema of this program");
	}
	if (err == C5_OK && !*schema) err = c5_schema_read(schema, "container.yml", c5_schema_text());
	free(text);
	free(version);
	free(name);
	return err;
}

/* One look at everything. again: there were findings, and the file was written to meanwhile. */
static int look(const char *path, const struct check *set, findings *all, c5_check_summary *sum, bool *again)
{
	c5_schema *schema = NULL;
	c5_file *f = NULL;
	int err = c5_file_open(&f, path, C5_READ, NULL);
	*again = false;
	if (err == C5_EINPUT || err == C5_ESCHEMA || err == C5_ENOTFOUND) { /* a finding, and on with the next file */
		const char *text = c5_error_last();
		size_t n = strlen(path);
		tell(all, C5_ERROR, "/", strncmp(text, path, n) == 0 && text[n] == ':' ? text + n + 2 : text);
		err = C5_OK;
	} else if (err == C5_OK && (err = schema_for(&schema, f, all)) == C5_OK) {
		const c5_check_settings how = { !set->fast, !set->fast && !all->json, c5_lock_held(path) == 1 };
		err = c5_check(f, schema, &how, tell, all, sum);
		*again = (err < 0 || all->errors) && c5_file_changed(f);
	}
	c5_schema_free(schema);
	c5_file_close(f);
	return err;
}

static int check_file(const char *path, const struct check *set, c5_buf *json, uint64_t *errors)
{
	findings all = { path, json, { 0 }, 0 };
	c5_check_summary sum = { 0 };
	char size[C5_SIZE_TEXT], count[C5_COUNTED_TEXT], chunks[C5_COUNTED_TEXT];
	bool again;
	if (json) {
		c5_json_key(json, NULL);
		c5_text_add(json, "{");
		c5_json_str(json, "file", path);
		c5_json_key(json, "findings");
		c5_text_add(json, "[");
	}
	size_t begun = json ? json->size : 0;
	int err = look(path, set, &all, &sum, &again);
	for (int looks = 1; again && looks < LOOKS; looks++) {
		memset(&sum, 0, sizeof sum);
		all.errors = 0;
		all.lines.size = 0;
		if (json) json->size = begun;
		err = look(path, set, &all, &sum, &again);
	}
	if (all.lines.size) fwrite(all.lines.data, 1, all.lines.size, stdout);
	if (err == C5_OK) err = all.lines.err;
	c5_buf_free(&all.lines);
	if (json) {
		c5_text_add(json, "]");
		c5_json_bool(json, "clean", all.errors == 0);
		c5_json_int(json, "errors", (int64_t)all.errors);
		c5_json_int(json, "warnings", (int64_t)sum.warnings);
		c5_json_int(json, "objects", (int64_t)sum.objects);
		c5_json_int(json, "chunks", (int64_t)sum.chunks);
		c5_json_int(json, "bytes", (int64_t)sum.bytes);
		c5_text_add(json, "}");
	} else if (err == C5_OK) {
		printf("%s: %s%s%s; ", path, c5_ink(all.errors ? C5_RED : C5_GREEN), all.errors ? c5_counted(count, all.errors, "error", "errors") : "clean",
			c5_ink(C5_PLAIN));
		if (sum.warnings) printf("%s; ", c5_counted(count, sum.warnings, "warning", "warnings"));
		printf("%s looked at, ", c5_counted(count, sum.objects, "object", "objects"));
		if (set->fast) printf("data not decoded\n");
		else printf("%s of data decoded (%s)\n", c5_counted(chunks, sum.chunks, "chunk", "chunks"), c5_size_text(size, sum.bytes));
	}
	*errors += all.errors;
	return err;
}

static int run(int argc, char **argv)
{
	struct check set = { 0 };
	const c5_opt_group groups[] = { { "Checking", check_opts, &set }, { NULL, NULL, NULL } };
	c5_buf json = { 0 };
	uint64_t errors = 0;
	char count[C5_COUNTED_TEXT];
	c5_cli cli;
	int err = c5_cli_open(&cli, &c5_cmd_check, groups, argc, argv, 1, -1);
	if (err < 0 || cli.helped) goto done;
	if (set.json) c5_text_add(&json, "[");
	for (int i = 0; err == C5_OK && i < cli.n; i++) err = check_file(cli.words[i], &set, set.json ? &json : NULL, &errors);
	if (err == C5_OK && set.json) {
		c5_text_add(&json, "]");
		err = c5_json_print(&json);
	}
	if (err == C5_OK && errors) err = c5_fail(C5_EINPUT, "%s found", c5_counted(count, errors, "error", "errors"));
done:
	c5_buf_free(&json);
	c5_cli_close(&cli, groups);
	return err;
}

const c5_command c5_cmd_check = {
	"check", C5_LOOK_AFTER, "check schema, runs and every chunk of containers (exit status 3: errors found)", "FILE ... [--fast] [--json]",
	"cyto5 check plate.h5\n"
	"cyto5 check *.h5 --json\n",
	run,
};
