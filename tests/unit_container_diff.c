/* unit_container_diff.c – diff and digest tell content from circumstance: each change of content is found at its place, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <hdf5.h>

#include "container/diff.h"
#include "container/digest.h"
#include "container/neutral.h"
#include "container_sample.h"

typedef struct lines { char *text; uint64_t n; } lines;

static void add(void *to, const char *path, const char *text)
{
	lines *l = to;
	char *more = c5_format("%s%s: %s\n", l->text ? l->text : "", path, text);
	free(l->text);
	l->text = more;
	l->n++;
}

static lines compare(const char *x, const char *y, const char *glob)
{
	lines l = { 0 };
	c5_file *a, *b;
	uint64_t n = 0;
	MUST(c5_file_open(&a, x, C5_READ, NULL));
	MUST(c5_file_open(&b, y, C5_READ, NULL));
	if (c5_diff(a, b, glob, add, &l, &n) < 0) fail_msg("%s", c5_error_last());
	assert_int_equal(n, l.n);
	MUST(c5_file_close(a));
	MUST(c5_file_close(b));
	return l;
}

static int add_digest(void *to, const char *path, const char *hex)
{
	assert_int_equal(strlen(hex), 64);
	add(to, path, hex);
	return C5_OK;
}

static lines digests(const char *path, const char *below)
{
	lines l = { 0 };
	c5_file *f;
	MUST(c5_file_open(&f, path, C5_READ, NULL));
	if (c5_digest(f, below, add_digest, &l) < 0) fail_msg("%s", c5_error_last());
	MUST(c5_file_close(f));
	return l;
}

static void edit(const char *path, void (*change)(c5_file *))
{
	c5_file *f;
	MUST(c5_file_open(&f, path, C5_WRITE, "test"));
	change(f);
	MUST(c5_file_commit(f, false));
	MUST(c5_file_close(f));
}

/* ---- circumstance ---- */

static void other_circumstances(c5_file *f)
{
	c5_run_info r;
	MUST(c5_run_read(f, 2, &r));
	free(r.hosts);
	free(r.command_line);
	free(r.inputs);
	free(r.configuration);
	r.hosts = c5_strdup("elsewhere");
	r.command_line = c5_strdup("mpirun -n 4 cyto5 run");
	r.inputs = c5_strdup("somewhere else\n");
	r.configuration = c5_strdup("container: b.h5\nmethod: otsu\nsigma: 1.5\ninputs:\n  - /x/y.tif\n- /z.tif\n");
	r.ranks = 4;
	r.threads = 1;
	MUST(c5_run_resume(f, &r));
	MUST(c5_run_end(f, &r, "complete"));
	c5_run_info_free(&r);
	MUST(c5_attr_set_str(f, "/experiments/A01/sources/phase", "folder", "/another/folder"));
	MUST(c5_attr_set_str(f, "/", "uuid", "another"));
}

static void circumstances_make_no_difference(void **state)
{
	const char *other = scratch("other.h5");
	sleep(1); /* another time of day */
	sample_container(other);
	edit(other, other_circumstances);
	lines l = compare(*state, other, NULL);
	if (l.n) fail_msg("%s", l.text);
	lines a = digests(*state, NULL), b = digests(other, NULL);
	assert_string_equal(a.text, b.text);
	assert_true(a.n >= 20);
	free(a.text);
	free(b.text);
}

static void times_of_source_files_are_no_content(void **state)
{
	(void)state;
	struct __attribute__((packed)) { uint32_t frame; int64_t mtime_ns; uint32_t z; } rows[2] = { { 0, 5, 0 }, { 1, 6, 0 } };
	const char *paths[3] = { scratch("m1.h5"), scratch("m2.h5"), scratch("m3.h5") };
	for (int i = 0; i < 3; i++) {
		c5_file *f;
		c5_array_spec s;
		MUST(c5_file_create(paths[i], ""));
		MUST(c5_file_open(&f, paths[i], C5_WRITE, "test"));
		rows[0].mtime_ns = i * 1000;
		if (i == 2) rows[1].z = 7;
		MUST(c5_spec_table(&s, "/experiments/A/sources/c", 2, 2));
		MUST(c5_spec_column(&s, "frame", C5_U32));
		MUST(c5_spec_column(&s, "mtime_ns", C5_I64));
		MUST(c5_spec_column(&s, "z", C5_U32));
		sample_array(f, &s, rows);
		MUST(c5_file_commit(f, false));
		MUST(c5_file_close(f));
	}
	lines same = compare(paths[0], paths[1], NULL), other = compare(paths[0], paths[2], NULL);
	lines a = digests(paths[0], NULL), b = digests(paths[1], NULL), c = digests(paths[2], NULL);
	assert_int_equal(same.n, 0);
	assert_string_equal(other.text, "/experiments/A/sources/c: 1 of 2 rows differ; row 1, z: 0 in the first, 7 in the second\n");
	assert_string_equal(a.text, b.text);
	assert_string_not_equal(a.text, c.text);
	free(other.text);
	free(a.text);
	free(b.text);
	free(c.text);
}

