/* workplace.h – the folder that a run of the objective has to itself, with a copy of a container if it wants one. */
#ifndef C5_HYPEROPT_WORKPLACE_H
#define C5_HYPEROPT_WORKPLACE_H

#include <stdint.h>

#define C5_WORK_NAME "work.h5"

/* A name for a folder that is not there, in `scratch` (NULL: $TMPDIR, or /tmp); caller frees. */
char *c5_workplace_name(const char *scratch, uint32_t trial, uint32_t repeat);
int c5_workplace_make(const char *dir);
/* A copy of a container as it was last committed, without holes filled: DIR/work.h5. Waits while another process writes. */
int c5_workplace_copy(const char *dir, const char *container);
/* Removes the folder and all in it. */
void c5_workplace_remove(const char *dir);

#endif
