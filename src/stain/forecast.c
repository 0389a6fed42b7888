/* forecast.c – see forecast.h. */
#include "stain/forecast.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/dtype.h"
#include "base/error.h"
#include "base/random.h"
#include "base/svg.h"
#include "base/text.h"
#include "measure/figures.h"

#define F(member) offsetof(c5_forecast_frame, member)
const c5_record_field c5_forecast_frame_fields[] = {
	{ "frame", C5_U32, F(frame), "1", NULL },
	{ "time_s", C5_F64, F(time_s), "s", NULL },
	{ "fields", C5_U32, F(fields), "1", NULL },
	{ "pearson", C5_F64, F(pearson), "1", NULL },
	{ "pearson_low", C5_F64, F(pearson_low), "1", NULL },
	{ "pearson_high", C5_F64, F(pearson_high), "1", NULL },
	{ "mae", C5_F64, F(mae), "1", NULL },
	{ "mae_low", C5_F64, F(mae_low), "1", NULL },
	{ "mae_high", C5_F64, F(mae_high), "1", NULL },
	{ "guess_mae", C5_F64, F(guess_mae), "1", NULL },
	{ "auc", C5_F64, F(auc), "1", NULL },
	{ "auc_low", C5_F64, F(auc_low), "1", NULL },
	{ "auc_high", C5_F64, F(auc_high), "1", NULL },
	{ 0 },
};

enum { PEARSON, MAE, GUESS, AUC, FIGURES };

/* Row i counted times[its field] times; NULL: once. */
static void figures_of(double out[FIGURES], const c5_forecast_row *rows, size_t n, const uint32_t *times)
{
	double w = 0, x = 0, y = 0, xx = 0, yy = 0, xy = 0, apart = 0, guess = 0, auc = 0, known = 0;
	for (size_t i = 0; i < n; i++) {
		const double k = times ? times[rows[i].field] : 1;
		w += k, x += k * rows[i].predicted, y += k * rows[i].recorded;
		apart += k * fabs(rows[i].predicted - rows[i].recorded), guess += k * fabs(rows[i].guess - rows[i].recorded);
		if (isfinite(rows[i].auc)) auc += k * rows[i].auc, known += k;
	}
	x /= w, y /= w;
	for (size_t i = 0; i < n; i++) {
		const double k = times ? times[rows[i].field] : 1, dx = rows[i].predicted - x, dy = rows[i].recorded - y;
		xx += k * (dx * dx), yy += k * (dy * dy), xy += k * (dx * dy);
	}
	out[PEARSON] = xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : (double)NAN;
	out[MAE] = w > 0 ? apart / w : (double)NAN;
	out[GUESS] = w > 0 ? guess / w : (double)NAN;
	out[AUC] = known > 0 ? auc / known : (double)NAN;
}

static int by_frame(const void *a, const void *b)
{
	const c5_forecast_row *p = a, *q = b;
	return p->frame != q->frame ? (p->frame < q->frame ? -1 : 1) : (p->field > q->field) - (p->field < q->field);
}

/* The same draws for every frame, so that frames can be compared. drawn: (resamples), times: (fields). */
static void interval(double *low, double *high, int figure, const c5_forecast_row *rows, size_t n, uint32_t fields, uint64_t seed, int64_t resamples,
	double *drawn, uint32_t *times)
{
	size_t known = 0;
	*low = *high = NAN;
	for (int64_t b = 0; b < resamples; b++) {
		double f[FIGURES];
		c5_random r;
		memset(times, 0, fields * sizeof *times);
		c5_random_start(&r, seed, (uint64_t)b);
		for (uint32_t i = 0; i < fields; i++) times[c5_random_below(&r, fields)]++;
		figures_of(f, rows, n, times);
		if (isfinite(f[figure])) drawn[known++] = f[figure];
	}
	if (known < 20) return; /* too few to have tails */
	c5_sort_values(drawn, known);
	*low = c5_sorted_quantile(drawn, known, 0.025), *high = c5_sorted_quantile(drawn, known, 0.975);
}

