/* align.h – whether a marker lies where the label-free image of the same field has it, and how far off it is, to parts of a pixel.
 *
 * The two pictures look nothing alike: what is bright in one may be an edge in the other. What they share is where there is structure at all. So the
 * label-free planes are turned into local energies of a few scales (the square of a band, smoothed: no sign, no direction, and symmetric, so that
 * they stay in their place), and for every lag the marker's grey values (their logarithm, less the large-scale light) are regressed on all of them at
 * once: the lag with the highest multiple correlation is the shift. For one picture on one feature that is plain cross-correlation; all lags come
 * from Fourier transforms. How sure that is, is told by parts of the image: each is left out in turn (jackknife, Tukey 1958), and thirds of them must
 * agree by themselves.
 *
 * Structures of label-free light may lie about a pixel beside the molecules they come with (relief, refraction, parallax), so that shifts below
 * C5_ALIGN_LEAST are left alone. */
#ifndef C5_STAIN_ALIGN_H
#define C5_STAIN_ALIGN_H

#include <stdbool.h>
#include <stddef.h>

#define C5_ALIGN_REACH 16   /* px: farthest lag looked at */
#define C5_ALIGN_MOST 12    /* px: farther off is another place, or another field */
#define C5_ALIGN_LEAST 1.5  /* px: nearer is as good as it gets */

enum c5_align_verdict {
	C5_ALIGN_UNSURE,    /* nothing certain can be said */
	C5_ALIGN_FINE,      /* lies as it should */
	C5_ALIGN_OFF,       /* is off and can be moved */
	C5_ALIGN_FAR,       /* is off too far to be trusted */
};

typedef struct c5_align {
	double y, x;        /* the marker has to be moved this far, px, to lie on the label-free image */
	double error;       /* standard error of the worse of both, px */
	double agreement;   /* multiple correlation there, 0..1 */
	int verdict;        /* enum c5_align_verdict */
} c5_align;

/* Sums over frames of one experiment. */
typedef struct c5_align_sums c5_align_sums;
/* about: NULL, or what was found before, near which it is looked again. What fades out towards fixed edges seems to move less than it does; compared
 * a second time, where both show the same, large shifts come out right. */
int c5_align_open(c5_align_sums **out, const c5_align *about);
void c5_align_close(c5_align_sums *s); /* NULL is fine */
/* One frame more: input (planes, H, W), prepared as for a network (field.h), neighbouring planes alike; level (H, W). Frames of another size than the
 * first, and of less than 96 px a side, say nothing. C5_ENOMEM. */
int c5_align_add(c5_align_sums *s, const float *input, int planes, const float *level, size_t height, size_t width);
void c5_align_find(c5_align *out, const c5_align_sums *s);

/* "fine", "unsure" ... */
const char *c5_align_word(int verdict);

#endif
