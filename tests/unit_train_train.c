/* unit_train_train.c – the training loop on a small problem: it learns, stops early, lowers the rate on a plateau, keeps the best epoch, goes on
 * after an interruption to the same bits, and says which batch the loss went wrong in. */
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
#include "train/train.h"
#ifdef C5_EMULATED
#include "cuda_runtime_api.h"
#endif
#ifndef C5_TEST_DEVICE
#define C5_TEST_DEVICE "cpu"
#endif

enum { TRAIN = 60, VALIDATE = 20, WIDE = 6 };

static const char tiny[] =
	"name: tiny\n"
	"inputs: { numbers: [6] }\n"
	"layers:\n"
	"  - { name: d1, dense: { units: 8, activation: relu } }\n"
	"  - { name: drop, dropout: { rate: 0.2 } }\n"
	"  - { name: logits, dense: { units: 2 } }\n"
	"  - { name: prob, softmax: {} }\n"
	"outputs: [prob]\n";

/* Item i: six numbers around +1 or -1 by its class; a draw adds noise. Item `bad` gives no number from its draw `bad_from` on. */
static size_t bad;
static uint64_t bad_from;
static size_t bad_until; /* batches are NaN */

static int fill(c5_feed *f, const size_t *items, const uint64_t *draws, size_t n, uint64_t seed, float *const *inputs, float *const *targets,
	float *weight)
{
	(void)f;
	for (size_t i = 0; i < n; i++) {
		c5_random r;
		int label = items[i] % 3 == 0;
		c5_random_start(&r, 77, items[i]);
		for (int k = 0; k < WIDE; k++) inputs[0][i * WIDE + (size_t)k] = (float)((label ? 0.6 : -0.6) + c5_random_normal(&r));
		if (draws) {
			c5_random_start(&r, seed, draws[i]);
			for (int k = 0; k < WIDE; k++) inputs[0][i * WIDE + (size_t)k] += (float)(0.1 * c5_random_normal(&r));
			if (items[i] == bad && draws[i] >= bad_from && draws[i] < bad_until) inputs[0][i * WIDE] = NAN;
		}
		targets[0][2 * i] = (float)!label;
		targets[0][2 * i + 1] = (float)label;
		weight[i] = 1;
	}
	return C5_OK;
}

static int judge(c5_feed *f, const float *const *outputs, const float *const *targets, const char *names[8], double values[8])
{
	size_t right = 0;
	for (size_t i = 0; i < f->n_validate; i++) right += (outputs[0][2 * i + 1] > 0.5f) == (targets[0][2 * i + 1] > 0.5f);
	names[0] = "accuracy", values[0] = (double)right / (double)f->n_validate;
	return 1;
}

static c5_model *model;
static c5_device *device;
static c5_feed feed;
static c5_train_params params;
static c5_together together;
static c5_loss loss = { .kind = C5_LOSS_CROSS_ENTROPY, .share = 1 };

static int set_up(void **state)
{
	(void)state;
	c5_alone(&together);
	bad = SIZE_MAX;
	bad_from = 0;
	bad_until = SIZE_MAX;
	feed = (c5_feed){ .n_train = TRAIN, .n_validate = VALIDATE, .n_inputs = 1, .n_targets = 1, .input_count = { WIDE }, .target_count = { 2 },
		.fill = fill, .judge = judge };
	memset(&params, 0, sizeof params);
	if (c5_opt_defaults(c5_train_opts, &params) < 0 || c5_model_parse(&model, "tiny", tiny, strlen(tiny)) < 0) return -1;
	params.epochs = 8, params.batch = 16, params.rate = 0.02;
	return c5_device_open(&device, C5_TEST_DEVICE);
}

static int tear_down(void **state)
{
	(void)state;
	c5_opt_clear(c5_train_opts, &params);
	c5_model_free(model);
	c5_device_close(device);
	return 0;
}

static void set_text(char **to, const char *text)
{
	free(*to);
	*to = strdup(text);
}

static void begin(c5_train_state *s)
{
	*s = (c5_train_state){ 0 };
	assert_int_equal(c5_weights_new(&s->weights, model), C5_OK);
	c5_weights_init(s->weights, model, 3);
}

static int train(c5_train_state *s, c5_keeper *keeper)
{
	const c5_train_job job = { .model = model, .feed = &feed, .losses = &loss, .n_losses = 1, .params = &params, .together = &together, .device = device,
		.keeper = keeper };
	return c5_train(&job, s);
}

