/* cmd_explain.c – `cyto5 explain`: the step explain of the pipeline; and its maps as pictures, a sheet an experiment. Without --model the maps that
 * are there are drawn. */
#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/job.h"
#include "cli/print.h"
#include "container/array.h"
#include "container/experiment.h"
#include "container/run.h"
#include "explain/picture.h"
#include "formats/out.h"
#include "image/pngout.h"
#include "pipeline/rows.h"
#include "pipeline/steps.h"

typedef struct explain_set { char *out, *channel; int64_t sheet, zoom; bool overlays, together; } explain_set;

static const c5_opt picture_opts[] = {
	{ "out", C5_OPT_TEXT, offsetof(explain_set, out), NULL, 0, 0, NULL, "FOLDER", "draw a sheet of crops and maps of each experiment there" },
	{ "together", C5_OPT_BOOL, offsetof(explain_set, together), NULL, 0, 0, NULL, NULL, "one sheet of all experiments instead, explain.png" },
	{ "overlays", C5_OPT_BOOL, offsetof(explain_set, overlays), NULL, 0, 0, NULL, NULL, "and every crop with its map as a picture of its own" },
	{ "sheet", C5_OPT_INT, offsetof(explain_set, sheet), "48", 1, 4000, NULL, "N", "crops on a sheet, taken evenly" },
	{ "channel", C5_OPT_TEXT, offsetof(explain_set, channel), NULL, 0, 0, NULL, "NAME", "channel of the crops that is drawn; unset: the first" },
	{ "zoom", C5_OPT_INT, offsetof(explain_set, zoom), "0", 0, 8, NULL, "N", "picture pixels a crop's pixel; 0: as needed" },
	{ 0 },
};

/* What is drawn of one experiment. */
typedef struct drawing { c5_explained e; uint8_t *crops, *maps; uint16_t *of; float *probability; uint32_t *frame, *label; } drawing;

static void free_drawing(drawing *d)
{
	free(d->crops);
	free(d->maps);
	free(d->of);
	free(d->probability);
	free(d->frame);
	free(d->label);
}

static int channel_index(c5_file *f, const char *images, const char *wanted, size_t *k)
{
	char *channels = NULL;
	*k = 0;
	if (!wanted) return C5_OK;
	int err = c5_attr_get_str(f, images, "channels", &channels);
	char *save = NULL, *word = channels ? strtok_r(channels, ",", &save) : NULL;
	while (word && strcmp(word, wanted) != 0) (*k)++, word = strtok_r(NULL, ",", &save);
	if (err == C5_OK && !word) err = c5_fail(C5_ENOTFOUND, "%s: no channel %s", images, wanted);
	free(channels);
	return err;
}

