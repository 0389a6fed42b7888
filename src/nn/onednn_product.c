/* onednn_product.c – convolution, transposed convolution and dense by oneDNN.
 *
 * The library chooses the layouts. The float32 masters lie as the gradient of the weights comes out, so that it goes straight into the flat
 * buffer and the optimiser is elementwise; where forward or the gradient of the data want another order or bfloat16, a copy is made once a step
 * (derived). An activation is applied by the forward primitive; its backward uses the output and works in place on the gradient. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "nn/cpu.h"
#include "nn/onednn.h"

typedef struct product {
	c5_dn_op base;
	c5_prim forward, data, weights;
	c5_prim to_forward, to_data;     /* master to what these want; p NULL: the master itself serves */
	c5_prim cast;                    /* gradient of a float32 output to bfloat16 */
	size_t data_at;                  /* in derived, after the forward's copy */
	size_t cast_at;                  /* in scratch: the cast gradient comes first, then what primitives use */
	bool bias;                       /* the library adds it */
	bool own_bias;                   /* a loop does: the library's for transposed convolutions is slow */
	c5_tiles tiles;                  /* of out, for own_bias */
} product;

typedef struct making {
	c5_dn *d;
	product *p;
	const c5_op_spec *s;
	c5_product_desc desc;
	c5_md src, weights, bias, dst;   /* as wanted by forward */
	dnnl_primitive_attr_t attr, plain_attr;
	dnnl_primitive_desc_t hint;
} making;

static size_t round_up(size_t bytes) { return (bytes + 63) / 64 * 64; }

static void drop(c5_dn_op *o)
{
	product *p = (product *)o;
	c5_prim *all[] = { &p->forward, &p->data, &p->weights, &p->to_forward, &p->to_data, &p->cast };
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) c5_prim_free(all[i]);
}

static int weight_dims(const c5_op_spec *s, int64_t *dims)
{
	const c5_layer *a = s->layer;
	if (s->kind == C5_LAYER_DENSE) {
		const c5_desc *in = &s->in[0];
		dims[0] = a->filters;
		dims[1] = in->rank == 3 ? in->dims[1] * in->dims[2] : in->dims[1];
		for (int i = 2; i < in->rank && in->rank == 4; i++) dims[i] = in->dims[i];
		return in->rank == 3 ? 2 : in->rank;
	}
	int64_t groups = s->kind == C5_LAYER_CONV && a->groups > 1 ? a->groups : 1, all[] = { groups, a->filters / groups, s->in[0].dims[1] / groups,
		a->kernel[0], a->kernel[1] };
	memcpy(dims, groups > 1 ? all : all + 1, sizeof all - (groups > 1 ? 0 : sizeof *all));
	return groups > 1 ? 5 : 4;
}

static int start(making *m, dnnl_data_type_t type, dnnl_data_type_t out_type)
{
	const c5_op_spec *s = m->s;
	const c5_layer *a = s->layer;
	int64_t wd[5];
	int wn = weight_dims(s, wd), err;
	m->desc = (c5_product_desc){ .kind = s->kind == C5_LAYER_CONV ? C5_PRODUCT_CONV : s->kind == C5_LAYER_DENSE ? C5_PRODUCT_DENSE : C5_PRODUCT_DECONV,
		.training = s->training, .src = &m->src, .weights = &m->weights, .bias = m->p->bias ? &m->bias : NULL, .dst = &m->dst };
	for (int i = 0; i < 2; i++) {
		m->desc.stride[i] = a->stride[i] ? a->stride[i] : 1;
		m->desc.dilation[i] = a->dilation[i] ? a->dilation[i] - 1 : 0;
		m->desc.pad_before[i] = a->pad[2 * i];
		m->desc.pad_after[i] = a->pad[2 * i + 1];
	}
	int64_t sd[4], channels = a->filters;
	memcpy(sd, s->in[0].dims, sizeof sd);
	if (s->kind == C5_LAYER_DENSE && s->in[0].rank == 3) sd[1] *= sd[2];
	int sn = s->kind == C5_LAYER_DENSE && s->in[0].rank == 3 ? 2 : s->in[0].rank;
	err = c5_md_any(&m->src, sn, sd, type);
	if (!err) err = c5_md_any(&m->weights, wn, wd, type);
	if (!err) err = c5_md_plain(&m->bias, 1, &channels, dnnl_f32);
	if (!err) err = c5_md_any(&m->dst, s->out.rank, s->out.dims, out_type);
	if (!err) err = c5_dn_status(dnnl_primitive_attr_create(&m->attr), "a product");
	if (!err) err = c5_dn_status(dnnl_primitive_attr_create(&m->plain_attr), "a product");
	if (err) return err;
	dnnl_primitive_attr_set_scratchpad_mode(m->attr, dnnl_scratchpad_mode_user);
	dnnl_primitive_attr_set_scratchpad_mode(m->plain_attr, dnnl_scratchpad_mode_user);
	return c5_dn_status(c5_post_ops(m->attr, s->sum, s->activation, s->slope), "an activation");
}

