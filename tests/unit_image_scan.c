/* unit_image_scan.c – folders and lists of files become series: names, order, frames, depth, projections, and scans sent as bytes. */
#include "support_tiff.h"

#include <math.h>

static void tiny(const char *path, uint32_t pages, uint32_t first_page)
{
	make_tiff(path, (made){ .width = 12, .height = 10, .dtype = C5_U16, .pages = pages, .first_page = first_page });
}

static void takes_a_folder_of_single_pages_in_natural_order(void **state)
{
	c5_scan_params p = settings(NULL, NULL);
	(void)state;
	for (uint32_t i = 0; i < 12; i++) tiny(at("natural/img%u.tif", i), 1, i);
	write_text(at("natural/notes.txt"), "not an image");
	write_text(at("natural/._img3.tif"), "a file some systems leave behind");
	c5_scan *scan = scan_of(&p, at("natural"));
	assert_int_equal(scan->n_series, 1);
	assert_string_equal(scan->series->experiment, "natural");
	assert_int_equal(scan->series->t, 12);
	assert_true(isnan(scan->series->pixel_size_um) && isnan(scan->series->frame_interval_s) && isnan(scan->series->wavelength_nm));
	for (uint32_t t = 0; t < 12; t++) check_frame(scan, &p, scan->series, t, 0, t, 0);
	c5_scan_free(scan);
	drop_settings(&p);
}

static void names_the_one_experiment_as_asked(void **state)
{
	c5_scan_params p = settings("experiment", "week/3", "channel", "phase", NULL);
	(void)state;
	c5_scan *scan = scan_of(&p, at("natural"));
	const c5_series *s = series_called(scan, "week_3", "phase");
	assert_string_equal(s->modality, "phase"); /* said by the channel's name */
	c5_scan_free(scan);
	tiny(at("two/a.tif"), 3, 0);
	tiny(at("two/b.tif"), 3, 10);
	refuses(&p, at("two"), C5_EUSAGE, "--experiment", "several", NULL);
	drop_settings(&p);
}

static void refuses_a_modality_nobody_knows(void **state)
{
	c5_scan_params p = settings("modality", "phase,brigthfield", NULL), q = settings("pattern", "{modality}{frame}.tif", NULL);
	(void)state;
	refuses(&p, at("natural"), C5_EUSAGE, "--modality", "brightfield", NULL);
	refuses(&q, at("natural"), C5_EUSAGE, "side by side", NULL);
	drop_settings(&q);
	q = settings("pattern", "{modality}_{frame}.tif", NULL);
	tiny(at("kinds/xray_1.tif"), 1, 0);
	refuses(&q, at("kinds"), C5_EINPUT, "xray", "xray_1.tif", "expected phase", NULL);
	drop_settings(&p);
	drop_settings(&q);
}

static void tells_kinds_of_files_by_their_content(void **state)
{
	c5_scan_params p = settings(NULL, NULL);
	(void)state;
	make_png(at("kinds2/a.tif"), 12, 10, C5_U16, PNG_COLOR_TYPE_GRAY, 3, false);
	tiny(at("kinds2/b.png"), 1, 4);
	c5_scan *scan = scan_of(&p, at("kinds2"));
	assert_int_equal(scan->series->t, 2);
	check_frame(scan, &p, scan->series, 0, 0, 3, 0);
	check_frame(scan, &p, scan->series, 1, 0, 4, 0);
	c5_scan_free(scan);
	drop_settings(&p);
}

static void takes_an_input_named_twice_once(void **state)
{
	c5_scan_params p = settings(NULL, NULL);
	const char *inputs[] = { at("natural"), at("natural/"), at("./natural") };
	c5_scan *scan;
	(void)state;
	assert_int_equal(c5_scan_inputs(&scan, &p, 3, inputs), C5_OK);
	assert_int_equal(scan->n_series, 1);
	assert_int_equal(scan->series->t, 12);
	c5_scan_free(scan);
	drop_settings(&p);
}

