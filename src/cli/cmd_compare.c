/* cmd_compare.c – `cyto5 compare FILE.h5 rA rB`: what a reanalysis changed. The state of a container as of run A (of each product the newest
 * revision made by A or before) against the state as of run B: cells gained and lost, tracks that differ, figures side by side. */
#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/print.h"
#include "container/array.h"
#include "container/experiment.h"
#include "container/run.h"
#include "measure/overlap.h"

typedef struct settings { char *experiments; bool json; } settings;

static const c5_opt compare_opts[] = {
	{ "experiments", C5_OPT_TEXT, offsetof(settings, experiments), NULL, 0, 0, NULL, "GLOB", "compare experiments of these names only" },
	{ "json", C5_OPT_BOOL, offsetof(settings, json), NULL, 0, 0, NULL, NULL, "answer in JSON, one object" },
	{ 0 },
};

/* Nodes of one side: rows of tracks/rN/nodes in order of (frame, label). */
typedef struct nodes { uint32_t *track; uint64_t *previous; uint64_t n; } nodes; /* previous: node before in the lineage; UINT64_MAX none */

typedef struct side {
	uint32_t masks, tracks;       /* revisions; 0: none */
	uint64_t objects, tracks_n, divisions, pixels;
	double lifetime;              /* mean, frames */
	uint64_t *before;             /* nodes before each frame, (T + 1) */
	nodes nodes;
} side;

typedef struct change {
	const char *name;
	uint64_t frames, frames_changed, same, lost, gained, links_kept, links_lost, links_gained;
	double iou;                   /* sum over objects found on both sides */
	side a, b;
} change;

/* ---- what there was as of a run ---- */

static int revision_as_of(c5_file *f, const char *experiment, const char *product, uint32_t run, uint32_t *revision)
{
	char *path = c5_format("/experiments/%s/%s", experiment, product), **names = NULL;
	size_t n = 0;
	int err = path ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
	*revision = 0;
	if (err == C5_OK && c5_exists(f, path)) err = c5_list(f, path, &names, &n);
	for (size_t i = 0; i < n; i++) {
		uint32_t k = c5_revision_number(names[i]);
		if (k > *revision && k <= run) *revision = k;
	}
	c5_names_free(names, n);
	free(path);
	return err;
}

static int read_table(c5_file *f, c5_codec *codec, const char *experiment, uint32_t revision, const char *part, uint8_t **rows, c5_array_spec *spec)
{
	char *path = c5_format("/experiments/%s/tracks/%s/%s", experiment, c5_revision_name(revision), part);
	c5_array *a = NULL;
	int err = path ? c5_table_open(&a, f, path) : c5_fail(C5_ENOMEM, "out of memory");
	if (err == C5_OK && (err = c5_spec_copy(spec, c5_array_spec_of(a))) == C5_OK && (err = c5_alloc(rows, spec->dims[0], spec->row_size)) == C5_OK)
		err = c5_array_read_rows(a, codec, 0, spec->dims[0], *rows);
	c5_array_close(a);
	free(path);
	return err;
}

static int column(const c5_array_spec *s, const char *name, uint32_t *offset)
{
	const c5_column *c;
	int err = c5_spec_find_column(s, name, &c);
	if (err == C5_OK && c->dtype != C5_U32) err = c5_fail(C5_ESCHEMA, "column %s is %s, expected uint32", name, c5_dtype_name(c->dtype));
	if (err == C5_OK) *offset = c->offset;
	return err;
}

static uint32_t value(const uint8_t *rows, const c5_array_spec *s, uint64_t row, uint32_t offset)
{
	uint32_t v;
	memcpy(&v, rows + row * s->row_size + offset, sizeof v);
	return v;
}