int c5_forecast_sum(c5_forecast_frame **out, size_t *n, const c5_forecast_row *given, size_t n_rows, uint64_t seed, int64_t resamples)
{
	c5_forecast_row *rows = NULL;
	double *drawn = NULL;
	uint32_t *times = NULL, fields = 0;
	int err;
	*out = NULL, *n = 0;
	for (size_t i = 0; i < n_rows; i++)
		if (given[i].field >= fields) fields = given[i].field + 1;
	if ((err = c5_alloc(&rows, n_rows + 1, sizeof *rows)) < 0 || (err = c5_alloc(out, n_rows + 1, sizeof **out)) < 0 ||
	    (err = c5_alloc(&drawn, (size_t)resamples + 1, sizeof *drawn)) < 0 || (err = c5_alloc(&times, fields + 1, sizeof *times)) < 0)
		goto done;
	if (n_rows) memcpy(rows, given, n_rows * sizeof *rows);
	qsort(rows, n_rows, sizeof *rows, by_frame);
	for (size_t i = 0, k; i < n_rows; i = k) {
		double f[FIGURES];
		for (k = i; k < n_rows && rows[k].frame == rows[i].frame; k++) {}
		c5_forecast_frame *to = &(*out)[(*n)++];
		figures_of(f, rows + i, k - i, NULL);
		*to = (c5_forecast_frame){ .frame = rows[i].frame, .fields = (uint32_t)(k - i), .time_s = rows[i].time_s, .pearson = f[PEARSON], .mae = f[MAE],
			.guess_mae = f[GUESS], .auc = f[AUC] };
		interval(&to->pearson_low, &to->pearson_high, PEARSON, rows + i, k - i, fields, seed, resamples, drawn, times);
		interval(&to->mae_low, &to->mae_high, MAE, rows + i, k - i, fields, seed, resamples, drawn, times);
		interval(&to->auc_low, &to->auc_high, AUC, rows + i, k - i, fields, seed, resamples, drawn, times);
	}
done:
	free(times);
	free(drawn);
	free(rows);
	if (err < 0) {
		free(*out);
		*out = NULL;
	}
	return err;
}

size_t c5_forecast_known(const c5_forecast_frame *frames, size_t n, double least)
{
	size_t known = n;
	while (known > 0 && frames[known - 1].pearson_low >= least) known--;
	return known;
}

/* ---- calibration ---- */

#define PRIOR 1.0 /* as heavy as a few blocks */

static double log_odds(double p)
{
	const double least = 1e-6;
	p = p < least ? least : p > 1 - least ? 1 - least : p;
	return log(p / (1 - p));
}

double c5_forecast_calibrated(const double line[2], double probability) { return 1 / (1 + exp(-(line[0] + line[1] * log_odds(probability)))); }

void c5_forecast_calibrate(double line[2], const float *probability, const bool *truth, size_t n)
{
	double before = INFINITY, from[2] = { 0, 1 }, step[2] = { 0, 0 };
	for (int round = 0; round < 60; round++) {
		const double to[2] = { from[0] + step[0], from[1] + step[1] };
		double loss = 0.5 * PRIOR * (to[0] * to[0] + (to[1] - 1) * (to[1] - 1)), g[2] = { PRIOR * to[0], PRIOR * (to[1] - 1) }, h[3] = { PRIOR, 0, PRIOR };
		for (size_t i = 0; i < n; i++) {
			const double x = log_odds((double)probability[i]), z = to[0] + to[1] * x, p = 1 / (1 + exp(-z)), w = p * (1 - p), d = p - (double)truth[i];
			loss += (z > 0 ? z : 0) + log1p(exp(-fabs(z))) - (truth[i] ? z : 0);
			g[0] += d, g[1] += d * x;
			h[0] += w, h[1] += w * x, h[2] += w * x * x;
		}
		if (loss > before) { /* too far: half of it */
			step[0] *= 0.5, step[1] *= 0.5;
			continue;
		}
		const double det = h[0] * h[2] - h[1] * h[1];
		from[0] = to[0], from[1] = to[1];
		before = loss;
		step[0] = -(h[2] * g[0] - h[1] * g[1]) / det, step[1] = -(h[0] * g[1] - h[1] * g[0]) / det;
		if (fabs(step[0]) + fabs(step[1]) < 1e-9) break;
	}
	line[0] = from[0], line[1] = from[1];
}

/* ---- picture ---- */

typedef struct course { size_t value, low, high; const char *name; int colour; } course;

static double at(const c5_forecast_frame *f, size_t member)
{
	double v;
	memcpy(&v, (const char *)f + member, sizeof v);
	return v;
}

/* Times are told in hours, or frames where the interval is not known. */
static double x_of(const c5_forecast_frame *frames, size_t n, size_t i)
{
	return frames[n - 1].time_s > 0 ? frames[i].time_s / 3600 : (double)frames[i].frame;
}

static double clamped(const c5_svg_plot *p, double v) { return c5_svg_y(p, v < p->up.lo ? p->up.lo : v > p->up.hi ? p->up.hi : v); }

