/* model_check.c – shapes and parameters of every layer, and refusal of what cannot compute; see model.h. One function a kind of layer.
 *
 * TensorFlow's "same": ceil(size / stride) outputs; of the pixels missing for that, half (rounded down) lie before the image, the rest after it. */
#include <ctype.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "nn/model.h"
#include "nn/model_parts.h"

#define SIZE_LIMIT (1 << 24)     /* of one axis, and of filters */
#define COUNT_LIMIT INT_MAX      /* of the numbers of one array */

const char *c5_shape_text(char to[C5_SHAPE_TEXT], int rank, const int *shape)
{
	if (rank == 1) snprintf(to, C5_SHAPE_TEXT, "%d", shape[0]);
	else if (rank == 2) snprintf(to, C5_SHAPE_TEXT, "%d x %d", shape[0], shape[1]);
	else snprintf(to, C5_SHAPE_TEXT, "%d x %d x %d", shape[0], shape[1], shape[2]);
	return to;
}

/* "layer 'c2' (conv): ..." */
static int __attribute__((format(printf, 2, 3))) refuse(const c5_layer *l, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return c5_fail(C5_EINPUT, "layer '%s' (%s): %s", l->name, c5_layer_kind_name(l->kind), text);
}

static const c5_layer *input_of(const c5_model *m, const c5_layer *l, int i) { return &m->layers[l->inputs[i]]; }

static int set_shape(c5_layer *l, int rank, int64_t a, int64_t b, int64_t c)
{
	const int64_t sizes[3] = { a, b, c };
	int64_t count = 1;
	l->rank = rank;
	for (int d = 0; d < 3; d++) {
		l->shape[d] = d < rank ? (int)sizes[d] : 0;
		if (d >= rank) continue;
		if (sizes[d] < 1 || sizes[d] > SIZE_LIMIT || (count *= sizes[d]) > COUNT_LIMIT)
			return refuse(l, "its output would be too large (%lld x %lld x %lld)", (long long)a, (long long)b, (long long)c);
	}
	return C5_OK;
}

static int like(c5_layer *l, const c5_layer *in)
{
	l->rank = in->rank;
	memcpy(l->shape, in->shape, sizeof l->shape);
	return C5_OK;
}

static int add_param(c5_layer *l, const char *name, bool trained, int rank, const int64_t shape[4])
{
	int64_t count = 1;
	int p = l->n_params++;
	snprintf(l->params[p].name, sizeof l->params[p].name, "%s", name);
	l->params[p].rank = rank;
	l->params[p].trained = trained;
	for (int d = 0; d < rank; d++) {
		if (shape[d] > SIZE_LIMIT || (count *= shape[d]) > COUNT_LIMIT) return refuse(l, "its %s would hold too many numbers", name);
		l->params[p].shape[d] = (int)shape[d];
	}
	l->params[p].count = (size_t)count;
	return C5_OK;
}

static int add_vector(c5_layer *l, const char *name, bool trained, int n)
{
	return add_param(l, name, trained, 1, (int64_t[4]){ n });
}

/* ---- what several kinds need ---- */

static int need_pixels(const c5_layer *l, const c5_layer *in)
{
	char text[C5_SHAPE_TEXT];
	if (in->rank == 3) return C5_OK;
	return refuse(l, "needs an input of channels x height x width, '%s' gives %s", in->name, c5_shape_text(text, in->rank, in->shape));
}

static int channels_of(const c5_layer *l) { return l->rank == 2 ? l->shape[1] : l->shape[0]; }

static int check_filters(const c5_layer *l, const char *what)
{
	if (l->filters >= 1 && l->filters <= SIZE_LIMIT) return C5_OK;
	return refuse(l, "%d %s; at least 1 is needed", l->filters, what);
}

static int check_window(c5_layer *l)
{
	bool pool = l->kind == C5_LAYER_MAX_POOL || l->kind == C5_LAYER_AVERAGE_POOL;
	for (int a = 0; a < 2; a++) {
		if (l->kernel[a] < 1 || l->kernel[a] > 4096) return refuse(l, "a %s of %d pixels; 1 to 4096 is needed", pool ? "window" : "kernel", l->kernel[a]);
		if (l->stride[a] == 0) l->stride[a] = pool ? l->kernel[a] : 1;
		if (l->dilation[a] == 0) l->dilation[a] = 1;
		if (l->stride[a] < 1 || l->stride[a] > 4096) return refuse(l, "a stride of %d", l->stride[a]);
		if (l->dilation[a] < 1 || l->dilation[a] > 4096) return refuse(l, "a dilation of %d", l->dilation[a]);
	}
	if (l->padding < C5_PAD_VALID || l->padding > C5_PAD_EXPLICIT) return refuse(l, "unknown padding %d", l->padding);
	return C5_OK;
}

