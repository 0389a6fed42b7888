/* onednn.h – the inside of the CPU backend: device, layouts, primitives, and how an operation is told apart. Private to src/nn/onednn*.c and the
 * plain loops cpu_*.c beside it.
 *
 * A layout number is an index into the device's table of oneDNN memory descriptors; 0 is plain. Own loops see the layouts they can work
 * on as tiles (c5_tiles): numbers lie as [items][blocks][positions][block], which covers NCHW, NHWC and NChw16c alike. */
#ifndef C5_NN_ONEDNN_H
#define C5_NN_ONEDNN_H

#include "nn/backend.h"
#include "nn/onednn_api.h"

typedef struct c5_dn {
	dnnl_engine_t engine;
	dnnl_stream_t stream;
	c5_md *layouts;             /* of type f32; [0] unused */
	size_t n_layouts, cap_layouts;
} c5_dn;

/* A primitive with its arguments; the addresses are given at each run, and set only if they changed. */
#define C5_PRIM_ARGS 12
typedef struct c5_prim {
	dnnl_primitive_t p;
	int n;
	dnnl_exec_arg_t args[C5_PRIM_ARGS];
	void *at[C5_PRIM_ARGS];
	size_t scratch;
} c5_prim;

typedef struct c5_dn_op {
	c5_op op;
	int (*forward)(c5_dn *d, struct c5_dn_op *op, const c5_op_args *a);
	int (*backward)(c5_dn *d, struct c5_dn_op *op, const c5_op_args *a);
	int (*refresh)(c5_dn *d, struct c5_dn_op *op, const c5_op_args *a);
	void (*drop)(struct c5_dn_op *op);  /* what it owns, not itself; NULL: nothing */
} c5_dn_op;

/* Makers, by kind; `op->spec` is set, in[] and out are as in the spec (out with the layout of in[0] where that fits). */
typedef int (*c5_dn_make)(c5_dn *d, c5_dn_op **out, const c5_op_spec *spec);
int c5_dn_make_product(c5_dn *d, c5_dn_op **out, const c5_op_spec *spec);
/* A convolution of small maps as a dense product, where that pays (onednn_small.c). */
bool c5_dn_small_pays(const c5_op_spec *spec);
int c5_dn_make_small(c5_dn *d, c5_dn_op **out, const c5_op_spec *spec);
/* A convolution of bfloat16 inference by our own Winograd loops, where that pays (onednn_winograd.c). */
bool c5_dn_winograd_pays(const c5_op_spec *spec);
int c5_dn_make_winograd(c5_dn *d, c5_dn_op **out, const c5_op_spec *spec);
int c5_dn_make_convert(c5_dn *d, c5_dn_op **out, const c5_op_spec *spec);
int c5_dn_make_pool(c5_dn *d, c5_dn_op **out, const c5_op_spec *spec);
int c5_dn_make_global_pool(c5_dn *d, c5_dn_op **out, const c5_op_spec *spec);
int c5_dn_make_batch_norm(c5_dn *d, c5_dn_op **out, const c5_op_spec *spec);
int c5_dn_make_group_norm(c5_dn *d, c5_dn_op **out, const c5_op_spec *spec);
int c5_dn_make_activation(c5_dn *d, c5_dn_op **out, const c5_op_spec *spec);
int c5_dn_make_softmax(c5_dn *d, c5_dn_op **out, const c5_op_spec *spec);
int c5_dn_make_dropout(c5_dn *d, c5_dn_op **out, const c5_op_spec *spec);
int c5_dn_make_add(c5_dn *d, c5_dn_op **out, const c5_op_spec *spec);
int c5_dn_make_concat(c5_dn *d, c5_dn_op **out, const c5_op_spec *spec);
int c5_dn_make_upsample(c5_dn *d, c5_dn_op **out, const c5_op_spec *spec);
int c5_dn_make_lstm(c5_dn *d, c5_dn_op **out, const c5_op_spec *spec);

/* An op of `size` bytes with the defaults every maker starts from. */
int c5_dn_op_new(void *out, size_t size, const c5_op_spec *spec);

/* Descs and memory descriptors. c5_dn_desc enters md in the table if it is new. */
int c5_dn_md(c5_dn *d, const c5_desc *desc, c5_md *md);
int c5_dn_desc(c5_dn *d, c5_desc *desc, const c5_md *md, int rank, const int64_t *dims);
/* `desc` as `like` lies, for other dims (same rank) or type: plain stays plain, 16-blocked stays 16-blocked. */
int c5_dn_like(c5_dn *d, c5_desc *desc, const c5_desc *like);

typedef struct c5_tiles {
	int64_t items, blocks, positions, channels;
	int block;                  /* channel = block number * block + lane; lanes past `channels` are padding */
	int64_t height, width;
} c5_tiles;
/* false: a layout own loops do not know; ask for a plain one instead. */
bool c5_dn_tiles(c5_dn *d, const c5_desc *desc, c5_tiles *t);
static inline size_t c5_tiles_count(const c5_tiles *t) { return (size_t)(t->items * t->blocks * t->positions * t->block); }

/* Bias by own loops (cpu_space.c): added to all positions of a channel; its gradient, the sum over items and positions. */
void c5_cpu_add_bias(const c5_tiles *t, int type, const float *bias, void *y);
size_t c5_cpu_bias_scratch(const c5_tiles *t);
void c5_cpu_bias_gradient(const c5_tiles *t, int type, const void *gy, float *grad, void *scratch);

/* Primitives. c5_prim_make takes the primitive descriptor over, whatever happens. */
int c5_dn_status(dnnl_status_t s, const char *what);
int c5_prim_make(c5_dn *d, c5_prim *p, dnnl_primitive_desc_t pd);
int c5_prim_arg(c5_dn *d, c5_prim *p, int arg, const c5_md *md);  /* in the order of the pointers given to c5_prim_run */
int c5_prim_run(c5_dn *d, c5_prim *p, void *const *at);
void c5_prim_free(c5_prim *p);
/* Reorder from one descriptor to another; nothing is made where they are equal (p->p stays NULL). */
int c5_prim_reorder(c5_dn *d, c5_prim *p, const c5_md *from, const c5_md *to);

#endif
