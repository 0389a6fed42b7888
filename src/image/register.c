/* register.c – see register.h.
 * What fades out towards fixed edges seems to move less than it does. Frames that are faded are therefore compared twice: once whole, to the pixel,
 * and then what both show of the same place, for the rest. */
#include "image/register.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpus.h"
#include "base/error.h"
#include "base/mem.h"
#include "image/fft.h"

#define ROUNDING 1e-6 /* of a spectrum's typical value: what lies below is rounding, no picture */

#define FINE 0.35       /* cycles a pixel: finer than what a microscope resolves, mostly */
#define OVERLAP 4       /* what both show must be this part of a side at least, to be compared again */

struct c5_spectrum {
	size_t height, width, half;
	float *map;             /* (height, width) less its mean; of frames that are faded, else NULL */
	double size;            /* root of the sum of squares of all frequencies but the mean; 0: a frame of one value */
	c5_fft_value *values;   /* (half, height) */
};

/* ---- spectra ---- */

static double mean_of(const float *map, size_t stride, size_t height, size_t width)
{
	double sum = 0;
	size_t n = 0;
	for (size_t y = 0; y < height; y++)
		for (size_t x = 0; x < width; x++)
			if (isfinite(map[y * stride + x])) sum += (double)map[y * stride + x], n++;
	return n ? sum / (double)n : 0;
}

/* Hann's window along an axis. */
static int fade_of(float **out, size_t n)
{
	int err = c5_alloc(out, n, sizeof **out);
	for (size_t i = 0; err == C5_OK && i < n; i++) (*out)[i] = (float)(0.5 - 0.5 * cos(2 * M_PI * ((double)i + 0.5) / (double)n));
	return err;
}

static int spectrum_of(c5_spectrum **out, const float *map, size_t stride, size_t height, size_t width, bool window)
{
	const double mean = mean_of(map, stride, height, width);
	c5_spectrum *s = NULL;
	float *copy = NULL, *faded = NULL, *down = NULL, *across = NULL;
	double sum = 0;
	int err;
	*out = NULL;
	if ((err = c5_alloc(&s, 1, sizeof *s)) < 0) return err;
	s->height = height, s->width = width, s->half = width / 2 + 1;
	if ((err = c5_alloc_aligned(&copy, height * width, sizeof *copy)) < 0 ||
	    (err = c5_alloc_aligned(&s->values, s->half * height, sizeof *s->values)) < 0 ||
	    (window && ((err = c5_alloc_aligned(&faded, height * width, sizeof *faded)) < 0 || (err = fade_of(&down, height)) < 0 ||
	                (err = fade_of(&across, width)) < 0)))
		goto done;
	for (size_t y = 0; y < height; y++)
		for (size_t x = 0; x < width; x++) {
			const float v = map[y * stride + x];
			const double rest = isfinite(v) ? (double)v - mean : 0;
			sum += rest * rest;
			copy[y * width + x] = (float)rest;
			if (window) faded[y * width + x] = (float)rest * (down[y] * across[x]);
		}
	s->size = sqrt(sum * (double)height * (double)width); /* Parseval */
	if ((err = c5_fft_forward(s->values, window ? faded : copy, height, width)) < 0) goto done;
	if (window) s->map = copy, copy = NULL;
	*out = s, s = NULL;
done:
	free(copy);
	free(faded);
	free(down);
	free(across);
	c5_register_close(s);
	return err;
}

static int check(const c5_register_rules *rules)
{
	if (rules->upsample < 1 || rules->upsample > C5_REGISTER_UPSAMPLE_MAX)
		return c5_fail(C5_EUSAGE, "shift to 1/%d px: 1 to %d expected", rules->upsample, C5_REGISTER_UPSAMPLE_MAX);
	return C5_OK;
}

