/* unit_measure_golden.c – random movies with every kind of error against what py-ctcmetrics measures of them; what must not change the figures
 * (names of labels) and what every figure is for a perfect result. */
#include "support_measure.h"

#include "golden/measure_tracking.h"

#define CASES (sizeof golden_cases / sizeof *golden_cases)

static movie truth_of(const struct golden_case *c)
{
	return (movie){ GOLDEN_FRAMES, GOLDEN_HEIGHT, GOLDEN_WIDTH, c->gt_rects, c->n_gt_rects, (const c5_life *)(const void *)c->gt_lives, c->n_gt_lives,
		NULL };
}

static movie result_of(const struct golden_case *c)
{
	return (movie){ GOLDEN_FRAMES, GOLDEN_HEIGHT, GOLDEN_WIDTH, c->res_rects, c->n_res_rects, (const c5_life *)(const void *)c->res_lives,
		c->n_res_lives, NULL };
}

static void figures_are_those_of_py_ctcmetrics(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES; i++) {
		movie gt = truth_of(&golden_cases[i]), res = result_of(&golden_cases[i]);
		c5_tracking t = measure(&gt, &res);
		c5_figures f = { 0 };
		c5_tracking_figures(&f, &t);
		for (size_t k = 0; k < golden_cases[i].n_values; k++) {
			const struct golden_value *v = &golden_cases[i].values[k];
			const c5_figure *g = c5_figures_find(&f, v->name);
			assert_non_null(g);
			if (isnan(v->value) ? !isnan(g->value) : !(fabs(g->value - v->value) <= 1e-9))
				fail_msg("case %zu: %s is %.17g, expected %.17g", i, v->name, g->value, v->value);
		}
		c5_figures_free(&f);
	}
}

static uint32_t shuffled(uint32_t label) { return label * 2654435761u | 1u; } /* odd, spread over 32 bits, another order */
static uint32_t shifted(uint32_t label) { return label + 4000000000u; }

static void same_figures(const c5_figures *a, const c5_figures *b)
{
	assert_int_equal(a->n, b->n);
	for (size_t k = 0; k < a->n; k++) same_real(b->at[k].value, a->at[k].value, a->at[k].name);
}

static void names_of_labels_do_not_matter(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES; i++) {
		movie gt = truth_of(&golden_cases[i]), res = result_of(&golden_cases[i]);
		c5_figures plain = { 0 }, other = { 0 };
		c5_tracking t = measure(&gt, &res);
		c5_tracking_figures(&plain, &t);
		gt.relabel = res.relabel = shifted;
		t = measure(&gt, &res);
		c5_tracking_figures(&other, &t);
		same_figures(&plain, &other);
		other.n = 0;
		gt.relabel = res.relabel = shuffled; /* TF may change with the order of labels: that is how it is defined (docs/measures.md) */
		t = measure(&gt, &res);
		c5_tracking_figures(&other, &t);
		for (size_t k = 0; k < plain.n; k++)
			if (strcmp(plain.at[k].name, "TF") && strncmp(plain.at[k].name, "BIO", 3) && strncmp(plain.at[k].name, "OP_CLB", 6))
				same_real(other.at[k].value, plain.at[k].value, plain.at[k].name);
		c5_figures_free(&plain);
		c5_figures_free(&other);
	}
}

static void truth_against_itself_is_perfect(void **state)
{
	(void)state;
	static const char *const ones[] = { "SEG", "DET", "TRA", "LNK", "OP_CSB", "OP_CTB", "CT", "TF", "BC(0)", "BC(1)", "BC(2)", "BC(3)", "CCA", "BIO(0)",
		"BIO(3)", "OP_CLB(0)", "OP_CLB(3)", "MOTA", "HOTA", "CHOTA", "IDF1", "IDP", "IDR", "division_F1_strict(0)", "division_F1_excluded(3)",
		"division_recall_strict(2)", "division_precision_excluded(1)" };
	static const char *const zeros[] = { "AOGM", "AOGM_NS", "AOGM_FN", "AOGM_FP", "AOGM_ED", "AOGM_EA", "AOGM_EC", "MOT_switches", "ID_FP",
		"divisions_missed(0)", "divisions_mismatched(3)", "divisions_invented(1)" };
	for (size_t i = 0; i < 2 * CASES; i++) {
		movie gt = i % 2 ? truth_of(&golden_cases[i / 2]) : result_of(&golden_cases[i / 2]), res = gt;
		res.relabel = shuffled;
		c5_tracking t = measure(&gt, &res);
		c5_figures f = { 0 };
		c5_tracking_figures(&f, &t);
		for (size_t k = 0; k < sizeof ones / sizeof *ones; k++) {
			double v = c5_figures_find(&f, ones[k])->value;
			if (!isnan(v)) same_real(v, 1, ones[k]);
		}
		for (size_t k = 0; k < sizeof zeros / sizeof *zeros; k++) same_real(c5_figures_find(&f, zeros[k])->value, 0, zeros[k]);
		assert_int_equal(isnan(t.divisions[0].bc), t.gt_divisions == 0);
		c5_figures_free(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(figures_are_those_of_py_ctcmetrics),
		cmocka_unit_test(names_of_labels_do_not_matter),
		cmocka_unit_test(truth_against_itself_is_perfect),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
