/* stain_evaluate.c – `cyto5 stain evaluate FILE.h5`: stain maps against the fluorescence that was recorded. */
#include <errno.h>
#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/stain.h"
#include "container/array.h"
#include "image/pngout.h"
#include "stain/evaluate.h"
#include "stain/picture.h"

typedef struct evaluate {
	char *experiments, *revision, *markers, *region, *pictures;
	char *threshold, *per, *registration;
	double value;
	int64_t despeckle, frames, resamples, seed, memory;
	bool json, explain;
} evaluate;

#define F(member) offsetof(evaluate, member)
static const c5_opt evaluate_opts[] = {
	{ "experiments", C5_OPT_TEXT, F(experiments), NULL, 0, 0, NULL, "GLOB", "of these names only" },
	{ "revision", C5_OPT_TEXT, F(revision), "latest", 0, 0, NULL, "rNNNNNN", "which stain" },
	{ "marker", C5_OPT_TEXT, F(markers), NULL, 0, 0, NULL, "A,B", "of these markers only" },
	{ "region", C5_OPT_TEXT, F(region), NULL, 0, 0, NULL, "X0:X1[,Y0:Y1]", "only this part of each frame: columns, rows" },
	{ "frames", C5_OPT_INT, F(frames), "0", 0, 1e9, NULL, "N", "so many frames of each experiment, evenly spread; 0: all" },
	{ "register", C5_OPT_CHOICE, F(registration), "auto", 0, 0, NULL, "auto|check|off",
		"whether the marker lies where the label-free image has it: moved when surely not, or told only" },
	{ "threshold", C5_OPT_CHOICE, F(threshold), "otsu", 0, 0, NULL, "otsu|percentile|hand", "how the recorded marker is made yes or no" },
	{ "value", C5_OPT_REAL, F(value), "90", 0, 1e9, NULL, NULL, "the percentile, or the grey value by hand" },
	{ "per", C5_OPT_CHOICE, F(per), "plate", 0, 0, NULL, "plate|experiment|all", "what shares one threshold" },
	{ "despeckle", C5_OPT_INT, F(despeckle), "4", 0, 1e6, "px", NULL, "smaller positive spots are dust" },
	{ "pictures", C5_OPT_TEXT, F(pictures), NULL, 0, 0, NULL, "DIR", "draw frame, stain and fluorescence of each experiment's middle frame" },
	{ "memory", C5_OPT_INT, F(memory), "4096", 64, 1e7, "MiB", NULL, "most that frames may take" },
	{ "resamples", C5_OPT_INT, F(resamples), "200", 0, 1000000, NULL, NULL, "behind the 95 % intervals, experiments drawn as wholes; 0: none" },
	{ "seed", C5_OPT_INT, F(seed), "1", 0, 9e15, NULL, "N", "of the resamples" },
	{ "json", C5_OPT_BOOL, F(json), NULL, 0, 0, NULL, NULL, "answer in JSON; undefined figures are null" },
	{ "explain", C5_OPT_BOOL, F(explain), NULL, 0, 0, NULL, NULL, "say in plain words what each figure is" },
	{ 0 },
};

/* One marker of one experiment, as it was predicted. */
typedef struct predicted { c5_array *maps, *blocks; c5_block_grid grid; double positive, share; char *channel; } predicted;

static void close_predicted(predicted *p)
{
	c5_array_close(p->maps);
	c5_array_close(p->blocks);
	free(p->channel);
	memset(p, 0, sizeof *p);
}

/* The grid of stored blocks; models without any are judged on blocks of 16 px. */
static int grid_of(predicted *p, c5_file *f, const char *path, uint64_t h, uint64_t w)
{
	double side = 16, stride = 16;
	int err = C5_OK;
	p->share = 0.3;
	if (c5_exists(f, path)) {
		if ((err = c5_array_open(&p->blocks, f, path)) < 0 || (err = c5_attr_get_f64(f, path, "side_px", &side)) < 0 ||
		    (err = c5_attr_get_f64(f, path, "stride_px", &stride)) < 0 || (err = c5_attr_get_f64(f, path, "share", &p->share)) < 0)
			return err;
	}
	if (!(side >= 1) || !(stride >= 1)) return c5_fail(C5_ESCHEMA, "%s: blocks of %g px every %g px", path, side, stride);
	if ((err = c5_blocks_grid(&p->grid, h, w, (size_t)side, (size_t)stride)) < 0) return err;
	const c5_array_spec *s = p->blocks ? c5_array_spec_of(p->blocks) : NULL;
	if (s && (s->rank != 3 || s->dims[1] != p->grid.rows || s->dims[2] != p->grid.columns))
		return c5_fail(C5_ESCHEMA, "%s: %llu x %llu blocks, %zu x %zu fit its frames", path, (unsigned long long)s->dims[1], (unsigned long long)s->dims[2],
			p->grid.rows, p->grid.columns);
	return C5_OK;
}