static void it_learns(void **state)
{
	(void)state;
	c5_train_state s;
	begin(&s);
	assert_int_equal(train(&s, NULL), C5_OK);
	assert_true(s.finished && s.epoch == 8 && s.step == 0 && s.n_figures == 1);
	assert_string_equal(s.figures[0], "accuracy");
	assert_true(s.history[7].loss < 0.7 * s.history[0].loss);
	for (uint32_t e = 0; e < 8; e++) {
		assert_true(s.history[e].epoch == e + 1 && s.history[e].norm > 0 && isfinite(s.history[e].validation_loss));
		assert_true(isnan(s.history[e].figures[1]));
		if (e) assert_true(s.history[e].rate < s.history[e - 1].rate); /* cosine */
	}
	/* the best weights are those of the best epoch: asked again they give its loss */
	const c5_train_job job = { .model = model, .feed = &feed, .losses = &loss, .n_losses = 1, .params = &params, .together = &together,
		.device = device };
	float out[2 * VALIDATE], x[WIDE * VALIDATE], y[2 * VALIDATE], w[VALIDATE];
	size_t items[VALIDATE];
	for (size_t i = 0; i < VALIDATE; i++) items[i] = TRAIN + i;
	fill(&feed, items, NULL, VALIDATE, 0, (float *const[]){ x }, (float *const[]){ y }, w);
	assert_int_equal(c5_train_predict(&job, s.best_weights, TRAIN, VALIDATE, 4, (float *const[]){ out }), C5_OK);
	assert_true(fabs(c5_loss_value(&loss, out, y, VALIDATE, 2, 2) - s.history[s.best_epoch - 1].validation_loss) < 1e-6);
	assert_true(s.best == s.history[s.best_epoch - 1].validation_loss);
	for (uint32_t e = 0; e < 8; e++) assert_true(s.history[e].validation_loss >= s.best);
	c5_train_state_free(&s);
}

static void it_stops_when_nothing_gets_better(void **state)
{
	(void)state;
	c5_train_state s;
	params.epochs = 100, params.stop_after = 4;
	begin(&s);
	params.rate = 0; /* nothing moves: the first epoch is the best */
	assert_int_equal(train(&s, NULL), C5_OK);
	assert_true(s.finished && s.epoch == 5 && s.best_epoch == 1);
	c5_train_state_free(&s);
}

static void a_plateau_lowers_the_rate(void **state)
{
	(void)state;
	c5_train_state s;
	set_text(&params.schedule, "plateau");
	set_text(&params.watch, "accuracy");
	params.factor = 0.1, params.every = 2, params.epochs = 9, params.rate = 1e-9; /* too small for any answer to change */
	begin(&s);
	assert_int_equal(train(&s, NULL), C5_OK);
	/* the first is the best; after epochs 3, 5, 7 and 9 two more have passed without */
	static const double want[9] = { 0, 0, 0, 1, 1, 2, 2, 3, 3 };
	for (int e = 0; e < 9; e++) assert_true(fabs(s.history[e].rate / (1e-9 * pow(0.1, want[e])) - 1) < 1e-9);
	assert_int_equal(s.plateaus, 4);
	c5_train_state_free(&s);
}

static void the_figure_watched_chooses_the_epoch(void **state)
{
	(void)state;
	c5_train_state s;
	set_text(&params.watch, "accuracy");
	begin(&s);
	assert_int_equal(train(&s, NULL), C5_OK);
	for (uint32_t e = 0; e < s.epoch; e++) assert_true(s.history[e].figures[0] <= s.best);
	assert_true(s.history[s.best_epoch - 1].figures[0] == s.best);
	c5_train_state_free(&s);
	set_text(&params.watch, "dice");
	begin(&s);
	assert_int_equal(train(&s, NULL), C5_EUSAGE);
	assert_string_equal(c5_error_last(), "--watch dice: there is no such figure here; expected one of last, loss, accuracy");
	c5_train_state_free(&s);
}

/* ---- interruptions ---- */

typedef struct kept { c5_train_state s; uint32_t saves, stop_at; } kept; /* what a container would have */