static void takes_frame_numbers_from_names_and_says_which_lack(void **state)
{
	c5_scan_params p = settings(NULL, NULL), q = settings("missing", "blank", NULL);
	uint16_t got[120], zeros[120] = { 0 };
	c5_frame_reader *reader;
	(void)state;
	for (uint32_t i = 5; i < 25; i++)
		if (i != 8 && (i < 12 || i > 14)) tiny(at("holes/xy1t%02u.tif", i), 1, i);
	refuses(&p, at("holes"), C5_EINPUT, "8, 12-14", "holes", "--missing blank", NULL);
	c5_scan *scan = scan_of(&q, at("holes"));
	assert_int_equal(scan->series->t, 20);
	assert_int_equal(scan->series->first_frame, 5);
	check_frame(scan, &q, scan->series, 0, 0, 5, 0);
	check_frame(scan, &q, scan->series, 19, 0, 24, 0);
	assert_int_equal(c5_frame_reader_open(&reader, scan, &q), C5_OK);
	memset(got, 1, sizeof got);
	assert_int_equal(c5_frame_read(reader, scan->series, 3, 0, got), C5_OK);
	assert_memory_equal(got, zeros, sizeof got);
	c5_frame_reader_close(reader);
	c5_scan_free(scan);
	drop_settings(&p);
	drop_settings(&q);
}

static void parts_frames_of_several_names_in_one_folder(void **state)
{
	c5_scan_params p = settings(NULL, NULL);
	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		tiny(at("fields/xy01t%u.tif", i), 1, i);
		tiny(at("fields/xy02_T%u.tif", i), 1, 100 + i);
	}
	c5_scan *scan = scan_of(&p, at("fields"));
	assert_int_equal(scan->n_series, 2);
	for (uint32_t t = 0; t < 3; t++) {
		check_frame(scan, &p, series_called(scan, "xy01", "ch0"), t, 0, t, 0);
		check_frame(scan, &p, series_called(scan, "xy02", "ch0"), t, 0, 100 + t, 0);
	}
	c5_scan_free(scan);
	drop_settings(&p);
}

static void leaves_what_has_no_frame_number_out_of_movies(void **state)
{
	c5_scan_params p = settings(NULL, NULL);
	(void)state;
	for (uint32_t i = 0; i < 3; i++) tiny(at("still/A01_t%u.tif", i), 1, i);
	for (uint32_t i = 0; i < 2; i++) tiny(at("still/B0%u.tif", i), 1, 10 + i);
	c5_scan *scan = scan_of(&p, at("still"));
	assert_int_equal(scan->n_series, 3);
	assert_int_equal(series_called(scan, "A01", "ch0")->t, 3);
	check_frame(scan, &p, series_called(scan, "B00", "ch0"), 0, 0, 10, 0);
	check_frame(scan, &p, series_called(scan, "B01", "ch0"), 0, 0, 11, 0);
	c5_scan_free(scan);
	drop_settings(&p);
}

static void makes_an_experiment_of_each_well(void **state)
{
	c5_scan_params p = settings(NULL, NULL);
	static const char *const wells[] = { "A01", "A02", "B01", "B12" };
	(void)state;
	for (uint32_t i = 0; i < 4; i++) tiny(at("wells/%s.tif", wells[i]), 1, i);
	c5_scan *scan = scan_of(&p, at("wells"));
	assert_int_equal(scan->n_series, 4);
	for (uint32_t i = 0; i < 4; i++) check_frame(scan, &p, series_called(scan, wells[i], "ch0"), 0, 0, i, 0);
	c5_scan_free(scan);
	for (uint32_t i = 0; i < 3; i++) tiny(at("row/s%u.tif", i), 1, i); /* one row may be numbers */
	scan = scan_of(&p, at("row"));
	assert_int_equal(scan->n_series, 1);
	assert_int_equal(scan->series->t, 3);
	c5_scan_free(scan);
	drop_settings(&p);
}

