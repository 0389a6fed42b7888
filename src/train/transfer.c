/* transfer.c – see transfer.h. */
#include "train/transfer.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

int c5_model_classes(const c5_model *m)
{
	if (m->n_outputs != 1) return 0;
	const c5_layer *l = &m->layers[m->outputs[0]];
	return l->kind == C5_LAYER_SOFTMAX && l->rank == 1 ? l->shape[0] : 0;
}

/* The last layer with weights, which says the number of classes; -1 none. */
static int head_of(const c5_model *m)
{
	for (int at = m->outputs[0]; at >= 0; at = m->layers[at].n_inputs ? m->layers[at].inputs[0] : -1) {
		const c5_layer *l = &m->layers[at];
		if (l->kind == C5_LAYER_DENSE || l->kind == C5_LAYER_CONV) return at;
		if (l->n_inputs != 1) return -1;
	}
	return -1;
}

static int only_input(const c5_model *m)
{
	int found = -1;
	for (int i = 0; i < m->n_layers; i++)
		if (m->layers[i].kind == C5_LAYER_INPUT) {
			if (found >= 0 || m->layers[i].rank != 3) return -1;
			found = i;
		}
	return found;
}

int c5_model_adapt(c5_model **out, const c5_model *m, int channels, int height, int width, int classes)
{
	c5_model *n;
	int in = only_input(m), head = head_of(m), err;
	if (in < 0 || head < 0 || !c5_model_classes(m))
		return c5_fail(C5_EINPUT, "%s is no classifier of one image: one image in, a softmax over classes out", m->name);
	if ((err = c5_model_copy(&n, m)) < 0) return err;
	if (channels) n->layers[in].shape[0] = channels;
	if (height) n->layers[in].shape[1] = height;
	if (width) n->layers[in].shape[2] = width;
	if (classes) n->layers[head].filters = classes;
	if ((err = c5_model_check(n)) < 0) {
		c5_model_free(n);
		return err;
	}
	*out = n;
	return C5_OK;
}

/* ---- branches ---- */

/* Layer `i` of the old model for branch b, fed by that branch's layers. */
static int add_branch(c5_model *n, const c5_model *m, int i, int b, const int (*at)[C5_LAYER_INPUTS_MAX])
{
	c5_layer l = m->layers[i];
	if (snprintf(l.name, sizeof l.name, "b%d.%s", b + 1, m->layers[i].name) >= (int)sizeof l.name)
		return c5_fail(C5_EINPUT, "layer %s: its name is too long for a branch", m->layers[i].name);
	for (int k = 0; k < l.n_inputs; k++) l.inputs[k] = at[l.inputs[k]][b];
	return c5_model_add(n, &l);
}

int c5_model_fuse(c5_model **out, const c5_model *m, int branches)
{
	int at[1024][C5_LAYER_INPUTS_MAX], head = head_of(m), err = C5_OK, last;
	c5_model *n = NULL;
	c5_layer join = { .kind = C5_LAYER_CONCAT, .n_inputs = branches, .name = "fused" };
	if (only_input(m) < 0 || head < 0 || !c5_model_classes(m))
		return c5_fail(C5_EINPUT, "%s is no classifier of one image, which late fusion needs", m->name);
	if (branches < 2 || branches > C5_LAYER_INPUTS_MAX)
		return c5_fail(C5_EUSAGE, "late fusion of %d channels: 2 to %d are taken", branches, C5_LAYER_INPUTS_MAX);
	if (m->n_layers > 1024) return c5_fail(C5_EINPUT, "%s: %d layers, late fusion takes up to 1024", m->name, m->n_layers);
	if ((err = c5_model_new(&n, m->name)) < 0) return err;
	for (int i = 0; i < head && err >= 0; i++)
		for (int b = 0; b < branches && err >= 0; b++) err = at[i][b] = add_branch(n, m, i, b, (const int (*)[C5_LAYER_INPUTS_MAX])at);
	for (int b = 0; b < branches && err >= 0; b++) join.inputs[b] = at[m->layers[head].inputs[0]][b];
	if (err >= 0) err = last = c5_model_add(n, &join);
	for (int i = head; i < m->n_layers && err >= 0; i++) { /* from the head on there is one line of layers */
		c5_layer l = m->layers[i];
		l.n_inputs = 1;
		l.inputs[0] = last;
		err = last = c5_model_add(n, &l);
	}
	if (err >= 0) {
		n->n_outputs = 1;
		n->outputs[0] = last;
		err = c5_model_check(n);
	}
	if (err < 0) c5_model_free(n);
	else *out = n;
	return err < 0 ? err : C5_OK;
}

