/* deflate.c – see deflate.h. */
#include "container/deflate.h"

#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

#define STORED_MAX 65535u        /* bytes of a stored block: the format's limit */
#define SAMPLE (8u << 10)        /* bytes of a sample of a plane */
#define SMALL (8 * SAMPLE)       /* planes below this are not looked at */
#define WORTH 32                 /* a plane is worth packing when a sample loses more than 1 part of this */

struct c5_deflater {
	struct libdeflate_compressor *pack;
	uint8_t sample[SAMPLE + 1024];
};

int c5_deflater_open(c5_deflater **out)
{
	c5_deflater *d;
	int err = c5_alloc(&d, 1, sizeof *d);
	if (err < 0) return err;
	if (!(d->pack = libdeflate_alloc_compressor(C5_DEFLATE_LEVEL))) {
		free(d);
		return c5_fail(C5_ENOMEM, "out of memory for a compressor");
	}
	*out = d;
	return C5_OK;
}

void c5_deflater_close(c5_deflater *d)
{
	if (!d) return;
	libdeflate_free_compressor(d->pack);
	free(d);
}

/* Whether two samples of a plane gain next to nothing by packing. */
static int is_noise(c5_deflater *d, const uint8_t *plane, size_t n)
{
	size_t packed = 0;
	if (n < SMALL) return 0;
	for (size_t i = 1; i <= 2; i++) {
		size_t size = libdeflate_deflate_compress(d->pack, plane + n / 3 * i, SAMPLE, d->sample, sizeof d->sample);
		if (!size) return 0;
		packed += size;
	}
	return packed >= 2 * SAMPLE - 2 * SAMPLE / WORTH;
}

/* Stored blocks, none of them the stream's last: a zero byte (not last, stored), the length, its complement, the bytes. */
static uint8_t *put_stored(uint8_t *to, const uint8_t *from, size_t n)
{
	while (n) {
		uint16_t part = n < STORED_MAX ? (uint16_t)n : STORED_MAX;
		uint8_t head[5] = { 0, (uint8_t)part, (uint8_t)(part >> 8), (uint8_t)~part, (uint8_t)(~part >> 8) };
		memcpy(to, head, sizeof head);
		memcpy(to + sizeof head, from, part);
		to += sizeof head + part, from += part, n -= part;
	}
	return to;
}

/* zlib's two bytes in front (deflate, a window of 32 KiB, fastest) and the checksum behind. */
static uint8_t *put_frame(uint8_t *start, uint8_t *end, const void *bytes, size_t n)
{
	uint32_t sum = libdeflate_adler32(1, bytes, n);
	start[0] = 0x78, start[1] = 0x01;
	for (int i = 0; i < 4; i++) *end++ = (uint8_t)(sum >> (24 - 8 * i));
	return end;
}

size_t c5_deflate_bound(size_t n) { return libdeflate_zlib_compress_bound(NULL, n) + 5 * (n / STORED_MAX + 8) + 16; }

size_t c5_deflate(c5_deflater *d, const void *bytes, size_t n, size_t plane, void *out)
{
	const uint8_t *from = bytes;
	uint8_t *start = out, *to = start + 2;
	size_t stored = 0, bound = c5_deflate_bound(n);
	while (plane && n - stored >= plane && is_noise(d, from + stored, plane)) {
		to = put_stored(to, from + stored, plane);
		stored += plane;
	}
	if (stored == 0) return libdeflate_zlib_compress(d->pack, from, n, out, bound);
	/* ends the stream, also when nothing is left */
	size_t made = libdeflate_deflate_compress(d->pack, from + stored, n - stored, to, bound - (size_t)(to - start) - 4);
	if (!made) return 0;
	to += made;
	return (size_t)(put_frame(start, to, from, n) - start);
}

size_t c5_deflate_stored(const void *bytes, size_t n, void *out)
{
	static const uint8_t last[5] = { 1, 0, 0, 0xff, 0xff }; /* an empty stored block that ends the stream */
	uint8_t *start = out, *to = put_stored(start + 2, bytes, n);
	memcpy(to, last, sizeof last);
	return (size_t)(put_frame(start, to + sizeof last, bytes, n) - start);
}
