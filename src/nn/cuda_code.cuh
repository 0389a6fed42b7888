/* cuda_code.cuh – what all kernels share: numbers of either type, eight at a time where they can be; activations; how kernels are started. The same
 * text is compiled for the host by tests/emulated, which runs kernels thread by thread. */
#ifndef C5_NN_CUDA_CODE_CUH
#define C5_NN_CUDA_CODE_CUH

#include <cuda_runtime.h>
#include <math.h>

#include "nn/cuda_kernels.h"

extern "C" {
#include "base/error.h"
}

/* Puts a kernel on a stream; C5_START_EACH: one whose threads never meet. */
#ifdef C5_EMULATED
#include <emulate.h>
#define C5_START(blocks, threads, stream, kernel, ...) c5_emulate(true, blocks, threads, stream, [=]() mutable { kernel(__VA_ARGS__); })
#define C5_START_EACH(blocks, threads, stream, kernel, ...) c5_emulate(false, blocks, threads, stream, [=]() mutable { kernel(__VA_ARGS__); })
#else
#define C5_START(blocks, threads, stream, kernel, ...) kernel<<<(unsigned)(blocks), threads, 0, stream>>>(__VA_ARGS__)
#define C5_START_EACH C5_START
#endif

#define C5_THREADS 256
#define C5_PACK 8

/* For loops whose counters index registers. */
#ifdef __CUDACC__
#define C5_UNROLL _Pragma("unroll")
#else
#define C5_UNROLL
#endif

