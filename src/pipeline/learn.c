/* learn.c – see learn.h. */
#include "pipeline/learn.h"

#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/dtype.h"
#include "base/error.h"
#include "base/random.h"
#include "base/sha256.h"
#include "base/text.h"
#include "pipeline/trained.h"
#include "train/transfer.h"

#define MEMBER_KEY UINT64_C(0x6d656d626572)
#define MEASURED_CROPS 4096 /* so many tell mean and deviation of all */

#define F(member) offsetof(c5_learn_params, member)
const c5_opt c5_learn_split_opts[] = {
#include "pipeline/learn_split_rows.h"
	{ 0 },
};
const c5_opt c5_learn_model_opts[] = {
#include "pipeline/learn_model_rows.h"
	{ 0 },
};
const c5_opt c5_learn_goal_opts[] = {
#include "pipeline/learn_goal_rows.h"
	{ 0 },
};

/* ---- channels and size ---- */

static int add_channel(c5_prepare *p, const char *name, size_t n)
{
	if (p->channels >= C5_CHANNELS_MAX || n >= C5_CHANNEL_TEXT || n == 0)
		return c5_fail(C5_EINPUT, "channels: 1 to %d names of up to %d bytes are taken", C5_CHANNELS_MAX, C5_CHANNEL_TEXT - 1);
	memcpy(p->names[p->channels], name, n);
	p->names[p->channels++][n] = '\0';
	return C5_OK;
}

/* Those asked for, or all of the first crops; whether all crops have them is asked when they are bound. */
static int choose_channels(c5_learn *l)
{
	const c5_crops *c = &l->data->sources[0];
	const char *list = l->set->learn.channels ? l->set->learn.channels : c->channels;
	int err = C5_OK;
	if (!list || !*list) return c5_fail(C5_EINPUT, "%s: the crops do not name their channels; cut them anew with `cyto5 crop`", c->path);
	for (const char *at = list; *at && err == C5_OK;) {
		size_t n = strcspn(at, ",");
		err = add_channel(&l->prepare, at, n);
		at += n + (at[n] == ',');
	}
	for (size_t s = 0; s < l->data->n_sources && err == C5_OK; s++) {
		int from[C5_CHANNELS_MAX];
		if ((err = c5_prepare_bind(from, &l->prepare, l->data->sources[s].channels)) < 0) err = c5_fail_in(err, "%s", l->data->sources[s].path);
	}
	return err;
}

/* The one size all crops have; 0 when there are several. */
static void crop_size(const c5_learn *l, int *height, int *width)
{
	*height = l->data->sources[0].height, *width = l->data->sources[0].width;
	for (size_t s = 1; s < l->data->n_sources; s++)
		if (l->data->sources[s].height != *height || l->data->sources[s].width != *width) *height = *width = 0;
}

/* ---- the network ---- */

static int read_from(c5_learn *l, c5_stored_model *s)
{
	const char *from = l->set->learn.from;
	if (!from) return C5_OK;
	if (!(l->source = c5_strdup(from))) return c5_fail(C5_ENOMEM, "out of memory");
	return c5_trained_read(&l->from_model, &l->from, s, from);
}

static int fixed_model(c5_model **out, const char *text)
{
	size_t n = strlen(text);
	bool file = access(text, F_OK) == 0 || strchr(text, '/') || (n > 4 && (strcmp(text + n - 4, ".yml") == 0 || strcmp(text + n - 5, ".yaml") == 0));
	*out = NULL;
	return file ? c5_model_read(out, text) : C5_OK;
}

static const c5_layer *input_of(const c5_model *m)
{
	for (int i = 0; i < m->n_layers; i++)
		if (m->layers[i].kind == C5_LAYER_INPUT) return &m->layers[i];
	return &m->layers[0];
}

