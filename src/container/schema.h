/* schema.h – the container's schema as data: h5schema/1.0/container.yml, compiled into the program, stored in every container at
 * /schema, and read by the checker and the docs. What the keys mean is said at the top of that file. */
#ifndef C5_CONTAINER_SCHEMA_H
#define C5_CONTAINER_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The schema's YAML text of this program's version. */
const char *c5_schema_text(void);

/* An attribute or a column. */
typedef struct c5_schema_field {
	const char *name, *unit, *doc, *value; /* unit, value: NULL when not given */
	const char *types[8];                  /* NULL-ended: attribute types, or dtypes of a column */
	bool required;
} c5_schema_field;

/* What is said of the objects at one path. */
typedef struct c5_rule {
	const char *path;      /* with {placeholders} */
	int kind;              /* enum c5_kind of container/object.h */
	const char *doc, *target;
	bool required;
	unsigned ranks;        /* bit r: r dimensions are allowed; 0: not said */
	const char *dtypes[16], *axes[8]; /* NULL-ended */
	c5_schema_field *attrs, *columns;
	size_t n_attrs, n_columns;
} c5_rule;

typedef struct c5_schema {
	struct c5_yaml *doc;   /* owns the texts */
	const char *version;
	c5_rule *rules;        /* in the order of the file */
	size_t n;
} c5_schema;

/* Reads a schema text that errors call `name`; C5_ESCHEMA or C5_EUSAGE with line and column when it is none. */
int c5_schema_read(c5_schema **out, const char *name, const char *text);
void c5_schema_free(c5_schema *s);

/* The rule for an object's path, NULL when nothing is said of it. A plain name goes before {revision}, {revision} before any other. */
const c5_rule *c5_schema_match(const c5_schema *s, const char *path);
/* Whether `type` ("uint16", "text", "whole" ...) is among `types`, which may say whole, real or number. */
bool c5_schema_allows(const char *const *types, const char *type);

#endif
