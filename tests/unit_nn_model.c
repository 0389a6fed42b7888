/* unit_nn_model.c – models as data: text both ways, shapes, refusals, costs against published figures, and weights on the host. */
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
#include "base/text.h"
#include "nn/model.h"
#include "nn/weights.h"

static c5_model *parse(const char *text)
{
	c5_model *m = NULL;
	if (c5_model_parse(&m, "m.yml", text, strlen(text)) < 0) fail_msg("%s", c5_error_last());
	return m;
}

static char *text_of(const c5_model *m)
{
	c5_buf b = { 0 };
	c5_model_add_yaml(&b, m);
	char *text = c5_text_take(&b);
	assert_non_null(text);
	return text;
}

static c5_model *named(const char *name, int channels, int side, int classes, double width)
{
	c5_model *m = NULL;
	if (c5_model_named(&m, name, channels, side, side, classes, width) < 0) fail_msg("%s: %s", name, c5_error_last());
	return m;
}

/* ---- text ---- */

static const char many[] =
	"name: many\n"
	"inputs: { image: [4, 21, 30], other: [6], steps: [7, 3] }\n"
	"layers:\n"
	"  - { name: c1, from: image, conv: { filters: 8, kernel: [3, 5], stride: [2, 1], padding: same, groups: 2, activation: leaky_relu, slope: 0.3 } }\n"
	"  - { batch_norm: { epsilon: 0.001, momentum: 0.99, activation: relu6 } }\n"
	"  - { name: c2, conv: { filters: 6, kernel: 3, dilation: 2, padding: [1, 0, 2, 3], bias: false } }\n"
	"  - { name: g, group_norm: { groups: 3 } }\n"
	"  - { name: mp, max_pool: { size: 3, stride: 2, padding: 1 } }\n"
	"  - { name: t, conv_transpose: { filters: 5, kernel: 3, stride: 2, padding: same } }\n"
	"  - { name: u, upsample: { factor: 3, mode: bilinear } }\n"
	"  - { name: ap, average_pool: { size: [2, 3] } }\n"
	"  - { name: cat, from: [ap, ap], concat: {} }\n"
	"  - { name: sum, from: [cat, cat], add: { activation: tanh } }\n"
	"  - { name: gp, global_pool: {} }\n"
	"  - { name: l1, from: steps, lstm: { units: 5, sequences: true } }\n"
	"  - { name: l2, lstm: { units: 4 } }\n"
	"  - { name: 'odd name:', from: [gp, other, l2], concat: {} }\n"
	"outputs: [l2]\n";

static void text_is_read_and_written_to_the_same_model(void **state)
{
	(void)state;
	char *blank = strdup(many), *first, *second;
	memcpy(strstr(blank, "odd name:"), "odd_name:", 9);
	c5_model *m = parse(blank), *again;
	first = text_of(m);
	again = parse(first);
	second = text_of(again);
	assert_string_equal(first, second);
	assert_int_equal(m->n_layers, again->n_layers);
	for (int i = 0; i < m->n_layers; i++) assert_memory_equal(&m->layers[i], &again->layers[i], sizeof *m->layers);
	assert_string_equal(again->layers[m->n_layers - 1].name, "odd_name:");
	assert_int_equal(again->n_outputs, 1);
	assert_int_equal(again->outputs[0], c5_model_find(m, "l2"));
	assert_string_equal(m->layers[4].name, "batch_norm_4");
	free(first);
	free(second);
	free(blank);
	c5_model_free(m);
	c5_model_free(again);
}

static void shapes_and_parameters_are_worked_out(void **state)
{
	(void)state;
	static const struct { const char *name; int rank, shape[3], n_params; size_t count; } want[] = {
		{ "c1", 3, { 8, 11, 30 }, 2, 8 * 2 * 3 * 5 }, { "batch_norm_4", 3, { 8, 11, 30 }, 4, 8 }, { "c2", 3, { 6, 8, 31 }, 1, 6 * 8 * 9 },
		{ "g", 3, { 6, 8, 31 }, 2, 6 }, { "mp", 3, { 6, 4, 16 }, 0, 0 }, { "t", 3, { 5, 8, 32 }, 2, 5 * 6 * 9 }, { "u", 3, { 5, 24, 96 }, 0, 0 },
		{ "ap", 3, { 5, 12, 32 }, 0, 0 }, { "cat", 3, { 10, 12, 32 }, 0, 0 }, { "gp", 1, { 10 }, 0, 0 }, { "l1", 2, { 7, 5 }, 3, 60 },
		{ "l2", 1, { 4 }, 3, 80 }, { "all", 1, { 20 }, 0, 0 },
	};
	char *text = strdup(many);
	memcpy(strstr(text, "'odd name:'"), "all        ", 11);
	c5_model *m = parse(text);
	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		int l = c5_model_find(m, want[i].name);
		assert_true(l >= 0);
		assert_int_equal(m->layers[l].rank, want[i].rank);
		if (memcmp(m->layers[l].shape, want[i].shape, sizeof want[i].shape) != 0)
			fail_msg("%s: %d x %d x %d", want[i].name, m->layers[l].shape[0], m->layers[l].shape[1], m->layers[l].shape[2]);
		assert_int_equal(m->layers[l].n_params, want[i].n_params);
		assert_int_equal(m->layers[l].params[0].count, want[i].count);
	}
	free(text);
	c5_model_free(m);
}

