/* cmd_migrate.c – `cyto5 migrate FILE --to VERSION`: brings a container to another version of the schema, in one transaction. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "container/file.h"
#include "container/schema.h"

struct migrate { char *to; };
static const c5_opt migrate_opts[] = {
	{ "to", C5_OPT_TEXT, offsetof(struct migrate, to), C5_SCHEMA_VERSION, 0, 0, NULL, "VERSION", "version of the schema to bring it to" },
	{ 0 },
};

/* One row a step from a minor version to the next: what changes in the file. Version 1.0 is the first: there is none yet. */
typedef struct migration { int from[2], to[2]; int (*change)(c5_file *f); } migration;
static const migration migrations[] = { { { 0, 0 }, { 0, 0 }, NULL } };

static int parse(int v[3], const char *text)
{
	char rest;
	v[2] = 0;
	int n = sscanf(text, "%d.%d.%d%c", &v[0], &v[1], &v[2], &rest);
	return (n == 2 || n == 3) && v[0] >= 0 && v[1] >= 0 && v[2] >= 0 ? C5_OK : c5_fail(C5_EUSAGE, "'%.40s' is no version; one is written 1.0.0", text);
}

static const migration *find(const int at[3])
{
	for (const migration *m = migrations; m->change; m++)
		if (m->from[0] == at[0] && m->from[1] == at[1]) return m;
	return NULL;
}

static int migrate(c5_file *f, const char *path, int have[3], const int want[3], const char *have_text)
{
	int err = C5_OK;
	while (have[0] != want[0] || have[1] != want[1]) {
		const migration *m = find(have);
		if (!m)
			return c5_fail(C5_ESCHEMA, "%s: no way from schema %s to %d.%d; this program writes %s", path, have_text, want[0], want[1], C5_SCHEMA_VERSION);
		if ((err = m->change(f)) < 0) return err;
		have[0] = m->to[0], have[1] = m->to[1];
	}
	if ((err = c5_attr_set_str(f, "/", "schema_version", C5_SCHEMA_VERSION)) < 0 || (err = c5_text_set(f, "/schema", c5_schema_text())) < 0) return err;
	return c5_file_commit(f, false);
}

static int run(int argc, char **argv)
{
	struct migrate set = { 0 };
	const c5_opt_group groups[] = { { "Migrating", migrate_opts, &set }, { NULL, NULL, NULL } };
	c5_file *f = NULL;
	char *version = NULL;
	int have[3], want[3], ours[3];
	c5_cli cli;
	int err = c5_cli_open(&cli, &c5_cmd_migrate, groups, argc, argv, 1, 1);
	if (err < 0 || cli.helped) goto done;
	const char *path = cli.words[0];
	if ((err = parse(want, set.to)) < 0 || (err = parse(ours, C5_SCHEMA_VERSION)) < 0) goto done;
	if (want[0] != ours[0] || want[1] > ours[1]) {
		err = c5_fail(C5_EUSAGE, "--to: %s is not known to this program, which writes %s; a newer cyto5 may know it", set.to, C5_SCHEMA_VERSION);
		goto done;
	}
	if ((err = c5_file_open(&f, path, C5_READ, NULL)) < 0 || (err = c5_attr_get_str(f, "/", "schema_version", &version)) < 0) goto done;
	if ((err = parse(have, version)) < 0) { err = c5_fail_in(C5_ESCHEMA, "%s", path); goto done; }
	if (have[0] == want[0] && have[1] == want[1]) {
		printf("%s: is of schema %s already; nothing to do\n", path, version);
		goto done;
	}
	c5_file_close(f);
	f = NULL;
	if ((err = c5_file_open(&f, path, C5_WRITE, "migrate")) < 0 || (err = migrate(f, path, have, want, version)) < 0) goto done;
	printf("%s: was of schema %s, is of %s now\n", path, version, C5_SCHEMA_VERSION);
done:
	free(version);
	c5_file_close(f);
	c5_cli_close(&cli, groups);
	return err;
}

const c5_command c5_cmd_migrate = {
	"migrate", C5_LOOK_AFTER, "bring a container to another version of the schema", "FILE [--to VERSION]",
	"cyto5 migrate plate.h5\n"
	"cyto5 migrate plate.h5 --to 1.0.0\n",
	run,
};
