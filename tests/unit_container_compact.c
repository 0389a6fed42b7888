/* unit_container_compact.c – compaction drops what is old and nothing else, gives space back, and leaves the old file alone when it fails. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <hdf5.h>
#include <hdf5_hl.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "container/compact.h"
#include "container/diff.h"
#include "container_sample.h"

static int went;
static void count(void *to, const char *path, uint64_t bytes)
{
	(void)bytes;
	if (to) assert_non_null(strstr(to, path));
	went++;
}

static void no_report(void *to, const char *path, const char *text)
{
	char **all = to;
	char *more = c5_format("%s%s: %s\n", *all ? *all : "", path, text);
	free(*all);
	*all = more;
}

static char *differences(const char *x, const char *y)
{
	c5_file *a, *b;
	uint64_t n;
	char *all = NULL;
	MUST(c5_file_open(&a, x, C5_READ, NULL));
	MUST(c5_file_open(&b, y, C5_READ, NULL));
	MUST(c5_diff(a, b, NULL, no_report, &all, &n));
	MUST(c5_file_close(a));
	MUST(c5_file_close(b));
	return all;
}

/* The sample with a second and third revision of everything; the third is the latest. */
static void with_history(const char *path)
{
	c5_file *f;
	c5_run_info run;
	sample_container(path);
	MUST(c5_file_open(&f, path, C5_WRITE, "test"));
	for (int i = 1; i <= 2; i++) {
		sample_run_begin(f, &run, "run");
		sample_results(f, "A01", run.number, i);
		sample_results(f, "A02", run.number, i);
		sample_publish(f, "A01", run.number);
		sample_publish(f, "A02", run.number);
		sample_run_end(f, &run, "complete");
		MUST(c5_file_commit(f, true));
	}
	MUST(c5_file_close(f));
}

static int compact(const char *path, bool dry_run, c5_compact_summary *sum)
{
	const c5_compact_settings set = { .dry_run = dry_run };
	went = 0;
	return c5_compact(path, &set, count, NULL, sum);
}

static bool there(const char *path, const char *object)
{
	c5_file *f;
	MUST(c5_file_open(&f, path, C5_READ, NULL));
	bool is = c5_exists(f, object);
	MUST(c5_file_close(f));
	return is;
}

static void old_revisions_go_and_the_rest_stays(void **state)
{
	(void)state;
	const char *path = scratch("history.h5"), *before = scratch("before.h5");
	c5_compact_summary sum;
	with_history(path);
	copy_file(path, before);
	MUST(compact(path, true, &sum));
	assert_int_equal(went, 16); /* two revisions of four products of two experiments */
	assert_int_equal(sum.dropped, 16);
	assert_true(there(path, "/experiments/A01/masks/r000002"));
	MUST(compact(path, false, &sum));
	assert_int_equal(went, 16);
	assert_true(sum.after < sum.before);
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, sum.after);
	assert_false(there(path, "/experiments/A01/masks/r000002"));
	assert_false(there(path, "/experiments/A02/crops/r000003"));
	assert_true(there(path, "/experiments/A02/crops/r000004/index"));
	assert_true(there(path, "/experiments/A02/crops/latest/index"));
	assert_true(there(path, "/runs/r000002/configuration"));
	char *all = differences(before, path);
	int only = 0, others = 0;
	for (char *line = all; line && *line; line = strchr(line, '\n') + 1) {
		size_t n = strcspn(line, "\n");
		bool is = n > 20 && strncmp(line + n - 20, "is only in the first", 20) == 0;
		only += is, others += !is;
	}
	if (others || only != 16) fail_msg("%s", all);
	free(all);
	assert_true(access(scratch("history.h5.part"), F_OK) != 0);
	assert_true(access(scratch("history.h5.lock"), F_OK) != 0);
	MUST(compact(path, false, &sum)); /* once more: nothing left to drop */
	assert_int_equal(went, 0);
}

static void scales_are_attached_again(void **state)
{
	(void)state;
	const char *path = scratch("scales.h5");
	c5_compact_summary sum;
	sample_container(path);
	MUST(compact(path, false, &sum));
	hid_t h = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
	static const char *const names[] = { "time", "y", "x" };
	static const char *const arrays[] = { "raw/phase", "raw/gfp", "masks/r000002" };
	for (int k = 0; k < 3; k++)
		for (unsigned i = 0; i < 3; i++) {
			char array[64], scale[64];
			snprintf(array, sizeof array, "/experiments/A02/%s", arrays[k]);
			snprintf(scale, sizeof scale, "/experiments/A02/%.*s/%s", (int)strcspn(arrays[k], "/"), arrays[k], names[i]);
			hid_t d = H5Dopen2(h, array, H5P_DEFAULT), s = H5Dopen2(h, scale, H5P_DEFAULT);
			assert_int_equal(H5DSis_attached(d, s, i), 1);
			H5Dclose(s);
			H5Dclose(d);
		}
	H5Fclose(h);
}

