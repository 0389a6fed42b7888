/* unit_container_superblock.c – the superblock's end field and checksum against files that HDF5 itself wrote. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <hdf5.h>

#include "container/superblock.h"
#include "container_sample.h"

static void make(const char *path, H5F_libver_t low)
{
	hid_t fapl = H5Pcreate(H5P_FILE_ACCESS);
	H5Pset_libver_bounds(fapl, low, H5F_LIBVER_LATEST);
	hid_t f = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, fapl), g = H5Gcreate2(f, "/g", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
	assert_true(f >= 0 && g >= 0);
	H5Gclose(g);
	H5Fclose(f);
	H5Pclose(fapl);
}

static void load(const char *path, uint8_t block[C5_SUPERBLOCK_SIZE])
{
	FILE *f = fopen(path, "rb");
	assert_non_null(f);
	assert_int_equal(fread(block, 1, C5_SUPERBLOCK_SIZE, f), C5_SUPERBLOCK_SIZE);
	fclose(f);
}

static void store(const char *path, const uint8_t block[C5_SUPERBLOCK_SIZE])
{
	FILE *f = fopen(path, "r+b");
	assert_non_null(f);
	assert_int_equal(fwrite(block, 1, C5_SUPERBLOCK_SIZE, f), C5_SUPERBLOCK_SIZE);
	fclose(f);
}

static void lookup3_is_that_of_hdf5(void **state)
{
	(void)state;
	/* Bob Jenkins' own values for lookup3.c's driver5: hashlittle of "" and of a sentence, initial value 0. */
	assert_int_equal(c5_lookup3("", 0), 0xdeadbeef);
	assert_int_equal(c5_lookup3("Four score and seven years ago", 30), 0x17770551);
}

static void reads_the_end_that_hdf5_wrote(void **state)
{
	(void)state;
	uint8_t block[C5_SUPERBLOCK_SIZE];
	const char *path = scratch("stock.h5");
	for (int v = 0; v < 2; v++) {
		struct stat st;
		uint64_t end = 0;
		make(path, v ? H5F_LIBVER_V110 : H5F_LIBVER_V18);
		load(path, block);
		assert_int_equal(block[8], v ? 3 : 2);
		assert_int_equal(c5_superblock_end(block, &end), C5_OK);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(end, st.st_size);
	}
}

static void hdf5_reads_the_end_we_set(void **state)
{
	(void)state;
	uint8_t block[C5_SUPERBLOCK_SIZE];
	const char *path = scratch("patched.h5");
	uint64_t end, again;
	make(path, H5F_LIBVER_V110);
	load(path, block);
	assert_int_equal(c5_superblock_end(block, &end), C5_OK);
	c5_superblock_set_end(block, end + 5 * 4096);
	assert_int_equal(c5_superblock_end(block, &again), C5_OK);
	assert_int_equal(again, end + 5 * 4096);
	store(path, block);
	H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
	assert_true(H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT) < 0); /* the field is believed: the file is now too short */
	assert_int_equal(truncate(path, (off_t)again), 0);
	hid_t f = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
	assert_true(f >= 0);
	H5Fclose(f);
}

static void refuses_what_is_no_superblock(void **state)
{
	(void)state;
	uint8_t block[C5_SUPERBLOCK_SIZE], bad[C5_SUPERBLOCK_SIZE];
	const char *path = scratch("bad.h5");
	uint64_t end;
	make(path, H5F_LIBVER_V110);
	load(path, block);
	for (int i = 0; i < C5_SUPERBLOCK_SIZE; i++) { /* any flipped bit is noticed */
		memcpy(bad, block, sizeof bad);
		bad[i] ^= (uint8_t)(1u << i % 8);
		assert_true(c5_superblock_end(bad, &end) < 0);
	}
	make(path, H5F_LIBVER_EARLIEST);
	load(path, block);
	assert_int_equal(c5_superblock_end(block, &end), C5_ESCHEMA);
	memset(block, 0, sizeof block);
	assert_int_equal(c5_superblock_end(block, &end), C5_ESCHEMA);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lookup3_is_that_of_hdf5),
		cmocka_unit_test(reads_the_end_that_hdf5_wrote),
		cmocka_unit_test(hdf5_reads_the_end_we_set),
		cmocka_unit_test(refuses_what_is_no_superblock),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
