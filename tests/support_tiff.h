/* support_tiff.h – what the image tests share: a folder of their own, made TIFF and PNG files whose every pixel is known, and scans of them.
 * Functions are static inline: each test program uses some. */
#ifndef C5_TESTS_SUPPORT_TIFF_H
#define C5_TESTS_SUPPORT_TIFF_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <ftw.h>
#include <png.h>
#include <sys/stat.h>
#include <tiffio.h>

#include "base/dtype.h"
#include "base/error.h"
#include "base/mem.h"
#include "image/source.h"

/* ---- a folder for the test program, gone at its end ---- */

static char test_folder[256];

static inline int make_test_folder(void **state)
{
	(void)state;
	const char *above = getenv("TMPDIR");
	snprintf(test_folder, sizeof test_folder, "%s/cyto5-test-XXXXXX", above ? above : "/tmp");
	return mkdtemp(test_folder) ? 0 : -1;
}

static inline int drop_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

static inline int drop_test_folder(void **state)
{
	(void)state;
	return nftw(test_folder, drop_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Path below the test folder, its folders made. Sixteen paths live at a time. */
static inline const char *at(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static inline const char *at(const char *fmt, ...)
{
	static char paths[16][1024];
	static unsigned turn;
	char *path = paths[turn++ % 16];
	int n = snprintf(path, 1024, "%s/", test_folder);
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(path + n, 1024 - (size_t)n, fmt, ap);
	va_end(ap);
	for (char *p = path + n; (p = strchr(p, '/')); *p++ = '/') {
		*p = '\0';
		mkdir(path, 0755);
	}
	return path;
}

static inline void write_bytes(const char *path, const void *data, size_t n)
{
	unlink(path); /* cutting a file short makes some file systems flush it */
	FILE *file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, n, file), n);
	assert_int_equal(fclose(file), 0);
}

static inline void write_text(const char *path, const char *text) { write_bytes(path, text, strlen(text)); }

static inline uint8_t *read_bytes(const char *path, size_t *n)
{
	FILE *file = fopen(path, "rb");
	assert_non_null(file);
	fseek(file, 0, SEEK_END);
	*n = (size_t)ftell(file);
	rewind(file);
	uint8_t *data = malloc(*n + 1);
	assert_int_equal(fread(data, 1, *n, file), *n);
	fclose(file);
	return data;
}

/* ---- known pixels ---- */

/* Puts the value of pixel (y, x) of sample `sample` of page `page` at `to`: uses the whole range of the type, and signs. */
static inline void known_pixel(int dtype, uint32_t page, uint32_t sample, uint32_t y, uint32_t x, void *to)
{
	uint32_t v = page * 2654435761u + sample * 40503u + y * 257u + x * 31u + (x * y) % 7u;
	uint8_t u8 = (uint8_t)v;
	uint16_t u16 = (uint16_t)(v * 3u);
	uint32_t u32 = v * 65599u;
	float f32 = (float)((double)(int32_t)u32 / 1024.0);
	double f64 = (double)(int32_t)u32 / 1048576.0 + x;
	switch (dtype) {
	case C5_U8: case C5_I8: memcpy(to, &u8, 1); break;
	case C5_U16: case C5_I16: memcpy(to, &u16, 2); break;
	case C5_U32: case C5_I32: memcpy(to, &u32, 4); break;
	case C5_F32: memcpy(to, &f32, 4); break;
	default: memcpy(to, &f64, 8); break;
	}
}

/* Plane of known pixels; caller frees. samples > 1: interleaved. */
static inline void *known_plane(int dtype, uint32_t page, uint32_t first_sample, uint32_t samples, uint32_t width, uint32_t height)
{
	size_t size = c5_dtype_size(dtype);
	char *plane = malloc((size_t)width * height * samples * size + 1);
	assert_non_null(plane);
	for (uint32_t y = 0; y < height; y++)
		for (uint32_t x = 0; x < width; x++)
			for (uint32_t s = 0; s < samples; s++)
				known_pixel(dtype, page, first_sample + s, y, x, plane + (((size_t)y * width + x) * samples + s) * size);
	return plane;
}

/* ---- made TIFF files ---- */

typedef struct made {
	uint32_t width, height;
	int dtype;
	uint32_t pages, first_page;  /* pages 0: 1; first_page: number its pixels are made of */
	uint16_t samples;            /* 0: 1 */
	uint16_t compression, predictor, photometric; /* 0: none, none, min-is-black (PHOTOMETRIC_MINISWHITE is said by white) */
	bool white, separate, alpha;
	uint32_t tile, rows;         /* 0: strips; all rows in one */
	const char *mode;            /* NULL: "w"; "wb" big-endian, "w8" BigTIFF, "w8b" */
	const char *description;     /* of the first page */
	double resolution;           /* pixels a unit, 0 not written */
	uint16_t unit;
	bool thumbnail_after_each, pyramid;
} made;

static inline void set_tags(TIFF *t, const made *m, uint32_t width, uint32_t height)
{
	static const uint16_t formats[] = { 0, 1, 1, 1, 2, 2, 2, 3, 3 };
	uint16_t samples = m->samples ? m->samples : 1;
	TIFFSetField(t, TIFFTAG_IMAGEWIDTH, width);
	TIFFSetField(t, TIFFTAG_IMAGELENGTH, height);
	TIFFSetField(t, TIFFTAG_BITSPERSAMPLE, (int)(8 * c5_dtype_size(m->dtype)));
	TIFFSetField(t, TIFFTAG_SAMPLEFORMAT, (int)formats[m->dtype]);
	TIFFSetField(t, TIFFTAG_SAMPLESPERPIXEL, (int)samples);
	TIFFSetField(t, TIFFTAG_PLANARCONFIG, m->separate ? PLANARCONFIG_SEPARATE : PLANARCONFIG_CONTIG);
	TIFFSetField(t, TIFFTAG_COMPRESSION, m->compression ? (int)m->compression : COMPRESSION_NONE);
	TIFFSetField(t, TIFFTAG_PHOTOMETRIC, m->white ? PHOTOMETRIC_MINISWHITE : m->photometric ? (int)m->photometric : PHOTOMETRIC_MINISBLACK);
	if (m->compression == COMPRESSION_JPEG && m->photometric == PHOTOMETRIC_YCBCR) TIFFSetField(t, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
	if (m->compression == COMPRESSION_JPEG) TIFFSetField(t, TIFFTAG_JPEGQUALITY, 98);
	uint16_t extra[16] = { m->alpha ? EXTRASAMPLE_UNASSALPHA : EXTRASAMPLE_UNSPECIFIED };
	uint16_t colours = m->photometric == PHOTOMETRIC_RGB || m->photometric == PHOTOMETRIC_YCBCR ? 3 : 1;
	if (samples > colours) TIFFSetField(t, TIFFTAG_EXTRASAMPLES, (int)(samples - colours), extra);
	if (m->predictor) TIFFSetField(t, TIFFTAG_PREDICTOR, (int)m->predictor);
	if (m->tile) {
		TIFFSetField(t, TIFFTAG_TILEWIDTH, m->tile);
		TIFFSetField(t, TIFFTAG_TILELENGTH, m->tile);
	} else {
		TIFFSetField(t, TIFFTAG_ROWSPERSTRIP, m->rows ? m->rows : height);
	}
}

/* pixels: (height, width, samples) interleaved. */
static inline void write_page(TIFF *t, const made *m, uint32_t width, uint32_t height, const char *pixels)
{
	uint32_t samples = m->samples ? m->samples : 1, planes = m->separate ? samples : 1, pixel = m->separate ? 1 : samples;
	size_t size = c5_dtype_size(m->dtype);
	uint32_t cw = m->tile ? m->tile : width, ch = m->tile ? m->tile : m->rows ? m->rows : height, number = 0;
	char *chunk = calloc((size_t)cw * ch, pixel * size);
	for (uint32_t p = 0; p < planes; p++)
		for (uint32_t y0 = 0; y0 < height; y0 += ch)
			for (uint32_t x0 = 0; x0 < width; x0 += cw, number++) {
				uint32_t rows = 0;
				memset(chunk, 0, (size_t)cw * ch * pixel * size);
				for (uint32_t y = y0; y < height && y < y0 + ch; y++, rows++)
					for (uint32_t x = x0; x < width && x < x0 + cw; x++)
						memcpy(chunk + ((size_t)(y - y0) * cw + x - x0) * pixel * size, pixels + (((size_t)y * width + x) * samples + p) * size, pixel * size);
				tmsize_t n = (tmsize_t)((size_t)cw * (m->tile ? ch : rows) * pixel * size);
				tmsize_t put = m->tile ? TIFFWriteEncodedTile(t, number, chunk, n) : TIFFWriteEncodedStrip(t, number, chunk, n);
				assert_true(put > 0);
			}
	free(chunk);
}

static inline void make_tiff(const char *path, made m)
{
	TIFFErrorHandler loud = TIFFSetWarningHandler(NULL); /* writing only: reading must be silent by itself */
	TIFF *t = TIFFOpen(path, m.mode ? m.mode : "w");
	assert_non_null(t);
	for (uint32_t i = 0; i < (m.pages ? m.pages : 1); i++) {
		char *pixels = known_plane(m.dtype, m.first_page + i, 0, m.samples ? m.samples : 1, m.width, m.height);
		uint64_t below[2] = { 0 };
		set_tags(t, &m, m.width, m.height);
		if (m.pyramid) TIFFSetField(t, TIFFTAG_SUBIFD, 2, below);
		if (!i && m.description) TIFFSetField(t, TIFFTAG_IMAGEDESCRIPTION, m.description);
		if (m.resolution > 0) {
			TIFFSetField(t, TIFFTAG_XRESOLUTION, m.resolution);
			TIFFSetField(t, TIFFTAG_YRESOLUTION, m.resolution);
			TIFFSetField(t, TIFFTAG_RESOLUTIONUNIT, (int)m.unit);
		}
		write_page(t, &m, m.width, m.height, pixels);
		assert_true(TIFFWriteDirectory(t));
		for (uint32_t k = 1; (m.pyramid && k < 3) || (m.thumbnail_after_each && k < 2); k++) {
			made small = m;
			small.tile = 0;
			small.rows = 0;
			set_tags(t, &small, m.width >> k, m.height >> k);
			TIFFSetField(t, TIFFTAG_SUBFILETYPE, FILETYPE_REDUCEDIMAGE);
			write_page(t, &small, m.width >> k, m.height >> k, pixels);
			assert_true(TIFFWriteDirectory(t));
		}
		free(pixels);
	}
	TIFFClose(t);
	TIFFSetWarningHandler(loud);
}

/* ---- TIFF files by hand, for what no library writes ---- */

typedef struct raw_tag { uint16_t tag, type; uint32_t count, value; } raw_tag; /* value: or the offset of the values */

static inline void put_uint(uint8_t *to, bool big, unsigned n, uint64_t v)
{
	for (unsigned i = 0; i < n; i++) to[big ? n - 1 - i : i] = (uint8_t)(v >> (8 * i));
}

static inline void raw_head(uint8_t *to, bool big, uint32_t first)
{
	memcpy(to, big ? "MM" : "II", 2);
	put_uint(to + 2, big, 2, 42);
	put_uint(to + 4, big, 4, first);
}

/* A classic directory of `n` tags; returns its size. */
static inline size_t raw_directory(uint8_t *to, bool big, const raw_tag *tags, size_t n, uint32_t next)
{
	put_uint(to, big, 2, n);
	for (size_t i = 0; i < n; i++) {
		uint8_t *e = to + 2 + 12 * i;
		put_uint(e, big, 2, tags[i].tag);
		put_uint(e + 2, big, 2, tags[i].type);
		put_uint(e + 4, big, 4, tags[i].count);
		memset(e + 8, 0, 4);
		put_uint(e + 8, big, tags[i].type == 3 && tags[i].count == 1 ? 2 : 4, tags[i].value);
	}
	put_uint(to + 2 + 12 * n, big, 4, next);
	return 6 + 12 * n;
}

/* 8 or 16-bit PNG; colour: PNG_COLOR_TYPE_...; sample values as known_pixel makes them. */
static inline void make_png(const char *path, uint32_t width, uint32_t height, int dtype, int colour, uint32_t page, bool interlaced)
{
	size_t size = c5_dtype_size(dtype);
	uint32_t samples = colour == PNG_COLOR_TYPE_RGB ? 3 : colour == PNG_COLOR_TYPE_RGBA ? 4 : colour == PNG_COLOR_TYPE_GRAY_ALPHA ? 2 : 1;
	uint8_t *pixels = known_plane(dtype, page, 0, samples, width, height);
	png_color palette[256] = { { 1, 2, 3 } };
	FILE *file = fopen(path, "wb");
	assert_non_null(file);
	png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
	png_infop info = png_create_info_struct(png);
	png_bytep *rows = calloc(height, sizeof *rows);
	for (uint32_t y = 0; y < height; y++) rows[y] = pixels + (size_t)y * width * samples * size;
	png_init_io(png, file);
	png_set_IHDR(png, info, width, height, (int)(8 * size), colour, interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, 0, 0);
	if (colour == PNG_COLOR_TYPE_PALETTE) png_set_PLTE(png, info, palette, 256);
	png_write_info(png, info);
	if (size == 2) png_set_swap(png);
	png_write_image(png, rows);
	png_write_end(png, NULL);
	png_destroy_write_struct(&png, &info);
	fclose(file);
	free(rows);
	free(pixels);
}

/* ---- scans ---- */

/* Defaults as the table has them; options as "name", "value" pairs up to NULL. */
static inline c5_scan_params settings(const char *name, ...)
{
	c5_scan_params p = { 0 };
	va_list ap;
	assert_int_equal(c5_opt_defaults(c5_scan_opts, &p), C5_OK);
	va_start(ap, name);
	for (; name; name = va_arg(ap, const char *)) assert_int_equal(c5_opt_set(c5_scan_opts, &p, name, va_arg(ap, const char *)), C5_OK);
	va_end(ap);
	return p;
}

static inline void drop_settings(c5_scan_params *p) { c5_opt_clear(c5_scan_opts, p); }

/* A scan that must succeed. */
static inline c5_scan *scan_of(const c5_scan_params *p, const char *input)
{
	c5_scan *scan;
	int err = c5_scan_inputs(&scan, p, input ? 1 : 0, &input);
	if (err < 0) fail_msg("%s", c5_error_last());
	return scan;
}

/* A scan that must fail with `code`, its one line holding every one of the words (NULL-ended). */
static inline void refuses(const c5_scan_params *p, const char *input, int code, ...)
{
	c5_scan *scan = NULL;
	va_list ap;
	const char *word;
	c5_error_clear();
	int err = c5_scan_inputs(&scan, p, 1, &input);
	if (err != code) fail_msg("%s: code %d, %d expected: %s", input, err, code, c5_error_last());
	assert_null(scan);
	va_start(ap, code);
	while ((word = va_arg(ap, const char *)))
		if (!strstr(c5_error_last(), word)) fail_msg("'%s' not in: %s", word, c5_error_last());
	va_end(ap);
	assert_null(strchr(c5_error_last(), '\n'));
}

static inline const c5_series *series_called(const c5_scan *scan, const char *experiment, const char *channel)
{
	for (size_t i = 0; i < scan->n_series; i++)
		if (!strcmp(scan->series[i].experiment, experiment) && !strcmp(scan->series[i].channel, channel)) return &scan->series[i];
	fail_msg("no series %s/%s; the first of %zu is %s/%s", experiment, channel, scan->n_series, scan->series[0].experiment, scan->series[0].channel);
	return NULL;
}

/* Reads frame t, plane z and compares every pixel with sample `sample` of known page `page`. */
static inline void check_frame(const c5_scan *scan, const c5_scan_params *p, const c5_series *s, uint32_t t, uint32_t z, uint32_t page,
	uint32_t sample)
{
	c5_frame_reader *reader;
	size_t n = (size_t)s->width * s->height, size = c5_dtype_size(s->dtype);
	char *got = malloc(n * size), *want = known_plane(s->dtype, page, sample, 1, s->width, s->height);
	if (s->error) fail_msg("%s", s->error);
	memset(got, 0xa5, n * size);
	assert_int_equal(c5_frame_reader_open(&reader, scan, p), C5_OK);
	if (c5_frame_read(reader, s, t, z, got) < 0) fail_msg("%s", c5_error_last());
	for (size_t i = 0; i < n; i++)
		if (memcmp(got + i * size, want + i * size, size))
			fail_msg("%s/%s frame %u plane %u: pixel (%zu, %zu) differs from page %u sample %u", s->experiment, s->channel, t, z, i / s->width, i % s->width,
				page, sample);
	c5_frame_reader_close(reader);
	free(got);
	free(want);
}

#endif
