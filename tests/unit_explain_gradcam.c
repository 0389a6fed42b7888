/* unit_explain_gradcam.c – maps known by hand, and those of a small network that was taught to find bright discs: the map must point at the disc, and
 * blotting out what it points at must cost more than blotting out anything else. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/dtype.h"
#include "base/error.h"
#include "base/random.h"
#include "explain/explainer.h"
#include "explain/gradcam.h"

enum { SIDE = 24, LEARN = 32, STEPS = 160, LOOK = 40 };

static c5_device *device;

static void a_map_is_what_the_hand_says(void **state)
{
	(void)state;
	/* Two channels of 1 x 3; mean gradients 2 and -1: 2 a - b = { 2, -1, 5 }, cut to { 2, 0, 5 }. */
	const float a[6] = { 1, 0, 4, 0, 1, 3 }, g[6] = { 1, 2, 3, -1, -1, -1 };
	float map[3], peak;
	c5_gradcam_map(map, &peak, a, g, 2, 1, 3);
	assert_true(peak == 5 && map[0] == 0.4f && map[1] == 0 && map[2] == 1);
	const float against[3] = { -1, -1, -1 };
	c5_gradcam_map(map, &peak, a, against, 1, 1, 3); /* nothing speaks for it */
	assert_true(peak == 0 && map[0] == 0 && map[1] == 0 && map[2] == 0);
	const float even[3] = { 2, 2, 2 };
	c5_gradcam_map(map, &peak, even, g, 1, 1, 3);    /* everything alike */
	assert_true(peak == 4 && map[0] == 1 && map[1] == 1 && map[2] == 1);
	size_t order[4];
	const float values[4] = { 0.5f, 1, 0.5f, 0 };
	assert_int_equal(c5_gradcam_order(order, values, 4), C5_OK);
	assert_true(order[0] == 1 && order[1] == 0 && order[2] == 2 && order[3] == 3);
	const double line[3] = { 1, 0.5, 0 };
	assert_true(c5_gradcam_area(line, 2) == 0.5);
}

static void the_last_convolution_is_looked_at(void **state)
{
	(void)state;
	static const struct { const char *net; int side; } nets[] = { { "sesmo", 50 }, { "lenet", 32 }, { "resnet18", 64 }, { "mobilenet_v2", 96 } };
	for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
		c5_model *m;
		assert_int_equal(c5_model_named(&m, nets[i].net, 1, nets[i].side, nets[i].side, 2, 0), C5_OK);
		int l = c5_gradcam_layer(m);
		assert_true(l > 0 && m->layers[l].rank == 3 && m->layers[l].shape[1] > 1);
		for (int k = l + 1; k < m->n_layers; k++) assert_true(m->layers[k].kind != C5_LAYER_CONV || m->layers[k].shape[1] == 1);
		c5_model_free(m);
	}
}

/* A crop with noise; positive ones have a bright disc somewhere, centred at (y, x). */
static bool paint(uint16_t *to, uint64_t seed, uint64_t item, double *y, double *x)
{
	c5_random r;
	c5_random_start(&r, seed, item);
	bool positive = item % 2;
	*y = 5 + 14 * c5_random_uniform(&r), *x = 5 + 14 * c5_random_uniform(&r);
	for (int i = 0; i < SIDE; i++)
		for (int k = 0; k < SIDE; k++) {
			bool in = (i - *y) * (i - *y) + (k - *x) * (k - *x) < 12;
			to[i * SIDE + k] = (uint16_t)(1000 + 60 * c5_random_normal(&r) + (positive && in ? 180 : 0));
		}
	return positive;
}

static const char net_text[] =
	"name: discs\n"
	"inputs: { image: [1, 24, 24] }\nlayers:\n"
	"  - { name: first, conv: { filters: 16, kernel: 5, padding: same, activation: relu } }\n"
	"  - { name: small, max_pool: { size: 2 } }\n"
	"  - { name: second, conv: { filters: 16, kernel: 3, padding: same, activation: relu } }\n"
	"  - { name: norm, batch_norm: {} }\n"
	"  - { name: third, conv: { filters: 16, kernel: 3, padding: same, activation: relu } }\n"
	"  - { name: often, dropout: { rate: 0.5 } }\n"
	"  - { name: all, global_pool: {} }\n"
	"  - { name: out, dense: { units: 2 } }\n"
	"  - { name: prob, softmax: {} }\n"
	"outputs: [prob]\n";

