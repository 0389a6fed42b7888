/* sheet.c – sample sheets: comma-separated text (RFC 4180: quotes, doubled quotes, line breaks within quotes) with a line of column names. A byte
 * order mark, CRLF, blank lines and lines beginning with '#' are passed over; a sheet without commas may use ';' or tabs instead. Paths are relative
 * to the sheet. A row that cannot be used becomes an experiment with an error; a sheet that cannot be understood is refused. */
#include <math.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/options.h"
#include "base/text.h"
#include "image/gather.h"
#include "image/names.h"
#include "image/probe.h"

#define SHEET_MAX (INT64_C(256) << 20) /* bytes */

/* Columns beyond the fields of a name (enum c5_field, of which frame and z are none). */
enum { COLUMN_PATH = C5_FIELD_N, COLUMN_PATTERN, COLUMN_PIXEL, COLUMN_INTERVAL, COLUMN_N };

static const char *const columns[] = { "experiment", "plate", "well", "position", "condition", "compound", "dose", "replicate", "channel", "modality",
	"path", "pattern", "pixel_size_um", "frame_interval_s", NULL };
static const int column_ids[] = { C5_FIELD_EXPERIMENT, C5_FIELD_PLATE, C5_FIELD_WELL, C5_FIELD_POSITION, C5_FIELD_CONDITION, C5_FIELD_COMPOUND,
	C5_FIELD_DOSE, C5_FIELD_REPLICATE, C5_FIELD_CHANNEL, C5_FIELD_MODALITY, COLUMN_PATH, COLUMN_PATTERN, COLUMN_PIXEL, COLUMN_INTERVAL };

struct sheet {
	const char *path;
	char *folder;      /* of the sheet */
	char *text;        /* the file; cells are cut out of it in place */
	char *at;
	char separator;
	unsigned line;     /* of `at` */
	int *ids;          /* (n) meaning of each column */
	size_t n, ids_cap;
};

struct row {
	char **cells;
	size_t n, cap;
	unsigned line;
};

static int no_memory(void) { return c5_fail(C5_ENOMEM, "out of memory"); }

static char *trim(char *s)
{
	while (*s == ' ' || *s == '\t') s++;
	size_t n = strlen(s);
	while (n && (s[n - 1] == ' ' || s[n - 1] == '\t')) s[--n] = '\0';
	return s;
}

/* Cuts the next cell out; *last when its line ends there. */
static int next_cell(struct sheet *s, char **cell, bool *last)
{
	char *p = s->at, *to;
	while (*p == ' ') p++;
	if (*p == '"') {
		to = *cell = ++p;
		for (; *p && !(*p == '"' && p[1] != '"'); p++) {
			p += *p == '"';
			s->line += *p == '\n';
			*to++ = *p;
		}
		if (!*p) return c5_fail(C5_EINPUT, "%s:%u: a quote is not closed", s->path, s->line);
		for (p++; *p == ' '; p++);
		if (*p && *p != s->separator && *p != '\r' && *p != '\n')
			return c5_fail(C5_EINPUT, "%s:%u: text after a closing quote; double the quotes that belong to the text", s->path, s->line);
	} else {
		*cell = p;
		while (*p && *p != s->separator && *p != '\r' && *p != '\n') p++;
		to = p;
	}
	*last = *p != s->separator;
	if (*p == '\r' && p[1] == '\n') p++;
	s->line += *p == '\n';
	s->at = *p ? p + 1 : p;
	*to = '\0';
	*cell = trim(*cell);
	return C5_OK;
}

/* The next row that says something; n = 0 at the end. */
static int next_row(struct sheet *s, struct row *row)
{
	int err = C5_OK;
	bool last = false, blank = true;
	do {
		row->n = 0;
		blank = true;
		while (*s->at == '#') {
			s->at += strcspn(s->at, "\n");
			if (*s->at) s->at++;
			s->line++;
		}
		row->line = s->line;
		if (!*s->at) return C5_OK;
		for (last = false; !last && !err;) {
			if ((err = c5_grow(&row->cells, &row->cap, row->n + 1, sizeof *row->cells)) < 0 || (err = next_cell(s, &row->cells[row->n], &last)) < 0) break;
			blank = blank && !*row->cells[row->n];
			row->n++;
		}
	} while (!err && blank);
	return err;
}

