/* onednn_winograd.c – 3 x 3 convolutions of bfloat16 inference by our own Winograd loops (cpu_winograd.h), as an operation of the CPU. Maps lie in
 * blocks of 16 channels, like those of the library's convolutions around them. */
#include "base/error.h"
#include "base/threads.h"
#include "nn/cpu_winograd.h"
#include "nn/onednn.h"

#define CHANNELS_MIN 32   /* below, going to the points and back costs what it saves */
#define POSITIONS_MIN 192 /* of all items; below, reading the larger weights does */

typedef struct winograd { c5_dn_op base; c5_winograd g; int threads; size_t weights_at; } winograd; /* weights_at: in derived, after the bias */

/* By shape and processor alone: every rank must choose the same. Where there are tiles of products (AMX), the library's own is faster. */
bool c5_dn_winograd_pays(const c5_op_spec *s)
{
	const c5_layer *a = s->layer;
	if (s->kind != C5_LAYER_CONV || s->training || s->compute != C5_TYPE_BF16 || s->out.type != C5_TYPE_BF16 || a->groups > 1 || s->in[0].rank != 4)
		return false;
	int isa = (int)dnnl_get_effective_cpu_isa();
	if (isa < (int)dnnl_cpu_isa_avx512_core_bf16 || isa >= (int)dnnl_cpu_isa_avx512_core_amx || !c5_winograd_can()) return false;
	if (s->activation != C5_ACT_NONE && s->activation != C5_ACT_RELU && s->activation != C5_ACT_RELU6) return false;
	for (int i = 0; i < 2; i++)
		if (a->kernel[i] != 3 || a->stride[i] > 1 || a->dilation[i] > 1) return false;
	int64_t in = s->in[0].dims[1], out = a->filters, positions = s->out.dims[0] * s->out.dims[2] * s->out.dims[3];
	return in % 16 == 0 && out % 16 == 0 && in >= CHANNELS_MIN && out >= CHANNELS_MIN && positions >= POSITIONS_MIN;
}

static int forward(c5_dn *d, c5_dn_op *o, const c5_op_args *a)
{
	(void)d;
	winograd *p = (winograd *)o;
	c5_winograd_run(&p->g, p->threads, a->in[0], (const uint16_t *)((uint8_t *)a->derived + p->weights_at), a->derived, a->out, a->scratch);
	return C5_OK;
}

static int refresh(c5_dn *d, c5_dn_op *o, const c5_op_args *a)
{
	(void)d;
	winograd *p = (winograd *)o;
	float *bias = a->derived;
	const float *own = a->param[1];
	for (int64_t c = 0; c < p->g.out_channels; c++) bias[c] = o->op.spec.bias ? own[c] : 0;
	c5_winograd_weights(&p->g, a->param[0], (uint16_t *)((uint8_t *)a->derived + p->weights_at));
	return C5_OK;
}

static int blocked(c5_dn *d, c5_desc *desc, const int64_t *dims)
{
	c5_md md;
	int err = c5_md_tag(&md, 4, dims, dnnl_bf16, dnnl_nChw16c);
	desc->type = C5_TYPE_BF16;
	return err ? err : c5_dn_desc(d, desc, &md, 4, dims);
}

int c5_dn_make_winograd(c5_dn *d, c5_dn_op **out, const c5_op_spec *spec)
{
	winograd *p;
	int err = c5_dn_op_new(&p, sizeof *p, spec);
	if (err) return err;
	*out = &p->base;
	c5_op *op = &p->base.op;
	const c5_op_spec *s = &op->spec;
	p->base.forward = forward;
	p->base.refresh = refresh;
	op->product = true;
	op->out_over = s->sum ? C5_OVER_SUM : C5_OVER_NO;
	if ((err = blocked(d, &op->in[0], s->in[0].dims)) || (err = blocked(d, &op->out, s->out.dims))) return err;
	if (s->sum) op->in[1] = op->out;
	p->threads = c5_threads();
	p->g = (c5_winograd){ .items = s->in[0].dims[0], .in_channels = s->in[0].dims[1], .out_channels = s->out.dims[1], .in_height = s->in[0].dims[2],
		.in_width = s->in[0].dims[3], .out_height = s->out.dims[2], .out_width = s->out.dims[3], .top = s->layer->pad[0], .left = s->layer->pad[2],
		.activation = s->activation, .sum = s->sum };
	c5_winograd_plan(&p->g, p->threads);
	int64_t wd[4] = { s->out.dims[1], s->in[0].dims[1], 3, 3 };
	c5_desc_plain(&op->param[0], C5_TYPE_F32, 4, wd);
	c5_desc_plain(&op->param[1], C5_TYPE_F32, 1, &s->out.dims[1]);
	op->n_params = 1 + s->bias;
	p->weights_at = ((size_t)s->out.dims[1] * sizeof(float) + 63) / 64 * 64;
	op->derived = p->weights_at + c5_winograd_weights_bytes(&p->g);
	op->scratch = p->g.scratch * (size_t)p->threads;
	return C5_OK;
}
