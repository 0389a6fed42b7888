/* cuda_elements.cu – number by number: activations, sums, bias, casts, transposition, dropout. See cuda_kernels.h. */
#include "nn/cuda_code.cuh"

namespace {

template <class T> struct accumulate_code {
	T *to;
	const T *from;
	__device__ void operator()(size_t i, int m) const
	{
		float a[C5_PACK], b[C5_PACK];
		read(to, i, m, a);
		read(from, i, m, b);
		for (int k = 0; k < m; k++) a[k] += b[k];
		write(to, i, m, a);
	}
};

template <class T> struct act_code {
	int act;
	float slope;
	const T *x;
	T *y;
	__device__ void operator()(size_t i, int m) const
	{
		float v[C5_PACK];
		read(x, i, m, v);
		for (int k = 0; k < m; k++) v[k] = act_of(act, slope, v[k]);
		write(y, i, m, v);
	}
};

template <class T> struct act_back_code {
	int act;
	float slope;
	const T *y, *gy;
	T *gx;
	__device__ void operator()(size_t i, int m) const
	{
		float v[C5_PACK], g[C5_PACK];
		read(y, i, m, v);
		read(gy, i, m, g);
		for (int k = 0; k < m; k++) g[k] *= slope_of(act, slope, v[k]);
		write(gx, i, m, g);
	}
};

template <class A, class B> struct finish_code {
	int act;
	float slope;
	size_t channels;
	const A *x;
	const B *z;
	const float *bias;
	B *y;
	__device__ void operator()(size_t i, int m) const
	{
		float v[C5_PACK], add[C5_PACK];
		read(x, i, m, v);
		if (bias) {
			size_t c;
			split(i, channels, &c);
			for (int k = 0; k < m; k++) {
				v[k] += bias[c];
				c = c + 1 == channels ? 0 : c + 1;
			}
		}
		if (z) {
			read(z, i, m, add);
			for (int k = 0; k < m; k++) v[k] += add[k];
		}
		for (int k = 0; k < m; k++) v[k] = act_of(act, slope, v[k]);
		write(y, i, m, v);
	}
};

template <class A, class B> struct cast_code {
	const A *from;
	B *to;
	__device__ void operator()(size_t i, int m) const
	{
		float v[C5_PACK];
		read(from, i, m, v);
		write(to, i, m, v);
	}
};

#define TILE 32
#define TILE_ROWS 8

/* A tile of a matrix goes through shared memory, so that both sides are read and written along their rows. */
template <class A, class B> __global__ void transpose_kernel(size_t tiles, size_t rows, size_t columns, const A *from, B *to)
{
	__shared__ float tile[TILE][TILE + 1];
	size_t across = parts_of(columns, TILE), down = parts_of(rows, TILE);
	int x = (int)threadIdx.x % TILE, y = (int)threadIdx.x / TILE;
	for (size_t t = blockIdx.x; t < tiles; t += gridDim.x) {
		size_t matrix = t / (across * down), rest = t % (across * down), r0 = rest / across * TILE, c0 = rest % across * TILE, at = matrix * rows * columns;
		for (int k = y; k < TILE; k += TILE_ROWS)
			if (r0 + k < rows && c0 + x < columns) tile[k][x] = get(from, at + (r0 + k) * columns + c0 + x);
		__syncthreads();
		for (int k = y; k < TILE; k += TILE_ROWS)
			if (c0 + k < columns && r0 + x < rows) put(to, at + (c0 + k) * rows + r0 + x, tile[x][k]);
		__syncthreads();
	}
}

__global__ void set_pass_kernel(c5_pass *to, uint64_t seed, uint64_t item0)
{
	if (threadIdx.x) return;
	to->seed = seed;
	to->item0 = item0;
}

/* Ten rounds of Philox 4x32 (Salmon et al. 2011), as base/random.h has it. */
__device__ inline void philox(uint32_t c[4], uint32_t k0, uint32_t k1)
{
	for (int round = 0; round < 10; round++) {
		uint64_t a = (uint64_t)c[0] * 0xD2511F53u, b = (uint64_t)c[2] * 0xCD9E8D57u;
		uint32_t n0 = (uint32_t)(b >> 32) ^ c[1] ^ k0, n2 = (uint32_t)(a >> 32) ^ c[3] ^ k1;
		c[1] = (uint32_t)b;
		c[3] = (uint32_t)a;
		c[0] = n0;
		c[2] = n2;
		k0 += 0x9E3779B9u;
		k1 += 0xBB67AE85u;
	}
}

/* One block of eight positions of an item. */
template <class T> struct dropout_code {
	size_t each, blocks;
	uint32_t layer, threshold;
	float scale;
	const c5_pass *pass;
	const T *x;
	T *y;
	__device__ void operator()(size_t i) const
	{
		size_t block, item = split(i, blocks, &block), first = block * 8, at = item * each + first;
		int m = (int)min_of(each - first, 8);
		uint64_t who = pass->item0 + item, seed = pass->seed;
		uint32_t c[4] = { (uint32_t)(first / 8), layer, (uint32_t)who, (uint32_t)(who >> 32) };
		float v[C5_PACK];
		philox(c, (uint32_t)seed, (uint32_t)(seed >> 32));
		bool whole = m == C5_PACK && each % C5_PACK == 0; /* else the item may begin where no pack does */
		if (whole) read(x, at, m, v);
		for (int k = 0; k < m; k++) {
			bool keep = (c[k / 2] >> 16 * (k % 2) & 0xffff) >= threshold;
			float value = whole ? v[k] : get(x, at + k);
			v[k] = keep ? value * scale : 0;
		}
		if (whole) {
			write(y, at, m, v);
			return;
		}
		for (int k = 0; k < m; k++) put(y, at + k, v[k]);
	}
};

template <class T> int accumulate_as(c5_stream s, size_t n, void *to, const void *from)
{
	accumulate_code<T> f = { (T *)to, (const T *)from };
	return each_pack(s, n, f, "a sum");
}

template <class T> int act_as(c5_stream s, int act, float slope, size_t n, const void *x, void *y)
{
	act_code<T> f = { act, slope, (const T *)x, (T *)y };
	return each_pack(s, n, f, "an activation");
}

template <class T> int act_back_as(c5_stream s, int act, float slope, size_t n, const void *y, const void *gy, void *gx)
{
	act_back_code<T> f = { act, slope, (const T *)y, (const T *)gy, (T *)gx };
	return each_pack(s, n, f, "an activation");
}

template <class A, class B> int finish_as(c5_stream s, int act, float slope, size_t n, size_t channels, const void *x, const float *bias,
	const void *z, void *y)
{
	finish_code<A, B> f = { act, slope, channels, (const A *)x, (const B *)z, bias, (B *)y };
	return each_pack(s, n, f, "a bias");
}

template <class A, class B> int cast_as(c5_stream s, size_t n, const void *from, void *to)
{
	cast_code<A, B> f = { (const A *)from, (B *)to };
	return each_pack(s, n, f, "a conversion");
}

template <class A, class B> int transpose_as(c5_stream s, size_t batch, size_t rows, size_t columns, const void *from, void *to)
{
	size_t tiles = batch * parts_of(rows, TILE) * parts_of(columns, TILE);
	if (!tiles) return C5_OK;
	C5_START(min_of(tiles, (size_t)1 << 20), TILE * TILE_ROWS, s, (transpose_kernel<A, B>), tiles, rows, columns, (const A *)from, (B *)to);
	return started("a conversion");
}

template <class T> int dropout_as(c5_stream s, size_t items, size_t each_item, uint32_t layer, uint32_t threshold, const c5_pass *pass, const void *x,
	void *y)
{
	dropout_code<T> f = { each_item, parts_of(each_item, 8), layer, threshold, 1.0f / (1.0f - (float)threshold / 65536.0f), pass, (const T *)x, (T *)y };
	return each(s, items * f.blocks, f, "dropout");
}

}

