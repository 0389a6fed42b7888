/* setup.c – see setup.h. */
#include "hyperopt/setup.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

const c5_opt c5_search_opts[] = {
	{ "name", C5_OPT_TEXT, offsetof(c5_search_params, name), NULL, 0, 0, NULL, "NAME", "of the search in the container; unset: the file's" },
	{ "title", C5_OPT_TEXT, offsetof(c5_search_params, title), NULL, 0, 0, NULL, "TEXT", "a line for people" },
	{ "goal", C5_OPT_CHOICE, offsetof(c5_search_params, goal), "minimise", 0, 0, NULL, "minimise|maximise", "which values are good" },
	{ "algorithm", C5_OPT_TEXT, offsetof(c5_search_params, algorithm), "gp", 0, 0, NULL, "NAME",
	  "gp, sobol, random, or one of NLopt's, as GN_CRS2_LM" },
	{ "trials", C5_OPT_INT, offsetof(c5_search_params, trials), "60", 1, 1e6, NULL, NULL, "points to try, with those that fail" },
	{ "time", C5_OPT_REAL, offsetof(c5_search_params, time_s), "0", 0, 1e9, "s", NULL, "no new trial begins after it; 0: no limit" },
	{ "repeats", C5_OPT_INT, offsetof(c5_search_params, repeats), "1", 1, 1000, NULL, NULL, "runs of a noisy objective that a trial is the mean of" },
	{ "exact", C5_OPT_BOOL, offsetof(c5_search_params, exact), NULL, 0, 0, NULL, NULL, "the objective has no noise: the best value is what it seems" },
	{ "seed", C5_OPT_INT, offsetof(c5_search_params, seed), "1", 0, 9e15, NULL, NULL, "of all that is drawn" },
	{ "startup", C5_OPT_INT, offsetof(c5_search_params, startup), "0", 0, 1e6, NULL, NULL,
	  "gp: evenly spread trials before the first model; 0: as fits the space" },
	{ "give-up", C5_OPT_INT, offsetof(c5_search_params, give_up), "12", 1, 1e6, NULL, NULL,
	  "failures from the beginning on after which the search ends" },
	{ "ranks-per-trial", C5_OPT_INT, offsetof(c5_search_params, ranks_per_trial), "1", 1, 1e6, NULL, NULL, "MPI ranks that one trial takes" },
	{ "jobs", C5_OPT_INT, offsetof(c5_search_params, jobs), "1", 1, 4096, NULL, NULL,
	  "trials that one rank, or group of ranks, runs at the same time" },
	{ 0 },
};

/* What may change when a search goes on. */
static const char *const loose[] = { "title", "trials", "time", "give-up", "exact", "ranks-per-trial", "jobs", "scratch", "launch", "keep", "limit" };
static const char *const parts[] = { "space", "objective", "early-stop", "start" };
#define PARTS (sizeof parts / sizeof *parts)
enum part { SPACE, OBJECTIVE, EARLY_STOP, START };

static bool same_key(const char *a, const char *b)
{
	for (; *a && *b; a++, b++)
		if ((*a == '_' ? '-' : *a) != (*b == '_' ? '-' : *b)) return false;
	return *a == *b;
}

/* ---- in ---- */

static int unknown_key(const c5_yaml_node *key)
{
	const char *known[PARTS + sizeof c5_search_opts / sizeof *c5_search_opts] = { NULL };
	size_t n = 0;
	for (size_t i = 0; i < PARTS; i++) known[n++] = parts[i];
	for (const c5_opt *row = c5_search_opts; row->name; row++) known[n++] = row->name;
	const char *near = c5_nearest(key->text, known);
	if (near) return c5_yaml_fail(C5_EUSAGE, key, "%.100s: unknown key; did you mean %s?", key->text, near);
	return c5_yaml_fail(C5_EUSAGE, key,
		"%.100s: unknown key; known are space, objective, start, early-stop, name, goal, trials and more (docs/search.md)", key->text);
}

/* The parts are taken out; what is left is settings, given to c5_yaml_apply as a map of its own. */
static int split(const c5_yaml_node *root, const c5_yaml_node *part[PARTS], c5_search_params *params)
{
	c5_yaml_node settings = *root;
	int err = c5_alloc(&settings.keys, root->n + 1, sizeof *settings.keys);
	if (err == C5_OK) err = c5_alloc(&settings.items, root->n + 1, sizeof *settings.items);
	else settings.items = NULL;
	settings.n = 0;
	for (size_t i = 0; err == C5_OK && i < root->n; i++) {
		size_t k = 0;
		while (k < PARTS && !same_key(root->keys[i]->text, parts[k])) k++;
		if (k < PARTS) {
			part[k] = root->items[i];
		} else if (!c5_opt_find(c5_search_opts, root->keys[i]->text)) {
			err = unknown_key(root->keys[i]);
		} else {
			settings.keys[settings.n] = root->keys[i];
			settings.items[settings.n++] = root->items[i];
		}
	}
	if (err == C5_OK) err = c5_yaml_apply(c5_search_opts, params, &settings);
	free(settings.keys);
	free(settings.items);
	return err;
}

