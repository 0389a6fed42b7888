/* align.c – see align.h. */
#include "stain/align.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "image/fft.h"
#include "image/filter.h"

#define SCALES 3
#define GROUPS 3        /* of z planes: structure is sharp in some and not in others */
#define FEATURES (SCALES * GROUPS)
#define LAGS (2 * C5_ALIGN_REACH + 1)
#define HIGH 20.0       /* px: what is larger than that is left out */
#define TILE_LEAST 48   /* px */
#define TILES_MOST 4    /* along a side */
#define RIDGE 0.01      /* of the mean variance: features of neighbouring scales are nearly alike */

static const double scale_px[SCALES] = { 1, 2, 4 };

/* Of one part of the image. */
typedef struct part {
	double variance;                        /* of the marker */
	double among[FEATURES][FEATURES];       /* covariance of features */
	double with[FEATURES][LAGS * LAGS];     /* of each feature and the marker, by lag */
} part;

struct c5_align_sums {
	int features;
	size_t height, width, rows, columns;    /* parts; 0: no frame yet */
	ptrdiff_t by, bx;                       /* px the marker is moved by before it is compared */
	part *parts;
};

int c5_align_open(c5_align_sums **out, const c5_align *about)
{
	int err = c5_alloc(out, 1, sizeof **out);
	if (err == C5_OK && about) (*out)->by = lrint(about->y), (*out)->bx = lrint(about->x);
	return err;
}

void c5_align_close(c5_align_sums *s)
{
	if (s) free(s->parts);
	free(s);
}

/* ---- features ---- */

typedef struct work { float *features, *marker, *a, *b; void *scratch; size_t n; } work;

static void free_work(work *w)
{
	free(w->features);
	free(w->marker);
	free(w->a);
	free(w->b);
	free(w->scratch);
}

static int open_work(work *w, int features, size_t height, size_t width)
{
	const size_t n = height * width;
	int err;
	*w = (work){ .n = n };
	if ((err = c5_alloc_aligned(&w->features, (size_t)features * n, sizeof(float))) < 0 || (err = c5_alloc_aligned(&w->marker, n, sizeof(float))) < 0 ||
	    (err = c5_alloc_aligned(&w->a, n, sizeof(float))) < 0 || (err = c5_alloc_aligned(&w->b, n, sizeof(float))) < 0)
		return err;
	return c5_alloc_aligned(&w->scratch, c5_filter_gaussian_bytes(height, width, HIGH), 1);
}

/* Less its large scales, to mean 0 and deviation 1; a flat one becomes 0. */
static void flatten(float *map, float *spare, size_t height, size_t width, void *scratch)
{
	const size_t n = height * width;
	double sum = 0, squares = 0;
	c5_filter_gaussian(spare, map, height, width, HIGH, scratch);
	for (size_t i = 0; i < n; i++) map[i] -= spare[i], sum += (double)map[i];
	const double mean = sum / (double)n;
	for (size_t i = 0; i < n; i++) squares += ((double)map[i] - mean) * ((double)map[i] - mean);
	const double sd = sqrt(squares / (double)n), by = sd > 1e-9 ? 1 / sd : 0;
	for (size_t i = 0; i < n; i++) map[i] = (float)(((double)map[i] - mean) * by);
}

/* Energy of planes [from, to) in the band of a scale. */
static void energy(float *out, work *w, const float *input, int from, int to, double scale, size_t height, size_t width)
{
	double sum = 0;
	memset(out, 0, w->n * sizeof *out);
	for (int z = from; z < to; z++) {
		const float *plane = input + (size_t)z * w->n;
		c5_filter_gaussian(w->a, plane, height, width, scale, w->scratch);
		c5_filter_gaussian(w->b, plane, height, width, 1.6 * scale, w->scratch);
		for (size_t i = 0; i < w->n; i++) w->a[i] = (w->a[i] - w->b[i]) * (w->a[i] - w->b[i]);
		c5_filter_gaussian(w->b, w->a, height, width, scale, w->scratch);
		for (size_t i = 0; i < w->n; i++) out[i] += w->b[i];
	}
	for (size_t i = 0; i < w->n; i++) sum += (double)out[i];
	const float least = (float)(1e-3 * sum / (double)w->n + 1e-20);
	for (size_t i = 0; i < w->n; i++) out[i] = logf(out[i] + least);
	flatten(out, w->a, height, width, w->scratch);
}

