/* model.h – what a network is, as data: layers with names, in an order that computes. No weights, no device, no batch size.
 *
 * A tensor is (C, H, W) an item, or (C) where H = W = 1 was flattened; sequences are (T, C). The batch is not part of the description.
 * Text form (YAML, also what a container stores):
 *
 *     name: tiny
 *     inputs: { image: [1, 50, 50] }
 *     layers:
 *       - { name: c1, conv: { filters: 32, kernel: 3, padding: valid, activation: relu } }
 *       - { name: p1, max_pool: { size: 2 } }
 *       - { name: d1, dropout: { rate: 0.5 } }
 *       - { name: flat, flatten: {} }
 *       - { name: out, dense: { units: 2 } }
 *       - { name: prob, softmax: {} }
 *     outputs: [prob]
 *
 * A layer without `from` takes the layer before it; `from: [a, b]` names its inputs. */
#ifndef C5_NN_MODEL_H
#define C5_NN_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/yaml.h"

#define C5_LAYER_INPUTS_MAX 8
#define C5_LAYER_PARAMS_MAX 4
#define C5_LAYER_NAME_MAX 64
#define C5_MODEL_LAYERS_MAX 4096

enum c5_layer_kind {
	C5_LAYER_INPUT,
	C5_LAYER_CONV,            /* weights (O, I/groups, KH, KW), bias (O) */
	C5_LAYER_CONV_TRANSPOSE,  /* weights (O, I, KH, KW), bias (O): out[o] += w[o, i] * in[i], each input pixel spread by the kernel */
	C5_LAYER_DENSE,           /* weights (O, I) with I = C*H*W in that order; bias (O) */
	C5_LAYER_MAX_POOL,
	C5_LAYER_AVERAGE_POOL,    /* padding is not counted */
	C5_LAYER_GLOBAL_POOL,     /* mean over H and W: (C) */
	C5_LAYER_BATCH_NORM,      /* scale (C), shift (C), running mean (C), running variance (C) */
	C5_LAYER_GROUP_NORM,      /* scale (C), shift (C) */
	C5_LAYER_ACTIVATION,
	C5_LAYER_SOFTMAX,         /* over C, at each pixel */
	C5_LAYER_DROPOUT,
	C5_LAYER_ADD,
	C5_LAYER_CONCAT,          /* over C */
	C5_LAYER_FLATTEN,         /* (C, H, W) to (C*H*W), C slowest */
	C5_LAYER_UPSAMPLE,        /* by a whole factor, nearest or bilinear (half-pixel centres) */
	C5_LAYER_LSTM,            /* over (T, C): weights (4U, C), recurrent weights (4U, U), bias (4U); gates i f g o; last state (U) or all (T, U) */
	C5_LAYER_END
};

enum c5_activation { C5_ACT_NONE, C5_ACT_RELU, C5_ACT_RELU6, C5_ACT_LEAKY_RELU, C5_ACT_ELU, C5_ACT_SIGMOID, C5_ACT_TANH };

enum c5_padding { C5_PAD_VALID, C5_PAD_SAME, C5_PAD_EXPLICIT }; /* same: TensorFlow's, the odd pixel at the bottom and right */

/* One layer. Settings that its kind does not use are 0. */
typedef struct c5_layer {
	char name[C5_LAYER_NAME_MAX];       /* unique in the model */
	int kind;                           /* enum c5_layer_kind */
	int n_inputs, inputs[C5_LAYER_INPUTS_MAX]; /* indices of earlier layers */

	int filters;                        /* conv, conv_transpose: O; dense, lstm: units */
	int kernel[2], stride[2], dilation[2], groups; /* conv; pools use kernel and stride; y, x */
	int padding;                        /* enum c5_padding */
	int pad[4];                         /* top, bottom, left, right: given (explicit), or worked out from same */
	int activation;                     /* conv, dense, add, norms: applied last; activation: itself */
	float slope;                        /* leaky relu, elu */
	bool bias;                          /* conv, dense: has one */
	float epsilon, momentum;            /* norms; running = momentum * running + (1 - momentum) * batch */
	int norm_groups;                    /* group norm */
	float rate;                         /* dropout: share set to zero */
	int factor; bool bilinear;          /* upsample */
	bool sequences;                     /* lstm: all states */

	/* worked out by c5_model_check: */
	int rank, shape[3];                 /* of the output without the batch: 3 (C, H, W), 1 (C) or 2 (T, C) */
	int n_params;                       /* arrays it learns or keeps */
	struct { char name[16]; int rank, shape[4]; size_t count; bool trained; } params[C5_LAYER_PARAMS_MAX];
} c5_layer;