static void what_is_in_use_stays(void **state)
{
	(void)state;
	const char *path = scratch("inuse.h5");
	c5_compact_summary sum;
	c5_file *f;
	c5_run_info run;
	with_history(path);
	MUST(c5_file_open(&f, path, C5_WRITE, "test"));
	/* objects/r000004 were made from masks r000002, which are not the latest */
	MUST(c5_attr_set_str(f, "/experiments/A01/objects/r000004", "input", "/experiments/A01/masks/r000002"));
	sample_run_begin(f, &run, "segment"); /* r000005, cut short */
	sample_results(f, "A02", run.number, 3);
	c5_run_info_free(&run);
	/* a model without a latest: never dropped; one with: its old revision goes */
	static const char *const begun[] = { "/searches/a/r000002", "/searches/a/r000003", "/searches/b/r000002", "/searches/b/r000003" };
	for (int i = 0; i < 4; i++) {
		char space[64];
		snprintf(space, sizeof space, "%s/space", begun[i]);
		MUST(c5_group_make(f, begun[i]));
		MUST(c5_attr_set_str(f, begun[i], "state", "running"));
		MUST(c5_text_set(f, space, "x: [0, 1]"));
	}
	static const char *const searches[] = { "/searches/a/r000002/w", "/searches/a/r000003/w", "/searches/b/r000002/w", "/searches/b/r000003/w" };
	for (int i = 0; i < 4; i++) MUST(c5_group_make(f, searches[i]));
	MUST(c5_group_make(f, "/experiments/A01/notes/r000002")); /* a product without a latest */
	MUST(c5_link_set(f, "/searches/b/latest", "r000003"));
	MUST(c5_file_commit(f, false));
	MUST(c5_file_close(f));
	MUST(compact(path, false, &sum));
	assert_true(there(path, "/experiments/A01/masks/r000002"));
	assert_true(there(path, "/experiments/A01/frames/r000002"));
	assert_true(there(path, "/experiments/A01/notes/r000002"));
	assert_false(there(path, "/experiments/A01/masks/r000003"));
	assert_false(there(path, "/experiments/A01/frames/r000003"));
	assert_false(there(path, "/experiments/A01/objects/r000002"));
	assert_true(there(path, "/experiments/A02/masks/r000005"));
	assert_true(there(path, "/experiments/A02/crops/r000005/images"));
	assert_true(there(path, "/searches/a/r000002/w"));
	assert_false(there(path, "/searches/b/r000002"));
	assert_true(there(path, "/searches/b/latest/w"));
}

static void foreign_objects_are_carried_over(void **state)
{
	(void)state;
	const char *path = scratch("foreign.h5"), *before = scratch("foreign-before.h5"), *text = "a text of variable length";
	c5_compact_summary sum;
	hsize_t dim = 1000, chunk = 100;
	double values[1000];
	sample_container(path);
	for (int i = 0; i < 1000; i++) values[i] = i / 3.0;
	hid_t h = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT), space = H5Screate_simple(1, &dim, NULL), scalar = H5Screate(H5S_SCALAR),
		variable = H5Tcopy(H5T_C_S1);
	hid_t list = H5Pcreate(H5P_DATASET_CREATE), g = H5Gcreate2(h, "/mine", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), d;
	H5Tset_size(variable, H5T_VARIABLE);
	H5Pset_chunk(list, 1, &chunk);
	H5Pset_deflate(list, 9);
	d = H5Dcreate2(h, "/mine/values", H5T_IEEE_F64BE, space, H5P_DEFAULT, list, H5P_DEFAULT);
	H5Dwrite(d, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
	H5Dclose(d);
	d = H5Dcreate2(h, "/experiments/A01/note", variable, scalar, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
	H5Dwrite(d, variable, H5S_ALL, H5S_ALL, H5P_DEFAULT, &text);
	H5Dclose(d);
	hid_t a = H5Acreate2(g, "said", variable, scalar, H5P_DEFAULT, H5P_DEFAULT);
	H5Awrite(a, variable, &text);
	H5Aclose(a);
	H5Lcreate_soft("/mine/values", h, "/mine/shortcut", H5P_DEFAULT, H5P_DEFAULT);
	H5Lcreate_external("other.h5", "/x", h, "/mine/elsewhere", H5P_DEFAULT, H5P_DEFAULT);
	H5Gclose(g);
	H5Pclose(list);
	H5Tclose(variable);
	H5Sclose(scalar);
	H5Sclose(space);
	H5Fclose(h);
	copy_file(path, before);
	MUST(compact(path, false, &sum));
	char *all = differences(before, path);
	if (all) fail_msg("%s", all);
	h = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
	H5L_info_t info;
	assert_true(H5Lget_info(h, "/mine/elsewhere", &info, H5P_DEFAULT) >= 0 && info.type == H5L_TYPE_EXTERNAL);
	double back[1000];
	d = H5Dopen2(h, "/mine/shortcut", H5P_DEFAULT);
	assert_true(H5Dread(d, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, back) >= 0);
	assert_memory_equal(back, values, sizeof values);
	H5Dclose(d);
	H5Fclose(h);
}

static char *whole(const char *path, long *size)
{
	FILE *f = fopen(path, "rb");
	assert_non_null(f);
	fseek(f, 0, SEEK_END);
	*size = ftell(f);
	rewind(f);
	char *bytes = malloc((size_t)*size);
	assert_int_equal(fread(bytes, 1, (size_t)*size, f), *size);
	fclose(f);
	return bytes;
}

static void damage_stops_it_and_changes_nothing(void **state)
{
	(void)state;
	const char *path = scratch("damaged.h5");
	c5_compact_summary sum;
	long n, m;
	hsize_t at[3], size;
	haddr_t address;
	unsigned mask;
	with_history(path);
	hid_t h = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT), d = H5Dopen2(h, "/experiments/A01/raw/phase", H5P_DEFAULT), space = H5Dget_space(d);
	assert_true(H5Dget_chunk_info(d, space, 2, at, &mask, &address, &size) >= 0);
	H5Sclose(space);
	H5Dclose(d);
	H5Fclose(h);
	FILE *f = fopen(path, "r+b");
	fseek(f, (long)address + 5, SEEK_SET);
	int c = fgetc(f);
	fseek(f, (long)address + 5, SEEK_SET);
	fputc(c ^ 1, f);
	fclose(f);
	char *before = whole(path, &n);
	assert_int_equal(compact(path, false, &sum), C5_EINPUT);
	assert_non_null(strstr(c5_error_last(), "/experiments/A01/raw/phase: chunk 2"));
	char *after = whole(path, &m);
	assert_int_equal(n, m);
	assert_memory_equal(before, after, (size_t)n);
	free(before);
	free(after);
	assert_true(access(scratch("damaged.h5.part"), F_OK) != 0);
}