static int up(const void *x, const void *y)
{
	const float a = *(const float *)x, b = *(const float *)y;
	return (a > b) - (a < b);
}

/* The logarithm above the background: few bright cells must not decide alone. */
static void flatten_marker(work *w, const float *level, size_t height, size_t width)
{
	memcpy(w->a, level, w->n * sizeof *w->a);
	for (size_t i = 0; i < w->n; i++)
		if (!isfinite(w->a[i])) w->a[i] = 0;
	memcpy(w->marker, w->a, w->n * sizeof *w->a);
	qsort(w->a, w->n, sizeof *w->a, up);
	const float low = w->a[0], middle = w->a[w->n / 2] - low, base = middle > 0 ? middle : fmaxf(1e-3f * (w->a[w->n - 1] - low), 1e-20f);
	for (size_t i = 0; i < w->n; i++) w->marker[i] = logf(w->marker[i] - low + base);
	flatten(w->marker, w->a, height, width, w->scratch);
}

/* ---- parts ---- */

/* Fades out a little towards a part's edges, which would else meet round the corner. */
static double fade(size_t i, size_t n) { return pow(0.5 - 0.5 * cos(2 * M_PI * ((double)i + 0.5) / (double)n), 0.3); }

typedef struct tile { size_t y, x, height, width; float *map; c5_fft_value *marker, *spectrum; } tile;

static size_t within(ptrdiff_t i, size_t n) { return i < 0 ? 0 : (size_t)i < n ? (size_t)i : n - 1; }

/* A part of a map that is moved by (by, bx); edge pixels are repeated. */
static void cut(const tile *t, float *out, const float *map, const c5_align_sums *s, ptrdiff_t by, ptrdiff_t bx)
{
	for (size_t y = 0; y < t->height; y++) {
		const float *row = map + within((ptrdiff_t)(t->y + y) - by, s->height) * s->width;
		for (size_t x = 0; x < t->width; x++)
			out[y * t->width + x] = (float)((double)row[within((ptrdiff_t)(t->x + x) - bx, s->width)] * (fade(y, t->height) * fade(x, t->width)));
	}
}

static int add_tile(part *p, const c5_align_sums *s, const work *w, tile *t, float *cuts)
{
	const size_t n = t->height * t->width, half = t->width / 2 + 1;
	int err;
	cut(t, t->map, w->marker, s, s->by, s->bx);
	for (size_t i = 0; i < n; i++) p->variance += (double)t->map[i] * (double)t->map[i];
	if ((err = c5_fft_forward(t->marker, t->map, t->height, t->width)) < 0) return err;
	for (int f = 0; f < s->features; f++) {
		cut(t, cuts + (size_t)f * n, w->features + (size_t)f * w->n, s, 0, 0);
		if ((err = c5_fft_forward(t->spectrum, cuts + (size_t)f * n, t->height, t->width)) < 0) return err;
		for (size_t i = 0; i < half * t->height; i++) {
			const c5_fft_value m = t->marker[i], v = t->spectrum[i];
			t->spectrum[i] = (c5_fft_value){ m.re * v.re + m.im * v.im, m.re * v.im - m.im * v.re };
		}
		if ((err = c5_fft_inverse(t->map, t->spectrum, t->height, t->width)) < 0) return err;
		for (int dy = -C5_ALIGN_REACH; dy <= C5_ALIGN_REACH; dy++)
			for (int dx = -C5_ALIGN_REACH; dx <= C5_ALIGN_REACH; dx++) {
				const size_t y = dy < 0 ? t->height - (size_t)-dy : (size_t)dy, x = dx < 0 ? t->width - (size_t)-dx : (size_t)dx;
				p->with[f][(dy + C5_ALIGN_REACH) * LAGS + dx + C5_ALIGN_REACH] += (double)t->map[y * t->width + x];
			}
		for (int g = 0; g <= f; g++) {
			double sum = 0;
			for (size_t i = 0; i < n; i++) sum += (double)cuts[(size_t)f * n + i] * (double)cuts[(size_t)g * n + i];
			p->among[f][g] += sum;
			if (g < f) p->among[g][f] += sum;
		}
	}
	return C5_OK;
}

