/* tiff.c – see tiff.h. Files are not mapped into memory: a mapped file that another machine truncates kills the process. A small file is read
 * whole, in one call instead of two a strip, and handed to libtiff as if it were mapped. Native-order strips of one sample decode in place;
 * tiles and interleaved samples go through one chunk-sized buffer. */
#include "image/tiff.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>
#include <sys/stat.h>
#include <tiffio.h>
#include <unistd.h>

#include "base/dtype.h"
#include "base/error.h"
#include "base/mem.h"
#include "image/probe.h"

#define WHOLE_MAX (16u << 20) /* larger files are read part by part */

struct c5_tiff {
	TIFF *handle;
	int fd;
	char *path;
	uint64_t size, at; /* of the file; where libtiff reads next */
	char *whole;       /* the file's bytes, where it is small */
	size_t whole_cap;
	uint64_t ifd;     /* directory libtiff stands on; 0 none yet */
	bool differences; /* its pixels are stored as differences from their left neighbours, and libtiff was told to leave them so */
	void *buffer;     /* one tile, or one strip of interleaved samples */
	uint64_t buffer_size;
};

/* The present directory as libtiff sees it. */
struct shape {
	uint32_t width, height, chunk_width, chunk_height;
	uint16_t samples, planar, photometric;
	bool tiled;
	int dtype;
};

static _Thread_local char libtiff_text[512]; /* of the last error on this thread */

static void note_error(const char *module, const char *fmt, va_list ap)
{
	(void)module;
	vsnprintf(libtiff_text, sizeof libtiff_text, fmt, ap);
}

/* ---- the file, as libtiff asks for it ---- */

static tmsize_t read_part(thandle_t user, void *to, tmsize_t n)
{
	c5_tiff *t = user;
	tmsize_t got = 0;
	while (got < n) {
		ssize_t part = pread(t->fd, (char *)to + got, (size_t)(n - got), (off_t)t->at);
		if (part < 0 && errno == EINTR) continue;
		if (part <= 0) break;
		got += part, t->at += (uint64_t)part;
	}
	return got;
}

static tmsize_t write_nothing(thandle_t user, void *from, tmsize_t n)
{
	(void)user, (void)from, (void)n;
	return -1;
}

static toff_t seek_to(thandle_t user, toff_t to, int from)
{
	c5_tiff *t = user;
	return t->at = to + (from == SEEK_CUR ? t->at : from == SEEK_END ? t->size : 0);
}

static int close_nothing(thandle_t user)
{
	(void)user;
	return 0;
}

static toff_t size_of(thandle_t user) { return ((c5_tiff *)user)->size; }

static int read_whole(thandle_t user, void **base, toff_t *size)
{
	c5_tiff *t = user;
	if (t->size > WHOLE_MAX || c5_grow(&t->whole, &t->whole_cap, (size_t)t->size, 1) < 0) return 0;
	t->at = 0;
	bool all = read_part(t, t->whole, (tmsize_t)t->size) == (tmsize_t)t->size;
	t->at = 0;
	*base = t->whole;
	*size = t->size;
	return all;
}

static void unmap_nothing(thandle_t user, void *base, toff_t size) { (void)user, (void)base, (void)size; }

/* libtiff 4.5 has handlers of one file; before, there is one for the process. */
#if TIFFLIB_VERSION >= 20221213
static int note_error_of(TIFF *handle, void *user, const char *module, const char *fmt, va_list ap)
{
	(void)handle;
	(void)user;
	note_error(module, fmt, ap);
	return 1;
}

static int drop_warning(TIFF *handle, void *user, const char *module, const char *fmt, va_list ap)
{
	(void)handle;
	(void)user;
	(void)module;
	(void)fmt;
	(void)ap;
	return 1;
}

static TIFF *open_handle(c5_tiff *t)
{
	TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
	if (!options) return NULL;
	TIFFOpenOptionsSetErrorHandlerExtR(options, note_error_of, NULL);
	TIFFOpenOptionsSetWarningHandlerExtR(options, drop_warning, NULL);
	TIFF *handle = TIFFClientOpenExt(t->path, "rhM", t, read_part, write_nothing, seek_to, close_nothing, size_of, read_whole, unmap_nothing, options);
	TIFFOpenOptionsFree(options);
	return handle;
}
#else
static void set_handlers(void)
{
	TIFFSetErrorHandler(note_error);
	TIFFSetWarningHandler(NULL);
}

