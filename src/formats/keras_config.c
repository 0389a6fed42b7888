/* keras_config.c – a model's configuration as Keras writes it (JSON): its layers, in whatever order they can be made; see keras_parts.h.
 *
 * Keras 2 names what a layer takes as [[["conv2d", 0, 0, {}]]], Keras 3 as tensors with a keras_history; both are read. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "formats/keras_parts.h"

#define LAYERS_MAX 4096

/* ---- JSON ---- */

json_object *c5_json_member(json_object *o, const char *key)
{
	json_object *v = NULL;
	return json_object_is_type(o, json_type_object) && json_object_object_get_ex(o, key, &v) ? v : NULL;
}

int64_t c5_json_whole(json_object *o, const char *key, int64_t preset)
{
	json_object *v = c5_json_member(o, key);
	return v && (json_object_is_type(v, json_type_int) || json_object_is_type(v, json_type_double)) ? json_object_get_int64(v) : preset;
}

double c5_json_number(json_object *o, const char *key, double preset)
{
	json_object *v = c5_json_member(o, key);
	return v && (json_object_is_type(v, json_type_int) || json_object_is_type(v, json_type_double)) ? json_object_get_double(v) : preset;
}

bool c5_json_flag(json_object *o, const char *key, bool preset)
{
	json_object *v = c5_json_member(o, key);
	return v && json_object_is_type(v, json_type_boolean) ? json_object_get_boolean(v) != 0 : preset;
}

const char *c5_json_word(json_object *o, const char *key, const char *preset)
{
	json_object *v = c5_json_member(o, key);
	return v && json_object_is_type(v, json_type_string) ? json_object_get_string(v) : preset;
}

int c5_keras_refuse(const c5_keras_reader *r, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return c5_fail(C5_EINPUT, "%s: layer '%.100s' (%.60s): %s", r->path, r->now->name, r->now->class_name, text);
}

/* ---- what takes what ---- */

static int find_layer(const c5_keras_reader *r, const char *name)
{
	for (int i = 0; i < r->n_layers; i++)
		if (strcmp(r->layers[i].name, name) == 0) return i;
	return -1;
}

static int add_input(c5_keras_reader *r, json_object *history)
{
	c5_keras_layer *k = r->now;
	json_object *name = json_object_array_length(history) ? json_object_array_get_idx(history, 0) : NULL;
	int from = name && json_object_is_type(name, json_type_string) ? find_layer(r, json_object_get_string(name)) : -1;
	if (from < 0) return c5_keras_refuse(r, "takes '%.60s', which is no layer", name ? json_object_get_string(name) : "?");
	if (k->n_inputs == C5_LAYER_INPUTS_MAX) return c5_keras_refuse(r, "takes more than %d layers", C5_LAYER_INPUTS_MAX);
	k->inputs[k->n_inputs++] = from;
	return C5_OK;
}

static bool is_history(json_object *a)
{
	return json_object_is_type(a, json_type_array) && json_object_array_length(a) >= 3 &&
	       json_object_is_type(json_object_array_get_idx(a, 0), json_type_string) && json_object_is_type(json_object_array_get_idx(a, 1), json_type_int);
}

/* All histories below, in order. Keyword arguments that are tensors (masks) are not followed. */
static int find_inputs(c5_keras_reader *r, json_object *o, int depth)
{
	json_object *config = c5_json_member(o, "config"), *history = config ? c5_json_member(config, "keras_history") : NULL;
	int err = C5_OK;
	if (depth > 8) return C5_OK;
	if (is_history(o)) return add_input(r, o);
	if (history && is_history(history)) return add_input(r, history);
	if (json_object_is_type(o, json_type_array))
		for (size_t i = 0; i < json_object_array_length(o) && err == C5_OK; i++) err = find_inputs(r, json_object_array_get_idx(o, i), depth + 1);
	return err;
}

static int read_inbound(c5_keras_reader *r, json_object *layer)
{
	json_object *nodes = c5_json_member(layer, "inbound_nodes");
	size_t n = nodes && json_object_is_type(nodes, json_type_array) ? json_object_array_length(nodes) : 0;
	if (n == 0) return C5_OK;
	if (n > 1) return c5_keras_refuse(r, "is used %zu times; layers that share their weights are not known", n);
	json_object *node = json_object_array_get_idx(nodes, 0), *args = c5_json_member(node, "args");
	return find_inputs(r, args ? args : node, 0);
}

