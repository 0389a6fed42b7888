/* simulate.c – the settings, the fields, and frames drawn from a world; see simulate.h. */
#include "simulate/simulate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "image/filter.h"
#include "simulate/world.h"

#define PI 3.14159265358979323846
#define FULL 10000.0 /* counts of an empty field of phase contrast */
#define LEAST_PIXELS 12 /* a sliver at the edge is no cell */
#define STRIPE 6.0 /* px from stripe to stripe of a differentiated cell */
#define PLATE_KEY UINT64_C(0x706c617465000000)

#define F(member) offsetof(c5_sim_params, member)
const c5_opt c5_sim_opts[] = {
	{ "fields", C5_OPT_INT, F(fields), "1", 1, 100000, NULL, "N", "experiments of each condition" },
	{ "plates", C5_OPT_INT, F(plates), "1", 1, 1000, NULL, "N", "plates they are spread over, each with its own light, blur and density" },
	{ "frames", C5_OPT_INT, F(frames), "40", 1, 1e7, NULL, "N", "frames of each movie" },
	{ "height", C5_OPT_INT, F(height), "512", 16, 65536, "px", NULL, "height of a frame" },
	{ "width", C5_OPT_INT, F(width), "512", 16, 65536, "px", NULL, "width of a frame" },
	{ "cells", C5_OPT_INT, F(cells), "40", 0, 1e6, NULL, "N", "cells in the first frame, about" },
	{ "radius", C5_OPT_REAL, F(radius), "14", 2, 500, "px", NULL, "radius of a young control cell" },
	{ "aspect", C5_OPT_REAL, F(aspect), "1.6", 1, 8, NULL, NULL, "length of a cell over its width" },
	{ "speed", C5_OPT_REAL, F(speed), "1.5", 0, 100, "px", NULL, "typical move of a cell from frame to frame" },
	{ "cycle", C5_OPT_REAL, F(cycle), "30", 0, 1e6, "frames", NULL, "frames between a control cell's divisions; 0: none divide" },
	{ "death", C5_OPT_REAL, F(death), "0.0005", 0, 1, NULL, NULL, "chance of a cell to die in a frame" },
	{ "conditions", C5_OPT_TEXT, F(conditions), "control=0", 0, 0, NULL, "NAME=SHARE,...", "conditions, and the share of senescent cells in each" },
	{ "severity", C5_OPT_REAL, F(severity), "1", 0, 1, NULL, NULL,
		"how far senescent cells have changed: 1 plainly, near 0 hardly beyond what cells differ anyway" },
	{ "variation", C5_OPT_REAL, F(variation), "0", 0, 2, NULL, NULL,
		"how much cells of one kind differ in brightness in each channel by itself (deviation of the logarithm)" },
	{ "efficiency-from", C5_OPT_REAL, F(efficiency_from), "0.5", 0, 1, NULL, NULL, "share of marker-positive cells in the first field" },
	{ "efficiency-to", C5_OPT_REAL, F(efficiency_to), "0.5", 0, 1, NULL, NULL, "and in the last; those between are evenly spread" },
	{ "differentiation", C5_OPT_REAL, F(differentiation), "0", 0, 1, NULL, NULL,
		"how much marker-positive cells look different without the marker: thicker, striated" },
	{ "patch", C5_OPT_REAL, F(patch), "0", 0, 1e5, "px", NULL, "marker-positive cells stand in patches of about this size; 0: anywhere" },
	{ "onset", C5_OPT_REAL, F(onset), "0", 0, 1e7, "frames", NULL,
		"differentiation takes time: frame with half of the marker, looks come first; 0: all at once" },
	{ "channels", C5_OPT_TEXT, F(channels), "phase", 0, 0, NULL, "A,B", "what is recorded: phase, fluorescence, marker, srs, tpef, transmission" },
	{ "halo", C5_OPT_REAL, F(halo), "1", 0, 2, NULL, NULL, "strength of the bright halo of phase contrast" },
	{ "blur", C5_OPT_REAL, F(blur), "1.2", 0, 50, "px", NULL, "optical blur, standard deviation" },
	{ "shading", C5_OPT_REAL, F(shading), "0.1", 0, 1, NULL, NULL, "fall of the light towards the edges" },
	{ "noise", C5_OPT_REAL, F(noise), "1", 0, 100, NULL, NULL, "noise, as a multiple of a camera's photon noise" },
	{ "drift", C5_OPT_REAL, F(drift), "0.3", 0, 100, "px", NULL, "unsteadiness of the stage from frame to frame" },
	{ "missed", C5_OPT_INT, F(missed), "0", 0, 1e6, "frames", NULL, "every so many frames one is lost; 0: none" },
	{ "plate-spread", C5_OPT_REAL, F(plate_spread), "0.5", 0, 1, NULL, NULL, "how much plates differ" },
	{ "pixel-size", C5_OPT_REAL, F(pixel_size_um), "0.65", 0, 1e6, "um", NULL, "side of a pixel" },
	{ "interval", C5_OPT_REAL, F(frame_interval_s), "600", 0, 1e9, "s", NULL, "time between frames" },
	{ "seed", C5_OPT_INT, F(seed), "1", 0, 9e15, NULL, "N", "another seed, another movie" },
	{ 0 },
};