static int open_predicted(predicted *p, c5_file *f, const char *experiment, const char *revision, const char *marker)
{
	char *maps = c5_format("/experiments/%s/stain/%s/maps/%s", experiment, revision, marker),
		*blocks = c5_format("/experiments/%s/stain/%s/blocks/%s", experiment, revision, marker), *input = NULL;
	int err = maps && blocks ? c5_array_open(&p->maps, f, maps) : c5_fail(C5_ENOMEM, "out of memory");
	if (err < 0) goto done;
	const c5_array_spec *s = c5_array_spec_of(p->maps);
	if (s->rank != 3 || s->dtype != C5_F32) { err = c5_fail(C5_ESCHEMA, "%s: a map is (T, Y, X) float32", maps); goto done; }
	if ((err = c5_attr_get_f64(f, maps, "positive", &p->positive)) < 0 || (err = c5_attr_get_str(f, maps, "input", &input)) < 0) goto done;
	const char *name = strrchr(input, '/');
	if (!(p->channel = c5_strdup(name ? name + 1 : input))) { err = c5_fail(C5_ENOMEM, "out of memory"); goto done; }
	err = grid_of(p, f, blocks, s->dims[1], s->dims[2]);
done:
	free(input);
	free(blocks);
	free(maps);
	return err;
}

/* The recorded marker of these experiments, made yes or no by plate. */
static int load_truth(c5_stain_set *set, c5_file *f, char **names, size_t n, const char *channel, const char *marker, const evaluate *e)
{
	c5_recipe r = { .channels = 1, .planes = 1, .markers = 1, .ground = 40 };
	c5_stain_params p = { .registration = e->registration, .threshold = e->threshold, .value = e->value, .per = e->per, .despeckle = e->despeckle };
	c5_stain_choice choice = { .frames = (uint64_t)e->frames, .marker_frame = -1, .markers_only = true, .most_bytes = (size_t)e->memory << 20 };
	c5_experiment first = { 0 };
	const c5_channel *c;
	int err = c5_experiment_read(f, names[0], &first);
	if (err == C5_OK && (err = c5_experiment_channel(&first, channel, &c)) == C5_OK) {
		/* all are looked at when the marker is laid on them */
		r.planes = c->planes > C5_STAIN_PLANES_MAX ? C5_STAIN_PLANES_MAX : c->planes ? (int)c->planes : 1;
		for (int z = 0; z < r.planes; z++) r.plane[z] = c->planes ? z : -1;
	}
	c5_experiment_free(&first);
	if (err < 0) return err;
	snprintf(r.channel[0], sizeof r.channel[0], "%s", channel);
	snprintf(r.marker[0], sizeof r.marker[0], "%s", marker);
	if ((err = c5_stain_load(set, f, names, n, &r, &p, &choice)) == C5_OK) c5_stain_places_tell(set);
	return err;
}

/* level: NULL where no marker was recorded. */
static int draw(c5_file *f, c5_codec *codec, const char *experiment, uint64_t t, const float *level, const predicted *p, const float *map,
	const char *marker, const char *folder)
{
	const c5_array_spec *s = c5_array_spec_of(p->maps);
	const size_t height = s->dims[1], width = s->dims[2];
	c5_picture picture = { 0 };
	c5_experiment e = { 0 };
	const c5_channel *c;
	float *frame = NULL;
	char *path = c5_format("%s/%s_%s_t%03llu.png", folder, experiment, marker, (unsigned long long)t);
	c5_recipe r = { .channels = 1, .planes = 1, .markers = 1 };
	int err = path ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
	snprintf(r.channel[0], sizeof r.channel[0], "%s", p->channel);
	if (err < 0 || (err = c5_experiment_read(f, experiment, &e)) < 0 || (err = c5_experiment_channel(&e, p->channel, &c)) < 0) goto done;
	r.plane[0] = c->planes ? (int)(c->planes / 2) : -1;
	if ((err = c5_alloc(&frame, height * width, sizeof *frame)) < 0 || (err = c5_stain_read_input(f, codec, &r, &e, t, frame)) < 0) goto done;
	const c5_stain_caption said = { p->channel, marker, e.pixel_size_um };
	const bool grey = !p->blocks && p->positive > 1;
	const double low = grey ? p->positive * 0.5 : p->positive * 0.4, high = grey ? p->positive * 2 : 1;
	if ((err = c5_stain_picture(&picture, frame, map, low, high, level, height, width, &said)) < 0) goto done;
	if ((err = c5_pngout_write(path, C5_PNG_RGB8, picture.rgb, picture.height, picture.width)) == C5_OK) c5_log(C5_LOG_INFO, "%s", path);
done:
	free(picture.rgb);
	free(frame);
	c5_experiment_free(&e);
	free(path);
	return err;
}

