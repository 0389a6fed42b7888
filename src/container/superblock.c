/* superblock.c – see superblock.h. */
#include "container/superblock.h"

#include <string.h>

#include "base/error.h"

#define END_AT 28
#define SUM_AT 44

static uint32_t rot(uint32_t x, int k) { return x << k | x >> (32 - k); }

static uint32_t le32(const uint8_t *p) { return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24; }

uint32_t c5_lookup3(const void *data, size_t n)
{
	const uint8_t *p = data;
	uint32_t a = 0xdeadbeefu + (uint32_t)n, b = a, c = a;
	for (; n > 12; n -= 12, p += 12) {
		a += le32(p), b += le32(p + 4), c += le32(p + 8);
		a -= c, a ^= rot(c, 4), c += b;
		b -= a, b ^= rot(a, 6), a += c;
		c -= b, c ^= rot(b, 8), b += a;
		a -= c, a ^= rot(c, 16), c += b;
		b -= a, b ^= rot(a, 19), a += c;
		c -= b, c ^= rot(b, 4), b += a;
	}
	if (n == 0) return c;
	uint8_t tail[12] = { 0 };
	memcpy(tail, p, n);
	a += le32(tail), b += le32(tail + 4), c += le32(tail + 8);
	c ^= b, c -= rot(b, 14);
	a ^= c, a -= rot(c, 11);
	b ^= a, b -= rot(a, 25);
	c ^= b, c -= rot(b, 16);
	a ^= c, a -= rot(c, 4);
	b ^= a, b -= rot(a, 14);
	c ^= b, c -= rot(b, 24);
	return c;
}

int c5_superblock_end(const uint8_t block[C5_SUPERBLOCK_SIZE], uint64_t *end)
{
	static const uint8_t magic[8] = { 0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n' };
	if (memcmp(block, magic, 8) != 0) return c5_fail(C5_ESCHEMA, "not an HDF5 file");
	if ((block[8] != 2 && block[8] != 3) || block[9] != 8 || block[10] != 8)
		return c5_fail(C5_ESCHEMA, "HDF5 superblock version %d, expected 3: not written by cyto5", block[8]);
	if (c5_lookup3(block, SUM_AT) != le32(block + SUM_AT)) return c5_fail(C5_EINPUT, "HDF5 superblock is damaged (checksum)");
	*end = le32(block + END_AT) | (uint64_t)le32(block + END_AT + 4) << 32;
	return C5_OK;
}

static void put_le(uint8_t *p, uint64_t v, int n)
{
	for (int i = 0; i < n; i++) p[i] = (uint8_t)(v >> 8 * i);
}

void c5_superblock_set_end(uint8_t block[C5_SUPERBLOCK_SIZE], uint64_t end)
{
	put_le(block + END_AT, end, 8);
	put_le(block + SUM_AT, c5_lookup3(block, SUM_AT), 4);
}
