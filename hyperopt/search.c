/* search.c – see search.h. The main line is c5_search_run, at the bottom. */
#include "hyperopt/search.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/signal.h"
#include "hyperopt/left.h"
#include "hyperopt/store.h"
#include "hyperopt/worker.h"
#include "mpi/talk.h"

#define LEAST_SLEEP_US 200
#define MOST_SLEEP_US 4000
#define FLUSH_S 1.0        /* between attempts at a container that others hold */
#define PATIENCE_S 20.0    /* for trials that were asked to end */

/* Messages: rank 0 sends BEGIN, STOP, KEPT, QUIT; others NEWS and WANT_STOP. */
enum message { BEGIN, STOP, KEPT, QUIT, NEWS, WANT_STOP };

typedef struct search {
	c5_comm *comm;
	const c5_search_setup *setup;
	const c5_search_request *request;
	c5_objective *objective;
	c5_group group;           /* this rank's */
	char *hosts, *marks;      /* marks: see left.h */
	int groups, jobs;
	bool leads;               /* first of its group */
	/* rank 0 */
	c5_sampler sampler;
	c5_history history;
	c5_store *store;
	c5_search_worker *worker; /* of its own group; of the group on other leaders */
	int *free_places;         /* (groups) trials that a group could begin now */
	uint32_t *at;             /* group that does trial i + 1, for the length of the history */
	size_t cap_at;
	size_t running;
	double begun_s, flushed_s, best;
	const char *ended;        /* no more trials, because */
	bool leaving;             /* those that run were asked to stop */
	bool *pruned;             /* (cap_pruned) trials that were stopped for their reports */
	size_t cap_pruned;
} search;

static bool first_rank(const search *s) { return c5_comm_rank(s->comm) == 0; }
static double spent_s(const search *s) { return c5_store_spent_s(s->store) + c5_clock_s() - s->begun_s; }

/* ---- groups ---- */

static int make_groups(search *s)
{
	int size = c5_comm_size(s->comm), each = (int)s->setup->params.ranks_per_trial, rank = c5_comm_rank(s->comm), err;
	if (each > size)
		return c5_fail(C5_EUSAGE, "one trial takes %d ranks (--ranks-per-trial), found %d; start with mpirun -n %d or more, or ask for fewer", each,
			size, each);
	s->groups = size / each;
	s->jobs = (int)s->setup->params.jobs;
	if (rank == 0 && size % each)
		c5_log(C5_LOG_WARN, "%d rank%s left over: %d groups of %d have the others", size % each, size % each == 1 ? " is" : "s are", s->groups, each);
	if ((err = c5_comm_split(&s->group.comm, s->comm, rank / each)) < 0) return err;
	s->group.ranks = c5_comm_size(s->group.comm);
	s->leads = c5_comm_rank(s->group.comm) == 0 && rank / each < s->groups;
	err = c5_comm_hosts(s->group.comm, &s->hosts);
	s->group.hosts = s->hosts ? s->hosts : "";
	return err;
}

static int send_buffer(search *s, int to, c5_buf *b)
{
	int err = c5_talk_send(s->comm, to, b);
	c5_buf_free(b);
	return err;
}

static int send_plain(search *s, int to, int what, uint64_t number)
{
	c5_buf b = { 0 };
	c5_buf_put_u64(&b, (uint64_t)what);
	c5_buf_put_u64(&b, number);
	return send_buffer(s, to, &b);
}

static int leader_of(const search *s, int group) { return group * (int)s->setup->params.ranks_per_trial; }

/* ---- trials, on rank 0 ---- */

static int order_trial(search *s, int group, const c5_trial *t)
{
	uint32_t repeats = (uint32_t)s->setup->params.repeats;
	uint64_t seed = (uint64_t)s->setup->params.seed;
	c5_buf about = { 0 }, b = { 0 };
	c5_left_about(&about, t, s->setup->space.n);
	if (about.err < 0 || group == 0) {
		int err = about.err < 0 ? about.err : c5_search_worker_begin(s->worker, t->number, repeats, seed, t->values, &about);
		c5_buf_free(&about);
		return err;
	}
	c5_buf_put_u64(&b, BEGIN);
	c5_buf_put_u64(&b, t->number);
	c5_buf_put_u64(&b, repeats);
	c5_buf_put_u64(&b, seed);
	c5_buf_put(&b, t->values, s->setup->space.n * sizeof *t->values);
	c5_buf_put(&b, about.data, about.size); /* to the end */
	c5_buf_free(&about);
	return send_buffer(s, leader_of(s, group), &b);
}

