/* yaml.c – YAML files read into a tree, with bounds; see yaml.h. The parser's events are walked by one recursive function, as deep as
 * C5_YAML_DEPTH_MAX and no deeper. */
#include "base/yaml.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/error.h"
#include "base/text.h"

struct c5_yaml {
	char *name;
	c5_yaml_node *root;
	size_t nodes;
};

/* ---- errors with a place ---- */

int c5_yaml_fail_in(int code, const c5_yaml_node *at) { return c5_fail_in(code, "%s:%d:%d", at->doc->name, at->line, at->column); }

int c5_yaml_fail(int code, const c5_yaml_node *at, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	c5_fail(code, "%s", text);
	return c5_yaml_fail_in(code, at);
}

static int fail_at(const c5_yaml *doc, yaml_mark_t mark, const char *text)
{
	return c5_fail(C5_EUSAGE, "%s:%zu:%zu: %s", doc->name, mark.line + 1, mark.column + 1, text);
}

const char *c5_yaml_kind_name(const c5_yaml_node *node)
{
	static _Thread_local char quoted[128];
	switch (node->kind) {
	case C5_YAML_NULL: return "nothing";
	case C5_YAML_LIST: return "a sequence";
	case C5_YAML_MAP: return "a map";
	default: snprintf(quoted, sizeof quoted, "'%.100s'", node->text); return quoted;
	}
}

/* Whether a tab stands in the indentation of a line (from 0): the commonest slip, and the least visible. */
static bool tab_indented(const char *text, size_t size, size_t line)
{
	const char *end = text + size;
	for (; line > 0 && text; line--) {
		text = memchr(text, '\n', (size_t)(end - text));
		if (text) text++;
	}
	while (text && text < end && *text == ' ') text++;
	return text && text < end && *text == '\t';
}

static int parser_error(const c5_yaml *doc, const yaml_parser_t *parser, const char *text, size_t size)
{
	if (parser->error == YAML_MEMORY_ERROR) return c5_fail(C5_ENOMEM, "%s: out of memory", doc->name);
	const char *problem = parser->problem ? parser->problem : "not YAML";
	if (parser->error == YAML_READER_ERROR) return c5_fail(C5_EUSAGE, "%s: byte %zu: no YAML text: %s", doc->name, parser->problem_offset, problem);
	yaml_mark_t mark = parser->problem_mark;
	if (tab_indented(text, size, mark.line)) return fail_at(doc, mark, "a tab in the indentation; indent with spaces");
	if (!parser->context) return fail_at(doc, mark, problem);
	return c5_fail(C5_EUSAGE, "%s:%zu:%zu: %s (%s from line %zu)", doc->name, mark.line + 1, mark.column + 1, problem, parser->context,
	               parser->context_mark.line + 1);
}

/* ---- the tree ---- */

static void node_free(c5_yaml_node *node)
{
	if (!node) return;
	for (size_t i = 0; i < node->n; i++) {
		if (node->keys) node_free(node->keys[i]);
		node_free(node->items[i]);
	}
	free(node->keys);
	free(node->items);
	free(node->text);
	free(node);
}

static int node_new(c5_yaml_node **out, c5_yaml *doc, int kind, yaml_mark_t mark)
{
	int err;
	*out = NULL;
	if (++doc->nodes > C5_YAML_NODES_MAX) return fail_at(doc, mark, "the file holds more than a million values");
	if ((err = c5_alloc(out, 1, sizeof **out)) < 0) return err;
	**out = (c5_yaml_node){ .kind = kind, .line = (int)mark.line + 1, .column = (int)mark.column + 1, .doc = doc };
	return C5_OK;
}

static bool is_null_word(const yaml_event_t *e)
{
	static const char *const words[] = { "", "~", "null", "Null", "NULL" };
	if (e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE) return false;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp((const char *)e->data.scalar.value, words[i]) == 0) return true;
	return false;
}

static int scalar_new(c5_yaml_node **out, c5_yaml *doc, const yaml_event_t *e)
{
	const char *value = (const char *)e->data.scalar.value;
	int err = node_new(out, doc, is_null_word(e) ? C5_YAML_NULL : C5_YAML_SCALAR, e->start_mark);
	if (err < 0) return err;
	if (strlen(value) != e->data.scalar.length) return fail_at(doc, e->start_mark, "a text with a NUL character in it");
	(*out)->text = c5_strdup(value);
	return (*out)->text ? C5_OK : c5_fail(C5_ENOMEM, "%s: out of memory", doc->name);
}

static int by_text(const void *a, const void *b)
{
	const c5_yaml_node *x = *(c5_yaml_node *const *)a, *y = *(c5_yaml_node *const *)b;
	int order = strcmp(x->text, y->text);
	return order ? order : x->line != y->line ? (x->line > y->line) - (x->line < y->line) : (x->column > y->column) - (x->column < y->column);
}

