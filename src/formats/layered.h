/* layered.h – networks as lists of layers in HDF5, as converters from TensorFlow Lite leave them: groups layer_000, layer_001 ... with
 * attributes type (CONV_2D, DEPTHWISE_CONV_2D, ADD, AVERAGE_POOL_2D, RESHAPE, SOFTMAX), activation (linear, relu, relu6), stride and inputs
 * (numbers of layers, -1: the image), and datasets kernel (y, x, in, out; depthwise y, x, channel, 1) and bias; batch norms are folded into both. The
 * root's attribute `input` begins with "HEIGHTxWIDTHxCHANNELS". Padding is TensorFlow's "same". */
#ifndef C5_FORMATS_LAYERED_H
#define C5_FORMATS_LAYERED_H

#include <stdbool.h>

#include "nn/model.h"
#include "nn/weights.h"

/* Whether a file looks like one. */
bool c5_layered_is(const char *path);
/* An average pool is taken as global when it comes before the last layers; a 1 x 1 convolution behind it is a dense layer. */
int c5_layered_read(c5_model **m, c5_weights **w, const char *path);
/* What it says of where its weights came from (the root's attribute `source`); NULL: nothing. Caller frees. */
char *c5_layered_source(const char *path);
/* Its own example, when it has one: test/input (y, x, channel) as (channel, y, x), and test/softmax. C5_ENOTFOUND when not. */
int c5_layered_sample(float **input, size_t *n_input, float **output, size_t *n_output, const char *path);

#endif
