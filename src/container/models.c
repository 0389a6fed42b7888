/* models.c – models stored in a container; see models.h. */
#include "container/models.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/options.h"
#include "base/sha256.h"
#include "base/text.h"
#include "container/structs.h"
#include "container/run.h"
#include "container/whole.h"

#define NUMBERS_MAX (UINT64_C(1) << 34) /* of a model */

/* ---- what is stored how ---- */

static const struct { const char *name; size_t at; bool dataset; } texts[] = {
	{ "architecture", offsetof(c5_stored_model, architecture), true },
	{ "preprocessing", offsetof(c5_stored_model, preprocessing), true },
	{ "settings", offsetof(c5_stored_model, settings), true },
	{ "kind", offsetof(c5_stored_model, kind), false },
	{ "origin", offsetof(c5_stored_model, origin), false },
	{ "source", offsetof(c5_stored_model, source), false },
	{ "licence", offsetof(c5_stored_model, licence), false },
	{ "note", offsetof(c5_stored_model, note), false },
	{ "input", offsetof(c5_stored_model, input), false },
	{ "profile_by", offsetof(c5_stored_model, profile_by), false },
	{ "calibrated_on", offsetof(c5_stored_model, calibrated_on), false },
};
#define N_TEXTS (sizeof texts / sizeof *texts)

static const struct { const char *name; size_t at; } reals[] = {
	{ "pixel_size_um", offsetof(c5_stored_model, pixel_size_um) },
	{ "object_px", offsetof(c5_stored_model, object_px) },
	{ "temperature", offsetof(c5_stored_model, temperature) },
};
#define N_REALS (sizeof reals / sizeof *reals)

#define FIELD(name, type, record, member) { name, type, offsetof(record, member), NULL, NULL }

static const c5_record_field class_fields[] = {
	FIELD("name", C5_RECORD_TEXT, c5_stored_class, name), FIELD("examples", C5_I64, c5_stored_class, examples), { 0 },
};
static const c5_record_field channel_fields[] = {
	FIELD("name", C5_RECORD_TEXT, c5_stored_channel, name), FIELD("modality", C5_RECORD_TEXT, c5_stored_channel, modality), { 0 },
};
static const c5_record_field metric_fields[] = {
	FIELD("name", C5_RECORD_TEXT, c5_stored_metric, name), FIELD("value", C5_F64, c5_stored_metric, value),
	FIELD("low", C5_F64, c5_stored_metric, low), FIELD("high", C5_F64, c5_stored_metric, high),
	FIELD("of", C5_RECORD_TEXT, c5_stored_metric, of), { 0 },
};
static const c5_record_field data_fields[] = {
	FIELD("path", C5_RECORD_TEXT, c5_stored_data, path), FIELD("sha256", C5_RECORD_TEXT, c5_stored_data, sha256),
	FIELD("items", C5_I64, c5_stored_data, items), FIELD("part", C5_RECORD_TEXT, c5_stored_data, part), { 0 },
};

static const struct { const char *name; const c5_record_field *fields; size_t rows, n, size; } tables[] = {
	{ "classes", class_fields, offsetof(c5_stored_model, classes), offsetof(c5_stored_model, n_classes), sizeof(c5_stored_class) },
	{ "channels", channel_fields, offsetof(c5_stored_model, channels), offsetof(c5_stored_model, n_channels), sizeof(c5_stored_channel) },
	{ "metrics", metric_fields, offsetof(c5_stored_model, metrics), offsetof(c5_stored_model, n_metrics), sizeof(c5_stored_metric) },
	{ "data", data_fields, offsetof(c5_stored_model, data), offsetof(c5_stored_model, n_data), sizeof(c5_stored_data) },
};
#define N_TABLES (sizeof tables / sizeof *tables)

