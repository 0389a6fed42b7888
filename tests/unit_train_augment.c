/* unit_train_augment.c – each augmentation: nothing at zero strength, what it does and how much at others, drawn by (seed, draw) alone. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/error.h"
#include "image/filter.h"
#include "train/augment.h"

enum { H = 20, W = 24, C = 3, N = H * W, DRAWS = 4000 };
static float crop[C * N];
static float *scratch;

static int set_up(void **state)
{
	(void)state;
	c5_random r;
	c5_augment most = { .blur = 20 };
	c5_random_start(&r, 1, 0);
	for (int i = 0; i < C * N; i++) crop[i] = (float)c5_random_normal(&r);
	return (scratch = malloc(c5_augment_scratch(&most, C, H, W) * sizeof *scratch)) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	free(scratch);
	return 0;
}

/* Both halves, on a copy. */
static void augmented(float out[C * N], const c5_augment *a, uint64_t seed, uint64_t draw)
{
	memcpy(out, crop, sizeof crop);
	c5_augment_shape(a, seed, draw, out, C, H, W, scratch);
	c5_augment_light(a, seed, draw, out, C, H, W, scratch);
}

static void zero_strength_changes_nothing(void **state)
{
	(void)state;
	c5_augment none;
	float out[C * N];
	double m[6];
	c5_random r;
	size_t partner;
	float share;
	assert_int_equal(c5_augment_preset(&none, "none"), C5_OK);
	for (uint64_t d = 0; d < 50; d++) {
		augmented(out, &none, 3, d);
		assert_memory_equal(out, crop, sizeof crop);
		assert_false(c5_augment_mix(&none, 3, d, 100, &partner, &share));
		c5_random_start(&r, 3, d);
		c5_augment_map(m, &none, &r, H, W);
		assert_true(m[0] == 1 && m[1] == 0 && m[3] == 0 && m[4] == 1 && fabs(m[2]) < 1e-12 && fabs(m[5]) < 1e-12);
		c5_augment_warp(out, crop, H, W, m);
		assert_memory_equal(out, crop, N * sizeof *crop);
	}
}

static void presets_are_known(void **state)
{
	(void)state;
	c5_augment a;
	assert_int_equal(c5_augment_preset(&a, "published"), C5_OK);
	assert_true(a.rotate == 180 && a.shift == 0.2 && a.flip && a.blur == 0 && a.mixup == 0); /* Kusumoto et al. 2021 */
	assert_int_equal(c5_augment_preset(&a, "strong"), C5_OK);
	assert_int_equal(c5_augment_preset(&a, "wild"), C5_EUSAGE);
	assert_non_null(strstr(c5_error_last(), "none, published, standard, strong"));
}

/* ---- shape ---- */

static void any_angle_is_alike_likely(void **state)
{
	(void)state;
	c5_augment a = { .rotate = 180 };
	int sector[12] = { 0 };
	for (uint64_t d = 0; d < DRAWS; d++) {
		double m[6];
		c5_random r;
		c5_random_start(&r, 7, d);
		c5_augment_map(m, &a, &r, H, H);
		assert_true(fabs(m[0] * m[4] - m[1] * m[3] - 1) < 1e-12 && fabs(m[0] - m[4]) < 1e-12 && fabs(m[1] + m[3]) < 1e-12); /* turned, nothing else */
		assert_true(fabs(m[0] * 9.5 + m[1] * 9.5 + m[2] - 9.5) < 1e-9 && fabs(m[3] * 9.5 + m[4] * 9.5 + m[5] - 9.5) < 1e-9); /* about the middle */
		sector[(int)((atan2(m[3], m[0]) / acos(-1) + 1) * 6) % 12]++;
	}
	for (int i = 0; i < 12; i++) assert_true(abs(sector[i] - DRAWS / 12) < 5 * sqrt(DRAWS / 12));
	a.rotate = 30;
	for (uint64_t d = 0; d < 500; d++) {
		double m[6];
		c5_random r;
		c5_random_start(&r, 7, d);
		c5_augment_map(m, &a, &r, H, H);
		assert_true(fabs(atan2(m[3], m[0])) <= 30 * acos(-1) / 180 + 1e-12);
	}
}

