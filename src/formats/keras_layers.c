/* keras_layers.c – layers of Keras, class by class, as layers of ours; see keras_parts.h. What a class says and we cannot do is refused. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "formats/keras_parts.h"

/* ---- what several classes say ---- */

static c5_keras_tensor *input(c5_keras_reader *r, int i) { return &r->layers[r->now->inputs[i]].out; }
static const c5_layer *layer_of(c5_keras_reader *r, const c5_keras_tensor *t) { return &r->m->layers[t->layer]; }

/* Appends a layer named after the present one; it becomes what the present one gives. Fed by its first input unless it has inputs. */
static int add(c5_keras_reader *r, c5_layer l, const char *suffix)
{
	c5_keras_layer *k = r->now;
	size_t n = 0, room = sizeof l.name - 1 - strlen(suffix);
	for (const char *s = k->name; *s && n < room; s++) l.name[n++] = isgraph((unsigned char)*s) && *s != '/' ? *s : *s == '/' ? '.' : '_';
	snprintf(l.name + n, sizeof l.name - n, "%s", suffix);
	if (l.kind != C5_LAYER_INPUT && !l.n_inputs) {
		l.n_inputs = 1;
		l.inputs[0] = k->out.known ? k->out.layer : input(r, 0)->layer;
	}
	int index = c5_model_add(r->m, &l);
	if (index < 0) return index;
	int err = c5_layer_check(r->m, index);
	if (err < 0) return c5_fail_in(err, "%s", r->path);
	k->out.layer = index;
	k->out.known = true;
	return index;
}

static int bind(c5_keras_reader *r, c5_keras_bound b)
{
	snprintf(b.name, sizeof b.name, "%s", r->now->name);
	snprintf(b.key, sizeof b.key, "%s", r->now->key);
	return c5_keras_plan_add(r->plan, &b);
}

/* One number or a list of two. */
static int pair(int out[2], c5_keras_reader *r, const char *key, int preset)
{
	json_object *v = c5_json_member(r->now->config, key);
	out[0] = out[1] = preset;
	if (!v) return C5_OK;
	bool list = json_object_is_type(v, json_type_array);
	if (list && json_object_array_length(v) != 2) return c5_keras_refuse(r, "%s of %zu numbers, 2 are expected", key, json_object_array_length(v));
	for (int i = 0; i < 2; i++) {
		json_object *one = list ? json_object_array_get_idx(v, (size_t)i) : v;
		if (!json_object_is_type(one, json_type_int)) return c5_keras_refuse(r, "%s is no whole number", key);
		int64_t n = json_object_get_int64(one);
		if (n < 0 || n > 1 << 20) return c5_keras_refuse(r, "%s of %lld", key, (long long)n);
		out[i] = (int)n;
	}
	return C5_OK;
}

struct activation { int act; float slope; bool softmax; };

/* A name, or an object that has one ("class_name" with "config" in it). */
static int read_activation(struct activation *a, c5_keras_reader *r, const char *key)
{
	static const struct { const char *name; int act; float slope; } known[] = {
		{ "linear", C5_ACT_NONE, 0 }, { "relu", C5_ACT_RELU, 0 }, { "relu6", C5_ACT_RELU6, 0 }, { "leaky_relu", C5_ACT_LEAKY_RELU, 0.2f },
		{ "elu", C5_ACT_ELU, 1 }, { "sigmoid", C5_ACT_SIGMOID, 0 }, { "tanh", C5_ACT_TANH, 0 },
	};
	json_object *v = c5_json_member(r->now->config, key);
	bool plain = v && json_object_is_type(v, json_type_string);
	const char *name = !v ? "linear" : plain ? json_object_get_string(v) : c5_json_word(v, "config", c5_json_word(v, "class_name", "?"));
	*a = (struct activation){ .softmax = strcmp(name, "softmax") == 0 };
	if (a->softmax) return C5_OK;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (strcmp(name, known[i].name) != 0) continue;
		a->act = known[i].act;
		a->slope = known[i].slope;
		return C5_OK;
	}
	return c5_keras_refuse(r, "activation '%.60s' is not known; linear, relu, relu6, leaky_relu, elu, sigmoid, tanh and softmax are", name);
}

