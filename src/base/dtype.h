/* dtype.h – the pixel types a microscope writes and a container stores. */
#ifndef C5_BASE_DTYPE_H
#define C5_BASE_DTYPE_H

#include <stddef.h>

/* 64-bit integers: in tables only */
enum c5_dtype { C5_U8 = 1, C5_U16, C5_U32, C5_I8, C5_I16, C5_I32, C5_F32, C5_F64, C5_I64, C5_U64, C5_DTYPE_END };

/* Bytes of one element; 0 for a value that is no type. */
static inline size_t c5_dtype_size(int t)
{
	switch (t) {
	case C5_U8: case C5_I8: return 1;
	case C5_U16: case C5_I16: return 2;
	case C5_U32: case C5_I32: case C5_F32: return 4;
	case C5_F64: case C5_I64: case C5_U64: return 8;
	default: return 0;
	}
}

/* "uint16", "float32" ... as NumPy spells them. */
static inline const char *c5_dtype_name(int t)
{
	static const char *const names[] = { "?", "uint8", "uint16", "uint32", "int8", "int16", "int32", "float32", "float64", "int64", "uint64" };
	return t >= C5_U8 && t < C5_DTYPE_END ? names[t] : names[0];
}

#endif