typedef struct c5_model {
	char name[C5_LAYER_NAME_MAX];
	c5_layer *layers;                   /* in an order that computes; inputs first */
	int n_layers, cap_layers;
	int n_outputs, outputs[C5_LAYER_INPUTS_MAX];
} c5_model;

/* What a model costs. Receptive field: side in input pixels that one pixel of the last spatial layer sees. */
typedef struct c5_model_cost {
	int64_t parameters, trained;        /* numbers kept; of them learned */
	int64_t flops;                      /* of one item's forward pass: 2 a multiply-add */
	int64_t activation_bytes;           /* of one item, fp32, all layers (what training keeps) */
	int receptive_field, stride;        /* at the last spatial layer; 0: there is none */
} c5_model_cost;

/* Reads the text form; errors name file, line and layer. The result is checked. */
int c5_model_read(c5_model **out, const char *path);
int c5_model_parse(c5_model **out, const char *name, const char *text, size_t size);
int c5_model_from_yaml(c5_model **out, const c5_yaml_node *root);
/* A model that ships, by name (sesmo, lenet, resnet18, resnet34, mobilenet_v1, mobilenet_v2, unet), for inputs (channels, height, width) and
 * so many classes (unet: output channels). `width` scales the number of filters (mobilenets: 0.25, 0.5 ...; unet: filters of the first
 * level / 32), 0 is 1. C5_ENOTFOUND lists the names. */
int c5_model_named(c5_model **out, const char *name, int channels, int height, int width_px, int classes, double width);
const char *c5_model_name_of(int i);    /* the i-th of those names; NULL past the end */
void c5_model_free(c5_model *m);        /* NULL is fine */
int c5_model_copy(c5_model **out, const c5_model *m);
/* All its dropout layers get this rate, 0 to below 1; returns how many there are. */
int c5_model_dropout(c5_model *m, double rate);

/* Building one by hand: an empty model, layers appended (returned index; negative is an error), then c5_model_check. */
int c5_model_new(c5_model **out, const char *name);
int c5_model_add(c5_model *m, const c5_layer *layer);
/* Works out shapes and parameters of all layers; refuses what cannot compute, naming the layer, what it got and what it needs. */
int c5_model_check(c5_model *m);
/* One layer from the layers before it, for those who must know shapes while they build; errors begin with the layer's name. */
int c5_layer_check(c5_model *m, int index);
/* The same layers for inputs of another height and width (fully convolutional models; global pooling before dense). */
int c5_model_resize(c5_model *m, int height, int width);

/* Index of a layer by name; -1. */
int c5_model_find(const c5_model *m, const char *layer);
void c5_model_costs(c5_model_cost *out, const c5_model *m);
/* Of one item's forward pass through one layer: 2 a multiply-add of a convolution, dense layer or LSTM; other layers count as nothing. */
int64_t c5_layer_flops(const c5_model *m, int layer);
/* Of each layer: the side of what one output pixel sees of the inputs, and the step between neighbours, in input pixels (the larger of both
 * axes and of several paths; behind up-sampling a mean of positions); 0 and 1 where an output has no pixels. Arrays of n_layers. */
int c5_model_fields(int *field, int *stride, const c5_model *m);
/* Appends the text form: c5_model_parse of it gives the same model. */
void c5_model_add_yaml(c5_buf *b, const c5_model *m);
const char *c5_layer_kind_name(int kind);
const char *c5_activation_name(int act);

#endif
