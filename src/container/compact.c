/* compact.c – see compact.h. HDF5 copies each object with its attributes and its chunks as they are (H5Ocopy); what it cannot carry over,
 * the addresses by which arrays and their scales know each other, is made anew. */
#include "container/compact.h"

#include <errno.h>
#include <fcntl.h>
#include <hdf5_hl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "container/check.h"
#include "container/h5.h"
#include "container/object.h"
#include "container/run.h"

typedef struct revision { char *group, *path; uint32_t number; bool keep; uint64_t bytes; } revision; /* group: the product it is of */

typedef struct compaction {
	c5_file *from, *to;
	const c5_compact_settings *set;
	revision *revisions;
	size_t n, cap;
	uint64_t objects, copied; /* copied: packed bytes */
} compaction;

static void free_revisions(compaction *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->revisions[i].group);
		free(c->revisions[i].path);
	}
	free(c->revisions);
}

/* ---- which revisions stay ---- */

/* Packed bytes of a dataset, or of all below a group. */
static int measure(c5_file *f, const char *path, uint64_t *bytes, int depth)
{
	c5_object o;
	char **names = NULL;
	size_t n = 0;
	int err = c5_object_look(&o, f, path);
	if (err < 0) return err;
	*bytes += o.stored;
	if (o.kind == C5_KIND_GROUP && depth < 60 && (err = c5_list(f, path, &names, &n)) == C5_OK) {
		for (size_t i = 0; err == C5_OK && i < n; i++) {
			char *child = c5_format("%s/%s", path, names[i]);
			err = child ? measure(f, child, bytes, depth + 1) : c5_fail(C5_ENOMEM, "out of memory");
			free(child);
		}
		c5_names_free(names, n);
	}
	c5_object_free(&o);
	return err;
}

/* The state of a run: 'r'unning, 'c'omplete, 'f'ailed, '?' when there is no such run. */
static char run_state(c5_file *f, uint32_t number)
{
	char path[64], *state = NULL, first = '?';
	snprintf(path, sizeof path, "/runs/%s", c5_revision_name(number));
	if (c5_attr_get_str(f, path, "state", &state) == C5_OK && *state) first = *state;
	free(state);
	return first;
}

/* The revisions of one product: those a `latest` points at or whose run is unfinished stay; where there is no `latest`, all but those of failed
 * runs. */
static int add_product(compaction *c, const char *group)
{
	char *latest = c5_format("%s/latest", group), *target = NULL, **names = NULL;
	size_t n = 0;
	c5_object o;
	int err = latest ? c5_object_look(&o, c->from, group) : c5_fail(C5_ENOMEM, "out of memory");
	if (err < 0) goto done;
	int kind = o.kind;
	c5_object_free(&o);
	if (kind != C5_KIND_GROUP || (err = c5_list(c->from, group, &names, &n)) < 0) goto done;
	(void)c5_link_get(c->from, latest, &target); /* none yet is fine */
	for (size_t i = 0; i < n; i++) {
		uint32_t number = c5_revision_number(names[i]);
		if (!number) continue;
		if ((err = c5_grow(&c->revisions, &c->cap, c->n + 1, sizeof *c->revisions)) < 0) goto done;
		revision *r = &c->revisions[c->n++];
		*r = (revision){ c5_strdup(group), c5_format("%s/%s", group, names[i]), number, false, 0 };
		if (!r->group || !r->path) { err = c5_fail(C5_ENOMEM, "out of memory"); goto done; }
		char state = run_state(c->from, number);
		r->keep = state == 'r' || (target ? strcmp(target, names[i]) == 0 : state != 'f');
	}
done:
	c5_names_free(names, n);
	free(target);
	free(latest);
	return err;
}

