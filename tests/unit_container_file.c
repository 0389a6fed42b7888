/* unit_container_file.c – a container's groups, links, attributes and texts; what a commit keeps and a close drops; what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <hdf5.h>

#include "base/clock.h"
#include "container/schema.h"
#include "container_sample.h"

static c5_file *fresh(const char *name)
{
	c5_file *f;
	unlink(scratch(name));
	MUST(c5_file_create(scratch(name), "a title"));
	MUST(c5_file_open(&f, scratch(name), C5_WRITE, "test"));
	return f;
}

static void a_new_container_has_its_rooms_and_schema(void **state)
{
	(void)state;
	c5_file *f = fresh("new.h5");
	static const char *const rooms[] = { "/", "/experiments", "/models", "/searches", "/runs", "/schema" };
	char *text;
	for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++) assert_true(c5_exists(f, rooms[i]));
	assert_int_equal(c5_text_get(f, "/schema", &text), C5_OK);
	assert_string_equal(text, c5_schema_text());
	assert_true(strlen(text) > 4095);
	free(text);
	assert_int_equal(c5_attr_get_str(f, "/", "title", &text), C5_OK);
	assert_string_equal(text, "a title");
	free(text);
	assert_int_equal(c5_attr_get_str(f, "/", "uuid", &text), C5_OK);
	assert_int_equal(strlen(text), 36);
	free(text);
	assert_int_equal(c5_file_close(f), C5_OK);
	assert_int_equal(c5_file_create(scratch("new.h5"), NULL), C5_EIO); /* the name is taken */
	assert_int_equal(c5_file_create(scratch("no/such/folder.h5"), NULL), C5_EIO);
}

static void the_schema_text_is_the_file_in_the_source(void **state)
{
	(void)state;
	char *path = c5_format("%s/h5schema/1.0/container.yml", getenv("C5_SOURCE") ? getenv("C5_SOURCE") : "..");
	FILE *f = fopen(path, "rb");
	free(path);
	if (!f) skip();
	size_t n = strlen(c5_schema_text());
	char *text = calloc(n + 2, 1);
	assert_int_equal(fread(text, 1, n + 2, f), n);
	assert_string_equal(text, c5_schema_text());
	free(text);
	fclose(f);
}

static void groups_are_made_with_their_parents(void **state)
{
	(void)state;
	c5_file *f = fresh("groups.h5");
	assert_false(c5_exists(f, "/experiments/A/raw"));
	assert_int_equal(c5_group_make(f, "/experiments/A/raw"), C5_OK);
	assert_int_equal(c5_group_make(f, "/experiments/A/raw"), C5_OK);
	assert_true(c5_exists(f, "/experiments/A"));
	assert_true(c5_exists(f, "/experiments/A/raw"));
	assert_false(c5_exists(f, "/experiments/A/raw/none/deeper"));
	assert_int_equal(c5_unlink(f, "/experiments/A/raw"), C5_OK);
	assert_false(c5_exists(f, "/experiments/A/raw"));
	assert_int_equal(c5_unlink(f, "/experiments/A/raw"), C5_EIO);
	MUST(c5_text_set(f, "/experiments/A/text", "x"));
	assert_int_equal(c5_group_make(f, "/experiments/A/text/below"), C5_ESCHEMA); /* a text is no group */
	assert_int_equal(c5_file_close(f), C5_OK);
}

static void names_are_listed_in_natural_order(void **state)
{
	(void)state;
	c5_file *f = fresh("names.h5");
	static const char *const made[] = { "p10", "p2", "p1", "p002", "b", "B", "p2a", "µ", "p02" };
	static const char *const want[] = { "B", "b", "p1", "p002", "p02", "p2", "p2a", "p10", "µ" };
	char **names, path[64];
	size_t n;
	for (size_t i = 0; i < 9; i++) {
		snprintf(path, sizeof path, "/experiments/%s", made[i]);
		MUST(c5_group_make(f, path));
	}
	assert_int_equal(c5_list(f, "/experiments", &names, &n), C5_OK);
	assert_int_equal(n, 9);
	for (size_t i = 0; i < 9; i++) assert_string_equal(names[i], want[i]);
	c5_names_free(names, n);
	assert_int_equal(c5_list(f, "/nothing", &names, &n), C5_ENOTFOUND);
	assert_int_equal(n, 0);
	assert_int_equal(c5_list(f, "/schema", &names, &n), C5_EINPUT); /* a text has no names in it */
	assert_int_equal(c5_file_close(f), C5_OK);
	assert_true(c5_natural_cmp("a9", "a10") < 0);
	assert_true(c5_natural_cmp("a10", "a9") > 0);
	assert_true(c5_natural_cmp("a", "a") == 0);
	assert_true(c5_natural_cmp("a", "a1") < 0);
	assert_true(c5_natural_cmp("99999999999999999999999", "100000000000000000000000") < 0);
}

