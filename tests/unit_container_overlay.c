/* unit_container_overlay.c – bytes below and beyond the committed end, the journal, and death at every crash point: afterwards a container
 * is exactly what it was before the transaction, or exactly what it is after. The child is this program again, run as
 * `unit_container_overlay SCENARIO PATH`. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <hdf5.h>
#include <sys/wait.h>

#include "container/overlay.h"
#include "container_sample.h"

/* ---- the child's scenarios ---- */

#define CHUNKS 6
static const char array_path[] = "/experiments/A/raw/c";

static void chunk_bytes(uint8_t packed[4096], size_t *size, uint64_t k)
{
	uint16_t pixels[16 * 16];
	c5_codec *codec;
	for (uint64_t i = 0; i < 256; i++) pixels[i] = sample_pixel(5, k, i / 16, i % 16);
	MUST(c5_codec_open(&codec));
	MUST(c5_chunk_encode(codec, pixels, sizeof pixels, 2, packed, size));
	c5_codec_close(codec);
}

/* State n of the container: attribute step = n, chunks 0 .. n-1 there, and a group a step with a text, to have metadata move. */
static void step_to(c5_file *f, int n)
{
	uint8_t packed[4096];
	char path[64];
	size_t size;
	uint64_t at;
	c5_array *a;
	snprintf(path, sizeof path, "/experiments/step%d", n);
	MUST(c5_group_make(f, path));
	for (int i = 0; i < 40; i++) {
		snprintf(path, sizeof path, "/experiments/step%d/sub%d", n, i);
		MUST(c5_group_make(f, path));
	}
	MUST(c5_attr_set_i64(f, "/experiments", "step", n));
	MUST(c5_array_open(&a, f, array_path));
	chunk_bytes(packed, &size, (uint64_t)n - 1);
	if (n % 2) MUST(c5_array_write_chunk(a, (uint64_t)n - 1, packed, size));
	else { /* as a rank does it: the address from the owner, the bytes by itself */
		MUST(c5_array_place_chunk(a, (uint64_t)n - 1, size, &at));
		int fd = open(c5_file_path(f), O_WRONLY);
		if (fd < 0 || pwrite(fd, packed, size, (off_t)at) != (ssize_t)size) abort();
		close(fd);
	}
	c5_array_close(a);
}

static void make_base(const char *path)
{
	c5_file *f;
	c5_array_spec s;
	MUST(c5_file_create(path, "crash"));
	MUST(c5_file_open(&f, path, C5_WRITE, "test"));
	MUST(c5_spec_stack(&s, array_path, C5_U16, CHUNKS, 0, 16, 16));
	MUST(c5_array_create(f, &s));
	c5_spec_free(&s);
	step_to(f, 1);
	MUST(c5_file_commit(f, false));
	MUST(c5_file_close(f));
}

/* Runs in the child. Returns when nothing killed it. */
static int play(const char *scenario, const char *path)
{
	c5_file *f;
	if (strcmp(scenario, "create") == 0) MUST(c5_file_create(path, "crash"));
	else {
		MUST(c5_file_open(&f, path, C5_WRITE, "test"));
		if (strcmp(scenario, "commit") == 0) { /* the only commit, then the end */
			step_to(f, 2);
			MUST(c5_file_commit(f, false));
		} else if (strcmp(scenario, "run") == 0) { /* commits on the way, an unfinished transaction at the end */
			for (int n = 2; n <= 4; n++) {
				step_to(f, n);
				MUST(c5_file_commit(f, true));
			}
			step_to(f, 5);
		} else if (strcmp(scenario, "open") != 0) abort();
		MUST(c5_file_close(f));
	}
	return 0;
}

/* true: killed at the point; false: came to its end. */
static bool child(const char *scenario, const char *path, const char *point, int times)
{
	int status;
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		char *at = c5_format("%s:%d", point, times);
		if (point[0]) setenv("C5_CRASH_AT", at, 1);
		execl("/proc/self/exe", "unit_container_overlay", scenario, path, (char *)NULL);
		_exit(99);
	}
	assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) return true;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) fail_msg("%s, %s:%d: child ended with status %x", scenario, point, times, (unsigned)status);
	return false;
}

/* ---- looking at what is left ---- */

