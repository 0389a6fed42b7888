/* disk.h – small files read and written whole. What is written is at its path complete, and outlives a crash, or is not there: it grows as PATH.part,
 * is synced, and takes its name last. */
#ifndef C5_BASE_DISK_H
#define C5_BASE_DISK_H

#include <stddef.h>
#include <stdint.h>

/* The bytes become the file; one that was there is replaced. C5_EIO names the path. */
int c5_disk_write(const char *path, const void *bytes, size_t n);
/* For who wrote PART by other means and has closed it: syncs it and gives it its name. After a failure PART is gone. */
int c5_disk_name(const char *part, const char *path);
/* What was written of a file, by whomever, is on the disk. */
int c5_disk_sync(const char *path);

/* The whole of a file with an end mark behind its `size` bytes. C5_ENOTFOUND, C5_EIO; C5_EINPUT when it is longer than `most`, which says that `what`
 * ("a table of scores") is expected. Caller frees. */
int c5_disk_read(char **text, size_t *size, const char *path, uint64_t most, const char *what);

#endif
