/* exchange.c – see exchange.h. Messages are short and in order between two ranks; none needs an answer at once, so none can dead-lock:
 * the owner sends without waiting, and a rank that waits keeps receiving. */
#include "mpi/exchange.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/signal.h"
#include "mpi/comm_mpi.h"

#define TO_OWNER 1
#define TO_RANK 2
#define IDLE_US 200
#define TEXT_MAX 1000

enum ask { ASK_PLACE = 1, ASK_ROW, ASK_UNIT, ASK_FAILED, ASK_FLUSHED, ASK_STOP, ASK_FATAL, ASK_DONE, ASK_DECLARE };
enum answer { ANSWER_PLACE = 1, ANSWER_FLUSH, ANSWER_STOP, ANSWER_FATAL, ANSWER_END, ANSWER_DECLARED };

typedef struct message { uint64_t kind, array, item, size; } message; /* followed by `size` bytes where the kind says so */
typedef struct reply { uint64_t kind, value; } reply;

/* A packed chunk waiting for its address, first in first out. */
typedef struct parcel { struct parcel *next; uint32_t array; uint64_t chunk; size_t size; uint8_t packed[]; } parcel;

/* A request for an address that came while a commit was being prepared. */
typedef struct held { struct held *next; int rank; message m; } held;

typedef struct sending { MPI_Request request; reply r; struct sending *next; } sending;

struct c5_exchange {
	c5_sink sink; /* first: the sink is the exchange */
	c5_comm *comm;
	c5_owner *owner;
	char *path;
	double commit_every_s, committed_at;
	/* every rank */
	parcel *first, *last;
	uint64_t outbox;
	MPI_File file;
	int fd;
	bool stopping, ended;
	uint64_t declared; /* the id the owner answered with; UINT64_MAX while it has not */
	int fatal;
	char fatal_text[TEXT_MAX];
	uint8_t *inbox;
	size_t inbox_cap;
	/* the owner */
	sending *sends;
	held *held_first, *held_last;
	bool flushing;
	int flushes_due, done;
	uint64_t units_done, n_units, n_jobs, commits;
	char **failures;
};

/* ---- sending ---- */

static int fatal(c5_exchange *x, int code)
{
	if (x->fatal == C5_OK) {
		x->fatal = code;
		snprintf(x->fatal_text, sizeof x->fatal_text, "%s", c5_error_last());
	}
	return code;
}

static int ask(c5_exchange *x, uint64_t kind, uint64_t array, uint64_t item, uint64_t announced, const void *bytes, size_t n)
{
	uint8_t small[512], *b = small;
	message m = { kind, array, item, announced };
	if (sizeof m + n > sizeof small && !(b = malloc(sizeof m + n))) return c5_fail(C5_ENOMEM, "out of memory");
	memcpy(b, &m, sizeof m);
	if (n) memcpy(b + sizeof m, bytes, n);
	MPI_Request request;
	int sent = 0;
	MPI_Isend(b, (int)(sizeof m + n), MPI_BYTE, 0, TO_OWNER, x->comm->talk, &request);
	MPI_Test(&request, &sent, MPI_STATUS_IGNORE);
	if (!sent) MPI_Wait(&request, MPI_STATUS_IGNORE); /* the owner sends without waiting, so it comes to receive this */
	if (b != small) free(b);
	return C5_OK;
}

static void sweep_sends(c5_exchange *x, bool all)
{
	for (sending **p = &x->sends; *p;) {
		int sent = 0;
		if (all) MPI_Wait(&(*p)->request, MPI_STATUS_IGNORE), sent = 1;
		else MPI_Test(&(*p)->request, &sent, MPI_STATUS_IGNORE);
		if (sent) {
			sending *gone = *p;
			*p = gone->next;
			free(gone);
		} else p = &(*p)->next;
	}
}

