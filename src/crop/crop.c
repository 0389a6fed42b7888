/* crop.c – see crop.h. Pixels are moved to the window first, so types differ by their size alone; a window of another size than the crop is
 * resized in floats then. */
#include "crop/crop.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/dtype.h"
#include "base/error.h"
#include "base/mem.h"
#include "image/filter.h"
#include "image/resize.h"

#define SIZE_MAX_PX 16384
#define CONTEXT_MAX_PX 4096
#define WINDOW_MAX_PX (1 << 16)
#define NOWHERE (-1)

const c5_opt c5_crop_opts[] = {
	{ "window", C5_OPT_CHOICE, offsetof(c5_crop_params, window), "fixed", 0, 0, NULL, "fixed|box",
		"fixed: crops show as many px as they have, about the centroid; box: the object's bounding box with its context, resized" },
	{ "size", C5_OPT_INT, offsetof(c5_crop_params, size), "64", 1, SIZE_MAX_PX, "px", NULL, "crops are this wide and high" },
	{ "height", C5_OPT_INT, offsetof(c5_crop_params, height), "0", 0, SIZE_MAX_PX, "px", NULL, "height of crops; 0: size" },
	{ "width", C5_OPT_INT, offsetof(c5_crop_params, width), "0", 0, SIZE_MAX_PX, "px", NULL, "width of crops; 0: size" },
	{ "context", C5_OPT_REAL, offsetof(c5_crop_params, context), "0", 0, CONTEXT_MAX_PX, "px", NULL,
		"box: what is shown around the bounding box, on each side" },
	{ "context-share", C5_OPT_REAL, offsetof(c5_crop_params, context_share), "0.1", 0, 10, NULL, NULL,
		"box: what is shown besides, as a share of the box's longer side" },
	{ "aspect", C5_OPT_CHOICE, offsetof(c5_crop_params, aspect), "keep", 0, 0, NULL, "keep|stretch",
		"box: keep the object's shape and show more beside it, or stretch it to the crop" },
	{ "channels", C5_OPT_TEXT, offsetof(c5_crop_params, channels), NULL, 0, 0, NULL, "NAME,NAME", "channels to cut; default all" },
	{ "z", C5_OPT_INT, offsetof(c5_crop_params, z), "-1", -1, 1e6, NULL, "PLANE", "plane of z stacks, from 0; -1 the middle one" },
	{ "edge", C5_OPT_CHOICE, offsetof(c5_crop_params, edge), "reflect", 0, 0, NULL, "reflect|zero|nearest",
		"what lies beyond the frame's edge: its mirror image, 0, or its last pixel" },
	{ "masked", C5_OPT_BOOL, offsetof(c5_crop_params, masked), "false", 0, 0, NULL, NULL, "set other objects and background to 0" },
	{ 0 }
};

enum edge { REFLECT, ZERO, NEAREST };

/* The number of `name` in words "a|b|c". */
static int read_choice(const char *name, const char *words, int *choice)
{
	const size_t n = name ? strlen(name) : 0;
	int k = 0;
	for (const char *w = words; w; w = strchr(w, '|'), w = w ? w + 1 : NULL, k++)
		if (n && !strncmp(w, name, n) && (w[n] == '|' || !w[n])) {
			*choice = k;
			return C5_OK;
		}
	return c5_fail(C5_EUSAGE, "crop setting \"%s\" is none of %s", name ? name : "", words);
}

/* ---- windows ---- */

int c5_crop_size(const c5_crop_params *p, size_t *height, size_t *width)
{
	const int64_t h = p->height ? p->height : p->size, w = p->width ? p->width : p->size;
	if (h < 1 || w < 1 || h > SIZE_MAX_PX || w > SIZE_MAX_PX)
		return c5_fail(C5_EUSAGE, "crop size %lld x %lld px, expected 1 to %d", (long long)h, (long long)w, SIZE_MAX_PX);
	*height = (size_t)h, *width = (size_t)w;
	return C5_OK;
}

/* The smallest h x w around the given one with the shape of the crop. */
static void widen(int64_t *h, int64_t *w, int64_t crop_h, int64_t crop_w)
{
	if (*h * crop_w < *w * crop_h) *h = (*w * crop_h + crop_w - 1) / crop_w;
	else *w = (*h * crop_w + crop_h - 1) / crop_h;
}

