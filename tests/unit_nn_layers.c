/* unit_nn_layers.c – on every device there is: every layer, forward and backward, in training and inference, float32 and bfloat16, against the slow
 * double-precision reference of support_nn.h; gradients against its central differences. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/error.h"
#include "nn/net.h"
#include "support_nn.h"

#ifndef C5_TEST_DEVICES
#define C5_TEST_DEVICES "cpu", "cuda"
#endif
static const char *const devices[] = { C5_TEST_DEVICES };
#define C5_UNUSED __attribute__((unused))

#define SIZE(h, w, c) "inputs: { image: [" #c ", " #h ", " #w "] }\nlayers:\n"

typedef struct sample_net {
	const char *name, *text;
	int loss;                 /* enum c5_loss_kind */
	double limit;             /* of the normalised error, float32 */
	int batch, freeze;
} sample_net;

/* Small enough for differences by every number, wide enough for blocked layouts (more than 16 channels) where those differ. */
static const sample_net nets[] = {
	{ "conv_dense", SIZE(7, 6, 1)
	  " - { name: a, conv: { filters: 3, kernel: 3, activation: relu } }\n - { name: p, max_pool: { size: 2, stride: 2 } }\n"
	  " - { name: f, flatten: {} }\n - { name: d, dense: { units: 3 } }\n - { name: s, softmax: {} }\noutputs: [s]\n", C5_LOSS_CROSS_ENTROPY, 1e-10, 3,
	  0 },
	{ "conv_wide", SIZE(5, 5, 2)
	  " - { name: a, conv: { filters: 17, kernel: 3, padding: same, activation: relu } }\n"
	  " - { name: b, conv: { filters: 3, kernel: [3, 2], stride: 2, padding: same, activation: tanh } }\n"
	  " - { name: g, global_pool: {} }\n - { name: d, dense: { units: 2 } }\n - { name: s, softmax: {} }\noutputs: [s]\n", C5_LOSS_FOCAL, 1e-10, 2, 0 },
	{ "asymmetric", SIZE(8, 6, 3)
	  " - { name: a, conv: { filters: 4, kernel: [3, 5], stride: 2, padding: same, activation: leaky_relu, slope: 0.1 } }\n"
	  " - { name: b, conv: { filters: 2, kernel: 2, padding: [1, 0, 0, 1], activation: elu, slope: 1 } }\noutputs: [b]\n", C5_LOSS_MSE, 1e-10, 2, 0 },
	{ "dilated_grouped", SIZE(9, 9, 4)
	  " - { name: a, conv: { filters: 6, kernel: 3, dilation: 2, groups: 2, bias: false } }\n"
	  " - { name: b, conv: { filters: 6, kernel: 3, groups: 6, padding: same, activation: relu6 } }\n - { name: c, conv: { filters: 2, kernel: 1 } }\n"
	  " - { name: s, softmax: {} }\noutputs: [s]\n", C5_LOSS_CROSS_ENTROPY, 1e-10, 2, 0 },
	{ "depthwise_wide", SIZE(4, 4, 1)
	  " - { name: a, conv: { filters: 16, kernel: 3, padding: same } }\n - { name: b, conv: { filters: 16, kernel: 3, groups: 16, padding: same, bias: "
	  	"false } }\n"
	  " - { name: n, batch_norm: { activation: relu6 } }\n - { name: c, conv: { filters: 2, kernel: 1 } }\noutputs: [c]\n", C5_LOSS_MSE, 1e-10, 2, 0 },
	{ "transpose", SIZE(3, 4, 2)
	  " - { name: a, conv_transpose: { filters: 3, kernel: 2, stride: 2 } }\n"
	  " - { name: b, conv_transpose: { filters: 2, kernel: 3, stride: 2, padding: same, activation: relu } }\n - { name: c, conv: { filters: 1, kernel: "
	  "1 } }\n"
	  " - { name: s, activation: { function: sigmoid } }\noutputs: [s]\n", C5_LOSS_DICE, 1e-10, 2, 0 },
	{ "pools", SIZE(7, 7, 2)
	  " - { name: a, max_pool: { size: 3, stride: 2, padding: same } }\n - { name: b, average_pool: { size: 2, stride: 1, padding: same } }\n"
	  " - { name: c, conv: { filters: 2, kernel: 3 } }\n - { name: f, flatten: {} }\n - { name: d, dense: { units: 3, activation: sigmoid } }\noutputs: "
	  "[d]\n", C5_LOSS_BINARY, 1e-10, 3, 0 },
	{ "batch_norms", SIZE(5, 5, 2)
	  " - { name: a, conv: { filters: 5, kernel: 3, bias: false } }\n - { name: n, batch_norm: { activation: relu } }\n"
	  " - { name: b, conv: { filters: 18, kernel: 1 } }\n - { name: m, batch_norm: {} }\n - { name: g, global_pool: {} }\n"
	  " - { name: d, dense: { units: 4 } }\n - { name: o, batch_norm: {} }\n - { name: s, softmax: {} }\noutputs: [s]\n", C5_LOSS_CROSS_ENTROPY, 1e-10,
	  4, 0 },
	{ "group_norms", SIZE(5, 4, 2)
	  " - { name: a, conv: { filters: 6, kernel: 3, padding: same } }\n - { name: n, group_norm: { groups: 3, activation: relu } }\n"
	  " - { name: b, conv: { filters: 20, kernel: 1 } }\n - { name: m, group_norm: { groups: 4 } }\n - { name: c, conv: { filters: 2, kernel: 3 } }"
	  "\noutputs: [c]\n", C5_LOSS_MSE, 1e-10, 3, 0 },
	{ "residual", SIZE(5, 5, 3)
	  " - { name: a, conv: { filters: 16, kernel: 3, padding: same, bias: false } }\n - { name: an, batch_norm: { activation: relu } }\n"
	  " - { name: b, conv: { filters: 16, kernel: 3, padding: same, bias: false } }\n - { name: bn, batch_norm: {} }\n"
	  " - { name: plus, from: [bn, an], add: { activation: relu } }\n"
	  " - { name: c, conv: { filters: 8, kernel: 1, bias: false } }\n - { name: cn, batch_norm: {} }\n"
	  " - { name: e, from: plus, conv: { filters: 8, kernel: 1, bias: false } }\n - { name: en, batch_norm: {} }\n"
	  " - { name: plus2, from: [cn, en], add: {} }\n - { name: r, activation: { function: relu } }\n"
	  " - { name: g, global_pool: {} }\n - { name: d, dense: { units: 2 } }\n - { name: s, softmax: {} }\noutputs: [s]\n", C5_LOSS_CROSS_ENTROPY, 1e-10,
	  3, 0 },
	{ "sums", SIZE(4, 4, 2)
	  " - { name: a, conv: { filters: 3, kernel: 1 } }\n - { name: b, conv: { filters: 3, kernel: 3, padding: same } }\n - { name: c, from: a, conv: { "
	  	"filters: 3, kernel: 1 } }\n"
	  " - { name: p, from: [a, b, c], add: { activation: relu } }\n - { name: q, from: [p, p], add: {} }\n - { name: t, from: [q, a], add: { "
	  "activation: sigmoid } }\n"
	  "outputs: [t]\n", C5_LOSS_MSE, 1e-10, 2, 0 },
	{ "concat_up", SIZE(4, 4, 2)
	  " - { name: a, conv: { filters: 16, kernel: 3, padding: same, activation: relu } }\n - { name: p, max_pool: { size: 2 } }\n"
	  " - { name: b, conv: { filters: 5, kernel: 3, padding: same, activation: relu } }\n - { name: u, upsample: { factor: 2, mode: bilinear } }\n"
	  " - { name: v, from: b, upsample: { factor: 2 } }\n - { name: k, from: [a, u, v], concat: {} }\n - { name: c, conv: { filters: 3, kernel: 1 } }\n"
	  " - { name: s, softmax: {} }\noutputs: [s]\n", C5_LOSS_DICE, 1e-10, 2, 0 },
	{ "concat_blocks", SIZE(4, 4, 1)
	  " - { name: a, conv: { filters: 16, kernel: 3, padding: same } }\n - { name: b, conv: { filters: 16, kernel: 1, activation: relu } }\n"
	  " - { name: k, from: [a, b], concat: {} }\n - { name: u, upsample: { factor: 3, mode: bilinear } }\n - { name: n, group_norm: { groups: 2 } }\n"
	  " - { name: g, global_pool: {} }\n - { name: e, activation: { function: elu, slope: 1 } }\noutputs: [e]\n", C5_LOSS_MSE, 1e-10, 2, 0 },
	{ "dropouts", SIZE(6, 6, 1)
	  " - { name: a, conv: { filters: 16, kernel: 3, activation: relu } }\n - { name: x, dropout: { rate: 0.5 } }\n"
	  " - { name: b, conv: { filters: 5, kernel: 3, activation: relu } }\n - { name: y, dropout: { rate: 0.3 } }\n - { name: f, flatten: {} }\n"
	  " - { name: d, dense: { units: 11, activation: relu } }\n - { name: z, dropout: { rate: 0.25 } }\n - { name: e, dense: { units: 2 } }\n - { name: "
	  "s, softmax: {} }\n"
	  "outputs: [s]\n", C5_LOSS_CROSS_ENTROPY, 1e-10, 3, 0 },
	{ "lstm", "inputs: { seq: [5, 3] }\nlayers:\n"
	  " - { name: a, lstm: { units: 4, sequences: true } }\n - { name: b, lstm: { units: 3 } }\n - { name: d, dense: { units: 2 } }\n - { name: s, "
	  "softmax: {} }\n"
	  "outputs: [s]\n", C5_LOSS_CROSS_ENTROPY, 1e-10, 3, 0 },
	{ "sequences", "inputs: { seq: [4, 3] }\nlayers:\n"
	  " - { name: a, lstm: { units: 4, sequences: true } }\n - { name: x, dropout: { rate: 0.5 } }\n - { name: k, from: [x, seq], concat: {} }\n"
	  " - { name: b, lstm: { units: 3, sequences: true } }\n - { name: s, softmax: {} }\noutputs: [s]\n", C5_LOSS_CROSS_ENTROPY, 1e-10, 2, 0 },
	{ "frozen", SIZE(5, 5, 2)
	  " - { name: a, conv: { filters: 4, kernel: 3 } }\n - { name: n, batch_norm: { activation: relu } }\n - { name: b, conv: { filters: 3, kernel: 1, "
	  	"bias: false } }\n"
	  " - { name: m, batch_norm: {} }\n - { name: g, global_pool: {} }\n - { name: d, dense: { units: 2 } }\n - { name: s, softmax: {} }\noutputs: "
	  "[s]\n", C5_LOSS_CROSS_ENTROPY, 1e-10, 3, 3 },
};
#define N_NETS (sizeof nets / sizeof *nets)

