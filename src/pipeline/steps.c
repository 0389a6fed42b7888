/* steps.c – the table of steps and what they share; see steps.h. */
#include "pipeline/steps.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "container/run.h"
#include "pipeline/score.h"
#include "pipeline/stain_model.h"
#include "pipeline/train_step.h"

const c5_step_ops *const c5_steps[] = {
	&c5_step_ingest, &c5_step_simulate, &c5_step_drift, &c5_step_segment, &c5_step_objects, &c5_step_crop, &c5_step_track, &c5_step_stain,
	&c5_step_forecast, &c5_step_train, &c5_step_score, &c5_step_explain, &c5_step_import, NULL,
};

extern const c5_step_kind c5_kind_ingest, c5_kind_simulate, c5_kind_drift, c5_kind_segment, c5_kind_objects, c5_kind_crop, c5_kind_track,
	c5_kind_stain, c5_kind_forecast, c5_kind_import;
const c5_step_kind *const c5_step_kinds[] = {
	&c5_kind_ingest, &c5_kind_simulate, &c5_kind_drift, &c5_kind_segment, &c5_kind_objects, &c5_kind_crop, &c5_kind_track, &c5_kind_stain,
	&c5_kind_forecast, &c5_kind_train, &c5_kind_score, &c5_kind_explain, &c5_kind_import, NULL,
};

const c5_step_ops *c5_step_find(const char *name)
{
	for (int i = 0; c5_steps[i]; i++)
		if (strcmp(c5_steps[i]->kind->name, name) == 0) return c5_steps[i];
	return NULL;
}

int c5_step_ready(const c5_step *step, const char *container)
{
	static const struct { const c5_step_kind *kind; int (*ready)(const c5_step *step, const char *container); } checks[] = {
		{ &c5_kind_train, c5_train_step_ready }, { &c5_kind_score, c5_score_ready }, { &c5_kind_explain, c5_explain_ready },
		{ &c5_kind_stain, c5_stain_ready }, { &c5_kind_forecast, c5_forecast_ready },
	};
	for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
		if (step->kind == checks[i].kind) return checks[i].ready(step, container);
	return C5_OK;
}

int c5_step_preset(const c5_step_kind *kind, void *params, const c5_yaml_node *settings)
{
	return kind == &c5_kind_train ? c5_train_step_preset(params, settings) : C5_OK;
}

bool c5_step_makes_model(const c5_step *earlier, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++)
		if (earlier[i].kind == &c5_kind_train && c5_train_step_makes(&earlier[i], word)) return true;
	return false;
}

uint64_t c5_frames_per_unit(uint64_t height, uint64_t width)
{
	uint64_t pixels = height * width, n = pixels ? (UINT64_C(2) << 20) / pixels : 1;
	return n < 1 ? 1 : n > 64 ? 64 : n;
}

int c5_step_input(const c5_run_context *run, const char *experiment, const char *product, const char *made_by, char **path)
{
	uint32_t number;
	if (!(*path = c5_format("/experiments/%s/%s/%s", experiment, product, c5_revision_name(run->run)))) return c5_fail(C5_ENOMEM, "out of memory");
	if (c5_exists(run->file, *path)) return C5_OK;
	free(*path);
	*path = NULL;
	int err = c5_revision_latest(run->file, experiment, product, &number);
	if (err < 0) return err;
	if (!number) return c5_fail(C5_ENOTFOUND, "%s: no %s yet; put the step `%s` before this one", experiment, product, made_by);
	*path = c5_format("/experiments/%s/%s/%s", experiment, product, c5_revision_name(number));
	return *path ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
}

static void set_axis(c5_axis *a, const char *name, double step, const char *unit, const char *unit_unknown)
{
	bool known = step > 0 && isfinite(step);
	snprintf(a->name, sizeof a->name, "%s", name);
	snprintf(a->unit, sizeof a->unit, "%s", known ? unit : unit_unknown);
	a->step = known ? step : 1;
}

void c5_step_axes(c5_array_spec *s, const c5_experiment *e)
{
	int i = 0;
	set_axis(&s->axes[i++], "time", e->frame_interval_s, "s", "frame");
	if (s->rank == 4) set_axis(&s->axes[i++], "z", e->z_step_um, "um", "plane");
	set_axis(&s->axes[i++], "y", e->pixel_size_um, "um", "px");
	set_axis(&s->axes[i], "x", e->pixel_size_um, "um", "px");
}