static int check_unique_keys(const c5_yaml_node *map)
{
	c5_yaml_node **sorted = NULL;
	int err = c5_alloc(&sorted, map->n, sizeof *sorted);
	if (err < 0) return err;
	if (map->n) memcpy(sorted, map->keys, map->n * sizeof *sorted);
	qsort(sorted, map->n, sizeof *sorted, by_text);
	for (size_t i = 1; i < map->n && err == C5_OK; i++)
		if (strcmp(sorted[i]->text, sorted[i - 1]->text) == 0)
			err = c5_yaml_fail(C5_EUSAGE, sorted[i], "%.200s: given twice, first in line %d", sorted[i]->text, sorted[i - 1]->line);
	free(sorted);
	return err;
}

struct walk { c5_yaml *doc; yaml_parser_t *parser; const char *text; size_t size; };

static int next_event(struct walk *w, yaml_event_t *e)
{
	return yaml_parser_parse(w->parser, e) ? C5_OK : parser_error(w->doc, w->parser, w->text, w->size);
}

static int read_node(c5_yaml_node **out, struct walk *w, const yaml_event_t *first, int depth);

/* The entries of a sequence or map up to its end; keys and values by turns in a map. */
static int read_entries(c5_yaml_node *node, struct walk *w, int end, int depth)
{
	size_t cap_items = 0, cap_keys = 0;
	int err = C5_OK;
	for (bool done = false; !done && err == C5_OK;) {
		yaml_event_t e;
		c5_yaml_node *key = NULL, *item = NULL;
		if ((err = next_event(w, &e)) < 0) break;
		done = (int)e.type == end;
		if (!done) err = read_node(node->kind == C5_YAML_MAP ? &key : &item, w, &e, depth + 1);
		yaml_event_delete(&e);
		if (!done && err == C5_OK && key) {
			if (key->kind == C5_YAML_LIST || key->kind == C5_YAML_MAP)
				err = c5_yaml_fail(C5_EUSAGE, key, "a key must be a plain word, found %s", c5_yaml_kind_name(key));
			if (err == C5_OK && (err = next_event(w, &e)) == C5_OK) {
				err = read_node(&item, w, &e, depth + 1);
				yaml_event_delete(&e);
			}
		}
		if (!done && err == C5_OK) err = c5_grow(&node->items, &cap_items, node->n + 1, sizeof *node->items);
		if (!done && err == C5_OK && key) err = c5_grow(&node->keys, &cap_keys, node->n + 1, sizeof *node->keys);
		if (!done && err == C5_OK) {
			if (key) node->keys[node->n] = key;
			node->items[node->n++] = item;
		} else {
			node_free(key);
			node_free(item);
		}
	}
	return err;
}

static int read_node(c5_yaml_node **out, struct walk *w, const yaml_event_t *first, int depth)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;
	int kind = C5_YAML_SCALAR, end = 0, err;
	*out = NULL;
	switch (first->type) {
	case YAML_ALIAS_EVENT: return fail_at(w->doc, first->start_mark, "aliases (*name) are not taken; write the value out");
	case YAML_SCALAR_EVENT:
		anchor = first->data.scalar.anchor;
		tag = first->data.scalar.tag;
		break;
	case YAML_SEQUENCE_START_EVENT:
		anchor = first->data.sequence_start.anchor;
		tag = first->data.sequence_start.tag;
		kind = C5_YAML_LIST;
		end = YAML_SEQUENCE_END_EVENT;
		break;
	case YAML_MAPPING_START_EVENT:
		anchor = first->data.mapping_start.anchor;
		tag = first->data.mapping_start.tag;
		kind = C5_YAML_MAP;
		end = YAML_MAPPING_END_EVENT;
		break;
	default: return fail_at(w->doc, first->start_mark, "a value is expected");
	}
	if (anchor) return fail_at(w->doc, first->start_mark, "anchors (&name) are not taken; write the value out where it is used");
	if (tag) return fail_at(w->doc, first->start_mark, "tags (!name) are not taken; write the plain value");
	if (depth >= C5_YAML_DEPTH_MAX) return fail_at(w->doc, first->start_mark, "nested deeper than 32 levels");
	if (kind == C5_YAML_SCALAR) {
		err = scalar_new(out, w->doc, first);
	} else {
		err = node_new(out, w->doc, kind, first->start_mark);
		if (err == C5_OK) err = read_entries(*out, w, end, depth);
		if (err == C5_OK && kind == C5_YAML_MAP) err = check_unique_keys(*out);
	}
	if (err < 0) {
		node_free(*out);
		*out = NULL;
	}
	return err;
}

