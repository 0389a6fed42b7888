/* source.h – from files on disk to series of frames: what `cyto5 ingest` reads.
 *
 * A scan looks at the inputs (files, folders, patterns, a sample sheet) and lists the series in them: one channel of one
 * experiment, T frames of Z planes, all of one size and type. It reads headers only. A series that cannot be read carries its
 * error text instead of failing the scan, so that a bad experiment among good ones is recorded and the others go on.
 * A scan can be packed into bytes and sent to other ranks, which then read frames without looking at the folders again. */
#ifndef C5_IMAGE_SOURCE_H
#define C5_IMAGE_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/options.h"

/* Where one plane's pixels are. */
typedef struct c5_plane {
	uint32_t file;      /* index into c5_scan.files; UINT32_MAX: the frame is missing (only with missing = blank) */
	uint32_t ifd;       /* running number of the image directory in the file, 0 first; 0 for PNG */
	uint64_t ifd_offset;/* byte offset of that directory: lets a reader jump there without walking the chain; 0 for PNG */
	uint32_t sample;    /* channel within a pixel, for interleaved and planar pages of several grey samples; 0 otherwise */
	uint64_t data_offset;/* not 0: pixels lie here, uncompressed and contiguous, in the file's byte order (ImageJ stacks with one directory) */
} c5_plane;

typedef struct c5_series {
	char *experiment;           /* unique together with the channel; [A-Za-z0-9._+-] and space only, so never a '/' */
	char *plate, *well, *position, *condition, *compound, *dose, *replicate; /* NULL: not stated */
	char *channel;              /* "phase", "ch0" ... */
	char *modality;             /* phase|brightfield|dic|fluorescence|srs|tpef|transmission, NULL: not stated */
	double wavelength_nm;       /* NAN: not stated, as for the next three */
	double pixel_size_um, z_step_um, frame_interval_s;
	int dtype;                  /* enum c5_dtype, as recorded */
	uint32_t t, z, height, width;
	uint64_t first_frame;       /* number the first frame has in the file names: frame k here is first_frame + k there; 0 when names have none */
	c5_plane *planes;           /* (T, Z), z fastest */
	char *error;                /* NULL, or why this series cannot be read; one line, names the file */
	int error_code;             /* enum c5_status of it */
} c5_series;

typedef struct c5_scan {
	char **files;               /* absolute paths */
	uint64_t *file_size;        /* bytes */
	int64_t *file_mtime_ns;
	size_t n_files;
	c5_series *series;          /* sorted by experiment (natural order), then channel */
	size_t n_series;
} c5_scan;

/* Settings of a scan, table c5_scan_opts. */
typedef struct c5_scan_params {
	char *pattern;              /* "{plate}_{well}_{position}_{channel}_t{frame}.tif", fields also {z} {experiment} {condition} ... */
	char *sheet;                /* sample sheet, CSV */
	char *channel, *modality;   /* name and modality of channels that do not state theirs */
	char *experiment;           /* name for the experiment when the input is one series */
	char *z;                    /* all | max | mean | min | a plane number; the reader applies it, see c5_frame_read */
	char *plane;                /* for RGB: red | green | blue | luminance; unset: refused */
	char *missing;              /* refuse | blank */
	double pixel_size_um, frame_interval_s; /* 0: from the files */
} c5_scan_params;
extern const c5_opt c5_scan_opts[];

/* Looks at the inputs. out: caller frees with c5_scan_free. An input that matches nothing is C5_EINPUT; no readable series at all too. */
int c5_scan_inputs(c5_scan **out, const c5_scan_params *params, size_t n_inputs, const char *const *inputs);
void c5_scan_free(c5_scan *scan);
int c5_scan_pack(const c5_scan *scan, c5_buf *to);
int c5_scan_unpack(c5_scan **out, c5_buf *from);

/* Reads frames. Keeps the last file open; one reader a thread. */
typedef struct c5_frame_reader c5_frame_reader;
int c5_frame_reader_open(c5_frame_reader **out, const c5_scan *scan, const c5_scan_params *params);
void c5_frame_reader_close(c5_frame_reader *reader);

/* Planes of one frame as stored after --z: z for "all", else 1. */
uint32_t c5_frame_planes(const c5_series *series, const c5_scan_params *params);
/* Decodes plane `z` of frame `t` (the projection when --z asks for one: z is then 0) to native byte order.
 * out: (height, width) of series->dtype, caller's. A missing frame gives zeros. Min-is-white is inverted to min-is-black.
 * C5_EINPUT for damaged or changed files, with the file named. */
int c5_frame_read(c5_frame_reader *reader, const c5_series *series, uint32_t t, uint32_t z, void *out);

#endif
