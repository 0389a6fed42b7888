/* feed_blocks.c – blocks of fields as a feed; see feeds.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/random.h"
#include "measure/classify.h"
#include "stain/blocks.h"
#include "stain/feeds.h"
#include "stain/feed_parts.h"

typedef struct block { uint32_t field; uint32_t y, x; float share[C5_STAIN_MARKERS_MAX]; } block;

typedef struct blocks {
	c5_feed feed;
	c5_stain_feed_head head;
	c5_block_feed how;
	const c5_field *fields;
	int channels, markers;
	size_t window;
	block *list;            /* training blocks first */
	size_t n, cap;
	size_t *positive, *negative; /* training blocks with and without a marker */
	size_t n_positive, n_negative;
} blocks;

static bool is_positive(const blocks *b, const block *k, int marker) { return (double)k->share[marker] >= b->how.share && k->share[marker] > 0; }

static bool any_positive(const blocks *b, const block *k)
{
	for (int m = 0; m < b->markers; m++)
		if (is_positive(b, k, m)) return true;
	return false;
}

/* Adds the blocks of one rectangle of one field. */
static int add_rect(blocks *b, uint32_t field, c5_rect r)
{
	const c5_field *f = &b->fields[field];
	c5_block_grid g;
	uint8_t *mask = NULL;
	uint32_t *sums = NULL;
	float *share = NULL;
	int err = C5_OK;
	if (r.y1 < r.y0 + b->how.side || r.x1 < r.x0 + b->how.side) return C5_OK;
	size_t h = r.y1 - r.y0, w = r.x1 - r.x0, first = b->n;
	if ((err = c5_blocks_grid(&g, h, w, b->how.side, b->how.stride)) < 0) return err;
	size_t count = c5_blocks_count(&g);
	if ((err = c5_alloc(&mask, h * w, 1)) < 0 || (err = c5_alloc(&sums, (h + 1) * (w + 1), sizeof *sums)) < 0 ||
	    (err = c5_alloc(&share, count, sizeof *share)) < 0 || (err = c5_grow(&b->list, &b->cap, b->n + count, sizeof *b->list)) < 0)
		goto done;
	for (int m = 0; m < b->markers; m++) {
		for (size_t y = 0; y < h; y++) memcpy(mask + y * w, f->mask + ((size_t)m * f->height + r.y0 + y) * f->width + r.x0, w);
		c5_blocks_shares(share, &g, mask, sums);
		for (size_t i = 0; i < count; i++) b->list[first + i].share[m] = share[i];
	}
	for (size_t i = 0; i < count; i++) {
		size_t y, x;
		c5_blocks_at(&g, i, &y, &x);
		b->list[first + i].field = field, b->list[first + i].y = (uint32_t)(r.y0 + y), b->list[first + i].x = (uint32_t)(r.x0 + x);
	}
	b->n += count;
done:
	free(share);
	free(sums);
	free(mask);
	return err;
}

static int fill(c5_feed *feed, const size_t *items, const uint64_t *draws, size_t n, uint64_t seed, float *const *inputs, float *const *targets,
	float *weight)
{
	const blocks *b = (const blocks *)feed;
	size_t area = b->window * b->window, one = (size_t)b->channels * area;
#pragma omp parallel for schedule(dynamic, 8)
	for (size_t i = 0; i < n; i++) {
		const block *k = &b->list[items[i]];
		const c5_field *f = &b->fields[k->field];
		c5_random r;
		c5_feed_random(&r, seed, items[i], draws ? draws[i] : 0);
		unsigned turn = draws ? c5_random_u32(&r) & 7 & ~b->how.still : 0;
		ptrdiff_t y = (ptrdiff_t)k->y - (ptrdiff_t)b->how.context, x = (ptrdiff_t)k->x - (ptrdiff_t)b->how.context;
		for (int c = 0; c < b->channels; c++)
			c5_field_cut(inputs[0] + i * one + (size_t)c * area, f->input + (size_t)c * f->height * f->width, f->height, f->width, y, x, b->window, turn);
		if (draws) c5_feed_light(inputs[0] + i * one, b->channels, area, &r);
		for (int m = 0; m < b->markers; m++) targets[0][i * (size_t)b->markers + (size_t)m] = is_positive(b, k, m);
		weight[i] = 1;
	}
	return C5_OK;
}

/* So many positive blocks as `balance` asks for, each side in an order of its own, begun anew when it is through. */
static int draw(c5_feed *feed, uint64_t seed, uint64_t epoch, size_t *order)
{
	const blocks *b = (const blocks *)feed;
	size_t want = (size_t)((double)feed->per_epoch * b->how.balance + 0.5), most = b->n_positive > b->n_negative ? b->n_positive : b->n_negative;
	uint64_t *turn;
	int err = c5_alloc(&turn, most, sizeof *turn);
	if (err < 0) return err;
	size_t at = 0;
	for (int side = 0; side < 2; side++) {
		const size_t *from = side ? b->negative : b->positive;
		size_t have = side ? b->n_negative : b->n_positive, need = side ? feed->per_epoch - want : want;
		for (size_t round = 0; need; round++) {
			c5_random r;
			c5_random_start(&r, seed ^ UINT64_C(0x6f72646572), epoch << 20 | round << 1 | (uint64_t)side);
			c5_random_order(&r, turn, have);
			for (size_t i = 0; i < have && need; i++, need--) order[at++] = from[turn[i]];
		}
	}
	free(turn);
	return c5_feed_shuffle(order, feed->per_epoch, seed, epoch);
}