static void configurations_are_compared_without_their_places(void **state)
{
	(void)state;
	char text[] = "title: x\ncontainer: a.h5\ninputs: [a, b]\ncommit-every-s: 60\ninputs:\n  - a\n- b\nsteps:\n  - segment: {sigma: 1}\n  inputs: "
		"kept\n";
	c5_neutral_configuration(text);
	assert_string_equal(text, "title: x\nsteps:\n  - segment: {sigma: 1}\n  inputs: kept\n");
}

/* ---- content ---- */

static void one_pixel(c5_file *f)
{
	c5_codec *codec;
	c5_array *a;
	uint16_t chunk[HEIGHT * WIDTH];
	uint8_t packed[4 * HEIGHT * WIDTH];
	size_t size;
	MUST(c5_codec_open(&codec));
	MUST(c5_array_open(&a, f, "/experiments/A02/raw/gfp"));
	MUST(c5_array_read_chunk(a, codec, 3, chunk));
	chunk[10 * WIDTH + 12]++;
	MUST(c5_chunk_encode(codec, chunk, sizeof chunk, 2, packed, &size));
	MUST(c5_array_write_chunk(a, 3, packed, size));
	c5_array_close(a);
	c5_codec_close(codec);
}
static void another_setting(c5_file *f) { MUST(c5_text_set(f, "/runs/r000002/configuration", "method: otsu\nsigma: 2.5\n")); }
static void another_plate(c5_file *f) { MUST(c5_attr_set_str(f, "/experiments/A01", "plate", "P2")); }
static void no_plate(c5_file *f) { MUST(c5_attr_set_f64(f, "/experiments/A01", "plate", 2)); }
static void more_attr(c5_file *f) { MUST(c5_attr_set_i64(f, "/experiments/A01", "extra", 2)); }
static void more_group(c5_file *f) { MUST(c5_group_make(f, "/experiments/A01/extra")); }
static void no_gfp(c5_file *f) { MUST(c5_unlink(f, "/experiments/A01/raw/gfp")); }
static void other_latest(c5_file *f) { MUST(c5_link_set(f, "/experiments/A01/masks/latest", "r000009")); }
static void text_for_table(c5_file *f)
{
	MUST(c5_unlink(f, "/experiments/A01/objects/r000002"));
	MUST(c5_text_set(f, "/experiments/A01/objects/r000002", "x"));
}
static void other_type(c5_file *f)
{
	c5_array_spec s;
	MUST(c5_unlink(f, "/experiments/A01/masks/r000002"));
	MUST(c5_spec_stack(&s, "/experiments/A01/masks/r000002", C5_U16, FRAMES, 0, HEIGHT, WIDTH));
	sample_axes(&s);
	MUST(c5_array_create(f, &s));
	c5_spec_free(&s);
}

static void what_differs_is_named_with_its_place(void **state)
{
	static const struct { void (*change)(c5_file *); const char *line; } cases[] = {
		{ one_pixel, "/experiments/A02/raw/gfp: 1 of 3840 values differ; [3, 10, 12]: " },
		{ another_setting, "/runs/r000002/configuration: the texts differ from line 2 on\n" },
		{ another_plate, "/experiments/A01: attribute plate is 'P1' in the first, 'P2' in the second\n" },
		{ no_plate, "/experiments/A01: attribute plate is text in the first, real in the second\n" },
		{ more_attr, "/experiments/A01: attribute extra is only in the second\n" },
		{ more_group, "/experiments/A01/extra: is only in the second\n" },
		{ no_gfp, "/experiments/A01/raw/gfp: is only in the first\n" },
		{ other_latest, "/experiments/A01/masks/latest: points at r000002 in the first, at r000009 in the second\n" },
		{ text_for_table, "/experiments/A01/objects/r000002: is table in the first, text in the second\n" },
		{ other_type, "/experiments/A01/masks/r000002: is uint32 of 3 dimensions in the first, uint16 of 3 in the second\n" },
	};
	const char *other = scratch("changed.h5");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		copy_file(*state, other);
		edit(other, cases[i].change);
		lines l = compare(*state, other, NULL), back = compare(other, *state, NULL);
		if (!l.text || !strstr(l.text, cases[i].line)) fail_msg("expected %s, found %s", cases[i].line, l.text ? l.text : "nothing");
		assert_int_equal(l.n, back.n);
		assert_true(l.n <= 2);
		free(l.text);
		free(back.text);
	}
}