/* ---- the list of layers ---- */

static int take_layer(c5_keras_reader *r, json_object *layer)
{
	c5_keras_layer *k = r->now = &r->layers[r->n_layers];
	k->class_name = c5_json_word(layer, "class_name", "?");
	k->config = c5_json_member(layer, "config");
	snprintf(k->name, sizeof k->name, "%s", c5_json_word(layer, "name", c5_json_word(k->config, "name", "?")));
	if (!k->config || !json_object_is_type(k->config, json_type_object)) return c5_keras_refuse(r, "says nothing of itself");
	int same = 0;
	for (int i = 0; i < r->n_layers; i++) {
		same += strcmp(r->layers[i].class_name, k->class_name) == 0;
		if (strcmp(r->layers[i].name, k->name) == 0) return c5_keras_refuse(r, "its name comes twice");
	}
	c5_keras_key(k->key, k->class_name, same);
	r->n_layers++;
	return C5_OK;
}

/* Channels last, unless a layer says otherwise. */
static int find_order(c5_keras_reader *r)
{
	bool known = false;
	for (int i = 0; i < r->n_layers; i++) {
		r->now = &r->layers[i];
		const char *said = c5_json_word(r->now->config, "data_format", NULL);
		if (!said || strcmp(r->now->class_name, "Flatten") == 0) continue;
		bool first = strcmp(said, "channels_first") == 0;
		if (known && first != r->channels_first)
			return c5_keras_refuse(r, "its channels come %s, those of layers before it %s", first ? "first" : "last", first ? "last" : "first");
		r->channels_first = first;
		known = true;
	}
	return C5_OK;
}

/* A sequential model that begins without an InputLayer: the shape is its first layer's, or the model's. */
static int invent_input(c5_keras_reader *r, json_object *config)
{
	c5_keras_layer *first = &r->layers[0];
	json_object *shape = c5_json_member(first->config, "batch_input_shape");
	if (!shape) shape = c5_json_member(first->config, "batch_shape");
	if (!shape) shape = c5_json_member(config, "build_input_shape");
	if (!shape) return c5_fail(C5_EINPUT, "%s: the model does not say what it takes: it was saved before it saw an image", r->path);
	memmove(r->layers + 1, r->layers, (size_t)r->n_layers * sizeof *r->layers);
	r->n_layers++;
	*first = (c5_keras_layer){ .class_name = "InputLayer", .config = json_object_new_object() };
	snprintf(first->name, sizeof first->name, "input");
	json_object_object_add(first->config, "batch_input_shape", json_object_get(shape));
	return C5_OK;
}

static int read_sequential(c5_keras_reader *r, json_object *config, json_object *list, json_object **invented)
{
	int err = C5_OK;
	for (size_t i = 0; i < json_object_array_length(list) && err == C5_OK; i++) err = take_layer(r, json_object_array_get_idx(list, i));
	if (err < 0) return err;
	if (strcmp(r->layers[0].class_name, "InputLayer") != 0) {
		if ((err = invent_input(r, config)) < 0) return err;
		*invented = r->layers[0].config;
	}
	for (int i = 1; i < r->n_layers; i++) {
		r->layers[i].n_inputs = 1;
		r->layers[i].inputs[0] = i - 1;
	}
	return C5_OK;
}

static int read_functional(c5_keras_reader *r, json_object *list)
{
	int err = C5_OK;
	for (size_t i = 0; i < json_object_array_length(list) && err == C5_OK; i++) err = take_layer(r, json_object_array_get_idx(list, i));
	for (int i = 0; i < r->n_layers && err == C5_OK; i++) {
		r->now = &r->layers[i];
		err = read_inbound(r, json_object_array_get_idx(list, (size_t)i));
		if (err == C5_OK && !r->now->n_inputs && strcmp(r->now->class_name, "InputLayer") != 0) err = c5_keras_refuse(r, "takes nothing");
	}
	return err;
}

/* ---- making them ---- */

static int make_inputs(c5_keras_reader *r)
{
	int err = C5_OK;
	for (int i = 0; i < r->n_layers && err == C5_OK; i++) {
		r->now = &r->layers[i];
		if (strcmp(r->now->class_name, "InputLayer") == 0) err = c5_keras_make(r);
	}
	return err;
}

