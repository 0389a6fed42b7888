/* object.c – see object.h. */
#include "container/object.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "container/h5.h"

const char *c5_kind_name(int kind)
{
	static const char *const names[C5_KINDS] = { "nothing", "group", "array", "table", "text", "scale", "link", "other" };
	return names[kind >= 0 && kind < C5_KINDS ? kind : C5_KIND_NONE];
}

void c5_object_free(c5_object *o)
{
	free(o->columns);
	free(o->target);
	memset(o, 0, sizeof *o);
}

/* ---- types ---- */

/* Little-endian numbers as cyto5 writes them; 0 for all others. */
static int plain_dtype(hid_t type)
{
	static const int whole[2][4] = { { C5_U8, C5_U16, C5_U32, C5_U64 }, { C5_I8, C5_I16, C5_I32, C5_I64 } };
	size_t size = H5Tget_size(type);
	int power = size == 1 ? 0 : size == 2 ? 1 : size == 4 ? 2 : size == 8 ? 3 : -1;
	if (power < 0) return 0;
	if (H5Tget_class(type) == H5T_INTEGER && (size == 1 || H5Tget_order(type) == H5T_ORDER_LE)) return whole[H5Tget_sign(type) != H5T_SGN_NONE][power];
	if (H5Tget_class(type) == H5T_FLOAT) return H5Tequal(type, H5T_IEEE_F32LE) > 0 ? C5_F32 : H5Tequal(type, H5T_IEEE_F64LE) > 0 ? C5_F64 : 0;
	return 0;
}

static int look_columns(c5_object *o, hid_t type)
{
	int n = H5Tget_nmembers(type);
	if (n < 0 || n > 65535) return c5_fail(C5_EINPUT, "a table of %d columns", n);
	int err = c5_alloc(&o->columns, (size_t)n, sizeof *o->columns);
	for (int i = 0; err == C5_OK && i < n; i++) {
		c5_column *c = &o->columns[o->n_columns++];
		char *name = H5Tget_member_name(type, (unsigned)i);
		hid_t member = H5Tget_member_type(type, (unsigned)i);
		snprintf(c->name, sizeof c->name, "%s", name ? name : "?");
		c->offset = (uint32_t)H5Tget_member_offset(type, (unsigned)i);
		size_t size = member >= 0 ? H5Tget_size(member) : 0;
		if (member >= 0 && H5Tget_class(member) == H5T_STRING)
			c->text = H5Tis_variable_str(member) > 0 ? 0 : size < UINT16_MAX ? (uint16_t)size : UINT16_MAX;
		else if (member >= 0) c->dtype = (uint16_t)plain_dtype(member);
		H5free_memory(name);
		if (member >= 0) H5Tclose(member);
	}
	return err;
}

static bool is_scale(hid_t d)
{
	char class[32] = "";
	if (H5Aexists(d, "CLASS") <= 0) return false;
	hid_t a = H5Aopen(d, "CLASS", H5P_DEFAULT), type = a >= 0 ? H5Aget_type(a) : H5I_INVALID_HID;
	if (type >= 0 && H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) <= 0 && H5Tget_size(type) < sizeof class) H5Aread(a, type, class);
	if (type >= 0) H5Tclose(type);
	if (a >= 0) H5Aclose(a);
	return strcmp(class, "DIMENSION_SCALE") == 0;
}

