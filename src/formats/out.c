/* out.c – see out.h. */
#include "formats/out.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/disk.h"
#include "base/error.h"
#include "base/mem.h"

int c5_out_folder(const char *path)
{
	char *copy = c5_strdup(path);
	int err = copy ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
	for (char *slash = copy ? copy + 1 : NULL; err == C5_OK && slash; slash++) {
		slash = strchr(slash, '/');
		if (slash) *slash = '\0';
		if (mkdir(copy, 0777) != 0 && errno != EEXIST) err = c5_fail(C5_EIO, "%s: %s", copy, strerror(errno));
		if (!slash) break;
		*slash = '/';
	}
	free(copy);
	return err;
}

int c5_out_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "wb");
	if (!f) return c5_fail(C5_EIO, "%s: %s", path, strerror(errno));
	bool bad = fwrite(text, 1, strlen(text), f) != strlen(text);
	bad |= fclose(f) != 0;
	return bad ? c5_fail(C5_EIO, "%s: %s", path, strerror(errno)) : C5_OK;
}

static bool is_folder(const char *path)
{
	struct stat s;
	return lstat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

static bool is_ours(const char *folder)
{
	char *note = c5_format("%s/%s", folder, C5_OUT_NOTE);
	bool ours = note && access(note, F_OK) == 0;
	free(note);
	return ours;
}

static int remove_one(const char *path, const struct stat *s, int kind, struct FTW *where)
{
	(void)s;
	(void)kind;
	(void)where;
	return remove(path);
}

/* A file, or a folder of ours with all in it. */
static int take_away(const char *path)
{
	if (!is_folder(path)) return unlink(path) == 0 || errno == ENOENT ? C5_OK : c5_fail(C5_EIO, "%s: %s", path, strerror(errno));
	if (!is_ours(path) && rmdir(path) != 0)
		return c5_fail(C5_EUSAGE, "%s: a folder that no export made; move it away, or name another with --out", path);
	if (is_folder(path) && nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0) return c5_fail(C5_EIO, "%s: %s", path, strerror(errno));
	return C5_OK;
}

int c5_out_begin(c5_out *o, const char *path, bool folder, bool force, const char *note)
{
	size_t n = strlen(path);
	int err = C5_OK;
	memset(o, 0, sizeof *o);
	while (n > 1 && path[n - 1] == '/') n--;
	o->folder = folder, o->force = force;
	o->path = c5_format("%.*s", (int)n, path);
	o->part = c5_format("%.*s.part", (int)n, path);
	if (!o->path || !o->part) { err = c5_fail(C5_ENOMEM, "out of memory"); goto done; }
	if (access(o->path, F_OK) == 0) {
		if (!force) { err = c5_fail(C5_EUSAGE, "%s: is there already; --force replaces it", o->path); goto done; }
		if (is_folder(o->path) != folder) {
			err = c5_fail(C5_EUSAGE, "%s: is %s; name another with --out", o->path, folder ? "no folder" : "a folder");
			goto done;
		}
		if (!folder && (err = c5_disk_spare(o->path)) < 0) goto done;
		if (folder && !is_ours(o->path)) {
			err = c5_fail(C5_EUSAGE, "%s: a folder that no export made; move it away, or name another with --out", o->path);
			goto done;
		}
	}
	if ((err = take_away(o->part)) < 0 || !folder) goto done;
	if ((err = c5_out_folder(o->part)) < 0) goto done;
	char *at = c5_format("%s/%s", o->part, C5_OUT_NOTE);
	err = at ? c5_out_text(at, note) : c5_fail(C5_ENOMEM, "out of memory");
	free(at);
done:
	if (err < 0) {
		free(o->path);
		free(o->part);
		memset(o, 0, sizeof *o);
	}
	return err;
}

static int give_name(const c5_out *o)
{
	char *old = NULL;
	int err = C5_OK;
	if (o->force && o->folder && is_folder(o->path)) { /* aside first: a crash here leaves both */
		if (!(old = c5_format("%s.old", o->path))) return c5_fail(C5_ENOMEM, "out of memory");
		if ((err = take_away(old)) == C5_OK && rename(o->path, old) != 0) err = c5_fail(C5_EIO, "%s: %s", o->path, strerror(errno));
	}
	if (err == C5_OK && !o->folder) err = c5_disk_sync(o->part);
	if (err == C5_OK && renameat2(AT_FDCWD, o->part, AT_FDCWD, o->path, o->force ? 0 : RENAME_NOREPLACE) != 0) {
		/* Not every file system knows how to rename without replacing. */
		if ((errno != EINVAL && errno != ENOSYS) || access(o->path, F_OK) == 0 || rename(o->part, o->path) != 0)
			err = c5_fail(C5_EIO, "%s: %s", o->path, strerror(errno));
	}
	if (err == C5_OK && old) err = take_away(old);
	free(old);
	return err;
}

int c5_out_end(c5_out *o, int err)
{
	char why[1024];
	if (!o->part) return err;
	if (err == C5_OK) err = give_name(o);
	if (err < 0) {
		snprintf(why, sizeof why, "%s", c5_error_last());
		take_away(o->part);
		c5_fail(err, "%s", why);
	}
	free(o->path);
	free(o->part);
	memset(o, 0, sizeof *o);
	return err;
}
