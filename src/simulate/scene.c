/* scene.c – bodies of a still: their shapes, where they lie, and textures; see scene.h. */
#include "simulate/scene.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define PI 3.14159265358979323846

/* ---- shapes ---- */

static const struct family { double aspect0, aspect1, power0, power1, lobe; } families[] = {
	{ 1.0, 1.3, 2.0, 2.0, 0.03 }, { 1.2, 2.2, 2.0, 2.3, 0.06 }, { 2.0, 5.5, 3.0, 5.0, 0.03 }, { 1.0, 2.4, 1.6, 2.2, 0.16 }, { 2.0, 6.0, 1.1, 1.6, 0.08 },
};
#define N_FAMILIES ((int)(sizeof families / sizeof *families))

/* Sets axes so that the area is that of a disc of `diameter`. */
static void shape(body *b, const struct family *f, double aspect, double wild, double diameter, c5_random *r)
{
	double angle = c5_random_range(r, 0, 2 * PI), sum = 0;
	b->power = c5_random_range(r, f->power0, f->power1);
	for (int k = 0; k < 3; k++) {
		double turn = c5_random_range(r, 0, 2 * PI);
		b->lobe[k] = wild * f->lobe * c5_random_normal(r) / (1 + 0.5 * k);
		b->lobe[k] = b->lobe[k] > 0.3 ? 0.3 : b->lobe[k] < -0.3 ? -0.3 : b->lobe[k];
		b->lobe_c[k] = cos(turn), b->lobe_s[k] = sin(turn);
		sum += b->lobe[k] * b->lobe[k];
	}
	double one = 4 * pow(tgamma(1 + 1 / b->power), 2) / tgamma(1 + 2 / b->power) * (1 + 0.5 * sum), area = PI * 0.25 * diameter * diameter;
	double mean = sqrt(area / one);
	b->a = mean * sqrt(aspect), b->b = mean / sqrt(aspect);
	b->sin = sin(angle), b->cos = cos(angle);
	b->far = b->a * 1.9 + 1;
}

void scene_axes(const body *b, double y, double x, double *u, double *v)
{
	double dy = y - b->y, dx = x - b->x;
	*u = (dx * b->cos + dy * b->sin) / b->a;
	*v = (dy * b->cos - dx * b->sin) / b->b;
}

/* 0 in the middle, 1 at the outline. */
static double depth_of(const body *b, double y, double x)
{
	double u, v;
	scene_axes(b, y, x, &u, &v);
	double au = fabs(u), av = fabs(v), rho = b->power > 1.99 && b->power < 2.01 ? sqrt(u * u + v * v) : pow(pow(au, b->power) + pow(av, b->power),
		1 / b->power);
	if (rho < 0.25 || rho > 2.2) return rho;
	double q = sqrt(u * u + v * v), c1 = u / q, s1 = v / q, c = c1, s = s1, edge = 1;
	for (int k = 0; k < 3; k++) {
		double c2 = c * c1 - s * s1;
		s = s * c1 + c * s1, c = c2; /* cos and sin of 2, 3, 4 phi */
		edge += b->lobe[k] * (c * b->lobe_c[k] + s * b->lobe_s[k]);
	}
	return rho / (edge > 0.3 ? edge : 0.3);
}

/* ---- where they lie ---- */

typedef struct crowd { double touch, margin, spread; int clusters; double cy[4], cx[4]; } crowd;

static void place(const scene *s, const crowd *w, body *b)
{
	c5_random *r = s->random;
	double h = (double)s->height, wide = (double)s->width;
	if (w->clusters) {
		int k = (int)c5_random_below(r, (uint64_t)w->clusters);
		b->y = w->cy[k] + w->spread * c5_random_normal(r);
		b->x = w->cx[k] + w->spread * c5_random_normal(r);
	} else {
		b->y = c5_random_range(r, -w->margin, h + w->margin);
		b->x = c5_random_range(r, -w->margin, wide + w->margin);
	}
}