static const char *const channel_names[C5_SIM_CHANNELS] = { "phase", "fluorescence", "marker", "srs", "tpef", "transmission" };

struct c5_sim {
	const c5_sim_params *p;
	world w;
	uint64_t key;
	double share, efficiency;
	double light, blur, shading, density, tilt_y, tilt_x; /* of the plate */
	size_t n;                /* pixels */
	float *depth, *form, *image, *wide; /* (H, W): nearest implicit radius, thickness or brightness, picture, blurred picture */
	uint32_t *owner;         /* (H, W): index + 1 of the cell a pixel belongs to */
	void *scratch;
	c5_sim_cell *seen;
	uint32_t *label_of;      /* by index of the cell: 0 not seen */
	size_t seen_cap, label_cap;
	uint32_t n_seen;
};

int c5_sim_channel_find(const char *name)
{
	for (int i = 0; i < C5_SIM_CHANNELS; i++)
		if (strcmp(channel_names[i], name) == 0) return i;
	return -1;
}

const char *c5_sim_channel_name(int channel) { return channel_names[channel]; }

int c5_sim_condition(const c5_sim_params *p, uint32_t index, char **name, double *share)
{
	const char *at = p->conditions ? p->conditions : "control=0";
	for (uint32_t i = 0; i < index; i++) {
		at = strchr(at, ',');
		if (!at) return c5_fail(C5_EUSAGE, "--conditions: there is no condition %u", index + 1);
		at++;
	}
	size_t n = strcspn(at, ",=");
	char *end = NULL;
	*share = at[n] == '=' ? strtod(at + n + 1, &end) : -1;
	if (n == 0 || !end || end == at + n + 1 || (*end && *end != ',') || !(*share >= 0 && *share <= 1))
		return c5_fail(C5_EUSAGE, "--conditions: '%s': NAME=SHARE,... expected, shares from 0 to 1", p->conditions);
	if (name && !(*name = c5_format("%.*s", (int)n, at))) return c5_fail(C5_ENOMEM, "out of memory");
	return C5_OK;
}

uint32_t c5_sim_plate(const c5_sim_params *p, uint32_t field) { return (uint32_t)(field % (uint64_t)p->plates); }

double c5_sim_efficiency(const c5_sim_params *p, uint32_t field)
{
	double f = p->fields > 1 ? (double)field / (double)(p->fields - 1) : 0;
	return p->efficiency_from + f * (p->efficiency_to - p->efficiency_from);
}

static double widest_blur(const c5_sim_params *p)
{
	double halo = 1.2 * p->radius, blur = 2.5 * p->blur;
	return halo > blur ? halo : blur;
}

size_t c5_sim_bytes(const c5_sim_params *p)
{
	size_t n = (size_t)p->height * (size_t)p->width;
	return n * (4 * sizeof(float) + sizeof(uint32_t)) + c5_filter_gaussian_bytes((size_t)p->height, (size_t)p->width,
		widest_blur(p)) + 4 * (size_t)p->cells * sizeof(sim_cell);
}

