/* cuda.c – a GPU as a device: memory, the stream, recorded passes, and the table c5_backend_cuda.
 *
 * Everything goes through one stream in order. A pass is run plainly the first time (the library loads its code then), recorded as a CUDA graph
 * the second time, and launched as one from then on; what changes from pass to pass (the seed of dropout) lies in device memory and is set before. */
#include "nn/cuda.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

int c5_cu_status(cudaError_t e, const char *what)
{
	if (e == cudaSuccess) return C5_OK;
	(void)cudaGetLastError(); /* else the next launch would seem to have failed */
	if (e == cudaErrorMemoryAllocation) return c5_fail(C5_ENOMEM, "out of GPU memory for %s", what);
	return c5_fail(C5_EFAIL, "CUDA: %s: %s", what, cudaGetErrorString(e));
}

/* ---- device ---- */

static void cu_close(void *dev)
{
	c5_cu *d = dev;
	cudaSetDevice(d->index);
	if (d->stream) cudaStreamSynchronize(d->stream);
	if (d->cudnn) cudnnDestroy(d->cudnn);
	for (int i = 0; i < C5_CU_STAGES; i++) {
		if (d->stage.gone[i]) cudaEventDestroy(d->stage.gone[i]);
		if (d->stage.part[i]) cudaFreeHost(d->stage.part[i]);
	}
	if (d->pass) cudaFree(d->pass);
	if (d->value) cudaFree(d->value);
	if (d->host_value) cudaFreeHost(d->host_value);
	if (d->stream) cudaStreamDestroy(d->stream);
	(void)cudaGetLastError();
	free(d);
}

int c5_cuda_count(int *n)
{
	*n = 0;
	cudaError_t e = cudaGetDeviceCount(n);
	if (e == cudaSuccess && *n < 1) e = cudaErrorNoDevice;
	if (e == cudaSuccess) return C5_OK;
	(void)cudaGetLastError();
	return c5_fail(C5_ENOTFOUND, "device 'cuda': no NVIDIA GPU can be used here (%s); use --device cpu", cudaGetErrorString(e));
}

static int cu_sync(void *dev) { return c5_cu_status(cudaStreamSynchronize(((c5_cu *)dev)->stream), "waiting"); }

static int take_device(c5_cu *d)
{
	int err = c5_cu_status(cudaSetDevice(d->index), "the GPU");
	if (!err) err = c5_cu_status(cudaGetDeviceProperties(&d->prop, d->index), "the GPU");
	if (!err) err = c5_cu_status(cudaStreamCreateWithFlags(&d->stream, cudaStreamNonBlocking), "the GPU");
	for (int i = 0; i < C5_CU_STAGES && !err; i++) {
		err = c5_cu_status(cudaMallocHost((void **)&d->stage.part[i], C5_CU_STAGE), "staging");
		if (!err) err = c5_cu_status(cudaEventCreateWithFlags(&d->stage.gone[i], cudaEventDisableTiming), "staging");
	}
	if (!err) err = c5_cu_status(cudaMalloc((void **)&d->pass, sizeof *d->pass), "a pass");
	if (!err) err = c5_cu_status(cudaMalloc((void **)&d->value, sizeof *d->value), "a number");
	if (!err) err = c5_cu_status(cudaMallocHost((void **)&d->host_value, sizeof *d->host_value), "a number");
	if (!err) err = c5_k_set_pass(d->stream, d->pass, 0, 0); /* a GPU that this program has no code for fails here */
	if (!err) err = cu_sync(d);
	if (err) {
		char why[256];
		snprintf(why, sizeof why, "%s", c5_error_last());
		return c5_fail(C5_ENOTFOUND, "device 'cuda:%d' (%s, compute capability %d.%d) cannot be used: %s; use --device cpu", d->index, d->prop.name,
			d->prop.major, d->prop.minor, why);
	}
	cudnnStatus_t s = cudnnCreate(&d->cudnn);
	if (s == CUDNN_STATUS_SUCCESS) s = cudnnSetStream(d->cudnn, d->stream);
	return s == CUDNN_STATUS_SUCCESS ? C5_OK : c5_fail(C5_ENOTFOUND, "device 'cuda:%d' (%s): cuDNN does not start: %s", d->index, d->prop.name,
		cudnnGetErrorString(s));
}

