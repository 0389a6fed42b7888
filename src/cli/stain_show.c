/* stain_show.c – `cyto5 stain show FILE.h5`: what was foretold, without fluorescence to compare with: the efficiency of each field and its course, as
 * a page, CSV and pictures, and the stain laid over the frames. */
#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/records.h"
#include "base/svg.h"
#include "cli/print.h"
#include "cli/stain.h"
#include "container/array.h"
#include "container/experiment.h"
#include "formats/out.h"

typedef struct show { char *experiments, *revision, *markers, *out; int64_t frame; bool json; } show;

#define F(member) offsetof(show, member)
static const c5_opt show_opts[] = {
	{ "experiments", C5_OPT_TEXT, F(experiments), NULL, 0, 0, NULL, "GLOB", "of these names only" },
	{ "revision", C5_OPT_TEXT, F(revision), "latest", 0, 0, NULL, "rNNNNNN", "which stain" },
	{ "marker", C5_OPT_TEXT, F(markers), NULL, 0, 0, NULL, "A,B", "of these markers only" },
	{ "out", C5_OPT_TEXT, F(out), NULL, 0, 0, NULL, "FOLDER",
		"write efficiencies as CSV and as a picture (SVG), and the stain over a frame of each experiment (PNG), there" },
	{ "frame", C5_OPT_INT, F(frame), "-1", -1, 1e9, NULL, "N", "frame to draw, counted from 0; -1: the last one" },
	{ "json", C5_OPT_BOOL, F(json), NULL, 0, 0, NULL, NULL, "answer in JSON; undefined figures are null" },
	{ 0 },
};

typedef struct point { const char *experiment, *marker; uint32_t frame; double time_s, area, blocks, mean; } point;
#define P(member) offsetof(point, member)
static const c5_record_field point_fields[] = {
	{ "experiment", C5_RECORD_TEXT, P(experiment), NULL, NULL }, { "marker", C5_RECORD_TEXT, P(marker), NULL, NULL },
		{ "frame", C5_U32, P(frame), "1", NULL },
	{ "time_s", C5_F64, P(time_s), "s", NULL }, { "area", C5_F64, P(area), "1", NULL }, { "blocks", C5_F64, P(blocks), "1", NULL },
		{ "mean", C5_F64, P(mean), NULL, NULL },
	{ 0 },
};

/* Points stand marker by marker, in each experiment by experiment. */
typedef struct course { size_t first, n; } course;
typedef struct found { char **names, **markers; size_t n_names, n_markers; point *points; size_t n, cap; course *courses; size_t n_courses,
	cap_courses; } found;

static void free_found(found *f)
{
	c5_names_free(f->names, f->n_names);
	c5_names_free(f->markers, f->n_markers);
	free(f->points);
	free(f->courses);
}

/* ---- what is there ---- */

static int add_table(found *to, c5_array *a, c5_codec *codec, const char *experiment, const char *marker)
{
	static const struct { const char *name; size_t offset; int type; } columns[] = { { "frame", P(frame), C5_U32 }, { "time_s", P(time_s), C5_F64 },
		{ "area", P(area), C5_F64 },
		{ "blocks", P(blocks), C5_F64 }, { "mean", P(mean), C5_F64 } };
	const c5_array_spec *s = c5_array_spec_of(a);
	uint8_t *bytes = NULL;
	const size_t n = (size_t)s->dims[0];
	int err = c5_alloc(&bytes, n + 1, s->row_size);
	if (err < 0 || (n && (err = c5_array_read_rows(a, codec, 0, n, bytes)) < 0) ||
	    (err = c5_grow(&to->points, &to->cap, to->n + n, sizeof *to->points)) < 0 ||
	    (err = c5_grow(&to->courses, &to->cap_courses, to->n_courses + 1, sizeof *to->courses)) < 0)
		goto done;
	for (size_t i = 0; i < n; i++) to->points[to->n + i] = (point){ .experiment = experiment, .marker = marker };
	for (size_t k = 0; k < sizeof columns / sizeof *columns && err == C5_OK; k++) {
		const c5_column *c;
		if ((err = c5_spec_find_column(s, columns[k].name, &c)) < 0) break;
		if (c->dtype != columns[k].type) err = c5_fail(C5_ESCHEMA, "%s: column %s is of another type than stains have", s->path, columns[k].name);
		for (size_t i = 0; i < n && err == C5_OK; i++)
			memcpy((uint8_t *)&to->points[to->n + i] + columns[k].offset, bytes + i * s->row_size + c->offset, c5_dtype_size(c->dtype));
	}
	to->courses[to->n_courses++] = (course){ to->n, n };
	to->n += n;
done:
	free(bytes);
	return err;
}

