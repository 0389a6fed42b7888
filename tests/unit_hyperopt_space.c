/* unit_hyperopt_space.c – spaces read from YAML and written again, points rounded and found again, and what is refused. */
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
#include "base/text.h"
#include "hyperopt/history.h"
#include "hyperopt/space.h"

static int read_space(c5_space *s, const char *text)
{
	c5_yaml *doc;
	int err = c5_yaml_parse(&doc, "s.yml", text, strlen(text));
	if (err < 0) return err;
	err = c5_space_read(s, c5_yaml_root(doc));
	c5_yaml_free(doc);
	return err;
}

static const char *const rich =
	"optimiser: {type: choice, values: [sgd, adam, \"true\"]}\n"
	"rate: {type: log, min: 1e-5, max: 0.1}\n"
	"drop: {type: continuous, min: -0.5, max: 0.5}\n"
	"grid: {type: continuous, min: 0, max: 1, step: 0.25}\n"
	"width: {type: integer, min: 8, max: 512, scale: log}\n"
	"depth: {type: integer, min: 1, max: 9, step: 2}\n"
	"nesterov: {type: switch, when: {momentum-on: true}}\n"
	"momentum-on: {type: switch, when: {optimiser: [sgd, \"true\"]}}\n"
	"late: {type: continuous, min: 1, max: 2, when: {depth: [5, 7], optimiser: adam}}\n";

static void a_space_reads_and_writes(void **state)
{
	(void)state;
	c5_space s, again;
	c5_buf b = { 0 }, c = { 0 };
	assert_int_equal(read_space(&s, rich), C5_OK);
	assert_int_equal(s.n, 9);
	assert_int_equal(c5_param_levels(&s.params[0]), 3);
	assert_int_equal(c5_param_levels(&s.params[1]), 0);
	assert_int_equal(c5_param_levels(&s.params[3]), 5);
	assert_int_equal(c5_param_levels(&s.params[4]), 505);
	assert_int_equal(c5_param_levels(&s.params[5]), 5);
	assert_int_equal(c5_space_points(&s), 0);
	assert_int_equal(c5_space_find(&s, "momentum_on"), 7);
	assert_true(c5_space_find(&s, "nothing") == SIZE_MAX);
	c5_space_add_text(&b, 0, &s);
	char *text = c5_text_take(&b);
	if (read_space(&again, text) != C5_OK) fail_msg("%s in\n%s", c5_error_last(), text);
	c5_space_add_text(&c, 0, &again);
	char *twice = c5_text_take(&c);
	assert_string_equal(text, twice);
	assert_non_null(strstr(text, "late: {type: continuous, min: 1, max: 2, when: {depth: [5, 7], optimiser: [adam]}}"));
	assert_non_null(strstr(text, "values: [sgd, adam, \"true\"]"));
	free(text);
	free(twice);
	c5_space_free(&s);
	c5_space_free(&again);
}

static void every_level_has_an_equal_share(void **state)
{
	(void)state;
	c5_space s;
	assert_int_equal(read_space(&s, rich), C5_OK);
	int seen[505] = { 0 };
	for (int i = 0; i < 10000; i++) {
		double v = c5_param_value(&s.params[5], (i + 0.5) / 10000);
		assert_true(v >= 1 && v <= 9 && fmod(v, 2) == 1);
		seen[(int)v]++;
	}
	for (int v = 1; v <= 9; v += 2) assert_int_equal(seen[v], 2000);
	/* On a logarithmic scale, every doubling has. */
	int low = 0, high = 0;
	for (int i = 0; i < 10000; i++) {
		double v = c5_param_value(&s.params[4], (i + 0.5) / 10000);
		low += v >= 16 && v < 32, high += v >= 256 && v < 512;
		assert_true(v == rint(v) && v >= 8 && v <= 512);
	}
	assert_true(abs(low - high) < 50);
	assert_true(fabs(c5_param_value(&s.params[1], 0.5) - 1e-3) < 1e-12);
	assert_true(c5_param_value(&s.params[1], 0) == 1e-5 && fabs(c5_param_value(&s.params[1], 1) - 0.1) < 1e-15);
	assert_true(c5_param_value(&s.params[2], 1) == 0.5 && c5_param_value(&s.params[2], NAN) == -0.5);
	c5_space_free(&s);
}

