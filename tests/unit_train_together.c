/* unit_train_together.c – the training loop on two ranks, which are threads here: they come to the bits of one, and when one of them fails where the
 * others do not, all come back with its error. A rank that is waited for in vain ends the test by the clock. */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/error.h"
#include "base/random.h"
#include "base/threads.h"
#include "train/train.h"

enum { RANKS = 2, TRAIN = 48, VALIDATE = 16, WIDE = 6, PATIENCE_S = 60 };

static const char tiny[] =
	"name: tiny\n"
	"inputs: { numbers: [6] }\n"
	"layers:\n"
	"  - { name: d1, dense: { units: 8, activation: relu } }\n"
	"  - { name: logits, dense: { units: 2 } }\n"
	"  - { name: prob, softmax: {} }\n"
	"outputs: [prob]\n";

/* ---- ranks that are threads ---- */

/* One rank's table; all share the board, and meet at its barrier before and after they look at it. */
typedef struct rank { c5_together t; float *out; float *const *parts; int leaves; size_t n; } rank;
static struct board { pthread_barrier_t meet; rank *ranks[RANKS]; void *given[RANKS]; int codes[RANKS]; char texts[RANKS][256]; } board;

static void meet(void) { pthread_barrier_wait(&board.meet); }

static int sum_begin(c5_together *t, float *out, float *const *parts, int leaves, size_t n)
{
	rank *r = (rank *)t;
	r->out = out, r->parts = parts, r->leaves = leaves, r->n = n;
	return C5_OK;
}

static int sum_ready(c5_together *t, size_t upto)
{
	(void)t, (void)upto;
	return C5_OK;
}

/* Rank 0 joins copies of all parts, the others take its sum. */
static int sum_end(c5_together *t)
{
	rank *r = (rank *)t;
	board.ranks[t->rank] = r;
	meet();
	if (t->rank == 0) {
		c5_span spans[RANKS * C5_TREE_SLOTS_MAX];
		float *join[RANKS * C5_TREE_SLOTS_MAX];
		int n = 0;
		for (int k = 0; k < RANKS; k++) {
			const c5_span share = c5_tree_share(r->leaves, k, RANKS);
			const int parts = c5_tree_cover(r->leaves, share.lo, share.hi, spans + n);
			for (int i = 0; i < parts; i++) join[n + i] = board.ranks[k]->parts[i];
			n += parts;
		}
		c5_tree_join(r->out, r->leaves, spans, join, n, r->n);
	}
	meet();
	if (t->rank) memcpy(r->out, board.ranks[0]->out, r->n * sizeof *r->out);
	meet();
	return C5_OK;
}

#define GATHER(name, type) \
static int name(c5_together *t, type *values, size_t n) \
{ \
	board.given[t->rank] = values; \
	meet(); \
	if (t->rank == 0) \
		for (int k = 1; k < RANKS; k++) \
			for (size_t i = 0; i < n; i++) values[i] += ((type *)board.given[k])[i]; \
	meet(); \
	if (t->rank) memcpy(values, board.given[0], n * sizeof *values); \
	meet(); \
	return C5_OK; \
}
GATHER(gather, double)
GATHER(gather_floats, float)

static int share(c5_together *t, void *bytes, size_t n)
{
	board.given[t->rank] = bytes;
	meet();
	if (t->rank) memcpy(bytes, board.given[0], n);
	meet();
	return C5_OK;
}

static int agree(c5_together *t, int code)
{
	int worst = 0;
	char text[256];
	board.codes[t->rank] = code;
	snprintf(board.texts[t->rank], sizeof board.texts[t->rank], "%s", c5_error_last());
	meet();
	for (int k = 1; k < RANKS; k++)
		if (board.codes[k] < board.codes[worst]) worst = k;
	code = board.codes[worst];
	memcpy(text, board.texts[worst], sizeof text);
	meet();
	return code < 0 ? c5_fail(code, "%s", text) : C5_OK;
}

/* ---- what is learnt ---- */

static int fill(c5_feed *f, const size_t *items, const uint64_t *draws, size_t n, uint64_t seed, float *const *inputs, float *const *targets,
	float *weight)
{
	(void)f, (void)draws, (void)seed;
	for (size_t i = 0; i < n; i++) {
		c5_random r;
		const int label = items[i] % 3 == 0;
		c5_random_start(&r, 77, items[i]);
		for (int k = 0; k < WIDE; k++) inputs[0][i * WIDE + (size_t)k] = (float)((label ? 0.6 : -0.6) + c5_random_normal(&r));
		targets[0][2 * i] = (float)!label;
		targets[0][2 * i + 1] = (float)label;
		weight[i] = 1;
	}
	return C5_OK;
}

/* Where rank 1 fails, alone. */
enum trouble { NONE, FILL, DRAW, JUDGE, SAVE };
static enum trouble trouble;
static _Thread_local int me, asked;

static int here(enum trouble what, int after)
{
	return trouble == what && me == 1 && asked++ >= after ? c5_fail(C5_ENOMEM, "out of memory at %d", (int)what) : C5_OK;
}

static int fill_or_fail(c5_feed *f, const size_t *items, const uint64_t *draws, size_t n, uint64_t seed, float *const *inputs, float *const *targets,
	float *weight)
{
	const int err = here(FILL, 9);
	return err < 0 ? err : fill(f, items, draws, n, seed, inputs, targets, weight);
}

static int draw(c5_feed *f, uint64_t seed, uint64_t epoch, size_t *order)
{
	(void)seed;
	for (size_t i = 0; i < f->n_train; i++) order[i] = (i * 5 + (size_t)epoch) % f->n_train;
	return here(DRAW, 1);
}

