/* experiment.c – see experiment.h. */
#include "container/experiment.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "container/array.h"
#include "container/run.h"

const char *const c5_experiment_texts[C5_EXPERIMENT_TEXTS] = { "plate", "well", "position", "condition", "compound", "dose", "replicate" };

static const struct { const char *name; size_t field; } numbers[] = {
	{ "pixel_size_um", offsetof(c5_experiment, pixel_size_um) },
	{ "z_step_um", offsetof(c5_experiment, z_step_um) },
	{ "frame_interval_s", offsetof(c5_experiment, frame_interval_s) },
};
#define N_NUMBERS (sizeof numbers / sizeof *numbers)

static double *number_at(const c5_experiment *e, size_t i) { return (double *)((char *)(uintptr_t)e + numbers[i].field); }

void c5_experiment_free(c5_experiment *e)
{
	for (size_t i = 0; i < C5_EXPERIMENT_TEXTS; i++) free(e->texts[i]);
	for (size_t i = 0; i < e->n_channels; i++) {
		free(e->channels[i].name);
		free(e->channels[i].modality);
	}
	free(e->channels);
	free(e->name);
	memset(e, 0, sizeof *e);
}

static int optional(int err) { return err == C5_ENOTFOUND ? C5_OK : err; }

static int read_channel(c5_file *f, const char *group, const char *name, c5_channel *c)
{
	char *path = c5_format("%s/%s", group, name);
	c5_array *a = NULL;
	int err;
	if (!path) return c5_fail(C5_ENOMEM, "out of memory");
	c->wavelength_nm = NAN;
	if ((err = c5_array_open(&a, f, path)) < 0) goto done;
	const c5_array_spec *s = c5_array_spec_of(a);
	if (!s->dtype || (s->rank != 3 && s->rank != 4)) {
		err = c5_fail(C5_ESCHEMA, "%s:%s: %s of %d dimensions, expected numbers (T, Y, X) or (T, Z, Y, X)", c5_file_path(f), path,
			s->dtype ? c5_dtype_name(s->dtype) : "a table", s->rank);
		goto done;
	}
	c->dtype = s->dtype;
	c->frames = s->dims[0];
	c->planes = s->rank == 4 ? s->dims[1] : 0;
	c->height = s->dims[s->rank - 2];
	c->width = s->dims[s->rank - 1];
	if (!(c->name = c5_strdup(name))) { err = c5_fail(C5_ENOMEM, "out of memory"); goto done; }
	if ((err = optional(c5_attr_get_str(f, path, "modality", &c->modality))) < 0) goto done;
	err = optional(c5_attr_get_f64(f, path, "wavelength_nm", &c->wavelength_nm));
done:
	c5_array_close(a);
	free(path);
	return err;
}

static bool is_axis(const char *name)
{
	return strcmp(name, "time") == 0 || strcmp(name, "z") == 0 || strcmp(name, "y") == 0 || strcmp(name, "x") == 0;
}

int c5_experiment_read(c5_file *f, const char *name, c5_experiment *e)
{
	char *group = c5_format("/experiments/%s", name), *raw = c5_format("/experiments/%s/raw", name), **names = NULL;
	size_t n = 0;
	int err;
	memset(e, 0, sizeof *e);
	e->name = c5_strdup(name);
	if (!group || !raw || !e->name) { err = c5_fail(C5_ENOMEM, "out of memory"); goto done; }
	if (!c5_exists(f, group)) { err = c5_fail(C5_ENOTFOUND, "%s: no experiment '%s'; `cyto5 show` lists them", c5_file_path(f), name); goto done; }
	for (size_t i = 0; i < C5_EXPERIMENT_TEXTS; i++)
		if ((err = optional(c5_attr_get_str(f, group, c5_experiment_texts[i], &e->texts[i]))) < 0) goto done;
	for (size_t i = 0; i < N_NUMBERS; i++) {
		*number_at(e, i) = NAN;
		if ((err = optional(c5_attr_get_f64(f, group, numbers[i].name, number_at(e, i)))) < 0) goto done;
	}
	if ((err = optional(c5_list(f, raw, &names, &n))) < 0) goto done;
	if ((err = c5_alloc(&e->channels, n, sizeof *e->channels)) < 0) goto done;
	for (size_t i = 0; i < n; i++) {
		if (is_axis(names[i])) continue;
		if ((err = read_channel(f, raw, names[i], &e->channels[e->n_channels++])) < 0) goto done;
	}
done:
	c5_names_free(names, n);
	free(raw);
	free(group);
	if (err < 0) c5_experiment_free(e);
	return err;
}

