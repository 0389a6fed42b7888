/* unit_hyperopt_left.c – what is left when a search is killed: keepers that end scripts and tell of those that had ended, marks of trials and back.
 * */
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/error.h"
#include "base/text.h"
#include "hyperopt/child.h"
#include "hyperopt/left.h"

#define MUST(call) assert_int_equal(call, C5_OK)

static char folder[] = "/tmp/cyto5-left-XXXXXX", path[200];

static const char *file(const char *name)
{
	snprintf(path, sizeof path, "%s/%s", folder, name);
	return path;
}

static void read_text(const char *name, char text[200])
{
	FILE *f = fopen(file(name), "r");
	size_t n = f ? fread(text, 1, 199, f) : 0;
	text[n] = '\0';
	if (f) fclose(f);
}

/* Waits until the file says something; false: never. */
static bool comes(const char *name, char text[200])
{
	for (int i = 0; i < 500; i++) {
		read_text(name, text);
		if (*text) return true;
		usleep(10000);
	}
	return false;
}

/* ---- keepers ---- */

static void note_left(void *keep, c5_child *c, bool killed)
{
	const char *line;
	int status;
	FILE *f = fopen(keep, "w");
	if (!f) return;
	c5_child_ended(c, &status);
	if (killed) fprintf(f, "killed");
	else
		while (c5_child_line(c, &line)) fprintf(f, "%s %d;", line, status >> 8);
	fclose(f);
}

/* A process that starts a script with a keeper and is killed `after_us` later. */
static void search_that_is_killed(const char *script, const char *left, useconds_t after_us)
{
	char to[200];
	snprintf(to, sizeof to, "%s/%s", folder, left);
	pid_t pid = fork();
	if (pid == 0) {
		c5_child *c;
		const c5_child_setup setup = { .script = script, .extra = (const char *const[]){ NULL }, .dir = folder, .left = note_left, .keep = to };
		if (c5_child_start(&c, &setup) < 0) _exit(1);
		usleep(after_us);
		kill(getpid(), SIGKILL);
	}
	assert_true(pid > 0 && waitpid(pid, NULL, 0) == pid);
}

static void keepers_tell_of_scripts_that_had_ended(void **state)
{
	char text[200];
	(void)state;
	search_that_is_killed("echo one; echo two; exit 3", "ended", 300000);
	assert_true(comes("ended", text));
	assert_string_equal(text, "one 3;two 3;");
}

static void keepers_end_what_goes_on(void **state)
{
	char text[200], script[400];
	(void)state;
	snprintf(script, sizeof script, "sleep 60 & echo $! > %s/pid; sleep 60", folder);
	search_that_is_killed(script, "going", 300000);
	assert_true(comes("going", text));
	assert_string_equal(text, "killed");
	assert_true(comes("pid", text));
	bool gone = false;
	for (int i = 0; i < 200 && !gone; i++) {
		gone = kill(atoi(text), 0) < 0; /* or a zombie until init comes */
		char stat[64], line[200] = "";
		snprintf(stat, sizeof stat, "/proc/%d/stat", atoi(text));
		FILE *f = fopen(stat, "r");
		gone = gone || !f || !fgets(line, sizeof line, f) || strstr(line, ") Z");
		if (f) fclose(f);
		usleep(10000);
	}
	assert_true(gone);
}

static void keepers_that_may_go_tell_nothing(void **state)
{
	c5_child *c;
	const char *line;
	int status;
	char to[200], text[200];
	(void)state;
	snprintf(to, sizeof to, "%s/%s", folder, "quiet");
	const c5_child_setup setup = { .script = "echo one", .extra = (const char *const[]){ NULL }, .dir = folder, .left = note_left, .keep = to };
	MUST(c5_child_start(&c, &setup));
	while (!c5_child_ended(c, &status))
		while (c5_child_line(c, &line)) assert_string_equal(line, "one");
	c5_child_free(c); /* comes back when the keeper has gone */
	read_text("quiet", text);
	assert_string_equal(text, "");
}

