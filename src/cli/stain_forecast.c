/* stain_forecast.c – `cyto5 stain forecast FILE.h5`: how early the last frame's efficiency is known. The step forecast of the pipeline, and what it
 * found: a page, CSV and a picture. */
#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "cli/job.h"
#include "cli/print.h"
#include "cli/stain.h"
#include "container/array.h"
#include "container/experiment.h"
#include "formats/out.h"
#include "stain/forecast.h"

typedef struct answer { char *out; bool json; double least; int64_t resamples; } answer;

#define F(member) offsetof(answer, member)
static const c5_opt answer_opts[] = {
	{ "out", C5_OPT_TEXT, F(out), NULL, 0, 0, NULL, "FOLDER", "write frames and fields as CSV, and a picture (SVG), there" },
	{ "known", C5_OPT_REAL, F(least), "0.8", -1, 1, NULL, NULL,
		"least Pearson's r, at the lower end of its interval, from which on the outcome counts as known" },
	{ "resamples", C5_OPT_INT, F(resamples), "1000", 0, 1000000, NULL, NULL, "behind the 95 % intervals, experiments drawn as wholes; 0: none" },
	{ "answer-json", C5_OPT_BOOL, F(json), NULL, 0, 0, NULL, NULL, "answer in JSON; undefined figures are null" },
	{ 0 },
};

/* ---- what the run left ---- */

typedef struct found { c5_forecast_row *rows; size_t n, cap; char **names; size_t n_names; char marker[64]; } found;

static void free_found(found *f)
{
	free(f->rows);
	c5_names_free(f->names, f->n_names);
}

static int add_rows(found *to, c5_array *a, uint32_t field)
{
	static const struct { const char *name; size_t offset; } columns[] = { { "frame", offsetof(c5_forecast_row, frame) },
		{ "time_s", offsetof(c5_forecast_row, time_s) },
		{ "predicted", offsetof(c5_forecast_row, predicted) }, { "recorded", offsetof(c5_forecast_row, recorded) },
			{ "guess", offsetof(c5_forecast_row, guess) },
		{ "auc", offsetof(c5_forecast_row, auc) } };
	const c5_array_spec *s = c5_array_spec_of(a);
	c5_codec *codec = NULL;
	uint8_t *bytes = NULL;
	size_t n = (size_t)s->dims[0];
	int err = c5_codec_open(&codec);
	if (err < 0 || (err = c5_alloc(&bytes, n + 1, s->row_size)) < 0 || (n && (err = c5_array_read_rows(a, codec, 0, n, bytes)) < 0)) goto done;
	if ((err = c5_grow(&to->rows, &to->cap, to->n + n, sizeof *to->rows)) < 0) goto done;
	memset(to->rows + to->n, 0, n * sizeof *to->rows);
	for (size_t k = 0; k < sizeof columns / sizeof *columns && err == C5_OK; k++) {
		const c5_column *c;
		const int type = k ? C5_F64 : C5_U32;
		if ((err = c5_spec_find_column(s, columns[k].name, &c)) < 0) break;
		if (c->dtype != type) err = c5_fail(C5_ESCHEMA, "%s: column %s is of another type than forecasts have", s->path, columns[k].name);
		for (size_t i = 0; i < n && err == C5_OK; i++)
			memcpy((uint8_t *)&to->rows[to->n + i] + columns[k].offset, bytes + i * s->row_size + c->offset, c5_dtype_size(type));
	}
	for (size_t i = 0; i < n; i++) to->rows[to->n + i].field = field;
	to->n += n;
done:
	free(bytes);
	c5_codec_close(codec);
	return err;
}

