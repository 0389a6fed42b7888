/* deflate.c – see deflate.h. Codes are canonical and limited to LONGEST bits, so that four fit into the 64 bits gathered between two stores. */
#include "container/deflate.h"

#include <libdeflate.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

#define STORED_MAX 65535u        /* bytes of a stored block: the format's limit */
#define BLOCK (64u << 10)        /* bytes coded with one table */
#define SAMPLE (16u << 10)       /* bytes of a sample of a plane */
#define SMALL (4 * SAMPLE)       /* planes below this are left to libdeflate */
#define WORTH 32                 /* a plane is worth packing when a sample loses more than 1 part of this */
#define CLOSE 16                 /* coding single bytes is good enough when it makes at most 1 part of this more */
#define END 256                  /* the symbol that ends a block */
#define SYMBOLS 257
#define LONGEST 14

enum way { STORE, CODE, SEARCH };

struct c5_deflater {
	struct libdeflate_compressor *search;
	uint8_t sample[SAMPLE + 1024];
};

int c5_deflater_open(c5_deflater **out)
{
	c5_deflater *d;
	int err = c5_alloc(&d, 1, sizeof *d);
	if (err < 0) return err;
	if (!(d->search = libdeflate_alloc_compressor(C5_DEFLATE_LEVEL))) {
		free(d);
		return c5_fail(C5_ENOMEM, "out of memory for a compressor");
	}
	*out = d;
	return C5_OK;
}

void c5_deflater_close(c5_deflater *d)
{
	if (!d) return;
	libdeflate_free_compressor(d->search);
	free(d);
}

/* ---- bits ---- */

/* The lowest `n` bits of `bits` are still to be written; n < 8 between calls. */
typedef struct writer { uint8_t *to; uint64_t bits; unsigned n; } writer;

static void put(writer *w, uint32_t value, unsigned n)
{
	w->bits |= (uint64_t)value << w->n;
	w->n += n;
	while (w->n >= 8) *w->to++ = (uint8_t)w->bits, w->bits >>= 8, w->n -= 8;
}

static void to_byte(writer *w)
{
	if (w->n) put(w, 0, 8 - w->n);
}

/* ---- codes ---- */

static void count(const uint8_t *p, size_t n, uint32_t *counts)
{
	uint32_t four[4][256] = { { 0 } }; /* one counter would wait for itself where values repeat */
	size_t i = 0;
	for (; i + 4 <= n; i += 4)
		for (int k = 0; k < 4; k++) four[k][p[i + (size_t)k]]++;
	for (; i < n; i++) four[0][p[i]]++;
	for (int v = 0; v < 256; v++) counts[v] = four[0][v] + four[1][v] + four[2][v] + four[3][v];
}

typedef struct weight { uint32_t count; uint16_t symbol; } weight;

static int lighter(const void *a, const void *b)
{
	const weight *x = a, *y = b;
	if (x->count != y->count) return x->count < y->count ? -1 : 1;
	return (int)x->symbol - (int)y->symbol;
}

/* Code lengths of n symbols, at most `longest` bits; 0 for what does not occur. At least two symbols get a code, so that every code is complete.
 * Method: Huffman's with two queues; lengths above the limit are cut and the excess taken from the next shorter ones (Kraft's sum kept at 1). */
static void code_lengths(const uint32_t *counts, int n, int longest, uint8_t *lengths)
{
	weight leaf[SYMBOLS];
	uint32_t sum[SYMBOLS];          /* inner nodes in the order they are made, which is that of their weight */
	int parent[2 * SYMBOLS], depth[2 * SYMBOLS], m = 0, at_length[64] = { 0 };
	memset(lengths, 0, (size_t)n);
	for (int s = 0; s < n; s++)
		if (counts[s]) leaf[m++] = (weight){ counts[s], (uint16_t)s };
	for (int s = 0; m < 2; s++)
		if (!counts[s]) leaf[m++] = (weight){ 0, (uint16_t)s };
	qsort(leaf, (size_t)m, sizeof *leaf, lighter);
	for (int made = 0, l = 0, i = 0; made < m - 1; made++) { /* nodes 0 .. m-1 are leaves, m .. 2m-2 inner ones */
		uint32_t both = 0;
		for (int k = 0; k < 2; k++) {
			bool take_leaf = l < m && (i >= made || leaf[l].count <= sum[i]);
			both += take_leaf ? leaf[l].count : sum[i];
			parent[take_leaf ? l++ : m + i++] = m + made;
		}
		sum[made] = both;
	}
	depth[2 * m - 2] = 0;
	for (int node = 2 * m - 3; node >= 0; node--) {
		depth[node] = depth[parent[node]] + 1;
		if (node < m) at_length[depth[node] < longest ? depth[node] : longest]++;
	}
	uint32_t kraft = 0;
	for (int k = 1; k <= longest; k++) kraft += (uint32_t)at_length[k] << (longest - k);
	for (; kraft > 1u << longest; kraft--) { /* one code of the longest goes, to share the place of a shorter one, which becomes longer by one bit */
		int k = longest - 1;
		while (!at_length[k]) k--;
		at_length[longest]--, at_length[k]--, at_length[k + 1] += 2;
	}
	for (int k = longest, l = 0; k > 0; k--)
		for (int c = 0; c < at_length[k]; c++) lengths[leaf[l++].symbol] = (uint8_t)k;
}

