/* scorer.c – see scorer.h. */
#include "classify/scorer.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/dtype.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/threads.h"
#include "classify/calibrate.h"

struct c5_scorer {
	c5_device *device;          /* borrowed */
	const c5_member *members;   /* borrowed, (n) */
	size_t n;
	c5_net **nets;              /* (n) */
	int classes, batch;
	bool sigmoid;               /* one output: the probability of class 1 */
	int precision;
	/* what is bound */
	int dtype, n_channels, height, width;
	int (*from)[C5_CHANNELS_MAX]; /* (n) */
	bool (*lacks)[C5_CHANNELS_MAX];
	int (*window)[2];           /* (n) height and width of the crops' middle that a member is shown; 0: all of them */
	void *middle;               /* (threads, a crop): the middle by itself */
	void *pixels[2];            /* (batch, n_channels, height, width) */
	float *inputs;              /* (largest member's batch) */
	float *scratch;             /* (threads, scratch_each) */
	size_t scratch_each, input_most;
	float *split;               /* one input of several, gathered */
	float *answers;             /* (batch, outputs) */
	const uint8_t *quiet;       /* (n) or NULL */
	int views;
	float *turned, *view;       /* a batch's inputs otherwise looked at, and what is said to them: (batch, classes) */
};

void c5_member_free(c5_member *m)
{
	free(m->name);
	c5_model_free(m->model);
	c5_weights_free(m->weights);
	memset(m, 0, sizeof *m);
}

static size_t input_count(const c5_prepare *p) { return (size_t)p->channels * (size_t)p->height * (size_t)p->width; }

/* The model's inputs must take the prepared channels in order, and its first output must be class probabilities. */
static int check_member(const c5_member *m, int *outputs, bool *sigmoid)
{
	int channels = 0;
	for (int i = 0; i < m->model->n_layers; i++) {
		const c5_layer *l = &m->model->layers[i];
		if (l->kind != C5_LAYER_INPUT) continue;
		if (l->rank != 3 || l->shape[1] != m->prepare.height || l->shape[2] != m->prepare.width)
			return c5_fail(C5_EINPUT, "%s: its input %s takes %d x %d px, its preparation makes %d x %d", m->name, l->name, l->shape[1], l->shape[2],
				m->prepare.height, m->prepare.width);
		channels += l->shape[0];
	}
	if (channels != m->prepare.channels)
		return c5_fail(C5_EINPUT, "%s: its inputs take %d channels, its preparation makes %d", m->name, channels, m->prepare.channels);
	const c5_layer *last = m->model->n_outputs == 1 ? &m->model->layers[m->model->outputs[0]] : NULL;
	bool one = last && last->rank == 1 && last->shape[0] == 1 && last->activation == C5_ACT_SIGMOID;
	if (!one && (!last || last->rank != 1 || last->shape[0] < 2 || last->kind != C5_LAYER_SOFTMAX))
		return c5_fail(C5_EINPUT, "%s: its output is no list of class probabilities (one softmax over two classes or more, or one sigmoid)", m->name);
	*outputs = last->shape[0];
	*sigmoid = one;
	return C5_OK;
}

static void free_nets(c5_scorer *s)
{
	for (size_t k = 0; s->nets && k < s->n; k++) {
		c5_net_free(s->nets[k]);
		s->nets[k] = NULL;
	}
}

static int make_nets(c5_scorer *s)
{
	for (size_t k = 0; k < s->n; k++) {
		const c5_net_how how = { .batch = s->batch, .precision = s->precision };
		int err = c5_net_make(&s->nets[k], s->device, s->members[k].model, s->members[k].weights, &how);
		if (err < 0) {
			free_nets(s);
			return err;
		}
	}
	return C5_OK;
}