static int judge(c5_feed *f, const float *const *outputs, const float *const *targets, const char *names[8], double values[8])
{
	size_t right = 0;
	const int err = here(JUDGE, 1);
	for (size_t i = 0; i < f->n_validate; i++) right += (outputs[0][2 * i + 1] > 0.5f) == (targets[0][2 * i + 1] > 0.5f);
	names[0] = "accuracy", values[0] = (double)right / (double)f->n_validate;
	return err < 0 ? err : 1;
}

static int save(c5_keeper *k, const c5_train_state *s)
{
	(void)k, (void)s;
	return trouble == SAVE ? c5_fail(C5_ENOMEM, "out of memory at %d", (int)SAVE) : C5_OK; /* rank 0 alone is asked */
}

/* ---- one rank's training ---- */

typedef struct done { int rank, code; char text[256]; c5_train_state s; } done;
static c5_model *model;
static c5_train_params params;
static int ranks;

static void *train(void *at)
{
	done *d = at;
	const c5_loss loss = { .kind = C5_LOSS_CROSS_ENTROPY, .share = 1 };
	rank r = { .t = { .rank = d->rank, .size = RANKS, .sum_begin = sum_begin, .sum_ready = sum_ready, .sum_end = sum_end, .gather = gather,
		.gather_floats = gather_floats, .share = share, .agree = agree } };
	c5_feed feed = { .n_train = TRAIN, .n_validate = VALIDATE, .n_inputs = 1, .n_targets = 1, .input_count = { WIDE }, .target_count = { 2 },
		.fill = fill_or_fail, .draw = draw, .judge = judge };
	c5_keeper keeper = { .save = save };
	c5_device *device = NULL;
	me = d->rank, asked = 0;
	(void)c5_threads_set(1);
	if (ranks == 1) c5_alone(&r.t);
	d->code = c5_device_open(&device, "cpu");
	if (d->code == C5_OK) d->code = c5_weights_new(&d->s.weights, model);
	if (d->code == C5_OK) c5_weights_init(d->s.weights, model, 3);
	const c5_train_job job = { .model = model, .feed = &feed, .losses = &loss, .n_losses = 1, .params = &params, .together = &r.t, .device = device,
		.keeper = &keeper };
	if (d->code == C5_OK) d->code = c5_train(&job, &d->s);
	snprintf(d->text, sizeof d->text, "%s", c5_error_last());
	c5_device_close(device);
	return NULL;
}

static void train_on(done *d, int n)
{
	pthread_t threads[RANKS];
	ranks = n;
	memset(d, 0, sizeof *d * RANKS);
	alarm(PATIENCE_S); /* a rank waits for one that will not come */
	for (int k = 0; k < n; k++) {
		d[k].rank = k;
		assert_int_equal(pthread_create(&threads[k], NULL, train, &d[k]), 0);
	}
	for (int k = 0; k < n; k++) assert_int_equal(pthread_join(threads[k], NULL), 0);
	alarm(0);
}

static void free_all(done *d)
{
	for (int k = 0; k < RANKS; k++) c5_train_state_free(&d[k].s);
}

static int set_up(void **state)
{
	(void)state;
	trouble = NONE;
	memset(&params, 0, sizeof params);
	if (pthread_barrier_init(&board.meet, NULL, RANKS) || c5_opt_defaults(c5_train_opts, &params) < 0) return -1;
	params.epochs = 4, params.batch = 16, params.micro = 4, params.rate = 0.02;
	return c5_model_parse(&model, "tiny", tiny, strlen(tiny));
}

static int tear_down(void **state)
{
	(void)state;
	c5_opt_clear(c5_train_opts, &params);
	c5_model_free(model);
	pthread_barrier_destroy(&board.meet);
	return 0;
}

/* ---- tests ---- */

static void two_ranks_come_to_the_bits_of_one(void **state)
{
	(void)state;
	done one[RANKS], two[RANKS];
	for (int averaged = 0; averaged < 2; averaged++) {
		params.averaging = averaged ? 0.9 : 0;
		train_on(one, 1);
		train_on(two, 2);
		assert_true(one[0].code == C5_OK && two[0].code == C5_OK && two[1].code == C5_OK);
		for (int k = 0; k < 2; k++) {
			assert_true(two[k].s.finished && two[k].s.epoch == 4 && two[k].s.best_epoch == one[0].s.best_epoch);
			assert_memory_equal(two[k].s.weights->data, one[0].s.weights->data, one[0].s.weights->count * sizeof(float));
			assert_memory_equal(two[k].s.best_weights->data, one[0].s.best_weights->data, one[0].s.best_weights->count * sizeof(float));
			assert_true(two[k].s.history[3].loss == one[0].s.history[3].loss);
			assert_true(two[k].s.history[3].validation_loss == one[0].s.history[3].validation_loss);
		}
		free_all(one);
		free_all(two);
	}
}

static void all_come_back_with_the_error_of_one(void **state)
{
	(void)state;
	done d[RANKS];
	for (trouble = FILL; trouble <= SAVE; trouble++) {
		char text[64];
		train_on(d, 2);
		snprintf(text, sizeof text, "out of memory at %d", (int)trouble);
		for (int k = 0; k < RANKS; k++) {
			assert_int_equal(d[k].code, C5_ENOMEM);
			assert_string_equal(d[k].text, text);
		}
		free_all(d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(two_ranks_come_to_the_bits_of_one, set_up, tear_down),
		cmocka_unit_test_setup_teardown(all_come_back_with_the_error_of_one, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
