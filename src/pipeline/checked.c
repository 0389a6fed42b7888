/* checked.c – see checked.h. */
#include "pipeline/checked.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/text.h"
#include "container/run.h"

#define SAME_SIZE 0.05 /* pixel sizes this near are the same */

#define F(member) offsetof(c5_checked_params, member)
const c5_opt c5_checked_opts[] = {
	{ "class", C5_OPT_TEXT, F(class_name), NULL, 0, 0, NULL, "NAME",
	    "the score is the probability of this class; default senescent or positive, else the last" },
	{ "calibrated", C5_OPT_BOOL, F(calibrated), "true", 0, 0, NULL, NULL, "divide logits by the temperature stored with the model" },
	{ "views", C5_OPT_INT, F(views), "1", 1, C5_VIEWS_MOST, NULL, "N",
	    "ways each crop is looked at, the mean counts: 2 or 4 mirrored, 8 turned as well" },
	{ "kept-back", C5_OPT_BOOL, F(kept_back), "false", 0, 0, NULL, NULL,
	    "of models trained on this container, such as folds: each crop by those that did not learn from its experiment" },
	{ "resize", C5_OPT_BOOL, F(resize), "false", 0, 0, NULL, NULL, "resize crops that are of another size than the model takes" },
	{ "device", C5_OPT_TEXT, F(device), "auto", 0, 0, NULL, "NAME", "auto, cpu, cuda or cuda:N" },
	{ "batch", C5_OPT_INT, F(batch), "64", 1, 1024, NULL, NULL, "crops the device takes at a time; halved where memory is short" },
	{ "precision", C5_OPT_CHOICE, F(precision), "fp32", 0, 0, NULL, "fp32|bf16", "arithmetic of the network" },
	{ 0 },
};

/* ---- classes ---- */

static char *list_of(char *const *names, int n)
{
	c5_buf b = { 0 };
	for (int k = 0; k < n; k++) c5_text_addf(&b, "%s%s", k ? ", " : "", names[k]);
	return c5_text_take(&b);
}

/* class_of[k]: the models' class that the data's class k is. */
static int match_classes(const c5_checked *c, uint32_t *class_of)
{
	const c5_dataset *d = c->data;
	const c5_members *m = &c->members;
	for (int k = 0; k < d->n_classes; k++) {
		int j = 0;
		while (j < m->n_classes && strcmp(m->classes[j], d->classes[k]) != 0) j++;
		class_of[k] = (uint32_t)j;
		if (j < m->n_classes) continue;
		char *list = list_of(m->classes, m->n_classes);
		int err = c5_fail(C5_EINPUT, "%s: '%.80s' is no class of %s, which tells %s; say which values these are with --classes %s=VALUE,...",
		    d->label, d->classes[k], m->at[0].name,
			list ? list : "", m->classes[0]);
		free(list);
		return err;
	}
	return C5_OK;
}

static int check_classes(const c5_checked *c, const char *container)
{
	uint32_t first = 0;
	bool several = false;
	for (size_t i = 0; i < c->n; i++) {
		if (i == 0) first = c->truth[0];
		several |= c->truth[i] != first;
	}
	if (several) return C5_OK;
	if (!c->n) return c5_fail(C5_EINPUT, "%s: no crop has a class by %s; choose with --label or --classes", container, c->data->label);
	return c5_fail(C5_EINPUT, "%s: all %zu crops are %s by %s; at least two classes are needed to tell how well they are told apart", container, c->n,
		c->members.classes[first], c->data->label);
}

/* ---- size ---- */

/* Crops of the size the network takes; or of another, when they show as much of the world, pixel size times size, as those it was trained on. */
static int check_sizes(const c5_checked *c, const char *container)
{
	for (size_t m = 0; m < c->members.n; m++) {
		const c5_prepare *p = &c->members.at[m].prepare;
		double wants = c->members.stored[m].pixel_size_um;
		for (size_t s = 0; s < c->data->n_sources; s++) {
			const c5_crops *crops = &c->data->sources[s];
			double is = crops->pixel_um * crops->height / p->height;
			bool known = isfinite(wants) && isfinite(is) && wants > 0, same = known && fabs(is - wants) <= SAME_SIZE * wants;
			if (same || (!known && crops->height == p->height && crops->width == p->width)) continue;
			if (crops->height == p->height && crops->width == p->width)
				return c5_fail(C5_EINPUT,
				    "%s: %s: crops with pixels of %.3g um, %s learnt from pixels of %.3g um; cut others at its scale, or go on with --resize",
				    container, crops->experiment, crops->pixel_um, c->members.at[m].name, wants);
			return c5_fail(C5_EINPUT, "%s: %s: crops of %dx%d px, %s takes %dx%d; cut others with `cyto5 crop --size %d`, or go on with --resize",
			    container, crops->experiment, crops->height, crops->width, c->members.at[m].name, p->height, p->width, p->height);
		}
	}
	return C5_OK;
}

