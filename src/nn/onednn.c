/* onednn.c – the CPU as a device: memory, layouts, primitives with their arguments, and the table c5_backend_onednn.
 * Products, pooling and reorders are oneDNN's; the rest are loops of our own (cpu_*.c), which fuse what the library keeps apart. */
#include "nn/onednn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/threads.h"
#include "nn/cpu.h"

int c5_dn_status(dnnl_status_t s, const char *what)
{
	if (s == dnnl_success) return C5_OK;
	if (s == dnnl_out_of_memory) return c5_fail(C5_ENOMEM, "out of memory for %s", what);
	return c5_fail(C5_EFAIL, "oneDNN: %s: %s", what, s == dnnl_unimplemented ? "not implemented" : s == dnnl_invalid_arguments ? "shapes do not fit"
		: "failed");
}

static int dn_open(void **out, int index)
{
	(void)index;
	c5_dn *d;
	int err = c5_alloc(&d, 1, sizeof *d);
	if (err) return err;
	err = c5_grow(&d->layouts, &d->cap_layouts, 1, sizeof *d->layouts);
	d->n_layouts = 1;
	if (!err) err = c5_dn_status(dnnl_engine_create(&d->engine, dnnl_cpu, 0), "the CPU");
	if (!err) err = c5_dn_status(dnnl_stream_create(&d->stream, d->engine, dnnl_stream_default_flags), "the CPU");
	if (err) {
		c5_backend_onednn.close(d);
		return err;
	}
	c5_threads(); /* OpenMP has its number of threads now */
	*out = d;
	return C5_OK;
}

static void dn_close(void *dev)
{
	c5_dn *d = dev;
	if (d->stream) dnnl_stream_destroy(d->stream);
	if (d->engine) dnnl_engine_destroy(d->engine);
	free(d->layouts);
	free(d);
}

static bool dn_has_bf16(void *dev)
{
	(void)dev;
	return dnnl_get_effective_cpu_isa() >= dnnl_cpu_isa_avx512_core_bf16;
}

static void dn_describe(void *dev, char *text, size_t size)
{
	static const struct { dnnl_cpu_isa_t isa; const char *name; } rows[] = {
		{ dnnl_cpu_isa_avx512_core_amx, "amx" }, { dnnl_cpu_isa_avx512_core, "avx512" }, { dnnl_cpu_isa_avx2, "avx2" }, { dnnl_cpu_isa_sse41, "sse4.1" },
	};
	int isa = (int)dnnl_get_effective_cpu_isa();
	const char *name = "generic";
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (isa >= (int)rows[i].isa) {
			name = rows[i].name;
			break;
		}
	int threads = c5_threads();
	snprintf(text, size, "cpu: %d thread%s, %s%s", threads, threads == 1 ? "" : "s", name, dn_has_bf16(dev) ? ", bf16" : "");
}

static size_t dn_free_bytes(void *dev)
{
	(void)dev;
	unsigned long long kib = 0;
	FILE *f = fopen("/proc/meminfo", "r");
	char line[128];
	while (f && !kib && fgets(line, sizeof line, f)) sscanf(line, "MemAvailable: %llu", &kib);
	if (f) fclose(f);
	return kib ? (size_t)kib * 1024 : (size_t)sysconf(_SC_AVPHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE);
}

static int dn_sync(void *dev)
{
	return c5_dn_status(dnnl_stream_wait(((c5_dn *)dev)->stream), "waiting");
}

static int dn_alloc(void *dev, void **p, size_t bytes)
{
	*p = NULL;
	if (bytes > SIZE_MAX - 4096 || (bytes > 64 << 20 && bytes > dn_free_bytes(dev))) /* the system would promise it and then kill us */
		return c5_fail(C5_ENOMEM, "out of memory: %zu bytes wanted, %zu free", bytes, dn_free_bytes(dev));
	/* A reserve: vector code may read a little beyond the last number. */
	int err = c5_alloc_aligned(p, bytes + 256, 1);
	if (!err) memset(*p, 0, bytes + 256);
	return err;
}

static void dn_release(void *dev, void *p)
{
	(void)dev;
	free(p);
}

static int dn_copy(void *dev, void *to, const void *from, size_t bytes)
{
	(void)dev;
	if (bytes && to != from) memcpy(to, from, bytes);
	return C5_OK;
}

static int dn_zero(void *dev, void *p, size_t bytes)
{
	(void)dev;
	if (bytes) memset(p, 0, bytes);
	return C5_OK;
}