/* The nodes and, through tracks and mothers, the node before each. */
static int read_nodes(c5_file *f, c5_codec *codec, const char *experiment, side *s)
{
	c5_array_spec node = { 0 }, track = { 0 };
	uint8_t *node_rows = NULL, *track_rows = NULL;
	uint64_t *last = NULL;
	uint32_t at_track = 0, at_parent = 0, at_first = 0, at_last = 0, at_id = 0;
	int err = C5_OK;
	if (!s->tracks) return C5_OK;
	if ((err = read_table(f, codec, experiment, s->tracks, "nodes", &node_rows, &node)) < 0 ||
	    (err = read_table(f, codec, experiment, s->tracks, "tracks", &track_rows, &track)) < 0 || (err = column(&node, "track", &at_track)) < 0 ||
	    (err = column(&track, "parent", &at_parent)) < 0 || (err = column(&track, "first", &at_first)) < 0 ||
	    (err = column(&track, "last", &at_last)) < 0 || (err = column(&track, "track", &at_id)) < 0)
		goto done;
	uint64_t n = s->nodes.n = node.dims[0], m = s->tracks_n = track.dims[0];
	if ((err = c5_alloc(&s->nodes.track, n, sizeof *s->nodes.track)) < 0 || (err = c5_alloc(&s->nodes.previous, n, sizeof *s->nodes.previous)) < 0 ||
	    (err = c5_alloc(&last, m + 1, sizeof *last)) < 0)
		goto done;
	for (uint64_t i = 0; i <= m; i++) last[i] = UINT64_MAX;
	for (uint64_t i = 0; i < n; i++) {
		uint32_t t = value(node_rows, &node, i, at_track);
		if (t == 0 || t > m) {
			err = c5_fail(C5_EINPUT, "%s: tracks %s: node %llu names track %u of %llu", experiment, c5_revision_name(s->tracks), (unsigned long long)i, t,
				(unsigned long long)m);
			goto done;
		}
		uint32_t parent = value(track_rows, &track, t - 1, at_parent);
		s->nodes.track[i] = t;
		s->nodes.previous[i] = last[t] != UINT64_MAX ? last[t] : parent && parent <= m ? last[parent] : UINT64_MAX;
		last[t] = i;
	}
	double sum = 0;
	for (uint64_t i = 0; i < m; i++) {
		s->divisions += value(track_rows, &track, i, at_parent) != 0;
		sum += (double)value(track_rows, &track, i, at_last) - (double)value(track_rows, &track, i, at_first) + 1;
	}
	s->divisions /= 2;
	s->lifetime = m ? sum / (double)m : NAN;
done:
	free(last);
	free(node_rows);
	free(track_rows);
	c5_spec_free(&node);
	c5_spec_free(&track);
	return err;
}

/* ---- masks ---- */

static int open_masks(c5_file *f, const char *experiment, uint32_t revision, c5_array **out)
{
	char *path = c5_format("/experiments/%s/masks/%s", experiment, c5_revision_name(revision));
	int err = path ? c5_array_open(out, f, path) : c5_fail(C5_ENOMEM, "out of memory");
	free(path);
	return err;
}

static int read_labels(c5_array *a, c5_codec *codec, uint64_t t, uint32_t *labels, size_t n)
{
	int err = c5_array_read_frame(a, codec, t, 0, labels);
	if (err == C5_OK && c5_array_spec_of(a)->dtype == C5_U16)
		for (size_t i = n; i-- > 0;) {
			uint16_t v;
			memcpy(&v, (const uint8_t *)labels + 2 * i, sizeof v);
			labels[i] = v;
		}
	return err;
}