int c5_scorer_open(c5_scorer **out, c5_device *device, const c5_member *members, size_t n, int batch, int precision)
{
	c5_scorer *s;
	int err = c5_alloc(&s, 1, sizeof *s);
	*out = NULL;
	if (err < 0) return err;
	*s = (c5_scorer){ .device = device, .members = members, .n = n, .batch = batch < 1 ? 1 : batch, .precision = precision, .views = 1 };
	for (size_t k = 0; err == C5_OK && k < n; k++) {
		int outputs;
		bool sigmoid;
		if ((err = check_member(&members[k], &outputs, &sigmoid)) < 0) break;
		int classes = sigmoid ? 2 : outputs;
		if (k && (classes != s->classes || sigmoid != s->sigmoid))
			err = c5_fail(C5_EINPUT, "%s gives %d classes, %s gives %d: an ensemble's members must agree", members[0].name, s->classes, members[k].name,
				classes);
		s->classes = classes;
		s->sigmoid = sigmoid;
		if (input_count(&members[k].prepare) > s->input_most) s->input_most = input_count(&members[k].prepare);
	}
	if (err == C5_OK && (err = c5_alloc(&s->nets, n, sizeof *s->nets)) == C5_OK && (err = c5_alloc(&s->from, n, sizeof *s->from)) == C5_OK)
		err = c5_alloc(&s->lacks, n, sizeof *s->lacks);
	if (err == C5_OK) err = c5_alloc(&s->window, n, sizeof *s->window);
	while (err == C5_OK && (err = make_nets(s)) == C5_ENOMEM && s->batch > 1) {
		c5_log(C5_LOG_WARN, "%s: not enough memory for batches of %d, trying %d", c5_device_name(device), s->batch, s->batch / 2);
		s->batch /= 2;
		err = C5_OK;
	}
	size_t all = (size_t)s->batch;
	if (err == C5_OK && (err = c5_alloc_aligned(&s->inputs, all * s->input_most, sizeof *s->inputs)) == C5_OK &&
	    (err = c5_alloc_aligned(&s->split, all * s->input_most, sizeof *s->split)) == C5_OK)
		err = c5_alloc(&s->answers, all * (size_t)s->classes, sizeof *s->answers);
	if (err < 0) c5_scorer_close(s);
	else *out = s;
	return err;
}

void c5_scorer_close(c5_scorer *s)
{
	if (!s) return;
	free_nets(s);
	free(s->nets);
	free(s->from);
	free(s->lacks);
	free(s->window);
	free(s->middle);
	free(s->pixels[0]);
	free(s->pixels[1]);
	free(s->inputs);
	free(s->scratch);
	free(s->split);
	free(s->answers);
	free(s->turned);
	free(s->view);
	free(s);
}

int c5_scorer_views(c5_scorer *s, int views)
{
	int err = C5_OK;
	s->views = views < 1 ? 1 : views > C5_VIEWS_MOST ? C5_VIEWS_MOST : views;
	if (s->views > 1 && !s->turned && (err = c5_alloc_aligned(&s->turned, (size_t)s->batch * s->input_most, sizeof *s->turned)) == C5_OK)
		err = c5_alloc(&s->view, (size_t)s->batch * (size_t)s->classes, sizeof *s->view);
	return err;
}

void c5_scorer_quiet(c5_scorer *s, const uint8_t *quiet) { s->quiet = quiet; }

int c5_scorer_classes(const c5_scorer *s) { return s->classes; }
int c5_scorer_batch(const c5_scorer *s) { return s->batch; }

static size_t crop_bytes(const c5_scorer *s) { return (size_t)s->n_channels * (size_t)s->height * (size_t)s->width * c5_dtype_size(s->dtype); }

/* As c5_prepare_bind, but what is missing and may be takes channel 0 and is blanked. */
static int bind_member(c5_scorer *s, size_t k, const char *channels)
{
	const c5_member *m = &s->members[k];
	int there = 0;
	memset(s->lacks[k], 0, sizeof s->lacks[k]);
	int err = c5_prepare_bind(s->from[k], &m->prepare, channels);
	if (err == C5_OK) return C5_OK;
	if (err != C5_ENOTFOUND || !m->prepare.missing) return c5_fail_in(err, "%s", m->name);
	for (int c = 0; c < m->prepare.channels; c++) {
		const int at = c5_prepare_find(m->prepare.names[c], channels);
		s->lacks[k][c] = at < 0;
		s->from[k][c] = at < 0 ? 0 : at;
		there += at >= 0;
	}
	return there ? C5_OK : c5_fail(C5_ENOTFOUND, "%s: the crops have none of its channels, but %s", m->name, channels &&
		*channels ? channels : "none that are named");
}

int c5_scorer_bind(c5_scorer *s, const char *channels, int n_channels, int dtype, int height, int width)
{
	size_t each = 0;
	int err = C5_OK;
	for (size_t k = 0; k < s->n; k++) {
		size_t n = c5_prepare_scratch(&s->members[k].prepare, height, width);
		if (n > each) each = n;
		if ((err = bind_member(s, k, channels)) < 0) return err;
	}
	s->dtype = dtype, s->n_channels = n_channels, s->height = height, s->width = width;
	free(s->pixels[0]);
	free(s->pixels[1]);
	free(s->scratch);
	free(s->middle);
	s->pixels[0] = s->pixels[1] = s->middle = NULL;
	s->scratch = NULL;
	memset(s->window, 0, s->n * sizeof *s->window);
	s->scratch_each = each;
	for (int i = 0; err == C5_OK && i < 2; i++) err = c5_alloc_aligned(&s->pixels[i], (size_t)s->batch, crop_bytes(s));
	return err < 0 ? err : c5_alloc_aligned(&s->scratch, (size_t)c5_threads() * each, sizeof *s->scratch);
}