int c5_k_accumulate(c5_stream s, int type, size_t n, void *to, const void *from)
{
#define CALL(T) accumulate_as<T>(s, n, to, from)
	return C5_BY_TYPE(type, CALL);
#undef CALL
}

int c5_k_act_forward(c5_stream s, int act, float slope, int type, size_t n, const void *x, void *y)
{
#define CALL(T) act_as<T>(s, act, slope, n, x, y)
	return C5_BY_TYPE(type, CALL);
#undef CALL
}

int c5_k_act_backward(c5_stream s, int act, float slope, int type, size_t n, const void *y, const void *gy, void *gx)
{
#define CALL(T) act_back_as<T>(s, act, slope, n, y, gy, gx)
	return C5_BY_TYPE(type, CALL);
#undef CALL
}

int c5_k_finish(c5_stream s, int act, float slope, size_t n, size_t channels, int from_type, const void *x, const float *bias, const void *z,
	int type, void *y)
{
#define SAME(T) finish_as<T, T>(s, act, slope, n, channels, x, bias, z, y)
	if (from_type == type) return C5_BY_TYPE(type, SAME);
#undef SAME
	return type == C5_TYPE_BF16 ? finish_as<float, bfloat>(s, act, slope, n, channels, x, bias, z, y) : finish_as<bfloat, float>(s, act, slope, n,
		channels, x, bias, z, y);
}

int c5_k_add(c5_stream s, int act, float slope, int type, size_t n, const void *x, const void *z, void *y)
{
	return c5_k_finish(s, act, slope, n, 1, type, x, NULL, z, type, y);
}

int c5_k_cast(c5_stream s, size_t n, int from_type, const void *from, int to_type, void *to)
{
	if (from_type == C5_TYPE_BF16) return to_type == C5_TYPE_BF16 ? cast_as<bfloat, bfloat>(s, n, from, to) : cast_as<bfloat, float>(s, n, from, to);
	return to_type == C5_TYPE_BF16 ? cast_as<float, bfloat>(s, n, from, to) : cast_as<float, float>(s, n, from, to);
}

int c5_k_transpose(c5_stream s, size_t batch, size_t rows, size_t columns, int from_type, const void *from, int to_type, void *to)
{
	if (from_type == C5_TYPE_BF16)
		return to_type == C5_TYPE_BF16 ? transpose_as<bfloat, bfloat>(s, batch, rows, columns, from, to) : transpose_as<bfloat, float>(s, batch, rows,
			columns, from, to);
	return to_type == C5_TYPE_BF16 ? transpose_as<float, bfloat>(s, batch, rows, columns, from, to) : transpose_as<float, float>(s, batch, rows, columns,
		from, to);
}

int c5_k_set_pass(c5_stream s, c5_pass *to, uint64_t seed, uint64_t item0)
{
	C5_START(1, 32, s, set_pass_kernel, to, seed, item0);
	return started("a pass");
}

int c5_k_dropout(c5_stream s, int type, size_t items, size_t each_item, uint32_t layer, uint32_t threshold, const c5_pass *pass, const void *x,
	void *y)
{
#define CALL(T) dropout_as<T>(s, items, each_item, layer, threshold, pass, x, y)
	return C5_BY_TYPE(type, CALL);
#undef CALL
}
