/* backend.h – what a device offers so that net.c can compute on it: one table of functions, filled by onednn.c (CPU) and cuda.c (GPU).
 *
 * The net (net.c) is written once: it lowers a model to operations, asks the backend to make each (op_make: which layouts it wants, what it
 * must keep), plans all memory, and then calls op_forward and op_backward in order. The backend owns layouts, kernels and nothing else: no
 * function between a net's making and its end may allocate. Calls are asynchronous if the device likes (in order, one stream); sync, download and
 * everything that returns a number wait. All functions return C5_OK or an error value; C5_ENOMEM says that the device is full. */
#ifndef C5_NN_BACKEND_H
#define C5_NN_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nn/model.h"
#include "nn/net.h"

enum c5_type { C5_TYPE_F32, C5_TYPE_BF16 };

/* Shape, element type and layout of a tensor. Layout 0 is dense row-major in the order of dims: (N, C, H, W), (N, T, C), (N, C), weights as in
 * model.h. Other numbers are the backend's own, counted per open device: two descs that are equal (c5_desc_same) hold their numbers in the same
 * places. What a layout pads is zero and stays zero. A gradient has the desc of its value. */
typedef struct c5_desc {
	int type, rank;
	int64_t dims[4];
	int layout;
	size_t bytes; /* with padding */
} c5_desc;

bool c5_desc_same(const c5_desc *a, const c5_desc *b);
size_t c5_desc_count(const c5_desc *d);                                        /* product of dims */
void c5_desc_plain(c5_desc *d, int type, int rank, const int64_t *dims);       /* layout 0 */

/* Operation kinds are the layer kinds of model.h (without input and flatten), and: */
enum {
	C5_OP_CONVERT = C5_LAYER_END /* the same numbers in another layout or type; both descs are given. Between plain (N, C, H, W) and
	                                plain (N, C*H*W) too: flatten; nothing to do where in and out share a buffer */
};

/* What is asked for. `in` are the values as their makers leave them; `out` gives shape and type, and layout only for CONVERT (-1: the op chooses).
 * Dense takes (N, C, H, W) as well as (N, C): flattening is implied, its weights are (O, C*H*W) in canonical order either way. */
typedef struct c5_op_spec {
	int kind;
	const c5_layer *layer;         /* attributes; NULL for CONVERT and ACTIVATION. Lives as long as the op */
	int layer_index;               /* keys dropout */
	int n_in;                      /* with the addend */
	c5_desc in[C5_LAYER_INPUTS_MAX];
	c5_desc out;
	int compute;                   /* enum c5_type products are to be computed in; other operations compute in the type of out */
	int activation; float slope;   /* applied last; C5_ACT_NONE. The layer's own `activation` field is not looked at */
	bool sum;                      /* the last input is added before the activation (conv, conv_transpose, dense, batch norm) */
	bool bias;                     /* conv, dense: param[1] is there (a folded batch norm adds one) */
	bool training;                 /* backward will be called; dropout acts; batch norm takes the batch's statistics */
	bool running;                  /* batch norm in training: uses (and keeps) the running statistics: frozen */
	bool grad_in[C5_LAYER_INPUTS_MAX]; /* which inputs want a gradient */
	bool grad_params;
} c5_op_spec;

/* What op_make answers; backends put this first in their own struct. */
typedef struct c5_op {
	c5_op_spec spec;
	c5_desc in[C5_LAYER_INPUTS_MAX]; /* what it reads: where it differs from spec.in the net puts a CONVERT before */
	c5_desc out;                     /* what it writes */
	int n_params;
	c5_desc param[C5_LAYER_PARAMS_MAX]; /* training: float32 masters, the gradient's layout too; inference: as the kernel wants them */
	size_t derived;    /* bytes of copies of params (other type or layout), remade by op_refresh after each change of the masters */
	size_t workspace;  /* bytes forward leaves for backward */
	size_t scratch;    /* bytes either may use while it runs */
	int out_over;      /* forward: out may share the buffer of input 0 (C5_OVER_MAY), must share the addend's (C5_OVER_SUM), or neither (C5_OVER_NO) */
	int grad_over;     /* backward: the input whose gradient may share the buffer of the gradient of out; -1 none */
	bool grad_same;    /* backward: the gradient of every input is that of out, unchanged: nothing to do where they share a buffer */
	bool spoils;       /* backward overwrites the gradient of out though no input's shares it */
	bool back_in, back_out; /* backward reads the inputs / the output of forward */
	bool derived_copy; /* `derived` is param[0] in bfloat16, in the same order: update_parts may remake it */
	bool product;      /* a convolution or inner product of the library (for c5_net_spent) */
} c5_op;

