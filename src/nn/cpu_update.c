/* cpu_update.c – optimiser updates number by number, and the norm of a gradient, summed in double in fixed pieces. */
#include <math.h>

#include "base/error.h"
#include "nn/cpu.h"
#include "nn/cpu_vec.h"

#define PIECE ((size_t)1 << 14)
#define STRANDS 16

FOR_CPUS static double squares_run(size_t n, const float *g)
{
	double sum[STRANDS] = { 0 }, all = 0;
	size_t rows = n / STRANDS;
	for (size_t r = 0; r < rows; r++) {
#pragma omp simd
		for (int l = 0; l < STRANDS; l++) {
			double v = g[r * STRANDS + (size_t)l];
			sum[l] += v * v;
		}
	}
	for (int l = 0; l < STRANDS; l++) all += sum[l];
	for (size_t i = rows * STRANDS; i < n; i++) all += (double)g[i] * g[i];
	return all;
}

size_t c5_cpu_norm_scratch(void *dev, size_t n)
{
	(void)dev;
	return (n + PIECE - 1) / PIECE * sizeof(double);
}

int c5_cpu_norm(void *dev, size_t n, const float *g, void *scratch, double *squares)
{
	(void)dev;
	double *part = scratch;
	size_t pieces = (n + PIECE - 1) / PIECE;
#pragma omp parallel for schedule(static)
	for (size_t i = 0; i < pieces; i++) part[i] = squares_run(n - i * PIECE < PIECE ? n - i * PIECE : PIECE, g + i * PIECE);
	*squares = 0;
	for (size_t i = 0; i < pieces; i++) *squares += part[i];
	return C5_OK;
}

FOR_CPUS static void sgd_run(const c5_update *u, size_t n, float *w, const float *g, float *m)
{
	float rate = u->rate, decay = u->decay, scale = u->scale, mu = u->momentum;
	bool nesterov = u->nesterov;
	if (!m || mu <= 0) {
#pragma omp simd
		for (size_t i = 0; i < n; i++) w[i] -= rate * (g[i] * scale + decay * w[i]);
		return;
	}
#pragma omp simd
	for (size_t i = 0; i < n; i++) {
		float d = g[i] * scale + decay * w[i], v = mu * m[i] + d;
		m[i] = v;
		w[i] -= rate * (nesterov ? d + mu * v : v);
	}
}

FOR_CPUS static void adam_run(const c5_update *u, size_t n, float *w, const float *g, float *m, float *v)
{
	float rate = u->rate, scale = u->scale, b1 = u->beta1, b2 = u->beta2, eps = u->epsilon, c1 = u->correct1, c2 = u->correct2;
	float inside = u->kind == C5_OPT_ADAM ? u->decay : 0, outside = u->kind == C5_OPT_ADAMW ? rate * u->decay : 0;
#pragma omp simd
	for (size_t i = 0; i < n; i++) {
		float d = g[i] * scale + inside * w[i];
		float m1 = b1 * m[i] + (1 - b1) * d, v1 = b2 * v[i] + (1 - b2) * d * d;
		m[i] = m1;
		v[i] = v1;
		w[i] = (w[i] - outside * w[i]) - rate * (m1 * c1) / (__builtin_sqrtf(v1 * c2) + eps);
	}
}

FOR_CPUS static void average_run(float share, bool first, size_t n, const float *w, float *average)
{
	float a = first ? 0 : share;
#pragma omp simd
	for (size_t i = 0; i < n; i++) average[i] = a * average[i] + (1 - a) * w[i];
}

int c5_cpu_update(void *dev, const c5_update *u, size_t n, float *w, const float *g, float *m, float *v, float *average)
{
	(void)dev;
	int64_t pieces = (int64_t)((n + PIECE - 1) / PIECE);
#pragma omp parallel for schedule(static) if (pieces > 1)
	for (int64_t p = 0; p < pieces; p++) {
		size_t i = (size_t)p * PIECE, many = n - i < PIECE ? n - i : PIECE;
		if (u->kind == C5_OPT_SGD) sgd_run(u, many, w + i, g + i, m ? m + i : NULL);
		else adam_run(u, many, w + i, g + i, m + i, v + i);
		if (average && u->averaging > 0) average_run(u->averaging, u->first, many, w + i, average + i);
	}
	return C5_OK;
}
