/* support_nn.h – networks computed the slow way, in double precision, layer by layer as model.h describes them: what the engine is checked against.
 * Gradients come from central differences of its loss, so no formula is shared with the engine. */
#ifndef C5_TESTS_SUPPORT_NN_H
#define C5_TESTS_SUPPORT_NN_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "nn/backend.h"

typedef struct plain_net {
	const c5_model *m;
	const c5_weights *at;   /* where arrays begin */
	double *w;              /* all numbers, in that order */
	double **v;             /* each layer's output (N, ...) */
	int batch;
	bool training;
	int freeze_upto;
	uint64_t seed, item0;
} plain_net;

static size_t layer_count(const c5_layer *a)
{
	size_t n = 1;
	for (int i = 0; i < a->rank; i++) n *= (size_t)a->shape[i];
	return n;
}

static const double *weights_of(const plain_net *p, int l, int k) { return p->w + p->at->at[l][k]; }

static double act_value(int act, double slope, double x)
{
	switch (act) {
	case C5_ACT_RELU: return x > 0 ? x : 0;
	case C5_ACT_RELU6: return x > 0 ? (x < 6 ? x : 6) : 0;
	case C5_ACT_LEAKY_RELU: return x > 0 ? x : (double)(float)slope * x;
	case C5_ACT_ELU: return x > 0 ? x : (double)(float)slope * (exp(x) - 1);
	case C5_ACT_SIGMOID: return 1 / (1 + exp(-x));
	case C5_ACT_TANH: return tanh(x);
	default: return x;
	}
}

static void plain_conv(const plain_net *p, int l, const c5_layer *a, const c5_layer *in, const double *x, double *y)
{
	int C = in->shape[0], H = in->shape[1], W = in->shape[2], O = a->shape[0], OH = a->shape[1], OW = a->shape[2];
	int groups = a->groups > 1 ? a->groups : 1, each = C / groups;
	const double *w = weights_of(p, l, 0);
	for (int n = 0; n < p->batch; n++)
		for (int o = 0; o < O; o++)
			for (int i = 0; i < OH; i++)
				for (int j = 0; j < OW; j++) {
					double s = a->bias ? weights_of(p, l, 1)[o] : 0;
					for (int c = 0; c < each; c++)
						for (int u = 0; u < a->kernel[0]; u++)
							for (int v = 0; v < a->kernel[1]; v++) {
								int yy = i * a->stride[0] + u * a->dilation[0] - a->pad[0], xx = j * a->stride[1] + v * a->dilation[1] - a->pad[2];
								if (yy < 0 || yy >= H || xx < 0 || xx >= W) continue;
								int from = o / (O / groups) * each + c;
								s += w[((o * each + c) * a->kernel[0] + u) * a->kernel[1] + v] * x[((n * C + from) * H + yy) * W + xx];
							}
					y[((n * O + o) * OH + i) * OW + j] = s;
				}
}

static void plain_transpose(const plain_net *p, int l, const c5_layer *a, const c5_layer *in, const double *x, double *y)
{
	int C = in->shape[0], H = in->shape[1], W = in->shape[2], O = a->shape[0], OH = a->shape[1], OW = a->shape[2];
	const double *w = weights_of(p, l, 0);
	for (int n = 0; n < p->batch; n++)
		for (int o = 0; o < O; o++) {
			double *to = y + (n * O + o) * OH * OW;
			for (int i = 0; i < OH * OW; i++) to[i] = a->bias ? weights_of(p, l, 1)[o] : 0;
			for (int c = 0; c < C; c++)
				for (int i = 0; i < H; i++)
					for (int j = 0; j < W; j++)
						for (int u = 0; u < a->kernel[0]; u++)
							for (int v = 0; v < a->kernel[1]; v++) {
								int yy = i * a->stride[0] + u * a->dilation[0] - a->pad[0], xx = j * a->stride[1] + v * a->dilation[1] - a->pad[2];
								if (yy < 0 || yy >= OH || xx < 0 || xx >= OW) continue;
								to[yy * OW + xx] += w[((o * C + c) * a->kernel[0] + u) * a->kernel[1] + v] * x[((n * C + c) * H + i) * W + j];
							}
		}
}