/* ---- layouts ---- */

static dnnl_data_type_t dn_type(int type) { return type == C5_TYPE_BF16 ? dnnl_bf16 : dnnl_f32; }

int c5_dn_md(c5_dn *d, const c5_desc *desc, c5_md *md)
{
	if (desc->layout <= 0) return c5_md_plain(md, desc->rank, desc->dims, dn_type(desc->type));
	*md = d->layouts[desc->layout];
	c5_md_retype(md, dn_type(desc->type));
	return C5_OK;
}

int c5_dn_desc(c5_dn *d, c5_desc *desc, const c5_md *md, int rank, const int64_t *dims)
{
	int type = desc->type;
	c5_md plain, f32 = *md;
	c5_desc_plain(desc, type, rank, dims);
	desc->bytes = c5_md_bytes(md);
	int err = c5_md_plain(&plain, c5_md_ndims(md), c5_md_dims(md), dnnl_f32);
	if (err) return err;
	c5_md_retype(&f32, dnnl_f32);
	if (c5_md_same(&plain, &f32)) return C5_OK;
	for (size_t i = 1; i < d->n_layouts; i++)
		if (c5_md_same(&d->layouts[i], &f32)) {
			desc->layout = (int)i;
			return C5_OK;
		}
	if ((err = c5_grow(&d->layouts, &d->cap_layouts, d->n_layouts + 1, sizeof *d->layouts))) return err;
	d->layouts[d->n_layouts] = f32;
	desc->layout = (int)d->n_layouts++;
	return C5_OK;
}

int c5_dn_like(c5_dn *d, c5_desc *desc, const c5_desc *like)
{
	c5_md md, from;
	int err = c5_dn_md(d, like, &from);
	if (err) return err;
	int block = like->layout && desc->rank == 4 ? c5_md_block(&from) : 1;
	if (block <= 1) {
		c5_desc_plain(desc, desc->type, desc->rank, desc->dims);
		return C5_OK;
	}
	dnnl_format_tag_t tag = block == 16 ? dnnl_nChw16c : block == 8 ? dnnl_nChw8c : dnnl_nhwc;
	if ((block == 16 || block == 8) && like->dims[1] == block) { /* NHWC and blocked are the same then: keep what the producer says */
		c5_md blocked;
		err = c5_md_tag(&blocked, 4, like->dims, dn_type(like->type), tag);
		if (!err && !c5_md_same(&blocked, &from)) tag = dnnl_nhwc;
	}
	if (!err) err = c5_md_tag(&md, 4, desc->dims, dn_type(desc->type), tag);
	return err ? err : c5_dn_desc(d, desc, &md, desc->rank, desc->dims);
}

bool c5_dn_tiles(c5_dn *d, const c5_desc *desc, c5_tiles *t)
{
	c5_md md;
	const int64_t *n = desc->dims;
	*t = (c5_tiles){ .items = n[0], .blocks = 1, .positions = 1, .channels = desc->rank == 3 ? n[2] : desc->rank > 1 ? n[1] : 1, .height = 1,
		.width = 1 };
	if (desc->rank == 4) {
		t->height = n[2];
		t->width = n[3];
	} else if (desc->rank == 3) {
		t->width = n[1];
	}
	t->positions = t->height * t->width;
	if (desc->rank != 4) {
		t->block = (int)t->channels;
		return desc->layout == 0;
	}
	if (desc->layout == 0) {
		t->block = 1;
		t->blocks = t->channels;
		return true;
	}
	if (c5_dn_md(d, desc, &md) || !(t->block = c5_md_block(&md))) return false;
	t->blocks = (t->channels + t->block - 1) / t->block;
	return true;
}

/* ---- primitives ---- */

int c5_prim_make(c5_dn *d, c5_prim *p, dnnl_primitive_desc_t pd)
{
	c5_md scratch;
	*p = (c5_prim){ .n = 0 };
	c5_pd_arg(pd, DNNL_ARG_SCRATCHPAD, &scratch);
	p->scratch = c5_md_bytes(&scratch);
	int err = c5_dn_status(dnnl_primitive_create(&p->p, pd), "a primitive");
	dnnl_primitive_desc_destroy(pd);
	if (err || !p->scratch) return err;
	return c5_prim_arg(d, p, DNNL_ARG_SCRATCHPAD, &scratch); /* always the first, if there */
}

