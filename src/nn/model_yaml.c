/* model_yaml.c – the text form of a model, both ways, from one table of settings; see model.h. Every setting a layer's kind has is written,
 * also where it is the default, so a stored model means the same whatever later versions take as defaults. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "nn/model.h"
#include "nn/model_parts.h"

enum field_type { INT, PAIR, REAL, BOOL, PADDING, ACT, MODE };

#define BIT(kind) (1u << C5_LAYER_##kind)
#define CONVS (BIT(CONV) | BIT(CONV_TRANSPOSE))
#define POOLS (BIT(MAX_POOL) | BIT(AVERAGE_POOL))
#define NORMS (BIT(BATCH_NORM) | BIT(GROUP_NORM))
#define ACTIVE (CONVS | NORMS | BIT(DENSE) | BIT(ADD))

/* The settings in the order they are written. `preset` is what an absent one means; NAN: it must be there. */
static const struct field {
	const char *key;
	unsigned kinds;
	int type;
	size_t at;
	double preset;
} fields[] = {
	{ "filters", CONVS, INT, offsetof(c5_layer, filters), NAN },
	{ "units", BIT(DENSE) | BIT(LSTM), INT, offsetof(c5_layer, filters), NAN },
	{ "kernel", CONVS, PAIR, offsetof(c5_layer, kernel), NAN },
	{ "size", POOLS, PAIR, offsetof(c5_layer, kernel), NAN },
	{ "stride", CONVS | POOLS, PAIR, offsetof(c5_layer, stride), 0 },
	{ "dilation", CONVS, PAIR, offsetof(c5_layer, dilation), 1 },
	{ "groups", BIT(CONV), INT, offsetof(c5_layer, groups), 1 },
	{ "groups", BIT(GROUP_NORM), INT, offsetof(c5_layer, norm_groups), NAN },
	{ "padding", CONVS | POOLS, PADDING, offsetof(c5_layer, padding), 0 },
	{ "bias", CONVS | BIT(DENSE), BOOL, offsetof(c5_layer, bias), 1 },
	{ "epsilon", NORMS, REAL, offsetof(c5_layer, epsilon), 1e-5 },
	{ "momentum", BIT(BATCH_NORM), REAL, offsetof(c5_layer, momentum), 0.9 },
	{ "function", BIT(ACTIVATION), ACT, offsetof(c5_layer, activation), NAN },
	{ "activation", ACTIVE, ACT, offsetof(c5_layer, activation), 0 },
	{ "slope", ACTIVE | BIT(ACTIVATION), REAL, offsetof(c5_layer, slope), 0 },
	{ "rate", BIT(DROPOUT), REAL, offsetof(c5_layer, rate), 0.5 },
	{ "factor", BIT(UPSAMPLE), INT, offsetof(c5_layer, factor), 2 },
	{ "mode", BIT(UPSAMPLE), MODE, offsetof(c5_layer, bilinear), 0 },
	{ "sequences", BIT(LSTM), BOOL, offsetof(c5_layer, sequences), 0 },
};
#define N_FIELDS (sizeof fields / sizeof *fields)

static void *at(c5_layer *l, const struct field *f) { return (char *)l + f->at; }

/* ---- in ---- */

static int read_int(int *out, const c5_yaml_node *node)
{
	int64_t v;
	int err = c5_yaml_int(&v, node);
	if (err < 0) return err;
	if (v < -1000000000 || v > 1000000000) return c5_yaml_fail(C5_EUSAGE, node, "%s is out of range", node->text);
	*out = (int)v;
	return C5_OK;
}

/* `n` numbers from a sequence, or one number for all. */
static int read_ints(int *out, int n, const c5_yaml_node *node)
{
	int err = C5_OK;
	if (node->kind != C5_YAML_LIST) {
		err = read_int(out, node);
		for (int i = 1; i < n && err == C5_OK; i++) out[i] = out[0];
		return err;
	}
	if (node->n != (size_t)n) return c5_yaml_fail(C5_EUSAGE, node, "one number or %d are expected, found %zu", n, node->n);
	for (int i = 0; i < n && err == C5_OK; i++) err = read_int(&out[i], node->items[i]);
	return err;
}

