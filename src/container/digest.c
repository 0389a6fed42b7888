/* digest.c – see digest.h. A digest is of a line that says type and shape, and the content in row-major order. */
#include "container/digest.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "container/neutral.h"
#include "container/object.h"

static int add_shape(c5_buf *b, const c5_object *o)
{
	c5_text_addf(b, "%s", o->type);
	for (int i = 0; i < o->rank; i++) c5_text_addf(b, " %llu", (unsigned long long)o->dims[i]);
	for (size_t i = 0; i < o->n_columns; i++) {
		const c5_column *c = &o->columns[i];
		if (c->text) c5_text_addf(b, " %s:text%d", c->name, c->text);
		else c5_text_addf(b, " %s:%s", c->name, c5_dtype_name(c->dtype));
	}
	c5_text_add(b, "\n");
	return b->err;
}

static int digest_one(c5_file *f, const char *path, const c5_object *o, char hex[65])
{
	EVP_MD_CTX *sha = EVP_MD_CTX_new();
	unsigned char sum[32];
	c5_content *content = NULL;
	c5_buf shape = { 0 };
	const void *bytes;
	size_t n;
	int err = sha && EVP_DigestInit_ex(sha, EVP_sha256(), NULL) ? add_shape(&shape, o) : c5_fail(C5_ENOMEM, "out of memory");
	if (err == C5_OK) {
		EVP_DigestUpdate(sha, shape.data, shape.size);
		if ((err = c5_content_open(&content, f, path)) == C5_OK) c5_neutral_blank(content, path, o);
	}
	while (err == C5_OK && (err = c5_content_next(content, &bytes, &n)) == C5_OK && n) EVP_DigestUpdate(sha, bytes, n);
	if (err == C5_OK && EVP_DigestFinal_ex(sha, sum, NULL))
		for (int i = 0; i < 32; i++) snprintf(hex + 2 * i, 3, "%02x", sum[i]);
	c5_content_close(content);
	c5_buf_free(&shape);
	EVP_MD_CTX_free(sha);
	return err;
}

static int walk(c5_file *f, const char *path, c5_digest_fn *fn, void *to, int depth)
{
	c5_object o;
	char hex[65] = "", **names = NULL;
	size_t n = 0;
	int err = c5_object_look(&o, f, path);
	if (err < 0) return err;
	if (o.kind == C5_KIND_GROUP) {
		if (depth > 60) err = c5_fail(C5_EINPUT, "%s:%s: groups in groups without end", c5_file_path(f), path);
		else err = c5_list(f, path, &names, &n);
		for (size_t i = 0; err == C5_OK && i < n; i++) {
			char *child = c5_format("%s/%s", strcmp(path, "/") == 0 ? "" : path, names[i]);
			err = child ? walk(f, child, fn, to, depth + 1) : c5_fail(C5_ENOMEM, "out of memory");
			free(child);
		}
		c5_names_free(names, n);
	} else if (o.kind != C5_KIND_LINK && o.element) {
		err = digest_one(f, path, &o, hex);
		if (err == C5_OK) err = fn(to, path, hex);
	}
	c5_object_free(&o);
	return err;
}

int c5_digest(c5_file *f, const char *path, c5_digest_fn *fn, void *to)
{
	static const char *const rooms[] = { "/experiments", "/models", "/searches", "/screens" };
	int err = C5_OK;
	if (path) return walk(f, path, fn, to, 0);
	for (size_t i = 0; err == C5_OK && i < sizeof rooms / sizeof *rooms; i++)
		if (c5_exists(f, rooms[i])) err = walk(f, rooms[i], fn, to, 0);
	return err;
}
