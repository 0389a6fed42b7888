/* ifd.c – walks the image directories of a TIFF or BigTIFF of either byte order; the TIFF half of probe.h.
 *
 * Reads what is needed to know the size, the type and the place of every page, and to say why a page cannot be read. Directories under tag 330
 * (SubIFDs: pyramid levels) are not in the main chain and so never taken for planes. Every number from the file is checked against the file's size
 * before use. */
#include "image/probe.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <tiffio.h>

#include "base/dtype.h"
#include "base/error.h"
#include "base/mem.h"

#define WINDOW 8192       /* bytes read at a time: a directory and its short arrays are close together */
#define DESCRIPTION_MAX (UINT64_C(256) << 20)
#define SAMPLES_MAX 4096  /* of one pixel */
#define NIKON_FIRST 65325 /* private tags of NIS-Elements */
#define NIKON_UM 65326
#define ENTRIES_MAX 65535 /* of one directory */

struct walk {
	const char *path;
	int fd;
	uint64_t size;
	bool swap, big;
	uint64_t at;  /* where the window lies */
	uint64_t held;
	uint8_t window[WINDOW];
};

struct entry { uint16_t tag, type; uint64_t count, at; }; /* at: of its values */

/* What is noted of a directory while its entries go by. */
struct notes {
	uint32_t width, height, tile_width, tile_height, rows_per_strip, subfile;
	uint16_t bits, compression, photometric, samples, planar, format, unit, extra_first;
	uint64_t extra;
	bool bits_differ, tiled;
	struct entry offsets, counts, description, x_resolution, nikon[2];
};

/* Compressions libtiff decodes for us, the most one stored byte can decode to; 0: known by name, but not read. */
static const struct codec { uint16_t code; const char *name; uint32_t ratio; } codecs[] = {
	{ 1, "none", 1 }, { 5, "LZW", 4096 }, { 7, "JPEG", 4096 }, { 8, "deflate", 1100 }, { 32946, "deflate", 1100 }, { 32773, "PackBits", 130 },
	{ 34925, "LZMA", 20000 }, { 50000, "ZSTD", 70000 }, { 2, "CCITT", 0 }, { 3, "CCITT fax 3", 0 }, { 4, "CCITT fax 4", 0 }, { 6, "old-style JPEG", 0 },
	{ 32809, "ThunderScan", 0 }, { 33003, "JPEG 2000", 0 }, { 33005, "JPEG 2000", 0 }, { 34712, "JPEG 2000", 0 }, { 34887, "LERC", 0 },
	{ 34892, "lossy JPEG", 0 }, { 50001, "WebP", 0 }, { 50002, "JPEG XL", 0 },
};

static const struct codec *codec_of(uint16_t code)
{
	for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++)
		if (codecs[i].code == code) return &codecs[i];
	return NULL;
}

static int fetch(struct walk *w, uint64_t at, void *out, uint64_t n)
{
	if (n > w->size || at > w->size - n)
		return c5_fail(C5_EINPUT, "%s: truncated or damaged: %llu bytes expected at byte %llu, the file has %llu; copy it again", w->path,
			(unsigned long long)n, (unsigned long long)at, (unsigned long long)w->size);
	if (n > WINDOW) return c5_file_read_at(w->path, w->fd, out, n, at);
	if (at < w->at || at + n > w->at + w->held) {
		uint64_t take = w->size - at < WINDOW ? w->size - at : WINDOW;
		w->held = 0;
		int err = c5_file_read_at(w->path, w->fd, w->window, take, at);
		if (err < 0) return err;
		w->at = at;
		w->held = take;
	}
	memcpy(out, w->window + (at - w->at), n);
	return C5_OK;
}

