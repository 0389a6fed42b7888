/* feed.c – see feed.h. */
#include "identify/feed.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/random.h"
#include "identify/tiles.h"
#include "simulate/still.h"

#define SIDE C5_IDENTIFY_SIDE
#define AREA ((size_t)SIDE * SIDE)
#define STEPS 7                /* magnifications a real frame is kept in, half an octave apart */
#define SMALLEST 4.5           /* px of objects in tiles */
#define LARGEST 140.0
#define EMPTY 16               /* one still in so many shows nothing: all kinds and sizes are alike likely */
#define TRIES 2                /* places of a real frame, of which the one where most goes on is taken */
#define VALIDATE UINT64_C(0x76616c6964617465)

typedef struct real { c5_identify_sample sample; view views[STEPS]; int n_views; } real;

typedef struct feed {
	c5_feed base;
	c5_identify_feed_how how;
	real *reals;
	size_t n;
	int n_kinds, kinds[C5_KINDS]; /* of the real frames */
	int16_t **kept;             /* (n_train) stills drawn so far, so that later epochs need not draw them again; NULL: not yet */
	void **scratch;             /* one a place of a batch; grown with it */
	size_t n_scratch, cap_scratch;
} feed;

static double among_log(c5_random *r, double lo, double hi) { return lo * exp(c5_random_uniform(r) * log(hi / lo)); }

/* ---- targets ---- */

/* A step and its neighbours, as a Gaussian about the true size; beyond the ends, the end. */
static void size_target(float *out, double diameter)
{
	double at = (log2(diameter) - C5_IDENTIFY_FIRST) / C5_IDENTIFY_STEP, sum = 0;
	at = fmax(0, fmin(C5_IDENTIFY_BINS - 1, at));
	for (int i = 0; i < C5_IDENTIFY_BINS; i++) out[i] = (float)exp(-0.5 * (i - at) * (i - at) / (0.8 * 0.8)), sum += (double)out[i];
	for (int i = 0; i < C5_IDENTIFY_BINS; i++) out[i] = (float)((double)out[i] / sum);
}

/* One of eight ways to turn and mirror. */
static void turn(float *tile, const float *from, unsigned how)
{
	for (size_t y = 0; y < SIDE; y++)
		for (size_t x = 0; x < SIDE; x++) {
			size_t a = how & 1 ? SIDE - 1 - y : y, b = how & 2 ? SIDE - 1 - x : x;
			tile[y * SIDE + x] = how & 4 ? from[b * SIDE + a] : from[a * SIDE + b];
		}
}

/* ---- tiles ---- */

#define UNIT 5000.0f /* of a stored still */

static int still(float *tile, double *diameter, int kind, bool empty, uint64_t seed, uint64_t item, int16_t **kept, void *scratch)
{
	c5_random r;
	c5_random_start(&r, seed ^ UINT64_C(0x73697a65), item);
	*diameter = among_log(&r, SMALLEST, LARGEST);
	if (kept && *kept) {
		for (size_t i = 0; i < AREA; i++) tile[i] = (float)(*kept)[i] / UNIT;
		return C5_OK;
	}
	int err = c5_still_draw(tile, SIDE, SIDE, kind, empty ? -*diameter : *diameter, seed, item, scratch);
	if (err < 0) return err;
	tile_normalise(tile);
	if (kept && c5_alloc(kept, AREA, sizeof **kept) < 0) c5_error_clear(); /* then it is drawn again */
	for (size_t i = 0; kept && *kept && i < AREA; i++) {
		(*kept)[i] = (int16_t)lrintf(tile[i] * UNIT);
		tile[i] = (float)(*kept)[i] / UNIT; /* the first time as ever after */
	}
	return C5_OK;
}

/* The same still, seen anew: turned, with other noise */
static void vary(float *tile, float *spare, c5_random *r)
{
	memcpy(spare, tile, AREA * sizeof *tile);
	turn(tile, spare, c5_random_u32(r) & 7);
	double noise = c5_random_uniform(r) < 0.5 ? among_log(r, 0.01, 0.2) : 0;
	for (size_t i = 0; i < AREA && noise > 0; i++) tile[i] += (float)(noise * c5_random_normal(r));
	tile_normalise(tile);
}

/* Which frame: a kind, a set of this kind, a frame of it, each alike likely. */
static const real *choose(const feed *f, c5_random *r)
{
	int kind = f->kinds[c5_random_below(r, (uint64_t)f->n_kinds)], seen[64], n = 0, count = 0;
	for (size_t i = 0; i < f->n; i++) {
		int set = f->reals[i].sample.set & 63, known = 0;
		for (int k = 0; k < n; k++) known |= seen[k] == set;
		if (f->reals[i].sample.kind == kind && !known && n < 64) seen[n++] = set;
	}
	int set = seen[c5_random_below(r, (uint64_t)n)];
	for (size_t i = 0; i < f->n; i++) count += f->reals[i].sample.kind == kind && (f->reals[i].sample.set & 63) == set;
	int want = (int)c5_random_below(r, (uint64_t)count);
	for (size_t i = 0; i < f->n; i++)
		if (f->reals[i].sample.kind == kind && (f->reals[i].sample.set & 63) == set && want-- == 0) return &f->reals[i];
	return &f->reals[0];
}

