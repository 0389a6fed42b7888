/* still.c – light on a scene, and the camera; see still.h. All lengths are shares of the objects' diameter where they belong to cells, and px where
 * they belong to lens and camera. */
#include "simulate/still.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/error.h"
#include "image/filter.h"
#include "simulate/light.h"
#include "simulate/scene.h"

#define PI 3.14159265358979323846
#define HALO_MOST 24.0 /* px: a wider blur costs much and changes little in a picture of few objects */

typedef struct still {
	scene s;
	size_t n;
	float *form, *blurred, *wide; /* (H, W): what cells are to this light, and that through lenses */
	void *work;
	c5_random random;
	double d;
	uint32_t key;
	int err;                    /* of the lenses: no memory for spectra */
} still;

#define PLANES 4 /* depth, form, blurred, wide */

size_t c5_still_bytes(size_t height, size_t width)
{
	size_t n = height * width;
	size_t gaussian = c5_filter_gaussian_bytes(height, width, HALO_MOST), light = light_bytes(height, width);
	return PLANES * n * sizeof(float) + (n * sizeof(uint16_t) + 63) / 64 * 64 + SCENE_BODIES * sizeof(body) + 64 + (gaussian > light ? gaussian : light);
}

static double among(still *t, double lo, double hi) { return c5_random_range(&t->random, lo, hi); }
static double among_log(still *t, double lo, double hi) { return lo * exp(c5_random_uniform(&t->random) * log(hi / lo)); }
static bool chance(still *t, double p) { return c5_random_uniform(&t->random) < p; }

static void blur(still *t, float *out, const float *in, double sigma)
{
	c5_filter_gaussian(out, in, t->s.height, t->s.width, sigma < HALO_MOST ? sigma : HALO_MOST, t->work);
}

/* ---- what cells are made of ---- */

/* How a body fills its outline: share of the dome (else flat), nucleus added (or, below 0, taken away), rim, and texture. */
typedef struct stuff { double dome, flat, nucleus, rim, rim_width, texture, grain, levels; } stuff;

static void fill(still *t, const stuff *m)
{
	uint32_t fine = t->key * 7 + 1, coarse = t->key * 7 + 2;
	for (size_t y = 0; y < t->s.height; y++)
		for (size_t x = 0; x < t->s.width; x++) {
			size_t at = y * t->s.width + x;
			unsigned k = t->s.owner[at];
			double f = t->s.depth[at], value = 0;
			if (k) {
				const body *b = &t->s.bodies[k - 1];
				double u, v, soft = fmin(1, (1 - f) * t->d / 3);
				scene_axes(b, (double)y, (double)x, &u, &v);
				double q = ((u - b->nucleus_x) * (u - b->nucleus_x) + (v - b->nucleus_y) * (v - b->nucleus_y)) / (b->nucleus * b->nucleus);
				value = m->dome * sqrt(1 - f * f) * (1 + b->round) + m->flat * soft;
				if (q < 1) value += m->nucleus * (m->nucleus > 0 ? sqrt(1 - q) : 1 - q * q);
				if (m->texture > 0)
					value *= 1 + m->texture * (0.6 * scene_noise(fine, (double)y, (double)x, m->grain * t->d) + 0.6 * scene_noise(coarse, (double)y, (double)x,
						2.7 * m->grain * t->d));
				value *= m->levels > 0 ? pow(b->level, m->levels) : 1;
			}
			if (m->rim != 0 && f < 2) value += m->rim * exp(-0.5 * (f - 1) * (f - 1) / (m->rim_width * m->rim_width));
			t->form[at] = (float)value;
		}
}

/* Transmitted light sees how much matter there is; the same matter for all three ways to make it visible. Spread cells are flat, and all one sees is
 * their inside. */
