/* cmd_identify.c – `cyto5 identify FILE.h5|IMAGE ...`: what kind of images these are, and how large what they show is; compared with what the
 * container says of them and with what a model was trained on. */
#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/disk.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/identify.h"
#include "cli/print.h"
#include "container/run.h"
#include "image/filter.h"
#include "image/source.h"
#include "pipeline/identify_fit.h"
#include "pipeline/identify_frames.h"
#include "pipeline/trained.h"

typedef struct settings { char *model, *against, *like, *experiments, *channel, *device; int64_t frames; bool json; } settings;

#define F(member) offsetof(settings, member)
static const c5_opt identify_opts[] = {
	{ "model", C5_OPT_TEXT, F(model), NULL, 0, 0, NULL, "FILE.h5:NAME", "network that looks; unset: the one that ships with cyto5" },
	{ "for", C5_OPT_TEXT, F(against), NULL, 0, 0, NULL, "FILE.h5:NAME",
		"compare with what this model was trained on: is it fit for these images, and at which scale?" },
	{ "like", C5_OPT_TEXT, F(like), NULL, 0, 0, NULL, "PATH,...", "compare scales with these images or containers instead" },
	{ "experiments", C5_OPT_TEXT, F(experiments), NULL, 0, 0, NULL, "GLOB", "of these names only" },
	{ "channel", C5_OPT_TEXT, F(channel), NULL, 0, 0, NULL, "NAME", "this channel only" },
	{ "frames", C5_OPT_INT, F(frames), "4", 1, 8, NULL, "N", "frames of each channel to look at, evenly spread; more are surer" },
	{ "device", C5_OPT_TEXT, F(device), "cpu", 0, 0, NULL, "auto|cpu|cuda[:N]", "where it runs" },
	{ "json", C5_OPT_BOOL, F(json), NULL, 0, 0, NULL, NULL, "answer in JSON, one object a channel" },
	{ 0 },
};

typedef struct looker {
	const settings *set;
	c5_identifier *id;
	c5_codec *codec;
	char digest[65];            /* of the network */
	c5_stored_model against;    /* the model compared with, or what stands for images compared with; nothing said: none */
	bool learning;              /* looks at those images now */
	c5_profile profile;         /* their mean */
	double log2_px, n_sizes;
	c5_buf json;
	size_t told;
} looker;

/* ---- one channel ---- */

static void add_json(looker *l, const char *file, const char *experiment, const c5_channel *c, const c5_identity *i, double ratio)
{
	c5_buf *b = &l->json;
	c5_text_add(b, l->told ? ",\n{" : "{");
	c5_json_str(b, "file", file);
	c5_json_str(b, "experiment", experiment);
	c5_json_str(b, "channel", c->name);
	c5_json_str(b, "recorded", c->modality);
	c5_json_str(b, "modality", c5_identify_modality(i->best));
	c5_json_str(b, "kind", c5_identify_kind(i->best));
	c5_json_real(b, "probability", i->probability);
	c5_json_key(b, "kinds");
	c5_text_add(b, "{");
	for (int k = 0; k < C5_KINDS; k++) c5_json_real(b, c5_identify_kind(k), i->kind[k]);
	c5_text_add(b, "}");
	c5_json_bool(b, "agrees", c5_identify_agrees(i->best, c->modality));
	c5_json_real(b, "diameter_px", i->diameter_px);
	c5_json_real(b, "spread_octaves", i->spread);
	c5_json_real(b, "ratio", ratio);
	c5_json_int(b, "tiles", i->tiles);
	c5_text_add(b, "}");
}

static void tell(looker *l, const char *file, const char *experiment, const c5_channel *c, const c5_identity *i)
{
	const char *kind = c5_identify_kind(i->best), *modality = c5_identify_modality(i->best);
	const char *trained_on = c5_fit_modality(&l->against);
	double ratio = c5_fit_ratio(&l->against, i, l->digest);
	if (l->set->json) {
		add_json(l, file, experiment, c, i, ratio);
	} else {
		char word[48], name[120];
		snprintf(name, sizeof name, "%.60s/%.40s", experiment, c->name);
		snprintf(word, sizeof word, strcmp(kind, modality) ? "%s (%s)" : "%s", modality, kind);
		if (!l->told) printf("%-32s %-24s %6s %9s %5s%s\n", "experiment/channel", "modality", "sure", "objects", "+-", isfinite(ratio) ? "  scale" : "");
		printf("%-32s %-24s %5.1f%% %6.1f px %3.0f %%", name, word, 100 * i->probability, i->diameter_px, 100 * (exp2(i->spread) - 1));
		if (isfinite(ratio)) printf("  %.2f x", ratio);
		printf("\n");
	}
	l->told++;
	if (!c5_identify_agrees(i->best, c->modality))
		c5_log(C5_LOG_WARN, "%s: %s/%s is recorded as %s, but looks like %s (%.0f %%)", file, experiment, c->name, c->modality, modality,
			100 * i->probability);
	if (!c5_identify_agrees(i->best, trained_on))
		c5_log(C5_LOG_WARN, "%s: %s/%s looks like %s; model %s was trained on %s", file, experiment, c->name, modality, l->set->against, trained_on);
	if (ratio > C5_FIT_NEAR || ratio < 1 / C5_FIT_NEAR)
		c5_log(C5_LOG_WARN, "%s: %s/%s is %.2g x as large as %s%s; rescale the images by %.2f", file, experiment, c->name, ratio,
			l->set->like ? "" : "the images behind model ", l->set->like ? l->set->like : l->set->against, 1 / ratio);
}

