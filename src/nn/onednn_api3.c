/* onednn_api3.c – see onednn_api.h. Bodies for oneDNN 3, which hides memory descriptors behind handles: every distinct one is kept once
 * in a table, so that ours can be copied by value. There are as many as layouts and shapes in use. */
#include "nn/onednn_api.h"

#if DNNL_VERSION_MAJOR >= 3

#include <pthread.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "nn/model.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static dnnl_memory_desc_t *known;
static size_t n_known, cap_known;

/* The one of the table that is equal; entered if there is none. NULL without memory. */
static dnnl_memory_desc_t the_one(const_dnnl_memory_desc_t d)
{
	dnnl_memory_desc_t found = NULL;
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < n_known && !found; i++)
		if (dnnl_memory_desc_equal(known[i], d)) found = known[i];
	if (!found && c5_grow(&known, &cap_known, n_known + 1, sizeof *known) == C5_OK && dnnl_memory_desc_clone(&found, d) == dnnl_success)
		known[n_known++] = found;
	pthread_mutex_unlock(&lock);
	return found;
}

static bool keep(c5_md *md, const_dnnl_memory_desc_t d)
{
	const dnnl_dims_t *dims;
	memset(md, 0, sizeof *md);
	if (!d || dnnl_memory_desc_query(d, dnnl_query_ndims_s32, &md->ndims) != dnnl_success || md->ndims < 1) return false;
	if (dnnl_memory_desc_query(d, dnnl_query_dims, &dims) != dnnl_success || dnnl_memory_desc_query(d, dnnl_query_data_type, &md->type) != dnnl_success)
		return false;
	memcpy(md->dims, *dims, (size_t)md->ndims * sizeof **dims);
	md->real = md->type;
	md->d = the_one(d);
	return md->d != NULL;
}

static dnnl_memory_desc_t of(const c5_md *md) { return md && md->type == md->real ? md->d : NULL; }

static int kept(c5_md *md, dnnl_memory_desc_t made, dnnl_status_t s)
{
	bool good = s == dnnl_success && keep(md, made);
	if (s == dnnl_success) dnnl_memory_desc_destroy(made);
	return good ? C5_OK : c5_fail(C5_EFAIL, "oneDNN: no such array");
}

int c5_md_plain(c5_md *md, int ndims, const int64_t *dims, dnnl_data_type_t type)
{
	dnnl_dims_t strides, d;
	dnnl_memory_desc_t made;
	int64_t step = 1;
	memcpy(d, dims, (size_t)ndims * sizeof *dims);
	for (int i = ndims - 1; i >= 0; i--) {
		strides[i] = step;
		step *= dims[i];
	}
	dnnl_status_t s = dnnl_memory_desc_create_with_strides(&made, ndims, d, type, strides);
	return kept(md, made, s);
}

int c5_md_any(c5_md *md, int ndims, const int64_t *dims, dnnl_data_type_t type)
{
	return c5_md_tag(md, ndims, dims, type, dnnl_format_tag_any);
}

int c5_md_tag(c5_md *md, int ndims, const int64_t *dims, dnnl_data_type_t type, dnnl_format_tag_t tag)
{
	dnnl_dims_t d;
	dnnl_memory_desc_t made;
	memcpy(d, dims, (size_t)ndims * sizeof *dims);
	dnnl_status_t s = dnnl_memory_desc_create_with_tag(&made, ndims, d, type, tag);
	return kept(md, made, s);
}

/* The library changes no type: an array of the same strides, or the tag whose array is the same, made anew. */
void c5_md_retype(c5_md *md, dnnl_data_type_t type)
{
	if (md->type == type || !md->d) return;
	c5_md was = *md;
	if (md->real != md->type) { /* back, or on */
		md->type = type;
		return;
	}
	dnnl_memory_desc_t d = was.d, made = NULL;
	dnnl_format_kind_t kind = dnnl_format_kind_undef;
	const dnnl_dims_t *strides;
	int inner = 0;
	dnnl_memory_desc_query(d, dnnl_query_format_kind, &kind);
	memset(md, 0, sizeof *md);
	if (kind == dnnl_format_kind_any) c5_md_any(md, was.ndims, was.dims, type);
	if (kind == dnnl_blocked && dnnl_memory_desc_query(d, dnnl_query_inner_nblks_s32, &inner) == dnnl_success && inner == 0 &&
	    dnnl_memory_desc_query(d, dnnl_query_strides, &strides) == dnnl_success && dnnl_memory_desc_create_with_strides(&made, was.ndims, was.dims, type,
	    *strides) == dnnl_success) {
		keep(md, made);
		dnnl_memory_desc_destroy(made);
	}
	bool search = kind == dnnl_blocked && inner > 0;
	for (int tag = dnnl_format_tag_any + 1; search && !md->d && tag < (int)dnnl_format_tag_last; tag++) {
		if (dnnl_memory_desc_create_with_tag(&made, was.ndims, was.dims, was.type, (dnnl_format_tag_t)tag) != dnnl_success) continue;
		bool same = dnnl_memory_desc_equal(made, d);
		dnnl_memory_desc_destroy(made);
		if (same) c5_md_tag(md, was.ndims, was.dims, type, (dnnl_format_tag_t)tag);
	}
	if (md->d) return;
	*md = was;
	md->type = type;
}

bool c5_md_same(const c5_md *a, const c5_md *b) { return a->d == b->d && a->type == b->type; }

size_t c5_md_bytes(const c5_md *md)
{
	return md->d ? dnnl_memory_desc_get_size(md->d) / dnnl_data_type_size(md->real) * dnnl_data_type_size(md->type) : 0;
}

