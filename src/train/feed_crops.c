/* feed_crops.c – see feed_crops.h. */
#include "train/feed_crops.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/dtype.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/random.h"
#include "measure/classify.h"
#include "train/split.h"

#define ORDER_KEY UINT64_C(0x636c6173736573) /* keeps the draws of orders apart from others of the same seed */

#define BINS 15

typedef struct crops {
	c5_feed feed;
	c5_crop_feed how;
	c5_dataset *d;
	uint32_t *items;          /* (n_train + n_validate) items of the data set */
	float *class_weight;      /* (classes) */
	int (*from)[C5_CHANNELS_MAX]; /* (sources) */
	size_t **by_class, *n_by_class; /* training items of each class */
	size_t crop;              /* floats of a prepared crop */
	size_t most_bytes;        /* of a stored one */
	uint8_t *raw;             /* as stored: (places, 2, most_bytes), the second is the partner of a mixture */
	size_t raw_places;
	float *prepared;          /* (threads, 2 crops and scratch) */
	size_t per_thread;
	int threads;
} crops;

void c5_feed_crops_free(c5_feed *f)
{
	crops *c = f ? f->ctx : NULL;
	if (!c) return;
	free(c->items);
	free(c->class_weight);
	free(c->from);
	for (int k = 0; c->by_class && k < c->d->n_classes; k++) free(c->by_class[k]);
	free(c->by_class);
	free(c->n_by_class);
	free(c->raw);
	free(c->prepared);
	free(c);
}

/* ---- filling ---- */

/* The prepared crop of one draw, in to; augmented unless `draw` is none. */
static int make_crop(const crops *c, size_t item, const uint8_t *raw, const uint64_t *draw, uint64_t seed, float *to, float *scratch)
{
	const c5_item *it = &c->d->items[c->items[item]];
	const c5_crops *s = &c->d->sources[it->source];
	const c5_prepare *p = c->how.prepare;
	int err = c5_prepare_pixels(p, c->from[it->source], s->dtype, raw, s->height, s->width, to, scratch);
	if (err < 0) return err;
	if (draw) c5_augment_shape(c->how.augment, seed, *draw, to, p->channels, p->height, p->width, scratch);
	c5_prepare_scale(p, to, scratch);
	if (draw) c5_augment_light(c->how.augment, seed, *draw, to, p->channels, p->height, p->width, scratch);
	return C5_OK;
}

static void put_target(const crops *c, size_t item, float share, float *target, float *weight)
{
	int32_t k = c->d->items[c->items[item]].label;
	target[k] += share;
	*weight += share * c->d->items[c->items[item]].weight * c->class_weight[k];
}

static void put_inputs(const crops *c, const float *crop, size_t place, float *const *inputs)
{
	for (int i = 0; i < c->feed.n_inputs; i++) {
		memcpy(inputs[i] + place * c->feed.input_count[i], crop, c->feed.input_count[i] * sizeof *crop);
		crop += c->feed.input_count[i];
	}
}

static int make_room(crops *c, size_t places)
{
	int threads = omp_get_max_threads(), err;
	if (places > c->raw_places) {
		free(c->raw);
		c->raw = NULL;
		c->raw_places = 0;
		if ((err = c5_alloc_aligned(&c->raw, places, 2 * c->most_bytes)) < 0) return err;
		c->raw_places = places;
	}
	if (threads > c->threads) {
		free(c->prepared);
		c->prepared = NULL;
		c->threads = 0;
		if ((err = c5_alloc_aligned(&c->prepared, (size_t)threads * c->per_thread, sizeof(float))) < 0) return err;
		c->threads = threads;
	}
	return C5_OK;
}

