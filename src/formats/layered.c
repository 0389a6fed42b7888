/* layered.c – see layered.h. */
#include "formats/layered.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "container/file.h"
#include "container/foreign.h"
#include "formats/keras_parts.h"

typedef struct reader {
	const char *path;
	c5_foreign *f;
	c5_model *m;
	c5_keras_plan plan;     /* their kernels lie as those of Keras; names are groups */
	int *ours;              /* layer of the file -> ours */
	int n;
} reader;

bool c5_layered_is(const char *path)
{
	c5_foreign *f = NULL;
	char *type = NULL;
	bool is = c5_foreign_open(&f, path) == C5_OK && c5_foreign_text(f, "/layer_000", "type", &type) == C5_OK;
	free(type);
	c5_foreign_close(f);
	return is;
}

static int read_shape(c5_layer *in, reader *r)
{
	char *said = NULL;
	int err = c5_foreign_text(r->f, "/", "input", &said);
	*in = (c5_layer){ .kind = C5_LAYER_INPUT, .name = "image", .rank = 3 };
	if (err == C5_OK && sscanf(said, "%dx%dx%d", &in->shape[1], &in->shape[2], &in->shape[0]) != 3)
		err = c5_fail(C5_EINPUT, "%s: attribute input is '%.60s', expected HEIGHTxWIDTHxCHANNELS", r->path, said);
	free(said);
	return err;
}

/* "MobilenetV1/MobilenetV1/Conv2d_1_depthwise/Relu6" -> "Conv2d_1_depthwise": the longest name that is not that of an operation. */
static void short_name(char to[C5_LAYER_NAME_MAX], const char *said, int index)
{
	static const char *const operations[] = { "Relu6", "Relu", "BiasAdd", "add_fold", "add", "AvgPool", "Conv2D", NULL };
	char copy[256], *end;
	snprintf(copy, sizeof copy, "%s", said);
	for (bool again = true; again && (end = strrchr(copy, '/'));) {
		again = false;
		for (int i = 0; operations[i]; i++) again = again || strcmp(end + 1, operations[i]) == 0;
		bool depth = strcmp(end + 1, "expand") == 0 || strcmp(end + 1, "depthwise") == 0 || strcmp(end + 1, "project") == 0;
		if (again && strcmp(end + 1, "add") == 0) again = false, depth = true;
		if (again) *end = '\0';
		else if (depth) *end = '.'; /* expanded_conv_1/depthwise */
	}
	end = strrchr(copy, '/');
	snprintf(to, C5_LAYER_NAME_MAX, "%.60s", end ? end + 1 : copy);
	if (!*to) snprintf(to, C5_LAYER_NAME_MAX, "layer%d", index);
}

static int attr_text(reader *r, const char *group, const char *name, char **text)
{
	int err = c5_foreign_text(r->f, group, name, text);
	return err == C5_ENOTFOUND ? c5_fail(C5_EINPUT, "%s:%s: attribute %s is missing", r->path, group, name) : err;
}

static int read_inputs(c5_layer *l, reader *r, const char *group, int index)
{
	int64_t *from = NULL;
	size_t n = 0;
	int err = c5_foreign_ints(r->f, group, "inputs", &from, &n);
	if (err == C5_OK && (n < 1 || n > C5_LAYER_INPUTS_MAX)) err = c5_fail(C5_EINPUT, "%s:%s: %zu inputs", r->path, group, n);
	for (size_t i = 0; i < n && err == C5_OK; i++) {
		if (from[i] < -1 || from[i] >= index) err = c5_fail(C5_EINPUT, "%s:%s: takes layer %lld", r->path, group, (long long)from[i]);
		else l->inputs[l->n_inputs++] = from[i] < 0 ? 0 : r->ours[from[i]];
	}
	free(from);
	return err;
}

static int read_activation(c5_layer *l, reader *r, const char *group)
{
	char *said = NULL;
	int err = attr_text(r, group, "activation", &said);
	if (err < 0) return err;
	if (strcmp(said, "relu6") == 0) l->activation = C5_ACT_RELU6;
	else if (strcmp(said, "relu") == 0) l->activation = C5_ACT_RELU;
	else if (strcmp(said, "linear") != 0)
		err = c5_fail(C5_EINPUT, "%s:%s: activation '%.40s' is not known; linear, relu and relu6 are", r->path, group, said);
	free(said);
	return err;
}

