/* unit_nn_winograd.c – 3 x 3 convolutions in bfloat16 by own loops against double precision: edges, paddings, channels left over, sums,
 * activations; the same bits however many items and threads; and that networks use them. Skipped where the processor cannot. */
#include <math.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/error.h"
#include "base/random.h"
#include "nn/cpu_winograd.h"
#include "nn/model.h"
#include "nn/netimpl.h"

typedef struct shape { const char *name; c5_winograd g; } shape; /* paddings before in top and left, those after in tiles_y and tiles_x */

static const shape shapes[] = {
	{ "one tile", { .items = 1, .in_channels = 16, .out_channels = 16, .in_height = 4, .in_width = 6 } },
	{ "one output", { .items = 2, .in_channels = 32, .out_channels = 16, .in_height = 3, .in_width = 3 } },
	{ "same", { .items = 3, .in_channels = 32, .out_channels = 32, .in_height = 8, .in_width = 12, .top = 1, .left = 1, .tiles_y = 1,
		.tiles_x = 1 } },
	{ "odd sides, ReLU", { .items = 2, .in_channels = 48, .out_channels = 80, .in_height = 9, .in_width = 11, .top = 1, .left = 1,
		.tiles_y = 1, .tiles_x = 1, .activation = C5_ACT_RELU } },
	{ "asymmetric, ReLU6", { .items = 2, .in_channels = 32, .out_channels = 112, .in_height = 7, .in_width = 6, .top = 2, .left = 0,
		.tiles_y = 1, .tiles_x = 3, .activation = C5_ACT_RELU6 } },
	{ "addend", { .items = 2, .in_channels = 64, .out_channels = 64, .in_height = 10, .in_width = 13, .sum = true } },
	{ "addend, ReLU", { .items = 1, .in_channels = 80, .out_channels = 32, .in_height = 5, .in_width = 21, .top = 1, .left = 1,
		.tiles_y = 1, .tiles_x = 1, .activation = C5_ACT_RELU, .sum = true } },
	{ "several groups", { .items = 3, .in_channels = 32, .out_channels = 64, .in_height = 34, .in_width = 37 } },
};

typedef struct bed { c5_winograd g; uint16_t *x, *y, *u; float *w, *bias; void *scratch; size_t n_x, n_y, n_w; } bed;

static uint16_t narrow(double v)
{
	union { float f; uint32_t u; } a = { .f = (float)v };
	return (uint16_t)((a.u + 0x7fff + (a.u >> 16 & 1)) >> 16);
}

static double wide(uint16_t v)
{
	union { uint32_t u; float f; } a = { .u = (uint32_t)v << 16 };
	return (double)a.f;
}

static void *take(size_t bytes)
{
	void *p;
	if (c5_alloc_aligned(&p, bytes, 1)) fail_msg("out of memory");
	memset(p, 0xff, bytes); /* numbers that are none: whoever reads what nobody wrote is found out */
	return p;
}

static void bed_make(bed *b, const c5_winograd *g, int threads)
{
	c5_random r;
	*b = (bed){ .g = *g };
	b->g.out_height = g->in_height + g->top + g->tiles_y - 2;
	b->g.out_width = g->in_width + g->left + g->tiles_x - 2;
	c5_winograd_plan(&b->g, threads);
	b->n_x = (size_t)(g->items * g->in_channels * g->in_height * g->in_width);
	b->n_y = (size_t)(g->items * g->out_channels * b->g.out_height * b->g.out_width);
	b->n_w = (size_t)(g->in_channels * g->out_channels * 9);
	b->x = take(b->n_x * sizeof *b->x);
	b->y = take(b->n_y * sizeof *b->y);
	b->u = take(c5_winograd_weights_bytes(&b->g));
	b->w = take(b->n_w * sizeof *b->w);
	b->bias = take((size_t)g->out_channels * sizeof *b->bias);
	b->scratch = take(b->g.scratch * (size_t)threads);
	c5_random_start(&r, 5, 2);
	for (size_t i = 0; i < b->n_w; i++) b->w[i] = (float)(c5_random_normal(&r) / 20);
	for (int64_t i = 0; i < g->out_channels; i++) b->bias[i] = (float)c5_random_normal(&r);
	for (size_t i = 0; i < b->n_x; i++) b->x[i] = narrow(c5_random_normal(&r));
	for (size_t i = 0; i < b->n_y; i++) b->y[i] = narrow((double)(i % 17) / 8 - 1);
	c5_winograd_weights(&b->g, b->w, b->u);
	c5_winograd_run(&b->g, threads, b->x, b->u, b->bias, b->y, b->scratch);
}

