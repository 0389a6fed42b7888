/* stain_model.c – see stain_model.h. */
#include "pipeline/stain_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "container/models.h"
#include "container/run.h"
#include "pipeline/trained.h"

/* The part before '@' and the revision behind it. */
static int cut_revision(char *name, uint32_t *number)
{
	char *at = strchr(name, '@');
	if (!at) return C5_OK;
	*at = 0;
	uint32_t said = c5_revision_number(at + 1);
	if (!said) said = (uint32_t)strtoul(at + 1, NULL, 10);
	if (!said) return c5_fail(C5_EUSAGE, "--model: '@%s' is no revision; NAME@r000003 is expected", at + 1);
	if (!*number) *number = said;
	return C5_OK;
}

static int read_stored(c5_stored_model *s, c5_file *f, const char *name, uint32_t number, bool numbers)
{
	c5_file *other = NULL;
	char *text = c5_strdup(name), *colon = text ? strrchr(text, ':') : NULL;
	int err = text ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
	if (err == C5_OK && colon) {
		*colon = 0;
		err = c5_file_open(&other, text, C5_READ, NULL);
	}
	if (err == C5_OK) err = cut_revision(colon ? colon + 1 : text, &number);
	if (err == C5_OK) err = c5_stored_model_read(other ? other : f, colon ? colon + 1 : text, number, numbers, s);
	c5_file_close(other);
	free(text);
	return err;
}

int c5_stain_model_read(c5_stain_model *out, c5_file *f, const char *name, uint32_t number, bool numbers)
{
	c5_stored_model *s = &out->stored;
	memset(out, 0, sizeof *out);
	c5_stored_model_init(s);
	int err = read_stored(s, f, name, number, numbers);
	if (err == C5_OK) err = c5_trained_is_for(s, "stain", name);
	if (err == C5_OK && (!s->kind || strcmp(s->kind, "stain") || !s->preprocessing))
		err = c5_fail(C5_EINPUT, "model %s is no stain model (%s); make one with cyto5 stain train", name, s->kind ? s->kind : "of no stated kind");
	if (err == C5_OK) err = c5_fail_stored(c5_recipe_parse(&out->recipe, name, s->preprocessing, strlen(s->preprocessing)));
	if (err == C5_OK) err = c5_trained_unpack(&out->model, numbers ? &out->weights : NULL, s);
	out->revision = s->revision;
	memcpy(out->sha256, s->sha256, sizeof out->sha256);
	free(s->numbers);
	s->numbers = NULL, s->count = 0;
	if (err < 0) c5_stain_model_clear(out);
	return err;
}

void c5_stain_model_clear(c5_stain_model *m)
{
	c5_model_free(m->model);
	c5_weights_free(m->weights);
	c5_stored_model_free(&m->stored);
	memset(m, 0, sizeof *m);
}
