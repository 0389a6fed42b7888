/* cuda_space.cu – pooling, up-sampling, concatenation, softmax. One thread a position and W channels side by side, eight where their number allows;
 * every sum in a fixed order. See cuda_kernels.h. */
#include "nn/cuda_code.cuh"

namespace {

/* ---- pooling ---- */

struct place { int64_t item, y, x, channel; };

/* Where W numbers of an image (height, width, channels) begin, the i-th such, channels last. */
template <int W> __device__ inline place place_of(size_t i, int64_t height, int64_t width, int64_t channels)
{
	size_t channel, x, y, rest = split(i, (size_t)channels / W, &channel);
	rest = split(rest, (size_t)width, &x);
	rest = split(rest, (size_t)height, &y);
	return { (int64_t)rest, (int64_t)y, (int64_t)x, (int64_t)channel * W };
}


__device__ inline size_t at(int64_t item, int64_t y, int64_t x, int64_t channel, int64_t height, int64_t width, int64_t channels)
{
	return (size_t)(((item * height + y) * width + x) * channels + channel);
}

/* W places of the largest at i. */
template <int W, class I> __device__ inline void note(I *best, size_t i, const int *which)
{
	if constexpr (W == C5_PACK && sizeof(I) == 1) {
		uint64_t all = 0;
		for (int w = 0; w < W; w++) all |= (uint64_t)which[w] << 8 * w;
		*(uint64_t *)(best + i) = all;
	} else {
		for (int w = 0; w < W; w++) best[i + (size_t)w] = (I)which[w];
	}
}

template <int W, class I> __device__ inline void noted(const I *best, size_t i, int *which)
{
	if constexpr (W == C5_PACK && sizeof(I) == 1) {
		uint64_t all = *(const uint64_t *)(best + i);
		for (int w = 0; w < W; w++) which[w] = (int)(all >> 8 * w & 0xff);
	} else {
		for (int w = 0; w < W; w++) which[w] = (int)best[i + (size_t)w];
	}
}

/* I: what notes the place of the largest, counted through the window. */
template <class T, class I, int W> struct pool_code {
	c5_k_window w;
	const T *x;
	T *y;
	I *best;
	__device__ void operator()(size_t i) const
	{
		place p = place_of<W>(i, w.out_height, w.out_width, w.channels);
		float all[W] = { 0 }, value[W];
		int count = 0, which[W] = { 0 };
		for (int u = 0; u < w.kernel[0]; u++) {
			int64_t yy = p.y * w.stride[0] + u - w.before[0];
			if (yy < 0 || yy >= w.height) continue;
			for (int v = 0; v < w.kernel[1]; v++) {
				int64_t xx = p.x * w.stride[1] + v - w.before[1];
				if (xx < 0 || xx >= w.width) continue;
				load<W>(x, at(p.item, yy, xx, p.channel, w.height, w.width, w.channels), value);
				C5_UNROLL
				for (int k = 0; k < W; k++) {
					bool more = count == 0 || value[k] > all[k];
					if (w.max && more) which[k] = u * w.kernel[1] + v;
					all[k] = !w.max ? all[k] + value[k] : more ? value[k] : all[k];
				}
				count++;
			}
		}
		for (int k = 0; k < W && !w.max && count; k++) all[k] /= (float)count;
		store<W>(y, i * W, all);
		if (w.max && best) note<W>(best, i * W, which);
	}
};

/* How many pixels of the window that begins at `from` are inside. */
__device__ inline int inside(int64_t from, int kernel, int64_t size)
{
	int64_t lo = from < 0 ? 0 : from, hi = from + kernel < size ? from + kernel : size;
	return hi > lo ? (int)(hi - lo) : 0;
}

/* Numbers of the input: the windows they lie in, in order. */
template <class T, class I, int W> struct pool_back_code {
	c5_k_window w;
	const T *gy;
	const I *best;
	T *gx;
	__device__ void operator()(size_t i) const
	{
		place p = place_of<W>(i, w.height, w.width, w.channels);
		int64_t y = p.y + w.before[0], x = p.x + w.before[1];
		int64_t y0 = y < w.kernel[0] ? 0 : (y - w.kernel[0]) / w.stride[0] + 1, x0 = x < w.kernel[1] ? 0 : (x - w.kernel[1]) / w.stride[1] + 1;
		float sum[W] = { 0 }, g[W];
		int which[W];
		for (int64_t oy = y0; oy * w.stride[0] <= y && oy < w.out_height; oy++)
			for (int64_t ox = x0; ox * w.stride[1] <= x && ox < w.out_width; ox++) {
				size_t o = at(p.item, oy, ox, p.channel, w.out_height, w.out_width, w.channels);
				int mine = (int)((y - oy * w.stride[0]) * w.kernel[1] + (x - ox * w.stride[1]));
				float count = 1;
				load<W>(gy, o, g);
				if (w.max) noted<W>(best, o, which);
				else count = (float)(inside(oy * w.stride[0] - w.before[0], w.kernel[0], w.height) * inside(ox * w.stride[1] - w.before[1], w.kernel[1],
					w.width));
				C5_UNROLL
				for (int k = 0; k < W; k++) sum[k] += !w.max ? g[k] / count : which[k] == mine ? g[k] : 0;
			}
		store<W>(gx, i * W, sum);
	}
};

bool small_window(const c5_k_window *w) { return (int64_t)w->kernel[0] * w->kernel[1] <= 256; }

template <class T, class I, int W> int pool_as(c5_stream s, const c5_k_window *w, const void *x, void *y, void *best)
{
	pool_code<T, I, W> f = { *w, (const T *)x, (T *)y, (I *)best };
	return each(s, (size_t)(w->items * w->out_height * w->out_width * w->channels) / W, f, "pooling");
}

template <class T, class I, int W> int pool_back_as(c5_stream s, const c5_k_window *w, const void *gy, const void *best, void *gx)
{
	pool_back_code<T, I, W> f = { *w, (const T *)gy, (const I *)best, (T *)gx };
	return each(s, (size_t)(w->items * w->height * w->width * w->channels) / W, f, "pooling");
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

template <class T, int W> struct up_code {
	c5_k_scale u;
	const T *x;
	T *y;
	__device__ void operator()(size_t i) const
	{
		place p = place_of<W>(i, u.height * u.factor, u.width * u.factor, u.channels);
		int64_t y0, y1, x0, x1;
		float wy, wx, a[W], b[W], c[W], d[W];
		source(p.y, u.factor, u.height, u.bilinear, &y0, &y1, &wy);
		source(p.x, u.factor, u.width, u.bilinear, &x0, &x1, &wx);
		load<W>(x, at(p.item, y0, x0, p.channel, u.height, u.width, u.channels), a);
		if (u.bilinear) {
			load<W>(x, at(p.item, y0, x1, p.channel, u.height, u.width, u.channels), b);
			load<W>(x, at(p.item, y1, x0, p.channel, u.height, u.width, u.channels), c);
			load<W>(x, at(p.item, y1, x1, p.channel, u.height, u.width, u.channels), d);
			C5_UNROLL
			for (int k = 0; k < W; k++) a[k] = (a[k] * (1 - wx) + b[k] * wx) * (1 - wy) + (c[k] * (1 - wx) + d[k] * wx) * wy;
		}
		store<W>(y, i * W, a);
	}
};

/* Numbers of the small image: those of the large one that read them, in order. */
template <class T, int W> struct up_back_code {
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
		place p = place_of<W>(i, u.height, u.width, u.channels);
		int64_t reach = u.bilinear ? u.factor : 0, height = u.height * u.factor, width = u.width * u.factor;
		float sum[W] = { 0 }, g[W];
		for (int64_t y = p.y * u.factor - reach; y < (p.y + 1) * u.factor + reach; y++) {
			float wy = y < 0 || y >= height ? 0 : share(y, p.y, u.height);
			if (wy <= 0) continue;
			for (int64_t x = p.x * u.factor - reach; x < (p.x + 1) * u.factor + reach; x++) {
				float wx = x < 0 || x >= width ? 0 : share(x, p.x, u.width);
				if (wx <= 0) continue;
				load<W>(gy, at(p.item, y, x, p.channel, height, width, u.channels), g);
				C5_UNROLL
				for (int k = 0; k < W; k++) sum[k] += g[k] * (wy * wx);
			}
		}
		store<W>(gx, i * W, sum);
	}
};

template <class T, int W> int up_as(c5_stream s, const c5_k_scale *u, const void *x, void *y)
{
	up_code<T, W> f = { *u, (const T *)x, (T *)y };
	return each(s, (size_t)(u->items * u->height * u->width * u->channels) * (size_t)u->factor * (size_t)u->factor / W, f, "up-sampling");
}

template <class T, int W> int up_back_as(c5_stream s, const c5_k_scale *u, const void *gy, void *gx)
{
	up_back_code<T, W> f = { *u, (const T *)gy, (T *)gx };
	return each(s, (size_t)(u->items * u->height * u->width * u->channels) / W, f, "up-sampling");
}

/* ---- columns of rows ---- */

template <class W> struct columns_code {
	size_t part, whole, at; /* in words */
	const W *from;
	W *to;
	bool back;
	__device__ void operator()(size_t i) const
	{
		size_t column, row = split(i, part, &column), wide = row * whole + at + column;
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
		size_t position, item = split(i, positions, &position), step = rows ? 1 : positions;
		size_t at = item * channels * positions + position * (rows ? channels : 1);
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
		size_t position, item = split(i, positions, &position), step = rows ? 1 : positions;
		size_t at = item * channels * positions + position * (rows ? channels : 1);
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
		size_t place, channel, item = split(i, positions * channels, &place);
		split(place, channels, &channel);
		put(gx, i, get(gy, item * channels + channel) * share);
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

#define BY_TYPE_AND_PACK(type, channels, CALL) ((channels) % C5_PACK ? C5_BY_TYPE(type, CALL##_ONE) : C5_BY_TYPE(type, CALL##_PACK))

int c5_k_pool_forward(c5_stream s, const c5_k_window *w, const void *x, void *y, void *best)
{
#define SMALL_ONE(T) pool_as<T, uint8_t, 1>(s, w, x, y, best)
#define SMALL_PACK(T) pool_as<T, uint8_t, C5_PACK>(s, w, x, y, best)
#define LARGE_ONE(T) pool_as<T, uint32_t, 1>(s, w, x, y, best)
#define LARGE_PACK(T) pool_as<T, uint32_t, C5_PACK>(s, w, x, y, best)
	return small_window(w) ? BY_TYPE_AND_PACK(w->type, w->channels, SMALL) : BY_TYPE_AND_PACK(w->type, w->channels, LARGE);
#undef SMALL_ONE
#undef SMALL_PACK
#undef LARGE_ONE
#undef LARGE_PACK
}

int c5_k_pool_backward(c5_stream s, const c5_k_window *w, const void *gy, const void *best, void *gx)
{
#define SMALL_ONE(T) pool_back_as<T, uint8_t, 1>(s, w, gy, best, gx)
#define SMALL_PACK(T) pool_back_as<T, uint8_t, C5_PACK>(s, w, gy, best, gx)
#define LARGE_ONE(T) pool_back_as<T, uint32_t, 1>(s, w, gy, best, gx)
#define LARGE_PACK(T) pool_back_as<T, uint32_t, C5_PACK>(s, w, gy, best, gx)
	return small_window(w) ? BY_TYPE_AND_PACK(w->type, w->channels, SMALL) : BY_TYPE_AND_PACK(w->type, w->channels, LARGE);
#undef SMALL_ONE
#undef SMALL_PACK
#undef LARGE_ONE
#undef LARGE_PACK
}

int c5_k_upsample_forward(c5_stream s, const c5_k_scale *u, const void *x, void *y)
{
#define CALL_ONE(T) up_as<T, 1>(s, u, x, y)
#define CALL_PACK(T) up_as<T, C5_PACK>(s, u, x, y)
	return BY_TYPE_AND_PACK(u->type, u->channels, CALL);
#undef CALL_ONE
#undef CALL_PACK
}

int c5_k_upsample_backward(c5_stream s, const c5_k_scale *u, const void *gy, void *gx)
{
#define CALL_ONE(T) up_back_as<T, 1>(s, u, gy, gx)
#define CALL_PACK(T) up_back_as<T, C5_PACK>(s, u, gy, gx)
	return BY_TYPE_AND_PACK(u->type, u->channels, CALL);
#undef CALL_ONE
#undef CALL_PACK
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