static void rounding_twice_is_rounding_once(void **state)
{
	(void)state;
	c5_space s;
	c5_random r;
	assert_int_equal(read_space(&s, rich), C5_OK);
	c5_random_start(&r, 1, 1);
	for (int i = 0; i < 2000; i++) {
		double unit[9], values[9], middle[9], again[9];
		for (int c = 0; c < 9; c++) unit[c] = c5_random_uniform(&r);
		c5_space_round(&s, unit, values);
		c5_space_unit(&s, values, middle);
		c5_space_round(&s, middle, again);
		for (int c = 0; c < 9; c++) {
			if (isnan(values[c])) assert_true(isnan(again[c]) && middle[c] == 0.5);
			else assert_true(fabs(values[c] - again[c]) <= 1e-12 * fabs(values[c]));
		}
		bool sgd = values[0] != 1;
		assert_true(isnan(values[7]) == !sgd);
		assert_true(isnan(values[6]) == !(sgd && values[7] == 1));
		assert_true(isnan(values[8]) == !(values[0] == 1 && (values[5] == 5 || values[5] == 7)));
		memcpy(again, values, sizeof again);
		assert_true(c5_space_settle_values(&s, again));
		again[0] = 7;
		assert_false(c5_space_settle_values(&s, again));
	}
	c5_space_free(&s);
}

static void values_go_to_text_and_back(void **state)
{
	(void)state;
	c5_space s;
	char text[C5_VALUE_TEXT];
	double v;
	assert_int_equal(read_space(&s, rich), C5_OK);
	assert_string_equal(c5_param_text(text, &s.params[0], 1), "adam");
	assert_string_equal(c5_param_text(text, &s.params[4], 64), "64");
	assert_string_equal(c5_param_text(text, &s.params[1], 0.001), "0.001");
	assert_string_equal(c5_param_text(text, &s.params[1], NAN), "");
	assert_true(c5_param_parse(&s.params[0], "adam", &v) && v == 1);
	assert_false(c5_param_parse(&s.params[0], "Adam", &v));
	assert_true(c5_param_parse(&s.params[4], "64", &v) && v == 64);
	assert_false(c5_param_parse(&s.params[4], "64.5", &v));
	assert_false(c5_param_parse(&s.params[4], "7", &v));
	assert_false(c5_param_parse(&s.params[1], "fast", &v));
	assert_true(c5_param_parse(&s.params[3], "0.3", &v) && v == 0.25);
	c5_space_free(&s);
}

static void what_cannot_be_is_refused_with_its_place(void **state)
{
	(void)state;
	static const struct { const char *text, *says; } bad[] = {
		{ "a: {type: continuous, min: 2, max: 1}", "s.yml:1:4: a: the range is empty: min 2 is above max 1" },
		{ "a: {type: continuous, min: 1, max: 1}", "s.yml:1:4: a: the range is empty: min and max are both 1" },
		{ "a: {type: choice, values: []}", "s.yml:1:27: values: the range is empty: no choices" },
		{ "a: {type: log, min: 0, max: 1}", "s.yml:1:4: a: a logarithmic scale begins above 0, found min 0" },
		{ "a: {type: continous, min: 0, max: 1}", "s.yml:1:11: continous: unknown type; did you mean continuous?" },
		{ "a: {type: zebra, min: 0, max: 1}", "s.yml:1:11: zebra: unknown type; known are continuous, log, integer, choice, switch" },
		{ "a: {type: log, mni: 1, max: 2}", "s.yml:1:16: mni: unknown key; did you mean min?" },
		{ "a: {type: log, max: 2}", "s.yml:1:4: min: is missing; a parameter of type log needs it" },
		{ "a: {min: 1, max: 2}", "s.yml:1:4: type: is missing" },
		{ "a: {type: integer, min: 1.5, max: 4}", "a: min, max and step of an integer are whole numbers" },
		{ "a: {type: choice, values: [x], min: 3}", "s.yml:1:37: min: a parameter of type choice has none" },
		{ "a: {type: choice, values: [x, x]}", "choice 'x' is there twice" },
		{ "a: {type: integer, min: 1, max: 4, scale: lgo}", "s.yml:1:43: lgo: unknown scale; did you mean log?" },
		{ "a: {type: integer, min: 1, max: 4, step: -1}", "step: a number above 0" },
		{ "a: {type: integer, min: 1, max: 4, step: 9}", "the step does not fit" },
		{ "a: {type: switch, when: {c: 1}}\nb: {type: switch}", "s.yml:1:26: c: unknown parameter in a condition" },
		{ "depth: {type: switch, when: {wdith: 1}}\nwidth: {type: switch}", "wdith: unknown parameter in a condition; did you mean width?" },
		{ "a: {type: switch, when: {b: maybe}}\nb: {type: switch}", "maybe: unknown choice" },
		{ "a: {type: switch, when: {b: 1}}\nb: {type: continuous, min: 0, max: 1}", "b: a condition hangs on a choice" },
		{ "a: {type: switch, when: {b: true}}\nb: {type: switch, when: {a: true}}", "a: depends on itself" },
		{ "a: {type: switch, when: {a: true}}", "a: depends on itself" },
		{ "a b: {type: switch}", "'a b': no name of a parameter" },
		{ "a: 3", "a: a map with its type is expected, found '3'" },
		{ "[1, 2]", "a map of parameters is expected" },
		{ "{}", "a map of parameters is expected, found an empty one" },
		{ "a: {type: log, min: 1, max: .inf}", "max" },
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		c5_space s;
		int err = read_space(&s, bad[i].text);
		if (err != C5_EUSAGE) fail_msg("%s: taken (%d)", bad[i].text, err);
		if (i + 1 < sizeof bad / sizeof *bad && !strstr(c5_error_last(), bad[i].says))
			fail_msg("%s:\n  %s\n  expected %s", bad[i].text, c5_error_last(), bad[i].says);
	}
}

