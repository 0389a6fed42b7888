/* agree.c – what the schema cannot say of one object alone: runs and their revisions, and that masks, frames, objects and crops of an
 * experiment tell the same story. Objects say in their attribute `input` what they were made from; without it the same revision is meant. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "container/checking.h"
#include "container/models.h"
#include "container/run.h"

/* ---- runs ---- */

int c5_agree_runs(c5_checking *c)
{
	char **names;
	size_t n;
	int err = c5_list(c->file, "/runs", &names, &n);
	if (err < 0) return c5_is_ours(err) ? err : C5_OK; /* the walk tells */
	if ((err = c5_alloc(&c->runs, n, sizeof *c->runs)) < 0) goto done;
	for (size_t i = 0; i < n; i++) {
		uint32_t number = c5_revision_number(names[i]);
		char path[64], *state = NULL;
		if (!number) continue;
		snprintf(path, sizeof path, "/runs/%s", c5_revision_name(number));
		if ((err = c5_attr_get_str(c->file, path, "state", &state)) < 0) {
			if (c5_is_ours(err)) goto done;
			err = C5_OK; /* the walk tells */
			continue;
		}
		c->runs[c->n_runs].number = number;
		c->runs[c->n_runs].complete = strcmp(state, "complete") == 0;
		c->runs[c->n_runs].running = strcmp(state, "running") == 0;
		if (c->runs[c->n_runs].running && !c->set->held && !c5_run_alive(c5_file_path(c->file), c->runs[c->n_runs].number))
			c5_finding(c, C5_WARNING, path, "was interrupted; go on with it by --resume, or end it with `cyto5 recover --abandon`");
		else if (!c->runs[c->n_runs].running && !c->runs[c->n_runs].complete && strcmp(state, "failed") != 0)
			c5_finding(c, C5_ERROR, path, "attribute state is '%.40s', expected running, complete or failed", state);
		c->n_runs++;
		free(state);
	}
done:
	c5_names_free(names, n);
	return err;
}

bool c5_agree_revision(const c5_checking *c, uint32_t number, bool *complete)
{
	*complete = false;
	for (size_t i = 0; i < c->n_runs; i++)
		if (c->runs[i].number == number) {
			*complete = c->runs[i].complete;
			return true;
		}
	return false;
}

/* ---- experiments ---- */

/* One column of a table as numbers; C5_ENOTFOUND when it is not there or no whole number. Caller frees. */
static int read_column(c5_checking *c, const char *path, const char *name, uint64_t **values, uint64_t *n)
{
	c5_array *a;
	uint8_t *rows = NULL;
	const c5_column *column;
	*values = NULL;
	int err = c5_array_open(&a, c->file, path);
	if (err < 0) return err;
	const c5_array_spec *s = c5_array_spec_of(a);
	uint64_t there;
	*n = s->dims[0];
	if ((err = c5_array_count_chunks(a, &there)) < 0) goto done;
	if (there < c5_spec_chunks(s)) { err = c5_fail(C5_ENOTFOUND, "not all of it is there"); goto done; } /* the walk tells */
	if ((err = c5_spec_find_column(s, name, &column)) < 0) goto done;
	size_t size = column->text ? 0 : c5_dtype_size(column->dtype);
	if (size == 0 || column->dtype == C5_F32 || column->dtype == C5_F64) { err = c5_fail(C5_ENOTFOUND, "no whole numbers"); goto done; }
	if ((err = c5_alloc(values, *n, sizeof **values)) < 0 || (err = c5_alloc(&rows, s->chunk[0], s->row_size)) < 0) goto done;
	for (uint64_t first = 0; err == C5_OK && first < *n; first += s->chunk[0]) {
		uint64_t part = *n - first < s->chunk[0] ? *n - first : s->chunk[0];
		err = c5_array_read_rows(a, c->codec, first, part, rows);
		/* little-endian */
		for (uint64_t i = 0; err == C5_OK && i < part; i++) memcpy(&(*values)[first + i], rows + i * s->row_size + column->offset, size);
	}
done:
	if (err < 0) {
		free(*values);
		*values = NULL;
	}
	free(rows);
	c5_array_close(a);
	return err;
}

/* Path of what `path` was made from: its attribute input, or `product` of the same revision. NULL when that is not there. */
static char *input_of(c5_checking *c, const char *path, const char *experiment, const char *product, const char *revision)
{
	char *input = NULL;
	if (c5_attr_get_str(c->file, path, "input", &input) == C5_OK && c5_exists(c->file, input)) return input;
	free(input);
	input = product ? c5_format("%s/%s/%s", experiment, product, revision) : NULL;
	if (input && c5_exists(c->file, input)) return input;
	free(input);
	return NULL;
}

/* The table beside: the same revision of another product. */
static char *beside(const char *path, const char *experiment, const char *product)
{
	return c5_format("%s/%s/%s", experiment, product, strrchr(path, '/') + 1);
}

