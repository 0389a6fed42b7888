/* bench_stain.c – a dense stain map of a frame, timed. stain.py runs it beside PyTorch on the same numbers and the same tiles.
 *
 *     bench_stain [--size PX] [--channels N] [--depth N] [--width W] [--tile PX] [--precision fp32|bf16] [--reps N] [--dump DIR]
 *
 * The network is that of `cyto5 stain train --method dense`, its numbers are random. One JSON line: seconds a frame (median, least), megapixels a
 * second.
 * --dump writes what another library needs to repeat it: stain.json, weights.f32 (layer by layer, as the model has them), input.f32, output.f32. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/options.h"
#include "base/random.h"
#include "stain/stainer.h"

typedef struct settings { char *precision, *device, *dump; int64_t size, channels, depth, tile, reps, first; double width; } settings;
#define F(member) offsetof(settings, member)
static const c5_opt opts[] = {
	{ "size", C5_OPT_INT, F(size), "1024", 64, 8192, "px", NULL, "height and width" },
	{ "channels", C5_OPT_INT, F(channels), "1", 1, 64, NULL, NULL, "planes seen" },
	{ "depth", C5_OPT_INT, F(depth), "3", 1, 5, NULL, NULL, "levels" },
	{ "width", C5_OPT_REAL, F(width), "1", 0.125, 8, NULL, NULL, "filters, 1: 32 at the first level" },
	{ "tile", C5_OPT_INT, F(tile), "512", 64, 8192, "px", NULL, "side of a tile" },
	{ "precision", C5_OPT_CHOICE, F(precision), "fp32", 0, 0, NULL, "fp32|bf16", "arithmetic" },
	{ "device", C5_OPT_TEXT, F(device), "cpu", 0, 0, NULL, "DEVICE", "where" },
	{ "reps", C5_OPT_INT, F(reps), "3", 1, 1000, NULL, NULL, "frames timed" },
	{ "first", C5_OPT_INT, F(first), "1", 0, 1000, NULL, NULL, "frames before" },
	{ "dump", C5_OPT_TEXT, F(dump), NULL, 0, 0, NULL, "DIR", "write network, input and output" },
	{ 0 }
};

typedef struct bench { settings set; c5_device *device; c5_model *model; c5_weights *weights; c5_stainer *stainer; float *input, *map;
	c5_recipe recipe; } bench;

static int write_floats(const char *dir, const char *name, const float *data, size_t n)
{
	char *path = c5_format("%s/%s.f32", dir, name);
	FILE *f = path ? fopen(path, "wb") : NULL;
	bool good = f && fwrite(data, sizeof *data, n, f) == n;
	if (f && fclose(f)) good = false;
	int err = good ? C5_OK : c5_fail(C5_EIO, "%s: cannot be written", path ? path : dir);
	free(path);
	return err;
}

static double norm_epsilon(const c5_model *m)
{
	for (int l = 0; l < m->n_layers; l++)
		if (!strcmp(c5_layer_kind_name(m->layers[l].kind), "batch_norm")) return (double)m->layers[l].epsilon;
	return 1e-5;
}

static int dump(const bench *b)
{
	const size_t pixels = (size_t)b->set.size * (size_t)b->set.size;
	char *path = c5_format("%s/stain.json", b->set.dump);
	FILE *f = path ? fopen(path, "w") : NULL;
	int err = f ? C5_OK : c5_fail(C5_EIO, "%s: cannot be written", path ? path : b->set.dump);
	if (err < 0) goto done;
	fprintf(f, "{\"epsilon\":%g,\"size\":%" PRId64 ",\"channels\":%" PRId64 ",\"depth\":%" PRId64 ",\"tile\":%zu,\"step\":%zu,\"arrays\":[",
		norm_epsilon(b->model), b->set.size, b->set.channels, b->set.depth, c5_stainer_tiling(b->stainer)->size[0], c5_stainer_tiling(b->stainer)->step[0]);
	bool first = true;
	for (int l = 0; l < b->model->n_layers; l++)
		for (int p = 0; p < b->model->layers[l].n_params; p++, first = false) {
			fprintf(f, "%s{\"name\":\"%s/%s\",\"shape\":[", first ? "" : ",", b->model->layers[l].name, b->model->layers[l].params[p].name);
			for (int k = 0; k < b->model->layers[l].params[p].rank; k++) fprintf(f, "%s%d", k ? "," : "", b->model->layers[l].params[p].shape[k]);
			fprintf(f, "]}");
		}
	fprintf(f, "]}\n");
	if (fclose(f)) err = c5_fail(C5_EIO, "%s: cannot be written", path);
	if (err == C5_OK) err = write_floats(b->set.dump, "weights", b->weights->data, b->weights->count);
	if (err == C5_OK) err = write_floats(b->set.dump, "input", b->input, pixels * (size_t)b->set.channels);
	if (err == C5_OK) err = write_floats(b->set.dump, "output", b->map, pixels);
done:
	free(path);
	return err;
}

/* Weights as they start, norms as after some training: all numbers take part. */
static void draw(bench *b)
{
	c5_random r;
	c5_random_start(&r, 1, 2);
	c5_weights_init(b->weights, b->model, 1);
	for (int l = 0; l < b->model->n_layers; l++)
		for (int p = 0; p < b->model->layers[l].n_params; p++) {
			const char *name = b->model->layers[l].params[p].name;
			float *w = c5_weights_of(b->weights, l, p);
			for (size_t i = 0; i < b->model->layers[l].params[p].count; i++) {
				if (!strcmp(name, "scale")) w[i] = (float)c5_random_range(&r, 0.7, 1.3);
				if (!strcmp(name, "shift") || !strcmp(name, "mean")) w[i] = (float)c5_random_range(&r, -0.1, 0.1);
				if (!strcmp(name, "variance")) w[i] = (float)c5_random_range(&r, 0.8, 1.6);
			}
		}
}