static void plain_pool(const plain_net *p, const c5_layer *a, const c5_layer *in, const double *x, double *y)
{
	int C = in->shape[0], H = in->shape[1], W = in->shape[2], OH = a->shape[1], OW = a->shape[2];
	for (int n = 0; n < p->batch * C; n++)
		for (int i = 0; i < OH; i++)
			for (int j = 0; j < OW; j++) {
				double best = -INFINITY, sum = 0;
				int count = 0;
				for (int u = 0; u < a->kernel[0]; u++)
					for (int v = 0; v < a->kernel[1]; v++) {
						int yy = i * a->stride[0] + u - a->pad[0], xx = j * a->stride[1] + v - a->pad[2];
						if (yy < 0 || yy >= H || xx < 0 || xx >= W) continue;
						double value = x[(n * H + yy) * W + xx];
						best = value > best ? value : best;
						sum += value;
						count++;
					}
				y[(n * OH + i) * OW + j] = a->kind == C5_LAYER_MAX_POOL ? best : sum / count;
			}
}

/* Channel and position of number i of an item. */
static int channel_of(const c5_layer *a, size_t i)
{
	if (a->rank == 3) return (int)(i / (size_t)(a->shape[1] * a->shape[2]));
	return a->rank == 2 ? (int)(i % (size_t)a->shape[1]) : (int)i;
}

static void plain_norm(const plain_net *p, int l, const c5_layer *a, const double *x, double *y)
{
	size_t each = layer_count(a);
	bool batch = a->kind == C5_LAYER_BATCH_NORM, running = batch && (!p->training || l < p->freeze_upto);
	int channels = a->shape[a->rank == 2 ? 1 : 0], groups = batch ? channels : a->norm_groups, per = channels / groups;
	int sets = batch ? 1 : p->batch, span = batch ? p->batch : 1;
	for (int s = 0; s < sets; s++)
		for (int g = 0; g < groups; g++) {
			double mean = 0, var = 0, count = 0;
			for (int pass = 0; pass < 2; pass++) {
				for (int n = s * span; n < (s + 1) * span; n++)
					for (size_t i = 0; i < each; i++) {
						if (channel_of(a, i) / per != g) continue;
						double v = x[(size_t)n * each + i];
						if (pass == 0) mean += v;
						else var += (v - mean) * (v - mean);
						count += pass == 0;
					}
				if (pass == 0) mean /= count;
				else var /= count;
			}
			for (int n = s * span; n < (s + 1) * span; n++)
				for (size_t i = 0; i < each; i++) {
					int c = channel_of(a, i);
					if (c / per != g) continue;
					double m = running ? weights_of(p, l, 2)[c] : mean, v = running ? weights_of(p, l, 3)[c] : var;
					y[(size_t)n * each + i] = (x[(size_t)n * each + i] - m) / sqrt(v + (double)a->epsilon) * weights_of(p, l, 0)[c] + weights_of(p, l, 1)[c];
				}
		}
}

static void plain_dropout(const plain_net *p, int l, const c5_layer *a, const double *x, double *y)
{
	size_t each = layer_count(a);
	uint32_t threshold = c5_dropout_threshold(a->rate), key[2] = { (uint32_t)p->seed, (uint32_t)(p->seed >> 32) };
	for (int n = 0; n < p->batch; n++)
		for (size_t i = 0; i < each; i++) {
			size_t at = i;
			if (a->rank == 3) {
				size_t hw = (size_t)(a->shape[1] * a->shape[2]);
				at = i % hw * (size_t)a->shape[0] + i / hw;
			}
			uint64_t item = p->item0 + (uint64_t)n;
			uint32_t out[4], counter[4] = { (uint32_t)(at / 8), (uint32_t)l, (uint32_t)item, (uint32_t)(item >> 32) };
			c5_philox(out, counter, key);
			uint32_t r = out[at % 8 / 2] >> 16 * (at % 2) & 0xffff;
			bool keep = !p->training || r >= threshold;
			y[(size_t)n * each + i] = keep ? x[(size_t)n * each + i] * (p->training ? 65536.0 / (65536.0 - threshold) : 1) : 0;
		}
}

static double sample(const double *x, int h, int w, double fy, double fx)
{
	fy = fy < 0 ? 0 : fy;
	fx = fx < 0 ? 0 : fx;
	int y0 = (int)fy, x0 = (int)fx, y1 = y0 + 1 < h ? y0 + 1 : y0, x1 = x0 + 1 < w ? x0 + 1 : x0;
	double b = fy - y0, a = fx - x0;
	return (x[y0 * w + x0] * (1 - a) + x[y0 * w + x1] * a) * (1 - b) + (x[y1 * w + x0] * (1 - a) + x[y1 * w + x1] * a) * b;
}

