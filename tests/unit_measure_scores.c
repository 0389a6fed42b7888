/* unit_measure_scores.c – classification against scikit-learn, intervals by whole groups, maps against scikit-image, plates by hand, tables. */
#include "support_measure.h"

#include <unistd.h>

#include "measure/classes.h"
#include "measure/classify.h"
#include "measure/maps.h"
#include "measure/plates.h"
#include "measure/table.h"

#include "golden/measure_maps.h"
#include "golden/measure_scores.h"

static const c5_classify_params plain = { .threshold = 0.5, .bins = 10, .seed = 1 };

static double figure(const c5_figures *f, const char *name)
{
	const c5_figure *g = c5_figures_find(f, name);
	assert_non_null(g);
	return g->value;
}

static void figures_are_those_of_scikit_learn(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof golden_scores / sizeof *golden_scores; i++) {
		const c5_scored s = { golden_scores[i].n, golden_scores[i].truth, golden_scores[i].score, NULL, 0 };
		c5_figures f = { 0 };
		assert_int_equal(c5_classify_figures(&f, &s, &plain), C5_OK);
		for (size_t k = 0; k < golden_scores[i].n_figures; k++)
			same_real(figure(&f, golden_scores[i].figures[k].name), golden_scores[i].figures[k].value, golden_scores[i].figures[k].name);
		c5_figures_free(&f);
	}
}

static void what_one_class_cannot_say_is_undefined(void **state)
{
	(void)state;
	const bool all[3] = { true, true, true }, none[3] = { false, false, false };
	const double score[3] = { 0.2, 0.4, 1.5 };
	c5_figures f = { 0 };
	const c5_scored positive = { 3, all, score, NULL, 0 }, negative = { 3, none, score, NULL, 0 };
	c5_classify_params p = plain;
	p.threshold = 2;
	assert_int_equal(c5_classify_figures(&f, &positive, &p), C5_OK);
	assert_true(isnan(figure(&f, "specificity")) && isnan(figure(&f, "balanced_accuracy")) && isnan(figure(&f, "ROC_AUC")) &&
		isnan(figure(&f, "precision")));
	SAME(figure(&f, "recall"), 0);
	SAME(figure(&f, "F1"), 0);
	assert_true(isnan(figure(&f, "ECE")) && isnan(figure(&f, "Brier"))); /* a score of 1.5 is no share */
	f.n = 0;
	assert_int_equal(c5_classify_figures(&f, &negative, &p), C5_OK);
	assert_true(isnan(figure(&f, "recall")) && isnan(figure(&f, "F1")) && isnan(figure(&f, "PR_AUC")) && isnan(figure(&f, "average_precision")));
	SAME(figure(&f, "accuracy"), 1);
	c5_figures_free(&f);
}

static void intervals_repeat_by_seed_and_widen_by_group(void **state)
{
	(void)state;
	enum { N = 400, GROUPS = 8 };
	static bool truth[N];
	static double score[N];
	static uint32_t group[N];
	for (uint32_t i = 0; i < N; i++) { /* objects of one group are right or wrong together */
		group[i] = i % GROUPS;
		truth[i] = (i / GROUPS) % 2;
		score[i] = (group[i] < 6) == truth[i] ? 0.9 : 0.1;
	}
	const c5_scored grouped = { N, truth, score, group, GROUPS }, single = { N, truth, score, NULL, 0 };
	c5_classify_params p = { .threshold = 0.5, .bins = 10, .resamples = 500, .seed = 7 };
	c5_figures a = { 0 }, b = { 0 }, c = { 0 }, d = { 0 };
	assert_int_equal(c5_classify_figures(&a, &grouped, &p), C5_OK);
	assert_int_equal(c5_classify_figures(&b, &grouped, &p), C5_OK);
	assert_int_equal(c5_classify_figures(&c, &single, &p), C5_OK);
	p.seed = 8;
	assert_int_equal(c5_classify_figures(&d, &single, &p), C5_OK);
	const c5_figure *x = c5_figures_find(&a, "accuracy"), *y = c5_figures_find(&b, "accuracy"), *z = c5_figures_find(&c, "accuracy");
	SAME(x->value, 0.75);
	assert_true(x->low == y->low && x->high == y->high);
	assert_true(x->low < 0.75 && x->high > 0.75 && z->low < 0.75 && z->high > 0.75);
	assert_true(x->high - x->low > 3 * (z->high - z->low));
	double binomial = 2 * 1.96 * sqrt(0.75 * 0.25 / N);
	assert_true(fabs(z->high - z->low - binomial) < 0.25 * binomial);
	assert_true(c5_figures_find(&d, "accuracy")->low != z->low || c5_figures_find(&d, "ROC_AUC")->low != c5_figures_find(&c, "ROC_AUC")->low);
	c5_figures_free(&a);
	c5_figures_free(&b);
	c5_figures_free(&c);
	c5_figures_free(&d);
}

