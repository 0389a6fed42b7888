/* keys.h – pixels of any type as whole numbers that sort like the values do. The room's own. */
#ifndef C5_IMAGE_KEYS_H
#define C5_IMAGE_KEYS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/dtype.h"

/* Of as many bytes as the type has. */
static inline uint64_t c5_key_at(int dtype, const void *pixels, size_t i)
{
	uint32_t u;
	uint64_t v;
	switch (dtype) {
	case C5_U8: return ((const uint8_t *)pixels)[i];
	case C5_U16: return ((const uint16_t *)pixels)[i];
	case C5_U32: return ((const uint32_t *)pixels)[i];
	case C5_I8: return (uint64_t)(((const int8_t *)pixels)[i] + 128);
	case C5_I16: return (uint64_t)(((const int16_t *)pixels)[i] + 32768);
	case C5_I32: return ((const uint32_t *)pixels)[i] ^ 0x80000000u;
	case C5_F32:
		memcpy(&u, (const float *)pixels + i, sizeof u);
		return u >> 31 ? ~u : u | 0x80000000u;
	default:
		memcpy(&v, (const double *)pixels + i, sizeof v);
		return v >> 63 ? ~v : v | 0x8000000000000000u;
	}
}

static inline double c5_key_value(int dtype, uint64_t key)
{
	float f;
	double d;
	uint32_t u = (uint32_t)key;
	switch (dtype) {
	case C5_U8: case C5_U16: case C5_U32: return (double)key;
	case C5_I8: return (double)key - 128;
	case C5_I16: return (double)key - 32768;
	case C5_I32: return (double)key - 2147483648.0;
	case C5_F32:
		u = u >> 31 ? u ^ 0x80000000u : ~u;
		memcpy(&f, &u, sizeof f);
		return (double)f;
	default:
		key = key >> 63 ? key ^ 0x8000000000000000u : ~key;
		memcpy(&d, &key, sizeof d);
		return d;
	}
}

#endif