int c5_prim_arg(c5_dn *d, c5_prim *p, int arg, const c5_md *md)
{
	if (p->n == C5_PRIM_ARGS) return c5_fail(C5_EFAIL, "oneDNN: too many arguments");
	int err = c5_dn_status(c5_memory(&p->args[p->n].memory, md, d->engine), "an argument");
	p->args[p->n].arg = arg;
	if (!err) p->n++;
	return err;
}

int c5_prim_run(c5_dn *d, c5_prim *p, void *const *at)
{
	for (int i = 0; i < p->n; i++) {
		if (p->at[i] == at[i]) continue;
		int err = c5_dn_status(dnnl_memory_set_data_handle(p->args[i].memory, at[i]), "an argument");
		if (err) return err;
		p->at[i] = at[i];
	}
	return c5_dn_status(dnnl_primitive_execute(p->p, d->stream, p->n, p->args), "an operation");
}

void c5_prim_free(c5_prim *p)
{
	for (int i = 0; i < p->n; i++) dnnl_memory_destroy(p->args[i].memory);
	if (p->p) dnnl_primitive_destroy(p->p);
	*p = (c5_prim){ 0 };
}

int c5_prim_reorder(c5_dn *d, c5_prim *p, const c5_md *from, const c5_md *to)
{
	dnnl_primitive_desc_t pd;
	dnnl_primitive_attr_t attr;
	*p = (c5_prim){ 0 };
	if (c5_md_same(from, to)) return C5_OK;
	int err = c5_dn_status(dnnl_primitive_attr_create(&attr), "a reorder");
	if (err) return err;
	dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user);
	err = c5_dn_status(c5_reorder_pd(&pd, from, to, attr, d->engine), "a reorder");
	dnnl_primitive_attr_destroy(attr);
	if (!err) err = c5_prim_make(d, p, pd);
	if (!err) err = c5_prim_arg(d, p, DNNL_ARG_FROM, from);
	if (!err) err = c5_prim_arg(d, p, DNNL_ARG_TO, to);
	return err;
}

/* A parameter to or from canonical order: the plain descriptor has the dimensions of the primitive's (groups apart), the memory is the same. */
static int param_move(c5_dn *d, const c5_desc *desc, void *at, const float *in, float *out)
{
	c5_md md, plain;
	c5_prim p;
	int err = c5_dn_md(d, desc, &md);
	if (!err) err = c5_md_plain(&plain, c5_md_ndims(&md), c5_md_dims(&md), dnnl_f32);
	if (err) return err;
	if (c5_md_same(&md, &plain)) return in ? dn_copy(d, at, in, desc->bytes) : dn_copy(d, out, at, desc->bytes);
	err = in ? c5_prim_reorder(d, &p, &plain, &md) : c5_prim_reorder(d, &p, &md, &plain);
	void *scratch = NULL, *list[3];
	int n = 0;
	if (!err && p.scratch) {
		err = c5_alloc_aligned(&scratch, p.scratch, 1);
		list[n++] = scratch;
	}
	list[n++] = in ? (void *)in : at;
	list[n++] = in ? at : (void *)out;
	if (!err) err = c5_prim_run(d, &p, list);
	if (!err) err = dn_sync(d);
	c5_prim_free(&p);
	free(scratch);
	return err;
}

static int dn_param_in(void *dev, const c5_desc *to_desc, void *to, const float *from) { return param_move(dev, to_desc, to, from, NULL); }
static int dn_param_out(void *dev, const c5_desc *from_desc, float *to, const void *from)
{
	return param_move(dev, from_desc, (void *)from, NULL, to);
}

/* ---- operations ---- */

int c5_dn_op_new(void *out, size_t size, const c5_op_spec *spec)
{
	c5_dn_op *op;
	int err = c5_alloc(&op, 1, size);
	if (err) return err;
	op->op.spec = *spec;
	for (int k = 0; k < spec->n_in; k++) op->op.in[k] = spec->in[k];
	op->op.out = spec->out;
	op->op.grad_over = -1;
	*(void **)out = op;
	return C5_OK;
}

static void dn_op_free(void *dev, c5_op *o)
{
	(void)dev;
	c5_dn_op *op = (c5_dn_op *)o;
	if (!op) return;
	if (op->drop) op->drop(op);
	free(op);
}

