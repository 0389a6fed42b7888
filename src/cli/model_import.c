/* model_import.c – `cyto5 model import` and `cyto5 model export`: networks of other programs in and out. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "cli/model.h"
#include "cli/print.h"
#include "container/run.h"
#include "formats/keras.h"
#include "formats/layered.h"
#include "pipeline/trained.h"
#include "train/prepare.h"

/* What each of these commands holds while it runs. */
typedef struct held { c5_cli cli; c5_model *m; c5_weights *w; c5_model_address to; c5_stored_model s; } held;

static void let_go(held *h, const c5_opt_group *groups)
{
	c5_stored_model_free(&h->s);
	c5_model_address_free(&h->to);
	c5_weights_free(h->w);
	c5_model_free(h->m);
	c5_cli_close(&h->cli, groups);
}

/* The command line of a command that makes the model its second word names. */
static int open_made(held *h, const c5_command *command, const c5_opt_group *groups, int argc, char **argv)
{
	c5_stored_model_init(&h->s);
	int err = c5_cli_open(&h->cli, command, groups, argc, argv, 2, 2);
	if (err < 0 || h->cli.helped || (err = c5_model_address_parse(&h->to, h->cli.words[1])) < 0) return err;
	return h->to.number ? c5_fail(C5_EUSAGE, "%s: revisions number themselves; leave the @ out", h->cli.words[1]) : C5_OK;
}

/* ---- import ---- */

struct import { char *architecture, *labels, *kind, *licence, *note, *names; bool by_name; double subtract, divide; };
static const c5_opt import_opts[] = {
	{ "architecture", C5_OPT_TEXT, offsetof(struct import, architecture), NULL, 0, 0, NULL, "MODEL",
	  "what weights alone are for: FILE.yml, FILE.h5:NAME or a model that ships" },
	{ "by-name", C5_OPT_BOOL, offsetof(struct import, by_name), NULL, 0, 0, NULL, NULL, "take layers of the same names only; else all, by order" },
	{ "labels", C5_OPT_TEXT, offsetof(struct import, labels), NULL, 0, 0, NULL, "FILE", "names of the classes, one a line" },
	{ "names", C5_OPT_TEXT, offsetof(struct import, names), NULL, 0, 0, NULL, "LIST", "channels of the images it takes, as red,green,blue" },
	{ "subtract", C5_OPT_REAL, offsetof(struct import, subtract), "0", 0, 0, NULL, NULL, "from every pixel, with --names" },
	{ "divide", C5_OPT_REAL, offsetof(struct import, divide), "1", 0, 0, NULL, NULL, "every pixel by it, then" },
	{ "kind", C5_OPT_TEXT, offsetof(struct import, kind), "classify", 0, 0, NULL, NULL, "what it is for" },
	{ "licence", C5_OPT_TEXT, offsetof(struct import, licence), NULL, 0, 0, NULL, NULL, "under which the weights may be used" },
	{ "note", C5_OPT_TEXT, offsetof(struct import, note), NULL, 0, 0, NULL, NULL, "a line for people" },
	{ 0 },
};

/* "  12  tabby cat" is tabby cat, where the number is the line's. */
static char *label_of(char *line, size_t index)
{
	char *end;
	size_t n = strlen(line);
	while (n && isspace((unsigned char)line[n - 1])) line[--n] = '\0';
	unsigned long number = strtoul(line, &end, 10);
	if (end != line && number == index && isspace((unsigned char)*end)) line = end;
	while (isspace((unsigned char)*line)) line++;
	return c5_strdup(line);
}

static int read_labels(c5_stored_model *s, const char *path)
{
	char *line = NULL;
	size_t room = 0, cap = 0;
	int err = C5_OK;
	FILE *f = fopen(path, "r");
	if (!f) return c5_fail(errno == ENOENT ? C5_ENOTFOUND : C5_EIO, "%s: %s", path, strerror(errno));
	while (err == C5_OK && getline(&line, &room, f) >= 0) {
		if ((err = c5_grow(&s->classes, &cap, s->n_classes + 1, sizeof *s->classes)) < 0) break;
		char *name = label_of(line, s->n_classes);
		if (!name) err = c5_fail(C5_ENOMEM, "out of memory");
		else s->classes[s->n_classes++] = (c5_stored_class){ name, -1 };
	}
	free(line);
	fclose(f);
	return err;
}

static int check_labels(const c5_stored_model *s, const c5_model *m, const char *path)
{
	const c5_layer *out = &m->layers[m->outputs[0]];
	if (!s->n_classes || out->shape[0] == (int)s->n_classes) return C5_OK;
	return c5_fail(C5_EINPUT, "%s: %zu names, the model tells %d classes apart", path, s->n_classes, out->shape[0]);
}