static void a_quarter_turn_moves_whole_pixels(void **state)
{
	(void)state;
	static float in[H * H], out[H * H];
	const double m[6] = { 0, -1, H - 1, 1, 0, 0 }; /* y_in = H - 1 - x, x_in = y */
	for (int i = 0; i < H * H; i++) in[i] = crop[i];
	c5_augment_warp(out, in, H, H, m);
	for (int y = 0; y < H; y++)
		for (int x = 0; x < H; x++) assert_true(out[y * H + x] == in[(H - 1 - x) * H + y]);
}

/* Against the definition: mirrored at the borders with the edge pixel repeated, bilinear between centres. */
static void places_between_pixels_are_interpolated(void **state)
{
	(void)state;
	c5_augment a = { .rotate = 180, .shift = 0.6, .flip = true, .scale = 1, .shear = 20 };
	float out[N];
	for (uint64_t d = 0; d < 40; d++) {
		double m[6];
		c5_random r;
		c5_random_start(&r, 8, d);
		c5_augment_map(m, &a, &r, H, W);
		c5_augment_warp(out, crop, H, W, m);
		for (int y = 0; y < H; y++)
			for (int x = 0; x < W; x++) {
				double sy = m[0] * y + m[1] * x + m[2], sx = m[3] * y + m[4] * x + m[5], v = 0;
				for (int k = 0; k < 4; k++) {
					double py = floor(sy) + k / 2, px = floor(sx) + k % 2, w = (1 - fabs(sy - py)) * (1 - fabs(sx - px));
					v += w * crop[c5_filter_reflect((ptrdiff_t)py, H) * W + c5_filter_reflect((ptrdiff_t)px, W)];
				}
				assert_true(fabs(v - out[y * W + x]) < 1e-4);
			}
	}
}

static void crops_are_mirrored_with_even_chance(void **state)
{
	(void)state;
	c5_augment a = { .flip = true };
	float out[C * N];
	int seen[4] = { 0 };
	for (uint64_t d = 0; d < DRAWS; d++) {
		bool found = false;
		augmented(out, &a, 2, d);
		for (int way = 0; way < 4 && !found; way++) {
			found = true;
			for (int i = 0; i < C * N && found; i++) {
				int c = i / N, y = i % N / W, x = i % W;
				found = out[i] == crop[c * N + (way & 1 ? H - 1 - y : y) * W + (way & 2 ? W - 1 - x : x)];
			}
			seen[way] += found;
		}
		assert_true(found);
	}
	for (int way = 0; way < 4; way++) assert_true(abs(seen[way] - DRAWS / 4) < 5 * sqrt(DRAWS / 4));
}

/* A square crop turned by quarters and mirrored has one of eight orders of the same pixels, each as often. */
static void quarters_move_pixels_and_change_none(void **state)
{
	(void)state;
	enum { S = 5 };
	const c5_augment a = { .flip = true, .quarters = true };
	float in[S * S], out[S * S], work[S * S];
	int seen[8] = { 0 };
	for (int i = 0; i < S * S; i++) in[i] = (float)(i * i + 1);
	for (uint64_t d = 0; d < DRAWS; d++) {
		bool found = false;
		memcpy(out, in, sizeof in);
		c5_augment_shape(&a, 2, d, out, 1, S, S, work);
		for (int way = 0; way < 8 && !found; way++) {
			found = true;
			for (int i = 0; i < S * S && found; i++) {
				int y = way & 1 ? S - 1 - i / S : i / S, x = way & 2 ? S - 1 - i % S : i % S;
				found = out[i] == in[way & 4 ? x * S + y : y * S + x];
			}
			seen[way] += found;
		}
		assert_true(found);
	}
	for (int way = 0; way < 8; way++) assert_true(abs(seen[way] - DRAWS / 8) < 5 * sqrt(DRAWS / 8));
}

static void shifts_scales_and_shears_stay_in_their_bounds(void **state)
{
	(void)state;
	double sum[4] = { 0 }, most[4] = { 0 };
	for (uint64_t d = 0; d < DRAWS; d++) {
		double m[6];
		const c5_augment each[3] = { { .shift = 0.25 }, { .scale = 0.5 }, { .shear = 10 } };
		for (int k = 0; k < 3; k++) {
			c5_random r;
			c5_random_start(&r, 9, d);
			c5_augment_map(m, &each[k], &r, H, W);
			const double found[3] = { m[2] / H, -log(m[0]), atan(m[1]) * 180 / acos(-1) }, limit[3] = { 0.25, log(1.5), 10 };
			assert_true(fabs(found[k]) <= limit[k] + 1e-12);
			assert_true(k != 0 || fabs(m[5]) <= 0.25 * W + 1e-12);
			sum[k] += found[k] / limit[k];
			if (fabs(found[k]) / limit[k] > most[k]) most[k] = fabs(found[k]) / limit[k];
		}
	}
	for (int k = 0; k < 3; k++) assert_true(fabs(sum[k] / DRAWS) < 0.05 && most[k] > 0.99); /* even about zero, to the full strength */
}

