/* cpu_winograd.h – 3 x 3 convolutions in bfloat16 by Winograd's method, by own loops: the library has none in bfloat16. Private to src/nn.
 *
 * A tile of 2 x 4 outputs is seen through 4 x 6 points (Winograd 1980; Lavin and Gray 2016): input patches and weights are taken to values at
 * these 24 points, multiplied channel by channel there, and the sums are taken back: a third of the 72 products. Values at the points are
 * bfloat16, sums and both ways float32. A few dozen tiles are worked on at once, so that all in between stays in a core's second cache. The
 * error (normalised, squared) is about 4e-5; tiles of 2 x 2 would leave a third of it, tiles of 4 x 4 make three times as much.
 * Every output is computed from its own tile in one order: the same bits for any number of threads, items and tiles at once. */
#ifndef C5_NN_CPU_WINOGRAD_H
#define C5_NN_CPU_WINOGRAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Arrays are in blocks of 16 channels: (items, blocks, height, width, 16), bfloat16. */
typedef struct c5_winograd {
	int64_t items, in_channels, out_channels;  /* channels: multiples of 16 */
	int64_t in_height, in_width, out_height, out_width, top, left; /* padding before; what lies outside is zero */
	int activation;                        /* none, ReLU or ReLU6 */
	bool sum;                              /* y is added to, before the activation */
	/* by c5_winograd_plan: */
	int64_t tiles_y, tiles_x, tiles;
	int64_t group, groups;                 /* tiles at once; how many such */
	size_t in_step, out_step;              /* from point to point of the inputs and of the sums, in numbers */
	size_t scratch;                        /* bytes a thread */
} c5_winograd;

bool c5_winograd_can(void); /* has this processor what the loops need? */
void c5_winograd_plan(c5_winograd *g, int threads);
size_t c5_winograd_weights_bytes(const c5_winograd *g);
/* Canonical weights (out, in, 3, 3) to what c5_winograd_run wants. */
void c5_winograd_weights(const c5_winograd *g, const float *w, uint16_t *u);
/* y = act(x * w + bias (+ y)); scratch: g->scratch bytes for each of `threads`, on 64 bytes. */
void c5_winograd_run(const c5_winograd *g, int threads, const uint16_t *x, const uint16_t *u, const float *bias, uint16_t *y, void *scratch);

#endif