static int read_padding(c5_layer *l, const c5_yaml_node *node)
{
	l->padding = C5_PAD_EXPLICIT;
	if (node->kind == C5_YAML_SCALAR && strcmp(node->text, "same") == 0) l->padding = C5_PAD_SAME;
	else if (node->kind == C5_YAML_SCALAR && strcmp(node->text, "valid") == 0) l->padding = C5_PAD_VALID;
	else if (read_ints(l->pad, 4, node) < 0)
		return c5_yaml_fail(C5_EUSAGE, node, "valid, same, a number of pixels or [top, bottom, left, right] is expected, found %s",
		                    c5_yaml_kind_name(node));
	return C5_OK;
}

static int read_activation(int *out, const c5_yaml_node *node)
{
	const char *words[C5_ACT_TANH + 2] = { NULL }, *text;
	int err = c5_yaml_text(&text, node);
	if (err < 0) return err;
	for (int a = C5_ACT_NONE; a <= C5_ACT_TANH; a++) {
		words[a] = c5_activation_name(a);
		*out = a;
		if (strcmp(text, words[a]) == 0) return C5_OK;
	}
	const char *near = c5_nearest(text, words);
	if (strcmp(text, "softmax") == 0) return c5_yaml_fail(C5_EUSAGE, node, "softmax is a layer of its own: { softmax: {} }");
	if (near) return c5_yaml_fail(C5_EUSAGE, node, "'%.60s' is no activation; did you mean %s?", text, near);
	return c5_yaml_fail(C5_EUSAGE, node, "'%.60s' is no activation; none, relu, relu6, leaky_relu, elu, sigmoid or tanh", text);
}

static int read_mode(bool *bilinear, const c5_yaml_node *node)
{
	const char *text;
	int err = c5_yaml_text(&text, node);
	if (err < 0) return err;
	*bilinear = strcmp(text, "bilinear") == 0;
	return *bilinear || strcmp(text, "nearest") == 0 ? C5_OK : c5_yaml_fail(C5_EUSAGE, node, "nearest or bilinear is expected, found '%.60s'", text);
}

static int read_real(float *out, const c5_yaml_node *node)
{
	double v;
	int err = c5_yaml_real(&v, node);
	if (err == C5_OK) *out = (float)v;
	return err;
}

static int read_value(c5_layer *l, const struct field *f, const c5_yaml_node *node)
{
	switch (f->type) {
	case INT: return read_int(at(l, f), node);
	case PAIR: return read_ints(at(l, f), 2, node);
	case REAL: return read_real(at(l, f), node);
	case BOOL: return c5_yaml_bool(at(l, f), node);
	case PADDING: return read_padding(l, node);
	case ACT: return read_activation(at(l, f), node);
	default: return read_mode(at(l, f), node);
	}
}

static void preset(c5_layer *l, const struct field *f)
{
	double v = isnan(f->preset) ? 0 : f->preset;
	switch (f->type) {
	case PAIR: ((int *)at(l, f))[1] = (int)v; /* fall through */
	case INT: case PADDING: case ACT: *(int *)at(l, f) = (int)v; break;
	case REAL: *(float *)at(l, f) = (float)v; break;
	default: *(bool *)at(l, f) = v != 0;
	}
}

static int unknown_setting(const c5_layer *l, const c5_yaml_node *key)
{
	const char *words[N_FIELDS + 1] = { NULL };
	int n = 0;
	for (size_t i = 0; i < N_FIELDS; i++)
		if (fields[i].kinds & 1u << l->kind) words[n++] = fields[i].key;
	const char *near = c5_nearest(key->text, words);
	if (near) return c5_yaml_fail(C5_EUSAGE, key, "%.60s: unknown setting of %s; did you mean %s?", key->text, c5_layer_kind_name(l->kind), near);
	if (!n) return c5_yaml_fail(C5_EUSAGE, key, "%.60s: unknown setting; %s has none", key->text, c5_layer_kind_name(l->kind));
	c5_buf b = { 0 };
	for (int i = 0; i < n; i++) c5_text_addf(&b, "%s%s", i ? ", " : "", words[i]);
	char *known = c5_text_take(&b);
	if (!known) return C5_ENOMEM;
	int err = c5_yaml_fail(C5_EUSAGE, key, "%.60s: unknown setting of %s; known are %s", key->text, c5_layer_kind_name(l->kind), known);
	free(known);
	return err;
}