int c5_md_ndims(const c5_md *md) { return md->ndims; }
const int64_t *c5_md_dims(const c5_md *md) { return md->dims; }

int c5_md_block(const c5_md *md)
{
	const_dnnl_memory_desc_t d = md->d;
	dnnl_format_kind_t kind;
	const dnnl_dims_t *strides, *blocks, *indices, *padded;
	dnnl_dim_t offset;
	int count;
	if (!d || dnnl_memory_desc_query(d, dnnl_query_format_kind, &kind) != dnnl_success || kind != dnnl_blocked || md->ndims < 2) return 0;
	if (dnnl_memory_desc_query(d, dnnl_query_submemory_offset_s64, &offset) != dnnl_success || offset) return 0;
	if (dnnl_memory_desc_query(d, dnnl_query_inner_nblks_s32, &count) != dnnl_success ||
	    dnnl_memory_desc_query(d, dnnl_query_strides, &strides) != dnnl_success ||
	    dnnl_memory_desc_query(d, dnnl_query_padded_dims, &padded) != dnnl_success) return 0;
	if (count && (dnnl_memory_desc_query(d, dnnl_query_inner_blks, &blocks) != dnnl_success ||
	    dnnl_memory_desc_query(d, dnnl_query_inner_idxs, &indices) != dnnl_success)) return 0;
	return c5_md_block_of(md->ndims, md->dims, *padded, *strides, count, count ? *blocks : NULL, count ? *indices : NULL);
}

dnnl_status_t c5_product_pd(dnnl_primitive_desc_t *pd, int pass, const c5_product_desc *p, dnnl_primitive_attr_t attr, dnnl_engine_t engine,
	const_dnnl_primitive_desc_t hint)
{
	dnnl_memory_desc_t src = of(p->src), weights = of(p->weights), bias = of(p->bias), dst = of(p->dst);
	dnnl_prop_kind_t prop = p->training ? dnnl_forward_training : dnnl_forward_inference;
	bool conv = p->kind == C5_PRODUCT_CONV;
	dnnl_alg_kind_t alg = conv ? (p->algorithm ? dnnl_convolution_winograd : dnnl_convolution_direct) : dnnl_deconvolution_direct;
	dnnl_status_t s;
	if (p->kind == C5_PRODUCT_DENSE) {
		s = pass == C5_PASS_FORWARD ? dnnl_inner_product_forward_primitive_desc_create(pd, engine, prop, src, weights, bias, dst, attr)
			: pass == C5_PASS_DATA ? dnnl_inner_product_backward_data_primitive_desc_create(pd, engine, src, weights, dst, hint, attr)
			: dnnl_inner_product_backward_weights_primitive_desc_create(pd, engine, src, weights, bias, dst, hint, attr);
	} else if (pass == C5_PASS_FORWARD) {
		s = (conv ? dnnl_convolution_forward_primitive_desc_create : dnnl_deconvolution_forward_primitive_desc_create)(pd, engine, prop, alg, src, weights,
			bias, dst, p->stride, p->dilation, p->pad_before, p->pad_after, attr);
	} else if (pass == C5_PASS_DATA) {
		s = (conv ? dnnl_convolution_backward_data_primitive_desc_create : dnnl_deconvolution_backward_data_primitive_desc_create)(pd, engine, alg, src,
			weights, dst, p->stride, p->dilation, p->pad_before, p->pad_after, hint, attr);
	} else {
		s = (conv ? dnnl_convolution_backward_weights_primitive_desc_create : dnnl_deconvolution_backward_weights_primitive_desc_create)(pd, engine, alg,
			src, weights, bias, dst, p->stride, p->dilation, p->pad_before, p->pad_after, hint, attr);
	}
	return s;
}

dnnl_status_t c5_pool_pd(dnnl_primitive_desc_t *pd, bool max, bool backward, bool training, const c5_md *src, const c5_md *dst,
	const dnnl_dims_t stride, const dnnl_dims_t kernel, const dnnl_dims_t pad_before, const dnnl_dims_t pad_after, dnnl_primitive_attr_t attr,
	dnnl_engine_t engine, const_dnnl_primitive_desc_t hint)
{
	dnnl_memory_desc_t from = of(src), to = of(dst);
	dnnl_dims_t dilation = { 0 };
	dnnl_alg_kind_t alg = max ? dnnl_pooling_max : dnnl_pooling_avg_exclude_padding;
	dnnl_status_t s = backward
		? dnnl_pooling_backward_primitive_desc_create(pd, engine, alg, from, to, stride, kernel, dilation, pad_before, pad_after, hint, attr)
		: dnnl_pooling_forward_primitive_desc_create(pd, engine, training ? dnnl_forward_training : dnnl_forward_inference, alg, from, to, stride, kernel,
			dilation, pad_before, pad_after, attr);
	return s;
}

dnnl_status_t c5_reorder_pd(dnnl_primitive_desc_t *pd, const c5_md *from, const c5_md *to, dnnl_primitive_attr_t attr, dnnl_engine_t engine)
{
	dnnl_memory_desc_t a = of(from), b = of(to);
	dnnl_status_t s = dnnl_reorder_primitive_desc_create(pd, a, engine, b, engine, attr);
	return s;
}

void c5_pd_arg(const_dnnl_primitive_desc_t pd, int arg, c5_md *md)
{
	keep(md, dnnl_primitive_desc_query_md(pd, dnnl_query_exec_arg_md, arg));
}

dnnl_status_t c5_memory(dnnl_memory_t *mem, const c5_md *md, dnnl_engine_t engine)
{
	dnnl_memory_desc_t d = of(md);
	dnnl_status_t s = dnnl_memory_create(mem, d, engine, DNNL_MEMORY_NONE);
	return s;
}

#endif
