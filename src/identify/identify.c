/* identify.c – many tiles to one answer; see identify.h. */
#include "identify/identify.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "identify/tiles.h"

#define AREA ((size_t)C5_IDENTIFY_SIDE * C5_IDENTIFY_SIDE)
#define BATCH 16
#define FRAMES_MOST 8          /* of a recording; more tell nothing new */
#define ROUNDS 4               /* of looking again */
#define GRID 73                /* of log2 px: 0.5 to 9.5, an eighth apart */
#define GRID_FIRST 0.5
#define GRID_STEP 0.125
#define FAINT 0.1              /* tiles with less going on than this share of the best are ground */

struct c5_identifier { c5_net *net; int features; float *tiles; float feature[BATCH * C5_PROFILE_FEATURES]; float kind[BATCH * C5_KINDS],
	size[BATCH * C5_IDENTIFY_BINS]; };

/* What one tile said of size: log2 px, and how sure it is of it, 0..1. */
typedef struct opinion { double log2_px, sure; } opinion;
/* What tiles said so far: of all of one look. level: where their features are gathered; NULL: nowhere. */
typedef struct said { double weight, kind[C5_KINDS], size[C5_IDENTIFY_BINS]; opinion *tiles; size_t n, cap; c5_profile_tiles *level; } said;

int c5_identifier_open(c5_identifier **out, c5_device *device, const c5_model *m, const c5_weights *w)
{
	c5_identifier *id;
	int features, err = c5_identify_check(m, m->name);
	*out = NULL;
	if (err < 0 || (err = c5_alloc(&id, 1, sizeof *id)) < 0) return err;
	features = id->features = c5_model_find(m, C5_IDENTIFY_FEATURES);
	const c5_net_how how = { .batch = BATCH, .tap = &features, .n_tap = 1 };
	if ( (err = c5_alloc_aligned(&id->tiles, BATCH * AREA, sizeof *id->tiles)) < 0 || (err = c5_net_make(&id->net, device, m, w, &how)) < 0) {
		c5_identifier_close(id);
		return err;
	}
	*out = id;
	return C5_OK;
}

void c5_identifier_close(c5_identifier *id)
{
	if (!id) return;
	c5_net_free(id->net);
	free(id->tiles);
	free(id);
}

static double bin_log2(int bin) { return C5_IDENTIFY_FIRST + C5_IDENTIFY_STEP * bin; }

/* Mean of log2 px within an octave and a half of the likeliest step: a second opinion far off does not pull. */
static double mean_log2(const float *size)
{
	int top = 0;
	double sum = 0, weight = 0;
	for (int i = 1; i < C5_IDENTIFY_BINS; i++)
		if (size[i] > size[top]) top = i;
	for (int i = top - 6; i <= top + 6; i++)
		if (i >= 0 && i < C5_IDENTIFY_BINS) sum += (double)size[i] * bin_log2(i), weight += (double)size[i];
	return sum / weight;
}

/* 0 where all sizes are alike likely, as they are in a tile that shows nothing; 1 where one alone is. */
static double sureness(const float *size)
{
	double entropy = 0;
	for (int i = 0; i < C5_IDENTIFY_BINS; i++)
		if (size[i] > 0) entropy -= (double)size[i] * log((double)size[i]);
	return fmax(1e-3, 1 - entropy / log(C5_IDENTIFY_BINS));
}

static int see(c5_identifier *id, int n, said *s)
{
	int err;
	if ((err = c5_net_input(id->net, 0, id->tiles, n)) < 0 || (err = c5_net_forward(id->net, 0, 0)) < 0 ||
	    (err = c5_net_output(id->net, 0, id->kind, n)) < 0 || (err = c5_net_output(id->net, 1, id->size, n)) < 0 ||
	    (err = c5_net_read(id->net, id->features, false, id->feature, n)) < 0 ||
	    (err = c5_grow(&s->tiles, &s->cap, s->n + (size_t)n, sizeof *s->tiles)) < 0)
		return err;
	for (int i = 0; i < n; i++) {
		const float *size = id->size + (size_t)i * C5_IDENTIFY_BINS;
		double sure = sureness(size);
		s->weight += sure;
		if (s->level) c5_profile_tile(s->level, id->feature + (size_t)i * C5_PROFILE_FEATURES);
		for (int k = 0; k < C5_KINDS; k++) s->kind[k] += sure * (double)id->kind[i * C5_KINDS + k];
		for (int k = 0; k < C5_IDENTIFY_BINS; k++) s->size[k] += sure * log(fmax(1e-5, (double)size[k]));
		s->tiles[s->n++] = (opinion){ mean_log2(size), sure };
	}
	return C5_OK;
}