static void matter(still *t, double spread)
{
	double low = chance(t, spread) ? 0.25 : 1;
	stuff m = { .dome = low * among(t, 0.2, 1), .flat = low * among(t, 0, 0.6), .nucleus = chance(t, 0.6) ? among(t, -0.25, 0.4) : 0,
		.levels = among(t, 0, 0.6) };
	m.texture = chance(t, 0.85) ? among(t, 0.05, 0.6) / low : 0, m.grain = among_log(t, 0.025, 0.2);
	if (chance(t, 0.2)) m.rim = among(t, 0.1, 0.5), m.rim_width = among(t, 0.04, 0.12);
	fill(t, &m);
	for (size_t i = 0; i < t->n; i++) /* what is rounded up is as high as wide */
		if (t->s.owner[i]) t->form[i] *= (float)(1 + 2 * t->s.bodies[t->s.owner[i] - 1].round);
	int kinds = low < 1 || chance(t, 0.75) ? 1 + (int)c5_random_below(&t->random, 2) : 0;
	for (int k = 0; k < kinds; k++) { /* granules, drops, vacuoles; few and large, or many and small */
		int most = t->d < 14 ? 6 : t->d < 30 ? 20 : 80;
		double outer = among(t, 0.6, 1.0), inner = chance(t, 0.4) ? 0.7 * outer : 0.1, size = fmax(0.45, among_log(t, 0.01, 0.06) * t->d);
		scene_spots(&t->s, t->form, 1 + (int)c5_random_below(&t->random, (uint64_t)most), size, among_log(t, 0.05, 0.8),
			chance(t, 0.5) ? 0 : among(t, 0, 0.8), inner, outer);
	}
	if (chance(t, 0.15))
		scene_fibres(&t->s, t->form, 1 + (int)c5_random_below(&t->random, 8), fmax(0.6, among(t, 0.01, 0.06) * t->d), among(t, 0.1, 0.4));
}

/* Dirt and cell rests. */
static void dirt(still *t, float *plane, int n, double strength)
{
	for (int k = 0; k < n; k++) {
		double y = among(t, 0, (double)t->s.height), x = among(t, 0, (double)t->s.width), size = among_log(t, 0.7, 4), power = strength * among(t, -1, 1);
		for (double py = fmax(0, floor(y - 3 * size)); py <= fmin((double)t->s.height - 1, y + 3 * size); py++)
			for (double px = fmax(0, floor(x - 3 * size)); px <= fmin((double)t->s.width - 1, x + 3 * size); px++)
				plane[(size_t)py * t->s.width + (size_t)px] += (float)(power * exp(-0.5 * ((py - y) * (py - y) + (px - x) * (px - x)) / (size * size)));
	}
}

static int some_dirt(still *t) { return chance(t, 0.4) ? 1 + (int)c5_random_below(&t->random, 10) : 0; }

/* ---- manners of light ---- */

static double optics(still *t) { return among_log(t, 0.5, fmax(0.8, fmin(3, 0.09 * t->d + 0.5))); }

/* How late light is behind one cell's height of matter: less where cells are few px wide, since steps of more than half a wave from one px to the
 * next would be noise. */
static void weigh(still *t, double least, double most, double slope)
{
	double late = among_log(t, least, fmin(most, 0.5 + slope * t->d));
	for (size_t i = 0; i < t->n; i++) t->form[i] *= (float)late;
}

/* Through the lenses, to a camera behind a lamp's picture as large as defocus makes it. */
static void through(still *t, float *out, double absorbs, const pupil *p, double lamp)
{
	double sharp = optics(t), wash = lamp * fabs(p->fringe);
	t->err = light_through(t->blurred, t->form, absorbs, t->s.height, t->s.width, p, t->work);
	if (t->err < 0) return;
	blur(t, out, t->blurred, sqrt(sharp * sharp + wash * wash));
}

/* Dust on glass far from the focus: rings. */
static void dust(still *t, float *out)
{
	if (t->err < 0 || !chance(t, 0.15)) return;
	pupil far = { .fringe = among_log(t, 3, 8) };
	memset(t->form, 0, t->n * sizeof *t->form);
	dirt(t, t->form, 1 + (int)c5_random_below(&t->random, 3), 2);
	t->err = light_through(t->form, t->form, among(t, 0, 1), t->s.height, t->s.width, &far, t->work);
	if (t->err < 0) return;
	blur(t, t->blurred, t->form, 0.4 * far.fringe);
	for (size_t i = 0; i < t->n; i++) out[i] *= t->blurred[i];
}

