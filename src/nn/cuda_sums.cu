/* cuda_sums.cu – sums over rows by column and what is made of them: gradients of biases, means, batch and group normalisation (cuda_rows.cuh).
 * Variances are taken about the first row's value of each channel, so that a large mean cancels nothing. */
#include "nn/cuda_rows.cuh"

namespace {

/* ---- plain sums ---- */

template <class T, int W> struct plain_sum {
	typedef T type;
	struct state {};
	typedef raw<T, W> line;
	const T *x;
	__device__ state start(size_t, size_t) const { return state(); }
	__device__ void fetch(size_t i, line *r) const { ::fetch(x, i, r); }
	__device__ void take(const state &, size_t, const line &r, float *sum) const
	{
		float v[W];
		unpack(r, v);
		C5_UNROLL
		for (int w = 0; w < W; w++) sum[w] += v[w];
	}
};

template <class T> struct plain_done {
	size_t channels;
	double factor;
	T *out;
	__device__ void operator()(size_t segment, size_t c, const double *sum) const { put(out, segment * channels + c, (float)(sum[0] * factor)); }
};

template <class T> int plain_sums(c5_stream s, const layout &l, const void *x, double *parts)
{
	plain_sum<T, C5_PACK> wide = { (const T *)x };
	plain_sum<T, 1> one = { (const T *)x };
	return l.packs ? sum_rows<C5_PACK, 1>(s, l, wide, parts, "sums") : sum_rows<1, 1>(s, l, one, parts, "sums");
}

template <class T> int plain_joins(c5_stream s, const layout &l, const double *parts, double factor, void *out)
{
	plain_done<T> done = { l.channels, factor, (T *)out };
	return join<1>(s, l, parts, done, "sums");
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
template <class T, int W> struct spread_sum {
	typedef T type;
	struct state { float origin[W]; };
	typedef raw<T, W> line;
	size_t rows, channels;
	const T *x;
	__device__ state start(size_t segment, size_t c) const
	{
		state s;
		load<W>(x, segment * rows * channels + c, s.origin);
		return s;
	}
	__device__ void fetch(size_t i, line *r) const { ::fetch(x, i, r); }
	__device__ void take(const state &s, size_t, const line &r, float *sum) const
	{
		float v[W];
		unpack(r, v);
		C5_UNROLL
		for (int w = 0; w < W; w++) {
			float d = v[w] - s.origin[w];
			sum[w] += d;
			sum[W + w] += d * d;
		}
	}
};

/* Mean and squared deviations of n numbers, joined with others' (Chan, Golub and LeVeque 1979). */
struct spread {
	double n, mean, m2;
	__device__ void add(double count, double origin, double s1, double s2)
	{
		double off = s1 / count, mean1 = origin + off, spread1 = s2 - s1 * off, delta = mean1 - mean, all = n + count;
		m2 += (spread1 > 0 ? spread1 : 0) + delta * delta * n * count / all;
		mean += delta * count / all;
		n = all;
	}
};

/* What is made of them: the coefficients of channels [first, first + per). */
template <class T> struct settled {
	c5_k_norm m;
	const T *x;
	const float *scale, *shift;
	float *kept, *statistics;
	__device__ double origin(size_t segment, size_t c) const { return (double)get(x, segment * m.rows * m.channels + c); }
	__device__ void give(size_t segment, size_t first, const spread &all) const
	{
		double variance = all.m2 / all.n, inv = 1 / sqrt(variance + (double)m.epsilon);
		kept_set k = kept_of(m, kept);
		for (size_t c = first; c < first + m.per; c++) {
			size_t o = segment * m.channels + c;
			k.mean[o] = (float)all.mean;
			k.inv[o] = (float)inv;
			k.a[o] = (float)((double)scale[c] * inv);
			k.b[o] = (float)((double)shift[c] - all.mean * (double)scale[c] * inv);
			if (!statistics) continue;
			statistics[c] = (float)all.mean;
			statistics[m.channels + c] = (float)variance;
		}
	}
};

/* Channels by themselves: settled where they are joined. */
template <class T> struct spread_done {
	settled<T> to;
	__device__ void operator()(size_t segment, size_t c, const double *sum) const
	{
		spread all = { 0, 0, 0 };
		all.add((double)to.m.rows, to.origin(segment, c), sum[0], sum[1]);
		to.give(segment, c, all);
	}
};

/* Several together: the joined sums are kept first, (segments, 2, channels). */
struct keep_done {
	size_t channels;
	double *sums;
	__device__ void operator()(size_t segment, size_t c, const double *sum) const
	{
		sums[segment * 2 * channels + c] = sum[0];
		sums[(segment * 2 + 1) * channels + c] = sum[1];
	}
};

template <class T> struct spread_groups {
	settled<T> to;
	const double *sums;
	__device__ void operator()(size_t i) const
	{
		size_t group, segment = split(i, to.m.channels / to.m.per, &group), first = group * to.m.per;
		const double *sum = sums + segment * 2 * to.m.channels;
		spread all = { 0, 0, 0 };
		for (size_t c = first; c < first + to.m.per; c++) all.add((double)to.m.rows, to.origin(segment, c), sum[c], sum[to.m.channels + c]);
		to.give(segment, first, all);
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

template <class T, int W> struct apply_code {
	typedef T type;
	struct state { float a[W], b[W]; };
	struct line { raw<T, W> x, z; };
	c5_k_norm m;
	const T *x, *z;
	const float *kept;
	T *y;
	__device__ state start(size_t segment, size_t c) const
	{
		kept_set k = kept_of(m, kept);
		size_t o = segment * m.channels + c;
		state s;
		load<W>(k.a, o, s.a);
		load<W>(k.b, o, s.b);
		return s;
	}
	__device__ void fetch(size_t i, line *r) const
	{
		::fetch(x, i, &r->x);
		if (z) ::fetch(z, i, &r->z);
	}
	__device__ void take(const state &s, size_t i, const line &r, float *) const
	{
		float v[W], add[W];
		unpack(r.x, v);
		if (z) unpack(r.z, add);
		C5_UNROLL
		for (int w = 0; w < W; w++) {
			v[w] = v[w] * s.a[w] + s.b[w];
			if (z) v[w] += add[w];
			v[w] = clip(m.activation, v[w]);
		}
		store<W>(y, i, v);
	}
};

/* ---- backward ---- */

/* Sums of g and g * (x - mean), g being what the activation lets through; that is kept in `masked` if given. */
template <class T, int W> struct back_sum {
	typedef T type;
	struct state { float a[W], b[W], mean[W]; };
	struct line { raw<T, W> x, y, g; };
	c5_k_norm m;
	const T *x, *y, *gy;
	T *masked;
	const float *kept;
	__device__ state start(size_t segment, size_t c) const
	{
		kept_set k = kept_of(m, kept);
		size_t o = segment * m.channels + c;
		state s;
		load<W>(k.a, o, s.a);
		load<W>(k.b, o, s.b);
		load<W>(k.mean, o, s.mean);
		return s;
	}
	__device__ void fetch(size_t i, line *r) const
	{
		::fetch(x, i, &r->x);
		::fetch(gy, i, &r->g);
		if (y) ::fetch(y, i, &r->y);
	}
	__device__ void take(const state &s, size_t i, const line &r, float *sum) const
	{
		float v[W], g[W], judge[W];
		unpack(r.x, v);
		unpack(r.g, g);
		if (y) unpack(r.y, judge);
		C5_UNROLL
		for (int w = 0; w < W; w++) {
			g[w] = open_at(m.activation, y ? judge[w] : v[w] * s.a[w] + s.b[w]) ? g[w] : 0;
			sum[w] += g[w];
			sum[W + w] += g[w] * (v[w] - s.mean[w]);
		}
		if (masked) store<W>(masked, i, g);
	}
};

/* gx = p g - (q + x r), by (segment, channel). */
struct back_set {
	c5_k_norm m;
	bool running;
	const float *kept, *scale;
	float *pqr, *grad_scale, *grad_shift;
	/* all1, all2: sums over the channels normalised together, times scale. */
	__device__ void give(size_t segment, size_t c, double all1, double all2) const
	{
		kept_set k = kept_of(m, kept);
		size_t o = segment * m.channels + c, n = m.segments * m.channels;
		double inv = (double)k.inv[o], count = (double)m.rows * (double)m.per, r = running ? 0 : inv * inv * inv * all2 / count;
		pqr[o] = (float)(inv * (double)scale[c]);
		pqr[n + o] = running ? 0 : (float)(inv * all1 / count - (double)k.mean[o] * r);
		pqr[2 * n + o] = (float)r;
	}
};

struct back_done {
	back_set to;
	__device__ void operator()(size_t segment, size_t c, const double *sum) const
	{
		double factor = (double)to.scale[c];
		to.give(segment, c, factor * sum[0], factor * sum[1]);
		if (to.grad_scale) to.grad_scale[c] = (float)(sum[1] * (double)kept_of(to.m, to.kept).inv[segment * to.m.channels + c]);
		if (to.grad_shift) to.grad_shift[c] = (float)sum[0];
	}
};

struct back_groups {
	back_set to;
	const double *sums;
	__device__ void operator()(size_t i) const
	{
		const c5_k_norm &m = to.m;
		size_t group, segment = split(i, m.channels / m.per, &group), first = group * m.per;
		const double *sum = sums + segment * 2 * m.channels;
		double all1 = 0, all2 = 0;
		for (size_t c = first; c < first + m.per; c++) {
			all1 += (double)to.scale[c] * sum[c];
			all2 += (double)to.scale[c] * sum[m.channels + c];
		}
		for (size_t c = first; c < first + m.per; c++) to.give(segment, c, all1, all2);
	}
};

struct back_params {
	back_set to;
	const double *sums;
	__device__ void operator()(size_t c) const
	{
		const c5_k_norm &m = to.m;
		double s1 = 0, s2 = 0;
		for (size_t segment = 0; segment < m.segments; segment++) {
			s1 += sums[segment * 2 * m.channels + c];
			s2 += sums[(segment * 2 + 1) * m.channels + c] * (double)kept_of(m, to.kept).inv[segment * m.channels + c];
		}
		if (to.grad_scale) to.grad_scale[c] = (float)s2;
		if (to.grad_shift) to.grad_shift[c] = (float)s1;
	}
};

template <class T, int W> struct grad_code {
	typedef T type;
	struct state { float a[W], b[W], p[W], q[W], r[W]; };
	struct line { raw<T, W> x, y, g; };
	c5_k_norm m;
	bool masked;               /* gy has gone through the activation */
	const T *x, *y, *gy;
	T *gx;
	const float *kept, *pqr;
	__device__ state start(size_t segment, size_t c) const
	{
		kept_set k = kept_of(m, kept);
		size_t n = m.segments * m.channels, o = segment * m.channels + c;
		state s;
		load<W>(k.a, o, s.a);
		load<W>(k.b, o, s.b);
		load<W>(pqr, o, s.p);
		load<W>(pqr + n, o, s.q);
		load<W>(pqr + 2 * n, o, s.r);
		return s;
	}
	__device__ void fetch(size_t i, line *r) const
	{
		::fetch(x, i, &r->x);
		::fetch(gy, i, &r->g);
		if (y && !masked) ::fetch(y, i, &r->y);
	}
	__device__ void take(const state &s, size_t i, const line &r, float *) const
	{
		float v[W], g[W], judge[W];
		unpack(r.x, v);
		unpack(r.g, g);
		if (y && !masked) unpack(r.y, judge);
		C5_UNROLL
		for (int w = 0; w < W; w++) {
			bool open = masked || open_at(m.activation, y ? judge[w] : v[w] * s.a[w] + s.b[w]);
			g[w] = s.p[w] * (open ? g[w] : 0) - (s.q[w] + v[w] * s.r[w]);
		}
		store<W>(gx, i, g);
	}
};

/* Where channels are normalised together, or gradients are summed over segments, the joined sums are kept behind the parts. */
bool together(const c5_k_norm *m) { return m->per > 1 || m->segments > 1; }

template <class T, int W> int settle_as(c5_stream s, const c5_k_norm *m, const void *x, const float *scale, const float *shift, float *kept,
	float *statistics, void *scratch)
{
	layout l = layout_of(m->segments, m->rows, m->channels, SUM_BLOCKS);
	double *parts = (double *)scratch, *sums = (double *)((char *)scratch + parts_bytes(l, 2));
	spread_sum<T, W> f = { m->rows, m->channels, (const T *)x };
	settled<T> to = { *m, (const T *)x, scale, shift, kept, statistics };
	int err = sum_rows<W, 2>(s, l, f, parts, "a normalisation");
	if (err) return err;
	if (!together(m)) {
		spread_done<T> done = { to };
		return join<2>(s, l, parts, done, "a normalisation");
	}
	keep_done keep = { m->channels, sums };
	spread_groups<T> groups = { to, sums };
	err = join<2>(s, l, parts, keep, "a normalisation");
	return err ? err : each(s, m->segments * (m->channels / m->per), groups, "a normalisation");
}

template <class T, int W> int apply_as(c5_stream s, const c5_k_norm *m, const void *x, const void *z, const float *kept, void *y)
{
	apply_code<T, W> f = { *m, (const T *)x, (const T *)z, kept, (T *)y };
	return over_rows<W>(s, layout_of(m->segments, m->rows, m->channels, PASS_BLOCKS), f, "a normalisation");
}

template <class T, int W> int backward_as(c5_stream s, const c5_k_norm *m, const c5_k_norm_back *b)
{
	layout l = layout_of(m->segments, m->rows, m->channels, SUM_BLOCKS);
	double *parts = (double *)b->scratch, *sums = (double *)((char *)b->scratch + parts_bytes(l, 2));
	float *pqr = (float *)(sums + 2 * m->segments * m->channels);
	back_sum<T, W> f = { *m, (const T *)b->x, (const T *)b->y, (const T *)b->gy, (T *)b->masked, b->kept };
	back_set to = { *m, b->running, b->kept, b->scale, pqr, b->grad_scale, b->grad_shift };
	int err = sum_rows<W, 2>(s, l, f, parts, "a normalisation");
	if (!err && !together(m)) {
		back_done done = { to };
		err = join<2>(s, l, parts, done, "a normalisation");
	} else if (!err) {
		keep_done keep = { m->channels, sums };
		back_groups groups = { to, sums };
		back_params params = { to, sums };
		err = join<2>(s, l, parts, keep, "a normalisation");
		if (!err) err = each(s, m->segments * (m->channels / m->per), groups, "a normalisation");
		if (!err && (b->grad_scale || b->grad_shift)) err = each(s, m->channels, params, "a normalisation");
	}
	if (err || !b->gx) return err;
	const void *gy = b->masked ? b->masked : b->gy;
	grad_code<T, W> g = { *m, b->masked != NULL, (const T *)b->x, (const T *)b->y, (const T *)gy, (T *)b->gx, b->kept, pqr };
	return over_rows<W>(s, layout_of(m->segments, m->rows, m->channels, PASS_BLOCKS), g, "a normalisation");
}

}

size_t c5_k_sums_scratch(size_t segments, size_t rows, size_t channels, int kinds)
{
	return parts_bytes(layout_of(segments, rows, channels, SUM_BLOCKS), kinds);
}

int c5_k_column_sums(c5_stream s, int type, size_t segments, size_t rows, size_t channels, const void *x, float factor, int out_type, void *out,
	void *scratch)
{
	layout l = layout_of(segments, rows, channels, SUM_BLOCKS);
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
	size_t n = m->segments * m->channels;
	return parts_bytes(layout_of(m->segments, m->rows, m->channels, SUM_BLOCKS), 2) + 2 * n * sizeof(double) + 3 * n * sizeof(float);
}

/* CALL<T, W>: by type, and by whether eight channels are taken at once. */
#define BY_PACK(T) (m->channels % C5_PACK ? CALL(T, 1) : CALL(T, C5_PACK))

int c5_k_norm_settle(c5_stream s, const c5_k_norm *m, const void *x, const float *scale, const float *shift, float *kept, float *statistics,
	void *scratch)
{
#define CALL(T, W) settle_as<T, W>(s, m, x, scale, shift, kept, statistics, scratch)
	return C5_BY_TYPE(m->type, BY_PACK);
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
#define CALL(T, W) apply_as<T, W>(s, m, x, z, kept, y)
	return C5_BY_TYPE(m->type, BY_PACK);
#undef CALL
}

int c5_k_norm_backward(c5_stream s, const c5_k_norm *m, const c5_k_norm_back *b)
{
#define CALL(T, W) backward_as<T, W>(s, m, b)
	return C5_BY_TYPE(m->type, BY_PACK);
#undef CALL
}
