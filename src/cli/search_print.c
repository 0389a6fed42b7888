/* search_print.c – see search_print.h. */
#include "cli/search_print.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "cli/print.h"
#include "container/run.h"

#define WIDTH 60   /* of course and bars */
#define TOP_TRIALS 5

static const char *state_of(const c5_found *f, bool alive) { return strcmp(f->state, "running") == 0 && !alive ? "interrupted" : f->state; }

static const char *number_text(char to[32], double v)
{
	snprintf(to, 32, "%.5g", v);
	return to;
}

/* The trial the search recommends; while it runs, the best so far. */
static const c5_trial *best_of(const c5_found *f)
{
	const c5_trial *t = f->best ? c5_history_get(&f->history, f->best) : NULL;
	return t ? t : c5_history_best(&f->history);
}

/* ---- course ---- */

/* The best so far as a line of blocks, higher being better, over the trials in order. */
static void print_course(const c5_history *h)
{
	static const char *const blocks[] = { "\u2581", "\u2582", "\u2583", "\u2584", "\u2585", "\u2586", "\u2587", "\u2588" };
	double course[WIDTH], first = NAN, best = INFINITY;
	size_t width = h->n < WIDTH ? h->n : WIDTH, at = 0;
	char a[32], b[32];
	for (size_t k = 0; k < width; k++) {
		for (; at < (k + 1) * h->n / width; at++)
			if (h->trials[at].state == C5_TRIAL_COMPLETE) best = fmin(best, c5_history_cost(h, h->trials[at].value));
		course[k] = best;
		if (isnan(first) && isfinite(best)) first = best;
	}
	if (!isfinite(best) || !(first > best)) return;
	printf("\n%scourse%s  ", c5_ink(C5_DIM), c5_ink(C5_PLAIN));
	for (size_t k = 0; k < width; k++) {
		/* By the order of magnitude of what is still to be gained: the last steps are small. */
		double left = isfinite(course[k]) ? (course[k] - best) / (first - best) : 1, part = isfinite(course[k]) ? 1 - pow(left, 0.3) : 0;
		fputs(isfinite(course[k]) ? blocks[(int)fmin(7, floor(part * 8))] : " ", stdout);
	}
	printf("  %s to %s\n", number_text(a, h->maximise ? -first : first), number_text(b, h->maximise ? -best : best));
}

/* ---- what matters ---- */

static void print_importance(const c5_found *f)
{
	const c5_importance *im = &f->importance;
	size_t order[C5_SPACE_MOST];
	int widest = 0;
	for (size_t i = 0; i < im->n; i++) {
		size_t k = i;
		for (; k > 0 && im->total[order[k - 1]] < im->total[i]; k--) order[k] = order[k - 1];
		order[k] = i;
		if (c5_width(f->setup.space.params[i].name) > widest) widest = c5_width(f->setup.space.params[i].name);
	}
	if (im->n < 2) return;
	printf("\n%swhat matters%s  (%% of the variance: alone, and with others)\n", c5_ink(C5_DIM), c5_ink(C5_PLAIN));
	for (size_t k = 0; k < im->n && k < 12; k++) {
		size_t i = order[k];
		int whole = (int)lrint(im->total[i] * 40), alone = (int)lrint(im->alone[i] * 40);
		printf("  ");
		c5_put_cell(f->setup.space.params[i].name, widest);
		printf("  ");
		for (int c = 0; c < whole; c++) fputs(c < alone ? "\u2588" : "\u2591", stdout);
		printf("%s%3.0f (%.0f)\n", whole ? " " : "", 100 * im->total[i], 100 * im->alone[i]);
	}
}

/* ---- the best trials ---- */

static int by_value(const void *a, const void *b)
{
	const c5_trial *x = *(const c5_trial *const *)a, *y = *(const c5_trial *const *)b;
	if (x->value != y->value) return x->value < y->value ? -1 : 1;
	return x->number < y->number ? -1 : 1;
}

static void print_top(const c5_found *f)
{
	const c5_history *h = &f->history;
	const c5_trial **list;
	size_t n = 0, shown = f->setup.space.n < 6 ? f->setup.space.n : 6;
	char text[C5_VALUE_TEXT];
	if (c5_alloc(&list, h->n + 1, sizeof *list) < 0) return;
	for (size_t i = 0; i < h->n; i++)
		if (h->trials[i].state == C5_TRIAL_COMPLETE) list[n++] = &h->trials[i];
	qsort(list, n, sizeof *list, by_value);
	size_t rows = n < TOP_TRIALS ? n : TOP_TRIALS;
	if (n > 1) printf("\n%s  trial        value  ", c5_ink(C5_DIM));
	for (size_t i = 0; n > 1 && i < shown; i++) {
		c5_put_cell(f->setup.space.params[i].name, 11);
		printf("  ");
	}
	if (n > 1) printf("%s%s\n", shown < f->setup.space.n ? "..." : "", c5_ink(C5_PLAIN));
	for (size_t k = 0; n > 1 && k < rows; k++) {
		const c5_trial *t = list[h->maximise ? n - 1 - k : k];
		printf("  %5u  %11.6g  ", t->number, t->value);
		for (size_t i = 0; i < shown; i++) {
			c5_put_cell(c5_param_short(text, &f->setup.space.params[i], t->values[i]), 11);
			printf("  ");
		}
		putchar('\n');
	}
	free(list);
}

/* ---- the whole ---- */