static void phase(still *t, float *out)
{
	pupil p = { .ring = among(t, 0.25, 0.8), .ring_sign = chance(t, 0.12) ? 1 : -1, .halo = fmax(1, among_log(t, 0.1, 0.8) * t->d),
		.fall = among(t, 0.6, 1.6) };
	if (p.halo > HALO_MOST) p.halo = HALO_MOST;
	if (chance(t, 0.5)) p.fringe = among_log(t, 0.4, fmin(4, 0.6 + 0.08 * t->d)) * (chance(t, 0.5) ? 1 : -1);
	matter(t, 0.15);
	dirt(t, t->form, some_dirt(t), 0.5);
	weigh(t, 0.15, 4, 0.2);
	through(t, out, chance(t, 0.3) ? among(t, 0, 0.1) : 0, &p, among(t, 0.2, 0.5));
	dust(t, out);
}

static void dic(still *t, float *out)
{
	double angle = among(t, 0, 2 * PI), shear = fmax(0.4, among_log(t, 0.008, 0.05) * t->d);
	pupil p = { .shear_y = shear * sin(angle), .shear_x = shear * cos(angle), .bias = among(t, 0.3, 1.2) };
	if (chance(t, 0.5)) p.fringe = among_log(t, 0.4, fmin(3, 0.6 + 0.05 * t->d)) * (chance(t, 0.5) ? 1 : -1);
	matter(t, 0.6);
	dirt(t, t->form, some_dirt(t), 0.5);
	weigh(t, 0.1, 2.5, 0.08);
	through(t, out, chance(t, 0.4) ? among(t, 0, 0.1) : 0, &p, among(t, 0.3, 0.7));
	dust(t, out);
}

/* Stained tissue: bodies are nuclei, which absorb, in matter that absorbs some. */
static void tissue(still *t)
{
	stuff m = { .flat = among(t, 0.6, 1.4), .texture = among(t, 0.05, 0.5), .grain = among_log(t, 0.06, 0.3), .levels = 0.5 };
	double power = among(t, 0, 0.5), grain = among(t, 0.5, 3) * t->d, soft = among(t, -0.5, 0.3);
	fill(t, &m);
	for (size_t y = 0; y < t->s.height; y++)
		for (size_t x = 0; x < t->s.width; x++) {
			double at = scene_noise(t->key * 7 + 3, (double)y, (double)x, grain) - soft;
			t->form[y * t->s.width + x] += (float)(at > 0 ? power * (0.4 + at) * (1 + 0.3 * scene_noise(t->key * 7 + 4, (double)y, (double)x, 0.15 * t->d))
				: 0);
		}
	if (chance(t, 0.4))
		scene_fibres(&t->s, t->form, 4 + (int)c5_random_below(&t->random, 40), fmax(0.6, among(t, 0.02, 0.1) * t->d), among(t, 0.05, 0.5));
}

/* Stained cells of a smear: bodies are pale, their nuclei dark; they lie over one another. */
static void smear(still *t)
{
	stuff m = { .flat = among(t, 0.1, 0.6), .nucleus = among(t, 0.2, 1.2), .texture = among(t, 0.05, 0.5), .grain = among_log(t, 0.04, 0.3),
		.levels = among(t, 0.2, 1.2) };
	double power = among(t, 0, 0.3), grain = among(t, 1, 4) * t->d;
	if (chance(t, 0.4)) m.rim = among(t, 0.02, 0.2), m.rim_width = among(t, 0.03, 0.1);
	fill(t, &m);
	for (size_t y = 0; y < t->s.height; y++)
		for (size_t x = 0; x < t->s.width; x++)
			t->form[y * t->s.width + x] += (float)(power * fmax(0, scene_noise(t->key * 7 + 3, (double)y, (double)x, grain)));
	if (chance(t, 0.5))
		scene_spots(&t->s, t->form, 1 + (int)c5_random_below(&t->random, t->d < 20 ? 6 : 30), fmax(0.5, among_log(t, 0.02, 0.08) * t->d),
			among(t, 0.1, 0.6), 0.2, 0, 0.9);
}

