/* bundle.c – see bundle.h. libarchive does the formats. */
#include "formats/bundle.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

#define BLOCK 65536

struct c5_bundle {
	struct archive *archive;
	struct archive_entry *entry;
	char *path, *member;
	bool writing;
	bool given_up;  /* what is written from now on is thrown away */
	FILE *to;
	uint64_t left;  /* bytes of the present member not written yet */
};

/* Once given up, nothing is taken any more, so that libarchive ends soon instead of filling a member with zeros; its own way to say so
 * (archive_write_fail) leaks the compressor. */
static la_ssize_t take(struct archive *a, void *self, const void *data, size_t n)
{
	c5_bundle *b = self;
	if (!b->given_up && fwrite(data, 1, n, b->to) == n) return (la_ssize_t)n;
	archive_set_error(a, errno, "%s", b->given_up ? "given up" : strerror(errno));
	return -1;
}

static int refuse(const c5_bundle *b)
{
	const char *why = archive_error_string(b->archive);
	return c5_fail(b->writing ? C5_EIO : C5_EINPUT, "%s: %s%s%s", b->path, b->member && !b->writing ? b->member : "", b->member &&
		!b->writing ? ": " : "", why ? why : "damaged");
}

static int start(c5_bundle **out, const char *path, bool writing)
{
	c5_bundle *b;
	int err = c5_alloc(&b, 1, sizeof *b);
	if (err < 0) return err;
	b->writing = writing;
	b->path = c5_strdup(path);
	b->archive = writing ? archive_write_new() : archive_read_new();
	b->entry = writing ? archive_entry_new() : NULL;
	if (!b->path || !b->archive || (writing && !b->entry)) {
		c5_bundle_close(b);
		return c5_fail(C5_ENOMEM, "out of memory");
	}
	*out = b;
	return C5_OK;
}

int c5_bundle_create(c5_bundle **out, const char *path, int kind)
{
	c5_bundle *b = NULL;
	int err = start(&b, path, true), bad = 0;
	if (err < 0) return err;
	if (kind == C5_BUNDLE_ZIP) {
		bad |= archive_write_set_format_zip(b->archive);
	} else {
		bad |= archive_write_set_format_pax_restricted(b->archive); /* plain ustar until a member passes 8 GiB */
		bad |= archive_write_add_filter_gzip(b->archive);
		bad |= archive_write_set_filter_option(b->archive, "gzip", "timestamp", NULL);
		bad |= archive_write_set_filter_option(b->archive, "gzip", "compression-level", "4");
	}
	archive_write_set_bytes_in_last_block(b->archive, 1);
	if (!(b->to = fopen(path, "wb"))) err = c5_fail(C5_EIO, "%s: %s", path, strerror(errno));
	else if (bad != ARCHIVE_OK || archive_write_open(b->archive, b, NULL, take, NULL) != ARCHIVE_OK) err = refuse(b);
	if (err < 0) {
		c5_bundle_close(b);
		return err;
	}
	*out = b;
	return C5_OK;
}

static int end_member(c5_bundle *b)
{
	if (b->left) return c5_fail(C5_EFAIL, "%s: %s lacks %llu bytes", b->path, b->member, (unsigned long long)b->left);
	return b->member && archive_write_finish_entry(b->archive) != ARCHIVE_OK ? refuse(b) : C5_OK;
}

int c5_bundle_member(c5_bundle *b, const char *name, uint64_t size)
{
	int err = end_member(b);
	if (err < 0) return err;
	free(b->member);
	if (!(b->member = c5_strdup(name))) return c5_fail(C5_ENOMEM, "out of memory");
	archive_entry_clear(b->entry);
	archive_entry_set_pathname(b->entry, name);
	archive_entry_set_size(b->entry, (la_int64_t)size);
	archive_entry_set_filetype(b->entry, AE_IFREG);
	archive_entry_set_perm(b->entry, 0644);
	archive_entry_set_mtime(b->entry, 315532800, 0); /* 1980, the first year zip knows */
	b->left = size;
	return archive_write_header(b->archive, b->entry) == ARCHIVE_OK ? C5_OK : refuse(b);
}

