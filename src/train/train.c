/* train.c – see train.h. The main line is c5_train, at the bottom; one batch is `do_batch`. */
#include "train/train.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/signal.h"
#include "train/head.h"
#include "train/loop.h"

#define ORDER_KEY UINT64_C(0x6f72646572) /* keeps the draws of orders apart from others of the same seed */

#define F(member) offsetof(c5_train_params, member)
const c5_opt c5_train_opts[] = {
#include "train/train_rows.h"
	{ 0 },
};

void c5_train_state_free(c5_train_state *s)
{
	free(s->history);
	c5_weights_free(s->weights);
	c5_weights_free(s->best_weights);
	free(s->optimizer);
	*s = (c5_train_state){ 0 };
}

/* ---- beginning ---- */

static int read_params(c5_loop *l)
{
	const c5_train_params *p = l->job->params;
	c5_optimizer *o = &l->optimizer;
	*o = (c5_optimizer){ .momentum = (float)p->momentum, .nesterov = p->nesterov, .beta1 = 0.9f, .beta2 = 0.999f, .epsilon = 1e-8f,
		.decay = (float)p->decay, .clip_norm = (float)p->clip, .layer_rate = l->job->layer_rate, .averaging = (float)p->averaging };
	o->kind = strcmp(p->optimizer, "sgd") == 0 ? C5_OPT_SGD : strcmp(p->optimizer, "adam") == 0 ? C5_OPT_ADAM : C5_OPT_ADAMW;
	l->schedule = (c5_schedule){ c5_schedule_find(p->schedule), p->rate, p->factor, p->every, p->last, p->warm_up, (double)p->epochs };
	if (l->schedule.kind < 0) return c5_fail(C5_EUSAGE, "--schedule %s: none of constant, step, exponential, cosine, plateau", p->schedule);
	l->precision = strcmp(p->precision, "bf16") == 0 ? C5_BF16 : C5_FP32;
	l->last = strcmp(p->watch, "last") == 0;
	l->higher_is_better = !l->last && strcmp(p->watch, "loss") != 0;
	l->watched = -1;
	return C5_OK;
}

/* A batch that memory does not hold is cut finer, by all ranks alike. */
static int make_net(c5_loop *l)
{
	const c5_train_job *job = l->job;
	for (;;) {
		l->places = (int)((job->params->batch + l->s->micro - 1) / l->s->micro);
		c5_net_how how = { .batch = l->places, .training = true, .precision = l->precision, .freeze_upto = job->freeze_upto };
		int mine = c5_net_make(&l->net, job->device, job->model, l->s->weights, &how), err;
		if (mine == C5_OK) mine = c5_net_prepare(l->net, &l->optimizer);
		if ((err = l->t->agree(l->t, mine)) == C5_OK) break;
		c5_net_free(l->net);
		l->net = NULL;
		if (err != C5_ENOMEM || l->places < 2 || l->s->step || l->s->epoch || 2 * l->s->micro > C5_TREE_LEAVES_MAX) return err;
		l->s->micro *= 2;
		if (l->t->rank == 0) c5_log(C5_LOG_WARN, "memory is short: batches are cut into %lld parts", (long long)l->s->micro);
	}
	l->batch = (size_t)l->places * (size_t)l->s->micro;
	return C5_OK;
}

