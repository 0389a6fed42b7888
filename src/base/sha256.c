/* sha256.c – see sha256.h. */
#include "base/sha256.h"

#include <openssl/sha.h>
#include <stdio.h>

void c5_sha256_bytes(uint8_t to[SHA256_DIGEST_LENGTH], const void *data, size_t n) { SHA256(data, n, to); }

char *c5_sha256(char to[C5_SHA256_TEXT], const void *data, size_t n)
{
	uint8_t sum[SHA256_DIGEST_LENGTH];
	c5_sha256_bytes(sum, data, n);
	for (int i = 0; i < SHA256_DIGEST_LENGTH; i++) sprintf(to + 2 * i, "%02x", sum[i]);
	return to;
}
