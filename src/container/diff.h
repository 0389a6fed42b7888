/* diff.h – what differs in content between two containers; not when, where and by how many ranks they were made (neutral.h). */
#ifndef C5_CONTAINER_DIFF_H
#define C5_CONTAINER_DIFF_H

#include "container/file.h"

typedef void c5_diff_report(void *to, const char *path, const char *text);

/* experiments: a glob of names, NULL for all and for what is beside the experiments too. *n: differing paths. */
int c5_diff(c5_file *a, c5_file *b, const char *experiments, c5_diff_report *report, void *to, uint64_t *n);

#endif
