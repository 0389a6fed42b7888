/* cmd_schema.c – `cyto5 schema`: the container's schema as YAML, as a page of documentation, or that of a file. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "cli/cli.h"
#include "container/object.h"
#include "container/schema.h"

struct schema { bool markdown; };
static const c5_opt schema_opts[] = {
	{ "markdown", C5_OPT_BOOL, offsetof(struct schema, markdown), NULL, 0, 0, NULL, NULL, "as Markdown, for people: docs/schema.md" },
	{ 0 },
};

static void put_list(const char *const *words)
{
	for (size_t i = 0; words[i]; i++) printf("%s%s", i ? ", " : "", words[i]);
}

static void put_fields(const char *title, const c5_schema_field *fields, size_t n)
{
	if (!n) return;
	printf("\n| %s | type | unit | | meaning |\n|---|---|---|---|---|\n", title);
	for (size_t i = 0; i < n; i++) {
		const c5_schema_field *f = &fields[i];
		printf("| `%s` | ", f->name);
		put_list(f->types);
		printf(" | %s | %s | ", f->unit ? f->unit : "", f->required ? "required" : "");
		for (const char *p = f->doc; *p; p++) printf(*p == '|' ? "\\|" : "%c", *p);
		if (f->value) printf(" (`%s`)", f->value);
		printf(" |\n");
	}
}

static void put_rule(const c5_rule *r)
{
	printf("\n### `%s`\n\n%s", r->path, c5_kind_name(r->kind));
	if (r->required) printf(", required");
	if (r->axes[0]) {
		printf(", (");
		put_list(r->axes);
		printf(")");
	}
	if (r->dtypes[0]) {
		printf(", ");
		put_list(r->dtypes);
	}
	if (r->target) printf(" to %s", r->target);
	printf(". %s%s\n", r->doc, r->doc[strlen(r->doc) - 1] == '.' ? "" : ".");
	put_fields("attribute", r->attrs, r->n_attrs);
	put_fields("column", r->columns, r->n_columns);
}

static int put_markdown(const char *name, const char *text)
{
	c5_schema *s;
	int err = c5_schema_read(&s, name, text);
	if (err < 0) return err;
	printf("# What is in a container\n\n"
	       "Schema %s, made by `cyto5 schema --markdown` from `h5schema/1.0/container.yml`; do not edit this page.\n\n"
	       "Names in braces stand for any name; `{revision}` for `rNNNNNN`, the run that wrote it; an axis with a ? may be absent. Objects, attributes\n"
	       "and columns that are not named here are allowed, and left alone. `whole` is any integer, `real` any floating point, `number` both.\n\n"
	       "Chunks are packed with HDF5's shuffle, deflate and Fletcher-32 filters; any HDF5 from 1.10 on reads them without a plug-in.\n", s->version);
	printf("\n| path | kind | |\n|---|---|---|\n");
	for (size_t i = 0; i < s->n; i++) {
		printf("| `%s` | %s | ", s->rules[i].path, c5_kind_name(s->rules[i].kind));
		for (const char *p = s->rules[i].doc; *p; p++) printf(*p == '|' ? "\\|" : "%c", *p);
		printf(" |\n");
	}
	for (size_t i = 0; i < s->n; i++) put_rule(&s->rules[i]);
	c5_schema_free(s);
	return C5_OK;
}

static int run(int argc, char **argv)
{
	struct schema set = { 0 };
	const c5_opt_group groups[] = { { "Schema", schema_opts, &set }, { NULL, NULL, NULL } };
	c5_file *f = NULL;
	char *text = NULL;
	c5_cli cli;
	int err = c5_cli_open(&cli, &c5_cmd_schema, groups, argc, argv, 0, 1);
	if (err < 0 || cli.helped) goto done;
	if (cli.n) {
		if ((err = c5_file_open(&f, cli.words[0], C5_READ, NULL)) < 0 || (err = c5_text_get(f, "/schema", &text)) < 0) goto done;
	} else if (!(text = c5_strdup(c5_schema_text()))) {
		err = c5_fail(C5_ENOMEM, "out of memory");
		goto done;
	}
	if (set.markdown) err = put_markdown(cli.n ? cli.words[0] : "container.yml", text);
	else fputs(text, stdout);
done:
	free(text);
	c5_file_close(f);
	c5_cli_close(&cli, groups);
	return err;
}

const c5_command c5_cmd_schema = {
	"schema", C5_LOOK, "print the schema of containers, or of one", "[FILE] [--markdown]",
	"cyto5 schema\n"
	"cyto5 schema plate.h5\n"
	"cyto5 schema --markdown > docs/schema.md\n",
	run,
};