/* One frame: objects on both sides when they share more than half of both together; other[node of a] = node of b. */
static int compare_frame(change *c, uint64_t t, const uint32_t *a, const uint32_t *b, size_t n, c5_overlap *o, uint64_t *other)
{
	int err = c5_overlap_count(o, a, b, n);
	uint64_t same = 0;
	bool equal = true;
	if (err < 0) return err;
	for (size_t i = 0; i < o->n_pairs; i++) {
		const c5_shared *p = &o->pairs[i];
		double iou = c5_overlap_iou(o, p);
		if (iou <= 0.5) continue;
		same++;
		c->iou += iou;
		if (iou < 1) equal = false;
		uint64_t from = c->a.before[t] + o->label_a[p->a] - 1, to = c->b.before[t] + o->label_b[p->b] - 1;
		if (other && from < c->a.nodes.n && to < c->b.nodes.n) other[from] = to;
	}
	for (size_t i = 0; i < o->n_a; i++) c->a.pixels += o->area_a[i];
	for (size_t i = 0; i < o->n_b; i++) c->b.pixels += o->area_b[i];
	c->a.before[t + 1] = c->a.before[t] + o->n_a;
	c->b.before[t + 1] = c->b.before[t] + o->n_b;
	c->same += same;
	c->lost += o->n_a - same;
	c->gained += o->n_b - same;
	c->frames_changed += !equal || same != o->n_a || same != o->n_b;
	return C5_OK;
}

static void compare_links(change *c, const uint64_t *other)
{
	uint64_t in_a = 0, in_b = 0;
	for (uint64_t i = 0; i < c->a.nodes.n; i++) {
		uint64_t p = c->a.nodes.previous[i];
		in_a += p != UINT64_MAX;
		if (p != UINT64_MAX && other[i] != UINT64_MAX && other[p] != UINT64_MAX && c->b.nodes.previous[other[i]] == other[p]) c->links_kept++;
	}
	for (uint64_t i = 0; i < c->b.nodes.n; i++) in_b += c->b.nodes.previous[i] != UINT64_MAX;
	c->links_lost = in_a - c->links_kept;
	c->links_gained = in_b - c->links_kept;
}

static int compare_masks(c5_file *f, c5_codec *codec, change *c, c5_overlap *o)
{
	c5_array *a = NULL, *b = NULL;
	uint32_t *labels_a = NULL, *labels_b = NULL;
	uint64_t *other = NULL;
	int err = open_masks(f, c->name, c->a.masks, &a);
	if (err < 0 || (err = open_masks(f, c->name, c->b.masks, &b)) < 0) goto done;
	const c5_array_spec *s = c5_array_spec_of(a), *q = c5_array_spec_of(b);
	if ((err = c5_spec_is_masks(s)) < 0 || (err = c5_spec_is_masks(q)) < 0) goto done;
	if (memcmp(s->dims, q->dims, 3 * sizeof *s->dims) != 0) {
		err = c5_fail(C5_EINPUT, "%s: masks of %s and %s differ in size", c->name, "A", "B");
		goto done;
	}
	size_t n = s->dims[1] * s->dims[2];
	c->frames = s->dims[0];
	if ((err = c5_alloc(&labels_a, n, sizeof *labels_a)) < 0 || (err = c5_alloc(&labels_b, n, sizeof *labels_b)) < 0 ||
	    (err = c5_alloc(&c->a.before, c->frames + 1, sizeof *c->a.before)) < 0 || (err = c5_alloc(&c->b.before, c->frames + 1, sizeof *c->b.before)) < 0)
		goto done;
	bool follow = c->a.tracks && c->b.tracks;
	if (follow && (err = c5_alloc(&other, c->a.nodes.n, sizeof *other)) < 0) goto done;
	for (uint64_t i = 0; follow && i < c->a.nodes.n; i++) other[i] = UINT64_MAX;
	for (uint64_t t = 0; t < c->frames; t++)
		if ((err = read_labels(a, codec, t, labels_a, n)) < 0 || (err = read_labels(b, codec, t, labels_b, n)) < 0 ||
		    (err = compare_frame(c, t, labels_a, labels_b, n, o, other)) < 0) goto done;
	c->a.objects = c->a.before[c->frames], c->b.objects = c->b.before[c->frames];
	if (follow) compare_links(c, other);
done:
	free(other);
	free(labels_a);
	free(labels_b);
	c5_array_close(a);
	c5_array_close(b);
	return err;
}

static void free_change(change *c)
{
	side *sides[2] = { &c->a, &c->b };
	for (int i = 0; i < 2; i++) {
		free(sides[i]->before);
		free(sides[i]->nodes.track);
		free(sides[i]->nodes.previous);
	}
}

