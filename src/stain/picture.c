/* picture.c – see picture.h. */
#include "stain/picture.h"

#include <stdlib.h>
#include <string.h>

#include "base/dtype.h"
#include "base/error.h"
#include "base/mem.h"
#include "image/threshold.h"

#define LINE 2 /* px between panels */

static int contrast(const float *pixels, size_t n, double percent_low, void *scratch, double *low, double *high)
{
	int err = c5_threshold_percentile(C5_F32, pixels, n, percent_low, scratch, low);
	if (err == C5_OK) err = c5_threshold_percentile(C5_F32, pixels, n, 99.5, scratch, high);
	if (err == C5_OK && !(*high > *low)) *high = *low + 1;
	return err;
}

static double part(double v, double low, double high)
{
	double p = (v - low) / (high - low);
	return p > 0 ? p < 1 ? p : 1 : 0; /* NAN is nothing */
}

/* Grey, turned towards green by `colour`. */
static void put(uint8_t *rgb, double grey, double colour)
{
	static const double green[3] = { 40, 235, 90 };
	for (int k = 0; k < 3; k++) {
		double dim = 255 * grey * (1 - 0.55 * colour), v = dim + (green[k] - dim) * 0.75 * colour;
		rgb[k] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v + 0.5);
	}
}

int c5_stain_picture(c5_picture *out, const float *frame, const float *map, double map_low, double map_high, const float *level, size_t height,
	size_t width)
{
	size_t panels = level ? 3 : 2, wide = panels * width + (panels - 1) * LINE, n = height * width;
	double low, high, level_low = 0, level_high = 1;
	void *scratch = NULL;
	int err;
	memset(out, 0, sizeof *out);
	if ((err = c5_alloc_aligned(&scratch, C5_THRESHOLD_BYTES, 1)) < 0 || (err = c5_alloc(&out->rgb, height * wide, 3)) < 0) goto done;
	if ((err = contrast(frame, n, 0.5, scratch, &low, &high)) < 0 || (level && (err = contrast(level, n, 50, scratch, &level_low, &level_high)) < 0))
		goto done;
	memset(out->rgb, 255, height * wide * 3);
	out->height = height, out->width = wide;
	for (size_t y = 0; y < height; y++)
		for (size_t x = 0; x < width; x++) {
			size_t i = y * width + x;
			uint8_t *at = out->rgb + (y * wide + x) * 3;
			double grey = part((double)frame[i], low, high);
			put(at, grey, 0);
			put(at + (width + LINE) * 3, grey, part((double)map[i], map_low, map_high));
			if (level) put(at + 2 * (width + LINE) * 3, grey, part((double)level[i], level_low, level_high));
		}
done:
	free(scratch);
	if (err < 0) {
		free(out->rgb);
		memset(out, 0, sizeof *out);
	}
	return err;
}
