/* unit_image_bad.c – damaged, foreign and absurd files: one clear line each, and never a crash, a leak or a great allocation. */
#include "support_tiff.h"

#include <math.h>
#include <sys/resource.h>
#include <time.h>

static c5_scan_params plain; /* defaults */

/* A classic file of one page by hand: side x side pixels of `bits`, its data at byte 512. Tags given replace the usual ones. */
static void hand_made(const char *path, uint32_t side, uint16_t bits, const raw_tag *instead, size_t n_instead, size_t data_bytes)
{
	raw_tag tags[16] = { { 256, 4, 1, side }, { 257, 4, 1, side }, { 258, 3, 1, bits }, { 259, 3, 1, 1 }, { 262, 3, 1, 1 }, { 273, 4, 1, 512 },
		{ 277, 3, 1, 1 }, { 278, 4, 1, side }, { 279, 4, 1, side * side * bits / 8 } };
	size_t n = 9;
	for (size_t i = 0; i < n_instead; i++) {
		size_t k = 0;
		while (k < n && tags[k].tag != instead[i].tag) k++;
		if (k == n) n++;
		tags[k] = instead[i];
	}
	uint8_t *bytes = calloc(512 + data_bytes, 1);
	raw_head(bytes, false, 8);
	raw_directory(bytes + 8, false, tags, n, 0);
	write_bytes(path, bytes, 512 + data_bytes);
	free(bytes);
}

static void with_tag(uint16_t tag, uint16_t type, uint32_t value, const char *word)
{
	hand_made(at("tag.tif"), 16, 8, &(raw_tag){ tag, type, 1, value }, 1, 256);
	refuses(&plain, at("tag.tif"), C5_EINPUT, "tag.tif", word, NULL);
}

static void reads_the_hand_made_file_when_nothing_is_wrong_with_it(void **state)
{
	(void)state;
	hand_made(at("sound.tif"), 16, 8, NULL, 0, 256);
	c5_scan *scan = scan_of(&plain, at("sound.tif"));
	assert_int_equal(scan->series->width, 16);
	c5_scan_free(scan);
}

static void believes_of_private_tags_what_can_be_read(void **state)
{
	(void)state;
	const uint32_t places[] = { 520, 4000 }; /* of the pixel size: in the file, and beyond it */
	for (int i = 0; i < 2; i++) {
		const raw_tag nikon[] = { { 65325, 12, 1, 512 }, { 65326, 12, 1, places[i] } };
		const double um = 0.8707951277094507;
		size_t n;
		hand_made(at("nikon.tif"), 16, 8, nikon, 2, 256);
		uint8_t *bytes = read_bytes(at("nikon.tif"), &n);
		memcpy(bytes + 520, &um, sizeof um); /* among the pixels: a reader of tags does not mind */
		write_bytes(at("nikon.tif"), bytes, n);
		free(bytes);
		c5_scan *scan = scan_of(&plain, at("nikon.tif"));
		if (i) assert_true(isnan(scan->series->pixel_size_um));
		else assert_true(scan->series->pixel_size_um == um);
		c5_scan_free(scan);
	}
}

static void refuses_what_is_no_image(void **state)
{
	(void)state;
	write_bytes(at("empty.tif"), "", 0);
	refuses(&plain, at("empty.tif"), C5_EINPUT, "empty.tif", "empty file", NULL);
	write_text(at("text.tif"), "GIF89a");
	refuses(&plain, at("text.tif"), C5_EINPUT, "text.tif", "neither TIFF, PNG nor JPEG", "47 49 46 38", NULL);
	write_bytes(at("short.tif"), "II", 2);
	refuses(&plain, at("short.tif"), C5_EINPUT, "short.tif", "truncated", NULL);
	write_bytes(at("version.tif"), "II\x2c\0\x08\0\0\0\0\0\0\0", 12);
	refuses(&plain, at("version.tif"), C5_EINPUT, "version.tif", "version 44", NULL);
	write_bytes(at("none.tif"), "MM\0\x2a\0\0\0\0", 8);
	refuses(&plain, at("none.tif"), C5_EINPUT, "none.tif", "without an image", NULL);
	refuses(&plain, at("nowhere.tif"), C5_EINPUT, "nowhere.tif", "file or folder expected", NULL);
	assert_int_equal(mkfifo(at("pipe.tif"), 0600), 0);
	refuses(&plain, at("pipe.tif"), C5_EINPUT, "pipe.tif", "not a regular file", NULL);
	mkdir(at("folder.tif"), 0755);
	refuses(&plain, at("folder.tif"), C5_EINPUT, "folder.tif", "no TIFF, PNG or JPEG image", NULL);
	write_text(at("folder.tif/notes.txt"), "x");
	refuses(&plain, at("folder.tif"), C5_EINPUT, "1 files", "--pattern", NULL);
}