/* Behind a layer: softmax is one of its own. */
static int finish(c5_keras_reader *r, const struct activation *a)
{
	int err = a->softmax ? add(r, (c5_layer){ .kind = C5_LAYER_SOFTMAX }, ".softmax") : C5_OK;
	return err < 0 ? err : C5_OK;
}

/* Padding of a window, together with zeros that were put around the image before it. */
static int read_padding(c5_layer *l, c5_keras_reader *r, bool zeros_count)
{
	const char *said = c5_json_word(r->now->config, "padding", "valid");
	const c5_keras_tensor *in = input(r, 0);
	bool padded = in->pad[0] || in->pad[1] || in->pad[2] || in->pad[3];
	if (strcmp(said, "valid") == 0) l->padding = C5_PAD_VALID;
	else if (strcmp(said, "same") == 0) l->padding = C5_PAD_SAME;
	else return c5_keras_refuse(r, "padding '%.40s' is not known; valid and same are", said);
	if (!padded) return C5_OK;
	if (l->padding == C5_PAD_SAME) return c5_keras_refuse(r, "padding same behind a ZeroPadding2D is not known");
	if (!zeros_count) return c5_keras_refuse(r, "zeros put around an image before pooling would count; only behind a relu is that the same");
	l->padding = C5_PAD_EXPLICIT;
	memcpy(l->pad, in->pad, sizeof l->pad);
	return C5_OK;
}

static int need_pixels(c5_keras_reader *r)
{
	return layer_of(r, input(r, 0))->rank == 3 ? C5_OK : c5_keras_refuse(r, "its input is no image");
}

/* What pads or flattens must be followed by what can make up for it. */
static int no_pad(c5_keras_reader *r, int i)
{
	const int *p = input(r, i)->pad;
	return p[0] || p[1] || p[2] || p[3] ? c5_keras_refuse(r, "behind a ZeroPadding2D; only convolutions and pools are known there") : C5_OK;
}

/* The channels are the last axis but the batch's, or the first. */
static bool is_channel_axis(c5_keras_reader *r, json_object *axis, int rank, int preset)
{
	int64_t n = preset;
	if (axis && json_object_is_type(axis, json_type_array) && json_object_array_length(axis) == 1) axis = json_object_array_get_idx(axis, 0);
	if (axis && json_object_is_type(axis, json_type_int)) n = json_object_get_int64(axis);
	if (n < 0) n += rank + 1;
	return n == (rank == 3 && r->channels_first ? 1 : rank);
}

/* ---- inputs ---- */

static int make_input(c5_keras_reader *r)
{
	json_object *config = r->now->config, *shape = c5_json_member(config, "batch_shape");
	if (!shape) shape = c5_json_member(config, "batch_input_shape");
	size_t n = shape && json_object_is_type(shape, json_type_array) ? json_object_array_length(shape) : 0;
	if (n < 2 || n > 4) return c5_keras_refuse(r, "a shape of %zu sizes with the batch; 2 to 4 are read", n);
	c5_layer l = { .kind = C5_LAYER_INPUT, .rank = (int)n - 1 };
	for (int d = 0; d < l.rank; d++) {
		json_object *size = json_object_array_get_idx(shape, (size_t)d + 1);
		int to = l.rank == 3 && !r->channels_first ? (d + 1) % 3 : d; /* y, x, c to c, y, x */
		l.shape[to] = size && json_object_is_type(size, json_type_int) ? json_object_get_int(size) : 0;
		if (l.shape[to] == 0 && l.rank == 3 && to > 0) l.shape[to] = to == 1 ? r->how->height : r->how->width;
		if (l.shape[to] >= 1) continue;
		return c5_keras_refuse(r, l.rank == 3 && to > 0 ? "takes images of any size; say one with --size HEIGHTxWIDTH" : "has no fixed shape");
	}
	int err = add(r, l, "");
	return err < 0 ? err : C5_OK;
}

/* ---- convolutions and dense layers ---- */