static bool look(c5_checking *c, c5_object *o, const char *path, int kind)
{
	if (!path || c5_object_look(o, c->file, path) < 0) return false;
	if (o->kind == kind) return true;
	c5_object_free(o);
	return false;
}

/* Masks are of the frames and size of a channel. */
static int agree_masks(c5_checking *c, const char *experiment, const char *path, const char *revision)
{
	c5_object masks, raw, frames;
	char *input = input_of(c, path, experiment, NULL, revision), *table = beside(path, experiment, "frames");
	if (!look(c, &masks, path, C5_KIND_ARRAY)) goto done;
	if (masks.rank == 3 && look(c, &raw, input, C5_KIND_ARRAY)) {
		bool same = raw.rank >= 3 && raw.dims[0] == masks.dims[0] && raw.dims[raw.rank - 2] == masks.dims[1] && raw.dims[raw.rank - 1] == masks.dims[2];
		if (!same) c5_finding(c, C5_ERROR, path, "is not of the frames and size of %s, which it was made from", input);
		c5_object_free(&raw);
	}
	if (masks.rank == 3 && look(c, &frames, table, C5_KIND_TABLE)) {
		if (frames.dims[0] != masks.dims[0])
			c5_finding(c, C5_ERROR, table, "has %llu rows, %s has %llu frames", (unsigned long long)frames.dims[0], path, (unsigned long long)masks.dims[0]);
		c5_object_free(&frames);
	}
	c5_object_free(&masks);
done:
	free(table);
	free(input);
	return C5_OK;
}

/* Label images number the objects of a frame from 1 without gaps: the largest label is how many there are. */
static int agree_labels(c5_checking *c, const char *masks, const char *table)
{
	uint64_t *objects = NULL, n = 0, frame = 0;
	c5_content *content = NULL;
	c5_object o;
	const void *bytes;
	size_t size;
	int err = C5_OK, told = 0;
	if (!look(c, &o, masks, C5_KIND_ARRAY)) return C5_OK;
	size_t element = c5_dtype_size(o.dtype);
	uint64_t pixels = o.rank == 3 ? o.dims[1] * o.dims[2] : 0;
	bool whole = o.dtype == C5_U8 || o.dtype == C5_U16 || o.dtype == C5_U32;
	c5_object_free(&o);
	if (!pixels || !whole || read_column(c, table, "objects", &objects, &n) < 0 || (err = c5_content_open(&content, c->file, masks)) < 0) goto done;
	while (told < 3 && (err = c5_content_next(content, &bytes, &size)) == C5_OK && size)
		for (const uint8_t *p = bytes, *end = p + size; p < end && frame < n; p += pixels * element, frame++) {
			uint32_t most = 0;
			for (uint64_t i = 0; i < pixels; i++) {
				uint32_t v = element == 1 ? p[i] : element == 2 ? ((const uint16_t *)(const void *)p)[i] : ((const uint32_t *)(const void *)p)[i];
				if (v > most) most = v;
			}
			if (most != objects[frame] && told++ < 3)
				c5_finding(c, C5_ERROR, masks, "frame %llu: the largest label is %u, %s says %llu objects", (unsigned long long)frame, most, table,
					(unsigned long long)objects[frame]);
		}
done:
	c5_content_close(content);
	free(objects);
	return c5_is_ours(err) ? err : C5_OK; /* damage was told by the walk */
}

/* The objects table has a row for each object that the frames table counts, frame by frame, labels 1 and up. */
static int agree_objects(c5_checking *c, const char *experiment, const char *path, const char *revision)
{
	uint64_t *counted = NULL, *frame = NULL, *label = NULL, frames = 0, rows = 0, labels = 0, at = 0;
	char *masks = input_of(c, path, experiment, "masks", revision), *table = masks ? beside(masks, experiment, "frames") : NULL;
	int err = C5_OK;
	if (!table || (err = read_column(c, table, "objects", &counted, &frames)) < 0) goto done;
	if ((err = read_column(c, path, "frame", &frame, &rows)) < 0 || (err = read_column(c, path, "label", &label, &labels)) < 0) goto done;
	uint64_t sum = 0;
	for (uint64_t t = 0; t < frames; t++) sum += counted[t];
	if (sum != rows) c5_finding(c, C5_ERROR, path, "has %llu rows, %s counts %llu objects", (unsigned long long)rows, table, (unsigned long long)sum);
	else
		for (uint64_t t = 0; t < frames; t++)
			for (uint64_t k = 0; k < counted[t]; k++, at++)
				if (frame[at] != t || label[at] != k + 1) {
					c5_finding(c, C5_ERROR, path, "row %llu is object %llu of frame %llu, expected %llu of %llu", (unsigned long long)at,
						(unsigned long long)label[at], (unsigned long long)frame[at], (unsigned long long)k + 1, (unsigned long long)t);
					goto done;
				}
done:
	free(counted);
	free(frame);
	free(label);
	free(table);
	free(masks);
	return c5_is_ours(err) ? err : C5_OK;
}

