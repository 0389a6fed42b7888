/* superblock.h – the first 48 bytes of a container: the only HDF5 metadata we patch by hand.
 *
 * Why: HDF5 takes the "end of file" field as the limit of what a reader may address for as long as it has the file open. While a run
 * writes, that field is kept ahead of the true end (the file is sparse there), so that a stock reader that opened before a commit can
 * follow links made by it. Layout: HDF5 file format specification, version 3 superblock; checksum: Jenkins' lookup3. */
#ifndef C5_CONTAINER_SUPERBLOCK_H
#define C5_CONTAINER_SUPERBLOCK_H

#include <stddef.h>
#include <stdint.h>

#define C5_SUPERBLOCK_SIZE 48

/* Bob Jenkins' lookup3 (hashlittle) with initial value 0, as HDF5 uses it for metadata checksums. */
uint32_t c5_lookup3(const void *data, size_t n);

/* Reads the end-of-file field. C5_ESCHEMA when the bytes are not a version 2 or 3 superblock with 8-byte offsets and a right checksum. */
int c5_superblock_end(const uint8_t block[C5_SUPERBLOCK_SIZE], uint64_t *end);

/* Sets the end-of-file field and renews the checksum. */
void c5_superblock_set_end(uint8_t block[C5_SUPERBLOCK_SIZE], uint64_t end);

#endif