/* ---- marks ---- */

static void leave(const c5_space *space, uint32_t number, double value)
{
	double x = number / 4.0;
	c5_history h;
	c5_trial *t;
	c5_buf about = { 0 };
	c5_news news;
	const c5_report reports[] = { { 1, 0.5 }, { 2, 0.25 } };
	const c5_mean mean = { 3, 7, 2 };
	c5_history_init(&h, space, false);
	MUST(c5_history_add(&h, number, &x, "model", &t));
	t->group = 2;
	t->begun_s = 12.5;
	c5_left_about(&about, t, space->n);
	c5_news_end(&news, number, value, &mean, 4, isnan(value) ? "no\nluck" : "");
	char *marks = c5_left_marks(file("a.h5"), 3), *mark = c5_left_path(marks, number);
	int fd = c5_left_hold(mark);
	assert_true(fd >= 0);
	c5_left_write(fd, &about, &news, reports, 2);
	close(fd);
	free(mark);
	free(marks);
	c5_buf_free(&about);
	c5_history_free(&h);
}

static int take(void *to, c5_left *l)
{
	c5_trial *t;
	int err = c5_left_trial(to, l, &t);
	if (err < 0) return err;
	t->value = l->news.value;
	t->spread = l->news.spread;
	t->repeats = l->news.repeats;
	memcpy(t->note, l->news.note, sizeof t->note);
	return C5_OK;
}

static void trials_are_left_and_taken_in(void **state)
{
	c5_space space = { 0 };
	c5_history h;
	(void)state;
	MUST(c5_space_add(&space, "x", C5_PARAM_REAL, 0, 100, false, 0));
	MUST(c5_space_settle(&space));
	c5_history_init(&h, &space, false);
	leave(&space, 9, 1.5);
	leave(&space, 2, NAN);
	leave(&space, 4, 3);
	leave(&space, 5, 3);
	MUST(truncate(file("a.h5.r000003.trial4"), 60)); /* half a record is none */
	MUST(truncate(file("a.h5.r000003.trial5"), 0));
	fclose(fopen(file("a.h5.r000004.trial1"), "w")); /* of another run */
	char *marks = c5_left_marks(file("a.h5"), 3);
	MUST(c5_left_all(marks, take, &h));
	assert_null(c5_history_get(&h, 4));
	assert_null(c5_history_get(&h, 5));
	const c5_trial *t = c5_history_get(&h, 9);
	assert_non_null(t);
	assert_true(t->values[0] == 2.25 && t->value == 1.5 && t->repeats == 3 && t->spread == 1 && t->group == 2 && t->begun_s == 12.5);
	assert_true(t->n_reports == 2 && t->reports[1].step == 2 && t->reports[1].value == 0.25);
	assert_string_equal(t->origin, "model");
	t = c5_history_get(&h, 2);
	assert_non_null(t);
	assert_true(isnan(t->value));
	assert_string_equal(t->note, "no luck");
	for (int i = 2; i < 10; i++) {
		char name[40];
		snprintf(name, sizeof name, "a.h5.r000003.trial%d", i);
		assert_true(access(file(name), F_OK) < 0);
	}
	assert_int_equal(access(file("a.h5.r000004.trial1"), F_OK), 0);
	free(marks);
	marks = c5_left_marks(file("a.h5"), 4);
	c5_left_clear(marks);
	assert_true(access(file("a.h5.r000004.trial1"), F_OK) < 0);
	free(marks);
	c5_history_free(&h);
	c5_space_free(&space);
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	static const char *const names[] = { "ended", "going", "pid", "quiet" };
	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) unlink(file(names[i]));
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keepers_tell_of_scripts_that_had_ended), cmocka_unit_test(keepers_end_what_goes_on),
		cmocka_unit_test(keepers_that_may_go_tell_nothing), cmocka_unit_test(trials_are_left_and_taken_in),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
