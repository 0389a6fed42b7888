/* group.c – groups, links and listings of a container; see file.h. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "container/h5.h"

bool c5_exists(c5_file *f, const char *path)
{
	if (strcmp(path, "/") == 0) return true;
	char *p = c5_strdup(path);
	bool there = p != NULL;
	for (char *s = p; there && s;) { /* every step must exist: H5Lexists fails on a missing parent */
		s = strchr(s + 1, '/');
		if (s) *s = '\0';
		there = H5Lexists(f->id, p, H5P_DEFAULT) > 0;
		if (s) *s = '/';
	}
	if (there) there = H5Oexists_by_name(f->id, p, H5P_DEFAULT) > 0; /* a link may point nowhere */
	free(p);
	return there;
}

/* Whether what is at `path` is a group, or a link that leads to one. */
static bool is_group(c5_file *f, const char *path)
{
	hid_t o = H5Oopen(f->id, path, H5P_DEFAULT);
	bool group = o >= 0 && H5Iget_type(o) == H5I_GROUP;
	if (o >= 0) H5Oclose(o);
	return group;
}

int c5_group_make(c5_file *f, const char *path)
{
	char *p = c5_strdup(path);
	if (!p) return c5_fail(C5_ENOMEM, "out of memory");
	hid_t list = c5_h5_group_list();
	int err = C5_OK;
	for (char *s = p; err == C5_OK && s;) {
		s = strchr(s + 1, '/');
		if (s) *s = '\0';
		if (H5Lexists(f->id, p, H5P_DEFAULT) <= 0) {
			hid_t g = H5Gcreate2(f->id, p, H5P_DEFAULT, list, H5P_DEFAULT);
			if (g < 0) err = c5_h5_fail(C5_EIO, "%s:%s: cannot be made", f->path, p);
			else H5Gclose(g);
		} else if (!is_group(f, p)) err = c5_fail(C5_ESCHEMA, "%s:%s: is no group, or leads nowhere; `cyto5 check` tells what is wrong", f->path, p);
		if (s) *s = '/';
	}
	H5Pclose(list);
	free(p);
	return err;
}

int c5_natural_cmp(const char *a, const char *b)
{
	while (*a && *b) {
		if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
			const char *x = a, *y = b;
			while (*x == '0') x++;
			while (*y == '0') y++;
			size_t n = strspn(x, "0123456789"), m = strspn(y, "0123456789");
			if (n != m) return n < m ? -1 : 1;
			int c = strncmp(x, y, n);
			if (c) return c;
			a = x + n, b = y + m;
		} else if (*a != *b) return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
		else a++, b++;
	}
	return *a ? 1 : *b ? -1 : 0;
}

static int by_name(const void *a, const void *b)
{
	const char *x = *(char *const *)a, *y = *(char *const *)b;
	int c = c5_natural_cmp(x, y);
	return c ? c : strcmp(x, y);
}

typedef struct name_list { char **names; size_t n, cap; int err; } name_list;

static int add_name(name_list *l, const char *name)
{
	if ((l->err = c5_grow(&l->names, &l->cap, l->n + 1, sizeof *l->names)) < 0) return -1;
	if (!(l->names[l->n] = c5_strdup(name))) {
		l->err = c5_fail(C5_ENOMEM, "out of memory");
		return -1;
	}
	l->n++;
	return 0;
}

static herr_t add_link(hid_t group, const char *name, const H5L_info_t *info, void *to)
{
	(void)group, (void)info;
	return add_name(to, name);
}

int c5_list(c5_file *f, const char *path, char ***names, size_t *n)
{
	name_list l = { 0 };
	*names = NULL, *n = 0;
	if (!c5_exists(f, path)) return c5_fail(C5_ENOTFOUND, "%s:%s: not there", f->path, path);
	if (H5Literate_by_name(f->id, path, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, add_link, &l, H5P_DEFAULT) < 0) {
		c5_names_free(l.names, l.n);
		return l.err < 0 ? l.err : c5_h5_fail(C5_EINPUT, "%s:%s: cannot be listed", f->path, path);
	}
	if (l.n) qsort(l.names, l.n, sizeof *l.names, by_name);
	*names = l.names, *n = l.n;
	return C5_OK;
}

void c5_names_free(char **names, size_t n)
{
	for (size_t i = 0; i < n; i++) free(names[i]);
	free(names);
}

int c5_link_set(c5_file *f, const char *path, const char *target)
{
	if (H5Lexists(f->id, path, H5P_DEFAULT) > 0 && H5Ldelete(f->id, path, H5P_DEFAULT) < 0)
		return c5_h5_fail(C5_EIO, "%s:%s: cannot be replaced", f->path, path);
	if (H5Lcreate_soft(target, f->id, path, H5P_DEFAULT, H5P_DEFAULT) < 0) return c5_h5_fail(C5_EIO, "%s:%s: cannot be made", f->path, path);
	return C5_OK;
}

int c5_link_get(c5_file *f, const char *path, char **target)
{
	H5L_info_t info;
	*target = NULL;
	if (H5Lexists(f->id, path, H5P_DEFAULT) <= 0 || H5Lget_info(f->id, path, &info, H5P_DEFAULT) < 0 || info.type != H5L_TYPE_SOFT)
		return c5_fail(C5_ENOTFOUND, "%s:%s: no soft link", f->path, path);
	int err = c5_alloc(target, info.u.val_size + 1, 1);
	if (err < 0) return err;
	if (H5Lget_val(f->id, path, *target, info.u.val_size + 1, H5P_DEFAULT) < 0) {
		free(*target);
		*target = NULL;
		return c5_h5_fail(C5_EINPUT, "%s:%s: cannot be read", f->path, path);
	}
	return C5_OK;
}

int c5_unlink(c5_file *f, const char *path)
{
	return H5Ldelete(f->id, path, H5P_DEFAULT) < 0 ? c5_h5_fail(C5_EIO, "%s:%s: cannot be removed", f->path, path) : C5_OK;
}

static herr_t add_attr(hid_t object, const char *name, const H5A_info_t *info, void *to)
{
	(void)object, (void)info;
	return add_name(to, name);
}

int c5_attr_list(c5_file *f, const char *path, char ***names, size_t *n)
{
	name_list l = { 0 };
	*names = NULL, *n = 0;
	if (H5Aiterate_by_name(f->id, path, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, add_attr, &l, H5P_DEFAULT) < 0) {
		c5_names_free(l.names, l.n);
		return l.err < 0 ? l.err : c5_h5_fail(C5_EINPUT, "%s:%s: attributes cannot be listed", f->path, path);
	}
	if (l.n) qsort(l.names, l.n, sizeof *l.names, by_name);
	*names = l.names, *n = l.n;
	return C5_OK;
}
