/* digest.h – SHA-256 of what datasets hold, decoded, whatever their chunks and their place in the file. Times of source files are left out. */
#ifndef C5_CONTAINER_DIGEST_H
#define C5_CONTAINER_DIGEST_H

#include "container/file.h"

typedef int c5_digest_fn(void *to, const char *path, const char *hex); /* 64 digits; negative stops */

/* Every dataset at and below `path`, in natural order; NULL: all experiments, models and searches. Links are not followed. */
int c5_digest(c5_file *f, const char *path, c5_digest_fn *fn, void *to);

#endif
