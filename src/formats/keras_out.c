/* keras_out.c – a network of ours as a legacy Keras .h5: a functional model in the words of Keras 2, which Keras 3 reads too; or its weights
 * alone, as Keras 3 keeps them; see keras.h.
 *
 * Channels come last there. Paddings Keras has not become a ZeroPadding2D in front, activations it has no name for a layer behind. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/version.h"
#include "container/foreign.h"
#include "formats/keras_parts.h"

#define NAMES_MAX 64512 /* bytes of a list of names; above it Keras cuts it in pieces */

typedef struct writer {
	const char *path;
	const c5_model *m;
	json_object *layers;
	char (*out)[C5_LAYER_NAME_MAX + 16]; /* the layer there that gives what ours gives */
} writer;

static int refuse(const writer *w, const c5_layer *l, const char *why)
{
	return c5_fail(C5_EINPUT, "%s: layer '%s' (%s): %s", w->path, l->name, c5_layer_kind_name(l->kind), why);
}

/* ---- JSON ---- */

static void put_word(json_object *o, const char *key, const char *value) { json_object_object_add(o, key, json_object_new_string(value)); }
static void put_whole(json_object *o, const char *key, int value) { json_object_object_add(o, key, json_object_new_int(value)); }
static void put_flag(json_object *o, const char *key, bool value) { json_object_object_add(o, key, json_object_new_boolean(value)); }

static void put_number(json_object *o, const char *key, float value)
{
	char text[32];
	snprintf(text, sizeof text, "%.9g", (double)value);
	json_object_object_add(o, key, json_object_new_double_s((double)value, text));
}

static json_object *list_of(int n, const int *values)
{
	json_object *list = json_object_new_array();
	for (int i = 0; i < n; i++) json_object_array_add(list, json_object_new_int(values[i]));
	return list;
}

static void put_pair(json_object *o, const char *key, const int value[2]) { json_object_object_add(o, key, list_of(2, value)); }

/* ["NAME", 0, 0] */
static json_object *place_of(const char *name, bool node)
{
	json_object *place = json_object_new_array();
	json_object_array_add(place, json_object_new_string(name));
	json_object_array_add(place, json_object_new_int(0));
	json_object_array_add(place, json_object_new_int(0));
	if (node) json_object_array_add(place, json_object_new_object());
	return place;
}

/* Appends a layer that takes the named ones. `config` is taken over. */
static void add_layer(writer *w, const char *class_name, const char *name, json_object *config, int n, const char *const *from)
{
	json_object *layer = json_object_new_object(), *nodes = json_object_new_array();
	put_word(config, "name", name);
	if (n) {
		json_object *node = json_object_new_array();
		for (int i = 0; i < n; i++) json_object_array_add(node, place_of(from[i], true));
		json_object_array_add(nodes, node);
	}
	put_word(layer, "class_name", class_name);
	json_object_object_add(layer, "config", config);
	put_word(layer, "name", name);
	json_object_object_add(layer, "inbound_nodes", nodes);
	json_object_array_add(w->layers, layer);
}

/* A layer beside ours, which takes what ours would. */
static void add_before(writer *w, int index, const char *class_name, const char *suffix, json_object *config)
{
	char name[C5_LAYER_NAME_MAX + 16];
	const char *from = w->out[w->m->layers[index].inputs[0]];
	snprintf(name, sizeof name, "%s%s", w->m->layers[index].name, suffix);
	add_layer(w, class_name, name, config, 1, &from);
	memcpy(w->out[index], name, sizeof name);
}

/* Our layer itself, behind what was put before it. */
static void add_main(writer *w, int index, const char *class_name, json_object *config)
{
	const c5_layer *l = &w->m->layers[index];
	const char *from[C5_LAYER_INPUTS_MAX];
	for (int i = 0; i < l->n_inputs; i++) from[i] = i == 0 && *w->out[index] ? w->out[index] : w->out[l->inputs[i]];
	add_layer(w, class_name, l->name, config, l->n_inputs, from);
	snprintf(w->out[index], sizeof *w->out, "%s", l->name);
}

/* ---- activations ---- */

/* The class of Keras that does it and its configuration; NULL: none is needed. */
static const char *activation_class(json_object **config, const c5_layer *l)
{
	*config = NULL;
	if (c5_keras_inline(l)) return NULL;
	*config = json_object_new_object();
	switch (l->activation) {
	case C5_ACT_RELU6: put_number(*config, "max_value", 6); return "ReLU";
	case C5_ACT_LEAKY_RELU: put_number(*config, "alpha", l->slope); return "LeakyReLU";
	case C5_ACT_ELU: put_number(*config, "alpha", l->slope); return "ELU";
	case C5_ACT_NONE: json_object_put(*config); *config = NULL; return NULL;
	default: put_word(*config, "activation", c5_activation_name(l->activation)); return "Activation";
	}
}

