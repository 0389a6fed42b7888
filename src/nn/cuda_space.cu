/* cuda_space.cu – pooling, up-sampling, concatenation, softmax. One thread a number (or position); every sum in a fixed order. See cuda_kernels.h. */
#include "nn/cuda_code.cuh"

namespace {

/* ---- pooling ---- */

struct place { int64_t item, y, x, channel; };

/* Number i of an image (height, width, channels), channels last. */
__device__ inline place place_of(size_t i, int64_t height, int64_t width, int64_t channels)
{
	place p;
	p.channel = (int64_t)(i % (size_t)channels);
	size_t rest = i / (size_t)channels;
	p.x = (int64_t)(rest % (size_t)width);
	rest /= (size_t)width;
	p.y = (int64_t)(rest % (size_t)height);
	p.item = (int64_t)(rest / (size_t)height);
	return p;
}

__device__ inline size_t at(int64_t item, int64_t y, int64_t x, int64_t channel, int64_t height, int64_t width, int64_t channels)
{
	return (size_t)(((item * height + y) * width + x) * channels + channel);
}

/* I: what notes the place of the largest, counted through the window. */
template <class T, class I> struct pool_code {
	c5_k_window w;
	const T *x;
	T *y;
	I *best;
	__device__ void operator()(size_t i) const
	{
		place p = place_of(i, w.out_height, w.out_width, w.channels);
		float top = 0, sum = 0;
		int count = 0, which = 0;
		for (int u = 0; u < w.kernel[0]; u++) {
			int64_t yy = p.y * w.stride[0] + u - w.before[0];
			if (yy < 0 || yy >= w.height) continue;
			for (int v = 0; v < w.kernel[1]; v++) {
				int64_t xx = p.x * w.stride[1] + v - w.before[1];
				if (xx < 0 || xx >= w.width) continue;
				float value = get(x, at(p.item, yy, xx, p.channel, w.height, w.width, w.channels));
				if (count == 0 || value > top) {
					top = value;
					which = u * w.kernel[1] + v;
				}
				sum += value;
				count++;
			}
		}
		if (w.max) put(y, i, top);
		else put(y, i, count ? sum / (float)count : 0);
		if (w.max && best) best[i] = (I)which;
	}
};

/* How many pixels of the window that begins at `from` are inside. */
__device__ inline int inside(int64_t from, int kernel, int64_t size)
{
	int64_t lo = from < 0 ? 0 : from, hi = from + kernel < size ? from + kernel : size;
	return hi > lo ? (int)(hi - lo) : 0;
}

/* One number of the input: the windows it lies in, in order. */
template <class T, class I> struct pool_back_code {
	c5_k_window w;
	const T *gy;
	const I *best;
	T *gx;
	__device__ void operator()(size_t i) const
	{
		place p = place_of(i, w.height, w.width, w.channels);
		int64_t y = p.y + w.before[0], x = p.x + w.before[1];
		int64_t y0 = y < w.kernel[0] ? 0 : (y - w.kernel[0]) / w.stride[0] + 1, x0 = x < w.kernel[1] ? 0 : (x - w.kernel[1]) / w.stride[1] + 1;
		float sum = 0;
		for (int64_t oy = y0; oy <= y / w.stride[0] && oy < w.out_height; oy++)
			for (int64_t ox = x0; ox <= x / w.stride[1] && ox < w.out_width; ox++) {
				size_t o = at(p.item, oy, ox, p.channel, w.out_height, w.out_width, w.channels);
				if (w.max) {
					int64_t mine = (y - oy * w.stride[0]) * w.kernel[1] + (x - ox * w.stride[1]);
					if ((int64_t)best[o] == mine) sum += get(gy, o);
					continue;
				}
				int count = inside(oy * w.stride[0] - w.before[0], w.kernel[0], w.height) * inside(ox * w.stride[1] - w.before[1], w.kernel[1], w.width);
				sum += get(gy, o) / (float)count;
			}
		put(gx, i, sum);
	}
};

bool small_window(const c5_k_window *w) { return (int64_t)w->kernel[0] * w->kernel[1] <= 256; }

template <class T, class I> int pool_as(c5_stream s, const c5_k_window *w, const void *x, void *y, void *best)
{
	pool_code<T, I> f = { *w, (const T *)x, (T *)y, (I *)best };
	return each(s, (size_t)(w->items * w->out_height * w->out_width * w->channels), f, "pooling");
}

template <class T, class I> int pool_back_as(c5_stream s, const c5_k_window *w, const void *gy, const void *best, void *gx)
{
	pool_back_code<T, I> f = { *w, (const T *)gy, (const I *)best, (T *)gx };
	return each(s, (size_t)(w->items * w->height * w->width * w->channels), f, "pooling");
}

/* ---- up-sampling ---- */

/* Output position i reads inputs lo and hi with weights 1 - w and w: half-pixel centres. */
__device__ inline void source(int64_t i, int factor, int64_t n, bool bilinear, int64_t *lo, int64_t *hi, float *w)
{
	if (!bilinear) {
		*lo = *hi = i / factor;
		*w = 0;
		return;
	}
	float x = ((float)i + 0.5f) / (float)factor - 0.5f;
	x = x < 0 ? 0 : x;
	*lo = (int64_t)x;
	*hi = *lo + 1 < n ? *lo + 1 : *lo;
	*w = x - (float)*lo;
}

template <class T> struct up_code {
	c5_k_scale u;
	const T *x;
	T *y;
	__device__ void operator()(size_t i) const
	{
		place p = place_of(i, u.height * u.factor, u.width * u.factor, u.channels);
		int64_t y0, y1, x0, x1;
		float wy, wx;
		source(p.y, u.factor, u.height, u.bilinear, &y0, &y1, &wy);
		source(p.x, u.factor, u.width, u.bilinear, &x0, &x1, &wx);
		float a = get(x, at(p.item, y0, x0, p.channel, u.height, u.width, u.channels));
		if (u.bilinear) {
			float b = get(x, at(p.item, y0, x1, p.channel, u.height, u.width, u.channels)),
				c = get(x, at(p.item, y1, x0, p.channel, u.height, u.width, u.channels)),
				d = get(x, at(p.item, y1, x1, p.channel, u.height, u.width, u.channels));
			a = (a * (1 - wx) + b * wx) * (1 - wy) + (c * (1 - wx) + d * wx) * wy;
		}
		put(y, i, a);
	}
};

/* One number of the small image: the numbers of the large one that read it, in order. */
template <class T> struct up_back_code {
	c5_k_scale u;
	const T *gy;
	T *gx;
	__device__ float share(int64_t i, int64_t mine, int64_t n) const
	{
		int64_t lo, hi;
		float w;
		source(i, u.factor, n, u.bilinear, &lo, &hi, &w);
		return (lo == mine ? 1 - w : 0) + (hi == mine ? w : 0);
	}
	__device__ void operator()(size_t i) const
	{
		place p = place_of(i, u.height, u.width, u.channels);
		int64_t reach = u.bilinear ? u.factor : 0, height = u.height * u.factor, width = u.width * u.factor;
		float sum = 0;
		for (int64_t y = p.y * u.factor - reach; y < (p.y + 1) * u.factor + reach; y++) {
			float wy = y < 0 || y >= height ? 0 : share(y, p.y, u.height);
			if (wy <= 0) continue;
			for (int64_t x = p.x * u.factor - reach; x < (p.x + 1) * u.factor + reach; x++) {
				float wx = x < 0 || x >= width ? 0 : share(x, p.x, u.width);
				if (wx > 0) sum += get(gy, at(p.item, y, x, p.channel, height, width, u.channels)) * (wy * wx);
			}
		}
		put(gx, i, sum);
	}
};

template <class T> int up_as(c5_stream s, const c5_k_scale *u, const void *x, void *y)
{
	up_code<T> f = { *u, (const T *)x, (T *)y };
	return each(s, (size_t)(u->items * u->height * u->width * u->channels) * (size_t)u->factor * (size_t)u->factor, f, "up-sampling");
}

template <class T> int up_back_as(c5_stream s, const c5_k_scale *u, const void *gy, void *gx)
{
	up_back_code<T> f = { *u, (const T *)gy, (T *)gx };
	return each(s, (size_t)(u->items * u->height * u->width * u->channels), f, "up-sampling");
}

/* ---- columns of rows ---- */

template <class W> struct columns_code {
	size_t part, whole, at; /* in words */
	const W *from;
	W *to;
	bool back;
	__device__ void operator()(size_t i) const
	{
		size_t row = i / part, wide = row * whole + at + i % part;
		if (back) to[i] = from[wide];
		else to[wide] = from[i];
	}
};

template <class W> int columns_as(c5_stream s, size_t rows, size_t part, size_t whole, size_t at, const void *from, void *to, bool back)
{
	columns_code<W> f = { part / sizeof(W), whole / sizeof(W), at / sizeof(W), (const W *)from, (W *)to, back };
	return each(s, rows * f.part, f, "concatenation");
}

/* ---- softmax: a thread a position ---- */

struct softmax_code {
	size_t channels, positions;
	bool rows;
	const float *x;
	float *y;
	__device__ void operator()(size_t i) const
	{
		size_t step = rows ? 1 : positions, at = i / positions * channels * positions + i % positions * (rows ? channels : 1);
		float top = x[at], sum = 0;
		for (size_t c = 1; c < channels; c++) top = x[at + c * step] > top ? x[at + c * step] : top;
		for (size_t c = 0; c < channels; c++) sum += expf(x[at + c * step] - top);
		for (size_t c = 0; c < channels; c++) y[at + c * step] = expf(x[at + c * step] - top) / sum;
	}
};

struct softmax_back_code {
	size_t channels, positions;
	bool rows;
	const float *y, *gy;
	float *gx;
	__device__ void operator()(size_t i) const
	{
		size_t step = rows ? 1 : positions, at = i / positions * channels * positions + i % positions * (rows ? channels : 1);
		float dot = 0;
		for (size_t c = 0; c < channels; c++) dot += y[at + c * step] * gy[at + c * step];
		for (size_t c = 0; c < channels; c++) gx[at + c * step] = y[at + c * step] * (gy[at + c * step] - dot);
	}
};

/* ---- the gradient of a mean over positions ---- */

template <class T> struct mean_back_code {
	size_t positions, channels;
	float share;
	const T *gy;
	T *gx;
	__device__ void operator()(size_t i) const
	{
		put(gx, i, get(gy, i / (positions * channels) * channels + i % channels) * share);
	}
};

template <class T> int mean_back_as(c5_stream s, size_t items, size_t positions, size_t channels, const void *gy, void *gx)
{
	mean_back_code<T> f = { positions, channels, 1.0f / (float)positions, (const T *)gy, (T *)gx };
	return each(s, items * positions * channels, f, "global pooling");
}

}