static int stop_trial(search *s, uint32_t number)
{
	int group = (int)s->at[number - 1];
	if (group == 0) {
		c5_search_worker_stop(s->worker, number);
		return C5_OK;
	}
	return send_plain(s, leader_of(s, group), STOP, number);
}

/* For trials up to this number. */
static int make_room(search *s, size_t number)
{
	int err = c5_grow(&s->at, &s->cap_at, number, sizeof *s->at);
	return err < 0 ? err : c5_grow(&s->pruned, &s->cap_pruned, number, sizeof *s->pruned);
}

/* The next point, begun on a group that has room. *begun false: there is nothing to begin now. */
static int begin_trial(search *s, int group, bool *begun)
{
	double values[C5_SPACE_MOST];
	char origin[C5_ORIGIN_TEXT];
	c5_trial *t;
	uint32_t number = c5_history_next(&s->history);
	int err = c5_sampler_next(&s->sampler, &s->history, number, values, origin);
	*begun = false;
	if (err == C5_ENOTFOUND) {
		s->ended = "every point of the space was tried";
		return C5_OK;
	}
	if (err < 0 || (err = c5_history_add(&s->history, number, values, origin, &t)) < 0) return err;
	if ((err = make_room(s, number)) < 0) return err;
	t->group = (uint32_t)group;
	t->begun_s = spent_s(s);
	s->at[number - 1] = (uint32_t)group;
	s->pruned[number - 1] = false;
	s->free_places[group]--;
	s->running++;
	*begun = true;
	return order_trial(s, group, t);
}

static int hear_report(search *s, c5_trial *t, const c5_report *r)
{
	int err = C5_OK;
	if (t->n_reports && r->step <= t->reports[t->n_reports - 1].step) return C5_OK; /* steps rise */
	if ((err = c5_trial_report(t, r->step, r->value)) < 0 || s->pruned[t->number - 1] || !c5_stopping_says(&s->setup->stopping, &s->history, t))
		return err;
	s->pruned[t->number - 1] = true;
	snprintf(t->note, sizeof t->note, "stopped at step %g: %s", r->step, s->setup->stopping.method);
	return stop_trial(s, t->number);
}

static void settle(search *s, c5_trial *t, const c5_news *n)
{
	t->seconds = n->seconds;
	t->repeats = n->repeats;
	t->spread = n->spread;
	t->value = n->value;
	if (isfinite(n->value)) {
		t->state = C5_TRIAL_COMPLETE;
		t->note[0] = '\0';
	} else if (s->pruned[t->number - 1]) {
		t->state = C5_TRIAL_PRUNED;
		t->value = t->n_reports ? t->reports[t->n_reports - 1].value : NAN;
		if (!isfinite(t->value)) t->value = NAN;
	} else {
		t->state = C5_TRIAL_FAILED;
		t->value = NAN;
		memcpy(t->note, n->note, sizeof t->note);
	}
}

static void give_up_if_due(search *s, const c5_trial *t)
{
	size_t failed = c5_history_count(&s->history, C5_TRIAL_FAILED);
	if (s->ended || t->state != C5_TRIAL_FAILED || failed < (size_t)s->setup->params.give_up) return;
	if (c5_history_count(&s->history, C5_TRIAL_COMPLETE) || c5_history_count(&s->history, C5_TRIAL_PRUNED)) return;
	s->ended = "no trial gives a value";
}

static int hear_end(search *s, c5_trial *t, const c5_news *n)
{
	s->free_places[t->group]++;
	s->running--;
	if (s->leaving && !isfinite(n->value)) { /* cut short by us: it never was */
		t->state = C5_TRIAL_NONE;
		return C5_OK;
	}
	settle(s, t, n);
	double cost = t->state == C5_TRIAL_COMPLETE ? c5_history_cost(&s->history, t->value) : INFINITY;
	bool better = cost < s->best;
	s->best = fmin(s->best, cost);
	int err = c5_store_put(s->store, t, spent_s(s));
	if (s->request->told) s->request->told(s->request->to, &s->history, t, better);
	give_up_if_due(s, t);
	return err;
}