int c5_scorer_window(c5_scorer *s, size_t k, int height, int width)
{
	if (height > s->height || width > s->width)
		return c5_fail(C5_EINPUT, "%s is to be shown %dx%d px of crops of %dx%d", s->members[k].name, height, width, s->height, s->width);
	const bool whole = height < 1 || width < 1 || (height == s->height && width == s->width);
	s->window[k][0] = whole ? 0 : height;
	s->window[k][1] = whole ? 0 : width;
	return whole || s->middle ? C5_OK : c5_alloc_aligned(&s->middle, (size_t)c5_threads(), crop_bytes(s));
}

/* The middle of each channel of a crop, one behind the other. */
static void cut_middle(const c5_scorer *s, const int window[2], const uint8_t *crop, uint8_t *out)
{
	const size_t element = c5_dtype_size(s->dtype), h = (size_t)window[0], w = (size_t)window[1], height = (size_t)s->height, width = (size_t)s->width;
	const uint8_t *first = crop + ((height - h) / 2 * width + (width - w) / 2) * element;
	for (size_t c = 0; c < (size_t)s->n_channels; c++)
		for (size_t y = 0; y < h; y++, out += w * element) memcpy(out, first + (c * height + y) * width * element, w * element);
}

int c5_scorer_lacks(const c5_scorer *s, size_t member)
{
	int n = 0;
	for (int c = 0; c < s->members[member].prepare.channels; c++) n += s->lacks[member][c];
	return n;
}

int c5_scorer_prepare(c5_scorer *s, size_t member, const void *pixels, size_t n, float *inputs)
{
	const c5_prepare *p = &s->members[member].prepare;
	size_t count = input_count(p), plane = (size_t)p->height * (size_t)p->width;
	int failed = 0;
#pragma omp parallel for schedule(static) num_threads(c5_threads())
	for (size_t i = 0; i < n; i++) {
		float *to = inputs + i * count, *scratch = s->scratch + (size_t)omp_get_thread_num() * s->scratch_each;
		const uint8_t *crop = (const uint8_t *)pixels + i * crop_bytes(s);
		int h = s->height, w = s->width;
		if (s->window[member][0]) {
			uint8_t *middle = (uint8_t *)s->middle + (size_t)omp_get_thread_num() * crop_bytes(s);
			cut_middle(s, s->window[member], crop, middle);
			crop = middle, h = s->window[member][0], w = s->window[member][1];
		}
		int err = c5_prepare_apply(p, s->from[member], s->dtype, crop, h, w, to, scratch);
		if (err < 0) {
#pragma omp atomic write
			failed = err;
		}
		for (int c = 0; c < p->channels; c++)
			if (s->lacks[member][c]) memset(to + (size_t)c * plane, 0, plane * sizeof *to);
	}
	return failed ? c5_fail(failed, "%s: the crops cannot be prepared", s->members[member].name) : C5_OK;
}

const c5_member *c5_scorer_member(const c5_scorer *s, size_t k) { return &s->members[k]; }
size_t c5_scorer_members(const c5_scorer *s) { return s->n; }

int c5_member_input(const c5_member *member, c5_net *net, const float *inputs, size_t n, float *split)
{
	const c5_model *m = member->model;
	size_t count = input_count(&member->prepare), at = 0;
	int input = 0, err = C5_OK;
	for (int i = 0; err == C5_OK && i < m->n_layers; i++) {
		const c5_layer *l = &m->layers[i];
		if (l->kind != C5_LAYER_INPUT) continue;
		size_t part = (size_t)l->shape[0] * (size_t)l->shape[1] * (size_t)l->shape[2];
		const float *data = inputs;
		if (part != count) { /* one of several: its channels gathered */
			for (size_t q = 0; q < n; q++) memcpy(split + q * part, inputs + q * count + at, part * sizeof *data);
			data = split;
		}
		err = c5_net_input(net, input++, data, (int)n);
		at += part;
	}
	return err;
}

static int answer(c5_scorer *s, size_t k, size_t n, float *prob)
{
	size_t classes = (size_t)s->classes;
	int err = c5_net_output(s->nets[k], 0, s->answers, (int)n);
	if (err < 0) return err;
	for (size_t i = 0; i < n; i++)
		for (size_t c = 0; c < classes; c++)
			prob[i * classes + c] = !s->sigmoid ? s->answers[i * classes + c] : c ? s->answers[i] : 1 - s->answers[i];
	return C5_OK;
}

static void calibrate(const c5_scorer *s, size_t k, size_t n, float *prob)
{
	c5_temperature_apply(prob, n, (size_t)s->classes, s->members[k].temperature > 0 ? s->members[k].temperature : 1);
}

