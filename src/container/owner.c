/* owner.c – see owner.h. */
#include "container/owner.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "container/h5.h"

#define OPEN_ARRAYS 64

/* A chunk of a table whose rows come one by one: in memory until all have come, or the next commit. bytes NULL: not in memory. */
typedef struct rows { uint8_t *bytes; uint64_t come; } rows;

/* old: it was there before this run, or part of it */
typedef struct declared { c5_array_spec spec; c5_array *open; uint64_t used; rows *rows; bool made, old; } declared;

struct c5_owner {
	c5_file *file;
	c5_codec *codec;
	declared *arrays;
	size_t n, cap, n_open;
	uint64_t clock, pending;
	uint8_t *packed;
	size_t packed_cap;
};

int c5_owner_open(c5_owner **out, c5_file *f)
{
	c5_owner *o;
	int err = c5_alloc(&o, 1, sizeof *o);
	if (err < 0) return err;
	o->file = f;
	if ((err = c5_codec_open(&o->codec)) < 0) {
		free(o);
		return err;
	}
	*out = o;
	return C5_OK;
}

static void close_arrays(c5_owner *o)
{
	for (size_t i = 0; o->n_open && i < o->n; i++)
		if (o->arrays[i].open) {
			c5_array_close(o->arrays[i].open);
			o->arrays[i].open = NULL;
			o->n_open--;
		}
}

static void free_rows(declared *d)
{
	for (uint64_t k = 0; d->rows && k < c5_spec_chunks(&d->spec); k++) free(d->rows[k].bytes);
	free(d->rows);
	d->rows = NULL;
}

static void forget(c5_owner *o)
{
	close_arrays(o);
	for (size_t i = 0; i < o->n; i++) {
		free_rows(&o->arrays[i]);
		c5_spec_free(&o->arrays[i].spec);
	}
	memset(o->arrays, 0, o->n * sizeof *o->arrays);
	o->n = 0;
}

void c5_owner_close(c5_owner *o)
{
	if (!o) return;
	if (o->arrays) forget(o);
	c5_codec_close(o->codec);
	free(o->arrays);
	free(o->packed);
	free(o);
}

int c5_owner_declare(c5_owner *o, c5_array_spec *spec, uint32_t *id)
{
	int err = c5_grow(&o->arrays, &o->cap, o->n + 1, sizeof *o->arrays);
	if (err < 0) return err;
	*id = (uint32_t)o->n;
	o->arrays[o->n++].spec = *spec;
	memset(spec, 0, sizeof *spec);
	return C5_OK;
}

static int close_oldest(c5_owner *o)
{
	declared *oldest = NULL;
	for (size_t i = 0; i < o->n; i++)
		if (o->arrays[i].open && (!oldest || o->arrays[i].used < oldest->used)) oldest = &o->arrays[i];
	if (!oldest) return C5_OK;
	c5_array_close(oldest->open);
	oldest->open = NULL;
	o->n_open--;
	return C5_OK;
}

static int want(c5_owner *o, uint32_t id, declared **out)
{
	int err;
	if (id >= o->n) return c5_fail(C5_EFAIL, "array %u was never declared", id);
	declared *d = &o->arrays[id];
	*out = d;
	d->used = ++o->clock;
	if (d->open) return C5_OK;
	if (o->n_open >= OPEN_ARRAYS && (err = close_oldest(o)) < 0) return err;
	if (!d->made) {
		d->old = c5_exists(o->file, d->spec.path);
		if ((err = c5_array_create(o->file, &d->spec)) < 0) return err;
		d->made = true;
	}
	if ((err = c5_array_open(&d->open, o->file, d->spec.path)) < 0) return err;
	o->n_open++;
	return C5_OK;
}

int c5_owner_touch(c5_owner *o, uint32_t id)
{
	declared *d = NULL;
	return want(o, id, &d);
}

int c5_owner_make(c5_owner *o, const c5_array_spec *spec, uint32_t *id)
{
	c5_array_spec copy;
	int err = c5_spec_copy(&copy, spec);
	if (err == C5_OK) err = c5_owner_declare(o, &copy, id);
	return err < 0 ? err : c5_owner_touch(o, *id);
}