static void draw_band(c5_buf *to, const c5_svg_plot *p, const c5_forecast_frame *frames, size_t n, const course *c)
{
	const char *letter = "M";
	c5_text_addf(to, "<path fill=\"%s\" fill-opacity=\"0.15\" d=\"", c5_svg_colour((unsigned)c->colour));
	for (size_t k = 0; k < 2 * n; k++) {
		const size_t i = k < n ? k : 2 * n - 1 - k;
		const double v = at(&frames[i], k < n ? c->low : c->high);
		if (!isfinite(v)) continue;
		c5_text_addf(to, "%s%.2f %.2f", letter, c5_svg_x(p, x_of(frames, n, i)), clamped(p, v));
		letter = "L";
	}
	c5_text_add(to, "\"/>\n");
}

static void draw_course(c5_buf *to, const c5_svg_plot *p, const c5_forecast_frame *frames, size_t n, const course *c, double key_x, double key_y)
{
	const char *letter = "M", *colour = c5_svg_colour((unsigned)c->colour);
	if (c->low) draw_band(to, p, frames, n, c);
	c5_text_addf(to, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"2\"%s d=\"", colour, c->low ? "" : " stroke-dasharray=\"5 4\"");
	for (size_t i = 0; i < n; i++) {
		const double v = at(&frames[i], c->value);
		if (!isfinite(v)) continue;
		c5_text_addf(to, "%s%.2f %.2f", letter, c5_svg_x(p, x_of(frames, n, i)), clamped(p, v));
		letter = "L";
	}
	c5_text_addf(to, "\"/>\n<path stroke=\"%s\" stroke-width=\"2\"%s d=\"M%.2f %.2fh18\"/>\n", colour, c->low ? "" : " stroke-dasharray=\"5 4\"", key_x,
		key_y - 4);
	c5_svg_text(to, key_x + 24, key_y, "start", "a", c->name);
}

int c5_forecast_plot(c5_buf *to, const c5_forecast_frame *frames, size_t n, double least, const char *marker)
{
	static const course left[] = { { F(pearson), F(pearson_low), F(pearson_high), "efficiency of fields: Pearson's r", 0 },
		{ F(auc), F(auc_low), F(auc_high), "blocks: area under the ROC curve", 4 } };
	static const course right[] = { { F(mae), F(mae_low), F(mae_high), "forecast", 0 }, { F(guess_mae), 0, 0, "without a look: the others' mean", 1 } };
	char title[160], known[96];
	double most = 0.01;
	if (n == 0) return c5_fail(C5_EINPUT, "there is no forecast to draw");
	const size_t from = c5_forecast_known(frames, n, least);
	const double x0 = x_of(frames, n, 0), x1 = x_of(frames, n, n - 1) > x0 ? x_of(frames, n, n - 1) : x0 + 1;
	const char *unit = frames[n - 1].time_s > 0 ? "time, h" : "frame";
	for (size_t i = 0; i < n; i++) {
		if (frames[i].mae_high > most) most = frames[i].mae_high;
		if (frames[i].guess_mae > most) most = frames[i].guess_mae;
	}
	const c5_svg_plot a = { 70, 84, 380, 300, c5_svg_linear(x0, x1), c5_svg_linear(0, 1) },
		b = { 540, 84, 320, 300, c5_svg_linear(x0, x1), c5_svg_linear(0, 1.08 * most) };
	snprintf(title, sizeof title, "Last frame's efficiency of %.60s, foretold from earlier frames", marker);
	c5_svg_begin(to, 890, 440, title);
	c5_svg_axes(to, &a, unit, "agreement over fields");
	c5_svg_axes(to, &b, unit, "mean error of the efficiency");
	c5_text_addf(to, "<path d=\"M%.2f %.2fH%.2f\" stroke=\"#888\" stroke-width=\"1\" stroke-dasharray=\"5 4\"/>\n", a.x, c5_svg_y(&a, least), a.x + a.w);
	for (size_t k = 0; k < 2; k++) draw_course(to, &a, frames, n, &left[k], 74, 50 + 20 * (double)k);
	for (size_t k = 0; k < 2; k++) draw_course(to, &b, frames, n, &right[k], 544, 50 + 20 * (double)k);
	if (from < n) {
		const double x = c5_svg_x(&a, x_of(frames, n, from));
		snprintf(known, sizeof known, "known from frame %u on", frames[from].frame);
		c5_text_addf(to, "<path d=\"M%.2f %.2fV%.2f\" stroke=\"#333\" stroke-width=\"1\"/>\n", x, a.y, a.y + a.h);
		c5_svg_text(to, x + (x < a.x + a.w / 2 ? 5 : -5), a.y + a.h - 8, x < a.x + a.w / 2 ? "start" : "end", "b", known);
	}
	c5_svg_end(to);
	return to->err;
}
