/* bench_nn.c – passes of a network that ships through the engine, timed. nn.py runs it beside other libraries on the same numbers.
 *
 *     bench_nn [--net NAME] [--size PX] [--batch N] [--mode train|infer] [--precision fp32|bf16] [--reps N] [--dump DIR] [--serve]
 *
 * Training: set the input, forward, loss (cross-entropy; binary for one class), backward, one step of SGD with momentum 0.9, running statistics.
 * Inference: input, forward, output. One JSON line: milliseconds a pass (median, least), items a second, share of a pass in the library's
 * convolutions and products, memory, losses of the first passes. --serve times no passes by itself, but one for each line it reads, and answers
 * with its milliseconds. --dump writes what another library needs to repeat it: layers.json, weights.f32, input.f32, target.f32, output.f32. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/options.h"
#include "base/random.h"
#include "nn/net.h"

typedef struct settings { char *net, *mode, *precision, *device, *dump; int64_t size, channels, classes, batch, reps, first; bool dropout, plain,
	serve; double width; } settings;
static const c5_opt opts[] = {
	{ "net", C5_OPT_TEXT, offsetof(settings, net), "resnet18", 0, 0, NULL, "NAME", "network" },
	{ "mode", C5_OPT_CHOICE, offsetof(settings, mode), "train", 0, 0, NULL, "train|infer", "what to time" },
	{ "precision", C5_OPT_CHOICE, offsetof(settings, precision), "fp32", 0, 0, NULL, "fp32|bf16", "arithmetic" },
	{ "device", C5_OPT_TEXT, offsetof(settings, device), "cpu", 0, 0, NULL, "DEVICE", "where" },
	{ "size", C5_OPT_INT, offsetof(settings, size), "64", 1, 4096, "px", NULL, "height and width" },
	{ "channels", C5_OPT_INT, offsetof(settings, channels), "1", 1, 64, NULL, NULL, "of the input" },
	{ "classes", C5_OPT_INT, offsetof(settings, classes), "2", 1, 4096, NULL, NULL, "of the output" },
	{ "batch", C5_OPT_INT, offsetof(settings, batch), "64", 1, 65536, NULL, NULL, "items of a pass" },
	{ "reps", C5_OPT_INT, offsetof(settings, reps), "10", 1, 100000, NULL, NULL, "passes timed" },
	{ "first", C5_OPT_INT, offsetof(settings, first), "3", 0, 1000, NULL, NULL, "passes before" },
	{ "width", C5_OPT_REAL, offsetof(settings, width), "0", 0, 16, NULL, NULL, "of the network (0: its own)" },
	{ "dropout", C5_OPT_BOOL, offsetof(settings, dropout), "true", 0, 0, NULL, NULL, "as in the network, else none" },
	{ "shares", C5_OPT_BOOL, offsetof(settings, plain), "true", 0, 0, NULL, NULL, "take the shares of time too, in passes of their own" },
	{ "serve", C5_OPT_BOOL, offsetof(settings, serve), "false", 0, 0, NULL, NULL,
		"after the first passes and the JSON line, a pass for each line read" },
	{ "dump", C5_OPT_TEXT, offsetof(settings, dump), NULL, 0, 0, NULL, "DIR", "write weights, input, target, output" },
	{ 0 }
};

typedef struct bench {
	settings set;
	c5_device *device;
	c5_model *model;
	c5_weights *weights;
	c5_net *net;
	float *input, *target, *output, *statistics;
	size_t n_in, n_out;
	double losses[8];
} bench;

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

static void write_layer(FILE *f, const c5_model *m, int l)
{
	const c5_layer *a = &m->layers[l];
	fprintf(f, "%s{\"name\":\"%s\",\"kind\":\"%s\",\"inputs\":[", l ? ",\n " : "[", a->name, c5_layer_kind_name(a->kind));
	for (int k = 0; k < a->n_inputs; k++) fprintf(f, "%s%d", k ? "," : "", a->inputs[k]);
	fprintf(f, "],\"filters\":%d,\"kernel\":[%d,%d],\"stride\":[%d,%d],\"groups\":%d,\"pad\":[%d,%d,%d,%d],\"activation\":\"%s\",\"epsilon\":%.9g,"
		"\"momentum\":%.9g,"
		"\"rate\":%.9g,\"shape\":[", a->filters, a->kernel[0], a->kernel[1], a->stride[0], a->stride[1], a->groups, a->pad[0], a->pad[1], a->pad[2],
		a->pad[3], c5_activation_name(a->activation), (double)a->epsilon, (double)a->momentum, (double)a->rate);
	for (int k = 0; k < a->rank; k++) fprintf(f, "%s%d", k ? "," : "", a->shape[k]);
	fprintf(f, "],\"params\":[");
	for (int k = 0; k < a->n_params; k++) {
		fprintf(f, "%s{\"name\":\"%s\",\"shape\":[", k ? "," : "", a->params[k].name);
		for (int i = 0; i < a->params[k].rank; i++) fprintf(f, "%s%d", i ? "," : "", a->params[k].shape[i]);
		fprintf(f, "]}");
	}
	fprintf(f, "]}");
}

static int dump(const bench *b)
{
	const char *dir = b->set.dump;
	char *path = c5_format("%s/layers.json", dir);
	FILE *f = path ? fopen(path, "w") : NULL;
	if (!f) {
		free(path);
		return c5_fail(C5_EIO, "%s/layers.json: cannot be written", dir);
	}
	for (int l = 0; l < b->model->n_layers; l++) write_layer(f, b->model, l);
	fprintf(f, "]\n");
	int err = fclose(f) ? c5_fail(C5_EIO, "%s: cannot be written", path) : C5_OK;
	free(path);
	if (!err) err = write_floats(dir, "weights", b->weights->data, b->weights->count);
	if (!err) err = write_floats(dir, "input", b->input, b->n_in);
	return err ? err : write_floats(dir, "target", b->target, b->n_out);
}

static int make(bench *b)
{
	const settings *s = &b->set;
	bool train = !strcmp(s->mode, "train");
	c5_random r;
	int err = c5_device_open(&b->device, s->device);
	if (!err) err = c5_model_named(&b->model, s->net, (int)s->channels, (int)s->size, (int)s->size, (int)s->classes, s->width);
	for (int l = 0; !err && !s->dropout && l < b->model->n_layers; l++)
		if (b->model->layers[l].kind == C5_LAYER_DROPOUT) b->model->layers[l].rate = 0;
	if (!err) err = c5_weights_new(&b->weights, b->model);
	if (err) return err;
	c5_weights_init(b->weights, b->model, 5);
	const c5_layer *out = &b->model->layers[b->model->outputs[0]];
	size_t batch = (size_t)s->batch, positions = 1;
	for (int i = 1; i < out->rank; i++) positions *= (size_t)out->shape[i];
	b->n_in = batch * (size_t)(s->channels * s->size * s->size);
	b->n_out = batch * (size_t)out->shape[0] * positions;
	if ((err = c5_alloc(&b->input, b->n_in, sizeof(float))) || (err = c5_alloc(&b->target, b->n_out, sizeof(float))) ||
		(err = c5_alloc(&b->output, b->n_out, sizeof(float)))) return err;
	c5_random_start(&r, 11, 0);
	for (size_t i = 0; i < b->n_in; i++) b->input[i] = (float)c5_random_normal(&r);
	for (size_t n = 0; n < batch; n++)
		for (size_t p = 0; p < positions; p++) {
			size_t c = c5_random_below(&r, out->shape[0] == 1 ? 2 : (uint64_t)out->shape[0]);
			if (out->shape[0] == 1) b->target[n * positions + p] = (float)c;
			else b->target[(n * (size_t)out->shape[0] + c) * positions + p] = 1;
		}
	c5_net_how how = { .batch = (int)s->batch, .training = train, .precision = !strcmp(s->precision, "bf16") ? C5_BF16 : C5_FP32 };
	if (s->dump && (err = dump(b))) return err;
	if ((err = c5_net_make(&b->net, b->device, b->model, b->weights, &how))) return err;
	return c5_alloc(&b->statistics, c5_net_statistics(b->net) + 1, sizeof *b->statistics);
}

static int pass(bench *b, int64_t index)
{
	const settings *s = &b->set;
	const float *targets[1] = { b->target };
	int items = (int)s->batch, err = c5_net_input(b->net, 0, b->input, items);
	double loss = 0;
	if (!err) err = c5_net_forward(b->net, 1, (uint64_t)(index * s->batch));
	if (strcmp(s->mode, "train")) return err ? err : c5_net_output(b->net, 0, b->output, items);
	c5_loss l = { .kind = s->classes == 1 ? C5_LOSS_BINARY : C5_LOSS_CROSS_ENTROPY, .share = 1 };
	c5_optimizer o = { .kind = C5_OPT_SGD, .momentum = 0.9f };
	if (!err) err = c5_net_loss(b->net, &l, 1, targets, NULL, items, 1.0 / (double)items, &loss);
	if (!err) err = c5_net_backward(b->net, NULL, NULL);
	if (!err) err = c5_net_step(b->net, &o, NULL, 0.01, NULL);
	if (!err) err = c5_net_statistics_get(b->net, b->statistics); /* waits for all that came before */
	if (!err && c5_net_statistics(b->net)) err = c5_net_statistics_put(b->net, b->statistics);
	if (index < 8) b->losses[index] = loss;
	return err;
}

