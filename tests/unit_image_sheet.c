/* unit_image_sheet.c – sample sheets: their dialects, their columns, and rows that are wrong. */
#include "support_tiff.h"

static void stack(const char *path, uint32_t pages, uint32_t first_page)
{
	make_tiff(path, (made){ .width = 12, .height = 10, .dtype = C5_U16, .pages = pages, .first_page = first_page });
}

static c5_scan *scan_sheet(const char *sheet)
{
	c5_scan_params p = settings("sheet", sheet, NULL);
	c5_scan *scan = scan_of(&p, NULL);
	drop_settings(&p);
	return scan;
}

static void refuses_sheet(const char *text, int code, const char *word)
{
	c5_scan_params p = settings("sheet", at("bad.csv"), NULL);
	c5_scan *scan = NULL;
	write_text(at("bad.csv"), text);
	int err = c5_scan_inputs(&scan, &p, 0, NULL);
	if (err != code) fail_msg("code %d, %d expected: %s", err, code, c5_error_last());
	if (!strstr(c5_error_last(), word)) fail_msg("'%s' not in: %s", word, c5_error_last());
	assert_non_null(strstr(c5_error_last(), "bad.csv"));
	drop_settings(&p);
}

static void gives_files_what_their_row_says(void **state)
{
	c5_scan_params p = settings(NULL, NULL);
	(void)state;
	stack(at("data/one.tif"), 3, 0);
	stack(at("data/two.tif"), 2, 10);
	write_text(at("sheet.csv"), "\xef\xbb\xbf"
		"path,plate,well,position,condition,compound,dose,replicate,channel,modality,pixel_size_um,frame_interval_s\r\n"
		"# a remark, with, commas\r\n"
		"\r\n"
		"data/one.tif,P1,B2,1,senescent,doxorubicin,\"1,5 \"\"uM\"\"\",2,phase,phase,0.65,600\r\n"
		"data/two.tif, P1 ,B3,,control,,,1,phase,,,\r\n");
	c5_scan *scan = scan_sheet(at("sheet.csv"));
	assert_int_equal(scan->n_series, 2);
	const c5_series *s = series_called(scan, "P1_B2_1", "phase");
	assert_string_equal(s->condition, "senescent");
	assert_string_equal(s->compound, "doxorubicin");
	assert_string_equal(s->dose, "1,5 \"uM\"");
	assert_string_equal(s->replicate, "2");
	assert_string_equal(s->modality, "phase");
	assert_true(s->pixel_size_um == 0.65);
	assert_true(s->frame_interval_s == 600);
	for (uint32_t t = 0; t < 3; t++) check_frame(scan, &p, s, t, 0, t, 0);
	s = series_called(scan, "P1_B3", "phase");
	assert_null(s->position);
	check_frame(scan, &p, s, 1, 0, 11, 0);
	c5_scan_free(scan);
	drop_settings(&p);
}

static void joins_rows_of_one_experiment_as_its_channels(void **state)
{
	c5_scan_params p = settings(NULL, NULL);
	(void)state;
	for (uint32_t z = 0; z < 4; z++) make_png(at("field/phase_z%02u.png", z), 12, 10, C5_U16, PNG_COLOR_TYPE_GRAY, z, false);
	make_png(at("field/dapi.png"), 12, 10, C5_U16, PNG_COLOR_TYPE_GRAY, 77, false);
	write_text(at("channels.csv"), "experiment;pattern;path;channel;modality\n"
		"neurons/1;phase_z{z}.png;field;trans;transmission\nneurons/1;;field/dapi.png;dapi;fluorescence\n");
	c5_scan *scan = scan_sheet(at("channels.csv"));
	assert_int_equal(scan->n_series, 2);
	const c5_series *s = series_called(scan, "neurons_1", "trans");
	assert_int_equal(s->z, 4);
	assert_string_equal(s->modality, "transmission");
	check_frame(scan, &p, s, 0, 3, 3, 0);
	s = series_called(scan, "neurons_1", "dapi");
	assert_int_equal(s->z, 1);
	check_frame(scan, &p, s, 0, 0, 77, 0);
	c5_scan_free(scan);
	drop_settings(&p);
}

static void takes_folders_and_patterns_as_rows(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		stack(at("DIC/01/t%03u.tif", i), 1, i);
		stack(at("DIC/02/t%03u.tif", i), 1, i);
		stack(at("plate/A1_t%u.tif", i), 1, i);
		stack(at("plate/A2_t%u.tif", i), 1, i);
	}
	write_text(at("rows.csv"), "path,pattern,condition,experiment\nDIC,,control,\n,plate/{well}_t{frame}.tif,treated,\nDIC/01,,again,alone\n");
	c5_scan *scan = scan_sheet(at("rows.csv"));
	assert_int_equal(scan->n_series, 5);
	assert_string_equal(series_called(scan, "DIC_02", "ch0")->condition, "control");
	assert_string_equal(series_called(scan, "A2", "ch0")->condition, "treated");
	assert_string_equal(series_called(scan, "alone", "ch0")->condition, "again");
	c5_scan_free(scan);
	write_text(at("paths.csv"), "path,condition\nplate/{well}_t{frame}.tif,treated\n"); /* a path may end in a pattern */
	scan = scan_sheet(at("paths.csv"));
	assert_int_equal(scan->n_series, 2);
	assert_string_equal(series_called(scan, "A2", "ch0")->condition, "treated");
	c5_scan_free(scan);
}