int c5_owner_place(c5_owner *o, uint32_t id, uint64_t chunk, size_t size, uint64_t *at)
{
	declared *d = NULL;
	int err = want(o, id, &d);
	if (err < 0) return err;
	o->pending++;
	if (d->old && c5_array_has_chunk(d->open, chunk)) { /* made before the run was cut short, and the same: committed bytes stay as they are */
		*at = C5_PLACED_BEFORE;
		return C5_OK;
	}
	return c5_array_place_chunk(d->open, chunk, size, at);
}

int c5_owner_write(c5_owner *o, uint32_t id, uint64_t chunk, const void *packed, size_t size)
{
	uint64_t at;
	int err = c5_owner_place(o, id, chunk, size, &at);
	return err < 0 || at == C5_PLACED_BEFORE ? err : c5_overlay_write_data(o->file->overlay, at, packed, size);
}

/* Chunk k of a row table, with what was written of it before. */
static int want_rows(c5_owner *o, declared *d, uint64_t k, rows **out)
{
	int err;
	if (!d->rows && (err = c5_alloc(&d->rows, c5_spec_chunks(&d->spec), sizeof *d->rows)) < 0) return err;
	*out = &d->rows[k];
	if ((*out)->bytes) return C5_OK;
	if ((err = c5_alloc(&(*out)->bytes, c5_spec_chunk_bytes(&d->spec), 1)) < 0) return err;
	if (c5_array_has_chunk(d->open, k) && (err = c5_array_read_chunk(d->open, o->codec, k, (*out)->bytes)) < 0) {
		free((*out)->bytes);
		(*out)->bytes = NULL;
	}
	return err;
}

static int write_chunk_of_rows(c5_owner *o, declared *d, uint64_t k)
{
	size_t bytes = c5_spec_chunk_bytes(&d->spec), size;
	int err;
	if (c5_chunk_bound(bytes) > o->packed_cap) {
		free(o->packed);
		o->packed = NULL, o->packed_cap = 0;
		if ((err = c5_alloc_aligned(&o->packed, c5_chunk_bound(bytes), 1)) < 0) return err;
		o->packed_cap = c5_chunk_bound(bytes);
	}
	if ((err = c5_chunk_encode(o->codec, d->rows[k].bytes, bytes, d->spec.row_size, o->packed, &size)) < 0) return err;
	if ((err = c5_array_write_chunk(d->open, k, o->packed, size)) < 0) return err;
	free(d->rows[k].bytes);
	d->rows[k] = (rows){ 0 };
	return C5_OK;
}

int c5_owner_row(c5_owner *o, uint32_t id, uint64_t row, const void *bytes, size_t size)
{
	declared *d = NULL;
	rows *r = NULL;
	int err = want(o, id, &d);
	if (err < 0) return err;
	const c5_array_spec *s = &d->spec;
	if (size != s->row_size || row >= s->dims[0])
		return c5_fail(C5_EFAIL, "%s: row %llu of %zu bytes does not fit", s->path, (unsigned long long)row, size);
	uint64_t k = row / s->chunk[0], in = row % s->chunk[0], full = s->dims[0] - k * s->chunk[0];
	if ((err = want_rows(o, d, k, &r)) < 0) return err;
	memcpy(r->bytes + in * size, bytes, size);
	o->pending++;
	return ++r->come < (full < s->chunk[0] ? full : s->chunk[0]) ? C5_OK : write_chunk_of_rows(o, d, k);
}

static int write_rows(c5_owner *o, uint32_t id)
{
	declared *d = &o->arrays[id];
	int err;
	if (!d->rows) return C5_OK;
	if ((err = want(o, id, &d)) < 0) return err;
	for (uint64_t k = 0; k < c5_spec_chunks(&d->spec); k++)
		if (d->rows[k].bytes && (err = write_chunk_of_rows(o, d, k)) < 0) return err;
	return C5_OK;
}

int c5_owner_clear(c5_owner *o)
{
	for (size_t i = 0; i < o->n; i++) {
		int err = write_rows(o, (uint32_t)i);
		if (err < 0) return err;
	}
	if (o->arrays) forget(o);
	return C5_OK;
}

int c5_owner_commit(c5_owner *o, bool more)
{
	for (size_t i = 0; i < o->n; i++) {
		int err = write_rows(o, (uint32_t)i);
		if (err < 0) return err;
	}
	close_arrays(o);
	o->pending = 0;
	return c5_file_commit(o->file, more);
}

uint64_t c5_owner_pending(const c5_owner *o) { return o->pending; }
