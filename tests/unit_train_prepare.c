/* unit_train_prepare.c – from stored crops to what a net takes: channels by name, size, every scaling; its text; measured means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "support_train.h"
#include "train/feed_crops.h"
#include "train/prepare.h"

static void channels_are_found_by_name(void **state)
{
	(void)state;
	c5_prepare p = { .channels = 3, .names = { "srs", "phase", "srs" } };
	int from[C5_CHANNELS_MAX];
	assert_int_equal(c5_prepare_bind(from, &p, "phase,phase2,srs"), C5_OK);
	assert_true(from[0] == 2 && from[1] == 0 && from[2] == 2);
	assert_int_equal(c5_prepare_bind(from, &p, "phase2,srs"), C5_ENOTFOUND); /* a longer name is another */
	assert_string_equal(c5_error_last(), "channel phase is not in the crops, which have phase2,srs");
	assert_int_equal(c5_prepare_bind(from, &p, NULL), C5_ENOTFOUND);
	assert_non_null(strstr(c5_error_last(), "none that are named"));
	assert_int_equal(c5_prepare_bind(from, &p, "ch0"), C5_ENOTFOUND); /* phase or srs? */
	c5_prepare grey = { .channels = 3, .names = { "phase", "phase", "phase" } };
	assert_int_equal(c5_prepare_bind(from, &grey, "ch0"), C5_OK); /* nobody named it, and it is the only one */
	assert_true(from[0] == 0 && from[1] == 0 && from[2] == 0);
	assert_int_equal(c5_prepare_bind(from, &grey, "ch0,ch1"), C5_ENOTFOUND);
	assert_int_equal(c5_prepare_bind(from, &grey, "chip"), C5_ENOTFOUND);
}

/* Weights of a triangle as wide as the shrinking asks for, from the definition. */
static double resized(const float *in, int n, int step, int to_n, int i)
{
	double f = (double)n / to_n, half = f > 1 ? f : 1, sum = 0, all = 0;
	for (int k = 0; k < n; k++) {
		double w = fmax(0, 1 - fabs(k + 0.5 - (i + 0.5) * f) / half);
		sum += w * in[k * step], all += w;
	}
	return sum / all;
}

static void sizes_change_by_a_triangle_filter(void **state)
{
	(void)state;
	static const int sizes[][4] = { { 20, 24, 10, 12 }, { 20, 24, 33, 40 }, { 20, 24, 7, 50 }, { 20, 24, 1, 1 }, { 20, 24, 20, 24 }, { 1, 1, 5, 3 } };
	static float in[20 * 24], out[64 * 64], rows[20 * 64];
	c5_random r;
	c5_random_start(&r, 1, 0);
	for (int i = 0; i < 20 * 24; i++) in[i] = (float)c5_random_normal(&r);
	for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
		int h = sizes[s][0], w = sizes[s][1], th = sizes[s][2], tw = sizes[s][3];
		c5_resize(out, th, tw, in, h, w, rows);
		for (int y = 0; y < th; y++)
			for (int x = 0; x < tw; x++) {
				float column[20];
				for (int k = 0; k < h; k++) column[k] = (float)resized(in + k * w, w, 1, tw, x);
				assert_true(fabs(resized(column, h, 1, th, y) - out[y * tw + x]) < 1e-5);
			}
	}
	for (int i = 0; i < 20 * 24; i++) in[i] = 7; /* flat stays flat */
	c5_resize(out, 9, 50, in, 20, 24, rows);
	for (int i = 0; i < 9 * 50; i++) assert_true(fabsf(out[i] - 7) < 1e-5f);
}

enum { SIDE = 10, PIXELS = SIDE * SIDE };
static uint8_t pixels[2 * PIXELS];

static void draw(void)
{
	c5_random r;
	c5_random_start(&r, 2, 0);
	for (int i = 0; i < 2 * PIXELS; i++) pixels[i] = (uint8_t)(i < PIXELS ? 200 * c5_random_uniform(&r) : 30 + 50 * c5_random_uniform(&r));
}

