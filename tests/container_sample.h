/* container_sample.h – for tests: a scratch folder, stock HDF5's view of a file, and a small but complete container made with the
 * library alone: two experiments, a run that took them in, a run that segmented and cut crops. */
#ifndef C5_TESTS_CONTAINER_SAMPLE_H
#define C5_TESTS_CONTAINER_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"
#include "container/array.h"
#include "container/experiment.h"
#include "container/file.h"
#include "container/run.h"

#define FRAMES 5
#define HEIGHT 24
#define WIDTH 32
#define OBJECTS 2 /* in every frame */

static char scratch_folder[128];

static inline void scratch_remove(void)
{
	if (!scratch_folder[0]) return;
	char *command = c5_format("rm -rf '%s'", scratch_folder);
	if (command && system(command) != 0) fprintf(stderr, "%s: left behind\n", scratch_folder);
	free(command);
	scratch_folder[0] = '\0';
}

/* A path in the test's own folder, which goes when the program ends. The same name gives the same pointer, good to the end. */
static inline const char *scratch(const char *name)
{
	static char paths[64][256];
	int i = 0;
	if (!scratch_folder[0]) {
		const char *tmp = getenv("TMPDIR");
		snprintf(scratch_folder, sizeof scratch_folder, "%.80s/cyto5-test-XXXXXX", tmp ? tmp : "/tmp");
		if (!mkdtemp(scratch_folder)) abort();
		atexit(scratch_remove);
	}
	while (i < 64 && paths[i][0] && strcmp(strrchr(paths[i], '/') + 1, name) != 0) i++;
	if (i == 64) abort();
	if (!paths[i][0]) snprintf(paths[i], sizeof paths[i], "%s/%s", scratch_folder, name);
	return paths[i];
}

static inline void copy_file(const char *from, const char *to)
{
	char piece[65536];
	FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
	size_t n;
	if (!in || !out) abort();
	while ((n = fread(piece, 1, sizeof piece, in)) > 0)
		if (fwrite(piece, 1, n, out) != n) abort();
	fclose(in);
	if (fclose(out) != 0) abort();
}

#define MUST(call) do { \
	int must_err = (call); \
	if (must_err < 0) { fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, c5_error_last()); abort(); } \
} while (0)

/* A pixel of the sample, made of its place alone. */
static inline uint16_t sample_pixel(uint64_t seed, uint64_t t, uint64_t y, uint64_t x)
{
	uint64_t h = (seed * 1000003 + t) * 1000003 + y * 4099 + x;
	h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9u;
	return (uint16_t)(1000 + 7 * y + 3 * x + (h >> 60));
}

/* Puts all chunks of `data` (the whole array, chunk by chunk, in chunk order) into a new array. */
static inline void sample_array(c5_file *f, c5_array_spec *s, const void *data)
{
	c5_codec *codec;
	c5_array *a;
	size_t bytes = c5_spec_chunk_bytes(s), size;
	MUST(c5_codec_open(&codec));
	MUST(c5_array_create(f, s));
	MUST(c5_array_open(&a, f, s->path));
	uint8_t *packed = malloc(c5_chunk_bound(bytes));
	for (uint64_t k = 0; k < c5_spec_chunks(s); k++) {
		MUST(c5_chunk_encode(codec, (const uint8_t *)data + k * bytes, bytes, c5_spec_element(s), packed, &size));
		MUST(c5_array_write_chunk(a, k, packed, size));
	}
	free(packed);
	c5_array_close(a);
	c5_codec_close(codec);
	c5_spec_free(s);
}

static inline void sample_axes(c5_array_spec *s)
{
	s->axes[0] = (c5_axis){ "time", "s", 600 };
	s->axes[1] = (c5_axis){ "y", "um", 0.65 };
	s->axes[2] = (c5_axis){ "x", "um", 0.65 };
}

static inline void sample_input(c5_array_spec *s, const char *experiment, const char *product, const char *name)
{
	char *path = c5_format("/experiments/%s/%s/%s", experiment, product, name);
	MUST(c5_spec_attr_str(s, "input", path));
	free(path);
}

