/* keras_parts.h – what the files about Keras share: which of its layers are which of ours, and how their arrays lie. */
#ifndef C5_FORMATS_KERAS_PARTS_H
#define C5_FORMATS_KERAS_PARTS_H

#include <json-c/json.h>

#include "formats/keras.h"

enum c5_keras_what { C5_KERAS_CONV, C5_KERAS_DEPTHWISE, C5_KERAS_SEPARABLE, C5_KERAS_TRANSPOSE, C5_KERAS_DENSE, C5_KERAS_NORM, C5_KERAS_LSTM };

/* A layer of Keras that has weights. */
typedef struct c5_keras_bound {
	char name[256];       /* its name there */
	char key[64];         /* its place in a .weights.h5: "conv2d_1" */
	int what;             /* enum c5_keras_what */
	int layer, second;    /* ours; second: the pointwise half of a separable convolution */
	bool bias, scale, center;
	int flat[3];          /* C, H, W when what it works on was flattened with the channels last; else zeros */
} c5_keras_bound;

typedef struct c5_keras_plan { c5_keras_bound *bound; size_t n, cap; } c5_keras_plan;

int c5_keras_plan_add(c5_keras_plan *p, const c5_keras_bound *b);
/* Whether Keras has our layer's activation as a setting of the same layer; else it is a layer behind it. */
bool c5_keras_inline(const c5_layer *l);
/* Our layers in the order Keras counts them, which is that of weights in files without names: by the longest way to an output, the longest
 * first, then by a walk from the outputs backwards. order: (n_layers). */
int c5_keras_order(int *order, const c5_model *m);
/* The plan for a model of ours, as Keras would have it, in its order. */
int c5_keras_plan_of(c5_keras_plan *p, const c5_model *m);
/* The key of the next layer of that class: "conv2d", "conv2d_1" ...; `n` counts layers of the class before it. */
void c5_keras_key(char key[64], const char *class_name, int n);

/* One array of a layer: how it lies there, and how numbers of ours (n[0] x n[1] x n[2] x n[3], row-major) are found in it (sum of index * stride). */
typedef struct c5_keras_array {
	const char *tail;     /* "kernel", "bias", "gamma" ... */
	int layer, param;     /* ours */
	int rank;
	uint64_t dims[4];     /* there */
	int64_t n[4], stride[4];
} c5_keras_array;
#define C5_KERAS_ARRAYS 5

/* The arrays of a layer in Keras' order; returns how many. */
int c5_keras_arrays(c5_keras_array out[C5_KERAS_ARRAYS], const c5_model *m, const c5_keras_bound *b);
/* theirs -> ours, or back. */
void c5_keras_move(const c5_keras_array *a, float *ours, float *theirs, bool back);

/* ---- architecture ---- */

/* A tensor while a model is read: the layer of ours that gives it, and what is still to be done to it. */
typedef struct c5_keras_tensor { int layer, flat[3], pad[4]; bool known; } c5_keras_tensor;

typedef struct c5_keras_layer {
	char name[256];
	const char *class_name;
	char key[64];
	json_object *config;
	int n_inputs, inputs[C5_LAYER_INPUTS_MAX]; /* layers of the reader */
	c5_keras_tensor out;
} c5_keras_layer;

typedef struct c5_keras_reader {
	const char *path;
	const c5_keras_how *how;
	c5_model *m;
	c5_keras_plan *plan;
	bool channels_first;
	c5_keras_layer *layers;
	int n_layers;
	c5_keras_layer *now;   /* being made */
} c5_keras_reader;

/* Reads a model's configuration (JSON). */
int c5_keras_config(c5_model **m, c5_keras_plan *plan, const char *path, json_object *config, const c5_keras_how *how);
/* Makes our layers of the present one of Keras. */
int c5_keras_make(c5_keras_reader *r);
/* "PATH: layer 'NAME' (CLASS): ..." as C5_EINPUT. */
int c5_keras_refuse(const c5_keras_reader *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Members of a JSON object; absent or null ones leave the default. */
int64_t c5_json_whole(json_object *o, const char *key, int64_t preset);
double c5_json_number(json_object *o, const char *key, double preset);
bool c5_json_flag(json_object *o, const char *key, bool preset);
const char *c5_json_word(json_object *o, const char *key, const char *preset);
json_object *c5_json_member(json_object *o, const char *key); /* NULL: absent or null */

#endif
