/* weights.h – a model's numbers on the host, in float32, each array in the canonical order model.h names (row-major).
 * This is what containers store, what ranks agree on, and what a net loads and gives back. */
#ifndef C5_NN_WEIGHTS_H
#define C5_NN_WEIGHTS_H

#include <stdint.h>

#include "nn/model.h"

typedef struct c5_weights {
	int n_layers;                 /* as the model's */
	size_t count;                 /* of all numbers */
	float *data;                  /* all arrays one after the other: layer by layer, parameter by parameter */
	size_t (*at)[C5_LAYER_PARAMS_MAX]; /* where layer l's parameter p begins in data */
} c5_weights;

/* Zeroed arrays for a checked model; scales and variances are 1. */
int c5_weights_new(c5_weights **out, const c5_model *m);
void c5_weights_free(c5_weights *w);  /* NULL is fine */
int c5_weights_copy(c5_weights **out, const c5_weights *w);
static inline float *c5_weights_of(const c5_weights *w, int layer, int param) { return w->data + w->at[layer][param]; }

/* First values, of (seed, layer) alone: He normal before ReLU kinds (fan-in), Glorot uniform else (He et al. 2015, Glorot & Bengio 2010);
 * LSTM: Glorot, forget bias 1; biases 0. */
void c5_weights_init(c5_weights *w, const c5_model *m, uint64_t seed);

#endif