static int look_dataset(c5_object *o, c5_file *f, const char *path, hid_t d)
{
	hid_t type = H5Dget_type(d), space = H5Dget_space(d);
	int err = C5_OK;
	hsize_t dims[C5_LOOK_RANK];
	o->kind = C5_KIND_OTHER;
	if (type < 0 || space < 0) { err = c5_h5_fail(C5_EINPUT, "%s:%s: cannot be read", f->path, path); goto done; }
	o->rank = H5Sget_simple_extent_ndims(space);
	if (o->rank < 0 || H5Sget_simple_extent_dims(space, dims, NULL) < 0) { err = c5_h5_fail(C5_EINPUT, "%s:%s: shape", f->path, path); goto done; }
	o->raw = o->element = H5Tget_size(type);
	for (int i = 0; i < o->rank; i++) {
		o->dims[i] = dims[i];
		if (__builtin_mul_overflow(o->raw, o->dims[i], &o->raw)) { err = c5_fail(C5_EINPUT, "%s:%s: of impossible size", f->path, path); goto done; }
	}
	o->stored = H5Dget_storage_size(d);
	H5T_class_t class = H5Tget_class(type);
	o->dtype = plain_dtype(type);
	snprintf(o->type, sizeof o->type, "HDF5 class %d", (int)class);
	if (class == H5T_COMPOUND && o->rank == 1) {
		o->kind = C5_KIND_TABLE;
		snprintf(o->type, sizeof o->type, "table");
		err = look_columns(o, type);
	} else if (class == H5T_STRING && o->rank == 0 && H5Sget_simple_extent_type(space) == H5S_SCALAR) {
		o->kind = C5_KIND_TEXT;
		snprintf(o->type, sizeof o->type, "text");
	} else if (o->dtype) {
		o->kind = o->rank == 1 && is_scale(d) ? C5_KIND_SCALE : o->rank ? C5_KIND_ARRAY : C5_KIND_OTHER;
		snprintf(o->type, sizeof o->type, "%s", c5_dtype_name(o->dtype));
	} else if (class == H5T_STRING) snprintf(o->type, sizeof o->type, "texts");
	if (err == C5_OK && (o->kind == C5_KIND_ARRAY || o->kind == C5_KIND_TABLE)) {
		c5_array *a;
		if (c5_array_open(&a, f, path) == C5_OK) {
			o->native = true;
			o->chunks = c5_spec_chunks(c5_array_spec_of(a));
			c5_array_close(a);
		}
	}
done:
	if (space >= 0) H5Sclose(space);
	if (type >= 0) H5Tclose(type);
	return err;
}

/* Whether every group on the way to `path` is there: HDF5's calls complain about missing parents otherwise. */
static bool parent_exists(c5_file *f, const char *path)
{
	const char *slash = strrchr(path, '/');
	if (!slash || slash == path) return slash != NULL;
	char *parent = c5_format("%.*s", (int)(slash - path), path);
	bool there = parent && c5_exists(f, parent);
	free(parent);
	return there;
}

int c5_object_look(c5_object *o, c5_file *f, const char *path)
{
	H5L_info_t link;
	memset(o, 0, sizeof *o);
	snprintf(o->type, sizeof o->type, "group");
	if (strcmp(path, "/") == 0) {
		o->kind = C5_KIND_GROUP;
		return C5_OK;
	}
	if (!parent_exists(f, path) || H5Lexists(f->id, path, H5P_DEFAULT) <= 0) return c5_fail(C5_ENOTFOUND, "%s:%s: not there", f->path, path);
	if (H5Lget_info(f->id, path, &link, H5P_DEFAULT) < 0) return c5_h5_fail(C5_EINPUT, "%s:%s: cannot be looked at", f->path, path);
	if (link.type == H5L_TYPE_SOFT) {
		o->kind = C5_KIND_LINK;
		snprintf(o->type, sizeof o->type, "link");
		return c5_link_get(f, path, &o->target);
	}
	o->kind = C5_KIND_OTHER;
	snprintf(o->type, sizeof o->type, "link to another file");
	if (link.type != H5L_TYPE_HARD) return C5_OK;
#if H5_VERSION_GE(1, 12, 0)
	memcpy(&o->address, &link.u.token, sizeof o->address);
#else
	o->address = link.u.address;
#endif
	hid_t id = H5Oopen(f->id, path, H5P_DEFAULT);
	if (id < 0) return c5_h5_fail(C5_EINPUT, "%s:%s: cannot be opened", f->path, path);
	int err = C5_OK;
	switch (H5Iget_type(id)) {
	case H5I_GROUP:
		o->kind = C5_KIND_GROUP;
		snprintf(o->type, sizeof o->type, "group");
		break;
	case H5I_DATASET: err = look_dataset(o, f, path, id); break;
	default: snprintf(o->type, sizeof o->type, "named type");
	}
	H5Oclose(id);
	if (err < 0) c5_object_free(o);
	return err;
}

/* ---- attributes ---- */

/* One string of an attribute's bytes, up to its padding. */
static void add_string(c5_buf *b, const char *p, size_t width, H5T_str_t pad)
{
	size_t n = strnlen(p, width);
	while (pad == H5T_STR_SPACEPAD && n && p[n - 1] == ' ') n--;
	c5_buf_put(b, p, n);
}

