/* amend.c – see amend.h. */
#include "container/amend.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "container/h5.h"
#include "container/object.h"

#define DEPTH 4 /* levels of groups beneath an experiment: stain/rN/maps is the deepest with scales */

typedef struct scale { const char *name, *unit; double step; } scale;

static void tell(c5_buf *told, const char *name, const char *value, const char *before)
{
	c5_text_addf(told, "%s%s %s", told->size ? "; " : "", name, value);
	if (before) c5_text_addf(told, ", was %s", before);
}

static int amend_text(c5_file *f, const char *path, const char *name, const char *value, bool replace, c5_buf *told)
{
	char *before = NULL;
	int err = c5_attr_get_str(f, path, name, &before);
	if (err == C5_ENOTFOUND) err = C5_OK;
	if (err == C5_OK && (!before || (replace && strcmp(before, value) != 0))) {
		tell(told, name, value, before);
		err = c5_attr_set_str(f, path, name, value);
	}
	free(before);
	return err;
}

static int amend_number(c5_file *f, const char *path, const char *name, double value, bool replace, c5_buf *told, bool *changed)
{
	char now[C5_REAL_TEXT], was[C5_REAL_TEXT];
	double before = NAN;
	int err = c5_attr_get_f64(f, path, name, &before);
	if (err == C5_ENOTFOUND) err = C5_OK;
	*changed = err == C5_OK && (!isfinite(before) || (replace && (before < value || before > value)));
	if (!*changed) return err;
	c5_text_real(now, value);
	tell(told, name, now, isfinite(before) ? c5_text_real(was, before) : NULL);
	return c5_attr_set_f64(f, path, name, value);
}

/* The values of one scale anew. */
static int write_scale(c5_file *f, const char *path, const c5_object *o, const scale *s)
{
	double *values = NULL;
	int err = c5_alloc(&values, o->dims[0], sizeof *values);
	hid_t d = err == C5_OK ? H5Dopen2(f->id, path, H5P_DEFAULT) : H5I_INVALID_HID;
	for (uint64_t k = 0; err == C5_OK && k < o->dims[0]; k++) values[k] = (double)k * s->step;
	if (err == C5_OK && (d < 0 || H5Dwrite(d, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0))
		err = c5_h5_fail(C5_EIO, "%s:%s: cannot be written", f->path, path);
	if (d >= 0) H5Dclose(d);
	free(values);
	return err < 0 ? err : c5_attr_set_str(f, path, "units", s->unit);
}

/* Scales in a group and in the groups beneath it. */
static int renew_scales(c5_file *f, const char *group, const scale *scales, size_t n_scales, int depth)
{
	char **names = NULL;
	size_t n = 0;
	int err = c5_list(f, group, &names, &n);
	for (size_t i = 0; err == C5_OK && i < n; i++) {
		c5_object o;
		char *path = c5_format("%s/%s", group, names[i]);
		if (!path) { err = c5_fail(C5_ENOMEM, "out of memory"); break; }
		if ((err = c5_object_look(&o, f, path)) == C5_OK) {
			if (o.kind == C5_KIND_GROUP && depth > 1) err = renew_scales(f, path, scales, n_scales, depth - 1);
			for (size_t k = 0; o.kind == C5_KIND_SCALE && k < n_scales && err == C5_OK; k++)
				if (strcmp(names[i], scales[k].name) == 0) err = write_scale(f, path, &o, &scales[k]);
			c5_object_free(&o);
		}
		free(path);
	}
	c5_names_free(names, n);
	return err;
}

int c5_experiment_amend(c5_file *f, const c5_experiment *now, const char *channel, const char *modality, bool replace, c5_buf *told)
{
	const struct { const char *name; double value; const char *unit, *axes[2]; } numbers[] = {
		{ "pixel_size_um", now->pixel_size_um, "um", { "y", "x" } },
		{ "z_step_um", now->z_step_um, "um", { "z", NULL } },
		{ "frame_interval_s", now->frame_interval_s, "s", { "time", NULL } },
	};
	scale scales[4];
	size_t n = 0;
	char *group = c5_format("/experiments/%s", now->name), *raw = c5_format("/experiments/%s/raw/%s", now->name, channel);
	int err = group && raw ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
	for (size_t i = 0; err == C5_OK && i < C5_EXPERIMENT_TEXTS; i++)
		if (now->texts[i]) err = amend_text(f, group, c5_experiment_texts[i], now->texts[i], replace, told);
	for (size_t i = 0; err == C5_OK && i < sizeof numbers / sizeof *numbers; i++) {
		bool changed = false;
		if (isfinite(numbers[i].value)) err = amend_number(f, group, numbers[i].name, numbers[i].value, replace, told, &changed);
		for (int k = 0; changed && k < 2 && numbers[i].axes[k]; k++) scales[n++] = (scale){ numbers[i].axes[k], numbers[i].unit, numbers[i].value };
	}
	if (err == C5_OK && modality) err = amend_text(f, raw, "modality", modality, replace, told);
	if (err == C5_OK && n) err = renew_scales(f, group, scales, n, DEPTH);
	if (err == C5_OK) err = told->err;
	free(raw);
	free(group);
	return err;
}
