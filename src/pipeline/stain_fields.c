/* stain_fields.c – see stain_fields.h. */
#include "pipeline/stain_fields.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "image/filter.h"
#include "pipeline/stain_register.h"

#define SATURATED 0.01       /* share of pixels from which a marker is told to be burnt out */
#define SATURATED_INPUT 0.05 /* and a label-free channel, of which halos alone may be */

/* ---- which channels ---- */

static bool label_free(const c5_channel *c)
{
	static const char *const kinds[] = { "phase", "brightfield", "dic", "transmission", "srs", "tpef" };
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if ((c->modality && !strcmp(c->modality, kinds[i])) || !strcmp(c->name, kinds[i])) return true;
	return false;
}

static void add_name(char names[][48], int *n, const char *name)
{
	if (*n < C5_STAIN_MARKERS_MAX) snprintf(names[(*n)++], sizeof names[0], "%s", name);
}

/* The comma-separated names, each a channel of the experiment. */
static int names_of(char names[][48], int *n, const c5_experiment *e, const char *text)
{
	char *list = c5_strdup(text), *save = NULL;
	int err = list ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
	*n = 0;
	for (char *word = list ? strtok_r(list, ", ", &save) : NULL; word && err == C5_OK; word = strtok_r(NULL, ", ", &save)) {
		const c5_channel *c;
		if (*n == C5_STAIN_MARKERS_MAX) err = c5_fail(C5_EUSAGE, "'%s': at most %d channels", text, C5_STAIN_MARKERS_MAX);
		else if ((err = c5_experiment_channel(e, word, &c)) == C5_OK) add_name(names, n, word);
	}
	if (err == C5_OK && *n == 0) err = c5_fail(C5_EUSAGE, "no channel is named in '%s'", text);
	free(list);
	return err;
}

static int planes_of(c5_recipe *r, const c5_experiment *e, const char *text)
{
	const c5_channel *c;
	int err = c5_experiment_channel(e, r->channel[0], &c);
	if (err < 0) return err;
	if (c->planes == 0) {
		r->planes = 1, r->plane[0] = -1;
		return C5_OK;
	}
	if (!strcmp(text, "middle")) {
		r->planes = 1, r->plane[0] = (int)(c->planes / 2);
		return C5_OK;
	}
	if (!strcmp(text, "all")) {
		if (c->planes > C5_STAIN_PLANES_MAX)
			return c5_fail(C5_EUSAGE, "%s: %llu z planes, at most %d can be seen; choose some with --planes", e->name, (unsigned long long)c->planes,
				C5_STAIN_PLANES_MAX);
		r->planes = (int)c->planes;
		for (int i = 0; i < r->planes; i++) r->plane[i] = i;
		return C5_OK;
	}
	r->planes = 0;
	for (const char *at = text; *at;) {
		char *end;
		long v = strtol(at, &end, 10);
		if (end == at || v < 0 || (uint64_t)v >= c->planes || r->planes == C5_STAIN_PLANES_MAX)
			return c5_fail(C5_EUSAGE, "--planes '%s': all, middle or numbers from 0 to %llu are expected", text, (unsigned long long)c->planes - 1);
		r->plane[r->planes++] = (int)v;
		at = *end == ',' ? end + 1 : end;
	}
	return r->planes ? C5_OK : c5_fail(C5_EUSAGE, "--planes names no plane");
}

static int marker_of(c5_recipe *r, const c5_experiment *e)
{
	int found = 0;
	const char *name = NULL;
	for (size_t i = 0; i < e->n_channels; i++) {
		const c5_channel *c = &e->channels[i];
		if (!strcmp(c->name, "marker")) { add_name(r->marker, &r->markers, c->name); return C5_OK; }
		if (c->modality && !strcmp(c->modality, "fluorescence")) name = c->name, found++;
	}
	if (found == 1) { add_name(r->marker, &r->markers, name); return C5_OK; }
	return c5_fail(C5_ENOTFOUND, "%s: %s; name the marker with --marker", e->name, found ? "several fluorescence channels" : "no fluorescence channel");
}

