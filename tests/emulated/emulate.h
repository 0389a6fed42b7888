/* emulate.h – runs a kernel on the host, block after block; the threads of a block that meet take turns at every __syncthreads. */
#ifndef C5_EMULATED_EMULATE_H
#define C5_EMULATED_EMULATE_H

#include <functional>

#include "cuda_runtime.h"

/* Does it now, or keeps it if the stream is being captured. */
void c5_emulated_do(cudaStream_t s, std::function<void()> work);
bool c5_emulated_capturing(cudaStream_t s);
void c5_emulated_run(bool meet, unsigned blocks, unsigned threads, const std::function<void()> &thread);

template <class F> void c5_emulate(bool meet, size_t blocks, unsigned threads, cudaStream_t s, F thread)
{
	c5_emulated_do(s, [=]() { c5_emulated_run(meet, (unsigned)blocks, threads, thread); });
}

#endif