static const c5_dn_make makers[] = {
	[C5_LAYER_CONV] = c5_dn_make_product, [C5_LAYER_CONV_TRANSPOSE] = c5_dn_make_product, [C5_LAYER_DENSE] = c5_dn_make_product,
	[C5_LAYER_MAX_POOL] = c5_dn_make_pool, [C5_LAYER_AVERAGE_POOL] = c5_dn_make_pool, [C5_LAYER_GLOBAL_POOL] = c5_dn_make_global_pool,
	[C5_LAYER_BATCH_NORM] = c5_dn_make_batch_norm, [C5_LAYER_GROUP_NORM] = c5_dn_make_group_norm, [C5_LAYER_ACTIVATION] = c5_dn_make_activation,
	[C5_LAYER_SOFTMAX] = c5_dn_make_softmax, [C5_LAYER_DROPOUT] = c5_dn_make_dropout, [C5_LAYER_ADD] = c5_dn_make_add,
	[C5_LAYER_CONCAT] = c5_dn_make_concat, [C5_LAYER_UPSAMPLE] = c5_dn_make_upsample, [C5_LAYER_LSTM] = c5_dn_make_lstm,
	[C5_OP_CONVERT] = c5_dn_make_convert,
};

static int dn_op_make(c5_op **out, void *dev, const c5_op_spec *spec)
{
	*out = NULL;
	c5_dn_op *op = NULL;
	if (spec->kind < 0 || spec->kind >= (int)(sizeof makers / sizeof *makers) || !makers[spec->kind])
		return c5_fail(C5_EFAIL, "operation %d is not known to the CPU", spec->kind);
	int err = makers[spec->kind](dev, &op, spec);
	if (err) dn_op_free(dev, (c5_op *)op);
	else *out = &op->op;
	return err;
}

static int dn_op_forward(void *dev, c5_op *op, const c5_op_args *a) { return ((c5_dn_op *)op)->forward(dev, (c5_dn_op *)op, a); }
static int dn_op_backward(void *dev, c5_op *op, const c5_op_args *a) { return ((c5_dn_op *)op)->backward(dev, (c5_dn_op *)op, a); }

static int dn_op_refresh(void *dev, c5_op *op, const c5_op_args *a)
{
	c5_dn_op *o = (c5_dn_op *)op;
	return o->refresh ? o->refresh(dev, o, a) : C5_OK;
}

/* Products end with any activation, and in inference with an addend; norms and additions with ReLU, batch norm with an addend too. */
static bool dn_fuses(void *dev, const c5_op_spec *s)
{
	(void)dev;
	switch (s->kind) {
	case C5_LAYER_CONV: case C5_LAYER_DENSE:
		return !(s->sum && s->training) && !(s->activation == C5_ACT_LEAKY_RELU && s->slope <= 0);
	case C5_LAYER_CONV_TRANSPOSE:
		return !s->sum && s->activation == C5_ACT_NONE;
	case C5_LAYER_BATCH_NORM:
		return s->activation == C5_ACT_NONE || s->activation == C5_ACT_RELU || s->activation == C5_ACT_RELU6;
	case C5_LAYER_ADD: case C5_LAYER_GROUP_NORM:
		return s->activation == C5_ACT_NONE || s->activation == C5_ACT_RELU || s->activation == C5_ACT_RELU6;
	default:
		return s->activation == C5_ACT_NONE && !s->sum;
	}
}

static int dn_accumulate(void *dev, const c5_desc *d, void *to, const void *from)
{
	(void)dev;
	c5_cpu_accumulate(d->type, d->bytes / (d->type == C5_TYPE_BF16 ? 2 : 4), to, from);
	return C5_OK;
}

const struct c5_backend c5_backend_onednn = {
	.name = "cpu", .host_memory = true, .open = dn_open, .close = dn_close, .describe = dn_describe, .has_bf16 = dn_has_bf16,
	.free_bytes = dn_free_bytes, .sync = dn_sync, .alloc = dn_alloc, .release = dn_release, .upload = dn_copy, .download = dn_copy, .copy = dn_copy,
	.zero = dn_zero, .param_in = dn_param_in, .param_out = dn_param_out, .fuses = dn_fuses, .op_make = dn_op_make, .op_free = dn_op_free,
	.op_refresh = dn_op_refresh, .op_forward = dn_op_forward, .op_backward = dn_op_backward, .accumulate = dn_accumulate,
	.loss_scratch = c5_cpu_loss_scratch, .loss = c5_cpu_loss, .norm_scratch = c5_cpu_norm_scratch, .norm = c5_cpu_norm, .update = c5_cpu_update,
};
