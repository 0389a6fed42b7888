/* unit_nn_engine.c – what the engine promises besides right numbers: the same bits again, the same answers on other threads, a memory plan in which
 * nothing is written over before it was read, too little memory as an error, and what does not fit refused in one line. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/error.h"
#include "base/random.h"
#include "base/threads.h"
#include "nn/netimpl.h"
#include "nn/net.h"

typedef struct setting { const char *name; int channels, side, classes, batch; double width; } setting;

static const setting settings[] = {
	{ "sesmo", 1, 28, 2, 5, 0 }, { "lenet", 1, 32, 3, 4, 0 }, { "resnet18", 2, 32, 3, 4, 0 }, { "mobilenet_v2", 1, 32, 2, 3, 0.35 },
		{ "unet", 1, 32, 2, 2, 0.25 },
};
#define N_SETTINGS (sizeof settings / sizeof *settings)

static void must(int err)
{
	if (err) fail_msg("%s", c5_error_last());
}

/* A model with its first weights on a device with so many threads. */
typedef struct bed {
	c5_device *d;
	c5_model *m;
	c5_weights *w;
	c5_net *n;
	float *x, *t;
	size_t n_in, n_out;
	int batch;
} bed;

static void bed_make(bed *b, const setting *s, int threads, bool training, int precision)
{
	c5_random r;
	*b = (bed){ .batch = s->batch };
	must(c5_threads_set(threads));
	must(c5_device_open(&b->d, "cpu"));
	must(c5_model_named(&b->m, s->name, s->channels, s->side, s->side, s->classes, s->width));
	must(c5_weights_new(&b->w, b->m));
	c5_weights_init(b->w, b->m, 5);
	c5_net_how how = { .batch = s->batch, .training = training, .precision = precision };
	must(c5_net_make(&b->n, b->d, b->m, b->w, &how));
	const c5_layer *out = &b->m->layers[b->m->outputs[0]];
	size_t positions = 1;
	for (int i = 1; i < out->rank; i++) positions *= (size_t)out->shape[i];
	b->n_in = (size_t)(s->batch * s->channels * s->side * s->side);
	b->n_out = (size_t)(s->batch * out->shape[0]) * positions;
	b->x = calloc(b->n_in, sizeof *b->x);
	b->t = calloc(b->n_out, sizeof *b->t);
	c5_random_start(&r, 11, 0);
	for (size_t i = 0; i < b->n_in; i++) b->x[i] = (float)c5_random_normal(&r);
	for (size_t i = 0; i < b->n_out; i++) b->t[i] = i / positions % (size_t)out->shape[0] == i % positions % (size_t)out->shape[0] ? 1 : 0;
	must(c5_net_input(b->n, 0, b->x, s->batch));
}

static void bed_free(bed *b)
{
	c5_net_free(b->n);
	c5_weights_free(b->w);
	c5_model_free(b->m);
	c5_device_close(b->d);
	free(b->x);
	free(b->t);
	must(c5_threads_set(0));
}

static void learn(bed *b, int steps)
{
	const float *targets[1] = { b->t };
	c5_loss l = { .kind = C5_LOSS_MSE, .share = 1 };
	c5_optimizer o = { .kind = C5_OPT_ADAM, .beta1 = 0.9f, .beta2 = 0.999f, .epsilon = 1e-8f };
	double loss;
	for (int k = 0; k < steps; k++) {
		must(c5_net_forward(b->n, 3, (uint64_t)(k * b->batch)));
		must(c5_net_loss(b->n, &l, 1, targets, NULL, b->batch, 1.0 / b->batch, &loss));
		must(c5_net_backward(b->n, NULL, NULL));
		must(c5_net_step(b->n, &o, c5_net_gradients(b->n), 1e-3, NULL));
	}
	must(c5_net_save(b->n, b->w));
}

/* ---- the same bits ---- */

static void trainings_give_the_same_bits(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_SETTINGS; i++)
		for (int precision = C5_FP32; precision <= C5_BF16; precision++) {
			bed first, again;
			bed_make(&first, &settings[i], 2, true, precision);
			learn(&first, 2);
			bed_make(&again, &settings[i], 2, true, precision);
			learn(&again, 2);
			if (memcmp(first.w->data, again.w->data, first.w->count * sizeof(float)) != 0)
				fail_msg("%s, precision %d: other weights after the same training", settings[i].name, precision);
			bed_free(&again);
			bed_free(&first);
		}
}