int c5_crop_place(c5_crop_window *window, const c5_crop_params *p, double cy, double cx, const uint32_t box[4])
{
	size_t crop_h, crop_w;
	int by_box, stretch, err;
	int64_t y0, x0, h, w;
	if ((err = c5_crop_size(p, &crop_h, &crop_w)) < 0 || (err = read_choice(p->window, "fixed|box", &by_box)) < 0 ||
	    (err = read_choice(p->aspect, "keep|stretch", &stretch)) < 0)
		return err;
	if (by_box) {
		if (box[2] <= box[0] || box[3] <= box[1] || box[2] > INT32_MAX / 2 || box[3] > INT32_MAX / 2)
			return c5_fail(C5_EINPUT, "bounding box (%u, %u) to (%u, %u) is no place", box[0], box[1], box[2], box[3]);
		if (!(p->context >= 0 && p->context <= CONTEXT_MAX_PX && p->context_share >= 0 && p->context_share <= 10))
			return c5_fail(C5_EUSAGE, "crop context %g px and share %g, expected 0 to %d and 0 to 10", p->context, p->context_share, CONTEXT_MAX_PX);
		const int64_t box_h = (int64_t)box[2] - box[0], box_w = (int64_t)box[3] - box[1];
		const int64_t border = (int64_t)floor(p->context + p->context_share * (double)(box_h > box_w ? box_h : box_w) + 0.5);
		h = box_h + 2 * border, w = box_w + 2 * border;
		const int64_t inner_h = h, inner_w = w;
		if (!stretch) widen(&h, &w, (int64_t)crop_h, (int64_t)crop_w);
		if (h > WINDOW_MAX_PX || w > WINDOW_MAX_PX)
			return c5_fail(C5_EINPUT, "window of %lld x %lld px around an object, at most %d x %d can be resized", (long long)h, (long long)w,
				WINDOW_MAX_PX, WINDOW_MAX_PX);
		y0 = (int64_t)box[0] - border - (h - inner_h) / 2, x0 = (int64_t)box[1] - border - (w - inner_w) / 2;
	} else {
		const double far = 1e9;
		if (!(fabs(cy) < far && fabs(cx) < far)) return c5_fail(C5_EINPUT, "crop centre (%g, %g) is no place", cy, cx);
		h = (int64_t)crop_h, w = (int64_t)crop_w;
		y0 = (int64_t)floor(cy + 0.5) - h / 2, x0 = (int64_t)floor(cx + 0.5) - w / 2;
	}
	*window = (c5_crop_window){ (int32_t)y0, (int32_t)x0, (int32_t)(y0 + h), (int32_t)(x0 + w) };
	return C5_OK;
}

/* ---- cutting ---- */

/* Where pixel i of a line of n comes from; NOWHERE for a 0. */
static ptrdiff_t source(enum edge edge, ptrdiff_t i, size_t n)
{
	if (i >= 0 && i < (ptrdiff_t)n) return i;
	switch (edge) {
	case REFLECT: return (ptrdiff_t)c5_filter_reflect(i, n);
	case NEAREST: return i < 0 ? 0 : (ptrdiff_t)n - 1;
	default: return NOWHERE;
	}
}

typedef struct frame {
	const char *pixels;
	size_t bytes, height, width;
	enum edge edge;
	const uint32_t *labels; /* NULL: unmasked */
	uint32_t label;
} frame;

static void cut_row(const frame *f, ptrdiff_t y, ptrdiff_t x0, size_t size, char *to)
{
	/* columns before x_in and from x_out on lie beyond the edge */
	const ptrdiff_t x_in = x0 < 0 ? (-x0 < (ptrdiff_t)size ? -x0 : (ptrdiff_t)size) : 0;
	const ptrdiff_t room = (ptrdiff_t)f->width - x0, x_out = room < x_in ? x_in : room < (ptrdiff_t)size ? room : (ptrdiff_t)size;
	const size_t bytes = f->bytes;
	if (y == NOWHERE) {
		memset(to, 0, size * bytes);
		return;
	}
	const char *from = f->pixels + (size_t)y * f->width * bytes;
	if (x_out > x_in) memcpy(to + (size_t)x_in * bytes, from + (size_t)(x0 + x_in) * bytes, (size_t)(x_out - x_in) * bytes);
	for (ptrdiff_t j = 0; j < (ptrdiff_t)size; j++) {
		if (j == x_in) j = x_out;
		if (j >= (ptrdiff_t)size) break;
		const ptrdiff_t x = source(f->edge, x0 + j, f->width);
		if (x == NOWHERE) memset(to + (size_t)j * bytes, 0, bytes);
		else memcpy(to + (size_t)j * bytes, from + (size_t)x * bytes, bytes);
	}
	if (!f->labels) return;
	const uint32_t *of = f->labels + (size_t)y * f->width;
	for (size_t j = 0; j < size; j++) {
		const ptrdiff_t x = source(f->edge, x0 + (ptrdiff_t)j, f->width);
		if (x == NOWHERE || of[x] != f->label) memset(to + j * bytes, 0, bytes);
	}
}

static void cut(const frame *f, const c5_crop_window *v, char *to)
{
	const size_t width = (size_t)(v->x1 - v->x0);
	for (ptrdiff_t y = v->y0; y < v->y1; y++, to += width * f->bytes) cut_row(f, source(f->edge, y, f->height), v->x0, width, to);
}

