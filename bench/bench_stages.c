/* bench_stages.c – where the time of the main job goes: each of its stages over the same frames, one thread, in the order of a run.
 *
 *     bench_stages FOLDER REPETITIONS
 *
 * Prints one line a stage: "NAME milliseconds-per-frame", the median of the repetitions, each over all frames. Checks on its way that what was packed
 * unpacks to the same pixels. `shuffle` is what packing takes besides deflate and checksum; `write` and `sync` go to a file in FOLDER's parent. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/dtype.h"
#include "base/error.h"
#include "base/sha256.h"
#include "container/chunk.h"
#include "container/deflate.h"
#include "crop/crop.h"
#include "image/regions.h"
#include "image/source.h"
#include "segment/segment.h"

enum stage { DECODE, SHA, SHUFFLE, DEFLATE, CHECKSUM, WRITE, SYNC, UNPACK, SEGMENT, PACK_MASK, REGIONS, INTENSITY, CROP, STAGES };
static const char *const names[STAGES] = { "decode", "sha256", "shuffle", "deflate", "fletcher32", "write", "sync", "unpack", "segment", "pack mask",
	"regions", "intensity", "crop" };

typedef struct bench {
	c5_scan *scan;
	c5_scan_params scan_params;
	c5_segment_params segment_params;
	c5_crop_params crop_params;
	c5_frame_reader *reader;
	c5_codec *codec;
	c5_deflater *deflater;
	c5_segmenter *segmenter;
	size_t height, width, bytes; /* of a frame of 16-bit pixels */
	uint16_t *pixels, *back, *crop;
	uint8_t *packed, *scratch;
	uint32_t *labels;
	uint16_t *narrow;
	int fd;
	double seconds[STAGES];
} bench;

static void add(bench *b, enum stage stage, double *since)
{
	double now = c5_clock_s();
	b->seconds[stage] += now - *since;
	*since = c5_clock_s();
}

static int open_bench(bench *b, const char *folder)
{
	const c5_opt_group groups[] = { { "scan", c5_scan_opts, &b->scan_params }, { "segment", c5_segment_opts, &b->segment_params },
		{ "crop", c5_crop_opts, &b->crop_params }, { NULL, NULL, NULL } };
	const char *inputs[] = { folder };
	int err;
	for (const c5_opt_group *g = groups; g->title; g++)
		if ((err = c5_opt_defaults(g->table, g->settings)) < 0) return err;
	if ((err = c5_scan_inputs(&b->scan, &b->scan_params, 1, inputs)) < 0 || (err = c5_frame_reader_open(&b->reader, b->scan, &b->scan_params)) < 0)
		return err;
	const c5_series *s = &b->scan->series[0];
	if (s->error || s->dtype != C5_U16) return c5_fail(C5_EINPUT, "%s: 16-bit frames expected", folder);
	b->height = s->height, b->width = s->width, b->bytes = b->height * b->width * 2;
	char *file = c5_format("%s/../stages.out", folder);
	b->fd = file ? open(file, O_RDWR | O_CREAT | O_TRUNC, 0644) : -1;
	if (b->fd >= 0) unlink(file);
	free(file);
	if (b->fd < 0) return c5_fail(C5_EIO, "%s: no file can be made beside it", folder);
	if ((err = c5_codec_open(&b->codec)) < 0 || (err = c5_deflater_open(&b->deflater)) < 0 ||
	    (err = c5_segmenter_open(&b->segmenter, &b->segment_params, b->height, b->width)) < 0) return err;
	size_t n = b->height * b->width, crop = (size_t)b->crop_params.size * (size_t)b->crop_params.size;
	if ((err = c5_alloc(&b->pixels, n, 2)) < 0 || (err = c5_alloc(&b->back, n, 2)) < 0 || (err = c5_alloc(&b->narrow, n, 2)) < 0 ||
	    (err = c5_alloc(&b->crop, crop, 2)) < 0 || (err = c5_alloc(&b->labels, n, 4)) < 0 ||
	    (err = c5_alloc(&b->packed, c5_chunk_bound(b->bytes), 1)) < 0 || (err = c5_alloc(&b->scratch, c5_chunk_bound(b->bytes), 1)) < 0)
		return err;
	return C5_OK;
}

