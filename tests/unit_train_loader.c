/* unit_train_loader.c – batches filled beside the work: the right ones in the right order, errors with their text, orders out of turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/error.h"
#include "train/loader.h"

/* Item i gives 3 i, 3 i + 1, 3 i + 2, the target -i and the weight of its draw; item 1000 cannot be had. */
static int fill(c5_feed *f, const size_t *items, const uint64_t *draws, size_t n, uint64_t seed, float *const *inputs, float *const *targets,
	float *weight)
{
	(void)f;
	for (size_t i = 0; i < n; i++) {
		if (items[i] == 1000) return c5_fail(C5_EIO, "item 1000 is lost");
		for (size_t k = 0; k < 3; k++) inputs[0][3 * i + k] = (float)(3 * items[i] + k);
		inputs[1][i] = (float)seed;
		targets[0][i] = -(float)items[i];
		weight[i] = draws ? (float)draws[i] : -1;
	}
	return C5_OK;
}

static c5_feed feed = { .n_train = 100, .n_inputs = 2, .n_targets = 1, .input_count = { 3, 1 }, .target_count = { 1 }, .fill = fill };

static void ask(c5_loader *l, size_t first, size_t n)
{
	size_t items[8];
	uint64_t draws[8];
	for (size_t i = 0; i < n; i++) items[i] = first + i, draws[i] = 10 * (first + i);
	assert_int_equal(c5_loader_ask(l, items, first % 2 ? draws : NULL, n, first), C5_OK);
}

static void batches_come_in_order(void **state)
{
	for (int beside = 0; beside < 2; beside++) {
		c5_loader *l;
		const c5_batch *b, *before = NULL;
		(void)state;
		assert_int_equal(c5_loader_open(&l, &feed, 8, beside), C5_OK);
		ask(l, 0, 8);
		for (size_t k = 0; k < 200; k++) {
			size_t n = k % 7 ? 8 : 5; /* smaller ones too */
			assert_int_equal(c5_loader_take(l, &b), C5_OK);
			assert_true(b != before);
			float kept[3];
			memcpy(kept, b->inputs[0], sizeof kept);
			if (k % 3 == 0) c5_loader_rest(l);
			ask(l, k + 1, n); /* the next one is filled while this one is read */
			c5_loader_rest(l);
			assert_memory_equal(kept, b->inputs[0], sizeof kept);
			assert_true(b->inputs[0][0] == (float)(3 * k) && b->inputs[0][b->n * 3 - 1] == (float)(3 * (k + b->n) - 1));
			assert_true(b->targets[0][1] == -(float)(k + 1) && b->inputs[1][0] == (float)k && b->weight[0] == (k % 2 ? (float)(10 * k) : -1));
			before = b;
		}
		c5_loader_close(l); /* with an order still standing */
	}
}

static void errors_come_with_their_text(void **state)
{
	(void)state;
	for (int beside = 0; beside < 2; beside++) {
		c5_loader *l;
		const c5_batch *b;
		assert_int_equal(c5_loader_open(&l, &feed, 8, beside), C5_OK);
		ask(l, 998, 4);
		c5_error_clear();
		assert_int_equal(c5_loader_take(l, &b), C5_EIO);
		assert_string_equal(c5_error_last(), "item 1000 is lost");
		ask(l, 10, 4); /* it goes on */
		assert_int_equal(c5_loader_take(l, &b), C5_OK);
		assert_int_equal(b->n, 4);
		c5_loader_close(l);
	}
}

static void orders_out_of_turn_are_refused(void **state)
{
	(void)state;
	c5_loader *l;
	const c5_batch *b;
	const size_t items[9] = { 0 };
	assert_int_equal(c5_loader_open(&l, &feed, 8, false), C5_OK);
	assert_int_equal(c5_loader_take(l, &b), C5_EFAIL);
	assert_int_equal(c5_loader_ask(l, items, NULL, 9, 0), C5_EFAIL);
	ask(l, 0, 8);
	assert_int_equal(c5_loader_ask(l, items, NULL, 8, 0), C5_EFAIL);
	c5_loader_close(l);
	c5_loader_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(batches_come_in_order), cmocka_unit_test(errors_come_with_their_text), cmocka_unit_test(orders_out_of_turn_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
