/* unit_formats_npy.c – headers of .npy arrays made and taken apart, labels of every pixel type, members of bundles. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/dtype.h"
#include "base/error.h"
#include "formats/bundle.h"
#include "formats/npy.h"

static void reads_back_the_headers_it_writes(void **state)
{
	static const uint64_t dims[] = { 3, 1, 4000000000u, 15, 9 };
	(void)state;
	for (int dtype = C5_U8; dtype < C5_DTYPE_END; dtype++)
		for (int rank = 0; rank <= 5; rank++) {
			c5_buf b = { 0 };
			c5_npy npy;
			size_t length;
			c5_npy_header(&b, dtype, rank, dims);
			assert_int_equal(b.err, C5_OK);
			assert_int_equal(b.size % 64, 0);
			assert_int_equal(b.data[b.size - 1], '\n');
			assert_int_equal(c5_npy_length(b.data, "x", &length), C5_OK);
			assert_int_equal(length, b.size);
			assert_int_equal(c5_npy_parse(&npy, b.data, b.size, "x"), C5_OK);
			assert_int_equal(npy.dtype, dtype);
			assert_int_equal(npy.rank, rank);
			assert_false(npy.swapped);
			assert_memory_equal(npy.dims, dims, (size_t)rank * sizeof *dims);
			c5_buf_free(&b);
		}
}

static int parse(c5_npy *npy, const char *text)
{
	uint8_t header[256] = { 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, 0, 0 };
	size_t n = strlen(text), length;
	memcpy(header + 10, text, n);
	header[8] = (uint8_t)n;
	int err = c5_npy_length(header, "x", &length);
	return err < 0 ? err : c5_npy_parse(npy, header, length, "x");
}

static void takes_what_numpy_writes_and_no_more(void **state)
{
	c5_npy npy;
	(void)state;
	assert_int_equal(parse(&npy, "{'descr': '>u2', 'fortran_order': False, 'shape': (2, 3), }  \n"), C5_OK);
	assert_true(npy.swapped);
	assert_int_equal(npy.dims[1], 3);
	assert_int_equal(parse(&npy, "{'shape': (5,), 'fortran_order': False, 'descr': '|i1'}\n"), C5_OK);
	assert_int_equal(npy.rank, 1);
	assert_int_equal(parse(&npy, "{'descr': '<c8', 'fortran_order': False, 'shape': (2, 3), }\n"), C5_EINPUT);
	assert_int_equal(parse(&npy, "{'descr': [('a', '<u2')], 'fortran_order': False, 'shape': (2,), }\n"), C5_EINPUT);
	assert_int_equal(parse(&npy, "{'descr': '<u2', 'fortran_order': True, 'shape': (2, 3), }\n"), C5_EINPUT);
	assert_int_equal(parse(&npy, "{'descr': '<u2', 'fortran_order': False, 'shape': (2, -3), }\n"), C5_EINPUT);
	assert_int_equal(parse(&npy, "{'descr': '<u2', 'fortran_order': False, 'shape': (2, 3"), C5_EINPUT);
	assert_int_equal(parse(&npy, "{'descr': '<u2', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1), }\n"), C5_EINPUT);
	assert_int_equal(parse(&npy, "nothing of this kind"), C5_EINPUT);
	uint64_t bytes;
	npy = (c5_npy){ .dtype = C5_U16, .rank = 3, .dims = { UINT64_MAX / 4, 4, 4 } };
	assert_int_equal(c5_npy_bytes(&npy, "x", &bytes), C5_EINPUT);
}

static void takes_whole_numbers_for_labels_only(void **state)
{
	uint32_t out[3];
	(void)state;
	assert_int_equal(c5_whole_labels(C5_F32, (float[]){ 0, 7, 65536 }, 3, out, "x", 0), C5_OK);
	assert_int_equal(out[2], 65536);
	assert_int_equal(c5_whole_labels(C5_I64, (int64_t[]){ 0, 1, UINT32_MAX - 1 }, 3, out, "x", 0), C5_OK);
	assert_int_equal(out[2], UINT32_MAX - 1);
	assert_int_equal(c5_whole_labels(C5_F64, (double[]){ 0, 0.5, 1 }, 3, out, "x", 4), C5_EINPUT);
	assert_non_null(strstr(c5_error_last(), "x: frame 4 holds 0.5"));
	assert_int_equal(c5_whole_labels(C5_F64, (double[]){ 0, 1, (double)NAN }, 3, out, "x", 0), C5_EINPUT);
	assert_int_equal(c5_whole_labels(C5_I16, (int16_t[]){ 0, -1, 1 }, 3, out, "x", 0), C5_EINPUT);
	assert_int_equal(c5_whole_labels(C5_U64, (uint64_t[]){ 0, UINT32_MAX, 1 }, 3, out, "x", 0), C5_EINPUT);
	assert_int_equal(c5_whole_labels(C5_U32, (uint32_t[]){ 0, UINT32_MAX, 1 }, 3, out, "x", 0), C5_EINPUT);
	uint16_t pair[2] = { 0x0102, 0x0304 };
	c5_swap_bytes(pair, 2, 2);
	assert_int_equal(pair[1], 0x0403);
}

static void reads_back_the_bundles_it_writes(void **state)
{
	char folder[] = "/tmp/cyto5-bundle-XXXXXX", path[64];
	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/a", folder);
	for (int kind = C5_BUNDLE_TAR_GZ; kind <= C5_BUNDLE_ZIP; kind++) {
		c5_bundle *b;
		const char *name;
		char text[8];
		uint64_t size;
		assert_int_equal(c5_bundle_create(&b, path, kind), C5_OK);
		assert_int_equal(c5_bundle_member(b, "one", 5), C5_OK);
		assert_int_equal(c5_bundle_write(b, "he", 2), C5_OK);
		assert_int_equal(c5_bundle_write(b, "llo!", 4), C5_EFAIL);
		assert_int_equal(c5_bundle_write(b, "llo", 3), C5_OK);
		assert_int_equal(c5_bundle_member(b, "two", 0), C5_OK);
		assert_int_equal(c5_bundle_finish(b), C5_OK);
		assert_int_equal(c5_bundle_open(&b, path), C5_OK);
		assert_int_equal(c5_bundle_next(b, &name, &size), C5_OK);
		assert_string_equal(name, "one");
		assert_int_equal(c5_bundle_read(b, text, 5), C5_OK);
		assert_memory_equal(text, "hello", 5);
		assert_int_equal(c5_bundle_read(b, text, 1), C5_EINPUT);
		assert_int_equal(c5_bundle_next(b, &name, &size), C5_OK);
		assert_int_equal(c5_bundle_next(b, &name, &size), C5_ENOTFOUND);
		c5_bundle_close(b);
		assert_int_equal(c5_bundle_create(&b, path, kind), C5_OK);
		assert_int_equal(c5_bundle_member(b, "short", 5), C5_OK);
		assert_int_equal(c5_bundle_finish(b), C5_EFAIL);
	}
	unlink(path);
	rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_back_the_headers_it_writes),
		cmocka_unit_test(takes_what_numpy_writes_and_no_more),
		cmocka_unit_test(takes_whole_numbers_for_labels_only),
		cmocka_unit_test(reads_back_the_bundles_it_writes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
