/* pipeline.c – see pipeline.h. */
#include "pipeline/pipeline.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "base/yaml.h"
#include "pipeline/steps.h"

#define STEPS_KEY "steps"

const c5_opt c5_pipeline_opts[] = {
	{ "title", C5_OPT_TEXT, offsetof(c5_pipeline, title), NULL, 0, 0, NULL, NULL, "a line on what this is, kept in the run record" },
	{ "seed", C5_OPT_INT, offsetof(c5_pipeline, seed), "1", 0, 9007199254740992.0, NULL, NULL, "start of all random numbers" },
	{ "container", C5_OPT_TEXT, offsetof(c5_pipeline, container), NULL, 0, 0, NULL, "FILE.h5", "the file that results go to" },
	{ "inputs", C5_OPT_LIST, offsetof(c5_pipeline, inputs), NULL, 0, 0, NULL, "FILE", "what to take in" },
	{ "commit-every-s", C5_OPT_REAL, offsetof(c5_pipeline, commit_every_s), "60", 0.1, 86400, "s", NULL, "longest work a kill can cost" },
	{ 0 },
};

int c5_pipeline_init(c5_pipeline *p)
{
	memset(p, 0, sizeof *p);
	return c5_opt_defaults(c5_pipeline_opts, p);
}

void c5_pipeline_free(c5_pipeline *p)
{
	for (size_t i = 0; i < p->n; i++) {
		c5_opt_clear(p->steps[i].kind->opts, p->steps[i].params);
		free(p->steps[i].params);
	}
	free(p->steps);
	c5_opt_clear(c5_pipeline_opts, p);
	memset(p, 0, sizeof *p);
}

int c5_pipeline_add(c5_pipeline *p, const c5_step_kind *kind, c5_step **out)
{
	void *params = NULL;
	int err = c5_grow(&p->steps, &p->cap, p->n + 1, sizeof *p->steps);
	if (err == C5_OK) err = c5_alloc(&params, 1, kind->params_size);
	if (err < 0) return err;
	p->steps[p->n] = (c5_step){ kind, params, 0 };
	if (out) *out = &p->steps[p->n];
	p->n++;
	err = c5_opt_defaults(kind->opts, params);
	return err < 0 ? c5_fail_in(err, "step %s", kind->name) : C5_OK;
}

const c5_step *c5_pipeline_find(const c5_pipeline *p, const char *kind, size_t from)
{
	for (size_t i = from; i < p->n; i++)
		if (strcmp(p->steps[i].kind->name, kind) == 0) return &p->steps[i];
	return NULL;
}

/* ---- reading ---- */

/* Names for "did you mean" and "known are", in one NULL-ended list. Caller frees. */
static const char **kind_names(const c5_step_kind *const *kinds)
{
	const char **names = NULL;
	size_t n = 0;
	while (kinds[n]) n++;
	if (c5_alloc(&names, n + 1, sizeof *names) < 0) return NULL;
	for (size_t i = 0; i < n; i++) names[i] = kinds[i]->name;
	return names;
}

static char *joined(const char *const *words)
{
	c5_buf b = { 0 };
	for (int i = 0; words[i]; i++) c5_text_addf(&b, "%s%s", i ? ", " : "", words[i]);
	return c5_text_take(&b);
}

static int unknown_step(const c5_yaml_node *at, const c5_step_kind *const *kinds)
{
	const char **names = kind_names(kinds), *near = names ? c5_nearest(at->text, names) : NULL;
	char *known = names && !near ? joined(names) : NULL;
	int err = near    ? c5_yaml_fail(C5_EUSAGE, at, "%.200s: unknown step; did you mean %s?", at->text, near)
	          : known ? c5_yaml_fail(C5_EUSAGE, at, "%.200s: unknown step; known are %s", at->text, known)
	                  : C5_ENOMEM;
	free(names);
	free(known);
	return err;
}

/* A step is a bare name, or a map of one name to its settings. */
static int read_step(c5_pipeline *p, const c5_yaml_node *node, const c5_step_kind *const *kinds)
{
	const c5_yaml_node *name = node, *settings = NULL;
	c5_step *step = NULL;
	if (node->kind == C5_YAML_MAP && node->n == 1) {
		name = node->keys[0];
		settings = node->items[0];
	} else if (node->kind == C5_YAML_MAP && node->n > 1) {
		return c5_yaml_fail(C5_EUSAGE, node->keys[1],
		                    "%.100s: a step is one name with its settings indented below it, found %.100s and %.100s side by side", node->keys[0]->text,
		                    node->keys[0]->text, node->keys[1]->text);
	} else if (node->kind != C5_YAML_SCALAR) {
		return c5_yaml_fail(C5_EUSAGE, node, "a step is expected (`- segment: {method: otsu}`), found %s",
			node->kind == C5_YAML_MAP ? "an empty map" : c5_yaml_kind_name(node));
	}
	const c5_step_kind *kind = NULL;
	for (int i = 0; kinds[i] && !kind; i++)
		if (strcmp(kinds[i]->name, name->text) == 0) kind = kinds[i];
	if (!kind) return unknown_step(name, kinds);
	int err = c5_pipeline_add(p, kind, &step);
	if (err < 0) return err;
	step->line = name->line;
	if (settings && (err = c5_step_preset(kind, step->params, settings)) < 0) return err;
	return settings ? c5_yaml_apply(kind->opts, step->params, settings) : C5_OK;
}

