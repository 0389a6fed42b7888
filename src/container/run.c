/* run.c – run records; see run.h. Mapped to NeXus NXprocess, so that other readers find program, version and date. */
#include "container/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/mem.h"
#include "container/lock.h"

/* The texts of a record: short ones are attributes, long ones datasets of their own. */
static const struct { const char *name; size_t field; bool dataset; } texts[] = {
	{ "state", offsetof(c5_run_info, state), false },
	{ "command", offsetof(c5_run_info, command), false },
	{ "software", offsetof(c5_run_info, software), false },
	{ "hosts", offsetof(c5_run_info, hosts), false },
	{ "user", offsetof(c5_run_info, user), false },
	{ "devices", offsetof(c5_run_info, devices), false },
	{ "slurm_job", offsetof(c5_run_info, slurm_job), false },
	{ "start", offsetof(c5_run_info, start), false },
	{ "end", offsetof(c5_run_info, end), false },
	{ "command_line", offsetof(c5_run_info, command_line), true },
	{ "configuration", offsetof(c5_run_info, configuration), true },
	{ "inputs", offsetof(c5_run_info, inputs), true },
	{ "libraries", offsetof(c5_run_info, libraries), true },
	{ "failures", offsetof(c5_run_info, failures), true },
};

static const struct { const char *name; size_t field; } numbers[] = {
	{ "ranks", offsetof(c5_run_info, ranks) },     { "threads", offsetof(c5_run_info, threads) }, { "seed", offsetof(c5_run_info, seed) },
	{ "restarts", offsetof(c5_run_info, restarts) }, { "failed", offsetof(c5_run_info, failed) },
};

#define N_TEXTS (sizeof texts / sizeof *texts)
#define N_NUMBERS (sizeof numbers / sizeof *numbers)

static char **text_at(const c5_run_info *r, size_t i) { return (char **)((char *)(uintptr_t)r + texts[i].field); }
static int64_t *number_at(const c5_run_info *r, size_t i) { return (int64_t *)((char *)(uintptr_t)r + numbers[i].field); }

void c5_run_info_free(c5_run_info *r)
{
	for (size_t i = 0; i < N_TEXTS; i++) free(*text_at(r, i));
	memset(r, 0, sizeof *r);
}

const char *c5_revision_name(uint32_t number)
{
	static _Thread_local char name[16];
	snprintf(name, sizeof name, "r%06u", number);
	return name;
}

uint32_t c5_revision_number(const char *name)
{
	unsigned long n;
	if (name[0] != 'r' || strlen(name) < 7 || strspn(name + 1, "0123456789") != strlen(name + 1)) return 0;
	n = strtoul(name + 1, NULL, 10);
	return n > UINT32_MAX ? 0 : (uint32_t)n;
}

static int set_now(char **to)
{
	char now[32];
	time_t t = time(NULL);
	struct tm tm;
	strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &tm));
	free(*to);
	return (*to = c5_strdup(now)) ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
}

static int write_record(c5_file *f, const c5_run_info *r)
{
	char path[64], sub[128];
	int err;
	snprintf(path, sizeof path, "/runs/%s", c5_revision_name(r->number));
	if ((err = c5_group_make(f, path)) < 0) return err;
	for (size_t i = 0; i < N_TEXTS; i++) {
		const char *value = *text_at(r, i);
		if (!value) continue;
		snprintf(sub, sizeof sub, "%s/%s", path, texts[i].name);
		err = texts[i].dataset ? c5_text_set(f, sub, value) : c5_attr_set_str(f, path, texts[i].name, value);
		if (err < 0) return err;
	}
	for (size_t i = 0; i < N_NUMBERS; i++)
		if ((err = c5_attr_set_i64(f, path, numbers[i].name, *number_at(r, i))) < 0) return err;
	if ((err = c5_attr_set_str(f, path, "NX_class", "NXprocess")) < 0 || (err = c5_attr_set_str(f, path, "program", "cyto5")) < 0 ||
	    (err = c5_attr_set_str(f, path, "version", r->software ? r->software : "")) < 0 ||
	    (err = c5_attr_set_str(f, path, "date", r->start ? r->start : "")) < 0)
		return err;
	return c5_attr_set_i64(f, path, "sequence_index", r->number);
}

static int ascending(const void *a, const void *b)
{
	const uint32_t p = *(const uint32_t *)a, q = *(const uint32_t *)b;
	return (p > q) - (p < q);
}