static int cu_open(void **out, int index)
{
	c5_cu *d;
	int err = c5_alloc(&d, 1, sizeof *d);
	if (err) return err;
	const char *graphs = getenv("C5_CUDA_GRAPHS"), *tune = getenv("C5_CUDNN_TUNE");
	d->index = index;
	d->graphs = !graphs || strcmp(graphs, "0") != 0;
	d->tune = tune && strcmp(tune, "1") == 0;
	if ((err = take_device(d))) {
		cu_close(d);
		return err;
	}
	d->workspace_most = d->prop.totalGlobalMem / 16;
	if (d->workspace_most > (size_t)1 << 30) d->workspace_most = (size_t)1 << 30;
	*out = d;
	return C5_OK;
}

static void cu_describe(void *dev, char *text, size_t size)
{
	const c5_cu *d = dev;
	char uuid[33];
	for (int i = 0; i < 16; i++) snprintf(uuid + 2 * i, 3, "%02x", (unsigned)(unsigned char)d->prop.uuid.bytes[i]);
	snprintf(text, size, "cuda:%d %s GPU-%.8s-%.4s-%.4s-%.4s-%.12s", d->index, d->prop.name, uuid, uuid + 8, uuid + 12, uuid + 16, uuid + 20);
}

static bool cu_has_bf16(void *dev) { return ((c5_cu *)dev)->prop.major >= 8; }

static size_t cu_free_bytes(void *dev)
{
	size_t left = 0, all = 0;
	cudaSetDevice(((c5_cu *)dev)->index);
	if (cudaMemGetInfo(&left, &all) != cudaSuccess) (void)cudaGetLastError();
	return left;
}

/* A thread that did not open the device has another current one until it says so; kernels go to a stream of the current one only. */
static int current(c5_cu *d) { return d->recording ? C5_OK : c5_cu_status(cudaSetDevice(d->index), "the GPU"); }

/* ---- memory ---- */

static int cu_alloc(void *dev, void **p, size_t bytes)
{
	c5_cu *d = dev;
	*p = NULL;
	int err = current(d);
	if (err) return err;
	cudaError_t e = cudaMalloc(p, bytes ? bytes : 1);
	if (e == cudaErrorMemoryAllocation) {
		(void)cudaGetLastError();
		*p = NULL;
		return c5_fail(C5_ENOMEM, "out of GPU memory: %zu bytes wanted, %zu free", bytes, cu_free_bytes(d));
	}
	err = c5_cu_status(e, "memory");
	if (!err && bytes) err = c5_cu_status(cudaMemsetAsync(*p, 0, bytes, d->stream), "memory");
	return err;
}

static void cu_release(void *dev, void *p)
{
	c5_cu *d = dev;
	if (!p) return;
	cudaStreamSynchronize(d->stream);
	cudaFree(p);
}

static int cu_host_alloc(void *dev, void **p, size_t bytes)
{
	*p = NULL;
	int err = current(dev);
	if (err) return err;
	if (cudaMallocHost(p, bytes ? bytes : 1) == cudaSuccess) {
		memset(*p, 0, bytes);
		return C5_OK;
	}
	(void)cudaGetLastError();
	*p = NULL;
	return c5_fail(C5_ENOMEM, "out of memory: %zu bytes of page-locked memory wanted", bytes);
}

static void cu_host_release(void *dev, void *p)
{
	(void)dev;
	if (p) cudaFreeHost(p);
}

/* The next part of the staging memory, once what it held has travelled: an event never recorded is over. */
static int stage_take(c5_cu *d, int *part)
{
	*part = d->stage.next;
	d->stage.next = (*part + 1) % C5_CU_STAGES;
	return c5_cu_status(cudaEventSynchronize(d->stage.gone[*part]), "staging");
}