/* With as many threads: bits. With another number the library's Winograd cuts float32 sums elsewhere: the last digits. */
static void answers_are_the_same_again_and_near_on_other_threads(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_SETTINGS; i++)
		for (int precision = C5_FP32; precision <= C5_BF16; precision++) {
			float *want = NULL;
			for (int threads = 1; threads <= 2; threads++) {
				bed b;
				bed_make(&b, &settings[i], threads, false, precision);
				float *y = calloc(b.n_out, sizeof *y), *first = calloc(b.n_out, sizeof *y);
				must(c5_net_forward(b.n, 0, 0));
				must(c5_net_output(b.n, 0, first, b.batch));
				must(c5_net_forward(b.n, 0, 0));
				must(c5_net_output(b.n, 0, y, b.batch));
				if (memcmp(first, y, b.n_out * sizeof *y) != 0) fail_msg("%s, precision %d: other answers when asked again", settings[i].name, precision);
				double d = 0, all = 0;
				for (size_t k = 0; k < b.n_out && want; k++) {
					d += ((double)y[k] - want[k]) * ((double)y[k] - want[k]);
					all += (double)want[k] * want[k];
				}
				if (want && !(d <= 1e-12 * all))
					fail_msg("%s, precision %d: other answers with %d threads: error %g", settings[i].name, precision, threads, d / all);
				free(first);
				if (!want) want = y;
				else free(y);
				bed_free(&b);
			}
			free(want);
		}
}

/* Large batches of small maps are computed as dense products; small batches as convolutions. */
static void answers_are_near_for_any_batch(void **state)
{
	(void)state;
	for (int side = 32; side <= 64; side += 32)
		for (int precision = C5_FP32; precision <= C5_BF16; precision++) {
			setting all = { "resnet18", 1, side, 3, 16, 0 }, part = { "resnet18", 1, side, 3, 4, 0 };
			bed a, b;
			double d = 0, size = 0;
			bed_make(&a, &all, 2, false, precision);
			bed_make(&b, &part, 2, false, precision);
			float *want = calloc(a.n_out, sizeof *want), *got = calloc(a.n_out, sizeof *got);
			must(c5_net_forward(a.n, 0, 0));
			must(c5_net_output(a.n, 0, got, 16));
			for (int k = 0; k < 4; k++) {
				must(c5_net_input(b.n, 0, a.x + (size_t)k * b.n_in, 4));
				must(c5_net_forward(b.n, 0, 0));
				must(c5_net_output(b.n, 0, want + (size_t)k * b.n_out, 4));
			}
			for (size_t i = 0; i < a.n_out; i++) {
				d += ((double)got[i] - want[i]) * ((double)got[i] - want[i]);
				size += (double)want[i] * want[i];
			}
			if (!(d <= (precision == C5_BF16 ? 1e-3 : 1e-10) * size)) fail_msg("%d px, precision %d: error %g", side, precision, d / size);
			free(want);
			free(got);
			bed_free(&a);
			bed_free(&b);
		}
}

/* ---- the memory plan ---- */

/* What lies in the arena, 64 bytes at a time: who wrote there last. A pass is gone through without computing; whoever reads must find its own
 * mark. */
typedef struct shadow {
	const c5_net *n;
	uint32_t *mark, last, *value, *grad, *workspace;
	bool *written;
	const char *name;
} shadow;

#define CELL 64

static void wrote(shadow *s, const void *at, size_t bytes, uint32_t mark)
{
	size_t from = (size_t)((const uint8_t *)at - s->n->arena);
	if (!bytes) return;
	assert_true(from + bytes <= s->n->graph.arena);
	assert_int_equal(from % CELL, 0);
	for (size_t i = from / CELL; i < (from + bytes + CELL - 1) / CELL; i++) s->mark[i] = mark;
}

static void reads(const shadow *s, const void *at, size_t bytes, uint32_t mark, const char *what, size_t node)
{
	size_t from = (size_t)((const uint8_t *)at - s->n->arena);
	for (size_t i = from / CELL; i < (from + bytes + CELL - 1) / CELL; i++)
		if (s->mark[i] != mark) fail_msg("%s: %s of node %zu was written over before it was read", s->name, what, node);
}

static bool apart(const void *a, size_t na, const void *b, size_t nb)
{
	const uint8_t *x = a, *y = b;
	return x + na <= y || y + nb <= x;
}