int c5_sim_open(c5_sim **out, const c5_sim_params *p, uint32_t condition, uint32_t field)
{
	c5_sim *s;
	c5_random r;
	int err = c5_alloc(&s, 1, sizeof *s);
	if (err < 0) return err;
	s->p = p;
	s->n = (size_t)p->height * (size_t)p->width;
	c5_random_start(&r, (uint64_t)p->seed, (uint64_t)condition << 32 | field);
	s->key = c5_random_u64(&r);
	s->efficiency = c5_sim_efficiency(p, field);
	c5_random_start(&r, (uint64_t)p->seed, PLATE_KEY + c5_sim_plate(p, field));
	double spread = p->plates > 1 ? p->plate_spread : 0;
	s->light = 1 + spread * c5_random_range(&r, -0.4, 0.4);
	s->blur = p->blur * (1 + spread * c5_random_range(&r, -0.3, 0.8));
	s->shading = p->shading * (1 + spread * c5_random_range(&r, -1, 1.5));
	s->density = 1 + spread * c5_random_range(&r, -0.5, 0.5);
	s->tilt_y = c5_random_range(&r, -1, 1), s->tilt_x = c5_random_range(&r, -1, 1);
	if ((err = c5_sim_condition(p, condition, NULL, &s->share)) < 0) goto fail;
	if ((err = c5_alloc_aligned(&s->depth, s->n, sizeof *s->depth)) < 0 || (err = c5_alloc_aligned(&s->form, s->n, sizeof *s->form)) < 0 ||
	    (err = c5_alloc_aligned(&s->image, s->n, sizeof *s->image)) < 0 || (err = c5_alloc_aligned(&s->wide, s->n, sizeof *s->wide)) < 0 ||
	    (err = c5_alloc_aligned(&s->owner, s->n, sizeof *s->owner)) < 0 ||
	    (err = c5_alloc_aligned(&s->scratch, c5_filter_gaussian_bytes((size_t)p->height, (size_t)p->width, widest_blur(p)), 1)) < 0)
		goto fail;
	if ((err = world_open(&s->w, p, s->key, s->share, s->efficiency, s->density)) < 0) goto fail;
	*out = s;
	return C5_OK;
fail:
	c5_sim_close(s);
	return err;
}

void c5_sim_close(c5_sim *s)
{
	if (!s) return;
	world_close(&s->w);
	free(s->depth);
	free(s->form);
	free(s->image);
	free(s->wide);
	free(s->owner);
	free(s->scratch);
	free(s->seen);
	free(s->label_of);
	free(s);
}

int c5_sim_seek(c5_sim *s, uint64_t t)
{
	int err = C5_OK;
	if (t < s->w.t) {
		world_close(&s->w);
		if ((err = world_open(&s->w, s->p, s->key, s->share, s->efficiency, s->density)) < 0) return err;
	}
	while (err == C5_OK && s->w.t < t) err = world_step(&s->w);
	return err;
}

static bool missed(const c5_sim *s) { return s->p->missed > 0 && s->w.t % (uint64_t)s->p->missed == (uint64_t)s->p->missed - 1; }

/* ---- shapes ---- */

/* A cell's outline as a function: < 1 inside. */
typedef struct outline { double y, x, sin, cos, a, b, far; const sim_cell *c; } outline;

static outline outline_of(const c5_sim *s, const sim_cell *c)
{
	double r = cell_radius(c), aspect = 1 + (c->aspect - 1) * (1 - 0.8 * c->round);
	r *= 1 - 0.12 * c->round;
	return (outline){ c->y + s->w.drift_y, c->x + s->w.drift_x, sin(c->angle), cos(c->angle), r * sqrt(aspect), r / sqrt(aspect), r * sqrt(aspect) * 1.6,
		c };
}

static double implicit(const outline *o, double y, double x)
{
	double dy = y - o->y, dx = x - o->x, u = (dx * o->cos + dy * o->sin) / o->a, v = (dy * o->cos - dx * o->sin) / o->b;
	double rho = sqrt(u * u + v * v);
	if (rho < 0.3 || rho > 1.7) return rho;
	double phi = atan2(v, u), edge = 1;
	for (int k = 0; k < HARMONICS; k++) edge += (1 - o->c->round) * o->c->lobe[k] * cos((k + 2) * phi + o->c->lobe_phase[k]);
	return rho / edge;
}

typedef struct box { size_t y0, y1, x0, x1; } box;

static box box_of(const c5_sim *s, const outline *o)
{
	double h = (double)s->p->height, w = (double)s->p->width;
	double y0 = floor(o->y - o->far), y1 = ceil(o->y + o->far) + 1, x0 = floor(o->x - o->far), x1 = ceil(o->x + o->far) + 1;
	box b = { y0 < 0 ? 0 : y0 > h ? (size_t)h : (size_t)y0, y1 < 0 ? 0 : y1 > h ? (size_t)h : (size_t)y1, x0 < 0 ? 0 : x0 > w ? (size_t)w : (size_t)x0,
		x1 < 0 ? 0 : x1 > w ? (size_t)w : (size_t)x1 };
	return b;
}