/* A row of the table `arrays`. */
typedef struct array_row { char *layer, *parameter; int64_t count, trained; } array_row;
static const c5_record_field array_fields[] = {
	FIELD("layer", C5_RECORD_TEXT, array_row, layer), FIELD("parameter", C5_RECORD_TEXT, array_row, parameter),
	FIELD("count", C5_I64, array_row, count), FIELD("trained", C5_I64, array_row, trained), { 0 },
};

static void *at(const c5_stored_model *s, size_t offset) { return (char *)(uintptr_t)s + offset; }

void c5_stored_model_init(c5_stored_model *s)
{
	memset(s, 0, sizeof *s);
	for (size_t i = 0; i < N_REALS; i++) *(double *)at(s, reals[i].at) = NAN;
}

void c5_stored_model_free(c5_stored_model *s)
{
	for (size_t i = 0; i < N_TEXTS; i++) free(*(char **)at(s, texts[i].at));
	for (size_t i = 0; i < N_TABLES; i++)
		c5_structs_free(tables[i].fields, *(void **)at(s, tables[i].rows), *(size_t *)at(s, tables[i].n), tables[i].size);
	for (size_t i = 0; s->history_names && i < s->n_history_columns; i++) free(s->history_names[i]);
	free(s->history_names);
	free(s->sample_input);
	free(s->sample_output);
	free(s->profile);
	free(s->history);
	free(s->arrays);
	free(s->numbers);
	memset(s, 0, sizeof *s);
}

/* ---- names and paths ---- */

int c5_stored_model_name(const char *name)
{
	bool good = *name && *name != '.' && strlen(name) < C5_STORED_NAME;
	for (const char *p = name; *p; p++) good = good && (isalnum((unsigned char)*p) || strchr("_.-", *p));
	return good ? C5_OK : c5_fail(C5_EUSAGE, "'%.80s' is no name for a model; letters, digits and . _ - are taken, a letter or digit first", name);
}

static char *revision_path(const char *name, uint32_t number) { return c5_format("/models/%s/%s", name, c5_revision_name(number)); }

static int join(char **out, const char *group, const char *name)
{
	free(*out);
	return (*out = c5_format("%s/%s", group, name)) ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
}

static int remove_beside(c5_file *f, const char *group, const char *name)
{
	char *path = NULL;
	int err = join(&path, group, name);
	if (err == C5_OK && c5_exists(f, path)) err = c5_unlink(f, path);
	free(path);
	return err;
}

/* ---- out ---- */

static int write_texts(c5_file *f, const char *group, const c5_stored_model *s)
{
	int err = C5_OK;
	char *path = NULL;
	for (size_t i = 0; err == C5_OK && i < N_TEXTS; i++) {
		const char *value = *(char **)at(s, texts[i].at);
		if (!value) continue;
		if (!texts[i].dataset) err = c5_attr_set_str(f, group, texts[i].name, value);
		else if ((err = join(&path, group, texts[i].name)) == C5_OK) err = c5_text_set(f, path, value);
	}
	for (size_t i = 0; err == C5_OK && i < N_REALS; i++) {
		double value = *(double *)at(s, reals[i].at);
		if (isfinite(value)) err = c5_attr_set_f64(f, group, reals[i].name, value);
	}
	free(path);
	return err;
}

static int write_tables(c5_file *f, const char *group, const c5_stored_model *s)
{
	int err = C5_OK;
	char *path = NULL;
	for (size_t i = 0; err == C5_OK && i < N_TABLES; i++) {
		size_t n = *(size_t *)at(s, tables[i].n);
		if ((err = remove_beside(f, group, tables[i].name)) < 0 || !n) continue;
		if ((err = join(&path, group, tables[i].name)) == C5_OK)
			err = c5_structs_write(f, path, tables[i].fields, *(void **)at(s, tables[i].rows), n, tables[i].size);
	}
	free(path);
	return err;
}

