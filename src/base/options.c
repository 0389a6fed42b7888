/* options.c – settings as one table: values, the command line and its help; see options.h.
 * Every value passes through set_row, so the command line, YAML and defaults obey the same types, ranges and choices. */
#include "base/options.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"

#define HELP_WIDTH 100
#define LEFT_MAX 34     /* a longer "--name VALUE" gets a line of its own */
#define WORD_MAX 64     /* longer words are never near to anything */

static void *field(const c5_opt *row, void *settings) { return (char *)settings + row->field; }
static const void *cfield(const c5_opt *row, const void *settings) { return (const char *)settings + row->field; }

static bool same_name(const char *a, const char *b)
{
	for (; *a && *b; a++, b++)
		if (*a != *b && !((*a == '_' || *a == '-') && (*b == '_' || *b == '-'))) return false;
	return *a == *b;
}

/* ---- near words ---- */

static int fold(char c) { return c == '_' ? '-' : tolower((unsigned char)c); }

static bool is_prefix(const char *word, const char *of)
{
	for (; *word; word++, of++)
		if (fold(*word) != fold(*of)) return false;
	return true;
}

/* Edit distance with swaps of neighbours, in three rows of the table. */
static int distance(const char *a, size_t na, const char *b, size_t nb)
{
	int rows[3][WORD_MAX + 1], *before = rows[0], *above = rows[1], *here = rows[2];
	for (size_t j = 0; j <= nb; j++) above[j] = (int)j;
	for (size_t i = 1; i <= na; i++) {
		here[0] = (int)i;
		for (size_t j = 1; j <= nb; j++) {
			int ca = fold(a[i - 1]), cb = fold(b[j - 1]);
			int d = above[j - 1] + (ca != cb);
			if (above[j] + 1 < d) d = above[j] + 1;
			if (here[j - 1] + 1 < d) d = here[j - 1] + 1;
			if (i > 1 && j > 1 && ca == fold(b[j - 2]) && cb == fold(a[i - 2]) && before[j - 2] + 1 < d) d = before[j - 2] + 1;
			here[j] = d;
		}
		int *oldest = before;
		before = above;
		above = here;
		here = oldest;
	}
	return above[nb];
}

const char *c5_nearest(const char *word, const char *const *words)
{
	size_t n = strlen(word);
	if (n == 0 || n > WORD_MAX) return NULL;
	const char *best = NULL;
	int least = n <= 1 ? 0 : 1 + (int)n / 4; /* one slip in three letters, three in eight */
	for (; *words; words++) {
		size_t m = strlen(*words);
		if (m > WORD_MAX) continue;
		int d = distance(word, n, *words, m);
		if (d > 1 && n >= 3 && is_prefix(word, *words)) d = 1;
		if (d < least || (d == least && !best)) {
			best = *words;
			least = d;
		}
	}
	return best;
}

static const char *nearest_in(const c5_opt_group *groups, const char *name)
{
	const char **names = NULL, *best = NULL;
	size_t cap = 0, n = 0;
	for (; groups->table; groups++)
		for (const c5_opt *row = groups->table; row->name; row++) {
			if (c5_grow(&names, &cap, n + 2, sizeof *names) < 0) goto done;
			names[n++] = row->name;
		}
	if (n) best = c5_nearest(name, names);
done:
	free(names);
	return best;
}

const char *c5_opt_nearest(const c5_opt *table, const char *name)
{
	return nearest_in((const c5_opt_group[]){ { NULL, table, NULL }, { NULL, NULL, NULL } }, name);
}

const c5_opt *c5_opt_find(const c5_opt *table, const char *name)
{
	for (; table->name; table++)
		if (same_name(table->name, name)) return table;
	return NULL;
}

/* ---- values ---- */

static void list_free(char **list)
{
	for (char **s = list; s && *s; s++) free(*s);
	free(list);
}

static int list_add(char ***list, const char *s, size_t length)
{
	size_t n = 0;
	while (*list && (*list)[n]) n++;
	char *entry = strndup(s, length), **fresh = entry ? realloc(*list, (n + 2) * sizeof *fresh) : NULL;
	if (!fresh) {
		free(entry);
		return c5_fail(C5_ENOMEM, "out of memory for %zu list entries", n + 1);
	}
	fresh[n] = entry;
	fresh[n + 1] = NULL;
	*list = fresh;
	return C5_OK;
}

