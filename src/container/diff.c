/* diff.c – see diff.h. Two trees are walked side by side; datasets are compared decoded, block by block. */
#include "container/diff.h"

#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "container/neutral.h"
#include "container/object.h"

typedef struct differ {
	c5_file *a, *b;
	const char *glob;
	c5_diff_report *report;
	void *to;
	uint64_t n;
} differ;

static void tell(differ *d, const char *path, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void tell(differ *d, const char *path, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	d->n++;
	d->report(d->to, path, text);
}

/* ---- names of two sorted lists, side by side ---- */

static int by_name(const char *x, const char *y)
{
	int c = c5_natural_cmp(x, y);
	return c ? c : strcmp(x, y);
}

typedef int pair_fn(differ *d, const char *path, const char *name, bool in_a, bool in_b);

static int each_pair(differ *d, const char *path, char **a, size_t n, char **b, size_t m, pair_fn *fn)
{
	int err = C5_OK;
	for (size_t i = 0, k = 0; err == C5_OK && (i < n || k < m);) {
		int order = i == n ? 1 : k == m ? -1 : by_name(a[i], b[k]);
		err = fn(d, path, order <= 0 ? a[i] : b[k], order <= 0, order >= 0);
		i += order <= 0;
		k += order >= 0;
	}
	return err;
}

/* ---- attributes ---- */

static int pair_attr(differ *d, const char *path, const char *name, bool in_a, bool in_b)
{
	const char *kind_a, *kind_b;
	char *x = NULL, *y = NULL;
	if (c5_neutral_attr(path, name)) return C5_OK;
	if (in_a != in_b) {
		tell(d, path, "attribute %s is only in the %s", name, in_a ? "first" : "second");
		return C5_OK;
	}
	int err = c5_attr_look(d->a, path, name, &kind_a, &x);
	if (err == C5_OK) err = c5_attr_look(d->b, path, name, &kind_b, &y);
	if (err == C5_OK && strcmp(kind_a, kind_b) != 0) tell(d, path, "attribute %s is %s in the first, %s in the second", name, kind_a, kind_b);
	else if (err == C5_OK && strcmp(x, y) != 0) tell(d, path, "attribute %s is '%.80s' in the first, '%.80s' in the second", name, x, y);
	free(x);
	free(y);
	return err;
}

static int diff_attrs(differ *d, const char *path)
{
	char **a = NULL, **b = NULL;
	size_t n = 0, m = 0;
	int err = c5_attr_list(d->a, path, &a, &n);
	if (err == C5_OK) err = c5_attr_list(d->b, path, &b, &m);
	if (err == C5_OK) err = each_pair(d, path, a, n, b, m, pair_attr);
	c5_names_free(a, n);
	c5_names_free(b, m);
	return err;
}

/* ---- content ---- */

static void add_value(char *to, size_t cap, int dtype, size_t text, const uint8_t *p)
{
	union { uint8_t u8; uint16_t u16; uint32_t u32; uint64_t u64; int8_t i8; int16_t i16; int32_t i32; int64_t i64; float f32; double f64; } v = { 0 };
	if (text) {
		snprintf(to, cap, "'%.*s'", text > 40 ? 40 : (int)text, (const char *)p);
		return;
	}
	memcpy(&v, p, c5_dtype_size(dtype));
	switch (dtype) {
	case C5_U8: snprintf(to, cap, "%u", v.u8); break;
	case C5_U16: snprintf(to, cap, "%u", v.u16); break;
	case C5_U32: snprintf(to, cap, "%u", v.u32); break;
	case C5_U64: snprintf(to, cap, "%llu", (unsigned long long)v.u64); break;
	case C5_I8: snprintf(to, cap, "%d", v.i8); break;
	case C5_I16: snprintf(to, cap, "%d", v.i16); break;
	case C5_I32: snprintf(to, cap, "%d", v.i32); break;
	case C5_I64: snprintf(to, cap, "%lld", (long long)v.i64); break;
	case C5_F32: snprintf(to, cap, "%.9g", (double)v.f32); break;
	case C5_F64: snprintf(to, cap, "%.17g", v.f64); break;
	default: snprintf(to, cap, "other bytes");
	}
}

/* "[3, 10, 12]: 5 in the first, 6 in the second", of the element at `index` whose bytes are x and y. */
static void describe(char *to, size_t cap, const c5_object *o, uint64_t index, const uint8_t *x, const uint8_t *y)
{
	uint64_t at[C5_LOOK_RANK];
	char one[64], two[64];
	size_t n = 0;
	for (int i = o->rank - 1; i >= 0; i--) at[i] = index % o->dims[i], index /= o->dims[i];
	if (o->kind == C5_KIND_TABLE) {
		const c5_column *c = o->columns;
		while (c < o->columns + o->n_columns && memcmp(x + c->offset, y + c->offset, c->text ? c->text : c5_dtype_size(c->dtype)) == 0) c++;
		if (c == o->columns + o->n_columns) c = o->columns;
		add_value(one, sizeof one, c->dtype, c->text, x + c->offset);
		add_value(two, sizeof two, c->dtype, c->text, y + c->offset);
		snprintf(to, cap, "row %llu, %s: %s in the first, %s in the second", (unsigned long long)at[0], c->name, one, two);
		return;
	}
	add_value(one, sizeof one, o->dtype, 0, x);
	add_value(two, sizeof two, o->dtype, 0, y);
	for (int i = 0; i < o->rank && n < cap; i++) n += (size_t)snprintf(to + n, cap - n, "%s%llu", i ? ", " : "[", (unsigned long long)at[i]);
	if (n < cap) snprintf(to + n, cap - n, "%s: %s in the first, %s in the second", o->rank ? "]" : "value", one, two);
}

static int diff_content(differ *d, const char *path, const c5_object *o)
{
	c5_content *a = NULL, *b = NULL;
	const void *x, *y;
	size_t n, m;
	uint64_t base = 0, count = 0;
	char first[400] = "";
	int err = c5_content_open(&a, d->a, path);
	if (err == C5_OK) err = c5_content_open(&b, d->b, path);
	if (err == C5_OK) c5_neutral_blank(a, path, o), c5_neutral_blank(b, path, o);
	while (err == C5_OK && (err = c5_content_next(a, &x, &n)) == C5_OK && (err = c5_content_next(b, &y, &m)) == C5_OK && (n || m)) {
		if (n != m) { /* texts of variable length */
			snprintf(first, sizeof first, "texts of other lengths");
			count++;
			break;
		}
		if (memcmp(x, y, n) != 0)
			for (size_t i = 0; i + o->element <= n; i += o->element)
				if (memcmp((const uint8_t *)x + i, (const uint8_t *)y + i, o->element) != 0 && count++ == 0)
					describe(first, sizeof first, o, base + i / o->element, (const uint8_t *)x + i, (const uint8_t *)y + i);
		base += n / o->element;
	}
	if (err == C5_OK && count) {
		if (o->kind == C5_KIND_TABLE) tell(d, path, "%llu of %llu rows differ; %s", (unsigned long long)count, (unsigned long long)o->dims[0], first);
		else tell(d, path, "%llu of %llu values differ; %s", (unsigned long long)count, (unsigned long long)(o->raw / o->element), first);
	}
	c5_content_close(a);
	c5_content_close(b);
	return err;
}

static int diff_text(differ *d, const char *path)
{
	char *x = NULL, *y = NULL;
	int err = c5_text_get(d->a, path, &x);
	if (err == C5_OK) err = c5_text_get(d->b, path, &y);
	if (err == C5_OK && fnmatch("/runs/r*/configuration", path, FNM_PATHNAME) == 0) c5_neutral_configuration(x), c5_neutral_configuration(y);
	if (err == C5_OK && strcmp(x, y) != 0) {
		size_t line = 1, at = 0;
		for (; x[at] && x[at] == y[at]; at++) line += x[at] == '\n';
		tell(d, path, "the texts differ from line %zu on", line);
	}
	free(x);
	free(y);
	return err;
}

/* ---- the walk ---- */

static int diff_object(differ *d, const char *path, int depth);

static bool wanted(const differ *d, const char *path)
{
	if (!d->glob) return true;
	if (strncmp(path, "/experiments/", 13) != 0) return strcmp(path, "/experiments") == 0;
	char name[256];
	snprintf(name, sizeof name, "%.*s", (int)strcspn(path + 13, "/"), path + 13);
	return fnmatch(d->glob, name, 0) == 0;
}

static int pair_object(differ *d, const char *path, const char *name, bool in_a, bool in_b)
{
	char *child = c5_format("%s/%s", strcmp(path, "/") == 0 ? "" : path, name);
	int err = child ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
	if (err == C5_OK && wanted(d, child) && !c5_neutral_object(child)) {
		if (in_a != in_b) tell(d, child, "is only in the %s", in_a ? "first" : "second");
		else {
			int depth = 0;
			for (const char *p = child; *p; p++) depth += *p == '/';
			err = diff_object(d, child, depth);
		}
	}
	free(child);
	return err;
}

static int diff_group(differ *d, const char *path, int depth)
{
	char **a = NULL, **b = NULL;
	size_t n = 0, m = 0;
	if (depth > 60) return c5_fail(C5_EINPUT, "%s:%s: groups in groups without end", c5_file_path(d->a), path);
	int err = c5_list(d->a, path, &a, &n);
	if (err == C5_OK) err = c5_list(d->b, path, &b, &m);
	if (err == C5_OK) err = each_pair(d, path, a, n, b, m, pair_object);
	c5_names_free(a, n);
	c5_names_free(b, m);
	return err;
}

static bool same_shape(differ *d, const char *path, const c5_object *x, const c5_object *y)
{
	if (x->rank != y->rank || strcmp(x->type, y->type) != 0) {
		tell(d, path, "is %s of %d dimensions in the first, %s of %d in the second", x->type, x->rank, y->type, y->rank);
		return false;
	}
	for (int i = 0; i < x->rank; i++)
		if (x->dims[i] != y->dims[i]) {
			tell(d, path, "has %llu entries along dimension %d in the first, %llu in the second", (unsigned long long)x->dims[i], i,
				(unsigned long long)y->dims[i]);
			return false;
		}
	bool same = x->n_columns == y->n_columns && x->element == y->element;
	for (size_t i = 0; same && i < x->n_columns; i++)
		same = strcmp(x->columns[i].name, y->columns[i].name) == 0 && x->columns[i].dtype == y->columns[i].dtype &&
			x->columns[i].text == y->columns[i].text;
	if (!same) tell(d, path, "has other columns, or columns of other types");
	return same;
}

static int diff_object(differ *d, const char *path, int depth)
{
	c5_object x, y = { 0 };
	int err = c5_object_look(&x, d->a, path);
	if (err < 0) return err;
	if ((err = c5_object_look(&y, d->b, path)) < 0) goto done;
	if (x.kind != y.kind) tell(d, path, "is %s in the first, %s in the second", c5_kind_name(x.kind), c5_kind_name(y.kind));
	else if (x.kind == C5_KIND_LINK) {
		if (strcmp(x.target, y.target) != 0) tell(d, path, "points at %s in the first, at %s in the second", x.target, y.target);
	} else if (x.kind != C5_KIND_OTHER || (x.address && y.address)) { /* not a link to another file, which is left alone */
		if ((err = diff_attrs(d, path)) < 0) goto done;
		if (x.kind == C5_KIND_GROUP) err = diff_group(d, path, depth);
		else if (x.kind == C5_KIND_TEXT) err = diff_text(d, path);
		else if (x.element && same_shape(d, path, &x, &y)) err = diff_content(d, path, &x);
	}
done:
	c5_object_free(&x);
	c5_object_free(&y);
	return err;
}

int c5_diff(c5_file *a, c5_file *b, const char *experiments, c5_diff_report *report, void *to, uint64_t *n)
{
	differ d = { .a = a, .b = b, .glob = experiments, .report = report, .to = to };
	int err = experiments ? diff_group(&d, "/experiments", 1) : diff_object(&d, "/", 0);
	*n = d.n;
	return err;
}
