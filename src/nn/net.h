/* net.h – a model ready to compute on a device: forward, loss, backward, step. Shapes and batch are fixed when it is made; all memory is
 * planned and taken then, and none in a step.
 *
 * Arrays at this border are host memory, float32, dense: inputs (N, C, H, W), (N, T, C) or (N, C); outputs likewise. What the device keeps in which
 * layout and precision is its own business (backend.h). bf16 means activations and the products of weights in bfloat16, with float32
 * sums, masters, norms' statistics and losses. */
#ifndef C5_NN_NET_H
#define C5_NN_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nn/model.h"
#include "nn/weights.h"

typedef struct c5_device c5_device; /* a CPU with its threads, or a GPU */
typedef struct c5_net c5_net;

/* "auto" (a GPU if there is one), "cpu", "cuda", "cuda:N". C5_ENOTFOUND says what is missing. A device serves many nets, one at a time. */
int c5_device_open(c5_device **out, const char *spec);
/* Whether there is such a device, without opening it: to be told before anything else is done. */
int c5_device_check(const char *spec);
/* Which GPU "auto" and "cuda" are from now on, counted round where there are fewer: each process of a machine takes one of its own. */
void c5_device_prefer(int at);
void c5_device_close(c5_device *d);                /* NULL is fine */
const char *c5_device_name(const c5_device *d);    /* "cpu: 2 threads, avx512, bf16" or "cuda:0 NAME UUID" */
bool c5_device_has_bf16(const c5_device *d);       /* in hardware */
size_t c5_device_free_bytes(const c5_device *d);

enum c5_precision { C5_FP32, C5_BF16 };

typedef struct c5_net_how {
	int batch;             /* items of one forward pass (of one micro-batch in training) */
	bool training;         /* keeps what the backward pass needs; else batch norms are folded and activations fused */
	int precision;         /* enum c5_precision */
	int freeze_upto;       /* training: layers 0..freeze_upto-1 get no gradient; their batch norms use running statistics */
	bool input_gradient;   /* training: also the gradient of the inputs */
	const int *tap;        /* layers (index) whose outputs and gradients c5_net_read can give: Grad-CAM, features */
	int n_tap;
} c5_net_how;

/* C5_ENOMEM when the device has not enough: the caller may try half the batch. The weights are loaded (copied) too. */
int c5_net_make(c5_net **out, c5_device *d, const c5_model *m, const c5_weights *w, const c5_net_how *how);
void c5_net_free(c5_net *n);
size_t c5_net_bytes(const c5_net *n);              /* device memory it holds */
int c5_net_load(c5_net *n, const c5_weights *w);   /* new numbers, also resets folded ones */
int c5_net_save(const c5_net *n, c5_weights *w);   /* masters and running statistics, canonical order */

/* Sets input i of the first `items` (<= batch) places of the batch; the rest are zeros. */
int c5_net_input(c5_net *n, int i, const float *data, int items);
/* One forward pass. Training: `seed` and `item0` key the dropout: item k of this pass draws as item0 + k, so no result depends on
 * how a batch is cut into passes. */
int c5_net_forward(c5_net *n, uint64_t seed, uint64_t item0);
/* Output i (of the model's outputs) of the first `items`; finishes the pass first. */
int c5_net_output(c5_net *n, int i, float *data, int items);

enum c5_loss_kind { C5_LOSS_CROSS_ENTROPY, C5_LOSS_BINARY, C5_LOSS_FOCAL, C5_LOSS_MSE, C5_LOSS_DICE };
/* Losses take the model's output. Cross-entropy and focal want an output layer softmax, binary and dice a sigmoid (both are fused with the loss
 * and numerically safe); targets are probabilities of the output's shape (one-hot, mixed or smoothed); `weight` one number an item or NULL.
 * The loss of a pass is the sum over items of weight * mean over positions, times `scale` (1 / items of the whole batch). */
