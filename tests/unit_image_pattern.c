/* unit_image_pattern.c – file-name patterns: what they match, what they refuse, and the experiments they make. */
#include "support_tiff.h"

#include "image/pattern.h"

static void tiny(const char *path, uint32_t first_page)
{
	make_tiff(path, (made){ .width = 12, .height = 10, .dtype = C5_U16, .first_page = first_page });
}

/* The field's text in `path` by `pattern`; NULL when it does not match. */
static const char *field_of(const char *pattern, const char *path, int field)
{
	static char text[256];
	c5_pattern p;
	c5_span spans[C5_FIELD_N];
	bool matches;
	if (c5_pattern_parse(&p, pattern) < 0) fail_msg("%s", c5_error_last());
	if (c5_pattern_match(&p, path, &matches, spans) < 0) fail_msg("%s", c5_error_last());
	c5_pattern_free(&p);
	if (!matches) return NULL;
	snprintf(text, sizeof text, "%.*s", (int)spans[field].n, path + spans[field].at);
	return text;
}

static void finds_fields_between_fixed_text(void **state)
{
	(void)state;
	assert_string_equal(field_of("{well}_t{frame}.tif", "B03_t017.tif", C5_FIELD_WELL), "B03");
	assert_string_equal(field_of("{well}_t{frame}.tif", "B03_t017.tif", C5_FIELD_FRAME), "017");
	assert_string_equal(field_of("./{plate}/{well}/{channel}_{frame}.tif", "P1/A1/gfp_3.tif", C5_FIELD_PLATE), "P1");
	assert_string_equal(field_of("{plate}_{well}_{position}_{channel}_t{frame}.tif", "my_plate_A01_2_phase_t003.tif", C5_FIELD_PLATE), "my_plate");
	assert_string_equal(field_of("{well}_{channel}_t{frame}.tif", "AB12_phase_contrast_t1.tif", C5_FIELD_CHANNEL), "phase_contrast");
	assert_string_equal(field_of("{well}-{channel}.tif", "control-gfp.tif", C5_FIELD_WELL), "control"); /* not like A1, but the only reading */
	assert_string_equal(field_of("{plate}/{plate}_t{frame}.tif", "P1/P1_t0.tif", C5_FIELD_PLATE), "P1");
	assert_string_equal(field_of("{{{well}}}.tif", "{A1}.tif", C5_FIELD_WELL), "A1");
	assert_string_equal(field_of("a.b+c({well}).tif", "a.b+c(A1).tif", C5_FIELD_WELL), "A1");
}

static void does_not_match_other_names(void **state)
{
	(void)state;
	assert_null(field_of("{well}_t{frame}.tif", "B03_tx.tif", C5_FIELD_WELL));
	assert_null(field_of("{well}_t{frame}.tif", "B03_t1.tiff", C5_FIELD_WELL));
	assert_null(field_of("{well}_t{frame}.tif", "_t1.tif", C5_FIELD_WELL));
	assert_null(field_of("{well}_t{frame}.tif", "x/B03_t1.tif", C5_FIELD_WELL));
	assert_null(field_of("{plate}/{plate}_t{frame}.tif", "P1/P2_t0.tif", C5_FIELD_PLATE));
	assert_null(field_of("{well}.tif", "b03.TIF", C5_FIELD_WELL));
	assert_null(field_of("t{frame}.tif", "t1234567890123456.tif", C5_FIELD_FRAME)); /* no frame number */
}

static void refuses_names_that_can_be_read_in_two_ways(void **state)
{
	c5_pattern p;
	c5_span spans[C5_FIELD_N];
	bool matches;
	(void)state;
	assert_int_equal(c5_pattern_parse(&p, "{experiment}_{channel}.tif"), C5_OK);
	assert_int_equal(c5_pattern_match(&p, "a_b_c.tif", &matches, spans), C5_EINPUT);
	assert_non_null(strstr(c5_error_last(), "two ways"));
	c5_pattern_free(&p);
	assert_int_equal(c5_pattern_parse(&p, "{plate}a{well}a{position}a{channel}a{condition}a{compound}a{dose}a{replicate}b"), C5_OK);
	char many[200];
	memset(many, 'a', sizeof many - 1);
	many[199] = '\0';
	assert_int_equal(c5_pattern_match(&p, many, &matches, spans), C5_EINPUT); /* ends soon, too */
	c5_pattern_free(&p);
}

