/* unit_stain_evaluate.c – agreement of predicted and recorded stains on maps whose figures are known by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/error.h"
#include "stain/evaluate.h"

enum { S = 32, SIDE = 8 };
static float level[S * S], map[S * S];
static uint8_t mask[S * S];

static double figure(const c5_figures *f, const char *name)
{
	const c5_figure *one = c5_figures_find(f, name);
	assert_non_null(one);
	return one->value;
}

/* The left `width` columns are positive. */
static void paint(size_t width)
{
	for (size_t i = 0; i < S * S; i++) {
		mask[i] = i % S < width;
		level[i] = (float)(mask[i] ? 900 + i % 7 : 100 + i % 5);
		map[i] = mask[i] ? 0.9f : 0.1f;
	}
}

static c5_stain_pair pair_of(const c5_block_grid *g, uint32_t group)
{
	return (c5_stain_pair){ .map = map, .level = level, .mask = mask, .height = S, .width = S, .part = { 0, 0, S, S }, .grid = g, .threshold = 0.5,
		.share = 0.5, .group = group };
}

static void a_perfect_stain_has_perfect_figures(void **state)
{
	(void)state;
	c5_stain_agreement a = { 0 };
	c5_figures f = { 0 };
	c5_block_grid g;
	assert_int_equal(c5_blocks_grid(&g, S, S, SIDE, SIDE), C5_OK);
	for (uint32_t k = 1; k <= 3; k++) {
		paint(k * 8);
		c5_stain_pair p = pair_of(&g, k - 1);
		assert_int_equal(c5_stain_agreement_add(&a, &p), C5_OK);
	}
	assert_int_equal(c5_stain_agreement_figures(&f, &a, 1, 50), C5_OK);
	static const char *const ones[] = { "block_accuracy", "block_precision", "block_recall", "block_f1", "block_roc_auc", "block_pr_auc",
		"efficiency_pearson" };
	for (size_t i = 0; i < sizeof ones / sizeof *ones; i++) assert_true(fabs(figure(&f, ones[i]) - 1) < 1e-12);
	assert_true(fabs(figure(&f, "efficiency_recorded") - 0.5) < 1e-12 && fabs(figure(&f, "efficiency_bias")) < 1e-12);
	assert_true(figure(&f, "pixel_pearson") > 0.99);
	assert_true(figure(&f, "blocks") == 48 && figure(&f, "blocks_positive") == 24);
	c5_figures_free(&f);
	c5_stain_agreement_free(&a);
}

static void a_stain_that_is_a_block_too_wide(void **state)
{
	(void)state;
	c5_stain_agreement a = { 0 };
	c5_figures f = { 0 };
	c5_block_grid g;
	assert_int_equal(c5_blocks_grid(&g, S, S, SIDE, SIDE), C5_OK);
	paint(8);
	for (size_t i = 0; i < S * S; i++) map[i] = i % S < 16 ? 0.8f : 0.1f;
	c5_stain_pair p = pair_of(&g, 0);
	assert_int_equal(c5_stain_agreement_add(&a, &p), C5_OK);
	assert_int_equal(c5_stain_agreement_figures(&f, &a, 1, 50), C5_OK);
	assert_true(fabs(figure(&f, "block_precision") - 0.5) < 1e-12 && figure(&f, "block_recall") == 1 &&
		fabs(figure(&f, "block_accuracy") - 0.75) < 1e-12);
	assert_true(fabs(figure(&f, "efficiency_bias") - 0.25) < 1e-12);
	assert_true(isnan(figure(&f, "efficiency_pearson"))); /* one frame has no correlation */
	/* of 4 positive and 12 negative blocks 4 negative ones tie with all positive ones: AUC 1 - 0.5 * 4 / 12 */
	assert_true(fabs(figure(&f, "block_roc_auc") - (1 - 0.5 / 3)) < 1e-12);
	c5_figures_free(&f);
	c5_stain_agreement_free(&a);
}

static void only_the_part_is_compared(void **state)
{
	(void)state;
	c5_stain_agreement a = { 0 };
	c5_figures f = { 0 };
	c5_block_grid g;
	assert_int_equal(c5_blocks_grid(&g, S, S, SIDE, SIDE), C5_OK);
	paint(16);
	for (size_t i = 0; i < S * S; i++)
		if (i % S < 8) map[i] = 0; /* wrong, but not looked at */
	c5_stain_pair p = pair_of(&g, 0);
	p.part = (c5_rect){ 0, 8, S, S };
	assert_int_equal(c5_stain_agreement_add(&a, &p), C5_OK);
	assert_int_equal(c5_stain_agreement_figures(&f, &a, 1, 0), C5_OK);
	assert_true(figure(&f, "blocks") == 12 && figure(&f, "block_accuracy") == 1);
	c5_figures_free(&f);
	p.part.x1 = S + 1;
	assert_int_equal(c5_stain_agreement_add(&a, &p), C5_EUSAGE);
	c5_stain_agreement_free(&a);
}

static void what_is_all_negative_is_undefined_not_perfect(void **state)
{
	(void)state;
	c5_stain_agreement a = { 0 };
	c5_figures f = { 0 };
	c5_block_grid g;
	assert_int_equal(c5_blocks_grid(&g, S, S, SIDE, SIDE), C5_OK);
	paint(0);
	c5_stain_pair p = pair_of(&g, 0);
	assert_int_equal(c5_stain_agreement_add(&a, &p), C5_OK);
	assert_int_equal(c5_stain_agreement_figures(&f, &a, 1, 0), C5_OK);
	assert_true(isnan(figure(&f, "block_f1")) && isnan(figure(&f, "block_roc_auc")) && isnan(figure(&f, "pixel_pearson")));
	assert_true(figure(&f, "block_accuracy") == 1 && figure(&f, "efficiency_recorded") == 0);
	c5_figures_free(&f);
	c5_stain_agreement_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_perfect_stain_has_perfect_figures), cmocka_unit_test(a_stain_that_is_a_block_too_wide),
			cmocka_unit_test(only_the_part_is_compared),
		cmocka_unit_test(what_is_all_negative_is_undefined_not_perfect),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
