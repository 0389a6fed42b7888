/* unit_train_transfer.c – new networks from old ones: other heads, channels and sizes, branches; which numbers are taken over, and which are not. */
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
#include "nn/net.h"
#include "train/transfer.h"

static const char tiny[] =
	"name: tiny\n"
	"inputs: { image: [3, 16, 16] }\n"
	"layers:\n"
	"  - { name: c1, conv: { filters: 4, kernel: 3, activation: relu } }\n"
	"  - { name: n1, batch_norm: {} }\n"
	"  - { name: c2, conv: { filters: 5, kernel: 3, activation: relu } }\n"
	"  - { name: pool, global_pool: {} }\n"
	"  - { name: logits, dense: { units: 10 } }\n"
	"  - { name: prob, softmax: {} }\n"
	"outputs: [prob]\n";

static c5_model *model(const char *text)
{
	c5_model *m;
	if (c5_model_parse(&m, "text", text, strlen(text)) < 0) fail_msg("%s", c5_error_last());
	return m;
}

static c5_weights *weights(const c5_model *m, uint64_t seed)
{
	c5_weights *w;
	assert_int_equal(c5_weights_new(&w, m), C5_OK);
	c5_weights_init(w, m, seed);
	return w;
}

static bool same(const c5_weights *a, int la, const c5_weights *b, int lb, int p, size_t n)
{
	return memcmp(c5_weights_of(a, la, p), c5_weights_of(b, lb, p), n * sizeof(float)) == 0;
}

static void answer(float *out, const c5_model *m, const c5_weights *w, const float *const *inputs, int n_inputs)
{
	c5_device *d;
	c5_net *net;
	const c5_net_how how = { .batch = 1 };
	assert_int_equal(c5_device_open(&d, "cpu"), C5_OK);
	assert_int_equal(c5_net_make(&net, d, m, w, &how), C5_OK);
	for (int i = 0; i < n_inputs; i++) assert_int_equal(c5_net_input(net, i, inputs[i], 1), C5_OK);
	assert_int_equal(c5_net_forward(net, 0, 0), C5_OK);
	assert_int_equal(c5_net_output(net, 0, out, 1), C5_OK);
	c5_net_free(net);
	c5_device_close(d);
}

static void classifiers_are_known(void **state)
{
	(void)state;
	c5_model *m = model(tiny), *u;
	assert_int_equal(c5_model_classes(m), 10);
	assert_int_equal(c5_model_named(&u, "unet", 1, 64, 64, 2, 0.25), C5_OK);
	assert_int_equal(c5_model_classes(u), 0);
	c5_model *out;
	assert_int_equal(c5_model_adapt(&out, u, 1, 64, 64, 2), C5_EINPUT);
	assert_non_null(strstr(c5_error_last(), "no classifier of one image"));
	assert_int_equal(c5_model_fuse(&out, u, 2), C5_EINPUT);
	c5_model_free(u);
	c5_model_free(m);
}

static void another_head_and_size_keep_the_rest(void **state)
{
	(void)state;
	c5_model *m = model(tiny), *n;
	int taken, left;
	assert_int_equal(c5_model_adapt(&n, m, 1, 20, 24, 2), C5_OK);
	assert_true(n->layers[0].shape[0] == 1 && n->layers[0].shape[1] == 20 && n->layers[0].shape[2] == 24);
	assert_int_equal(c5_model_classes(n), 2);
	c5_weights *from = weights(m, 1), *w = weights(n, 2), *fresh = weights(n, 2);
	int c1 = c5_model_find(m, "c1"), c2 = c5_model_find(m, "c2"), n1 = c5_model_find(m, "n1"), logits = c5_model_find(m, "logits");
	assert_int_equal(c5_transfer(w, n, from, m, &taken, &left), C5_OK);
	assert_true(taken == 3 && left == 1); /* the head begins anew */
	assert_true(same(w, c2, from, c2, 0, 5 * 4 * 9) && same(w, n1, from, n1, 3, 4) && same(w, c1, from, c1, 1, 4));
	assert_true(same(w, logits, fresh, logits, 0, 2 * 5));
	/* grey in all channels then gives what grey alone gives now */
	float grey[16 * 16], colour[3 * 16 * 16], a[10], b[10];
	for (int i = 0; i < 16 * 16; i++) grey[i] = colour[i] = colour[256 + i] = colour[512 + i] = (float)sin(i * 0.7);
	c5_model *one;
	assert_int_equal(c5_model_adapt(&one, m, 1, 16, 16, 0), C5_OK);
	c5_weights *v = weights(one, 3);
	assert_int_equal(c5_transfer(v, one, from, m, &taken, &left), C5_OK);
	assert_true(taken == 4 && left == 0);
	answer(a, m, from, (const float *const[]){ colour }, 1);
	answer(b, one, v, (const float *const[]){ grey }, 1);
	for (int k = 0; k < 10; k++) assert_true(fabsf(a[k] - b[k]) < 1e-5f);
	c5_weights_free(v);
	c5_model_free(one);
	c5_weights_free(from);
	c5_weights_free(w);
	c5_weights_free(fresh);
	c5_model_free(n);
	c5_model_free(m);
}

