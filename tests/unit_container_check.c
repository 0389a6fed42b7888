/* unit_container_check.c – every way to break a container that we can think of is found and named; random damage never brings us down. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <hdf5.h>
#include <sys/wait.h>

#include "container/check.h"
#include "container/object.h"
#include "container_sample.h"

/* HDF5 itself loses memory over damaged object headers. Ids left open are told by c5_file_close. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) { return "leak:libhdf5"; }

/* ---- running it ---- */

typedef struct found { char *lines; size_t n; int errors, warnings; } found;

static void take(void *to, int severity, const char *path, const char *text)
{
	found *f = to;
	char *more = c5_format("%s%s %s: %s\n", f->lines ? f->lines : "", severity == C5_ERROR ? "error" : "warning", path, text);
	free(f->lines);
	f->lines = more;
	f->n++;
	if (severity == C5_ERROR) f->errors++;
	else f->warnings++;
}

static found check(const char *path, bool data)
{
	found all = { 0 };
	c5_file *f;
	c5_schema *schema;
	c5_check_summary sum;
	const c5_check_settings set = { .data = data };
	MUST(c5_schema_read(&schema, "container.yml", c5_schema_text()));
	MUST(c5_file_open(&f, path, C5_READ, NULL));
	assert_int_equal(c5_check(f, schema, &set, take, &all, &sum), C5_OK);
	assert_int_equal(sum.errors, all.errors);
	assert_int_equal(sum.warnings, all.warnings);
	MUST(c5_file_close(f));
	c5_schema_free(schema);
	return all;
}

static void clean(const char *path)
{
	found all = check(path, true);
	if (all.n) fail_msg("%s", all.lines);
	free(all.lines);
}

/* ---- what may be ---- */

static void a_sound_container_is_clean(void **state)
{
	c5_file *f;
	clean(*state);
	const char *path = scratch("empty.h5");
	MUST(c5_file_create(path, NULL));
	clean(path);
	MUST(c5_file_open(&f, path, C5_WRITE, "test"));
	c5_run_info run;
	sample_run_begin(f, &run, "run"); /* an experiment without a single object */
	sample_experiment(f, "empty", "A01");
	c5_array_spec s;
	MUST(c5_spec_table(&s, "/experiments/empty/objects/r000001", 0, 10));
	MUST(c5_spec_column(&s, "frame", C5_U32));
	MUST(c5_spec_column(&s, "label", C5_U32));
	MUST(c5_array_create(f, &s));
	c5_spec_free(&s);
	MUST(c5_revision_publish(f, "empty", "objects", 1));
	sample_run_end(f, &run, "complete");
	MUST(c5_file_commit(f, false));
	MUST(c5_file_close(f));
	clean(path);
}

