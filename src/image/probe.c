/* probe.c – tells the kind of a file by its first bytes and hands it to the reader of that kind; see probe.h. */
#include "image/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/dtype.h"
#include "base/error.h"
#include "base/mem.h"

#define XML_MAX (UINT64_C(256) << 20) /* bytes of a companion file */

int c5_file_read_at(const char *path, int fd, void *out, uint64_t n, uint64_t at)
{
	char *to = out;
	while (n) {
		ssize_t got = pread(fd, to, n > (1u << 30) ? 1u << 30 : n, (off_t)at);
		if (got < 0 && errno == EINTR) continue;
		if (got < 0) return c5_fail(C5_EIO, "%s: cannot read: %s", path, strerror(errno));
		if (!got) return c5_fail(C5_EINPUT, "%s: truncated: ends where byte %llu is expected; copy it again", path, (unsigned long long)at);
		to += got;
		at += (uint64_t)got;
		n -= (uint64_t)got;
	}
	return C5_OK;
}

uint64_t c5_page_bytes(const c5_page *page) { return (uint64_t)page->width * page->height * c5_dtype_size(page->dtype); }

int c5_page_refuse(c5_page *page, char *text)
{
	page->error = text;
	return text ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
}

int c5_page_check_size(c5_page *page, const char *path, uint32_t number, uint64_t stored, uint64_t ratio)
{
	if (page->error) return C5_OK;
	uint64_t bytes = c5_page_bytes(page); /* sides are 32 bits, so this cannot overflow before the sides are checked */
	if (!page->width || !page->height)
		return c5_page_refuse(page, c5_format("%s: image %u is %u x %u pixels: the file is damaged", path, number, page->width, page->height));
	if (page->width > C5_SIDE_MAX || page->height > C5_SIDE_MAX)
		return c5_page_refuse(page, c5_format("%s: image %u is %u x %u pixels, at most %u a side are read: the file is damaged", path, number,
			page->width, page->height, C5_SIDE_MAX));
	if (bytes > C5_PLANE_MAX)
		return c5_page_refuse(page, c5_format("%s: image %u is %u x %u %s, %llu bytes, at most %llu are read: the file is damaged, "
			"or must be cut into tiles first", path, number, page->width, page->height, c5_dtype_name(page->dtype), (unsigned long long)bytes,
			(unsigned long long)C5_PLANE_MAX));
	if (bytes / ratio > stored)
		return c5_page_refuse(page, c5_format("%s: image %u is %u x %u %s, %llu bytes, but the file has only %llu: truncated or damaged, copy it again",
			path, number, page->width, page->height, c5_dtype_name(page->dtype), (unsigned long long)bytes, (unsigned long long)stored));
	return C5_OK;
}

static int probe_xml(c5_probe *probe, const char *path, int fd)
{
	int err;
	if (probe->size > XML_MAX) return c5_fail(C5_EINPUT, "%s: %llu bytes, too long for a companion file", path, (unsigned long long)probe->size);
	if ((err = c5_alloc(&probe->description, probe->size + 1, 1)) < 0) return err;
	return c5_file_read_at(path, fd, probe->description, probe->size, 0);
}

static bool looks_like_xml(const char *path, const uint8_t *head, uint64_t size)
{
	size_t n = strlen(path), at = size >= 3 && !memcmp(head, "\xef\xbb\xbf", 3) ? 3 : 0;
	return at < size && head[at] == '<' && n > 4 && (!strcasecmp(path + n - 4, ".ome") || !strcasecmp(path + n - 4, ".xml"));
}

int c5_probe_file(c5_probe *out, const char *path)
{
	struct stat st;
	uint8_t head[8] = { 0 };
	int err = C5_OK, fd;
	memset(out, 0, sizeof *out);
	out->x_resolution = out->nikon_um = NAN;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* not to wait for the writer of a pipe */
	if (fd < 0) return c5_fail(errno == ENOENT || errno == ENOTDIR ? C5_EINPUT : C5_EIO, "%s: cannot open: %s", path, strerror(errno));
	if (fstat(fd, &st) < 0) err = c5_fail(C5_EIO, "%s: cannot look at: %s", path, strerror(errno));
	else if (S_ISDIR(st.st_mode)) err = c5_fail(C5_EINPUT, "%s: a folder, an image file expected", path);
	else if (!S_ISREG(st.st_mode)) err = c5_fail(C5_EINPUT, "%s: not a regular file, an image file expected", path);
	else if (!st.st_size) err = c5_fail(C5_EINPUT, "%s: empty file, a TIFF, PNG or JPEG image expected; copy it again", path);
	if (err < 0) goto done;

	out->size = (uint64_t)st.st_size;
	out->mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
	if ((err = c5_file_read_at(path, fd, head, out->size < sizeof head ? out->size : sizeof head, 0)) < 0) goto done;
	if ((head[0] == 'I' && head[1] == 'I') || (head[0] == 'M' && head[1] == 'M')) {
		out->kind = C5_FILE_TIFF;
		err = c5_probe_tiff(out, path, fd);
	} else if (!memcmp(head, "\x89PNG\r\n\x1a\n", 8)) {
		out->kind = C5_FILE_PNG;
		err = c5_probe_png(out, path, fd);
	} else if (head[0] == 0xff && head[1] == 0xd8 && head[2] == 0xff) {
		out->kind = C5_FILE_JPEG;
		err = c5_probe_jpeg(out, path);
	} else if (looks_like_xml(path, head, out->size)) {
		out->kind = C5_FILE_OME_XML;
		err = probe_xml(out, path, fd);
	} else {
		err = c5_fail(C5_EINPUT, "%s: neither TIFF, PNG nor JPEG: begins with the bytes %02x %02x %02x %02x; convert it to TIFF", path, head[0], head[1],
			head[2], head[3]);
	}
done:
	close(fd);
	if (err < 0) c5_probe_free(out);
	return err;
}

void c5_probe_free(c5_probe *probe)
{
	for (uint32_t i = 0; i < probe->n_pages; i++) free(probe->pages[i].error);
	free(probe->pages);
	free(probe->description);
	memset(probe, 0, sizeof *probe);
	probe->x_resolution = probe->nikon_um = NAN;
}
