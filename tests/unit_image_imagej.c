/* unit_image_imagej.c – ImageJ stacks: axes, calibration, and the kind above 4 GB that has one directory only. */
#include "support_tiff.h"

#include <fcntl.h>
#include <math.h>

static void takes_hyperstacks_apart_with_the_channel_fastest(void **state)
{
	c5_scan_params p = settings("channel", "phase,gfp", NULL);
	(void)state;
	for (int i = 0; i < 2; i++) {
		make_tiff(at("hyper.tif"), (made){ .width = 16, .height = 12, .dtype = C5_U16, .pages = 24, .mode = i ? "wb" : "w",
			.description = "ImageJ=1.53t\nimages=24\nchannels=2\nslices=3\nframes=4\nhyperstack=true\nmode=grayscale\n" });
		c5_scan *scan = scan_of(&p, at("hyper.tif"));
		assert_int_equal(scan->n_series, 2);
		for (uint32_t c = 0; c < 2; c++) {
			const c5_series *s = series_called(scan, "hyper", c ? "gfp" : "phase");
			assert_int_equal(s->t, 4);
			assert_int_equal(s->z, 3);
			for (uint32_t t = 0; t < 4; t++)
				for (uint32_t z = 0; z < 3; z++) check_frame(scan, &p, s, t, z, (t * 3 + z) * 2 + c, 0);
		}
		c5_scan_free(scan);
	}
	drop_settings(&p);
}

static void takes_calibration_in_every_spelling_of_micrometres(void **state)
{
	static const struct { const char *text; double resolution, pixel, z, dt; } cases[] = {
		{ "ImageJ=1\nimages=2\nframes=2\nunit=micron\nfinterval=300.5\nspacing=2.5\n", 4, 0.25, 2.5, 300.5 },
		{ "ImageJ=1\nimages=2\nslices=2\nunit=\\u00B5m\nspacing=0.5\n", 8, 0.125, 0.5, NAN },
		{ "ImageJ=1\nimages=2\nframes=2\nunit=\xb5m\n", 2, 0.5, NAN, NAN },
		{ "ImageJ=1\r\nimages=2\r\nframes=2\r\nunit=um\r\nfinterval=2\r\ntunit=min\r\n", 2, 0.5, NAN, 120 },
		{ "ImageJ=1\nimages=2\nframes=2\nunit=nm\nspacing=500\n", 0.01, 0.1, 0.5, NAN },
		{ "ImageJ=1\nimages=2\nframes=2\nunit=pixel\nfps=4\n", 2, NAN, NAN, 0.25 },
		{ "ImageJ=1\nimages=2\nframes=2\n", 0, NAN, NAN, NAN },
	};
	c5_scan_params p = settings(NULL, NULL);
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		make_tiff(at("units.tif"), (made){ .width = 8, .height = 8, .dtype = C5_U8, .pages = 2, .description = cases[i].text,
			.resolution = cases[i].resolution, .unit = 1 });
		c5_scan *scan = scan_of(&p, at("units.tif"));
		const c5_series *s = scan->series;
		assert_true(isnan(cases[i].pixel) ? isnan(s->pixel_size_um) : fabs(s->pixel_size_um - cases[i].pixel) < 1e-6);
		assert_true(isnan(cases[i].z) ? isnan(s->z_step_um) : fabs(s->z_step_um - cases[i].z) < 1e-6);
		assert_true(isnan(cases[i].dt) ? isnan(s->frame_interval_s) : fabs(s->frame_interval_s - cases[i].dt) < 1e-6);
		c5_scan_free(scan);
	}
	drop_settings(&p);
}

static void takes_pages_as_frames_when_the_counts_do_not_fit(void **state)
{
	c5_scan_params p = settings(NULL, NULL);
	(void)state;
	make_tiff(at("misfit.tif"), (made){ .width = 8, .height = 8, .dtype = C5_U8, .pages = 5,
		.description = "ImageJ=1\nimages=5\nchannels=2\nframes=2\n" });
	c5_scan *scan = scan_of(&p, at("misfit.tif"));
	assert_int_equal(scan->n_series, 1);
	assert_int_equal(scan->series->t, 5);
	c5_scan_free(scan);
	make_tiff(at("misfit.tif"), (made){ .width = 8, .height = 8, .dtype = C5_U8, .pages = 5, .description = "ImageJ=1\nimages=7\nframes=7\n" });
	refuses(&p, at("misfit.tif"), C5_EINPUT, "misfit.tif", "7 images", "it has 5", "copy it again", NULL);
	drop_settings(&p);
}