static void trials_are_found_by_number_and_by_point(void **state)
{
	(void)state;
	c5_space s;
	c5_history h;
	c5_trial *t;
	c5_random r;
	double unit[9], values[300][9];
	assert_int_equal(read_space(&s, rich), C5_OK);
	c5_history_init(&h, &s, true);
	c5_random_start(&r, 2, 2);
	assert_null(c5_history_best(&h));
	for (uint32_t i = 0; i < 300; i++) {
		for (int c = 0; c < 9; c++) unit[c] = c5_random_uniform(&r);
		c5_space_round(&s, unit, values[i]);
		if (i == 7) continue; /* as of a search that was killed */
		assert_null(c5_history_find(&h, values[i]));
		assert_int_equal(c5_history_add(&h, i + 1, values[i], "even", &t), C5_OK);
		t->state = i % 3 ? C5_TRIAL_COMPLETE : C5_TRIAL_FAILED;
		t->value = i % 3 ? fabs(150.0 - i) : NAN;
	}
	assert_int_equal(c5_history_add(&h, 5, values[5], "even", &t), C5_EFAIL);
	assert_int_equal(c5_history_next(&h), 8);
	assert_null(c5_history_get(&h, 8));
	assert_null(c5_history_get(&h, 0));
	assert_null(c5_history_get(&h, 301));
	for (uint32_t i = 0; i < 300; i++)
		if (i != 7) assert_ptr_equal(c5_history_find(&h, values[i]), c5_history_get(&h, i + 1));
	assert_int_equal(c5_history_add(&h, 8, values[7], "even", &t), C5_OK);
	assert_int_equal(c5_history_next(&h), 301);
	assert_int_equal(c5_history_best(&h)->number, 2); /* |150 - 1|, the greatest, as it maximises */
	/* What models believe: a failure is worse than the worst, a pruned trial no better than the middle. */
	double cost, worst = -1;
	assert_false(c5_history_belief(&h, c5_history_get(&h, 8), &cost));
	assert_true(c5_history_belief(&h, c5_history_get(&h, 1), &cost) && cost > worst);
	t = c5_history_get(&h, 8);
	t->state = C5_TRIAL_PRUNED;
	t->value = 149;
	assert_true(c5_history_belief(&h, t, &cost) && cost > -80);
	c5_history_free(&h);
	c5_space_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_space_reads_and_writes), cmocka_unit_test(every_level_has_an_equal_share), cmocka_unit_test(rounding_twice_is_rounding_once),
		cmocka_unit_test(values_go_to_text_and_back), cmocka_unit_test(what_cannot_be_is_refused_with_its_place),
		cmocka_unit_test(trials_are_found_by_number_and_by_point),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
