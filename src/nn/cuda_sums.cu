/* cuda_sums.cu – sums over rows by column, in a fixed order, and what is made of them: gradients of biases, means, batch and group normalisation.
 *
 * An array is (segments, rows, channels). A block takes up to 32 channels of one piece of the rows of a segment; its threads sum every few rows, in
 * float32 for 32 rows and in double beyond, and are joined by a tree. A second kernel joins the pieces in their order. Pieces follow from the shape
 * alone. Variances are taken about the first row's value of each channel, so that a large mean cancels nothing. */
#include "nn/cuda_code.cuh"

namespace {

#define RUN 32          /* rows summed in single precision */
#define PIECES_MAX 64
#define BLOCKS_WANTED 1024

struct layout {
	size_t segments, rows, channels;
	size_t lanes, groups, pieces, piece; /* channels a block takes; blocks across; pieces of the rows; rows of a piece */
};

layout layout_of(size_t segments, size_t rows, size_t channels)
{
	layout l = { segments, rows, channels, 1, 0, 0, 0 };
	while (l.lanes < 32 && l.lanes < channels) l.lanes *= 2;
	l.groups = parts_of(channels, l.lanes);
	size_t each = C5_THREADS / l.lanes, most = parts_of(rows, 4 * each), wanted = parts_of(BLOCKS_WANTED, max_of(segments * l.groups, 1));
	l.pieces = max_of(min_of(min_of(wanted, most), PIECES_MAX), 1);
	l.piece = parts_of(max_of(rows, 1), l.pieces);
	return l;
}

/* F: K sums; `start` gives a state for (segment, channel), `add` what number i adds. parts: (segments, pieces, K, channels). */
template <int K, class F> __global__ void sums_kernel(layout l, F f, double *parts)
{
	__shared__ double sums[K][C5_THREADS];
	int t = (int)threadIdx.x, lanes = (int)l.lanes, lane = t % lanes, first = t / lanes, every = C5_THREADS / lanes;
	size_t work = l.segments * l.pieces * l.groups;
	for (size_t b = blockIdx.x; b < work; b += gridDim.x) {
		size_t group = b % l.groups, piece = b / l.groups % l.pieces, segment = b / (l.groups * l.pieces), c = group * l.lanes + (size_t)lane;
		size_t from = piece * l.piece, to = min_of(from + l.piece, l.rows);
		double all[K] = { 0 };
		if (c < l.channels) {
			typename F::state state = f.start(segment, c);
			for (size_t r = from + (size_t)first; r < to;) {
				float some[K] = { 0 };
				for (int k = 0; k < RUN && r < to; k++, r += (size_t)every) f.add(state, (segment * l.rows + r) * l.channels + c, some);
				for (int k = 0; k < K; k++) all[k] += (double)some[k];
			}
		}
		for (int k = 0; k < K; k++) sums[k][t] = all[k];
		__syncthreads();
		for (int s = every / 2; s > 0; s /= 2) {
			if (first < s)
				for (int k = 0; k < K; k++) sums[k][t] += sums[k][t + s * lanes];
			__syncthreads();
		}
		if (first == 0 && c < l.channels)
			for (int k = 0; k < K; k++) parts[((segment * l.pieces + piece) * K + (size_t)k) * l.channels + c] = sums[k][t];
		__syncthreads();
	}
}

/* Sum k of (segment, channel) over all pieces. */
__device__ inline double joined(const layout &l, int kinds, const double *parts, size_t segment, int k, size_t c)
{
	double all = 0;
	for (size_t p = 0; p < l.pieces; p++) all += parts[((segment * l.pieces + p) * (size_t)kinds + (size_t)k) * l.channels + c];
	return all;
}

template <int K, class F> int sum_all(c5_stream s, const layout &l, const F &f, double *parts, const char *what)
{
	size_t work = l.segments * l.pieces * l.groups;
	if (!work) return C5_OK;
	C5_START(min_of(work, (size_t)1 << 20), C5_THREADS, s, (sums_kernel<K, F>), l, f, parts);
	return started(what);
}

/* ---- plain sums ---- */

template <class T> struct plain_sum {
	struct state {};
	const T *x;
	__device__ state start(size_t, size_t) const { return state(); }
	__device__ void add(const state &, size_t i, float *sum) const { sum[0] += get(x, i); }
};

template <class T> struct plain_join {
	layout l;
	const double *parts;
	double factor;
	T *out;
	__device__ void operator()(size_t i) const { put(out, i, (float)(joined(l, 1, parts, i / l.channels, 0, i % l.channels) * factor)); }
};

template <class T> int plain_sums(c5_stream s, const layout &l, const void *x, double *parts)
{
	plain_sum<T> f = { (const T *)x };
	return sum_all<1>(s, l, f, parts, "sums");
}

template <class T> int plain_joins(c5_stream s, const layout &l, const double *parts, double factor, void *out)
{
	plain_join<T> f = { l, parts, factor, (T *)out };
	return each(s, l.segments * l.channels, f, "sums");
}

/* ---- normalisation, forward ---- */

struct kept_set { float *a, *b, *mean, *inv; };

__host__ __device__ inline kept_set kept_of(const c5_k_norm &m, const float *kept)
{
	size_t n = m.segments * m.channels;
	float *k = (float *)kept;
	return { k, k + n, k + 2 * n, k + 3 * n };
}

/* Sums of x - x0 and its square, x0 being the segment's first row. */
template <class T> struct spread_sum {
	struct state { float origin; };
	size_t rows, channels;
	const T *x;
	__device__ state start(size_t segment, size_t c) const { return { get(x, segment * rows * channels + c) }; }
	__device__ void add(const state &s, size_t i, float *sum) const
	{
		float d = get(x, i) - s.origin;
		sum[0] += d;
		sum[1] += d * d;
	}
};

/* One (segment, group of `per` channels): their means and squared deviations are joined in order (Chan, Golub and LeVeque 1979). */
template <class T> struct spread_join {
	c5_k_norm m;
	layout l;
	const double *parts;
	const T *x;
	const float *scale, *shift;
	float *kept, *statistics;
	__device__ void operator()(size_t i) const
	{
		size_t groups = m.channels / m.per, segment = i / groups, first = i % groups * m.per;
		double n = 0, mean = 0, m2 = 0, each_n = (double)m.rows;
		for (size_t c = first; c < first + m.per; c++) {
			double s1 = joined(l, 2, parts, segment, 0, c), s2 = joined(l, 2, parts, segment, 1, c), off = s1 / each_n;
			double mean1 = (double)get(x, segment * m.rows * m.channels + c) + off, spread1 = s2 - s1 * off, delta = mean1 - mean, all = n + each_n;
			spread1 = spread1 > 0 ? spread1 : 0;
			m2 += spread1 + delta * delta * n * each_n / all;
			mean += delta * each_n / all;
			n = all;
		}
		double variance = m2 / n, inv = 1 / sqrt(variance + (double)m.epsilon);
		kept_set k = kept_of(m, kept);
		for (size_t c = first; c < first + m.per; c++) {
			size_t o = segment * m.channels + c;
			k.mean[o] = (float)mean;
			k.inv[o] = (float)inv;
			k.a[o] = (float)((double)scale[c] * inv);
			k.b[o] = (float)((double)shift[c] - mean * (double)scale[c] * inv);
			if (!statistics) continue;
			statistics[c] = (float)mean;
			statistics[m.channels + c] = (float)variance;
		}
	}
};

struct running_code {
	c5_k_norm m;
	const float *scale, *shift, *mean, *variance;
	float *kept;
	__device__ void operator()(size_t c) const
	{
		kept_set k = kept_of(m, kept);
		double inv = 1 / sqrt((double)variance[c] + (double)m.epsilon);
		k.mean[c] = mean[c];
		k.inv[c] = (float)inv;
		k.a[c] = (float)((double)scale[c] * inv);
		k.b[c] = (float)((double)shift[c] - (double)mean[c] * (double)scale[c] * inv);
	}
};

__device__ inline float clip(int act, float v)
{
	if (act == C5_ACT_RELU) return v > 0 ? v : 0;
	if (act == C5_ACT_RELU6) return v > 0 ? (v < 6 ? v : 6) : 0;
	return v;
}

__device__ inline bool open_at(int act, float v)
{
	if (act == C5_ACT_RELU) return v > 0;
	if (act == C5_ACT_RELU6) return v > 0 && v < 6;
	return true;
}

/* Walks the coefficients of a pack of numbers: of number i, and on, into the next segment too. */
struct walk {
	size_t at, c, left; /* into arrays by (segment, channel); the channel; numbers of the segment still to come */
	size_t channels, each;
	__device__ walk(const c5_k_norm &m, size_t i)
	{
		channels = m.channels;
		each = m.rows * m.channels;
		c = i % channels;
		at = i / each * channels + c;
		left = each - i % each;
	}
	__device__ void next()
	{
		left--;
		if (++c < channels) {
			at++;
			return;
		}
		c = 0;
		if (left) {
			at -= channels - 1;
			return;
		}
		at++;
		left = each;
	}
};

template <class T> struct apply_code {
	c5_k_norm m;
	const T *x, *z;
	const float *kept;
	T *y;
	__device__ void operator()(size_t i, int n) const
	{
		kept_set k = kept_of(m, kept);
		float v[C5_PACK], add[C5_PACK];
		walk w(m, i);
		read(x, i, n, v);
		if (z) read(z, i, n, add);
		for (int j = 0; j < n; j++, w.next()) {
			v[j] = v[j] * k.a[w.at] + k.b[w.at];
			if (z) v[j] += add[j];
			v[j] = clip(m.activation, v[j]);
		}
		write(y, i, n, v);
	}
};

/* ---- backward ---- */

/* Sums of g and g * (x - mean) * inv, g being what the activation lets through; that is kept in `masked` if given. */
template <class T> struct back_sum {
	struct state { float a, b, mean, inv; };
	c5_k_norm m;
	const T *x, *y, *gy;
	T *masked;
	const float *kept;
	__device__ state start(size_t segment, size_t c) const
	{
		kept_set k = kept_of(m, kept);
		size_t o = segment * m.channels + c;
		return { k.a[o], k.b[o], k.mean[o], k.inv[o] };
	}
	__device__ void add(const state &s, size_t i, float *sum) const
	{
		float g = get(gy, i), v = get(x, i);
		g = open_at(m.activation, y ? get(y, i) : v * s.a + s.b) ? g : 0;
		if (masked) put(masked, i, g);
		sum[0] += g;
		sum[1] += g * ((v - s.mean) * s.inv);
	}
};

/* gx = p g - (q + x r), by (segment, channel). One thread a group of channels normalised together. */
struct back_join {
	c5_k_norm m;
	layout l;
	bool running;
	double *parts;             /* the first piece's places take the joined sums */
	const float *kept, *scale;
	float *pqr;
	__device__ void operator()(size_t i) const
	{
		size_t groups = m.channels / m.per, segment = i / groups, first = i % groups * m.per, n = m.segments * m.channels;
		double all1 = 0, all2 = 0, count = (double)m.rows * (double)m.per;
		kept_set k = kept_of(m, kept);
		for (size_t c = first; c < first + m.per; c++) {
			double s1 = joined(l, 2, parts, segment, 0, c), s2 = joined(l, 2, parts, segment, 1, c);
			size_t o = segment * l.pieces * 2 * l.channels + c;
			parts[o] = s1;
			parts[o + l.channels] = s2;
			all1 += (double)scale[c] * s1;
			all2 += (double)scale[c] * s2;
		}
		for (size_t c = first; c < first + m.per; c++) {
			size_t o = segment * m.channels + c;
			double inv = (double)k.inv[o], r = running ? 0 : inv * inv * all2 / count;
			pqr[o] = (float)(inv * (double)scale[c]);
			pqr[n + o] = running ? 0 : (float)(inv * all1 / count - (double)k.mean[o] * r);
			pqr[2 * n + o] = (float)r;
		}
	}
};

struct back_params {
	layout l;
	const double *parts;
	float *grad_scale, *grad_shift;
	__device__ void operator()(size_t c) const
	{
		double s1 = 0, s2 = 0;
		for (size_t segment = 0; segment < l.segments; segment++) {
			size_t o = segment * l.pieces * 2 * l.channels + c;
			s1 += parts[o];
			s2 += parts[o + l.channels];
		}
		if (grad_scale) grad_scale[c] = (float)s2;
		if (grad_shift) grad_shift[c] = (float)s1;
	}
};

template <class T> struct grad_code {
	c5_k_norm m;
	bool masked;               /* gy has gone through the activation */
	const T *x, *y, *gy;
	T *gx;
	const float *kept, *pqr;
	__device__ void operator()(size_t i, int n) const
	{
		kept_set k = kept_of(m, kept);
		const float *p = pqr, *q = p + m.segments * m.channels, *r = q + m.segments * m.channels;
		float v[C5_PACK], g[C5_PACK], judge[C5_PACK];
		walk w(m, i);
		read(x, i, n, v);
		read(gy, i, n, g);
		if (y && !masked) read(y, i, n, judge);
		for (int j = 0; j < n; j++, w.next()) {
			bool open = masked || open_at(m.activation, y ? judge[j] : v[j] * k.a[w.at] + k.b[w.at]);
			g[j] = p[w.at] * (open ? g[j] : 0) - (q[w.at] + v[j] * r[w.at]);
		}
		write(gx, i, n, g);
	}
};

size_t parts_bytes(const layout &l, int kinds) { return l.segments * l.pieces * (size_t)kinds * l.channels * sizeof(double); }

template <class T> int settle_as(c5_stream s, const c5_k_norm *m, const void *x, const float *scale, const float *shift, float *kept,
	float *statistics, void *scratch)
{
	layout l = layout_of(m->segments, m->rows, m->channels);
	spread_sum<T> f = { m->rows, m->channels, (const T *)x };
	int err = sum_all<2>(s, l, f, (double *)scratch, "a normalisation");
	if (err) return err;
	spread_join<T> j = { *m, l, (const double *)scratch, (const T *)x, scale, shift, kept, statistics };
	return each(s, m->segments * (m->channels / m->per), j, "a normalisation");
}

template <class T> int apply_as(c5_stream s, const c5_k_norm *m, const void *x, const void *z, const float *kept, void *y)
{
	apply_code<T> f = { *m, (const T *)x, (const T *)z, kept, (T *)y };
	return each_pack(s, m->segments * m->rows * m->channels, f, "a normalisation");
}

template <class T> int backward_as(c5_stream s, const c5_k_norm *m, const c5_k_norm_back *b)
{
	layout l = layout_of(m->segments, m->rows, m->channels);
	double *parts = (double *)b->scratch;
	float *pqr = (float *)((char *)b->scratch + parts_bytes(l, 2));
	back_sum<T> f = { *m, (const T *)b->x, (const T *)b->y, (const T *)b->gy, (T *)b->masked, b->kept };
	int err = sum_all<2>(s, l, f, parts, "a normalisation");
	if (err) return err;
	back_join j = { *m, l, b->running, parts, b->kept, b->scale, pqr };
	err = each(s, m->segments * (m->channels / m->per), j, "a normalisation");
	back_params p = { l, parts, b->grad_scale, b->grad_shift };
	if (!err && (b->grad_scale || b->grad_shift)) err = each(s, m->channels, p, "a normalisation");
	if (err || !b->gx) return err;
	grad_code<T> g = { *m, b->masked != NULL, (const T *)b->x, (const T *)b->y, (const T *)(b->masked ? b->masked : b->gy), (T *)b->gx, b->kept, pqr };
	return each_pack(s, m->segments * m->rows * m->channels, g, "a normalisation");
}

}

