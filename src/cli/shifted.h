/* shifted.h – option tables with other defaults: those of a preset, or of a configuration file, under what the command line says. So --help shows
 * what will be used, and a later choice goes before an earlier one. */
#ifndef C5_CLI_SHIFTED_H
#define C5_CLI_SHIFTED_H

#include "base/options.h"
#include "base/yaml.h"

/* The value of --NAME on a command line, before it is parsed: NULL when it is not there. The last one counts. */
const char *c5_cli_peek(int argc, char **argv, const char *name);

/* A copy of a table whose texts belong to it. */
int c5_shifted_new(c5_opt **out, const c5_opt *table);
void c5_shifted_free(c5_opt *table); /* NULL is fine */
/* Defaults become the present values of `settings`, of the same table. */
int c5_shifted_take(c5_opt *table, const void *settings);
/* Defaults become what a map of a file says, over several tables (NULL-ended). Each key must be a name of one of them. */
int c5_shifted_read(c5_opt *const *tables, const c5_yaml_node *map);
/* The same by a file; *file keeps what error texts point into: c5_yaml_free it when all is parsed. path: NULL changes nothing. */
int c5_shifted_file(c5_opt *const *tables, c5_yaml **file, const char *path);

#endif
