/* check.h – whether a container keeps its promises: the schema's, those of runs and revisions, and every byte's checksum. */
#ifndef C5_CONTAINER_CHECK_H
#define C5_CONTAINER_CHECK_H

#include "container/file.h"
#include "container/schema.h"

enum c5_severity { C5_WARNING, C5_ERROR };

typedef void c5_check_report(void *to, int severity, const char *path, const char *text);

typedef struct c5_check_settings {
	bool data;           /* decode every chunk */
	bool progress;       /* show how far it is */
	bool held;           /* somebody is writing: a running run is no interrupted one */
} c5_check_settings;

typedef struct c5_check_summary { uint64_t errors, warnings, objects, chunks, bytes; } c5_check_summary; /* chunks, bytes: decoded */

/* Walks the file. Whatever is wrong with it is a finding; what is returned is C5_OK, or that we ourselves failed (memory, disk). */
int c5_check(c5_file *f, const c5_schema *schema, const c5_check_settings *set, c5_check_report *report, void *to, c5_check_summary *summary);

#endif
