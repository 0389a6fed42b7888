/* unit_image_tiff.c – every kind of TIFF and PNG pixel comes out as it went in. */
#include "support_tiff.h"

/* Makes the file, scans and reads it: frame k must be page k. */
static void round_trip(const char *path, made m)
{
	c5_scan_params p = settings(NULL, NULL);
	make_tiff(path, m);
	c5_scan *scan = scan_of(&p, path);
	assert_int_equal(scan->n_series, 1);
	const c5_series *s = scan->series;
	if (s->error) fail_msg("%s", s->error);
	assert_int_equal(s->t, m.pages ? m.pages : 1);
	assert_int_equal(s->z, 1);
	assert_int_equal(s->width, m.width);
	assert_int_equal(s->height, m.height);
	assert_int_equal(s->dtype, m.dtype);
	for (uint32_t t = 0; t < s->t; t++) check_frame(scan, &p, s, t, 0, m.first_page + t, 0);
	c5_scan_free(scan);
	drop_settings(&p);
}

static const char *const modes[] = { "w", "wb", "w8", "w8b" };

static void reads_every_pixel_type_in_both_byte_orders_and_sizes_of_offsets(void **state)
{
	(void)state;
	for (int dtype = C5_U8; dtype <= C5_F64; dtype++)
		for (int i = 0; i < 4; i++) round_trip(at("type.tif"), (made){ .width = 37, .height = 23, .dtype = dtype, .pages = 3, .rows = 5,
			.mode = modes[i] });
}

static void reads_every_compression_with_its_predictors(void **state)
{
	static const uint16_t codes[] = { COMPRESSION_NONE, COMPRESSION_LZW, COMPRESSION_ADOBE_DEFLATE, COMPRESSION_DEFLATE, COMPRESSION_PACKBITS,
		COMPRESSION_ZSTD };
	(void)state;
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
		bool predicts = codes[i] != COMPRESSION_NONE && codes[i] != COMPRESSION_PACKBITS;
		if (!TIFFIsCODECConfigured(codes[i])) continue;
		for (int dtype = C5_U8; dtype <= C5_F64; dtype++)
			for (uint16_t predictor = 1; predictor <= (predicts ? 3 : 1); predictor++) {
				bool floating = dtype >= C5_F32;
				if (predictor == PREDICTOR_HORIZONTAL && floating) continue;
				if (predictor == PREDICTOR_FLOATINGPOINT && !floating) continue;
				made m = { .width = 41, .height = 19, .dtype = dtype, .compression = codes[i], .predictor = predicts ? predictor : 0, .rows = 4 };
				round_trip(at("codec.tif"), m);
				if (predictor == PREDICTOR_FLOATINGPOINT) continue; /* libtiff writes it wrongly in foreign byte order; see below */
				m.mode = "wb";
				round_trip(at("codec.tif"), m);
				m.tile = 16;
				round_trip(at("codec.tif"), m);
			}
	}
}

/* The floating-point predictor stores bytes from the highest down in either byte order, so the same strip serves both. */
static void reads_floating_predictor_when_the_file_is_big_endian(void **state)
{
	c5_scan_params p = settings(NULL, NULL);
	(void)state;
	for (int dtype = C5_F32; dtype <= C5_F64; dtype++) {
		made m = { .width = 41, .height = 19, .dtype = dtype, .compression = COMPRESSION_ADOBE_DEFLATE, .predictor = PREDICTOR_FLOATINGPOINT };
		char strip[16384];
		make_tiff(at("little.tif"), m);
		TIFF *from = TIFFOpen(at("little.tif"), "r"), *to = TIFFOpen(at("big.tif"), "wb");
		tmsize_t n = TIFFReadRawStrip(from, 0, strip, sizeof strip);
		assert_in_range(n, 1, sizeof strip - 1);
		set_tags(to, &m, m.width, m.height);
		assert_int_equal(TIFFWriteRawStrip(to, 0, strip, n), n);
		TIFFClose(from);
		TIFFClose(to);
		c5_scan *scan = scan_of(&p, at("big.tif"));
		check_frame(scan, &p, scan->series, 0, 0, 0, 0);
		c5_scan_free(scan);
	}
	drop_settings(&p);
}