/* Behind our layer, as a layer of its own. */
static void add_activation(writer *w, int index)
{
	const c5_layer *l = &w->m->layers[index];
	json_object *config;
	const char *class_name = activation_class(&config, l), *from = w->out[index];
	char name[sizeof *w->out], before[sizeof *w->out];
	if (!class_name) return;
	memcpy(before, from, sizeof before);
	from = before;
	snprintf(name, sizeof name, "%s.act", l->name);
	add_layer(w, class_name, name, config, 1, &from);
	memcpy(w->out[index], name, sizeof name);
}

static void put_inline(json_object *config, const c5_layer *l)
{
	put_word(config, "activation", c5_keras_inline(l) ? c5_activation_name(l->activation) : "linear");
}

/* ---- kinds ---- */

static int add_input(writer *w, int index)
{
	const c5_layer *l = &w->m->layers[index];
	json_object *config = json_object_new_object(), *shape = json_object_new_array();
	json_object_array_add(shape, NULL);
	for (int d = 0; d < l->rank; d++) json_object_array_add(shape, json_object_new_int(l->shape[l->rank == 3 ? (d + 1) % 3 : d]));
	json_object_object_add(config, "batch_input_shape", shape);
	put_word(config, "dtype", "float32");
	add_main(w, index, "InputLayer", config);
	return C5_OK;
}

static int add_zeros(writer *w, int index)
{
	const c5_layer *l = &w->m->layers[index];
	json_object *config = json_object_new_object(), *sides = json_object_new_array();
	for (int i = 0; i < 4; i++)
		if (l->pad[i] < 0) return json_object_put(config), json_object_put(sides), refuse(w, l, "a negative padding is not known to Keras");
	json_object_array_add(sides, list_of(2, l->pad));
	json_object_array_add(sides, list_of(2, l->pad + 2));
	json_object_object_add(config, "padding", sides);
	put_word(config, "data_format", "channels_last");
	add_before(w, index, "ZeroPadding2D", ".pad", config);
	return C5_OK;
}

static json_object *window_config(const c5_layer *l, const char *size)
{
	json_object *c = json_object_new_object();
	put_pair(c, size, l->kernel);
	put_pair(c, "strides", l->stride);
	put_word(c, "padding", l->padding == C5_PAD_SAME ? "same" : "valid");
	put_word(c, "data_format", "channels_last");
	return c;
}

static int add_conv(writer *w, int index)
{
	const c5_layer *l = &w->m->layers[index];
	int channels = w->m->layers[l->inputs[0]].shape[0], err;
	bool depthwise = l->groups > 1 && l->groups == channels;
	bool padded = l->pad[0] || l->pad[1] || l->pad[2] || l->pad[3];
	if (l->padding == C5_PAD_EXPLICIT && padded && (err = add_zeros(w, index)) < 0) return err;
	json_object *c = window_config(l, "kernel_size");
	put_pair(c, "dilation_rate", l->dilation);
	put_flag(c, "use_bias", l->bias);
	put_inline(c, l);
	if (depthwise) put_whole(c, "depth_multiplier", l->filters / channels);
	else {
		put_whole(c, "filters", l->filters);
		if (l->groups > 1) put_whole(c, "groups", l->groups);
	}
	add_main(w, index, depthwise ? "DepthwiseConv2D" : "Conv2D", c);
	return C5_OK;
}

/* Keras' "valid" is ours where the kernel covers the stride, and its "same" where ours is. */
static int add_transpose(writer *w, int index)
{
	const c5_layer *l = &w->m->layers[index];
	bool same = true, valid = true;
	for (int i = 0; i < 2; i++) {
		int surplus = (l->kernel[i] - 1) * l->dilation[i] + 1 - l->stride[i], first = surplus > 0 ? surplus / 2 : 0;
		same = same && l->pad[2 * i] == first && l->pad[2 * i + 1] == surplus - first;
		valid = valid && l->pad[2 * i] == 0 && l->pad[2 * i + 1] == (surplus < 0 ? surplus : 0);
	}
	if (!same && !valid) return refuse(w, l, "its padding is neither the valid nor the same of Keras");
	json_object *c = window_config(l, "kernel_size");
	put_word(c, "padding", valid ? "valid" : "same");
	put_pair(c, "dilation_rate", l->dilation);
	put_whole(c, "filters", l->filters);
	put_flag(c, "use_bias", l->bias);
	put_inline(c, l);
	add_main(w, index, "Conv2DTranspose", c);
	return C5_OK;
}