/* The state a container is in, every part of it checked; fails when it is between two. */
static int64_t state_of(c5_file *f)
{
	uint16_t got[256];
	int64_t step = 0;
	char **names;
	size_t n;
	c5_array *a;
	c5_codec *codec;
	assert_int_equal(c5_attr_get_i64(f, "/experiments", "step", &step), C5_OK);
	assert_int_equal(c5_list(f, "/experiments", &names, &n), C5_OK);
	assert_int_equal(n, step + 1);
	c5_names_free(names, n);
	for (int64_t i = 1; i <= step; i++) {
		char path[64];
		snprintf(path, sizeof path, "/experiments/step%d", (int)i);
		assert_int_equal(c5_list(f, path, &names, &n), C5_OK);
		assert_int_equal(n, 40);
		c5_names_free(names, n);
	}
	assert_int_equal(c5_codec_open(&codec), C5_OK);
	assert_int_equal(c5_array_open(&a, f, array_path), C5_OK);
	for (uint64_t k = 0; k < CHUNKS; k++) {
		assert_int_equal(c5_array_has_chunk(a, k), k < (uint64_t)step);
		if (c5_array_read_chunk(a, codec, k, got) < 0) fail_msg("chunk %d of state %d: %s", (int)k, (int)step, c5_error_last());
		for (uint64_t i = 0; i < 256; i++) assert_int_equal(got[i], k < (uint64_t)step ? sample_pixel(5, k, i / 16, i % 16) : 0);
	}
	c5_array_close(a);
	c5_codec_close(codec);
	return step;
}

static int64_t state_at(const char *path, int mode)
{
	c5_file *f;
	if (c5_file_open(&f, path, mode, "test") < 0) fail_msg("%s", c5_error_last());
	int64_t step = state_of(f);
	assert_int_equal(c5_file_close(f), C5_OK);
	return step;
}

/* Stock HDF5, no driver of ours: the attribute and every chunk by H5Dread. */
static int64_t stock_state(const char *path)
{
	uint16_t got[CHUNKS][256];
	int64_t step = -1;
	hid_t f = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
	if (f < 0) fail_msg("%s: stock HDF5 does not open it", path);
	hid_t a = H5Aopen_by_name(f, "/experiments", "step", H5P_DEFAULT, H5P_DEFAULT), d = H5Dopen2(f, array_path, H5P_DEFAULT);
	assert_true(a >= 0 && H5Aread(a, H5T_NATIVE_INT64, &step) >= 0);
	assert_true(d >= 0 && H5Dread(d, H5T_NATIVE_UINT16, H5S_ALL, H5S_ALL, H5P_DEFAULT, got) >= 0);
	for (uint64_t k = 0; k < CHUNKS; k++)
		for (uint64_t i = 0; i < 256; i++) assert_int_equal(got[k][i], k < (uint64_t)step ? sample_pixel(5, k, i / 16, i % 16) : 0);
	H5Aclose(a);
	H5Dclose(d);
	H5Fclose(f);
	return step;
}

static bool there(const char *path, const char *suffix)
{
	char *name = c5_format("%s%s", path, suffix);
	bool is = access(name, F_OK) == 0;
	free(name);
	return is;
}

static void remove_all(const char *path)
{
	static const char *const suffixes[] = { "", ".journal", ".lock", ".part", ".part.journal" };
	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
		char *name = c5_format("%s%s", path, suffixes[i]);
		unlink(name);
		free(name);
	}
}

/* After a death: a reader, a second reader, a writer (which mends) and stock HDF5 all see the same state, one of `least`..`most`. */
static void check_after(const char *scenario, const char *point, const char *path, int64_t least, int64_t most)
{
	struct stat st;
	int64_t step = state_at(path, C5_READ);
	if (step < least || step > most) fail_msg("%s, %s: state %d", scenario, point, (int)step);
	assert_int_equal(state_at(path, C5_READ), step);
	assert_int_equal(state_at(path, C5_WRITE), step);
	assert_int_equal(stock_state(path), step);
	assert_false(there(path, ".journal"));
	assert_false(there(path, ".lock"));
	c5_overlay *ov;
	assert_int_equal(c5_overlay_open(&ov, path, false, false), C5_OK);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, c5_overlay_base_end(ov)); /* the unfinished tail is gone */
	c5_overlay_drop(ov);
	/* and it can go on */
	c5_file *f;
	assert_int_equal(c5_file_open(&f, path, C5_WRITE, "test"), C5_OK);
	step_to(f, (int)step + 1);
	assert_int_equal(c5_file_commit(f, false), C5_OK);
	assert_int_equal(c5_file_close(f), C5_OK);
	assert_int_equal(state_at(path, C5_READ), step + 1);
	assert_int_equal(stock_state(path), step + 1);
}

