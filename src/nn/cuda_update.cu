/* cuda_update.cu – optimiser updates number by number, and the norm of a gradient, summed in double in fixed pieces. */
#include "nn/cuda_code.cuh"

namespace {

struct sgd_code {
	c5_update u;
	float *w, *m, *average;
	const float *g;
	__device__ void operator()(size_t i) const
	{
		float d = g[i] * u.scale + u.decay * w[i];
		if (m) {
			float v = u.momentum * m[i] + d;
			m[i] = v;
			d = u.nesterov ? d + u.momentum * v : v;
		}
		float now = w[i] - u.rate * d, share = u.first ? 0 : u.averaging;
		w[i] = now;
		if (average) average[i] = share * average[i] + (1 - share) * now;
	}
};

struct adam_code {
	c5_update u;
	float *w, *m, *v, *average;
	const float *g;
	__device__ void operator()(size_t i) const
	{
		float inside = u.kind == C5_OPT_ADAM ? u.decay : 0, outside = u.kind == C5_OPT_ADAMW ? u.rate * u.decay : 0;
		float d = g[i] * u.scale + inside * w[i];
		float m1 = u.beta1 * m[i] + (1 - u.beta1) * d, v1 = u.beta2 * v[i] + (1 - u.beta2) * d * d;
		m[i] = m1;
		v[i] = v1;
		float now = (w[i] - outside * w[i]) - u.rate * (m1 * u.correct1) / (sqrtf(v1 * u.correct2) + u.epsilon), share = u.first ? 0 : u.averaging;
		w[i] = now;
		if (average) average[i] = share * average[i] + (1 - share) * now;
	}
};

#define PIECE ((size_t)1 << 14)

/* The block's sum of `mine`, in thread 0. */
__device__ double block_sum(double mine)
{
	__shared__ double sums[C5_THREADS];
	sums[threadIdx.x] = mine;
	__syncthreads();
	for (unsigned s = C5_THREADS / 2; s > 0; s /= 2) {
		if (threadIdx.x < s) sums[threadIdx.x] += sums[threadIdx.x + s];
		__syncthreads();
	}
	return sums[0];
}

__global__ void squares_kernel(size_t n, const float *g, double *parts)
{
	size_t from = blockIdx.x * PIECE, to = min_of(from + PIECE, n);
	double mine = 0;
	for (size_t i = from + threadIdx.x; i < to; i += C5_THREADS) mine += (double)g[i] * (double)g[i];
	double all = block_sum(mine);
	if (threadIdx.x == 0) parts[blockIdx.x] = all;
}

__global__ void join_kernel(size_t n, const double *parts, double *value)
{
	double mine = 0;
	for (size_t i = threadIdx.x; i < n; i += C5_THREADS) mine += parts[i];
	double all = block_sum(mine);
	if (threadIdx.x == 0) *value = all;
}

}

size_t c5_k_squares_scratch(size_t n)
{
	return parts_of(n, PIECE) * sizeof(double);
}

int c5_k_squares(c5_stream s, size_t n, const float *g, void *scratch, double *value)
{
	size_t pieces = parts_of(n, PIECE);
	double *parts = (double *)scratch;
	if (pieces) C5_START(pieces, C5_THREADS, s, squares_kernel, n, g, parts);
	C5_START(1, C5_THREADS, s, join_kernel, pieces, parts, value);
	return started("a norm");
}

int c5_k_update(c5_stream s, const c5_update *u, size_t n, float *w, const float *g, float *m, float *v, float *average)
{
	float *kept = u->averaging > 0 ? average : NULL;
	if (u->kind == C5_OPT_SGD) {
		sgd_code f = { *u, w, u->momentum > 0 ? m : NULL, kept, g };
		return each(s, n, f, "an update");
	}
	adam_code f = { *u, w, m, v, kept, g };
	return each(s, n, f, "an update");
}