size_t c5_k_pool_best(const c5_k_window *w)
{
	return (size_t)(w->items * w->out_height * w->out_width * w->channels) * (small_window(w) ? 1 : 4);
}

int c5_k_pool_forward(c5_stream s, const c5_k_window *w, const void *x, void *y, void *best)
{
#define SMALL(T) pool_as<T, uint8_t>(s, w, x, y, best)
#define LARGE(T) pool_as<T, uint32_t>(s, w, x, y, best)
	return small_window(w) ? C5_BY_TYPE(w->type, SMALL) : C5_BY_TYPE(w->type, LARGE);
#undef SMALL
#undef LARGE
}

int c5_k_pool_backward(c5_stream s, const c5_k_window *w, const void *gy, const void *best, void *gx)
{
#define SMALL(T) pool_back_as<T, uint8_t>(s, w, gy, best, gx)
#define LARGE(T) pool_back_as<T, uint32_t>(s, w, gy, best, gx)
	return small_window(w) ? C5_BY_TYPE(w->type, SMALL) : C5_BY_TYPE(w->type, LARGE);
#undef SMALL
#undef LARGE
}

int c5_k_upsample_forward(c5_stream s, const c5_k_scale *u, const void *x, void *y)
{
#define CALL(T) up_as<T>(s, u, x, y)
	return C5_BY_TYPE(u->type, CALL);
#undef CALL
}

