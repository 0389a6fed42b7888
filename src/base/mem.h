/* mem.h – allocation that fails as a value, growing byte buffers, and paths built with printf. */
#ifndef C5_BASE_MEM_H
#define C5_BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

/* n * size zeroed bytes in *out; C5_ENOMEM (with the size wanted) on failure or overflow. */
int c5_alloc(void *out, size_t n, size_t size);
/* Like c5_alloc, 64-byte aligned, not zeroed; freed by free(). */
int c5_alloc_aligned(void *out, size_t n, size_t size);
/* Grows the array *p of `size`-byte elements so that it holds `need`; *cap is kept. New elements are zero. */
int c5_grow(void *p, size_t *cap, size_t need, size_t size);

/* printf into fresh memory; NULL when out of memory. Caller frees. */
char *c5_format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
char *c5_strdup(const char *s); /* NULL in, NULL out */

/* A growing byte buffer, and a reader over one: how plans travel between ranks. Native byte order: never stored. */
typedef struct c5_buf { uint8_t *data; size_t size, cap, at; int err; } c5_buf;
void c5_buf_free(c5_buf *b);
void c5_buf_put(c5_buf *b, const void *data, size_t n);   /* sets err on failure, later calls do nothing */
void c5_buf_put_u64(c5_buf *b, uint64_t v);
void c5_buf_put_f64(c5_buf *b, double v);
void c5_buf_put_str(c5_buf *b, const char *s);            /* NULL is kept as NULL */
int c5_buf_get(c5_buf *b, void *data, size_t n);          /* C5_EFAIL past the end */
int c5_buf_get_u64(c5_buf *b, uint64_t *v);
int c5_buf_get_f64(c5_buf *b, double *v);
int c5_buf_get_str(c5_buf *b, char **s);                  /* caller frees *s */

#endif