/* The kernel's shape says the rest of the convolution. */
static int read_conv(c5_layer *l, c5_keras_bound *b, reader *r, const char *group, bool depthwise)
{
	c5_foreign_array k = { 0 };
	int64_t *stride = NULL;
	size_t n = 0;
	char *path = c5_format("%s/kernel", group);
	const c5_layer *in = &r->m->layers[l->inputs[0]];
	int err = path ? c5_foreign_read(r->f, path, &k) : c5_fail(C5_ENOMEM, "out of memory");
	if (err == C5_OK && k.rank != 4) err = c5_fail(C5_EINPUT, "%s:%s: a kernel of %d dimensions, 4 are expected", r->path, group, k.rank);
	if (err == C5_OK && (err = c5_foreign_ints(r->f, group, "stride", &stride, &n)) == C5_OK && n != 1)
		err = c5_fail(C5_EINPUT, "%s:%s: one stride is expected", r->path, group);
	if (err == C5_OK && (k.dims[0] > 4096 || k.dims[1] > 4096 || k.dims[2] > 1 << 20 || k.dims[3] > 1 << 20 || stride[0] < 1 || stride[0] > 4096))
		err = c5_fail(C5_EINPUT, "%s:%s: sizes beyond reason", r->path, group);
	if (err == C5_OK) {
		l->bias = true;
		l->filters = (int)(depthwise ? k.dims[2] * k.dims[3] : k.dims[3]);
		l->kernel[0] = (int)k.dims[0], l->kernel[1] = (int)k.dims[1];
		l->stride[0] = l->stride[1] = (int)stride[0];
		l->padding = C5_PAD_SAME;
		l->groups = depthwise ? (int)k.dims[2] : 1;
		l->kind = in->rank == 1 && k.dims[0] == 1 && k.dims[1] == 1 ? C5_LAYER_DENSE : C5_LAYER_CONV;
		b->what = depthwise ? C5_KERAS_DEPTHWISE : C5_KERAS_CONV;
		if (l->kind == C5_LAYER_DENSE) l->kernel[0] = l->kernel[1] = l->stride[0] = l->stride[1] = l->padding = l->groups = 0;
	}
	free(stride);
	free(k.data);
	free(path);
	return err;
}

static int read_layer(reader *r, const char *group, int index)
{
	c5_layer l = { 0 };
	c5_keras_bound b = { .second = -1, .bias = true };
	char *type = NULL, *name = NULL;
	bool weights = false;
	int err = attr_text(r, group, "type", &type);
	if (err < 0 || (err = read_inputs(&l, r, group, index)) < 0) goto done;
	if (strcmp(type, "CONV_2D") == 0 || strcmp(type, "DEPTHWISE_CONV_2D") == 0) weights = true;
	else if (strcmp(type, "ADD") == 0) l.kind = C5_LAYER_ADD;
	else if (strcmp(type, "AVERAGE_POOL_2D") == 0) l.kind = C5_LAYER_GLOBAL_POOL;
	else if (strcmp(type, "SOFTMAX") == 0) l.kind = C5_LAYER_SOFTMAX;
	else if (strcmp(type, "RESHAPE") == 0) {
		r->ours[index] = l.inputs[0]; /* N x 1 x 1 and N are the same here */
		goto done;
	} else
		err = c5_fail(C5_EINPUT, "%s:%s: a layer of type '%.60s' is not known; CONV_2D, DEPTHWISE_CONV_2D, ADD, AVERAGE_POOL_2D, RESHAPE and SOFTMAX are",
		              r->path, group, type);
	if (err < 0 || (weights && (err = read_conv(&l, &b, r, group, *type == 'D')) < 0)) goto done;
	if ((weights || l.kind == C5_LAYER_ADD) && (err = read_activation(&l, r, group)) < 0) goto done;
	(void)c5_foreign_text(r->f, group, "name", &name);
	if (l.kind == C5_LAYER_SOFTMAX) strcpy(l.name, "prob");
	else if (l.kind == C5_LAYER_GLOBAL_POOL) strcpy(l.name, "pool");
	else if (l.kind == C5_LAYER_DENSE) strcpy(l.name, "logits");
	else short_name(l.name, name ? name : "", index);
	if ((err = c5_model_add(r->m, &l)) < 0) goto done;
	r->ours[index] = b.layer = err;
	if ((err = c5_layer_check(r->m, b.layer)) < 0) {
		c5_fail_in(err, "%s", r->path);
		goto done;
	}
	snprintf(b.name, sizeof b.name, "%s", group);
	if (l.kind == C5_LAYER_DENSE) b.what = C5_KERAS_DENSE;
	if (weights) err = c5_keras_plan_add(&r->plan, &b);
done:
	free(name);
	free(type);
	return err < 0 ? err : C5_OK;
}

