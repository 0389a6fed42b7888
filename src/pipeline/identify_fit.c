/* identify_fit.c – see identify_fit.h. */
#include "pipeline/identify_fit.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "pipeline/identify_frames.h"

#define EXPERIMENTS 4 /* looked at, evenly spread */

static int add_frame(c5_few_frames *all, c5_file *f, c5_codec *codec, const char *name, const char *channel)
{
	c5_experiment e = { 0 };
	const c5_channel *c;
	c5_few_frames one = { 0 };
	int err = c5_experiment_read(f, name, &e);
	if (err == C5_OK) err = c5_experiment_channel(&e, e.n_channels == 1 ? NULL : channel, &c); /* one alone may have no name: "ch0" */
	if (err == C5_OK) err = c5_few_frames_read(&one, f, codec, name, c, 1);
	if (err == C5_OK && one.n == 1) {
		all->frames[all->n++] = one.frames[0];
		one.n = 0;
	}
	c5_few_frames_clear(&one);
	c5_experiment_free(&e);
	return err;
}

int c5_identify_experiments(c5_identity *out, char digest[65], c5_file *f, char *const *names, size_t n, const char *channel)
{
	c5_few_frames all = { 0 };
	c5_device *device = NULL;
	c5_identifier *id = NULL;
	c5_codec *codec = NULL;
	size_t few = n < EXPERIMENTS ? n : EXPERIMENTS;
	int err;
	if ((err = c5_device_open(&device, "cpu")) < 0 || (err = c5_identify_open(&id, device, NULL, digest)) < 0 || (err = c5_codec_open(&codec)) < 0 ||
	    (err = c5_alloc(&all.frames, few + 1, sizeof *all.frames)) < 0)
		goto done;
	for (size_t i = 0; i < few && err == C5_OK; i++) err = add_frame(&all, f, codec, names[few > 1 ? i * (n - 1) / (few - 1) : 0], channel);
	if (err == C5_OK) err = c5_identify(id, all.frames, all.n, out);
done:
	c5_few_frames_clear(&all);
	c5_codec_close(codec);
	c5_identifier_close(id);
	c5_device_close(device);
	return err;
}

void c5_fit_note(c5_stored_model *s, const char *container, char *const *names, size_t n)
{
	c5_identity i;
	char digest[65];
	c5_file *f = NULL;
	if (!n || !s->n_channels) return;
	int err = c5_file_open(&f, container, C5_READ, "working");
	if (err == C5_OK) err = c5_identify_experiments(&i, digest, f, names, n, s->channels[0].name);
	c5_file_close(f);
	if (err < 0) {
		c5_log(C5_LOG_DEBUG, "what kind and size the images are is not noted: %s", c5_error_last());
		c5_error_clear();
		return;
	}
	s->object_px = i.diameter_px;
	if (c5_alloc(&s->profile, C5_PROFILE_NUMBERS, sizeof *s->profile) < 0 || !(s->profile_by = c5_strdup(digest))) return;
	memcpy(s->profile, &i.profile, sizeof i.profile);
	s->n_profile = C5_PROFILE_NUMBERS;
	if (!s->channels[0].modality) s->channels[0].modality = c5_strdup(c5_identify_modality(i.best));
}

double c5_fit_ratio(const c5_stored_model *s, const c5_identity *i, const char *digest)
{
	c5_profile reference;
	double ratio = NAN;
	if (s->n_profile == C5_PROFILE_NUMBERS && s->profile_by && !strcmp(s->profile_by, digest)) {
		memcpy(&reference, s->profile, sizeof reference);
		ratio = c5_profile_ratio(&reference, &i->profile);
	}
	return isfinite(ratio) ? ratio : i->diameter_px / s->object_px;
}

const char *c5_fit_modality(const c5_stored_model *s) { return s->n_channels ? s->channels[0].modality : NULL; }

static void warn_kind(const c5_stored_model *s, const char *model, const c5_identity *i)
{
	const char *modality = c5_fit_modality(s);
	if (!c5_identify_agrees(i->best, modality))
		c5_log(C5_LOG_WARN, "channel %s looks like %s (%.0f %%), model %s was trained on %s: its answers may mean nothing", s->channels[0].name,
			c5_identify_modality(i->best), 100 * i->probability, model, modality);
}

static void warn_scale(const c5_stored_model *s, const char *model, const c5_identity *i, double ratio, const char *instead)
{
	if (ratio > C5_FIT_NEAR || ratio < 1 / C5_FIT_NEAR)
		c5_log(C5_LOG_WARN, "channel %s: objects of about %.0f px, %.2g x as large as those model %s was trained on; rescale the images by %.2f%s, or "
			"train on such images", s->channels[0].name, i->diameter_px, ratio, model, 1 / ratio, instead);
}