/* TensorFlow's: the odd pixel comes last. */
static void same_padding_is_asymmetric(void **state)
{
	(void)state;
	static const struct { int size, kernel, stride, dilation, out, before, after; } want[] = {
		{ 128, 3, 2, 1, 64, 0, 1 }, { 127, 3, 2, 1, 64, 1, 1 }, { 8, 3, 1, 1, 8, 1, 1 }, { 8, 2, 1, 1, 8, 0, 1 }, { 8, 4, 1, 1, 8, 1, 2 },
		{ 7, 1, 2, 1, 4, 0, 0 }, { 9, 3, 1, 2, 9, 2, 2 }, { 5, 2, 3, 1, 2, 0, 0 }, { 224, 7, 2, 1, 112, 2, 3 }, { 10, 3, 3, 1, 4, 1, 1 },
	};
	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		char text[400];
		snprintf(text, sizeof text, "inputs: { x: [1, %d, %d] }\nlayers: [ { name: c, conv: { filters: 1, kernel: %d, stride: %d, dilation: %d, "
		         "padding: same } } ]", want[i].size, want[i].size, want[i].kernel, want[i].stride, want[i].dilation);
		c5_model *m = parse(text);
		const int pads[4] = { want[i].before, want[i].after, want[i].before, want[i].after };
		assert_int_equal(m->layers[1].shape[1], want[i].out);
		assert_memory_equal(m->layers[1].pad, pads, sizeof pads);
		c5_model_free(m);
	}
}

/* As the gradient of a convolution of the same settings: TensorFlow gives size * stride for "same". */
static void transposed_convolutions_undo_the_size(void **state)
{
	(void)state;
	static const struct { int size, kernel, stride; const char *padding; int out, before, after; } want[] = {
		{ 5, 3, 2, "same", 10, 0, 1 }, { 5, 2, 2, "valid", 10, 0, 0 }, { 5, 4, 2, "same", 10, 1, 1 }, { 5, 3, 2, "valid", 11, 0, 0 },
		{ 5, 3, 1, "same", 5, 1, 1 }, { 5, 1, 2, "same", 10, 0, -1 }, { 5, 3, 2, "[1, 0, 1, 0]", 10, 1, 0 },
	};
	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		char text[400];
		snprintf(text, sizeof text, "inputs: { x: [1, %d, %d] }\nlayers:\n- { name: c, conv_transpose: { filters: 1, kernel: %d, stride: %d, "
		         "padding: %s } }", want[i].size, want[i].size, want[i].kernel, want[i].stride, want[i].padding);
		c5_model *m = parse(text);
		assert_int_equal(m->layers[1].shape[2], want[i].out);
		assert_int_equal(m->layers[1].pad[2], want[i].before);
		assert_int_equal(m->layers[1].pad[3], want[i].after);
		c5_model_free(m);
	}
}

