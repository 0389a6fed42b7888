/* trained.c – see trained.h. */
#include "pipeline/trained.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "container/run.h"

/* ---- packing ---- */

static size_t count_arrays(const c5_model *m)
{
	size_t n = 0;
	for (int i = 0; i < m->n_layers; i++) n += (size_t)m->layers[i].n_params;
	return n;
}

int c5_trained_pack(c5_stored_model *s, const c5_model *m, const c5_weights *w)
{
	c5_buf b = { 0 };
	int err;
	free(s->architecture);
	free(s->arrays);
	free(s->numbers);
	s->arrays = NULL;
	s->numbers = NULL;
	s->n_arrays = s->count = 0;
	c5_model_add_yaml(&b, m);
	if (!(s->architecture = c5_text_take(&b))) return C5_ENOMEM;
	if ((err = c5_alloc(&s->arrays, count_arrays(m), sizeof *s->arrays)) < 0 ||
	    (err = c5_alloc(&s->numbers, w->count, sizeof *s->numbers)) < 0) return err;
	for (int i = 0; i < m->n_layers; i++) {
		const c5_layer *l = &m->layers[i];
		for (int p = 0; p < l->n_params; p++) {
			c5_stored_array *a = &s->arrays[s->n_arrays++];
			snprintf(a->layer, sizeof a->layer, "%s", l->name);
			snprintf(a->parameter, sizeof a->parameter, "%s", l->params[p].name);
			a->rank = l->params[p].rank;
			for (int d = 0; d < a->rank; d++) a->dims[d] = (uint64_t)l->params[p].shape[d];
			a->count = l->params[p].count;
			a->trained = l->params[p].trained;
			a->at = w->at[i][p];
		}
	}
	if (w->count) memcpy(s->numbers, w->data, w->count * sizeof *w->data);
	s->count = w->count;
	return C5_OK;
}

static const c5_stored_array *find_array(const c5_stored_model *s, const char *layer, const char *parameter, size_t guess)
{
	for (size_t k = 0; k < s->n_arrays; k++) { /* nearly always where it is looked for first */
		const c5_stored_array *a = &s->arrays[(guess + k) % s->n_arrays];
		if (strcmp(a->layer, layer) == 0 && strcmp(a->parameter, parameter) == 0) return a;
	}
	return NULL;
}

static void shape_text(char to[64], int rank, const uint64_t *dims)
{
	size_t n = 0;
	to[0] = '\0';
	for (int d = 0; d < rank && n < 48; d++) n += (size_t)snprintf(to + n, 64 - n, "%s%llu", d ? " x " : "", (unsigned long long)dims[d]);
}

static int take_arrays(c5_weights *w, const c5_model *m, const c5_stored_model *s)
{
	size_t next = 0;
	for (int i = 0; i < m->n_layers; i++) {
		const c5_layer *l = &m->layers[i];
		for (int p = 0; p < l->n_params; p++, next++) {
			const c5_stored_array *a = find_array(s, l->name, l->params[p].name, next);
			char have[64], want[64];
			uint64_t dims[4] = { 0 };
			if (!a) return c5_fail(C5_EINPUT, "the %s of layer '%s' are missing", l->params[p].name, l->name);
			for (int d = 0; d < l->params[p].rank; d++) dims[d] = (uint64_t)l->params[p].shape[d];
			if (a->rank != l->params[p].rank || memcmp(a->dims, dims, (size_t)a->rank * sizeof *dims) != 0) {
				shape_text(have, a->rank, a->dims);
				shape_text(want, l->params[p].rank, dims);
				return c5_fail(C5_EINPUT, "the %s of layer '%s' are %s, the architecture says %s", l->params[p].name, l->name, have, want);
			}
			memcpy(c5_weights_of(w, i, p), s->numbers + a->at, a->count * sizeof(float));
		}
	}
	return C5_OK;
}