namespace {

__host__ __device__ inline size_t min_of(size_t a, size_t b) { return a < b ? a : b; }
__host__ __device__ inline size_t max_of(size_t a, size_t b) { return a > b ? a : b; }
__host__ __device__ inline size_t parts_of(size_t n, size_t size) { return (n + size - 1) / size; }

/* i = quotient * by + rest; in 32 bits where that will do, which is several times faster on a GPU. */
__host__ __device__ inline size_t split(size_t i, size_t by, size_t *rest)
{
	if (((i | by) >> 32) == 0) {
		uint32_t q = (uint32_t)i / (uint32_t)by;
		*rest = (uint32_t)i - q * (uint32_t)by;
		return q;
	}
	size_t q = i / by;
	*rest = i - q * by;
	return q;
}

struct bfloat { uint16_t bits; };

__device__ inline float get(const float *p, size_t i) { return p[i]; }
__device__ inline float get(const bfloat *p, size_t i)
{
	union { uint32_t u; float f; } v;
	v.u = (uint32_t)p[i].bits << 16;
	return v.f;
}

/* To nearest even; NaN stays NaN. */
__device__ inline uint16_t rounded(float x)
{
	union { float f; uint32_t u; } v;
	v.f = x;
	uint32_t near = (v.u + 0x7fff + (v.u >> 16 & 1)) >> 16, quiet = v.u >> 16 | 0x40;
	return (uint16_t)((v.u & 0x7fffffff) > 0x7f800000 ? quiet : near);
}

__device__ inline void put(float *p, size_t i, float x) { p[i] = x; }
__device__ inline void put(bfloat *p, size_t i, float x) { p[i].bits = rounded(x); }

/* Numbers [i, i + m), m <= 8; a whole pack begins at a multiple of 8 of an aligned array. */
__device__ inline void read(const float *p, size_t i, int m, float v[C5_PACK])
{
	if (m == C5_PACK) {
		float4 a = *(const float4 *)(p + i), b = *(const float4 *)(p + i + 4);
		v[0] = a.x; v[1] = a.y; v[2] = a.z; v[3] = a.w;
		v[4] = b.x; v[5] = b.y; v[6] = b.z; v[7] = b.w;
		return;
	}
	for (int k = 0; k < m; k++) v[k] = p[i + k];
}

__device__ inline void halves(uint32_t word, float *v)
{
	union { uint32_t u; float f; } lo, hi;
	lo.u = word << 16;
	hi.u = word & 0xffff0000u;
	v[0] = lo.f;
	v[1] = hi.f;
}

__device__ inline void read(const bfloat *p, size_t i, int m, float v[C5_PACK])
{
	if (m == C5_PACK) {
		uint4 a = *(const uint4 *)(p + i);
		halves(a.x, v);
		halves(a.y, v + 2);
		halves(a.z, v + 4);
		halves(a.w, v + 6);
		return;
	}
	for (int k = 0; k < m; k++) v[k] = get(p, i + k);
}

__device__ inline void write(float *p, size_t i, int m, const float v[C5_PACK])
{
	if (m == C5_PACK) {
		float4 a = { v[0], v[1], v[2], v[3] }, b = { v[4], v[5], v[6], v[7] };
		*(float4 *)(p + i) = a;
		*(float4 *)(p + i + 4) = b;
		return;
	}
	for (int k = 0; k < m; k++) p[i + k] = v[k];
}

__device__ inline uint32_t both(float lo, float hi) { return (uint32_t)rounded(lo) | (uint32_t)rounded(hi) << 16; }

__device__ inline void write(bfloat *p, size_t i, int m, const float v[C5_PACK])
{
	if (m == C5_PACK) {
		uint4 a = { both(v[0], v[1]), both(v[2], v[3]), both(v[4], v[5]), both(v[6], v[7]) };
		*(uint4 *)(p + i) = a;
		return;
	}
	for (int k = 0; k < m; k++) put(p, i + k, v[k]);
}

/* W numbers side by side as they lie in memory, to be read before any is looked at: a whole pack, or one. */
template <class T, int W> struct raw;
template <class T> struct raw<T, 1> { T v; };
template <> struct raw<float, C5_PACK> { float4 a, b; };
template <> struct raw<bfloat, C5_PACK> { uint4 a; };

template <class T> __device__ inline void fetch(const T *p, size_t i, raw<T, 1> *r) { r->v = p[i]; }
__device__ inline void fetch(const bfloat *p, size_t i, raw<bfloat, C5_PACK> *r) { r->a = *(const uint4 *)(p + i); }
__device__ inline void fetch(const float *p, size_t i, raw<float, C5_PACK> *r)
{
	r->a = *(const float4 *)(p + i);
	r->b = *(const float4 *)(p + i + 4);
}

template <class T> __device__ inline void unpack(const raw<T, 1> &r, float *v) { v[0] = get(&r.v, 0); }
__device__ inline void unpack(const raw<float, C5_PACK> &r, float *v)
{
	v[0] = r.a.x; v[1] = r.a.y; v[2] = r.a.z; v[3] = r.a.w;
	v[4] = r.b.x; v[5] = r.b.y; v[6] = r.b.z; v[7] = r.b.w;
}
__device__ inline void unpack(const raw<bfloat, C5_PACK> &r, float *v)
{
	halves(r.a.x, v);
	halves(r.a.y, v + 2);
	halves(r.a.z, v + 4);
	halves(r.a.w, v + 6);
}

/* W numbers at i at once; i a multiple of W. */
template <int W, class T> __device__ inline void load(const T *p, size_t i, float *v)
{
	raw<T, W> r;
	fetch(p, i, &r);
	unpack(r, v);
}

template <int W, class T> __device__ inline void store(T *p, size_t i, const float *v)
{
	if (W == C5_PACK) write(p, i, C5_PACK, v);
	else put(p, i, v[0]);
}

__device__ inline float act_of(int act, float slope, float x)
{
	switch (act) {
	case C5_ACT_RELU: return x > 0 ? x : 0;
	case C5_ACT_RELU6: return x > 0 ? (x < 6 ? x : 6) : 0;
	case C5_ACT_LEAKY_RELU: return x > 0 ? x : slope * x;
	case C5_ACT_ELU: return x > 0 ? x : slope * expm1f(x);
	case C5_ACT_SIGMOID: return 1 / (1 + expf(-x));
	case C5_ACT_TANH: return tanhf(x);
	default: return x;
	}
}

/* The derivative, from the output. */
__device__ inline float slope_of(int act, float slope, float y)
{
	switch (act) {
	case C5_ACT_RELU: return y > 0 ? 1 : 0;
	case C5_ACT_RELU6: return y > 0 && y < 6 ? 1 : 0;
	case C5_ACT_LEAKY_RELU: return y > 0 ? 1 : slope;
	case C5_ACT_ELU: return y > 0 ? 1 : y + slope;
	case C5_ACT_SIGMOID: return y * (1 - y);
	case C5_ACT_TANH: return 1 - y * y;
	default: return 1;
	}
}

inline int started(const char *what)
{
	cudaError_t e = cudaGetLastError();
	if (e == cudaErrorMemoryAllocation) return c5_fail(C5_ENOMEM, "out of GPU memory for %s", what); /* the kernel's own code is loaded late */
	return e == cudaSuccess ? C5_OK : c5_fail(C5_EFAIL, "CUDA: %s: %s", what, cudaGetErrorString(e));
}

/* f(i) for every i below n, whatever the number of blocks. */
template <class F> __global__ void each_kernel(size_t n, F f)
{
	for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += (size_t)gridDim.x * blockDim.x) f(i);
}

template <class F> int each(c5_stream s, size_t n, const F &f, const char *what)
{
	if (!n) return C5_OK;
	size_t blocks = min_of(parts_of(n, C5_THREADS), (size_t)1 << 16);
	C5_START_EACH(blocks, C5_THREADS, s, each_kernel<F>, n, f);
	return started(what);
}

/* f(first, m) for packs of up to eight numbers. */
template <class F> struct packs {
	size_t n;
	F f;
	__device__ void operator()(size_t p) const
	{
		size_t i = p * C5_PACK;
		f(i, (int)min_of(n - i, C5_PACK));
	}
};

template <class F> int each_pack(c5_stream s, size_t n, const F &f, const char *what)
{
	packs<F> p = { n, f };
	return each(s, parts_of(n, C5_PACK), p, what);
}

}

/* CALL(T) for the C++ type of enum c5_type. */
#define C5_BY_TYPE(type, CALL) ((type) == C5_TYPE_BF16 ? CALL(bfloat) : CALL(float))

#endif
