/* bench_read.c – reads frames of a stack in a given order, one thread, as the steps of a pipeline do. Compared by read.py with h5py.
 *
 *     bench_read FILE.h5 STACK ORDER
 *
 * ORDER: a file of frame numbers, 32-bit little-endian. The clock runs from the first frame to the last, the file being open.
 * Prints "seconds checksum": the sum of all 16-bit pixels read, each frame's weighted with its place in the order, modulo 2^64. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "container/array.h"

static int load_order(const char *path, uint32_t **order, size_t *n)
{
	size_t cap = 0;
	FILE *f = fopen(path, "rb");
	int err = f ? C5_OK : c5_fail(C5_EINPUT, "%s: cannot be read", path);
	for (uint32_t t; err == C5_OK && fread(&t, sizeof t, 1, f) == 1;)
		if ((err = c5_grow(order, &cap, *n + 1, sizeof **order)) == C5_OK) (*order)[(*n)++] = t;
	if (f) fclose(f);
	return err;
}

int main(int argc, char **argv)
{
	c5_file *file = NULL;
	c5_array *stack = NULL;
	c5_codec *codec = NULL;
	uint32_t *order = NULL;
	uint16_t *frame = NULL;
	uint64_t total = 0;
	size_t n = 0;
	double seconds = 0;
	int err = argc == 4 ? C5_OK : c5_fail(C5_EUSAGE, "usage: bench_read FILE.h5 STACK ORDER");
	if (err < 0 || (err = load_order(argv[3], &order, &n)) < 0) goto done;
	if ((err = c5_file_open(&file, argv[1], C5_READ, NULL)) < 0 || (err = c5_array_open(&stack, file, argv[2])) < 0 || (err = c5_codec_open(&codec)) < 0)
		goto done;
	const c5_array_spec *s = c5_array_spec_of(stack);
	size_t pixels = s->dims[s->rank - 1] * s->dims[s->rank - 2];
	if (s->dtype != C5_U16) {
		err = c5_fail(C5_EINPUT, "%s:%s: 16-bit pixels expected", argv[1], argv[2]);
		goto done;
	}
	if ((err = c5_alloc(&frame, pixels, sizeof *frame)) < 0) goto done;
	for (size_t i = 0; i < n; i++) {
		uint64_t sum = 0;
		double start = c5_clock_s();
		if ((err = c5_array_read_frame(stack, codec, order[i], 0, frame)) < 0) goto done;
		seconds += c5_clock_s() - start;
		for (size_t k = 0; k < pixels; k++) sum += frame[k];
		total += sum * (i + 1);
	}
	printf("%.6f %" PRIu64 "\n", seconds, total);
done:
	if (err < 0) fprintf(stderr, "bench_read: %s\n", c5_error_last());
	free(frame);
	free(order);
	c5_codec_close(codec);
	c5_array_close(stack);
	c5_file_close(file);
	return err < 0;
}