static int look(looker *l, const char *file, const char *experiment, const c5_channel *c, const c5_few_frames *few)
{
	c5_identity i;
	int err = c5_identify(l->id, few->frames, few->n, &i);
	if (err < 0) return c5_fail_in(err, "%s: %s/%s", file, experiment, c->name);
	if (l->learning) {
		c5_profile_add(&l->profile, &i.profile);
		l->log2_px += log2(i.diameter_px), l->n_sizes++;
		return C5_OK;
	}
	tell(l, file, experiment, c, &i);
	return C5_OK;
}

/* ---- containers and images ---- */

static int look_at_experiment(looker *l, c5_file *f, const char *file, const char *name, size_t *found)
{
	c5_experiment e = { 0 };
	int err = c5_experiment_read(f, name, &e);
	for (size_t i = 0; i < e.n_channels && err == C5_OK; i++) {
		const c5_channel *c = &e.channels[i];
		c5_few_frames few = { 0 };
		if ((l->set->channel && strcmp(l->set->channel, c->name)) || c->frames == 0) continue;
		++*found;
		err = c5_few_frames_read(&few, f, l->codec, name, c, (size_t)l->set->frames);
		if (err == C5_OK) err = look(l, file, name, c, &few);
		c5_few_frames_clear(&few);
	}
	c5_experiment_free(&e);
	return err;
}

static int look_at_container(looker *l, const char *file)
{
	c5_file *f = NULL;
	char **names = NULL;
	size_t n = 0, found = 0;
	int err = c5_file_open(&f, file, C5_READ, NULL);
	if (err == C5_OK) err = c5_list(f, "/experiments", &names, &n);
	for (size_t i = 0; i < n && err == C5_OK; i++)
		if (!l->set->experiments || !fnmatch(l->set->experiments, names[i], 0)) err = look_at_experiment(l, f, file, names[i], &found);
	if (err == C5_OK && !found) err = c5_fail(C5_ENOTFOUND, "%s: no channel%s%s%s%s to look at", file, l->set->channel ? " " : "",
		l->set->channel ? l->set->channel : "", l->set->experiments ? " in " : "", l->set->experiments ? l->set->experiments : "");
	c5_names_free(names, n);
	c5_file_close(f);
	return err;
}

static int read_series(c5_few_frames *few, c5_frame_reader *reader, const c5_series *s, const c5_scan_params *params, size_t most)
{
	size_t n = s->t < most ? s->t : most, area = (size_t)s->height * s->width;
	void *raw = NULL;
	int err;
	if ((err = c5_alloc(&few->frames, n, sizeof *few->frames)) < 0 || (err = c5_alloc(&raw, area, c5_dtype_size(s->dtype))) < 0) return err;
	for (size_t i = 0; i < n && err == C5_OK; i++) {
		float *pixels;
		if ((err = c5_alloc_aligned(&pixels, area, sizeof *pixels)) < 0) break;
		few->frames[i] = (c5_identify_frame){ pixels, s->height, s->width };
		few->n = i + 1;
		err = c5_frame_read(reader, s, (uint32_t)(n > 1 ? i * (s->t - 1) / (n - 1) : s->t / 2), c5_frame_planes(s, params) / 2, raw);
		if (err == C5_OK) err = c5_filter_to_float(pixels, s->dtype, raw, area, NULL);
	}
	free(raw);
	return err;
}