static int begin(c5_loop *l)
{
	const c5_train_job *job = l->job;
	c5_feed *f = job->feed;
	c5_train_state *s = l->s;
	int err;
	if (!f->n_train) return c5_fail(C5_EINPUT, "nothing to learn from");
	if (s->micro <= 0) s->micro = job->params->micro;
	if (l->t->size > s->micro)
		return c5_fail(C5_EUSAGE, "%d ranks share batches of %lld parts: at most one rank a part; start fewer ranks, or cut batches finer with --micro",
			l->t->size, (long long)s->micro);
	if ((err = make_net(l)) < 0) return err;
	l->per_epoch = f->per_epoch ? f->per_epoch : f->n_train;
	l->steps = (uint32_t)((l->per_epoch + l->batch - 1) / l->batch);
	l->n_flat = c5_net_flat(l->net);
	l->n_statistics = c5_net_statistics(l->net);
	c5_span mine = c5_tree_share((int)s->micro, l->t->rank, l->t->size);
	if ((err = c5_tree_sum_open(&l->sum, (int)s->micro, mine.lo, mine.hi, l->n_flat + l->n_statistics)) < 0) return err;
	l->own_total = l->t->size > 1;
	l->direct = l->t->size == 1 && s->micro == 1;
	if (l->own_total && (err = c5_alloc_aligned(&l->total, l->n_flat + l->n_statistics + 1, sizeof *l->total)) < 0) return err;
	if (!l->own_total) l->total = l->sum.slots[0];
	bool beside = job->params->prefetch || strncmp(c5_device_name(job->device), "cpu", 3) != 0;
	if ((err = c5_loader_open(&l->loader, f, (size_t)l->places, beside)) < 0 ||
	    (err = c5_alloc(&l->told, (size_t)s->micro + (size_t)l->t->size + 1, sizeof *l->told)) < 0 ||
	    (err = c5_alloc(&l->order, l->per_epoch, sizeof *l->order)) < 0 ||
	    (err = c5_alloc(&l->items, (size_t)l->places, sizeof *l->items)) < 0 || (err = c5_alloc(&l->draws, (size_t)l->places, sizeof *l->draws)) < 0)
		return err;
	size_t n = c5_net_state(l->net, &l->optimizer);
	if (s->optimizer && s->n_optimizer != n)
		return c5_fail(C5_EINPUT, "the checkpoint has %zu numbers of the optimizer, expected %zu", s->n_optimizer, n);
	if (s->optimizer && (err = c5_net_state_put(l->net, &l->optimizer, s->optimizer)) < 0) return err;
	if (!s->optimizer && (err = c5_alloc_aligned(&s->optimizer, n + 1, sizeof *s->optimizer)) < 0) return err;
	if (!s->n_optimizer) s->best = NAN;
	s->n_optimizer = n;
	l->saved_at = l->told_at = c5_clock_s();
	l->saved_epoch = s->epoch;
	return C5_OK;
}

static void end(c5_loop *l)
{
	c5_loader_close(l->loader);
	c5_net_free(l->net);
	if (l->own_total) free(l->total);
	c5_tree_sum_close(&l->sum);
	free(l->told);
	free(l->order);
	free(l->items);
	free(l->draws);
	for (int i = 0; i < C5_FEED_PORTS; i++) {
		free(l->outputs[i]);
		free(l->targets[i]);
	}
}

/* ---- a batch ---- */

static int draw_order(c5_loop *l)
{
	c5_feed *f = l->job->feed;
	uint64_t epoch = l->s->epoch, seed = (uint64_t)l->job->params->seed;
	c5_random r;
	if (f->draw) return f->draw(f, seed, epoch, l->order);
	uint64_t *order;
	int err = c5_alloc(&order, l->per_epoch, sizeof *order);
	if (err < 0) return err;
	c5_random_start(&r, seed ^ ORDER_KEY, epoch);
	c5_random_order(&r, order, l->per_epoch);
	for (size_t i = 0; i < l->per_epoch; i++) l->order[i] = (size_t)order[i];
	free(order);
	return C5_OK;
}

/* Number of the first draw of a micro-batch, counted through all epochs. */
static uint64_t draw_of(const c5_loop *l, uint32_t step, int leaf)
{
	return ((uint64_t)l->s->epoch * l->steps + step) * l->batch + (uint64_t)leaf * (uint64_t)l->places;
}

/* The last batch of an epoch is filled up with the epoch's first items, drawn anew. */
static int ask(c5_loop *l, uint32_t step, int leaf)
{
	size_t at = (size_t)step * l->batch + (size_t)leaf * (size_t)l->places;
	for (int i = 0; i < l->places; i++) {
		l->items[i] = l->order[(at + (size_t)i) % l->per_epoch];
		l->draws[i] = draw_of(l, step, leaf) + (uint64_t)i;
	}
	return c5_loader_ask(l->loader, l->items, l->draws, (size_t)l->places, (uint64_t)l->job->params->seed);
}

/* Elements [from, to) of the last micro-batch's gradient are there: summed on, and sent. */
static int gradient_ready(void *ctx, size_t from, size_t to)
{
	c5_loop *l = ctx;
	if (from != l->covered || to <= from || to > l->n_flat) return C5_OK; /* what comes out of order is summed at the end */
	c5_tree_sum_add(&l->sum, c5_net_gradients(l->net) + from, from, to);
	l->covered = to;
	return l->t->sum_ready(l->t, to);
}

static int begin_sum(c5_loop *l)
{
	int err = l->t->sum_begin(l->t, l->total, l->sum.slots, (int)l->s->micro, l->n_flat + l->n_statistics);
	l->summing = err == C5_OK;
	return err;
}