static int answer(c5_exchange *x, int rank, uint64_t kind, uint64_t value)
{
	sending *s;
	int err = c5_alloc(&s, 1, sizeof *s);
	if (err < 0) return err;
	s->r = (reply){ kind, value };
	s->next = x->sends;
	x->sends = s;
	MPI_Isend(&s->r, sizeof s->r, MPI_BYTE, rank, TO_RANK, x->comm->talk, &s->request);
	return C5_OK;
}

static int answer_all(c5_exchange *x, uint64_t kind, uint64_t value)
{
	int err = C5_OK;
	for (int r = 1; err == C5_OK && r < x->comm->size; r++) err = answer(x, r, kind, value);
	return err;
}

/* ---- the owner ---- */

static int start_commit(c5_exchange *x)
{
	if (x->flushing) return C5_OK;
	x->flushing = true;
	x->flushes_due = x->comm->size - 1;
	return answer_all(x, ANSWER_FLUSH, 0);
}

static int place(c5_exchange *x, int rank, const message *m)
{
	uint64_t at;
	int err = c5_owner_place(x->owner, (uint32_t)m->array, m->item, m->size, &at);
	return err < 0 ? err : answer(x, rank, ANSWER_PLACE, at);
}

static int finish_commit(c5_exchange *x, bool more)
{
	double start = c5_clock_s();
	uint64_t n = c5_owner_pending(x->owner);
	int err = c5_owner_commit(x->owner, more);
	x->flushing = false;
	x->committed_at = c5_clock_s();
	if (err < 0) return err;
	x->commits++;
	c5_event("commit", "if", "items", (int64_t)n, "seconds", c5_clock_s() - start, (char *)NULL);
	while (x->held_first && err == C5_OK) {
		held *h = x->held_first;
		err = place(x, h->rank, &h->m);
		x->held_first = h->next;
		free(h);
	}
	if (!x->held_first) x->held_last = NULL;
	return err;
}

static int hold(c5_exchange *x, int rank, const message *m)
{
	held *h;
	int err = c5_alloc(&h, 1, sizeof *h);
	if (err < 0) return err;
	*h = (held){ NULL, rank, *m };
	if (x->held_last) x->held_last->next = h;
	else x->held_first = h;
	x->held_last = h;
	return C5_OK;
}

static int note_failure(c5_exchange *x, uint64_t job, const char *why, size_t n)
{
	if (job >= x->n_jobs || x->failures[job]) return C5_OK;
	return (x->failures[job] = c5_format("%.*s", (int)n, why)) ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
}

static int stop_all(c5_exchange *x)
{
	if (x->stopping) return C5_OK;
	x->stopping = true;
	return answer_all(x, ANSWER_STOP, 0);
}

/* The owner cannot go on: the others must not wait for its answers. The text of the real error is agreed on at the end. */
static int give_up(c5_exchange *x, int code)
{
	if (x->fatal < 0) return x->fatal;
	fatal(x, code);
	x->stopping = true;
	answer_all(x, ANSWER_FATAL, 0);
	return code;
}

static int declare_for(c5_exchange *x, int rank, const uint8_t *bytes, size_t n)
{
	c5_buf b = { 0 };
	c5_array_spec spec;
	uint32_t id;
	c5_buf_put(&b, bytes, n);
	int err = b.err < 0 ? b.err : c5_spec_unpack(&spec, &b);
	c5_buf_free(&b);
	if (err < 0) return err;
	if ((err = c5_owner_make(x->owner, &spec, &id)) == C5_OK) err = answer(x, rank, ANSWER_DECLARED, id);
	c5_spec_free(&spec);
	return err;
}

