/* morphology.c – see morphology.h. A disc is a stack of horizontal bars. Each source row is stretched once for every bar length there is, by
 * doubling (1, 2, 4 ... pixels, then the rest overlapping), and laid over the target rows where that bar belongs: bytes in long vectors,
 * no branch on what a pixel holds. Erosion is dilation of the background. */
#include "image/morphology.h"

#include <stdbool.h>
#include <string.h>

#include "base/cpus.h"

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

/* ---- discs ---- */

size_t c5_morphology_bytes(size_t height, size_t width, size_t radius) { return height * width + width + 2 * radius; }

FOR_CPUS static void lay(uint8_t *restrict to, const uint8_t *restrict bar, size_t n)
{
	for (size_t i = 0; i < n; i++) to[i] |= bar[i];
}

/* a[i] |= a[i + by]: reads run ahead of writes */
FOR_CPUS static void join(uint8_t *a, size_t n, size_t by)
{
	for (size_t i = 0; i < n; i++) a[i] |= a[i + by];
}

FOR_CPUS static void invert(uint8_t *mask, size_t n)
{
	for (size_t i = 0; i < n; i++) mask[i] ^= 1;
}

void c5_morphology_dilate(uint8_t *mask, size_t height, size_t width, size_t radius, void *scratch)
{
	uint8_t *out = scratch, *line = out + height * width;
	if (!radius || !height || !width) return;
	memcpy(out, mask, height * width);
	for (size_t y = 0; y < height; y++) {
		const uint8_t *row = mask + y * width;
		if (!memchr(row, 1, width)) continue;
		/* bars from the disc's ends, the shortest, to its middle; `covered` pixels wide so far, the row `half` to the right in the line */
		size_t covered = 0, last = 0;
		for (size_t dy = radius + 1; dy-- > 0;) {
			size_t half = last;
			while (dy * dy + (half + 1) * (half + 1) <= radius * radius) half++;
			if (!covered || half != last) {
				const size_t window = 2 * half + 1;
				memset(line, 0, half);
				memcpy(line + half, row, width);
				memset(line + half + width, 0, half);
				size_t k;
				for (k = 1; 2 * k <= window; k *= 2) join(line, width + 2 * half - (2 * k - 1), k);
				if (k < window) join(line, width, window - k);
				covered = window, last = half;
			}
			if (y >= dy) lay(out + (y - dy) * width, line, width);
			if (dy && y + dy < height) lay(out + (y + dy) * width, line, width);
		}
	}
	memcpy(mask, out, height * width);
}

void c5_morphology_erode(uint8_t *mask, size_t height, size_t width, size_t radius, void *scratch)
{
	invert(mask, height * width);
	c5_morphology_dilate(mask, height, width, radius, scratch);
	invert(mask, height * width);
}

void c5_morphology_open(uint8_t *mask, size_t height, size_t width, size_t radius, void *scratch)
{
	c5_morphology_erode(mask, height, width, radius, scratch);
	c5_morphology_dilate(mask, height, width, radius, scratch);
}

void c5_morphology_close(uint8_t *mask, size_t height, size_t width, size_t radius, void *scratch)
{
	c5_morphology_dilate(mask, height, width, radius, scratch);
	c5_morphology_erode(mask, height, width, radius, scratch);
}

/* ---- windows ---- */

size_t c5_morphology_window_bytes(size_t height, size_t width, size_t radius)
{
	return sizeof(float) * ((height + 2 * radius) * width + larger(width + 2 * radius, width));
}

FOR_CPUS static void most(float *a, size_t n, size_t by)
{
	for (size_t i = 0; i < n; i++) a[i] = a[i + by] > a[i] ? a[i + by] : a[i];
}

FOR_CPUS static void least(float *a, size_t n, size_t by)
{
	for (size_t i = 0; i < n; i++) a[i] = a[i + by] < a[i] ? a[i + by] : a[i];
}

static void window(float *out, const float *in, size_t height, size_t width, size_t radius, void *scratch, void (*pick)(float *, size_t, size_t))
{
	const size_t size = 2 * radius + 1;
	float *rows = scratch, *line = rows + (height + 2 * radius) * width;
	size_t k;
	if (!height || !width) return;
	for (size_t y = 0; y < height; y++) {
		const float *row = in + y * width;
		for (size_t x = 0; x < radius; x++) line[x] = row[0], line[radius + width + x] = row[width - 1];
		memcpy(line + radius, row, width * sizeof *line);
		for (k = 1; 2 * k <= size; k *= 2) pick(line, width + 2 * radius - (2 * k - 1), k);
		if (k < size) pick(line, width, size - k);
		memcpy(rows + (radius + y) * width, line, width * sizeof *line);
	}
	for (size_t y = 0; y < radius; y++) { /* a repeated edge row adds nothing that is not in the window */
		memcpy(rows + y * width, rows + radius * width, width * sizeof *rows);
		memcpy(rows + (radius + height + y) * width, rows + (radius + height - 1) * width, width * sizeof *rows);
	}
	for (k = 1; 2 * k <= size; k *= 2) pick(rows, (height + 2 * radius - (2 * k - 1)) * width, k * width);
	if (k < size) pick(rows, height * width, (size - k) * width);
	memcpy(out, rows, height * width * sizeof *out);
}

void c5_morphology_max(float *out, const float *in, size_t height, size_t width, size_t radius, void *scratch)
{
	window(out, in, height, width, radius, scratch, most);
}

void c5_morphology_min(float *out, const float *in, size_t height, size_t width, size_t radius, void *scratch)
{
	window(out, in, height, width, radius, scratch, least);
}
