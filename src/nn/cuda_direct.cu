/* cuda_direct.cu – convolutions as they are written down: for depthwise ones, and for whatever shape the library has no engine for. One thread a
 * number; neighbouring threads have neighbouring channels. */
#include "nn/cuda_code.cuh"

namespace {

__host__ __device__ inline size_t big_at(const c5_k_conv &g, int64_t n, int64_t y, int64_t x, int64_t c)
{
	return (size_t)(((n * g.height + y) * g.width + x) * g.channels + c);
}

__host__ __device__ inline size_t small_at(const c5_k_conv &g, int64_t n, int64_t y, int64_t x, int64_t k)
{
	return (size_t)(((n * g.out_height + y) * g.out_width + x) * g.filters + k);
}

/* Filter k, row u, column v, channel c of its group. */
__host__ __device__ inline size_t filter_at(const c5_k_conv &g, int64_t k, int u, int v, int64_t c)
{
	return (size_t)(((k * g.kernel[0] + u) * g.kernel[1] + v) * (g.channels / g.groups) + c);
}

template <class T> struct forward_code {
	c5_k_conv g;
	const T *big, *filter;
	T *small;
	__device__ void operator()(size_t i) const
	{
		size_t rest[3], item = split(split(split(i, (size_t)g.filters, &rest[0]), (size_t)g.out_width, &rest[1]), (size_t)g.out_height, &rest[2]), in_group;
		int64_t k = (int64_t)rest[0], x = (int64_t)rest[1], y = (int64_t)rest[2], n = (int64_t)item, each = g.channels / g.groups,
			first = (int64_t)split(rest[0], (size_t)(g.filters / g.groups), &in_group) * each;
		float all = 0;
		for (int u = 0; u < g.kernel[0]; u++) {
			int64_t yy = y * g.stride[0] + (int64_t)u * g.dilation[0] - g.before[0];
			if (yy < 0 || yy >= g.height) continue;
			for (int v = 0; v < g.kernel[1]; v++) {
				int64_t xx = x * g.stride[1] + (int64_t)v * g.dilation[1] - g.before[1];
				if (xx < 0 || xx >= g.width) continue;
				size_t b = big_at(g, n, yy, xx, first), f = filter_at(g, k, u, v, 0);
				float sum = 0;
				for (int64_t c = 0; c < each; c++) sum += get(big, b + (size_t)c) * get(filter, f + (size_t)c);
				all += sum;
			}
		}
		put(small, i, all);
	}
};

template <class T> struct data_code {
	c5_k_conv g;
	const T *small, *filter;
	T *big;
	__device__ void operator()(size_t i) const
	{
		size_t rest[3], item = split(split(split(i, (size_t)g.channels, &rest[0]), (size_t)g.width, &rest[1]), (size_t)g.height, &rest[2]), in_group;
		int64_t x = (int64_t)rest[1], y = (int64_t)rest[2], n = (int64_t)item, many = g.filters / g.groups,
			k0 = (int64_t)split(rest[0], (size_t)(g.channels / g.groups), &in_group) * many;
		float all = 0;
		for (int u = 0; u < g.kernel[0]; u++) {
			int yy = (int)(y + g.before[0] - (int64_t)u * g.dilation[0]);
			if (yy < 0 || yy % g.stride[0] || yy / g.stride[0] >= g.out_height) continue;
			for (int v = 0; v < g.kernel[1]; v++) {
				int xx = (int)(x + g.before[1] - (int64_t)v * g.dilation[1]);
				if (xx < 0 || xx % g.stride[1] || xx / g.stride[1] >= g.out_width) continue;
				size_t s = small_at(g, n, yy / g.stride[0], xx / g.stride[1], k0);
				float sum = 0;
				for (int64_t k = 0; k < many; k++) sum += get(small, s + (size_t)k) * get(filter, filter_at(g, k0 + k, u, v, (int64_t)in_group));
				all += sum;
			}
		}
		put(big, i, all);
	}
};

#define PIECES_MAX 256
#define THREADS_WANTED ((size_t)1 << 18)
#define RUN 64 /* products summed in single precision */

size_t filter_count(const c5_k_conv *g) { return (size_t)(g->filters * g->kernel[0] * g->kernel[1] * (g->channels / g->groups)); }

/* Into how many pieces the positions of the small image are cut, for enough threads. */
size_t pieces_of(const c5_k_conv *g)
{
	size_t positions = (size_t)(g->items * g->out_height * g->out_width), n = max_of(filter_count(g), 1);
	return max_of(min_of(min_of(THREADS_WANTED / n, parts_of(positions, RUN)), PIECES_MAX), 1);
}

/* Number i of the filter's gradient from one piece; the order of i is (u, v, k, c), so that neighbours read neighbouring numbers of the images. */
template <class T> struct weights_code {
	c5_k_conv g;
	size_t count, pieces;
	const T *big, *small;
	double *parts;
	__device__ void operator()(size_t all) const
	{
		size_t i, piece = split(all, count, &i), positions = (size_t)(g.items * g.out_height * g.out_width), size = parts_of(positions, pieces);
		size_t from = piece * size, to = min_of(from + size, positions), each = (size_t)(g.channels / g.groups), c, k, begin[2];
		int tap = (int)split(split(i, each, &c), (size_t)g.filters, &k), u = tap / g.kernel[1], v = tap % g.kernel[1];
		int64_t channel = (int64_t)(k / (size_t)(g.filters / g.groups) * each + c);
		int64_t n = (int64_t)split(split(from, (size_t)g.out_width, &begin[0]), (size_t)g.out_height, &begin[1]), x = (int64_t)begin[0] - 1,
			y = (int64_t)begin[1];
		double sum = 0;
		for (size_t p = from; p < to;) {
			float some = 0;
			for (int r = 0; r < RUN && p < to; r++, p++) {
				if (++x == g.out_width) {
					x = 0;
					if (++y == g.out_height) {
						y = 0;
						n++;
					}
				}
				int64_t yy = y * g.stride[0] + (int64_t)u * g.dilation[0] - g.before[0], xx = x * g.stride[1] + (int64_t)v * g.dilation[1] - g.before[1];
				if (yy < 0 || yy >= g.height || xx < 0 || xx >= g.width) continue;
				some += get(small, p * (size_t)g.filters + k) * get(big, big_at(g, n, yy, xx, channel));
			}
			sum += (double)some;
		}
		parts[all] = sum;
	}
};

struct weights_join {
	c5_k_conv g;
	size_t count, pieces;
	const double *parts;
	float *filter;
	__device__ void operator()(size_t i) const
	{
		int64_t each = g.channels / g.groups, c = (int64_t)(i % (size_t)each), k = (int64_t)(i / (size_t)each % (size_t)g.filters);
		int tap = (int)(i / (size_t)(each * g.filters));
		double sum = 0;
		for (size_t p = 0; p < pieces; p++) sum += parts[p * count + i];
		filter[filter_at(g, k, tap / g.kernel[1], tap % g.kernel[1], c)] = (float)sum;
	}
};

template <class T> int forward_as(c5_stream s, const c5_k_conv *g, const void *big, const void *filter, void *small)
{
	forward_code<T> f = { *g, (const T *)big, (const T *)filter, (T *)small };
	return each(s, (size_t)(g->items * g->out_height * g->out_width * g->filters), f, "a convolution");
}

template <class T> int data_as(c5_stream s, const c5_k_conv *g, const void *small, const void *filter, void *big)
{
	data_code<T> f = { *g, (const T *)small, (const T *)filter, (T *)big };
	return each(s, (size_t)(g->items * g->height * g->width * g->channels), f, "a convolution");
}

template <class T> int weights_as(c5_stream s, const c5_k_conv *g, const void *big, const void *small, double *parts)
{
	weights_code<T> f = { *g, filter_count(g), pieces_of(g), (const T *)big, (const T *)small, parts };
	return each(s, f.count * f.pieces, f, "a convolution");
}

}

int c5_k_direct_forward(c5_stream s, const c5_k_conv *g, int type, const void *big, const void *filter, void *small)
{
#define CALL(T) forward_as<T>(s, g, big, filter, small)
	return C5_BY_TYPE(type, CALL);
#undef CALL
}

int c5_k_direct_data(c5_stream s, const c5_k_conv *g, int type, const void *small, const void *filter, void *big)
{
#define CALL(T) data_as<T>(s, g, small, filter, big)
	return C5_BY_TYPE(type, CALL);
#undef CALL
}

size_t c5_k_direct_scratch(const c5_k_conv *g)
{
	return filter_count(g) * pieces_of(g) * sizeof(double);
}

int c5_k_direct_weights(c5_stream s, const c5_k_conv *g, int type, const void *big, const void *small, float *filter, void *scratch)
{
	double *parts = (double *)scratch;
#define CALL(T) weights_as<T>(s, g, big, small, parts)
	int err = C5_BY_TYPE(type, CALL);
#undef CALL
	weights_join f = { *g, filter_count(g), pieces_of(g), parts, filter };
	return err ? err : each(s, f.count, f, "a convolution");
}
