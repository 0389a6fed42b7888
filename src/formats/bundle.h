/* bundle.h – files of several members: .trk and .trks (tar, gzipped or not) and zips of ImageJ ROIs, written and read member by member as
 * streams. What is written depends on the content only: no times, no owners. */
#ifndef C5_FORMATS_BUNDLE_H
#define C5_FORMATS_BUNDLE_H

#include <stddef.h>
#include <stdint.h>

enum c5_bundle_kind { C5_BUNDLE_TAR_GZ = 1, C5_BUNDLE_ZIP };

typedef struct c5_bundle c5_bundle;

int c5_bundle_create(c5_bundle **out, const char *path, int kind);
/* Begins a member of exactly `size` bytes; c5_bundle_write fills it. */
int c5_bundle_member(c5_bundle *b, const char *name, uint64_t size);
int c5_bundle_write(c5_bundle *b, const void *data, size_t n);
/* Ends the file; errors of a full disk come here. The bundle is closed in any case. */
int c5_bundle_finish(c5_bundle *b);

/* For reading: tar, gzipped or plain, and zip. */
int c5_bundle_open(c5_bundle **out, const char *path);
/* The next member: its name (valid until the next call) without leading "./", and its bytes. C5_ENOTFOUND behind the last. */
int c5_bundle_next(c5_bundle *b, const char **name, uint64_t *size);
/* Exactly n bytes of the present member; C5_EINPUT when there are fewer. */
int c5_bundle_read(c5_bundle *b, void *to, size_t n);
int c5_bundle_skip(c5_bundle *b, uint64_t n);
void c5_bundle_close(c5_bundle *b); /* without ending it; NULL is fine */

#endif
