/* named.c – the models that ship, built layer by layer; see c5_model_named. All end in a layer `prob`: softmax, or for a unet of one
 * output channel a sigmoid. Layers of the residual networks are named as torchvision does. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "nn/model.h"

/* A model being built: `last` feeds the next layer; after an error nothing more is added. */
struct build { c5_model *m; int err, last; float epsilon, momentum; };

/* Appends `l`, fed by `last` unless it has inputs. */
static int __attribute__((format(printf, 3, 4))) add(struct build *b, c5_layer l, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(l.name, sizeof l.name, fmt, ap);
	va_end(ap);
	if (b->err < 0) return 0;
	if (l.kind != C5_LAYER_INPUT && !l.n_inputs) {
		l.n_inputs = 1;
		l.inputs[0] = b->last;
	}
	int index = c5_model_add(b->m, &l);
	if (index < 0) b->err = index;
	return b->last = index < 0 ? 0 : index;
}

static c5_layer conv(int filters, int kernel, int stride, int padding, int groups, int act)
{
	return (c5_layer){ .kind = C5_LAYER_CONV, .filters = filters, .kernel = { kernel, kernel }, .stride = { stride, stride }, .dilation = { 1, 1 },
	                   .groups = groups, .padding = padding, .activation = act, .bias = true };
}

static c5_layer pool(int size, int stride) { return (c5_layer){ .kind = C5_LAYER_MAX_POOL, .kernel = { size, size }, .stride = { stride, stride } }; }
static c5_layer dropout(float rate) { return (c5_layer){ .kind = C5_LAYER_DROPOUT, .rate = rate }; }
static c5_layer of_kind(int kind) { return (c5_layer){ .kind = kind }; }
static c5_layer dense(int units, int act) { return (c5_layer){ .kind = C5_LAYER_DENSE, .filters = units, .activation = act, .bias = true }; }

/* A convolution without bias and the batch norm after it. */
static int conv_norm(struct build *b, c5_layer l, int act, const char *conv_name, const char *norm_name)
{
	l.bias = false;
	l.activation = C5_ACT_NONE;
	add(b, l, "%s", conv_name);
	return add(b, (c5_layer){ .kind = C5_LAYER_BATCH_NORM, .epsilon = b->epsilon, .momentum = b->momentum, .activation = act }, "%s", norm_name);
}

struct wish { int classes; double width; };

/* ---- the first networks ---- */

/* Deep-SeSMo: Kusumoto et al. 2021, Nat. Commun. 12:257. */
static void build_sesmo(struct build *b, const struct wish *w)
{
	add(b, conv(32, 3, 1, C5_PAD_VALID, 1, C5_ACT_RELU), "conv1");
	add(b, conv(32, 3, 1, C5_PAD_VALID, 1, C5_ACT_RELU), "conv2");
	add(b, pool(2, 2), "pool1");
	add(b, dropout(0.5f), "drop1");
	add(b, conv(64, 3, 1, C5_PAD_VALID, 1, C5_ACT_RELU), "conv3");
	add(b, conv(128, 3, 1, C5_PAD_VALID, 1, C5_ACT_RELU), "conv4");
	add(b, pool(2, 2), "pool2");
	add(b, dropout(0.5f), "drop2");
	add(b, of_kind(C5_LAYER_FLATTEN), "flat");
	add(b, dense(256, C5_ACT_RELU), "dense1");
	add(b, dropout(0.5f), "drop3");
	add(b, dense(w->classes, C5_ACT_NONE), "logits");
}

/* LeCun et al. 1998 with max pooling and ReLU. */
static void build_lenet(struct build *b, const struct wish *w)
{
	static const int filters[] = { 6, 16, 120 };
	for (int i = 0; i < 3; i++) {
		add(b, conv(filters[i], 5, 1, C5_PAD_VALID, 1, i == 2 ? C5_ACT_RELU : C5_ACT_NONE), "conv%d", i + 1);
		if (i == 2) break;
		add(b, pool(2, 2), "pool%d", i + 1);
		add(b, (c5_layer){ .kind = C5_LAYER_ACTIVATION, .activation = C5_ACT_RELU }, "relu%d", i + 1);
	}
	add(b, of_kind(C5_LAYER_FLATTEN), "flat");
	add(b, dense(84, C5_ACT_RELU), "dense1");
	add(b, dense(w->classes, C5_ACT_NONE), "logits");
}