static void a_held_container_is_refused(void **state)
{
	(void)state;
	const char *path = scratch("held.h5");
	c5_compact_summary sum;
	c5_file *f;
	sample_container(path);
	MUST(c5_file_open(&f, path, C5_WRITE, "run r000009"));
	assert_int_equal(compact(path, false, &sum), C5_EBUSY);
	assert_non_null(strstr(c5_error_last(), "run r000009"));
	MUST(compact(path, true, &sum)); /* a dry run only reads */
	MUST(c5_file_close(f));
	assert_int_equal(compact(scratch("none.h5"), false, &sum), C5_ENOTFOUND);
}

/* Killed at any moment: the name holds the old file or the new one, whole, and the next compaction works. */
static void a_kill_leaves_the_old_file_or_the_new(void **state)
{
	(void)state;
	const char *path = scratch("killed.h5"), *base = scratch("killed-base.h5");
	with_history(base);
	int done = 0, cut = 0;
	c5_compact_summary sum;
	copy_file(base, path);
	double began = c5_clock_s();
	MUST(compact(path, false, &sum));
	double whole_us = 1e6 * (c5_clock_s() - began);
	for (int k = 0; k < 60; k++) {
		int status;
		copy_file(base, path);
		fflush(NULL);
		pid_t pid = fork();
		if (pid == 0) _exit(compact(path, false, &sum) < 0);
		usleep((useconds_t)(whole_us * k / 40));
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		char *all = differences(base, path);
		if (there(path, "/experiments/A01/masks/r000002")) {
			if (all) fail_msg("old, but %s", all);
			cut++;
		} else {
			assert_non_null(all);
			assert_true(there(path, "/experiments/A01/masks/latest"));
			done++;
		}
		free(all);
		if (k % 10 == 0) {
			if (compact(path, false, &sum) < 0) fail_msg("%s", c5_error_last());
			assert_false(there(path, "/experiments/A01/masks/r000002"));
		}
		unlink(scratch("killed.h5.part"));
		unlink(scratch("killed.h5.part.journal"));
	}
	assert_true(cut > 0);
	print_message("killed %d times before, %d times behind the renaming\n", cut, done);
}

static int be_quiet(void **state)
{
	(void)state;
	H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(old_revisions_go_and_the_rest_stays),
		cmocka_unit_test(scales_are_attached_again),
		cmocka_unit_test(what_is_in_use_stays),
		cmocka_unit_test(foreign_objects_are_carried_over),
		cmocka_unit_test(damage_stops_it_and_changes_nothing),
		cmocka_unit_test(a_held_container_is_refused),
		cmocka_unit_test(a_kill_leaves_the_old_file_or_the_new),
	};
	return cmocka_run_group_tests(tests, be_quiet, NULL);
}