static void moments(const float *x, double *mean, double *sd)
{
	double s = 0, q = 0;
	for (int i = 0; i < PIXELS; i++) s += x[i], q += (double)x[i] * x[i];
	*mean = s / PIXELS, *sd = sqrt(q / PIXELS - *mean * *mean);
}

static void every_scaling_does_what_it_says(void **state)
{
	(void)state;
	float out[2 * PIXELS], scratch[8 * PIXELS];
	const int from[2] = { 1, 0 };
	c5_prepare p = { .channels = 2, .height = SIDE, .width = SIDE, .low = 10, .high = 90, .full = 255, .mean = { 50, 100 }, .sd = { 10, 40 } };
	draw();
	for (p.scaling = 0; p.scaling < C5_SCALINGS; p.scaling++) {
		assert_true(c5_prepare_scratch(&p, SIDE, SIDE) <= 8 * PIXELS);
		assert_int_equal(c5_prepare_apply(&p, from, C5_U8, pixels, SIDE, SIDE, out, scratch), C5_OK);
		for (int c = 0; c < 2; c++) {
			const uint8_t *x = pixels + from[c] * PIXELS;
			const float *y = out + c * PIXELS;
			double mean, sd;
			int above = 0, below = 0;
			moments(y, &mean, &sd);
			for (int i = 0; i < PIXELS; i++) {
				above += y[i] > 1 + 1e-5f, below += y[i] < -1 - 1e-5f;
				if (p.scaling == C5_SCALE_CHANNEL) assert_true(fabs(y[i] - (x[i] - p.mean[c]) / p.sd[c]) < 1e-5);
				if (p.scaling == C5_SCALE_RANGE) assert_true(fabs(y[i] - (x[i] / 255.0 - 0.5) * 2) < 1e-6);
			}
			if (p.scaling == C5_SCALE_CROP) assert_true(fabs(mean) < 1e-5 && fabs(sd - 1) < 1e-5);
			/* not clipped; equal pixels lie on the border */
			if (p.scaling == C5_SCALE_PERCENTILE) assert_true(above <= 10 && above >= 5 && below <= 10 && below >= 5);
		}
	}
	memset(pixels, 9, sizeof pixels); /* nothing to scale by: zeros, no infinities */
	p.sd[0] = 0;
	for (p.scaling = 0; p.scaling < C5_SCALINGS; p.scaling++) {
		if (p.scaling == C5_SCALE_RANGE) continue;
		assert_int_equal(c5_prepare_apply(&p, from, C5_U8, pixels, SIDE, SIDE, out, scratch), C5_OK);
		for (int i = 0; i < PIXELS; i++) assert_true(out[i] == 0);
	}
}

static void pixels_that_are_no_numbers_count_as_the_least(void **state)
{
	(void)state;
	float in[PIXELS], out[PIXELS], scratch[8 * PIXELS];
	const int from[1] = { 0 };
	const c5_prepare p = { .channels = 1, .height = SIDE, .width = SIDE, .scaling = C5_SCALE_CHANNEL, .mean = { 0 }, .sd = { 1 } };
	for (int i = 0; i < PIXELS; i++) in[i] = 1 + (float)i;
	in[5] = NAN, in[6] = INFINITY;
	assert_int_equal(c5_prepare_apply(&p, from, C5_F32, in, SIDE, SIDE, out, scratch), C5_OK);
	assert_true(out[5] == 1 && out[6] == 1 && out[7] == 8);
}

static void the_text_says_all(void **state)
{
	(void)state;
	c5_prepare p = { .channels = 2, .height = 50, .width = 60, .names = { "phase", "a b: c" }, .low = 0.5, .high = 99.5, .full = 65535,
		.mean = { 1.0 / 3, -2e-9 }, .sd = { 12345.678, 1 }, .missing = true };
	for (p.scaling = 0; p.scaling < C5_SCALINGS; p.scaling++) {
		c5_buf b = { 0 };
		c5_prepare back;
		c5_prepare_add_yaml(&b, 0, &p);
		c5_buf_put(&b, "", 1);
		assert_int_equal(c5_prepare_parse(&back, "text", (const char *)b.data), C5_OK);
		assert_true(back.channels == 2 && back.height == 50 && back.width == 60 && back.scaling == p.scaling && back.missing);
		assert_string_equal(back.names[1], "a b: c");
		if (p.scaling == C5_SCALE_CHANNEL) assert_memory_equal(back.mean, p.mean, 2 * sizeof *p.mean);
		if (p.scaling == C5_SCALE_CHANNEL) assert_memory_equal(back.sd, p.sd, 2 * sizeof *p.sd);
		if (p.scaling == C5_SCALE_RANGE) assert_true(back.full == p.full);
		if (p.scaling == C5_SCALE_PERCENTILE) assert_true(back.low == p.low && back.high == p.high);
		c5_buf_free(&b);
	}
}