static c5_member taught;

static void teach(void)
{
	const c5_loss loss = { .kind = C5_LOSS_CROSS_ENTROPY, .share = 1 };
	const c5_optimizer adam = { .kind = C5_OPT_ADAM, .beta1 = 0.9f, .beta2 = 0.999f, .epsilon = 1e-7f };
	const c5_net_how how = { .batch = LEARN, .training = true };
	static uint16_t pixels[LEARN][SIDE * SIDE];
	static float in[LEARN][SIDE * SIDE], target[LEARN][2];
	const float *targets[1] = { &target[0][0] };
	c5_net *net;
	double lost, norm, y, x;
	taught = (c5_member){ .name = strdup("discs"), .temperature = 1 };
	taught.prepare = (c5_prepare){ .channels = 1, .height = SIDE, .width = SIDE, .names = { "phase" }, .scaling = C5_SCALE_CHANNEL, .mean = { 1000 },
		.sd = { 60 } };
	assert_int_equal(c5_model_parse(&taught.model, "discs", net_text, sizeof net_text - 1), C5_OK);
	assert_int_equal(c5_weights_new(&taught.weights, taught.model), C5_OK);
	c5_weights_init(taught.weights, taught.model, 4);
	assert_int_equal(c5_net_make(&net, device, taught.model, taught.weights, &how), C5_OK);
	size_t n_statistics = c5_net_statistics(net);
	float *statistics = calloc(n_statistics + 1, sizeof *statistics);
	for (uint64_t step = 0; step < STEPS; step++) {
		for (uint64_t i = 0; i < LEARN; i++) {
			bool positive = paint(pixels[i], 1, step * LEARN + i, &y, &x);
			for (int k = 0; k < SIDE * SIDE; k++) in[i][k] = ((float)pixels[i][k] - 1000) / 60;
			target[i][0] = !positive, target[i][1] = positive;
		}
		assert_int_equal(c5_net_input(net, 0, &in[0][0], LEARN), C5_OK);
		assert_int_equal(c5_net_forward(net, 1, step * LEARN), C5_OK);
		assert_int_equal(c5_net_loss(net, &loss, 1, targets, NULL, LEARN, 1.0 / LEARN, &lost), C5_OK);
		assert_int_equal(c5_net_backward(net, NULL, NULL), C5_OK);
		assert_int_equal(c5_net_statistics_get(net, statistics), C5_OK);
		assert_int_equal(c5_net_statistics_put(net, statistics), C5_OK);
		assert_int_equal(c5_net_step(net, &adam, c5_net_gradients(net), 0.003, &norm), C5_OK);
	}
	assert_int_equal(c5_net_save(net, taught.weights), C5_OK);
	c5_net_free(net);
	free(statistics);
}

static int set_up(void **state)
{
	(void)state;
	int err = c5_device_open(&device, "cpu");
	if (err == C5_OK) teach();
	return err;
}

static int tear_down(void **state)
{
	(void)state;
	c5_member_free(&taught);
	c5_device_close(device);
	return 0;
}

static void open_all(c5_scorer **s, c5_explainer **e, const c5_member *members, size_t n, const char *layer)
{
	assert_int_equal(c5_scorer_open(s, device, members, n, 8, C5_FP32), C5_OK);
	assert_int_equal(c5_scorer_bind(*s, "phase", 1, C5_U16, SIDE, SIDE), C5_OK);
	assert_int_equal(c5_explainer_open(e, device, *s, layer, C5_FP32), C5_OK);
}