static int read_strings(c5_buf *b, hid_t a, hid_t type, hid_t space, hssize_t n)
{
	bool variable = H5Tis_variable_str(type) > 0;
	size_t width = variable ? sizeof(char *) : H5Tget_size(type);
	char *values;
	hid_t memory = H5Tcopy(type);
	int err = c5_alloc(&values, (size_t)n, width);
	if (err == C5_OK && H5Aread(a, memory, values) < 0) err = c5_h5_fail(C5_EINPUT, "cannot be read");
	else if (err == C5_OK) {
		for (hssize_t i = 0; i < n; i++) {
			char *p = values + (size_t)i * width;
			if (i) c5_text_add(b, ", ");
			if (variable) memcpy(&p, p, sizeof p);
			if (p) add_string(b, p, variable ? strlen(p) : width, variable ? H5T_STR_NULLTERM : H5Tget_strpad(type));
		}
		if (variable) H5Dvlen_reclaim(memory, space, H5P_DEFAULT, values);
	}
	free(values);
	H5Tclose(memory);
	return err;
}

static int read_numbers(c5_buf *b, hid_t a, hid_t type, hssize_t n)
{
	bool whole = H5Tget_class(type) == H5T_INTEGER, is_signed = whole && H5Tget_sign(type) != H5T_SGN_NONE;
	union { double *real; int64_t *whole; uint64_t *natural; void *any; } v;
	char text[C5_REAL_TEXT];
	int err = c5_alloc(&v.any, (size_t)n, 8);
	if (err < 0) return err;
	if (H5Aread(a, !whole ? H5T_NATIVE_DOUBLE : is_signed ? H5T_NATIVE_INT64 : H5T_NATIVE_UINT64, v.any) < 0)
		err = c5_h5_fail(C5_EINPUT, "cannot be read");
	for (hssize_t i = 0; err == C5_OK && i < n; i++) {
		if (i) c5_text_add(b, ", ");
		if (!whole) c5_text_add(b, c5_text_real(text, v.real[i]));
		else if (is_signed) c5_text_addf(b, "%lld", (long long)v.whole[i]);
		else c5_text_addf(b, "%llu", (unsigned long long)v.natural[i]);
	}
	free(v.any);
	return err;
}

int c5_attr_look(c5_file *f, const char *path, const char *name, const char **kind, char **value)
{
	c5_buf b = { 0 };
	int err = C5_OK;
	*kind = "other";
	*value = NULL;
	if (H5Aexists_by_name(f->id, path, name, H5P_DEFAULT) <= 0) return c5_fail(C5_ENOTFOUND, "%s:%s: attribute %s is not there", f->path, path, name);
	hid_t a = H5Aopen_by_name(f->id, path, name, H5P_DEFAULT, H5P_DEFAULT);
	if (a < 0) return c5_h5_fail(C5_EINPUT, "%s:%s: attribute %s", f->path, path, name);
	hid_t type = H5Aget_type(a), space = H5Aget_space(a);
	hssize_t n = space < 0 ? -1 : H5Sget_simple_extent_npoints(space);
	if (type < 0 || n < 0 || n > 1 << 24) { err = c5_h5_fail(C5_EINPUT, "%s:%s: attribute %s", f->path, path, name); goto done; }
	bool list = H5Sget_simple_extent_type(space) != H5S_SCALAR;
	H5T_class_t class = H5Tget_class(type);
	if (class == H5T_STRING) *kind = list ? "texts" : "text", err = read_strings(&b, a, type, space, n);
	else if (class == H5T_INTEGER || (class == H5T_FLOAT && H5Tget_size(type) <= 8))
		*kind = class == H5T_FLOAT ? (list ? "real[]" : "real") : list ? "whole[]" : "whole", err = read_numbers(&b, a, type, n);
	else c5_text_addf(&b, "(HDF5 class %d, %lld values)", (int)class, (long long)n);
	if (err < 0) err = c5_fail_in(err, "%s:%s: attribute %s", f->path, path, name);
done:
	if (type >= 0) H5Tclose(type);
	if (space >= 0) H5Sclose(space);
	H5Aclose(a);
	if (err < 0) {
		c5_buf_free(&b);
		return err;
	}
	return (*value = c5_text_take(&b)) ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
}
