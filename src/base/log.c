/* log.c – messages, the JSON event log and the progress line; see log.h.
 * Each line leaves in one write, so lines of several ranks or threads on one terminal or in one file (opened to append) do not mix.
 * While a bar stands on the terminal, a message takes its place and the bar comes back with the next c5_progress_at. */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/disk.h"
#include "base/error.h"
#include "base/text.h"

#define REDRAW_S 0.1
#define BRIEF_S 1.0
#define ERASE "\r\033[K"
#define BAR_MAX 40

static struct {
	pthread_mutex_t lock;
	int level, rank, ranks;
	int json;               /* file descriptor, -1 none */
	bool terminal, colour;
} out = { .lock = PTHREAD_MUTEX_INITIALIZER, .level = C5_LOG_INFO, .ranks = 1, .json = -1 };

static struct {
	char *what;             /* NULL: no progress under way */
	uint64_t done, total;
	double began, drawn, lined;
	bool standing, shown;   /* the bar is on the terminal now; something was printed at all */
} bar;

static bool set_in_environment(const char *name)
{
	const char *s = getenv(name);
	return s && *s;
}

static int put(int fd, const char *s, size_t n)
{
	while (n) {
		ssize_t k = write(fd, s, n);
		if (k < 0 && errno == EINTR) continue;
		if (k < 0) return -1;
		s += k;
		n -= (size_t)k;
	}
	return 0;
}

/* Sends the text and empties the buffer. stderr may be closed: nothing to be done about that. */
static void send_to(int fd, c5_buf *b)
{
	if (!b->err && put(fd, (const char *)b->data, b->size) < 0 && fd == out.json) {
		static const char lost[] = "cyto5: warning: the event log (--json) cannot be written any more; the work goes on without it\n";
		if (fd > STDERR_FILENO) close(fd);
		out.json = -1;
		put(STDERR_FILENO, lost, sizeof lost - 1);
	}
	c5_buf_free(b);
}

