/* light.c – see light.h. */
#include "simulate/light.h"

#include <math.h>
#include <stdbool.h>

#include "base/error.h"
#include "image/fft.h"

#define PI 3.14159265358979323846
#define MARGIN 24 /* px beyond the picture at least, so that opposite edges stay apart */

typedef struct wave { double re, im; } wave;
/* Real and imaginary part of the light, each with the half of its spectrum that a real map needs. */
typedef struct field { size_t height, width, half; float *map[2]; c5_fft_value *spectrum[2]; } field;

static size_t room(size_t n)
{
	size_t side = n + MARGIN;
	while (c5_fft_fast_size(side) < side) side++;
	return side;
}

size_t light_bytes(size_t height, size_t width)
{
	size_t h = room(height), w = room(width);
	return 2 * (h * w * sizeof(float) + h * (w / 2 + 1) * sizeof(c5_fft_value));
}

/* Where a place of the wider field lies in the picture: itself, or two mirrored ones, mixed from one edge to the other so that the field has no
 * seam. */
typedef struct source { size_t a, b; float mix; } source;

static source mirrored(size_t i, size_t n, size_t wide)
{
	if (i < n) return (source){ i, i, 0 };
	size_t beyond = i - n, before = wide - 1 - i; /* px past the far edge; px short of the near one, which comes next */
	return (source){ n - 1 - (beyond < n ? beyond : n - 1), before < n ? before : n - 1, ((float)beyond + 0.5f) / (float)(wide - n) };
}

static void enter(field *f, const float *phi, double absorbs, size_t height, size_t width)
{
	for (size_t y = 0; y < f->height; y++) {
		source v = mirrored(y, height, f->height);
		for (size_t x = 0; x < f->width; x++) {
			source u = mirrored(x, width, f->width);
			float top = (1 - u.mix) * phi[v.a * width + u.a] + u.mix * phi[v.a * width + u.b],
				low = (1 - u.mix) * phi[v.b * width + u.a] + u.mix * phi[v.b * width + u.b];
			float late = (1 - v.mix) * top + v.mix * low, left = absorbs > 0 ? expf(-(float)absorbs * late) : 1;
			f->map[0][y * f->width + x] = left * cosf(late), f->map[1][y * f->width + x] = left * sinf(late);
		}
	}
}

static wave times(wave a, wave b) { return (wave){ a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re }; }

static wave let_through(const pupil *p, double fy, double fx)
{
	double square = fy * fy + fx * fx, angle = PI * p->fringe * fabs(p->fringe) * square;
	wave pass = { cos(angle), sin(angle) };
	if (p->ring > 0) {
		double by_ring = pow(1 + 4 * PI * PI * p->halo * p->halo * square, -p->fall);
		pass = times(pass, (wave){ 1 - by_ring, p->ring_sign * p->ring * by_ring });
	}
	if (p->shear_y != 0 || p->shear_x != 0) pass = times(pass, (wave){ sin(2 * PI * (fy * p->shear_y + fx * p->shear_x) + p->bias), 0 });
	return pass;
}

/* A filter P of complex light is K + i L, where K and L keep real maps real: K = (P(f) + P(-f)*) / 2, L = (P(f) - P(-f)*) / 2i. */
static void pass(field *f, const pupil *p)
{
	for (size_t k = 0; k < f->half; k++)
		for (size_t y = 0; y < f->height; y++) {
			double fx = (double)k / (double)f->width, fy = (double)y / (double)f->height - (2 * y > f->height);
			c5_fft_value *re = &f->spectrum[0][k * f->height + y], *im = &f->spectrum[1][k * f->height + y];
			wave here = let_through(p, fy, fx), there = let_through(p, -fy, -fx), c = { (double)re->re, (double)re->im },
				s = { (double)im->re, (double)im->im };
			wave keep = { 0.5 * (here.re + there.re), 0.5 * (here.im - there.im) }, swap = { 0.5 * (here.im + there.im), -0.5 * (here.re - there.re) };
			wave kc = times(keep, c), ks = times(keep, s), lc = times(swap, c), ls = times(swap, s);
			*re = (c5_fft_value){ (float)(kc.re - ls.re), (float)(kc.im - ls.im) };
			*im = (c5_fft_value){ (float)(lc.re + ks.re), (float)(lc.im + ks.im) };
		}
}

int light_through(float *out, const float *phi, double absorbs, size_t height, size_t width, const pupil *p, void *scratch)
{
	field f = { .height = room(height), .width = room(width) };
	int err = C5_OK;
	f.half = f.width / 2 + 1;
	f.spectrum[0] = scratch, f.spectrum[1] = f.spectrum[0] + f.half * f.height;
	f.map[0] = (float *)(void *)(f.spectrum[1] + f.half * f.height), f.map[1] = f.map[0] + f.height * f.width;
	enter(&f, phi, absorbs, height, width);
	for (int k = 0; k < 2 && err == C5_OK; k++) err = c5_fft_forward(f.spectrum[k], f.map[k], f.height, f.width);
	if (err == C5_OK) pass(&f, p);
	for (int k = 0; k < 2 && err == C5_OK; k++) err = c5_fft_inverse(f.map[k], f.spectrum[k], f.height, f.width);
	for (size_t y = 0; y < height && err == C5_OK; y++)
		for (size_t x = 0; x < width; x++) {
			float re = f.map[0][y * f.width + x], im = f.map[1][y * f.width + x];
			out[y * width + x] = re * re + im * im;
		}
	return err;
}
