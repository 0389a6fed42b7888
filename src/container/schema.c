/* schema.c – the text of h5schema/1.0/container.yml, and reading it; see schema.h. */
#include "container/schema.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/yaml.h"
#include "container/object.h"
#include "container/run.h"
#include "schema_text.h"

const char *c5_schema_text(void) { return (const char *)schema_text; }

/* ---- reading ---- */

static int take_text(const char **out, const c5_yaml_node *map, const char *key)
{
	const c5_yaml_node *node = c5_yaml_get(map, key);
	*out = NULL;
	return node ? c5_yaml_text(out, node) : C5_OK;
}

static int take_flag(bool *out, const c5_yaml_node *map, const char *key)
{
	const c5_yaml_node *node = c5_yaml_get(map, key);
	*out = false;
	return node ? c5_yaml_bool(out, node) : C5_OK;
}

/* A scalar or a sequence of them into `out`, which has room for `cap` and ends with NULL. */
static int take_list(const char **out, size_t cap, const c5_yaml_node *map, const char *key)
{
	const c5_yaml_node *node = c5_yaml_get(map, key);
	if (!node) return C5_OK;
	if (node->kind != C5_YAML_LIST) return c5_yaml_text(&out[0], node);
	if (node->n >= cap) return c5_yaml_fail(C5_ESCHEMA, node, "%s: at most %zu entries", key, cap - 1);
	for (size_t i = 0; i < node->n; i++) {
		int err = c5_yaml_text(&out[i], node->items[i]);
		if (err < 0) return err;
	}
	return C5_OK;
}

/* A key that is none of ours is a slip, not an extension: an older program would read the wrong meaning. */
static int check_keys(const c5_yaml_node *map, const char *const *known)
{
	if (map->kind != C5_YAML_MAP) return c5_yaml_fail(C5_ESCHEMA, map, "a map is expected, found %s", c5_yaml_kind_name(map));
	for (size_t i = 0; i < map->n; i++) {
		size_t k = 0;
		while (known[k] && strcmp(known[k], map->keys[i]->text) != 0) k++;
		if (!known[k]) return c5_yaml_fail(C5_ESCHEMA, map->keys[i], "%.60s: unknown key", map->keys[i]->text);
	}
	return C5_OK;
}

static int read_fields(c5_schema_field **out, size_t *n, const c5_yaml_node *rule, const char *key, const char *type_key)
{
	static const char *const known[] = { "type", "dtype", "required", "unit", "doc", "value", NULL };
	const c5_yaml_node *map = c5_yaml_get(rule, key);
	int err;
	if (!map) return C5_OK;
	if (map->kind != C5_YAML_MAP) return c5_yaml_fail(C5_ESCHEMA, map, "%s: a map is expected, found %s", key, c5_yaml_kind_name(map));
	if ((err = c5_alloc(out, map->n, sizeof **out)) < 0) return err;
	for (*n = 0; *n < map->n; ++*n) {
		c5_schema_field *f = *out + *n;
		const c5_yaml_node *said = map->items[*n];
		f->name = map->keys[*n]->text;
		if ((err = check_keys(said, known)) < 0 || (err = take_list(f->types, sizeof f->types / sizeof *f->types, said, type_key)) < 0 ||
		    (err = take_flag(&f->required, said, "required")) < 0 || (err = take_text(&f->unit, said, "unit")) < 0 ||
		    (err = take_text(&f->doc, said, "doc")) < 0 || (err = take_text(&f->value, said, "value")) < 0)
			return err;
		if (!f->types[0] || !f->doc) return c5_yaml_fail(C5_ESCHEMA, said, "%s: %s and doc are expected", f->name, type_key);
	}
	return C5_OK;
}

static int read_ranks(c5_rule *r, const c5_yaml_node *map)
{
	const c5_yaml_node *ranks = c5_yaml_get(map, "rank");
	for (size_t i = 0; ranks && i < ranks->n; i++) {
		int64_t rank;
		int err = c5_yaml_int(&rank, ranks->items[i]);
		if (err < 0) return err;
		if (rank < 0 || rank > 31) return c5_yaml_fail(C5_ESCHEMA, ranks->items[i], "rank %lld", (long long)rank);
		r->ranks |= 1u << rank;
	}
	return C5_OK;
}