static size_t stage_size(size_t at, size_t bytes) { return bytes - at < C5_CU_STAGE ? bytes - at : C5_CU_STAGE; }

/* Through the staging memory: the caller's memory is free again on return, the device goes on. */
static int cu_upload(void *dev, void *to, const void *from, size_t bytes)
{
	c5_cu *d = dev;
	int err = current(d), part;
	for (size_t at = 0; at < bytes && !err; at += C5_CU_STAGE) {
		size_t n = stage_size(at, bytes);
		if ((err = stage_take(d, &part))) return err;
		memcpy(d->stage.part[part], (const uint8_t *)from + at, n);
		err = c5_cu_status(cudaMemcpyAsync((uint8_t *)to + at, d->stage.part[part], n, cudaMemcpyHostToDevice, d->stream), "an upload");
		if (!err) err = c5_cu_status(cudaEventRecord(d->stage.gone[part], d->stream), "an upload");
	}
	return err;
}

/* Whether the device may write there by itself. */
static bool page_locked(const void *p)
{
	struct cudaPointerAttributes a;
	if (cudaPointerGetAttributes(&a, p) == cudaSuccess) return a.type == cudaMemoryTypeHost;
	(void)cudaGetLastError();
	return false;
}

/* Pieces [sent, ...) are sent ahead into as many parts as there are, and copied out as they come. */
static int download_staged(c5_cu *d, uint8_t *to, const uint8_t *from, size_t bytes)
{
	int err = C5_OK, part[C5_CU_STAGES];
	size_t pieces = (bytes + C5_CU_STAGE - 1) / C5_CU_STAGE;
	for (size_t sent = 0, got = 0; got < pieces && !err;) {
		if (sent < pieces && sent - got < C5_CU_STAGES) {
			size_t at = sent * C5_CU_STAGE, n = stage_size(at, bytes);
			int *p = &part[sent++ % C5_CU_STAGES];
			if ((err = stage_take(d, p))) return err;
			err = c5_cu_status(cudaMemcpyAsync(d->stage.part[*p], from + at, n, cudaMemcpyDeviceToHost, d->stream), "a download");
			if (!err) err = c5_cu_status(cudaEventRecord(d->stage.gone[*p], d->stream), "a download");
			continue;
		}
		int p = part[got % C5_CU_STAGES];
		if ((err = c5_cu_status(cudaEventSynchronize(d->stage.gone[p]), "a download"))) return err;
		memcpy(to + got * C5_CU_STAGE, d->stage.part[p], stage_size(got * C5_CU_STAGE, bytes));
		got++;
	}
	return err;
}

static int cu_download(void *dev, void *to, const void *from, size_t bytes)
{
	c5_cu *d = dev;
	int err = current(d);
	if (err) return err;
	if (!bytes) return cu_sync(d);
	if (!page_locked(to)) return download_staged(d, to, from, bytes);
	err = c5_cu_status(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, d->stream), "a download");
	return err ? err : cu_sync(d);
}

static int cu_copy(void *dev, void *to, const void *from, size_t bytes)
{
	if (!bytes || to == from) return C5_OK;
	return c5_cu_status(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, ((c5_cu *)dev)->stream), "a copy");
}

static int cu_zero(void *dev, void *p, size_t bytes)
{
	return bytes ? c5_cu_status(cudaMemsetAsync(p, 0, bytes, ((c5_cu *)dev)->stream), "zeros") : C5_OK;
}

/* ---- layouts ---- */

void c5_cu_desc(c5_desc *desc, int type, int rank, const int64_t *dims, int layout)
{
	c5_desc_plain(desc, type, rank, dims);
	if (rank != 4) return;
	const int64_t *n = desc->dims;
	bool same = layout == C5_CU_LAST ? n[1] == 1 || n[2] * n[3] == 1 : n[0] == 1 || n[1] * n[2] * n[3] == 1;
	if (!same) desc->layout = layout;
}