static int read_conv(c5_layer *l, struct activation *a, c5_keras_reader *r)
{
	json_object *c = r->now->config;
	int err;
	*l = (c5_layer){ .kind = C5_LAYER_CONV, .filters = (int)c5_json_whole(c, "filters", 0), .groups = (int)c5_json_whole(c, "groups", 1),
	                 .bias = c5_json_flag(c, "use_bias", true) };
	if ((err = need_pixels(r)) < 0 || (err = pair(l->kernel, r, "kernel_size", 0)) < 0 || (err = pair(l->stride, r, "strides", 1)) < 0 ||
	    (err = pair(l->dilation, r, "dilation_rate", 1)) < 0 || (err = read_activation(a, r, "activation")) < 0)
		return err;
	l->activation = a->act;
	l->slope = a->slope;
	return C5_OK;
}

static int make_conv(c5_keras_reader *r)
{
	struct activation a;
	c5_layer l;
	int err = read_conv(&l, &a, r), index;
	if (err < 0 || (err = read_padding(&l, r, true)) < 0) return err;
	if ((index = add(r, l, "")) < 0) return index;
	if ((err = bind(r, (c5_keras_bound){ .what = C5_KERAS_CONV, .layer = index, .bias = l.bias })) < 0) return err;
	return finish(r, &a);
}

static int make_depthwise(c5_keras_reader *r)
{
	struct activation a;
	c5_layer l;
	int err = read_conv(&l, &a, r), index;
	if (err < 0 || (err = read_padding(&l, r, true)) < 0) return err;
	l.groups = layer_of(r, input(r, 0))->shape[0];
	l.filters = l.groups * (int)c5_json_whole(r->now->config, "depth_multiplier", 1);
	if ((index = add(r, l, "")) < 0) return index;
	if ((err = bind(r, (c5_keras_bound){ .what = C5_KERAS_DEPTHWISE, .layer = index, .bias = l.bias })) < 0) return err;
	return finish(r, &a);
}

static int make_separable(c5_keras_reader *r)
{
	struct activation a;
	c5_layer l;
	int err = read_conv(&l, &a, r), depth, point;
	if (err < 0 || (err = read_padding(&l, r, true)) < 0) return err;
	c5_layer dw = l, pw = { .kind = C5_LAYER_CONV, .filters = l.filters, .kernel = { 1, 1 }, .bias = l.bias, .activation = a.act, .slope = a.slope };
	dw.groups = layer_of(r, input(r, 0))->shape[0];
	dw.filters = dw.groups * (int)c5_json_whole(r->now->config, "depth_multiplier", 1);
	dw.bias = false;
	dw.activation = C5_ACT_NONE;
	if ((depth = add(r, dw, ".depthwise")) < 0) return depth;
	if ((point = add(r, pw, "")) < 0) return point;
	if ((err = bind(r, (c5_keras_bound){ .what = C5_KERAS_SEPARABLE, .layer = depth, .second = point, .bias = l.bias })) < 0) return err;
	return finish(r, &a);
}

/* Keras gives size * stride for "same", and for "valid" at least that. */
static int make_transpose(c5_keras_reader *r)
{
	struct activation a;
	c5_layer l;
	int err = read_conv(&l, &a, r), index;
	if (err < 0 || (err = no_pad(r, 0)) < 0 || (err = read_padding(&l, r, true)) < 0) return err;
	l.kind = C5_LAYER_CONV_TRANSPOSE;
	if (c5_json_member(r->now->config, "output_padding")) return c5_keras_refuse(r, "output_padding is not known");
	if (l.groups != 1) return c5_keras_refuse(r, "groups are not known here");
	for (int i = 0; i < 2; i++) {
		int reach = (l.kernel[i] - 1) * l.dilation[i] + 1;
		if (l.padding != C5_PAD_VALID || reach >= l.stride[i]) continue;
		l.padding = C5_PAD_EXPLICIT;
		for (int j = 0; j < 2; j++) {
			int surplus = (l.kernel[j] - 1) * l.dilation[j] + 1 - l.stride[j];
			l.pad[2 * j] = 0;
			l.pad[2 * j + 1] = surplus < 0 ? surplus : 0;
		}
	}
	if ((index = add(r, l, "")) < 0) return index;
	if ((err = bind(r, (c5_keras_bound){ .what = C5_KERAS_TRANSPOSE, .layer = index, .bias = l.bias })) < 0) return err;
	return finish(r, &a);
}