/* Where Winograd's 4x4 tiles (Lavin and Gray 2016; a quarter of the multiplications) are faster, by measurements of the shapes of residual networks
 * and U-nets. By shape alone: every rank must choose the same. The error grows to about 1e-12 (weights of few channels: 1e-10, left out). */
static bool winograd_pays(const c5_op_spec *s, int pass)
{
	static const struct { int64_t channels, side; } least[] = { [C5_PASS_FORWARD] = { 32, 4 }, [C5_PASS_DATA] = { 32, 8 },
		[C5_PASS_WEIGHTS] = { 64, 4 } };
	const c5_layer *a = s->layer;
	int64_t in = s->in[0].rank > 1 ? s->in[0].dims[1] : 0, out = a->filters;
	if (s->kind != C5_LAYER_CONV || s->compute != C5_TYPE_F32 || a->groups > 1 || in % 16 || out % 16) return false;
	for (int i = 0; i < 2; i++)
		if (a->kernel[i] != 3 || a->stride[i] > 1 || a->dilation[i] > 1 || s->out.dims[2 + i] < least[pass].side) return false;
	return in >= least[pass].channels && out >= least[pass].channels;
}

/* The primitive descriptor of a pass, by Winograd where that pays and the library can. */
static dnnl_status_t pd_of(making *m, dnnl_primitive_desc_t *pd, int pass, const c5_product_desc *desc, dnnl_primitive_attr_t attr)
{
	c5_product_desc d = *desc;
	d.algorithm = winograd_pays(m->s, pass);
	dnnl_status_t s = c5_product_pd(pd, pass, &d, attr, m->d->engine, m->hint);
	if (s == dnnl_success || !d.algorithm) return s;
	d.algorithm = 0;
	return c5_product_pd(pd, pass, &d, attr, m->d->engine, m->hint);
}

static bool is_reference(const_dnnl_primitive_desc_t pd)
{
	return strncmp(c5_pd_name(pd), "ref", 3) == 0;
}

/* With 5 to 15 channels the library would read them plain and write them in blocks of 16, for which it has no fast backward pass; channels last it
 * has. */
static bool want_last(const making *m)
{
	const c5_layer *a = m->s->layer;
	return m->s->training && m->s->kind == C5_LAYER_CONV && a->groups <= 1 && m->s->in[0].rank == 4 && m->s->in[0].dims[1] > 4 &&
		m->s->in[0].dims[1] < 16;
}

