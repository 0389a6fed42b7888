/* device.c – opening devices by name, and tensor descriptions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "nn/backend.h"

static int open_on(c5_device **out, const struct c5_backend *b, int index)
{
	c5_device *d;
	int err = c5_alloc(&d, 1, sizeof *d);
	if (err) return err;
	d->b = b;
	err = b->open(&d->dev, index);
	if (err) {
		free(d);
		return err;
	}
	b->describe(d->dev, d->name, sizeof d->name);
	*out = d;
	return C5_OK;
}

static int preferred; /* GPU of this process where any would do */

void c5_device_prefer(int at) { preferred = at; }

/* -1: the CPU. */
static int find(int *index, const char *spec)
{
	char rest;
	*index = -1;
	if (!spec || !strcmp(spec, "cpu")) return C5_OK;
	bool any = !strcmp(spec, "auto"), numbered = !any && strcmp(spec, "cuda") != 0;
	if (numbered && (sscanf(spec, "cuda:%d%c", index, &rest) != 1 || *index < 0))
		return c5_fail(C5_EUSAGE, "device '%s': expected auto, cpu, cuda or cuda:N", spec);
#ifdef C5_HAVE_CUDA
	int n, err = c5_cuda_count(&n);
	if (err && any) c5_error_clear();
	if (err) return any ? C5_OK : err;
	if (!numbered) *index = preferred % n;
	if (*index < n) return C5_OK;
	return c5_fail(C5_ENOTFOUND, "device '%s': there %s %d GPU%s here, counted from 0; use --device cpu or a lower number", spec, n == 1 ? "is" : "are",
		n, n == 1 ? "" : "s");
#else
	return any ? C5_OK : c5_fail(C5_ENOTFOUND, "device '%s': this program was built without CUDA; use --device cpu", spec);
#endif
}

int c5_device_check(const char *spec)
{
	int index;
	return find(&index, spec);
}

int c5_device_open(c5_device **out, const char *spec)
{
	int index, err = find(&index, spec);
	*out = NULL;
	if (err) return err;
#ifdef C5_HAVE_CUDA
	if (index >= 0) {
		err = open_on(out, &c5_backend_cuda, index);
		if (!err || strcmp(spec, "auto") != 0) return err;
		c5_error_clear();
	}
#endif
	return open_on(out, &c5_backend_onednn, 0);
}

void c5_device_close(c5_device *d)
{
	if (!d) return;
	d->b->close(d->dev);
	free(d);
}

const char *c5_device_name(const c5_device *d)
{
	return d->name;
}

bool c5_device_has_bf16(const c5_device *d)
{
	return d->b->has_bf16(d->dev);
}

size_t c5_device_free_bytes(const c5_device *d)
{
	return d->b->free_bytes(d->dev);
}

int c5_op_by_number(c5_op *op)
{
	const c5_op_spec *s = &op->spec;
	if (s->kind == C5_LAYER_ACTIVATION && s->activation == C5_ACT_LEAKY_RELU && s->slope < 0)
		return c5_fail(C5_EINPUT, "leaky relu with slope %g: expected >= 0", (double)s->slope);
	if (s->kind == C5_LAYER_DROPOUT && c5_dropout_threshold(s->layer->rate) >= 65536)
		return c5_fail(C5_EINPUT, "dropout of rate %g: expected below 1", (double)s->layer->rate);
	op->out_over = C5_OVER_MAY;
	op->grad_over = 0;
	op->grad_same = s->kind == C5_LAYER_ADD;
	op->back_out = s->kind == C5_LAYER_ACTIVATION || (s->kind == C5_LAYER_ADD && s->activation != C5_ACT_NONE);
	return C5_OK;
}

bool c5_desc_same(const c5_desc *a, const c5_desc *b)
{
	if (a->type != b->type || a->rank != b->rank || a->layout != b->layout) return false;
	for (int i = 0; i < a->rank; i++)
		if (a->dims[i] != b->dims[i]) return false;
	return true;
}

size_t c5_desc_count(const c5_desc *d)
{
	size_t n = 1;
	for (int i = 0; i < d->rank; i++) n *= (size_t)d->dims[i];
	return n;
}

void c5_desc_plain(c5_desc *d, int type, int rank, const int64_t *dims)
{
	c5_desc made = { .type = type, .rank = rank };
	for (int i = 0; i < rank; i++) made.dims[i] = dims[i]; /* may be d's own */
	*d = made;
	d->bytes = c5_desc_count(d) * (type == C5_TYPE_BF16 ? 2 : 4);
}
