/* unit_container_chunk.c – chunks against HDF5's own filters, both ways: what we pack HDF5 unpacks, and the reverse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <hdf5.h>
#include <libdeflate.h>

#include "container/chunk.h"
#include "container/deflate.h"
#include "container_sample.h"

/* HDF5's own, not in its headers. */
uint32_t H5_checksum_fletcher32(const void *data, size_t n);

static uint64_t seed = 1;
static uint8_t random_byte(void)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint8_t)(seed >> 56);
}

enum { RANDOM, CONSTANT, ZERO, RAMP, ONES, BELL, STEEP, PARTS, KINDS };

/* STEEP: value v half as often as v - 1, so that codes reach their longest. */
static uint8_t steep(void)
{
	uint8_t v = 0;
	while (v < 40 && random_byte() < 128) v++;
	return v;
}

static void fill(uint8_t *p, size_t n, int kind)
{
	if (kind >= BELL)
		for (size_t i = 0; i < n; i++) {
			int k = kind != PARTS ? kind : i < n / 2 ? BELL : i < n / 8 * 7 ? RANDOM : i % 1000 < 900 ? STEEP : ZERO;
			p[i] = k == RANDOM ? random_byte() : k == STEEP ? steep() : k == ZERO ? 0
				: (uint8_t)((random_byte() + random_byte() + random_byte() + random_byte()) / 12);
		}
	else
	for (size_t i = 0; i < n; i++)
		p[i] = kind == RANDOM ? random_byte() : kind == CONSTANT ? 0x5a : kind == RAMP ? (uint8_t)(i / 7) : kind == ONES ? 0xff : 0;
}

/* A dataset of one chunk of n elements in a file in memory. */
static hid_t dataset(hid_t file, hid_t type, hsize_t n)
{
	hid_t space = H5Screate_simple(1, &n, NULL), list = H5Pcreate(H5P_DATASET_CREATE);
	H5Pset_chunk(list, 1, &n);
	H5Pset_shuffle(list);
	H5Pset_deflate(list, C5_DEFLATE_LEVEL);
	H5Pset_fletcher32(list);
	hid_t d = H5Dcreate2(file, "d", type, space, H5P_DEFAULT, list, H5P_DEFAULT);
	H5Pclose(list);
	H5Sclose(space);
	assert_true(d >= 0);
	return d;
}

static hid_t memory_file(void)
{
	hid_t fapl = H5Pcreate(H5P_FILE_ACCESS);
	H5Pset_fapl_core(fapl, 1 << 20, 0);
	hid_t f = H5Fcreate("memory", H5F_ACC_TRUNC, H5P_DEFAULT, fapl);
	H5Pclose(fapl);
	assert_true(f >= 0);
	return f;
}

static void both_ways(c5_codec *codec, hid_t type, size_t element, size_t n, int kind)
{
	size_t bytes = element * n, size = 0;
	uint8_t *raw = malloc(bytes), *back = calloc(1, bytes), *packed = malloc(c5_chunk_bound(bytes));
	hsize_t at = 0, stored;
	uint32_t mask = 0;
	hid_t f = memory_file(), d = dataset(f, type, n);
	fill(raw, bytes, kind);

	assert_int_equal(c5_chunk_encode(codec, raw, bytes, element, packed, &size), C5_OK);
	assert_true(size <= c5_chunk_bound(bytes));
	assert_true(H5Dwrite_chunk(d, H5P_DEFAULT, 0, &at, size, packed) >= 0);
	assert_true(H5Dread(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, back) >= 0);
	assert_memory_equal(back, raw, bytes);
	memset(back, 0xee, bytes);
	assert_int_equal(c5_chunk_decode(codec, packed, size, 0, back, bytes, element), C5_OK);
	assert_memory_equal(back, raw, bytes);
	H5Dclose(d);
	H5Ldelete(f, "d", H5P_DEFAULT);

	d = dataset(f, type, n);
	assert_true(H5Dwrite(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, raw) >= 0);
	assert_true(H5Fflush(f, H5F_SCOPE_LOCAL) >= 0);
	assert_true(H5Dget_chunk_storage_size(d, &at, &stored) >= 0);
	uint8_t *theirs = malloc(stored);
	assert_true(H5Dread_chunk(d, H5P_DEFAULT, &at, &mask, theirs) >= 0);
	memset(back, 0xee, bytes);
	if (c5_chunk_decode(codec, theirs, stored, mask, back, bytes, element) < 0)
		fail_msg("element %zu, n %zu, kind %d, mask %u: %s", element, n, kind, mask, c5_error_last());
	assert_memory_equal(back, raw, bytes);
	free(theirs);
	H5Dclose(d);
	H5Fclose(f);
	free(raw);
	free(back);
	free(packed);
}

