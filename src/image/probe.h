/* probe.h – what the headers of one image file say: its kind, its pages, its description. No pixels are read.
 *
 * TIFF directories are walked by our own reader, one open and a few small reads a file, because the scan must be quick for thousands of files, must
 * keep the offset of each directory (libtiff re-walks the chain to reach directory n), must notice loops, and must refuse absurd sizes before anybody
 * allocates for them. Decoding is libtiff's, libpng's and libjpeg's (tiff.h, pngin.h, jpegin.h). */
#ifndef C5_IMAGE_PROBE_H
#define C5_IMAGE_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#define C5_SIDE_MAX (UINT32_C(1) << 20)        /* px */
#define C5_PLANE_MAX (UINT64_C(8) << 30)       /* bytes of one decoded plane */

enum c5_file_kind { C5_FILE_TIFF = 1, C5_FILE_PNG, C5_FILE_OME_XML, C5_FILE_JPEG };

/* One image of a file. */
typedef struct c5_page {
	uint64_t offset;             /* of its directory; 0 for PNG and JPEG */
	uint64_t data_offset;        /* of its pixels, when they are uncompressed and contiguous; else 0 */
	char *error;                 /* why it cannot be read; NULL: it can */
	uint32_t width, height;
	uint16_t samples;            /* channels of a pixel; 1 for grey, alpha not counted */
	uint8_t dtype;               /* enum c5_dtype */
	bool rgb;                    /* the samples are colours: one is named with --plane */
	bool reduced;                /* a thumbnail or pyramid level standing in the main chain */
} c5_page;

typedef struct c5_probe {
	int kind;                    /* enum c5_file_kind */
	uint64_t size;               /* bytes */
	int64_t mtime_ns;
	c5_page *pages;
	uint32_t n_pages;
	char *description;           /* ImageDescription of the first page, or the text of a companion file; NULL: none */
	double x_resolution;         /* pixels per unit; NAN: not stated */
	uint16_t resolution_unit;    /* 1 none, 2 inch, 3 cm */
	double nikon_um;             /* side of a pixel by NIS-Elements' private tag; NAN: not there */
} c5_probe;

/* Reads the headers of `path`. C5_EINPUT for what is no image we know or is damaged; pages of unreadable types carry their own error. */
int c5_probe_file(c5_probe *out, const char *path);
void c5_probe_free(c5_probe *probe);

/* Bytes of one decoded grey plane. */
uint64_t c5_page_bytes(const c5_page *page);

/* Makes `text` (from c5_format, now the page's) the page's error. C5_ENOMEM when it is NULL, else C5_OK. */
int c5_page_refuse(c5_page *page, char *text);

/* Sets page->error where the size is absurd by itself, or against the most that `stored` bytes can decode to (`ratio` each). C5_ENOMEM only. */
int c5_page_check_size(c5_page *page, const char *path, uint32_t number, uint64_t stored, uint64_t ratio);

/* Of one kind each; used by c5_probe_file. fd stays the caller's; probe->size is set. */
int c5_probe_tiff(c5_probe *probe, const char *path, int fd);
int c5_probe_png(c5_probe *probe, const char *path, int fd);
int c5_probe_jpeg(c5_probe *probe, const char *path);

/* Reads n bytes at `at`, all of them. C5_EINPUT at the end of the file, C5_EIO when the system refuses. */
int c5_file_read_at(const char *path, int fd, void *out, uint64_t n, uint64_t at);

#endif
