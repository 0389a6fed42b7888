/* prepare.c – see prepare.h. */
#include "train/prepare.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/dtype.h"
#include "base/error.h"
#include "base/text.h"
#include "image/filter.h"

static const char *const scaling_names[C5_SCALINGS] = { "channel", "range", "percentile", "crop" };

const char *c5_scaling_name(int scaling) { return scaling >= 0 && scaling < C5_SCALINGS ? scaling_names[scaling] : "?"; }

/* "ch0": as channels are called that neither files nor people name. */
static bool is_unnamed(const char *channels)
{
	return strncmp(channels, "ch", 2) == 0 && channels[2] && !channels[2 + strspn(channels + 2, "0123456789")];
}

static bool asks_for_one(const c5_prepare *p)
{
	for (int c = 1; c < p->channels; c++)
		if (strcmp(p->names[c], p->names[0]) != 0) return false;
	return true;
}

int c5_prepare_find(const char *name, const char *channels)
{
	const size_t n = strlen(name);
	const char *at = channels;
	for (int k = 0; at; k++) {
		if (strncmp(at, name, n) == 0 && (at[n] == ',' || !at[n])) return k;
		at = strchr(at, ',');
		if (at) at++;
	}
	return -1;
}

int c5_prepare_bind(int from[C5_CHANNELS_MAX], const c5_prepare *p, const char *channels)
{
	const char *all = channels ? channels : "";
	const bool any = is_unnamed(all) && asks_for_one(p);
	for (int c = 0; c < p->channels; c++) {
		from[c] = any ? 0 : c5_prepare_find(p->names[c], all);
		if (from[c] < 0)
			return c5_fail(C5_ENOTFOUND, "channel %s is not in the crops, which have %s", p->names[c], *all ? all : "none that are named");
	}
	return C5_OK;
}

/* ---- size ---- */

/* One line of `n` pixels, `step` apart, to `to_n`: a triangle of half-width max(1, n / to_n) around each place, weights summing to 1. */
static void resize_line(float *out, int to_n, int to_step, const float *in, int n, int step)
{
	double scale = (double)n / to_n, half = scale > 1 ? scale : 1;
	for (int i = 0; i < to_n; i++) {
		double at = (i + 0.5) * scale, sum = 0, weights = 0;
		int lo = (int)floor(at - half), hi = (int)ceil(at + half);
		for (int k = lo < 0 ? 0 : lo; k < hi && k < n; k++) {
			double w = 1 - fabs(k + 0.5 - at) / half;
			if (w <= 0) continue;
			sum += w * in[(size_t)k * (size_t)step];
			weights += w;
		}
		out[(size_t)i * (size_t)to_step] = (float)(sum / weights);
	}
}

void c5_resize(float *out, int to_height, int to_width, const float *in, int height, int width, float *rows)
{
	if (height == to_height && width == to_width) {
		memcpy(out, in, (size_t)height * (size_t)width * sizeof *out);
		return;
	}
	for (int y = 0; y < height; y++) resize_line(rows + (size_t)y * (size_t)to_width, to_width, 1, in + (size_t)y * (size_t)width, width, 1);
	for (int x = 0; x < to_width; x++) resize_line(out + x, to_height, to_width, rows + x, height, to_width);
}

/* ---- scale ---- */

static int by_value(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;
	return (x > y) - (x < y);
}

/* Linear between the two nearest ranks. */
static double percentile(const float *sorted, size_t n, double percent)
{
	double at = percent / 100 * (double)(n - 1);
	size_t i = (size_t)at;
	return i + 1 < n ? sorted[i] + (at - (double)i) * ((double)sorted[i + 1] - sorted[i]) : sorted[n - 1];
}

static void affine(float *x, size_t n, double shift, double factor)
{
	float s = (float)shift, f = (float)factor;
	for (size_t i = 0; i < n; i++) x[i] = (x[i] - s) * f;
}

static void scale_crop(float *x, size_t n)
{
	double sum = 0, square = 0;
	for (size_t i = 0; i < n; i++) sum += x[i];
	double mean = sum / (double)n;
	for (size_t i = 0; i < n; i++) square += (x[i] - mean) * (x[i] - mean);
	double sd = sqrt(square / (double)n);
	affine(x, n, mean, sd > 0 ? 1 / sd : 0);
}