static void brightfield(still *t, float *out)
{
	pupil p = { .fringe = among_log(t, 0.5, fmin(8, 0.7 + 0.25 * t->d)) * (chance(t, 0.5) ? 1 : -1) };
	double absorbs = chance(t, 0.4) ? among(t, 0, 0.15) : 0;
	if (chance(t, 0.3)) {
		if (chance(t, 0.5)) tissue(t);
		else smear(t);
		dirt(t, t->form, some_dirt(t), 0.3);
		absorbs = among_log(t, 1, 6), p.fringe *= among(t, 0, 0.5);
		for (size_t i = 0; i < t->n; i++) t->form[i] *= (float)(1 / absorbs); /* what absorbs need not be late */
	} else {
		matter(t, 0.4);
		dirt(t, t->form, some_dirt(t), 0.7);
		weigh(t, 0.3, 6, 0.2);
	}
	through(t, out, absorbs, &p, among_log(t, 0.1, 0.7));
	dust(t, out);
}

/* What lies out of focus glows. */
static void glow(still *t, float *out)
{
	double haze = chance(t, 0.6) ? among(t, 0, 0.5) : 0;
	blur(t, t->blurred, t->form, optics(t));
	if (haze > 0) blur(t, t->wide, t->blurred, among_log(t, 0.25, 1) * t->d);
	for (size_t i = 0; i < t->n; i++) out[i] = (float)((double)t->blurred[i] + (haze > 0 ? haze * (double)t->wide[i] : 0));
}

static void nuclei(still *t, float *out)
{
	stuff m = { .dome = among(t, 0, 1), .flat = among(t, 0.2, 1), .texture = chance(t, 0.8) ? among(t, 0.02, 0.5) : 0, .grain = among_log(t, 0.08, 0.4),
		.levels = among(t, 0.2, 1.6) };
	fill(t, &m);
	if (chance(t, 0.4))
		scene_spots(&t->s, t->form, 1 + (int)c5_random_below(&t->random, 6), fmax(0.5, among(t, 0.04, 0.11) * t->d), among(t, 0.1, 1.6), among(t, 0, 0.7),
			0, 0.8);
	glow(t, out);
}

static void structure(still *t, float *out)
{
	int kind = (int)c5_random_below(&t->random, 5); /* bodies, membranes, spots, fibres in cells, fibres alone with cell bodies */
	stuff m = { .dome = among(t, 0.1, 0.8), .flat = among(t, 0.05, 0.5), .nucleus = -among(t, 0.1, 0.7), .texture = among(t, 0.2, 0.9),
		.grain = among_log(t, 0.03, 0.15), .levels = among(t, 0.2, 1) };
	if (kind == 1) m.rim = among(t, 0.5, 1.5), m.rim_width = among(t, 0.03, 0.1), m.dome *= 0.4, m.flat *= 0.4;
	if (kind == 4) m.nucleus = 0;
	fill(t, &m);
	if (kind >= 3)
		for (size_t i = 0; i < t->n; i++) t->form[i] *= kind == 4 && t->s.owner[i] > 2 ? 0.02f : 0.6f;
	if (kind == 2)
		scene_spots(&t->s, t->form, 5 + (int)c5_random_below(&t->random, t->d < 14 ? 5 : 40), fmax(0.5, among_log(t, 0.015, 0.06) * t->d),
			among(t, 0.3, 1.5), 0, 0.1, 0.95);
	if (kind >= 3) {
		int n = 3 + (int)c5_random_below(&t->random, kind == 4 ? 30 : 60);
		scene_fibres(&t->s, t->form, n, fmax(0.6, among_log(t, 0.012, 0.07) * t->d), among(t, 0.3, 1.5));
		for (size_t i = 0; i < t->n && kind == 3; i++) /* of the cells' own skeleton */
			if (!t->s.owner[i]) t->form[i] *= 0.05f;
	}
	glow(t, out);
}

/* ---- illumination and camera ---- */

static double deviation(const float *p, size_t n, double *mean)
{
	double sum = 0, squares = 0;
	for (size_t i = 0; i < n; i++) sum += (double)p[i];
	*mean = sum / (double)n;
	for (size_t i = 0; i < n; i++) squares += ((double)p[i] - *mean) * ((double)p[i] - *mean);
	return sqrt(squares / (double)n);
}