static void makes_an_experiment_of_each_multi_page_file(void **state)
{
	c5_scan_params p = settings(NULL, NULL);
	const char *files[] = { at("stacks/s10.tif"), at("stacks/s9.tif"), at("other/s9.tif") };
	c5_scan *scan;
	(void)state;
	tiny(files[0], 4, 0);
	tiny(files[1], 2, 10);
	scan = scan_of(&p, at("stacks"));
	assert_int_equal(scan->n_series, 2);
	assert_string_equal(scan->series[0].experiment, "s9"); /* natural order */
	assert_string_equal(scan->series[1].experiment, "s10");
	assert_int_equal(scan->series[1].t, 4);
	check_frame(scan, &p, &scan->series[0], 1, 0, 11, 0);
	c5_scan_free(scan);

	tiny(files[2], 3, 20); /* the same name in another folder */
	assert_int_equal(c5_scan_inputs(&scan, &p, 3, files), C5_OK);
	assert_int_equal(scan->n_series, 3);
	assert_int_equal(series_called(scan, "s10", "ch0")->t, 4);
	check_frame(scan, &p, series_called(scan, "stacks_s9", "ch0"), 0, 0, 10, 0);
	check_frame(scan, &p, series_called(scan, "other_s9", "ch0"), 2, 0, 22, 0);
	c5_scan_free(scan);
	drop_settings(&p);
}

static void names_a_list_of_single_pages_by_what_they_share(void **state)
{
	c5_scan_params p = settings(NULL, NULL);
	const char *files[] = { at("list/run7_003.tif"), at("list/run7_001.tif"), at("list/run7_002.tif"), at("list/run7_001.tif") };
	c5_scan *scan;
	(void)state;
	for (uint32_t i = 0; i < 3; i++) tiny(files[i], 1, i);
	assert_int_equal(c5_scan_inputs(&scan, &p, 4, files), C5_OK); /* one of them named twice */
	assert_int_equal(scan->n_series, 1);
	assert_string_equal(scan->series->experiment, "run7");
	assert_int_equal(scan->series->t, 3);
	check_frame(scan, &p, scan->series, 0, 0, 1, 0);
	check_frame(scan, &p, scan->series, 2, 0, 0, 0);
	c5_scan_free(scan);
	drop_settings(&p);
}

static void recognises_tracking_challenge_folders(void **state)
{
	c5_scan_params p = settings(NULL, NULL);
	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		tiny(at("DIC-A/01/t%03u.tif", i), 1, i);
		tiny(at("DIC-A/02/t%03u.tif", i), 3, 10 * i); /* three pages: planes of depth */
		tiny(at("DIC-A/01_GT/TRA/man_track%03u.tif", i), 1, 50);
		tiny(at("DIC-A/01_RES/mask%03u.tif", i), 1, 60);
	}
	tiny(at("DIC-A/t030_loose.tif"), 1, 70);
	c5_scan *scan = scan_of(&p, at("DIC-A"));
	assert_int_equal(scan->n_series, 2);
	const c5_series *s = series_called(scan, "DIC-A_01", "ch0");
	assert_int_equal(s->t, 4);
	check_frame(scan, &p, s, 3, 0, 3, 0);
	s = series_called(scan, "DIC-A_02", "ch0");
	assert_int_equal(s->t, 4);
	assert_int_equal(s->z, 3);
	check_frame(scan, &p, s, 2, 1, 21, 0);
	c5_scan_free(scan);

	scan = scan_of(&p, at("DIC-A/01/"));
	assert_int_equal(scan->n_series, 1);
	assert_string_equal(scan->series->experiment, "DIC-A_01");
	c5_scan_free(scan);
	scan = scan_of(&p, at("DIC-A/01_GT/TRA"));
	assert_string_equal(scan->series->experiment, "TRA");
	c5_scan_free(scan);
	drop_settings(&p);
}

