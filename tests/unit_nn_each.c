/* unit_nn_each.c – every kind of layer alone, forward and backward, in float32 and bfloat16, against the double-precision reference of support_nn.h
 * and its central differences. All numbers that go in are exact in bfloat16, none is at a kink, so that what is measured is the layer alone:
 * sum((a - b)^2) / sum(b^2) stays below 1e-10 in float32 and below 1e-4 in bfloat16, for the output, the gradient of each input and of each array. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/error.h"
#include "nn/net.h"
#include "support_nn.h"

#define IMAGE(h, w, c) "inputs: { image: [" #c ", " #h ", " #w "] }\nlayers:\n"
#define TWO(h, w, c, d) "inputs: { image: [" #c ", " #h ", " #w "], other: [" #d ", " #h ", " #w "] }\nlayers:\n"
#define VECTOR(c) "inputs: { x: [" #c "] }\nlayers:\n"
#define SEQUENCE(t, c) "inputs: { seq: [" #t ", " #c "] }\nlayers:\n"
#define SAMPLES 10 /* numbers of an array whose gradient is checked */
#define BATCH 3

typedef struct layer_case { const char *name, *text; bool both; } layer_case; /* both: two inputs */

static const layer_case cases[] = {
	{ "conv", IMAGE(7, 6, 3) " - { name: y, conv: { filters: 5, kernel: 3 } }\n", false },
	{ "conv, blocks, same", IMAGE(8, 8, 16) " - { name: y, conv: { filters: 32, kernel: 3, padding: same, activation: relu } }\n", false },
	{ "conv by Winograd", IMAGE(8, 8, 64) " - { name: y, conv: { filters: 64, kernel: 3, padding: same } }\n", false },
	{ "conv by Winograd, inside", IMAGE(8, 8, 32)
	  " - { name: c, conv: { filters: 48, kernel: 3, padding: same } }\n - { name: y, average_pool: { size: 2 } }\n", false },
	{ "conv, stride 2, 7 x 7", IMAGE(15, 15, 1) " - { name: y, conv: { filters: 16, kernel: 7, stride: 2, padding: [3, 3, 3, 3], bias: false } }\n",
		false },
	{ "conv, asymmetric", IMAGE(9, 8, 5) " - { name: y, conv: { filters: 6, kernel: [2, 5], stride: 2, padding: [1, 0, 2, 3], activation: tanh } }\n",
		false },
	{ "conv 1 x 1, stride 2", IMAGE(8, 8, 32) " - { name: y, conv: { filters: 48, kernel: 1, stride: 2 } }\n", false },
	{ "conv, dilated, grouped", IMAGE(9, 9, 4) " - { name: y, conv: { filters: 6, kernel: 3, dilation: 2, groups: 2 } }\n", false },
	{ "conv, depthwise", IMAGE(7, 7, 16) " - { name: y, conv: { filters: 16, kernel: 3, groups: 16, padding: same, activation: relu6 } }\n", false },
	{ "conv_transpose", IMAGE(4, 5, 3) " - { name: y, conv_transpose: { filters: 4, kernel: 3, stride: 2, padding: same } }\n", false },
	{ "conv_transpose, blocks", IMAGE(4, 4, 32) " - { name: y, conv_transpose: { filters: 16, kernel: 2, stride: 2, activation: relu } }\n", false },
	{ "dense", VECTOR(37) " - { name: y, dense: { units: 9, activation: sigmoid } }\n", false },
	{ "dense of an image", IMAGE(4, 5, 16) " - { name: f, flatten: {} }\n - { name: y, dense: { units: 7 } }\n", false },
	{ "dense of a sequence", SEQUENCE(4, 6) " - { name: f, flatten: {} }\n - { name: y, dense: { units: 5, bias: false } }\n", false },
	{ "max_pool", IMAGE(7, 7, 3) " - { name: y, max_pool: { size: 3, stride: 2, padding: same } }\n", false },
	{ "max_pool, blocks", IMAGE(8, 6, 16) " - { name: y, max_pool: { size: 2 } }\n", false },
	{ "average_pool", IMAGE(7, 6, 3) " - { name: y, average_pool: { size: 3, stride: 2, padding: same } }\n", false },
	{ "global_pool", IMAGE(6, 5, 18) " - { name: y, global_pool: {} }\n", false },
	{ "batch_norm", IMAGE(5, 6, 5) " - { name: y, batch_norm: {} }\n", false },
	{ "batch_norm, relu", IMAGE(6, 6, 16) " - { name: y, batch_norm: { activation: relu } }\n", false },
	{ "batch_norm of a vector", VECTOR(7) " - { name: y, batch_norm: {} }\n", false },
	{ "batch_norm, addend",
		TWO(5, 5, 16, 16) " - { name: b, from: image, batch_norm: {} }\n - { name: y, from: [b, other], add: { activation: relu } }\n", true },
	{ "group_norm", IMAGE(5, 4, 6) " - { name: y, group_norm: { groups: 3 } }\n", false },
	{ "group_norm, relu", IMAGE(4, 4, 20) " - { name: y, group_norm: { groups: 4, activation: relu } }\n", false },
	{ "relu", IMAGE(5, 5, 3) " - { name: y, activation: { function: relu } }\n", false },
	{ "relu6", IMAGE(5, 5, 3) " - { name: y, activation: { function: relu6 } }\n", false },
	{ "leaky_relu", IMAGE(5, 5, 3) " - { name: y, activation: { function: leaky_relu, slope: 0.25 } }\n", false },
	{ "elu", IMAGE(5, 5, 3) " - { name: y, activation: { function: elu, slope: 1 } }\n", false },
	{ "sigmoid", IMAGE(5, 5, 3) " - { name: y, activation: { function: sigmoid } }\n", false },
	{ "tanh", IMAGE(5, 5, 3) " - { name: y, activation: { function: tanh } }\n", false },
	{ "softmax", VECTOR(5) " - { name: y, softmax: {} }\n", false },
	{ "softmax at each pixel", IMAGE(4, 3, 4) " - { name: y, softmax: {} }\n", false },
	{ "dropout", IMAGE(6, 6, 5) " - { name: y, dropout: { rate: 0.4 } }\n", false },
	{ "add", TWO(5, 5, 4, 4) " - { name: y, from: [image, other], add: { activation: relu } }\n", true },
	{ "concat", TWO(4, 5, 3, 4) " - { name: y, from: [image, other], concat: {} }\n", true },
	{ "concat, blocks", TWO(4, 4, 16, 32) " - { name: y, from: [image, other], concat: {} }\n", true },
	{ "flatten", IMAGE(4, 5, 6) " - { name: y, flatten: {} }\n", false },
	{ "upsample", IMAGE(4, 5, 3) " - { name: y, upsample: { factor: 2 } }\n", false },
	{ "upsample, bilinear", IMAGE(4, 5, 16) " - { name: y, upsample: { factor: 3, mode: bilinear } }\n", false },
	{ "lstm", SEQUENCE(6, 5) " - { name: y, lstm: { units: 4 } }\n", false },
	{ "lstm, sequences", SEQUENCE(5, 4) " - { name: y, lstm: { units: 3, sequences: true } }\n", false },
};
#define N_CASES (sizeof cases / sizeof *cases)