static void make_last(making *m)
{
	dnnl_data_type_t type = m->s->compute == C5_TYPE_BF16 ? dnnl_bf16 : dnnl_f32, out_type = m->s->out.type == C5_TYPE_BF16 ? dnnl_bf16 : dnnl_f32;
	dnnl_primitive_desc_t other;
	c5_md src = m->src, dst = m->dst;
	if (c5_md_tag(&m->src, 4, m->s->in[0].dims, type, dnnl_nhwc) == C5_OK && c5_md_tag(&m->dst, 4, m->s->out.dims, out_type, dnnl_nhwc) == C5_OK &&
	    c5_product_pd(&other, C5_PASS_FORWARD, &m->desc, m->attr, m->d->engine, NULL) == dnnl_success) {
		if (!is_reference(other)) {
			dnnl_primitive_desc_destroy(m->hint);
			m->hint = other;
			return;
		}
		dnnl_primitive_desc_destroy(other);
	}
	m->src = src, m->dst = dst;
}

/* Blocks of 16 channels for whole chains of convolutions: Winograd works on them, so that nothing is moved between it and the others, and on maps of
 * few pixels the library's own choice, channels last, takes twice the time. Not where the processor has tiles (its fast code wants channels last),
 * nor for wide windows on few channels in bfloat16. Layouts only; where the library cannot, it is asked for its choice. */
static dnnl_status_t make_blocked(making *m)
{
	const c5_op_spec *s = m->s;
	const c5_layer *a = s->layer;
	int isa = (int)dnnl_get_effective_cpu_isa();
	bool narrow = s->compute == C5_TYPE_BF16;
	if (s->kind != C5_LAYER_CONV || a->groups > 1 || s->in[0].rank != 4 || isa < (int)dnnl_cpu_isa_avx512_core || a->filters % 16)
		return dnnl_unimplemented;
	if (narrow && isa >= (int)dnnl_cpu_isa_avx512_core_amx) return dnnl_unimplemented;
	int64_t in = s->in[0].dims[1];
	if (in % 16 && (in > 4 || (narrow && a->kernel[0] > 5))) return dnnl_unimplemented;
	c5_md src = m->src, dst = m->dst;
	dnnl_data_type_t type = narrow ? dnnl_bf16 : dnnl_f32, out_type = s->out.type == C5_TYPE_BF16 ? dnnl_bf16 : dnnl_f32;
	dnnl_status_t got = dnnl_unimplemented;
	if (c5_md_tag(&m->src, 4, s->in[0].dims, type, in % 16 ? dnnl_nchw : dnnl_nChw16c) == C5_OK &&
	    c5_md_tag(&m->dst, 4, s->out.dims, out_type, dnnl_nChw16c) == C5_OK)
		got = pd_of(m, &m->hint, C5_PASS_FORWARD, &m->desc, m->attr);
	if (got == dnnl_success && is_reference(m->hint)) {
		dnnl_primitive_desc_destroy(m->hint);
		m->hint = NULL;
		got = dnnl_unimplemented;
	}
	if (got != dnnl_success) m->src = src, m->dst = dst;
	return got;
}