enum { C5_OVER_NO, C5_OVER_MAY, C5_OVER_SUM };

/* Says of an activation, addition or dropout what holds on every backend: it goes number by number, may write over what it reads, and the gradient
 * over that of its output. C5_EINPUT: a slope or rate that cannot be undone. */
int c5_op_by_number(c5_op *op);

/* One pass of the net; the same object in every call of the pass, its address fixed for the life of the net. */
typedef struct c5_pass {
	uint64_t seed, item0; /* dropout: item k draws as item0 + k */
} c5_pass;

/* Pointers are device memory, fixed for the life of the net. */
typedef struct c5_op_args {
	const c5_pass *pass;
	const void *in[C5_LAYER_INPUTS_MAX];
	void *out;
	void *param[C5_LAYER_PARAMS_MAX];
	void *derived, *workspace, *scratch;
	float *statistics;                           /* batch norm, training, not `running`: forward writes the batch's mean (C), biased variance (C) */
	/* backward only: */
	void *grad_out;                              /* overwritten only if `spoils` or shared */
	void *grad_in[C5_LAYER_INPUTS_MAX];          /* NULL: not wanted; written, not added to */
	float *grad_param[C5_LAYER_PARAMS_MAX];      /* in param[]'s layout; written, not added to; NULL: not wanted */
} c5_op_args;

/* Dropout, on every backend: position p of an item counts channels fastest, (h * W + w) * C + c, or t * C + c, or c. It is kept if the 16-bit number
 * r(p) >= floor(rate * 65536 + 0.5), and then multiplied by 1 / (1 - threshold / 65536). r(p) is half p % 2 (low half first) of word p % 8 / 2 of
 * c5_philox with key = seed and counter = (p / 8, layer_index, item low, item high). */
static inline uint32_t c5_dropout_threshold(float rate) { return (uint32_t)(rate * 65536.0f + 0.5f); }

/* A loss at one output: float32, layout 0. `logits` is what softmax or sigmoid (of the output) was taken of, NULL if the output has neither;
 * the gradient is then at the logits. Sum over items of weight * mean over positions (over all numbers for binary and MSE), times scale. */
typedef struct c5_loss_args {
	const c5_loss *loss;
	c5_desc desc;                 /* of the output, whole batch */
	int items;                    /* of it counted; the gradient of the rest is zero */
	const float *output, *logits, *target;
	const float *weight;          /* (items) or NULL */
	const float *class_weight;    /* (C) or NULL */
	double scale;
	float *grad;                  /* at the logits (or output) */
	bool add;                     /* to grad, else overwrites */
	bool softmax;                 /* the logits are softmax's, else sigmoid's */
	void *scratch;                /* loss_scratch bytes */
} c5_loss_args;

/* One optimiser update of n numbers with common settings. Pointers may be NULL where the kind does not use them. */
typedef struct c5_update {
	int kind; bool nesterov;      /* enum c5_optimizer_kind */
	float rate, momentum, beta1, beta2, epsilon, decay, averaging;
	float scale;                  /* of the gradient (clipping) */
	float correct1, correct2;     /* 1 / (1 - beta^t) */
	bool first;                   /* the first step: averages start as the weights */
} c5_update;

/* One of several arrays that are updated together: its own rate, decay and scale count. */
typedef struct c5_update_part {
	float *w;
	const float *g;
	float *m, *v, *average;
	size_t n;
	float rate, decay, scale;
	void *copy;                   /* takes the first `copies` of w in bfloat16, or NULL */
	size_t copies;
} c5_update_part;