static void reads_tiles_when_the_image_is_not_a_multiple_of_them(void **state)
{
	(void)state;
	round_trip(at("tiles.tif"), (made){ .width = 100, .height = 70, .dtype = C5_U16, .pages = 2, .tile = 32 });
	round_trip(at("tiles.tif"), (made){ .width = 9, .height = 5, .dtype = C5_F32, .tile = 64, .mode = "w8b" });
	round_trip(at("tiles.tif"), (made){ .width = 64, .height = 64, .dtype = C5_U8, .tile = 64 });
}

static void reads_one_pixel_and_one_row_and_one_column(void **state)
{
	(void)state;
	round_trip(at("tiny.tif"), (made){ .width = 1, .height = 1, .dtype = C5_U8 });
	round_trip(at("tiny.tif"), (made){ .width = 1, .height = 300, .dtype = C5_U16, .rows = 7 });
	round_trip(at("tiny.tif"), (made){ .width = 300, .height = 1, .dtype = C5_I32, .compression = COMPRESSION_LZW });
}

static void turns_pixels_when_min_is_white(void **state)
{
	c5_scan_params p = settings(NULL, NULL);
	(void)state;
	for (int dtype = C5_U8; dtype <= C5_F64; dtype++)
		for (int kind = 0; kind < 3; kind++) {
			made m = { .width = 33, .height = 21, .dtype = dtype, .white = true, .tile = kind == 1 ? 16 : 0, .mode = kind == 2 ? "wb" : "w" };
			size_t n = (size_t)m.width * m.height, size = c5_dtype_size(dtype);
			char *want = known_plane(dtype, 0, 0, 1, m.width, m.height), *got = malloc(n * size);
			c5_frame_reader *reader;
			make_tiff(at("white.tif"), m);
			c5_scan *scan = scan_of(&p, at("white.tif"));
			assert_int_equal(c5_frame_reader_open(&reader, scan, &p), C5_OK);
			assert_int_equal(c5_frame_read(reader, scan->series, 0, 0, got), C5_OK);
			for (size_t i = 0; i < n; i++) {
				if (dtype == C5_F32) assert_true(((float *)(void *)got)[i] == -((float *)(void *)want)[i]);
				else if (dtype == C5_F64) assert_true(((double *)(void *)got)[i] == -((double *)(void *)want)[i]);
				else if (dtype == C5_U16) assert_int_equal(((uint16_t *)(void *)got)[i], 65535 - ((uint16_t *)(void *)want)[i]);
				else if (dtype == C5_I16) assert_int_equal(((int16_t *)(void *)got)[i], -1 - ((int16_t *)(void *)want)[i]);
				else for (size_t k = 0; k < size; k++) assert_int_equal((uint8_t)got[i * size + k], 255 - (uint8_t)want[i * size + k]);
			}
			c5_frame_reader_close(reader);
			c5_scan_free(scan);
			free(want);
			free(got);
		}
	drop_settings(&p);
}

static void takes_grey_samples_of_one_page_as_channels(void **state)
{
	c5_scan_params p = settings("channel", "phase,gfp", NULL);
	(void)state;
	for (int kind = 0; kind < 4; kind++) {
		made m = { .width = 50, .height = 30, .dtype = C5_U16, .samples = 3, .pages = 2, .separate = kind & 1, .tile = kind & 2 ? 16 : 0, .rows = 8 };
		make_tiff(at("samples.tif"), m);
		c5_scan *scan = scan_of(&p, at("samples.tif"));
		assert_int_equal(scan->n_series, 3);
		for (uint32_t t = 0; t < 2; t++) {
			check_frame(scan, &p, series_called(scan, "samples", "phase"), t, 0, t, 0);
			check_frame(scan, &p, series_called(scan, "samples", "gfp"), t, 0, t, 1);
			check_frame(scan, &p, series_called(scan, "samples", "ch2"), t, 0, t, 2);
		}
		c5_scan_free(scan);
	}
	drop_settings(&p);
}