/* Looks at all frames at one magnification, `most` tiles each. */
static int look(c5_identifier *id, const c5_identify_frame *frames, size_t n, double zoom, int most, said *s)
{
	spot spots[TILES_MOST];
	int err = C5_OK, held = 0;
	for (size_t f = 0; f < n && err == C5_OK; f++) {
		view v;
		int count = 0;
		if ((err = view_make(&v, &frames[f], zoom)) < 0) return err;
		err = view_spots(&v, spots, most, &count);
		for (int i = 0; i < count && err == C5_OK; i++) {
			if (spots[i].energy < FAINT * spots[0].energy) break;
			view_cut(&v, spots[i].y, spots[i].x, id->tiles + (size_t)held++ * AREA);
			if (held == BATCH) err = see(id, held, s), held = 0;
		}
		view_free(&v);
	}
	return err == C5_OK && held ? see(id, held, s) : err;
}

/* Log-probability of a diameter, between steps and beyond the last; tiles that are not sure count less, and so do looks made of such. */
static double likely(const said *s, double log2_px)
{
	double at = (log2_px - C5_IDENTIFY_FIRST) / C5_IDENTIFY_STEP;
	if (at <= 0) return s->size[0] / (double)s->n;
	if (at >= C5_IDENTIFY_BINS - 1) return s->size[C5_IDENTIFY_BINS - 1] / (double)s->n;
	int low = (int)at;
	double t = at - low;
	return ((1 - t) * s->size[low] + t * s->size[low + 1]) / (double)s->n;
}

/* The first look: every magnification says how likely it finds each true diameter, and is a row of the profile. */
static int rough(c5_identifier *id, const c5_identify_frame *frames, size_t n, double *log2_px, c5_profile *profile)
{
	const int most = n > 3 ? 4 : n > 1 ? 6 : 10;
	double sum[GRID] = { 0 }, least = INFINITY;
	size_t seen = 0;
	for (size_t f = 0; f < n; f++) least = fmin(least, (double)(frames[f].height < frames[f].width ? frames[f].height : frames[f].width));
	for (int row = 0; row < C5_PROFILE_LEVELS; row++) {
		double octaves = 0.25 * (row + C5_PROFILE_FIRST), zoom = exp2(octaves);
		if (octaves > 0 && least / zoom < 0.5 * C5_IDENTIFY_SIDE) break;
		c5_profile_tiles level = { 0 };
		said s = { .level = &level };
		int err = look(id, frames, n, zoom, most, &s);
		for (int g = 0; g < GRID && err == C5_OK && s.weight > 0; g++) sum[g] += likely(&s, GRID_FIRST + GRID_STEP * g - octaves);
		c5_profile_level(profile, row, &level);
		seen += s.n;
		free(s.tiles);
		if (err < 0) return err;
	}
	if (!seen) return c5_fail(C5_EINPUT, "nothing is to be seen: all pixels are alike");
	int top = 0;
	for (int g = 1; g < GRID; g++)
		if (sum[g] > sum[top]) top = g;
	*log2_px = GRID_FIRST + GRID_STEP * top;
	return C5_OK;
}

static int ascending(const void *a, const void *b)
{
	const opinion *p = a, *q = b;
	return (p->log2_px > q->log2_px) - (p->log2_px < q->log2_px);
}

