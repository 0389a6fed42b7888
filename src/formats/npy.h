/* npy.h – headers of .npy arrays (NumPy's NEP 1): what comes before the raw elements. */
#ifndef C5_FORMATS_NPY_H
#define C5_FORMATS_NPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"

#define C5_NPY_RANK 6

typedef struct c5_npy {
	int dtype;             /* enum c5_dtype */
	bool swapped;          /* elements are in the other byte order */
	int rank;
	uint64_t dims[C5_NPY_RANK];
} c5_npy;

/* Appends the header of a C-order array in native byte order, padded to 64 bytes (version 1.0). */
void c5_npy_header(c5_buf *to, int dtype, int rank, const uint64_t *dims);
/* Bytes of the elements; C5_EINPUT when they overflow 63 bits. */
int c5_npy_bytes(const c5_npy *npy, const char *name, uint64_t *bytes);

#define C5_NPY_PREAMBLE 12
/* Bytes of the whole header by its first C5_NPY_PREAMBLE bytes. */
int c5_npy_length(const uint8_t *start, const char *name, size_t *length);
/* Takes a whole header apart. C5_EINPUT for no .npy, elements that are no numbers and Fortran order. */
int c5_npy_parse(c5_npy *out, const uint8_t *header, size_t length, const char *name);

/* Turns the bytes of n elements of `size` around. */
void c5_swap_bytes(void *data, size_t n, size_t size);

/* Label pixels of any type as 32 bits. C5_EINPUT for what is negative, no whole number, or too large; `name` and frame in the text. */
int c5_whole_labels(int dtype, const void *pixels, size_t n, uint32_t *out, const char *name, uint64_t frame);

#endif
