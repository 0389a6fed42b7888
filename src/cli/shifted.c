/* shifted.c – see shifted.h. */
#include "cli/shifted.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"

const char *c5_cli_peek(int argc, char **argv, const char *name)
{
	const char *found = NULL;
	size_t n = strlen(name);
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strncmp(argv[i], "--", 2) != 0 || strncmp(argv[i] + 2, name, n) != 0) continue;
		if (argv[i][2 + n] == '=') found = argv[i] + 3 + n;
		else if (!argv[i][2 + n] && i + 1 < argc) found = argv[i + 1];
	}
	return found;
}

static size_t rows_of(const c5_opt *table)
{
	size_t n = 0;
	while (table[n].name) n++;
	return n;
}

int c5_shifted_new(c5_opt **out, const c5_opt *table)
{
	size_t n = rows_of(table);
	int err = c5_alloc(out, n + 1, sizeof **out);
	if (err < 0) return err;
	memcpy(*out, table, n * sizeof *table);
	for (size_t i = 0; i < n; i++)
		if (table[i].value && !((*out)[i].value = c5_strdup(table[i].value))) {
			(*out)[i].name = NULL;
			c5_shifted_free(*out);
			*out = NULL;
			return c5_fail(C5_ENOMEM, "out of memory");
		}
	return C5_OK;
}

static void set_value(c5_opt *row, char *text)
{
	char *old;
	memcpy(&old, &row->value, sizeof old); /* ours, though the table says const */
	free(old);
	row->value = text;
}

void c5_shifted_free(c5_opt *table)
{
	if (!table) return;
	for (size_t i = 0; table[i].name; i++) set_value(&table[i], NULL);
	free(table);
}

int c5_shifted_take(c5_opt *table, const void *settings)
{
	for (c5_opt *row = table; row->name; row++) set_value(row, c5_opt_get(row, settings));
	return C5_OK;
}

/* A value as a default is written: a sequence with commas between. */
static int text_of(char **out, const c5_yaml_node *node, const c5_opt *row)
{
	c5_buf b = { 0 };
	const char *text;
	int err = C5_OK;
	*out = NULL;
	if (node->kind == C5_YAML_NULL) return C5_OK;
	if (node->kind != C5_YAML_LIST || row->type != C5_OPT_LIST) {
		if ((err = c5_yaml_text(&text, node)) == C5_OK) c5_text_add(&b, text);
	}
	else
		for (size_t i = 0; i < node->n && err == C5_OK; i++)
			if ((err = c5_yaml_text(&text, node->items[i])) == C5_OK) c5_text_addf(&b, "%s%s", i ? "," : "", text);
	if (err < 0) c5_buf_free(&b);
	else if (!(*out = c5_text_take(&b))) err = c5_fail(C5_ENOMEM, "out of memory");
	return err;
}

/* Said here, where the line is known. */
static int check(const c5_yaml_node *node, const c5_opt *row, const char *text)
{
	uint8_t *scratch;
	int err = text ? c5_alloc(&scratch, row->field + sizeof(double), 1) : C5_OK;
	if (!text || err < 0) return err;
	if ((err = c5_opt_set_row(row, scratch, text)) < 0) {
		c5_fail_in(err, "%s", row->name);
		c5_yaml_fail_in(err, node);
	}
	c5_opt_unset(row, scratch);
	free(scratch);
	return err;
}

int c5_shifted_read(c5_opt *const *tables, const c5_yaml_node *map)
{
	int err = C5_OK;
	if (map->kind == C5_YAML_NULL) return C5_OK;
	if (map->kind != C5_YAML_MAP) return c5_yaml_fail(C5_EUSAGE, map, "settings are expected, one KEY: VALUE a line");
	for (size_t i = 0; i < map->n && err == C5_OK; i++) {
		const c5_opt *row = NULL;
		const char *key = map->keys[i]->text, *near = NULL;
		for (c5_opt *const *t = tables; *t && !row; t++) {
			row = c5_opt_find(*t, key);
			if (!near) near = c5_opt_nearest(*t, key);
		}
		if (!row)
			return c5_yaml_fail(C5_EUSAGE, map->keys[i], "%s: unknown key%s%s%s", key, near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
		for (c5_opt *const *t = tables; *t; t++) {
			c5_opt *own = *t;
			while (own->name && own != row) own++;
			if (!own->name) continue;
			char *text;
			if ((err = text_of(&text, map->items[i], row)) < 0) continue;
			err = check(map->items[i], row, text);
			set_value(own, text);
		}
	}
	return err;
}

int c5_shifted_file(c5_opt *const *tables, c5_yaml **file, const char *path)
{
	if (!path) return C5_OK;
	int err = c5_yaml_read(file, path);
	return err < 0 ? err : c5_shifted_read(tables, c5_yaml_root(*file));
}