/* Channels by commas, and what is done to their pixels. */
static int read_channels(c5_stored_model *s, const c5_model *m, const struct import *set)
{
	const c5_layer *in = &m->layers[0];
	c5_prepare p = { .channels = in->shape[0], .height = in->shape[1], .width = in->shape[2], .scaling = C5_SCALE_CHANNEL };
	char *copy = c5_strdup(set->names), *save = NULL;
	c5_buf b = { 0 };
	int err = copy ? c5_alloc(&s->channels, C5_CHANNELS_MAX, sizeof *s->channels) : c5_fail(C5_ENOMEM, "out of memory");
	if (err == C5_OK && in->rank != 3) err = c5_fail(C5_EUSAGE, "--names is for models of images");
	for (char *word = copy ? strtok_r(copy, ",", &save) : NULL; err == C5_OK && word; word = strtok_r(NULL, ",", &save)) {
		if (s->n_channels == C5_CHANNELS_MAX || strlen(word) >= C5_CHANNEL_TEXT)
			err = c5_fail(C5_EUSAGE, "--names: at most %d names of %d bytes", C5_CHANNELS_MAX, C5_CHANNEL_TEXT - 1);
		else {
			size_t i = s->n_channels++;
			s->channels[i].name = c5_strdup(word);
			snprintf(p.names[i], sizeof p.names[i], "%s", word);
			p.mean[i] = set->subtract;
			p.sd[i] = set->divide;
			if (!s->channels[i].name) err = c5_fail(C5_ENOMEM, "out of memory");
		}
	}
	if (err == C5_OK && (int)s->n_channels != in->shape[0])
		err = c5_fail(C5_EUSAGE, "--names: %zu channels, the model takes %d", s->n_channels, in->shape[0]);
	if (err == C5_OK) {
		c5_prepare_add_yaml(&b, 0, &p);
		if (!(s->preprocessing = c5_text_take(&b))) err = C5_ENOMEM;
	}
	free(copy);
	return err;
}

/* The network, from whichever layout the file has. */
static int read_network(c5_model **m, c5_weights **w, const char *path, const struct import *set, const c5_model_wish *wish, c5_keras_told *told)
{
	c5_keras_how how = { .by_name = set->by_name };
	c5_stored_model s;
	bool stored = false;
	int err = c5_model_size(&how.height, &how.width, wish->size);
	if (err < 0) return err;
	if (c5_layered_is(path)) return c5_layered_read(m, w, path);
	if (!set->architecture) return c5_keras_read(m, w, path, &how, told);
	c5_stored_model_init(&s);
	if ((err = c5_model_pick(m, &s, &stored, set->architecture, wish)) == C5_OK && (err = c5_weights_new(w, *m)) == C5_OK) {
		c5_weights_init(*w, *m, 1); /* what --by-name does not find */
		err = c5_keras_read_weights(*w, *m, path, &how, told);
	}
	c5_stored_model_free(&s);
	return err;
}

static int fill(c5_stored_model *s, const c5_model *m, const c5_weights *w, const char *path, const struct import *set, const c5_keras_told *told)
{
	bool layered = c5_layered_is(path);
	char *full = realpath(path, NULL);
	int err = c5_trained_pack(s, m, w);
	s->source = layered ? c5_layered_source(path) : NULL;
	if (!s->source) s->source = c5_format("%s%s%s", full ? full : path, told->version[0] ? ", Keras " : "", told->version);
	s->origin = c5_strdup("imported");
	s->kind = c5_strdup(set->kind);
	s->licence = c5_strdup(set->licence);
	s->note = c5_strdup(set->note);
	free(full);
	if (err == C5_OK && (!s->source || !s->origin)) err = c5_fail(C5_ENOMEM, "out of memory");
	if (err == C5_OK && layered) {
		err = c5_layered_sample(&s->sample_input, &s->n_sample_input, &s->sample_output, &s->n_sample_output, path);
		if (err == C5_ENOTFOUND) err = C5_OK;
	}
	if (err == C5_OK && set->labels && (err = read_labels(s, set->labels)) == C5_OK) err = check_labels(s, m, set->labels);
	if (err == C5_OK && set->names) err = read_channels(s, m, set);
	return err;
}