static int serve_one(c5_exchange *x, int rank, const message *m, const uint8_t *bytes, size_t n)
{
	switch (m->kind) {
	case ASK_PLACE: return x->fatal < 0 ? C5_OK : x->flushing ? hold(x, rank, m) : place(x, rank, m);
	case ASK_ROW: return c5_owner_row(x->owner, (uint32_t)m->array, m->item, bytes, n);
	case ASK_UNIT: c5_progress_at(++x->units_done); return C5_OK;
	case ASK_FAILED: return note_failure(x, m->item, (const char *)bytes, n);
	case ASK_FLUSHED: x->flushes_due--; return C5_OK;
	case ASK_STOP: return stop_all(x);
	case ASK_FATAL:
		c5_fail((int)(int64_t)m->item, "%.*s", (int)n, (const char *)bytes);
		return (int)(int64_t)m->item;
	case ASK_DONE: x->done++; return C5_OK;
	case ASK_DECLARE: return declare_for(x, rank, bytes, n);
	default: return c5_fail(C5_EFAIL, "rank %d sent a message of kind %llu", rank, (unsigned long long)m->kind);
	}
}

/* Receives what has come. Returns whether anything had. */
static int serve(c5_exchange *x, bool *busy)
{
	int there = 1, err = C5_OK;
	*busy = false;
	for (int n = 0; n < 256; n++) {
		MPI_Status st;
		int count;
		message m;
		MPI_Iprobe(MPI_ANY_SOURCE, TO_OWNER, x->comm->talk, &there, &st);
		if (!there) break;
		*busy = true;
		MPI_Get_count(&st, MPI_BYTE, &count);
		if ((err = c5_grow(&x->inbox, &x->inbox_cap, (size_t)count, 1)) < 0) return err;
		MPI_Recv(x->inbox, count, MPI_BYTE, st.MPI_SOURCE, TO_OWNER, x->comm->talk, MPI_STATUS_IGNORE);
		if ((size_t)count < sizeof m) return c5_fail(C5_EFAIL, "rank %d sent %d bytes", st.MPI_SOURCE, count);
		memcpy(&m, x->inbox, sizeof m);
		if ((err = serve_one(x, st.MPI_SOURCE, &m, x->inbox + sizeof m, (size_t)count - sizeof m)) < 0) give_up(x, err);
	}
	sweep_sends(x, false);
	if (x->fatal < 0) return x->fatal;
	if (x->flushing && x->flushes_due == 0) err = finish_commit(x, true);
	else if (!x->flushing && c5_owner_pending(x->owner) && c5_clock_s() - x->committed_at > x->commit_every_s) err = start_commit(x);
	return err < 0 ? give_up(x, err) : C5_OK;
}

/* ---- the other ranks ---- */

/* Writes where the owner said. MPI-IO's error text says little; the operating system's says why. */
static int write_at(c5_exchange *x, uint64_t at, const void *bytes, size_t n)
{
	MPI_Status st;
	int count = 0;
	if (MPI_File_write_at(x->file, (MPI_Offset)at, bytes, (int)n, MPI_BYTE, &st) == MPI_SUCCESS && MPI_Get_count(&st, MPI_BYTE, &count) == MPI_SUCCESS &&
	    (size_t)count == n)
		return C5_OK;
	const uint8_t *p = bytes;
	while (n) {
		ssize_t put = pwrite(x->fd, p, n, (off_t)at);
		if (put < 0 && errno == EINTR) continue;
		if (put <= 0)
			return c5_fail(C5_EIO, "%s: cannot write: %s%s", x->path, strerror(put ? errno : ENOSPC),
				errno == ENOSPC ? "; free some space and go on with --resume" : "");
		p += put, at += (uint64_t)put, n -= (size_t)put;
	}
	return C5_OK;
}

static int take_address(c5_exchange *x, uint64_t at)
{
	parcel *p = x->first;
	int err = C5_OK;
	if (!p) return c5_fail(C5_EFAIL, "the owner gave an address nobody asked for");
	x->first = p->next;
	if (!x->first) x->last = NULL;
	x->outbox -= p->size;
	if (at != C5_PLACED_BEFORE) err = write_at(x, at, p->packed, p->size);
	free(p);
	return err;
}