static inline void sample_raw(c5_file *f, const char *experiment, const char *channel, uint64_t seed)
{
	static uint16_t pixels[FRAMES][HEIGHT][WIDTH];
	char path[200];
	c5_array_spec s;
	for (int t = 0; t < FRAMES; t++)
		for (int y = 0; y < HEIGHT; y++)
			for (int x = 0; x < WIDTH; x++) pixels[t][y][x] = sample_pixel(seed, (uint64_t)t, (uint64_t)y, (uint64_t)x);
	snprintf(path, sizeof path, "/experiments/%s/raw/%s", experiment, channel);
	MUST(c5_spec_stack(&s, path, C5_U16, FRAMES, 0, HEIGHT, WIDTH));
	sample_axes(&s);
	MUST(c5_spec_attr_str(&s, "modality", strcmp(channel, "phase") == 0 ? "phase" : "fluorescence"));
	MUST(c5_spec_attr_f64(&s, "wavelength_nm", 520));
	sample_array(f, &s, pixels);

	struct __attribute__((packed)) { uint32_t frame, z; char file[16]; uint32_t ifd; double size; char sha256[64]; } rows[FRAMES] = { 0 };
	for (uint32_t t = 0; t < FRAMES; t++) {
		rows[t].frame = rows[t].ifd = t;
		rows[t].size = 1234;
		memcpy(rows[t].file, "movie.tif", 9);
		memset(rows[t].sha256, 'a' + (int)t, 64);
	}
	snprintf(path, sizeof path, "/experiments/%s/sources/%s", experiment, channel);
	MUST(c5_spec_table(&s, path, FRAMES, FRAMES));
	MUST(c5_spec_column(&s, "frame", C5_U32));
	MUST(c5_spec_column(&s, "z", C5_U32));
	MUST(c5_spec_text_column(&s, "file", 16));
	MUST(c5_spec_column(&s, "ifd", C5_U32));
	MUST(c5_spec_column(&s, "size", C5_F64));
	MUST(c5_spec_text_column(&s, "sha256", 64));
	MUST(c5_spec_attr_str(&s, "folder", "/data/of/somebody"));
	MUST(c5_spec_attr_str(&s, "sha256", "0123456789abcdef"));
	sample_array(f, &s, rows);
}

/* Masks, frames, objects and crops of one experiment as revision `number`; `shift` moves what is in them. */
static inline void sample_results(c5_file *f, const char *experiment, uint32_t number, int shift)
{
	static uint32_t labels[FRAMES][HEIGHT][WIDTH];
	struct __attribute__((packed)) { uint32_t frame; double time_s; uint32_t objects; double threshold, covered, mean, sd; } frames[FRAMES];
	struct __attribute__((packed)) { uint32_t frame, label; float centroid_y, centroid_x, area; } objects[FRAMES * OBJECTS];
	struct __attribute__((packed)) { uint32_t object, frame, label; } index[FRAMES * OBJECTS];
	static uint16_t crops[FRAMES * OBJECTS][1][8][8];
	const char *r = c5_revision_name(number);
	char path[200];
	c5_array_spec s;
	memset(labels, 0, sizeof labels);
	for (uint32_t t = 0; t < FRAMES; t++) {
		for (int k = 0; k < OBJECTS; k++) {
			uint32_t row = t * OBJECTS + (uint32_t)k;
			int y0 = 4 + 8 * k, x0 = 3 + (int)t + shift;
			for (int y = y0; y < y0 + 5; y++)
				for (int x = x0; x < x0 + 6; x++) labels[t][y][x] = (uint32_t)k + 1;
			objects[row].frame = index[row].frame = t;
			objects[row].label = index[row].label = (uint32_t)k + 1;
			objects[row].centroid_y = (float)y0 + 2, objects[row].centroid_x = (float)x0 + 2.5f, objects[row].area = 30;
			index[row].object = row;
			for (int i = 0; i < 64; i++) crops[row][0][i / 8][i % 8] = sample_pixel(9, row, (uint64_t)i, (uint64_t)shift);
		}
		frames[t].frame = t, frames[t].time_s = 600.0 * t, frames[t].objects = OBJECTS;
		frames[t].threshold = 1000.5 + shift, frames[t].covered = 60.0 / (HEIGHT * WIDTH), frames[t].mean = 1100, frames[t].sd = 17;
	}
	snprintf(path, sizeof path, "/experiments/%s/masks/%s", experiment, r);
	MUST(c5_spec_stack(&s, path, C5_U32, FRAMES, 0, HEIGHT, WIDTH));
	sample_axes(&s);
	sample_input(&s, experiment, "raw", "phase");
	sample_array(f, &s, labels);

	snprintf(path, sizeof path, "/experiments/%s/frames/%s", experiment, r);
	MUST(c5_spec_table(&s, path, FRAMES, FRAMES));
	MUST(c5_spec_column(&s, "frame", C5_U32));
	MUST(c5_spec_column(&s, "time_s", C5_F64));
	MUST(c5_spec_column(&s, "objects", C5_U32));
	static const char *const reals[] = { "threshold", "covered", "mean", "sd" };
	for (int i = 0; i < 4; i++) MUST(c5_spec_column(&s, reals[i], C5_F64));
	sample_array(f, &s, frames);

	snprintf(path, sizeof path, "/experiments/%s/objects/%s", experiment, r);
	MUST(c5_spec_table(&s, path, FRAMES * OBJECTS, FRAMES * OBJECTS));
	MUST(c5_spec_column(&s, "frame", C5_U32));
	MUST(c5_spec_column(&s, "label", C5_U32));
	MUST(c5_spec_column(&s, "centroid_y", C5_F32));
	MUST(c5_spec_column(&s, "centroid_x", C5_F32));
	MUST(c5_spec_column(&s, "area", C5_F32));
	sample_input(&s, experiment, "masks", r);
	sample_array(f, &s, objects);

	snprintf(path, sizeof path, "/experiments/%s/crops/%s/images", experiment, r);
	MUST(c5_spec_crops(&s, path, C5_U16, FRAMES * OBJECTS, 1, 8, 8, 5));
	sample_input(&s, experiment, "objects", r);
	sample_array(f, &s, crops);
	snprintf(path, sizeof path, "/experiments/%s/crops/%s/index", experiment, r);
	MUST(c5_spec_table(&s, path, FRAMES * OBJECTS, FRAMES * OBJECTS));
	MUST(c5_spec_column(&s, "object", C5_U32));
	MUST(c5_spec_column(&s, "frame", C5_U32));
	MUST(c5_spec_column(&s, "label", C5_U32));
	sample_array(f, &s, index);
}

