/* unit_identify_identify.c – stills, the feed made of them and of real frames, the network's shape, and what is refused. How well it tells images is
 * measured by bench/identify.py and, with the model that ships, by tests/cli_identify.py. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/error.h"
#include "base/random.h"
#include "identify/feed.h"
#include "identify/identify.h"
#include "simulate/still.h"

enum { SIDE = C5_IDENTIFY_SIDE, AREA = SIDE * SIDE, ITEMS = 12 };

static void *scratch_for(size_t h, size_t w)
{
	void *s = aligned_alloc(64, (c5_still_bytes(h, w) + 63) / 64 * 64);
	assert_non_null(s);
	return s;
}

/* ---- stills ---- */

static void a_still_depends_on_seed_and_item_alone(void **state)
{
	static float first[70 * 90], again[70 * 90];
	(void)state;
	void *s = scratch_for(70, 90);
	for (int look = 0; look < C5_LOOKS; look++)
		for (int size = 0; size < 3; size++) {
			double d = size == 0 ? 4 : size == 1 ? 22 : 180;
			assert_int_equal(c5_still_draw(first, 70, 90, look, d, 5, 77, s), C5_OK);
			assert_int_equal(c5_still_draw(again, 70, 90, look, d, 5, 78, s), C5_OK);
			assert_memory_not_equal(first, again, sizeof first);
			assert_int_equal(c5_still_draw(again, 70, 90, look, d, 5, 77, s), C5_OK);
			assert_memory_equal(first, again, sizeof first);
			float lo = first[0], hi = first[0];
			for (size_t i = 0; i < 70 * 90; i++) {
				assert_true(isfinite(first[i]));
				lo = fminf(lo, first[i]), hi = fmaxf(hi, first[i]);
			}
			assert_true(hi > lo);
		}
	free(s);
}

/* Nuclei cover what discs of their diameter would: many small ones and few large ones about the same share of pictures. And they are bright. */
static void nuclei_are_bright_and_as_large_as_asked(void **state)
{
	enum { N = 160 };
	static float image[N * N];
	(void)state;
	void *s = scratch_for(N, N);
	for (double d = 10; d < 50; d *= 2) {
		double runs = 0, lengths = 0;
		for (uint64_t item = 0; item < 30; item++) {
			float lo = INFINITY, hi = -INFINITY;
			assert_int_equal(c5_still_draw(image, N, N, C5_LOOK_NUCLEI, d, 9, item, s), C5_OK);
			for (size_t i = 0; i < N * N; i++) lo = fminf(lo, image[i]), hi = fmaxf(hi, image[i]);
			float half = lo + 0.35f * (hi - lo);
			for (size_t y = 0; y < N; y += 7)
				for (size_t x = 1, length = 0; x < N; x++) {
					bool in = image[y * N + x] > half;
					length = in ? length + 1 : 0;
					if (in && (x + 1 == N || image[y * N + x + 1] <= half) && length > 2) runs += 1, lengths += (double)length;
				}
		}
		/* A random line crosses a disc over pi/4 of its diameter; bodies that touch lengthen that, thresholds and other shapes shorten it. */
		assert_in_range((long)(100 * lengths / runs / (0.785 * d)), 45, 160);
	}
	free(s);
}

/* ---- the feed ---- */

static float ramp[120 * 150];

static c5_feed *open_feed(double real)
{
	const c5_identify_feed_how how = { .per_epoch = 40, .n_validate = 10, .real = real };
	const c5_identify_sample samples[] = { { { ramp, 120, 150 }, C5_KIND_DIC, NAN, 0 }, { { ramp, 120, 150 }, C5_KIND_PHASE, 20, 1 } };
	c5_feed *f;
	c5_random r;
	c5_random_start(&r, 1, 2);
	for (size_t i = 0; i < 120 * 150; i++) ramp[i] = (float)(i % 150) / 30 + (float)c5_random_normal(&r);
	assert_int_equal(c5_identify_feed(&f, &how, samples, 2), C5_OK);
	return f;
}

typedef struct filled { float tiles[ITEMS * AREA], kinds[ITEMS * C5_KINDS], sizes[ITEMS * C5_IDENTIFY_BINS], weight[ITEMS]; } filled;

