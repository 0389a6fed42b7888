/* cmd_preview.c – `cyto5 preview FILE.h5 [EXPERIMENT]`: a picture of one frame with its cells outlined, or a sheet of crops. With --segment the
 * cells are found now, by the settings given, and nothing is stored: of a frame of the container, or of an image file. */
#include <stdlib.h>
#include <string.h>

#include "base/disk.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/pick.h"
#include "container/array.h"
#include "container/experiment.h"
#include "container/run.h"
#include "formats/curated.h"
#include "image/overlay.h"
#include "image/pngout.h"
#include "image/source.h"
#include "segment/segment.h"

typedef struct preview { int64_t frame; char *channel, *revision, *out; bool numbers, crops, segment; int64_t most, zoom; } preview;

static const c5_opt preview_opts[] = {
	{ "frame", C5_OPT_INT, offsetof(preview, frame), "-1", -1, 1e9, NULL, "N", "frame to draw, counted from 0; -1: the middle one" },
	{ "channel", C5_OPT_TEXT, offsetof(preview, channel), NULL, 0, 0, NULL, "NAME",
		"channel to draw; unset: the first of transmitted light, else the first; of crops all" },
	{ "revision", C5_OPT_TEXT, offsetof(preview, revision), "latest", 0, 0, NULL, "rNNNNNN", "which masks or crops" },
	{ "numbers", C5_OPT_BOOL, offsetof(preview, numbers), NULL, 0, 0, NULL, NULL, "write each object's label on it" },
	{ "segment", C5_OPT_BOOL, offsetof(preview, segment), NULL, 0, 0, NULL, NULL, "find the cells now, by the settings below; nothing is stored" },
	{ "crops", C5_OPT_BOOL, offsetof(preview, crops), NULL, 0, 0, NULL, NULL, "draw a sheet of the crops of all frames instead" },
	{ "most", C5_OPT_INT, offsetof(preview, most), "100", 1, 10000, NULL, "N", "crops on a sheet, taken evenly" },
	{ "zoom", C5_OPT_INT, offsetof(preview, zoom), "0", 0, 8, NULL, "N", "picture pixels a frame pixel; 0: as needed" },
	{ "out", C5_OPT_TEXT, offsetof(preview, out), NULL, 0, 0, NULL, "FILE.png", "where to; unset: EXPERIMENT_tNNN.png or EXPERIMENT_crops.png here" },
	{ 0 },
};

/* Labels of one frame as 32-bit, and the largest. labels stays NULL when the experiment has no masks. */
static int read_labels(c5_file *f, c5_codec *codec, const char *path, uint64_t t, uint64_t h, uint64_t w, uint32_t **labels, uint32_t *n)
{
	c5_array *a = NULL;
	int err;
	*labels = NULL, *n = 0;
	if (!c5_exists(f, path)) return C5_OK;
	if ((err = c5_array_open(&a, f, path)) < 0) return err;
	const c5_array_spec *s = c5_array_spec_of(a);
	if (s->rank != 3 || s->dims[1] != h || s->dims[2] != w || (s->dtype != C5_U16 && s->dtype != C5_U32))
		err = c5_fail(C5_ESCHEMA, "%s: masks are not (T, %llu, %llu) labels like the channel", path, (unsigned long long)h, (unsigned long long)w);
	if (err == C5_OK && (err = c5_alloc(labels, h * w, sizeof **labels)) == C5_OK) err = c5_array_read_frame(a, codec, t, 0, *labels);
	if (err == C5_OK && s->dtype == C5_U16)
		for (uint64_t i = h * w; i-- > 0;) { /* widened in place, from the end */
			uint16_t v;
			memcpy(&v, (const uint8_t *)*labels + 2 * i, sizeof v);
			(*labels)[i] = v;
		}
	for (uint64_t i = 0; err == C5_OK && i < h * w; i++)
		if ((*labels)[i] > *n) *n = (*labels)[i];
	c5_array_close(a);
	return err;
}