static int add_pool(writer *w, int index)
{
	const c5_layer *l = &w->m->layers[index], *in = &w->m->layers[l->inputs[0]];
	bool max = l->kind == C5_LAYER_MAX_POOL, padded = l->pad[0] || l->pad[1] || l->pad[2] || l->pad[3];
	int err;
	if (l->padding == C5_PAD_EXPLICIT && padded) {
		bool above = in->activation == C5_ACT_RELU || in->activation == C5_ACT_RELU6 || in->activation == C5_ACT_SIGMOID;
		if (!max || !above) return refuse(w, l, "its padding is not known to Keras: zeros put around the image would count");
		if ((err = add_zeros(w, index)) < 0) return err;
	}
	add_main(w, index, max ? "MaxPooling2D" : "AveragePooling2D", window_config(l, "pool_size"));
	return C5_OK;
}

static int add_dense(writer *w, int index)
{
	const c5_layer *l = &w->m->layers[index];
	if (w->m->layers[l->inputs[0]].rank == 3) add_before(w, index, "Flatten", ".flatten", json_object_new_object());
	json_object *c = json_object_new_object();
	put_whole(c, "units", l->filters);
	put_flag(c, "use_bias", l->bias);
	put_inline(c, l);
	add_main(w, index, "Dense", c);
	return C5_OK;
}

static int add_norm(writer *w, int index)
{
	const c5_layer *l = &w->m->layers[index];
	json_object *c = json_object_new_object();
	put_whole(c, "axis", -1);
	put_number(c, "epsilon", l->epsilon);
	put_flag(c, "center", true);
	put_flag(c, "scale", true);
	if (l->kind == C5_LAYER_GROUP_NORM) put_whole(c, "groups", l->norm_groups);
	else put_number(c, "momentum", l->momentum);
	add_main(w, index, l->kind == C5_LAYER_GROUP_NORM ? "GroupNormalization" : "BatchNormalization", c);
	return C5_OK;
}

static int add_lstm(writer *w, int index)
{
	const c5_layer *l = &w->m->layers[index];
	json_object *c = json_object_new_object();
	put_whole(c, "units", l->filters);
	put_flag(c, "return_sequences", l->sequences);
	put_word(c, "activation", "tanh");
	put_word(c, "recurrent_activation", "sigmoid");
	put_flag(c, "use_bias", true);
	add_main(w, index, "LSTM", c);
	return C5_OK;
}

static int add_upsample(writer *w, int index)
{
	const c5_layer *l = &w->m->layers[index];
	json_object *c = json_object_new_object();
	put_pair(c, "size", (const int[2]){ l->factor, l->factor });
	put_word(c, "data_format", "channels_last");
	put_word(c, "interpolation", l->bilinear ? "bilinear" : "nearest");
	add_main(w, index, "UpSampling2D", c);
	return C5_OK;
}

/* Kinds that say next to nothing. */
static int add_plain(writer *w, int index)
{
	const c5_layer *l = &w->m->layers[index];
	json_object *c = NULL;
	const char *class_name = "Flatten";
	if (l->kind == C5_LAYER_ACTIVATION) class_name = activation_class(&c, l);
	if (!c) c = json_object_new_object();
	switch (l->kind) {
	case C5_LAYER_GLOBAL_POOL: class_name = "GlobalAveragePooling2D"; break;
	case C5_LAYER_SOFTMAX: class_name = "Softmax"; put_whole(c, "axis", -1); break;
	case C5_LAYER_DROPOUT: class_name = "Dropout"; put_number(c, "rate", l->rate); break;
	case C5_LAYER_ADD: class_name = "Add"; break;
	case C5_LAYER_CONCAT: class_name = "Concatenate"; put_whole(c, "axis", -1); break;
	default: break;
	}
	add_main(w, index, class_name, c);
	return C5_OK;
}