void c5_cu_rows(const c5_desc *d, size_t *rows, size_t *channels)
{
	*channels = d->rank == 1 ? 1 : (size_t)d->dims[d->rank == 3 ? 2 : 1];
	*rows = *channels ? c5_desc_count(d) / *channels : 0;
}

/* `turn`: the matrices that take a tensor from plain to its layout. */
static void turn_of(const c5_desc *d, size_t *batch, size_t *rows, size_t *columns)
{
	const int64_t *n = d->dims;
	if (d->layout == C5_CU_TURNED) {
		*batch = 1;
		*rows = (size_t)n[0];
		*columns = (size_t)(n[1] * n[2] * n[3]);
		return;
	}
	*batch = (size_t)n[0];
	*rows = (size_t)n[1];
	*columns = (size_t)(n[2] * n[3]);
}

int c5_cu_move(c5_cu *d, const c5_desc *from_desc, const void *from, const c5_desc *to_desc, void *to)
{
	size_t batch, rows, columns;
	if (from_desc->layout == to_desc->layout) {
		if (from == to) return C5_OK;
		if (from_desc->type == to_desc->type) return cu_copy(d, to, from, from_desc->bytes);
		return c5_k_cast(d->stream, c5_desc_count(from_desc), from_desc->type, from, to_desc->type, to);
	}
	if (from_desc->layout && to_desc->layout) return c5_fail(C5_EFAIL, "CUDA: no way from layout %d to %d", from_desc->layout, to_desc->layout);
	if (to_desc->layout) {
		turn_of(to_desc, &batch, &rows, &columns);
		return c5_k_transpose(d->stream, batch, rows, columns, from_desc->type, from, to_desc->type, to);
	}
	turn_of(from_desc, &batch, &rows, &columns);
	return c5_k_transpose(d->stream, batch, columns, rows, from_desc->type, from, to_desc->type, to);
}

static int cu_param_in(void *dev, const c5_desc *to_desc, void *to, const float *from)
{
	c5_desc plain;
	c5_desc_plain(&plain, C5_TYPE_F32, to_desc->rank, to_desc->dims);
	int err = current(dev);
	return err ? err : c5_cu_move(dev, &plain, from, to_desc, to);
}

static int cu_param_out(void *dev, const c5_desc *from_desc, float *to, const void *from)
{
	c5_desc plain;
	c5_desc_plain(&plain, C5_TYPE_F32, from_desc->rank, from_desc->dims);
	int err = current(dev);
	return err ? err : c5_cu_move(dev, from_desc, from, &plain, to);
}

/* ---- operations ---- */

int c5_cu_op_new(void *out, size_t size, const c5_op_spec *spec)
{
	c5_cu_op *op;
	int err = c5_alloc(&op, 1, size);
	if (err) return err;
	op->op.spec = *spec;
	for (int k = 0; k < spec->n_in; k++) op->op.in[k] = spec->in[k];
	op->op.out = spec->out;
	op->op.out.layout = 0;
	op->op.grad_over = -1;
	*(void **)out = op;
	return C5_OK;
}

static void cu_op_free(void *dev, c5_op *o)
{
	c5_cu_op *op = (c5_cu_op *)o;
	(void)dev;
	if (!op) return;
	if (op->drop) op->drop(op);
	free(op);
}

static const c5_cu_make makers[] = {
	[C5_LAYER_CONV] = c5_cu_make_product, [C5_LAYER_CONV_TRANSPOSE] = c5_cu_make_product, [C5_LAYER_DENSE] = c5_cu_make_product,
	[C5_LAYER_MAX_POOL] = c5_cu_make_pool, [C5_LAYER_AVERAGE_POOL] = c5_cu_make_pool, [C5_LAYER_GLOBAL_POOL] = c5_cu_make_global_pool,
	[C5_LAYER_BATCH_NORM] = c5_cu_make_batch_norm, [C5_LAYER_GROUP_NORM] = c5_cu_make_group_norm, [C5_LAYER_ACTIVATION] = c5_cu_make_activation,
	[C5_LAYER_SOFTMAX] = c5_cu_make_softmax, [C5_LAYER_DROPOUT] = c5_cu_make_dropout, [C5_LAYER_ADD] = c5_cu_make_add,
	[C5_LAYER_CONCAT] = c5_cu_make_concat, [C5_LAYER_UPSAMPLE] = c5_cu_make_upsample, [C5_LAYER_LSTM] = c5_cu_make_lstm,
	[C5_OP_CONVERT] = c5_cu_make_convert,
};