/* The only table of a revision; the marker is its name. */
static int add_experiment(found *to, c5_file *f, const char *name)
{
	char *group = c5_format("/experiments/%s/forecast/latest", name), *path = NULL, **tables = NULL;
	c5_array *a = NULL;
	size_t n = 0;
	int err = group ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
	if (err < 0 || !c5_exists(f, group) || (err = c5_list(f, group, &tables, &n)) < 0 || n == 0) goto done;
	if (!to->marker[0]) snprintf(to->marker, sizeof to->marker, "%s", tables[0]);
	if (strcmp(to->marker, tables[0])) goto done; /* another marker's, by an older run */
	if (!(path = c5_format("%s/%s", group, tables[0]))) err = c5_fail(C5_ENOMEM, "out of memory");
	else if ((err = c5_table_open(&a, f, path)) == C5_OK) err = add_rows(to, a, (uint32_t)to->n_names);
	if (err == C5_OK && !(to->names[to->n_names++] = c5_strdup(name))) err = c5_fail(C5_ENOMEM, "out of memory");
done:
	c5_array_close(a);
	c5_names_free(tables, n);
	free(path);
	free(group);
	return err;
}

static int read_found(found *to, const char *container, const char *glob)
{
	c5_file *f = NULL;
	char **all = NULL;
	size_t n = 0;
	int err = c5_file_open(&f, container, C5_READ, NULL);
	if (err < 0 || (err = c5_list(f, "/experiments", &all, &n)) < 0 || (err = c5_alloc(&to->names, n + 1, sizeof *to->names)) < 0) goto done;
	for (size_t i = 0; i < n && err == C5_OK; i++)
		if (!glob || !fnmatch(glob, all[i], 0)) err = add_experiment(to, f, all[i]);
	if (err == C5_OK && to->n == 0) err = c5_fail(C5_ENOTFOUND, "%s: no forecast", container);
done:
	c5_names_free(all, n);
	c5_file_close(f);
	return err;
}

/* ---- the page ---- */

static void put(double v)
{
	if (isnan(v)) printf("%9s", "-");
	else printf("%9.3f", v);
}

static void put_with(double v, double low, double high)
{
	put(v);
	if (isnan(low)) printf("%16s", "");
	else printf("  (%5.2f, %5.2f)", low, high);
}

static void print_page(const found *got, const c5_forecast_frame *frames, size_t n, double least)
{
	const size_t known = c5_forecast_known(frames, n, least);
	printf("%sForecast%s of %s in the last frame: %zu experiments, each foretold by networks that did not see it\n\n", c5_ink(C5_BOLD), c5_ink(C5_PLAIN),
		got->marker, got->n_names);
	printf("%8s%9s%16s%9s%16s%9s%9s\n", "frame", "r", "95 %", "error", "95 %", "guess", "AUC");
	for (size_t i = 0; i < n; i++) {
		const c5_forecast_frame *f = &frames[i];
		printf("%8u", f->frame);
		put_with(f->pearson, f->pearson_low, f->pearson_high);
		put_with(f->mae, f->mae_low, f->mae_high);
		put(f->guess_mae);
		put(f->auc);
		printf("\n");
	}
	printf("\nr: predicted with recorded share of positive blocks, over experiments; error: mean distance;\n"
		"guess: the error without a look, by the mean of the others; AUC: of blocks, mean over experiments\n");
	if (known < n)
		printf("%sknown from frame %u on%s: from there r is at least %.3g at the lower end of its interval\n", c5_ink(C5_GREEN), frames[known].frame,
			c5_ink(C5_PLAIN), least);
	else printf("not known before the end: r is at least %.3g, at the lower end of its interval, in no frame up to the last\n", least);
}

static int print_json(const found *got, const c5_forecast_frame *frames, size_t n, double least)
{
	const size_t known = c5_forecast_known(frames, n, least);
	c5_buf b = { 0 };
	c5_text_add(&b, "{");
	c5_json_str(&b, "marker", got->marker);
	c5_json_int(&b, "experiments", (int64_t)got->n_names);
	c5_json_real(&b, "least", least);
	c5_json_real(&b, "known_from_frame", known < n ? (double)frames[known].frame : (double)NAN);
	c5_json_key(&b, "frames");
	c5_text_add(&b, "[");
	for (size_t i = 0; i < n; i++) {
		c5_text_add(&b, i ? ",{" : "{");
		for (const c5_record_field *f = c5_forecast_frame_fields; f->name; f++) {
			char *cell = c5_record_cell(f, &frames[i]);
			if (!cell) return c5_fail(C5_ENOMEM, "out of memory");
			c5_json_key(&b, f->name);
			c5_text_add(&b, *cell ? cell : "null");
			free(cell);
		}
		c5_text_add(&b, "}");
	}
	c5_text_add(&b, "]}");
	return c5_json_print(&b);
}