static void print_counts(const c5_found *f)
{
	static const struct { int state; const char *word; } words[] = { { C5_TRIAL_COMPLETE, "complete" }, { C5_TRIAL_PRUNED, "stopped early" },
		{ C5_TRIAL_FAILED, "failed" } };
	char span[C5_SPAN_TEXT], counted[C5_COUNTED_TEXT];
	size_t all = 0, n;
	for (size_t i = 0; i < 3; i++) all += c5_history_count(&f->history, words[i].state);
	printf("%s in %s:", c5_counted(counted, all, "trial", "trials"), c5_clock_span(span, f->spent_s));
	const char *comma = " ";
	for (size_t i = 0; i < 3; i++)
		if ((n = c5_history_count(&f->history, words[i].state)) > 0) {
			printf("%s%zu %s", comma, n, words[i].word);
			comma = ", ";
		}
	printf("; %s, seed %lld\n", f->setup.params.algorithm, (long long)f->setup.params.seed);
}

static void print_best(const c5_found *f)
{
	const c5_trial *t = best_of(f), *luckiest = c5_history_best(&f->history);
	char text[C5_VALUE_TEXT];
	int widest = 0;
	if (!t) {
		printf("\nno trial gave a value\n");
		return;
	}
	printf("\n%s%s %s%.8g%s  trial %u", c5_ink(C5_BOLD), f->setup.command.key ? f->setup.command.key : "best", c5_ink(C5_GREEN), t->value,
		c5_ink(C5_PLAIN), t->number);
	if (t->repeats > 1) printf(", mean of %u, sd %.3g", t->repeats, t->spread);
	if (luckiest != t) printf(" by the model; trial %u had %.6g, by luck", luckiest->number, luckiest->value);
	putchar('\n');
	for (size_t i = 0; i < f->setup.space.n; i++)
		if (c5_width(f->setup.space.params[i].name) > widest) widest = c5_width(f->setup.space.params[i].name);
	for (size_t i = 0; i < f->setup.space.n; i++) {
		if (isnan(t->values[i])) continue;
		printf("  ");
		c5_put_cell(f->setup.space.params[i].name, widest);
		printf("  %s\n", c5_param_text(text, &f->setup.space.params[i], t->values[i]));
	}
}

void c5_print_search(const c5_found *f, bool alive)
{
	const char *state = state_of(f, alive);
	printf("%s%s %s%s  %s%s%s%s%s\n", c5_ink(C5_BOLD), f->name, c5_revision_name(f->run), c5_ink(C5_PLAIN),
		c5_ink(strcmp(state, "complete") == 0 ? C5_GREEN : C5_YELLOW), state,
		c5_ink(C5_PLAIN), f->setup.params.title ? "  " : "", f->setup.params.title ? f->setup.params.title : "");
	print_counts(f);
	print_best(f);
	print_course(&f->history);
	print_importance(f);
	print_top(f);
}

static void add_trial(c5_buf *b, const c5_found *f, const c5_trial *t)
{
	char text[C5_VALUE_TEXT];
	c5_json_key(b, NULL);
	c5_text_add(b, "{");
	c5_json_int(b, "trial", t->number);
	c5_json_str(b, "state", c5_trial_state_name(t->state));
	c5_json_real(b, "value", t->value);
	c5_json_real(b, "spread", t->spread);
	c5_json_int(b, "repeats", t->repeats);
	c5_json_str(b, "origin", t->origin);
	c5_json_int(b, "group", t->group);
	c5_json_real(b, "begun_s", t->begun_s);
	c5_json_real(b, "seconds", t->seconds);
	c5_json_int(b, "reports", (int64_t)t->n_reports);
	c5_json_str(b, "note", t->note[0] ? t->note : NULL);
	c5_json_key(b, "parameters");
	c5_text_add(b, "{");
	for (size_t i = 0; i < f->setup.space.n; i++) {
		const c5_param *p = &f->setup.space.params[i];
		if (p->kind == C5_PARAM_CHOICE) c5_json_str(b, p->name, isnan(t->values[i]) ? NULL : c5_param_text(text, p, t->values[i]));
		else c5_json_real(b, p->name, t->values[i]);
	}
	c5_text_add(b, "}}");
}

int c5_print_search_json(const c5_found *f, bool alive)
{
	const c5_trial *best = best_of(f);
	c5_buf b = { 0 };
	c5_text_add(&b, "{");
	c5_json_str(&b, "search", f->name);
	c5_json_str(&b, "run", c5_revision_name(f->run));
	c5_json_str(&b, "state", state_of(f, alive));
	c5_json_str(&b, "goal", f->setup.params.goal);
	c5_json_str(&b, "algorithm", f->setup.params.algorithm);
	c5_json_int(&b, "seed", f->setup.params.seed);
	c5_json_str(&b, "start", f->start);
	c5_json_real(&b, "spent_s", f->spent_s);
	if (best) {
		c5_json_int(&b, "best_trial", best->number);
		c5_json_real(&b, "best_value", best->value);
	}
	c5_json_key(&b, "importance");
	c5_text_add(&b, "{");
	for (size_t i = 0; i < f->importance.n; i++) c5_json_real(&b, f->setup.space.params[i].name, f->importance.total[i]);
	c5_text_add(&b, "}");
	c5_json_key(&b, "trials");
	c5_text_add(&b, "[");
	for (size_t i = 0; i < f->history.n; i++)
		if (f->history.trials[i].state != C5_TRIAL_NONE) add_trial(&b, f, &f->history.trials[i]);
	c5_text_add(&b, "]}");
	return c5_json_print(&b);
}
