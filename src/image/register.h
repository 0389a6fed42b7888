/* register.h – how far one picture lies from another of the same place, by phase correlation, and pictures moved by it. */
#ifndef C5_IMAGE_REGISTER_H
#define C5_IMAGE_REGISTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define C5_REGISTER_UPSAMPLE_MAX 1000

/* How far `moving` has to be moved to lie on `reference`, px; `peak`: the height of the correlation there, 0..1: 1 when one is the other moved in a
 * circle; `chance`: about the height the highest peak has when they have nothing in common. */
typedef struct c5_shift { double y, x, peak, chance; } c5_shift;

typedef struct c5_register_rules {
	int upsample;        /* the shift is told to this part of a pixel, 1..C5_REGISTER_UPSAMPLE_MAX */
	double blur;         /* px: finer detail than a Gaussian of this standard deviation leaves is noise and does not count; 0: all counts alike */
	bool window;         /* frames fade out towards their edges, where what comes in is not what goes out; and what is not above the noise counts less */
} c5_register_rules;

/* Both (H, W). With `blur` 0 and no window the answer of skimage.registration.phase_cross_correlation: whole pixels first, then the peak's
 * surroundings on a finer grid (Guizar-Sicairos et al. 2008). Pixels that are not finite count as the mean of the others. Where either picture is
 * of one value there is nothing to go by: 0, 0 and peak 0. Along an axis of one pixel the shift is 0. C5_EUSAGE for a bad upsample, C5_ENOMEM. */
int c5_register_shift(c5_shift *shift, const float *reference, const float *moving, size_t height, size_t width, const c5_register_rules *rules);

/* The same in two steps, for a movie whose frames are each compared twice. The spectrum keeps the largest part of the frame's middle whose size
 * transforms fast. */
typedef struct c5_spectrum c5_spectrum;
int c5_register_open(c5_spectrum **out, const float *map, size_t height, size_t width, const c5_register_rules *rules);
void c5_register_close(c5_spectrum *s); /* NULL is fine */
bool c5_register_empty(const c5_spectrum *s); /* of one value */
/* Both of one size. */
int c5_register_between(c5_shift *shift, const c5_spectrum *reference, const c5_spectrum *moving, const c5_register_rules *rules);

/* out[y, x] = in[y - dy, x - dx], straight lines between pixels, edge pixels repeated beyond (scipy.ndimage.shift, order 1, mode nearest). NaN
 * spreads to the pixels made of it. Disjoint. */
void c5_register_move(float *out, const float *in, size_t height, size_t width, double dy, double dx);
/* The same for labels: the nearest pixel's, background beyond the frame. */
void c5_register_move_labels(uint32_t *out, const uint32_t *in, size_t height, size_t width, double dy, double dx);

#endif
