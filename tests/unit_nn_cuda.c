/* unit_nn_cuda.c – the GPU backend against the CPU's on the same nets: outputs, gradients, losses, updates, dropout in recorded passes; the same bits
 * every time. Without a GPU only how opening fails is looked at, and the rest skipped. tests/CMakeLists.txt builds it again over tests/emulated,
 * where a GPU is always there and its memory can be made small. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/error.h"
#include "base/random.h"
#include "nn/net.h"
#ifdef C5_EMULATED
#include "cudnn.h"
#include "nn/backend.h"
#endif

static c5_device *cpu, *gpu;

static void must(int err)
{
	if (err) fail_msg("%s", c5_error_last());
}

/* Enough of every kind, and nets as they ship. */
static const struct { const char *name, *text; int loss; } nets[] = {
	{ "kinds", "inputs: { image: [3, 13, 10] }\nlayers:\n"
	  " - { name: a, conv: { filters: 20, kernel: 3, stride: 2, padding: same, activation: leaky_relu, slope: 0.2 } }\n - { name: x, dropout: { rate: "
	  "0.3 } }\n"
	  " - { name: b, conv: { filters: 20, kernel: 3, groups: 20, padding: same, bias: false } }\n - { name: n, batch_norm: { activation: relu6 } }\n"
	  " - { name: c, conv: { filters: 20, kernel: 3, groups: 2, dilation: 2, padding: same } }\n - { name: g, group_norm: { groups: 5 } }\n"
	  " - { name: s, from: [g, n], add: { activation: relu } }\n - { name: p, average_pool: { size: 2, padding: same } }\n - { name: u, upsample: { "
	  "factor: 2, mode: bilinear } }\n"
	  " - { name: m, from: s, max_pool: { size: 3, stride: 1, padding: same } }\n - { name: t, conv_transpose: { filters: 7, kernel: 3, stride: 2, "
	  "padding: same, activation: elu, slope: 1 } }\n"
	  " - { name: w, max_pool: { size: 2, stride: 2 } }\n - { name: k, from: [w, s], concat: {} }\n - { name: f, flatten: {} }\n - { name: d, dense: { "
	  "units: 9, activation: tanh } }\n"
	  " - { name: y, dropout: { rate: 0.5 } }\n - { name: e, dense: { units: 4 } }\n - { name: z, softmax: {} }\noutputs: [z]\n",
	  C5_LOSS_CROSS_ENTROPY },
	{ "pixels", "inputs: { image: [2, 12, 16] }\nlayers:\n"
	  " - { name: a, conv: { filters: 8, kernel: 3, padding: same, bias: false } }\n - { name: n, batch_norm: { activation: relu } }\n - { name: p, "
	  "max_pool: { size: 2 } }\n"
	  " - { name: b, conv: { filters: 16, kernel: 3, padding: same, bias: false } }\n - { name: m, batch_norm: { activation: relu } }\n"
	  " - { name: t, conv_transpose: { filters: 8, kernel: 2, stride: 2 } }\n - { name: k, from: [t, n], concat: {} }\n"
	  " - { name: c, conv: { filters: 8, kernel: 3, padding: same, activation: relu } }\n - { name: o, conv: { filters: 3, kernel: 1, activation: "
	  "sigmoid } }\noutputs: [o]\n", C5_LOSS_DICE },
	{ "steps", "inputs: { seq: [6, 5] }\nlayers:\n - { name: a, lstm: { units: 9, sequences: true } }\n - { name: x, dropout: { rate: 0.4 } }\n - { "
		"name: b, lstm: { units: 6 } }\n"
	  " - { name: d, dense: { units: 3 } }\n - { name: s, softmax: {} }\noutputs: [s]\n", C5_LOSS_FOCAL },
	/* enough rows for several pieces, the last of another size; channels by eight; a last layer of one pixel and few filters */
	{ "rows", "inputs: { image: [2, 17, 19] }\nlayers:\n"
	  " - { name: a, conv: { filters: 24, kernel: 1 } }\n - { name: n, batch_norm: { activation: relu } }\n - { name: b, conv: { filters: 24, kernel: "
	  "1, bias: false } }\n"
	  " - { name: m, batch_norm: {} }\n - { name: s, from: [m, n], add: { activation: relu } }\n - { name: g, group_norm: { groups: 3, activation: "
	  "relu6 } }\n"
	  " - { name: o, conv: { filters: 3, kernel: 1 } }\n - { name: z, softmax: {} }\noutputs: [z]\n", C5_LOSS_CROSS_ENTROPY },
};
#define N_NETS ((int)(sizeof nets / sizeof *nets))
#define BATCH 5