/* ---- residual networks: He et al. 2016, basic blocks ---- */

static void residual_block(struct build *b, int layer, int block, int filters, int stride, bool project)
{
	char c[32], n[32];
	int in = b->last, skip = in;
	for (int i = 1; i <= 2; i++) {
		c5_layer l = conv(filters, 3, i == 1 ? stride : 1, C5_PAD_EXPLICIT, 1, C5_ACT_NONE);
		for (int p = 0; p < 4; p++) l.pad[p] = 1;
		snprintf(c, sizeof c, "layer%d.%d.conv%d", layer, block, i);
		snprintf(n, sizeof n, "layer%d.%d.bn%d", layer, block, i);
		conv_norm(b, l, i == 1 ? C5_ACT_RELU : C5_ACT_NONE, c, n);
	}
	int out = b->last;
	if (project) {
		b->last = in;
		snprintf(c, sizeof c, "layer%d.%d.downsample.0", layer, block);
		snprintf(n, sizeof n, "layer%d.%d.downsample.1", layer, block);
		skip = conv_norm(b, conv(filters, 1, stride, C5_PAD_VALID, 1, C5_ACT_NONE), C5_ACT_NONE, c, n);
	}
	add(b, (c5_layer){ .kind = C5_LAYER_ADD, .n_inputs = 2, .inputs = { out, skip }, .activation = C5_ACT_RELU }, "layer%d.%d.add", layer, block);
}

static void build_resnet(struct build *b, const struct wish *w, const int blocks[4])
{
	c5_layer stem = conv(64, 7, 2, C5_PAD_EXPLICIT, 1, C5_ACT_NONE), shrink = pool(3, 2);
	for (int p = 0; p < 4; p++) {
		stem.pad[p] = 3;
		shrink.pad[p] = 1;
	}
	shrink.padding = C5_PAD_EXPLICIT;
	conv_norm(b, stem, C5_ACT_RELU, "conv1", "bn1");
	add(b, shrink, "maxpool");
	for (int layer = 0; layer < 4; layer++)
		for (int block = 0; block < blocks[layer]; block++)
			residual_block(b, layer + 1, block, 64 << layer, layer && !block ? 2 : 1, layer && !block);
	add(b, of_kind(C5_LAYER_GLOBAL_POOL), "avgpool");
	add(b, dense(w->classes, C5_ACT_NONE), "fc");
}

static void build_resnet18(struct build *b, const struct wish *w) { build_resnet(b, w, (const int[4]){ 2, 2, 2, 2 }); }
static void build_resnet34(struct build *b, const struct wish *w) { build_resnet(b, w, (const int[4]){ 3, 4, 6, 3 }); }

/* ---- mobile networks ---- */

/* Filters scaled by the width; version 1 rounds down to at least 8, version 2 to the nearest multiple of 8, never more than a tenth below. */
static int scaled(int filters, double width, bool eights)
{
	double want = filters * width;
	if (!eights) return want < 8 ? 8 : (int)want;
	int n = (int)(want + 4) / 8 * 8;
	if (n < 8) n = 8;
	return n < 0.9 * want ? n + 8 : n;
}

static int depthwise(struct build *b, int channels, int stride, const char *name)
{
	char n[C5_LAYER_NAME_MAX];
	snprintf(n, sizeof n, "%.50s_bn", name);
	return conv_norm(b, conv(channels, 3, stride, C5_PAD_SAME, channels, C5_ACT_NONE), C5_ACT_RELU6, name, n);
}

static int pointwise(struct build *b, int filters, int act, const char *name)
{
	char n[C5_LAYER_NAME_MAX];
	snprintf(n, sizeof n, "%.50s_bn", name);
	return conv_norm(b, conv(filters, 1, 1, C5_PAD_SAME, 1, C5_ACT_NONE), act, name, n);
}