/* Share of a frame's pixels that are as bright as any. */
static double share_brightest(const c5_identify_frame *frame)
{
	const size_t n = frame->height * frame->width;
	size_t count = 0;
	float most = -INFINITY;
	for (size_t i = 0; i < n; i++) {
		if (frame->pixels[i] > most) most = frame->pixels[i], count = 0;
		count += frame->pixels[i] >= most;
	}
	return n ? (double)count / (double)n : 0;
}

/* Frames that are burnt out are told, of as few experiments as are looked at above: the first that is. */
static void warn_burnt(const c5_stored_model *s, c5_file *f, char *const *names, size_t n)
{
	const size_t few = n < EXPERIMENTS ? n : EXPERIMENTS;
	c5_codec *codec = NULL;
	bool told = !s->n_channels || c5_codec_open(&codec) < 0;
	for (size_t i = 0; i < few && !told; i++) {
		const char *name = names[few > 1 ? i * (n - 1) / (few - 1) : 0];
		c5_identify_frame frame[2];
		c5_few_frames one = { .frames = frame };
		if (add_frame(&one, f, codec, name, s->channels[0].name) < 0 || !one.n) continue;
		const double share = share_brightest(&frame[0]);
		if ((told = share > C5_FIT_BURNT))
			c5_log(C5_LOG_WARN, "%s: %.1f %% of the pixels of %s are as bright as can be: it is burnt out, and nothing can be seen there", name, 100 * share,
				s->channels[0].name);
		free((void *)(uintptr_t)frame[0].pixels);
	}
	c5_codec_close(codec);
	c5_error_clear();
}

/* Whether what can be known is, as error code; without a word where it is not. */
static int look(const c5_stored_model *s, c5_identity *i, double *ratio, c5_file *f, char *const *names, size_t n)
{
	char digest[65];
	int err = n && s->n_channels && isfinite(s->object_px) ? C5_OK : c5_fail(C5_EINPUT, "it does not say what images it was trained on");
	if (err == C5_OK) err = c5_identify_experiments(i, digest, f, names, n, s->channels[0].name);
	if (err == C5_OK) *ratio = c5_fit_ratio(s, i, digest);
	return err;
}

void c5_fit_warn(const c5_stored_model *s, const char *model, c5_file *f, char *const *names, size_t n)
{
	c5_identity i;
	double ratio;
	warn_burnt(s, f, names, n);
	if (look(s, &i, &ratio, f, names, n) < 0) {
		c5_log(C5_LOG_DEBUG, "whether model %s is fit for these images is not known: %s", model, c5_error_last());
		c5_error_clear();
		return;
	}
	warn_kind(s, model, &i);
	warn_scale(s, model, &i, ratio, "");
}

int c5_fit_rescale(double *factor, const char *rescale, const c5_stored_model *s, const char *model, c5_file *f, char *const *names, size_t n)
{
	c5_identity i;
	double ratio;
	char *end = NULL;
	const bool automatic = !strcmp(rescale, "auto");
	*factor = automatic ? 1 : strtod(rescale, &end);
	if (!automatic && (end == rescale || *end || !(*factor >= 1 / C5_FIT_MOST && *factor <= C5_FIT_MOST)))
		return c5_fail(C5_EUSAGE, "--rescale: %s; auto, or a factor from %g to %g is expected", rescale, 1 / C5_FIT_MOST, C5_FIT_MOST);
	warn_burnt(s, f, names, n);
	int err = look(s, &i, &ratio, f, names, n);
	if (err == C5_OK && automatic && !isfinite(ratio)) err = c5_fail(C5_EINPUT, "images and model show nothing to compare");
	if (err < 0 && automatic) return c5_fail_in(err, "--rescale auto: at which scale model %s was trained is not known; state the factor", model);
	if (err < 0) {
		c5_log(C5_LOG_DEBUG, "whether model %s is fit for these images is not known: %s", model, c5_error_last());
		c5_error_clear();
		return C5_OK;
	}
	warn_kind(s, model, &i);
	if (automatic) {
		*factor = fmax(1 / C5_FIT_MOST, fmin(C5_FIT_MOST, 1 / ratio));
		c5_log(C5_LOG_INFO, "channel %s: what model %s sees is made %.3g x as large, as in the images it was trained on", s->channels[0].name, model,
			*factor);
	} else {
		warn_scale(s, model, &i, ratio * *factor, *factor < 1 || *factor > 1 ? " more" : " (--rescale auto does)");
	}
	return C5_OK;
}
