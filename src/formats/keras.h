/* keras.h – models of Keras: files of `model.save` (legacy .h5 of Keras 2 and 3, and .keras), files of weights alone (legacy .h5, and Keras 3's
 * .weights.h5), read into networks of `nn`; and written, as legacy .h5 that tf.keras and Keras 3 load, and as .weights.h5.
 *
 * Sequential and functional models of two-dimensional layers and LSTMs, channels last or first. Ours are channels first: kernels are turned
 * round, and what follows a Flatten has its rows put into our order. A layer, activation or setting we have not is C5_EINPUT by name. */
#ifndef C5_FORMATS_KERAS_H
#define C5_FORMATS_KERAS_H

#include <stdbool.h>

#include "nn/model.h"
#include "nn/weights.h"

typedef struct c5_keras_how {
	int height, width;   /* for inputs that have no fixed size; 0: not given */
	bool by_name;        /* weights alone: layers by their names, those that are not in the file stay; else all, by their order */
} c5_keras_how;

typedef struct c5_keras_told {
	char version[32];    /* of Keras; "" not said */
	int taken, left;     /* layers with weights: found in the file, and not */
} c5_keras_told;

/* Architecture and weights. C5_EUSAGE when the file has weights alone: an architecture must be given (c5_keras_read_weights). */
int c5_keras_read(c5_model **m, c5_weights **w, const char *path, const c5_keras_how *how, c5_keras_told *told);
/* Weights of a file, with or without architecture, for a model we have. */
int c5_keras_read_weights(c5_weights *w, const c5_model *m, const char *path, const c5_keras_how *how, c5_keras_told *told);
/* A legacy .h5 with architecture and weights; for a `path` that ends in .weights.h5 the weights alone, as load_weights of Keras 3 takes them into
 * the same layers. C5_EINPUT names a layer Keras has not. */
int c5_keras_write(const char *path, const c5_model *m, const c5_weights *w, bool force);

#endif
