/* tiffout.c – see tiffout.h. Strips of some 256 KiB: small enough for a reader that wants a part, large enough to deflate well.
 * No predictor, so that readers without a decoder for it (NumPy and zlib alone) can still take the pixels. */
#include "image/tiffout.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tiffio.h>

#include "base/dtype.h"
#include "base/error.h"
#include "base/text.h"

#define STRIP 262144
#define LEVEL 4
#define CLASSIC_MOST (UINT64_C(4000) << 20) /* bytes of pixels that leave room for directories, and for strips that deflate makes longer */

struct c5_tiffout {
	TIFF *handle;
	char *path, *description;
	c5_tiffout_style style;
	uint32_t rows;       /* of a strip */
	void *strip;         /* libtiff may change what it is given */
	uint64_t pages;
};

static _Thread_local char libtiff_text[512];

static void note_error(const char *fmt, va_list ap) { vsnprintf(libtiff_text, sizeof libtiff_text, fmt, ap); }

#if TIFFLIB_VERSION >= 20221213
static int note_error_of(TIFF *handle, void *user, const char *module, const char *fmt, va_list ap)
{
	(void)handle;
	(void)user;
	(void)module;
	note_error(fmt, ap);
	return 1;
}

static TIFF *open_handle(const char *path, const char *mode)
{
	TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
	if (!options) return NULL;
	TIFFOpenOptionsSetErrorHandlerExtR(options, note_error_of, NULL);
	TIFF *handle = TIFFOpenExt(path, mode, options);
	TIFFOpenOptionsFree(options);
	return handle;
}
#else
static TIFF *open_handle(const char *path, const char *mode)
{
	(void)note_error;
	return TIFFOpen(path, mode); /* handlers of the process are the reader's, tiff.c */
}
#endif

static int refuse(const char *path)
{
	return c5_fail(C5_EIO, "%s: %s", path, libtiff_text[0] ? libtiff_text : errno ? strerror(errno) : "libtiff refuses to write");
}

int c5_tiffout_open(c5_tiffout **out, const char *path, const c5_tiffout_style *style)
{
	c5_tiffout *t = NULL;
	size_t line = style->width * c5_dtype_size(style->dtype);
	int err;
	if (!line || !style->height || style->dtype == C5_I64 || style->dtype == C5_U64)
		return c5_fail(C5_EFAIL, "%s: %u x %u pixels of %s cannot be a TIFF page", path, style->height, style->width, c5_dtype_name(style->dtype));
	if ((err = c5_alloc(&t, 1, sizeof *t)) < 0) return err;
	t->style = *style;
	t->style.description = NULL;
	t->rows = (uint32_t)(STRIP / line ? STRIP / line : 1);
	if (t->rows > style->height) t->rows = style->height;
	t->path = c5_strdup(path);
	t->description = c5_strdup(style->description);
	if (!t->path || (style->description && !t->description)) err = c5_fail(C5_ENOMEM, "out of memory");
	if (err == C5_OK) err = c5_alloc(&t->strip, t->rows, line);
	if (err == C5_OK) {
		libtiff_text[0] = '\0', errno = 0;
		bool big = style->big || line * style->height > CLASSIC_MOST / (style->pages ? style->pages : 1);
		if (!(t->handle = open_handle(path, big ? "w8" : "w"))) err = refuse(path);
	}
	if (err < 0) {
		c5_tiffout_close(t);
		return err;
	}
	*out = t;
	return C5_OK;
}

static bool set_tags(c5_tiffout *t)
{
	TIFF *h = t->handle;
	int dtype = t->style.dtype, bits = (int)c5_dtype_size(dtype) * 8;
	int format = dtype == C5_F32 || dtype == C5_F64 ? SAMPLEFORMAT_IEEEFP : dtype == C5_I8 || dtype == C5_I16 ||
		dtype == C5_I32 ? SAMPLEFORMAT_INT : SAMPLEFORMAT_UINT;
	bool good = TIFFSetField(h, TIFFTAG_IMAGEWIDTH, t->style.width) && TIFFSetField(h, TIFFTAG_IMAGELENGTH, t->style.height) &&
	            TIFFSetField(h, TIFFTAG_BITSPERSAMPLE, bits) && TIFFSetField(h, TIFFTAG_SAMPLESPERPIXEL, 1) &&
	            TIFFSetField(h, TIFFTAG_SAMPLEFORMAT, format) && TIFFSetField(h, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK) &&
	            TIFFSetField(h, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG) && TIFFSetField(h, TIFFTAG_ROWSPERSTRIP, t->rows) &&
	            TIFFSetField(h, TIFFTAG_COMPRESSION, COMPRESSION_ADOBE_DEFLATE) && TIFFSetField(h, TIFFTAG_ZIPQUALITY, LEVEL);
	if (good && t->pages == 0 && t->description) good = TIFFSetField(h, TIFFTAG_IMAGEDESCRIPTION, t->description);
	if (good && t->pages == 0) good = TIFFSetField(h, TIFFTAG_SOFTWARE, "cyto5");
	if (good && t->style.pixel_um > 0 && isfinite(t->style.pixel_um)) {
		float per_cm = (float)(1e4 / t->style.pixel_um);
		good = TIFFSetField(h, TIFFTAG_RESOLUTIONUNIT, RESUNIT_CENTIMETER) && TIFFSetField(h, TIFFTAG_XRESOLUTION, per_cm) &&
			TIFFSetField(h, TIFFTAG_YRESOLUTION, per_cm);
	}
	return good;
}