/* A rank that failed takes part in the sum all the same: the others are in the midst of it. They hear of it in `talk`. */
static int end_sum(c5_loop *l, int err)
{
	char why[1024];
	if (err < 0) {
		snprintf(why, sizeof why, "%s", c5_error_last());
		if (!l->summing) begin_sum(l);
		if (l->summing) l->t->sum_end(l->t);
		err = c5_fail(err, "%s", why);
	} else err = l->t->sum_end(l->t);
	l->summing = false;
	return err;
}

static int do_micro(c5_loop *l, uint32_t step, int leaf, const c5_batch *b)
{
	const c5_train_job *job = l->job;
	bool last = leaf == l->sum.b - 1;
	double losses[C5_FEED_PORTS] = { 0 };
	int err;
	for (int i = 0; i < job->feed->n_inputs; i++)
		if ((err = c5_net_input(l->net, i, b->inputs[i], l->places)) < 0) return err;
	if ((err = c5_net_forward(l->net, (uint64_t)job->params->seed, draw_of(l, step, leaf))) < 0) return err;
	if ((err = c5_net_loss(l->net, job->losses, job->n_losses, (const float *const *)b->targets, b->weight, l->places, 1.0 / (double)l->batch,
	    losses)) < 0) return err;
	for (int i = 0; i < job->n_losses; i++) l->told[leaf] += losses[i];
	l->covered = 0;
	if (last && (err = begin_sum(l)) < 0) return err;
	if ((err = c5_net_backward(l->net, last && !l->direct ? gradient_ready : NULL, l)) < 0) return err;
	const float *g = l->direct ? NULL : c5_net_gradients(l->net);
	if (!g && !l->direct) return c5_fail_in(C5_EFAIL, "the gradient");
	if (g) c5_tree_sum_add(&l->sum, g + l->covered, l->covered, l->n_flat);
	if (l->n_statistics) {
		float *statistics; /* after the gradient in the sums */
		if ((err = c5_alloc_aligned(&statistics, l->n_statistics, sizeof *statistics)) < 0) return err;
		if ((err = c5_net_statistics_get(l->net, statistics)) == C5_OK) c5_tree_sum_add(&l->sum, statistics, l->n_flat, l->n_flat + l->n_statistics);
		free(statistics);
		if (err < 0) return err;
	}
	c5_tree_sum_next(&l->sum);
	return C5_OK;
}

static int not_finite(const c5_loop *l, double loss, int leaf)
{
	size_t at = (size_t)l->s->step * l->batch + (leaf > 0 ? (size_t)leaf * (size_t)l->places : 0);
	return c5_fail(C5_EINPUT, "the loss is %s in epoch %u, batch %u of %u (from item %zu of the training part); try a lower --rate, or --clip 1",
		isnan(loss) ? "no number" : "infinite", l->s->epoch + 1, l->s->step + 1, l->steps, l->order[at % l->per_epoch]);
}

/* What a rank tells the others of itself; the sum when both are so. */
enum { ASKED_TO_STOP = 1, FAILED = 2 };

/* What all ranks must know: the losses, in the order of micro-batches, whether someone failed (`mine`: this rank's error so far) or is asked to stop,
 * and whether a checkpoint is due. */
static int talk(c5_loop *l, int mine, double *loss, bool *stop, bool *save)
{
	size_t micro = (size_t)l->s->micro, n = micro + (size_t)l->t->size + 1;
	bool failed = false;
	l->told[micro + (size_t)l->t->rank] = (c5_stop_wanted() ? ASKED_TO_STOP : 0) + (mine < 0 ? FAILED : 0);
	double every = l->job->params->save_every_s;
	l->told[n - 1] = l->t->rank == 0 && l->job->keeper && every > 0 && c5_clock_s() - l->saved_at > every;
	int err = l->t->gather(l->t, l->told, n);
	if (err < 0) return err;
	*loss = 0, *stop = false;
	for (size_t i = 0; i < micro; i++) *loss += l->told[i];
	for (int r = 0; r < l->t->size; r++) {
		int said = (int)l->told[micro + (size_t)r];
		*stop |= (said & ASKED_TO_STOP) != 0;
		failed |= (said & FAILED) != 0;
	}
	if (failed) return l->t->agree(l->t, mine);
	*save = l->told[n - 1] > 0;
	for (size_t i = 0; i < micro && !isfinite(*loss); i++)
		if (!isfinite(l->told[i])) return not_finite(l, l->told[i], (int)i);
	return isfinite(*loss) ? C5_OK : not_finite(l, *loss, -1);
}

