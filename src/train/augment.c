/* augment.c – see augment.h. */
#include "train/augment.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "image/filter.h"

#define PI 3.14159265358979323846

/* Draws of a crop are kept apart by what they are for. */
#define KEY_SHAPE UINT64_C(0x7368617065)
#define KEY_LIGHT UINT64_C(0x6c69676874)
#define KEY_MIX UINT64_C(0x6d6978)

#define F(member) offsetof(c5_augment, member)
const c5_opt c5_augment_opts[] = {
#include "train/augment_rows.h"
	{ 0 },
};

int c5_augment_preset(c5_augment *a, const char *name)
{
	static const struct { const char *name; c5_augment is; } presets[] = {
		{ "none", { .rotate = 0 } },
		{ "published", { .rotate = 180, .shift = 0.2, .flip = true } },
		{ "standard", { .rotate = 180, .shift = 0.1, .flip = true, .scale = 0.1, .brightness = 0.1, .contrast = 0.1 } },
		{ "strong", { .rotate = 180, .shift = 0.1, .flip = true, .scale = 0.2, .shear = 5, .brightness = 0.4, .contrast = 0.4, .shading = 0.3, .blur = 1.5,
			.noise = 0.15, .cutout = 0.25 } },
	};
	for (size_t i = 0; i < sizeof presets / sizeof *presets; i++)
		if (strcmp(name, presets[i].name) == 0) {
			*a = presets[i].is;
			return C5_OK;
		}
	return c5_fail(C5_EUSAGE, "augmentation '%s' is none of none, published, standard, strong", name);
}

/* ---- shape ---- */

static bool bends(const c5_augment *a) { return a->rotate > 0 || a->shift > 0 || a->flip || a->scale > 0 || a->shear > 0 || a->quarters; }

void c5_augment_map(double m[6], const c5_augment *a, c5_random *r, int height, int width)
{
	double turn = c5_random_range(r, -1, 1) * a->rotate * PI / 180, size = exp(c5_random_range(r, -1, 1) * log(1 + a->scale)),
		shear = tan(c5_random_range(r, -1, 1) * a->shear * PI / 180);
	double dy = c5_random_range(r, -1, 1) * a->shift * height, dx = c5_random_range(r, -1, 1) * a->shift * width;
	uint32_t flips = c5_random_u32(r);
	double fy = a->flip && (flips & 1) ? -1 : 1, fx = a->flip && (flips & 2) ? -1 : 1;
	double c = cos(turn) / size, s = sin(turn) / size;
	for (uint32_t quarter = a->quarters ? flips >> 2 & 3 : 0; quarter > 0; quarter--) { /* exactly, as no cosine is */
		double was = c;
		c = -s, s = was;
	}
	double my = 0.5 * (height - 1), mx = 0.5 * (width - 1);
	/* mirrored, then sheared along x, then turned and scaled, about the middle; then moved */
	m[0] = fy * c, m[1] = fy * (c * shear - s);
	m[3] = fx * s, m[4] = fx * (s * shear + c);
	m[2] = my - m[0] * (my + dy) - m[1] * (mx + dx);
	m[5] = mx - m[3] * (my + dy) - m[4] * (mx + dx);
}

void c5_augment_warp(float *out, const float *in, int height, int width, const double m[6])
{
	for (int y = 0; y < height; y++)
		for (int x = 0; x < width; x++) {
			double sy = m[0] * y + m[1] * x + m[2], sx = m[3] * y + m[4] * x + m[5];
			double by = floor(sy), bx = floor(sx);
			float fy = (float)(sy - by), fx = (float)(sx - bx);
			ptrdiff_t iy = (ptrdiff_t)by, ix = (ptrdiff_t)bx;
			const float *p, *q;
			size_t x0 = (size_t)ix, x1 = (size_t)ix + 1;
			if (iy >= 0 && ix >= 0 && iy + 1 < height && ix + 1 < width) {
				p = in + (size_t)iy * (size_t)width;
				q = p + width;
			} else {
				x0 = c5_filter_reflect(ix, (size_t)width), x1 = c5_filter_reflect(ix + 1, (size_t)width);
				p = in + c5_filter_reflect(iy, (size_t)height) * (size_t)width;
				q = in + c5_filter_reflect(iy + 1, (size_t)height) * (size_t)width;
			}
			float top = p[x0] + fx * (p[x1] - p[x0]), low = q[x0] + fx * (q[x1] - q[x0]);
			out[(size_t)y * (size_t)width + (size_t)x] = top + fy * (low - top);
		}
}

void c5_augment_shape(const c5_augment *a, uint64_t seed, uint64_t draw, float *crop, int channels, int height, int width, float *scratch)
{
	size_t n = (size_t)height * (size_t)width;
	c5_random r;
	double m[6];
	if (!bends(a)) return;
	c5_random_start(&r, seed ^ KEY_SHAPE, draw);
	c5_augment_map(m, a, &r, height, width);
	for (int c = 0; c < channels; c++) {
		c5_augment_warp(scratch, crop + (size_t)c * n, height, width, m);
		memcpy(crop + (size_t)c * n, scratch, n * sizeof *crop);
	}
}