static const char *plain_name(const char *name)
{
	const char *dot = strchr(name, '.');
	size_t digits = name[0] == 'b' ? strspn(name + 1, "0123456789") : 0;
	return dot && digits && name + 1 + digits == dot ? dot + 1 : name;
}

int c5_model_upto(const c5_model *m, const char *name)
{
	int upto = -1;
	for (int i = 0; i < m->n_layers; i++)
		if (strcmp(m->layers[i].name, name) == 0 || strcmp(plain_name(m->layers[i].name), name) == 0) upto = i + 1;
	return upto;
}

/* ---- a head over several layers ---- */

static bool named(const char *globs, const char *name)
{
	char one[128];
	for (; *globs; globs += strspn(globs, ",")) {
		size_t n = strcspn(globs, ",");
		snprintf(one, sizeof one, "%.*s", (int)n, globs);
		globs += n;
		if (fnmatch(one, name, 0) == 0 || fnmatch(one, plain_name(name), 0) == 0) return true;
	}
	return false;
}

/* Appends a layer of one or several inputs; its index. */
static int append(c5_model *n, c5_layer l, const int *inputs, int n_inputs, const char *prefix, const char *name)
{
	l.n_inputs = n_inputs;
	memcpy(l.inputs, inputs, (size_t)n_inputs * sizeof *inputs);
	if (snprintf(l.name, sizeof l.name, "%s%s", prefix, name) >= (int)sizeof l.name)
		return c5_fail(C5_EINPUT, "layer %s: its name is too long for a head", name);
	return c5_model_add(n, &l);
}

/* Joins `count` layers, as many at a time as a layer takes; the index of the one that has all. */
static int join(c5_model *n, int *at, int count)
{
	for (int round = 1; count > 1; round++) {
		int left = 0;
		for (int i = 0; i < count; i += C5_LAYER_INPUTS_MAX) {
			int some = count - i < C5_LAYER_INPUTS_MAX ? count - i : C5_LAYER_INPUTS_MAX;
			char name[32];
			snprintf(name, sizeof name, "%d.%d", round, left + 1);
			int joined = some > 1 ? append(n, (c5_layer){ .kind = C5_LAYER_CONCAT }, at + i, some, "features", name) : at[i];
			if (joined < 0) return joined;
			at[left++] = joined;
		}
		count = left;
	}
	return at[0];
}

static int no_such(const c5_model *m, const char *globs)
{
	char list[400] = "";
	for (int i = 0; i < m->n_layers; i++)
		if (m->layers[i].rank == 3 && m->layers[i].n_params && strlen(list) + strlen(m->layers[i].name) + 8 < sizeof list)
			snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", *list ? ", " : "", m->layers[i].name);
	return c5_fail(C5_ENOTFOUND, "--features %s: %s has no such layer; it has %s ...", globs, m->name, list);
}

