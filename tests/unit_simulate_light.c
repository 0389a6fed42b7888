/* unit_simulate_light.c – what lenses make of a round, thin, clear body: each manner of light shows it as it is known to. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/error.h"
#include "simulate/light.h"

enum { N = 80, MIDDLE = N / 2 * N + N / 2 };
static float phi[N * N], seen[N * N];

/* A soft disc of radius 10, `late` rad high. */
static void disc(double late)
{
	for (int y = 0; y < N; y++)
		for (int x = 0; x < N; x++) phi[y * N + x] = (float)(late / (1 + exp(hypot(y - N / 2, x - N / 2) - 10)));
}

static void look(double late, double absorbs, pupil p)
{
	void *scratch = aligned_alloc(64, (light_bytes(N, N) + 63) / 64 * 64);
	assert_non_null(scratch);
	disc(late);
	assert_int_equal(light_through(seen, phi, absorbs, N, N, &p, scratch), C5_OK);
	free(scratch);
}

static double at(int y, int x) { return (double)seen[MIDDLE + y * N + x]; }

static double spread_of(void)
{
	float lo = seen[0], hi = seen[0];
	for (int i = 0; i < N * N; i++) lo = fminf(lo, seen[i]), hi = fmaxf(hi, seen[i]);
	return (double)(hi - lo);
}

static void clear_matter_in_focus_is_not_seen(void **state)
{
	(void)state;
	look(0.5, 0, (pupil){ 0 });
	assert_true(spread_of() < 1e-4 && fabs(at(0, 0) - 1) < 1e-4);
	look(0.5, 0.2, (pupil){ 0 });
	assert_true(fabs(at(0, 0) - exp(-0.2)) < 1e-3); /* what absorbs is: squared exp(-a) */
}

/* To first order defocus shows the curvature of what is late, times L^2 / 2 pi, with the sign of the focus; the sum of light stays. */
static void out_of_focus_edges_are_seen(void **state)
{
	double rim[2], sum = 0;
	(void)state;
	for (int k = 0; k < 2; k++) {
		look(0.02, 0, (pupil){ .fringe = k ? -1.5 : 1.5 });
		rim[k] = at(0, 12) - 1;
		double second = (double)(phi[MIDDLE + 13] - 2 * phi[MIDDLE + 12] + phi[MIDDLE + 11] + phi[MIDDLE + 12 + N] - 2 * phi[MIDDLE + 12] +
			phi[MIDDLE + 12 - N]);
		assert_true(fabs(rim[k] - (k ? -1 : 1) * 1.5 * 1.5 / 6.2831853 * second) < 0.15 * fabs(rim[k]));
	}
	for (int i = 0; i < N * N; i++) sum += (double)seen[i] - 1;
	assert_true(rim[0] * rim[1] < 0 && fabs(rim[0] + rim[1]) < 0.1 * fabs(rim[0]) && fabs(sum) < 0.05 * N * N * fabs(rim[0]));
}

/* Thin matter is darker than the ground by twice its lateness over the ring's amplitude, and has a bright halo; with the other ring all is reversed.
 * */
static void a_ring_shows_thickness_and_halos(void **state)
{
	(void)state;
	for (int sign = -1; sign < 2; sign += 2) {
		look(0.05, 0, (pupil){ .ring = 0.5, .ring_sign = sign, .halo = 30, .fall = 1 });
		double ground = at(-38, -38), body = at(0, 0) / ground - 1, halo = at(0, 16) / ground - 1;
		assert_true(sign * body > 0.6 * 2 * 0.05 / 0.5 && sign * body < 1.1 * 2 * 0.05 / 0.5);
		assert_true(sign * halo < -0.01 * 0.05);
	}
}

static void two_shifted_pictures_show_slopes(void **state)
{
	(void)state;
	look(0.3, 0, (pupil){ .shear_x = 0.8, .bias = 0.6 });
	double ground = at(-36, 0), left = at(0, -10) - ground, right = at(0, 10) - ground;
	assert_true(fabs(ground - sin(0.6) * sin(0.6)) < 0.01);
	assert_true(left * right < 0 && fabs(left) > 0.02 && fabs(left + right) < 0.5 * fabs(left)); /* one side bright, the other dark */
	assert_true(fabs(at(0, 0) - ground) < 0.1 * fabs(left) && fabs(at(10, 0) - ground) < 0.1 * fabs(left)); /* and nothing across */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clear_matter_in_focus_is_not_seen), cmocka_unit_test(out_of_focus_edges_are_seen),
		cmocka_unit_test(a_ring_shows_thickness_and_halos), cmocka_unit_test(two_shifted_pictures_show_slopes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