static double energy(const float *tile)
{
	double sum = 0;
	for (size_t i = 0; i + 2 < AREA; i++) sum += (double)(tile[i + 2] - tile[i]) * (double)(tile[i + 2] - tile[i]);
	return sum;
}

/* Cuts without bringing to one deviation, to compare places. */
static void cut(float *tile, const real *source, double zoom, c5_random *r, float *spare)
{
	int level = (int)floor(2 * log2(zoom) + 1e-9);
	if (level < 0) level = 0;
	if (level >= source->n_views) level = source->n_views - 1;
	view v = source->views[level];
	v.step = zoom / pow(2, 0.5 * level); /* below the square root of 2: little is left to alias */
	double best = -1, have = SIDE * v.step;
	for (int i = 0; i < TRIES; i++) {
		double y = (double)v.height > have ? c5_random_range(r, 0, (double)v.height - have) : 0.5 * ((double)v.height - have);
		double x = (double)v.width > have ? c5_random_range(r, 0, (double)v.width - have) : 0.5 * ((double)v.width - have);
		view_cut(&v, y, x, spare);
		double e = energy(spare); e = e > 0 ? -e : -INFINITY; /* of what has one deviation already: smooth shapes have less of it than noise */
		if (i == 0 || e > best) best = e, memcpy(tile, spare, AREA * sizeof *tile);
	}
}

/* Returns the diameter of what is seen; NAN: not known. */
static double photograph(const feed *f, float *tile, int *kind, c5_random *r, float *spare)
{
	const real *source = choose(f, r);
	double side = (double)(source->sample.frame.height < source->sample.frame.width ? source->sample.frame.height : source->sample.frame.width);
	double largest = fmin(8, fmax(1, 1.3 * side / SIDE)), d = source->sample.diameter_px, zoom = among_log(r, 0.35, largest);
	if (isfinite(d)) zoom = fmax(0.3, fmin(largest, d / among_log(r, 5, 110)));
	*kind = source->sample.kind;
	cut(spare, source, zoom, r, spare + AREA);
	turn(tile, spare, c5_random_u32(r) & 7);
	bool dark = *kind == C5_KIND_NUCLEI || *kind == C5_KIND_STRUCTURE;
	double noise = c5_random_uniform(r) < 0.5 ? among_log(r, 0.01, 0.3) : 0, gamma = dark ? among_log(r, 0.6, 1.5) : 1,
		tilt_y = 0.4 * c5_random_normal(r), tilt_x = 0.4 * c5_random_normal(r);
	bool shade = !dark && c5_random_uniform(r) < 0.4;
	float least = tile[0];
	for (size_t i = 0; i < AREA; i++) least = tile[i] < least ? tile[i] : least;
	for (size_t i = 0; i < AREA; i++) {
		double value = gamma != 1 ? pow((double)(tile[i] - least), gamma) : (double)tile[i];
		if (shade) value += tilt_y * (2.0 * (double)(i / SIDE) / SIDE - 1) + tilt_x * (2.0 * (double)(i % SIDE) / SIDE - 1);
		tile[i] = (float)(value + noise * c5_random_normal(r));
	}
	tile_normalise(tile);
	return isfinite(d) ? d / zoom : (double)NAN;
}

/* Kinds of stills take turns; which items are real frames must not go by that, so it goes by the item's bits, well mixed. */
static bool is_real(const feed *f, size_t item)
{
	uint64_t mixed = (uint64_t)item * UINT64_C(0x9e3779b97f4a7c15);
	return f->n && item < f->base.n_train && (double)(mixed >> 40) / (double)(1 << 24) < f->how.real;
}