static int do_batch(c5_loop *l, double *loss, bool *stop, bool *save)
{
	uint32_t step = l->s->step;
	int err = C5_OK, first = l->sum.a, last = l->sum.b - 1;
	memset(l->told, 0, ((size_t)l->s->micro + (size_t)l->t->size + 1) * sizeof *l->told);
	c5_tree_sum_begin(&l->sum);
	for (int leaf = first; leaf <= last && err == C5_OK; leaf++) {
		const c5_batch *b;
		if ((err = c5_loader_take(l->loader, &b)) < 0) break;
		if (leaf < last) err = ask(l, step, leaf + 1);
		else if (step + 1 < l->steps) err = ask(l, step + 1, first);
		if (err == C5_OK) err = do_micro(l, step, leaf, b);
	}
	if ((err = talk(l, end_sum(l, err), loss, stop, save)) < 0) return err;
	double rate = c5_schedule_rate(&l->schedule, (double)l->s->epoch + ((double)step + 0.5) / l->steps, (int)l->s->plateaus);
	err = c5_net_step(l->net, &l->optimizer, l->direct ? NULL : l->total, rate, &l->s->norm);
	if (err == C5_EINPUT) err = not_finite(l, NAN, -1);
	if (err == C5_OK && l->n_statistics) {
		float *mean = l->total + l->n_flat, part = 1.0f / (float)l->s->micro;
		for (size_t i = 0; i < l->n_statistics; i++) mean[i] *= part;
		err = c5_net_statistics_put(l->net, mean);
	}
	if ((err = l->t->agree(l->t, err)) == C5_OK) l->s->step++;
	return err;
}

/* ---- checkpoints ---- */

static int refresh(c5_loop *l)
{
	int err = c5_net_save(l->net, l->s->weights);
	if (err == C5_OK) err = c5_net_state_get(l->net, &l->optimizer, l->s->optimizer);
	return l->t->agree(l->t, err);
}

static int save(c5_loop *l)
{
	c5_keeper *k = l->job->keeper;
	int err = C5_OK;
	c5_loader_rest(l->loader); /* the container is read by nobody while it is written here */
	if (k && l->t->rank == 0) err = k->save(k, l->s);
	l->saved_at = c5_clock_s();
	l->saved_epoch = l->s->epoch;
	return l->t->agree(l->t, err);
}

/* ---- an epoch ---- */

static int find_watched(c5_loop *l)
{
	const char *watch = l->job->params->watch;
	char list[C5_FIGURES_MAX * 34 + 8] = "last, loss";
	if (!l->higher_is_better || l->watched >= 0) return C5_OK;
	for (int i = 0; i < l->s->n_figures; i++) {
		if (strcmp(l->s->figures[i], watch) == 0) l->watched = i;
		snprintf(list + strlen(list), sizeof list - strlen(list), ", %s", l->s->figures[i]);
	}
	return l->watched >= 0 ? C5_OK : c5_fail(C5_EUSAGE, "--watch %s: there is no such figure here; expected one of %s", watch, list);
}

/* Whether this epoch is the best so far; and what that means for the rate. */
static int judge_epoch(c5_loop *l, const c5_epoch *e, bool *better)
{
	c5_train_state *s = l->s;
	int err = find_watched(l);
	if (err < 0) return err;
	double value = l->watched >= 0 ? e->figures[l->watched] : isnan(e->validation_loss) ? e->loss : e->validation_loss;
	*better = !isnan(value) && (isnan(s->best) || (l->higher_is_better ? value > s->best : value < s->best));
	if (*better || !s->best_epoch) s->best = value, s->best_epoch = e->epoch, s->since_best = s->since_plateau = 0, *better = true;
	else s->since_best++, s->since_plateau++;
	if (l->last) s->best_epoch = e->epoch, *better = true;
	if (s->since_plateau >= l->schedule.every && l->schedule.kind == C5_RATE_PLATEAU) s->plateaus++, s->since_plateau = 0;
	return C5_OK;
}