/* Howard et al. 2017, arXiv:1704.04861. */
static void build_mobilenet_v1(struct build *b, const struct wish *w)
{
	static const struct { int filters, stride; } blocks[13] = { { 64, 1 }, { 128, 2 }, { 128, 1 }, { 256, 2 }, { 256, 1 }, { 512, 2 }, { 512, 1 },
		{ 512, 1 }, { 512, 1 }, { 512, 1 }, { 512, 1 }, { 1024, 2 }, { 1024, 1 } };
	char name[32];
	int channels = scaled(32, w->width, false);
	b->epsilon = 1e-3f;
	b->momentum = 0.99f;
	conv_norm(b, conv(channels, 3, 2, C5_PAD_SAME, 1, C5_ACT_NONE), C5_ACT_RELU6, "conv0", "conv0_bn");
	for (int i = 0; i < 13; i++) {
		snprintf(name, sizeof name, "conv%d_dw", i + 1);
		depthwise(b, channels, blocks[i].stride, name);
		snprintf(name, sizeof name, "conv%d_pw", i + 1);
		pointwise(b, channels = scaled(blocks[i].filters, w->width, false), C5_ACT_RELU6, name);
	}
	add(b, of_kind(C5_LAYER_GLOBAL_POOL), "pool");
	add(b, dropout(1e-3f), "drop");
	add(b, dense(w->classes, C5_ACT_NONE), "logits");
}

/* Expand, filter each channel, project; added to its input where both are alike. */
static void inverted_residual(struct build *b, int index, int expand, int *channels, int filters, int stride)
{
	char name[32];
	int in = b->last, wide = *channels * expand;
	if (expand > 1) {
		snprintf(name, sizeof name, "block%d_expand", index);
		pointwise(b, wide, C5_ACT_RELU6, name);
	}
	snprintf(name, sizeof name, "block%d_dw", index);
	depthwise(b, wide, stride, name);
	snprintf(name, sizeof name, "block%d_project", index);
	int out = pointwise(b, filters, C5_ACT_NONE, name);
	if (stride == 1 && *channels == filters) add(b, (c5_layer){ .kind = C5_LAYER_ADD, .n_inputs = 2, .inputs = { out, in } }, "block%d_add", index);
	*channels = filters;
}

/* Sandler et al. 2018, arXiv:1801.04381. */
static void build_mobilenet_v2(struct build *b, const struct wish *w)
{
	static const struct { int expand, filters, blocks, stride; } stages[7] = { { 1, 16, 1, 1 }, { 6, 24, 2, 2 }, { 6, 32, 3, 2 }, { 6, 64, 4, 2 },
		{ 6, 96, 3, 1 }, { 6, 160, 3, 2 }, { 6, 320, 1, 1 } };
	int channels = scaled(32, w->width, true), index = 0;
	b->epsilon = 1e-3f;
	b->momentum = 0.99f;
	conv_norm(b, conv(channels, 3, 2, C5_PAD_SAME, 1, C5_ACT_NONE), C5_ACT_RELU6, "conv0", "conv0_bn");
	for (int s = 0; s < 7; s++)
		for (int i = 0; i < stages[s].blocks; i++)
			inverted_residual(b, ++index, stages[s].expand, &channels, scaled(stages[s].filters, w->width, true), i ? 1 : stages[s].stride);
	pointwise(b, w->width > 1 ? scaled(1280, w->width, true) : 1280, C5_ACT_RELU6, "head");
	add(b, of_kind(C5_LAYER_GLOBAL_POOL), "pool");
	add(b, dropout(0.2f), "drop");
	add(b, dense(w->classes, C5_ACT_NONE), "logits");
}

/* ---- images to images ---- */

static void double_conv(struct build *b, const char *prefix, int level, int filters)
{
	char c[32], n[32];
	for (int i = 1; i <= 2; i++) {
		snprintf(c, sizeof c, "%s%d_conv%d", prefix, level, i);
		snprintf(n, sizeof n, "%s%d_bn%d", prefix, level, i);
		conv_norm(b, conv(filters, 3, 1, C5_PAD_SAME, 1, C5_ACT_NONE), C5_ACT_RELU, c, n);
	}
}