static int list_split(char ***list, const char *text)
{
	int err = C5_OK;
	while (*text && err == C5_OK) {
		size_t n = strcspn(text, ",");
		err = list_add(list, text, n);
		text += n + (text[n] == ',');
	}
	return err;
}

static bool in_choices(const char *choices, const char *text)
{
	size_t n = strlen(text), m;
	for (const char *at = choices; n && *at; at += m + (at[m] == '|')) {
		m = strcspn(at, "|");
		if (m == n && memcmp(at, text, n) == 0) return true;
	}
	return false;
}

/* The choices as "a, b, c"; the nearest to `text` in *near, which points into the same memory as *words. Caller frees both. */
static int choice_words(const char *choices, const char *text, char ***words, char **listed, const char **near)
{
	c5_buf b = { 0 };
	int err = C5_OK;
	for (const char *at = choices; *at && err == C5_OK;) {
		size_t m = strcspn(at, "|");
		err = list_add(words, at, m);
		c5_text_addf(&b, "%s%.*s", at == choices ? "" : ", ", (int)m, at);
		at += m + (at[m] == '|');
	}
	*listed = c5_text_take(&b);
	*near = err == C5_OK && *words ? c5_nearest(text, (const char *const *)*words) : NULL;
	return *listed ? err : C5_ENOMEM;
}