static void leaves_alpha_out(void **state)
{
	c5_scan_params p = settings(NULL, NULL);
	(void)state;
	make_tiff(at("alpha.tif"), (made){ .width = 20, .height = 10, .dtype = C5_U8, .samples = 2, .alpha = true });
	c5_scan *scan = scan_of(&p, at("alpha.tif"));
	assert_int_equal(scan->n_series, 1);
	check_frame(scan, &p, scan->series, 0, 0, 0, 0);
	c5_scan_free(scan);
	drop_settings(&p);
}

static void refuses_rgb_and_reads_the_plane_named(void **state)
{
	static const char *const planes[] = { "red", "green", "blue" };
	c5_scan_params p = settings(NULL, NULL);
	(void)state;
	for (int kind = 0; kind < 8; kind++) {
		made m = { .width = 45, .height = 27, .dtype = kind & 4 ? C5_U16 : C5_U8, .samples = kind & 4 ? 4 : 3, .alpha = true,
			.photometric = PHOTOMETRIC_RGB, .separate = kind & 1, .tile = kind & 2 ? 16 : 0, .rows = 10 };
		make_tiff(at("rgb.tif"), m);
		refuses(&p, at("rgb.tif"), C5_EINPUT, "rgb.tif", "RGB", "--plane red|green|blue|luminance", NULL);
		for (uint32_t c = 0; c < 3; c++) {
			c5_scan_params q = settings("plane", planes[c], NULL);
			c5_scan *scan = scan_of(&q, at("rgb.tif"));
			assert_int_equal(scan->n_series, 1);
			check_frame(scan, &q, scan->series, 0, 0, 0, c);
			c5_scan_free(scan);
			drop_settings(&q);
		}
	}
	drop_settings(&p);
}

static void weighs_colours_when_luminance_is_asked_for(void **state)
{
	c5_scan_params p = settings("plane", "luminance", NULL);
	(void)state;
	for (int kind = 0; kind < 5; kind++) {
		made m = { .width = 35, .height = 22, .dtype = kind == 4 ? C5_F32 : C5_U16, .samples = 3, .photometric = PHOTOMETRIC_RGB, .separate = kind & 1,
			.tile = kind & 2 ? 16 : 0, .rows = 6 };
		size_t n = (size_t)m.width * m.height;
		void *rgb = known_plane(m.dtype, 0, 0, 3, m.width, m.height);
		uint16_t *got = malloc(n * 4);
		c5_frame_reader *reader;
		make_tiff(at("lum.tif"), m);
		c5_scan *scan = scan_of(&p, at("lum.tif"));
		assert_int_equal(c5_frame_reader_open(&reader, scan, &p), C5_OK);
		assert_int_equal(c5_frame_read(reader, scan->series, 0, 0, got), C5_OK);
		for (size_t i = 0; i < n; i++) {
			if (kind == 4) {
				const float *c = (float *)rgb + 3 * i;
				double want = 0.2125 * (double)c[0] + 0.7154 * (double)c[1] + 0.0721 * (double)c[2], have = (double)((float *)(void *)got)[i];
				assert_true(have - want < 1e-3 * (1 + want * want) && want - have < 1e-3 * (1 + want * want));
			} else {
				const uint16_t *c = (uint16_t *)rgb + 3 * i;
				assert_int_equal(got[i], (uint16_t)(0.2125 * c[0] + 0.7154 * c[1] + 0.0721 * c[2] + 0.5));
			}
		}
		c5_frame_reader_close(reader);
		c5_scan_free(scan);
		free(rgb);
		free(got);
	}
	drop_settings(&p);
}