/* What an untouched file, a cut-short transaction and a complete journal look like from outside. */
static void inspection_tells_what_a_crash_left(void **state)
{
	const char *path = scratch("inspect.h5");
	static const struct { const char *scenario, *point; int found; } cases[] = { { "run", "commit-begin", 2 }, { "run", "data-synced", 2 },
		{ "run", "journal-part", 2 },
		{ "run", "journal-synced", 1 }, { "run", "apply-part", 1 }, { "run", "commit-end", 2 }, { "commit", "close-end", 0 } };
	int found = -1;
	assert_int_equal(c5_overlay_inspect(*state, &found), C5_OK);
	assert_int_equal(found, 0);
	assert_int_equal(c5_overlay_inspect(scratch("nowhere.h5"), &found), C5_ENOTFOUND);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		remove_all(path);
		copy_file(*state, path);
		assert_true(child(cases[i].scenario, path, cases[i].point, 1));
		assert_int_equal(c5_overlay_inspect(path, &found), C5_OK);
		if (found != cases[i].found) fail_msg("%s: %d", cases[i].point, found);
	}
	remove_all(path);
}

/* Dies at every point, as often as the scenario comes by it. Returns how many deaths there were. */
static int each_point(const char *scenario, const char *base, const char *path, int64_t least, int64_t most)
{
	int deaths = 0;
	for (int p = 0; c5_crash_points[p]; p++)
		for (int k = 1;; k++) {
			remove_all(path);
			copy_file(base, path);
			if (!child(scenario, path, c5_crash_points[p], k)) break;
			deaths++;
			check_after(scenario, c5_crash_points[p], path, least, most);
		}
	return deaths;
}

static void dying_while_creating_leaves_all_or_nothing(void **state)
{
	(void)state;
	const char *path = scratch("create.h5");
	int deaths = 0;
	for (int p = 0; c5_crash_points[p]; p++)
		for (int k = 1;; k++) {
			remove_all(path);
			bool died = child("create", path, c5_crash_points[p], k);
			deaths += died;
			if (there(path, "")) {
				c5_file *f;
				assert_int_equal(c5_file_open(&f, path, C5_WRITE, "test"), C5_OK);
				assert_int_equal(c5_file_close(f), C5_OK);
			} else {
				assert_true(died);
				if (c5_file_create(path, "again") < 0) fail_msg("%s:%d: %s", c5_crash_points[p], k, c5_error_last());
			}
			hid_t f = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
			assert_true(f >= 0 && H5Lexists(f, "/experiments", H5P_DEFAULT) > 0 && H5Lexists(f, "/schema", H5P_DEFAULT) > 0);
			H5Fclose(f);
			assert_false(there(path, ".part"));
			assert_false(there(path, ".part.journal"));
			assert_false(there(path, ".lock"));
			if (!died) break;
		}
	assert_true(deaths >= 10);
}

static void dying_while_committing_leaves_old_or_new(void **state)
{
	const char *base = *state;
	assert_true(each_point("commit", base, scratch("commit.h5"), 1, 2) >= 12);
}

static void dying_in_a_run_of_commits_leaves_one_of_them(void **state)
{
	const char *base = *state;
	assert_true(each_point("run", base, scratch("run.h5"), 1, 4) >= 30);
}

static void dying_while_replaying_leaves_it_to_the_next(void **state)
{
	const char *base = *state;
	static const char *const points[] = { "journal-synced", "apply-begin", "apply-part", "apply-written", "apply-synced" };
	const char *path = scratch("replay.h5"), *torn = scratch("torn.h5");
	int deaths = 0;
	for (int i = 0; i < 5; i++) {
		remove_all(torn);
		copy_file(base, torn);
		assert_true(child("commit", torn, points[i], 1));
		int found;
		assert_int_equal(c5_overlay_inspect(torn, &found), C5_OK);
		assert_int_equal(found, 1);
		for (int p = 0; c5_crash_points[p]; p++)
			for (int k = 1;; k++) {
				remove_all(path);
				copy_file(torn, path);
				char *from = c5_format("%s.journal", torn), *to = c5_format("%s.journal", path);
				copy_file(from, to);
				free(from);
				free(to);
				if (!child("open", path, c5_crash_points[p], k)) break;
				deaths++;
				check_after("replay", c5_crash_points[p], path, 2, 2); /* the transaction was permanent already */
			}
	}
	assert_true(deaths >= 25);
}

