/* roi.c – writes ImageJ ROIs: a zip of one .roi file an object and frame, the outline along the pixels' edges as ImageJ's own tracing tool leaves it,
 * so that filling it gives the object's pixels again. Holes are not outlines: they are filled. An object in several parts has an outline each.
 * Names: fFRAME-oLABEL, with -tTRACK when tracks are asked for; the stack position is the frame, counted from 1.
 * Format: ij/io/RoiEncoder of ImageJ, version 228, big-endian. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "formats/bundle.h"
#include "formats/export.h"
#include "formats/movie.h"

#define HEADER 64
#define HEADER2 64
#define TRACED 8
#define VERSION 228
#define SIDE_MAX 32767 /* px: coordinates are 16 bits with a sign */

typedef struct outline { int32_t *yx; size_t n, cap; } outline; /* corners (y, x), pixel (y, x) spans y..y+1, x..x+1 */

static int add_corner(outline *o, int32_t y, int32_t x)
{
	int err = c5_grow(&o->yx, &o->cap, 2 * (o->n + 1), sizeof *o->yx);
	if (err < 0) return err;
	o->yx[2 * o->n] = y, o->yx[2 * o->n + 1] = x;
	o->n++;
	return C5_OK;
}

/* Ahead of a corner, to the left and to the right, by heading: east, south, west, north. As offsets (y, x) of pixels. */
static const int8_t ahead[4][2][2] = { { { -1, 0 }, { 0, 0 } }, { { 0, 0 }, { 0, -1 } }, { { 0, -1 }, { -1, -1 } }, { { -1, -1 }, { -1, 0 } } };
static const int8_t step[4][2] = { { 0, 1 }, { 1, 0 }, { 0, -1 }, { -1, 0 } };

/* Follows the edge that begins with the top of pixel (y, x) eastwards, the object on the right hand; at corners where it touches itself it goes
 * to the other part (neighbourhood 8). Marks the tops passed. area2: twice the area enclosed, negative around a hole. */
static int follow(const uint32_t *labels, int32_t height, int32_t width, int32_t y, int32_t x, uint8_t *passed, outline *o, int64_t *area2)
{
	uint32_t label = labels[(size_t)y * (size_t)width + (size_t)x];
	int32_t cy = y, cx = x;
	int heading = 0, err;
	o->n = 0;
	*area2 = 0;
	if ((err = add_corner(o, cy, cx)) < 0) return err;
	do {
		if (heading == 0) passed[(size_t)cy * (size_t)width + (size_t)cx] = 1;
		int32_t ny = cy + step[heading][0], nx = cx + step[heading][1];
		*area2 += (int64_t)cx * ny - (int64_t)nx * cy;
		cy = ny, cx = nx;
		bool in[2];
		for (int side = 0; side < 2; side++) {
			int32_t py = cy + ahead[heading][side][0], px = cx + ahead[heading][side][1];
			in[side] = py >= 0 && px >= 0 && py < height && px < width && labels[(size_t)py * (size_t)width + (size_t)px] == label;
		}
		int turned = in[0] ? (heading + 3) % 4 : in[1] ? heading : (heading + 1) % 4;
		if (turned != heading && !(cy == y && cx == x && turned == 0) && (err = add_corner(o, cy, cx)) < 0) return err;
		heading = turned;
	} while (cy != y || cx != x || heading != 0);
	return C5_OK;
}

static void put16(uint8_t *at, uint32_t v) { at[0] = (uint8_t)(v >> 8), at[1] = (uint8_t)v; }
static void put32(uint8_t *at, uint32_t v) { put16(at, v >> 16), put16(at + 2, v & 0xffff); }

