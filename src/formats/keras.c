/* keras.c – Keras files in; see keras.h. Three layouts: legacy .h5 (a group a layer with attribute weight_names, named in layer_names, at the
 * root or in model_weights), .weights.h5 of Keras 3 (layers/CLASS_k/vars/0 ...), and .keras, a zip of config.json and such a file.
 *
 * Name lists above 64,512 bytes are cut by Keras into NAME0, NAME1 ...; read as one. */
#include "formats/keras.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/disk.h"
#include "base/error.h"
#include "container/file.h"
#include "container/foreign.h"
#include "formats/keras_parts.h"

#define ENTRY_MAX (UINT64_C(8) << 30) /* of an entry of a .keras file */

/* A file opened, and where its weights are. */
typedef struct source {
	const char *path;
	c5_foreign *f;
	void *image;              /* .keras: the bytes behind f */
	char *config;             /* model_config, or config.json; NULL: weights alone */
	char version[32];
	bool loose;               /* the architecture is ours, not the file's */
	bool keras3;              /* layers/CLASS_k/vars */
	const char *root;         /* legacy: "" or "/model_weights" */
	char **layers;            /* legacy: groups of layers that have weights, in order */
	size_t n_layers;
} source;

static void close_source(source *s)
{
	c5_foreign_close(s->f);
	c5_names_free(s->layers, s->n_layers);
	free(s->config);
	free(s->image);
}

/* ---- .keras ---- */

static int read_entry(void **bytes, size_t *size, struct archive *a, struct archive_entry *e, const char *path)
{
	int64_t n = archive_entry_size(e);
	uint8_t *to = NULL;
	size_t cap = 0, used = 0;
	if (n < 0 || (uint64_t)n > ENTRY_MAX) return c5_fail(C5_EINPUT, "%s: %s: an entry of unknown or too large a size", path, archive_entry_pathname(e));
	for (;;) {
		int err = c5_grow(&to, &cap, used + (1 << 16) + 1, 1);
		la_ssize_t got = err < 0 ? 0 : archive_read_data(a, to + used, cap - used - 1);
		if (got < 0 || used > ENTRY_MAX) err = c5_fail(C5_EINPUT, "%s: %s", path, archive_error_string(a) ? archive_error_string(a) : "damaged");
		if (err < 0) {
			free(to);
			return err;
		}
		if (got == 0) break;
		used += (size_t)got;
	}
	to[used] = 0;
	*bytes = to;
	*size = used;
	return C5_OK;
}

static int open_zip(source *s)
{
	struct archive *a = archive_read_new();
	struct archive_entry *e;
	size_t size = 0, ignored;
	int err = a ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
	if (err < 0) return err;
	archive_read_support_format_zip(a);
	if (archive_read_open_filename(a, s->path, 1 << 16) != ARCHIVE_OK) err = c5_fail(C5_EINPUT, "%s: %s", s->path, archive_error_string(a));
	while (err == C5_OK && archive_read_next_header(a, &e) == ARCHIVE_OK) {
		const char *name = archive_entry_pathname(e);
		if (name && strcmp(name, "config.json") == 0 && !s->config) err = read_entry((void **)&s->config, &ignored, a, e, s->path);
		else if (name && strcmp(name, "model.weights.h5") == 0 && !s->image) err = read_entry(&s->image, &size, a, e, s->path);
	}
	archive_read_free(a);
	if (err == C5_OK && (!s->config || !s->image))
		err = c5_fail(C5_EINPUT, "%s: no .keras file: config.json and model.weights.h5 are expected in it", s->path);
	return err < 0 ? err : c5_foreign_open_image(&s->f, s->path, s->image, size);
}

/* ---- legacy names ---- */

static int append(char ***to, size_t *n, char **more, size_t m)
{
	char **grown = realloc(*to, (*n + m) * sizeof **to);
	if (!grown && *n + m) return c5_fail(C5_ENOMEM, "out of memory");
	*to = grown;
	for (size_t i = 0; i < m; i++) grown[(*n)++] = more[i], more[i] = NULL;
	return C5_OK;
}