static void wrong_texts_are_refused(void **state)
{
	(void)state;
	static const struct { const char *text, *says; } bad[] = {
		{ "channels: phase\nheight: 8\nwidth: 8\nscaling: crop\n", "channels" }, { "channels: []\nheight: 8\nwidth: 8\nscaling: crop\n", "channels" },
		{ "channels: [a]\nwidth: 8\nscaling: crop\n", "height is expected" }, { "channels: [a]\nheight: 0\nwidth: 8\nscaling: crop\n", "height 0" },
		{ "channels: [a]\nheight: 8\nwidth: 99999\nscaling: crop\n", "width 99999" }, { "channels: [a]\nheight: 8\nwidth: 8\n", "scaling is expected" },
		{ "channels: [a]\nheight: 8\nwidth: 8\nscaling: log\n", "'log' is none of" }, { "channels: [a]\nheight: 8\nwidth: 8\nscaling: channel\n", "mean" },
		{ "channels: [a, b]\nheight: 8\nwidth: 8\nscaling: channel\nmean: [1]\nsd: [1, 2]\n", "2 numbers" },
		{ "channels: [a]\nheight: 8\nwidth: 8\nscaling: range\nfull: 0\n", "above 0" },
	};
	c5_prepare p;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(c5_prepare_parse(&p, "text", bad[i].text), C5_EUSAGE);
		if (!strstr(c5_error_last(), bad[i].says)) fail_msg("'%s' does not say '%s'", c5_error_last(), bad[i].says);
	}
}

/* Over the training crops alone, of two experiments that differ. */
static void means_are_of_the_training_crops(void **state)
{
	(void)state;
	c5_dataset *d = new_dataset(2);
	uint8_t part[64], crop[36];
	double sum = 0, square = 0, n = 0;
	c5_prepare p = { .channels = 1, .height = 6, .width = 6, .names = { "phase" } };
	add_experiment(d, "a", NULL, 1, 0, 10, 6, "phase");
	add_experiment(d, "b", NULL, 2, 1, 10, 6, "phase");
	add_experiment(d, "kept", NULL, 3, 1, 10, 6, "phase");
	assert_int_equal(c5_split_named(part, d, "kept"), C5_OK);
	for (int e = 0; e < 2; e++)
		for (uint64_t i = 0; i < 10; i++) {
			held_pixels(crop, &(held_crops){ .seed = (uint64_t)(e + 1), .label = e }, i, 36);
			for (int k = 0; k < 36; k++) sum += crop[k], square += crop[k] * crop[k], n++;
		}
	assert_int_equal(c5_prepare_measure(&p, d, part, 0), C5_OK);
	assert_true(fabs(p.mean[0] - sum / n) < 1e-9 && fabs(p.sd[0] - sqrt(square / n - sum / n * (sum / n))) < 1e-9);
	assert_int_equal(c5_prepare_measure(&p, d, part, 7), C5_OK); /* some of them, of both experiments */
	assert_true(fabs(p.mean[0] - sum / n) < 4);
	c5_dataset_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(channels_are_found_by_name), cmocka_unit_test(sizes_change_by_a_triangle_filter),
			cmocka_unit_test(every_scaling_does_what_it_says),
		cmocka_unit_test(pixels_that_are_no_numbers_count_as_the_least), cmocka_unit_test(the_text_says_all), cmocka_unit_test(wrong_texts_are_refused),
		cmocka_unit_test(means_are_of_the_training_crops),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