/* Whatever can be made is made, until nothing is left. */
static int make_layers(c5_keras_reader *r)
{
	for (bool more = true, moved = true; more; ) {
		if (!moved) return c5_fail(C5_EINPUT, "%s: the layers form a ring", r->path);
		more = moved = false;
		for (int i = 0; i < r->n_layers; i++) {
			c5_keras_layer *k = r->now = &r->layers[i];
			bool ready = !k->out.known;
			for (int j = 0; j < k->n_inputs; j++) ready = ready && r->layers[k->inputs[j]].out.known;
			if (k->out.known) continue;
			more = true;
			if (!ready) continue;
			int err = c5_keras_make(r);
			if (err < 0) return err;
			moved = k->out.known = true;
		}
	}
	return C5_OK;
}

static int add_output(c5_keras_reader *r, int layer)
{
	c5_keras_tensor *t = &r->layers[layer].out;
	r->now = &r->layers[layer];
	if (t->flat[0]) return c5_keras_refuse(r, "a flattened image as output is not known");
	if (r->m->n_outputs == C5_LAYER_INPUTS_MAX) return c5_keras_refuse(r, "more than %d outputs", C5_LAYER_INPUTS_MAX);
	r->m->outputs[r->m->n_outputs++] = t->layer;
	return C5_OK;
}

static int read_outputs(c5_keras_reader *r, json_object *config)
{
	json_object *list = c5_json_member(config, "output_layers");
	int err = C5_OK;
	if (!list) return add_output(r, r->n_layers - 1);
	if (!json_object_is_type(list, json_type_array)) return c5_fail(C5_EINPUT, "%s: output_layers is no list", r->path);
	for (size_t i = 0; i < (is_history(list) ? 1 : json_object_array_length(list)) && err == C5_OK; i++) {
		json_object *one = is_history(list) ? list : json_object_array_get_idx(list, i);
		int layer = is_history(one) ? find_layer(r, json_object_get_string(json_object_array_get_idx(one, 0))) : -1;
		err = layer < 0 ? c5_fail(C5_EINPUT, "%s: an output is no layer of the model", r->path) : add_output(r, layer);
	}
	return err;
}

static void set_name(c5_model *m, const char *name)
{
	size_t n = 0;
	for (; *name && n < sizeof m->name - 1; name++) m->name[n++] = isgraph((unsigned char)*name) && *name != '/' ? *name : '_';
	m->name[n] = '\0';
}

int c5_keras_config(c5_model **m, c5_keras_plan *plan, const char *path, json_object *root, const c5_keras_how *how)
{
	c5_keras_reader r = { .path = path, .how = how, .plan = plan };
	const char *class_name = c5_json_word(root, "class_name", "?");
	bool sequential = strcmp(class_name, "Sequential") == 0;
	json_object *config = c5_json_member(root, "config"), *invented = NULL;
	bool bare = config && json_object_is_type(config, json_type_array); /* the oldest have a bare list */
	json_object *list = bare ? config : c5_json_member(config, "layers");
	*m = NULL;
	if (!sequential && strcmp(class_name, "Functional") != 0 && strcmp(class_name, "Model") != 0)
		return c5_fail(C5_EINPUT, "%s: a model of class '%.60s'; Sequential and Functional models are read", path, class_name);
	size_t n = list && json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
	if (n < 1 || n > LAYERS_MAX) return c5_fail(C5_EINPUT, "%s: its configuration lists no layers", path);
	int err = c5_model_new(&r.m, "keras");
	if (err < 0 || (err = c5_alloc(&r.layers, n + 1, sizeof *r.layers)) < 0) goto done;
	if (json_object_is_type(config, json_type_object)) set_name(r.m, c5_json_word(config, "name", "keras"));
	err = sequential ? read_sequential(&r, config, list, &invented) : read_functional(&r, list);
	if (err == C5_OK && (err = find_order(&r)) == C5_OK && (err = make_inputs(&r)) == C5_OK && (err = make_layers(&r)) == C5_OK &&
	    (err = read_outputs(&r, config)) == C5_OK && (err = c5_model_check(r.m)) < 0)
		c5_fail_in(err, "%s", path);
done:
	if (invented) json_object_put(invented);
	free(r.layers);
	if (err < 0) c5_model_free(r.m);
	else *m = r.m;
	return err;
}