int c5_step_sign(c5_array_spec *s, const c5_step *step, const char *input)
{
	char *settings = c5_opt_json(step->kind->opts, step->params);
	int err = settings ? c5_spec_attr_str(s, "step", step->kind->name) : c5_fail(C5_ENOMEM, "out of memory");
	if (err == C5_OK) err = c5_spec_attr_f64(s, "method_version", step->kind->version);
	if (err == C5_OK) err = c5_spec_attr_str(s, "settings", settings);
	if (err == C5_OK) err = c5_spec_attr_str(s, "input", input);
	free(settings);
	return err;
}

int c5_step_missing(c5_file *f, const c5_array_spec *s, uint64_t n, uint64_t per_item, uint8_t **missing)
{
	c5_array *a;
	*missing = NULL;
	if (!c5_exists(f, s->path)) return C5_OK;
	int err = c5_array_open(&a, f, s->path);
	if (err < 0) return err;
	if ((err = c5_alloc(missing, n, 1)) == C5_OK)
		for (uint64_t i = 0; i < n; i++)
			for (uint64_t k = 0; k < per_item && !(*missing)[i]; k++) (*missing)[i] = !c5_array_has_chunk(a, i * per_item + k);
	c5_array_close(a);
	return err;
}

int c5_step_plan_each(const c5_run_context *run, const c5_step *step, c5_plan *plan,
	int (*one)(const c5_run_context *run, const c5_step *step, c5_plan *plan, c5_job *j, const char *name))
{
	for (size_t i = 0; i < run->n_names; i++) {
		c5_job *j;
		int err = c5_plan_add_job(plan, &j);
		if (err < 0) return err;
		if ((err = one(run, step, plan, j, run->names[i])) < 0 && (err == C5_ENOMEM || (err = c5_job_fail(j)) < 0)) return err;
		if (j->error && !j->experiment.name && !(j->experiment.name = c5_strdup(run->names[i]))) return c5_fail(C5_ENOMEM, "out of memory");
	}
	return C5_OK;
}

int c5_step_counts(c5_file *f, const char *masks, uint64_t frames, uint64_t pixels, uint64_t **before)
{
	c5_array *a = NULL;
	c5_codec *codec = NULL;
	uint8_t *rows = NULL;
	const c5_column *objects;
	const char *name = strrchr(masks, '/');
	char *path = c5_format("%.*s/frames%s", (int)(name - masks) - (int)strlen("/masks"), masks, name);
	int err = path ? c5_table_open(&a, f, path) : c5_fail(C5_ENOMEM, "out of memory");
	*before = NULL;
	if (err < 0) goto done;
	const c5_array_spec *s = c5_array_spec_of(a);
	if ((err = c5_codec_open(&codec)) < 0 || (err = c5_spec_find_column(s, "objects", &objects)) < 0) goto done;
	if (s->dims[0] != frames || objects->dtype != C5_U32) {
		err = c5_fail(C5_ESCHEMA, "%s: %llu rows, the masks have %llu frames", path, (unsigned long long)s->dims[0], (unsigned long long)frames);
		goto done;
	}
	if ((err = c5_alloc(&rows, frames, s->row_size)) < 0 || (err = c5_array_read_rows(a, codec, 0, frames, rows)) < 0) goto done;
	if ((err = c5_alloc(before, frames + 1, sizeof **before)) < 0) goto done;
	for (uint64_t i = 0; i < frames; i++) {
		uint32_t n;
		memcpy(&n, rows + i * s->row_size + objects->offset, sizeof n);
		if (n > pixels) {
			err = c5_fail(C5_ESCHEMA, "%s: %u objects in frame %llu, which has %llu pixels", path, n, (unsigned long long)i, (unsigned long long)pixels);
			goto done;
		}
		(*before)[i + 1] = (*before)[i] + n;
	}
done:
	free(rows);
	c5_codec_close(codec);
	c5_array_close(a);
	free(path);
	return err;
}

int c5_step_read_labels(c5_worker *w, const char *masks, uint64_t t, int k, uint32_t **labels)
{
	const c5_array_spec *there;
	uint16_t *narrow;
	int err = c5_worker_spec(w, masks, &there);
	if (err < 0 || (err = c5_spec_is_masks(there)) < 0) return err;
	uint64_t n = there->dims[1] * there->dims[2];
	bool wide = there->dtype == C5_U32;
	if ((err = c5_worker_scratch(w, k, n * sizeof **labels, labels)) < 0) return err;
	if (wide) return c5_worker_read_frame(w, masks, t, 0, *labels);
	if ((err = c5_worker_scratch(w, k + 1, n * sizeof *narrow, &narrow)) < 0 || (err = c5_worker_read_frame(w, masks, t, 0, narrow)) < 0) return err;
	for (uint64_t i = 0; i < n; i++) (*labels)[i] = narrow[i];
	return C5_OK;
}
