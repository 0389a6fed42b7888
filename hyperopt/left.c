/* left.c – see left.h. */
#include "hyperopt/left.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "container/run.h"

#define MAGIC UINT64_C(0x7466656c5f356331)
#define PATIENCE_S 20.0      /* for keepers of a search that was killed: they end what they keep at once */
#define LOOK_US 10000

char *c5_left_marks(const char *container, uint32_t run) { return c5_format("%s.%s", container, c5_revision_name(run)); }
char *c5_left_path(const char *marks, uint32_t trial) { return c5_format("%s.trial%u", marks, trial); }

/* ---- in the keeper ---- */

int c5_left_hold(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd >= 0) flock(fd, LOCK_EX | LOCK_NB);
	return fd;
}

static uint64_t digest_of(const uint8_t *data, size_t n)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
	for (size_t i = 0; i < n; i++) h = (h ^ data[i]) * UINT64_C(0x100000001b3);
	return h;
}

void c5_left_write(int fd, const c5_buf *about, const c5_news *news, const c5_report *reports, size_t n)
{
	c5_buf body = { 0 }, all = { 0 };
	c5_news_pack(&body, news);
	c5_buf_put_u64(&body, about->size);
	c5_buf_put(&body, about->data, about->size);
	c5_buf_put_u64(&body, n);
	for (size_t i = 0; i < n; i++) {
		c5_buf_put_f64(&body, reports[i].step);
		c5_buf_put_f64(&body, reports[i].value);
	}
	c5_buf_put_u64(&all, MAGIC);
	c5_buf_put_u64(&all, digest_of(body.data, body.size));
	c5_buf_put(&all, body.data, body.size);
	if (body.err < 0 || all.err < 0 || write(fd, all.data, all.size) != (ssize_t)all.size) (void)!ftruncate(fd, 0); /* the trial is run again */
	c5_buf_free(&body);
	c5_buf_free(&all);
}

/* ---- a trial ---- */

void c5_left_about(c5_buf *to, const c5_trial *t, size_t n_params)
{
	c5_buf_put_u64(to, t->number);
	c5_buf_put_u64(to, t->group);
	c5_buf_put_f64(to, t->begun_s);
	c5_buf_put(to, t->origin, sizeof t->origin);
	c5_buf_put(to, t->values, n_params * sizeof *t->values);
}

int c5_left_trial(c5_history *h, c5_left *l, c5_trial **out)
{
	uint64_t number = 0, group = 0;
	double begun_s = 0, values[C5_SPACE_MOST];
	char origin[C5_ORIGIN_TEXT];
	int err;
	if ((err = c5_buf_get_u64(&l->about, &number)) < 0 || (err = c5_buf_get_u64(&l->about, &group)) < 0 ||
	    (err = c5_buf_get_f64(&l->about, &begun_s)) < 0 || (err = c5_buf_get(&l->about, origin, sizeof origin)) < 0 ||
	    (err = c5_buf_get(&l->about, values, h->space->n * sizeof *values)) < 0)
		return err;
	origin[sizeof origin - 1] = '\0';
	if ((err = c5_history_add(h, (uint32_t)number, values, origin, out)) < 0) return err;
	(*out)->group = (uint32_t)group;
	(*out)->begun_s = begun_s;
	for (size_t i = 0; err == C5_OK && i < l->n_reports; i++)
		if (i == 0 || l->reports[i].step > l->reports[i - 1].step) err = c5_trial_report(*out, l->reports[i].step, l->reports[i].value);
	return err;
}

/* ---- all of a run ---- */

static int read_body(c5_buf *body, c5_left *l)
{
	uint64_t size = 0, n = 0;
	int err;
	if ((err = c5_news_unpack(&l->news, body)) < 0 || (err = c5_buf_get_u64(body, &size)) < 0) return err;
	if (size > body->size - body->at) return c5_fail(C5_EFAIL, "a mark is cut short");
	c5_buf_put(&l->about, body->data + body->at, (size_t)size);
	body->at += (size_t)size;
	if ((err = l->about.err) < 0 || (err = c5_buf_get_u64(body, &n)) < 0) return err;
	if (n > (body->size - body->at) / sizeof *l->reports) return c5_fail(C5_EFAIL, "a mark is cut short");
	if (n && (err = c5_alloc(&l->reports, (size_t)n, sizeof *l->reports)) < 0) return err;
	for (l->n_reports = 0; err == C5_OK && l->n_reports < n; l->n_reports++)
		if ((err = c5_buf_get_f64(body, &l->reports[l->n_reports].step)) == C5_OK) err = c5_buf_get_f64(body, &l->reports[l->n_reports].value);
	return err;
}

