/* feed_dense.c – patches of fields with the markers' own images as a feed; see feeds.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "stain/feeds.h"
#include "stain/feed_parts.h"

typedef struct place { uint32_t field; size_t y, x; } place;
typedef struct view { unsigned turn; bool warped; c5_warp warp; } view; /* how a place is looked at */

typedef struct dense {
	c5_feed feed;
	c5_stain_feed_head head;
	c5_dense_feed how;
	const c5_field *fields;
	int channels, markers;
	size_t *room;           /* places for a patch in the training rectangles up to and with field i */
	size_t n_fields;
	char names[C5_STAIN_MARKERS_MAX][32]; /* of the figures of single markers */
	place *check;           /* validation patches */
	size_t n_check, cap;
} dense;

static bool fits(c5_rect r, size_t side) { return r.y1 >= r.y0 + side && r.x1 >= r.x0 + side; }

/* Training patches may stand anywhere: all places are alike likely, so large fields are seen more. */
static place draw_place(const dense *d, c5_random *r)
{
	size_t k = (size_t)c5_random_below(r, d->room[d->n_fields - 1]), f = 0;
	while (d->room[f] <= k) f++;
	c5_rect t = d->fields[f].train;
	k -= f ? d->room[f - 1] : 0;
	size_t across = t.x1 - t.x0 - d->how.patch + 1;
	return (place){ (uint32_t)f, t.y0 + k / across, t.x0 + k % across };
}

static void look(float *out, const c5_field *f, const float *plane, const place *at, size_t side, const view *v)
{
	if (v->warped) c5_field_warp(out, plane, f->width, f->train, at->y, at->x, side, &v->warp);
	else c5_field_cut(out, plane, f->height, f->width, (ptrdiff_t)at->y, (ptrdiff_t)at->x, side, v->turn);
}

static void look_at_mask(float *out, const c5_field *f, const uint8_t *mask, const place *at, size_t side, const view *v)
{
	if (v->warped) {
		c5_field_warp_mask(out, mask, f->width, f->train, at->y, at->x, side, &v->warp);
		return;
	}
	for (size_t i = 0; i < side; i++)
		for (size_t j = 0; j < side; j++) {
			size_t a = v->turn & 4 ? j : i, b = v->turn & 4 ? i : j;
			if (v->turn & 2) a = side - 1 - a;
			if (v->turn & 1) b = side - 1 - b;
			out[i * side + j] = mask[(at->y + a) * f->width + at->x + b];
		}
}

static void target_of(const dense *d, const c5_field *f, const place *at, const view *v, float *out)
{
	const size_t side = d->how.patch, area = side * side, n = f->height * f->width;
	for (int m = 0; m < d->markers; m++) {
		float *to = out + (size_t)m * area;
		if (d->how.mask) {
			look_at_mask(to, f, f->mask + (size_t)m * n, at, side, v);
			continue;
		}
		look(to, f, f->level + (size_t)m * n, at, side, v);
		for (size_t i = 0; i < area; i++) to[i] = (float)(((double)to[i] - d->how.mean[m]) / d->how.sd[m]);
	}
}

/* Patches that are only turned keep the camera's noise; those between are smoother. Both are wanted. */
static view draw_view(const dense *d, c5_random *r)
{
	view v = { .turn = c5_random_u32(r) & 7 & ~d->how.still };
	if (!(d->how.warp > 0)) return v;
	v.warped = c5_random_uniform(r) < d->how.warp;
	v.warp = (c5_warp){ 2 * M_PI * c5_random_uniform(r), exp(c5_random_range(r, -0.18, 0.18)) };
	return v;
}

static int fill(c5_feed *feed, const size_t *items, const uint64_t *draws, size_t n, uint64_t seed, float *const *inputs, float *const *targets,
	float *weight)
{
	const dense *d = (const dense *)feed;
	size_t side = d->how.patch, area = side * side;
#pragma omp parallel for schedule(dynamic)
	for (size_t i = 0; i < n; i++) {
		c5_random r;
		c5_feed_random(&r, seed, items[i], draws ? draws[i] : UINT64_MAX);
		place at = items[i] < feed->n_train ? draw_place(d, &r) : d->check[items[i] - feed->n_train];
		const c5_field *f = &d->fields[at.field];
		const view v = draws ? draw_view(d, &r) : (view){ 0 };
		float *in = inputs[0] + i * (size_t)d->channels * area;
		for (int c = 0; c < d->channels; c++) look(in + (size_t)c * area, f, f->input + (size_t)c * f->height * f->width, &at, side, &v);
		if (draws) c5_feed_light(in, d->channels, area, &r);
		target_of(d, f, &at, &v, targets[0] + i * (size_t)d->markers * area);
		weight[i] = 1;
	}
	return C5_OK;
}

