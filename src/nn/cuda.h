/* cuda.h – the inside of the GPU backend: device, operations, layouts, the library's plans. Private to src/nn/cuda*.c and cudnn*.c.
 *
 * Layouts: 0 plain; 1 "last": dimension 1 after all others, which is channels last for images and (K, KH, KW, C) for filters; 2 "turned", for the
 * filters of transposed convolutions: (I, KH, KW, O) of dims (O, I, KH, KW). Where two of them put numbers in the same places the lower number is
 * used. */
#ifndef C5_NN_CUDA_H
#define C5_NN_CUDA_H

#include <cuda_runtime_api.h>
#include <cudnn.h>

#include "nn/backend.h"
#include "nn/cuda_kernels.h"

enum { C5_CU_PLAIN, C5_CU_LAST, C5_CU_TURNED };

/* Page-locked memory between the caller's and the device's, in parts: some are filled or emptied while others travel. */
#define C5_CU_STAGE ((size_t)1 << 20)
#define C5_CU_STAGES 8
typedef struct c5_cu_stage { uint8_t *part[C5_CU_STAGES]; cudaEvent_t gone[C5_CU_STAGES]; int next; } c5_cu_stage;

typedef struct c5_cu {
	int index;
	cudaStream_t stream;
	cudnnHandle_t cudnn;
	struct cudaDeviceProp prop;
	c5_cu_stage stage;
	c5_pass *pass;               /* device memory: what kernels of this pass read */
	bool in_pass;                /* `pass` is that of the pass under way */
	bool recording;              /* the stream is being captured */
	bool graphs;                 /* passes are recorded */
	bool tune;                   /* engines of the library are timed */
	double *value, *host_value;  /* one number on the device, and pinned on the host */
	size_t workspace_most;       /* bytes a plan of the library may want */
} c5_cu;

typedef struct c5_cu_op {
	c5_op op;
	int (*forward)(c5_cu *d, struct c5_cu_op *op, const c5_op_args *a);
	int (*backward)(c5_cu *d, struct c5_cu_op *op, const c5_op_args *a);
	int (*refresh)(c5_cu *d, struct c5_cu_op *op, const c5_op_args *a);
	void (*drop)(struct c5_cu_op *op);
} c5_cu_op;

/* Makers, by kind (cuda_ops.c, cuda_norms.c, cuda_product.c). */
typedef int (*c5_cu_make)(c5_cu *d, c5_cu_op **out, const c5_op_spec *spec);
int c5_cu_make_product(c5_cu *d, c5_cu_op **out, const c5_op_spec *spec);
int c5_cu_make_convert(c5_cu *d, c5_cu_op **out, const c5_op_spec *spec);
int c5_cu_make_pool(c5_cu *d, c5_cu_op **out, const c5_op_spec *spec);
int c5_cu_make_global_pool(c5_cu *d, c5_cu_op **out, const c5_op_spec *spec);
int c5_cu_make_batch_norm(c5_cu *d, c5_cu_op **out, const c5_op_spec *spec);
int c5_cu_make_group_norm(c5_cu *d, c5_cu_op **out, const c5_op_spec *spec);
int c5_cu_make_activation(c5_cu *d, c5_cu_op **out, const c5_op_spec *spec);
int c5_cu_make_softmax(c5_cu *d, c5_cu_op **out, const c5_op_spec *spec);
int c5_cu_make_dropout(c5_cu *d, c5_cu_op **out, const c5_op_spec *spec);
int c5_cu_make_add(c5_cu *d, c5_cu_op **out, const c5_op_spec *spec);
int c5_cu_make_concat(c5_cu *d, c5_cu_op **out, const c5_op_spec *spec);
int c5_cu_make_upsample(c5_cu *d, c5_cu_op **out, const c5_op_spec *spec);
int c5_cu_make_lstm(c5_cu *d, c5_cu_op **out, const c5_op_spec *spec);

/* An op of `size` bytes with the defaults every maker starts from. */
int c5_cu_op_new(void *out, size_t size, const c5_op_spec *spec);
/* A dense tensor in a layout; `rank` and `dims` may be desc's own. */
void c5_cu_desc(c5_desc *desc, int type, int rank, const int64_t *dims, int layout);
static inline size_t c5_cu_bytes(int type) { return type == C5_TYPE_BF16 ? 2 : 4; }
/* The same numbers from one layout and type to another. */
int c5_cu_move(c5_cu *d, const c5_desc *from_desc, const void *from, const c5_desc *to_desc, void *to);
/* Rows and channels of a tensor whose channels are last: (N, H, W, C), (N, T, C), (N, C). */
void c5_cu_rows(const c5_desc *d, size_t *rows, size_t *channels);

int c5_cu_status(cudaError_t e, const char *what);

/* A convolution (cuda_kernels.h) by the library, one of C5_CONV_*; all arrays of one type, sums in float32. */
typedef struct c5_cu_plan {
	cudnnBackendDescriptor_t plan, pack; /* plan NULL: the library has no engine that is exact and repeatable */
	void *at[3], *space;         /* what `pack` says */
	size_t workspace;
} c5_cu_plan;
int c5_cu_plan_make(c5_cu *d, c5_cu_plan *p, int pass, const c5_k_conv *g, int type);
int c5_cu_plan_run(c5_cu *d, c5_cu_plan *p, void *big, void *filter, void *small, void *workspace);
void c5_cu_plan_free(c5_cu_plan *p);

#endif