static int write_history(c5_file *f, const char *group, const c5_stored_model *s)
{
	char *path = NULL;
	c5_array_spec spec = { 0 };
	int err = remove_beside(f, group, "history");
	if (err < 0 || !s->n_history || (err = join(&path, group, "history")) < 0) return err;
	err = c5_spec_table(&spec, path, s->n_history, 4096);
	for (size_t c = 0; err == C5_OK && c < s->n_history_columns; c++) err = c5_spec_column(&spec, s->history_names[c], C5_F64);
	if (err == C5_OK) err = c5_whole_write(f, &spec, s->history);
	c5_spec_free(&spec);
	free(path);
	return err;
}

static int write_array(c5_file *f, const char *group, const c5_stored_model *s, const c5_stored_array *a)
{
	c5_array_spec spec = { 0 };
	char *path = c5_format("%s/weights/%s/%s", group, a->layer, a->parameter);
	int err = path ? c5_spec_whole(&spec, path, C5_F32, a->rank, a->dims) : c5_fail(C5_ENOMEM, "out of memory");
	if (err == C5_OK) err = c5_whole_write(f, &spec, s->numbers + a->at);
	c5_spec_free(&spec);
	free(path);
	return err;
}

static int write_arrays(c5_file *f, const char *group, c5_stored_model *s)
{
	array_row *rows = NULL;
	char *path = NULL;
	int err = remove_beside(f, group, "weights");
	if (err == C5_OK) err = remove_beside(f, group, "arrays");
	if (err < 0 || !s->n_arrays || (err = c5_alloc(&rows, s->n_arrays, sizeof *rows)) < 0) return err;
	for (size_t i = 0; err == C5_OK && i < s->n_arrays; i++) {
		c5_stored_array *a = &s->arrays[i];
		rows[i] = (array_row){ a->layer, a->parameter, (int64_t)a->count, a->trained };
		err = write_array(f, group, s, a);
	}
	if (err == C5_OK && (err = join(&path, group, "arrays")) == C5_OK) err = c5_structs_write(f, path, array_fields, rows, s->n_arrays, sizeof *rows);
	c5_sha256(s->sha256, s->numbers, s->count * sizeof *s->numbers);
	if (err == C5_OK && (err = c5_attr_set_str(f, group, "sha256", s->sha256)) == C5_OK)
		err = c5_attr_set_i64(f, group, "parameters", (int64_t)s->count);
	free(path);
	free(rows);
	return err;
}

/* Lists of numbers beside the weights; the first two, of the sample, are read with the weights only. */
enum { SAMPLES = 2, LISTS = 3 };
static const char *const lists[LISTS] = { "sample/input", "sample/output", "profile" };

static int write_lists(c5_file *f, const char *group, const c5_stored_model *s)
{
	const float *numbers[LISTS] = { s->sample_input, s->sample_output, s->profile };
	const uint64_t counts[LISTS] = { s->n_sample_input, s->n_sample_output, s->n_profile };
	char *path = NULL;
	int err = remove_beside(f, group, "sample");
	if (err == C5_OK) err = remove_beside(f, group, "profile");
	for (int i = 0; i < LISTS && err == C5_OK; i++) {
		c5_array_spec spec = { 0 };
		if (!counts[i] || (err = join(&path, group, lists[i])) < 0) continue;
		if ((err = c5_spec_whole(&spec, path, C5_F32, 1, &counts[i])) == C5_OK) err = c5_whole_write(f, &spec, numbers[i]);
		c5_spec_free(&spec);
	}
	free(path);
	return err;
}

static int make_group(c5_file *f, const char *name, uint32_t number, char **group)
{
	int err = c5_stored_model_name(name);
	*group = NULL;
	if (err < 0) return err;
	if (!(*group = revision_path(name, number))) return c5_fail(C5_ENOMEM, "out of memory");
	return c5_group_make(f, *group);
}