/* Is there room? Distances are measured in this body's own axes, so rods may lie side by side. */
static bool free_of_others(const scene *s, const body *b, double touch)
{
	for (int i = 0; i < s->n; i++) {
		const body *o = &s->bodies[i];
		double u, v, p, q;
		scene_axes(b, o->y, o->x, &u, &v);
		scene_axes(o, b->y, b->x, &p, &q);
		double near = fmin(sqrt(u * u + v * v), sqrt(p * p + q * q));
		if (near < 2 * touch) return false;
	}
	return true;
}

static void own(const scene *s)
{
	double h = (double)s->height, w = (double)s->width;
	for (size_t i = 0; i < s->height * s->width; i++) s->depth[i] = 3, s->owner[i] = 0;
	for (int i = 0; i < s->n; i++) {
		const body *b = &s->bodies[i];
		double y0 = fmax(0, floor(b->y - b->far)), y1 = fmin(h, ceil(b->y + b->far) + 1), x0 = fmax(0, floor(b->x - b->far)),
			x1 = fmin(w, ceil(b->x + b->far) + 1);
		for (double y = y0; y < y1; y++)
			for (double x = x0; x < x1; x++) {
				size_t at = (size_t)y * s->width + (size_t)x;
				double dy = 0, dx = 0;
				if (s->bend > 0) dy = s->bend * scene_noise(s->bend_key, y, x, s->bend_grain), dx = s->bend * scene_noise(s->bend_key + 1, y, x, s->bend_grain);
				float f = (float)depth_of(b, y + dy, x + dx);
				if (f >= s->depth[at]) continue;
				s->depth[at] = f;
				s->owner[at] = f < 1 ? (uint16_t)(i + 1) : s->owner[at];
			}
	}
}

void scene_clear(scene *s)
{
	s->n = 0, s->bend = 0;
	own(s);
}

void scene_fill(scene *s, int family)
{
	c5_random *r = s->random;
	const struct family *f = &families[family >= 0 ? family : (int)c5_random_below(r, N_FAMILIES)];
	double d = s->diameter, h = (double)s->height, w = (double)s->width, aspect = c5_random_range(r, f->aspect0, f->aspect1),
		wild = c5_random_range(r, 0.2, 1.6);
	double sizes = c5_random_range(r, 0.03, 0.3), levels = c5_random_range(r, 0.05, 0.6),
		rounded = c5_random_uniform(r) < 0.35 ? c5_random_range(r, 0.05, 0.6) : 0.02;
	double cover = 0.04 * exp(c5_random_uniform(r) * log(25)), nucleus = c5_random_range(r, 0.25, 0.6);
	crowd c = { .touch = c5_random_range(r, 0.35, 1.05), .margin = 0.7 * d, .spread = d * c5_random_range(r, 0.7, 3) };
	c.clusters = c5_random_uniform(r) < 0.3 ? 1 + (int)c5_random_below(r, 4) : 0;
	for (int k = 0; k < c.clusters; k++) c.cy[k] = c5_random_range(r, 0, h), c.cx[k] = c5_random_range(r, 0, w);
	double want = cover * (h + 2 * c.margin) * (w + 2 * c.margin) / (PI * 0.25 * d * d);
	int most = want < 1 ? 1 : want > SCENE_BODIES ? SCENE_BODIES : (int)want;
	s->n = 0;
	s->bend = c5_random_uniform(r) < 0.6 ? d * c5_random_range(r, 0, family >= 0 ? 0.05 : 0.22) : 0, s->bend_grain = d * c5_random_range(r, 0.2, 0.7),
		s->bend_key = c5_random_u32(r);
	for (int i = 0; i < most; i++) {
		body b = { 0 };
		double own_aspect = fmax(1, 1 + (aspect - 1) * exp(0.25 * c5_random_normal(r)));
		shape(&b, f, own_aspect, wild, d * exp(sizes * c5_random_normal(r)), r);
		b.level = exp(levels * c5_random_normal(r));
		b.round = c5_random_uniform(r) < rounded ? c5_random_range(r, 0.4, 1) : 0;
		b.nucleus = nucleus * c5_random_range(r, 0.8, 1.2);
		b.nucleus_y = c5_random_range(r, -0.25, 0.25), b.nucleus_x = c5_random_range(r, -0.25, 0.25);
		for (int attempt = 0; attempt < 6; attempt++) {
			if (i == 0) b.y = c5_random_range(r, 0.2 * h, 0.8 * h), b.x = c5_random_range(r, 0.2 * w, 0.8 * w);
			else place(s, &c, &b);
			if (!free_of_others(s, &b, c.touch)) continue;
			s->bodies[s->n++] = b;
			break;
		}
	}
	own(s);
}