/* Output size along axis a of a window sliding over `size` pixels; sets the pads. */
static int slide(int64_t *out, c5_layer *l, const c5_layer *in, int a)
{
	int64_t size = in->shape[1 + a], reach = (int64_t)(l->kernel[a] - 1) * l->dilation[a] + 1, stride = l->stride[a];
	int *before = &l->pad[2 * a], *after = before + 1;
	if (l->padding == C5_PAD_SAME) {
		*out = (size + stride - 1) / stride;
		int64_t missing = (*out - 1) * stride + reach - size;
		if (missing < 0) missing = 0;
		*before = (int)(missing / 2);
		*after = (int)(missing - missing / 2);
		return C5_OK;
	}
	if (l->padding == C5_PAD_VALID) *before = *after = 0;
	if (*before < 0 || *after < 0 || *before >= reach || *after >= reach)
		return refuse(l, "padding of %d and %d pixels; 0 to %lld are taken with this kernel", *before, *after, (long long)(reach - 1));
	int64_t room = size + *before + *after - reach;
	if (room < 0)
		return refuse(l, "its window of %lld pixels is larger than the %lld of '%s'; use larger images, fewer pools or padding: same", (long long)reach,
		              (long long)(size + *before + *after), in->name);
	*out = room / stride + 1;
	return C5_OK;
}

/* A transposed convolution: the size whose convolution with the same settings gives `size`. "valid" keeps all that the kernel reaches. A
 * kernel smaller than the stride leaves untouched pixels at the end: the pad after is negative. */
static int spread(int64_t *out, c5_layer *l, const c5_layer *in, int a)
{
	int64_t size = in->shape[1 + a], reach = (int64_t)(l->kernel[a] - 1) * l->dilation[a] + 1, stride = l->stride[a];
	int *before = &l->pad[2 * a], *after = before + 1;
	int64_t surplus = reach - stride;
	if (l->padding == C5_PAD_SAME) {
		*before = (int)(surplus > 0 ? surplus / 2 : 0);
		*after = (int)(surplus - *before);
	} else if (l->padding == C5_PAD_VALID) {
		*before = *after = 0;
	}
	if (*before < 0 || *before >= reach || *after <= -stride || *after >= reach)
		return refuse(l, "padding of %d and %d pixels does not fit", *before, *after);
	*out = (size - 1) * stride + reach - *before - *after;
	return *out < 1 ? refuse(l, "its padding leaves nothing of the output") : C5_OK;
}

/* ---- one function a kind ---- */

static int check_input(c5_model *m, c5_layer *l)
{
	ptrdiff_t index = l - m->layers;
	if (index > 0 && m->layers[index - 1].kind != C5_LAYER_INPUT) return refuse(l, "inputs come before all other layers");
	if (l->rank < 1 || l->rank > 3) return refuse(l, "a shape of 1 to 3 sizes is needed, not %d", l->rank);
	return set_shape(l, l->rank, l->shape[0], l->shape[1], l->shape[2]);
}

static int check_conv(c5_model *m, c5_layer *l)
{
	int err;
	int64_t out[2] = { 0 };
	const c5_layer *in = input_of(m, l, 0);
	if ((err = need_pixels(l, in)) < 0 || (err = check_filters(l, "filters")) < 0 || (err = check_window(l)) < 0) return err;
	if (l->groups == 0) l->groups = 1;
	if (l->groups < 1 || in->shape[0] % l->groups || l->filters % l->groups)
		return refuse(l, "%d groups do not divide the %d channels of '%s' and the %d filters", l->groups, in->shape[0], in->name, l->filters);
	for (int a = 0; a < 2; a++)
		if ((err = slide(&out[a], l, in, a)) < 0) return err;
	if ((err = set_shape(l, 3, l->filters, out[0], out[1])) < 0) return err;
	if ((err = add_param(l, "weights", true, 4, (int64_t[4]){ l->filters, in->shape[0] / l->groups, l->kernel[0], l->kernel[1] })) < 0) return err;
	return l->bias ? add_vector(l, "bias", true, l->filters) : C5_OK;
}

