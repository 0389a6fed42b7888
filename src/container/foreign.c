/* foreign.c – see foreign.h. */
#include "container/foreign.h"

#include <errno.h>
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/disk.h"
#include "base/error.h"
#include "base/mem.h"
#include "container/driver.h"
#include "container/file.h"

#define TEXTS_MAX (1 << 20)
#define NUMBERS_MAX (UINT64_C(1) << 34)

struct c5_foreign {
	char *path, *part; /* part: being written */
	hid_t id;
};

/* ---- opening ---- */

static int new_foreign(c5_foreign **out, const char *path)
{
	c5_foreign *f = NULL;
	*out = NULL;
	int err = c5_alloc(&f, 1, sizeof *f);
	if (err < 0) return err;
	f->id = H5I_INVALID_HID;
	if (!(f->path = c5_strdup(path))) {
		free(f);
		return c5_fail(C5_ENOMEM, "out of memory");
	}
	c5_h5_quiet();
	*out = f;
	return C5_OK;
}

int c5_foreign_open(c5_foreign **out, const char *path)
{
	*out = NULL;
	if (access(path, R_OK) != 0) return c5_fail(errno == ENOENT ? C5_ENOTFOUND : C5_EIO, "%s: %s", path, strerror(errno));
	struct stat s;
	if (stat(path, &s) == 0 && !S_ISREG(s.st_mode)) return c5_fail(C5_EINPUT, "%s: not a file, an HDF5 file was expected", path);
	int err = new_foreign(out, path);
	if (err < 0) return err;
	hid_t list = H5Pcreate(H5P_FILE_ACCESS);
	H5Pset_file_locking(list, false, true); /* we only look; NFS and read-only folders have no locks */
	(*out)->id = H5Fopen(path, H5F_ACC_RDONLY, list);
	H5Pclose(list);
	if ((*out)->id >= 0) return C5_OK;
	err = H5Fis_hdf5(path) > 0 ? c5_h5_fail(C5_EINPUT, "%s: is damaged or cut short", path) : c5_fail(C5_EINPUT, "%s: no HDF5 file", path);
	c5_foreign_close(*out);
	*out = NULL;
	return err;
}

int c5_foreign_open_image(c5_foreign **out, const char *path, void *bytes, size_t size)
{
	int err = new_foreign(out, path);
	if (err < 0) return err;
	hid_t list = H5Pcreate(H5P_FILE_ACCESS);
	H5Pset_fapl_core(list, 1 << 16, false);
	H5Pset_file_image(list, bytes, size);
	char *name = c5_format("%s/in/memory", path); /* HDF5 refuses names of files that are there */
	if (name) (*out)->id = H5Fopen(name, H5F_ACC_RDONLY, list);
	free(name);
	H5Pclose(list);
	if ((*out)->id >= 0) return C5_OK;
	err = c5_h5_fail(C5_EINPUT, "%s: what is in it is no HDF5 file, or damaged", path);
	c5_foreign_close(*out);
	*out = NULL;
	return err;
}

static bool is_container(const char *path)
{
	c5_foreign *f = NULL;
	char *format = NULL;
	bool is = c5_disk_is_hdf5(path) && c5_foreign_open(&f, path) == C5_OK && c5_foreign_text(f, "/", "format", &format) == C5_OK && format &&
		strcmp(format, "cyto5") == 0;
	free(format);
	c5_foreign_close(f);
	return is;
}

int c5_foreign_create(c5_foreign **out, const char *path, bool force)
{
	*out = NULL;
	if (is_container(path)) return c5_fail(C5_EUSAGE, "%s: is a container, which nothing is written over; name another file", path);
	if (!force && access(path, F_OK) == 0) return c5_fail(C5_EUSAGE, "%s: is there already; --force writes over it", path);
	int err = new_foreign(out, path);
	if (err < 0) return err;
	c5_foreign *f = *out;
	if (!(f->part = c5_format("%s.part", path))) err = c5_fail(C5_ENOMEM, "out of memory");
	else if ((f->id = H5Fcreate(f->part, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT)) < 0) err = c5_h5_fail(C5_EIO, "%s: cannot be made", f->part);
	if (err < 0) {
		c5_foreign_close(f);
		*out = NULL;
	}
	return err;
}

