/* unit_image_ome.c – OME-TIFF: which page is which plane, by every rule of the specification we read. */
#include "support_tiff.h"

#include <math.h>

#define HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?><OME xmlns=\"http://www.openmicroscopy.org/Schemas/OME/2016-06\">"

static const char *text(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static const char *text(const char *fmt, ...)
{
	static char buffers[4][8192];
	static unsigned turn;
	char *to = buffers[turn++ % 4];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(to, 8192, fmt, ap);
	va_end(ap);
	return to;
}

/* Pages numbered from `first_page`. */
static void make_ome(const char *path, uint32_t pages, uint32_t first_page, const char *xml)
{
	make_tiff(path, (made){ .width = 16, .height = 12, .dtype = C5_U16, .pages = pages, .first_page = first_page, .description = xml });
}

static void finds_every_plane_in_all_six_dimension_orders(void **state)
{
	static const char *const orders[] = { "XYZCT", "XYZTC", "XYCTZ", "XYCZT", "XYTCZ", "XYTZC" };
	c5_scan_params p = settings(NULL, NULL);
	(void)state;
	for (int i = 0; i < 6; i++) {
		make_ome(at("order.ome.tif"), 24, 0, text(HEAD "<Image ID=\"Image:0\" Name=\"a\"><Pixels DimensionOrder=\"%s\" SizeX=\"16\" SizeY=\"12\" "
			"SizeZ=\"3\" SizeC=\"2\" SizeT=\"4\" Type=\"uint16\"><Channel Name=\"phase\"/><Channel Name=\"GFP\"/><TiffData/></Pixels></Image></OME>",
				orders[i]));
		c5_scan *scan = scan_of(&p, at("order.ome.tif"));
		assert_int_equal(scan->n_series, 2);
		assert_string_equal(scan->series[0].experiment, "order");
		for (uint32_t c = 0; c < 2; c++) {
			const c5_series *s = series_called(scan, "order", c ? "GFP" : "phase");
			assert_int_equal(s->t, 4);
			assert_int_equal(s->z, 3);
			for (uint32_t t = 0; t < 4; t++)
				for (uint32_t z = 0; z < 3; z++) {
					uint32_t page = 0, step = 1;
					for (int d = 2; d < 5; d++) {
						char dim = orders[i][d];
						page += step * (dim == 'Z' ? z : dim == 'C' ? c : t);
						step *= dim == 'Z' ? 3 : dim == 'C' ? 2 : 4;
					}
					check_frame(scan, &p, s, t, z, page, 0);
				}
		}
		c5_scan_free(scan);
	}
	drop_settings(&p);
}

static void takes_sizes_units_and_modalities_from_the_metadata(void **state)
{
	c5_scan_params p = settings(NULL, NULL), q = settings("pixel-size", "0.5", "interval", "7", NULL);
	(void)state;
	make_ome(at("units.ome.tif"), 2, 0, HEAD "<Image ID=\"Image:0\"><Pixels DimensionOrder=\"XYCZT\" SizeX=\"16\" SizeY=\"12\" SizeZ=\"1\" SizeC=\"2\" "
		"SizeT=\"1\" PhysicalSizeX=\"325\" PhysicalSizeXUnit=\"nm\" PhysicalSizeZ=\"1.5\" TimeIncrement=\"2\" TimeIncrementUnit=\"min\" Type=\"uint16\">"
		"<Channel Name=\"trans\" ContrastMethod=\"Phase\"/><Channel Name=\"stain\" ContrastMethod=\"Fluorescence\" EmissionWavelength=\"525\"/><TiffData/>"
		"</Pixels></Image></OME>");
	c5_scan *scan = scan_of(&p, at("units.ome.tif"));
	const c5_series *s = series_called(scan, "units", "stain");
	assert_true(fabs(s->pixel_size_um - 0.325) < 1e-12);
	assert_true(s->z_step_um == 1.5);
	assert_true(s->frame_interval_s == 120);
	assert_true(fabs(s->wavelength_nm - 525) < 1e-9);
	assert_string_equal(s->modality, "fluorescence");
	s = series_called(scan, "units", "trans");
	assert_string_equal(s->modality, "phase");
	assert_true(isnan(s->wavelength_nm));
	c5_scan_free(scan);

	make_ome(at("units.ome.tif"), 1, 0, HEAD "<Image><Pixels DimensionOrder=\"XYCZT\" SizeX=\"16\" SizeY=\"12\" SizeZ=\"1\" SizeC=\"1\" SizeT=\"1\" "
		"PhysicalSizeX=\"0.65\" TimeIncrement=\"30\" Type=\"uint16\"><TiffData/></Pixels></Image></OME>");
	scan = scan_of(&p, at("units.ome.tif"));
	assert_true(scan->series->pixel_size_um == 0.65); /* micrometres and seconds when no unit is stated */
	assert_true(scan->series->frame_interval_s == 30);
	assert_string_equal(scan->series->channel, "ch0");
	c5_scan_free(scan);
	scan = scan_of(&q, at("units.ome.tif"));
	assert_true(scan->series->pixel_size_um == 0.5);
	assert_true(scan->series->frame_interval_s == 7);
	c5_scan_free(scan);

	make_ome(at("units.ome.tif"), 1, 0, HEAD "<Image><Pixels DimensionOrder=\"XYCZT\" SizeX=\"16\" SizeY=\"12\" SizeZ=\"1\" SizeC=\"1\" SizeT=\"1\" "
		"PhysicalSizeX=\"3\" PhysicalSizeXUnit=\"pixel\" Type=\"uint16\"><TiffData/></Pixels></Image></OME>");
	scan = scan_of(&p, at("units.ome.tif"));
	assert_true(isnan(scan->series->pixel_size_um)); /* a length in pixels is none */
	c5_scan_free(scan);
	drop_settings(&p);
	drop_settings(&q);
}

static void places_runs_of_pages_as_tiffdata_say(void **state)
{
	c5_scan_params p = settings(NULL, NULL);
	(void)state;
	/* T=6: frames 0-2 are pages 4-6, frame 3 page 0 (PlaneCount 1 when IFD is given), frames 4-5 pages 2-3; page 1 and 7 are nobody's. */
	make_ome(at("runs.ome.tif"), 8, 0, HEAD "<Image><Pixels DimensionOrder=\"XYZCT\" SizeX=\"16\" SizeY=\"12\" SizeZ=\"1\" SizeC=\"1\" SizeT=\"6\" "
		"Type=\"uint16\"><TiffData IFD=\"4\" PlaneCount=\"3\"/><TiffData FirstT=\"3\" IFD=\"0\"/><TiffData FirstT=\"4\" IFD=\"2\" "
			"PlaneCount=\"2\"/></Pixels></Image></OME>");
	static const uint32_t pages[] = { 4, 5, 6, 0, 2, 3 };
	c5_scan *scan = scan_of(&p, at("runs.ome.tif"));
	assert_int_equal(scan->series->t, 6);
	for (uint32_t t = 0; t < 6; t++) check_frame(scan, &p, scan->series, t, 0, pages[t], 0);
	c5_scan_free(scan);

	make_ome(at("runs.ome.tif"), 5, 0, HEAD "<Image><Pixels DimensionOrder=\"XYZCT\" SizeX=\"16\" SizeY=\"12\" SizeZ=\"1\" SizeC=\"1\" SizeT=\"3\" "
		"Type=\"uint16\"></Pixels></Image></OME>");
	scan = scan_of(&p, at("runs.ome.tif")); /* no TiffData: all in order, the surplus passed over */
	assert_int_equal(scan->series->t, 3);
	check_frame(scan, &p, scan->series, 2, 0, 2, 0);
	c5_scan_free(scan);
	drop_settings(&p);
}

static void says_which_frames_lack_when_pages_are_fewer_than_planes(void **state)
{
	c5_scan_params p = settings(NULL, NULL), q = settings("missing", "blank", NULL);
	uint16_t got[16 * 12], zeros[16 * 12] = { 0 };
	c5_frame_reader *reader;
	(void)state;
	make_ome(at("short.ome.tif"), 3, 0, HEAD "<Image><Pixels DimensionOrder=\"XYZCT\" SizeX=\"16\" SizeY=\"12\" SizeZ=\"1\" SizeC=\"1\" SizeT=\"5\" "
		"Type=\"uint16\"><TiffData/></Pixels></Image></OME>");
	refuses(&p, at("short.ome.tif"), C5_EINPUT, "short.ome.tif", "3-4", "--missing blank", NULL);
	c5_scan *scan = scan_of(&q, at("short.ome.tif"));
	assert_int_equal(scan->series->t, 5);
	check_frame(scan, &q, scan->series, 2, 0, 2, 0);
	assert_int_equal(c5_frame_reader_open(&reader, scan, &q), C5_OK);
	memset(got, 1, sizeof got);
	assert_int_equal(c5_frame_read(reader, scan->series, 4, 0, got), C5_OK);
	assert_memory_equal(got, zeros, sizeof got);
	c5_frame_reader_close(reader);
	c5_scan_free(scan);
	drop_settings(&p);
	drop_settings(&q);
}

static const char *set_xml(const char *of)
{
	return text(HEAD "<Image ID=\"Image:0\"><Pixels DimensionOrder=\"XYZCT\" SizeX=\"16\" SizeY=\"12\" SizeZ=\"1\" SizeC=\"1\" SizeT=\"4\" "
		"Type=\"uint16\"><TiffData FirstT=\"0\" IFD=\"0\" PlaneCount=\"2\"><UUID FileName=\"set_0.ome.tif\">urn:uuid:0</UUID></TiffData>"
		"<TiffData FirstT=\"2\" IFD=\"0\" PlaneCount=\"2\"><UUID FileName=\"%s\">urn:uuid:1</UUID></TiffData></Pixels></Image></OME>", of);
}

static void joins_files_of_a_set_whichever_is_named(void **state)
{
	c5_scan_params p = settings(NULL, NULL);
	const char *inputs[] = { at("set/set_0.ome.tif"), at("set/set_1.ome.tif"), at("set") };
	(void)state;
	make_ome(inputs[0], 2, 0, set_xml("set_1.ome.tif"));
	make_ome(inputs[1], 2, 2, set_xml("set_1.ome.tif"));
	for (int i = 0; i < 3; i++) {
		c5_scan *scan = scan_of(&p, inputs[i]);
		assert_int_equal(scan->n_series, 1);
		assert_int_equal(scan->n_files, 2);
		assert_string_equal(scan->series->experiment, "set");
		assert_int_equal(scan->series->t, 4);
		for (uint32_t t = 0; t < 4; t++) check_frame(scan, &p, scan->series, t, 0, t, 0);
		c5_scan_free(scan);
	}
	drop_settings(&p);
}

static void names_the_file_when_one_of_a_set_is_gone(void **state)
{
	c5_scan_params p = settings(NULL, NULL);
	(void)state;
	make_ome(at("lost/set_0.ome.tif"), 2, 0, set_xml("elsewhere.ome.tif"));
	refuses(&p, at("lost/set_0.ome.tif"), C5_EINPUT, "elsewhere.ome.tif", "2-3", NULL);
	drop_settings(&p);
}

static void reads_a_file_that_was_renamed(void **state)
{
	c5_scan_params p = settings(NULL, NULL);
	(void)state;
	make_ome(at("new name.ome.tif"), 2, 0, HEAD "<Image><Pixels DimensionOrder=\"XYZCT\" SizeX=\"16\" SizeY=\"12\" SizeZ=\"1\" SizeC=\"1\" SizeT=\"2\" "
		"Type=\"uint16\"><TiffData IFD=\"0\" FirstT=\"1\"><UUID FileName=\"old.ome.tif\">urn:uuid:9</UUID></TiffData>"
		"<TiffData IFD=\"1\" FirstT=\"0\"><UUID FileName=\"old.ome.tif\">urn:uuid:9</UUID></TiffData></Pixels></Image></OME>");
	c5_scan *scan = scan_of(&p, at("new name.ome.tif"));
	assert_string_equal(scan->series->experiment, "new name");
	check_frame(scan, &p, scan->series, 0, 0, 1, 0);
	check_frame(scan, &p, scan->series, 1, 0, 0, 0);
	c5_scan_free(scan);
	drop_settings(&p);
}

static void follows_binary_only_to_the_companion(void **state)
{
	c5_scan_params p = settings(NULL, NULL);
	const char *pointer = "<?xml version=\"1.0\"?><OME><BinaryOnly MetadataFile=\"run.companion.ome\" UUID=\"urn:uuid:c\"/></OME>";
	const char *inputs[] = { at("companion/b_0.ome.tif"), at("companion/b_1.ome.tif"), at("companion"), at("companion/run.companion.ome") };
	(void)state;
	make_ome(inputs[0], 2, 0, pointer);
	make_ome(inputs[1], 2, 2, pointer);
	refuses(&p, inputs[0], C5_EINPUT, "b_0.ome.tif", "run.companion.ome", "not beside it", NULL);
	write_text(inputs[3], HEAD "<Image><Pixels DimensionOrder=\"XYZCT\" SizeX=\"16\" SizeY=\"12\" SizeZ=\"1\" SizeC=\"1\" SizeT=\"4\" Type=\"uint16\">"
		"<TiffData FirstT=\"0\" IFD=\"0\" PlaneCount=\"2\"><UUID FileName=\"b_0.ome.tif\">urn:uuid:0</UUID></TiffData>"
		"<TiffData FirstT=\"2\" IFD=\"0\" PlaneCount=\"2\"><UUID FileName=\"b_1.ome.tif\">urn:uuid:1</UUID></TiffData></Pixels></Image></OME>");
	for (int i = 0; i < 4; i++) {
		c5_scan *scan = scan_of(&p, inputs[i]);
		assert_int_equal(scan->n_series, 1);
		assert_string_equal(scan->series->experiment, "run");
		for (uint32_t t = 0; t < 4; t++) check_frame(scan, &p, scan->series, t, 0, t, 0);
		c5_scan_free(scan);
	}
	drop_settings(&p);
}

static void makes_an_experiment_of_each_image(void **state)
{
	c5_scan_params p = settings(NULL, NULL);
	const char *pixels = "<Pixels DimensionOrder=\"XYZCT\" SizeX=\"16\" SizeY=\"12\" SizeZ=\"1\" SizeC=\"1\" SizeT=\"2\" Type=\"uint16\">";
	(void)state;
	make_ome(at("many.ome.tif"), 4, 0, text(HEAD "<Image ID=\"Image:0\" Name=\"Pos 1\">%s<TiffData IFD=\"0\" PlaneCount=\"2\"/></Pixels></Image>"
		"<Image ID=\"Image:1\" Name=\"Pos/2\">%s<TiffData IFD=\"2\" PlaneCount=\"2\"/></Pixels></Image></OME>", pixels, pixels));
	c5_scan *scan = scan_of(&p, at("many.ome.tif"));
	assert_int_equal(scan->n_series, 2);
	check_frame(scan, &p, series_called(scan, "many_Pos 1", "ch0"), 1, 0, 1, 0);
	check_frame(scan, &p, series_called(scan, "many_Pos_2", "ch0"), 1, 0, 3, 0);
	c5_scan_free(scan);

	make_ome(at("wells.ome.tif"), 4, 0, text(HEAD "<Plate ID=\"Plate:0\" Name=\"P7\"><Well ID=\"Well:0\" Row=\"1\" Column=\"2\"><WellSample ID=\"s:0\" "
		"Index=\"0\"><ImageRef ID=\"Image:0\"/></WellSample><WellSample ID=\"s:1\" Index=\"1\"><ImageRef ID=\"Image:1\"/></WellSample></Well></Plate>"
		"<Image ID=\"Image:0\" Name=\"x\">%s<TiffData IFD=\"0\" PlaneCount=\"2\"/></Pixels></Image>"
		"<Image ID=\"Image:1\" Name=\"x\">%s<TiffData IFD=\"2\" PlaneCount=\"2\"/></Pixels></Image></OME>", pixels, pixels));
	scan = scan_of(&p, at("wells.ome.tif"));
	const c5_series *s = series_called(scan, "P7_B03_1", "ch0");
	assert_string_equal(s->plate, "P7");
	assert_string_equal(s->well, "B03");
	assert_string_equal(s->position, "1");
	check_frame(scan, &p, s, 0, 0, 2, 0);
	c5_scan_free(scan);
	drop_settings(&p);
}

static void never_takes_pyramid_levels_for_planes(void **state)
{
	c5_scan_params p = settings(NULL, NULL);
	(void)state;
	make_tiff(at("pyramid.ome.tif"), (made){ .width = 64, .height = 48, .dtype = C5_U16, .pages = 3, .tile = 16, .mode = "w8", .pyramid = true,
		.description = HEAD "<Image><Pixels DimensionOrder=\"XYZCT\" SizeX=\"64\" SizeY=\"48\" SizeZ=\"1\" SizeC=\"1\" SizeT=\"3\" "
			"Type=\"uint16\"><TiffData/></Pixels></Image></OME>" });
	c5_scan *scan = scan_of(&p, at("pyramid.ome.tif"));
	assert_int_equal(scan->series->t, 3);
	for (uint32_t t = 0; t < 3; t++) check_frame(scan, &p, scan->series, t, 0, t, 0);
	c5_scan_free(scan);
	drop_settings(&p);
}

static void takes_interleaved_samples_apart(void **state)
{
	c5_scan_params p = settings(NULL, NULL);
	(void)state;
	make_tiff(at("spp.ome.tif"), (made){ .width = 16, .height = 12, .dtype = C5_U8, .samples = 2, .pages = 2,
		.description = HEAD "<Image><Pixels DimensionOrder=\"XYCZT\" SizeX=\"16\" SizeY=\"12\" SizeZ=\"1\" SizeC=\"2\" SizeT=\"2\" Type=\"uint8\">"
		"<Channel SamplesPerPixel=\"2\"/><TiffData/></Pixels></Image></OME>" });
	c5_scan *scan = scan_of(&p, at("spp.ome.tif"));
	assert_int_equal(scan->n_series, 2);
	check_frame(scan, &p, series_called(scan, "spp", "ch0"), 1, 0, 1, 0);
	check_frame(scan, &p, series_called(scan, "spp", "ch1"), 1, 0, 1, 1);
	c5_scan_free(scan);
	drop_settings(&p);
}

static void tells_channels_of_the_same_name_apart(void **state)
{
	c5_scan_params p = settings(NULL, NULL);
	(void)state;
	make_ome(at("twins.ome.tif"), 2, 0, HEAD "<Image><Pixels DimensionOrder=\"XYCZT\" SizeX=\"16\" SizeY=\"12\" SizeZ=\"1\" SizeC=\"2\" SizeT=\"1\" "
		"Type=\"uint16\"><Channel Name=\"DAPI\"/><Channel Name=\"DAPI\"/><TiffData/></Pixels></Image></OME>");
	c5_scan *scan = scan_of(&p, at("twins.ome.tif"));
	check_frame(scan, &p, series_called(scan, "twins", "DAPI"), 0, 0, 0, 0);
	check_frame(scan, &p, series_called(scan, "twins", "DAPI_1"), 0, 0, 1, 0);
	c5_scan_free(scan);
	drop_settings(&p);
}

static void refuses_metadata_that_make_no_sense(void **state)
{
	static const struct { const char *xml, *word; } bad[] = {
		{ HEAD "<Image><Pixels", "not well formed" },
		{ HEAD "</OME>", "name no image" },
		{ HEAD "<Image><Pixels DimensionOrder=\"XYZ\" SizeC=\"1\" SizeT=\"1\" SizeZ=\"1\"/></Image></OME>", "DimensionOrder" },
		{ HEAD "<Image><Pixels DimensionOrder=\"XYZCT\" SizeC=\"4000000000\" SizeT=\"4000000000\" SizeZ=\"9\"/></Image></OME>", "damaged" },
		{ HEAD "<Image><Pixels DimensionOrder=\"XYZCT\" SizeC=\"-3\" SizeT=\"1\" SizeZ=\"1\"/></Image></OME>", "damaged" },
		{ "<?xml version=\"1.0\"?><!DOCTYPE OME [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;\">]><OME><Image Name=\"&b;\"/></OME>", "document type" },
	};
	c5_scan_params p = settings(NULL, NULL);
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		make_ome(at("bad.ome.tif"), 1, 0, bad[i].xml);
		refuses(&p, at("bad.ome.tif"), C5_EINPUT, "bad.ome.tif", bad[i].word, NULL);
	}
	write_text(at("x.companion.ome"), "<html/>");
	refuses(&p, at("x.companion.ome"), C5_EINPUT, "x.companion.ome", NULL);
	drop_settings(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_every_plane_in_all_six_dimension_orders),
		cmocka_unit_test(takes_sizes_units_and_modalities_from_the_metadata),
		cmocka_unit_test(places_runs_of_pages_as_tiffdata_say),
		cmocka_unit_test(says_which_frames_lack_when_pages_are_fewer_than_planes),
		cmocka_unit_test(joins_files_of_a_set_whichever_is_named),
		cmocka_unit_test(names_the_file_when_one_of_a_set_is_gone),
		cmocka_unit_test(reads_a_file_that_was_renamed),
		cmocka_unit_test(follows_binary_only_to_the_companion),
		cmocka_unit_test(makes_an_experiment_of_each_image),
		cmocka_unit_test(never_takes_pyramid_levels_for_planes),
		cmocka_unit_test(takes_interleaved_samples_apart),
		cmocka_unit_test(tells_channels_of_the_same_name_apart),
		cmocka_unit_test(refuses_metadata_that_make_no_sense),
	};
	return cmocka_run_group_tests(tests, make_test_folder, drop_test_folder);
}