/* ---- telling ---- */

static double mean_area(const side *s) { return s->objects ? (double)s->pixels / (double)s->objects : NAN; }

static void tell(const change *c)
{
	char a[C5_SIZE_TEXT], b[C5_SIZE_TEXT];
	printf("%s%s%s\n", c5_ink(C5_BOLD), c->name, c5_ink(C5_PLAIN));
	if (c->a.masks == c->b.masks) printf("  masks    %s on both sides\n", c5_revision_name(c->a.masks));
	else {
		printf("  cells    %12s -> %12s   %s%llu gained%s, %s%llu lost%s, %llu as before (mean overlap %.3f), %llu of %llu frames changed\n",
			c5_count_text(a, c->a.objects), c5_count_text(b, c->b.objects), c5_ink(C5_GREEN), (unsigned long long)c->gained, c5_ink(C5_PLAIN), c5_ink(C5_RED),
			(unsigned long long)c->lost, c5_ink(C5_PLAIN), (unsigned long long)c->same, c->same ? c->iou / (double)c->same : NAN,
			(unsigned long long)c->frames_changed, (unsigned long long)c->frames);
		printf("  area     %9.1f px -> %9.1f px   a cell, on average\n", mean_area(&c->a), mean_area(&c->b));
	}
	if (!c->a.tracks && !c->b.tracks) return;
	if (c->a.tracks == c->b.tracks) {
		printf("  tracks   %s on both sides\n", c5_revision_name(c->a.tracks));
		return;
	}
	printf("  tracks   %12s -> %12s\n", c5_count_text(a, c->a.tracks_n), c5_count_text(b, c->b.tracks_n));
	printf("  division %12s -> %12s\n", c5_count_text(a, c->a.divisions), c5_count_text(b, c->b.divisions));
	printf("  lifetime %9.1f fr -> %9.1f fr   a track, on average\n", c->a.lifetime, c->b.lifetime);
	if (c->a.tracks && c->b.tracks)
		printf("  links    %llu as before, %s%llu gained%s, %s%llu lost%s\n", (unsigned long long)c->links_kept, c5_ink(C5_GREEN),
			(unsigned long long)c->links_gained, c5_ink(C5_PLAIN), c5_ink(C5_RED), (unsigned long long)c->links_lost, c5_ink(C5_PLAIN));
}

static void side_json(c5_buf *b, const char *key, const side *s)
{
	c5_json_key(b, key);
	c5_buf_put(b, "{", 1);
	c5_json_str(b, "masks", s->masks ? c5_revision_name(s->masks) : NULL);
	c5_json_int(b, "objects", (int64_t)s->objects);
	c5_json_real(b, "mean_area_px", mean_area(s));
	c5_json_str(b, "tracks_revision", s->tracks ? c5_revision_name(s->tracks) : NULL);
	c5_json_int(b, "tracks", (int64_t)s->tracks_n);
	c5_json_int(b, "divisions", (int64_t)s->divisions);
	c5_json_real(b, "mean_lifetime_frames", s->lifetime);
	c5_buf_put(b, "}", 1);
}

static void add_json(c5_buf *b, const change *c)
{
	c5_json_key(b, c->name);
	c5_buf_put(b, "{", 1);
	c5_json_int(b, "frames", (int64_t)c->frames);
	c5_json_int(b, "frames_changed", (int64_t)c->frames_changed);
	c5_json_int(b, "cells_kept", (int64_t)c->same);
	c5_json_int(b, "cells_lost", (int64_t)c->lost);
	c5_json_int(b, "cells_gained", (int64_t)c->gained);
	c5_json_real(b, "mean_iou_kept", c->same ? c->iou / (double)c->same : NAN);
	c5_json_int(b, "links_kept", (int64_t)c->links_kept);
	c5_json_int(b, "links_lost", (int64_t)c->links_lost);
	c5_json_int(b, "links_gained", (int64_t)c->links_gained);
	side_json(b, "a", &c->a);
	side_json(b, "b", &c->b);
	c5_buf_put(b, "}", 1);
}