static TIFF *open_handle(c5_tiff *t)
{
	static once_flag once = ONCE_FLAG_INIT;
	call_once(&once, set_handlers);
	return TIFFClientOpen(t->path, "rhM", t, read_part, write_nothing, seek_to, close_nothing, size_of, read_whole, unmap_nothing);
}
#endif

int c5_colour_named(const char *name)
{
	static const char *const names[] = { "red", "green", "blue", "luminance" };
	for (int i = 0; name && i < 4; i++)
		if (!strcmp(name, names[i])) return C5_COLOUR_RED + i;
	return C5_COLOUR_NONE;
}

static void leave_file(c5_tiff *t)
{
	if (t->handle) TIFFClose(t->handle);
	if (t->fd >= 0) close(t->fd);
	free(t->path);
	t->handle = NULL;
	t->fd = -1;
	t->path = NULL;
	t->ifd = t->at = 0;
}

int c5_tiff_open(c5_tiff **tiff, const char *path)
{
	c5_tiff *t = *tiff;
	struct stat st;
	int err;
	if (t) leave_file(t);
	else if ((err = c5_alloc(&t, 1, sizeof *t)) < 0) return err;
	*tiff = t;
	t->fd = -1;
	if (!(t->path = c5_strdup(path))) return c5_fail(C5_ENOMEM, "out of memory");
	if ((t->fd = open(path, O_RDONLY | O_CLOEXEC)) < 0 || fstat(t->fd, &st) < 0)
		return c5_fail(C5_EINPUT, "%s: cannot be opened: %s", path, strerror(errno));
	t->size = (uint64_t)st.st_size;
	libtiff_text[0] = '\0';
	if (!(t->handle = open_handle(t)))
		return c5_fail(C5_EINPUT, "%s: cannot be opened as TIFF: %s", path, *libtiff_text ? libtiff_text : "no reason given");
	return C5_OK;
}

void c5_tiff_close(c5_tiff *tiff)
{
	if (!tiff) return;
	leave_file(tiff);
	free(tiff->whole);
	free(tiff->buffer);
	free(tiff);
}

static int undecodable(const c5_tiff *t, const char *what)
{
	return c5_fail(C5_EINPUT, "%s: the image at byte %llu cannot be decoded: %s; copy the file again", t->path, (unsigned long long)t->ifd,
		*libtiff_text ? libtiff_text : what);
}

static int dtype_of(TIFF *handle)
{
	static const uint8_t types[3][3] = { { C5_U8, C5_U16, C5_U32 }, { C5_I8, C5_I16, C5_I32 }, { 0, 0, C5_F32 } };
	uint16_t bits = 1, format = SAMPLEFORMAT_UINT;
	TIFFGetFieldDefaulted(handle, TIFFTAG_BITSPERSAMPLE, &bits);
	TIFFGetFieldDefaulted(handle, TIFFTAG_SAMPLEFORMAT, &format);
	if (format == SAMPLEFORMAT_VOID) format = SAMPLEFORMAT_UINT;
	if (format == SAMPLEFORMAT_IEEEFP && bits == 64) return C5_F64;
	if (format < 1 || format > 3 || (bits != 8 && bits != 16 && bits != 32)) return 0;
	return types[format - 1][bits / 16];
}

/* libtiff adds differences up in memory, each waiting for the one before; add_up keeps the sum at hand, in a third of the time. */
static bool takes_differences(TIFF *handle, int dtype)
{
	uint16_t compression = COMPRESSION_NONE, predictor = PREDICTOR_NONE;
	TIFFGetFieldDefaulted(handle, TIFFTAG_COMPRESSION, &compression);
	if (compression != COMPRESSION_ADOBE_DEFLATE && compression != COMPRESSION_DEFLATE && compression != COMPRESSION_LZW) return false;
	if (!dtype || c5_dtype_size(dtype) > 4 || !TIFFGetFieldDefaulted(handle, TIFFTAG_PREDICTOR, &predictor) || predictor != PREDICTOR_HORIZONTAL)
		return false;
	return TIFFSetField(handle, TIFFTAG_PREDICTOR, PREDICTOR_NONE) == 1;
}