static int read_settings(c5_layer *l, const c5_yaml_node *map)
{
	int err;
	bool given[N_FIELDS] = { false };
	if (map->kind != C5_YAML_MAP && map->kind != C5_YAML_NULL)
		return c5_yaml_fail(C5_EUSAGE, map, "a map of settings is expected, found %s", c5_yaml_kind_name(map));
	for (size_t i = 0; i < N_FIELDS; i++)
		if (fields[i].kinds & 1u << l->kind) preset(l, &fields[i]);
	for (size_t k = 0; k < map->n; k++) {
		size_t f = 0;
		while (f < N_FIELDS && !((fields[f].kinds & 1u << l->kind) && strcmp(fields[f].key, map->keys[k]->text) == 0)) f++;
		if (f == N_FIELDS) return unknown_setting(l, map->keys[k]);
		given[f] = true;
		if ((err = read_value(l, &fields[f], map->items[k])) < 0) return err;
	}
	for (size_t i = 0; i < N_FIELDS; i++)
		if ((fields[i].kinds & 1u << l->kind) && isnan(fields[i].preset) && !given[i])
			return c5_yaml_fail(C5_EUSAGE, map, "%s: %s is missing", c5_layer_kind_name(l->kind), fields[i].key);
	return C5_OK;
}

static int set_name(char to[C5_LAYER_NAME_MAX], const c5_yaml_node *node)
{
	const char *text;
	int err = c5_yaml_text(&text, node);
	if (err < 0) return err;
	if (strlen(text) >= C5_LAYER_NAME_MAX) return c5_yaml_fail(C5_EUSAGE, node, "a name of more than %d bytes", C5_LAYER_NAME_MAX - 1);
	memset(to, 0, C5_LAYER_NAME_MAX); /* also behind the end mark: layers are compared byte by byte */
	memcpy(to, text, strlen(text));
	return C5_OK;
}

/* Layers named by a scalar or a sequence. */
static int read_layers_of(int *n, int out[C5_LAYER_INPUTS_MAX], const c5_model *m, const c5_yaml_node *node)
{
	size_t count = node->kind == C5_YAML_LIST ? node->n : 1;
	if (count < 1 || count > C5_LAYER_INPUTS_MAX)
		return c5_yaml_fail(C5_EUSAGE, node, "1 to %d layers are expected, found %zu", C5_LAYER_INPUTS_MAX, count);
	for (size_t i = 0; i < count; i++) {
		const c5_yaml_node *item = node->kind == C5_YAML_LIST ? node->items[i] : node;
		const char *text;
		int err = c5_yaml_text(&text, item);
		if (err < 0) return err;
		if ((out[i] = c5_model_find(m, text)) < 0) return c5_yaml_fail(C5_EUSAGE, item, "no layer '%.64s' before this one", text);
	}
	*n = (int)count;
	return C5_OK;
}

/* The entry that says what the layer is. */
static int read_kind(c5_layer *l, const c5_yaml_node **settings, const c5_yaml_node *map)
{
	const char *words[C5_LAYER_END] = { NULL };
	for (int k = C5_LAYER_INPUT + 1; k < C5_LAYER_END; k++) words[k - 1] = c5_layer_kind_name(k);
	for (size_t i = 0; i < map->n; i++) {
		const char *key = map->keys[i]->text;
		if (strcmp(key, "name") == 0 || strcmp(key, "from") == 0) continue;
		int kind = C5_LAYER_INPUT + 1;
		while (kind < C5_LAYER_END && strcmp(key, words[kind - 1]) != 0) kind++;
		const char *near = kind < C5_LAYER_END ? NULL : c5_nearest(key, words);
		if (near) return c5_yaml_fail(C5_EUSAGE, map->keys[i], "no layer is called %.60s; did you mean %s?", key, near);
		if (kind == C5_LAYER_END) return c5_yaml_fail(C5_EUSAGE, map->keys[i], "no layer is called %.60s; the kinds of layers are in docs/models.md", key);
		if (*settings) return c5_yaml_fail(C5_EUSAGE, map->keys[i], "two kinds of layer in one: %s and %s", c5_layer_kind_name(l->kind), key);
		l->kind = kind;
		*settings = map->items[i];
	}
	return *settings ? C5_OK : c5_yaml_fail(C5_EUSAGE, map, "the layer says not what it is; as in { name: c1, conv: { filters: 32, kernel: 3 } }");
}

