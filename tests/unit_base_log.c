/* unit_base_log.c – what is said on stderr, on a terminal, and in the event log. Each case runs in a child with its own stderr. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/signal.h"
#include "base/text.h"
#include "base/threads.h"

static char json_path[] = "/tmp/c5_log_XXXXXX";

/* Runs `speak` in a child and returns all it wrote on stderr (a pipe, or a terminal of 70 columns). Caller frees. */
static char *heard(void (*speak)(void), bool terminal)
{
	int ends[2];
	if (terminal) {
		struct winsize size = { .ws_col = 70, .ws_row = 20 };
		ends[0] = posix_openpt(O_RDWR | O_NOCTTY);
		if (ends[0] < 0 || grantpt(ends[0]) < 0 || unlockpt(ends[0]) < 0) skip();
		ends[1] = open(ptsname(ends[0]), O_RDWR | O_NOCTTY);
		struct termios mode;
		assert_int_equal(tcgetattr(ends[1], &mode), 0);
		mode.c_oflag &= ~(tcflag_t)OPOST;
		assert_int_equal(tcsetattr(ends[1], TCSANOW, &mode), 0);
		assert_int_equal(ioctl(ends[1], TIOCSWINSZ, &size), 0);
	} else {
		assert_int_equal(pipe(ends), 0);
	}
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(ends[0]);
		dup2(ends[1], STDERR_FILENO);
		close(ends[1]);
		speak();
		_exit(0);
	}
	close(ends[1]);
	c5_buf b = { 0 };
	char piece[512];
	ssize_t n;
	while ((n = read(ends[0], piece, sizeof piece)) > 0) c5_buf_put(&b, piece, (size_t)n);
	close(ends[0]);
	int status = -1;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	return c5_text_take(&b);
}

static char *file_text(const char *path)
{
	c5_buf b = { 0 };
	char piece[512];
	size_t n;
	FILE *from = fopen(path, "r");
	assert_non_null(from);
	while ((n = fread(piece, 1, sizeof piece, from)) > 0) c5_buf_put(&b, piece, n);
	fclose(from);
	return c5_text_take(&b);
}

static void start(bool quiet, bool verbose, int rank, const char *json)
{
	c5_log_setup setup = { .quiet = quiet, .verbose = verbose, .rank = rank, .ranks = 4, .json = json };
	if (c5_log_init(&setup) < 0) _exit(9);
}

static void pause_s(double s)
{
	struct timespec t = { (time_t)s, (long)((s - (double)(time_t)s) * 1e9) };
	nanosleep(&t, NULL);
}

static void all_levels(void)
{
	c5_log(C5_LOG_ERROR, "e %d", 1);
	c5_log(C5_LOG_WARN, "w\x1b[2J\nx");
	c5_log(C5_LOG_INFO, "i");
	c5_log(C5_LOG_DEBUG, "d");
}
static void plain(void) { start(false, false, 0, NULL); all_levels(); }
static void quiet(void) { start(true, false, 0, NULL); all_levels(); }
static void verbose(void) { start(false, true, 0, NULL); all_levels(); }
static void third_rank(void) { start(false, true, 3, NULL); all_levels(); }

static void levels_and_ranks_decide_what_is_said(void **state)
{
	(void)state;
	static const struct { void (*speak)(void); const char *text; } cases[] = {
		{ plain, "cyto5: error: e 1\ncyto5: warning: w [2J x\ncyto5: i\n" },
		{ quiet, "cyto5: error: e 1\ncyto5: warning: w [2J x\n" },
		{ verbose, "cyto5: error: e 1\ncyto5: warning: w [2J x\ncyto5: i\ncyto5: d\n" },
		{ third_rank, "cyto5 rank 3: error: e 1\n" },
		{ all_levels, "cyto5: error: e 1\ncyto5: warning: w [2J x\ncyto5: i\n" }, /* before c5_log_init */
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *text = heard(cases[i].speak, false);
		assert_string_equal(text, cases[i].text);
		free(text);
	}
}

static void long_one(void)
{
	char *s = calloc(1, 5001);
	memset(s, 'x', 5000);
	c5_log(C5_LOG_INFO, "%s", s);
	free(s);
}

static void long_messages_are_whole(void **state)
{
	(void)state;
	char *text = heard(long_one, false);
	assert_int_equal(strlen(text), 5000 + strlen("cyto5: \n"));
	free(text);
}

static void events(void)
{
	start(true, false, 2, json_path);
	c5_event("commit", "sifs", "run", "r000003", "chunks", (int64_t)-7, "seconds", 0.25, "host", "a\"b\\\n\xff");
	c5_event("empty", "", NULL);
	c5_event("odd", "sf", "none", NULL, "nan", 0.0 / 0.0);
	c5_log(C5_LOG_WARN, "disk is %d %% full", 97);
	c5_log_close();
	c5_event("late", "", NULL);
}

