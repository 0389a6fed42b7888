/* attr.c – attributes and texts of a container; see file.h.
 * Texts are stored at fixed length: variable-length strings would go to HDF5's global heap, 4 KiB a piece. Both kinds are read. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "container/h5.h"

static hid_t text_type(size_t n)
{
	hid_t t = H5Tcopy(H5T_C_S1);
	H5Tset_size(t, n ? n : 1);
	H5Tset_cset(t, H5T_CSET_UTF8);
	H5Tset_strpad(t, H5T_STR_NULLPAD);
	return t;
}

static int set(c5_file *f, const char *path, const char *name, hid_t type, hid_t memory, hid_t space, const void *value)
{
	int err = C5_OK;
	if (H5Aexists_by_name(f->id, path, name, H5P_DEFAULT) > 0) H5Adelete_by_name(f->id, path, name, H5P_DEFAULT);
	hid_t a = H5Acreate_by_name(f->id, path, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
	if (a < 0 || H5Awrite(a, memory, value) < 0) err = c5_h5_fail(C5_EIO, "%s:%s: attribute %s cannot be written", f->path, path, name);
	if (a >= 0) H5Aclose(a);
	return err;
}

int c5_attr_set_strs(c5_file *f, const char *path, const char *name, size_t n, const char *const *values)
{
	size_t width = 1;
	for (size_t i = 0; i < n; i++)
		if (strlen(values[i]) > width) width = strlen(values[i]);
	char *flat;
	int err = c5_alloc(&flat, n, width);
	if (err < 0) return err;
	for (size_t i = 0; i < n; i++) memcpy(flat + i * width, values[i], strlen(values[i]));
	hsize_t dim = n;
	hid_t type = text_type(width), space = H5Screate_simple(1, &dim, NULL);
	err = set(f, path, name, type, type, space, flat);
	H5Sclose(space);
	H5Tclose(type);
	free(flat);
	return err;
}

int c5_attr_set_str(c5_file *f, const char *path, const char *name, const char *value)
{
	hid_t type = text_type(strlen(value)), space = H5Screate(H5S_SCALAR);
	int err = set(f, path, name, type, type, space, value[0] ? value : "\0");
	H5Sclose(space);
	H5Tclose(type);
	return err;
}

int c5_attr_set_f64(c5_file *f, const char *path, const char *name, double value)
{
	hid_t space = H5Screate(H5S_SCALAR);
	int err = set(f, path, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, space, &value);
	H5Sclose(space);
	return err;
}

int c5_attr_set_i64(c5_file *f, const char *path, const char *name, int64_t value)
{
	hid_t space = H5Screate(H5S_SCALAR);
	int err = set(f, path, name, H5T_STD_I64LE, H5T_NATIVE_INT64, space, &value);
	H5Sclose(space);
	return err;
}

static int get(c5_file *f, const char *path, const char *name, hid_t *a)
{
	if (!c5_exists(f, path) || H5Aexists_by_name(f->id, path, name, H5P_DEFAULT) <= 0)
		return c5_fail(C5_ENOTFOUND, "%s:%s: attribute %s is not there", f->path, path, name);
	if ((*a = H5Aopen_by_name(f->id, path, name, H5P_DEFAULT, H5P_DEFAULT)) < 0)
		return c5_h5_fail(C5_EINPUT, "%s:%s: attribute %s", f->path, path, name);
	return C5_OK;
}

/* One string out of an attribute or dataset, fixed or variable length. `read` is H5Aread or H5Dread in disguise. */
typedef herr_t read_fn(hid_t id, hid_t type, void *to);
static herr_t read_attr(hid_t id, hid_t type, void *to) { return H5Aread(id, type, to); }
static herr_t read_dataset(hid_t id, hid_t type, void *to) { return H5Dread(id, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, to); }