static int add_parts(c5_align_sums *s, const work *w)
{
	const size_t h = c5_fft_fast_size(s->height / s->rows), width = c5_fft_fast_size(s->width / s->columns), n = h * width;
	tile t = { .height = h, .width = width };
	float *cuts = NULL;
	int err;
	if ((err = c5_alloc_aligned(&t.map, n, sizeof *t.map)) < 0 || (err = c5_alloc_aligned(&t.marker, (width / 2 + 1) * h, sizeof *t.marker)) < 0 ||
	    (err = c5_alloc_aligned(&t.spectrum, (width / 2 + 1) * h, sizeof *t.spectrum)) < 0 ||
	    (err = c5_alloc_aligned(&cuts, (size_t)s->features * n, sizeof *cuts)) < 0)
		goto done;
	for (size_t k = 0; k < s->rows * s->columns && err == C5_OK; k++) {
		t.y = k / s->columns * (s->height / s->rows), t.x = k % s->columns * (s->width / s->columns);
		err = add_tile(&s->parts[k], s, w, &t, cuts);
	}
done:
	free(cuts);
	free(t.spectrum);
	free(t.marker);
	free(t.map);
	return err;
}

static size_t parts_along(size_t length) { return length / TILE_LEAST < TILES_MOST ? length / TILE_LEAST : TILES_MOST; }

int c5_align_add(c5_align_sums *s, const float *input, int planes, const float *level, size_t height, size_t width)
{
	const int groups = planes < GROUPS ? planes : GROUPS;
	work w;
	int err;
	if (planes < 1 || height < 2 * TILE_LEAST || width < 2 * TILE_LEAST) return C5_OK;
	if (s->rows && (s->height != height || s->width != width || s->features != groups * SCALES)) return C5_OK;
	if (!s->rows) {
		s->features = groups * SCALES, s->height = height, s->width = width;
		if ((err = c5_alloc(&s->parts, parts_along(height) * parts_along(width), sizeof *s->parts)) < 0) return err;
		s->rows = parts_along(height), s->columns = parts_along(width);
	}
	if ((err = open_work(&w, s->features, height, width)) < 0) goto done;
	flatten_marker(&w, level, height, width);
	for (int g = 0; g < groups; g++)
		for (int k = 0; k < SCALES; k++)
			energy(w.features + (size_t)(g * SCALES + k) * w.n, &w, input, planes * g / groups, planes * (g + 1) / groups, scale_px[k], height, width);
	err = add_parts(s, &w);
done:
	free_work(&w);
	return err;
}

/* ---- the best lag ---- */

typedef struct lag { double y, x, agreement; } lag;

/* Lower triangle of the root of the covariance, in place; false when there is nothing to go by. */
static bool root_of(double a[FEATURES][FEATURES], int n)
{
	double trace = 0;
	for (int i = 0; i < n; i++) trace += a[i][i];
	if (!(trace > 0)) return false;
	for (int i = 0; i < n; i++) {
		for (int j = 0; j <= i; j++) {
			double sum = a[i][j] + (i == j ? RIDGE * trace / n : 0);
			for (int k = 0; k < j; k++) sum -= a[i][k] * a[j][k];
			if (i == j && !(sum > 0)) return false;
			a[i][j] = i == j ? sqrt(sum) : sum / a[j][j];
		}
	}
	return true;
}

/* The top of a parabola through nine values around a peak, within a pixel of it. */
static void refine(lag *at, const double *map, int y, int x)
{
	double v[3][3], gy = 0, gx = 0, yy = 0, xx = 0, xy, all = 0;
	for (int i = 0; i < 3; i++)
		for (int j = 0; j < 3; j++) {
			const double k = v[i][j] = map[(y + i - 1) * LAGS + x + j - 1];
			gy += (i - 1) * k / 6, gx += (j - 1) * k / 6, all += k;
			yy += i == 1 ? 0 : k, xx += j == 1 ? 0 : k;
		}
	yy = yy - all * 2 / 3, xx = xx - all * 2 / 3; /* second differences, least squares */
	xy = (v[0][0] - v[0][2] - v[2][0] + v[2][2]) / 4;
	const double det = yy * xx - xy * xy;
	if (!(yy < 0) || !(det > 0)) return;
	const double dy = -(xx * gy - xy * gx) / det, dx = -(yy * gx - xy * gy) / det;
	at->y += dy < -1 ? -1 : dy > 1 ? 1 : dy;
	at->x += dx < -1 ? -1 : dx > 1 ? 1 : dx;
}

