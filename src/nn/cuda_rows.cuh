/* cuda_rows.cuh – walking over arrays (segments, rows, channels) whose channels are last: sums over rows by channel in a fixed order, or nothing
 * summed.
 *
 * A thread takes W channels side by side, eight where their number allows, and every few rows of a piece; it reads several rows before it looks at
 * the first, as the memory is far away. It sums in float32 for 32 rows and in double beyond; the threads of a block are joined by a tree, and a
 * second kernel joins the pieces, by rows of threads and a tree again. Pieces follow from the shape alone. */
#ifndef C5_NN_CUDA_ROWS_CUH
#define C5_NN_CUDA_ROWS_CUH

#include "nn/cuda_code.cuh"

namespace {

#define RUN 32           /* rows summed in single precision */
#define SUM_BLOCKS 512   /* wanted for sums; every one costs a tree and work for the second kernel */
#define PASS_BLOCKS 4096 /* wanted where nothing is summed */
#define JOIN_LANES 16    /* channels a block of the second kernel takes */

struct layout {
	size_t segments, rows, channels;
	size_t lanes, groups, pieces, piece; /* threads side by side; blocks across; pieces of the rows; rows of a piece */
	bool packs;                          /* W is 8, else 1 */
};

inline layout layout_of(size_t segments, size_t rows, size_t channels, size_t blocks)
{
	bool packs = channels % C5_PACK == 0;
	layout l = { segments, rows, channels, 1, 0, 0, 0, packs };
	size_t across = packs ? channels / C5_PACK : channels;
	while (l.lanes < 32 && l.lanes < across) l.lanes *= 2;
	l.groups = parts_of(across, l.lanes);
	size_t each = C5_THREADS / l.lanes, most = parts_of(rows, 4 * each), wanted = parts_of(blocks, max_of(segments * l.groups, 1));
	l.pieces = max_of(min_of(min_of(wanted, most), blocks), 1);
	l.piece = parts_of(max_of(rows, 1), l.pieces);
	return l;
}

/* Which rows and channels a thread has. */
struct place {
	size_t segment, piece, from, to, c; /* rows [from, to) of the segment, from its own first; first channel */
	int lane, first, every;
	__device__ place(const layout &l, int width, size_t block)
	{
		size_t group, rest = split(block, l.groups, &group);
		int t = (int)threadIdx.x, lanes = (int)l.lanes;
		segment = split(rest, l.pieces, &piece);
		lane = t % lanes;
		first = t / lanes;
		every = C5_THREADS / lanes;
		c = (group * l.lanes + (size_t)lane) * (size_t)width;
		from = piece * l.piece + (size_t)first;
		to = min_of((piece + 1) * l.piece, l.rows);
	}
};

/* Rows read before the first is looked at. */
template <class T, int W> struct batch { enum { size = W == 1 || sizeof(T) == 2 ? 4 : 2 }; };

/* Calls f.fetch(i, &line) and f.take(state, i, line, some) for the thread's rows, `some` being K x W sums; `after` as often as a run is over. */
template <int W, class F, class S, class After> __device__ inline void walk(const layout &l, const place &p, F &f, S &state, float *some, After after)
{
	const int B = batch<typename F::type, W>::size;
	size_t step = (size_t)p.every * l.channels, i = (p.segment * l.rows + p.from) * l.channels + p.c;
	for (size_t r = p.from; r < p.to;) {
		for (int n = 0; n < RUN && r < p.to; n += B) {
			typename F::line line[B];
			if (r + (size_t)((B - 1) * p.every) < p.to) {
				C5_UNROLL
				for (int b = 0; b < B; b++) f.fetch(i + (size_t)b * step, &line[b]);
				C5_UNROLL
				for (int b = 0; b < B; b++) f.take(state, i + (size_t)b * step, line[b], some);
				r += (size_t)(B * p.every);
				i += (size_t)B * step;
				continue;
			}
			for (; r < p.to; r += (size_t)p.every, i += step) {
				f.fetch(i, &line[0]);
				f.take(state, i, line[0], some);
			}
		}
		after();
	}
}

/* F: K sums. parts: (segments, pieces, K, channels). */
template <int W, int K, class F> __global__ void __launch_bounds__(C5_THREADS) sums_kernel(layout l, F f, double *parts)
{
	__shared__ double sums[W][C5_THREADS];
	size_t work = l.segments * l.pieces * l.groups;
	int t = (int)threadIdx.x;
	for (size_t b = blockIdx.x; b < work; b += gridDim.x) {
		place p(l, W, b);
		double all[K][W] = { { 0 } };
		if (p.c < l.channels) {
			float some[K][W] = { { 0 } };
			typename F::state state = f.start(p.segment, p.c);
			walk<W>(l, p, f, state, &some[0][0], [&]() {
				C5_UNROLL
				for (int k = 0; k < K; k++) {
					C5_UNROLL
					for (int w = 0; w < W; w++) {
						all[k][w] += (double)some[k][w];
						some[k][w] = 0;
					}
				}
			});
		}
		C5_UNROLL
		for (int k = 0; k < K; k++) {
			C5_UNROLL
			for (int w = 0; w < W; w++) sums[w][t] = all[k][w];
			__syncthreads();
			for (int s = p.every / 2; s > 0; s /= 2) {
				if (p.first < s)
					for (int w = 0; w < W; w++) sums[w][t] += sums[w][t + s * (int)l.lanes];
				__syncthreads();
			}
			if (p.first == 0 && p.c < l.channels)
				for (int w = 0; w < W; w++) parts[((p.segment * l.pieces + p.piece) * K + (size_t)k) * l.channels + p.c + (size_t)w] = sums[w][t];
			__syncthreads();
		}
	}
}

/* F over all numbers, W side by side, nothing summed. */
template <int W, class F> __global__ void __launch_bounds__(C5_THREADS) rows_kernel(layout l, F f)
{
	size_t work = l.segments * l.pieces * l.groups;
	for (size_t b = blockIdx.x; b < work; b += gridDim.x) {
		place p(l, W, b);
		if (p.c >= l.channels) continue;
		typename F::state state = f.start(p.segment, p.c);
		walk<W>(l, p, f, state, NULL, []() {});
	}
}

/* Joins the pieces of K sums and hands them on: done(segment, channel, sums). */
template <int K, class D> __global__ void __launch_bounds__(C5_THREADS) join_kernel(layout l, const double *parts, D done)
{
	__shared__ double sums[K][C5_THREADS];
	const int rows = C5_THREADS / JOIN_LANES;
	int t = (int)threadIdx.x, row = t / JOIN_LANES;
	size_t across = parts_of(l.channels, JOIN_LANES);
	for (size_t b = blockIdx.x; b < across * l.segments; b += gridDim.x) {
		size_t group, segment = split(b, across, &group), c = group * JOIN_LANES + (size_t)(t % JOIN_LANES);
		double all[K] = { 0 };
		if (c < l.channels) {
			for (size_t p = (size_t)row; p < l.pieces; p += rows) {
				const double *from = parts + (segment * l.pieces + p) * K * l.channels + c;
				C5_UNROLL
				for (int k = 0; k < K; k++) all[k] += from[(size_t)k * l.channels];
			}
		}
		C5_UNROLL
		for (int k = 0; k < K; k++) sums[k][t] = all[k];
		__syncthreads();
		for (int s = rows / 2; s > 0; s /= 2) {
			if (row < s)
				for (int k = 0; k < K; k++) sums[k][t] += sums[k][t + s * JOIN_LANES];
			__syncthreads();
		}
		if (row == 0 && c < l.channels) {
			C5_UNROLL
			for (int k = 0; k < K; k++) all[k] = sums[k][t];
			done(segment, c, all);
		}
		__syncthreads();
	}
}

template <int W, int K, class F> int sum_rows(c5_stream s, const layout &l, const F &f, double *parts, const char *what)
{
	size_t work = l.segments * l.pieces * l.groups;
	if (!work) return C5_OK;
	C5_START(min_of(work, (size_t)1 << 20), C5_THREADS, s, (sums_kernel<W, K, F>), l, f, parts);
	return started(what);
}

template <int W, class F> int over_rows(c5_stream s, const layout &l, const F &f, const char *what)
{
	size_t work = l.segments * l.pieces * l.groups;
	if (!work || !l.rows) return C5_OK;
	C5_START_EACH(min_of(work, (size_t)1 << 20), C5_THREADS, s, (rows_kernel<W, F>), l, f);
	return started(what);
}

template <int K, class D> int join(c5_stream s, const layout &l, const double *parts, const D &done, const char *what)
{
	size_t work = l.segments * parts_of(l.channels, JOIN_LANES);
	if (!work) return C5_OK;
	C5_START(min_of(work, (size_t)1 << 20), C5_THREADS, s, (join_kernel<K, D>), l, parts, done);
	return started(what);
}

inline size_t parts_bytes(const layout &l, int kinds) { return l.segments * l.pieces * (size_t)kinds * l.channels * sizeof(double); }

}

#endif
