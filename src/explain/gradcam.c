/* gradcam.c – see gradcam.h. */
#include "explain/gradcam.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/mem.h"

int c5_gradcam_layer(const c5_model *m)
{
	for (int i = m->n_layers; i-- > 0;) {
		const c5_layer *l = &m->layers[i];
		if (l->rank != 3 || l->shape[1] * l->shape[2] < 2) continue;
		switch (l->kind) {
		case C5_LAYER_CONV:
		case C5_LAYER_CONV_TRANSPOSE:
		case C5_LAYER_BATCH_NORM:
		case C5_LAYER_GROUP_NORM:
		case C5_LAYER_ACTIVATION:
		case C5_LAYER_ADD:
		case C5_LAYER_CONCAT: return i;
		default: break;
		}
	}
	return -1;
}

void c5_gradcam_map(float *map, float *peak, const float *activation, const float *gradient, size_t channels, size_t height, size_t width)
{
	size_t n = height * width;
	float most = 0, least = INFINITY;
	for (size_t i = 0; i < n; i++) map[i] = 0;
	for (size_t k = 0; k < channels; k++) {
		double weight = 0;
		for (size_t i = 0; i < n; i++) weight += (double)gradient[k * n + i];
		float w = (float)(weight / (double)n);
		for (size_t i = 0; i < n; i++) map[i] += w * activation[k * n + i];
	}
	for (size_t i = 0; i < n; i++) {
		if (!(map[i] > 0)) map[i] = 0;
		most = fmaxf(most, map[i]);
		least = fminf(least, map[i]);
	}
	*peak = most;
	if (most == least) least = 0; /* as important everywhere */
	for (size_t i = 0; i < n && most > 0; i++) map[i] = (map[i] - least) / (most - least);
}

struct pixel { float v; size_t at; };

static int most_first(const void *x, const void *y)
{
	const struct pixel *a = x, *b = y;
	if (a->v != b->v) return a->v > b->v ? -1 : 1;
	return (a->at > b->at) - (a->at < b->at);
}

int c5_gradcam_order(size_t *order, const float *map, size_t n)
{
	struct pixel *p;
	int err = c5_alloc(&p, n, sizeof *p);
	if (err < 0) return err;
	for (size_t i = 0; i < n; i++) p[i] = (struct pixel){ map[i], i };
	if (n) qsort(p, n, sizeof *p, most_first);
	for (size_t i = 0; i < n; i++) order[i] = p[i].at;
	free(p);
	return C5_OK;
}

double c5_gradcam_area(const double *points, size_t steps)
{
	double sum = 0;
	for (size_t i = 0; i < steps; i++) sum += (points[i] + points[i + 1]) / 2;
	return steps ? sum / (double)steps : NAN;
}