static int fill(c5_feed *base, const size_t *items, const uint64_t *draws, size_t n, uint64_t seed, float *const *inputs, float *const *targets,
	float *weight)
{
	feed *f = (feed *)base;
	size_t bytes = c5_still_bytes(SIDE, SIDE) + 2 * AREA * sizeof(float);
	int err = c5_grow(&f->scratch, &f->cap_scratch, n, sizeof *f->scratch);
	for (; err == C5_OK && f->n_scratch < n; f->n_scratch++)
		if ((err = c5_alloc_aligned(&f->scratch[f->n_scratch], bytes, 1)) < 0) break;
	if (err < 0) return err;
#pragma omp parallel for schedule(dynamic, 1)
	for (size_t i = 0; i < n; i++) {
		float *tile = inputs[0] + i * AREA, *kinds = targets[0] + i * C5_KINDS, *sizes = targets[1] + i * C5_IDENTIFY_BINS;
		bool trains = items[i] < f->base.n_train;
		int kind = (int)(items[i] % C5_KINDS);
		bool empty = false;
		double diameter;
		if (is_real(f, items[i])) {
			c5_random r;
			c5_random_start(&r, seed ^ UINT64_C(0x7265616c), (draws ? draws[i] : 0) << 24 | items[i]);
			diameter = photograph(f, tile, &kind, &r, f->scratch[i]);
		} else {
			empty = items[i] / C5_KINDS % EMPTY == 0;
			int drawn = still(tile, &diameter, kind, empty, trains ? seed : VALIDATE, trains ? items[i] : items[i] - f->base.n_train,
				trains ? &f->kept[items[i]] : NULL, f->scratch[i]);
			if (drawn < 0) {
#pragma omp atomic write
				err = drawn;
			}
			if (draws) {
				c5_random r;
				c5_random_start(&r, seed ^ UINT64_C(0x76617279), draws[i] << 24 | items[i]);
				vary(tile, f->scratch[i], &r);
			}
		}
		memset(kinds, 0, C5_KINDS * sizeof *kinds);
		memset(sizes, 0, C5_IDENTIFY_BINS * sizeof *sizes); /* a target of zeros asks nothing */
		kinds[kind] = 1;
		if (isfinite(diameter)) size_target(sizes, diameter);
		for (int k = 0; k < C5_KINDS && empty; k++) kinds[k] = 1.0f / C5_KINDS;
		for (int k = 0; k < C5_IDENTIFY_BINS && empty; k++) sizes[k] = 1.0f / C5_IDENTIFY_BINS;
		weight[i] = 1;
	}
	return err < 0 ? c5_fail(err, "out of memory for the light of %zu stills", n) : C5_OK;
}

static int judge(c5_feed *base, const float *const *outputs, const float *const *targets, const char *names[8], double values[8])
{
	double right = 0, octaves = 0, n = (double)base->n_validate;
	for (size_t i = 0; i < base->n_validate; i++) {
		const float *k = outputs[0] + i * C5_KINDS, *s = outputs[1] + i * C5_IDENTIFY_BINS, *t = targets[1] + i * C5_IDENTIFY_BINS;
		int top = 0;
		double found = 0, truth = 0;
		for (int c = 1; c < C5_KINDS; c++) top = k[c] > k[top] ? c : top;
		for (int b = 0; b < C5_IDENTIFY_BINS; b++) found += b * (double)s[b], truth += b * (double)t[b];
		if (targets[0][i * C5_KINDS] > 0.1f && targets[0][i * C5_KINDS] < 0.9f) { n--; continue; } /* empty */
		right += targets[0][i * C5_KINDS + (size_t)top] > 0.5f;
		octaves += C5_IDENTIFY_STEP * fabs(found - truth);
	}
	names[0] = "accuracy", values[0] = right / n;
	names[1] = "octaves", values[1] = octaves / n;
	return 2;
}

/* ---- the feed ---- */

static int add_real(feed *f, const c5_identify_sample *s)
{
	real *to = &f->reals[f->n++];
	bool known = false;
	to->sample = *s;
	for (int k = 0; k < f->n_kinds; k++) known |= f->kinds[k] == s->kind;
	if (!known) f->kinds[f->n_kinds++] = s->kind;
	for (int i = 0; i < STEPS; i++) {
		double zoom = pow(2, 0.5 * i);
		if (i && fmin((double)s->frame.height, (double)s->frame.width) / zoom < 16) break;
		int err = view_make(&to->views[i], &s->frame, zoom);
		if (err < 0) return err;
		to->n_views = i + 1;
	}
	return C5_OK;
}

int c5_identify_feed(c5_feed **out, const c5_identify_feed_how *how, const c5_identify_sample *samples, size_t n)
{
	feed *f;
	int err = c5_alloc(&f, 1, sizeof *f);
	*out = NULL;
	if (err < 0) return err;
	f->how = *how;
	f->base.n_train = how->per_epoch, f->base.n_validate = how->n_validate;
	f->base.n_inputs = 1, f->base.n_targets = 2;
	f->base.input_count[0] = AREA, f->base.target_count[0] = C5_KINDS, f->base.target_count[1] = C5_IDENTIFY_BINS;
	f->base.fill = fill, f->base.judge = judge;
	if ((err = c5_alloc(&f->kept, how->per_epoch + 1, sizeof *f->kept)) == C5_OK && (err = c5_alloc(&f->reals, n ? n : 1, sizeof *f->reals)) == C5_OK)
		for (size_t i = 0; i < n && err == C5_OK; i++) err = add_real(f, &samples[i]);
	if (err < 0) c5_identify_feed_free(&f->base);
	else *out = &f->base;
	return err;
}

void c5_identify_feed_free(c5_feed *base)
{
	feed *f = (feed *)base;
	if (!f) return;
	for (size_t i = 0; i < f->n; i++)
		for (int k = 0; k < f->reals[i].n_views; k++) view_free(&f->reals[i].views[k]);
	for (size_t i = 0; i < f->n_scratch; i++) free(f->scratch[i]);
	for (size_t i = 0; f->kept && i < f->base.n_train; i++) free(f->kept[i]);
	free(f->kept);
	free(f->scratch);
	free(f->reals);
	free(f);
}
