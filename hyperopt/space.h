/* space.h – what a search may choose from: typed parameters, some of them there only while others have certain values.
 *
 * A point has two faces. Its values are what the objective gets: a number, a whole number, or the index of a choice; NAN where a condition leaves the
 * parameter out. Its place in the unit cube is what samplers move in: one coordinate a parameter, by logarithm where the scale is logarithmic, every
 * level of a grid having an equal share (of the logarithm). c5_space_round takes a place to the values it stands for, c5_space_unit the values to the
 * middle of their share, so that two places that mean the same point become the same place (Garrido-Merchan & Hernandez-Lobato 2020: models see the
 * rounded point). */
#ifndef C5_HYPEROPT_SPACE_H
#define C5_HYPEROPT_SPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/yaml.h"

#define C5_SPACE_MOST 64      /* parameters */
#define C5_CHOICES_MOST 1000

enum c5_param_kind { C5_PARAM_REAL, C5_PARAM_WHOLE, C5_PARAM_CHOICE };

/* The parameter is there while `parent` has one of the values. */
typedef struct c5_condition { size_t parent; size_t n; double *values; } c5_condition;

typedef struct c5_param {
	char *name;
	int kind;             /* enum c5_param_kind */
	bool log;             /* the scale is logarithmic */
	double min, max;      /* 0 and n_choices - 1 for choices */
	double step;          /* 0: any real number between; else min, min + step ... up to max */
	char **choices;
	size_t n_choices;
	c5_condition *when;   /* all must hold */
	size_t n_when;
} c5_param;

typedef struct c5_space {
	c5_param *params;
	size_t n;
	size_t *order;        /* parents before those that depend on them */
} c5_space;

/* Reads a map NAME: {type: ..., ...}. Types and their keys: docs/search.md. C5_EUSAGE with line and column: an unknown type or key with the nearest
 * known one, an empty range, a condition on a parameter that is not there or that hangs on itself. */
int c5_space_read(c5_space *s, const c5_yaml_node *map);
/* Appends the map as YAML that reads back to the same space, each line indented by `indent`. */
void c5_space_add_text(c5_buf *to, int indent, const c5_space *s);
void c5_space_free(c5_space *s);

/* By hand, for programs: names are copied. Settle, when all are there, checks ranges and puts parents first. */
int c5_space_add(c5_space *s, const char *name, int kind, double min, double max, bool log, double step);
int c5_space_add_choice(c5_space *s, const char *name, size_t n, const char *const *choices); /* NULL choices: "0", "1" ... */
int c5_space_add_condition(c5_space *s, size_t param, size_t parent, size_t n, const double *values);
int c5_space_settle(c5_space *s);

/* SIZE_MAX when there is none of the name (dashes and underscores alike). */
size_t c5_space_find(const c5_space *s, const char *name);
/* Values that the parameter can take; 0: more than can be counted. */
uint64_t c5_param_levels(const c5_param *p);
/* Points of the whole space; 0: more than can be counted. Conditions make them fewer. */
uint64_t c5_space_points(const c5_space *s);

/* One coordinate to its value and back (to the middle of its share). */
double c5_param_value(const c5_param *p, double unit);
double c5_param_unit(const c5_param *p, double value);
/* A place (n) to the values (n) there; those left out are NAN. */
void c5_space_round(const c5_space *s, const double *unit, double *values);
/* Values to their place; parameters left out lie in the middle, 0.5. */
void c5_space_unit(const c5_space *s, const double *values, double *unit);
/* Sets to NAN what the others leave out. False when one that is there has no value, or one that it cannot have. */
bool c5_space_settle_values(const c5_space *s, double *values);

/* A value as text, "0.001", "12", "adam"; "" for NAN. `to` holds C5_VALUE_TEXT bytes; returns what to show, `to` or the choice's own text. */
#define C5_VALUE_TEXT 40
const char *c5_param_text(char *to, const c5_param *p, double value);
/* Likewise for people: real numbers by 4 digits, "-" for NAN. */
const char *c5_param_short(char *to, const c5_param *p, double value);
/* A value read from text; false if the parameter cannot have it. Numbers off a grid go to its nearest level. */
bool c5_param_parse(const c5_param *p, const char *text, double *value);

#endif