/* A network of one input for `channels`, in the size it is to have. */
static int base_model(c5_learn *l, int channels, c5_model **out)
{
	const c5_learn_params *p = &l->set->learn;
	const char *name = p->model ? p->model : "sesmo";
	c5_model *given = NULL;
	int height, width, err = C5_OK;
	crop_size(l, &height, &width);
	if (p->size) height = width = (int)p->size;
	if (p->model || !l->from_model) err = fixed_model(&given, name);
	else err = c5_model_copy(&given, l->from_model);
	if (err < 0) return err;
	if (!given && !height) return c5_fail(C5_EINPUT, "the crops are of different sizes; say with --size to which they are resized");
	if (!given) return c5_model_named(out, name, channels, height, width, l->data->n_classes, p->width);
	/* it comes with a size of its own, which is kept unless another is asked for */
	const c5_layer *in = input_of(given);
	if (!p->model && in->shape[0] != channels && p->fusion && strcmp(p->fusion, "early") == 0) err = C5_OK; /* its first layer is adapted */
	else if (p->model && in->shape[0] != channels)
		err = c5_fail(C5_EINPUT, "%s: its input has %d channels, the crops give it %d (%s%s); choose with --channels", name, in->shape[0], channels,
			l->prepare.names[0], l->prepare.channels > 1 ? ", ..." : "");
	if (err == C5_OK && p->model && c5_model_classes(given) && c5_model_classes(given) != l->data->n_classes)
		err = c5_fail(C5_EINPUT, "%s: its output has %d classes, the crops have %d", name, c5_model_classes(given), l->data->n_classes);
	if (err == C5_OK) err = c5_model_adapt(out, given, channels, p->size ? height : in->shape[1], p->size ? width : in->shape[2], l->data->n_classes);
	c5_model_free(given);
	return err;
}

/* Another head instead of the network's own. */
static int take_features(c5_learn *l)
{
	c5_model *whole = l->model;
	l->model = NULL;
	int err = c5_model_features(&l->model, whole, l->set->learn.features, l->data->n_classes);
	c5_model_free(whole);
	return err;
}

static int make_model(c5_learn *l)
{
	const c5_learn_params *p = &l->set->learn;
	bool late = strcmp(p->fusion, "late") == 0 && l->prepare.channels > 1;
	c5_model *base = NULL;
	int err = base_model(l, late ? 1 : l->prepare.channels, &base);
	if (err < 0) return err;
	const c5_layer *in = input_of(base);
	l->prepare.height = in->shape[1], l->prepare.width = in->shape[2];
	l->n_inputs = late ? l->prepare.channels : 1;
	for (int i = 0; i < l->n_inputs; i++) l->input_channels[i] = late ? 1 : l->prepare.channels;
	if (late) {
		if (l->prepare.channels > C5_FEED_PORTS)
			err = c5_fail(C5_EUSAGE, "late fusion of %d channels: up to %d are taken", l->prepare.channels, C5_FEED_PORTS);
		else err = c5_model_fuse(&l->model, base, l->prepare.channels);
		c5_model_free(base);
	} else l->model = base;
	if (err == C5_OK && p->features) err = take_features(l);
	if (err == C5_OK && p->dropout >= 0 && !c5_model_dropout(l->model, p->dropout))
		err = c5_fail(C5_EUSAGE, "--dropout %g: %s has no dropout layers; leave it out, or choose another --model", p->dropout, l->model->name);
	if (err == C5_OK && c5_model_classes(l->model) != l->data->n_classes)
		err = c5_fail(C5_EINPUT, "%s: is no classifier of %d classes: its output must be a softmax over them", l->model->name, l->data->n_classes);
	return err;
}

/* ---- scaling ---- */

static double full_of(int dtype)
{
	switch (dtype) {
	case C5_U8: return 255;
	case C5_U16: return 65535;
	case C5_U32: return 4294967295.0;
	default: return 1;
	}
}

static int choose_scaling(c5_learn *l, const c5_stored_model *from)
{
	const c5_learn_params *p = &l->set->learn;
	c5_prepare before = { .scaling = C5_SCALE_CHANNEL };
	int err = C5_OK;
	l->prepare.missing = l->set->augment.drop_channel > 0 && l->prepare.channels > 1;
	l->prepare.low = p->low, l->prepare.high = p->high;
	l->prepare.full = full_of(l->data->sources[0].dtype);
	if (strcmp(p->scaling, "auto") != 0) {
		while (l->prepare.scaling < C5_SCALINGS && strcmp(c5_scaling_name(l->prepare.scaling), p->scaling) != 0) l->prepare.scaling++;
	} else if (from->preprocessing && c5_trained_is_for(from, "classify", l->source) == C5_OK) { /* other kinds prepare in their own ways */
		if ((err = c5_fail_stored(c5_prepare_parse(&before, l->source, from->preprocessing))) < 0) return err;
		l->prepare.scaling = before.scaling;
		if (before.scaling == C5_SCALE_PERCENTILE) l->prepare.low = before.low, l->prepare.high = before.high;
	}
	if (p->high <= p->low) err = c5_fail(C5_EUSAGE, "--high %g: expected above --low %g", p->high, p->low);
	return err;
}

