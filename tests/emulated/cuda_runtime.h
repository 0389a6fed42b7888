/* cuda_runtime.h – CUDA C for a host compiler: see cuda_runtime_api.h. */
#ifndef C5_EMULATED_RUNTIME_H
#define C5_EMULATED_RUNTIME_H

#include "cuda_runtime_api.h"

#define __global__
#define __device__
#define __host__
#define __launch_bounds__(threads)
#define __grid_constant__
#define __shared__ static /* blocks run one after another */

struct c5_dim { unsigned x; };
extern c5_dim threadIdx, blockIdx, blockDim, gridDim;
void __syncthreads();

struct alignas(16) float4 { float x, y, z, w; };
struct alignas(16) uint4 { uint32_t x, y, z, w; };

#endif