/* One net on one device, with what goes in and comes out. */
typedef struct bed {
	c5_model *m;
	c5_weights *w, *got;
	c5_net *net;
	c5_loss loss;
	size_t n_in, n_out;
	float *x, *target, *y, class_weight[8], weight[BATCH];
} bed;

static size_t count_of(const c5_layer *a)
{
	size_t n = BATCH;
	for (int i = 0; i < a->rank; i++) n *= (size_t)a->shape[i];
	return n;
}

static void numbers(bed *b)
{
	c5_random r;
	const c5_layer *in = &b->m->layers[0], *out = &b->m->layers[b->m->outputs[0]];
	c5_random_start(&r, 3, 9);
	c5_weights_init(b->w, b->m, 11);
	for (int l = 0; l < b->m->n_layers; l++)
		for (int p = 0; p < b->m->layers[l].n_params; p++)
			for (size_t i = 0; i < b->m->layers[l].params[p].count; i++) c5_weights_of(b->w, l, p)[i] += (float)(0.1 * fabs(c5_random_normal(&r)));
	b->n_in = count_of(in);
	b->n_out = count_of(out);
	b->x = calloc(b->n_in, sizeof *b->x);
	b->target = calloc(b->n_out, sizeof *b->target);
	b->y = calloc(b->n_out, sizeof *b->y);
	for (size_t i = 0; i < b->n_in; i++) b->x[i] = (float)c5_random_normal(&r);
	for (size_t i = 0; i < b->n_out; i++) b->target[i] = (float)c5_random_uniform(&r);
	for (int i = 0; i < 8; i++) b->class_weight[i] = (float)(0.5 + c5_random_uniform(&r));
	for (int i = 0; i < BATCH; i++) b->weight[i] = (float)(0.5 + c5_random_uniform(&r));
}

static void bed_make(bed *b, int which, c5_device *d, bool training, int precision)
{
	*b = (bed){ .loss = { .kind = nets[which].loss, .share = 0.7f, .gamma = 2, .smoothing = 0.1f } };
	must(c5_model_parse(&b->m, nets[which].name, nets[which].text, strlen(nets[which].text)));
	must(c5_weights_new(&b->w, b->m));
	must(c5_weights_new(&b->got, b->m));
	numbers(b);
	b->loss.class_weight = b->class_weight;
	c5_net_how how = { .batch = BATCH, .training = training, .precision = precision };
	must(c5_net_make(&b->net, d, b->m, b->w, &how));
}

static void bed_free(bed *b)
{
	c5_net_free(b->net);
	c5_weights_free(b->w);
	c5_weights_free(b->got);
	c5_model_free(b->m);
	free(b->x);
	free(b->target);
	free(b->y);
}

static void forward(bed *b, uint64_t seed, uint64_t item0)
{
	must(c5_net_input(b->net, 0, b->x, BATCH));
	must(c5_net_forward(b->net, seed, item0));
}

/* One step of training; the loss. */
static double train(bed *b, const c5_optimizer *o, uint64_t seed, uint64_t item0)
{
	const float *targets[1] = { b->target };
	double loss;
	forward(b, seed, item0);
	must(c5_net_loss(b->net, &b->loss, 1, targets, b->weight, BATCH - 1, 1.0 / BATCH, &loss));
	must(c5_net_backward(b->net, NULL, NULL));
	must(c5_net_step(b->net, o, c5_net_gradients(b->net), 0.01, NULL));
	size_t n = c5_net_statistics(b->net);
	float *s = calloc(n + 1, sizeof *s);
	must(c5_net_statistics_get(b->net, s));
	if (n) must(c5_net_statistics_put(b->net, s));
	free(s);
	return loss;
}

static double error(const float *a, const float *b, size_t n)
{
	double d = 0, s = 0;
	for (size_t i = 0; i < n; i++) {
		d += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
		s += (double)b[i] * (double)b[i];
	}
	return s > 0 ? d / s : d;
}

static void near_enough(const char *what, const char *net, int precision, double e, double limit)
{
	if (getenv("C5_PRINT_ERRORS")) print_message("%s, precision %d: %s %.2g\n", net, precision, what, e);
	if (!(e <= limit)) fail_msg("%s, precision %d: %s differ by %g, limit %g", net, precision, what, e, limit);
}

