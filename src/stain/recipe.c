/* recipe.c – see recipe.h. */
#include "stain/recipe.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/yaml.h"

#define F(member) offsetof(c5_stain_params, member)
const c5_opt c5_stain_opts[] = {
	{ "method", C5_OPT_CHOICE, F(method), "blocks", 0, 0, NULL, "blocks|dense", "yes or no for each block, or the marker's image pixel by pixel" },
	{ "input", C5_OPT_TEXT, F(input), NULL, 0, 0, NULL, "A,B", "label-free channels; unset: all of them" },
	{ "planes", C5_OPT_TEXT, F(planes), "all", 0, 0, NULL, "all|middle|N,N", "z planes seen, as channels" },
	{ "marker", C5_OPT_TEXT, F(marker), NULL, 0, 0, NULL, "A,B", "fluorescence to learn; unset: the channel named marker, or the only fluorescence" },
	{ "register", C5_OPT_CHOICE, F(registration), "auto", 0, 0, NULL, "auto|check|off",
		"whether the marker lies where the label-free image has it: moved when surely not, or told only" },
	{ "ground", C5_OPT_REAL, F(ground), "40", 0, 1000, "px", NULL, "large-scale light taken away from label-free planes; 0: left" },
	{ "threshold", C5_OPT_CHOICE, F(threshold), "otsu", 0, 0, NULL, "otsu|percentile|hand", "how the marker is made yes or no" },
	{ "value", C5_OPT_REAL, F(value), "90", 0, 1e9, NULL, NULL, "the percentile, or the grey value by hand" },
	{ "per", C5_OPT_CHOICE, F(per), "plate", 0, 0, NULL, "plate|experiment|all", "what shares one threshold" },
	{ "despeckle", C5_OPT_INT, F(despeckle), "4", 0, 1e6, "px", NULL, "smaller positive spots are dust" },
	{ "block", C5_OPT_INT, F(block), "16", 4, 512, "px", NULL, "side of a block" },
	{ "stride", C5_OPT_INT, F(stride), "0", 0, 512, "px", NULL, "from block to block; 0: half a block" },
	{ "context", C5_OPT_INT, F(context), "16", 0, 512, "px", NULL, "what the network sees around a block, on each side" },
	{ "share", C5_OPT_REAL, F(share), "0.3", 0, 1, NULL, NULL, "of a block's area that must be positive" },
	{ "turns", C5_OPT_CHOICE, F(turns), "all", 0, 0, NULL, "all|left-right|up-down|none",
		"how what is learnt from is turned and mirrored; light from one side (relief) has an up and a down" },
	{ "warp", C5_OPT_REAL, F(warp), "0", 0, 1, NULL, NULL,
		"dense: share of patches that are turned by any angle and scaled by up to a fifth in learning" },
	{ "patch", C5_OPT_INT, F(patch), "128", 16, 4096, "px", NULL, "dense: side of a training patch" },
	{ "target", C5_OPT_CHOICE, F(target), "image", 0, 0, NULL, "image|mask", "dense: the marker's grey values, or where it is positive" },
	{ "width", C5_OPT_REAL, F(width), "1", 0.125, 8, NULL, NULL, "filters of the network, 1: 32 at the first level" },
	{ "depth", C5_OPT_INT, F(depth), "3", 1, 5, NULL, "N", "dense: levels of the U-Net" },
	{ 0 },
};

unsigned c5_stain_still(const c5_stain_params *p)
{
	static const struct { const char *name; unsigned still; } turns[] = { { "left-right", 6 }, { "up-down", 5 }, { "none", 7 } };
	for (size_t i = 0; i < sizeof turns / sizeof *turns; i++)
		if (p->turns && !strcmp(p->turns, turns[i].name)) return turns[i].still;
	return 0;
}