/* Mean of log2 px of the middle half, by sureness; and, from the quartiles, its standard error. */
static double middle(said *s, double *error)
{
	double at = 0, sum = 0, weight = 0, low = NAN, high = NAN;
	qsort(s->tiles, s->n, sizeof *s->tiles, ascending);
	for (size_t i = 0; i < s->n; i++) {
		double from = fmax(at, 0.25 * s->weight), to = fmin(at + s->tiles[i].sure, 0.75 * s->weight);
		at += s->tiles[i].sure;
		if (to <= from) continue;
		if (isnan(low)) low = s->tiles[i].log2_px;
		high = s->tiles[i].log2_px;
		sum += (to - from) * s->tiles[i].log2_px, weight += to - from;
	}
	*error = 1.25 * (high - low) / 1.349 / sqrt((double)s->n);
	return sum / weight;
}

static void settle(const said *s, c5_identity *out)
{
	double best = -1;
	for (int k = 0; k < C5_KINDS; k++) out->kind[k] = s->kind[k] / s->weight;
	for (int k = 0; k < C5_KINDS; k++) {
		double p = 0;
		for (int o = 0; o < C5_KINDS; o++)
			if (!strcmp(c5_identify_modality(k), c5_identify_modality(o))) p += out->kind[o];
		if (p > best || (p == best && out->kind[k] > out->kind[out->best])) best = p, out->best = k;
	}
	out->probability = best;
	out->tiles = (int)s->n;
}

/* One round of looking again, at three magnifications about the best for what was found so far. */
static int again(c5_identifier *id, const c5_identify_frame *frames, size_t n, double *log2_px, c5_identity *out)
{
	static const double around[] = { -0.3, 0, 0.3, -1.2 }; /* the last, closer, is asked for the kind alone: light is told by what edges look like */
	const int most = n > 3 ? 6 : n > 1 ? 10 : TILES_MOST;
	said kinds = { 0 };
	double sum = 0, wrong = 0, error;
	int counted = 0, err = C5_OK;
	for (int k = 0; k < 4 && err == C5_OK; k++) {
		double zoom = pow(2, *log2_px - log2(C5_IDENTIFY_BEST) + around[k]);
		said s = { 0 };
		err = look(id, frames, n, zoom, most, &s);
		if (err == C5_OK && s.n) {
			for (int i = 0; i < C5_KINDS; i++) kinds.kind[i] += s.kind[i];
			kinds.weight += s.weight, kinds.n += s.n;
			if (k < 3) sum += middle(&s, &error) + log2(zoom), wrong += error, counted++;
		}
		free(s.tiles);
	}
	if (err < 0) return err;
	if (!counted) return c5_fail(C5_EINPUT, "nothing is to be seen: all pixels are alike");
	*log2_px = fmax(GRID_FIRST, fmin(GRID_FIRST + GRID_STEP * (GRID - 1), sum / counted));
	out->spread = wrong / counted;
	settle(&kinds, out);
	return C5_OK;
}

static bool varies(const c5_identify_frame *f)
{
	size_t n = f->height * f->width, i = 1;
	while (i < n && f->pixels[i] == f->pixels[0]) i++;
	return i < n;
}

int c5_identify(c5_identifier *id, const c5_identify_frame *frames, size_t n, c5_identity *out)
{
	double log2_px, before;
	bool some = false;
	int err;
	memset(out, 0, sizeof *out);
	out->diameter_px = NAN;
	if (n > FRAMES_MOST) n = FRAMES_MOST;
	for (size_t f = 0; f < n; f++)
		if (frames[f].height < C5_IDENTIFY_LEAST || frames[f].width < C5_IDENTIFY_LEAST)
			return c5_fail(C5_EINPUT, "an image of %zu x %zu px is too small to tell what it is; %d px a side at least are needed", frames[f].height,
				frames[f].width, C5_IDENTIFY_LEAST);
	if (n == 0) return c5_fail(C5_EINPUT, "there is no frame to look at");
	for (size_t f = 0; f < n; f++) some |= varies(&frames[f]);
	if (!some) return c5_fail(C5_EINPUT, "nothing is to be seen: all pixels are alike");
	if ((err = rough(id, frames, n, &log2_px, &out->profile)) < 0) return err;
	for (int round = 0; round < ROUNDS; round++) {
		before = log2_px;
		if ((err = again(id, frames, n, &log2_px, out)) < 0) return err;
		if (fabs(log2_px - before) < 0.01) break;
	}
	out->diameter_px = pow(2, log2_px);
	return C5_OK;
}
