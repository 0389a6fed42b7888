/* sha256.h – content digests, by libcrypto. */
#ifndef C5_BASE_SHA256_H
#define C5_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define C5_SHA256_TEXT 65

/* The digest of n bytes as lower-case hexadecimal text; returns `to`. */
char *c5_sha256(char to[C5_SHA256_TEXT], const void *data, size_t n);
/* The digest itself. */
void c5_sha256_bytes(uint8_t to[32], const void *data, size_t n);

#endif