int c5_stored_model_write(c5_file *f, const char *name, uint32_t number, c5_stored_model *s)
{
	char *group;
	int err = make_group(f, name, number, &group);
	if (err == C5_OK && (err = write_texts(f, group, s)) == C5_OK && (err = write_tables(f, group, s)) == C5_OK &&
	    (err = write_history(f, group, s)) == C5_OK && (err = write_lists(f, group, s)) == C5_OK)
		err = write_arrays(f, group, s);
	free(group);
	return err;
}

int c5_stored_model_publish(c5_file *f, const char *name, uint32_t number)
{
	char *path = c5_format("/models/%s/latest", name);
	int err = path ? c5_link_set(f, path, c5_revision_name(number)) : c5_fail(C5_ENOMEM, "out of memory");
	free(path);
	return err;
}

/* ---- in ---- */

static int absent_is_fine(int err) { return err == C5_ENOTFOUND ? C5_OK : err; }

static int read_texts(c5_file *f, const char *group, c5_stored_model *s)
{
	int err = C5_OK;
	char *path = NULL;
	for (size_t i = 0; err == C5_OK && i < N_TEXTS; i++) {
		char **value = at(s, texts[i].at);
		if (!texts[i].dataset) err = absent_is_fine(c5_attr_get_str(f, group, texts[i].name, value));
		else if ((err = join(&path, group, texts[i].name)) == C5_OK) err = absent_is_fine(c5_text_get(f, path, value));
	}
	for (size_t i = 0; err == C5_OK && i < N_REALS; i++) err = absent_is_fine(c5_attr_get_f64(f, group, reals[i].name, at(s, reals[i].at)));
	free(path);
	return err;
}

static int read_tables(c5_file *f, const char *group, c5_stored_model *s)
{
	int err = C5_OK;
	char *path = NULL;
	for (size_t i = 0; err == C5_OK && i < N_TABLES; i++)
		if ((err = join(&path, group, tables[i].name)) == C5_OK)
			err = absent_is_fine(c5_structs_read(f, path, tables[i].fields, at(s, tables[i].rows), at(s, tables[i].n), tables[i].size));
	free(path);
	return err;
}

static int read_history(c5_file *f, const char *group, c5_stored_model *s)
{
	char *path = NULL;
	c5_array_spec spec = { 0 };
	void *content = NULL;
	int err = join(&path, group, "history");
	if (err == C5_OK && c5_exists(f, path) && (err = c5_whole_read(f, path, &spec, &content)) == C5_OK) {
		for (size_t c = 0; err == C5_OK && c < spec.n_columns; c++)
			if (spec.columns[c].text || spec.columns[c].dtype != C5_F64)
				err = c5_fail(C5_EINPUT, "%s:%s: column %s is no float64", c5_file_path(f), path, spec.columns[c].name);
		if (err == C5_OK) err = c5_alloc(&s->history_names, spec.n_columns, sizeof *s->history_names);
		for (; err == C5_OK && s->n_history_columns < spec.n_columns; s->n_history_columns++)
			if (!(s->history_names[s->n_history_columns] = c5_strdup(spec.columns[s->n_history_columns].name))) err = c5_fail(C5_ENOMEM, "out of memory");
		if (err == C5_OK) s->history = content, s->n_history = spec.dims[0], content = NULL;
	}
	free(content);
	c5_spec_free(&spec);
	free(path);
	return err;
}

static int read_lists(c5_file *f, const char *group, c5_stored_model *s, bool samples)
{
	float **numbers[LISTS] = { &s->sample_input, &s->sample_output, &s->profile };
	size_t *counts[LISTS] = { &s->n_sample_input, &s->n_sample_output, &s->n_profile };
	char *path = NULL;
	int err = C5_OK;
	for (int i = samples ? 0 : SAMPLES; i < LISTS && err == C5_OK; i++) {
		c5_array_spec spec = { 0 };
		void *content = NULL;
		if ((err = join(&path, group, lists[i])) < 0 || !c5_exists(f, path)) continue;
		if ((err = c5_whole_read(f, path, &spec, &content)) < 0) continue;
		if (spec.rank == 1 && spec.dtype == C5_F32) *numbers[i] = content, *counts[i] = spec.dims[0];
		else {
			err = c5_fail(C5_EINPUT, "%s:%s: no list of float32", c5_file_path(f), path);
			free(content);
		}
		c5_spec_free(&spec);
	}
	free(path);
	return err;
}

