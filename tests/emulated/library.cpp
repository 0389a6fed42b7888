/* library.cpp – see cudnn.h. Descriptors are bags of attributes; a plan computes its convolution by the definition, from the strides it was given, in
 * double. Offers four engines: one that sums in no fixed order, one that rounds, and two that serve, the second in less time: the first two compute
 * nonsense, so choosing them shows. */
#include "cudnn.h"

#include <stdlib.h>
#include <string.h>

#include <map>
#include <vector>

#include "emulate.h"

int c5_emulated_engines = 1, c5_emulated_engines_record = 1, c5_emulated_engine;

struct cudnnContext { cudaStream_t stream; };

struct bag {
	int kind;
	bool finished = false;
	std::map<int, std::vector<char>> values;
	int engine = 0;          /* of a configuration or an engine */
	bag *graph = NULL;       /* of a configuration */
};

static std::vector<bag *> kept; /* what finished descriptors refer to, freed with the process */

static size_t size_of(int type)
{
	switch (type) {
	case CUDNN_TYPE_INT64: return 8;
	case CUDNN_TYPE_FLOAT: case CUDNN_TYPE_DATA_TYPE: case CUDNN_TYPE_CONVOLUTION_MODE: case CUDNN_TYPE_HEUR_MODE: return 4;
	default: return sizeof(void *);
	}
}

template <class T> static std::vector<T> list(const bag *b, int name)
{
	auto found = b->values.find(name);
	if (found == b->values.end()) return {};
	const T *p = (const T *)found->second.data();
	return std::vector<T>(p, p + found->second.size() / sizeof(T));
}

static bag *child(const bag *b, int name)
{
	auto found = list<bag *>(b, name);
	return found.empty() ? NULL : found[0];
}

/* A copy that outlives the original; what it refers to are such copies already. */
static bag *keep(const bag *b)
{
	kept.push_back(new bag(*b));
	return kept.back();
}

static bool has(const bag *b, std::initializer_list<int> names)
{
	for (int name : names)
		if (!b->values.count(name)) return false;
	return true;
}

/* What a descriptor must have before it is finished. */
static bool complete(const bag *b)
{
	switch (b->kind) {
	case CUDNN_BACKEND_TENSOR_DESCRIPTOR:
		return has(b, { CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_ATTR_TENSOR_UNIQUE_ID,
			CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT });
	case CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR:
		return has(b, { CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_ATTR_CONVOLUTION_DILATIONS,
			CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS,
			CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS });
	case CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR: return has(b, { 700, 701, 702, 703, 704, 705 });
	case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR: return has(b, { 706, 707, 708, 709, 710, 711 });
	case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR: return has(b, { 712, 713, 714, 715, 716, 717 });
	case CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR: return has(b, { CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_ATTR_OPERATIONGRAPH_OPS });
	case CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR: return has(b, { CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH });
	case CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR: return has(b, { CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG });
	case CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR: return has(b, { CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS,
		CUDNN_ATTR_VARIANT_PACK_WORKSPACE });
	default: return true;
	}
}

/* ---- the computation ---- */

struct tensor { int type; std::vector<int64_t> dims, strides; void *at; };

static double number(const tensor &t, int64_t a, int64_t b, int64_t c, int64_t d)
{
	int64_t i = a * t.strides[0] + b * t.strides[1] + c * t.strides[2] + d * t.strides[3];
	if (t.type == CUDNN_DATA_FLOAT) return (double)((const float *)t.at)[i];
	uint32_t u = (uint32_t)((const uint16_t *)t.at)[i] << 16;
	float f;
	memcpy(&f, &u, 4);
	return (double)f;
}

