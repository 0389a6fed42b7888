/* store_rows.c – see store_rows.h. */
#include "hyperopt/store_rows.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define NAME_TEXT 48

/* Columns of every trials table; one a parameter, param_NAME, follows. */
enum column { TRIAL, STATE, VALUE, SPREAD, REPEATS, ORIGIN, GROUP, BEGUN, SECONDS, NOTE, COLUMNS };
static const struct { const char *name; int dtype; size_t text; } columns[COLUMNS] = {
	{ "trial", C5_U32, 0 },   { "state", 0, 12 },          { "value", C5_F64, 0 }, { "spread", C5_F64, 0 },  { "repeats", C5_U32, 0 },
	{ "origin", 0, C5_ORIGIN_TEXT }, { "group", C5_U32, 0 }, { "begun_s", C5_F64, 0 }, { "seconds", C5_F64, 0 }, { "note", 0, C5_NOTE_TEXT },
};

#pragma pack(push, 1)
typedef struct report_row { uint32_t trial; double step, value; } report_row;
typedef struct importance_row { char parameter[NAME_TEXT]; double alone, total; } importance_row;
#pragma pack(pop)

static void column_name(char to[NAME_TEXT], const c5_param *p) { snprintf(to, NAME_TEXT, "param_%s", p->name); }

/* Choices as words, whole numbers as such, unless they can be left out: a NaN says so. */
static int add_param_column(c5_array_spec *s, const c5_param *p)
{
	char name[NAME_TEXT];
	size_t longest = 1;
	column_name(name, p);
	if (p->kind != C5_PARAM_CHOICE) return c5_spec_column(s, name, p->kind == C5_PARAM_WHOLE && p->n_when == 0 ? C5_I64 : C5_F64);
	for (size_t i = 0; i < p->n_choices; i++)
		if (strlen(p->choices[i]) > longest) longest = strlen(p->choices[i]);
	return c5_spec_text_column(s, name, longest);
}

static int growing(c5_array_spec *s, const char *path)
{
	int err = c5_spec_table(s, path, C5_STORE_CHUNK, C5_STORE_CHUNK);
	s->dims[0] = 0;
	s->growing = true;
	return err;
}

int c5_trials_spec(c5_array_spec *s, const char *path, const c5_space *space)
{
	int err = growing(s, path);
	for (int i = 0; err == C5_OK && i < COLUMNS; i++)
		err = columns[i].text ? c5_spec_text_column(s, columns[i].name, columns[i].text) : c5_spec_column(s, columns[i].name, columns[i].dtype);
	for (size_t i = 0; err == C5_OK && i < space->n; i++) err = add_param_column(s, &space->params[i]);
	if (err == C5_OK) err = c5_spec_attr_str(s, "units", "begun_s: s, seconds: s");
	return err;
}

int c5_reports_spec(c5_array_spec *s, const char *path)
{
	int err = growing(s, path);
	if (err == C5_OK) err = c5_spec_column(s, "trial", C5_U32);
	if (err == C5_OK) err = c5_spec_column(s, "step", C5_F64);
	if (err == C5_OK) err = c5_spec_column(s, "value", C5_F64);
	return err;
}

/* ---- out ---- */

static void put_text(uint8_t *at, size_t size, const char *text) { memcpy(at, text, strnlen(text, size)); }

static void put_number(uint8_t *at, int dtype, double v)
{
	uint32_t u = (uint32_t)v;
	int64_t i = (int64_t)v;
	if (dtype == C5_U32) memcpy(at, &u, sizeof u);
	else if (dtype == C5_I64) memcpy(at, &i, sizeof i);
	else memcpy(at, &v, sizeof v);
}