int c5_experiment_make(c5_file *f, const c5_experiment *e)
{
	char *group = c5_format("/experiments/%s", e->name);
	if (!group) return c5_fail(C5_ENOMEM, "out of memory");
	int err = c5_group_make(f, group);
	if (err == C5_OK) err = c5_attr_set_str(f, group, "NX_class", "NXentry");
	if (err == C5_OK) err = c5_attr_set_str(f, group, "default", "raw");
	char *shown = NULL; /* what a viewer shows first when the file is opened: the first experiment */
	if (err == C5_OK && c5_attr_get_str(f, "/experiments", "default", &shown) < 0) err = c5_attr_set_str(f, "/experiments", "default", e->name);
	free(shown);
	for (size_t i = 0; err == C5_OK && i < C5_EXPERIMENT_TEXTS; i++)
		if (e->texts[i]) err = c5_attr_set_str(f, group, c5_experiment_texts[i], e->texts[i]);
	for (size_t i = 0; err == C5_OK && i < N_NUMBERS; i++)
		if (!isnan(*number_at(e, i))) err = c5_attr_set_f64(f, group, numbers[i].name, *number_at(e, i));
	free(group);
	return err;
}

void c5_experiment_pack(const c5_experiment *e, c5_buf *to)
{
	c5_buf_put_str(to, e->name);
	for (size_t i = 0; i < C5_EXPERIMENT_TEXTS; i++) c5_buf_put_str(to, e->texts[i]);
	for (size_t i = 0; i < N_NUMBERS; i++) c5_buf_put_f64(to, *number_at(e, i));
	c5_buf_put_u64(to, e->n_channels);
	for (size_t i = 0; i < e->n_channels; i++) {
		const c5_channel *c = &e->channels[i];
		c5_buf_put_str(to, c->name);
		c5_buf_put_str(to, c->modality);
		c5_buf_put_f64(to, c->wavelength_nm);
		uint64_t v[5] = { (uint64_t)c->dtype, c->frames, c->planes, c->height, c->width };
		c5_buf_put(to, v, sizeof v);
	}
}

int c5_experiment_unpack(c5_experiment *e, c5_buf *from)
{
	uint64_t n, v[5];
	int err;
	memset(e, 0, sizeof *e);
	if ((err = c5_buf_get_str(from, &e->name)) < 0) return err;
	for (size_t i = 0; i < C5_EXPERIMENT_TEXTS; i++)
		if ((err = c5_buf_get_str(from, &e->texts[i])) < 0) return err;
	for (size_t i = 0; i < N_NUMBERS; i++)
		if ((err = c5_buf_get_f64(from, number_at(e, i))) < 0) return err;
	if ((err = c5_buf_get_u64(from, &n)) < 0 || (err = c5_alloc(&e->channels, n, sizeof *e->channels)) < 0) return err;
	while (e->n_channels < n) {
		c5_channel *c = &e->channels[e->n_channels++]; /* counted first: a failure frees what it has */
		if ((err = c5_buf_get_str(from, &c->name)) < 0 || (err = c5_buf_get_str(from, &c->modality)) < 0 ||
		    (err = c5_buf_get_f64(from, &c->wavelength_nm)) < 0 || (err = c5_buf_get(from, v, sizeof v)) < 0)
			return err;
		c->dtype = (int)v[0], c->frames = v[1], c->planes = v[2], c->height = v[3], c->width = v[4];
	}
	return C5_OK;
}

int c5_experiment_channel(const c5_experiment *e, const char *name, const c5_channel **channel)
{
	char all[400] = "";
	for (size_t i = 0; i < e->n_channels; i++) {
		const c5_channel *c = &e->channels[i];
		bool wanted = name ? strcmp(c->name, name) == 0 : c->modality && (strcmp(c->modality, "phase") == 0 || strcmp(c->modality, "brightfield") == 0 ||
			strcmp(c->modality, "dic") == 0 || strcmp(c->modality, "transmission") == 0);
		if (wanted) {
			*channel = c;
			return C5_OK;
		}
		snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i ? ", " : "", c->name);
	}
	if (!name && e->n_channels) {
		*channel = &e->channels[0];
		return C5_OK;
	}
	return name ? c5_fail(C5_ENOTFOUND, "%s: no channel '%s'; it has %s", e->name, name, all[0] ? all : "none") : c5_fail(C5_ENOTFOUND,
		"%s: no channels", e->name);
}

int c5_revision_latest(c5_file *f, const char *experiment, const char *product, uint32_t *number)
{
	char *path = c5_format("/experiments/%s/%s/latest", experiment, product), *target = NULL;
	*number = 0;
	if (!path) return c5_fail(C5_ENOMEM, "out of memory");
	int err = c5_link_get(f, path, &target);
	if (err == C5_OK) *number = c5_revision_number(target);
	free(target);
	free(path);
	return optional(err);
}

int c5_revision_publish(c5_file *f, const char *experiment, const char *product, uint32_t number)
{
	char *path = c5_format("/experiments/%s/%s/latest", experiment, product);
	if (!path) return c5_fail(C5_ENOMEM, "out of memory");
	int err = c5_link_set(f, path, c5_revision_name(number));
	char *signal = NULL;
	path[strlen(path) - strlen("/latest")] = '\0';
	/* viewers plot the newest */
	if (err == C5_OK && c5_attr_get_str(f, path, "signal", &signal) == C5_OK) err = c5_attr_set_str(f, path, "signal", "latest");
	free(signal);
	free(path);
	return err;
}
