/* members.c – see members.h. */
#include "pipeline/members.h"

#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "container/run.h"
#include "pipeline/trained.h"

/* One word of the list, taken apart. */
typedef struct address { char *file, *name; uint32_t number; bool here; } address;

static void free_address(address *a)
{
	free(a->file);
	free(a->name);
}

static int read_address(address *a, const char *word, const char *container)
{
	const char *colon = strrchr(word, ':'), *name = colon ? colon + 1 : word, *at = strrchr(name, '@');
	size_t n = strlen(word);
	bool file_alone = !colon && n > 3 && strcmp(word + n - 3, ".h5") == 0;
	*a = (address){ .here = !colon && !file_alone };
	if (at && !file_alone) {
		int64_t number = 0;
		if (at[1] == 'r') a->number = c5_revision_number(at + 1);
		else if (c5_text_to_int(&number, at + 1) == C5_OK && number > 0 && number < 1000000) a->number = (uint32_t)number;
		if (!a->number) return c5_fail(C5_EUSAGE, "--model %s: a revision is expected behind the @, as @r000003", word);
	}
	a->file = a->here ? c5_strdup(container) : file_alone ? c5_strdup(word) : c5_format("%.*s", (int)(colon - word), word);
	a->name = file_alone ? c5_strdup("*") : at ? c5_format("%.*s", (int)(at - name), name) : c5_strdup(name);
	return a->file && a->name ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
}

static int note(c5_members *m, const address *a, const char *name)
{
	const c5_stored_model *s = &m->stored[m->n];
	char *names = c5_format("%s%s%s%s%s@%s", m->names ? m->names : "", m->names ? "," : "", a->here ? "" : a->file, a->here ? "" : ":", name,
		c5_revision_name(s->revision));
	char *digests = c5_format("%s%s%s", m->digests ? m->digests : "", m->digests ? "," : "", s->sha256);
	char *own = c5_format("%s%s%s@%s", a->here ? "" : a->file, a->here ? "" : ":", name, c5_revision_name(s->revision));
	free(m->names);
	free(m->digests);
	m->names = names;
	m->digests = digests;
	m->at[m->n].name = own;
	return names && digests && own ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
}

static int same_classes(const c5_members *m)
{
	const c5_stored_model *first = &m->stored[0], *s = &m->stored[m->n - 1];
	bool same = first->n_classes == s->n_classes;
	for (size_t k = 0; same && k < s->n_classes; k++) same = strcmp(first->classes[k].name, s->classes[k].name) == 0;
	return same ? C5_OK : c5_fail(C5_EINPUT, "%s and %s tell other classes: they are no ensemble", m->at[0].name, m->at[m->n - 1].name);
}

/* What this run has made of it, whole; else the revision asked for. */
static uint32_t number_of(c5_file *f, const address *a, const char *name, uint32_t run)
{
	char *path = a->here && !a->number && run ? c5_format("/models/%s/%s/architecture", name, c5_revision_name(run)) : NULL;
	uint32_t number = path && c5_exists(f, path) ? run : a->number;
	free(path);
	return number;
}

static int add_model(c5_members *m, c5_file *f, const address *a, const char *name, uint32_t run, bool weights)
{
	int err;
	if ((err = c5_grow(&m->at, &m->cap, m->n + 1, sizeof *m->at)) < 0 || (err = c5_grow(&m->stored, &m->cap_stored, m->n + 1, sizeof *m->stored)) < 0)
		return err;
	c5_stored_model *s = &m->stored[m->n];
	c5_member *to = &m->at[m->n];
	c5_stored_model_init(s);
	memset(to, 0, sizeof *to);
	if ((err = c5_stored_model_read(f, name, number_of(f, a, name, run), weights, s)) < 0) {
		c5_stored_model_free(s);
		return err;
	}
	if ((err = note(m, a, name)) < 0) {
		m->n++;
		return err;
	}
	m->n++;
	if ((err = c5_trained_is_for(s, "classify", to->name)) < 0) return err;
	if (!s->preprocessing)
		return c5_fail(C5_EINPUT, "%s: nothing is said of how its images are prepared; give it a preparation with `cyto5 model`", to->name);
	if ((err = c5_fail_stored(c5_prepare_parse(&to->prepare, to->name, s->preprocessing))) < 0 ||
	    (err = c5_trained_unpack(&to->model, weights ? &to->weights : NULL, s)) < 0) return err;
	to->temperature = s->temperature > 0 ? s->temperature : 1; /* NAN: not calibrated */
	free(s->numbers);
	s->numbers = NULL;
	s->count = 0;
	return same_classes(m);
}