static int read_text(struct sheet *s)
{
	struct stat st;
	int err = C5_OK, fd = open(s->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) return c5_fail(errno == ENOENT ? C5_EINPUT : C5_EIO, "%s: cannot open the sample sheet: %s", s->path, strerror(errno));
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) err = c5_fail(C5_EINPUT, "%s: not a file, a sample sheet (CSV) expected", s->path);
	else if (st.st_size > SHEET_MAX) err = c5_fail(C5_EINPUT, "%s: %lld bytes, too long for a sample sheet", s->path, (long long)st.st_size);
	if (!err) err = c5_alloc(&s->text, (size_t)st.st_size + 1, 1);
	if (!err) err = c5_file_read_at(s->path, fd, s->text, (uint64_t)st.st_size, 0);
	close(fd);
	if (err < 0) return err;
	if (memchr(s->text, '\0', (size_t)st.st_size))
		return c5_fail(C5_EINPUT, "%s: not text in UTF-8, a sample sheet (CSV) expected; save it as CSV", s->path);
	s->at = s->text + (strncmp(s->text, "\xef\xbb\xbf", 3) ? 0 : 3);
	s->line = 1;
	return C5_OK;
}

/* The separator is what the first line that counts has of it. */
static char find_separator(const char *p)
{
	while (*p == '#' || *p == '\r' || *p == '\n') {
		p += strcspn(p, "\n");
		if (*p) p++;
	}
	size_t n = strcspn(p, "\r\n");
	if (memchr(p, ',', n)) return ',';
	return memchr(p, ';', n) ? ';' : memchr(p, '\t', n) ? '\t' : ',';
}

static int read_header(struct sheet *s, struct row *row)
{
	bool seen[COLUMN_N] = { false };
	s->separator = find_separator(s->at);
	int err = next_row(s, row);
	if (err < 0) return err;
	if (!row->n) return c5_fail(C5_EINPUT, "%s: empty, a line of column names expected", s->path);
	for (size_t i = 0; i < row->n; i++) {
		size_t k = 0;
		while (columns[k] && strcasecmp(columns[k], row->cells[i])) k++;
		if (!columns[k]) {
			const char *near = c5_nearest(row->cells[i], columns);
			if (near) return c5_fail(C5_EINPUT, "%s:%u: unknown column '%s'; did you mean '%s'?", s->path, row->line, row->cells[i], near);
			return c5_fail(C5_EINPUT, "%s:%u: unknown column '%s'; there are path, pattern, experiment, plate, well, position, condition, compound, dose, "
				"replicate, channel, modality, pixel_size_um and frame_interval_s", s->path, row->line, row->cells[i]);
		}
		if (seen[column_ids[k]]) return c5_fail(C5_EINPUT, "%s:%u: column '%s' twice", s->path, row->line, columns[k]);
		if ((err = c5_grow(&s->ids, &s->ids_cap, i + 1, sizeof *s->ids)) < 0) return err;
		seen[column_ids[k]] = true;
		s->ids[i] = column_ids[k];
	}
	s->n = row->n;
	if (!seen[COLUMN_PATH] && !seen[COLUMN_PATTERN])
		return c5_fail(C5_EINPUT, "%s:%u: no column 'path' or 'pattern'; one of them says where the images are", s->path, row->line);
	return C5_OK;
}

/* Text of a cell by its meaning; NULL when empty or not there. */
static const char *cell_of(const struct sheet *s, const struct row *row, int id)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->ids[i] == id) return *row->cells[i] ? row->cells[i] : NULL;
	return NULL;
}

static int positive(const struct sheet *s, const struct row *row, int id, const char *name, double *value)
{
	const char *text = cell_of(s, row, id);
	*value = NAN;
	if (!text) return C5_OK;
	if (c5_text_to_real(value, text) < 0 || *value <= 0)
		return c5_fail(C5_EINPUT, "%s:%u: %s '%s', a number above 0 expected", s->path, row->line, name, text);
	return C5_OK;
}

/* A path may end in a pattern: what follows the last folder without a field is cut off it. NULL when there is none, or a file of that name. */
static char *cut_pattern(char *path)
{
	char *field = strchr(path, '{'), *slash = field;
	if (!field || access(path, F_OK) == 0) return NULL;
	while (slash > path && *slash != '/') slash--;
	if (slash == path) return NULL;
	char *pattern = c5_strdup(slash + 1);
	*slash = 0;
	return pattern;
}

static int gather_where(c5_gather *g, const char *path, const char *pattern)
{
	struct stat st;
	char *copy = (char *)(uintptr_t)path;
	if (stat(path, &st) < 0) return c5_fail(C5_EINPUT, "%s: %s; a file or folder expected", path, strerror(errno));
	if (pattern) return c5_gather_pattern(g, pattern, path);
	return S_ISDIR(st.st_mode) ? c5_gather_folder(g, path) : c5_gather_list(g, 1, &copy);
}