int c5_tiffout_page(c5_tiffout *t, const void *pixels)
{
	size_t line = t->style.width * c5_dtype_size(t->style.dtype);
	libtiff_text[0] = '\0', errno = 0;
	if (!set_tags(t)) return refuse(t->path);
	for (uint32_t y = 0, k = 0; y < t->style.height; y += t->rows, k++) {
		uint32_t rows = t->style.height - y < t->rows ? t->style.height - y : t->rows;
		memcpy(t->strip, (const char *)pixels + y * line, rows * line);
		if (TIFFWriteEncodedStrip(t->handle, k, t->strip, (tmsize_t)(rows * line)) < 0) return refuse(t->path);
	}
	if (!TIFFWriteDirectory(t->handle)) return refuse(t->path);
	t->pages++;
	return C5_OK;
}

int c5_tiffout_close(c5_tiffout *t)
{
	int err = C5_OK;
	if (!t) return C5_OK;
	if (t->handle) {
		libtiff_text[0] = '\0', errno = 0;
		if (t->pages && !TIFFFlush(t->handle)) err = refuse(t->path);
		TIFFClose(t->handle);
		if (err == C5_OK && libtiff_text[0]) err = refuse(t->path);
	}
	free(t->strip);
	free(t->description);
	free(t->path);
	free(t);
	return err;
}

/* ---- OME-XML ---- */

static void add_escaped(c5_buf *to, const char *s)
{
	while (*s) {
		int n = c5_utf8_length(s);
		if (n == 0) c5_text_add(to, "?");
		else if (*s == '&') c5_text_add(to, "&amp;");
		else if (*s == '<') c5_text_add(to, "&lt;");
		else if (*s == '>') c5_text_add(to, "&gt;");
		else if (*s == '"') c5_text_add(to, "&quot;");
		else if ((unsigned char)*s < 0x20) c5_text_add(to, " ");
		else c5_buf_put(to, s, (size_t)n);
		s += n ? n : 1;
	}
}

static void add_number(c5_buf *to, const char *name, double v, const char *unit)
{
	char text[C5_REAL_TEXT];
	if (!(v > 0 && isfinite(v))) return;
	c5_text_addf(to, " %s=\"%s\"", name, c5_text_real(text, v));
	if (unit) c5_text_addf(to, " %sUnit=\"%s\"", name, unit);
}

void c5_ome_text(c5_buf *to, const c5_ome_image *m)
{
	/* OME's names of types are NumPy's, save for reals. */
	const char *type = m->dtype == C5_F32 ? "float" : m->dtype == C5_F64 ? "double" : c5_dtype_name(m->dtype);
	c5_text_add(to, "<?xml version=\"1.0\" encoding=\"UTF-8\"?><OME xmlns=\"http://www.openmicroscopy.org/Schemas/OME/2016-06\" "
	                "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
	                "xsi:schemaLocation=\"http://www.openmicroscopy.org/Schemas/OME/2016-06 http://www.openmicroscopy.org/Schemas/OME/2016-06/ome.xsd\" "
	                "Creator=\"cyto5\">"
	                "<Image ID=\"Image:0\" Name=\"");
	add_escaped(to, m->name);
	c5_text_addf(to, "\"><Pixels ID=\"Pixels:0\" DimensionOrder=\"XYCZT\" Type=\"%s\" SizeX=\"%llu\" SizeY=\"%llu\" SizeC=\"%llu\" SizeZ=\"%llu\" "
		"SizeT=\"%llu\" BigEndian=\"%s\"", type, (unsigned long long)m->width, (unsigned long long)m->height, (unsigned long long)m->n_channels,
		(unsigned long long)m->planes, (unsigned long long)m->frames, *(const uint8_t *)&(uint16_t){ 1 } ? "false" : "true");
	add_number(to, "PhysicalSizeX", m->pixel_um, "\xc2\xb5m");
	add_number(to, "PhysicalSizeY", m->pixel_um, "\xc2\xb5m");
	add_number(to, "PhysicalSizeZ", m->z_step_um, "\xc2\xb5m");
	add_number(to, "TimeIncrement", m->frame_interval_s, "s");
	c5_text_add(to, ">");
	for (uint64_t c = 0; c < m->n_channels; c++) {
		c5_text_addf(to, "<Channel ID=\"Channel:0:%llu\" Name=\"", (unsigned long long)c);
		add_escaped(to, m->channels[c]);
		c5_text_add(to, "\" SamplesPerPixel=\"1\"");
		if (m->wavelengths_nm) add_number(to, "EmissionWavelength", m->wavelengths_nm[c], "nm");
		c5_text_add(to, "/>");
	}
	c5_text_addf(to, "<TiffData IFD=\"0\" PlaneCount=\"%llu\"/></Pixels></Image></OME>", (unsigned long long)(m->frames * m->planes * m->n_channels));
}