static int check_conv_transpose(c5_model *m, c5_layer *l)
{
	int err;
	int64_t out[2] = { 0 };
	const c5_layer *in = input_of(m, l, 0);
	if ((err = need_pixels(l, in)) < 0 || (err = check_filters(l, "filters")) < 0 || (err = check_window(l)) < 0) return err;
	if (l->groups > 1) return refuse(l, "%d groups; only one is known", l->groups);
	l->groups = 1;
	for (int a = 0; a < 2; a++)
		if ((err = spread(&out[a], l, in, a)) < 0) return err;
	if ((err = set_shape(l, 3, l->filters, out[0], out[1])) < 0) return err;
	if ((err = add_param(l, "weights", true, 4, (int64_t[4]){ l->filters, in->shape[0], l->kernel[0], l->kernel[1] })) < 0) return err;
	return l->bias ? add_vector(l, "bias", true, l->filters) : C5_OK;
}

static int check_pool(c5_model *m, c5_layer *l)
{
	int err;
	int64_t out[2] = { 0 };
	const c5_layer *in = input_of(m, l, 0);
	if ((err = need_pixels(l, in)) < 0 || (err = check_window(l)) < 0) return err;
	if (l->dilation[0] != 1 || l->dilation[1] != 1) return refuse(l, "pools have no dilation");
	for (int a = 0; a < 2; a++)
		if ((err = slide(&out[a], l, in, a)) < 0) return err;
	return set_shape(l, 3, in->shape[0], out[0], out[1]);
}

static int check_dense(c5_model *m, c5_layer *l)
{
	const c5_layer *in = input_of(m, l, 0);
	int64_t fan = 1;
	int err = check_filters(l, "units");
	if (err < 0) return err;
	if (in->rank == 2) return refuse(l, "'%s' gives a sequence; flatten it, or take the last state of an lstm", in->name);
	for (int d = 0; d < in->rank; d++) fan *= in->shape[d];
	if ((err = set_shape(l, 1, l->filters, 0, 0)) < 0) return err;
	if ((err = add_param(l, "weights", true, 2, (int64_t[4]){ l->filters, fan })) < 0) return err;
	return l->bias ? add_vector(l, "bias", true, l->filters) : C5_OK;
}

static int check_global_pool(c5_model *m, c5_layer *l)
{
	const c5_layer *in = input_of(m, l, 0);
	int err = need_pixels(l, in);
	return err < 0 ? err : set_shape(l, 1, in->shape[0], 0, 0);
}

static int check_norm(c5_model *m, c5_layer *l)
{
	const c5_layer *in = input_of(m, l, 0);
	int err, channels = channels_of(in);
	if (l->epsilon == 0) l->epsilon = 1e-5f;
	if (!(l->epsilon > 0 && l->epsilon < 1)) return refuse(l, "epsilon %g; more than 0 and less than 1 is needed", (double)l->epsilon);
	if (l->kind == C5_LAYER_GROUP_NORM) {
		if (in->rank == 2) return refuse(l, "'%s' gives a sequence; channels x height x width or a list of channels is needed", in->name);
		if (l->norm_groups < 1 || channels % l->norm_groups) return refuse(l, "%d groups do not divide %d channels", l->norm_groups, channels);
	} else {
		if (l->momentum == 0) l->momentum = 0.9f;
		if (!(l->momentum > 0 && l->momentum < 1)) return refuse(l, "momentum %g; 0 to 1 is needed", (double)l->momentum);
	}
	like(l, in);
	if ((err = add_vector(l, "scale", true, channels)) < 0 || (err = add_vector(l, "shift", true, channels)) < 0) return err;
	if (l->kind == C5_LAYER_GROUP_NORM) return C5_OK;
	if ((err = add_vector(l, "mean", false, channels)) < 0) return err;
	return add_vector(l, "variance", false, channels);
}

static int check_activation(c5_model *m, c5_layer *l)
{
	if (l->activation == C5_ACT_NONE) return refuse(l, "says no function; relu, relu6, leaky_relu, elu, sigmoid or tanh");
	return like(l, input_of(m, l, 0));
}

static int check_softmax(c5_model *m, c5_layer *l)
{
	const c5_layer *in = input_of(m, l, 0);
	if (channels_of(in) < 2) return refuse(l, "'%s' gives one channel, whose softmax is always 1; use a sigmoid, or two classes", in->name);
	return like(l, in);
}