int c5_stain_draw(c5_file *f, c5_codec *codec, const char *experiment, const char *revision, const char *marker, uint64_t t, const char *folder)
{
	predicted p = { 0 };
	float *map = NULL;
	int err = open_predicted(&p, f, experiment, revision, marker);
	if (err == C5_OK) {
		const c5_array_spec *s = c5_array_spec_of(p.maps);
		if ((err = c5_alloc(&map, s->dims[1] * s->dims[2], sizeof *map)) == C5_OK && (err = c5_array_read_frame(p.maps, codec, t, 0, map)) == C5_OK)
			err = draw(f, codec, experiment, t, NULL, &p, map, marker, folder);
	}
	free(map);
	close_predicted(&p);
	return err;
}

static int add_field(c5_stain_agreement *a, c5_file *f, c5_codec *codec, const c5_field *field, uint32_t group, const char *marker, const evaluate *e,
	bool picture)
{
	predicted p = { 0 };
	float *map = NULL, *blocks = NULL;
	c5_rect part;
	int err = open_predicted(&p, f, field->name, e->revision, marker);
	if (err < 0) goto done;
	const c5_array_spec *s = c5_array_spec_of(p.maps);
	if (s->dims[1] != field->height || s->dims[2] != field->width || field->frame >= s->dims[0]) {
		err = c5_fail(C5_EINPUT, "%s: the map of %s is (%llu, %llu, %llu), the fluorescence (%zu, %zu) at frame %llu", field->name, marker,
			(unsigned long long)s->dims[0], (unsigned long long)s->dims[1], (unsigned long long)s->dims[2], field->height, field->width,
			(unsigned long long)field->frame);
		goto done;
	}
	if ((err = c5_stain_region(&part, e->region, field->height, field->width)) < 0) goto done;
	part = c5_rect_common(part, field->seen);
	if ((err = c5_alloc(&map, field->height * field->width, sizeof *map)) < 0 ||
	    (err = c5_alloc(&blocks, c5_blocks_count(&p.grid), sizeof *blocks)) < 0 ||
	    (err = c5_array_read_frame(p.maps, codec, field->frame, 0, map)) < 0 || (p.blocks &&
	    (err = c5_array_read_frame(p.blocks, codec, field->frame, 0, blocks)) < 0))
		goto done;
	c5_stain_pair pair = { .map = map, .level = field->level, .mask = field->mask, .height = field->height, .width = field->width, .part = part,
		.grid = &p.grid, .blocks = p.blocks ? blocks : NULL, .threshold = p.positive, .share = p.share, .group = group };
	err = c5_stain_agreement_add(a, &pair);
	if (err == C5_OK && picture) err = draw(f, codec, field->name, field->frame, field->level, &p, map, marker, e->pictures);
done:
	free(blocks);
	free(map);
	close_predicted(&p);
	return err;
}

static int judge_marker(c5_figures *to, c5_file *f, c5_codec *codec, char **names, size_t n, const char *marker, const evaluate *e)
{
	c5_stain_set set = { 0 };
	c5_stain_agreement a = { 0 };
	predicted first = { 0 };
	int err = open_predicted(&first, f, names[0], e->revision, marker);
	if (err == C5_OK) err = load_truth(&set, f, names, n, first.channel, marker, e);
	uint32_t group = 0;
	for (size_t i = 0; i < set.n && err == C5_OK; i++) {
		size_t end = i;
		if (i && strcmp(set.fields[i].name, set.fields[i - 1].name)) group++;
		size_t begin = i;
		while (begin > 0 && !strcmp(set.fields[begin - 1].name, set.fields[i].name)) begin--;
		while (end + 1 < set.n && !strcmp(set.fields[end + 1].name, set.fields[i].name)) end++;
		err = add_field(&a, f, codec, &set.fields[i], group, marker, e, e->pictures && i == (begin + end) / 2);
	}
	if (err == C5_OK) err = c5_stain_agreement_figures(to, &a, (uint64_t)e->seed, e->resamples);
	c5_stain_agreement_free(&a);
	c5_stain_set_clear(&set);
	close_predicted(&first);
	return err;
}

static int answer(c5_buf *out, const evaluate *e, const char *marker, size_t experiments, const c5_figures *figures, bool first)
{
	int err = C5_OK;
	if (!e->json) {
		c5_text_addf(out, "%s%s, %zu experiment%s\n", first ? "" : "\n", marker, experiments, experiments == 1 ? "" : "s");
		return c5_figures_text(out, figures, e->explain);
	}
	c5_text_add(out, first ? "" : ",");
	c5_text_add_json(out, marker);
	c5_text_addf(out, ":{\"experiments\":%zu,\"figures\":{", experiments);
	if ((err = c5_figures_json(out, figures)) < 0) return err;
	c5_text_add(out, "},\"intervals\":{");
	err = c5_figures_json_intervals(out, figures);
	c5_text_add(out, "}}");
	return err;
}