/* JPEG loses: a smooth image comes back within a few grey values. */
static void write_smooth_jpeg(const char *path, bool colour)
{
	TIFF *t = TIFFOpen(path, "w");
	made m = { .width = 64, .height = 48, .dtype = C5_U8, .samples = colour ? 3 : 1, .compression = COMPRESSION_JPEG,
		.photometric = colour ? PHOTOMETRIC_YCBCR : PHOTOMETRIC_MINISBLACK, .rows = 16 };
	uint8_t *pixels = malloc((size_t)m.width * m.height * m.samples);
	assert_non_null(t);
	for (uint32_t y = 0; y < m.height; y++)
		for (uint32_t x = 0; x < m.width; x++)
			for (uint32_t c = 0; c < m.samples; c++) pixels[(y * m.width + x) * m.samples + c] = (uint8_t)(2 * x + y + 30 * c);
	set_tags(t, &m, m.width, m.height);
	write_page(t, &m, m.width, m.height, (char *)pixels);
	TIFFClose(t);
	free(pixels);
}

static void reads_jpeg_grey_and_colour_when_compressed_so(void **state)
{
	(void)state;
	if (!TIFFIsCODECConfigured(COMPRESSION_JPEG)) skip();
	for (uint32_t colour = 0; colour < 2; colour++) {
		c5_scan_params p = settings("plane", "green", NULL);
		uint8_t got[64 * 48];
		c5_frame_reader *reader;
		write_smooth_jpeg(at("jpeg.tif"), colour);
		c5_scan *scan = scan_of(&p, at("jpeg.tif"));
		assert_int_equal(c5_frame_reader_open(&reader, scan, &p), C5_OK);
		if (c5_frame_read(reader, scan->series, 0, 0, got) < 0) fail_msg("%s", c5_error_last());
		for (int y = 0; y < 48; y++)
			for (int x = 0; x < 64; x++) assert_in_range(got[y * 64 + x] + 8 - (2 * x + y + (colour ? 30 : 0)), 0, 16);
		c5_frame_reader_close(reader);
		c5_scan_free(scan);
		drop_settings(&p);
	}
}

static void passes_over_pyramids_and_thumbnails(void **state)
{
	c5_scan_params p = settings(NULL, NULL);
	(void)state;
	for (int kind = 0; kind < 2; kind++) {
		make_tiff(at("levels.tif"), (made){ .width = 64, .height = 48, .dtype = C5_U8, .pages = 4, .tile = 16, .pyramid = kind,
			.thumbnail_after_each = !kind });
		c5_scan *scan = scan_of(&p, at("levels.tif"));
		assert_int_equal(scan->n_series, 1);
		assert_int_equal(scan->series->t, 4);
		for (uint32_t t = 0; t < 4; t++) check_frame(scan, &p, scan->series, t, 0, t, 0);
		c5_scan_free(scan);
	}
	drop_settings(&p);
}

static void reads_long_stacks_in_any_order_of_frames(void **state)
{
	c5_scan_params p = settings(NULL, NULL);
	c5_frame_reader *reader;
	uint16_t got[8 * 8];
	(void)state;
	make_tiff(at("long.tif"), (made){ .width = 8, .height = 8, .dtype = C5_U16, .pages = 1500 });
	c5_scan *scan = scan_of(&p, at("long.tif"));
	assert_int_equal(scan->series->t, 1500);
	assert_int_equal(c5_frame_reader_open(&reader, scan, &p), C5_OK);
	for (uint32_t i = 0, t = 0; i < 3000; i++, t = (t + 977) % 1500) {
		uint16_t *want = known_plane(C5_U16, t, 0, 1, 8, 8);
		assert_int_equal(c5_frame_read(reader, scan->series, t, 0, got), C5_OK);
		assert_memory_equal(got, want, sizeof got);
		free(want);
	}
	c5_frame_reader_close(reader);
	c5_scan_free(scan);
	drop_settings(&p);
}