/* What the row states, onto the entries it brought. */
static int overlay(c5_gather *g, size_t from, const struct sheet *s, const struct row *row, double pixel_um, double dt_s)
{
	for (size_t i = from; i < g->n; i++) {
		c5_entry *e = &g->entries[i];
		for (int f = 0; f < C5_FIELD_N; f++) {
			const char *text = cell_of(s, row, f);
			if (!text) continue;
			free(e->field[f]);
			if (!(e->field[f] = c5_strdup(text))) return no_memory();
		}
		e->pixel_um = pixel_um;
		e->dt_s = dt_s;
	}
	return C5_OK;
}

/* A row with one experiment's name must bring one. */
static int check_one(const c5_gather *g, size_t from, const struct sheet *s, const struct row *row, const char *path)
{
	bool named = false;
	for (int f = 0; f <= C5_FIELD_POSITION; f++) named = named || cell_of(s, row, f);
	for (size_t i = from + 1; named && i < g->n; i++)
		if (strcmp(g->entries[i].name, g->entries[from].name))
			return c5_fail(C5_EINPUT, "%s:%u: names one experiment, but %s holds several (%s, %s ...); give each a row", s->path, row->line, path,
				g->entries[from].name, g->entries[i].name);
	return C5_OK;
}

static int read_row(c5_gather *g, const struct sheet *s, const struct row *row)
{
	const char *where = cell_of(s, row, COLUMN_PATH), *pattern = cell_of(s, row, COLUMN_PATTERN), *modality = cell_of(s, row, C5_FIELD_MODALITY);
	size_t from = g->n;
	double pixel_um, dt_s;
	char *path = NULL, *joined = NULL;
	int err;
	if (row->n != s->n)
		return c5_fail(C5_EINPUT, "%s:%u: %zu cells, %zu expected; quote cells that have a '%c' in them", s->path, row->line, row->n, s->n, s->separator);
	if (!where && !pattern) return c5_fail(C5_EINPUT, "%s:%u: neither path nor pattern; one of them says where the images are", s->path, row->line);
	if ((err = positive(s, row, COLUMN_PIXEL, "pixel_size_um", &pixel_um)) < 0
		|| (err = positive(s, row, COLUMN_INTERVAL, "frame_interval_s", &dt_s)) < 0)
		return err;
	if (modality && (err = c5_modality_check(modality)) < 0) return c5_fail_in(err, "%s:%u", s->path, row->line);
	if (!(joined = where ? c5_name_join(s->folder, where) : c5_strdup(s->folder))) return no_memory();
	err = c5_name_absolute(&path, joined);
	char *fields = err || pattern ? NULL : cut_pattern(path);
	if (!err) err = gather_where(g, path, fields ? fields : pattern);
	free(fields);
	if (!err) err = check_one(g, from, s, row, path);
	if (err == C5_EUSAGE) err = c5_fail_in(err, "%s:%u", s->path, row->line);
	if (err == C5_EINPUT || err == C5_EIO) { /* this row's trouble, not the sheet's */
		c5_entry *e;
		int code = c5_fail_in(err, "%s:%u", s->path, row->line);
		char *text = c5_strdup(c5_error_last());
		c5_gather_cut(g, from);
		if ((err = text ? c5_gather_add(g, NULL, &e) : no_memory()) < 0) {
			free(text);
		} else {
			e->unit = g->units++;
			e->error = text;
			e->error_code = code;
			if (!(e->name = c5_name_stem(joined))) err = no_memory();
		}
	}
	if (!err) err = overlay(g, from, s, row, pixel_um, dt_s);
	free(joined);
	free(path);
	return err;
}

int c5_gather_sheet(c5_gather *g, const char *path)
{
	struct sheet s = { .path = path };
	struct row row = { 0 };
	size_t rows = 0;
	int err = read_text(&s);
	if (!err && !(s.folder = c5_name_folder(path))) err = no_memory();
	if (!err) err = read_header(&s, &row);
	while (!err && (err = next_row(&s, &row)) == C5_OK && row.n) {
		err = read_row(g, &s, &row);
		rows++;
	}
	if (!err && !rows) err = c5_fail(C5_EINPUT, "%s: column names, but no row", path);
	free(row.cells);
	free(s.ids);
	free(s.folder);
	free(s.text);
	return err;
}
