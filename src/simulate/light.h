/* light.h – for src/simulate alone: how lenses make what light has gone through visible.
 *
 * Behind the object light is exp(-a + i phi): weakened by a, late by phi. The microscope multiplies its spectrum by a pupil function, and the
 * camera sees the square of what comes back (Born and Wolf, Principles of Optics, ch. 8; Goodman, Introduction to Fourier Optics, ch. 6). Three
 * pupils are three manners of light:
 *     brightfield      D(f) = exp(i pi L^2 f^2): out of focus by z, L = sqrt(lambda z) being the width of the first fringe (Fresnel)
 *     phase contrast   D(f) (1 - H(f) + c H(f)): H is the share of light that goes through the ring, c the ring's own amplitude and quarter
 *                      wave (Zernike 1942). H is 1 for light that the object did not turn aside, and falls off over the ring's width: hence
 *                      halos and shade-off (Yin et al. 2012, Med. Image Anal. 16:1047)
 *     DIC              D(f) sin(2 pi f s + b): two pictures, shifted by s either way, are taken from each other with a bias (Preza et al. 1999,
 *                      J. Opt. Soc. Am. A 16:2185)
 * A lamp of finite size washes fringes out: its picture, as large as defocus makes it, blurs the result, which is the caller's to do. */
#ifndef C5_SIMULATE_LIGHT_H
#define C5_SIMULATE_LIGHT_H

#include <stddef.h>

typedef struct pupil {
	double fringe;               /* L in px; below 0: out of focus the other way; 0: in focus */
	double ring, ring_sign;      /* amplitude that the ring lets through, 0: no ring; -1: matter is dark, 1: bright */
	double halo, fall;           /* px that halos reach; H = (1 + (2 pi f halo)^2)^-fall */
	double shear_y, shear_x, bias; /* px and rad; both shears 0: no DIC */
} pupil;

/* out: (height, width), 1 where there is nothing without ring and shear. phi: (height, width) rad; absorbs: a is this share of phi. May be the
 * same array as out. Outside of the picture its mirror image is thought of. scratch: light_bytes, 64-byte aligned. C5_ENOMEM only. */
size_t light_bytes(size_t height, size_t width);
int light_through(float *out, const float *phi, double absorbs, size_t height, size_t width, const pupil *p, void *scratch);

#endif