static void all_channels_move_together(void **state)
{
	(void)state;
	c5_augment a = { .rotate = 180, .shift = 0.2, .flip = true, .scale = 0.2, .shear = 5 };
	float out[C * N], same[C * N];
	for (int c = 0; c < C; c++) memcpy(same + c * N, crop, N * sizeof *crop);
	for (uint64_t d = 0; d < 20; d++) {
		memcpy(out, same, sizeof out);
		c5_augment_shape(&a, 4, d, out, C, H, W, scratch);
		for (int c = 1; c < C; c++) assert_memory_equal(out, out + c * N, N * sizeof *out);
		assert_memory_not_equal(out, crop, N * sizeof *out);
	}
}

/* ---- light ---- */

static void light_is_an_affine_map_of_each_channel(void **state)
{
	(void)state;
	c5_augment both = { .brightness = 0.3, .contrast = 0.5 }, bright = { .brightness = 0.3 }, contrast = { .contrast = 0.5 };
	float out[C * N];
	double added = 0, square = 0, gained = 0;
	for (uint64_t d = 0; d < DRAWS; d++) {
		double gain[C], add[C];
		augmented(out, &both, 5, d);
		for (int c = 0; c < C; c++) {
			const float *x = crop + c * N, *y = out + c * N;
			gain[c] = (y[1] - y[0]) / (x[1] - x[0]);
			add[c] = y[0] - gain[c] * x[0];
			assert_true(gain[c] > 1 / 1.5 - 1e-3 && gain[c] < 1.5 + 1e-3 && fabs(add[c]) < 0.3 + 1e-3);
			for (int i = 0; i < N; i++) assert_true(fabs(y[i] - (gain[c] * x[i] + add[c])) < 2e-3);
			added += add[c], square += add[c] * add[c], gained += log(gain[c]);
		}
		assert_true(gain[0] != gain[1] && add[0] != add[1]); /* each channel has its own lamp */
		if (d > 20) continue;
		augmented(out, &bright, 5, d);
		for (int i = 1; i < N; i++) assert_true(fabs((out[i] - crop[i]) - (out[0] - crop[0])) < 1e-5);
		augmented(out, &contrast, 5, d);
		for (int i = 0; i < N; i++) assert_true(fabs(out[i] - crop[i] * gain[0]) < 2e-3);
	}
	assert_true(fabs(added / (C * DRAWS)) < 0.01 && fabs(square / (C * DRAWS) - 0.03) < 0.002 && fabs(gained / (C * DRAWS)) < 0.01);
}

static void shading_is_a_ramp(void **state)
{
	(void)state;
	c5_augment a = { .shading = 0.6 };
	float out[C * N];
	double strongest = 0, quarter[4] = { 0 };
	for (uint64_t d = 0; d < DRAWS / 4; d++) {
		augmented(out, &a, 6, d);
		double dy = (double)out[W] - crop[W] - (out[0] - crop[0]), dx = (double)out[1] - crop[1] - (out[0] - crop[0]), sum = 0;
		for (int i = 0; i < C * N; i++) {
			double ramp = dy * (i % N / W - 0.5 * (H - 1)) + dx * (i % W - 0.5 * (W - 1));
			assert_true(fabs(out[i] - crop[i] - ramp) < 1e-5 * N);
			sum += out[i] - crop[i];
		}
		assert_true(fabs(sum) < 0.01); /* no light is added */
		double strength = hypot(dy * (H - 1) / 2, dx * (W - 1) / 2);
		assert_true(strength <= 0.6 + 1e-4);
		strongest = strength > strongest ? strength : strongest;
		quarter[(dy > 0) + 2 * (dx > 0)]++;
	}
	assert_true(strongest > 0.58);
	for (int k = 0; k < 4; k++) assert_true(fabs(quarter[k] - DRAWS / 16) < 5 * sqrt(DRAWS / 16));
}

