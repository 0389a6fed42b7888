/* bench_filters.c – times the operations on images, one thread, and leaves what they made for imageops.py to compare with SciPy and scikit-image.
 *
 *     bench_filters IMAGE.raw HEIGHT WIDTH OUT_FOLDER [NAME...]
 *
 * IMAGE.raw: uint16. Prints "name milliseconds" a line, the best of three; writes OUT_FOLDER/NAME.raw. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/dtype.h"
#include "base/error.h"
#include "base/mem.h"
#include "image/background.h"
#include "image/gradient.h"
#include "image/median.h"

#define TURNS 3

typedef struct bench {
	size_t h, w, n;
	uint16_t *image;
	uint8_t *bytes;   /* the upper eight bits */
	float *map, *out; /* 65535ths */
} bench;

static int median_square(bench *b) { return c5_median_filter(b->out, C5_F32, b->map, b->h, b->w, 2, false); }
static int median_disc(bench *b) { return c5_median_filter(b->out, C5_U16, b->image, b->h, b->w, 5, true); }
static int median_bytes(bench *b) { return c5_median_filter(b->out, C5_U8, b->bytes, b->h, b->w, 1, false); }
static int ball(bench *b) { return c5_background_ball(b->out, b->map, b->h, b->w, 25); }
static int ground(bench *b) { return c5_background_gaussian(b->out, b->map, b->h, b->w, 50); }

static int sobel(bench *b)
{
	c5_gradient_sobel(b->out, b->map, b->h, b->w);
	return C5_OK;
}

/* size: bytes a pixel of the result */
static const struct { const char *name; int (*run)(bench *); size_t size; } benches[] = {
	{ "median_square", median_square, 4 },
	{ "median_disc", median_disc, 2 },
	{ "median_bytes", median_bytes, 1 },
	{ "sobel", sobel, 4 },
	{ "ball", ball, 4 },
	{ "ground", ground, 4 },
};

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

static int run(bench *b, size_t k, const char *folder)
{
	double best = 1e9;
	int err;
	for (int turn = 0; turn < TURNS; turn++) {
		const double start = c5_clock_s();
		if ((err = benches[k].run(b)) < 0) return err;
		const double took = c5_clock_s() - start;
		if (took < best) best = took;
	}
	printf("%s %.3f\n", benches[k].name, 1e3 * best);
	return save(folder, benches[k].name, b->out, b->n * benches[k].size);
}

int main(int argc, char **argv)
{
	bench b = { 0 };
	int err = C5_OK;
	if (argc < 5) { err = c5_fail(C5_EUSAGE, "IMAGE.raw HEIGHT WIDTH OUT_FOLDER expected"); goto done; }
	b.h = strtoul(argv[2], NULL, 10), b.w = strtoul(argv[3], NULL, 10), b.n = b.h * b.w;
	if ((err = c5_alloc(&b.image, b.n, 2)) < 0 || (err = c5_alloc(&b.bytes, b.n, 1)) < 0 || (err = c5_alloc(&b.map, b.n, 4)) < 0 ||
	    (err = c5_alloc(&b.out, b.n, 4)) < 0 || (err = load(argv[1], b.image, 2 * b.n)) < 0)
		goto done;
	for (size_t i = 0; i < b.n; i++) b.bytes[i] = (uint8_t)(b.image[i] >> 8), b.map[i] = (float)b.image[i] / 65535;
	for (size_t k = 0; err == C5_OK && k < sizeof benches / sizeof *benches; k++) {
		bool wanted = argc == 5;
		for (int i = 5; i < argc; i++) wanted |= !strcmp(argv[i], benches[k].name);
		if (wanted) err = run(&b, k, argv[4]);
	}
done:
	if (err < 0) fprintf(stderr, "bench_filters: %s\n", c5_error_last());
	free(b.image);
	free(b.bytes);
	free(b.map);
	free(b.out);
	return err < 0;
}