void c5_trial_row(c5_buf *to, const c5_array_spec *s, const c5_space *space, const c5_trial *t)
{
	uint8_t *row;
	char text[C5_VALUE_TEXT];
	const double numbers[COLUMNS] = { [TRIAL] = t->number, [VALUE] = t->value, [SPREAD] = t->spread, [REPEATS] = t->repeats, [GROUP] = t->group,
		[BEGUN] = t->begun_s, [SECONDS] = t->seconds };
	const char *texts[COLUMNS] = { [STATE] = c5_trial_state_name(t->state), [ORIGIN] = t->origin, [NOTE] = t->note };
	if (c5_alloc(&row, s->row_size, 1) < 0) {
		to->err = C5_ENOMEM;
		return;
	}
	for (size_t i = 0; i < s->n_columns; i++) {
		const c5_column *c = &s->columns[i];
		if (i < COLUMNS && c->text) put_text(row + c->offset, c->text, texts[i]);
		else if (i < COLUMNS) put_number(row + c->offset, c->dtype, numbers[i]);
		else if (c->text) put_text(row + c->offset, c->text, c5_param_text(text, &space->params[i - COLUMNS], t->values[i - COLUMNS]));
		else put_number(row + c->offset, c->dtype, t->values[i - COLUMNS]);
	}
	c5_buf_put(to, row, s->row_size);
	free(row);
}

void c5_report_rows(c5_buf *to, const c5_trial *t)
{
	for (size_t i = 0; i < t->n_reports; i++) {
		report_row row = { t->number, t->reports[i].step, t->reports[i].value };
		c5_buf_put(to, &row, sizeof row);
	}
}

/* ---- in ---- */

/* A whole table in memory. */
typedef struct rows { c5_array *a; const c5_array_spec *spec; uint8_t *bytes; size_t n; } rows;

static void close_rows(rows *r)
{
	c5_array_close(r->a);
	free(r->bytes);
}

static int open_rows(rows *r, c5_file *f, c5_codec *codec, const char *path)
{
	memset(r, 0, sizeof *r);
	int err = c5_table_open(&r->a, f, path);
	if (err < 0) return err;
	r->spec = c5_array_spec_of(r->a);
	r->n = r->spec->dims[0];
	if (!r->spec->n_columns) return c5_fail(C5_ESCHEMA, "%s: is no table", path);
	if ((err = c5_alloc(&r->bytes, r->n + 1, r->spec->row_size)) < 0) return err;
	return c5_array_read_rows(r->a, codec, 0, r->n, r->bytes);
}

static double number_at(const rows *r, size_t row, const c5_column *c)
{
	const uint8_t *at = r->bytes + row * r->spec->row_size + c->offset;
	uint32_t u;
	int64_t i;
	double v;
	if (c->dtype == C5_U32) return memcpy(&u, at, sizeof u), (double)u;
	if (c->dtype == C5_I64) return memcpy(&i, at, sizeof i), (double)i;
	if (c->dtype == C5_F64) return memcpy(&v, at, sizeof v), v;
	return NAN;
}

static void text_at(char *to, size_t cap, const rows *r, size_t row, const c5_column *c)
{
	size_t n = c->text < cap - 1 ? c->text : cap - 1;
	memcpy(to, r->bytes + row * r->spec->row_size + c->offset, n);
	to[n] = '\0';
}

/* The parameters of a row; C5_ESCHEMA when one is no value of the space. */
static int read_values(const rows *r, size_t row, const c5_space *space, double *values)
{
	char name[NAME_TEXT], text[1024];
	const c5_column *c;
	for (size_t i = 0; i < space->n; i++) {
		const c5_param *p = &space->params[i];
		column_name(name, p);
		int err = c5_spec_find_column(r->spec, name, &c);
		if (err < 0) return err;
		if (!c->text) {
			values[i] = number_at(r, row, c);
			continue;
		}
		text_at(text, sizeof text, r, row, c);
		values[i] = NAN;
		if (*text && !c5_param_parse(p, text, &values[i]))
			return c5_fail(C5_ESCHEMA, "%s: row %zu: %s cannot be %.100s", r->spec->path, row, p->name, text);
	}
	return C5_OK;
}