/* Forward: a dense layer takes its input as it lies if the library has fast code for that. */
static int make_forward(making *m)
{
	c5_dn *d = m->d;
	product *p = m->p;
	c5_op *op = &p->base.op;
	dnnl_status_t s = dnnl_unimplemented;
	c5_md any = m->src;
	if (m->s->kind == C5_LAYER_DENSE && m->s->in[0].rank == 4) {
		c5_desc given = m->s->in[0];
		given.type = m->s->compute;
		int err = c5_dn_md(d, &given, &m->src);
		if (err) return err;
		s = pd_of(m, &m->hint, C5_PASS_FORWARD, &m->desc, m->attr);
		if (s == dnnl_success && is_reference(m->hint)) {
			dnnl_primitive_desc_destroy(m->hint);
			m->hint = NULL;
			s = dnnl_unimplemented;
		}
		if (s != dnnl_success) m->src = any;
	}
	if (s != dnnl_success) s = make_blocked(m);
	if (s != dnnl_success) s = pd_of(m, &m->hint, C5_PASS_FORWARD, &m->desc, m->attr);
	if (s != dnnl_success) return c5_dn_status(s, "a product");
	if (want_last(m)) make_last(m);
	c5_pd_arg(m->hint, DNNL_ARG_SRC, &m->src);
	c5_pd_arg(m->hint, DNNL_ARG_WEIGHTS, &m->weights);
	c5_pd_arg(m->hint, DNNL_ARG_DST, &m->dst);
	int in_type = m->s->compute, out_type = m->s->out.type, err = C5_OK;
	op->in[0].type = in_type;
	if (m->s->kind == C5_LAYER_DENSE && m->s->in[0].rank == 3) c5_desc_plain(&op->in[0], in_type, 3, m->s->in[0].dims);
	else err = c5_dn_desc(d, &op->in[0], &m->src, m->s->in[0].rank, m->s->in[0].dims);
	op->out.type = out_type;
	if (!err) err = c5_dn_desc(d, &op->out, &m->dst, m->s->out.rank, m->s->out.dims);
	if (m->s->sum) op->in[1] = op->out;
	dnnl_primitive_desc_t copy;
	if (!err) err = c5_dn_status(dnnl_primitive_desc_clone(&copy, m->hint), "a product");
	if (!err) err = c5_prim_make(d, &p->forward, copy);
	if (!err) err = c5_prim_arg(d, &p->forward, DNNL_ARG_SRC, &m->src);
	if (!err) err = c5_prim_arg(d, &p->forward, DNNL_ARG_WEIGHTS, &m->weights);
	if (!err && p->bias) err = c5_prim_arg(d, &p->forward, DNNL_ARG_BIAS, &m->bias);
	if (!err) err = c5_prim_arg(d, &p->forward, DNNL_ARG_DST, &m->dst);
	return err;
}

static int make_weights(making *m, c5_md *master, const c5_md *grad)
{
	c5_dn *d = m->d;
	product *p = m->p;
	c5_product_desc desc = m->desc;
	dnnl_primitive_desc_t pd;
	int err = c5_md_any(master, c5_md_ndims(&m->weights), c5_md_dims(&m->weights), dnnl_f32);
	if (err) return err;
	desc.weights = master;
	desc.dst = grad;
	dnnl_status_t s = pd_of(m, &pd, C5_PASS_WEIGHTS, &desc, m->plain_attr);
	if (s != dnnl_success) return c5_dn_status(s, "the gradient of weights");
	c5_pd_arg(pd, DNNL_ARG_DIFF_WEIGHTS, master);
	if ((err = c5_prim_make(d, &p->weights, pd))) return err;
	err = c5_prim_arg(d, &p->weights, DNNL_ARG_SRC, &m->src);
	if (!err) err = c5_prim_arg(d, &p->weights, DNNL_ARG_DIFF_DST, grad);
	if (!err) err = c5_prim_arg(d, &p->weights, DNNL_ARG_DIFF_WEIGHTS, master);
	if (!err && p->bias) err = c5_prim_arg(d, &p->weights, DNNL_ARG_DIFF_BIAS, &m->bias);
	return err;
}

static int make_data(making *m, c5_md *wanted, const c5_md *grad)
{
	c5_dn *d = m->d;
	product *p = m->p;
	c5_product_desc desc = m->desc;
	dnnl_primitive_desc_t pd;
	int err = c5_md_any(wanted, c5_md_ndims(&m->weights), c5_md_dims(&m->weights), m->s->compute == C5_TYPE_BF16 ? dnnl_bf16 : dnnl_f32);
	if (err) return err;
	desc.weights = wanted;
	desc.dst = grad;
	dnnl_status_t s = pd_of(m, &pd, C5_PASS_DATA, &desc, m->plain_attr);
	if (s != dnnl_success) return c5_dn_status(s, "the gradient of data");
	c5_pd_arg(pd, DNNL_ARG_WEIGHTS, wanted);
	if ((err = c5_prim_make(d, &p->data, pd))) return err;
	err = c5_prim_arg(d, &p->data, DNNL_ARG_DIFF_DST, grad);
	if (!err) err = c5_prim_arg(d, &p->data, DNNL_ARG_WEIGHTS, wanted);
	if (!err) err = c5_prim_arg(d, &p->data, DNNL_ARG_DIFF_SRC, &m->src);
	return err;
}

