/* picture.c – see picture.h. */
#include "stain/picture.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/dtype.h"
#include "base/error.h"
#include "base/mem.h"
#include "image/threshold.h"

#define LINE 2   /* px between panels */
#define STRIP 22 /* px above them, for words */

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

#define WIDE 400 /* px of a panel, at least */

/* A round length of at most a quarter of the panel, with its name. */
static void draw_scale_bar(c5_picture *p, size_t top, size_t zoom, size_t height, size_t width, double pixel_um)
{
	static const double lengths[] = { 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000 };
	static const uint8_t white[3] = { 255, 255, 255 }, black[3] = { 0, 0, 0 };
	char text[32];
	double um = 0;
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
		if (lengths[i] / pixel_um <= 0.25 * (double)width) um = lengths[i];
	const size_t tall = height * zoom, thick = 4, scale = 2, inset = 12;
	if (!(um > 0) || tall < 60) return;
	const size_t across = (size_t)(um / pixel_um * (double)zoom + 0.5), y = top + tall - inset - thick;
	for (size_t i = 0; i < thick + 2; i++)
		for (size_t j = 0; j < across + 2; j++) {
			const bool edge = i == 0 || j == 0 || i == thick + 1 || j == across + 1;
			memcpy(p->rgb + 3 * ((y + i - 1) * p->width + inset + j - 1), edge ? black : white, 3);
		}
	snprintf(text, sizeof text, "%g \xc2\xb5m", um);
	c5_picture_text(p, text, scale, y - 7 * scale - 5, inset + 1, black);
	c5_picture_text(p, text, scale, y - 7 * scale - 6, inset, white);
}

static void write_captions(c5_picture *p, size_t panels, size_t wide, const c5_stain_caption *said)
{
	static const uint8_t ink[3] = { 20, 20, 20 };
	const char *const what[] = { said->channel, "virtual", "recorded" };
	char text[128];
	for (size_t k = 0; k < panels; k++) {
		snprintf(text, sizeof text, k ? "%.40s %.60s" : "%.60s", what[k], said->marker);
		const size_t scale = c5_picture_text(NULL, text, 2, 0, 0, ink) + 8 <= wide ? 2 : 1;
		c5_picture_text(p, text, scale, (STRIP - 7 * scale) / 2, k * (wide + LINE) + 4, ink);
	}
}

int c5_stain_picture(c5_picture *out, const float *frame, const float *map, double map_low, double map_high, const float *level, size_t height,
	size_t width, const c5_stain_caption *said)
{
	const size_t zoom = width < WIDE ? (WIDE + width - 1) / width : 1, tall = height * zoom, one = width * zoom, panels = level ? 3 : 2,
		wide = panels * one + (panels - 1) * LINE, n = height * width;
	double low, high, level_low = 0, level_high = 1;
	void *scratch = NULL;
	int err;
	memset(out, 0, sizeof *out);
	if ((err = c5_alloc_aligned(&scratch, C5_THRESHOLD_BYTES, 1)) < 0 || (err = c5_alloc(&out->rgb, (tall + STRIP) * wide, 3)) < 0) goto done;
	if ((err = contrast(frame, n, 0.5, scratch, &low, &high)) < 0 || (level && (err = contrast(level, n, 50, scratch, &level_low, &level_high)) < 0))
		goto done;
	memset(out->rgb, 255, (tall + STRIP) * wide * 3);
	out->height = tall + STRIP, out->width = wide;
	for (size_t y = 0; y < tall; y++)
		for (size_t x = 0; x < one; x++) {
			const size_t i = y / zoom * width + x / zoom;
			uint8_t *at = out->rgb + ((y + STRIP) * wide + x) * 3;
			double grey = part((double)frame[i], low, high);
			put(at, grey, 0);
			put(at + (one + LINE) * 3, grey, part((double)map[i], map_low, map_high));
			if (level) put(at + 2 * (one + LINE) * 3, grey, part((double)level[i], level_low, level_high));
		}
	if (said->pixel_um > 0) draw_scale_bar(out, STRIP, zoom, height, width, said->pixel_um);
	write_captions(out, panels, one, said);
done:
	free(scratch);
	if (err < 0) {
		free(out->rgb);
		memset(out, 0, sizeof *out);
	}
	return err;
}