static void copy_state(c5_train_state *to, const c5_train_state *s)
{
	c5_train_state_free(to);
	*to = *s;
	to->history = calloc(s->epoch + 1, sizeof *s->history), to->cap_history = s->epoch + 1;
	if (s->epoch) memcpy(to->history, s->history, s->epoch * sizeof *s->history);
	to->weights = to->best_weights = NULL;
	c5_weights_copy(&to->weights, s->weights);
	if (s->best_weights) c5_weights_copy(&to->best_weights, s->best_weights);
	to->optimizer = malloc((s->n_optimizer + 1) * sizeof(float));
	memcpy(to->optimizer, s->optimizer, s->n_optimizer * sizeof(float));
}

static int save(c5_keeper *k, const c5_train_state *s)
{
	kept *p = k->ctx;
	copy_state(&p->s, s);
	return ++p->saves == p->stop_at ? c5_fail(C5_EIO, "the machine is gone") : C5_OK;
}

static void an_interruption_leaves_no_trace(void **state)
{
	(void)state;
	c5_train_state whole;
	params.save_every_s = 1e-9; /* after every step */
	params.averaging = 0.9, params.warm_up = 0.7, params.clip = 0.5;
	begin(&whole);
	assert_int_equal(train(&whole, NULL), C5_OK);
	for (uint32_t at = 1; at < 12; at += 3) {
		kept k = { .stop_at = at };
		c5_keeper keeper = { .ctx = &k, .save = save };
		c5_train_state s, again = { 0 };
		begin(&s);
		assert_int_equal(train(&s, &keeper), C5_EIO);
		assert_true(k.saves == at && !k.s.finished);
		c5_train_state_free(&s);
		copy_state(&again, &k.s);
		assert_int_equal(train(&again, NULL), C5_OK);
		assert_memory_equal(again.weights->data, whole.weights->data, whole.weights->count * sizeof(float));
		assert_memory_equal(again.best_weights->data, whole.best_weights->data, whole.weights->count * sizeof(float));
		assert_memory_equal(again.optimizer, whole.optimizer, whole.n_optimizer * sizeof(float));
		assert_true(again.epoch == whole.epoch && again.best_epoch == whole.best_epoch);
		for (uint32_t e = 0; e < whole.epoch; e++)
			assert_true(again.history[e].loss == whole.history[e].loss && again.history[e].validation_loss == whole.history[e].validation_loss &&
				again.history[e].norm == whole.history[e].norm && again.history[e].rate == whole.history[e].rate);
		c5_train_state_free(&again);
		c5_train_state_free(&k.s);
	}
	c5_train_state_free(&whole);
}

/* ---- what goes wrong ---- */

static void a_loss_that_is_no_number_names_its_batch(void **state)
{
	(void)state;
	for (int epoch = 0; epoch < 3; epoch += 2) {
		kept k = { 0 };
		c5_keeper keeper = { .ctx = &k, .save = save };
		c5_train_state s;
		char want[64];
		bad = 7, bad_from = (uint64_t)epoch * 64; /* 4 steps of 16 an epoch */
		bad_until = bad_from + 64;
		params.save_every_s = 0;
		begin(&s);
		assert_int_equal(train(&s, &keeper), C5_EINPUT);
		snprintf(want, sizeof want, "the loss is no number in epoch %d, batch ", epoch + 1);
		assert_non_null(strstr(c5_error_last(), want));
		assert_non_null(strstr(c5_error_last(), "--rate"));
		if (epoch) { /* two whole epochs are kept, with good numbers */
			assert_true(k.saves == 1 && k.s.epoch == 2 && k.s.step == 0);
			assert_non_null(strstr(c5_error_last(), "the checkpoint of the last whole epoch is kept"));
			for (size_t i = 0; i < k.s.best_weights->count; i++) assert_true(isfinite(k.s.best_weights->data[i]));
		} else assert_int_equal(k.saves, 0);
		c5_train_state_free(&k.s);
		c5_train_state_free(&s);
	}
}

static void a_gradient_that_explodes_is_told(void **state)
{
	(void)state;
	c5_train_state s;
	params.rate = 1e30, params.epochs = 20;
	set_text(&params.optimizer, "sgd");
	set_text(&params.schedule, "constant");
	begin(&s);
	assert_int_equal(train(&s, NULL), C5_EINPUT);
	assert_non_null(strstr(c5_error_last(), "epoch"));
	assert_non_null(strstr(c5_error_last(), "batch"));
	c5_train_state_free(&s);
}

