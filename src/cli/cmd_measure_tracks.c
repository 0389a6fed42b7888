/* cmd_measure_tracks.c – `cyto5 measure tracking FILE.h5`: two revisions of tracks in a container, with the masks each was made on.
 * A track with a hole (a cell missed for some frames) becomes parts joined by a parent link, which is how the challenge writes gaps. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "cli/measure.h"
#include "cli/pick.h"
#include "container/array.h"
#include "container/file.h"
#include "measure/tracking.h"

typedef struct side {
	c5_array *masks;
	c5_codec *codec;
	uint32_t *life_of;      /* (nodes) label of the life a node belongs to; nodes are in order of (frame, label) */
	uint64_t *before;       /* (frames + 1) nodes before each frame */
	c5_life *lives;
	size_t n_lives, cap_lives;
	uint64_t frames, height, width;
} side;

static void free_side(side *s)
{
	c5_array_close(s->masks);
	free(s->life_of);
	free(s->before);
	free(s->lives);
}

/* The masks a revision of tracks was made on: its objects' input, or for tracks without objects the masks of the same number. */
static int open_masks(c5_file *f, const char *experiment, const char *revision, const char *nodes, side *s)
{
	char *input = NULL, *masks = NULL;
	int err = C5_OK;
	if (c5_attr_get_str(f, nodes, "input", &input) == C5_OK && input[0]) {
		if (c5_attr_get_str(f, input, "input", &masks) < 0) masks = c5_strdup(input);
	} else {
		char *path = c5_format("/experiments/%s/tracks/%s", experiment, revision), *target = NULL;
		if (path && c5_link_get(f, path, &target) == C5_OK) masks = c5_format("/experiments/%s/masks/%s", experiment, target); /* latest */
		else masks = c5_format("/experiments/%s/masks/%s", experiment, revision);
		free(target);
		free(path);
	}
	if (!masks) err = c5_fail(C5_ENOMEM, "out of memory");
	if (err == C5_OK && (err = c5_array_open(&s->masks, f, masks)) == C5_OK) {
		const c5_array_spec *q = c5_array_spec_of(s->masks);
		if ((err = c5_spec_is_masks(q)) == C5_OK) s->frames = q->dims[0], s->height = q->dims[1], s->width = q->dims[2];
	}
	free(masks);
	free(input);
	return err;
}

typedef struct table { c5_array_spec spec; uint8_t *rows; uint64_t n; } table;

static void free_table(table *t)
{
	c5_spec_free(&t->spec);
	free(t->rows);
}

static int read_table(c5_file *f, c5_codec *codec, const char *path, table *t)
{
	c5_array *a;
	int err = c5_table_open(&a, f, path);
	if (err < 0) return err;
	if ((err = c5_spec_copy(&t->spec, c5_array_spec_of(a))) == C5_OK && (err = c5_alloc(&t->rows, t->n = t->spec.dims[0], t->spec.row_size)) == C5_OK)
		err = c5_array_read_rows(a, codec, 0, t->n, t->rows);
	c5_array_close(a);
	return err;
}

static int cell(const table *t, uint64_t row, const char *column, uint32_t *value)
{
	const c5_column *c;
	int err = c5_spec_find_column(&t->spec, column, &c);
	if (err < 0) return err;
	if (c->dtype != C5_U32) return c5_fail(C5_ESCHEMA, "column %s is %s, expected uint32", column, c5_dtype_name(c->dtype));
	memcpy(value, t->rows + row * t->spec.row_size + c->offset, sizeof *value);
	return C5_OK;
}

/* Follows the nodes in order of frames; a track that pauses goes on as a child of itself. */
static int cut_lives(side *s, const table *nodes, const table *tracks)
{
	uint32_t *now = NULL, frame, track, parent; /* now: the life a track is in, label */
	int err;
	if ((err = c5_alloc(&now, tracks->n + 1, sizeof *now)) < 0 || (err = c5_alloc(&s->life_of, nodes->n, sizeof *s->life_of)) < 0 ||
	    (err = c5_alloc(&s->before, s->frames + 1, sizeof *s->before)) < 0)
		goto done;
	for (uint64_t i = 0; i < nodes->n; i++) {
		if ((err = cell(nodes, i, "frame", &frame)) < 0 || (err = cell(nodes, i, "track", &track)) < 0) goto done;
		if (frame >= s->frames || track == 0 || track > tracks->n)
			{ err = c5_fail(C5_EINPUT, "node %llu: frame %u, track %u; the masks have %llu frames, the table %llu tracks", (unsigned long long)i, frame, track,
			(unsigned long long)s->frames, (unsigned long long)tracks->n); goto done; }
		uint32_t life = now[track];
		if (!life || s->lives[life - 1].end + 1 != frame) {
			if ((err = c5_grow(&s->lives, &s->cap_lives, s->n_lives + 1, sizeof *s->lives)) < 0) goto done;
			if (!life) {
				if ((err = cell(tracks, track - 1, "parent", &parent)) < 0) goto done;
				life = parent && parent <= tracks->n ? now[parent] : 0;
			}
			now[track] = (uint32_t)s->n_lives + 1;
			s->lives[s->n_lives++] = (c5_life){ now[track], frame, frame, life };
		}
		s->lives[now[track] - 1].end = frame;
		s->life_of[i] = now[track];
		s->before[frame + 1]++;
	}
	for (uint64_t t = 0; t < s->frames; t++) s->before[t + 1] += s->before[t];
done:
	free(now);
	return err;
}