static c5_device *device;

static void must(int err)
{
	if (err) fail_msg("%s", c5_error_last());
}

/* One net with random numbers in everything: weights, running statistics, inputs, targets. */
typedef struct bed {
	c5_model *m;
	c5_weights *w;
	plain_net *p;
	float *x, *target, weight[8], class_weight[64];
	size_t n_in, n_out;
	c5_loss loss;
} bed;

static void bed_make(bed *b, const sample_net *s, bool training)
{
	c5_random r;
	*b = (bed){ 0 };
	must(c5_model_parse(&b->m, s->name, s->text, strlen(s->text)));
	must(c5_weights_new(&b->w, b->m));
	c5_random_start(&r, 7, 1);
	for (int l = 0; l < b->m->n_layers; l++)
		for (int k = 0; k < b->m->layers[l].n_params; k++) {
			const c5_layer *a = &b->m->layers[l];
			float *w = c5_weights_of(b->w, l, k);
			bool norm = a->kind == C5_LAYER_BATCH_NORM || a->kind == C5_LAYER_GROUP_NORM;
			double fan = a->params[k].rank > 1 ? (double)a->params[k].count / a->params[k].shape[0] : 4;
			for (size_t i = 0; i < a->params[k].count; i++) {
				double v = c5_random_normal(&r);
				w[i] = (float)(norm && k % 3 == 0 ? 1 + 0.3 * fabs(v) : v / sqrt(fan));
			}
		}
	const c5_layer *in = &b->m->layers[0], *out = &b->m->layers[b->m->outputs[0]];
	b->n_in = layer_count(in) * (size_t)s->batch;
	b->n_out = layer_count(out) * (size_t)s->batch;
	b->x = calloc(b->n_in, sizeof *b->x);
	b->target = calloc(b->n_out, sizeof *b->target);
	for (size_t i = 0; i < b->n_in; i++) b->x[i] = (float)c5_random_normal(&r);
	for (size_t i = 0; i < b->n_out; i++) b->target[i] = (float)c5_random_uniform(&r);
	for (int i = 0; i < 8; i++) b->weight[i] = (float)(0.5 + c5_random_uniform(&r));
	for (int i = 0; i < 64; i++) b->class_weight[i] = (float)(0.5 + c5_random_uniform(&r));
	b->loss = (c5_loss){ .kind = s->loss, .share = 0.7f, .gamma = 2, .smoothing = 0.1f, .class_weight = b->class_weight };
	b->p = plain_new(b->m, b->w, s->batch, training);
	b->p->freeze_upto = s->freeze;
	b->p->seed = 0x123456789abcull;
	b->p->item0 = 41;
	for (size_t i = 0; i < b->n_in; i++) b->p->v[0][i] = b->x[i];
}

