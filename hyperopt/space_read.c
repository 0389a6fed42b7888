/* space_read.c – a space from YAML and back; see space.h.
 *
 *     rate:      {type: log, min: 1e-5, max: 0.1}
 *     width:     {type: integer, min: 8, max: 512, scale: log}
 *     optimiser: {type: choice, values: [sgd, adam]}
 *     momentum:  {type: continuous, min: 0, max: 0.99, when: {optimiser: sgd}} */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "hyperopt/space.h"

enum key { TYPE, MIN, MAX, STEP, SCALE, VALUES, WHEN, KEYS };
static const char *const key_names[] = { "type", "min", "max", "step", "scale", "values", "when", NULL };

#define BIT(k) (1u << (k))
/* Which keys each type takes, and which it cannot do without. */
static const struct kind { const char *name; int kind; bool log; unsigned takes, needs; } kinds[] = {
	{ "continuous", C5_PARAM_REAL, false, BIT(MIN) | BIT(MAX) | BIT(STEP) | BIT(SCALE), BIT(MIN) | BIT(MAX) },
	{ "log", C5_PARAM_REAL, true, BIT(MIN) | BIT(MAX), BIT(MIN) | BIT(MAX) },
	{ "integer", C5_PARAM_WHOLE, false, BIT(MIN) | BIT(MAX) | BIT(STEP) | BIT(SCALE), BIT(MIN) | BIT(MAX) },
	{ "choice", C5_PARAM_CHOICE, false, BIT(VALUES), BIT(VALUES) },
	{ "switch", C5_PARAM_CHOICE, false, 0, 0 },
};
#define KINDS (sizeof kinds / sizeof *kinds)
static const char *const kind_names[] = { "continuous", "log", "integer", "choice", "switch", NULL };
static const char *const switch_values[] = { "false", "true" };

static int no_such(const c5_yaml_node *at, const char *what, const char *word, const char *const *known)
{
	const char *near = c5_nearest(word, known);
	c5_buf b = { 0 };
	for (size_t i = 0; known[i]; i++) c5_text_addf(&b, "%s%s", i ? ", " : "", known[i]);
	char *all = c5_text_take(&b);
	int err = near ? c5_yaml_fail(C5_EUSAGE, at, "%.100s: unknown %s; did you mean %s?", word, what, near)
	               : c5_yaml_fail(C5_EUSAGE, at, "%.100s: unknown %s; known are %s", word, what, all ? all : "");
	free(all);
	return err;
}

/* A name goes into column names, placeholders and options. */
static bool is_name(const char *s)
{
	return *s && strlen(s) < 40 && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") == strlen(s) && *s != '-';
}

/* What a parameter's map holds, by key. */
static int sort_keys(const c5_yaml_node *map, const c5_yaml_node *found[KEYS])
{
	for (size_t i = 0; i < map->n; i++) {
		int k = 0;
		while (k < KEYS && strcmp(map->keys[i]->text, key_names[k]) != 0) k++;
		if (k == KEYS) return no_such(map->keys[i], "key", map->keys[i]->text, key_names);
		found[k] = map->items[i];
	}
	return C5_OK;
}

static int find_kind(const struct kind **out, const c5_yaml_node *param, const c5_yaml_node *const found[KEYS])
{
	const char *word;
	int err;
	if (!found[TYPE]) return c5_yaml_fail(C5_EUSAGE, param, "type: is missing; continuous, log, integer, choice or switch is expected");
	if ((err = c5_yaml_text(&word, found[TYPE])) < 0) return err;
	*out = NULL;
	for (size_t i = 0; i < KINDS && !*out; i++)
		if (strcmp(kinds[i].name, word) == 0) *out = &kinds[i];
	if (!*out) return no_such(found[TYPE], "type", word, kind_names);
	for (int k = MIN; k < WHEN; k++) {
		if (found[k] && !((*out)->takes & BIT(k)))
			return c5_yaml_fail(C5_EUSAGE, found[k], "%s: a parameter of type %s has none", key_names[k], word);
		if (!found[k] && ((*out)->needs & BIT(k)))
			return c5_yaml_fail(C5_EUSAGE, param, "%s: is missing; a parameter of type %s needs it", key_names[k], word);
	}
	return C5_OK;
}