/* HDF5 changes a group of few links over to one of many when they pass a number that file.c sets; too high, and it takes minutes. */
static void thousands_of_groups_are_made_in_no_time(void **state)
{
	(void)state;
	c5_file *f = fresh("thousands.h5");
	char **names, path[64];
	size_t n;
	double began = c5_clock_s();
	for (int i = 0; i < 3000; i++) {
		snprintf(path, sizeof path, "/experiments/P1_A01_p%d", i);
		MUST(c5_group_make(f, path));
	}
	assert_true(c5_clock_s() - began < 20);
	MUST(c5_file_commit(f, false));
	MUST(c5_list(f, "/experiments", &names, &n));
	assert_int_equal(n, 3000);
	assert_string_equal(names[2999], "P1_A01_p2999");
	c5_names_free(names, n);
	assert_int_equal(c5_file_close(f), C5_OK);
}

static void links_point_and_are_replaced(void **state)
{
	(void)state;
	c5_file *f = fresh("links.h5");
	char *target;
	MUST(c5_group_make(f, "/experiments/A/masks/r000001"));
	assert_int_equal(c5_link_set(f, "/experiments/A/masks/latest", "r000001"), C5_OK);
	assert_true(c5_exists(f, "/experiments/A/masks/latest"));
	assert_int_equal(c5_link_set(f, "/experiments/A/masks/latest", "r000002"), C5_OK);
	assert_int_equal(c5_link_get(f, "/experiments/A/masks/latest", &target), C5_OK);
	assert_string_equal(target, "r000002");
	free(target);
	assert_false(c5_exists(f, "/experiments/A/masks/latest")); /* it points nowhere */
	assert_int_equal(c5_link_get(f, "/experiments/A/masks/r000001", &target), C5_ENOTFOUND);
	assert_int_equal(c5_link_get(f, "/experiments/A/masks/none", &target), C5_ENOTFOUND);
	assert_int_equal(c5_link_get(f, "/no/where", &target), C5_ENOTFOUND);
	assert_int_equal(c5_file_close(f), C5_OK);
}

static void attributes_are_set_and_replaced(void **state)
{
	(void)state;
	c5_file *f = fresh("attrs.h5");
	static const char *const axes[] = { "time", ".", "x" };
	char *text, **names, name[32];
	double real;
	int64_t whole;
	size_t n;
	MUST(c5_attr_set_str(f, "/runs", "t", ""));
	MUST(c5_attr_get_str(f, "/runs", "t", &text));
	assert_string_equal(text, "");
	free(text);
	MUST(c5_attr_set_str(f, "/runs", "t", "zwölf µm, and a longer text than before"));
	MUST(c5_attr_get_str(f, "/runs", "t", &text));
	assert_string_equal(text, "zwölf µm, and a longer text than before");
	free(text);
	MUST(c5_attr_set_f64(f, "/runs", "r", 0.1));
	MUST(c5_attr_get_f64(f, "/runs", "r", &real));
	assert_true(real == 0.1);
	MUST(c5_attr_set_i64(f, "/runs", "i", INT64_MIN));
	MUST(c5_attr_get_i64(f, "/runs", "i", &whole));
	assert_true(whole == INT64_MIN);
	MUST(c5_attr_set_strs(f, "/runs", "axes", 3, axes));
	assert_int_equal(c5_attr_get_str(f, "/runs", "axes", &text), C5_EINPUT); /* three texts are not one */
	assert_int_equal(c5_attr_get_f64(f, "/runs", "t", &real), C5_EINPUT);
	assert_int_equal(c5_attr_get_str(f, "/runs", "r", &text), C5_EINPUT);
	assert_int_equal(c5_attr_get_str(f, "/runs", "none", &text), C5_ENOTFOUND);
	assert_int_equal(c5_attr_get_str(f, "/none", "t", &text), C5_ENOTFOUND);
	for (int i = 0; i < 100; i++) { /* past what fits into an object's header */
		snprintf(name, sizeof name, "many%d", i);
		MUST(c5_attr_set_i64(f, "/models", name, i));
	}
	MUST(c5_file_commit(f, true));
	MUST(c5_attr_list(f, "/models", &names, &n));
	assert_int_equal(n, 100);
	assert_string_equal(names[2], "many2");
	c5_names_free(names, n);
	MUST(c5_attr_get_i64(f, "/models", "many77", &whole));
	assert_int_equal(whole, 77);
	/* 60 KiB and more go where attributes that big go, or are refused; never lost. */
	char *big = malloc(70001);
	memset(big, 'x', 70000);
	big[70000] = '\0';
	if (c5_attr_set_str(f, "/models", "big", big) == C5_OK) {
		MUST(c5_attr_get_str(f, "/models", "big", &text));
		assert_string_equal(text, big);
		free(text);
	}
	free(big);
	assert_int_equal(c5_file_close(f), C5_OK);
}