static int flush(c5_exchange *x)
{
	if (fdatasync(x->fd) < 0) return c5_fail(C5_EIO, "%s: cannot sync: %s", x->path, strerror(errno));
	return ask(x, ASK_FLUSHED, 0, 0, 0, NULL, 0);
}

static int tell_fatal(c5_exchange *x, int code)
{
	fatal(x, code);
	return ask(x, ASK_FATAL, 0, (uint64_t)(int64_t)code, 0, x->fatal_text, strlen(x->fatal_text));
}

static int listen(c5_exchange *x, bool *busy)
{
	int there = 1, err = C5_OK;
	*busy = false;
	for (;;) {
		reply r;
		MPI_Iprobe(0, TO_RANK, x->comm->talk, &there, MPI_STATUS_IGNORE);
		if (!there) return err;
		*busy = true;
		MPI_Recv(&r, sizeof r, MPI_BYTE, 0, TO_RANK, x->comm->talk, MPI_STATUS_IGNORE);
		switch (r.kind) {
		case ANSWER_PLACE: err = take_address(x, r.value); break;
		case ANSWER_FLUSH: err = x->fatal < 0 ? C5_OK : flush(x); break; /* no answer: a commit without our bytes must not happen */
		case ANSWER_STOP: x->stopping = true; break;
		case ANSWER_FATAL:
			x->stopping = true;
			c5_fail(C5_EFAIL, "the run was ended by another rank");
			fatal(x, C5_EFAIL);
			break;
		case ANSWER_END: x->ended = true; break;
		case ANSWER_DECLARED: x->declared = r.value; break;
		default: err = c5_fail(C5_EFAIL, "the owner sent a message of kind %llu", (unsigned long long)r.kind);
		}
		if (err < 0 && x->fatal == C5_OK) tell_fatal(x, err);
	}
}

/* ---- the sink ---- */

static int turn(c5_exchange *x, bool *busy)
{
	if (!x->comm->real) {
		*busy = false;
		if (x->fatal == C5_OK && c5_owner_pending(x->owner) && c5_clock_s() - x->committed_at > x->commit_every_s) return finish_commit(x, true);
		return x->fatal;
	}
	return x->comm->rank == 0 ? serve(x, busy) : listen(x, busy);
}

static int fatal_again(const c5_exchange *x) { return c5_fail(x->fatal, "%s", x->fatal_text); }

/* The owner writes at once, so it may place a chunk even while a commit is being prepared; with others the chunk waits for its address. */
static int put_chunk(c5_sink *s, uint32_t array, uint64_t chunk, const void *packed, size_t size)
{
	c5_exchange *x = (c5_exchange *)s;
	bool busy;
	int err;
	if (x->fatal < 0) return fatal_again(x);
	if (x->comm->rank == 0) return (err = c5_owner_write(x->owner, array, chunk, packed, size)) < 0 ? give_up(x, err) : C5_OK;
	parcel *p = size <= SIZE_MAX - sizeof *p ? malloc(sizeof *p + size) : NULL;
	if (!p) return c5_fail(C5_ENOMEM, "out of memory: a packed chunk of %zu bytes", size);
	*p = (parcel){ NULL, array, chunk, size };
	memcpy(p->packed, packed, size);
	if (x->last) x->last->next = p;
	else x->first = p;
	x->last = p;
	x->outbox += size;
	if ((err = ask(x, ASK_PLACE, array, chunk, size, NULL, 0)) < 0) return fatal(x, err);
	while (x->outbox > C5_OUTBOX_BYTES && x->fatal == C5_OK && !x->ended) {
		if ((err = listen(x, &busy)) < 0) return err;
		if (!busy) usleep(IDLE_US);
	}
	return x->fatal < 0 ? fatal_again(x) : C5_OK;
}