static int read_trial(c5_history *h, const rows *r, const c5_column *const c[COLUMNS], size_t row)
{
	double values[C5_SPACE_MOST];
	char state[16], origin[C5_ORIGIN_TEXT + 1];
	c5_trial *t;
	int err = read_values(r, row, h->space, values);
	double number = number_at(r, row, c[TRIAL]);
	if (err < 0) return err;
	text_at(state, sizeof state, r, row, c[STATE]);
	text_at(origin, sizeof origin, r, row, c[ORIGIN]);
	if (!(number >= 1 && number <= 1e7)) return c5_fail(C5_ESCHEMA, "%s: row %zu: %g is no number of a trial", r->spec->path, row, number);
	if ((err = c5_history_add(h, (uint32_t)number, values, origin, &t)) < 0) return c5_fail_in(C5_ESCHEMA, "%s: row %zu", r->spec->path, row);
	t->state = c5_trial_state_find(state);
	if (t->state <= C5_TRIAL_RUNNING) return c5_fail(C5_ESCHEMA, "%s: row %zu: '%s' is no state of an ended trial", r->spec->path, row, state);
	t->value = number_at(r, row, c[VALUE]);
	if (t->state == C5_TRIAL_COMPLETE && !isfinite(t->value))
		return c5_fail(C5_ESCHEMA, "%s: row %zu: a complete trial without a value", r->spec->path, row);
	t->spread = number_at(r, row, c[SPREAD]);
	t->repeats = (uint32_t)number_at(r, row, c[REPEATS]);
	t->group = (uint32_t)number_at(r, row, c[GROUP]);
	t->begun_s = number_at(r, row, c[BEGUN]);
	t->seconds = number_at(r, row, c[SECONDS]);
	text_at(t->note, sizeof t->note, r, row, c[NOTE]);
	return C5_OK;
}

static int find_columns(const c5_column *c[COLUMNS], const c5_array_spec *s)
{
	int err = C5_OK;
	for (int i = 0; err == C5_OK && i < COLUMNS; i++) {
		err = c5_spec_find_column(s, columns[i].name, &c[i]);
		if (err == C5_OK && (columns[i].text > 0) != (c[i]->text > 0))
			err = c5_fail(C5_ESCHEMA, "%s: column %s is of another type", s->path, columns[i].name);
	}
	return err;
}

static int read_trials(c5_history *h, c5_file *f, c5_codec *codec, const char *path)
{
	rows r;
	const c5_column *c[COLUMNS] = { NULL };
	int err = open_rows(&r, f, codec, path);
	if (err == C5_OK) err = find_columns(c, r.spec);
	for (size_t i = 0; err == C5_OK && i < r.n; i++) err = read_trial(h, &r, c, i);
	close_rows(&r);
	return err;
}

/* Rows in memory that belong to somebody else. */
static rows rows_at(const c5_array_spec *s, const uint8_t *row)
{
	rows r = { .spec = s, .n = 1 };
	memcpy(&r.bytes, &row, sizeof row);
	return r;
}

uint32_t c5_trial_number(const c5_array_spec *s, const uint8_t *row)
{
	const rows r = rows_at(s, row);
	return (uint32_t)number_at(&r, 0, &s->columns[TRIAL]);
}

int c5_trial_take(c5_history *h, const c5_array_spec *s, const uint8_t *row, const uint8_t *reports, size_t reports_size)
{
	const rows r = rows_at(s, row);
	const c5_column *c[COLUMNS] = { NULL };
	report_row one;
	int err = find_columns(c, s);
	if (err == C5_OK) err = read_trial(h, &r, c, 0);
	for (size_t at = 0; err == C5_OK && at + sizeof one <= reports_size; at += sizeof one) {
		memcpy(&one, reports + at, sizeof one);
		err = c5_trial_report(c5_history_get(h, c5_trial_number(s, row)), one.step, one.value);
	}
	return err;
}