int c5_sim_labels(c5_sim *s, uint32_t *labels, const c5_sim_cell **cells, uint32_t *n)
{
	size_t wide = (size_t)s->p->width;
	uint32_t *size = NULL;
	int err;
	memset(s->owner, 0, s->n * sizeof *s->owner);
	for (size_t i = 0; i < s->n; i++) s->depth[i] = 1;
	for (size_t i = 0; i < s->w.n && !missed(s); i++) {
		outline o = outline_of(s, &s->w.cells[i]);
		box b = box_of(s, &o);
		for (size_t y = b.y0; y < b.y1; y++)
			for (size_t x = b.x0; x < b.x1; x++) {
				float f = (float)implicit(&o, (double)y, (double)x);
				if (f >= s->depth[y * wide + x]) continue; /* a pixel belongs to the cell it lies deepest in */
				s->depth[y * wide + x] = f;
				s->owner[y * wide + x] = (uint32_t)i + 1;
			}
	}
	if ((err = c5_grow(&s->label_of, &s->label_cap, s->w.n + 1, sizeof *s->label_of)) < 0 ||
	    (err = c5_grow(&s->seen, &s->seen_cap, s->w.n + 1, sizeof *s->seen)) < 0 || (err = c5_alloc(&size, s->w.n + 1, sizeof *size)) < 0)
		return err;
	memset(s->label_of, 0, (s->w.n + 1) * sizeof *s->label_of);
	for (size_t i = 0; i < s->n; i++) size[s->owner[i]]++;
	s->n_seen = 0;
	for (size_t i = 0; i < s->n; i++) {
		uint32_t k = s->owner[i];
		if (k && size[k] < LEAST_PIXELS) k = s->owner[i] = 0;
		if (k && !s->label_of[k]) {
			const sim_cell *c = &s->w.cells[k - 1];
			s->label_of[k] = ++s->n_seen;
			s->seen[s->n_seen - 1] = (c5_sim_cell){ c->id, c->mother, c->born, c->senescent, c->positive, c->dying > 0, c->y + s->w.drift_y,
				c->x + s->w.drift_x };
		}
		labels[i] = k ? s->label_of[k] : 0;
	}
	free(size);
	*cells = s->seen;
	*n = s->n_seen;
	return C5_OK;
}

void c5_sim_drift(const c5_sim *s, double *y, double *x) { *y = s->w.drift_y, *x = s->w.drift_x; }

/* ---- light ---- */

/* What a channel shows of a cell: body (follows thickness), nucleus, and granules, relative to the channel's scale. */
typedef struct look { double body, nucleus, granule, background, stripes; } look;

/* How far differentiation has come when half of it is there at frame `half`: 0..1. */
static double progress(double t, double half) { return half > 0 ? 1 / (1 + exp(-5 * (t - half) / half)) : 1; }

static look look_of(const c5_sim *s, int channel, const sim_cell *c)
{
	const double old = c->senescent ? s->p->severity : 0;
	double t = (double)s->w.t, marker = c->positive ? progress(t, s->p->onset) : 0;
	double changed = c->positive ? s->p->differentiation * progress(t, 0.5 * s->p->onset) : 0; /* looks come before the marker */
	double thick = c->thickness * (1 + 0.3 * changed), stripes = 0.35 * changed * (1 - c->round);
	switch (channel) {
	case C5_SIM_PHASE: return (look){ thick * (1 - 2.2 * c->round), 0.12, 0.16, 0, stripes };
	case C5_SIM_TRANSMISSION: return (look){ 0.45 * thick, 0.1, 0.2, 0, stripes };
	case C5_SIM_FLUORESCENCE: return (look){ 0.02, c->dying ? 1.6 : 1 + 0.6 * c->round, 0, 0.02, 0 };
	case C5_SIM_MARKER: return (look){ (0.06 + 0.94 * marker) * c->level, 0.3 * marker, 0, 0.05, 0 };
	case C5_SIM_SRS: return (look){ 0.35 * thick * c->level, -0.12, 0.45, 0.08, stripes };
	default: return (look){ (0.33 + 0.13 * old) * c->level, -0.1, 0.2 * (1 - old) + 0.3 * old, 0.06, stripes }; /* two-photon autofluorescence */
	}
}

static void draw_granules(c5_sim *s, const outline *o, uint32_t index, double strength)
{
	c5_random r;
	size_t wide = (size_t)s->p->width;
	int count = (int)o->c->granules;
	c5_random_start(&r, s->key ^ UINT64_C(0x6772616e), o->c->id);
	for (int k = 0; k < count; k++) {
		double rho = 0.3 + 0.55 * sqrt(c5_random_uniform(&r)), phi = c5_random_range(&r, 0, 2 * PI), size = c5_random_range(&r, 0.6, 1.3),
			weight = c5_random_range(&r, 0.4, 1);
		double u = rho * o->a * cos(phi), v = rho * o->b * sin(phi), y = o->y + u * o->sin + v * o->cos, x = o->x + u * o->cos - v * o->sin;
		for (int i = -3; i <= 3; i++)
			for (int j = -3; j <= 3; j++) {
				double py = floor(y) + i, px = floor(x) + j, d2 = (py - y) * (py - y) + (px - x) * (px - x);
				if (py < 0 || px < 0 || py >= (double)s->p->height || px >= (double)s->p->width) continue;
				size_t at = (size_t)py * wide + (size_t)px;
				if (s->owner[at] == index) s->form[at] += (float)(strength * weight * exp(-0.5 * d2 / (size * size)));
			}
	}
}

