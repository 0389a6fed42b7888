/* cpus.h – marks functions to be compiled for several vector widths, the best picked when the program starts.
 * All variants give the same bits: no fused multiply-add (-ffp-contract=off for the whole project), no reordered sums. Off under
 * sanitizers, whose checks run before the picking may. */
#ifndef C5_BASE_CPUS_H
#define C5_BASE_CPUS_H

#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
	!defined(__SANITIZE_THREAD__) && defined(__OPTIMIZE__)
#if __GNUC__ >= 12
#define FOR_CPUS __attribute__((target_clones("arch=x86-64-v4", "avx2", "default"))) /* v4: AVX-512 with its byte and word operations */
#else
#define FOR_CPUS __attribute__((target_clones("avx512f", "avx2", "default")))
#endif
#else
#define FOR_CPUS
#endif

#endif