/* On images Keras applies a dense layer to each pixel: a 1 x 1 convolution. */
static int make_dense(c5_keras_reader *r)
{
	struct activation a;
	json_object *c = r->now->config;
	const c5_keras_tensor *in = input(r, 0);
	int rank = layer_of(r, in)->rank, index, err = read_activation(&a, r, "activation");
	c5_layer l = { .kind = rank == 3 ? C5_LAYER_CONV : C5_LAYER_DENSE, .filters = (int)c5_json_whole(c, "units", 0) };
	l.bias = c5_json_flag(c, "use_bias", true);
	if (err < 0 || (err = no_pad(r, 0)) < 0) return err;
	if (rank == 2) return c5_keras_refuse(r, "works on each step of a sequence, which is not known; flatten it, or take the last state");
	if (rank == 3 && r->channels_first) return c5_keras_refuse(r, "works on the last axis of an image whose channels come first");
	if (rank == 3) l.kernel[0] = l.kernel[1] = 1;
	l.activation = a.act;
	l.slope = a.slope;
	c5_keras_bound b = { .what = C5_KERAS_DENSE, .bias = l.bias };
	memcpy(b.flat, in->flat, sizeof b.flat);
	if ((index = add(r, l, "")) < 0) return index;
	b.layer = index;
	memset(r->now->out.flat, 0, sizeof r->now->out.flat);
	if ((err = bind(r, b)) < 0) return err;
	return finish(r, &a);
}

/* ---- pools ---- */

/* Nothing it gives is below 0. */
static bool is_rectified(const c5_layer *l)
{
	return l->activation == C5_ACT_RELU || l->activation == C5_ACT_RELU6 || l->activation == C5_ACT_SIGMOID;
}

static int make_pool(c5_keras_reader *r)
{
	bool max = strcmp(r->now->class_name, "MaxPooling2D") == 0;
	c5_layer l = { .kind = max ? C5_LAYER_MAX_POOL : C5_LAYER_AVERAGE_POOL };
	int err = need_pixels(r), index;
	if (err < 0 || (err = pair(l.kernel, r, "pool_size", 2)) < 0 || (err = pair(l.stride, r, "strides", 0)) < 0) return err;
	if ((err = read_padding(&l, r, max && is_rectified(layer_of(r, input(r, 0))))) < 0) return err;
	index = add(r, l, "");
	return index < 0 ? index : C5_OK;
}

static int make_global(c5_keras_reader *r)
{
	bool max = strcmp(r->now->class_name, "GlobalMaxPooling2D") == 0, keep = c5_json_flag(r->now->config, "keepdims", false);
	const c5_layer *in = layer_of(r, input(r, 0));
	int err = need_pixels(r);
	if (err < 0 || (err = no_pad(r, 0)) < 0) return err;
	c5_layer l = { .kind = C5_LAYER_GLOBAL_POOL };
	if (max || keep) l = (c5_layer){ .kind = max ? C5_LAYER_MAX_POOL : C5_LAYER_AVERAGE_POOL, .kernel = { in->shape[1], in->shape[2] } };
	if ((err = add(r, l, "")) < 0) return err;
	if (max && !keep) err = add(r, (c5_layer){ .kind = C5_LAYER_FLATTEN }, ".flatten");
	return err < 0 ? err : C5_OK;
}

/* ---- norms ---- */

static int make_norm(c5_keras_reader *r)
{
	json_object *c = r->now->config, *axis = c5_json_member(c, "axis");
	bool group = strcmp(r->now->class_name, "GroupNormalization") == 0;
	const c5_keras_tensor *in = input(r, 0);
	int rank = layer_of(r, in)->rank, channels = layer_of(r, in)->shape[rank == 2], err = no_pad(r, 0), index;
	c5_layer l = { .kind = group ? C5_LAYER_GROUP_NORM : C5_LAYER_BATCH_NORM, .epsilon = (float)c5_json_number(c, "epsilon", 1e-3),
	               .momentum = group ? 0 : (float)c5_json_number(c, "momentum", 0.99), .norm_groups = group ? (int)c5_json_whole(c, "groups", 32) : 0 };
	if (err < 0) return err;
	if (group && l.norm_groups == -1) l.norm_groups = channels;
	if (!is_channel_axis(r, axis, rank, -1)) return c5_keras_refuse(r, "its axis is not that of the channels");
	if (c5_json_flag(c, "renorm", false)) return c5_keras_refuse(r, "renorm is not known");
	if (group && in->flat[0]) return c5_keras_refuse(r, "on a flattened image is not known");
	c5_keras_bound b = { .what = C5_KERAS_NORM, .scale = c5_json_flag(c, "scale", true), .center = c5_json_flag(c, "center", true) };
	memcpy(b.flat, in->flat, sizeof b.flat);
	if ((index = add(r, l, "")) < 0) return index;
	b.layer = index;
	return bind(r, b);
}

