/* yaml.h – a small read-only tree over a YAML file, option structs filled from its maps, and option structs written as YAML.
 *
 * Only what a configuration needs: maps, sequences, scalars, one document. Anchors, aliases, tags, merge keys, non-scalar keys and
 * duplicate keys are refused, and size, depth and number of nodes are bounded, so a file can neither surprise nor exhaust us.
 * Every refusal says where: `pipe.yml:12:3: sigmaa: unknown key; did you mean sigma?` */
#ifndef C5_BASE_YAML_H
#define C5_BASE_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/options.h"

#define C5_YAML_BYTES_MAX (16u << 20)
#define C5_YAML_NODES_MAX 1000000
#define C5_YAML_DEPTH_MAX 32

enum c5_yaml_kind { C5_YAML_NULL, C5_YAML_SCALAR, C5_YAML_LIST, C5_YAML_MAP };

typedef struct c5_yaml c5_yaml; /* a document: owns its nodes */

typedef struct c5_yaml_node {
	int kind;                     /* enum c5_yaml_kind; NULL is an empty value, ~ or null, unquoted */
	int line, column;             /* from 1 */
	char *text;                   /* SCALAR, NULL: the value without quotes; else a null pointer */
	size_t n;                     /* LIST, MAP: entries */
	struct c5_yaml_node **keys;   /* MAP: scalars */
	struct c5_yaml_node **items;
	const c5_yaml *doc;
} c5_yaml_node;

/* Reads a file, or `size` bytes of text that errors call `name`. C5_ENOTFOUND or C5_EIO when the file cannot be read, C5_EUSAGE when it
 * is not the YAML we take. */
int c5_yaml_read(c5_yaml **out, const char *path);
int c5_yaml_parse(c5_yaml **out, const char *name, const char *text, size_t size);
void c5_yaml_free(c5_yaml *doc); /* NULL is fine */

/* The top node; of kind C5_YAML_NULL for an empty file. */
const c5_yaml_node *c5_yaml_root(const c5_yaml *doc);
/* A map's value by key, dashes and underscores alike; NULL if absent or if `map` is no map. */
const c5_yaml_node *c5_yaml_get(const c5_yaml_node *map, const char *key);

/* A scalar's value; C5_EUSAGE with the place when it is something else. */
int c5_yaml_text(const char **out, const c5_yaml_node *node);
int c5_yaml_int(int64_t *out, const c5_yaml_node *node);
int c5_yaml_real(double *out, const c5_yaml_node *node);
int c5_yaml_bool(bool *out, const c5_yaml_node *node);

/* Sets the error "FILE:LINE:COLUMN: ..." and returns `code`; and the same put before the present text. */
int c5_yaml_fail(int code, const c5_yaml_node *at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int c5_yaml_fail_in(int code, const c5_yaml_node *at);
const char *c5_yaml_kind_name(const c5_yaml_node *node); /* "a map", "a sequence", "nothing", "'text'"; one at a time a thread */

/* Fills settings (defaults already in) from a map; a NULL node leaves all as it is. A sequence replaces what a LIST held, a scalar
 * makes a LIST of one. An empty value unsets texts and lists, and numbers and switches without a default. */
int c5_yaml_apply(const c5_opt *table, void *settings, const c5_yaml_node *node);

/* Appends all values of a struct as lines "INDENT key: value", marked "# default" where nobody chose otherwise. c5_yaml_apply of the
 * text gives the same struct back. Bytes that are no UTF-8 cannot be said in YAML and become U+FFFD. */
void c5_yaml_add_options(c5_buf *b, int indent, const c5_opt *table, const void *settings);
/* Appends one scalar, quoted where YAML would read it as something else; NULL becomes null. */
void c5_yaml_add_text(c5_buf *b, const char *s);

#endif