static int read_names(char ***names, size_t *n, c5_foreign *f, const char *path, const char *attr)
{
	char **part = NULL, key[64];
	size_t m = 0;
	*names = NULL;
	*n = 0;
	int err = c5_foreign_texts(f, path, attr, names, n);
	if (err != C5_ENOTFOUND) return err;
	for (int i = 0; ; i++) {
		snprintf(key, sizeof key, "%s%d", attr, i);
		if ((err = c5_foreign_texts(f, path, key, &part, &m)) < 0) break;
		err = append(names, n, part, m);
		c5_names_free(part, m);
		if (err < 0) break;
	}
	if (err == C5_ENOTFOUND && *n) return C5_OK;
	c5_names_free(*names, *n);
	*names = NULL;
	*n = 0;
	return err;
}

/* The groups that have weights at all. */
static int find_layers(source *s)
{
	char **names = NULL, **weights = NULL, *group;
	size_t n = 0, m = 0;
	int err = read_names(&names, &n, s->f, *s->root ? s->root : "/", "layer_names");
	if (err == C5_OK) err = c5_alloc(&s->layers, n, sizeof *s->layers);
	for (size_t i = 0; i < n && err == C5_OK; i++) {
		if (!(group = c5_format("%s/%s", s->root, names[i]))) err = c5_fail(C5_ENOMEM, "out of memory");
		else if ((err = read_names(&weights, &m, s->f, group, "weight_names")) == C5_OK) {
			if (m) s->layers[s->n_layers++] = names[i], names[i] = NULL;
			c5_names_free(weights, m);
		} else if (err == C5_ENOTFOUND) err = c5_fail(C5_EINPUT, "%s:%s: is no layer of a Keras file: it has no weight_names", s->path, group);
		free(group);
	}
	c5_names_free(names, n);
	return err;
}

/* ---- opening ---- */

static void read_version(source *s)
{
	char *text = NULL;
	if (c5_foreign_text(s->f, "/", "keras_version", &text) < 0) (void)c5_foreign_text(s->f, "/model_weights", "keras_version", &text);
	if (text) snprintf(s->version, sizeof s->version, "%s", text);
	free(text);
}

static int open_source(source *s, const char *path)
{
	int err;
	*s = (source){ .path = path };
	if (c5_disk_begins(path, "PK\3\4", 4)) {
		if ((err = open_zip(s)) < 0) return err;
		s->keras3 = true;
		return C5_OK;
	}
	if ((err = c5_foreign_open(&s->f, path)) < 0) return err;
	read_version(s);
	if ((err = c5_foreign_text(s->f, "/", "model_config", &s->config)) < 0 && err != C5_ENOTFOUND) return err;
	s->root = c5_foreign_exists(s->f, "/model_weights") ? "/model_weights" : "";
	s->keras3 = !*s->root && (c5_foreign_exists(s->f, "/layers") || c5_foreign_exists(s->f, "/_layer_checkpoint_dependencies"));
	if (s->keras3) return C5_OK;
	err = find_layers(s);
	return err == C5_ENOTFOUND ? c5_fail(C5_EINPUT, "%s: no Keras file: neither layer_names nor layers are in it", path) : err;
}

/* ---- arrays ---- */

/* "layer/kernel:0" -> "kernel" */
static void tail_of(char to[64], const char *name)
{
	const char *slash = strrchr(name, '/');
	snprintf(to, 64, "%.*s", (int)strcspn(slash ? slash + 1 : name, ":"), slash ? slash + 1 : name);
}

/* Keras 3 calls the kernel of a depthwise convolution simply so. */
static bool same_tail(const char *tail, const char *want)
{
	return strcmp(tail, want) == 0 || (strcmp(want, "depthwise_kernel") == 0 && strcmp(tail, "kernel") == 0);
}

/* Which of the file's arrays is the k-th wanted: by its name if all wanted names are there, else by its place. */
static size_t choose(char **names, size_t n, const c5_keras_array *want, int n_want, int k)
{
	size_t found = (size_t)k;
	for (int w = 0; w < n_want; w++) {
		size_t i = 0;
		char tail[64] = "";
		for (; i < n; i++) {
			tail_of(tail, names[i]);
			if (same_tail(tail, want[w].tail)) break;
		}
		if (i == n) return (size_t)k;
		if (w == k) found = i;
	}
	return found;
}

static void dims_text(char to[96], int rank, const uint64_t *dims)
{
	size_t n = 0;
	to[0] = '\0';
	for (int i = 0; i < rank && n < 80; i++) n += (size_t)snprintf(to + n, 96 - n, "%s%llu", i ? " x " : "", (unsigned long long)dims[i]);
}