static int compare_one(c5_file *f, c5_codec *codec, c5_overlap *o, uint32_t a, uint32_t b, change *c)
{
	int err;
	c->a.lifetime = c->b.lifetime = NAN;
	if ((err = revision_as_of(f, c->name, "masks", a, &c->a.masks)) < 0 || (err = revision_as_of(f, c->name, "masks", b, &c->b.masks)) < 0 ||
	    (err = revision_as_of(f, c->name, "tracks", a, &c->a.tracks)) < 0 || (err = revision_as_of(f, c->name, "tracks", b, &c->b.tracks)) < 0 ||
	    (err = read_nodes(f, codec, c->name, &c->a)) < 0 || (err = read_nodes(f, codec, c->name, &c->b)) < 0)
		return err;
	return c->a.masks && c->b.masks ? compare_masks(f, codec, c, o) : C5_OK;
}

static int find_run(c5_file *f, const char *word, uint32_t *number)
{
	c5_run_info r;
	*number = c5_revision_number(word);
	if (!*number && word[0] == 'r') *number = (uint32_t)strtoul(word + 1, NULL, 10); /* r3 for r000003 */
	if (!*number) return c5_fail(C5_EUSAGE, "%s: a run is expected, r3 or r000003 (`cyto5 log %s` lists them)", word, c5_file_path(f));
	int err = c5_run_read(f, *number, &r);
	if (err == C5_OK) c5_run_info_free(&r);
	return err;
}

static int run(int argc, char **argv)
{
	settings set = { 0 };
	const c5_opt_group groups[] = { { "Comparison", compare_opts, &set }, { NULL, NULL, NULL } };
	c5_cli cli;
	c5_file *f = NULL;
	c5_codec *codec = NULL;
	c5_overlap overlap = { 0 };
	c5_buf json = { 0 };
	char **names = NULL;
	size_t n = 0, shown = 0;
	uint32_t a = 0, b = 0;
	int err = c5_cli_open(&cli, &c5_cmd_compare, groups, argc, argv, 3, 3);
	if (err < 0 || cli.helped) goto done;
	if ((err = c5_file_open(&f, cli.words[0], C5_READ, NULL)) < 0 || (err = find_run(f, cli.words[1], &a)) < 0 ||
	    (err = find_run(f, cli.words[2], &b)) < 0 || (err = c5_codec_open(&codec)) < 0 || (err = c5_list(f, "/experiments", &names, &n)) < 0)
		goto done;
	if (set.json) c5_buf_put(&json, "{", 1);
	for (size_t i = 0; err == C5_OK && i < n; i++) {
		change c = { .name = names[i] };
		if (set.experiments && fnmatch(set.experiments, names[i], 0) != 0) continue;
		if ((err = compare_one(f, codec, &overlap, a, b, &c)) == C5_OK && (c.a.masks || c.b.masks)) {
			shown++;
			if (set.json) add_json(&json, &c);
			else tell(&c);
		}
		free_change(&c);
	}
	if (err == C5_OK && shown == 0)
		err = c5_fail(C5_ENOTFOUND, "%s: no experiment%s%s has masks as of these runs", cli.words[0], set.experiments ? " matching " : "",
			set.experiments ? set.experiments : "");
	if (err == C5_OK && set.json) {
		c5_buf_put(&json, "}", 1);
		err = c5_json_print(&json);
	}
done:
	c5_buf_free(&json);
	c5_names_free(names, n);
	c5_overlap_free(&overlap);
	c5_codec_close(codec);
	c5_file_close(f);
	c5_cli_close(&cli, groups);
	return err;
}

const c5_command c5_cmd_compare = {
	"compare", C5_LOOK, "tell what a reanalysis changed: cells, tracks, figures", "FILE.h5 RUN RUN",
	"cyto5 compare plate.h5 r3 r9\n"
	"cyto5 compare plate.h5 r3 r9 --experiments 'plate3_*' --json\n",
	run,
};