static int judge(c5_feed *feed, const float *const *outputs, const float *const *targets, const char *names[8], double values[8])
{
	const dense *d = (const dense *)feed;
	size_t area = d->how.patch * d->how.patch, one = (size_t)d->markers * area;
	double total = 0;
	int known = 0, told = 1;
	for (int m = 0; m < d->markers; m++) {
		double n = 0, a = 0, b = 0, aa = 0, bb = 0, ab = 0;
		for (size_t i = 0; i < feed->n_validate; i++)
			for (size_t k = 0; k < area; k++) {
				double x = (double)outputs[0][i * one + (size_t)m * area + k], y = (double)targets[0][i * one + (size_t)m * area + k];
				n++, a += x, b += y, aa += x * x, bb += y * y, ab += x * y;
			}
		double va = aa - a * a / n, vb = bb - b * b / n;
		const double r = n > 1 && va > 0 && vb > 0 ? (ab - a * b / n) / sqrt(va * vb) : (double)NAN;
		if (isfinite(r)) total += r, known++;
		if (d->markers > 1 && told < 8) names[told] = d->names[m], values[told++] = r;
	}
	if (!known) return 0;
	names[0] = "pearson", values[0] = total / known;
	return told;
}

static void release(c5_feed *feed)
{
	dense *d = (dense *)feed;
	free(d->room);
	free(d->check);
	free(d);
}

int c5_dense_scale(c5_dense_feed *how, const c5_field *fields, size_t n, char *const *markers)
{
	int count = n ? fields[0].markers : 0;
	for (int m = 0; m < count; m++) {
		double sum = 0, squares = 0, pixels = 0;
		for (int pass = 0; pass < 2; pass++)
			for (size_t i = 0; i < n; i++) {
				const c5_field *f = &fields[i];
				for (size_t y = f->train.y0; y < f->train.y1; y++)
					for (size_t x = f->train.x0; x < f->train.x1; x++) {
						double v = (double)f->level[((size_t)m * f->height + y) * f->width + x];
						if (pass == 0) sum += v, pixels++;
						else squares += (v - sum / pixels) * (v - sum / pixels);
					}
			}
		if (!(pixels > 0) || !(squares > 0))
			return c5_fail(C5_EINPUT, "%s: the marker's image is the same everywhere in what is to be learnt from", markers[m]);
		how->mean[m] = sum / pixels, how->sd[m] = sqrt(squares / pixels);
	}
	return C5_OK;
}

static int plan(dense *d, const c5_field *fields, size_t n)
{
	size_t side = d->how.patch, area = 0, total = 0;
	int err = c5_alloc(&d->room, n ? n : 1, sizeof *d->room);
	if (err < 0) return err;
	for (size_t i = 0; i < n; i++) {
		c5_rect t = fields[i].train, v = fields[i].validate;
		if (fits(t, side)) total += (t.y1 - t.y0 - side + 1) * (t.x1 - t.x0 - side + 1), area += (t.y1 - t.y0) * (t.x1 - t.x0);
		d->room[i] = total;
		for (size_t y = v.y0; fits(v, side) && y + side <= v.y1; y += side)
			for (size_t x = v.x0; x + side <= v.x1; x += side) {
				if ((err = c5_grow(&d->check, &d->cap, d->n_check + 1, sizeof *d->check)) < 0) return err;
				d->check[d->n_check++] = (place){ (uint32_t)i, y, x };
			}
	}
	if (!total) return c5_fail(C5_EINPUT, "no patch of %zu px fits into what is to be learnt from; make patches smaller or take more fields", side);
	size_t cover = (2 * area + side * side - 1) / (side * side);
	d->feed.n_train = d->how.per_epoch ? d->how.per_epoch : cover;
	return C5_OK;
}

int c5_feed_dense(c5_feed **out, const c5_dense_feed *how, const c5_field *fields, size_t n, char *const *markers)
{
	dense *d;
	int err = c5_alloc(&d, 1, sizeof *d);
	if (err < 0) return err;
	d->how = *how, d->fields = fields, d->n_fields = n;
	d->channels = n ? fields[0].channels : 0, d->markers = n ? fields[0].markers : 0;
	d->head.release = release;
	for (int m = 0; m < d->markers && !how->mask && err == C5_OK; m++)
		if (!(how->sd[m] > 0)) err = c5_fail(C5_EFAIL, "%s: the marker's scale is not known", markers[m]);
	for (int m = 0; m < d->markers; m++) snprintf(d->names[m], sizeof d->names[m], "pearson_%.23s", markers[m]);
	if (err == C5_OK) err = plan(d, fields, n);
	if (err < 0) {
		release(&d->feed);
		return err;
	}
	size_t area = how->patch * how->patch;
	d->feed.n_validate = d->n_check;
	d->feed.n_inputs = d->feed.n_targets = 1;
	d->feed.input_count[0] = (size_t)d->channels * area;
	d->feed.target_count[0] = (size_t)d->markers * area;
	d->feed.fill = fill;
	d->feed.judge = judge;
	*out = &d->feed;
	return C5_OK;
}