static void blur_is_a_gaussian_of_up_to_the_strength(void **state)
{
	(void)state;
	c5_augment a = { .blur = 2 };
	float out[C * N], want[N];
	double sigma_sum = 0;
	int as_is = 0, draws = 300;
	for (uint64_t d = 0; d < (uint64_t)draws; d++) {
		augmented(out, &a, 10, d);
		if (memcmp(out, crop, sizeof crop) == 0) {
			as_is++;
			continue;
		}
		double low = 0, high = 2.01; /* noise loses variance with every bit of blur: the strength is found by halving */
		for (int k = 0; k < 30; k++) {
			double mid = 0.5 * (low + high), have = 0, is = 0;
			c5_filter_gaussian(want, crop, H, W, mid, scratch);
			for (int i = 0; i < N; i++) have += (double)want[i] * want[i], is += (double)out[i] * out[i];
			if (have > is) low = mid;
			else high = mid;
		}
		c5_filter_gaussian(want, crop, H, W, low, scratch);
		for (int i = 0; i < N; i++) assert_true(fabsf(want[i] - out[i]) < 0.02f);
		sigma_sum += low;
	}
	assert_true(abs(as_is - draws / 10) < 5 * sqrt(draws / 10)); /* below 0.2 there is none */
	assert_true(fabs(sigma_sum / (draws - as_is) - 1.1) < 0.15);
}

static void noise_is_normal(void **state)
{
	(void)state;
	c5_augment a = { .noise = 0.4 };
	float out[C * N];
	double mean = 0, square = 0, fourth = 0, first = 0, n = 0;
	for (uint64_t d = 0; d < 500; d++) {
		double own = 0;
		augmented(out, &a, 11, d);
		for (int i = 0; i < C * N; i++) {
			double e = out[i] - crop[i];
			mean += e, square += e * e, own += e * e, n++;
		}
		own /= C * N;
		assert_true(own < 0.4 * 0.4 * 1.2);
		for (int i = 0; i < C * N; i++) fourth += pow((out[i] - crop[i]) / sqrt(own), 4) / (C * N);
		first += (out[0] - crop[0]) * (out[N] - crop[N]) / own;
	}
	assert_true(fabs(mean / n) < 2e-3);
	assert_true(fabs(square / n - 0.16 / 3) < 0.01); /* the deviation is uniform in 0 .. 0.4 */
	assert_true(fabs(fourth / 500 - 3) < 0.1);
	assert_true(fabs(first / 500) < 0.2); /* channels are apart */
}

static void half_of_the_crops_lose_a_square(void **state)
{
	(void)state;
	c5_augment a = { .cutout = 0.5 };
	float out[C * N];
	int cut = 0;
	double area = 0;
	for (uint64_t d = 0; d < DRAWS; d++) {
		int y0 = H, y1 = -1, x0 = W, x1 = -1, n = 0;
		augmented(out, &a, 12, d);
		for (int i = 0; i < N; i++) {
			if (out[i] == crop[i]) continue;
			int y = i / W, x = i % W;
			for (int c = 0; c < C; c++) assert_true(out[c * N + i] == 0);
			y0 = y < y0 ? y : y0, y1 = y > y1 ? y : y1, x0 = x < x0 ? x : x0, x1 = x > x1 ? x : x1;
			n++;
		}
		if (!n) continue;
		cut++;
		area += n;
		assert_int_equal(n, (y1 - y0 + 1) * (x1 - x0 + 1));
		assert_true(y1 - y0 < H / 2 && x1 - x0 < W / 2);
	}
	assert_true(abs(cut - DRAWS / 2) < 5 * sqrt(DRAWS / 4) + DRAWS / 100.0);
	assert_true(area / cut > 0.5 * N / 4 && area / cut < N / 4.0); /* those at the rim are cut off by it */
}