/* The area alone, in floats, is the one among all figures; of one class or of what has no order it is none. */
static void the_area_alone_is_the_same(void **state)
{
	(void)state;
	enum { N = 200 };
	float score[N];
	double wide[N], area;
	bool truth[N];
	for (size_t i = 0; i < N; i++) {
		truth[i] = i % 3 == 0;
		wide[i] = score[i] = (float)((i * 37 % 101 / 4 + 5 * truth[i]) / 64.0); /* with ties, within and across */
	}
	const c5_scored s = { .n = N, .truth = truth, .score = wide };
	c5_figures f = { 0 };
	assert_int_equal(c5_classify_figures(&f, &s, &plain), C5_OK);
	assert_int_equal(c5_roc_area(&area, score, truth, N), C5_OK);
	assert_true(area > 0.5 && area < 1 && area == c5_figures_find(&f, "ROC_AUC")->value);
	c5_figures_free(&f);
	assert_true(c5_roc_area(&area, score, truth, 0) == C5_OK && isnan(area));
	assert_true(c5_roc_area(&area, score, (const bool[]){ true, true, true }, 3) == C5_OK && isnan(area));
	score[1] = NAN;
	assert_true(c5_roc_area(&area, score, truth, N) == C5_OK && isnan(area));
}

static void several_classes_are_those_of_scikit_learn(void **state)
{
	(void)state;
	enum { N = sizeof class_truth / sizeof *class_truth };
	const c5_classed c = { .n = N, .classes = 3, .prob = class_prob, .truth = class_truth, .names = class_names };
	c5_figures f = { 0 };
	uint64_t table[9];
	assert_int_equal(c5_classes_figures(&f, &c, &plain), C5_OK);
	for (size_t k = 0; k < sizeof class_figures / sizeof *class_figures; k++)
		same_real(figure(&f, class_figures[k].name), class_figures[k].value, class_figures[k].name);
	c5_confusion(table, &c);
	for (size_t k = 0; k < 9; k++) assert_int_equal(table[k], class_confusion[k]);
	f.n = 0;
	c5_classify_params p = { .threshold = 0.5, .bins = 10, .resamples = 400, .seed = 3 };
	assert_int_equal(c5_classes_figures(&f, &c, &p), C5_OK);
	const c5_figure *a = c5_figures_find(&f, "accuracy");
	double binomial = 2 * 1.96 * sqrt(a->value * (1 - a->value) / N);
	assert_true(a->low < a->value && a->value < a->high && fabs(a->high - a->low - binomial) < 0.3 * binomial);
	c5_figures_free(&f);
}