/* Frame t of the label images that belong to experiment e. */
static int take_labels(const c5_segment_params *params, const c5_experiment *e, const char *channel, uint64_t t, uint64_t frames, size_t height,
	size_t width, uint32_t *labels, uint32_t *n)
{
	c5_curated *masks = NULL;
	char *path = NULL;
	int err = c5_masks_find(&path, params->labels, e, true);
	if (err == C5_OK && (err = c5_masks_open(&masks, path)) == C5_OK && (err = c5_masks_fit(masks, e->name, channel, frames, height, width)) == C5_OK)
		err = c5_masks_frame(masks, t, labels, n);
	c5_curated_close(masks);
	free(path);
	return err;
}

/* Finds the cells of frame t of `frames`; labels: caller frees. */
static int find_cells(const c5_segment_params *params, const c5_experiment *e, const char *channel, uint64_t t, uint64_t frames, int dtype,
	const void *pixels, size_t height, size_t width, uint32_t **labels, uint32_t *n)
{
	c5_segmenter *s = NULL;
	c5_segment_summary sum;
	int err = c5_alloc(labels, height * width, sizeof **labels);
	if (err < 0 || (err = c5_segmenter_open(&s, params, height, width)) < 0) return err;
	if (!c5_segment_from_files(params)) err = c5_segment_frame(s, dtype, pixels, *labels, &sum);
	else if ((err = take_labels(params, e, channel, t, frames, height, width, *labels, n)) == C5_OK)
		err = c5_segment_given(s, dtype, pixels, *labels, *n, &sum);
	if (err == C5_OK) {
		*n = sum.objects;
		c5_log(C5_LOG_INFO, "%s: %u objects on %.1f %% of the frame, threshold %.4g", params->method, sum.objects, 100 * sum.covered, sum.threshold);
	}
	c5_segmenter_close(s);
	return err;
}

/* A frame of an image file or folder: of the channel named, else of the first series. */
static int draw_image(const char *path, const preview *set, const c5_segment_params *params, c5_picture *picture, char **name, uint64_t *frame)
{
	c5_scan_params scan_params = { 0 };
	c5_scan *scan = NULL;
	c5_frame_reader *reader = NULL;
	const c5_series *s = NULL;
	void *pixels = NULL;
	uint32_t *labels = NULL, n = 0;
	int err;
	if ((err = c5_opt_defaults(c5_scan_opts, &scan_params)) < 0 || (err = c5_scan_inputs(&scan, &scan_params, 1, &path)) < 0) goto done;
	for (size_t i = 0; i < scan->n_series && !s; i++)
		if (!set->channel || !strcmp(scan->series[i].channel, set->channel)) s = &scan->series[i];
	if (!s) { err = c5_fail(C5_ENOTFOUND, "%s: no channel \"%s\"", path, set->channel); goto done; }
	if (s->error) { err = c5_fail(s->error_code, "%s", s->error); goto done; }
	*frame = set->frame < 0 ? s->t / 2 : (uint64_t)set->frame;
	if (*frame >= s->t) {
		err = c5_fail(C5_EUSAGE, "%s: no frame %llu; there are %u, counted from 0", path, (unsigned long long)*frame, s->t);
		goto done;
	}
	if (!(*name = c5_strdup(s->experiment))) { err = c5_fail(C5_ENOMEM, "out of memory"); goto done; }
	if ((err = c5_alloc(&pixels, (size_t)s->height * s->width, c5_dtype_size(s->dtype))) < 0 ||
	    (err = c5_frame_reader_open(&reader, scan, &scan_params)) < 0 ||
	    (err = c5_frame_read(reader, s, (uint32_t)*frame, c5_frame_planes(s, &scan_params) / 2, pixels)) < 0)
		goto done;
	const c5_experiment e = { .name = *name };
	if ((err = find_cells(params, &e, s->channel, *frame, s->t, s->dtype, pixels, s->height, s->width, &labels, &n)) < 0) goto done;
	c5_picture_style style = { .zoom = (int)set->zoom, .numbers = set->numbers };
	err = c5_picture_frame(picture, &style, s->dtype, pixels, labels, s->height, s->width, n);
done:
	c5_frame_reader_close(reader);
	c5_scan_free(scan);
	c5_opt_clear(c5_scan_opts, &scan_params);
	free(labels);
	free(pixels);
	return err;
}

