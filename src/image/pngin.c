/* pngin.c – reads PNG: the header by hand for the scan, the pixels through libpng. */
#include "image/pngin.h"

#include <errno.h>
#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/dtype.h"
#include "base/error.h"
#include "base/mem.h"
#include "image/probe.h"

#define HEADER 33 /* bytes of the signature and the IHDR chunk */

static uint32_t big_endian(const uint8_t *p) { return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]; }

int c5_probe_png(c5_probe *probe, const char *path, int fd)
{
	uint8_t head[HEADER];
	c5_page *page;
	int err = probe->size < HEADER ? c5_fail(C5_EINPUT, "%s: truncated: a PNG header has %d bytes, the file %llu; copy it again", path, HEADER,
		(unsigned long long)probe->size) : c5_file_read_at(path, fd, head, HEADER, 0);
	if (err < 0 || (err = c5_alloc(&probe->pages, 1, sizeof *page)) < 0) return err;
	if (memcmp(head + 12, "IHDR", 4)) return c5_fail(C5_EINPUT, "%s: a PNG file without its header: damaged, copy it again", path);
	page = probe->pages;
	probe->n_pages = 1;
	page->width = big_endian(head + 16);
	page->height = big_endian(head + 20);
	page->dtype = head[24] == 16 ? C5_U16 : C5_U8;
	page->rgb = head[25] & PNG_COLOR_MASK_COLOR;
	page->samples = page->rgb ? 3 : 1;
	if (head[25] == PNG_COLOR_TYPE_PALETTE)
		return c5_page_refuse(page, c5_format("%s: a PNG with a colour palette, grey expected; save it as 8-bit or 16-bit grey", path));
	if (head[24] != 8 && head[24] != 16)
		return c5_page_refuse(page, c5_format("%s: a PNG of %u bits a pixel, 8 or 16 expected; save it as 8-bit or 16-bit grey", path, head[24]));
	return c5_page_check_size(page, path, 0, probe->size, 1100);
}

struct trap {
	jmp_buf back;
	char text[256];
};

static void trap_error(png_structp png, png_const_charp text)
{
	struct trap *trap = png_get_error_ptr(png);
	snprintf(trap->text, sizeof trap->text, "%s", text);
	longjmp(trap->back, 1);
}

static void drop_warning(png_structp png, png_const_charp text)
{
	(void)png;
	(void)text;
}

/* What must be freed after the long jump too. */
struct job {
	FILE *file;
	png_structp png;
	png_infop info;
	png_bytep *rows;   /* (height) */
	uint8_t *colours;  /* (height, width, 3); NULL for grey */
	struct trap trap;
};

static int decode(struct job *job, const char *path, const c5_want *want, uint8_t *out)
{
	size_t size = c5_dtype_size(want->dtype);
	int err;
	png_set_user_limits(job->png, C5_SIDE_MAX, C5_SIDE_MAX);
	png_init_io(job->png, job->file);
	png_read_info(job->png, job->info);
	bool rgb = png_get_color_type(job->png, job->info) & PNG_COLOR_MASK_COLOR;
	unsigned depth = png_get_bit_depth(job->png, job->info);
	uint32_t width = png_get_image_width(job->png, job->info), height = png_get_image_height(job->png, job->info);
	if (width != want->width || height != want->height || depth != 8 * size)
		return c5_fail(C5_EINPUT, "%s: %u x %u pixels of %u bits, %u x %u of %zu expected: the file changed since it was scanned", path, width, height,
			depth, want->width, want->height, 8 * size);
	if (rgb && !want->colour)
		return c5_fail(C5_EINPUT, "%s: an RGB image; name the plane to read with --plane red|green|blue|luminance", path);
	png_set_strip_alpha(job->png);
	if (depth == 16 && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) png_set_swap(job->png);
	png_set_interlace_handling(job->png);
	png_read_update_info(job->png, job->info);
	size_t row = (size_t)width * size * (rgb ? 3 : 1);
	if (png_get_rowbytes(job->png, job->info) != row) return c5_fail(C5_EINPUT, "%s: a PNG of an unknown layout; save it as grey", path);
	if (rgb && (err = c5_alloc_aligned(&job->colours, row, height)) < 0) return err;
	if ((err = c5_alloc(&job->rows, height, sizeof *job->rows)) < 0) return err;
	for (uint32_t y = 0; y < height; y++) job->rows[y] = (rgb ? job->colours : out) + y * row;
	png_read_image(job->png, job->rows);
	png_read_end(job->png, NULL);
	if (rgb) c5_pixels_take(want->dtype, job->colours, 3, want, (uint64_t)width * height, out);
	return C5_OK;
}

/* libpng jumps back to here: no locals, so nothing to lose. */
static int decode_or_say(struct job *job, const char *path, const c5_want *want, uint8_t *out)
{
	if (setjmp(job->trap.back)) return c5_fail(C5_EINPUT, "%s: cannot be decoded: %s; copy the file again", path, job->trap.text);
	return decode(job, path, want, out);
}

int c5_png_read(const char *path, const c5_want *want, void *out)
{
	struct job *job = NULL;
	int err = c5_alloc(&job, 1, sizeof *job);
	if (err < 0) return err;
	if (!(job->file = fopen(path, "rbe"))) {
		err = c5_fail(C5_EINPUT, "%s: cannot open: %s", path, strerror(errno));
		goto done;
	}
	job->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &job->trap, trap_error, drop_warning);
	job->info = job->png ? png_create_info_struct(job->png) : NULL;
	err = job->info ? decode_or_say(job, path, want, out) : c5_fail(C5_ENOMEM, "out of memory");
done:
	if (job->png) png_destroy_read_struct(&job->png, &job->info, NULL);
	if (job->file) fclose(job->file);
	free(job->rows);
	free(job->colours);
	free(job);
	return err;
}
