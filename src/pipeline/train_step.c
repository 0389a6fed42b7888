/* train_step.c – see train_step.h. */
#include "pipeline/train_step.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "pipeline/trained.h"

#define TRAIN_VERSION 1

static const c5_opt train_opts[] = {
	{ "name", C5_OPT_TEXT, offsetof(c5_train_step, name), NULL, 0, 0, NULL, "NAME", "of the model in the container" },
	{ "device", C5_OPT_TEXT, offsetof(c5_train_step, device), "auto", 0, 0, NULL, "auto|cpu|cuda[:N]", "what computes" },
#define F(member) offsetof(c5_train_step, learn.labelled.member)
#include "pipeline/labelled_rows.h"
#undef F
#define F(member) offsetof(c5_train_step, learn.learn.member)
#include "pipeline/learn_split_rows.h"
#include "pipeline/learn_model_rows.h"
#include "pipeline/learn_goal_rows.h"
#undef F
#define F(member) offsetof(c5_train_step, learn.train.member)
#include "train/train_rows.h"
#undef F
	{ "augment", C5_OPT_TEXT, offsetof(c5_train_step, augment), "standard", 0, 0, NULL, "PRESET", "none, published, standard or strong" },
#define F(member) offsetof(c5_train_step, learn.augment.member)
#include "train/augment_rows.h"
	{ 0 },
};
const c5_step_kind c5_kind_train = { "train", "fit a network to crops with classes", train_opts, sizeof(c5_train_step), TRAIN_VERSION, "crop" };

/* It has no jobs: all ranks do it together. Its models are published with the run. */
const c5_step_ops c5_step_train = { .kind = &c5_kind_train };

int c5_train_step_preset(void *params, const c5_yaml_node *settings)
{
	c5_train_step *p = params;
	const c5_yaml_node *node = settings->kind == C5_YAML_MAP ? c5_yaml_get(settings, "augment") : NULL;
	const char *name;
	int err = node ? c5_yaml_text(&name, node) : C5_OK;
	if (err < 0 || !node) return err;
	return c5_augment_preset(&p->learn.augment, name) < 0 ? c5_yaml_fail(C5_EUSAGE, node, "%s", c5_error_last()) : C5_OK;
}

int c5_train_step_ready(const c5_step *step, const char *container)
{
	const c5_train_step *p = step->params;
	c5_stored_model s;
	(void)container;
	if (!p->name) return c5_fail(C5_EUSAGE, "train: what is the model to be called? give the step a name, `- train: {name: senescence}`");
	int err = c5_stored_model_name(p->name);
	if (err < 0 || !p->learn.learn.from) return err;
	if ((err = c5_trained_read(NULL, NULL, &s, p->learn.learn.from)) == C5_OK) c5_stored_model_free(&s);
	return err;
}

bool c5_train_step_makes(const c5_step *step, const char *word)
{
	const c5_train_step *p = step->params;
	const c5_learn_params *k = &p->learn.learn;
	c5_learn l = { .members = (int)k->members, .folds = k->folds && !k->fold ? (int)k->folds : 1, .first_fold = k->fold ? (int)k->fold - 1 : 0 };
	bool found = false;
	for (int i = 0; p->name && i < l.members * l.folds && !found; i++) {
		char *name = c5_learn_name(&l, p->name, i);
		found = name && fnmatch(word, name, 0) == 0;
		free(name);
	}
	return found;
}

char *c5_train_step_text(const c5_train_step *p)
{
	c5_buf b = { 0 };
	for (const c5_opt *row = train_opts; row->name; row++) {
		static const char *const elsewhere[] = { "device", "cache", "save-every", "prefetch" }; /* what they say changes no number */
		bool counts = true;
		for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++) counts &= strcmp(row->name, elsewhere[i]) != 0;
		char *value = counts ? c5_opt_get(row, p) : NULL;
		if (value) {
			c5_text_addf(&b, "%s: ", row->name);
			if (row->type == C5_OPT_TEXT) c5_yaml_add_text(&b, value);
			else c5_text_add(&b, value); /* numbers and words of a list need no quotes */
			c5_text_add(&b, "\n");
		}
		free(value);
	}
	return c5_text_take(&b);
}

/* Whether training k of these crops is what a model says of itself. */
static bool same_crops(const c5_learn *l, const c5_stored_model *s)
{
	bool same = true;
	for (size_t i = 0; same && i < s->n_data; i++) {
		bool found = false;
		for (size_t k = 0; k < l->data->n_sources && !found; k++) found = strcmp(l->data->sources[k].path, s->data[i].path) == 0;
		same = found;
	}
	for (size_t k = 0; same && k < l->data->n_sources; k++) {
		bool found = false, used = false;
		for (size_t i = 0; i < l->data->n && !used; i++) used = l->data->items[i].source == k;
		for (size_t i = 0; i < s->n_data && !found; i++) found = strcmp(l->data->sources[k].path, s->data[i].path) == 0;
		same = found || !used;
	}
	return same && s->n_data > 0;
}

int c5_train_step_reuse(c5_file *f, const c5_learn *l, char *const *names, const char *settings, bool *reused)
{
	int err = C5_OK;
	*reused = true;
	for (int k = 0; k < l->n && err == C5_OK && *reused; k++) {
		c5_stored_model s;
		uint32_t number = 0;
		c5_stored_model_init(&s);
		*reused = false;
		if (c5_stored_model_latest(f, names[k], &number) < 0) c5_error_clear();
		if (number && (err = c5_stored_model_read(f, names[k], number, false, &s)) == C5_OK) {
			const char *why = !s.settings || strcmp(s.settings, settings) != 0 ? "other settings" : !same_crops(l, &s) ? "other crops" : NULL;
			*reused = !why;
			if (why) c5_log(C5_LOG_INFO, "train: %s again: %s", names[k], why);
		}
		c5_stored_model_free(&s);
	}
	return err;
}
