/* settings.c – see settings.h. Words are taken apart as a shell does, as far as quotes go: a line has no more of it. */
#include "hyperopt/settings.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/yaml.h"

/* The next word of a line, without its quotes; false at the end. */
static bool next_word(const char **line, c5_buf *word)
{
	const char *p = *line + strspn(*line, " \t\n");
	bool any = *p != '\0';
	char quote = '\0';
	word->size = 0;
	for (; *p && (quote || !strchr(" \t\n", *p)); p++) {
		if (quote ? *p == quote : *p == '\'' || *p == '"') quote = quote ? '\0' : *p;
		else if (*p == '\\' && quote != '\'' && p[1]) c5_buf_put(word, ++p, 1);
		else c5_buf_put(word, p, 1);
	}
	c5_buf_put(word, "", 1); /* ends the text */
	*line = p;
	return any && !word->err;
}

/* `learns`: of a training, for which it matters what it learnt from. */
static bool is_about_running(const char *name, bool learns)
{
	static const char *const names[] = { "quiet", "verbose", "json", "threads", "resume", "recompute", "commit-every", "dry-run", "device", NULL };
	for (size_t i = 0; names[i]; i++)
		if (strcmp(name, names[i]) == 0) return true;
	return !learns && strcmp(name, "experiments") == 0;
}

static bool is_number(const char *s)
{
	char *end;
	(void)strtod(s, &end);
	return *s && !*end;
}

static void add(c5_buf *to, int indent, const char *name, const char *value)
{
	c5_text_addf(to, "%*s%s: ", indent, "", name);
	if (is_number(value) || strcmp(value, "true") == 0 || strcmp(value, "false") == 0) c5_text_add(to, value);
	else c5_yaml_add_text(to, value);
	c5_text_add(to, "\n");
}

/* One option: its value is behind "=", or the next word, unless that is an option, too. */
static void add_option(c5_buf *to, int indent, bool learns, char *name, const char **line, c5_buf *word)
{
	char *equals = strchr(name, '=');
	const char *rest = *line + strspn(*line, " \t\n");
	const char *value = NULL;
	if (equals) {
		*equals = '\0';
		value = equals + 1;
	} else if (*rest && strncmp(rest, "--", 2) != 0 && next_word(line, word)) value = (const char *)word->data;
	if (is_about_running(name, learns)) return;
	if (value) {
		add(to, indent, name, value);
	} else if (strncmp(name, "no-", 3) == 0) {
		add(to, indent, name + 3, "false");
	} else add(to, indent, name, "true");
}

void c5_step_settings(c5_buf *to, int indent, const char *line)
{
	c5_buf word = { 0 };
	char *first = c5_step_name(line);
	bool learns = first && (strcmp(first, "train") == 0 || strcmp(first, "stain") == 0);
	free(first);
	while (next_word(&line, &word)) {
		const char *text = (const char *)word.data;
		char *name = strncmp(text, "--", 2) == 0 && text[2] ? c5_strdup(text + 2) : NULL;
		if (name) add_option(to, indent, learns, name, &line, &word);
		free(name);
	}
	if (word.err) to->err = word.err;
	c5_buf_free(&word);
}

char *c5_step_name(const char *line)
{
	line += strspn(line, " \t\n");
	return c5_format("%.*s", (int)strcspn(line, " \t\n"), line);
}