static int look_at_images(looker *l, const char *path)
{
	c5_scan_params params = { 0 };
	c5_scan *scan = NULL;
	c5_frame_reader *reader = NULL;
	size_t found = 0;
	int err = c5_opt_defaults(c5_scan_opts, &params);
	if (err == C5_OK && !params.plane && !(params.plane = c5_strdup("luminance"))) err = c5_fail(C5_ENOMEM, "out of memory");
	if (err == C5_OK) err = c5_scan_inputs(&scan, &params, 1, &path);
	if (err == C5_OK) err = c5_frame_reader_open(&reader, scan, &params);
	for (size_t i = 0; err == C5_OK && i < scan->n_series; i++) {
		const c5_series *s = &scan->series[i];
		const c5_channel c = { .name = s->channel, .modality = s->modality };
		c5_few_frames few = { 0 };
		if ((l->set->channel && strcmp(l->set->channel, s->channel)) || (l->set->experiments && fnmatch(l->set->experiments, s->experiment, 0))) continue;
		found++;
		if (s->error) err = c5_fail(s->error_code, "%s", s->error);
		else err = read_series(&few, reader, s, &params, (size_t)l->set->frames);
		if (err == C5_OK) err = look(l, path, s->experiment, &c, &few);
		c5_few_frames_clear(&few);
	}
	if (err == C5_OK && !found)
		err = c5_fail(C5_ENOTFOUND, "%s: no image%s%s to look at", path, l->set->channel ? " of channel " : "", l->set->channel ? l->set->channel : "");
	c5_frame_reader_close(reader);
	c5_scan_free(scan);
	c5_opt_clear(c5_scan_opts, &params);
	return err;
}

static int look_at(looker *l, const char *path) { return c5_disk_is_hdf5(path) ? look_at_container(l, path) : look_at_images(l, path); }

/* The mean of what --like names, in place of a model. */
static int look_at_likes(looker *l)
{
	char *list = c5_strdup(l->set->like), *rest = NULL;
	int err = list ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
	l->learning = true;
	for (char *path = list ? strtok_r(list, ",", &rest) : NULL; path && err == C5_OK; path = strtok_r(NULL, ",", &rest)) err = look_at(l, path);
	l->learning = false;
	free(list);
	if (err < 0 || l->n_sizes <= 0) return err < 0 ? err : c5_fail(C5_EUSAGE, "--like names no image");
	l->against.object_px = exp2(l->log2_px / l->n_sizes);
	if ((err = c5_alloc(&l->against.profile, C5_PROFILE_NUMBERS, sizeof *l->against.profile)) < 0) return err;
	memcpy(l->against.profile, &l->profile, sizeof l->profile);
	l->against.n_profile = C5_PROFILE_NUMBERS;
	return (l->against.profile_by = c5_strdup(l->digest)) ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
}

/* ---- the command ---- */

static int read_against(looker *l)
{
	int err = c5_trained_read(NULL, NULL, &l->against, l->set->against);
	if (err == C5_OK && !isfinite(l->against.object_px) && !c5_fit_modality(&l->against))
		c5_log(C5_LOG_WARN, "model %s does not say what images it was trained on: it is older than that, or its container had crops without their frames",
			l->set->against);
	return err;
}

static int run_identify(int argc, char **argv)
{
	settings set = { 0 };
	looker l = { .set = &set };
	const c5_opt_group groups[] = { { "Settings", identify_opts, &set }, { NULL, NULL, NULL } };
	c5_device *device = NULL;
	c5_cli cli;
	c5_stored_model_init(&l.against);
	int err = c5_cli_open(&cli, &c5_cmd_identify, groups, argc, argv, 1, -1);
	if (err < 0 || cli.helped) goto done;
	if (set.against && set.like) { err = c5_fail(C5_EUSAGE, "--for and --like: one of them is compared with"); goto done; }
	if (set.against && (err = read_against(&l)) < 0) goto done;
	if ((err = c5_device_open(&device, set.device)) < 0 || (err = c5_identify_open(&l.id, device, set.model, l.digest)) < 0 ||
	    (err = c5_codec_open(&l.codec)) < 0) goto done;
	if (set.json) c5_text_add(&l.json, "[");
	if (set.like && (err = look_at_likes(&l)) < 0) goto done;
	for (int i = 0; i < cli.n && err == C5_OK; i++) err = look_at(&l, cli.words[i]);
	if (err == C5_OK && set.json) {
		c5_text_add(&l.json, "]\n");
		if (l.json.err) err = c5_fail(C5_ENOMEM, "out of memory");
		else fwrite(l.json.data, 1, l.json.size, stdout);
	}
done:
	c5_buf_free(&l.json);
	c5_stored_model_free(&l.against);
	c5_codec_close(l.codec);
	c5_identifier_close(l.id);
	c5_device_close(device);
	c5_cli_close(&cli, groups);
	return err;
}

static int run(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "train")) return c5_cmd_identify_train.run(argc - 1, argv + 1);
	return run_identify(argc, argv);
}

const c5_command c5_cmd_identify = {
	"identify", C5_LOOK, "tell kind and scale of images, and whether a model is fit for them", "[train] FILE.h5|IMAGE ... [--for FILE.h5:MODEL]",
	"cyto5 identify screen.h5                    # modality and size of objects of every channel\n"
	"cyto5 identify new.tif --for old.h5:senescence   # warns where the model saw another kind or size\n"
	"cyto5 identify train known.h5               # has a --help of its own\n",
	run,
};