static int take_text(hid_t id, hid_t type, hid_t space, read_fn *read, char **value)
{
	int err = C5_EINPUT;
	hid_t memory = H5I_INVALID_HID;
	if (H5Tget_class(type) != H5T_STRING || H5Sget_simple_extent_npoints(space) != 1) return c5_fail(C5_EINPUT, "not one text");
	if (H5Tis_variable_str(type) > 0) {
		char *p = NULL;
		memory = H5Tcopy(H5T_C_S1);
		H5Tset_size(memory, H5T_VARIABLE);
		H5Tset_cset(memory, H5Tget_cset(type));
		if (read(id, memory, &p) >= 0) {
			err = (*value = c5_strdup(p ? p : "")) ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
			H5free_memory(p);
		}
	} else {
		size_t n = H5Tget_size(type);
		memory = H5Tcopy(type);
		if ((err = c5_alloc(value, n + 1, 1)) == C5_OK && read(id, memory, *value) < 0) {
			err = C5_EINPUT;
			free(*value);
			*value = NULL;
		}
	}
	if (memory >= 0) H5Tclose(memory);
	return err == C5_EINPUT ? c5_fail(err, "text cannot be read") : err;
}

int c5_attr_get_str(c5_file *f, const char *path, const char *name, char **value)
{
	hid_t a;
	*value = NULL;
	int err = get(f, path, name, &a);
	if (err < 0) return err;
	hid_t type = H5Aget_type(a), space = H5Aget_space(a);
	if ((err = take_text(a, type, space, read_attr, value)) < 0) err = c5_fail_in(err, "%s:%s: attribute %s", f->path, path, name);
	H5Sclose(space);
	H5Tclose(type);
	H5Aclose(a);
	return err;
}

static int get_number(c5_file *f, const char *path, const char *name, hid_t memory, void *value)
{
	hid_t a;
	int err = get(f, path, name, &a);
	if (err < 0) return err;
	hid_t type = H5Aget_type(a), space = H5Aget_space(a);
	H5T_class_t class = H5Tget_class(type);
	if ((class != H5T_INTEGER && class != H5T_FLOAT) || H5Sget_simple_extent_npoints(space) != 1 || H5Aread(a, memory, value) < 0)
		err = c5_fail(C5_EINPUT, "%s:%s: attribute %s is no number", f->path, path, name);
	H5Sclose(space);
	H5Tclose(type);
	H5Aclose(a);
	return err;
}

int c5_attr_get_f64(c5_file *f, const char *path, const char *name, double *value) { return get_number(f, path, name, H5T_NATIVE_DOUBLE, value); }
int c5_attr_get_i64(c5_file *f, const char *path, const char *name, int64_t *value) { return get_number(f, path, name, H5T_NATIVE_INT64, value); }

int c5_text_set(c5_file *f, const char *path, const char *text)
{
	hid_t type = text_type(strlen(text)), space = H5Screate(H5S_SCALAR), list = c5_h5_dataset_list(), d;
	int err = C5_OK;
	if (H5Lexists(f->id, path, H5P_DEFAULT) > 0) H5Ldelete(f->id, path, H5P_DEFAULT);
	d = H5Dcreate2(f->id, path, type, space, H5P_DEFAULT, list, H5P_DEFAULT);
	if (d < 0 || H5Dwrite(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text[0] ? text : "\0") < 0)
		err = c5_h5_fail(C5_EIO, "%s:%s: cannot be written", f->path, path);
	if (d >= 0) H5Dclose(d);
	H5Pclose(list);
	H5Sclose(space);
	H5Tclose(type);
	return err;
}

int c5_text_get(c5_file *f, const char *path, char **text)
{
	*text = NULL;
	if (!c5_exists(f, path)) return c5_fail(C5_ENOTFOUND, "%s:%s: not there", f->path, path);
	hid_t d = H5Dopen2(f->id, path, H5P_DEFAULT);
	if (d < 0) return c5_h5_fail(C5_EINPUT, "%s:%s: no text", f->path, path);
	hid_t type = H5Dget_type(d), space = H5Dget_space(d);
	int err = take_text(d, type, space, read_dataset, text);
	if (err < 0) err = c5_fail_in(err, "%s:%s", f->path, path);
	H5Sclose(space);
	H5Tclose(type);
	H5Dclose(d);
	return err;
}