static int open_bench(bench *b)
{
	const settings *s = &b->set;
	const size_t pixels = (size_t)s->size * (size_t)s->size;
	c5_random r;
	int err;
	b->recipe = (c5_recipe){ .dense = true, .channels = 1, .planes = (int)s->channels, .markers = 1, .mean = { 0 }, .sd = { 1 }, .block = 16,
		.stride = 8 };
	for (int i = 0; i < (int)s->channels; i++) b->recipe.plane[i] = i;
	if ((err = c5_stain_dense_net(&b->model, (int)s->channels, 64, 64, 1, false, (int)s->depth, s->width)) < 0 ||
	    (err = c5_weights_new(&b->weights, b->model)) < 0 || (err = c5_device_open(&b->device, s->device)) < 0 ||
	    (err = c5_alloc_aligned(&b->input, pixels * (size_t)s->channels, sizeof(float))) < 0 ||
	    (err = c5_alloc_aligned(&b->map, pixels, sizeof(float))) < 0)
		return err;
	draw(b);
	c5_random_start(&r, 3, 4);
	for (size_t i = 0; i < pixels * (size_t)s->channels; i++) b->input[i] = (float)c5_random_normal(&r);
	const c5_stainer_how how = { .tile = (size_t)s->tile, .precision = strcmp(s->precision, "bf16") ? C5_FP32 : C5_BF16 };
	return c5_stainer_open(&b->stainer, b->device, b->model, b->weights, &b->recipe, (size_t)s->size, (size_t)s->size, &how);
}

static int by_value(const void *x, const void *y)
{
	const double a = *(const double *)x, b = *(const double *)y;
	return (a > b) - (a < b);
}

static int run(bench *b)
{
	double *took;
	int err = c5_alloc(&took, (size_t)b->set.reps, sizeof *took);
	for (int64_t i = -b->set.first; i < b->set.reps && err == C5_OK; i++) {
		const double start = c5_clock_s();
		err = c5_stainer_frame(b->stainer, b->input, b->map, NULL);
		if (i >= 0) took[i] = c5_clock_s() - start;
	}
	if (err == C5_OK && b->set.dump) err = dump(b);
	if (err == C5_OK) {
		qsort(took, (size_t)b->set.reps, sizeof *took, by_value);
		const double median = took[b->set.reps / 2];
		printf("{\"seconds\":%.6f,\"least\":%.6f,\"megapixels_s\":%.4f,\"device\":\"%s\"}\n", median, took[0],
			(double)(b->set.size * b->set.size) / median / 1e6, c5_device_name(b->device));
	}
	free(took);
	return err;
}

int main(int argc, char **argv)
{
	bench b = { 0 };
	const c5_opt_group groups[] = { { "Settings", opts, &b.set }, { NULL, NULL, NULL } };
	bool help = false;
	int err = c5_opt_defaults(opts, &b.set);
	if (err == C5_OK) err = c5_opt_parse(groups, argc, argv, NULL, NULL, &help);
	if (err == C5_OK && help) c5_opt_help(stdout, groups);
	if (err == C5_OK && !help && (err = open_bench(&b)) == C5_OK) err = run(&b);
	if (err < 0) fprintf(stderr, "bench_stain: %s\n", c5_error_last());
	c5_stainer_close(b.stainer);
	c5_weights_free(b.weights);
	c5_model_free(b.model);
	c5_device_close(b.device);
	free(b.input);
	free(b.map);
	c5_opt_clear(opts, &b.set);
	return err < 0;
}
