/* waiting.c – see waiting.h. */
#include "hyperopt/waiting.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "container/run.h"

#define MAGIC UINT64_C(0x7469617735633563)

typedef struct head { uint64_t magic, row_size, reports_size, digest; double spent_s; } head;

/* FNV-1a over row and reports. */
static uint64_t digest_of(const c5_waiting *w)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	for (size_t i = 0; i < w->row_size; i++) h = (h ^ w->row[i]) * UINT64_C(0x100000001b3);
	for (size_t i = 0; i < w->reports_size; i++) h = (h ^ w->reports[i]) * UINT64_C(0x100000001b3);
	return h;
}

char *c5_waiting_path(const char *container, uint32_t run) { return c5_format("%s.%s.waiting", container, c5_revision_name(run)); }

void c5_waiting_put(const char *path, const c5_waiting *w)
{
	const head h = { MAGIC, w->row_size, w->reports_size, digest_of(w), w->spent_s };
	c5_buf b = { 0 };
	c5_buf_put(&b, &h, sizeof h);
	c5_buf_put(&b, w->row, w->row_size);
	if (w->reports_size) c5_buf_put(&b, w->reports, w->reports_size);
	int fd = b.err ? -1 : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	off_t end = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
	/* A row cut short (a full disk) would hide those after it; those before it stay. */
	if (end >= 0 && write(fd, b.data, b.size) != (ssize_t)b.size) (void)!ftruncate(fd, end);
	if (fd >= 0) close(fd);
	c5_buf_free(&b);
}

int c5_waiting_read(c5_buf *all, const char *path)
{
	uint8_t part[1 << 16];
	ssize_t n = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) return errno == ENOENT ? C5_OK : c5_fail(C5_EIO, "%s: cannot be read: %s", path, strerror(errno));
	while (!all->err && (n = read(fd, part, sizeof part)) > 0) c5_buf_put(all, part, (size_t)n);
	int err = all->err ? all->err : n < 0 ? c5_fail(C5_EIO, "%s: cannot be read: %s", path, strerror(errno)) : C5_OK;
	close(fd);
	return err;
}

bool c5_waiting_next(c5_buf *all, size_t row_size, c5_waiting *w)
{
	head h;
	size_t left = all->size - all->at;
	if (left < sizeof h) return false;
	memcpy(&h, all->data + all->at, sizeof h);
	left -= sizeof h;
	if (h.magic != MAGIC || h.row_size != row_size || left < row_size || left - row_size < h.reports_size) return false;
	const uint8_t *row = all->data + all->at + sizeof h;
	*w = (c5_waiting){ row, row + row_size, row_size, h.reports_size, h.spent_s };
	all->at += sizeof h + row_size + h.reports_size;
	return digest_of(w) == h.digest;
}
