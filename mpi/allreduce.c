/* allreduce.c – see allreduce.h. A bucket goes through: receiving the others' parts of my slice; summed; its sums received from the others. */
#include "mpi/allreduce.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "mpi/comm_mpi.h"

#define TAGS 16000 /* MPI promises 32767 */

enum { WAITING, GATHERING, SPREADING, DONE };

typedef struct bucket {
	size_t from, to;
	int state;
	float *room;                      /* the others' parts of my slice, one after another */
	MPI_Request *gather, *spread, *sends;
	int n_gather, n_spread, n_sends;
} bucket;

typedef struct reduction {
	c5_comm *comm;
	/* the plan, for sums of so many leaves and floats */
	int leaves;
	size_t n;
	bucket *buckets;
	size_t n_buckets;
	c5_span *spans;                   /* of all ranks, in order */
	int *first_span;                  /* (ranks + 1) */
	float **join;                     /* (spans) */
	MPI_Request *requests;
	/* the sum under way */
	float *out, *const *parts;
	size_t begun, open;               /* buckets begun; the first of them that is not through */
} reduction;

static void drop_plan(reduction *r)
{
	for (size_t i = 0; i < r->n_buckets; i++) free(r->buckets[i].room);
	free(r->buckets);
	free(r->spans);
	free(r->first_span);
	free(r->join);
	free(r->requests);
	*r = (reduction){ .comm = r->comm };
}

/* Slice `rank` of a bucket. */
static size_t slice(const reduction *r, const bucket *b, int rank, size_t *length)
{
	size_t n = b->to - b->from, ranks = (size_t)r->comm->size, lo = n * (size_t)rank / ranks;
	*length = n * ((size_t)rank + 1) / ranks - lo;
	return b->from + lo;
}

static int plan_spans(reduction *r)
{
	int ranks = r->comm->size, n = 0, err;
	c5_span cover[C5_TREE_SLOTS_MAX];
	if ((err = c5_alloc(&r->first_span, (size_t)ranks + 1, sizeof *r->first_span)) < 0 ||
	    (err = c5_alloc(&r->spans, (size_t)ranks * C5_TREE_SLOTS_MAX, sizeof *r->spans)) < 0 ||
	    (err = c5_alloc(&r->join, (size_t)ranks * C5_TREE_SLOTS_MAX, sizeof *r->join)) < 0)
		return err;
	for (int k = 0; k < ranks; k++) {
		c5_span share = c5_tree_share(r->leaves, k, ranks);
		int parts = c5_tree_cover(r->leaves, share.lo, share.hi, cover);
		memcpy(r->spans + n, cover, (size_t)parts * sizeof *cover);
		n += parts;
		r->first_span[k + 1] = n;
	}
	return C5_OK;
}

static int make_plan(reduction *r, int leaves, size_t n)
{
	int ranks = r->comm->size, me = r->comm->rank, err;
	drop_plan(r);
	r->leaves = leaves;
	r->n = n;
	if ((err = plan_spans(r)) < 0) return err;
	int mine = r->first_span[me + 1] - r->first_span[me], others = r->first_span[ranks] - mine;
	size_t buckets = (n + C5_BUCKET_FLOATS - 1) / C5_BUCKET_FLOATS, each = (size_t)(others + (ranks - 1) * (mine + 2));
	if ((err = c5_alloc(&r->buckets, buckets, sizeof *r->buckets)) < 0 || (err = c5_alloc(&r->requests, buckets * each + 1, sizeof *r->requests)) < 0)
		return err;
	r->n_buckets = buckets;
	for (size_t i = 0; i < buckets; i++) {
		bucket *b = &r->buckets[i];
		size_t length;
		b->from = i * C5_BUCKET_FLOATS;
		b->to = b->from + C5_BUCKET_FLOATS < n ? b->from + C5_BUCKET_FLOATS : n;
		slice(r, b, me, &length);
		if ((err = c5_alloc_aligned(&b->room, length * (size_t)others + 1, sizeof(float))) < 0) return err;
		b->gather = r->requests + i * each;
		b->spread = b->gather + others;
		b->sends = b->spread + (ranks - 1);
	}
	return C5_OK;
}

/* ---- a bucket's way ---- */

/* Asks for everyone's part of my slice and for everyone's sums, and sends my parts of theirs. */
static void begin_bucket(reduction *r, size_t i)
{
	bucket *b = &r->buckets[i];
	int me = r->comm->rank, tag = 2 * (int)(i % TAGS);
	size_t length, at = 0;
	b->n_gather = b->n_spread = b->n_sends = 0;
	slice(r, b, me, &length);
	for (int k = 0; k < r->comm->size; k++) {
		size_t theirs, from = slice(r, b, k, &theirs);
		if (k == me) continue;
		for (int s = r->first_span[k]; s < r->first_span[k + 1] && length; s++, at += length)
			MPI_Irecv(b->room + at, (int)length, MPI_FLOAT, k, tag, r->comm->world, &b->gather[b->n_gather++]);
		if (theirs) MPI_Irecv(r->out + from, (int)theirs, MPI_FLOAT, k, tag + 1, r->comm->world, &b->spread[b->n_spread++]);
	}
	for (int step = 1; step < r->comm->size; step++) { /* not all to the same rank first */
		int k = (me + step) % r->comm->size;
		size_t theirs, from = slice(r, b, k, &theirs);
		for (int s = r->first_span[me]; s < r->first_span[me + 1] && theirs; s++)
			MPI_Isend(r->parts[s - r->first_span[me]] + from, (int)theirs, MPI_FLOAT, k, tag, r->comm->world, &b->sends[b->n_sends++]);
	}
	b->state = GATHERING;
}