static int read_layer(c5_model *m, const c5_yaml_node *map)
{
	int err;
	c5_layer l = { .n_inputs = 1, .inputs = { m->n_layers - 1 } };
	const c5_yaml_node *settings = NULL, *node;
	if (map->kind != C5_YAML_MAP) return c5_yaml_fail(C5_EUSAGE, map, "a layer is a map, found %s", c5_yaml_kind_name(map));
	if ((err = read_kind(&l, &settings, map)) < 0 || (err = read_settings(&l, settings)) < 0) return err;
	snprintf(l.name, sizeof l.name, "%s_%d", c5_layer_kind_name(l.kind), m->n_layers);
	if ((node = c5_yaml_get(map, "name")) && (err = set_name(l.name, node)) < 0) return err;
	if ((node = c5_yaml_get(map, "from")) && (err = read_layers_of(&l.n_inputs, l.inputs, m, node)) < 0) return err;
	if ((err = c5_model_add(m, &l)) < 0) return err;
	return (err = c5_layer_check(m, m->n_layers - 1)) < 0 ? c5_yaml_fail_in(err, map) : C5_OK;
}

static int read_inputs(c5_model *m, const c5_yaml_node *map)
{
	int err = C5_OK;
	if (map->kind != C5_YAML_MAP || !map->n) return c5_yaml_fail(C5_EUSAGE, map, "inputs: names with shapes are expected, as in { image: [1, 50, 50] }");
	for (size_t i = 0; i < map->n && err == C5_OK; i++) {
		const c5_yaml_node *shape = map->items[i];
		c5_layer l = { .kind = C5_LAYER_INPUT };
		if (shape->kind == C5_YAML_LIST && (shape->n < 1 || shape->n > 3))
			return c5_yaml_fail(C5_EUSAGE, shape, "1 to 3 sizes are expected, found %zu", shape->n);
		l.rank = shape->kind == C5_YAML_LIST ? (int)shape->n : 1;
		if ((err = read_ints(l.shape, l.rank, shape)) < 0 || (err = set_name(l.name, map->keys[i])) < 0) return err;
		if ((err = c5_model_add(m, &l)) < 0) return err;
		if ((err = c5_layer_check(m, m->n_layers - 1)) < 0) c5_yaml_fail_in(err, map->keys[i]);
	}
	return err;
}

static int read_model(c5_model *m, const c5_yaml_node *root)
{
	static const char *const known[] = { "name", "inputs", "layers", "outputs", NULL };
	const c5_yaml_node *node;
	int err;
	if (root->kind != C5_YAML_MAP)
		return c5_yaml_fail(C5_EUSAGE, root, "a model is a map with name, inputs, layers and outputs, found %s", c5_yaml_kind_name(root));
	for (size_t i = 0; i < root->n; i++) {
		const char *near = c5_nearest(root->keys[i]->text, known);
		if (near && strcmp(near, root->keys[i]->text) == 0) continue;
		return c5_yaml_fail(C5_EUSAGE, root->keys[i], "%.60s: unknown key; known are name, inputs, layers, outputs", root->keys[i]->text);
	}
	if ((node = c5_yaml_get(root, "name")) && (err = set_name(m->name, node)) < 0) return err;
	if (!(node = c5_yaml_get(root, "inputs"))) return c5_yaml_fail(C5_EUSAGE, root, "inputs are missing, as in inputs: { image: [1, 50, 50] }");
	if ((err = read_inputs(m, node)) < 0) return err;
	if (!(node = c5_yaml_get(root, "layers")) || node->kind != C5_YAML_LIST || !node->n)
		return c5_yaml_fail(C5_EUSAGE, node ? node : root, "layers: a sequence of layers is expected");
	for (size_t i = 0; i < node->n; i++)
		if ((err = read_layer(m, node->items[i])) < 0) return err;
	if ((node = c5_yaml_get(root, "outputs")) && (err = read_layers_of(&m->n_outputs, m->outputs, m, node)) < 0) return err;
	return c5_model_check(m);
}

int c5_model_from_yaml(c5_model **out, const c5_yaml_node *root)
{
	int err = c5_model_new(out, NULL);
	if (err == C5_OK && (err = read_model(*out, root)) < 0) {
		c5_model_free(*out);
		*out = NULL;
	}
	return err;
}

int c5_model_parse(c5_model **out, const char *name, const char *text, size_t size)
{
	c5_yaml *doc = NULL;
	*out = NULL;
	int err = c5_yaml_parse(&doc, name, text, size);
	if (err == C5_OK) err = c5_model_from_yaml(out, c5_yaml_root(doc));
	c5_yaml_free(doc);
	return err;
}

