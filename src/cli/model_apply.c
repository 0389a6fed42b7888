/* model_apply.c – `cyto5 model apply`: a network on arrays of numbers, .npy in and out, batch by batch. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/dtype.h"
#include "base/disk.h"
#include "base/error.h"
#include "base/log.h"
#include "cli/model.h"
#include "formats/npy.h"
#include "nn/net.h"
#include "pipeline/trained.h"

struct apply { char *device, *precision; int64_t batch; bool channels_last, force; };
static const c5_opt apply_opts[] = {
	{ "device", C5_OPT_TEXT, offsetof(struct apply, device), "auto", 0, 0, NULL, "NAME", "auto, cpu, cuda or cuda:N" },
	{ "precision", C5_OPT_CHOICE, offsetof(struct apply, precision), "fp32", 0, 0, NULL, "fp32|bf16", "of the arithmetic" },
	{ "batch", C5_OPT_INT, offsetof(struct apply, batch), "32", 1, 65536, NULL, NULL, "items at a time" },
	{ "channels-last", C5_OPT_BOOL, offsetof(struct apply, channels_last), NULL, 0, 0, NULL, NULL, "arrays are (N, H, W, C); else (N, C, H, W)" },
	{ "force", C5_OPT_BOOL, offsetof(struct apply, force), NULL, 0, 0, NULL, NULL, "write over a file that is there" },
	{ 0 },
};

/* Items of one shape on their way in or out. */
typedef struct numbers { FILE *file; char *path; c5_npy head; uint64_t n; size_t count; uint8_t *raw; float *numbers, *turned; } numbers;

static void close_numbers(numbers *x)
{
	if (x->file) fclose(x->file);
	free(x->path);
	free(x->raw);
	free(x->numbers);
	free(x->turned);
}

static size_t count_of(const c5_layer *l)
{
	size_t n = 1;
	for (int d = 0; d < l->rank; d++) n *= (size_t)l->shape[d];
	return n;
}

/* The dims of an item as files have it. */
static int file_dims(uint64_t dims[3], const c5_layer *l, bool channels_last)
{
	for (int d = 0; d < l->rank; d++) dims[d] = (uint64_t)l->shape[l->rank == 3 && channels_last ? (d + 1) % 3 : d];
	return l->rank;
}

static int check_shape(const numbers *in, const c5_layer *l, bool channels_last)
{
	uint64_t want[3];
	char have[96] = "", need[96] = "";
	int rank = file_dims(want, l, channels_last);
	bool same = in->head.rank == rank + 1;
	for (int d = 0; same && d < rank; d++) same = in->head.dims[d + 1] == want[d];
	if (same) return C5_OK;
	for (int d = 0; d < in->head.rank; d++)
		snprintf(have + strlen(have), sizeof have - strlen(have), "%s%llu", d ? " x " : "", (unsigned long long)in->head.dims[d]);
	for (int d = 0; d < rank; d++) snprintf(need + strlen(need), sizeof need - strlen(need), " x %llu", (unsigned long long)want[d]);
	return c5_fail(C5_EINPUT, "%s: an array of %s, the model takes N%s%s", in->path, have, need,
	               rank == 3 && !channels_last ? " (or --channels-last)" : "");
}