/* ---- activations ---- */

static int add_activation(c5_keras_reader *r, int act, float slope)
{
	int err = no_pad(r, 0);
	if (err == C5_OK) err = add(r, (c5_layer){ .kind = C5_LAYER_ACTIVATION, .activation = act, .slope = slope }, "");
	return err < 0 ? err : C5_OK;
}

static int same_tensor(c5_keras_reader *r)
{
	r->now->out = *input(r, 0);
	return C5_OK;
}

static int make_activation(c5_keras_reader *r)
{
	struct activation a;
	int err = read_activation(&a, r, "activation");
	if (err < 0) return err;
	if (a.softmax) err = no_pad(r, 0) < 0 ? C5_EINPUT : add(r, (c5_layer){ .kind = C5_LAYER_SOFTMAX }, "");
	else if (a.act) err = add_activation(r, a.act, a.slope);
	else return same_tensor(r);
	return err < 0 ? err : C5_OK;
}

static int make_relu(c5_keras_reader *r)
{
	json_object *c = r->now->config;
	double most = c5_json_number(c, "max_value", INFINITY), slope = c5_json_number(c, "negative_slope", 0);
	if (c5_json_number(c, "threshold", 0) != 0) return c5_keras_refuse(r, "a threshold is not known");
	if (isfinite(most) && (most != 6 || slope != 0))
		return c5_keras_refuse(r, "max_value %g with negative_slope %g is not known; 6 with 0 is", most, slope);
	return add_activation(r, isfinite(most) ? C5_ACT_RELU6 : slope != 0 ? C5_ACT_LEAKY_RELU : C5_ACT_RELU, (float)slope);
}

static int make_leaky(c5_keras_reader *r)
{
	double slope = c5_json_number(r->now->config, "negative_slope", c5_json_number(r->now->config, "alpha", 0.3));
	return slope == 0 ? add_activation(r, C5_ACT_RELU, 0) : add_activation(r, C5_ACT_LEAKY_RELU, (float)slope);
}

static int make_elu(c5_keras_reader *r)
{
	double alpha = c5_json_number(r->now->config, "alpha", 1);
	return alpha == 0 ? add_activation(r, C5_ACT_RELU, 0) : add_activation(r, C5_ACT_ELU, (float)alpha);
}

static int make_softmax(c5_keras_reader *r)
{
	int err = no_pad(r, 0);
	if (err < 0) return err;
	if (!is_channel_axis(r, c5_json_member(r->now->config, "axis"), layer_of(r, input(r, 0))->rank, -1))
		return c5_keras_refuse(r, "its axis is not that of the channels");
	err = add(r, (c5_layer){ .kind = C5_LAYER_SOFTMAX }, "");
	return err < 0 ? err : C5_OK;
}

/* ---- shapes ---- */

static int make_dropout(c5_keras_reader *r)
{
	if (c5_json_member(r->now->config, "noise_shape")) return c5_keras_refuse(r, "noise_shape is not known");
	c5_keras_tensor in = *input(r, 0);
	int err = no_pad(r, 0);
	if (err == C5_OK) err = add(r, (c5_layer){ .kind = C5_LAYER_DROPOUT, .rate = (float)c5_json_number(r->now->config, "rate", 0) }, "");
	memcpy(r->now->out.flat, in.flat, sizeof in.flat);
	return err < 0 ? err : C5_OK;
}

