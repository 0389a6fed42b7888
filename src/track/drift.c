/* drift.c – see drift.h. */
#include "track/drift.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "image/filter.h"
#include "image/register.h"

#define FIELD(f) offsetof(c5_drift_params, f)
#define PIXELS_MOST (2 << 20)

const c5_opt c5_drift_opts[] = {
	{ "channel", C5_OPT_TEXT, FIELD(channel), NULL, 0, 0, NULL, "NAME", "channel to compare; default the first of transmitted light, else the first" },
	{ "fraction", C5_OPT_INT, FIELD(fraction), "20", 1, C5_REGISTER_UPSAMPLE_MAX, NULL, NULL, "shifts are told to this part of a pixel" },
	{ "blur", C5_OPT_REAL, FIELD(blur), "2", 0, 100, "px", NULL, "detail finer than a Gaussian of this deviation leaves is noise" },
	{ "least", C5_OPT_REAL, FIELD(least), "3", 0, 1000, NULL, NULL, "a shift is believed when its correlation is this many times what chance gives" },
	{ 0 }
};

struct c5_drift {
	c5_register_rules rules;
	double least;
	size_t height, width, shrink, h, w; /* of the frame; by how much it is shrunk, and to what */
	float *map, *small;
	c5_spectrum *found, *last;          /* the last frame that was found well; the one before, if it was not */
	uint32_t from, last_frame;
};

static size_t shrink_of(size_t height, size_t width)
{
	size_t f = 1;
	while ((height / f) * (width / f) > PIXELS_MOST) f++;
	return f;
}

int c5_drift_open(c5_drift **out, const c5_drift_params *params, size_t height, size_t width)
{
	c5_drift *d = NULL;
	int err;
	*out = NULL;
	if (!height || !width) return c5_fail(C5_EINPUT, "a frame of %zu x %zu pixels has no drift", height, width);
	if (params->fraction < 1 || params->fraction > C5_REGISTER_UPSAMPLE_MAX || !(params->blur >= 0 && params->blur <= 100))
		return c5_fail(C5_EUSAGE, "fraction %lld and blur %g px: expected 1 to %d, and 0 to 100", (long long)params->fraction, params->blur,
			C5_REGISTER_UPSAMPLE_MAX);
	if ((err = c5_alloc(&d, 1, sizeof *d)) < 0) return err;
	d->height = height, d->width = width, d->shrink = shrink_of(height, width);
	d->h = height / d->shrink, d->w = width / d->shrink;
	d->rules = (c5_register_rules){ (int)params->fraction, params->blur / (double)d->shrink, true };
	d->least = params->least;
	if ((err = c5_alloc_aligned(&d->map, height * width, sizeof *d->map)) < 0 ||
	    (d->shrink > 1 && (err = c5_alloc_aligned(&d->small, d->h * d->w, sizeof *d->small)) < 0)) {
		c5_drift_close(d);
		return err;
	}
	*out = d;
	return C5_OK;
}

void c5_drift_close(c5_drift *d)
{
	if (!d) return;
	c5_register_close(d->found);
	c5_register_close(d->last);
	free(d->map);
	free(d->small);
	free(d);
}

size_t c5_drift_bytes(size_t height, size_t width)
{
	const size_t f = shrink_of(height, width);
	return sizeof(c5_drift) + height * width * sizeof(float) + height / f * (width / f) * 48;
}

/* Means of blocks. */
static void shrink(c5_drift *d)
{
	const float share = 1 / (float)(d->shrink * d->shrink);
	for (size_t y = 0; y < d->h; y++)
		for (size_t x = 0; x < d->w; x++) {
			float sum = 0;
			for (size_t v = 0; v < d->shrink; v++)
				for (size_t u = 0; u < d->shrink; u++) sum += d->map[(y * d->shrink + v) * d->width + x * d->shrink + u];
			d->small[y * d->w + x] = sum * share;
		}
}

/* Compares with one frame before; *believed stays as it is where that comes to nothing. */
static int compare(const c5_drift *d, const c5_spectrum *before, uint32_t from, const c5_spectrum *now, c5_drift_row *row, bool *believed)
{
	c5_shift shift;
	int err;
	if (*believed || !before || c5_register_empty(before) || c5_register_empty(now)) return C5_OK;
	if ((err = c5_register_between(&shift, before, now, &d->rules)) < 0) return err;
	if (shift.peak > row->peak) row->peak = shift.peak;
	if (shift.peak < d->least * shift.chance) return C5_OK;
	*believed = true;
	*row = (c5_drift_row){ row->frame, from, -shift.y * (double)d->shrink, -shift.x * (double)d->shrink, shift.peak };
	return C5_OK;
}

int c5_drift_add(c5_drift *d, uint32_t frame, int dtype, const void *pixels, c5_drift_row *row)
{
	c5_spectrum *now = NULL;
	bool believed = false;
	int err;
	*row = (c5_drift_row){ .frame = frame, .from = frame };
	if ((err = c5_filter_to_float(d->map, dtype, pixels, d->height * d->width, NULL)) < 0) return err;
	if (d->shrink > 1) shrink(d);
	if ((err = c5_register_open(&now, d->shrink > 1 ? d->small : d->map, d->h, d->w, &d->rules)) < 0) return err;
	if (d->found && frame - d->from > C5_DRIFT_MEMORY) {
		c5_register_close(d->found);
		d->found = NULL;
	}
	if ((err = compare(d, d->found, d->from, now, row, &believed)) < 0 || (err = compare(d, d->last, d->last_frame, now, row, &believed)) < 0) {
		c5_register_close(now);
		return err;
	}
	c5_register_close(d->last);
	d->last = NULL;
	if (believed || (!d->found && !c5_register_empty(now))) {
		c5_register_close(d->found);
		d->found = now, d->from = frame;
	} else d->last = now, d->last_frame = frame;
	return C5_OK;
}

int c5_drift_sum(double *places, const c5_drift_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const c5_drift_row *r = &rows[i];
		if (r->frame != i || r->from > i || !isfinite(r->dy) || !isfinite(r->dx))
			return c5_fail(C5_EINPUT, "row %zu of the drift is of frame %u against %u, %g, %g px", i, r->frame, r->from, r->dy, r->dx);
		const size_t from = r->from < i ? r->from : i ? i - 1 : 0;
		places[2 * i] = i ? places[2 * from] + r->dy : 0;
		places[2 * i + 1] = i ? places[2 * from + 1] + r->dx : 0;
	}
	return C5_OK;
}
