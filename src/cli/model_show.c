/* model_show.c – `cyto5 model show`: a network layer by layer, with what each costs; and what is stored beside it. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cli/model.h"
#include "cli/print.h"
#include "container/run.h"
#include "pipeline/trained.h"

#define BAR 8 /* columns of a bar */

/* ---- words ---- */

static void put(char *to, size_t cap, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void put(char *to, size_t cap, const char *fmt, ...)
{
	va_list ap;
	size_t n = strlen(to);
	va_start(ap, fmt);
	if (n < cap) vsnprintf(to + n, cap - n, fmt, ap);
	va_end(ap);
}

static void put_window(char to[96], const c5_layer *l)
{
	bool pool = l->kind == C5_LAYER_MAX_POOL || l->kind == C5_LAYER_AVERAGE_POOL;
	put(to, 96, " %dx%d", l->kernel[0], l->kernel[1]);
	if (l->stride[0] != l->stride[1]) put(to, 96, " /%d,%d", l->stride[0], l->stride[1]);
	else if (l->stride[0] != (pool ? l->kernel[0] : 1) || pool) put(to, 96, " /%d", l->stride[0]);
	if (l->dilation[0] > 1 || l->dilation[1] > 1) put(to, 96, " dilated %d", l->dilation[0]);
	if (l->padding == C5_PAD_SAME) put(to, 96, " same");
	else if (l->padding == C5_PAD_EXPLICIT) {
		bool even = l->pad[0] == l->pad[1] && l->pad[2] == l->pad[3] && l->pad[0] == l->pad[2];
		if (even) put(to, 96, " pad %d", l->pad[0]);
		else put(to, 96, " pad %d,%d,%d,%d", l->pad[0], l->pad[1], l->pad[2], l->pad[3]);
	}
}

/* "conv 64 3x3 /2 same, relu" */
static void describe(char to[96], const c5_model *m, const c5_layer *l)
{
	to[0] = '\0';
	bool depthwise = l->kind == C5_LAYER_CONV && l->groups > 1 && l->groups == m->layers[l->inputs[0]].shape[0];
	if (l->kind != C5_LAYER_ACTIVATION) put(to, 96, "%s", depthwise ? "depthwise" : c5_layer_kind_name(l->kind));
	for (char *s = to; *s; s++) *s = *s == '_' ? ' ' : *s;
	switch (l->kind) {
	case C5_LAYER_CONV:
		if (l->groups > 1 && !depthwise) put(to, 96, " in %d groups", l->groups); /* fall through */
	case C5_LAYER_CONV_TRANSPOSE: case C5_LAYER_MAX_POOL: case C5_LAYER_AVERAGE_POOL: put_window(to, l); break;
	case C5_LAYER_DROPOUT: put(to, 96, " %g", (double)l->rate); break;
	case C5_LAYER_GROUP_NORM: put(to, 96, " in %d groups", l->norm_groups); break;
	case C5_LAYER_UPSAMPLE: put(to, 96, " %dx %s", l->factor, l->bilinear ? "bilinear" : "nearest"); break;
	case C5_LAYER_LSTM: put(to, 96, "%s", l->sequences ? " every state" : ""); break;
	default: break;
	}
	if (l->activation == C5_ACT_NONE) return;
	put(to, 96, "%s%s", *to ? ", " : "", c5_activation_name(l->activation));
	if (l->activation == C5_ACT_LEAKY_RELU || l->activation == C5_ACT_ELU) put(to, 96, " %g", (double)l->slope);
}

static void shape_text(char to[48], const c5_layer *l)
{
	to[0] = '\0';
	for (int d = 0; d < l->rank; d++) put(to, 48, "%s%d", d ? " x " : "", l->shape[d]);
}

/* "1.82 G", "740 k" */
static const char *si_text(char to[32], double v)
{
	static const char *const units[] = { "", " k", " M", " G", " T", " P" };
	int u = 0;
	for (; v >= 999.5 && u < 5; u++) v /= 1000;
	snprintf(to, 32, "%.*f%s", u == 0 || v >= 99.95 ? 0 : v >= 9.995 ? 1 : 2, v, units[u]);
	return to;
}

/* A share of the whole as a bar of eighths. */
static void print_bar(double share)
{
	static const char *const eighths[] = { "", "▏", "▎", "▍", "▌", "▋", "▊", "▉" };
	int full = (int)(share * BAR * 8 + 0.5), width = full / 8 + (full % 8 > 0);
	printf("%s", c5_ink(C5_GREEN));
	for (int i = 0; i < full / 8; i++) printf("█");
	printf("%s%s%*s", eighths[full % 8], c5_ink(C5_PLAIN), BAR - width, "");
}

/* ---- the table ---- */

static uint64_t parameters_of(const c5_layer *l)
{
	uint64_t n = 0;
	for (int p = 0; p < l->n_params; p++) n += l->params[p].count;
	return n;
}

static uint64_t bytes_of(const c5_layer *l)
{
	uint64_t n = sizeof(float);
	for (int d = 0; d < l->rank; d++) n *= (uint64_t)l->shape[d];
	return n;
}

/* What it takes besides the layer before it. */
static void from_text(char to[96], const c5_model *m, int index)
{
	const c5_layer *l = &m->layers[index];
	to[0] = '\0';
	if (l->n_inputs == 0 || (l->n_inputs == 1 && l->inputs[0] == index - 1)) return;
	for (int i = 0; i < l->n_inputs; i++)
		if (l->inputs[i] != index - 1) put(to, 96, "%s%s", *to ? ", " : "", m->layers[l->inputs[i]].name);
}

static int widest(const c5_model *m, int what)
{
	int width = 0, w;
	char text[96];
	for (int i = 0; i < m->n_layers; i++) {
		if (what == 0) snprintf(text, sizeof text, "%s", m->layers[i].name);
		else if (what == 1) describe(text, m, &m->layers[i]);
		else shape_text(text, &m->layers[i]);
		if ((w = c5_width(text)) > width) width = w;
	}
	return width;
}

static void print_layers(const c5_model *m, const int *field, double flops)
{
	int name = widest(m, 0), kind = widest(m, 1), shape = widest(m, 2);
	char text[96], number[32], size[C5_SIZE_TEXT];
	if (name < 5) name = 5;
	if (name > 28) name = 28;
	if (kind > 34) kind = 34;
	if (shape < 6) shape = 6;
	printf("\n%s  %-*s  %-*s  %-*s %11s %8s  %-*s %8s %6s%s\n", c5_ink(C5_DIM), name, "layer", kind, "", shape, "output", "parameters", "flop", BAR,
	       "", "memory", "sees", c5_ink(C5_PLAIN));
	for (int i = 0; i < m->n_layers; i++) {
		const c5_layer *l = &m->layers[i];
		double f = (double)c5_layer_flops(m, i);
		printf("  ");
		c5_put_cell(l->name, name);
		printf("  ");
		describe(text, m, l);
		c5_put_cell(text, kind);
		printf("  ");
		shape_text(text, l);
		c5_put_cell(text, shape);
		printf(" %11s", parameters_of(l) ? c5_count_text(size, parameters_of(l)) : "");
		printf(" %8s  ", f > 0 ? si_text(number, f) : "");
		print_bar(flops > 0 ? f / flops : 0);
		printf(" %8s", c5_size_text(size, bytes_of(l)));
		if (l->rank == 3 && field[i] > 1) printf(" %6d", field[i]);
		else printf(" %6s", l->rank == 3 || l->kind == C5_LAYER_INPUT ? "" : "all");
		from_text(text, m, i);
		if (*text) printf("  %s<- %s%s", c5_ink(C5_DIM), text, c5_ink(C5_PLAIN));
		printf("\n");
	}
}

/* ---- what is stored beside it ---- */

/* A column of the history in a line, from its least to its largest. */
static void print_spark(const c5_stored_model *s, size_t column)
{
	static const char *const steps[] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
	double low = INFINITY, high = -INFINITY;
	size_t n = s->n_history, shown = n < 40 ? n : 40;
	for (size_t i = 0; i < n; i++) {
		double v = s->history[i * s->n_history_columns + column];
		if (isfinite(v)) low = fmin(low, v), high = fmax(high, v);
	}
	if (!(low <= high)) return;
	printf("  ");
	c5_put_cell(s->history_names[column], 20);
	printf(" %s", c5_ink(C5_GREEN));
	for (size_t i = 0; i < shown; i++) {
		double v = s->history[(i * n / shown) * s->n_history_columns + column];
		printf("%s", !isfinite(v) ? " " : steps[high > low ? (int)((v - low) / (high - low) * 7.999) : 3]);
	}
	printf("%s %.4g to %.4g\n", c5_ink(C5_PLAIN), s->history[column], s->history[(n - 1) * s->n_history_columns + column]);
}

static void print_line(const char *name, const char *value)
{
	if (!value) return;
	printf("  ");
	c5_put_cell(name, 20);
	printf(" %s\n", value);
}

static void print_stored(const c5_stored_model *s)
{
	char line[600], number[C5_REAL_TEXT];
	printf("\n");
	print_line("kind", s->kind);
	print_line("origin", s->origin);
	print_line("source", s->source);
	print_line("licence", s->licence);
	print_line("note", s->note);
	line[0] = '\0';
	for (size_t i = 0; i < s->n_classes && i < 8; i++) { /* of synonyms the first */
		const char *name = s->classes[i].name ? s->classes[i].name : "?";
		put(line, sizeof line, "%s%.*s", i ? ", " : "", s->n_classes > 8 ? (int)strcspn(name, ",") : (int)strlen(name), name);
	}
	if (s->n_classes > 8) put(line, sizeof line, " and %zu more", s->n_classes - 8);
	print_line("classes", s->n_classes ? line : NULL);
	line[0] = '\0';
	for (size_t i = 0; i < s->n_channels; i++) put(line, sizeof line, "%s%s", i ? ", " : "", s->channels[i].name ? s->channels[i].name : "?");
	print_line("channels", s->n_channels ? line : NULL);
	if (isfinite(s->object_px)) print_line("objects, px", c5_text_real(number, s->object_px));
	if (isfinite(s->pixel_size_um)) print_line("pixel size, um", c5_text_real(number, s->pixel_size_um));
	if (isfinite(s->temperature)) print_line("temperature", c5_text_real(number, s->temperature));
	print_line("calibrated on", s->calibrated_on);
	for (size_t i = 0; i < s->n_metrics; i++) {
		const c5_stored_metric *x = &s->metrics[i];
		line[0] = '\0';
		put(line, sizeof line, "%.4g", x->value);
		if (isfinite(x->low) && isfinite(x->high)) put(line, sizeof line, " (%.4g to %.4g)", x->low, x->high);
		if (x->of) put(line, sizeof line, "  %s", x->of);
		print_line(x->name ? x->name : "?", line);
	}
	for (size_t c = 1; c < s->n_history_columns && s->n_history > 1; c++) print_spark(s, c);
	if (s->n_history) printf("  %zu epochs\n", s->n_history);
	if (s->sha256[0]) print_line("sha256 of weights", s->sha256);
}

int c5_model_print(const c5_model *m, const c5_stored_model *s, const char *heading)
{
	c5_model_cost cost;
	char a[C5_SIZE_TEXT], b[C5_SIZE_TEXT], flop[32];
	int *field = NULL, err = c5_alloc(&field, (size_t)m->n_layers * 2, sizeof *field);
	if (err == C5_OK) err = c5_model_fields(field, field + m->n_layers, m);
	if (err < 0) goto done;
	c5_model_costs(&cost, m);
	printf("%s%s%s", c5_ink(C5_BOLD), heading, c5_ink(C5_PLAIN));
	if (strcmp(heading, m->name) != 0) printf("  %s", m->name);
	printf("\n%s parameters", c5_count_text(a, (uint64_t)cost.parameters));
	if (cost.trained != cost.parameters) printf(" (%s learnt)", c5_count_text(b, (uint64_t)cost.trained));
	printf(", %s; an image takes %sflop and %s of activations", c5_size_text(a, (uint64_t)cost.parameters * sizeof(float)),
	       si_text(flop, (double)cost.flops), c5_size_text(b, (uint64_t)cost.activation_bytes));
	if (cost.receptive_field) printf("; a pixel of the last map sees %d px in steps of %d", cost.receptive_field, cost.stride);
	printf("\n");
	print_layers(m, field, (double)cost.flops);
	if (s) print_stored(s);
done:
	free(field);
	return err;
}

/* ---- JSON ---- */

static void json_layer(c5_buf *b, const c5_model *m, int i, int field)
{
	const c5_layer *l = &m->layers[i];
	char text[96];
	describe(text, m, l);
	c5_json_key(b, NULL);
	c5_text_add(b, "{");
	c5_json_str(b, "name", l->name);
	c5_json_str(b, "kind", c5_layer_kind_name(l->kind));
	c5_json_str(b, "text", text);
	c5_json_key(b, "output");
	c5_text_add(b, "[");
	for (int d = 0; d < l->rank; d++) c5_text_addf(b, "%s%d", d ? ", " : "", l->shape[d]);
	c5_text_add(b, "]");
	c5_json_key(b, "from");
	c5_text_add(b, "[");
	for (int k = 0; k < l->n_inputs; k++) {
		c5_text_add(b, k ? ", " : "");
		c5_text_add_json(b, m->layers[l->inputs[k]].name);
	}
	c5_text_add(b, "]");
	c5_json_int(b, "parameters", (int64_t)parameters_of(l));
	c5_json_int(b, "flops", c5_layer_flops(m, i));
	c5_json_int(b, "bytes", (int64_t)bytes_of(l));
	c5_json_int(b, "receptive_field", field);
	c5_text_add(b, "}");
}

static void json_stored(c5_buf *b, const c5_stored_model *s)
{
	c5_json_str(b, "revision", c5_revision_name(s->revision));
	c5_json_str(b, "model_kind", s->kind);
	c5_json_str(b, "origin", s->origin);
	c5_json_str(b, "source", s->source);
	c5_json_str(b, "licence", s->licence);
	c5_json_str(b, "note", s->note);
	c5_json_str(b, "sha256", s->sha256);
	c5_json_real(b, "pixel_size_um", s->pixel_size_um);
	c5_json_real(b, "object_px", s->object_px);
	c5_json_real(b, "temperature", s->temperature);
	c5_json_str(b, "calibrated_on", s->calibrated_on);
	c5_json_key(b, "classes");
	c5_text_add(b, "[");
	for (size_t i = 0; i < s->n_classes; i++) {
		c5_text_add(b, i ? ", " : "");
		c5_text_add_json(b, s->classes[i].name);
	}
	c5_text_add(b, "]");
	c5_json_key(b, "metrics");
	c5_text_add(b, "{");
	for (size_t i = 0; i < s->n_metrics; i++) c5_json_real(b, s->metrics[i].name ? s->metrics[i].name : "?", s->metrics[i].value);
	c5_text_add(b, "}");
	c5_json_int(b, "epochs", (int64_t)s->n_history);
}

int c5_model_json(c5_buf *b, const c5_model *m, const c5_stored_model *s)
{
	c5_model_cost cost;
	int *field = NULL, err = c5_alloc(&field, (size_t)m->n_layers * 2, sizeof *field);
	if (err < 0 || (err = c5_model_fields(field, field + m->n_layers, m)) < 0) {
		free(field);
		return err;
	}
	c5_model_costs(&cost, m);
	c5_text_add(b, "{");
	c5_json_str(b, "name", m->name);
	c5_json_int(b, "parameters", cost.parameters);
	c5_json_int(b, "trained", cost.trained);
	c5_json_int(b, "flops", cost.flops);
	c5_json_int(b, "activation_bytes", cost.activation_bytes);
	c5_json_int(b, "receptive_field", cost.receptive_field);
	c5_json_int(b, "stride", cost.stride);
	if (s) json_stored(b, s);
	c5_json_key(b, "layers");
	c5_text_add(b, "[");
	for (int i = 0; i < m->n_layers; i++) json_layer(b, m, i, field[i]);
	c5_text_add(b, "]}");
	free(field);
	return C5_OK;
}

/* ---- the command ---- */

const c5_opt c5_model_wish_opts[] = {
	{ "size", C5_OPT_TEXT, offsetof(c5_model_wish, size), NULL, 0, 0, "px", "HxW", "height and width of the images; else as it says, or 64x64" },
	{ "channels", C5_OPT_INT, offsetof(c5_model_wish, channels), "1", 1, 1024, NULL, NULL, "of the images (models that ship)" },
	{ "classes", C5_OPT_INT, offsetof(c5_model_wish, classes), "2", 1, 1e6, NULL, NULL, "classes, or output channels (models that ship)" },
	{ "width", C5_OPT_REAL, offsetof(c5_model_wish, width), "1", 0.01, 16, NULL, NULL, "filters are multiplied by it (mobilenets, unet)" },
	{ 0 },
};

struct show { bool yaml, json; };
static const c5_opt show_opts[] = {
	{ "yaml", C5_OPT_BOOL, offsetof(struct show, yaml), NULL, 0, 0, NULL, NULL, "print the architecture as text" },
	{ "json", C5_OPT_BOOL, offsetof(struct show, json), NULL, 0, 0, NULL, NULL, "answer in JSON" },
	{ 0 },
};

int c5_model_pick(c5_model **m, c5_stored_model *s, bool *stored, const char *what, const c5_model_wish *wish)
{
	int height = 0, width = 0, err = c5_model_size(&height, &width, wish->size);
	const char *dot = strrchr(what, '.');
	*stored = false;
	if (err < 0) return err;
	if (dot && (strcmp(dot, ".yml") == 0 || strcmp(dot, ".yaml") == 0)) err = c5_model_read(m, what);
	else if (strchr(what, ':')) {
		if ((err = c5_trained_read(m, NULL, s, what)) == C5_OK) *stored = true;
	} else
		return c5_model_named(m, what, (int)wish->channels, height ? height : 64, width ? width : 64, (int)wish->classes, wish->width);
	return err == C5_OK && height ? c5_model_resize(*m, height, width) : err;
}

static int print_yaml(const c5_model *m)
{
	c5_buf b = { 0 };
	c5_model_add_yaml(&b, m);
	char *text = c5_text_take(&b);
	if (!text) return C5_ENOMEM;
	fputs(text, stdout);
	free(text);
	return C5_OK;
}

static int run(int argc, char **argv)
{
	struct show set = { 0 };
	c5_model_wish wish = { 0 };
	const c5_opt_group groups[] = { { "Model", c5_model_wish_opts, &wish }, { "Show", show_opts, &set }, { NULL, NULL, NULL } };
	c5_cli cli;
	c5_model *m = NULL;
	c5_stored_model s;
	c5_buf b = { 0 };
	bool stored = false;
	c5_stored_model_init(&s);
	int err = c5_cli_open(&cli, &c5_cmd_model_show, groups, argc, argv, 1, 1);
	if (err < 0 || cli.helped || (err = c5_model_pick(&m, &s, &stored, cli.words[0], &wish)) < 0) goto done;
	if (set.yaml) err = print_yaml(m);
	else if (!set.json) err = c5_model_print(m, stored ? &s : NULL, cli.words[0]);
	else if ((err = c5_model_json(&b, m, stored ? &s : NULL)) == C5_OK) err = c5_json_print(&b);
done:
	c5_buf_free(&b);
	c5_stored_model_free(&s);
	c5_model_free(m);
	c5_cli_close(&cli, groups);
	return err;
}

const c5_command c5_cmd_model_show = {
	"model show", C5_LOOK, "a network layer by layer: shapes, parameters, operations, memory, receptive field", "NAME | FILE.yml | FILE.h5:NAME",
	"cyto5 model show sesmo --size 50x50\n"
	"cyto5 model show mobilenet_v2 --size 128x128 --channels 3 --width 0.5\n"
	"cyto5 model show plate.h5:senescence\n"
	"cyto5 model show resnet18 --yaml > mine.yml      # to change it, and train it\n",
	run,
};