static int end_epoch(c5_loop *l)
{
	c5_train_state *s = l->s;
	c5_weights *judged = s->weights;
	bool better;
	int err = refresh(l);
	if (err < 0) return err;
	c5_epoch e = { .epoch = s->epoch + 1, .rate = c5_schedule_rate(&l->schedule, s->epoch + 1 - 0.5 / l->steps, (int)s->plateaus),
		.loss = s->loss_sum / l->steps, .norm = s->norm };
	if (l->optimizer.averaging > 0) {
		judged = NULL;
		if ((err = c5_weights_copy(&judged, s->weights)) == C5_OK) err = c5_net_save_average(l->net, judged);
		if ((err = l->t->agree(l->t, err)) < 0) goto done;
	}
	if ((err = c5_loop_validate(l, judged, &e)) < 0 || (err = judge_epoch(l, &e, &better)) < 0) goto done;
	if ((err = c5_grow(&s->history, &s->cap_history, s->epoch + 1, sizeof e)) < 0) goto done;
	s->history[s->epoch] = e;
	if (better) {
		if (!s->best_weights) err = c5_weights_copy(&s->best_weights, judged);
		else memcpy(s->best_weights->data, judged->data, judged->count * sizeof *judged->data);
		if (err < 0) goto done;
	}
	s->epoch++;
	s->step = 0;
	s->loss_sum = 0;
	s->finished = s->epoch >= (uint32_t)l->job->params->epochs || (l->job->params->stop_after > 0 &&
		s->since_best >= (uint32_t)l->job->params->stop_after);
	if (l->job->keeper && l->t->rank == 0 && l->job->keeper->told) {
		double spent = c5_clock_s() - l->begun_at;
		l->job->keeper->told(l->job->keeper, s, spent > 0 ? (double)l->begun_items / spent : 0, better && !l->last);
	}
done:
	if (judged != s->weights) c5_weights_free(judged);
	return err;
}

static int do_epoch(c5_loop *l)
{
	c5_train_state *s = l->s;
	c5_keeper *k = l->job->keeper;
	int err = draw_order(l);
	l->begun_at = c5_clock_s();
	l->begun_items = 0;
	if (err == C5_OK && s->step < l->steps) err = ask(l, s->step, l->sum.a);
	err = l->t->agree(l->t, err);
	while (err == C5_OK && s->step < l->steps) {
		double loss = 0;
		bool stop = false, due = false;
		if ((err = do_batch(l, &loss, &stop, &due)) < 0) break;
		s->loss_sum += loss;
		l->begun_items += l->batch;
		if (k && k->step && l->t->rank == 0 && c5_clock_s() - l->told_at > 0.1) {
			k->step(k, s, l->steps, s->loss_sum / s->step);
			l->told_at = c5_clock_s();
		}
		if ((stop || due) && s->step < l->steps && ((err = refresh(l)) < 0 || (err = save(l)) < 0)) break;
		if (stop && s->step < l->steps)
			return c5_fail(C5_ESTOP, "stopped by %s in epoch %u; go on with --resume", *c5_stop_reason() ? c5_stop_reason() : "another rank", s->epoch + 1);
	}
	return err < 0 ? err : end_epoch(l);
}

/* The loss went wrong: the last whole epoch is what is worth keeping, if its weights are still at hand. */
static int keep_last_good(c5_loop *l, int err)
{
	char why[1024];
	snprintf(why, sizeof why, "%s", c5_error_last());
	if (l->lost) return c5_fail(err, "%s%s", why, l->s->best_weights ? "; the best epoch before is kept" : "");
	if (l->s->epoch > l->saved_epoch) {
		l->s->step = 0;
		l->s->loss_sum = 0;
		if (save(l) < 0) return c5_fail_in(err, "%s; and", why);
	}
	return c5_fail(err, "%s%s", why, l->s->epoch ? "; the checkpoint of the last whole epoch is kept" : "");
}

int c5_train(const c5_train_job *job, c5_train_state *s)
{
	c5_loop l = { .job = job, .s = s, .t = job->together };
	if (c5_train_head_wanted(job->params)) return s->finished ? C5_OK : c5_train_head(job, s);
	int err = read_params(&l);
	if (err == C5_OK) err = begin(&l);
	err = job->together->agree(job->together, err);
	while (err == C5_OK && !s->finished) {
		double every = job->params->save_every_s;
		err = l.t->agree(l.t, do_epoch(&l));
		if (err == C5_EINPUT) err = keep_last_good(&l, err);
		if (err < 0) break;
		double due = l.t->rank == 0 && (s->finished || (every > 0 && c5_clock_s() - l.saved_at > every)) ? 1 : 0, stop = c5_stop_wanted();
		double both[2] = { due, stop };
		if ((err = l.t->gather(l.t, both, 2)) < 0) break;
		if ((both[0] > 0 || both[1] > 0) && (err = save(&l)) < 0) break;
		if (both[1] > 0 && !s->finished)
			err = c5_fail(C5_ESTOP, "stopped by %s after epoch %u; go on with --resume", *c5_stop_reason() ? c5_stop_reason() : "another rank", s->epoch);
	}
	end(&l);
	return err;
}
