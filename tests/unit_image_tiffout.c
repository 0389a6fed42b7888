/* unit_image_tiffout.c – TIFF pages written and read again, of every type, classic and big; what the OME-XML of them says. */
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
#include "image/source.h"
#include "image/tiffout.h"

#define H 300
#define W 500

static uint8_t *noise(size_t n, uint32_t seed)
{
	uint8_t *p = malloc(n);
	for (size_t i = 0; p && i < n; i++) p[i] = (uint8_t)((seed = seed * 1664525u + 1013904223u) >> 26); /* small bytes: no NaN among reals */
	return p;
}

static void reads_back_pages_of_every_type(void **state)
{
	char folder[] = "/tmp/cyto5-tiffout-XXXXXX", path[64];
	static const char *const channels[] = { "a & b", "phase" };
	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/a.ome.tif", folder);
	for (int dtype = C5_U8; dtype <= C5_F64; dtype++)
		for (int big = 0; big < 2; big++) {
			size_t n = (size_t)H * W * c5_dtype_size(dtype);
			uint8_t *pages[6], *got = malloc(n), head[4];
			c5_tiffout *out;
			c5_buf text = { 0 };
			c5_ome_image image = { .name = "x<y", .dtype = dtype, .frames = 3, .planes = 1, .height = H, .width = W, .pixel_um = 0.325, .z_step_um = NAN,
				.frame_interval_s = 90, .channels = channels, .n_channels = 2 };
			c5_ome_text(&text, &image);
			c5_buf_put(&text, "", 1);
			assert_int_equal(text.err, C5_OK);
			c5_tiffout_style style = { .dtype = dtype, .height = H, .width = W, .pages = 6, .big = big, .description = (char *)text.data, .pixel_um = 0.325 };
			assert_int_equal(c5_tiffout_open(&out, path, &style), C5_OK);
			for (uint32_t k = 0; k < 6; k++) {
				assert_non_null(pages[k] = noise(n, k + 1));
				assert_int_equal(c5_tiffout_page(out, pages[k]), C5_OK);
			}
			assert_int_equal(c5_tiffout_close(out), C5_OK);
			FILE *f = fopen(path, "rb");
			assert_int_equal(fread(head, 1, 4, f), 4);
			fclose(f);
			assert_int_equal(head[2], big ? 43 : 42);

			c5_scan_params p = { 0 };
			c5_scan *scan;
			c5_frame_reader *reader;
			const char *input = path;
			assert_int_equal(c5_opt_defaults(c5_scan_opts, &p), C5_OK);
			assert_int_equal(c5_scan_inputs(&scan, &p, 1, &input), C5_OK);
			assert_int_equal(scan->n_series, 2);
			assert_int_equal(c5_frame_reader_open(&reader, scan, &p), C5_OK);
			for (size_t s = 0; s < 2; s++) {
				const c5_series *q = &scan->series[s];
				uint32_t c = strcmp(q->channel, "phase") == 0;
				assert_null(q->error);
				assert_int_equal(q->dtype, dtype);
				assert_int_equal(q->t, 3);
				assert_true(fabs(q->pixel_size_um - 0.325) < 1e-12 && q->frame_interval_s == 90 && isnan(q->z_step_um));
				for (uint32_t t = 0; t < 3; t++) {
					assert_int_equal(c5_frame_read(reader, q, t, 0, got), C5_OK);
					assert_memory_equal(got, pages[2 * t + c], n);
				}
			}
			c5_frame_reader_close(reader);
			c5_scan_free(scan);
			c5_opt_clear(c5_scan_opts, &p);
			c5_buf_free(&text);
			for (int k = 0; k < 6; k++) free(pages[k]);
			free(got);
		}
	unlink(path);
	rmdir(folder);
}

static void says_why_it_cannot_write(void **state)
{
	c5_tiffout *out = NULL;
	c5_tiffout_style style = { .dtype = C5_U16, .height = 4, .width = 4, .pages = 1, .pixel_um = NAN };
	(void)state;
	assert_int_equal(c5_tiffout_open(&out, "/nowhere/at/all.tif", &style), C5_EIO);
	assert_non_null(strstr(c5_error_last(), "/nowhere/at/all.tif"));
	style.width = 0;
	assert_int_equal(c5_tiffout_open(&out, "/tmp/x.tif", &style), C5_EFAIL);
	if (access("/dev/full", W_OK) == 0) {
		style.width = 4;
		uint16_t pixels[16] = { 0 };
		int err = c5_tiffout_open(&out, "/dev/full", &style);
		if (err == C5_OK) {
			err = c5_tiffout_page(out, pixels);
			int closed = c5_tiffout_close(out);
			if (err == C5_OK) err = closed;
		}
		assert_int_equal(err, C5_EIO);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(reads_back_pages_of_every_type), cmocka_unit_test(says_why_it_cannot_write) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