static void opening_says_what_is_missing(void **state)
{
	(void)state;
	c5_device *d = NULL;
	assert_int_equal(c5_device_open(&d, "cuda:99"), C5_ENOTFOUND);
	assert_null(d);
	assert_non_null(strstr(c5_error_last(), "use --device cpu"));
	assert_int_equal(c5_exit_status(C5_ENOTFOUND), C5_EXIT_INPUT);
	static const char *const wrong[] = { "cuda:", "cuda:-1", "cuda:x", "gpu", "cuda:1x", "" };
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		assert_int_equal(c5_device_open(&d, wrong[i]), C5_EUSAGE);
		assert_int_equal(c5_device_check(wrong[i]), C5_EUSAGE);
	}
	assert_int_equal(c5_device_check("cuda:99"), C5_ENOTFOUND);
	must(c5_device_check("auto"));
	must(c5_device_check("cpu"));
	c5_device_prefer(3); /* where there are fewer, they are counted round */
	if (c5_device_check("cuda") == C5_OK) {
		must(c5_device_open(&d, "cuda"));
		assert_memory_equal(c5_device_name(d), "cuda:", 5);
		c5_device_close(d);
	}
	must(c5_device_open(&d, "auto"));
	c5_device_close(d);
	c5_device_prefer(0);
}

static void forward_is_the_cpus(void **state)
{
	(void)state;
	for (int i = 0; i < N_NETS; i++)
		for (int k = 0; k < 4; k++) {
			bed a, b;
			int precision = k / 2;
			bed_make(&a, i, cpu, k % 2, precision);
			bed_make(&b, i, gpu, k % 2, precision);
			for (uint64_t pass = 0; pass < 4; pass++) { /* the third and later are recorded ones */
				forward(&a, 5 + pass, 100 * pass);
				forward(&b, 5 + pass, 100 * pass);
				must(c5_net_output(a.net, 0, a.y, BATCH));
				must(c5_net_output(b.net, 0, b.y, BATCH));
				near_enough("outputs", nets[i].name, precision, error(b.y, a.y, a.n_out), precision == C5_BF16 ? 1e-4 : 1e-10);
			}
			bed_free(&a);
			bed_free(&b);
		}
}

/* Weights after several steps: gradients, norms, clipping and the optimiser in one. */
static void updates_are_the_cpus(void **state)
{
	(void)state;
	static const c5_optimizer how[] = {
		{ .kind = C5_OPT_SGD },
		{ .kind = C5_OPT_SGD, .momentum = 0.9f, .nesterov = true, .decay = 1e-3f, .clip_norm = 0.5f, .averaging = 0.9f },
		{ .kind = C5_OPT_ADAM, .beta1 = 0.9f, .beta2 = 0.999f, .epsilon = 1e-3f, .decay = 1e-3f },
		{ .kind = C5_OPT_ADAMW, .beta1 = 0.9f, .beta2 = 0.999f, .epsilon = 1e-3f, .decay = 1e-2f, .averaging = 0.5f },
	};
	for (int i = 0; i < N_NETS; i++)
		for (size_t k = 0; k < sizeof how / sizeof *how; k++) {
			bed a, b;
			bed_make(&a, i, cpu, true, C5_FP32);
			bed_make(&b, i, gpu, true, C5_FP32);
			for (uint64_t step = 0; step < 4; step++) {
				double x = train(&a, &how[k], 77, step * BATCH), y = train(&b, &how[k], 77, step * BATCH);
				if (!(fabs(x - y) <= 1e-4 * fabs(x))) fail_msg("%s: loss of step %d: %.9g, on the CPU %.9g", nets[i].name, (int)step, y, x);
			}
			must(c5_net_save_average(a.net, a.got));
			must(c5_net_save_average(b.net, b.got));
			near_enough("weights", nets[i].name, C5_FP32, error(b.got->data, a.got->data, a.got->count), 1e-9);
			bed_free(&a);
			bed_free(&b);
		}
}

