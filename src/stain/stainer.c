/* stainer.c – see stainer.h. */
#include "stain/stainer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "image/resize.h"

#define BLOCKS_PER_PASS 128
#define TILE_SIDE 512

struct c5_stainer {
	c5_recipe recipe;
	c5_model *model;        /* of the tile's size for dense ones */
	c5_net *net;
	size_t height, width;   /* of what the network sees */
	size_t frame[2];        /* height and width of frames as they come */
	float *scaled_in, *scaled_maps; /* (C, H, W), (K, H, W); NULL: as they come */
	void *resizing;
	int batch;
	c5_block_grid grid;     /* blocks */
	c5_tiling tiling;       /* dense */
	size_t in_count, out_count; /* numbers of one item */
	float *in, *out;        /* (batch, ...) */
	bool mirrored;
	float *sum;             /* dense, mirrored: (batch, ...) */
	float *probability;     /* blocks: (K, blocks) */
	float *scratch;
};

/* What one output pixel of a fully convolutional model sees on each side, and the step its levels stand on. */
static int reach_of(const c5_model *m, size_t *margin, size_t *align)
{
	int *field = NULL, *stride = NULL, widest = 0, coarsest = 1;
	int err = c5_alloc(&field, (size_t)m->n_layers, sizeof *field);
	if (err == C5_OK) err = c5_alloc(&stride, (size_t)m->n_layers, sizeof *stride);
	if (err == C5_OK) err = c5_model_fields(field, stride, m);
	for (int i = 0; err == C5_OK && i < m->n_layers; i++) {
		if (field[i] > widest) widest = field[i];
		if (stride[i] > coarsest) coarsest = stride[i];
	}
	free(stride);
	free(field);
	*margin = (size_t)(widest / 2 + 1), *align = (size_t)coarsest;
	return err;
}

static int plan_dense(c5_stainer *s, const c5_stainer_how *how)
{
	size_t margin, align;
	int err = reach_of(s->model, &margin, &align);
	if (err < 0) return err;
	if ((err = c5_tiles_plan(&s->tiling, s->height, s->width, how->tile ? how->tile : TILE_SIDE, margin, align)) < 0) return err;
	s->batch = how->batch ? how->batch : 1;
	return c5_model_resize(s->model, (int)s->tiling.size[0], (int)s->tiling.size[1]);
}

static int plan_blocks(c5_stainer *s, const c5_stainer_how *how)
{
	const c5_recipe *r = &s->recipe;
	int err = c5_blocks_grid(&s->grid, s->height, s->width, (size_t)r->block, how->stride ? how->stride : (size_t)r->stride);
	if (err < 0) return err;
	size_t blocks = c5_blocks_count(&s->grid);
	s->batch = how->batch ? how->batch : BLOCKS_PER_PASS;
	if ((err = c5_alloc(&s->probability, blocks * (size_t)r->markers, sizeof(float))) < 0) return err;
	return c5_alloc(&s->scratch, 2 * s->grid.side, sizeof(float));
}

static size_t count_of(const c5_layer *l)
{
	size_t n = 1;
	for (int i = 0; i < l->rank; i++) n *= (size_t)l->shape[i];
	return n;
}

/* The model must be one the recipe can have made. */
static int check_model(const c5_stainer *s)
{
	const c5_layer *in = &s->model->layers[0], *out = &s->model->layers[s->model->outputs[0]];
	const c5_recipe *r = &s->recipe;
	int window = r->block + 2 * r->context;
	bool ok = in->kind == C5_LAYER_INPUT && in->rank == 3 && in->shape[0] == c5_recipe_inputs(r) && s->model->n_outputs == 1 &&
		out->shape[0] == r->markers;
	if (!r->dense) ok = ok && in->shape[1] == window && in->shape[2] == window && out->rank == 1;
	else ok = ok && out->rank == 3 && out->shape[1] == in->shape[1] && out->shape[2] == in->shape[2];
	return ok ? C5_OK : c5_fail(C5_EINPUT, "model %s does not fit its stain recipe: %d planes and %d markers are expected", s->model->name,
		c5_recipe_inputs(r), r->markers);
}

size_t c5_stainer_side(size_t n, double rescale)
{
	double side = rescale > 0 ? fmax(1, round((double)n * rescale)) : (double)n;
	return (size_t)side;
}

