/* unit_container_lock.c – two processes and one container: the second writer is told who holds it, readers are never stopped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <sys/wait.h>

#include "container/lock.h"
#include "container_sample.h"

/* A process that holds the container's lock until told otherwise. */
typedef struct holder { pid_t pid; int to, from; } holder;

static holder hold(const char *path)
{
	int to[2], from[2];
	char word = '?';
	assert_true(pipe(to) == 0 && pipe(from) == 0);
	holder h = { fork(), to[1], from[0] };
	if (h.pid == 0) {
		c5_file *f;
		word = c5_file_open(&f, path, C5_WRITE, "run r000007") == C5_OK ? 'y' : 'n';
		if (write(from[1], &word, 1) != 1 || read(to[0], &word, 1) < 0) _exit(1);
		_exit(c5_file_close(f) < 0);
	}
	close(to[0]);
	close(from[1]);
	assert_int_equal(read(h.from, &word, 1), 1);
	assert_int_equal(word, 'y');
	return h;
}

static void let_go(holder h)
{
	int status;
	assert_int_equal(write(h.to, "x", 1), 1);
	assert_int_equal(waitpid(h.pid, &status, 0), h.pid);
	assert_int_equal(status, 0);
	close(h.to);
	close(h.from);
}

static void the_second_writer_is_told_who_holds_it(void **state)
{
	(void)state;
	char who[64];
	const char *path = scratch("held.h5");
	c5_file *f;
	MUST(c5_file_create(path, NULL));
	assert_int_equal(c5_lock_held(path), 0);
	holder h = hold(path);
	assert_int_equal(c5_lock_held(path), 1);
	assert_int_equal(c5_file_open(&f, path, C5_WRITE, "second"), C5_EBUSY);
	snprintf(who, sizeof who, "pid %ld, run r000007", (long)h.pid);
	assert_non_null(strstr(c5_error_last(), who));
	assert_non_null(strstr(c5_error_last(), "host "));
	MUST(c5_file_open(&f, path, C5_READ, NULL));
	MUST(c5_file_close(f));
	let_go(h);
	assert_int_equal(c5_lock_held(path), 0);
	assert_true(access(scratch("held.h5.lock"), F_OK) != 0);
	MUST(c5_file_open(&f, path, C5_WRITE, "third"));
	MUST(c5_file_close(f));
}

static void a_dead_writers_lock_is_taken_over(void **state)
{
	(void)state;
	const char *path = scratch("dead.h5");
	c5_file *f;
	MUST(c5_file_create(path, NULL));
	holder h = hold(path);
	kill(h.pid, SIGKILL);
	waitpid(h.pid, NULL, 0);
	close(h.to);
	close(h.from);
	assert_int_equal(access(scratch("dead.h5.lock"), F_OK), 0); /* the name is left, nobody holds it */
	assert_int_equal(c5_lock_held(path), 0);
	MUST(c5_file_open(&f, path, C5_WRITE, "next"));
	MUST(c5_file_close(f));
	assert_true(access(scratch("dead.h5.lock"), F_OK) != 0);
}

static void of_many_writers_one_at_a_time_gets_in(void **state)
{
	(void)state;
	enum { WRITERS = 8, TURNS = 25 };
	const char *path = scratch("many.h5");
	c5_file *f;
	int64_t n = 0;
	int bad = 0;
	MUST(c5_file_create(path, NULL));
	MUST(c5_file_open(&f, path, C5_WRITE, "test"));
	MUST(c5_attr_set_i64(f, "/runs", "n", 0));
	MUST(c5_file_commit(f, false));
	MUST(c5_file_close(f));
	pid_t pids[WRITERS];
	fflush(NULL);
	for (int i = 0; i < WRITERS; i++)
		if ((pids[i] = fork()) == 0) {
			for (int k = 0; k < TURNS;) { /* read, add one, write: loses counts if two are ever in */
				if (c5_file_open(&f, path, C5_WRITE, "adding") < 0) {
					usleep(500);
					continue;
				}
				MUST(c5_attr_get_i64(f, "/runs", "n", &n));
				MUST(c5_attr_set_i64(f, "/runs", "n", n + 1));
				MUST(c5_file_commit(f, k % 2));
				MUST(c5_file_close(f));
				k++;
			}
			_exit(0);
		}
	for (int i = 0; i < WRITERS; i++) {
		int status;
		waitpid(pids[i], &status, 0);
		bad += status != 0;
	}
	assert_int_equal(bad, 0);
	MUST(c5_file_open(&f, path, C5_READ, NULL));
	MUST(c5_attr_get_i64(f, "/runs", "n", &n));
	MUST(c5_file_close(f));
	assert_int_equal(n, WRITERS * TURNS);
}

/* A reader that opens while commits are made sees one of them, whole. */
static void readers_beside_a_writer_see_whole_states(void **state)
{
	(void)state;
	const char *path = scratch("beside.h5");
	c5_file *f;
	MUST(c5_file_create(path, NULL));
	MUST(c5_file_open(&f, path, C5_WRITE, "test"));
	for (int i = 0; i < 30; i++) {
		char group[64];
		snprintf(group, sizeof group, "/experiments/e%d", i);
		MUST(c5_group_make(f, group));
		MUST(c5_attr_set_i64(f, group, "n", 0));
	}
	MUST(c5_file_commit(f, false));
	MUST(c5_file_close(f));
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		MUST(c5_file_open(&f, path, C5_WRITE, "writer"));
		for (int64_t n = 1; n <= 60; n++) {
			for (int i = 0; i < 30; i++) {
				char group[64];
				snprintf(group, sizeof group, "/experiments/e%d", i);
				MUST(c5_attr_set_i64(f, group, "n", n));
			}
			MUST(c5_file_commit(f, n < 60));
			usleep(4000);
		}
		_exit(c5_file_close(f) < 0);
	}
	int64_t last = 0;
	int seen = 0, still = 0, torn = 0;
	for (int status = -1; status == -1 || waitpid(pid, &status, WNOHANG) == 0; status = 0) {
		int64_t n[30], after;
		bool whole = true;
		int got = 0;
		if (c5_file_open(&f, path, C5_READ, NULL) < 0) fail_msg("reader: %s", c5_error_last());
		for (; got < 30; got++) {
			char group[64];
			snprintf(group, sizeof group, "/experiments/e%d", got);
			if (c5_attr_get_i64(f, group, "n", &n[got]) < 0) break;
			whole = whole && n[got] == n[0];
		}
		MUST(c5_file_close(f));
		MUST(c5_file_open(&f, path, C5_READ, NULL));
		MUST(c5_attr_get_i64(f, "/experiments/e0", "n", &after));
		MUST(c5_file_close(f));
		seen++;
		if (got < 30) { /* an object changed under the reader's eyes; whoever opens the file again has it whole */
			assert_true(after > last);
			torn++;
			continue;
		}
		assert_true(n[0] >= last && after >= n[0]);
		last = n[0];
		if (after != n[0]) continue; /* a commit came while it was open */
		still++;
		assert_true(whole);
	}
	assert_true(torn <= 1 + seen / 10);
	assert_true(seen > 3 && still > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_second_writer_is_told_who_holds_it),
		cmocka_unit_test(a_dead_writers_lock_is_taken_over),
		cmocka_unit_test(of_many_writers_one_at_a_time_gets_in),
		cmocka_unit_test(readers_beside_a_writer_see_whole_states),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