static int cu_op_make(c5_op **out, void *dev, const c5_op_spec *spec)
{
	c5_cu_op *op = NULL;
	*out = NULL;
	if (spec->kind < 0 || spec->kind >= (int)(sizeof makers / sizeof *makers) || !makers[spec->kind])
		return c5_fail(C5_EFAIL, "operation %d is not known to the GPU", spec->kind);
	int err = current(dev);
	if (!err) err = makers[spec->kind](dev, &op, spec);
	if (err) cu_op_free(dev, (c5_op *)op);
	else *out = &op->op;
	return err;
}

static int cu_op_forward(void *dev, c5_op *op, const c5_op_args *a)
{
	int err = current(dev);
	return err ? err : ((c5_cu_op *)op)->forward(dev, (c5_cu_op *)op, a);
}

static int cu_op_backward(void *dev, c5_op *op, const c5_op_args *a)
{
	int err = current(dev);
	return err ? err : ((c5_cu_op *)op)->backward(dev, (c5_cu_op *)op, a);
}

static int cu_op_refresh(void *dev, c5_op *op, const c5_op_args *a)
{
	c5_cu_op *o = (c5_cu_op *)op;
	int err = current(dev);
	return err || !o->refresh ? err : o->refresh(dev, o, a);
}

/* Products end with bias, addend (in inference) and any activation in one pass over the output; batch norm with an addend and ReLU. */
static bool cu_fuses(void *dev, const c5_op_spec *s)
{
	bool relu = s->activation == C5_ACT_NONE || s->activation == C5_ACT_RELU || s->activation == C5_ACT_RELU6;
	(void)dev;
	switch (s->kind) {
	case C5_LAYER_CONV: case C5_LAYER_CONV_TRANSPOSE: case C5_LAYER_DENSE:
		return !(s->sum && s->training) && !(s->activation == C5_ACT_LEAKY_RELU && s->slope < 0);
	case C5_LAYER_BATCH_NORM:
		return relu;
	case C5_LAYER_ADD: case C5_LAYER_GROUP_NORM:
		return relu && !s->sum;
	default:
		return s->activation == C5_ACT_NONE && !s->sum;
	}
}

static int cu_accumulate(void *dev, const c5_desc *desc, void *to, const void *from)
{
	int err = current(dev);
	return err ? err : c5_k_accumulate(((c5_cu *)dev)->stream, desc->type, c5_desc_count(desc), to, from);
}

/* ---- recorded passes ---- */

typedef struct slot { int passes; cudaGraphExec_t graph; } slot;

static int cu_pass_begin(void *dev, void **at, const c5_pass *pass)
{
	c5_cu *d = dev;
	slot *s = *at;
	int err = C5_OK;
	if (!s && !(err = c5_alloc(&s, 1, sizeof *s))) *at = s;
	if (!err) err = current(d);
	if (!err) err = c5_k_set_pass(d->stream, d->pass, pass->seed, pass->item0);
	if (err) return err;
	if (s->graph) {
		err = c5_cu_status(cudaGraphLaunch(s->graph, d->stream), "a recorded pass");
		return err ? err : 1;
	}
	d->in_pass = true;
	if (++s->passes < 2 || !d->graphs) return C5_OK;
	err = c5_cu_status(cudaStreamBeginCapture(d->stream, cudaStreamCaptureModeThreadLocal), "recording a pass");
	d->recording = !err;
	if (!err) return C5_OK;
	d->graphs = false;
	c5_error_clear();
	return C5_OK;
}