struct c5_backend {
	const char *name;                                                          /* "cpu", "cuda" */
	bool host_memory;                                                          /* device pointers can be read by the host */
	int (*open)(void **dev, int index);                                        /* C5_ENOTFOUND says what is missing */
	void (*close)(void *dev);
	void (*describe)(void *dev, char *text, size_t size);                      /* "cpu: 2 threads, avx512, bf16" */
	bool (*has_bf16)(void *dev);
	size_t (*free_bytes)(void *dev);
	int (*sync)(void *dev);

	int (*alloc)(void *dev, void **p, size_t bytes);                           /* 64-byte aligned (256 on a GPU), zeroed */
	void (*release)(void *dev, void *p);                                       /* NULL is fine */
	/* Host memory that travels fast (page-locked), zeroed; NULL: any will do. */
	int (*host_alloc)(void *dev, void **p, size_t bytes);
	void (*host_release)(void *dev, void *p);
	int (*upload)(void *dev, void *to, const void *from, size_t bytes);
	int (*download)(void *dev, void *to, const void *from, size_t bytes);
	int (*copy)(void *dev, void *to, const void *from, size_t bytes);
	int (*zero)(void *dev, void *p, size_t bytes);
	/* Between layout 0 float32 and a parameter's desc (op->param[]), either way; for loading and saving, may allocate. Device pointers. */
	int (*param_in)(void *dev, const c5_desc *to_desc, void *to, const float *from);
	int (*param_out)(void *dev, const c5_desc *from_desc, float *to, const void *from);

	/* May an op of this kind end with this activation and / or an addend? The net asks before it fuses. */
	bool (*fuses)(void *dev, const c5_op_spec *spec);
	int (*op_make)(c5_op **out, void *dev, const c5_op_spec *spec);
	void (*op_free)(void *dev, c5_op *op);
	int (*op_refresh)(void *dev, c5_op *op, const c5_op_args *a);              /* masters changed: remakes a->derived; may be NULL */
	int (*op_forward)(void *dev, c5_op *op, const c5_op_args *a);
	int (*op_backward)(void *dev, c5_op *op, const c5_op_args *a);
	int (*accumulate)(void *dev, const c5_desc *d, void *to, const void *from); /* to += from */

	/* Around the ops of one forward or backward pass; `slot` is the net's memory for it, NULL at first. pass_begin may answer 1: the whole pass has
	 * been done (a recorded graph was launched) and the net leaves the ops out. pass_end is told how the ops fared, and answers that, or its own
	 * failure, or 1: nothing has been done, and the net does all from pass_begin on once more. Both may be NULL. `slot_free` frees it. */
	int (*pass_begin)(void *dev, void **slot, const c5_pass *pass);
	int (*pass_end)(void *dev, void **slot, int err);
	void (*slot_free)(void *dev, void **slot);

	size_t (*loss_scratch)(void *dev, const c5_desc *output);
	int (*loss)(void *dev, const c5_loss_args *a, double *value);              /* waits */
	/* Sum of squares of n numbers in a fixed order, NaN or infinite if any is. scratch: norm_scratch bytes. Waits. */
	size_t (*norm_scratch)(void *dev, size_t n);
	int (*norm)(void *dev, size_t n, const float *g, void *scratch, double *squares);
	/* m: momentum or first moments, v: second moments, average: averaged weights. */
	int (*update)(void *dev, const c5_update *u, size_t n, float *w, const float *g, float *m, float *v, float *average);
	/* Many of these at once, copies too. NULL: `update` and op_refresh are called one by one. */
	int (*update_parts)(void *dev, const c5_update *u, int n, const c5_update_part *parts);
};

extern const struct c5_backend c5_backend_onednn;
extern const struct c5_backend c5_backend_cuda; /* where the program is built with CUDA */
int c5_cuda_count(int *n);                       /* as well; C5_ENOTFOUND: none, and why */

struct c5_device {
	const struct c5_backend *b;
	void *dev;
	char name[128];
};

#endif