/* The lag of the parts for which wanted(part, k); false: none, or at the edge of what was looked at. */
static bool best_lag(lag *out, const c5_align_sums *s, bool (*wanted)(size_t part, size_t k), size_t k, double *map)
{
	double among[FEATURES][FEATURES] = { { 0 } }, variance = 0, most = -1;
	int best = 0;
	*out = (lag){ 0 };
	for (size_t i = 0; i < s->rows * s->columns; i++) {
		if (!wanted(i, k)) continue;
		variance += s->parts[i].variance;
		for (int f = 0; f < s->features; f++)
			for (int g = 0; g < s->features; g++) among[f][g] += s->parts[i].among[f][g];
	}
	if (!(variance > 0) || !root_of(among, s->features)) return false;
	for (int d = 0; d < LAGS * LAGS; d++) {
		double v[FEATURES] = { 0 }, sum = 0;
		for (size_t i = 0; i < s->rows * s->columns; i++)
			for (int f = 0; f < s->features && wanted(i, k); f++) v[f] += s->parts[i].with[f][d];
		for (int f = 0; f < s->features; f++) {
			for (int g = 0; g < f; g++) v[f] -= among[f][g] * v[g];
			v[f] /= among[f][f];
			sum += v[f] * v[f];
		}
		map[d] = sum / variance;
		if (map[d] > most) most = map[d], best = d;
	}
	const int y = best / LAGS, x = best % LAGS;
	*out = (lag){ y - C5_ALIGN_REACH, x - C5_ALIGN_REACH, sqrt(fmin(1, most)) };
	if (y == 0 || x == 0 || y == LAGS - 1 || x == LAGS - 1) return false;
	refine(out, map, y, x);
	return true;
}

static bool all_parts(size_t i, size_t k) { return (void)i, (void)k, true; }
static bool all_but(size_t i, size_t k) { return i != k; }
static bool each_third(size_t i, size_t k) { return i % 3 == k; }

/* Root of the jackknife's variance, the worse of both axes; thirds: whether each finds the same by itself. */
static bool doubt(double *error, const c5_align_sums *s, const lag *whole, double *map)
{
	const size_t n = s->rows * s->columns;
	double sum[2] = { 0 }, squares[2] = { 0 };
	lag one;
	for (size_t i = 0; i < n; i++) {
		if (!best_lag(&one, s, all_but, i, map)) return false;
		const double d[2] = { one.y - whole->y, one.x - whole->x };
		for (int a = 0; a < 2; a++) sum[a] += d[a], squares[a] += d[a] * d[a];
	}
	for (int a = 0; a < 2; a++) *error = fmax(*error, sqrt((double)(n - 1) * fmax(0, squares[a] / (double)n - sum[a] * sum[a] / (double)(n * n))));
	const double apart = fmax(2, 3 * *error);
	for (size_t k = 0; k < 3; k++)
		if (!best_lag(&one, s, each_third, k, map) || hypot(one.y - whole->y, one.x - whole->x) > apart) return false;
	return true;
}

void c5_align_find(c5_align *out, const c5_align_sums *s)
{
	static const double error_most = 1.5;
	double map[LAGS * LAGS];
	lag whole;
	*out = (c5_align){ .verdict = C5_ALIGN_UNSURE };
	if (s->rows * s->columns < 4 || !best_lag(&whole, s, all_parts, 0, map)) return;
	out->y = (double)s->by + whole.y, out->x = (double)s->bx + whole.x, out->agreement = whole.agreement;
	if (!doubt(&out->error, s, &whole, map) || out->error > error_most) return;
	const double far = hypot(out->y, out->x);
	out->verdict = far <= fmax(C5_ALIGN_LEAST, 3 * out->error) ? C5_ALIGN_FINE : far <= C5_ALIGN_MOST ? C5_ALIGN_OFF : C5_ALIGN_FAR;
}

const char *c5_align_word(int verdict)
{
	static const char *const words[] = { "unsure", "fine", "off", "far" };
	return words[verdict];
}