static int read_rule(c5_rule *r, const c5_yaml_node *map)
{
	static const char *const known[] = { "path", "kind", "required", "rank", "axes", "dtype", "doc", "target", "attributes", "columns", NULL };
	const char *kind;
	int err;
	if ((err = check_keys(map, known)) < 0 || (err = take_text(&r->path, map, "path")) < 0 || (err = take_text(&kind, map, "kind")) < 0 ||
	    (err = take_text(&r->doc, map, "doc")) < 0 || (err = take_text(&r->target, map, "target")) < 0 ||
	    (err = take_flag(&r->required, map, "required")) < 0)
		return err;
	if (!r->path || r->path[0] != '/' || !kind || !r->doc) return c5_yaml_fail(C5_ESCHEMA, map, "path, kind and doc are expected");
	for (int k = C5_KIND_GROUP; k < C5_KIND_OTHER; k++)
		if (strcmp(kind, c5_kind_name(k)) == 0) r->kind = k;
	if (!r->kind) return c5_yaml_fail(C5_ESCHEMA, c5_yaml_get(map, "kind"), "%.60s: unknown kind", kind);
	if ((err = read_ranks(r, map)) < 0 || (err = take_list(r->dtypes, sizeof r->dtypes / sizeof *r->dtypes, map, "dtype")) < 0 ||
	    (err = take_list(r->axes, sizeof r->axes / sizeof *r->axes, map, "axes")) < 0)
		return err;
	if ((err = read_fields(&r->attrs, &r->n_attrs, map, "attributes", "type")) < 0) return err;
	return read_fields(&r->columns, &r->n_columns, map, "columns", "dtype");
}

int c5_schema_read(c5_schema **out, const char *name, const char *text)
{
	static const char *const known[] = { "format", "version", "objects", NULL };
	c5_schema *s;
	const char *format;
	*out = NULL;
	int err = c5_alloc(&s, 1, sizeof *s);
	if (err < 0) return err;
	if ((err = c5_yaml_parse(&s->doc, name, text, strlen(text))) < 0) goto done;
	const c5_yaml_node *root = c5_yaml_root(s->doc), *objects = c5_yaml_get(root, "objects");
	if ((err = check_keys(root, known)) < 0 || (err = take_text(&format, root, "format")) < 0 || (err = take_text(&s->version, root, "version")) < 0)
		goto done;
	if (!format || strcmp(format, "cyto5") != 0 || !s->version || !objects || objects->kind != C5_YAML_LIST) {
		err = c5_fail(C5_ESCHEMA, "%s: no schema of a cyto5 container (format, version and objects expected)", name);
		goto done;
	}
	if ((err = c5_alloc(&s->rules, objects->n, sizeof *s->rules)) < 0) goto done;
	while (err == C5_OK && s->n < objects->n) {
		err = read_rule(&s->rules[s->n], objects->items[s->n]);
		s->n++;
	}
done:
	if (err < 0) c5_schema_free(s);
	else *out = s;
	return err;
}

void c5_schema_free(c5_schema *s)
{
	if (!s) return;
	for (size_t i = 0; i < s->n; i++) {
		free(s->rules[i].attrs);
		free(s->rules[i].columns);
	}
	free(s->rules);
	c5_yaml_free(s->doc);
	free(s);
}

/* ---- matching ---- */

static size_t word(const char *p) { return strcspn(p, "/"); }

/* How well a pattern's segment fits a name: 0 not, 1 as any name, 2 as a revision, 3 to the letter. */
static int fits(const char *pattern, size_t n, const char *name, size_t m)
{
	char copy[32];
	if (n == m && strncmp(pattern, name, n) == 0) return 3;
	if (n < 2 || pattern[0] != '{' || m == 0) return 0;
	if (strncmp(pattern, "{revision}", n) != 0) return 1;
	if (m >= sizeof copy) return 0;
	memcpy(copy, name, m);
	copy[m] = '\0';
	return c5_revision_number(copy) ? 2 : 0;
}

/* One number a rule, larger for the better fit; 0 when it does not fit. The first segments weigh most. */
static uint64_t fit(const char *pattern, const char *path)
{
	uint64_t total = 0;
	if (strcmp(pattern, "/") == 0 || strcmp(path, "/") == 0) return strcmp(pattern, path) == 0;
	while (*pattern == '/' && *path == '/') {
		int f = fits(pattern + 1, word(pattern + 1), path + 1, word(path + 1));
		if (!f) return 0;
		total = total * 4 + (uint64_t)f;
		pattern += 1 + word(pattern + 1);
		path += 1 + word(path + 1);
	}
	return *pattern || *path ? 0 : total;
}

const c5_rule *c5_schema_match(const c5_schema *s, const char *path)
{
	const c5_rule *best = NULL;
	uint64_t best_fit = 0;
	for (size_t i = 0; i < s->n; i++) {
		uint64_t f = fit(s->rules[i].path, path);
		if (f > best_fit) best = &s->rules[i], best_fit = f;
	}
	return best;
}

bool c5_schema_allows(const char *const *types, const char *type)
{
	bool whole = strncmp(type, "int", 3) == 0 || strncmp(type, "uint", 4) == 0 || strcmp(type, "whole") == 0;
	bool real = strncmp(type, "float", 5) == 0 || strcmp(type, "real") == 0;
	for (; *types; types++)
		if (strcmp(*types, type) == 0 || (whole && strcmp(*types, "whole") == 0) || (real && strcmp(*types, "real") == 0) ||
		    ((whole || real) && strcmp(*types, "number") == 0))
			return true;
	return false;
}
