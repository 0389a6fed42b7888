/* overlay.h – one open container as bytes: the file, and what the present transaction changes below its committed end.
 *
 * The file only grows. New bytes go straight into the file beyond `base_end`, the end of the last commit, where no reader looks.
 * Bytes below it that change (a few metadata pages) stay in memory, in 4 KiB pages, until c5_overlay_commit has put them into
 * FILE.journal and synced it; only then are they written in place. A crash before the journal's end mark leaves the committed
 * state untouched; after it, the next open replays the journal. Readers need no lock.
 *
 * A reader may have the file open while pages change under it. What it holds stays true, as old bytes stay where they are; so that it can follow
 * what is new, the superblock's end of file is raised ahead of all else, and readers that opened before get a moment to leave.
 *
 * FILE.journal: a note at byte 0 (how far the committed file reaches), and at byte 4096 the record of the commit in progress:
 * header, pages, end mark; valid only when its SHA-256 matches. It is removed when the file is closed in good order.
 *
 * Every step has a crash point before and after it; C5_CRASH_AT="NAME" or "NAME:K" (K-th time) dies there by SIGKILL. */
#ifndef C5_CONTAINER_OVERLAY_H
#define C5_CONTAINER_OVERLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define C5_PAGE 4096u

typedef struct c5_overlay c5_overlay;

/* Opens an existing file, replaying a complete journal first (in memory only when !writable). create: makes a new, empty file. */
int c5_overlay_open(c5_overlay **out, const char *path, bool writable, bool create);
/* Closes. Uncommitted changes are dropped; the file is cut to its committed end and the journal removed. */
int c5_overlay_close(c5_overlay *ov);
/* Closes in memory only, leaving file and journal as a crash would: for error paths where the disk refuses. */
void c5_overlay_drop(c5_overlay *ov);

/* Holds the file as HDF5's readers do, by a shared lock that a writer sees and has some patience with. */
void c5_overlay_share(c5_overlay *ov);
/* Whether anything was written to the file since it was opened here: what a reader found may be of two states. */
bool c5_overlay_changed(const c5_overlay *ov);

int c5_overlay_read(c5_overlay *ov, uint64_t at, void *data, size_t n);
int c5_overlay_write(c5_overlay *ov, uint64_t at, const void *data, size_t n);
/* Bytes beyond the committed end only: what ranks write into addresses they were given. Thread-safe. */
int c5_overlay_write_data(c5_overlay *ov, uint64_t at, const void *data, size_t n);

/* Logical end of the present transaction, and setting it (never below the committed end). */
uint64_t c5_overlay_end(const c5_overlay *ov);
int c5_overlay_set_end(c5_overlay *ov, uint64_t end);
uint64_t c5_overlay_base_end(const c5_overlay *ov);
/* The file's size as HDF5 is told: a reader's runs ahead, so that it may follow later commits. */
uint64_t c5_overlay_size(const c5_overlay *ov);

/* Makes the transaction permanent. The caller has closed HDF5 into the overlay, and all data bytes are written.
 * slack: how far the superblock's end runs ahead of the true end, so that readers may follow later commits; 0 at the end of a run. */
int c5_overlay_commit(c5_overlay *ov, uint64_t slack);
/* Forgets the transaction: back to the committed state. */
int c5_overlay_abort(c5_overlay *ov);

/* Raw-data bytes HDF5 writes or reads are not moved but noted: how addresses are handed out. Returns what was noted since the last call. */
void c5_overlay_swallow(c5_overlay *ov, bool on);
bool c5_overlay_swallowing(const c5_overlay *ov);
void c5_overlay_note(c5_overlay *ov, uint64_t at, size_t n);
int c5_overlay_noted(c5_overlay *ov, uint64_t *at, uint64_t *n);

size_t c5_overlay_pages(const c5_overlay *ov); /* pages changed so far in this transaction */

/* What an earlier crash left: 0 nothing, 1 a complete journal (to be replayed), 2 an unfinished transaction (to be cut off). */
int c5_overlay_inspect(const char *path, int *state);

/* Dies here when C5_CRASH_AT says so. NULL-ended list of all points, for tests. */
void c5_crash_point(const char *name);
extern const char *const c5_crash_points[];

#endif