static void shares_of_a_single_group_have_intervals_of_wilson(void **state)
{
	(void)state;
	uint32_t group[60] = { 0 };
	const c5_scored s = { golden_scores[0].n, golden_scores[0].truth, golden_scores[0].score, group, 1 };
	c5_classify_params p = { .threshold = 0.5, .bins = 10, .resamples = 100, .seed = 1, .wilson = true };
	c5_figures f = { 0 };
	assert_int_equal(golden_scores[0].n, 60);
	assert_int_equal(c5_classify_figures(&f, &s, &p), C5_OK);
	const c5_figure *a = c5_figures_find(&f, "accuracy"), *r = c5_figures_find(&f, "recall");
	assert_true(fabs(a->low - 0.5236262) < 1e-6 && fabs(a->high - 0.7583223) < 1e-6); /* 39 of 60 */
	assert_true(fabs(r->low - 0.4232036) < 1e-6 && fabs(r->high - 0.7540937) < 1e-6); /* 18 of 30 */
	assert_true(isnan(c5_figures_find(&f, "ROC_AUC")->low)); /* not a share of objects */
	c5_figures_free(&f);
}

static void order_of_objects_does_not_matter(void **state)
{
	(void)state;
	const size_t n = golden_scores[1].n;
	bool *truth = malloc(n * sizeof *truth);
	double *score = malloc(n * sizeof *score);
	for (size_t i = 0; i < n; i++) {
		truth[i] = golden_scores[1].truth[(i * 7 + 3) % n];
		score[i] = golden_scores[1].score[(i * 7 + 3) % n];
	}
	const c5_scored a = { n, golden_scores[1].truth, golden_scores[1].score, NULL, 0 }, b = { n, truth, score, NULL, 0 };
	c5_figures f = { 0 }, g = { 0 };
	assert_int_equal(c5_classify_figures(&f, &a, &plain), C5_OK);
	assert_int_equal(c5_classify_figures(&g, &b, &plain), C5_OK);
	for (size_t i = 0; i < f.n; i++) same_real(g.at[i].value, f.at[i].value, f.at[i].name);
	c5_figures_free(&f);
	c5_figures_free(&g);
	free(truth);
	free(score);
}

static void maps_are_those_of_scikit_image(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof golden_maps / sizeof *golden_maps; i++) {
		c5_map_agreement g;
		const double *v = golden_maps[i].values;
		assert_int_equal(c5_map_compare(&g, golden_maps[i].a, golden_maps[i].b, golden_maps[i].height, golden_maps[i].width, golden_maps[i].range), C5_OK);
		const double got[7] = { g.pearson, g.spearman, g.ssim, g.ssim_wang, g.psnr, g.mae, g.rmse };
		for (int k = 0; k < 7; k++)
			if (!(fabs(got[k] - v[k]) <= 1e-9 * (1 + fabs(v[k])))) fail_msg("pair %zu, figure %d: %.17g, expected %.17g", i, k, got[k], v[k]);
	}
}

static void equal_constant_and_small_maps_have_their_answers(void **state)
{
	(void)state;
	c5_map_agreement g;
	const double flat[121] = { 0 };
	assert_int_equal(c5_map_compare(&g, golden_maps[0].a, golden_maps[0].a, golden_maps[0].height, golden_maps[0].width, 255), C5_OK);
	assert_true(fabs(g.pearson - 1) < 1e-12 && fabs(g.spearman - 1) < 1e-12 && fabs(g.ssim - 1) < 1e-12 && isinf(g.psnr));
	SAME(g.mae, 0);
	assert_int_equal(c5_map_compare(&g, flat, flat, 11, 11, 255), C5_OK);
	assert_true(isnan(g.pearson) && isnan(g.spearman));
	SAME(g.ssim, 1);
	assert_int_equal(c5_map_compare(&g, flat, golden_maps[0].a, 10, 12, 255), C5_OK);
	assert_true(isnan(g.ssim) && isfinite(g.psnr));
	assert_int_equal(c5_map_compare(&g, flat, flat, 11, 11, 0), C5_OK);
	assert_true(isnan(g.ssim) && isnan(g.psnr));
}