static void to_float(int dtype, const void *in, float *out, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		switch (dtype) {
		case C5_U8: out[i] = ((const uint8_t *)in)[i]; break;
		case C5_U16: out[i] = ((const uint16_t *)in)[i]; break;
		case C5_U32: out[i] = (float)((const uint32_t *)in)[i]; break;
		case C5_I8: out[i] = ((const int8_t *)in)[i]; break;
		case C5_I16: out[i] = ((const int16_t *)in)[i]; break;
		case C5_I32: out[i] = (float)((const int32_t *)in)[i]; break;
		case C5_F32: out[i] = ((const float *)in)[i]; break;
		default: out[i] = (float)((const double *)in)[i];
		}
	}
}

/* Of a value that lies in the type's range but for rounding. */
static void from_float(int dtype, const float *in, void *out, size_t n)
{
#define ROUNDED(code, of, least, most) case code: for (size_t i = 0; i < n; i++) { \
		const double v = nearbyint((double)in[i]); \
		((of *)out)[i] = v < (double)(least) ? (of)(least) : v > (double)(most) ? (of)(most) : (of)v; } break;
	switch (dtype) {
	ROUNDED(C5_U8, uint8_t, 0, UINT8_MAX) ROUNDED(C5_U16, uint16_t, 0, UINT16_MAX) ROUNDED(C5_U32, uint32_t, 0, UINT32_MAX)
	ROUNDED(C5_I8, int8_t, INT8_MIN, INT8_MAX) ROUNDED(C5_I16, int16_t, INT16_MIN, INT16_MAX) ROUNDED(C5_I32, int32_t, INT32_MIN, INT32_MAX)
	case C5_F32: memcpy(out, in, n * sizeof *in); break;
	default: for (size_t i = 0; i < n; i++) ((double *)out)[i] = (double)in[i];
	}
#undef ROUNDED
}

/* The window cut, and made the size of the crop when it is not. */
static int resized(const frame *f, int dtype, const c5_crop_window *v, size_t height, size_t width, int to, void *out)
{
	const size_t h = (size_t)(v->y1 - v->y0), w = (size_t)(v->x1 - v->x0);
	const bool same = h == height && w == width;
	char *window = NULL;
	float *grey = NULL, *small = NULL;
	void *scratch = NULL;
	int err;
	if ((err = c5_alloc(&window, h * w, f->bytes)) < 0) goto done;
	cut(f, v, window);
	if (same) { /* only the type is another */
		to_float(dtype, window, out, h * w);
		goto done;
	}
	if ((err = c5_alloc(&grey, h * w, sizeof *grey)) < 0 || (err = c5_alloc(&small, height * width, sizeof *small)) < 0 ||
	    (err = c5_alloc_aligned(&scratch, c5_image_resize_bytes(height, width, h, w), 1)) < 0 ||
	    (err = c5_filter_to_float(grey, dtype, window, h * w, NULL)) < 0)
		goto done;
	c5_image_resize(small, height, width, grey, h, w, scratch);
	from_float(to, small, out, height * width);
done:
	free(scratch);
	free(small);
	free(grey);
	free(window);
	return err;
}

int c5_crop_cut(const c5_crop_params *p, int dtype, const void *pixels, const uint32_t *labels, size_t frame_height, size_t frame_width,
	const c5_crop_window *v, uint32_t label, int to, void *out)
{
	frame f = { pixels, c5_dtype_size(dtype), frame_height, frame_width, REFLECT, p->masked ? labels : NULL, label };
	size_t height, width;
	int edge, err;
	if ((err = read_choice(p->edge, "reflect|zero|nearest", &edge)) < 0 || (err = c5_crop_size(p, &height, &width)) < 0) return err;
	f.edge = (enum edge)edge;
	if (!f.bytes || dtype > C5_F64) return c5_fail(C5_EFAIL, "pixel type %d is none of those known", dtype);
	if (to != dtype && to != C5_F32) return c5_fail(C5_EFAIL, "crops of type %s cannot be cut from %s", c5_dtype_name(to), c5_dtype_name(dtype));
	if (!frame_height || !frame_width) return c5_fail(C5_EINPUT, "crop of a frame without pixels (%zu x %zu)", frame_height, frame_width);
	if (p->masked && !labels) return c5_fail(C5_EFAIL, "masked crops need labels, none given");
	if (v->y1 <= v->y0 || v->x1 <= v->x0) return c5_fail(C5_EINPUT, "crop window (%d, %d) to (%d, %d) is empty", v->y0, v->x0, v->y1, v->x1);
	if (to == dtype && (size_t)(v->y1 - v->y0) == height && (size_t)(v->x1 - v->x0) == width) {
		cut(&f, v, out);
		return C5_OK;
	}
	return resized(&f, dtype, v, height, width, to, out);
}