/* One place of a batch; the pixels are read already. */
static int fill_place(const crops *c, size_t place, size_t item, const uint64_t *draw, uint64_t seed, float *room, float *const *inputs,
	float *target, float *weight)
{
	const uint8_t *raw = c->raw + 2 * place * c->most_bytes;
	float *crop = room, *other = room + c->crop, *scratch = other + c->crop, share = 1;
	size_t partner = 0;
	int err = make_crop(c, item, raw, draw, seed, crop, scratch);
	if (err < 0) return err;
	memset(target, 0, (size_t)c->d->n_classes * sizeof *target);
	*weight = 0;
	if (draw && c5_augment_mix(c->how.augment, seed, *draw, c->feed.n_train, &partner, &share)) {
		uint64_t apart = *draw ^ (UINT64_C(1) << 63); /* the partner is augmented by itself */
		if ((err = make_crop(c, partner, raw + c->most_bytes, &apart, seed, other, scratch)) < 0) return err;
		for (size_t i = 0; i < c->crop; i++) crop[i] = share * crop[i] + (1 - share) * other[i];
		put_target(c, partner, 1 - share, target, weight);
	}
	put_target(c, item, share, target, weight);
	put_inputs(c, crop, place, inputs);
	return C5_OK;
}

static int fill(c5_feed *f, const size_t *items, const uint64_t *draws, size_t n, uint64_t seed, float *const *inputs, float *const *targets,
	float *weight)
{
	crops *c = f->ctx;
	size_t classes = (size_t)c->d->n_classes, partner;
	float share;
	int err = make_room(c, n);
	for (size_t i = 0; i < n && err == C5_OK; i++) {
		uint8_t *raw = c->raw + 2 * i * c->most_bytes;
		err = c5_dataset_read(c->d, c->items[items[i]], raw);
		if (err == C5_OK && draws && c5_augment_mix(c->how.augment, seed, draws[i], f->n_train, &partner, &share))
			err = c5_dataset_read(c->d, c->items[partner], raw + c->most_bytes);
	}
	if (err < 0) return err;
#pragma omp parallel for schedule(dynamic, 4) reduction(min : err)
	for (size_t i = 0; i < n; i++) {
		int mine = fill_place(c, i, items[i], draws ? &draws[i] : NULL, seed, c->prepared + (size_t)omp_get_thread_num() * c->per_thread, inputs,
			targets[0] + i * classes, &weight[i]);
		if (mine < err) err = mine;
	}
	return err;
}

/* ---- drawing ---- */

/* Class after class in turn, each through orders of its own that begin anew when they are through. */
static int draw_balanced(c5_feed *f, uint64_t seed, uint64_t epoch, size_t *order)
{
	crops *c = f->ctx;
	size_t classes = (size_t)c->d->n_classes, per = f->per_epoch;
	uint64_t *of = NULL, *mix;
	c5_random r;
	size_t at = 0;
	int err = c5_alloc(&mix, per, sizeof *mix);
	if (err < 0) return err;
	for (size_t k = 0; k < classes && err == C5_OK; k++) {
		size_t want = per * (k + 1) / classes - per * k / classes, n = c->n_by_class[k];
		free(of);
		if ((err = c5_alloc(&of, n, sizeof *of)) < 0) break;
		for (size_t i = 0; i < want; i++) {
			if (i % n == 0) {
				c5_random_start(&r, seed ^ ORDER_KEY ^ (k + 1) << 40, epoch << 20 | i / n);
				c5_random_order(&r, of, n);
			}
			order[at++] = c->by_class[k][of[i % n]];
		}
	}
	if (err == C5_OK) { /* the classes mixed */
		c5_random_start(&r, seed ^ ORDER_KEY, epoch);
		c5_random_order(&r, mix, per);
		for (size_t i = per; i-- > 0;) mix[i] = order[mix[i]];
		for (size_t i = 0; i < per; i++) order[i] = (size_t)mix[i];
	}
	free(of);
	free(mix);
	return err;
}

/* As many as asked for, of the whole part in orders that begin anew when they are through. */
static int draw_plain(c5_feed *f, uint64_t seed, uint64_t epoch, size_t *order)
{
	uint64_t *of;
	c5_random r;
	int err = c5_alloc(&of, f->n_train, sizeof *of);
	if (err < 0) return err;
	for (size_t i = 0; i < f->per_epoch; i++) {
		if (i % f->n_train == 0) {
			c5_random_start(&r, seed ^ ORDER_KEY, epoch << 20 | i / f->n_train);
			c5_random_order(&r, of, f->n_train);
		}
		order[i] = (size_t)of[i % f->n_train];
	}
	free(of);
	return C5_OK;
}