static void close_bench(bench *b)
{
	if (b->fd >= 0) close(b->fd);
	c5_segmenter_close(b->segmenter);
	c5_deflater_close(b->deflater);
	c5_codec_close(b->codec);
	c5_frame_reader_close(b->reader);
	c5_scan_free(b->scan);
	c5_opt_clear(c5_scan_opts, &b->scan_params);
	c5_opt_clear(c5_segment_opts, &b->segment_params);
	c5_opt_clear(c5_crop_opts, &b->crop_params);
	void *all[] = { b->pixels, b->back, b->crop, b->packed, b->scratch, b->labels, b->narrow };
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

static int pack_stages(bench *b, uint64_t at)
{
	char sum[C5_SHA256_TEXT];
	size_t n = b->height * b->width, size;
	uint8_t *planes = (uint8_t *)b->back;
	int err;
	double t = c5_clock_s();
	c5_sha256(sum, b->pixels, b->bytes);
	add(b, SHA, &t);
	if ((err = c5_chunk_encode(b->codec, b->pixels, b->bytes, 2, b->packed, &size)) < 0) return err;
	add(b, SHUFFLE, &t); /* all of it; the parts are taken off below */
	for (size_t i = 0; i < n; i++) planes[i] = (uint8_t)b->pixels[i], planes[n + i] = (uint8_t)(b->pixels[i] >> 8);
	t = c5_clock_s();
	size_t deflated = c5_deflate(b->deflater, planes, b->bytes, n, b->scratch);
	add(b, DEFLATE, &t);
	uint32_t check = c5_fletcher32(b->scratch, deflated);
	add(b, CHECKSUM, &t);
	if (deflated + 4 != size || memcmp(b->packed, b->scratch, deflated) != 0 ||
	    check != (b->packed[size - 4] | (uint32_t)b->packed[size - 3] << 8 | (uint32_t)b->packed[size - 2] << 16 |
	    (uint32_t)b->packed[size - 1] << 24))
		return c5_fail(C5_EFAIL, "the parts do not make the whole");
	t = c5_clock_s();
	if (pwrite(b->fd, b->packed, size, (off_t)at) != (ssize_t)size) return c5_fail(C5_EIO, "cannot write");
	add(b, WRITE, &t);
	if ((err = c5_chunk_decode(b->codec, b->packed, size, 0, b->back, b->bytes, 2)) < 0) return err;
	add(b, UNPACK, &t);
	return memcmp(b->back, b->pixels, b->bytes) == 0 ? C5_OK : c5_fail(C5_EFAIL, "a frame does not unpack to itself");
}

static int measure_stages(bench *b)
{
	c5_segment_summary summary;
	size_t n = b->height * b->width, size;
	int err;
	double t = c5_clock_s();
	if ((err = c5_segment_frame(b->segmenter, C5_U16, b->pixels, b->labels, &summary)) < 0) return err;
	add(b, SEGMENT, &t);
	for (size_t i = 0; i < n; i++) b->narrow[i] = (uint16_t)b->labels[i];
	if ((err = c5_chunk_encode(b->codec, b->narrow, b->bytes, 2, b->packed, &size)) < 0) return err;
	add(b, PACK_MASK, &t);
	uint32_t k = summary.objects;
	c5_region *regions = calloc(k + 1, sizeof *regions);
	double *values = calloc(3 * ((size_t)k + 1), sizeof *values);
	if (!regions || !values) { err = c5_fail(C5_ENOMEM, "out of memory"); goto done; }
	t = c5_clock_s();
	if ((err = c5_regions_measure(b->labels, b->height, b->width, k, regions)) < 0) goto done;
	add(b, REGIONS, &t);
	if ((err = c5_regions_intensity(b->labels, b->height, b->width, k, C5_U16, b->pixels, values, values + k, values + 2 * (size_t)k)) < 0) goto done;
	add(b, INTENSITY, &t);
	for (uint32_t i = 0; i < k && err == C5_OK; i++) {
		const c5_region *r = &regions[i];
		c5_crop_window window;
		if ((err = c5_crop_place(&window, &b->crop_params, r->centroid_y, r->centroid_x,
		    (const uint32_t[]){ r->bbox_y0, r->bbox_x0, r->bbox_y1, r->bbox_x1 })) == C5_OK)
			err = c5_crop_cut(&b->crop_params, C5_U16, b->pixels, b->labels, b->height, b->width, &window, i + 1, C5_U16, b->crop);
	}
	add(b, CROP, &t);
done:
	free(regions);
	free(values);
	return err;
}

static int by_value(const void *a, const void *b) { return *(const double *)a < *(const double *)b ? -1 : *(const double *)a > *(const double *)b; }

int main(int argc, char **argv)
{
	bench b = { .fd = -1 };
	double (*all)[STAGES] = NULL, *one = NULL;
	long repetitions = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
	int err = repetitions > 0 ? C5_OK : c5_fail(C5_EUSAGE, "usage: bench_stages FOLDER REPETITIONS");
	if (err < 0 || (err = open_bench(&b, argv[1])) < 0 || (err = c5_alloc(&all, (size_t)repetitions, sizeof *all)) < 0 ||
	    (err = c5_alloc(&one, (size_t)repetitions, sizeof *one)) < 0) goto done;
	const c5_series *s = &b.scan->series[0];
	for (long r = -1; r < repetitions; r++) { /* the first round warms up */
		memset(b.seconds, 0, sizeof b.seconds);
		for (uint32_t f = 0; f < s->t; f++) {
			double t = c5_clock_s();
			if ((err = c5_frame_read(b.reader, s, f, 0, b.pixels)) < 0) goto done;
			add(&b, DECODE, &t);
			if ((err = pack_stages(&b, f * (uint64_t)b.bytes)) < 0 || (err = measure_stages(&b)) < 0) goto done;
		}
		double t = c5_clock_s();
		if (fsync(b.fd) < 0) { err = c5_fail(C5_EIO, "cannot sync"); goto done; }
		add(&b, SYNC, &t);
		b.seconds[SHUFFLE] -= b.seconds[DEFLATE] + b.seconds[CHECKSUM];
		if (r >= 0) memcpy(all[r], b.seconds, sizeof b.seconds);
	}
	for (int k = 0; k < STAGES; k++) {
		for (long r = 0; r < repetitions; r++) one[r] = all[r][k];
		qsort(one, (size_t)repetitions, sizeof *one, by_value);
		printf("%s\t%.4f\n", names[k], 1e3 * one[repetitions / 2] / s->t);
	}
done:
	if (err < 0) fprintf(stderr, "bench_stages: %s\n", c5_error_last());
	free(all);
	free(one);
	close_bench(&b);
	return err < 0;
}
