/* chunk.c – see chunk.h. Bytes moved per raw byte: shuffle 2, deflate 1 + the packed size, checksum the packed size. */
#include "container/chunk.h"

#include <libdeflate.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

struct c5_codec {
	struct libdeflate_compressor *pack;
	struct libdeflate_decompressor *unpack;
	uint8_t *scratch;
	size_t cap;
};

int c5_codec_open(c5_codec **out)
{
	c5_codec *c;
	int err = c5_alloc(&c, 1, sizeof *c);
	if (err < 0) return err;
	c->pack = libdeflate_alloc_compressor(C5_DEFLATE_LEVEL);
	c->unpack = libdeflate_alloc_decompressor();
	if (!c->pack || !c->unpack) {
		c5_codec_close(c);
		return c5_fail(C5_ENOMEM, "out of memory for a compressor");
	}
	*out = c;
	return C5_OK;
}

void c5_codec_close(c5_codec *c)
{
	if (!c) return;
	libdeflate_free_compressor(c->pack);
	libdeflate_free_decompressor(c->unpack);
	free(c->scratch);
	free(c);
}

static int scratch(c5_codec *c, size_t n)
{
	if (n <= c->cap) return C5_OK;
	free(c->scratch);
	c->scratch = NULL;
	c->cap = 0;
	int err = c5_alloc_aligned(&c->scratch, n, 1);
	if (err == C5_OK) c->cap = n;
	return err;
}

/* Byte k of every element side by side. Bytes that fill no whole element stay at the end, as HDF5 leaves them. */
static void shuffle(const uint8_t *restrict in, uint8_t *restrict out, size_t n, size_t element)
{
	size_t m = n / element;
	switch (element) {
	case 2:
		for (size_t i = 0; i < m; i++) out[i] = in[2 * i];
		for (size_t i = 0; i < m; i++) out[m + i] = in[2 * i + 1];
		break;
	case 4:
		for (size_t k = 0; k < 4; k++)
			for (size_t i = 0; i < m; i++) out[k * m + i] = in[4 * i + k];
		break;
	default:
		for (size_t k = 0; k < element; k++)
			for (size_t i = 0; i < m; i++) out[k * m + i] = in[element * i + k];
	}
	memcpy(out + m * element, in + m * element, n - m * element);
}

static void unshuffle(const uint8_t *restrict in, uint8_t *restrict out, size_t n, size_t element)
{
	size_t m = n / element;
	switch (element) {
	case 2:
		for (size_t i = 0; i < m; i++) {
			out[2 * i] = in[i];
			out[2 * i + 1] = in[m + i];
		}
		break;
	case 4:
		for (size_t i = 0; i < m; i++) {
			out[4 * i] = in[i];
			out[4 * i + 1] = in[m + i];
			out[4 * i + 2] = in[2 * m + i];
			out[4 * i + 3] = in[3 * m + i];
		}
		break;
	default:
		for (size_t k = 0; k < element; k++)
			for (size_t i = 0; i < m; i++) out[element * i + k] = in[k * m + i];
	}
	memcpy(out + m * element, in + m * element, n - m * element);
}

/* Sums of big-endian 16-bit words modulo 65535, reduced every 360 words so that 32 bits hold them; an odd last byte counts as a high byte. */
uint32_t c5_fletcher32(const void *data, size_t n)
{
	const uint8_t *p = data;
	uint64_t sum1 = 0, sum2 = 0;
	size_t words = n / 2;
	while (words) {
		size_t block = words < 4096 ? words : 4096;
		words -= block;
		/* sum2 grows by block * sum1 plus the words weighted by how many of the block follow them: two independent sums, no carried chain. */
		uint64_t plain = 0, weighted = 0;
		for (size_t i = 0; i < block; i++) {
			uint64_t w = (uint64_t)p[2 * i] << 8 | p[2 * i + 1];
			plain += w;
			weighted += w * (block - i);
		}
		sum2 = (sum2 + block * sum1 + weighted) % 65535;
		sum1 = (sum1 + plain) % 65535;
		p += 2 * block;
	}
	if (n % 2) {
		sum1 = (sum1 + ((uint64_t)*p << 8)) % 65535;
		sum2 = (sum2 + sum1) % 65535;
	}
	/* HDF5 reduces by folding, where a positive multiple of 65535 stays 65535 and only a sum of nothing is 0. */
	const uint8_t *q = data;
	if (sum1 == 0 || sum2 == 0) {
		uint32_t any = 0;
		for (size_t i = 0; i < n && !any; i++) any |= q[i];
		if (any && sum1 == 0) sum1 = 65535;
		if (any && sum2 == 0) sum2 = 65535;
	}
	return (uint32_t)(sum2 << 16 | sum1);
}

size_t c5_chunk_bound(size_t n) { return libdeflate_zlib_compress_bound(NULL, n) + 4; }

int c5_chunk_encode(c5_codec *c, const void *raw, size_t n, size_t element, void *out, size_t *size)
{
	const void *from = raw;
	int err;
	if (element > 1) {
		if ((err = scratch(c, n)) < 0) return err;
		shuffle(raw, c->scratch, n, element);
		from = c->scratch;
	}
	size_t made = libdeflate_zlib_compress(c->pack, from, n, out, c5_chunk_bound(n) - 4);
	if (!made) return c5_fail(C5_EFAIL, "a chunk of %zu bytes could not be compressed", n);
	uint32_t sum = c5_fletcher32(out, made);
	for (int i = 0; i < 4; i++) ((uint8_t *)out)[made + (size_t)i] = (uint8_t)(sum >> 8 * i);
	*size = made + 4;
	return C5_OK;
}

int c5_chunk_decode(c5_codec *c, const void *packed, size_t size, uint32_t filter_mask, void *raw, size_t n, size_t element)
{
	const uint8_t *p = packed;
	int err;
	bool shuffled = element > 1 && !(filter_mask & 1), deflated = !(filter_mask & 2);
	if (!(filter_mask & 4)) {
		if (size < 4) return c5_fail(C5_EINPUT, "chunk of %zu bytes, too short for its checksum", size);
		size -= 4;
		uint32_t want = p[size] | (uint32_t)p[size + 1] << 8 | (uint32_t)p[size + 2] << 16 | (uint32_t)p[size + 3] << 24;
		if (c5_fletcher32(p, size) != want) return c5_fail(C5_EINPUT, "chunk is damaged: its checksum is wrong");
	}
	uint8_t *to = raw;
	if (shuffled) {
		if ((err = scratch(c, n)) < 0) return err;
		to = c->scratch;
	}
	if (deflated) {
		size_t got = 0;
		if (libdeflate_zlib_decompress(c->unpack, p, size, to, n, &got) != LIBDEFLATE_SUCCESS || got != n)
			return c5_fail(C5_EINPUT, "chunk is damaged: %zu bytes expected from its compressed stream", n);
	} else if (size == n) memcpy(to, p, n);
	else return c5_fail(C5_EINPUT, "chunk is damaged: %zu bytes, %zu expected", size, n);
	if (shuffled) unshuffle(c->scratch, raw, n, element);
	return C5_OK;
}
