/* cuda_thin.cu – convolutions of one pixel with few filters, such as the last of a network that answers for every pixel: all three passes at the
 * speed of memory, from the type the input has, with weights, sums and output in float32. A library's tiles would be nearly empty, and its sums over
 * positions, where their order is to be fixed, run in very few blocks. */
#include "nn/cuda_rows.cuh"

namespace {

template <class T, int K> struct forward_code {
	int act;
	float slope;
	size_t channels;
	const T *x;
	const float *filter, *bias;
	float *y;
	__device__ void operator()(size_t row) const
	{
		float all[K] = { 0 }, v[C5_PACK], w[C5_PACK];
		for (size_t c = 0; c < channels; c += C5_PACK) {
			load<C5_PACK>(x, row * channels + c, v);
			C5_UNROLL
			for (int k = 0; k < K; k++) {
				load<C5_PACK>(filter, (size_t)k * channels + c, w);
				C5_UNROLL
				for (int i = 0; i < C5_PACK; i++) all[k] += v[i] * w[i];
			}
		}
		C5_UNROLL
		for (int k = 0; k < K; k++) y[row * K + (size_t)k] = act_of(act, slope, bias ? all[k] + bias[k] : all[k]);
	}
};

template <class T, int K> struct data_code {
	size_t channels;
	const float *filter, *gy;
	T *gx;
	__device__ void operator()(size_t i) const
	{
		size_t pack, row = split(i, channels / C5_PACK, &pack);
		float all[C5_PACK] = { 0 }, w[C5_PACK];
		C5_UNROLL
		for (int k = 0; k < K; k++) {
			float g = gy[row * K + (size_t)k];
			load<C5_PACK>(filter, (size_t)k * channels + pack * C5_PACK, w);
			C5_UNROLL
			for (int n = 0; n < C5_PACK; n++) all[n] += g * w[n];
		}
		store<C5_PACK>(gx, i * C5_PACK, all);
	}
};

template <class T, int K> struct weights_sum {
	typedef T type;
	struct state {};
	struct line { raw<T, C5_PACK> x; float g[K]; };
	size_t channels;
	const T *x;
	const float *gy;
	__device__ state start(size_t, size_t) const { return state(); }
	__device__ void fetch(size_t i, line *r) const
	{
		size_t c, row = split(i, channels, &c);
		::fetch(x, i, &r->x);
		C5_UNROLL
		for (int k = 0; k < K; k++) r->g[k] = gy[row * K + (size_t)k];
	}
	__device__ void take(const state &, size_t, const line &r, float *sum) const
	{
		float v[C5_PACK];
		unpack(r.x, v);
		C5_UNROLL
		for (int k = 0; k < K; k++) {
			C5_UNROLL
			for (int w = 0; w < C5_PACK; w++) sum[k * C5_PACK + w] += v[w] * r.g[k];
		}
	}
};

template <int K> struct weights_done {
	size_t channels;
	float *filter;
	__device__ void operator()(size_t, size_t c, const double *sum) const
	{
		for (int k = 0; k < K; k++) filter[(size_t)k * channels + c] = (float)sum[k];
	}
};

layout rows_of(const c5_k_thin *t) { return layout_of(1, t->rows, t->channels, SUM_BLOCKS); }

template <class T, int K> int forward_as(c5_stream s, const c5_k_thin *t, const void *x, const float *filter, const float *bias, float *y)
{
	forward_code<T, K> f = { t->activation, t->slope, t->channels, (const T *)x, filter, bias, y };
	return each(s, t->rows, f, "a convolution");
}

template <class T, int K> int data_as(c5_stream s, const c5_k_thin *t, const float *gy, const float *filter, void *gx)
{
	data_code<T, K> f = { t->channels, filter, gy, (T *)gx };
	return each(s, t->rows * (t->channels / C5_PACK), f, "a convolution");
}

template <class T, int K> int weights_as(c5_stream s, const c5_k_thin *t, const void *x, const float *gy, float *filter, double *parts)
{
	weights_sum<T, K> f = { t->channels, (const T *)x, gy };
	weights_done<K> done = { t->channels, filter };
	int err = sum_rows<C5_PACK, K>(s, rows_of(t), f, parts, "a convolution");
	return err ? err : join<K>(s, rows_of(t), parts, done, "a convolution");
}

}

/* CALL(T, K) by type and number of filters. */
#define BY_FILTERS(T) (t->filters == 1 ? CALL(T, 1) : t->filters == 2 ? CALL(T, 2) : t->filters == 3 ? CALL(T, 3) : CALL(T, 4))

int c5_k_thin_forward(c5_stream s, const c5_k_thin *t, const void *x, const float *filter, const float *bias, float *y)
{
#define CALL(T, K) forward_as<T, K>(s, t, x, filter, bias, y)
	return C5_BY_TYPE(t->type, BY_FILTERS);
#undef CALL
}

int c5_k_thin_data(c5_stream s, const c5_k_thin *t, const float *gy, const float *filter, void *gx)
{
#define CALL(T, K) data_as<T, K>(s, t, gy, filter, gx)
	return C5_BY_TYPE(t->type, BY_FILTERS);
#undef CALL
}

size_t c5_k_thin_scratch(const c5_k_thin *t)
{
	return parts_bytes(rows_of(t), (int)t->filters);
}

int c5_k_thin_weights(c5_stream s, const c5_k_thin *t, const void *x, const float *gy, float *filter, void *scratch)
{
	double *parts = (double *)scratch;
#define CALL(T, K) weights_as<T, K>(s, t, x, gy, filter, parts)
	return C5_BY_TYPE(t->type, BY_FILTERS);
#undef CALL
}