/* Reads `most` of an experiment's maps, taken evenly, with their crops; 0: all. */
static int read_drawing(drawing *d, c5_worker *w, const char *group, const explain_set *set, uint64_t most)
{
	static const char *const names[] = { "crop", "class", "probability", "frame", "label" };
	const c5_column *columns[5];
	const c5_array_spec *s;
	c5_rows index = { 0 };
	char *path = c5_format("%s/index", group), *maps = c5_format("%s/maps", group), *images = NULL;
	uint8_t *row = NULL;
	size_t channel = 0;
	int err = path && maps ? c5_rows_read(&index, w, path) : c5_fail(C5_ENOMEM, "out of memory");
	for (int k = 0; err == C5_OK && k < 5; k++) err = c5_rows_need(&columns[k], &index, path, names[k]);
	if (err < 0 || (err = c5_attr_get_str(w->file, maps, "input", &images)) < 0 || (err = channel_index(w->file, images, set->channel, &channel)) < 0 ||
	    (err = c5_worker_spec(w, images, &s)) < 0 || (err = c5_spec_is_crops(s)) < 0)
		goto done;
	if (channel >= s->dims[1]) {
		err = c5_fail(C5_ESCHEMA, "%s: %llu channels, its attribute names more", images, (unsigned long long)s->dims[1]);
		goto done;
	}
	size_t n = most && most < index.n ? most : index.n, plane = s->dims[2] * s->dims[3], element = c5_dtype_size(s->dtype), channels = s->dims[1];
	d->e = (c5_explained){ .n = n, .height = s->dims[2], .width = s->dims[3], .dtype = s->dtype };
	if ((err = c5_worker_spec(w, maps, &s)) < 0 || (err = c5_spec_is_crops(s)) < 0) goto done;
	if (s->dtype != C5_U8 || s->dims[1] != 1 || s->dims[2] != d->e.height || s->dims[3] != d->e.width) {
		err = c5_fail(C5_ESCHEMA, "%s: maps of %zu x %zu uint8 are expected, as the crops are", maps, d->e.height, d->e.width);
		goto done;
	}
	if ((err = c5_alloc(&d->crops, n * plane, element)) < 0 || (err = c5_alloc(&d->maps, n, plane)) < 0 ||
	    (err = c5_alloc(&d->of, n, sizeof *d->of)) < 0 || (err = c5_alloc(&d->probability, n, sizeof *d->probability)) < 0 ||
	    (err = c5_alloc(&d->frame, n, sizeof *d->frame)) < 0 || (err = c5_alloc(&d->label, n, sizeof *d->label)) < 0 ||
	    (err = c5_alloc(&row, channels * plane, element)) < 0)
		goto done;
	for (size_t i = 0; err == C5_OK && i < n; i++) {
		uint64_t at = i * index.n / n;
		if ((err = c5_worker_read_rows(w, images, (uint64_t)c5_rows_number(&index, columns[0], at), 1, row)) < 0 ||
		    (err = c5_worker_read_rows(w, maps, at, 1, d->maps + i * plane)) < 0)
			break;
		memcpy(d->crops + i * plane * element, row + channel * plane * element, plane * element);
		d->of[i] = (uint16_t)c5_rows_number(&index, columns[1], at);
		d->probability[i] = (float)c5_rows_number(&index, columns[2], at);
		d->frame[i] = (uint32_t)c5_rows_number(&index, columns[3], at);
		d->label[i] = (uint32_t)c5_rows_number(&index, columns[4], at);
	}
	d->e.crops = d->crops, d->e.maps = d->maps, d->e.of = d->of, d->e.probability = d->probability;
done:
	c5_rows_free(&index);
	free(row);
	free(path);
	free(maps);
	free(images);
	return err;
}

static int draw(const c5_explained *e, const explain_set *set, const char *path)
{
	c5_picture p;
	int err = c5_explain_sheet(&p, e, (int)set->zoom, 0);
	if (err < 0) return err;
	err = c5_pngout_write(path, C5_PNG_RGB8, p.rgb, p.height, p.width);
	free(p.rgb);
	return err;
}

static int draw_overlays(c5_worker *w, const char *group, const explain_set *set, const char *folder)
{
	drawing d = { 0 };
	int err = read_drawing(&d, w, group, set, 0);
	if (err == C5_OK) err = c5_out_folder(folder);
	for (size_t i = 0; err == C5_OK && i < d.e.n; i++) {
		size_t plane = d.e.height * d.e.width;
		c5_explained one = d.e;
		one.n = 1;
		one.crops = d.crops + i * plane * c5_dtype_size(d.e.dtype);
		one.maps += i * plane;
		one.of += i;
		one.probability += i;
		char *path = c5_format("%s/t%04u_%05u.png", folder, d.frame[i], d.label[i]);
		err = path ? draw(&one, set, path) : c5_fail(C5_ENOMEM, "out of memory");
		free(path);
	}
	free_drawing(&d);
	return err;
}

/* Areas of all maps of the experiment, added up; those that were not checked are left out. */
typedef struct areas { double sum[4]; uint64_t n; } areas;