static int read_marker(found *to, c5_file *f, c5_codec *codec, const show *s, const char *marker)
{
	int err = C5_OK;
	for (size_t i = 0; i < to->n_names && err == C5_OK; i++) {
		c5_array *a = NULL;
		char *path = c5_format("/experiments/%s/stain/%s/frames/%s", to->names[i], s->revision, marker);
		if (!path) err = c5_fail(C5_ENOMEM, "out of memory");
		else if (c5_exists(f, path) && (err = c5_table_open(&a, f, path)) == C5_OK) err = add_table(to, a, codec, to->names[i], marker);
		c5_array_close(a);
		free(path);
	}
	return err;
}

static int read_found(found *to, c5_file *f, c5_codec *codec, const show *s)
{
	int err = c5_stain_stained(f, s->experiments, s->revision, &to->names, &to->n_names, &to->markers, &to->n_markers);
	for (size_t m = 0; m < to->n_markers && err == C5_OK; m++)
		if (c5_stain_wanted(s->markers, to->markers[m])) err = read_marker(to, f, codec, s, to->markers[m]);
	if (err == C5_OK && to->n == 0)
		err = c5_fail(C5_ENOTFOUND, "%s: no stain%s%s", c5_file_path(f), s->markers ? " of marker " : "", s->markers ? s->markers : "");
	return err;
}

/* ---- the page ---- */

static const point *highest(const found *f, const course *c)
{
	const point *best = &f->points[c->first];
	for (size_t i = 1; i < c->n; i++)
		if (f->points[c->first + i].area > best->area) best = &f->points[c->first + i];
	return best;
}

static void print_page(const found *f)
{
	printf("%sEfficiency%s: share of the area that has the marker, as foretold\n\n%-32s %-16s %7s %8s %8s %8s  %s\n", c5_ink(C5_BOLD), c5_ink(C5_PLAIN),
		"experiment", "marker", "frames", "first", "last", "most", "at frame");
	for (size_t k = 0; k < f->n_courses; k++) {
		const course *c = &f->courses[k];
		if (c->n == 0) continue;
		const point *first = &f->points[c->first], *last = first + c->n - 1, *most = highest(f, c);
		c5_put_cell(first->experiment, 32);
		printf(" ");
		c5_put_cell(first->marker, 16);
		printf(" %7zu %6.1f %% %6.1f %% %6.1f %%  %u\n", c->n, 100 * first->area, 100 * last->area, 100 * most->area, most->frame);
	}
}

static int print_json(const found *f)
{
	c5_buf b = { 0 };
	c5_text_add(&b, "[");
	for (size_t i = 0; i < f->n; i++) {
		const point *p = &f->points[i];
		c5_text_add(&b, i ? ",{" : "{");
		c5_json_str(&b, "experiment", p->experiment);
		c5_json_str(&b, "marker", p->marker);
		c5_json_int(&b, "frame", p->frame);
		c5_json_real(&b, "time_s", p->time_s);
		c5_json_real(&b, "area", p->area);
		c5_json_real(&b, "blocks", p->blocks);
		c5_json_real(&b, "mean", p->mean);
		c5_text_add(&b, "}");
	}
	c5_text_add(&b, "]");
	return c5_json_print(&b);
}

/* ---- pictures ---- */

#define KEYS 10 /* experiments with a colour and a name of their own */

static bool same_marker(const found *f, const course *c, const char *marker) { return c->n && !strcmp(f->points[c->first].marker, marker); }
static double x_of(const point *p, bool hours) { return hours ? p->time_s / 3600 : (double)p->frame; }

static void draw_course(c5_buf *to, const c5_svg_plot *at, const found *f, const course *c, bool hours, const char *colour, double wide)
{
	if (c->n > 1) {
		c5_text_addf(to, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"%.2f\" d=\"", colour, wide);
		for (size_t i = 0; i < c->n; i++)
			c5_text_addf(to, "%s%.2f %.2f", i ? "L" : "M", c5_svg_x(at, x_of(&f->points[c->first + i], hours)),
				c5_svg_y(at, 100 * f->points[c->first + i].area));
		c5_text_add(to, "\"><title>");
		c5_svg_escape(to, f->points[c->first].experiment);
		c5_text_add(to, "</title></path>\n");
	}
	for (size_t i = 0; i < c->n && c->n <= 40; i++)
		c5_text_addf(to, "<circle cx=\"%.2f\" cy=\"%.2f\" r=\"%.1f\" fill=\"%s\"/>\n", c5_svg_x(at, x_of(&f->points[c->first + i], hours)),
			c5_svg_y(at, 100 * f->points[c->first + i].area), c->n > 1 ? 2.0 : 4.0, colour);
}

