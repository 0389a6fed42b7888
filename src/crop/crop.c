/* crop.c – see crop.h. Pixels are only moved, so types differ by their size alone. */
#include "crop/crop.h"

#include <math.h>
#include <string.h>

#include "base/dtype.h"
#include "base/error.h"
#include "image/filter.h"

#define SIZE_MAX_PX 16384
#define NOWHERE (-1)

const c5_opt c5_crop_opts[] = {
	{ "size", C5_OPT_INT, offsetof(c5_crop_params, size), "64", 1, SIZE_MAX_PX, "px", NULL, "crops are this wide and high" },
	{ "channels", C5_OPT_TEXT, offsetof(c5_crop_params, channels), NULL, 0, 0, NULL, "NAME,NAME", "channels to cut; default all" },
	{ "edge", C5_OPT_CHOICE, offsetof(c5_crop_params, edge), "reflect", 0, 0, NULL, "reflect|zero|nearest",
		"what lies beyond the frame's edge: its mirror image, 0, or its last pixel" },
	{ "masked", C5_OPT_BOOL, offsetof(c5_crop_params, masked), "false", 0, 0, NULL, NULL, "set other objects and background to 0" },
	{ 0 }
};

enum edge { REFLECT, ZERO, NEAREST };

static int read_edge(const char *name, enum edge *edge)
{
	static const char *const names[] = { "reflect", "zero", "nearest" };
	for (int i = 0; name && i < 3; i++)
		if (!strcmp(name, names[i])) {
			*edge = (enum edge)i;
			return C5_OK;
		}
	return c5_fail(C5_EUSAGE, "crop edge \"%s\" is none of reflect, zero, nearest", name ? name : "");
}

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

int c5_crop_cut(const c5_crop_params *params, int dtype, const void *pixels, const uint32_t *labels, size_t height, size_t width,
	double cy, double cx, uint32_t label, void *out)
{
	const size_t bytes = c5_dtype_size(dtype);
	const double far = 1e15; /* px, for a size_t as for a double */
	enum edge edge = REFLECT;
	int err;
	if ((err = read_edge(params->edge, &edge)) < 0) return err;
	if (params->size < 1 || params->size > SIZE_MAX_PX)
		return c5_fail(C5_EUSAGE, "crop size %lld px, expected 1 to %d", (long long)params->size, SIZE_MAX_PX);
	if (!bytes) return c5_fail(C5_EFAIL, "pixel type %d is none of those known", dtype);
	if (!height || !width) return c5_fail(C5_EINPUT, "crop of a frame without pixels (%zu x %zu)", height, width);
	if (params->masked && !labels) return c5_fail(C5_EFAIL, "masked crops need labels, none given");
	if (!(fabs(cy) < far && fabs(cx) < far)) return c5_fail(C5_EINPUT, "crop centre (%g, %g) is no place", cy, cx);

	const size_t size = (size_t)params->size;
	const ptrdiff_t half = (ptrdiff_t)(size / 2), y0 = (ptrdiff_t)floor(cy + 0.5) - half, x0 = (ptrdiff_t)floor(cx + 0.5) - half;
	/* columns before x_in and from x_out on lie beyond the edge */
	const ptrdiff_t x_in = x0 < 0 ? (-x0 < (ptrdiff_t)size ? -x0 : (ptrdiff_t)size) : 0;
	const ptrdiff_t room = (ptrdiff_t)width - x0, x_out = room < x_in ? x_in : room < (ptrdiff_t)size ? room : (ptrdiff_t)size;
	for (size_t i = 0; i < size; i++) {
		char *to = (char *)out + i * size * bytes;
		const ptrdiff_t y = source(edge, y0 + (ptrdiff_t)i, height);
		if (y == NOWHERE) {
			memset(to, 0, size * bytes);
			continue;
		}
		const char *from = (const char *)pixels + (size_t)y * width * bytes;
		if (x_out > x_in) memcpy(to + (size_t)x_in * bytes, from + (size_t)(x0 + x_in) * bytes, (size_t)(x_out - x_in) * bytes);
		for (ptrdiff_t j = 0; j < (ptrdiff_t)size; j++) {
			if (j == x_in) j = x_out;
			if (j >= (ptrdiff_t)size) break;
			const ptrdiff_t x = source(edge, x0 + j, width);
			if (x == NOWHERE) memset(to + (size_t)j * bytes, 0, bytes);
			else memcpy(to + (size_t)j * bytes, from + (size_t)x * bytes, bytes);
		}
		if (!params->masked) continue;
		const uint32_t *of = labels + (size_t)y * width;
		for (size_t j = 0; j < size; j++) {
			const ptrdiff_t x = source(edge, x0 + (ptrdiff_t)j, width);
			if (x == NOWHERE || of[x] != label) memset(to + j * bytes, 0, bytes);
		}
	}
	return C5_OK;
}