static void channels_are_dropped_but_never_all(void **state)
{
	(void)state;
	c5_augment a = { .drop_channel = 0.4 };
	float out[C * N], zeros[N] = { 0 };
	int dropped[C] = { 0 };
	for (uint64_t d = 0; d < DRAWS; d++) {
		int left = 0;
		augmented(out, &a, 13, d);
		for (int c = 0; c < C; c++) {
			bool gone = memcmp(out + c * N, zeros, sizeof zeros) == 0;
			assert_true(gone || memcmp(out + c * N, crop + c * N, sizeof zeros) == 0);
			dropped[c] += gone;
			left += !gone;
		}
		assert_true(left > 0);
	}
	for (int c = 0; c < C; c++) assert_true(fabs((double)dropped[c] / DRAWS - 0.4 * 2 / 3) < 0.04);
	memcpy(out, crop, sizeof crop);
	c5_augment_light(&a, 13, 1, out, 1, H, W, scratch); /* one channel alone stays */
	assert_memory_equal(out, crop, N * sizeof *crop);
}

/* ---- mixing ---- */

static void shares_follow_the_beta_distribution(void **state)
{
	(void)state;
	static const double alpha[] = { 0.2, 1, 4 };
	int partners[10] = { 0 };
	for (int k = 0; k < 3; k++) {
		c5_augment a = { .mixup = alpha[k] };
		double square = 0, want = (alpha[k] + 1) / (2 * (2 * alpha[k] + 1)); /* E[x^2] of Beta(a, a) */
		for (uint64_t d = 0; d < DRAWS; d++) {
			size_t partner;
			float share;
			assert_true(c5_augment_mix(&a, 14, d, 10, &partner, &share));
			assert_true(partner < 10 && share >= 0.5f && share <= 1);
			partners[partner]++;
			square += 0.5 * ((double)share * share + (1 - (double)share) * (1 - (double)share)); /* of both halves alike */
		}
		assert_true(fabs(square / DRAWS - want) < 0.01);
	}
	for (int i = 0; i < 10; i++) assert_true(abs(partners[i] - 3 * DRAWS / 10) < 5 * sqrt(3 * DRAWS / 10));
	size_t partner;
	float share;
	assert_false(c5_augment_mix(&(c5_augment){ .mixup = 1 }, 14, 0, 1, &partner, &share)); /* with nobody */
}

/* ---- the counter ---- */

static void what_is_drawn_depends_on_seed_and_draw_alone(void **state)
{
	(void)state;
	c5_augment a;
	static float first[64][C * N];
	float out[C * N];
	assert_int_equal(c5_augment_preset(&a, "strong"), C5_OK);
	a.drop_channel = 0.3;
	for (uint64_t d = 0; d < 64; d++) augmented(first[d], &a, 15, d);
	for (uint64_t d = 64; d-- > 0;) { /* backwards, with others in between */
		augmented(out, &a, 99, d * 3);
		augmented(out, &a, 15, d);
		assert_memory_equal(out, first[d], sizeof out);
	}
	for (int d = 1; d < 64; d++) assert_memory_not_equal(first[d], first[0], sizeof out);
	augmented(out, &a, 16, 0);
	assert_memory_not_equal(out, first[0], sizeof out);
	/* what comes first does not move what comes after: shape and light have draws of their own */
	c5_augment turned = { .rotate = 180, .shift = 0.1, .flip = true }, lit = turned;
	lit.noise = 0.1;
	float shape[C * N];
	memcpy(shape, crop, sizeof shape);
	c5_augment_shape(&turned, 15, 7, shape, C, H, W, scratch);
	memcpy(out, crop, sizeof out);
	c5_augment_shape(&lit, 15, 7, out, C, H, W, scratch);
	assert_memory_equal(out, shape, sizeof out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zero_strength_changes_nothing), cmocka_unit_test(presets_are_known), cmocka_unit_test(any_angle_is_alike_likely),
		cmocka_unit_test(a_quarter_turn_moves_whole_pixels), cmocka_unit_test(places_between_pixels_are_interpolated),
		cmocka_unit_test(crops_are_mirrored_with_even_chance), cmocka_unit_test(quarters_move_pixels_and_change_none),
		cmocka_unit_test(shifts_scales_and_shears_stay_in_their_bounds), cmocka_unit_test(all_channels_move_together),
		cmocka_unit_test(light_is_an_affine_map_of_each_channel), cmocka_unit_test(shading_is_a_ramp),
		cmocka_unit_test(blur_is_a_gaussian_of_up_to_the_strength), cmocka_unit_test(noise_is_normal), cmocka_unit_test(half_of_the_crops_lose_a_square),
		cmocka_unit_test(channels_are_dropped_but_never_all), cmocka_unit_test(shares_follow_the_beta_distribution),
		cmocka_unit_test(what_is_drawn_depends_on_seed_and_draw_alone),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
