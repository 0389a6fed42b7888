/* labelled.c – see labelled.h. Values are texts numbered in the order they are met; classes are chosen among them at the end. */
#include "pipeline/labelled.h"

#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "container/experiment.h"
#include "container/run.h"
#include "pipeline/label_values.h"

#define F(member) offsetof(c5_labelled_params, member)
const c5_opt c5_labelled_opts[] = {
#include "pipeline/labelled_rows.h"
	{ 0 },
};

/* One reader for all crops of a data set. */
typedef struct reader { c5_worker worker; char *container; size_t users; } reader;

static void reader_drop(reader *r)
{
	if (--r->users > 0) return;
	c5_worker_close(&r->worker);
	free(r->container);
	free(r);
}

static int read_crops(c5_crops *c, uint64_t first, uint64_t n, void *out)
{
	reader *r = c->ctx;
	return c5_worker_read_rows(&r->worker, c->path, first, n, out);
}

static void close_crops(c5_crops *c) { reader_drop(c->ctx); }

static int reader_new(reader **out, const char *container)
{
	int err = c5_alloc(out, 1, sizeof **out);
	if (err < 0) return err;
	(*out)->users = 1;
	if (!((*out)->container = c5_strdup(container))) err = c5_fail(C5_ENOMEM, "out of memory");
	if (err == C5_OK) err = c5_worker_open(&(*out)->worker, (*out)->container, NULL);
	if (err < 0) {
		free((*out)->container);
		free(*out);
		*out = NULL;
	}
	return err;
}

/* What is gathered while the container is looked through. */
typedef struct gather {
	const c5_labelled_params *p;
	c5_dataset *d;
	reader *r;
	c5_file *file;
	c5_experiment *experiments; /* those with crops, one a source */
	size_t n, cap;
	c5_labels labels;
} gather;

static int of_this_run(const gather *g, const char *name, uint32_t *number)
{
	char *path = g->p->run ? c5_format("/experiments/%s/crops/%s", name, c5_revision_name(g->p->run)) : NULL;
	if (g->p->run && !path) return c5_fail(C5_ENOMEM, "out of memory");
	if (path && c5_exists(g->file, path)) *number = g->p->run;
	free(path);
	return C5_OK;
}

static int open_crops(gather *g, const char *name)
{
	uint32_t number = 0, source;
	char *path = NULL;
	const c5_array_spec *s;
	c5_experiment e = { 0 };
	int err = c5_experiment_read(g->file, name, &e);
	if (err < 0) return err;
	if (g->p->revision) {
		if (!(number = c5_revision_number(g->p->revision))) err = c5_fail(C5_EUSAGE, "--crops %s: a revision is expected, as r000004", g->p->revision);
	} else if ((err = of_this_run(g, name, &number)) == C5_OK && !number) err = c5_revision_latest(g->file, name, "crops", &number);
	if (err < 0) goto done;
	if (!(path = c5_format("/experiments/%s/crops/%s/images", name, c5_revision_name(number)))) err = c5_fail(C5_ENOMEM, "out of memory");
	if (err < 0 || !number || !c5_exists(g->file, path)) goto done; /* nothing cut here */
	if ((err = c5_worker_spec(&g->r->worker, path, &s)) < 0) goto done;
	if ((err = c5_spec_is_crops(s)) < 0) {
		err = c5_fail_in(err, "%s", g->r->container);
		goto done;
	}
	c5_crops crops = { .dtype = s->dtype, .n = s->dims[0], .n_channels = (int)s->dims[1], .height = (int)s->dims[2], .width = (int)s->dims[3],
		.pixel_um = e.pixel_size_um };
	if ((err = c5_grow(&g->experiments, &g->cap, g->n + 1, sizeof e)) < 0) goto done;
	char *channels = NULL;
	if (c5_attr_get_str(g->file, path, "channels", &channels) < 0) c5_error_clear();
	crops.channels = channels;
	crops.experiment = c5_strdup(name);
	crops.path = path;
	path = NULL;
	for (size_t i = 0; i < C5_EXPERIMENT_TEXTS; i++) {
		char **to = strcmp(c5_experiment_texts[i], "plate") == 0 ? &crops.plate : strcmp(c5_experiment_texts[i], "well") == 0 ? &crops.well
		          : strcmp(c5_experiment_texts[i], "condition") == 0 ? &crops.condition : NULL;
		if (to) *to = c5_strdup(e.texts[i]);
	}
	crops.read = read_crops;
	crops.close = close_crops;
	crops.ctx = g->r;
	g->r->users++;
	if ((err = c5_dataset_add_crops(g->d, &crops, &source)) < 0) goto done;
	g->experiments[g->n++] = e;
	e = (c5_experiment){ 0 };
done:
	free(path);
	c5_experiment_free(&e);
	return err;
}