/* What cannot be recorded or kept as a graph is run plainly, here and from then on. */
static int cu_pass_end(void *dev, void **at, int err)
{
	c5_cu *d = dev;
	slot *s = *at;
	cudaGraph_t graph = NULL;
	d->in_pass = false;
	if (!d->recording) return err;
	d->recording = false;
	cudaError_t e = cudaStreamEndCapture(d->stream, &graph);
	if (e == cudaSuccess && !err) e = cudaGraphInstantiate(&s->graph, graph, 0);
	if (graph) cudaGraphDestroy(graph);
	if (e != cudaSuccess || err) {
		(void)cudaGetLastError();
		s->graph = NULL;
		d->graphs = false;
		return 1;
	}
	return c5_cu_status(cudaGraphLaunch(s->graph, d->stream), "a recorded pass");
}

static void cu_slot_free(void *dev, void **at)
{
	slot *s = *at;
	if (!s) return;
	if (s->graph) {
		cudaStreamSynchronize(((c5_cu *)dev)->stream);
		cudaGraphExecDestroy(s->graph);
	}
	free(s);
	*at = NULL;
}

/* ---- numbers that are waited for ---- */

static int fetch(c5_cu *d, double *value)
{
	int err = c5_cu_status(cudaMemcpyAsync(d->host_value, d->value, sizeof *value, cudaMemcpyDeviceToHost, d->stream), "a number");
	if (!err) err = cu_sync(d);
	*value = *d->host_value;
	return err;
}

static size_t cu_loss_scratch(void *dev, const c5_desc *output)
{
	(void)dev;
	return c5_k_loss_scratch(output);
}

static int cu_loss(void *dev, const c5_loss_args *a, double *value)
{
	c5_cu *d = dev;
	int err = current(d);
	if (!err) err = c5_k_loss(d->stream, a, d->value);
	return err ? err : fetch(d, value);
}

static size_t cu_norm_scratch(void *dev, size_t n)
{
	(void)dev;
	return c5_k_squares_scratch(n);
}

static int cu_norm(void *dev, size_t n, const float *g, void *scratch, double *squares)
{
	c5_cu *d = dev;
	int err = current(d);
	if (!err) err = c5_k_squares(d->stream, n, g, scratch, d->value);
	return err ? err : fetch(d, squares);
}

static int cu_update_parts(void *dev, const c5_update *u, int n, const c5_update_part *parts)
{
	c5_cu *d = dev;
	int err = current(d);
	return err ? err : c5_k_update(d->stream, u, n, parts);
}

static int cu_update(void *dev, const c5_update *u, size_t n, float *w, const float *g, float *m, float *v, float *average)
{
	c5_update_part part = { .w = w, .g = g, .m = m, .v = v, .average = average, .n = n, .rate = u->rate, .decay = u->decay, .scale = u->scale };
	return cu_update_parts(dev, u, 1, &part);
}

const struct c5_backend c5_backend_cuda = {
	.name = "cuda", .host_memory = false, .open = cu_open, .close = cu_close, .describe = cu_describe, .has_bf16 = cu_has_bf16,
	.free_bytes = cu_free_bytes, .sync = cu_sync, .alloc = cu_alloc, .release = cu_release, .host_alloc = cu_host_alloc, .host_release = cu_host_release,
	.upload = cu_upload, .download = cu_download, .copy = cu_copy, .zero = cu_zero, .param_in = cu_param_in, .param_out = cu_param_out,
	.fuses = cu_fuses, .op_make = cu_op_make, .op_free = cu_op_free, .op_refresh = cu_op_refresh, .op_forward = cu_op_forward,
	.op_backward = cu_op_backward, .accumulate = cu_accumulate, .pass_begin = cu_pass_begin, .pass_end = cu_pass_end, .slot_free = cu_slot_free,
	.loss_scratch = cu_loss_scratch, .loss = cu_loss, .norm_scratch = cu_norm_scratch, .norm = cu_norm, .update = cu_update,
	.update_parts = cu_update_parts,
};