/* News of any group, also of rank 0's own. */
static int hear(void *to, const c5_news *n)
{
	search *s = to;
	c5_trial *t = c5_history_get(&s->history, n->trial);
	if (!t || t->state != C5_TRIAL_RUNNING) return C5_OK;
	if (!n->ended) return hear_report(s, t, &n->report);
	int group = (int)t->group, err = hear_end(s, t, n);
	return err < 0 || group == 0 ? err : send_plain(s, leader_of(s, group), KEPT, n->trial);
}

/* ---- the loop of rank 0 ---- */

static int take_messages(search *s, bool *moved)
{
	c5_buf b = { 0 };
	int from, err = C5_OK;
	while (err == C5_OK && c5_talk_take(s->comm, &from, &b)) {
		uint64_t what;
		c5_news news;
		*moved = true;
		if ((err = c5_buf_get_u64(&b, &what)) < 0) break;
		if (what == WANT_STOP) c5_stop_want();
		else if (what == NEWS && (err = c5_news_unpack(&news, &b)) == C5_OK) err = hear(s, &news);
	}
	c5_buf_free(&b);
	return err;
}

static bool may_begin(search *s)
{
	if (s->ended || s->leaving) return false;
	if (s->history.n >= (uint64_t)s->setup->params.trials && c5_history_next(&s->history) > (uint64_t)s->setup->params.trials)
		s->ended = "all trials were done";
	else if (s->setup->params.time_s > 0 && spent_s(s) >= s->setup->params.time_s) s->ended = "the time is over";
	return !s->ended;
}

/* One trial at most, so that news is heard in between. */
static int fill_places(search *s, bool *moved)
{
	for (int g = s->groups - 1; g >= 0; g--) { /* those far away first: rank 0 hears of its own at once */
		if (s->free_places[g] <= 0 || !may_begin(s)) continue;
		return begin_trial(s, g, moved);
	}
	return C5_OK;
}

static int leave(search *s)
{
	int err = C5_OK;
	s->leaving = true;
	for (size_t i = 0; err == C5_OK && i < s->history.n; i++)
		if (s->history.trials[i].state == C5_TRIAL_RUNNING) err = stop_trial(s, (uint32_t)i + 1);
	return err;
}

static int flush(search *s)
{
	if (!c5_store_waiting(s->store) || c5_clock_s() < s->flushed_s + FLUSH_S) return C5_OK;
	s->flushed_s = c5_clock_s();
	int err = c5_store_flush(s->store);
	return err == C5_EBUSY ? C5_OK : err;
}

static int conduct(search *s)
{
	unsigned sleep_us = LEAST_SLEEP_US;
	double leaving_s = 0;
	int err = C5_OK;
	while (err == C5_OK) {
		bool moved = false;
		if ((err = take_messages(s, &moved)) < 0 || (err = c5_search_worker_poll(s->worker, &moved)) < 0) break;
		bool failing = s->ended && strcmp(s->ended, "no trial gives a value") == 0;
		if (!s->leaving && (c5_stop_wanted() || failing)) {
			leaving_s = c5_clock_s();
			if ((err = leave(s)) < 0) break;
		}
		if ((err = fill_places(s, &moved)) < 0 || (err = flush(s)) < 0) break;
		if (s->running == 0 && !may_begin(s)) break;
		if (s->leaving && c5_clock_s() > leaving_s + PATIENCE_S) break;
		sleep_us = moved ? LEAST_SLEEP_US : sleep_us < MOST_SLEEP_US ? sleep_us * 5 / 4 + 1 : MOST_SLEEP_US;
		if (!moved) usleep(sleep_us);
	}
	return err;
}

/* ---- other ranks ---- */

static int tell_first(void *to, const c5_news *news)
{
	search *s = to;
	c5_buf b = { 0 };
	c5_buf_put_u64(&b, NEWS);
	c5_news_pack(&b, news);
	return send_buffer(s, 0, &b);
}

