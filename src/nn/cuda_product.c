/* cuda_product.c – convolution, transposed convolution and dense on the GPU: by cuDNN where it has an engine (cudnn_plan.c), else by kernels of our
 * own, which depthwise convolutions and those of one pixel with few filters always take. One more kernel then adds bias and addend and applies the
 * activation.
 *
 * All three are one geometry (c5_k_conv): a transposed convolution is the gradient of a convolution by its data, dense a convolution of one pixel.
 * Masters are float32 in the library's order; a bfloat16 copy is made after each update. Dense layers, and what leaves as float32 from a bfloat16 net
 * (the last layer before a loss), are computed in float32 altogether: little of a net's work, and rounding where sums are long would show most there.
 * */
#include <string.h>

#include "base/error.h"
#include "nn/cuda.h"

typedef struct product {
	c5_cu_op base;
	c5_k_conv shape;
	int type;                    /* of inputs and products */
	bool thin;                   /* by cuda_thin.cu: the input is of its own type, all else float32 */
	bool wide;                   /* the output is of another type: products lie in scratch before */
	size_t rest_at;              /* in scratch, after those */
	int forward_pass, data_pass; /* C5_CONV_* that these are */
	c5_cu_plan forward, data, weights;
	size_t cast_at;              /* in the rest, where the bfloat16 gradient of weights goes before it is float32 */
} product;

static size_t round_up(size_t bytes) { return (bytes + 255) / 256 * 256; }
static size_t max_size(size_t a, size_t b) { return a > b ? a : b; }

static void drop(c5_cu_op *o)
{
	product *p = (product *)o;
	c5_cu_plan_free(&p->forward);
	c5_cu_plan_free(&p->data);
	c5_cu_plan_free(&p->weights);
}

static void shape_of(product *p, const c5_op_spec *s)
{
	const c5_layer *a = s->layer;
	bool turned = s->kind == C5_LAYER_CONV_TRANSPOSE;
	c5_k_conv *g = &p->shape;
	p->forward_pass = turned ? C5_CONV_DATA : C5_CONV_FORWARD;
	p->data_pass = turned ? C5_CONV_FORWARD : C5_CONV_DATA;
	*g = (c5_k_conv){ .items = s->in[0].dims[0], .height = 1, .width = 1, .out_height = 1, .out_width = 1, .groups = 1, .kernel = { 1, 1 },
		.stride = { 1, 1 },
		.dilation = { 1, 1 } };
	if (s->kind == C5_LAYER_DENSE) {
		g->channels = (int64_t)(c5_desc_count(&s->in[0]) / (size_t)s->in[0].dims[0]);
		g->filters = a->filters;
		return;
	}
	const int64_t *big = turned ? s->out.dims : s->in[0].dims, *small = turned ? s->in[0].dims : s->out.dims;
	g->channels = big[1];
	g->height = big[2];
	g->width = big[3];
	g->filters = small[1];
	g->out_height = small[2];
	g->out_width = small[3];
	if (!turned && a->groups > 1) g->groups = a->groups;
	for (int i = 0; i < 2; i++) {
		g->kernel[i] = a->kernel[i];
		g->stride[i] = a->stride[i] ? a->stride[i] : 1;
		g->dilation[i] = a->dilation[i] ? a->dilation[i] : 1;
		g->before[i] = a->pad[2 * i];
		g->after[i] = a->pad[2 * i + 1];
	}
}

/* Weights in the order (filters, kernel, channels) of the geometry, whatever their canonical order. */
static void describe_params(product *p, const c5_op_spec *s)
{
	c5_op *op = &p->base.op;
	const c5_layer *a = s->layer;
	int type = s->training || p->thin ? C5_TYPE_F32 : p->type;
	int64_t out = a->filters;
	if (s->kind == C5_LAYER_DENSE && s->in[0].rank == 4) {
		c5_cu_desc(&op->param[0], type, 4, (int64_t[]){ out, s->in[0].dims[1], s->in[0].dims[2], s->in[0].dims[3] }, C5_CU_LAST);
	} else if (s->kind == C5_LAYER_DENSE) {
		c5_desc_plain(&op->param[0], type, 2, (int64_t[]){ out, p->shape.channels });
	} else {
		int64_t in = s->kind == C5_LAYER_CONV ? p->shape.channels / p->shape.groups : p->shape.filters;
		c5_cu_desc(&op->param[0], type, 4, (int64_t[]){ out, in, a->kernel[0], a->kernel[1] }, s->kind == C5_LAYER_CONV ? C5_CU_LAST : C5_CU_TURNED);
	}
	c5_desc_plain(&op->param[1], C5_TYPE_F32, 1, &out);
	op->n_params = 1 + s->bias;
	if (s->training && !p->thin && p->type == C5_TYPE_BF16) op->derived = c5_desc_count(&op->param[0]) * 2;
	op->derived_copy = op->derived > 0;
}