static int read_steps(c5_pipeline *p, const c5_yaml_node *list, const c5_step_kind *const *kinds)
{
	int err = C5_OK;
	if (list->kind != C5_YAML_LIST || list->n == 0)
		return c5_yaml_fail(C5_EUSAGE, list, STEPS_KEY ": a sequence of one step or more is expected, found %s",
		                    list->kind == C5_YAML_LIST ? "an empty one" : c5_yaml_kind_name(list));
	for (size_t i = 0; i < list->n && err == C5_OK; i++) err = read_step(p, list->items[i], kinds);
	for (size_t i = 0; i < p->n && err == C5_OK; i++) { /* what no step makes may be in the container already; what a later one makes is a slip */
		const char *needs = p->steps[i].kind->needs;
		const c5_step *made = needs ? c5_pipeline_find(p, needs, 0) : NULL;
		if (made && made > &p->steps[i])
			err = c5_yaml_fail(C5_EUSAGE, list->items[i], "%s: needs %s before it, found behind it in line %d", p->steps[i].kind->name, needs, made->line);
	}
	return err;
}

static int unknown_key(const c5_yaml_node *key)
{
	const char *names[16] = { STEPS_KEY };
	int n = 1;
	for (const c5_opt *row = c5_pipeline_opts; row->name && n < 15; row++) names[n++] = row->name;
	const char *near = c5_nearest(key->text, names);
	if (near) return c5_yaml_fail(C5_EUSAGE, key, "%.200s: unknown key; did you mean %s?", key->text, near);
	char *known = joined(names);
	int err = known ? c5_yaml_fail(C5_EUSAGE, key, "%.200s: unknown key; known are %s", key->text, known) : C5_ENOMEM;
	free(known);
	return err;
}

static int read_top(c5_pipeline *p, const c5_yaml_node *top, const c5_step_kind *const *kinds)
{
	const c5_yaml_node *steps = NULL;
	c5_yaml_node others = *top; /* the same map without `steps`; its arrays are ours, their nodes are not */
	int err;
	if (top->kind != C5_YAML_MAP)
		return c5_yaml_fail(C5_EUSAGE, top, "a map with the key " STEPS_KEY " is expected, found %s", c5_yaml_kind_name(top));
	others.n = 0;
	others.keys = others.items = NULL;
	if ((err = c5_alloc(&others.keys, top->n, sizeof *others.keys)) < 0 || (err = c5_alloc(&others.items, top->n, sizeof *others.items)) < 0) goto done;
	for (size_t i = 0; i < top->n; i++) {
		if (strcmp(top->keys[i]->text, STEPS_KEY) == 0) {
			steps = top->items[i];
		} else if (!c5_opt_find(c5_pipeline_opts, top->keys[i]->text)) {
			err = unknown_key(top->keys[i]);
			goto done;
		} else {
			others.keys[others.n] = top->keys[i];
			others.items[others.n++] = top->items[i];
		}
	}
	if ((err = c5_yaml_apply(c5_pipeline_opts, p, &others)) < 0) goto done;
	err = steps ? read_steps(p, steps, kinds) : c5_yaml_fail(C5_EUSAGE, top, STEPS_KEY ": missing; a sequence of one step or more is expected");
done:
	free(others.keys);
	free(others.items);
	return err;
}

static int read_doc(c5_pipeline *p, c5_yaml *doc, const c5_step_kind *const *kinds)
{
	int err = read_top(p, c5_yaml_root(doc), kinds);
	c5_yaml_free(doc);
	return err;
}

int c5_pipeline_read(c5_pipeline *p, const char *path, const c5_step_kind *const *kinds)
{
	c5_yaml *doc;
	int err = c5_pipeline_init(p);
	if (err < 0 || (err = c5_yaml_read(&doc, path)) < 0) return err;
	return read_doc(p, doc, kinds);
}

int c5_pipeline_parse(c5_pipeline *p, const char *name, const char *text, size_t size, const c5_step_kind *const *kinds)
{
	c5_yaml *doc;
	int err = c5_pipeline_init(p);
	if (err < 0 || (err = c5_yaml_parse(&doc, name, text, size)) < 0) return err;
	return read_doc(p, doc, kinds);
}

/* ---- writing ---- */

char *c5_pipeline_text(const c5_pipeline *p)
{
	c5_buf b = { 0 };
	c5_yaml_add_options(&b, 0, c5_pipeline_opts, p);
	c5_text_add(&b, STEPS_KEY ":\n");
	for (size_t i = 0; i < p->n; i++) {
		const c5_step_kind *kind = p->steps[i].kind;
		c5_text_addf(&b, "  - %s: # version %u\n", kind->name, kind->version);
		c5_yaml_add_options(&b, 6, kind->opts, p->steps[i].params);
	}
	return c5_text_take(&b);
}
