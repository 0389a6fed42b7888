/* yaml_options.c – option structs filled from YAML maps and written as YAML; see yaml.h. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/text.h"
#include "base/yaml.h"

/* ---- in ---- */

static int unknown_key(const c5_opt *table, const c5_yaml_node *key)
{
	const char *near = c5_opt_nearest(table, key->text);
	if (near) return c5_yaml_fail(C5_EUSAGE, key, "%.200s: unknown key; did you mean %s?", key->text, near);
	if (!table->name) return c5_yaml_fail(C5_EUSAGE, key, "%.200s: unknown key; none is taken here", key->text);
	c5_buf b = { 0 };
	for (const c5_opt *row = table; row->name; row++) c5_text_addf(&b, "%s%s", row == table ? "" : ", ", row->name);
	char *known = c5_text_take(&b);
	int err = known ? c5_yaml_fail(C5_EUSAGE, key, "%.200s: unknown key; known are %s", key->text, known) : C5_ENOMEM;
	free(known);
	return err;
}

static const char *expected(const c5_opt *row)
{
	switch (row->type) {
	case C5_OPT_BOOL: return "true or false";
	case C5_OPT_INT: return "a whole number";
	case C5_OPT_REAL: return "a number";
	case C5_OPT_CHOICE: return "a word";
	case C5_OPT_LIST: return "a sequence of texts";
	default: return "a text";
	}
}

static int wrong_kind(const c5_opt *row, const c5_yaml_node *node)
{
	return c5_yaml_fail(C5_EUSAGE, node, "%s: %s is expected, found %s", row->name, expected(row), c5_yaml_kind_name(node));
}

static int apply_value(const c5_opt *row, void *settings, const c5_yaml_node *value)
{
	bool list = row->type == C5_OPT_LIST;
	if (value->kind == C5_YAML_NULL) {
		if (row->value && (row->type == C5_OPT_BOOL || row->type == C5_OPT_INT || row->type == C5_OPT_REAL)) return wrong_kind(row, value);
		c5_opt_unset(row, settings);
		return C5_OK;
	}
	if (value->kind == C5_YAML_MAP || (value->kind == C5_YAML_LIST && !list)) return wrong_kind(row, value);
	if (list) c5_opt_unset(row, settings);
	int err = C5_OK;
	for (size_t i = 0; i < (value->kind == C5_YAML_LIST ? value->n : 1) && err == C5_OK; i++) {
		const c5_yaml_node *item = value->kind == C5_YAML_LIST ? value->items[i] : value;
		if (item->kind != C5_YAML_SCALAR) return wrong_kind(row, item);
		err = c5_opt_set_row(row, settings, item->text);
		if (err < 0) {
			c5_fail_in(err, "%s", row->name);
			c5_yaml_fail_in(err, item);
		}
	}
	return err;
}

int c5_yaml_apply(const c5_opt *table, void *settings, const c5_yaml_node *node)
{
	if (node->kind == C5_YAML_NULL) return C5_OK;
	if (node->kind != C5_YAML_MAP) return c5_yaml_fail(C5_EUSAGE, node, "a map of settings is expected, found %s", c5_yaml_kind_name(node));
	int err = C5_OK;
	for (size_t i = 0; i < node->n && err == C5_OK; i++) {
		const c5_opt *row = c5_opt_find(table, node->keys[i]->text);
		if (!row) return unknown_key(table, node->keys[i]);
		for (size_t j = 0; j < i; j++) /* at most a few spellings of each known key come this far */
			if (c5_opt_find(table, node->keys[j]->text) == row)
				return c5_yaml_fail(C5_EUSAGE, node->keys[i], "%s: given twice, first in line %d", row->name, node->keys[j]->line);
		err = apply_value(row, settings, node->items[i]);
	}
	return err;
}

/* ---- out ---- */

/* A word no reader takes for anything but a text, with or without brackets around it. */
static bool is_plain(const char *s)
{
	static const char *const special[] = { "null", "true", "false", "yes", "no", "on", "off", "y", "n" };
	for (size_t i = 0; i < sizeof special / sizeof *special; i++)
		if (strcasecmp(s, special[i]) == 0) return false;
	if (!isalpha((unsigned char)*s) && *s != '/') return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("_./-", *s)) return false;
	return true;
}

static uint32_t code_point(const char *s, int n)
{
	uint32_t code = (unsigned char)*s & (n == 1 ? 0x7fu : 0xffu >> (n + 1));
	for (int i = 1; i < n; i++) code = code << 6 | ((unsigned char)s[i] & 0x3fu);
	return code;
}

void c5_yaml_add_text(c5_buf *b, const char *s)
{
	if (!s || is_plain(s)) {
		c5_text_add(b, s ? s : "null");
		return;
	}
	c5_text_add(b, "\"");
	while (*s) {
		int n = c5_utf8_length(s);
		uint32_t code = n ? code_point(s, n) : 0xfffd;
		if (code == '"' || code == '\\') c5_text_addf(b, "\\%c", (char)code);
		else if (code == '\n') c5_text_add(b, "\\n");
		else if (code == '\t') c5_text_add(b, "\\t");
		else if (code < 0x20 || (code >= 0x7f && code <= 0xa0) || code == 0x2028 || code == 0x2029 || code == 0xfeff || code == 0xfffd)
			c5_text_addf(b, "\\u%04X", (unsigned)code); /* control characters and YAML's other line breaks */
		else if (code >= 0xfffe) c5_text_addf(b, "\\U%08X", (unsigned)code);
		else c5_buf_put(b, s, (size_t)n);
		s += n ? n : 1;
	}
	c5_text_add(b, "\"");
}

/* An unset number (0 without a default) may lie outside its own range: it is said as null. */
static bool is_unset_number(const c5_opt *row, const void *settings)
{
	const char *at = (const char *)settings + row->field;
	if (row->value) return false;
	return (row->type == C5_OPT_INT && *(const int64_t *)at == 0) || (row->type == C5_OPT_REAL && *(const double *)at == 0);
}

static void add_list(c5_buf *b, int indent, char *const *list, const char *mark)
{
	c5_text_addf(b, "%s%s\n", list && *list ? "" : " []", mark);
	for (; list && *list; list++) {
		c5_text_addf(b, "%*s- ", indent + 2, "");
		c5_yaml_add_text(b, *list);
		c5_text_add(b, "\n");
	}
}

void c5_yaml_add_options(c5_buf *b, int indent, const c5_opt *table, const void *settings)
{
	for (const c5_opt *row = table; row->name; row++) {
		const void *at = (const char *)settings + row->field;
		bool text = row->type == C5_OPT_TEXT || row->type == C5_OPT_CHOICE;
		const char *mark = c5_opt_is_default(row, settings) ? " # default" : "";
		c5_text_addf(b, "%*s%s:", indent, "", row->name);
		if (row->type == C5_OPT_LIST) {
			add_list(b, indent, *(char **const *)at, mark);
			continue;
		}
		c5_text_add(b, " ");
		char *value = text || is_unset_number(row, settings) ? NULL : c5_opt_get(row, settings);
		if (text) c5_yaml_add_text(b, *(char *const *)at);
		else c5_text_add(b, value ? value : "null");
		c5_text_addf(b, "%s\n", mark);
		free(value);
	}
}
