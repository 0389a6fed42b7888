/* report.c – see report.h. */
#include "hyperopt/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "container/run.h"
#include "hyperopt/settings.h"

static void add_parameters(c5_buf *b, const c5_space *space, const c5_trial *t)
{
	char text[C5_VALUE_TEXT];
	for (size_t i = 0; i < space->n; i++) {
		const c5_param *p = &space->params[i];
		if (isnan(t->values[i])) continue;
		c5_text_addf(b, "%s: ", p->name);
		const char *shown = c5_param_text(text, p, t->values[i]);
		if (p->kind == C5_PARAM_CHOICE && strcmp(shown, "true") != 0 && strcmp(shown, "false") != 0) c5_yaml_add_text(b, shown);
		else c5_text_add(b, shown);
		c5_text_add(b, "\n");
	}
}

/* The settings of the steps as they ran: flat if one step has parameters, else a pipeline. */
static int add_steps(c5_buf *b, const c5_search_setup *s, const c5_trial *t)
{
	const c5_order order = { .trial = t->number, .seed = (uint64_t)s->params.seed, .values = t->values };
	char **steps = s->command.steps;
	size_t moved = 0;
	int err = C5_OK;
	for (size_t i = 0; steps[i]; i++) moved += c5_command_takes(&s->space, steps[i]);
	if (moved > 1) c5_text_add(b, "steps:\n");
	for (size_t i = 0; steps[i] && err == C5_OK; i++) {
		if (moved < 2 && !c5_command_takes(&s->space, steps[i])) continue;
		char *line = c5_command_step(&s->command, &s->space, &order, i), *name = line ? c5_step_name(line) : NULL;
		c5_buf settings = { 0 };
		if (name) c5_step_settings(&settings, moved > 1 ? 6 : 0, line);
		if (!name || settings.err) err = C5_ENOMEM;
		else if (moved > 1) c5_text_addf(b, "  - %s%s\n", name, settings.size ? ":" : "");
		c5_buf_put(b, settings.data, settings.size);
		c5_buf_free(&settings);
		free(name);
		free(line);
	}
	return err;
}

char *c5_best_config(const c5_search_setup *s, const c5_trial *best, uint32_t run)
{
	char value[C5_REAL_TEXT];
	c5_buf b = { 0 };
	c5_text_addf(&b, "# best of search %s %s: trial %u, %s %s\n", s->params.name, c5_revision_name(run), best->number,
		s->command.key ? s->command.key : "value",
		c5_text_real(value, best->value));
	if (!s->command.steps || !s->command.steps[0]) add_parameters(&b, &s->space, best);
	else if (add_steps(&b, s, best) < 0) b.err = C5_ENOMEM;
	return c5_text_take(&b);
}

static void add_field(c5_buf *to, const char *text)
{
	if (!strpbrk(text, ",\"\n\r")) {
		c5_text_add(to, text);
		return;
	}
	c5_text_add(to, "\"");
	for (; *text; text++) {
		if (*text == '"') c5_text_add(to, "\"");
		c5_buf_put(to, text, 1);
	}
	c5_text_add(to, "\"");
}

static void add_number(c5_buf *to, double v)
{
	char text[C5_REAL_TEXT];
	if (isfinite(v)) c5_text_add(to, c5_text_real(text, v));
}

int c5_trials_csv(c5_buf *to, const c5_history *h)
{
	char text[C5_VALUE_TEXT];
	c5_text_add(to, "trial,state,value,spread,repeats,origin,group,begun_s,seconds,reports,note");
	for (size_t i = 0; i < h->space->n; i++) {
		c5_text_add(to, ",param_");
		add_field(to, h->space->params[i].name);
	}
	c5_text_add(to, "\n");
	for (size_t k = 0; k < h->n; k++) {
		const c5_trial *t = &h->trials[k];
		if (t->state == C5_TRIAL_NONE) continue;
		c5_text_addf(to, "%u,%s,", t->number, c5_trial_state_name(t->state));
		add_number(to, t->value);
		c5_text_add(to, ",");
		add_number(to, t->spread);
		c5_text_addf(to, ",%u,%s,%u,%.3f,%.3f,%zu,", t->repeats, t->origin, t->group, t->begun_s, t->seconds, t->n_reports);
		add_field(to, t->note);
		for (size_t i = 0; i < h->space->n; i++) {
			c5_text_add(to, ",");
			add_field(to, c5_param_text(text, &h->space->params[i], t->values[i]));
		}
		c5_text_add(to, "\n");
	}
	return to->err;
}