#define PIXELS_AT 4096

/* One directory, `images` planes of 16 bits after it; only the planes of `written` hold known pixels, the rest of the file is a hole. */
static void make_contiguous(const char *path, bool big, uint32_t side, uint32_t images, const char *axes, const uint32_t *written, size_t n_written,
	uint64_t cut)
{
	uint8_t head[PIXELS_AT] = { 0 };
	uint64_t bytes = (uint64_t)side * side * 2, size = PIXELS_AT + bytes * images - cut;
	int n = snprintf((char *)head + 1024, 1024, "ImageJ=1.54f\nimages=%u\n%s", images, axes);
	const raw_tag tags[] = { { 256, 4, 1, side }, { 257, 4, 1, side }, { 258, 3, 1, 16 }, { 259, 3, 1, 1 }, { 262, 3, 1, 1 },
		{ 270, 2, (uint32_t)n + 1, 1024 }, { 273, 4, 1, PIXELS_AT }, { 277, 3, 1, 1 }, { 278, 4, 1, side }, { 279, 4, 1, (uint32_t)bytes } };
	raw_head(head, big, 8);
	raw_directory(head + 8, big, tags, sizeof tags / sizeof *tags, 0);
	write_bytes(path, head, sizeof head);
	assert_int_equal(truncate(path, (off_t)size), 0);
	int fd = open(path, O_WRONLY);
	for (size_t i = 0; i < n_written; i++) {
		uint16_t *plane = known_plane(C5_U16, written[i], 0, 1, side, side);
		for (size_t k = 0; k < (size_t)side * side; k++) put_uint((uint8_t *)(plane + k), big, 2, plane[k]);
		assert_int_equal(pwrite(fd, plane, bytes, (off_t)(PIXELS_AT + bytes * written[i])), bytes);
		free(plane);
	}
	close(fd);
}

static void computes_places_when_one_directory_stands_for_more_than_4_gb(void **state)
{
	static const uint32_t written[] = { 0, 1, 2048, 2199 };
	c5_scan_params p = settings(NULL, NULL);
	(void)state;
	for (int big = 0; big < 2; big++) {
		struct stat st;
		make_contiguous(at("huge.tif"), big, 1024, 2200, "frames=1100\nchannels=2\nhyperstack=true\n", written, 4, 0);
		assert_int_equal(stat(at("huge.tif"), &st), 0);
		assert_true(st.st_size > (INT64_C(4) << 30));
		c5_scan *scan = scan_of(&p, at("huge.tif"));
		assert_int_equal(scan->n_series, 2);
		assert_int_equal(scan->series->t, 1100);
		check_frame(scan, &p, series_called(scan, "huge", "ch0"), 0, 0, 0, 0);
		check_frame(scan, &p, series_called(scan, "huge", "ch1"), 0, 0, 1, 0);
		check_frame(scan, &p, series_called(scan, "huge", "ch0"), 1024, 0, 2048, 0);
		check_frame(scan, &p, series_called(scan, "huge", "ch1"), 1099, 0, 2199, 0);
		c5_scan_free(scan);
	}
	unlink(at("huge.tif"));
	drop_settings(&p);
}

static void computes_places_in_small_stacks_of_one_directory_too(void **state)
{
	static const uint32_t written[] = { 0, 1, 2, 3, 4, 5 };
	c5_scan_params p = settings(NULL, NULL);
	(void)state;
	make_contiguous(at("small.tif"), true, 32, 6, "slices=6\n", written, 6, 0);
	c5_scan *scan = scan_of(&p, at("small.tif"));
	assert_int_equal(scan->series->t, 1);
	assert_int_equal(scan->series->z, 6);
	for (uint32_t z = 0; z < 6; z++) check_frame(scan, &p, scan->series, 0, z, z, 0);
	c5_scan_free(scan);
	make_contiguous(at("small.tif"), false, 32, 6, "slices=6\n", written, 5, 1);
	refuses(&p, at("small.tif"), C5_EINPUT, "small.tif", "truncated", "6 images", "copy it again", NULL);
	drop_settings(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_hyperstacks_apart_with_the_channel_fastest),
		cmocka_unit_test(takes_calibration_in_every_spelling_of_micrometres),
		cmocka_unit_test(takes_pages_as_frames_when_the_counts_do_not_fit),
		cmocka_unit_test(computes_places_when_one_directory_stands_for_more_than_4_gb),
		cmocka_unit_test(computes_places_in_small_stacks_of_one_directory_too),
	};
	return cmocka_run_group_tests(tests, make_test_folder, drop_test_folder);
}