/* The shape of one array, and its numbers behind those before it. */
static int read_array(c5_file *f, const char *group, c5_stored_model *s, const array_row *row, size_t *cap, bool numbers)
{
	c5_stored_array *a = &s->arrays[s->n_arrays];
	c5_array_spec spec = { 0 };
	c5_array *open = NULL;
	void *content = NULL;
	char *path = c5_format("%s/weights/%s/%s", group, row->layer ? row->layer : "", row->parameter ? row->parameter : "");
	int err = path ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
	if (err < 0) goto done;
	if (numbers) err = c5_whole_read(f, path, &spec, &content);
	else if ((err = c5_array_open(&open, f, path)) == C5_OK) err = c5_spec_copy(&spec, c5_array_spec_of(open));
	if (err < 0) goto done;
	if (spec.dtype != C5_F32 || spec.rank > C5_STORED_RANK || !row->layer || !row->parameter || strlen(row->layer) >= sizeof a->layer ||
	    strlen(row->parameter) >= sizeof a->parameter) {
		err = c5_fail(C5_EINPUT, "%s:%s: no array of weights (float32 of 1 to %d dimensions)", c5_file_path(f), path, C5_STORED_RANK);
		goto done;
	}
	*a = (c5_stored_array){ .rank = spec.rank, .count = 1, .trained = row->trained != 0, .at = s->count };
	strcpy(a->layer, row->layer);
	strcpy(a->parameter, row->parameter);
	for (int d = 0; d < spec.rank; d++) {
		a->dims[d] = spec.dims[d];
		if (__builtin_mul_overflow(a->count, spec.dims[d], &a->count) || a->count > NUMBERS_MAX - s->count)
			err = c5_fail(C5_EINPUT, "%s:%s: too large", c5_file_path(f), path);
	}
	if (err == C5_OK && (int64_t)a->count != row->count)
		err = c5_fail(C5_EINPUT, "%s:%s: holds %llu numbers, the table of arrays says %lld", c5_file_path(f), path, (unsigned long long)a->count,
		              (long long)row->count);
	if (err == C5_OK && numbers && (err = c5_grow(&s->numbers, cap, s->count + a->count, sizeof *s->numbers)) == C5_OK)
		memcpy(s->numbers + s->count, content, a->count * sizeof *s->numbers);
	s->count += a->count;
	s->n_arrays++;
done:
	c5_array_close(open);
	c5_spec_free(&spec);
	free(content);
	free(path);
	return err;
}

static int check_digest(c5_file *f, const char *group, c5_stored_model *s)
{
	char *said = NULL;
	int err = c5_attr_get_str(f, group, "sha256", &said);
	if (err < 0) return err;
	c5_sha256(s->sha256, s->numbers, s->count * sizeof *s->numbers);
	if (strcmp(said, s->sha256) != 0)
		err = c5_fail(C5_EINPUT, "%s:%s: the weights are not those that were written: their digest is %.12s..., expected %.12s...", c5_file_path(f),
		              group, s->sha256, said);
	free(said);
	return err;
}