static void branches_share_the_old_numbers(void **state)
{
	(void)state;
	c5_model *m = model(tiny), *one, *n;
	int taken, left;
	assert_int_equal(c5_model_adapt(&one, m, 1, 0, 0, 2), C5_OK);
	if (c5_model_fuse(&n, one, 3) < 0) fail_msg("%s", c5_error_last());
	int inputs = 0;
	for (int i = 0; i < n->n_layers; i++) inputs += n->layers[i].kind == C5_LAYER_INPUT;
	assert_int_equal(inputs, 3);
	assert_int_equal(c5_model_classes(n), 2);
	assert_int_equal(n->layers[c5_model_find(n, "logits")].params[0].shape[1], 15); /* features of all branches */
	c5_weights *from = weights(one, 1), *w = weights(n, 2);
	assert_int_equal(c5_transfer(w, n, from, one, &taken, &left), C5_OK);
	assert_true(taken == 9 && left == 1);
	for (int b = 1; b <= 3; b++) {
		char name[32];
		snprintf(name, sizeof name, "b%d.c2", b);
		assert_true(same(w, c5_model_find(n, name), from, c5_model_find(one, "c2"), 0, 5 * 4 * 9));
	}
	c5_model *none;
	assert_int_equal(c5_model_fuse(&none, one, 1), C5_EUSAGE);
	assert_int_equal(c5_model_fuse(&none, one, C5_LAYER_INPUTS_MAX + 1), C5_EUSAGE);
	c5_weights_free(from);
	c5_weights_free(w);
	c5_model_free(n);
	c5_model_free(one);
	c5_model_free(m);
}

static void freezing_reaches_all_branches(void **state)
{
	(void)state;
	c5_model *m = model(tiny), *n;
	assert_int_equal(c5_model_upto(m, "n1"), c5_model_find(m, "n1") + 1);
	assert_int_equal(c5_model_upto(m, "n2"), -1);
	assert_int_equal(c5_model_fuse(&n, m, 2), C5_OK);
	int upto = c5_model_upto(n, "n1");
	for (int b = 1; b <= 2; b++) {
		char name[32];
		snprintf(name, sizeof name, "b%d.n1", b);
		assert_true(c5_model_find(n, name) < upto);
		snprintf(name, sizeof name, "b%d.c2", b);
		assert_true(c5_model_find(n, name) >= upto);
	}
	c5_model_free(n);
	c5_model_free(m);
}

static void nothing_in_common_is_refused(void **state)
{
	(void)state;
	c5_model *m = model(tiny), *other;
	int taken, left;
	assert_int_equal(c5_model_named(&other, "sesmo", 1, 50, 50, 2, 0), C5_OK);
	for (int i = 0; i < other->n_layers; i++) snprintf(other->layers[i].name, sizeof other->layers[i].name, "other%d", i);
	c5_weights *w = weights(m, 1), *from = weights(other, 1);
	assert_int_equal(c5_transfer(w, m, from, other, &taken, &left), C5_EINPUT);
	assert_non_null(strstr(c5_error_last(), "nothing can be taken over"));
	c5_weights_free(w);
	c5_weights_free(from);
	c5_model_free(other);
	c5_model_free(m);
}

static void a_head_over_several_layers(void **state)
{
	(void)state;
	c5_model *m = model(tiny), *n;
	float x[3 * 16 * 16], prob[2], sum = 0;
	int taken, left;
	assert_int_equal(c5_model_features(&n, m, "c?,n1", 2), C5_OK);
	int join = c5_model_find(n, "features1.1"), head = c5_model_find(n, "head");
	assert_true(join > 0 && n->layers[join].shape[0] == 4 + 4 + 5 && head > 0 && c5_model_classes(n) == 2);
	assert_true(c5_model_find(n, "logits") < 0 && c5_model_find(n, "mean.n1") > 0); /* what was behind is gone */
	c5_weights *from = weights(m, 1), *w = weights(n, 2);
	assert_int_equal(c5_transfer(w, n, from, m, &taken, &left), C5_OK);
	assert_true(taken == 3 && left == 1);
	for (int i = 0; i < 3 * 16 * 16; i++) x[i] = (float)cos(i * 0.3);
	answer(prob, n, w, (const float *const[]){ x }, 1);
	for (int k = 0; k < 2; k++) sum += prob[k];
	assert_true(fabsf(sum - 1) < 1e-5f);
	c5_weights_free(from);
	c5_weights_free(w);
	c5_model_free(n);
	/* one layer needs no joining, many are joined in rounds */
	assert_int_equal(c5_model_features(&n, m, "c1", 3), C5_OK);
	assert_true(c5_model_find(n, "features1.1") < 0 && c5_model_find(n, "c2") < 0);
	c5_model_free(n);
	c5_model_free(m);
	assert_int_equal(c5_model_named(&m, "mobilenet_v1", 1, 64, 64, 5, 0.25), C5_OK);
	assert_int_equal(c5_model_features(&n, m, "*_pw*", 5), C5_OK);
	assert_true(c5_model_find(n, "features2.1") > 0 && c5_model_classes(n) == 5);
	c5_model_free(n);
	assert_int_equal(c5_model_features(&n, m, "nowhere", 5), C5_ENOTFOUND);
	assert_non_null(strstr(c5_error_last(), "has no such layer; it has conv"));
	c5_model_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_head_over_several_layers),
		cmocka_unit_test(classifiers_are_known), cmocka_unit_test(another_head_and_size_keep_the_rest), cmocka_unit_test(branches_share_the_old_numbers),
		cmocka_unit_test(freezing_reaches_all_branches), cmocka_unit_test(nothing_in_common_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