/* A cell's own brightness in this channel, beside what all channels share. */
static double own_of(const c5_sim *s, int channel, const sim_cell *c)
{
	c5_random r;
	if (s->p->variation <= 0) return 1;
	c5_random_start(&r, s->key ^ UINT64_C(0x6f776e00) ^ (uint64_t)channel, c->id);
	return exp(s->p->variation * c5_random_normal(&r));
}

static void draw_cells(c5_sim *s, int channel)
{
	size_t wide = (size_t)s->p->width;
	memset(s->form, 0, s->n * sizeof *s->form);
	for (size_t i = 0; i < s->w.n; i++) {
		const sim_cell *c = &s->w.cells[i];
		if (!s->label_of[i + 1]) continue;
		outline o = outline_of(s, c);
		box b = box_of(s, &o);
		look k = look_of(s, channel, c);
		const double own = own_of(s, channel, c), flat = c->senescent ? 0.35 * s->p->severity : 0;
		k.body *= own, k.nucleus *= own, k.granule *= own;
		double na = 0.42 * o.a / sqrt(o.a / o.b), nb = 0.5 * o.b;
		for (size_t y = b.y0; y < b.y1; y++)
			for (size_t x = b.x0; x < b.x1; x++) {
				size_t at = y * wide + x;
				if (s->owner[at] != i + 1) continue;
				double f = s->depth[at], dy = (double)y - o.y, dx = (double)x - o.x;
				double u = (dx * o.cos + dy * o.sin) / na, v = (dy * o.cos - dx * o.sin) / nb, q = u * u + v * v;
				double body = k.body * (flat > 0 ? flat + (1 - flat) * sqrt(1 - f * f) : sqrt(1 - f * f));
				if (k.stripes > 0) body *= 1 + k.stripes * sin(2 * PI * (dx * o.cos + dy * o.sin) / STRIPE); /* across the long axis, as sarcomeres */
				s->form[at] += (float)(body + (q < 1 ? k.nucleus * sqrt(1 - q) : 0));
			}
		if (k.granule > 0) draw_granules(s, &o, (uint32_t)i + 1, k.granule);
	}
}

int c5_sim_render(c5_sim *s, int channel, uint16_t *pixels)
{
	size_t h = (size_t)s->p->height, w = (size_t)s->p->width;
	bool absorbs = channel == C5_SIM_PHASE || channel == C5_SIM_TRANSMISSION;
	double background = absorbs ? 0 : look_of(s, channel, &(sim_cell){ 0 }).background;
	draw_cells(s, channel);
	c5_filter_gaussian(s->image, s->form, h, w, s->blur, s->scratch);
	if (channel == C5_SIM_PHASE) { /* the ring and plate take away what varies slowly: the halo */
		c5_filter_gaussian(s->wide, s->image, h, w, 1.1 * s->p->radius, s->scratch);
		for (size_t i = 0; i < s->n; i++) s->image[i] -= (float)s->p->halo * s->wide[i];
	}
	c5_random r;
	c5_random_start(&r, s->key ^ UINT64_C(0x63616d65), s->w.t << 8 | (uint64_t)channel);
	for (size_t y = 0; y < h; y++)
		for (size_t x = 0; x < w; x++) {
			double v = ((double)y / (double)h - 0.5) * 2, u = ((double)x / (double)w - 0.5) * 2;
			double light = s->light * (1 - s->shading * (0.5 * (u * u + v * v) + 0.5 * (s->tilt_y * v + s->tilt_x * u)));
			double f = s->image[y * w + x], value = absorbs ? FULL * light * (1 - 0.45 * f) : FULL * light * (background + f);
			if (missed(s)) value = absorbs ? FULL * light : FULL * light * background;
			if (value < 0) value = 0;
			if (s->p->noise > 0) value += s->p->noise * sqrt(value + 100) * c5_random_normal(&r);
			pixels[y * w + x] = value <= 0 ? 0 : value >= 65535 ? 65535 : (uint16_t)(value + 0.5);
		}
	return C5_OK;
}