int c5_foreign_finish(c5_foreign *f)
{
	int err = C5_OK;
	herr_t closed = H5Fclose(f->id);
	f->id = H5I_INVALID_HID;
	if (closed < 0) err = c5_h5_fail(C5_EIO, "%s: cannot be written", f->path);
	else if ((err = c5_disk_name(f->part, f->path)) == C5_OK) {
		free(f->part);
		f->part = NULL;
	}
	c5_foreign_close(f);
	return err;
}

void c5_foreign_close(c5_foreign *f)
{
	if (!f) return;
	if (f->id >= 0) H5Fclose(f->id);
	if (f->part) unlink(f->part);
	free(f->part);
	free(f->path);
	free(f);
}

/* ---- names ---- */

bool c5_foreign_exists(c5_foreign *f, const char *path)
{
	char *p = c5_strdup(path);
	bool there = p != NULL;
	if (strcmp(path, "/") == 0) there = true;
	else
		for (char *s = p; there && s;) { /* every step must exist: H5Lexists fails on a missing parent */
			s = strchr(s + 1, '/');
			if (s) *s = '\0';
			there = H5Lexists(f->id, p, H5P_DEFAULT) > 0 && H5Oexists_by_name(f->id, p, H5P_DEFAULT) > 0;
			if (s) *s = '/';
		}
	free(p);
	return there;
}

typedef struct name_list { char **names; size_t n, cap; int err; } name_list;

static herr_t add_name(hid_t group, const char *name, const H5L_info_t *info, void *to)
{
	name_list *l = to;
	(void)group, (void)info;
	if (l->n >= TEXTS_MAX || (l->err = c5_grow(&l->names, &l->cap, l->n + 1, sizeof *l->names)) < 0) return -1;
	if (!(l->names[l->n] = c5_strdup(name))) return -1;
	l->n++;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const char *x = *(char *const *)a, *y = *(char *const *)b;
	int c = c5_natural_cmp(x, y);
	return c ? c : strcmp(x, y);
}

int c5_foreign_list(c5_foreign *f, const char *path, char ***names, size_t *n)
{
	name_list l = { 0 };
	*names = NULL;
	*n = 0;
	if (!c5_foreign_exists(f, path)) return c5_fail(C5_ENOTFOUND, "%s:%s: not there", f->path, path);
	if (H5Literate_by_name(f->id, path, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, add_name, &l, H5P_DEFAULT) < 0) {
		c5_names_free(l.names, l.n);
		return c5_h5_fail(C5_EINPUT, "%s:%s: cannot be listed", f->path, path);
	}
	if (l.n) qsort(l.names, l.n, sizeof *l.names, by_name);
	*names = l.names;
	*n = l.n;
	return C5_OK;
}

/* ---- attributes in ---- */

/* An attribute opened with its type and count of values. */
typedef struct attribute { hid_t id, type, space; size_t n; } attribute;

static void close_attribute(attribute *a)
{
	if (a->type >= 0) H5Tclose(a->type);
	if (a->space >= 0) H5Sclose(a->space);
	if (a->id >= 0) H5Aclose(a->id);
}

static int open_attribute(attribute *a, c5_foreign *f, const char *path, const char *name)
{
	*a = (attribute){ H5I_INVALID_HID, H5I_INVALID_HID, H5I_INVALID_HID, 0 };
	if (!c5_foreign_exists(f, path) || H5Aexists_by_name(f->id, path, name, H5P_DEFAULT) <= 0)
		return c5_fail(C5_ENOTFOUND, "%s:%s: attribute %s is not there", f->path, path, name);
	a->id = H5Aopen_by_name(f->id, path, name, H5P_DEFAULT, H5P_DEFAULT);
	if (a->id >= 0) a->type = H5Aget_type(a->id), a->space = H5Aget_space(a->id);
	hssize_t n = a->space < 0 ? -1 : H5Sget_simple_extent_npoints(a->space);
	if (a->type < 0 || n < 0 || n > TEXTS_MAX) {
		int err = c5_h5_fail(C5_EINPUT, "%s:%s: attribute %s cannot be read", f->path, path, name);
		close_attribute(a);
		return err;
	}
	a->n = (size_t)n;
	return C5_OK;
}

