/* cpu_loss.c – losses and their gradients at the logits. Items in parallel, each item's loss in double, summed in item order.
 *
 * Cross-entropy through softmax: gradient p * sum(t) - t. Focal (Lin et al. 2017): weights (1 - p)^gamma. Dice (Milletari et al. 2016), an item and a
 * channel at a time, 1 added above and below. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "nn/cpu.h"
#include "nn/cpu_vec.h"

/* One item: its arrays (channels, positions), and what to multiply its gradient by. */
typedef struct item {
	const c5_loss *loss;
	const float *output, *logits, *target, *class_weight;
	float *grad;
	size_t channels, positions, step; /* channel c at position p: c * step + p * jump */
	size_t jump;
	double factor;
	bool add, softmax;
} item;

C5_INLINE size_t at(const item *i, size_t c, size_t p) { return c * i->step + p * i->jump; }
C5_INLINE double class_weight(const item *i, size_t c) { return i->class_weight ? i->class_weight[c] : 1.0; }

static void give(const item *i, size_t k, double g)
{
	float v = (float)(g * i->factor);
	i->grad[k] = i->add ? i->grad[k] + v : v;
}

static double cross_entropy(const item *i)
{
	double smooth = i->loss->smoothing, loss = 0;
	for (size_t p = 0; p < i->positions; p++) {
		double top = -INFINITY, sum = 0, all = 0;
		for (size_t c = 0; c < i->channels; c++) top = i->logits[at(i, c, p)] > top ? i->logits[at(i, c, p)] : top;
		for (size_t c = 0; c < i->channels; c++) sum += exp(i->logits[at(i, c, p)] - top);
		double log_sum = top + log(sum);
		for (size_t c = 0; c < i->channels; c++) {
			double t = (i->target[at(i, c, p)] * (1 - smooth) + smooth / (double)i->channels) * class_weight(i, c);
			all += t;
			if (t != 0) loss += t * (log_sum - i->logits[at(i, c, p)]);
		}
		for (size_t c = 0; c < i->channels; c++) {
			double t = (i->target[at(i, c, p)] * (1 - smooth) + smooth / (double)i->channels) * class_weight(i, c);
			give(i, at(i, c, p), i->output[at(i, c, p)] * all - t);
		}
	}
	return loss / (double)i->positions;
}

static double binary(const item *i)
{
	double smooth = i->loss->smoothing, loss = 0;
	for (size_t c = 0; c < i->channels; c++)
		for (size_t p = 0; p < i->positions; p++) {
			size_t k = at(i, c, p);
			double z = i->logits[k], t = i->target[k] * (1 - smooth) + smooth / 2, w = class_weight(i, c);
			loss += w * ((z > 0 ? z : 0) - z * t + log1p(exp(-fabs(z))));
			give(i, k, w * (i->output[k] - t) / (double)i->channels);
		}
	return loss / (double)(i->positions * i->channels);
}

static double focal(const item *i)
{
	double gamma = i->loss->gamma, smooth = i->loss->smoothing, loss = 0;
	for (size_t p = 0; p < i->positions; p++) {
		double top = -INFINITY, sum = 0, dot = 0;
		for (size_t c = 0; c < i->channels; c++) top = i->logits[at(i, c, p)] > top ? i->logits[at(i, c, p)] : top;
		for (size_t c = 0; c < i->channels; c++) sum += exp(i->logits[at(i, c, p)] - top);
		for (int pass = 0; pass < 2; pass++)
			for (size_t c = 0; c < i->channels; c++) {
				double t = (i->target[at(i, c, p)] * (1 - smooth) + smooth / (double)i->channels) * class_weight(i, c);
				double log_q = i->logits[at(i, c, p)] - top - log(sum), q = exp(log_q), rest = 1 - q, power = pow(rest, gamma);
				double slope = t == 0 ? 0 : t * ((gamma > 0 && rest > 0 ? gamma * pow(rest, gamma - 1) * q * log_q : 0) - power);
				if (pass == 0) {
					dot += slope;
					if (t != 0) loss -= t * power * log_q;
				} else {
					give(i, at(i, c, p), slope - q * dot);
				}
			}
	}
	return loss / (double)i->positions;
}