static int add_products(compaction *c, const char *room, bool experiments)
{
	char **names, **products = NULL;
	size_t n, m = 0;
	int err = c5_list(c->from, room, &names, &n);
	for (size_t i = 0; err == C5_OK && i < n; i++) {
		char *group = c5_format("%s/%s", room, names[i]);
		c5_object o;
		if (!group) err = c5_fail(C5_ENOMEM, "out of memory");
		else if (!experiments) err = add_product(c, group);
		else if ((err = c5_object_look(&o, c->from, group)) == C5_OK) {
			if (o.kind == C5_KIND_GROUP) err = c5_list(c->from, group, &products, &m);
			c5_object_free(&o);
			for (size_t k = 0; err == C5_OK && k < m; k++) {
				char *product = c5_format("%s/%s", group, products[k]);
				err = product ? add_product(c, product) : c5_fail(C5_ENOMEM, "out of memory");
				free(product);
			}
			c5_names_free(products, m);
			products = NULL, m = 0;
		}
		free(group);
	}
	if (err != C5_ENOTFOUND || n) c5_names_free(names, n);
	return err == C5_ENOTFOUND ? C5_OK : err;
}

static revision *find_revision(compaction *c, const char *path)
{
	for (size_t i = 0; i < c->n; i++) {
		size_t len = strlen(c->revisions[i].path);
		if (strncmp(c->revisions[i].path, path, len) == 0 && (path[len] == '\0' || path[len] == '/')) return &c->revisions[i];
	}
	return NULL;
}

/* Masks and the table of their frames are one result in two arrays. */
static void keep_frames(compaction *c, const revision *masks)
{
	const char *slash = strrchr(masks->group, '/');
	if (strcmp(slash, "/masks") != 0) return;
	for (size_t i = 0; i < c->n; i++) {
		revision *r = &c->revisions[i];
		if (r->number == masks->number && strncmp(r->group, masks->group, (size_t)(slash - masks->group)) == 0 &&
		    strcmp(r->group + (slash - masks->group), "/frames") == 0) r->keep = true;
	}
}

/* Keeps what the objects at and below `path` were made from, and what that was made from. */
static int keep_inputs(compaction *c, const char *path, int depth)
{
	char *input = NULL, **names = NULL;
	size_t n = 0;
	c5_object o;
	int err = c5_object_look(&o, c->from, path);
	if (err < 0) return err;
	int kind = o.kind;
	c5_object_free(&o);
	if (kind != C5_KIND_LINK && c5_attr_get_str(c->from, path, "input", &input) == C5_OK) {
		revision *r = find_revision(c, input);
		if (r && !r->keep) {
			r->keep = true;
			err = keep_inputs(c, r->path, depth + 1);
		}
	}
	free(input);
	if (err == C5_OK && kind == C5_KIND_GROUP && depth < 60 && (err = c5_list(c->from, path, &names, &n)) == C5_OK) {
		for (size_t i = 0; err == C5_OK && i < n; i++) {
			char *child = c5_format("%s/%s", path, names[i]);
			err = child ? keep_inputs(c, child, depth + 1) : c5_fail(C5_ENOMEM, "out of memory");
			free(child);
		}
		c5_names_free(names, n);
	}
	return err;
}

static int choose(compaction *c)
{
	int err = add_products(c, "/experiments", true);
	if (err == C5_OK) err = add_products(c, "/models", false);
	if (err == C5_OK) err = add_products(c, "/searches", false);
	if (err == C5_OK && c5_exists(c->from, "/screens")) err = add_product(c, "/screens");
	for (size_t i = 0; err == C5_OK && i < c->n; i++)
		if (c->revisions[i].keep) err = keep_inputs(c, c->revisions[i].path, 0);
	for (size_t i = 0; err == C5_OK && i < c->n; i++)
		if (c->revisions[i].keep) keep_frames(c, &c->revisions[i]);
	for (size_t i = 0; err == C5_OK && i < c->n; i++)
		if (!c->revisions[i].keep) err = measure(c->from, c->revisions[i].path, &c->revisions[i].bytes, 0);
	return err;
}

