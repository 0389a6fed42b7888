/* worker.c – see worker.h. */
#include "hyperopt/worker.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"

typedef struct slot {
	uint32_t trial;          /* 0: free */
	uint32_t repeats, repeat;
	uint64_t seed;
	double *values;          /* (n_params) */
	void *running;
	double begun_s, mean, squares; /* squares: sum of those of the distances from the mean (Welford 1962) */
	uint32_t done;
	bool stopping;
} slot;

struct c5_search_worker {
	c5_objective *objective;
	const c5_group *group;
	size_t n_params, jobs, busy;
	slot *slots;
	c5_news_fn *tell;
	void *to;
};

/* What the first rank of a group tells the others to do with a `together` objective. */
enum { START, POLL, STOP, FINISH, LEAVE };

/* ---- together ---- */

static int lead(c5_search_worker *w, int what, size_t at, const c5_order *order)
{
	c5_buf b = { 0 };
	if (!w->objective->together || w->group->ranks < 2) return C5_OK;
	c5_buf_put_u64(&b, (uint64_t)what);
	c5_buf_put_u64(&b, at);
	if (order) {
		c5_buf_put_u64(&b, order->trial);
		c5_buf_put_u64(&b, order->repeat);
		c5_buf_put_u64(&b, order->seed);
		c5_buf_put(&b, order->values, w->n_params * sizeof *order->values);
	}
	int err = c5_comm_bcast(w->group->comm, &b);
	c5_buf_free(&b);
	return err;
}

static int follow_start(c5_objective *o, size_t n, const c5_group *group, c5_buf *b, void **running)
{
	uint64_t trial, repeat, seed;
	double values[C5_SPACE_MOST];
	int err;
	if ((err = c5_buf_get_u64(b, &trial)) < 0 || (err = c5_buf_get_u64(b, &repeat)) < 0 || (err = c5_buf_get_u64(b, &seed)) < 0 ||
	    (err = c5_buf_get(b, values, n * sizeof *values)) < 0)
		return err;
	const c5_order order = { (uint32_t)trial, (uint32_t)repeat, seed, values };
	(void)c5_comm_agree(group->comm, o->start(o, &order, group, running));
	return C5_OK;
}

int c5_search_worker_follow(c5_objective *o, size_t n_params, const c5_group *group)
{
	void **running = NULL;
	size_t cap = 0;
	c5_buf b = { 0 };
	c5_outcome outcome;
	int err = C5_OK;
	if (!o->together) return C5_OK;
	for (uint64_t what = START, at; what != LEAVE && err == C5_OK;) {
		b.size = b.at = 0;
		if ((err = c5_comm_bcast(group->comm, &b)) < 0 || (err = c5_buf_get_u64(&b, &what)) < 0 || (err = c5_buf_get_u64(&b, &at)) < 0) break;
		if ((err = c5_grow(&running, &cap, at + 1, sizeof *running)) < 0) break;
		if (what == START) err = follow_start(o, n_params, group, &b, &running[at]);
		else if (what == POLL && running[at]) o->poll(o, running[at], &outcome);
		else if (what == STOP && running[at]) o->stop(o, running[at]);
		else if (what == FINISH && running[at]) {
			o->finish(o, running[at]);
			running[at] = NULL;
		}
	}
	free(running);
	c5_buf_free(&b);
	return err;
}

/* ---- one run ---- */

static int start_run(c5_search_worker *w, slot *s)
{
	const c5_order order = { s->trial, s->repeat, s->seed + s->repeat, s->values };
	int err = lead(w, START, (size_t)(s - w->slots), &order);
	if (err < 0) return err;
	err = w->objective->start(w->objective, &order, w->group, &s->running);
	return w->objective->together && w->group->ranks > 1 ? c5_comm_agree(w->group->comm, err) : err;
}

static void finish_run(c5_search_worker *w, slot *s)
{
	if (!s->running) return;
	(void)lead(w, FINISH, (size_t)(s - w->slots), NULL);
	w->objective->finish(w->objective, s->running);
	s->running = NULL;
}

static int end_trial(c5_search_worker *w, slot *s, double value, const char *note)
{
	c5_news news = { .trial = s->trial, .ended = true, .value = value, .spread = NAN, .repeats = s->done, .seconds = c5_clock_s() - s->begun_s };
	snprintf(news.note, sizeof news.note, "%s", note);
	for (char *p = news.note; *p; p++)
		if ((unsigned char)*p < 32 || *p == 127) *p = ' ';
	if (s->done > 1) news.spread = sqrt(s->squares / (s->done - 1));
	finish_run(w, s);
	s->trial = 0;
	w->busy--;
	return w->tell(w->to, &news);
}

static int next_run(c5_search_worker *w, slot *s)
{
	char note[C5_NOTE_TEXT];
	if (start_run(w, s) == C5_OK) return C5_OK;
	snprintf(note, sizeof note, "%.119s", c5_error_last());
	return end_trial(w, s, NAN, note);
}

