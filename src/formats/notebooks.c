/* notebooks.c – Jupyter notebooks that read the container exported: those of notebooks-export/ whose product it has, with names filled into the cell
 * tagged `parameters` (a convention of papermill). nbformat 4.5. */
#include <errno.h>
#include <json-c/json.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "formats/export.h"
#include "formats/out.h"
#include "notebooks.h"

#define N_NOTEBOOKS (sizeof notebooks / sizeof *notebooks)

/* What the parameters are called in notebooks, and what they are here; NULL: left as the notebook has it. */
typedef struct filling { const char *name; char *value; } filling;
enum { CONTAINER, EXPERIMENT, CHANNEL, N_FILLINGS };

/* The way from a folder to a file, both absolute, so that they can be moved together. */
static char *way(const char *folder, const char *file)
{
	size_t same = 0;
	for (size_t i = 0; folder[i] == file[i] || (!folder[i] && file[i] == '/'); i++) {
		if (file[i] == '/') same = i + 1;
		if (!folder[i]) break;
	}
	c5_buf b = { 0 };
	const char *rest = strlen(folder) >= same ? folder + same : "";
	for (const char *p = rest; *p; p++)
		if (p == rest || p[-1] == '/') c5_text_add(&b, "../");
	c5_text_add(&b, file + same);
	return c5_text_take(&b);
}

/* Of the container, from the folder that is going to be `out`. */
static int container_way(const char *out, const char *container, char **found)
{
	char *copy = c5_strdup(out), *above = copy ? realpath(dirname(copy), NULL) : NULL, *file = realpath(container, NULL), *last = NULL, *folder = NULL;
	free(copy);
	copy = c5_strdup(out);
	if (copy) last = basename(copy);
	if (above && file && last) folder = c5_format("%s%s%s", above, strcmp(above, "/") ? "/" : "", last);
	int err = C5_OK;
	if (!above || !file) err = c5_fail(C5_EIO, "%s: %s", above ? container : out, strerror(errno));
	else if (!folder || !(*found = way(folder, file))) err = c5_fail(C5_ENOMEM, "out of memory");
	free(copy);
	free(above);
	free(file);
	free(folder);
	return err;
}

/* Is there what a notebook shows: a product of an experiment (its first owner in *experiment), or a group of the container with something in it? */
static int find(c5_export *x, const char *needs, const char **experiment, bool *there)
{
	char *path = c5_format("/%s", needs), **names = NULL;
	size_t n = 0;
	int err = path ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
	*experiment = NULL;
	*there = false;
	if (err == C5_OK && c5_exists(x->file, path)) {
		err = c5_list(x->file, path, &names, &n);
		c5_names_free(names, n);
		*there = n > 0;
		free(path);
		return err;
	}
	free(path);
	for (size_t i = 0; err == C5_OK && i < x->n_names && !*there; i++) {
		if (!(path = c5_format("/experiments/%s/%s/latest", x->names[i], needs))) return c5_fail(C5_ENOMEM, "out of memory");
		if ((*there = c5_exists(x->file, path))) *experiment = x->names[i];
		free(path);
	}
	return err;
}

/* A line `NAME = ...` of the parameters with its value in place, or NULL where it is none of these. */
static char *filled(const char *line, const filling fillings[N_FILLINGS])
{
	for (int i = 0; i < N_FILLINGS; i++) {
		size_t n = strlen(fillings[i].name);
		if (!fillings[i].value || strncmp(line, fillings[i].name, n) != 0 || strncmp(line + n, " = ", 3) != 0) continue;
		const char *comment = strstr(line, "  # ");
		c5_buf b = { 0 };
		c5_text_addf(&b, "%s = ", fillings[i].name);
		c5_text_add_json(&b, fillings[i].value); /* Python reads it the same */
		c5_text_add(&b, comment ? comment : line[strlen(line) - 1] == '\n' ? "\n" : "");
		return c5_text_take(&b);
	}
	return NULL;
}

static bool tagged(json_object *cell)
{
	json_object *tags = json_object_object_get(json_object_object_get(cell, "metadata"), "tags");
	size_t n = tags ? json_object_array_length(tags) : 0;
	for (size_t i = 0; i < n; i++)
		if (strcmp(json_object_get_string(json_object_array_get_idx(tags, i)), "parameters") == 0) return true;
	return false;
}

static void fill(json_object *book, const filling fillings[N_FILLINGS])
{
	json_object *cells = json_object_object_get(book, "cells");
	for (size_t i = 0; i < json_object_array_length(cells); i++) {
		json_object *cell = json_object_array_get_idx(cells, i);
		if (!tagged(cell)) continue;
		json_object *source = json_object_object_get(cell, "source");
		for (size_t k = 0; k < json_object_array_length(source); k++) {
			char *line = filled(json_object_get_string(json_object_array_get_idx(source, k)), fillings);
			if (line) json_object_array_put_idx(source, k, json_object_new_string(line));
			free(line);
		}
	}
}

static int write_one(const char *folder, const char *name, json_object *book)
{
	const char *text = json_object_to_json_string_ext(book, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
	char *path = c5_format("%s/%s.ipynb", folder, name), *line = text ? c5_format("%s\n", text) : NULL;
	int err = path && line ? c5_out_text(path, line) : c5_fail(C5_ENOMEM, "out of memory");
	free(path);
	free(line);
	return err;
}

int c5_export_notebooks(c5_export *x, const char *path)
{
	filling fillings[N_FILLINGS] = { { "CONTAINER", NULL }, { "EXPERIMENT", NULL }, { "CHANNEL", x->params->channel } };
	int err = container_way(x->params->out, c5_file_path(x->file), &fillings[CONTAINER].value);
	for (size_t i = 0; err == C5_OK && i < N_NOTEBOOKS; i++) {
		json_object *book = json_tokener_parse(notebooks[i].text);
		if (!book) { err = c5_fail(C5_ENOMEM, "out of memory"); break; }
		const char *needs = json_object_get_string(json_object_object_get(json_object_object_get(json_object_object_get(book, "metadata"), "cyto5"),
			"needs")), *owner;
		bool there;
		if ((err = find(x, needs, &owner, &there)) == C5_OK && there) {
			fillings[EXPERIMENT].value = (char *)owner;
			fill(book, fillings);
			err = write_one(path, notebooks[i].name, book);
		} else if (err == C5_OK) {
			c5_log(C5_LOG_INFO, "%s.ipynb is left out: no %s", notebooks[i].name, needs);
		}
		json_object_put(book);
		if (err == C5_OK) err = c5_export_tick();
	}
	free(fillings[CONTAINER].value);
	return err;
}
