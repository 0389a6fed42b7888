/* version.h – what this program is: its version, the commit it was built from, and the libraries it was built and runs with.
 * Base includes no foreign header, so a room that can ask its library at run time tells it here (see src/cli/cmd_version.c). */
#ifndef C5_BASE_VERSION_H
#define C5_BASE_VERSION_H

#include <stdio.h>

typedef struct c5_version_row {
	const char *name;    /* "HDF5", "MPI", ... "compiler", "build" */
	const char *built;   /* the version compiled against; "no" for a library this build does without */
	const char *running; /* the version loaded, where its room has told; else NULL */
} c5_version_row;

const char *c5_version(void);        /* "0.1.0" */
const char *c5_version_commit(void); /* "9cadc7d1a2b3", "9cadc7d1a2b3-dirty", or "unknown" */
const c5_version_row *c5_version_rows(void); /* ends with a NULL name */

/* Notes the loaded version of the library of that name; `text` is copied, a longer one than 63 bytes cut. An unknown name is ignored. */
void c5_version_running(const char *name, const char *text);

/* One aligned line each: cyto5 with commit, then all rows. */
void c5_version_print(FILE *to);

#endif