static int read_frame(void *self, uint32_t frame, uint32_t *labels)
{
	side *s = self;
	const size_t n = s->height * s->width;
	const bool narrow = c5_array_spec_of(s->masks)->dtype == C5_U16;
	uint16_t *end = (uint16_t *)labels + n; /* 16-bit labels are read into the upper half and widened from the front */
	int err = c5_array_read_frame(s->masks, s->codec, frame, 0, narrow ? (void *)end : labels);
	uint64_t first = s->before[frame], most = s->before[frame + 1] - first;
	for (size_t i = 0; err == C5_OK && i < n; i++) {
		uint32_t k;
		uint16_t v;
		if (narrow) memcpy(&v, end + i, sizeof v), k = v;
		else k = labels[i];
		if (k > most) err = c5_fail(C5_EINPUT, "frame %u: label %u, but %llu nodes", frame, k, (unsigned long long)most);
		else labels[i] = k ? s->life_of[first + k - 1] : 0;
	}
	return err;
}

static int open_side(c5_file *f, c5_codec *codec, const char *experiment, const char *revision, side *s)
{
	char *nodes_path = c5_format("/experiments/%s/tracks/%s/nodes", experiment, revision),
		*tracks_path = c5_format("/experiments/%s/tracks/%s/tracks", experiment, revision);
	table nodes = { 0 }, tracks = { 0 };
	int err = nodes_path && tracks_path ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
	s->codec = codec;
	if (err == C5_OK && !c5_exists(f, nodes_path))
		err = c5_fail(C5_ENOTFOUND, "%s: no tracks %s; `cyto5 show` tells what there is", experiment, revision);
	if (err == C5_OK && (err = open_masks(f, experiment, revision, nodes_path, s)) == C5_OK &&
	    (err = read_table(f, codec, nodes_path, &nodes)) == C5_OK && (err = read_table(f, codec, tracks_path, &tracks)) == C5_OK &&
	    (err = cut_lives(s, &nodes, &tracks)) < 0)
		err = c5_fail_in(err, "%s: tracks %s", experiment, revision);
	free_table(&nodes);
	free_table(&tracks);
	free(nodes_path);
	free(tracks_path);
	return err;
}

static c5_label_frames frames_of(side *s, const char *name)
{
	return (c5_label_frames){ name, (uint32_t)s->frames, 1, (uint32_t)s->height, (uint32_t)s->width, read_frame, s };
}

int c5_measure_tracks_in(c5_tracking *out, const char *file, const c5_measure_set *set, c5_breaches *breaches)
{
	side gt = { 0 }, res = { 0 };
	c5_codec *codec = NULL;
	c5_file *f = NULL;
	char *name = NULL;
	int err = c5_file_open(&f, file, C5_READ, NULL);
	if (err < 0 || (err = c5_codec_open(&codec)) < 0 || (err = c5_cli_pick_experiment(f, set->experiment, &name)) < 0) goto done;
	if ((err = open_side(f, codec, name, set->gt, &gt)) < 0 || (err = open_side(f, codec, name, set->res, &res)) < 0) goto done;
	c5_tracking_input in = { .gt = frames_of(&gt, set->gt), .res = frames_of(&res, set->res), .gt_lives = gt.lives, .res_lives = res.lives,
		.n_gt_lives = gt.n_lives, .n_res_lives = res.n_lives, .breaches = breaches };
	err = c5_tracking_measure(out, &in);
done:
	free_side(&gt);
	free_side(&res);
	c5_codec_close(codec);
	c5_file_close(f);
	free(name);
	return err;
}