/* ---- bytes ---- */

static void changes_below_the_end_stay_in_memory_until_the_commit(void **state)
{
	const char *path = scratch("bytes.h5");
	uint8_t was[300], got[300], now[300];
	c5_overlay *ov;
	remove_all(path);
	copy_file(*state, path);
	assert_int_equal(c5_overlay_open(&ov, path, true, false), C5_OK);
	uint64_t end = c5_overlay_base_end(ov);
	assert_true(end > 3 * C5_PAGE);
	assert_int_equal(c5_overlay_end(ov), end);
	assert_int_equal(c5_overlay_read(ov, 2 * C5_PAGE - 150, was, 300), C5_OK);
	memset(now, 0xa5, sizeof now);
	assert_int_equal(c5_overlay_write(ov, 2 * C5_PAGE - 150, now, 300), C5_OK); /* over a page's edge */
	assert_int_equal(c5_overlay_pages(ov), 2);
	assert_int_equal(c5_overlay_read(ov, 2 * C5_PAGE - 150, got, 300), C5_OK);
	assert_memory_equal(got, now, 300);
	FILE *raw = fopen(path, "rb");
	assert_int_equal(fseek(raw, 2 * C5_PAGE - 150, SEEK_SET), 0);
	assert_int_equal(fread(got, 1, 300, raw), 300);
	assert_memory_equal(got, was, 300);
	fclose(raw);

	assert_int_equal(c5_overlay_write(ov, end - 100, now, 300), C5_OK); /* over the committed end */
	assert_int_equal(c5_overlay_end(ov), end + 200);
	assert_int_equal(c5_overlay_read(ov, end - 100, got, 300), C5_OK);
	assert_memory_equal(got, now, 300);
	assert_int_equal(c5_overlay_write_data(ov, end - 1, now, 1), C5_EFAIL);
	assert_int_equal(c5_overlay_write_data(ov, end + 1000, now, 300), C5_OK);
	assert_int_equal(c5_overlay_read(ov, end + 1000, got, 300), C5_OK);
	assert_memory_equal(got, now, 300);

	c5_overlay_abort(ov);
	assert_int_equal(c5_overlay_end(ov), end);
	assert_int_equal(c5_overlay_read(ov, 2 * C5_PAGE - 150, got, 300), C5_OK);
	assert_memory_equal(got, was, 300);
	assert_int_equal(c5_overlay_close(ov), C5_OK);
	assert_int_equal(stock_state(path), 1);
}

static void a_reader_does_not_write(void **state)
{
	uint8_t byte = 0;
	c5_overlay *ov;
	assert_int_equal(c5_overlay_open(&ov, *state, false, false), C5_OK);
	assert_int_equal(c5_overlay_write(ov, 100, &byte, 1), C5_EIO);
	assert_int_equal(c5_overlay_commit(ov, 0), C5_EIO);
	assert_int_equal(c5_overlay_close(ov), C5_OK);
}

static void what_is_no_container_is_refused(void **state)
{
	(void)state;
	c5_overlay *ov;
	const char *path = scratch("no.h5");
	assert_int_equal(c5_overlay_open(&ov, scratch("nowhere.h5"), false, false), C5_ENOTFOUND);
	assert_int_equal(c5_overlay_open(&ov, "/", false, false), C5_EINPUT);
	FILE *f = fopen(path, "wb");
	assert_int_equal(c5_overlay_open(&ov, path, false, false), C5_EINPUT);
	for (int i = 0; i < 10; i++) fputs("this is no HDF5 file; ", f);
	fclose(f);
	assert_int_equal(c5_overlay_open(&ov, path, false, false), C5_ESCHEMA);
	copy_file(*state, path);
	assert_int_equal(truncate(path, 5000), 0);
	assert_int_equal(c5_overlay_open(&ov, path, false, false), C5_EINPUT);
	assert_non_null(strstr(c5_error_last(), "truncated"));
}