/* An unsigned number of n = 1, 2, 4 or 8 bytes in the file's order. */
static int fetch_uint(struct walk *w, uint64_t at, unsigned n, uint64_t *v)
{
	uint8_t b[8];
	int err = fetch(w, at, b, n);
	*v = 0;
	if (err < 0) return err;
	bool little = w->swap != (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
	for (unsigned i = 0; i < n; i++) *v = *v << 8 | b[little ? n - 1 - i : i];
	return C5_OK;
}

static unsigned type_size(uint16_t type)
{
	static const uint8_t sizes[] = { 0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8 };
	return type < sizeof sizes ? sizes[type] : 0;
}

/* Element `i` of an entry of whole numbers. */
static int entry_uint(struct walk *w, const struct entry *e, uint64_t i, uint64_t *v)
{
	unsigned n = type_size(e->type);
	*v = 0;
	if (!n || i >= e->count || e->type == 5 || (e->type >= 10 && e->type <= 12))
		return c5_fail(C5_EINPUT, "%s: TIFF tag %u of type %u with %llu values: the file is damaged", w->path, e->tag, e->type,
			(unsigned long long)e->count);
	return fetch_uint(w, e->at + i * n, n, v);
}

static int note_u16(struct walk *w, const struct entry *e, uint16_t *to)
{
	uint64_t v;
	int err = entry_uint(w, e, 0, &v);
	*to = v > UINT16_MAX ? UINT16_MAX : (uint16_t)v;
	return err;
}

static int note_u32(struct walk *w, const struct entry *e, uint32_t *to)
{
	uint64_t v;
	int err = entry_uint(w, e, 0, &v);
	*to = v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
	return err;
}

static int note_bits(struct walk *w, const struct entry *e, struct notes *d)
{
	int err = note_u16(w, e, &d->bits);
	for (uint64_t i = 1, v; !err && i < e->count && i < 64; i++) {
		err = entry_uint(w, e, i, &v);
		if (v != d->bits) d->bits_differ = true;
	}
	return err;
}

static int note(struct walk *w, const struct entry *e, struct notes *d)
{
	switch (e->tag) {
	case TIFFTAG_SUBFILETYPE: return note_u32(w, e, &d->subfile);
	case TIFFTAG_IMAGEWIDTH: return note_u32(w, e, &d->width);
	case TIFFTAG_IMAGELENGTH: return note_u32(w, e, &d->height);
	case TIFFTAG_BITSPERSAMPLE: return note_bits(w, e, d);
	case TIFFTAG_COMPRESSION: return note_u16(w, e, &d->compression);
	case TIFFTAG_PHOTOMETRIC: return note_u16(w, e, &d->photometric);
	case TIFFTAG_IMAGEDESCRIPTION: d->description = *e; return C5_OK;
	case TIFFTAG_STRIPOFFSETS:
	case TIFFTAG_TILEOFFSETS: d->offsets = *e; return C5_OK;
	case TIFFTAG_STRIPBYTECOUNTS:
	case TIFFTAG_TILEBYTECOUNTS: d->counts = *e; return C5_OK;
	case TIFFTAG_SAMPLESPERPIXEL: return note_u16(w, e, &d->samples);
	case TIFFTAG_ROWSPERSTRIP: return note_u32(w, e, &d->rows_per_strip);
	case TIFFTAG_XRESOLUTION: d->x_resolution = *e; return C5_OK;
	case TIFFTAG_PLANARCONFIG: return note_u16(w, e, &d->planar);
	case TIFFTAG_RESOLUTIONUNIT: return note_u16(w, e, &d->unit);
	case TIFFTAG_TILEWIDTH: d->tiled = true; return note_u32(w, e, &d->tile_width);
	case TIFFTAG_TILELENGTH: return note_u32(w, e, &d->tile_height);
	case TIFFTAG_EXTRASAMPLES: d->extra = e->count; return e->count ? note_u16(w, e, &d->extra_first) : C5_OK;
	case TIFFTAG_SAMPLEFORMAT: return note_u16(w, e, &d->format);
	case NIKON_FIRST: d->nikon[0] = *e; return C5_OK;
	case NIKON_UM: d->nikon[1] = *e; return C5_OK;
	default: return C5_OK; /* private and descriptive tags */
	}
}

static int dtype_of(uint16_t bits, uint16_t format)
{
	switch (format) {
	case SAMPLEFORMAT_UINT:
	case SAMPLEFORMAT_VOID: return bits == 8 ? C5_U8 : bits == 16 ? C5_U16 : bits == 32 ? C5_U32 : 0;
	case SAMPLEFORMAT_INT: return bits == 8 ? C5_I8 : bits == 16 ? C5_I16 : bits == 32 ? C5_I32 : 0;
	case SAMPLEFORMAT_IEEEFP: return bits == 32 ? C5_F32 : bits == 64 ? C5_F64 : 0;
	default: return 0;
	}
}

/* Says in page->error why the pixels cannot be read, where the directory alone tells. */
static int judge(const struct walk *w, c5_page *p, const struct notes *d, uint32_t number)
{
	static const char way[] = "save it as 8-bit, 16-bit or 32-bit grey";
	const struct codec *codec = codec_of(d->compression);
	bool colour = d->photometric == PHOTOMETRIC_RGB || (d->photometric == PHOTOMETRIC_YCBCR && d->compression == COMPRESSION_JPEG);
	p->dtype = (uint8_t)dtype_of(d->bits, d->format);
	p->samples = d->samples;
	if (!d->width || !d->height) return c5_page_refuse(p, c5_format("%s: image %u states no size: the file is damaged", w->path, number));
	if (d->photometric == PHOTOMETRIC_PALETTE)
		return c5_page_refuse(p, c5_format("%s: image %u has a colour palette, grey expected; %s", w->path, number, way));
	if (d->bits == 1) return c5_page_refuse(p, c5_format("%s: image %u has 1 bit a pixel, at least 8 expected; %s", w->path, number, way));
	if (d->bits_differ || !p->dtype)
		return c5_page_refuse(p, c5_format("%s: image %u has %s%u-bit %s pixels, which are not read; %s", w->path, number,
			d->bits_differ ? "mixed, first " : "", d->bits, d->format == SAMPLEFORMAT_IEEEFP ? "floating" : d->format == SAMPLEFORMAT_INT ? "signed"
			: d->format > SAMPLEFORMAT_VOID ? "complex" : "unsigned", way));
	if (!codec)
		return c5_page_refuse(p, c5_format("%s: image %u has unknown compression %u; save it uncompressed or with deflate", w->path, number,
			d->compression));
	if (!codec->ratio || !TIFFIsCODECConfigured(d->compression))
		return c5_page_refuse(p, c5_format("%s: image %u is compressed with %s, which is not read here; save it uncompressed or with deflate", w->path,
			number, codec->name));
	if (d->photometric > PHOTOMETRIC_RGB && !colour)
		return c5_page_refuse(p, c5_format("%s: image %u has colour model %u, grey or RGB expected; %s", w->path, number, d->photometric, way));
	if (!d->samples || d->samples > SAMPLES_MAX || (d->planar != PLANARCONFIG_CONTIG && d->planar != PLANARCONFIG_SEPARATE)
		|| (colour && d->samples < 3))
		return c5_page_refuse(p, c5_format("%s: image %u has %u samples a pixel in layout %u: the file is damaged", w->path, number, d->samples,
			d->planar));
	p->rgb = colour;
	if (colour) p->samples = 3;
	else if (d->extra && d->extra < d->samples && (d->extra_first == EXTRASAMPLE_ASSOCALPHA || d->extra_first == EXTRASAMPLE_UNASSALPHA))
		p->samples = (uint16_t)(d->samples - d->extra);
	return C5_OK;
}

/* Whether the pixels lie within the file, and where they start if they are plain and contiguous. */
static int check_data(struct walk *w, c5_page *p, const struct notes *d, uint32_t number)
{
	bool tiled = d->tiled;
	uint64_t pixel = c5_dtype_size(p->dtype) * (uint64_t)(d->planar == PLANARCONFIG_CONTIG ? d->samples : 1), n, first, last, bytes = 0;
	int err = c5_page_check_size(p, w->path, number, w->size, codec_of(d->compression)->ratio);
	if (err < 0 || p->error) return err;
	uint32_t rows = tiled ? d->tile_height : d->rows_per_strip < d->height ? d->rows_per_strip : d->height, columns = tiled ? d->tile_width : d->width;
	uint64_t plane = (uint64_t)p->width * p->height * pixel, chunk;
	if (!rows || !columns || __builtin_mul_overflow((uint64_t)rows * columns, pixel, &chunk) || (tiled && chunk > 4 * plane && chunk > (64u << 20)))
		return c5_page_refuse(p, c5_format("%s: image %u has %s of %u x %u pixels: the file is damaged", w->path, number, tiled ? "tiles" : "strips",
			columns, rows));
	n = (uint64_t)((p->width - 1) / columns + 1) * ((p->height - 1) / rows + 1) * (d->planar == PLANARCONFIG_SEPARATE ? d->samples : 1);
	if (d->offsets.count < n)
		return c5_page_refuse(p, c5_format("%s: image %u has %llu %s, %llu expected: the file is damaged", w->path, number,
			(unsigned long long)d->offsets.count,
			tiled ? "tiles" : "strips", (unsigned long long)n));
	if ((err = entry_uint(w, &d->offsets, 0, &first)) < 0 || (err = entry_uint(w, &d->offsets, n - 1, &last)) < 0) return err;
	if (d->compression == COMPRESSION_NONE) bytes = tiled ? chunk : (uint64_t)((p->height - 1) % rows + 1) * columns * pixel; /* whatever is stated */
	else if (d->counts.count >= n && (err = entry_uint(w, &d->counts, n - 1, &bytes)) < 0) return err;
	if (first >= w->size || last >= w->size || bytes > w->size - last)
		return c5_page_refuse(p, c5_format("%s: image %u: its pixels reach to byte %llu, the file has %llu: truncated, copy it again", w->path, number,
			(unsigned long long)(first > last ? first : last + bytes), (unsigned long long)w->size));
	if (!tiled && d->compression == COMPRESSION_NONE && d->samples == 1 && last - first == (n - 1) * chunk) p->data_offset = first;
	return C5_OK;
}

static int read_description(struct walk *w, c5_probe *probe, const struct notes *d)
{
	const struct entry *e = &d->description;
	int err;
	if (!e->count || type_size(e->type) != 1) return C5_OK;
	if (e->count > DESCRIPTION_MAX || e->count > w->size || e->at > w->size - e->count)
		return c5_fail(C5_EINPUT, "%s: its description claims %llu bytes: the file is damaged", w->path, (unsigned long long)e->count);
	if ((err = c5_alloc(&probe->description, e->count + 1, 1)) < 0) return err;
	return fetch(w, e->at, probe->description, e->count);
}

static int read_resolution(struct walk *w, c5_probe *probe, const struct notes *d)
{
	uint64_t above, below;
	int err;
	probe->resolution_unit = d->unit;
	if (d->x_resolution.type != 5 || !d->x_resolution.count) return C5_OK;
	if ((err = fetch_uint(w, d->x_resolution.at, 4, &above)) < 0 || (err = fetch_uint(w, d->x_resolution.at + 4, 4, &below)) < 0) return err;
	if (above && below) probe->x_resolution = (double)above / (double)below;
	return C5_OK;
}

/* NIS-Elements writes the side of a pixel in um as one double, and another private one before it. What cannot be read there is not missed. */
static void read_nikon(struct walk *w, c5_probe *probe, const struct notes *d)
{
	uint64_t bits;
	double um;
	for (int i = 0; i < 2; i++)
		if (d->nikon[i].type != TIFF_DOUBLE || d->nikon[i].count != 1) return;
	if (fetch_uint(w, d->nikon[1].at, 8, &bits) < 0) {
		c5_error_clear();
		return;
	}
	memcpy(&um, &bits, sizeof um);
	if (um > 1e-4 && um < 1e4) probe->nikon_um = um;
}

static int read_directory(struct walk *w, c5_probe *probe, uint64_t offset, uint32_t number, c5_page *page, uint64_t *next)
{
	unsigned wide = w->big ? 8 : 4, head = w->big ? 8 : 2, each = w->big ? 20 : 12;
	struct notes d = { .rows_per_strip = UINT32_MAX, .bits = 1, .compression = 1, .photometric = 1, .samples = 1, .planar = 1, .format = 1, .unit = 2 };
	uint64_t n, v;
	int err = fetch_uint(w, offset, head, &n);
	if (err < 0) return err;
	if (!n || n > ENTRIES_MAX || offset + head + n * each + wide > w->size)
		return c5_fail(C5_EINPUT, "%s: image directory %u at byte %llu has %llu entries, which go past the end of the file: truncated or damaged, copy it "
			"again",
			w->path, number, (unsigned long long)offset, (unsigned long long)n);
	for (uint64_t i = 0; i < n; i++) {
		uint64_t at = offset + head + i * each;
		struct entry e;
		if ((err = fetch_uint(w, at, 2, &v)) < 0) return err;
		e.tag = (uint16_t)v;
		if ((err = fetch_uint(w, at + 2, 2, &v)) < 0) return err;
		e.type = (uint16_t)v;
		if ((err = fetch_uint(w, at + 4, wide, &e.count)) < 0) return err;
		e.at = at + 4 + wide;
		if (e.count > wide || e.count * type_size(e.type) > wide) err = fetch_uint(w, e.at, wide, &e.at);
		if (err < 0 || (err = note(w, &e, &d)) < 0) return err;
	}
	if ((err = fetch_uint(w, offset + head + n * each, wide, next)) < 0) return err;

	page->offset = offset;
	page->width = d.width;
	page->height = d.height;
	page->reduced = d.subfile & FILETYPE_REDUCEDIMAGE;
	if ((err = judge(w, page, &d, number)) < 0) return err;
	if (!page->error && (err = check_data(w, page, &d, number)) < 0) return err;
	if (!number && (err = read_description(w, probe, &d)) == C5_OK) err = read_resolution(w, probe, &d);
	if (!number && err == C5_OK) read_nikon(w, probe, &d);
	return err;
}

int c5_probe_tiff(c5_probe *probe, const char *path, int fd)
{
	struct walk *w = NULL;
	uint64_t magic, offset, mark = 0, until = 1;
	size_t cap = 0;
	int err = c5_alloc(&w, 1, sizeof *w);
	if (err < 0) return err;
	w->path = path;
	w->fd = fd;
	w->size = probe->size;
	uint8_t order[2];
	if ((err = fetch(w, 0, order, 2)) < 0) goto done;
	w->swap = (order[0] == 'I') != (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
	if ((err = fetch_uint(w, 2, 2, &magic)) < 0) goto done;
	if (magic != 42 && magic != 43) {
		err = c5_fail(C5_EINPUT, "%s: not a TIFF file: version %llu, 42 or 43 expected", path, (unsigned long long)magic);
		goto done;
	}
	w->big = magic == 43;
	if ((err = fetch_uint(w, w->big ? 8 : 4, w->big ? 8 : 4, &offset)) < 0) goto done;
	for (uint32_t number = 0; offset; number++) {
		uint64_t next = 0;
		/* Brent's search for a cycle: a mark moved to the present place after 1, 2, 4 ... steps. */
		if (offset == mark) {
			err = c5_fail(C5_EINPUT, "%s: the chain of image directories runs in a circle through byte %llu: the file is damaged", path,
				(unsigned long long)offset);
			goto done;
		}
		if (number == until) {
			mark = offset;
			until *= 2;
		}
		if ((err = c5_grow(&probe->pages, &cap, (size_t)number + 1, sizeof *probe->pages)) < 0) goto done;
		probe->n_pages = number + 1;
		if ((err = read_directory(w, probe, offset, number, &probe->pages[number], &next)) < 0) goto done;
		offset = next;
	}
	if (!probe->n_pages) err = c5_fail(C5_EINPUT, "%s: a TIFF file without an image; copy it again", path);
done:
	free(w);
	return err;
}