static int open_in(numbers *in, const char *path, const c5_layer *l, const struct apply *set)
{
	uint8_t start[C5_NPY_PREAMBLE], *header = NULL;
	size_t length = 0;
	int err = (in->path = c5_strdup(path)) ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
	if (err < 0) return err;
	if (!(in->file = fopen(path, "rb"))) return c5_fail(errno == ENOENT ? C5_ENOTFOUND : C5_EIO, "%s: %s", path, strerror(errno));
	if (fread(start, 1, sizeof start, in->file) != sizeof start) return c5_fail(C5_EINPUT, "%s: no .npy file", path);
	if ((err = c5_npy_length(start, path, &length)) < 0 || (err = c5_alloc(&header, length, 1)) < 0) return err;
	memcpy(header, start, sizeof start);
	if (fread(header + sizeof start, 1, length - sizeof start, in->file) != length - sizeof start) err = c5_fail(C5_EINPUT, "%s: is cut short", path);
	else err = c5_npy_parse(&in->head, header, length, path);
	free(header);
	if (err < 0 || (err = check_shape(in, l, set->channels_last)) < 0) return err;
	in->n = in->head.dims[0];
	in->count = count_of(l);
	if ((err = c5_alloc(&in->raw, (size_t)set->batch * in->count, c5_dtype_size(in->head.dtype))) < 0) return err;
	if ((err = c5_alloc(&in->numbers, (size_t)set->batch * in->count, sizeof(float))) < 0) return err;
	return c5_alloc(&in->turned, (size_t)set->batch * in->count, sizeof(float));
}

static int open_out(numbers *out, const char *path, uint64_t n, const c5_layer *l, const struct apply *set)
{
	uint64_t dims[4] = { n };
	c5_buf head = { 0 };
	if (!set->force && access(path, F_OK) == 0) return c5_fail(C5_EUSAGE, "%s: is there already; --force writes over it", path);
	int err = c5_disk_spare(path);
	if (err < 0) return err;
	if (!(out->path = c5_format("%s.part", path))) return c5_fail(C5_ENOMEM, "out of memory");
	if (!(out->file = fopen(out->path, "wb"))) return c5_fail(C5_EIO, "%s: %s", out->path, strerror(errno));
	out->count = count_of(l);
	c5_npy_header(&head, C5_F32, 1 + file_dims(dims + 1, l, set->channels_last), dims);
	err = head.err;
	if (err == C5_OK && fwrite(head.data, 1, head.size, out->file) != head.size) err = c5_fail(C5_EIO, "%s: %s", out->path, strerror(errno));
	c5_buf_free(&head);
	if (err < 0 || (err = c5_alloc(&out->numbers, (size_t)set->batch * out->count, sizeof(float))) < 0) return err;
	return c5_alloc(&out->turned, (size_t)set->batch * out->count, sizeof(float));
}

#define TAKE(type) for (size_t i = 0; i < n; i++) to[i] = (float)((const type *)raw)[i]
static void to_floats(float *to, int dtype, const void *raw, size_t n)
{
	switch (dtype) {
	case C5_U8: TAKE(uint8_t); break;
	case C5_U16: TAKE(uint16_t); break;
	case C5_U32: TAKE(uint32_t); break;
	case C5_U64: TAKE(uint64_t); break;
	case C5_I8: TAKE(int8_t); break;
	case C5_I16: TAKE(int16_t); break;
	case C5_I32: TAKE(int32_t); break;
	case C5_I64: TAKE(int64_t); break;
	case C5_F64: TAKE(double); break;
	default: memcpy(to, raw, n * sizeof *to);
	}
}

/* (h, w, c) to (c, h, w), or back. */
static void turn(float *to, const float *from, const c5_layer *l, int items, bool to_last)
{
	size_t c = (size_t)l->shape[0], hw = (size_t)l->shape[1] * (size_t)l->shape[2];
	for (int k = 0; k < items; k++, to += c * hw, from += c * hw)
		for (size_t i = 0; i < c; i++)
			for (size_t p = 0; p < hw; p++)
				if (to_last) to[p * c + i] = from[i * hw + p];
				else to[i * hw + p] = from[p * c + i];
}