int c5_register_open(c5_spectrum **out, const float *map, size_t height, size_t width, const c5_register_rules *rules)
{
	const size_t h = c5_fft_fast_size(height), w = c5_fft_fast_size(width);
	*out = NULL;
	if (!h || !w) return c5_fail(C5_EINPUT, "a frame of %zu x %zu pixels has no shift", height, width);
	return spectrum_of(out, map + (height - h) / 2 * width + (width - w) / 2, width, h, w, rules->window);
}

void c5_register_close(c5_spectrum *s)
{
	if (!s) return;
	free(s->values);
	free(s->map);
	free(s);
}

bool c5_register_empty(const c5_spectrum *s) { return !(s->size > 0); }

/* ---- correlation ---- */

/* Frequency k of n, in cycles a pixel. */
static double frequency(size_t k, size_t n) { return (k < (n + 1) / 2 ? (double)k : (double)k - (double)n) / (double)n; }

/* What a blur leaves of each frequency of an axis. */
static int weights_of(double **out, size_t n, double blur)
{
	int err = c5_alloc(out, n, sizeof **out);
	for (size_t k = 0; err == C5_OK && k < n; k++) {
		const double f = frequency(k, n) * M_PI * blur;
		(*out)[k] = blur > 0 ? exp(-2 * f * f) : 1;
	}
	return err;
}

static inline double size_of(const c5_spectrum *a, const c5_spectrum *b, size_t i)
{
	const c5_fft_value u = a->values[i], v = b->values[i];
	return sqrt(((double)u.re * (double)u.re + (double)u.im * (double)u.im) * ((double)v.re * (double)v.re + (double)v.im * (double)v.im));
}

/* Mean size of the product where pictures hold least: noise, mostly. */
static double noise_of(const c5_spectrum *a, const c5_spectrum *b)
{
	double sum = 0;
	size_t n = 0;
	for (size_t k = 0; k < a->half; k++)
		for (size_t q = 0; q < a->height; q++)
			if (fabs(frequency(k, a->width)) > FINE || fabs(frequency(q, a->height)) > FINE) sum += size_of(a, b, k * a->height + q), n++;
	return n ? sum / (double)n : 0;
}

/* Products of both spectra, all of size 1 but for the weights: what the blur leaves, and less where the noise is as large. total: the weights' sum
 * over the whole spectrum, and that of their squares. */
static int correlate(c5_fft_value *product, const c5_spectrum *a, const c5_spectrum *b, const c5_register_rules *rules, double total[2])
{
	const double least = ROUNDING * ROUNDING * (a->size * b->size / ((double)a->height * (double)a->width)), noise = rules->window ? noise_of(a, b) : 0;
	double *down = NULL, *across = NULL, *sums = NULL;
	int err;
	if ((err = weights_of(&down, a->height, rules->blur)) < 0 || (err = weights_of(&across, a->width, rules->blur)) < 0 ||
	    (err = c5_alloc(&sums, 2 * a->half, sizeof *sums)) < 0)
		goto done;
#pragma omp parallel for schedule(static)
	for (size_t k = 0; k < a->half; k++)
		for (size_t q = 0; q < a->height; q++) {
			const size_t i = k * a->height + q;
			const c5_fft_value u = a->values[i], v = b->values[i];
			const double re = (double)u.re * (double)v.re + (double)u.im * (double)v.im, im = (double)u.im * (double)v.re - (double)u.re * (double)v.im;
			const double size = fmax(sqrt(re * re + im * im), least), weight = down[q] * across[k] * size / (size + noise), share = weight / size;
			product[i] = k + q ? (c5_fft_value){ (float)(re * share), (float)(im * share) } : (c5_fft_value){ 1, 0 }; /* the means are alike */
			sums[2 * k] += weight, sums[2 * k + 1] += weight * weight;
		}
	total[0] = total[1] = 0;
	for (size_t k = 0; k < a->half; k++) {
		const double twice = k && 2 * k != a->width ? 2 : 1; /* the half that is not kept */
		total[0] += twice * sums[2 * k], total[1] += twice * sums[2 * k + 1];
	}
done:
	free(down);
	free(across);
	free(sums);
	return err;
}