/* ---- layers ---- */

static int choose_layers(c5_learn *l)
{
	const c5_learn_params *p = &l->set->learn;
	int err = C5_OK;
	if (p->freeze) {
		l->freeze_upto = c5_model_upto(l->model, p->freeze);
		if (l->freeze_upto < 0) return c5_fail(C5_ENOTFOUND, "--freeze %s: %s has no such layer; `cyto5 model` lists them", p->freeze, l->model->name);
		if (!l->from) return c5_fail(C5_EUSAGE, "--freeze %s: nothing is there to be kept; begin with a trained model, --from FILE.h5:NAME", p->freeze);
	}
	if (strcmp(l->set->train.optimizer, "logistic") == 0 && !l->from)
		return c5_fail(C5_EUSAGE, "--optimizer logistic fits the last layer alone, and nothing before it has learnt yet; "
			"begin with a trained model, --from FILE.h5:NAME");
	if (!p->layer_rates) return C5_OK;
	if ((err = c5_alloc(&l->layer_rate, (size_t)l->model->n_layers, sizeof *l->layer_rate)) < 0) return err;
	for (int i = 0; i < l->model->n_layers; i++) l->layer_rate[i] = 1;
	char *list = c5_strdup(p->layer_rates), *save = NULL;
	if (!list) err = c5_fail(C5_ENOMEM, "out of memory");
	for (char *word = list ? strtok_r(list, ",", &save) : NULL; word && err == C5_OK; word = strtok_r(NULL, ",", &save)) {
		char *equals = strrchr(word, '=');
		double factor;
		int found = 0;
		if (!equals) {
			err = c5_fail(C5_EUSAGE, "--layer-rates '%s': GLOB=FACTOR is expected", word);
			break;
		}
		*equals = '\0';
		if ((err = c5_text_to_real(&factor, equals + 1)) < 0) break;
		for (int i = 0; i < l->model->n_layers; i++)
			if (fnmatch(word, l->model->layers[i].name, 0) == 0) l->layer_rate[i] = (float)factor, found++;
		if (!found) err = c5_fail(C5_ENOTFOUND, "--layer-rates: no layer of %s matches '%s'", l->model->name, word);
	}
	free(list);
	return err;
}

/* "senescent=2,control=1": a class that is not named weighs 1. */
static int choose_weights(c5_learn *l)
{
	const char *all = l->set->learn.class_weights;
	size_t n = (size_t)l->data->n_classes;
	if (!all) return C5_OK;
	char *list = c5_strdup(all), *save = NULL;
	int err = list ? c5_alloc(&l->class_weight, n, sizeof *l->class_weight) : c5_fail(C5_ENOMEM, "out of memory");
	for (size_t k = 0; k < n && err == C5_OK; k++) l->class_weight[k] = 1;
	for (char *word = list ? strtok_r(list, ",", &save) : NULL; word && err == C5_OK; word = strtok_r(NULL, ",", &save)) {
		char *equals = strrchr(word, '=');
		double factor = 0;
		size_t k = 0;
		if (!equals) {
			err = c5_fail(C5_EUSAGE, "--class-weights '%s': CLASS=FACTOR is expected", word);
			break;
		}
		*equals = '\0';
		while (k < n && strcmp(l->data->classes[k], word) != 0) k++;
		if (k == n) err = c5_fail(C5_ENOTFOUND, "--class-weights: there is no class %s; the first is %s", word, l->data->classes[0]);
		else if ((err = c5_text_to_real(&factor, equals + 1)) == C5_OK && !(factor >= 0))
			err = c5_fail(C5_EUSAGE, "--class-weights %s=%s: a number from 0 is expected", word, equals + 1);
		if (err == C5_OK) l->class_weight[k] = (float)factor;
	}
	free(list);
	return err;
}