/* Ronneberger et al. 2015, arXiv:1505.04597, with padding and batch norms: four halvings and back. */
static void build_unet(struct build *b, const struct wish *w)
{
	int first = scaled(32, w->width, false), skips[4], filters;
	for (int level = 0; level < 4; level++) {
		double_conv(b, "down", level, first << level);
		skips[level] = b->last;
		add(b, pool(2, 2), "down%d_pool", level);
	}
	double_conv(b, "bottom", 4, first << 4);
	for (int level = 3; level >= 0; level--) {
		filters = first << level;
		int up = add(b, (c5_layer){ .kind = C5_LAYER_CONV_TRANSPOSE, .filters = filters, .kernel = { 2, 2 }, .stride = { 2, 2 }, .bias = true },
		             "up%d", level);
		add(b, (c5_layer){ .kind = C5_LAYER_CONCAT, .n_inputs = 2, .inputs = { skips[level], up } }, "up%d_concat", level);
		double_conv(b, "up", level, filters);
	}
	add(b, conv(w->classes, 1, 1, C5_PAD_VALID, 1, C5_ACT_NONE), "logits");
}

/* ---- by name ---- */

static const struct named { const char *name; void (*build)(struct build *b, const struct wish *w); bool wide; int multiple; } named[] = {
	{ "sesmo", build_sesmo, false, 1 }, { "lenet", build_lenet, false, 1 }, { "resnet18", build_resnet18, false, 1 },
	{ "resnet34", build_resnet34, false, 1 }, { "mobilenet_v1", build_mobilenet_v1, true, 1 }, { "mobilenet_v2", build_mobilenet_v2, true, 1 },
	{ "unet", build_unet, true, 16 },
};
#define N_NAMED ((int)(sizeof named / sizeof *named))

const char *c5_model_name_of(int i) { return i >= 0 && i < N_NAMED ? named[i].name : NULL; }

static int find_named(const struct named **out, const char *name)
{
	const char *words[N_NAMED + 1] = { NULL };
	for (int i = 0; i < N_NAMED; i++) {
		words[i] = named[i].name;
		*out = &named[i];
		if (strcmp(name, words[i]) == 0) return C5_OK;
	}
	const char *near = c5_nearest(name, words);
	if (near) return c5_fail(C5_ENOTFOUND, "no model that ships is called '%.60s'; did you mean %s?", name, near);
	return c5_fail(C5_ENOTFOUND, "no model that ships is called '%.60s'; "
	               "there are sesmo, lenet, resnet18, resnet34, mobilenet_v1, mobilenet_v2 and unet", name);
}

static int check_wish(const struct named *which, int channels, int height, int width_px, int classes, double width)
{
	bool image = which->multiple > 1;
	if (channels < 1 || height < 1 || width_px < 1) return c5_fail(C5_EUSAGE, "%s: an input of %d x %d x %d", which->name, channels, height, width_px);
	if (classes < (image ? 1 : 2)) return c5_fail(C5_EUSAGE, "%s: %d classes; %d at least are needed", which->name, classes, image ? 1 : 2);
	if (!(width >= 0.01 && width <= 16)) return c5_fail(C5_EUSAGE, "%s: width %g; 0.01 to 16 is taken", which->name, width);
	if (width != 1 && !which->wide) return c5_fail(C5_EUSAGE, "%s: comes in one width only", which->name);
	if (height % which->multiple || width_px % which->multiple)
		return c5_fail(C5_EUSAGE, "%s: inputs of %d x %d pixels; both must be multiples of %d", which->name, height, width_px, which->multiple);
	return C5_OK;
}

int c5_model_named(c5_model **out, const char *name, int channels, int height, int width_px, int classes, double width)
{
	const struct named *which;
	const struct wish wish = { classes, width == 0 ? 1 : width };
	*out = NULL;
	int err = find_named(&which, name);
	if (err < 0 || (err = check_wish(which, channels, height, width_px, classes, wish.width)) < 0) return err;
	struct build b = { .epsilon = 1e-5f, .momentum = 0.9f };
	if ((err = c5_model_new(&b.m, name)) < 0) return err;
	add(&b, (c5_layer){ .kind = C5_LAYER_INPUT, .rank = 3, .shape = { channels, height, width_px } }, "image");
	which->build(&b, &wish);
	if (classes == 1) add(&b, (c5_layer){ .kind = C5_LAYER_ACTIVATION, .activation = C5_ACT_SIGMOID }, "prob");
	else add(&b, of_kind(C5_LAYER_SOFTMAX), "prob");
	err = b.err < 0 ? b.err : c5_model_check(b.m);
	if (err < 0) c5_model_free(b.m);
	else *out = b.m;
	return err;
}