static void refuses_patterns_that_make_no_sense(void **state)
{
	static const struct { const char *text, *word; } bad[] = { { "{wel}_{frame}.tif", "{well}" }, { "{well}{frame}.tif", "side by side" },
		{ "{well_{frame}.tif", "no field" }, { "t{frame", "without its '}'" }, { "t0.tif", "no field" }, { "/data/{well}.tif", "begins with '/'" },
			{ "{}.tif", "no field" } };
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		c5_pattern p;
		assert_int_equal(c5_pattern_parse(&p, bad[i].text), C5_EUSAGE);
		if (!strstr(c5_error_last(), bad[i].word)) fail_msg("'%s' not in: %s", bad[i].word, c5_error_last());
	}
}

static void makes_experiments_of_plates_and_wells(void **state)
{
	c5_scan_params p = settings("pattern", "{plate}/{well}_{position}_{channel}_t{frame}.tif", NULL);
	(void)state;
	for (uint32_t well = 0; well < 2; well++)
		for (uint32_t channel = 0; channel < 2; channel++)
			for (uint32_t t = 0; t < 3; t++) tiny(at("plates/P 1/A%02u_s1_%s_t%u.tif", well + 9, channel ? "gfp" : "phase", t + 1),
				100 * well + 10 * channel + t);
	write_text(at("plates/P 1/readme.txt"), "passed over");
	c5_scan *scan = scan_of(&p, at("plates"));
	assert_int_equal(scan->n_series, 4);
	assert_string_equal(scan->series[0].experiment, "P 1_A09_s1");
	assert_string_equal(scan->series[0].channel, "gfp");
	assert_string_equal(scan->series[3].experiment, "P 1_A10_s1");
	const c5_series *s = series_called(scan, "P 1_A10_s1", "phase");
	assert_string_equal(s->plate, "P 1");
	assert_string_equal(s->well, "A10");
	assert_string_equal(s->position, "s1");
	assert_string_equal(s->modality, "phase");
	assert_null(s->condition);
	assert_int_equal(s->first_frame, 1);
	for (uint32_t t = 0; t < 3; t++) check_frame(scan, &p, s, t, 0, 100 + t, 0);
	c5_scan_free(scan);
	scan = scan_of(&p, at("plates/P 1/A09_s1_gfp_t1.tif")); /* one file by its path */
	assert_int_equal(scan->n_series, 1);
	assert_string_equal(scan->series->experiment, "P 1_A09_s1");
	c5_scan_free(scan);
	drop_settings(&p);
}

static void takes_conditions_and_depth_from_names(void **state)
{
	c5_scan_params p = settings("pattern", "{compound}-{dose}_r{replicate}_z{z}_t{frame}.tif", "z", "max", NULL);
	(void)state;
	for (uint32_t t = 0; t < 2; t++)
		for (uint32_t z = 0; z < 3; z++) tiny(at("doses/doxo-0.5uM_r2_z%u_t%u.tif", z, t), 10 * t + z);
	c5_scan *scan = scan_of(&p, at("doses"));
	assert_int_equal(scan->n_series, 1);
	const c5_series *s = series_called(scan, "doxo_0.5uM_2", "ch0"); /* what was done names it where no plate or well does */
	assert_string_equal(s->compound, "doxo");
	assert_string_equal(s->dose, "0.5uM");
	assert_string_equal(s->replicate, "2");
	assert_int_equal(s->t, 2);
	assert_int_equal(s->z, 3);
	c5_scan_free(scan);
	drop_settings(&p);
}