static c5_device *device;

static int open_device(void **state)
{
	(void)state;
	return c5_device_open(&device, "cpu");
}

static int close_device(void **state)
{
	(void)state;
	c5_device_close(device);
	return 0;
}

static void must(int err)
{
	if (err) fail_msg("%s", c5_error_last());
}

/* Odd numbers up to 249 over a power of two: exact in bfloat16, none zero, none twice among 250 neighbours. */
static void fill(c5_random *r, float *to, size_t n, float unit)
{
	int deck[250];
	for (size_t i = 0; i < n; i++) {
		if (i % 250 == 0) {
			for (int k = 0; k < 250; k++) deck[k] = 2 * k - 249;
			for (int k = 249; k > 0; k--) {
				int other = (int)c5_random_below(r, (uint64_t)k + 1), was = deck[k];
				deck[k] = deck[other];
				deck[other] = was;
			}
		}
		to[i] = (float)deck[i % 250] * unit;
	}
}

typedef struct bed {
	const layer_case *c;
	c5_model *m;
	c5_weights *w;
	plain_net *p;
	c5_net *n;
	int inputs, out;
	size_t n_in[2], n_out;
	float *x[2], *seed;
} bed;

static void bed_weights(bed *b, c5_random *r)
{
	for (int l = 0; l < b->m->n_layers; l++)
		for (int k = 0; k < b->m->layers[l].n_params; k++) {
			const c5_layer *a = &b->m->layers[l];
			float *w = c5_weights_of(b->w, l, k);
			bool norm = a->kind == C5_LAYER_BATCH_NORM || a->kind == C5_LAYER_GROUP_NORM;
			fill(r, w, a->params[k].count, 1.0f / 256);
			for (size_t i = 0; i < a->params[k].count && norm && k % 3 == 0; i++) w[i] = fabsf(w[i]) + 0.25f; /* scales and variances */
			for (size_t i = 0; i < a->params[k].count && strcmp(a->params[k].name, "bias") == 0; i++) w[i] += 3e-5f; /* float32 always; no sum is zero */
		}
}