int c5_scorer_answer(c5_scorer *s, size_t k, const float *inputs, size_t n, float *prob)
{
	if (n > (size_t)s->batch) return c5_fail(C5_EFAIL, "%zu crops are more than a batch of %d", n, s->batch);
	int err = c5_member_input(&s->members[k], s->nets[k], inputs, n, s->split);
	if (err == C5_OK) err = c5_net_forward(s->nets[k], 0, 0);
	if (err == C5_OK && (err = answer(s, k, n, prob)) == C5_OK) calibrate(s, k, n, prob);
	return err;
}

static int views_of(const c5_scorer *s, size_t k)
{
	const c5_prepare *p = &s->members[k].prepare;
	return p->height == p->width || s->views <= 4 ? s->views : 4;
}

/* View v of n prepared crops: bit 0 left-right, bit 1 up-down, bit 2 transposed first. */
static void turn(const c5_scorer *s, size_t k, int v, size_t n)
{
	const c5_prepare *p = &s->members[k].prepare;
	size_t h = (size_t)p->height, w = (size_t)p->width, planes = n * (size_t)p->channels;
#pragma omp parallel for schedule(static) num_threads(c5_threads())
	for (size_t q = 0; q < planes; q++) {
		const float *in = s->inputs + q * h * w;
		float *out = s->turned + q * h * w;
		for (size_t y = 0; y < h; y++)
			for (size_t x = 0; x < w; x++) {
				size_t a = v & 2 ? h - 1 - y : y, b = v & 1 ? w - 1 - x : x;
				out[y * w + x] = v & 4 ? in[b * w + a] : in[a * w + b];
			}
	}
}

/* Two members that take the same, prepared alike, share the work. */
static bool same_inputs(const c5_scorer *s, size_t a, size_t b)
{
	return memcmp(&s->members[a].prepare, &s->members[b].prepare, sizeof(c5_prepare)) == 0 && memcmp(s->lacks[a], s->lacks[b], sizeof *s->lacks) == 0 &&
		memcmp(s->window[a], s->window[b], sizeof *s->window) == 0;
}

/* What a member says of the crops that lie prepared: the mean over its views. The first pass is begun already. */
static int ask(c5_scorer *s, size_t k, size_t n, float *prob)
{
	const size_t all = n * (size_t)s->classes;
	const int views = views_of(s, k);
	int err = answer(s, k, n, prob);
	for (int v = 1; err == C5_OK && v < views; v++) {
		turn(s, k, v, n);
		if ((err = c5_member_input(&s->members[k], s->nets[k], s->turned, n, s->split)) < 0 || (err = c5_net_forward(s->nets[k], 0, 0)) < 0 ||
		    (err = answer(s, k, n, s->view)) < 0)
			break;
		for (size_t i = 0; i < all; i++) prob[i] += s->view[i];
	}
	for (size_t i = 0; err == C5_OK && views > 1 && i < all; i++) prob[i] /= (float)views;
	if (err == C5_OK) calibrate(s, k, n, prob);
	return err;
}

int c5_scorer_run(c5_scorer *s, uint64_t first, uint64_t n, c5_scorer_read *read, c5_scorer_poll *poll, void *ctx, float *prob)
{
	const size_t batch = (size_t)s->batch, classes = (size_t)s->classes;
	size_t here = n < batch ? (size_t)n : batch, next = 0;
	int err = n ? read(ctx, first, here, s->pixels[0]) : C5_OK;
	if (err == C5_OK && first % batch)
		return c5_fail(C5_EFAIL, "crops are scored in batches of %zu, crop %llu begins none", batch, (unsigned long long)first);
	for (uint64_t at = 0, turn = 0; err == C5_OK && at < n; at += here, here = next, turn++) {
		if (poll && (err = poll(ctx)) < 0) break;
		next = n - at - here < batch ? (size_t)(n - at - here) : batch;
		size_t last = s->n; /* the member whose inputs lie prepared; s->n: none */
		for (size_t k = 0; err == C5_OK && k < s->n; k++) {
			if (s->quiet && s->quiet[k]) continue;
			const bool first_asked = last == s->n;
			if ((first_asked || !same_inputs(s, k, last)) && (err = c5_scorer_prepare(s, k, s->pixels[turn % 2], here, s->inputs)) < 0) break;
			last = k;
			if ((err = c5_member_input(&s->members[k], s->nets[k], s->inputs, here, s->split)) < 0 || (err = c5_net_forward(s->nets[k], 0, 0)) < 0) break;
			/* The device may still be at work: the next crops are read meanwhile. */
			if (first_asked && next && (err = read(ctx, first + at + here, next, s->pixels[(turn + 1) % 2])) < 0) break;
			err = ask(s, k, here, prob + (k * n + at) * classes);
		}
		if (err == C5_OK && next && last == s->n) err = read(ctx, first + at + here, next, s->pixels[(turn + 1) % 2]); /* nobody was asked */
	}
	return err;
}