/* ---- judging ---- */

/* How far shares of right answers are from what was claimed, over bins of the claim. */
static double calibration_error(const float *prob, const int32_t *label, size_t n, size_t classes)
{
	double claimed[BINS] = { 0 }, right[BINS] = { 0 }, error = 0;
	for (size_t i = 0; i < n; i++) {
		const float *p = prob + i * classes;
		size_t best = 0;
		for (size_t k = 1; k < classes; k++) best = p[k] > p[best] ? k : best;
		int bin = (int)(p[best] * BINS);
		bin = bin < 0 ? 0 : bin >= BINS ? BINS - 1 : bin;
		claimed[bin] += p[best];
		right[bin] += label[i] == (int32_t)best;
	}
	for (int b = 0; b < BINS; b++) error += fabs(claimed[b] - right[b]);
	return error / (double)n;
}

int c5_class_figures(const float *prob, const int32_t *label, size_t n, size_t classes, const char *names[8], double values[8])
{
	size_t right = 0, *of, *hit = NULL, seen = 0;
	bool *truth = NULL;
	float *score = NULL;
	double balanced = 0, auc = 0, loss = 0;
	int err = c5_alloc(&of, classes, sizeof *of), curves = 0;
	if (err < 0 || (err = c5_alloc(&hit, classes, sizeof *hit)) < 0 || (err = c5_alloc(&truth, n, sizeof *truth)) < 0 ||
	    (err = c5_alloc(&score, n, sizeof *score)) < 0) goto done;
	for (size_t i = 0; i < n; i++) {
		const float *p = prob + i * classes;
		size_t best = 0;
		for (size_t k = 1; k < classes; k++) best = p[k] > p[best] ? k : best;
		of[label[i]]++;
		hit[label[i]] += (int32_t)best == label[i];
		right += (int32_t)best == label[i];
		loss -= log(p[label[i]] > 1e-12f ? (double)p[label[i]] : 1e-12);
	}
	for (size_t k = 0; k < classes; k++)
		if (of[k]) balanced += (double)hit[k] / (double)of[k], seen++;
	for (size_t k = classes == 2 ? 1 : 0; k < classes; k++) {
		for (size_t i = 0; i < n; i++) {
			truth[i] = label[i] == (int32_t)k;
			score[i] = prob[i * classes + k];
		}
		double one;
		if ((err = c5_roc_area(&one, score, truth, n)) < 0) goto done;
		if (!isnan(one)) auc += one, curves++;
	}
	names[0] = "accuracy", values[0] = n ? (double)right / (double)n : NAN;
	names[1] = "balanced_accuracy", values[1] = seen ? balanced / (double)seen : NAN;
	names[2] = "auc", values[2] = curves ? auc / curves : NAN;
	names[3] = "log_loss", values[3] = n ? loss / (double)n : NAN;
	names[4] = "calibration_error", values[4] = n ? calibration_error(prob, label, n, classes) : NAN;
	err = 5;
done:
	free(of);
	free(hit);
	free(truth);
	free(score);
	return err;
}

static int judge(c5_feed *f, const float *const *outputs, const float *const *targets, const char *names[8], double values[8])
{
	crops *c = f->ctx;
	int32_t *label;
	int n = c5_alloc(&label, f->n_validate, sizeof *label);
	(void)targets;
	for (size_t i = 0; n == C5_OK && i < f->n_validate; i++) label[i] = c->d->items[c->items[f->n_train + i]].label;
	if (n == C5_OK) n = c5_class_figures(outputs[0], label, f->n_validate, (size_t)c->d->n_classes, names, values);
	free(label);
	return n < 0 ? n : n < 3 ? n : 3; /* the loss is told apart, and calibration is for the end */
}

/* ---- making one ---- */