static void refuses_kinds_of_pixels_it_does_not_read(void **state)
{
	(void)state;
	with_tag(258, 3, 1, "1 bit a pixel");
	with_tag(258, 3, 12, "12-bit");
	with_tag(258, 3, 64, "64-bit");
	with_tag(262, 3, 3, "colour palette");
	with_tag(262, 3, 8, "colour model 8");
	with_tag(262, 3, 5, "colour model 5");
	with_tag(339, 3, 6, "complex");
	with_tag(259, 3, 12345, "unknown compression 12345");
	with_tag(259, 3, 34712, "JPEG 2000");
	with_tag(259, 3, 6, "old-style JPEG");
	with_tag(259, 3, 4, "CCITT");
	with_tag(277, 3, 0, "0 samples");
	with_tag(277, 3, 60000, "60000 samples");
	with_tag(284, 3, 7, "layout 7");
}

static void refuses_absurd_sizes_before_anything_is_allocated(void **state)
{
	(void)state;
	with_tag(256, 4, 0, "no size");
	with_tag(257, 4, (1u << 20) + 1, "at most 1048576 a side");
	with_tag(256, 4, UINT32_MAX, "at most 1048576 a side");
	with_tag(256, 4, 17, "reach to byte 784, the file has 768");
	with_tag(257, 4, 17, "1 strips, 2 expected");
	hand_made(at("huge.tif"), 1u << 20, 8, NULL, 0, 256);
	refuses(&plain, at("huge.tif"), C5_EINPUT, "huge.tif", "bytes, at most 8589934592", NULL);
	hand_made(at("huge.tif"), 50000, 16, NULL, 0, 256);
	refuses(&plain, at("huge.tif"), C5_EINPUT, "huge.tif", "5000000000 bytes, but the file has only 768", "copy it again", NULL);
	hand_made(at("huge.tif"), 50000, 16, &(raw_tag){ 259, 3, 1, 8 }, 1, 256); /* deflate cannot do that either */
	refuses(&plain, at("huge.tif"), C5_EINPUT, "huge.tif", "but the file has only 768", NULL);
	with_tag(322, 4, 0, "tiles of");
	hand_made(at("tile.tif"), 16, 8, (raw_tag[]){ { 322, 4, 1, 1u << 30 }, { 323, 4, 1, 1u << 30 } }, 2, 256);
	refuses(&plain, at("tile.tif"), C5_EINPUT, "tile.tif", "tiles of", NULL);
	hand_made(at("text.tif"), 16, 8, &(raw_tag){ 270, 2, 4000000000u, 400 }, 1, 256);
	refuses(&plain, at("text.tif"), C5_EINPUT, "text.tif", "description claims 4000000000 bytes", NULL);
}

