/* files.c – see files.h. */
#include "image/files.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "image/layout.h"

static uint64_t hash(const char *s)
{
	uint64_t h = UINT64_C(14695981039346656037);
	for (; *s; s++) h = (h ^ (uint8_t)*s) * UINT64_C(1099511628211);
	return h;
}

static uint32_t *slot_of(c5_files *files, const char *path)
{
	size_t i = hash(path) & (files->n_slots - 1);
	while (files->slots[i] && strcmp(files->at[files->slots[i] - 1].path, path)) i = (i + 1) & (files->n_slots - 1);
	return &files->slots[i];
}

static int widen(c5_files *files)
{
	size_t n = files->n_slots ? files->n_slots * 2 : 64;
	uint32_t *old = files->slots, *fresh = NULL;
	int err = c5_alloc(&fresh, n, sizeof *fresh);
	if (err < 0) return err;
	files->slots = fresh;
	files->n_slots = n;
	for (size_t i = 0; i < files->n; i++) *slot_of(files, files->at[i].path) = (uint32_t)i + 1;
	free(old);
	return C5_OK;
}

int c5_files_add(c5_files *files, const char *path, uint32_t *index)
{
	int err;
	if (files->n >= UINT32_MAX / 2) return c5_fail(C5_EINPUT, "more than %u files in one scan; split the inputs", UINT32_MAX / 2);
	if (2 * (files->n + 1) > files->n_slots && (err = widen(files)) < 0) return err;
	uint32_t *slot = slot_of(files, path);
	if (!*slot) {
		if ((err = c5_grow(&files->at, &files->cap, files->n + 1, sizeof *files->at)) < 0) return err;
		c5_file *file = &files->at[files->n];
		memset(file, 0, sizeof *file);
		file->owner = (uint32_t)files->n;
		if (!(file->path = c5_strdup(path))) return c5_fail(C5_ENOMEM, "out of memory");
		*slot = (uint32_t)++files->n;
	}
	*index = *slot - 1;
	return C5_OK;
}

int c5_files_probe(c5_files *files)
{
	int lost = 0; /* memory */
#pragma omp parallel for schedule(dynamic, 8) reduction(| : lost) if (files->n - files->n_probed > 16)
	for (size_t i = files->n_probed; i < files->n; i++) {
		c5_file *file = &files->at[i];
		int err = c5_probe_file(&file->probe, file->path);
		file->probed = err < 0 ? err : 1;
		if (err < 0 && !(file->error = c5_strdup(c5_error_last()))) lost = 1;
		if (err == C5_ENOMEM) lost = 1;
	}
	files->n_probed = files->n;
	return lost ? c5_fail(C5_ENOMEM, "out of memory") : C5_OK;
}

void c5_files_free(c5_files *files)
{
	for (size_t i = 0; i < files->n; i++) {
		free(files->at[i].path);
		free(files->at[i].error);
		c5_probe_free(&files->at[i].probe);
		c5_layout_free(files->at[i].layout);
	}
	free(files->at);
	free(files->slots);
	memset(files, 0, sizeof *files);
}