static int put_row(c5_sink *s, uint32_t array, uint64_t row, const void *bytes, size_t size)
{
	c5_exchange *x = (c5_exchange *)s;
	if (x->fatal < 0) return fatal_again(x);
	if (x->comm->rank != 0) return ask(x, ASK_ROW, array, row, 0, bytes, size);
	int err = c5_owner_row(x->owner, array, row, bytes, size);
	return err < 0 ? give_up(x, err) : C5_OK;
}

static int declare(c5_sink *s, const c5_array_spec *spec, uint32_t *array)
{
	c5_exchange *x = (c5_exchange *)s;
	c5_buf b = { 0 };
	bool busy;
	int err;
	if (x->fatal < 0) return fatal_again(x);
	if (x->comm->rank == 0) return (err = c5_owner_make(x->owner, spec, array)) < 0 ? give_up(x, err) : C5_OK;
	c5_spec_pack(spec, &b);
	x->declared = UINT64_MAX;
	err = b.err < 0 ? b.err : ask(x, ASK_DECLARE, 0, 0, 0, b.data, b.size);
	c5_buf_free(&b);
	while (err == C5_OK && x->declared == UINT64_MAX && x->fatal == C5_OK) {
		err = listen(x, &busy);
		if (!busy) usleep(IDLE_US);
	}
	if (x->fatal < 0) return fatal_again(x);
	*array = (uint32_t)x->declared;
	return err < 0 ? fatal(x, err) : C5_OK;
}

static int poll_sink(c5_sink *s)
{
	c5_exchange *x = (c5_exchange *)s;
	bool busy;
	int err = turn(x, &busy);
	if (err < 0) return fatal(x, err);
	if (c5_stop_wanted() && !x->stopping) {
		if (x->comm->rank == 0) stop_all(x);
		else if ((err = ask(x, ASK_STOP, 0, 0, 0, NULL, 0)) < 0) return err;
		x->stopping = true;
	}
	if (x->fatal < 0) return fatal_again(x);
	return x->stopping ? C5_ESTOP : C5_OK;
}

/* ---- life ---- */

int c5_exchange_open(c5_exchange **out, c5_comm *comm, c5_owner *owner, const char *path, double commit_every_s)
{
	c5_exchange *x;
	int err = c5_alloc(&x, 1, sizeof *x);
	if (err < 0) return err; /* a rank without a few hundred bytes cannot take part in an agreement either */
	x->sink = (c5_sink){ put_chunk, put_row, declare, poll_sink };
	x->comm = comm;
	x->owner = owner;
	x->commit_every_s = commit_every_s;
	x->committed_at = c5_clock_s();
	x->fd = -1;
	x->file = MPI_FILE_NULL;
	x->path = c5_strdup(path);
	if (!x->path) err = c5_fail(C5_ENOMEM, "out of memory");
	if (err == C5_OK && comm->rank != 0 && (x->fd = open(path, O_RDWR | O_CLOEXEC)) < 0)
		err = c5_fail(C5_EIO, "%s: rank %d cannot open it: %s; all nodes must see the container under this path", path, comm->rank, strerror(errno));
	if ((err = c5_comm_agree(comm, err)) < 0) goto fail;
	if (comm->real) {
		int opened = MPI_File_open(comm->world, path, MPI_MODE_RDWR, MPI_INFO_NULL, &x->file);
		if (opened != MPI_SUCCESS) err = c5_fail(C5_EIO, "%s: MPI-IO cannot open it", path);
		if ((err = c5_comm_agree(comm, err)) < 0) goto fail;
	}
	*out = x;
	return C5_OK;
fail:
	c5_exchange_close(x);
	*out = NULL;
	return err;
}

static void free_failures(c5_exchange *x)
{
	for (uint64_t i = 0; x->failures && i < x->n_jobs; i++) free(x->failures[i]);
	free(x->failures);
	x->failures = NULL;
}