/* One array of the file into the weights. */
static int take_array(c5_weights *w, source *s, const char *path, const char *layer, const c5_keras_array *want)
{
	c5_foreign_array a;
	char have[96], need[96];
	int err = c5_foreign_read(s->f, path, &a);
	if (err < 0) return err;
	if (a.rank != want->rank || memcmp(a.dims, want->dims, (size_t)a.rank * sizeof *a.dims) != 0) {
		dims_text(have, a.rank, a.dims);
		dims_text(need, want->rank, want->dims);
		err = c5_fail(C5_EINPUT, "%s: layer '%s': its %s is %s, the architecture says %s", s->path, layer, want->tail,
		              *have ? have : "a single number", need);
	} else c5_keras_move(want, c5_weights_of(w, want->layer, want->param), a.data, false);
	free(a.data);
	return err;
}

static bool has_tail(char **names, size_t n, const char *want)
{
	char tail[64];
	for (size_t i = 0; i < n; i++) {
		tail_of(tail, names[i]);
		if (strcmp(tail, want) == 0) return true;
	}
	return false;
}

/* A norm of theirs may be without scale or shift, an LSTM without bias, which ours always have: then those stay at 1 and 0. Where arrays have numbers
 * for names, a norm of two arrays has neither. */
static void allow_absent(c5_keras_bound *b, const c5_model *m, char **names, size_t n)
{
	size_t kept = (size_t)m->layers[b->layer].n_params - 2;
	if (b->what == C5_KERAS_LSTM) b->bias = b->bias && n > 2;
	if (b->what != C5_KERAS_NORM || n >= kept + 2) return;
	bool named = has_tail(names, n, "gamma") || has_tail(names, n, "beta") || has_tail(names, n, "moving_mean");
	b->scale = named ? has_tail(names, n, "gamma") : n > kept;
	b->center = named ? has_tail(names, n, "beta") : n > kept;
}

/* All arrays of a layer, named as datasets below `group`. */
static int take_layer(c5_weights *w, const c5_model *m, source *s, const c5_keras_bound *bound, const char *group, char **names, size_t n)
{
	c5_keras_bound loose = *bound, *b = &loose;
	c5_keras_array want[C5_KERAS_ARRAYS];
	if (s->loose) allow_absent(b, m, names, n);
	int n_want = c5_keras_arrays(want, m, b), err = C5_OK;
	if (n != (size_t)n_want) {
		char list[200] = "";
		for (int i = 0; i < n_want; i++) snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i ? ", " : "", want[i].tail);
		return c5_fail(C5_EINPUT, "%s:%s: holds %zu array%s, layer '%s' has %d (%s)", s->path, group, n, n == 1 ? "" : "s", b->name, n_want, list);
	}
	for (int k = 0; k < n_want && err == C5_OK; k++) {
		char *path = c5_format("%s/%s", group, names[choose(names, n, want, n_want, k)]);
		err = path ? take_array(w, s, path, b->name, &want[k]) : c5_fail(C5_ENOMEM, "out of memory");
		free(path);
	}
	return err;
}

static int take_legacy(c5_weights *w, const c5_model *m, source *s, const c5_keras_bound *b, const char *layer)
{
	char *group = c5_format("%s/%s", s->root, layer), **names = NULL;
	size_t n = 0;
	int err = group ? read_names(&names, &n, s->f, group, "weight_names") : c5_fail(C5_ENOMEM, "out of memory");
	if (err == C5_OK) err = take_layer(w, m, s, b, group, names, n);
	c5_names_free(names, n);
	free(group);
	return err;
}

static const char *find_legacy(const source *s, const char *name)
{
	for (size_t i = 0; i < s->n_layers; i++)
		if (strcmp(s->layers[i], name) == 0) return s->layers[i];
	return NULL;
}

static int read_legacy(c5_weights *w, const c5_model *m, const c5_keras_plan *plan, source *s, bool by_name, bool all, c5_keras_told *told)
{
	int err = C5_OK;
	if (!by_name && s->n_layers != plan->n)
		return c5_fail(C5_EINPUT, "%s: has %zu layers with weights, the architecture %zu; by names with --by-name", s->path, s->n_layers, plan->n);
	for (size_t i = 0; i < plan->n && err == C5_OK; i++) {
		const char *layer = by_name ? find_legacy(s, plan->bound[i].name) : s->layers[i];
		if (!layer && all) return c5_fail(C5_EINPUT, "%s: the weights of layer '%s' are missing", s->path, plan->bound[i].name);
		*(layer ? &told->taken : &told->left) += 1;
		if (layer) err = take_legacy(w, m, s, &plan->bound[i], layer);
	}
	return err;
}