static int bind_sources(crops *c, const uint8_t *part, bool resize)
{
	const c5_prepare *p = c->how.prepare;
	uint8_t *used;
	int err = c5_alloc(&used, c->d->n_sources, 1);
	if (err < 0 || (err = c5_alloc(&c->from, c->d->n_sources, sizeof *c->from)) < 0) goto done;
	for (size_t i = 0; i < c->d->n; i++)
		if (part[i] != C5_PART_NONE) used[c->d->items[i].source] = 1;
	for (size_t s = 0; s < c->d->n_sources && err == C5_OK; s++) {
		const c5_crops *x = &c->d->sources[s];
		if (!used[s]) continue;
		size_t bytes = (size_t)x->n_channels * (size_t)x->height * (size_t)x->width * c5_dtype_size(x->dtype), scratch = c5_prepare_scratch(p, x->height,
			x->width);
		if (bytes > c->most_bytes) c->most_bytes = bytes;
		if (scratch > c->per_thread) c->per_thread = scratch;
		if ((err = c5_prepare_bind(c->from[s], p, x->channels)) < 0) c5_fail_in(err, "%s", x->path);
		else if (!resize && (x->height != p->height || x->width != p->width))
			err = c5_fail(C5_EINPUT, "%s: crops of %dx%d px, the model takes %dx%d; resize them with --resize, or cut others", x->path, x->height, x->width,
				p->height, p->width);
	}
done:
	free(used);
	return err;
}

static int list_items(crops *c, const uint8_t *part)
{
	size_t n = 0, at;
	int err;
	for (size_t i = 0; i < c->d->n; i++) {
		c->feed.n_train += part[i] == C5_PART_TRAIN;
		c->feed.n_validate += part[i] == C5_PART_VALIDATE;
	}
	if ((err = c5_alloc(&c->items, c->feed.n_train + c->feed.n_validate, sizeof *c->items)) < 0) return err;
	at = c->feed.n_train;
	for (size_t i = 0; i < c->d->n; i++) {
		if (part[i] == C5_PART_TRAIN) c->items[n++] = (uint32_t)i;
		else if (part[i] == C5_PART_VALIDATE) c->items[at++] = (uint32_t)i;
	}
	return C5_OK;
}

static int list_classes(crops *c)
{
	size_t classes = (size_t)c->d->n_classes;
	int err;
	if ((err = c5_alloc(&c->class_weight, classes, sizeof *c->class_weight)) < 0 || (err = c5_alloc(&c->by_class, classes, sizeof *c->by_class)) < 0 ||
	    (err = c5_alloc(&c->n_by_class, classes, sizeof *c->n_by_class)) < 0)
		return err;
	for (size_t k = 0; k < classes; k++)
		if ((err = c5_alloc(&c->by_class[k], c->feed.n_train, sizeof **c->by_class)) < 0) return err;
	for (size_t i = 0; i < c->feed.n_train; i++) {
		int32_t k = c->d->items[c->items[i]].label;
		c->by_class[k][c->n_by_class[k]++] = i;
	}
	for (size_t k = 0; k < classes; k++) {
		bool rare = c->how.balance == C5_BALANCE_WEIGHT && c->n_by_class[k];
		c->class_weight[k] = rare ? (float)((double)c->feed.n_train / ((double)classes * (double)c->n_by_class[k])) : 1;
		if (c->how.class_weight) c->class_weight[k] *= c->how.class_weight[k];
	}
	return C5_OK;
}

