/* compact.h – a container written anew without what is old: revisions that no `latest` points at, and freed space. */
#ifndef C5_CONTAINER_COMPACT_H
#define C5_CONTAINER_COMPACT_H

#include "container/file.h"

typedef struct c5_compact_settings { bool dry_run, progress; } c5_compact_settings;
/* bytes of the file; revisions dropped, and their packed bytes */
typedef struct c5_compact_summary { uint64_t before, after, dropped, dropped_bytes; } c5_compact_summary;

/* Called for each revision that goes. */
typedef void c5_compact_report(void *to, const char *path, uint64_t packed_bytes);

/* A revision stays when its product's `latest` points at it, when its run is unfinished, or when one that stays was made from it (its attribute
 * `input`); of products without a `latest` only those of failed runs go. All else,
 * foreign objects and the records of all runs included, is copied as it is, packed chunks unopened. The copy is checked whole, then renamed
 * over the old file, all under its lock. After a failure the old file is as it was. dry_run: only says what would go. */
int c5_compact(const char *path, const c5_compact_settings *set, c5_compact_report *report, void *to, c5_compact_summary *summary);

#endif