static int put_roi(c5_bundle *b, const outline *o, const char *name, uint64_t t)
{
	int32_t top = INT32_MAX, left = INT32_MAX, bottom = 0, right = 0;
	size_t letters = strlen(name), second = HEADER + 4 * o->n, size = second + HEADER2 + 2 * letters;
	char *member = NULL;
	uint8_t *roi = NULL;
	int err;
	if (o->n > UINT16_MAX) return c5_fail(C5_EINPUT, "%s: an outline of %zu corners, an ImageJ ROI holds up to 65535", name, o->n);
	if ((err = c5_alloc(&roi, size, 1)) < 0) return err;
	for (size_t i = 0; i < o->n; i++) {
		int32_t y = o->yx[2 * i], x = o->yx[2 * i + 1];
		if (y < top) top = y;
		if (y > bottom) bottom = y;
		if (x < left) left = x;
		if (x > right) right = x;
	}
	memcpy(roi, "Iout", 4);
	put16(roi + 4, VERSION);
	roi[6] = TRACED;
	put16(roi + 8, (uint32_t)top), put16(roi + 10, (uint32_t)left), put16(roi + 12, (uint32_t)bottom), put16(roi + 14, (uint32_t)right);
	put16(roi + 16, (uint32_t)o->n);
	put32(roi + 56, (uint32_t)t + 1);
	put32(roi + 60, (uint32_t)second);
	for (size_t i = 0; i < o->n; i++) {
		put16(roi + HEADER + 2 * i, (uint32_t)(o->yx[2 * i + 1] - left));
		put16(roi + HEADER + 2 * (o->n + i), (uint32_t)(o->yx[2 * i] - top));
	}
	put32(roi + second + 16, (uint32_t)(second + HEADER2));
	put32(roi + second + 20, (uint32_t)letters);
	for (size_t i = 0; i < letters; i++) put16(roi + second + HEADER2 + 2 * i, (uint8_t)name[i]);
	if (!(member = c5_format("%s.roi", name))) err = c5_fail(C5_ENOMEM, "out of memory");
	if (err == C5_OK) err = c5_bundle_member(b, member, size);
	if (err == C5_OK) err = c5_bundle_write(b, roi, size);
	free(member);
	free(roi);
	return err;
}

typedef struct frame_state { uint32_t *labels; uint8_t *passed; uint32_t *parts; size_t cap_parts; outline outline; } frame_state;

static int put_frame(c5_bundle *b, c5_movie *m, uint64_t t, frame_state *s)
{
	int32_t height = (int32_t)m->height, width = (int32_t)m->width;
	size_t n = m->height * m->width;
	uint32_t most = 0;
	int err = c5_movie_labels(m, t, s->labels);
	if (err < 0) return err;
	for (size_t i = 0; i < n; i++)
		if (s->labels[i] > most) most = s->labels[i];
	if ((err = c5_grow(&s->parts, &s->cap_parts, (size_t)most + 1, sizeof *s->parts)) < 0 ||
	    (err = c5_grow(&m->ids, &m->cap_ids, (size_t)most + 1, sizeof *m->ids)) < 0) return err;
	if (m->tracks_path) c5_lineage_ids(&m->lineage, (uint32_t)t, most, m->ids);
	memset(s->parts, 0, ((size_t)most + 1) * sizeof *s->parts);
	memset(s->passed, 0, n);
	for (int32_t y = 0; y < height; y++)
		for (int32_t x = 0; x < width; x++) {
			size_t i = (size_t)y * m->width + (size_t)x;
			uint32_t label = s->labels[i];
			int64_t area2;
			char name[96];
			if (!label || s->passed[i] || (y && s->labels[i - m->width] == label)) continue;
			if ((err = follow(s->labels, height, width, y, x, s->passed, &s->outline, &area2)) < 0) return err;
			if (area2 < 0) continue;
			int at = snprintf(name, sizeof name, "f%04llu-o%04u", (unsigned long long)t, label);
			if (m->tracks_path) at += snprintf(name + at, sizeof name - (size_t)at, "-t%04u", m->ids[label]);
			if (s->parts[label]++) snprintf(name + at, sizeof name - (size_t)at, "-part%u", s->parts[label]);
			if ((err = put_roi(b, &s->outline, name, t)) < 0) return err;
		}
	return C5_OK;
}

int c5_export_roi(c5_export *x, const char *experiment, const char *path)
{
	c5_movie m;
	c5_bundle *b = NULL;
	frame_state s = { 0 };
	int err = c5_movie_open(&m, x->file, experiment, x->params->revision, strcmp(x->params->what, "tracks") == 0 ? C5_WANT_TRACKS : C5_WANT_MASKS);
	if (err < 0) return err;
	if (m.height > SIDE_MAX || m.width > SIDE_MAX)
		err = c5_fail(C5_EINPUT, "%s: frames wider than %d px, more than an ImageJ ROI can say", experiment, SIDE_MAX);
	if (err == C5_OK) err = c5_alloc(&s.labels, m.height * m.width, sizeof *s.labels);
	if (err == C5_OK) err = c5_alloc(&s.passed, m.height * m.width, 1);
	if (err == C5_OK) err = c5_bundle_create(&b, path, C5_BUNDLE_ZIP);
	for (uint64_t t = 0; err == C5_OK && t < m.frames; t++)
		if ((err = c5_export_tick()) == C5_OK) err = put_frame(b, &m, t, &s);
	if (err == C5_OK) err = c5_bundle_finish(b);
	else c5_bundle_close(b);
	free(s.outline.yx);
	free(s.parts);
	free(s.passed);
	free(s.labels);
	c5_movie_close(&m);
	return err;
}
