/* answer.c – see answer.h. JSON is read as the YAML that it is. */
#include "hyperopt/answer.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "base/yaml.h"

#define OBJECT_MOST (4u << 20)

void c5_answer_begin(c5_answer *a, const char *key, const char *step, const char *value)
{
	*a = (c5_answer){ .key = key, .step = step, .value = value };
}

void c5_answer_free(c5_answer *a)
{
	free(a->last);
	c5_buf_free(&a->object);
	c5_buf_free(&a->kept);
	memset(a, 0, sizeof *a);
}

/* A number, also nan and inf, which are told apart later. */
static bool to_number(const char *text, double *out)
{
	char *end;
	*out = strtod(text, &end);
	bool number = end > text;
	while (isspace((unsigned char)*end)) end++;
	if (*end || !number) *out = NAN;
	return !*end && number;
}

static const c5_yaml_node *member(const c5_yaml_node *map, const char *name)
{
	const c5_yaml_node *found = c5_yaml_get(map, name), *figures = c5_yaml_get(map, "figures");
	if (!found && figures) found = c5_yaml_get(figures, name);
	const char *dot = strchr(name, '.');
	if (found || !dot) return found;
	char *first = c5_format("%.*s", (int)(dot - name), name);
	const c5_yaml_node *inner = first ? c5_yaml_get(map, first) : NULL;
	free(first);
	return inner ? member(inner, dot + 1) : NULL;
}

static bool number_of(const c5_yaml_node *map, const char *name, double *out)
{
	const c5_yaml_node *node = member(map, name);
	return node && node->kind == C5_YAML_SCALAR && to_number(node->text, out);
}

static bool json_report(const c5_answer *a, const char *line, c5_report *report)
{
	c5_yaml *doc;
	if (!a->step || !a->value || *line != '{' || c5_yaml_parse(&doc, "report", line, strlen(line)) < 0) return false;
	bool found = number_of(c5_yaml_root(doc), a->step, &report->step) && number_of(c5_yaml_root(doc), a->value, &report->value);
	c5_yaml_free(doc);
	return found;
}

/* Logs may follow the answer: an object without the key is passed over. */
static void keep_object(c5_answer *a)
{
	c5_yaml *doc;
	if (c5_yaml_parse(&doc, "answer", (const char *)a->object.data, a->object.size) < 0) return;
	if (member(c5_yaml_root(doc), a->key)) {
		const c5_buf old = a->kept;
		a->kept = a->object;
		a->object = old;
		a->object.size = 0;
	}
	c5_yaml_free(doc);
}

/* An object begins with a line that begins with a brace, and ends where its braces are closed. */
static void add_object(c5_answer *a, const char *line)
{
	if (a->depth == 0 && *line != '{') return;
	if (a->depth == 0) a->object.size = 0;
	for (const char *p = line; *p; p++) {
		if (a->in_text && *p == '\\' && p[1]) p++;
		else if (*p == '"') a->in_text = !a->in_text;
		else if (!a->in_text) a->depth += (*p == '{') - (*p == '}');
	}
	a->in_text = false; /* no text of JSON goes over a line's end */
	if (a->depth < 0 || a->object.size + strlen(line) > OBJECT_MOST) a->depth = 0;
	c5_buf_put(&a->object, line, strlen(line));
	c5_buf_put(&a->object, "\n", 1);
	if (a->depth == 0) keep_object(a);
}

bool c5_answer_line(c5_answer *a, const char *line, c5_report *report)
{
	char step[64], value[64], rest[2];
	while (isspace((unsigned char)*line)) line++;
	if (sscanf(line, "report %63s %63s %1s", step, value, rest) == 2 && to_number(step, &report->step) && to_number(value, &report->value))
		return isfinite(report->step);
	if (json_report(a, line, report)) {
		if (a->key) add_object(a, line); /* what was reported last may be the answer, too */
		return isfinite(report->step);
	}
	if (!*line) return false;
	free(a->last);
	a->last = c5_strdup(line);
	if (a->key) add_object(a, line);
	return false;
}

static double value_of_key(const c5_answer *a, char note[C5_NOTE_TEXT])
{
	c5_yaml *doc;
	double value = NAN;
	const c5_buf *text = a->kept.size ? &a->kept : &a->object;
	if (!text->size) snprintf(note, C5_NOTE_TEXT, "printed no JSON object to take %.40s from", a->key);
	else if (c5_yaml_parse(&doc, "answer", (const char *)text->data, text->size) < 0) snprintf(note, C5_NOTE_TEXT, "%.110s", c5_error_last());
	else {
		const c5_yaml_node *node = member(c5_yaml_root(doc), a->key);
		if (!node) snprintf(note, C5_NOTE_TEXT, "no %.40s in the JSON it printed", a->key);
		else if (node->kind == C5_YAML_NULL) snprintf(note, C5_NOTE_TEXT, "%.40s is undefined", a->key);
		else if (node->kind != C5_YAML_SCALAR || !to_number(node->text, &value)) snprintf(note, C5_NOTE_TEXT, "%.40s is no number", a->key);
		c5_yaml_free(doc);
	}
	return value;
}

double c5_answer_value(const c5_answer *a, char note[C5_NOTE_TEXT])
{
	double value = NAN;
	note[0] = '\0';
	if (a->key) value = value_of_key(a, note);
	else if (!a->last) snprintf(note, C5_NOTE_TEXT, "printed nothing; the last line is to be the value");
	else if (!to_number(a->last, &value)) snprintf(note, C5_NOTE_TEXT, "its last line is '%.50s', expected a number", a->last);
	if (!note[0] && !isfinite(value)) snprintf(note, C5_NOTE_TEXT, "the value is %s", isnan(value) ? "nan" : "infinite");
	return isfinite(value) ? value : NAN;
}