static void bed_free(bed *b)
{
	plain_free(b->p);
	c5_weights_free(b->w);
	c5_model_free(b->m);
	free(b->x);
	free(b->target);
}

static double loss_now(bed *b, double scale)
{
	plain_forward(b->p);
	return plain_loss(b->p, &b->loss, b->target, b->weight, scale);
}

static double difference(bed *b, double *number, double scale)
{
	double was = *number, h = 1e-5, up, down;
	*number = was + h;
	up = loss_now(b, scale);
	*number = was - h;
	down = loss_now(b, scale);
	*number = was;
	return (up - down) / (2 * h);
}

static void forward_agrees(const sample_net *s, bool training, int precision, double limit)
{
	bed b;
	c5_net *n;
	bed_make(&b, s, training);
	c5_net_how how = { .batch = s->batch, .training = training, .precision = precision, .freeze_upto = s->freeze };
	must(c5_net_make(&n, device, b.m, b.w, &how));
	must(c5_net_input(n, 0, b.x, s->batch));
	must(c5_net_forward(n, b.p->seed, b.p->item0));
	float *y = calloc(b.n_out, sizeof *y);
	must(c5_net_output(n, 0, y, s->batch));
	plain_forward(b.p);
	double e = nmse(y, b.p->v[b.m->outputs[0]], b.n_out);
	if (getenv("C5_PRINT_ERRORS")) print_message("%s training %d precision %d: forward %.2g\n", s->name, training, precision, e);
	if (!(e <= limit)) fail_msg("%s, training %d, precision %d: error %g, limit %g", s->name, training, precision, e, limit);
	free(y);
	c5_net_free(n);
	bed_free(&b);
}