static void every_pixel_type_goes_both_ways(void **state)
{
	c5_codec *codec = *state;
	const struct { hid_t type; size_t size; } types[] = { { H5T_STD_U8LE, 1 }, { H5T_STD_U16LE, 2 }, { H5T_STD_U32LE, 4 }, { H5T_STD_I8LE, 1 },
		{ H5T_STD_I16LE, 2 }, { H5T_STD_I32LE, 4 }, { H5T_IEEE_F32LE, 4 }, { H5T_IEEE_F64LE, 8 } };
	static const size_t sizes[] = { 1, 2, 3, 7, 63, 64, 65, 1000, 4096, 65537 };
	for (size_t t = 0; t < sizeof types / sizeof *types; t++)
		for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
			for (int kind = 0; kind < KINDS; kind++) both_ways(codec, types[t].type, types[t].size, sizes[i], kind);
}

/* Chunks large enough that their planes are looked at one by one: 16-bit frames with noise below and cells above, floats, one kind after another. */
static void large_chunks_go_both_ways(void **state)
{
	static const size_t sizes[] = { 65535, 65536, 65537, 131072, 200001 };
	const struct { hid_t type; size_t size; } types[] = { { H5T_STD_U8LE, 1 }, { H5T_STD_U16LE, 2 }, { H5T_IEEE_F32LE, 4 } };
	for (size_t t = 0; t < sizeof types / sizeof *types; t++)
		for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
			for (int kind = 0; kind < KINDS; kind++) both_ways(*state, types[t].type, types[t].size, sizes[i], kind);
}

/* Planes of any two or four kinds side by side, with bytes behind that fill no plane, through c5_deflate alone. */
static void planes_of_all_kinds_follow_each_other(void **state)
{
	(void)state;
	enum { PLANE = 70001, TAIL = 3, MOST = 4 * PLANE + TAIL };
	uint8_t *raw = malloc(MOST), *back = malloc(MOST), *packed = malloc(c5_deflate_bound(MOST));
	struct libdeflate_decompressor *unpack = libdeflate_alloc_decompressor();
	c5_deflater *d;
	assert_int_equal(c5_deflater_open(&d), C5_OK);
	for (int a = 0; a < KINDS; a++)
		for (int b = 0; b < KINDS; b++)
			for (int planes = 2; planes <= 4; planes += 2) {
				size_t n = (size_t)planes * PLANE + TAIL, size, got = 0;
				for (int k = 0; k < planes; k++) fill(raw + (size_t)k * PLANE, PLANE, k % 2 ? b : a);
				fill(raw + n - TAIL, TAIL, RANDOM);
				size = c5_deflate(d, raw, n, PLANE, packed);
				assert_in_range(size, 1, c5_deflate_bound(n));
				assert_int_equal(libdeflate_zlib_decompress(unpack, packed, size, back, n, &got), LIBDEFLATE_SUCCESS);
				assert_int_equal(got, n);
				assert_memory_equal(back, raw, n);
			}
	c5_deflater_close(d);
	libdeflate_free_decompressor(unpack);
	free(raw);
	free(back);
	free(packed);
}

/* What a frame's planes are worth: noise is not made larger, few values are packed nearly as well as a search for strings would. */
static void planes_are_packed_as_well_as_by_searching(void **state)
{
	(void)state;
	enum { PLANE = 1 << 20 };
	uint8_t *raw = malloc(2 * PLANE), *packed = malloc(c5_deflate_bound(2 * PLANE));
	struct libdeflate_compressor *search = libdeflate_alloc_compressor(C5_DEFLATE_LEVEL);
	c5_deflater *d;
	assert_int_equal(c5_deflater_open(&d), C5_OK);
	for (int kind = 0; kind < KINDS; kind++) {
		fill(raw, PLANE, RANDOM);
		fill(raw + PLANE, PLANE, kind);
		size_t ours = c5_deflate(d, raw, 2 * PLANE, PLANE, packed), theirs = libdeflate_zlib_compress(search, raw, 2 * PLANE, packed,
			c5_deflate_bound(2 * PLANE));
		assert_true(ours > 0 && ours <= theirs + theirs / 20);
	}
	c5_deflater_close(d);
	libdeflate_free_compressor(search);
	free(raw);
	free(packed);
}

static void every_row_size_goes_both_ways(void **state)
{
	for (size_t element = 1; element <= 300; element++) {
		hid_t type = H5Tcreate(H5T_OPAQUE, element);
		both_ways(*state, type, element, 1 + element % 13, (int)(element % KINDS));
		both_ways(*state, type, element, 100, RANDOM);
		H5Tclose(type);
	}
}