static int add_areas(areas *a, c5_worker *w, const char *group)
{
	static const char *const names[] = { "deletion", "random_deletion", "insertion", "random_insertion" };
	const c5_column *columns[4];
	c5_rows index = { 0 };
	char *path = c5_format("%s/index", group);
	int err = path ? c5_rows_read(&index, w, path) : c5_fail(C5_ENOMEM, "out of memory");
	for (int k = 0; err == C5_OK && k < 4; k++) err = c5_rows_need(&columns[k], &index, path, names[k]);
	for (uint64_t i = 0; err == C5_OK && i < index.n; i++) {
		if (isnan(c5_rows_number(&index, columns[0], i))) continue;
		for (int k = 0; k < 4; k++) a->sum[k] += c5_rows_number(&index, columns[k], i);
		a->n++;
	}
	c5_rows_free(&index);
	free(path);
	return err;
}

/* What is drawn on one sheet of all experiments, each for itself. */
typedef struct drawings { drawing *at; size_t n, cap; } drawings;

static int keep_drawing(drawings *all, drawing *d, const char *name)
{
	const c5_explained *first = all->n ? &all->at[0].e : &d->e;
	if (first->height != d->e.height || first->width != d->e.width || first->dtype != d->e.dtype)
		return c5_fail(C5_EINPUT, "%s: crops of %zux%zu px, those before are of %zux%zu: they fit on no sheet --together", name, d->e.height, d->e.width,
			first->height, first->width);
	int err = c5_grow(&all->at, &all->cap, all->n + 1, sizeof *all->at);
	if (err < 0) return err;
	all->at[all->n++] = *d;
	*d = (drawing){ 0 };
	return C5_OK;
}

/* Of all that were kept, as many as a sheet holds, evenly. */
static int draw_together(const drawings *all, const explain_set *set)
{
	drawing d = { 0 };
	size_t n = 0, at = 0;
	for (size_t i = 0; i < all->n; i++) n += all->at[i].e.n;
	size_t some = n < (size_t)set->sheet ? n : (size_t)set->sheet;
	if (!n) return C5_OK;
	d.e = all->at[0].e;
	size_t plane = d.e.height * d.e.width, element = c5_dtype_size(d.e.dtype);
	char *path = c5_format("%s/explain.png", set->out);
	int err = path ? c5_alloc(&d.crops, some * plane, element) : c5_fail(C5_ENOMEM, "out of memory");
	if (err < 0 || (err = c5_alloc(&d.maps, some, plane)) < 0 || (err = c5_alloc(&d.of, some, sizeof *d.of)) < 0 ||
	    (err = c5_alloc(&d.probability, some, sizeof *d.probability)) < 0)
		goto done;
	d.e.n = 0;
	for (size_t i = 0; i < all->n; i++)
		for (size_t k = 0; k < all->at[i].e.n; k++, at++) {
			const drawing *from = &all->at[i];
			if ((at + 1) * some / n == at * some / n) continue;
			memcpy(d.crops + d.e.n * plane * element, from->crops + k * plane * element, plane * element);
			memcpy(d.maps + d.e.n * plane, from->maps + k * plane, plane);
			d.of[d.e.n] = from->of[k];
			d.probability[d.e.n++] = from->probability[k];
		}
	d.e.crops = d.crops, d.e.maps = d.maps, d.e.of = d.of, d.e.probability = d.probability;
	if ((err = draw(&d.e, set, path)) == C5_OK) printf("%s\n", path);
done:
	free_drawing(&d);
	free(path);
	return err;
}

static int draw_experiment(c5_worker *w, const char *name, const char *group, const explain_set *set, drawings *all)
{
	drawing d = { 0 };
	char *path = c5_format("%s/%s_explain.png", set->out, name), *folder = c5_format("%s/%s", set->out, name);
	int err = path && folder ? read_drawing(&d, w, group, set, (uint64_t)set->sheet) : c5_fail(C5_ENOMEM, "out of memory");
	if (err == C5_OK && d.e.n && set->together) err = keep_drawing(all, &d, name);
	else if (err == C5_OK && d.e.n && (err = draw(&d.e, set, path)) == C5_OK) printf("%s\n", path);
	if (err == C5_OK && set->overlays && (err = draw_overlays(w, group, set, folder)) == C5_OK) printf("%s\n", folder);
	free_drawing(&d);
	free(folder);
	free(path);
	return err;
}

