/* unit_train_schedule.c – how the learning rate goes: closed forms of every schedule, the warm-up before each, plateaus. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "train/schedule.h"

static c5_schedule make(const char *name, double warm_up)
{
	return (c5_schedule){ .kind = c5_schedule_find(name), .rate = 0.2, .factor = 0.5, .every = 4, .last = 0.1, .warm_up = warm_up, .epochs = 20 };
}

static void near(double got, double want) { assert_true(fabs(got - want) < 1e-12); }

static void names_are_known(void **state)
{
	(void)state;
	assert_int_equal(c5_schedule_find("constant"), C5_RATE_CONSTANT);
	assert_int_equal(c5_schedule_find("plateau"), C5_RATE_PLATEAU);
	assert_int_equal(c5_schedule_find("linear"), -1);
	assert_int_equal(c5_schedule_find(NULL), -1);
}

static void each_follows_its_formula(void **state)
{
	(void)state;
	c5_schedule constant = make("constant", 0), step = make("step", 0), exponential = make("exponential", 0), cosine = make("cosine", 0);
	for (double e = 0; e <= 20; e += 0.25) {
		near(c5_schedule_rate(&constant, e, 3), 0.2);
		near(c5_schedule_rate(&step, e, 3), 0.2 * pow(0.5, floor(e / 4)));
		near(c5_schedule_rate(&exponential, e, 3), 0.2 * pow(0.5, e));
		near(c5_schedule_rate(&cosine, e, 3), 0.2 * (0.1 + 0.9 * 0.5 * (1 + cos(acos(-1) * e / 20))));
	}
	near(c5_schedule_rate(&step, 3.999, 0), 0.2);
	near(c5_schedule_rate(&step, 4, 0), 0.1);
	near(c5_schedule_rate(&cosine, 0, 0), 0.2);
	near(c5_schedule_rate(&cosine, 20, 0), 0.02);
	near(c5_schedule_rate(&cosine, 30, 0), 0.02); /* a training gone on with beyond its end */
}

static void the_rate_rises_in_a_line_first(void **state)
{
	(void)state;
	static const char *const names[] = { "constant", "step", "exponential", "cosine", "plateau" };
	for (int i = 0; i < 5; i++) {
		c5_schedule plain = make(names[i], 0), warm = make(names[i], 2);
		near(c5_schedule_rate(&warm, 0, 0), 0);
		for (double e = 0.1; e < 2; e += 0.1) {
			double full = plain.kind == C5_RATE_COSINE ? 0.2 : c5_schedule_rate(&plain, e, 0);
			near(c5_schedule_rate(&warm, e, 0), full * e / 2);
		}
		if (plain.kind != C5_RATE_COSINE) near(c5_schedule_rate(&warm, 7.5, 0), c5_schedule_rate(&plain, 7.5, 0));
	}
	c5_schedule warm = make("cosine", 2); /* the half wave begins where the rise ends, and comes to its end all the same */
	near(c5_schedule_rate(&warm, 2, 0), 0.2);
	near(c5_schedule_rate(&warm, 11, 0), 0.2 * (0.1 + 0.45));
	near(c5_schedule_rate(&warm, 20, 0), 0.02);
	warm.warm_up = 20; /* nothing but the rise */
	near(c5_schedule_rate(&warm, 20, 0), 0.2);
}

static void plateaus_count(void **state)
{
	(void)state;
	c5_schedule plateau = make("plateau", 0);
	for (int k = 0; k < 5; k++) near(c5_schedule_rate(&plateau, 7, k), 0.2 * pow(0.5, k));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_known), cmocka_unit_test(each_follows_its_formula), cmocka_unit_test(the_rate_rises_in_a_line_first),
		cmocka_unit_test(plateaus_count),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