static void refuses_truncated_files(void **state)
{
	size_t n;
	(void)state;
	hand_made(at("cut.tif"), 64, 8, NULL, 0, 4000); /* directory first, pixels cut */
	refuses(&plain, at("cut.tif"), C5_EINPUT, "cut.tif", "reach to byte 4608, the file has 4512", "copy it again", NULL);
	make_tiff(at("whole.tif"), (made){ .width = 30, .height = 20, .dtype = C5_U16, .pages = 3, .rows = 4 });
	uint8_t *bytes = read_bytes(at("whole.tif"), &n);
	for (size_t cut = 0; cut < n; cut += cut < 16 || cut > n - 16 ? 1 : 37) {
		write_bytes(at("cut.tif"), bytes, cut);
		refuses(&plain, at("cut.tif"), C5_EINPUT, "cut.tif", NULL);
	}
	free(bytes);
	make_png(at("whole.png"), 64, 50, C5_U16, PNG_COLOR_TYPE_GRAY, 0, false);
	bytes = read_bytes(at("whole.png"), &n);
	write_bytes(at("cut.png"), bytes, 20);
	refuses(&plain, at("cut.png"), C5_EINPUT, "cut.png", "truncated", NULL);
	write_bytes(at("cut.png"), bytes, n / 2);
	c5_scan *scan = scan_of(&plain, at("cut.png"));
	c5_frame_reader *reader;
	uint16_t *out = malloc(64 * 50 * 2);
	assert_int_equal(c5_frame_reader_open(&reader, scan, &plain), C5_OK);
	assert_int_equal(c5_frame_read(reader, scan->series, 0, 0, out), C5_EINPUT);
	assert_non_null(strstr(c5_error_last(), "cut.png"));
	c5_frame_reader_close(reader);
	c5_scan_free(scan);
	free(out);
	free(bytes);
}

static void notices_circles_of_directories(void **state)
{
	size_t n;
	(void)state;
	for (int length = 1; length <= 3; length++) {
		make_tiff(at("chain.tif"), (made){ .width = 8, .height = 8, .dtype = C5_U8, .pages = 3 });
		uint8_t *bytes = read_bytes(at("chain.tif"), &n);
		uint32_t offsets[3], next;
		memcpy(&next, bytes + 4, 4);
		for (int i = 0; i < 3; i++) {
			uint16_t tags;
			offsets[i] = next;
			memcpy(&tags, bytes + next, 2);
			if (i == 2) memcpy(bytes + next + 2 + 12 * tags, &offsets[3 - length], 4);
			else memcpy(&next, bytes + next + 2 + 12 * tags, 4);
		}
		write_bytes(at("circle.tif"), bytes, n);
		refuses(&plain, at("circle.tif"), C5_EINPUT, "circle.tif", "circle", NULL);
		free(bytes);
	}
}

static void refuses_pages_of_mixed_sizes_and_types(void **state)
{
	(void)state;
	for (int kind = 0; kind < 2; kind++) {
		TIFF *t = TIFFOpen(at("mixed.tif"), "w");
		for (uint32_t i = 0; i < 3; i++) {
			made m = { .width = 8 + (!kind && i == 2), .height = 8, .dtype = kind && i == 2 ? C5_I16 : C5_U16 };
			char *pixels = known_plane(m.dtype, 0, 0, 1, m.width, m.height);
			set_tags(t, &m, m.width, m.height);
			write_page(t, &m, m.width, m.height, pixels);
			TIFFWriteDirectory(t);
			free(pixels);
		}
		TIFFClose(t);
		refuses(&plain, at("mixed.tif"), C5_EINPUT, "mixed.tif", "image 2 is", kind ? "int16" : "9 x 8 uint16", "8 x 8 uint16", NULL);
	}
	make_tiff(at("sizes/a_t1.tif"), (made){ .width = 8, .height = 8, .dtype = C5_U8 });
	make_tiff(at("sizes/a_t2.tif"), (made){ .width = 8, .height = 9, .dtype = C5_U8 });
	refuses(&plain, at("sizes"), C5_EINPUT, "a_t2.tif", "8 x 9 uint8", "a_t1.tif is 8 x 8 uint8", "--pattern", NULL);
}

