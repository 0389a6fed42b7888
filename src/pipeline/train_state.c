/* train_state.c – see train_state.h. Scalars are YAML, so that people can read how a training stands; the rest are arrays. */
#include "pipeline/train_state.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "base/yaml.h"

#define VERSION 1

/* Numbers of an epoch, as the history keeps them; the figures follow. */
static const struct { const char *name; size_t field; } columns[] = {
	{ "rate", offsetof(c5_epoch, rate) }, { "loss", offsetof(c5_epoch, loss) }, { "validation_loss", offsetof(c5_epoch, validation_loss) },
		{ "gradient_norm", offsetof(c5_epoch, norm) },
};
#define COLUMNS (sizeof columns / sizeof *columns)

static double *number_of(const c5_epoch *e, size_t column) { return (double *)((char *)(uintptr_t)e + columns[column].field); }

/* Scalars of the state, as they are named in the text. */
static const struct { const char *name; size_t field; char type; } scalars[] = { /* r real, w 32-bit whole, l 64-bit whole, b yes or no */
	{ "epoch", offsetof(c5_train_state, epoch), 'w' }, { "step", offsetof(c5_train_state, step), 'w' }, { "micro", offsetof(c5_train_state, micro),
		'l' },
	{ "loss_sum", offsetof(c5_train_state, loss_sum), 'r' }, { "norm", offsetof(c5_train_state, norm), 'r' }, { "best", offsetof(c5_train_state, best),
		'r' },
	{ "best_epoch", offsetof(c5_train_state, best_epoch), 'w' }, { "since_best", offsetof(c5_train_state, since_best), 'w' },
	{ "plateaus", offsetof(c5_train_state, plateaus), 'w' }, { "since_plateau", offsetof(c5_train_state, since_plateau), 'w' },
		{ "finished", offsetof(c5_train_state, finished), 'b' },
};
#define SCALARS (sizeof scalars / sizeof *scalars)

/* ---- to text ---- */

static void add_real(c5_buf *b, double v)
{
	char text[C5_REAL_TEXT];
	c5_text_add(b, isnan(v) ? "nan" : isinf(v) ? v > 0 ? "inf" : "-inf" : c5_text_real(text, v));
}

static char *state_text(const c5_train_state *s)
{
	c5_buf b = { 0 };
	c5_text_addf(&b, "version: %d\n", VERSION);
	for (size_t i = 0; i < SCALARS; i++) {
		const char *at = (const char *)s + scalars[i].field;
		c5_text_addf(&b, "%s: ", scalars[i].name);
		switch (scalars[i].type) {
		case 'w': c5_text_addf(&b, "%u", *(const uint32_t *)(const void *)at); break;
		case 'l': c5_text_addf(&b, "%lld", (long long)*(const int64_t *)(const void *)at); break;
		case 'b': c5_text_add(&b, *(const bool *)(const void *)at ? "true" : "false"); break;
		default: add_real(&b, *(const double *)(const void *)at);
		}
		c5_text_add(&b, "\n");
	}
	c5_text_add(&b, "figures: [");
	for (int i = 0; i < s->n_figures; i++) c5_text_addf(&b, "%s%s", i ? ", " : "", s->figures[i]);
	c5_text_add(&b, "]\n");
	return c5_text_take(&b);
}

/* Rows of doubles, laid into floats bit by bit; room for a power of two of epochs, so that it seldom changes its length. */
#define WIDE (COLUMNS + C5_FIGURES_MAX)

static int history_array(float **out, uint64_t *count, const c5_train_state *s)
{
	size_t room = 64;
	double *rows;
	while (room < s->epoch) room *= 2;
	int err = c5_alloc(&rows, room * WIDE, sizeof *rows);
	if (err < 0) return err;
	for (uint32_t e = 0; e < s->epoch; e++) {
		for (size_t c = 0; c < COLUMNS; c++) rows[e * WIDE + c] = *number_of(&s->history[e], c);
		memcpy(rows + e * WIDE + COLUMNS, s->history[e].figures, sizeof s->history[e].figures);
	}
	*out = (float *)(void *)rows;
	*count = room * WIDE * 2;
	return C5_OK;
}

