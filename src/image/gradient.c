/* gradient.c – see gradient.h. */
#include "image/gradient.h"

#include <math.h>

#include "base/cpus.h"

#define ALONE 100000 /* pixels from which threads pay */

static inline float steepness(float nw, float n, float ne, float west, float east, float sw, float s, float se)
{
	const float dy = (nw + 2 * n + ne) - (sw + 2 * s + se), dx = (nw + 2 * west + sw) - (ne + 2 * east + se);
	return sqrtf(dy * dy + dx * dx) * 0.1767766953f; /* a quarter for the weights, the root of a half for the mean */
}

FOR_CPUS static void inside(float *restrict out, const float *up, const float *row, const float *down, size_t width)
{
	for (size_t x = 1; x + 1 < width; x++)
		out[x] = steepness(*(up + x - 1), up[x], up[x + 1], *(row + x - 1), row[x + 1], *(down + x - 1), down[x], down[x + 1]);
}

void c5_gradient_sobel(float *out, const float *in, size_t height, size_t width)
{
	if (!width) return;
#pragma omp parallel for schedule(static) if (height * width > ALONE)
	for (size_t y = 0; y < height; y++) {
		const float *row = in + y * width, *up = y ? row - width : row, *down = y + 1 < height ? row + width : row;
		const size_t last = width - 1, left = last ? last - 1 : 0, right = last ? 1 : 0;
		float *to = out + y * width;
		inside(to, up, row, down, width);
		to[0] = steepness(up[0], up[0], up[right], row[0], row[right], down[0], down[0], down[right]);
		to[last] = steepness(up[left], up[last], up[last], row[left], row[last], down[left], down[last], down[last]);
	}
}