static void a_glob_chooses_experiments(void **state)
{
	const char *other = scratch("glob.h5");
	copy_file(*state, other);
	edit(other, one_pixel); /* of A02 */
	edit(other, another_setting); /* of no experiment */
	lines a = compare(*state, other, "A01"), b = compare(*state, other, "A*"), all = compare(*state, other, NULL);
	assert_int_equal(a.n, 0);
	assert_int_equal(b.n, 1);
	assert_int_equal(all.n, 2);
	free(b.text);
	free(all.text);
}

static void digests_change_with_the_content_alone(void **state)
{
	const char *other = scratch("digest.h5");
	copy_file(*state, other);
	edit(other, one_pixel);
	lines a = digests(*state, "/experiments/A02/raw/gfp"), b = digests(other, "/experiments/A02/raw/gfp");
	assert_int_equal(a.n, 1);
	assert_string_not_equal(a.text, b.text);
	free(a.text);
	free(b.text);
	a = digests(*state, "/experiments/A02/raw/phase"), b = digests(other, "/experiments/A02/raw/phase");
	assert_string_equal(a.text, b.text);
	free(a.text);
	free(b.text);
	c5_file *f;
	lines none = { 0 };
	MUST(c5_file_open(&f, *state, C5_READ, NULL));
	assert_int_equal(c5_digest(f, "/nothing", add_digest, &none), C5_ENOTFOUND);
	MUST(c5_file_close(f));
}

/* The same pixels in other chunks, filters and byte places are the same content. */
static void chunks_make_no_difference(void **state)
{
	(void)state;
	const char *paths[2] = { scratch("c1.h5"), scratch("c2.h5") };
	enum { T = 3, H = 20, W = 30 };
	static uint16_t pixels[T][H][W];
	for (int t = 0; t < T; t++)
		for (int y = 0; y < H; y++)
			for (int x = 0; x < W; x++) pixels[t][y][x] = sample_pixel(3, (uint64_t)t, (uint64_t)y, (uint64_t)x);
	for (int i = 0; i < 2; i++) {
		hsize_t dims[3] = { T, H, W }, chunk[3] = { 1, i ? 7 : H, i ? 11 : W };
		MUST(c5_file_create(paths[i], ""));
		hid_t h = H5Fopen(paths[i], H5F_ACC_RDWR, H5P_DEFAULT), space = H5Screate_simple(3, dims, NULL), list = H5Pcreate(H5P_DATASET_CREATE);
		H5Pset_chunk(list, 3, chunk);
		H5Pset_shuffle(list);
		H5Pset_deflate(list, i ? 9 : 1);
		H5Pset_fletcher32(list);
		hid_t d = H5Dcreate2(h, "/models/x", H5T_STD_U16LE, space, H5P_DEFAULT, list, H5P_DEFAULT);
		assert_true(H5Dwrite(d, H5T_NATIVE_UINT16, H5S_ALL, H5S_ALL, H5P_DEFAULT, pixels) >= 0);
		H5Dclose(d);
		H5Pclose(list);
		d = H5Dcreate2(h, "/models/flat", H5T_STD_U16LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
		H5Dwrite(d, H5T_NATIVE_UINT16, H5S_ALL, H5S_ALL, H5P_DEFAULT, pixels);
		H5Dclose(d);
		H5Sclose(space);
		H5Fclose(h);
	}
	lines l = compare(paths[0], paths[1], NULL), a = digests(paths[0], NULL), b = digests(paths[1], NULL), x = digests(paths[0], "/models/x"),
		flat = digests(paths[0], "/models/flat");
	if (l.n) fail_msg("%s", l.text);
	assert_string_equal(a.text, b.text);
	assert_string_equal(strchr(x.text, ' '), strchr(flat.text, ' '));
	free(a.text);
	free(b.text);
	free(x.text);
	free(flat.text);
}

static int make_all(void **state)
{
	H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
	*state = c5_strdup(scratch("sample.h5"));
	sample_container(*state);
	return 0;
}

static int free_all(void **state)
{
	free(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(circumstances_make_no_difference),
		cmocka_unit_test(times_of_source_files_are_no_content),
		cmocka_unit_test(configurations_are_compared_without_their_places),
		cmocka_unit_test(what_differs_is_named_with_its_place),
		cmocka_unit_test(a_glob_chooses_experiments),
		cmocka_unit_test(digests_change_with_the_content_alone),
		cmocka_unit_test(chunks_make_no_difference),
	};
	return cmocka_run_group_tests(tests, make_all, free_all);
}
