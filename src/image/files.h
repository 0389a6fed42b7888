/* files.h – the files a scan has met, each once, with their headers read. */
#ifndef C5_IMAGE_FILES_H
#define C5_IMAGE_FILES_H

#include <stddef.h>
#include <stdint.h>

#include "image/probe.h"

typedef struct c5_file {
	char *path;          /* absolute */
	c5_probe probe;
	int probed;          /* 0 not yet, 1 good, else the negative code of `error` */
	char *error;
	struct c5_layout *layout; /* how its pages make channels, frames and planes (layout.h); NULL: not yet asked */
	uint32_t owner;      /* the file that lists this one's planes (OME sets of several files); itself otherwise */
} c5_file;

typedef struct c5_files {
	c5_file *at;
	size_t n, cap, n_probed;
	uint32_t *slots;     /* hash table of indexes + 1 */
	size_t n_slots;      /* a power of two */
} c5_files;

/* The index of `path` (absolute), added if it is new. */
int c5_files_add(c5_files *files, const char *path, uint32_t *index);
/* Reads the headers of all files not yet read, in parallel. What is wrong with a file is kept with it. C5_ENOMEM only. */
int c5_files_probe(c5_files *files);
void c5_files_free(c5_files *files);

#endif
