/* sha256.c – see sha256.h. */
#include "base/sha256.h"

#include <openssl/sha.h>
#include <stdio.h>

char *c5_sha256(char to[C5_SHA256_TEXT], const void *data, size_t n)
{
	unsigned char sum[SHA256_DIGEST_LENGTH];
	SHA256(data, n, sum);
	for (int i = 0; i < SHA256_DIGEST_LENGTH; i++) sprintf(to + 2 * i, "%02x", sum[i]);
	return to;
}
