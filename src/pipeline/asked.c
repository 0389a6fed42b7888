/* asked.c – see asked.h. */
#include "pipeline/asked.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"

int c5_asked_open(c5_asked *a, const char *container, const char *names, const char *device, int batch, int precision, bool calibrated)
{
	memset(a, 0, sizeof *a);
	int err = c5_members_open(&a->members, container, names, true);
	if (err < 0 || (err = c5_device_open(&a->device, device ? device : "auto")) < 0) goto done;
	for (size_t k = 0; !calibrated && k < a->members.n; k++) a->members.at[k].temperature = 1;
	if ((err = c5_scorer_open(&a->scorer, a->device, a->members.at, a->members.n, batch, precision)) < 0) goto done;
	if (c5_scorer_classes(a->scorer) != a->members.n_classes)
		err = c5_fail(C5_EINPUT, "%s: its network gives %d classes, %d are named", a->members.at[0].name, c5_scorer_classes(a->scorer),
			a->members.n_classes);
done:
	if (err < 0) c5_asked_close(a);
	return err;
}

void c5_asked_close(c5_asked *a)
{
	c5_scorer_close(a->scorer);
	c5_device_close(a->device);
	c5_members_close(&a->members);
	free(a->bound);
	memset(a, 0, sizeof *a);
}

int c5_asked_bind(c5_asked *a, c5_worker *w, const c5_job *job)
{
	const c5_array_spec *there;
	char *channels = NULL;
	int err;
	if (a->bound && strcmp(a->bound, job->input) == 0) return C5_OK;
	free(a->bound);
	a->bound = NULL;
	if ((err = c5_worker_spec(w, job->input, &there)) < 0) return err;
	if (c5_attr_get_str(w->file, job->input, "channels", &channels) < 0) c5_error_clear();
	err = c5_scorer_bind(a->scorer, channels, (int)there->dims[1], there->dtype, (int)there->dims[2], (int)there->dims[3]);
	if (err < 0) err = c5_fail_in(err, "%s", job->experiment.name);
	for (size_t k = 0; err == C5_OK && k < a->members.n; k++)
		if (c5_scorer_lacks(a->scorer, k)) c5_log(C5_LOG_INFO, "%s: %d of the %d channels that %s takes are missing", job->experiment.name,
			c5_scorer_lacks(a->scorer, k), a->members.at[k].prepare.channels, a->members.at[k].name);
	free(channels);
	if (err == C5_OK && !(a->bound = c5_strdup(job->input))) err = c5_fail(C5_ENOMEM, "out of memory");
	return err;
}

int c5_asked_read(void *ctx, uint64_t at, uint64_t count, void *pixels)
{
	c5_asked_source *s = ctx;
	return c5_worker_read_rows(s->w, s->path, at, count, pixels);
}

int c5_asked_poll(void *ctx) { return c5_worker_poll(((c5_asked_source *)ctx)->w); }

int c5_members_reuse(const c5_run_context *run, const c5_step *step, c5_plan *plan, const c5_job *j, const char *latest, const c5_members *m,
	bool *reused)
{
	char *path = c5_format("/experiments/%s/%s", j->experiment.name, latest), *digests = NULL;
	int err = path ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
	*reused = false;
	if (err == C5_OK && run->reuse && c5_exists(run->file, path) && (c5_attr_get_str(run->file, path, "model_sha256", &digests) < 0 ||
	    strcmp(digests, m->digests) != 0)) {
		c5_log(C5_LOG_INFO, "%s: %s again: another model: %s", j->experiment.name, step->kind->name, m->names);
		c5_error_clear();
	} else if (err == C5_OK) {
		err = c5_step_reuse(run, step, plan, j, latest, reused);
	}
	free(digests);
	free(path);
	return err;
}

int c5_members_sign(c5_array_spec *s, const c5_members *m)
{
	c5_buf classes = { 0 };
	for (int k = 0; k < m->n_classes; k++) c5_text_addf(&classes, "%s%s", k ? "," : "", m->classes[k]);
	char *text = c5_text_take(&classes);
	int err = text ? c5_spec_attr_str(s, "models", m->names) : c5_fail(C5_ENOMEM, "out of memory");
	if (err == C5_OK) err = c5_spec_attr_str(s, "model_sha256", m->digests);
	if (err == C5_OK) err = c5_spec_attr_str(s, "classes", text);
	free(text);
	return err;
}

int c5_members_check(const c5_members *m, c5_file *f, const char *experiment, const char *images, const c5_array_spec *spec)
{
	char *channels = NULL;
	int from[C5_CHANNELS_MAX], err = C5_OK;
	if ((err = c5_spec_is_crops(spec)) < 0) return err;
	if (c5_attr_get_str(f, images, "channels", &channels) < 0) c5_error_clear();
	for (size_t k = 0; err == C5_OK && k < m->n; k++)
		if (!m->at[k].prepare.missing && (err = c5_prepare_bind(from, &m->at[k].prepare, channels)) < 0)
			err = c5_fail_in(err, "%s: %s", experiment, m->at[k].name);
	free(channels);
	return err;
}

const char *c5_job_attr(const c5_job *job, size_t output, const char *name)
{
	const c5_array_spec *s = &job->outputs[output];
	for (size_t i = 0; i < s->n_attrs; i++)
		if (strcmp(s->attrs[i].name, name) == 0) return s->attrs[i].text;
	return NULL;
}