static void says_nothing_on_stderr_when_tags_are_private(void **state)
{
	static const TIFFFieldInfo field[] = { { 51123, -1, -1, TIFF_ASCII, FIELD_CUSTOM, true, false, (char *)(uintptr_t)"Private" } };
	c5_scan_params p = settings(NULL, NULL);
	(void)state;
	TIFF *t = TIFFOpen(at("private.tif"), "w");
	made m = { .width = 10, .height = 10, .dtype = C5_U8 };
	char *pixels = known_plane(C5_U8, 0, 0, 1, 10, 10);
	TIFFMergeFieldInfo(t, field, 1);
	set_tags(t, &m, 10, 10);
	TIFFSetField(t, 51123, "{\"frame\": 1}");
	write_page(t, &m, 10, 10, pixels);
	TIFFClose(t);
	free(pixels);

	fflush(stderr);
	int kept = dup(2);
	assert_non_null(freopen(at("stderr"), "w", stderr));
	c5_scan *scan = scan_of(&p, at("private.tif"));
	check_frame(scan, &p, scan->series, 0, 0, 0, 0);
	fflush(stderr);
	dup2(kept, 2);
	close(kept);
	size_t n;
	free(read_bytes(at("stderr"), &n));
	assert_int_equal(n, 0);
	c5_scan_free(scan);
	drop_settings(&p);
}

static void reads_png_of_8_and_16_bits(void **state)
{
	c5_scan_params p = settings(NULL, NULL);
	(void)state;
	for (int kind = 0; kind < 8; kind++) {
		int dtype = kind & 1 ? C5_U16 : C5_U8;
		make_png(at("grey.png"), 29, 17, dtype, kind & 2 ? PNG_COLOR_TYPE_GRAY_ALPHA : PNG_COLOR_TYPE_GRAY, 5, kind & 4);
		c5_scan *scan = scan_of(&p, at("grey.png"));
		assert_string_equal(scan->series->experiment, "grey");
		assert_int_equal(scan->series->dtype, dtype);
		check_frame(scan, &p, scan->series, 0, 0, 5, 0);
		c5_scan_free(scan);
	}
	drop_settings(&p);
}

static void refuses_colour_png_unless_a_plane_is_named(void **state)
{
	c5_scan_params p = settings(NULL, NULL), q = settings("plane", "blue", NULL);
	(void)state;
	for (int kind = 0; kind < 4; kind++) {
		make_png(at("colour.png"), 29, 17, kind & 1 ? C5_U16 : C5_U8, kind & 2 ? PNG_COLOR_TYPE_RGBA : PNG_COLOR_TYPE_RGB, 0, false);
		refuses(&p, at("colour.png"), C5_EINPUT, "colour.png", "RGB", "--plane", NULL);
		c5_scan *scan = scan_of(&q, at("colour.png"));
		check_frame(scan, &q, scan->series, 0, 0, 0, 2);
		c5_scan_free(scan);
	}
	make_png(at("palette.png"), 9, 9, C5_U8, PNG_COLOR_TYPE_PALETTE, 0, false);
	refuses(&p, at("palette.png"), C5_EINPUT, "palette.png", "palette", NULL);
	drop_settings(&p);
	drop_settings(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_every_pixel_type_in_both_byte_orders_and_sizes_of_offsets),
		cmocka_unit_test(reads_every_compression_with_its_predictors),
		cmocka_unit_test(reads_floating_predictor_when_the_file_is_big_endian),
		cmocka_unit_test(reads_tiles_when_the_image_is_not_a_multiple_of_them),
		cmocka_unit_test(reads_one_pixel_and_one_row_and_one_column),
		cmocka_unit_test(turns_pixels_when_min_is_white),
		cmocka_unit_test(takes_grey_samples_of_one_page_as_channels),
		cmocka_unit_test(leaves_alpha_out),
		cmocka_unit_test(refuses_rgb_and_reads_the_plane_named),
		cmocka_unit_test(weighs_colours_when_luminance_is_asked_for),
		cmocka_unit_test(reads_jpeg_grey_and_colour_when_compressed_so),
		cmocka_unit_test(passes_over_pyramids_and_thumbnails),
		cmocka_unit_test(reads_long_stacks_in_any_order_of_frames),
		cmocka_unit_test(says_nothing_on_stderr_when_tags_are_private),
		cmocka_unit_test(reads_png_of_8_and_16_bits),
		cmocka_unit_test(refuses_colour_png_unless_a_plane_is_named),
	};
	return cmocka_run_group_tests(tests, make_test_folder, drop_test_folder);
}