static int make_params(making *m, const c5_md *master)
{
	c5_dn *d = m->d;
	c5_op *op = &m->p->base.op;
	const c5_op_spec *s = m->s;
	const c5_layer *a = s->layer;
	int64_t dims[4];
	int rank = a->params[0].rank;
	for (int i = 0; i < rank && i < 4; i++) dims[i] = a->params[0].shape[i];
	op->param[0].type = s->training ? C5_TYPE_F32 : s->compute;
	int err = c5_dn_desc(d, &op->param[0], master, rank, dims);
	int64_t channels = a->filters;
	c5_desc_plain(&op->param[1], C5_TYPE_F32, 1, &channels);
	op->n_params = 1 + s->bias;
	return err;
}

static int make_backward(making *m)
{
	c5_dn *d = m->d;
	product *p = m->p;
	const c5_op_spec *s = m->s;
	c5_op *op = &p->base.op;
	c5_md master = m->weights, wanted, grad = m->dst;
	int err = C5_OK;
	c5_md_retype(&master, dnnl_f32);
	c5_md_retype(&grad, s->compute == C5_TYPE_BF16 ? dnnl_bf16 : dnnl_f32);
	if (s->grad_params) err = make_weights(m, &master, &grad);
	if (!err && s->grad_in[0]) err = make_data(m, &wanted, &grad);
	if (!err) err = make_params(m, &master);
	if (!err) err = c5_prim_reorder(d, &p->to_forward, &master, &m->weights);
	if (!err && p->data.p) err = c5_prim_reorder(d, &p->to_data, &master, &wanted);
	if (!err && !c5_md_same(&grad, &m->dst)) err = c5_prim_reorder(d, &p->cast, &m->dst, &grad);
	if (err) return err;
	if (p->to_forward.p) op->derived = round_up(c5_md_bytes(&m->weights));
	p->data_at = op->derived;
	if (p->to_data.p) op->derived += round_up(c5_md_bytes(&wanted));
	op->back_in = s->grad_params;
	op->back_out = s->activation != C5_ACT_NONE;
	op->spoils = s->activation != C5_ACT_NONE;
	p->cast_at = p->cast.p ? round_up(c5_md_bytes(&grad)) : 0;
	return C5_OK;
}

static void **list_of(const c5_prim *p, void **list, void *scratch)
{
	*list = scratch;
	return list + (p->scratch > 0);
}

static int forward(c5_dn *d, c5_dn_op *o, const c5_op_args *a)
{
	product *p = (product *)o;
	void *list[C5_PRIM_ARGS], **at = list_of(&p->forward, list, a->scratch);
	*at++ = (void *)a->in[0];
	*at++ = p->to_forward.p ? (uint8_t *)a->derived : a->param[0];
	if (p->bias) *at++ = a->param[1];
	*at = a->out;
	int err = c5_prim_run(d, &p->forward, list);
	if (!err && p->own_bias) c5_cpu_add_bias(&p->tiles, o->op.out.type, a->param[1], a->out);
	return err;
}

static int refresh(c5_dn *d, c5_dn_op *o, const c5_op_args *a)
{
	product *p = (product *)o;
	struct { c5_prim *prim; size_t at; } rows[] = { { &p->to_forward, 0 }, { &p->to_data, p->data_at } };
	for (int i = 0; i < 2; i++) {
		if (!rows[i].prim->p) continue;
		void *list[3], **at = list_of(rows[i].prim, list, a->scratch);
		at[0] = a->param[0];
		at[1] = (uint8_t *)a->derived + rows[i].at;
		int err = c5_prim_run(d, rows[i].prim, list);
		if (err) return err;
	}
	return C5_OK;
}