static int read_choices(c5_space *s, const char *name, const c5_yaml_node *list)
{
	const char **words = NULL;
	if (list->kind != C5_YAML_LIST)
		return c5_yaml_fail(C5_EUSAGE, list, "values: a sequence of choices is expected, found %s", c5_yaml_kind_name(list));
	if (list->n == 0) return c5_yaml_fail(C5_EUSAGE, list, "values: the range is empty: no choices to choose from");
	int err = c5_alloc(&words, list->n, sizeof *words);
	for (size_t i = 0; err == C5_OK && i < list->n; i++) err = c5_yaml_text(&words[i], list->items[i]);
	if (err == C5_OK && (err = c5_space_add_choice(s, name, list->n, words)) < 0) c5_yaml_fail_in(err, list);
	free(words);
	return err;
}

static int read_number(double *out, const c5_yaml_node *node) { return node ? c5_yaml_real(out, node) : C5_OK; }

static int read_param(c5_space *s, const c5_yaml_node *key, const c5_yaml_node *map)
{
	const c5_yaml_node *found[KEYS] = { NULL };
	const struct kind *kind = NULL;
	double min = 0, max = 0, step = 0;
	int err;
	if (!is_name(key->text))
		return c5_yaml_fail(C5_EUSAGE, key, "'%.100s': no name of a parameter; at most 39 letters, digits, dashes, dots and underscores are",
			key->text);
	if (map->kind != C5_YAML_MAP)
		return c5_yaml_fail(C5_EUSAGE, map, "%s: a map with its type is expected, found %s", key->text, c5_yaml_kind_name(map));
	if ((err = sort_keys(map, found)) < 0 || (err = find_kind(&kind, map, found)) < 0) return err;
	if (kind->kind == C5_PARAM_CHOICE) {
		if (found[VALUES]) return read_choices(s, key->text, found[VALUES]);
		return (err = c5_space_add_choice(s, key->text, 2, switch_values)) < 0 ? c5_yaml_fail_in(err, key) : C5_OK;
	}
	bool log = kind->log;
	if (found[SCALE]) {
		static const char *const scales[] = { "linear", "log", NULL };
		const char *word;
		if ((err = c5_yaml_text(&word, found[SCALE])) < 0) return err;
		if (strcmp(word, "linear") != 0 && strcmp(word, "log") != 0) return no_such(found[SCALE], "scale", word, scales);
		log = strcmp(word, "log") == 0;
	}
	if ((err = read_number(&min, found[MIN])) < 0 || (err = read_number(&max, found[MAX])) < 0 || (err = read_number(&step, found[STEP])) < 0)
		return err;
	if (found[STEP] && step <= 0) return c5_yaml_fail(C5_EUSAGE, found[STEP], "step: a number above 0 is expected");
	return (err = c5_space_add(s, key->text, kind->kind, min, max, log, step)) < 0 ? c5_yaml_fail_in(err, key) : C5_OK;
}

static int read_condition(c5_space *s, size_t i, const c5_yaml_node *key, const c5_yaml_node *value)
{
	const char *names[C5_SPACE_MOST + 1] = { NULL };
	size_t parent = c5_space_find(s, key->text), n = value->kind == C5_YAML_LIST ? value->n : 1;
	if (parent == SIZE_MAX) {
		for (size_t k = 0; k < s->n; k++) names[k] = s->params[k].name;
		return no_such(key, "parameter in a condition", key->text, names);
	}
	const c5_param *p = &s->params[parent];
	double *values = NULL;
	int err = C5_OK;
	if (!(p->step > 0))
		return c5_yaml_fail(C5_EUSAGE, key, "%s: a condition hangs on a choice, a switch or a parameter with steps; this one is continuous", p->name);
	if (n == 0) return c5_yaml_fail(C5_EUSAGE, value, "%s: a value or a sequence of values is expected", p->name);
	if ((err = c5_alloc(&values, n, sizeof *values)) < 0) return err;
	for (size_t k = 0; err == C5_OK && k < n; k++) {
		const c5_yaml_node *item = value->kind == C5_YAML_LIST ? value->items[k] : value;
		const char *word;
		if ((err = c5_yaml_text(&word, item)) == C5_OK && !c5_param_parse(p, word, &values[k]))
			err = p->kind == C5_PARAM_CHOICE ? no_such(item, "choice", word, (const char *const *)p->choices)
			                                 : c5_yaml_fail(C5_EUSAGE, item, "%s: cannot be %.100s", p->name, word);
	}
	if (err == C5_OK) err = c5_space_add_condition(s, i, parent, n, values);
	free(values);
	return err;
}

