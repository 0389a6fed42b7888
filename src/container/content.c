/* content.c – the decoded content of any dataset, block by block; see object.h. A block is some 4 MiB of whole slices along the first
 * dimension. Datasets as cyto5 writes them are unpacked by chunk.h; all others are read by HDF5. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "container/h5.h"
#include "container/object.h"

#define BLOCK (UINT64_C(4) << 20)
#define SLICE_MAX (UINT64_C(8) << 30) /* a slice that claims more is damage, not data */

#define CLAIM_LEAST (UINT64_C(4) << 30)
#define CLAIM_MOST 2048 /* deflate makes 1032 bytes of one at most: what claims more is mostly not there, and would take for ever */

enum way { BY_FRAMES, BY_ROWS, BY_HDF5 };

struct c5_content {
	c5_file *file;
	int way;
	uint64_t next, total, per_block; /* slices */
	uint64_t slice;                  /* bytes of one */
	uint8_t *block;
	c5_array *array;
	c5_codec *codec;
	hid_t id, type;                  /* BY_HDF5 */
	int rank;
	bool variable;                   /* texts of variable length: given out as their bytes with a NUL each */
	c5_buf texts;
	size_t element, blank_at, blank; /* blank: bytes of each element to be zeroed; 0 none */
};

/* How an array of ours is best read: whole frames, or runs of rows. */
static int choose_way(const c5_array_spec *s)
{
	bool rows = true;
	for (int i = 1; i < s->rank; i++) rows = rows && s->chunk[i] == s->dims[i];
	if (rows) return BY_ROWS;
	return s->rank >= 3 && s->rank <= 4 && s->chunk[0] == 1 && (s->rank == 3 || s->chunk[1] == 1) ? BY_FRAMES : BY_HDF5;
}

static int open_hdf5(c5_content *c, const c5_object *o, const char *path)
{
	if ((c->id = H5Dopen2(c->file->id, path, H5P_DEFAULT)) < 0) return c5_h5_fail(C5_EINPUT, "%s:%s: cannot be opened", c->file->path, path);
	if ((c->type = H5Dget_type(c->id)) < 0) return c5_h5_fail(C5_EINPUT, "%s:%s: type", c->file->path, path);
	H5T_class_t class = H5Tget_class(c->type);
	c->variable = class == H5T_STRING && H5Tis_variable_str(c->type) > 0;
	bool known = class == H5T_INTEGER || class == H5T_FLOAT || class == H5T_STRING || class == H5T_ENUM || class == H5T_BITFIELD || class == H5T_OPAQUE;
	if (class == H5T_COMPOUND && o->kind == C5_KIND_TABLE) {
		known = true;
		for (size_t i = 0; i < o->n_columns; i++) known = known && (o->columns[i].dtype || o->columns[i].text);
	}
	if (!known) return c5_fail(C5_EINPUT, "%s:%s: of a type that cyto5 does not read", c->file->path, path);
	return C5_OK;
}

int c5_content_open(c5_content **out, c5_file *f, const char *path)
{
	c5_object o = { 0 };
	c5_content *c = NULL;
	*out = NULL;
	int err = c5_object_look(&o, f, path);
	if (err < 0) return err;
	if ((err = c5_alloc(&c, 1, sizeof *c)) < 0) goto done;
	c->file = f;
	c->id = c->type = H5I_INVALID_HID;
	c->rank = o.rank;
	c->way = BY_HDF5;
	if (o.kind == C5_KIND_GROUP || o.kind == C5_KIND_LINK || o.element == 0) { err = c5_fail(C5_EINPUT, "%s:%s: no dataset", f->path, path); goto done; }
	if (o.native && (err = c5_array_open(&c->array, f, path)) == C5_OK) {
		c->way = choose_way(c5_array_spec_of(c->array));
		err = c5_codec_open(&c->codec);
	}
	if (err == C5_OK && c->way == BY_HDF5) err = open_hdf5(c, &o, path);
	if (err < 0) goto done;
	c->total = o.rank ? o.dims[0] : 1;
	c->slice = c->element = o.element;
	for (int i = 1; i < o.rank; i++) c->slice *= o.dims[i]; /* look found that the product of all fits; unless the first is 0 */
	if (o.raw == 0) c->total = 0;
	if (c->total && c->slice > SLICE_MAX) {
		err = c5_fail(C5_EINPUT, "%s:%s: a slice of %llu bytes", f->path, path, (unsigned long long)c->slice);
		goto done;
	}
	if (o.raw > CLAIM_LEAST && o.raw / CLAIM_MOST > o.stored) {
		err = c5_fail(C5_EINPUT, "%s:%s: claims %llu bytes, %llu are stored: damaged, or of a run that did not end", f->path, path,
			(unsigned long long)o.raw, (unsigned long long)o.stored);
		goto done;
	}
	c->per_block = c->total && c->slice < BLOCK ? BLOCK / c->slice : 1;
	if (c->total && c->per_block > c->total) c->per_block = c->total;
	if (c->total) err = c5_alloc_aligned(&c->block, c->per_block, c->slice);
done:
	c5_object_free(&o);
	if (err < 0) c5_content_close(c);
	else *out = c;
	return err;
}

