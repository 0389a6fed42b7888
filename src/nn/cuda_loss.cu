/* cuda_loss.cu – losses and their gradients at the logits, a thread a position, in double; the formulas are those of cpu_loss.c. A loss is summed
 * over blocks in a fixed order. Dice needs its sums over an item's positions first. */
#include "nn/cuda_code.cuh"

namespace {

#define BLOCKS_MAX 1024

/* What a kernel gets of c5_loss_args. */
struct loss_set {
	int kind;
	double gamma, smooth, share, scale;
	const float *output, *logits, *target, *weight, *class_weight;
	float *grad;
	size_t channels, positions, step, jump; /* channel c at position p of an item: c * step + p * jump */
	bool add, softmax;
	const double *sums;                     /* dice: (items, channels, 2) */
};

struct spot {
	const loss_set *l;
	size_t at;                              /* of channel 0 */
	double factor;                          /* of the gradient */
};

__device__ inline double class_weight(const loss_set *l, size_t c) { return l->class_weight ? (double)l->class_weight[c] : 1.0; }

__device__ inline void give(const spot &s, size_t c, double g)
{
	float v = (float)(g * s.factor), *to = s.l->grad + s.at + c * s.l->step;
	*to = s.l->add ? *to + v : v;
}

__device__ inline double smoothed(const spot &s, size_t c)
{
	const loss_set *l = s.l;
	return ((double)l->target[s.at + c * l->step] * (1 - l->smooth) + l->smooth / (double)l->channels) * class_weight(l, c);
}

/* The largest logit and the logarithm of the sum of exponentials. */
__device__ inline double log_sum(const spot &s)
{
	const float *z = s.l->logits + s.at;
	double top = -HUGE_VAL, sum = 0;
	for (size_t c = 0; c < s.l->channels; c++) top = (double)z[c * s.l->step] > top ? (double)z[c * s.l->step] : top;
	for (size_t c = 0; c < s.l->channels; c++) sum += exp((double)z[c * s.l->step] - top);
	return top + log(sum);
}

__device__ inline double cross_entropy(const spot &s)
{
	const loss_set *l = s.l;
	double all = 0, loss = 0, base = log_sum(s);
	for (size_t c = 0; c < l->channels; c++) {
		double t = smoothed(s, c);
		all += t;
		if (t != 0) loss += t * (base - (double)l->logits[s.at + c * l->step]);
	}
	for (size_t c = 0; c < l->channels; c++) give(s, c, (double)l->output[s.at + c * l->step] * all - smoothed(s, c));
	return loss / (double)l->positions;
}

__device__ inline double binary(const spot &s)
{
	const loss_set *l = s.l;
	double loss = 0;
	for (size_t c = 0; c < l->channels; c++) {
		size_t k = s.at + c * l->step;
		double z = (double)l->logits[k], t = (double)l->target[k] * (1 - l->smooth) + l->smooth / 2, w = class_weight(l, c);
		loss += w * ((z > 0 ? z : 0) - z * t + log1p(exp(-fabs(z))));
		give(s, c, w * ((double)l->output[k] - t) / (double)l->channels);
	}
	return loss / (double)(l->positions * l->channels);
}

__device__ inline double focal(const spot &s)
{
	const loss_set *l = s.l;
	double dot = 0, loss = 0, base = log_sum(s);
	for (int pass = 0; pass < 2; pass++)
		for (size_t c = 0; c < l->channels; c++) {
			double t = smoothed(s, c), log_q = (double)l->logits[s.at + c * l->step] - base, q = exp(log_q), rest = 1 - q, power = pow(rest, l->gamma);
			double slope = t == 0 ? 0 : t * ((l->gamma > 0 && rest > 0 ? l->gamma * pow(rest, l->gamma - 1) * q * log_q : 0) - power);
			if (pass == 0) {
				dot += slope;
				if (t != 0) loss -= t * power * log_q;
			} else {
				give(s, c, slope - q * dot);
			}
		}
	return loss / (double)l->positions;
}

__device__ inline double squares(const spot &s)
{
	const loss_set *l = s.l;
	double loss = 0;
	for (size_t c = 0; c < l->channels; c++) {
		size_t k = s.at + c * l->step;
		double d = (double)l->output[k] - (double)l->target[k], w = class_weight(l, c);
		loss += w * d * d;
		give(s, c, w * 2 * d / (double)l->channels);
	}
	return loss / (double)(l->positions * l->channels);
}

/* 1 - mean over channels of (2 sum(pt) + 1) / (sum(p) + sum(t) + 1); through the sigmoid, or the softmax at each position. */
__device__ inline double dice_slope(const loss_set *l, size_t item, size_t c, double target)
{
	const double *sum = l->sums + (item * l->channels + c) * 2;
	double w = class_weight(l, c), up = 2 * sum[0] + 1, low = sum[1] + 1, share = (double)l->positions / (double)l->channels;
	return -2 * w * share / low * target + w * share * up / (low * low);
}

__device__ inline double dice(const spot &s, size_t item, size_t position)
{
	const loss_set *l = s.l;
	double dot = 0, loss = 0;
	for (size_t c = 0; c < l->channels && l->softmax; c++) {
		size_t k = s.at + c * l->step;
		dot += (double)l->output[k] * dice_slope(l, item, c, (double)l->target[k]);
	}
	for (size_t c = 0; c < l->channels; c++) {
		size_t k = s.at + c * l->step;
		double y = (double)l->output[k], g = dice_slope(l, item, c, (double)l->target[k]);
		give(s, c, l->softmax ? y * (g - dot) : g * y * (1 - y));
	}
	for (size_t c = 0; c < l->channels && position == 0; c++) { /* an item's loss counts once */
		const double *sum = l->sums + (item * l->channels + c) * 2;
		loss += class_weight(l, c) * (1 - (2 * sum[0] + 1) / (sum[1] + 1));
	}
	return loss / (double)l->channels;
}

__device__ double block_sum(double mine)
{
	__shared__ double sums[C5_THREADS];
	sums[threadIdx.x] = mine;
	__syncthreads();
	for (unsigned s = C5_THREADS / 2; s > 0; s /= 2) {
		if (threadIdx.x < s) sums[threadIdx.x] += sums[threadIdx.x + s];
		__syncthreads();
	}
	double all = sums[0];
	__syncthreads();
	return all;
}

__global__ void loss_kernel(loss_set l, size_t n, double *parts)
{
	double mine = 0;
	for (size_t i = (size_t)blockIdx.x * C5_THREADS + threadIdx.x; i < n; i += (size_t)gridDim.x * C5_THREADS) {
		size_t item = i / l.positions, position = i % l.positions;
		double w = l.share * (l.weight ? (double)l.weight[item] : 1.0), loss;
		spot s = { &l, item * l.channels * l.positions + position * l.jump, w * l.scale / (double)l.positions };
		switch (l.kind) {
		case C5_LOSS_CROSS_ENTROPY: loss = cross_entropy(s); break;
		case C5_LOSS_BINARY: loss = binary(s); break;
		case C5_LOSS_FOCAL: loss = focal(s); break;
		case C5_LOSS_MSE: loss = squares(s); break;
		default: loss = dice(s, item, position); break;
		}
		mine += w * loss;
	}
	double all = block_sum(mine);
	if (threadIdx.x == 0) parts[blockIdx.x] = all;
}

__global__ void total_kernel(size_t n, const double *parts, double scale, double *value)
{
	double mine = 0;
	for (size_t i = threadIdx.x; i < n; i += C5_THREADS) mine += parts[i];
	double all = block_sum(mine);
	if (threadIdx.x == 0) *value = all * scale;
}

/* Dice: sums of p t and of p + t of each (item, channel), a block each. */
__global__ void dice_kernel(loss_set l, size_t n, double *sums)
{
	for (size_t b = blockIdx.x; b < n; b += gridDim.x) {
		size_t at = b / l.channels * l.channels * l.positions + b % l.channels * l.step;
		double both = 0, sum = 0;
		for (size_t p = threadIdx.x; p < l.positions; p += C5_THREADS) {
			double y = (double)l.output[at + p * l.jump], t = (double)l.target[at + p * l.jump];
			both += y * t;
			sum += y + t;
		}
		both = block_sum(both);
		sum = block_sum(sum);
		if (threadIdx.x == 0) {
			sums[2 * b] = both;
			sums[2 * b + 1] = sum;
		}
	}
}

void shape_of(const c5_desc *d, size_t *channels, size_t *positions)
{
	size_t n = 1;
	for (int i = 1; i < d->rank; i++) n *= (size_t)d->dims[i];
	*channels = d->rank == 1 ? 1 : (size_t)d->dims[d->rank == 3 ? 2 : 1];
	*positions = n / *channels;
}

}