static int import(int argc, char **argv)
{
	struct import set = { 0 };
	c5_model_wish wish = { 0 };
	const c5_opt_group groups[] = { { "Import", import_opts, &set }, { "Architecture", c5_model_wish_opts, &wish }, { NULL, NULL, NULL } };
	c5_keras_told told = { 0 };
	char count[C5_SIZE_TEXT];
	held h = { 0 };
	int err = open_made(&h, &c5_cmd_model_import, groups, argc, argv);
	if (err < 0 || h.cli.helped || (err = read_network(&h.m, &h.w, h.cli.words[0], &set, &wish, &told)) < 0) goto done;
	if (told.left) c5_log(C5_LOG_WARN, "%s: %d layers were not found and keep first values; %d were", h.cli.words[0], told.left, told.taken);
	if ((err = fill(&h.s, h.m, h.w, h.cli.words[0], &set, &told)) < 0) goto done;
	if ((err = c5_model_store(h.to.file, h.to.name, &h.s, "model import", argc, argv)) == C5_OK)
		printf("%s:%s %s: %d layers, %s parameters\n", h.to.file, h.to.name, c5_revision_name(h.s.revision), h.m->n_layers,
			c5_count_text(count, h.s.count));
done:
	let_go(&h, groups);
	return err;
}

const c5_command c5_cmd_model_import = {
	"model import", C5_LEARN, "take in a network of Keras, or weights for one of ours", "FILE OUT.h5:NAME",
	"cyto5 model import saved.h5 plate.h5:lenet --names phase --divide 255\n"
	"cyto5 model import saved.keras plate.h5:ours --size 64x64\n"
	"cyto5 model import run.weights.h5 plate.h5:ours --architecture mine.yml\n",
	import,
};

/* ---- new ---- */

struct fresh { int64_t seed; };
static const c5_opt new_opts[] = {
	{ "seed", C5_OPT_INT, offsetof(struct fresh, seed), "1", 0, 0, NULL, NULL, "of the first values" },
	{ 0 },
};

static int make_new(int argc, char **argv)
{
	struct fresh set = { 0 };
	c5_model_wish wish = { 0 };
	const c5_opt_group groups[] = { { "Model", c5_model_wish_opts, &wish }, { "New", new_opts, &set }, { NULL, NULL, NULL } };
	bool stored = false;
	held h = { 0 };
	int err = open_made(&h, &c5_cmd_model_new, groups, argc, argv);
	if (err < 0 || h.cli.helped || (err = c5_model_pick(&h.m, &h.s, &stored, h.cli.words[0], &wish)) < 0 || (err = c5_weights_new(&h.w, h.m)) < 0)
		goto done;
	c5_weights_init(h.w, h.m, (uint64_t)set.seed);
	c5_stored_model_free(&h.s); /* of another one its layers alone */
	c5_stored_model_init(&h.s);
	h.s.origin = c5_strdup("new");
	if ((err = c5_trained_pack(&h.s, h.m, h.w)) == C5_OK && (err = c5_model_store(h.to.file, h.to.name, &h.s, "model new", argc, argv)) == C5_OK)
		printf("%s:%s %s\n", h.to.file, h.to.name, c5_revision_name(h.s.revision));
done:
	let_go(&h, groups);
	return err;
}

const c5_command c5_cmd_model_new = {
	"model new", C5_LEARN, "a network that has learnt nothing yet", "MODEL OUT.h5:NAME",
	"cyto5 model new resnet18 plate.h5:fresh --size 64x64 --classes 3\n"
	"cyto5 model new mine.yml plate.h5:fresh\n",
	make_new,
};

/* ---- export ---- */

struct export { bool keras, force; };
static const c5_opt export_opts[] = {
	{ "keras", C5_OPT_BOOL, offsetof(struct export, keras), "true", 0, 0, NULL, NULL,
		"as Keras' legacy .h5, for load_model of tf.keras and Keras 3; OUT.weights.h5: the weights alone, for load_weights of Keras 3" },
	{ "force", C5_OPT_BOOL, offsetof(struct export, force), NULL, 0, 0, NULL, NULL, "write over a file that is there" },
	{ 0 },
};

static int export(int argc, char **argv)
{
	struct export set = { 0 };
	const c5_opt_group groups[] = { { "Export", export_opts, &set }, { NULL, NULL, NULL } };
	held h = { 0 };
	c5_stored_model_init(&h.s);
	int err = c5_cli_open(&h.cli, &c5_cmd_model_export, groups, argc, argv, 2, 2);
	if (err < 0 || h.cli.helped) goto done;
	const char *from = h.cli.words[0], *to = h.cli.words[1];
	if (!set.keras) err = c5_fail(C5_EUSAGE, "--no-keras: no other form is known");
	if (err == C5_OK && (err = c5_trained_read(&h.m, &h.w, &h.s, from)) == C5_OK && (err = c5_keras_write(to, h.m, h.w, set.force)) == C5_OK)
		printf("%s\n", to);
done:
	let_go(&h, groups);
	return err;
}

const c5_command c5_cmd_model_export = {
	"model export", C5_LEARN, "write a network as a file Keras loads", "FILE.h5:NAME OUT.h5",
	"cyto5 model export plate.h5:senescence for-keras.h5\n"
	"cyto5 model export plate.h5:senescence new.weights.h5   # weights alone\n",
	export,
};
