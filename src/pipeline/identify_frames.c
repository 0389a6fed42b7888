/* identify_frames.c – see identify_frames.h. */
#include "pipeline/identify_frames.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"
#include "container/run.h"
#include "image/filter.h"
#include "pipeline/trained.h"

#define PI 3.14159265358979323846
#define SHIPPED "identify.h5"
#define LEAST_PIXELS 9 /* a label of fewer is a slip of the pen */

void c5_few_frames_clear(c5_few_frames *f)
{
	for (size_t i = 0; i < f->n; i++) {
		float *own = (float *)(uintptr_t)f->frames[i].pixels;
		free(own);
	}
	free(f->frames);
	free(f->at);
	memset(f, 0, sizeof *f);
}

int c5_few_frames_read(c5_few_frames *out, c5_file *f, c5_codec *codec, const char *experiment, const c5_channel *c, size_t most)
{
	c5_array *a = NULL;
	void *raw = NULL;
	size_t n = c->frames < most ? (size_t)c->frames : most, area = (size_t)(c->height * c->width);
	char *path = c5_format("/experiments/%s/raw/%s", experiment, c->name);
	memset(out, 0, sizeof *out);
	int err = path ? c5_array_open(&a, f, path) : c5_fail(C5_ENOMEM, "out of memory");
	if (err < 0 || (err = c5_alloc(&raw, area, c5_dtype_size(c->dtype))) < 0 || (err = c5_alloc(&out->frames, n, sizeof *out->frames)) < 0 ||
	    (err = c5_alloc(&out->at, n, sizeof *out->at)) < 0)
		goto done;
	for (size_t i = 0; i < n && err == C5_OK; i++) {
		uint64_t t = n > 1 ? i * (c->frames - 1) / (n - 1) : c->frames / 2;
		float *pixels;
		if ((err = c5_alloc_aligned(&pixels, area, sizeof *pixels)) < 0) break;
		out->frames[i] = (c5_identify_frame){ pixels, (size_t)c->height, (size_t)c->width };
		out->at[i] = t, out->n = i + 1;
		err = c5_array_read_frame(a, codec, t, c->planes / 2, raw);
		if (err == C5_OK) err = c5_filter_to_float(pixels, c->dtype, raw, area, NULL);
	}
done:
	c5_array_close(a);
	free(raw);
	free(path);
	if (err < 0) c5_few_frames_clear(out);
	return err;
}

static int ascending(const void *a, const void *b)
{
	const double *p = a, *q = b;
	return (*p > *q) - (*p < *q);
}

/* Adds the diameters of one frame's objects. */
static int add_objects(double **list, size_t *n, size_t *cap, const void *labels, int dtype, size_t height, size_t width)
{
	uint32_t top = 0, *area = NULL;
	for (size_t i = 0; i < height * width; i++) {
		uint32_t k = dtype == C5_U16 ? ((const uint16_t *)labels)[i] : ((const uint32_t *)labels)[i];
		if (k > top) top = k;
	}
	if (top > height * width) top = (uint32_t)(height * width); /* labels of objects count up from 1 */
	int err = c5_alloc(&area, (size_t)top + 1, sizeof *area);
	if (err < 0 || (err = c5_grow(list, cap, *n + top, sizeof **list)) < 0) goto done;
	for (size_t pass = 0; pass < 2; pass++)
		for (size_t y = 0; y < height; y++)
			for (size_t x = 0; x < width; x++) {
				size_t i = y * width + x;
				uint32_t k = dtype == C5_U16 ? ((const uint16_t *)labels)[i] : ((const uint32_t *)labels)[i];
				bool edge = y == 0 || x == 0 || y + 1 == height || x + 1 == width;
				if (!k || k > top) continue;
				if (pass == 0) area[k]++;
				else if (edge) area[k] = 0;
			}
	for (uint32_t k = 1; k <= top; k++)
		if (area[k] >= LEAST_PIXELS) (*list)[(*n)++] = sqrt(4 * area[k] / PI);
done:
	free(area);
	return err;
}

int c5_masks_diameter(double *out, c5_file *f, c5_codec *codec, const char *experiment, const c5_channel *c, const c5_few_frames *frames)
{
	c5_array *a = NULL;
	void *labels = NULL;
	double *list = NULL;
	size_t n = 0, cap = 0;
	int err = C5_OK;
	char *path = c5_format("/experiments/%s/masks/latest", experiment);
	*out = NAN;
	if (!path) return c5_fail(C5_ENOMEM, "out of memory");
	if (!c5_exists(f, path) || (err = c5_array_open(&a, f, path)) < 0) goto done;
	const c5_array_spec *s = c5_array_spec_of(a);
	if (s->rank != 3 || s->dims[1] != c->height || s->dims[2] != c->width || (s->dtype != C5_U16 && s->dtype != C5_U32)) goto done;
	if ((err = c5_alloc(&labels, (size_t)(c->height * c->width), c5_dtype_size(s->dtype))) < 0) goto done;
	for (size_t i = 0; i < frames->n && err == C5_OK; i++) {
		if (frames->at[i] >= s->dims[0]) continue;
		err = c5_array_read_frame(a, codec, frames->at[i], 0, labels);
		if (err == C5_OK) err = add_objects(&list, &n, &cap, labels, s->dtype, (size_t)c->height, (size_t)c->width);
	}
	if (err < 0 || n == 0) goto done;
	qsort(list, n, sizeof *list, ascending);
	*out = n % 2 ? list[n / 2] : 0.5 * (list[n / 2 - 1] + list[n / 2]);
done:
	c5_array_close(a);
	free(list);
	free(labels);
	free(path);
	return err;
}

/* ---- the model ---- */

/* The first of those folders that has it; NULL: none. */
static char *shipped(void)
{
	char self[4096];
	const char *own = getenv("CYTO5_MODELS");
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	self[n > 0 ? n : 0] = 0;
	char *slash = strrchr(self, '/');
	if (slash) *slash = 0;
	for (int i = 0; i < 3; i++) {
		char *path = i == 0 ? (own ? c5_format("%s/" SHIPPED, own) : NULL) : i == 1 ? c5_format("%s/../share/cyto5/models/" SHIPPED,
			self) : c5_format(C5_MODELS_SOURCE "/" SHIPPED);
		if (path && access(path, R_OK) == 0) return path;
		free(path);
	}
	return NULL;
}

int c5_identify_open(c5_identifier **out, c5_device *device, const char *address, char digest[65])
{
	c5_stored_model s;
	c5_model *m = NULL;
	c5_weights *w = NULL;
	char *path = NULL, *whole = NULL;
	int err = C5_OK;
	*out = NULL;
	c5_stored_model_init(&s);
	if (!address) {
		if (!(path = shipped()))
			return c5_fail(C5_ENOTFOUND, SHIPPED ": not found beside cyto5 nor in $CYTO5_MODELS; name a model with --model FILE.h5:NAME");
		if (!(whole = c5_format("%s:identify", path))) err = c5_fail(C5_ENOMEM, "out of memory");
		address = whole;
	}
	if (err == C5_OK) err = c5_trained_read(&m, &w, &s, address);
	if (err == C5_OK) err = c5_trained_is_for(&s, "identify", address);
	if (err == C5_OK) err = c5_identify_check(m, address);
	if (err == C5_OK) err = c5_identifier_open(out, device, m, w);
	if (err == C5_OK) memcpy(digest, s.sha256, sizeof s.sha256);
	c5_weights_free(w);
	c5_model_free(m);
	c5_stored_model_free(&s);
	free(whole);
	free(path);
	return err;
}
