/* unit_image_overlay.c – pictures: sizes, outlines, colours, numbers, sheets; and PNG files read back by libpng. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <png.h>

#include "base/dtype.h"
#include "base/error.h"
#include "base/mem.h"
#include "image/overlay.h"
#include "image/pngout.h"

enum { H = 60, W = 80 };
static uint16_t frame[H * W];
static uint32_t labels[H * W]; /* 1: rows 10..29 of columns 10..39; 2: rows 30..49 of columns 30..69 */

static int draw(void **state)
{
	(void)state;
	for (size_t i = 0; i < H * W; i++) {
		size_t y = i / W, x = i % W;
		frame[i] = (uint16_t)(100 * y + 3 * x);
		labels[i] = y >= 10 && y < 30 && x >= 10 && x < 40 ? 1 : y >= 30 && y < 50 && x >= 30 && x < 70 ? 2 : 0;
	}
	return 0;
}

static const uint8_t *pixel(const c5_picture *p, size_t y, size_t x) { return p->rgb + 3 * (y * p->width + x); }

static bool has_colour(const c5_picture *p, size_t y, size_t x, uint32_t id) { return !memcmp(pixel(p, y, x), c5_picture_colour(id), 3); }

static void outlines_run_along_the_inside_of_each_object(void **state)
{
	(void)state;
	c5_picture p;
	const c5_picture_style style = { 1, false, NULL };
	assert_int_equal(c5_picture_frame(&p, &style, C5_U16, frame, labels, H, W, 2), C5_OK);
	assert_true(p.height == H && p.width == W);
	for (size_t i = 0; i < H * W; i++) {
		size_t y = i / W, x = i % W;
		uint32_t v = labels[i];
		bool edge = false;
		for (size_t j = 0; v && j < 9; j++) edge = edge || labels[(y + j / 3 - 1) * W + x + j % 3 - 1] != v;
		if (v) assert_int_equal(has_colour(&p, y, x, v), edge);
		if (!v) assert_true(pixel(&p, y, x)[0] == pixel(&p, y, x)[1] && pixel(&p, y, x)[1] == pixel(&p, y, x)[2]);
	}
	free(p.rgb);
}

static void small_frames_are_enlarged_and_large_ones_are_not(void **state)
{
	(void)state;
	c5_picture p;
	const c5_picture_style style = { 0, false, NULL };
	assert_int_equal(c5_picture_frame(&p, &style, C5_U16, frame, labels, H, W, 2), C5_OK);
	assert_true(p.height == 8 * H && p.width == 8 * W);
	assert_true(has_colour(&p, 8 * 20, 8 * 10, 1) && has_colour(&p, 8 * 20, 8 * 10 + 1, 1) && !has_colour(&p, 8 * 20, 8 * 10 + 4, 1));
	free(p.rgb);
	uint8_t *large = calloc(1200 * 30, 1);
	assert_int_equal(c5_picture_frame(&p, &style, C5_U8, large, NULL, 30, 1200, 0), C5_OK);
	assert_true(p.height == 30 && p.width == 1200);
	free(p.rgb);
	free(large);
}

static void contrast_reaches_from_dark_to_light_whatever_single_pixels_are(void **state)
{
	(void)state;
	c5_picture p;
	float odd[H * W];
	const c5_picture_style style = { 1, false, NULL };
	for (size_t i = 0; i < H * W; i++) odd[i] = frame[i];
	odd[0] = 1e30f, odd[1] = NAN;
	assert_int_equal(c5_picture_frame(&p, &style, C5_F32, odd, NULL, H, W, 0), C5_OK);
	assert_true(pixel(&p, 0, 0)[0] == 255 && pixel(&p, 0, 1)[0] == 0);
	assert_true(pixel(&p, 0, 5)[0] < 5 && pixel(&p, H - 1, W - 3)[0] > 250 && abs(pixel(&p, H / 2, W / 2)[0] - 128) < 8);
	free(p.rgb);
}