static void gradients_in_bfloat16_are_near(void **state)
{
	(void)state;
	c5_optimizer o = { .kind = C5_OPT_SGD };
	for (int i = 0; i < N_NETS; i++) {
		bed a, b;
		bed_make(&a, i, cpu, true, C5_FP32);
		bed_make(&b, i, gpu, true, C5_BF16);
		train(&a, &o, 7, 0);
		train(&b, &o, 7, 0);
		must(c5_net_save(a.net, a.got));
		must(c5_net_save(b.net, b.got));
		for (size_t k = 0; k < a.got->count; k++) { /* the step, not where it led */
			a.got->data[k] -= a.w->data[k];
			b.got->data[k] -= a.w->data[k];
		}
		near_enough("steps", nets[i].name, C5_BF16, error(b.got->data, a.got->data, a.got->count), 1e-3);
		bed_free(&a);
		bed_free(&b);
	}
}

static void the_same_bits_every_time(void **state)
{
	(void)state;
	c5_optimizer o = { .kind = C5_OPT_SGD, .momentum = 0.9f };
	for (int i = 0; i < N_NETS; i++)
		for (int precision = 0; precision < 2; precision++) {
			bed a, b;
			bed_make(&a, i, gpu, true, precision);
			bed_make(&b, i, gpu, true, precision);
			for (uint64_t step = 0; step < 3; step++) assert_true(train(&a, &o, 7, step) == train(&b, &o, 7, step));
			must(c5_net_save(a.net, a.got));
			must(c5_net_save(b.net, b.got));
			assert_memory_equal(a.got->data, b.got->data, a.got->count * sizeof(float));
			bed_free(&a);
			bed_free(&b);
		}
}

/* Weights come back as they went in, through every layout. */
static void weights_come_back(void **state)
{
	(void)state;
	for (int i = 0; i < N_NETS; i++) {
		bed b;
		bed_make(&b, i, gpu, true, C5_BF16);
		must(c5_net_save(b.net, b.got));
		assert_memory_equal(b.got->data, b.w->data, b.w->count * sizeof(float));
		bed_free(&b);
	}
}

#ifdef C5_EMULATED
static void passes_are_recorded_once(void **state)
{
	(void)state;
	bed b;
	bed_make(&b, 0, gpu, true, C5_FP32);
	int before = c5_emulated_launches;
	for (uint64_t i = 0; i < 5; i++) forward(&b, i, 0);
	assert_int_equal(c5_emulated_launches - before, 4); /* the first is run, the second recorded and launched */
	bed_free(&b);
}

/* Whichever of the two says no: passes are run plainly, and graphs are tried no more on that device. */
static void passes_that_cannot_be_recorded_are_run(void **state)
{
	(void)state;
	static int *const no[] = { &c5_emulated_recording, &c5_emulated_engines_record };
	c5_optimizer o = { .kind = C5_OPT_SGD, .momentum = 0.9f };
	for (size_t k = 0; k < sizeof no / sizeof *no; k++) {
		bed a, b;
		c5_device *d;
		int before = c5_emulated_launches;
		must(c5_device_open(&d, "cuda"));
		bed_make(&a, 1, cpu, true, C5_FP32);
		bed_make(&b, 1, d, true, C5_FP32);
		*no[k] = 0;
		for (uint64_t step = 0; step < 4; step++) {
			double x = train(&a, &o, 77, step * BATCH), y = train(&b, &o, 77, step * BATCH);
			assert_true(fabs(x - y) <= 1e-5 * fabs(x));
		}
		*no[k] = 1;
		assert_int_equal(c5_emulated_launches, before);
		must(c5_net_save(a.net, a.got));
		must(c5_net_save(b.net, b.got));
		near_enough("weights", nets[1].name, C5_FP32, error(b.got->data, a.got->data, a.got->count), 1e-9);
		bed_free(&a);
		bed_free(&b);
		c5_device_close(d);
	}
}

static void the_fastest_engine_is_taken_where_asked_for(void **state)
{
	(void)state;
	for (int tuned = 0; tuned < 2; tuned++) {
		bed a, b;
		c5_device *d;
		if (tuned) setenv("C5_CUDNN_TUNE", "1", 1);
		must(c5_device_open(&d, "cuda"));
		unsetenv("C5_CUDNN_TUNE");
		bed_make(&a, 1, cpu, true, C5_FP32);
		size_t before = c5_emulated_held;
		bed_make(&b, 1, d, true, C5_FP32);
		forward(&a, 5, 0);
		forward(&b, 5, 0);
		assert_int_equal(c5_emulated_engine, tuned ? 3 : 2);
		must(c5_net_output(a.net, 0, a.y, BATCH));
		must(c5_net_output(b.net, 0, b.y, BATCH));
		near_enough("outputs", nets[1].name, C5_FP32, error(b.y, a.y, a.n_out), 1e-10);
		bed_free(&a);
		bed_free(&b);
		assert_int_equal(c5_emulated_held, before);
		c5_device_close(d);
	}
}