static void says_what_the_decoder_said_when_data_are_damaged(void **state)
{
	size_t n;
	(void)state;
	make_tiff(at("damaged.tif"), (made){ .width = 40, .height = 40, .dtype = C5_U16, .compression = COMPRESSION_ADOBE_DEFLATE, .pages = 2 });
	uint8_t *bytes = read_bytes(at("damaged.tif"), &n), *out = malloc(40 * 40 * 2);
	memset(bytes + 8, 0xff, 40); /* within the first strip */
	write_bytes(at("damaged.tif"), bytes, n);
	c5_scan *scan = scan_of(&plain, at("damaged.tif"));
	c5_frame_reader *reader;
	assert_int_equal(c5_frame_reader_open(&reader, scan, &plain), C5_OK);
	assert_int_equal(c5_frame_read(reader, scan->series, 0, 0, out), C5_EINPUT);
	assert_non_null(strstr(c5_error_last(), "damaged.tif"));
	assert_non_null(strstr(c5_error_last(), "cannot be decoded"));
	assert_int_equal(c5_frame_read(reader, scan->series, 1, 0, out), C5_OK); /* and goes on with the next */
	c5_frame_reader_close(reader);
	c5_scan_free(scan);
	free(bytes);
	free(out);
}

/* ---- mutations ---- */

#ifndef RANDOM_SEED
#define RANDOM_SEED 88172645463325252u
#endif
static uint64_t random_state = RANDOM_SEED;

static uint32_t draw(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 16) % below;
}

#define SEEDS 14
#ifndef MUTATIONS
#define MUTATIONS 250 /* of each seed */
#endif

static void make_seed(const char *path, int kind)
{
	static const char ome[] = "<?xml version=\"1.0\"?><OME><Image ID=\"Image:0\"><Pixels DimensionOrder=\"XYZCT\" SizeX=\"12\" SizeY=\"9\" SizeZ=\"2\" "
		"SizeC=\"1\" SizeT=\"2\" Type=\"uint16\" PhysicalSizeX=\"1\"><Channel Name=\"a\"/><TiffData IFD=\"0\" PlaneCount=\"4\"/></Pixels></Image></OME>";
	made m = { .width = 12, .height = 9, .dtype = C5_U16, .pages = 2, .rows = 4 };
	switch (kind) {
	case 0: break;
	case 1: m.compression = COMPRESSION_ADOBE_DEFLATE; m.predictor = 2; m.tile = 16; break;
	case 2: m.compression = COMPRESSION_LZW; m.mode = "wb"; break;
	case 3: m.dtype = C5_F32; m.compression = COMPRESSION_ADOBE_DEFLATE; m.predictor = 3; m.mode = "w8"; break;
	case 4: m.dtype = C5_U8; m.samples = 3; m.photometric = PHOTOMETRIC_RGB; m.separate = true; break;
	case 5:
		m.dtype = C5_U8, m.samples = 3, m.photometric = PHOTOMETRIC_YCBCR, m.compression = COMPRESSION_JPEG, m.width = m.height = 16, m.rows = 16;
		break;
	case 6: m.description = ome; m.pages = 4; break;
	case 7:
		m.description = "ImageJ=1\nimages=4\nslices=2\nframes=2\nspacing=2\nunit=um\nfinterval=3\n";
		m.pages = 4, m.resolution = 2, m.unit = 1;
		break;
	case 8: m.compression = COMPRESSION_PACKBITS; m.white = true; m.dtype = C5_I16; break;
	case 9: if (TIFFIsCODECConfigured(COMPRESSION_ZSTD)) m.compression = COMPRESSION_ZSTD; m.mode = "w8b"; m.tile = 16; break;
	case 10: m.samples = 3; m.tile = 16; break;
	case 11: m.pyramid = true; m.width = m.height = 16; m.tile = 16; break;
	case 12: make_png(path, 12, 9, C5_U16, PNG_COLOR_TYPE_GRAY, 0, false); return;
	default: make_png(path, 12, 9, C5_U8, PNG_COLOR_TYPE_RGBA, 0, true); return;
	}
	make_tiff(path, m);
}