/* The courses of one marker; of many experiments none has a name. */
static int plot(c5_buf *to, const found *f, const char *marker)
{
	double most = 0, x1 = 0;
	size_t n = 0, k = 0;
	bool hours = false;
	char title[160], note[96];
	for (size_t c = 0; c < f->n_courses; c++) n += same_marker(f, &f->courses[c], marker);
	for (size_t i = 0; i < f->n; i++) {
		const point *p = &f->points[i];
		if (strcmp(p->marker, marker)) continue;
		most = fmax(most, 100 * p->area), hours |= p->time_s > 0;
	}
	for (size_t i = 0; i < f->n; i++)
		if (!strcmp(f->points[i].marker, marker)) x1 = fmax(x1, x_of(&f->points[i], hours));
	const c5_svg_plot at = { 70, 54, 520, 320, c5_svg_linear(0, x1 > 0 ? x1 : 1), c5_svg_linear(0, most > 0 ? 1.08 * most : 1) };
	snprintf(title, sizeof title, "%.60s: share of the area that has it, as foretold", marker);
	c5_svg_begin(to, n <= KEYS ? 850 : 630, 430, title);
	c5_svg_axes(to, &at, hours ? "time, h" : "frame", "efficiency, % of area");
	for (size_t c = 0; c < f->n_courses; c++) {
		if (!same_marker(f, &f->courses[c], marker)) continue;
		draw_course(to, &at, f, &f->courses[c], hours, n <= KEYS ? c5_svg_colour((unsigned)k) : "#8aa", n <= KEYS ? 2 : 1);
		if (n <= KEYS) {
			const double y = 66 + 20 * (double)k;
			c5_text_addf(to, "<path stroke=\"%s\" stroke-width=\"3\" d=\"M606 %.2fh18\"/>\n", c5_svg_colour((unsigned)k), y - 4);
			c5_svg_text(to, 630, y, "start", "a", f->points[f->courses[c].first].experiment);
		}
		k++;
	}
	snprintf(note, sizeof note, "%zu experiments", n);
	if (n > KEYS) c5_svg_text(to, 590, 48, "end", "n", note);
	c5_svg_end(to);
	return to->err;
}

static int write_file(const char *folder, const char *name, const char *marker, const char *end, c5_buf *b)
{
	char *path = c5_format("%s/%s%s%s", folder, name, marker, end), *text = c5_text_take(b);
	int err = path && text ? c5_out_text(path, text) : c5_fail(C5_ENOMEM, "out of memory");
	if (err == C5_OK) c5_log(C5_LOG_INFO, "%s", path);
	free(path);
	free(text);
	return err;
}

static int write_all(const found *got, c5_file *f, c5_codec *codec, const show *s)
{
	c5_buf b = { 0 };
	int err = c5_out_folder(s->out);
	if (err == C5_OK && (err = c5_records_csv(&b, point_fields, got->points, got->n, sizeof *got->points, NULL)) == C5_OK)
		err = write_file(s->out, "efficiency", "", ".csv", &b);
	for (size_t m = 0; m < got->n_markers && err == C5_OK; m++)
		if (c5_stain_wanted(s->markers, got->markers[m]) && (err = plot(&b, got, got->markers[m])) == C5_OK)
			err = write_file(s->out, "efficiency_", got->markers[m], ".svg", &b);
	for (size_t k = 0; k < got->n_courses && err == C5_OK; k++) {
		const course *c = &got->courses[k];
		if (c->n == 0) continue;
		const point *p = &got->points[c->first];
		const uint64_t t = s->frame < 0 || (uint64_t)s->frame >= c->n ? c->n - 1 : (uint64_t)s->frame;
		err = c5_stain_draw(f, codec, p->experiment, s->revision, p->marker, t, s->out);
	}
	c5_buf_free(&b);
	return err;
}

static int run(int argc, char **argv)
{
	show set = { 0 };
	const c5_opt_group groups[] = { { "Settings", show_opts, &set }, { NULL, NULL, NULL } };
	c5_cli cli;
	c5_file *f = NULL;
	c5_codec *codec = NULL;
	found got = { 0 };
	int err = c5_cli_open(&cli, &c5_cmd_stain_show, groups, argc, argv, 1, 1);
	if (err < 0 || cli.helped) goto done;
	if ((err = c5_file_open(&f, cli.words[0], C5_READ, NULL)) < 0 || (err = c5_codec_open(&codec)) < 0 || (err = read_found(&got, f, codec, &set)) < 0)
		goto done;
	if (set.json) err = print_json(&got);
	else print_page(&got);
	if (err == C5_OK && set.out) err = write_all(&got, f, codec, &set);
done:
	free_found(&got);
	c5_codec_close(codec);
	c5_file_close(f);
	c5_cli_close(&cli, groups);
	return err;
}

const c5_command c5_cmd_stain_show = {
	"stain show", C5_LOOK, "the efficiency of each field and its course, and the stain over its frames", "FILE.h5 [--out FOLDER]",
	"cyto5 stain show new.h5\n"
	"cyto5 stain show new.h5 --marker nkx25 --out looks\n",
	run,
};