static int obey(search *s, c5_buf *b, bool *quit)
{
	uint64_t what, number, repeats, seed;
	double values[C5_SPACE_MOST];
	int err;
	if ((err = c5_buf_get_u64(b, &what)) < 0 || (err = c5_buf_get_u64(b, &number)) < 0) return err;
	*quit = what == QUIT;
	if (what == STOP && s->worker) c5_search_worker_stop(s->worker, (uint32_t)number);
	if (what == KEPT && s->worker) c5_search_worker_kept(s->worker, (uint32_t)number);
	if (what != BEGIN) return C5_OK;
	if ((err = c5_buf_get_u64(b, &repeats)) < 0 || (err = c5_buf_get_u64(b, &seed)) < 0 ||
	    (err = c5_buf_get(b, values, s->setup->space.n * sizeof *values)) < 0)
		return err;
	const c5_buf about = { .data = b->data + b->at, .size = b->size - b->at };
	return c5_search_worker_begin(s->worker, (uint32_t)number, (uint32_t)repeats, seed, values, &about);
}

/* Leaders of groups do as rank 0 says until it says that it is over; the other ranks of a group only wait for that, unless they follow their
 * leader. */
static int serve(search *s)
{
	unsigned sleep_us = LEAST_SLEEP_US;
	bool quit = false, asked = false;
	c5_buf b = { 0 };
	int from, err = C5_OK;
	if (!s->leads && s->objective->together) err = c5_search_worker_follow(s->objective, s->setup->space.n, &s->group);
	while (!quit && err == C5_OK) {
		bool moved = false;
		if (c5_talk_take(s->comm, &from, &b)) moved = true, err = obey(s, &b, &quit);
		if (err == C5_OK && s->worker) err = c5_search_worker_poll(s->worker, &moved);
		if (err == C5_OK && c5_stop_wanted() && !asked) {
			asked = true;
			err = send_plain(s, 0, WANT_STOP, 0);
		}
		sleep_us = moved ? LEAST_SLEEP_US : sleep_us < MOST_SLEEP_US ? sleep_us * 5 / 4 + 1 : MOST_SLEEP_US;
		if (!moved) usleep(s->worker ? sleep_us : MOST_SLEEP_US);
	}
	c5_buf_free(&b);
	if (err < 0) { /* rank 0 cannot learn of it in order */
		fprintf(stderr, "cyto5 search: rank %d: %s\n", c5_comm_rank(s->comm), c5_error_last());
		c5_comm_abort(s->comm, c5_exit_status(err));
	}
	return err;
}

/* ---- beginning and end ---- */

/* The last reason of a failure; "" if none. */
static const char *last_note(const c5_history *h)
{
	for (size_t i = h->n; i > 0; i--)
		if (h->trials[i - 1].state == C5_TRIAL_FAILED) return h->trials[i - 1].note;
	return "";
}

/* Early stopping was asked for, and there was nothing to tell it by. */
static bool stops_nothing(const search *s)
{
	size_t reports = 0;
	for (size_t i = 0; i < s->history.n; i++) reports += s->history.trials[i].n_reports;
	return reports == 0 && s->setup->stopping.method && strcmp(s->setup->stopping.method, "none") != 0 && c5_history_best(&s->history);
}

static int end(search *s)
{
	c5_importance importance = { 0 };
	char why[400];
	int err;
	if (c5_stop_wanted()) {
		if ((err = c5_store_flush(s->store)) < 0) return err;
		return c5_fail(C5_ESTOP, "%s: stopped by %s after %zu trials; go on with --resume", s->request->container, c5_stop_reason(), s->history.n);
	}
	const c5_trial *best = c5_sampler_recommend(&s->sampler, &s->history);
	if (stops_nothing(s))
		c5_log(C5_LOG_WARN, "early-stop: no trial reported anything on its way, so none could be stopped; a line `report STEP VALUE`, or report-step and "
			"report-value");
	if (best && (err = c5_importance_of(&importance, &s->history, s->sampler.seed)) < 0) return err;
	if (best) return c5_store_end(s->store, best, &importance, "complete", NULL);
	size_t failed = c5_history_count(&s->history, C5_TRIAL_FAILED);
	snprintf(why, sizeof why, "none of %zu trials gave a value; the last one: %s", failed, last_note(&s->history));
	err = c5_store_end(s->store, NULL, NULL, "failed", why);
	return err < 0 ? err : c5_fail(C5_EINPUT, "%s: search %s: %s", s->request->container, s->setup->params.name, why);
}