static int draw_frame(c5_file *f, c5_codec *codec, const c5_experiment *e, const preview *set, const c5_segment_params *params, c5_picture *picture,
	uint64_t *frame)
{
	const c5_channel *c;
	c5_array *a = NULL;
	void *pixels = NULL;
	uint32_t *labels = NULL, n;
	char *raw = NULL, *masks = NULL;
	int err = c5_experiment_channel(e, set->channel, &c);
	if (err < 0) return err;
	*frame = set->frame < 0 ? c->frames / 2 : (uint64_t)set->frame;
	if (*frame >= c->frames)
		return c5_fail(C5_EUSAGE, "%s: no frame %llu; there are %llu, counted from 0", e->name, (unsigned long long)*frame, (unsigned long long)c->frames);
	raw = c5_format("/experiments/%s/raw/%s", e->name, c->name);
	masks = c5_format("/experiments/%s/masks/%s", e->name, set->revision);
	if (!raw || !masks) { err = c5_fail(C5_ENOMEM, "out of memory"); goto done; }
	if ((err = c5_array_open(&a, f, raw)) < 0 || (err = c5_alloc(&pixels, c->height * c->width, c5_dtype_size(c->dtype))) < 0 ||
	    (err = c5_array_read_frame(a, codec, *frame, c->planes / 2, pixels)) < 0)
		goto done;
	if (set->segment) err = find_cells(params, e, c->name, *frame, c->frames, c->dtype, pixels, c->height, c->width, &labels, &n);
	else err = read_labels(f, codec, masks, *frame, c->height, c->width, &labels, &n);
	if (err < 0) goto done;
	if (!labels) c5_log(C5_LOG_WARN, "%s: no masks %s; the bare frame is drawn", e->name, set->revision);
	c5_picture_style style = { .zoom = (int)set->zoom, .numbers = set->numbers };
	err = c5_picture_frame(picture, &style, c->dtype, pixels, labels, c->height, c->width, n);
	if (err == C5_OK) c5_log(C5_LOG_INFO, "%s: frame %llu of %llu, %u objects", e->name, (unsigned long long)*frame, (unsigned long long)c->frames, n);
done:
	c5_array_close(a);
	free(labels);
	free(pixels);
	free(masks);
	free(raw);
	return err;
}

/* Which of the crops' channels are drawn: all, or the one asked for. */
static int which_channels(c5_file *f, const char *path, const preview *set, uint64_t n, uint64_t *first, uint64_t *count)
{
	char *names = NULL, *save = NULL;
	uint64_t k = 0;
	int err;
	*first = 0, *count = n;
	if (!set->channel) return C5_OK;
	if ((err = c5_attr_get_str(f, path, "channels", &names)) < 0) return err;
	char *words = c5_strdup(names);
	*count = 0;
	for (char *word = words ? strtok_r(words, ",", &save) : NULL; word && k < n; word = strtok_r(NULL, ",", &save), k++)
		if (!strcmp(word, set->channel)) *first = k, *count = 1;
	if (!words) err = c5_fail(C5_ENOMEM, "out of memory");
	else if (!*count) err = c5_fail(C5_ENOTFOUND, "%s: no channel %s; there are %s", path, set->channel, names);
	free(words);
	free(names);
	return err;
}