static int plan_rescaling(c5_stainer *s)
{
	size_t there = c5_image_resize_bytes(s->height, s->width, s->frame[0], s->frame[1]),
		back = c5_image_resize_bytes(s->frame[0], s->frame[1], s->height, s->width);
	int err;
	if (s->frame[0] == s->height && s->frame[1] == s->width) return C5_OK;
	if ((err = c5_alloc_aligned(&s->scaled_in, (size_t)c5_recipe_inputs(&s->recipe) * s->height * s->width, sizeof(float))) < 0) return err;
	if ((err = c5_alloc_aligned(&s->scaled_maps, (size_t)s->recipe.markers * s->height * s->width, sizeof(float))) < 0) return err;
	return c5_alloc_aligned(&s->resizing, there > back ? there : back, 1);
}

int c5_stainer_open(c5_stainer **out, c5_device *device, const c5_model *m, const c5_weights *w, const c5_recipe *r, size_t height, size_t width,
	const c5_stainer_how *how)
{
	c5_stainer *s;
	int err = c5_alloc(&s, 1, sizeof *s);
	if (err < 0) return err;
	s->recipe = *r, s->frame[0] = height, s->frame[1] = width;
	s->height = c5_stainer_side(height, how->rescale), s->width = c5_stainer_side(width, how->rescale);
	if ((err = plan_rescaling(s)) < 0) goto fail;
	if ((err = c5_model_copy(&s->model, m)) < 0 || (err = check_model(s)) < 0 || (err = r->dense ? plan_dense(s, how) : plan_blocks(s, how)) < 0)
		goto fail;
	s->in_count = count_of(&s->model->layers[0]), s->out_count = count_of(&s->model->layers[s->model->outputs[0]]);
	if ((err = c5_alloc_aligned(&s->in, (size_t)s->batch * s->in_count, sizeof(float))) < 0 ||
	    (err = c5_alloc_aligned(&s->out, (size_t)s->batch * s->out_count, sizeof(float))) < 0) goto fail;
	s->mirrored = r->dense && how->mirrored;
	if (s->mirrored && (err = c5_alloc_aligned(&s->sum, (size_t)s->batch * s->out_count, sizeof(float))) < 0) goto fail;
	c5_net_how net = { .batch = s->batch, .precision = how->precision };
	while ((err = c5_net_make(&s->net, device, s->model, w, &net)) == C5_ENOMEM && net.batch > 1) {
		c5_log(C5_LOG_WARN, "%s: not enough memory for batches of %d, trying %d", c5_device_name(device), net.batch, net.batch / 2);
		net.batch /= 2;
	}
	if (err < 0) goto fail;
	s->batch = net.batch;
	*out = s;
	return C5_OK;
fail:
	c5_stainer_close(s);
	return err;
}

void c5_stainer_close(c5_stainer *s)
{
	if (!s) return;
	c5_net_free(s->net);
	c5_model_free(s->model);
	free(s->in);
	free(s->out);
	free(s->scaled_in);
	free(s->scaled_maps);
	free(s->resizing);
	free(s->sum);
	free(s->probability);
	free(s->scratch);
	free(s);
}

const c5_block_grid *c5_stainer_grid(const c5_stainer *s) { return &s->grid; }
const c5_tiling *c5_stainer_tiling(const c5_stainer *s) { return &s->tiling; }

static int pass(c5_stainer *s, int items)
{
	int err = c5_net_input(s->net, 0, s->in, items);
	if (err == C5_OK) err = c5_net_forward(s->net, 0, 0);
	return err < 0 ? err : c5_net_output(s->net, 0, s->out, items);
}

static int by_blocks(c5_stainer *s, const float *input, float *maps, float *blocks)
{
	const c5_recipe *r = &s->recipe;
	size_t n = c5_blocks_count(&s->grid), pixels = s->height * s->width, window = s->grid.side + 2 * (size_t)r->context, area = window * window;
	for (size_t first = 0; first < n; first += (size_t)s->batch) {
		size_t items = n - first < (size_t)s->batch ? n - first : (size_t)s->batch;
#pragma omp parallel for schedule(static)
		for (size_t i = 0; i < items; i++) {
			size_t y, x;
			c5_blocks_at(&s->grid, first + i, &y, &x);
			for (int c = 0; c < c5_recipe_inputs(r); c++)
				c5_field_cut(s->in + i * s->in_count + (size_t)c * area, input + (size_t)c * pixels, s->height, s->width, (ptrdiff_t)y - r->context,
					(ptrdiff_t)x - r->context, window, 0);
		}
		int err = pass(s, (int)items);
		if (err < 0) return err;
		for (size_t i = 0; i < items; i++)
			for (int m = 0; m < r->markers; m++) s->probability[(size_t)m * n + first + i] = s->out[i * s->out_count + (size_t)m];
	}
	for (int m = 0; m < r->markers; m++) c5_blocks_assemble(maps + (size_t)m * pixels, &s->grid, s->probability + (size_t)m * n, s->scratch);
	if (blocks) memcpy(blocks, s->probability, n * (size_t)r->markers * sizeof *blocks);
	return C5_OK;
}