static void what_cannot_compute_is_refused_with_place_and_name(void **state)
{
	(void)state;
	static const struct { const char *text, *error; } bad[] = {
		{ "[a]", "m.yml:1:1: a model is a map with name, inputs, layers and outputs, found a sequence" },
		{ "layers: []", "m.yml:1:1: inputs are missing, as in inputs: { image: [1, 50, 50] }" },
		{ "inputs: { x: [1, 8, 8] }", "m.yml:1:1: layers: a sequence of layers is expected" },
		{ "inputs: { x: [1, 0, 8] }", "m.yml:1:11: layer 'x' (input): its output would be too large (1 x 0 x 8)" },
		{ "inputs: { x: [1, 8, 8] }\nlayers:\n- { conf: {} }", "m.yml:3:5: no layer is called conf; did you mean conv?" },
		{ "inputs: { x: [1, 8, 8] }\nlayers:\n- { name: q }",
		  "m.yml:3:3: the layer says not what it is; as in { name: c1, conv: { filters: 32, kernel: 3 } }" },
		{ "inputs: { x: [1, 8, 8] }\nlayers:\n- { conv: { filter: 3, kernel: 1 } }", "m.yml:3:13: filter: unknown setting of conv; did you mean filters?" },
		{ "inputs: { x: [1, 8, 8] }\nlayers:\n- { conv: { filters: 3 } }", "m.yml:3:11: conv: kernel is missing" },
		{ "inputs: { x: [1, 8, 8] }\nlayers:\n- { flatten: { c: 1 } }", "m.yml:3:16: c: unknown setting; flatten has none" },
		{ "inputs: { x: [1, 8, 8] }\nlayers:\n- { name: c, conv: { filters: 3, kernel: 9 } }",
		  "m.yml:3:3: layer 'c' (conv): its window of 9 pixels is larger than the 8 of 'x'; use larger images, fewer pools or padding: same" },
		{ "inputs: { x: [1, 8, 8] }\nlayers:\n- { name: c, conv: { filters: 3, kernel: 3, groups: 2 } }",
		  "m.yml:3:3: layer 'c' (conv): 2 groups do not divide the 1 channels of 'x' and the 3 filters" },
		{ "inputs: { x: [1, 8, 8] }\nlayers:\n- { name: c, from: y, flatten: {} }", "m.yml:3:20: no layer 'y' before this one" },
		{ "inputs: { x: [1, 8, 8] }\nlayers:\n- { name: x, flatten: {} }", "m.yml:3:3: layer 'x' (flatten): layer 0 is called so already" },
		{ "inputs: { x: [1, 8, 8], y: [2, 8, 9] }\nlayers:\n- { name: a, from: [x, y], concat: {} }",
		  "m.yml:3:3: layer 'a' (concat): 'x' gives 1 x 8 x 8, 'y' gives 2 x 8 x 9; all but the channels must agree" },
		{ "inputs: { x: [1, 8, 8], y: [2, 8, 8] }\nlayers:\n- { name: a, from: [x, y], add: {} }",
		  "m.yml:3:3: layer 'a' (add): 'x' gives 1 x 8 x 8, 'y' gives 2 x 8 x 8; all must agree" },
		{ "inputs: { x: [5] }\nlayers:\n- { name: a, lstm: { units: 3 } }",
		  "m.yml:3:3: layer 'a' (lstm): needs a sequence of steps x channels, 'x' gives 5" },
		{ "inputs: { x: [5] }\nlayers:\n- { name: a, dense: { units: 1 } }\n- { name: p, softmax: {} }",
		  "m.yml:4:3: layer 'p' (softmax): 'a' gives one channel, whose softmax is always 1; use a sigmoid, or two classes" },
		{ "inputs: { x: [5] }\nlayers:\n- { name: a, dense: { units: 1, activation: softmax } }",
		  "m.yml:3:45: softmax is a layer of its own: { softmax: {} }" },
		{ "inputs: { x: [5] }\nlayers:\n- { name: a, dense: { units: 99999999 } }", "m.yml:3:3: layer 'a' (dense): 99999999 units; at least 1 is needed" },
		{ "inputs: { x: [16777216] }\nlayers:\n- { name: a, dense: { units: 16777216 } }",
		  "m.yml:3:3: layer 'a' (dense): its weights would hold too many numbers" },
		{ "inputs: { x: [5] }\nlayers:\n- { name: a/b, dropout: {} }",
		  "m.yml:3:3: layer 'a/b' (dropout): names are of letters, digits and signs without blanks and slashes" },
		{ "inputs: { x: [5] }\nlayers:\n- { dropout: { rate: 1 } }", "m.yml:3:3: layer 'dropout_1' (dropout): rate 1; 0 to below 1 is needed" },
		{ "inputs: { x: [5] }\nlayers:\n- { dropout: {}, flatten: {} }", "m.yml:3:18: two kinds of layer in one: dropout and flatten" },
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		c5_model *m = NULL;
		int err = c5_model_parse(&m, "m.yml", bad[i].text, strlen(bad[i].text));
		assert_true(err < 0);
		assert_null(m);
		assert_string_equal(c5_error_last(), bad[i].error);
	}
}

/* ---- models that ship ---- */