int c5_feed_crops(c5_feed **out, const c5_crop_feed *how, c5_dataset *d, const uint8_t *part, bool resize)
{
	const c5_prepare *p = how->prepare;
	crops *c;
	int err = c5_alloc(&c, 1, sizeof *c), channels = 0;
	*out = NULL;
	if (err < 0) return err;
	c->how = *how;
	c->d = d;
	c->feed.ctx = c;
	if ((err = c5_dataset_check(d, part, C5_PART_TRAIN, "training")) < 0 || (err = bind_sources(c, part, resize)) < 0 ||
		(err = list_items(c, part)) < 0 || (err = list_classes(c)) < 0) goto done;
	c->crop = (size_t)p->channels * (size_t)p->height * (size_t)p->width;
	size_t light = c5_augment_scratch(how->augment, p->channels, p->height, p->width);
	c->per_thread = 2 * c->crop + (light > c->per_thread ? light : c->per_thread) + 32;
	c->per_thread += (16 - c->per_thread % 16) % 16;
	c->feed.n_inputs = how->n_inputs;
	for (int i = 0; i < how->n_inputs; i++) {
		c->feed.input_count[i] = (size_t)how->input_channels[i] * (size_t)p->height * (size_t)p->width;
		channels += how->input_channels[i];
	}
	if (channels != p->channels) err = c5_fail(C5_EINPUT, "the model takes %d channels, the crops are prepared to %d", channels, p->channels);
	c->feed.n_targets = 1;
	c->feed.target_count[0] = (size_t)d->n_classes;
	c->feed.fill = fill;
	c->feed.judge = judge;
	c->feed.per_epoch = how->per_epoch;
	if (how->balance == C5_BALANCE_SAMPLE) {
		if (!c->feed.per_epoch) c->feed.per_epoch = c->feed.n_train;
		c->feed.draw = draw_balanced;
	} else if (c->feed.per_epoch) c->feed.draw = draw_plain;
done:
	if (err < 0) c5_feed_crops_free(&c->feed);
	else *out = &c->feed;
	return err;
}

/* ---- what the training crops are like ---- */

int c5_prepare_measure(c5_prepare *p, c5_dataset *d, const uint8_t *part, size_t most)
{
	size_t n = c5_dataset_count(d, NULL, part, C5_PART_TRAIN), pixels = (size_t)p->height * (size_t)p->width, at = 0, room = 0, bytes = 0;
	double sum[C5_CHANNELS_MAX] = { 0 }, square[C5_CHANNELS_MAX] = { 0 }, count = 0;
	uint8_t *raw = NULL;
	float *crop = NULL;
	int err = C5_OK, from[C5_CHANNELS_MAX];
	for (size_t s = 0; s < d->n_sources; s++) {
		const c5_crops *x = &d->sources[s];
		size_t b = (size_t)x->n_channels * (size_t)x->height * (size_t)x->width * c5_dtype_size(x->dtype), r = c5_prepare_scratch(p, x->height, x->width);
		if (b > bytes) bytes = b;
		if (r > room) room = r;
	}
	if ((err = c5_alloc_aligned(&raw, bytes + 1, 1)) < 0 || (err = c5_alloc_aligned(&crop, (size_t)p->channels * pixels + room, sizeof *crop)) < 0)
		goto done;
	for (size_t i = 0; i < d->n; i++) {
		const c5_crops *x = &d->sources[d->items[i].source];
		if (d->items[i].label < 0 || (part && part[i] != C5_PART_TRAIN)) continue;
		size_t k = at++;
		if (most && n > most && (k + 1) * most / n == k * most / n) continue;
		if ((err = c5_prepare_bind(from, p, x->channels)) < 0) {
			c5_fail_in(err, "%s", x->path);
			goto done;
		}
		if ((err = c5_dataset_read(d, i, raw)) < 0 || (err = c5_prepare_pixels(p, from, x->dtype, raw, x->height, x->width, crop,
		    crop + (size_t)p->channels * pixels)) < 0) goto done;
		for (int c = 0; c < p->channels; c++) {
			const float *v = crop + (size_t)c * pixels;
			double s = 0, q = 0;
			for (size_t j = 0; j < pixels; j++) s += v[j], q += (double)v[j] * v[j];
			sum[c] += s / (double)pixels;
			square[c] += q / (double)pixels;
		}
		count++;
	}
	for (int c = 0; c < p->channels && count > 0; c++) {
		double mean = sum[c] / count, variance = square[c] / count - mean * mean;
		p->mean[c] = mean;
		p->sd[c] = variance > 0 ? sqrt(variance) : 0;
	}
done:
	free(raw);
	free(crop);
	return err;
}