static int check_dropout(c5_model *m, c5_layer *l)
{
	if (!(l->rate >= 0 && l->rate < 1)) return refuse(l, "rate %g; 0 to below 1 is needed", (double)l->rate);
	return like(l, input_of(m, l, 0));
}

static int check_add(c5_model *m, c5_layer *l)
{
	char a[C5_SHAPE_TEXT], b[C5_SHAPE_TEXT];
	const c5_layer *first = input_of(m, l, 0);
	for (int i = 1; i < l->n_inputs; i++) {
		const c5_layer *in = input_of(m, l, i);
		if (in->rank != first->rank || memcmp(in->shape, first->shape, sizeof in->shape) != 0)
			return refuse(l, "'%s' gives %s, '%s' gives %s; all must agree", first->name, c5_shape_text(a, first->rank, first->shape), in->name,
			              c5_shape_text(b, in->rank, in->shape));
	}
	return like(l, first);
}

static int check_concat(c5_model *m, c5_layer *l)
{
	char a[C5_SHAPE_TEXT], b[C5_SHAPE_TEXT];
	const c5_layer *first = input_of(m, l, 0);
	int axis = first->rank == 2;
	int64_t shape[3] = { first->shape[0], first->shape[1], first->shape[2] };
	for (int i = 1; i < l->n_inputs; i++) {
		const c5_layer *in = input_of(m, l, i);
		for (int d = 0; d < 3; d++)
			if (in->rank != first->rank || (d != axis && in->shape[d] != first->shape[d]))
				return refuse(l, "'%s' gives %s, '%s' gives %s; all but the channels must agree", first->name,
				              c5_shape_text(a, first->rank, first->shape), in->name, c5_shape_text(b, in->rank, in->shape));
		shape[axis] += in->shape[axis];
	}
	return set_shape(l, first->rank, shape[0], shape[1], shape[2]);
}

static int check_flatten(c5_model *m, c5_layer *l)
{
	const c5_layer *in = input_of(m, l, 0);
	int64_t n = 1;
	for (int d = 0; d < in->rank; d++) n *= in->shape[d];
	return set_shape(l, 1, n, 0, 0);
}

static int check_upsample(c5_model *m, c5_layer *l)
{
	const c5_layer *in = input_of(m, l, 0);
	int err = need_pixels(l, in);
	if (err < 0) return err;
	if (l->factor < 1 || l->factor > 64) return refuse(l, "factor %d; 1 to 64 is needed", l->factor);
	return set_shape(l, 3, in->shape[0], (int64_t)in->shape[1] * l->factor, (int64_t)in->shape[2] * l->factor);
}

static int check_lstm(c5_model *m, c5_layer *l)
{
	char text[C5_SHAPE_TEXT];
	const c5_layer *in = input_of(m, l, 0);
	int64_t gates = 4 * (int64_t)l->filters;
	int err = check_filters(l, "units");
	if (err < 0) return err;
	if (in->rank != 2) return refuse(l, "needs a sequence of steps x channels, '%s' gives %s", in->name, c5_shape_text(text, in->rank, in->shape));
	if ((err = l->sequences ? set_shape(l, 2, in->shape[0], l->filters, 0) : set_shape(l, 1, l->filters, 0, 0)) < 0) return err;
	if ((err = add_param(l, "weights", true, 2, (int64_t[4]){ gates, in->shape[1] })) < 0) return err;
	if ((err = add_param(l, "recurrent", true, 2, (int64_t[4]){ gates, l->filters })) < 0) return err;
	return add_param(l, "bias", true, 1, (int64_t[4]){ gates });
}

