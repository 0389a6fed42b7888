/* array.c – datasets made, and their chunks read and placed; see array.h.
 * HDF5 keeps the index of chunks; the bytes of chunks are packed, moved and unpacked by us. */
#include "container/array.h"

#include <hdf5_hl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "container/deflate.h"
#include "container/h5.h"

struct c5_array {
	c5_file *file;
	hid_t id;
	c5_array_spec spec;
	uint8_t *packed, *chunk; /* one packed and one decoded chunk */
	size_t packed_cap;
	uint64_t held; /* number of the chunk in `chunk`; UINT64_MAX none */
	bool whole;    /* a chunk that is not there is an error, not zeros */
};

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "arrays go to the file as they lie in memory, and their types say little-endian");

static hid_t element_type(int dtype)
{
	switch (dtype) {
	case C5_U8: return H5T_STD_U8LE;
	case C5_U16: return H5T_STD_U16LE;
	case C5_U32: return H5T_STD_U32LE;
	case C5_I8: return H5T_STD_I8LE;
	case C5_I16: return H5T_STD_I16LE;
	case C5_I32: return H5T_STD_I32LE;
	case C5_F32: return H5T_IEEE_F32LE;
	case C5_F64: return H5T_IEEE_F64LE;
	case C5_I64: return H5T_STD_I64LE;
	case C5_U64: return H5T_STD_U64LE;
	default: return H5I_INVALID_HID;
	}
}

static hid_t make_type(const c5_array_spec *s)
{
	if (!s->n_columns) return H5Tcopy(element_type(s->dtype));
	hid_t type = H5Tcreate(H5T_COMPOUND, s->row_size);
	for (size_t i = 0; i < s->n_columns; i++) {
		const c5_column *c = &s->columns[i];
		hid_t member = c->text ? H5Tcopy(H5T_C_S1) : H5Tcopy(element_type(c->dtype));
		if (c->text) {
			H5Tset_size(member, c->text);
			H5Tset_cset(member, H5T_CSET_UTF8);
			H5Tset_strpad(member, H5T_STR_NULLPAD);
		}
		H5Tinsert(type, c->name, c->offset, member);
		H5Tclose(member);
	}
	return type;
}

static int dtype_of(hid_t type)
{
	for (int t = C5_U8; t < C5_DTYPE_END; t++)
		if (H5Tequal(type, element_type(t)) > 0) return t;
	return 0;
}

/* ---- making ---- */

static char *beside(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');
	return c5_format("%.*s/%s", slash ? (int)(slash - path) : 0, path, name);
}

static char *parent_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash == path ? c5_strdup("/") : c5_format("%.*s", slash ? (int)(slash - path) : 0, path);
}

/* The code for what HDF5 does not make, asked for before: a link that leads nowhere may be in the way. */
static int blocked(c5_file *f, const char *path) { return H5Lexists(f->id, path, H5P_DEFAULT) > 0 ? C5_ESCHEMA : C5_EIO; }

