/* onednn_api.c – see onednn_api.h. What both versions share, and bodies for oneDNN 2; those for version 3 are in onednn_api3.c. */
#include "nn/onednn_api.h"

#include <string.h>

#include "base/error.h"
#include "nn/model.h"

/* inner: sizes of the blocks that lie innermost, inner_dim: of which dimension they are. */
int c5_md_block_of(int ndims, const int64_t *dims, const int64_t *padded, const int64_t *strides, int n_inner, const int64_t *inner,
	const int64_t *inner_dim)
{
	if (n_inner > 1 || (n_inner == 1 && inner_dim[0] != 1)) return 0;
	int64_t block = n_inner == 1 ? inner[0] : 1, positions = 1;
	bool last = block == 1 && strides[1] == 1 && dims[1] > 1; /* NHWC */
	int64_t step = last ? dims[1] : block;
	for (int i = ndims - 1; i >= 2; i--) {
		if (dims[i] > 1 && strides[i] != step * positions) return 0;
		positions *= dims[i];
	}
	int64_t blocks = padded[1] / block;
	if (!last && blocks > 1 && strides[1] != block * positions) return 0;
	if (dims[0] > 1 && strides[0] != (last ? step * positions : block * positions * blocks)) return 0;
	return (int)step;
}

const char *c5_pd_name(const_dnnl_primitive_desc_t pd)
{
	const char *text = "";
	dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, &text);
	return text;
}

dnnl_status_t c5_post_ops(dnnl_primitive_attr_t attr, bool sum, int activation, float slope)
{
	static const struct { dnnl_alg_kind_t alg; float alpha, beta; } rows[] = {
		[C5_ACT_RELU] = { dnnl_eltwise_relu, 0, 0 }, [C5_ACT_RELU6] = { dnnl_eltwise_clip, 0, 6 }, [C5_ACT_LEAKY_RELU] = { dnnl_eltwise_relu, 0, 0 },
		[C5_ACT_ELU] = { dnnl_eltwise_elu, 0, 0 }, [C5_ACT_SIGMOID] = { dnnl_eltwise_logistic, 0, 0 }, [C5_ACT_TANH] = { dnnl_eltwise_tanh, 0, 0 },
	};
	dnnl_post_ops_t ops;
	dnnl_status_t s = dnnl_post_ops_create(&ops);
	if (s != dnnl_success) return s;
#if DNNL_VERSION_MAJOR >= 3
	if (sum) s = dnnl_post_ops_append_sum(ops, 1, 0, dnnl_data_type_undef);
#else
	if (sum) s = dnnl_post_ops_append_sum(ops, 1);
#endif
	if (s == dnnl_success && activation != C5_ACT_NONE) {
		float alpha = activation == C5_ACT_LEAKY_RELU || activation == C5_ACT_ELU ? slope : rows[activation].alpha;
#if DNNL_VERSION_MAJOR >= 3
		s = dnnl_post_ops_append_eltwise(ops, rows[activation].alg, alpha, rows[activation].beta);
#else
		s = dnnl_post_ops_append_eltwise(ops, 1, rows[activation].alg, alpha, rows[activation].beta);
#endif
	}
	if (s == dnnl_success) s = dnnl_primitive_attr_set_post_ops(attr, ops);
	dnnl_post_ops_destroy(ops);
	return s;
}

#if DNNL_VERSION_MAJOR < 3

static int plain_md(c5_md *md, int ndims, const int64_t *dims, dnnl_data_type_t type, const dnnl_dims_t strides)
{
	dnnl_dims_t d;
	memcpy(d, dims, (size_t)ndims * sizeof *dims);
	return dnnl_memory_desc_init_by_strides(md, ndims, d, type, strides) == dnnl_success ? C5_OK : c5_fail(C5_EFAIL, "oneDNN: no such array");
}

int c5_md_plain(c5_md *md, int ndims, const int64_t *dims, dnnl_data_type_t type)
{
	dnnl_dims_t strides;
	int64_t step = 1;
	for (int i = ndims - 1; i >= 0; i--) {
		strides[i] = step;
		step *= dims[i];
	}
	return plain_md(md, ndims, dims, type, strides);
}

int c5_md_any(c5_md *md, int ndims, const int64_t *dims, dnnl_data_type_t type)
{
	return c5_md_tag(md, ndims, dims, type, dnnl_format_tag_any);
}

int c5_md_tag(c5_md *md, int ndims, const int64_t *dims, dnnl_data_type_t type, dnnl_format_tag_t tag)
{
	dnnl_dims_t d;
	memcpy(d, dims, (size_t)ndims * sizeof *dims);
	return dnnl_memory_desc_init_by_tag(md, ndims, d, type, tag) == dnnl_success ? C5_OK : c5_fail(C5_EFAIL, "oneDNN: no such array");
}