int c5_k_upsample_backward(c5_stream s, const c5_k_scale *u, const void *gy, void *gx)
{
#define CALL(T) up_back_as<T>(s, u, gy, gx)
	return C5_BY_TYPE(u->type, CALL);
#undef CALL
}

int c5_k_columns(c5_stream s, size_t rows, size_t part, size_t whole, size_t at, const void *from, void *to, bool back)
{
	size_t all = part | whole | at;
	if (all % 16 == 0) return columns_as<uint4>(s, rows, part, whole, at, from, to, back);
	if (all % 4 == 0) return columns_as<uint32_t>(s, rows, part, whole, at, from, to, back);
	return columns_as<uint16_t>(s, rows, part, whole, at, from, to, back);
}

int c5_k_softmax_forward(c5_stream s, size_t items, size_t channels, size_t positions, bool rows, const float *x, float *y)
{
	softmax_code f = { channels, positions, rows, x, y };
	return each(s, items * positions, f, "softmax");
}

int c5_k_softmax_backward(c5_stream s, size_t items, size_t channels, size_t positions, bool rows, const float *y, const float *gy, float *gx)
{
	softmax_back_code f = { channels, positions, rows, y, gy, gx };
	return each(s, items * positions, f, "softmax");
}

int c5_k_mean_backward(c5_stream s, int type, size_t items, size_t positions, size_t channels, const void *gy, void *gx)
{
#define CALL(T) mean_back_as<T>(s, items, positions, channels, gy, gx)
	return C5_BY_TYPE(type, CALL);
#undef CALL
}
