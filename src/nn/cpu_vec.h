/* cpu_vec.h – how own loops read and write float32 and bfloat16 alike: bodies are always inlined with a constant type into functions marked
 * FOR_CPUS, and the compiler vectorises them. Private to src/nn/cpu_*.c. */
#ifndef C5_NN_CPU_VEC_H
#define C5_NN_CPU_VEC_H

#include <stddef.h>
#include <stdint.h>

#include "base/cpus.h"
#include "nn/backend.h"

#define C5_INLINE static inline __attribute__((always_inline))
#define C5_LANES 16

C5_INLINE float c5_get(int type, const void *p, size_t i)
{
	if (type != C5_TYPE_BF16) return ((const float *)p)[i];
	union { uint32_t u; float f; } v = { .u = (uint32_t)((const uint16_t *)p)[i] << 16 };
	return v.f;
}

/* Rounds to nearest even; NaN stays NaN. */
C5_INLINE void c5_put(int type, void *p, size_t i, float x)
{
	if (type != C5_TYPE_BF16) {
		((float *)p)[i] = x;
		return;
	}
	union { float f; uint32_t u; } v = { .f = x };
	uint32_t rounded = (v.u + 0x7fff + (v.u >> 16 & 1)) >> 16, quiet = v.u >> 16 | 0x40;
	((uint16_t *)p)[i] = (uint16_t)((v.u & 0x7fffffff) > 0x7f800000 ? quiet : rounded);
}

/* exp to within 2 units in the last place, the same bits at every vector width; flushes below the smallest normal. */
C5_INLINE float c5_exp(float x)
{
	x = x > 88.0f ? 88.0f : x;
	float low = x < -87.0f ? 0.0f : 1.0f;
	x = x < -87.0f ? -87.0f : x;
	float n = (x * 1.44269504f + 12582912.0f) - 12582912.0f;
	float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
	float p = 1.9875691500e-4f;
	p = p * r + 1.3981999507e-3f;
	p = p * r + 8.3334519073e-3f;
	p = p * r + 4.1665795894e-2f;
	p = p * r + 1.6666665459e-1f;
	p = p * r + 5.0000001201e-1f;
	p = p * r * r + r + 1.0f;
	union { int32_t i; float f; } s = { .i = ((int32_t)n + 127) << 23 };
	return p * s.f * low;
}

C5_INLINE size_t c5_bytes_of(int type) { return type == C5_TYPE_BF16 ? 2 : 4; }
C5_INLINE void *c5_at(int type, const void *p, size_t i) { return (uint8_t *)p + i * c5_bytes_of(type); }

#endif