/* The pixel of the correlation that is largest, as a shift of either sign. */
static void highest(const float *map, size_t height, size_t width, double at[2], double *peak)
{
	size_t best = 0;
	for (size_t i = 1; i < height * width; i++)
		if (fabsf(map[i]) > fabsf(map[best])) best = i;
	const size_t y = best / width, x = best % width;
	at[0] = y > height / 2 ? (double)y - (double)height : (double)y;
	at[1] = x > width / 2 ? (double)x - (double)width : (double)x;
	*peak = (double)fabsf(map[best]);
}

/* Complex numbers, real parts first: (2, count) after (2, count). */
typedef struct waves { double *at; size_t count; } waves;

static double *re_of(const waves *w, size_t k) { return w->at + 2 * k * w->count; }

/* Waves of all n frequencies of an axis at `count` places `step` px apart from `first` on. */
static int waves_of(waves *w, size_t n, size_t count, double first, double step)
{
	int err = c5_alloc(&w->at, 2 * n * count, sizeof *w->at);
	w->count = count;
	for (size_t k = 0; err == C5_OK && k < n; k++)
		for (size_t u = 0; u < count; u++) {
			const double turn = 2 * M_PI * frequency(k, n) * (first + step * (double)u);
			re_of(w, k)[u] = cos(turn), re_of(w, k)[count + u] = sin(turn);
		}
	return err;
}

/* sum += (re, im) wave, at each place. */
FOR_CPUS static void add_wave(double *restrict sum, double re, double im, const double *restrict wave, size_t count)
{
	for (size_t u = 0; u < count; u++) {
		sum[u] += re * wave[u] - im * wave[count + u];
		sum[count + u] += re * wave[count + u] + im * wave[u];
	}
}

/* Sums over y of one row of the product, at each place: for the frequency itself, and for its mirror image, where only the one frequency that is its
 * own mirror image along y turns the other way. */
static void sum_column(double *sums, double *mirror, const c5_fft_value *row, const waves *w, size_t n)
{
	memset(sums, 0, 2 * w->count * sizeof *sums);
	for (size_t q = 0; q < n; q++) add_wave(sums, (double)row[q].re, (double)row[q].im, re_of(w, q), w->count);
	memcpy(mirror, sums, 2 * w->count * sizeof *mirror);
	if (n % 2) return;
	const c5_fft_value p = row[n / 2];
	const double *im = re_of(w, n / 2) + w->count;
	for (size_t u = 0; u < w->count; u++) {
		mirror[u] += 2 * (double)p.im * im[u];
		mirror[w->count + u] -= 2 * (double)p.re * im[u];
	}
}