/* Canonical codes for the lengths, their bits reversed as the stream wants them, with the length in the low byte. */
static void codes(const uint8_t *lengths, int n, uint32_t *code)
{
	uint32_t next[16] = { 0 }, at = 0;
	int at_length[16] = { 0 };
	for (int s = 0; s < n; s++) at_length[lengths[s]]++;
	at_length[0] = 0;
	for (int k = 1; k < 16; k++) next[k] = at = (at + (uint32_t)at_length[k - 1]) << 1;
	for (int s = 0; s < n; s++) {
		uint32_t c = lengths[s] ? next[lengths[s]]++ : 0, reversed = 0;
		for (int b = 0; b < lengths[s]; b++) reversed |= (c >> b & 1) << (lengths[s] - 1 - b);
		code[s] = reversed << 8 | lengths[s];
	}
}

/* ---- blocks ---- */

static void put_stored(writer *w, const uint8_t *from, size_t n)
{
	while (n) {
		size_t part = n < STORED_MAX ? n : STORED_MAX;
		put(w, 0, 3);
		to_byte(w);
		put(w, (uint32_t)part, 16);
		put(w, (uint32_t)~part & 0xffff, 16);
		memcpy(w->to, from, part);
		w->to += part, from += part, n -= part;
	}
}

/* The code lengths of a block: runs of zeros shortened, everything else as it is, in a code of its own. */
static void put_lengths(writer *w, const uint8_t *lengths, int n)
{
	static const uint8_t order[19] = { 16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15 };
	uint8_t symbol[SYMBOLS + 2], extra[SYMBOLS + 2], own[19];
	uint32_t counts[19] = { 0 }, code[19];
	int m = 0, shown = 19;
	for (int i = 0, run; i < n; i += run) {
		for (run = 1; !lengths[i] && i + run < n && !lengths[i + run] && run < 138;) run++;
		if (lengths[i] || run < 3) run = 1;
		symbol[m] = run == 1 ? lengths[i] : run < 11 ? 17 : 18;
		extra[m] = (uint8_t)(run < 11 ? run - 3 : run - 11);
		counts[symbol[m++]]++;
	}
	code_lengths(counts, 19, 7, own);
	codes(own, 19, code);
	while (!own[order[shown - 1]]) shown--;
	put(w, (uint32_t)shown - 4, 4);
	for (int i = 0; i < shown; i++) put(w, own[order[i]], 3);
	for (int i = 0; i < m; i++) {
		put(w, code[symbol[i]] >> 8, code[symbol[i]] & 0xff);
		if (symbol[i] == 17) put(w, extra[i], 3);
		if (symbol[i] == 18) put(w, extra[i], 7);
	}
}

