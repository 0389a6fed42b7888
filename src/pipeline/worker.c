/* worker.c – see worker.h. */
#include "pipeline/worker.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/threads.h"

#define READ_TRIES 6
#define TILE_SCRATCH (C5_WORKER_SCRATCH - 1)

int c5_worker_open(c5_worker *w, const char *path, c5_sink *sink)
{
	memset(w, 0, sizeof *w);
	w->path = path;
	w->sink = sink;
	int err = sink ? c5_packers_open(&w->packers, sink, c5_threads()) : C5_OK;
	return err < 0 ? err : c5_codec_open(&w->codec);
}

static void close_file(c5_worker *w)
{
	for (int i = 0; i < C5_WORKER_ARRAYS; i++) {
		c5_array_close(w->arrays[i].array);
		free(w->arrays[i].path);
		memset(&w->arrays[i], 0, sizeof w->arrays[i]);
	}
	c5_file_close(w->file);
	w->file = NULL;
}

void c5_worker_refresh(c5_worker *w)
{
	close_file(w);
	if (w->state && w->free_state) w->free_state(w->state);
	w->state = NULL;
	w->free_state = NULL;
}

void c5_worker_close(c5_worker *w)
{
	c5_worker_refresh(w);
	for (int i = 0; i < C5_WORKER_SCRATCH; i++) free(w->scratch[i].data);
	c5_packers_close(w->packers);
	c5_codec_close(w->codec);
	memset(w, 0, sizeof *w);
}

int c5_worker_scratch(c5_worker *w, int k, size_t n, void *out)
{
	if (w->scratch[k].size < n) {
		free(w->scratch[k].data);
		w->scratch[k].data = NULL;
		w->scratch[k].size = 0;
		int err = c5_alloc_aligned(&w->scratch[k].data, n, 1);
		if (err < 0) return err;
		w->scratch[k].size = n;
	}
	memcpy(out, &w->scratch[k].data, sizeof w->scratch[k].data);
	return C5_OK;
}

/* The array at `path`, opened or still open from before; the one longest unused makes room. */
static int find_array(c5_worker *w, const char *path, c5_array **out)
{
	int k = 0, err;
	if (!w->file && (err = c5_file_open(&w->file, w->path, C5_READ, "working")) < 0) return err;
	for (int i = 0; i < C5_WORKER_ARRAYS; i++) {
		if (w->arrays[i].path && strcmp(w->arrays[i].path, path) == 0) {
			w->arrays[i].used = ++w->clock;
			*out = w->arrays[i].array;
			return C5_OK;
		}
		if (w->arrays[i].used < w->arrays[k].used) k = i;
	}
	c5_array_close(w->arrays[k].array);
	free(w->arrays[k].path);
	memset(&w->arrays[k], 0, sizeof w->arrays[k]);
	if ((err = c5_array_open(&w->arrays[k].array, w->file, path)) < 0) return err;
	c5_array_must_be_whole(w->arrays[k].array);
	if (!(w->arrays[k].path = c5_strdup(path))) {
		c5_array_close(w->arrays[k].array);
		w->arrays[k].array = NULL;
		return c5_fail(C5_ENOMEM, "out of memory");
	}
	w->arrays[k].used = ++w->clock;
	*out = w->arrays[k].array;
	return C5_OK;
}

/* Whether a failed read deserves another try on a freshly opened file. */
static bool try_again(c5_worker *w, int err, int *tries)
{
	if (err == C5_OK || err == C5_ENOMEM || ++*tries >= READ_TRIES) return false;
	close_file(w);
	usleep(3000);
	return true;
}

int c5_worker_spec(c5_worker *w, const char *path, const c5_array_spec **spec)
{
	c5_array *a;
	int err, tries = 0;
	do err = find_array(w, path, &a);
	while (try_again(w, err, &tries));
	if (err == C5_OK) *spec = c5_array_spec_of(a);
	return err;
}

int c5_worker_read_frame(c5_worker *w, const char *path, uint64_t t, uint64_t z, void *out)
{
	c5_array *a;
	int err, tries = 0;
	do {
		if ((err = find_array(w, path, &a)) == C5_OK) err = c5_array_read_frame(a, w->codec, t, z, out);
	} while (try_again(w, err, &tries));
	return err;
}