static int add_word(c5_members *m, const char *word, const char *container, uint32_t run, bool weights)
{
	address a;
	c5_file *f = NULL;
	char **names = NULL;
	size_t n = 0, before = m->n;
	int err = read_address(&a, word, container);
	if (err == C5_OK && a.here && access(a.file, F_OK) != 0)
		err = c5_fail(C5_ENOTFOUND, "%s: no model %s in it, nor does a step before make one; train it, or name one of another container, FILE.h5:NAME",
			a.file, a.name);
	if (err < 0 || (err = c5_file_open(&f, a.file, C5_READ, "working")) < 0) goto done;
	if (!strpbrk(a.name, "*?[")) {
		err = add_model(m, f, &a, a.name, run, weights);
		goto done;
	}
	if ((err = c5_list(f, "/models", &names, &n)) < 0) goto done;
	for (size_t i = 0; err == C5_OK && i < n; i++)
		if (fnmatch(a.name, names[i], 0) == 0) err = add_model(m, f, &a, names[i], run, weights);
	if (err == C5_OK && m->n == before) err = c5_fail(C5_ENOTFOUND, "%s: no model %s in it; train one with `cyto5 train`", a.file, a.name);
done:
	c5_names_free(names, n);
	c5_file_close(f);
	free_address(&a);
	return err;
}

int c5_members_open_in(c5_members *out, const char *container, uint32_t run, const char *spec, bool weights)
{
	char *list = c5_strdup(spec), *save = NULL;
	int err = list || !spec ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
	memset(out, 0, sizeof *out);
	for (char *word = list ? strtok_r(list, ", ", &save) : NULL; word && err == C5_OK; word = strtok_r(NULL, ", ", &save))
		err = add_word(out, word, container, run, weights);
	free(list);
	if (err == C5_OK && out->n == 0) err = c5_fail(C5_EUSAGE, "which model? name one with --model NAME, or FILE.h5:NAME");
	if (err == C5_OK && (err = c5_alloc(&out->classes, out->stored[0].n_classes, sizeof *out->classes)) == C5_OK) {
		out->n_classes = (int)out->stored[0].n_classes;
		for (int k = 0; k < out->n_classes; k++) out->classes[k] = out->stored[0].classes[k].name;
		if (out->n_classes < 2) err = c5_fail(C5_EINPUT, "%s: it tells %d classes, a classifier has two or more", out->at[0].name, out->n_classes);
	}
	if (err < 0) c5_members_close(out);
	return err;
}

int c5_members_open(c5_members *out, const char *container, const char *spec, bool weights)
{
	return c5_members_open_in(out, container, 0, spec, weights);
}

void c5_members_close(c5_members *m)
{
	for (size_t i = 0; i < m->n; i++) {
		c5_member_free(&m->at[i]);
		c5_stored_model_free(&m->stored[i]);
	}
	free(m->at);
	free(m->stored);
	free(m->names);
	free(m->digests);
	free(m->classes);
	memset(m, 0, sizeof *m);
}

int c5_members_class(const c5_members *m, const char *name, int *k)
{
	static const char *const usual[] = { "senescent", "positive" };
	c5_buf b = { 0 };
	*k = m->n_classes - 1;
	for (int c = 0; c < m->n_classes; c++)
		for (int i = 0; i < (name ? 1 : 2); i++)
			if (name ? strcmp(m->classes[c], name) == 0 : strcasecmp(m->classes[c], usual[i]) == 0) {
				*k = c;
				return C5_OK;
			}
	if (!name) return C5_OK;
	for (int c = 0; c < m->n_classes; c++) c5_text_addf(&b, "%s%s", c ? ", " : "", m->classes[c]);
	char *list = c5_text_take(&b);
	int err = c5_fail(C5_ENOTFOUND, "%s: no class %s; there are %s", m->at[0].name, name, list ? list : "");
	free(list);
	return err;
}