int c5_model_read(c5_model **out, const char *path)
{
	c5_yaml *doc = NULL;
	*out = NULL;
	int err = c5_yaml_read(&doc, path);
	if (err == C5_OK) err = c5_model_from_yaml(out, c5_yaml_root(doc));
	c5_yaml_free(doc);
	return err;
}

/* ---- out ---- */

/* The shortest text that reads back as this float. */
static void add_float(c5_buf *b, float v)
{
	char text[32];
	for (int digits = 1; digits <= 9; digits++) {
		snprintf(text, sizeof text, "%.*g", digits, (double)v);
		if ((float)strtod(text, NULL) == v) break;
	}
	c5_text_add(b, text);
}

static void add_value(c5_buf *b, const c5_layer *l, const struct field *f)
{
	const void *p = (const char *)l + f->at;
	const int *n = p;
	switch (f->type) {
	case INT: c5_text_addf(b, "%d", *n); break;
	case PAIR: n[0] == n[1] ? c5_text_addf(b, "%d", n[0]) : c5_text_addf(b, "[%d, %d]", n[0], n[1]); break;
	case REAL: add_float(b, *(const float *)p); break;
	case BOOL: c5_text_add(b, *(const bool *)p ? "true" : "false"); break;
	case ACT: c5_text_add(b, c5_activation_name(*n)); break;
	case MODE: c5_text_add(b, *(const bool *)p ? "bilinear" : "nearest"); break;
	default:
		if (l->padding == C5_PAD_EXPLICIT) c5_text_addf(b, "[%d, %d, %d, %d]", l->pad[0], l->pad[1], l->pad[2], l->pad[3]);
		else c5_text_add(b, l->padding == C5_PAD_SAME ? "same" : "valid");
	}
}

static void add_layer(c5_buf *b, const c5_model *m, int index)
{
	const c5_layer *l = &m->layers[index];
	const char *comma = "";
	c5_text_add(b, "  - { name: ");
	c5_yaml_add_text(b, l->name);
	if (l->n_inputs != 1 || l->inputs[0] != index - 1) {
		c5_text_add(b, ", from: [");
		for (int i = 0; i < l->n_inputs; i++) {
			c5_text_add(b, i ? ", " : "");
			c5_yaml_add_text(b, m->layers[l->inputs[i]].name);
		}
		c5_text_add(b, "]");
	}
	c5_text_addf(b, ", %s: {", c5_layer_kind_name(l->kind));
	for (size_t i = 0; i < N_FIELDS; i++) {
		if (!(fields[i].kinds & 1u << l->kind)) continue;
		bool slope = strcmp(fields[i].key, "slope") == 0;
		if (slope && l->activation != C5_ACT_LEAKY_RELU && l->activation != C5_ACT_ELU) continue;
		c5_text_addf(b, "%s %s: ", comma, fields[i].key);
		comma = ",";
		add_value(b, l, &fields[i]);
	}
	c5_text_add(b, *comma ? " } }\n" : "} }\n");
}

void c5_model_add_yaml(c5_buf *b, const c5_model *m)
{
	static const char *const before[] = { "[", ", ", ", " };
	const char *comma = "";
	c5_text_add(b, "name: ");
	c5_yaml_add_text(b, m->name);
	c5_text_add(b, "\ninputs: {");
	for (int i = 0; i < m->n_layers; i++) {
		const c5_layer *l = &m->layers[i];
		if (l->kind != C5_LAYER_INPUT) continue;
		c5_text_addf(b, "%s ", comma);
		comma = ",";
		c5_yaml_add_text(b, l->name);
		c5_text_add(b, ": ");
		for (int d = 0; d < l->rank; d++) c5_text_addf(b, "%s%d", before[d], l->shape[d]);
		c5_text_add(b, "]");
	}
	c5_text_add(b, " }\nlayers:\n");
	for (int i = 0; i < m->n_layers; i++)
		if (m->layers[i].kind != C5_LAYER_INPUT) add_layer(b, m, i);
	c5_text_add(b, "outputs: [");
	for (int i = 0; i < m->n_outputs; i++) {
		c5_text_add(b, i ? ", " : "");
		c5_yaml_add_text(b, m->layers[m->outputs[i]].name);
	}
	c5_text_add(b, "]\n");
}