void c5_md_retype(c5_md *md, dnnl_data_type_t type) { md->data_type = type; }
bool c5_md_same(const c5_md *a, const c5_md *b) { return dnnl_memory_desc_equal(a, b); }
size_t c5_md_bytes(const c5_md *md) { return dnnl_memory_desc_get_size(md); }
int c5_md_ndims(const c5_md *md) { return md->ndims; }
const int64_t *c5_md_dims(const c5_md *md) { return md->dims; }

int c5_md_block(const c5_md *md)
{
	const dnnl_blocking_desc_t *b = &md->format_desc.blocking;
	if (md->format_kind != dnnl_blocked || md->ndims < 2 || md->offset0) return 0;
	return c5_md_block_of(md->ndims, md->dims, md->padded_dims, b->strides, b->inner_nblks, b->inner_blks, b->inner_idxs);
}

dnnl_status_t c5_product_pd(dnnl_primitive_desc_t *pd, int pass, const c5_product_desc *p, dnnl_primitive_attr_t attr, dnnl_engine_t engine,
	const_dnnl_primitive_desc_t hint)
{
	union { dnnl_convolution_desc_t conv; dnnl_deconvolution_desc_t deconv; dnnl_inner_product_desc_t dense; } d;
	dnnl_prop_kind_t prop = p->training ? dnnl_forward_training : dnnl_forward_inference;
	bool conv = p->kind == C5_PRODUCT_CONV;
	dnnl_alg_kind_t alg = conv ? (p->algorithm ? dnnl_convolution_winograd : dnnl_convolution_direct) : dnnl_deconvolution_direct;
	dnnl_status_t s;
	if (p->kind == C5_PRODUCT_DENSE) {
		s = pass == C5_PASS_FORWARD ? dnnl_inner_product_forward_desc_init(&d.dense, prop, p->src, p->weights, p->bias, p->dst)
			: pass == C5_PASS_DATA ? dnnl_inner_product_backward_data_desc_init(&d.dense, p->src, p->weights, p->dst)
			: dnnl_inner_product_backward_weights_desc_init(&d.dense, p->src, p->weights, p->bias, p->dst);
	} else if (pass == C5_PASS_FORWARD) {
		s = (conv ? dnnl_dilated_convolution_forward_desc_init : dnnl_dilated_deconvolution_forward_desc_init)(&d.conv, prop, alg,
			p->src, p->weights, p->bias, p->dst, p->stride, p->dilation, p->pad_before, p->pad_after);
	} else if (pass == C5_PASS_DATA) {
		s = (conv ? dnnl_dilated_convolution_backward_data_desc_init : dnnl_dilated_deconvolution_backward_data_desc_init)(&d.conv, alg,
			p->src, p->weights, p->dst, p->stride, p->dilation, p->pad_before, p->pad_after);
	} else {
		s = (conv ? dnnl_dilated_convolution_backward_weights_desc_init : dnnl_dilated_deconvolution_backward_weights_desc_init)(&d.conv, alg,
			p->src, p->weights, p->bias, p->dst, p->stride, p->dilation, p->pad_before, p->pad_after);
	}
	return s == dnnl_success ? dnnl_primitive_desc_create(pd, &d, attr, engine, hint) : s;
}

dnnl_status_t c5_pool_pd(dnnl_primitive_desc_t *pd, bool max, bool backward, bool training, const c5_md *src, const c5_md *dst,
	const dnnl_dims_t stride, const dnnl_dims_t kernel, const dnnl_dims_t pad_before, const dnnl_dims_t pad_after, dnnl_primitive_attr_t attr,
	dnnl_engine_t engine, const_dnnl_primitive_desc_t hint)
{
	dnnl_pooling_desc_t d;
	dnnl_alg_kind_t alg = max ? dnnl_pooling_max : dnnl_pooling_avg_exclude_padding;
	dnnl_status_t s = backward ? dnnl_pooling_backward_desc_init(&d, alg, src, dst, stride, kernel, pad_before, pad_after)
		: dnnl_pooling_forward_desc_init(&d, training ? dnnl_forward_training : dnnl_forward_inference, alg, src, dst, stride, kernel, pad_before,
			pad_after);
	return s == dnnl_success ? dnnl_primitive_desc_create(pd, &d, attr, engine, hint) : s;
}

dnnl_status_t c5_reorder_pd(dnnl_primitive_desc_t *pd, const c5_md *from, const c5_md *to, dnnl_primitive_attr_t attr, dnnl_engine_t engine)
{
	return dnnl_reorder_primitive_desc_create(pd, from, engine, to, engine, attr);
}

void c5_pd_arg(const_dnnl_primitive_desc_t pd, int arg, c5_md *md)
{
	const dnnl_memory_desc_t *found = dnnl_primitive_desc_query_md(pd, dnnl_query_exec_arg_md, arg);
	if (found) *md = *found;
	else memset(md, 0, sizeof *md);
}

dnnl_status_t c5_memory(dnnl_memory_t *mem, const c5_md *md, dnnl_engine_t engine)
{
	return dnnl_memory_create(mem, md, engine, DNNL_MEMORY_NONE);
}

#endif
