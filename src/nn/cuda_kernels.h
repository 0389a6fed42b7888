/* cuda_kernels.h – our own kernels, as C functions that put them on a stream: for what cuDNN has not, does not fuse, or sums in no fixed order.
 *
 * Images lie channels last, (N, H, W, C), unless said otherwise; `type` is enum c5_type; sums run in an order given by the shapes alone, without
 * atomics. Nothing here allocates or waits. All return C5_OK or C5_EFAIL; sizes of 0 are fine. Included from C and from CUDA C. */
#ifndef C5_NN_CUDA_KERNELS_H
#define C5_NN_CUDA_KERNELS_H

#include <cuda_runtime_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#include "nn/backend.h"

typedef cudaStream_t c5_stream;

/* ---- cuda_elements.cu: number by number ---- */
int c5_k_accumulate(c5_stream s, int type, size_t n, void *to, const void *from);
int c5_k_act_forward(c5_stream s, int act, float slope, int type, size_t n, const void *x, void *y);
int c5_k_act_backward(c5_stream s, int act, float slope, int type, size_t n, const void *y, const void *gy, void *gx); /* gx may be gy */
int c5_k_add(c5_stream s, int act, float slope, int type, size_t n, const void *x, const void *z, void *y);
/* y = act(x + bias[channel] + z); z is of y's type; bias, z may be NULL; y may be x where the types are one. */
int c5_k_finish(c5_stream s, int act, float slope, size_t n, size_t channels, int from_type, const void *x, const float *bias, const void *z,
	int type, void *y);
int c5_k_cast(c5_stream s, size_t n, int from_type, const void *from, int to_type, void *to);
/* Each of `batch` matrices (rows, columns) to (columns, rows). */
int c5_k_transpose(c5_stream s, size_t batch, size_t rows, size_t columns, int from_type, const void *from, int to_type, void *to);
int c5_k_set_pass(c5_stream s, c5_pass *to, uint64_t seed, uint64_t item0);
/* Items of `each` numbers; draws as backend.h says, with seed and item0 read from device memory. */
int c5_k_dropout(c5_stream s, int type, size_t items, size_t each, uint32_t layer, uint32_t threshold, const c5_pass *pass, const void *x, void *y);

/* ---- cuda_space.cu: over positions and channels ---- */
typedef struct c5_k_window {
	int64_t items, height, width, channels, out_height, out_width;
	int kernel[2], stride[2], before[2];
	bool max;
	int type;
} c5_k_window;
/* Bytes of `best`: which number of each window was the largest (max pooling, training). */
size_t c5_k_pool_best(const c5_k_window *w);
int c5_k_pool_forward(c5_stream s, const c5_k_window *w, const void *x, void *y, void *best); /* best may be NULL */
int c5_k_pool_backward(c5_stream s, const c5_k_window *w, const void *gy, const void *best, void *gx);
typedef struct c5_k_scale { int64_t items, height, width, channels; int factor; bool bilinear; int type; } c5_k_scale; /* sizes of the small image */
int c5_k_upsample_forward(c5_stream s, const c5_k_scale *u, const void *x, void *y);
int c5_k_upsample_backward(c5_stream s, const c5_k_scale *u, const void *gy, void *gx);
/* Rows of `part` bytes to (or, back, from) columns [at, at + part) of rows of `whole` bytes. */
int c5_k_columns(c5_stream s, size_t rows, size_t part, size_t whole, size_t at, const void *from, void *to, bool back);
/* Float32. (items, channels, positions) if !rows, else (items, positions, channels). */
int c5_k_softmax_forward(c5_stream s, size_t items, size_t channels, size_t positions, bool rows, const float *x, float *y);
int c5_k_softmax_backward(c5_stream s, size_t items, size_t channels, size_t positions, bool rows, const float *y, const float *gy, float *gx);
int c5_k_mean_backward(c5_stream s, int type, size_t items, size_t positions, size_t channels, const void *gy, void *gx);

/* ---- cuda_sums.cu: sums over rows by column, normalisation ---- */
/* An array (segments, rows, channels), summed over rows. scratch: c5_k_sums_scratch bytes for `kinds` sums at a time. */
size_t c5_k_sums_scratch(size_t segments, size_t rows, size_t channels, int kinds);
int c5_k_column_sums(c5_stream s, int type, size_t segments, size_t rows, size_t channels, const void *x, float factor, int out_type, void *out,
	void *scratch);
typedef struct c5_k_norm {
	int type, activation;     /* none, relu, relu6 */
	size_t segments, rows, channels; /* batch norm: one segment; group norm: one an item */
	size_t per;               /* channels normalised together */
	float epsilon;
} c5_k_norm;
/* What forward leaves, by (segment, channel): factor, offset, mean, 1 / deviation. */
static inline size_t c5_k_norm_kept(const c5_k_norm *m) { return 4 * m->segments * m->channels; }
size_t c5_k_norm_scratch(const c5_k_norm *m);
/* From the numbers themselves; statistics (2 * channels) may be NULL. */
int c5_k_norm_settle(c5_stream s, const c5_k_norm *m, const void *x, const float *scale, const float *shift, float *kept, float *statistics,
	void *scratch);
