/* bench_segment.c – segments frames, compares the labels with the truth, and takes the time. segment.py runs it on whole data sets.
 *
 *     bench_segment [--repeat N] [any option of `cyto5 segment`] IMAGE TRUTH [IMAGE TRUTH ...]
 *
 * A line a frame: name, objects in the truth, objects found, SEG (mean over the truth's objects of the overlap, IoU, with the object that covers more
 * than half of it, else 0), Dice of what is object at all, average precision at IoU 0.5 (TP / (TP + FP + FN)), milliseconds of processor time (the
 * best of N; one thread). The last line has the means: SEG over all objects of all frames, the rest over frames. Labels that differ between repeats,
 * or with a segmenter that has seen another frame, are an error. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/dtype.h"
#include "base/error.h"
#include "base/mem.h"
#include "image/source.h"
#include "segment/segment.h"

typedef struct settings { int64_t repeat; } settings;
static const c5_opt bench_opts[] = {
	{ "repeat", C5_OPT_INT, offsetof(settings, repeat), "3", 1, 1000, NULL, "N", "times each frame is segmented" },
	{ 0 }
};

typedef struct image { void *pixels; int dtype; size_t height, width; } image;
typedef struct marks { double seg, dice, precision, ms; size_t truth, found; } marks;

/* Processor time: other work on the machine does not count. */
static double cpu_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int load(const char *path, image *to)
{
	c5_scan_params params = { 0 };
	c5_scan *scan = NULL;
	c5_frame_reader *reader = NULL;
	int err;
	if ((err = c5_opt_defaults(c5_scan_opts, &params)) < 0 || (err = c5_scan_inputs(&scan, &params, 1, &path)) < 0) goto done;
	const c5_series *s = &scan->series[0];
	if (s->error) { err = c5_fail(s->error_code, "%s", s->error); goto done; }
	*to = (image){ NULL, s->dtype, s->height, s->width };
	if ((err = c5_alloc(&to->pixels, to->height * to->width, c5_dtype_size(s->dtype))) < 0) goto done;
	if ((err = c5_frame_reader_open(&reader, scan, &params)) == C5_OK) err = c5_frame_read(reader, s, 0, 0, to->pixels);
done:
	c5_frame_reader_close(reader);
	c5_scan_free(scan);
	c5_opt_clear(c5_scan_opts, &params);
	return err;
}

static uint32_t label_at(const image *m, size_t i)
{
	switch (m->dtype) {
	case C5_U8: return ((const uint8_t *)m->pixels)[i];
	case C5_U16: return ((const uint16_t *)m->pixels)[i];
	default: return ((const uint32_t *)m->pixels)[i];
	}
}

static int compare(marks *to, const image *truth, const uint32_t *labels, uint32_t n)
{
	const size_t pixels = truth->height * truth->width;
	uint32_t most = 0, *both = NULL, *in_truth = NULL, *in_found = NULL;
	size_t truth_px = 0, found_px = 0, shared_px = 0, hits = 0;
	int err;
	for (size_t i = 0; i < pixels; i++) {
		const uint32_t g = label_at(truth, i);
		if (g > most) most = g;
		truth_px += g != 0, found_px += labels[i] != 0, shared_px += g && labels[i];
	}
	if ((err = c5_alloc(&both, ((size_t)most + 1) * ((size_t)n + 1), sizeof *both)) < 0 ||
	    (err = c5_alloc(&in_truth, (size_t)most + 1, sizeof *in_truth)) < 0 || (err = c5_alloc(&in_found, (size_t)n + 1, sizeof *in_found)) < 0)
		goto done;
	for (size_t i = 0; i < pixels; i++) {
		const uint32_t g = label_at(truth, i), r = labels[i];
		both[g * ((size_t)n + 1) + r]++, in_truth[g]++, in_found[r]++;
	}
	for (uint32_t g = 1; g <= most; g++) {
		if (!in_truth[g]) continue;
		to->truth++;
		for (uint32_t r = 1; r <= n; r++) {
			const uint32_t shared = both[g * ((size_t)n + 1) + r];
			const double iou = (double)shared / (double)(in_truth[g] + in_found[r] - shared);
			if (2 * shared > in_truth[g]) to->seg += iou;
			hits += iou > 0.5;
		}
	}
	to->found = n;
	to->dice = truth_px + found_px ? 2.0 * (double)shared_px / (double)(truth_px + found_px) : 1;
	to->precision = to->truth + n ? (double)hits / (double)(to->truth + n - hits) : 1;
done:
	free(both);
	free(in_truth);
	free(in_found);
	return err;
}

