/* onednn_small.c – a convolution on maps so small that most of its window lies in the padding, as one dense product: every input position against
 * every output position. For 3 x 3 on 2 x 2 maps that is 4 products a number instead of 9. In inference only: the weights are spread out once, when
 * they are loaded. Items lie as they do in blocks of 16 channels, which is then just the order of rows and columns. */
#include <string.h>

#include "base/error.h"
#include "nn/cpu.h"
#include "nn/onednn.h"

#define BLOCK 16
#define BATCH_MIN 16                    /* below, reading the larger weights costs more than it saves */
#define WEIGHTS_MAX ((int64_t)8 << 20)  /* numbers */

typedef struct small {
	c5_dn_op base;
	c5_prim product, place;  /* place: spread weights to where the product wants them; p NULL: that is where they are */
	int64_t in_channels, out_channels, in_side[2], out_side[2];
	size_t weights_at;       /* in derived, after the bias */
	size_t place_at;         /* in scratch, after the spread weights */
} small;

bool c5_dn_small_pays(const c5_op_spec *s)
{
	const c5_layer *a = s->layer;
	if (s->kind != C5_LAYER_CONV || s->training || a->groups > 1 || s->in[0].rank != 4 || s->in[0].dims[0] < BATCH_MIN) return false;
	int64_t in = s->in[0].dims[1], out = a->filters, positions = s->in[0].dims[2] * s->in[0].dims[3], places = s->out.dims[2] * s->out.dims[3];
	if (in % BLOCK || out % BLOCK || a->dilation[0] > 1 || a->dilation[1] > 1) return false;
	return 2 * positions <= (int64_t)a->kernel[0] * a->kernel[1] && in * positions * out * places <= WEIGHTS_MAX;
}

static void drop(c5_dn_op *o)
{
	c5_prim_free(&((small *)o)->product);
	c5_prim_free(&((small *)o)->place);
}

static int forward(c5_dn *d, c5_dn_op *o, const c5_op_args *a)
{
	small *p = (small *)o;
	void *list[C5_PRIM_ARGS], **at = list;
	if (p->product.scratch) *at++ = a->scratch;
	*at++ = (void *)a->in[0];
	*at++ = (uint8_t *)a->derived + p->weights_at;
	*at++ = a->derived;
	*at = a->out;
	return c5_prim_run(d, &p->product, list);
}

/* Row (block, position, lane) of the spread weights: one output channel at one place. */
static void spread_row(const small *p, const float *w, int64_t o, int64_t place, float *to)
{
	const c5_layer *a = p->base.op.spec.layer;
	int64_t taps = (int64_t)a->kernel[0] * a->kernel[1], oy = place / p->out_side[1], ox = place % p->out_side[1];
	int64_t top = oy * (a->stride[0] ? a->stride[0] : 1) - a->pad[0], left = ox * (a->stride[1] ? a->stride[1] : 1) - a->pad[2];
	for (int64_t block = 0; block < p->in_channels / BLOCK; block++)
		for (int64_t y = 0; y < p->in_side[0]; y++)
			for (int64_t x = 0; x < p->in_side[1]; x++, to += BLOCK) {
				int64_t u = y - top, v = x - left;
				bool inside = u >= 0 && u < a->kernel[0] && v >= 0 && v < a->kernel[1];
				const float *from = w + (o * p->in_channels + block * BLOCK) * taps + u * a->kernel[1] + v;
				for (int i = 0; i < BLOCK; i++) to[i] = inside ? from[i * taps] : 0;
			}
}

static int refresh(c5_dn *d, c5_dn_op *o, const c5_op_args *a)
{
	small *p = (small *)o;
	int64_t places = p->out_side[0] * p->out_side[1], row = p->in_channels * p->in_side[0] * p->in_side[1];
	float *bias = a->derived, *spread = p->place.p ? a->scratch : (void *)((uint8_t *)a->derived + p->weights_at);
	const float *own = a->param[1];
#pragma omp parallel for schedule(static)
	for (int64_t c = 0; c < p->out_channels; c++)
		for (int64_t q = 0; q < places; q++) {
			int64_t at = (c / BLOCK * places + q) * BLOCK + c % BLOCK;
			bias[at] = p->base.op.spec.bias ? own[c] : 0;
			spread_row(p, a->param[0], c, q, spread + at * row);
		}
	if (!p->place.p) return C5_OK;
	void *list[3], **at = list;
	if (p->place.scratch) *at++ = (uint8_t *)a->scratch + p->place_at;
	*at++ = spread;
	*at = (uint8_t *)a->derived + p->weights_at;
	return c5_prim_run(d, &p->place, list);
}