void c5_exchange_close(c5_exchange *x)
{
	if (!x) return;
	if (x->comm->real) sweep_sends(x, true);
	if (x->file != MPI_FILE_NULL) MPI_File_close(&x->file);
	if (x->fd >= 0) close(x->fd);
	while (x->first) {
		parcel *p = x->first;
		x->first = p->next;
		free(p);
	}
	while (x->held_first) {
		held *h = x->held_first;
		x->held_first = h->next;
		free(h);
	}
	free_failures(x);
	free(x->inbox);
	free(x->path);
	free(x);
}

c5_sink *c5_exchange_sink(c5_exchange *x) { return &x->sink; }
uint64_t c5_exchange_commits(const c5_exchange *x) { return x->commits; }
const char *c5_exchange_failure(const c5_exchange *x, uint32_t job) { return x->failures && job < x->n_jobs ? x->failures[job] : NULL; }

int c5_exchange_begin(c5_exchange *x, uint64_t n_units, uint64_t n_jobs)
{
	int err = C5_OK;
	free_failures(x);
	x->n_units = n_units, x->units_done = 0, x->n_jobs = n_jobs;
	x->done = 0;
	x->ended = false;
	if (x->owner) err = c5_alloc(&x->failures, n_jobs, sizeof *x->failures);
	err = c5_comm_agree(x->comm, err);
	return err < 0 ? err : c5_comm_counter_reset(x->comm);
}

int c5_exchange_unit_done(c5_exchange *x, uint32_t job)
{
	if (x->comm->rank != 0) return ask(x, ASK_UNIT, 0, job, 0, NULL, 0);
	c5_progress_at(++x->units_done);
	return C5_OK;
}

int c5_exchange_job_failed(c5_exchange *x, uint32_t job, const char *why)
{
	if (x->comm->rank != 0) return ask(x, ASK_FAILED, 0, job, 0, why, strlen(why));
	return note_failure(x, job, why, strlen(why));
}

/* The other ranks hand in what they have, then do as the owner says until it ends the step. */
static int hand_in(c5_exchange *x)
{
	bool busy;
	while (x->first && x->fatal == C5_OK) {
		listen(x, &busy);
		if (!busy) usleep(IDLE_US);
	}
	ask(x, ASK_DONE, 0, 0, 0, NULL, 0);
	while (!x->ended) {
		listen(x, &busy);
		if (!busy) usleep(IDLE_US);
	}
	return x->fatal;
}

static int collect(c5_exchange *x)
{
	bool busy = false;
	int err = C5_OK;
	while (x->comm->real && (x->done < x->comm->size - 1 || (x->flushing && x->fatal == C5_OK))) {
		serve(x, &busy);
		if (!busy) usleep(IDLE_US);
	}
	/* All have handed in, and nobody computes any more: one last round of syncs, then the step's commit. */
	if (x->fatal == C5_OK && x->comm->real) {
		if ((err = start_commit(x)) < 0) give_up(x, err);
		while (x->fatal == C5_OK && x->flushing) {
			serve(x, &busy);
			if (!busy) usleep(IDLE_US);
		}
	} else if (x->fatal == C5_OK && (err = finish_commit(x, true)) < 0) fatal(x, err);
	if (x->comm->real) {
		answer_all(x, ANSWER_END, 0);
		sweep_sends(x, true);
	}
	return x->fatal;
}

int c5_exchange_end(c5_exchange *x, int code)
{
	if (code < 0 && code != C5_ESTOP && x->fatal == C5_OK) {
		if (x->comm->rank == 0) give_up(x, code);
		else tell_fatal(x, code);
	}
	int err = x->comm->rank == 0 ? collect(x) : hand_in(x);
	if (err < 0) fatal_again(x);
	if ((err = c5_comm_agree(x->comm, err)) < 0) return err;
	return c5_comm_max(x->comm, x->stopping) ? c5_fail(C5_ESTOP, "stopped by %s; what is done is committed, go on with --resume",
		c5_stop_reason()[0] ? c5_stop_reason() : "a signal to another rank") : C5_OK;
}
