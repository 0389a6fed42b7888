/* neutral.c – see neutral.h. */
#include "container/neutral.h"

#include <fnmatch.h>
#include <string.h>

static const struct { const char *path, *name; } attrs[] = {
	{ "/", "uuid" }, { "/", "created" },
	{ "/runs/r*", "hosts" }, { "/runs/r*", "user" }, { "/runs/r*", "devices" }, { "/runs/r*", "slurm_job" }, { "/runs/r*", "start" },
		{ "/runs/r*", "end" },
	{ "/runs/r*", "date" }, { "/runs/r*", "ranks" }, { "/runs/r*", "threads" }, { "/runs/r*", "restarts" }, { "/runs/r*", "software" },
		{ "/runs/r*", "version" },
	{ "/experiments/*/sources/*", "folder" }, { "/models/*/r*", "source" },
	{ "*", "DIMENSION_LIST" }, { "*", "REFERENCE_LIST" }, /* addresses in the file */
};

static const char *const objects[] = { "/runs/r*/command_line", "/runs/r*/inputs", "/runs/r*/libraries" };

static const struct { const char *path, *column; } columns[] = { { "/experiments/*/sources/*", "mtime_ns" } };

bool c5_neutral_attr(const char *path, const char *name)
{
	for (size_t i = 0; i < sizeof attrs / sizeof *attrs; i++)
		if (strcmp(attrs[i].name, name) == 0 && fnmatch(attrs[i].path, path, strcmp(attrs[i].path, "*") == 0 ? 0 : FNM_PATHNAME) == 0) return true;
	return false;
}

bool c5_neutral_object(const char *path)
{
	for (size_t i = 0; i < sizeof objects / sizeof *objects; i++)
		if (fnmatch(objects[i], path, FNM_PATHNAME) == 0) return true;
	return false;
}

void c5_neutral_blank(c5_content *content, const char *path, const c5_object *o)
{
	for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
		for (size_t k = 0; k < o->n_columns; k++)
			if (strcmp(o->columns[k].name, columns[i].column) == 0 && fnmatch(columns[i].path, path, FNM_PATHNAME) == 0)
				c5_content_blank(content, o->columns[k].offset, o->columns[k].text ? o->columns[k].text : c5_dtype_size(o->columns[k].dtype));
}

void c5_neutral_configuration(char *text)
{
	static const char *const keys[] = { "container:", "inputs:", "commit-every-s:", "commit_every_s:" };
	char *to = text;
	bool dropping = false; /* and the indented or listed lines below the key */
	for (char *line = text; *line;) {
		size_t n = strcspn(line, "\n") + (strchr(line, '\n') != NULL);
		if (*line != ' ' && *line != '-') {
			dropping = false;
			for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) dropping = dropping || strncmp(line, keys[i], strlen(keys[i])) == 0;
		}
		if (!dropping) memmove(to, line, n), to += n;
		line += n;
	}
	*to = '\0';
}