static int tell(const char *container, const explain_set *set, const char *glob)
{
	c5_worker w;
	c5_file *f = NULL;
	char **names = NULL;
	size_t n = 0, met = 0;
	areas a = { 0 };
	drawings all = { 0 };
	int err = c5_worker_open(&w, container, NULL);
	if (err == C5_OK && (err = c5_file_open(&f, container, C5_READ, NULL)) == C5_OK) err = c5_list(f, "/experiments", &names, &n);
	if (err == C5_OK && set->out) err = c5_out_folder(set->out);
	for (size_t i = 0; err == C5_OK && i < n; i++) {
		uint32_t number;
		if (glob && fnmatch(glob, names[i], 0) != 0) continue;
		if ((err = c5_revision_latest(f, names[i], "explain", &number)) < 0 || !number) continue;
		char *group = c5_format("/experiments/%s/explain/%s", names[i], c5_revision_name(number));
		met++;
		if (!group) err = c5_fail(C5_ENOMEM, "out of memory");
		if (err == C5_OK) err = add_areas(&a, &w, group);
		if (err == C5_OK && set->out) err = draw_experiment(&w, names[i], group, set, &all);
		free(group);
	}
	if (err == C5_OK && all.n) err = draw_together(&all, set);
	if (err == C5_OK && !met) err = c5_fail(C5_ENOTFOUND, "%s: no maps yet; make them with `cyto5 explain %s --model NAME`", container, container);
	if (err == C5_OK && a.n) {
		double m = (double)a.n;
		printf("%llu maps, mean area under the probability of the class\n", (unsigned long long)a.n);
		printf("  deletion   %.4f  by random maps %.4f  (lower is better)\n", a.sum[0] / m, a.sum[1] / m);
		printf("  insertion  %.4f  by random maps %.4f  (higher is better)\n", a.sum[2] / m, a.sum[3] / m);
	}
	for (size_t i = 0; i < all.n; i++) free_drawing(&all.at[i]);
	free(all.at);
	c5_names_free(names, n);
	c5_file_close(f);
	c5_worker_close(&w);
	return err;
}

static int run(int argc, char **argv)
{
	const c5_step_ops *ops = c5_step_find("explain");
	explain_set set = { 0 };
	c5_job_settings job = { 0 };
	c5_pipeline pipeline;
	c5_step *step = NULL;
	c5_cli cli = { 0 };
	int err = c5_pipeline_init(&pipeline);
	if (err < 0 || (err = c5_pipeline_add(&pipeline, ops->kind, &step)) < 0) goto done;
	const c5_opt_group groups[] = { { "Settings", ops->kind->opts, step->params }, { "Pictures", picture_opts, &set }, { "Run", c5_job_opts, &job },
		{ NULL, NULL, NULL } };
	c5_opt_clear(ops->kind->opts, step->params); /* the parser sets the defaults anew */
	err = c5_cli_open(&cli, &c5_cmd_explain, groups, argc, argv, 1, 1);
	if (err == C5_OK && !cli.helped) {
		char *model = c5_opt_get(c5_opt_find(ops->kind->opts, "model"), step->params);
		if (model) err = c5_cli_job(&cli, &c5_cmd_explain, argc, argv, &pipeline, &job, cli.words[0], NULL);
		if (err == C5_OK && !job.dry_run && c5_cli_launch_rank() == 0) err = tell(cli.words[0], &set, job.experiments);
		free(model);
	}
	c5_cli_close(&cli, groups);
done:
	c5_pipeline_free(&pipeline);
	return err;
}

const c5_command c5_cmd_explain = {
	"explain", C5_LEARN, "show what a trained model looks at (Grad-CAM), and check that it does", "FILE.h5 [--model NAME] [--out FOLDER]",
	"cyto5 explain plate.h5 --model senescence --out explained/\n"
	"cyto5 explain plate.h5 --model 'senescence-*' --class senescent --most 16\n"
	"cyto5 explain plate.h5 --out explained/ --overlays\n",
	run,
};