static int one_batch(c5_net *net, const c5_model *m, numbers *in, numbers *out, int n, bool last)
{
	const c5_layer *first = &m->layers[0], *end = &m->layers[m->outputs[0]];
	size_t size = c5_dtype_size(in->head.dtype), count = (size_t)n * in->count;
	if (fread(in->raw, size, count, in->file) != count) return c5_fail(C5_EINPUT, "%s: is cut short", in->path);
	if (in->head.swapped) c5_swap_bytes(in->raw, count, size);
	to_floats(in->numbers, in->head.dtype, in->raw, count);
	bool turned = last && first->rank == 3;
	if (turned) turn(in->turned, in->numbers, first, n, false);
	int err = c5_net_input(net, 0, turned ? in->turned : in->numbers, n);
	if (err == C5_OK) err = c5_net_forward(net, 0, 0);
	if (err == C5_OK) err = c5_net_output(net, 0, out->numbers, n);
	if (err < 0) return err;
	turned = last && end->rank == 3;
	if (turned) turn(out->turned, out->numbers, end, n, true);
	count = (size_t)n * out->count;
	if (fwrite(turned ? out->turned : out->numbers, sizeof(float), count, out->file) == count) return C5_OK;
	return c5_fail(C5_EIO, "%s: %s", out->path, strerror(errno));
}

static int finish(numbers *out, const char *path)
{
	int closed = fclose(out->file);
	out->file = NULL;
	return closed != 0 ? c5_fail(C5_EIO, "%s: %s", path, strerror(errno)) : c5_disk_name(out->path, path);
}

static int run_all(c5_net *net, const c5_model *m, numbers *in, const char *path, const struct apply *set, const char *device)
{
	numbers out = { 0 };
	char span[C5_SPAN_TEXT];
	double began = c5_clock_s();
	int err = open_out(&out, path, in->n, &m->layers[m->outputs[0]], set);
	for (uint64_t done = 0; err == C5_OK && done < in->n; done += (uint64_t)set->batch) {
		uint64_t left = in->n - done;
		err = one_batch(net, m, in, &out, left < (uint64_t)set->batch ? (int)left : (int)set->batch, set->channels_last);
	}
	if (err == C5_OK) err = finish(&out, path);
	else if (out.path) unlink(out.path);
	if (err == C5_OK)
		c5_log(C5_LOG_INFO, "%s: %llu items in %s on %s", path, (unsigned long long)in->n, c5_clock_span(span, c5_clock_s() - began), device);
	close_numbers(&out);
	return err;
}

static int run(int argc, char **argv)
{
	struct apply set = { 0 };
	const c5_opt_group groups[] = { { "Apply", apply_opts, &set }, { NULL, NULL, NULL } };
	c5_cli cli;
	c5_model *m = NULL;
	c5_weights *w = NULL;
	c5_device *device = NULL;
	c5_net *net = NULL;
	numbers in = { 0 };
	c5_stored_model s;
	c5_stored_model_init(&s);
	int err = c5_cli_open(&cli, &c5_cmd_model_apply, groups, argc, argv, 3, 3);
	if (err < 0 || cli.helped || (err = c5_trained_read(&m, &w, &s, cli.words[0])) < 0) goto done;
	if (m->n_layers > 1 && m->layers[1].kind == C5_LAYER_INPUT) err = c5_fail(C5_EUSAGE, "%s: takes several inputs; one is taken here", cli.words[0]);
	if (err < 0 || (err = open_in(&in, cli.words[1], &m->layers[0], &set)) < 0) goto done;
	c5_net_how how = { .batch = (int)set.batch, .precision = strcmp(set.precision, "bf16") == 0 ? C5_BF16 : C5_FP32 };
	if ((err = c5_device_open(&device, set.device)) == C5_OK && (err = c5_net_make(&net, device, m, w, &how)) == C5_OK)
		err = run_all(net, m, &in, cli.words[2], &set, c5_device_name(device));
done:
	close_numbers(&in);
	c5_net_free(net);
	c5_device_close(device);
	c5_stored_model_free(&s);
	c5_weights_free(w);
	c5_model_free(m);
	c5_cli_close(&cli, groups);
	return err;
}

const c5_command c5_cmd_model_apply = {
	"model apply", C5_LEARN, "put arrays of numbers (.npy) through a network", "FILE.h5:NAME IN.npy OUT.npy",
	"cyto5 model apply plate.h5:senescence crops.npy probabilities.npy\n"
	"cyto5 model apply plate.h5:lenet images.npy out.npy --channels-last --batch 128 --device cuda\n",
	run,
};