int c5_stain_recipe_for(c5_recipe *r, const c5_experiment *e, const c5_stain_params *p)
{
	int err = C5_OK;
	memset(r, 0, sizeof *r);
	r->dense = !strcmp(p->method, "dense"), r->mask = !strcmp(p->target, "mask");
	r->ground = p->ground, r->share = p->share, r->pixel_um = e->pixel_size_um;
	r->block = (int)p->block, r->context = (int)p->context, r->stride = (int)(p->stride ? p->stride : p->block / 2 ? p->block / 2 : 1);
	if (r->stride > r->block)
		return c5_fail(C5_EUSAGE, "--stride %d is more than a block of %d px; pixels between would be seen by none", r->stride, r->block);
	if (p->input) err = names_of(r->channel, &r->channels, e, p->input);
	for (size_t i = 0; !p->input && i < e->n_channels; i++)
		if (label_free(&e->channels[i])) add_name(r->channel, &r->channels, e->channels[i].name);
	if (err == C5_OK && r->channels == 0)
		err = c5_fail(C5_ENOTFOUND, "%s: no label-free channel (phase, brightfield, dic, transmission, srs, tpef); name one with --input", e->name);
	if (err == C5_OK) err = planes_of(r, e, p->planes ? p->planes : "all");
	if (err == C5_OK) err = p->marker ? names_of(r->marker, &r->markers, e, p->marker) : marker_of(r, e);
	for (int m = 0; err == C5_OK && m < r->markers; m++)
		for (int c = 0; c < r->channels; c++)
			if (!strcmp(r->marker[m], r->channel[c])) err = c5_fail(C5_EUSAGE, "channel %s is input and marker at once", r->marker[m]);
	return err;
}

int c5_stain_input_size(const c5_recipe *r, const c5_experiment *e, uint64_t *height, uint64_t *width, uint64_t *frames)
{
	for (int i = 0; i < r->channels; i++) {
		const c5_channel *c;
		int err = c5_experiment_channel(e, r->channel[i], &c);
		if (err < 0) return err;
		if (i == 0) *height = c->height, *width = c->width, *frames = c->frames;
		if (c->height != *height || c->width != *width || c->frames != *frames)
			return c5_fail(C5_EINPUT, "%s: channel %s is (%llu, %llu, %llu), %s is (%llu, %llu, %llu)", e->name, c->name, (unsigned long long)c->frames,
				(unsigned long long)c->height, (unsigned long long)c->width, r->channel[0], (unsigned long long)*frames, (unsigned long long)*height,
				(unsigned long long)*width);
		for (int k = 0; k < r->planes; k++)
			if (r->plane[k] >= 0 ? (uint64_t)r->plane[k] >= c->planes : c->planes != 0)
				return c5_fail(C5_EINPUT, "%s: channel %s has %llu z planes, the model looks at plane %d", e->name, c->name, (unsigned long long)c->planes,
					r->plane[k]);
	}
	return C5_OK;
}

/* ---- pixels ---- */

/* One plane as float32. raw: scratch of 8 bytes a pixel. */
static int read_plane(c5_array *a, c5_codec *codec, const c5_channel *c, uint64_t t, uint64_t z, void *raw, float *out)
{
	int err = c5_array_read_frame(a, codec, t, z, raw);
	return err < 0 ? err : c5_filter_to_float(out, c->dtype, raw, c->height * c->width, NULL);
}

static int open_channel(c5_array **a, c5_file *f, const c5_experiment *e, const char *name)
{
	char path[512];
	snprintf(path, sizeof path, "/experiments/%s/raw/%s", e->name, name);
	return c5_array_open(a, f, path);
}

/* Share of pixels that are as bright as any: of a plane that is burnt out, many; of one value, all. */
static double share_brightest(const float *plane, size_t n)
{
	size_t count = 0;
	float most = -INFINITY;
	for (size_t i = 0; i < n; i++) {
		if (plane[i] > most) most = plane[i], count = 0;
		count += plane[i] >= most;
	}
	return n ? (double)count / (double)n : 0;
}

