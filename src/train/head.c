/* head.c – see head.h. */
#include "train/head.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/signal.h"
#include "train/logistic.h"
#include "train/loop.h"

#define PASS 32 /* draws of a pass through the network */

typedef struct head {
	const c5_train_job *job;
	c5_train_state *s;
	int at;                     /* the layer that learns */
	c5_model *before;           /* all layers in front of it */
	c5_weights *weights;        /* theirs */
	size_t d, classes, per_epoch, rows;
	size_t *item;               /* (rows) what is drawn */
	float *x, *target, *weight; /* (rows, d), (rows, classes), (rows) */
} head;

bool c5_train_head_wanted(const c5_train_params *p) { return p->optimizer && strcmp(p->optimizer, "logistic") == 0; }

/* ---- the layer, and what comes before it ---- */

/* From the output back: a softmax and what moves no number, then the layer. */
static int find_layer(const c5_model *m)
{
	int at = m->n_outputs == 1 ? m->outputs[0] : -1;
	if (at < 0 || m->layers[at].kind != C5_LAYER_SOFTMAX || m->layers[at].rank != 1) return -1;
	for (at = m->layers[at].inputs[0]; m->layers[at].kind == C5_LAYER_FLATTEN || m->layers[at].kind == C5_LAYER_DROPOUT;) at = m->layers[at].inputs[0];
	const c5_layer *l = &m->layers[at], *in = l->n_inputs ? &m->layers[l->inputs[0]] : NULL;
	bool pixel = l->kind == C5_LAYER_CONV && l->groups <= 1 && in && in->rank == 3 && in->shape[1] == 1 && in->shape[2] == 1 &&
		l->kernel[0] == 1 && l->kernel[1] == 1;
	return (l->kind == C5_LAYER_DENSE || pixel) && l->bias && l->activation == C5_ACT_NONE ? at : -1;
}

static int cut_model(head *h)
{
	const c5_model *m = h->job->model;
	if (h->job->n_losses != 1 || h->job->losses[0].kind != C5_LOSS_CROSS_ENTROPY)
		return c5_fail(C5_EUSAGE, "--optimizer logistic: its loss is the cross-entropy of classes; take another optimizer");
	if ((h->at = find_layer(m)) < 0)
		return c5_fail(C5_EUSAGE, "--optimizer logistic: %s does not end in a dense layer with biases and a softmax; "
			"give it such a head, --features LAYERS", m->name);
	int err = c5_model_copy(&h->before, m);
	if (err < 0) return err;
	h->before->n_layers = h->at; /* layers come in an order that computes */
	h->before->n_outputs = 1;
	h->before->outputs[0] = m->layers[h->at].inputs[0];
	if ((err = c5_model_check(h->before)) < 0 || (err = c5_weights_new(&h->weights, h->before)) < 0) return err;
	for (int i = 0; i < h->at; i++)
		for (int p = 0; p < m->layers[i].n_params; p++)
			memcpy(c5_weights_of(h->weights, i, p), c5_weights_of(h->s->weights, i, p), m->layers[i].params[p].count * sizeof(float));
	h->classes = (size_t)m->layers[h->at].filters;
	h->d = m->layers[h->at].params[0].count / h->classes;
	return C5_OK;
}

/* ---- what is learnt from ---- */

/* Every epoch's crops in the order the feed draws them in, or each once. */
static int draw(head *h)
{
	c5_feed *f = h->job->feed;
	const c5_train_params *p = h->job->params;
	int err;
	h->per_epoch = f->per_epoch ? f->per_epoch : f->n_train;
	h->rows = h->per_epoch * (size_t)p->epochs;
	if (!h->rows) return c5_fail(C5_EINPUT, "nothing to learn from");
	if ((err = c5_alloc(&h->item, h->rows, sizeof *h->item)) < 0) return err;
	for (size_t i = 0; i < h->rows; i++) h->item[i] = i % h->per_epoch;
	for (size_t e = 0; f->draw && e < (size_t)p->epochs; e++)
		if ((err = f->draw(f, (uint64_t)p->seed, e, h->item + e * h->per_epoch)) < 0) return err;
	if ((err = c5_alloc(&h->x, h->rows * h->d, sizeof *h->x)) < 0 || (err = c5_alloc(&h->target, h->rows * h->classes, sizeof *h->target)) < 0 ||
	    (err = c5_alloc(&h->weight, h->rows, sizeof *h->weight)) < 0)
		return c5_fail(err, "%zu draws of %zu features are too many for the memory; draw fewer with --epochs or --per-epoch", h->rows, h->d);
	return C5_OK;
}

static int ask(head *h, c5_loader *l, size_t block)
{
	uint64_t draws[PASS];
	size_t at = block * PASS, n = h->rows - at < PASS ? h->rows - at : PASS;
	for (size_t i = 0; i < n; i++) draws[i] = at + i;
	return c5_loader_ask(l, h->item + at, draws, n, (uint64_t)h->job->params->seed);
}

static int take(head *h, c5_net *net, const c5_batch *b, size_t block)
{
	size_t at = block * PASS;
	int err = C5_OK;
	for (int i = 0; i < h->job->feed->n_inputs && err == C5_OK; i++) err = c5_net_input(net, i, b->inputs[i], (int)b->n);
	if (err < 0 || (err = c5_net_forward(net, 0, 0)) < 0) return err;
	memcpy(h->target + at * h->classes, b->targets[0], b->n * h->classes * sizeof(float));
	memcpy(h->weight + at, b->weight, b->n * sizeof(float));
	return c5_net_output(net, 0, h->x + at * h->d, (int)b->n);
}