static void fill(c5_feed *f, filled *to, size_t at, const size_t *items, const uint64_t *draws, size_t n)
{
	float *inputs[] = { to->tiles + at * AREA }, *targets[] = { to->kinds + at * C5_KINDS, to->sizes + at * C5_IDENTIFY_BINS };
	assert_int_equal(f->fill(f, items, draws, n, 3, inputs, targets, to->weight + at), C5_OK);
}

static void an_item_is_the_same_in_any_batch_and_order(void **state)
{
	static filled whole, parts, other;
	size_t items[ITEMS], backwards[ITEMS];
	uint64_t draws[ITEMS], back[ITEMS], later[ITEMS];
	(void)state;
	for (size_t i = 0; i < ITEMS; i++) items[i] = i * 3, draws[i] = 100 + i, later[i] = 200 + i;
	for (size_t i = 0; i < ITEMS; i++) backwards[i] = items[ITEMS - 1 - i], back[i] = draws[ITEMS - 1 - i];
	c5_feed *f = open_feed(0.5), *g = open_feed(0.5);
	fill(f, &whole, 0, items, draws, ITEMS);
	fill(g, &parts, 0, backwards, back, 5);
	fill(g, &parts, 5, backwards + 5, back + 5, ITEMS - 5);
	for (size_t i = 0; i < ITEMS; i++) {
		assert_memory_equal(whole.tiles + i * AREA, parts.tiles + (ITEMS - 1 - i) * AREA, AREA * sizeof(float));
		assert_memory_equal(whole.sizes + i * C5_IDENTIFY_BINS, parts.sizes + (ITEMS - 1 - i) * C5_IDENTIFY_BINS, C5_IDENTIFY_BINS * sizeof(float));
	}
	fill(f, &other, 0, items, later, ITEMS); /* another draw, another view of it */
	for (size_t i = 0; i < ITEMS; i++) assert_memory_not_equal(whole.tiles + i * AREA, other.tiles + i * AREA, AREA * sizeof(float));
	fill(g, &parts, 0, items, draws, ITEMS); /* stills are kept: the same again */
	assert_memory_equal(whole.tiles, parts.tiles, sizeof whole.tiles);
	c5_identify_feed_free(f);
	c5_identify_feed_free(g);
}

static void targets_say_kind_and_size_and_nothing_where_it_is_unknown(void **state)
{
	static filled got;
	size_t items[ITEMS], unknown = 0, known = 0;
	uint64_t draws[ITEMS];
	(void)state;
	for (size_t i = 0; i < ITEMS; i++) items[i] = i, draws[i] = i;
	c5_feed *f = open_feed(1); /* all from the two frames: DIC of unknown size, phase of known */
	fill(f, &got, 0, items, draws, ITEMS);
	for (size_t i = 0; i < ITEMS; i++) {
		double sum = 0, mean = 0, squares = 0;
		for (size_t k = 0; k < C5_IDENTIFY_BINS; k++) sum += (double)got.sizes[i * C5_IDENTIFY_BINS + k];
		for (size_t k = 0; k < AREA; k++)
			mean += (double)got.tiles[i * AREA + k] / AREA, squares += (double)(got.tiles[i * AREA + k] * got.tiles[i * AREA + k]) / AREA;
		assert_true(fabs(mean) < 0.05 && fabs(squares - 1) < 0.05);
		if (got.kinds[i * C5_KINDS + C5_KIND_DIC] > 0.5f) unknown++, assert_true(sum == 0);
		else known++, assert_true(got.kinds[i * C5_KINDS + C5_KIND_PHASE] > 0.5f && fabs(sum - 1) < 1e-5);
	}
	assert_true(unknown && known);
	c5_identify_feed_free(f);
	f = open_feed(0);
	fill(f, &got, 0, items, draws, ITEMS);
	for (size_t i = 0; i < ITEMS; i++)
		for (size_t k = 0; k < C5_KINDS; k++) /* the first of each kind are empty: they could be any */
			assert_true(got.kinds[i * C5_KINDS + k] == (i < C5_KINDS ? 1.0f / C5_KINDS : (float)(i % C5_KINDS == k)));
	c5_identify_feed_free(f);
}