static void event_log_is_one_json_object_a_line(void **state)
{
	(void)state;
	char *text = heard(events, false);
	assert_string_equal(text, "");
	free(text);
	text = heard(events, false); /* appended, not overwritten */
	free(text);
	text = file_text(json_path);
	static const char *const tails[] = {
		"\"event\": \"commit\", \"rank\": 2, \"run\": \"r000003\", \"chunks\": -7, \"seconds\": 0.25, \"host\": \"a\\\"b\\\\\\n\\ufffd\"}",
		"\"event\": \"empty\", \"rank\": 2}",
		"\"event\": \"odd\", \"rank\": 2, \"none\": null, \"nan\": null}",
		"\"event\": \"log\", \"rank\": 2, \"level\": \"warning\", \"text\": \"disk is 97 % full\"}",
	};
	int n = 0;
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), n++) {
		struct tm day = { 0 };
		assert_int_equal(strncmp(line, "{\"time\": \"", 10), 0);
		const char *rest = strptime(line + 10, "%Y-%m-%dT%H:%M:%S", &day);
		assert_non_null(rest);
		assert_true(rest[0] == '.' && rest[4] == 'Z' && rest[5] == '"');
		assert_string_equal(rest + 8, tails[n % 4]);
	}
	assert_int_equal(n, 8);
	free(text);
}

static void full_disk(void)
{
	start(false, false, 0, "/dev/full");
	c5_event("a", "", NULL);
	c5_event("b", "", NULL);
	c5_log(C5_LOG_INFO, "on we go");
}

static void a_full_disk_is_told_once_and_work_goes_on(void **state)
{
	(void)state;
	char *text = heard(full_disk, false);
	assert_string_equal(text, "cyto5: warning: the event log (--json) cannot be written any more; the work goes on without it\ncyto5: on we go\n");
	free(text);
	c5_log_setup setup = { .json = "/nowhere/at/all.json" };
	assert_int_equal(c5_log_init(&setup), C5_EIO);
	assert_non_null(strstr(c5_error_last(), "/nowhere/at/all.json: "));
}

static void counting(void)
{
	start(false, false, 0, NULL);
	c5_progress_begin("segment", 1000);
	for (uint64_t i = 0; i <= 1000; i++) {
		c5_progress_at(i);
		if (i == 500) c5_log(C5_LOG_WARN, "halfway");
		pause_s(0.0012);
	}
	c5_progress_end();
	c5_log(C5_LOG_INFO, "done");
}
static void counting_quietly(void)
{
	start(true, false, 0, NULL);
	c5_progress_begin("segment", 10);
	for (uint64_t i = 0; i <= 10; i++) c5_progress_at(i);
	c5_progress_end();
}
static void brief(void)
{
	start(false, false, 0, NULL);
	c5_progress_begin("segment", 0);
	c5_progress_at(0);
	c5_progress_end();
	c5_log(C5_LOG_INFO, "done");
}

static int count_of(const char *text, const char *part)
{
	int n = 0;
	for (; (text = strstr(text, part)) != NULL; text += strlen(part)) n++;
	return n;
}

static void progress_on_a_terminal_is_one_redrawn_line(void **state)
{
	(void)state;
	setenv("TERM", "xterm", 1);
	setenv("NO_COLOR", "1", 1);
	double before = c5_clock_s();
	char *text = heard(counting, true);
	int drawn = count_of(text, "\r\033[K"), most = (int)(10 * (c5_clock_s() - before)) + 3; /* ten a second, the first, and two erasures */
	assert_in_range(drawn, 5, most);
	assert_int_equal(count_of(text, "\n"), 3);
	assert_int_equal(count_of(text, "\033"), drawn); /* no colour */
	assert_non_null(strstr(text, "segment: 0/1000 (0 %) [....."));
	assert_non_null(strstr(text, "#"));
	assert_non_null(strstr(text, " left ["));
	assert_non_null(strstr(text, "\r\033[Kcyto5: warning: halfway\n"));
	char *last = strstr(text, "\r\033[Kcyto5: segment: 1000/1000 (100 %), ");
	assert_non_null(last);
	assert_string_equal(strchr(last, '\n'), "\ncyto5: done\n");
	for (const char *line = strstr(text, "\r\033[K"); line; line = strstr(line + 1, "\r\033[K"))
		if (strncmp(line + 4, "cyto5", 5) != 0) assert_true(strcspn(line + 4, "\r\n") < 70);
	free(text);
	unsetenv("NO_COLOR");
	text = heard(counting, true);
	assert_non_null(strstr(text, "\033[36m"));
	assert_non_null(strstr(text, "\033[33mwarning: \033[0m"));
	free(text);
	text = heard(brief, true);
	char *tail = strrchr(text, '\r');
	assert_non_null(tail);
	assert_string_equal(tail, "\r\033[Kcyto5: done\n");
	assert_int_equal(count_of(text, "\n"), 1);
	free(text);
	text = heard(counting_quietly, true);
	assert_string_equal(text, "");
	free(text);
}

