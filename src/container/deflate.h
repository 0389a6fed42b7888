/* deflate.h – zlib streams (RFC 1950) for shuffled pixels, made by libdeflate: any inflate reads them.
 *
 * The low bytes of a camera frame are noise: the search for strings spends half its time there and finds nothing. So leading planes of which two
 * samples gain nothing are put into stored blocks, by memcpy, and libdeflate packs the rest. What is done depends on the bytes alone,
 * so a chunk packs the same anywhere. */
#ifndef C5_CONTAINER_DEFLATE_H
#define C5_CONTAINER_DEFLATE_H

#include <stddef.h>
#include <stdint.h>

#define C5_DEFLATE_LEVEL 1 /* of the search for strings: stacks of noise gain little above it; docs/decisions.md has the figures */

/* The compressor; one a thread. */
typedef struct c5_deflater c5_deflater;
int c5_deflater_open(c5_deflater **out);
void c5_deflater_close(c5_deflater *d);

/* Most bytes that n bytes can take. */
size_t c5_deflate_bound(size_t n);
/* n bytes, `plane` of them a plane (n where there are none), into `out` of c5_deflate_bound(n) bytes. The bytes made; 0 on failure. */
size_t c5_deflate(c5_deflater *d, const void *bytes, size_t n, size_t plane, void *out);
/* The same stream format without packing: n bytes always make the same number of bytes. */
size_t c5_deflate_stored(const void *bytes, size_t n, void *out);

#endif