static int add_one(writer *w, int index)
{
	switch (w->m->layers[index].kind) {
	case C5_LAYER_INPUT: return add_input(w, index);
	case C5_LAYER_CONV: return add_conv(w, index);
	case C5_LAYER_CONV_TRANSPOSE: return add_transpose(w, index);
	case C5_LAYER_DENSE: return add_dense(w, index);
	case C5_LAYER_MAX_POOL: case C5_LAYER_AVERAGE_POOL: return add_pool(w, index);
	case C5_LAYER_BATCH_NORM: case C5_LAYER_GROUP_NORM: return add_norm(w, index);
	case C5_LAYER_UPSAMPLE: return add_upsample(w, index);
	case C5_LAYER_LSTM: return add_lstm(w, index);
	default: return add_plain(w, index);
	}
}

static int make_config(writer *w, char **text)
{
	json_object *root = json_object_new_object(), *config = json_object_new_object(), *in = json_object_new_array(), *out = json_object_new_array();
	int *order = NULL, err = c5_alloc(&order, (size_t)w->m->n_layers, sizeof *order);
	w->layers = json_object_new_array();
	if (err == C5_OK) err = c5_keras_order(order, w->m);
	for (int k = 0; k < w->m->n_layers && err == C5_OK; k++) {
		err = add_one(w, order[k]);
		if (err == C5_OK && w->m->layers[order[k]].kind != C5_LAYER_ACTIVATION) add_activation(w, order[k]);
	}
	for (int i = 0; i < w->m->n_layers; i++)
		if (w->m->layers[i].kind == C5_LAYER_INPUT) json_object_array_add(in, place_of(w->m->layers[i].name, false));
	free(order);
	for (int i = 0; i < w->m->n_outputs; i++) json_object_array_add(out, place_of(w->out[w->m->outputs[i]], false));
	put_word(config, "name", w->m->name);
	json_object_object_add(config, "layers", w->layers);
	json_object_object_add(config, "input_layers", in);
	json_object_object_add(config, "output_layers", out);
	put_word(root, "class_name", "Functional");
	json_object_object_add(root, "config", config);
	if (err == C5_OK && !(*text = c5_strdup(json_object_to_json_string_ext(root, JSON_C_TO_STRING_PLAIN)))) err = c5_fail(C5_ENOMEM, "out of memory");
	json_object_put(root);
	return err;
}

/* ---- weights ---- */

static int put_names(c5_foreign *f, const char *path, const char *attr, size_t n, const char *const *names)
{
	size_t width = 1, pieces;
	char key[64];
	int err = C5_OK;
	for (size_t i = 0; i < n; i++) width = strlen(names[i]) > width ? strlen(names[i]) : width;
	if (n * width <= NAMES_MAX) return c5_foreign_put_texts(f, path, attr, n, names);
	pieces = (n * width + NAMES_MAX - 1) / NAMES_MAX;
	for (size_t k = 0; k < pieces && err == C5_OK; k++) {
		size_t from = n * k / pieces, to = n * (k + 1) / pieces;
		snprintf(key, sizeof key, "%s%zu", attr, k);
		err = c5_foreign_put_texts(f, path, key, to - from, names + from);
	}
	return err;
}

static int put_array(c5_foreign *f, const char *group, const char *name, const c5_weights *w, const c5_keras_array *a)
{
	c5_foreign_array out = { .rank = a->rank, .count = 1 };
	char *path = c5_format("%s/%s", group, name);
	for (int d = 0; d < a->rank; d++) out.dims[d] = a->dims[d], out.count *= a->dims[d];
	int err = path ? c5_alloc(&out.data, out.count, sizeof *out.data) : c5_fail(C5_ENOMEM, "out of memory");
	if (err == C5_OK) {
		c5_keras_move(a, c5_weights_of(w, a->layer, a->param), out.data, true);
		err = c5_foreign_write(f, path, &out);
	}
	free(out.data);
	free(path);
	return err;
}

static int put_layer(c5_foreign *f, const c5_model *m, const c5_weights *w, const c5_keras_bound *b, const char *group)
{
	c5_keras_array arrays[C5_KERAS_ARRAYS];
	char names[C5_KERAS_ARRAYS][C5_LAYER_NAME_MAX + 32];
	const char *list[C5_KERAS_ARRAYS];
	int n = c5_keras_arrays(arrays, m, b), err;
	for (int i = 0; i < n; i++) {
		const char *cell = b->what == C5_KERAS_LSTM ? "lstm_cell/" : "";
		snprintf(names[i], sizeof names[i], "%.63s/%s%s:0", b->name, cell, arrays[i].tail);
		list[i] = names[i];
	}
	if ((err = put_names(f, group, "weight_names", (size_t)n, list)) < 0) return err;
	for (int i = 0; i < n && err == C5_OK; i++) err = put_array(f, group, names[i], w, &arrays[i]);
	return err;
}