static void foreign_objects_are_left_alone(void **state)
{
	const char *path = scratch("foreign.h5"), *text = "variable";
	hsize_t dim = 3;
	copy_file(*state, path);
	hid_t h = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT), g = H5Gcreate2(h, "/mine", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
		space = H5Screate_simple(1, &dim, NULL);
	hid_t scalar = H5Screate(H5S_SCALAR), variable = H5Tcopy(H5T_C_S1);
	H5Tset_size(variable, H5T_VARIABLE);
	H5Dclose(H5Dcreate2(h, "/mine/plain", H5T_IEEE_F64BE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
	H5Dclose(H5Dcreate2(h, "/experiments/A01/notes", variable, scalar, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
	hid_t a = H5Acreate2(g, "anything", variable, scalar, H5P_DEFAULT, H5P_DEFAULT);
	H5Awrite(a, variable, &text);
	H5Aclose(a);
	H5Tclose(variable);
	H5Sclose(scalar);
	H5Sclose(space);
	H5Gclose(g);
	H5Fclose(h);
	clean(path);
}

/* ---- what may not be ---- */

static void wrong_state(c5_file *f) { MUST(c5_attr_set_str(f, "/runs/r000002", "state", "failed")); }
static void odd_state(c5_file *f) { MUST(c5_attr_set_str(f, "/runs/r000002", "state", "done")); }
static void still_running(c5_file *f)
{
	c5_run_info run;
	sample_run_begin(f, &run, "run");
	c5_run_info_free(&run);
}
static void no_models(c5_file *f) { MUST(c5_unlink(f, "/models")); }
static void no_schema(c5_file *f) { MUST(c5_unlink(f, "/schema")); }
static void no_run(c5_file *f) { MUST(c5_unlink(f, "/runs/r000002")); }
static void no_index(c5_file *f) { MUST(c5_unlink(f, "/experiments/A01/crops/r000002/index")); }
static void dangling(c5_file *f) { MUST(c5_revision_publish(f, "A02", "masks", 1)); }
static void odd_latest(c5_file *f) { MUST(c5_link_set(f, "/experiments/A02/masks/latest", "time")); }
static void number_for_text(c5_file *f) { MUST(c5_attr_set_f64(f, "/experiments/A01", "plate", 1)); }
static void text_for_number(c5_file *f) { MUST(c5_attr_set_str(f, "/experiments/A01", "pixel_size_um", "0.65")); }
static void other_class(c5_file *f) { MUST(c5_attr_set_str(f, "/", "NX_class", "NXother")); }
static void text_for_group(c5_file *f)
{
	MUST(c5_unlink(f, "/searches"));
	MUST(c5_text_set(f, "/searches", "none"));
}

static void missing_chunks(c5_file *f)
{
	c5_array_spec s;
	MUST(c5_unlink(f, "/experiments/A01/masks/r000002"));
	MUST(c5_spec_stack(&s, "/experiments/A01/masks/r000002", C5_U16, FRAMES, 0, HEIGHT, WIDTH));
	MUST(c5_array_create(f, &s));
	c5_spec_free(&s);
}

static void short_masks(c5_file *f)
{
	static const uint16_t labels[FRAMES - 1][HEIGHT][WIDTH];
	c5_array_spec s;
	MUST(c5_unlink(f, "/experiments/A01/masks/r000002"));
	MUST(c5_spec_stack(&s, "/experiments/A01/masks/r000002", C5_U16, FRAMES - 1, 0, HEIGHT, WIDTH));
	sample_input(&s, "A01", "raw", "phase");
	sample_array(f, &s, labels);
}

static void empty_masks(c5_file *f)
{
	static const uint16_t labels[FRAMES][HEIGHT][WIDTH];
	c5_array_spec s;
	MUST(c5_unlink(f, "/experiments/A01/masks/r000002"));
	MUST(c5_spec_stack(&s, "/experiments/A01/masks/r000002", C5_U16, FRAMES, 0, HEIGHT, WIDTH));
	sample_array(f, &s, labels);
}

static void objects_of(c5_file *f, uint64_t n, int columns, uint32_t swap)
{
	uint32_t rows[FRAMES * OBJECTS][2];
	c5_array_spec s;
	for (uint32_t i = 0; i < n; i++) rows[i][0] = i / OBJECTS, rows[i][1] = i % OBJECTS + 1;
	if (swap) rows[4][1] = 2, rows[5][1] = 1;
	MUST(c5_unlink(f, "/experiments/A01/objects/r000002"));
	MUST(c5_spec_table(&s, "/experiments/A01/objects/r000002", n, 100));
	MUST(c5_spec_column(&s, "frame", C5_U32));
	MUST(c5_spec_column(&s, columns == 2 ? "label" : "other", C5_U32));
	sample_array(f, &s, rows);
}
static void few_objects(c5_file *f) { objects_of(f, 7, 2, 0); }
static void swapped_objects(c5_file *f) { objects_of(f, FRAMES * OBJECTS, 2, 1); }
static void no_label_column(c5_file *f) { objects_of(f, FRAMES * OBJECTS, 1, 0); }

static void index_of(c5_file *f, const char *path, uint64_t n, uint32_t first)
{
	uint32_t rows[FRAMES * OBJECTS][3] = { { 0 } };
	c5_array_spec s;
	rows[0][0] = first;
	if (c5_exists(f, path)) MUST(c5_unlink(f, path));
	MUST(c5_spec_table(&s, path, n, 100));
	MUST(c5_spec_column(&s, "object", C5_U32));
	MUST(c5_spec_column(&s, "frame", C5_U32));
	MUST(c5_spec_column(&s, "label", C5_U32));
	sample_array(f, &s, rows);
}
static void short_index(c5_file *f) { index_of(f, "/experiments/A01/crops/r000002/index", 3, 0); }
static void wild_index(c5_file *f) { index_of(f, "/experiments/A01/crops/r000002/index", FRAMES * OBJECTS, 77); }

static void real_masks(c5_file *f)
{
	static const float labels[FRAMES][HEIGHT][WIDTH];
	c5_array_spec s;
	MUST(c5_unlink(f, "/experiments/A01/masks/r000002"));
	MUST(c5_spec_stack(&s, "/experiments/A01/masks/r000002", C5_F32, FRAMES, 0, HEIGHT, WIDTH));
	sample_array(f, &s, labels);
}

/* Done by stock HDF5 on the closed file. */
static void cycle(hid_t h) { H5Lcreate_hard(h, "/experiments", h, "/experiments/A01/again", H5P_DEFAULT, H5P_DEFAULT); }
static void elsewhere(hid_t h) { H5Lcreate_external("other.h5", "/x", h, "/experiments/A01/elsewhere", H5P_DEFAULT, H5P_DEFAULT); }
static void flat_channel(hid_t h)
{
	hsize_t dims[3] = { 2, 3, 4 };
	hid_t space = H5Screate_simple(3, dims, NULL);
	H5Dclose(H5Dcreate2(h, "/experiments/A01/raw/flat", H5T_STD_U16LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
	H5Sclose(space);
}
static void two_dimensions(hid_t h)
{
	hsize_t dims[2] = { 3, 4 };
	hid_t space = H5Screate_simple(2, dims, NULL);
	H5Dclose(H5Dcreate2(h, "/experiments/A01/raw/flat", H5T_STD_U16LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
	H5Sclose(space);
}
static void flat_scale(hid_t h)
{
	double v[FRAMES] = { 0, 600, 600, 1200, 1800 };
	hid_t d = H5Dopen2(h, "/experiments/A01/raw/time", H5P_DEFAULT);
	H5Dwrite(d, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, v);
	H5Dclose(d);
}
static void no_uuid(hid_t h) { H5Adelete(h, "uuid"); }
static void no_units(hid_t h) { H5Adelete_by_name(h, "/experiments/A01/masks/x", "units", H5P_DEFAULT); }

static void what_is_wrong_is_found_and_named(void **state)
{
	static const struct { void (*by_us)(c5_file *); void (*by_hdf5)(hid_t); const char *finding; } cases[] = {
		{ wrong_state, NULL, "error /experiments/A01/masks/latest: points at r000002, whose run is not complete\n" },
		{ odd_state, NULL, "error /runs/r000002: attribute state is 'done', expected running, complete or failed\n" },
		{ still_running, NULL, "warning /runs/r000003: was interrupted" },
		{ no_models, NULL, "error /models: is missing" },
		{ no_schema, NULL, "error /schema: is missing" },
		{ no_run, NULL, "error /experiments/A01/masks/r000002: is of a run that is not in /runs\n" },
		{ no_index, NULL, "error /experiments/A01/crops/r000002/index: is missing" },
		{ dangling, NULL, "error /experiments/A02/masks/latest: points at r000001, which is not there\n" },
		{ odd_latest, NULL, "error /experiments/A02/masks/latest: points at time, expected a revision rNNNNNN\n" },
		{ number_for_text, NULL, "error /experiments/A01: attribute plate is real, expected text\n" },
		{ text_for_number, NULL, "error /experiments/A01: attribute pixel_size_um is text, expected real\n" },
		{ other_class, NULL, "error /: attribute NX_class is 'NXother', expected 'NXroot'\n" },
		{ text_for_group, NULL, "error /searches: is text, expected group\n" },
		{ missing_chunks, NULL, "error /experiments/A01/masks/r000002: 5 of 5 chunks are missing, the first is 0\n" },
		{ short_masks, NULL, "error /experiments/A01/masks/r000002: is not of the frames and size of /experiments/A01/raw/phase" },
		{ short_masks, NULL, "error /experiments/A01/frames/r000002: has 5 rows, /experiments/A01/masks/r000002 has 4 frames\n" },
		{ empty_masks, NULL, "error /experiments/A01/masks/r000002: frame 0: the largest label is 0, /experiments/A01/frames/r000002 says 2 objects\n" },
		{ few_objects, NULL, "error /experiments/A01/objects/r000002: has 7 rows, /experiments/A01/frames/r000002 counts 10 objects\n" },
		{ swapped_objects, NULL, "error /experiments/A01/objects/r000002: row 4 is object 2 of frame 2, expected 1 of 2\n" },
		{ no_label_column, NULL, "error /experiments/A01/objects/r000002: column label is missing" },
		{ short_index, NULL, "error /experiments/A01/crops/r000002/index: has 3 rows, there are 10 crops\n" },
		{ wild_index, NULL, "error /experiments/A01/crops/r000002/index: row 0 is of object 77, /experiments/A01/objects/r000002 has 10\n" },
		{ real_masks, NULL, "error /experiments/A01/masks/r000002: is of type float32, expected uint8, uint16, uint32\n" },
		{ NULL, cycle, "error /experiments/A01/again: is a group inside itself\n" },
		{ NULL, elsewhere, "warning /experiments/A01/elsewhere: leads to another file" },
		{ NULL, flat_channel, "warning /experiments/A01/raw/flat: is not stored as cyto5 does it" },
		{ NULL, two_dimensions, "error /experiments/A01/raw/flat: has 2 dimensions" },
		{ NULL, flat_scale, "error /experiments/A01/raw/time: does not rise at value 2\n" },
		{ NULL, no_uuid, "error /: attribute uuid is missing" },
		{ NULL, no_units, "error /experiments/A01/masks/x: attribute units is missing" },
	};
	const char *path = scratch("broken.h5");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		copy_file(*state, path);
		if (cases[i].by_us) {
			c5_file *f;
			MUST(c5_file_open(&f, path, C5_WRITE, "test"));
			cases[i].by_us(f);
			MUST(c5_file_commit(f, false));
			MUST(c5_file_close(f));
		} else {
			hid_t h = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
			assert_true(h >= 0);
			cases[i].by_hdf5(h);
			H5Fclose(h);
		}
		found all = check(path, true);
		if (!all.lines || !strstr(all.lines, cases[i].finding)) fail_msg("expected: %s\nfound: %s", cases[i].finding, all.lines ? all.lines : "nothing");
		free(all.lines);
	}
}

/* A run that was killed between an index of crops and their images: nothing is wrong but that it did not end. */
static void an_unfinished_revision_may_lack_members(void **state)
{
	const char *path = scratch("unfinished.h5");
	c5_file *f;
	copy_file(*state, path);
	MUST(c5_file_open(&f, path, C5_WRITE, "test"));
	still_running(f);
	index_of(f, "/experiments/A01/crops/r000003/index", FRAMES * OBJECTS, 0);
	MUST(c5_file_commit(f, false));
	MUST(c5_file_close(f));
	found all = check(path, true);
	if (all.n != 1 || !strstr(all.lines, "/runs/r000003: was interrupted")) fail_msg("%s", all.lines ? all.lines : "nothing");
	free(all.lines);
}

/* ---- damage ---- */

static void flip(const char *path, uint64_t at, uint8_t bits)
{
	FILE *f = fopen(path, "r+b");
	assert_non_null(f);
	fseek(f, (long)at, SEEK_SET);
	int c = fgetc(f);
	fseek(f, (long)at, SEEK_SET);
	fputc(c ^ bits, f);
	fclose(f);
}

static void a_flipped_byte_in_any_chunk_is_found(void **state)
{
	static const char *const arrays[] = { "/experiments/A01/raw/gfp", "/experiments/A02/masks/r000002", "/experiments/A01/objects/r000002",
		"/experiments/A01/crops/r000002/images" };
	const char *path = scratch("flipped.h5");
	for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
		hid_t h = H5Fopen(*state, H5F_ACC_RDONLY, H5P_DEFAULT), d = H5Dopen2(h, arrays[i], H5P_DEFAULT);
		hid_t space = H5Dget_space(d);
		hsize_t n = 0, at[4], size;
		haddr_t address;
		unsigned mask;
		H5Dget_num_chunks(d, space, &n);
		assert_true(n > 0);
		assert_true(H5Dget_chunk_info(d, space, n - 1, at, &mask, &address, &size) >= 0);
		H5Sclose(space);
		H5Dclose(d);
		H5Fclose(h);
		for (hsize_t k = 0; k < size; k += 1 + size / 7) {
			char want[200];
			copy_file(*state, path);
			flip(path, address + k, 0x04);
			found all = check(path, true);
			snprintf(want, sizeof want, "error %s: chunk %d: chunk is damaged", arrays[i], (int)n - 1);
			if (!all.lines || !strstr(all.lines, want)) fail_msg("expected %s, found %s", want, all.lines ? all.lines : "nothing");
			free(all.lines);
			all = check(path, false);
			if (i != 2) assert_int_equal(all.n, 0); /* --fast does not look; the rows of a table are read even so */
			free(all.lines);
		}
	}
}

static void a_flipped_byte_in_metadata_is_found(void **state)
{
	static const char *const objects[] = { "/experiments/A01/raw/gfp", "/experiments/A02/masks", "/runs/r000001", "/experiments/A02",
		"/experiments/A01/masks/time" };
	const char *path = scratch("metadata.h5");
	for (size_t i = 0; i < sizeof objects / sizeof *objects; i++) {
		c5_file *f;
		c5_object o;
		MUST(c5_file_open(&f, *state, C5_READ, NULL));
		MUST(c5_object_look(&o, f, objects[i]));
		uint64_t address = o.address;
		c5_object_free(&o);
		MUST(c5_file_close(f));
		for (uint64_t k = 0; k < 60; k += 7) {
			copy_file(*state, path);
			flip(path, address + k, 0x20);
			found all = check(path, true);
			if (!all.lines || !strstr(all.lines, objects[i]))
				fail_msg("%s: byte %d of its header: found %s", objects[i], (int)k, all.lines ? all.lines : "nothing");
			/* the rest was looked at all the same */
			if (strcmp(objects[i], "/runs/r000001") != 0 && strstr(all.lines, "error /runs/")) fail_msg("%s", all.lines);
			free(all.lines);
		}
	}
}

/* Random bytes, wherever they fall: the child must come to its end with an answer. */
static void random_damage_never_brings_us_down(void **state)
{
	enum { TRIES = 300 };
	const char *path = scratch("fuzz.h5");
	uint64_t seed = 20240517;
	struct stat st;
	int noticed = 0;
	assert_int_equal(stat(*state, &st), 0);
	for (int k = 0; k < TRIES; k++) {
		copy_file(*state, path);
		for (int i = 0; i <= k % 8; i++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			flip(path, (seed >> 20) % (uint64_t)st.st_size, (uint8_t)(seed >> 56 ? seed >> 56 : 1));
		}
		int status;
		fflush(NULL);
		pid_t pid = fork();
		if (pid == 0) {
			c5_file *f;
			c5_schema *schema;
			c5_check_summary sum;
			found all = { 0 };
			const c5_check_settings set = { .data = true };
			alarm(60);
			if (c5_file_open(&f, path, C5_READ, NULL) < 0) _exit(1);
			if (c5_schema_read(&schema, "container.yml", c5_schema_text()) < 0 || c5_check(f, schema, &set, take, &all, &sum) < 0) _exit(2);
			c5_file_close(f);
			_exit(all.n ? 1 : 0);
		}
		assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
		if (!WIFEXITED(status) || WEXITSTATUS(status) > 1) fail_msg("damage %d: ended with status %x", k, (unsigned)status);
		noticed += WEXITSTATUS(status);
	}
	print_message("%d of %d damaged files noticed\n", noticed, TRIES);
	assert_true(noticed > TRIES / 2);
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
		cmocka_unit_test(a_sound_container_is_clean),
		cmocka_unit_test(foreign_objects_are_left_alone),
		cmocka_unit_test(what_is_wrong_is_found_and_named),
		cmocka_unit_test(an_unfinished_revision_may_lack_members),
		cmocka_unit_test(a_flipped_byte_in_any_chunk_is_found),
		cmocka_unit_test(a_flipped_byte_in_metadata_is_found),
		cmocka_unit_test(random_damage_never_brings_us_down),
	};
	return cmocka_run_group_tests(tests, make_all, free_all);
}
