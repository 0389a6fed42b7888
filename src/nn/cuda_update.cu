/* cuda_update.cu – optimiser updates number by number, and the norm of a gradient, summed in double in fixed pieces. */
#include "nn/cuda_code.cuh"

namespace {

#define CHUNK ((size_t)2048) /* numbers a block takes */

/* What a kernel gets of several arrays: block b is of the last part whose first is not after b. */
struct table {
	c5_update u;
	int n;
	unsigned first[C5_UPDATE_PARTS];
	c5_update_part part[C5_UPDATE_PARTS];
};

__device__ inline float averaged(const c5_update &u, float before, float now)
{
	float share = u.first ? 0 : u.averaging;
	return share * before + (1 - share) * now;
}

__device__ inline float sgd(const c5_update &u, const c5_update_part &p, size_t i)
{
	float w = p.w[i], d = p.g[i] * p.scale + p.decay * w;
	if (p.m) {
		float v = u.momentum * p.m[i] + d;
		p.m[i] = v;
		d = u.nesterov ? d + u.momentum * v : v;
	}
	return w - p.rate * d;
}

__device__ inline float adam(const c5_update &u, const c5_update_part &p, size_t i)
{
	float inside = u.kind == C5_OPT_ADAM ? p.decay : 0, outside = u.kind == C5_OPT_ADAMW ? p.rate * p.decay : 0;
	float w = p.w[i], d = p.g[i] * p.scale + inside * w;
	float m1 = u.beta1 * p.m[i] + (1 - u.beta1) * d, v1 = u.beta2 * p.v[i] + (1 - u.beta2) * d * d;
	p.m[i] = m1;
	p.v[i] = v1;
	return (w - outside * w) - p.rate * (m1 * u.correct1) / (sqrtf(v1 * u.correct2) + u.epsilon);
}

__global__ void __launch_bounds__(C5_THREADS) update_kernel(const __grid_constant__ table t)
{
	int k = 0;
	while (k + 1 < t.n && blockIdx.x >= t.first[k + 1]) k++;
	const c5_update_part &p = t.part[k];
	size_t from = (size_t)(blockIdx.x - t.first[k]) * CHUNK, to = min_of(from + CHUNK, p.n);
	for (size_t i = from + threadIdx.x; i < to; i += C5_THREADS) {
		float now = t.u.kind == C5_OPT_SGD ? sgd(t.u, p, i) : adam(t.u, p, i);
		p.w[i] = now;
		if (p.average) p.average[i] = averaged(t.u, p.average[i], now);
		if (i < p.copies) put((bfloat *)p.copy, i, now);
	}
}

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

int c5_k_update(c5_stream s, const c5_update *u, int n, const c5_update_part *parts)
{
	for (int at = 0; at < n;) {
		table t;
		size_t blocks = 0;
		t.u = *u;
		for (t.n = 0; t.n < C5_UPDATE_PARTS && at < n; at++) {
			if (!parts[at].n) continue;
			c5_update_part *p = &t.part[t.n];
			*p = parts[at];
			if (u->kind == C5_OPT_SGD && u->momentum <= 0) p->m = NULL;
			if (u->averaging <= 0) p->average = NULL;
			if (!p->copy) p->copies = 0;
			t.first[t.n++] = (unsigned)blocks;
			blocks += parts_of(p->n, CHUNK);
		}
		if (blocks) C5_START_EACH(blocks, C5_THREADS, s, update_kernel, t);
		int err = started("an update");
		if (err) return err;
	}
	return C5_OK;
}