/* ---- who learnt from what ---- */

static bool same_file(const char *a, const char *b)
{
	struct stat x, y;
	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* Whether a member was trained on crops of this experiment of the same container. Only there can a path say so. */
static bool learnt_from(const c5_checked *c, size_t m, const char *container, const char *experiment)
{
	const char *name = c->members.at[m].name, *colon = strrchr(name, ':');
	const c5_stored_model *s = &c->members.stored[m];
	size_t n = strlen(experiment);
	bool here = !colon;
	if (colon) {
		char *file = c5_format("%.*s", (int)(colon - name), name);
		here = file && same_file(file, container);
		free(file);
	}
	for (size_t i = 0; here && i < s->n_data; i++) {
		const char *path = s->data[i].path;
		if (s->data[i].part && strcmp(s->data[i].part, "training") == 0 && path && strncmp(path, "/experiments/", 13) == 0 &&
		    strncmp(path + 13, experiment, n) == 0 && path[13 + n] == '/')
			return true;
	}
	return false;
}

/* Fills `item`, `truth` and `heard`: what each crop is, and who may speak of it. */
static int choose_items(c5_checked *c, const char *container, const uint32_t *class_of, bool kept_back)
{
	const c5_dataset *d = c->data;
	const size_t members = c->members.n;
	uint8_t *learnt = NULL, *heard = NULL;
	size_t met = 0;
	int err;
	if ((err = c5_alloc(&c->item, d->n + 1, sizeof *c->item)) < 0 || (err = c5_alloc(&c->truth, d->n + 1, sizeof *c->truth)) < 0 ||
	    (err = c5_alloc(&learnt, members * d->n_sources, 1)) < 0 ||
	    (err = c5_alloc(&heard, members * d->n + 1, 1)) < 0 || (err = c5_alloc(&c->heard, members * d->n + 1, 1)) < 0)
		goto done;
	for (size_t m = 0; m < members; m++)
		for (size_t s = 0; s < d->n_sources; s++) learnt[m * d->n_sources + s] = learnt_from(c, m, container, d->sources[s].experiment);
	for (size_t i = 0; i < d->n; i++) {
		size_t voices = 0;
		if (d->items[i].label < 0) continue;
		for (size_t m = 0; m < members; m++) voices += heard[m * d->n + c->n] = !learnt[m * d->n_sources + d->items[i].source];
		met += voices < members;
		c->left_out += voices == 0;
		if (voices == 0 && kept_back) continue;
		c->item[c->n] = (uint32_t)i;
		c->truth[c->n++] = class_of[d->items[i].label];
	}
	for (size_t m = 0; m < members; m++) memcpy(c->heard + m * c->n, heard + m * d->n, c->n);
	if (met && !kept_back)
		err = c5_fail(C5_EINPUT,
		    "%s: %s learnt from %zu of these %zu crops, which tell nothing of new ones; take others, or --kept-back: each "
		    "crop by models that did not see it",
			container, members > 1 ? "the models" : c->members.at[0].name, met, c->n);
	else if (!c->n && c->left_out) err = c5_fail(C5_EINPUT, "%s: the models learnt from all of its %zu labelled crops; none is left to check with",
	    container, c->left_out);
done:
	free(learnt);
	free(heard);
	return err;
}

/* ---- asking ---- */

typedef struct source { c5_crops *crops; } source;

static int read_source(void *ctx, uint64_t at, uint64_t count, void *pixels)
{
	c5_crops *crops = ((source *)ctx)->crops;
	return crops->read(crops, at, count, pixels);
}

/* Scores a stretch of crops of one source, whole batches, and keeps those that are asked about: items [from, to). */
static int ask_stretch(c5_checked *c, c5_scorer *scorer, source *s, uint64_t first, uint64_t count, size_t from, size_t to)
{
	const size_t members = c->members.n, classes = (size_t)c->members.n_classes;
	float *prob;
	int err = c5_alloc(&prob, members * count * classes, sizeof *prob);
	if (err == C5_OK) err = c5_scorer_run(scorer, first, count, read_source, NULL, s, prob);
	for (size_t m = 0; err == C5_OK && m < members; m++)
		for (size_t i = from; i < to && c->heard[m * c->n + from]; i++)
			memcpy(c->prob + (m * c->n + i) * classes, prob + (m * count + (size_t)(c->data->items[c->item[i]].row - first)) * classes,
			    classes * sizeof *prob);
	free(prob);
	return err;
}

static int ask_source(c5_checked *c, c5_scorer *scorer, uint32_t number, size_t from, size_t to)
{
	enum { STRETCH = 16 }; /* batches */
	source s = { &c->data->sources[number] };
	const uint64_t batch = (uint64_t)c5_scorer_batch(scorer);
	uint8_t *quiet;
	int err = c5_scorer_bind(scorer, s.crops->channels, s.crops->n_channels, s.crops->dtype, s.crops->height, s.crops->width);
	if (err < 0) return c5_fail_in(err, "%s", s.crops->experiment);
	if ((err = c5_alloc(&quiet, c->members.n, 1)) < 0) return err;
	for (size_t m = 0; m < c->members.n; m++) quiet[m] = !c->heard[m * c->n + from]; /* alike for all crops of an experiment */
	c5_scorer_quiet(scorer, quiet);
	while (err == C5_OK && from < to) {
		uint64_t first = c->data->items[c->item[from]].row / batch * batch, end = first + STRETCH * batch;
		size_t next = from;
		while (next < to && c->data->items[c->item[next]].row < end) next++;
		uint64_t last = c->data->items[c->item[next - 1]].row / batch * batch + batch;
		if (last > s.crops->n) last = s.crops->n;
		err = ask_stretch(c, scorer, &s, first, last - first, from, next);
		from = next;
	}
	c5_scorer_quiet(scorer, NULL);
	free(quiet);
	return err;
}

static int ask(c5_checked *c, const c5_checked_params *p)
{
	c5_device *device = NULL;
	c5_scorer *scorer = NULL;
	const int precision = strcmp(p->precision, "bf16") == 0 ? C5_BF16 : C5_FP32;
	int err = c5_device_open(&device, p->device ? p->device : "auto");
	if (err < 0) return err;
	if (!(c->device = c5_strdup(c5_device_name(device)))) err = c5_fail(C5_ENOMEM, "out of memory");
	for (size_t m = 0; !p->calibrated && m < c->members.n; m++) c->members.at[m].temperature = 1;
	if (err < 0 || (err = c5_scorer_open(&scorer, device, c->members.at, c->members.n, (int)p->batch, precision)) < 0 ||
	    (err = c5_scorer_views(scorer, (int)p->views)) < 0)
		goto done;
	if (c5_scorer_classes(scorer) != c->members.n_classes) {
		err = c5_fail(C5_EINPUT, "%s: its network gives %d classes, %d are named", c->members.at[0].name, c5_scorer_classes(scorer),
		    c->members.n_classes);
		goto done;
	}
	if ((err = c5_alloc(&c->prob, c->members.n * c->n * (size_t)c->members.n_classes + 1, sizeof *c->prob)) < 0) goto done;
	for (size_t from = 0, to; err == C5_OK && from < c->n; from = to) {
		uint32_t number = c->data->items[c->item[from]].source;
		for (to = from; to < c->n && c->data->items[c->item[to]].source == number; to++) {}
		err = ask_source(c, scorer, number, from, to);
	}
done:
	c5_scorer_close(scorer);
	c5_device_close(device);
	return err;
}

static int check_channels(const c5_checked *c)
{
	int from[C5_CHANNELS_MAX], err = C5_OK;
	for (size_t m = 0; err == C5_OK && m < c->members.n; m++)
		for (size_t s = 0; err == C5_OK && s < c->data->n_sources && !c->members.at[m].prepare.missing; s++)
			if ((err = c5_prepare_bind(from, &c->members.at[m].prepare, c->data->sources[s].channels)) < 0)
				err = c5_fail_in(err, "%s: %s", c->data->sources[s].experiment, c->members.at[m].name);
	return err;
}

int c5_checked_open(c5_checked *c, const char *models, const char *container, const c5_labelled_params *crops, const c5_checked_params *p)
{
	uint32_t *class_of = NULL;
	int err;
	memset(c, 0, sizeof *c);
	if ((err = c5_members_open(&c->members, container, models, true)) < 0 || (err = c5_members_class(&c->members, p->class_name, &c->positive)) < 0 ||
	    (err = c5_labelled_open(&c->data, container, crops, false)) < 0)
		return err;
	if ((err = c5_alloc(&class_of, (size_t)c->data->n_classes + 1, sizeof *class_of)) < 0 || (err = match_classes(c, class_of)) < 0 ||
	    (err = check_channels(c)) < 0 ||
	    (!p->resize && (err = check_sizes(c, container)) < 0) || (err = choose_items(c, container, class_of, p->kept_back)) < 0 ||
	    (err = check_classes(c, container)) < 0)
		goto done;
	err = ask(c, p);
done:
	free(class_of);
	return err;
}

void c5_checked_close(c5_checked *c)
{
	c5_members_close(&c->members);
	c5_dataset_free(c->data);
	free(c->item);
	free(c->truth);
	free(c->prob);
	free(c->heard);
	free(c->device);
	memset(c, 0, sizeof *c);
}

c5_answers c5_checked_answers(const c5_checked *c) { return (c5_answers){ c->prob, c->heard, c->members.n, c->n, (size_t)c->members.n_classes }; }