int c5_run_numbers(c5_file *f, uint32_t **found, size_t *n)
{
	char **names = NULL;
	size_t n_names = 0;
	*found = NULL, *n = 0;
	int err = c5_list(f, "/runs", &names, &n_names);
	if (err == C5_OK) err = c5_alloc(found, n_names, sizeof **found);
	for (size_t i = 0; err == C5_OK && i < n_names; i++)
		if (c5_revision_number(names[i])) (*found)[(*n)++] = c5_revision_number(names[i]);
	if (*n) qsort(*found, *n, sizeof **found, ascending);
	c5_names_free(names, n_names);
	return err;
}

int c5_run_last(c5_file *f, uint32_t *number)
{
	uint32_t *found;
	size_t n;
	int err = c5_run_numbers(f, &found, &n);
	*number = n ? found[n - 1] : 0;
	free(found);
	return err;
}

int c5_run_begin(c5_file *f, c5_run_info *r)
{
	int err = c5_run_last(f, &r->number);
	if (err < 0) return err;
	if (r->number == UINT32_MAX)
		return c5_fail(C5_ESCHEMA, "%s: its last run is %s, the highest number there is", c5_file_path(f), c5_revision_name(r->number));
	r->number++;
	free(r->state);
	r->state = c5_strdup("running");
	return (err = set_now(&r->start)) < 0 ? err : write_record(f, r);
}

int c5_run_resume(c5_file *f, c5_run_info *r)
{
	r->restarts++;
	return write_record(f, r);
}

int c5_run_end(c5_file *f, const c5_run_info *r, const char *state)
{
	c5_run_info ended = *r;
	ended.end = NULL;
	ended.state = c5_strdup(state);
	int err = set_now(&ended.end);
	if (err == C5_OK) err = write_record(f, &ended);
	free(ended.end);
	free(ended.state);
	return err;
}

int c5_run_read(c5_file *f, uint32_t number, c5_run_info *r)
{
	char path[64], sub[128];
	memset(r, 0, sizeof *r);
	r->number = number;
	snprintf(path, sizeof path, "/runs/%s", c5_revision_name(number));
	if (!c5_exists(f, path)) return c5_fail(C5_ENOTFOUND, "%s: no run %s; `cyto5 log` lists them", c5_file_path(f), c5_revision_name(number));
	for (size_t i = 0; i < N_TEXTS; i++) {
		snprintf(sub, sizeof sub, "%s/%s", path, texts[i].name);
		int err = texts[i].dataset ? c5_text_get(f, sub, text_at(r, i)) : c5_attr_get_str(f, path, texts[i].name, text_at(r, i));
		if (err < 0 && err != C5_ENOTFOUND) {
			c5_run_info_free(r);
			return err;
		}
	}
	for (size_t i = 0; i < N_NUMBERS; i++) (void)c5_attr_get_i64(f, path, numbers[i].name, number_at(r, i)); /* absent: 0 */
	if (!r->state) {
		c5_run_info_free(r);
		return c5_fail(C5_ESCHEMA, "%s:%s: attribute state is missing", c5_file_path(f), path);
	}
	return C5_OK;
}

int c5_run_unfinished(c5_file *f, uint32_t *number)
{
	uint32_t *found;
	size_t n;
	*number = 0;
	int err = c5_run_numbers(f, &found, &n);
	while (err == C5_OK && n-- > 0 && !*number) {
		char path[64], *state = NULL, *command = NULL;
		snprintf(path, sizeof path, "/runs/%s", c5_revision_name(found[n]));
		bool running = c5_attr_get_str(f, path, "state", &state) == C5_OK && strcmp(state, "running") == 0;
		if (running && c5_attr_get_str(f, path, "command", &command) == C5_OK && strcmp(command, C5_RUN_SEARCH) == 0) running = false;
		free(command);
		free(state);
		if (running) *number = found[n];
	}
	free(found);
	if (err < 0 || *number) return err;
	return c5_fail(C5_ENOTFOUND, "%s: no unfinished run", c5_file_path(f));
}

char *c5_run_lock_path(const char *container, uint32_t number) { return c5_format("%s.%s", container, c5_revision_name(number)); }

bool c5_run_alive(const char *container, uint32_t number)
{
	char *path = c5_run_lock_path(container, number);
	bool alive = path && c5_lock_held(path) == 1;
	free(path);
	return alive;
}