/* Scans and reads whatever is still readable. */
static unsigned read_all(const c5_scan_params *p, const char *path, size_t file_bytes)
{
	c5_scan *scan;
	c5_frame_reader *reader;
	unsigned frames = 0;
	if (c5_scan_inputs(&scan, p, 1, &path) < 0) {
		assert_true(*c5_error_last());
		return 0;
	}
	assert_int_equal(c5_frame_reader_open(&reader, scan, p), C5_OK);
	for (size_t i = 0; i < scan->n_series; i++) {
		const c5_series *s = &scan->series[i];
		uint64_t bytes = (uint64_t)s->width * s->height * c5_dtype_size(s->dtype);
		if (s->error) continue;
		assert_true(bytes / 70000 <= file_bytes); /* what no compression can hold is not promised */
		if (bytes > (8u << 20)) continue;
		char *out = malloc(bytes);
		assert_non_null(out);
		for (uint32_t t = 0; t < s->t && t < 6; t++)
			for (uint32_t z = 0; z < c5_frame_planes(s, p) && z < 6; z++) frames += c5_frame_read(reader, s, t, z, out) == C5_OK;
		free(out);
	}
	c5_frame_reader_close(reader);
	c5_scan_free(scan);
	return frames;
}

static void survives_thousands_of_mutated_files(void **state)
{
	c5_scan_params p = settings("plane", "luminance", "missing", "blank", NULL);
	struct rusage usage;
	struct timespec start, now;
	unsigned good = 0, rounds = 0;
	(void)state;
	getrusage(RUSAGE_SELF, &usage);
	long before = usage.ru_maxrss;
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (int kind = 0; kind < SEEDS; kind++) {
		const char *name = kind >= 12 ? "mutant.png" : "mutant.tif";
		size_t n;
		if (kind == 5 && !TIFFIsCODECConfigured(COMPRESSION_JPEG)) continue;
		make_seed(at("seed"), kind);
		uint8_t *seed = read_bytes(at("seed"), &n), *bytes = malloc(n);
		for (int round = 0; round < MUTATIONS; round++, rounds++) {
			size_t length = n;
			memcpy(bytes, seed, n);
			for (uint32_t k = 1 + draw(4); k; k--) {
				uint32_t where = draw((uint32_t)n), what = draw(4);
				bytes[where] = (uint8_t)(what == 0 ? draw(256) : what == 1 ? bytes[where] ^ (1u << draw(8)) : what == 2 ? 0xff : 0);
			}
			if (draw(8) == 0) length = 1 + draw((uint32_t)n);
			write_bytes(at("%s", name), bytes, length);
			good += read_all(&p, at("%s", name), length) > 0;
		}
		free(seed);
		free(bytes);
		clock_gettime(CLOCK_MONOTONIC, &now);
	}
	getrusage(RUSAGE_SELF, &usage);
	assert_true(usage.ru_maxrss - before < 600 * 1024);
	assert_true(good > rounds / 20); /* most bytes are pixels: a good part must still be readable, or nothing was tried */
	assert_true(good < rounds);
	double seconds = (double)(now.tv_sec - start.tv_sec) + 1e-9 * (double)(now.tv_nsec - start.tv_nsec);
	printf("%u mutated files in %.1f s, %u still read, %ld KiB more memory\n", rounds, seconds, good, usage.ru_maxrss - before);
	drop_settings(&p);
}

static int set_up(void **state)
{
	plain = settings(NULL, NULL);
	return make_test_folder(state);
}

static int tear_down(void **state)
{
	drop_settings(&plain);
	return drop_test_folder(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_the_hand_made_file_when_nothing_is_wrong_with_it),
		cmocka_unit_test(believes_of_private_tags_what_can_be_read),
		cmocka_unit_test(refuses_what_is_no_image),
		cmocka_unit_test(refuses_kinds_of_pixels_it_does_not_read),
		cmocka_unit_test(refuses_absurd_sizes_before_anything_is_allocated),
		cmocka_unit_test(refuses_truncated_files),
		cmocka_unit_test(notices_circles_of_directories),
		cmocka_unit_test(refuses_pages_of_mixed_sizes_and_types),
		cmocka_unit_test(says_what_the_decoder_said_when_data_are_damaged),
		cmocka_unit_test(survives_thousands_of_mutated_files),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
