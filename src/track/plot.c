/* plot.c – see plot.h. A line for each track along the time axis; a mother lies in the middle of her daughters, and leaves of the tree are
 * one lane apart. Written with two decimals, so that the text does not depend on the machine. */
#include "track/plot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/text.h"

#define MARGIN 24.0
#define AXIS 58.0            /* room for the numbers of the time axis */
#define HEAD 40.0            /* for the title */
#define LANE_LEAST 7.0       /* px between neighbouring leaves, when many ... */
#define LANE_MOST 26.0       /* ... and when few */
#define BREADTH 1400.0       /* what the lanes should take together, if they can */
#define LENGTH 760.0         /* of the time axis */
#define NAMED 9.0            /* lanes at least so wide get the tracks' numbers */
#define COLOURS 10

/* Told apart by those who see fewer colours, too; dark enough for thin lines on white. */
static const char *const colours[COLOURS] = { "#0b6fa4", "#d1495b", "#2e8b57", "#8e5ea2", "#c77800", "#00808a", "#9c3f1d", "#5b6abf", "#6b7a1e",
	"#b0428c" };

typedef struct leafing {
	const c5_tracks *tracks;
	uint32_t *daughter;      /* (n_tracks, 2) ids, 0 none */
	double *lane;            /* (n_tracks) */
	uint8_t *shown;          /* (n_tracks) */
	uint32_t *stack;
	double lanes;            /* given out */
} leafing;

static int make_room(leafing *l, const c5_tracks *tracks, uint32_t least)
{
	size_t n = tracks->n_tracks;
	uint32_t *seen = NULL;
	int err;
	l->tracks = tracks;
	if ((err = c5_alloc(&l->daughter, 2 * n + 2, sizeof *l->daughter)) < 0 || (err = c5_alloc(&l->lane, n + 1, sizeof *l->lane)) < 0 ||
	    (err = c5_alloc(&l->shown, n + 1, 1)) < 0 || (err = c5_alloc(&l->stack, 2 * n + 2, sizeof *l->stack)) < 0 ||
	    (err = c5_alloc(&seen, n + 1, sizeof *seen)) < 0)
		return err;
	for (size_t k = 0; k < n; k++) {
		const c5_track *t = &tracks->tracks[k];
		if (t->parent) l->daughter[2 * (t->parent - 1) + (l->daughter[2 * (t->parent - 1)] != 0)] = t->id;
		seen[t->founder - 1] += t->n_nodes;
	}
	for (size_t k = 0; k < n; k++) l->shown[k] = seen[tracks->tracks[k].founder - 1] >= least;
	free(seen);
	return C5_OK;
}

/* Lanes below one founder, without recursion: a track is met, its daughters are, and it is met again. */
static void place(leafing *l, uint32_t founder)
{
	size_t n = 0;
	l->stack[n++] = founder;
	while (n) {
		uint32_t top = l->stack[n - 1], id = top & ~(1u << 31), *two = &l->daughter[2 * (id - 1)];
		n--;
		if (top != id) {
			l->lane[id - 1] = two[1] ? (l->lane[two[0] - 1] + l->lane[two[1] - 1]) / 2 : l->lane[two[0] - 1];
			continue;
		}
		if (!two[0]) {
			l->lane[id - 1] = l->lanes++;
			continue;
		}
		l->stack[n++] = id | 1u << 31;
		if (two[1]) l->stack[n++] = two[1];
		l->stack[n++] = two[0];
	}
	l->lanes += 0.8; /* between families */
}

/* A step of 1, 2 or 5 times a power of ten that gives some ten marks. */
static double nice_step(double span)
{
	double raw = span / 9, ten = pow(10, floor(log10(fmax(raw, 1e-9)))), part = raw / ten;
	return (part < 1.5 ? 1 : part < 3.5 ? 2 : part < 7.5 ? 5 : 10) * ten;
}

typedef struct canvas { c5_buf *to; bool sideways; double lane, lane0, frame, frame0, first; } canvas;

static double across(const canvas *c, double lane) { return c->lane0 + c->lane * lane; }
static double along(const canvas *c, double frame) { return c->frame0 + c->frame * (frame - c->first); }

static void line(const canvas *c, const char *class, double lane1, double frame1, double lane2, double frame2)
{
	double a1 = across(c, lane1), b1 = along(c, frame1), a2 = across(c, lane2), b2 = along(c, frame2);
	c5_text_addf(c->to, "<path class=\"%s\" d=\"M%.2f %.2fL%.2f %.2f\"/>\n", class, c->sideways ? b1 : a1, c->sideways ? a1 : b1, c->sideways ? b2 : a2,
		c->sideways ? a2 : b2);
}

static void put_escaped(c5_buf *to, const char *s)
{
	for (; *s; s++) {
		if (*s == '<') c5_text_add(to, "&lt;");
		else if (*s == '&') c5_text_add(to, "&amp;");
		else if ((unsigned char)*s >= ' ') c5_buf_put(to, s, 1);
	}
}