/* *whole: there is a record. */
static int read_mark(int fd, c5_left *l, bool *whole)
{
	struct stat st;
	c5_buf all = { 0 };
	uint8_t *data = NULL;
	uint64_t magic = 0, digest = 0;
	int err = C5_OK;
	*whole = false;
	if (fstat(fd, &st) < 0 || st.st_size == 0) return C5_OK;
	if ((err = c5_alloc(&data, (size_t)st.st_size, 1)) < 0) return err;
	ssize_t n = pread(fd, data, (size_t)st.st_size, 0);
	if (n > 0) c5_buf_put(&all, data, (size_t)n);
	free(data);
	if (all.err == C5_OK && c5_buf_get_u64(&all, &magic) == C5_OK && c5_buf_get_u64(&all, &digest) == C5_OK && magic == MAGIC &&
	    digest == digest_of(all.data + all.at, all.size - all.at)) {
		err = read_body(&all, l);
		*whole = err == C5_OK;
	}
	c5_buf_free(&all);
	return err;
}

static void wait_for(int fd, const char *path)
{
	double begun = c5_clock_s();
	while (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) {
		if (c5_clock_s() > begun + PATIENCE_S) {
			c5_log(C5_LOG_WARN, "%s: a run of the search that was killed still goes on; its trial is run again", path);
			return;
		}
		usleep(LOOK_US);
	}
}

static int take_one(const char *path, int (*take)(void *to, c5_left *l), void *to)
{
	c5_left l = { 0 };
	bool whole = false;
	int err = C5_OK, fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0) return C5_OK;
	wait_for(fd, path);
	if (take && (err = read_mark(fd, &l, &whole)) == C5_OK && whole) err = take(to, &l);
	if (err == C5_OK) unlink(path);
	close(fd);
	c5_buf_free(&l.about);
	free(l.reports);
	return err;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

/* Numbers of trials with marks, in order. */
static int find_marks(const char *marks, uint32_t **numbers, size_t *n)
{
	const char *slash = strrchr(marks, '/');
	char *folder = slash ? c5_format("%.*s", (int)(slash - marks) + 1, marks) : c5_strdup("."), *name = c5_format("%s.trial", slash ? slash + 1 : marks);
	DIR *d = folder && name ? opendir(folder) : NULL;
	size_t cap = 0;
	int err = folder && name ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
	for (struct dirent *e; err == C5_OK && d && (e = readdir(d));) {
		char *end;
		if (strncmp(e->d_name, name, strlen(name)) != 0) continue;
		unsigned long number = strtoul(e->d_name + strlen(name), &end, 10);
		if (*end || number == 0 || number > UINT32_MAX || (err = c5_grow(numbers, &cap, *n + 1, sizeof **numbers)) < 0) continue;
		(*numbers)[(*n)++] = (uint32_t)number;
	}
	if (d) closedir(d);
	if (*n) qsort(*numbers, *n, sizeof **numbers, by_number);
	free(folder);
	free(name);
	return err;
}

int c5_left_all(const char *marks, int (*take)(void *to, c5_left *l), void *to)
{
	uint32_t *numbers = NULL;
	size_t n = 0;
	int err = find_marks(marks, &numbers, &n);
	for (size_t i = 0; err == C5_OK && i < n; i++) {
		char *path = c5_left_path(marks, numbers[i]);
		err = path ? take_one(path, take, to) : c5_fail(C5_ENOMEM, "out of memory");
		free(path);
	}
	free(numbers);
	return err;
}

void c5_left_clear(const char *marks) { (void)c5_left_all(marks, NULL, NULL); }
