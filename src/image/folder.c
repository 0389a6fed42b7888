/* folder.c – see folder.h. */
#include "image/folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/mem.h"
#include "image/names.h"

static int by_name(const void *a, const void *b) { return c5_name_compare(*(char *const *)a, *(char *const *)b); }

static int keep(char ***names, size_t *n, size_t *cap, const char *name)
{
	int err = c5_grow(names, cap, *n + 1, sizeof **names);
	if (err < 0) return err;
	if (!((*names)[*n] = c5_strdup(name))) return c5_fail(C5_ENOMEM, "out of memory");
	++*n;
	return C5_OK;
}

int c5_folder_read(c5_folder *out, const char *path)
{
	int err = C5_OK;
	struct dirent *d;
	memset(out, 0, sizeof *out);
	DIR *dir = opendir(path);
	if (!dir) return c5_fail(errno == ENOENT || errno == ENOTDIR ? C5_EINPUT : C5_EIO, "%s: cannot open the folder: %s", path, strerror(errno));
	while (!err && (errno = 0, d = readdir(dir))) {
		bool folder = d->d_type == DT_DIR;
		if (d->d_name[0] == '.') continue;
		if (d->d_type == DT_UNKNOWN || d->d_type == DT_LNK) {
			struct stat st;
			char *whole = c5_name_join(path, d->d_name);
			if (!whole) {
				err = c5_fail(C5_ENOMEM, "out of memory");
				break;
			}
			folder = !stat(whole, &st) && S_ISDIR(st.st_mode);
			free(whole);
		}
		err = folder ? keep(&out->folders, &out->n_folders, &out->folders_cap, d->d_name) : keep(&out->files, &out->n_files, &out->files_cap, d->d_name);
	}
	if (!err && errno) err = c5_fail(C5_EIO, "%s: cannot read the folder: %s", path, strerror(errno));
	closedir(dir);
	if (out->n_files) qsort(out->files, out->n_files, sizeof *out->files, by_name);
	if (out->n_folders) qsort(out->folders, out->n_folders, sizeof *out->folders, by_name);
	if (err < 0) c5_folder_free(out);
	return err;
}

void c5_folder_free(c5_folder *folder)
{
	for (size_t i = 0; i < folder->n_files; i++) free(folder->files[i]);
	for (size_t i = 0; i < folder->n_folders; i++) free(folder->folders[i]);
	free(folder->files);
	free(folder->folders);
	memset(folder, 0, sizeof *folder);
}

bool c5_ctc_is_frame(const char *name)
{
	size_t digits = *name == 't' ? strspn(name + 1, "0123456789") : 0;
	return digits && (!strcasecmp(name + 1 + digits, ".tif") || !strcasecmp(name + 1 + digits, ".tiff"));
}

static bool is_sequence_name(const char *name)
{
	size_t n = strlen(name);
	return n >= 2 && strspn(name, "0123456789") == n;
}

static int add_sequence(c5_ctc **out, size_t *n, size_t *cap, char *folder, char *name)
{
	int err = folder && name ? c5_grow(out, cap, *n + 1, sizeof **out) : c5_fail(C5_ENOMEM, "out of memory");
	if (err < 0) {
		free(folder);
		free(name);
		return err;
	}
	(*out)[(*n)++] = (c5_ctc){ folder, name };
	return C5_OK;
}

int c5_ctc_find(const char *path, const c5_folder *listing, c5_ctc **out, size_t *n)
{
	size_t cap = 0, frames = 0, images = 0;
	const char *base = c5_name_base(path);
	int err = C5_OK;
	*out = NULL;
	*n = 0;
	for (size_t i = 0; i < listing->n_folders && !err; i++) {
		c5_folder inside;
		bool any = false;
		if (!is_sequence_name(listing->folders[i])) continue;
		char *folder = c5_name_join(path, listing->folders[i]);
		if (!folder) err = c5_fail(C5_ENOMEM, "out of memory");
		if (!err && (err = c5_folder_read(&inside, folder)) == C5_OK) {
			for (size_t k = 0; k < inside.n_files && !any; k++) any = c5_ctc_is_frame(inside.files[k]);
			c5_folder_free(&inside);
		}
		if (!err && any) {
			err = add_sequence(out, n, &cap, folder, c5_format("%s_%s", base, listing->folders[i]));
			folder = NULL;
		}
		free(folder);
	}
	for (size_t i = 0; i < listing->n_files; i++) {
		frames += c5_ctc_is_frame(listing->files[i]);
		images += c5_name_is_image(listing->files[i]);
	}
	if (!err && !*n && frames && frames == images && is_sequence_name(base)) {
		char *above = c5_name_folder(path);
		err = above ? add_sequence(out, n, &cap, c5_strdup(path), c5_format("%s_%s", c5_name_base(above), base)) : c5_fail(C5_ENOMEM, "out of memory");
		free(above);
	}
	if (err < 0) {
		c5_ctc_free(*out, *n);
		*out = NULL;
		*n = 0;
	}
	return err;
}

void c5_ctc_free(c5_ctc *sequences, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(sequences[i].folder);
		free(sequences[i].name);
	}
	free(sequences);
}