void c5_content_close(c5_content *c)
{
	if (!c) return;
	c5_array_close(c->array);
	c5_codec_close(c->codec);
	if (c->type >= 0) H5Tclose(c->type);
	if (c->id >= 0) H5Dclose(c->id);
	c5_buf_free(&c->texts);
	free(c->block);
	free(c);
}

void c5_content_blank(c5_content *c, size_t at, size_t n)
{
	if (at < c->element && n <= c->element - at) c->blank_at = at, c->blank = n;
}

static int read_frames(c5_content *c, uint64_t n)
{
	const c5_array_spec *s = c5_array_spec_of(c->array);
	uint64_t planes = s->rank == 4 ? s->dims[1] : 1;
	for (uint64_t t = 0; t < n; t++)
		for (uint64_t z = 0; z < planes; z++) {
			int err = c5_array_read_frame(c->array, c->codec, c->next + t, z, c->block + t * c->slice + z * (c->slice / planes));
			if (err < 0) return err;
		}
	return C5_OK;
}

static int take_variable(c5_content *c, hid_t space, uint64_t texts)
{
	c->texts.size = 0;
	for (uint64_t i = 0; i < texts; i++) {
		char *p;
		memcpy(&p, c->block + i * sizeof p, sizeof p);
		c5_buf_put(&c->texts, p ? p : "", p ? strlen(p) + 1 : 1);
	}
	H5Dvlen_reclaim(c->type, space, H5P_DEFAULT, c->block);
	return c->texts.err;
}

static int read_hdf5(c5_content *c, uint64_t n)
{
	hsize_t start[C5_LOOK_RANK] = { 0 }, count[C5_LOOK_RANK];
	hid_t file = H5Dget_space(c->id), memory = H5I_INVALID_HID;
	int err = C5_OK;
	if (c->rank) {
		H5Sget_simple_extent_dims(file, count, NULL);
		start[0] = c->next, count[0] = n;
		H5Sselect_hyperslab(file, H5S_SELECT_SET, start, NULL, count, NULL);
		memory = H5Screate_simple(c->rank, count, NULL);
	} else memory = H5Screate(H5S_SCALAR);
	if (H5Dread(c->id, c->type, memory, file, H5P_DEFAULT, c->block) < 0) err = c5_h5_fail(C5_EINPUT, "%s: cannot be read", c->file->path);
	else if (c->variable) err = take_variable(c, memory, n * (c->slice / sizeof(char *)));
	H5Sclose(memory);
	H5Sclose(file);
	return err;
}

int c5_content_next(c5_content *c, const void **bytes, size_t *n)
{
	uint64_t slices = c->total - c->next < c->per_block ? c->total - c->next : c->per_block;
	int err = C5_OK;
	*bytes = c->block;
	*n = 0;
	if (slices == 0) return C5_OK;
	if (c->way == BY_FRAMES) err = read_frames(c, slices);
	else if (c->way == BY_ROWS) err = c5_array_read_rows(c->array, c->codec, c->next, slices, c->block);
	else err = read_hdf5(c, slices);
	if (err < 0) return err;
	c->next += slices;
	for (uint64_t i = 0; c->blank && i < slices * c->slice; i += c->element) memset(c->block + i + c->blank_at, 0, c->blank);
	*n = slices * c->slice;
	if (c->variable) *bytes = c->texts.data, *n = c->texts.size;
	return C5_OK;
}