static void put_block(writer *w, const uint8_t *p, size_t n)
{
	uint32_t counts[SYMBOLS], code[SYMBOLS];
	uint8_t lengths[SYMBOLS + 2];
	count(p, n, counts);
	counts[END] = 1;
	code_lengths(counts, SYMBOLS, LONGEST, lengths);
	codes(lengths, SYMBOLS, code);
	lengths[SYMBOLS] = lengths[SYMBOLS + 1] = 1; /* two distances that are never used: old readers want a complete code */
	put(w, 4, 3);                                /* not the last block; codes of its own */
	put(w, SYMBOLS - 257, 5);
	put(w, 2 - 1, 5);
	put_lengths(w, lengths, SYMBOLS + 2);
	uint64_t bits = w->bits;
	unsigned held = w->n;
	uint8_t *to = w->to;
	size_t i = 0;
	for (; i + 4 <= n; i += 4) { /* 7 + 4 * 14 bits at most; 8 bytes are written, as many as are full are kept */
		for (size_t k = 0; k < 4; k++) {
			uint32_t c = code[p[i + k]];
			bits |= (uint64_t)(c >> 8) << held;
			held += c & 0xff;
		}
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
		memcpy(to, &bits, sizeof bits);
#else
		for (int k = 0; k < 8; k++) to[k] = (uint8_t)(bits >> 8 * k);
#endif
		to += held >> 3;
		bits >>= held & 0x38;
		held &= 7;
	}
	*w = (writer){ to, bits, held };
	for (; i < n; i++) put(w, code[p[i]] >> 8, code[p[i]] & 0xff);
	put(w, code[END] >> 8, code[END] & 0xff);
}

static void put_coded(writer *w, const uint8_t *from, size_t n)
{
	for (size_t at = 0; at < n; at += BLOCK) put_block(w, from + at, n - at < BLOCK ? n - at : BLOCK);
}

/* ---- planes ---- */

static size_t coded_size(const uint8_t *p, size_t n)
{
	uint32_t counts[SYMBOLS];
	uint8_t lengths[SYMBOLS];
	size_t bits = 0;
	count(p, n, counts);
	counts[END] = 1;
	code_lengths(counts, SYMBOLS, LONGEST, lengths);
	for (int s = 0; s < SYMBOLS; s++) bits += (size_t)counts[s] * lengths[s];
	return bits / 8;
}

static enum way choose(c5_deflater *d, const uint8_t *plane, size_t n)
{
	size_t searched = 0, coded = 0;
	if (n < SMALL) return SEARCH;
	for (size_t i = 1; i <= 2; i++) {
		const uint8_t *p = plane + n / 3 * i;
		size_t size = libdeflate_deflate_compress(d->search, p, SAMPLE, d->sample, sizeof d->sample);
		if (!size) return SEARCH;
		searched += size;
		coded += coded_size(p, SAMPLE);
	}
	size_t least = 2 * SAMPLE - 2 * SAMPLE / WORTH;
	if (searched >= least && coded >= least) return STORE;
	return coded <= searched + searched / CLOSE ? CODE : SEARCH;
}

/* libdeflate's own bound, and for coded blocks their tables (planes are no shorter than blocks, so there are at most two of at most 320 bytes in BLOCK),
 * the empty block between the parts, and room for the 8 bytes that put_block writes at once. */
size_t c5_deflate_bound(size_t n) { return libdeflate_zlib_compress_bound(NULL, n) + (n < SMALL ? 0 : n / 64 + 1024); }

size_t c5_deflate(c5_deflater *d, const void *bytes, size_t n, size_t plane, void *out)
{
	const uint8_t *from = bytes;
	uint8_t *start = out;
	size_t done = 0, bound = c5_deflate_bound(n);
	writer w = { start + 2, 0, 0 };
	start[0] = 0x78, start[1] = 0x01; /* deflate, a window of 32 KiB, fastest */
	while (plane && done < n) {
		size_t part = n - done < plane || n - done - plane < plane ? n - done : plane; /* bytes that fill no element go with the last plane */
		enum way way = choose(d, from + done, part);
		if (way == SEARCH) break;
		if (way == STORE) put_stored(&w, from + done, part);
		else put_coded(&w, from + done, part);
		done += part;
	}
	if (done == 0) return libdeflate_zlib_compress(d->search, from, n, out, bound);
	if (done < n) {
		if (w.n) { /* libdeflate begins at a whole byte: an empty stored block fills up to one */
			put(&w, 0, 3);
			to_byte(&w);
			put(&w, 0, 16);
			put(&w, 0xffff, 16);
		}
		size_t made = libdeflate_deflate_compress(d->search, from + done, n - done, w.to, bound - (size_t)(w.to - start) - 4);
		if (!made) return 0;
		w.to += made;
	} else {
		put(&w, 3, 3); /* an empty last block in the fixed code, whose end is seven zero bits */
		put(&w, 0, 7);
		to_byte(&w);
	}
	uint32_t sum = libdeflate_adler32(1, from, n);
	for (int i = 0; i < 4; i++) *w.to++ = (uint8_t)(sum >> (24 - 8 * i));
	return (size_t)(w.to - start);
}