/* Parameters as the authors' own implementations count them (torchvision 0.20, Keras 3 applications); receptive fields: Araujo et al. 2019,
 * Distill, "Computing receptive fields"; the others by hand (unet: 188 and 204 pixels by turns, 200 in the mean of positions). */
static void named_models_are_those_published(void **state)
{
	(void)state;
	static const struct { const char *name; int channels, side, classes; double width; int64_t parameters, trained; int field, stride; } want[] = {
		{ "sesmo", 1, 50, 2, 0, 2756898, 2756898, 16, 4 }, { "sesmo", 3, 50, 2, 0, 2757474, 2757474, 16, 4 },
		{ "lenet", 1, 32, 3, 0, 61111, 61111, 32, 4 }, { "resnet18", 3, 224, 1000, 0, 11689512 + 9600, 11689512, 435, 32 },
		{ "resnet34", 3, 224, 1000, 0, 21797672 + 17024, 21797672, 899, 32 }, { "mobilenet_v1", 3, 224, 1000, 1, 4253864, 4231976, 315, 32 },
		{ "mobilenet_v1", 3, 128, 1000, 0.25, 475544, 470072, 315, 32 }, { "mobilenet_v2", 3, 224, 1000, 1, 3538984, 3504872, 491, 32 },
		{ "mobilenet_v2", 3, 224, 1000, 1.4, 6156712, 6108776, 491, 32 }, { "unet", 1, 256, 1, 0, 7762465 + 5888, 7762465, 200, 1 },
	};
	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		c5_model *m = named(want[i].name, want[i].channels, want[i].side, want[i].classes, want[i].width);
		c5_model_cost cost;
		c5_model_costs(&cost, m);
		if (cost.parameters != want[i].parameters || cost.trained != want[i].trained ||
		    cost.receptive_field != want[i].field || cost.stride != want[i].stride)
			fail_msg("%s: %lld parameters, %lld trained, field %d, stride %d", want[i].name, (long long)cost.parameters, (long long)cost.trained,
			         cost.receptive_field, cost.stride);
		char *text = text_of(m);
		c5_model *again = parse(text);
		for (int l = 0; l < m->n_layers; l++) assert_memory_equal(&m->layers[l], &again->layers[l], sizeof *m->layers);
		free(text);
		c5_model_free(m);
		c5_model_free(again);
	}
}

static void products_are_counted_as_published(void **state)
{
	(void)state;
	/* multiply-adds: He et al. 1.8e9; Howard et al. 569e6 and 41e6 (0.25 at 224); Sandler et al. 300e6 */
	static const struct { const char *name; double width; double low, high; } want[] = {
		{ "resnet18", 0, 1.81e9, 1.82e9 }, { "resnet34", 0, 3.6e9, 3.7e9 }, { "mobilenet_v1", 1, 568e6, 570e6 }, { "mobilenet_v1", 0.25, 41e6, 41.5e6 },
		{ "mobilenet_v2", 1, 299e6, 301.5e6 },
	};
	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		c5_model *m = named(want[i].name, 3, 224, 1000, want[i].width);
		c5_model_cost cost;
		c5_model_costs(&cost, m);
		double products = (double)cost.flops / 2;
		if (products < want[i].low || products > want[i].high) fail_msg("%s: %g multiply-adds", want[i].name, products);
		c5_model_free(m);
	}
}

static void names_and_sizes_that_do_not_fit_are_refused(void **state)
{
	(void)state;
	c5_model *m;
	assert_int_equal(c5_model_named(&m, "resnet19", 1, 64, 64, 2, 0), C5_ENOTFOUND);
	assert_string_equal(c5_error_last(), "no model that ships is called 'resnet19'; did you mean resnet18?");
	assert_int_equal(c5_model_named(&m, "zz", 1, 64, 64, 2, 0), C5_ENOTFOUND);
	assert_non_null(strstr(c5_error_last(), "sesmo, lenet, resnet18, resnet34, mobilenet_v1, mobilenet_v2 and unet"));
	assert_int_equal(c5_model_named(&m, "unet", 1, 100, 96, 2, 0), C5_EUSAGE);
	assert_string_equal(c5_error_last(), "unet: inputs of 100 x 96 pixels; both must be multiples of 16");
	assert_int_equal(c5_model_named(&m, "sesmo", 1, 12, 50, 2, 0), C5_EINPUT);
	assert_non_null(strstr(c5_error_last(), "sesmo: layer 'conv4' (conv): its window of 3 pixels is larger than"));
	assert_int_equal(c5_model_named(&m, "sesmo", 1, 50, 50, 1, 0), C5_EUSAGE);
	assert_int_equal(c5_model_named(&m, "resnet18", 1, 64, 64, 2, 0.5), C5_EUSAGE);
	int n = 0;
	while (c5_model_name_of(n)) n++;
	assert_int_equal(n, 7);
}