/* The scale dataset of one axis, made when it is not there, and attached. */
static int attach_axis(c5_file *f, hid_t dataset, const c5_array_spec *s, int i)
{
	const c5_axis *axis = &s->axes[i];
	int err = C5_OK;
	char *path = beside(s->path, axis->name);
	double *values = NULL;
	hid_t scale = H5I_INVALID_HID, space = H5I_INVALID_HID, list = H5I_INVALID_HID;
	if (!path) return c5_fail(C5_ENOMEM, "out of memory");
	if (!c5_exists(f, path)) {
		hsize_t n = s->dims[i];
		const int code = blocked(f, path);
		if ((err = c5_alloc(&values, n, sizeof *values)) < 0) goto done;
		for (hsize_t k = 0; k < n; k++) values[k] = (double)k * axis->step;
		space = H5Screate_simple(1, &n, NULL);
		list = c5_h5_dataset_list();
		scale = H5Dcreate2(f->id, path, H5T_IEEE_F64LE, space, H5P_DEFAULT, list, H5P_DEFAULT);
		if (scale < 0 || H5Dwrite(scale, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0 || H5DSset_scale(scale, axis->name) < 0) {
			err = c5_h5_fail(code, "%s:%s: cannot be made", f->path, path);
			goto done;
		}
		if ((err = c5_attr_set_str(f, path, "units", axis->unit)) < 0) goto done;
	} else if ((scale = H5Dopen2(f->id, path, H5P_DEFAULT)) < 0) {
		err = c5_h5_fail(C5_ESCHEMA, "%s:%s: cannot be opened", f->path, path);
		goto done;
	}
	if (H5DSattach_scale(dataset, scale, (unsigned)i) < 0) err = c5_h5_fail(values ? C5_EIO : C5_ESCHEMA, "%s:%s: cannot be attached", f->path, path);
done:
	free(values);
	free(path);
	if (scale >= 0) H5Dclose(scale);
	if (space >= 0) H5Sclose(space);
	if (list >= 0) H5Pclose(list);
	return err;
}

/* The group becomes an NXdata group whose plot is its first array, so that viewers show it at a click. */
static int mark_plot(c5_file *f, const c5_array_spec *s)
{
	char *group = parent_of(s->path), *there = NULL;
	const char *axes[C5_MAX_RANK];
	int err = group ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
	if (err < 0 || c5_attr_get_str(f, group, "NX_class", &there) == C5_OK) goto done;
	for (int i = 0; i < s->rank; i++) axes[i] = s->axes[i].step > 0 ? s->axes[i].name : ".";
	if ((err = c5_attr_set_str(f, group, "NX_class", "NXdata")) < 0 || (err = c5_attr_set_str(f, group, "signal", strrchr(s->path, '/') + 1)) < 0)
		goto done;
	err = c5_attr_set_strs(f, group, "axes", (size_t)s->rank, axes);
done:
	free(there);
	free(group);
	return err;
}

static int check_same(c5_file *f, const c5_array_spec *s)
{
	c5_array *a;
	int err = c5_array_open(&a, f, s->path);
	if (err < 0) return err;
	bool same = a->spec.rank == s->rank && a->spec.dtype == s->dtype && a->spec.row_size == s->row_size && a->spec.n_columns == s->n_columns;
	for (int i = 0; same && i < s->rank; i++) same = a->spec.dims[i] == s->dims[i] && a->spec.chunk[i] == s->chunk[i];
	c5_array_close(a);
	return same ? C5_OK : c5_fail(C5_ESCHEMA, "%s:%s: is there with another shape or type", f->path, s->path);
}

int c5_array_create(c5_file *f, const c5_array_spec *s)
{
	hid_t type = H5I_INVALID_HID, space = H5I_INVALID_HID, list = H5I_INVALID_HID, d = H5I_INVALID_HID;
	hsize_t dims[C5_MAX_RANK], limit[C5_MAX_RANK], chunk[C5_MAX_RANK];
	int err;
	if (c5_exists(f, s->path)) return check_same(f, s);
	char *parent = parent_of(s->path);
	if (!parent) return c5_fail(C5_ENOMEM, "out of memory");
	if ((err = c5_group_make(f, parent)) < 0) goto done;
	for (int i = 0; i < s->rank; i++) {
		dims[i] = s->dims[i], chunk[i] = s->chunk[i] ? s->chunk[i] : 1;
		limit[i] = s->growing ? H5S_UNLIMITED : dims[i] ? dims[i] : 1; /* HDF5 wants chunks no larger than the limit, also of an empty table */
	}
	err = C5_EIO;
	type = make_type(s);
	space = H5Screate_simple(s->rank, dims, limit);
	list = c5_h5_dataset_list();
	if (type < 0 || space < 0 || list < 0 || H5Pset_chunk(list, s->rank, chunk) < 0) {
		c5_h5_fail(C5_EIO, "%s:%s: cannot be described", f->path, s->path);
		goto done;
	}
	H5Pset_shuffle(list);
	H5Pset_deflate(list, C5_DEFLATE_LEVEL);
	H5Pset_fletcher32(list);
	const int code = blocked(f, s->path);
	if ((d = H5Dcreate2(f->id, s->path, type, space, H5P_DEFAULT, list, H5P_DEFAULT)) < 0) {
		err = c5_h5_fail(code, "%s:%s: cannot be made", f->path, s->path);
		goto done;
	}
	err = C5_OK;
	bool plotted = false;
	for (int i = 0; err == C5_OK && i < s->rank; i++)
		if (s->axes[i].step > 0 && s->dims[i]) plotted = true, err = attach_axis(f, d, s, i);
	if (err == C5_OK && plotted) err = mark_plot(f, s);
	for (size_t i = 0; err == C5_OK && i < s->n_attrs; i++) {
		const struct c5_spec_attr *a = &s->attrs[i];
		err = a->is_number ? c5_attr_set_f64(f, s->path, a->name, a->number) : c5_attr_set_str(f, s->path, a->name, a->text);
	}
done:
	if (d >= 0) H5Dclose(d);
	if (list >= 0) H5Pclose(list);
	if (space >= 0) H5Sclose(space);
	if (type >= 0) H5Tclose(type);
	free(parent);
	return err;
}

/* ---- opening ---- */

static int read_columns(c5_array_spec *s, hid_t type)
{
	int n = H5Tget_nmembers(type);
	s->row_size = 0;
	for (int i = 0; i < n; i++) {
		char *name = H5Tget_member_name(type, (unsigned)i);
		hid_t member = H5Tget_member_type(type, (unsigned)i);
		size_t text = H5Tget_class(member) == H5T_STRING && H5Tis_variable_str(member) <= 0 ? H5Tget_size(member) : 0;
		int dtype = text ? 0 : dtype_of(member), err = C5_EINPUT;
		if (name && strlen(name) < sizeof s->columns->name && (text || dtype) && H5Tget_member_offset(type, (unsigned)i) == s->row_size)
			err = text ? c5_spec_text_column(s, name, text) : c5_spec_column(s, name, dtype);
		else c5_fail(err, "column %d is of a type cyto5 does not write", i);
		H5free_memory(name);
		H5Tclose(member);
		if (err < 0) return err;
	}
	return s->row_size == H5Tget_size(type) ? C5_OK : c5_fail(C5_EINPUT, "rows are padded");
}

static int read_spec(c5_array *a)
{
	c5_array_spec *s = &a->spec;
	hid_t type = H5Dget_type(a->id), space = H5Dget_space(a->id), list = H5Dget_create_plist(a->id);
	hsize_t dims[H5S_MAX_RANK], chunk[H5S_MAX_RANK];
	int err = C5_EINPUT;
	s->rank = H5Sget_simple_extent_ndims(space);
	if (s->rank < 1 || s->rank > C5_MAX_RANK || H5Pget_layout(list) != H5D_CHUNKED) {
		c5_fail(err, "not a chunked array of 1 to %d dimensions", C5_MAX_RANK);
		goto done;
	}
	H5Sget_simple_extent_dims(space, dims, NULL);
	H5Pget_chunk(list, s->rank, chunk);
	for (int i = 0; i < s->rank; i++) s->dims[i] = dims[i], s->chunk[i] = chunk[i];
	H5Z_filter_t want[3] = { H5Z_FILTER_SHUFFLE, H5Z_FILTER_DEFLATE, H5Z_FILTER_FLETCHER32 };
	for (unsigned i = 0; i < 3; i++) {
		unsigned flags, config;
		size_t n = 0;
		if (H5Pget_nfilters(list) != 3 || H5Pget_filter2(list, i, &flags, &n, NULL, 0, NULL, &config) != want[i]) {
			c5_fail(err, "filters are not shuffle, deflate, fletcher32");
			goto done;
		}
	}
	if (H5Tget_class(type) == H5T_COMPOUND) err = read_columns(s, type);
	else if ((s->dtype = dtype_of(type))) err = C5_OK;
	else c5_fail(err, "elements are of a type cyto5 does not write");
	if (err == C5_OK && c5_spec_chunk_bytes(s) > UINT32_MAX) err = c5_fail(C5_EINPUT, "chunks of more than 4 GiB");
done:
	H5Pclose(list);
	H5Sclose(space);
	H5Tclose(type);
	return err;
}

int c5_array_open(c5_array **out, c5_file *f, const char *path)
{
	c5_array *a;
	*out = NULL;
	int err = c5_alloc(&a, 1, sizeof *a);
	if (err < 0) return err;
	a->file = f;
	a->held = UINT64_MAX;
	a->id = H5I_INVALID_HID;
	if (!(a->spec.path = c5_strdup(path))) err = c5_fail(C5_ENOMEM, "out of memory");
	else if (!c5_exists(f, path)) err = c5_fail(C5_ENOTFOUND, "%s:%s: not there", f->path, path);
	else if ((a->id = H5Dopen2(f->id, path, H5P_DEFAULT)) < 0) err = c5_h5_fail(C5_EINPUT, "%s:%s: cannot be opened", f->path, path);
	else if ((err = read_spec(a)) < 0) err = c5_fail_in(err, "%s:%s", f->path, path);
	if (err < 0) {
		c5_array_close(a);
		return err;
	}
	*out = a;
	return C5_OK;
}

int c5_table_open(c5_array **out, c5_file *f, const char *path)
{
	uint64_t there = 0, chunks = 0;
	int err = c5_array_open(out, f, path);
	if (err < 0) return err;
	if (!(*out)->spec.n_columns || (*out)->spec.rank != 1) err = c5_fail(C5_ESCHEMA, "%s:%s: is no table", c5_file_path(f), path);
	else if ((err = c5_array_count_chunks(*out, &there)) == C5_OK && there < (chunks = c5_spec_chunks(&(*out)->spec)))
		err = c5_fail(C5_EINPUT, "%s:%s: %llu of %llu chunks are there: damaged, or of a run that did not end", c5_file_path(f), path,
			(unsigned long long)there, (unsigned long long)chunks);
	if (err == C5_OK) return C5_OK;
	c5_array_close(*out);
	*out = NULL;
	return err;
}

void c5_array_close(c5_array *a)
{
	if (!a) return;
	if (a->id >= 0) H5Dclose(a->id);
	c5_spec_free(&a->spec);
	free(a->packed);
	free(a->chunk);
	free(a);
}

const c5_array_spec *c5_array_spec_of(const c5_array *a) { return &a->spec; }

/* ---- chunks ---- */

static void chunk_offset(const c5_array_spec *s, uint64_t chunk, hsize_t *at)
{
	for (int i = s->rank - 1; i >= 0; i--) {
		uint64_t n = (s->dims[i] + s->chunk[i] - 1) / s->chunk[i];
		at[i] = chunk % n * s->chunk[i];
		chunk /= n;
	}
}

static int packed_size(c5_array *a, const hsize_t *at, hsize_t *size)
{
	*size = 0;
	/* HDF5 1.10 reports an absent chunk as size 0 or as an error, by index kind. */
	if (H5Dget_chunk_storage_size(a->id, at, size) < 0) *size = 0;
	return C5_OK;
}

bool c5_array_has_chunk(c5_array *a, uint64_t chunk)
{
	hsize_t at[C5_MAX_RANK], size;
	if (chunk >= c5_spec_chunks(&a->spec)) return false;
	chunk_offset(&a->spec, chunk, at);
	return packed_size(a, at, &size) == C5_OK && size > 0;
}

int c5_array_count_chunks(c5_array *a, uint64_t *there)
{
	hsize_t n = 0;
	hid_t space = H5Dget_space(a->id);
	int err = H5Dget_num_chunks(a->id, space, &n) < 0 ? C5_EINPUT : C5_OK;
	if (err < 0) c5_h5_fail(err, "%s:%s: its chunks cannot be counted", a->file->path, a->spec.path);
	H5Sclose(space);
	*there = n;
	return err;
}

int c5_array_read_packed(c5_array *a, uint64_t chunk, const void **data, size_t *size, uint32_t *filter_mask)
{
	hsize_t at[C5_MAX_RANK], n;
	int err;
	chunk_offset(&a->spec, chunk, at);
	if ((err = packed_size(a, at, &n)) < 0) return err;
	*size = n;
	*data = NULL;
	if (n == 0) return C5_OK;
	if (n > a->packed_cap) {
		free(a->packed);
		a->packed = NULL, a->packed_cap = 0;
		if ((err = c5_alloc_aligned(&a->packed, n, 1)) < 0) return err;
		a->packed_cap = n;
	}
	if (H5Dread_chunk(a->id, H5P_DEFAULT, at, filter_mask, a->packed) < 0)
		return c5_h5_fail(C5_EINPUT, "%s:%s: chunk %llu", a->file->path, a->spec.path, (unsigned long long)chunk);
	*data = a->packed;
	return C5_OK;
}

int c5_array_read_chunk(c5_array *a, c5_codec *codec, uint64_t chunk, void *out)
{
	const void *packed;
	size_t size, bytes = c5_spec_chunk_bytes(&a->spec);
	uint32_t mask = 0;
	int err = c5_array_read_packed(a, chunk, &packed, &size, &mask);
	if (err < 0) return err;
	if (!packed && a->whole)
		return c5_fail(C5_EINPUT, "%s:%s: chunk %llu of %llu is missing: damaged, or of a run that did not end", a->file->path, a->spec.path,
			(unsigned long long)chunk, (unsigned long long)c5_spec_chunks(&a->spec));
	if (!packed) {
		memset(out, 0, bytes);
		return C5_OK;
	}
	err = c5_chunk_decode(codec, packed, size, mask, out, bytes, c5_spec_element(&a->spec));
	return err < 0 ? c5_fail_in(err, "%s:%s: chunk %llu", a->file->path, a->spec.path, (unsigned long long)chunk) : C5_OK;
}

static int hold_chunk(c5_array *a, c5_codec *codec, uint64_t chunk)
{
	int err;
	if (a->held == chunk) return C5_OK;
	if (!a->chunk && (err = c5_alloc_aligned(&a->chunk, c5_spec_chunk_bytes(&a->spec), 1)) < 0) return err;
	a->held = UINT64_MAX;
	if ((err = c5_array_read_chunk(a, codec, chunk, a->chunk)) < 0) return err;
	a->held = chunk;
	return C5_OK;
}

void c5_array_must_be_whole(c5_array *a) { a->whole = true; }

/* Whether frames can be read from it: anybody's file may have another shape, or other chunks, under a name that we know. */
static int check_frames(const c5_array *a)
{
	const c5_array_spec *s = &a->spec;
	bool known = !s->n_columns && (s->rank == 3 || s->rank == 4);
	for (int i = 0; known && i < s->rank - 2; i++) known = s->chunk[i] == 1;
	return known ? C5_OK : c5_fail(C5_EINPUT, "%s:%s: no stack (T, Y, X) or (T, Z, Y, X) with chunks of one frame", a->file->path, s->path);
}

int c5_array_read_frame(c5_array *a, c5_codec *codec, uint64_t t, uint64_t z, void *out)
{
	const c5_array_spec *s = &a->spec;
	int y = s->rank - 2, x = s->rank - 1, err = check_frames(a);
	if (err < 0) return err;
	uint64_t tiles = c5_spec_tiles(s), planes = s->rank == 4 ? s->dims[1] : 1, across = (s->dims[x] + s->chunk[x] - 1) / s->chunk[x];
	size_t element = c5_spec_element(s);
	if (t >= s->dims[0] || z >= planes) return c5_fail(C5_EINPUT, "%s:%s: no frame %llu", a->file->path, s->path, (unsigned long long)t);
	if (tiles == 1 && s->chunk[y] == s->dims[y] && s->chunk[x] == s->dims[x]) return c5_array_read_chunk(a, codec, t * planes + z, out);
	for (uint64_t k = 0; k < tiles; k++) {
		if ((err = hold_chunk(a, codec, (t * planes + z) * tiles + k)) < 0) return err;
		uint64_t y0 = k / across * s->chunk[y], x0 = k % across * s->chunk[x];
		uint64_t h = s->dims[y] - y0 < s->chunk[y] ? s->dims[y] - y0 : s->chunk[y], w = s->dims[x] - x0 < s->chunk[x] ? s->dims[x] - x0 : s->chunk[x];
		for (uint64_t r = 0; r < h; r++)
			memcpy((uint8_t *)out + ((y0 + r) * s->dims[x] + x0) * element, a->chunk + r * s->chunk[x] * element, w * element);
	}
	return C5_OK;
}

/* A row is what all dimensions but the first hold; a table has that one only. */
static int check_rows(const c5_array *a)
{
	const c5_array_spec *s = &a->spec;
	bool known = !s->n_columns || s->rank == 1;
	for (int i = 1; known && i < s->rank; i++) known = s->chunk[i] == s->dims[i];
	return known ? C5_OK : c5_fail(C5_EINPUT, "%s:%s: no table of one dimension, nor an array with chunks of whole rows", a->file->path, s->path);
}

int c5_array_read_rows(c5_array *a, c5_codec *codec, uint64_t first, uint64_t n, void *out)
{
	const c5_array_spec *s = &a->spec;
	size_t row = c5_spec_chunk_bytes(s) / s->chunk[0];
	int err = n ? check_rows(a) : C5_OK;
	if (err < 0) return err;
	if (first > s->dims[0] || n > s->dims[0] - first)
		return c5_fail(C5_EINPUT, "%s:%s: no rows %llu to %llu", a->file->path, s->path, (unsigned long long)first, (unsigned long long)(first + n));
	while (n) {
		uint64_t in = first % s->chunk[0], part = s->chunk[0] - in < n ? s->chunk[0] - in : n;
		if ((err = hold_chunk(a, codec, first / s->chunk[0])) < 0) return err;
		memcpy(out, a->chunk + in * row, part * row);
		out = (uint8_t *)out + part * row;
		first += part, n -= part;
	}
	return C5_OK;
}

int c5_array_place_chunk(c5_array *a, uint64_t chunk, size_t size, uint64_t *at)
{
	hsize_t offset[C5_MAX_RANK];
	uint64_t noted;
	static const uint8_t nothing[1];
	chunk_offset(&a->spec, chunk, offset);
	c5_overlay_swallow(a->file->overlay, true);
	herr_t put = H5Dwrite_chunk(a->id, H5P_DEFAULT, 0, offset, size, nothing); /* the driver does not look at the bytes */
	int err = put < 0 ? c5_h5_fail(C5_EIO, "%s:%s: chunk %llu", a->file->path, a->spec.path,
		(unsigned long long)chunk) : c5_overlay_noted(a->file->overlay, at, &noted);
	c5_overlay_swallow(a->file->overlay, false);
	if (err == C5_OK && noted != size)
		err = c5_fail(C5_EFAIL, "%s:%s: HDF5 gave %llu bytes for a chunk of %zu", a->file->path, a->spec.path, (unsigned long long)noted, size);
	return err;
}

int c5_array_write_chunk(c5_array *a, uint64_t chunk, const void *packed, size_t size)
{
	hsize_t offset[C5_MAX_RANK];
	chunk_offset(&a->spec, chunk, offset);
	if (H5Dwrite_chunk(a->id, H5P_DEFAULT, 0, offset, size, packed) < 0)
		return c5_h5_fail(C5_EIO, "%s:%s: chunk %llu", a->file->path, a->spec.path, (unsigned long long)chunk);
	return C5_OK;
}

/* ---- tables that grow ---- */

static int extend(c5_array *a, uint64_t rows)
{
	hsize_t dims = rows;
	if (rows <= a->spec.dims[0]) return C5_OK;
	if (H5Dset_extent(a->id, &dims) < 0)
		return c5_h5_fail(C5_EIO, "%s:%s: cannot grow to %llu rows", a->file->path, a->spec.path, (unsigned long long)rows);
	a->spec.dims[0] = rows;
	return C5_OK;
}

int c5_array_put_rows(c5_array *a, c5_codec *codec, uint64_t first, uint64_t n, const void *rows)
{
	const c5_array_spec *s = &a->spec;
	size_t bytes = c5_spec_chunk_bytes(s), size;
	uint8_t *packed = NULL;
	int err;
	if (s->rank != 1 || !s->n_columns) return c5_fail(C5_EFAIL, "%s:%s: no table", a->file->path, s->path);
	if ((err = extend(a, first + n)) < 0 || (err = c5_alloc_aligned(&packed, c5_chunk_bound(bytes), 1)) < 0) return err;
	while (err == C5_OK && n) {
		uint64_t chunk = first / s->chunk[0], in = first % s->chunk[0], part = s->chunk[0] - in < n ? s->chunk[0] - in : n;
		if ((err = hold_chunk(a, codec, chunk)) < 0) break;
		memcpy(a->chunk + in * s->row_size, rows, part * s->row_size);
		err = c5_chunk_encode(codec, a->chunk, bytes, s->row_size, packed, &size);
		if (err == C5_OK) err = c5_array_write_chunk(a, chunk, packed, size);
		rows = (const uint8_t *)rows + part * s->row_size;
		first += part, n -= part;
	}
	free(packed);
	return err;
}
