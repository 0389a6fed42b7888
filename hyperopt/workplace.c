/* workplace.c – see workplace.h. */
#include "hyperopt/workplace.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/fs.h>
#endif

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/signal.h"
#include "container/lock.h"

#define PATIENCE_S 600.0 /* for a container that another process writes */
#define LOOK_US 20000

char *c5_workplace_name(const char *scratch, uint32_t trial, uint32_t repeat)
{
	uint32_t word = 0;
	if (!scratch) scratch = getenv("TMPDIR");
	if (!scratch || !*scratch) scratch = "/tmp";
	if (getrandom(&word, sizeof word, GRND_NONBLOCK) != (ssize_t)sizeof word) word = (uint32_t)(c5_clock_s() * 1e9);
	return c5_format("%s/cyto5-trial%u-%u-%lx%08x", scratch, trial, repeat, (unsigned long)getpid(), word);
}

int c5_workplace_make(const char *dir)
{
	return mkdir(dir, 0700) == 0 ? C5_OK : c5_fail(C5_EIO, "%s: cannot be made: %s", dir, strerror(errno));
}

static int copy_bytes(int from, int to)
{
	char *piece;
	const size_t most = 1u << 20;
#ifdef FICLONE
	if (ioctl(to, FICLONE, from) == 0) return 0; /* the file system shares the blocks */
#endif
	if (c5_alloc(&piece, most, 1) < 0) return -1;
	ssize_t n;
	while ((n = read(from, piece, most)) > 0)
		for (ssize_t done = 0; done < n;) {
			ssize_t put = write(to, piece + done, (size_t)(n - done));
			if (put < 0) {
				n = -1;
				break;
			}
			done += put;
		}
	free(piece);
	return n < 0 ? -1 : 0;
}

/* Nobody may write meanwhile: a commit changes pages in place. */
static int hold(c5_lock **lock, const char *container)
{
	double begun = c5_clock_s();
	for (;;) {
		int err = c5_lock_take(lock, container, "cyto5 search, to copy it");
		if (err != C5_EBUSY || c5_clock_s() > begun + PATIENCE_S || c5_stop_wanted()) return err;
		usleep(LOOK_US);
	}
}

int c5_workplace_copy(const char *dir, const char *container)
{
	c5_lock *lock = NULL;
	char *path = c5_format("%s/%s", dir, C5_WORK_NAME);
	int from = -1, to = -1, err = path ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
	if (err < 0) return err;
	if ((from = open(container, O_RDONLY | O_CLOEXEC)) < 0) err = c5_fail(C5_ENOTFOUND, "%s: %s", container, strerror(errno));
	else if (access(container, W_OK) == 0) err = hold(&lock, container); /* one that cannot be written is written by nobody */
	if (err == C5_OK && (to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)) < 0) err = c5_fail(C5_EIO, "%s: %s", path, strerror(errno));
	if (err == C5_OK && copy_bytes(from, to) < 0) err = c5_fail(C5_EIO, "%s: cannot be copied to %s: %s", container, dir, strerror(errno));
	c5_lock_release(lock);
	if (from >= 0) close(from);
	if (to >= 0 && close(to) < 0 && err == C5_OK) err = c5_fail(C5_EIO, "%s: %s", path, strerror(errno));
	free(path);
	return err;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st, (void)kind, (void)at;
	return remove(path);
}

void c5_workplace_remove(const char *dir) { nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS); }