static int see(head *h)
{
	c5_together *t = h->job->together;
	const c5_train_params *p = h->job->params;
	const c5_net_how how = { .batch = PASS, .precision = p->precision && strcmp(p->precision, "bf16") == 0 ? C5_BF16 : C5_FP32 };
	const c5_span mine = c5_tree_share((int)((h->rows + PASS - 1) / PASS), t->rank, t->size);
	c5_net *net = NULL;
	c5_loader *loader = NULL;
	bool beside = p->prefetch || strncmp(c5_device_name(h->job->device), "cpu", 3) != 0;
	int err = c5_net_make(&net, h->job->device, h->before, h->weights, &how);
	if (err == C5_OK) err = c5_loader_open(&loader, h->job->feed, PASS, beside);
	if (err == C5_OK && mine.lo < mine.hi) err = ask(h, loader, (size_t)mine.lo);
	for (int k = mine.lo; k < mine.hi && err == C5_OK; k++) {
		const c5_batch *b;
		if ((err = c5_loader_take(loader, &b)) < 0 || (k + 1 < mine.hi && (err = ask(h, loader, (size_t)k + 1)) < 0)) break;
		err = take(h, net, b, (size_t)k);
		if (err == C5_OK && c5_stop_wanted()) err = c5_fail(C5_ESTOP, "stopped by %s; --resume begins this head anew",
			*c5_stop_reason() ? c5_stop_reason() : "a signal");
	}
	c5_loader_close(loader);
	c5_net_free(net);
	if ((err = t->agree(t, err)) < 0 || (err = t->gather_floats(t, h->x, h->rows * h->d)) < 0 ||
	    (err = t->gather_floats(t, h->target, h->rows * h->classes)) < 0) return err;
	return t->gather_floats(t, h->weight, h->rows);
}

/* Smoothing and class weights as the loss has them (net.h). */
static void weigh(head *h)
{
	const c5_loss *l = &h->job->losses[0];
	for (size_t i = 0; i < h->rows; i++) {
		float *t = h->target + i * h->classes, weight = 0;
		for (size_t k = 0; k < h->classes; k++) {
			t[k] = (t[k] * (1 - l->smoothing) + l->smoothing / (float)h->classes) * (l->class_weight ? l->class_weight[k] : 1);
			weight += t[k];
		}
		for (size_t k = 0; k < h->classes && weight > 0; k++) t[k] /= weight;
		h->weight[i] *= weight;
	}
}

/* ---- the result ---- */

static int tell(head *h, const c5_logistic_fit *fit, double spent)
{
	c5_train_state *s = h->s;
	c5_keeper *k = h->job->keeper;
	c5_loop l = { .job = h->job, .s = s, .t = h->job->together, .places = PASS };
	c5_epoch e = { .epoch = 1, .rate = 0, .loss = fit->loss, .norm = fit->gradient };
	if (h->job->params->precision && strcmp(h->job->params->precision, "bf16") == 0) l.precision = C5_BF16;
	int err = c5_loop_validate(&l, s->weights, &e);
	for (int i = 0; i < C5_FEED_PORTS; i++) {
		free(l.outputs[i]);
		free(l.targets[i]);
	}
	if (err < 0 || (err = c5_grow(&s->history, &s->cap_history, 1, sizeof e)) < 0 ||
	    (err = c5_weights_copy(&s->best_weights, s->weights)) < 0) return err;
	s->history[0] = e;
	s->epoch = s->best_epoch = 1;
	s->best = isnan(e.validation_loss) ? e.loss : e.validation_loss;
	s->norm = e.norm;
	s->finished = true;
	if (k && k->told && l.t->rank == 0) k->told(k, s, spent > 0 ? (double)h->rows / spent : 0, false);
	return C5_OK;
}

static void head_close(head *h)
{
	c5_model_free(h->before);
	c5_weights_free(h->weights);
	free(h->item);
	free(h->x);
	free(h->target);
	free(h->weight);
}

int c5_train_head(const c5_train_job *job, c5_train_state *s)
{
	head h = { .job = job, .s = s };
	c5_logistic_fit fit = { 0 };
	double begun = c5_clock_s();
	int err = cut_model(&h);
	if (err == C5_OK) err = draw(&h);
	if ((err = job->together->agree(job->together, err)) < 0 || (err = see(&h)) < 0) goto done;
	weigh(&h);
	const c5_logistic l = { h.x, h.target, h.weight, h.rows, h.d, h.classes, job->params->decay };
	err = c5_logistic_solve(c5_weights_of(s->weights, h.at, 0), c5_weights_of(s->weights, h.at, 1), &fit, &l);
	if ((err = job->together->agree(job->together, err)) < 0) goto done;
	if (job->together->rank == 0)
		c5_log(C5_LOG_INFO, "%zu features of %zu draws: fitted in %d steps, loss %.4f and %.4f for the size of the weights",
			h.d, h.rows, fit.steps, fit.loss, fit.penalty);
	s->micro = job->params->micro;
	err = tell(&h, &fit, c5_clock_s() - begun);
done:
	head_close(&h);
	return job->together->agree(job->together, err);
}