/* While a run goes on the superblock's end runs ahead, but the file itself grows by what is written. */
static void slack_does_not_pile_up(void **state)
{
	const char *path = scratch("slack.h5");
	c5_file *f;
	struct stat st;
	remove_all(path);
	copy_file(*state, path);
	assert_int_equal(c5_file_open(&f, path, C5_WRITE, "test"), C5_OK);
	for (int n = 2; n <= CHUNKS; n++) {
		step_to(f, n);
		assert_int_equal(c5_file_commit(f, true), C5_OK);
		assert_int_equal(stat(path, &st), 0);
		assert_true((uint64_t)st.st_size <= 2 * C5_COMMIT_SLACK);
		assert_true(c5_file_end(f) < 1 << 20);
		assert_int_equal(state_at(path, C5_READ), n);
		assert_int_equal(stock_state(path), n);
	}
	assert_int_equal(c5_file_close(f), C5_OK);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size < 1 << 20);
	assert_int_equal(stock_state(path), CHUNKS);
}

/* A reader, ours or stock, that opened early can follow what later commits linked. */
static void an_open_reader_follows_later_commits(void **state)
{
	const char *path = scratch("follow.h5");
	c5_file *f;
	int64_t step = 0;
	remove_all(path);
	copy_file(*state, path);
	assert_int_equal(c5_file_open(&f, path, C5_WRITE, "test"), C5_OK);
	step_to(f, 2);
	assert_int_equal(c5_file_commit(f, true), C5_OK);
	hid_t early = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
	assert_true(early >= 0);
	step_to(f, 3);
	assert_int_equal(c5_file_commit(f, true), C5_OK);
	hid_t a = H5Aopen_by_name(early, "/experiments", "step", H5P_DEFAULT, H5P_DEFAULT);
	assert_true(a >= 0 && H5Aread(a, H5T_NATIVE_INT64, &step) >= 0);
	assert_int_equal(step, 3);
	H5Aclose(a);
	H5Fclose(early);
	assert_int_equal(c5_file_close(f), C5_OK);
}

/* A journal that lies beside a file it was not written for must not be put into it. */
static void a_journal_of_another_file_is_refused(void **state)
{
	const char *path = scratch("mine.h5"), *other = scratch("other.h5");
	c5_file *f;
	uint8_t before[48], after[48];
	remove_all(path);
	remove_all(other);
	copy_file(*state, path);
	assert_true(child("commit", path, "journal-synced", 1));
	MUST(c5_file_create(other, "another"));
	MUST(c5_file_open(&f, other, C5_WRITE, "test"));
	MUST(c5_group_make(f, "/experiments/Z"));
	MUST(c5_file_commit(f, false));
	MUST(c5_file_close(f));
	copy_file(other, path); /* over the file whose journal is still there */
	FILE *raw = fopen(path, "rb");
	assert_int_equal(fread(before, 1, 48, raw), 48);
	fclose(raw);
	assert_int_equal(c5_file_open(&f, path, C5_READ, NULL), C5_EINPUT);
	assert_int_equal(c5_file_open(&f, path, C5_WRITE, "test"), C5_EINPUT);
	assert_non_null(strstr(c5_error_last(), ".journal"));
	raw = fopen(path, "rb");
	assert_int_equal(fread(after, 1, 48, raw), 48);
	fclose(raw);
	assert_memory_equal(before, after, 48);
	remove_all(path);
}

static int make_all(void **state)
{
	H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
	*state = c5_strdup(scratch("base.h5"));
	make_base(*state);
	return 0;
}

static int free_all(void **state)
{
	free(*state);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(changes_below_the_end_stay_in_memory_until_the_commit),
		cmocka_unit_test(a_reader_does_not_write),
		cmocka_unit_test(what_is_no_container_is_refused),
		cmocka_unit_test(slack_does_not_pile_up),
		cmocka_unit_test(an_open_reader_follows_later_commits),
		cmocka_unit_test(a_journal_of_another_file_is_refused),
		cmocka_unit_test(inspection_tells_what_a_crash_left),
		cmocka_unit_test(dying_while_creating_leaves_all_or_nothing),
		cmocka_unit_test(dying_while_committing_leaves_old_or_new),
		cmocka_unit_test(dying_in_a_run_of_commits_leaves_one_of_them),
		cmocka_unit_test(dying_while_replaying_leaves_it_to_the_next),
	};
	if (argc == 3) return play(argv[1], argv[2]);
	return cmocka_run_group_tests(tests, make_all, free_all);
}