/* Finite batches, but the last step leaves weights that give no answers: told after the epoch, the best one before is kept. */
static void answers_that_are_no_numbers_end_it(void **state)
{
	(void)state;
	c5_train_state s;
	kept k = { 0 };
	c5_keeper keeper = { .ctx = &k, .save = save };
	params.rate = 0, params.epochs = 1;
	begin(&s);
	assert_int_equal(train(&s, NULL), C5_OK); /* a good epoch to fall back on */
	s.finished = false;
	params.epochs = 3;
	for (size_t i = 0; i < s.weights->count; i++) s.weights->data[i] = i < 6 * 8 ? 3e38f : 1; /* inf - inf where items have both signs */
	feed.n_train = 1; /* the item learnt from gives a number: nothing of it is positive */
	int err = train(&s, &keeper);
	assert_int_equal(err, C5_EINPUT);
	assert_non_null(strstr(c5_error_last(), "--rate"));
	for (size_t i = 0; i < s.best_weights->count; i++) assert_true(fabsf(s.best_weights->data[i]) < 10);
	c5_train_state_free(&k.s);
	c5_train_state_free(&s);
}

static void losses_of_outputs_are_their_formulas(void **state)
{
	(void)state;
	const float out[4] = { 0.8f, 0.2f, 0.3f, 0.7f }, target[4] = { 1, 0, 1, 0 };
	const c5_loss ce = { .kind = C5_LOSS_CROSS_ENTROPY }, focal = { .kind = C5_LOSS_FOCAL, .gamma = 2 }, mse = { .kind = C5_LOSS_MSE },
		dice = { .kind = C5_LOSS_DICE },
		binary = { .kind = C5_LOSS_BINARY };
	assert_true(fabs(c5_loss_value(&ce, out, target, 2, 2, 2) + (log(0.8) + log(0.3)) / 2) < 1e-6);
	assert_true(fabs(c5_loss_value(&focal, out, target, 2, 2, 2) + (0.04 * log(0.8) + 0.49 * log(0.3)) / 2) < 1e-6);
	assert_true(fabs(c5_loss_value(&mse, out, target, 2, 2, 2) - (0.04 + 0.49) / 2) < 1e-6);
	assert_true(fabs(c5_loss_value(&binary, out, target, 1, 4, 1) + (log(0.8) + log(0.8) + log(0.3) + log(0.3)) / 4) < 1e-6);
	assert_true(fabs(c5_loss_value(&dice, out, target, 1, 4, 1) - (1 - (2 * 1.1 + 1) / (2 + 2 + 1.0))) < 1e-6);
	assert_true(isnan(c5_loss_value(&ce, out, target, 0, 2, 2)));
}

static void more_ranks_than_parts_are_refused(void **state)
{
	(void)state;
	c5_train_state s;
	together.size = 5;
	begin(&s);
	assert_int_equal(train(&s, NULL), C5_EUSAGE);
	assert_non_null(strstr(c5_error_last(), "5 ranks share batches of 4 parts"));
	c5_train_state_free(&s);
}