static void describe_values(product *p, const c5_op_spec *s)
{
	c5_op *op = &p->base.op;
	c5_cu_desc(&op->in[0], p->type, s->in[0].rank, s->in[0].dims, C5_CU_LAST);
	c5_cu_desc(&op->out, s->out.type, s->out.rank, s->out.dims, C5_CU_LAST);
	if (s->sum) op->in[1] = op->out;
	p->wide = !p->thin && op->out.type != p->type;
	p->rest_at = p->wide ? round_up(c5_desc_count(&op->out) * c5_cu_bytes(p->type)) : 0;
}

/* Scratch is one pass' at a time: the library's workspace, partial sums of ours, the bias' sums. */
static size_t rest_bytes(product *p, const c5_op_spec *s)
{
	const c5_op *op = &p->base.op;
	size_t rows, channels, most = max_size(p->forward.workspace, p->data.workspace);
	if (!s->training || !s->grad_params) return most;
	c5_cu_rows(&op->out, &rows, &channels);
	if (s->bias) most = max_size(most, c5_k_sums_scratch(1, rows, channels, 1));
	if (p->thin) return max_size(most, c5_k_thin_scratch(&(c5_k_thin){ .rows = rows, .channels = (size_t)p->shape.channels, .filters = channels }));
	if (!p->weights.plan) return max_size(most, c5_k_direct_scratch(&p->shape));
	p->cast_at = round_up(p->weights.workspace);
	return max_size(most, p->cast_at + (p->type == C5_TYPE_BF16 ? c5_desc_count(&op->param[0]) * 2 : 0));
}

/* ---- passes ---- */

/* forward or data: `in` is the one image, `out` the other. */
static int image_pass(c5_cu *d, product *p, c5_cu_plan *plan, int pass, const void *in, void *filter, void *out, void *scratch)
{
	bool to_small = pass == C5_CONV_FORWARD;
	if (plan->plan)
		return to_small ? c5_cu_plan_run(d, plan, (void *)in, filter, out, scratch) : c5_cu_plan_run(d, plan, out, filter, (void *)in, scratch);
	return to_small ? c5_k_direct_forward(d->stream, &p->shape, p->type, in, filter, out) : c5_k_direct_data(d->stream, &p->shape, p->type, in, filter,
		out);
}

static void *filter_of(const product *p, const c5_op_args *a) { return p->base.op.derived ? a->derived : a->param[0]; }

static c5_k_thin thin_of(const product *p)
{
	const c5_op *op = &p->base.op;
	c5_k_thin t = { .type = p->type, .activation = op->spec.activation, .slope = op->spec.slope, .channels = (size_t)p->shape.channels };
	c5_cu_rows(&op->out, &t.rows, &t.filters);
	return t;
}

static int thin_backward(c5_cu *d, const product *p, const c5_op_args *a, void *scratch)
{
	c5_k_thin t = thin_of(p);
	int err = a->grad_in[0] ? c5_k_thin_data(d->stream, &t, a->grad_out, a->param[0], a->grad_in[0]) : C5_OK;
	if (err || !p->base.op.spec.grad_params || !a->grad_param[0]) return err;
	return c5_k_thin_weights(d->stream, &t, a->in[0], a->grad_out, a->grad_param[0], scratch);
}

static int forward(c5_cu *d, c5_cu_op *o, const c5_op_args *a)
{
	product *p = (product *)o;
	const c5_op_spec *s = &o->op.spec;
	if (p->thin) {
		c5_k_thin t = thin_of(p);
		return c5_k_thin_forward(d->stream, &t, a->in[0], a->param[0], s->bias ? a->param[1] : NULL, a->out);
	}
	void *made = p->wide ? a->scratch : a->out;
	int err = image_pass(d, p, &p->forward, p->forward_pass, a->in[0], filter_of(p, a), made, (uint8_t *)a->scratch + p->rest_at);
	if (err || (!p->wide && !s->bias && !s->sum && s->activation == C5_ACT_NONE)) return err;
	return c5_k_finish(d->stream, s->activation, s->slope, c5_desc_count(&o->op.out), (size_t)s->layer->filters, p->type, made,
		s->bias ? a->param[1] : NULL, s->sum ? a->in[1] : NULL, o->op.out.type, a->out);
}