int c5_train_state_to_checkpoint(c5_checkpoint *c, float **history, const c5_train_state *s)
{
	uint64_t n_history = 0;
	*c = (c5_checkpoint){ .epoch = s->epoch, .step = s->step, .state = state_text(s) };
	*history = NULL;
	int err = c->state ? history_array(history, &n_history, s) : c5_fail(C5_ENOMEM, "out of memory");
	if (err < 0) return err;
	const struct { const char *name; float *data; uint64_t count; } arrays[] = {
		{ "history", *history, n_history },
		{ "weights", s->weights->data, s->weights->count },
		{ "optimizer", s->optimizer, s->n_optimizer },
		{ "best", s->best_weights ? s->best_weights->data : NULL, s->best_weights ? s->best_weights->count : 0 },
	};
	for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
		if (!arrays[i].data || !arrays[i].count) continue;
		snprintf(c->arrays[c->n_arrays].name, sizeof c->arrays[0].name, "%s", arrays[i].name);
		c->arrays[c->n_arrays].data = arrays[i].data;
		c->arrays[c->n_arrays++].count = arrays[i].count;
	}
	return C5_OK;
}

/* ---- from text ---- */

static int get_real(double *out, const c5_yaml_node *node)
{
	const char *text;
	if (!node) return c5_fail(C5_EINPUT, "the checkpoint's text lacks a number");
	int err = c5_yaml_text(&text, node);
	if (err < 0) return err;
	if (strcmp(text, "nan") == 0) *out = NAN;
	else if (strcmp(text, "inf") == 0) *out = INFINITY;
	else if (strcmp(text, "-inf") == 0) *out = -INFINITY;
	else return c5_yaml_real(out, node);
	return C5_OK;
}

static int get_scalar(c5_train_state *s, size_t i, const c5_yaml_node *root)
{
	const c5_yaml_node *node = c5_yaml_get(root, scalars[i].name);
	char *at = (char *)s + scalars[i].field;
	int64_t whole = 0;
	int err;
	if (!node) return c5_fail(C5_EINPUT, "the checkpoint's text lacks %s", scalars[i].name);
	switch (scalars[i].type) {
	case 'r': return get_real((double *)(void *)at, node);
	case 'b': return c5_yaml_bool((bool *)(void *)at, node);
	default:
		if ((err = c5_yaml_int(&whole, node)) < 0) return err;
		if (whole < 0 || whole > UINT32_MAX) return c5_yaml_fail(C5_EINPUT, node, "%s is out of range", scalars[i].name);
		if (scalars[i].type == 'w') *(uint32_t *)(void *)at = (uint32_t)whole;
		else *(int64_t *)(void *)at = whole;
		return C5_OK;
	}
}

static int get_figures(c5_train_state *s, const c5_yaml_node *root)
{
	const c5_yaml_node *names = c5_yaml_get(root, "figures");
	int err = C5_OK;
	if (!names || names->kind != C5_YAML_LIST || names->n > C5_FIGURES_MAX) return c5_fail(C5_EINPUT, "the checkpoint's text lacks figures");
	s->n_figures = (int)names->n;
	for (size_t i = 0; i < names->n && err == C5_OK; i++) {
		const char *text;
		if ((err = c5_yaml_text(&text, names->items[i])) == C5_OK) snprintf(s->figures[i], sizeof s->figures[i], "%s", text);
	}
	return err;
}

static int take_array(const c5_checkpoint *c, const char *name, const float **data, uint64_t *count)
{
	for (int i = 0; i < c->n_arrays; i++)
		if (strcmp(c->arrays[i].name, name) == 0) {
			*data = c->arrays[i].data;
			*count = c->arrays[i].count;
			return C5_OK;
		}
	return C5_ENOTFOUND;
}

static int take_history(c5_train_state *s, const c5_checkpoint *c)
{
	const float *data;
	uint64_t count;
	int err;
	if (take_array(c, "history", &data, &count) < 0 || count < (uint64_t)s->epoch * WIDE * 2)
		return c5_fail(C5_EINPUT, "the checkpoint's history is not that of %u epochs", s->epoch);
	if ((err = c5_grow(&s->history, &s->cap_history, s->epoch + 1, sizeof *s->history)) < 0) return err;
	for (uint32_t e = 0; e < s->epoch; e++) {
		double row[WIDE];
		memcpy(row, data + (size_t)e * WIDE * 2, sizeof row);
		s->history[e].epoch = e + 1;
		for (size_t k = 0; k < COLUMNS; k++) *number_of(&s->history[e], k) = row[k];
		memcpy(s->history[e].figures, row + COLUMNS, sizeof s->history[e].figures);
	}
	return C5_OK;
}