static bool dropped(compaction *c, const char *path)
{
	const revision *r = find_revision(c, path);
	return r && !r->keep;
}

/* ---- copying ---- */

typedef struct copy_attrs { hid_t to; } copy_attrs;

/* By these, arrays and scales know each other: addresses in the file, kept in HDF5's global heap, which nothing guards against damage and which
 * HDF5 1.10 reads without looking. They are made anew, never read. */
static bool is_address(const char *attr) { return strcmp(attr, "DIMENSION_LIST") == 0 || strcmp(attr, "REFERENCE_LIST") == 0; }

/* Attributes as bytes of their own type. */
static herr_t copy_attr(hid_t from, const char *name, const H5A_info_t *info, void *data)
{
	if (is_address(name)) return 0;
	hid_t to = ((copy_attrs *)data)->to, a = H5Aopen(from, name, H5P_DEFAULT), type = H5Aget_type(a), space = H5Aget_space(a), b = H5I_INVALID_HID;
	herr_t put = -1;
	void *value = NULL;
	(void)info;
	size_t size = H5Tget_size(type);
	hssize_t n = H5Sget_simple_extent_npoints(space);
	if (size && n >= 0 && c5_alloc(&value, (size_t)n, size) == C5_OK && H5Aread(a, type, value) >= 0) {
		if (H5Aexists(to, name) > 0) H5Adelete(to, name);
		b = H5Acreate2(to, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
		put = b >= 0 ? H5Awrite(b, type, value) : -1;
		H5Dvlen_reclaim(type, space, H5P_DEFAULT, value);
	}
	free(value);
	if (b >= 0) H5Aclose(b);
	H5Sclose(space);
	H5Tclose(type);
	H5Aclose(a);
	return put < 0 ? -1 : 0;
}

static int copy_attrs_of(compaction *c, const char *path)
{
	hid_t from = H5Oopen(c->from->id, path, H5P_DEFAULT), to = H5Oopen(c->to->id, path, H5P_DEFAULT);
	copy_attrs both = { to };
	int err = C5_OK;
	if (from < 0 || to < 0 || H5Aiterate2(from, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, copy_attr, &both) < 0)
		err = c5_h5_fail(C5_EIO, "%s:%s: attributes cannot be copied", c->to->path, path);
	if (from >= 0) H5Oclose(from);
	if (to >= 0) H5Oclose(to);
	return err;
}

/* A new container has its schema already; if it is the same, it need not leave a hole where that was. */
static bool same_schema(compaction *c, const char *path)
{
	char *x = NULL, *y = NULL;
	bool same = strcmp(path, "/schema") == 0 && c5_text_get(c->from, path, &x) == C5_OK && c5_text_get(c->to, path, &y) == C5_OK && strcmp(x, y) == 0;
	free(x);
	free(y);
	return same;
}

static int copy_dataset(compaction *c, const char *path, const c5_object *o)
{
	if (same_schema(c, path)) return C5_OK;
	if (H5Lexists(c->to->id, path, H5P_DEFAULT) > 0) H5Ldelete(c->to->id, path, H5P_DEFAULT); /* what a new container begins with */
	hid_t list = H5Pcreate(H5P_OBJECT_COPY);
	H5Pset_copy_object(list, H5O_COPY_WITHOUT_ATTR_FLAG);
	int err = H5Ocopy(c->from->id, path, c->to->id, path, list, H5P_DEFAULT) < 0 ? c5_h5_fail(C5_EIO, "%s:%s: cannot be copied", c->from->path,
		path) : C5_OK;
	H5Pclose(list);
	if (err < 0 || (err = copy_attrs_of(c, path)) < 0) return err;
	c->copied += o->stored;
	if (c->set->progress) c5_progress_at(c->copied);
	return C5_OK;
}

/* Attaches to a copy the scales that lie beside it, by the names of its axes. */
static int attach_scales(compaction *c, const char *path, const c5_object *o)
{
	static const char *const axes[] = { "time", "z", "y", "x" };
	int err = C5_OK;
	if (H5Aexists_by_name(c->from->id, path, "DIMENSION_LIST", H5P_DEFAULT) <= 0 || o->rank < 3 || o->rank > 4) return C5_OK;
	hid_t to = H5Dopen2(c->to->id, path, H5P_DEFAULT);
	if (to < 0) return c5_h5_fail(C5_EIO, "%s:%s", c->to->path, path);
	for (int i = 0; err == C5_OK && i < o->rank; i++) {
		char *name = c5_format("%.*s/%s", (int)(strrchr(path, '/') - path), path, axes[o->rank == 3 && i ? i + 1 : i]);
		c5_object beside;
		if (!name) err = c5_fail(C5_ENOMEM, "out of memory");
		else if (c5_object_look(&beside, c->to, name) == C5_OK) {
			if (beside.kind == C5_KIND_SCALE && beside.dims[0] == o->dims[i]) {
				hid_t scale = H5Dopen2(c->to->id, name, H5P_DEFAULT);
				if (scale < 0 || H5DSattach_scale(to, scale, (unsigned)i) < 0)
					err = c5_h5_fail(C5_EIO, "%s:%s: cannot be attached to %s", c->to->path, name, path);
				if (scale >= 0) H5Dclose(scale);
			}
			c5_object_free(&beside);
		}
		free(name);
	}
	H5Dclose(to);
	return err;
}

enum pass { COPY, ATTACH };

static int walk(compaction *c, const char *path, int pass, int depth)
{
	c5_object o;
	char **names = NULL;
	size_t n = 0;
	int err = c5_object_look(&o, c->from, path);
	if (err < 0) return err;
	if (pass == COPY) c->objects++;
	if (o.kind == C5_KIND_GROUP) {
		if (depth > 60) { err = c5_fail(C5_EINPUT, "%s:%s: groups in groups without end", c->from->path, path); goto done; }
		if (pass == COPY && strcmp(path, "/") != 0 && (err = c5_group_make(c->to, path)) < 0) goto done;
		if (pass == COPY && (err = copy_attrs_of(c, path)) < 0) goto done;
		if ((err = c5_list(c->from, path, &names, &n)) < 0) goto done;
		for (size_t i = 0; err == C5_OK && i < n; i++) {
			char *child = c5_format("%s/%s", strcmp(path, "/") == 0 ? "" : path, names[i]);
			if (!child) err = c5_fail(C5_ENOMEM, "out of memory");
			else if (!dropped(c, child)) err = walk(c, child, pass, depth + 1);
			free(child);
		}
		c5_names_free(names, n);
	} else if (o.kind == C5_KIND_LINK) {
		if (pass == COPY) err = c5_link_set(c->to, path, o.target);
	} else if (pass == ATTACH) err = o.element ? attach_scales(c, path, &o) : C5_OK;
	else if (o.address == 0) { /* a link to another file */
		if (H5Lcopy(c->from->id, path, c->to->id, path, H5P_DEFAULT, H5P_DEFAULT) < 0)
			err = c5_h5_fail(C5_EIO, "%s:%s: cannot be copied", c->from->path, path);
	} else err = copy_dataset(c, path, &o);
done:
	c5_object_free(&o);
	return err;
}

/* ---- the copy, checked and put in place ---- */

typedef struct first_error { char text[600]; } first_error;

static void keep_first(void *to, int severity, const char *path, const char *text)
{
	first_error *first = to;
	if (severity == C5_ERROR && !first->text[0]) snprintf(first->text, sizeof first->text, "%s: %s", path, text);
}

static int check_copy(compaction *c, const char *part)
{
	c5_schema *schema = NULL;
	c5_file *f = NULL;
	c5_check_summary sum;
	first_error first = { "" };
	const c5_check_settings set = { .data = true, .progress = c->set->progress, .held = true };
	int err = c5_file_open(&f, part, C5_READ, NULL);
	if (err == C5_OK && (err = c5_schema_read(&schema, "container.yml", c5_schema_text())) == C5_OK)
		err = c5_check(f, schema, &set, keep_first, &first, &sum);
	if (err == C5_OK && sum.errors)
		err = c5_fail(C5_EINPUT, "%s: not compacted, the copy has errors: %s; see `cyto5 check %s`", c->from->path, first.text, c->from->path);
	if (err == C5_OK && sum.objects != c->objects)
		err = c5_fail(C5_EFAIL, "%s: not compacted, the copy has %llu objects, expected %llu", c->from->path, (unsigned long long)sum.objects,
			(unsigned long long)c->objects);
	c5_schema_free(schema);
	c5_file_close(f);
	return err;
}

static int write_copy(compaction *c, const char *part)
{
	int err = c5_file_create(part, NULL);
	if (err < 0 || (err = c5_file_open(&c->to, part, C5_WRITE, "compact")) < 0) return err;
	if (c->set->progress) c5_progress_begin("copying", c5_file_end(c->from));
	if ((err = walk(c, "/", COPY, 0)) == C5_OK) err = walk(c, "/", ATTACH, 0);
	if (c->set->progress) c5_progress_end();
	if (err == C5_OK) err = c5_file_commit(c->to, false);
	int closed = c5_file_close(c->to);
	c->to = NULL;
	return err < 0 ? err : closed;
}

/* Under the lock of the old file: its journal is settled and gone, then the name changes hands. */
static int put_in_place(compaction *c, const char *part)
{
	c5_file *f = c->from;
	struct stat st;
	int err = c5_file_unmount(f);
	int closed = c5_overlay_close(f->overlay);
	f->overlay = NULL;
	if (err == C5_OK) err = closed;
	if (err < 0) return err;
	if (stat(f->path, &st) == 0 && chmod(part, st.st_mode & 07777) < 0)
		return c5_fail(C5_EIO, "%s: cannot be given the permissions of %s: %s", part, f->path, strerror(errno));
	int fd = open(part, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0) err = c5_fail(C5_EIO, "%s: cannot be synced: %s", part, strerror(errno));
	if (fd >= 0) close(fd);
	if (err == C5_OK && rename(part, f->path) < 0) err = c5_fail(C5_EIO, "%s: cannot be renamed: %s", part, strerror(errno));
	return err;
}

static void close_from(c5_file *f)
{
	if (!f) return;
	if (f->overlay) {
		c5_file_close(f);
		return;
	}
	c5_lock_release(f->lock);
	free(f->path);
	free(f);
}

int c5_compact(const char *path, const c5_compact_settings *set, c5_compact_report *report, void *to, c5_compact_summary *summary)
{
	compaction c = { .set = set };
	struct stat st;
	char *part = c5_format("%s.part", path);
	memset(summary, 0, sizeof *summary);
	int err = part ? c5_file_open(&c.from, path, set->dry_run ? C5_READ : C5_WRITE, "compact") : c5_fail(C5_ENOMEM, "out of memory");
	if (err < 0 || (err = choose(&c)) < 0) goto done;
	summary->before = summary->after = c5_file_end(c.from);
	for (size_t i = 0; i < c.n; i++) {
		if (c.revisions[i].keep) continue;
		summary->dropped++;
		summary->dropped_bytes += c.revisions[i].bytes;
		report(to, c.revisions[i].path, c.revisions[i].bytes);
	}
	if (set->dry_run) goto done;
	unlink(part); /* of one that was cut short: we hold the lock */
	if ((err = write_copy(&c, part)) == C5_OK && (err = check_copy(&c, part)) == C5_OK) err = put_in_place(&c, part);
	if (err < 0) unlink(part);
	else if (stat(path, &st) == 0) summary->after = (uint64_t)st.st_size;
done:
	free_revisions(&c);
	close_from(c.from);
	free(part);
	return err;
}