/* ---- light ---- */

size_t c5_augment_scratch(const c5_augment *a, int channels, int height, int width)
{
	size_t n = (size_t)height * (size_t)width, blur = a->blur > 0 ? c5_filter_gaussian_bytes((size_t)height, (size_t)width,
		a->blur) / sizeof(float) + 16 : 0;
	(void)channels;
	return blur > n ? blur : n;
}

static void cut_out(const c5_augment *a, c5_random *r, float *crop, int channels, int height, int width)
{
	int h = (int)(a->cutout * height + 0.5), w = (int)(a->cutout * width + 0.5);
	bool cut = c5_random_uniform(r) < 0.5;
	int y0 = (int)c5_random_below(r, (uint64_t)(height + 1)) - h / 2, x0 = (int)c5_random_below(r, (uint64_t)(width + 1)) - w / 2;
	for (int c = 0; cut && c < channels; c++)
		for (int y = y0 < 0 ? 0 : y0; y < y0 + h && y < height; y++)
			for (int x = x0 < 0 ? 0 : x0; x < x0 + w && x < width; x++) crop[((size_t)c * (size_t)height + (size_t)y) * (size_t)width + (size_t)x] = 0;
}

static void drop_channels(const c5_augment *a, c5_random *r, float *crop, int channels, size_t n)
{
	int keep = (int)c5_random_below(r, (uint64_t)channels); /* one at least is seen */
	for (int c = 0; c < channels; c++)
		if (c5_random_uniform(r) < a->drop_channel && c != keep) memset(crop + (size_t)c * n, 0, n * sizeof *crop);
}

void c5_augment_light(const c5_augment *a, uint64_t seed, uint64_t draw, float *crop, int channels, int height, int width, float *scratch)
{
	size_t n = (size_t)height * (size_t)width;
	c5_random r;
	c5_random_start(&r, seed ^ KEY_LIGHT, draw);
	double blur = c5_random_uniform(&r) * a->blur, noise = c5_random_uniform(&r) * a->noise, way = c5_random_range(&r, 0, 2 * PI),
		ramp = c5_random_uniform(&r) * a->shading;
	double ry = height > 1 ? ramp * sin(way) * 2 / (height - 1) : 0, rx = width > 1 ? ramp * cos(way) * 2 / (width - 1) : 0;
	for (int c = 0; c < channels; c++) {
		float *x = crop + (size_t)c * n;
		float gain = (float)exp(c5_random_range(&r, -1, 1) * log(1 + a->contrast)), add = (float)(c5_random_range(&r, -1, 1) * a->brightness);
		if (blur > 0.2) c5_filter_gaussian(x, x, (size_t)height, (size_t)width, blur, scratch); /* less would be no blur at all */
		if (a->contrast > 0 || a->brightness > 0)
			for (size_t i = 0; i < n; i++) x[i] = x[i] * gain + add;
		for (int i = 0; ramp > 0 && i < height; i++)
			for (int k = 0; k < width; k++) x[(size_t)i * (size_t)width + (size_t)k] += (float)(ry * (i - 0.5 * (height - 1)) + rx * (k - 0.5 * (width - 1)));
		for (size_t i = 0; noise > 0 && i < n; i++) x[i] += (float)(noise * c5_random_normal(&r));
	}
	if (a->cutout > 0) cut_out(a, &r, crop, channels, height, width);
	if (a->drop_channel > 0 && channels > 1) drop_channels(a, &r, crop, channels, n);
}

/* ---- mixing ---- */

/* Marsaglia and Tsang 2000, with the boost for shapes below 1. */
static double gamma_draw(c5_random *r, double shape)
{
	double boost = 1;
	if (shape < 1) {
		boost = pow(1 - c5_random_uniform(r), 1 / shape);
		shape += 1;
	}
	double d = shape - 1.0 / 3, c = 1 / sqrt(9 * d);
	for (;;) {
		double x = c5_random_normal(r), v = 1 + c * x;
		if (v <= 0) continue;
		v = v * v * v;
		if (log(1 - c5_random_uniform(r)) < 0.5 * x * x + d - d * v + d * log(v)) return boost * d * v;
	}
}

bool c5_augment_mix(const c5_augment *a, uint64_t seed, uint64_t draw, size_t n, size_t *partner, float *share)
{
	c5_random r;
	if (a->mixup <= 0 || n < 2) return false;
	c5_random_start(&r, seed ^ KEY_MIX, draw);
	double x = gamma_draw(&r, a->mixup), y = gamma_draw(&r, a->mixup), s = x + y > 0 ? x / (x + y) : 1;
	*partner = (size_t)c5_random_below(&r, n);
	*share = (float)(s < 0.5 ? 1 - s : s);
	return true;
}