static void joins_planes_of_depth_by_their_names(void **state)
{
	c5_scan_params p = settings(NULL, NULL);
	(void)state;
	for (uint32_t z = 0; z < 13; z++) make_png(at("depth/phase_z%02u.png", z), 12, 10, C5_U16, PNG_COLOR_TYPE_GRAY, z, false);
	c5_scan *scan = scan_of(&p, at("depth"));
	assert_int_equal(scan->n_series, 1);
	assert_string_equal(scan->series->experiment, "depth");
	assert_int_equal(scan->series->t, 1);
	assert_int_equal(scan->series->z, 13);
	for (uint32_t z = 0; z < 13; z++) check_frame(scan, &p, scan->series, 0, z, z, 0);
	c5_scan_free(scan);

	make_png(at("depth/dapi.png"), 12, 10, C5_U8, PNG_COLOR_TYPE_GRAY, 99, false); /* another image stands alone */
	scan = scan_of(&p, at("depth"));
	assert_int_equal(scan->n_series, 2);
	assert_int_equal(series_called(scan, "phase", "ch0")->z, 13);
	check_frame(scan, &p, series_called(scan, "dapi", "ch0"), 0, 0, 99, 0);
	c5_scan_free(scan);

	for (uint32_t t = 0; t < 3; t++)
		for (uint32_t z = 0; z < 2; z++) tiny(at("tz/a_t%u_z%u.tif", t, z + 1), 1, 10 * t + z);
	scan = scan_of(&p, at("tz"));
	assert_int_equal(scan->n_series, 1);
	assert_int_equal(scan->series->t, 3);
	assert_int_equal(scan->series->z, 2);
	check_frame(scan, &p, scan->series, 2, 1, 21, 0);
	c5_scan_free(scan);
	drop_settings(&p);
}

#define N (12 * 10)

static void projects_depth_as_asked(void **state)
{
	(void)state;
	for (int dtype = C5_U8; dtype <= C5_F64; dtype++) {
		static const char *const ways[] = { "max", "min", "mean", "2" };
		size_t size = c5_dtype_size(dtype);
		char *planes[5];
		make_tiff(at("deep.tif"), (made){ .width = 12, .height = 10, .dtype = dtype, .pages = 5, .description = "ImageJ=1\nimages=5\nslices=5\n" });
		for (uint32_t z = 0; z < 5; z++) planes[z] = known_plane(dtype, z, 0, 1, 12, 10);
		for (int w = 0; w < 4; w++) {
			c5_scan_params p = settings("z", ways[w], NULL);
			double got64[N];
			char *got = (char *)got64;
			c5_frame_reader *reader;
			c5_scan *scan = scan_of(&p, at("deep.tif"));
			assert_int_equal(c5_frame_planes(scan->series, &p), 1);
			assert_int_equal(c5_frame_reader_open(&reader, scan, &p), C5_OK);
			assert_int_equal(c5_frame_read(reader, scan->series, 0, 0, got), C5_OK);
			assert_int_equal(c5_frame_read(reader, scan->series, 0, 1, got64), C5_EFAIL);
			assert_int_equal(c5_frame_read(reader, scan->series, 0, 0, got), C5_OK);
#define COMPARE(T) for (size_t i = 0; i < N; i++) { \
		T lowest = 0, highest = 0, here = 0; \
		double sum = 0; \
		for (int z = 0; z < 5; z++) { \
			T v; \
			memcpy(&v, planes[z] + i * size, size); \
			if (!z || v < lowest) lowest = v; \
			if (!z || v > highest) highest = v; \
			if (z == 2) here = v; \
			sum += (double)v; \
		} \
		T want = w == 0 ? highest : w == 1 ? lowest : w == 3 ? here : dtype >= C5_F32 ? (T)(sum / 5) : (T)floor(sum / 5 + 0.5); \
		assert_memory_equal(got + i * size, &want, size); \
	} break
			switch (dtype) {
			case C5_U8: COMPARE(uint8_t);
			case C5_U16: COMPARE(uint16_t);
			case C5_U32: COMPARE(uint32_t);
			case C5_I8: COMPARE(int8_t);
			case C5_I16: COMPARE(int16_t);
			case C5_I32: COMPARE(int32_t);
			case C5_F32: COMPARE(float);
			default: COMPARE(double);
			}
			c5_frame_reader_close(reader);
			c5_scan_free(scan);
			drop_settings(&p);
		}
		for (uint32_t z = 0; z < 5; z++) free(planes[z]);
	}
	c5_scan_params p = settings("z", "5", NULL), q = settings("z", "depth", NULL), all = settings(NULL, NULL);
	refuses(&p, at("deep.tif"), C5_EINPUT, "plane 5", "--z", "deep", NULL);
	refuses(&q, at("deep.tif"), C5_EUSAGE, "--z depth", NULL);
	c5_scan *scan = scan_of(&all, at("deep.tif"));
	assert_int_equal(c5_frame_planes(scan->series, &all), 5);
	c5_scan_free(scan);
	drop_settings(&p);
	drop_settings(&q);
	drop_settings(&all);
}