static void fletcher32_is_that_of_hdf5(void **state)
{
	(void)state;
	uint8_t *p = malloc(200001);
	static const size_t sizes[] = { 1, 2, 3, 4, 5, 718, 719, 720, 721, 722, 1440, 8191, 8192, 8193, 65534, 131072, 200001 };
	for (int kind = 0; kind < KINDS; kind++)
		for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
			fill(p, sizes[i], kind);
			assert_int_equal(c5_fletcher32(p, sizes[i]), H5_checksum_fletcher32(p, sizes[i]));
		}
	for (size_t n = 1; n < 300; n++) { /* small sums, where 0 and 65535 are told apart */
		memset(p, 0, n);
		p[random_byte() % n] = (uint8_t)(n % 3 ? 0xff : 1);
		if (n > 1) p[n - 2] = 0xff, p[n - 1] = 0xff;
		assert_int_equal(c5_fletcher32(p, n), H5_checksum_fletcher32(p, n));
	}
	for (int k = 0; k < 20000; k++) { /* words that sum to multiples of 65535 */
		size_t n = 2 + random_byte() % 14;
		for (size_t i = 0; i < n; i++) p[i] = random_byte() < 128 ? 0xff : random_byte() < 128 ? 0 : random_byte();
		assert_int_equal(c5_fletcher32(p, n), H5_checksum_fletcher32(p, n));
	}
	free(p);
}

static void a_flipped_byte_is_found(void **state)
{
	uint16_t raw[500], back[500];
	uint8_t packed[2000];
	size_t size;
	for (int i = 0; i < 500; i++) raw[i] = (uint16_t)(i * 3);
	assert_int_equal(c5_chunk_encode(*state, raw, sizeof raw, 2, packed, &size), C5_OK);
	assert_true(c5_chunk_bound(sizeof raw) <= sizeof packed);
	for (size_t i = 0; i < size; i++) {
		packed[i] ^= 0x10;
		assert_int_equal(c5_chunk_decode(*state, packed, size, 0, back, sizeof back, 2), C5_EINPUT);
		packed[i] ^= 0x10;
	}
	for (size_t n = 0; n < size; n++) /* and a cut */
		assert_int_equal(c5_chunk_decode(*state, packed, n, 0, back, sizeof back, 2), C5_EINPUT);
	/* Too long and too short for what is expected, with checksums in order. */
	assert_int_equal(c5_chunk_decode(*state, packed, size, 0, back, sizeof back - 2, 2), C5_EINPUT);
	assert_int_equal(c5_chunk_encode(*state, raw, 400, 2, packed, &size), C5_OK);
	assert_int_equal(c5_chunk_decode(*state, packed, size, 0, back, sizeof back, 2), C5_EINPUT);
	/* Without the checksum the stream alone must not crash us. */
	for (int k = 0; k < 3000; k++) {
		uint8_t bad[2000];
		memcpy(bad, packed, size);
		for (int i = 0; i < 3; i++) bad[(random_byte() * 256u + random_byte()) % size] = random_byte();
		(void)c5_chunk_decode(*state, bad, size - 4, 4, back, 400, 2);
	}
}

static void skipped_filters_are_left_out(void **state)
{
	uint16_t raw[100], back[100];
	for (int i = 0; i < 100; i++) raw[i] = (uint16_t)(i * 77);
	assert_int_equal(c5_chunk_decode(*state, raw, sizeof raw, 7, back, sizeof back, 2), C5_OK);
	assert_memory_equal(raw, back, sizeof raw);
	assert_int_equal(c5_chunk_decode(*state, raw, sizeof raw - 1, 7, back, sizeof back, 2), C5_EINPUT);
	assert_int_equal(c5_chunk_decode(*state, raw, 2, 3, back, sizeof back, 2), C5_EINPUT);
}

static int open_codec(void **state) { return c5_codec_open((c5_codec **)state); }
static int close_codec(void **state)
{
	c5_codec_close(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_pixel_type_goes_both_ways),
		cmocka_unit_test(large_chunks_go_both_ways),
		cmocka_unit_test(planes_of_all_kinds_follow_each_other),
		cmocka_unit_test(planes_are_packed_as_well_as_by_searching),
		cmocka_unit_test(every_row_size_goes_both_ways),
		cmocka_unit_test(fletcher32_is_that_of_hdf5),
		cmocka_unit_test(a_flipped_byte_is_found),
		cmocka_unit_test(skipped_filters_are_left_out),
	};
	return cmocka_run_group_tests(tests, open_codec, close_codec);
}