static int read_stream(struct walk *w)
{
	int err = C5_OK;
	for (bool done = false; !done && err == C5_OK;) {
		yaml_event_t e;
		if ((err = next_event(w, &e)) < 0) break;
		switch (e.type) {
		case YAML_STREAM_START_EVENT:
		case YAML_DOCUMENT_END_EVENT: break;
		case YAML_STREAM_END_EVENT: done = true; break;
		case YAML_DOCUMENT_START_EVENT:
			if (w->doc->root) err = fail_at(w->doc, e.start_mark, "a second document begins here; one a file is taken");
			break;
		default: err = read_node(&w->doc->root, w, &e, 0);
		}
		yaml_event_delete(&e);
	}
	if (err == C5_OK && !w->doc->root) err = node_new(&w->doc->root, w->doc, C5_YAML_NULL, (yaml_mark_t){ 0, 0, 0 });
	return err;
}

int c5_yaml_parse(c5_yaml **out, const char *name, const char *text, size_t size)
{
	yaml_parser_t parser;
	c5_yaml *doc = NULL;
	int err;
	*out = NULL;
	if (size > C5_YAML_BYTES_MAX) return c5_fail(C5_EUSAGE, "%s: longer than %u MiB, which is no configuration", name, C5_YAML_BYTES_MAX >> 20);
	if ((err = c5_alloc(&doc, 1, sizeof *doc)) < 0) return err;
	if (!(doc->name = c5_strdup(name)) || !yaml_parser_initialize(&parser)) {
		c5_yaml_free(doc);
		return c5_fail(C5_ENOMEM, "%s: out of memory", name);
	}
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
	struct walk w = { doc, &parser, text, size };
	err = read_stream(&w);
	yaml_parser_delete(&parser);
	if (err < 0) c5_yaml_free(doc);
	else *out = doc;
	return err;
}

int c5_yaml_read(c5_yaml **out, const char *path)
{
	c5_buf b = { 0 };
	char piece[16384];
	size_t n;
	int err = C5_OK;
	*out = NULL;
	FILE *from = fopen(path, "rb");
	if (!from) return c5_fail(errno == ENOENT ? C5_ENOTFOUND : C5_EIO, "%s: cannot be opened: %s", path, strerror(errno));
	while (b.size <= C5_YAML_BYTES_MAX && (n = fread(piece, 1, sizeof piece, from)) > 0) c5_buf_put(&b, piece, n);
	if (ferror(from)) err = c5_fail(C5_EIO, "%s: cannot be read: %s", path, strerror(errno));
	else if (b.err) err = b.err;
	fclose(from);
	if (err == C5_OK) err = c5_yaml_parse(out, path, b.data ? (const char *)b.data : "", b.size);
	c5_buf_free(&b);
	return err;
}

void c5_yaml_free(c5_yaml *doc)
{
	if (!doc) return;
	node_free(doc->root);
	free(doc->name);
	free(doc);
}

/* ---- looking at it ---- */

const c5_yaml_node *c5_yaml_root(const c5_yaml *doc) { return doc->root; }

static bool same_key(const char *a, const char *b)
{
	for (; *a && *b; a++, b++)
		if (*a != *b && !((*a == '_' || *a == '-') && (*b == '_' || *b == '-'))) return false;
	return *a == *b;
}

const c5_yaml_node *c5_yaml_get(const c5_yaml_node *map, const char *key)
{
	for (size_t i = 0; map && map->kind == C5_YAML_MAP && i < map->n; i++)
		if (same_key(map->keys[i]->text, key)) return map->items[i];
	return NULL;
}

int c5_yaml_text(const char **out, const c5_yaml_node *node)
{
	if (node->kind != C5_YAML_SCALAR) return c5_yaml_fail(C5_EUSAGE, node, "a text is expected, found %s", c5_yaml_kind_name(node));
	*out = node->text;
	return C5_OK;
}

int c5_yaml_int(int64_t *out, const c5_yaml_node *node)
{
	if (node->kind != C5_YAML_SCALAR) return c5_yaml_fail(C5_EUSAGE, node, "a whole number is expected, found %s", c5_yaml_kind_name(node));
	return c5_text_to_int(out, node->text) < 0 ? c5_yaml_fail_in(C5_EUSAGE, node) : C5_OK;
}

int c5_yaml_real(double *out, const c5_yaml_node *node)
{
	if (node->kind != C5_YAML_SCALAR) return c5_yaml_fail(C5_EUSAGE, node, "a number is expected, found %s", c5_yaml_kind_name(node));
	return c5_text_to_real(out, node->text) < 0 ? c5_yaml_fail_in(C5_EUSAGE, node) : C5_OK;
}

int c5_yaml_bool(bool *out, const c5_yaml_node *node)
{
	if (node->kind != C5_YAML_SCALAR) return c5_yaml_fail(C5_EUSAGE, node, "true or false is expected, found %s", c5_yaml_kind_name(node));
	return c5_text_to_bool(out, node->text) < 0 ? c5_yaml_fail_in(C5_EUSAGE, node) : C5_OK;
}