size_t c5_k_loss_scratch(const c5_desc *output)
{
	size_t channels, positions;
	shape_of(output, &channels, &positions);
	return (BLOCKS_MAX + 2 * (size_t)output->dims[0] * channels) * sizeof(double);
}

int c5_k_loss(c5_stream s, const c5_loss_args *a, double *value)
{
	bool rows = a->desc.rank == 3; /* (N, T, C) */
	loss_set l;
	shape_of(&a->desc, &l.channels, &l.positions);
	l.kind = a->loss->kind;
	l.gamma = (double)a->loss->gamma;
	l.smooth = (double)a->loss->smoothing;
	l.share = (double)a->loss->share;
	l.scale = a->scale;
	l.output = a->output;
	l.logits = a->logits;
	l.target = a->target;
	l.weight = a->weight;
	l.class_weight = a->class_weight;
	l.grad = a->grad;
	l.step = rows ? 1 : l.positions;
	l.jump = rows ? l.channels : 1;
	l.add = a->add;
	l.softmax = a->softmax;
	double *parts = (double *)a->scratch, *sums = parts + BLOCKS_MAX;
	l.sums = sums;
	size_t items = (size_t)a->items, n = items * l.positions, each_item = l.channels * l.positions, rest = ((size_t)a->desc.dims[0] - items) * each_item;
	size_t blocks = min_of(parts_of(n, C5_THREADS), BLOCKS_MAX);
	if (l.kind == C5_LOSS_DICE && n) C5_START(min_of(items * l.channels, (size_t)1 << 16), C5_THREADS, s, dice_kernel, l, items * l.channels, sums);
	if (blocks) C5_START(blocks, C5_THREADS, s, loss_kernel, l, n, parts);
	C5_START(1, C5_THREADS, s, total_kernel, blocks, parts, a->scale, value);
	if (!a->add && rest && cudaMemsetAsync(a->grad + items * each_item, 0, rest * sizeof(float), s) != cudaSuccess) return started("a loss");
	return started("a loss");
}
