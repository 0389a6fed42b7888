/* jpegin.c – see jpegin.h. libjpeg's errors jump back here and become the text of ours. */
#include "image/jpegin.h"

#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include "base/dtype.h"
#include "base/error.h"
#include "base/mem.h"
#include "image/probe.h"

bool c5_jpeg_is(const char *path)
{
	unsigned char head[3] = { 0 };
	FILE *f = fopen(path, "rbe");
	bool is = f && fread(head, 1, 3, f) == 3 && head[0] == 0xff && head[1] == 0xd8 && head[2] == 0xff;
	if (f) fclose(f);
	return is;
}

/* What must be freed after the long jump too. */
struct job {
	struct jpeg_decompress_struct jpeg;
	struct jpeg_error_mgr manager;
	jmp_buf back;
	char text[JMSG_LENGTH_MAX];
	bool open, damaged;
	FILE *file;
	uint8_t *row;      /* (width, components) */
};

static void jump(j_common_ptr jpeg)
{
	struct job *job = jpeg->client_data;
	jpeg->err->format_message(jpeg, job->text);
	longjmp(job->back, 1);
}

/* libjpeg warns of damaged data, and fills up with grey. */
static void note(j_common_ptr jpeg, int level)
{
	struct job *job = jpeg->client_data;
	if (level >= 0 || job->damaged) return;
	jpeg->err->format_message(jpeg, job->text);
	job->damaged = true;
}

static void close_job(struct job *job)
{
	if (job->open) jpeg_destroy_decompress(&job->jpeg);
	if (job->file) fclose(job->file);
	free(job->row);
	free(job);
}

static int open_job(struct job **out, const char *path)
{
	struct job *job;
	int err = c5_alloc(out, 1, sizeof **out);
	if (err < 0) return err;
	job = *out;
	if (!(job->file = fopen(path, "rbe"))) return c5_fail(C5_EINPUT, "%s: cannot open: %s", path, strerror(errno));
	job->jpeg.err = jpeg_std_error(&job->manager);
	job->manager.error_exit = jump;
	job->manager.emit_message = note;
	job->jpeg.client_data = job;
	return C5_OK;
}

static void read_header(struct job *job)
{
	jpeg_create_decompress(&job->jpeg);
	job->open = true;
	jpeg_stdio_src(&job->jpeg, job->file);
	jpeg_read_header(&job->jpeg, TRUE);
}

/* Locals are lost in a jump: there are none. */
static int header_or_say(struct job *job, const char *path)
{
	if (setjmp(job->back)) return c5_fail(C5_EINPUT, "%s: no JPEG that can be read: %s; copy the file again", path, job->text);
	read_header(job);
	return C5_OK;
}

int c5_probe_jpeg(c5_probe *probe, const char *path)
{
	struct job *job = NULL;
	int err = open_job(&job, path);
	if (err == C5_OK) err = header_or_say(job, path);
	if (err == C5_OK) err = c5_alloc(&probe->pages, 1, sizeof *probe->pages);
	if (err == C5_OK) {
		c5_page *page = probe->pages;
		probe->n_pages = 1;
		page->width = job->jpeg.image_width;
		page->height = job->jpeg.image_height;
		page->dtype = C5_U8;
		page->rgb = job->jpeg.num_components >= 3;
		page->samples = page->rgb ? 3 : 1;
		err = job->jpeg.num_components == 4 ? c5_page_refuse(page, c5_format("%s: a JPEG of four inks, grey or RGB expected; convert it", path))
		                                    : c5_page_check_size(page, path, 0, probe->size, 1100);
	}
	if (job) close_job(job);
	return err;
}

static int decode(struct job *job, const char *path, const c5_want *want, uint8_t *out)
{
	struct jpeg_decompress_struct *j = &job->jpeg;
	read_header(job);
	bool rgb = j->num_components >= 3;
	if (j->image_width != want->width || j->image_height != want->height || want->dtype != C5_U8)
		return c5_fail(C5_EINPUT, "%s: %u x %u pixels, %u x %u of 8 bits expected: the file changed since it was scanned", path, j->image_width,
			j->image_height, want->width, want->height);
	if (rgb && !want->colour) return c5_fail(C5_EINPUT, "%s: an RGB image; name the plane to read with --plane red|green|blue|luminance", path);
	j->out_color_space = rgb ? JCS_RGB : JCS_GRAYSCALE;
	j->dct_method = JDCT_ISLOW; /* the same on every processor */
	jpeg_start_decompress(j);
	size_t width = want->width;
	int err = c5_alloc(&job->row, width, (size_t)j->output_components);
	while (err == C5_OK && j->output_scanline < j->output_height) {
		uint8_t *to = out + j->output_scanline * width;
		JSAMPROW row = job->row;
		jpeg_read_scanlines(j, &row, 1);
		if (rgb) c5_pixels_take(C5_U8, job->row, 3, want, width, to);
		else memcpy(to, job->row, width);
	}
	if (err < 0) return err;
	jpeg_finish_decompress(j);
	return job->damaged ? c5_fail(C5_EINPUT, "%s: damaged: %s; copy the file again", path, job->text) : C5_OK;
}

static int decode_or_say(struct job *job, const char *path, const c5_want *want, uint8_t *out)
{
	if (setjmp(job->back)) return c5_fail(C5_EINPUT, "%s: cannot be decoded: %s; copy the file again", path, job->text);
	return decode(job, path, want, out);
}

int c5_jpeg_read(const char *path, const c5_want *want, void *out)
{
	struct job *job = NULL;
	int err = open_job(&job, path);
	if (err == C5_OK) err = decode_or_say(job, path, want, out);
	if (job) close_job(job);
	return err;
}