static int poll_slot(c5_search_worker *w, slot *s, bool *moved)
{
	c5_outcome out;
	int err = lead(w, POLL, (size_t)(s - w->slots), NULL);
	if (err < 0) return err;
	w->objective->poll(w->objective, s->running, &out);
	if (out.reported && s->repeat == 0) {
		const c5_news news = { .trial = s->trial, .report = out.report };
		*moved = true;
		if ((err = w->tell(w->to, &news)) < 0) return err;
	}
	if (!out.done) return C5_OK;
	*moved = true;
	if (isnan(out.value)) return end_trial(w, s, NAN, out.note);
	double away = out.value - s->mean;
	s->mean += away / ++s->done;
	s->squares += away * (out.value - s->mean);
	if (++s->repeat >= s->repeats || s->stopping) return end_trial(w, s, s->mean, "");
	finish_run(w, s);
	return next_run(w, s);
}

/* ---- the worker ---- */

int c5_search_worker_open(c5_search_worker **out, c5_objective *objective, size_t n_params, const c5_group *group, size_t jobs, c5_news_fn *tell,
	void *to)
{
	c5_search_worker *w;
	int err = c5_alloc(&w, 1, sizeof *w);
	if (err < 0) return err;
	*w = (c5_search_worker){ objective, group, n_params, jobs, 0, NULL, tell, to };
	err = c5_alloc(&w->slots, jobs, sizeof *w->slots);
	for (size_t i = 0; err == C5_OK && i < jobs; i++) err = c5_alloc(&w->slots[i].values, n_params, sizeof *w->slots[i].values);
	if (err < 0) c5_search_worker_close(w);
	else *out = w;
	return err;
}

void c5_search_worker_close(c5_search_worker *w)
{
	if (!w) return;
	for (size_t i = 0; w->slots && i < w->jobs; i++) {
		finish_run(w, &w->slots[i]);
		free(w->slots[i].values);
	}
	(void)lead(w, LEAVE, 0, NULL);
	free(w->slots);
	free(w);
}

int c5_search_worker_begin(c5_search_worker *w, uint32_t trial, uint32_t repeats, uint64_t seed, const double *values)
{
	slot *s = NULL;
	for (size_t i = 0; i < w->jobs && !s; i++)
		if (!w->slots[i].trial) s = &w->slots[i];
	if (!s) return c5_fail(C5_EFAIL, "trial %u: there is no room for it", trial);
	double *kept = s->values;
	memcpy(kept, values, w->n_params * sizeof *values);
	*s = (slot){ .trial = trial, .repeats = repeats, .seed = seed, .values = kept, .begun_s = c5_clock_s() };
	w->busy++;
	return next_run(w, s);
}

void c5_search_worker_stop(c5_search_worker *w, uint32_t trial)
{
	for (size_t i = 0; i < w->jobs; i++) {
		slot *s = &w->slots[i];
		if (!s->trial || s->stopping || (trial && s->trial != trial)) continue;
		s->stopping = true;
		(void)lead(w, STOP, i, NULL);
		w->objective->stop(w->objective, s->running);
	}
}

int c5_search_worker_poll(c5_search_worker *w, bool *moved)
{
	int err = C5_OK;
	for (size_t i = 0; err == C5_OK && i < w->jobs; i++)
		if (w->slots[i].trial) err = poll_slot(w, &w->slots[i], moved);
	return err;
}

size_t c5_search_worker_busy(const c5_search_worker *w) { return w->busy; }

/* ---- messages ---- */

void c5_news_pack(c5_buf *to, const c5_news *n)
{
	c5_buf_put_u64(to, n->trial);
	c5_buf_put_u64(to, n->ended);
	c5_buf_put_f64(to, n->report.step);
	c5_buf_put_f64(to, n->report.value);
	c5_buf_put_f64(to, n->value);
	c5_buf_put_f64(to, n->spread);
	c5_buf_put_u64(to, n->repeats);
	c5_buf_put_f64(to, n->seconds);
	c5_buf_put(to, n->note, sizeof n->note);
}

int c5_news_unpack(c5_news *n, c5_buf *from)
{
	uint64_t trial = 0, ended = 0, repeats = 0;
	int err;
	memset(n, 0, sizeof *n);
	if ((err = c5_buf_get_u64(from, &trial)) < 0 || (err = c5_buf_get_u64(from, &ended)) < 0 || (err = c5_buf_get_f64(from, &n->report.step)) < 0 ||
	    (err = c5_buf_get_f64(from, &n->report.value)) < 0 || (err = c5_buf_get_f64(from, &n->value)) < 0 ||
	    (err = c5_buf_get_f64(from, &n->spread)) < 0 ||
	    (err = c5_buf_get_u64(from, &repeats)) < 0 || (err = c5_buf_get_f64(from, &n->seconds)) < 0 ||
	    (err = c5_buf_get(from, n->note, sizeof n->note)) < 0)
		return err;
	n->note[sizeof n->note - 1] = '\0';
	n->trial = (uint32_t)trial;
	n->ended = ended != 0;
	n->repeats = (uint32_t)repeats;
	return C5_OK;
}