static void keeps_good_experiments_when_one_is_bad(void **state)
{
	c5_scan_params p = settings(NULL, NULL);
	char got[N * 2];
	c5_frame_reader *reader;
	(void)state;
	tiny(at("mixed/good.tif"), 3, 0);
	tiny(at("mixed/fine.tif"), 2, 0);
	write_text(at("mixed/bad.tif"), "no image at all");
	c5_scan *scan = scan_of(&p, at("mixed"));
	assert_int_equal(scan->n_series, 3);
	const c5_series *bad = series_called(scan, "bad", "ch0");
	assert_non_null(bad->error);
	assert_int_equal(bad->error_code, C5_EINPUT);
	assert_non_null(strstr(bad->error, "bad.tif"));
	assert_int_equal(c5_frame_reader_open(&reader, scan, &p), C5_OK);
	assert_int_equal(c5_frame_read(reader, bad, 0, 0, got), C5_EINPUT);
	c5_frame_reader_close(reader);
	check_frame(scan, &p, series_called(scan, "good", "ch0"), 2, 0, 2, 0);
	c5_scan_free(scan);
	drop_settings(&p);
}

static void reads_the_same_from_a_scan_sent_as_bytes(void **state)
{
	c5_scan_params p = settings(NULL, NULL);
	c5_buf bytes = { 0 };
	c5_scan *there;
	(void)state;
	c5_scan *scan = scan_of(&p, at("mixed"));
	assert_int_equal(c5_scan_pack(scan, &bytes), C5_OK);
	assert_int_equal(c5_scan_unpack(&there, &bytes), C5_OK);
	assert_int_equal(bytes.at, bytes.size);
	assert_int_equal(there->n_series, scan->n_series);
	assert_int_equal(there->n_files, scan->n_files);
	for (size_t i = 0; i < scan->n_series; i++) {
		const c5_series *a = &scan->series[i], *b = &there->series[i];
		assert_string_equal(a->experiment, b->experiment);
		assert_string_equal(a->channel, b->channel);
		assert_int_equal(a->error_code, b->error_code);
		assert_true(!a->error == !b->error && !a->plate == !b->plate);
		assert_memory_equal(&a->pixel_size_um, &b->pixel_size_um, sizeof a->pixel_size_um);
		assert_int_equal(a->dtype, b->dtype);
		assert_int_equal((size_t)a->t * a->z, (size_t)b->t * b->z);
		if (!a->error) check_frame(there, &p, b, a->t - 1, 0, a->t - 1, 0);
	}
	c5_scan_free(there);
	for (size_t n = 0; n < bytes.size; n++) { /* cut anywhere, it is refused */
		c5_buf part = { .data = bytes.data, .size = n };
		assert_true(c5_scan_unpack(&there, &part) < 0);
		assert_null(there);
	}
	c5_buf_free(&bytes);
	c5_scan_free(scan);
	drop_settings(&p);
}