/* Every layer has a group, also those without weights: Keras counts both lists. */
static int put_weights(c5_foreign *f, const c5_model *m, const c5_weights *w, const c5_keras_plan *plan, json_object *layers)
{
	size_t n = json_object_array_length(layers);
	const char **names = NULL;
	int err = c5_alloc(&names, n, sizeof *names);
	for (size_t i = 0; i < n && err == C5_OK; i++) {
		const c5_keras_bound *b = NULL;
		names[i] = c5_json_word(json_object_array_get_idx(layers, i), "name", "?");
		char *group = c5_format("/model_weights/%s", names[i]);
		for (size_t k = 0; k < plan->n && !b; k++)
			if (strcmp(plan->bound[k].name, names[i]) == 0) b = &plan->bound[k];
		if (!group) err = c5_fail(C5_ENOMEM, "out of memory");
		else if ((err = c5_foreign_make_group(f, group)) == C5_OK)
			err = b ? put_layer(f, m, w, b, group) : c5_foreign_put_texts(f, group, "weight_names", 0, NULL);
		free(group);
	}
	if (err == C5_OK) err = put_names(f, "/model_weights", "layer_names", n, names);
	free(names);
	return err;
}

static int put_all(c5_foreign *f, const c5_model *m, const c5_weights *w, const c5_keras_plan *plan, const char *config)
{
	static const char *const places[] = { "/", "/model_weights" };
	json_object *root = json_tokener_parse(config), *layers = root ? c5_json_member(c5_json_member(root, "config"), "layers") : NULL;
	int err = layers ? c5_foreign_make_group(f, "/model_weights") : c5_fail(C5_ENOMEM, "out of memory");
	for (int i = 0; i < 2 && err == C5_OK; i++)
		if ((err = c5_foreign_put_text(f, places[i], "keras_version", "2.4.0")) == C5_OK) err = c5_foreign_put_text(f, places[i], "backend", "tensorflow");
	if (err == C5_OK) err = c5_foreign_put_text(f, "/", "model_config", config);
	if (err == C5_OK) err = c5_foreign_put_text(f, "/", "creator", "cyto5");
	if (err == C5_OK) err = c5_foreign_put_text(f, "/", "creator_version", c5_version());
	if (err == C5_OK) err = put_weights(f, m, w, plan, layers);
	json_object_put(root);
	return err;
}

/* layers/CLASS_k/vars/0, 1 ...; those of an LSTM are its cell's. */
static int put_weights_alone(c5_foreign *f, const c5_model *m, const c5_weights *w, const c5_keras_plan *plan)
{
	int err = c5_foreign_make_group(f, "/layers");
	for (size_t k = 0; k < plan->n && err == C5_OK; k++) {
		const c5_keras_bound *b = &plan->bound[k];
		c5_keras_array arrays[C5_KERAS_ARRAYS];
		char group[128], name[12];
		int n = c5_keras_arrays(arrays, m, b);
		snprintf(group, sizeof group, "/layers/%.63s%s/vars", b->key, b->what == C5_KERAS_LSTM ? "/cell" : "");
		err = c5_foreign_make_group(f, group);
		for (int i = 0; i < n && err == C5_OK; i++) {
			snprintf(name, sizeof name, "%d", i);
			err = put_array(f, group, name, w, &arrays[i]);
		}
	}
	return err;
}

static bool is_alone(const char *path)
{
	static const char tail[] = ".weights.h5";
	size_t n = strlen(path);
	return n >= sizeof tail && strcmp(path + n - (sizeof tail - 1), tail) == 0;
}

int c5_keras_write(const char *path, const c5_model *m, const c5_weights *weights, bool force)
{
	writer w = { .path = path, .m = m };
	c5_keras_plan plan = { 0 };
	c5_foreign *f = NULL;
	char *config = NULL;
	int err = c5_alloc(&w.out, (size_t)m->n_layers, sizeof *w.out);
	if (err == C5_OK && (err = make_config(&w, &config)) == C5_OK && (err = c5_keras_plan_of(&plan, m)) == C5_OK &&
	    (err = c5_foreign_create(&f, path, force)) == C5_OK) {
		err = is_alone(path) ? put_weights_alone(f, m, weights, &plan) : put_all(f, m, weights, &plan, config);
		if (err == C5_OK) err = c5_foreign_finish(f);
		else c5_foreign_close(f);
	}
	free(plan.bound);
	free(config);
	free(w.out);
	return err;
}