static int make_prims(c5_dn *d, small *p, const c5_op_spec *s, dnnl_primitive_attr_t attr)
{
	dnnl_data_type_t type = s->compute == C5_TYPE_BF16 ? dnnl_bf16 : dnnl_f32, out_type = s->out.type == C5_TYPE_BF16 ? dnnl_bf16 : dnnl_f32;
	int64_t items = s->in[0].dims[0], in = p->in_channels * p->in_side[0] * p->in_side[1], out = p->out_channels * p->out_side[0] * p->out_side[1];
	int64_t sd[2] = { items, in }, wd[2] = { out, in }, dd[2] = { items, out };
	c5_md src, weights, wanted, bias, dst;
	c5_product_desc desc = { .kind = C5_PRODUCT_DENSE, .src = &src, .weights = &wanted, .bias = &bias, .dst = &dst };
	dnnl_primitive_desc_t pd;
	int err = c5_md_plain(&src, 2, sd, type);
	if (!err) err = c5_md_any(&wanted, 2, wd, type);
	if (!err) err = c5_md_plain(&weights, 2, wd, dnnl_f32);
	if (!err) err = c5_md_plain(&bias, 1, &out, dnnl_f32);
	if (!err) err = c5_md_plain(&dst, 2, dd, out_type);
	if (!err) err = c5_dn_status(c5_post_ops(attr, s->sum, s->activation, s->slope), "an activation");
	if (!err) err = c5_dn_status(c5_product_pd(&pd, C5_PASS_FORWARD, &desc, attr, d->engine, NULL), "a product");
	if (err) return err;
	c5_pd_arg(pd, DNNL_ARG_WEIGHTS, &wanted);
	err = c5_prim_make(d, &p->product, pd);
	if (!err) err = c5_prim_arg(d, &p->product, DNNL_ARG_SRC, &src);
	if (!err) err = c5_prim_arg(d, &p->product, DNNL_ARG_WEIGHTS, &wanted);
	if (!err) err = c5_prim_arg(d, &p->product, DNNL_ARG_BIAS, &bias);
	if (!err) err = c5_prim_arg(d, &p->product, DNNL_ARG_DST, &dst);
	if (!err) err = c5_prim_reorder(d, &p->place, &weights, &wanted);
	p->weights_at = ((size_t)out * sizeof(float) + 63) / 64 * 64;
	p->place_at = (size_t)(in * out) * sizeof(float);
	p->base.op.derived = p->weights_at + c5_md_bytes(&wanted);
	p->base.op.scratch = p->place.p ? p->place_at + p->place.scratch : 0;
	if (p->product.scratch > p->base.op.scratch) p->base.op.scratch = p->product.scratch;
	return err;
}

int c5_dn_make_small(c5_dn *d, c5_dn_op **out, const c5_op_spec *spec)
{
	small *p;
	int err = c5_dn_op_new(&p, sizeof *p, spec);
	if (err) return err;
	*out = &p->base;
	c5_op *op = &p->base.op;
	const c5_op_spec *s = &op->spec;
	p->base.forward = forward;
	p->base.refresh = refresh;
	p->base.drop = drop;
	op->product = true;
	op->out_over = spec->sum ? C5_OVER_SUM : C5_OVER_NO;
	p->in_channels = s->in[0].dims[1];
	p->out_channels = s->out.dims[1];
	for (int i = 0; i < 2; i++) {
		p->in_side[i] = s->in[0].dims[2 + i];
		p->out_side[i] = s->out.dims[2 + i];
	}
	c5_md md;
	op->in[0].type = s->compute;
	err = c5_md_tag(&md, 4, s->in[0].dims, dnnl_f32, dnnl_nChw16c);
	if (!err) err = c5_dn_desc(d, &op->in[0], &md, 4, s->in[0].dims);
	if (!err) err = c5_md_tag(&md, 4, s->out.dims, dnnl_f32, dnnl_nChw16c);
	if (!err) err = c5_dn_desc(d, &op->out, &md, 4, s->out.dims);
	if (err) return err;
	op->in[0].bytes = c5_desc_count(&op->in[0]) * (op->in[0].type == C5_TYPE_BF16 ? 2 : 4);
	op->out.bytes = c5_desc_count(&op->out) * (op->out.type == C5_TYPE_BF16 ? 2 : 4);
	if (s->sum) op->in[1] = op->out;
	int64_t wd[4] = { p->out_channels, p->in_channels, s->layer->kernel[0], s->layer->kernel[1] };
	c5_desc_plain(&op->param[0], C5_TYPE_F32, 4, wd);
	c5_desc_plain(&op->param[1], C5_TYPE_F32, 1, &p->out_channels);
	op->n_params = 1 + s->bias;
	dnnl_primitive_attr_t attr;
	if ((err = c5_dn_status(dnnl_primitive_attr_create(&attr), "a product"))) return err;
	dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user);
	err = make_prims(d, p, s, attr);
	dnnl_primitive_attr_destroy(attr);
	return err;
}