static void store(const tensor &t, int64_t a, int64_t b, int64_t c, int64_t d, double value)
{
	int64_t i = a * t.strides[0] + b * t.strides[1] + c * t.strides[2] + d * t.strides[3];
	float f = (float)value;
	uint32_t u;
	memcpy(&u, &f, 4);
	if (t.type == CUDNN_DATA_FLOAT) ((float *)t.at)[i] = f;
	else ((uint16_t *)t.at)[i] = (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

static tensor tensor_of(const bag *op, int name, const bag *pack)
{
	const bag *t = child(op, name);
	tensor made = { list<int>(t, CUDNN_ATTR_TENSOR_DATA_TYPE)[0], list<int64_t>(t, CUDNN_ATTR_TENSOR_DIMENSIONS),
		list<int64_t>(t, CUDNN_ATTR_TENSOR_STRIDES), NULL };
	int64_t id = list<int64_t>(t, CUDNN_ATTR_TENSOR_UNIQUE_ID)[0];
	auto ids = list<int64_t>(pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
	auto at = list<void *>(pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS);
	for (size_t i = 0; i < ids.size(); i++)
		if (ids[i] == id) made.at = at[i];
	return made;
}

/* Every product of the convolution, in the order that `what` sums in: big (n, c), filter (k, c of the group), small (n, k). */
static void convolve(int kind, const bag *conv, const tensor &big, const tensor &filter, const tensor &small)
{
	auto stride = list<int64_t>(conv, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES), dilation = list<int64_t>(conv, CUDNN_ATTR_CONVOLUTION_DILATIONS),
		before = list<int64_t>(conv, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS);
	int64_t each = filter.dims[1], many = filter.dims[0] / (big.dims[1] / each);
	const tensor &to = kind == 0 ? small : kind == 1 ? big : filter;
	std::vector<double> sum((size_t)(to.dims[0] * to.dims[1] * to.dims[2] * to.dims[3]));
	auto place = [&](int64_t a, int64_t b, int64_t c, int64_t d) -> double & { return sum[(size_t)(((a * to.dims[1] + b) * to.dims[2] + c) * to.dims[3] +
		d)]; };
	for (int64_t n = 0; n < small.dims[0]; n++)
		for (int64_t k = 0; k < small.dims[1]; k++)
			for (int64_t y = 0; y < small.dims[2]; y++)
				for (int64_t x = 0; x < small.dims[3]; x++)
					for (int64_t c = 0; c < each; c++)
						for (int64_t u = 0; u < filter.dims[2]; u++)
							for (int64_t v = 0; v < filter.dims[3]; v++) {
								int64_t yy = y * stride[0] + u * dilation[0] - before[0], xx = x * stride[1] + v * dilation[1] - before[1], from = k / many * each + c;
								if (yy < 0 || yy >= big.dims[2] || xx < 0 || xx >= big.dims[3]) continue;
								if (kind == 0) place(n, k, y, x) += number(filter, k, c, u, v) * number(big, n, from, yy, xx);
								else if (kind == 1) place(n, from, yy, xx) += number(filter, k, c, u, v) * number(small, n, k, y, x);
								else place(k, c, u, v) += number(small, n, k, y, x) * number(big, n, from, yy, xx);
							}
	for (int64_t a = 0; a < to.dims[0]; a++)
		for (int64_t b = 0; b < to.dims[1]; b++)
			for (int64_t c = 0; c < to.dims[2]; c++)
				for (int64_t d = 0; d < to.dims[3]; d++) store(to, a, b, c, d, place(a, b, c, d));
}

/* Whether the sizes agree, as the library checks them. */
static bool shapes_agree(const bag *op, int conv_name, int big_name, int filter_name, int small_name)
{
	const bag *conv = child(op, conv_name);
	auto big = list<int64_t>(child(op, big_name), CUDNN_ATTR_TENSOR_DIMENSIONS),
		filter = list<int64_t>(child(op, filter_name), CUDNN_ATTR_TENSOR_DIMENSIONS),
		small = list<int64_t>(child(op, small_name), CUDNN_ATTR_TENSOR_DIMENSIONS);
	auto stride = list<int64_t>(conv, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES), dilation = list<int64_t>(conv, CUDNN_ATTR_CONVOLUTION_DILATIONS),
		before = list<int64_t>(conv, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS), after = list<int64_t>(conv, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS);
	if (big[0] != small[0] || filter[0] != small[1] || big[1] % filter[1]) return false;
	for (size_t i = 0; i < 2; i++) {
		if (before[i] < 0 || after[i] < 0) return false;
		if ((big[2 + i] + before[i] + after[i] - ((filter[2 + i] - 1) * dilation[i] + 1)) / stride[i] + 1 != small[2 + i]) return false;
	}
	return true;
}

static const struct { int kind, conv, big, filter, small; } operations[] = {
	{ CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR, 702, 704, 703, 705 },
	{ CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR, 708, 710, 709, 711 },
	{ CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR, 714, 716, 715, 717 },
};

#define WORKSPACE 512 /* bytes a plan says it wants, and writes over */

static void execute(const bag *config, const bag *pack)
{
	const bag *op = child(config->graph, CUDNN_ATTR_OPERATIONGRAPH_OPS);
	memset(list<void *>(pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE)[0], 0x5a, WORKSPACE);
	c5_emulated_engine = config->engine;
	c5_emulated_ms += (float)(10 - config->engine);
	for (int i = 0; i < 3; i++) {
		if (operations[i].kind != op->kind) continue;
		tensor big = tensor_of(op, operations[i].big, pack), filter = tensor_of(op, operations[i].filter, pack),
			small = tensor_of(op, operations[i].small, pack);
		convolve(i, child(op, operations[i].conv), big, filter, small);
		if (config->engine >= 2) continue;
		const tensor &to = i == 0 ? small : i == 1 ? big : filter; /* an engine nobody should have taken */
		store(to, 0, 0, 0, 0, 1e6);
	}
}

extern "C" {

cudnnStatus_t cudnnCreate(cudnnHandle_t *handle)
{
	*handle = new cudnnContext();
	return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnDestroy(cudnnHandle_t handle)
{
	delete handle;
	for (bag *b : kept) delete b;
	kept.clear();
	return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t s)
{
	handle->stream = s;
	return CUDNN_STATUS_SUCCESS;
}

size_t cudnnGetVersion(void) { return 0; }
const char *cudnnGetErrorString(cudnnStatus_t s) { return s == CUDNN_STATUS_BAD_PARAM ? "bad parameter" : "not supported"; }

cudnnStatus_t cudnnBackendCreateDescriptor(cudnnBackendDescriptorType_t type, cudnnBackendDescriptor_t *d)
{
	bag *made = new bag;
	made->kind = type;
	*d = made;
	return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendDestroyDescriptor(cudnnBackendDescriptor_t d)
{
	delete (bag *)d;
	return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendSetAttribute(cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, int64_t n,
	const void *values)
{
	bag *b = (bag *)d;
	if (!b || b->finished || n < 1 || !values) return CUDNN_STATUS_BAD_PARAM;
	b->values[name].assign((const char *)values, (const char *)values + (size_t)n * size_of(type));
	if (type != CUDNN_TYPE_BACKEND_DESCRIPTOR) return CUDNN_STATUS_SUCCESS;
	bag **of = (bag **)b->values[name].data();
	if (n != 1 || !*of || !(*of)->finished) return CUDNN_STATUS_BAD_PARAM;
	*of = keep(*of);
	return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendFinalize(cudnnBackendDescriptor_t d)
{
	bag *b = (bag *)d;
	if (!b || b->finished || !complete(b)) return CUDNN_STATUS_BAD_PARAM;
	for (auto &o : operations)
		if (o.kind == b->kind && !shapes_agree(b, o.conv, o.big, o.filter, o.small)) return CUDNN_STATUS_BAD_PARAM;
	b->finished = true;
	return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendGetAttribute(cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t, int64_t wanted,
	int64_t *n, void *values)
{
	bag *b = (bag *)d;
	if (!b || wanted < 1) return CUDNN_STATUS_BAD_PARAM;
	if (name == CUDNN_ATTR_ENGINEHEUR_RESULTS) {
		if (!b->finished) return CUDNN_STATUS_BAD_PARAM;
		*n = c5_emulated_engines ? 4 : 0;
		for (int64_t i = 0; i < *n && i < wanted; i++) {
			bag *config = ((bag **)values)[i];
			config->engine = (int)i;
			config->graph = keep(child(b, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH));
			config->finished = true;
		}
		return CUDNN_STATUS_SUCCESS;
	}
	if (name == CUDNN_ATTR_ENGINECFG_ENGINE) {
		(*(bag **)values)->engine = b->engine;
		*n = 1;
		return CUDNN_STATUS_SUCCESS;
	}
	if (name == CUDNN_ATTR_ENGINE_NUMERICAL_NOTE) {
		static const cudnnBackendNumericalNote_t notes[] = { CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC, CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION };
		*n = b->engine < 2;
		if (*n) *(cudnnBackendNumericalNote_t *)values = notes[b->engine];
		return CUDNN_STATUS_SUCCESS;
	}
	if (name == CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE) {
		*(int64_t *)values = WORKSPACE;
		*n = 1;
		return b->finished ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_BAD_PARAM;
	}
	return CUDNN_STATUS_NOT_SUPPORTED;
}

cudnnStatus_t cudnnBackendExecute(cudnnHandle_t handle, cudnnBackendDescriptor_t plan, cudnnBackendDescriptor_t pack)
{
	const bag *p = (const bag *)plan, *with = (const bag *)pack;
	if (!p || !with || !p->finished || !with->finished) return CUDNN_STATUS_BAD_PARAM;
	if (!c5_emulated_engines_record && c5_emulated_capturing(handle->stream)) return CUDNN_STATUS_NOT_SUPPORTED;
	bag *config = keep(child(p, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG)), *copy = keep(with);
	c5_emulated_do(handle->stream, [=]() { execute(config, copy); });
	return CUDNN_STATUS_SUCCESS;
}

}