/* What a parameter can be, for who gave it something else. */
static int cannot_be(const c5_yaml_node *at, const c5_param *p, const char *word)
{
	char min[C5_VALUE_TEXT], max[C5_VALUE_TEXT];
	c5_buf b = { 0 };
	for (size_t i = 0; i < p->n_choices; i++) c5_text_addf(&b, "%s%s", i ? ", " : "", p->choices[i]);
	if (p->n_choices == 0) c5_text_addf(&b, "%s to %s", c5_param_text(min, p, p->min), c5_param_text(max, p, p->max));
	char *all = c5_text_take(&b);
	int err = c5_yaml_fail(C5_EUSAGE, at, "%s: cannot be %.100s; the space has %.200s%s", p->name, word, all ? all : "",
		p->kind == C5_PARAM_WHOLE ? ", whole" : "");
	free(all);
	return err;
}

/* A point to begin with: values by name; what it does not say is in the middle of its range. */
static int read_start(const c5_space *space, const c5_yaml_node *map, double *values)
{
	const char *names[C5_SPACE_MOST + 1] = { NULL };
	int err;
	for (size_t i = 0; i < space->n; i++) {
		names[i] = space->params[i].name;
		values[i] = c5_param_value(&space->params[i], 0.5);
	}
	if (map->kind != C5_YAML_MAP) return c5_yaml_fail(C5_EUSAGE, map, "start: a map PARAMETER: VALUE is expected, found %s", c5_yaml_kind_name(map));
	for (size_t k = 0; k < map->n; k++) {
		size_t i = c5_space_find(space, map->keys[k]->text);
		const char *word;
		if (i == SIZE_MAX) {
			const char *near = c5_nearest(map->keys[k]->text, names);
			return c5_yaml_fail(C5_EUSAGE, map->keys[k], "%.100s: no parameter of the space%s%s%s", map->keys[k]->text, near ? "; did you mean " : "",
				near ? near : "",
				near ? "?" : "");
		}
		if ((err = c5_yaml_text(&word, map->items[k])) < 0) return err;
		if (!c5_param_parse(&space->params[i], word, &values[i]))
			return cannot_be(map->items[k], &space->params[i], word);
	}
	(void)c5_space_settle_values(space, values);
	return C5_OK;
}

static int read_starts(c5_search_setup *s, const c5_yaml_node *node)
{
	if (!node || node->kind == C5_YAML_NULL) return C5_OK;
	size_t n = node->kind == C5_YAML_LIST ? node->n : 1;
	int err = c5_alloc(&s->starts, n, s->space.n * sizeof *s->starts);
	for (size_t i = 0; err == C5_OK && i < n; i++)
		err = read_start(&s->space, node->kind == C5_YAML_LIST ? node->items[i] : node, s->starts + i * s->space.n);
	s->n_starts = n;
	return err;
}

static int set_name(c5_search_params *p, const char *path)
{
	if (!p->name) {
		const char *base = strrchr(path, '/');
		base = base ? base + 1 : path;
		size_t n = strcspn(base, ".");
		if (!(p->name = c5_format("%.*s", n > 60 ? 60 : (int)n, base))) return c5_fail(C5_ENOMEM, "out of memory");
	}
	static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.+";
	if (!*p->name || strlen(p->name) > 60 || strspn(p->name, good) != strlen(p->name) || *p->name == '.')
		return c5_fail(C5_EUSAGE, "name '%.80s': at most 60 letters, digits, dashes, dots and underscores are expected; give one as name: or --name",
			p->name);
	return C5_OK;
}

static int read_parts(c5_search_setup *s, const c5_yaml_node *root, const char *path, const char *const *overrides)
{
	const c5_yaml_node *part[PARTS] = { NULL };
	int err;
	if (root->kind != C5_YAML_MAP)
		return c5_yaml_fail(C5_EUSAGE, root, "a map with space and objective is expected, found %s", c5_yaml_kind_name(root));
	if ((err = split(root, part, &s->params)) < 0) return err;
	for (; overrides && overrides[0]; overrides += 2)
		if ((err = c5_opt_set(c5_search_opts, &s->params, overrides[0], overrides[1])) < 0) return err;
	if (!part[SPACE]) return c5_yaml_fail(C5_EUSAGE, root, "space: is missing; the parameters to be searched");
	if (!part[OBJECTIVE]) return c5_yaml_fail(C5_EUSAGE, root, "objective: is missing; what is to be made good");
	if ((err = c5_space_read(&s->space, part[SPACE])) < 0 || (err = c5_yaml_apply(c5_command_opts, &s->command, part[OBJECTIVE])) < 0) return err;
	if (part[EARLY_STOP] && (err = c5_yaml_apply(c5_stopping_opts, &s->stopping, part[EARLY_STOP])) < 0) return err;
	if ((err = read_starts(s, part[START])) < 0 || (err = set_name(&s->params, path)) < 0) return err;
	if ((err = c5_command_check(&s->command, &s->space, part[OBJECTIVE])) < 0) return err;
	c5_sampler sampler = c5_search_sampler(s);
	return c5_sampler_check(&sampler, &s->space);
}