/* From running statistics (one segment). */
int c5_k_norm_settle_running(c5_stream s, const c5_k_norm *m, const float *scale, const float *shift, const float *mean, const float *variance,
	float *kept);
int c5_k_norm_apply(c5_stream s, const c5_k_norm *m, const void *x, const void *z, const float *kept, void *y);
typedef struct c5_k_norm_back {
	const void *x, *y, *gy;   /* y NULL: whether the activation was open is judged by x */
	void *masked, *gx;        /* masked: the gradient let through, may be gy; either may be NULL; gx may be gy */
	const float *kept, *scale;
	float *grad_scale, *grad_shift; /* may be NULL */
	bool running;             /* the statistics were given: no gradient through them */
	void *scratch;
} c5_k_norm_back;
int c5_k_norm_backward(c5_stream s, const c5_k_norm *m, const c5_k_norm_back *b);

/* ---- cuda_direct.cu: convolutions without a library ---- */
/* A window sliding over the big image (height, width, channels) gives the small one (out_height, out_width, filters); filters lie (K, KH, KW, C /
 * groups). */
typedef struct c5_k_conv {
	int64_t items, height, width, channels, out_height, out_width, filters, groups;
	int kernel[2], stride[2], dilation[2], before[2], after[2];
} c5_k_conv;
enum { C5_CONV_FORWARD, C5_CONV_DATA, C5_CONV_WEIGHTS }; /* to small; to big; to the filter */
int c5_k_direct_forward(c5_stream s, const c5_k_conv *g, int type, const void *big, const void *filter, void *small);
int c5_k_direct_data(c5_stream s, const c5_k_conv *g, int type, const void *small, const void *filter, void *big);
size_t c5_k_direct_scratch(const c5_k_conv *g);
int c5_k_direct_weights(c5_stream s, const c5_k_conv *g, int type, const void *big, const void *small, float *filter, void *scratch);

/* ---- cuda_thin.cu: convolutions of one pixel with few filters ---- */
#define C5_THIN_FILTERS 4
/* x: (rows, channels) of `type`, channels a multiple of 8; y: (rows, filters); filter (filters, channels), bias (or NULL) and y in float32. */
typedef struct c5_k_thin { int type, activation; float slope; size_t rows, channels, filters; } c5_k_thin;
int c5_k_thin_forward(c5_stream s, const c5_k_thin *t, const void *x, const float *filter, const float *bias, float *y);
int c5_k_thin_data(c5_stream s, const c5_k_thin *t, const float *gy, const float *filter, void *gx);
size_t c5_k_thin_scratch(const c5_k_thin *t);
int c5_k_thin_weights(c5_stream s, const c5_k_thin *t, const void *x, const float *gy, float *filter, void *scratch);

/* ---- cuda_lstm.cu ---- */
typedef struct c5_k_matrix { const float *at; size_t step; bool turned; } c5_k_matrix; /* rows `step` apart; turned: taken as its transpose */
/* c (m, n) = a (m, k) b (k, n) + (add ? c : 0); float32. */
int c5_k_gemm(c5_stream s, size_t m, size_t n, size_t k, c5_k_matrix a, c5_k_matrix b, bool add, float *c, size_t step);
/* Step t of T: gates (N, T, 4U) hold sums on entry and values after; cell, state (N, T, U); before (N, T, U): the state of the step before. */
int c5_k_lstm_cell(c5_stream s, size_t items, size_t steps, size_t units, size_t t, float *gates, const float *bias, float *cell, float *state,
	float *before);
/* gy: (N, T, U) or, !sequences, (N, U). dh, dc (N, U) come from the step after and go to the step before. dgates (N, T, 4U). */
int c5_k_lstm_back(c5_stream s, size_t items, size_t steps, size_t units, size_t t, bool sequences, const float *gates, const float *cell,
	const float *gy, const float *dh, float *dc, float *dgates);

/* ---- cuda_loss.cu, cuda_update.cu ---- */
size_t c5_k_loss_scratch(const c5_desc *output);
int c5_k_loss(c5_stream s, const c5_loss_args *a, double *value);               /* value: device memory */
size_t c5_k_squares_scratch(size_t n);
int c5_k_squares(c5_stream s, size_t n, const float *g, void *scratch, double *value);
/* As the backend's update_parts. */
#define C5_UPDATE_PARTS 40 /* at a time: what fits into the arguments of a kernel */
int c5_k_update(c5_stream s, const c5_update *u, int n, const c5_update_part *parts);

#ifdef __cplusplus
}
#endif
#endif