static void forward_node(shadow *s, size_t i)
{
	const c5_graph *g = &s->n->graph;
	const c5_node *a = &g->nodes[i];
	const c5_value *out = &g->values[a->out];
	for (int k = 0; k < a->n_in; k++) {
		const c5_value *in = &g->values[a->in[k]];
		reads(s, in->data, in->desc.bytes, s->value[a->in[k]], "an input", i);
		if (a->op->out_over == C5_OVER_NO && !apart(in->data, in->desc.bytes, out->data, out->desc.bytes))
			fail_msg("%s: node %zu writes where it reads", s->name, i);
	}
	wrote(s, out->data, out->desc.bytes, s->value[a->out] = ++s->last);
	wrote(s, a->args.workspace, a->op->workspace, s->workspace[i] = ++s->last);
}

static void backward_node(shadow *s, size_t i)
{
	const c5_graph *g = &s->n->graph;
	const c5_node *a = &g->nodes[i];
	const c5_value *out = &g->values[a->out];
	if (!a->backward || !s->written[a->out]) return;
	uint32_t given = s->grad[a->out];
	reads(s, out->grad, out->desc.bytes, given, "the gradient", i);
	if (a->op->back_out) reads(s, out->data, out->desc.bytes, s->value[a->out], "the output, backward,", i);
	reads(s, a->args.workspace, a->op->workspace, s->workspace[i], "the workspace", i);
	if (a->op->spoils) wrote(s, out->grad, out->desc.bytes, ++s->last);
	bool add[C5_LAYER_INPUTS_MAX];
	for (int k = 0; k < a->n_in; k++) {
		const c5_value *in = &g->values[a->in[k]];
		if (a->op->back_in) reads(s, in->data, in->desc.bytes, s->value[a->in[k]], "an input, backward,", i);
		add[k] = a->adds[k] && s->written[a->in[k]];
		if (!in->want_grad) continue;
		bool same = in->grad == out->grad && a->op->grad_same;
		if (add[k]) wrote(s, a->temporary[k], in->desc.bytes, ++s->last);
		else if (same) s->grad[a->in[k]] = given;
		else wrote(s, in->grad, in->desc.bytes, s->grad[a->in[k]] = ++s->last);
		s->written[a->in[k]] = true;
		if (a->op->back_in && !add[k] && !apart(in->grad, in->desc.bytes, in->data, in->desc.bytes))
			fail_msg("%s: node %zu writes a gradient over its input", s->name, i);
	}
	for (int k = 0; k < a->n_in; k++) {
		if (!add[k]) continue;
		const c5_value *in = &g->values[a->in[k]];
		reads(s, in->grad, in->desc.bytes, s->grad[a->in[k]], "a gradient added to", i);
		wrote(s, in->grad, in->desc.bytes, s->grad[a->in[k]] = ++s->last);
	}
}

static void pass(shadow *s, bool training)
{
	const c5_graph *g = &s->n->graph;
	for (size_t v = 0; v < g->n_values; v++)
		if (g->values[v].input) wrote(s, g->values[v].data, g->values[v].desc.bytes, s->value[v] = ++s->last);
	for (size_t i = 0; i < g->n_nodes; i++) forward_node(s, i);
	int out = g->output[0].value;
	if (training) {
		int at = g->output[0].head >= 0 ? g->output[0].logits : out;
		wrote(s, g->values[at].grad, g->values[at].desc.bytes, s->grad[at] = ++s->last);
		s->written[at] = true;
		for (size_t i = g->n_nodes; i-- > 0;) backward_node(s, i);
	}
	reads(s, g->values[out].data, g->values[out].desc.bytes, s->value[out], "the answer", g->n_nodes);
}

static void nothing_is_written_over_before_it_was_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_SETTINGS; i++)
		for (int kind = 0; kind < 4; kind++) {
			bed b;
			bed_make(&b, &settings[i], 1, kind & 1, kind >> 1);
			const c5_graph *g = &b.n->graph;
			shadow s = { .n = b.n, .name = settings[i].name };
			s.mark = calloc(g->arena / CELL + 1, sizeof *s.mark);
			s.value = calloc(g->n_values, sizeof *s.value);
			s.grad = calloc(g->n_values, sizeof *s.grad);
			s.workspace = calloc(g->n_nodes, sizeof *s.workspace);
			s.written = calloc(g->n_values, sizeof *s.written);
			pass(&s, kind & 1);
			assert_true(s.last > g->n_nodes);
			free(s.mark);
			free(s.value);
			free(s.grad);
			free(s.workspace);
			free(s.written);
			bed_free(&b);
		}
}