/* ---- all of it ---- */

static int check_sizes(const c5_learn *l)
{
	for (size_t s = 0; s < l->data->n_sources && !l->resize; s++) {
		const c5_crops *c = &l->data->sources[s];
		if (c->height != l->prepare.height || c->width != l->prepare.width)
			return c5_fail(C5_EINPUT, "%s: crops of %dx%d px, %s takes %dx%d; resize them with --resize, or cut others", c->path, c->height, c->width,
				l->model->name, l->prepare.height, l->prepare.width);
	}
	return C5_OK;
}

static int count_trainings(c5_learn *l)
{
	const c5_learn_params *p = &l->set->learn;
	if (p->fold && (!p->folds || p->fold > p->folds)) return c5_fail(C5_EUSAGE, "--fold %lld: of %lld --folds", (long long)p->fold, (long long)p->folds);
	if (p->folds == 1) return c5_fail(C5_EUSAGE, "--folds 1: at least two are needed");
	if (p->folds && p->validate) return c5_fail(C5_EUSAGE, "--validate names the groups to keep back, --folds deals them out; give one of them");
	l->folds = p->folds && !p->fold ? (int)p->folds : 1;
	l->first_fold = p->fold ? (int)p->fold - 1 : 0;
	l->members = (int)p->members;
	l->n = l->folds * l->members;
	return C5_OK;
}

static int split(const c5_learn *l, int fold, bool look_for_leaks, uint8_t *part)
{
	const c5_learn_params *p = &l->set->learn;
	uint64_t seed = (uint64_t)l->set->train.seed;
	int err;
	if (p->folds) err = c5_split_fold(part, l->data, (int)p->folds, fold, seed);
	else if (p->validate) err = c5_split_named(part, l->data, p->validate);
	else if (strcmp(p->split, "crop") == 0) err = c5_split_crops(part, l->data, p->share, seed);
	else err = c5_split_share(part, l->data, p->share, seed);
	if (err == C5_OK) err = c5_dataset_check(l->data, part, C5_PART_TRAIN, "training");
	if (err == C5_OK && (p->validate || p->share > 0 || p->folds) && !c5_dataset_count(l->data, NULL, part, C5_PART_VALIDATE))
		err = c5_fail(C5_EINPUT, "no group can be kept back for validation without a class losing all its examples; there are %zu groups (by %s): "
			"add experiments, choose --group, or go without with --validation 0", l->data->n_groups, l->data->group_by);
	return err < 0 || p->force_leak || !look_for_leaks ? err : c5_split_leaks(part, l->data);
}

int c5_learn_part(const c5_learn *l, int k, uint8_t *part) { return split(l, l->first_fold + k / l->members, false, part); }

/* Every split is tried before anything is trained. */
static int check_splits(c5_learn *l)
{
	uint8_t *part;
	int err = c5_alloc(&part, l->data->n + 1, 1);
	for (int f = 0; err == C5_OK && f < l->folds; f++) err = split(l, l->first_fold + f, true, part);
	free(part);
	return err;
}

int c5_learn_open(c5_learn **out, const char *container, const c5_learn_settings *set)
{
	c5_learn *l;
	c5_stored_model from;
	int err = c5_alloc(&l, 1, sizeof *l);
	*out = NULL;
	if (err < 0) return err;
	c5_stored_model_init(&from);
	l->set = set;
	l->resize = set->learn.resize || set->learn.size > 0;
	if ((err = count_trainings(l)) < 0 || (err = c5_labelled_open(&l->data, container, &set->labelled, false)) < 0 ||
	    (err = c5_dataset_check(l->data, NULL, 0, NULL)) < 0 || (err = choose_channels(l)) < 0 || (err = read_from(l, &from)) < 0 ||
	    (err = make_model(l)) < 0 || (err = check_sizes(l)) < 0 || (err = choose_scaling(l, &from)) < 0 || (err = choose_layers(l)) < 0 ||
	    (err = choose_weights(l)) < 0 || (err = c5_dataset_cache(l->data)) < 0)
		goto done;
	err = check_splits(l);
done:
	c5_stored_model_free(&from);
	if (err < 0) c5_learn_close(l);
	else *out = l;
	return err;
}

