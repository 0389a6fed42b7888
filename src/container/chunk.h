/* chunk.h – a chunk's bytes as HDF5 stores them: shuffle, deflate (zlib format), Fletcher-32, made and undone without HDF5.
 * Any HDF5 >= 1.10 reads what this writes with its built-in filters. Method: HDF5 file format, filters 2, 1 and 3. */
#ifndef C5_CONTAINER_CHUNK_H
#define C5_CONTAINER_CHUNK_H

#include <stddef.h>
#include <stdint.h>

/* Compressors and scratch memory; one a thread. */
typedef struct c5_codec c5_codec;
int c5_codec_open(c5_codec **out);
void c5_codec_close(c5_codec *codec);

/* Most bytes that n raw bytes can take encoded. */
size_t c5_chunk_bound(size_t n);

/* raw: n bytes of `element`-byte elements. out: c5_chunk_bound(n) bytes. *size: bytes made. */
int c5_chunk_encode(c5_codec *codec, const void *raw, size_t n, size_t element, void *out, size_t *size);

/* The same without packing: n bytes always make as many, so a chunk can be written again where it is. */
int c5_chunk_store(c5_codec *codec, const void *raw, size_t n, size_t element, void *out, size_t *size);

/* Undoes it; raw gets exactly n bytes. filter_mask: HDF5's, bit i set = filter i was skipped for this chunk.
 * C5_EINPUT when the checksum or the stream is wrong. */
int c5_chunk_decode(c5_codec *codec, const void *packed, size_t size, uint32_t filter_mask, void *raw, size_t n, size_t element);

/* HDF5's Fletcher-32 of n bytes. */
uint32_t c5_fletcher32(const void *data, size_t n);

#endif