static int read_variable(const attribute *a, char **texts)
{
	char **found = NULL;
	int err = c5_alloc(&found, a->n, sizeof *found);
	if (err < 0) return err;
	hid_t memory = H5Tcopy(H5T_C_S1);
	H5Tset_size(memory, H5T_VARIABLE);
	H5Tset_cset(memory, H5Tget_cset(a->type));
	if (H5Aread(a->id, memory, found) < 0) err = c5_fail(C5_EINPUT, "texts cannot be read");
	for (size_t i = 0; i < a->n; i++) {
		if (err == C5_OK && !(texts[i] = c5_strdup(found[i] ? found[i] : ""))) err = c5_fail(C5_ENOMEM, "out of memory");
		H5free_memory(found[i]);
	}
	H5Tclose(memory);
	free(found);
	return err;
}

static int read_fixed(const attribute *a, char **texts)
{
	size_t width = H5Tget_size(a->type), used;
	char *found = NULL;
	int err = c5_alloc(&found, a->n ? a->n : 1, width);
	if (err == C5_OK && H5Aread(a->id, a->type, found) < 0) err = c5_fail(C5_EINPUT, "texts cannot be read");
	for (size_t i = 0; err == C5_OK && i < a->n; i++) {
		used = strnlen(found + i * width, width);
		while (used && H5Tget_strpad(a->type) == H5T_STR_SPACEPAD && found[i * width + used - 1] == ' ') used--;
		if (!(texts[i] = strndup(found + i * width, used))) err = c5_fail(C5_ENOMEM, "out of memory");
	}
	free(found);
	return err;
}

int c5_foreign_texts(c5_foreign *f, const char *path, const char *name, char ***texts, size_t *n)
{
	attribute a;
	*texts = NULL;
	*n = 0;
	int err = open_attribute(&a, f, path, name);
	if (err < 0) return err;
	bool list_of_nothing = a.n == 0; /* h5py writes an empty list as an array of float64 of length 0 */
	if (!list_of_nothing && H5Tget_class(a.type) != H5T_STRING) err = c5_fail(C5_EINPUT, "no text");
	else if ((err = c5_alloc(texts, a.n, sizeof **texts)) == C5_OK && !list_of_nothing)
		err = H5Tis_variable_str(a.type) > 0 ? read_variable(&a, *texts) : read_fixed(&a, *texts);
	if (err < 0) {
		err = c5_fail_in(err, "%s:%s: attribute %s", f->path, path, name);
		c5_names_free(*texts, *texts ? a.n : 0);
		*texts = NULL;
	} else *n = a.n;
	close_attribute(&a);
	return err;
}

int c5_foreign_text(c5_foreign *f, const char *path, const char *name, char **text)
{
	char **texts;
	size_t n;
	*text = NULL;
	int err = c5_foreign_texts(f, path, name, &texts, &n);
	if (err < 0) return err;
	if (n != 1) err = c5_fail(C5_EINPUT, "%s:%s: attribute %s: one text is expected, found %zu", f->path, path, name, n);
	else {
		*text = texts[0];
		texts[0] = NULL;
	}
	c5_names_free(texts, n);
	return err;
}

