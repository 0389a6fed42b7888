/* curve.c – see curve.h. The drawing is text: o the training loss, x the validation loss, * the best epoch. */
#include "cli/curve.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

#define ROWS 10
#define COLUMNS 64

void c5_curve_open(c5_curve *c, int epochs)
{
	*c = (c5_curve){ .epochs = epochs };
	c->live = isatty(STDERR_FILENO) && !c5_log_quiet();
	c->colour = c->live && !getenv("NO_COLOR");
}

static void tell_line(char *to, size_t n, const c5_curve *c, const char *name, const c5_train_state *s, double items_per_s, bool better)
{
	const c5_epoch *e = &s->history[s->epoch - 1];
	int at = snprintf(to, n, "%s%sepoch %u/%d: loss %.4f", name ? name : "", name ? ": " : "", e->epoch, c->epochs, e->loss);
	if (!isnan(e->validation_loss)) at += snprintf(to + at, n - (size_t)at, ", validation %.4f", e->validation_loss);
	for (int i = 0; i < s->n_figures && at < (int)n - 64; i++) at += snprintf(to + at, n - (size_t)at, ", %s %.4f", s->figures[i], e->figures[i]);
	if (better && at < (int)n - 16) at += snprintf(to + at, n - (size_t)at, " (best)");
	if (items_per_s > 0 && at < (int)n - 32) snprintf(to + at, n - (size_t)at, ", %.0f/s", items_per_s);
}

/* Least and most of what is drawn, on a logarithmic scale. */
static void range_of(const c5_train_state *s, double *low, double *high)
{
	*low = INFINITY, *high = -INFINITY;
	for (uint32_t i = 0; i < s->epoch; i++) {
		const double v[2] = { s->history[i].loss, s->history[i].validation_loss };
		for (int k = 0; k < 2; k++)
			if (v[k] > 0) *low = v[k] < *low ? v[k] : *low, *high = v[k] > *high ? v[k] : *high;
	}
	if (!(*low < *high)) *low = *low > 0 && isfinite(*low) ? *low * 0.9 : 0.1, *high = *low * 1.3;
}

static void put_point(char (*grid)[COLUMNS + 1], double v, double low, double high, int column, char mark)
{
	if (!(v > 0)) return;
	int row = (int)((log(high) - log(v)) / (log(high) - log(low)) * (ROWS - 1) + 0.5);
	grid[row < 0 ? 0 : row >= ROWS ? ROWS - 1 : row][column] = mark;
}

static void back_over(const c5_curve *c)
{
	if (c->lines) fprintf(stderr, "\033[%dA\r", c->lines);
}

static void draw(c5_curve *c, const char *name, const c5_train_state *s)
{
	char grid[ROWS][COLUMNS + 1];
	double low, high;
	range_of(s, &low, &high);
	for (int r = 0; r < ROWS; r++) {
		memset(grid[r], ' ', COLUMNS);
		grid[r][COLUMNS] = '\0';
	}
	for (uint32_t i = 0; i < s->epoch; i++) {
		int column = c->epochs > 1 ? (int)((double)i * (COLUMNS - 1) / (c->epochs - 1)) : 0;
		if (column >= COLUMNS) column = COLUMNS - 1;
		put_point(grid, s->history[i].loss, low, high, column, 'o');
		put_point(grid, s->history[i].validation_loss, low, high, column, i + 1 == s->best_epoch ? '*' : 'x');
	}
	back_over(c);
	fprintf(stderr, "\033[K%s%so loss  x validation  * best\n", name ? name : "", name ? "  " : "");
	for (int r = 0; r < ROWS; r++) {
		char label[16] = "";
		if (r == 0 || r == ROWS - 1) snprintf(label, sizeof label, "%.3g", r ? low : high);
		fprintf(stderr, "\033[K%8s |", label);
		for (const char *p = grid[r]; *p; p++) {
			const char *paint = !c->colour ? NULL : *p == 'o' ? "\033[34m" : *p == 'x' ? "\033[33m" : *p == '*' ? "\033[32m" : NULL;
			if (paint) fprintf(stderr, "%s%c\033[0m", paint, *p);
			else fputc(*p, stderr);
		}
		fputc('\n', stderr);
	}
	fprintf(stderr, "\033[K         +");
	for (int i = 0; i < COLUMNS; i++) fputc('-', stderr);
	fprintf(stderr, "\n\033[K%.110s\n", c->status);
	c->lines = ROWS + 3;
}

void c5_curve_epoch(c5_curve *c, const char *name, const c5_train_state *s, double items_per_s, bool better)
{
	tell_line(c->status, sizeof c->status, c, name, s, items_per_s, better);
	if (!c->live) c5_log(C5_LOG_INFO, "%s", c->status);
	else if (items_per_s > 0) draw(c, name, s); /* what others train is told by their line alone */
	else {
		back_over(c);
		fprintf(stderr, "\033[J%s\n", c->status);
		c->lines = 0;
	}
}

void c5_curve_step(c5_curve *c, const char *name, const c5_train_state *s, uint32_t steps, double loss)
{
	if (!c->live) return;
	if (c->lines) fprintf(stderr, "\033[1A\r");
	fprintf(stderr, "\033[K%s%sepoch %u/%d: step %u of %u, loss %.4f\n", name ? name : "", name ? ": " : "", s->epoch + 1, c->epochs, s->step, steps,
		loss);
	if (!c->lines) c->lines = 1;
}

void c5_curve_close(c5_curve *c)
{
	c->live = false;
}

void c5_epoch_event(const char *event, const char *number, const char *model, const c5_train_state *s, const c5_epoch *e, double items_per_s)
{
	const char *names[C5_FIGURES_MAX] = { NULL }; /* the first without a name ends the list */
	const double *v = e->figures;
	for (int i = 0; i < s->n_figures && i < C5_FIGURES_MAX; i++) names[i] = s->figures[i];
	c5_event(event, "siffffffffffff", "model", model, number, (int64_t)e->epoch, "loss", e->loss, "validation_loss", e->validation_loss, "rate", e->rate,
		"items_per_s", items_per_s, names[0], v[0], names[1], v[1], names[2], v[2], names[3], v[3], names[4], v[4], names[5], v[5], names[6], v[6],
		names[7], v[7], (char *)NULL);
}
