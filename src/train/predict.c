/* predict.c – outputs of many items, shared out over ranks by whole passes, so that they are the same bits for any number of them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "train/loop.h"

static int predict_block(c5_net *net, const c5_train_job *job, const c5_batch *b, size_t at, float *const *outputs, float *const *targets)
{
	const c5_feed *f = job->feed;
	int err;
	for (int i = 0; i < f->n_inputs; i++)
		if ((err = c5_net_input(net, i, b->inputs[i], (int)b->n)) < 0) return err;
	if ((err = c5_net_forward(net, 0, 0)) < 0) return err;
	for (int t = 0; t < job->n_losses; t++) {
		if ((err = c5_net_output(net, job->losses[t].output, outputs[t] + at * f->target_count[t], (int)b->n)) < 0) return err;
		if (targets) memcpy(targets[t] + at * f->target_count[t], b->targets[t], b->n * f->target_count[t] * sizeof(float));
	}
	return C5_OK;
}

static int ask(c5_loader *l, size_t *items, size_t item0, size_t n, size_t block, size_t batch)
{
	size_t at = block * batch, count = n - at < batch ? n - at : batch;
	for (size_t i = 0; i < count; i++) items[i] = item0 + at + i;
	return c5_loader_ask(l, items, NULL, count, 0);
}

static int run(const c5_train_job *job, const c5_weights *w, int precision, size_t item0, size_t n, size_t batch, c5_span mine, float *const *outputs,
	float *const *targets)
{
	c5_net *net = NULL;
	c5_loader *loader = NULL;
	size_t *items = NULL;
	c5_net_how how = { .batch = (int)batch, .precision = precision };
	int err = c5_net_make(&net, job->device, job->model, w, &how);
	if (err < 0 || (err = c5_loader_open(&loader, job->feed, batch, job->params->prefetch)) < 0 || (err = c5_alloc(&items, batch, sizeof *items)) < 0)
		goto done;
	if (mine.lo < mine.hi) err = ask(loader, items, item0, n, (size_t)mine.lo, batch);
	for (int k = mine.lo; k < mine.hi && err == C5_OK; k++) {
		const c5_batch *b;
		if ((err = c5_loader_take(loader, &b)) < 0 || (k + 1 < mine.hi && (err = ask(loader, items, item0, n, (size_t)k + 1, batch)) < 0)) break;
		err = predict_block(net, job, b, (size_t)k * batch, outputs, targets);
	}
done:
	free(items);
	c5_loader_close(loader);
	c5_net_free(net);
	return err;
}

int c5_predict_run(const c5_train_job *job, const c5_weights *w, int precision, size_t item0, size_t n, int batch, float *const *outputs,
	float *const *targets)
{
	c5_together *t = job->together;
	size_t per = (size_t)batch, blocks = (n + per - 1) / per;
	int err;
again:
	for (int i = 0; i < job->n_losses; i++) {
		memset(outputs[i], 0, n * job->feed->target_count[i] * sizeof(float));
		if (targets) memset(targets[i], 0, n * job->feed->target_count[i] * sizeof(float));
	}
	err = run(job, w, precision, item0, n, per, c5_tree_share((int)blocks, t->rank, t->size), outputs, targets);
	err = t->agree(t, err);
	if (err == C5_ENOMEM && per > 1) { /* the training beside it has the memory */
		per /= 2;
		blocks = (n + per - 1) / per;
		if (t->rank == 0) c5_log(C5_LOG_WARN, "memory is short: %zu items are predicted at a time", per);
		goto again;
	}
	if (err < 0) return err;
	for (int i = 0; i < job->n_losses && err == C5_OK; i++) {
		err = t->gather_floats(t, outputs[i], n * job->feed->target_count[i]);
		if (err == C5_OK && targets) err = t->gather_floats(t, targets[i], n * job->feed->target_count[i]);
	}
	return err;
}

static int precision_of(const c5_train_params *p) { return p->precision && strcmp(p->precision, "bf16") == 0 ? C5_BF16 : C5_FP32; }

int c5_train_predict(const c5_train_job *job, const c5_weights *w, size_t item0, size_t n, int batch, float *const *outputs)
{
	return c5_predict_run(job, w, precision_of(job->params), item0, n, batch, outputs, NULL);
}

/* ---- losses of outputs at hand ---- */

static double clamped_log(double p) { return log(p > 1e-12 ? p : 1e-12); }

