/* cuda_lstm.cu – matrix products in float32 in a fixed order, and the cell of an LSTM. Gates in order i f g o. */
#include "nn/cuda_code.cuh"

namespace {

#define SIDE 64  /* a block's part of c is SIDE x SIDE, a thread's 4 x 4 */
#define DEPTH 16
#define OWN 4

__device__ inline float element(const c5_k_matrix &a, size_t row, size_t column)
{
	return a.turned ? a.at[column * a.step + row] : a.at[row * a.step + column];
}

__global__ void gemm_kernel(size_t m, size_t n, size_t k, c5_k_matrix a, c5_k_matrix b, bool add, float *c, size_t step)
{
	__shared__ float left[DEPTH][SIDE + 1], right[DEPTH][SIDE + 1];
	size_t across = parts_of(n, SIDE), tiles = across * parts_of(m, SIDE);
	int t = (int)threadIdx.x, tx = t % (SIDE / OWN), ty = t / (SIDE / OWN);
	for (size_t tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
		size_t r0 = tile / across * SIDE, c0 = tile % across * SIDE;
		float sum[OWN][OWN] = { { 0 } };
		for (size_t d = 0; d < k; d += DEPTH) {
			for (int e = t; e < SIDE * DEPTH; e += C5_THREADS) { /* neighbours along what lies side by side */
				int ar = a.turned ? e % SIDE : e / DEPTH, ad = a.turned ? e / SIDE : e % DEPTH, bc = b.turned ? e / DEPTH : e % SIDE,
					bd = b.turned ? e % DEPTH : e / SIDE;
				left[ad][ar] = r0 + ar < m && d + ad < k ? element(a, r0 + ar, d + ad) : 0;
				right[bd][bc] = c0 + bc < n && d + bd < k ? element(b, d + bd, c0 + bc) : 0;
			}
			__syncthreads();
			for (int z = 0; z < DEPTH; z++)
				for (int i = 0; i < OWN; i++)
					for (int j = 0; j < OWN; j++) sum[i][j] += left[z][ty + i * (SIDE / OWN)] * right[z][tx + j * (SIDE / OWN)];
			__syncthreads();
		}
		for (int i = 0; i < OWN; i++)
			for (int j = 0; j < OWN; j++) {
				size_t r = r0 + (size_t)(ty + i * (SIDE / OWN)), q = c0 + (size_t)(tx + j * (SIDE / OWN));
				if (r >= m || q >= n) continue;
				float *to = c + r * step + q;
				*to = add ? *to + sum[i][j] : sum[i][j];
			}
	}
}

__device__ inline float sigmoid(float x) { return 1 / (1 + expf(-x)); }

struct cell_code {
	size_t steps, units, t;
	float *gates;
	const float *bias;
	float *cell, *state, *before;
	__device__ void operator()(size_t i) const
	{
		size_t u = i % units, row = i / units * steps + t, at = row * units + u;
		float *g = gates + row * 4 * units + u;
		float vi = sigmoid(g[0] + bias[u]), vf = sigmoid(g[units] + bias[units + u]), vg = tanhf(g[2 * units] + bias[2 * units + u]),
			vo = sigmoid(g[3 * units] + bias[3 * units + u]);
		float c = vf * (t ? cell[at - units] : 0) + vi * vg, h = vo * tanhf(c);
		g[0] = vi;
		g[units] = vf;
		g[2 * units] = vg;
		g[3 * units] = vo;
		cell[at] = c;
		state[at] = h;
		if (!t) before[at] = 0;
		if (t + 1 < steps) before[at + units] = h;
	}
};

struct cell_back {
	size_t steps, units, t;
	bool sequences;
	const float *gates, *cell, *gy, *dh;
	float *dc, *dgates;
	__device__ void operator()(size_t i) const
	{
		size_t n = i / units, u = i % units, row = n * steps + t, at = row * units + u;
		bool last = t + 1 == steps;
		const float *g = gates + row * 4 * units + u;
		float *out = dgates + row * 4 * units + u;
		float vi = g[0], vf = g[units], vg = g[2 * units], vo = g[3 * units], h = last ? 0 : dh[i];
		if (sequences) h += gy[at];
		else if (last) h += gy[i];
		float y = tanhf(cell[at]), d = (last ? 0 : dc[i]) + h * vo * (1 - y * y), was = t ? cell[at - units] : 0;
		out[0] = d * vg * vi * (1 - vi);
		out[units] = d * was * vf * (1 - vf);
		out[2 * units] = d * vi * (1 - vg * vg);
		out[3 * units] = h * y * vo * (1 - vo);
		dc[i] = d * vf;
	}
};

}

int c5_k_gemm(c5_stream s, size_t m, size_t n, size_t k, c5_k_matrix a, c5_k_matrix b, bool add, float *c, size_t step)
{
	size_t tiles = parts_of(m, SIDE) * parts_of(n, SIDE);
	if (!tiles) return C5_OK;
	C5_START(min_of(tiles, (size_t)1 << 20), C5_THREADS, s, gemm_kernel, m, n, k, a, b, add, c, step);
	return started("a matrix product");
}

int c5_k_lstm_cell(c5_stream s, size_t items, size_t steps, size_t units, size_t t, float *gates, const float *bias, float *cell, float *state,
	float *before)
{
	cell_code f = { steps, units, t, gates, bias, cell, state, before };
	return each(s, items * units, f, "an LSTM");
}

int c5_k_lstm_back(c5_stream s, size_t items, size_t steps, size_t units, size_t t, bool sequences, const float *gates, const float *cell,
	const float *gy, const float *dh, float *dc, float *dgates)
{
	cell_back f = { steps, units, t, sequences, gates, cell, gy, dh, dc, dgates };
	return each(s, items * units, f, "an LSTM");
}