int c5_trained_unpack(c5_model **m, c5_weights **w, const c5_stored_model *s)
{
	c5_model *made = NULL;
	int err = s->architecture ? c5_fail_stored(c5_model_parse(&made, "architecture", s->architecture, strlen(s->architecture)))
	                          : c5_fail(C5_EINPUT, "no architecture is stored");
	if (m) *m = NULL;
	if (w) *w = NULL;
	if (err == C5_OK && w && (err = c5_weights_new(w, made)) == C5_OK) {
		err = s->n_arrays && !s->numbers ? c5_fail(C5_EFAIL, "the weights were not read") : take_arrays(*w, made, s);
		if (err < 0) {
			c5_weights_free(*w);
			*w = NULL;
		}
	}
	if (err == C5_OK && m) *m = made;
	else c5_model_free(made);
	return err;
}

/* ---- what it is for ---- */

static const struct kind_words { const char *kind, *what, *maker, *user; } kinds[] = {
	{ "classify", "classifier of crops", "train", "score" },
	{ "stain", "model of stains", "stain train", "stain predict" },
	{ "identify", "model that identifies images", "identify train", "identify" },
};

static const struct kind_words *find_kind(const char *kind)
{
	for (size_t i = 0; kind && i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kinds[i].kind, kind) == 0) return &kinds[i];
	return NULL;
}

int c5_trained_is_for(const c5_stored_model *s, const char *kind, const char *name)
{
	const struct kind_words *is = find_kind(s->kind), *wanted = find_kind(kind);
	if (!is || !wanted || is == wanted) return C5_OK;
	return c5_fail(C5_EINPUT, "%s is a %s (made by `cyto5 %s`) and no %s; use it with `cyto5 %s`, or make what is wanted here with `cyto5 %s`", name,
		is->what, is->maker, wanted->what, is->user, wanted->maker);
}

/* ---- by address ---- */

int c5_model_address_parse(c5_model_address *a, const char *text)
{
	const char *colon = strrchr(text, ':'), *at = colon ? strchr(colon, '@') : NULL;
	*a = (c5_model_address){ 0 };
	if (!colon || colon == text || !colon[1] || at == colon + 1)
		return c5_fail(C5_EUSAGE, "'%.200s': FILE.h5:NAME is expected, as in plate.h5:senescence (or NAME@r000003 for an older revision)", text);
	if (at) {
		char *end = NULL;
		unsigned long n = strtoul(at + (at[1] == 'r' ? 2 : 1), &end, 10);
		if (!n || *end || n > UINT32_MAX) return c5_fail(C5_EUSAGE, "'%.200s': '%.40s' is no revision; r000003 or 3 would be one", text, at + 1);
		a->number = (uint32_t)n;
	}
	a->file = c5_format("%.*s", (int)(colon - text), text);
	a->name = c5_format("%.*s", (int)(at ? at - colon - 1 : (long)strlen(colon + 1)), colon + 1);
	if (!a->file || !a->name) {
		c5_model_address_free(a);
		return c5_fail(C5_ENOMEM, "out of memory");
	}
	return C5_OK;
}

void c5_model_address_free(c5_model_address *a)
{
	free(a->file);
	free(a->name);
	*a = (c5_model_address){ 0 };
}

int c5_trained_read(c5_model **m, c5_weights **w, c5_stored_model *s, const char *text)
{
	c5_model_address a;
	c5_file *f = NULL;
	c5_stored_model_init(s);
	if (m) *m = NULL;
	if (w) *w = NULL;
	int err = c5_model_address_parse(&a, text);
	if (err < 0) return err;
	if ((err = c5_file_open(&f, a.file, C5_READ, NULL)) == C5_OK && (err = c5_stored_model_read(f, a.name, a.number, w != NULL, s)) == C5_OK &&
	    (m || w) && (err = c5_trained_unpack(m, w, s)) < 0)
		c5_fail_in(err, "%s:/models/%s/%s", a.file, a.name, c5_revision_name(s->revision));
	if (err < 0) c5_stored_model_free(s);
	c5_file_close(f);
	c5_model_address_free(&a);
	return err;
}