static void inputs_of_another_size_are_taken_where_they_can(void **state)
{
	(void)state;
	c5_model *m = named("mobilenet_v2", 1, 64, 2, 0.5);
	assert_int_equal(c5_model_resize(m, 96, 130), C5_OK);
	const c5_layer *last = &m->layers[c5_model_find(m, "head")];
	assert_int_equal(last->shape[1], 3);
	assert_int_equal(last->shape[2], 5);
	c5_model_free(m);
	m = named("sesmo", 1, 50, 2, 0);
	assert_int_equal(c5_model_resize(m, 64, 64), C5_EINPUT);
	assert_non_null(strstr(c5_error_last(), "layer 'dense1' has weights for each pixel"));
	assert_int_equal(m->layers[0].shape[1], 50);
	c5_model_free(m);
}

/* ---- weights ---- */

static void stats(double *mean, double *sd, const c5_weights *w, const c5_model *m, const char *layer)
{
	int l = c5_model_find(m, layer);
	const float *p = c5_weights_of(w, l, 0);
	double n = (double)m->layers[l].params[0].count, sum = 0, square = 0;
	for (size_t i = 0; i < m->layers[l].params[0].count; i++) sum += p[i];
	for (size_t i = 0; i < m->layers[l].params[0].count; i++) square += (p[i] - sum / n) * (p[i] - sum / n);
	*mean = sum / n;
	*sd = sqrt(square / n);
}

static void first_values_have_the_spread_they_should(void **state)
{
	(void)state;
	c5_model *m = named("resnet18", 3, 64, 10, 0);
	c5_weights *w, *same, *other;
	double mean, sd;
	assert_int_equal(c5_weights_new(&w, m), C5_OK);
	c5_weights_init(w, m, 7);
	stats(&mean, &sd, w, m, "layer2.0.conv2"); /* ReLU behind a norm and a sum: He */
	assert_true(fabs(sd / sqrt(2.0 / (128 * 9)) - 1) < 0.01 && fabs(mean) < 0.001);
	stats(&mean, &sd, w, m, "fc"); /* softmax: Glorot */
	assert_true(fabs(sd / sqrt(2.0 / (512 + 10)) - 1) < 0.03 && fabs(mean) < 0.003);
	int bn = c5_model_find(m, "bn1");
	for (int p = 0; p < 4; p++) assert_true(c5_weights_of(w, bn, p)[5] == (p == 0 || p == 3));
	assert_int_equal(c5_weights_copy(&same, w), C5_OK);
	assert_int_equal(c5_weights_new(&other, m), C5_OK);
	c5_weights_init(same, m, 7);
	c5_weights_init(other, m, 8);
	assert_memory_equal(same->data, w->data, w->count * sizeof *w->data);
	assert_memory_not_equal(other->data, w->data, w->count * sizeof *w->data);
	c5_weights_free(w);
	c5_weights_free(same);
	c5_weights_free(other);
	c5_model_free(m);
}

static void forget_gates_begin_open(void **state)
{
	(void)state;
	c5_model *m = parse("inputs: { x: [3, 2] }\nlayers: [ { lstm: { units: 4 } } ]");
	c5_weights *w;
	assert_int_equal(c5_weights_new(&w, m), C5_OK);
	c5_weights_init(w, m, 1);
	for (int i = 0; i < 16; i++) assert_true(c5_weights_of(w, 1, 2)[i] == (i >= 4 && i < 8));
	c5_weights_free(w);
	c5_model_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_read_and_written_to_the_same_model),
		cmocka_unit_test(shapes_and_parameters_are_worked_out),
		cmocka_unit_test(same_padding_is_asymmetric),
		cmocka_unit_test(transposed_convolutions_undo_the_size),
		cmocka_unit_test(what_cannot_compute_is_refused_with_place_and_name),
		cmocka_unit_test(named_models_are_those_published),
		cmocka_unit_test(products_are_counted_as_published),
		cmocka_unit_test(names_and_sizes_that_do_not_fit_are_refused),
		cmocka_unit_test(inputs_of_another_size_are_taken_where_they_can),
		cmocka_unit_test(first_values_have_the_spread_they_should),
		cmocka_unit_test(forget_gates_begin_open),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