int c5_worker_read_rows(c5_worker *w, const char *path, uint64_t first, uint64_t n, void *out)
{
	c5_array *a;
	int err, tries = 0;
	do {
		if ((err = find_array(w, path, &a)) == C5_OK) err = c5_array_read_rows(a, w->codec, first, n, out);
	} while (try_again(w, err, &tries));
	return err;
}

static int pack_and_put(c5_worker *w, const c5_array_spec *s, uint32_t array, uint64_t chunk, const void *raw)
{
	int err = c5_packers_put(w->packers, array, chunk, raw, c5_spec_chunk_bytes(s), c5_spec_element(s));
	return err < 0 ? (w->sink_error = err) : C5_OK;
}

int c5_worker_hand_over(c5_worker *w)
{
	int err = c5_packers_hand_over(w->packers, true);
	return err < 0 ? (w->sink_error = err) : C5_OK;
}

int c5_worker_put_chunk(c5_worker *w, const c5_job *j, size_t output, uint64_t chunk, const void *raw)
{
	return pack_and_put(w, &j->outputs[output], j->first_array + (uint32_t)output, chunk, raw);
}

int c5_worker_put_table(c5_worker *w, const c5_array_spec *s, const void *rows)
{
	uint64_t per = s->chunk[0];
	size_t bytes = c5_spec_chunk_bytes(s);
	uint32_t array;
	uint8_t *chunk;
	int err = w->sink->declare(w->sink, s, &array);
	if (err < 0) return w->sink_error = err;
	if ((err = c5_worker_scratch(w, TILE_SCRATCH, bytes, &chunk)) < 0) return err;
	for (uint64_t first = 0; first < s->dims[0]; first += per) {
		uint64_t n = s->dims[0] - first < per ? s->dims[0] - first : per;
		memset(chunk, 0, bytes);
		memcpy(chunk, (const uint8_t *)rows + first * s->row_size, n * s->row_size);
		if ((err = pack_and_put(w, s, array, first / per, chunk)) < 0) return err;
	}
	return C5_OK;
}

int c5_worker_put_frame(c5_worker *w, const c5_job *j, size_t output, uint64_t t, uint64_t z, const void *pixels)
{
	const c5_array_spec *s = &j->outputs[output];
	int y = s->rank - 2, x = s->rank - 1, err;
	uint64_t tiles = c5_spec_tiles(s), planes = s->rank == 4 ? s->dims[1] : 1, across = (s->dims[x] + s->chunk[x] - 1) / s->chunk[x];
	size_t element = c5_spec_element(s);
	uint8_t *tile;
	if (tiles == 1) return c5_worker_put_chunk(w, j, output, t * planes + z, pixels);
	if ((err = c5_worker_scratch(w, TILE_SCRATCH, c5_spec_chunk_bytes(s), &tile)) < 0) return err;
	for (uint64_t k = 0; k < tiles; k++) {
		uint64_t y0 = k / across * s->chunk[y], x0 = k % across * s->chunk[x];
		uint64_t h = s->dims[y] - y0 < s->chunk[y] ? s->dims[y] - y0 : s->chunk[y], width = s->dims[x] - x0 < s->chunk[x] ? s->dims[x] - x0 : s->chunk[x];
		if (h < s->chunk[y] || width < s->chunk[x]) memset(tile, 0, c5_spec_chunk_bytes(s));
		for (uint64_t r = 0; r < h; r++)
			memcpy(tile + r * s->chunk[x] * element, (const uint8_t *)pixels + ((y0 + r) * s->dims[x] + x0) * element, width * element);
		if ((err = c5_worker_put_chunk(w, j, output, (t * planes + z) * tiles + k, tile)) < 0) return err;
	}
	return C5_OK;
}

int c5_worker_put_row(c5_worker *w, const c5_job *j, size_t output, uint64_t row, const void *bytes)
{
	int err = w->sink->put_row(w->sink, j->first_array + (uint32_t)output, row, bytes, j->outputs[output].row_size);
	return err < 0 ? (w->sink_error = err) : C5_OK;
}

int c5_worker_poll(c5_worker *w)
{
	int err = c5_packers_hand_over(w->packers, false);
	if (err == C5_OK) err = w->sink->poll(w->sink);
	if (err < 0 && err != C5_ESTOP) w->sink_error = err;
	return err;
}