static int read_reports(c5_history *h, c5_file *f, c5_codec *codec, const char *path)
{
	rows r;
	const c5_column *trial = NULL, *step = NULL, *value = NULL;
	int err = open_rows(&r, f, codec, path);
	if (err < 0 || (err = c5_spec_find_column(r.spec, "trial", &trial)) < 0 || (err = c5_spec_find_column(r.spec, "step", &step)) < 0 ||
	    (err = c5_spec_find_column(r.spec, "value", &value)) < 0)
		goto done;
	for (size_t i = 0; err == C5_OK && i < r.n; i++) {
		c5_trial *t = c5_history_get(h, (uint32_t)number_at(&r, i, trial));
		if (!t) err = c5_fail(C5_ESCHEMA, "%s: row %zu: there is no such trial", path, i);
		else err = c5_trial_report(t, number_at(&r, i, step), number_at(&r, i, value));
	}
done:
	close_rows(&r);
	return err;
}

int c5_trials_read(c5_history *h, c5_file *f, const char *folder)
{
	c5_codec *codec = NULL;
	char *trials = c5_format("%s/trials", folder), *reports = c5_format("%s/reports", folder);
	int err = trials && reports ? c5_codec_open(&codec) : c5_fail(C5_ENOMEM, "out of memory");
	if (err == C5_OK) err = read_trials(h, f, codec, trials);
	if (err == C5_OK) err = read_reports(h, f, codec, reports);
	c5_codec_close(codec);
	free(trials);
	free(reports);
	return err;
}

/* ---- importance ---- */

int c5_importance_write(c5_file *f, const char *path, const c5_space *space, const c5_importance *importance)
{
	importance_row all[C5_SPACE_MOST] = { 0 };
	c5_array_spec s;
	c5_array *a = NULL;
	c5_codec *codec = NULL;
	if (importance->n == 0) return C5_OK;
	for (size_t i = 0; i < importance->n; i++) {
		memcpy(all[i].parameter, space->params[i].name, strnlen(space->params[i].name, NAME_TEXT));
		all[i].alone = importance->alone[i], all[i].total = importance->total[i];
	}
	int err = c5_spec_table(&s, path, importance->n, C5_SPACE_MOST);
	if (err == C5_OK) err = c5_spec_text_column(&s, "parameter", NAME_TEXT);
	if (err == C5_OK) err = c5_spec_column(&s, "alone", C5_F64);
	if (err == C5_OK) err = c5_spec_column(&s, "total", C5_F64);
	if (err == C5_OK) err = c5_array_create(f, &s);
	if (err == C5_OK) err = c5_codec_open(&codec);
	if (err == C5_OK) err = c5_array_open(&a, f, path);
	if (err == C5_OK) err = c5_array_put_rows(a, codec, 0, importance->n, all);
	c5_array_close(a);
	c5_codec_close(codec);
	c5_spec_free(&s);
	return err;
}

int c5_importance_read(c5_importance *importance, c5_file *f, const char *path, const c5_space *space)
{
	rows r = { 0 };
	c5_codec *codec;
	const c5_column *name, *alone, *total;
	memset(importance, 0, sizeof *importance);
	if (!c5_exists(f, path)) return C5_OK;
	int err = c5_codec_open(&codec);
	if (err < 0) return err;
	if ((err = open_rows(&r, f, codec, path)) < 0 || (err = c5_spec_find_column(r.spec, "parameter", &name)) < 0 ||
	    (err = c5_spec_find_column(r.spec, "alone", &alone)) < 0 || (err = c5_spec_find_column(r.spec, "total", &total)) < 0)
		goto done;
	for (size_t i = 0; i < r.n; i++) {
		char text[NAME_TEXT + 1];
		text_at(text, sizeof text, &r, i, name);
		size_t k = c5_space_find(space, text);
		if (k == SIZE_MAX) continue;
		importance->alone[k] = number_at(&r, i, alone);
		importance->total[k] = number_at(&r, i, total);
		importance->n = space->n;
	}
done:
	close_rows(&r);
	c5_codec_close(codec);
	return err;
}