/* `cyto5 model show` tells what all values of an item take; a plan that works needs much less to answer, and not twice that to learn. */
static void a_plan_takes_less_than_all_values(void **state)
{
	(void)state;
	static const struct { setting s; double answer, learn; } rows[] = {
		{ { "resnet18", 1, 64, 2, 8, 0 }, 0.35, 1.5 }, { { "unet", 1, 64, 1, 4, 0.5 }, 0.7, 1.7 }, { { "sesmo", 1, 50, 2, 16, 0 }, 0.8, 1.7 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		for (int training = 0; training < 2; training++) {
			bed b;
			c5_model_cost cost;
			bed_make(&b, &rows[i].s, 1, training, C5_FP32);
			c5_model_costs(&cost, b.m);
			double share = (double)b.n->graph.arena / ((double)cost.activation_bytes * rows[i].s.batch), most = training ? rows[i].learn : rows[i].answer;
			if (getenv("C5_PRINT_ERRORS")) print_message("%s, training %d: %.3f of all values\n", rows[i].s.name, training, share);
			if (share > most) fail_msg("%s, training %d: %.3f of all values, at most %.3f expected", rows[i].s.name, training, share, most);
			assert_true(c5_net_bytes(b.n) >= b.n->graph.arena);
			bed_free(&b);
		}
}

/* ---- what cannot be ---- */

static void too_little_memory_is_an_error(void **state)
{
	(void)state;
	c5_device *d;
	c5_model *m;
	c5_weights *w;
	c5_net *n = (c5_net *)&d;
	must(c5_device_open(&d, "cpu"));
	must(c5_model_named(&m, "unet", 1, 512, 512, 1, 0));
	must(c5_weights_new(&w, m));
	for (int training = 0; training < 2; training++) {
		c5_net_how how = { .batch = 2000, .training = training };
		int err = c5_net_make(&n, d, m, w, &how);
		if (err != C5_ENOMEM) fail_msg("%d: %s", err, c5_error_last());
		assert_null(n);
		assert_non_null(strstr(c5_error_last(), "model unet: out of memory"));
		assert_null(strchr(c5_error_last(), '\n'));
		how.batch = 1; /* and the device still works */
		must(c5_net_make(&n, d, m, w, &how));
		c5_net_free(n);
	}
	c5_weights_free(w);
	c5_model_free(m);
	c5_device_close(d);
}

static void refused(int err, int code, const char *text)
{
	assert_int_equal(err, code);
	if (!strstr(c5_error_last(), text)) fail_msg("'%s' does not say '%s'", c5_error_last(), text);
	assert_null(strchr(c5_error_last(), '\n'));
	c5_error_clear();
}

static void what_does_not_fit_is_refused_in_one_line(void **state)
{
	(void)state;
	bed b;
	setting s = settings[1];
	float y[16];
	double loss;
	const float *targets[1];
	bed_make(&b, &s, 1, false, C5_FP32);
	targets[0] = b.t;
	refused(c5_net_input(b.n, 0, b.x, s.batch + 1), C5_EINPUT, "model lenet: 5 items given, at most 4 expected");
	refused(c5_net_input(b.n, 1, b.x, 1), C5_EINPUT, "model lenet: input 1, but it has 1");
	refused(c5_net_output(b.n, 2, y, 1), C5_EINPUT, "model lenet: output 2, but it has 1");
	refused(c5_net_output(b.n, 0, y, 9), C5_EINPUT, "model lenet: 9 items wanted, at most 4 expected");
	refused(c5_net_read(b.n, 2, false, y, 1), C5_EINPUT, "model lenet: layer 2 was not tapped");
	refused(c5_net_loss(b.n, &(c5_loss){ .share = 1 }, 1, targets, NULL, 1, 1, &loss), C5_EFAIL, "model lenet: this net was made without training");
	refused(c5_net_backward(b.n, NULL, NULL), C5_EFAIL, "without training");
	c5_model *other;
	c5_net *n;
	must(c5_model_named(&other, "resnet18", 1, 32, 32, 2, 0));
	refused(c5_net_make(&n, b.d, other, b.w, &(c5_net_how){ .batch = 1 }), C5_EINPUT, "layers, its weights");
	refused(c5_net_make(&n, b.d, b.m, b.w, &(c5_net_how){ .batch = 0 }), C5_EUSAGE, "expected at least 1");
	c5_model_free(other);
	bed_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(trainings_give_the_same_bits),
		cmocka_unit_test(answers_are_the_same_again_and_near_on_other_threads),
		cmocka_unit_test(answers_are_near_for_any_batch),
		cmocka_unit_test(nothing_is_written_over_before_it_was_read),
		cmocka_unit_test(a_plan_takes_less_than_all_values),
		cmocka_unit_test(too_little_memory_is_an_error),
		cmocka_unit_test(what_does_not_fit_is_refused_in_one_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