static const struct rule { int (*check)(c5_model *m, c5_layer *l); int least, most; bool activation; } rules[C5_LAYER_END] = {
	[C5_LAYER_INPUT] = { check_input, 0, 0, false },
	[C5_LAYER_CONV] = { check_conv, 1, 1, true },
	[C5_LAYER_CONV_TRANSPOSE] = { check_conv_transpose, 1, 1, true },
	[C5_LAYER_DENSE] = { check_dense, 1, 1, true },
	[C5_LAYER_MAX_POOL] = { check_pool, 1, 1, false },
	[C5_LAYER_AVERAGE_POOL] = { check_pool, 1, 1, false },
	[C5_LAYER_GLOBAL_POOL] = { check_global_pool, 1, 1, false },
	[C5_LAYER_BATCH_NORM] = { check_norm, 1, 1, true },
	[C5_LAYER_GROUP_NORM] = { check_norm, 1, 1, true },
	[C5_LAYER_ACTIVATION] = { check_activation, 1, 1, true },
	[C5_LAYER_SOFTMAX] = { check_softmax, 1, 1, false },
	[C5_LAYER_DROPOUT] = { check_dropout, 1, 1, false },
	[C5_LAYER_ADD] = { check_add, 2, C5_LAYER_INPUTS_MAX, true },
	[C5_LAYER_CONCAT] = { check_concat, 2, C5_LAYER_INPUTS_MAX, false },
	[C5_LAYER_FLATTEN] = { check_flatten, 1, 1, false },
	[C5_LAYER_UPSAMPLE] = { check_upsample, 1, 1, false },
	[C5_LAYER_LSTM] = { check_lstm, 1, 1, false },
};

/* ---- the model ---- */

/* Names are words in the text form and groups in a container. */
static int check_name(const c5_model *m, int index)
{
	const c5_layer *l = &m->layers[index];
	if (!*l->name || strcmp(l->name, ".") == 0 || strcmp(l->name, "..") == 0)
		return c5_fail(C5_EINPUT, "layer %d (%s): it has no name", index, c5_layer_kind_name(l->kind));
	for (const char *s = l->name; *s; s++)
		if (!isgraph((unsigned char)*s) || *s == '/') return refuse(l, "names are of letters, digits and signs without blanks and slashes");
	int other = c5_model_find(m, l->name);
	if (other != index) return refuse(l, "layer %d is called so already", other);
	return C5_OK;
}

static int check_settings(c5_layer *l, const struct rule *rule)
{
	if (l->activation < C5_ACT_NONE || l->activation > C5_ACT_TANH) return refuse(l, "unknown activation %d", l->activation);
	if (l->activation && !rule->activation) return refuse(l, "takes no activation; add one as a layer of its own");
	if (l->slope == 0 && l->activation == C5_ACT_LEAKY_RELU) l->slope = 0.01f;
	if (l->slope == 0 && l->activation == C5_ACT_ELU) l->slope = 1;
	if (!isfinite(l->slope)) return refuse(l, "a slope that is no number");
	return C5_OK;
}

int c5_layer_check(c5_model *m, int index)
{
	c5_layer *l = &m->layers[index];
	int err = check_name(m, index);
	if (err < 0) return err;
	if (l->kind < 0 || l->kind >= C5_LAYER_END) return refuse(l, "unknown kind %d", l->kind);
	const struct rule *rule = &rules[l->kind];
	if (l->n_inputs < rule->least || l->n_inputs > rule->most)
		return refuse(l, "it has %d inputs, expected %d%s", l->n_inputs, rule->least, rule->most > rule->least ? " or more" : "");
	for (int i = 0; i < l->n_inputs; i++)
		if (l->inputs[i] < 0 || l->inputs[i] >= index) return refuse(l, "input %d is not a layer before it", l->inputs[i]);
	l->n_params = 0;
	memset(l->params, 0, sizeof l->params);
	if ((err = check_settings(l, rule)) < 0) return err;
	return rule->check(m, l);
}

int c5_model_check(c5_model *m)
{
	int err = C5_OK;
	bool input = false;
	for (int i = 0; i < m->n_layers && err == C5_OK; i++) {
		err = c5_layer_check(m, i);
		input = input || m->layers[i].kind == C5_LAYER_INPUT;
	}
	if (err < 0) return c5_fail_in(err, "%s", m->name);
	if (!input || m->n_layers < 2) return c5_fail(C5_EINPUT, "%s: an input and a layer at least are needed", m->name);
	if (m->n_outputs == 0) m->outputs[m->n_outputs++] = m->n_layers - 1;
	if (m->n_outputs < 0 || m->n_outputs > C5_LAYER_INPUTS_MAX) return c5_fail(C5_EINPUT, "%s: %d outputs", m->name, m->n_outputs);
	for (int i = 0; i < m->n_outputs; i++)
		if (m->outputs[i] < 0 || m->outputs[i] >= m->n_layers) return c5_fail(C5_EINPUT, "%s: output %d is no layer", m->name, m->outputs[i]);
	return C5_OK;
}