static int backward(c5_dn *d, c5_dn_op *o, const c5_op_args *a)
{
	product *p = (product *)o;
	const c5_op_spec *s = &o->op.spec;
	uint8_t *scratch = (uint8_t *)a->scratch + p->cast_at;
	void *list[C5_PRIM_ARGS], **at, *grad = a->grad_out;
	int err = C5_OK;
	if (s->activation != C5_ACT_NONE) {
		size_t count = o->op.out.bytes / (o->op.out.type == C5_TYPE_BF16 ? 2 : 4);
		c5_cpu_act_backward(s->activation, s->slope, o->op.out.type, count, a->out, grad, grad);
	}
	if (p->cast.p) {
		at = list_of(&p->cast, list, scratch);
		at[0] = grad;
		at[1] = grad = a->scratch;
		err = c5_prim_run(d, &p->cast, list);
	}
	if (!err && p->data.p && a->grad_in[0]) {
		at = list_of(&p->data, list, scratch);
		*at++ = grad;
		*at++ = p->to_data.p ? (uint8_t *)a->derived + p->data_at : a->param[0];
		*at = a->grad_in[0];
		err = c5_prim_run(d, &p->data, list);
	}
	if (!err && p->weights.p) {
		at = list_of(&p->weights, list, scratch);
		*at++ = (void *)a->in[0];
		*at++ = grad;
		*at++ = a->grad_param[0];
		if (p->bias) *at = a->grad_param[1];
		err = c5_prim_run(d, &p->weights, list);
		if (!err && p->own_bias) c5_cpu_bias_gradient(&p->tiles, o->op.out.type, a->grad_out, a->grad_param[1], a->scratch);
	}
	return err;
}

int c5_dn_make_product(c5_dn *d, c5_dn_op **out, const c5_op_spec *spec)
{
	if (c5_dn_small_pays(spec)) return c5_dn_make_small(d, out, spec);
	if (c5_dn_winograd_pays(spec)) return c5_dn_make_winograd(d, out, spec);
	product *p;
	int err = c5_dn_op_new(&p, sizeof *p, spec);
	if (err) return err;
	*out = &p->base;
	making m = { .d = d, .p = p, .s = &p->base.op.spec };
	c5_op *op = &p->base.op;
	p->own_bias = spec->bias && spec->kind == C5_LAYER_CONV_TRANSPOSE;
	p->bias = spec->bias && !p->own_bias;
	p->base.forward = forward;
	p->base.backward = backward;
	p->base.refresh = refresh;
	p->base.drop = drop;
	op->product = true;
	op->out_over = spec->sum ? C5_OVER_SUM : C5_OVER_NO;
	err = start(&m, spec->compute == C5_TYPE_BF16 ? dnnl_bf16 : dnnl_f32, spec->out.type == C5_TYPE_BF16 ? dnnl_bf16 : dnnl_f32);
	if (!err) err = make_forward(&m);
	if (!err && p->own_bias && !c5_dn_tiles(d, &op->out, &p->tiles)) err = c5_fail(C5_EFAIL, "oneDNN: a layout of its own for a transposed convolution");
	if (!err) err = spec->training ? make_backward(&m) : make_params(&m, &m.weights);
	c5_prim *all[] = { &p->forward, &p->data, &p->weights, &p->to_forward, &p->to_data, &p->cast };
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (all[i]->scratch > op->scratch) op->scratch = all[i]->scratch;
	op->scratch += p->cast_at;
	if (p->own_bias && c5_cpu_bias_scratch(&p->tiles) > op->scratch) op->scratch = c5_cpu_bias_scratch(&p->tiles);
	if (m.hint) dnnl_primitive_desc_destroy(m.hint);
	if (m.attr) dnnl_primitive_attr_destroy(m.attr);
	if (m.plain_attr) dnnl_primitive_attr_destroy(m.plain_attr);
	return err;
}
