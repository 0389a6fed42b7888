/* disk.h – small files read and written whole. What is written is at its path complete, and outlives a crash, or is not there: it grows as PATH.part,
 * is synced, and takes its name last. */
#ifndef C5_BASE_DISK_H
#define C5_BASE_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A regular file (no pipe, whose bytes would be gone) that begins with these n bytes, 16 at most; as HDF5 files do, which containers are. */
bool c5_disk_begins(const char *path, const char *bytes, size_t n);
bool c5_disk_is_hdf5(const char *path);
/* C5_EUSAGE when an HDF5 file is at the path: a picture, table or text must not take its place, or be put behind it. Every writer of such asks. */
int c5_disk_spare(const char *path);

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