static void colours_follow_ids_and_differ_between_neighbours(void **state)
{
	(void)state;
	c5_picture p;
	const uint32_t ids[] = { 5, 4000000000u };
	const c5_picture_style style = { 1, false, ids };
	assert_int_equal(c5_picture_frame(&p, &style, C5_U16, frame, labels, H, W, 2), C5_OK);
	assert_true(has_colour(&p, 10, 20, 5) && has_colour(&p, 49, 50, 4000000000u));
	free(p.rgb);
	for (uint32_t i = 0; i < 8; i++)
		for (uint32_t j = 0; j < i; j++) {
			const uint8_t *a = c5_picture_colour(i), *b = c5_picture_colour(j);
			assert_true(abs(a[0] - b[0]) + abs(a[1] - b[1]) + abs(a[2] - b[2]) > 60);
		}
	assert_ptr_equal(c5_picture_colour(1), c5_picture_colour(9));
}

static void numbers_are_written_inside_the_frame_even_for_objects_at_its_corner(void **state)
{
	(void)state;
	uint32_t corner[H * W] = { 0 };
	const uint32_t ids[] = { 4294967295u };
	c5_picture with, without;
	const c5_picture_style on = { 1, true, ids }, off = { 1, false, ids };
	corner[0] = corner[1] = 1;
	assert_int_equal(c5_picture_frame(&with, &on, C5_U16, frame, corner, H, W, 1), C5_OK);
	assert_int_equal(c5_picture_frame(&without, &off, C5_U16, frame, corner, H, W, 1), C5_OK);
	size_t differ = 0;
	for (size_t i = 0; i < H * W; i++) differ += memcmp(with.rgb + 3 * i, without.rgb + 3 * i, 3) != 0;
	assert_true(differ > 10 * 15 && differ < 70 * 12);
	free(with.rgb);
	free(without.rgb);
	uint8_t one = 9;
	uint32_t label = 1; /* no room for a number: none is written */
	assert_int_equal(c5_picture_frame(&with, &(c5_picture_style){ 1, true, NULL }, C5_U8, &one, &label, 1, 1, 1), C5_OK);
	free(with.rgb);
}

static void a_sheet_shows_every_crop_in_a_frame_of_its_colour(void **state)
{
	(void)state;
	uint8_t crops[5][16 * 16];
	c5_picture p;
	const c5_picture_style style = { 1, true, NULL };
	for (size_t k = 0; k < 5; k++) memset(crops[k], (int)(50 * k), sizeof crops[k]);
	assert_int_equal(c5_picture_sheet(&p, &style, C5_U8, crops, 1, 5, 16, 16, 0), C5_OK);
	size_t seen[5] = { 0 };
	for (size_t y = 0; y < p.height; y++)
		for (size_t x = 0; x < p.width; x++)
			for (uint32_t k = 0; k < 5; k++) seen[k] += has_colour(&p, y, x, k + 1);
	for (uint32_t k = 0; k < 5; k++) assert_int_equal(seen[k], 20 * 20 - 16 * 16);
	free(p.rgb);
	assert_int_equal(c5_picture_sheet(&p, &style, C5_U8, crops, 1, 0, 16, 16, 0), C5_EINPUT);
	assert_null(p.rgb);
}

static void pictures_that_cannot_be_drawn_are_refused(void **state)
{
	(void)state;
	c5_picture p;
	const c5_picture_style style = { 8, false, NULL };
	assert_int_equal(c5_picture_frame(&p, &style, C5_U8, frame, NULL, 0, 5, 0), C5_EINPUT);
	assert_int_equal(c5_picture_frame(&p, &style, C5_U8, frame, NULL, 5, 100000, 0), C5_EINPUT);
	assert_int_equal(c5_picture_frame(&p, &style, 99, frame, NULL, 5, 5, 0), C5_EFAIL);
	assert_null(p.rgb);
}