static void put(c5_buf *b, int indent, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void put(c5_buf *b, int indent, const char *fmt, ...)
{
	char line[256];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	for (int i = 0; i < indent; i++) c5_buf_put(b, " ", 1);
	c5_buf_put(b, line, n < 0 ? 0 : (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
}

static void put_names(c5_buf *b, int indent, const char *key, char names[][48], int n)
{
	put(b, indent, "%s:\n", key);
	for (int i = 0; i < n; i++) {
		put(b, indent, "  - ");
		c5_yaml_add_text(b, names[i]);
		c5_buf_put(b, "\n", 1);
	}
}

static void put_numbers(c5_buf *b, int indent, const char *key, const double *v, int n)
{
	put(b, indent, "%s: [", key);
	for (int i = 0; i < n; i++) put(b, 0, "%s%.17g", i ? ", " : "", v[i]);
	put(b, 0, "]\n");
}

void c5_recipe_add_yaml(c5_buf *b, int indent, const c5_recipe *r)
{
	c5_recipe copy = *r;
	put(b, indent, "method: %s\n", r->dense ? "dense" : "blocks");
	put(b, indent, "target: %s\n", r->mask ? "mask" : "image");
	put_names(b, indent, "channels", copy.channel, r->channels);
	put(b, indent, "planes: [");
	for (int i = 0; i < r->planes; i++) put(b, 0, "%s%d", i ? ", " : "", r->plane[i]);
	put(b, 0, "]\n");
	put_names(b, indent, "markers", copy.marker, r->markers);
	put_numbers(b, indent, "thresholds", r->threshold, r->markers);
	put_numbers(b, indent, "positive", r->positive, r->markers);
	put_numbers(b, indent, "mean", r->mean, r->markers);
	put_numbers(b, indent, "sd", r->sd, r->markers);
	put(b, indent, "ground: %.17g\n", r->ground);
	put(b, indent, "share: %.17g\n", r->share);
	put(b, indent, "block: %d\n", r->block);
	put(b, indent, "stride: %d\n", r->stride);
	put(b, indent, "context: %d\n", r->context);
	if (isfinite(r->pixel_um)) put(b, indent, "pixel_um: %.17g\n", r->pixel_um);
}

static int list_of(const c5_yaml_node **out, const c5_yaml_node *map, const char *key, size_t least, size_t most)
{
	*out = c5_yaml_get(map, key);
	if (!*out) return c5_yaml_fail(C5_EUSAGE, map, "a stain's recipe has no %s", key);
	if ((*out)->kind != C5_YAML_LIST || (*out)->n < least || (*out)->n > most)
		return c5_yaml_fail(C5_EUSAGE, *out, "%s: %zu to %zu entries are expected, found %s", key, least, most, c5_yaml_kind_name(*out));
	return C5_OK;
}

static int read_names(char names[][48], int *n, const c5_yaml_node *map, const char *key)
{
	const c5_yaml_node *list;
	const char *text;
	int err = list_of(&list, map, key, 1, C5_STAIN_MARKERS_MAX);
	for (size_t i = 0; err == C5_OK && i < list->n; i++)
		if ((err = c5_yaml_text(&text, list->items[i])) == C5_OK) snprintf(names[i], sizeof names[i], "%s", text);
	if (err == C5_OK) *n = (int)list->n;
	return err;
}

static int read_numbers(double *v, const c5_yaml_node *map, const char *key, int n)
{
	const c5_yaml_node *list;
	int err = list_of(&list, map, key, (size_t)n, (size_t)n);
	for (int i = 0; err == C5_OK && i < n; i++) err = c5_yaml_real(&v[i], list->items[i]);
	return err;
}

static int read_real(double *v, const c5_yaml_node *map, const char *key)
{
	const c5_yaml_node *node = c5_yaml_get(map, key);
	return node ? c5_yaml_real(v, node) : c5_yaml_fail(C5_EUSAGE, map, "a stain's recipe has no %s", key);
}

static int read_int(int *v, const c5_yaml_node *map, const char *key, int64_t least, int64_t most)
{
	const c5_yaml_node *node = c5_yaml_get(map, key);
	int64_t wide;
	int err = node ? c5_yaml_int(&wide, node) : c5_yaml_fail(C5_EUSAGE, map, "a stain's recipe has no %s", key);
	if (err < 0) return err;
	if (wide < least || wide > most)
		return c5_yaml_fail(C5_EUSAGE, node, "%s: %lld, expected %lld to %lld", key, (long long)wide, (long long)least, (long long)most);
	*v = (int)wide;
	return C5_OK;
}

static int read_word(bool *yes, const c5_yaml_node *map, const char *key, const char *no_word, const char *yes_word)
{
	const c5_yaml_node *node = c5_yaml_get(map, key);
	const char *text;
	int err = node ? c5_yaml_text(&text, node) : c5_yaml_fail(C5_EUSAGE, map, "a stain's recipe has no %s", key);
	if (err < 0) return err;
	*yes = strcmp(text, yes_word) == 0;
	return *yes || strcmp(text, no_word) == 0 ? C5_OK : c5_yaml_fail(C5_EUSAGE, node, "%s: %s or %s is expected, found '%.40s'", key, no_word, yes_word,
		text);
}

static int read_planes(c5_recipe *r, const c5_yaml_node *map)
{
	const c5_yaml_node *list;
	int64_t v;
	int err = list_of(&list, map, "planes", 1, C5_STAIN_PLANES_MAX);
	for (size_t i = 0; err == C5_OK && i < list->n; i++) {
		err = c5_yaml_int(&v, list->items[i]);
		if (err == C5_OK && (v < -1 || v > 1000000)) err = c5_yaml_fail(C5_EUSAGE, list->items[i], "%lld is no z plane", (long long)v);
		if (err == C5_OK) r->plane[i] = (int)v;
	}
	if (err == C5_OK) r->planes = (int)list->n;
	return err;
}

int c5_recipe_parse(c5_recipe *r, const char *name, const char *text, size_t size)
{
	c5_yaml *doc = NULL;
	memset(r, 0, sizeof *r);
	r->pixel_um = NAN;
	int err = c5_yaml_parse(&doc, name, text, size);
	if (err < 0) return err;
	const c5_yaml_node *map = c5_yaml_root(doc), *pixel = c5_yaml_get(map, "pixel_um");
	if ((err = read_word(&r->dense, map, "method", "blocks", "dense")) < 0 || (err = read_word(&r->mask, map, "target", "image", "mask")) < 0 ||
	    (err = read_names(r->channel, &r->channels, map, "channels")) < 0 || (err = read_planes(r, map)) < 0 ||
	    (err = read_names(r->marker, &r->markers, map, "markers")) < 0 || (err = read_numbers(r->threshold, map, "thresholds", r->markers)) < 0 ||
	    (err = read_numbers(r->positive, map, "positive", r->markers)) < 0 || (err = read_numbers(r->mean, map, "mean", r->markers)) < 0 ||
	    (err = read_numbers(r->sd, map, "sd", r->markers)) < 0 || (err = read_real(&r->ground, map, "ground")) < 0 ||
	    (err = read_real(&r->share, map, "share")) < 0 || (err = read_int(&r->block, map, "block", 1, 4096)) < 0 ||
	    (err = read_int(&r->stride, map, "stride", 1, 4096)) < 0 || (err = read_int(&r->context, map, "context", 0, 4096)) < 0)
		goto done;
	if (pixel) err = c5_yaml_real(&r->pixel_um, pixel);
done:
	c5_yaml_free(doc);
	return err;
}