int c5_bundle_write(c5_bundle *b, const void *data, size_t n)
{
	if (n > b->left) return c5_fail(C5_EFAIL, "%s: %s gets more bytes than were told", b->path, b->member);
	for (size_t at = 0; at < n;) {
		la_ssize_t done = archive_write_data(b->archive, (const char *)data + at, n - at);
		if (done <= 0) return refuse(b);
		at += (size_t)done;
	}
	b->left -= n;
	return C5_OK;
}

int c5_bundle_finish(c5_bundle *b)
{
	int err = end_member(b);
	if (err == C5_OK && archive_write_close(b->archive) != ARCHIVE_OK) err = refuse(b);
	if (err == C5_OK) {
		FILE *to = b->to;
		b->to = NULL;
		if (fclose(to) != 0) err = c5_fail(C5_EIO, "%s: %s", b->path, strerror(errno));
	}
	c5_bundle_close(b);
	return err;
}

int c5_bundle_open(c5_bundle **out, const char *path)
{
	c5_bundle *b = NULL;
	int err = start(&b, path, false);
	if (err < 0) return err;
	archive_read_support_filter_gzip(b->archive);
	archive_read_support_format_tar(b->archive);
	archive_read_support_format_zip(b->archive);
	if (archive_read_open_filename(b->archive, path, BLOCK) != ARCHIVE_OK) {
		err = archive_errno(b->archive) == ENOENT ? c5_fail(C5_ENOTFOUND, "%s: no such file", path) : c5_fail(C5_EINPUT, "%s: no tar or zip file: %s", path,
			archive_error_string(b->archive));
		c5_bundle_close(b);
		return err;
	}
	*out = b;
	return C5_OK;
}

int c5_bundle_next(c5_bundle *b, const char **name, uint64_t *size)
{
	struct archive_entry *entry;
	free(b->member);
	b->member = NULL;
	int got = archive_read_next_header(b->archive, &entry);
	if (got == ARCHIVE_EOF) return C5_ENOTFOUND;
	if (got != ARCHIVE_OK && got != ARCHIVE_WARN) return refuse(b);
	const char *full = archive_entry_pathname(entry);
	while (full && strncmp(full, "./", 2) == 0) full += 2;
	if (!(b->member = c5_strdup(full ? full : ""))) return c5_fail(C5_ENOMEM, "out of memory");
	*name = b->member;
	*size = archive_entry_size(entry) > 0 ? (uint64_t)archive_entry_size(entry) : 0;
	return C5_OK;
}

int c5_bundle_read(c5_bundle *b, void *to, size_t n)
{
	for (size_t at = 0; at < n;) {
		la_ssize_t got = archive_read_data(b->archive, (char *)to + at, n - at);
		if (got < 0) return refuse(b);
		if (got == 0) return c5_fail(C5_EINPUT, "%s: %s ends %zu bytes too early", b->path, b->member ? b->member : "member", n - at);
		at += (size_t)got;
	}
	return C5_OK;
}

int c5_bundle_skip(c5_bundle *b, uint64_t n)
{
	char *block = NULL;
	int err = c5_alloc(&block, BLOCK, 1);
	while (err == C5_OK && n) {
		size_t part = n < BLOCK ? (size_t)n : BLOCK;
		err = c5_bundle_read(b, block, part);
		n -= part;
	}
	free(block);
	return err;
}

void c5_bundle_close(c5_bundle *b)
{
	if (!b) return;
	if (b->archive && b->writing) {
		b->given_up = true;
		archive_write_free(b->archive);
	} else if (b->archive) archive_read_free(b->archive);
	if (b->to) fclose(b->to);
	if (b->entry) archive_entry_free(b->entry);
	free(b->member);
	free(b->path);
	free(b);
}
