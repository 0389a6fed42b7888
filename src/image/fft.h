/* fft.h – Fourier transforms of maps. The room's own: KISS FFT is known here alone. */
#ifndef C5_IMAGE_FFT_H
#define C5_IMAGE_FFT_H

#include <stddef.h>

typedef struct c5_fft_value { float re, im; } c5_fft_value;

/* map: (H, W), real. spectrum: (W / 2 + 1, H): one row for each frequency along x, since the other half only repeats it; frequencies along y run
 * 0, 1 .. H / 2 .. -1. Any size; those with a large prime factor are slow. Threads share the work; the answer does not depend on their number.
 * C5_ENOMEM only. */
int c5_fft_forward(c5_fft_value *spectrum, const float *map, size_t height, size_t width);
/* Back again, divided by H W; the spectrum is used up. */
int c5_fft_inverse(float *map, c5_fft_value *spectrum, size_t height, size_t width);

/* The largest size up to n whose prime factors are 2, 3 and 5; 0 for 0. */
size_t c5_fft_fast_size(size_t n);

#endif
