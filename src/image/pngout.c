/* pngout.c – see pngout.h. */
#include "image/pngout.h"

#include <errno.h>
#include <png.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/disk.h"
#include "base/error.h"
#include "base/mem.h"

#define LEVEL 4 /* of compression: half the time of the default, files a few percent larger */

/* libpng reports by a call that must not return. */
typedef struct state { jmp_buf out; char text[256]; } state;

static void refuse(png_structp png, png_const_charp text)
{
	state *s = png_get_error_ptr(png);
	snprintf(s->text, sizeof s->text, "%s", text);
	longjmp(s->out, 1);
}

static void ignore(png_structp png, png_const_charp text)
{
	(void)png;
	(void)text;
}

/* All that libpng does, in a function without variables that a jump could spoil. Returns whether it went well. */
static int encode(state *s, png_structp png, png_infop info, FILE *to, int kind, const void *pixels, size_t height, size_t width)
{
	if (setjmp(s->out)) return 0;
	png_init_io(png, to);
	png_set_compression_level(png, LEVEL);
	png_set_IHDR(png, info, (png_uint_32)width, (png_uint_32)height, kind == C5_PNG_GREY16 ? 16 : 8,
		kind == C5_PNG_RGB8 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
	png_write_info(png, info);
	if (kind == C5_PNG_GREY16 && *(const uint8_t *)&(uint16_t){ 1 }) png_set_swap(png);
	for (size_t y = 0; y < height; y++)
		png_write_row(png, (png_const_bytep)pixels + y * width * (kind == C5_PNG_RGB8 ? 3 : kind == C5_PNG_GREY16 ? 2 : 1));
	png_write_end(png, info);
	return 1;
}

int c5_pngout_write(const char *path, int kind, const void *pixels, size_t height, size_t width)
{
	state s = { .text = "" };
	png_structp png = NULL;
	png_infop info = NULL;
	FILE *to = NULL;
	char *part = NULL;
	int err = C5_OK;
	if (kind < C5_PNG_GREY8 || kind > C5_PNG_RGB8) return c5_fail(C5_EFAIL, "%s: PNG kind %d is none of those known", path, kind);
	if (!height || !width || height > 1000000 || width > 1000000)
		return c5_fail(C5_EINPUT, "%s: %zu x %zu pixels, a PNG takes 1 to 1000000 each way", path, height, width);
	if ((err = c5_disk_spare(path)) < 0) return err;
	if (!(part = c5_format("%s.part", path))) return c5_fail(C5_ENOMEM, "%s: out of memory", path);
	if (!(to = fopen(part, "wb"))) {
		err = c5_fail(C5_EIO, "%s: %s", part, strerror(errno));
		goto done;
	}
	png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &s, refuse, ignore);
	if (png) info = png_create_info_struct(png);
	if (!info) err = c5_fail(C5_ENOMEM, "%s: out of memory", path);
	else if (!encode(&s, png, info, to, kind, pixels, height, width)) err = c5_fail(C5_EIO, "%s: %s", part, s.text);
	png_destroy_write_struct(&png, &info);
	if (fclose(to) != 0 && err == C5_OK) err = c5_fail(C5_EIO, "%s: %s", part, strerror(errno));
	if (err == C5_OK && rename(part, path) != 0) err = c5_fail(C5_EIO, "%s: %s", path, strerror(errno));
	if (err < 0) unlink(part);
done:
	free(part);
	return err;
}