static void forward_is_the_reference(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_NETS; i++)
		for (int training = 0; training < 2; training++) forward_agrees(&nets[i], training, C5_FP32, nets[i].limit);
}

/* A norm over the four numbers of a batch makes much of their rounding. */
static double near_limit(const sample_net *s) { return strcmp(s->name, "batch_norms") == 0 ? 2e-4 : 1e-4; }

static void forward_in_bfloat16_is_near(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_NETS; i++)
		for (int training = 0; training < 2; training++) forward_agrees(&nets[i], training, C5_BF16, near_limit(&nets[i]));
}

/* The flat gradient in canonical order: taken as the momentum after one step of SGD from nothing. */
static void canonical_gradient(c5_net *n, const c5_model *m, int freeze, c5_weights *to)
{
	c5_optimizer o = { .kind = C5_OPT_SGD, .momentum = 0.5f };
	must(c5_net_step(n, &o, c5_net_gradients(n), 0, NULL));
	float *state = calloc(c5_net_state(n, &o), sizeof *state), *at = state + 2;
	must(c5_net_state_get(n, &o, state));
	for (int l = 0; l < m->n_layers; l++)
		for (int k = 0; k < m->layers[l].n_params; k++) {
			if (!m->layers[l].params[k].trained || l < freeze) continue;
			memcpy(c5_weights_of(to, l, k), at, m->layers[l].params[k].count * sizeof *at);
			at += m->layers[l].params[k].count;
		}
	assert_int_equal(at - state, c5_net_state(n, &o));
	free(state);
}