/* A layer's folder of variables: "layers/conv2d_1/vars", or one step below for recurrent cells. */
static int take_keras3(c5_weights *w, const c5_model *m, source *s, const c5_keras_bound *b)
{
	static const struct { const char *before, *behind; } forms[] = { { "/layers", "/vars" }, { "/layers", "/cell/vars" },
		{ "/_layer_checkpoint_dependencies", "/vars" }, { "/_layer_checkpoint_dependencies", "/cell/vars" } };
	char **names = NULL;
	size_t n = 0;
	int err = C5_ENOTFOUND;
	for (size_t i = 0; i < sizeof forms / sizeof *forms && err == C5_ENOTFOUND; i++) {
		char group[256];
		snprintf(group, sizeof group, "%s/%s%s", forms[i].before, b->key, forms[i].behind);
		if (!c5_foreign_exists(s->f, group) || (err = c5_foreign_list(s->f, group, &names, &n)) < 0) continue;
		if (n) err = take_layer(w, m, s, b, group, names, n);
		else err = C5_ENOTFOUND;
		c5_names_free(names, n);
	}
	return err;
}

static int read_keras3(c5_weights *w, const c5_model *m, const c5_keras_plan *plan, source *s, bool all, c5_keras_told *told)
{
	int err = C5_OK;
	for (size_t i = 0; i < plan->n && err == C5_OK; i++) {
		err = take_keras3(w, m, s, &plan->bound[i]);
		if (err == C5_OK) told->taken++;
		else if (err == C5_ENOTFOUND && !all) told->left++, err = C5_OK;
		else if (err == C5_ENOTFOUND)
			err = c5_fail(C5_EINPUT, "%s: the weights of layer '%s' are missing: no /layers/%s", s->path, plan->bound[i].name, plan->bound[i].key);
	}
	return err;
}

static int read_all(c5_weights *w, const c5_model *m, const c5_keras_plan *plan, source *s, bool by_name, bool all, c5_keras_told *told)
{
	*told = (c5_keras_told){ 0 };
	memcpy(told->version, s->version, sizeof told->version);
	return s->keras3 ? read_keras3(w, m, plan, s, all, told) : read_legacy(w, m, plan, s, by_name, all, told);
}

/* ---- the two ways ---- */

static int parse_config(c5_model **m, c5_keras_plan *plan, const source *s, const c5_keras_how *how)
{
	enum json_tokener_error why;
	json_object *root = json_tokener_parse_verbose(s->config, &why);
	if (!root) return c5_fail(C5_EINPUT, "%s: its configuration is no JSON: %s", s->path, json_tokener_error_desc(why));
	int err = c5_keras_config(m, plan, s->path, root, how);
	json_object_put(root);
	return err;
}

int c5_keras_read(c5_model **m, c5_weights **w, const char *path, const c5_keras_how *how, c5_keras_told *told)
{
	source s;
	c5_keras_plan plan = { 0 };
	*m = NULL;
	*w = NULL;
	int err = open_source(&s, path);
	if (err == C5_OK && !s.config) err = c5_fail(C5_EUSAGE, "%s: weights alone; name the architecture they are for with --architecture", path);
	if (err == C5_OK && (err = parse_config(m, &plan, &s, how)) == C5_OK && (err = c5_weights_new(w, *m)) == C5_OK)
		err = read_all(*w, *m, &plan, &s, true, true, told);
	if (err < 0) {
		c5_model_free(*m);
		c5_weights_free(*w);
		*m = NULL;
		*w = NULL;
	}
	free(plan.bound);
	close_source(&s);
	return err;
}

int c5_keras_read_weights(c5_weights *w, const c5_model *m, const char *path, const c5_keras_how *how, c5_keras_told *told)
{
	source s;
	c5_keras_plan plan = { 0 };
	int err = open_source(&s, path);
	s.loose = true;
	if (err == C5_OK && how->by_name && s.keras3)
		err = c5_fail(C5_EUSAGE, "%s: its layers are known by class and order, not by name; leave --by-name out", path);
	if (err == C5_OK && (err = c5_keras_plan_of(&plan, m)) == C5_OK) err = read_all(w, m, &plan, &s, how->by_name, !how->by_name, told);
	if (err == C5_OK && !told->taken && plan.n) err = c5_fail(C5_EINPUT, "%s: none of its layers has the name of one of '%s'", path, m->name);
	free(plan.bound);
	close_source(&s);
	return err;
}
