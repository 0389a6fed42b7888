/* checkpoint.c – what a training needs to go on, written again and again in one place; see models.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "container/models.h"
#include "container/run.h"
#include "container/whole.h"

/* The trainer's scalars are a text of changing length: stored at a fixed one, so that they too are written where they were. */
#define STATE_BYTES 4096

static char *group_of(const char *name, uint32_t number, const char *which)
{
	return c5_format("/models/%s/%s/checkpoint%s%s", name, c5_revision_name(number), which ? "/" : "", which ? which : "");
}

static int write_one(c5_file *f, const char *group, const char *name, int dtype, const void *data, uint64_t count)
{
	c5_array_spec s = { 0 };
	char *path = c5_format("%s/%s", group, name);
	int err = path ? c5_spec_whole(&s, path, dtype, 1, &count) : c5_fail(C5_ENOMEM, "out of memory");
	if (err == C5_OK) err = c5_whole_rewrite(f, &s, data);
	c5_spec_free(&s);
	free(path);
	return err;
}

/* Attributes would be deleted and made anew, which leaves holes in the header: the counts go into the same text. */
static int write_state(c5_file *f, const char *group, const c5_checkpoint *c)
{
	char *state = NULL;
	int err = c5_alloc(&state, STATE_BYTES, 1);
	if (err < 0) return err;
	int n = snprintf(state, STATE_BYTES, "epoch: %lld\nstep: %lld\n%s", (long long)c->epoch, (long long)c->step, c->state ? c->state : "");
	if (n >= STATE_BYTES) err = c5_fail(C5_EFAIL, "%s: a state of %d bytes, %d are kept", group, n, STATE_BYTES - 1);
	else err = write_one(f, group, "state", C5_U8, state, STATE_BYTES);
	free(state);
	return err;
}

int c5_checkpoint_write(c5_file *f, const char *name, uint32_t number, const char *which, const c5_checkpoint *c)
{
	char *group = group_of(name, number, which);
	int err = group ? c5_group_make(f, group) : c5_fail(C5_ENOMEM, "out of memory");
	if (err == C5_OK) err = write_state(f, group, c);
	for (int i = 0; err == C5_OK && i < c->n_arrays; i++)
		if (c->arrays[i].count) err = write_one(f, group, c->arrays[i].name, C5_F32, c->arrays[i].data, c->arrays[i].count);
	free(group);
	return err;
}

static int read_state(c5_file *f, const char *path, c5_checkpoint *c)
{
	c5_array_spec s = { 0 };
	void *content = NULL;
	long long epoch, step;
	int after = 0, err = c5_whole_read(f, path, &s, &content);
	if (err < 0) return err;
	char *text = s.dtype == C5_U8 && s.rank == 1 ? strndup(content, s.dims[0]) : NULL;
	if (!text || sscanf(text, "epoch: %lld step: %lld%n", &epoch, &step, &after) < 2 || !after)
		err = c5_fail(C5_EINPUT, "%s:%s: no state of a training", c5_file_path(f), path);
	else {
		c->epoch = epoch;
		c->step = step;
		if (text[after] == '\n') after++;
		if (!(c->state = c5_strdup(text + after))) err = c5_fail(C5_ENOMEM, "out of memory");
	}
	free(text);
	free(content);
	c5_spec_free(&s);
	return err;
}

static int read_one(c5_file *f, const char *path, const char *name, c5_checkpoint *c)
{
	c5_array_spec s = { 0 };
	void *content = NULL;
	if (c->n_arrays == C5_CHECKPOINT_ARRAYS || strlen(name) >= sizeof c->arrays->name)
		return c5_fail(C5_EINPUT, "%s:%s: more than is known", c5_file_path(f), path);
	int err = c5_whole_read(f, path, &s, &content);
	if (err == C5_OK && (s.dtype != C5_F32 || s.rank != 1)) err = c5_fail(C5_EINPUT, "%s:%s: no list of float32", c5_file_path(f), path);
	if (err == C5_OK) {
		int i = c->n_arrays++;
		snprintf(c->arrays[i].name, sizeof c->arrays[i].name, "%s", name);
		c->arrays[i].count = s.dims[0];
		c->arrays[i].data = content;
		content = NULL;
	}
	free(content);
	c5_spec_free(&s);
	return err;
}

int c5_checkpoint_read(c5_file *f, const char *name, uint32_t number, const char *which, c5_checkpoint *c)
{
	char *group = group_of(name, number, which), **names = NULL;
	size_t n = 0;
	memset(c, 0, sizeof *c);
	int err = group ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
	if (err == C5_OK && !c5_exists(f, group)) err = c5_fail(C5_ENOTFOUND, "%s:%s: no checkpoint", c5_file_path(f), group);
	if (err == C5_OK) err = c5_list(f, group, &names, &n);
	for (size_t i = 0; err == C5_OK && i < n; i++) {
		char *path = c5_format("%s/%s", group, names[i]);
		if (!path) err = c5_fail(C5_ENOMEM, "out of memory");
		else err = strcmp(names[i], "state") == 0 ? read_state(f, path, c) : read_one(f, path, names[i], c);
		free(path);
	}
	if (err == C5_OK && !c->state) err = c5_fail(C5_EINPUT, "%s:%s: without the state of the training", c5_file_path(f), group);
	c5_names_free(names, n);
	free(group);
	if (err < 0) c5_checkpoint_free(c);
	return err;
}

void c5_checkpoint_free(c5_checkpoint *c)
{
	for (int i = 0; i < c->n_arrays; i++) free(c->arrays[i].data);
	free(c->state);
	memset(c, 0, sizeof *c);
}

int c5_checkpoint_drop(c5_file *f, const char *name, uint32_t number)
{
	char *group = group_of(name, number, NULL);
	int err = !group ? c5_fail(C5_ENOMEM, "out of memory") : c5_exists(f, group) ? c5_unlink(f, group) : C5_OK;
	free(group);
	return err;
}