static int open_all(gather *g)
{
	char **names = NULL;
	size_t n = 0, met = 0;
	int err = c5_list(g->file, "/experiments", &names, &n);
	for (size_t i = 0; err == C5_OK && i < n; i++) {
		if (g->p->experiments && fnmatch(g->p->experiments, names[i], 0) != 0) continue;
		met++;
		err = open_crops(g, names[i]);
	}
	c5_names_free(names, n);
	if (err < 0 || g->n) return err;
	if (!met)
		return g->p->experiments ? c5_fail(C5_ENOTFOUND, "%s: no experiment matches '%s'", g->r->container, g->p->experiments)
		                         : c5_fail(C5_ENOTFOUND, "%s: no experiments; take some in with `cyto5 ingest`", g->r->container);
	return c5_fail(C5_ENOTFOUND, "%s: no crops%s%s; cut them with `cyto5 crop`", g->r->container, g->p->revision ? " of revision " : "",
		g->p->revision ? g->p->revision : "");
}

/* ---- groups ---- */

static const char *text_of(const c5_experiment *e, const char *what)
{
	for (size_t i = 0; i < C5_EXPERIMENT_TEXTS; i++)
		if (strcmp(c5_experiment_texts[i], what) == 0) return e->texts[i];
	return NULL;
}

static int settle_group(gather *g)
{
	const char *by = g->p->group ? g->p->group : "auto";
	bool known = strcmp(by, "experiment") == 0;
	if (strcmp(by, "auto") == 0) {
		by = "well";
		for (size_t i = 0; i < g->n; i++)
			if (!text_of(&g->experiments[i], "well")) by = "experiment";
		known = true;
	}
	for (size_t i = 0; i < C5_EXPERIMENT_TEXTS; i++) known |= strcmp(by, c5_experiment_texts[i]) == 0;
	if (!known) return c5_fail(C5_EUSAGE, "--group %s: expected auto, experiment, plate, well, position, condition, compound, dose or replicate", by);
	return (g->d->group_by = c5_strdup(by)) ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
}

static int group_of(gather *g, size_t source, uint32_t *group)
{
	const c5_experiment *e = &g->experiments[source];
	const char *by = g->d->group_by, *text = strcmp(by, "experiment") == 0 ? e->name : text_of(e, by), *plate = text_of(e, "plate");
	if (!text) return c5_fail(C5_EINPUT, "%s: %s states no %s to group by; name another with --group", g->r->container, e->name, by);
	char *name = strcmp(by, "well") == 0 && plate ? c5_format("%s %s", plate, text) : c5_strdup(text);
	int err = name ? c5_dataset_group(g->d, name, group) : c5_fail(C5_ENOMEM, "out of memory");
	free(name);
	return err;
}

/* ---- classes ---- */

/* classes[k] is shown as `name`, and is the value `value`. */
static int class_add(gather *g, const char *name, const char *value, int32_t *class_of)
{
	int32_t k = g->d->n_classes;
	uint32_t v;
	for (int i = 0; i < k; i++)
		if (strcmp(g->d->classes[i], name) == 0) return c5_fail(C5_EUSAGE, "--classes: %s twice", name);
	int err = c5_dataset_add_class(g->d, name);
	if (err == C5_OK && c5_labels_find(&g->labels, value, &v)) class_of[v] = k;
	return err;
}

static int classes_named(gather *g, int32_t *class_of)
{
	char *list = c5_strdup(g->p->classes), *save = NULL;
	int err = list ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
	for (char *word = list ? strtok_r(list, ",", &save) : NULL; word && err == C5_OK; word = strtok_r(NULL, ",", &save)) {
		char *value = strchr(word, '=');
		if (value) *value++ = '\0';
		err = class_add(g, word, value ? value : word, class_of);
	}
	free(list);
	return err;
}

static int by_text(const void *a, const void *b) { return c5_natural_cmp(*(char *const *)a, *(char *const *)b); }

