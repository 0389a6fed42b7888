/* onednn_api.h – the part of oneDNN's C API that changed from version 2 to version 3, behind functions that do not change. Everything
 * else calls dnnl.h directly. Version 2 has memory descriptors by value and operation descriptors; version 3 hides both. */
#ifndef C5_NN_ONEDNN_API_H
#define C5_NN_ONEDNN_API_H

#include <dnnl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if DNNL_VERSION_MAJOR >= 3
/* A descriptor by value; equal ones share one of the library's, which is kept as long as the program runs. d NULL: none. */
typedef struct c5_md {
	dnnl_memory_desc_t d;
	int ndims;
	dnnl_data_type_t type, real; /* real: of d; another one where no array of the wanted type can be had: good for comparing and for coming back only */
	dnnl_dims_t dims;
} c5_md;
#else
typedef dnnl_memory_desc_t c5_md;
#endif

/* Memory descriptors. */
int c5_md_plain(c5_md *md, int ndims, const int64_t *dims, dnnl_data_type_t type);
int c5_md_any(c5_md *md, int ndims, const int64_t *dims, dnnl_data_type_t type);
int c5_md_tag(c5_md *md, int ndims, const int64_t *dims, dnnl_data_type_t type, dnnl_format_tag_t tag);
void c5_md_retype(c5_md *md, dnnl_data_type_t type);
bool c5_md_same(const c5_md *a, const c5_md *b);
size_t c5_md_bytes(const c5_md *md);
int c5_md_ndims(const c5_md *md);
const int64_t *c5_md_dims(const c5_md *md);
/* Dense with channels (dimension 1) innermost in blocks: 1 for NCHW, 8 or 16, or all of them (NHWC); 0: something else. */
int c5_md_block(const c5_md *md);
int c5_md_block_of(int ndims, const int64_t *dims, const int64_t *padded, const int64_t *strides, int n_inner, const int64_t *inner,
	const int64_t *inner_dim);

/* What a convolution, transposed convolution or inner product is asked for. */
typedef struct c5_product_desc {
	enum { C5_PRODUCT_CONV, C5_PRODUCT_DECONV, C5_PRODUCT_DENSE } kind;
	bool training;
	const c5_md *src, *weights, *bias, *dst;   /* bias NULL: none */
	dnnl_dims_t stride, dilation, pad_before, pad_after; /* dilation 0: dense kernel */
	int algorithm;                             /* 0: direct; 1: Winograd */
} c5_product_desc;
enum { C5_PASS_FORWARD, C5_PASS_DATA, C5_PASS_WEIGHTS };
/* hint: the forward one, for the backward passes. */
dnnl_status_t c5_product_pd(dnnl_primitive_desc_t *pd, int pass, const c5_product_desc *p, dnnl_primitive_attr_t attr, dnnl_engine_t engine,
	const_dnnl_primitive_desc_t hint);
dnnl_status_t c5_pool_pd(dnnl_primitive_desc_t *pd, bool max, bool backward, bool training, const c5_md *src, const c5_md *dst,
	const dnnl_dims_t stride, const dnnl_dims_t kernel, const dnnl_dims_t pad_before, const dnnl_dims_t pad_after, dnnl_primitive_attr_t attr,
	dnnl_engine_t engine, const_dnnl_primitive_desc_t hint);
dnnl_status_t c5_reorder_pd(dnnl_primitive_desc_t *pd, const c5_md *from, const c5_md *to, dnnl_primitive_attr_t attr, dnnl_engine_t engine);
/* The descriptor a primitive wants for an argument (DNNL_ARG_*). */
void c5_pd_arg(const_dnnl_primitive_desc_t pd, int arg, c5_md *md);
const char *c5_pd_name(const_dnnl_primitive_desc_t pd); /* the library's name for the implementation */
dnnl_status_t c5_memory(dnnl_memory_t *mem, const c5_md *md, dnnl_engine_t engine);
/* Post-operations: y = act(y + addend). */
dnnl_status_t c5_post_ops(dnnl_primitive_attr_t attr, bool sum, int activation, float slope);

#endif