static void scale_percentile(float *x, size_t n, double low, double high, float *sorted)
{
	memcpy(sorted, x, n * sizeof *x);
	qsort(sorted, n, sizeof *sorted, by_value);
	double a = percentile(sorted, n, low), b = percentile(sorted, n, high);
	affine(x, n, 0.5 * (a + b), b > a ? 2 / (b - a) : 0);
}

void c5_prepare_scale(const c5_prepare *p, float *crop, float *scratch)
{
	size_t n = (size_t)p->height * (size_t)p->width;
	for (int c = 0; c < p->channels; c++) {
		float *x = crop + (size_t)c * n;
		switch (p->scaling) {
		case C5_SCALE_CHANNEL: affine(x, n, p->mean[c], p->sd[c] > 0 ? 1 / p->sd[c] : 0); break;
		case C5_SCALE_RANGE: affine(x, n, 0.5 * p->full, 2 / p->full); break;
		case C5_SCALE_PERCENTILE: scale_percentile(x, n, p->low, p->high, scratch); break;
		default: scale_crop(x, n);
		}
	}
}

/* ---- both ---- */

size_t c5_prepare_scratch(const c5_prepare *p, int height, int width)
{
	size_t in = (size_t)height * (size_t)width, rows = (size_t)height * (size_t)p->width, out = (size_t)p->height * (size_t)p->width;
	return in + rows > out ? in + rows : out;
}

int c5_prepare_pixels(const c5_prepare *p, const int *from, int dtype, const void *pixels, int height, int width, float *out, float *scratch)
{
	size_t in = (size_t)height * (size_t)width, n = (size_t)p->height * (size_t)p->width, element = c5_dtype_size(dtype);
	bool same = height == p->height && width == p->width;
	for (int c = 0; c < p->channels; c++) {
		float *to = out + (size_t)c * n;
		if (c > 0 && from[c] == from[c - 1]) {
			memcpy(to, to - n, n * sizeof *to);
			continue;
		}
		int err = c5_filter_to_float(same ? to : scratch, dtype, (const uint8_t *)pixels + (size_t)from[c] * in * element, in, NULL);
		if (err < 0) return err;
		if (!same) c5_resize(to, p->height, p->width, scratch, height, width, scratch + in);
	}
	return C5_OK;
}

int c5_prepare_apply(const c5_prepare *p, const int *from, int dtype, const void *pixels, int height, int width, float *out, float *scratch)
{
	int err = c5_prepare_pixels(p, from, dtype, pixels, height, width, out, scratch);
	if (err == C5_OK) c5_prepare_scale(p, out, scratch);
	return err;
}

/* ---- text ---- */

static void add_numbers(c5_buf *b, int indent, const char *key, const double *v, int n)
{
	char text[C5_REAL_TEXT];
	c5_text_addf(b, "%*s%s: [", indent, "", key);
	for (int i = 0; i < n; i++) c5_text_addf(b, "%s%s", i ? ", " : "", c5_text_real(text, v[i]));
	c5_text_add(b, "]\n");
}

void c5_prepare_add_yaml(c5_buf *b, int indent, const c5_prepare *p)
{
	char low[C5_REAL_TEXT], high[C5_REAL_TEXT];
	c5_text_addf(b, "%*schannels: [", indent, "");
	for (int c = 0; c < p->channels; c++) {
		if (c) c5_text_add(b, ", ");
		c5_yaml_add_text(b, p->names[c]);
	}
	c5_text_addf(b, "]\n%*sheight: %d\n%*swidth: %d\n%*sscaling: %s\n", indent, "", p->height, indent, "", p->width, indent, "",
		c5_scaling_name(p->scaling));
	if (p->scaling == C5_SCALE_RANGE) c5_text_addf(b, "%*sfull: %s\n", indent, "", c5_text_real(low, p->full));
	if (p->scaling == C5_SCALE_PERCENTILE)
		c5_text_addf(b, "%*slow: %s\n%*shigh: %s\n", indent, "", c5_text_real(low, p->low), indent, "", c5_text_real(high, p->high));
	if (p->missing) c5_text_addf(b, "%*smissing: true\n", indent, "");
	if (p->scaling != C5_SCALE_CHANNEL) return;
	add_numbers(b, indent, "mean", p->mean, p->channels);
	add_numbers(b, indent, "sd", p->sd, p->channels);
}