int c5_log_init(const c5_log_setup *setup)
{
	int err = C5_OK;
	pthread_mutex_lock(&out.lock);
	out.level = setup->quiet ? C5_LOG_WARN : setup->verbose ? C5_LOG_DEBUG : C5_LOG_INFO;
	out.rank = setup->rank;
	out.ranks = setup->ranks > 0 ? setup->ranks : 1;
	const char *term = getenv("TERM");
	out.terminal = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
	out.colour = out.terminal && !set_in_environment("NO_COLOR");
	if (out.json > STDERR_FILENO) close(out.json);
	out.json = -1;
	if (setup->json && strcmp(setup->json, "-") == 0) {
		out.json = STDOUT_FILENO;
	} else if (setup->json) {
		if ((err = c5_disk_spare(setup->json)) == C5_OK) out.json = open(setup->json, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
		if (err == C5_OK && out.json < 0) err = c5_fail(C5_EIO, "%s: the event log cannot be opened to append: %s", setup->json, strerror(errno));
	}
	pthread_mutex_unlock(&out.lock);
	return err;
}

void c5_log_close(void)
{
	c5_progress_end();
	pthread_mutex_lock(&out.lock);
	if (out.json > STDERR_FILENO) close(out.json);
	out.json = -1;
	pthread_mutex_unlock(&out.lock);
}

bool c5_log_quiet(void) { return out.level < C5_LOG_INFO; }

/* ---- lines ---- */

static void json_open(c5_buf *b, const char *event)
{
	char now[C5_UTC_TEXT];
	c5_text_addf(b, "{\"time\": \"%s\", \"event\": ", c5_clock_utc(now));
	c5_text_add_json(b, event);
	c5_text_addf(b, ", \"rank\": %d", out.rank);
}

static void json_close(c5_buf *b)
{
	c5_text_add(b, "}\n");
	if (out.json == STDOUT_FILENO) fflush(stdout);
	send_to(out.json, b);
}

static void erase_bar(c5_buf *b)
{
	if (bar.standing) c5_text_add(b, ERASE);
	bar.standing = false;
}

/* One message line on stderr. A control character must neither break the line nor steer the terminal. */
static void say(int level, const char *text)
{
	static const char *const word[] = { "error: ", "warning: ", "", "" };
	static const char *const paint[] = { "\033[31m", "\033[33m", "", "" };
	bool painted = out.colour && word[level][0];
	c5_buf b = { 0 };
	erase_bar(&b);
	c5_text_add(&b, "cyto5");
	if (out.rank > 0) c5_text_addf(&b, " rank %d", out.rank);
	c5_text_addf(&b, ": %s%s%s", painted ? paint[level] : "", word[level], painted ? "\033[0m" : "");
	size_t at = b.size;
	c5_text_add(&b, text);
	for (; !b.err && at < b.size; at++)
		if (b.data[at] < 0x20 || b.data[at] == 0x7f) b.data[at] = ' ';
	c5_text_add(&b, "\n");
	send_to(STDERR_FILENO, &b);
}

void c5_log(int level, const char *fmt, ...)
{
	static const char *const names[] = { "error", "warning", "info", "debug" };
	char near[1024], *far = NULL;
	va_list ap;
	if (level < C5_LOG_ERROR) level = C5_LOG_ERROR;
	if (level > C5_LOG_DEBUG) level = C5_LOG_DEBUG;
	bool heard = level <= out.level && (out.rank == 0 || level == C5_LOG_ERROR);
	bool kept = out.json >= 0 && level <= (out.level > C5_LOG_INFO ? out.level : C5_LOG_INFO) && (out.rank == 0 || level <= C5_LOG_WARN);
	if (!heard && !kept) return;
	va_start(ap, fmt);
	int n = vsnprintf(near, sizeof near, fmt, ap);
	va_end(ap);
	if (n >= (int)sizeof near && (far = malloc((size_t)n + 1)) != NULL) {
		va_start(ap, fmt);
		vsnprintf(far, (size_t)n + 1, fmt, ap);
		va_end(ap);
	}
	const char *text = far ? far : near;
	pthread_mutex_lock(&out.lock);
	if (heard) say(level, text);
	if (kept && out.json >= 0) {
		c5_buf b = { 0 };
		json_open(&b, "log");
		c5_text_addf(&b, ", \"level\": \"%s\", \"text\": ", names[level]);
		c5_text_add_json(&b, text);
		json_close(&b);
	}
	pthread_mutex_unlock(&out.lock);
	free(far);
}

static void json_real(c5_buf *b, double v)
{
	char text[C5_REAL_TEXT];
	c5_text_add(b, v - v == 0 ? c5_text_real(text, v) : "null"); /* JSON knows neither inf nor nan */
}

void c5_event(const char *name, const char *types, ...)
{
	if (out.json < 0) return;
	c5_buf b = { 0 };
	va_list ap;
	pthread_mutex_lock(&out.lock);
	json_open(&b, name);
	va_start(ap, types);
	for (; *types; types++) {
		const char *key = va_arg(ap, const char *);
		if (!key) break;
		c5_text_add(&b, ", ");
		c5_text_add_json(&b, key);
		c5_text_add(&b, ": ");
		if (*types == 's') c5_text_add_json(&b, va_arg(ap, const char *));
		else if (*types == 'i') c5_text_addf(&b, "%lld", (long long)va_arg(ap, int64_t));
		else json_real(&b, va_arg(ap, double));
	}
	va_end(ap);
	if (out.json >= 0) json_close(&b);
	else c5_buf_free(&b);
	pthread_mutex_unlock(&out.lock);
}

/* ---- progress ---- */

/* "segment: 45/128 (35 %), 12.3/s" and either what is left or what it took. */
static void progress_text(c5_buf *b, double now, bool finished)
{
	char span[C5_SPAN_TEXT];
	double took = now - bar.began, rate = took > 0 ? (double)bar.done / took : 0;
	c5_text_addf(b, "%s: %llu/%llu", bar.what, (unsigned long long)bar.done, (unsigned long long)bar.total);
	if (bar.total) c5_text_addf(b, " (%.0f %%)", 100 * (double)bar.done / (double)bar.total);
	if (rate > 0) c5_text_addf(b, rate >= 100 ? ", %.0f/s" : rate >= 0.1 ? ", %.1f/s" : ", %.3f/s", rate);
	if (finished) c5_text_addf(b, " in %s", c5_clock_span(span, took));
	else if (rate > 0 && bar.total > bar.done) c5_text_addf(b, ", %s left", c5_clock_span(span, (double)(bar.total - bar.done) / rate));
}

static void draw_bar(double now)
{
	struct winsize size = { 0 };
	int width = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
	c5_buf words = { 0 }, b = { 0 };
	progress_text(&words, now, false);
	int n = words.err ? 0 : (int)words.size;
	if (n > width - 1) n = width - 1;
	int cells = width - 1 - n - 3; /* " [" and "]" */
	if (cells > BAR_MAX) cells = BAR_MAX;
	c5_text_add(&b, ERASE);
	c5_buf_put(&b, words.data, (size_t)n);
	if (cells >= 5) {
		double part = bar.total ? (double)bar.done / (double)bar.total : 0;
		int full = (int)((part > 1 ? 1 : part) * cells);
		c5_text_addf(&b, " [%s", out.colour ? "\033[36m" : "");
		for (int i = 0; i < cells; i++) c5_text_add(&b, i < full ? "#" : ".");
		c5_text_addf(&b, "%s]", out.colour ? "\033[0m" : "");
	}
	c5_buf_free(&words);
	send_to(STDERR_FILENO, &b);
	bar.standing = bar.shown = true;
	bar.drawn = now;
}

static void progress_event(const char *name)
{
	c5_buf b = { 0 };
	if (out.json < 0) return;
	json_open(&b, name);
	c5_text_add(&b, ", \"what\": ");
	c5_text_add_json(&b, bar.what);
	c5_text_addf(&b, ", \"done\": %llu, \"total\": %llu", (unsigned long long)bar.done, (unsigned long long)bar.total);
	json_close(&b);
}

static void say_progress(double now, bool finished)
{
	c5_buf words = { 0 };
	progress_text(&words, now, finished);
	char *text = c5_text_take(&words);
	if (text) say(C5_LOG_INFO, text);
	free(text);
	bar.shown = true;
}

void c5_progress_begin(const char *what, uint64_t total)
{
	if (out.rank != 0) return;
	c5_progress_end();
	pthread_mutex_lock(&out.lock);
	memset(&bar, 0, sizeof bar);
	if ((bar.what = c5_strdup(what)) != NULL) {
		bar.total = total;
		bar.began = bar.lined = c5_clock_s();
		if (out.terminal && out.level >= C5_LOG_INFO) draw_bar(bar.began);
		progress_event("progress");
	}
	pthread_mutex_unlock(&out.lock);
}

void c5_progress_at(uint64_t done)
{
	if (out.rank != 0) return;
	pthread_mutex_lock(&out.lock);
	if (bar.what) {
		double now = c5_clock_s();
		bool visible = out.level >= C5_LOG_INFO;
		bar.done = done;
		if (visible && out.terminal && now - bar.drawn >= REDRAW_S) draw_bar(now);
		if (now - bar.lined >= C5_PROGRESS_LINE_S) {
			bar.lined = now;
			if (visible && !out.terminal) say_progress(now, false);
			progress_event("progress");
		}
	}
	pthread_mutex_unlock(&out.lock);
}

/* What was shown on the way ends with one line that stays; what took no second leaves no trace. */
void c5_progress_end(void)
{
	pthread_mutex_lock(&out.lock);
	if (bar.what) {
		double now = c5_clock_s();
		if (bar.shown && now - bar.began >= BRIEF_S) {
			say_progress(now, true);
		} else {
			c5_buf b = { 0 };
			erase_bar(&b);
			send_to(STDERR_FILENO, &b);
		}
		progress_event("progress-end");
		free(bar.what);
		memset(&bar, 0, sizeof bar);
	}
	pthread_mutex_unlock(&out.lock);
}