static void put_axis(const canvas *c, const c5_tracks *tracks, double minutes, double lanes)
{
	double unit = minutes > 0 ? minutes : 1, first = tracks->first_frame * unit, last = tracks->last_frame * unit, step = nice_step(last - first);
	const char *name = minutes > 0 ? "minutes" : "frames";
	if (minutes > 0 && last - first > 600) {
		unit /= 60, first /= 60, last /= 60, name = "hours";
		step = nice_step(last - first);
	}
	if (!(minutes > 0)) step = fmax(1, step);
	for (double k = ceil(first / step - 1e-9); k * step <= last + 1e-9 * step; k++) {
		double v = k * step + 0.0, at = along(c, v / unit);
		char text[C5_REAL_TEXT];
		snprintf(text, sizeof text, "%.10g", v);
		line(c, "g", -1, v / unit, lanes, v / unit);
		if (c->sideways) c5_text_addf(c->to, "<text class=\"a\" x=\"%.2f\" y=\"%.2f\" text-anchor=\"middle\">%s</text>\n", at, HEAD + 16, text);
		else c5_text_addf(c->to, "<text class=\"a\" x=\"%.2f\" y=\"%.2f\" text-anchor=\"end\">%s</text>\n", AXIS - 8, at + 4, text);
	}
	if (c->sideways) c5_text_addf(c->to, "<text class=\"a\" x=\"%.2f\" y=\"%.2f\">%s</text>\n", MARGIN, HEAD, name);
	else c5_text_addf(c->to, "<text class=\"a\" x=\"%.2f\" y=\"%.2f\">%s</text>\n", MARGIN / 2, HEAD + 12, name);
}

static void put_track(const canvas *c, const leafing *l, const c5_track *t, int by, uint32_t *families)
{
	double lane = l->lane[t->id - 1];
	char class[16];
	uint32_t colour = by == C5_LINEAGE_GENERATION ? t->generation : families[t->founder - 1];
	snprintf(class, sizeof class, "c%u", colour % COLOURS);
	line(c, class, lane, t->first, lane, t->last);
	if (t->first == t->last && !t->daughters) line(c, class, lane, t->first, lane, t->first + 0.3);
	for (int s = 0; s < 2; s++) {
		uint32_t d = l->daughter[2 * (t->id - 1) + (uint32_t)s];
		if (d) line(c, class, lane, t->last, l->lane[d - 1], l->tracks->tracks[d - 1].first);
	}
	bool ends = !t->daughters && t->last < l->tracks->last_frame;
	double a = across(c, lane), b = along(c, t->last) + (ends ? 3 : 0);
	if (ends) c5_text_addf(c->to, "<circle class=\"e\" cx=\"%.2f\" cy=\"%.2f\" r=\"2.2\"/>\n", c->sideways ? b : a, c->sideways ? a : b);
	if (c->lane < NAMED || t->daughters) return;
	if (c->sideways) c5_text_addf(c->to, "<text class=\"n\" x=\"%.2f\" y=\"%.2f\">%u</text>\n", b + 6, a + 3, t->id);
	else c5_text_addf(c->to, "<text class=\"n\" x=\"%.2f\" y=\"%.2f\" transform=\"rotate(90 %.2f %.2f)\">%u</text>\n", a - 3, b + 6, a - 3, b + 6,
		t->id);
}

int c5_lineage_svg(c5_buf *to, const c5_tracks *tracks, const c5_lineage_plot *plot)
{
	leafing l = { 0 };
	uint32_t *families = NULL, family = 0, shown = 0;
	int err;
	if ((err = make_room(&l, tracks, plot->least)) < 0 || (err = c5_alloc(&families, tracks->n_tracks + 1, sizeof *families)) < 0) goto done;
	for (size_t k = 0; k < tracks->n_tracks; k++) {
		const c5_track *t = &tracks->tracks[k];
		shown += l.shown[k];
		if (!l.shown[k] || t->parent) continue;
		place(&l, t->id);
		families[k] = family++;
	}
	double lanes = fmax(1, l.lanes - 0.8), lane = fmin(LANE_MOST, fmax(LANE_LEAST, BREADTH / lanes)),
		span = fmax(1, (double)tracks->last_frame - tracks->first_frame);
	double breadth = lane * lanes + (plot->sideways ? HEAD + 24 : AXIS) + MARGIN, length = LENGTH + MARGIN + 40 + (plot->sideways ? AXIS : HEAD + 24);
	double width = fmax(plot->sideways ? length : breadth, 420), height = plot->sideways ? breadth : length;
	canvas c = { to, plot->sideways, lane, (plot->sideways ? HEAD + 24 : AXIS) + lane / 2, LENGTH / span, plot->sideways ? AXIS : HEAD + 24,
		tracks->first_frame };
	c5_text_addf(to, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\">\n", width, height, width,
		height);
	c5_text_add(to, "<style>path{fill:none;stroke-linecap:round}text{font-family:sans-serif;fill:#333}.t{font-size:17px;font-weight:bold}"
		".s{font-size:12px}.a{font-size:12px}.n{font-size:8px;fill:#666}.g{stroke:#e4e4e4;stroke-width:1}.e{fill:#fff;stroke:#555;stroke-width:1}");
	for (int k = 0; k < COLOURS; k++) c5_text_addf(to, ".c%d{stroke:%s;stroke-width:%.1f}", k, colours[k], lane < NAMED ? 1.4 : 2.0);
	c5_text_addf(to, "</style>\n<rect width=\"%.0f\" height=\"%.0f\" fill=\"#fff\"/>\n", width, height);
	if (plot->title) {
		c5_text_addf(to, "<text class=\"t\" x=\"%.0f\" y=\"22\">", MARGIN / 2);
		put_escaped(to, plot->title);
		c5_text_add(to, "</text>\n");
	}
	c5_text_addf(to, "<text class=\"s\" x=\"%.0f\" y=\"22\" text-anchor=\"end\">%u tracks, %u %s, %u divisions</text>\n", width - MARGIN / 2, shown,
		family, family == 1 ? "family" : "families", tracks->divisions);
	put_axis(&c, tracks, isfinite(plot->minutes) ? plot->minutes : 0, lanes);
	for (size_t k = 0; k < tracks->n_tracks; k++)
		if (l.shown[k]) put_track(&c, &l, &tracks->tracks[k], plot->colour, families);
	c5_text_add(to, "</svg>\n");
	err = to->err;
done:
	free(l.daughter);
	free(l.lane);
	free(l.shown);
	free(l.stack);
	free(families);
	return err;
}