static int join(c5_keras_reader *r, int kind)
{
	c5_keras_layer *k = r->now;
	c5_layer l = { .kind = kind, .n_inputs = k->n_inputs };
	int err;
	for (int i = 0; i < k->n_inputs; i++) {
		if ((err = no_pad(r, i)) < 0) return err;
		l.inputs[i] = input(r, i)->layer;
		bool same = memcmp(input(r, i)->flat, input(r, 0)->flat, sizeof k->out.flat) == 0;
		if (!same || (kind == C5_LAYER_CONCAT && input(r, i)->flat[0])) return c5_keras_refuse(r, "on flattened images is not known");
	}
	err = add(r, l, "");
	return err < 0 ? err : C5_OK;
}

static int make_add(c5_keras_reader *r) { return join(r, C5_LAYER_ADD); }

static int make_concat(c5_keras_reader *r)
{
	if (!is_channel_axis(r, c5_json_member(r->now->config, "axis"), layer_of(r, input(r, 0))->rank, -1))
		return c5_keras_refuse(r, "its axis is not that of the channels");
	return join(r, C5_LAYER_CONCAT);
}

/* Keras flattens with the channels last, whatever order they come in, if it is told of it. */
static int make_flatten(c5_keras_reader *r)
{
	const c5_layer in = *layer_of(r, input(r, 0));
	bool told_first = strcmp(c5_json_word(r->now->config, "data_format", "channels_last"), "channels_first") == 0;
	int err = no_pad(r, 0);
	if (err < 0) return err;
	if (in.rank == 1) return same_tensor(r);
	if (told_first && !r->channels_first) return c5_keras_refuse(r, "its channels come first, those of layers before it last");
	if ((err = add(r, (c5_layer){ .kind = C5_LAYER_FLATTEN }, "")) < 0) return err;
	if (in.rank == 3 && in.shape[1] * in.shape[2] > 1 && told_first == r->channels_first) memcpy(r->now->out.flat, in.shape, sizeof in.shape);
	return C5_OK;
}

/* Only what is a flattening in other words. */
static int make_reshape(c5_keras_reader *r)
{
	json_object *shape = c5_json_member(r->now->config, "target_shape");
	const c5_layer *in = layer_of(r, input(r, 0));
	bool single = in->rank == 3 && in->shape[1] == 1 && in->shape[2] == 1;
	if (!shape || !json_object_is_type(shape, json_type_array) || json_object_array_length(shape) != 1 || !(single || in->rank == 1))
		return c5_keras_refuse(r, "only reshaping 1 x 1 x N to N is known");
	if (in->rank == 1) return same_tensor(r);
	int err = no_pad(r, 0) < 0 ? C5_EINPUT : add(r, (c5_layer){ .kind = C5_LAYER_FLATTEN }, "");
	return err < 0 ? err : C5_OK;
}

/* "2", "[1, 2]" or "[[0, 1], [0, 1]]": remembered, for the layer behind it to do. */
static int make_zeros(c5_keras_reader *r)
{
	json_object *v = c5_json_member(r->now->config, "padding");
	int err = need_pixels(r), pads[2];
	c5_keras_tensor out = *input(r, 0);
	if (err < 0 || !v) return err < 0 ? err : c5_keras_refuse(r, "says no padding");
	bool nested = json_object_is_type(v, json_type_array) && json_object_array_length(v) == 2 &&
	              json_object_is_type(json_object_array_get_idx(v, 0), json_type_array);
	if (!nested && (err = pair(pads, r, "padding", 0)) < 0) return err;
	for (int i = 0; i < 4; i++) {
		json_object *side = nested ? json_object_array_get_idx(v, (size_t)i / 2) : NULL;
		json_object *one = side && json_object_is_type(side, json_type_array) ? json_object_array_get_idx(side, (size_t)i % 2) : NULL;
		int64_t n = !nested ? pads[i / 2] : one && json_object_is_type(one, json_type_int) ? json_object_get_int64(one) : -1;
		if (n < 0 || n > 4096) return c5_keras_refuse(r, "its padding is not known");
		out.pad[i] += (int)n;
	}
	r->now->out = out;
	return C5_OK;
}

