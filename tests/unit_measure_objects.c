/* unit_measure_objects.c – shared pixels against a count pixel by pixel, and the segmentation measures by hand. */
#include "support_measure.h"

#include "measure/objects.h"

static uint32_t next_random(uint32_t *r) { return *r = *r * 1664525u + 1013904223u; }

static uint64_t shared(const uint32_t *a, const uint32_t *b, size_t n, uint32_t x, uint32_t y, int which)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < n; i++) sum += (which == 'b' || a[i] == x) && (which == 'a' || b[i] == y);
	return sum;
}

static void overlaps_are_those_of_a_count_by_pixel(void **state)
{
	(void)state;
	enum { SIZE = 3000 };
	static uint32_t a[SIZE], b[SIZE];
	static const uint32_t spread[] = { 1, 3, 1000, 70000, 0x80000001u };
	uint32_t r = 5;
	c5_overlap o = { 0 };
	for (size_t turn = 0; turn < 40; turn++) {
		size_t n = turn == 0 ? 0 : 1 + next_random(&r) % SIZE;
		uint32_t x = 0, y = 0, kinds = 1 + (uint32_t)(turn % 7) * 3;
		for (size_t i = 0; i < n; i++) {
			if (next_random(&r) >> 28 < 3) x = (next_random(&r) >> 16) % kinds * spread[turn % 5];
			if (next_random(&r) >> 28 < 3) y = (next_random(&r) >> 16) % kinds * spread[turn / 5 % 5];
			a[i] = x;
			b[i] = y;
		}
		assert_int_equal(c5_overlap_count(&o, a, b, n), C5_OK);
		uint64_t in_pairs = 0, both = 0, in_a = 0, in_b = 0;
		for (size_t i = 0; i < o.n_a; i++) {
			if (i) assert_true(o.label_a[i] > o.label_a[i - 1]);
			assert_int_equal(o.area_a[i], shared(a, b, n, o.label_a[i], 0, 'a'));
			in_a += o.area_a[i];
		}
		for (size_t j = 0; j < o.n_b; j++) {
			if (j) assert_true(o.label_b[j] > o.label_b[j - 1]);
			assert_int_equal(o.area_b[j], shared(a, b, n, 0, o.label_b[j], 'b'));
			in_b += o.area_b[j];
		}
		for (size_t k = 0; k < o.n_pairs; k++) {
			const c5_shared *p = &o.pairs[k];
			if (k) assert_true(p->a > p[-1].a || (p->a == p[-1].a && p->b > p[-1].b));
			assert_int_equal(p->pixels, shared(a, b, n, o.label_a[p->a], o.label_b[p->b], 0));
			in_pairs += p->pixels;
		}
		uint64_t fore_a = 0, fore_b = 0;
		for (size_t i = 0; i < n; i++) {
			both += a[i] && b[i];
			fore_a += a[i] != 0;
			fore_b += b[i] != 0;
		}
		assert_int_equal(in_pairs, both);
		assert_int_equal(in_a, fore_a);
		assert_int_equal(in_b, fore_b);
	}
	c5_overlap_free(&o);
}

static double figure(const c5_objects *o, const char *name)
{
	c5_figures f = { 0 };
	c5_objects_figures(&f, o);
	const c5_figure *g = c5_figures_find(&f, name);
	assert_non_null(g);
	double v = g->value;
	c5_figures_free(&f);
	return v;
}

static void segmentation_measures_by_hand(void **state)
{
	(void)state;
	/* overlaps: object 1: 3 of 4 px (IoU 0.75), object 2: missed, object 3 of 2 px: found as 1 of 1 px (0.5); one object is invented */
	static const uint32_t gt[] = { 1, 1, 1, 1, 0, 2, 2, 0, 3, 3, 0, 0 }, res[] = { 9, 9, 9, 0, 0, 0, 0, 0, 8, 0, 0, 7 };
	c5_objects o = { 0 };
	assert_int_equal(c5_objects_add(&o, gt, res, 12), C5_OK);
	SAME(figure(&o, "AP@0.50"), 1.0 / 5); /* exactly one half is no hit */
	SAME(figure(&o, "AP@0.70"), 1.0 / 5);
	SAME(figure(&o, "AP@0.75"), 0);
	SAME(figure(&o, "AP_mean"), 5 * 0.2 / 10);
	SAME(figure(&o, "SEG"), 0.75 / 3); /* half of object 3 is not more than half */
	SAME(figure(&o, "Dice"), 2 * 4.0 / 13);
	SAME(figure(&o, "Dice_objects"), (6.0 / 7 + 0 + 2.0 / 3) / 3);
	SAME(figure(&o, "SBD"), (6.0 / 7 + 0 + 2.0 / 3) / 3);
	SAME(figure(&o, "AJI"), 4.0 / 9);
	SAME(figure(&o, "PQ"), 0.75 / (1 + 1 + 1));
	SAME(figure(&o, "precision@0.50"), 1.0 / 3);
	/* a second, perfect frame: means over frames, and counts together */
	assert_int_equal(c5_objects_add(&o, gt, gt, 12), C5_OK);
	SAME(figure(&o, "AP@0.50"), (0.2 + 1) / 2);
	SAME(figure(&o, "AP_all@0.50"), 4.0 / 8);
	SAME(figure(&o, "Dice"), (8.0 / 13 + 1) / 2);
	/* frames without any object say nothing; an object invented in an empty frame does */
	static const uint32_t none[12] = { 0 };
	assert_int_equal(c5_objects_add(&o, none, none, 12), C5_OK);
	SAME(figure(&o, "AP@0.50"), 0.6);
	assert_int_equal(c5_objects_add(&o, none, gt, 12), C5_OK);
	SAME(figure(&o, "AP@0.50"), 0.4);
	c5_objects_free(&o);
	assert_int_equal(c5_objects_add(&o, none, none, 12), C5_OK);
	assert_true(isnan(figure(&o, "AP@0.50")) && isnan(figure(&o, "SEG")) && isnan(figure(&o, "Dice")) && isnan(figure(&o, "AJI")) &&
		isnan(figure(&o, "PQ")));
	c5_objects_free(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(overlaps_are_those_of_a_count_by_pixel),
		cmocka_unit_test(segmentation_measures_by_hand),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