static inline void sample_publish(c5_file *f, const char *experiment, uint32_t number)
{
	static const char *const products[] = { "masks", "frames", "objects", "crops" };
	for (int i = 0; i < 4; i++) MUST(c5_revision_publish(f, experiment, products[i], number));
}

static inline void sample_run_begin(c5_file *f, c5_run_info *r, const char *command)
{
	*r = (c5_run_info){ .command = c5_strdup(command), .command_line = c5_format("cyto5 %s sample.h5 --channel phase", command),
		.configuration = c5_strdup("method: otsu\nsigma: 1.5\n"), .inputs = c5_strdup("A01: raw\n"), .libraries = c5_strdup("HDF5 1.10.8\n"),
		.software = c5_strdup("cyto5 0.1.0 (0123456789ab)"), .hosts = c5_strdup("node1,node2"), .user = c5_strdup("somebody"),
		.ranks = 2, .threads = 4, .seed = 7 };
	MUST(c5_run_begin(f, r));
}

static inline void sample_run_end(c5_file *f, c5_run_info *r, const char *state)
{
	MUST(c5_run_end(f, r, state));
	c5_run_info_free(r);
}

static inline void sample_experiment(c5_file *f, const char *name, const char *well)
{
	c5_experiment e = { .name = c5_strdup(name), .pixel_size_um = 0.65, .z_step_um = 0.0 / 1, .frame_interval_s = 600 };
	e.texts[0] = c5_strdup("P1");
	e.texts[1] = c5_strdup(well);
	e.texts[3] = c5_strdup("control");
	MUST(c5_experiment_make(f, &e));
	c5_experiment_free(&e);
}

/* The complete sample: run r000001 took in A01 and A02, run r000002 made the results of both. */
static inline void sample_container(const char *path)
{
	static const char *const names[] = { "A01", "A02" };
	c5_file *f;
	c5_run_info run;
	unlink(path);
	MUST(c5_file_create(path, "a sample"));
	MUST(c5_file_open(&f, path, C5_WRITE, "test"));
	sample_run_begin(f, &run, "ingest");
	for (uint64_t i = 0; i < 2; i++) {
		sample_experiment(f, names[i], names[i]);
		sample_raw(f, names[i], "phase", 2 * i);
		sample_raw(f, names[i], "gfp", 2 * i + 1);
	}
	MUST(c5_file_commit(f, true));
	sample_run_end(f, &run, "complete");
	MUST(c5_file_commit(f, true));
	sample_run_begin(f, &run, "run");
	for (int i = 0; i < 2; i++) sample_results(f, names[i], run.number, i);
	MUST(c5_file_commit(f, true));
	for (int i = 0; i < 2; i++) sample_publish(f, names[i], run.number);
	sample_run_end(f, &run, "complete");
	MUST(c5_file_commit(f, false));
	MUST(c5_file_close(f));
}

#endif
