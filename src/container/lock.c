/* lock.c – see lock.h. */
#include "container/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"

struct c5_lock { int fd; char *path; };

static int refuse(const char *container, int fd)
{
	char who[300] = "";
	ssize_t n = pread(fd, who, sizeof who - 1, 0);
	if (n > 0) who[n] = '\0';
	who[strcspn(who, "\n")] = '\0';
	return c5_fail(C5_EBUSY, "%s: another writer holds it: %s; wait for it or write to another container", container, who[0] ? who : "unknown");
}

int c5_lock_take(c5_lock **out, const char *container, const char *purpose)
{
	c5_lock *lock;
	*out = NULL;
	int err = c5_alloc(&lock, 1, sizeof *lock);
	if (err < 0) return err;
	lock->fd = -1;
	if (!(lock->path = c5_format("%s.lock", container))) { err = c5_fail(C5_ENOMEM, "out of memory"); goto fail; }
	for (int tries = 0;; tries++) {
		struct stat mine, there;
		lock->fd = open(lock->path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
		if (lock->fd < 0) {
			err = c5_fail(C5_EIO, errno == ENOENT ? "%s: its folder is not there: %s; make it first" : "%s: its lock cannot be made beside it: %s", container,
				strerror(errno));
			goto fail;
		}
		if (flock(lock->fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) { err = refuse(container, lock->fd); goto fail; }
		/* A file system without flock locks nothing; the name and its text still tell others. The holder before us may have unlinked the name meanwhile. */
		if (fstat(lock->fd, &mine) == 0 && stat(lock->path, &there) == 0 && mine.st_ino == there.st_ino) break;
		close(lock->fd);
		lock->fd = -1;
		if (tries == 16) { err = c5_fail(C5_EBUSY, "%s: the lock changes hands too fast; try again", container); goto fail; }
	}
	char host[128] = "?", text[300];
	gethostname(host, sizeof host - 1);
	int n = snprintf(text, sizeof text, "host %s, pid %ld, %s\n", host, (long)getpid(), purpose);
	if (n >= (int)sizeof text) n = (int)sizeof text - 1;
	if (ftruncate(lock->fd, 0) < 0 || pwrite(lock->fd, text, (size_t)n, 0) != n) {
		err = c5_fail(C5_EIO, "%s: cannot write: %s", lock->path, strerror(errno));
		unlink(lock->path);
		goto fail;
	}
	*out = lock;
	return C5_OK;
fail:
	if (lock->fd >= 0) close(lock->fd);
	free(lock->path);
	free(lock);
	return err;
}

void c5_lock_release(c5_lock *lock)
{
	if (!lock) return;
	unlink(lock->path);
	close(lock->fd);
	free(lock->path);
	free(lock);
}

int c5_lock_held(const char *container)
{
	char *path = c5_format("%s.lock", container);
	if (!path) return c5_fail(C5_ENOMEM, "out of memory");
	int fd = open(path, O_RDONLY | O_CLOEXEC), held = 0;
	free(path);
	if (fd < 0) return 0;
	if (flock(fd, LOCK_SH | LOCK_NB) < 0) held = errno == EWOULDBLOCK;
	close(fd);
	return held;
}
