/* support_track.h – small movies for the tests of tracking: objects made by hand, and the real colony with its true labels. */
#ifndef SUPPORT_TRACK_H
#define SUPPORT_TRACK_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/dtype.h"
#include "base/error.h"
#include "image/source.h"
#include "track/track.h"

#define MOVIE_FRAMES 64
#define MOVIE_OBJECTS 512

/* Objects by frame; the label an object is shown with is not its true id. */
typedef struct movie {
	uint32_t n_frames, n[MOVIE_FRAMES], id[MOVIE_FRAMES][MOVIE_OBJECTS];
	c5_object objects[MOVIE_FRAMES][MOVIE_OBJECTS];
	uint32_t *labels[MOVIE_FRAMES]; /* or NULL */
	size_t height, width;
} movie;

static inline void movie_free(movie *m)
{
	for (uint32_t t = 0; t < MOVIE_FRAMES; t++) free(m->labels[t]);
	memset(m, 0, sizeof *m);
}

static inline uint32_t movie_dice(uint64_t *seed, uint32_t sides)
{
	uint64_t z = (*seed += 0x9e3779b97f4a7c15u);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return (uint32_t)((z ^ (z >> 31)) >> 33) % sides;
}

/* An ellipse of that area, `ratio` times as long as wide. */
static inline void movie_add(movie *m, uint32_t t, uint32_t id, double y, double x, double area, double ratio, double turn)
{
	double minor = 2 * sqrt(area / (M_PI * ratio)), major = minor * ratio, r = major / 2;
	uint32_t k = m->n[t]++;
	if (t >= m->n_frames) m->n_frames = t + 1;
	m->id[t][k] = id;
	m->objects[t][k] = (c5_object){ .label = 0, .y0 = (uint32_t)fmax(0, y - r), .x0 = (uint32_t)fmax(0, x - r), .y1 = (uint32_t)fmax(0, y + r + 1),
		.x1 = (uint32_t)fmax(0, x + r + 1), .y = y, .x = x, .area = area, .major_axis = major, .minor_axis = minor, .orientation = turn, .mean = NAN };
	m->objects[t][k].label = k + 1;
}

static inline c5_track_frame movie_frame(const movie *m, uint32_t t)
{
	return (c5_track_frame){ .frame = t, .n = m->n[t], .objects = m->objects[t], .labels = m->labels[t], .height = m->height, .width = m->width };
}

/* Puts the objects into another order and gives them other labels (not where there are label images). */
static inline void movie_shuffle(movie *m, uint64_t seed, bool relabel)
{
	for (uint32_t t = 0; t < m->n_frames; t++) {
		for (uint32_t n = m->n[t]; n > 1; n--) {
			uint32_t a = n - 1, b = movie_dice(&seed, n), id = m->id[t][a];
			c5_object o = m->objects[t][a];
			m->objects[t][a] = m->objects[t][b], m->id[t][a] = m->id[t][b];
			m->objects[t][b] = o, m->id[t][b] = id;
		}
		for (uint32_t k = 0; relabel && !m->labels[t] && k < m->n[t]; k++) m->objects[t][k].label = 3 * k + 7;
	}
}

static inline uint32_t movie_id(const movie *m, uint32_t t, uint32_t label)
{
	for (uint32_t k = 0; k < m->n[t]; k++)
		if (m->objects[t][k].label == label) return m->id[t][k];
	return 0;
}

/* Frames 24 to 29 of the colony; ids are those of man_track.txt. False when the data are not there. */
static inline bool movie_colony(movie *m)
{
	const char *root = getenv("C5_SOURCE");
	char path[1024];
	c5_scan_params params = { 0 };
	c5_scan *scan = NULL;
	c5_frame_reader *reader = NULL;
	c5_region *r = NULL;
	uint16_t *raw = NULL;
	snprintf(path, sizeof path, "%s/tests/data/ecoli-phase-lineage/01_GT/TRA", root ? root : "..");
	const char *input = path;
	bool good = c5_opt_defaults(c5_scan_opts, &params) == C5_OK && c5_scan_inputs(&scan, &params, 1, &input) == C5_OK && scan->n_series == 1 &&
		!scan->series[0].error && scan->series[0].dtype == C5_U16 && c5_frame_reader_open(&reader, scan, &params) == C5_OK;
	const c5_series *s = good ? scan->series : NULL;
	for (uint32_t t = 0; good && t < s->t && t < MOVIE_FRAMES; t++) {
		size_t n = (size_t)s->height * s->width;
		uint32_t ids = 0, fresh[1024] = { 0 };
		m->height = s->height, m->width = s->width, m->n_frames = s->t;
		good = c5_alloc(&m->labels[t], n, sizeof **m->labels) == C5_OK && (raw || c5_alloc(&raw, n, sizeof *raw) == C5_OK) &&
			c5_frame_read(reader, s, t, 0, raw) == C5_OK;
		for (size_t i = 0; good && i < n; i++) {
			uint32_t id = raw[i] % 1024;
			if (!id) continue;
			if (!fresh[id]) m->id[t][ids] = id, fresh[id] = ++ids;
			m->labels[t][i] = fresh[id];
		}
		good = good && (r || c5_alloc(&r, MOVIE_OBJECTS, sizeof *r) == C5_OK) && c5_regions_measure(m->labels[t], m->height, m->width, ids, r) == C5_OK;
		for (uint32_t k = 0; good && k < ids; k++) m->objects[t][k] = c5_object_of_region(&r[k], NAN);
		m->n[t] = ids;
	}
	free(raw);
	free(r);
	c5_frame_reader_close(reader);
	c5_scan_free(scan);
	c5_opt_clear(c5_scan_opts, &params);
	return good;
}

#endif