static int weights_pass(c5_cu *d, product *p, const c5_op_args *a, void *grad, uint8_t *scratch)
{
	bool turned = p->forward_pass == C5_CONV_DATA;
	void *big = turned ? grad : (void *)a->in[0], *small = turned ? (void *)a->in[0] : grad;
	if (!p->weights.plan) return c5_k_direct_weights(d->stream, &p->shape, p->type, big, small, a->grad_param[0], scratch);
	if (p->type != C5_TYPE_BF16) return c5_cu_plan_run(d, &p->weights, big, a->grad_param[0], small, scratch);
	void *cast = scratch + p->cast_at;
	int err = c5_cu_plan_run(d, &p->weights, big, cast, small, scratch);
	return err ? err : c5_k_cast(d->stream, c5_desc_count(&p->base.op.param[0]), C5_TYPE_BF16, cast, C5_TYPE_F32, a->grad_param[0]);
}

static int backward(c5_cu *d, c5_cu_op *o, const c5_op_args *a)
{
	product *p = (product *)o;
	const c5_op_spec *s = &o->op.spec;
	size_t rows, channels;
	void *grad = a->grad_out;
	uint8_t *scratch = (uint8_t *)a->scratch + p->rest_at;
	int type = o->op.out.type, err = C5_OK;
	c5_cu_rows(&o->op.out, &rows, &channels);
	if (s->activation != C5_ACT_NONE) err = c5_k_act_backward(d->stream, s->activation, s->slope, type, rows * channels, a->out, grad, grad);
	if (!err && s->grad_params && s->bias && a->grad_param[1])
		err = c5_k_column_sums(d->stream, type, 1, rows, channels, grad, 1, C5_TYPE_F32, a->grad_param[1], scratch);
	if (!err && p->thin) return thin_backward(d, p, a, scratch);
	if (!err && p->wide) {
		err = c5_k_cast(d->stream, rows * channels, type, grad, p->type, a->scratch);
		grad = a->scratch;
	}
	if (!err && a->grad_in[0]) err = image_pass(d, p, &p->data, p->data_pass, grad, filter_of(p, a), a->grad_in[0], scratch);
	if (!err && s->grad_params && a->grad_param[0]) err = weights_pass(d, p, a, grad, scratch);
	return err;
}

static int refresh(c5_cu *d, c5_cu_op *o, const c5_op_args *a)
{
	if (!o->op.derived) return C5_OK;
	return c5_k_cast(d->stream, c5_desc_count(&o->op.param[0]), C5_TYPE_F32, a->param[0], C5_TYPE_BF16, a->derived);
}

static bool is_thin(const product *p, const c5_op_spec *s)
{
	const c5_k_conv *g = &p->shape;
	bool pixel = s->kind == C5_LAYER_CONV && g->kernel[0] == 1 && g->kernel[1] == 1 && g->stride[0] == 1 && g->stride[1] == 1 &&
		g->height == g->out_height && g->width == g->out_width && !g->before[0] && !g->before[1];
	return pixel && g->groups == 1 && g->filters <= C5_THIN_FILTERS && g->channels % 8 == 0 && s->out.type == C5_TYPE_F32 && !s->sum;
}

int c5_cu_make_product(c5_cu *d, c5_cu_op **out, const c5_op_spec *spec)
{
	product *p;
	int err = c5_cu_op_new(&p, sizeof *p, spec);
	if (err) return err;
	*out = &p->base;
	p->base.forward = forward;
	p->base.backward = backward;
	p->base.refresh = refresh;
	p->base.drop = drop;
	c5_op *op = &p->base.op;
	p->type = spec->out.type == C5_TYPE_BF16 && spec->kind != C5_LAYER_DENSE ? spec->compute : C5_TYPE_F32;
	shape_of(p, spec);
	p->thin = is_thin(p, spec);
	if (p->thin) p->type = spec->in[0].type;
	bool own = p->thin || (p->shape.groups > 1 && p->shape.groups == p->shape.channels);
	if (!own) err = c5_cu_plan_make(d, &p->forward, p->forward_pass, &p->shape, p->type);
	if (!own && !err && spec->training && spec->grad_in[0]) err = c5_cu_plan_make(d, &p->data, p->data_pass, &p->shape, p->type);
	if (!own && !err && spec->training && spec->grad_params) err = c5_cu_plan_make(d, &p->weights, C5_CONV_WEIGHTS, &p->shape, p->type);
	if (err) return err;
	describe_values(p, spec);
	describe_params(p, spec);
	op->scratch = p->rest_at + rest_bytes(p, spec);
	op->product = true;
	op->back_in = spec->training && spec->grad_params;
	op->back_out = spec->training && spec->activation != C5_ACT_NONE;
	op->spoils = op->back_out;
	return C5_OK;
}