static void says_which_frames_and_channels_lack(void **state)
{
	c5_scan_params p = settings("pattern", "{well}_{channel}_t{frame}.tif", NULL);
	c5_scan_params q = settings("pattern", "{well}_{channel}_t{frame}.tif", "missing", "blank", NULL);
	(void)state;
	for (uint32_t t = 0; t < 5; t++) {
		tiny(at("lacking/A1_phase_t%u.tif", t), t);
		if (t != 2 && t != 4) tiny(at("lacking/A1_gfp_t%u.tif", t), t); /* within, and at the end where phase goes on */
		tiny(at("lacking/A2_phase_t%u.tif", t), t);
	}
	c5_scan *scan = scan_of(&p, at("lacking"));
	assert_int_equal(scan->n_series, 4);
	assert_null(series_called(scan, "A1", "phase")->error);
	assert_non_null(strstr(series_called(scan, "A1", "gfp")->error, "2, 4 missing of 5 frames"));
	assert_non_null(strstr(series_called(scan, "A2", "gfp")->error, "no channel gfp"));
	c5_scan_free(scan);
	scan = scan_of(&q, at("lacking"));
	assert_int_equal(scan->n_series, 3);
	assert_int_equal(series_called(scan, "A1", "gfp")->t, 5);
	c5_scan_free(scan);
	drop_settings(&p);
	drop_settings(&q);
}

static void refuses_two_files_for_one_frame(void **state)
{
	c5_scan_params p = settings("pattern", "{well}_t{frame}.tif", NULL), q = settings("pattern", "{condition}_{well}.tif", NULL);
	(void)state;
	tiny(at("double/A1_t1.tif"), 0);
	tiny(at("double/A1_t01.tif"), 1);
	refuses(&p, at("double"), C5_EINPUT, "A1_t1.tif", "A1_t01.tif", "frame 1", NULL);
	tiny(at("clash/old_A1.tif"), 0);
	tiny(at("clash/new_A1.tif"), 1);
	refuses(&q, at("clash"), C5_EINPUT, "condition", "'new'", "'old'", NULL);
	drop_settings(&p);
	drop_settings(&q);
}

static void names_a_file_when_nothing_matches(void **state)
{
	c5_scan_params p = settings("pattern", "{well}/t{frame}.tif", NULL), q = settings("pattern", "{well}_t{frame}.png", NULL);
	c5_scan_params r = settings("pattern", "{wall}.tif", NULL);
	(void)state;
	refuses(&p, at("double"), C5_EINPUT, "double", "no file 1 folders below", NULL);
	refuses(&q, at("double"), C5_EINPUT, "double", "none of 2 files", "A1_t", NULL);
	refuses(&r, at("double"), C5_EUSAGE, "{well}", NULL);
	drop_settings(&p);
	drop_settings(&q);
	drop_settings(&r);
}

static void takes_whole_stacks_by_pattern(void **state)
{
	c5_scan_params p = settings("pattern", "{well}_{channel}.tif", NULL);
	(void)state;
	make_tiff(at("stacks/A1_phase.tif"), (made){ .width = 12, .height = 10, .dtype = C5_U16, .pages = 4 });
	make_tiff(at("stacks/A1_gfp.tif"), (made){ .width = 12, .height = 10, .dtype = C5_U8, .pages = 4, .first_page = 50 });
	c5_scan *scan = scan_of(&p, at("stacks"));
	assert_int_equal(scan->n_series, 2);
	assert_int_equal(series_called(scan, "A1", "gfp")->dtype, C5_U8); /* channels may differ in type */
	for (uint32_t t = 0; t < 4; t++) check_frame(scan, &p, series_called(scan, "A1", "phase"), t, 0, t, 0);
	check_frame(scan, &p, series_called(scan, "A1", "gfp"), 3, 0, 53, 0);
	c5_scan_free(scan);
	drop_settings(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_fields_between_fixed_text),
		cmocka_unit_test(does_not_match_other_names),
		cmocka_unit_test(refuses_names_that_can_be_read_in_two_ways),
		cmocka_unit_test(refuses_patterns_that_make_no_sense),
		cmocka_unit_test(makes_experiments_of_plates_and_wells),
		cmocka_unit_test(takes_conditions_and_depth_from_names),
		cmocka_unit_test(says_which_frames_and_channels_lack),
		cmocka_unit_test(refuses_two_files_for_one_frame),
		cmocka_unit_test(names_a_file_when_nothing_matches),
		cmocka_unit_test(takes_whole_stacks_by_pattern),
	};
	return cmocka_run_group_tests(tests, make_test_folder, drop_test_folder);
}