static int measure(marks *to, const char *image_path, const char *truth_path, const c5_segment_params *params, int64_t repeat)
{
	image frame = { 0 }, truth = { 0 };
	c5_segmenter *s = NULL;
	uint32_t *labels = NULL, *again = NULL;
	c5_segment_summary sum;
	int err;
	*to = (marks){ 0 };
	if ((err = load(image_path, &frame)) < 0 || (err = load(truth_path, &truth)) < 0) goto done;
	if (frame.height != truth.height || frame.width != truth.width) {
		err = c5_fail(C5_EINPUT, "%s: not the size of %s", truth_path, image_path);
		goto done;
	}
	const size_t n = frame.height * frame.width;
	if ((err = c5_alloc(&labels, n, sizeof *labels)) < 0 || (err = c5_alloc(&again, n, sizeof *again)) < 0) goto done;
	if ((err = c5_segmenter_open(&s, params, frame.height, frame.width)) < 0) goto done;
	for (int64_t k = 0; k < repeat; k++) {
		if (k && (err = c5_segment_frame(s, truth.dtype, truth.pixels, again, NULL)) < 0) goto done; /* something else in between */
		const double start = cpu_s();
		if ((err = c5_segment_frame(s, frame.dtype, frame.pixels, k ? again : labels, &sum)) < 0) goto done;
		const double ms = 1e3 * (cpu_s() - start);
		if (!k || ms < to->ms) to->ms = ms;
		if (k && memcmp(labels, again, n * sizeof *labels)) { err = c5_fail(C5_EFAIL, "%s: labels differ when repeated", image_path); goto done; }
	}
	err = compare(to, &truth, labels, sum.objects);
done:
	c5_segmenter_close(s);
	free(labels);
	free(again);
	free(frame.pixels);
	free(truth.pixels);
	return err;
}

int main(int argc, char **argv)
{
	settings set = { 0 };
	c5_segment_params params = { 0 };
	const c5_opt_group groups[] = { { "Bench", bench_opts, &set }, { "Segment", c5_segment_opts, &params }, { NULL, NULL, NULL } };
	char **words = NULL;
	int n = 0, err;
	bool help = false;
	marks all = { 0 };
	if ((err = c5_opt_defaults(bench_opts, &set)) < 0 || (err = c5_opt_defaults(c5_segment_opts, &params)) < 0) goto done;
	if ((err = c5_opt_parse(groups, argc, argv, &n, &words, &help)) < 0 || help) goto done;
	if (n < 2 || n % 2) { err = c5_fail(C5_EUSAGE, "IMAGE TRUTH pairs expected"); goto done; }
	for (int i = 0; i < n; i += 2) {
		marks m;
		if ((err = measure(&m, words[i], words[i + 1], &params, set.repeat)) < 0) goto done;
		const char *slash = strrchr(words[i], '/');
		printf("%s %zu %zu %.4f %.4f %.4f %.1f\n", slash ? slash + 1 : words[i], m.truth, m.found, m.truth ? m.seg / (double)m.truth : 1, m.dice,
			m.precision, m.ms);
		fflush(stdout);
		all.seg += m.seg, all.truth += m.truth, all.found += m.found, all.dice += m.dice, all.precision += m.precision, all.ms += m.ms;
	}
	const double frames = n / 2;
	printf("mean %zu %zu %.4f %.4f %.4f %.1f\n", all.truth, all.found, all.truth ? all.seg / (double)all.truth : 1, all.dice / frames,
		all.precision / frames, all.ms / frames);
done:
	if (err < 0) fprintf(stderr, "bench_segment: %s\n", c5_error_last());
	free(words);
	c5_opt_clear(c5_segment_opts, &params);
	return err < 0;
}