static void expose(still *t, float *image, bool dark)
{
	double mean, sd = deviation(image, t->n, &mean), noise = among_log(t, 0.01, dark ? 0.3 : 0.6), grain = chance(t, 0.4) ? among(t, 0.4, 1.1) : 0;
	double tilt_y = among(t, -1, 1), tilt_x = among(t, -1, 1), bow = among(t, -1, 1), shade = chance(t, 0.6) ? among_log(t, 0.02, dark ? 0.4 : 1) : 0;
	double cloud = chance(t, 0.5) ? among_log(t, 0.02, dark ? 0.1 : 0.3) : 0, patch = among_log(t, 4, 60), shot = dark ? among(t, 0, 0.3) : 0,
		gamma = dark && chance(t, 0.5) ? among_log(t, 0.5, 1.4) : 1;
	double top = 0;
	if (sd < 1e-6) sd = 1;
	for (size_t i = 0; i < t->n; i++) top = fmax(top, (double)image[i]);
	for (size_t i = 0; i < t->n && gamma != 1; i++) image[i] = (float)(image[i] > 0 ? top * pow((double)image[i] / top, gamma) : 0);
	for (size_t i = 0; i < t->n; i++) t->blurred[i] = (float)c5_random_normal(&t->random);
	if (grain > 0) {
		blur(t, t->wide, t->blurred, grain);
		double at, spread = deviation(t->wide, t->n, &at);
		for (size_t i = 0; i < t->n; i++) t->blurred[i] = (float)(((double)t->wide[i] - at) / spread);
	}
	double clip = chance(t, 0.25) ? among(t, 1.5, 4) : 0, step = chance(t, 0.3) ? sd * among_log(t, 0.02, 0.25) : 0; /* the camera's, or of 8 bits */
	for (size_t y = 0; y < t->s.height; y++)
		for (size_t x = 0; x < t->s.width; x++) {
			size_t i = y * t->s.width + x;
			double v = 2 * (double)y / (double)t->s.height - 1, u = 2 * (double)x / (double)t->s.width - 1,
				light = shade * (tilt_y * v + tilt_x * u + bow * (u * u + v * v));
			double value = (double)image[i] * (1 + 0.3 * light * dark) + sd * (dark ? 0.15 : 1) * light + cloud * sd * scene_noise(t->key * 7 + 5, (double)y,
				(double)x, patch);
			double photons = shot > 0 && value > 0 ? shot * sqrt(value * sd) : 0;
			value += (noise * sd + photons) * (double)t->blurred[i];
			if (clip > 0) value = fmax(mean - clip * sd, fmin(mean + clip * sd, value));
			image[i] = (float)(step > 0 ? step * round(value / step) : value);
		}
}

int c5_still_draw(float *image, size_t height, size_t width, int look, double diameter, uint64_t seed, uint64_t item, void *scratch)
{
	static void (*const looks[C5_LOOKS])(still *t, float *out) = { phase, brightfield, dic, nuclei, structure };
	static const int nuclear[] = { 0, 0, 1, 1, 3 };
	still t = { .n = height * width, .d = fabs(diameter) };
	uint8_t *at = scratch;
	float *planes = scratch;
	t.s.depth = planes, t.form = planes + t.n, t.blurred = planes + 2 * t.n, t.wide = planes + 3 * t.n;
	at += PLANES * t.n * sizeof(float);
	t.s.owner = (uint16_t *)(void *)at, at += (t.n * sizeof(uint16_t) + 63) / 64 * 64;
	t.s.bodies = (body *)(void *)at, at += (SCENE_BODIES * sizeof(body) + 63) / 64 * 64;
	t.work = at;
	c5_random_start(&t.random, seed ^ UINT64_C(0x7374696c6c), item);
	t.key = c5_random_u32(&t.random);
	t.s.height = height, t.s.width = width, t.s.diameter = t.d, t.s.random = &t.random;
	if (diameter < 0) scene_clear(&t.s);
	else scene_fill(&t.s, look == C5_LOOK_NUCLEI ? nuclear[c5_random_below(&t.random, 5)] : -1);
	looks[look](&t, image);
	if (t.err < 0) return t.err;
	expose(&t, image, look == C5_LOOK_NUCLEI || look == C5_LOOK_STRUCTURE);
	return C5_OK;
}