void c5_learn_close(c5_learn *l)
{
	if (!l) return;
	c5_dataset_free(l->data);
	c5_model_free(l->model);
	c5_model_free(l->from_model);
	c5_weights_free(l->from);
	free(l->source);
	free(l->layer_rate);
	free(l->class_weight);
	free(l);
}

char *c5_learn_name(const c5_learn *l, const char *name, int k)
{
	int fold = l->first_fold + k / l->members + 1, member = k % l->members + 1;
	if (l->folds > 1 && l->members > 1) return c5_format("%s-fold%d-%d", name, fold, member);
	if (l->folds > 1) return c5_format("%s-fold%d", name, fold);
	return l->members > 1 ? c5_format("%s-%d", name, member) : c5_strdup(name);
}

/* The first member has the seed that was given. */
static uint64_t member_seed(uint64_t seed, int member)
{
	c5_random r;
	if (!member) return seed;
	c5_random_start(&r, seed ^ MEMBER_KEY, (uint64_t)member);
	return c5_random_u64(&r) >> 11;
}

int c5_learn_begin(c5_learn *l, int k, c5_learnt *t)
{
	const c5_learn_params *p = &l->set->learn;
	int err;
	*t = (c5_learnt){ .prepare = l->prepare, .seed = member_seed((uint64_t)l->set->train.seed, k % l->members) };
	if ((err = c5_alloc(&t->part, l->data->n + 1, 1)) < 0 || (err = split(l, l->first_fold + k / l->members, false, t->part)) < 0) return err;
	if (t->prepare.scaling == C5_SCALE_CHANNEL && (err = c5_prepare_measure(&t->prepare, l->data, t->part, MEASURED_CROPS)) < 0) return err;
	t->how = (c5_crop_feed){ .prepare = &t->prepare, .augment = &l->set->augment, .n_inputs = l->n_inputs, .per_epoch = (size_t)p->per_epoch,
		.class_weight = l->class_weight, .balance = strcmp(p->balance, "sample") == 0 ? C5_BALANCE_SAMPLE : strcmp(p->balance, "weight") == 0
			? C5_BALANCE_WEIGHT : C5_BALANCE_NONE };
	memcpy(t->how.input_channels, l->input_channels, sizeof l->input_channels);
	if ((err = c5_feed_crops(&t->feed, &t->how, l->data, t->part, l->resize)) < 0) return err;
	t->loss = (c5_loss){ .kind = strcmp(p->loss, "focal") == 0 ? C5_LOSS_FOCAL : C5_LOSS_CROSS_ENTROPY, .smoothing = (float)p->smoothing,
		.gamma = (float)p->gamma, .share = 1 };
	if ((err = c5_weights_new(&t->weights, l->model)) < 0) return err;
	c5_weights_init(t->weights, l->model, t->seed);
	return l->from ? c5_transfer(t->weights, l->model, l->from, l->from_model, &l->taken, &l->left) : C5_OK;
}

void c5_learn_end(c5_learnt *t)
{
	c5_feed_crops_free(t->feed);
	free(t->part);
	c5_weights_free(t->weights);
	*t = (c5_learnt){ 0 };
}

/* ---- what is said of the result ---- */

static int add_data(c5_stored_model *s, const char *path, const char *part, size_t items, const char *sha256)
{
	size_t cap = s->n_data;
	int err = c5_grow(&s->data, &cap, s->n_data + 1, sizeof *s->data);
	if (err < 0) return err;
	c5_stored_data *d = &s->data[s->n_data++];
	*d = (c5_stored_data){ .path = c5_strdup(path), .sha256 = c5_strdup(sha256), .part = c5_strdup(part), .items = (int64_t)items };
	return d->path && d->sha256 && d->part ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
}