/* ---- files ---- */

typedef struct field_record { const char *experiment; c5_forecast_row row; } field_record;
#define R(member) offsetof(field_record, member)
static const c5_record_field field_fields[] = {
	{ "experiment", C5_RECORD_TEXT, R(experiment), NULL, NULL },
	{ "frame", C5_U32, R(row.frame), "1", NULL },
	{ "time_s", C5_F64, R(row.time_s), "s", NULL },
	{ "predicted", C5_F64, R(row.predicted), "1", NULL },
	{ "recorded", C5_F64, R(row.recorded), "1", NULL },
	{ "guess", C5_F64, R(row.guess), "1", NULL },
	{ "auc", C5_F64, R(row.auc), "1", NULL },
	{ 0 },
};

static int write_file(const char *folder, const char *name, c5_buf *b)
{
	char *path = c5_format("%s/%s", folder, name), *text = c5_text_take(b);
	int err = path && text ? c5_out_text(path, text) : c5_fail(C5_ENOMEM, "out of memory");
	if (err == C5_OK) c5_log(C5_LOG_INFO, "%s", path);
	free(path);
	free(text);
	return err;
}

static int write_all(const char *folder, const found *got, const c5_forecast_frame *frames, size_t n, double least)
{
	field_record *records = NULL;
	c5_buf b = { 0 };
	int err = c5_out_folder(folder);
	if (err < 0 || (err = c5_alloc(&records, got->n, sizeof *records)) < 0) goto done;
	for (size_t i = 0; i < got->n; i++) records[i] = (field_record){ got->names[got->rows[i].field], got->rows[i] };
	if ((err = c5_records_csv(&b, c5_forecast_frame_fields, frames, n, sizeof *frames, NULL)) < 0 ||
	    (err = write_file(folder, "forecast.csv", &b)) < 0 || (err = c5_records_csv(&b, field_fields, records, got->n, sizeof *records, NULL)) < 0 ||
	    (err = write_file(folder, "forecast-fields.csv", &b)) < 0 || (err = c5_forecast_plot(&b, frames, n, least, got->marker)) < 0)
		goto done;
	err = write_file(folder, "forecast.svg", &b);
done:
	c5_buf_free(&b);
	free(records);
	return err;
}

static int tell(void *settings, const char *container, const c5_job_settings *job)
{
	const answer *a = settings;
	found got = { 0 };
	c5_forecast_frame *frames = NULL;
	size_t n = 0;
	int err = read_found(&got, container, job->experiments);
	if (err == C5_OK) err = c5_forecast_sum(&frames, &n, got.rows, got.n, 1, a->resamples);
	if (err == C5_OK && a->json) err = print_json(&got, frames, n, a->least);
	else if (err == C5_OK) print_page(&got, frames, n, a->least);
	if (err == C5_OK && a->out) err = write_all(a->out, &got, frames, n, a->least);
	free(frames);
	free_found(&got);
	return err;
}

static int run(int argc, char **argv)
{
	answer set = { 0 };
	const c5_opt_group more = { "Answer", answer_opts, &set };
	return c5_cli_step_then(&c5_cmd_stain_forecast, "forecast", argc, argv, false, &more, tell);
}

const c5_command c5_cmd_stain_forecast = {
	"stain forecast", C5_LEARN, "foretell the last frame's marker from earlier frames, and say how early it is known", "FILE.h5 --marker NAME",
	"cyto5 stain forecast course.h5 --marker nkx25 --looks 8 --out forecast\n"
	"mpirun -n 8 cyto5 stain forecast course.h5 --marker nkx25 --folds 5 --known 0.9\n",
	run,
};
