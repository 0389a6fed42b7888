/* packers.c – see packers.h. Slots form a ring: the caller fills them, threads pack them in order, the caller takes them out in order. A
 * caller that finds no free slot packs one itself before it waits. */
#include "pipeline/packers.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>

#include "base/error.h"
#include "base/mem.h"
#include "container/chunk.h"

enum state { EMPTY, RAW, TAKEN, PACKED };

typedef struct slot {
	enum state state;
	uint32_t array;
	uint64_t chunk;
	size_t bytes, element, size; /* raw, of one element, packed */
	uint8_t *raw, *packed;
	size_t raw_cap, packed_cap;
	int err;
	char why[256];
} slot;

struct c5_packers {
	c5_sink *sink;
	c5_codec *codec;           /* the caller's */
	slot *slots;
	size_t n, first, used;     /* the ring: the oldest slot in use, and how many are */
	thrd_t *threads;
	int n_threads;
	bool locks, ending;
	mtx_t lock;                /* for the slots' states, and all of the ring */
	cnd_t filled, packed;
};

static slot *nth(c5_packers *p, size_t i) { return &p->slots[(p->first + i) % p->n]; }

static int room(uint8_t **at, size_t *cap, size_t n)
{
	if (n <= *cap) return C5_OK;
	free(*at);
	*at = NULL;
	*cap = 0;
	int err = c5_alloc_aligned(at, n, 1);
	if (err == C5_OK) *cap = n;
	return err;
}

static void pack(c5_codec *codec, slot *s, const void *raw)
{
	s->err = room(&s->packed, &s->packed_cap, c5_chunk_bound(s->bytes));
	if (s->err == C5_OK) s->err = c5_chunk_encode(codec, raw, s->bytes, s->element, s->packed, &s->size);
	if (s->err < 0) snprintf(s->why, sizeof s->why, "%s", c5_error_last());
}

/* The oldest slot that nobody packs yet; NULL if none. */
static slot *take(c5_packers *p)
{
	for (size_t i = 0; i < p->used; i++)
		if (nth(p, i)->state == RAW) {
			nth(p, i)->state = TAKEN;
			return nth(p, i);
		}
	return NULL;
}

static int work(void *arg)
{
	c5_packers *p = arg;
	c5_codec *codec;
	if (c5_codec_open(&codec) < 0) return 0; /* out of memory: the others pack, the caller at least */
	mtx_lock(&p->lock);
	while (!p->ending) {
		slot *s = take(p);
		if (!s) {
			cnd_wait(&p->filled, &p->lock);
			continue;
		}
		mtx_unlock(&p->lock);
		pack(codec, s, s->raw);
		mtx_lock(&p->lock);
		s->state = PACKED;
		cnd_signal(&p->packed);
	}
	mtx_unlock(&p->lock);
	c5_codec_close(codec);
	return 0;
}

int c5_packers_open(c5_packers **out, c5_sink *sink, int threads)
{
	c5_packers *p = NULL;
	int err = c5_alloc(&p, 1, sizeof *p);
	*out = NULL;
	if (err < 0) return err;
	p->sink = sink;
	p->n = threads > 1 ? (size_t)threads : 1;
	if ((err = c5_codec_open(&p->codec)) < 0 || (err = c5_alloc(&p->slots, p->n, sizeof *p->slots)) < 0 ||
	    (err = c5_alloc(&p->threads, p->n, sizeof *p->threads)) < 0) goto fail;
	if (p->n > 1) {
		if (mtx_init(&p->lock, mtx_plain) != thrd_success || cnd_init(&p->filled) != thrd_success || cnd_init(&p->packed) != thrd_success) {
			err = c5_fail(C5_EFAIL, "no lock could be made for threads; --threads 1 needs none");
			goto fail;
		}
		p->locks = true;
	}
	for (; p->n_threads + 1 < (int)p->n; p->n_threads++)
		if (thrd_create(&p->threads[p->n_threads], work, p) != thrd_success) {
			err = c5_fail(C5_EFAIL, "thread %d of %d could not be started; give fewer --threads", p->n_threads + 1, threads);
			goto fail;
		}
	*out = p;
	return C5_OK;
fail:
	c5_packers_close(p);
	return err;
}

void c5_packers_close(c5_packers *p)
{
	if (!p) return;
	if (p->locks) {
		mtx_lock(&p->lock);
		p->ending = true;
		cnd_broadcast(&p->filled);
		mtx_unlock(&p->lock);
		for (int i = 0; i < p->n_threads; i++) thrd_join(p->threads[i], NULL);
		cnd_destroy(&p->packed);
		cnd_destroy(&p->filled);
		mtx_destroy(&p->lock);
	}
	for (size_t i = 0; p->slots && i < p->n; i++) {
		free(p->slots[i].raw);
		free(p->slots[i].packed);
	}
	free(p->slots);
	free(p->threads);
	c5_codec_close(p->codec);
	free(p);
}

static int hand_over(c5_packers *p, slot *s)
{
	return s->err < 0 ? c5_fail(s->err, "%s", s->why) : p->sink->put_chunk(p->sink, s->array, s->chunk, s->packed, s->size);
}

/* Waits until the oldest slot is packed, packing what nobody does meanwhile, and hands it over. */
static int hand_over_oldest(c5_packers *p)
{
	slot *s = nth(p, 0), *mine;
	mtx_lock(&p->lock);
	while (s->state != PACKED) {
		if (!(mine = take(p))) {
			cnd_wait(&p->packed, &p->lock);
			continue;
		}
		mtx_unlock(&p->lock);
		pack(p->codec, mine, mine->raw);
		mtx_lock(&p->lock);
		mine->state = PACKED;
	}
	s->state = EMPTY;
	p->first = (p->first + 1) % p->n;
	p->used--;
	mtx_unlock(&p->lock);
	return hand_over(p, s);
}

int c5_packers_hand_over(c5_packers *p, bool all)
{
	int err = C5_OK;
	while (p->used && err == C5_OK) {
		if (!all) {
			mtx_lock(&p->lock);
			bool ready = nth(p, 0)->state == PACKED;
			mtx_unlock(&p->lock);
			if (!ready) break;
		}
		err = hand_over_oldest(p);
	}
	return err;
}

int c5_packers_put(c5_packers *p, uint32_t array, uint64_t chunk, const void *raw, size_t bytes, size_t element)
{
	slot *s;
	int err;
	if (p->n == 1) {
		s = p->slots;
		s->array = array, s->chunk = chunk, s->bytes = bytes, s->element = element;
		pack(p->codec, s, raw);
		return hand_over(p, s);
	}
	size_t most = C5_PACKERS_BYTES / (bytes + c5_chunk_bound(bytes)); /* slots of such chunks */
	if (most < 2) most = 2;
	while (p->used >= (most < p->n ? most : p->n))
		if ((err = hand_over_oldest(p)) < 0) return err;
	s = nth(p, p->used);
	if ((err = room(&s->raw, &s->raw_cap, bytes)) < 0) return err;
	memcpy(s->raw, raw, bytes);
	s->array = array, s->chunk = chunk, s->bytes = bytes, s->element = element;
	mtx_lock(&p->lock);
	s->state = RAW;
	p->used++;
	cnd_signal(&p->filled);
	mtx_unlock(&p->lock);
	return C5_OK;
}