size_t c5_k_sums_scratch(size_t segments, size_t rows, size_t channels, int kinds)
{
	return parts_bytes(layout_of(segments, rows, channels), kinds);
}

int c5_k_column_sums(c5_stream s, int type, size_t segments, size_t rows, size_t channels, const void *x, float factor, int out_type, void *out,
	void *scratch)
{
	layout l = layout_of(segments, rows, channels);
	double *parts = (double *)scratch;
#define SUM(T) plain_sums<T>(s, l, x, parts)
#define JOIN(T) plain_joins<T>(s, l, parts, (double)factor, out)
	int err = C5_BY_TYPE(type, SUM);
	return err ? err : C5_BY_TYPE(out_type, JOIN);
#undef SUM
#undef JOIN
}

size_t c5_k_norm_scratch(const c5_k_norm *m)
{
	return parts_bytes(layout_of(m->segments, m->rows, m->channels), 2) + 3 * m->segments * m->channels * sizeof(float);
}

int c5_k_norm_settle(c5_stream s, const c5_k_norm *m, const void *x, const float *scale, const float *shift, float *kept, float *statistics,
	void *scratch)
{
#define CALL(T) settle_as<T>(s, m, x, scale, shift, kept, statistics, scratch)
	return C5_BY_TYPE(m->type, CALL);
#undef CALL
}

int c5_k_norm_settle_running(c5_stream s, const c5_k_norm *m, const float *scale, const float *shift, const float *mean, const float *variance,
	float *kept)
{
	running_code f = { *m, scale, shift, mean, variance, kept };
	return each(s, m->channels, f, "a normalisation");
}

int c5_k_norm_apply(c5_stream s, const c5_k_norm *m, const void *x, const void *z, const float *kept, void *y)
{
#define CALL(T) apply_as<T>(s, m, x, z, kept, y)
	return C5_BY_TYPE(m->type, CALL);
#undef CALL
}

int c5_k_norm_backward(c5_stream s, const c5_k_norm *m, const c5_k_norm_back *b)
{
#define CALL(T) backward_as<T>(s, m, b)
	return C5_BY_TYPE(m->type, CALL);
#undef CALL
}