static void the_last_layer_by_itself(void **state)
{
	(void)state;
	c5_train_state s;
	set_text(&params.optimizer, "logistic");
	begin(&s);
	c5_weights *before;
	int logits = c5_model_find(model, "logits"), d1 = c5_model_find(model, "d1");
	assert_int_equal(c5_weights_copy(&before, s.weights), C5_OK);
	assert_int_equal(train(&s, NULL), C5_OK);
	assert_true(s.finished && s.epoch == 1 && s.best_epoch == 1 && s.best_weights && s.history[0].figures[0] > 0.8);
	assert_memory_equal(c5_weights_of(before, d1, 0), c5_weights_of(s.weights, d1, 0), model->layers[d1].params[0].count * sizeof(float));
	assert_memory_not_equal(c5_weights_of(before, logits, 0), c5_weights_of(s.weights, logits, 0),
		model->layers[logits].params[0].count * sizeof(float));
	/* no steps of gradients on the same layer come lower */
	double best = s.history[0].loss;
	c5_train_state_free(&s);
	set_text(&params.optimizer, "adamw");
	begin(&s);
	memcpy(s.weights->data, before->data, before->count * sizeof(float));
	const c5_train_job job = { .model = model, .feed = &feed, .losses = &loss, .n_losses = 1, .params = &params, .together = &together, .device = device,
		.freeze_upto = d1 + 1 };
	assert_int_equal(c5_train(&job, &s), C5_OK);
	assert_true(s.history[7].loss > best);
	c5_weights_free(before);
	c5_train_state_free(&s);
	/* it is for classes */
	set_text(&params.optimizer, "logistic");
	loss.kind = C5_LOSS_MSE;
	begin(&s);
	assert_int_equal(train(&s, NULL), C5_EUSAGE);
	loss.kind = C5_LOSS_CROSS_ENTROPY;
	c5_train_state_free(&s);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

#ifdef C5_EMULATED
/* Memory for all but one byte of a net for whole batches, optimiser and all: it is cut in two, and the training is that of two parts. */
static void a_full_device_halves_the_batch(void **state)
{
	(void)state;
	c5_train_state whole, halves;
	c5_net *net;
	c5_optimizer adam = { .kind = C5_OPT_ADAMW };
	params.epochs = 2, params.batch = 1024, params.micro = 2;
	begin(&halves);
	assert_int_equal(train(&halves, NULL), C5_OK);
	params.micro = 1;
	begin(&whole);
	size_t before = c5_emulated_held, all = c5_emulated_memory;
	assert_int_equal(c5_net_make(&net, device, model, whole.weights, &(c5_net_how){ .batch = 1024, .training = true }), C5_OK);
	assert_int_equal(c5_net_prepare(net, &adam), C5_OK);
	c5_emulated_memory = c5_emulated_held - 1;
	c5_net_free(net);
	assert_int_equal(train(&whole, NULL), C5_OK);
	c5_emulated_memory = all;
	assert_int_equal(c5_emulated_held, before);
	assert_int_equal(whole.micro, 2);
	assert_memory_equal(whole.weights->data, halves.weights->data, whole.weights->count * sizeof(float));
	c5_train_state_free(&whole);
	c5_train_state_free(&halves);
}

/* One part, one rank: the gradient stays on the device. The same bits as by way of the host. */
static void a_gradient_that_stays_is_the_same(void **state)
{
	(void)state;
	c5_train_state s;
	c5_weights *by_hand;
	c5_net *net;
	c5_optimizer adam = { .kind = C5_OPT_ADAMW, .beta1 = 0.9f, .beta2 = 0.999f, .epsilon = 1e-8f };
	float x[4 * WIDE], target[8], weight[4];
	const float *targets[1] = { target };
	size_t items[4] = { 0, 1, 2, 3 };
	double losses[2];
	float *inputs[1] = { x }, *wanted[1] = { target };
	begin(&s);
	assert_int_equal(c5_weights_copy(&by_hand, s.weights), C5_OK);
	assert_int_equal(fill(&feed, items, NULL, 4, 1, inputs, wanted, weight), C5_OK);
	for (int own = 0; own < 2; own++) {
		assert_int_equal(c5_net_make(&net, device, model, s.weights, &(c5_net_how){ .batch = 4, .training = true }), C5_OK);
		assert_int_equal(c5_net_input(net, 0, x, 4), C5_OK);
		assert_int_equal(c5_net_forward(net, 1, 0), C5_OK);
		assert_int_equal(c5_net_loss(net, &loss, 1, targets, weight, 4, 0.25, &losses[own]), C5_OK);
		assert_int_equal(c5_net_backward(net, NULL, NULL), C5_OK);
		assert_int_equal(c5_net_step(net, &adam, own ? NULL : c5_net_gradients(net), 0.01, NULL), C5_OK);
		c5_weights *to;
		assert_int_equal(c5_weights_copy(&to, by_hand), C5_OK);
		assert_int_equal(c5_net_save(net, to), C5_OK);
		if (own) assert_memory_equal(to->data, by_hand->data, to->count * sizeof(float));
		else memcpy(by_hand->data, to->data, to->count * sizeof(float));
		c5_weights_free(to);
		c5_net_free(net);
	}
	assert_memory_not_equal(by_hand->data, s.weights->data, by_hand->count * sizeof(float));
	c5_weights_free(by_hand);
	c5_train_state_free(&s);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_learns), TEST(it_stops_when_nothing_gets_better), TEST(a_plateau_lowers_the_rate), TEST(the_figure_watched_chooses_the_epoch),
		TEST(an_interruption_leaves_no_trace), TEST(a_loss_that_is_no_number_names_its_batch), TEST(a_gradient_that_explodes_is_told),
		TEST(answers_that_are_no_numbers_end_it), TEST(losses_of_outputs_are_their_formulas), TEST(more_ranks_than_parts_are_refused),
		TEST(the_last_layer_by_itself),
#ifdef C5_EMULATED
		TEST(a_full_device_halves_the_batch), TEST(a_gradient_that_stays_is_the_same),
#endif
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