bool c5_stain_wanted(const char *list, const char *name)
{
	size_t n = strlen(name);
	for (const char *at = list; at && *at; at += strcspn(at, ","), at += *at == ',')
		if (strcspn(at, ",") == n && !strncmp(at, name, n)) return true;
	return !list;
}

static bool is_axis(const char *name) { return !strcmp(name, "time") || !strcmp(name, "y") || !strcmp(name, "x"); }

/* The names of maps that are markers. */
static int markers_of(c5_file *f, const char *path, char ***markers, size_t *n)
{
	size_t kept = 0;
	int err = c5_list(f, path, markers, n);
	for (size_t i = 0; i < *n && err == C5_OK; i++) {
		if (is_axis((*markers)[i])) free((*markers)[i]);
		else (*markers)[kept++] = (*markers)[i];
	}
	*n = kept;
	return err;
}

int c5_stain_stained(c5_file *f, const char *like, const char *revision, char ***names, size_t *n, char ***markers, size_t *n_markers)
{
	char **all = NULL;
	size_t n_all = 0;
	int err = c5_list(f, "/experiments", &all, &n_all);
	if (err < 0 || (err = c5_alloc(names, n_all + 1, sizeof **names)) < 0) goto done;
	for (size_t i = 0; i < n_all && err == C5_OK; i++) {
		char *path = c5_format("/experiments/%s/stain/%s/maps", all[i], revision);
		if (!path) err = c5_fail(C5_ENOMEM, "out of memory");
		else if ((!like || !fnmatch(like, all[i], 0)) && c5_exists(f, path)) {
			if (*n == 0) err = markers_of(f, path, markers, n_markers);
			if (!((*names)[(*n)++] = c5_strdup(all[i]))) err = c5_fail(C5_ENOMEM, "out of memory");
		}
		free(path);
	}
	if (err == C5_OK && *n == 0)
		err = c5_fail(C5_ENOTFOUND, "%s: no experiment%s%s has a stain %s; make one with cyto5 stain predict", c5_file_path(f), like ? " like " : "",
			like ? like : "", revision);
done:
	c5_names_free(all, n_all);
	return err;
}

static int run(int argc, char **argv)
{
	evaluate set = { 0 };
	const c5_opt_group groups[] = { { "Settings", evaluate_opts, &set }, { NULL, NULL, NULL } };
	c5_cli cli;
	c5_file *f = NULL;
	c5_codec *codec = NULL;
	c5_buf out = { 0 };
	char **names = NULL, **markers = NULL;
	size_t n = 0, n_markers = 0, told = 0;
	int err = c5_cli_open(&cli, &c5_cmd_stain_evaluate, groups, argc, argv, 1, 1);
	if (err < 0 || cli.helped) goto done;
	if ((err = c5_file_open(&f, cli.words[0], C5_READ, NULL)) < 0 || (err = c5_codec_open(&codec)) < 0 ||
	    (err = c5_stain_stained(f, set.experiments, set.revision, &names, &n, &markers, &n_markers)) < 0) goto done;
	if (set.pictures && mkdir(set.pictures, 0777) && errno != EEXIST) { err = c5_fail(C5_EIO, "%s: %s", set.pictures, strerror(errno)); goto done; }
	if (set.json) c5_text_add(&out, "{");
	for (size_t m = 0; m < n_markers && err == C5_OK; m++) {
		c5_figures figures = { 0 };
		if (!c5_stain_wanted(set.markers, markers[m])) continue;
		if ((err = judge_marker(&figures, f, codec, names, n, markers[m], &set)) == C5_OK) err = answer(&out, &set, markers[m], n, &figures, told++ == 0);
		c5_figures_free(&figures);
	}
	if (set.json) c5_text_add(&out, "}\n");
	if (err == C5_OK && told == 0) err = c5_fail(C5_ENOTFOUND, "%s: no stain of marker %s", cli.words[0], set.markers);
	if (err == C5_OK && out.err) err = c5_fail(C5_ENOMEM, "out of memory");
	if (err == C5_OK) fwrite(out.data, 1, out.size, stdout);
done:
	c5_names_free(names, n);
	c5_names_free(markers, n_markers);
	c5_buf_free(&out);
	c5_codec_close(codec);
	c5_file_close(f);
	c5_cli_close(&cli, groups);
	return err;
}

const c5_command c5_cmd_stain_evaluate = {
	"stain evaluate", C5_LOOK, "compare stain maps with recorded fluorescence", "FILE.h5 [--marker A]",
	"cyto5 stain evaluate out.h5 --explain\n"
	"cyto5 stain evaluate out.h5 --region 512:640 --json --pictures looks\n",
	run,
};