int c5_foreign_ints(c5_foreign *f, const char *path, const char *name, int64_t **values, size_t *n)
{
	attribute a;
	*values = NULL;
	*n = 0;
	int err = open_attribute(&a, f, path, name);
	if (err < 0) return err;
	H5T_class_t class = H5Tget_class(a.type);
	if (class != H5T_INTEGER && class != H5T_FLOAT) err = c5_fail(C5_EINPUT, "%s:%s: attribute %s: no numbers", f->path, path, name);
	else if ((err = c5_alloc(values, a.n, sizeof **values)) == C5_OK && a.n && H5Aread(a.id, H5T_NATIVE_INT64, *values) < 0)
		err = c5_h5_fail(C5_EINPUT, "%s:%s: attribute %s cannot be read", f->path, path, name);
	if (err < 0) {
		free(*values);
		*values = NULL;
	} else *n = a.n;
	close_attribute(&a);
	return err;
}

/* ---- arrays in ---- */

/* Opaque values of two bytes that say they are bfloat16: the upper half of a float32. */
static int read_bfloat16(c5_foreign *f, const char *path, hid_t d, hid_t type, c5_foreign_array *a)
{
	char *said = NULL;
	uint16_t *halves = NULL;
	int err = c5_foreign_text(f, path, "dtype", &said);
	if (err < 0 || strcmp(said, "bfloat16") != 0 || H5Tget_size(type) != 2) err = c5_fail(C5_EINPUT, "%s:%s: no numbers", f->path, path);
	else if ((err = c5_alloc(&halves, a->count, 2)) == C5_OK && H5Dread(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, halves) < 0)
		err = c5_h5_fail(C5_EINPUT, "%s:%s: cannot be read", f->path, path);
	for (uint64_t i = 0; err == C5_OK && i < a->count; i++) {
		uint32_t bits = (uint32_t)halves[i] << 16;
		memcpy(&a->data[i], &bits, sizeof bits);
	}
	free(halves);
	free(said);
	return err;
}

/* What the file stores for it must at least be some of what it claims: no memory for claims of damaged files. */
static int check_claim(c5_foreign *f, const char *path, hid_t d, hid_t type, const c5_foreign_array *a)
{
	uint64_t claimed = a->count * H5Tget_size(type), stored = H5Dget_storage_size(d);
	if (a->count > NUMBERS_MAX || claimed / 1100 > stored + 64)
		return c5_fail(C5_EINPUT, "%s:%s: claims %llu numbers, %llu bytes are stored", f->path, path, (unsigned long long)a->count,
		               (unsigned long long)stored);
	return C5_OK;
}

int c5_foreign_read(c5_foreign *f, const char *path, c5_foreign_array *a)
{
	hsize_t dims[H5S_MAX_RANK];
	memset(a, 0, sizeof *a);
	if (!c5_foreign_exists(f, path)) return c5_fail(C5_ENOTFOUND, "%s:%s: not there", f->path, path);
	hid_t d = H5Dopen2(f->id, path, H5P_DEFAULT);
	if (d < 0) return c5_h5_fail(C5_EINPUT, "%s:%s: no dataset", f->path, path);
	hid_t type = H5Dget_type(d), space = H5Dget_space(d);
	int err = C5_OK, rank = type < 0 || space < 0 ? -1 : H5Sget_simple_extent_ndims(space);
	if (rank < 0) err = c5_h5_fail(C5_EINPUT, "%s:%s: cannot be read", f->path, path);
	else if (rank > C5_FOREIGN_RANK) err = c5_fail(C5_EINPUT, "%s:%s: %d dimensions, at most %d are read", f->path, path, rank, C5_FOREIGN_RANK);
	if (err < 0) goto done;
	H5Sget_simple_extent_dims(space, dims, NULL);
	a->rank = rank;
	a->count = 1;
	for (int i = 0; i < rank; i++) {
		a->dims[i] = dims[i];
		if (__builtin_mul_overflow(a->count, dims[i], &a->count)) a->count = UINT64_MAX >> 8;
	}
	if ((err = check_claim(f, path, d, type, a)) < 0 || (err = c5_alloc(&a->data, a->count, sizeof *a->data)) < 0) goto done;
	H5T_class_t class = H5Tget_class(type);
	if (class == H5T_OPAQUE) err = read_bfloat16(f, path, d, type, a);
	else if (class != H5T_INTEGER && class != H5T_FLOAT) err = c5_fail(C5_EINPUT, "%s:%s: no numbers", f->path, path);
	else if (a->count && H5Dread(d, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, a->data) < 0)
		err = c5_h5_fail(C5_EINPUT, "%s:%s: cannot be read; is the file cut short?", f->path, path);
done:
	if (space >= 0) H5Sclose(space);
	if (type >= 0) H5Tclose(type);
	H5Dclose(d);
	if (err < 0) {
		free(a->data);
		a->data = NULL;
	}
	return err;
}