static int serve(bench *b, int64_t index)
{
	char line[64];
	int err = C5_OK;
	fflush(stdout);
	while (!err && fgets(line, sizeof line, stdin)) {
		double from = c5_clock_s();
		err = pass(b, index++);
		printf("%.4f\n", (c5_clock_s() - from) * 1e3);
		fflush(stdout);
	}
	return err;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static int run(bench *b)
{
	const settings *s = &b->set;
	double *took;
	c5_net_times times = { 0 };
	int err = c5_alloc(&took, (size_t)s->reps, sizeof *took);
	int64_t index = 0;
	for (int64_t i = 0; i < s->first && !err; i++) err = pass(b, index++);
	for (int64_t i = 0; i < s->reps && !err; i++) {
		double from = c5_clock_s();
		err = pass(b, index++);
		took[i] = c5_clock_s() - from;
	}
	double measured = 0;
	if (!err && s->plain) {
		c5_net_timing(b->net, true);
		double from = c5_clock_s();
		for (int i = 0; i < 3 && !err; i++) err = pass(b, index++);
		measured = c5_clock_s() - from;
		c5_net_spent(b->net, &times);
	}
	if (!err && s->dump) err = write_floats(s->dump, "output", b->output, b->n_out);
	if (!err) {
		qsort(took, (size_t)s->reps, sizeof *took, by_value);
		double median = took[s->reps / 2];
		printf("{\"net\":\"%s\",\"mode\":\"%s\",\"precision\":\"%s\",\"size\":%" PRId64 ",\"batch\":%" PRId64 ",\"device\":\"%s\",\"ms\":%.4f,"
			"\"least_ms\":%.4f,"
			"\"items_s\":%.2f,\"share_conv\":%.4f,\"mib\":%.1f,\"losses\":[", s->net, s->mode, s->precision, s->size, s->batch, c5_device_name(b->device),
			median * 1e3, took[0] * 1e3, (double)s->batch / median, measured > 0 ? times.conv_s / measured : 0, (double)c5_net_bytes(b->net) / (1 << 20));
		for (int i = 0; i < 8 && i < index; i++) printf("%s%.7g", i ? "," : "", b->losses[i]);
		printf("]}\n");
	}
	free(took);
	return err || !s->serve ? err : serve(b, index);
}

int main(int argc, char **argv)
{
	bench b = { 0 };
	const c5_opt_group groups[] = { { "Bench", opts, &b.set }, { NULL, NULL, NULL } };
	bool help = false;
	int err = c5_opt_defaults(opts, &b.set);
	if (!err) err = c5_opt_parse(groups, argc, argv, NULL, NULL, &help);
	if (!err && help) c5_opt_help(stdout, groups);
	if (!err && !help && !(err = make(&b))) err = run(&b);
	if (err) fprintf(stderr, "bench_nn: %s\n", c5_error_last());
	c5_net_free(b.net);
	c5_weights_free(b.weights);
	c5_model_free(b.model);
	c5_device_close(b.device);
	free(b.input);
	free(b.target);
	free(b.output);
	free(b.statistics);
	c5_opt_clear(opts, &b.set);
	return err != C5_OK;
}