static int judge(c5_feed *feed, const float *const *outputs, const float *const *targets, const char *names[8], double values[8])
{
	const blocks *b = (const blocks *)feed;
	double auc = 0, f1 = 0, a;
	float *score = NULL;
	bool *truth = NULL;
	int known = 0, n = 0, err;
	if ((err = c5_alloc(&score, feed->n_validate, sizeof *score)) < 0 || (err = c5_alloc(&truth, feed->n_validate, sizeof *truth)) < 0) goto done;
	for (int m = 0; m < b->markers; m++) {
		size_t tp = 0, fp = 0, fn = 0;
		for (size_t i = 0; i < feed->n_validate; i++) {
			const size_t at = i * (size_t)b->markers + (size_t)m;
			score[i] = outputs[0][at], truth[i] = targets[0][at] > 0.5f;
			const bool yes = score[i] > 0.5f;
			tp += yes && truth[i], fp += yes && !truth[i], fn += !yes && truth[i];
		}
		if ((err = c5_roc_area(&a, score, truth, feed->n_validate)) < 0) goto done;
		if (!isnan(a)) auc += a, f1 += tp ? 2.0 * (double)tp / (double)(2 * tp + fp + fn) : 0, known++;
	}
	if (known) names[n] = "auc", values[n++] = auc / known, names[n] = "f1", values[n++] = f1 / known;
done:
	free(score);
	free(truth);
	return err < 0 ? err : n;
}

static void release(c5_feed *feed)
{
	blocks *b = (blocks *)feed;
	free(b->list);
	free(b->positive);
	free(b->negative);
	free(b);
}

/* Both answers must be there for each marker in the training part. */
static int check(const blocks *b, char *const *markers)
{
	if (b->feed.n_train == 0)
		return c5_fail(C5_EINPUT, "no block of %zu px lies within what is to be learnt from; make blocks smaller or take more fields", b->how.side);
	for (int m = 0; m < b->markers; m++) {
		size_t yes = 0;
		for (size_t i = 0; i < b->feed.n_train; i++) yes += is_positive(b, &b->list[i], m);
		if (yes == 0)
			return c5_fail(C5_EINPUT,
				"%s: none of %zu training blocks is positive (a share of %g of the block's area is asked for); lower the threshold or the share", markers[m],
				b->feed.n_train, b->how.share);
		if (yes == b->feed.n_train)
			return c5_fail(C5_EINPUT, "%s: all %zu training blocks are positive; raise the threshold or the share, or add fields without the marker",
				markers[m], yes);
	}
	return C5_OK;
}

int c5_feed_blocks(c5_feed **out, const c5_block_feed *how, const c5_field *fields, size_t n, char *const *markers)
{
	blocks *b;
	int err = c5_alloc(&b, 1, sizeof *b);
	if (err < 0) return err;
	b->how = *how, b->fields = fields;
	b->channels = n ? fields[0].channels : 0, b->markers = n ? fields[0].markers : 0;
	b->window = how->side + 2 * how->context;
	b->head.release = release;
	for (uint32_t i = 0; i < n && err == C5_OK; i++) err = add_rect(b, i, fields[i].train);
	b->feed.n_train = b->n;
	for (uint32_t i = 0; i < n && err == C5_OK; i++) err = add_rect(b, i, fields[i].validate);
	b->feed.n_validate = b->n - b->feed.n_train;
	if (err == C5_OK) err = check(b, markers);
	if (err == C5_OK && ((err = c5_alloc(&b->positive, b->feed.n_train, sizeof *b->positive)) < 0 ||
	    (err = c5_alloc(&b->negative, b->feed.n_train, sizeof *b->negative)) < 0)) goto done;
	for (size_t i = 0; err == C5_OK && i < b->feed.n_train; i++) {
		if (any_positive(b, &b->list[i])) b->positive[b->n_positive++] = i;
		else b->negative[b->n_negative++] = i;
	}
	b->feed.n_inputs = b->feed.n_targets = 1;
	b->feed.input_count[0] = (size_t)b->channels * b->window * b->window;
	b->feed.target_count[0] = (size_t)b->markers;
	b->feed.per_epoch = how->per_epoch && how->per_epoch < b->feed.n_train ? how->per_epoch : b->feed.n_train;
	b->feed.fill = fill;
	b->feed.judge = judge;
	if (how->balance > 0 && b->n_positive && b->n_negative) b->feed.draw = draw;
done:
	if (err < 0) release(&b->feed);
	else *out = &b->feed;
	return err;
}

void c5_stain_feed_free(c5_feed *f)
{
	if (f) ((blocks *)f)->head.release(f);
}