/* *least: of all planes, the smallest share of brightest pixels; NULL: not asked for. */
static int read_input(c5_file *f, c5_codec *codec, const c5_recipe *r, const c5_experiment *e, uint64_t t, float *out, double *least)
{
	uint64_t h, w, frames;
	void *raw = NULL, *scratch = NULL;
	int err = c5_stain_input_size(r, e, &h, &w, &frames);
	if (err < 0) return err;
	if (t >= frames)
		return c5_fail(C5_EUSAGE, "%s: no frame %llu; there are %llu, counted from 0", e->name, (unsigned long long)t, (unsigned long long)frames);
	if ((err = c5_alloc_aligned(&raw, h * w, 8)) < 0 || (err = c5_alloc_aligned(&scratch, c5_field_scratch(h, w, r->ground), 1)) < 0) goto done;
	for (int i = 0; i < r->channels && err == C5_OK; i++) {
		const c5_channel *c;
		c5_array *a = NULL;
		if ((err = c5_experiment_channel(e, r->channel[i], &c)) < 0 || (err = open_channel(&a, f, e, c->name)) < 0) break;
		for (int k = 0; k < r->planes && err == C5_OK; k++) {
			float *plane = out + ((size_t)i * (size_t)r->planes + (size_t)k) * h * w;
			err = read_plane(a, codec, c, t, r->plane[k] < 0 ? 0 : (uint64_t)r->plane[k], raw, plane);
			if (err == C5_OK && least) *least = fmin(*least, share_brightest(plane, h * w));
			if (err == C5_OK) c5_field_prepare(plane, h, w, r->ground, scratch);
		}
		c5_array_close(a);
	}
done:
	free(scratch);
	free(raw);
	return err;
}

int c5_stain_read_input(c5_file *f, c5_codec *codec, const c5_recipe *r, const c5_experiment *e, uint64_t t, float *out)
{
	return read_input(f, codec, r, e, t, out, NULL);
}

/* What is to be learnt from must show something. */
static int read_for_learning(c5_file *f, c5_codec *codec, const c5_recipe *r, const c5_experiment *e, uint64_t t, float *out)
{
	double least = 1;
	int err = read_input(f, codec, r, e, t, out, &least);
	if (err < 0) return err;
	if (least >= 1)
		return c5_fail(C5_EINPUT, "%s: every pixel of %s in frame %llu is of one value: it is burnt out or was never exposed", e->name, r->channel[0],
			(unsigned long long)t);
	if (least > SATURATED_INPUT)
		c5_log(C5_LOG_WARN, "%s: %.1f %% of the pixels of %s in frame %llu are as bright as can be: it is burnt out, and nothing can be seen there",
			e->name, 100 * least, r->channel[0], (unsigned long long)t);
	return C5_OK;
}

int c5_stain_read_marker(c5_file *f, c5_codec *codec, const c5_recipe *r, const c5_experiment *e, int marker, uint64_t t, float *out)
{
	const c5_channel *c;
	c5_array *a = NULL;
	void *raw = NULL;
	float *plane = NULL;
	uint64_t h, w, frames;
	int err;
	if ((err = c5_stain_input_size(r, e, &h, &w, &frames)) < 0 || (err = c5_experiment_channel(e, r->marker[marker], &c)) < 0) return err;
	if (c->height != h || c->width != w)
		return c5_fail(C5_EINPUT, "%s: the marker's channel %s is %llu x %llu, the label-free one %llu x %llu; they must show the same field", e->name,
			c->name, (unsigned long long)c->height, (unsigned long long)c->width, (unsigned long long)h, (unsigned long long)w);
	if (t >= c->frames)
		return c5_fail(C5_EINPUT, "%s: the marker's channel %s has %llu frames, frame %llu is asked for", e->name, c->name, (unsigned long long)c->frames,
			(unsigned long long)t);
	if ((err = c5_alloc_aligned(&raw, h * w, 8)) < 0 || (err = c5_alloc_aligned(&plane, h * w, sizeof *plane)) < 0 ||
	    (err = open_channel(&a, f, e, c->name)) < 0) goto done;
	err = read_plane(a, codec, c, t, 0, raw, out);
	for (uint64_t z = 1; z < c->planes && err == C5_OK; z++) {
		err = read_plane(a, codec, c, t, z, raw, plane);
		for (uint64_t i = 0; i < h * w; i++)
			if (plane[i] > out[i]) out[i] = plane[i];
	}
done:
	c5_array_close(a);
	free(plane);
	free(raw);
	return err;
}

/* ---- thresholds ---- */

static const char *group_of(const c5_experiment *e, const char *per)
{
	if (!strcmp(per, "all")) return "all";
	return !strcmp(per, "plate") && e->texts[0] ? e->texts[0] : e->name; /* without a plate an experiment is by itself */
}

static c5_stain_threshold *threshold_of(c5_stain_set *s, const char *group, int marker)
{
	for (size_t i = 0; i < s->n_thresholds; i++)
		if (s->thresholds[i].marker == marker && !strcmp(s->thresholds[i].group, group)) return &s->thresholds[i];
	return NULL;
}