/* More than the staging memory holds, by pieces, to memory of any kind. */
static void large_arrays_travel_whole(void **state)
{
	(void)state;
	size_t n = ((size_t)37 << 18) + 5;
	float *from = malloc(n * sizeof *from), *to = malloc(n * sizeof *to);
	void *there, *locked;
	const struct c5_backend *b = gpu->b;
	for (size_t i = 0; i < n; i++) from[i] = (float)i;
	must(b->alloc(gpu->dev, &there, n * sizeof *from));
	must(b->host_alloc(gpu->dev, &locked, n * sizeof *from));
	for (int k = 0; k < 3; k++) {
		size_t count = k ? n : 100;
		must(b->upload(gpu->dev, there, from, count * sizeof *from));
		must(b->download(gpu->dev, k == 2 ? locked : to, there, count * sizeof *to));
		assert_memory_equal(k == 2 ? locked : to, from, count * sizeof *to);
	}
	b->host_release(gpu->dev, locked);
	b->release(gpu->dev, there);
	free(from);
	free(to);
}

static void shapes_without_an_engine_are_computed_too(void **state)
{
	c5_emulated_engines = 0;
	forward_is_the_cpus(state);
	gradients_in_bfloat16_are_near(state);
	c5_emulated_engines = 1;
}

static void a_full_device_is_said_and_left_as_it_was(void **state)
{
	(void)state;
	c5_model *m;
	c5_weights *w;
	c5_net *net;
	c5_net_how how = { .batch = 8, .training = true };
	must(c5_model_named(&m, "lenet", 1, 32, 32, 3, 0));
	must(c5_weights_new(&w, m));
	size_t before = c5_emulated_held, all = c5_emulated_memory;
	must(c5_net_make(&net, gpu, m, w, &how));
	size_t needed = c5_emulated_held - before;
	c5_net_free(net);
	assert_int_equal(c5_emulated_held, before);
	for (size_t some = 0; some < needed; some += needed / 7 + 1) {
		c5_emulated_memory = before + some;
		assert_int_equal(c5_net_make(&net, gpu, m, w, &how), C5_ENOMEM);
		assert_non_null(strstr(c5_error_last(), "out of GPU memory"));
		assert_int_equal(c5_emulated_held, before);
	}
	c5_emulated_memory = all;
	must(c5_net_make(&net, gpu, m, w, &how));
	c5_net_free(net);
	c5_weights_free(w);
	c5_model_free(m);
}
#endif

int main(void)
{
	const struct CMUnitTest always[] = { cmocka_unit_test(opening_says_what_is_missing) };
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forward_is_the_cpus),
		cmocka_unit_test(updates_are_the_cpus),
		cmocka_unit_test(gradients_in_bfloat16_are_near),
		cmocka_unit_test(the_same_bits_every_time),
		cmocka_unit_test(weights_come_back),
#ifdef C5_EMULATED
		cmocka_unit_test(passes_are_recorded_once),
		cmocka_unit_test(passes_that_cannot_be_recorded_are_run),
		cmocka_unit_test(the_fastest_engine_is_taken_where_asked_for),
		cmocka_unit_test(large_arrays_travel_whole),
		cmocka_unit_test(shapes_without_an_engine_are_computed_too),
		cmocka_unit_test(a_full_device_is_said_and_left_as_it_was),
#endif
	};
	int failed = cmocka_run_group_tests_name("opening", always, NULL, NULL);
	if (c5_device_open(&gpu, "cuda") != C5_OK) {
		print_message("no GPU, the rest is skipped: %s\n", c5_error_last());
		return failed;
	}
	print_message("on %s\n", c5_device_name(gpu));
	if (getenv("C5_OPEN_ONLY")) {
		c5_device_close(gpu);
		return failed;
	}
	if (c5_device_open(&cpu, "cpu") != C5_OK) return 1;
	failed += cmocka_run_group_tests_name("backends", tests, NULL, NULL);
	c5_device_close(gpu);
	c5_device_close(cpu);
	return failed;
}