static void keeps_good_rows_when_one_names_nothing(void **state)
{
	(void)state;
	write_text(at("some.csv"), "path,experiment\ndata/one.tif,good\ndata/none.tif,lost\nDIC,both\n");
	c5_scan *scan = scan_sheet(at("some.csv"));
	assert_int_equal(scan->n_series, 3);
	assert_null(series_called(scan, "good", "ch0")->error);
	const c5_series *s = series_called(scan, "lost", "ch0");
	assert_int_equal(s->error_code, C5_EINPUT);
	assert_non_null(strstr(s->error, "some.csv:3"));
	assert_non_null(strstr(s->error, "none.tif"));
	s = series_called(scan, "both", "ch0");
	assert_non_null(strstr(s->error, "some.csv:4"));
	assert_non_null(strstr(s->error, "several (DIC_01, DIC_02"));
	c5_scan_free(scan);
}

static void refuses_sheets_that_cannot_be_understood(void **state)
{
	(void)state;
	refuses_sheet("path,wel\na,b\n", C5_EINPUT, "did you mean 'well'?");
	refuses_sheet("path,genotype\na,b\n", C5_EINPUT, "unknown column 'genotype'");
	refuses_sheet("path,well,path\na,b,c\n", C5_EINPUT, "'path' twice");
	refuses_sheet("well,plate\na,b\n", C5_EINPUT, "no column 'path'");
	refuses_sheet("", C5_EINPUT, "empty");
	refuses_sheet("# only remarks\n", C5_EINPUT, "empty");
	refuses_sheet("path,well\n", C5_EINPUT, "no row");
	refuses_sheet("path,well\ndata/one.tif\n", C5_EINPUT, "bad.csv:2: 1 cells, 2 expected");
	refuses_sheet("path,well\ndata/one.tif,A1,x\n", C5_EINPUT, "3 cells");
	refuses_sheet("path,well\n,A1\n", C5_EINPUT, "neither path nor pattern");
	refuses_sheet("path,well\n\"data/one.tif,A1\n", C5_EINPUT, "quote is not closed");
	refuses_sheet("path,well\n\"data\"/one.tif,A1\n", C5_EINPUT, "after a closing quote");
	refuses_sheet("path,pixel_size_um\ndata/one.tif,-1\n", C5_EINPUT, "pixel_size_um '-1'");
	refuses_sheet("path,frame_interval_s\ndata/one.tif,ten\n", C5_EINPUT, "frame_interval_s 'ten'");
	refuses_sheet("path,modality\ndata/one.tif,xray\n", C5_EINPUT, "modality 'xray'");
	refuses_sheet("path,modality\ndata/one.tif,flourescence\n", C5_EINPUT, "did you mean 'fluorescence'?");
	refuses_sheet("path,pattern\n,{wel}.tif\n", C5_EUSAGE, "bad.csv:2");
	c5_scan_params p = settings("sheet", at("nowhere.csv"), NULL);
	c5_scan *scan;
	assert_int_equal(c5_scan_inputs(&scan, &p, 0, NULL), C5_EINPUT);
	assert_non_null(strstr(c5_error_last(), "nowhere.csv"));
	drop_settings(&p);
	p = settings("sheet", at("data"), NULL);
	assert_int_equal(c5_scan_inputs(&scan, &p, 0, NULL), C5_EINPUT);
	drop_settings(&p);
}

static void refuses_two_rows_for_one_channel(void **state)
{
	c5_scan_params p = settings("sheet", at("bad.csv"), NULL);
	c5_scan *scan;
	(void)state;
	write_text(at("bad.csv"), "path,experiment\ndata/one.tif,a\ndata/two.tif,a\n");
	assert_int_equal(c5_scan_inputs(&scan, &p, 0, NULL), C5_EINPUT);
	assert_non_null(strstr(c5_error_last(), "one.tif and "));
	assert_non_null(strstr(c5_error_last(), "two.tif are both frame 0"));
	drop_settings(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_files_what_their_row_says),
		cmocka_unit_test(joins_rows_of_one_experiment_as_its_channels),
		cmocka_unit_test(takes_folders_and_patterns_as_rows),
		cmocka_unit_test(keeps_good_rows_when_one_names_nothing),
		cmocka_unit_test(refuses_sheets_that_cannot_be_understood),
		cmocka_unit_test(refuses_two_rows_for_one_channel),
	};
	return cmocka_run_group_tests(tests, make_test_folder, drop_test_folder);
}