static void maps_point_at_what_was_learnt(void **state)
{
	(void)state;
	c5_scorer *s;
	c5_explainer *e;
	int right = 0, found = 0, seen = 0, better = 0;
	double areas[4] = { 0 };
	open_all(&s, &e, &taught, 1, NULL);
	for (uint64_t i = 0; i < LOOK; i++) {
		static uint16_t pixels[SIDE * SIDE];
		static float map[SIDE * SIDE], again[SIDE * SIDE];
		float peak, prob[2];
		double y, x;
		c5_explain_curves curves;
		int of = -1;
		bool positive = paint(pixels, 2, i, &y, &x);
		assert_int_equal(c5_explainer_maps(e, pixels, 1, &of, map, &peak, prob), C5_OK);
		right += of == positive;
		if (!positive || of != 1) continue;
		assert_int_equal(c5_explainer_maps(e, pixels, 1, &of, again, &peak, prob), C5_OK);
		assert_memory_equal(map, again, sizeof map); /* no dropout */
		int best = 0;
		for (int k = 0; k < SIDE * SIDE; k++) {
			assert_true(map[k] >= 0 && map[k] <= 1);
			if (map[k] > map[best]) best = k;
		}
		found += (best / SIDE - y) * (best / SIDE - y) + (best % SIDE - x) * (best % SIDE - x) < 25;
		seen++;
		assert_int_equal(c5_explainer_check(e, pixels, of, map, 5, i, 4, &curves), C5_OK);
		assert_true(fabs(curves.deletion[0] - (double)prob[1]) < 1e-6 && fabs(curves.insertion[C5_EXPLAIN_STEPS] - (double)prob[1]) < 1e-6);
		assert_true(fabs(curves.deletion[C5_EXPLAIN_STEPS] - curves.insertion[0]) < 1e-6); /* an empty crop either way */
		for (int k = 0; k < 4; k++) areas[k] += curves.areas[k];
		better += curves.areas[0] < curves.areas[2];
	}
	print_message("right %d of %d, found %d of %d; areas: deletion %.3f random %.3f, insertion %.3f random %.3f\n", right, LOOK, found, seen,
		areas[0] / seen, areas[2] / seen, areas[1] / seen, areas[3] / seen);
	assert_true(right >= LOOK * 9 / 10 && seen >= LOOK / 2 * 8 / 10);
	assert_true(found >= seen * 8 / 10);
	assert_true(areas[0] < 0.8 * areas[2] && better >= seen * 8 / 10); /* deletion: the map's are missed sooner */
	assert_true(areas[1] > areas[3]);                                 /* insertion: and suffice sooner */
	c5_explainer_close(e);
	c5_scorer_close(s);
}

static void maps_are_of_the_network_that_scores(void **state)
{
	(void)state;
	c5_scorer *s;
	c5_explainer *e;
	static uint16_t pixels[8][SIDE * SIDE];
	static float maps[8][SIDE * SIDE], one[SIDE * SIDE];
	float peak[8], prob[8][2], alone[2], single;
	double y, x;
	int of[8], height, width;
	open_all(&s, &e, &taught, 1, "third");
	c5_explainer_size(e, &height, &width);
	assert_true(height == SIDE && width == SIDE);
	for (uint64_t i = 0; i < 8; i++) paint(pixels[i], 2, i, &y, &x), of[i] = 1;
	assert_int_equal(c5_explainer_maps(e, pixels, 8, of, &maps[0][0], peak, &prob[0][0]), C5_OK);
	for (int i = 0; i < 8; i++) { /* the same alone as among others, and asked for the other class another */
		assert_int_equal(c5_explainer_maps(e, pixels[i], 1, &of[i], one, &single, alone), C5_OK);
		for (int k = 0; k < SIDE * SIDE; k++) assert_true(fabsf(one[k] - maps[i][k]) < 1e-5f);
		assert_memory_equal(alone, prob[i], sizeof alone);
	}
	int zero = 0;
	assert_int_equal(c5_explainer_maps(e, pixels[1], 1, &zero, one, &single, alone), C5_OK);
	assert_memory_not_equal(one, maps[1], sizeof one);
	c5_explainer_close(e);
	assert_int_equal(c5_explainer_open(&e, device, s, "out", C5_FP32), C5_EINPUT); /* a dense layer */
	assert_int_equal(c5_explainer_open(&e, device, s, "fourth", C5_FP32), C5_ENOTFOUND);
	c5_scorer_close(s);
	c5_member twice[2] = { taught, taught };
	static float both[8][SIDE * SIDE];
	open_all(&s, &e, twice, 2, NULL);
	assert_int_equal(c5_explainer_maps(e, pixels, 8, of, &both[0][0], peak, &prob[0][0]), C5_OK);
	for (int i = 0; i < 8 * SIDE * SIDE; i++) assert_true(fabsf((&both[0][0])[i] - (&maps[0][0])[i]) < 1e-5f);
	c5_explainer_close(e);
	c5_scorer_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_map_is_what_the_hand_says),
		cmocka_unit_test(the_last_convolution_is_looked_at),
		cmocka_unit_test(maps_point_at_what_was_learnt),
		cmocka_unit_test(maps_are_of_the_network_that_scores),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