/* Of each source and part: how many crops, and the SHA-256 of their digests in order. */
static int tell_data(const c5_learn *l, const uint8_t *part, c5_stored_model *s)
{
	static const char *const parts[] = { NULL, "training", "validation" };
	enum { DIGEST = sizeof l->data->digests->sha256 };
	const c5_dataset *d = l->data;
	size_t (*from)[3] = NULL, at = 0;
	uint8_t *digests = NULL;
	char sum[C5_SHA256_TEXT];
	int err = c5_dataset_digests(l->data);
	if (err < 0 || (err = c5_alloc(&from, d->n_sources + 1, sizeof *from)) < 0 || (err = c5_alloc(&digests, d->n + 1, DIGEST)) < 0) goto done;
	for (size_t i = 0; i < d->n; i++) from[d->items[i].source][part[i]]++;
	for (size_t x = 0; x < d->n_sources; x++)
		for (int k = 0; k < 3; k++) {
			size_t n = from[x][k];
			from[x][k] = at;
			at += n;
		}
	for (size_t i = 0; i < d->n; i++) memcpy(digests + DIGEST * from[d->items[i].source][part[i]]++, d->digests[i].sha256, DIGEST);
	for (size_t x = 0; x < d->n_sources && err == C5_OK; x++) /* each now ends where it says */
		for (int k = C5_PART_TRAIN; k <= C5_PART_VALIDATE && err == C5_OK; k++) {
			size_t begin = from[x][k - 1], n = from[x][k] - begin;
			if (n) err = add_data(s, d->sources[x].path, parts[k], n, c5_sha256(sum, digests + DIGEST * begin, DIGEST * n));
		}
done:
	free(digests);
	free(from);
	return err;
}

static int tell_classes(const c5_learn *l, const uint8_t *part, c5_stored_model *s)
{
	size_t *counts, n = (size_t)l->data->n_classes;
	int err = c5_alloc(&counts, n, sizeof *counts);
	if (err < 0 || (err = c5_alloc(&s->classes, n, sizeof *s->classes)) < 0) goto done;
	s->n_classes = n;
	c5_dataset_count(l->data, counts, part, C5_PART_TRAIN);
	for (size_t k = 0; k < n && err == C5_OK; k++) {
		s->classes[k] = (c5_stored_class){ c5_strdup(l->data->classes[k]), (int64_t)counts[k] };
		if (!s->classes[k].name) err = c5_fail(C5_ENOMEM, "out of memory");
	}
done:
	free(counts);
	return err;
}

static int tell_channels(const c5_prepare *p, c5_stored_model *s)
{
	int err = c5_alloc(&s->channels, (size_t)p->channels, sizeof *s->channels);
	if (err < 0) return err;
	s->n_channels = (size_t)p->channels;
	for (int c = 0; c < p->channels; c++)
		if (!(s->channels[c].name = c5_strdup(p->names[c]))) return c5_fail(C5_ENOMEM, "out of memory");
	return C5_OK;
}

int c5_learn_describe(c5_learn *l, int k, c5_stored_model *s)
{
	c5_prepare prepare = l->prepare;
	c5_buf b = { 0 };
	uint8_t *part;
	int err = c5_alloc(&part, l->data->n + 1, 1);
	if (err == C5_OK) err = split(l, l->first_fold + k / l->members, false, part);
	if (err == C5_OK && prepare.scaling == C5_SCALE_CHANNEL) err = c5_prepare_measure(&prepare, l->data, part, MEASURED_CROPS);
	if (err < 0) goto done;
	c5_prepare_add_yaml(&b, 0, &prepare);
	s->preprocessing = c5_text_take(&b);
	s->kind = c5_strdup("classify");
	s->origin = c5_strdup("trained");
	s->source = c5_strdup(l->source);
	s->pixel_size_um = l->data->sources[0].pixel_um;
	if (l->data->sources[0].height != prepare.height && prepare.height) s->pixel_size_um *= (double)l->data->sources[0].height / prepare.height;
	if (!s->preprocessing || !s->kind || !s->origin) err = c5_fail(C5_ENOMEM, "out of memory");
	if (err == C5_OK && (err = tell_classes(l, part, s)) == C5_OK && (err = tell_channels(&prepare, s)) == C5_OK) err = tell_data(l, part, s);
done:
	free(part);
	return err;
}