/* The largest of count x count places around `at`, `step` px apart. */
static int refine(const c5_fft_value *product, size_t height, size_t width, double at[2], int upsample, double *peak)
{
	const size_t half = width / 2 + 1, count = (size_t)ceil(upsample * 1.5), middle = count / 2;
	const double step = 1.0 / upsample;
	waves down = { 0 }, across = { 0 }, sums = { NULL, count }, mirror = { NULL, count };
	double *line = NULL, most = -1;
	size_t best = 0;
	int err;
	for (int a = 0; a < 2; a++) at[a] = rint(at[a] * upsample) / upsample;
	if ((err = waves_of(&down, height, count, at[0] - step * (double)middle, step)) < 0 ||
	    (err = waves_of(&across, width, count, at[1] - step * (double)middle, step)) < 0 ||
	    (err = c5_alloc(&sums.at, 2 * half * count, sizeof *sums.at)) < 0 ||
	    (err = c5_alloc(&mirror.at, 2 * half * count, sizeof *mirror.at)) < 0 || (err = c5_alloc(&line, 2 * count, sizeof *line)) < 0)
		goto done;
#pragma omp parallel for schedule(static)
	for (size_t k = 0; k < half; k++) sum_column(re_of(&sums, k), re_of(&mirror, k), product + k * height, &down, height);
	for (size_t u = 0; u < count; u++) {
		memset(line, 0, 2 * count * sizeof *line);
		for (size_t k = 0; k < width; k++) {
			const double *c = k < half ? re_of(&sums, k) : re_of(&mirror, width - k);
			add_wave(line, c[u], k < half ? c[count + u] : -c[count + u], re_of(&across, k), count);
		}
		for (size_t v = 0; v < count; v++) {
			const double size = line[v] * line[v] + line[count + v] * line[count + v];
			if (size > most) most = size, best = u * count + v;
		}
	}
	at[0] += step * ((double)(best / count) - (double)middle);
	at[1] += step * ((double)(best % count) - (double)middle);
	*peak = sqrt(most) / ((double)height * (double)width);
done:
	free(down.at);
	free(across.at);
	free(sums.at);
	free(mirror.at);
	free(line);
	return err;
}

static int compare(c5_shift *shift, const c5_spectrum *a, const c5_spectrum *b, const c5_register_rules *rules, int upsample)
{
	c5_fft_value *product = NULL, *spare = NULL;
	float *map = NULL;
	double at[2] = { 0, 0 }, peak = 0, total[2] = { 1, 1 };
	const size_t n = a->half * a->height;
	int err;
	*shift = (c5_shift){ 0, 0, 0, 1 };
	if (c5_register_empty(a) || c5_register_empty(b)) return C5_OK;
	if ((err = c5_alloc_aligned(&product, n, sizeof *product)) < 0 || (err = c5_alloc_aligned(&spare, n, sizeof *spare)) < 0 ||
	    (err = c5_alloc_aligned(&map, a->height * a->width, sizeof *map)) < 0)
		goto done;
	if ((err = correlate(product, a, b, rules, total)) < 0) goto done;
	memcpy(spare, product, n * sizeof *spare);
	if ((err = c5_fft_inverse(map, spare, a->height, a->width)) < 0) goto done;
	highest(map, a->height, a->width, at, &peak);
	if (upsample > 1 && (err = refine(product, a->height, a->width, at, upsample, &peak)) < 0) goto done;
	/* of phases drawn by chance the sum is normal, and this the height that the highest of so many places has about */
	const double alone = total[0] * total[0] / total[1], chance = sqrt(2 * log(alone + 1) / alone);
	*shift = (c5_shift){ a->height > 1 ? at[0] : 0, a->width > 1 ? at[1] : 0, fmin(1, peak * (double)a->height * (double)a->width / total[0]), chance };
done:
	free(product);
	free(spare);
	free(map);
	return err;
}

/* What both show, `moving` being moved by whole pixels; *done: whether that was enough to compare. */
static int compare_overlap(c5_shift *shift, const c5_spectrum *a, const c5_spectrum *b, const c5_register_rules *rules, bool *done)
{
	const ptrdiff_t dy = (ptrdiff_t)shift->y, dx = (ptrdiff_t)shift->x;
	const size_t cut_y = (size_t)(dy < 0 ? -dy : dy), cut_x = (size_t)(dx < 0 ? -dx : dx);
	const size_t h = c5_fft_fast_size(a->height - cut_y), w = c5_fft_fast_size(a->width - cut_x);
	const size_t y = (a->height - cut_y - h) / 2, x = (a->width - cut_x - w) / 2; /* the middle of what both show */
	c5_spectrum *p = NULL, *q = NULL;
	c5_shift rest;
	int err;
	*done = OVERLAP * h > a->height && OVERLAP * w > a->width;
	if (!*done) return C5_OK;
	const float *from_a = a->map + (y + (dy > 0 ? cut_y : 0)) * a->width + x + (dx > 0 ? cut_x : 0);
	const float *from_b = b->map + (y + (dy < 0 ? cut_y : 0)) * b->width + x + (dx < 0 ? cut_x : 0);
	if ((err = spectrum_of(&p, from_a, a->width, h, w, true)) == C5_OK && (err = spectrum_of(&q, from_b, b->width, h, w, true)) == C5_OK)
		err = compare(&rest, p, q, rules, rules->upsample);
	if (err == C5_OK) *shift = (c5_shift){ shift->y + rest.y, shift->x + rest.x, rest.peak, rest.chance };
	c5_register_close(p);
	c5_register_close(q);
	return err;
}

