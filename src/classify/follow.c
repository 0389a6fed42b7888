/* follow.c – see follow.h. Objects are sorted by what they are summed up by, then frame, then their number, so sums have one order. */
#include "classify/follow.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "measure/figures.h"

struct entry { uint32_t key, frame; size_t at; float score; };

static int by_key(const void *x, const void *y)
{
	const struct entry *a = x, *b = y;
	if (a->key != b->key) return a->key < b->key ? -1 : 1;
	if (a->frame != b->frame) return a->frame < b->frame ? -1 : 1;
	return (a->at > b->at) - (a->at < b->at);
}

static int sort_entries(struct entry **out, double **values, const c5_scored_object *objects, size_t n, bool by_track)
{
	int err = c5_alloc(out, n, sizeof **out);
	*values = NULL;
	if (err < 0 || (err = c5_alloc(values, n, sizeof **values)) < 0) return err;
	for (size_t i = 0; i < n; i++) (*out)[i] = (struct entry){ by_track ? objects[i].track : objects[i].frame, objects[i].frame, i, objects[i].score };
	if (n) qsort(*out, n, sizeof **out, by_key);
	return C5_OK;
}

typedef struct summary { double mean, sd, median; uint32_t positive; } summary;

/* values: scratch, n. */
static summary sum_up(const struct entry *e, size_t n, double threshold, double *values)
{
	summary s = { 0, 0, NAN, 0 };
	for (size_t i = 0; i < n; i++) {
		values[i] = (double)e[i].score;
		s.mean += values[i];
		s.positive += values[i] >= threshold;
	}
	s.mean = n ? s.mean / (double)n : NAN;
	for (size_t i = 0; i < n; i++) s.sd += (values[i] - s.mean) * (values[i] - s.mean);
	s.sd = n > 1 ? sqrt(s.sd / (double)(n - 1)) : n ? 0 : NAN;
	c5_sort_values(values, n);
	s.median = c5_sorted_median(values, n);
	return s;
}

int c5_score_frames(c5_score_frame *frames, size_t n_frames, const c5_scored_object *objects, size_t n, double threshold)
{
	struct entry *e = NULL;
	double *values = NULL;
	int err = sort_entries(&e, &values, objects, n, false);
	for (size_t t = 0, i = 0; err == C5_OK && t < n_frames; t++) {
		size_t from = i;
		while (i < n && e[i].key == t) i++;
		summary s = sum_up(e + from, i - from, threshold, values);
		frames[t] = (c5_score_frame){ (uint32_t)t, (uint32_t)(i - from), s.positive, s.mean, s.sd, s.median,
			i > from ? s.positive / (double)(i - from) : NAN };
		if (t + 1 == n_frames && i < n) err = c5_fail(C5_EINPUT, "a scored object is of frame %u, %zu frames are expected", e[i].key, n_frames);
	}
	free(e);
	free(values);
	return err;
}

static double slope_of(const struct entry *e, size_t n)
{
	double t = 0, y = 0, ty = 0, tt = 0;
	for (size_t i = 0; i < n; i++) t += e[i].frame, y += (double)e[i].score;
	t /= (double)n, y /= (double)n;
	for (size_t i = 0; i < n; i++) {
		ty += (e[i].frame - t) * ((double)e[i].score - y);
		tt += (e[i].frame - t) * (e[i].frame - t);
	}
	return tt > 0 ? ty / tt : 0;
}

static void follow(c5_score_track *to, const struct entry *e, size_t n, double threshold, double *values)
{
	summary s = sum_up(e, n, threshold, values); /* leaves the values sorted */
	*to = (c5_score_track){ e->key, (uint32_t)n, e[0].frame, e[n - 1].frame, s.mean, s.sd, s.median, values[0], values[n - 1], (double)e[0].score,
		(double)e[n - 1].score, slope_of(e, n), s.positive / (double)n, 0, -1 };
	for (size_t i = 0; i < n; i++) {
		bool called = (double)e[i].score >= threshold, before = i && (double)e[i - 1].score >= threshold;
		to->changes += i && called != before;
		if (!called) to->onset = -1;
		else if (!before) to->onset = (int32_t)e[i].frame;
	}
}

int c5_score_tracks(c5_score_track *tracks, size_t n_tracks, const c5_scored_object *objects, size_t n, double threshold)
{
	struct entry *e = NULL;
	double *values = NULL;
	int err = sort_entries(&e, &values, objects, n, true);
	for (size_t k = 0; err == C5_OK && k < n_tracks; k++)
		tracks[k] = (c5_score_track){ .track = (uint32_t)k + 1, .mean = NAN, .sd = NAN, .median = NAN, .least = NAN, .most = NAN, .at_first = NAN,
			.at_last = NAN, .slope = NAN, .share = NAN, .onset = -1 };
	for (size_t i = 0, k; err == C5_OK && i < n; i = k) {
		for (k = i + 1; k < n && e[k].key == e[i].key;) k++;
		if (e[i].key > n_tracks) err = c5_fail(C5_EINPUT, "an object is on track %u, %zu tracks are expected", e[i].key, n_tracks);
		else if (e[i].key) follow(&tracks[e[i].key - 1], e + i, k - i, threshold, values);
	}
	free(e);
	free(values);
	return err;
}
