/* file.h – a container: opening, committing, groups, attributes and listings. Read this header first; array.h has the data.
 *
 * A writer works in transactions: everything since the last c5_file_commit becomes visible at once, or never (overlay.h).
 * Paths are absolute inside the container ("/experiments/A01/raw"). One c5_file is used by one thread at a time. */
#ifndef C5_CONTAINER_FILE_H
#define C5_CONTAINER_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define C5_SCHEMA_VERSION "1.0.0"
#define C5_SCHEMA_MAJOR 1
#define C5_SCHEMA_MINOR 0

enum c5_file_mode { C5_READ, C5_WRITE };

/* While a run goes on, readers may follow it this far beyond the true end of the file (sparse, so it costs no disk). */
#define C5_COMMIT_SLACK (UINT64_C(1) << 30)

typedef struct c5_file c5_file;

/* Makes a new container: written beside and renamed, so that it appears whole. C5_EIO when the name is taken. */
int c5_file_create(const char *path, const char *title);
/* C5_READ never waits; what it shows is the last commit. Without a purpose it holds a writer up for a moment, as h5py does; with one it belongs to
 * the writer's own ranks and does not. C5_WRITE takes the lock (C5_EBUSY names the holder; `purpose` is told to others), replays a journal, cuts off
 * an unfinished transaction. C5_ESCHEMA for foreign files and newer major versions. */
int c5_file_open(c5_file **out, const char *path, int mode, const char *purpose);
/* All handles into the file (arrays) are dead afterwards and must be opened anew. more: the run goes on, keep readers' slack. */
int c5_file_commit(c5_file *f, bool more);
/* Drops what was not committed. In case of C5_EIO from a commit the file is left to the journal. */
int c5_file_close(c5_file *f);
const char *c5_file_path(const c5_file *f);
/* A reader's question: was anything written since the file was opened? Then what was found may be of two states, and a second look is due. */
bool c5_file_changed(const c5_file *f);
uint64_t c5_file_end(const c5_file *f); /* bytes */

bool c5_exists(c5_file *f, const char *path);
int c5_group_make(c5_file *f, const char *path); /* with parents; fine when it is there */
/* Names in a group, natural order ("p2" before "p10"), soft links included. Free with c5_names_free. */
int c5_list(c5_file *f, const char *path, char ***names, size_t *n);
void c5_names_free(char **names, size_t n);
int c5_natural_cmp(const char *a, const char *b);
/* Soft link `path` -> `target` (a name beside it, or a path), replacing an older one. */
int c5_link_set(c5_file *f, const char *path, const char *target);
int c5_link_get(c5_file *f, const char *path, char **target); /* C5_ENOTFOUND when it is no soft link */
int c5_unlink(c5_file *f, const char *path);

/* Attributes of the object at `path`; setting replaces. Getting: C5_ENOTFOUND when it is not there. Texts are UTF-8. */
int c5_attr_set_str(c5_file *f, const char *path, const char *name, const char *value);
int c5_attr_set_strs(c5_file *f, const char *path, const char *name, size_t n, const char *const *values);
int c5_attr_set_f64(c5_file *f, const char *path, const char *name, double value);
int c5_attr_set_i64(c5_file *f, const char *path, const char *name, int64_t value);
int c5_attr_get_str(c5_file *f, const char *path, const char *name, char **value);
int c5_attr_get_f64(c5_file *f, const char *path, const char *name, double *value);
int c5_attr_get_i64(c5_file *f, const char *path, const char *name, int64_t *value);
int c5_attr_list(c5_file *f, const char *path, char ***names, size_t *n);

/* A text of any length as a scalar string dataset (the schema, configurations, command lines). */
int c5_text_set(c5_file *f, const char *path, const char *text);
int c5_text_get(c5_file *f, const char *path, char **text);

#endif