static void bed_make(bed *b, const layer_case *c, bool training, int precision)
{
	c5_random r;
	*b = (bed){ .c = c, .inputs = 1 + c->both };
	must(c5_model_parse(&b->m, c->name, c->text, strlen(c->text)));
	must(c5_weights_new(&b->w, b->m));
	c5_random_start(&r, 3, 9);
	bed_weights(b, &r);
	b->out = b->m->outputs[0];
	b->p = plain_new(b->m, b->w, BATCH, training);
	b->p->seed = 77;
	b->p->item0 = 5;
	c5_net_how how = { .batch = BATCH, .training = training, .precision = precision, .input_gradient = true, .tap = (int[]){ 0, 1 },
		.n_tap = training ? b->inputs : 0 };
	must(c5_net_make(&b->n, device, b->m, b->w, &how));
	for (int k = 0; k < b->inputs; k++) {
		b->n_in[k] = layer_count(&b->m->layers[k]) * BATCH;
		b->x[k] = calloc(b->n_in[k], sizeof(float));
		fill(&r, b->x[k], b->n_in[k], k ? 1.0f / 64 : 1.0f / 32);
		for (size_t i = 0; i < b->n_in[k]; i++) b->p->v[k][i] = b->x[k][i];
		must(c5_net_input(b->n, k, b->x[k], BATCH));
	}
	b->n_out = layer_count(&b->m->layers[b->out]) * BATCH;
	b->seed = calloc(b->n_out, sizeof(float));
	fill(&r, b->seed, b->n_out, 1.0f / 128);
	must(c5_net_forward(b->n, b->p->seed, b->p->item0));
}

static void bed_free(bed *b)
{
	plain_free(b->p);
	c5_net_free(b->n);
	c5_weights_free(b->w);
	c5_model_free(b->m);
	for (int k = 0; k < b->inputs; k++) free(b->x[k]);
	free(b->seed);
}

static void judge(const bed *b, const char *what, double error, double limit)
{
	if (getenv("C5_PRINT_ERRORS")) print_message("%s: %s: %.2g\n", b->c->name, what, error);
	if (!(error <= limit)) fail_msg("%s: %s: error %g, limit %g", b->c->name, what, error, limit);
}

static void forward_agrees(const layer_case *c, bool training, int precision, double limit)
{
	bed b;
	bed_make(&b, c, training, precision);
	float *y = calloc(b.n_out, sizeof *y);
	must(c5_net_output(b.n, 0, y, BATCH));
	plain_forward(b.p);
	judge(&b, training ? "output, training" : "output, inference", nmse(y, b.p->v[b.out], b.n_out), limit);
	free(y);
	bed_free(&b);
}

static double seeded(const bed *b)
{
	double s = 0;
	plain_forward(b->p);
	for (size_t i = 0; i < b->n_out; i++) s += b->p->v[b->out][i] * (double)b->seed[i];
	return s;
}

/* The error of a gradient at up to SAMPLES of the numbers at `at`. */
static double gradient_error(const bed *b, double *at, const float *got, size_t n)
{
	size_t step = n > SAMPLES ? n / SAMPLES : 1;
	double d = 0, s = 0, h = 1e-5;
	for (size_t i = 0; i < n; i += step) {
		double was = at[i], up, down;
		at[i] = was + h;
		up = seeded(b);
		at[i] = was - h;
		down = seeded(b);
		at[i] = was;
		double want = (up - down) / (2 * h);
		d += ((double)got[i] - want) * ((double)got[i] - want);
		s += want * want;
	}
	return s > 0 ? d / s : d;
}

static void backward_agrees(const layer_case *c, int precision, double limit)
{
	bed b;
	bed_make(&b, c, true, precision);
	c5_optimizer o = { .kind = C5_OPT_SGD, .momentum = 0.5f };
	must(c5_net_seed(b.n, 0, b.seed, BATCH, false));
	must(c5_net_backward(b.n, NULL, NULL));
	for (int k = 0; k < b.inputs; k++) {
		float *g = calloc(b.n_in[k], sizeof *g);
		must(c5_net_read(b.n, k, true, g, BATCH));
		judge(&b, k ? "gradient of the second input" : "gradient of the input", gradient_error(&b, b.p->v[k], g, b.n_in[k]), limit);
		free(g);
	}
	must(c5_net_step(b.n, &o, c5_net_gradients(b.n), 0, NULL)); /* from nothing: the momentum is the gradient, in canonical order */
	float *state = calloc(c5_net_state(b.n, &o) + 1, sizeof *state), *at = state + 2;
	must(c5_net_state_get(b.n, &o, state));
	for (int l = 0; l < b.m->n_layers; l++)
		for (int k = 0; k < b.m->layers[l].n_params; k++) {
			const c5_layer *a = &b.m->layers[l];
			if (!a->params[k].trained) continue;
			judge(&b, a->params[k].name, gradient_error(&b, b.p->w + b.w->at[l][k], at, a->params[k].count), limit);
			at += a->params[k].count;
		}
	free(state);
	bed_free(&b);
}

static void all(int precision, double limit)
{
	for (size_t i = 0; i < N_CASES; i++) {
		forward_agrees(&cases[i], false, precision, limit);
		forward_agrees(&cases[i], true, precision, limit);
		backward_agrees(&cases[i], precision, limit);
	}
}

static void each_layer_in_float32(void **state)
{
	(void)state;
	all(C5_FP32, 1e-10);
}

static void each_layer_in_bfloat16(void **state)
{
	(void)state;
	all(C5_BF16, 1e-4);
}

int main(void)
{
	(void)plain_loss; /* not wanted here */
	const struct CMUnitTest tests[] = { cmocka_unit_test(each_layer_in_float32), cmocka_unit_test(each_layer_in_bfloat16) };
	return cmocka_run_group_tests(tests, open_device, close_device);
}