static void plain_upsample(const plain_net *p, const c5_layer *a, const c5_layer *in, const double *x, double *y)
{
	int h = in->shape[1], w = in->shape[2], H = a->shape[1], W = a->shape[2], f = a->factor;
	for (int n = 0; n < p->batch * in->shape[0]; n++)
		for (int i = 0; i < H; i++)
			for (int j = 0; j < W; j++)
				y[(n * H + i) * W + j] = a->bilinear ? sample(x + n * h * w, h, w, (i + 0.5) / f - 0.5, (j + 0.5) / f - 0.5)
					: x[(n * h + i / f) * w + j / f];
}

static void plain_lstm(const plain_net *p, int l, const c5_layer *a, const c5_layer *in, const double *x, double *y)
{
	int T = in->shape[0], C = in->shape[1], U = a->filters;
	const double *wx = weights_of(p, l, 0), *wh = weights_of(p, l, 1), *b = weights_of(p, l, 2);
	double *h = calloc((size_t)U * 6, sizeof *h), *c = h + U, *g = c + U;
	for (int n = 0; n < p->batch; n++) {
		memset(h, 0, (size_t)U * 2 * sizeof *h);
		for (int t = 0; t < T; t++) {
			for (int k = 0; k < 4 * U; k++) {
				g[k] = b[k];
				for (int i = 0; i < C; i++) g[k] += wx[k * C + i] * x[(n * T + t) * C + i];
				for (int i = 0; i < U; i++) g[k] += wh[k * U + i] * h[i];
			}
			for (int u = 0; u < U; u++) {
				c[u] = c[u] / (1 + exp(-g[U + u])) + tanh(g[2 * U + u]) / (1 + exp(-g[u]));
				h[u] = tanh(c[u]) / (1 + exp(-g[3 * U + u]));
				if (a->sequences) y[(n * T + t) * U + u] = h[u];
				else if (t == T - 1) y[n * U + u] = h[u];
			}
		}
	}
	free(h);
}

static void plain_softmax(const plain_net *p, const c5_layer *a, const double *x, double *y)
{
	size_t each = layer_count(a), C = (size_t)a->shape[a->rank == 2 ? 1 : 0], positions = each / C;
	size_t step = a->rank == 2 ? 1 : positions, jump = a->rank == 2 ? C : 1;
	for (size_t n = 0; n < (size_t)p->batch; n++)
		for (size_t i = 0; i < positions; i++) {
			double sum = 0;
			for (size_t c = 0; c < C; c++) sum += exp(x[n * each + c * step + i * jump]);
			for (size_t c = 0; c < C; c++) y[n * each + c * step + i * jump] = exp(x[n * each + c * step + i * jump]) / sum;
		}
}

static void plain_layer(plain_net *p, int l)
{
	const c5_layer *a = &p->m->layers[l], *in = a->n_inputs ? &p->m->layers[a->inputs[0]] : NULL;
	const double *x = in ? p->v[a->inputs[0]] : NULL;
	double *y = p->v[l];
	size_t each = layer_count(a), n = each * (size_t)p->batch;
	switch (a->kind) {
	case C5_LAYER_CONV: plain_conv(p, l, a, in, x, y); break;
	case C5_LAYER_CONV_TRANSPOSE: plain_transpose(p, l, a, in, x, y); break;
	case C5_LAYER_DENSE: {
		size_t many = layer_count(in);
		for (size_t k = 0; k < n; k++) {
			size_t o = k % each;
			y[k] = a->bias ? weights_of(p, l, 1)[o] : 0;
			for (size_t i = 0; i < many; i++) y[k] += weights_of(p, l, 0)[o * many + i] * x[k / each * many + i];
		}
		break;
	}
	case C5_LAYER_MAX_POOL: case C5_LAYER_AVERAGE_POOL: plain_pool(p, a, in, x, y); break;
	case C5_LAYER_GLOBAL_POOL: {
		size_t many = layer_count(in) / each;
		for (size_t k = 0; k < n; k++) {
			y[k] = 0;
			for (size_t i = 0; i < many; i++) y[k] += x[k * many + i] / (double)many;
		}
		break;
	}
	case C5_LAYER_BATCH_NORM: case C5_LAYER_GROUP_NORM: plain_norm(p, l, a, x, y); break;
	case C5_LAYER_SOFTMAX: plain_softmax(p, a, x, y); break;
	case C5_LAYER_DROPOUT: plain_dropout(p, l, a, x, y); break;
	case C5_LAYER_ADD:
		for (size_t k = 0; k < n; k++) {
			y[k] = 0;
			for (int i = 0; i < a->n_inputs; i++) y[k] += p->v[a->inputs[i]][k];
		}
		break;
	case C5_LAYER_CONCAT: {
		size_t rows = (size_t)p->batch * (a->rank == 2 ? (size_t)a->shape[0] : 1), row = n / rows, at = 0;
		for (int i = 0; i < a->n_inputs; i++) {
			size_t part = layer_count(&p->m->layers[a->inputs[i]]) * (size_t)p->batch / rows;
			for (size_t r = 0; r < rows; r++) memcpy(y + r * row + at, p->v[a->inputs[i]] + r * part, part * sizeof *y);
			at += part;
		}
		break;
	}
	case C5_LAYER_ACTIVATION: case C5_LAYER_FLATTEN: memcpy(y, x, n * sizeof *y); break;
	case C5_LAYER_UPSAMPLE: plain_upsample(p, a, in, x, y); break;
	case C5_LAYER_LSTM: plain_lstm(p, l, a, in, x, y); break;
	default: break;
	}
	if (a->kind != C5_LAYER_INPUT)
		for (size_t k = 0; k < n; k++) y[k] = act_value(a->activation, a->slope, y[k]);
}