/* ---- out ---- */

int c5_foreign_make_group(c5_foreign *f, const char *path)
{
	if (strcmp(path, "/") == 0 || c5_foreign_exists(f, path)) return C5_OK;
	hid_t list = H5Pcreate(H5P_LINK_CREATE);
	H5Pset_create_intermediate_group(list, 1);
	hid_t g = H5Gcreate2(f->id, path, list, H5P_DEFAULT, H5P_DEFAULT);
	H5Pclose(list);
	if (g < 0) return c5_h5_fail(C5_EIO, "%s:%s: cannot be made", f->path, path);
	H5Gclose(g);
	return C5_OK;
}

static int put(c5_foreign *f, const char *path, const char *name, hid_t type, hid_t space, const void *value)
{
	hid_t a = H5Acreate_by_name(f->id, path, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
	int err = a < 0 || H5Awrite(a, type, value) < 0 ? c5_h5_fail(C5_EIO, "%s:%s: attribute %s cannot be written", f->path, path, name) : C5_OK;
	if (a >= 0) H5Aclose(a);
	return err;
}

static hid_t text_type(size_t size)
{
	hid_t type = H5Tcopy(H5T_C_S1);
	H5Tset_size(type, size);
	H5Tset_cset(type, H5T_CSET_UTF8);
	if (size != H5T_VARIABLE) H5Tset_strpad(type, H5T_STR_NULLPAD);
	return type;
}

int c5_foreign_put_text(c5_foreign *f, const char *path, const char *name, const char *text)
{
	hid_t type = text_type(H5T_VARIABLE), space = H5Screate(H5S_SCALAR);
	int err = put(f, path, name, type, space, &text);
	H5Sclose(space);
	H5Tclose(type);
	return err;
}

int c5_foreign_put_texts(c5_foreign *f, const char *path, const char *name, size_t n, const char *const *texts)
{
	size_t width = 1;
	char *flat = NULL;
	hsize_t dim = n;
	for (size_t i = 0; i < n; i++)
		if (strlen(texts[i]) > width) width = strlen(texts[i]);
	int err = c5_alloc(&flat, n, width);
	if (err < 0) return err;
	for (size_t i = 0; i < n; i++) memcpy(flat + i * width, texts[i], strlen(texts[i]));
	hid_t type = text_type(width), space = H5Screate_simple(1, &dim, NULL);
	err = put(f, path, name, type, space, flat);
	H5Sclose(space);
	H5Tclose(type);
	free(flat);
	return err;
}

int c5_foreign_write(c5_foreign *f, const char *path, const c5_foreign_array *a)
{
	hsize_t dims[C5_FOREIGN_RANK];
	for (int i = 0; i < a->rank; i++) dims[i] = a->dims[i];
	hid_t space = a->rank ? H5Screate_simple(a->rank, dims, NULL) : H5Screate(H5S_SCALAR), list = H5Pcreate(H5P_LINK_CREATE);
	H5Pset_create_intermediate_group(list, 1);
	hid_t d = H5Dcreate2(f->id, path, H5T_IEEE_F32LE, space, list, H5P_DEFAULT, H5P_DEFAULT);
	int err = d < 0 || H5Dwrite(d, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, a->data) < 0
	        ? c5_h5_fail(C5_EIO, "%s:%s: cannot be written", f->path, path) : C5_OK;
	if (d >= 0) H5Dclose(d);
	H5Pclose(list);
	H5Sclose(space);
	return err;
}
