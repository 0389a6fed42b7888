/* fft.c – see fft.h. Two real rows are one complex one; columns follow, of half of the frequencies. Rows are taken eight at a time, so that what
 * they leave for the columns lies together in memory. */
#include "image/fft.h"

#include <kissfft/kiss_fft.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

#define ROWS 8

_Static_assert(sizeof(c5_fft_value) == sizeof(kiss_fft_cpx), "a spectrum's values are KISS FFT's");

typedef struct plan {
	kiss_fft_cfg rows, cols;
	size_t height, width, half; /* half: frequencies kept along x */
} plan;

static int plan_open(plan *p, size_t height, size_t width, bool inverse)
{
	*p = (plan){ kiss_fft_alloc((int)width, inverse, NULL, NULL), kiss_fft_alloc((int)height, inverse, NULL, NULL), height, width, width / 2 + 1 };
	return p->rows && p->cols ? C5_OK : c5_fail(C5_ENOMEM, "out of memory for the spectrum of %zu x %zu pixels", height, width);
}

static void plan_close(plan *p)
{
	free(p->rows);
	free(p->cols);
}

/* Rows y and y + 1 as one; the second may not be there. */
static void forward_rows(const plan *p, c5_fft_value *spectrum, const float *map, size_t y, kiss_fft_cpx *in, kiss_fft_cpx *out)
{
	const bool two = y + 1 < p->height;
	const float *a = map + y * p->width, *b = a + p->width;
	for (size_t x = 0; x < p->width; x++) in[x] = (kiss_fft_cpx){ a[x], two ? b[x] : 0 };
	kiss_fft(p->rows, in, out);
	for (size_t k = 0; k < p->half; k++) {
		const kiss_fft_cpx f = out[k], g = out[k ? p->width - k : 0];
		spectrum[k * p->height + y] = (c5_fft_value){ (f.r + g.r) / 2, (f.i - g.i) / 2 };
		if (two) spectrum[k * p->height + y + 1] = (c5_fft_value){ (f.i + g.i) / 2, (g.r - f.r) / 2 };
	}
}

static void inverse_rows(const plan *p, float *map, const c5_fft_value *spectrum, size_t y, kiss_fft_cpx *in, kiss_fft_cpx *out)
{
	const bool two = y + 1 < p->height;
	const float share = 1 / ((float)p->width * (float)p->height);
	for (size_t k = 0; k < p->half; k++) {
		const c5_fft_value a = spectrum[k * p->height + y], b = two ? spectrum[k * p->height + y + 1] : (c5_fft_value){ 0, 0 };
		in[k] = (kiss_fft_cpx){ a.re - b.im, a.im + b.re };
		if (k && k < p->width - k) in[p->width - k] = (kiss_fft_cpx){ a.re + b.im, b.re - a.im };
	}
	kiss_fft(p->rows, in, out);
	for (size_t x = 0; x < p->width; x++) {
		map[y * p->width + x] = out[x].r * share;
		if (two) map[(y + 1) * p->width + x] = out[x].i * share;
	}
}

/* Room for one line of either direction. */
static int lines(kiss_fft_cpx **in, kiss_fft_cpx **out, const plan *p)
{
	const size_t n = p->width > p->height ? p->width : p->height;
	int err = c5_alloc(in, n, sizeof **in);
	return err < 0 ? err : c5_alloc(out, n, sizeof **out);
}

static int transform(c5_fft_value *spectrum, float *to, const float *from, size_t height, size_t width)
{
	plan p;
	int err = plan_open(&p, height, width, to != NULL);
	if (err < 0) goto done;
#pragma omp parallel
	{
		kiss_fft_cpx *in = NULL, *out = NULL;
		int mine = lines(&in, &out, &p);
		if (mine < 0) {
#pragma omp atomic write
			err = mine;
		}
		if (from) {
#pragma omp for schedule(static)
			for (size_t y = 0; y < height; y += ROWS)
				for (size_t k = y; mine == C5_OK && k < y + ROWS && k < height; k += 2) forward_rows(&p, spectrum, from, k, in, out);
		}
#pragma omp for schedule(static)
		for (size_t k = 0; k < p.half; k++) {
			if (mine < 0) continue;
			memcpy(in, spectrum + k * height, height * sizeof *in);
			kiss_fft(p.cols, in, out);
			memcpy(spectrum + k * height, out, height * sizeof *out);
		}
		if (to) {
#pragma omp for schedule(static)
			for (size_t y = 0; y < height; y += ROWS)
				for (size_t k = y; mine == C5_OK && k < y + ROWS && k < height; k += 2) inverse_rows(&p, to, spectrum, k, in, out);
		}
		free(in);
		free(out);
	}
	if (err < 0) err = c5_fail(err, "out of memory for the spectrum of %zu x %zu pixels", height, width);
done:
	plan_close(&p);
	return err;
}

int c5_fft_forward(c5_fft_value *spectrum, const float *map, size_t height, size_t width)
{
	return height && width ? transform(spectrum, NULL, map, height, width) : C5_OK;
}

int c5_fft_inverse(float *map, c5_fft_value *spectrum, size_t height, size_t width)
{
	return height && width ? transform(spectrum, map, NULL, height, width) : C5_OK;
}

size_t c5_fft_fast_size(size_t n)
{
	for (; n; n--) {
		size_t rest = n;
		while (rest % 2 == 0) rest /= 2;
		while (rest % 3 == 0) rest /= 3;
		while (rest % 5 == 0) rest /= 5;
		if (rest == 1) return n;
	}
	return 0;
}
