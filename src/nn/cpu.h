/* cpu.h – loops of our own on the CPU, for what oneDNN has not or does not fuse. Vectorised by the compiler for several widths (base/cpus.h); sums
 * run in a fixed order, so that no result depends on the number of threads. */
#ifndef C5_NN_CPU_H
#define C5_NN_CPU_H

#include "nn/backend.h"

/* Number by number over whole buffers, padding too; `type` is enum c5_type. In place is fine. */
void c5_cpu_accumulate(int type, size_t n, void *to, const void *from);
void c5_cpu_act_forward(int act, float slope, int type, size_t n, const void *x, void *y);
/* gx = gy * act'(y): the derivative from the output. */
void c5_cpu_act_backward(int act, float slope, int type, size_t n, const void *y, const void *gy, void *gx);

/* The table's entries (backend.h). */
size_t c5_cpu_loss_scratch(void *dev, const c5_desc *output);
int c5_cpu_loss(void *dev, const c5_loss_args *a, double *value);
size_t c5_cpu_norm_scratch(void *dev, size_t n);
int c5_cpu_norm(void *dev, size_t n, const float *g, void *scratch, double *squares);
int c5_cpu_update(void *dev, const c5_update *u, size_t n, float *w, const float *g, float *m, float *v, float *average);

#endif