static void bed_free(bed *b)
{
	void *all[] = { b->x, b->y, b->u, b->w, b->bias, b->scratch };
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

/* Number (item, channel, y, x) of an array in blocks of 16. */
static size_t at(int64_t channels, int64_t height, int64_t width, int64_t n, int64_t c, int64_t y, int64_t x)
{
	return (size_t)((((n * (channels / 16) + c / 16) * height + y) * width + x) * 16 + c % 16);
}

static double one_output(const bed *b, int64_t n, int64_t o, int64_t y, int64_t x)
{
	const c5_winograd *g = &b->g;
	size_t place = at(g->out_channels, g->out_height, g->out_width, n, o, y, x);
	double s = (double)b->bias[o] + (g->sum ? (double)(place % 17) / 8 - 1 : 0);
	for (int64_t i = 0; i < g->in_channels; i++)
		for (int64_t k = 0; k < 9; k++) {
			int64_t v = y + k / 3 - g->top, u = x + k % 3 - g->left;
			if (v < 0 || u < 0 || v >= g->in_height || u >= g->in_width) continue;
			s += (double)b->w[(o * g->in_channels + i) * 9 + k] * wide(b->x[at(g->in_channels, g->in_height, g->in_width, n, i, v, u)]);
		}
	s = g->activation == C5_ACT_NONE || s > 0 ? s : 0;
	return g->activation == C5_ACT_RELU6 && s > 6 ? 6 : s;
}

static void outputs_are_those_of_the_convolution(void **state)
{
	(void)state;
	if (!c5_winograd_can()) skip();
	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
		bed b;
		bed_make(&b, &shapes[i].g, 2);
		double d = 0, all = 0, most = 0;
		for (int64_t n = 0; n < b.g.items; n++)
			for (int64_t o = 0; o < b.g.out_channels; o++)
				for (int64_t y = 0; y < b.g.out_height; y++)
					for (int64_t x = 0; x < b.g.out_width; x++) {
						double want = one_output(&b, n, o, y, x), e = wide(b.y[at(b.g.out_channels, b.g.out_height, b.g.out_width, n, o, y, x)]) - want;
						d += e * e;
						all += want * want;
						most = e * e > most ? e * e : most;
					}
		if (getenv("C5_PRINT_ERRORS")) print_message("%s: error %.2g, largest %.2g\n", shapes[i].name, d / all, most / all * (double)b.n_y);
		if (!(d <= 1e-4 * all)) fail_msg("%s: error %g", shapes[i].name, d / all);
		if (!(most <= 4e-3 * all / (double)b.n_y)) fail_msg("%s: one output is off: %g", shapes[i].name, most / all * (double)b.n_y);
		bed_free(&b);
	}
}

/* Groups of tiles are cut by threads and items; nothing else may be. */
static void bits_are_the_same_for_any_threads_and_items(void **state)
{
	(void)state;
	if (!c5_winograd_can()) skip();
	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
		bed b, first, other;
		bed_make(&b, &shapes[i].g, 1);
		bed_make(&other, &shapes[i].g, 5);
		assert_memory_equal(b.y, other.y, b.n_y * sizeof *b.y);
		c5_winograd one = shapes[i].g;
		one.items = 1;
		bed_make(&first, &one, 2);
		size_t each = b.n_x / (size_t)b.g.items;
		for (int64_t n = 0; n < b.g.items; n++) {
			for (size_t k = 0; k < first.n_y; k++) first.y[k] = narrow((double)(((size_t)n * first.n_y + k) % 17) / 8 - 1);
			c5_winograd_run(&first.g, 2, b.x + (size_t)n * each, first.u, b.bias, first.y, first.scratch);
			assert_memory_equal(first.y, b.y + (size_t)n * first.n_y, first.n_y * sizeof *first.y);
		}
		bed_free(&first);
		bed_free(&other);
		bed_free(&b);
	}
}

/* What is no number stays none and does not spread beyond the tiles that see it. */
static void what_is_no_number_stays_none(void **state)
{
	(void)state;
	if (!c5_winograd_can()) skip();
	bed b;
	bed_make(&b, &shapes[3].g, 2);
	b.x[at(b.g.in_channels, b.g.in_height, b.g.in_width, 0, 3, 0, 0)] = 0x7fc0;
	c5_winograd_run(&b.g, 2, b.x, b.u, b.bias, b.y, b.scratch);
	assert_true(isnan(wide(b.y[0])));
	assert_false(isnan(wide(b.y[at(b.g.out_channels, b.g.out_height, b.g.out_width, 0, 0, 5, 8)])));
	assert_false(isnan(wide(b.y[at(b.g.out_channels, b.g.out_height, b.g.out_width, 1, 0, 0, 0)])));
	bed_free(&b);
}

static void must(int err)
{
	if (err) fail_msg("%s", c5_error_last());
}

/* In bfloat16 inference, and there only; maps before and after it lie as it wants them, so that no conversion stands between. */
static void networks_use_it(void **state)
{
	(void)state;
	c5_device *d;
	c5_model *m;
	c5_weights *w;
	must(c5_device_open(&d, "cpu"));
	if (!c5_winograd_can() || !c5_device_has_bf16(d) || strstr(c5_device_name(d), "amx")) {
		c5_device_close(d);
		skip();
	}
	must(c5_model_named(&m, "sesmo", 1, 28, 28, 2, 0));
	must(c5_weights_new(&w, m));
	for (int k = 0; k < 3; k++) {
		c5_net *n;
		c5_net_how how = { .batch = 8, .training = k == 1, .precision = k < 2 ? C5_BF16 : C5_FP32 };
		must(c5_net_make(&n, d, m, w, &how));
		int derived = 0, converts = 0;
		for (size_t i = 0; i < n->graph.n_nodes; i++) {
			const c5_op *op = n->graph.nodes[i].op;
			const c5_layer *a = op->spec.layer;
			converts += op->spec.kind == C5_OP_CONVERT;
			if (op->spec.kind != C5_LAYER_CONV) continue;
			derived += op->derived == (size_t)a->filters * 4 + (size_t)(op->in[0].dims[1] * a->filters) * 24 * 2; /* bias, weights at the points */
		}
		assert_int_equal(derived, k == 0 ? 3 : 0);
		if (k == 0) assert_int_equal(converts, 1); /* the image to bfloat16 */
		c5_net_free(n);
	}
	c5_weights_free(w);
	c5_model_free(m);
	c5_device_close(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outputs_are_those_of_the_convolution), cmocka_unit_test(bits_are_the_same_for_any_threads_and_items),
		cmocka_unit_test(what_is_no_number_stays_none), cmocka_unit_test(networks_use_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