static void backward_agrees(const sample_net *s, int precision, double limit)
{
	bed b;
	c5_net *n;
	c5_weights *got;
	double scale = 1.0 / 5, loss;
	const float *targets[1];
	bed_make(&b, s, true);
	targets[0] = b.target;
	c5_net_how how = { .batch = s->batch, .training = true, .precision = precision, .freeze_upto = s->freeze, .input_gradient = true,
		.tap = (int[]){ 0 },
		.n_tap = 1 };
	must(c5_net_make(&n, device, b.m, b.w, &how));
	must(c5_weights_new(&got, b.m));
	must(c5_net_input(n, 0, b.x, s->batch));
	must(c5_net_forward(n, b.p->seed, b.p->item0));
	must(c5_net_loss(n, &b.loss, 1, targets, b.weight, s->batch, scale, &loss));
	must(c5_net_backward(n, NULL, NULL));
	float *gx = calloc(b.n_in, sizeof *gx);
	must(c5_net_read(n, 0, true, gx, s->batch));
	canonical_gradient(n, b.m, s->freeze, got);
	double want = loss_now(&b, scale), *gw = calloc(b.n_in + b.w->count, sizeof *gw);
	if (!(fabs(loss - want) <= fabs(want) * sqrt(limit))) fail_msg("%s: loss %.9g, expected %.9g", s->name, loss, want);
	for (size_t i = 0; i < b.n_in; i++) gw[i] = difference(&b, &b.p->v[0][i], scale);
	double e = nmse(gx, gw, b.n_in);
	if (getenv("C5_PRINT_ERRORS")) print_message("%s precision %d: input gradient %.2g\n", s->name, precision, e);
	if (!(e <= limit)) fail_msg("%s, precision %d: gradient of the input: error %g, limit %g", s->name, precision, e, limit);
	double total = 0;
	for (int l = s->freeze; l < b.m->n_layers; l++)
		for (int k = 0; k < b.m->layers[l].n_params; k++) {
			size_t count = b.m->layers[l].params[k].count, at = b.w->at[l][k];
			if (!b.m->layers[l].params[k].trained) continue;
			for (size_t i = 0; i < count; i++) {
				gw[i] = difference(&b, &b.p->w[at + i], scale);
				total += gw[i] * gw[i];
			}
			double d = 0, size = 0;
			for (size_t i = 0; i < count; i++) {
				d += pow((double)got->data[at + i] - gw[i], 2);
				size += gw[i] * gw[i];
			}
			e = d / (size > 1e-3 * total ? size : 1e-3 * total + 1e-12); /* what is next to nothing (a bias before a norm) counts against all */
			if (getenv("C5_PRINT_ERRORS"))
				print_message("%s precision %d: %s %s %.2g\n", s->name, precision, b.m->layers[l].name, b.m->layers[l].params[k].name, e);
			if (!(e <= limit))
				fail_msg("%s, precision %d: gradient of %s %s: error %g, limit %g", s->name, precision, b.m->layers[l].name, b.m->layers[l].params[k].name, e,
					limit);
		}
	free(gx);
	free(gw);
	c5_weights_free(got);
	c5_net_free(n);
	bed_free(&b);
}

static void backward_is_the_differences(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_NETS; i++) backward_agrees(&nets[i], C5_FP32, nets[i].limit);
}

C5_UNUSED static void backward_in_bfloat16_is_near(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_NETS; i++) backward_agrees(&nets[i], C5_BF16, 3e-3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forward_is_the_reference),
		cmocka_unit_test(backward_is_the_differences),
		cmocka_unit_test(forward_in_bfloat16_is_near),
#ifndef C5_EMULATED /* slow, and unit_nn_cuda compares it with the CPU's */
		cmocka_unit_test(backward_in_bfloat16_is_near),
#endif
	};
	int failed = 0;
	for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
		if (c5_device_open(&device, devices[i]) != C5_OK) { /* a machine without a GPU */
			print_message("%s: skipped: %s\n", devices[i], c5_error_last());
			failed += strcmp(devices[i], "cpu") == 0;
			continue;
		}
		print_message("on %s\n", c5_device_name(device));
		failed += cmocka_run_group_tests(tests, NULL, NULL);
		c5_device_close(device);
	}
	return failed;
}