int c5_register_between(c5_shift *shift, const c5_spectrum *a, const c5_spectrum *b, const c5_register_rules *rules)
{
	bool done = false;
	int err;
	*shift = (c5_shift){ 0, 0, 0, 1 };
	if ((err = check(rules)) < 0) return err;
	if (a->height != b->height || a->width != b->width)
		return c5_fail(C5_EINPUT, "frames of %zu x %zu and %zu x %zu pixels cannot be compared", a->height, a->width, b->height, b->width);
	if (a->map && b->map) {
		if ((err = compare(shift, a, b, rules, 1)) < 0) return err;
		if (shift->y != 0 || shift->x != 0) err = compare_overlap(shift, a, b, rules, &done);
	}
	return err < 0 || done ? err : compare(shift, a, b, rules, rules->upsample);
}

int c5_register_shift(c5_shift *shift, const float *reference, const float *moving, size_t height, size_t width, const c5_register_rules *rules)
{
	c5_spectrum *a = NULL, *b = NULL;
	int err;
	*shift = (c5_shift){ 0, 0, 0, 1 };
	if ((err = check(rules)) < 0 || !height || !width) return err;
	if ((err = spectrum_of(&a, reference, width, height, width, rules->window)) == C5_OK &&
	    (err = spectrum_of(&b, moving, width, height, width, rules->window)) == C5_OK)
		err = c5_register_between(shift, a, b, rules);
	c5_register_close(a);
	c5_register_close(b);
	return err;
}

/* ---- moving ---- */

/* Where a moved line takes from: pixel `from` and the next one, `share` of the next. */
typedef struct source { size_t from, next; float share; } source;

static source source_of(size_t i, double by, size_t n)
{
	const double at = (double)i - by, last = (double)n - 1;
	if (!(at > 0)) return (source){ 0, 0, 0 };
	if (!(at < last)) return (source){ n - 1, n - 1, 0 };
	const size_t from = (size_t)at;
	const float share = (float)(at - (double)from);
	return (source){ from, share > 0 ? from + 1 : from, share };
}

void c5_register_move(float *out, const float *in, size_t height, size_t width, double dy, double dx)
{
#pragma omp parallel for schedule(static) if (height * width > 100000)
	for (size_t y = 0; y < height; y++) {
		const source v = source_of(y, dy, height);
		const float *a = in + v.from * width, *b = in + v.next * width;
		for (size_t x = 0; x < width; x++) {
			const source u = source_of(x, dx, width);
			const float left = a[u.from] + (b[u.from] - a[u.from]) * v.share, right = a[u.next] + (b[u.next] - a[u.next]) * v.share;
			out[y * width + x] = left + (right - left) * u.share;
		}
	}
}

void c5_register_move_labels(uint32_t *out, const uint32_t *in, size_t height, size_t width, double dy, double dx)
{
	for (size_t y = 0; y < height; y++) {
		const double v = floor((double)y - dy + 0.5);
		for (size_t x = 0; x < width; x++) {
			const double u = floor((double)x - dx + 0.5);
			const bool there = v >= 0 && u >= 0 && v < (double)height && u < (double)width;
			out[y * width + x] = there ? in[(size_t)v * width + (size_t)u] : 0;
		}
	}
}