static void texts_of_any_length_come_back(void **state)
{
	(void)state;
	c5_file *f = fresh("texts.h5");
	static const size_t sizes[] = { 0, 1, 4096, 65536, 3000000 };
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		char *text = calloc(sizes[i] + 1, 1), *got;
		memset(text, 'y', sizes[i]);
		assert_int_equal(c5_text_set(f, "/runs/text", text), C5_OK);
		MUST(c5_file_commit(f, true));
		assert_int_equal(c5_text_get(f, "/runs/text", &got), C5_OK);
		assert_string_equal(got, text);
		free(got);
		free(text);
	}
	char *got;
	assert_int_equal(c5_text_get(f, "/runs/none", &got), C5_ENOTFOUND);
	assert_int_equal(c5_text_get(f, "/runs", &got), C5_EINPUT);
	assert_int_equal(c5_file_close(f), C5_OK);
}

static void texts_of_other_programs_are_read(void **state)
{
	(void)state;
	c5_file *f;
	char *got;
	const char *path = scratch("foreign-texts.h5"), *p = "a text of variable length";
	MUST(c5_file_create(path, NULL));
	hid_t h = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT), space = H5Screate(H5S_SCALAR), type = H5Tcopy(H5T_C_S1), fixed = H5Tcopy(H5T_C_S1);
	H5Tset_size(type, H5T_VARIABLE);
	H5Tset_size(fixed, 8);
	H5Tset_strpad(fixed, H5T_STR_SPACEPAD);
	hid_t d = H5Dcreate2(h, "/runs/v", type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
		a = H5Acreate2(h, "v", type, space, H5P_DEFAULT, H5P_DEFAULT);
	hid_t b = H5Acreate2(h, "f", fixed, space, H5P_DEFAULT, H5P_DEFAULT);
	H5Dwrite(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, &p);
	H5Awrite(a, type, &p);
	H5Awrite(b, fixed, "abc     ");
	H5Aclose(a);
	H5Aclose(b);
	H5Dclose(d);
	H5Tclose(type);
	H5Tclose(fixed);
	H5Sclose(space);
	H5Fclose(h);
	MUST(c5_file_open(&f, path, C5_READ, NULL));
	assert_int_equal(c5_text_get(f, "/runs/v", &got), C5_OK);
	assert_string_equal(got, p);
	free(got);
	assert_int_equal(c5_attr_get_str(f, "/", "v", &got), C5_OK);
	assert_string_equal(got, p);
	free(got);
	assert_int_equal(c5_attr_get_str(f, "/", "f", &got), C5_OK);
	assert_int_equal(strncmp(got, "abc", 3), 0);
	free(got);
	assert_int_equal(c5_file_close(f), C5_OK);
}

static void what_was_not_committed_is_dropped(void **state)
{
	(void)state;
	const char *path = scratch("drop.h5");
	c5_file *f = fresh("drop.h5");
	MUST(c5_attr_set_i64(f, "/runs", "n", 1));
	MUST(c5_file_commit(f, false));
	MUST(c5_attr_set_i64(f, "/runs", "n", 2));
	MUST(c5_group_make(f, "/experiments/X"));
	MUST(c5_file_close(f));
	int64_t n;
	MUST(c5_file_open(&f, path, C5_READ, NULL));
	MUST(c5_attr_get_i64(f, "/runs", "n", &n));
	assert_int_equal(n, 1);
	assert_false(c5_exists(f, "/experiments/X"));
	assert_int_equal(c5_file_commit(f, false), C5_EIO); /* a reader has nothing to commit */
	MUST(c5_file_close(f));
}

static void a_reader_sees_the_last_commit_only(void **state)
{
	(void)state;
	c5_file *f = fresh("see.h5"), *reader;
	int64_t n;
	MUST(c5_attr_set_i64(f, "/runs", "n", 1));
	MUST(c5_file_commit(f, true));
	MUST(c5_attr_set_i64(f, "/runs", "n", 2));
	MUST(c5_file_open(&reader, scratch("see.h5"), C5_READ, NULL));
	MUST(c5_attr_get_i64(reader, "/runs", "n", &n));
	assert_int_equal(n, 1);
	MUST(c5_file_close(reader));
	MUST(c5_file_commit(f, true));
	MUST(c5_file_open(&reader, scratch("see.h5"), C5_READ, NULL));
	MUST(c5_attr_get_i64(reader, "/runs", "n", &n));
	assert_int_equal(n, 2);
	MUST(c5_file_close(reader));
	MUST(c5_file_close(f));
}