static int read_arrays(c5_file *f, const char *group, c5_stored_model *s, bool numbers)
{
	char *path = NULL, *said = NULL;
	array_row *rows = NULL;
	size_t n = 0, cap = 0;
	int err = join(&path, group, "arrays");
	if (err < 0 || !c5_exists(f, path)) goto done;
	if ((err = c5_structs_read(f, path, array_fields, &rows, &n, sizeof *rows)) < 0 || (err = c5_alloc(&s->arrays, n, sizeof *s->arrays)) < 0) goto done;
	for (size_t i = 0; err == C5_OK && i < n; i++) err = read_array(f, group, s, &rows[i], &cap, numbers);
	if (err < 0) goto done;
	if (numbers) err = check_digest(f, group, s);
	else if ((err = absent_is_fine(c5_attr_get_str(f, group, "sha256", &said))) == C5_OK && said) snprintf(s->sha256, sizeof s->sha256, "%s", said);
done:
	c5_structs_free(array_fields, rows, n, sizeof *rows);
	free(said);
	free(path);
	return err;
}

int c5_stored_model_latest(c5_file *f, const char *name, uint32_t *number)
{
	char *path = c5_format("/models/%s/latest", name), *target = NULL;
	*number = 0;
	if (!path) return c5_fail(C5_ENOMEM, "out of memory");
	int err = absent_is_fine(c5_link_get(f, path, &target));
	if (err == C5_OK && target) *number = c5_revision_number(target);
	free(target);
	free(path);
	return err;
}

/* "no model 'x'; there are a, b and c" */
static int no_such(c5_file *f, const char *name)
{
	char **names = NULL;
	size_t n = 0;
	c5_buf b = { 0 };
	if (c5_list(f, "/models", &names, &n) < 0) return C5_ENOTFOUND;
	for (size_t i = 0; i < n && i < 20; i++) c5_text_addf(&b, "%s%s", i ? ", " : "", names[i]);
	if (n > 20) c5_text_addf(&b, " and %zu more", n - 20);
	char *list = c5_text_take(&b);
	const char *near = NULL;
	const char **words = NULL;
	if (n && c5_alloc(&words, n + 1, sizeof *words) == C5_OK) {
		for (size_t i = 0; i < n; i++) words[i] = names[i];
		near = c5_nearest(name, words);
	}
	int err = !n ? c5_fail(C5_ENOTFOUND, "%s: no model '%.80s'; there is none in this container", c5_file_path(f), name)
	        : near ? c5_fail(C5_ENOTFOUND, "%s: no model '%.80s'; did you mean %s?", c5_file_path(f), name, near)
	               : c5_fail(C5_ENOTFOUND, "%s: no model '%.80s'; there are %s", c5_file_path(f), name, list ? list : "");
	free(words);
	free(list);
	c5_names_free(names, n);
	return err;
}

int c5_stored_model_read(c5_file *f, const char *name, uint32_t number, bool numbers, c5_stored_model *s)
{
	char *group = NULL;
	c5_stored_model_init(s);
	int err = c5_stored_model_name(name);
	if (err < 0 || (number == 0 && (err = c5_stored_model_latest(f, name, &number)) < 0)) return err;
	if (!(group = revision_path(name, number))) return c5_fail(C5_ENOMEM, "out of memory");
	if (number == 0 || !c5_exists(f, group)) {
		char *parent = c5_format("/models/%s", name);
		if (!parent) err = c5_fail(C5_ENOMEM, "out of memory");
		else if (!c5_exists(f, parent)) err = no_such(f, name);
		else if (number) err = c5_fail(C5_ENOTFOUND, "%s: model '%s' has no revision %s; `cyto5 model list` shows them", c5_file_path(f), name,
		                               c5_revision_name(number));
		else err = c5_fail(C5_ENOTFOUND, "%s: model '%s' has no complete revision yet; its training was cut short or goes on", c5_file_path(f), name);
		free(parent);
		goto done;
	}
	s->revision = number;
	if ((err = read_texts(f, group, s)) == C5_OK && (err = read_tables(f, group, s)) == C5_OK && (err = read_history(f, group, s)) == C5_OK)
		err = read_arrays(f, group, s, numbers);
	if (err == C5_OK) err = read_lists(f, group, s, numbers);
done:
	free(group);
	if (err < 0) c5_stored_model_free(s);
	return err;
}
