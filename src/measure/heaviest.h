/* heaviest.h – the heaviest set of one-to-one pairs: how many frames can agree when every track of the truth gets at most one of the result. */
#ifndef C5_MEASURE_HEAVIEST_H
#define C5_MEASURE_HEAVIEST_H

#include <stddef.h>
#include <stdint.h>

typedef struct c5_weighted { uint32_t row, col; uint64_t weight; } c5_weighted;

/* pairs: sorted by row, each pair once, weights below 2^62. Only pairs given may be chosen; nothing of size rows x columns is made. */
int c5_heaviest_pairs(uint64_t *weight, const c5_weighted *pairs, size_t n, size_t rows, size_t cols);

#endif