/* ---- textures ---- */

static double lattice(uint32_t key, int64_t y, int64_t x)
{
	uint32_t v = key ^ (uint32_t)y * 0x9e3779b1u ^ (uint32_t)x * 0x85ebca77u;
	v ^= v >> 15, v *= 0x2c1b3c6du, v ^= v >> 12, v *= 0x297a2d39u, v ^= v >> 15;
	return (double)v / 2147483648.0 - 1;
}

double scene_noise(uint32_t key, double y, double x, double grain)
{
	double sy = y / grain + 1000, sx = x / grain + 1000, fy = floor(sy), fx = floor(sx), ty = sy - fy, tx = sx - fx;
	int64_t iy = (int64_t)fy, ix = (int64_t)fx;
	ty = ty * ty * (3 - 2 * ty), tx = tx * tx * (3 - 2 * tx);
	double top = lattice(key, iy, ix) * (1 - tx) + lattice(key, iy, ix + 1) * tx,
		low = lattice(key, iy + 1, ix) * (1 - tx) + lattice(key, iy + 1, ix + 1) * tx;
	return top * (1 - ty) + low * ty;
}

static void dab(scene *s, float *plane, double y, double x, double size, double strength, uint16_t inside)
{
	double reach = 3 * size + 1, h = (double)s->height - 1, w = (double)s->width - 1;
	double y0 = fmax(0, ceil(y - reach)), y1 = fmin(h, floor(y + reach)), x0 = fmax(0, ceil(x - reach)), x1 = fmin(w, floor(x + reach));
	for (double py = y0; py <= y1; py++)
		for (double px = x0; px <= x1; px++) {
			size_t at = (size_t)py * s->width + (size_t)px;
			if (inside && s->owner[at] != inside) continue;
			plane[at] += (float)(strength * exp(-0.5 * ((py - y) * (py - y) + (px - x) * (px - x)) / (size * size)));
		}
}

void scene_fibres(scene *s, float *plane, int n, double thickness, double strength)
{
	c5_random *r = s->random;
	double h = (double)s->height, w = (double)s->width, step = fmax(0.7, thickness);
	for (int k = 0; k < n; k++) {
		double y = c5_random_range(r, 0, h), x = c5_random_range(r, 0, w), angle = c5_random_range(r, 0, 2 * PI), bend = 0.012 * c5_random_normal(r),
			power = strength * exp(0.5 * c5_random_normal(r));
		double length = c5_random_range(r, 0.5, 3) * (h + w), width = thickness * exp(0.3 * c5_random_normal(r));
		y -= sin(angle) * 0.5 * length, x -= cos(angle) * 0.5 * length;
		for (double at = 0; at < length; at += step) {
			y += sin(angle) * step, x += cos(angle) * step, angle += bend * step + 0.02 * c5_random_normal(r);
			if (y > -3 * width && x > -3 * width && y < h + 3 * width && x < w + 3 * width) dab(s, plane, y, x, width, power * step / (2.5 * width), 0);
		}
	}
}

void scene_spots(scene *s, float *plane, int count, double size, double strength, double negative, double inner, double outer)
{
	c5_random *r = s->random;
	double h = (double)s->height, w = (double)s->width;
	for (int i = 0; i < s->n; i++) {
		const body *b = &s->bodies[i];
		if (b->y < -b->far || b->x < -b->far || b->y > h + b->far || b->x > w + b->far) continue;
		for (int k = 0; k < count; k++) {
			double rho = c5_random_range(r, inner, outer), phi = c5_random_range(r, 0, 2 * PI), u = rho * b->a * cos(phi), v = rho * b->b * sin(phi);
			double wide = size * c5_random_range(r, 0.6, 1.6), power = strength * c5_random_range(r, 0.4, 1.2) * (c5_random_uniform(r) < negative ? -1 : 1);
			dab(s, plane, b->y + u * b->sin + v * b->cos, b->x + u * b->cos - v * b->sin, wide, power, (uint16_t)(i + 1));
		}
	}
}