static plain_net *plain_new(const c5_model *m, const c5_weights *w, int batch, bool training)
{
	plain_net *p = calloc(1, sizeof *p);
	*p = (plain_net){ .m = m, .at = w, .batch = batch, .training = training };
	p->w = calloc(w->count, sizeof *p->w);
	for (size_t i = 0; i < w->count; i++) p->w[i] = w->data[i];
	p->v = calloc((size_t)m->n_layers, sizeof *p->v);
	for (int l = 0; l < m->n_layers; l++) p->v[l] = calloc(layer_count(&m->layers[l]) * (size_t)batch, sizeof **p->v);
	return p;
}

static void plain_free(plain_net *p)
{
	for (int l = 0; l < p->m->n_layers; l++) free(p->v[l]);
	free(p->v);
	free(p->w);
	free(p);
}

static void plain_forward(plain_net *p)
{
	for (int l = 0; l < p->m->n_layers; l++) plain_layer(p, l);
}

/* The loss as net.h has it, from the output alone. */
static double plain_loss(const plain_net *p, const c5_loss *s, const float *target, const float *weight, double scale)
{
	int l = p->m->outputs[s->output];
	const c5_layer *a = &p->m->layers[l];
	size_t each = layer_count(a), C = (size_t)a->shape[a->rank == 2 ? 1 : 0], positions = each / C;
	double all = 0;
	for (size_t n = 0; n < (size_t)p->batch; n++) {
		double item = 0;
		for (size_t c = 0; c < C; c++) {
			double cw = s->class_weight ? (double)s->class_weight[c] : 1, both = 0, sum = 0;
			for (size_t i = 0; i < positions; i++) {
				size_t k = n * each + (a->rank == 2 ? i * C + c : c * positions + i);
				double y = p->v[l][k], t = (double)target[k], f = (double)s->smoothing;
				double soft = t * (1 - f) + f / (s->kind == C5_LOSS_BINARY ? 2 : (double)C);
				switch (s->kind) {
				case C5_LOSS_CROSS_ENTROPY: item -= cw * soft * log(y) / (double)positions; break;
				case C5_LOSS_BINARY: item -= cw * (soft * log(y) + (1 - soft) * log(1 - y)) / (double)each; break;
				case C5_LOSS_FOCAL: item -= cw * soft * pow(1 - y, (double)s->gamma) * log(y) / (double)positions; break;
				case C5_LOSS_MSE: item += cw * (y - t) * (y - t) / (double)each; break;
				default: both += y * t; sum += y + t; break;
				}
			}
			if (s->kind == C5_LOSS_DICE) item += cw * (1 - (2 * both + 1) / (sum + 1)) / (double)C;
		}
		all += item * (double)s->share * (weight ? (double)weight[n] : 1);
	}
	return all * scale;
}

static double nmse(const float *a, const double *b, size_t n)
{
	double d = 0, s = 0;
	for (size_t i = 0; i < n; i++) {
		d += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
		s += b[i] * b[i];
	}
	return s > 0 ? d / s : d;
}

#endif