static double position_loss(const c5_loss *l, const float *o, const float *t, size_t classes, size_t stride)
{
	double sum = 0;
	for (size_t k = 0; k < classes; k++) {
		double p = o[k * stride], y = t[k * stride];
		switch (l->kind) {
		case C5_LOSS_CROSS_ENTROPY: sum -= y > 0 ? y * clamped_log(p) : 0; break;
		case C5_LOSS_FOCAL: sum -= y > 0 ? y * pow(1 - p, l->gamma) * clamped_log(p) : 0; break;
		case C5_LOSS_BINARY: sum -= (y > 0 ? y * clamped_log(p) : 0) + (y < 1 ? (1 - y) * clamped_log(1 - p) : 0); break;
		default: sum += (p - y) * (p - y);
		}
	}
	return l->kind == C5_LOSS_CROSS_ENTROPY || l->kind == C5_LOSS_FOCAL ? sum : sum / (double)classes;
}

double c5_loss_value(const c5_loss *l, const float *output, const float *target, size_t n, size_t count, size_t classes)
{
	double sum = 0;
	size_t positions = classes ? count / classes : 0;
	if (!n || !positions) return NAN;
	for (size_t i = 0; i < n; i++) {
		const float *o = output + i * count, *t = target + i * count;
		if (l->kind == C5_LOSS_DICE) { /* of each item and class, over positions */
			for (size_t k = 0; k < classes; k++) {
				double both = 0, all = 0;
				for (size_t p = 0; p < positions; p++)
					both += (double)o[k * positions + p] * t[k * positions + p], all += (double)o[k * positions + p] + t[k * positions + p];
				sum += (1 - (2 * both + 1) / (all + 1)) / (double)classes;
			}
			continue;
		}
		double item = 0;
		for (size_t p = 0; p < positions; p++) item += position_loss(l, o + p, t + p, classes, positions);
		sum += item / (double)positions;
	}
	return sum / (double)n;
}

static size_t classes_of(const c5_model *m, int output)
{
	const c5_layer *l = &m->layers[m->outputs[output]];
	return (size_t)l->shape[l->rank == 2 ? 1 : 0];
}

int c5_loop_validate(c5_loop *l, const c5_weights *w, c5_epoch *e)
{
	const c5_train_job *job = l->job;
	c5_feed *f = job->feed;
	double share = 0, loss = 0;
	int err = C5_OK;
	e->validation_loss = NAN;
	for (int i = 0; i < C5_FIGURES_MAX; i++) e->figures[i] = NAN;
	if (!f->n_validate) return C5_OK;
	for (int t = 0; t < job->n_losses && err == C5_OK; t++) {
		if (!l->outputs[t]) err = c5_alloc_aligned(&l->outputs[t], f->n_validate * f->target_count[t], sizeof(float));
		if (err == C5_OK && !l->targets[t]) err = c5_alloc_aligned(&l->targets[t], f->n_validate * f->target_count[t], sizeof(float));
	}
	if ((err = l->t->agree(l->t, err)) < 0) return err; /* what follows is done by all together */
	if ((err = c5_predict_run(job, w, l->precision, f->n_train, f->n_validate, l->places, l->outputs, l->have_targets ? NULL : l->targets)) < 0)
		return err;
	l->have_targets = true;
	for (int t = 0; t < job->n_losses; t++)
		for (size_t i = 0; i < f->n_validate * f->target_count[t]; i++)
			if (!isfinite(l->outputs[t][i])) {
				l->lost = true;
				return c5_fail(C5_EINPUT, "the answers for the validation part are no numbers after epoch %u; try a lower --rate, or --clip 1", e->epoch);
			}
	for (int t = 0; t < job->n_losses; t++) {
		double weight = job->losses[t].share > 0 ? job->losses[t].share : 1;
		loss += weight * c5_loss_value(&job->losses[t], l->outputs[t], l->targets[t], f->n_validate, f->target_count[t],
			classes_of(job->model, job->losses[t].output));
		share += weight;
	}
	e->validation_loss = loss / share;
	if (!f->judge) return C5_OK;
	const char *names[C5_FIGURES_MAX] = { NULL };
	int n = f->judge(f, (const float *const *)l->outputs, (const float *const *)l->targets, names, e->figures);
	if (n < 0) return n;
	l->s->n_figures = n;
	for (int i = 0; i < n && names[i]; i++) snprintf(l->s->figures[i], sizeof l->s->figures[i], "%s", names[i]);
	return C5_OK;
}