/* An index row a crop, each of an object that is there. */
static int agree_crops(c5_checking *c, const char *experiment, const char *group, const char *revision)
{
	char *images = c5_format("%s/images", group), *index = c5_format("%s/index", group), *table = NULL;
	uint64_t *object = NULL, rows = 0;
	c5_object i, x, t;
	int err = C5_OK;
	if (!images || !index) { err = c5_fail(C5_ENOMEM, "out of memory"); goto done; }
	if (!look(c, &i, images, C5_KIND_ARRAY)) goto done;
	uint64_t crops = i.rank ? i.dims[0] : 0;
	c5_object_free(&i);
	if (!look(c, &x, index, C5_KIND_TABLE)) goto done;
	if (x.dims[0] != crops)
		c5_finding(c, C5_ERROR, index, "has %llu rows, there are %llu crops", (unsigned long long)x.dims[0], (unsigned long long)crops);
	c5_object_free(&x);
	table = input_of(c, images, experiment, "objects", revision);
	if (!look(c, &t, table, C5_KIND_TABLE)) goto done;
	uint64_t objects = t.dims[0];
	c5_object_free(&t);
	if ((err = read_column(c, index, "object", &object, &rows)) < 0) goto done;
	for (uint64_t k = 0; k < rows; k++)
		if (object[k] >= objects) {
			c5_finding(c, C5_ERROR, index, "row %llu is of object %llu, %s has %llu", (unsigned long long)k, (unsigned long long)object[k], table,
				(unsigned long long)objects);
			break;
		}
done:
	free(object);
	free(table);
	free(images);
	free(index);
	return c5_is_ours(err) ? err : C5_OK;
}

typedef int agree_fn(c5_checking *c, const char *experiment, const char *path, const char *revision);

static int agree_labelled(c5_checking *c, const char *experiment, const char *path, const char *revision)
{
	int err = agree_masks(c, experiment, path, revision);
	char *table = beside(path, experiment, "frames");
	if (err == C5_OK && table && c->set->data && c5_exists(c->file, table)) err = agree_labels(c, path, table);
	free(table);
	return err;
}

int c5_agree_experiment(c5_checking *c, const char *experiment)
{
	static const struct { const char *product; agree_fn *agree; } products[] = { { "masks", agree_labelled }, { "objects", agree_objects },
		{ "crops", agree_crops } };
	int err = C5_OK;
	for (size_t p = 0; err == C5_OK && p < sizeof products / sizeof *products; p++) {
		char *group = c5_format("%s/%s", experiment, products[p].product), **names = NULL;
		size_t n = 0;
		if (!group) return c5_fail(C5_ENOMEM, "out of memory");
		if (c5_exists(c->file, group)) (void)c5_list(c->file, group, &names, &n); /* unreadable: told by the walk */
		for (size_t i = 0; err == C5_OK && i < n; i++) {
			bool complete;
			/* what is not finished need not agree yet */
			if (!c5_revision_number(names[i]) || !c5_agree_revision(c, c5_revision_number(names[i]), &complete) || !complete) continue;
			char *path = c5_format("%s/%s", group, names[i]);
			err = path ? products[p].agree(c, experiment, path, names[i]) : c5_fail(C5_ENOMEM, "out of memory");
			free(path);
		}
		c5_names_free(names, n);
		free(group);
	}
	return err;
}

/* ---- models ---- */

static int agree_revision(c5_checking *c, const char *path, const char *name, uint32_t number)
{
	c5_stored_model s;
	int err = c5_stored_model_read(c->file, name, number, c->set->data, &s);
	if (err < 0) {
		if (c5_is_ours(err)) return err;
		c5_finding_error(c, path);
		return C5_OK;
	}
	if (!s.architecture) c5_finding(c, C5_ERROR, path, "has no architecture, so nothing can be made of it");
	if (!s.n_arrays) c5_finding(c, C5_ERROR, path, "has no weights");
	c5_stored_model_free(&s);
	return C5_OK;
}

int c5_agree_model(c5_checking *c, const char *model)
{
	char **names = NULL;
	size_t n = 0;
	int err = c5_list(c->file, model, &names, &n);
	if (err < 0) return c5_is_ours(err) ? err : C5_OK; /* the walk tells */
	for (size_t i = 0; err == C5_OK && i < n; i++) {
		bool complete;
		uint32_t number = c5_revision_number(names[i]);
		if (!number || !c5_agree_revision(c, number, &complete) || !complete) continue;
		char *path = c5_format("%s/%s", model, names[i]);
		err = path ? agree_revision(c, path, strrchr(model, '/') + 1, number) : c5_fail(C5_ENOMEM, "out of memory");
		free(path);
	}
	c5_names_free(names, n);
	return err;
}
