/* chunk.c – see chunk.h. Bytes moved per raw byte: shuffle 2, deflate 1 + the packed size, checksum the packed size. */
#include "container/chunk.h"

#include <libdeflate.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpus.h"
#include "base/error.h"
#include "base/mem.h"
#include "container/deflate.h"

struct c5_codec {
	c5_deflater *pack;
	struct libdeflate_decompressor *unpack;
	uint8_t *scratch;
	size_t cap;
};

int c5_codec_open(c5_codec **out)
{
	c5_codec *c;
	int err = c5_alloc(&c, 1, sizeof *c);
	if (err < 0) return err;
	if ((err = c5_deflater_open(&c->pack)) == C5_OK && !(c->unpack = libdeflate_alloc_decompressor()))
		err = c5_fail(C5_ENOMEM, "out of memory for a decompressor");
	if (err < 0) {
		c5_codec_close(c);
		return err;
	}
	*out = c;
	return C5_OK;
}

void c5_codec_close(c5_codec *c)
{
	if (!c) return;
	c5_deflater_close(c->pack);
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

FOR_CPUS static void shuffle2(const uint8_t *restrict in, uint8_t *restrict low, uint8_t *restrict high, size_t m)
{
	for (size_t i = 0; i < m; i++) low[i] = in[2 * i], high[i] = in[2 * i + 1];
}

FOR_CPUS static void unshuffle2(const uint8_t *restrict low, const uint8_t *restrict high, uint8_t *restrict out, size_t m)
{
	for (size_t i = 0; i < m; i++) out[2 * i] = low[i], out[2 * i + 1] = high[i];
}

FOR_CPUS static void shuffle4(const uint8_t *restrict in, uint8_t *restrict out, size_t m)
{
	for (size_t k = 0; k < 4; k++)
		for (size_t i = 0; i < m; i++) out[k * m + i] = in[4 * i + k];
}

FOR_CPUS static void unshuffle4(const uint8_t *restrict in, uint8_t *restrict out, size_t m)
{
	for (size_t i = 0; i < m; i++)
		for (size_t k = 0; k < 4; k++) out[4 * i + k] = in[k * m + i];
}

/* Byte k of every element side by side. Bytes that fill no whole element stay at the end, as HDF5 leaves them. */
static void shuffle(const uint8_t *restrict in, uint8_t *restrict out, size_t n, size_t element)
{
	size_t m = n / element;
	if (element == 2) shuffle2(in, out, out + m, m);
	else if (element == 4) shuffle4(in, out, m);
	else
		for (size_t k = 0; k < element; k++)
			for (size_t i = 0; i < m; i++) out[k * m + i] = in[element * i + k];
	memcpy(out + m * element, in + m * element, n - m * element);
}

static void unshuffle(const uint8_t *restrict in, uint8_t *restrict out, size_t n, size_t element)
{
	size_t m = n / element;
	if (element == 2) unshuffle2(in, in + m, out, m);
	else if (element == 4) unshuffle4(in, out, m);
	else
		for (size_t k = 0; k < element; k++)
			for (size_t i = 0; i < m; i++) out[element * i + k] = in[k * m + i];
	memcpy(out + m * element, in + m * element, n - m * element);
}

/* Adds to both sums, modulo 65535, the words (in this machine's byte order) that fill whole vectors; returns how many bytes those are.
 * Lane j sees words j, j + LANES ...; ROUNDS is as many as 32 bits hold: 65535 * ROUNDS * (ROUNDS + 1) / 2. */
enum { LANES = 32, ROUNDS = 360 };
FOR_CPUS static size_t fletcher_vectors(const uint8_t *p, size_t n, uint64_t *sum1, uint64_t *sum2)
{
	size_t left = n / (2 * LANES);
	while (left) {
		size_t rounds = left < ROUNDS ? left : ROUNDS;
		uint32_t once[LANES] = { 0 }, again[LANES] = { 0 };
		for (size_t r = 0; r < rounds; r++, p += 2 * LANES) {
			uint16_t words[LANES];
			memcpy(words, p, sizeof words);
			for (int j = 0; j < LANES; j++) once[j] += words[j], again[j] += once[j];
		}
		/* A word counts in the second sum as often as words follow it in the block, itself included: LANES for each round still to come, less its lane. */
		uint64_t plain = 0, weighted = 0;
		for (uint64_t j = 0; j < LANES; j++) plain += once[j], weighted += (uint64_t)again[j] * LANES - once[j] * j;
		*sum2 = (*sum2 + rounds * LANES * *sum1 + weighted) % 65535;
		*sum1 = (*sum1 + plain) % 65535;
		left -= rounds;
	}
	return n / (2 * LANES) * (2 * LANES);
}

/* Sums of big-endian 16-bit words modulo 65535; an odd last byte counts as a high byte. */
uint32_t c5_fletcher32(const void *data, size_t n)
{
	const uint8_t *p = data;
	const uint16_t one = 1;
	uint64_t sum1 = 0, sum2 = 0;
	size_t at = fletcher_vectors(p, n, &sum1, &sum2);
	/* Modulo 65535 the sums of words with their bytes exchanged are 256 times the sums. */
	if (*(const uint8_t *)&one) sum1 = sum1 * 256 % 65535, sum2 = sum2 * 256 % 65535;
	for (; at + 1 < n; at += 2) {
		sum1 = (sum1 + ((uint64_t)p[at] << 8 | p[at + 1])) % 65535;
		sum2 = (sum2 + sum1) % 65535;
	}
	if (at < n) {
		sum1 = (sum1 + ((uint64_t)p[at] << 8)) % 65535;
		sum2 = (sum2 + sum1) % 65535;
	}
	/* HDF5 reduces by folding, where a positive multiple of 65535 stays 65535 and only a sum of nothing is 0. */
	if (sum1 == 0 || sum2 == 0) {
		uint32_t any = 0;
		for (size_t i = 0; i < n && !any; i++) any |= p[i];
		if (any && sum1 == 0) sum1 = 65535;
		if (any && sum2 == 0) sum2 = 65535;
	}
	return (uint32_t)(sum2 << 16 | sum1);
}

size_t c5_chunk_bound(size_t n) { return c5_deflate_bound(n) + 4; }

static int encode(c5_codec *c, const void *raw, size_t n, size_t element, bool packed, void *out, size_t *size)
{
	const void *from = raw;
	int err;
	if (element > 1) {
		if ((err = scratch(c, n)) < 0) return err;
		shuffle(raw, c->scratch, n, element);
		from = c->scratch;
	}
	size_t made = packed ? c5_deflate(c->pack, from, n, n / element, out) : c5_deflate_stored(from, n, out);
	if (!made) return c5_fail(C5_EFAIL, "a chunk of %zu bytes could not be compressed", n);
	uint32_t sum = c5_fletcher32(out, made);
	for (int i = 0; i < 4; i++) ((uint8_t *)out)[made + (size_t)i] = (uint8_t)(sum >> 8 * i);
	*size = made + 4;
	return C5_OK;
}

int c5_chunk_encode(c5_codec *c, const void *raw, size_t n, size_t element, void *out, size_t *size)
{
	return encode(c, raw, n, element, true, out, size);
}

int c5_chunk_store(c5_codec *c, const void *raw, size_t n, size_t element, void *out, size_t *size)
{
	return encode(c, raw, n, element, false, out, size);
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