static int method_of(const c5_stain_params *p)
{
	return !strcmp(p->threshold, "percentile") ? C5_MARKER_PERCENTILE : !strcmp(p->threshold, "hand") ? C5_MARKER_HAND : C5_MARKER_OTSU;
}

/* One threshold from the markers of all fields whose experiment is in the group. */
static int find_threshold(c5_stain_set *s, const c5_stain_params *p, const char *const *groups, const char *group, int marker,
	c5_marker_counts *counts)
{
	double range[2] = { INFINITY, -INFINITY };
	c5_stain_threshold *t;
	int err;
	for (int pass = 0; pass < 2; pass++) {
		if (pass) c5_marker_start(counts, C5_F32, range);
		for (size_t i = 0; i < s->n; i++) {
			const c5_field *f = &s->fields[i];
			size_t n = f->height * f->width;
			const float *level = f->level + (size_t)marker * n;
			if (strcmp(groups[i], group)) continue;
			for (size_t k = 0; pass == 0 && k < n; k++) {
				if ((double)level[k] < range[0]) range[0] = (double)level[k];
				if ((double)level[k] > range[1]) range[1] = (double)level[k];
			}
			if (pass) c5_marker_count(counts, C5_F32, level, n);
		}
	}
	if ((err = c5_grow(&s->thresholds, &s->cap_thresholds, s->n_thresholds + 1, sizeof *s->thresholds)) < 0) return err;
	t = &s->thresholds[s->n_thresholds];
	if ((err = c5_marker_threshold(&t->found, counts, method_of(p), p->value)) < 0) return c5_fail_in(err, "%s of %s", s->recipe.marker[marker], group);
	if (!(t->group = c5_strdup(group))) return c5_fail(C5_ENOMEM, "out of memory");
	t->marker = marker;
	s->n_thresholds++;
	if (t->found.saturated > SATURATED)
		c5_log(C5_LOG_WARN, "%s of %s: %.1f %% of the pixels are at the upper end of what was recorded; efficiency by area still holds, grey values do not",
			s->recipe.marker[marker], group, 100 * t->found.saturated);
	return C5_OK;
}

static int binarise(c5_stain_set *s, const c5_stain_params *p, const char *const *groups)
{
	c5_marker_counts *counts;
	int err = c5_alloc(&counts, 1, sizeof *counts);
	for (size_t i = 0; i < s->n && err == C5_OK; i++)
		for (int m = 0; m < s->recipe.markers && err == C5_OK; m++) {
			c5_field *f = &s->fields[i];
			size_t n = f->height * f->width;
			if (!threshold_of(s, groups[i], m) && (err = find_threshold(s, p, groups, groups[i], m, counts)) < 0) break;
			c5_marker_binarise(f->mask + (size_t)m * n, C5_F32, f->level + (size_t)m * n, n, threshold_of(s, groups[i], m)->found.threshold);
			err = c5_marker_despeckle(f->mask + (size_t)m * n, f->height, f->width, p->despeckle);
		}
	for (int m = 0; m < s->recipe.markers && err == C5_OK && s->n; m++) s->recipe.threshold[m] = threshold_of(s, groups[0], m)->found.threshold;
	free(counts);
	return err;
}

/* ---- the set ---- */

static int load_field(c5_stain_set *s, c5_file *f, c5_codec *codec, const c5_experiment *e, uint64_t t, uint64_t marker_t, uint64_t h, uint64_t w,
	bool markers_only)
{
	const c5_recipe *r = &s->recipe;
	int err = c5_grow(&s->fields, &s->cap, s->n + 1, sizeof *s->fields);
	if (err < 0) return err;
	c5_field *field = &s->fields[s->n++];
	*field = (c5_field){ .frame = t, .height = h, .width = w, .channels = c5_recipe_inputs(r), .markers = r->markers, .seen = { 0, 0, h, w },
		.train = { 0, 0, h, w } };
	if (!(field->name = c5_strdup(e->name))) return c5_fail(C5_ENOMEM, "out of memory");
	if ((err = c5_alloc_aligned(&field->level, (size_t)r->markers * h * w, sizeof(float))) < 0 ||
	    (err = c5_alloc(&field->mask, (size_t)r->markers * h * w, 1)) < 0) return err;
	if (!markers_only && ((err = c5_alloc_aligned(&field->input, (size_t)field->channels * h * w, sizeof(float))) < 0 ||
	    (err = read_for_learning(f, codec, r, e, t, field->input)) < 0))
		return err;
	for (int m = 0; m < r->markers; m++)
		if ((err = c5_stain_read_marker(f, codec, r, e, m, marker_t, field->level + (size_t)m * h * w)) < 0) return err;
	return C5_OK;
}

