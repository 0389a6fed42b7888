/* options.h – settings as one table. The table feeds defaults, the command line, --help, the YAML pipeline,
 * range checks and the provenance written into the container; nothing about a setting is said twice.
 *
 *     struct seg { double sigma; char *method; int64_t min_area; bool fill; };
 *     static const c5_opt seg_opts[] = {
 *      { "method",   C5_OPT_CHOICE, offsetof(struct seg, method),  "otsu", 0, 0,     NULL, "otsu|percentile|deviation", "threshold" },
 *      { "min-area", C5_OPT_INT,    offsetof(struct seg, min_area), "50",  0, 1e9,   "px", NULL, "drop smaller objects" },
 *      { 0 } };
 *
 * Field types: C5_OPT_BOOL bool, C5_OPT_INT int64_t, C5_OPT_REAL double, C5_OPT_TEXT and C5_OPT_CHOICE char * (owned by the struct),
 * C5_OPT_LIST char ** (NULL-ended, owned; repeatable on the command line, a sequence in YAML).
 * Names use dashes on the command line; YAML takes dashes or underscores. */
#ifndef C5_BASE_OPTIONS_H
#define C5_BASE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum c5_opt_type { C5_OPT_BOOL = 1, C5_OPT_INT, C5_OPT_REAL, C5_OPT_TEXT, C5_OPT_CHOICE, C5_OPT_LIST };

typedef struct c5_opt {
	const char *name;    /* long name without dashes in front; NULL ends a table */
	int type;            /* enum c5_opt_type */
	size_t field;        /* offset in the settings struct */
	const char *value;   /* the default as text; NULL: unset (NULL, 0, false) */
	double min, max;     /* for INT and REAL, checked when max > min */
	const char *unit;    /* "um", "s", "px" ...; NULL if none */
	const char *choices; /* "a|b|c" for CHOICE; the value's name ("FILE", "N") for others, or NULL */
	const char *help;    /* one line */
} c5_opt;

/* Fills `settings` (zeroed by the caller before the first use) with the table's defaults. A LIST's default is comma-separated. */
int c5_opt_defaults(const c5_opt *table, void *settings);

/* Sets one option from text; a LIST gets one more entry. C5_EUSAGE names an unknown option's nearest neighbour, the range, or the choices. */
int c5_opt_set(const c5_opt *table, void *settings, const char *name, const char *text);

/* The parts c5_opt_set is made of, for other front ends (YAML): the row of a name or NULL; the nearest name or NULL;
 * one value set, with an error text that does not repeat the name; one value put back to unset (NULL, 0, false). */
const c5_opt *c5_opt_find(const c5_opt *table, const char *name);
const char *c5_opt_nearest(const c5_opt *table, const char *name);
int c5_opt_set_row(const c5_opt *row, void *settings, const char *text);
void c5_opt_unset(const c5_opt *row, void *settings);

/* Parses argv[1..]: "--name value", "--name=value", "--flag", "--no-flag"; "--" ends options; the rest are operands.
 * `groups` ends with a NULL table; its tables are tried in order. operands: NULL-ended, caller frees the array (not the strings);
 * with a NULL `operands` every operand is refused. The first use of a LIST on the command line replaces what the list held, later
 * ones add to it. A value that begins with two dashes is written --name=VALUE. -h and --help set *help and stop. A word that is no option of any
 * table is C5_EUSAGE with the nearest name. */
typedef struct c5_opt_group { const char *title; const c5_opt *table; void *settings; } c5_opt_group;
int c5_opt_parse(const c5_opt_group *groups, int argc, char **argv, int *n_operands, char ***operands, bool *help);

/* Prints the help of the groups, aligned, at most 100 columns wide. */
void c5_opt_help(FILE *to, const c5_opt_group *groups);

/* Present values as text, e.g. for provenance: malloc'ed, caller frees. C5_OPT_LIST as comma-joined. NULL text for unset. */
char *c5_opt_get(const c5_opt *row, const void *settings);
/* Whether the present value equals the table's default. */
bool c5_opt_is_default(const c5_opt *row, const void *settings);

/* All values as one line of JSON object text, in table order: caller frees. */
char *c5_opt_json(const c5_opt *table, const void *settings);

/* Releases owned strings; the table's fields are zero then. */
void c5_opt_clear(const c5_opt *table, void *settings);

/* The entry of `words` (NULL-ended) nearest to `word` by edit distance, or NULL when none is near. */
const char *c5_nearest(const char *word, const char *const *words);

#endif