static void patch(const char *path, const char *name, const char *value)
{
	c5_file *f;
	MUST(c5_file_open(&f, path, C5_WRITE, "test"));
	MUST(c5_attr_set_str(f, "/", name, value));
	MUST(c5_file_commit(f, false));
	MUST(c5_file_close(f));
}

static void foreign_and_newer_files_are_refused_by_name(void **state)
{
	(void)state;
	c5_file *f;
	const char *path = scratch("version.h5"), *foreign = scratch("foreign.h5");
	MUST(c5_file_create(path, NULL));
	patch(path, "schema_version", "1.7.3"); /* a newer minor is fine */
	MUST(c5_file_open(&f, path, C5_READ, NULL));
	MUST(c5_file_close(f));
	patch(path, "schema_version", "2.0.0");
	assert_int_equal(c5_file_open(&f, path, C5_READ, NULL), C5_ESCHEMA);
	assert_non_null(strstr(c5_error_last(), "2.0.0"));
	assert_non_null(strstr(c5_error_last(), "migrate"));
	assert_null(f);
	hid_t fapl = H5Pcreate(H5P_FILE_ACCESS);
	H5Pset_libver_bounds(fapl, H5F_LIBVER_V110, H5F_LIBVER_V110);
	for (int latest = 0; latest < 2; latest++) {
		hid_t h = H5Fcreate(foreign, H5F_ACC_TRUNC, H5P_DEFAULT, latest ? fapl : H5P_DEFAULT);
		H5Fclose(h);
		assert_int_equal(c5_file_open(&f, foreign, C5_READ, NULL), C5_ESCHEMA);
		assert_non_null(strstr(c5_error_last(), foreign));
		assert_int_equal(c5_file_open(&f, foreign, C5_WRITE, "test"), C5_ESCHEMA);
	}
	H5Pclose(fapl);
	assert_int_equal(c5_file_open(&f, scratch("none.h5"), C5_READ, NULL), C5_ENOTFOUND);
	assert_int_equal(c5_file_open(&f, scratch("none.h5"), C5_WRITE, "test"), C5_ENOTFOUND);
	assert_true(access(scratch("none.h5.lock"), F_OK) != 0); /* no litter */
}

static void the_same_content_gives_the_same_bytes(void **state)
{
	(void)state;
	static const char *const names[2] = { "same1.h5", "same2.h5" };
	char *bytes[2];
	long sizes[2];
	for (int i = 0; i < 2; i++) {
		c5_file *f = fresh(names[i]);
		MUST(c5_attr_set_str(f, "/", "uuid", "u"));
		MUST(c5_attr_set_str(f, "/", "created", "c"));
		MUST(c5_group_make(f, "/experiments/A"));
		MUST(c5_file_commit(f, false));
		MUST(c5_file_close(f));
		FILE *raw = fopen(scratch(names[i]), "rb");
		fseek(raw, 0, SEEK_END);
		sizes[i] = ftell(raw);
		rewind(raw);
		bytes[i] = malloc((size_t)sizes[i]);
		assert_int_equal(fread(bytes[i], 1, (size_t)sizes[i], raw), sizes[i]);
		fclose(raw);
		if (i == 0) sleep(1); /* no time of day is in it */
	}
	assert_int_equal(sizes[0], sizes[1]);
	long differ = 0;
	for (long i = 0; i < sizes[0]; i++) differ += bytes[0][i] != bytes[1][i];
	assert_true(differ < 150); /* old uuid and creation time may linger in freed space, nothing else */
	free(bytes[0]);
	free(bytes[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_container_has_its_rooms_and_schema),
		cmocka_unit_test(the_schema_text_is_the_file_in_the_source),
		cmocka_unit_test(groups_are_made_with_their_parents),
		cmocka_unit_test(names_are_listed_in_natural_order),
		cmocka_unit_test(thousands_of_groups_are_made_in_no_time),
		cmocka_unit_test(links_point_and_are_replaced),
		cmocka_unit_test(attributes_are_set_and_replaced),
		cmocka_unit_test(texts_of_any_length_come_back),
		cmocka_unit_test(texts_of_other_programs_are_read),
		cmocka_unit_test(what_was_not_committed_is_dropped),
		cmocka_unit_test(a_reader_sees_the_last_commit_only),
		cmocka_unit_test(foreign_and_newer_files_are_refused_by_name),
		cmocka_unit_test(the_same_content_gives_the_same_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
