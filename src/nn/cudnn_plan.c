/* cudnn_plan.c – convolutions by cuDNN's graph API: one operation, the engines its heuristics name in their order, and the first of them that serves.
 *
 * Engines are chosen by shape alone, not timed, for every rank must sum in the same order; where C5_CUDNN_TUNE asks for it the first few that serve
 * are timed, and the fastest is taken: bits may then differ from start to start. Left out are those that sum in no fixed order, and for float32
 * those that compute with less (TF32). cuDNN takes different padding before and after, so TensorFlow's "same" needs no copy. */
#include <string.h>

#include "base/error.h"
#include "nn/cuda.h"

typedef cudnnBackendDescriptor_t desc_t;

enum { BIG = 1, FILTER, SMALL }; /* unique ids of the tensors */

/* Everything made on the way to a plan. */
typedef struct making {
	c5_cu *d;
	const c5_k_conv *g;
	cudnnDataType_t type;
	int pass;
	desc_t big, filter, small, conv, op, graph;
	cudnnStatus_t s;                 /* of the first call that failed */
} making;

static desc_t new_desc(making *m, cudnnBackendDescriptorType_t type)
{
	desc_t made = NULL;
	if (m->s == CUDNN_STATUS_SUCCESS) m->s = cudnnBackendCreateDescriptor(type, &made);
	return m->s == CUDNN_STATUS_SUCCESS ? made : NULL;
}

static void set(making *m, desc_t to, cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, int64_t n, const void *values)
{
	if (m->s == CUDNN_STATUS_SUCCESS) m->s = cudnnBackendSetAttribute(to, name, type, n, values);
}

static void finish(making *m, desc_t what)
{
	if (m->s == CUDNN_STATUS_SUCCESS) m->s = cudnnBackendFinalize(what);
}

static void drop(desc_t *what)
{
	if (*what) cudnnBackendDestroyDescriptor(*what);
	*what = NULL;
}

/* Dims (n, c, h, w), channels last in memory. */
static desc_t tensor(making *m, int64_t id, int64_t n, int64_t c, int64_t h, int64_t w)
{
	desc_t t = new_desc(m, CUDNN_BACKEND_TENSOR_DESCRIPTOR);
	int64_t dims[4] = { n, c, h, w }, strides[4] = { c * h * w, 1, c * w, c }, align = 16;
	set(m, t, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &m->type);
	set(m, t, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, dims);
	set(m, t, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 4, strides);
	set(m, t, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1, &id);
	set(m, t, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, 1, &align);
	finish(m, t);
	return t;
}

