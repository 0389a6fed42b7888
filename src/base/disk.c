/* disk.c – see disk.h. */
#include "base/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"

#define PIECE 65536

static int cannot(const char *path, const char *what) { return c5_fail(C5_EIO, "%s: cannot be %s: %s", path, what, strerror(errno)); }

bool c5_disk_begins(const char *path, const char *bytes, size_t n)
{
	char head[16];
	struct stat s;
	FILE *f = n <= sizeof head && stat(path, &s) == 0 && S_ISREG(s.st_mode) ? fopen(path, "rbe") : NULL;
	bool does = f && fread(head, 1, n, f) == n && memcmp(head, bytes, n) == 0;
	if (f) fclose(f);
	return does;
}

bool c5_disk_is_hdf5(const char *path) { return c5_disk_begins(path, "\211HDF\r\n\032\n", 8); }

int c5_disk_spare(const char *path)
{
	return c5_disk_is_hdf5(path) ? c5_fail(C5_EUSAGE, "%s: is an HDF5 file, which nothing else is written over; name another file", path) : C5_OK;
}

/* ---- out ---- */

int c5_disk_sync(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = C5_OK;
	/* A file system that knows no syncing (EINVAL) is left to it. */
	if (fd < 0 || (fsync(fd) < 0 && errno != EINVAL)) err = cannot(path, "synced");
	if (fd >= 0) close(fd);
	return err;
}

int c5_disk_name(const char *part, const char *path)
{
	int err = c5_disk_sync(part);
	if (err == C5_OK && rename(part, path) != 0) err = cannot(path, "written");
	if (err < 0) unlink(part);
	return err;
}

int c5_disk_write(const char *path, const void *bytes, size_t n)
{
	int err = c5_disk_spare(path);
	if (err < 0) return err;
	char *part = c5_format("%s.part", path);
	if (!part) return c5_fail(C5_ENOMEM, "out of memory");
	FILE *to = fopen(part, "wbe");
	err = to ? C5_OK : cannot(path, "written");
	if (to && fwrite(bytes, 1, n, to) != n) err = cannot(path, "written");
	if (to && fclose(to) != 0 && err == C5_OK) err = cannot(path, "written");
	if (err == C5_OK) err = c5_disk_name(part, path);
	else if (to) unlink(part);
	free(part);
	return err;
}

/* ---- in ---- */

int c5_disk_read(char **text, size_t *size, const char *path, uint64_t most, const char *what)
{
	FILE *from = fopen(path, "rbe");
	size_t cap = 0, n = 1;
	int err = C5_OK;
	*text = NULL;
	*size = 0;
	if (!from) return c5_fail(errno == ENOENT ? C5_ENOTFOUND : C5_EIO, "%s: %s", path, strerror(errno));
	while (err == C5_OK && n > 0) {
		if ((err = c5_grow(text, &cap, *size + PIECE + 1, 1)) < 0) break;
		*size += n = fread(*text + *size, 1, PIECE, from);
		if (*size > most) err = c5_fail(C5_EINPUT, "%s: over %llu MiB; %s is expected", path, (unsigned long long)(most >> 20), what);
	}
	if (err == C5_OK && ferror(from)) err = cannot(path, "read");
	fclose(from);
	if (err < 0) {
		free(*text);
		*text = NULL;
		*size = 0;
	} else (*text)[*size] = '\0';
	return err;
}
