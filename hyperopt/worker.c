/* worker.c – see worker.h. */
#include "hyperopt/worker.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "hyperopt/left.h"

typedef struct slot {
	uint32_t trial;          /* 0: free */
	uint32_t repeats, repeat;
	uint64_t seed;
	double *values;          /* (n_params) */
	void *running;
	double begun_s;
	c5_mean mean;
	c5_buf about;
	c5_report *told_of;      /* (n_told) reports of the first run */
	size_t n_told, cap_told;
	char *mark;
	bool stopping, told;     /* told: it has ended, and is not known to be safe */
} slot;

struct c5_search_worker {
	c5_objective *objective;
	const c5_group *group;
	size_t n_params, jobs;
	const char *marks;
	bool far;
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
	const c5_order order = { .trial = (uint32_t)trial, .repeat = (uint32_t)repeat, .seed = seed, .values = values };
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
	const c5_order order = { s->trial, s->repeat, s->seed + s->repeat, s->values, s->repeats, s->begun_s, s->mean, s->mark, &s->about,
		s->told_of, s->n_told };
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

static void free_slot(c5_search_worker *w, slot *s)
{
	finish_run(w, s);
	s->trial = 0;
	s->told = false;
}

static int end_trial(c5_search_worker *w, slot *s, double value, const char *note)
{
	c5_news news;
	c5_news_end(&news, s->trial, value, &s->mean, c5_clock_s() - s->begun_s, note);
	s->told = true;
	int err = w->tell(w->to, &news);
	if (!w->far) free_slot(w, s);
	return err;
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
		if ((err = c5_grow(&s->told_of, &s->cap_told, s->n_told + 1, sizeof *s->told_of)) < 0) return err;
		s->told_of[s->n_told++] = out.report;
		if ((err = w->tell(w->to, &news)) < 0) return err;
	}
	if (!out.done) return C5_OK;
	*moved = true;
	if (isnan(out.value)) return end_trial(w, s, NAN, out.note);
	c5_mean_add(&s->mean, out.value);
	if (++s->repeat >= s->repeats || s->stopping) return end_trial(w, s, s->mean.mean, "");
	finish_run(w, s);
	return next_run(w, s);
}

/* ---- the worker ---- */

int c5_search_worker_open(c5_search_worker **out, const c5_worker_setup *setup)
{
	c5_search_worker *w;
	int err = c5_alloc(&w, 1, sizeof *w);
	if (err < 0) return err;
	*w = (c5_search_worker){ setup->objective, setup->group, setup->n_params, setup->jobs, setup->marks, setup->far, NULL, setup->tell, setup->to };
	err = c5_alloc(&w->slots, w->jobs, sizeof *w->slots);
	for (size_t i = 0; err == C5_OK && i < w->jobs; i++) err = c5_alloc(&w->slots[i].values, w->n_params, sizeof *w->slots[i].values);
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
		free(w->slots[i].mark);
		free(w->slots[i].told_of);
		c5_buf_free(&w->slots[i].about);
	}
	(void)lead(w, LEAVE, 0, NULL);
	free(w->slots);
	free(w);
}

int c5_search_worker_begin(c5_search_worker *w, uint32_t trial, uint32_t repeats, uint64_t seed, const double *values, const c5_buf *about)
{
	slot *s = NULL;
	for (size_t i = 0; i < w->jobs && !s; i++)
		if (!w->slots[i].trial) s = &w->slots[i];
	if (!s) return c5_fail(C5_EFAIL, "trial %u: there is no room for it", trial);
	const slot old = *s;
	memcpy(old.values, values, w->n_params * sizeof *values);
	*s = (slot){ .trial = trial, .repeats = repeats, .seed = seed, .values = old.values, .about = old.about, .told_of = old.told_of,
		.cap_told = old.cap_told, .begun_s = c5_clock_s() };
	free(old.mark);
	s->about.size = s->about.at = 0;
	c5_buf_put(&s->about, about->data, about->size);
	if (s->about.err < 0 || (w->marks && !(s->mark = c5_left_path(w->marks, trial)))) return c5_fail(C5_ENOMEM, "out of memory");
	return next_run(w, s);
}

void c5_search_worker_kept(c5_search_worker *w, uint32_t trial)
{
	for (size_t i = 0; i < w->jobs; i++)
		if (w->slots[i].told && w->slots[i].trial == trial) free_slot(w, &w->slots[i]);
}

void c5_search_worker_stop(c5_search_worker *w, uint32_t trial)
{
	for (size_t i = 0; i < w->jobs; i++) {
		slot *s = &w->slots[i];
		if (!s->trial || s->told || s->stopping || (trial && s->trial != trial)) continue;
		s->stopping = true;
		(void)lead(w, STOP, i, NULL);
		w->objective->stop(w->objective, s->running);
	}
}

int c5_search_worker_poll(c5_search_worker *w, bool *moved)
{
	int err = C5_OK;
	for (size_t i = 0; err == C5_OK && i < w->jobs; i++)
		if (w->slots[i].trial && !w->slots[i].told) err = poll_slot(w, &w->slots[i], moved);
	return err;
}

/* ---- news ---- */

void c5_mean_add(c5_mean *m, double value)
{
	double away = value - m->mean;
	m->mean += away / ++m->n;
	m->squares += away * (value - m->mean);
}

double c5_mean_spread(const c5_mean *m) { return m->n > 1 ? sqrt(m->squares / (m->n - 1)) : NAN; }

void c5_news_end(c5_news *n, uint32_t trial, double value, const c5_mean *mean, double seconds, const char *note)
{
	*n = (c5_news){ .trial = trial, .ended = true, .value = value, .spread = c5_mean_spread(mean), .repeats = mean->n, .seconds = seconds };
	snprintf(n->note, sizeof n->note, "%s", note);
	for (char *p = n->note; *p; p++)
		if ((unsigned char)*p < 32 || *p == 127) *p = ' ';
}

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