static int settle_classes(gather *g, int32_t *class_of)
{
	for (size_t i = 0; i < g->labels.n; i++) class_of[i] = -1;
	if (g->p->classes) return classes_named(g, class_of);
	const char **sorted;
	int err = c5_alloc(&sorted, g->labels.n, sizeof *sorted);
	if (err < 0) return err;
	for (size_t i = 0; i < g->labels.n; i++) sorted[i] = g->labels.values[i];
	qsort(sorted, g->labels.n, sizeof *sorted, by_text);
	if (g->labels.n > 1000)
		err = c5_fail(C5_EINPUT, "%s: %zu different values, these are no classes; name some with --classes", g->d->label, g->labels.n);
	for (size_t i = 0; i < g->labels.n && err == C5_OK; i++) err = class_add(g, sorted[i], sorted[i], class_of);
	free(sorted);
	return err;
}

static int add_items(gather *g, bool unlabelled)
{
	uint32_t *values = NULL, group;
	int32_t *class_of = NULL;
	size_t cap = 0;
	int err = C5_OK;
	if (g->labels.what) { /* once to learn the values, once to give them */
		for (size_t s = 0; s < g->n && err == C5_OK; s++) {
			if ((err = c5_grow(&values, &cap, g->d->sources[s].n + 1, sizeof *values)) == C5_OK)
				err = c5_labels_of(&g->labels, &g->d->sources[s], &g->experiments[s], values);
		}
		if (err == C5_OK && (err = c5_alloc(&class_of, g->labels.n + 1, sizeof *class_of)) == C5_OK) err = settle_classes(g, class_of);
	}
	for (size_t s = 0; s < g->n && err == C5_OK; s++) {
		uint64_t n = g->d->sources[s].n;
		if ((err = group_of(g, s, &group)) < 0) break;
		if (g->labels.what && ((err = c5_grow(&values, &cap, n + 1, sizeof *values)) < 0 ||
		    (err = c5_labels_of(&g->labels, &g->d->sources[s], &g->experiments[s], values)) < 0)) break;
		for (uint64_t i = 0; i < n && err == C5_OK; i++) {
			int32_t k = g->labels.what && values[i] != C5_LABEL_NONE ? class_of[values[i]] : -1;
			if (k >= 0 || unlabelled) err = c5_dataset_add_item(g->d, &(c5_item){ .source = (uint32_t)s, .group = group, .row = i, .label = k, .weight = 1 });
		}
	}
	free(class_of);
	free(values);
	return err;
}

/* Of n items of a class, every (n / most)-th is kept, so that all groups give some. */
static int thin_out(c5_dataset *d, uint64_t most)
{
	size_t *counts, *met = NULL, kept = 0;
	int err = c5_alloc(&counts, (size_t)d->n_classes + 1, sizeof *counts);
	if (err == C5_OK) err = c5_alloc(&met, (size_t)d->n_classes + 1, sizeof *met);
	if (err == C5_OK) c5_dataset_count(d, counts, NULL, 0);
	for (size_t i = 0; i < d->n && err == C5_OK; i++) {
		int32_t k = d->items[i].label;
		if (k >= 0 && counts[k] > most) {
			uint64_t m = met[k]++;
			if ((m + 1) * most / counts[k] == m * most / counts[k]) continue;
		}
		d->items[kept++] = d->items[i];
	}
	if (err == C5_OK) d->n = kept;
	free(met);
	free(counts);
	return err;
}

int c5_labelled_open(c5_dataset **out, const char *container, const c5_labelled_params *p, bool unlabelled)
{
	gather g = { .p = p };
	int err = c5_dataset_new(&g.d, (size_t)p->cache_mib << 20);
	*out = NULL;
	if (err < 0 || (err = reader_new(&g.r, container)) < 0) goto done;
	if ((err = c5_file_open(&g.file, container, C5_READ, "working")) < 0 || (err = open_all(&g)) < 0 || (err = settle_group(&g)) < 0) goto done;
	g.labels = (c5_labels){ .file = g.file, .worker = &g.r->worker };
	if ((err = c5_labels_choose(&g.labels, p->label, g.d, g.experiments, unlabelled && !p->classes)) < 0) goto done;
	if (g.labels.what && !(g.d->label = c5_strdup(g.labels.what))) err = c5_fail(C5_ENOMEM, "out of memory");
	if (err == C5_OK && (err = add_items(&g, unlabelled)) == C5_OK && p->per_class) err = thin_out(g.d, (uint64_t)p->per_class);
done:
	c5_labels_free(&g.labels);
	for (size_t i = 0; i < g.n; i++) c5_experiment_free(&g.experiments[i]);
	free(g.experiments);
	c5_file_close(g.file);
	if (g.r) reader_drop(g.r);
	if (err < 0) c5_dataset_free(g.d);
	else *out = g.d;
	return err;
}