static void progress_elsewhere_has_no_escapes(void **state)
{
	(void)state;
	char *text = heard(counting, false);
	assert_string_equal(text, "cyto5: warning: halfway\ncyto5: done\n"); /* over before the first of the ten-second lines */
	free(text);
	setenv("TERM", "dumb", 1);
	text = heard(brief, true);
	assert_string_equal(text, "cyto5: done\n");
	free(text);
}

static void counting_for_long(void)
{
	start(false, false, 0, json_path);
	c5_progress_begin("segment", 4);
	for (uint64_t i = 0; i <= 4; i++) {
		c5_progress_at(i);
		if (i < 3) pause_s((C5_PROGRESS_LINE_S + 0.3) / 3);
	}
	c5_progress_end();
	c5_log_close();
}

static void long_work_is_told_every_ten_seconds(void **state)
{
	(void)state;
	assert_int_equal(truncate(json_path, 0), 0);
	char *text = heard(counting_for_long, false);
	assert_int_equal(count_of(text, "\n"), 2);
	assert_int_equal(strncmp(text, "cyto5: segment: 3/4 (75 %), 0.", 30), 0);
	assert_non_null(strstr(text, " s left\ncyto5: segment: 4/4 (100 %), 0."));
	assert_non_null(strstr(text, "/s in 1"));
	free(text);
	text = file_text(json_path);
	assert_int_equal(count_of(text, "\n"), 3);
	assert_int_equal(count_of(text, "\"event\": \"progress\", \"rank\": 0, \"what\": \"segment\", \"done\": 0, \"total\": 4}"), 1);
	assert_int_equal(count_of(text, "\"event\": \"progress\", \"rank\": 0, \"what\": \"segment\", \"done\": 3, \"total\": 4}"), 1);
	assert_int_equal(count_of(text, "\"event\": \"progress-end\", \"rank\": 0, \"what\": \"segment\", \"done\": 4, \"total\": 4}"), 1);
	free(text);
}

static void spans_read_like_a_clock(void **state)
{
	(void)state;
	static const struct { double s; const char *text; } cases[] = {
		{ 0, "0.0 s" }, { 4.24, "4.2 s" }, { 59.96, "1:00" }, { 187, "3:07" }, { 8109, "2:15:09" }, { -1, "0.0 s" }, { 1e300, "277777:46:40" },
	};
	char text[C5_SPAN_TEXT];
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) assert_string_equal(c5_clock_span(text, cases[i].s), cases[i].text);
	double before = c5_clock_s();
	pause_s(0.01);
	assert_true(c5_clock_s() - before >= 0.009);
}

static void asked_to_stop(void)
{
	if (c5_stop_listen() < 0 || c5_stop_wanted() || *c5_stop_reason()) _exit(1);
	raise(SIGUSR1);
	raise(SIGTERM);
	raise(SIGINT);
	if (!c5_stop_wanted() || strcmp(c5_stop_reason(), "SIGUSR1") != 0) _exit(2);
	if (signal(SIGINT, SIG_IGN) != SIG_DFL) _exit(3); /* the second one would kill */
}
static void asked_from_inside(void)
{
	c5_stop_want();
	if (!c5_stop_wanted() || strcmp(c5_stop_reason(), "another rank") != 0) _exit(1);
}

static void signals_only_set_a_flag(void **state)
{
	(void)state;
	free(heard(asked_to_stop, false));
	free(heard(asked_from_inside, false));
}

static void threads_are_set_in_range(void **state)
{
	(void)state;
	assert_int_equal(c5_threads_set(3), C5_OK);
	assert_int_equal(c5_threads(), 3);
	assert_int_equal(c5_threads_set(0), C5_OK);
	assert_int_equal(c5_threads(), 3);
	assert_int_equal(c5_threads_set(-1), C5_EUSAGE);
	assert_int_equal(c5_threads_set(5000), C5_EUSAGE);
}

int main(void)
{
	int fd = mkstemp(json_path);
	if (fd < 0) return 1;
	close(fd);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(levels_and_ranks_decide_what_is_said),
		cmocka_unit_test(long_messages_are_whole),
		cmocka_unit_test(event_log_is_one_json_object_a_line),
		cmocka_unit_test(a_full_disk_is_told_once_and_work_goes_on),
		cmocka_unit_test(progress_on_a_terminal_is_one_redrawn_line),
		cmocka_unit_test(progress_elsewhere_has_no_escapes),
		cmocka_unit_test(long_work_is_told_every_ten_seconds),
		cmocka_unit_test(spans_read_like_a_clock),
		cmocka_unit_test(signals_only_set_a_flag),
		cmocka_unit_test(threads_are_set_in_range),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(json_path);
	return failed;
}