int c5_space_read(c5_space *s, const c5_yaml_node *map)
{
	int err = C5_OK;
	memset(s, 0, sizeof *s);
	if (map->kind != C5_YAML_MAP || map->n == 0)
		return c5_yaml_fail(C5_EUSAGE, map, "a map of parameters is expected, found %s",
			map->kind == C5_YAML_MAP ? "an empty one" : c5_yaml_kind_name(map));
	for (size_t i = 0; err == C5_OK && i < map->n; i++) {
		if ((err = read_param(s, map->keys[i], map->items[i])) < 0) break;
		c5_space one = { .params = &s->params[i], .n = 1 }; /* its range, told with its line */
		if ((err = c5_space_settle(&one)) < 0) c5_yaml_fail_in(err, map->items[i]);
		free(one.order);
	}
	for (size_t i = 0; err == C5_OK && i < s->n; i++) {
		const c5_yaml_node *when = c5_yaml_get(map->items[i], "when");
		if (!when) continue;
		if (when->kind != C5_YAML_MAP || when->n == 0)
			err = c5_yaml_fail(C5_EUSAGE, when, "when: a map PARAMETER: VALUE is expected, found %s", c5_yaml_kind_name(when));
		for (size_t k = 0; err == C5_OK && k < when->n; k++) err = read_condition(s, i, when->keys[k], when->items[k]);
	}
	if (err == C5_OK && (err = c5_space_settle(s)) < 0) c5_yaml_fail_in(err, map);
	if (err < 0) c5_space_free(s);
	return err;
}

/* ---- out ---- */

static void add_value(c5_buf *to, const c5_param *p, double value)
{
	char text[C5_VALUE_TEXT];
	if (p->kind == C5_PARAM_CHOICE) c5_yaml_add_text(to, c5_param_text(text, p, value));
	else c5_text_add(to, c5_param_text(text, p, value));
}

static void add_range(c5_buf *to, const c5_param *p)
{
	char a[C5_REAL_TEXT], b[C5_REAL_TEXT], c[C5_REAL_TEXT];
	bool plain_log = p->kind == C5_PARAM_REAL && p->log && !(p->step > 0);
	c5_text_addf(to, "type: %s, min: %s, max: %s", p->kind == C5_PARAM_WHOLE ? "integer" : plain_log ? "log" : "continuous", c5_text_real(a, p->min),
		c5_text_real(b, p->max));
	if (p->step > 0 && !(p->kind == C5_PARAM_WHOLE && p->step == 1)) c5_text_addf(to, ", step: %s", c5_text_real(c, p->step));
	if (p->log && !plain_log) c5_text_add(to, ", scale: log");
}

void c5_space_add_text(c5_buf *to, int indent, const c5_space *s)
{
	for (size_t i = 0; i < s->n; i++) {
		const c5_param *p = &s->params[i];
		c5_text_addf(to, "%*s%s: {", indent, "", p->name);
		if (p->kind == C5_PARAM_CHOICE) {
			c5_text_add(to, "type: choice, values: [");
			for (size_t k = 0; k < p->n_choices; k++) {
				c5_text_add(to, k ? ", " : "");
				c5_yaml_add_text(to, p->choices[k]);
			}
			c5_text_add(to, "]");
		} else add_range(to, p);
		for (size_t k = 0; k < p->n_when; k++) {
			const c5_param *parent = &s->params[p->when[k].parent];
			c5_text_addf(to, "%s%s: [", k ? ", " : ", when: {", parent->name);
			for (size_t j = 0; j < p->when[k].n; j++) {
				c5_text_add(to, j ? ", " : "");
				add_value(to, parent, p->when[k].values[j]);
			}
			c5_text_add(to, "]");
		}
		c5_text_addf(to, "%s}\n", p->n_when ? "}" : "");
	}
}