static int not_a_choice(const char *choices, const char *text)
{
	char **words = NULL, *listed = NULL;
	const char *near = NULL;
	int err = choice_words(choices, text, &words, &listed, &near);
	if (err == C5_OK)
		err = c5_fail(C5_EUSAGE, "'%.200s' is not one of %s%s%s%s", text, listed, near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
	list_free(words);
	free(listed);
	return err;
}

static int check_range(const c5_opt *row, double v, const char *text)
{
	char lo[C5_REAL_TEXT], hi[C5_REAL_TEXT];
	if (!(row->max > row->min) || (v >= row->min && v <= row->max)) return C5_OK;
	return c5_fail(C5_EUSAGE, "%.200s%s%s is out of range %s..%s", text, row->unit ? " " : "", row->unit ? row->unit : "",
	               c5_text_real(lo, row->min), c5_text_real(hi, row->max));
}

static int set_text(char **at, const char *text)
{
	char *fresh = c5_strdup(text);
	if (!fresh) return c5_fail(C5_ENOMEM, "out of memory for a value of %zu bytes", strlen(text));
	free(*at);
	*at = fresh;
	return C5_OK;
}

int c5_opt_set_row(const c5_opt *row, void *settings, const char *text)
{
	void *at = field(row, settings);
	int64_t whole;
	double real;
	int err;
	switch (row->type) {
	case C5_OPT_BOOL: return c5_text_to_bool(at, text);
	case C5_OPT_INT:
		if ((err = c5_text_to_int(&whole, text)) < 0 || (err = check_range(row, (double)whole, text)) < 0) return err;
		*(int64_t *)at = whole;
		return C5_OK;
	case C5_OPT_REAL:
		if ((err = c5_text_to_real(&real, text)) < 0 || (err = check_range(row, real, text)) < 0) return err;
		*(double *)at = real;
		return C5_OK;
	case C5_OPT_CHOICE: return in_choices(row->choices, text) ? set_text(at, text) : not_a_choice(row->choices, text);
	case C5_OPT_TEXT: return set_text(at, text);
	case C5_OPT_LIST: return list_add(at, text, strlen(text));
	default: return c5_fail(C5_EFAIL, "option table: %s has the unknown type %d", row->name, row->type);
	}
}

void c5_opt_unset(const c5_opt *row, void *settings)
{
	void *at = field(row, settings);
	switch (row->type) {
	case C5_OPT_BOOL: *(bool *)at = false; break;
	case C5_OPT_INT: *(int64_t *)at = 0; break;
	case C5_OPT_REAL: *(double *)at = 0; break;
	case C5_OPT_LIST:
		list_free(*(char ***)at);
		*(char ***)at = NULL;
		break;
	default:
		free(*(char **)at);
		*(char **)at = NULL;
	}
}

int c5_opt_defaults(const c5_opt *table, void *settings)
{
	int err = C5_OK;
	for (; table->name && err == C5_OK; table++) {
		c5_opt_unset(table, settings);
		if (!table->value) continue;
		err = table->type == C5_OPT_LIST ? list_split(field(table, settings), table->value) : c5_opt_set_row(table, settings, table->value);
		if (err < 0) c5_fail_in(err, "default of --%s", table->name);
	}
	return err;
}

static int unknown(const char *name, const char *near)
{
	if (!near) return c5_fail(C5_EUSAGE, "--%.200s: unknown option (see --help)", name);
	return c5_fail(C5_EUSAGE, "--%.200s: unknown option; did you mean --%s? (see --help)", name, near);
}

int c5_opt_set(const c5_opt *table, void *settings, const char *name, const char *text)
{
	const c5_opt *row = c5_opt_find(table, name);
	if (!row) return unknown(name, c5_opt_nearest(table, name));
	int err = c5_opt_set_row(row, settings, text);
	return err < 0 ? c5_fail_in(err, "--%s", row->name) : C5_OK;
}

char *c5_opt_get(const c5_opt *row, const void *settings)
{
	const void *at = cfield(row, settings);
	char text[C5_REAL_TEXT];
	c5_buf b = { 0 };
	switch (row->type) {
	case C5_OPT_BOOL: return c5_strdup(*(const bool *)at ? "true" : "false");
	case C5_OPT_INT: return c5_format("%lld", (long long)*(const int64_t *)at);
	case C5_OPT_REAL: return c5_strdup(c5_text_real(text, *(const double *)at));
	case C5_OPT_LIST: break;
	default: return c5_strdup(*(char *const *)at);
	}
	char *const *list = *(char **const *)at;
	if (!list) return NULL;
	for (int i = 0; list[i]; i++) c5_text_addf(&b, "%s%s", i ? "," : "", list[i]);
	return c5_text_take(&b);
}

static bool same_value(const c5_opt *row, const void *a, const void *b)
{
	a = cfield(row, a);
	b = cfield(row, b);
	if (row->type == C5_OPT_BOOL) return *(const bool *)a == *(const bool *)b;
	if (row->type == C5_OPT_INT) return *(const int64_t *)a == *(const int64_t *)b;
	if (row->type == C5_OPT_REAL) return *(const double *)a == *(const double *)b;
	if (row->type != C5_OPT_LIST) {
		const char *s = *(char *const *)a, *t = *(char *const *)b;
		return s && t ? strcmp(s, t) == 0 : s == t;
	}
	char *const *s = *(char **const *)a, *const *t = *(char **const *)b;
	size_t i = 0;
	if (!s || !t) return s == t;
	while (s[i] && t[i] && strcmp(s[i], t[i]) == 0) i++;
	return s[i] == t[i];
}

bool c5_opt_is_default(const c5_opt *row, const void *settings)
{
	union { bool b; int64_t i; double r; char *s; char **list; } value;
	const c5_opt one[] = { { row->name, row->type, 0, row->value, row->min, row->max, row->unit, row->choices, row->help }, { 0 } };
	memset(&value, 0, sizeof value);
	bool same = c5_opt_defaults(one, &value) == C5_OK && same_value(one, &value, (const char *)settings + row->field);
	c5_opt_clear(one, &value);
	return same;
}

char *c5_opt_json(const c5_opt *table, const void *settings)
{
	c5_buf b = { 0 };
	c5_text_add(&b, "{");
	for (const c5_opt *row = table; row->name; row++) {
		if (row != table) c5_text_add(&b, ", ");
		c5_text_add_json(&b, row->name);
		c5_text_add(&b, ": ");
		const void *at = cfield(row, settings);
		if (row->type == C5_OPT_LIST) {
			char *const *list = *(char **const *)at;
			c5_text_add(&b, "[");
			for (int i = 0; list && list[i]; i++) {
				if (i) c5_text_add(&b, ", ");
				c5_text_add_json(&b, list[i]);
			}
			c5_text_add(&b, "]");
		} else if (row->type == C5_OPT_TEXT || row->type == C5_OPT_CHOICE) {
			c5_text_add_json(&b, *(char *const *)at);
		} else {
			char *text = c5_opt_get(row, settings);
			if (!text) b.err = c5_fail(C5_ENOMEM, "out of memory");
			else c5_text_add(&b, strpbrk(text, "in") && row->type == C5_OPT_REAL ? "null" : text); /* inf and nan are not JSON */
			free(text);
		}
	}
	c5_text_add(&b, "}");
	return c5_text_take(&b);
}

void c5_opt_clear(const c5_opt *table, void *settings)
{
	for (; table->name; table++) c5_opt_unset(table, settings);
}

/* ---- the command line ---- */

/* A LIST row met on the command line, so that only the first use replaces what was there. */
struct seen { const c5_opt **rows; size_t n, cap; };

static int set_from_line(struct seen *seen, const c5_opt *row, void *settings, const char *text)
{
	if (row->type == C5_OPT_LIST) {
		size_t i = 0;
		while (i < seen->n && seen->rows[i] != row) i++;
		if (i == seen->n) {
			int err = c5_grow(&seen->rows, &seen->cap, seen->n + 1, sizeof *seen->rows);
			if (err < 0) return err;
			seen->rows[seen->n++] = row;
			c5_opt_unset(row, settings);
		}
	}
	return c5_opt_set_row(row, settings, text);
}

static const c5_opt *find_in(const c5_opt_group *groups, const char *name, void **settings)
{
	for (; groups->table; groups++) {
		const c5_opt *row = c5_opt_find(groups->table, name);
		*settings = groups->settings;
		if (row) return row;
	}
	return NULL;
}

static const char *value_word(const c5_opt *row)
{
	switch (row->type) {
	case C5_OPT_INT: return row->choices ? row->choices : "N";
	case C5_OPT_REAL: return row->choices ? row->choices : "X";
	case C5_OPT_CHOICE: return strlen(row->choices) <= 20 ? row->choices : "NAME";
	default: return row->choices ? row->choices : "TEXT";
	}
}

/* One "--name[=value]" at argv[*i]; moves *i over a value in the next word. */
static int parse_option(const c5_opt_group *groups, struct seen *seen, int argc, char **argv, int *i)
{
	const char *equals = strchr(argv[*i], '='), *value = equals ? equals + 1 : NULL;
	char *name = strndup(argv[*i] + 2, equals ? (size_t)(equals - argv[*i] - 2) : strlen(argv[*i]));
	void *settings = NULL;
	int err = C5_OK;
	bool negated = false;
	if (!name) return c5_fail(C5_ENOMEM, "out of memory");
	const c5_opt *row = find_in(groups, name, &settings);
	if (!row && strncmp(name, "no-", 3) == 0) {
		row = find_in(groups, name + 3, &settings);
		negated = row != NULL;
	}
	if (!row) {
		err = unknown(name, nearest_in(groups, name));
	} else if (negated && (row->type != C5_OPT_BOOL || value)) {
		err = row->type != C5_OPT_BOOL ? c5_fail(C5_EUSAGE, "--%s: --%s is no switch and cannot be negated (see --help)", name, row->name)
		                               : c5_fail(C5_EUSAGE, "--%s: takes no value, found '%.200s'; write --%s=%.200s", name, value, row->name, value);
	} else {
		if (row->type == C5_OPT_BOOL && !value) value = negated ? "false" : "true";
		else if (!value && *i + 1 < argc && strncmp(argv[*i + 1], "--", 2) != 0) value = argv[++*i];
		if (value) {
			err = set_from_line(seen, row, settings, value);
			if (err < 0) c5_fail_in(err, "--%s", row->name);
		} else if (*i + 1 < argc) {
			err = c5_fail(C5_EUSAGE, "--%s: a value (%s) is expected after it, found %.200s; write --%s=VALUE if that is the value", row->name,
			              value_word(row), argv[*i + 1], row->name);
		} else {
			err = c5_fail(C5_EUSAGE, "--%s: a value (%s) is expected after it, found nothing", row->name, value_word(row));
		}
	}
	free(name);
	return err;
}

int c5_opt_parse(const c5_opt_group *groups, int argc, char **argv, int *n_operands, char ***operands, bool *help)
{
	struct seen seen = { 0 };
	char **words = NULL;
	int n = 0, err = C5_OK;
	bool only_operands = false;
	if (help) *help = false;
	if (n_operands) *n_operands = 0;
	if (operands) *operands = NULL;
	if ((err = c5_alloc(&words, (size_t)(argc > 0 ? argc : 0) + 1, sizeof *words)) < 0) goto done;
	for (int i = 1; i < argc; i++) {
		const char *word = argv[i];
		if (!only_operands && strcmp(word, "--") == 0) {
			only_operands = true;
		} else if (!only_operands && help && (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)) {
			*help = true;
			break;
		} else if (!only_operands && strncmp(word, "--", 2) == 0) {
			if ((err = parse_option(groups, &seen, argc, argv, &i)) < 0) goto done;
		} else if (!only_operands && word[0] == '-' && word[1]) {
			const char *near = nearest_in(groups, word + 1);
			err = c5_fail(C5_EUSAGE, "%.200s: unknown option; options have two dashes%s%s%s (see --help)", word, near ? ", did you mean --" : "",
			              near ? near : "", near ? "?" : "");
			goto done;
		} else if (!operands) {
			err = c5_fail(C5_EUSAGE, "%.200s: unexpected operand; none is taken here (see --help)", word);
			goto done;
		} else {
			words[n++] = argv[i];
		}
	}
	if (operands) {
		*operands = words;
		words = NULL;
	}
	if (n_operands) *n_operands = n;
done:
	free(words);
	free(seen.rows);
	return err;
}

/* ---- help ---- */

static char *left_text(const c5_opt *row)
{
	if (row->type == C5_OPT_BOOL) {
		bool on = row->value && strcmp(row->value, "true") == 0;
		return c5_format("  --%s%s", on ? "[no-]" : "", row->name);
	}
	return c5_format("  --%s %s%s", row->name, value_word(row), row->type == C5_OPT_LIST ? " ..." : "");
}

/* The help line with what the table knows besides: long choices, default, range and unit. */
static char *right_text(const c5_opt *row)
{
	char lo[C5_REAL_TEXT], hi[C5_REAL_TEXT];
	const char *unit = row->unit ? row->unit : "", *gap = row->unit ? " " : "";
	c5_buf b = { 0 };
	c5_text_add(&b, row->help ? row->help : "");
	if (row->type == C5_OPT_CHOICE && strcmp(value_word(row), row->choices) != 0) {
		c5_text_add(&b, ": ");
		for (const char *at = row->choices; *at; at++)
			if (*at == '|') c5_text_add(&b, ", ");
			else c5_buf_put(&b, at, 1);
	}
	bool ranged = (row->type == C5_OPT_INT || row->type == C5_OPT_REAL) && row->max > row->min;
	bool valued = row->value && row->value[0] && !(row->type == C5_OPT_BOOL && strcmp(row->value, "false") == 0);
	if (valued && row->type == C5_OPT_BOOL) c5_text_add(&b, " (default on)");
	else if (valued && ranged)
		c5_text_addf(&b, " (default %s%s%s, %s..%s)", row->value, gap, unit, c5_text_real(lo, row->min), c5_text_real(hi, row->max));
	else if (valued) c5_text_addf(&b, " (default %s%s%s)", row->value, gap, unit);
	else if (ranged) c5_text_addf(&b, " (%s..%s%s%s)", c5_text_real(lo, row->min), c5_text_real(hi, row->max), gap, unit);
	else if (row->unit) c5_text_addf(&b, " (%s)", unit);
	return c5_text_take(&b);
}

/* Prints words from column `indent` on, broken before HELP_WIDTH. */
static void print_wrapped(FILE *to, const char *s, int indent)
{
	int column = indent;
	while (*s) {
		int n = (int)strcspn(s, " ");
		if (column > indent && column + 1 + n > HELP_WIDTH) {
			fprintf(to, "\n%*s", indent, "");
			column = indent;
		}
		column += fprintf(to, "%s%.*s", column > indent ? " " : "", n, s);
		s += n + (int)strspn(s + n, " ");
	}
	fputc('\n', to);
}

/* Tables are tried in order, so a later row of the same name can never be meant. */
static bool shadowed(const c5_opt_group *groups, const c5_opt_group *own, const char *name)
{
	for (; groups != own; groups++)
		if (c5_opt_find(groups->table, name)) return true;
	return false;
}

void c5_opt_help(FILE *to, const c5_opt_group *groups)
{
	int width = 0;
	for (const c5_opt_group *g = groups; g->table; g++)
		for (const c5_opt *row = g->table; row->name; row++) {
			if (shadowed(groups, g, row->name)) continue;
			char *left = left_text(row);
			int n = left ? (int)strlen(left) : 0;
			if (n > width && n <= LEFT_MAX) width = n;
			free(left);
		}
	for (const c5_opt_group *g = groups; g->table; g++) {
		if (!g->table->name) continue;
		fprintf(to, "%s%s:\n", g == groups ? "" : "\n", g->title ? g->title : "Options");
		for (const c5_opt *row = g->table; row->name; row++) {
			if (shadowed(groups, g, row->name)) continue;
			char *left = left_text(row), *right = right_text(row);
			if (left && right) {
				if ((int)strlen(left) > width) fprintf(to, "%s\n%*s", left, width + 2, "");
				else fprintf(to, "%-*s  ", width, left);
				print_wrapped(to, right, width + 2);
			}
			free(left);
			free(right);
		}
	}
}