typedef struct c5_loss {
	int kind, output;       /* enum c5_loss_kind; which output of the model */
	float smoothing;        /* label smoothing: target * (1 - s) + s / classes */
	float gamma;            /* focal */
	float share;            /* this loss' weight among several */
	const float *class_weight; /* (C) or NULL */
} c5_loss;
/* After forward: the losses of this pass' first `items`, and their gradient at the outputs. */
int c5_net_loss(c5_net *n, const c5_loss *losses, int n_losses, const float *const *targets, const float *weight, int items, double scale,
	double *out);

/* Gradients live in one flat float32 buffer, host-visible after c5_net_gradients: `c5_net_flat` numbers in an order that is the same on every net of
 * the same model, device kind and batch; later layers come first (they are ready first). */
size_t c5_net_flat(const c5_net *n);
/* Backward pass: fills the gradient buffer anew (does not add). `ready`, if given, is called on this thread as ranges [from, to) of the flat
 * buffer become final, later layers first, so that sending may begin; NULL else. */
typedef int (*c5_net_ready)(void *ctx, size_t from, size_t to);
int c5_net_backward(c5_net *n, c5_net_ready ready, void *ctx);
float *c5_net_gradients(c5_net *n);                /* host pointer, in flat order; device nets copy; NULL: the device failed */
/* Running statistics of the batch norms, flat: this pass' batch values (mean, variance), to be averaged over micro-batches and ranks. */
size_t c5_net_statistics(const c5_net *n);
int c5_net_statistics_get(c5_net *n, float *out);
int c5_net_statistics_put(c5_net *n, const float *mean_of_batches); /* moves the running ones by it */

enum c5_optimizer_kind { C5_OPT_SGD, C5_OPT_ADAM, C5_OPT_ADAMW };
typedef struct c5_optimizer {
	int kind;
	float momentum; bool nesterov;      /* sgd */
	float beta1, beta2, epsilon;        /* adam, adamw */
	float decay;                        /* sgd, adam: L2 added to the gradient; adamw: decoupled; never on biases and norms */
	float clip_norm;                    /* of the whole gradient; 0 none */
	const float *layer_rate;            /* (layers) factor of the rate, or NULL */
	float averaging;                    /* weight averaging: ema = a * ema + (1 - a) * w; 0 none */
} c5_optimizer;
/* Takes the memory that updates by `o` need, which else the first of them does; C5_ENOMEM. */
int c5_net_prepare(c5_net *n, const c5_optimizer *o);
/* One update with the flat gradient `g` (host, flat order, already summed over micro-batches and ranks), or NULL: this pass' own, which then need
 * not leave the device. `norm`: its norm before clipping; a gradient that is not finite is C5_EINPUT and changes nothing. */
int c5_net_step(c5_net *n, const c5_optimizer *o, const float *g, double rate, double *norm);
/* Optimiser state (moments, step count, averages), canonical float32: to continue to the same bits. */
size_t c5_net_state(const c5_net *n, const c5_optimizer *o);
int c5_net_state_get(c5_net *n, const c5_optimizer *o, float *out);
int c5_net_state_put(c5_net *n, const c5_optimizer *o, const float *in);
/* The averaged weights. */
int c5_net_save_average(const c5_net *n, c5_weights *w);

/* Output or gradient of a tapped layer, dense float32 (items, C, H, W). */
int c5_net_read(c5_net *n, int layer, bool gradient, float *out, int items);
/* Seeds the backward pass with a gradient at output i instead of a loss (Grad-CAM: one class' logit). Dense (items, ...). For softmax or sigmoid
 * outputs the gradient is that of the pre-activation (logit) when `logits`. */
int c5_net_seed(c5_net *n, int i, const float *gradient, int items, bool logits);

/* Where the time went since the net was made: share in the library's convolutions and products, and the rest. */
typedef struct c5_net_times { double conv_s, other_s; int64_t passes; } c5_net_times;
void c5_net_timing(c5_net *n, bool on);
void c5_net_spent(const c5_net *n, c5_net_times *out);

#endif