/* Real frames take the place of stills of every kind alike. */
static void every_kind_comes_as_often(void **state)
{
	enum { N = 40 };
	static float tiles[N * AREA], kinds[N * C5_KINDS], sizes[N * C5_IDENTIFY_BINS], weight[N];
	size_t items[N];
	uint64_t draws[N];
	double sums[C5_KINDS] = { 0 };
	float *inputs[] = { tiles }, *targets[] = { kinds, sizes };
	(void)state;
	for (size_t i = 0; i < N; i++) items[i] = i, draws[i] = i;
	c5_feed *f = open_feed(0.4); /* the real ones are phase and DIC */
	assert_int_equal(f->fill(f, items, draws, N, 3, inputs, targets, weight), C5_OK);
	for (size_t i = 0; i < N * C5_KINDS; i++) sums[i % C5_KINDS] += (double)kinds[i];
	for (int k = 0; k < C5_KINDS; k++) assert_true(sums[k] > 2);
	assert_true(sums[C5_KIND_PHASE] + sums[C5_KIND_DIC] > 0.4 * N);
	c5_identify_feed_free(f);
}

/* ---- network and words ---- */

static void the_network_is_small_and_known_again(void **state)
{
	c5_model *m, *other;
	c5_model_cost cost;
	(void)state;
	assert_int_equal(c5_identify_net(&m), C5_OK);
	c5_model_costs(&cost, m);
	assert_true(cost.parameters < 75000); /* 300 kB */
	assert_int_equal(c5_identify_check(m, "m"), C5_OK);
	assert_int_equal(c5_model_named(&other, "lenet", 1, SIDE, SIDE, 5, 0), C5_OK);
	assert_int_equal(c5_identify_check(other, "plate.h5:cells"), C5_EINPUT);
	assert_non_null(strstr(c5_error_last(), "plate.h5:cells: no model that identifies images"));
	c5_model_free(other);
	c5_model_free(m);
}

static void words_agree_as_light_does(void **state)
{
	(void)state;
	for (int k = 0; k < C5_KINDS; k++) {
		bool bright = k == C5_KIND_NUCLEI || k == C5_KIND_STRUCTURE;
		assert_true(c5_identify_agrees(k, NULL) && c5_identify_agrees(k, "something else"));
		assert_true(c5_identify_agrees(k, c5_identify_modality(k)));
		assert_int_equal(c5_identify_agrees(k, "fluorescence"), bright);
		assert_int_equal(c5_identify_agrees(k, "tpef"), bright);
		assert_int_equal(c5_identify_agrees(k, "transmission"), !bright);
		assert_int_equal(c5_identify_agrees(k, "phase"), k == C5_KIND_PHASE);
	}
}

static void what_shows_nothing_is_refused(void **state)
{
	static float flat[64 * 64];
	const c5_identify_frame small = { flat, 31, 64 }, even = { flat, 64, 64 };
	c5_device *device;
	c5_model *m;
	c5_weights *w;
	c5_identifier *id;
	c5_identity i;
	(void)state;
	assert_int_equal(c5_device_open(&device, "cpu"), C5_OK);
	assert_int_equal(c5_identify_net(&m), C5_OK);
	assert_int_equal(c5_weights_new(&w, m), C5_OK);
	c5_weights_init(w, m, 1);
	assert_int_equal(c5_identifier_open(&id, device, m, w), C5_OK);
	assert_int_equal(c5_identify(id, &small, 1, &i), C5_EINPUT);
	assert_non_null(strstr(c5_error_last(), "too small"));
	assert_int_equal(c5_identify(id, &even, 1, &i), C5_EINPUT);
	assert_non_null(strstr(c5_error_last(), "alike"));
	assert_int_equal(c5_identify(id, NULL, 0, &i), C5_EINPUT);
	for (size_t k = 0; k < 64 * 64; k++) flat[k] = (float)((k / 64 / 8 + k % 64 / 8) % 2); /* then an answer, whatever it is */
	assert_int_equal(c5_identify(id, &even, 1, &i), C5_OK);
	assert_true(i.probability > 0 && i.probability <= 1.0001 && isfinite(i.diameter_px) && i.tiles > 0);
	c5_identifier_close(id);
	c5_weights_free(w);
	c5_model_free(m);
	c5_device_close(device);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_still_depends_on_seed_and_item_alone),
		cmocka_unit_test(nuclei_are_bright_and_as_large_as_asked),
		cmocka_unit_test(an_item_is_the_same_in_any_batch_and_order),
		cmocka_unit_test(targets_say_kind_and_size_and_nothing_where_it_is_unknown),
		cmocka_unit_test(every_kind_comes_as_often),
		cmocka_unit_test(the_network_is_small_and_known_again),
		cmocka_unit_test(words_agree_as_light_does),
		cmocka_unit_test(what_shows_nothing_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