static void notices_files_that_changed_or_went_since_the_scan(void **state)
{
	c5_scan_params p = settings(NULL, NULL);
	c5_frame_reader *reader;
	char got[4096];
	(void)state;
	tiny(at("moving/a.tif"), 2, 0);
	c5_scan *scan = scan_of(&p, at("moving/a.tif"));
	tiny(at("moving/a.tif"), 3, 0);
	assert_int_equal(c5_frame_reader_open(&reader, scan, &p), C5_OK);
	assert_int_equal(c5_frame_read(reader, scan->series, 0, 0, got), C5_EINPUT);
	assert_non_null(strstr(c5_error_last(), "changed since"));
	unlink(at("moving/a.tif"));
	assert_int_equal(c5_frame_read(reader, scan->series, 0, 0, got), C5_EINPUT);
	assert_non_null(strstr(c5_error_last(), "gone since"));
	c5_frame_reader_close(reader);
	c5_scan_free(scan);
	drop_settings(&p);
}

static void scans_real_recordings(void **state)
{
	c5_scan_params p = settings(NULL, NULL);
	const char *root = getenv("C5_SOURCE");
	char path[1024];
	(void)state;
	snprintf(path, sizeof path, "%s/tests/data/ecoli-phase-lineage", root ? root : ".");
	if (access(path, R_OK)) skip();
	c5_scan *scan = scan_of(&p, path);
	const c5_series *s = series_called(scan, "ecoli-phase-lineage_01", "ch0");
	assert_int_equal(s->t, 6);
	assert_int_equal(s->first_frame, 24);
	assert_int_equal(s->width, 932);
	assert_int_equal(s->height, 1269);
	assert_int_equal(s->dtype, C5_U8);
	c5_scan_free(scan);
	snprintf(path, sizeof path, "%s/tests/data/t98g-phase-timelapse/01", root ? root : ".");
	scan = scan_of(&p, path);
	s = series_called(scan, "t98g-phase-timelapse_01", "ch0");
	assert_int_equal(s->t, 4);
	assert_int_equal(s->dtype, C5_U16);
	uint16_t *frame = malloc((size_t)s->width * s->height * 2);
	uint64_t sum = 0;
	c5_frame_reader *reader;
	assert_int_equal(c5_frame_reader_open(&reader, scan, &p), C5_OK);
	assert_int_equal(c5_frame_read(reader, s, 0, 0, frame), C5_OK);
	for (size_t i = 0; i < (size_t)s->width * s->height; i++) sum += frame[i];
	assert_int_equal(sum, UINT64_C(34143663448));
	c5_frame_reader_close(reader);
	free(frame);
	c5_scan_free(scan);
	drop_settings(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_a_folder_of_single_pages_in_natural_order),
		cmocka_unit_test(names_the_one_experiment_as_asked),
		cmocka_unit_test(refuses_a_modality_nobody_knows),
		cmocka_unit_test(tells_kinds_of_files_by_their_content),
		cmocka_unit_test(takes_an_input_named_twice_once),
		cmocka_unit_test(takes_frame_numbers_from_names_and_says_which_lack),
		cmocka_unit_test(parts_frames_of_several_names_in_one_folder),
		cmocka_unit_test(leaves_what_has_no_frame_number_out_of_movies), cmocka_unit_test(makes_an_experiment_of_each_well),
		cmocka_unit_test(makes_an_experiment_of_each_multi_page_file),
		cmocka_unit_test(names_a_list_of_single_pages_by_what_they_share),
		cmocka_unit_test(recognises_tracking_challenge_folders),
		cmocka_unit_test(joins_planes_of_depth_by_their_names),
		cmocka_unit_test(projects_depth_as_asked),
		cmocka_unit_test(keeps_good_experiments_when_one_is_bad),
		cmocka_unit_test(reads_the_same_from_a_scan_sent_as_bytes),
		cmocka_unit_test(notices_files_that_changed_or_went_since_the_scan),
		cmocka_unit_test(scans_real_recordings),
	};
	return cmocka_run_group_tests(tests, make_test_folder, drop_test_folder);
}
