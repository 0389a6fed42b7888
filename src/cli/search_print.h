/* search_print.h – a search on the terminal, and as JSON. */
#ifndef C5_CLI_SEARCH_PRINT_H
#define C5_CLI_SEARCH_PRINT_H

#include "hyperopt/store.h"

/* What came of it: the best point, its course, what matters, the best trials. alive: a process goes on with it. */
void c5_print_search(const c5_found *found, bool alive);
int c5_print_search_json(const c5_found *found, bool alive);

#endif