static void make_conv(making *m)
{
	const c5_k_conv *g = m->g;
	cudnnDataType_t compute = CUDNN_DATA_FLOAT;
	cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
	int64_t axes = 2, before[2], after[2], stride[2], dilation[2];
	for (int i = 0; i < 2; i++) {
		before[i] = g->before[i];
		after[i] = g->after[i] > 0 ? g->after[i] : 0; /* pixels that no window reaches need not be cut off */
		stride[i] = g->stride[i];
		dilation[i] = g->dilation[i];
	}
	m->conv = new_desc(m, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
	set(m, m->conv, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &compute);
	set(m, m->conv, CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode);
	set(m, m->conv, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64, 1, &axes);
	set(m, m->conv, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_TYPE_INT64, 2, before);
	set(m, m->conv, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, CUDNN_TYPE_INT64, 2, after);
	set(m, m->conv, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_TYPE_INT64, 2, stride);
	set(m, m->conv, CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_TYPE_INT64, 2, dilation);
	finish(m, m->conv);
}

static void make_operation(making *m)
{
	static const struct { cudnnBackendDescriptorType_t kind; cudnnBackendAttributeName_t conv, alpha, beta, big, filter, small; } rows[] = {
		[C5_CONV_FORWARD] = { CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
			CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
			CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y },
		[C5_CONV_DATA] = { CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
			CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
			CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY },
		[C5_CONV_WEIGHTS] = { CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
			CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
			CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY },
	};
	float alpha = 1, beta = 0;
	cudnnHandle_t handle = m->d->cudnn;
	const c5_k_conv *g = m->g;
	m->big = tensor(m, BIG, g->items, g->channels, g->height, g->width);
	m->filter = tensor(m, FILTER, g->filters, g->channels / g->groups, g->kernel[0], g->kernel[1]);
	m->small = tensor(m, SMALL, g->items, g->filters, g->out_height, g->out_width);
	make_conv(m);
	m->op = new_desc(m, rows[m->pass].kind);
	set(m, m->op, rows[m->pass].conv, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &m->conv);
	set(m, m->op, rows[m->pass].big, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &m->big);
	set(m, m->op, rows[m->pass].filter, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &m->filter);
	set(m, m->op, rows[m->pass].small, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &m->small);
	set(m, m->op, rows[m->pass].alpha, CUDNN_TYPE_FLOAT, 1, &alpha);
	set(m, m->op, rows[m->pass].beta, CUDNN_TYPE_FLOAT, 1, &beta);
	finish(m, m->op);
	m->graph = new_desc(m, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
	set(m, m->graph, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, &handle);
	set(m, m->graph, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &m->op);
	finish(m, m->graph);
}

/* Whether an engine is exact and repeatable enough. */
static bool allowed(const making *m, desc_t config)
{
	cudnnBackendNumericalNote_t notes[CUDNN_NUMERICAL_NOTE_TYPE_COUNT];
	desc_t engine = NULL;
	int64_t n = 0;
	bool good = cudnnBackendCreateDescriptor(CUDNN_BACKEND_ENGINE_DESCRIPTOR, &engine) == CUDNN_STATUS_SUCCESS &&
		cudnnBackendGetAttribute(config, CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &n, &engine) == CUDNN_STATUS_SUCCESS &&
		cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE, CUDNN_NUMERICAL_NOTE_TYPE_COUNT, &n,
		notes) == CUDNN_STATUS_SUCCESS;
	for (int64_t i = 0; i < n && i < CUDNN_NUMERICAL_NOTE_TYPE_COUNT && good; i++) {
		switch (notes[i]) {
		case CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC: case CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION: case CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_6x6:
		case CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13:
			good = false;
			break;
		case CUDNN_NUMERICAL_NOTE_TENSOR_CORE: case CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS:
			good = m->type != CUDNN_DATA_FLOAT;
			break;
		default: break;
		}
	}
	drop(&engine);
	return good;
}

/* A plan of an engine's configuration, if it serves here. */
static bool try_config(making *m, desc_t config, c5_cu_plan *p)
{
	cudnnHandle_t handle = m->d->cudnn;
	desc_t plan = NULL;
	int64_t bytes = 0, n = 0;
	bool good = allowed(m, config) && cudnnBackendCreateDescriptor(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, &plan) == CUDNN_STATUS_SUCCESS &&
		cudnnBackendSetAttribute(plan, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1, &handle) == CUDNN_STATUS_SUCCESS &&
		cudnnBackendSetAttribute(plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &config) == CUDNN_STATUS_SUCCESS &&
		cudnnBackendFinalize(plan) == CUDNN_STATUS_SUCCESS &&
		cudnnBackendGetAttribute(plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1, &n, &bytes) == CUDNN_STATUS_SUCCESS &&
		bytes >= 0 && (size_t)bytes <= m->d->workspace_most;
	if (!good) {
		drop(&plan);
		return false;
	}
	*p = (c5_cu_plan){ .plan = plan, .workspace = (size_t)bytes };
	return true;
}

#define TUNED 8  /* plans timed */
#define TIMES 5  /* runs timed at once, after one that is not */

/* Milliseconds of a plan; negative if it does not run. */
static float time_plan(making *m, c5_cu_plan *p, void *const at[3], void *space, cudaEvent_t from, cudaEvent_t to)
{
	float ms = -1;
	cudaStream_t s = m->d->stream;
	bool good = c5_cu_plan_run(m->d, p, at[0], at[1], at[2], space) == C5_OK && cudaEventRecord(from, s) == cudaSuccess;
	for (int i = 0; i < TIMES && good; i++) good = c5_cu_plan_run(m->d, p, at[0], at[1], at[2], space) == C5_OK;
	good = good && cudaEventRecord(to, s) == cudaSuccess && cudaEventSynchronize(to) == cudaSuccess &&
		cudaEventElapsedTime(&ms, from, to) == cudaSuccess;
	return good ? ms : -1;
}

/* Which of n plans is the fastest on arrays of zeros; the first, where there is no memory for these. */
static int fastest(making *m, c5_cu_plan *plans, int n)
{
	const c5_k_conv *g = m->g;
	size_t each = m->type == CUDNN_DATA_FLOAT ? 4 : 2, most = 1, bytes[4] = {
		(size_t)(g->items * g->height * g->width * g->channels) * each,
		(size_t)(g->filters * g->kernel[0] * g->kernel[1] * (g->channels / g->groups)) * each,
		(size_t)(g->items * g->out_height * g->out_width * g->filters) * each };
	void *at[4] = { NULL };
	cudaEvent_t from = NULL, to = NULL;
	int best = 0;
	float least = -1;
	for (int i = 0; i < n; i++) most = plans[i].workspace > most ? plans[i].workspace : most;
	bytes[3] = most;
	bool good = cudaEventCreateWithFlags(&from, 0) == cudaSuccess && cudaEventCreateWithFlags(&to, 0) == cudaSuccess;
	for (int i = 0; i < 4 && good; i++)
		good = cudaMalloc(&at[i], bytes[i]) == cudaSuccess && cudaMemsetAsync(at[i], 0, bytes[i], m->d->stream) == cudaSuccess;
	for (int i = 0; i < n && good; i++) {
		float ms = time_plan(m, &plans[i], at, at[3], from, to);
		if (ms < 0 || (least >= 0 && ms >= least)) continue;
		least = ms;
		best = i;
	}
	cudaStreamSynchronize(m->d->stream);
	for (int i = 0; i < 4; i++) cudaFree(at[i]);
	if (from) cudaEventDestroy(from);
	if (to) cudaEventDestroy(to);
	(void)cudaGetLastError();
	c5_error_clear();
	return best;
}

#define CONFIGS 96 /* for float32 the fast ones, which round, come first */

/* Engines as one of the heuristics orders them. */
static void ask(making *m, cudnnBackendHeurMode_t mode, c5_cu_plan *p)
{
	desc_t heuristic = new_desc(m, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR), configs[CONFIGS] = { NULL };
	int64_t n = 0, made = 0;
	set(m, heuristic, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &m->graph);
	set(m, heuristic, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode);
	finish(m, heuristic);
	while (made < CONFIGS && (configs[made] = new_desc(m, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR))) made++;
	if (m->s == CUDNN_STATUS_SUCCESS)
		m->s = cudnnBackendGetAttribute(heuristic, CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, made, &n, configs);
	c5_cu_plan plans[TUNED];
	int found = 0, wanted = m->d->tune ? TUNED : 1;
	for (int64_t i = 0; i < n && i < made && found < wanted && m->s == CUDNN_STATUS_SUCCESS; i++) found += try_config(m, configs[i], &plans[found]);
	int best = found > 1 ? fastest(m, plans, found) : 0;
	for (int i = 0; i < found; i++) {
		if (i == best) *p = plans[i];
		else c5_cu_plan_free(&plans[i]);
	}
	for (int64_t i = 0; i < made; i++) drop(&configs[i]);
	drop(&heuristic);
}

int c5_cu_plan_make(c5_cu *d, c5_cu_plan *p, int pass, const c5_k_conv *g, int type)
{
	static const cudnnBackendHeurMode_t modes[] = { CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK };
	making m = { .d = d, .g = g, .pass = pass, .type = type == C5_TYPE_BF16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT, .s = CUDNN_STATUS_SUCCESS };
	*p = (c5_cu_plan){ .plan = NULL };
	make_operation(&m);
	for (size_t i = 0; i < sizeof modes / sizeof *modes && m.graph && !p->plan; i++) {
		if (i) m.s = CUDNN_STATUS_SUCCESS; /* one kind of heuristics may not know the shape */
		ask(&m, modes[i], p);
	}
	desc_t *made[] = { &m.graph, &m.op, &m.conv, &m.big, &m.filter, &m.small };
	for (size_t i = 0; i < sizeof made / sizeof *made; i++) drop(made[i]);
	(void)cudaGetLastError(); /* of engines that did not serve */
	return C5_OK; /* without a plan the caller computes by itself */
}

int c5_cu_plan_run(c5_cu *d, c5_cu_plan *p, void *big, void *filter, void *small, void *workspace)
{
	void *at[3] = { big, filter, small };
	int64_t ids[3] = { BIG, FILTER, SMALL };
	making m = { .d = d, .s = CUDNN_STATUS_SUCCESS };
	if (!p->pack || memcmp(at, p->at, sizeof at) != 0 || p->space != workspace) { /* addresses stay for the life of a net: once */
		drop(&p->pack);
		desc_t pack = new_desc(&m, CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
		set(&m, pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, 3, at);
		set(&m, pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, 3, ids);
		set(&m, pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &workspace);
		finish(&m, pack);
		p->pack = pack;
		memcpy(p->at, at, sizeof at);
		p->space = workspace;
	}
	if (m.s == CUDNN_STATUS_SUCCESS) m.s = cudnnBackendExecute(d->cudnn, p->plan, p->pack);
	if (m.s == CUDNN_STATUS_SUCCESS) return C5_OK;
	drop(&p->pack);
	return c5_fail(C5_EFAIL, "cuDNN: a convolution: %s", cudnnGetErrorString(m.s));
}

void c5_cu_plan_free(c5_cu_plan *p)
{
	drop(&p->pack);
	drop(&p->plan);
}