static int make_upsampling(c5_keras_reader *r)
{
	const char *mode = c5_json_word(r->now->config, "interpolation", "nearest");
	int factor[2], err = need_pixels(r);
	if (err < 0 || (err = no_pad(r, 0)) < 0 || (err = pair(factor, r, "size", 2)) < 0) return err;
	if (factor[0] != factor[1]) return c5_keras_refuse(r, "grows by %d and %d; only alike is known", factor[0], factor[1]);
	if (strcmp(mode, "nearest") != 0 && strcmp(mode, "bilinear") != 0)
		return c5_keras_refuse(r, "interpolation '%.40s' is not known; nearest and bilinear are", mode);
	err = add(r, (c5_layer){ .kind = C5_LAYER_UPSAMPLE, .factor = factor[0], .bilinear = *mode == 'b' }, "");
	return err < 0 ? err : C5_OK;
}

static int make_lstm(c5_keras_reader *r)
{
	json_object *c = r->now->config;
	static const char *const flags[] = { "go_backwards", "stateful", "return_state", "time_major" };
	c5_layer l = { .kind = C5_LAYER_LSTM, .filters = (int)c5_json_whole(c, "units", 0), .sequences = c5_json_flag(c, "return_sequences", false) };
	struct activation a, gate;
	int err = read_activation(&a, r, "activation"), index;
	if (err < 0 || (err = read_activation(&gate, r, "recurrent_activation")) < 0) return err;
	if (a.act != C5_ACT_TANH || gate.act != C5_ACT_SIGMOID) return c5_keras_refuse(r, "only tanh with sigmoid gates is known");
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
		if (c5_json_flag(c, flags[i], false)) return c5_keras_refuse(r, "%s is not known", flags[i]);
	if ((index = add(r, l, "")) < 0) return index;
	return bind(r, (c5_keras_bound){ .what = C5_KERAS_LSTM, .layer = index, .bias = c5_json_flag(c, "use_bias", true) });
}

/* ---- by class ---- */

static const struct { const char *class_name; int (*make)(c5_keras_reader *r); int inputs; bool keeps_flat; } classes[] = {
	{ "InputLayer", make_input, 0, false }, { "Conv2D", make_conv, 1, false }, { "DepthwiseConv2D", make_depthwise, 1, false },
	{ "SeparableConv2D", make_separable, 1, false }, { "Conv2DTranspose", make_transpose, 1, false }, { "Dense", make_dense, 1, false },
	{ "MaxPooling2D", make_pool, 1, false }, { "AveragePooling2D", make_pool, 1, false }, { "GlobalAveragePooling2D", make_global, 1, false },
	{ "GlobalMaxPooling2D", make_global, 1, false }, { "BatchNormalization", make_norm, 1, true }, { "GroupNormalization", make_norm, 1, false },
	{ "Activation", make_activation, 1, true }, { "ReLU", make_relu, 1, true }, { "LeakyReLU", make_leaky, 1, true }, { "ELU", make_elu, 1, true },
	{ "Softmax", make_softmax, 1, true }, { "Dropout", make_dropout, 1, true }, { "Add", make_add, -1, true }, { "Concatenate", make_concat, -1, false },
	{ "Flatten", make_flatten, 1, false }, { "Reshape", make_reshape, 1, false }, { "ZeroPadding2D", make_zeros, 1, false },
	{ "UpSampling2D", make_upsampling, 1, false }, { "LSTM", make_lstm, 1, false },
};

int c5_keras_make(c5_keras_reader *r)
{
	c5_keras_layer *k = r->now;
	for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
		if (strcmp(classes[i].class_name, k->class_name) != 0) continue;
		if (classes[i].inputs >= 0 ? k->n_inputs != classes[i].inputs : k->n_inputs < 2) return c5_keras_refuse(r, "takes %d layers", k->n_inputs);
		int err = classes[i].make(r);
		if (err == C5_OK && classes[i].keeps_flat && k->n_inputs) memcpy(k->out.flat, input(r, 0)->flat, sizeof k->out.flat);
		return err;
	}
	bool nested = strcmp(k->class_name, "Functional") == 0 || strcmp(k->class_name, "Model") == 0 || strcmp(k->class_name, "Sequential") == 0;
	if (nested) return c5_keras_refuse(r, "a model within the model is not known; save it with its layers side by side");
	return c5_keras_refuse(r, "there is no such layer here; docs/models.md lists those that are read");
}
