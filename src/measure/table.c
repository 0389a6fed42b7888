/* table.c – see table.h. */
#include "measure/table.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/disk.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/options.h"
#include "base/text.h"

#define TEXT_MAX (UINT64_C(256) << 20)

/* Cuts the cell at *at out of the text, in place; *at goes behind its separator. *last when the line ends with it. */
static int next_cell(c5_table *t, char **at, char separator, unsigned long long *line, char **cell, bool *last)
{
	const unsigned long long begun = *line;
	char *p = *at, *to;
	while (*p == ' ' || (*p == '\t' && separator != '\t')) p++;
	*cell = to = p;
	if (*p == '"') {
		for (p++; *p && !(*p == '"' && p[1] != '"'); p++) {
			if (*p == '"') p++;
			if (*p == '\n') ++*line;
			*to++ = *p;
		}
		if (!*p) return c5_fail(C5_EINPUT, "%s:%llu: a quote is opened and never closed", t->path, begun);
		p++;
		while (*p == ' ' || *p == '\r') p++;
		if (*p && *p != separator && *p != '\n') return c5_fail(C5_EINPUT, "%s:%llu: text behind a closing quote", t->path, *line);
	} else {
		while (*p && *p != separator && *p != '\n') p++;
		to = p;
		while (to > *cell && (to[-1] == ' ' || to[-1] == '\r' || to[-1] == '\t')) to--;
	}
	*last = *p != separator || !*p;
	if (*p == '\n') ++*line;
	*at = *p ? p + 1 : p;
	*to = '\0';
	return C5_OK;
}

static char find_separator(const char *p)
{
	size_t n = strcspn(p, "\n"), best = 0;
	char found = ',';
	for (const char *s = ",;\t"; *s; s++) {
		size_t count = 0;
		for (size_t i = 0; i < n; i++) count += p[i] == *s;
		if (count > best) {
			best = count;
			found = *s;
		}
	}
	return found;
}

static bool skipped(const char *p)
{
	size_t n = strspn(p, " \t\r");
	return p[n] == '\n' || !p[n] || *p == '#';
}

int c5_table_read(c5_table *t, const char *path)
{
	size_t size, n = 0, n_cells = 0;
	unsigned long long line = 1;
	char separator = 0;
	int err;
	memset(t, 0, sizeof *t);
	if (!(t->path = c5_strdup(path))) return c5_fail(C5_ENOMEM, "out of memory");
	if ((err = c5_disk_read(&t->text, &size, path, TEXT_MAX, "a table of scores")) < 0) return err;
	if (strlen(t->text) != size) return c5_fail(C5_EINPUT, "%s: a byte of value 0 in it; text is expected", path);
	char *at = t->text + (strncmp(t->text, "\xef\xbb\xbf", 3) ? 0 : 3);
	while (*at) {
		if (skipped(at)) {
			at += strcspn(at, "\n");
			at += *at == '\n';
			line++;
			continue;
		}
		if (!separator) separator = find_separator(at);
		unsigned long long begun = line;
		bool last = false;
		for (n = 0; !last; n++) {
			char *cell;
			if ((err = next_cell(t, &at, separator, &line, &cell, &last)) < 0) return err;
			if (!t->columns) {
				if ((err = c5_grow(&t->names, &t->cap_names, n + 1, sizeof *t->names)) < 0) return err;
				t->names[n] = cell;
			} else {
				if ((err = c5_grow(&t->cells, &t->cap_cells, n_cells + 1, sizeof *t->cells)) < 0) return err;
				t->cells[n_cells++] = cell;
			}
		}
		if (!t->columns) {
			t->columns = n;
			continue;
		}
		if (n != t->columns) return c5_fail(C5_EINPUT, "%s:%llu: %zu cells, %zu are expected as in the line of names", path, begun, n, t->columns);
		if ((err = c5_grow(&t->lines, &t->cap_lines, t->rows + 1, sizeof *t->lines)) < 0) return err;
		t->lines[t->rows++] = begun;
	}
	return t->rows ? C5_OK : c5_fail(C5_EINPUT, "%s: no rows; a line of column names and rows below it are expected", path);
}

void c5_table_free(c5_table *t)
{
	free(t->path);
	free(t->text);
	free(t->names);
	free(t->cells);
	free(t->lines);
	memset(t, 0, sizeof *t);
}

int c5_table_column(const c5_table *t, const char *name, size_t *column)
{
	for (size_t i = 0; i < t->columns; i++)
		if (!strcmp(t->names[i], name)) {
			*column = i;
			return C5_OK;
		}
	c5_buf there = { 0 };
	for (size_t i = 0; i < t->columns && i < 12; i++) c5_text_addf(&there, "%s%.40s", i ? ", " : "", t->names[i]);
	char *text = c5_text_take(&there);
	int err = c5_fail(C5_EINPUT, "%s: no column '%s'; there are: %s", t->path, name, text ? text : "?");
	free(text);
	return err;
}

int c5_table_real(const c5_table *t, size_t row, size_t column, double *value)
{
	const char *cell = c5_table_cell(t, row, column);
	if (c5_text_to_real(value, cell) == C5_OK) return C5_OK;
	return c5_fail(C5_EINPUT, "%s:%llu: column %s: '%.40s' is no finite number", t->path, t->lines[row], t->names[column], cell);
}