/* A trial that had ended when the search was killed, before it was heard of. */
static int take_left(void *to, c5_left *l)
{
	search *s = to;
	c5_trial *t;
	int err;
	if (c5_history_get(&s->history, l->news.trial)) return C5_OK;
	if ((err = c5_left_trial(&s->history, l, &t)) < 0 || (err = make_room(s, s->history.n)) < 0) return err;
	settle(s, t, &l->news);
	return c5_store_put(s->store, t, fmax(c5_store_spent_s(s->store), t->begun_s + t->seconds));
}

static int open_first(search *s, c5_search_summary *summary)
{
	int err;
	s->sampler = c5_search_sampler(s->setup);
	c5_history_init(&s->history, &s->setup->space, c5_search_maximises(s->setup));
	err = c5_store_open(&s->store, s->request->container, s->setup, s->request->resume, s->request->command_line, c5_comm_size(s->comm), &s->history);
	if (err < 0 || (err = c5_alloc(&s->free_places, (size_t)s->groups, sizeof *s->free_places)) < 0) return err;
	for (int i = 0; i < s->groups; i++) s->free_places[i] = s->jobs;
	if ((err = make_room(s, s->history.n)) < 0) return err;
	if (!(s->marks = c5_left_marks(s->request->container, c5_store_run(s->store)))) return c5_fail(C5_ENOMEM, "out of memory");
	if (!c5_store_continues(s->store)) c5_left_clear(s->marks); /* of another container that was here */
	else if ((err = c5_left_all(s->marks, take_left, s)) < 0) return err;
	const c5_trial *best = c5_history_best(&s->history);
	s->best = best ? c5_history_cost(&s->history, best->value) : INFINITY;
	s->begun_s = c5_clock_s();
	summary->run = c5_store_run(s->store);
	summary->resumed = c5_store_resumed(s->store);
	for (size_t i = 0; i < s->history.n; i++) summary->before += s->history.trials[i].state != C5_TRIAL_NONE;
	return C5_OK;
}

static void close_search(search *s)
{
	c5_store_close(s->store);
	c5_history_free(&s->history);
	c5_comm_close(s->group.comm);
	if (s->objective && s->objective != s->request->objective) s->objective->close(s->objective);
	free(s->free_places);
	free(s->at);
	free(s->pruned);
	free(s->hosts);
	free(s->marks);
}

/* Where marks are, told by rank 0. */
static int share_marks(search *s)
{
	c5_buf b = { 0 };
	if (first_rank(s)) c5_buf_put_str(&b, s->marks);
	int err = c5_comm_bcast(s->comm, &b);
	if (err == C5_OK && !first_rank(s)) err = c5_buf_get_str(&b, &s->marks);
	c5_buf_free(&b);
	return err;
}

static int open_worker(search *s)
{
	if (!s->leads) return C5_OK;
	const c5_worker_setup setup = { .objective = s->objective, .group = &s->group, .n_params = s->setup->space.n, .jobs = (size_t)s->jobs,
		.marks = s->marks, .far = !first_rank(s), .tell = first_rank(s) ? hear : tell_first, .to = s };
	return c5_search_worker_open(&s->worker, &setup);
}

int c5_search_run(c5_comm *comm, const c5_search_setup *setup, const c5_search_request *request, c5_search_summary *summary)
{
	search s = { .comm = comm, .setup = setup, .request = request, .objective = request->objective };
	double begun_s = c5_clock_s();
	int err;
	memset(summary, 0, sizeof *summary);
	if ((err = c5_comm_agree(comm, make_groups(&s))) < 0) goto done;
	if (!s.objective) err = c5_command_open(&s.objective, &setup->command, &setup->space, request->program);
	if (err == C5_OK && first_rank(&s)) err = open_first(&s, summary);
	if ((err = c5_comm_agree(comm, err)) < 0 || (err = c5_comm_agree(comm, share_marks(&s))) < 0) goto done;
	if ((err = c5_comm_agree(comm, open_worker(&s))) < 0) goto done;
	if (first_rank(&s)) {
		err = conduct(&s);
		/* Whatever happened, the others must hear that it is over. */
		for (int r = 1; r < c5_comm_size(comm); r++) (void)send_plain(&s, r, QUIT, 0);
	} else err = serve(&s);
	c5_search_worker_close(s.worker);
	if (err == C5_OK && first_rank(&s)) err = end(&s);
	summary->ended = s.ended ? s.ended : "";
	summary->seconds = c5_clock_s() - begun_s;
	err = c5_comm_agree(comm, err);
done:
	close_search(&s);
	return err;
}