static void plates_by_hand(void **state)
{
	(void)state;
	double high[] = { 10, 12, 8 }, low[] = { 1, 3, 2, 2 };
	c5_plate_quality q;
	c5_plate_measure(&q, high, 3, low, 4);
	SAME(q.mean_positive, 10);
	SAME(q.sd_positive, 2);
	SAME(q.mean_negative, 2);
	SAME(q.sd_negative, sqrt(2.0 / 3));
	SAME(q.z_prime, 1 - 3 * (2 + sqrt(2.0 / 3)) / 8);
	SAME(q.ssmd, 8 / sqrt(4 + 2.0 / 3));
	SAME(q.median_positive, 10);
	SAME(q.median_negative, 2);
	SAME(q.mad_positive, 2 * 1.482602218505602);
	SAME(q.mad_negative, 0.5 * 1.482602218505602);
	SAME(q.robust_z_prime, 1 - 3 * 2.5 * 1.482602218505602 / 8);
	SAME(q.signal_to_background, 5);
	c5_plate_measure(&q, high, 1, low, 0);
	assert_true(isnan(q.z_prime) && isnan(q.ssmd) && isnan(q.sd_positive) && isnan(q.robust_z_prime) && isnan(q.mean_negative));
	double same[] = { 1, 1 }, twin[] = { 1, 1 };
	c5_plate_measure(&q, same, 2, twin, 2);
	assert_true(isnan(q.z_prime) && isnan(q.ssmd));
}

static const char *written(const char *text)
{
	static char path[64];
	snprintf(path, sizeof path, "/tmp/cyto5-table-%d.csv", (int)getpid());
	FILE *to = fopen(path, "wb");
	assert_non_null(to);
	fputs(text, to);
	assert_int_equal(fclose(to), 0);
	return path;
}

static void tables_are_read_and_bad_ones_named(void **state)
{
	(void)state;
	static const struct { const char *text, *word; } bad[] = {
		{ "", "no rows" }, { "a,b\n", "no rows" }, { "a,b\n1,2,3\n", ":2: 3 cells" }, { "a,b\n\n1,\"2\n", ":3: a quote" },
			{ "a,b\n\"1\"x,2\n", "behind a closing" },
	};
	c5_table t;
	double v;
	size_t column;
	const char *path = written("\xef\xbb\xbf# a comment\r\nname; \"the \"\"value\"\"\" ;x\r\n\r\n a ;1.5;\r\n\"b;c\n\";-2e3;z");
	assert_int_equal(c5_table_read(&t, path), C5_OK);
	assert_int_equal(t.rows, 2);
	assert_int_equal(t.columns, 3);
	assert_int_equal(c5_table_column(&t, "the \"value\"", &column), C5_OK);
	assert_int_equal(column, 1);
	assert_int_equal(c5_table_real(&t, 1, 1, &v), C5_OK);
	SAME(v, -2000);
	assert_string_equal(c5_table_cell(&t, 0, 0), "a");
	assert_string_equal(c5_table_cell(&t, 1, 0), "b;c\n");
	assert_string_equal(c5_table_cell(&t, 0, 2), "");
	assert_int_equal(c5_table_real(&t, 0, 2, &v), C5_EINPUT);
	assert_int_equal(c5_table_column(&t, "value", &column), C5_EINPUT);
	c5_table_free(&t);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(c5_table_read(&t, written(bad[i].text)), C5_EINPUT);
		if (!strstr(c5_error_last(), bad[i].word)) fail_msg("'%s' not in: %s", bad[i].word, c5_error_last());
		c5_table_free(&t);
	}
	remove(path);
	assert_int_equal(c5_table_read(&t, "/nowhere/at/all.csv"), C5_ENOTFOUND);
	c5_table_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(figures_are_those_of_scikit_learn),
		cmocka_unit_test(what_one_class_cannot_say_is_undefined),
		cmocka_unit_test(the_area_alone_is_the_same),
		cmocka_unit_test(intervals_repeat_by_seed_and_widen_by_group),
		cmocka_unit_test(several_classes_are_those_of_scikit_learn),
		cmocka_unit_test(shares_of_a_single_group_have_intervals_of_wilson),
		cmocka_unit_test(order_of_objects_does_not_matter),
		cmocka_unit_test(maps_are_those_of_scikit_image),
		cmocka_unit_test(equal_constant_and_small_maps_have_their_answers),
		cmocka_unit_test(plates_by_hand),
		cmocka_unit_test(tables_are_read_and_bad_ones_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
