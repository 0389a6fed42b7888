/* nets.c – the networks of virtual staining, written as the text that containers store; see recipe.h. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "stain/recipe.h"

static void put(c5_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void put(c5_buf *b, const char *fmt, ...)
{
	char line[256];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	c5_buf_put(b, line, n < 0 ? 0 : (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
}

static int filters_of(double width, int level)
{
	int n = (int)(32 * width + 0.5) << level;
	return n < 4 ? 4 : n;
}

/* A convolution that takes `less` px off each side, or none, with its norm. */
static void conv(c5_buf *b, const char *name, int level, int i, int filters, int less)
{
	put(b, "  - { name: %s%d_conv%d, conv: { filters: %d, kernel: %d, padding: %s, bias: false } }\n", name, level, i, filters, less ? 1 + 2 * less : 3,
		less ? "valid" : "same");
	put(b, "  - { name: %s%d_norm%d, batch_norm: { activation: relu } }\n", name, level, i);
}

/* Two convolutions. */
static void pair(c5_buf *b, const char *name, int level, int filters)
{
	for (int i = 1; i <= 2; i++) conv(b, name, level, i, filters, 0);
}

static int parse(c5_model **out, c5_buf *b, const char *name)
{
	int err = b->err ? c5_fail(C5_ENOMEM, "out of memory") : c5_model_parse(out, name, (const char *)b->data, b->size);
	c5_buf_free(b);
	return err;
}

/* What the last two convolutions take off each side, so that the block's own part is left: 2 at most each, for larger kernels cost more than they
 * bring. */
static void trim(int less[2], int block, int window, int levels)
{
	const int step = 1 << (levels - 1), side = window / step, own = (block + step - 1) / step;
	int spare = (side - own) / 2;
	for (int i = 0; i < 2; i++) {
		less[i] = spare / (2 - i) < 2 ? (spare + 1 - i) / (2 - i) : 2;
		spare -= less[i];
	}
}

int c5_stain_block_net(c5_model **out, int channels, int block, int context, int markers, double width)
{
	c5_buf b = { 0 };
	const int window = block + 2 * context, levels = window >= 48 ? 4 : window >= 20 ? 3 : 2;
	int less[2];
	trim(less, block, window, levels);
	put(&b, "name: stain_blocks\ninputs: { image: [%d, %d, %d] }\nlayers:\n", channels, window, window);
	for (int level = 0; level < levels; level++) {
		for (int i = 1; i <= 2; i++) conv(&b, "level", level, i, filters_of(width, level < 3 ? level : 2), level + 1 < levels ? 0 : less[i - 1]);
		if (level + 1 < levels) put(&b, "  - { name: pool%d, max_pool: { size: 2 } }\n", level);
	}
	put(&b, "  - { name: mean, global_pool: {} }\n  - { name: drop, dropout: { rate: 0.3 } }\n  - { name: head, dense: { units: %d } }\n", markers);
	put(&b, "  - { name: prob, activation: { function: sigmoid } }\noutputs: [prob]\n");
	return parse(out, &b, "stain_blocks");
}

int c5_stain_dense_net(c5_model **out, int channels, int height, int width_px, int markers, bool mask, int depth, double width)
{
	c5_buf b = { 0 };
	put(&b, "name: stain_unet\ninputs: { image: [%d, %d, %d] }\nlayers:\n", channels, height, width_px);
	for (int level = 0; level < depth; level++) {
		pair(&b, "down", level, filters_of(width, level));
		put(&b, "  - { name: down%d_pool, max_pool: { size: 2 } }\n", level);
	}
	pair(&b, "bottom", depth, filters_of(width, depth));
	for (int level = depth; level-- > 0;) {
		put(&b, "  - { name: up%d, conv_transpose: { filters: %d, kernel: 2, stride: 2 } }\n", level, filters_of(width, level));
		put(&b, "  - { name: up%d_join, concat: {}, from: [down%d_norm2, up%d] }\n", level, level, level);
		pair(&b, "up", level, filters_of(width, level));
	}
	put(&b, "  - { name: head, conv: { filters: %d, kernel: 1 } }\n", markers);
	if (mask) put(&b, "  - { name: prob, activation: { function: sigmoid } }\n");
	put(&b, "outputs: [%s]\n", mask ? "prob" : "head");
	return parse(out, &b, "stain_unet");
}