static int read_document(c5_search_setup *s, c5_yaml *doc, const char *path, const char *const *overrides)
{
	int err;
	memset(s, 0, sizeof *s);
	if ((err = c5_opt_defaults(c5_search_opts, &s->params)) == C5_OK && (err = c5_opt_defaults(c5_command_opts, &s->command)) == C5_OK &&
	    (err = c5_opt_defaults(c5_stopping_opts, &s->stopping)) == C5_OK)
		err = read_parts(s, c5_yaml_root(doc), path, overrides);
	c5_yaml_free(doc);
	if (err < 0) c5_search_setup_free(s);
	return err;
}

int c5_search_read(c5_search_setup *s, const char *path, const char *const *overrides)
{
	c5_yaml *doc;
	int err = c5_yaml_read(&doc, path);
	return err < 0 ? err : read_document(s, doc, path, overrides);
}

int c5_search_parse(c5_search_setup *s, const char *name, const char *text, const char *const *overrides)
{
	c5_yaml *doc;
	int err = c5_yaml_parse(&doc, name, text, strlen(text));
	return err < 0 ? err : read_document(s, doc, name, overrides);
}

void c5_search_setup_free(c5_search_setup *s)
{
	c5_opt_clear(c5_search_opts, &s->params);
	c5_opt_clear(c5_command_opts, &s->command);
	c5_opt_clear(c5_stopping_opts, &s->stopping);
	c5_space_free(&s->space);
	free(s->starts);
	memset(s, 0, sizeof *s);
}

/* ---- out ---- */

/* The settings as c5_yaml_add_options writes them, without those that are loose if bare. */
static int add_options(c5_buf *to, int indent, const c5_opt *table, const void *settings, bool bare)
{
	c5_buf all = { 0 };
	c5_yaml_add_options(&all, indent, table, settings);
	char *text = c5_text_take(&all);
	if (!text) return C5_ENOMEM;
	bool drop = false;
	for (const char *line = text; *line;) {
		size_t n = strcspn(line, "\n") + (strchr(line, '\n') != NULL);
		const char *key = line + indent;
		if (n > (size_t)indent && *key != ' ' && *key != '-') { /* else it belongs to the key before */
			drop = false;
			for (size_t i = 0; bare && i < sizeof loose / sizeof *loose; i++)
				drop = drop || (strncmp(key, loose[i], strlen(loose[i])) == 0 && key[strlen(loose[i])] == ':');
		}
		if (!drop) c5_buf_put(to, line, n);
		line += n;
	}
	free(text);
	return to->err;
}

static void add_starts(c5_buf *to, const c5_search_setup *s)
{
	char text[C5_VALUE_TEXT];
	if (s->n_starts) c5_text_add(to, "start:\n");
	for (size_t k = 0; k < s->n_starts; k++) {
		bool first = true;
		c5_text_add(to, "  - {");
		for (size_t i = 0; i < s->space.n; i++) {
			double v = s->starts[k * s->space.n + i];
			if (isnan(v)) continue;
			c5_text_addf(to, "%s%s: ", first ? "" : ", ", s->space.params[i].name);
			c5_yaml_add_text(to, c5_param_text(text, &s->space.params[i], v));
			first = false;
		}
		c5_text_add(to, "}\n");
	}
}

char *c5_search_text(const c5_search_setup *s, bool bare)
{
	c5_buf b = { 0 };
	int err = add_options(&b, 0, c5_search_opts, &s->params, bare);
	c5_text_add(&b, "space:\n");
	c5_space_add_text(&b, 2, &s->space);
	add_starts(&b, s);
	c5_text_add(&b, "objective:\n");
	if (err == C5_OK) err = add_options(&b, 2, c5_command_opts, &s->command, bare);
	c5_text_add(&b, "early-stop:\n");
	if (err == C5_OK) err = add_options(&b, 2, c5_stopping_opts, &s->stopping, bare);
	if (err == C5_OK) return c5_text_take(&b);
	c5_buf_free(&b);
	return NULL;
}

bool c5_search_maximises(const c5_search_setup *s) { return strcmp(s->params.goal, "maximise") == 0; }

c5_sampler c5_search_sampler(const c5_search_setup *s)
{
	return (c5_sampler){ s->params.algorithm, (uint64_t)s->params.seed, (uint32_t)s->params.startup, s->n_starts, s->starts, s->params.exact };
}
