/* bench_imageops.c – times the operations on masks, one thread, and leaves what they found for imageops.py to compare with SciPy and scikit-image.
 *
 *     bench_imageops MASK.raw MARKERS.raw HEIGHT WIDTH OUT_FOLDER
 *
 * MASK.raw: uint8; MARKERS.raw: uint32. Prints "name milliseconds" a line, the best of seven; writes OUT_FOLDER/{labels,distance,basins}.raw
 * (uint32) and OUT_FOLDER/regions.raw (doubles: area, centroid y and x, perimeter, major and minor axis, solidity; a row a label). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "image/distance.h"
#include "image/label.h"
#include "image/regions.h"
#include "image/watershed.h"

#define TURNS 7

typedef struct bench {
	size_t h, w, n;
	uint8_t *mask;
	uint32_t *markers, *labels, *distance, *basins, count;
	uint16_t *relief;
	c5_region *regions;
	void *scratch;
} bench;

static int load(const char *path, void *to, size_t bytes)
{
	FILE *f = fopen(path, "rb");
	const size_t n = f ? fread(to, 1, bytes, f) : 0;
	if (f) fclose(f);
	return n == bytes ? C5_OK : c5_fail(C5_EINPUT, "%s: %zu bytes expected", path, bytes);
}

static int save(const char *folder, const char *name, const void *from, size_t bytes)
{
	char *path = c5_format("%s/%s.raw", folder, name);
	FILE *f = path ? fopen(path, "wb") : NULL;
	const size_t n = f ? fwrite(from, 1, bytes, f) : 0;
	if (f) fclose(f);
	free(path);
	return n == bytes ? C5_OK : c5_fail(C5_EIO, "%s/%s.raw: cannot be written", folder, name);
}

static int label(bench *b)
{
	b->count = c5_label_mask(b->labels, b->mask, b->h, b->w, &C5_LABEL_ALL, b->scratch);
	return C5_OK;
}

static int distance(bench *b)
{
	c5_distance_squared(b->distance, b->mask, b->h, b->w, b->scratch);
	return C5_OK;
}

static int watershed(bench *b)
{
	for (size_t i = 0; i < b->n; i++) b->relief[i] = (uint16_t)(b->distance[i] < 65535 ? 65535 - b->distance[i] : 0);
	memcpy(b->basins, b->markers, b->n * sizeof *b->basins);
	c5_watershed_flood(b->basins, b->relief, b->mask, b->h, b->w, b->scratch);
	return C5_OK;
}

static int regions(bench *b) { return c5_regions_measure(b->labels, b->h, b->w, b->count, b->regions); }

static int run(bench *b, const char *name, int (*what)(bench *))
{
	double best = 1e9;
	for (int k = 0; k < TURNS; k++) {
		const double start = c5_clock_s();
		int err = what(b);
		if (err < 0) return err;
		const double took = c5_clock_s() - start;
		if (took < best) best = took;
	}
	printf("%s %.3f\n", name, 1e3 * best);
	return C5_OK;
}

int main(int argc, char **argv)
{
	bench b = { 0 };
	double *rows = NULL;
	int err = C5_OK;
	if (argc != 6) { err = c5_fail(C5_EUSAGE, "MASK.raw MARKERS.raw HEIGHT WIDTH OUT_FOLDER expected"); goto done; }
	b.h = strtoul(argv[3], NULL, 10), b.w = strtoul(argv[4], NULL, 10), b.n = b.h * b.w;
	size_t room = c5_label_bytes(b.h, b.w);
	if (c5_distance_bytes(b.h, b.w) > room) room = c5_distance_bytes(b.h, b.w);
	if (c5_watershed_bytes(b.h, b.w) > room) room = c5_watershed_bytes(b.h, b.w);
	if ((err = c5_alloc(&b.mask, b.n, 1)) < 0 || (err = c5_alloc(&b.markers, b.n, 4)) < 0 || (err = c5_alloc(&b.labels, b.n, 4)) < 0 ||
	    (err = c5_alloc(&b.distance, b.n, 4)) < 0 || (err = c5_alloc(&b.basins, b.n, 4)) < 0 || (err = c5_alloc(&b.relief, b.n, 2)) < 0 ||
	    (err = c5_alloc(&b.scratch, room, 1)) < 0)
		goto done;
	if ((err = load(argv[1], b.mask, b.n)) < 0 || (err = load(argv[2], b.markers, 4 * b.n)) < 0) goto done;
	if ((err = run(&b, "label", label)) < 0 || (err = c5_alloc(&b.regions, b.count, sizeof *b.regions)) < 0) goto done;
	if ((err = run(&b, "distance", distance)) < 0 || (err = run(&b, "watershed", watershed)) < 0 || (err = run(&b, "regions", regions)) < 0) goto done;
	if ((err = c5_alloc(&rows, b.count, 7 * sizeof *rows)) < 0) goto done;
	for (uint32_t k = 0; k < b.count; k++) {
		const c5_region *r = &b.regions[k];
		const double row[7] = { r->area, r->centroid_y, r->centroid_x, r->perimeter, r->major_axis, r->minor_axis, r->solidity };
		memcpy(rows + 7 * (size_t)k, row, sizeof row);
	}
	if ((err = save(argv[5], "labels", b.labels, 4 * b.n)) < 0 || (err = save(argv[5], "distance", b.distance, 4 * b.n)) < 0 ||
	    (err = save(argv[5], "basins", b.basins, 4 * b.n)) < 0 || (err = save(argv[5], "regions", rows, 7 * (size_t)b.count * sizeof *rows)) < 0)
		goto done;
done:
	if (err < 0) fprintf(stderr, "bench_imageops: %s\n", c5_error_last());
	free(b.mask);
	free(b.markers);
	free(b.labels);
	free(b.distance);
	free(b.basins);
	free(b.relief);
	free(b.scratch);
	free(b.regions);
	free(rows);
	return err < 0;
}