static int take_weights(c5_weights **out, const c5_model *m, const float *data, uint64_t count)
{
	int err = c5_weights_new(out, m);
	if (err < 0) return err;
	if ((*out)->count != count)
		return c5_fail(C5_EINPUT, "the checkpoint has %llu weights, the model %zu: it is of another model", (unsigned long long)count, (*out)->count);
	memcpy((*out)->data, data, count * sizeof *data);
	return C5_OK;
}

int c5_train_state_from_checkpoint(c5_train_state *s, const c5_checkpoint *c, const c5_model *model)
{
	c5_yaml *doc = NULL;
	const float *data;
	uint64_t count;
	int err = c5_yaml_parse(&doc, "checkpoint", c->state ? c->state : "", c->state ? strlen(c->state) : 0);
	*s = (c5_train_state){ 0 };
	for (size_t i = 0; i < SCALARS && err == C5_OK; i++) err = get_scalar(s, i, c5_yaml_root(doc));
	if (err == C5_OK) err = get_figures(s, c5_yaml_root(doc));
	if (err == C5_OK) err = take_history(s, c);
	if (err == C5_OK && take_array(c, "weights", &data, &count) < 0) err = c5_fail(C5_EINPUT, "the checkpoint has no weights");
	if (err == C5_OK) err = take_weights(&s->weights, model, data, count);
	if (err == C5_OK && take_array(c, "best", &data, &count) == C5_OK) err = take_weights(&s->best_weights, model, data, count);
	if (err == C5_OK && take_array(c, "optimizer", &data, &count) == C5_OK) {
		s->n_optimizer = count;
		if ((err = c5_alloc_aligned(&s->optimizer, count + 1, sizeof *data)) == C5_OK) memcpy(s->optimizer, data, count * sizeof *data);
	}
	if (err < 0) c5_train_state_free(s);
	c5_yaml_free(doc);
	return err;
}

/* ---- what is said of a trained model ---- */

static int tell_history(c5_stored_model *m, const c5_train_state *s)
{
	size_t wide = 1 + COLUMNS + (size_t)s->n_figures;
	int err;
	if ((err = c5_alloc(&m->history_names, wide, sizeof *m->history_names)) < 0) return err;
	m->n_history_columns = wide;
	if ((err = c5_alloc(&m->history, s->epoch * wide + 1, sizeof *m->history)) < 0) return err;
	m->n_history = s->epoch;
	for (size_t c = 0; c < wide; c++) {
		const char *name = c == 0 ? "epoch" : c <= COLUMNS ? columns[c - 1].name : s->figures[c - 1 - COLUMNS];
		if (!(m->history_names[c] = c5_strdup(name))) return c5_fail(C5_ENOMEM, "out of memory");
		for (uint32_t e = 0; e < s->epoch; e++)
			m->history[e * wide + c] = c == 0 ? s->history[e].epoch : c <= COLUMNS ? *number_of(&s->history[e], c - 1)
				: s->history[e].figures[c - 1 - COLUMNS];
	}
	return C5_OK;
}

static int add_metric(c5_stored_model *m, const char *name, const char *of, double value)
{
	size_t cap = m->n_metrics;
	int err = c5_grow(&m->metrics, &cap, m->n_metrics + 1, sizeof *m->metrics);
	if (err < 0) return err;
	c5_stored_metric *k = &m->metrics[m->n_metrics++];
	*k = (c5_stored_metric){ c5_strdup(name), c5_strdup(of), value, NAN, NAN };
	return k->name && k->of ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
}

int c5_train_state_tell(c5_stored_model *m, const c5_train_state *s)
{
	int err = tell_history(m, s);
	if (err < 0 || !s->best_epoch || s->best_epoch > s->epoch) return err;
	const c5_epoch *e = &s->history[s->best_epoch - 1];
	if ((err = add_metric(m, "best_epoch", "training", e->epoch)) < 0 || (err = add_metric(m, "loss", "training", e->loss)) < 0) return err;
	if (!isnan(e->validation_loss)) err = add_metric(m, "loss", "validation", e->validation_loss);
	for (int i = 0; i < s->n_figures && err == C5_OK; i++) err = add_metric(m, s->figures[i], "validation", e->figures[i]);
	return err;
}