static int draw_crops(c5_file *f, c5_codec *codec, const c5_experiment *e, const preview *set, c5_picture *picture)
{
	char *path = c5_format("/experiments/%s/crops/%s/images", e->name, set->revision);
	c5_array *a = NULL;
	uint8_t *crops = NULL, *row = NULL; /* (channels, n, H, W); (channels, H, W) */
	uint32_t *ids = NULL;
	uint64_t first, channels;
	int err;
	if (!path) return c5_fail(C5_ENOMEM, "out of memory");
	if (!c5_exists(f, path)) { err = c5_fail(C5_ENOTFOUND, "%s: no crops %s; `cyto5 crop` makes them", e->name, set->revision); goto done; }
	if ((err = c5_array_open(&a, f, path)) < 0) goto done;
	const c5_array_spec *s = c5_array_spec_of(a);
	if ((err = c5_spec_is_crops(s)) < 0) goto done;
	if ((err = which_channels(f, path, set, s->dims[1], &first, &channels)) < 0) goto done;
	size_t n = s->dims[0] < (uint64_t)set->most ? s->dims[0] : (size_t)set->most, plane = s->dims[2] * s->dims[3] * c5_dtype_size(s->dtype);
	if (n == 0) { err = c5_fail(C5_ENOTFOUND, "%s: no crops: no object was found", e->name); goto done; }
	if ((err = c5_alloc(&crops, channels * n, plane)) < 0 || (err = c5_alloc(&row, s->dims[1], plane)) < 0 || (err = c5_alloc(&ids, n, sizeof *ids)) < 0)
		goto done;
	for (size_t i = 0; i < n; i++) {
		uint64_t at = i * s->dims[0] / n;
		ids[i] = (uint32_t)at;
		if ((err = c5_array_read_rows(a, codec, at, 1, row)) < 0) goto done;
		for (uint64_t c = 0; c < channels; c++) memcpy(crops + (c * n + i) * plane, row + (first + c) * plane, plane);
	}
	c5_picture_style style = { .zoom = (int)set->zoom, .numbers = set->numbers, .ids = ids };
	err = c5_picture_sheet(picture, &style, s->dtype, crops, channels, n, s->dims[2], s->dims[3], 0);
	if (err == C5_OK) c5_log(C5_LOG_INFO, "%s: %zu of %llu crops", e->name, n, (unsigned long long)s->dims[0]);
done:
	c5_array_close(a);
	free(ids);
	free(row);
	free(crops);
	free(path);
	return err;
}

static int run(int argc, char **argv)
{
	preview set = { 0 };
	c5_segment_params params = { 0 };
	/* but --channel */
	const c5_opt_group groups[] = { { "Picture", preview_opts, &set }, { "Cells found now (with --segment)", c5_segment_opts + 1, &params },
		{ NULL, NULL, NULL } };
	c5_cli cli;
	c5_file *f = NULL;
	c5_codec *codec = NULL;
	c5_experiment e = { 0 };
	c5_picture picture = { 0 };
	char *name = NULL, *out = NULL;
	uint64_t frame = 0;
	int err = c5_cli_open(&cli, &c5_cmd_preview, groups, argc, argv, 1, 3);
	if (err < 0 || cli.helped) goto done;
	char **words = cli.words;
	int n_words = cli.n;
	if (n_words > 1 && !strcmp(words[0], "crops")) set.crops = true, words++, n_words--; /* preview crops FILE.h5, as one says it */
	if (n_words > 2) { err = c5_fail(C5_EUSAGE, "%s: unexpected; one container and one experiment are drawn", words[2]); goto done; }
	if (set.segment && !c5_disk_is_hdf5(words[0])) {
		if ((err = draw_image(words[0], &set, &params, &picture, &name, &frame)) < 0) goto done;
		goto write;
	}
	if ((err = c5_file_open(&f, words[0], C5_READ, NULL)) < 0 || (err = c5_codec_open(&codec)) < 0) goto done;
	if ((err = c5_cli_pick_experiment(f, n_words > 1 ? words[1] : NULL, &name)) < 0 || (err = c5_experiment_read(f, name, &e)) < 0) goto done;
	if ((err = set.crops ? draw_crops(f, codec, &e, &set, &picture) : draw_frame(f, codec, &e, &set, &params, &picture, &frame)) < 0) goto done;
write:
	out = set.out ? c5_strdup(set.out) : set.crops ? c5_format("%s_crops.png", name) : c5_format("%s_t%03llu.png", name, (unsigned long long)frame);
	if (!out) { err = c5_fail(C5_ENOMEM, "out of memory"); goto done; }
	if ((err = c5_pngout_write(out, C5_PNG_RGB8, picture.rgb, picture.height, picture.width)) < 0) goto done;
	printf("%s\n", out);
done:
	free(picture.rgb);
	c5_experiment_free(&e);
	c5_codec_close(codec);
	c5_file_close(f);
	free(name);
	free(out);
	c5_cli_close(&cli, groups);
	return err;
}

const c5_command c5_cmd_preview = {
	"preview", C5_LOOK, "draw a frame with its cells outlined, or a sheet of crops", "[crops] FILE.h5 [EXPERIMENT] | IMAGE --segment",
	"cyto5 preview out.h5 plate1_A01 --frame 12 --out a01.png\n"
	"cyto5 preview crops out.h5 --most 64 --channel phase\n"
	"cyto5 preview image.tif --segment --method phase --radius 3 --low 1.4\n",
	run,
};