int c5_model_features(c5_model **out, const c5_model *m, const char *globs, int classes)
{
	int *at = NULL, count = 0, last = -1, err;
	c5_model *n = NULL;
	for (int i = 0; i < m->n_layers; i++)
		if (m->layers[i].kind != C5_LAYER_INPUT && named(globs, m->layers[i].name)) last = i;
	if (last < 0) return no_such(m, globs);
	if ((err = c5_alloc(&at, (size_t)m->n_layers, sizeof *at)) < 0 || (err = c5_model_new(&n, m->name)) < 0) goto done;
	for (int i = 0; i <= last && err >= 0; i++) {
		c5_layer l = m->layers[i];
		err = c5_model_add(n, &l);
	}
	for (int i = 0; i <= last && err >= 0; i++) {
		const c5_layer *l = &m->layers[i];
		if (l->kind == C5_LAYER_INPUT || !named(globs, l->name)) continue;
		if (l->rank != 3) err = c5_fail(C5_EINPUT, "--features: layer %s of %s has no maps whose means could be taken", l->name, m->name);
		else if ((err = append(n, (c5_layer){ .kind = C5_LAYER_GLOBAL_POOL }, &i, 1, "mean.", l->name)) >= 0) at[count++] = err;
	}
	if (err >= 0) err = join(n, at, count);
	if (err >= 0) err = append(n, (c5_layer){ .kind = C5_LAYER_DENSE, .filters = classes, .bias = true }, (int[]){ err }, 1, "", "head");
	if (err >= 0) err = append(n, (c5_layer){ .kind = C5_LAYER_SOFTMAX }, (int[]){ err }, 1, "", "probability");
	if (err >= 0) {
		n->n_outputs = 1;
		n->outputs[0] = err;
		err = c5_model_check(n);
	}
done:
	free(at);
	if (err < 0) c5_model_free(n);
	else *out = n;
	return err < 0 ? err : C5_OK;
}

/* ---- numbers ---- */

static bool same_shape(const c5_layer *a, const c5_layer *b, int p)
{
	if (a->params[p].rank != b->params[p].rank) return false;
	for (int i = 0; i < a->params[p].rank; i++)
		if (a->params[p].shape[i] != b->params[p].shape[i]) return false;
	return true;
}

/* A first convolution, (O, I, KH, KW), for other input channels. */
static bool take_stem(float *to, const c5_layer *a, const float *from, const c5_layer *b)
{
	const int *s = a->params[0].shape, *t = b->params[0].shape;
	if (a->kind != C5_LAYER_CONV || b->kind != C5_LAYER_CONV || a->groups > 1 || b->groups > 1 || s[0] != t[0] || s[2] != t[2] || s[3] != t[3])
		return false;
	int area = s[2] * s[3];
	for (int o = 0; o < s[0]; o++)
		for (int k = 0; k < area; k++) {
			double sum = 0;
			for (int i = 0; i < t[1]; i++) sum += from[(o * t[1] + i) * area + k];
			for (int i = 0; i < s[1]; i++) to[(o * s[1] + i) * area + k] = (float)(sum / s[1]);
		}
	return true;
}

static bool after_input(const c5_model *m, const c5_layer *l) { return l->n_inputs == 1 && m->layers[l->inputs[0]].kind == C5_LAYER_INPUT; }

int c5_transfer(c5_weights *w, const c5_model *m, const c5_weights *from, const c5_model *from_model, int *taken, int *left)
{
	*taken = *left = 0;
	for (int i = 0; i < m->n_layers; i++) {
		const c5_layer *a = &m->layers[i];
		if (!a->n_params) continue;
		int k = c5_model_find(from_model, a->name);
		if (k < 0) k = c5_model_find(from_model, plain_name(a->name));
		const c5_layer *b = k >= 0 ? &from_model->layers[k] : NULL;
		bool fits = b && b->kind == a->kind && b->n_params == a->n_params;
		for (int p = 0; fits && p < a->n_params; p++) fits = same_shape(a, b, p) || (p == 0 && after_input(m, a));
		if (fits && !same_shape(a, b, 0)) fits = take_stem(c5_weights_of(w, i, 0), a, c5_weights_of(from, k, 0), b);
		for (int p = 0; fits && p < a->n_params; p++)
			if (same_shape(a, b, p)) memcpy(c5_weights_of(w, i, p), c5_weights_of(from, k, p), a->params[p].count * sizeof(float));
		if (fits) (*taken)++;
		else (*left)++;
	}
	return *taken ? C5_OK : c5_fail(C5_EINPUT, "%s: no layer has the name and shape of one of %s; nothing can be taken over", m->name, from_model->name);
}