/* Planes (n, H, W) mirrored in place: bit 0 left to right, bit 1 top to bottom. */
static void mirror(float *planes, size_t n, const size_t size[2], unsigned how)
{
	const size_t h = size[0], w = size[1];
#pragma omp parallel for schedule(static)
	for (size_t k = 0; k < n; k++) {
		float *p = planes + k * h * w;
		for (size_t y = 0; how & 1 && y < h; y++)
			for (size_t a = 0, b = w - 1; a < b; a++, b--) {
				const float v = p[y * w + a];
				p[y * w + a] = p[y * w + b], p[y * w + b] = v;
			}
		for (size_t a = 0, b = h - 1; how & 2 && a < b; a++, b--)
			for (size_t x = 0; x < w; x++) {
				const float v = p[a * w + x];
				p[a * w + x] = p[b * w + x], p[b * w + x] = v;
			}
	}
}

/* One pass, or the mean of four. Tiles and their edges lie on the grid of the network's steps from either side, so that mirrored tiles have no seams
 * either. */
static int pass_tiles(c5_stainer *s, size_t items)
{
	const size_t in = items * (size_t)c5_recipe_inputs(&s->recipe), out = items * (size_t)s->recipe.markers, n = items * s->out_count;
	if (!s->mirrored) return pass(s, (int)items);
	memset(s->sum, 0, n * sizeof *s->sum);
	for (unsigned how = 0; how < 4; how++) {
		mirror(s->in, in, s->tiling.size, how);
		int err = pass(s, (int)items);
		if (err < 0) return err;
		mirror(s->in, in, s->tiling.size, how);
		mirror(s->out, out, s->tiling.size, how);
		for (size_t i = 0; i < n; i++) s->sum[i] += 0.25f * s->out[i];
	}
	memcpy(s->out, s->sum, n * sizeof *s->out);
	return C5_OK;
}

static int by_tiles(c5_stainer *s, const float *input, float *maps)
{
	const c5_recipe *r = &s->recipe;
	size_t n = c5_tiles_count(&s->tiling), pixels = s->height * s->width, area = s->tiling.size[0] * s->tiling.size[1];
	for (size_t first = 0; first < n; first += (size_t)s->batch) {
		size_t items = n - first < (size_t)s->batch ? n - first : (size_t)s->batch;
		for (size_t i = 0; i < items; i++)
			for (int c = 0; c < c5_recipe_inputs(r); c++)
				c5_tiles_cut(&s->tiling, first + i, input + (size_t)c * pixels, s->in + i * s->in_count + (size_t)c * area);
		int err = pass_tiles(s, items);
		if (err < 0) return err;
		for (size_t i = 0; i < items; i++)
			for (int m = 0; m < r->markers; m++) {
				float *tile = s->out + i * s->out_count + (size_t)m * area;
				for (size_t k = 0; !r->mask && k < area; k++) tile[k] = (float)(r->mean[m] + r->sd[m] * (double)tile[k]);
				c5_tiles_paste(&s->tiling, first + i, tile, maps + (size_t)m * pixels);
			}
	}
	return C5_OK;
}

int c5_stainer_frame(c5_stainer *s, const float *input, float *maps, float *blocks)
{
	const size_t there = s->height * s->width, here = s->frame[0] * s->frame[1];
	float *seen = s->scaled_maps ? s->scaled_maps : maps;
	for (int c = 0; s->scaled_in && c < c5_recipe_inputs(&s->recipe); c++)
		c5_image_resize(s->scaled_in + (size_t)c * there, s->height, s->width, input + (size_t)c * here, s->frame[0], s->frame[1], s->resizing);
	if (s->scaled_in) input = s->scaled_in;
	int err = s->recipe.dense ? by_tiles(s, input, seen) : by_blocks(s, input, seen, blocks);
	for (int m = 0; s->scaled_maps && err == C5_OK && m < s->recipe.markers; m++)
		c5_image_resize(maps + (size_t)m * here, s->frame[0], s->frame[1], seen + (size_t)m * there, s->height, s->width, s->resizing);
	return err;
}