/* Goes to the directory at `ifd` and makes sure that it is what the scan found. */
static int go_to(c5_tiff *t, uint64_t ifd, const c5_want *want, struct shape *s)
{
	uint16_t compression = COMPRESSION_NONE;
	uint32_t rows = UINT32_MAX;
	libtiff_text[0] = '\0';
	if (t->ifd != ifd) {
		t->ifd = ifd;
		if (!TIFFSetSubDirectory(t->handle, ifd)) {
			int err = undecodable(t, "no image directory there");
			t->ifd = 0;
			return err;
		}
		t->differences = takes_differences(t->handle, dtype_of(t->handle));
	}
	memset(s, 0, sizeof *s);
	s->photometric = PHOTOMETRIC_MINISBLACK;
	TIFFGetField(t->handle, TIFFTAG_IMAGEWIDTH, &s->width);
	TIFFGetField(t->handle, TIFFTAG_IMAGELENGTH, &s->height);
	TIFFGetFieldDefaulted(t->handle, TIFFTAG_SAMPLESPERPIXEL, &s->samples);
	TIFFGetFieldDefaulted(t->handle, TIFFTAG_PLANARCONFIG, &s->planar);
	TIFFGetField(t->handle, TIFFTAG_PHOTOMETRIC, &s->photometric);
	TIFFGetFieldDefaulted(t->handle, TIFFTAG_COMPRESSION, &compression);
	s->dtype = dtype_of(t->handle);
	s->tiled = TIFFIsTiled(t->handle);
	if (s->tiled) {
		TIFFGetField(t->handle, TIFFTAG_TILEWIDTH, &s->chunk_width);
		TIFFGetField(t->handle, TIFFTAG_TILELENGTH, &s->chunk_height);
	} else {
		TIFFGetFieldDefaulted(t->handle, TIFFTAG_ROWSPERSTRIP, &rows);
		s->chunk_width = s->width;
		s->chunk_height = rows < s->height ? rows : s->height;
	}
	if (compression == COMPRESSION_JPEG && s->photometric == PHOTOMETRIC_YCBCR) {
		TIFFSetField(t->handle, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
		s->photometric = PHOTOMETRIC_RGB;
	}
	if (s->width != want->width || s->height != want->height || s->dtype != want->dtype || !s->chunk_width || !s->chunk_height || !s->samples)
		return c5_fail(C5_EINPUT, "%s: the image at byte %llu is %u x %u %s, %u x %u %s expected: the file changed since it was scanned", t->path,
			(unsigned long long)ifd, s->width, s->height, c5_dtype_name(s->dtype), want->width, want->height, c5_dtype_name(want->dtype));
	if (s->photometric == PHOTOMETRIC_RGB ? want->colour == C5_COLOUR_NONE || s->samples < 3 : want->sample >= s->samples)
		return c5_fail(C5_EINPUT, "%s: the image at byte %llu has %u samples a pixel; %s", t->path, (unsigned long long)ifd, s->samples,
			s->photometric == PHOTOMETRIC_RGB ? "name the plane to read with --plane red|green|blue|luminance" : "the file changed since it was scanned");
	return C5_OK;
}

static double value_at(int dtype, const char *p)
{
	union { uint8_t u8; uint16_t u16; uint32_t u32; int8_t i8; int16_t i16; int32_t i32; float f32; double f64; } v;
	memcpy(&v, p, c5_dtype_size(dtype));
	switch (dtype) {
	case C5_U8: return v.u8;
	case C5_U16: return v.u16;
	case C5_U32: return v.u32;
	case C5_I8: return v.i8;
	case C5_I16: return v.i16;
	case C5_I32: return v.i32;
	case C5_F32: return (double)v.f32;
	default: return v.f64;
	}
}

void c5_pixels_take(int dtype, const void *from, uint32_t samples, const c5_want *want, uint64_t n, void *to)
{
	size_t size = c5_dtype_size(dtype), pixel = size * samples;
	const char *p = from;
	char *q = to;
	if (want->colour != C5_COLOUR_LUMINANCE) {
		p += size * (want->colour ? (uint32_t)(want->colour - C5_COLOUR_RED) : want->sample);
		switch (size) { /* constant sizes let the compiler move registers */
		case 1: for (uint64_t i = 0; i < n; i++, p += pixel) q[i] = *p; return;
		case 2: for (uint64_t i = 0; i < n; i++, p += pixel) memcpy(q + 2 * i, p, 2); return;
		case 4: for (uint64_t i = 0; i < n; i++, p += pixel) memcpy(q + 4 * i, p, 4); return;
		default: for (uint64_t i = 0; i < n; i++, p += pixel) memcpy(q + 8 * i, p, 8); return;
		}
	}
	for (uint64_t i = 0; i < n; i++, p += pixel, q += size) {
		double v = 0.2125 * value_at(dtype, p) + 0.7154 * value_at(dtype, p + size) + 0.0721 * value_at(dtype, p + 2 * size);
		union { uint8_t u8; uint16_t u16; uint32_t u32; int8_t i8; int16_t i16; int32_t i32; float f32; double f64; } r;
		switch (dtype) {
		case C5_U8: r.u8 = (uint8_t)(v + 0.5); break;
		case C5_U16: r.u16 = (uint16_t)(v + 0.5); break;
		case C5_U32: r.u32 = (uint32_t)(v + 0.5); break;
		case C5_I8: r.i8 = (int8_t)floor(v + 0.5); break;
		case C5_I16: r.i16 = (int16_t)floor(v + 0.5); break;
		case C5_I32: r.i32 = (int32_t)floor(v + 0.5); break;
		case C5_F32: r.f32 = (float)v; break;
		default: r.f64 = v; break;
		}
		memcpy(q, &r, size);
	}
}

static void turn_white(int dtype, void *pixels, uint64_t n)
{
	if (dtype == C5_F32) {
		for (float *p = pixels, *end = p + n; p < end; p++) *p = -*p;
	} else if (dtype == C5_F64) {
		for (double *p = pixels, *end = p + n; p < end; p++) *p = -*p;
	} else {
		n *= c5_dtype_size(dtype);
		for (uint8_t *p = pixels, *end = p + n; p < end; p++) *p = (uint8_t)~*p; /* max - v for unsigned, -1 - v for signed */
	}
}

static int read_plain(c5_tiff *t, uint64_t at, const c5_want *want, void *out)
{
	uint64_t n = (uint64_t)want->width * want->height;
	int err = c5_file_read_at(t->path, t->fd, out, n * c5_dtype_size(want->dtype), at);
	if (err < 0) return err;
	if (TIFFIsByteSwapped(t->handle)) {
		switch (c5_dtype_size(want->dtype)) {
		case 2: for (uint16_t *p = out, *end = p + n; p < end; p++) *p = __builtin_bswap16(*p); break;
		case 4: for (uint32_t *p = out, *end = p + n; p < end; p++) *p = __builtin_bswap32(*p); break;
		case 8: for (uint64_t *p = out, *end = p + n; p < end; p++) *p = __builtin_bswap64(*p); break;
		default: break;
		}
	}
	return C5_OK;
}

/* Two rows at a time: each sum waits for the one before it in its row, and the other row's fills the wait. */
#define ADD_UP(type) \
	for (type *row = to; rows; row += n * (rows > 1 ? 2 : 1), rows -= rows > 1 ? 2 : 1) { \
		type sum = 0, sum2 = 0, *row2 = row + n; \
		if (samples == 1 && rows > 1) \
			for (size_t i = 0; i < n; i++) row[i] = sum = (type)(sum + row[i]), row2[i] = sum2 = (type)(sum2 + row2[i]); \
		else \
			for (uint64_t k = 0; k < (rows > 1 ? 2u : 1u); k++) \
				for (size_t i = samples; i < n; i++) row[k * n + i] = (type)(row[k * n + i] + row[k * n + i - samples]); \
	}

/* Rows of n values of `size` bytes, differences to what lies `samples` before them, become the values. Unsigned: they wrap as the writer's did. */
static void add_up(void *to, uint64_t rows, size_t n, size_t samples, size_t size)
{
	switch (size) {
	case 1: ADD_UP(uint8_t) break;
	case 2: ADD_UP(uint16_t) break;
	default: ADD_UP(uint32_t) break;
	}
}

/* Decodes chunk `number`, of which `bytes` are wanted, into `to`. */
static int decode_chunk(c5_tiff *t, const struct shape *s, uint32_t number, uint64_t bytes, void *to)
{
	tmsize_t got = s->tiled ? TIFFReadEncodedTile(t->handle, number, to, (tmsize_t)bytes) : TIFFReadEncodedStrip(t->handle, number, to, (tmsize_t)bytes);
	if (got != (tmsize_t)bytes) return undecodable(t, "its data end early");
	if (t->differences) {
		size_t samples = s->planar == PLANARCONFIG_SEPARATE ? 1 : s->samples, n = (size_t)s->chunk_width * samples, size = c5_dtype_size(s->dtype);
		add_up(to, bytes / (n * size), n, samples, size);
	}
	return C5_OK;
}

/* Strips of one sample each lie in the plane as they are decoded. */
static int read_strips(c5_tiff *t, const struct shape *s, uint32_t sample, uint64_t size, char *out)
{
	uint32_t per_sample = (s->height - 1) / s->chunk_height + 1;
	uint64_t row = s->width * size;
	int err = C5_OK;
	for (uint32_t i = 0; i < per_sample && !err; i++) {
		uint32_t y = i * s->chunk_height, rows = s->height - y < s->chunk_height ? s->height - y : s->chunk_height;
		err = decode_chunk(t, s, sample * per_sample + i, rows * row, out + y * row);
	}
	return err;
}

/* Tiles, and pixels of several samples: each chunk decoded aside, then its part of the plane copied. For luminance of separate planes the three
 * chunks of one place are brought together first. */
static int read_chunks(c5_tiff *t, const struct shape *s, const c5_want *want, uint64_t size, char *out)
{
	bool separate = s->planar == PLANARCONFIG_SEPARATE;
	uint32_t across = (s->width - 1) / s->chunk_width + 1, down = (s->height - 1) / s->chunk_height + 1, pixel = separate ? 1 : s->samples;
	bool merge = separate && want->colour == C5_COLOUR_LUMINANCE;
	uint64_t pixels = (uint64_t)s->chunk_width * s->chunk_height, chunk, need;
	c5_want take = *want;
	int err;
	if (__builtin_mul_overflow(pixels, size * pixel, &chunk) || __builtin_mul_overflow(chunk, merge ? 6 : 1, &need) || need > C5_PLANE_MAX * 4
		|| (uint64_t)(s->tiled ? TIFFTileSize(t->handle) : TIFFStripSize(t->handle)) != chunk)
		return undecodable(t, "the sizes of its parts do not agree");
	if (need > t->buffer_size) {
		free(t->buffer);
		t->buffer = NULL;
		t->buffer_size = 0;
		if ((err = c5_alloc_aligned(&t->buffer, need, 1)) < 0) return err;
		t->buffer_size = need;
	}
	uint32_t first = !separate ? 0 : merge ? 0 : want->colour ? (uint32_t)(want->colour - C5_COLOUR_RED) : want->sample;
	if (separate && !merge) {
		take.colour = C5_COLOUR_NONE;
		take.sample = 0;
	}
	for (uint32_t j = 0; j < down; j++) {
		uint32_t y = j * s->chunk_height, rows = s->height - y < s->chunk_height ? s->height - y : s->chunk_height;
		for (uint32_t i = 0; i < across; i++) {
			uint32_t x = i * s->chunk_width, columns = s->width - x < s->chunk_width ? s->width - x : s->chunk_width;
			uint64_t bytes = s->tiled ? chunk : (uint64_t)rows * s->width * size * pixel;
			char *from = t->buffer;
			for (uint32_t k = 0; k < (merge ? 3u : 1u); k++)
				if ((err = decode_chunk(t, s, ((first + k) * down + j) * across + i, bytes, from + k * chunk)) < 0) return err;
			if (merge) {
				char *joined = from + 3 * chunk;
				for (uint64_t p = 0; p < pixels; p++)
					for (uint32_t k = 0; k < 3; k++) memcpy(joined + (3 * p + k) * size, from + k * chunk + p * size, size);
				from = joined;
			}
			uint32_t stride = merge ? 3 : pixel;
			for (uint32_t r = 0; r < rows; r++) {
				const char *line = from + (uint64_t)r * s->chunk_width * stride * size;
				char *to = out + ((uint64_t)(y + r) * s->width + x) * size;
				if (stride == 1) memcpy(to, line, columns * size);
				else c5_pixels_take(want->dtype, line, stride, &take, columns, to);
			}
		}
	}
	return C5_OK;
}

int c5_tiff_read(c5_tiff *tiff, uint64_t ifd, uint64_t data_offset, const c5_want *want, void *out)
{
	struct shape s;
	uint64_t size = c5_dtype_size(want->dtype);
	int err = go_to(tiff, ifd, want, &s);
	if (err < 0) return err;
	if (data_offset) err = read_plain(tiff, data_offset, want, out);
	else if (!s.tiled && s.samples == 1) err = read_strips(tiff, &s, 0, size, out);
	else if (!s.tiled && s.planar == PLANARCONFIG_SEPARATE && want->colour != C5_COLOUR_LUMINANCE)
		err = read_strips(tiff, &s, s.photometric == PHOTOMETRIC_RGB ? (uint32_t)(want->colour - C5_COLOUR_RED) : want->sample, size, out);
	else {
		c5_want take = *want;
		if (s.photometric != PHOTOMETRIC_RGB) take.colour = C5_COLOUR_NONE; /* --plane says nothing about grey pages */
		err = read_chunks(tiff, &s, &take, size, out);
	}
	if (!err && s.photometric == PHOTOMETRIC_MINISWHITE) turn_white(want->dtype, out, (uint64_t)want->width * want->height);
	return err;
}