/* All parts of my slice are here: summed, and given to all. */
static void sum_bucket(reduction *r, size_t i)
{
	bucket *b = &r->buckets[i];
	int me = r->comm->rank, tag = 2 * (int)(i % TAGS) + 1;
	size_t length, from = slice(r, b, me, &length), at = 0;
	b->state = SPREADING;
	if (!length) return;
	for (int k = 0; k < r->comm->size; k++)
		for (int s = r->first_span[k]; s < r->first_span[k + 1]; s++) {
			r->join[s] = k == me ? r->parts[s - r->first_span[me]] + from : b->room + at;
			if (k != me) at += length;
		}
	c5_tree_join(r->out + from, r->leaves, r->spans, r->join, r->first_span[r->comm->size], length);
	for (int step = 1; step < r->comm->size; step++)
		MPI_Isend(r->out + from, (int)length, MPI_FLOAT, (me + step) % r->comm->size, tag, r->comm->world, &b->sends[b->n_sends++]);
}

/* Takes every bucket begun as far as it goes; `wait`: to its end. */
static void progress(reduction *r, bool wait)
{
	for (size_t i = r->open; i < r->begun; i++) {
		bucket *b = &r->buckets[i];
		int done = 1;
		if (b->state == GATHERING) {
			if (wait) MPI_Waitall(b->n_gather, b->gather, MPI_STATUSES_IGNORE);
			else MPI_Testall(b->n_gather, b->gather, &done, MPI_STATUSES_IGNORE);
			if (done) sum_bucket(r, i);
		}
		if (b->state == SPREADING && !wait) {
			int sent = 0;
			MPI_Testall(b->n_spread, b->spread, &done, MPI_STATUSES_IGNORE);
			if (done) MPI_Testall(b->n_sends, b->sends, &sent, MPI_STATUSES_IGNORE);
			if (done && sent) b->state = DONE;
		}
		if (b->state == DONE && i == r->open) r->open++;
	}
	for (size_t i = r->open; i < r->begun && wait; i++) {
		bucket *b = &r->buckets[i];
		if (b->state != SPREADING) continue;
		MPI_Waitall(b->n_spread, b->spread, MPI_STATUSES_IGNORE);
		MPI_Waitall(b->n_sends, b->sends, MPI_STATUSES_IGNORE);
		b->state = DONE;
	}
}

/* ---- the table ---- */

static int sum_begin(c5_together *t, float *out, float *const *parts, int leaves, size_t n)
{
	reduction *r = t->ctx;
	if (!r->buckets || r->leaves != leaves || r->n != n) {
		int err = c5_comm_agree(r->comm, make_plan(r, leaves, n));
		if (err < 0) { /* one rank without a plan, and the others would wait for its slices */
			drop_plan(r);
			return err;
		}
	}
	r->out = out;
	r->parts = parts;
	r->begun = r->open = 0;
	return C5_OK;
}

static int sum_ready(c5_together *t, size_t upto)
{
	reduction *r = t->ctx;
	while (r->begun < r->n_buckets && r->buckets[r->begun].to <= upto) begin_bucket(r, r->begun++);
	progress(r, false);
	return C5_OK;
}

static int sum_end(c5_together *t)
{
	reduction *r = t->ctx;
	while (r->begun < r->n_buckets) begin_bucket(r, r->begun++);
	progress(r, true);
	return C5_OK;
}

#define PIECE ((size_t)1 << 28) /* counts are int */

static int gather(c5_together *t, double *values, size_t n)
{
	reduction *r = t->ctx;
	for (size_t at = 0; at < n; at += PIECE)
		MPI_Allreduce(MPI_IN_PLACE, values + at, (int)(n - at < PIECE ? n - at : PIECE), MPI_DOUBLE, MPI_SUM, r->comm->world);
	return C5_OK;
}

static int gather_floats(c5_together *t, float *values, size_t n)
{
	reduction *r = t->ctx;
	for (size_t at = 0; at < n; at += PIECE)
		MPI_Allreduce(MPI_IN_PLACE, values + at, (int)(n - at < PIECE ? n - at : PIECE), MPI_FLOAT, MPI_SUM, r->comm->world);
	return C5_OK;
}

static int share(c5_together *t, void *bytes, size_t n)
{
	reduction *r = t->ctx;
	for (size_t at = 0; at < n; at += PIECE) MPI_Bcast((char *)bytes + at, (int)(n - at < PIECE ? n - at : PIECE), MPI_BYTE, 0, r->comm->world);
	return C5_OK;
}

static int agree(c5_together *t, int code) { return c5_comm_agree(((reduction *)t->ctx)->comm, code); }

int c5_allreduce_open(c5_together *t, c5_comm *c)
{
	reduction *r;
	c5_alone(t);
	if (c->size == 1) return C5_OK;
	int err = c5_comm_agree(c, c5_alloc(&r, 1, sizeof *r));
	if (err < 0) return err;
	r->comm = c;
	*t = (c5_together){ .rank = c->rank, .size = c->size, .ctx = r, .sum_begin = sum_begin, .sum_ready = sum_ready, .sum_end = sum_end, .gather = gather,
		.gather_floats = gather_floats, .share = share, .agree = agree };
	return C5_OK;
}

void c5_allreduce_close(c5_together *t)
{
	if (!t->ctx) return;
	drop_plan(t->ctx);
	free(t->ctx);
	t->ctx = NULL;
}