static void png_files_hold_the_pixels_that_were_written(void **state)
{
	(void)state;
	char path[] = "/tmp/c5_png_XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	uint8_t bytes[H * W * 3];
	for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i * 7);
	const struct { int kind; const void *pixels; uint32_t format; size_t size; } cases[] = {
		{ C5_PNG_GREY8, bytes, PNG_FORMAT_GRAY, H * W }, { C5_PNG_RGB8, bytes, PNG_FORMAT_RGB, H * W * 3 } };
	for (size_t c = 0; c < 2; c++) {
		png_image img = { .version = PNG_IMAGE_VERSION };
		uint8_t back[H * W * 3];
		assert_int_equal(c5_pngout_write(path, cases[c].kind, cases[c].pixels, H, W), C5_OK);
		assert_true(png_image_begin_read_from_file(&img, path));
		assert_true(img.width == W && img.height == H && img.format == cases[c].format);
		assert_true(png_image_finish_read(&img, NULL, back, 0, NULL));
		assert_memory_equal(back, cases[c].pixels, cases[c].size);
	}
	const uint16_t deep[] = { 0, 1, 256, 65535, 0x1234, 7 };
	uint16_t row[3];
	assert_int_equal(c5_pngout_write(path, C5_PNG_GREY16, deep, 2, 3), C5_OK);
	FILE *f = fopen(path, "rb");
	png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
	png_infop info = png_create_info_struct(png);
	assert_non_null(f);
	png_init_io(png, f);
	png_read_info(png, info);
	assert_int_equal(png_get_bit_depth(png, info), 16);
	for (size_t y = 0; y < 2; y++) {
		png_read_row(png, (png_bytep)row, NULL);
		for (size_t x = 0; x < 3; x++) {
			const uint8_t *b = (const uint8_t *)&row[x]; /* most significant first in the file */
			assert_int_equal(b[0] << 8 | b[1], deep[3 * y + x]);
		}
	}
	png_destroy_read_struct(&png, &info, NULL);
	fclose(f);
	char *part = c5_format("%s.part", path);
	assert_int_equal(access(part, F_OK), -1);
	free(part);
	unlink(path);
}

static void png_errors_name_the_file_and_leave_nothing_behind(void **state)
{
	(void)state;
	const uint8_t v = 1;
	assert_int_equal(c5_pngout_write("/nonexistent/x.png", C5_PNG_GREY8, &v, 1, 1), C5_EIO);
	assert_non_null(strstr(c5_error_last(), "/nonexistent/x.png"));
	assert_int_equal(c5_pngout_write("/tmp/x.png", 9, &v, 1, 1), C5_EFAIL);
	assert_int_equal(c5_pngout_write("/tmp/x.png", C5_PNG_GREY8, &v, 0, 1), C5_EINPUT);
	char folder[] = "/tmp/c5_png_XXXXXX"; /* a folder of that name: the file cannot get it */
	assert_non_null(mkdtemp(folder));
	assert_int_equal(c5_pngout_write(folder, C5_PNG_GREY8, &v, 1, 1), C5_EIO);
	char *part = c5_format("%s.part", folder);
	assert_int_equal(access(part, F_OK), -1);
	free(part);
	rmdir(folder);
}

static void a_full_disk_is_an_error(void **state)
{
	(void)state;
	char folder[] = "/tmp/c5_png_XXXXXX";
	const size_t size = 300;
	uint8_t *noise = malloc(size * size);
	assert_non_null(mkdtemp(folder));
	char *path = c5_format("%s/a.png", folder), *part = c5_format("%s.part", path);
	for (size_t i = 0; i < size * size; i++) noise[i] = (uint8_t)(i * i * 2654435761u >> 11);
	if (symlink("/dev/full", part) == 0 && access("/dev/full", W_OK) == 0) {
		assert_int_equal(c5_pngout_write(path, C5_PNG_GREY8, noise, size, size), C5_EIO);
		assert_int_equal(access(path, F_OK), -1);
	}
	unlink(part);
	rmdir(folder);
	free(path);
	free(part);
	free(noise);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outlines_run_along_the_inside_of_each_object),
		cmocka_unit_test(small_frames_are_enlarged_and_large_ones_are_not),
		cmocka_unit_test(contrast_reaches_from_dark_to_light_whatever_single_pixels_are),
		cmocka_unit_test(colours_follow_ids_and_differ_between_neighbours),
		cmocka_unit_test(numbers_are_written_inside_the_frame_even_for_objects_at_its_corner),
		cmocka_unit_test(a_sheet_shows_every_crop_in_a_frame_of_its_colour),
		cmocka_unit_test(pictures_that_cannot_be_drawn_are_refused),
		cmocka_unit_test(png_files_hold_the_pixels_that_were_written),
		cmocka_unit_test(png_errors_name_the_file_and_leave_nothing_behind),
		cmocka_unit_test(a_full_disk_is_an_error),
	};
	return cmocka_run_group_tests(tests, draw, NULL);
}