static int load_experiment(c5_stain_set *s, c5_file *f, c5_codec *codec, const c5_experiment *e, const c5_stain_choice *c)
{
	uint64_t h, w, frames, last = 0;
	const c5_channel *marker;
	int err;
	if ((err = c5_stain_input_size(&s->recipe, e, &h, &w, &frames)) < 0 || (err = c5_experiment_channel(e, s->recipe.marker[0], &marker)) < 0)
		return err;
	bool once = marker->frames == 1 && frames > 1 && c->marker_frame == -1 && !c->n_only;
	uint64_t n = once ? 1 : c->n_only ? c->n_only : c->frames && c->frames < frames ? c->frames : frames;
	size_t bytes = h * w * ((c->markers_only ? 0 : (size_t)c5_recipe_inputs(&s->recipe)) * sizeof(float) + (size_t)s->recipe.markers * 5) * n, held = 0;
	for (size_t i = 0; i < s->n; i++) held += c5_field_bytes(&s->fields[i]);
	if (c->most_bytes && held + bytes > c->most_bytes)
		return c5_fail(C5_EUSAGE, "%s: frames for training would take more than %zu MiB; take fewer with --frames, or allow more with --memory", e->name,
			c->most_bytes >> 20);
	if (marker->frames) last = marker->frames - 1;
	for (uint64_t i = 0; i < n; i++) {
		uint64_t t = once ? frames - 1 : c->n_only ? c->only[i] : n > 1 ? i * (frames - 1) / (n - 1) : frames / 2;
		uint64_t marker_t = c->marker_frame == -1 ? (marker->frames == 1 ? 0 : t) : c->marker_frame == -2 ? last : (uint64_t)c->marker_frame;
		if ((err = load_field(s, f, codec, e, t, marker_t, h, w, c->markers_only)) < 0) return err;
		s->fields[s->n - 1].beside = marker->frames == 1 ? frames - 1 : marker_t;
	}
	return C5_OK;
}

int c5_stain_load(c5_stain_set *out, c5_file *f, char *const *names, size_t n, const c5_recipe *recipe, const c5_stain_params *p,
	const c5_stain_choice *choice)
{
	c5_codec *codec = NULL;
	char **groups = NULL;
	size_t cap = 0, known = 0;
	memset(out, 0, sizeof *out);
	int err = c5_codec_open(&codec);
	for (size_t i = 0; i < n && err == C5_OK; i++) {
		c5_experiment e = { 0 };
		if ((err = c5_experiment_read(f, names[i], &e)) == C5_OK) {
			if (i == 0 && recipe) out->recipe = *recipe;
			else if (i == 0) err = c5_stain_recipe_for(&out->recipe, &e, p);
			const size_t first = out->n;
			if (err == C5_OK) err = load_experiment(out, f, codec, &e, choice);
			if (err == C5_OK) err = c5_stain_register(out, f, codec, &e, first, p->registration);
			if (err == C5_OK) err = c5_grow(&groups, &cap, out->n, sizeof *groups);
			for (; err == C5_OK && known < out->n; known++)
				if (!(groups[known] = c5_strdup(group_of(&e, p->per)))) err = c5_fail(C5_ENOMEM, "out of memory");
		}
		c5_experiment_free(&e);
	}
	if (err == C5_OK && out->n == 0) err = c5_fail(C5_EINPUT, "there is no experiment to take fields from");
	if (err == C5_OK) err = binarise(out, p, (const char *const *)groups);
	for (size_t i = 0; i < known; i++) free(groups[i]);
	free(groups);
	c5_codec_close(codec);
	if (err < 0) c5_stain_set_clear(out);
	return err;
}

void c5_stain_set_clear(c5_stain_set *s)
{
	for (size_t i = 0; i < s->n; i++) c5_field_clear(&s->fields[i]);
	for (size_t i = 0; i < s->n_thresholds; i++) free(s->thresholds[i].group);
	for (size_t i = 0; i < s->n_places; i++) free(s->places[i].experiment);
	free(s->places);
	free(s->fields);
	free(s->thresholds);
	memset(s, 0, sizeof *s);
}