static int read_array(c5_weights *w, reader *r, const c5_keras_bound *b, c5_keras_array *want, const char *name)
{
	c5_foreign_array a;
	char *path = c5_format("%s/%s", b->name, name);
	uint64_t count = 1;
	int err = path ? c5_foreign_read(r->f, path, &a) : c5_fail(C5_ENOMEM, "out of memory");
	for (int d = 0; d < want->rank; d++) count *= want->dims[d];
	if (err == C5_OK) {
		/* a dense layer is stored as the 1 x 1 convolution it was: the numbers lie alike */
		if (a.count != count)
			err = c5_fail(C5_EINPUT, "%s:%s: holds %llu numbers, %llu are expected", r->path, path, (unsigned long long)a.count,
			              (unsigned long long)count);
		else c5_keras_move(want, c5_weights_of(w, want->layer, want->param), a.data, false);
		free(a.data);
	}
	free(path);
	return err;
}

static int read_weights(c5_weights *w, reader *r)
{
	int err = C5_OK;
	for (size_t i = 0; i < r->plan.n && err == C5_OK; i++) {
		c5_keras_array arrays[C5_KERAS_ARRAYS];
		int n = c5_keras_arrays(arrays, r->m, &r->plan.bound[i]);
		for (int k = 0; k < n && err == C5_OK; k++) err = read_array(w, r, &r->plan.bound[i], &arrays[k], k ? "bias" : "kernel");
	}
	return err;
}

int c5_layered_read(c5_model **m, c5_weights **w, const char *path)
{
	reader r = { .path = path };
	c5_layer in;
	char group[32];
	*m = NULL;
	*w = NULL;
	int err = c5_foreign_open(&r.f, path);
	if (err < 0 || (err = c5_model_new(&r.m, "layered")) < 0 || (err = read_shape(&in, &r)) < 0 || (err = c5_model_add(r.m, &in)) < 0) goto done;
	if ((err = c5_layer_check(r.m, 0)) < 0 || (err = c5_alloc(&r.ours, C5_MODEL_LAYERS_MAX, sizeof *r.ours)) < 0) goto done;
	for (err = C5_OK; err == C5_OK && r.n < C5_MODEL_LAYERS_MAX; r.n++) {
		snprintf(group, sizeof group, "/layer_%03d", r.n);
		if (!c5_foreign_exists(r.f, group)) break;
		err = read_layer(&r, group, r.n);
	}
	if (err == C5_OK && (err = c5_model_check(r.m)) == C5_OK && (err = c5_weights_new(w, r.m)) == C5_OK) err = read_weights(*w, &r);
done:
	free(r.plan.bound);
	free(r.ours);
	c5_foreign_close(r.f);
	if (err < 0) {
		c5_model_free(r.m);
		c5_weights_free(*w);
		*w = NULL;
	} else *m = r.m;
	return err < 0 ? err : C5_OK;
}

int c5_layered_sample(float **input, size_t *n_input, float **output, size_t *n_output, const char *path)
{
	c5_foreign *f = NULL;
	c5_foreign_array in = { 0 }, out = { 0 };
	int err = c5_foreign_open(&f, path);
	if (err == C5_OK && (err = c5_foreign_read(f, "/test/input", &in)) == C5_OK) err = c5_foreign_read(f, "/test/softmax", &out);
	if (err == C5_OK && in.rank != 3) err = c5_fail(C5_EINPUT, "%s:/test/input: %d dimensions, 3 are expected", path, in.rank);
	if (err == C5_OK) err = c5_alloc(input, in.count, sizeof **input);
	for (uint64_t i = 0; err == C5_OK && i < in.count; i++) (*input)[i % in.dims[2] * in.dims[0] * in.dims[1] + i / in.dims[2]] = in.data[i];
	if (err == C5_OK) {
		*n_input = in.count;
		*output = out.data;
		*n_output = out.count;
		out.data = NULL;
	}
	free(in.data);
	free(out.data);
	c5_foreign_close(f);
	return err;
}

char *c5_layered_source(const char *path)
{
	c5_foreign *f = NULL;
	char *said = NULL;
	if (c5_foreign_open(&f, path) == C5_OK) (void)c5_foreign_text(f, "/", "source", &said);
	c5_foreign_close(f);
	return said;
}
