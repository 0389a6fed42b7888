/* whole.c – see whole.h. */
#include "container/whole.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

int c5_spec_whole(c5_array_spec *s, const char *path, int dtype, int rank, const uint64_t *dims)
{
	memset(s, 0, sizeof *s);
	s->dtype = dtype;
	s->rank = rank;
	uint64_t row = c5_dtype_size(dtype), least = C5_WHOLE_CHUNK;
	for (int i = 0; i < rank; i++) s->dims[i] = s->chunk[i] = dims[i];
	for (int i = 1; i < rank; i++) row *= dims[i];
	if (row < least) s->chunk[0] = least / row < dims[0] ? least / row : dims[0];
	else s->chunk[0] = 1;
	return (s->path = c5_strdup(path)) ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
}

/* Bytes of a slice along the first dimension. Only that may be cut. */
static int slice_of(const c5_array_spec *s, size_t *slice)
{
	*slice = c5_spec_element(s);
	for (int i = 1; i < s->rank; i++) {
		if (s->chunk[i] != s->dims[i]) return c5_fail(C5_EINPUT, "%s: is cut along dimension %d; only slices along the first are read", s->path, i);
		if (__builtin_mul_overflow(*slice, s->dims[i], slice)) return c5_fail(C5_EINPUT, "%s: too large", s->path);
	}
	return C5_OK;
}

/* ---- out ---- */

typedef int encode_fn(c5_codec *codec, const void *raw, size_t n, size_t element, void *out, size_t *size);

static int write_chunks(c5_file *f, const c5_array_spec *s, const void *content, encode_fn *encode)
{
	c5_array *a = NULL;
	c5_codec *codec = NULL;
	uint8_t *packed = NULL, *edge = NULL;
	size_t slice, bytes = c5_spec_chunk_bytes(s), size;
	int err = slice_of(s, &slice);
	if (err < 0 || (err = c5_codec_open(&codec)) < 0) return err;
	if ((err = c5_array_open(&a, f, s->path)) < 0 || (err = c5_alloc_aligned(&packed, c5_chunk_bound(bytes), 1)) < 0) goto done;
	for (uint64_t k = 0, first = 0; err == C5_OK && first < s->dims[0]; k++, first += s->chunk[0]) {
		const uint8_t *from = (const uint8_t *)content + first * slice;
		uint64_t left = s->dims[0] - first;
		if (left < s->chunk[0]) { /* edge chunks are whole, the rest zeros */
			if ((err = c5_alloc(&edge, bytes, 1)) < 0) break;
			memcpy(edge, from, left * slice);
			from = edge;
		}
		if ((err = encode(codec, from, bytes, c5_spec_element(s), packed, &size)) == C5_OK) err = c5_array_write_chunk(a, k, packed, size);
	}
done:
	free(edge);
	free(packed);
	c5_array_close(a);
	c5_codec_close(codec);
	return err;
}

static bool same_shape(c5_file *f, const c5_array_spec *s)
{
	c5_array *a;
	if (c5_array_open(&a, f, s->path) < 0) return false;
	const c5_array_spec *t = c5_array_spec_of(a);
	bool same = t->rank == s->rank && t->dtype == s->dtype && t->row_size == s->row_size && t->n_columns == s->n_columns;
	for (int i = 0; same && i < s->rank; i++) same = t->dims[i] == s->dims[i] && t->chunk[i] == s->chunk[i];
	c5_array_close(a);
	return same;
}

static int write_whole(c5_file *f, const c5_array_spec *s, const void *content, bool keep, encode_fn *encode)
{
	int err = C5_OK;
	bool there = c5_exists(f, s->path);
	if (there && !(keep && same_shape(f, s))) {
		if ((err = c5_unlink(f, s->path)) < 0) return err;
		there = false;
	}
	if (!there && (err = c5_array_create(f, s)) < 0) return err;
	return write_chunks(f, s, content, encode);
}

int c5_whole_write(c5_file *f, const c5_array_spec *s, const void *content) { return write_whole(f, s, content, false, c5_chunk_encode); }
int c5_whole_rewrite(c5_file *f, const c5_array_spec *s, const void *content) { return write_whole(f, s, content, true, c5_chunk_store); }

/* ---- in ---- */

/* Memory is only taken for what is in the file: a dataset may claim any size. */
static int check_there(c5_array *a)
{
	const c5_array_spec *s = c5_array_spec_of(a);
	uint64_t chunks = (s->dims[0] + s->chunk[0] - 1) / s->chunk[0];
	for (uint64_t k = 0; k < chunks; k++)
		if (!c5_array_has_chunk(a, k))
			return c5_fail(C5_EINPUT, "%s: chunk %llu of %llu is missing", s->path, (unsigned long long)k, (unsigned long long)chunks);
	return C5_OK;
}

int c5_whole_read(c5_file *f, const char *path, c5_array_spec *spec, void **content)
{
	c5_array *a = NULL;
	c5_codec *codec = NULL;
	size_t slice, bytes;
	memset(spec, 0, sizeof *spec);
	*content = NULL;
	int err = c5_array_open(&a, f, path);
	if (err < 0) return err;
	const c5_array_spec *s = c5_array_spec_of(a);
	if ((err = slice_of(s, &slice)) < 0 || (err = check_there(a)) < 0) {
		err = c5_fail_in(err, "%s", c5_file_path(f));
		goto done;
	}
	if (__builtin_mul_overflow(slice, s->dims[0], &bytes)) err = c5_fail(C5_EINPUT, "%s:%s: too large", c5_file_path(f), path);
	else if ((err = c5_codec_open(&codec)) == C5_OK && (err = c5_alloc(content, bytes, 1)) == C5_OK)
		err = c5_array_read_rows(a, codec, 0, s->dims[0], *content);
	if (err == C5_OK) err = c5_spec_copy(spec, s);
done:
	c5_codec_close(codec);
	c5_array_close(a);
	if (err < 0) {
		free(*content);
		*content = NULL;
		c5_spec_free(spec);
	}
	return err;
}