static double squares(const item *i)
{
	double loss = 0, n = (double)(i->positions * i->channels);
	for (size_t c = 0; c < i->channels; c++)
		for (size_t p = 0; p < i->positions; p++) {
			size_t k = at(i, c, p);
			double d = (double)i->output[k] - i->target[k], w = class_weight(i, c);
			loss += w * d * d;
			give(i, k, w * 2 * d / (double)i->channels);
		}
	return loss / n;
}

/* 1 - mean over channels of (2 sum(pt) + 1) / (sum(p) + sum(t) + 1); through the sigmoid, or through the softmax at each position. */
static double dice(const item *i)
{
	double loss = 0, slope[2][C5_LANES];
	size_t many = i->channels < C5_LANES ? i->channels : C5_LANES;
	double share = (double)i->positions / (double)i->channels; /* give() divides by the positions, this loss does not */
	for (size_t c = 0; c < many; c++) {
		double both = 0, sum = 0, w = class_weight(i, c);
		for (size_t p = 0; p < i->positions; p++) {
			both += (double)i->output[at(i, c, p)] * i->target[at(i, c, p)];
			sum += (double)i->output[at(i, c, p)] + i->target[at(i, c, p)];
		}
		double up = 2 * both + 1, low = sum + 1;
		loss += w * (1 - up / low);
		slope[0][c] = -2 * w * share / low;      /* times the target */
		slope[1][c] = w * share * up / (low * low);
	}
	for (size_t p = 0; p < i->positions; p++) {
		double dot = 0;
		for (size_t c = 0; c < many && i->softmax; c++)
			dot += i->output[at(i, c, p)] * (slope[0][c] * i->target[at(i, c, p)] + slope[1][c]);
		for (size_t c = 0; c < many; c++) {
			double y = i->output[at(i, c, p)], g = slope[0][c] * i->target[at(i, c, p)] + slope[1][c];
			give(i, at(i, c, p), i->softmax ? y * (g - dot) : g * y * (1 - y));
		}
	}
	return loss / (double)i->channels;
}

size_t c5_cpu_loss_scratch(void *dev, const c5_desc *output)
{
	(void)dev;
	return (size_t)output->dims[0] * sizeof(double);
}

int c5_cpu_loss(void *dev, const c5_loss_args *a, double *value)
{
	(void)dev;
	static double (*const losses[])(const item *) = {
		[C5_LOSS_CROSS_ENTROPY] = cross_entropy, [C5_LOSS_BINARY] = binary, [C5_LOSS_FOCAL] = focal, [C5_LOSS_MSE] = squares, [C5_LOSS_DICE] = dice,
	};
	const c5_desc *d = &a->desc;
	bool rows = d->rank == 3; /* (N, T, C) */
	size_t each = c5_desc_count(d) / (size_t)d->dims[0], channels = d->rank == 1 ? 1 : (size_t)d->dims[rows ? 2 : 1], positions = each / channels;
	double *parts = a->scratch, share = a->loss->share;
	if (a->loss->kind == C5_LOSS_DICE && channels > C5_LANES)
		return c5_fail(C5_EUSAGE, "dice loss of %zu channels: at most %d", channels, C5_LANES);
#pragma omp parallel for schedule(static)
	for (int n = 0; n < a->items; n++) {
		size_t k = (size_t)n * each;
		double w = share * (a->weight ? a->weight[n] : 1.0);
		item i = { .loss = a->loss, .output = a->output + k, .logits = a->logits ? a->logits + k : NULL, .target = a->target + k,
			.class_weight = a->class_weight, .grad = a->grad + k, .channels = channels, .positions = positions, .step = rows ? 1 : positions,
			.jump = rows ? channels : 1, .factor = w * a->scale / (double)positions, .add = a->add, .softmax = a->softmax };
		parts[n] = w * losses[a->loss->kind](&i);
	}
	if (!a->add) memset(a->grad + (size_t)a->items * each, 0, ((size_t)d->dims[0] - (size_t)a->items) * each * sizeof *a->grad);
	*value = 0;
	for (int n = 0; n < a->items; n++) *value += parts[n];
	*value *= a->scale;
	return C5_OK;
}