static int read_count(int *out, const c5_yaml_node *map, const char *key, int64_t most)
{
	const c5_yaml_node *node = c5_yaml_get(map, key);
	int64_t v;
	int err = node ? c5_yaml_int(&v, node) : c5_yaml_fail(C5_EUSAGE, map, "%s is expected", key);
	if (err == C5_OK && (v < 1 || v > most)) err = c5_yaml_fail(C5_EUSAGE, node, "%s %lld, expected 1 to %lld", key, (long long)v, (long long)most);
	if (err == C5_OK) *out = (int)v;
	return err;
}

static int read_real(double *out, const c5_yaml_node *map, const char *key)
{
	const c5_yaml_node *node = c5_yaml_get(map, key);
	return node ? c5_yaml_real(out, node) : c5_yaml_fail(C5_EUSAGE, map, "%s is expected", key);
}

static int read_reals(double *out, int n, const c5_yaml_node *map, const char *key)
{
	const c5_yaml_node *node = c5_yaml_get(map, key);
	int err = C5_OK;
	if (!node || node->kind != C5_YAML_LIST || node->n != (size_t)n)
		return c5_yaml_fail(C5_EUSAGE, node ? node : map, "%s: a list of %d numbers is expected", key, n);
	for (int i = 0; i < n && err == C5_OK; i++) err = c5_yaml_real(&out[i], node->items[i]);
	return err;
}

static int read_names(c5_prepare *p, const c5_yaml_node *map)
{
	const c5_yaml_node *node = c5_yaml_get(map, "channels");
	if (!node || node->kind != C5_YAML_LIST || node->n < 1 || node->n > C5_CHANNELS_MAX)
		return c5_yaml_fail(C5_EUSAGE, node ? node : map, "channels: a list of 1 to %d names is expected", C5_CHANNELS_MAX);
	p->channels = (int)node->n;
	for (size_t i = 0; i < node->n; i++) {
		const char *text;
		int err = c5_yaml_text(&text, node->items[i]);
		if (err < 0) return err;
		if (strlen(text) >= C5_CHANNEL_TEXT) return c5_yaml_fail(C5_EUSAGE, node->items[i], "channel name of more than %d bytes", C5_CHANNEL_TEXT - 1);
		memcpy(p->names[i], text, strlen(text) + 1);
	}
	return C5_OK;
}

int c5_prepare_from_yaml(c5_prepare *p, const c5_yaml_node *map)
{
	const c5_yaml_node *node = c5_yaml_get(map, "scaling");
	const char *text;
	int err;
	memset(p, 0, sizeof *p);
	if ((err = read_names(p, map)) < 0 || (err = read_count(&p->height, map, "height", 16384)) < 0 ||
	    (err = read_count(&p->width, map, "width", 16384)) < 0) return err;
	if (!node) return c5_yaml_fail(C5_EUSAGE, map, "scaling is expected");
	if (c5_yaml_get(map, "missing") && (err = c5_yaml_bool(&p->missing, c5_yaml_get(map, "missing"))) < 0) return err;
	if ((err = c5_yaml_text(&text, node)) < 0) return err;
	while (p->scaling < C5_SCALINGS && strcmp(text, scaling_names[p->scaling]) != 0) p->scaling++;
	switch (p->scaling) {
	case C5_SCALE_CHANNEL: return (err = read_reals(p->mean, p->channels, map, "mean")) < 0 ? err : read_reals(p->sd, p->channels, map, "sd");
	case C5_SCALE_RANGE: return (err = read_real(&p->full, map, "full")) < 0 ? err : p->full > 0 ? C5_OK : c5_yaml_fail(C5_EUSAGE, map,
		"full: a number above 0 is expected");
	case C5_SCALE_PERCENTILE: return (err = read_real(&p->low, map, "low")) < 0 ? err : read_real(&p->high, map, "high");
	case C5_SCALE_CROP: return C5_OK;
	default: return c5_yaml_fail(C5_EUSAGE, node, "scaling '%s' is none of channel, range, percentile, crop", text);
	}
}

int c5_prepare_parse(c5_prepare *p, const char *name, const char *text)
{
	c5_yaml *doc = NULL;
	int err = c5_yaml_parse(&doc, name, text, strlen(text));
	if (err == C5_OK) err = c5_prepare_from_yaml(p, c5_yaml_root(doc));
	c5_yaml_free(doc);
	return err;
}
